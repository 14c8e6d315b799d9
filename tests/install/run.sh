#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the library into a new folder, moves that folder, and uses it as its users do: by
# find_package, by pkg-config, in C and every C++, from Python, header by header, and by the
# installed program.
#   run.sh BUILD_FOLDER CMAKE CXX VERSION
# shellcheck source=tests/install/plant.sh
. "$(dirname "$0")/plant.sh"
examples=$root/installed/share/doc/libidl-cuda/examples

step "install, and move what was installed"
"$cmake" --install "$build" --prefix "$root/first" >/dev/null
mv "$root/first" "$root/installed"
if grep -rlF -e "$build" -e "$root/first" "$root/installed"; then
  fail "the installed files above name the folder of the build or of the first installation"
fi
package=$(find "$root/installed" -name idl_cuda.pc)
library=$(find "$root/installed" -name 'libidl_cuda.*' -not -name '*.pc' -print -quit)
libraries=$(dirname "$library")
shared=$libraries/libidl_cuda.so

if [[ -e $shared ]]; then
  step "soname and exported symbols"
  "$here/symbols.sh" "$shared" "$root/installed/include" "$version"
fi

step "no name of the inside in the headers"
headers=$(find "$root/installed" -path '*/include/idl')
if grep -rnE 'kernels/|host/|\b(Backend|Primitive|Program)\b|solver::|[Ff]or the library itself' "$headers" >&2; then
  fail "the headers above tell users of what they cannot reach"
fi
# CUDA's stream, and detail::Inside, by which the library reaches behind all of its classes.
while read -r name; do
  grep -rqE "^(class|struct) (\[\[nodiscard\]\] )?(IDL_EXPORT )?$name \{" "$headers" ||
    fail "no header defines $name, which one declares"
done < <(grep -rhoE '^(class|struct) [A-Za-z_]+;' "$headers" | sed -E 's/.* (.*);/\1/' |
  grep -vxE 'CUstream_st|Inside')

step "no run path but that from the program to the library"
run_paths() { readelf -dW "$1" | grep -E 'R(UN)?PATH'; }
if [[ -e $shared ]] && run_paths "$shared" >&2; then
  fail "$shared looks for libraries in the folders above"
fi
pictures=$libraries/libidl_pictures.so
# shellcheck disable=SC2016 # the loader's variable
if [[ -e $pictures ]] && run_paths "$pictures" | grep -vF '[$ORIGIN]' >&2; then
  fail "$pictures looks for libraries in the folders above"
fi
program=$root/installed/bin/idl
# shellcheck disable=SC2016 # the loader's variable
if [[ -x $program ]] && run_paths "$program" | grep -vF '[$ORIGIN/../' >&2; then
  fail "$program looks for libraries in the folders above"
fi

step "C, by CMake and by pkg-config"
use_in_c "$root/installed"

step "a user's CMake project, and each header by itself"
"$cmake" -S "$here/consumer" -B "$root/by-cmake" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_PREFIX_PATH="$root/installed" -DCMAKE_BUILD_TYPE=Release >/dev/null
# -fsyntax-only leaves no object behind; that is no failure.
"$cmake" --build "$root/by-cmake" >"$root/build.log" 2>&1 || {
  cat "$root/build.log" >&2
  fail "the user's project does not build"
}
for program in consumer everything; do
  "$root/by-cmake/$program"
done
if [[ -x $root/installed/bin/idl ]]; then
  step "a user's program that draws"
  (cd "$root" && by-cmake/pictures)
fi

step "pkg-config, with C++20 and C++23, by every compiler here"
PKG_CONFIG_PATH=$(dirname "$package")
export PKG_CONFIG_PATH
[[ $(pkg-config --modversion idl_cuda) == "$version" ]] || fail "idl_cuda.pc has another version"
flags=()
eval "flags+=($(pkg-config --cflags --libs idl_cuda))"
for compiler in "$cxx" clang++; do
  command -v "$compiler" >/dev/null || continue
  for standard in c++20 gnu++20 c++2b; do
    "$compiler" "-std=$standard" -Wall -Wextra -Wpedantic -Werror "$here/consumer/consumer.cpp" \
      -o "$root/by-pkg-config" "${flags[@]}"
    LD_LIBRARY_PATH=$libraries "$root/by-pkg-config"
  done
done
"${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror "$examples/train_in_c.c" \
  -o "$root/train_in_c" "${flags[@]}" -lm
LD_LIBRARY_PATH=$libraries "$root/train_in_c"
if text=$("$cxx" -std=c++17 -fsyntax-only "$here/consumer/consumer.cpp" "${flags[@]}" 2>&1); then
  fail "C++17 is enough"
fi
[[ $text == *"libidl_cuda needs C++20"* ]] || fail "no clear error with C++17: $text"

nvcc=$(PATH=$PATH:/usr/local/cuda/bin command -v nvcc || true)
if [[ -n $nvcc ]]; then
  step "an own activation, by the CUDA compiler"
  "$nvcc" -std=c++20 -Xcompiler=-Wall,-Wextra -Werror=all-warnings \
    "$here/own_activation.cu" -o "$root/own_activation" -I"${headers%/idl}" -L"$libraries" -lidl_cuda
  LD_LIBRARY_PATH=$libraries "$root/own_activation"
fi

step "the examples, as a project of their own"
"$cmake" -S "$examples" -B "$root/examples" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_PREFIX_PATH="$root/installed" -DCMAKE_BUILD_TYPE=Release >/dev/null
"$cmake" --build "$root/examples" --target example_first_program --target example_research >/dev/null
"$root/examples/first_program"

if [[ -x $program ]]; then
  step "the installed program"
  [[ $("$program" --version) == *"$version"* ]] || fail "idl has another version"
fi

python=${IDL_TEST_PYTHON:-python3}
if [[ ! -e $shared ]]; then
  echo "the library is static: nothing for ctypes to load"
elif ! "$python" -c 'import numpy' 2>/dev/null; then
  echo "$python has no numpy: the example for ctypes was left out"
else
  step "ctypes"
  "$python" "$examples/predict_with_ctypes.py" --library "$shared" --device cpu
  if text=$("$python" "$examples/predict_with_ctypes.py" --library "$shared" \
    --device cpu "$root/absent.safetensors" 2>&1); then
    fail "a model that is not there was loaded"
  fi
  [[ $text == *"$root/absent.safetensors"*"idl_status 5"* ]] || fail "no clear error: $text"
fi

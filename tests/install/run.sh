#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the library into a new folder, moves that folder, and uses it as its users do: by
# find_package, by pkg-config, in C, from Python, header by header, and by the installed program.
#   run.sh BUILD_FOLDER CMAKE CXX VERSION
set -euo pipefail

build=$1 cmake=$2 cxx=$3 version=$4
here=$(cd "$(dirname "$0")" && pwd)
examples=$here/../../examples
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
step() { echo "== $1"; }
fail() {
  echo "run.sh: $1" >&2
  exit 1
}

step "install, and move what was installed"
"$cmake" --install "$build" --prefix "$root/first" >/dev/null
mv "$root/first" "$root/installed"
if grep -rlF -e "$build" -e "$root/first" "$root/installed"; then
  fail "the installed files above name the folder of the build or of the first installation"
fi
package=$(find "$root/installed" -name idl_cuda.pc)
library=$(find "$root/installed" -name 'libidl_cuda.*' -not -name '*.pc' -print -quit)
libraries=$(dirname "$library")
static=()
[[ -e $libraries/libidl_cuda.so ]] || static=(--static)

if [[ ${#static[@]} -eq 0 ]]; then
  step "soname and exported symbols"
  "$here/symbols.sh" "$libraries/libidl_cuda.so" "$root/installed/include" "$version"
fi

step "a user's CMake project, each header by itself, and C"
"$cmake" -S "$here/consumer" -B "$root/by-cmake" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_PREFIX_PATH="$root/installed" -DCMAKE_BUILD_TYPE=Release >/dev/null
# -fsyntax-only leaves no object behind; that is no failure.
"$cmake" --build "$root/by-cmake" >"$root/build.log" 2>&1 || {
  cat "$root/build.log" >&2
  fail "the user's project does not build"
}
for program in consumer everything consumer_c; do
  "$root/by-cmake/$program"
done

step "pkg-config"
PKG_CONFIG_PATH=$(dirname "$package")
export PKG_CONFIG_PATH
[[ $(pkg-config --modversion idl_cuda) == "$version" ]] || fail "idl_cuda.pc has another version"
read -ra flags <<<"$(pkg-config "${static[@]}" --cflags --libs idl_cuda)"
"$cxx" "$here/consumer/consumer.cpp" -o "$root/by-pkg-config" "${flags[@]}"
LD_LIBRARY_PATH=$libraries "$root/by-pkg-config"

step "the examples, as a project of their own"
"$cmake" -S "$examples" -B "$root/examples" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_PREFIX_PATH="$root/installed" -DCMAKE_BUILD_TYPE=Release >/dev/null
"$cmake" --build "$root/examples" --target example_first_program >/dev/null
"$root/examples/first_program"

if [[ -x $root/installed/bin/idl ]]; then
  step "the installed program"
  [[ $("$root/installed/bin/idl" --version) == *"$version"* ]] || fail "idl has another version"
fi

python=${IDL_TEST_PYTHON:-python3}
if [[ ${#static[@]} -gt 0 ]]; then
  echo "the library is static: nothing for ctypes to load"
elif ! "$python" -c 'import numpy' 2>/dev/null; then
  echo "$python has no numpy: the example for ctypes was left out"
else
  step "ctypes"
  "$python" "$examples/predict_with_ctypes.py" --library "$libraries/libidl_cuda.so" --device cpu
  if text=$("$python" "$examples/predict_with_ctypes.py" --library "$libraries/libidl_cuda.so" \
    --device cpu "$root/absent.safetensors" 2>&1); then
    fail "a model that is not there was loaded"
  fi
  [[ $text == *"$root/absent.safetensors"*"idl_status 5"* ]] || fail "no clear error: $text"
fi

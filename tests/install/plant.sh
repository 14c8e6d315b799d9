# SPDX-License-Identifier: MIT
# What the scripts beside it begin with, each called with BUILD_FOLDER CMAKE CXX VERSION.
#
# Those that want the library otherwise configured than in $build have it within seconds: make takes
# objects for up to date that are newer than what they are made of, so only the linking is left.
set -euo pipefail

build=$1 cmake=$2 cxx=$3 version=$4
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
step() { echo "== $1"; }
fail() {
  echo "${0##*/}: $1" >&2
  exit 1
}

# quietly COMMAND...: shows its output only where it fails.
quietly() {
  "$@" >"$root/quietly.log" 2>&1 || {
    cat "$root/quietly.log" >&2
    fail "failed: $*"
  }
}

# cached NAME: what $build has in its cache.
cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }

# Fills `options` with what decides how the library is compiled.
options=(-G "Unix Makefiles")
for name in CMAKE_BUILD_TYPE CMAKE_CXX_COMPILER CMAKE_CUDA_COMPILER \
  CMAKE_UNITY_BUILD IDL_CUDA; do
  value=$(cached "$name")
  [[ -z $value ]] || options+=("-D$name=$value")
done
for name in PROGRAM TESTS BENCH EXAMPLES; do
  options+=("-DIDL_BUILD_$name=OFF")
done

# plant TREE: the objects of the library into the build tree of the library TREE.
plant() {
  local objects
  mapfile -t objects < <(cd "$build" && find CMakeFiles/idl_{base,files,host,kernels}*.dir -name '*.o')
  [[ ${#objects[@]} -gt 50 ]] || fail "$build holds only ${#objects[@]} objects"
  tar -C "$build" -cf - "${objects[@]}" | tar -C "$1" -xmf -
}

# use_in_c PREFIX: a project in C alone finds the library below PREFIX, by CMake and by pkg-config.
use_in_c() {
  local prefix=$1 by flags libraries compiler
  by=$(mktemp -d "$root/user.XXXX")
  quietly "$cmake" -S "$here/consumer_c" -B "$by" -G "Unix Makefiles" \
    -Didl_cuda_DIR="$(dirname "$(find "$prefix" -name idl_cudaConfig.cmake)")"
  quietly "$cmake" --build "$by"
  (cd "$by" && ./consumer_c)
  export PKG_CONFIG_PATH
  PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name idl_cuda.pc)")
  flags=()
  eval "flags+=($(pkg-config --cflags --libs idl_cuda))"
  libraries=$(dirname "$PKG_CONFIG_PATH")
  for compiler in "${CC:-cc}" clang; do
    command -v "$compiler" >/dev/null || continue
    "$compiler" -std=c99 -Wall -Wextra -Wpedantic -Werror "$here/consumer_c/consumer.c" \
      -o "$by/by_pkg_config" "${flags[@]}"
    (cd "$by" && LD_LIBRARY_PATH=$libraries ./by_pkg_config)
  done
}

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the library into a new folder, moves that folder, and builds a user's program against it:
# by find_package, by pkg-config, and in C.
#   run.sh BUILD_FOLDER CMAKE CXX
set -euo pipefail

build=$1 cmake=$2 cxx=$3
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

"$cmake" --install "$build" --prefix "$root/first" >/dev/null
mv "$root/first" "$root/installed"
if grep -rl "$build" "$root/installed" --include='*.cmake' --include='*.pc' --include='*.hpp'; then
  echo "the installed files above name the build folder" >&2
  exit 1
fi

"$cmake" -S "$here" -B "$root/by-cmake" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_PREFIX_PATH="$root/installed" -DCMAKE_BUILD_TYPE=Release >/dev/null
"$cmake" --build "$root/by-cmake"
"$root/by-cmake/consumer"

package=$(find "$root/installed" -name idl_cuda.pc)
library=$(find "$root/installed" -name 'libidl_cuda.*' -print -quit)
PKG_CONFIG_PATH=$(dirname "$package")
export PKG_CONFIG_PATH
static=()
[[ -n $(find "$root/installed" -name 'libidl_cuda.so') ]] || static=(--static)
read -ra flags <<<"$(pkg-config "${static[@]}" --cflags --libs idl_cuda)"
"$cxx" "$here/consumer.cpp" -o "$root/by-pkg-config" "${flags[@]}"
LD_LIBRARY_PATH=$(dirname "$library") "$root/by-pkg-config"

# The C interface, read by a C compiler.
"${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror -I"$root/installed/include" \
  -c "$here/consumer.c" -o "$root/consumer.o"
"$cxx" "$root/consumer.o" -o "$root/in-c" "${flags[@]}"
LD_LIBRARY_PATH=$(dirname "$library") "$root/in-c"

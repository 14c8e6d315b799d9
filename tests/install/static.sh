#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the static library and uses it from C and from C++, by CMake and by pkg-config.
#   static.sh BUILD_FOLDER CMAKE CXX VERSION
# shellcheck source=tests/install/plant.sh
. "$(dirname "$0")/plant.sh"

step "link and install"
quietly "$cmake" -S "$source" -B "$root/build" "${options[@]}" -DBUILD_SHARED_LIBS=OFF
plant "$root/build"
quietly "$cmake" --build "$root/build" --target idl_cuda
quietly "$cmake" --install "$root/build" --prefix "$root/installed"
[[ -n $(find "$root/installed" -name libidl_cuda.a) ]] || fail "there is no libidl_cuda.a"
[[ -z $(find "$root/installed" -name 'libidl_cuda.so*') ]] || fail "there is a shared library too"

step "C"
use_in_c "$root/installed"

step "C++"
quietly "$cmake" -S "$here/consumer" -B "$root/user" -G "Unix Makefiles" \
  -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_PREFIX_PATH="$root/installed"
quietly "$cmake" --build "$root/user" --target consumer
"$root/user/consumer"
flags=()
eval "flags+=($(pkg-config --static --cflags --libs idl_cuda))"
"$cxx" -std=c++20 "$here/consumer/consumer.cpp" -o "$root/by_pkg_config" "${flags[@]}"
"$root/by_pkg_config"

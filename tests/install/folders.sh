#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds and installs the library in folders of every kind of name, and in each uses it from C.
#   folders.sh BUILD_FOLDER CMAKE CXX VERSION
# shellcheck source=tests/install/plant.sh
. "$(dirname "$0")/plant.sh"

# install SOURCE BUILD PREFIX [OPTION...]
install() {
  local source=$1 tree=$2 prefix=$3
  shift 3
  quietly "$cmake" -S "$source" -B "$tree" "${options[@]}" -DCMAKE_INSTALL_PREFIX="$prefix" "$@"
  plant "$tree"
  quietly "$cmake" --build "$tree" --target idl_cuda
  quietly "$cmake" --install "$tree"
}

step "lib64, headers two folders down, and all of it moved"
install "$source" "$root/1" "$root/here" -DCMAKE_INSTALL_LIBDIR=lib64 \
  -DCMAKE_INSTALL_INCLUDEDIR=share/include
mv "$root/here" "$root/there"
[[ -e $root/there/lib64/pkgconfig/idl_cuda.pc ]] || fail "nothing is in lib64"
use_in_c "$root/there"

step "the libraries in an absolute folder"
install "$source" "$root/2" "$root/with headers" -DCMAKE_INSTALL_LIBDIR="$root/the libraries"
use_in_c "$root/the libraries"

step "the headers in an absolute folder"
install "$source" "$root/3" "$root/with_libraries" -DCMAKE_INSTALL_INCLUDEDIR="$root/the headers"
[[ -e $root/the\ headers/idl/c_api.h ]] || fail "no headers are there"
use_in_c "$root/with_libraries"

step "names that shells, globs, regular expressions and linkers read otherwise"
# CMake itself has no way with ; " $ and \ in the names of folders, nor with , and [] in those of
# packages; pkgconf has none with ' and ().
name='a b+d=e&f{i}~j@k%l!möü§n^o'
odd="$name,[g]'(h)"
mkdir -p "$root/$odd/source"
for part in CMakeLists.txt CHANGELOG.md README.md LICENSE cmake docs examples include host kernels; do
  cp -r "$source/$part" "$root/$odd/source"
done
install "$root/$odd/source" "$root/$odd/build" "$root/$name"
use_in_c "$root/$name"

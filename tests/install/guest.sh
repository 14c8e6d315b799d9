#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the library as a part of parent/, which says what a guest must leave alone, and installs
# the parent.
#   guest.sh BUILD_FOLDER CMAKE CXX VERSION
# shellcheck source=tests/install/plant.sh
. "$(dirname "$0")/plant.sh"

for way in add_subdirectory FetchContent; do
  for shared in "" -DBUILD_SHARED_LIBS=ON -DBUILD_SHARED_LIBS=OFF; do
    tree=$root/$way$shared
    step "$way ${shared:--DBUILD_SHARED_LIBS is not set}"
    quietly "$cmake" -S "$here/parent" -B "$tree" "${options[@]}" -DWAY="$way" -DSOURCE="$source" \
      ${shared:+"$shared"}
    if grep -e -flto "$tree"/idl/CMakeFiles/idl_{host,kernels}*.dir/flags.make >&2; then
      fail "link-time optimization may change the guest's arithmetic"
    fi
    plant "$tree/idl"
    quietly "$cmake" --build "$tree"
    "$tree/parent"
    "$tree/arithmetic" || fail "the guest's arithmetic is that of its parent's flags"
    tests=$(cd "$tree" && ctest -N | sed -n 's/^ *Test *#.*: //p')
    [[ $tests == Parent.Runs ]] || fail "the parent's tests are: $tests"
    "$cmake" --install "$tree" --prefix "$tree/installed" >/dev/null
    installed=$(cd "$tree/installed" && find . -type f)
    [[ $installed == ./bin/parent ]] || fail "the parent's installation holds: $installed"
  done
done

step "a parent that installs its guest"
tree=$root/installing
quietly "$cmake" -S "$here/parent" -B "$tree" "${options[@]}" -DWAY=add_subdirectory \
  -DSOURCE="$source" -DIDL_INSTALL=ON
plant "$tree/idl"
quietly "$cmake" --build "$tree"
quietly "$cmake" --install "$tree" --prefix "$tree/installed"
use_in_c "$tree/installed"

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Reads the library and the program as unity builds, by unity/; in Debug, where kernels/cpu is one too.
#   unity.sh BUILD_FOLDER CMAKE CXX VERSION
# shellcheck source=tests/install/plant.sh
. "$(dirname "$0")/plant.sh"

step "configure"
quietly "$cmake" -S "$here/unity" -B "$root/build" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" \
  -DIDL_CUDA=OFF -DCMAKE_BUILD_TYPE=Debug -DSOURCE="$source"
mapfile -t objects < <("$cmake" --build "$root/build" -- -t targets all |
  sed -n 's/\.o: CXX_COMPILER.*/.o/p')
unity=0
for object in "${objects[@]}"; do
  [[ $object != */Unity/* ]] || unity=$((unity + 1))
done
# Of the base, the kernels, those of the CPU, the files, the host, the pictures, the program
# and its main.
[[ $unity -eq 8 ]] || fail "$unity unity sources, expected 8: ${objects[*]}"

step "read"
# -fsyntax-only leaves no object behind; that is no failure.
"$cmake" --build "$root/build" --target "${objects[@]}"

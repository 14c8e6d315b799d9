#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The check of the include rule must accept a tree that keeps it and refuse each way to break it.
#   include_rule_test.sh PATH_OF_CHECK
set -euo pipefail

check=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

write() { printf '%s\n' "${@:2}" >"$root/$1"; }
reset() {
  rm -rf "${root:?}"/*
  mkdir -p "$root"/{include/idl/cuda,kernels/{base,math,{cpu,cuda}/{runtime,steps}},host/{solver,options,cli},tests/kernels,bench,examples}
  write include/idl/model.hpp '#include <vector>' '#include "idl/matrix.hpp"' \
    '#include "idl/detail/rounded.hpp"'
  write include/idl/cuda/activation.cuh '#include <cuda_runtime.h>' '#include "idl/activation.hpp"'
  write kernels/primitives.hpp 'using Primitive = InBothPrecisions<PicardUpdate,' \
    '    ScatterColumns>::Or<ListRunning>;'
  write kernels/make_backend.cpp '#include "kernels/cpu/runtime/backend.hpp"' \
    '#include "kernels/cuda/runtime/backend.hpp"'
  write kernels/math/activation.hpp '#include "idl/activation.hpp"' \
    '#include "kernels/base/bfloat16.hpp"'
  write kernels/cpu/steps/picard_update.cpp '#include <vector>' '#include "kernels/math/activation.hpp"' \
    '#include "kernels/cpu/runtime/backend.hpp"' \
    'void execute(const PicardUpdate<T>& update, Scratch&) {'
  write kernels/cuda/steps/picard_update.cu '#include <cuda_runtime.h>' \
    '#include "kernels/cuda/runtime/backend.hpp"' \
    'void picard_update(const PicardUpdate<T>& update, CUstream_st* stream) {'
  write kernels/cpu/steps/columns.cpp 'void execute(const ScatterColumns<T>& scatter, Scratch&) {' \
    'void execute(const ListRunning& list, Scratch&) {'
  write kernels/cuda/steps/columns.cu \
    'void scatter_columns(const ScatterColumns<T>& scatter, CUstream_st* stream) {' \
    'void list_running(const ListRunning& list, CUstream_st* stream) {'
  write tests/kernels/columns_test.cpp '#include "tests/support/random.hpp"'
  write tests/kernels/picard_update_test.cpp '#include "kernels/backend.hpp"' \
    '#include "tests/support/random.hpp"'
  write host/solver/picard.cpp '#include "kernels/primitives.hpp"' \
    '#include "host/solver/picard.hpp"'
  write host/options/ranges.hpp '#include "kernels/base/number_range.hpp"' '#include "idl/model.hpp"'
  write host/cli/main.cpp '#include "host/cli/train.hpp"' '#include "host/options/ranges.hpp"'
  write examples/train.cpp '#include "idl/model.hpp"'
}

reset
"$check" "$root" || {
  echo "a tree that keeps the rule was refused" >&2
  exit 1
}

# Each line: a file, and an include that it may not have.
breaches=0
while read -r file include; do
  reset
  echo "#include $include" >>"$root/$file"
  if said=$("$check" "$root" 2>&1) || [[ $said != *"$file: may not include ${include//[\"<>]/}"* ]]; then
    echo "$file was allowed to include $include" >&2
    exit 1
  fi
  breaches=$((breaches + 1))
done <<'LIST'
include/idl/model.hpp "kernels/primitives.hpp"
include/idl/model.hpp <cuda_runtime.h>
include/idl/model.hpp "idl/cuda/activation.cuh"
kernels/backend.hpp "host/solver/picard.hpp"
kernels/backend.hpp "kernels/cpu/runtime/backend.hpp"
kernels/validate.cpp <cublas_v2.h>
kernels/base/error.cpp "kernels/primitives.hpp"
kernels/math/activation.hpp "kernels/primitives.hpp"
kernels/math/activation.hpp "kernels/cpu/runtime/backend.hpp"
kernels/cpu/steps/picard_update.cpp "kernels/cuda/runtime/backend.hpp"
kernels/cpu/steps/picard_update.cpp <cuda_runtime.h>
kernels/cuda/steps/picard_update.cu "kernels/cpu/runtime/backend.hpp"
kernels/cpu/steps/picard_update.cpp <cblas.h>
kernels/cpu/steps/picard_update.cpp <omp.h>
kernels/cuda/steps/picard_update.cu <cblas.h>
kernels/cuda/steps/picard_update.cu "backend.hpp"
host/solver/picard.cpp "kernels/cpu/runtime/backend.hpp"
host/solver/picard.cpp "host/cli/train.hpp"
host/solver/picard.cpp <omp.h>
host/cli/main.cpp "kernels/cuda/runtime/backend.hpp"
host/cli/main.cpp "kernels/backend.hpp"
host/cli/main.cpp "host/solver/picard.hpp"
host/cli/main.cpp "host/options/validate.hpp"
host/options/ranges.hpp "host/options/validate.hpp"
host/options/ranges.hpp "kernels/primitives.hpp"
tests/kernels/picard_update_test.cpp "kernels/cpu/runtime/backend.hpp"
tests/kernels/picard_update_test.cpp "../support/random.hpp"
examples/train.cpp "kernels/primitives.hpp"
LIST

# Kernels without their twins, twins of other stems, and kernels without their tests.
files=0
for missing in {kernels/{cpu/steps/NAME.cpp,cuda/steps/NAME.cu},tests/kernels/NAME_test.cpp}; do
  for name in picard_update columns; do
    for to in "${missing/NAME/other}" gone; do
      file=${missing/NAME/$name}
      reset
      mv "$root/$file" "$root/$to"
      if "$check" "$root" 2>/dev/null; then
        echo "$file is missing, or has another stem than its twin, which was accepted" >&2
        exit 1
      fi
      files=$((files + 1))
    done
  done
done
reset
write kernels/primitives.hpp 'struct PicardUpdate {' '};'
if "$check" "$root" 2>/dev/null; then
  echo "a tree without a list of primitives was accepted" >&2
  exit 1
fi
echo "accepted the good tree, refused $breaches breaches and $files files that are not there"

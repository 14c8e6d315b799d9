#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Whether scripts/check_skips lets tests be skipped for want of a GPU, and for nothing else.
#   skips_test.sh SCRIPT
set -euo pipefail

script=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
results=$folder/tests.xml

# expect STATUS CASE...: what the script ends with for a run of these cases
expect() {
  local expected=$1 status=0
  shift
  printf '<testsuite name="t">%s</testsuite>\n' "$*" >"$results"
  "$script" "$results" >"$folder/out" 2>&1 || status=$?
  if [[ $status -ne $expected ]]; then
    echo "skips_test: status $status instead of $expected for: $*" >&2
    cat "$folder/out" >&2
    exit 1
  fi
}
passed='<testcase name="A.Passes" status="run"><system-out>no NumPy</system-out></testcase>'
for_gpu='<testcase name="B.Gpu" status="notrun"><skipped message="m"/><system-out>no GPU: none
</system-out></testcase>'
other='<testcase name="C.Other" status="notrun"><skipped message="m"/><system-out>no NumPy
</system-out></testcase>'
disabled='<testcase name="D.Off" status="disabled"/>'
# many REASON: a process of many tests, one of which was skipped
many() {
  printf '<testcase name="E.Many" status="run"><system-out>a.cpp:26: Skipped\n%s\n</system-out></testcase>' "$1"
}

expect 0 "$passed"
expect 0 "$passed" "$for_gpu"
expect 1 "$passed" "$for_gpu" "$other"
grep -q 'C.Other' "$folder/out"
expect 1 "$passed" "$disabled"
expect 0 "$(many 'no GPU: none')"
expect 1 "$(many 'no NumPy')"
grep -q 'E.Many' "$folder/out"
expect 1 ""

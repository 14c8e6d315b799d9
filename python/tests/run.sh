#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs one file of tests with the package of this tree and the given library.
#   run.sh FILE LIBRARY
set -euo pipefail
PYTHONPATH=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH IDL_LIBRARY=$2
exec "${IDL_TEST_PYTHON:-python3}" "$1"

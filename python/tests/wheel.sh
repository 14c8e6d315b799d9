#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes a wheel around a library that is built, installs it into a new folder, and predicts with it
# where no compiler is to be found. Ends with 77 where there is no scikit-build-core.
#   wheel.sh LIBRARY
set -euo pipefail
package=$(cd "$(dirname "$0")/.." && pwd)
python=$(command -v "${IDL_TEST_PYTHON:-python3}")
"$python" -c 'import numpy, scikit_build_core' 2>/dev/null || exit 77
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" -m pip wheel --quiet --no-build-isolation --no-deps --disable-pip-version-check \
  --wheel-dir "$folder" -C build-dir="$folder/build" -C cmake.define.IDL_LIBRARY="$1" "$package"
wheels=("$folder"/idl_cuda-*-py3-none-linux_*.whl)
[[ -f ${wheels[0]} ]] || { echo "no wheel for every Python 3: $(ls "$folder")" >&2; exit 1; }
PATH=$folder/empty "$python" -m pip install --quiet --no-deps \
  --disable-pip-version-check --target "$folder/site" "${wheels[0]}"
cd "$folder"
unset IDL_LIBRARY
PYTHONPATH=$folder/site "$python" - "$folder/site" <<'PROGRAM'
import sys
import numpy as np
import idl
assert idl.__file__.startswith(sys.argv[1]), idl.__file__
model = idl.Model(8, 4, 2)
assert model.predict(np.ones((3, 4))).shape == (3, 2) and model.last_report.converged.all()
PROGRAM

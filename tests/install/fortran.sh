#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the library and uses it from Fortran: its module has every function of the C interface
# and structs of the same sizes, and the example learns.
# Ends with 77 (skipped) where there is no gfortran.
#   fortran.sh BUILD_FOLDER CMAKE
set -euo pipefail

build=$1 cmake=$2
examples=$(cd "$(dirname "$0")/../../examples" && pwd)
command -v gfortran >/dev/null || {
  echo "there is no gfortran"
  exit 77
}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
step() { echo "== $1"; }
fail() {
  echo "fortran.sh: $1" >&2
  exit 1
}
"$cmake" --install "$build" --prefix "$root/installed" >/dev/null
include=$root/installed/include
libraries=$(dirname "$(find "$root/installed" -name libidl_cuda.so)")
sources=("$include/idl/idl_cuda_types.f90" "$include/idl/idl_cuda.f90")
flags=(-std=f2018 -Wall -Wextra -Werror)

step "every function of the header, with as many arguments"
# "NAME COUNT" a line.
in_c=$(grep -v '^#' "$include/idl/c_api.h" | tr '\n' ' ' |
  grep -oE 'IDL_C_EXPORT [^;]*;' | sed -E 's/^[^(]*\b(idl_[a-z_]+)\((.*)\);/\1 \2/; s/ void$/ /' |
  awk '{name = $1; $1 = ""; print name, ($0 ~ /[a-z]/ ? gsub(",", ",") + 1 : 0)}' | sort)
in_fortran=$(sed -e ':a' -e '/&$/{N;s/&\n//;ba}' "${sources[@]}" |
  sed -nE 's/^ *(function|subroutine) (idl_[a-z_]+)\(([^)]*)\).*bind\(c\).*/\2 \3/p' |
  awk '{name = $1; $1 = ""; print name, ($0 ~ /[a-zA-Z]/ ? gsub(",", ",") + 1 : 0)}' | sort)
[[ $(wc -l <<<"$in_c") -gt 40 ]] || fail "only these functions were found: $in_c"
diff <(echo "$in_c") <(echo "$in_fortran") || fail "the module (>) and the header (<) differ"

step "structs of the same sizes"
structs=$(sed -nE 's/^typedef struct (idl_[a-z_]+) \{.*/\1/p' "$include/idl/c_types.h")
{
  echo '#include <idl/c_api.h>'
  echo '#include <stdio.h>'
  echo 'int main(void) {'
  for struct in $structs; do printf 'printf("%s %%zu\\n", sizeof(%s));\n' "$struct" "$struct"; done
  echo 'return 0; }'
} >"$root/sizes.c"
"${CC:-cc}" -std=c99 -I"$include" "$root/sizes.c" -o "$root/sizes_c"
{
  echo 'program sizes'
  echo '  use idl_cuda'
  for struct in $structs; do echo "  type($struct) :: a_$struct"; done
  for struct in $structs; do echo "  print '(a, i0)', '$struct ', c_sizeof(a_$struct)"; done
  echo 'end program'
} >"$root/sizes.f90"
(cd "$root" && gfortran "${sources[@]}" sizes.f90 -o sizes_fortran -L"$libraries" -lidl_cuda)
export LD_LIBRARY_PATH=$libraries
diff <("$root/sizes_c") <("$root/sizes_fortran") || fail "structs of the module (>) differ"

step "the example"
(cd "$root" && gfortran "${flags[@]}" "${sources[@]}" "$examples/train_with_fortran.f90" \
  -o train_with_fortran -L"$libraries" -lidl_cuda && ./train_with_fortran)

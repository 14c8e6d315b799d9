#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The rule of what libidl_cuda.so shows to the dynamic loader:
#   1. its soname is libidl_cuda.so.MAJOR.MINOR, and the file of that name lies beside it;
#   2. every exported symbol is a C function that idl/c_api.h declares, or belongs to a class or
#      function of namespace idl (or idl::io, idl::detail) that a public header declares; nothing of
#      the kernels, of the standard library, of nlohmann::json, also no weak symbol;
#   3. every exported symbol has the version IDL_CUDA_MAJOR.MINOR;
#   4. every function that idl/c_api.h declares is exported;
#   5. it asks for no library by an absolute path, and for libidl_cuda of no other version.
#   symbols.sh LIBRARY INCLUDE_FOLDER VERSION
set -euo pipefail

library=$1 include=$2 version=$3
release=${version%.*}
faults=0
fault() {
  echo "symbols.sh: $1" >&2
  faults=$((faults + 1))
}

dynamic=$(readelf -dW "$library")
soname=$(sed -nE 's/.*\(SONAME\).*\[(.*)\].*/\1/p' <<<"$dynamic")
[[ $soname == "libidl_cuda.so.$release" ]] ||
  fault "the soname is '$soname', expected libidl_cuda.so.$release"
[[ -e $(dirname "$library")/$soname ]] || fault "$soname does not lie beside $library"
if grep -E '\(NEEDED\).*(\[/|libidl_cuda)' <<<"$dynamic" >&2; then
  fault "it needs the libraries above"
fi

# Classes, and functions of the namespace itself, whose declarations are not indented; where these
# are long, the name is on the line after the type.
declared=$(cat "$include"/idl/*.hpp | grep -E '^[A-Za-z[]' | sed -nE \
  -e 's/^(class|struct) (\[\[nodiscard\]\] )?(IDL_EXPORT )?([A-Za-z_0-9]+).*/\4/p' \
  -e 's/^(\[\[noreturn\]\] )?IDL_EXPORT [^(]*\b([A-Za-z_0-9]+)\(.*/\2/p' \
  -e 's/^([a-z_0-9]+)\(Context&.*/\1/p' | sort -u)
in_c=$(grep -oE '\bidl_[a-z_]+\(' "$include/idl/c_api.h" | tr -d '(' | sort -u)
exported=$(nm -D --defined-only --with-symbol-versions "$library" | awk '$2 != "A" {print $2, $3}')
[[ -n $exported ]] || fault "nothing is exported"

while read -r kind symbol; do
  name=${symbol%%@*}
  [[ $symbol == *"@@IDL_CUDA_$release" ]] || fault "$symbol has not the version IDL_CUDA_$release"
  if [[ $name == idl_* ]]; then
    grep -qxF "$name" <<<"$in_c" || fault "$name is not in idl/c_api.h"
    continue
  fi
  [[ $kind =~ ^[TWVDR]$ ]] || fault "$(c++filt "$name") is of kind $kind"
  # _ZN[K]3idl, _ZT[ISV]N3idl, then maybe 2io or 6detail, then the length and the name itself.
  if [[ $name =~ ^_Z(N|NK|TIN|TSN|TVN)3idl(2io|6detail)?([0-9]+)(.*)$ ]]; then
    first=${BASH_REMATCH[4]:0:${BASH_REMATCH[3]}}
    grep -qxF "$first" <<<"$declared" || fault "$(c++filt "$name"): no public header says $first"
  else
    fault "$(c++filt "$name") is not of the public interface"
  fi
done <<<"$exported"

while read -r name; do
  grep -qE "^T $name@@" <<<"$exported" || fault "$name of idl/c_api.h is not exported"
done <<<"$in_c"

[[ $faults -eq 0 ]] || exit 1
echo "$(wc -l <<<"$exported") symbols are exported, all of the public interface"

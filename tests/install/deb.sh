#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Packs the build into a .deb, looks at what it says and holds, installs it below a scratch folder
# with a dpkg database of its own (the system's stays as it is), uses it there, and removes it.
# Ends with 77 (skipped) where this is no Debian system or the user is not root, whom dpkg wants.
#   deb.sh BUILD_FOLDER CPACK CXX VERSION
set -euo pipefail

build=$1 cpack=$2 cxx=$3 version=$4
here=$(cd "$(dirname "$0")" && pwd)
for tool in dpkg dpkg-deb dpkg-shlibdeps; do
  command -v "$tool" >/dev/null || {
    echo "there is no $tool"
    exit 77
  }
done
[[ $(id -u) -eq 0 ]] || {
  echo "dpkg -i needs root"
  exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
step() { echo "== $1"; }
fail() {
  echo "deb.sh: $1" >&2
  exit 1
}
architecture=$(dpkg --print-architecture)
name=libidl-cuda_${version}_$architecture.deb

step "cpack -G DEB"
(cd "$work" && "$cpack" -G DEB --config "$build/CPackConfig.cmake" -B "$work/pack") \
  >"$work/cpack.log" 2>&1 || {
  cat "$work/cpack.log" >&2
  fail "cpack failed"
}
deb=$work/pack/$name
[[ -f $deb ]] || fail "cpack made no $name: $(ls "$work/pack")"

step "what it says of itself"
field() { dpkg-deb --field "$deb" "$1"; }
dpkg-deb -I "$deb"
[[ $(field Package) == libidl-cuda ]] || fail "Package is $(field Package)"
[[ $(field Version) == "$version" ]] || fail "Version is $(field Version)"
[[ $(field Architecture) == "$architecture" ]] || fail "Architecture is $(field Architecture)"
[[ $(field Description | wc -l) -ge 5 ]] || fail "the description is short"
[[ $(field Maintainer) == *'<'*'@'*'>' ]] || fail "Maintainer is $(field Maintainer)"

step "what it holds"
dpkg-deb -c "$deb" | tee "$work/content" | awk '{print $1, $2, $6}'
for path in bin/idl "lib/libidl_cuda.so.$version" "lib/libidl_pictures.so.$version" include/idl/idl.hpp include/idl/c_api.h \
  lib/cmake/idl_cuda/idl_cudaConfig.cmake lib/pkgconfig/idl_cuda.pc \
  share/doc/libidl-cuda/copyright share/doc/libidl-cuda/CHANGELOG.md \
  share/doc/libidl-cuda/README.md share/doc/libidl-cuda/docs/research.md \
  share/doc/libidl-cuda/examples/CMakeLists.txt; do
  grep -qE " \./usr/$path( |$)" "$work/content" || fail "/usr/$path is missing"
done
if awk '$2 != "root/root"' "$work/content" | grep . >&2; then
  fail "the files above do not belong to root"
fi
if grep -E '^.(.......w|....w)' "$work/content" | grep -v '^l' >&2; then
  fail "others than their owner may write the files above"
fi
dpkg-deb -x "$deb" "$work/content.d"
if grep -rlF "$build" "$work/content.d" >&2; then
  fail "the files above name the build folder"
fi

step "each library that is needed comes from a package in Depends"
depends=$(field Depends)
while read -r needed; do
  [[ $needed == libcu* ]] && continue # CUDA's libraries often come from its own installer
  # (Who reads a pipe to its end breaks nobody's write.)
  path=$(ldconfig -p | awk -v name="$needed" '$1 == name && !found {print $NF; found = 1}')
  owner=$( (dpkg -S "$path" || dpkg -S "$(readlink -f "$path")" ||
    dpkg -S "*${path#/usr}") 2>/dev/null | sed -n '1s/:.*//p') || owner=''
  [[ -n $owner && $depends =~ (^|[ ,|])"$owner"([ ,]|$) ]] ||
    fail "$needed belongs to '$owner', which is not in Depends: $depends"
done < <(readelf -dW "$work/content.d/usr/bin/idl" \
  "$work/content.d/usr/lib/libidl_cuda.so.$version" \
  "$work/content.d/usr/lib/libidl_pictures.so.$version" |
  sed -nE 's/.*\(NEEDED\).*\[(.*)\].*/\1/p' | grep -vE '^(ld-linux|libidl_(cuda|pictures))' | sort -u)

step "install into a scratch system, whose dpkg knows the packages of this one"
root=$work/root
admin=$root/var/lib/dpkg
mkdir -p "$admin"/{info,updates,triggers,parts}
cp /var/lib/dpkg/status "$admin/status"
: >"$admin/available"
system_before=$(cksum </var/lib/dpkg/status)
# The package's scripts call ldconfig, which would see to this system instead of the scratch one.
mkdir "$work/bin"
printf '#!/bin/sh\necho called >>"%s"\n' "$work/ldconfig.log" >"$work/bin/ldconfig"
chmod +x "$work/bin/ldconfig"
in_scratch() {
  # It warns of the files of every other package, whose lists were not copied.
  PATH=$work/bin:$PATH dpkg --force-script-chrootless --instdir="$root" --admindir="$admin" --log="$work/dpkg.log" "$@" \
    >"$work/dpkg.out" 2>&1 || {
    grep -v 'files list file for package' "$work/dpkg.out" >&2
    fail "dpkg $1 failed"
  }
}
in_scratch -i "$deb"
[[ $(dpkg-query --admindir="$admin" -W -f='${db:Status-Status}' libidl-cuda) == installed ]] ||
  fail "dpkg does not call it installed"
[[ -s $work/ldconfig.log ]] || fail "ldconfig was not called"

step "use it there"
[[ $("$root/usr/bin/idl" --version) == *"$version"* ]] || fail "idl has another version"
"$here/symbols.sh" "$root/usr/lib/libidl_cuda.so" "$root/usr/include" "$version"
"${CC:-cc}" -std=c99 -I"$root/usr/include" -c "$here/consumer_c/consumer.c" -o "$work/consumer.o"
"$cxx" "$work/consumer.o" -o "$work/consumer" -L"$root/usr/lib" -lidl_cuda
LD_LIBRARY_PATH=$root/usr/lib "$work/consumer"

step "remove it"
in_scratch --purge libidl-cuda
left=$(find "$root" -mindepth 1 -path "$root/var" -prune -o -print)
[[ -z $left ]] || fail "left behind: $left"
[[ $(cksum </var/lib/dpkg/status) == "$system_before" ]] || fail "the system's dpkg was touched"

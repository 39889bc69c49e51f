#!/bin/sh
# gen-version.sh OUT VERSION SOURCE-ROOT COMPILER - write the header that says what was built.
#
# The header is only rewritten when something other than the date changed, so that a build with
# nothing to do compiles nothing. With SOURCE_DATE_EPOCH set, the same source gives the same header
# on any machine.
set -eu
out=$1 version=$2 root=$3 compiler=$4

# a release that lies in another repository has no hash
hash=''
[ ! -e "$root/.git" ] || hash=$(git -C "$root" rev-parse --short=8 HEAD 2>/dev/null) || hash=''
if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
    date=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%S)
    host=localhost user=build
else
    date=$(date -u +%Y-%m-%dT%H:%M:%S)
    host=$(uname -n) user=$(id -un 2>/dev/null || id -u)
fi

cat >"$out.new" <<END
/* Written by tools/gen-version.sh. */
#pragma once
#define PISTE_VERSION "v26.06-piste-$version${hash:+-g$hash}"
#define PISTE_BUILD_DATE "$date"
#define PISTE_BUILD_HOST "$host"
#define PISTE_BUILD_USER "$user"
#define PISTE_BUILD_COMPILER "$compiler"
END
if [ -f "$out" ] && [ "$(grep -v BUILD_DATE "$out")" = "$(grep -v BUILD_DATE "$out.new")" ] &&
    [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    rm "$out.new"
else
    mv "$out.new" "$out"
fi

#!/bin/sh
# dist.sh [OUT] - the release tarball of what is committed (of the work tree, with DIST_WORK_TREE=1): prints its path.
set -eu
cd "$(dirname -- "$0")/.."
version=$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)
out=${1:-build/dist}
mkdir -p "$out"
tree=HEAD
if [ -n "${DIST_WORK_TREE:-}" ]; then
    GIT_INDEX_FILE=$(mktemp)
    export GIT_INDEX_FILE
    trap 'rm -f "$GIT_INDEX_FILE"' EXIT
    git read-tree HEAD
    git add -A
    tree=$(git write-tree)
fi
# the same bytes for the same commit
git archive --prefix="piste-$version/" -o "$out/piste-$version.tar" "$tree"
gzip -9 -n -f "$out/piste-$version.tar"
echo "$out/piste-$version.tar.gz"

#!/bin/sh
# lint.sh [--fix] - clang-format over the tree, then clang-tidy; --fix formats in place and stops there.
set -eu
cd "$(dirname -- "$0")/.."

files() { git ls-files -co --exclude-standard -- '*.c' '*.h' | while read -r f; do
    [ ! -f "$f" ] || echo "$f"; done; }

if [ "${1:-}" = --fix ]; then
    files | xargs clang-format -i
    exit 0
fi
failed=0
files | xargs clang-format --dry-run -Werror || failed=1
if command -v shellcheck >/dev/null; then
    shellcheck -S warning -x -P test/demo tools/*.sh test/demo/*.sh .ci/run || failed=1
fi
# build/clang/compile_commands.json tells how each file is compiled
files | grep '\.c$' | grep -E '^(src|plugins)/' |
    xargs -P "$(nproc)" -n 8 clang-tidy -p build/clang --quiet || failed=1
exit $failed

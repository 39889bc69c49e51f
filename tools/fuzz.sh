#!/bin/sh
# fuzz.sh [TARGET...] - libFuzzer on each fuzz target (or the named ones), FUZZ_SECONDS each (60).
# Found inputs grow in build/fuzz-corpus; one that crashes is left in build/fuzz-corpus/crash-*.
set -eu
cd "$(dirname -- "$0")/.."
sh tools/build.sh fuzz
mkdir -p build/fuzz-corpus
failed=''
for exe in build/fuzz/test/fuzz/*_fuzz; do
    [ -x "$exe" ] || continue
    name=$(basename "$exe" _fuzz)
    case " $* " in '  ' | *" $name "*) ;; *) continue ;; esac
    corpus=build/fuzz-corpus/$name
    mkdir -p "$corpus"
    given=test/fuzz/corpus/$name
    [ -d "$given" ] || given=
    echo "== $name"
    # long inputs from the start: within a minute they would not be tried
    "$exe" -max_total_time="${FUZZ_SECONDS:-60}" -len_control=0 -print_final_stats=1 \
        -artifact_prefix="build/fuzz-corpus/crash-$name-" "$corpus" ${given:+"$given"} ||
        failed="$failed $name"
done
[ -z "$failed" ] || {
    echo "crashed:$failed"
    exit 1
}

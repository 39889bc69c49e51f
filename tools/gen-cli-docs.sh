#!/bin/sh
# gen-cli-docs.sh [BUILD] - writes docs/cli.md: what the daemon of BUILD (build/release) says about its commands.
set -eu
cd "$(dirname -- "$0")/.."
build=${1:-build/release}
run=$(mktemp -d /tmp/piste-docs.XXXXXX)
pid=''
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$run"' EXIT
"$build/vpp" "unix { nodaemon runtime-dir $run cli-listen $run/cli.sock }" >"$run/out" 2>&1 &
pid=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -S "$run/cli.sock" ] && break
    sleep 0.1
done
"$build/vppctl" -s "$run/cli.sock" show cli docs >"$run/docs" || {
    cat "$run/out" "$run/docs" >&2
    exit 1
}
tr -d '\r' <"$run/docs" >docs/cli.md

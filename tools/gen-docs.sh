#!/bin/sh
# gen-docs.sh [BUILD] - writes docs/cli.md, docs/api.md, docs/man/startup.conf.5 and docs/sandbox.md: the commands, messages
# and keys of startup.conf that the daemon of BUILD (build/release, all of it built: plugins bring some) says it has, and
# what it needs of the system.
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

ask() {
    "$build/vppctl" -s "$run/cli.sock" "$@" || {
        cat "$run/out" >&2
        exit 1
    }
}
ask show cli docs >"$run/docs"
ask show startup-config keys json >"$run/keys"
python3 tools/gen-man.py docs/man/startup.conf.5.in docs/man/startup.conf.5 <"$run/keys"
ask show sandbox verbose json >"$run/sandbox"
python3 tools/gen-sandbox.py docs/sandbox.md <"$run/sandbox"
ask show api message-table json >"$run/table"
tr -d '\r' <"$run/docs" >docs/cli.md
python3 -c '
import json, sys
for m in json.load(sys.stdin)["messages"]:
    print(m["name"] + "_" + m["crc"])' <"$run/table" >"$run/names"
python3 tools/gen-api.py doc "$run/names" docs/api.md api/*.api plugins/*/*.api -I api

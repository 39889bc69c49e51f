#!/bin/sh
# shell.sh BUILD - start a switch with empty configuration and open its command line; when that is
# left, the switch ends too.
set -eu
build=$(CDPATH='' cd -- "$1" && pwd)
run=$(mktemp -d /tmp/piste-shell.XXXXXX)
pid=''
trap '[ -z "$pid" ] || { kill "$pid" && wait "$pid" || :; }; rm -rf "$run"' EXIT
cat >"$run/startup.conf" <<END
unix { nodaemon log $run/vpp.log cli-listen $run/cli.sock runtime-dir $run }
END
"$build/vpp" -c "$run/startup.conf" >"$run/out" 2>&1 &
pid=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -S "$run/cli.sock" ] && break
    kill -0 "$pid" 2>/dev/null || {
        cat "$run/out" >&2
        pid=''
        exit 1
    }
    sleep 0.1
done
echo "a switch runs for you (log: $run/vpp.log); leave with 'quit'"
"$build/vppctl" -s "$run/cli.sock" || :

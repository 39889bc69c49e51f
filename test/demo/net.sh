# The network of `make demo` and `make shell`, as functions: to be read with `.`.
#
#     enter_namespace "$0" "$@"     starts the script anew in a network namespace of its own, which
#                                   is gone with the last process in it: nothing is left behind
#     prepare_vpp BUILD             writes startup.conf; $run is the daemon's folder
#     start_vpp                     starts it and waits for its answer; $pid is its process
#     vppctl WORDS                  runs a command in it
#     stop_vpp                      ends it and removes its folder; to be called however it ends
# shellcheck shell=sh

enter_namespace() {
    [ "${IN_NAMESPACE:-}" != $$ ] || return 0
    for program in ip ping setsid unshare; do
        command -v $program >/dev/null || {
            echo "$program is missing here" >&2
            exit 1
        }
    done
    for how in -n -rn; do # -r: in a user namespace, for those who are not root
        if unshare $how true 2>/dev/null; then
            IN_NAMESPACE=$$ exec unshare $how sh "$@"
        fi
    done
    echo "a network namespace cannot be made here: be root (with CAP_SYS_ADMIN), or allow user namespaces" >&2
    exit 1
}

# Milliseconds since some time.
now_ms() {
    t=$(date +%s%N)
    case $t in
    *[!0-9]* | ??????????) awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime ;;
    *) echo $((t / 1000000)) ;;
    esac
}

pid=''
run=''

prepare_vpp() {
    bin=$(CDPATH='' cd -- "$1" && pwd)
    run=$(mktemp -d /tmp/piste.XXXXXX)
    cat >"$run/startup.conf" <<END
unix {
  nodaemon
  log $run/vpp.log
  cli-listen $run/cli.sock
  runtime-dir $run
}
END
}

start_vpp() {
    begin_ms=$(now_ms)
    # not in the terminal's group: ^C is for the script
    setsid "$bin/vpp" -c "$run/startup.conf" >"$run/out" 2>&1 &
    pid=$!
    until [ -S "$run/cli.sock" ] && vppctl show version >/dev/null 2>&1; do
        kill -0 $pid 2>/dev/null && [ $(($(now_ms) - begin_ms)) -lt 10000 ] || {
            echo "the daemon does not answer:" >&2
            cat "$run/out" >&2
            return 1
        }
        sleep 0.01
    done
    # shellcheck disable=SC2034  # for the script that reads this
    start_ms=$(($(now_ms) - begin_ms))
}

vppctl() {
    "$bin/vppctl" -s "$run/cli.sock" "$@"
}

stop_vpp() {
    ended=0
    if [ -n "$pid" ]; then
        kill $pid 2>/dev/null || :
        wait $pid || ended=$?
        pid=''
    fi
    if [ -n "$run" ]; then
        rm -rf "$run"
        run=''
    fi
    return $ended
}

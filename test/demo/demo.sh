#!/bin/sh
# demo.sh BUILD - plays the main job on real packets, in a network namespace of its own, and says how
# fast it was. Exit status 0: all of it worked. Nothing is left behind, however it ends.
set -eu
here=$(dirname -- "$0")
. "$here/net.sh"
sh "$here/../../tools/install-deps.sh" demo
enter_namespace "$0" "$@"

if [ -t 1 ]; then
    bold=$(printf '\033[1m') green=$(printf '\033[32m') red=$(printf '\033[31m') plain=$(printf '\033[0m')
else
    bold='' green='' red='' plain=''
fi

finish() {
    status=$?
    trap - EXIT INT TERM HUP
    if [ $status != 0 ] && [ -n "$run" ] && [ -s "$run/out" ]; then
        echo "--- what the daemon printed:"
        cat "$run/out"
    fi
    stop_vpp || {
        echo "the daemon did not end in order" >&2
        [ $status != 0 ] || status=1
    }
    case $status in
    0) ;;
    130 | 143) echo "${red}Stopped.$plain" ;;
    *) echo "${red}The demo failed.$plain" ;;
    esac
    exit $status
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }

# Commands are shown with their output; one that fails ends the demo.
linux() {
    echo "$bold\$ $*$plain"
    "$@"
}
switch() {
    echo "${bold}vpp# $*$plain"
    { vppctl "$@" || : >"$run/failed"; } | tr -d '\r'
    [ ! -e "$run/failed" ]
}
say() { echo "$green$*$plain"; }

# The median of the times that ping or the switch's ping printed to standard input.
median() {
    sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p' | sort -n | awk '
        { t[NR] = $1 }
        END { if (!NR) exit 1; printf "%.3f", NR % 2 ? t[(NR + 1) / 2] : (t[NR / 2] + t[NR / 2 + 1]) / 2 }'
}

# Nanoseconds that the daemon's threads have run.
cpu_ns() { cat /proc/$pid/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f\n", sum }'; }

cat <<'END'

  +-- container: a network namespace of its own ------------------------------+
  |                                                                           |
  |   +-- vpp ------------------------------------+                           |
  |   |                                           |                           |
  |   |   graph of nodes <------> host-vpp1out    |     Linux                 |
  |   |         ^                 10.10.1.2/24    |                           |
  |   |         |                      |          |         10.10.1.1/24      |
  |   +---------|----------------------|----------+              |            |
  |             | cli.sock             | packet socket           |            |
  |             |                      |                         |            |
  |          vppctl                 vpp1out ===== veth ===== vpp1host         |
  |                                                                           |
  +---------------------------------------------------------------------------+
END

title "A pair of virtual Ethernet devices, and an address for the kernel's end"
linux ip link add name vpp1out type veth peer name vpp1host
linux ip link set dev vpp1out up
linux ip link set dev vpp1host up
linux ip addr add 10.10.1.1/24 dev vpp1host

title "The switch"
prepare_vpp "$1"
linux cat "$run/startup.conf"
echo "$bold\$ vpp -c $run/startup.conf &$plain"
start_vpp
say "answers after $start_ms ms"
switch show version

title "The switch takes the other end"
switch create host-interface name vpp1out
switch set int ip address host-vpp1out 10.10.1.2/24
switch set int state host-vpp1out up
switch show int
switch show int addr

title "The switch pings the kernel. It has to ask for the MAC address first, and loses nothing"
switch ping 10.10.1.1
switch show ip neighbors

title "The kernel pings the switch"
linux ping -n -c 5 -i 0.2 10.10.1.2

title "Where the packets went"
switch show int host-vpp1out
switch show runtime
switch show errors
switch show buffers

title "Figures"
into=$(ping -n -c 100 -i 0.01 10.10.1.2 | median)
out=$(vppctl ping 10.10.1.1 repeat 100 interval 0.01 | median)
memory=$(awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' /proc/$pid/status)
sleep 0.5
before=$(cpu_ns)
sleep 3
rest=$(($(cpu_ns) - before))
cat <<END
  start to first answer           $start_ms ms
  resident memory                 $memory MB
  CPU at rest (3 s)               $(awk "BEGIN { printf \"%.3f\", $rest / 3e7 }") % of a core
  round trip, kernel -> switch    $into ms (median of 100)
  round trip, switch -> kernel    $out ms (median of 100)
END

title "Taking it down"
stop_vpp
linux ip link del vpp1out
say "All of it worked."

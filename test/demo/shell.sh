#!/bin/sh
# shell.sh BUILD - the network of the demo, left standing, with the switch's command line in it. When
# that is left, all of it goes.
set -eu
here=$(dirname -- "$0")
. "$here/net.sh"
sh "$here/../../tools/install-deps.sh" demo
enter_namespace "$0" "$@"

finish() {
    status=$?
    trap - EXIT INT TERM HUP
    stop_vpp || :
    exit $status
}
trap finish EXIT
trap : INT # ^C belongs to the command line
trap 'exit 143' TERM HUP

ip link add name vpp1out type veth peer name vpp1host
ip link set dev vpp1out up
ip link set dev vpp1host up
ip addr add 10.10.1.1/24 dev vpp1host
prepare_vpp "$1"
start_vpp
vppctl create host-interface name vpp1out >/dev/null
vppctl set int ip address host-vpp1out 10.10.1.2/24
vppctl set int state host-vpp1out up

cat <<END

    vpp  host-vpp1out ----- vpp1out ===== veth ===== vpp1host  Linux
         10.10.1.2/24                             10.10.1.1/24

Try:   ping 10.10.1.1      show int      show runtime      show trace      help
From another terminal, in the same network:
       nsenter --net=/proc/$pid/ns/net ping 10.10.1.2
       $bin/vppctl -s $run/cli.sock show int
Log:   $run/vpp.log        Leave with: quit

END
vppctl

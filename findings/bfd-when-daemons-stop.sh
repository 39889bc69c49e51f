#!/bin/sh
# A BFD session between FRR's bfdd and BIRD is up; then one of them is stopped in order (SIGTERM), or the session is shut down by a command.
# Expected: both say AdminDown (RFC 5880 6.8.16), in the daemon's stop as in the command, so that the other side need not wait.
# Seen: stopped in order both fall silent; the other side finds out when the detection time is over, with diagnostic 1, as after
# kill -9. By command bfdd says AdminDown, with diagnostic 0 (6.8.16 wants 7); BIRD's `disable` says nothing either. bfdd's first
# packet after the loss still asks for its fast interval, though the session is down (6.8.3 wants a second at least).
# For us: restarts that are planned look like failures to BFD: what is in the way of such sessions must not lose packets for longer than three
# intervals, and who stops a peer's routes by BFD has the detection time to bridge even in maintenance.
cd "$(dirname "$0")" && . ./lib.sh
packages frr=8.4.4-1.1~deb12u2 bird2=2.0.12-7
a=${T##*/}-a b=${T##*/}-b # namespaces
trap 'kill $watcher $(cat "$T"/*.pid) 2>/dev/null; ip netns del "$a"; ip netns del "$b"; rm -rf "$T"' EXIT
{ ip netns add "$a" && ip netns add "$b"; } || exit 2
ip -n "$a" link add a0 type veth peer name b0 netns "$b"
ip -n "$a" addr add 10.9.0.1/24 dev a0
ip -n "$b" addr add 10.9.0.2/24 dev b0
for i in a b; do
    ip -n "${T##*/}-$i" link set lo up
    ip -n "${T##*/}-$i" link set ${i}0 up
done
# FRR's daemons want their user in the group frrvty: within their mount namespace, root is
{ cat /etc/group; echo "frrvty:x:64001:root"; } | awk -F: '$1 == "frrvty" && seen++ { next } $1 == "frrvty" { $0 = "frrvty:x:" $3 ":root" } 1' >"$T/group"
# shellcheck disable=SC2016
printf '#!/bin/sh\nmount --bind "$T/group" /etc/group\nexec "$@" -u root -g root --vty_socket "$T" -i "$T/${1##*/}.pid" -z "$T/zebra.api" -f "$T/frr" -d\n' >"$T/start"
chmod +x "$T/start"
export T LD_LIBRARY_PATH="$LD_LIBRARY_PATH:${LD_LIBRARY_PATH%%:*}/frr"
printf 'bfd\n peer 10.9.0.2 interface a0\n  no shutdown\n' >"$T/frr"
echo 'router id 10.9.0.2; protocol device { } protocol bfd { interface "b0" { interval 300 ms; }; neighbor 10.9.0.1 dev "b0"; }' >"$T/bird"
ip netns exec "$a" /usr/bin/python3 bfd-sessions.py >"$T/seen" &
watcher=$!
frr() { ip netns exec "$a" unshare -m "$T/start" "$T/root/usr/lib/frr/$@" >/dev/null 2>&1; }
bird_starts() { ip netns exec "$b" bird -c "$T/bird" -s "$T/bird.ctl" -P "$T/bird.pid"; }
# from the last line noted on, until a line like $1 has come, at most 20 s
noted=0
wait_for()
{
    for _ in $(seq 200); do
        tail -n +$((noted + 1)) "$T/seen" | grep -q "$1" && break
        sleep 0.1
    done
}
both_up()
{
    noted=$(wc -l <"$T/seen")
    wait_for '10.9.0.1 up' && wait_for '10.9.0.2 up'
    sleep 2
    noted=$(wc -l <"$T/seen")
}
after() { tail -n +$((noted + 1)) "$T/seen" | awk -v who="$1" '$1 == who && $2 != "up" { print $2, $3; exit }'; }
frr zebra
frr bfdd --bfdctl "$T/bfdd.ctl"
bird_starts
both_up
kill "$(cat "$T/bfdd.pid")"
wait_for '10.9.0.2 down'
expect "bfdd 8.4.4 stopped: it, and BIRD then" "$(after 10.9.0.1), $(after 10.9.0.2)" ", down 1"
frr bfdd --bfdctl "$T/bfdd.ctl"
both_up
kill "$(cat "$T/bird.pid")"
wait_for '10.9.0.1 down'
sleep 3
expect "BIRD 2.0.12 stopped: it, and bfdd then" "$(after 10.9.0.2), $(after 10.9.0.1)" ", down 1"
expect "bfdd's intervals when down" "$(tail -n +$((noted + 1)) "$T/seen" | awk '$1 == "10.9.0.1" && $2 == "down" { print $5 }' | head -2 | xargs)" "300 1000"
bird_starts
both_up
birdc -s "$T/bird.ctl" disable bfd1 >/dev/null
wait_for '10.9.0.1 down'
expect "BIRD's disable: it, and bfdd then" "$(after 10.9.0.2), $(after 10.9.0.1)" ", down 1"
birdc -s "$T/bird.ctl" enable bfd1 >/dev/null
both_up
vtysh --vty_socket "$T" -c 'configure' -c 'bfd' -c 'peer 10.9.0.2 interface a0' -c 'shutdown' >/dev/null 2>&1
wait_for '10.9.0.1 admin-down'
sleep 4
expect "bfdd's shutdown" "$(tail -n +$((noted + 1)) "$T/seen" | awk '$1 == "10.9.0.1" && $2 != "up" { print $2, $3 }' | uniq | xargs)" "admin-down 0"
exit $changed

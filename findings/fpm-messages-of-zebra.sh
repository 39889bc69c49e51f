#!/bin/sh
# zebra's dplane_fpm_nl gives routes to whoever forwards them: netlink messages, each frame with a header of 4 bytes, first all that there is.
# Expected: a message a frame; a next hop before the group that has it as a member; a route that loses one of two ways is
# changed by one message (NLM_F_REPLACE); the next hops of a port that goes down are deleted.
# Seen: a group comes before one of its members, or both, when everything is given at the start (later: members first). The route that
# loses a way comes as a deletion and an addition, both in one frame: who reads one message a frame is left without it. The
# group is deleted, the next hops of the port never are: they get new numbers when it comes back, and the old ones stay.
# For us: a reader takes all messages of a frame before anything is published, lets groups wait for their members, and forgets the next
# hops of a port by itself.
cd "$(dirname "$0")" && . ./lib.sh
packages frr=8.4.4-1.1~deb12u2
n=${T##*/} # a namespace
trap 'kill $pids $(cat "$T"/*.pid) 2>/dev/null; ip netns del "$n"; rm -rf "$T"' EXIT
ip netns add "$n" || exit 2
ip -n "$n" link set lo up
for i in 0 1; do
    ip -n "$n" link add a$i type veth peer name b$i
    ip -n "$n" link set b$i up
    ip -n "$n" link set a$i up
    ip -n "$n" addr add 10.0.$i.1/24 dev a$i
done
printf 'fpm address 127.0.0.1\nip route 51.0.0.0/24 10.0.0.2\nip route 51.0.0.0/24 10.0.1.2\n' >"$T/conf"
# zebra and staticd want their user in the group frrvty: within their mount namespace, root is
{ cat /etc/group; echo "frrvty:x:64001:root"; } | awk -F: '$1 == "frrvty" && seen++ { next } $1 == "frrvty" { $0 = "frrvty:x:" $3 ":root" } 1' >"$T/group"
# shellcheck disable=SC2016
printf '#!/bin/sh\nmount --bind "$T/group" /etc/group\nexec "$@" -u root -g root --vty_socket "$T" -i "$T/${1##*/}.pid" -z "$T/zebra.api" -f "$T/conf" -d\n' >"$T/start"
chmod +x "$T/start"
export T
frr="$T/root/usr/lib/frr"
export LD_LIBRARY_PATH="$LD_LIBRARY_PATH:${LD_LIBRARY_PATH%%:*}/frr"
ip netns exec "$n" /usr/bin/python3 fpm.py >"$T/seen" &
pids=$!
wait_for() # until the messages have been silent for 2 s, at most 30 s
{
    was=
    for _ in $(seq 15); do
        sleep 2
        [ -s "$T/seen" ] && [ "$(wc -l <"$T/seen")" = "$was" ] && break
        was=$(wc -l <"$T/seen")
    done
}
sleep 1
ip netns exec "$n" unshare -m "$T/start" "$frr/zebra" -M dplane_fpm_nl --moduledir "$(dirname "$(find "$T/root" -name dplane_fpm_nl.so)")" >/dev/null 2>&1
ip netns exec "$n" unshare -m "$T/start" "$frr/staticd" >/dev/null 2>&1
wait_for
cp "$T/seen" "$T/first"
ip -n "$n" link set b1 down
wait_for
tail -n +$(($(wc -l <"$T/first") + 1)) "$T/seen" >"$T/second"
group=$(sed -n 's/.*new-nexthop [0-9]*=//p' "$T/first" | head -1)
line() { grep -n "$1" "$T/first" | head -1 | cut -d: -f1; }
member() { line "new-nexthop $(echo "$group" | cut -d+ -f"$1")\$"; }
late() { { [ "$(member 1)" -gt "$(line "=$group")" ] || [ "$(member 2)" -gt "$(line "=$group")" ]; } && echo yes; }
expect "FRR 8.4.4, at the start, a member behind its group" "$(late)" yes
expect "one way lost, one frame" "$(sed -n 's/^[0-9]*: \(.*51\.0\.0\.0.*\)/\1/p' "$T/second")" "del-route 51.0.0.0/24, new-route 51.0.0.0/24"
expect "next hops deleted with it" "$(grep -o 'del-nexthop [0-9]*' "$T/second" | wc -l), the group $(grep -c "del-nexthop $(sed -n 's/.*new-nexthop \([0-9]*\)=.*/\1/p' "$T/first" | head -1)\$" "$T/second")" "1, the group 1"
exit $changed

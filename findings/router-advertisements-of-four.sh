#!/bin/sh
# Four routers advertise one prefix each, with nothing else said in their configuration.
# Expected: all name their link-layer address, answer a solicitation by multicast but radvd, keep 3 seconds between two
# multicasts (RFC 4861 6.2.6), have lifetimes of the RFC (30 days, 7 days) or of a day, and end with a lifetime of 0 (6.2.5).
# Seen: BIRD does not name its link-layer address; dnsmasq answers by unicast too, announces lifetimes without end (those of the
# address on its device) and the MTU, and ends without a word, so that hosts keep the dead router for half an hour; FRR answers
# every solicitation by a multicast of its own, and its last one lacks the prefix.
# For us: a host must solicit a router's address when the option is missing, expect unicast and more than one answer, and lose
# a router by unreachability, not by its goodbye.
cd "$(dirname "$0")" && . ./lib.sh
packages python3-scapy=2.5.0+dfsg-2 radvd=1:2.19-1+b1 dnsmasq-base=2.90-4~deb12u2 bird2=2.0.12-7 frr=8.4.4-1.1~deb12u2
r="$T-r" s="$T-s" # namespaces
r=${r##*/} s=${s##*/}
trap 'ip netns del "$r"; ip netns del "$s"; rm -rf "$T"' EXIT
{ ip netns add "$r" && ip netns add "$s"; } || exit 2
ip -n "$r" link add r0 address 02:00:00:00:00:10 type veth peer name s1 address 02:00:00:00:00:11 netns "$s"
ip netns exec "$r" sysctl -qw net.ipv6.conf.all.forwarding=1
ip netns exec "$s" sysctl -qw net.ipv6.conf.s1.accept_ra=0
ip -n "$r" link set r0 up
ip -n "$s" link set s1 up
ip -n "$r" addr add 2001:db8:1::1/64 dev r0 nodad
ip -n "$s" addr add fe80::11/64 dev s1 nodad
chmod 755 "$T"
echo 'interface r0 { AdvSendAdvert on; prefix 2001:db8:1::/64 { }; };' >"$T/radvd"
echo 'router id 192.0.2.1; protocol device { } protocol radv { interface "r0" { prefix 2001:db8:1::/64 { }; }; }' >"$T/bird"
printf 'interface r0\n no ipv6 nd suppress-ra\n ipv6 nd prefix 2001:db8:1::/64\n' >"$T/zebra"
# zebra wants its user in the group frrvty: within its namespace, root is
{ cat /etc/group; echo "frrvty:x:64001:root"; } | awk -F: '$1 == "frrvty" && seen++ { next } $1 == "frrvty" { $0 = "frrvty:x:" $3 ":root" } 1' >"$T/group"
printf '#!/bin/sh\nmount --bind %s/group /etc/group\nLD_LIBRARY_PATH=$LD_LIBRARY_PATH:%s/frr exec %s "$@"\n' "$T" "${LD_LIBRARY_PATH%%:*}" \
    "$T/root/usr/lib/frr/zebra" >"$T/zebra.sh"
chmod +x "$T/zebra.sh"
ask() { ip netns exec "$s" env LD_LIBRARY_PATH="$LD_LIBRARY_PATH" /usr/bin/python3 router-advertisements.py "$r" "$@" 2>/dev/null; }
expect "radvd 2.19" "$(ask radvd -n -u root -C "$T/radvd" -p "$T/radvd.pid" -m none)" \
    "to fe80::11 | link-layer address: yes | MTU: no | prefix valid, preferred: 86400 14400 | two asked in 0.2 s: 2 in 1 s | at its end: router lifetime 0"
expect "dnsmasq 2.90" "$(ask dnsmasq -C /dev/null --no-daemon -i r0 --bind-interfaces --no-resolv -p0 --user=root \
    --dhcp-range=2001:db8:1::,ra-only,64 --enable-ra --dhcp-leasefile="$T/leases" --pid-file=)" \
    "to fe80::11 | link-layer address: yes | MTU: 1500 | prefix valid, preferred: 4294967295 4294967295 | two asked in 0.2 s: 2 in 1 s | at its end: nothing"
expect "BIRD 2.0.12" "$(ask bird -f -c "$T/bird" -s "$T/bird.ctl" -P "$T/bird.pid")" \
    "to ff02::1 | link-layer address: no | MTU: no | prefix valid, preferred: 86400 14400 | two asked in 0.2 s: 1 in 1 s | at its end: router lifetime 0"
expect "FRR 8.4.4" "$(ask "$T/zebra.sh" -u root -g root -i "$T/zebra.pid" --vty_socket "$T" -z "$T/zebra.api" -f "$T/zebra")" \
    "to ff02::1 | link-layer address: yes | MTU: no | prefix valid, preferred: 2592000 604800 | two asked in 0.2 s: 2 in 1 s | at its end: router lifetime 0, no prefix"
exit $changed

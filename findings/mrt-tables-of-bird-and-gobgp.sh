#!/bin/sh
# The same two IPv6 routes, learnt by BGP with a global and a link-local next hop, dumped as MRT tables (RFC 6396) by BIRD and GoBGP, read by bgpdump and mrtparse.
# Expected: an entry a route that BGP has; of MP_REACH_NLRI the next hop alone, as the RFC asks; a line a route from each reader.
# Seen: BIRD dumps routes that are not BGP's, too, as entries with path identifiers (RFC 8050) of a peer "::" with AS 0; bgpdump gives them an IPv4 next hop of
# 255.255.255.255, mrt2bgpdump no line at all. GoBGP writes the whole attribute, so each entry lists the prefixes of the whole
# UPDATE that brought it (both, here). mrt2bgpdump gives each route with two next hops twice; bgpdump drops the link-local one.
# For us: whoever loads such a table takes the prefix of the entry, never that of the attribute, skips entries of AS 0, and counts prefixes, not lines.
cd "$(dirname "$0")" && . ./lib.sh
packages bird2=2.0.12-7 gobgpd=3.10.0-1+b4 bgpdump=1.6.2-2 mrtparse=1.6-3 python3-mrtparse=1.6-3
n=${T##*.}
trap 'kill $(cat "$T"/*.pid) 2>/dev/null; ip netns del "f$n"; ip netns del "w$n"; rm -rf "$T"' EXIT
ip netns add "f$n" && ip netns add "w$n" && ip link add m0 netns "f$n" type veth peer name m0 netns "w$n" || exit 2
for i in 1:f 2:w; do
    ip -n "${i#*:}$n" addr add "2001:db8::${i%:*}/64" dev m0 nodad
    ip -n "${i#*:}$n" link set m0 up
    ip -n "${i#*:}$n" link set lo up
done
cd "$T" || exit 2
cat >feeder.conf <<END
router id 192.0.2.1;
protocol device {}
protocol direct { ipv6; interface "m0"; }
protocol static { ipv6; route 2001:db8:100::/48 via "m0"; route 2001:db8:200:8000::/49 via "m0"; }
protocol bgp { local 2001:db8::1 as 64500; neighbor 2001:db8::2 as 64501; ipv6 { import none; export where source = RTS_STATIC; next hop self; }; }
END
cat >bird.conf <<END
router id 192.0.2.2;
protocol device {}
protocol direct { ipv6; }
protocol bgp { local 2001:db8::2 as 64501; neighbor 2001:db8::1 as 64500; ipv6 { import all; export none; }; }
END
cat >gobgp.toml <<END
[global.config]
as = 64501
router-id = "192.0.2.2"
local-address-list = ["2001:db8::2"]
[[neighbors]]
[neighbors.config]
neighbor-address = "2001:db8::1"
peer-as = 64500
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv6-unicast"
[[mrt-dump]]
[mrt-dump.config]
dump-type = "table"
file-name = "$T/gobgp.mrt"
dump-interval = 60
END
ip netns exec "f$n" bird -c feeder.conf -s f.ctl -P f.pid
ip netns exec "w$n" bird -c bird.conf -s w.ctl -P w.pid
for _ in $(seq 40); do
    birdc -s w.ctl show route 2>/dev/null | grep -q 2001:db8:200: && break
    sleep 1
done
birdc -s w.ctl "mrt dump table \"master6\" to \"$T/bird.mrt\"" >/dev/null
for _ in $(seq 20); do
    [ -s bird.mrt ] && break
    sleep 0.5
done
sleep 1
kill "$(cat w.pid)"
sleep 1
ip netns exec "w$n" gobgpd -f gobgp.toml >gobgp.log 2>&1 &
echo $! >g.pid
for _ in $(seq 150); do
    [ "$(bgpdump -m gobgp.mrt 2>/dev/null | grep -c 2001:db8:)" -ge 2 ] && break
    sleep 1
done
lines() { { bgpdump -m "$1" 2>/dev/null | cut -d'|' -f1,4-6,9; mrt2bgpdump -m "$1" 2>/dev/null | cut -d'|' -f1,6 | sed 's/^/mrt2bgpdump /'; } | sort | uniq -c | awk '{ $1 = $1 } 1' | tr '\n' ';'; }
# mp_reach FILE: lengths of the attribute MP_REACH_NLRI
mp_reach() { /usr/bin/python3 "$T/root/usr/bin/mrt-print-all" "$1" 2>/dev/null | sed -n 's,.*Flags/Type/Length: 0x.0/14/,,p' | sort | uniq -c | awk '{ $1 = $1 } 1' | tr '\n' ';'; }
both="1 TABLE_DUMP2|2001:db8::1|64500|2001:db8:100::/48|2001:db8::1;1 TABLE_DUMP2|2001:db8::1|64500|2001:db8:200:8000::/49|2001:db8::1;"
twice="2 mrt2bgpdump TABLE_DUMP2|2001:db8:100::/48;2 mrt2bgpdump TABLE_DUMP2|2001:db8:200:8000::/49;"
expect "BIRD 2.0.12" "$(lines bird.mrt)" "1 TABLE_DUMP2_AP|::|0|2001:db8::/64|INCOMPLETE;$both$twice"
expect "next hop of the route that is not BGP's" "$(bgpdump -m bird.mrt 2>/dev/null | sed -n 's/^TABLE_DUMP2_AP.*INCOMPLETE|\([0-9.]*\)|.*/\1/p')" 255.255.255.255
expect "GoBGP 3.10.0" "$(lines gobgp.mrt)" "$both$twice"
expect "length of MP_REACH_NLRI in BIRD's entries (two addresses and their length)" "$(mp_reach bird.mrt)" "2 33;"
expect "in GoBGP's (AFI, SAFI, two prefixes besides)" "$(mp_reach gobgp.mrt)" "2 52;"
exit $changed

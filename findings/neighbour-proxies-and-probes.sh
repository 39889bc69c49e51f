#!/bin/sh
# Who answers for others' IPv6 addresses (RFC 4389, RFC 4861 7.2.8): ndppd, npd6, and Linux' `ip neigh add proxy`.
# Expected: all answer every solicitation that the owner would: by multicast, by unicast (a neighbour that checks that it is still reachable,
# RFC 4861 7.3), and of who looks for a duplicate of its address (RFC 4862 5.4.3).
# Seen: all answer by multicast, without the override flag, as they should. ndppd and npd6 answer neither a unicast solicitation, so every
# entry for a proxied address fails its probes and is resolved anew for ever, nor one from ::, so that somebody may take the address.
# Linux answers for duplicates; unicast solicitations it answers only with net.ipv6.conf.all.proxy_ndp set as well as the interface's own.
# For us: a proxy has to answer all three; hosts behind such a proxy are seen to fail and come back, which is no fault of the path.
cd "$(dirname "$0")" && . ./lib.sh
packages ndppd=0.2.5-6 npd6=1.1.0-5 python3-scapy=2.5.0+dfsg-2
a=${T##*/}-a b=${T##*/}-b # namespaces: the proxy's, the asking host's
trap 'kill $daemon 2>/dev/null; ip netns del "$a"; ip netns del "$b"; rm -rf "$T"' EXIT
{ ip netns add "$a" && ip netns add "$b"; } || exit 2
ip -n "$a" link add a0 address 02:00:00:00:00:01 type veth peer name b0 address 02:00:00:00:00:09 netns "$b"
ip -n "$a" link add d0 type veth peer name d1
ip netns exec "$a" sysctl -qw net.ipv6.conf.all.forwarding=1
for link in "$a lo" "$a a0" "$a d0" "$a d1" "$b lo" "$b b0"; do
    # shellcheck disable=SC2086
    ip -n ${link% *} link set ${link#* } up
done
ip -n "$a" addr add fe80::1/64 dev a0 nodad
ip -n "$b" addr add fe80::9/64 dev b0 nodad
ip -n "$a" addr add 2001:db8:1::1/64 dev d0 nodad
cat >"$T/ask.py" <<'END'
# for each kind of solicitation: the answer's flags and whether it names the link-layer address; -: none within 2.5 s
import time
from scapy.all import AsyncSniffer, Ether, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6, sendp
target, me, proxy = "2001:db8:1::77", "02:00:00:00:00:09", "02:00:00:00:00:01"
group = "ff02::1:ff00:77", "33:33:ff:00:00:77"
def ask(source, destination, mac):
    p = Ether(src=me, dst=mac) / IPv6(src=source, dst=destination, hlim=255) / ICMPv6ND_NS(tgt=target)
    if source != "::":
        p /= ICMPv6NDOptSrcLLAddr(lladdr=me)
    sniffer = AsyncSniffer(iface="b0", lfilter=lambda x: ICMPv6ND_NA in x and x[ICMPv6ND_NA].tgt == target)
    sniffer.start()
    time.sleep(0.5)
    sendp(p, iface="b0", verbose=False)
    time.sleep(2.5)
    answers = {"R%dS%dO%d%s to %s" % (x[ICMPv6ND_NA].R, x[ICMPv6ND_NA].S, x[ICMPv6ND_NA].O,
                                     "+" if ICMPv6NDOptDstLLAddr in x else "", x[IPv6].dst) for x in sniffer.stop()}
    return " ".join(sorted(answers)) or "-"
print("multicast %s; unicast %s; from :: %s" % (ask("fe80::9", *group), ask("fe80::9", target, proxy), ask("::", *group)))
END
ask() { ip netns exec "$b" /usr/bin/python3 "$T/ask.py" 2>"$T/log"; }
proxy_ndp() { ip netns exec "$a" sysctl -qw net.ipv6.conf.a0.proxy_ndp="$1" net.ipv6.conf.all.proxy_ndp="$2"; }
sleep 2
ip -n "$a" neigh add proxy 2001:db8:1::77 dev a0
proxy_ndp 1 0
expect "Linux, the interface's proxy_ndp" "$(ask)" "multicast R0S1O0+ to fe80::9; unicast -; from :: R0S0O0+ to ff02::1"
proxy_ndp 1 1
expect "Linux, all.proxy_ndp too" "$(ask)" "multicast R0S1O0+ to fe80::9; unicast R0S1O0 to fe80::9; from :: R0S0O0+ to ff02::1"
proxy_ndp 0 0
ip -n "$a" neigh del proxy 2001:db8:1::77 dev a0
printf 'proxy a0 {\n router yes\n rule 2001:db8:1::/64 {\n  static\n }\n}\n' >"$T/ndppd.conf"
ip netns exec "$a" ndppd -c "$T/ndppd.conf" >"$T/ndppd.log" 2>&1 &
daemon=$!
sleep 2
expect "ndppd 0.2.5" "$(ask)" "multicast R1S1O0+ to fe80::9; unicast -; from :: -"
kill $daemon
wait $daemon 2>/dev/null
printf 'prefix=2001:0db8:0001:0000:\ninterface = a0\nrouterNA = true\n' >"$T/npd6.conf"
ip netns exec "$a" npd6 -c "$T/npd6.conf" -l "$T/npd6.log" >"$T/npd6.out" 2>&1 &
daemon=$!
sleep 2
expect "npd6 1.1.0" "$(ask)" "multicast R1S1O0+ to fe80::9; unicast -; from :: -"
exit $changed

#!/bin/sh
# What tayga, the stateless NAT64 that Debian has, makes of packets at the edges of RFC 7915.
# Expected: a small IPv6 packet becomes one that routers may cut (section 5.1: at most 1,260 bytes, then no DF, and an identification), a UDP
# datagram without a checksum gets one (4.5), and the pointer of a parameter problem is translated (5.2), as is that of a next header.
# Seen: all that has no fragment header leaves with DF and identification 0, so that behind an IPv4 link of less than 1,260 bytes nothing
# arrives: the errors tell IPv6 hosts of less than 1,280, by which they may no longer act (RFC 8201). A datagram without a checksum, and a
# parameter problem about a field (code 0), are dropped without a word; code 1 becomes "protocol unreachable" as it should.
# Right is what one might doubt: no fragment header for IPv4 packets that may be cut, IPv4 options left out, MTUs by 20 more and less.
# For us: a peer behind tayga sets DF on the smallest packets, and its answers to datagrams without a checksum never come.
cd "$(dirname "$0")" && . ./lib.sh
packages tayga=0.9.2-8 python3-scapy=2.5.0+dfsg-2
a=${T##*/}-a b=${T##*/}-b # namespaces: the translator's, and that of who sends and listens
trap 'kill $daemon 2>/dev/null; ip netns del "$a"; ip netns del "$b"; rm -rf "$T"' EXIT
{ ip netns add "$a" && ip netns add "$b"; } || exit 2
ip -n "$a" link add a0 address 02:00:00:00:00:01 type veth peer name b0 address 02:00:00:00:00:09 netns "$b"
ip netns exec "$a" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for link in "$a lo" "$a a0" "$b lo" "$b b0"; do
    ip -n "${link% *}" link set "${link#* }" up
done
ip -n "$a" addr add 198.51.100.1/24 dev a0
ip -n "$a" addr add 2001:db8:6::1/64 dev a0 nodad
ip -n "$a" neigh add 198.51.100.9 lladdr 02:00:00:00:00:09 dev a0
ip -n "$a" neigh add 2001:db8:6::6 lladdr 02:00:00:00:00:09 dev a0
cat >"$T/tayga.conf" <<END
tun-device nat64
ipv4-addr 192.168.255.1
ipv6-addr 2001:db8:ffff::1
prefix 2001:db8:64::/96
map 192.0.2.6 2001:db8:6::6
data-dir $T
END
ip netns exec "$a" tayga -c "$T/tayga.conf" --mktun >"$T/log" || exit 2
ip -n "$a" link set nat64 up
ip -n "$a" route add 192.0.2.0/24 dev nat64
ip -n "$a" route add 2001:db8:64::/96 dev nat64
ip netns exec "$a" tayga -c "$T/tayga.conf" -d >"$T/log" 2>&1 &
daemon=$!
cat >"$T/send.py" <<'END'
# sends what is named, and says what comes out of the translator
import sys, time
from scapy.all import (AsyncSniffer, Ether, ICMP, ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6ParamProblem, IP, IPOption_RR, IPv6,
                       IPv6ExtHdrFragment, UDP, sendp)
v4, v6 = dict(src="198.51.100.9", dst="192.0.2.6"), dict(src="2001:db8:6::6", dst="2001:db8:64::198.51.100.9")
inner4 = IP(src=v4["dst"], dst=v4["src"], flags="DF") / UDP(sport=2, dport=1) / b"x"
inner6 = IPv6(src=v6["dst"], dst=v6["src"]) / UDP(sport=1, dport=2) / b"x"
udp4, udp6 = UDP(sport=1, dport=2) / b"x", UDP(sport=2, dport=1) / b"x"
packets = {
    "plain": IP(flags="DF", **v4) / udp4,
    "may-be-cut": IP(id=77, **v4) / udp4,
    "options": IP(options=[IPOption_RR()], **v4) / udp4,
    "no-checksum": IP(**v4) / UDP(sport=1, dport=2, chksum=0) / b"x",
    "needs-fragments": IP(**v4) / ICMP(type=3, code=4, nexthopmtu=1400) / inner4,
    "small": IPv6(**v6) / udp6,
    "atomic": IPv6(**v6) / IPv6ExtHdrFragment(id=0x12345678) / udp6,
    "too-big": IPv6(**v6) / ICMPv6PacketTooBig(mtu=1280) / inner6,
    "prohibited": IPv6(**v6) / ICMPv6DestUnreach(code=1) / inner6,
    "problem-field": IPv6(**v6) / ICMPv6ParamProblem(code=0, ptr=6) / inner6,
    "problem-protocol": IPv6(**v6) / ICMPv6ParamProblem(code=1, ptr=6) / inner6,
}
def said(p):
    if ICMPv6PacketTooBig in p:
        return "too big, MTU %d" % p[ICMPv6PacketTooBig].mtu
    if ICMP in p:
        return "type %d code %d" % (p[ICMP].type, p[ICMP].code) + (" MTU %d" % p[ICMP].nexthopmtu if p[ICMP].code == 4 else "")
    if IP in p:
        return "IPv4 flags %s id %#x" % (str(p[IP].flags) or "-", p[IP].id)
    return "IPv6" + (" in a fragment" if IPv6ExtHdrFragment in p else "")
sniffer = AsyncSniffer(iface="b0", lfilter=lambda p: p[Ether].src == "02:00:00:00:00:01" and (
    IP in p and p[IP].src == v4["dst"] or IPv6 in p and p[IPv6].dst == v6["src"]))
sniffer.start()
time.sleep(0.5)
sendp(Ether(src="02:00:00:00:00:09", dst="02:00:00:00:00:01") / packets[sys.argv[1]], iface="b0", verbose=False)
time.sleep(1.5)
print("; ".join(said(p) for p in sniffer.stop()) or "-")
END
sleep 1
try() { expect "$1" "$(ip netns exec "$b" /usr/bin/python3 "$T/send.py" "$1" 2>"$T/log")" "$2"; }
try plain "IPv6"
try may-be-cut "IPv6"
try options "IPv6"
try needs-fragments "too big, MTU 1420"
try no-checksum "-"
try small "IPv4 flags DF id 0x0"
try atomic "IPv4 flags - id 0x5678"
try too-big "type 3 code 4 MTU 1260"
try prohibited "type 3 code 10"
try problem-protocol "type 3 code 2"
try problem-field "-"
exit $changed

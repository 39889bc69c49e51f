#!/bin/sh
# The protocol field of PPP has two bytes; one is allowed only when both ends have agreed on compressing it (RFC 1661 6.5),
# and in PPPoE that is not recommended (RFC 2516 section 7).
# Expected: scapy builds two bytes unless told otherwise.
# Seen: it builds one byte for every protocol below 256, so for IPv4 and IPv6, in PPPoE too; what it has parsed keeps the length
# that it had. tcpdump reads both; nfdump's reader takes the byte and the first of the datagram for a protocol, and counts no flow.
# For us: frames of PPPoE for tests have the two bytes spelled out, and a receiver takes both forms.
cd "$(dirname "$0")" && . ./lib.sh
packages python3-scapy=2.5.0+dfsg-2 nfdump=1.7.1-2+deb12u1 tcpdump=4.99.3-1 libpcap0.8=1.10.3-1
/usr/bin/python3 - "$T" >"$T/built" 2>/dev/null <<'END'
import sys
from scapy.all import Ether, IP, IPv6, PPP, PPPoE, Raw, UDP, wrpcap
print((bytes(PPP() / IP())[:2]).hex(), (bytes(PPP() / IPv6())[:2]).hex(), (bytes(PPPoE() / PPP() / IP())[6:8]).hex(),
      (bytes(PPP(bytes.fromhex("0021") + bytes(IP())))[:2]).hex())
ethernet = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
datagram = IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=1001, dport=9)
for name, frame in (("one", ethernet / PPPoE(sessionid=1) / PPP() / datagram),
                    ("two", ethernet / PPPoE(sessionid=1, len=30) / Raw(b"\0\x21") / datagram)):
    wrpcap(sys.argv[1] + "/" + name + ".pcap", frame)
END
by_tcpdump() { tcpdump -nr "$1" 2>/dev/null | cut -d' ' -f2-; }
by_nfdump()
{
    mkdir "$1.flows"
    nfpcapd -r "$1" -w "$1.flows" >/dev/null 2>&1
    for f in "$1".flows/nfcapd*; do nfdump -q -r "$f" -o 'fmt:%sap %dap' 2>/dev/null; done | grep -c 192.0.2.1:1001
}
expect "scapy 2.5.0: IPv4, IPv6, IPv4 in PPPoE, IPv4 parsed before" "$(cat "$T/built")" "2145 5760 2145 0021"
line="PPPoE  [ses 0x1] IP 192.0.2.1.1001 > 192.0.2.2.9: UDP, length 0"
expect "tcpdump, one byte" "$(by_tcpdump "$T/one.pcap")" "$line"
expect "tcpdump, two bytes" "$(by_tcpdump "$T/two.pcap")" "$line"
expect "flows by nfdump 1.7.1, one byte" "$(by_nfdump "$T/one.pcap")" 0
expect "flows by nfdump 1.7.1, two bytes" "$(by_nfdump "$T/two.pcap")" 1
exit $changed

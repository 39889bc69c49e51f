#!/bin/sh
# The same TCP connection, untagged, behind 802.1Q, behind 802.1ad and 802.1Q, and as `tcpdump -i any` writes it (SLL2).
# Expected: what reads captures for flows sees it behind an 802.1Q tag, tells the tag, and most see it behind two.
# Seen: p0f sees no packet behind any tag, in silence, but reads SLL2; tcptrace, ngrep and nfdump see one tag and stop at
# 802.1ad (only nfdump says so), and nfdump tells the tag as the flow's destination VLAN, with 0 as its source VLAN; tcpflow
# sees all, and names flows by a tag of 802.1Q, but not by two; all but p0f refuse SLL2.
# For us: what such tools say of a port with tags proves nothing; captures for them are made behind the tags.
cd "$(dirname "$0")" && . ./lib.sh
packages python3-scapy=2.5.0+dfsg-2 p0f=3.09b-3 tcptrace=6.6.7-6+b1 ngrep=1.47+ds1-5+b1 nfdump=1.7.1-2+deb12u1 tcpflow=1.6.1-2+b1
/usr/bin/python3 - "$T" 2>/dev/null <<'END'
import struct, sys
from scapy.all import Dot1AD, Dot1Q, Ether, IP, Raw, TCP, wrpcap
def segment(back, flags, seq, ack, data=b""):
    ends = ("192.0.2.2", "192.0.2.1", 80, 4000) if back else ("192.0.2.1", "192.0.2.2", 4000, 80)
    options = [("MSS", 1460)] if "S" in flags else []
    return IP(src=ends[0], dst=ends[1]) / TCP(sport=ends[2], dport=ends[3], flags=flags, seq=seq, ack=ack, options=options) / Raw(data)
connection = [segment(0, "S", 1, 0), segment(1, "SA", 100, 2), segment(0, "A", 2, 101), segment(0, "PA", 2, 101, b"GET / HTTP/1.0\r\n\r\n"),
              segment(1, "FA", 101, 20), segment(0, "FA", 20, 102), segment(1, "A", 102, 21)]
ethernet = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
sll2 = Raw(struct.pack("!HHIHBB8s", 0x800, 0, 3, 1, 0, 6, b"\2\0\0\0\0\1"))
for name, head, link in (("untagged", ethernet, 1), ("dot1q", ethernet / Dot1Q(vlan=10), 1),
                         ("dot1ad", ethernet / Dot1AD(vlan=5) / Dot1Q(vlan=10), 1), ("sll2", sll2, 276)):
    wrpcap("%s/%s.pcap" % (sys.argv[1], name), [head / p for p in connection], linktype=link)
END
by_p0f() { p0f -f "$T/root/etc/p0f/p0f.fp" -r "$1" 2>/dev/null | grep -q '^\.-\[' && echo seen || echo -; }
by_tcptrace() { tcptrace -n "$1" 2>/dev/null | grep -q '192.0.2.1:4000' && echo seen || echo -; }
by_ngrep() { ngrep -q -I "$1" GET 2>/dev/null | grep -q '^T ' && echo seen || echo -; }
by_nfdump()
{
    mkdir "$1.flows"
    nfpcapd -o fat -r "$1" -w "$1.flows" >"$1.said" 2>&1
    for f in "$1".flows/nfcapd*; do nfdump -q -r "$f" -o 'fmt:%sap VLANs %svln %dvln' 2>/dev/null; done | awk '/192.0.2.1:4000/ { print "seen, " $2, $3, $4 }' | grep . ||
        { grep -qi 'unsupported' "$1.said" && echo refused || echo -; }
}
by_tcpflow() { tcpflow -r "$1" -o "$1.tcpflow" >/dev/null 2>&1; (cd "$1.tcpflow" && for f in 192.000.002.001.*; do [ -e "$f" ] && echo "seen, ${f#*.00080}" || echo -; done); }
all() { for n in untagged dot1q dot1ad sll2; do printf '%s; ' "$("by_$1" "$T/$n.pcap")"; done; }
echo "untagged; 802.1Q; 802.1ad and 802.1Q; SLL2:"
expect "p0f 3.09b" "$(all p0f)" "seen; -; -; seen; "
expect "tcptrace 6.6.7" "$(all tcptrace)" "seen; seen; -; -; "
expect "ngrep 1.47" "$(all ngrep)" "seen; seen; -; -; "
expect "nfdump 1.7.1" "$(all nfdump)" "seen, VLANs 0 0; seen, VLANs 0 10; refused; refused; "
expect "tcpflow 1.6.1" "$(all tcpflow)" "seen, ; seen, --10; seen, ; -; "
exit $changed

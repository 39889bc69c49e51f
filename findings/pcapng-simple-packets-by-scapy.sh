#!/bin/sh
# A simple packet block of a pcapng file has neither a time nor a captured length: that is the lesser of the packet's
# length and its interface's snapshot length, of which 0 means "no limit".
# Expected: scapy gives the bytes, and no time or 0, as libpcap does.
# Seen: with a snapshot length of 0 the packet is empty (and printed as an Ethernet header of defaults), though its wire length
# is right; and its time is that of reading,
# so that the same file differs each time.
# For us: what we write has enhanced packet blocks; tests compare bytes, and times only where the block has one.
cd "$(dirname "$0")" && . ./lib.sh
packages python3-scapy=2.5.0+dfsg-2 tcpdump=4.99.3-1 libpcap0.8=1.10.3-1
/usr/bin/python3 - "$T" <<'END'
import sys
sys.path.insert(0, ".")
from pcapng import *
for snaplen in 0, 65535:
    open("%s/%u.pcapng" % (sys.argv[1], snaplen), "wb").write(section() + interface(snaplen=snaplen) + simple(FRAME))
END
by_tcpdump() { tcpdump -tt -nr "$1" 2>/dev/null; }
by_scapy() { /usr/bin/python3 -c '
import sys, time
from scapy.all import rdpcap
p, = rdpcap(sys.argv[1])
print(len(p.original), "of", p.wirelen, "bytes,", "now" if abs(float(p.time) - time.time()) < 60 else p.time)' "$1" 2>/dev/null; }
line="0.000000 IP 192.0.2.1.1001 > 192.0.2.2.9: UDP, length 0"
expect "libpcap 1.10.3, snapshot length 0" "$(by_tcpdump "$T/0.pcapng")" "$line"
expect "libpcap 1.10.3, snapshot length 65535" "$(by_tcpdump "$T/65535.pcapng")" "$line"
expect "scapy 2.5.0, snapshot length 0" "$(by_scapy "$T/0.pcapng")" "0 of 42 bytes, now"
expect "scapy 2.5.0, snapshot length 65535" "$(by_scapy "$T/65535.pcapng")" "42 of 42 bytes, now"
exit $changed

#!/bin/sh
# A second section of a pcapng file (files simply joined with cat are one) begins with interfaces of its own, numbered from 0.
# Expected: a packet's time goes by the interface of its section, whatever reads it.
# Seen: libpcap does so. scapy goes on counting, so that interface 0 is for ever that of the first section; dpkt uses the
# first interface of the file for all packets, also within a section. A packet of a nanosecond section behind a microsecond
# one is in the year 55840 for both.
# For us: captures of different tools are joined by mergecap, never by cat, before scapy judges their times.
cd "$(dirname "$0")" && . ./lib.sh
packages python3-scapy=2.5.0+dfsg-2 python3-dpkt=1.9.8-1 tcpdump=4.99.3-1 libpcap0.8=1.10.3-1
/usr/bin/python3 - "$T" <<'END'
import sys
sys.path.insert(0, ".")
from pcapng import *
open(sys.argv[1] + "/two.pcapng", "wb").write(section() + interface(6) + enhanced(FRAME, 6) +
                                              section() + interface(9) + enhanced(FRAME, 9))
open(sys.argv[1] + "/one.pcapng", "wb").write(section() + interface(6) + interface(9) + enhanced(FRAME, 6) +
                                              enhanced(FRAME, 9, index=1))
END
by_tcpdump() { tcpdump -tt -nr "$1" 2>/dev/null | cut -d' ' -f1 | xargs; }
by_scapy() { /usr/bin/python3 -c 'import sys; from scapy.all import rdpcap; print(*[float(p.time) for p in rdpcap(sys.argv[1])])' "$1" 2>/dev/null; }
by_dpkt() { /usr/bin/python3 -c 'import sys, dpkt; print(*[t for t, _ in dpkt.pcapng.Reader(open(sys.argv[1], "rb"))])' "$1"; }
right="1700000000.500000 1700000000.500000"
expect "libpcap 1.10.3, two sections" "$(by_tcpdump "$T/two.pcapng")" "$right"
expect "libpcap 1.10.3, two interfaces" "$(by_tcpdump "$T/one.pcapng")" "$right"
expect "scapy 2.5.0, two sections" "$(by_scapy "$T/two.pcapng")" "1700000000.5 1700000000500.0"
expect "scapy 2.5.0, two interfaces" "$(by_scapy "$T/one.pcapng")" "1700000000.5 1700000000.5"
expect "dpkt 1.9.8, two sections" "$(by_dpkt "$T/two.pcapng")" "1700000000.5 1700000000500.0"
expect "dpkt 1.9.8, two interfaces" "$(by_dpkt "$T/one.pcapng")" "1700000000.5 1700000000500.0"
exit $changed

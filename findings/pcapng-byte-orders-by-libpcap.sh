#!/bin/sh
# Sections of a pcapng file say their byte order themselves, so that files of two machines can be joined.
# Expected: libpcap reads both sections, or says that it does not read the second one's byte order.
# Seen: it takes the length of the second section's header in the order of the first, and complains of a block of
# 469,762,048 bytes; tshark and scapy read both packets.
# For us: read the byte-order magic of a section header before its length.
cd "$(dirname "$0")" && . ./lib.sh
packages tcpdump=4.99.3-1 libpcap0.8=1.10.3-1 python3-scapy=2.5.0+dfsg-2
/usr/bin/python3 - "$T" <<'END'
import sys
sys.path.insert(0, ".")
from pcapng import *
open(sys.argv[1] + "/two.pcapng", "wb").write(b"".join(section(e) + interface(e=e) + enhanced(FRAME, e=e) for e in "<>"))
END
expect "packets by libpcap 1.10.3" "$(tcpdump -nr "$T/two.pcapng" 2>"$T/said" | wc -l)" 1
expect "said by it" "$(tail -1 "$T/said")" "tcpdump: pcap_loop: pcapng block size 469762048 > maximum 16777216"
expect "packets by scapy 2.5.0" "$(/usr/bin/python3 -c 'import sys; from scapy.all import rdpcap; print(len(rdpcap(sys.argv[1])))' "$T/two.pcapng" 2>/dev/null)" 2
exit $changed

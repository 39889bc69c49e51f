#!/bin/sh
# A custom block of a pcapng file is for those who know its enterprise number; all others skip it (section 4.8 of the draft).
# Expected: as if it was not there.
# Seen in Wireshark 4.0: capinfos does not count it; tshark gives it a frame number, so that numbers differ from tcpdump's;
# editcap and tshark that write a classic pcap file end at it with an error, and what comes behind it is lost.
# For us: frame numbers of two tools are not compared in files with custom blocks, and what we write has none.
cd "$(dirname "$0")" && . ./lib.sh
packages tshark=4.0.17-0+deb12u3 wireshark-common=4.0.17-0+deb12u3 libwireshark16=4.0.17-0+deb12u3 libwiretap13=4.0.17-0+deb12u3 \
    libwsutil14=4.0.17-0+deb12u3 tcpdump=4.99.3-1 libpcap0.8=1.10.3-1
/usr/bin/python3 - "$T" <<'END'
import sys
sys.path.insert(0, ".")
from pcapng import *
open(sys.argv[1] + "/custom.pcapng", "wb").write(section() + interface() + custom(b"abcd") + enhanced(FRAME) + enhanced(FRAME))
END
export HOME="$T"
expect "packets by tcpdump" "$(tcpdump -nr "$T/custom.pcapng" 2>/dev/null | wc -l)" 2
expect "by capinfos 4.0.17" "$(capinfos -cMT "$T/custom.pcapng" 2>/dev/null | tail -1 | cut -f2)" 2
expect "frame numbers of UDP by tshark 4.0.17" "$(tshark -r "$T/custom.pcapng" -Y udp -T fields -e frame.number 2>/dev/null | xargs)" "2 3"
editcap -F pcap "$T/custom.pcapng" "$T/out.pcap" >/dev/null 2>&1
expect "exit status of editcap -F pcap" "$?" 2
expect "packets that it wrote" "$(tcpdump -nr "$T/out.pcap" 2>/dev/null | wc -l)" 0
exit $changed

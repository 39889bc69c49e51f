#!/bin/sh
# One TCP connection with two bytes of data each way, as a tap or a veth has it (frames down to 54 bytes), and as it comes off any wire: padded to 60.
# Expected: what reads captures for flows or data goes by the length in the IP header: the same flows, bytes and data.
# Seen: tcpflow writes the padding of acknowledgements behind the data of the streams, and that of the SYNs into a file of its own; ngrep
# shows it as payload, so that every packet has some; softflowd and tcpstat count it as bytes of IP, and softflowd exports that. nfdump,
# tcptrace, tshark and dpkt do as expected.
# For us: whether bytes were changed or lost on the way through a switch is not for tcpflow to say, and bytes counted by softflowd are compared
# with no counter of routes; a switch that pads what it sends to 60 bytes, or cuts padding off, makes both differ.
cd "$(dirname "$0")" && . ./lib.sh
packages python3-scapy=2.5.0+dfsg-2 tcpflow=1.6.1-2+b1 ngrep=1.47+ds1-5+b1 softflowd=1.1.0-1+b1 tcpstat=1.5-8+b1 nfdump=1.7.1-2+deb12u1 \
    tcptrace=6.6.7-6+b1 tshark=4.0.17-0+deb12u3 wireshark-common=4.0.17-0+deb12u3 python3-dpkt=1.9.8-1
/usr/bin/python3 - "$T" 2>/dev/null <<'PYTHON'
import sys
from scapy.all import IP, TCP, Ether, Raw, wrpcap
def segment(back, flags, seq, ack, data=b""):
    ends = [("02:00:00:00:00:01", "192.0.2.1", 4000), ("02:00:00:00:00:02", "192.0.2.2", 80)]
    (mac, src, sport), (to, dst, dport) = ends[::-1] if back else ends
    return Ether(src=mac, dst=to) / IP(src=src, dst=dst) / TCP(sport=sport, dport=dport, flags=flags, seq=seq, ack=ack) / Raw(data)
connection = [segment(0, "S", 1, 0), segment(1, "SA", 100, 2), segment(0, "A", 2, 101), segment(0, "PA", 2, 101, b"ab"), segment(1, "A", 101, 4),
              segment(1, "PA", 101, 4, b"cd"), segment(0, "A", 4, 103), segment(1, "FA", 103, 4), segment(0, "FA", 4, 104), segment(1, "A", 104, 5)]
for name, length in (("short", 0), ("padded", 60)):
    frames = [Ether(bytes(p).ljust(length, b"\0")) for p in connection]
    for i, f in enumerate(frames):
        f.time = 1700000000 + i / 10
    wrpcap(f"{sys.argv[1]}/{name}.pcap", frames)
PYTHON
by_tcpflow()
{
    tcpflow -r "$T/$1.pcap" -o "$T/$1.tcpflow" >/dev/null 2>&1
    (cd "$T/$1.tcpflow" && for f in 192.*; do printf '%s ' "$(od -An -v -tx1 "$f" | tr -d ' \n')"; done)
}
by_ngrep() { ngrep -q -I "$T/$1.pcap" 2>/dev/null | grep -c '^T '; }
by_softflowd() { softflowd -r "$T/$1.pcap" -d -n 127.0.0.1:9 2>&1 | awk '$1 == "tcp" { n = $3 } END { print n }'; }
by_tcpstat() { tcpstat -r "$T/$1.pcap" -o '%N' 3600; }
by_nfdump()
{
    mkdir "$T/$1.nfdump"
    nfpcapd -r "$T/$1.pcap" -w "$T/$1.nfdump" >/dev/null 2>&1
    for f in "$T/$1.nfdump"/nfcapd*; do nfdump -q -r "$f" -o 'fmt:%byt'; done | awk '{ n += $1 } END { print n }'
}
by_tcptrace() { tcptrace -nl "$T/$1.pcap" 2>/dev/null | sed -n 's/.*actual data bytes: *\([0-9]*\) .*actual data bytes: *\([0-9]*\) .*/\1 \2/p'; }
by_tshark() { tshark -r "$T/$1.pcap" -T fields -e tcp.len 2>/dev/null | tr '\n' ' '; }
by_dpkt()
{
    /usr/bin/python3 -c 'import dpkt, sys
print(*(len(dpkt.ethernet.Ethernet(b).data.data.data) for _, b in dpkt.pcap.Reader(open(sys.argv[1], "rb"))))' "$T/$1.pcap"
}
both() { echo "$("by_$1" short); $("by_$1" padded)"; }
echo "frames as short as they are; padded to 60 bytes:"
expect "tcpflow 1.6.1, files" "$(both tcpflow)" "6162 6364 ; 6162000000000000 6364000000000000 000000000000 "
expect "ngrep 1.47, packets with payload" "$(both ngrep)" "2; 10"
expect "softflowd 1.1.0, bytes" "$(both softflowd)" "404; 460"
expect "tcpstat 1.5, bytes" "$(both tcpstat)" "404; 460"
expect "nfdump 1.7.1, bytes" "$(both nfdump)" "404; 404"
expect "tcptrace 6.6.7, data each way" "$(both tcptrace)" "2 2; 2 2"
expect "tshark 4.0.17, data of each packet" "$(both tshark)" "0 0 0 2 0 2 0 0 0 0 ; 0 0 0 2 0 2 0 0 0 0 "
expect "dpkt 1.9.8, data of each packet" "$(both dpkt)" "0 0 0 2 0 2 0 0 0 0; 0 0 0 2 0 2 0 0 0 0"
exit $changed

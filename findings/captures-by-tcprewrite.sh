#!/bin/sh
# Captures that were made elsewhere are given other addresses by tcprewrite before they are played into a switch.
# Expected: what it is not told to change stays, and sums are made right where it changes something.
# Seen: without any option the MAC addresses of IPv6 frames become 33:33:.., that of the sender, too, and over what --enet-dmac says; the
# padding of a short frame becomes data of its TCP packet (the IP header's length grows); a UDP sum of 0xffff becomes 0, which says that there
# is none. --pnat leaves the sum of ICMPv6 wrong and IPv6 fragments with their addresses. As they should be are IPv4 fragments, UDP without a
# sum, two tags and hop-by-hop options; what an ICMP error quotes stays.
# For us: a replay of IPv6 that a switch drops was broken before (a sender's address of a group); captures for tests are rewritten by a program
# that makes the packets anew.
cd "$(dirname "$0")" && . ./lib.sh
packages tcpreplay=4.4.3-1 python3-scapy=2.5.0+dfsg-2
cat >"$T/frames.py" <<'PYTHON'
# frames.py make FILE; frames.py show FILE: what became of each frame
import sys
from scapy.all import (Dot1AD, Dot1Q, Ether, ICMP, ICMPv6EchoRequest, IP, IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN, Raw, TCP, UDP,
                       fragment, rdpcap, wrpcap)
def ethernet():
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
def udp(data=b"data", **fields):
    return UDP(sport=1001, dport=9, **fields) / Raw(data)
def ip(**fields):
    return IP(src="192.0.2.1", dst="192.0.2.2", **fields)
def ip6():
    return IPv6(src="2001:db8::1", dst="2001:db8::2")
def same_sum(frame, layer, field):
    """Whether the sum is the one that scapy makes."""
    again = frame.copy()
    delattr(again[layer], field)
    return getattr(Ether(bytes(again))[layer], field) == getattr(frame[layer], field)
first, second = fragment(ip(id=7) / udp(bytes(100)), fragsize=48)[:2]
frames = {
    "short": Ether(bytes(ethernet() / ip() / TCP(sport=1001, dport=9, flags="A")).ljust(60, b"\0")),
    "first": ethernet() / first, "second": ethernet() / second,
    "no-sum": ethernet() / ip() / udp(chksum=0),
    "ffff": ethernet() / ip() / udp(Ether(bytes(ethernet() / ip() / udp(b"\0\0")))[UDP].chksum.to_bytes(2, "big")),
    "tags": ethernet() / Dot1AD(vlan=5) / Dot1Q(vlan=6) / ip() / udp(),
    "error": ethernet() / IP(src="198.51.100.9", dst="192.0.2.1") / ICMP(type=3, code=3) / Raw(bytes(ip() / udp())),
    "udp6": ethernet() / ip6() / udp(),
    "hop-by-hop": ethernet() / ip6() / IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(4))]) / udp(),
    "echo6": ethernet() / ip6() / ICMPv6EchoRequest(data=b"data"),
    "fragment6": ethernet() / ip6() / IPv6ExtHdrFragment(nh=17, offset=6, id=5) / Raw(bytes(60)),
}
if sys.argv[1] == "make":
    wrpcap(sys.argv[2], [Ether(bytes(f)) for f in frames.values()])
    sys.exit()
said = {}
for name, before, after in zip(frames, frames.values(), rdpcap(sys.argv[2])):
    before, words = Ether(bytes(before)), said.setdefault(name, [])
    if before.src != after.src or before.dst != after.dst:
        words.append(f"MACs {after.src[:5]} {after.dst[:5]} {after.dst[-2:]}")
    layer = IP if IP in before else IPv6
    if before[layer].src != after[layer].src or before[layer].dst != after[layer].dst:
        words.append("addresses")
    if layer is IP and before[IP].len != after[IP].len:
        words.append(f"length {before[IP].len} {after[IP].len}")
    if name == "first":
        whole = IP(src=after[IP].src, dst=after[IP].dst, proto=17) / Raw(bytes(after[IP].payload)[:48] + bytes(60))
        if not same_sum(Ether(bytes(ethernet() / whole)), UDP, "chksum"):
            words.append("wrong sum")
    elif UDP in after and name not in ("second", "error"):
        words += [f"sum {after[UDP].chksum:x}"] if name in ("ffff", "no-sum") else [] if same_sum(after, UDP, "chksum") else ["wrong sum"]
    elif name == "echo6" and not same_sum(after, ICMPv6EchoRequest, "cksum"):
        words.append("wrong sum")
    elif name == "error" and bytes(after[ICMP].payload) == bytes(before[ICMP].payload):
        words.append("quote as before")
print("; ".join(f"{name}: {', '.join(words)}" for name, words in said.items() if words))
PYTHON
/usr/bin/python3 "$T/frames.py" make "$T/made.pcap" 2>/dev/null || exit 2
rewritten()
{
    tcprewrite "$@" -i "$T/made.pcap" -o "$T/rewritten.pcap" >/dev/null 2>&1 && /usr/bin/python3 "$T/frames.py" show "$T/rewritten.pcap" 2>/dev/null
}
echo "tcprewrite 4.4.3:"
expect "as made" "$(/usr/bin/python3 "$T/frames.py" show "$T/made.pcap" 2>/dev/null)" "no-sum: sum 0; ffff: sum ffff; error: quote as before"
expect "no option" "$(rewritten)" "short: length 40 46; no-sum: sum 0; ffff: sum 0; error: quote as before; \
udp6: MACs 33:33 33:33 02; hop-by-hop: MACs 33:33 33:33 02; echo6: MACs 33:33 33:33 02"
expect "--enet-dmac" "$(rewritten --enet-dmac=02:00:00:00:00:07)" "short: MACs 02:00 02:00 07, length 40 46; first: MACs 02:00 02:00 07; \
second: MACs 02:00 02:00 07; no-sum: MACs 02:00 02:00 07, sum 0; ffff: MACs 02:00 02:00 07, sum 0; tags: MACs 02:00 02:00 07; \
error: MACs 02:00 02:00 07, quote as before; udp6: MACs 33:33 33:33 02; hop-by-hop: MACs 33:33 33:33 02; echo6: MACs 33:33 33:33 02; \
fragment6: MACs 02:00 02:00 07"
expect "--pnat" "$(rewritten '--pnat=192.0.2.0/24:203.0.113.0/24,[2001:db8::/64]:[2001:db8:9::/64]')" "short: addresses, length 40 46; \
first: addresses; second: addresses; no-sum: addresses, sum 0; ffff: addresses, sum bff; tags: addresses; error: addresses, quote as before; \
udp6: MACs 33:33 33:33 02, addresses; hop-by-hop: MACs 33:33 33:33 02, addresses; echo6: MACs 33:33 33:33 02, addresses, wrong sum"
exit $changed

"""Answers ARP requests for 10.9.0.9 on s1 in the way that the argument says; for arp-answers-that-count.sh."""
import sys
from scapy.all import ARP, Dot1Q, Ether, sendp, sniff

MAC, BROADCAST = "02:00:00:00:00:99", "ff:ff:ff:ff:ff:ff"


def answer(p):
    ethernet = Ether(src=MAC, dst=p[ARP].hwsrc)
    arp = ARP(op=2, hwsrc=MAC, psrc="10.9.0.9", hwdst=p[ARP].hwsrc, pdst=p[ARP].psrc)
    way = sys.argv[1]
    if way == "broadcast":
        ethernet.dst = BROADCAST
    elif way == "other-source":
        ethernet.src = "02:00:00:00:00:77"
    elif way == "gratuitous-reply":
        ethernet.dst, arp.hwdst, arp.pdst = BROADCAST, BROADCAST, "10.9.0.9"
    elif way == "gratuitous-request":
        ethernet.dst, arp.op, arp.hwdst, arp.pdst = BROADCAST, 1, "00:00:00:00:00:00", "10.9.0.9"
    elif way == "target-mac-0":
        arp.hwdst = "00:00:00:00:00:00"
    elif way == "target-ip-0":
        arp.pdst = "0.0.0.0"
    elif way == "vlan-0":
        ethernet /= Dot1Q(vlan=0)
    sendp(ethernet / arp, iface="s1", verbose=0)


sniff(iface="s1", prn=answer, store=0, started_callback=lambda: print("ready", flush=True),
      lfilter=lambda p: ARP in p and p[ARP].op == 1 and p[ARP].pdst == "10.9.0.9" and p[Ether].src == "02:00:00:00:00:10")

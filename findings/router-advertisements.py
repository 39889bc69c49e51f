"""Asks a router on the interface on the other end of s1 for advertisements; for router-advertisements-of-four.sh."""
import subprocess
import sys
import time
from scapy.all import AsyncSniffer, Ether, ICMPv6NDOptMTU, ICMPv6NDOptPrefixInfo, ICMPv6NDOptSrcLLAddr, ICMPv6ND_RA, ICMPv6ND_RS, IPv6, sendp


def advertisements(act, wait):
    seen = AsyncSniffer(iface="s1", lfilter=lambda p: ICMPv6ND_RA in p)
    seen.start()
    time.sleep(0.3)
    act()
    time.sleep(wait)
    return seen.stop()


def solicit(times):
    for i in range(times):
        time.sleep(0.2 if i else 0)
        sendp(Ether(src="02:00:00:00:00:11", dst="33:33:00:00:00:02") / IPv6(src="fe80::11", dst="ff02::2") / ICMPv6ND_RS() /
              ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:11"), iface="s1", verbose=0)


router = subprocess.Popen(["ip", "netns", "exec"] + sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
time.sleep(10)
answers = advertisements(lambda: solicit(1), 1)
time.sleep(6)
twice = advertisements(lambda: solicit(2), 1)
last = advertisements(router.terminate, 2)
router.kill()
first = answers[0]
prefix = first[ICMPv6NDOptPrefixInfo]
print("to", first[IPv6].dst, "| link-layer address:", "yes" if ICMPv6NDOptSrcLLAddr in first else "no",
      "| MTU:", first[ICMPv6NDOptMTU].mtu if ICMPv6NDOptMTU in first else "no",
      "| prefix valid, preferred:", prefix.validlifetime, prefix.preferredlifetime,
      "| two asked in 0.2 s:", len(twice), "in 1 s",
      "| at its end:", "router lifetime %u%s" % (last[-1][ICMPv6ND_RA].routerlifetime, "" if ICMPv6NDOptPrefixInfo in last[-1] else ", no prefix")
      if last else "nothing")

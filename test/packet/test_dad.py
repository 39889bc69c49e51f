"""Duplicate address detection, and multicast listening, between packet-generator interfaces.

Numbers in the names of tests are of the RFC that says so."""
import ipaddress
import re

import pytest
from packet_lib import wait_for
from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6MLQuery, ICMPv6MLQuery2, ICMPv6MLReport, ICMPv6MLDone,
                                ICMPv6MLReport2, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6,
                                IPv6ExtHdrHopByHop, RouterAlert)
from scapy.layers.l2 import ARP, Ether
from test_ip6 import has_right_sums

ALL_NODES = "33:33:00:00:00:01"


def seen(capture, layer):
    return [p for p in capture.everything() if layer in p]


def dad(switch):
    return switch.json("show ip6 dad")


# --- duplicate address detection


@pytest.fixture
def link(fresh):
    """pg0 that takes IPv6, and what it sends."""
    pg = fresh.pg(0, "2001:db8:a0::1/64", neighbor=False)
    return fresh, pg, fresh.capture(pg)


def test_settings(switch):
    off = "DAD Configuration:\n  Enabled: no\n  Transmits: {}\n  Delay: {} seconds\nActive DAD entries: 0\n"
    assert switch.ctl("show ip6 dad") == off.format(1, "1.0")
    switch.ctl("set ip6 dad enable transmits 2 delay 0.5")
    assert switch.ctl("show ip6 dad") == off.replace("no", "yes").format(2, ".5")
    assert "set ip6 dad enable transmits 2 delay 0.5" in switch.running_config()
    for wrong in ("transmits 0", "transmits 11", "delay 0", "delay 61"):
        assert "must be between" in switch.fails(f"set ip6 dad enable {wrong}")
    assert dad(switch)["transmits"] == 2
    switch.ctl("set ip6 dad disable")
    assert switch.ctl("show ip6 dad") == off.format(2, ".5")
    # the numbers are kept
    assert [line for line in switch.running_config() if "dad" in line] == \
        ["set ip6 dad enable transmits 2 delay 0.5", "set ip6 dad disable"]
    switch.ctl("set ip6 dad enable transmits 1 delay 1")
    switch.ctl("set ip6 dad disable")
    assert not [line for line in switch.running_config() if "dad" in line]


def probes(capture, target):
    return [p for p in seen(capture, ICMPv6ND_NS) if p[IPv6].src == "::" and p[ICMPv6ND_NS].tgt == target]


def test_4862_542_an_address_is_asked_for(link):
    switch, pg, capture = link
    switch.ctl("set ip6 dad enable transmits 3 delay 20")
    switch.ctl(f"set interface ip address {pg} 2001:db8:a1::5/64")
    for n in (1, 2, 3):
        wait_for(lambda n=n: len(probes(capture, "2001:db8:a1::5")) == n, f"probe {n}")
        assert dad(switch)["entries"] == [{"address": "2001:db8:a1::5", "interface": "pg0", "sent": n, "transmits": 3}]
        switch.ctl("set clock adjust 20.1")
    wait_for(lambda: dad(switch)["active"] == 0, "the end")
    probe = probes(capture, "2001:db8:a1::5")[0]
    assert has_right_sums(probe) and (probe.src, probe.dst) == (pg.mac, "33:33:ff:00:00:05")
    assert (probe[IPv6].dst, probe[IPv6].hlim, probe[IPv6].plen) == ("ff02::1:ff00:5", 255, 24)  # without an option
    assert "DAD FAILED" not in switch.ctl("show logging")
    # all of an interface that comes up, the link's own too
    switch.ctl(f"set interface state {pg} down")
    switch.ctl(f"set interface state {pg} up")
    own = switch.json(f"show ip6 interface {pg}")["interfaces"][0]["link_local"]
    assert {e["address"] for e in dad(switch)["entries"]} == {"2001:db8:a0::1", "2001:db8:a1::5", own}
    wait_for(lambda: probes(capture, own), "a probe")
    switch.ctl("set ip6 dad disable")
    assert dad(switch)["active"] == 0


@pytest.mark.parametrize("how", ["advertisement", "probe"])
def test_4862_543_somebody_has_it_too(link, how):
    switch, pg, capture = link
    switch.ctl("set ip6 dad enable transmits 3 delay 20")
    switch.ctl(f"set interface ip address {pg} 2001:db8:a1::5/64")
    wait_for(lambda: probes(capture, "2001:db8:a1::5"), "a probe")
    # our own, come back, is nobody's
    switch.send(pg, probes(capture, "2001:db8:a1::5")[0])
    assert dad(switch)["active"] == 1
    theirs = Ether(src=pg.host_mac, dst=ALL_NODES) / IPv6(src="2001:db8:a1::5", dst="ff02::1", hlim=255) / \
        ICMPv6ND_NA(tgt="2001:db8:a1::5", S=0, O=1, R=0) / ICMPv6NDOptDstLLAddr(lladdr=pg.host_mac)
    if how == "probe":
        theirs = Ether(src=pg.host_mac, dst="33:33:ff:00:00:05") / IPv6(src="::", dst="ff02::1:ff00:5", hlim=255) / \
            ICMPv6ND_NS(tgt="2001:db8:a1::5")
    switch.send(pg, theirs)
    wait_for(lambda: dad(switch)["active"] == 0, "that to be seen")
    index = switch.interfaces()["pg0"]["index"] if "index" in switch.interfaces()["pg0"] else 1
    assert f"DAD FAILED: Duplicate address 2001:db8:a1::5 on sw_if_index {index} - IP REMAINS CONFIGURED" in \
        switch.ctl("show logging")
    assert "2001:db8:a1::5/64" in switch.ctl("show interface address")
    # nobody is asked again, and what is said later of it is no news
    switch.ctl("set clock adjust 100")
    assert len(probes(capture, "2001:db8:a1::5")) == 1


def test_an_address_that_goes_meanwhile(link):
    switch, pg, capture = link
    switch.ctl("set ip6 dad enable transmits 3 delay 20")
    for end in (f"set interface ip address del {pg} 2001:db8:a1::5/64", f"set interface state {pg} down",
                f"delete packet-generator interface {pg}"):
        switch.ctl(f"set interface ip address {pg} 2001:db8:a1::5/64")
        assert dad(switch)["active"] >= 1
        switch.ctl(end)
        assert dad(switch)["active"] == 0
        if "state" in end:
            switch.ctl(f"set interface state {pg} up")
            switch.ctl(f"set interface ip address del {pg} 2001:db8:a1::5/64")
    assert capture


# --- multicast listening


def records(report):
    """Type and group of each; scapy shows the first alone."""
    data = bytes(report[ICMPv6MLReport2])
    count = int.from_bytes(data[6:8], "big")
    assert len(data) == 8 + 20 * count
    return [(data[i], str(ipaddress.ip_address(data[i + 4:i + 20]))) for i in range(8, len(data), 20)]


def reports(capture):
    return seen(capture, ICMPv6MLReport2)


GROUPS = {"ff02::2", "ff02::16", "ff02::1:ff00:0", "ff02::1:ff00:1"}  # :0 is of the routers of a subnet


def query(pg, group="::", within=1000, alert=True, layer=ICMPv6MLQuery2, **fields):
    ip = IPv6(**{"src": "fe80::99", "dst": "ff02::1" if group == "::" else group, "hlim": 1, **fields})
    if alert:
        ip = ip / IPv6ExtHdrHopByHop(options=[RouterAlert()])
    return Ether(src=pg.host_mac, dst=ALL_NODES) / ip / layer(mladdr=group, mrd=within)


def test_3810_61_groups_are_told(link):
    switch, pg, capture = link
    switch.ctl(f"set interface state {pg} down")
    before = len(reports(capture))
    switch.ctl(f"set interface state {pg} up")
    # twice: one may be lost
    wait_for(lambda: len(reports(capture)) >= before + 2, "two reports")
    report = reports(capture)[-1]
    own = switch.json(f"show ip6 interface {pg}")["interfaces"][0]["link_local"]
    assert (report.src, report.dst) == (pg.mac, "33:33:00:00:00:16")
    assert (report[IPv6].src, report[IPv6].dst, report[IPv6].hlim) == (own, "ff02::16", 1)
    assert report[IPv6ExtHdrHopByHop].options[0].value == 0 and isinstance(report[IPv6ExtHdrHopByHop].options[0], RouterAlert)
    assert {(4, g) for g in GROUPS} == set(records(report))
    again = report.copy()
    del again[ICMPv6MLReport2].cksum
    assert bytes(Ether(bytes(again))) == bytes(report)
    # one more, and one less; of an address that another shares the group of, nothing
    switch.ctl("set clock adjust 2")
    count = len(reports(capture))
    switch.ctl(f"set interface ip address {pg} 2001:db8:a1::1:77/64")
    switch.ctl(f"set interface ip address {pg} 2001:db8:a2::1/64")
    wait_for(lambda: len(reports(capture)) >= count + 2, "news")
    assert [records(r) for r in reports(capture)[count:count + 2]] == [[(4, "ff02::1:ff01:77")]] * 2
    count = len(reports(capture))
    switch.ctl(f"set interface ip address del {pg} 2001:db8:a1::1:77/64")
    switch.ctl(f"set interface ip address del {pg} 2001:db8:a2::1/64")
    wait_for(lambda: len(reports(capture)) >= count + 2, "news")
    assert [records(r) for r in reports(capture)[count:count + 2]] == [[(3, "ff02::1:ff01:77")]] * 2


def settled(switch, capture):
    wait_for(lambda: (switch.ctl("set clock adjust 2"), len(reports(capture)) >= 2)[1], "the first reports")
    switch.ctl("set clock adjust 2")


def test_3810_62_queries_are_answered(link):
    switch, pg, capture = link
    switch.ctl(f"set interface state {pg} down")
    switch.ctl(f"set interface state {pg} up")
    settled(switch, capture)
    count = len(reports(capture))
    switch.send(pg, query(pg))
    wait_for(lambda: len(reports(capture)) > count, "the answer")
    assert {(2, g) for g in GROUPS} == set(records(reports(capture)[-1]))
    count = len(reports(capture))
    switch.send(pg, query(pg, "ff02::2"))
    wait_for(lambda: len(reports(capture)) > count, "the answer")
    assert records(reports(capture)[-1]) == [(2, "ff02::2")]
    # of groups that we are not in, and of all nodes, nothing is said
    count = len(reports(capture))
    switch.send(pg, [query(pg, "ff02::77", dst="ff02::1"), query(pg, "ff02::1")])
    switch.ctl("set clock adjust 10")
    assert len(reports(capture)) == count
    # and with time: the code of long delays
    switch.send(pg, query(pg, within=0x8000 | 0x7000))
    wait_for(lambda: (switch.ctl("set clock adjust 5000"), len(reports(capture)) > count)[1], "the late answer")


def test_2710_a_router_of_version_1(link):
    switch, pg, capture = link
    switch.ctl(f"set interface state {pg} down")
    switch.ctl(f"set interface state {pg} up")
    settled(switch, capture)
    switch.send(pg, query(pg, layer=ICMPv6MLQuery))
    wait_for(lambda: {p[ICMPv6MLReport].mladdr for p in seen(capture, ICMPv6MLReport)} == GROUPS, "the answers")
    report = next(p for p in seen(capture, ICMPv6MLReport) if p[ICMPv6MLReport].mladdr == "ff02::2")
    assert (report[IPv6].dst, report[IPv6].hlim, report.dst) == ("ff02::2", 1, "33:33:00:00:00:02")
    switch.ctl(f"set interface ip address {pg} 2001:db8:a1::1:77/64")
    wait_for(lambda: "ff02::1:ff01:77" in {p[ICMPv6MLReport].mladdr for p in seen(capture, ICMPv6MLReport)}, "the news")
    switch.ctl(f"set interface ip address del {pg} 2001:db8:a1::1:77/64")
    wait_for(lambda: seen(capture, ICMPv6MLDone), "the end")
    done = seen(capture, ICMPv6MLDone)[0]
    assert (done[IPv6].dst, done[ICMPv6MLDone].mladdr) == ("ff02::2", "ff02::1:ff01:77")
    # which goes
    switch.ctl("set clock adjust 300")
    count = len(reports(capture))
    switch.send(pg, query(pg))
    wait_for(lambda: len(reports(capture)) > count, "an answer of version 2")


@pytest.mark.parametrize("fields", [{"hlim": 64}, {"src": "2001:db8:a0::2"}, {"alert": False}])
def test_3810_62_queries_that_are_not_answered(switch, fields):
    pg = switch.pgs.get(1) or switch.pg(1, "2001:db8:a0::1/64")
    with switch.counts({("ip6-icmp-input", "multicast listener messages malformed"): 1}):
        switch.send(pg, query(pg, **fields))


def test_show_mfib(fresh):
    def table(interfaces):
        text = "ipv6-VRF:0, fib_index 0\n(*, ::/0):  flags:Drop,\n  Interfaces:\n  multicast-ip6-chain\n  [@0]: dpo-drop ip6\n"
        for group in ("ff02::1/128", "ff02::2/128", "ff02::16/128", "ff02::1:ff00:0/104"):
            text += f"(*, {group}): \n  Interfaces:\n" + "".join(f"   {i}: Accept,\n" for i in interfaces) + \
                "  multicast-ip6-chain\n  [@1]: dpo-replicate: [buckets:1 flags:[has-local ]]\n    [0] [@1]: dpo-receive\n"
        return text

    def shown():
        return re.sub(r"index:\d+ (?=buckets)| to:\[\d+:\d+\]", "", fresh.ctl("show ip6 mfib"))

    assert shown() == table([])
    for i in range(2):
        fresh.pg(i, f"2001:db8:a{i}::1/64")
    assert shown() == table(["pg0", "pg1"])
    assert "no such table 7" in fresh.fails("show ip6 mfib table 7")


def test_echo_still_answered_while_asked_for(link):
    """As VPP has it: the address is used from the start."""
    switch, pg, capture = link
    switch.ctl("set ip6 dad enable transmits 3 delay 20")
    switch.ctl(f"set interface ip address {pg} 2001:db8:a1::5/64")
    switch.ctl(f"set ip neighbor {pg} 2001:db8:a1::6 {pg.host_mac}")
    switch.send(pg, pg.ether() / IPv6(src="2001:db8:a1::6", dst="2001:db8:a1::5") / ICMPv6EchoRequest())
    wait_for(lambda: seen(capture, ICMPv6EchoReply), "the answer")


# --- neighbours behind several paths


def test_who_is_behind_several_paths_is_not_on_the_link(fresh):
    """Wherever the buckets of its route lie: they are not taken for adjacencies."""
    pg = fresh.pg(0, "2001:db8:a0::1/64")
    fresh.ctl(f"set interface ip address {pg} 10.0.0.1/24")
    for k in range(1, 60):
        fresh.ctl(f"ip route add 3fff:{k:x}::/32 via 2001:db8:a0::2 {pg} weight {k} via 2001:db8:a0::3 {pg}")
        fresh.ctl(f"ip route add 51.{k}.0.0/16 via 10.0.0.2 {pg} weight {k} via 10.0.0.3 {pg}")
    asked = [Ether(src=pg.host_mac, dst=ALL_NODES) / IPv6(src=f"3fff:{k:x}::1", dst="ff02::1:ff00:1", hlim=255) /
             ICMPv6ND_NS(tgt="2001:db8:a0::1") / ICMPv6NDOptSrcLLAddr(lladdr=pg.host_mac) for k in range(1, 60)]
    with fresh.counts({("ip6-icmp-input", "neighbor solicitations from source not on link"): 59}):
        fresh.send(pg, asked)
    asked = [Ether(src=pg.host_mac, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc=f"51.{k}.0.1", pdst="10.0.0.1", hwsrc=pg.host_mac)
             for k in range(1, 60)]
    with fresh.counts({("arp-reply", "IP4 source address not local to subnet"): 59}):
        fresh.send(pg, asked)

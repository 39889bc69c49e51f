"""Priorities: recorded from IP and VLAN tags, or given; written to IP and VLAN tags, by maps."""
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

BROADCAST = "ff:ff:ff:ff:ff:ff"


@pytest.fixture(scope="module")
def net(switch):
    """pg0 and pg1 with addresses, and VLAN 5 on each; pg2 in a bridge domain whose BVI routes."""
    pgs = [switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.0.1.1/24"), switch.pg(2)]
    for i in (0, 1):
        switch.configure(f"""create sub-interfaces pg{i} 5
            set interface state pg{i}.5 up
            set interface ip address pg{i}.5 10.5.{i}.1/24
            set ip neighbor pg{i}.5 10.5.{i}.2 {pgs[i].host_mac}""")
    switch.configure("""bvi create mac 02:00:00:00:99:01
        set interface state bvi0 up
        set interface ip address bvi0 10.0.2.1/24
        set interface l2 bridge pg2 7
        set interface l2 bridge bvi0 7 bvi""")
    for i in (0, 1):
        switch.configure(f"""set interface ip address pg{i} 2001:db8:{i}::1/64
            set ip neighbor pg{i} 2001:db8:{i}::2 {pgs[i].host_mac}
            set interface ip address pg{i}.5 2001:db8:5{i}::1/64
            set ip neighbor pg{i}.5 2001:db8:5{i}::2 {pgs[i].host_mac}
            ip6 nd pg{i}.5 ra-suppress""")
    return pgs


@pytest.fixture(autouse=True)
def nothing_left(switch):
    yield
    for line in switch.running_config():
        if line.startswith(("qos record", "qos store", "qos mark")):
            switch.ctl(" ".join(line.split()[:4]) + " disable")
    for m in switch.json("show qos egress map")["maps"]:
        switch.ctl(f"qos egress map id {m['id']} delete")


def plain(pgs, tos=0, dst=None, n=0):
    return pgs[0].ether() / IP(src="10.0.0.9", dst=dst or pgs[1].host, tos=tos, id=n) / UDP() / Raw(b"q" * 20)


def plain6(pgs, tc=0, dst="2001:db8:1::2", label=0):
    return pgs[0].ether() / IPv6(src="2001:db8::9", dst=dst, tc=tc, fl=label) / UDP() / Raw(b"q" * 20)


def tagged(pgs, pcp, tos=0, dst=None, n=0):
    return (pgs[0].ether() / Dot1Q(vlan=5, prio=pcp) /
            IP(src="10.5.0.9", dst=dst or pgs[1].host, tos=tos, id=n) / UDP() / Raw(b"q" * 20))


def check_sums(packets):
    for p in packets:
        good = IP(bytes(p[IP])[:20])
        right, good.chksum = good.chksum, None
        assert IP(bytes(good)).chksum == right


def test_ip_to_ip(switch, net):
    switch.configure("""qos record ip pg0
        qos egress map id 3 [ip][0x10]=0x20 [ip][255]=1
        qos egress map id 3 [ip][7]=255
        qos mark ip pg1 id 3""")
    packets = [plain(net, tos) for tos in (0x10, 255, 7, 8)]
    out = switch.exchange(net[0], packets, net[1])
    assert [p[IP].tos for p in out] == [0x20, 1, 255, 0]
    check_sums(out)
    # a map that changes
    switch.ctl("qos egress map id 3 [ip][8]=99")
    assert [p[IP].tos for p in switch.exchange(net[0], packets, net[1])] == [0x20, 1, 255, 99]
    # what is not recorded stays as it is
    switch.ctl("qos record ip pg0 disable")
    assert [p[IP].tos for p in switch.exchange(net[0], packets, net[1])] == [0x10, 255, 7, 8]
    switch.ctl("qos record ip pg0")
    switch.ctl("qos mark ip pg1 disable")
    assert [p[IP].tos for p in switch.exchange(net[0], packets, net[1])] == [0x10, 255, 7, 8]


def test_vlan_to_ip(switch, net):
    switch.configure("qos record vlan pg0.5\nqos record vlan pg0")
    switch.ctl("qos egress map id 1 " + " ".join(f"[vlan][{i}]={i * 32 + 1}" for i in range(8)))
    switch.ctl("qos mark ip pg1 id 1")
    out = switch.exchange(net[0], [tagged(net, pcp) for pcp in range(8)], net[1])
    assert [p[IP].tos for p in out] == [pcp * 32 + 1 for pcp in range(8)]
    check_sums(out)
    # without a tag there is nothing to record
    assert [p[IP].tos for p in switch.exchange(net[0], [plain(net, 4)], net[1])] == [4]


def test_ip_to_vlan(switch, net):
    switch.configure("""qos record ip pg0
        qos egress map id 1 [ip][1]=7 [ip][2]=5 [ip][3]=15 [vlan][1]=2
        qos mark vlan pg1.5 id 1
        qos mark vlan pg1 id 1""")
    packets = [plain(net, tos, "10.5.1.2") for tos in (1, 2, 3, 4)]
    out = switch.exchange(net[0], packets, net[1])
    assert [(p[Dot1Q].prio, p[Dot1Q].vlan, p[IP].tos) for p in out] == [(7, 5, 1), (5, 5, 2), (7, 5, 3), (0, 5, 4)]
    # without a tag there is nothing to mark
    out = switch.exchange(net[0], [plain(net, 1)], net[1])
    assert bytes(out[0])[12:14] == b"\x08\x00" and out[0][IP].tos == 1


def test_vlan_to_vlan_and_ip(switch, net):
    switch.configure("""qos record vlan pg0.5
        qos egress map id 1 [vlan][3]=4
        qos egress map id 2 [vlan][3]=0xb8
        qos mark vlan pg1.5 id 1
        qos mark ip pg1.5 id 2""")
    out = switch.exchange(net[0], [tagged(net, 3, 9, "10.5.1.2"), tagged(net, 2, 9, "10.5.1.2")], net[1])
    assert [(p[Dot1Q].prio, p[IP].tos) for p in out] == [(4, 0xb8), (0, 0)]
    check_sums(out)


def test_store(switch, net):
    switch.configure("""qos store ip pg0 value 66
        qos egress map id 1 [ip][66]=77 [ip][67]=78
        qos mark ip pg1 id 1""")
    assert [p[IP].tos for p in switch.exchange(net[0], [plain(net, 1)] * 2, net[1])] == [77, 77]
    switch.ctl("qos store ip pg0 value 67")
    assert [p[IP].tos for p in switch.exchange(net[0], [plain(net, 1)] * 2, net[1])] == [78, 78]
    # what the packet says of itself comes after it
    switch.ctl("qos record ip pg0")
    switch.ctl("qos egress map id 1 [ip][1]=2")
    assert [p[IP].tos for p in switch.exchange(net[0], [plain(net, 1)] * 2, net[1])] == [2, 2]


def test_ip6_to_ip6(switch, net):
    """Of one command for both protocols; the flow label stays as it is."""
    switch.configure("""qos record ip pg0
        qos egress map id 3 [ip][0x10]=0x20 [ip][255]=1 [ip][7]=255
        qos mark ip pg1 id 3""")
    packets = [plain6(net, tc, label=0xfffff) for tc in (0x10, 255, 7, 8)]
    out = switch.exchange(net[0], packets, net[1])
    assert [(p[IPv6].version, p[IPv6].tc, p[IPv6].fl) for p in out] == [(6, tc, 0xfffff) for tc in (0x20, 1, 255, 0)]
    assert [bytes(p)[18:] for p in out] == [bytes(p)[18:21] + bytes([63]) + bytes(p)[22:] for p in packets]
    hops, = switch.trace(net[0], plain6(net, 9))
    assert dict(hops)["ip6-qos-record"] == dict(hops)["ip6-qos-mark"] == "source:ip qos:9"
    switch.ctl("qos record ip pg0 disable")
    switch.ctl("qos mark ip pg1 disable")
    assert [p[IPv6].tc for p in switch.exchange(net[0], packets, net[1])] == [0x10, 255, 7, 8]


def test_ip6_and_vlan(switch, net):
    switch.configure("""qos record vlan pg0.5
        qos egress map id 1 [vlan][3]=4 [ip][3]=6
        qos egress map id 2 [vlan][3]=0xb8
        qos mark vlan pg1.5 id 1
        qos mark ip pg1.5 id 2""")
    frames = [net[0].ether() / Dot1Q(vlan=5, prio=pcp) /
              IPv6(src="2001:db8:50::9", dst="2001:db8:51::2", tc=9) / UDP() / Raw(b"q" * 20) for pcp in (3, 2)]
    out = switch.exchange(net[0], frames, net[1])
    assert [(p[Dot1Q].prio, p[Dot1Q].vlan, p[IPv6].tc) for p in out] == [(4, 5, 0xb8), (0, 5, 0)]
    # from one to the other
    switch.configure("qos record ip pg0\nqos mark ip pg1.5 disable")
    out = switch.exchange(net[0], plain6(net, 3, "2001:db8:51::2"), net[1])
    assert [(p[Dot1Q].prio, p[IPv6].tc) for p in out] == [(6, 3)]


def test_store_of_ip6(switch, net):
    switch.configure("""qos store ip pg0 value 66
        qos egress map id 1 [ip][66]=77
        qos mark ip pg1 id 1""")
    assert [p[IPv6].tc for p in switch.exchange(net[0], [plain6(net, 1)] * 2, net[1])] == [77, 77]
    hops, = switch.trace(net[0], plain6(net, 9))
    assert dict(hops)["ip6-qos-store"] == "source:ip qos:66"


def test_from_layer_2(switch, net):
    """Frames of a port in layer 2 are recorded, and marked where the BVI's packets leave."""
    switch.configure("""qos record ip pg2
        qos egress map id 1 [ip][5]=6
        qos mark ip pg1 id 1""")
    ether = Ether(src="02:aa:00:00:00:01", dst="02:00:00:00:99:01")
    frames = [ether / IP(src="10.0.2.9", dst=net[1].host, tos=5) / UDP(),
              ether / IP(src="10.0.2.9", dst=net[1].host, tos=7) / UDP(),
              ether / IPv6() / UDP(), ether / ARP(pdst="10.0.2.1"),
              Ether(src=ether.src, dst=BROADCAST, type=0x800)]  # ends where IPv4 should begin
    out = switch.exchange(net[2], frames, net[1])
    assert [p[IP].tos for p in out] == [6, 0]


def test_vectors_and_trace(switch, net):
    switch.ctl("qos egress map id 1 " + " ".join(f"[ip][{i}]={255 - i}" for i in range(256)))
    switch.configure("qos record ip pg0\nqos mark ip pg1 id 1")
    out = switch.exchange(net[0], [plain(net, i & 255, n=i) for i in range(1000)], net[1])
    assert [(p[IP].id, p[IP].tos) for p in out] == [(i, 255 - (i & 255)) for i in range(1000)]
    check_sums(out[:300])
    hops, = switch.trace(net[0], plain(net, 9))
    assert dict(hops)["ip4-qos-record"] == dict(hops)["ip4-qos-mark"] == "source:ip qos:9"


def test_show(switch, net):  # pylint: disable=unused-argument
    switch.configure("""qos record ip pg0
        qos record vlan pg0
        qos record vlan pg1
        qos store ip pg0 value 9
        qos egress map id 4 [ext][0]=1 [mpls][255]=2
        qos mark vlan pg1 id 4""")
    assert switch.ctl("show qos record") == " pg0:\n  vlan\n  ip\n pg1:\n  vlan\n"
    assert switch.ctl("show qos record pg1") == " pg1:\n  vlan\n"
    assert switch.ctl("show qos store") == " pg0:\n  ip -> 9\n"
    assert switch.ctl("show qos mark") == " pg1:\n  vlan -> map:4\n"
    lines = switch.ctl("show qos egress map id 4").splitlines()
    zeros = ",".join(["0"] * 255)
    assert lines == [" Map-ID:4", f"  ext:[1,{zeros}]", f"  vlan:[0,{zeros}]", f"  mpls:[{zeros},2]",
                     f"  ip:[0,{zeros}]"]


def test_what_an_interface_had_goes_with_it(switch, net):  # pylint: disable=unused-argument
    switch.pg(9, "10.0.9.1/24")
    switch.configure("""qos egress map id 1
        qos record ip pg9
        qos record vlan pg9
        qos store ip pg9 value 1
        qos mark ip pg9 id 1
        delete packet-generator interface pg9""")
    assert not [line for line in switch.running_config() if "pg9" in line]
    assert "packets" not in switch.ctl("qos egress map id 1 delete")


WRONG = [
    ("qos record mpls pg0", "record is not possible for mpls"),
    ("qos record ext pg0", "record is not possible for ext"),
    ("qos record arp pg0", "unknown source"),
    ("qos record ip nobody", "unknown interface"),
    ("qos record vlan pg0 disable", "vlan is not recorded there"),
    ("qos store vlan pg0 value 1", "store is not possible for vlan"),
    ("qos store ip pg0", "value required"),
    ("qos store ip pg0 value 256", "unknown"),
    ("qos store ip pg0 disable", "ip is not stored there"),
    ("qos mark ip pg1", "map id required"),
    ("qos mark ip pg1 id 9", "No such map"),
    ("qos mark mpls pg1 id 1", "mark is not possible for mpls"),
    ("qos mark vlan pg1 disable", "vlan is not marked there"),
    ("qos egress map [ip][1]=2", "unknown"),
    ("qos egress map id 1 [ip][256]=2", "unknown input `["),
    ("qos egress map id 1 [ip][2]=256", "unknown input `["),
    ("qos egress map id 1 [ip][2]", "unknown input `["),
    ("qos egress map id 1 [udp][2]=3", "unknown input `["),
    ("qos egress map id 1 [ip][[2]=3", "unknown input `["),
    ("qos mark ip pg0 id 4294967295", "a map's id is less than 4294967295"),
    ("qos egress map id 9 delete", "No such map"),
    ("qos egress map id 1 delete", "map 1 is in use"),
    ("show qos egress map id 9", "No such map"),
]


@pytest.mark.parametrize("command, words", WRONG)
def test_what_is_wrong_changes_nothing(switch, net, command, words):  # pylint: disable=unused-argument
    switch.configure("qos egress map id 1 [ip][1]=2\nqos mark ip pg1 id 1\nqos record ip pg0")
    before = switch.running_config()
    assert words in switch.fails(command)
    assert switch.running_config() == before


def test_running_config(fresh):
    fresh.pg(0, "10.0.0.1/24")
    rows = " ".join(f"[ip][{i}]={i}" for i in range(0, 256, 3))
    fresh.configure(f"""
        qos egress map id 7 {rows}
        qos egress map id 2 [vlan][1]=2 [ext][3]=4
        qos egress map id 9
        qos record ip pg0
        qos record vlan pg0
        qos store ip pg0 value 200
        qos mark ip pg0 id 7
        qos mark vlan pg0 id 2""")
    lines = fresh.running_config()
    shown = fresh.ctl("show qos egress map") + fresh.ctl("show qos mark")
    fresh.restart(lines)
    assert fresh.running_config() == lines
    assert fresh.ctl("show qos egress map") + fresh.ctl("show qos mark") == shown
    assert len([line for line in lines if line.startswith("qos ")]) == 13

"""MACIP lists: which stations may send from which addresses."""
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

RULES = ("permit ip 10.1.0.0/24 mac 02:00:00:00:00:00 mask ff:ff:00:00:00:00, "
         "deny ip 0.0.0.0/0 mac 00:00:00:00:00:00 mask 00:00:00:00:00:00")


@pytest.fixture(scope="module")
def bridged(switch):
    return switch.bridged(7, 2, 3)


@pytest.fixture
def macip(switch):
    """Lists of this test: fn(interface, rules) makes one and binds it."""
    made = []
    def make(pg, rules):
        index = int(switch.ctl(f"set acl-plugin macip acl {rules}").split(":")[1])
        switch.ctl(f"set acl-plugin macip interface {pg} {index}")
        made.append((pg, index))
        return index
    yield make
    for pg, index in made:
        switch.ctl(f"set acl-plugin macip interface {pg} acl {index} del")
        switch.ctl(f"delete acl-plugin macip acl index {index}")
    assert [line for line in switch.running_config() if "macip" in line] == []


def test_shown_as_vpp_shows_them(switch):
    pg = switch.pg(9)
    assert switch.ctl(f"set acl-plugin macip acl {RULES}") == "ACL index:0\n"
    assert switch.ctl(f"set acl-plugin macip interface {pg} 0") == ""
    assert switch.ctl("show acl-plugin macip acl").splitlines() == [
        "MACIP acl_index: 0, count: 2 (true len 2) tag {cli} is free pool slot: 0",
        "  ip4_table_index -1, ip6_table_index -1, l2_table_index -1",
        "  out_ip4_table_index -1, out_ip6_table_index -1, out_l2_table_index -1",
        "    rule 0: ipv4 action 1 ip 10.1.0.0/24 mac 02:00:00:00:00:00 mask ff:ff:00:00:00:00",
        "    rule 1: ipv4 action 0 ip 0.0.0.0/0 mac 00:00:00:00:00:00 mask 00:00:00:00:00:00"]
    assert switch.ctl("show acl-plugin macip interface").endswith(": 0\n")
    assert "failed" in switch.vppctl("delete acl-plugin macip acl index 0").stdout
    for words in ("acl permit mac 02:00", "acl", "acl permit ip 10.0.0.0/33", "acl permit mac 02:00:00:00:00:0g",
                  f"interface {pg} 5", f"interface {pg} 5 del", "acl permit nonsense"):
        assert switch.vppctl(f"set acl-plugin macip {words}").returncode, words
    switch.ctl(f"set acl-plugin macip interface {pg} 0 del")
    assert switch.ctl("delete acl-plugin macip acl index 0") == "Deleted ACL index:0\n"


def test_layer_2(switch, bridged, macip):
    macip(bridged[0], "permit ip 10.1.0.0/24 mac 02:aa:00:00:00:00 mask ff:ff:ff:ff:00:00, "
                      "deny ip 10.2.0.9/32, permit ip 10.2.0.0/16 mac 02:aa:00:00:00:01 mask ff:ff:ff:ff:ff:ff, "
                      "permit ip 2001:db8::/32 mac 02:aa:00:00:00:01 mask ff:ff:ff:ff:ff:ff")
    def passes(mac, payload):
        return len(switch.exchange(bridged[0], Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / payload, bridged[1]))
    one, two, other = "02:aa:00:00:00:01", "02:aa:00:00:00:02", "02:bb:00:00:00:01"
    assert [passes(m, IP(src="10.1.0.5") / UDP()) for m in (one, two, other)] == [1, 1, 0]
    assert [passes(m, Dot1Q(vlan=3) / IP(src="10.2.0.5") / UDP()) for m in (one, two)] == [1, 0]
    assert passes(one, IP(src="10.2.0.9") / UDP()) == 0
    assert [passes(m, IPv6(src="2001:db8::7", dst="ff02::1") / UDP()) for m in (one, two)] == [1, 0]
    assert passes(one, ARP(hwsrc=one, psrc="10.2.0.5")) == 1
    assert [passes(two, ARP(hwsrc=two, psrc="10.2.0.5")), passes(two, ARP(hwsrc=one, psrc="10.1.0.5")),
            passes(one, ARP(hwsrc=one, psrc="10.3.0.5"))] == [0, 0, 0]
    assert passes(one, Raw(bytes(50))) == 0
    assert len(switch.exchange(bridged[1], Ether(src=other, dst=one) / IP(src="1.1.1.1") / UDP(), bridged[0])) == 1


def test_layer_3(switch, macip):
    pgs = [switch.pg(0, "10.1.0.1/24"), switch.pg(1, "10.2.0.1/24")]
    index = macip(pgs[0], f"permit ip 10.1.0.2/32 mac {pgs[0].host_mac} mask ff:ff:ff:ff:ff:ff")
    def passes(mac, src):
        return len(switch.exchange(pgs[0], Ether(src=mac, dst=pgs[0].mac) / IP(src=src, dst="10.2.0.2") / UDP(), pgs[1]))
    assert [passes(pgs[0].host_mac, "10.1.0.2"), passes(pgs[0].host_mac, "10.1.0.3"),
            passes("02:cc:00:00:00:01", "10.1.0.2")] == [1, 0, 0]
    (hops,) = switch.trace(pgs[0], pgs[0].ether() / IP(src="10.1.0.3", dst="10.2.0.2") / UDP())
    assert f"match: macip acl {index} rule -1" in dict(hops)["acl-plugin-macip-ip4"]
    switch.ctl(f"set acl-plugin macip acl index {index} permit")
    assert passes("02:cc:00:00:00:01", "10.1.0.9") == 1


def test_saved(fresh):
    pg = fresh.pg(0)
    fresh.ctl(f"set acl-plugin macip acl {RULES} tag {{a b}}")
    fresh.ctl("set acl-plugin macip acl permit ip 2001:db8::/32")
    fresh.ctl("delete acl-plugin macip acl index 0")
    fresh.ctl(f"set acl-plugin macip interface {pg} 1")
    fresh.ctl(f"set acl-plugin macip acl {RULES} tag {{a b}}")
    lines = fresh.running_config()
    assert len([line for line in lines if "macip" in line]) == 3
    fresh.restart(lines)
    assert fresh.running_config() == lines

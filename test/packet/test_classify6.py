"""Access lists by classifier tables, of IPv6: on what comes in, leaves and is punted."""
import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import ICMPv6Unknown, IPv6

MASK = "mask l3 ip6 src buckets 2"


@pytest.fixture(scope="module")
def net(switch):
    """pg0, pg1, and a table 9 whose routes leave by pg2."""
    pgs = [switch.pg(i, f"2001:db8:a{i}::1/64") for i in range(3)]
    switch.configure(f"""
        ip route add 2001:db8:20::/48 via {pgs[1].host} pg1
        ip6 table add 9
        ip route add 2001:db8:20::/48 table 9 via {pgs[2].host} pg2
    """)
    return pgs


@pytest.fixture
def table(switch):
    """Denies what comes from the bad host; other packets pass."""
    switch.ctl(f"classify table {MASK} miss-next permit")
    index = max(t["index"] for t in switch.json("show classify tables")["tables"])
    switch.ctl(f"classify session acl-hit-next deny table-index {index} match l3 ip6 src 2001:db8:a0::bad")
    yield index
    switch.ctl(f"classify table table {index} del")


def udp(pg, src="2001:db8:a0::2", dst="2001:db8:20::9"):
    return pg.ether() / IPv6(src=src, dst=dst) / UDP(sport=1, dport=2) / b"x"


def sources(packets):
    return [p[IPv6].src for p in packets]


FRAMES = ["2001:db8:a0::bad", "2001:db8:a0::600d"]


@pytest.mark.parametrize("direction, interface, node", [("input", "pg0", "ip6-inacl"), ("output", "pg1", "ip6-outacl")])
def test_denied(switch, net, table, direction, interface, node):
    frames = [udp(net[0], src) for src in FRAMES]
    switch.ctl(f"set interface {direction} acl intfc {interface} ip6-table {table}")
    assert f"set interface {direction} acl intfc {interface} ip6-table {table}" in switch.running_config()
    kind = "inacl" if direction == "input" else "outacl"
    assert interface in switch.ctl(f"show {kind} type ip6")
    with switch.counts({(node, f"{direction} ACL session deny drops"): 1, (node, f"valid {direction} ACL packets"): 2,
                        (node, f"{direction} ACL hits"): 1, (node, f"{direction} ACL misses"): 1}):
        assert sources(switch.exchange(net[0], frames, net[1])) == FRAMES[1:]
    switch.ctl(f"set interface {direction} acl intfc {interface} ip6-table {table} del")
    assert sources(switch.exchange(net[0], frames, net[1])) == FRAMES


def test_to_another_table(switch, net, table):
    switch.ctl(f"classify session acl-hit-next permit table-index {table} match l3 ip6 src 2001:db8:a0::9 action set-ip6-fib-id 9")
    switch.ctl(f"set interface input acl intfc pg0 ip6-table {table}")
    frames = [udp(net[0], src) for src in ("2001:db8:a0::9", "2001:db8:a0::8")]
    one, two = switch.exchange(net[0], frames, net[1], net[2])
    assert (sources(one), sources(two)) == (["2001:db8:a0::8"], ["2001:db8:a0::9"])
    switch.ctl(f"set interface input acl intfc pg0 ip6-table {table} del")


def test_an_action_of_ipv4_is_none_of_ipv6(switch, net, table):
    switch.ctl("ip table add 9")
    switch.ctl(f"classify session acl-hit-next permit table-index {table} match l3 ip6 src 2001:db8:a0::9 action set-ip4-fib-id 9")
    switch.ctl(f"set interface input acl intfc pg0 ip6-table {table}")
    assert len(switch.exchange(net[0], udp(net[0], "2001:db8:a0::9"), net[1])) == 1
    switch.ctl(f"set interface input acl intfc pg0 ip6-table {table} del")


def test_punted(switch, net, table):
    """What nobody takes here."""
    frames = [net[0].ether() / IPv6(src=src, dst=net[0].address) / ICMPv6Unknown(type=200, msgbody=bytes(8)) for src in FRAMES]
    switch.ctl(f"set interface input acl intfc local0 ip6-punt-table {table}")
    before = switch.error_count("input ACL session deny drops")
    switch.send(net[0], frames)
    assert switch.error_count("input ACL session deny drops") == before + 1
    switch.ctl(f"set interface input acl intfc local0 ip6-punt-table {table} del")

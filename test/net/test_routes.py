"""The FIB through the eyes of packets: longest match, tables, several paths, special routes."""
import collections
import threading

import lib
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw


def to(wire, dst, sport=1000, src="10.10.1.1", **ip):
    return Ether(dst=wire.vpp_mac, src=wire.mac) / IP(src=src, dst=dst, **ip) / \
        UDP(sport=sport, dport=2000) / Raw(b"r" * 20)


def is_udp_to(dst):
    return lambda f: UDP in f and ICMP not in f and f[IP].dst == dst


def test_longest_match(net):
    """0/0 by one way, a /8, /16, /24, /32 of it by turns the other."""
    vpp, (a, b, c) = net.by_hand(3)
    vpp.configure("""
        ip route add 0.0.0.0/0 via 10.10.2.1 host-vpp1
        ip route add 20.0.0.0/8 via 10.10.3.1 host-vpp2
        ip route add 20.1.0.0/16 via 10.10.2.1 host-vpp1
        ip route add 20.1.1.0/24 via 10.10.3.1 host-vpp2
        ip route add 20.1.1.1/32 via 10.10.2.1 host-vpp1
        ip route add 20.1.1.128/25 via 10.10.2.1 host-vpp1
    """)
    expected = {"99.1.1.1": b, "20.200.1.1": c, "20.1.2.1": b, "20.1.1.2": c, "20.1.1.1": b,
                "20.1.1.129": b}
    for dst in expected:
        a.send(to(a, dst))
    for dst, wire in expected.items():
        wire.expect(is_udp_to(dst), f"packet to {dst}")
    # taken away, one by one, the next shorter one takes over
    vpp.ctl("ip route del 20.1.1.1/32 via 10.10.2.1 host-vpp1")
    a.send(to(a, "20.1.1.1"))
    c.expect(is_udp_to("20.1.1.1"), "packet by the /24")
    vpp.ctl("ip route del 20.1.1.0/24")
    a.send(to(a, "20.1.1.2"))
    b.expect(is_udp_to("20.1.1.2"), "packet by the /16")


def test_recursive_route(net):
    """via an address that another route leads to."""
    vpp, (a, b, c) = net.by_hand(3)
    vpp.configure("""
        ip route add 30.0.0.0/8 via 40.0.0.1
        ip route add 40.0.0.0/24 via 10.10.2.1 host-vpp1
    """)
    a.send(to(a, "30.1.1.1"))
    b.expect(is_udp_to("30.1.1.1"), "packet")
    vpp.configure("""
        ip route add 40.0.0.1/32 via 10.10.3.1 host-vpp2
    """)
    a.send(to(a, "30.1.1.1"))
    c.expect(is_udp_to("30.1.1.1"), "packet by the new way")
    vpp.ctl("ip route del 40.0.0.1/32")
    vpp.ctl("ip route del 40.0.0.0/24")
    drops = vpp.drops()
    a.send(to(a, "30.1.1.1"))
    lib.wait_for(lambda: vpp.drops() == drops + 1, "the packet to be dropped")


def test_paths_are_shared_by_flow(net):
    """Two paths: flows go to both, one flow stays on one, a weight counts."""
    vpp, (a, b, c) = net.by_hand(3)
    vpp.ctl("ip route add 50.0.0.0/8 via 10.10.2.1 host-vpp1 via 10.10.3.1 host-vpp2")
    for sport in range(10000, 10200):
        a.send([to(a, "50.1.1.1", sport)] * 2)
    seen = {}
    for name, wire in (("b", b), ("c", c)):
        for f in wire.frames(0.3):
            if is_udp_to("50.1.1.1")(f):
                seen.setdefault(f[UDP].sport, []).append(name)
    assert len(seen) == 200
    assert all(len(ways) == 2 and len(set(ways)) == 1 for ways in seen.values())
    spread = collections.Counter(ways[0] for ways in seen.values())
    assert 60 < spread["b"] < 140, spread

    vpp.ctl("ip route del 50.0.0.0/8")
    vpp.ctl("ip route add 60.0.0.0/8 via 10.10.2.1 host-vpp1 weight 3 via 10.10.3.1 host-vpp2 weight 1")
    for sport in range(20000, 20400):
        a.send(to(a, "60.1.1.1", sport))
    many = sum(1 for f in b.frames(0.3) if is_udp_to("60.1.1.1")(f))
    few = sum(1 for f in c.frames(0.3) if is_udp_to("60.1.1.1")(f))
    assert many + few == 400 and 240 < many < 360, (many, few)


def test_path_that_goes_down_leaves_the_others(net):
    vpp, (a, b, c) = net.by_hand(3)
    vpp.ctl("ip route add 50.0.0.0/8 via 10.10.2.1 host-vpp1 via 10.10.3.1 host-vpp2")
    vpp.ctl("set int state host-vpp1 down")
    for sport in range(10000, 10050):
        a.send(to(a, "50.1.1.1", sport))
    c.collect(is_udp_to("50.1.1.1"), 50, "packet")
    vpp.ctl("set int state host-vpp1 up")
    for sport in range(10000, 10050):
        a.send(to(a, "50.1.1.1", sport))
    b.expect(is_udp_to("50.1.1.1"), "packet by the first way again")


def test_tables_are_apart(net):
    """The same prefix in two tables, each seen from its own interface."""
    vpp, (a, b, c) = net.by_hand(3)
    vpp.configure(f"""
        ip table add 10
        set int ip address del host-vpp2 10.10.3.2/24
        set interface ip table host-vpp2 10
        set int ip address host-vpp2 10.10.1.9/24
        set ip neighbor static host-vpp2 10.10.1.1 {c.mac}
        ip route add 70.0.0.0/8 via 10.10.2.1 host-vpp1
        ip route add 70.0.0.0/8 table 10 via 10.10.1.1 host-vpp2
    """)
    a.send(to(a, "70.1.1.1"))
    b.expect(is_udp_to("70.1.1.1"), "packet of table 0")
    c.send(to(c, "70.1.1.1"))
    c.expect(is_udp_to("70.1.1.1"), "packet of table 10")
    # our address of the other table is nobody here
    c.send(Ether(dst=c.vpp_mac, src=c.mac) / IP(src="10.10.1.1", dst="10.10.1.2") / ICMP())
    a.silent(lambda f: ICMP in f and f[ICMP].type == 0, "echo reply in table 0")
    c.send(Ether(dst=c.vpp_mac, src=c.mac) / IP(src="10.10.1.1", dst="10.10.1.9") / ICMP())
    c.expect(lambda f: ICMP in f and f[ICMP].type == 0, "echo reply in table 10")
    assert "ipv4-VRF:10" in vpp.ctl("show ip table")
    assert "70.0.0.0/8" in vpp.ctl("show ip fib table 10")


def test_table_in_the_middle_of_traffic(net):
    """Kernel hosts with the same addresses in two tables, each with its own way."""
    switch = net.namespace()
    vpp = net.vpp(switch)
    hosts = []
    for i in range(2):
        host = net.namespace()
        switch.veth(f"v{i}", f"h{i}", host)
        host.ip(f"addr add 10.1.0.1/24 dev h{i}")
        if i:
            vpp.ctl("ip table add 7")
        vpp.ctl(f"create host-interface name v{i}")
        if i:
            vpp.ctl("set interface ip table host-v1 7")
        vpp.configure(f"""
            set int ip address host-v{i} 10.1.0.2/24
            set int state host-v{i} up
        """)
        hosts.append(host)
    for host in hosts:
        assert host.ping("10.1.0.2") == 3
    assert "2 received" in vpp.ctl("ping 10.1.0.1 table-id 7 repeat 2 interval 0.02")


def test_leaked_prefix_answers(net):
    """A connected prefix leaked into another table: its hosts are reached, and our address in it answers."""
    vpp, (a, b) = net.by_hand(2)
    vpp.configure("""
        ip table add 9
        set interface ip address del host-vpp0 10.10.1.2/24
        set interface ip table host-vpp0 9
        set interface ip address host-vpp0 10.10.1.2/24
        ip route add 10.10.2.0/24 table 9 via host-vpp1
        ip route add 10.10.1.0/24 via host-vpp0
    """)
    a.send(Ether(dst=a.vpp_mac, src=a.mac) / IP(src="10.10.1.1", dst="10.10.2.2") / ICMP(id=3) / Raw(b"x" * 20))
    reply = a.expect(lambda f: ICMP in f and f[ICMP].type == 0, "echo reply of an address in another table")
    assert reply[IP].src == "10.10.2.2"
    a.send(to(a, "10.10.2.1"))
    b.expect(is_udp_to("10.10.2.1"), "packet to a host of the leaked prefix")
    # the address goes, and with it the answer
    vpp.ctl("set interface ip address del host-vpp1 10.10.2.2/24")
    a.send(Ether(dst=a.vpp_mac, src=a.mac) / IP(src="10.10.1.1", dst="10.10.2.2") / ICMP(id=4) / Raw(b"x" * 20))
    a.silent(lambda f: ICMP in f and f[ICMP].type == 0, "echo reply of an address that is gone")


def test_a_link_that_goes_down_takes_its_routes_along(net):
    """The connected prefix is out of the table, so that a longer way may take over; all is back with the link."""
    vpp, (a, b, c) = net.by_hand(3)
    vpp.ctl("ip route add 10.10.0.0/16 via 10.10.3.1 host-vpp2")
    a.send(to(a, "10.10.2.1"))
    b.expect(is_udp_to("10.10.2.1"), "packet by the connected prefix")
    vpp.ctl("set interface state host-vpp1 down")
    assert "10.10.2.0/24" not in vpp.ctl("show ip fib")
    a.send(to(a, "10.10.2.1"))
    c.expect(is_udp_to("10.10.2.1"), "packet by the other way")
    assert "10.10.2.2/24" in vpp.ctl("show interface address")
    vpp.ctl("set interface state host-vpp1 up")
    a.send(to(a, "10.10.2.1"))
    b.expect(is_udp_to("10.10.2.1"), "packet by the connected prefix again", timeout=10)


def test_drop_and_unreachable_routes(net):
    vpp, (a, b) = net.by_hand(2)
    vpp.configure("""
        ip route add 0.0.0.0/0 via 10.10.2.1 host-vpp1
        ip route add 80.0.0.0/8 via drop
        ip route add 81.0.0.0/8 via unreachable
        ip route add 82.0.0.0/8 via prohibit
    """)
    a.send(to(a, "80.1.1.1"))
    a.send(to(a, "81.1.1.1"))
    a.expect(lambda f: ICMP in f and f[ICMP].type == 3 and f[ICMP].code in (0, 1), "unreachable")
    a.send(to(a, "82.1.1.1"))
    # RFC 1812 5.2.7.1: communication administratively prohibited
    a.expect(lambda f: ICMP in f and f[ICMP].type == 3 and f[ICMP].code == 13, "prohibited")
    b.silent(lambda f: UDP in f and ICMP not in f, "packet to a drop route")
    lib.wait_for(lambda: vpp.counter("host-vpp0", "drops") >= 3, "drops to be counted")


def test_routes_change_while_packets_flow(net):
    """Ten thousand routes come and go: not one ping of another route is lost."""
    vpp, _, left, _ = net.routed()
    results = {}

    def pings():
        results["got"] = left.ping("10.2.0.1", count=100, deadline=20)

    # namespaces are entered by thread
    thread = threading.Thread(target=pings)
    thread.start()
    vpp.ctl("ip route add count 10000 90.0.0.0/24 via 10.2.0.1 host-right0", timeout=30)
    vpp.ctl("ip route del count 10000 90.0.0.0/24 via 10.2.0.1 host-right0", timeout=30)
    thread.join()
    assert results["got"] == 100


def test_many_routes(net):
    """A hundred thousand: packets find theirs, and memory comes back when they go."""
    vpp, (a, b) = net.by_hand(2)
    before = vpp.rss_kib()
    vpp.ctl("ip route add count 100000 60.0.0.0/24 via 10.10.2.1 host-vpp1", timeout=60)
    with_routes = vpp.rss_kib()
    for i in (0, 1, 255, 256, 65535, 65536, 99999):
        dst = f"{60 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.7"
        a.send(to(a, dst))
        b.expect(is_udp_to(dst), f"packet to {dst}")
    vpp.ctl("ip route del count 100000 60.0.0.0/24 via 10.10.2.1 host-vpp1", timeout=60)
    assert "60.0.0.0/24" not in vpp.ctl("show ip fib")
    lib.wait_for(lambda: vpp.rss_kib() < before + (with_routes - before) * 0.4,
                 f"memory to come back: {before} KiB, with routes {with_routes}")

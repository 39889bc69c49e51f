"""uRPF: packets whose source is not where a route to it leads are dropped, when they come in or leave."""
import pytest
from packet_lib import FAR, SUBNETS
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.packet import Raw

BITS = {"ip4": 32, "ip6": 128}
WORD = {"ip4": "ip", "ip6": "ip6"}


@pytest.fixture(params=["ip4", "ip6"])
def net(switch, request):
    """(family, pg0, pg1, pg2), each with a subnet and a host on it."""
    with switch.subnets(request.param, 3) as pgs:
        yield request.param, *pgs
    assert switch.json("show urpf")["interfaces"] == []


def packet(family, pg, src, dst, **kwargs):
    ip = IP if family == "ip4" else IPv6
    return pg.ether() / ip(src=src, dst=dst, **kwargs) / UDP(sport=1, dport=2) / Raw(b"x" * 20)


def passes(switch, net, src, at=0):
    """Whether a packet with that source goes from one interface to pg2."""
    family, *pgs = net
    out = switch.exchange(pgs[at], packet(family, pgs[at], src, pgs[2].host), pgs[2])
    assert len(out) <= 1
    return bool(out)


def lines(switch):
    return [line for line in switch.running_config() if line.startswith("set urpf")]


def test_loose_rx(switch, net):
    family, a, b, _ = net
    far = FAR[family].format(1)
    assert passes(switch, net, far)
    switch.ctl(f"set urpf {family} rx loose {a}")
    node = f"{family}-rx-urpf-loose"
    with switch.counts({(node, "uRPF Drop"): 1}):
        assert not passes(switch, net, far)
    assert passes(switch, net, a.host) and passes(switch, net, b.host)  # a route will do, wherever it leads
    assert passes(switch, net, far, at=1)  # others do not check
    # the switch's own addresses come from nobody else
    with switch.counts({(node, "uRPF Drop"): 1}):
        assert not passes(switch, net, b.address)
    switch.ctl(f"ip route add {far}/{BITS[family]} via drop")
    assert not passes(switch, net, far)
    switch.ctl(f"ip route add {far}/{BITS[family]} via {b.host} {b}")
    switch.ctl(f"ip route del {far}/{BITS[family]} via drop")
    assert passes(switch, net, far)
    switch.ctl(f"set interface state {b} down")
    assert not passes(switch, net, far)
    switch.ctl(f"ip route del {far}/{BITS[family]}")
    switch.ctl(f"set urpf {family} rx off {a}")
    assert passes(switch, net, far)


def test_strict_rx(switch, net):
    family, a, b, c = net
    far = FAR[family].format(1)
    switch.ctl(f"set urpf {family} rx strict {a}")
    with switch.counts({(f"{family}-rx-urpf-strict", "uRPF Drop"): 3}):
        assert passes(switch, net, a.host)
        assert not passes(switch, net, b.host)
        assert not passes(switch, net, far)
        assert not passes(switch, net, a.address)
    # of several paths any will do; a path through a route is that route's
    switch.ctl(f"ip route add {far}/{BITS[family]} via {b.host} {b} via {a.host} {a} via {c.host} {c}")
    assert passes(switch, net, far)
    switch.ctl(f"ip route del {far}/{BITS[family]} via {a.host} {a}")
    assert not passes(switch, net, far)
    switch.ctl(f"ip route del {far}/{BITS[family]}")
    switch.ctl(f"ip route add {far}/{BITS[family]} via {FAR[family].format(2)}")
    assert not passes(switch, net, far)
    switch.ctl(f"ip route add {FAR[family].format(2)}/{BITS[family]} via {a.host} {a}")
    assert passes(switch, net, far)
    for n in (1, 2):
        switch.ctl(f"ip route del {FAR[family].format(n)}/{BITS[family]}")
    # one that waits is none, and one that nobody has answered for is
    switch.ctl(f"ip route add {far}/{BITS[family]} via {b.host} {b} via {a.host} {a} preference 1")
    assert not passes(switch, net, far)
    switch.ctl(f"ip route del {far}/{BITS[family]}")
    other = a.host[:-1] + "9"
    switch.ctl(f"ip route add {far}/{BITS[family]} via {other} {a}")
    assert passes(switch, net, far)
    switch.ctl(f"ip route del {far}/{BITS[family]}")
    switch.ctl(f"set urpf {family} rx off {a}")


def test_tx(switch, net):
    """What leaves: strict ones may come from anywhere but from where they go."""
    family, a, b, c = net
    far = FAR[family].format(1)
    switch.ctl(f"set urpf {family} tx loose {c}")
    with switch.counts({(f"{family}-tx-urpf-loose", "uRPF Drop"): 1}):
        assert passes(switch, net, b.host) and passes(switch, net, c.host)
        assert not passes(switch, net, far)
    switch.ctl(f"set urpf {family} tx strict {c}")
    with switch.counts({(f"{family}-tx-urpf-strict", "uRPF Drop"): 2}):
        assert passes(switch, net, b.host) and passes(switch, net, a.host)
        assert not passes(switch, net, c.host)
        assert not passes(switch, net, far)
    # its own answers, whatever a table that is named says of its address
    ping = IP(src=c.host, dst=c.address) / ICMP() if family == "ip4" else IPv6(src=c.host, dst=c.address) / ICMPv6EchoRequest()
    switch.ctl(f"{WORD[family]} table add 7")
    switch.ctl(f"ip route add {c.address}/{BITS[family]} table 7 via {c.host} {c}")
    for check in ("loose", "strict", "strict table 7"):
        mode, _, table = check.partition(" ")
        switch.ctl(f"set urpf {family} tx {mode} {c} {table}")
        assert len(switch.exchange(c, c.ether() / ping, c)) == 1
    switch.ctl(f"set urpf {family} tx off {c}")
    switch.ctl(f"{WORD[family]} table del 7")
    assert passes(switch, net, far)


@pytest.mark.parametrize("net", ["ip4"], indirect=True)
def test_fragments_of_what_is_forwarded_are_checked(switch, net):
    family, a, _, c = net
    switch.ctl(f"set interface mtu ip4 576 {c}")
    far = packet(family, a, FAR[family].format(1), c.host)
    near = packet(family, a, a.host, c.host)
    for p in (far, near):
        p[Raw].load = b"x" * 1000
    for mode in ("loose", "strict"):
        switch.ctl(f"set urpf ip4 tx {mode} {c}")
        assert switch.exchange(a, far, c) == []
        assert len(switch.exchange(a, near, c)) == 2
    switch.ctl(f"set urpf ip4 tx off {c}")


def test_tables(switch, net):
    """The interface's own, whichever that is; or one that is named."""
    family, a, b, _ = net
    ip = WORD[family]
    far = FAR[family].format(1)
    switch.ctl(f"{ip} table add 7")
    switch.ctl(f"ip route add {far}/{BITS[family]} table 7 via {a.host} {a}")
    switch.ctl(f"set urpf {family} rx strict {a} table 7")
    assert passes(switch, net, far) and not passes(switch, net, a.host)
    assert lines(switch) == [f"set urpf {family} rx strict {a} table 7"]
    # it stays for as long as it is named
    switch.ctl(f"{ip} table del 7")
    assert f"{ip} table add 7" in switch.running_config()
    switch.ctl(f"set urpf {family} rx strict {a}")
    assert f"{ip} table add 7" not in switch.running_config()
    assert passes(switch, net, a.host) and not passes(switch, net, far)
    assert "Nonexistent table id 77" in switch.fails(f"set urpf {family} rx loose {a} table 77")
    assert lines(switch) == [f"set urpf {family} rx strict {a}"]
    # a table in which another one is looked up
    switch.ctl(f"{ip} table add 8")
    switch.ctl(f"ip route add {far}/{BITS[family]} table 8 via {b.host} {b}")
    switch.ctl(f"ip route add {far}/{BITS[family]} via {family}-lookup-in-table 8")
    assert not passes(switch, net, far)
    switch.ctl(f"set urpf {family} rx loose {a}")
    assert passes(switch, net, far)
    switch.ctl(f"ip route del {far}/{BITS[family]}")
    switch.ctl(f"{ip} table del 8")
    switch.ctl(f"set urpf {family} off {a}")


def test_routes_in_a_circle(switch, net):
    """They end: nothing is found."""
    family, a, b, _ = net
    ip = WORD[family]
    far = FAR[family].format(1)
    switch.ctl(f"{ip} table add 7")
    switch.ctl(f"ip route add {far}/{BITS[family]} via {family}-lookup-in-table 7")
    switch.ctl(f"ip route add {far}/{BITS[family]} table 7 via {family}-lookup-in-table 0 via {family}-lookup-in-table 7")
    switch.ctl(f"set urpf {family} rx loose {a}")
    assert not passes(switch, net, far)
    assert passes(switch, net, b.host)
    switch.ctl(f"ip route del {far}/{BITS[family]}")
    switch.ctl(f"{ip} table del 7")
    switch.ctl(f"set urpf {family} rx off {a}")


def test_accepted_prefixes(switch, net):
    family, a, _, _ = net
    far = FAR[family].format(1)
    prefix = f"{FAR[family].format(0)}/{24 if family == 'ip4' else 112}"
    switch.ctl(f"set urpf {family} rx loose {a}")
    assert "no such prefix" in switch.fails(f"set urpf-accept del {prefix}")
    switch.ctl(f"set urpf-accept {prefix}")
    assert "already" in switch.fails(f"set urpf-accept add {prefix}")
    assert "Nonexistent table id 77" in switch.fails(f"set urpf-accept table 77 add {prefix}")
    assert passes(switch, net, far)
    assert switch.json("show urpf")["accepted"][0]["table_id"] == 0
    assert "set urpf-accept table 0 add " in lines(switch)[-1]
    switch.ctl(f"set urpf {family} rx strict {a}")
    assert not passes(switch, net, far)
    switch.ctl(f"set urpf {family} rx loose {a}")
    switch.ctl(f"set urpf-accept table 0 del {prefix}")
    assert not passes(switch, net, far)
    switch.ctl(f"set urpf {family} rx off {a}")


def test_what_is_not_checked(switch, net):
    """Sources of the link itself; a host that has no address yet."""
    family, a, _, _ = net
    switch.ctl(f"set urpf {family} rx strict {a}")
    if family == "ip4":
        (way,) = switch.trace(a, packet(family, a, "0.0.0.0", "255.255.255.255"))
        assert dict(way)["ip4-rx-urpf-strict"] and "ip4-lookup" in dict(way)
        assert not passes(switch, net, "0.0.0.0")
    else:
        own = switch.json(f"show ip6 interface {a}")["interfaces"][0]["link_local"]
        switch.ctl(f"set ip neighbor {a} fe80::77 {a.host_mac}")
        ping = a.ether() / IPv6(src="fe80::77", dst=own) / ICMPv6EchoRequest()
        assert len(switch.exchange(a, ping, a)) == 1
    switch.ctl(f"set urpf {family} rx off {a}")


def test_words_and_trace(switch, net):
    family, a, b, _ = net
    switch.ctl(f"set urpf {family} {a}")  # as VPP: strict, of what is received
    switch.ctl(f"set urpf {family} tx loose {b}")
    assert switch.ctl("show urpf") == f"{a} {family} rx strict\n{b} {family} tx loose\n"
    assert lines(switch) == [f"set urpf {family} rx strict {a}", f"set urpf {family} tx loose {b}"]
    (way,) = switch.trace(a, packet(family, a, b.host, b.host))
    assert f"{family}-drop" in dict(way) and dict(way)[f"{family}-rx-urpf-strict"].strip().startswith("uRPF:")
    (way,) = switch.trace(a, packet(family, a, a.host, b.host))
    nodes = [node for node, _ in way]
    assert nodes.index(f"{family}-rx-urpf-strict") < nodes.index(f"{family}-lookup") < nodes.index(f"{family}-tx-urpf-loose")
    switch.ctl(f"set urpf {family} off {a}")
    # with the interface it goes
    switch.ctl(f"set urpf {family} tx off {b}")
    gone = switch.pg(6, SUBNETS[family].format(6))
    switch.ctl(f"set urpf {family} rx strict {gone}")
    switch.ctl(f"delete packet-generator interface {gone}")
    assert switch.ctl("show urpf") == ""
    again = switch.pg(6, SUBNETS[family].format(6))
    p = packet(family, again, FAR[family].format(1), a.host)
    assert len(switch.exchange(again, p, a)) == 1
    switch.ctl(f"delete packet-generator interface {again}")


def test_saved_and_taken_back(saving):
    switch = saving
    a, b = switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.0.1.1/24")
    for command in (f"set urpf ip4 rx strict {a}", f"set urpf ip6 tx loose {b}", "ip table add 3",
                    f"set urpf ip4 tx loose {a} table 3", "set urpf-accept table 3 192.0.2.0/24", "set urpf-accept 198.51.100.7/32"):
        switch.ctl(command)
    switch.ctl("write")
    before = switch.running_config()
    assert len(lines(switch)) == 5
    for command in (f"set urpf ip4 rx loose {a}", f"set urpf ip6 tx off {b}", f"set urpf ip6 rx strict {b}",
                    "set urpf-accept table 3 del 192.0.2.0/24", "set urpf-accept 192.0.2.0/24"):
        switch.ctl(command)
    assert "done, by" in switch.ctl("configure rollback")
    assert switch.running_config() == before
    switch.restart([])  # from what was saved
    assert switch.running_config() == before

"""Cross-connects of layer 3: what an interface receives leaves by the paths that it has, whatever the destination."""
import pytest
from packet_lib import FAR, SUBNETS, hop_limit, wait_for
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr,
                                 IPv6)
from scapy.packet import Raw


@pytest.fixture(params=["ip4", "ip6"])
def net(switch, request):
    """(family, pg0, pg1, pg2), each with a subnet and a host on it."""
    with switch.subnets(request.param, 3) as pgs:
        yield request.param, *pgs


def packet(family, pg, n=1, sport=1):
    ip = IP(src=pg.host, dst=FAR[family].format(n), ttl=64) if family == "ip4" else \
        IPv6(src=pg.host, dst=FAR[family].format(n), hlim=64)
    return pg.ether() / ip / UDP(sport=sport, dport=2) / Raw(b"x" * 20)


def connections(switch):
    return switch.json("show l3xc")["l3xc"]


def lines(switch):
    return [line for line in switch.running_config() if line.startswith("l3xc")]


def test_it_leaves_by_its_path(switch, net):
    family, a, b, c = net
    switch.ctl(f"l3xc add {a} via {b.host} {b}")
    (out,) = switch.exchange(a, packet(family, a), b)
    assert (out.src, out.dst, hop_limit(out)) == (b.mac, b.host_mac, 63)
    # another path: the same cross-connect
    switch.ctl(f"l3xc add {a} via {c.host} {c}")
    at_b, at_c = switch.exchange(a, packet(family, a), b, c)
    assert (len(at_b), len(at_c)) == (0, 1)
    (x,) = connections(switch)
    assert (x["index"], x["interface"], x["family"]) == (0, "pg0", family)
    assert x["load_balance"]["packets"] == 2 and x["load_balance"]["via_packets"] == 0
    # its own address, too
    own = packet(family, a)
    own[IP if family == "ip4" else IPv6].dst = a.address
    assert len(switch.exchange(a, own, c)) == 1
    # what others receive is routed
    assert switch.exchange(b, packet(family, b), c) == []
    switch.ctl(f"l3xc del {a} via {c.host} {c}")
    assert connections(switch) == [] and lines(switch) == []
    assert switch.exchange(a, packet(family, a), c) == []


def test_words(switch, net):
    family, a, b, _ = net
    assert "Specify some paths" in switch.fails(f"l3xc add {a}")
    assert "parse error `nonsense'" in switch.fails(f"l3xc add {a} via {b.host} {b} nonsense")
    assert "Nonexistent table id 77" in switch.fails(f"l3xc add {a} {family} via {family}-lookup-in-table 77")
    assert "no cross-connect" in switch.fails(f"l3xc del {a}")
    assert "no cross-connect" in switch.fails(f"l3xc del {a} via {b.host} {b}")
    assert connections(switch) == []
    switch.ctl(f"l3xc {a} via {b.host} {b}")
    switch.fails(f"l3xc add {a} {family} via {family}-lookup-in-table 77")
    assert lines(switch) == [f"l3xc add {a} via {b.host} {b}"]
    text = switch.ctl("show l3xc")
    assert text.startswith(f"l3xc:[0]: {a}\n    path-list:[")
    assert "      path:[" in text and f" {family} weight=1 pref=0 attached-nexthop:  oper-flags:resolved,\n" in text
    assert f"        {b.host} {b}\n" in text
    switch.ctl(f"l3xc del {a}")
    assert switch.ctl("show l3xc") == ""


def test_trace(switch, net):
    family, a, b, _ = net
    switch.ctl(f"l3xc add {a} via {b.host} {b}")
    (way,) = switch.trace(a, packet(family, a))
    nodes = [node for node, _ in way]
    assert nodes[:4] == ["pg-input", "ethernet-input", f"{family}-input", f"l3xc-input-{family}"]
    assert nodes[4] == f"{family}-rewrite"
    lb = connections(switch)[0]["load_balance"]["index"]
    assert f"l3xc-index:0 lb-index:{lb}" in dict(way)[f"l3xc-input-{family}"]
    assert f"l3xc-input-{family}" in switch.ctl(f"show interface features {a}")


def test_flows_are_shared_by_paths(switch, net):
    family, a, b, c = net
    switch.ctl(f"l3xc add {a} via {b.host} {b} via {c.host} {c} weight 3")
    flows = [packet(family, a, 1 + n % 9, 1000 + n) for n in range(200)]
    lists = switch.exchange(a, flows * 2, b, c)
    seen = [{(p[UDP].sport) for p in packets} for packets in lists]
    assert not seen[0] & seen[1] and len(seen[0] | seen[1]) == 200
    assert 10 < len(seen[0]) < len(seen[1])
    # one goes down: the other has them all
    switch.ctl(f"set interface state {c} down")
    assert len(switch.exchange(a, flows, b)) == 200


def test_recursive_and_special_paths(switch, net):
    family, a, b, c = net
    far = FAR[family].format(9)
    bits = 32 if family == "ip4" else 128
    switch.ctl(f"l3xc add {a} via {far}")  # by the route to it
    assert switch.exchange(a, packet(family, a), b) == []
    switch.ctl(f"ip route add {far}/{bits} via {b.host} {b}")
    assert len(switch.exchange(a, packet(family, a), b)) == 1
    switch.ctl(f"ip route add {far}/{bits} via {c.host} {c}")
    switch.ctl(f"ip route del {far}/{bits} via {b.host} {b}")
    assert len(switch.exchange(a, packet(family, a), c)) == 1
    switch.ctl(f"ip route del {far}/{bits}")
    # another table
    ip = "ip" if family == "ip4" else "ip6"
    switch.ctl(f"{ip} table add 7")
    switch.ctl(f"ip route add {far}/{bits} table 7 via {b.host} {b}")
    switch.ctl(f"l3xc add {a} via {family}-lookup-in-table 7")
    at_b = switch.exchange(a, [packet(family, a), packet(family, a, 9)], b)
    assert len(at_b) == 1
    # nowhere, and to this switch
    switch.ctl(f"l3xc add {a} {family} via drop")
    assert lines(switch) == [f"l3xc add {a}" + (" ip6" if family == "ip6" else "") + " via drop"]
    assert switch.exchange(a, packet(family, a, 9), b) == []
    switch.ctl(f"l3xc add {a} via {family}-unreachable")
    back = switch.exchange(a, packet(family, a, 9), a)
    assert len(back) == 1 and back[0].dst == a.host_mac
    switch.ctl(f"l3xc del {a}")
    switch.ctl(f"{ip} table del 7")


def test_an_unknown_neighbour_is_asked_for(switch, net):
    family, a, b, _ = net
    other = FAR[family].format(1) if family == "ip6" else "10.0.1.77"
    switch.ctl(f"l3xc add {a} via {other} {b}")
    capture = switch.capture(b)
    switch.send(a, packet(family, a))
    wait_for(capture.count, "a question")
    questions = {p.dst[:5] for p in capture.packets()}  # asked again when there is no answer in time
    assert questions == {"ff:ff" if family == "ip4" else "33:33"}
    switch.ctl(f"set ip neighbor {b} {other} 02:00:00:00:00:77")
    out = switch.exchange(a, packet(family, a), b)
    assert {p.dst for p in out if UDP in p} == {"02:00:00:00:00:77"}
    switch.ctl(f"set ip neighbor del {b} {other}")


def test_without_an_address(switch, net):
    """An interface need not take the protocol otherwise."""
    family, _, b, _ = net
    bare = switch.pg(5)
    switch.ctl(f"l3xc add {bare} via {b.host} {b}")
    p = packet(family, b)
    p.src, p.dst = bare.host_mac, bare.mac
    assert len(switch.exchange(bare, p, b)) == 1
    switch.ctl(f"delete packet-generator interface {bare}")
    assert connections(switch) == []


def test_interfaces_that_go(switch, net):
    family, a, b, c = net
    gone = switch.pg(6, SUBNETS[family].format(6))
    switch.ctl(f"l3xc add {a} via {gone.host} {gone}")
    switch.ctl(f"l3xc add {gone} via {b.host} {b}")
    assert len(connections(switch)) == 2
    switch.ctl(f"delete packet-generator interface {gone}")
    # its own went with it; what led there drops, and does so after a restart
    assert [x["interface"] for x in connections(switch)] == [str(a)]
    assert lines(switch) == [f"l3xc add {a}{' ip6' if family == 'ip6' else ''} via drop"]
    assert switch.exchange(a, packet(family, a), b, c) == [[], []]
    again = switch.pg(6, SUBNETS[family].format(6))  # another interface of that index
    assert switch.exchange(a, packet(family, a), again) == []
    switch.ctl(f"l3xc add {a} via {b.host} {b}")
    assert len(switch.exchange(a, packet(family, a), b)) == 1
    # one path of two
    switch.ctl(f"l3xc add {a} via {b.host} {b} via {again.host} {again}")
    switch.ctl(f"delete packet-generator interface {again}")
    (line,) = lines(switch)
    assert line.endswith(f" {b}") and line.count(" via ") == 1
    assert len(switch.exchange(a, packet(family, a), b)) == 1


def test_groups_are_not_connected(switch, net):
    family, a, b, _ = net
    switch.ctl(f"l3xc add {a} via {b.host} {b}")
    p = packet(family, a)
    p[IP if family == "ip4" else IPv6].dst = "239.1.1.1" if family == "ip4" else "ff0e::5"
    p.dst = "01:00:5e:01:01:01" if family == "ip4" else "33:33:00:00:00:05"
    assert switch.exchange(a, p, b) == []


@pytest.mark.parametrize("net", ["ip6"], indirect=True)
def test_what_a_link_says_to_itself_is_not_connected(switch, net):
    """Neighbour discovery and addresses of the link: they reach the switch, as ARP does."""
    family, a, b, _ = net
    switch.ctl(f"l3xc add {a} via {b.host} {b}")
    own = switch.json(f"show ip6 interface {a}")["interfaces"][0]["link_local"]
    switch.ctl(f"set ip neighbor {a} fe80::77 {a.host_mac}")
    ask = a.ether() / IPv6(src=a.host, dst=a.address, hlim=255) / ICMPv6ND_NS(tgt=a.address) / ICMPv6NDOptSrcLLAddr(lladdr=a.host_mac)
    ping = a.ether() / IPv6(src="fe80::77", dst=own) / ICMPv6EchoRequest()
    for packets, kind in ((ask, ICMPv6ND_NA), (ping, ICMPv6EchoReply)):
        back, away = switch.exchange(a, packets, a, b)
        assert [kind in p for p in back] == [True] and away == []
    # no neighbour discovery: it has passed a router
    ask[IPv6].hlim = 254
    assert len(switch.exchange(a, ask, b)) == 1


def test_both_protocols(switch, net):
    """One of each an interface, which know nothing of each other."""
    _, a, b, _ = net
    switch.ctl(f"l3xc add {a} via 10.0.1.9 {b}")
    switch.ctl(f"l3xc add {a} via 2001:db8:1::9 {b}")
    assert [x["family"] for x in connections(switch)] == ["ip4", "ip6"]
    switch.ctl(f"l3xc del {a} ip6")
    assert [x["family"] for x in connections(switch)] == ["ip4"]
    switch.ctl(f"l3xc add {a} via 2001:db8:1::9 {b}")
    assert [x["index"] for x in connections(switch)] == [0, 1]
    switch.ctl(f"l3xc del {a}")
    assert connections(switch) == []


def test_saved(fresh):
    a, b = fresh.pg(0, "10.0.0.1/24"), fresh.pg(1, "10.0.1.1/24")
    fresh.ctl("ip table add 3")
    for command in (f"l3xc add {a} via 10.0.1.2 {b} weight 2 via 10.0.1.3 {b} preference 1",
                    f"l3xc add {a} ip6 via drop", f"l3xc add {b} ip4 via 2001:db8::5 {a}", f"l3xc add {b} via ip6-unreachable"):
        fresh.ctl(command)
    saved = fresh.running_config()
    assert [line for line in saved if line.startswith("l3xc")] == [
        f"l3xc add {a} via 10.0.1.2 {b} weight 2 via 10.0.1.3 {b} preference 1", f"l3xc add {a} ip6 via drop",
        f"l3xc add {b} ip4 via 2001:db8::5 {a}", f"l3xc add {b} ip6 via unreachable"]
    shown = [(x["interface"], x["family"]) for x in connections(fresh)]
    fresh.restart(saved)
    assert fresh.running_config() == saved
    assert [(x["interface"], x["family"]) for x in connections(fresh)] == shown


def test_taken_back(saving):
    """By commands: nothing else stops meanwhile."""
    switch = saving
    a, b = switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.0.1.1/24")
    switch.ctl(f"l3xc add {b} via {a.host} {a}")
    switch.ctl("write")
    before = switch.running_config()
    switch.ctl(f"l3xc add {a} via {b.host} {b}")
    switch.ctl(f"l3xc add {a} ip6 via drop")
    switch.ctl(f"l3xc add {b} via 10.0.0.77 {a}")
    assert "done, by" in switch.ctl("configure rollback")
    assert switch.running_config() == before
    assert len(switch.exchange(b, packet("ip4", b), a)) == 1

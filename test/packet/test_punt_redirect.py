"""ip punt redirect, ip6 punt redirect: what is punted leaves by paths of its own instead of ending."""
import pytest
from packet_lib import FAR, SUBNETS, hop_limit
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

WORDS = {"ip4": "ip", "ip6": "ip6"}


@pytest.fixture(params=["ip4", "ip6"])
def net(switch, request):
    """(family, pg0, pg1, pg2), each with a subnet and a host on it; UDP that nobody takes is punted."""
    family = request.param
    with switch.subnets(family, 3) as pgs:
        switch.ctl(f"set punt {family.replace('ip', 'ipv')} udp all")
        yield family, *pgs
        switch.ctl(f"set punt {family.replace('ip', 'ipv')} udp del all")
        while redirects(switch, family):
            switch.ctl(f"{WORDS[family]} punt redirect del rx {redirects(switch, family)[0]['rx']}")


def redirects(switch, family):
    return switch.json(f"show {WORDS[family]} punt redirect")["redirects"]


def lines(switch):
    return [line for line in switch.running_config() if " punt redirect " in line]


def to_us(family, pg, sport=1, size=20, ttl=64):
    """A datagram for the switch, of a port that nobody listens at."""
    ip = IP(src=pg.host, dst=pg.address, ttl=ttl) if family == "ip4" else IPv6(src=pg.host, dst=pg.address, hlim=ttl)
    return pg.ether() / ip / UDP(sport=sport, dport=4000) / Raw(b"x" * size)


def test_by_what_it_came_in_or_all(switch, net):
    family, a, b, c = net
    ip = WORDS[family]
    assert switch.exchange(a, to_us(family, a), b, c) == [[], []]
    switch.ctl(f"{ip} punt redirect add rx {a} via {b.host} {b}")
    (out,) = switch.exchange(a, to_us(family, a, ttl=7), b)
    assert (out.src, out.dst, hop_limit(out), out[UDP].dport) == (b.mac, b.host_mac, 7, 4000)
    # others end as before
    assert switch.exchange(c, to_us(family, c), b) == []
    switch.ctl(f"{ip} punt redirect add rx all via {c.host} {c}")
    assert [len(x) for x in switch.exchange(a, to_us(family, a), b, c)] == [1, 0]
    assert [len(x) for x in switch.exchange(b, to_us(family, b), b, c)] == [0, 1]
    assert [r["rx"] for r in redirects(switch, family)] == ["all", "pg0"]
    assert lines(switch) == [f"{ip} punt redirect add rx all via {c.host} {c}", f"{ip} punt redirect add rx {a} via {b.host} {b}"]
    # other paths in the place of those
    switch.ctl(f"{ip} punt redirect add rx {a} via {c.host} {c}")
    assert [len(x) for x in switch.exchange(a, to_us(family, a), b, c)] == [0, 1]
    switch.ctl(f"{ip} punt redirect del rx {a}")
    switch.ctl(f"{ip} punt redirect del rx all via {c.host} {c}")
    assert redirects(switch, family) == [] and lines(switch) == []
    assert switch.exchange(a, to_us(family, a), b, c) == [[], []]


def test_no_interface_is_named_all(switch, net):
    family, a, b, _ = net
    assert switch.fails(f"set interface name {a} all") == "set interface name: `all' is no interface name"
    switch.ctl(f"{WORDS[family]} punt redirect add rx {a} via {b.host} {b}")
    assert [r["rx"] for r in redirects(switch, family)] == [str(a)]


def test_words(switch, net):
    family, a, b, _ = net
    ip = WORDS[family]
    assert "Specify some paths" in switch.fails(f"{ip} punt redirect add rx {a}")
    assert "parse error `nonsense'" in switch.fails(f"{ip} punt redirect add rx {a} via {b.host} {b} nonsense")
    assert "no redirect of punted" in switch.fails(f"{ip} punt redirect del rx {a}")
    assert "no redirect of punted" in switch.fails(f"{ip} punt redirect del rx all")
    switch.fails(f"{ip} punt redirect add rx nothing via {b.host} {b}")
    assert redirects(switch, family) == [] and lines(switch) == []
    switch.ctl(f"{ip} punt redirect rx {a} via {b.host} {b}")
    shown = switch.ctl(f"show {ip} punt redirect").split("\n")
    assert shown[0] == f" rx {a} via:" and shown[1].startswith("   path-list:[") and shown[2].startswith("     path:[")
    assert shown[3] == f"       {b.host} {b}" and " forwarding" in shown and any(x.startswith("  [@1]: ") for x in shown)
    assert f"{family}-punt-redirect" in switch.ctl("show interface features local0")


def test_trace(switch, net):
    family, a, b, _ = net
    switch.ctl(f"{WORDS[family]} punt redirect add rx {a} via {b.host} {b}")
    (way,) = switch.trace(a, to_us(family, a))
    nodes = [node for node, _ in way]
    at = nodes.index(f"{family}-punt")
    assert nodes[at:at + 3] == [f"{family}-punt", f"{family}-punt-redirect", f"{family}-rewrite"]
    assert dict(way)[f"{family}-punt-redirect"].startswith("via redirect lb-index:")
    (way,) = switch.trace(b, to_us(family, b))
    assert dict(way)[f"{family}-punt-redirect"] == "ignore" and way[-1][0] == "punt"


def test_paths_as_of_routes(switch, net):
    family, a, b, c = net
    ip, bits = WORDS[family], 32 if family == "ip4" else 128
    far = FAR[family].format(9)
    switch.ctl(f"{ip} punt redirect add rx {a} via {far}")  # by the route to it
    assert switch.exchange(a, to_us(family, a), b, c) == [[], []]
    switch.ctl(f"ip route add {far}/{bits} via {b.host} {b}")
    assert len(switch.exchange(a, to_us(family, a), b)) == 1
    switch.ctl(f"ip route del {far}/{bits}")
    # several, by the flow
    switch.ctl(f"{ip} punt redirect add rx {a} via {b.host} {b} via {c.host} {c}")
    at_b, at_c = switch.exchange(a, [to_us(family, a, sport) for sport in range(1, 101)], b, c)
    assert len(at_b) + len(at_c) == 100 and len(at_b) > 10 < len(at_c)
    switch.ctl(f"set interface state {c} down")
    assert len(switch.exchange(a, [to_us(family, a, sport) for sport in range(1, 101)], b)) == 100


def test_a_way_back_here_ends(switch, net):
    """Paths that lead to this switch again: the second time it is dropped, and counted."""
    family, a, b, c = net
    ip = WORDS[family]
    for paths in f"via {b.address}", "via local":
        switch.ctl(f"{ip} punt redirect add rx all {paths}")
        with switch.counts({(f"{family}-punt-redirect", f"{family} punt redirect drop"): 1}):
            assert switch.exchange(a, to_us(family, a), b, c) == [[], []]


@pytest.mark.parametrize("net", ["ip4"], indirect=True)
def test_exceptions(switch, net):
    """Also what an ICMP error would be the answer to, with its TTL; a redirect that makes an exception again ends."""
    family, a, b, c = net
    away = FAR[family].format(1)
    switch.ctl("set punt exception ip4-ttl-expired")
    switch.ctl("set punt exception ip4-fragmentation-needed")
    switch.ctl(f"ip punt redirect add rx {a} via {b.host} {b}")
    switch.ctl(f"ip route add {away}/32 via {c.host} {c}")
    (out,) = switch.exchange(a, a.ether() / IP(src=a.host, dst=away, ttl=1) / UDP(dport=9), b)
    assert (out[IP].ttl, out[IP].dst) == (1, away)
    switch.ctl(f"set interface mtu packet 500 {c}")
    long = a.ether() / IP(src=a.host, dst=away, ttl=9, flags="DF") / UDP(dport=9) / Raw(b"x" * 600)
    (out,) = switch.exchange(a, long, b)
    assert (out[IP].ttl, out[IP].dst) == (9, away)
    switch.ctl(f"ip punt redirect add rx {a} via {c.host} {c}")
    assert switch.exchange(a, long, b, c) == [[], []]
    switch.ctl(f"ip route del {away}/32")
    switch.ctl("set punt exception ip4-ttl-expired del")
    switch.ctl("set punt exception ip4-fragmentation-needed del")


def test_interfaces_that_go(switch, net):
    family, a, b, c = net
    ip = WORDS[family]
    gone = switch.pg(6, SUBNETS[family].format(6))
    switch.ctl(f"{ip} punt redirect add rx {a} via {gone.host} {gone}")
    switch.ctl(f"{ip} punt redirect add rx {gone} via {b.host} {b}")
    switch.ctl(f"delete packet-generator interface {gone}")
    # its own went with it; what led there drops, and does so after a restart
    assert lines(switch) == [f"{ip} punt redirect add rx {a} via drop"]
    assert switch.exchange(a, to_us(family, a), b, c) == [[], []]
    again = switch.pg(6, SUBNETS[family].format(6))  # another interface of that index
    assert switch.exchange(again, to_us(family, again), b) == []
    assert switch.exchange(a, to_us(family, a), again) == []
    switch.ctl(f"delete packet-generator interface {again}")


def test_saved(fresh):
    a, b = fresh.pg(0, "10.0.0.1/24"), fresh.pg(1, "10.0.1.1/24")
    said = ["ip punt redirect add rx all via drop", f"ip punt redirect add rx {a} via 10.0.1.2 {b} weight 2 via 10.0.1.3 {b}",
            f"ip6 punt redirect add rx {b} via 2001:db8::5 {a}"]
    for command in said:
        fresh.ctl(command)
    saved = fresh.running_config()
    assert [line for line in saved if " punt redirect " in line] == said
    fresh.restart(saved)
    assert fresh.running_config() == saved


def test_taken_back(saving):
    """By commands: nothing else stops meanwhile."""
    a, b = saving.pg(0, "10.0.0.1/24"), saving.pg(1, "10.0.1.1/24")
    saving.ctl(f"ip punt redirect add rx {b} via {a.host} {a}")
    saving.ctl("write")
    before = saving.running_config()
    saving.ctl(f"ip punt redirect add rx {a} via {b.host} {b}")
    saving.ctl("ip6 punt redirect add rx all via drop")
    saving.ctl(f"ip punt redirect add rx {b} via 10.0.0.77 {a}")
    assert "done, by" in saving.ctl("configure rollback")
    assert saving.running_config() == before

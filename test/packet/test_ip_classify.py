"""Routes through classifier tables, of both protocols: where sessions and what misses them go."""
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

NET = {4: "10.{}.0.1/24", 6: "2001:db8:a{}::1/64"}
ROUTE = {4: "20.0.0.0/16", 6: "2001:db8:20::/48"}
DST = {4: "20.0.0.9", 6: "2001:db8:20::9"}
IP_OF = {4: IP, 6: IPv6}
HOSTS = {4: "10.0.0.{}", 6: "2001:db8:a0::{}"}


@pytest.fixture(params=[4, 6])
def net(fresh, request):
    """The route goes by table 0, of sources; the routes of IP table 7 leave by pg1."""
    v = request.param
    pgs = [fresh.pg(i, NET[v].format(i)) for i in range(2)]
    fresh.configure(f"""
        {'ip' if v == 4 else 'ip6'} table add 7
        ip route add {ROUTE[v]} table 7 via {pgs[1].host} pg1
        classify table mask l3 ip{v} src buckets 16
        ip route add {ROUTE[v]} via ip{v}-classify 0
    """)
    return fresh, pgs, v


def udp(net, host, dst=None):
    _, pgs, v = net
    return pgs[0].ether() / IP_OF[v](src=HOSTS[v].format(host), dst=dst or DST[v]) / UDP(sport=1, dport=2) / Raw(b"x" * 20)


def session(net, host, words, action=""):
    switch, _, v = net
    switch.ctl(f"classify session {words} table-index 0 match l3 ip{v} src {HOSTS[v].format(host)} {action}")


def test_sessions_and_misses(net):
    switch, pgs, v = net
    to_7 = f"action set-ip{v}-fib-id 7"
    node = f"ip{v}-classify"
    session(net, 5, "hit-next permit", to_7)
    session(net, 6, "hit-next drop", to_7)
    session(net, 7, "hit-next permit")  # says nothing of where to
    session(net, 8, "hit-next 99", f"action set-ip{10 - v}-fib-id 7")  # of the other protocol
    frames = [udp(net, host) for host in (5, 6, 7, 8, 9, 5)]
    with switch.counts({(node, "Classify hits"): 5, (node, "Classify misses"): 1, (node, "Classify action drop"): 4}):
        out = switch.exchange(pgs[0], frames, pgs[1])
    assert [p[IP_OF[v]].src for p in out] == [HOSTS[v].format(5)] * 2
    assert {p[IP].ttl if v == 4 else p[IPv6].hlim for p in out} == {63}
    # what misses may go on to the next table of the chain
    switch.ctl(f"classify table mask l3 ip{v} dst buckets 2")
    switch.ctl("classify table table 0 next-table 1")
    switch.ctl(f"classify session hit-next permit table-index 1 match l3 ip{v} dst {DST[v]} {to_7}")
    with switch.counts({(node, "Classify hits"): 1, (node, "Classify hits after chain walk"): 1}):
        assert len(switch.exchange(pgs[0], udp(net, 9), pgs[1])) == 1


def test_to_this_switch_and_punted(net):
    switch, pgs, v = net
    session(net, 2, "hit-next local")  # its own address, which is answered at once
    switch.ctl("classify table table 0 miss-next punt")
    for host, then in (6, f"ip{v}-punt"), (2, f"ip{v}-receive"):
        hops, = switch.trace(pgs[0], udp(net, host))
        at = [node for node, _ in hops].index(f"ip{v}-classify")
        assert hops[at][1].startswith("IP_CLASSIFY: next_index ") and hops[at + 1][0] == then


def test_a_circle_ends(net):
    switch, pgs, v = net
    switch.ctl(f"{'ip' if v == 4 else 'ip6'} table add 8")
    switch.ctl(f"ip route add {ROUTE[v]} table 8 via ip{v}-classify 0")
    session(net, 5, "hit-next permit", f"action set-ip{v}-fib-id 8")
    node = f"ip{v}-classify"
    with switch.counts({(node, "Classify hits"): 4, (node, "Classified too often"): 1}):
        assert switch.exchange(pgs[0], udp(net, 5), pgs[1]) == []


def test_shown_saved_and_held(net):
    switch, _, v = net
    line = f"ip route add {ROUTE[v]} via ip{v}-classify 0"
    assert line in switch.running_config()
    shown = switch.ctl(f"show ip{'' if v == 4 else '6'} fib {ROUTE[v]}")
    assert f"ip{v}-classify:[" in shown and "]:table:0" in shown and "cfg-flags:classify," in shown
    assert "in use" in switch.fails("classify table table 0 del")
    assert "no such classifier table 3" in switch.fails(f"ip route add {ROUTE[v]} via ip{v}-classify 3")
    assert "no such classifier table 3" in switch.fails(f"ip route add {ROUTE[v]} via ip{v}-classify 3 via drop")
    switch.fails(f"ip route add {ROUTE[v]} via ip{10 - v}-classify 0")
    switch.fails(f"ip route add {ROUTE[v]} via ip{v}-classify")
    # another route holds it too; what comes last on a path counts
    other = ROUTE[v].replace("20", "21")
    switch.ctl(f"ip route add {other} via ip{v}-classify 0")
    switch.ctl(f"ip route del {ROUTE[v]} via ip{v}-classify 0")
    assert line not in switch.running_config()
    assert "in use" in switch.fails("classify table table 0 del")
    switch.ctl(f"ip route del {other}")
    switch.ctl(f"ip route add {other} via ip{v}-classify 0 drop")
    switch.ctl("classify table table 0 del")
    switch.ctl(f"ip route del {other} via drop")
    assert not [x for x in switch.running_config() if x.startswith(f"ip route add {other}")]


@pytest.mark.parametrize("words, as_saved, shown", [("null-send-unreach", "unreachable", "send-unreach"),
                                                    ("null-send-prohibit", "prohibit", "send-prohibit")])
def test_null_routes(fresh, words, as_saved, shown):
    fresh.ctl(f"ip route add 20.0.0.0/16 via {words}")
    assert f"ip route add 20.0.0.0/16 via {as_saved}" in fresh.running_config()
    assert f"ip-null: ip4 action:{shown}" in fresh.ctl("show ip fib 20.0.0.0/16")

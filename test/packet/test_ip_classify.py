"""Routes through classifier tables, of both protocols: where sessions and what misses them go."""
import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether
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


# --- an interface's own address

def own(net, host, to=None):
    _, pgs, v = net
    ping = ICMP() if v == 4 else ICMPv6EchoRequest()
    return pgs[0].ether() / IP_OF[v](src=HOSTS[v].format(host), dst=to or pgs[0].address) / ping


def words(net):
    v = net[2]
    return f"set {'ip' if v == 4 else 'ip6'} classify"


def test_what_comes_to_an_interfaces_own_address(net):
    switch, pgs, v = net
    for host in (5, 6):
        switch.ctl(f"set ip neighbor static pg0 {HOSTS[v].format(host)} {pgs[0].host_mac}")
    assert len(switch.exchange(pgs[0], own(net, 6), pgs[0])) == 1
    switch.ctl(f"{words(net)} intfc pg0 table-index 0")
    session(net, 5, "hit-next local")
    session(net, 6, "hit-next drop")
    session(net, 7, "hit-next permit", f"action set-ip{v}-fib-id 7")
    node = f"ip{v}-classify"
    with switch.counts({(node, "Classify hits"): 3, (node, "Classify misses"): 1, (node, "Classify action drop"): 2,
                        ("ip4-icmp-input" if v == 4 else "ip6-icmp-input", "echo replies sent"): 2}):
        outs = switch.exchange(pgs[0], [own(net, host) for host in (5, 6, 8)] + [own(net, 5)], pgs[0])
    assert [p[IP_OF[v]].dst for p in outs] == [HOSTS[v].format(5)] * 2
    # it is this switch's own still: who asks for it is answered, and nobody else may come from it
    if v == 4:
        asked = Ether(src=pgs[0].host_mac, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=pgs[0].host_mac, psrc=pgs[0].host, pdst=pgs[0].address)
        assert switch.exchange(pgs[0], asked, pgs[0])[0][ARP].hwsrc == pgs[0].mac
    else:
        asked = Ether(src=pgs[0].host_mac, dst="33:33:ff:00:00:01") / IPv6(src=pgs[0].host, dst="ff02::1:ff00:1", hlim=255) / \
            ICMPv6ND_NS(tgt=pgs[0].address) / ICMPv6NDOptSrcLLAddr(lladdr=pgs[0].host_mac)
        assert switch.exchange(pgs[0], asked, pgs[0])[0][ICMPv6ND_NA].tgt == pgs[0].address
    # by another table, and to other addresses
    other = "10.0.0.77" if v == 4 else "2001:db8:a0::77"
    switch.ctl(f"set interface ip address pg0 {other}/{24 if v == 4 else 64}")
    assert len(switch.exchange(pgs[0], own(net, 6, other), pgs[0])) == 1
    # the first address goes, and the next is the first
    switch.ctl(f"set interface ip address del pg0 {NET[v].format(0)}")
    assert switch.exchange(pgs[0], own(net, 6, other), pgs[0]) == []
    assert f"{words(net)} intfc pg0 table-index 0" in switch.running_config()
    switch.ctl(f"{words(net)} intfc pg0 del")
    switch.ctl(f"set ip neighbor static pg0 {HOSTS[v].format(6)} {pgs[0].host_mac}")
    assert switch.exchange(pgs[0], own(net, 6, other), pgs[0])[0][IP_OF[v]].dst == HOSTS[v].format(6)


def test_own_addresses_shown_saved_and_held(net):
    switch, _, v = net
    line = f"{words(net)} intfc pg0 table-index 0"
    switch.ctl(f"ip route del {ROUTE[v]}")
    for wrong, why in ((f"{words(net)} intfc pg0", "classify table-index must be specified"),
                       (f"{words(net)} table-index 0", "interface / subif must be specified"),
                       (f"{words(net)} intfc pg0 table-index 3", "No such classifier table"),
                       (f"{words(net)} intfc local0 table-index 0", "No such interface")):
        before = switch.running_config()
        assert why in switch.fails(wrong)
        assert switch.running_config() == before
    switch.ctl(f"classify table mask l3 ip{v} dst buckets 2")
    switch.ctl(f"{words(net)} intfc pg0 table-index 1")
    switch.ctl(line)
    assert line in switch.running_config()
    switch.ctl("classify table table 1 del")
    shown = switch.ctl(f"show ip{'' if v == 4 else '6'} fib {NET[v].format(0).split('/')[0]}")
    assert f"ip{v}-classify:[" in shown and "classify refs:1" in shown and "dpo-receive" not in shown.split("forwarding")[1]
    assert "in use" in switch.fails("classify table table 0 del")
    saved = switch.running_config()
    switch.restart(saved)
    assert switch.running_config() == saved
    switch.ctl("set interface state pg0 down")  # the address's own route goes, and this one stays
    assert f"ip{v}-classify:[" in switch.ctl(f"show ip{'' if v == 4 else '6'} fib {NET[v].format(0).split('/')[0]}")
    switch.ctl("set interface state pg0 up")
    switch.ctl(f"set interface ip address del pg0 {NET[v].format(0)}")
    assert line not in switch.running_config()
    switch.ctl("classify table table 0 del")

"""Path MTUs of peers that somebody says: attached ones and remote ones, both protocols, what passes and what this switch sends."""
import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6, IPv6ExtHdrFragment
from scapy.packet import Raw

NET = {4: "10.0.{}.1/24", 6: "2001:db8:{}::1/64"}
FAR = {4: "20.0.0.9", 6: "2001:db8:f::9"}  # the peer's address, behind pg1's host
BEHIND = {4: "30.0.0.0/8", 6: "2001:db8:e::/48"}  # by way of that peer
HOST_BEHIND = {4: "30.1.1.1", 6: "2001:db8:e::1"}
OTHER = {4: "20.0.0.8", 6: "2001:db8:f::8"}
HOST = {4: 32, 6: 128}


@pytest.fixture(params=[4, 6])
def net(fresh, request):
    """Hosts behind pg0 and pg1; the peer is reached through pg1, and more through the peer."""
    v = request.param
    pgs = [fresh.pg(i, NET[v].format(i)) for i in range(2)]
    fresh.ctl(f"ip route add {FAR[v].rpartition('.')[0] + '.0/24' if v == 4 else '2001:db8:f::/48'} via {pgs[1].host} {pgs[1]}")
    fresh.ctl(f"ip route add {BEHIND[v]} via {FAR[v]}")
    return fresh, pgs, v


def packet(net, dst, length, df=True, hops=9):
    """Of so many bytes of IP."""
    _, pgs, v = net
    if v == 4:
        ip = IP(src=pgs[0].host, dst=dst, ttl=hops, id=7, flags="DF" if df else 0)
    else:
        ip = IPv6(src=pgs[0].host, dst=dst, hlim=hops)
    head = len(ip / UDP())
    return pgs[0].ether() / ip / UDP(sport=1000, dport=2000) / (bytes(range(256)) * 40)[:length - head]


def longest(packets, v):
    return max(len(p[IP if v == 4 else IPv6]) for p in packets)


def told(net, dst, length, mtu):
    """Of a packet that is too long its sender hears: by that MTU; one that is not passes."""
    switch, pgs, v = net
    back, out = switch.exchange(pgs[0], packet(net, dst, length), pgs[0], pgs[1])
    assert out == [] and len(back) == 1
    if v == 4:
        assert (back[0][ICMP].type, back[0][ICMP].code, back[0][ICMP].nexthopmtu) == (3, 4, mtu)
    else:
        assert back[0][ICMPv6PacketTooBig].mtu == mtu
    back, out = switch.exchange(pgs[0], packet(net, dst, mtu), pgs[0], pgs[1])
    assert back == [] and len(out) == 1 and longest(out, v) == mtu
    assert (out[0][IP].ttl if v == 4 else out[0][IPv6].hlim) == 8


def passes(net, dst, length):
    switch, pgs, v = net
    out = switch.exchange(pgs[0], packet(net, dst, length), pgs[1], count=1)
    assert longest(out, v) == length


def peers(switch):
    return {(p["table"], p["peer"]): (p["mtu"], p["attached"]) for p in switch.json("show ip pmtu")["peers"]}


def test_remote(net):
    switch, pgs, v = net
    table = f"ipv{v}-VRF:0"
    passes(net, FAR[v], 1500)
    switch.ctl(f"set ip pmtu peer {FAR[v]} mtu 1300")
    assert peers(switch) == {(table, FAR[v]): (1300, False)}
    assert f"{table}: peer {FAR[v]} mtu:1300 remote" in switch.ctl("show ip pmtu")
    told(net, FAR[v], 1301, 1300)
    told(net, HOST_BEHIND[v], 1301, 1300)  # whose next hop it is
    passes(net, OTHER[v], 1500)
    assert f"pmtu-dpo: [proto:ip{v} " in switch.ctl(f"show {'ip' if v == 4 else 'ip6'} fib {FAR[v]}/{HOST[v]}")
    switch.ctl(f"set ip pmtu peer {FAR[v]} mtu 1400")
    told(net, FAR[v], 1401, 1400)
    switch.ctl(f"set ip pmtu peer {FAR[v]} del")
    assert peers(switch) == {}
    passes(net, FAR[v], 1500)
    passes(net, HOST_BEHIND[v], 1500)


def test_attached(net):
    switch, pgs, v = net
    switch.ctl(f"set ip pmtu peer {pgs[1].host} mtu 1300")
    assert peers(switch) == {(f"ipv{v}-VRF:0", pgs[1].host): (1300, True)}
    for dst in (pgs[1].host, FAR[v], HOST_BEHIND[v]):  # all goes by that neighbour
        told(net, dst, 1301, 1300)
    # other neighbours are as they were
    other = pgs[1].host[:-1] + "7"
    switch.ctl(f"set ip neighbor {pgs[1]} {other} {pgs[1].host_mac}")
    passes(net, other, 1500)
    # an MTU of the link that is shorter counts
    switch.ctl(f"set interface mtu packet 1290 {pgs[1]}")
    told(net, FAR[v], 1291, 1290)
    switch.ctl(f"set interface mtu packet 1500 {pgs[1]}")
    told(net, FAR[v], 1301, 1300)
    switch.ctl(f"set ip pmtu peer {pgs[1].host} del")
    passes(net, FAR[v], 1500)


def test_a_neighbor_in_two_tables(net):
    """Another table's route to a neighbour has a path MTU of its own, which is not that of the link's table."""
    switch, pgs, v = net
    ip = "ip" if v == 4 else "ip6"
    switch.ctl(f"{ip} table add 5")
    switch.ctl(f"ip route add {pgs[1].host}/{HOST[v]} table 5 via {pgs[1].host} {pgs[1]}")
    switch.ctl(f"set ip pmtu peer {pgs[1].host} mtu 1400")
    switch.ctl(f"set ip pmtu peer {pgs[1].host} table 5 mtu 1300")
    assert peers(switch) == {(f"ipv{v}-VRF:0", pgs[1].host): (1400, True), (f"ipv{v}-VRF:5", pgs[1].host): (1300, False)}
    told(net, FAR[v], 1401, 1400)
    switch.ctl(f"ip route add {OTHER[v]}/{HOST[v]} table 5 via {pgs[1].host} next-hop-table 5")
    switch.ctl(f"ip route add {OTHER[v]}/{HOST[v]} via ip{v}-lookup-in-table 5")
    told(net, OTHER[v], 1301, 1300)
    switch.ctl(f"set ip pmtu peer {pgs[1].host} table 5 del")
    told(net, FAR[v], 1401, 1400)


def test_peers_of_peers(net):
    """Of two on the way the shorter counts."""
    switch, pgs, v = net
    host = f"{HOST_BEHIND[v]}/{HOST[v]}"
    switch.ctl(f"ip route add {host} via {FAR[v]}")
    switch.ctl(f"set ip pmtu peer {FAR[v]} mtu 1400")
    switch.ctl(f"set ip pmtu peer {HOST_BEHIND[v]} mtu 1350")
    told(net, HOST_BEHIND[v], 1351, 1350)
    switch.ctl(f"set ip pmtu peer {FAR[v]} mtu 1300")
    told(net, HOST_BEHIND[v], 1301, 1300)
    switch.ctl(f"set ip pmtu peer {HOST_BEHIND[v]} del")
    told(net, HOST_BEHIND[v], 1301, 1300)


def test_the_way_to_a_peer_moves(net):
    switch, pgs, v = net
    switch.ctl(f"set ip pmtu peer {FAR[v]} mtu 1300")
    route = f"{FAR[v]}/{HOST[v]}"
    switch.ctl(f"set ip neighbor {pgs[1]} {FAR[v]} {pgs[1].host_mac}")
    switch.ctl(f"ip route add {route} via {FAR[v]} {pgs[1]}")  # it is a neighbour now
    assert peers(switch)[f"ipv{v}-VRF:0", FAR[v]] == (1300, True)
    told(net, FAR[v], 1301, 1300)
    told(net, HOST_BEHIND[v], 1301, 1300)
    switch.ctl(f"ip route del {route}")
    switch.ctl(f"set ip neighbor del {pgs[1]} {FAR[v]} {pgs[1].host_mac}")
    assert peers(switch)[f"ipv{v}-VRF:0", FAR[v]] == (1300, False)
    told(net, FAR[v], 1301, 1300)
    # through nothing, and back
    switch.ctl(f"set interface state {pgs[1]} down")
    switch.ctl(f"set interface state {pgs[1]} up")
    switch.ctl(f"set ip neighbor {pgs[1]} {pgs[1].host} {pgs[1].host_mac}")
    told(net, FAR[v], 1301, 1300)
    switch.ctl(f"delete packet-generator interface {pgs[1]}")
    assert peers(switch)[f"ipv{v}-VRF:0", FAR[v]] == (1300, False)


def test_several_paths(net):
    switch, pgs, v = net
    switch.ctl(f"set ip neighbor {pgs[1]} {pgs[1].host[:-1]}7 {pgs[1].host_mac}")
    switch.ctl(f"ip route add {FAR[v]}/{HOST[v]} via {pgs[1].host} {pgs[1]} via {pgs[1].host[:-1]}7 {pgs[1]}")
    switch.ctl(f"set ip pmtu peer {FAR[v]} mtu 1300")
    told(net, FAR[v], 1400, 1300)
    told(net, HOST_BEHIND[v], 1400, 1300)


def test_circles_of_tables_end(net):
    """A peer's route that leads to another table, and back."""
    switch, pgs, v = net
    word = "ip" if v == 4 else "ip6"
    switch.ctl(f"{word} table add 5")
    lookup = f"ip{v}-lookup-in-table"
    route = f"{FAR[v]}/{HOST[v]}"
    switch.ctl(f"ip route add {route} via {lookup} 5")
    switch.ctl(f"ip route add table 5 {route} via {lookup} 0")
    switch.ctl(f"set ip pmtu peer {FAR[v]} mtu 1300")
    switch.ctl(f"set ip pmtu peer {FAR[v]} table 5 mtu 1290")
    assert switch.exchange(pgs[0], packet(net, FAR[v], 200), pgs[1]) == []
    drops = {k: n for k, n in switch.errors().items() if k[1] == "looked up in too many tables"}
    assert sum(drops.values()) == 1


def pieces_of(packets, v):
    """What fragments make together, of the payload of IP."""
    whole = bytearray()
    for p in packets:
        at = p[IP].frag * 8 if v == 4 else p[IPv6ExtHdrFragment].offset * 8
        piece = bytes(p[IP].payload) if v == 4 else bytes(p[IPv6ExtHdrFragment].payload)
        whole[at:at + len(piece)] = piece
    return bytes(whole)


def test_what_may_be_cut_is(net):
    switch, pgs, v = net
    if v == 6:
        pytest.skip("no router cuts IPv6")
    switch.ctl(f"set ip pmtu peer {FAR[4]} mtu 576")
    frame = packet(net, HOST_BEHIND[4], 1500, df=False)
    out = switch.exchange(pgs[0], frame, pgs[1], count=3)
    assert longest(out, 4) <= 576 and {p[IP].ttl for p in out} == {8}
    assert pieces_of(out, 4) == bytes(frame[IP].payload)
    # one without a hop left says so
    back, out = switch.exchange(pgs[0], packet(net, FAR[4], 1500, df=False, hops=1), pgs[0], pgs[1])
    assert out == [] and (back[0][ICMP].type, back[0][ICMP].code) == (11, 0)


def test_what_this_switch_sends(net):
    switch, pgs, v = net
    capture = switch.capture(pgs[1])
    switch.ctl(f"set ip pmtu peer {FAR[v]} mtu 1280")
    switch.ctl(f"ping {FAR[v]} size 1400 repeat 1")
    out = capture.packets(2)
    assert longest(out, v) <= 1280
    payload = pieces_of(out, v)
    assert len(payload) == 1416


def test_what_is_refused_changes_nothing(fresh):
    fresh.ctl("set ip pmtu peer 20.0.0.9 mtu 1400")
    before = fresh.running_config()
    for words, why in (("20.0.0.9 mtu 67", "a path MTU is at least 68 bytes"),
                       ("2001:db8::1 mtu 1279", "a path MTU is at least 1280 bytes"),
                       ("20.0.0.9 mtu 65536", "a path MTU is at most 65535 bytes"),
                       ("20.0.0.9 mtu 0", "a path MTU is at most 65535 bytes"),
                       ("20.0.0.8 del", "no path MTU is known there"),
                       ("20.0.0.9 table 7 mtu 1400", "no such FIB table 7"),
                       ("224.0.0.1 mtu 1400", "no address that has a path of its own"),
                       ("127.0.0.1 mtu 1400", "no address that has a path of its own"),
                       ("fe80::1 mtu 1400", "no address that has a path of its own"),
                       ("ff02::1 mtu 1400", "no address that has a path of its own")):
        answer = fresh.vppctl(f"set ip pmtu peer {words}")
        assert why in answer.stdout, answer.stdout
    assert fresh.running_config() == before


def test_running_config(fresh):
    fresh.pg(0, "10.0.0.1/24")
    fresh.ctl("ip table add 5")
    fresh.ctl("set ip pmtu peer 10.0.0.2 mtu 1400")
    fresh.ctl("set ip pmtu peer 20.0.0.9 table 5 mtu 1300")
    fresh.ctl("set ip pmtu peer 2001:db8::9 mtu 1280")
    fresh.ctl("ip table del 5")  # the peer keeps it
    config = fresh.running_config()
    lines = [line for line in config if "pmtu" in line]
    assert lines == ["set ip pmtu peer 10.0.0.2 mtu 1400", "set ip pmtu peer 20.0.0.9 table 5 mtu 1300",
                     "set ip pmtu peer 2001:db8::9 mtu 1280"]
    known = peers(fresh)
    fresh.restart(config)
    assert peers(fresh) == known and fresh.running_config() == config


def test_urpf_sees_through_it(net):
    """A source whose route has a path MTU came the right way."""
    switch, pgs, v = net
    switch.ctl(f"set ip pmtu peer {FAR[v]} mtu 1300")
    switch.ctl(f"set urpf {'ip4' if v == 4 else 'ip6'} rx strict {pgs[1]}")
    ip = (IP if v == 4 else IPv6)(src=FAR[v], dst=pgs[0].host)
    out = switch.exchange(pgs[1], pgs[1].ether() / ip / UDP(sport=1, dport=2) / Raw(b"x"), pgs[0], count=1)
    assert out[0][type(ip)].src == FAR[v]

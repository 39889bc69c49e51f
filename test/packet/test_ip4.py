"""IPv4 between packet-generator interfaces: each header field that leaves, each reason to drop, by name."""
import struct
import zlib

import pytest
from packet_lib import wait_for
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP, IPOption_RR
from scapy.layers.l2 import ARP, Dot1Q, Ether

BROADCAST = "ff:ff:ff:ff:ff:ff"


@pytest.fixture(scope="module")
def net(switch):
    """pg0 10.0.0.1/24, pg1 10.1.0.1/24, pg2 10.2.0.1/24; routes behind the hosts on them."""
    pgs = [switch.pg(i, f"10.{i}.0.1/24") for i in range(3)]
    switch.configure(f"""
        ip route add 20.0.0.0/16 via {pgs[1].host} pg1
        ip route add 20.0.7.0/24 via {pgs[2].host} pg2
        ip route add 21.0.0.0/16 via drop
        ip route add 22.0.0.0/16 via {pgs[1].host} pg1 via {pgs[2].host} pg2
        set interface mtu packet 600 pg2
    """)
    return pgs


def udp(pg, dst="20.0.0.9", size=20, **fields):
    return pg.ether() / IP(src=pg.host, dst=dst, **fields) / UDP(sport=1000, dport=2000) / (b"u" * size)


def has_right_sums(packet):
    """The checksums of a packet are what scapy would make them."""
    again = packet.copy()
    for layer in (IP, ICMP, UDP, TCP):
        if layer in again:
            del again[layer].chksum
    return bytes(Ether(bytes(again))) == bytes(packet)


def ip_sum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def patched(frame, at, value, right_sum=True):
    """bytes of frame with value at offset `at` of the IP header, and a header sum that fits."""
    data = bytearray(bytes(frame))
    data[14 + at:14 + at + len(value)] = value
    if right_sum:
        data[24:26] = b"\0\0"
        words = max(5, data[14] & 15)
        header = bytes(data[14:14 + 4 * words])
        data[24:26] = struct.pack("!H", ip_sum(header + bytes(4 * words - len(header))))
    return bytes(data)


# --- forwarding


def test_a_hop(switch, net):
    frame = udp(net[0], ttl=17, tos=0xb8, id=0x1234, flags="DF")
    with switch.counts({}):
        out, none = switch.exchange(net[0], frame, net[1], net[2])
    assert none == [] and len(out) == 1
    want = frame.copy()
    want.src, want.dst = net[1].mac, net[1].host_mac
    want[IP].ttl = 16
    assert bytes(out[0]) == bytes(want)
    assert has_right_sums(out[0])


def test_longest_prefix(switch, net):
    out1, out2 = switch.exchange(net[0], [udp(net[0], f"20.0.{i}.1") for i in range(16)], net[1], net[2])
    assert [p[IP].dst for p in out2] == ["20.0.7.1"]
    assert [p[IP].dst for p in out1] == [f"20.0.{i}.1" for i in range(16) if i != 7]


def test_connected_host(switch, net):
    out = switch.exchange(net[0], udp(net[0], net[1].host), net[1], count=1)
    assert out[0].dst == net[1].host_mac


@pytest.mark.parametrize("ttl", [255, 128, 2])
def test_ttl_goes_down(switch, net, ttl):
    out = switch.exchange(net[0], udp(net[0], ttl=ttl), net[1], count=1)
    assert out[0][IP].ttl == ttl - 1 and has_right_sums(out[0])


@pytest.mark.parametrize("size", [0, 1, 18, 1472, 8972])
def test_sizes(switch, net, size):
    frame = udp(net[0], size=size)
    out = switch.exchange(net[0], frame, net[1], count=1)
    # padding of short frames does not leave with them
    assert len(out[0]) == 14 + 28 + size
    assert bytes(out[0][UDP]) == bytes(frame[UDP])


def test_padding_is_cut(switch, net):
    out = switch.exchange(net[0], bytes(udp(net[0], size=4)) + b"p" * 100, net[1], count=1)
    assert len(out[0]) == 46


def test_options_travel(switch, net):
    frame = udp(net[0], options=[IPOption_NOP()] * 4)
    out = switch.exchange(net[0], frame, net[1], count=1)
    assert bytes(out[0][IP])[20:24] == b"\x01" * 4 and has_right_sums(out[0])


def test_edges_of_options(switch, net):
    """Of the nodes on the way each has a packet once."""
    def edges(node):
        return {edge["node"]: edge["vectors"] for edge in switch.json(f"show node {node}")["next_nodes"]}
    nodes = ("ip4-input", "ip4-options")
    before = [edges(node) for node in nodes]
    switch.exchange(net[0], udp(net[0], options=[IPOption_NOP()] * 4), net[1], count=1)
    grown = [{name: n - then[name] for name, n in edges(node).items() if n != then[name]} for node, then in zip(nodes, before)]
    assert grown == [{"ip4-options": 1}, {"ip4-lookup": 1}]


def test_a_whole_vector_of_everything(switch, net):
    """Good and bad packets side by side: each gets what it would get alone."""
    good = [udp(net[0], f"20.0.0.{i % 200 + 1}", id=i) for i in range(600)]
    mixed = []
    for i, frame in enumerate(good):
        mixed.append(frame)
        if i % 3 == 0:
            mixed.append(udp(net[0], "21.0.0.1"))
        if i % 5 == 0:
            mixed.append(patched(frame, 10, b"\x12\x34", right_sum=False))
    with switch.counts({("null-node", "blackholed packets"): 200,
                        ("ip4-input", "bad ip4 checksum"): 120}):
        out = switch.exchange(net[0], mixed, net[1], count=600)
    assert [p[IP].id for p in out] == list(range(600))


# --- several ways


def test_flows_stay_on_their_way(switch, net):
    flows = [(f"22.0.{i % 7}.{i}", 1000 + i) for i in range(200)]
    frames = [net[0].ether() / IP(src=net[0].host, dst=dst) / UDP(sport=sport, dport=53)
              for dst, sport in flows]
    out1, out2 = switch.exchange(net[0], frames * 3, net[1], net[2])
    assert len(out1) + len(out2) == 600
    way1 = {(p[IP].dst, p[UDP].sport) for p in out1}
    way2 = {(p[IP].dst, p[UDP].sport) for p in out2}
    assert not way1 & way2
    assert len(way1) >= 50 and len(way2) >= 50
    assert {p.dst for p in out1} == {net[1].host_mac} and {p.dst for p in out2} == {net[2].host_mac}


@pytest.mark.parametrize("n", [1, 200])
def test_what_a_dead_way_leaves_is_shared(fresh, n):
    """Three ways, of which one dies and comes back: flows of the others stay where they are."""
    pgs = [fresh.pg(i, f"10.{i}.0.1/24") for i in range(4)]
    ways = " ".join(f"via {pg.host} {pg}" for pg in pgs[1:])
    fresh.ctl(f"ip route add count {n} 20.0.0.0/24 {ways}")
    frames = [pgs[0].ether() / IP(src=pgs[0].host, dst=f"20.0.{i % n}.9") / UDP(sport=1000 + i, dport=53) for i in range(300)]

    def flows():
        out = [{p[UDP].sport for p in some} for some in fresh.exchange(pgs[0], frames, *pgs[1:])]
        assert sum(map(len, out)) == len(set().union(*out))
        return out

    before = flows()
    assert sum(map(len, before)) == 300 and min(map(len, before)) >= 50
    fresh.ctl("set interface state pg2 down")
    dead = flows()
    assert sum(map(len, dead)) == 300 and not dead[1]
    assert dead[0] > before[0] and dead[2] > before[2]
    fresh.ctl("set interface state pg3 down")
    assert len(flows()[0]) == 300
    fresh.ctl("set interface state pg1 down")
    assert flows() == [set(), set(), set()]
    for pg in pgs[1:]:
        fresh.ctl(f"set interface state {pg} up")
        fresh.ctl(f"set ip neighbor {pg} {pg.host} {pg.host_mac}")
    assert flows() == before


# --- what comes back


def test_lookup_of_the_source(fresh):
    """Where a packet comes from says where it goes: two routes of that kind, each by a table of its own."""
    pgs = [fresh.pg(i, f"10.{i}.0.1/24") for i in range(3)]
    fresh.configure(f"""
        ip table add 7
        ip table add 8
        ip route add 20.0.0.0/16 via ip4-source-lookup-in-table 7
        ip route add 21.0.0.0/16 via ip4-source-lookup-in-table 8
        ip route add 10.0.0.2/32 table 7 via {pgs[1].host} pg1
        ip route add 10.0.0.2/32 table 8 via {pgs[2].host} pg2
    """)
    assert len(fresh.exchange(pgs[0], udp(pgs[0], "20.0.0.9"), pgs[1])) == 1
    assert len(fresh.exchange(pgs[0], udp(pgs[0], "21.0.0.9"), pgs[2])) == 1
    other = udp(pgs[0], "20.0.0.9")
    other[IP].src = "10.0.0.3"
    assert fresh.exchange(pgs[0], other, pgs[1]) == []
    fib = fresh.ctl("show ip fib 20.0.0.0/16")
    assert "deag" in fib and "src-address,unicast lookup in ipv4-VRF:7" in fib


def test_received_elsewhere(fresh):
    """A route to another interface's receive: with that one's table and features, and counted there."""
    pgs = [fresh.pg(i, f"10.{i}.0.1/24") for i in range(2)]
    fresh.configure(f"""
        ip table add 7
        create loopback interface
        set interface state loop0 up
        set interface ip table loop0 7
        set interface ip address loop0 30.0.0.1/24
        ip route add 20.0.0.0/16 via rx-ip4 loop0
        ip route add 20.0.0.0/24 table 7 via {pgs[1].host} pg1
        ip route add 20.0.1.0/24 table 7 via rx-ip4 loop0
    """)
    out, = fresh.exchange(pgs[0], udp(pgs[0], "20.0.0.9", ttl=9), pgs[1])
    assert out[IP].ttl == 8 and has_right_sums(out)
    assert fresh.counter("loop0", "rx packets") == 1
    assert "intf-rx" in fresh.ctl("show ip fib 20.0.0.0/16")
    # a way that leads back to itself ends
    with fresh.counts({("interface-rx-dpo-ip4", "routed to interfaces' receive too often"): 1}):
        assert fresh.exchange(pgs[0], udp(pgs[0], "20.0.1.9"), pgs[1]) == []
    # one that is down receives nothing
    fresh.ctl("set interface state loop0 down")
    assert fresh.exchange(pgs[0], udp(pgs[0], "20.0.0.9"), pgs[1]) == []
    fresh.ctl("set interface state loop0 up")
    assert len(fresh.exchange(pgs[0], udp(pgs[0], "20.0.0.9"), pgs[1])) == 1
    fresh.ctl("delete loopback interface intfc loop0")
    assert fresh.exchange(pgs[0], udp(pgs[0], "20.0.0.9"), pgs[1]) == []


def test_ttl_exceeded(switch, net):
    frame = udp(net[0], ttl=1)
    out0, out1 = switch.exchange(net[0], frame, net[0], net[1])
    assert out1 == [] and len(out0) == 1
    answer = out0[0]
    assert (answer[ICMP].type, answer[ICMP].code) == (11, 0)
    assert (answer[IP].src, answer[IP].dst) == (net[0].address, net[0].host)
    assert answer.dst == net[0].host_mac and has_right_sums(answer)
    quoted = bytes(answer[ICMP])[8:]
    assert quoted[:20] == bytes(frame[IP])[:20]  # as it came


def test_fragmentation_needed(switch, net):
    frame = udp(net[0], "20.0.7.1", size=1000, flags="DF")
    out0, out2 = switch.exchange(net[0], frame, net[0], net[2])
    assert out2 == [] and len(out0) == 1
    icmp = out0[0][ICMP]
    assert (icmp.type, icmp.code, icmp.nexthopmtu) == (3, 4, 600)
    assert has_right_sums(out0[0])


@pytest.mark.parametrize("size", [573, 1000, 1152, 5000])
def test_fragments(switch, net, size):
    frame = udp(net[0], "20.0.7.1", size=size, id=77)
    out = switch.exchange(net[0], frame, net[2])
    payload = bytes(frame[IP].payload)
    together = bytearray(len(payload))
    for packet in out:
        assert packet[IP].len <= 600 and has_right_sums_of_ip(packet)
        assert packet[IP].id == 77 and packet[IP].ttl == 63
        piece = bytes(packet[IP].payload)
        together[packet[IP].frag * 8:packet[IP].frag * 8 + len(piece)] = piece
    assert bytes(together) == payload
    more = [bool(p[IP].flags & 1) for p in sorted(out, key=lambda p: p[IP].frag)]
    assert more == [True] * (len(out) - 1) + [False]
    assert sum(len(p[IP].payload) for p in out) == len(payload)


def has_right_sums_of_ip(packet):
    return ip_sum(bytes(packet[IP])[:4 * packet[IP].ihl]) == 0


def test_no_fragments_at_the_mtu(switch, net):
    out = switch.exchange(net[0], udp(net[0], "20.0.7.1", size=572), net[2], count=1)
    assert out[0][IP].len == 600


def test_no_route(switch, net):
    with switch.counts({("null-node", "blackholed packets"): 3}):
        assert switch.exchange(net[0], [udp(net[0], "99.1.2.3")] * 3, net[0]) == []


def test_echo(switch, net):
    frame = net[0].ether() / IP(src=net[0].host, dst=net[1].address, id=5) / ICMP(id=7, seq=9) / b"echo!"
    out = switch.exchange(net[0], frame, net[0], count=1)
    assert (out[0][ICMP].type, out[0][ICMP].id, out[0][ICMP].seq) == (0, 7, 9)
    assert bytes(out[0][ICMP].payload) == b"echo!" and has_right_sums(out[0])
    assert (out[0][IP].src, out[0][IP].dst) == (net[1].address, net[0].host)


def test_closed_port(switch, net):
    frame = net[0].ether() / IP(src=net[0].host, dst=net[0].address) / UDP(sport=1, dport=9) / b"x"
    out = switch.exchange(net[0], frame, net[0], count=1)
    assert (out[0][ICMP].type, out[0][ICMP].code) == (3, 3) and has_right_sums(out[0])


# --- what is wrong, and how it is counted


GOOD = IP(src="10.0.0.2", dst="20.0.0.9", id=3) / UDP(sport=1, dport=2) / (b"m" * 40)

MALFORMED = {
    "version 6": (lambda f: patched(f, 0, b"\x65"), "ip4 version != 4"),
    "version 0": (lambda f: patched(f, 0, b"\x05"), "ip4 version != 4"),
    "header of 4 words": (lambda f: patched(f, 0, b"\x44"), "ip4 IHL < 5"),
    "length beyond the frame": (lambda f: patched(f, 2, b"\x00\x45"), "ip4 length > l2 length"),
    "length of 65535": (lambda f: patched(f, 2, b"\xff\xff"), "ip4 length > l2 length"),
    "length below the header": (lambda f: patched(f, 2, b"\x00\x13"), "ip4 length < 20 bytes"),
    "checksum": (lambda f: patched(f, 10, b"\x00\x01", right_sum=False), "bad ip4 checksum"),
    "checksum off by one bit": (lambda f: bytes(f[:24]) + bytes([f[24] ^ 1]) + bytes(f[25:]),
                                "bad ip4 checksum"),
    "fragment at 8": (lambda f: patched(f, 6, b"\x00\x01"), "ip4 fragment offset == 1"),
    "source 0": (lambda f: patched(f, 12, bytes(4)), "ip4 source address not allowed"),
    "source loopback": (lambda f: patched(f, 12, bytes([127, 0, 0, 1])),
                        "ip4 source address not allowed"),
    "source group": (lambda f: patched(f, 12, bytes([224, 0, 0, 1])),
                     "ip4 source address not allowed"),
    "source broadcast": (lambda f: patched(f, 12, b"\xff" * 4), "ip4 source address not allowed"),
    "source class E": (lambda f: patched(f, 12, bytes([240, 0, 0, 1])),
                       "ip4 source address not allowed"),
    "destination loopback": (lambda f: patched(f, 16, bytes([127, 0, 0, 1])),
                             "ip4 destination address not allowed"),
    "destination 0": (lambda f: patched(f, 16, bytes(4)), "ip4 destination address not allowed"),
    "nothing behind the link's header": (lambda f: f[:14], "ip4 length < 20 bytes"),
    "19 bytes": (lambda f: f[:33], "ip4 length < 20 bytes"),
}


@pytest.mark.parametrize("case", list(MALFORMED))
def test_malformed(switch, net, case):
    change, reason = MALFORMED[case]
    frame = change(bytes(net[0].ether() / GOOD))
    before = switch.counter("pg0", "drops")
    with switch.counts({("ip4-input", reason): 5}):
        outs = switch.exchange(net[0], [frame] * 5, *net)
    assert outs == [[], [], []]
    assert switch.counter("pg0", "drops") - before == 5


def test_bad_options(switch, net):
    """An option that goes beyond the header: a parameter problem, with the byte at fault."""
    frame = udp(net[0], options=[IPOption_RR(length=39, pointer=4, routers=["0.0.0.0"])])
    out = switch.exchange(net[0], frame, net[0], count=1)
    assert (out[0][ICMP].type, out[0][ICMP].code, out[0][ICMP].ptr) == (12, 0, 21)


def test_source_routes(switch, net):
    frame = patched(udp(net[0], options=[IPOption_NOP()] * 12), 20,
                    bytes([0x83, 11, 4]) + bytes([10, 0, 0, 9]) + bytes(4) + b"\x01")
    with switch.counts({("ip4-options", "ip4 source route option"): 2,
                        ("ip4-options", "ip4 options present"): 2}):
        assert switch.exchange(net[0], [frame] * 2, net[1]) == []


# --- link layer


LINK = {
    "for another station": (lambda pg: bytes(pg.ether(dst="02:00:00:00:00:77") / GOOD),
                            ("ethernet-input", "l3 mac mismatch")),
    "an unknown type": (lambda pg: bytes(pg.ether(type=0x9999)) + b"x" * 50,
                        ("ethernet-input", "unknown ethernet type")),
    "a broadcast frame around a host's packet": (
        lambda pg: bytes(pg.ether(dst="ff:ff:ff:ff:ff:ff") / GOOD),
        ("ip4-input", "ip4 unicast in a link-layer broadcast")),
    "a group's frame around a host's packet": (
        lambda pg: bytes(pg.ether(dst="01:00:5e:00:00:01") / GOOD),
        ("ip4-input", "ip4 unicast in a link-layer broadcast")),
    "13 bytes": (lambda pg: bytes(pg.ether() / GOOD)[:13],
                 ("ethernet-input", "frame shorter than its header")),
}


@pytest.mark.parametrize("case", list(LINK))
def test_link_layer(switch, net, case):
    make, key = LINK[case]
    with switch.counts({key: 4}):
        assert switch.exchange(net[0], [make(net[0])] * 4, net[1]) == []


def test_secondary_mac_addresses(switch):
    """Frames to them are taken, also those of sub-interfaces; no others."""
    pg = switch.pg(6, "10.0.6.1/24")
    switch.configure(f"""
        create sub-interfaces {pg} 5
        set interface state {pg}.5 up
        set interface ip address {pg}.5 10.0.7.1/24
        set ip neighbor {pg}.5 10.0.7.2 {pg.host_mac}
    """)
    others = [f"00:00:5e:00:01:{k:02x}" for k in (1, 2)]

    def answers():
        frames = [Ether(src=pg.host_mac, dst=mac) / rest / ICMP(id=7) for mac in others
                  for rest in (IP(src=pg.host, dst=pg.address), Dot1Q(vlan=5) / IP(src="10.0.7.2", dst="10.0.7.1"))]
        return sorted(p[IP].src for p in switch.exchange(pg, frames, pg))
    assert answers() == []
    command = f"set interface secondary-mac-address {pg} "
    switch.ctl(command + others[0])
    assert answers() == [pg.address, "10.0.7.1"]
    switch.ctl(f"set interface secondary-mac-address {pg}.5 {others[1]} add")
    assert answers() == [pg.address] * 2 + ["10.0.7.1"] * 2
    assert switch.ctl(f"show interface secondary-mac-address {pg}") == f"{pg}:\n  {others[0]}\n  {others[1]}\n"
    assert "has that address already" in switch.fails(command + others[1])
    assert "neither multicast nor zero" in switch.fails(command + "01:00:5e:00:00:01")
    assert [line for line in switch.running_config() if "secondary-mac" in line] == [command + mac for mac in others]
    switch.ctl(f"{command}{others[0]} del")
    assert "does not have that address" in switch.fails(f"{command}{others[0]} del")
    assert answers() == [pg.address, "10.0.7.1"]
    switch.ctl(f"{command}{others[1]} del")
    assert answers() == [] and switch.ctl("show interface secondary-mac-address") == ""


def test_secondary_mac_address_of_a_bvi(switch):
    pg, mac = switch.pg(9), "00:00:5e:00:01:01"
    switch.configure(f"""
        bvi create mac 02:00:00:00:99:01
        set interface state bvi0 up
        set interface ip address bvi0 10.0.9.1/24
        set ip neighbor bvi0 10.0.9.2 {pg.host_mac}
        create bridge-domain 7
        set interface l2 bridge bvi0 7 bvi
        set interface l2 bridge {pg} 7
    """)

    def answers():
        ping = Ether(src=pg.host_mac, dst=mac) / IP(src="10.0.9.2", dst="10.0.9.1") / ICMP(id=7)
        return [p[Ether].src for p in switch.exchange(pg, [ping], pg)]
    assert answers() == []
    switch.ctl(f"set interface secondary-mac-address bvi0 {mac}")
    assert answers() == ["02:00:00:00:99:01"]
    switch.ctl(f"set interface secondary-mac-address bvi0 {mac} del")
    assert answers() == []


def test_broadcast_frame_to_the_switch_itself(switch, net):
    """RFC 1812 5.3.4 is about forwarding: what the switch itself is asked is answered."""
    frame = net[0].ether(dst="ff:ff:ff:ff:ff:ff") / IP(src=net[0].host, dst=net[0].address) / ICMP()
    out = switch.exchange(net[0], frame, net[0], count=1)
    assert out[0][ICMP].type == 0


def test_interface_down(switch, net):
    pg = switch.pg(9, "10.9.0.1/24")

    def arrived():
        return switch.exchange(net[0], udp(net[0], pg.host), pg)

    assert len(arrived()) == 1
    switch.ctl("set interface state pg9 down")
    assert arrived() == []
    switch.ctl("set interface state pg9 up")
    switch.ctl(f"set ip neighbor pg9 {pg.host} {pg.host_mac}")
    assert len(arrived()) == 1
    assert len(switch.ctl("show ip neighbors pg9").splitlines()) == 2
    switch.ctl(f"set ip neighbor del pg9 {pg.host} {pg.host_mac}")
    assert switch.ctl("show ip neighbors pg9") == ""  # no titles of nothing, whoever has neighbours
    switch.ctl("delete packet-generator interface pg9")


# --- ARP


def arp(pg, **fields):
    return pg.ether(dst=fields.pop("to", BROADCAST)) / ARP(
        hwsrc=pg.host_mac, psrc=fields.pop("psrc", pg.host), pdst=fields.pop("pdst", pg.address),
        **fields)


def test_arp_answer(switch, net):
    with switch.counts({("arp-reply", "ARP replies sent"): 1,
                        ("arp-reply", "ARP request IP4 source address learned"): 1}):
        out = switch.exchange(net[0], arp(net[0]), net[0], count=1)
    answer = out[0]
    assert (answer.src, answer.dst) == (net[0].mac, net[0].host_mac)
    assert (answer[ARP].op, answer[ARP].hwsrc, answer[ARP].psrc) == (2, net[0].mac, net[0].address)
    assert (answer[ARP].hwdst, answer[ARP].pdst) == (net[0].host_mac, net[0].host)


@pytest.mark.parametrize("where", ["port", "bvi", "vlan", "proxy"])
def test_answers_to_priority_tags_are_untagged(fresh, where):
    """A tag that only says a priority is not sent back: answers are as all else that the interface sends."""
    address, tags = "10.0.0.1", []
    if where == "bvi":
        pg = fresh.pg(0)
        fresh.configure("""
            bvi create mac 02:00:00:00:99:01
            set interface state bvi0 up
            set interface ip address bvi0 10.0.0.1/24
            set interface l2 bridge pg0 7
            set interface l2 bridge bvi0 7 bvi
        """)
    elif where == "vlan":
        pg, tags = fresh.pg(0), [5]
        fresh.configure("""
            create sub-interfaces pg0 5
            set interface state pg0.5 up
            set interface ip address pg0.5 10.0.0.1/24
        """)
    else:
        pg = fresh.pg(0, "10.0.0.1/24")
    if where == "proxy":
        address = "10.0.0.77"
        fresh.configure("set arp proxy start 10.0.0.70 end 10.0.0.80\nset interface proxy-arp pg0 enable")

    def frame(payload, dst, *tagged):
        head = Ether(src="02:00:00:00:00:05", dst=dst)
        for vlan, prio in tagged:
            head /= Dot1Q(vlan=vlan, prio=prio)
        return head / payload

    request = ARP(op=1, hwsrc="02:00:00:00:00:05", psrc="10.0.0.5", pdst=address)
    asked = [(vlan, 7) for vlan in tags] or [(0, 7)]
    answer, = fresh.exchange(pg, frame(request, BROADCAST, *asked), pg, count=1)
    assert [(d.vlan, d.prio) for d in answer.iterpayloads() if isinstance(d, Dot1Q)] == [(vlan, 0) for vlan in tags]
    assert (answer[ARP].op, answer[ARP].psrc, answer.dst) == (2, address, "02:00:00:00:00:05")
    assert answer.src == answer[ARP].hwsrc
    if where != "proxy":
        ping = IP(src="10.0.0.5", dst=address) / ICMP() / b"abc"
        answer, = fresh.exchange(pg, frame(ping, answer.src, *asked), pg, count=1)
        assert [(d.vlan, d.prio) for d in answer.iterpayloads() if isinstance(d, Dot1Q)] == [(vlan, 0) for vlan in tags]
        assert ICMP in answer and answer[ICMP].type == 0


def test_more_arp_senders_than_are_learned_at_a_time(fresh):
    """Each is answered; those that are not learned are counted."""
    pg, n = fresh.pg(0, "10.0.0.1/16"), 1500
    before = fresh.errors()
    assert len(fresh.exchange(pg, [arp(pg, psrc=f"10.0.{1 + i // 250}.{1 + i % 250}") for i in range(n)], pg)) == n
    after = fresh.errors()
    learned, not_learned = (after.get(key, 0) - before.get(key, 0) for key in (
        ("arp-reply", "ARP request IP4 source address learned"),
        ("arp-reply", "ARP senders not learned: too many at a time")))
    assert not_learned > 0 and learned + not_learned == n
    wait_for(lambda: len(fresh.json("show ip neighbor")["neighbors"]) == learned + 1, "as many neighbours as were learned")


def test_arp_for_others_is_not_answered(switch, net):
    assert switch.exchange(net[0], arp(net[0], pdst="10.0.0.77"), net[0]) == []
    assert switch.exchange(net[0], arp(net[0], psrc="77.0.0.1"), net[0]) == []


def test_unknown_neighbour_is_asked_for(switch, net):
    """A packet for a host that nobody knows waits for the answer, and then goes."""
    pg = net[1]
    capture = switch.capture(pg)
    switch.send(net[0], udp(net[0], "10.1.0.200", id=99))
    wait_for(lambda: capture.count() >= 1, "a request")
    mac = "02:00:00:00:01:c8"
    switch.send(pg, pg.ether(src=mac) / ARP(op=2, hwsrc=mac, psrc="10.1.0.200", hwdst=pg.mac,
                                            pdst=pg.address))
    request, packet = capture.packets(2)
    assert request.dst == BROADCAST and request[ARP].op == 1
    assert (request[ARP].psrc, request[ARP].pdst) == (pg.address, "10.1.0.200")
    assert packet.dst == mac and packet[IP].id == 99
    assert "10.1.0.200" in switch.neighbors()
    assert len(switch.exchange(net[0], udp(net[0], "10.1.0.200"), pg)) == 1


# --- much of it


def test_many_packets(switch, net):
    """A hundred thousand, none lost, none changed but where it must be."""
    switch.ctl(f"""packet-generator new {{ name many limit 100000 size 90-90 source pg0 node ethernet-input
        data {{ IP4: {net[0].host_mac} -> {net[0].mac} UDP: 10.0.0.2 -> 20.1.0.0 - 20.1.255.255
        UDP: 7 -> 1 - 60000 incrementing 20 }} }}""".replace("\n", " "))
    switch.ctl(f"ip route add 20.1.0.0/16 via {net[1].host} pg1")
    before = switch.counter("pg1", "tx packets")
    capture = switch.capture(net[1])
    switch.run_stream("many")
    capture.stop()
    frames = capture.records().frames
    assert len(frames) == 100000 == switch.counter("pg1", "tx packets") - before
    for i, frame in enumerate(frames):
        assert frame[22] == 63
        assert frame[30:34] == struct.pack("!I", 0x14010000 + i % 65536)
        assert frame[36:38] == struct.pack("!H", 1 + i % 60000)
    assert len({zlib.crc32(f[12:]) for f in frames}) > 99000
    switch.ctl("packet-generator delete many")

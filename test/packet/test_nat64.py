"""NAT64: hosts behind pg0, that have IPv6 only, talk to those behind pg1, that have IPv4 only.

Every packet that comes out is checked: its checksums, and those of what errors quote, are right.
"""
import contextlib
import time
from ipaddress import ip_address

import pytest
from ipfix_lib import Collector, waiting
from nat_lib import EXTENSIONS, answered, check, quoted, right, through, total
from packet_lib import nat_config, wait_for
from piste import Stats
from scapy.layers.inet import GRE, ICMP, IP, TCP, UDP, IPOption_NOP, fragment
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6ParamProblem,
                                ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                                IPv6ExtHdrRouting, fragment6)
from scapy.packet import Raw

HOST, OTHER, ROUTER = "2001:db8:1::2", "2001:db8:1::3", "2001:db8:1::4"  # inside
SERVER, FAR = "10.2.0.2", "192.0.2.33"                                  # outside
POOL = "10.9.0.1"


def in6(address, prefix="64:ff9b::"):
    return prefix + address


@pytest.fixture(scope="module")
def links(switch):
    inside, outside = switch.pg(0, "2001:db8:1::1/64"), switch.pg(1, "10.2.0.1/24")
    for host in (OTHER, ROUTER):
        switch.ctl(f"set ip neighbor {inside} {host} {inside.host_mac}")
    switch.ctl(f"ip route add 192.0.2.0/24 via {SERVER} {outside}")
    return inside, outside


@contextlib.contextmanager
def nat64(switch, links, words=""):
    switch.ctl(f"nat64 plugin enable {words}")
    switch.ctl(f"nat64 add pool address {POOL}")
    switch.ctl(f"set interface nat64 in {links[0]}")
    switch.ctl(f"set interface nat64 out {links[1]}")
    yield
    if nat_config(switch):
        switch.ctl("nat64 plugin disable")
    assert not nat_config(switch)


@pytest.fixture(autouse=True)
def nat(switch, links):
    with nat64(switch, links):
        yield


def udp(src=HOST, dst=in6(SERVER), sport=2000, dport=53, size=5, **kwargs):
    ip = IPv6 if ":" in dst else IP
    return ip(src=src, dst=dst, **kwargs) / UDP(sport=sport, dport=dport) / Raw(
        (bytes(range(256)) * 40)[:size])


def tcp(flags, src=HOST, dst=in6(SERVER), sport=2000, dport=80, **kwargs):
    ip = IPv6 if ":" in dst else IP
    return ip(src=src, dst=dst, **kwargs) / TCP(sport=sport, dport=dport, flags=flags)


def ping(src=HOST, dst=in6(SERVER), number=7, size=5, **kwargs):
    return IPv6(src=src, dst=dst, **kwargs) / ICMPv6EchoRequest(id=number, seq=1, data=bytes(size))


def bib(switch, what="all"):
    return sorted((b["inside"], b.get("inside_port"), b["outside"], b.get("outside_port"), b["protocol"], b["sessions"])
                  for b in switch.json(f"show nat64 bib {what}")["bib"])


def table(switch, what="all"):
    return switch.json(f"show nat64 session table {what}")["sessions"]


@contextlib.contextmanager
def dropped(switch, node, reason, n=1):
    """So many packets for this reason, maybe by another thread and a little later; none for any other."""
    with switch.counts({(node, reason): n}):
        before = switch.errors().get((node, reason), 0)
        yield
        wait_for(lambda: switch.errors().get((node, reason), 0) - before >= n, f"{n} packets to be dropped: {reason}")


# --- UDP, TCP, echo


def test_udp_there_and_back(switch, links):
    (out,) = through(switch, links, udp(tc=0xb8, hlim=64))
    assert (out.src, out.dst, out.ttl, out.tos, out.proto) == (POOL, SERVER, 63, 0xb8, 17)
    assert (out[UDP].sport, out[UDP].dport, out.flags) == (2000, 53, 0)
    (back,) = through(switch, links, udp(SERVER, POOL, 53, 2000, tos=0x28, ttl=64), back=True)
    assert (back.src, back.dst, back.hlim, back.tc, back.fl, back.nh) == (in6(SERVER).replace("10.2.0.2", "a02:2"), HOST, 63, 0x28, 0, 17)
    assert (back[UDP].sport, back[UDP].dport) == (53, 2000)
    assert bib(switch) == [(HOST, 2000, POOL, 2000, "UDP", 1)]
    (session,) = table(switch)
    assert (session["host"], session["host_port"], session["host_inside"]) == (SERVER, 53, "64:ff9b::a02:2")


def test_a_vector_of_all_kinds(switch, links):
    """What most packets are goes a shorter path than others of the same vector: all come out as each alone."""
    def vector(back):
        ends = {True: (SERVER, POOL), False: (HOST, in6(SERVER))}[back]
        hops = {"ttl" if back else "hlim": 9}
        size = 1300 if back else 1250
        return [p for n in range(8) for p in (
            tcp("SA" if back else "S", *ends, 2000 + n, 2000 + n), udp(*ends, 2000 + n, 2000 + n, size=n, **hops),
            tcp("A", *ends, 2000 + n, 2000 + n, **hops) / Raw(bytes(n)),
            udp(*ends, 2000 + n, 2000 + n, size=size, **({"flags": "DF"} if back else {})),
            IP(src=ends[0], dst=ends[1]) / ICMP(id=7, seq=n) if back else ping(size=n))]

    def seen(p):
        l4 = p.payload
        return (p.src, p.dst, p.ttl if isinstance(p, IP) else p.hlim, getattr(l4, "sport", 0), getattr(l4, "dport", 0),
                str(getattr(l4, "flags", "")), bytes(l4.payload))
    for back in (False, True):
        packets = vector(back)
        single = [seen(p) for q in packets for p in through(switch, links, q, back=back)]
        assert sorted(seen(p) for p in through(switch, links, packets * 4, back=back)) == sorted(single * 4)


def test_another_nat_keeps_its_routes(switch, links):
    switch.ctl("nat44 plugin enable")
    switch.ctl(f"nat44 add address {POOL}")
    switch.ctl(f"set interface nat44 out {links[1]}")
    switch.ctl("nat64 plugin disable")
    there = f"{POOL}/32" in switch.ctl("show ip fib")
    switch.ctl("nat44 plugin disable")
    assert there and f"{POOL}/32" not in switch.ctl("show ip fib")


def test_a_binding_is_for_all_hosts_outside(switch, links):
    """RFC 6146 3.5.1: one port, whoever it talks to, and whoever knows it may answer."""
    out = through(switch, links, [udp(), udp(dst=in6(FAR), dport=7)])
    assert {(p.src, p[UDP].sport) for p in out} == {(POOL, 2000)}
    (back,) = through(switch, links, udp("192.0.2.99", POOL, 9, 2000), back=True)
    assert (back.dst, back[UDP].dport) == (HOST, 2000)
    assert bib(switch, "udp") == [(HOST, 2000, POOL, 2000, "UDP", 3)]
    assert bib(switch, "tcp") == [] and len(table(switch, "udp")) == 3


def test_ports_of_hosts_that_want_the_same(switch, links):
    """RFC 6146 3.5.1.1: of the same half of the range, and of UDP of the same parity."""
    through(switch, links, [udp(sport=2000), udp(sport=123), tcp("S", sport=2000)])
    (high,), (low,) = through(switch, links, udp(OTHER, sport=2000)), through(switch, links, udp(OTHER, sport=123))
    assert high[UDP].sport != 2000 and high[UDP].sport >= 1024 and high[UDP].sport % 2 == 0
    assert low[UDP].sport != 123 and low[UDP].sport < 1024 and low[UDP].sport % 2
    (back,) = through(switch, links, udp(SERVER, POOL, 53, high[UDP].sport), back=True)
    assert (back.dst, back[UDP].dport) == (OTHER, 2000)


def test_echo_there_and_back(switch, links):
    (out,) = through(switch, links, ping())
    assert (out.src, out.proto, out[ICMP].type, out[ICMP].code, out[ICMP].id, out[ICMP].seq) == (POOL, 1, 8, 0, 7, 1)
    (other,) = through(switch, links, ping(OTHER))
    assert other[ICMP].id != 7
    for number, host in ((7, HOST), (other[ICMP].id, OTHER)):
        (back,) = through(switch, links, IP(src=SERVER, dst=POOL) / ICMP(type=0, id=number, seq=1) / Raw(b"hallo"), back=True)
        assert (back.dst, back[ICMPv6EchoReply].id, back[ICMPv6EchoReply].data) == (host, 7, b"hallo")
    # who answers what nobody asked
    with dropped(switch, "nat64-in2out", "no translation"):
        through(switch, links, IPv6(src=HOST, dst=in6(SERVER)) / ICMPv6EchoReply(id=99), count=0)
    (back,) = through(switch, links, IP(src=FAR, dst=POOL) / ICMP(id=7, seq=3), back=True)  # asks by the binding
    assert (back.dst, back[ICMPv6EchoRequest].id, back[ICMPv6EchoRequest].seq) == (HOST, 7, 3)


def test_tcp_states(switch, links):
    """RFC 6146 3.5.2.2: by the time that a session has left."""
    switch.ctl("set nat64 timeouts tcp-established 1000 tcp-transitory 2")
    assert switch.ctl("show nat64 timeouts").splitlines()[1:3] == \
        ["tcp-established timeout: 1000sec", "tcp-transitory timeout: 2sec"]
    with dropped(switch, "nat64-in2out", "non-SYN packet try to create session"):
        through(switch, links, tcp("A"), count=0)
    through(switch, links, tcp("S"))
    with dropped(switch, "nat64-out2in", "non-SYN packet try to create session"):
        through(switch, links, tcp("A", FAR, POOL, 80, 2000), back=True, count=0)
    wait_for(lambda: not table(switch), "the session to end")  # not answered
    assert not bib(switch)
    through(switch, links, tcp("S"))
    (back,) = through(switch, links, tcp("SA", SERVER, POOL, 80, 2000), back=True)
    assert (back.dst, back[TCP].dport, back[TCP].flags) == (HOST, 2000, "SA")
    through(switch, links, tcp("A"))
    through(switch, links, tcp("S", sport=3000))
    wait_for(lambda: len(table(switch)) == 1, "the session that is not answered to end")
    assert table(switch)[0]["inside_port"] == 2000
    through(switch, links, tcp("FA"))
    through(switch, links, tcp("FA", SERVER, POOL, 80, 2000), back=True)
    wait_for(lambda: not table(switch), "the session that is done to end")


def test_reset(switch, links):
    switch.ctl("set nat64 timeouts tcp-transitory 2")
    through(switch, links, tcp("S"))
    through(switch, links, tcp("SA", SERVER, POOL, 80, 2000), back=True)
    through(switch, links, tcp("R", SERVER, POOL, 80, 2000), back=True)
    through(switch, links, tcp("A"))  # who does not believe it
    through(switch, links, tcp("S", sport=3000))
    wait_for(lambda: len(table(switch)) == 1, "the other session to end")
    assert table(switch)[0]["inside_port"] == 2000
    through(switch, links, tcp("R"))
    wait_for(lambda: not table(switch), "the session that was reset to end")


def test_tcp_from_outside(switch, links):
    """By a binding that there is: a session that both sides begin."""
    through(switch, links, tcp("S"))
    (back,) = through(switch, links, tcp("S", FAR, POOL, 99, 2000), back=True)
    assert (back.dst, back[TCP].dport) == (HOST, 2000)
    (out,) = through(switch, links, tcp("SA", HOST, in6(FAR), 2000, 99))
    assert (out.src, out.dst, out[TCP].sport) == (POOL, FAR, 2000)


def test_timeouts(switch, links):
    switch.ctl("set nat64 timeouts udp 1 icmp 500")
    through(switch, links, [udp(), ping()])
    wait_for(lambda: len(table(switch)) == 1, "UDP to end")
    assert bib(switch)[0][4] == "ICMP"
    switch.ctl("set nat64 timeouts icmp 1")
    wait_for(lambda: not bib(switch), "ICMP to end")
    assert "timeouts are" in switch.fails("set nat64 timeouts udp 0")
    switch.ctl("set nat64 timeouts reset")
    assert "set nat64 timeouts" not in "\n".join(nat_config(switch))


def test_protocols_without_ports(switch, links):
    (out,) = through(switch, links, IPv6(src=HOST, dst=in6(SERVER), nh=47) / GRE() / Raw(b"x" * 30))
    assert (out.src, out.dst, out.proto, len(out)) == (POOL, SERVER, 47, 54)
    (back,) = through(switch, links, IP(src=SERVER, dst=POOL) / GRE() / Raw(b"x" * 30), back=True)
    assert (back.src, back.dst, back.nh) == ("64:ff9b::a02:2", HOST, 47)
    assert bib(switch, "unknown") == [(HOST, None, POOL, None, "GRE", 1)]
    with dropped(switch, "nat64-in2out", "out of ports"):
        through(switch, links, IPv6(src=OTHER, dst=in6(SERVER), nh=47) / GRE() / Raw(b"x"), count=0)
    switch.ctl("nat64 add pool address 10.9.0.2")
    (out,) = through(switch, links, IPv6(src=OTHER, dst=in6(SERVER), nh=47) / GRE() / Raw(b"x"))
    assert out.src == "10.9.0.2"


# --- headers


def test_extension_headers(switch, links):
    packet = IPv6(src=HOST, dst=in6(SERVER)) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP(sport=2000, dport=53) / Raw(b"hallo")
    (out,) = through(switch, links, packet)
    assert (out.proto, out.len, bytes(out[UDP].payload)) == (17, 33, b"hallo")
    routed = IPv6(src=HOST, dst=in6(SERVER)) / IPv6ExtHdrRouting(addresses=[OTHER], segleft=1) / UDP(sport=2000, dport=53)
    error = answered(switch, links[0], routed)  # RFC 7915 5.1
    assert (error[ICMPv6ParamProblem].code, error[ICMPv6ParamProblem].ptr) == (0, 43)
    routed[IPv6ExtHdrRouting].segleft = 0
    (out,) = through(switch, links, routed)
    assert out.proto == 17


def test_extension_headers_in_fragments(switch, links):
    """Which have no place in those of IPv4 (RFC 7915 5.1.1); in a fragment that is all of it they go."""
    options = IPv6(src=HOST, dst=in6(SERVER)) / IPv6ExtHdrFragment(id=1) / IPv6ExtHdrDestOpt() / UDP(sport=2000, dport=53) / Raw(b"hallo")
    (out,) = through(switch, links, options)
    assert (out.proto, out.frag, str(out.flags), bytes(out[UDP].payload)) == (17, 0, "", b"hallo")
    with dropped(switch, "nat64-in2out", "unsupported protocol", 4):
        for extension in (IPv6ExtHdrDestOpt(), IPv6ExtHdrFragment()):
            ip = IPv6(src=HOST, dst=in6(SERVER))
            first = ip / IPv6ExtHdrFragment(id=2, m=1) / extension / UDP(sport=2000, dport=53, len=2008, chksum=1) / Raw(bytes(992))
            later = ip / IPv6ExtHdrFragment(id=2, offset=126, nh=bytes(first)[40]) / Raw(bytes(1000))
            through(switch, links, [first, later], count=0)
    assert {b[4] for b in bib(switch)} == {"UDP"}


def test_protocols_that_are_headers_of_ip6(switch, links):
    """They would be taken for these: for a source route, for a fragment."""
    for protocol in EXTENSIONS:
        switch.ctl(f"nat64 add static bib {HOST} {POOL} {protocol}")
    with dropped(switch, "nat64-out2in", "unsupported protocol", 4):
        through(switch, links, [IP(src=SERVER, dst=POOL, proto=p) / Raw(bytes([17, 0] * 20)) for p in EXTENSIONS], back=True, count=0)


def test_options(switch, links):
    through(switch, links, udp())
    packet = udp(SERVER, POOL, 53, 2000, options=[IPOption_NOP()] * 4)
    (back,) = through(switch, links, packet, back=True)
    assert (back.nh, back.plen) == (17, 13)


def test_identification_and_df(switch, links):
    """RFC 7915 5.1: small packets may be cut, large ones may not."""
    small = through(switch, links, [udp(size=1232), udp(size=1232)])
    assert [(p.len, p.flags) for p in small] == [(1260, 0)] * 2 and small[0].id != small[1].id
    (large,) = through(switch, links, udp(size=1233))
    assert (large.flags, large.id) == ("DF", 0)
    (atomic,) = through(switch, links, IPv6(src=HOST, dst=in6(SERVER)) / IPv6ExtHdrFragment(id=0x12345678) / UDP(sport=2000, dport=53))
    assert (atomic.flags, atomic.id, atomic.frag) == (0, 0x5678, 0)


def test_udp_without_checksum(switch, links):
    """RFC 7915 4.5: IPv6 has none without, so it is made; RFC 6146 3.4: but not of fragments."""
    through(switch, links, udp())
    packet = udp(SERVER, POOL, 53, 2000, size=101)
    packet[UDP].chksum = 0
    (back,) = through(switch, links, packet, back=True)
    assert back[UDP].chksum
    large = udp(SERVER, POOL, 53, 2000, size=2000, id=7)
    large[UDP].chksum = 0
    (first, *rest) = fragment(large, 1400)
    with dropped(switch, "nat64-out2in", "unsupported protocol"):
        through(switch, links, first, back=True, count=0)


def test_udp_without_checksum_that_is_shorter_than_its_packet(switch, links):
    """The sum is of what UDP says that it has."""
    through(switch, links, udp())
    packet = udp(SERVER, POOL, 53, 2000, size=20)
    packet[UDP].chksum, packet[UDP].len = 0, 18
    (back,) = switch.exchange(links[1], [links[1].ether() / packet], links[0], count=1)
    data = bytes(back[IPv6])[:40 + back[IPv6].plen]
    assert back[IPv6].plen == 28 and data[44:46] == bytes([0, 18])
    assert total(data[8:40] + bytes([0, 0, 0, 18, 0, 0, 0, 17]) + data[40:58]) == 0xffff
    packet[UDP].len = 29
    with dropped(switch, "nat64-out2in", "unsupported protocol"):
        through(switch, links, packet, back=True, count=0)


def whole6(packets):
    """What fragments are pieces of, behind the IPv6 header."""
    packets = sorted(packets, key=lambda p: p[IPv6ExtHdrFragment].offset)
    at = 0
    for p in packets:
        assert p[IPv6ExtHdrFragment].offset * 8 == at
        at += p.plen - 8
    assert [p[IPv6ExtHdrFragment].m for p in packets] == [1] * (len(packets) - 1) + [0]
    return b"".join(bytes(p[IPv6ExtHdrFragment].payload) for p in packets)


def as_whole6(packets):
    data = whole6(packets)
    made = IPv6(src=packets[0].src, dst=packets[0].dst, nh=packets[0][IPv6ExtHdrFragment].nh) / Raw(data)
    made = IPv6(bytes(made))
    check(bytes(made))
    return made


@pytest.mark.parametrize("order", ["in order", "reversed"])
def test_fragments_from_inside(switch, links, order):
    pieces = fragment6(IPv6(src=HOST, dst=in6(SERVER)) / IPv6ExtHdrFragment(id=0xabcd1234) / UDP(sport=2000, dport=53) /
                       Raw(bytes(range(250)) * 10), 1280)
    out = through(switch, links, pieces if order == "in order" else pieces[::-1])
    assert {(p.src, p.id) for p in out} == {(POOL, 0x1234)}
    whole = whole4(out)
    assert whole[UDP].sport == 2000 and bytes(whole[UDP].payload) == bytes(range(250)) * 10


@pytest.mark.parametrize("order", ["in order", "reversed"])
def test_fragments_of_a_hairpin(switch, links, order):
    """From one whose port is another outside."""
    through(switch, links, [udp(HOST, sport=2000), udp(OTHER, sport=2000)])
    (port,) = [b[3] for b in bib(switch) if b[0] == OTHER]
    assert port != 2000
    ip = IPv6(src=OTHER, dst=in6(POOL))
    pieces = fragment6(ip / IPv6ExtHdrFragment(id=9) / UDP(sport=2000, dport=2000) / Raw(bytes(2000)), 1280)
    pieces = pieces if order == "in order" else pieces[::-1]
    out = [right(p) for p in switch.exchange(links[0], [links[0].ether() / p for p in pieces], links[0], count=2)]
    whole = as_whole6(out)
    assert (whole.dst, whole[UDP].sport, whole[UDP].dport) == (HOST, port, 2000)


@pytest.mark.parametrize("order", ["in order", "reversed"])
def test_fragments_from_outside(switch, links, order):
    """Pieces that are too long for a link of 1280 bytes are cut again."""
    through(switch, links, udp())
    pieces = fragment(udp(SERVER, POOL, 53, 2000, size=4000, id=0x77), 1400)
    assert len(pieces) == 3
    out = through(switch, links, pieces if order == "in order" else pieces[::-1], back=True, count=5)
    assert {(p.src, p.dst, p[IPv6ExtHdrFragment].id) for p in out} == {("64:ff9b::a02:2", HOST, 0x77)}
    assert all(len(p) <= 1280 for p in out)
    whole = as_whole6(out)
    assert (whole[UDP].dport, bytes(whole[UDP].payload)) == (2000, bytes(udp(SERVER, POOL, size=4000)[UDP].payload))


def test_fragments_that_wait_for_a_neighbour(fresh):
    """As long as it is asked for, three times a second apart; then they are given up, or as soon as the link has no such address any more."""
    links = fresh.pg(0, "2001:db8:1::1/64"), fresh.pg(1, "10.2.0.1/24")
    pieces = fragment6(IPv6(src=HOST, dst=in6("10.2.0.77")) / IPv6ExtHdrFragment(id=5) / UDP(sport=2000, dport=53) / Raw(bytes(9000)), 1280)
    with nat64(fresh, links):
        for ends in "time", "address":
            fresh.send(links[0], [links[0].ether() / p for p in pieces])
            wait_for(lambda: fresh.buffers_used() == len(pieces) == 8, "the pieces to wait")
            if ends == "address":
                fresh.ctl(f"set interface ip address del {links[1]} 10.2.0.1/24")
            wait_for(lambda: fresh.buffers_used() == 0, "them to be given up", 30)


def echo4(size, reply=False, number=7, **kwargs):
    return IP(src=SERVER, dst=POOL, **kwargs) / ICMP(type=0 if reply else 8, id=number) / Raw((bytes(range(256)) * 20)[:size])


def whole4(pieces):
    """The packet that fragments are of."""
    pieces = sorted(pieces, key=lambda p: p.frag)
    data = b""
    for p in pieces:
        assert p.frag * 8 == len(data) and ("MF" in p.flags) == (p is not pieces[-1])
        data += bytes(p.payload)
    made = IP(bytes(IP(src=pieces[0].src, dst=pieces[0].dst, proto=pieces[0].proto) / Raw(data)))
    check(bytes(made))
    return made


@pytest.mark.parametrize("order", ["in order", "reversed"])
@pytest.mark.parametrize("size", [1400, 3000])
def test_fragments_of_icmp(switch, links, order, size):
    """Their sum is of the whole: they are put together, and cut anew where a link is too short."""
    def some(pieces):
        assert len(pieces) > 1
        return pieces if order == "in order" else pieces[::-1]
    data = (bytes(range(256)) * 20)[:size]
    switch.ctl(f"set interface mtu packet 1300 {links[1]}")
    try:
        echo = IPv6(src=HOST, dst=in6(SERVER)) / IPv6ExtHdrFragment(id=1) / ICMPv6EchoRequest(id=7, data=data)
        out = through(switch, links, some(fragment6(echo, 1280)), count=(size + 8) // 1280 + 1)
    finally:
        switch.ctl(f"set interface mtu packet 9000 {links[1]}")
    assert len({p.id for p in out}) == 1 and "DF" not in out[0].flags
    whole = whole4(out)
    assert (whole.src, whole[ICMP].type, whole[ICMP].id, bytes(whole[ICMP].payload)) == (POOL, 8, 7, data)
    for flags in ("", "DF"):
        out = through(switch, links, some(fragment(echo4(size, True, flags=flags), 1280)), back=True, count=(size + 8) // 1232 + 1)
        whole = as_whole6(out)
        assert (whole.dst, whole[ICMPv6EchoReply].id, whole[ICMPv6EchoReply].data) == (HOST, 7, data)
        assert all(len(p) <= 1280 for p in out)


def test_fragments_of_icmp_of_a_hairpin(switch, links):
    switch.ctl(f"nat64 add static bib {OTHER} 9 10.9.0.5 7 icmp")
    echo = IPv6(src=HOST, dst=in6("10.9.0.5")) / IPv6ExtHdrFragment(id=1) / ICMPv6EchoRequest(id=7, data=bytes(2000))
    pieces = fragment6(echo, 1280)
    out = [right(p) for p in switch.exchange(links[0], [links[0].ether() / p for p in pieces], links[0], count=2)]
    whole = as_whole6(out)
    assert (whole.dst, whole[ICMPv6EchoRequest].id, len(whole[ICMPv6EchoRequest].data)) == (OTHER, 9, 2000)


def test_fragments_of_icmp_that_lie(switch, links):
    """That never become a whole, or overlap: they wait within bounds, and are given up."""
    def lone6(n, offset=8):
        return IPv6(src=HOST, dst=in6(SERVER)) / IPv6ExtHdrFragment(id=n, offset=offset, m=1, nh=58) / Raw(bytes(64))

    def lone4(n, frag=8):
        return IP(src=SERVER, dst=POOL, id=n, frag=frag, flags="MF", proto=1) / Raw(bytes(64))
    for link, lone in (links[0], lone6), (links[1], lone4):
        switch.send(link, [link.ether() / lone(n) for n in range(3000)])
        switch.send(link, [link.ether() / lone(9000, offset) for offset in (0, 4, 2, 0)])
    assert switch.buffers_used() > 0
    (out,) = through(switch, links, ping())
    assert out[ICMP].id == 7
    switch.ctl("set clock adjust 3")
    wait_for(lambda: switch.buffers_used() == 0, "all of them to be given up")
    assert not [s for s in table(switch) if s["inside_port"] != 7]


def test_fragments_of_icmp_that_are_not_to_be_translated(switch, links):
    """They are not waited for; an address that this switch has, too, answers as ever."""
    def pieces(src, dst):
        return fragment6(IPv6(src=src, dst=dst) / IPv6ExtHdrFragment(id=1) / ICMPv6EchoRequest(data=bytes(2000)), 1280)
    with dropped(switch, "nat64-in2out", "source is no host inside", 2):
        through(switch, links, pieces(in6("1.2.3.4"), in6(SERVER)), count=0)
    with dropped(switch, "nat64-in2out", "no translation", 2):
        through(switch, links, pieces(HOST, in6("127.0.0.1")), count=0)
    reason = "nat64-out2in", "no translation"
    before = switch.errors().get(reason, 0)
    switch.send(links[1], [links[1].ether() / p for p in fragment(echo4(2000), 1280)])
    wait_for(lambda: switch.errors().get(reason, 0) == before + 1, "the whole to be dropped")
    switch.ctl(f"nat64 add interface address {links[1]}")
    echo = fragment(IP(src=SERVER, dst="10.2.0.1") / ICMP(id=5) / Raw(bytes(2000)), 1280)
    (reply,) = switch.exchange(links[1], [links[1].ether() / p for p in echo], links[1], count=1)
    assert (reply[ICMP].type, reply[IP].len) == (0, 2028)


@pytest.mark.parametrize("kind", ["udp", "no sum", "echo"])
def test_long_packets_that_may_be_cut(switch, links, kind):
    """RFC 7915 4: as if each link of IPv6 took 1280 bytes."""
    through(switch, links, [udp(), ping()])
    (back,) = through(switch, links, udp(SERVER, POOL, 53, 2000, size=1232, id=9), back=True)
    assert len(back) == 1280 and IPv6ExtHdrFragment not in back
    packet = udp(SERVER, POOL, 53, 2000, size=1400, id=9)
    if kind == "echo":
        packet = IP(src=SERVER, dst=POOL, id=9) / ICMP(type=0, id=7) / Raw(bytes(1400))
    if kind == "no sum":
        packet[UDP].chksum = 0
    out = through(switch, links, packet, back=True, count=2)
    assert all(len(p) <= 1280 and p[IPv6ExtHdrFragment].id == 9 for p in out)
    whole = as_whole6(out)
    assert len(whole) == 1448 and whole.dst == HOST


def test_too_long(switch, links):
    """Who sent it is told, about what he sent, in lengths of his protocol."""
    through(switch, links, udp())
    switch.ctl(f"set interface mtu packet 1400 {links[1]}")
    try:
        error = answered(switch, links[0], udp(size=1400))
        assert error[ICMPv6PacketTooBig].mtu == 1420 and quoted(error).dst == "64:ff9b::a02:2"
        (out,) = through(switch, links, udp(size=1372))
        assert out.len == 1400
        switch.ctl(f"set interface mtu packet 1000 {links[1]}")
        error = answered(switch, links[0], udp(size=1400))
        assert error[ICMPv6PacketTooBig].mtu == 1280  # whose packets are cut
        out = through(switch, links, udp(size=1200), count=2)
        assert out[0].id == out[1].id and {str(p.flags) for p in out} == {"MF", ""}
    finally:
        switch.ctl(f"set interface mtu packet 9000 {links[1]}")
    switch.ctl(f"set interface mtu packet 1400 {links[0]}")
    try:
        error = answered(switch, links[1], udp(SERVER, POOL, 53, 2000, size=1400, flags="DF"))
        assert (error[ICMP].type, error[ICMP].code, error[ICMP].nexthopmtu) == (3, 4, 1380)
        (back,) = through(switch, links, udp(SERVER, POOL, 53, 2000, size=1352, flags="DF"), back=True)
        assert len(back) == 1400
    finally:
        switch.ctl(f"set interface mtu packet 9000 {links[0]}")


def test_too_long_for_a_peer(switch, links):
    """Whose path MTU somebody said, far behind the link."""
    inside = "2001:db8:2::2"
    switch.ctl(f"ip route add 2001:db8:2::/64 via {ROUTER} {links[0]}")
    switch.ctl(f"set ip pmtu peer {FAR} mtu 1300")
    try:
        through(switch, links, [udp(), udp(inside, sport=3000)])
        error = answered(switch, links[0], udp(dst=in6(FAR), size=1280))
        assert error[ICMPv6PacketTooBig].mtu == 1320 and quoted(error).dst == "64:ff9b::c000:221"
        (out,) = through(switch, links, udp(dst=in6(FAR), size=1272))
        assert out.len == 1300
        (out,) = through(switch, links, udp(size=1400))
        assert out.len == 1428
        switch.ctl(f"set ip pmtu peer {inside} mtu 1400")
        error = answered(switch, links[1], udp(SERVER, POOL, 53, 3000, size=1400, flags="DF"))
        assert (error[ICMP].type, error[ICMP].code, error[ICMP].nexthopmtu) == (3, 4, 1380)
        (back,) = through(switch, links, udp(SERVER, POOL, 53, 3000, size=1352, flags="DF"), back=True)
        assert len(back) == 1400
    finally:
        switch.ctl(f"set ip pmtu peer {FAR} del")
        if inside in str(switch.json("show ip pmtu")):
            switch.ctl(f"set ip pmtu peer {inside} del")
        switch.ctl(f"ip route del 2001:db8:2::/64 via {ROUTER} {links[0]}")


def test_end_of_life(switch, links):
    error = answered(switch, links[0], udp(hlim=1))
    assert (error[ICMPv6TimeExceeded].code, error.dst, quoted(error).dst) == (0, HOST, "64:ff9b::a02:2")
    assert not table(switch)  # it has left nothing
    through(switch, links, udp())
    error = answered(switch, links[1], udp(SERVER, POOL, 53, 2000, ttl=1))
    assert (error[ICMP].type, quoted(error).dst) == (11, POOL)


def test_no_way(switch, links):
    with dropped(switch, "nat64-in2out", "no way behind the translation"):  # as all of IPv4 that has no route
        through(switch, links, udp(dst=in6("203.0.113.1")), count=0)
    for way, code in (("unreachable", 0), ("prohibit", 1)):
        switch.ctl(f"ip route add 203.0.113.0/24 via {way}")
        error = answered(switch, links[0], udp(dst=in6("203.0.113.1")))
        assert error[ICMPv6DestUnreach].code == code
        switch.ctl("ip route del 203.0.113.0/24")
    assert not table(switch)  # nothing was left of these
    through(switch, links, udp("2001:db8:77::1"))
    error = answered(switch, links[1], udp(SERVER, POOL, 53, 2000))  # its way back is gone: it never was
    assert (error[ICMP].type, error[ICMP].code) == (3, 1)


# --- errors

# what IPv4 says, and what IPv6 makes of it: type, code, word (RFC 7915 4.2)
FROM_OUTSIDE = [((3, code, 0), (1, now, 0)) for code, now in
                ((0, 0), (1, 0), (3, 4), (5, 0), (6, 0), (7, 0), (8, 0), (9, 1), (10, 1), (11, 0), (12, 0), (13, 1), (15, 1))]
FROM_OUTSIDE += [((3, 2, 0), (4, 1, 6)), ((3, 4, 1400), (2, 0, 1420)), ((3, 4, 68), (2, 0, 1280)), ((11, 0, 0), (3, 0, 0)),
                 ((11, 1, 0), (3, 1, 0))]
FROM_OUTSIDE += [((12, code, pointer << 24), (4, 0, now)) for code in (0, 2) for pointer, now in
                 ((0, 0), (1, 1), (2, 4), (3, 4), (8, 7), (9, 6), (12, 8), (15, 8), (16, 24), (19, 24))]
NOT_FROM_OUTSIDE = [(3, 14, 0), (3, 16, 0), (4, 0, 0), (5, 1, 0), (11, 2, 0), (12, 1, 0), (12, 0, 4 << 24), (12, 0, 10 << 24),
                    (12, 0, 20 << 24), (9, 0, 0), (13, 0, 0)]
FROM_INSIDE = [((1, code, 0), (3, now, 0)) for code, now in ((0, 1), (1, 10), (2, 1), (3, 1), (4, 3))]
FROM_INSIDE += [((2, 0, 1400), (3, 4, 1380)), ((2, 0, 1000), (3, 4, 1260)), ((3, 0, 0), (11, 0, 0)), ((3, 1, 0), (11, 1, 0)),
                ((4, 1, 40), (3, 2, 0))]
FROM_INSIDE += [((4, 0, pointer), (12, 0, now << 24)) for pointer, now in
                ((0, 0), (1, 1), (4, 2), (5, 2), (6, 9), (7, 8), (8, 12), (23, 12), (24, 16), (39, 16))]
NOT_FROM_INSIDE = [(1, 5, 0), (3, 2, 0), (4, 2, 0), (4, 0, 2), (4, 0, 40), (100, 0, 0), (130, 0, 0), (135, 0, 0)]


def error4(kind, about, src=FAR):
    kind, code, word = kind
    data = bytes([kind, code, 0, 0]) + word.to_bytes(4, "big") + bytes(about)
    data = data[:2] + (0xffff - total(data)).to_bytes(2, "big") + data[4:]
    return IP(src=src, dst=POOL, proto=1) / Raw(data)


def error6(kind, about, src=HOST, dst=in6(SERVER)):
    kind, code, word = kind
    data = bytes([kind, code, 0, 0]) + word.to_bytes(4, "big") + bytes(about)
    ip = IPv6(src=src, dst=dst, nh=58, plen=len(data))
    pseudo = bytes(ip)[8:40] + len(data).to_bytes(4, "big") + bytes([0, 0, 0, 58])
    return ip / Raw(data[:2] + (0xffff - total(pseudo + data)).to_bytes(2, "big") + data[4:])


def said(error):
    data = bytes(error)[20 if error.version == 4 else 40:]
    return data[0], data[1], int.from_bytes(data[4:8], "big")


UPPER = {"udp": lambda: udp(), "tcp": lambda: tcp("S"), "echo": lambda: ping()}


@pytest.mark.parametrize("kind", UPPER)
def test_errors_from_outside(switch, links, kind):
    (out,) = through(switch, links, UPPER[kind]())
    sent = IPv6(bytes(UPPER[kind]()))
    errors = through(switch, links, [error4(said4, out) for said4, _ in FROM_OUTSIDE], back=True)
    assert [said(e) for e in errors] == [now for _, now in FROM_OUTSIDE]
    for error in errors:
        assert (error.src, error.dst) == ("64:ff9b::c000:221", HOST)  # whoever says so
        assert (quoted(error).src, quoted(error).dst) == (HOST, "64:ff9b::a02:2")
        assert bytes(quoted(error))[40:] == bytes(sent)[40:]  # sums, too
    with dropped(switch, "nat64-out2in", "unsupported protocol", len(NOT_FROM_OUTSIDE)):
        through(switch, links, [error4(x, out) for x in NOT_FROM_OUTSIDE], back=True, count=0)


@pytest.mark.parametrize("kind", UPPER)
def test_errors_from_inside(switch, links, kind):
    (out,) = through(switch, links, UPPER[kind]())
    answer = {"udp": lambda: udp(SERVER, POOL, 53, 2000), "tcp": lambda: tcp("SA", SERVER, POOL, 80, 2000),
              "echo": lambda: IP(src=SERVER, dst=POOL) / ICMP(type=0, id=7, seq=1) / Raw(bytes(5))}[kind]()
    (back,) = through(switch, links, answer, back=True)
    errors = through(switch, links, [error6(said6, back) for said6, _ in FROM_INSIDE])
    assert [said(e) for e in errors] == [now for _, now in FROM_INSIDE]
    for error in errors:
        assert (error.src, error.dst) == (POOL, SERVER)
        assert (quoted(error).src, quoted(error).dst) == (SERVER, POOL)
        assert bytes(quoted(error))[20:] == bytes(IP(bytes(answer)))[20:]
    (error,) = through(switch, links, error6((3, 0, 0), back, ROUTER))  # a router inside speaks for the host
    assert (error.src, error.dst) == (POOL, SERVER)
    with dropped(switch, "nat64-in2out", "unsupported protocol", len(NOT_FROM_INSIDE)):
        through(switch, links, [error6(x, back) for x in NOT_FROM_INSIDE], count=0)


def test_errors_that_were_damaged(switch, links):
    """Their sum is made anew: it must not become right by that (RFC 5508 REQ-3)."""
    (out,) = through(switch, links, udp())
    (back,) = through(switch, links, udp(SERVER, POOL, 53, 2000), back=True)
    good4, good6 = error4((3, 3, 0), out), error6((1, 4, 0), back)
    for n in (2, 7, 40):
        bad4, bad6 = bytearray(bytes(good4)), bytearray(bytes(good6))
        bad4[20 + n] ^= 0x40
        bad6[40 + n] ^= 0x40
        with switch.counts({("nat64-out2in", "malformed packet"): 1, ("nat64-in2out", "malformed packet"): 1}):
            through(switch, links, IP(bytes(bad4)), back=True, count=0)
            through(switch, links, IPv6(bytes(bad6)), count=0)
    through(switch, links, good4, back=True)
    through(switch, links, good6)


def test_plateaus(switch, links):
    """Routers that say no MTU (RFC 7915 4.2, RFC 1191)."""
    (out,) = through(switch, links, udp(size=1400))
    (error,) = through(switch, links, error4((3, 4, 0), bytes(out)[:28]), back=True)
    assert said(error) == (2, 0, 1280)
    (out,) = through(switch, links, udp(size=1600))
    (error,) = through(switch, links, error4((3, 4, 0), bytes(out)[:28]), back=True)
    assert said(error) == (2, 0, 1492 + 20)


def test_errors_of_no_session(switch, links):
    (out,) = through(switch, links, udp())
    for changed in (udp(POOL, FAR, 2000, 53), udp(POOL, SERVER, 2000, 54), udp(POOL, SERVER, 2001, 53), udp(SERVER, FAR, 1, 1)):
        with dropped(switch, "nat64-out2in", "no translation"):
            through(switch, links, error4((3, 3, 0), changed), back=True, count=0)
    cut = bytes(out)[:27]
    with dropped(switch, "nat64-out2in", "malformed packet"):
        through(switch, links, error4((3, 3, 0), cut), back=True, count=0)
    (error,) = through(switch, links, error4((3, 3, 0), bytes(out)[:28]), back=True)  # the least that routers quote
    assert quoted(error)[UDP].sport == 2000


def test_long_errors_and_extensions(switch, links):
    """Not longer than any link takes; RFC 4884's extensions go."""
    (out,) = through(switch, links, udp(size=1300))
    (error,) = through(switch, links, error4((3, 3, 0), out), back=True)
    assert len(error) == 1280 and bytes(error)[48 + 40:] == bytes(IPv6(bytes(udp(size=1300))))[40:40 + 1280 - 88]
    (out,) = through(switch, links, udp(size=100))
    (error,) = through(switch, links, error4((3, 3, 32 << 16), bytes(out) + b"\x20\0\0\0" + bytes(8)), back=True)
    assert said(error) == (1, 4, 0) and len(error) == 48 + 40 + 108
    (back,) = through(switch, links, udp(SERVER, POOL, 53, 2000, size=88), back=True)
    (error,) = through(switch, links, error6((1, 4, 17 << 24), bytes(back) + b"\x20\0\0\0" + bytes(8)))
    assert said(error) == (3, 3, 0) and error.len == 28 + 20 + 96


# --- hosts inside among themselves


def test_hairpin(switch, links):
    """RFC 6146 3.8: by the address outside, which both see of each other."""
    through(switch, links, [udp(OTHER, sport=3000), tcp("S", OTHER, sport=3000), ping(OTHER, number=9)])
    there = answered(switch, links[0], udp(HOST, in6(POOL), 2000, 3000))
    assert (there.src, there.dst, there[UDP].sport, there[UDP].dport, there.hlim) == ("64:ff9b::a09:1", OTHER, 2000, 3000, 63)
    back = answered(switch, links[0], udp(OTHER, in6(POOL), 3000, 2000))
    assert (back.src, back.dst, back[UDP].sport, back[UDP].dport) == ("64:ff9b::a09:1", HOST, 3000, 2000)
    error = answered(switch, links[0], error6((1, 4, 0), there, OTHER, in6(POOL)))
    assert (error.src, error.dst, said(error)) == ("64:ff9b::a09:1", HOST, (1, 4, 0))
    assert (quoted(error).src, quoted(error).dst, quoted(error)[UDP].dport) == (HOST, "64:ff9b::a09:1", 3000)
    there = answered(switch, links[0], tcp("S", HOST, in6(POOL), 2000, 3000))
    assert (there.dst, there[TCP].dport) == (OTHER, 3000)
    there = answered(switch, links[0], ping(HOST, in6(POOL), 9))
    assert there.dst in (OTHER, HOST)
    with dropped(switch, "nat64-hairpin", "no translation"):
        assert not switch.exchange(links[0], [links[0].ether() / udp(HOST, in6(POOL), 2000, 3001)], links[0], count=0)


def test_hairpin_that_is_too_long(switch, links):
    """Nobody inside could be told by IPv4: it is cut."""
    through(switch, links, udp(OTHER, sport=3000))
    switch.ctl(f"set interface mtu packet 1400 {links[0]}")
    try:
        ids = set()
        for _ in range(2):
            packet = udp(HOST, in6(POOL), 2000, 3000, size=1402)
            out = [right(p) for p in switch.exchange(links[0], [links[0].ether() / packet], links[0], count=2)]
            whole = as_whole6(out)
            assert (whole.dst, bytes(whole[UDP].payload)) == (OTHER, bytes(packet[UDP].payload))
            ids.add(out[0][IPv6ExtHdrFragment].id)
        assert len(ids) == 2 and 0 not in ids
    finally:
        switch.ctl(f"set interface mtu packet 9000 {links[0]}")


def test_loops(switch, links):
    """RFC 6146 3.5: who has an address in the prefix is not inside."""
    with dropped(switch, "nat64-in2out", "source is no host inside", 2):
        through(switch, links, [udp(in6("1.2.3.4")), udp(in6(POOL), in6(POOL))], count=0)
    with dropped(switch, "nat64-in2out", "no translation", 4):
        through(switch, links, [udp(dst=in6(a)) for a in ("127.0.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.1")], count=0)


# --- what is not NAT64's


def test_who_is_left_alone(switch, links):
    reply = answered(switch, links[0], IPv6(src=HOST, dst="2001:db8:1::1") / ICMPv6EchoRequest())
    assert reply.dst == HOST
    reply = answered(switch, links[0], IPv6(src=HOST, dst=OTHER) / UDP())
    assert reply.dst == OTHER
    reply = answered(switch, links[1], IP(src=SERVER, dst="10.2.0.1") / ICMP(id=5))
    assert (reply.src, reply[ICMP].type) == ("10.2.0.1", 0)
    with dropped(switch, "nat64-out2in", "no translation", 2):  # an address of the pool is nobody's but theirs
        through(switch, links, [IP(src=SERVER, dst=POOL) / ICMP(), udp(SERVER, POOL, 1, 2)], back=True, count=0)


def test_addresses_of_an_interface(switch, links):
    """Which the switch has itself, too."""
    switch.ctl(f"nat64 add interface address {links[1]}")
    switch.ctl(f"nat64 add pool address {POOL} del")
    assert switch.ctl("show nat64 pools") == "NAT64 pool:\n 10.2.0.1\n"
    assert f"nat64 add interface address {links[1]}" in switch.running_config()
    (out,) = through(switch, links, udp())
    assert out.src == "10.2.0.1"
    (back,) = through(switch, links, udp(SERVER, "10.2.0.1", 53, 2000), back=True)
    assert back.dst == HOST
    reply = answered(switch, links[1], IP(src=SERVER, dst="10.2.0.1") / ICMP(id=5))
    assert reply[ICMP].type == 0
    through(switch, links, ping(number=5))
    reply = answered(switch, links[1], IP(src=SERVER, dst="10.2.0.1") / ICMP(id=5))  # a ping of the switch, still
    assert reply[ICMP].type == 0
    switch.ctl(f"set interface ip address {links[1]} 10.8.0.1/24")
    assert [p["address"] for p in switch.json("show nat64 pools")["pool"]] == ["10.2.0.1", "10.8.0.1"]
    switch.ctl(f"set interface ip address del {links[1]} 10.8.0.1/24")
    switch.ctl(f"nat64 add interface address {links[1]} del")
    assert not switch.json("show nat64 pools")["pool"] and not table(switch)


# --- prefixes


@pytest.mark.parametrize("prefix,address", [
    ("2001:db8::/32", "2001:db8:c000:221::"), ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
    ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"), ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
    ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"), ("2001:db8:122:344::/96", "2001:db8:122:344::c000:221")])
def test_prefix_lengths(fresh, prefix, address):
    """RFC 6052 2.4, table 1: 192.0.2.33."""
    inside, outside = fresh.pg(0, "2001:db9:1::1/64"), fresh.pg(1, "10.2.0.1/24")
    fresh.ctl(f"ip route add 192.0.2.0/24 via {SERVER} {outside}")
    with nat64(fresh, (inside, outside)):
        fresh.ctl(f"nat64 add prefix {prefix}")
        (out,) = through(fresh, (inside, outside), udp(inside.host, address))
        assert out.dst == FAR
        (back,) = through(fresh, (inside, outside), udp(FAR, POOL, 53, 2000), back=True)
        assert ip_address(back.src) == ip_address(address)
        assert fresh.ctl("show nat64 prefix") == f"NAT64 prefix:\n {prefix} tenant-vrf 0\n"
        through(fresh, (inside, outside), udp(inside.host, in6(SERVER)), count=0)  # none by default any more


def test_wrong_prefixes(switch):
    for length in (0, 16, 33, 72, 80, 95, 97, 128):
        assert "Invalid prefix length." in switch.fails(f"nat64 add prefix 2001:db8::/{length}")
    assert "NAT64 prefix not exist." in switch.fails("nat64 add prefix 2001:db8::/96 del")
    switch.ctl("nat64 add prefix 2001:db8::/96")
    switch.ctl("nat64 add prefix 2001:db8:7::/64")
    assert [p["prefix"] for p in switch.json("show nat64 prefix")["prefixes"]] == ["2001:db8:7::/64"]
    assert "NAT64 prefix not exist." in switch.fails("nat64 add prefix 2001:db8::/96 del")
    switch.ctl("nat64 add prefix 2001:db8:7::/64 del")


def test_a_prefix_that_leads_to_an_interface(switch, links):
    """What is for it is translated there, by whichever interface it came in."""
    third = switch.pg(2, "2001:db8:3::1/64")
    try:
        prefix = "2001:db8:64::"
        packet = udp("2001:db8:3::2", in6(SERVER, prefix))
        switch.ctl(f"nat64 add prefix {prefix}/96 interface {links[0]}")
        assert f"nat64 add prefix {prefix}/96 interface {links[0]}" in switch.running_config()
        assert [p["interface"] for p in switch.json("show nat64 prefix")["prefixes"]] == [links[0].name]
        (out,) = through(switch, (third, links[1]), packet)
        assert (out.src, out.dst) == (POOL, SERVER)
        (back,) = through(switch, (third, links[1]), udp(SERVER, POOL, 53, 2000), back=True)
        assert (back.src, back.dst) == (prefix + "a02:2", "2001:db8:3::2")
        switch.ctl(f"nat64 add prefix 2001:db8:65::/96 interface {links[0]}")  # in its place
        assert f"{prefix}/96" not in switch.ctl("show ip6 fib")
        (out,) = through(switch, (third, links[1]), udp("2001:db8:3::2", in6(SERVER, "2001:db8:65::")))
        assert out.dst == SERVER
        switch.ctl("nat64 add prefix 2001:db8:65::/96")
        assert "2001:db8:65::/96" not in switch.ctl("show ip6 fib")
        switch.ctl(f"nat64 add prefix 2001:db8:65::/96 interface {links[0]}")
        switch.ctl(f"nat64 add prefix 2001:db8:65::/96 interface {links[0]} del")  # as a rollback says it
        assert "2001:db8:65::/96" not in switch.ctl("show ip6 fib") and not switch.json("show nat64 prefix")["prefixes"]
        switch.ctl(f"nat64 add prefix {prefix}/96 interface {third}")
        assert f"{prefix}/96" in switch.ctl("show ip6 fib")
    finally:
        switch.ctl(f"delete packet-generator interface {third}")
    assert f"nat64 add prefix {prefix}/96" in switch.running_config() and f"{prefix}/96" not in switch.ctl("show ip6 fib")
    switch.ctl(f"nat64 add prefix {prefix}/96 interface {links[0]}")
    switch.ctl("nat64 plugin disable")
    assert f"{prefix}/96" not in switch.ctl("show ip6 fib")


def test_tenants(fresh):
    """Hosts with the same address in two tables, with a pool and a prefix each."""
    inside = []
    outside = fresh.pg(9, "10.2.0.1/24")
    fresh.ctl("nat64 plugin enable")
    for n, vrf in ((0, 7), (1, 8)):
        fresh.ctl(f"ip6 table add {vrf}")
        link = fresh.pg(n)
        fresh.ctl(f"set interface ip6 table {link} {vrf}")
        fresh.ctl(f"set interface ip address {link} 2001:db8:1::1/64")
        fresh.ctl(f"set ip neighbor {link} {HOST} {link.host_mac}")
        fresh.ctl(f"nat64 add pool address 10.9.0.{vrf} tenant-vrf {vrf}")
        fresh.ctl(f"set interface nat64 in {link}")
        inside.append(link)
    fresh.ctl("nat64 add prefix 2001:db8:64::/96 tenant-vrf 8")
    fresh.ctl(f"set interface nat64 out {outside}")
    for link, vrf, prefix in ((inside[0], 7, "64:ff9b::"), (inside[1], 8, "2001:db8:64::")):
        (out,) = through(fresh, (link, outside), udp(dst=in6(SERVER, prefix)))
        assert (out.src, out.dst) == (f"10.9.0.{vrf}", SERVER)
        (back,) = through(fresh, (link, outside), udp(SERVER, f"10.9.0.{vrf}", 53, 2000), back=True)
        assert (back.src, back.dst) == (prefix + "a02:2", HOST)
    assert {b["vrf"] for b in fresh.json("show nat64 bib all")["bib"]} == {7, 8}
    fresh.ctl("nat64 plugin disable")


# --- static bindings


def test_static_bindings(switch, links):
    switch.ctl(f"nat64 add static bib {HOST} 80 10.9.0.5 8080 tcp")
    (back,) = through(switch, links, tcp("S", FAR, "10.9.0.5", 999, 8080), back=True)
    assert (back.dst, back[TCP].sport, back[TCP].dport) == (HOST, 999, 80)
    (out,) = through(switch, links, tcp("SA", HOST, in6(FAR), 80, 999))
    assert (out.src, out[TCP].sport) == ("10.9.0.5", 8080)
    assert bib(switch, "tcp") == [(HOST, 80, "10.9.0.5", 8080, "TCP", 1)]
    assert f"{HOST} 80 10.9.0.5 8080 protocol TCP vrf 0 static 1 sessions" in switch.ctl("show nat64 bib tcp")
    assert f"nat64 add static bib {HOST} 80 10.9.0.5 8080 tcp" in switch.running_config()
    for same in (f"{HOST} 80 10.9.0.6 1 tcp", f"{OTHER} 1 10.9.0.5 8080 tcp"):
        assert "NAT64 BIB entry exist." in switch.fails(f"nat64 add static bib {same}")
    switch.ctl(f"nat64 add static bib {HOST} 80 10.9.0.5 8080 tcp del")
    assert not table(switch) and not bib(switch)
    assert "NAT64 BIB entry not exist." in switch.fails(f"nat64 add static bib {HOST} 80 10.9.0.5 8080 tcp del")
    switch.ctl(f"nat64 add static bib {HOST} 7 {POOL} 77 icmp")
    (back,) = through(switch, links, IP(src=SERVER, dst=POOL) / ICMP(id=77), back=True)
    assert (back.dst, back[ICMPv6EchoRequest].id) == (HOST, 7)
    switch.ctl(f"nat64 add static bib {HOST} {POOL} 47")
    (back,) = through(switch, links, IP(src=SERVER, dst=POOL) / GRE() / Raw(b"x"), back=True)
    assert back.dst == HOST
    assert f"nat64 add static bib {HOST} {POOL} 47" in switch.running_config()


def test_a_static_binding_instead_of_others(switch, links):
    """What has either end by chance goes; nobody gets it by chance."""
    through(switch, links, [udp(sport=2000), udp(OTHER, sport=3000), udp(OTHER, sport=5000)])
    switch.ctl(f"nat64 add static bib {HOST} 2000 {POOL} 3000 udp")
    assert bib(switch) == [(HOST, 2000, POOL, 3000, "UDP", 0), (OTHER, 5000, POOL, 5000, "UDP", 1)]
    (out,) = through(switch, links, udp())
    assert out[UDP].sport == 3000
    (out,) = through(switch, links, udp(OTHER, sport=3000))
    assert out[UDP].sport != 3000
    (back,) = through(switch, links, udp(SERVER, POOL, 53, 3000), back=True)
    assert (back.dst, back[UDP].dport) == (HOST, 2000)


# --- bounds


def test_as_many_as_there_may_be(fresh):
    """The oldest that nobody has answered goes first, and none that was answered."""
    links = fresh.pg(0, "2001:db8:1::1/64"), fresh.pg(1, "10.2.0.1/24")
    if fresh.workers > 1:
        pytest.skip("each thread has as many")
    with nat64(fresh, links, "sessions 4"):
        through(fresh, links, [udp(sport=2000 + i) for i in range(2)])
        through(fresh, links, udp(SERVER, POOL, 53, 2000), back=True)
        through(fresh, links, [udp(sport=2000 + i) for i in range(2, 6)])
        assert [b[1] for b in bib(fresh)] == [2000, 2003, 2004, 2005]
        for i in (3, 4, 5):
            through(fresh, links, udp(SERVER, POOL, 53, 2000 + i), back=True)
        with dropped(fresh, "nat64-in2out", "maximum sessions exceeded"):
            through(fresh, links, udp(sport=2009), count=0)
        assert "nat64 plugin enable sessions 4" in fresh.running_config()


def test_what_ends_with_what(switch, links):
    through(switch, links, [udp(), ping()])
    switch.ctl(f"nat64 add pool address {POOL} del")
    assert not bib(switch) and not table(switch)
    with dropped(switch, "nat64-in2out", "out of ports"):
        through(switch, links, udp(), count=0)
    switch.ctl(f"nat64 add pool address {POOL}")
    through(switch, links, udp())
    switch.ctl(f"set interface nat64 in {links[0]} del")
    assert not bib(switch)


def test_counters_for_other_programs(switch, links):
    with Stats(switch.folder + "/stats.sock") as stats:
        def packets(name, link):
            number = int(switch.json(f"show interface {link}")["interfaces"][0]["sw_if_index"])
            return sum(row[number] for row in stats[f"/nat64/{name}"])
        kinds = [("in2out/udp", links[0]), ("out2in/udp", links[1]), ("in2out/drops", links[0])]
        before = [packets(*kind) for kind in kinds]
        through(switch, links, [udp(), udp()])
        through(switch, links, udp(SERVER, POOL, 53, 2000), back=True)
        through(switch, links, tcp("A"), count=0)
        assert [packets(*kind) - n for kind, n in zip(kinds, before)] == [2, 1, 1]
        assert [sum(sum(row) for row in stats[f"/nat64/total-{what}"]) for what in ("bibs", "sessions")] == [1, 1]


def test_trace(switch, links):
    for link, packet, node in ((links[0], udp(), "in2out"), (links[1], udp(SERVER, POOL, 53, 2000), "out2in")):
        (hops,) = switch.trace(link, link.ether() / packet)
        assert any(name == f"nat64-{node}" and text.startswith(f"NAT64-{node}: sw_if_index ") for name, text in hops)


def test_cut_packets(switch, links):
    """Headers that are not all there."""
    short = [IPv6(src=HOST, dst=in6(SERVER), nh=nh) / Raw(bytes(n)) for nh, n in ((6, 17), (17, 7), (58, 3), (6, 0))]
    chain = IPv6(src=HOST, dst=in6(SERVER), nh=60) / Raw(bytes([6, 9, 0, 0, 0, 0, 0, 0]))
    with dropped(switch, "nat64-in2out", "malformed packet", 5):
        through(switch, links, short + [chain], count=0)
    short = [IP(src=SERVER, dst=POOL, proto=n) / Raw(bytes(k)) for n, k in ((6, 17), (17, 7), (1, 3))]
    with dropped(switch, "nat64-out2in", "malformed packet", 3):
        through(switch, links, short, back=True, count=0)
    with dropped(switch, "nat64-in2out", "unsupported protocol"):
        through(switch, links, IPv6(src=HOST, dst=in6(SERVER), nh=1) / Raw(bytes(8)), count=0)


def test_a_neighbour_of_nat44(switch, links):
    """Both NATs lead outside by the same link."""
    third = switch.pg(2, "10.1.0.1/24")
    try:
        switch.ctl("nat44 plugin enable sessions 1000")
        switch.ctl(f"nat44 add interface address {links[1]}")
        switch.ctl(f"set interface nat44 in {third} out {links[1]}")
        (out,) = through(switch, links, udp())
        assert out.src == POOL
        (back,) = through(switch, links, udp(SERVER, POOL, 53, 2000), back=True)
        assert back.dst == HOST
        (out,) = [right(p) for p in switch.exchange(third, [third.ether() / udp("10.1.0.2", SERVER)], links[1], count=1)]
        assert out.src == "10.2.0.1"
    finally:
        switch.ctl("nat44 plugin disable")
        switch.ctl("delete packet-generator interface pg2")


def test_syslog(switch, links):
    """Who collects is told of sessions that begin and end."""
    switch.ctl("set syslog sender collector 10.2.0.2 src 10.2.0.1")
    try:
        capture = switch.capture(links[1])
        switch.send(links[0], [links[0].ether() / udp()])
        wait_for(lambda: capture.count() == 2, "the packet, and what is said of it", 30)
        switch.ctl(f"nat64 add pool address {POOL} del")
        wait_for(lambda: capture.count() == 3, "that it ends", 30)
    finally:
        switch.ctl("set syslog sender disable")
    said_of = [bytes(p[UDP].payload).decode() for p in capture.packets(3) if p[UDP].dport == 514]
    assert [text.split()[5] for text in said_of] == ["SADD", "SDEL"]
    for text in said_of:
        assert text.endswith(f'[nsess SSUBIX="0" IATYP="IPv6" ISADDR="{HOST}" ISPORT="2000" XATYP="IPv4" XSADDR="{POOL}" '
                             f'XSPORT="2000" PROTO="17" XDADDR="{SERVER}" XDPORT="53"]')


@pytest.fixture
def exported(switch):
    """A collector of IPFIX behind a link of its own."""
    link = switch.pg(3, "10.3.0.1/24")
    switch.ctl("set ipfix exporter collector 10.3.0.2 src 10.3.0.1 path-mtu 256")
    switch.ctl("nat64 ipfix logging enable")
    capture = switch.capture(link)
    yield Collector(capture)
    capture.stop()
    switch.ctl("nat64 ipfix logging disable")
    switch.ctl("set ipfix exporter collector 0.0.0.0")
    switch.ctl(f"delete packet-generator interface {link}")


def told(switch, exported, n):
    """The records that are new, with which there are so many altogether; all say when."""
    waiting(switch, n)
    records = exported.take(switch.json("show ipfix exporter")["messages"])
    assert all(abs(r.pop("time") / 1000 - time.time()) < 600 for r in records)
    return records


def test_ipfix(switch, links, exported):
    """RFC 8158 5.2: a session and its binding begin and end; both hosts as either side knows them."""
    assert "nat64 ipfix logging enable domain 64 src-port 4739" in switch.running_config()
    through(switch, links, udp())
    binding = {"event": 10, "src6": HOST, "post_src": POOL, "protocol": 17, "sport": 2000, "post_sport": 2000, "vrf": 0}
    session = {**binding, "event": 6, "dst6": "64:ff9b::a02:2", "post_dst": SERVER, "dport": 53, "post_dport": 53}
    assert told(switch, exported, 2) == [binding, session]
    assert {m["domain"] for m in exported.messages} == {64}
    through(switch, links, udp(dst=in6(FAR)))
    assert told(switch, exported, 3) == [{**session, "dst6": "64:ff9b::c000:221", "post_dst": FAR}]
    switch.ctl(f"nat64 add static bib {HOST} 80 10.9.0.5 8080 tcp")
    static = {**binding, "protocol": 6, "sport": 80, "post_src": "10.9.0.5", "post_sport": 8080}
    assert told(switch, exported, 4) == [static]
    switch.ctl(f"nat64 add pool address {POOL} del")
    ended = told(switch, exported, 7)
    assert [r["event"] for r in ended] == [7, 7, 11] and ended[2] == {**binding, "event": 11}
    switch.ctl(f"nat64 add static bib {HOST} 80 10.9.0.5 8080 tcp del")
    assert told(switch, exported, 8) == [{**static, "event": 11}]
    switch.ctl("nat64 ipfix logging disable")
    assert not [line for line in switch.running_config() if line.startswith("nat64 ipfix")]
    switch.ctl("nat64 ipfix logging enable domain 7 src-port 5000")
    assert "nat64 ipfix logging enable domain 7 src-port 5000" in switch.running_config()
    assert "a stream has a port" in switch.fails("nat64 ipfix logging enable src-port 0")


def test_ipfix_when_there_is_no_room(switch, links, exported):
    if switch.workers > 1:
        pytest.skip("each thread has as many")
    config = [line for line in nat_config(switch) if not line.startswith(("nat64 plugin", "nat64 ipfix"))]
    switch.ctl("nat64 plugin disable")
    switch.ctl("nat64 plugin enable sessions 1")
    for line in config:
        switch.ctl(line)
    through(switch, links, udp())
    through(switch, links, udp(SERVER, POOL, 53, 2000), back=True)  # so it stays
    through(switch, links, [udp(sport=n) for n in range(3000, 3010)], count=0)
    assert told(switch, exported, 3)[2] == {"event": 13, "quota": 1, "max_sessions": 1}  # of those one is told
    switch.ctl(f"nat64 add pool address {POOL} del")
    through(switch, links, udp(), count=0)
    assert told(switch, exported, 6)[-1] == {"event": 3, "pool": 0}


# --- commands


def test_interfaces_and_pool(switch, links):
    assert switch.ctl("show nat64 interfaces") == f"NAT64 interfaces:\n {links[0]} in\n {links[1]} out\n"
    switch.ctl(f"set interface nat64 out {links[0]}")
    assert f" {links[0]} in out\n" in switch.ctl("show nat64 interfaces")
    assert f"{links[0]} NAT64 feature already enabled." in switch.fails(f"set interface nat64 out {links[0]}")
    switch.ctl(f"set interface nat64 out {links[0]} del")
    assert f"{links[0]} NAT64 feature not enabled." in switch.fails(f"set interface nat64 out {links[0]} del")
    switch.ctl("nat64 add pool address 10.9.1.1 - 10.9.1.3 tenant-vrf 5")
    assert switch.ctl("show nat64 pool").splitlines()[2] == " 10.9.1.1 tenant VRF: 5"
    assert "nat64 add pool address 10.9.1.1 - 10.9.1.3 tenant-vrf 5" in switch.running_config()
    ends = [f"nat64 add pool address {address} tenant-vrf 5" for address in ("255.255.255.255", "0.0.0.0")]
    for line in ends:
        switch.ctl(line)
    assert set(ends) <= set(switch.running_config())  # which do not follow each other
    for line in ends:
        switch.ctl(line + " del")
    assert "NAT64 pool address exist." in switch.fails("nat64 add pool address 10.9.1.0 - 10.9.1.9")
    assert "NAT64 pool address not exist." in switch.fails("nat64 add pool address 10.9.1.3 - 10.9.1.4 del")
    assert "less than" in switch.fails("nat64 add pool address 10.9.1.3 - 10.9.1.2")
    assert "at most 4096" in switch.fails("nat64 add pool address 10.9.1.3 - 10.99.1.2")
    assert len(switch.json("show nat64 pools")["pool"]) == 4
    routes = switch.ctl("show ip fib 10.9.1.2/32")
    assert "nat64-hi" in routes


def test_disabled(switch, links):
    config = nat_config(switch)
    switch.ctl("nat64 plugin disable")
    assert "already disabled" in switch.fails("nat64 plugin disable")
    for command in ("nat64 add pool address 1.1.1.1", f"set interface nat64 in {links[0]}", "nat64 add prefix 2001:db8::/96",
                    f"nat64 add static bib {HOST} 1 1.1.1.1 1 tcp", f"nat64 add interface address {links[1]}",
                    "set nat64 timeouts udp 7"):
        assert "Plugin disabled." in switch.fails(command)
    for line in config:
        switch.ctl(line)
    assert nat_config(switch) == config
    assert "already enabled" in switch.fails("nat64 plugin enable")

"""NAT44, endpoint-independent: hosts behind pg0 share addresses towards those behind pg1; a port of one has one port outside,
whoever it talks to. What it shares with the other NAT44 is tested there, too."""
import re
import socket
import sys

import pytest
from nat_lib import answered, right, through
from packet_lib import nat44, nat_config, wait_for
from piste import Stats
from scapy.layers.inet import GRE, ICMP, IP, IPerror, TCP, UDP, UDPerror, fragment
from scapy.packet import Raw
from test_nat44 import HOST, OTHER, POOL, SECOND, SERVER, arp_for, echo, errors, errors_from_outside, tcp, two_sides, udp

CONFIG = "cpu { workers 1 }"  # which has all ports, so that each keeps its own; more are in test_nat44_ei_workers.py
THIRD = "10.1.0.4"


@pytest.fixture(scope="module")
def links(switch):
    return two_sides(switch, OTHER, THIRD)


@pytest.fixture(autouse=True)
def nat(switch, links):
    with nat44(switch, *links, nat="nat44 ei"):
        yield


def users(switch):
    return switch.json("show nat44 ei sessions detail")["users"]


def sessions(switch):
    return [s for u in users(switch) for s in u["sessions"]]


def ends(switch):
    return sorted((s["i2o"]["address"], s["i2o"].get("port"), s["o2i"]["address"], s["o2i"].get("port")) for s in sessions(switch))


def inside_exchange(switch, links, packet, n=1):
    """What a packet from inside becomes that comes back to inside."""
    return through(switch, (links[0], links[0]), packet, count=n)


def test_one_port_for_all(switch, links):
    (out,) = through(switch, links, udp())
    assert (out.src, out.dst, out.ttl, out[UDP].sport, out[UDP].dport) == (POOL, SERVER, 63, 2000, 53)
    # to another host outside the same (RFC 4787 REQ-1), which answers, and others begin (REQ-8)
    (out,) = through(switch, links, udp(dst=SECOND, dport=99))
    assert (out.src, out.dst, out[UDP].sport, out[UDP].dport) == (POOL, SECOND, 2000, 99)
    for host, port in ((SERVER, 53), (SECOND, 99), ("192.0.2.99", 7)):
        (back,) = through(switch, links, udp(host, POOL, port, 2000), back=True)
        assert (back.src, back[UDP].sport, back.dst, back[UDP].dport) == (host, port, HOST, 2000)
    assert ends(switch) == [(HOST, 2000, POOL, 2000)]
    # another host inside has another one, whoever it talks to
    (out,) = through(switch, links, udp(OTHER, "192.0.2.50"))
    assert out[UDP].sport != 2000 and out[UDP].sport >= 1024
    (back,) = through(switch, links, udp(SECOND, POOL, 1, out[UDP].sport), back=True)
    assert (back.dst, back[UDP].dport) == (OTHER, 2000)
    assert len(sessions(switch)) == 2


def test_pings(switch, links):
    (out,) = through(switch, links, echo())
    assert (out.src, out[ICMP].id) == (POOL, 7)
    (other,) = through(switch, links, echo(OTHER, SECOND))
    assert other.src == POOL and other[ICMP].id != 7
    replies = through(switch, links, [echo(SERVER, POOL, 7, "echo-reply"), echo(SECOND, POOL, other[ICMP].id, "echo-reply")],
                      back=True)
    assert sorted((p.dst, p[ICMP].id) for p in replies) == [(HOST, 7), (OTHER, 7)]
    # this switch answers those of its own addresses, from both sides
    for link, src, dst in ((links[0], HOST, "10.1.0.1"), (links[0], HOST, POOL), (links[1], SERVER, POOL)):
        reply = answered(switch, link, echo(src, dst, 99))
        assert (reply.src, reply.dst, reply[ICMP].type) == (dst, src, 0)


def test_tcp_states(switch, links):
    def left():
        (session,) = sessions(switch)
        return session["timeout_in"]
    with errors(switch, "non-SYN packet try to create session"):
        through(switch, links, tcp("A"), count=0)
    through(switch, links, tcp("S"))
    assert 0 < left() <= 240
    through(switch, links, tcp("SA", SERVER, POOL, 80, 2000), back=True)
    assert 240 < left() <= 7440
    through(switch, links, tcp("FA"))
    through(switch, links, tcp("FA", SERVER, POOL, 80, 2000), back=True)
    assert 0 < left() <= 240


def test_nobody_knows_the_port(switch, links):
    with errors(switch, "no translation", 2):
        through(switch, links, [udp(SERVER, POOL, 53, 2000), tcp("S", SERVER, POOL)], back=True, count=0)
    switch.ctl("nat44 ei forwarding enable")
    (passed,) = through(switch, links, tcp("S", SERVER, HOST), back=True)
    assert (passed.src, passed.dst) == (SERVER, HOST)
    assert sessions(switch) == []


def test_protocols_without_ports(switch, links):
    gre = IP(src=HOST, dst=SERVER) / GRE() / Raw(b"x" * 30)
    with errors(switch, "unsupported protocol"):
        through(switch, links, gre, count=0)
    switch.ctl(f"nat44 ei add static mapping local {HOST} external 10.2.0.78")
    (out,) = through(switch, links, gre)
    assert (out.src, out.dst, out.proto) == ("10.2.0.78", SERVER, 47)
    for host in (SERVER, SECOND):
        (back,) = through(switch, links, IP(src=host, dst="10.2.0.78") / GRE() / Raw(b"x" * 30), back=True)
        assert (back.src, back.dst) == (host, HOST)


@pytest.mark.parametrize("packet", [udp(), echo(), tcp("S")])
def test_errors_from_outside(switch, links, packet):
    errors_from_outside(switch, links, packet)


def test_errors_from_inside(switch, links):
    through(switch, links, udp())
    (got,) = through(switch, links, udp(SECOND, POOL, 53, 2000), back=True)
    (error,) = through(switch, links, IP(src="10.1.0.77", dst=SECOND) / ICMP(type=3, code=3) / IP(bytes(got)))
    assert (error.src, error.dst) == (POOL, SECOND)  # nobody outside learns of a router inside
    assert (error[IPerror].src, error[IPerror].dst, error[UDPerror].dport) == (SECOND, POOL, 2000)


@pytest.mark.parametrize("packet", [udp(), echo(), tcp("S")])
def test_errors_of_this_switch(switch, links, packet):
    """What it says of translated packets is for who sent them, and quotes them as they were sent."""
    packet = packet / Raw(bytes(1000))
    packet.flags = "DF"
    large = IP(bytes(packet))
    switch.ctl(f"set interface mtu packet 600 {links[1]}")
    try:
        for _ in range(2):  # the first packet of a session, and a later one
            (error,) = inside_exchange(switch, links, large)
            assert (error.src, error.dst, error[ICMP].type, error[ICMP].code) == ("10.1.0.1", HOST, 3, 4)
            assert bytes(error[ICMP])[8 + 12:8 + 28] == bytes(large)[12:28]
    finally:
        switch.ctl(f"set interface mtu packet 9000 {links[1]}")


def test_who_is_told_that_a_packet_came_to_its_end(switch, links):
    through(switch, links, [udp(), udp(OTHER, sport=3000)])
    for dst, dport in ((SERVER, 53), (POOL, 3000)):  # to outside, and by a hairpin
        (error,) = inside_exchange(switch, links, udp(dst=dst, dport=dport, ttl=1))
        assert (error.src, error.dst, error[ICMP].type) == ("10.1.0.1", HOST, 11)
        assert (error[IPerror].src, error[IPerror].dst, error[UDPerror].sport) == (HOST, dst, 2000)


@pytest.mark.parametrize("backwards", [False, True])
def test_fragments(switch, links, backwards):
    def pieces(packet):
        parts = fragment(packet / Raw(bytes(range(256)) * 8), 800)
        return parts[::-1] if backwards else parts

    def whole(parts):
        parts = sorted(parts, key=lambda p: p.frag)
        data = b"".join(bytes(p)[20:p.len] for p in parts)
        return right(IP(src=parts[0].src, dst=parts[0].dst, proto=17) / Raw(data))
    there = pieces(udp(id=5))
    out = whole([IP(bytes(p[IP])) for p in switch.exchange(
        links[0], [links[0].ether() / p for p in there], links[1], count=len(there))])
    assert (out.src, out[UDP].sport, out[UDP].dport) == (POOL, 2000, 53)
    back = pieces(udp(SECOND, POOL, 77, 2000, id=6))
    got = whole([IP(bytes(p[IP])) for p in switch.exchange(
        links[1], [links[1].ether() / p for p in back], links[0], count=len(back))])
    assert (got.src, got.dst, got[UDP].dport) == (SECOND, HOST, 2000)


# --- hairpins (RFC 4787 REQ-9)


def test_hairpin(switch, links):
    """Hosts inside that know each other's ports outside: both see addresses outside only."""
    through(switch, links, [udp(), udp(OTHER, sport=3000)])
    (got,) = inside_exchange(switch, links, udp(HOST, POOL, 2000, 3000))
    assert (got.src, got[UDP].sport, got.dst, got[UDP].dport, got.ttl) == (POOL, 2000, OTHER, 3000, 63)
    (got,) = inside_exchange(switch, links, udp(OTHER, POOL, 3000, 2000))
    assert (got.src, got[UDP].sport, got.dst, got[UDP].dport) == (POOL, 3000, HOST, 2000)
    # its first packet ever
    (got,) = inside_exchange(switch, links, udp(THIRD, POOL, 4000, 3000))
    assert (got.src, got[UDP].sport, got.dst) == (POOL, 4000, OTHER)
    # and errors about these
    (error,) = inside_exchange(switch, links, IP(src=OTHER, dst=POOL) / ICMP(type=3, code=3) / IP(bytes(got)))
    assert (error.src, error.dst, error[IPerror].src, error[IPerror].dst) == (POOL, THIRD, THIRD, POOL)
    assert (error[UDPerror].sport, error[UDPerror].dport) == (4000, 3000)
    assert len(sessions(switch)) == 3


def test_hairpin_to_a_mapping(switch, links):
    switch.ctl(f"nat44 ei add static mapping tcp local {OTHER} 80 external {POOL} 8080")
    (got,) = inside_exchange(switch, links, tcp("S", HOST, POOL, 4000, 8080))
    assert (got.src, got[TCP].sport, got.dst, got[TCP].dport) == (POOL, 4000, OTHER, 80)
    (back,) = inside_exchange(switch, links, tcp("SA", OTHER, POOL, 80, 4000))
    assert (back.src, back[TCP].sport, back.dst, back[TCP].dport) == (POOL, 8080, HOST, 4000)
    # to itself
    (own,) = inside_exchange(switch, links, tcp("S", OTHER, POOL, 81, 8080))
    assert (own.src, own[TCP].sport, own.dst, own[TCP].dport) == (POOL, 81, OTHER, 80)
    switch.ctl(f"nat44 ei add static mapping tcp local {OTHER} 80 external {POOL} 8080 del")
    assert [s[:2] for s in ends(switch)] == [(HOST, 4000), (OTHER, 81)]


def test_what_nobody_inside_has_is_for_this_switch(switch, links):
    through(switch, links, udp())
    (error,) = inside_exchange(switch, links, udp(dst=POOL, dport=4))
    assert (error.src, error.dst, error[ICMP].type, error[ICMP].code) == (POOL, HOST, 3, 3)
    assert (error[IPerror].src, error[UDPerror].sport) == (HOST, 2000)


def test_addresses_that_look_like_ours(switch, links):
    """Whether an address may be ours is told by 12 bits of a hash: others have the same, and are outside."""
    def bits(address):
        return (int.from_bytes(socket.inet_aton(address), sys.byteorder) * 0x9e3779b1 & 0xffffffff) >> 20
    alike = next(a for a in (f"198.18.{n >> 8}.{n & 255}" for n in range(1 << 16)) if bits(a) == bits(POOL))
    switch.ctl(f"ip route add 198.18.0.0/16 via {SERVER} {links[1]}")
    for _ in range(2):  # the first packet of a session, and a later one
        (out,) = through(switch, links, udp(dst=alike))
        assert (out.src, out.dst) == (POOL, alike)
    switch.ctl(f"ip route del 198.18.0.0/16 via {SERVER} {links[1]}")


# --- mappings


def test_a_port_of_a_host(switch, links):
    switch.ctl(f"nat44 ei add static mapping tcp local {HOST} 80 external {POOL} 8080")
    assert switch.fails(f"nat44 ei add static mapping tcp local {OTHER} 80 external {POOL} 8080") == \
        "nat44 ei add static mapping: Mapping already exist."
    for host in (SERVER, SECOND):
        (into,) = through(switch, links, tcp("S", host, POOL, 5000, 8080), back=True)
        assert (into.src, into[TCP].sport, into.dst, into[TCP].dport) == (host, 5000, HOST, 80)
        (answer,) = through(switch, links, tcp("SA", HOST, host, 80, 5000))
        assert (answer.src, answer[TCP].sport, answer[TCP].dport) == (POOL, 8080, 5000)
    (session,) = sessions(switch)
    assert session["static"]
    (out,) = through(switch, links, tcp("S", OTHER, SECOND, 8080, 98))
    assert out[TCP].sport != 8080
    with errors(switch, "no translation"):
        through(switch, links, udp(SERVER, POOL, 5000, 8080), back=True, count=0)
    switch.ctl(f"nat44 ei add static mapping tcp local {HOST} 80 external {POOL} 8080 del")
    assert [s[0] for s in ends(switch)] == [OTHER]


def test_all_of_a_host(switch, links):
    switch.ctl(f"nat44 ei add static mapping local {OTHER} external 10.2.0.77")
    (out,) = through(switch, links, udp(OTHER))
    assert (out.src, out[UDP].sport) == ("10.2.0.77", 2000)
    (into,) = through(switch, links, tcp("S", SECOND, "10.2.0.77", 999, 22), back=True)
    assert (into.dst, into[TCP].dport) == (OTHER, 22)
    (pinged,) = through(switch, links, echo(SERVER, "10.2.0.77"), back=True)
    assert (pinged.dst, pinged[ICMP].id) == (OTHER, 7)
    (arp,) = switch.exchange(links[1], links[1].ether(dst="ff:ff:ff:ff:ff:ff") / arp_for("10.2.0.77", links[1]), links[1], count=1)
    assert arp.psrc == "10.2.0.77"


def test_identity(switch, links):
    switch.ctl(f"nat44 ei add identity mapping {HOST} udp 99")
    assert [through(switch, links, udp(sport=n))[0].src for n in (99, 100)] == [HOST, POOL]
    assert len(sessions(switch)) == 1


def test_mappings_of_an_interface(switch, links):
    switch.ctl(f"nat44 ei add static mapping tcp local {HOST} 80 external {links[1]} 8080")
    assert switch.ctl("show nat44 ei static mappings").splitlines() == [
        "NAT44 static mappings:", f" TCP local {HOST}:80 external {POOL}:8080 vrf 0  ",
        f" TCP local {HOST}:80 external {links[1]}:8080 vrf -1"]
    assert through(switch, links, tcp("S", SERVER, POOL, 5000, 8080), back=True)[0].dst == HOST


# --- users


def again(switch, links, options):
    """The same with other options."""
    switch.ctl("nat44 ei plugin disable")
    switch.ctl(f"nat44 ei plugin enable {options}")
    switch.ctl(f"nat44 ei add interface address {links[1]}")
    switch.ctl(f"set interface nat44 ei in {links[0]} out {links[1]}")


def test_a_user_has_so_many_sessions(switch, links):
    again(switch, links, "sessions 1000 user-sessions 3")
    through(switch, links, [udp(sport=n) for n in (2001, 2002, 2003)])
    through(switch, links, udp(OTHER, sport=5000))
    through(switch, links, udp(sport=2004))  # in place of the oldest
    assert [s[1] for s in ends(switch)] == [2002, 2003, 2004, 5000]
    assert [(u["address"], u["dynamic"], u["static"]) for u in sorted(users(switch), key=lambda u: u["address"])] == [
        (HOST, 3, 0), (OTHER, 1, 0)]
    # those of mappings stay
    for n in (80, 81, 82):
        switch.ctl(f"nat44 ei add static mapping tcp local {HOST} {n} external {POOL} {n}")
        through(switch, links, tcp("S", SERVER, POOL, 5, n), back=True)
    assert [(s[0], s[1]) for s in ends(switch)] == [(HOST, 80), (HOST, 81), (HOST, 82), (OTHER, 5000)]
    with errors(switch, "maximum sessions exceeded"):
        through(switch, links, udp(sport=2005), count=0)


def test_so_many_users(switch, links):
    again(switch, links, "users 2")
    through(switch, links, [udp(HOST), udp(OTHER)])
    with errors(switch, "cannot create NAT user"):
        through(switch, links, udp(THIRD), count=0)
    with Stats(switch.folder + "/stats.sock") as stats:
        assert sum(sum(row) for row in stats["/nat44-ei/total-users"]) == 2
    switch.ctl(f"nat44 ei del user {HOST}")
    through(switch, links, udp(THIRD))


def test_a_flood_of_beginnings(switch, links):
    """Who came last stays, and so does whoever was answered."""
    again(switch, links, "sessions 20")
    through(switch, links, udp(sport=1))
    through(switch, links, udp(SERVER, POOL, 53, 1), back=True)
    for host in (OTHER, THIRD):
        assert len(through(switch, links, [udp(host, sport=5000 + n) for n in range(100)])) == 100
    left = ends(switch)
    assert (HOST, 1, POOL, 1) in left and len(left) == 20


def test_ending_sessions(switch, links):
    through(switch, links, [udp(), udp(sport=2001), udp(OTHER), echo()])
    assert "returned -6" in switch.fails(f"nat44 ei del session in {HOST}:2009 udp")
    switch.ctl(f"nat44 ei del session in {HOST}:2001 udp")
    switch.ctl(f"nat44 ei del session out {POOL}:2000 udp")
    assert [s[0] for s in ends(switch)] == [HOST, OTHER]
    switch.ctl(f"nat44 ei del user {OTHER}")
    assert [u["address"] for u in users(switch)] == [HOST]
    assert "no such user" in switch.fails(f"nat44 ei del user {OTHER}")


def test_timeouts(switch, links):
    switch.ctl("set nat44 ei timeout udp 20 icmp 2000")
    assert switch.ctl("show nat44 ei timeouts").splitlines() == \
        ["udp timeout: 20sec", "tcp-established timeout: 7440sec", "tcp-transitory timeout: 240sec", "icmp timeout: 2000sec"]
    through(switch, links, [udp(), echo()])
    switch.ctl("set clock adjust 21")
    wait_for(lambda: [s["i2o"]["protocol"] for s in sessions(switch)] == ["icmp"], "the session of UDP to end")
    switch.ctl("set nat44 ei timeout icmp 30")
    switch.ctl("set clock adjust 12")
    wait_for(lambda: not users(switch), "the session of ICMP to end, and its user")


# --- the plugin


def test_what_is_shown(switch, links):
    through(switch, links, [udp(), tcp("S"), echo()])
    text = re.sub(r"thread \d+ vpp_\w+: 0 sessions", "", switch.ctl("show nat44 ei sessions detail"))
    lines = [line for line in text.splitlines() if line.strip("- ")]
    assert lines[0] == "NAT44 sessions:" and re.fullmatch(r"-------- thread \d+ \w+: 3 sessions --------", lines[1])
    assert lines[2:5] == [f"  {HOST}: 3 dynamic translations, 0 static translations",
                          f"    i2o {HOST} proto udp port 2000 fib 0", f"  o2i {POOL} proto udp port 2000 fib 0"]
    assert re.fullmatch(r"       index \d+", lines[5]) and lines[6].startswith("       last heard ")
    assert lines[7:9] == ["       total pkts 1, total bytes 33", "       dynamic translation"]
    assert "i2o" not in switch.ctl("show nat44 ei sessions")
    assert switch.ctl("show nat44 ei addresses").splitlines() == [
        "NAT44 pool addresses:", POOL, "  tenant VRF independent", "  0 busy other ports", "  1 busy udp ports",
        "  1 busy tcp ports", "  1 busy icmp ports"]
    assert switch.ctl("show nat44 ei interfaces") == f"NAT44 interfaces:\n {links[0]} in\n {links[1]} out\n"


def test_the_trace(switch, links):
    switch.ctl("trace add pg-input 2")
    through(switch, links, [udp()])
    through(switch, links, [udp()])
    trace = switch.ctl("show trace")
    switch.ctl("clear trace")
    assert re.search(r"nat44-ei-in2out-slowpath\n\s*NAT44_IN2OUT_SLOW_PATH: sw_if_index \d+, next index \d+, session \d+", trace)
    fast = trace[trace.index("Packet 2"):]
    assert "nat44-ei-in2out\n" in fast and "slowpath" not in fast


def test_the_plugin_itself(switch, links):
    assert nat_config(switch) == ["nat44 ei plugin enable sessions 1000 users 1024 user-sessions 1000",
                                  f"nat44 ei add interface address {links[1]}", f"set interface nat44 ei in {links[0]}",
                                  f"set interface nat44 ei out {links[1]}"]
    assert switch.fails("nat44 ei plugin enable") == "nat44 ei plugin: already enabled"
    for command in ("set nat44 ei timeout udp 60", "nat44 ei forwarding enable", "nat44 ei mss-clamping 1200",
                    f"{ALG} port-range 1024 - 65535", "nat44 ei add address 10.2.0.100 - 10.2.0.103 tenant-vrf 0",
                    "nat44 ei add address 255.255.255.255", "nat44 ei add address 0.0.0.0", "nat44 ei ipfix logging enable domain 3",
                    f"nat44 ei add static mapping tcp local {HOST} 80 external {links[1]} 8080 tag {{a server}}",
                    f"nat44 ei add static mapping local {OTHER} external 10.2.0.77",
                    f"nat44 ei add identity mapping {THIRD} udp 99"):
        switch.ctl(command)
    lines = nat_config(switch)
    assert len(lines) == 15
    through(switch, links, udp())
    switch.ctl("nat44 ei plugin disable")
    switch.ctl("nat44 ei ipfix logging disable")
    assert switch.fails("nat44 ei plugin disable") == "nat44 ei plugin: already disabled"
    assert switch.fails("nat44 ei add address 10.2.0.100") == "nat44 ei add address: Plugin disabled."
    assert nat_config(switch) == []
    assert through(switch, links, udp())[0].src == HOST
    for line in lines:
        switch.ctl(line)
    assert nat_config(switch) == lines
    switch.ctl("nat44 ei ipfix logging disable")


def only_mappings(switch, links, words=""):
    switch.ctl("nat44 ei plugin disable")
    switch.ctl(f"nat44 ei plugin enable static-mapping-only{words}")
    assert nat_config(switch)[0].endswith(f"static-mapping-only{words}")
    switch.ctl(f"nat44 ei add interface address {links[1]}")
    switch.ctl(f"set interface nat44 ei in {links[0]} out {links[1]}")
    switch.ctl(f"nat44 ei add static mapping tcp local {HOST} 80 external {POOL} 8080")
    switch.ctl(f"nat44 ei add static mapping local {OTHER} external 10.2.0.77")


def test_static_mappings_only(switch, links):
    """No session is kept: any packet of a mapping is translated, also in the middle of a connection."""
    only_mappings(switch, links)
    with errors(switch, "no translation", 2):
        through(switch, links, [udp(), tcp("S")], count=0)
    for flags in "A", "S", "R", "FA":
        (into,) = through(switch, links, tcp(flags, SERVER, POOL, 5, 8080), back=True)
        assert (into.src, into[TCP].sport, into.dst, into[TCP].dport) == (SERVER, 5, HOST, 80)
        (answer,) = through(switch, links, tcp(flags, HOST, SERVER, 80, 5))
        assert (answer.src, answer[TCP].sport, answer.dst, answer[TCP].dport) == (POOL, 8080, SERVER, 5)
    assert through(switch, links, udp(OTHER))[0].src == "10.2.0.77"
    assert through(switch, links, IP(src=OTHER, dst=SERVER) / GRE() / Raw(b"x" * 30))[0].src == "10.2.0.77"
    assert through(switch, links, echo(SERVER, "10.2.0.77", 7), back=True)[0].dst == OTHER
    # fragments, whose ports the first one says
    for packet, back in (tcp("A", HOST, SERVER, 80, 5), False), (tcp("A", SERVER, POOL, 5, 8080), True):
        source, sink = links[::-1] if back else links
        parts = [source.ether() / p for p in fragment(packet / Raw(bytes(2000)), 800)]
        parts = switch.exchange(source, parts, sink, count=len(parts))
        assert {(p[IP].src, p[IP].dst) for p in parts} == {(SERVER, HOST) if back else (POOL, SERVER)}
    # errors, both ways and this switch's
    quoted = IP(src=POOL, dst=SECOND) / TCP(sport=8080, dport=9)
    (error,) = through(switch, links, IP(src="192.0.2.1", dst=POOL) / ICMP(type=3) / quoted, back=True)
    assert (error.dst, error[IPerror].src, error[3].sport) == (HOST, HOST, 80)
    quoted = IP(src=SERVER, dst=HOST) / TCP(sport=9, dport=80)
    (error,) = through(switch, links, IP(src="10.1.0.77", dst=SERVER) / ICMP(type=3, code=3) / quoted)
    assert (error.src, error[IPerror].dst, error[3].dport) == (POOL, POOL, 8080)
    switch.ctl(f"set interface mtu packet 600 {links[1]}")
    large = IP(bytes(udp(OTHER, flags="DF") / Raw(bytes(1000))))
    (error,) = inside_exchange(switch, links, large)
    assert (error.src, error.dst, error[ICMP].code, error[IPerror].src) == ("10.1.0.1", OTHER, 4, OTHER)
    switch.ctl(f"set interface mtu packet 9000 {links[1]}")
    # a hairpin
    (into,) = inside_exchange(switch, links, tcp("A", OTHER, POOL, 5, 8080))
    assert (into.src, into[TCP].sport, into.dst, into[TCP].dport) == ("10.2.0.77", 5, HOST, 80)
    assert users(switch) == []
    with errors(switch, "ip4 ttl <= 1"):
        inside_exchange(switch, links, udp(OTHER, ttl=1))
    assert users(switch) == []


def test_static_mappings_only_with_sessions(switch, links):
    only_mappings(switch, links, " connection-tracking")
    with errors(switch, "no translation", 2):
        through(switch, links, [udp(), tcp("S")], count=0)
    with errors(switch, "non-SYN packet try to create session"):
        through(switch, links, tcp("A", SERVER, POOL, 5, 8080), back=True, count=0)
    assert through(switch, links, tcp("S", SERVER, POOL, 5, 8080), back=True)[0].dst == HOST
    assert through(switch, links, tcp("SA", HOST, SERVER, 80, 5))[0].src == POOL
    assert through(switch, links, udp(OTHER))[0].src == "10.2.0.77"
    assert ends(switch) == [(HOST, 80, POOL, 8080), (OTHER, 2000, "10.2.0.77", 2000)]


def test_one_NAT_at_a_time(switch, links):
    assert switch.fails("nat44 plugin enable") == "nat44 plugin: enable failed: `nat44 ei plugin' is enabled"
    switch.ctl("nat44 ei plugin disable")
    switch.ctl("nat44 plugin enable")
    assert switch.fails("nat44 ei plugin enable") == "nat44 ei plugin: enable failed: `nat44 plugin' is enabled"
    switch.ctl("nat44 plugin disable")


FAILING = [
    "nat44 ei plugin enable sessions 5",
    "nat44 ei add address 10.2.0.1",
    "nat44 ei add address 10.2.0.5 del",
    "nat44 ei add interface address {outside}",
    "set interface nat44 ei in {inside}",
    "set interface nat44 ei out {inside} del",
    "set interface nat44 ei out {outside} output-feature",
    "nat44 ei add static mapping tcp local 10.1.0.9 80 external 10.2.0.9",
    "nat44 ei add static mapping tcp local 10.1.0.9 80 external 10.2.0.9 80 del",
    "nat44 ei mss-clamping 0",
    "set nat44 ei timeout udp 0",
    "nat44 ei addr-port-assignment-alg port-range 2000 - 2000",
    "nat44 ei addr-port-assignment-alg port-range 0 - 2000",
    "nat44 ei addr-port-assignment-alg map-e psid 64 psid-offset 6 psid-len 6",
    "nat44 ei addr-port-assignment-alg map-e psid 1 psid-offset 9 psid-len 8",
]


@pytest.mark.parametrize("command", FAILING)
def test_what_fails_changes_nothing(switch, links, command):
    through(switch, links, udp())
    before = nat_config(switch), ends(switch)
    assert switch.fails(command.format(inside=links[0], outside=links[1]))
    assert (nat_config(switch), ends(switch)) == before


def test_hash_tables(switch, links):
    through(switch, links, [udp(), udp(OTHER)])
    tables = [(t["name"], t["entries"]) for t in switch.json("show nat44 ei hash tables")["tables"]]
    assert ("nat44-ei static mappings by local", 0) in tables
    assert sum(n for name, n in tables if "thread" in name) == 6  # a session by both ends, and its host


ALG = "nat44 ei addr-port-assignment-alg"


def outer_ports(switch, links, packets):
    outs = through(switch, links, packets)
    return [out[ICMP].id if ICMP in out else out[1].sport for out in outs]


def test_ports_of_a_range(switch, links):
    switch.ctl(f"{ALG} port-range 30000 - 30009")
    assert f"{ALG} port-range 30000 - 30009" in nat_config(switch)
    assert switch.ctl(f"show {ALG}") == "NAT address and port assignment: port-range\n  start-port 30000 end-port 30009\n"
    # one that is in it is kept, as long as nobody else has it
    assert outer_ports(switch, links, udp(OTHER, sport=30003)) == [30003]
    ports = outer_ports(switch, links, [udp(sport=5000 + n) for n in range(9)])
    assert sorted(ports + [30003]) == list(range(30000, 30010))
    for n, port in enumerate(ports):
        (back,) = through(switch, links, udp(SECOND, POOL, 1, port), back=True)
        assert (back.dst, back[UDP].dport) == (HOST, 5000 + n)
    with errors(switch, "out of ports"):
        through(switch, links, udp(sport=6000), count=0)
    # other protocols have as many, and identifiers are ports, too
    assert sorted(outer_ports(switch, links, [tcp("S", sport=80 + n) for n in range(10)])) == list(range(30000, 30010))
    assert sorted(outer_ports(switch, links, [echo(number=n) for n in range(10)])) == list(range(30000, 30010))
    # sessions keep theirs when that changes
    switch.ctl(f"{ALG} default")
    assert switch.ctl(f"show {ALG}") == "NAT address and port assignment: default\n"
    assert not [line for line in nat_config(switch) if ALG in line]
    assert outer_ports(switch, links, [udp(sport=5000), udp(sport=6000)]) == [ports[0], 6000]


@pytest.mark.parametrize("psid,offset,length", [(0x34, 6, 8), (0, 4, 9), (5, 0, 10), (3, 14, 2), (0, 0, 16)])
def test_ports_of_map_e(switch, links, psid, offset, length):
    """RFC 7597 5.1: a number that is not 0, the PSID, the rest."""
    rest = 16 - offset - length
    allowed = {a << (16 - offset) | psid << rest | j for a in range(1 if offset else 0, 1 << offset) for j in range(1 << rest)} - {0}
    command = f"{ALG} map-e psid {psid} psid-offset {offset} psid-len {length}"
    switch.ctl(command)
    assert command in nat_config(switch)
    assert switch.ctl(f"show {ALG}") == f"NAT address and port assignment: map-e\n  psid {psid} psid-offset {offset} psid-len {length}\n"
    n = min(len(allowed), 200)
    ports = outer_ports(switch, links, [udp(sport=1024 + i) for i in range(n)]) if n else []
    assert set(ports) <= allowed and len(set(ports)) == n
    for port in {min(allowed), max(allowed)} if allowed else ():
        switch.ctl(f"nat44 ei del user {HOST}")
        assert outer_ports(switch, links, udp(sport=port)) == [port]
    if len(allowed) < 200:
        if allowed:
            switch.ctl(f"nat44 ei del user {HOST}")
        through(switch, links, [udp(sport=1024 + i) for i in range(len(allowed))])
        with errors(switch, "out of ports"):
            through(switch, links, udp(sport=20000), count=0)


def test_an_output_interface(switch, links):
    switch.ctl(f"set interface nat44 ei in {links[0]} out {links[1]} del")
    switch.ctl(f"set interface nat44 ei out {links[1]} output-feature")
    assert switch.ctl("show nat44 ei interfaces") == f"NAT44 interfaces:\n {links[1]} output-feature in out\n"
    for dst in (SERVER, SECOND):
        (out,) = through(switch, links, udp(dst=dst))
        assert (out.src, out[UDP].sport) == (POOL, 2000)
        (back,) = through(switch, links, udp(dst, POOL, 53, 2000), back=True)
        assert (back.dst, back[UDP].dport) == (HOST, 2000)
    # what is forwarded as it is, and what answers it
    switch.ctl("nat44 ei forwarding enable")
    (into,) = through(switch, links, udp(SERVER, OTHER, 53, 4000), back=True)
    assert into.dst == OTHER
    (answer,) = through(switch, links, udp(OTHER, SERVER, 4000, 53))
    assert (answer.src, answer[UDP].sport) == (OTHER, 4000)


def test_tables(switch, links):
    """Inside is a table of its own, which has no way out but NAT; others inside call its hosts by hairpins."""
    inside = switch.pg(3)
    switch.ctl("ip table add 7")
    switch.ctl(f"set interface ip table {inside} 7")
    switch.ctl(f"set interface ip address {inside} 10.1.0.1/24")
    switch.ctl(f"set ip neighbor {inside} {HOST} {inside.host_mac}")
    switch.ctl(f"set interface nat44 ei in {inside}")
    ports = []
    for source in links[0], inside:  # the same addresses and ports in both
        (out,) = [right(p) for p in switch.exchange(source, source.ether() / udp(), links[1], count=1)]
        (back,) = [right(p) for p in switch.exchange(
            links[1], links[1].ether() / udp(SECOND, POOL, 53, out[UDP].sport), source, count=1)]
        assert (back.dst, back[UDP].dport) == (HOST, 2000)
        ports.append(out[UDP].sport)
    (got,) = [right(p) for p in switch.exchange(links[0], links[0].ether() / udp(dst=POOL, dport=ports[1]), inside, count=1)]
    assert (got.src, got[UDP].sport, got.dst, got[UDP].dport) == (POOL, ports[0], HOST, 2000)
    (got,) = [right(p) for p in switch.exchange(inside, inside.ether() / udp(dst=POOL, dport=ports[0]), links[0], count=1)]
    assert (got.src, got[UDP].sport, got.dst, got[UDP].dport) == (POOL, ports[1], HOST, 2000)
    switch.ctl(f"set interface nat44 ei in {inside} del")
    switch.ctl(f"set interface ip address del {inside} 10.1.0.1/24")
    switch.ctl(f"set interface ip table {inside} 0")
    switch.ctl("ip table del 7")


def test_an_interface_that_is_both(switch, links):
    one = links[1]
    switch.ctl(f"set interface nat44 ei in {links[0]} del")
    switch.ctl(f"set interface nat44 ei in {one}")
    switch.ctl(f"set interface ip address {one} 10.1.8.1/24")
    switch.ctl(f"set ip neighbor {one} 10.1.8.2 {one.host_mac}")
    out = answered(switch, one, udp("10.1.8.2", sport=4321))
    assert (out.dst, out[UDP].sport) == (SERVER, 4321) and out.src in (POOL, "10.1.8.1")
    back = answered(switch, one, udp(SERVER, out.src, 53, 4321))
    assert (back.src, back.dst) == (SERVER, "10.1.8.2")
    switch.ctl(f"set interface ip address del {one} 10.1.8.1/24")


def test_mss(switch, links):
    switch.ctl("nat44 ei mss-clamping 1200")
    assert switch.ctl("show nat44 ei mss-clamping") == "mss-clamping 1200\n"
    syn = tcp("S")
    syn[TCP].options = [("MSS", 1460)]
    assert dict(through(switch, links, syn)[0][TCP].options)["MSS"] == 1200


def test_collectors_are_told(switch, links):
    """Of the mapping, which has no host outside."""
    third = switch.pg(2, "10.3.0.1/24")
    switch.ctl(f"set syslog sender collector {third.host} src 10.3.0.1")
    capture = switch.capture(third)
    through(switch, links, udp())
    switch.ctl(f"nat44 ei del user {HOST}")
    wait_for(lambda: capture.count() >= 2, "two messages", 30)
    told = [bytes(p[UDP].payload).decode() for p in capture.records().packets()]
    capture.stop()
    switch.ctl("set syslog sender disable")
    for message, what in zip(told, ("APMADD", "APMDEL")):
        assert f" {what} [napmap " in message
        assert f'ISADDR="{HOST}" ISPORT="2000" XATYP="IPv4" XSADDR="{POOL}" XSPORT="2000" PROTO="17"]' in message

"""NAT66: hosts behind pg0 have other addresses towards those behind pg1, one to one.

Every packet that comes out is checked: its checksums, and those of what errors quote, are right.
"""
import pytest
from nat_lib import answered, check, quoted, right, through
from packet_lib import nat_config
from piste import Stats
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6NDOptSrcLLAddr, ICMPv6ND_NA,
                                ICMPv6ND_NS, ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrHopByHop, IPv6ExtHdrRouting)
from scapy.packet import Raw

HOST, OTHER, ROUTER = "2001:db8:1::2", "2001:db8:1::3", "2001:db8:1::4"  # inside; the last one has no mapping
SERVER, FAR = "2001:db8:2::2", "2001:db8:f::7"                          # outside
OUTSIDE, OTHERS = "2001:db8:e::2", "2001:db8:e::3"                      # what the hosts are there


@pytest.fixture(scope="module")
def links(switch):
    inside, outside = switch.pg(0, "2001:db8:1::1/64"), switch.pg(1, "2001:db8:2::1/64")
    for host in (OTHER, ROUTER):
        switch.ctl(f"set ip neighbor {inside} {host} {inside.host_mac}")
    switch.ctl(f"ip route add 2001:db8:f::/64 via {SERVER} {outside}")
    switch.ctl(f"ip route add 2001:db8:e::/64 via {SERVER} {outside}")  # nobody else has these
    return inside, outside


@pytest.fixture(autouse=True)
def nat(switch, links):
    switch.ctl("nat66 plugin enable")
    switch.ctl(f"set interface nat66 in {links[0]}")
    switch.ctl(f"set interface nat66 out {links[1]}")
    switch.ctl(f"nat66 add static mapping local {HOST} external {OUTSIDE}")
    switch.ctl(f"nat66 add static mapping local {OTHER} external {OTHERS}")
    yield
    if nat_config(switch):
        switch.ctl("nat66 plugin disable")
    assert not nat_config(switch)


def udp(src=HOST, dst=SERVER, size=5, **kwargs):
    return IPv6(src=src, dst=dst, **kwargs) / UDP(sport=2000, dport=53) / Raw(bytes(size))


UPPER = {
    "udp": lambda: UDP(sport=2000, dport=53) / Raw(b"hallo"),
    "tcp": lambda: TCP(sport=2000, dport=80, flags="S", options=[("MSS", 1440)]),
    "echo": lambda: ICMPv6EchoRequest(id=7, seq=1, data=b"hallo"),
}
BETWEEN = {
    "plain": lambda: None,
    "options": lambda: IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(),
    "atomic fragment": lambda: IPv6ExtHdrFragment(id=7),
    "routing": lambda: IPv6ExtHdrRouting(addresses=["2001:db8:9::9"], segleft=1),
}


@pytest.mark.parametrize("upper", UPPER)
@pytest.mark.parametrize("between", BETWEEN)
def test_there_and_back(switch, links, upper, between):
    def packet(src, dst):
        ip = IPv6(src=src, dst=dst, hlim=64)
        return (ip / BETWEEN[between]() if BETWEEN[between]() is not None else ip) / UPPER[upper]()
    sent = IPv6(bytes(packet(HOST, SERVER)))
    (out,) = through(switch, links, sent)
    assert (out.src, out.dst, out.hlim) == (OUTSIDE, SERVER, 63)
    (back,) = through(switch, links, packet(SERVER, OUTSIDE), back=True)
    assert (back.src, back.dst, back.hlim) == (SERVER, HOST, 63)
    # nothing else changes but the sum
    assert bytes(back)[40:-20] == bytes(IPv6(bytes(packet(SERVER, HOST))))[40:-20] or between == "routing"
    first, second = switch.json("show nat66 static mappings")["static_mappings"]
    assert (first["packets"], first["bytes"]) == (2, len(sent) * 2) and second["packets"] == 0


def test_a_sum_that_is_not_used(switch, links):
    packet = udp()
    packet[UDP].chksum = 0
    (out,) = switch.exchange(links[0], links[0].ether() / packet, links[1], count=1)
    assert (out[IPv6].src, out[UDP].chksum) == (OUTSIDE, 0)


def test_who_is_left_alone(switch, links):
    third = switch.pg(2, "2001:db8:3::1/64")
    try:
        (out,) = through(switch, links, udp(ROUTER))  # no mapping
        assert out.src == ROUTER
        (out,) = [right(p) for p in switch.exchange(links[0], links[0].ether() / udp(dst=third.host), third, count=1)]
        assert out.src == HOST  # not to outside
        reply = answered(switch, links[0], IPv6(src=HOST, dst="2001:db8:1::1") / ICMPv6EchoRequest())
        assert (reply.src, reply.dst) == ("2001:db8:1::1", HOST)
        (out,) = through(switch, links, udp(SERVER, HOST), back=True)  # who knows the address inside
        assert out.dst == HOST
        (out,) = [right(p) for p in switch.exchange(third, third.ether() / udp(third.host, OUTSIDE), links[1], count=1)]
        assert out.dst == OUTSIDE  # did not come from outside
    finally:
        switch.ctl("delete packet-generator interface pg2")


def test_hairpin(switch, links):
    """One host inside calls another by its address outside: both see each other's."""
    there = answered(switch, links[0], udp(HOST, OTHERS))
    assert (there.src, there.dst) == (OUTSIDE, OTHER)
    back = answered(switch, links[0], udp(OTHER, OUTSIDE))
    assert (back.src, back.dst) == (OTHERS, HOST)
    error = answered(switch, links[0], IPv6(src=OTHER, dst=OUTSIDE) / ICMPv6DestUnreach(code=4) / there)
    assert (error.src, error.dst) == (OTHERS, HOST)
    assert (quoted(error).src, quoted(error).dst) == (HOST, OTHERS)
    check(bytes(quoted(error)))


ERRORS = {"unreachable": lambda: ICMPv6DestUnreach(code=4), "too big": lambda: ICMPv6PacketTooBig(mtu=1400),
          "time exceeded": ICMPv6TimeExceeded}


@pytest.mark.parametrize("upper", UPPER)
@pytest.mark.parametrize("kind", ERRORS)
def test_errors_from_outside(switch, links, kind, upper):
    """Who sent the packet knows it again."""
    (out,) = through(switch, links, IPv6(src=HOST, dst=FAR) / UPPER[upper]())
    (error,) = through(switch, links, IPv6(src=SERVER, dst=OUTSIDE) / ERRORS[kind]() / out, back=True)
    assert (error.src, error.dst) == (SERVER, HOST)
    assert (quoted(error).src, quoted(error).dst) == (HOST, FAR)
    check(bytes(quoted(error)))


@pytest.mark.parametrize("teller,shown", [(HOST, OUTSIDE), (ROUTER, OUTSIDE), (OTHER, OTHERS)])
@pytest.mark.parametrize("upper", UPPER)
def test_errors_from_inside(switch, links, upper, teller, shown):
    """A router without a mapping speaks for the host."""
    (came,) = through(switch, links, IPv6(src=SERVER, dst=OUTSIDE) / UPPER[upper](), back=True)
    (error,) = through(switch, links, IPv6(src=teller, dst=SERVER) / ICMPv6DestUnreach(code=1) / came)
    assert (error.src, error.dst) == (shown, SERVER)
    assert quoted(error).src == SERVER
    if teller != OTHER:
        assert quoted(error).dst == OUTSIDE
        check(bytes(quoted(error)))


TOLD = ("ip6-icmp-error", "hop limit exceeded response sent")


def test_end_of_life(switch, links):
    """The switch tells who sent it, and quotes what was sent."""
    with switch.counts({("nat66-in2out", "ip6 hop limit <= 1"): 1, TOLD: 1}):
        error = answered(switch, links[0], udp(hlim=1))
    assert (error.dst, quoted(error).src, quoted(error).dst) == (HOST, HOST, SERVER)
    with switch.counts({("nat66-out2in", "ip6 hop limit <= 1"): 1, TOLD: 1}):
        error = answered(switch, links[1], udp(SERVER, OUTSIDE, hlim=1))
    assert (error.dst, quoted(error).src, quoted(error).dst) == (SERVER, SERVER, OUTSIDE)


def test_errors_of_this_switch(switch, links):
    """A packet is too large behind the translation: who sent it is told, about what he sent."""
    for small, source, packet in ((links[1], links[0], udp(size=1300)), (links[0], links[1], udp(SERVER, OUTSIDE, size=1300)),
                                  (links[0], links[0], udp(HOST, OTHERS, size=1300))):
        switch.ctl(f"set interface mtu packet 1280 {small}")
        try:
            error = answered(switch, source, packet)
        finally:
            switch.ctl(f"set interface mtu packet 9000 {small}")
        assert (error.dst, error[ICMPv6PacketTooBig].mtu) == (packet.src, 1280)
        assert (quoted(error).src, quoted(error).dst) == (packet.src, packet.dst)
        sent = bytes(IPv6(bytes(packet)))
        assert bytes(quoted(error))[8:] == sent[8:8 + len(bytes(quoted(error))) - 8]  # sums, too


def test_fragments(switch, links):
    """Each for itself, in any order."""
    for src, dst, back, seen in ((HOST, SERVER, False, (OUTSIDE, SERVER)), (SERVER, OUTSIDE, True, (SERVER, HOST))):
        whole = bytes(IPv6(bytes(udp(src, dst, size=2000)))[UDP])
        pieces = [IPv6(src=src, dst=dst) / IPv6ExtHdrFragment(nh=17, offset=at // 8, m=at + 800 < len(whole), id=9) /
                  Raw(whole[at:at + 800]) for at in (1600, 0, 800)]
        out = through(switch, links, pieces, back=back)
        assert {(p.src, p.dst) for p in out} == {seen}
        parts = sorted((p[IPv6ExtHdrFragment].offset, bytes(p[IPv6ExtHdrFragment].payload)) for p in out)
        check(bytes(IPv6(src=seen[0], dst=seen[1], nh=17) / Raw(b"".join(data for _, data in parts))))


def test_an_external_address_that_is_the_interfaces_own(switch, links):
    """What is for it goes inside, but not what the link says to itself."""
    switch.ctl(f"nat66 add static mapping local {ROUTER} external 2001:db8:2::1")
    (back,) = through(switch, links, IPv6(src=SERVER, dst="2001:db8:2::1") / ICMPv6EchoRequest(), back=True)
    assert back.dst == ROUTER
    asks = IPv6(src=SERVER, dst="2001:db8:2::1", hlim=255) / ICMPv6ND_NS(tgt="2001:db8:2::1") / \
        ICMPv6NDOptSrcLLAddr(lladdr=links[1].host_mac)
    reply = answered(switch, links[1], asks)
    assert ICMPv6ND_NA in reply and reply[ICMPv6ND_NA].tgt == "2001:db8:2::1"


def test_cut_packets(switch, links):
    """A header whose sum cannot be repaired is not sent on."""
    short = [IPv6(src=HOST, dst=SERVER, nh=nh) / Raw(bytes(n)) for nh, n in ((6, 17), (17, 7), (58, 3), (6, 0))]
    chain = IPv6(src=HOST, dst=SERVER, nh=60) / Raw(bytes([6, 9, 0, 0, 0, 0, 0, 0]))
    with switch.counts({("nat66-in2out", "malformed packet"): 5}):
        through(switch, links, short + [chain], count=0)
    (out,) = [p[IPv6] for p in switch.exchange(links[0], links[0].ether() / (IPv6(src=HOST, dst=SERVER, nh=99) / Raw(b"x")),
                                               links[1], count=1)]
    assert out.src == OUTSIDE


def test_trace(switch, links):
    (hops,) = switch.trace(links[0], links[0].ether() / udp())
    (text,) = [text for node, text in hops if node == "nat66-in2out"]
    assert text.startswith("NAT66-in2out: sw_if_index ") and text.endswith(", mapping 0")
    (hops,) = switch.trace(links[1], links[1].ether() / udp(SERVER, OTHERS))
    (text,) = [text for node, text in hops if node == "nat66-out2in"]
    assert text.startswith("NAT66-out2in: sw_if_index ") and text.endswith(", mapping 1")
    for packet in (udp(ROUTER), udp(dst="2001:db8:1::1")):
        (hops,) = switch.trace(links[0], links[0].ether() / packet)
        (text,) = [text for node, text in hops if node == "nat66-in2out"]
        assert text.startswith("NAT66-in2out: sw_if_index ") and "mapping" not in text


def test_both_sides_of_one_interface(switch, links):
    """Hosts inside and outside are on the same link."""
    switch.ctl(f"set interface nat66 out {links[0]}")
    switch.ctl(f"ip route add 2001:db8:a::/64 via {ROUTER} {links[0]}")
    try:
        out = answered(switch, links[0], udp(dst="2001:db8:a::1"))
        assert (out.src, out.dst) == (OUTSIDE, "2001:db8:a::1")
        out = answered(switch, links[0], udp("2001:db8:a::1", OUTSIDE))
        assert (out.src, out.dst) == ("2001:db8:a::1", HOST)
    finally:
        switch.ctl(f"ip route del 2001:db8:a::/64 via {ROUTER} {links[0]}")


def test_tables(fresh):
    """Hosts with the same address in two tables, neither of them that of the outside."""
    fresh.ctl("ip6 table add 7")
    fresh.ctl("ip6 table add 8")
    inside = [fresh.pg(n) for n in (0, 1)]
    outside = fresh.pg(2, "2001:db8:2::1/64")
    fresh.ctl("nat66 enable outside-vrf 0")
    for pg, table in zip(inside, (7, 8)):
        fresh.ctl(f"set interface ip6 table {pg} {table}")
        fresh.ctl(f"set interface ip address {pg} 2001:db8:1::1/64")
        fresh.ctl(f"set ip neighbor {pg} {HOST} {pg.host_mac}")
        fresh.ctl(f"set interface nat66 in {pg}")
        fresh.ctl(f"nat66 add static mapping local {HOST} external 2001:db8:e::{table} vrf {table}")
    fresh.ctl(f"set interface nat66 out {outside}")
    for pg, table in zip(inside, (7, 8)):
        (out,) = through(fresh, (pg, outside), udp())
        assert (out.src, out.dst) == (f"2001:db8:e::{table}", SERVER)
        (back,) = through(fresh, (pg, outside), udp(SERVER, f"2001:db8:e::{table}"), back=True)
        assert back.dst == HOST
    # one that is too large: the table inside has no way to its address outside
    fresh.ctl(f"set interface mtu packet 1280 {outside}")
    error = answered(fresh, inside[1], udp(size=1300))
    assert (error.dst, quoted(error).src) == (HOST, HOST)
    fresh.ctl(f"set interface mtu packet 9000 {outside}")
    # a table inside knows another way: that stays inside
    fresh.ctl(f"ip route add 2001:db8:f::/64 via {SERVER} {outside}")
    (out,) = through(fresh, (inside[0], outside), udp(dst=FAR))
    assert out.src == "2001:db8:e::7"
    fresh.ctl(f"ip route add 2001:db8:f::/64 table 7 via {HOST} {inside[0]}")
    out = answered(fresh, inside[0], udp(dst=FAR))
    assert (out.src, out.dst) == (HOST, FAR)
    # from one to the other
    there = switch_between(fresh, inside[0], udp(HOST, "2001:db8:e::8"), inside[1])
    assert (there.src, there.dst) == ("2001:db8:e::7", HOST)
    lines = nat_config(fresh)
    assert lines == ["nat66 plugin enable", "set interface nat66 in pg0", "set interface nat66 in pg1", "set interface nat66 out pg2",
                     f"nat66 add static mapping local {HOST} external 2001:db8:e::7 vrf 7",
                     f"nat66 add static mapping local {HOST} external 2001:db8:e::8 vrf 8"]
    fresh.restart(fresh.running_config())
    assert nat_config(fresh) == lines
    fresh.ctl("delete packet-generator interface pg2")
    assert fresh.ctl("show nat66 interfaces") == "NAT66 interfaces:\n pg0 in\n pg1 in\n"


def switch_between(switch, source, packet, sink):
    (out,) = switch.exchange(source, source.ether() / packet, sink, count=1)
    return right(out)


def test_commands(switch, links):
    assert switch.ctl("show nat66 interfaces") == "NAT66 interfaces:\n pg0 in\n pg1 out\n"
    assert switch.ctl("show nat66 static mappings").splitlines()[:3] == [
        "NAT66 static mappings:", f" local {HOST} external {OUTSIDE} vrf 0", "  total pkts 0, total bytes 0"]
    for command, error in (
            ("nat66 plugin enable", "already enabled"),
            ("set interface nat66 in pg0", "NAT66 interface exist."),
            ("set interface nat66 in pg1 del", "NAT66 interface not exist."),
            (f"nat66 add static mapping local {HOST} external 2001:db8:e::9", "NAT66 static mapping entry exist."),
            (f"nat66 add static mapping local {ROUTER} external {OUTSIDE}", "NAT66 static mapping entry exist."),
            (f"nat66 add static mapping local {HOST} external {OTHERS} del", "NAT66 static mapping entry not exist."),
            (f"nat66 add static mapping local {HOST} external {OUTSIDE} vrf 9 del", "NAT66 static mapping entry not exist."),
            ("nat66 add static mapping local ff02::1 external 2001:db8::9", "the local address is not that of a host"),
            ("nat66 add static mapping local 2001:db8::9 external fe80::1", "the external address is not that of a host")):
        before = switch.running_config()
        assert error in switch.fails(command)
        assert switch.running_config() == before
    # a mapping that is gone translates nothing, and its addresses may have others
    switch.ctl(f"nat66 add static mapping local {HOST} external {OUTSIDE} del")
    (out,) = through(switch, links, udp())
    assert out.src == HOST
    switch.ctl(f"nat66 add static mapping local {ROUTER} external {OUTSIDE}")
    (out,) = through(switch, links, udp(SERVER, OUTSIDE), back=True)
    assert out.dst == ROUTER
    switch.ctl(f"set interface nat66 out {links[1]} del")
    (out,) = through(switch, links, udp(ROUTER))
    assert out.src == ROUTER
    switch.ctl("nat66 disable")
    for command in (f"set interface nat66 in {links[0]}", f"nat66 add static mapping local {HOST} external {OUTSIDE}"):
        assert "Plugin disabled." in switch.fails(command)
    assert "already disabled" in switch.fails("nat66 plugin disable")
    assert switch.ctl("show nat66 static mappings") == "NAT66 static mappings:\n"


def test_counters(switch, links):
    """By interface, and by mapping."""
    with Stats(switch.folder + "/stats.sock") as stats:
        def read():
            number = [int(switch.json(f"show interface {link}")["interfaces"][0]["sw_if_index"]) for link in links]
            by_mapping = [row[1] for row in stats["/nat66/static-mappings"]]
            return ([sum(row[i] for row in stats[f"/nat66/{way}"]) for way, i in zip(("in2out", "out2in"), number)],
                    tuple(sum(x) for x in zip(*by_mapping)))
        (there, back), (packets, octets) = read()
        through(switch, links, [udp(OTHER)] * 3)
        through(switch, links, [udp(SERVER, OTHERS)] * 2, back=True)
        assert read() == ([there + 3, back + 2], (packets + 5, octets + 5 * 53))

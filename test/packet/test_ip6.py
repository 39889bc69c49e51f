"""IPv6 between packet-generator interfaces: what leaves, what is answered, and each reason to drop, by name.

Numbers in the names of tests are of the RFC that says so."""
import pytest
from packet_lib import wait_for
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6ND_RA, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, ICMPv6PacketTooBig,
                                ICMPv6ParamProblem, ICMPv6TimeExceeded, ICMPv6Unknown, HBHOptUnknown, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                                IPv6ExtHdrRouting, PadN, RouterAlert)
from scapy.layers.l2 import Ether

ALL_NODES = "33:33:00:00:00:01"


@pytest.fixture(scope="module")
def net(switch):
    """pg0 2001:db8:a0::1/64, pg1 2001:db8:a1::1/64; routes behind the host on pg1."""
    pgs = [switch.pg(i, f"2001:db8:a{i}::1/64") for i in range(2)]
    switch.configure(f"""
        ip route add 2001:db8:20::/48 via {pgs[1].host} pg1
        ip route add 2001:db8:21::/48 via drop
        ip route add 2001:db8:22::/48 via prohibit
        ip route add 2001:db8:23::/48 via unreachable
        set interface mtu packet 1400 pg1
    """)
    for pg in pgs:
        pg.link_local = switch.json(f"show ip6 interface {pg}")["interfaces"][0]["link_local"]
    return pgs


def udp(pg, dst="2001:db8:20::9", size=20, ext=None, **fields):
    ip = IPv6(**{"src": pg.host, "dst": dst, **fields})
    return pg.ether() / (ip / ext if ext is not None else ip) / UDP(sport=1000, dport=2000) / (b"u" * size)


def echo(pg, dst=None, ext=None, ether=None, **fields):
    ip = IPv6(**{"src": pg.host, "dst": dst or pg.address, **fields})
    return pg.ether(**(ether or {})) / (ip / ext if ext is not None else ip) / \
        ICMPv6EchoRequest(id=7, seq=3, data=b"abcdefgh")


def has_right_sums(packet):
    """The checksums of a packet are what scapy would make them."""
    again = packet.copy()
    for layer in (UDP, TCP, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6ND_NA, ICMPv6DestUnreach,
                  ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded):
        if layer in again:
            delattr(again[layer], "chksum" if layer in (UDP, TCP) else "cksum")
            break
    return bytes(Ether(bytes(again))) == bytes(packet)


def patched(frame, at, value):
    """bytes of frame with value at offset `at` of the IP header."""
    data = bytearray(bytes(frame))
    data[14 + at:14 + at + len(value)] = value
    return bytes(data)


# --- forwarding


def test_a_hop(switch, net):
    frame = udp(net[0], hlim=17, tc=0xb8, fl=0x12345)
    with switch.counts({}):
        out, none = switch.exchange(net[0], frame, net[1], net[0])
    assert none == [] and len(out) == 1
    want = frame.copy()
    want.src, want.dst = net[1].mac, net[1].host_mac
    want[IPv6].hlim = 16
    assert bytes(out[0]) == bytes(want)


def test_longest_prefix(switch, net):
    switch.configure(f"""
        ip route add 2001:db8:20:7::/64 via {net[0].host} pg0
        ip route add 2001:db8:20:7::7/128 via {net[1].host} pg1
    """)
    frames = [udp(net[0], f"2001:db8:20:{i}::{i}") for i in (6, 7, 8)] + [udp(net[0], "2001:db8:20:7::8")]
    out1, out0 = switch.exchange(net[0], frames, net[1], net[0])
    assert [p[IPv6].dst for p in out1] == ["2001:db8:20:6::6", "2001:db8:20:7::7", "2001:db8:20:8::8"]
    assert [p[IPv6].dst for p in out0] == ["2001:db8:20:7::8"]
    switch.configure("""
        ip route del 2001:db8:20:7::/64
        ip route del 2001:db8:20:7::7/128
    """)

def test_source_lookup(fresh):
    """A route to the source's route in another table; a way that leads back to itself ends, and what goes another
    way after it sets out anew."""
    pgs = [fresh.pg(i, f"2001:db8:a{i}::1/64") for i in range(2)]
    fresh.configure(f"""
        ip6 table add 7
        ip6 table add 8
        ip route add 2001:db8:30::/48 via ip6-source-lookup-in-table 7
        ip route add 2001:db8:31::/48 via ip6-source-lookup-in-table 8
        ip route add 2001:db8:a0::/64 table 7 via {pgs[1].host} pg1
        ip route add 2001:db8:a0::/64 table 8 via ip6-source-lookup-in-table 8
    """)
    for _ in range(3):
        with fresh.counts({("lookup-ip6-src", "looked up in too many tables"): 20}):
            assert fresh.exchange(pgs[0], [udp(pgs[0], "2001:db8:31::9")] * 20, pgs[1]) == []
        assert len(fresh.exchange(pgs[0], [udp(pgs[0], "2001:db8:30::9")] * 20, pgs[1])) == 20


def test_padding_of_a_short_frame_goes(switch, net):
    frame = bytes(udp(net[0], size=0)) + b"\xee" * 6
    out = switch.exchange(net[0], frame, net[1], count=1)
    assert len(out[0]) == 14 + 40 + 8


@pytest.mark.parametrize("ext", [
    IPv6ExtHdrHopByHop(options=[RouterAlert()]),
    IPv6ExtHdrHopByHop(options=[HBHOptUnknown(otype=0xc3, optlen=2, optdata=b"xx")]),
    IPv6ExtHdrRouting(type=0, addresses=["2001:db8:20::5"], segleft=1),
    IPv6ExtHdrFragment(offset=100, m=1, id=5),
])
def test_8200_4_extension_headers_pass_in_transit(switch, net, ext):
    frame = udp(net[0], ext=ext)
    out = switch.exchange(net[0], frame, net[1], count=1)
    assert bytes(out[0])[54:] == bytes(frame)[54:]


# --- what is refused


@pytest.mark.parametrize("make, node, reason", [
    (lambda f: patched(f, 0, b"\x40"), "ip6-input", "ip6 version != 6"),
    (lambda f: bytes(f)[:50], "ip6-input", "ip6 length < 40 bytes"),
    (lambda f: bytes(f)[:-1], "ip6-input", "ip6 length > l2 length"),
    (lambda f: patched(f, 8, b"\xff\x02"), "ip6-input", "ip6 source address not allowed"),  # 4291 2.7
    (lambda f: patched(f, 8, bytes(15) + b"\x01"), "ip6-input", "ip6 source address not allowed"),  # 4291 2.5.3
    (lambda f: patched(f, 8, bytes(16)), "ip6-input", "ip6 source address not allowed"),  # 4291 2.5.2
    (lambda f: patched(f, 24, bytes(16)), "ip6-input", "ip6 destination address not allowed"),
    (lambda f: patched(f, 24, bytes(15) + b"\x01"), "ip6-input", "ip6 destination address not allowed"),
    (lambda f: patched(f, 24, b"\xff\x01" + bytes(13) + b"\x01"), "ip6-input",
     "ip6 destination address not allowed"),
    (lambda f: patched(f, 24, b"\xff\x0e" + bytes(13) + b"\x09"), "ip6-mfib-forward-lookup",
     "ip6 multicast group not joined"),
    (lambda f: patched(f, 24, b"\xfe\x80" + bytes(13) + b"\x99"), "ip6-link-local",
     "link-local address of another host"),  # 4291 2.5.6
])
def test_dropped(switch, net, make, node, reason):
    with switch.counts({(node, reason): 1}):
        outs = switch.exchange(net[0], make(udp(net[0])), net[0], net[1])
    assert outs == [[], []]


def test_route_that_drops(switch, net):
    outs = switch.exchange(net[0], udp(net[0], "2001:db8:21::1"), net[0], net[1])
    assert outs == [[], []]


def test_unicast_in_a_multicast_frame_is_not_forwarded(switch, net):
    frame = udp(net[0])
    frame.dst = ALL_NODES
    with switch.counts({("ip6-input", "ip6 unicast in a link-layer multicast"): 1}):
        assert switch.exchange(net[0], frame, net[0], net[1]) == [[], []]


def test_an_interface_that_takes_none(switch, net):
    pg = switch.pg(5)
    with switch.counts({("ip6-not-enabled", "ip6 not enabled on interface"): 1}):
        switch.send(pg, pg.ether() / IPv6(src="2001:db8:5::2", dst="2001:db8:20::1") / UDP())


# --- errors to the sender


def error_about(switch, net, frame, layer, frames_out=1):
    out = switch.exchange(net[0], frame, net[0], count=frames_out)
    error = out[0]
    assert layer in error, error.summary()
    assert error[IPv6].dst == Ether(bytes(frame))[IPv6].src
    assert has_right_sums(error)
    quoted = bytes(error)[14 + 40 + 8:]
    assert quoted == bytes(frame)[14:14 + len(quoted)]
    assert len(bytes(error)) - 14 == min(1280, len(bytes(frame)) - 14 + 48)  # 4443 2.4 (c)
    return error


def test_4443_33_hop_limit(switch, net):
    for hlim in (0, 1):
        error = error_about(switch, net, udp(net[0], hlim=hlim), ICMPv6TimeExceeded)
        assert error[ICMPv6TimeExceeded].code == 0 and error[IPv6].src == net[0].address


def test_4443_32_too_big(switch, net):
    frame = udp(net[0], size=1400)
    error = error_about(switch, net, frame, ICMPv6PacketTooBig)
    assert error[ICMPv6PacketTooBig].mtu == 1400 and error[IPv6].src == net[0].address


@pytest.mark.parametrize("dst, code", [("3fff::1", 0), ("2001:db8:22::1", 1), ("2001:db8:23::1", 3)])
def test_4443_31_unreachable(switch, net, dst, code):
    assert error_about(switch, net, udp(net[0], dst), ICMPv6DestUnreach)[ICMPv6DestUnreach].code == code


def test_4443_31_beyond_scope(switch, net):
    theirs = "fe80::99"
    switch.ctl(f"set ip neighbor pg0 {theirs} {net[0].host_mac}")
    error = error_about(switch, net, udp(net[0], src=theirs), ICMPv6DestUnreach)
    assert error[ICMPv6DestUnreach].code == 2 and error[IPv6].src == net[0].link_local
    switch.ctl(f"set ip neighbor del pg0 {theirs} {net[0].host_mac}")


def test_closed_ports(switch, net):
    error = error_about(switch, net, udp(net[0], net[0].address), ICMPv6DestUnreach)
    assert error[ICMPv6DestUnreach].code == 4 and error[IPv6].src == net[0].address
    frame = net[0].ether() / IPv6(src=net[0].host, dst=net[0].address) / TCP(sport=5, dport=6)
    assert error_about(switch, net, frame, ICMPv6DestUnreach)[ICMPv6DestUnreach].code == 4


def test_8200_4_unknown_next_header(switch, net):
    frame = net[0].ether() / IPv6(src=net[0].host, dst=net[0].address, nh=200) / b"12345678"
    problem = error_about(switch, net, frame, ICMPv6ParamProblem)[ICMPv6ParamProblem]
    assert (problem.code, problem.ptr) == (1, 6)
    frame = net[0].ether() / IPv6(src=net[0].host, dst=net[0].address) / \
        IPv6ExtHdrDestOpt(nh=201, options=[PadN(optdata=b"\0\0\0\0")]) / b"12345678"
    problem = error_about(switch, net, frame, ICMPv6ParamProblem)[ICMPv6ParamProblem]
    assert (problem.code, problem.ptr) == (1, 40)
    # hop-by-hop options stand first
    frame = echo(net[0], ext=IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0\0\0\0")]) /
                 IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0\0\0\0")]))
    problem = error_about(switch, net, frame, ICMPv6ParamProblem)[ICMPv6ParamProblem]
    assert (problem.code, problem.ptr) == (1, 40)


def test_5095_routing_header_of_type_0_for_us(switch, net):
    ext = IPv6ExtHdrRouting(type=0, addresses=["2001:db8:20::5"], segleft=1)
    problem = error_about(switch, net, echo(net[0], ext=ext), ICMPv6ParamProblem)[ICMPv6ParamProblem]
    assert (problem.code, problem.ptr) == (0, 42)
    # with none left it is as if it were not there
    ext = IPv6ExtHdrRouting(type=0, addresses=["2001:db8:20::5"], segleft=0)
    assert ICMPv6EchoReply in switch.exchange(net[0], echo(net[0], ext=ext), net[0], count=1)[0]


@pytest.mark.parametrize("kind", [IPv6ExtHdrHopByHop, IPv6ExtHdrDestOpt])
def test_8200_42_unknown_options(switch, net, kind):
    def frame(otype, **fields):
        option = HBHOptUnknown(otype=otype, optlen=4, optdata=b"abcd")
        return echo(net[0], ext=kind(options=[option]), **fields)
    assert ICMPv6EchoReply in switch.exchange(net[0], frame(0x1e), net[0], count=1)[0]
    with switch.counts({("ip6-receive", "ip6 option unknown"): 1}):
        assert switch.exchange(net[0], frame(0x5e), net[0]) == []
    for otype in (0x9e, 0xde):
        problem = error_about(switch, net, frame(otype), ICMPv6ParamProblem)[ICMPv6ParamProblem]
        assert (problem.code, problem.ptr) == (2, 42)
    group = {"dst": "ff02::1", "ether": {"dst": ALL_NODES}}
    out = switch.exchange(net[0], frame(0x9e, **group), net[0], count=1)
    assert out[0][ICMPv6ParamProblem].code == 2 and out[0][IPv6].src == net[0].address
    assert switch.exchange(net[0], frame(0xde, **group), net[0]) == []


def test_option_beyond_its_header(switch, net):
    ext = IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=0x1e, optlen=40, optdata=b"abcd")])
    problem = error_about(switch, net, echo(net[0], ext=ext), ICMPv6ParamProblem)[ICMPv6ParamProblem]
    assert (problem.code, problem.ptr) == (0, 42)
    with switch.counts({("ip6-receive", "ip6 extension header malformed"): 1}):
        assert switch.exchange(net[0], patched(echo(net[0], ext=IPv6ExtHdrDestOpt()), 41, b"\xff"), net[0]) == []


def test_4443_24_no_error_about(switch, net):
    """Errors, redirects, groups, and who has no address."""
    error = net[0].ether() / IPv6(src=net[0].host, dst="3fff::1", hlim=64) / ICMPv6DestUnreach() / bytes(40)
    redirect = net[0].ether() / IPv6(src=net[0].host, dst="3fff::1") / ICMPv6Unknown(type=137) / bytes(40)
    group = udp(net[0], "ff02::1")
    group.dst = ALL_NODES
    for frame in (error, redirect, group):
        assert switch.exchange(net[0], frame, net[0]) == [], frame.summary()


def test_errors_are_limited(switch, net):
    before = switch.error_count("hop limit exceeded response sent")
    out = switch.exchange(net[0], [udp(net[0], hlim=1)] * 500, net[0])
    assert 50 <= len(out) < 400
    assert switch.error_count("hop limit exceeded response sent") - before == len(out)
    assert switch.error_count("error messages suppressed by rate limit") >= 500 - len(out)


# --- echo


def test_echo(switch, net):
    frame = echo(net[0], fl=0x54321, tc=0x20)
    reply = switch.exchange(net[0], frame, net[0], count=1)[0]
    assert has_right_sums(reply)
    assert (reply.src, reply.dst) == (net[0].mac, net[0].host_mac)
    assert (reply[IPv6].src, reply[IPv6].dst, reply[IPv6].hlim) == (net[0].address, net[0].host, 64)
    assert (reply[ICMPv6EchoReply].id, reply[ICMPv6EchoReply].seq) == (7, 3)
    assert reply[ICMPv6EchoReply].data == b"abcdefgh"


def test_hop_limit_one_or_none_for_us_is_answered(switch, net):
    out = switch.exchange(net[0], [echo(net[0], hlim=1), echo(net[0], hlim=0)], net[0], count=2)
    assert all(ICMPv6EchoReply in p for p in out)


def test_extension_headers_of_a_request_are_not_the_replys(switch, net):
    ext = IPv6ExtHdrHopByHop(options=[RouterAlert()]) / \
        IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0\0\0\0")]) / IPv6ExtHdrFragment(offset=0, m=0, id=9)  # 6946
    reply = switch.exchange(net[0], echo(net[0], ext=ext), net[0], count=1)[0]
    assert reply[IPv6].nh == 58 and has_right_sums(reply) and reply[ICMPv6EchoReply].data == b"abcdefgh"


def test_4443_42_a_group_is_answered_from_one_host(switch, net):
    frame = echo(net[0], dst="ff02::1", ether={"dst": ALL_NODES})
    reply = switch.exchange(net[0], frame, net[0], count=1)[0]
    assert reply[IPv6].src == net[0].address and has_right_sums(reply)


def test_bad_sum(switch, net):
    frame = echo(net[0])
    with switch.counts({("ip6-receive", "bad icmp checksum"): 1}):
        assert switch.exchange(net[0], patched(frame, 42, b"\x12\x34"), net[0]) == []
    with switch.counts({("ip6-receive", "bad udp checksum"): 1}):  # 8200 8.1: there is always one
        assert switch.exchange(net[0], patched(udp(net[0], net[0].address), 46, b"\0\0"), net[0]) == []


def test_our_own_address_as_source(switch, net):
    with switch.counts({("ip6-receive", "ip6 spoofed local-address packet drops"): 1}):
        assert switch.exchange(net[0], echo(net[0], src=net[0].address), net[0]) == []


# --- neighbour discovery


def solicit(pg, target, src=None, dst="ff02::1:ff00:1", mac=True, **fields):
    frame = Ether(src=pg.host_mac, dst="33:33:ff:00:00:01") / \
        IPv6(**{"src": src or pg.host, "dst": dst, "hlim": 255, **fields}) / ICMPv6ND_NS(tgt=target)
    return frame / ICMPv6NDOptSrcLLAddr(lladdr=pg.host_mac) if mac else frame


def test_4861_72_solicitation(switch, net):
    for mac in (True, False):
        answer = switch.exchange(net[0], solicit(net[0], net[0].address, mac=mac), net[0], count=1)[0]
        assert has_right_sums(answer)
        assert (answer.src, answer.dst) == (net[0].mac, net[0].host_mac)
        assert (answer[IPv6].src, answer[IPv6].dst, answer[IPv6].hlim) == (net[0].address, net[0].host, 255)
        nd = answer[ICMPv6ND_NA]
        assert (nd.tgt, nd.R, nd.S, nd.O) == (net[0].address, 1, 1, 1)
        assert answer[ICMPv6NDOptDstLLAddr].lladdr == net[0].mac


def test_4862_543_probe_for_our_address(switch, net):
    """To all nodes, and with the link-layer address."""
    answer = switch.exchange(net[0], solicit(net[0], net[0].address, src="::", mac=False), net[0], count=1)[0]
    assert (answer.dst, answer[IPv6].dst) == (ALL_NODES, "ff02::1")
    assert (answer[ICMPv6ND_NA].S, answer[ICMPv6ND_NA].O) == (0, 1)
    assert answer[ICMPv6NDOptDstLLAddr].lladdr == net[0].mac and has_right_sums(answer)


@pytest.mark.parametrize("fields, reason", [
    ({"hlim": 254}, "hop_limit != 255"),
    ({"src": "::"}, "neighbor discovery messages malformed"),  # with an option
    ({"src": "::", "mac": False, "dst": "ff02::1"}, "neighbor discovery messages malformed"),
    ({"src": "2001:db8:77::1"}, "neighbor solicitations from source not on link"),
    ({"target": "2001:db8:a0::77"}, "neighbor solicitations for unknown targets"),
])
def test_4861_71_solicitations_that_are_not_answered(switch, net, fields, reason):
    before = switch.error_count(reason)
    frame = solicit(net[0], **{"target": net[0].address, **fields})
    assert switch.exchange(net[0], frame, net[0]) == []
    assert switch.error_count(reason) == before + 1


@pytest.mark.parametrize("option", [b"\x01\x00" + bytes(6), b"\x01\x02" + bytes(6), b"\x01",
                                    b"\x01\x01\xff\xff\xff\xff\xff\xff", b"\x01\x01" + bytes(6)])
def test_malformed_options(switch, net, option):
    frame = solicit(net[0], net[0].address, mac=False) / option
    with switch.counts({("ip6-icmp-input", "neighbor discovery messages malformed"): 1}):
        assert switch.exchange(net[0], frame, net[0]) == []


def test_a_packet_waits_for_its_neighbor(switch, net):
    frame = udp(net[0], "2001:db8:a1::55")
    capture = switch.capture(net[1])
    switch.send(net[0], frame)
    wait_for(lambda: capture.count() >= 1, "the question")
    mac = "02:00:00:00:01:55"
    answer = Ether(src=mac, dst=net[1].mac) / IPv6(src="2001:db8:a1::55", dst=net[1].address, hlim=255) / \
        ICMPv6ND_NA(tgt="2001:db8:a1::55", S=1, O=1, R=0) / ICMPv6NDOptDstLLAddr(lladdr=mac)
    switch.send(net[1], answer)
    wait_for(lambda: [p for p in capture.records().packets() if UDP in p], "the packet")
    packets = capture.packets()
    asked = packets[0]
    assert asked[ICMPv6ND_NS].tgt == "2001:db8:a1::55" and asked[IPv6].dst == "ff02::1:ff00:55"
    assert (asked.dst, asked[IPv6].hlim) == ("33:33:ff:00:00:55", 255) and has_right_sums(asked)
    assert asked[ICMPv6NDOptSrcLLAddr].lladdr == net[1].mac and asked[IPv6].src == net[1].address
    assert [p.dst for p in packets if UDP in p] == [mac]
    # an answer without override changes nothing, one with it does
    for override, now in ((0, mac), (1, "02:00:00:00:01:56")):
        answer[ICMPv6ND_NA].O = override
        answer[ICMPv6NDOptDstLLAddr].lladdr = "02:00:00:00:01:56"
        del answer[ICMPv6ND_NA].cksum
        switch.send(net[1], answer)
        wait_for(lambda now=now: switch.neighbors()["2001:db8:a1::55"][1] == now, "the address")
    assert switch.exchange(net[0], frame, net[1], count=1)[0].dst == "02:00:00:00:01:56"


def test_an_advertisement_that_nobody_waits_for(switch, net):
    """4861 7.2.5: no entry comes of it."""
    answer = net[1].ether() / IPv6(src="2001:db8:a1::66", dst=net[1].address, hlim=255) / \
        ICMPv6ND_NA(tgt="2001:db8:a1::66", S=0, O=1, R=0) / ICMPv6NDOptDstLLAddr(lladdr=net[1].host_mac)
    switch.send(net[1], answer)
    switch.send(net[1], solicit(net[1], net[1].address, src="2001:db8:a1::67"))
    wait_for(lambda: "2001:db8:a1::67" in switch.neighbors(), "who asks to be learnt")
    assert "2001:db8:a1::66" not in switch.neighbors()


# --- what people see


def test_trace(switch, net):
    hops = switch.trace(net[0], echo(net[0]))[0]
    assert [node for node, _ in hops] == [
        "pg-input", "ethernet-input", "ip6-input", "ip6-lookup", "ip6-receive", "ip6-icmp-input",
        "ip6-icmp-echo-request", "ip6-lookup", "ip6-rewrite", "pg0-output", "pg0-tx"]
    assert hops[2][1] == ("ICMP6: 2001:db8:a0::2 -> 2001:db8:a0::1\n"
                          "  tos 0x00, flow label 0x0, hop limit 64, payload length 16\n"
                          "ICMP echo_request checksum 0x" + hops[2][1].rsplit("0x", 1)[1])
    hops = switch.trace(net[0], solicit(net[0], net[0].address))[0]
    assert [node for node, _ in hops][2:] == ["ip6-input", "ip6-mfib-forward-lookup", "ip6-mfib-forward-rpf", "ip6-replicate", "ip6-receive",
                                             "ip6-icmp-input", "icmp6-neighbor-solicitation", "pg0-output", "pg0-tx"]
    assert "\n  target address 2001:db8:a0::1" in hops[2][1]


def test_show_fib(switch, net):
    text = switch.ctl("show ip6 fib")
    for line in ("ipv6-VRF:0, fib_index:0, flow hash:[src dst sport dport proto flowlabel ]",
                 "2001:db8:a0::/64", "dpo-receive: 2001:db8:a0::1 on pg0",
                 "ipv6-glean: [src:2001:db8:a0::/64] pg0", "dpo-drop ip6", "fe80::/10", "ip6-link-local"):
        assert line in text, text
    assert "dpo-receive: " + net[0].link_local + " on pg0" in switch.ctl("show ip6-ll pg0")
    assert "ipv6 via " + net[1].host + " pg1" in switch.ctl("show ip6 fib 2001:db8:20::1")
    assert "[0] table_id:0 ipv6-VRF:0\n" in switch.ctl("show ip6 table")


def test_words_of_vpp(fresh):
    pg = fresh.pg(0, "2001:db8:a0::1/64")
    fresh.ctl("ip6 table add 7")
    assert fresh.fails("set interface ip address pg0 2001:db8:a0::1/64").strip() == \
        "set interface ip address: failed to add 2001:db8:a0::1/64 which conflicts with 2001:db8:a0::1/64 for interface pg0"
    assert fresh.fails("set interface ip6 table pg0 7").strip() == "set interface ip6 table: IP addresses are still present on pg0"
    assert fresh.ctl("show ip6 fib summary table 0").splitlines()[1:] == [
        "    Prefix length         Count     ", "         128                2", "          64                1",
        "          10                1", "           0                1"]
    fresh.ctl("ip route add 2001:db8:20::/48 table 7 via drop")
    # without a table: what each makes of the address
    assert [line for line in fresh.ctl("show ip6 fib 2001:db8:20::5").splitlines() if " fib:" in line or "VRF" in line] == [
        line for table in (0, 7) for line in fresh.ctl(f"show ip6 fib table {table} 2001:db8:20::5").splitlines()
        if " fib:" in line or "VRF" in line]
    assert fresh.ctl("show ip6-ll").splitlines()[0] == ("IP6-link-local:pg0, fib_index:1, flow hash:[src dst sport dport proto flowlabel ] "
                                                        "epoch:0 flags:ip6-ll locks:[IPv6-nd:1, ]")
    fresh.exchange(pg, solicit(pg, pg.address), pg)
    assert fresh.ctl("show ip neighbor-stats").splitlines()[3:6] == [
        "  pg0", "    arp: rx:[reply:0 request:0 gratuitous:0 ] tx:[reply:0 request:0 gratuitous:0 ]",
        "    nd:  rx:[reply:0 request:1 gratuitous:0 ] tx:[reply:1 request:0 gratuitous:1 ]"]


def test_pg_grammar(switch, net):
    """A stream that is written down, to ip6-input."""
    capture = switch.capture(net[1])
    switch.ctl("packet-generator new { name six limit 3 size 100-100 interface pg0 node ip6-input "
               "data { UDP: 2001:db8:a0::2 -> 2001:db8:20::5 hop-limit 9 UDP: 1000 -> 2000 incrementing 52 } }")
    switch.run_stream("six")
    switch.ctl("packet-generator delete six")
    packets = capture.packets(3)
    assert [(p[IPv6].hlim, p[UDP].dport) for p in packets] == [(8, 2000)] * 3
    assert all(has_right_sums(p) for p in packets)


def test_running_config(switch, net):
    switch.configure("""
        ip6 table add 7 name seven
        set ip6 flow-hash table 7 src dst
        ip route add 2001:db8:70::/48 table 7 via 2001:db8:a1::2 pg1
        ip route add 2001:db8:71::/48 via ip6-lookup-in-table 7
        ip route add 2001:db8:72::/48 via 2001:db8:a1::2 pg1 weight 3 via 2001:db8:a0::2 pg0
        set ip neighbor static pg1 2001:db8:a1::88 02:00:00:00:00:88
        set ip neighbor static pg1 fe80::88 02:00:00:00:00:88
    """)
    lines = switch.running_config()
    for line in ("ip6 table add 7 name {seven}", "set ip6 flow-hash table 7 src dst",
                 "ip route add 2001:db8:70::/48 table 7 via 2001:db8:a1::2 pg1",
                 "ip route add 2001:db8:71::/48 via ip6-lookup-in-table 7",
                 "ip route add 2001:db8:72::/48 via 2001:db8:a1::2 pg1 weight 3 via 2001:db8:a0::2 pg0",
                 "set ip neighbor static pg1 2001:db8:a1::88 02:00:00:00:00:88",
                 "set ip neighbor static pg1 fe80::88 02:00:00:00:00:88"):
        assert line in lines, lines
    assert not [line for line in lines if "link-local" in line or "4294967295" in line]
    # packets find the table
    assert switch.exchange(net[0], udp(net[0], "2001:db8:71::1"), net[1]) == []
    switch.ctl("ip route add 2001:db8:71::/48 table 7 via 2001:db8:a1::2 pg1")
    assert len(switch.exchange(net[0], udp(net[0], "2001:db8:71::1"), net[1])) == 1
    # one at a time is refused in VPP's words, and nothing changes
    assert switch.fails("ip route add 2001:db8::1/129 via drop") == "Invalid prefix len: 129"
    assert "Nonexistent table id 99" in switch.fails("ip route add 3000::/20 table 99 via drop")
    assert switch.running_config()[:len(lines) - 5] == lines[:len(lines) - 5]


# --- what else the RFCs ask of every node


def raw_icmp(pg, kind, code=0, body=bytes(20), dst=None, **fields):
    return pg.ether() / IPv6(**{"src": pg.host, "dst": dst or pg.address, "hlim": 255, **fields}) / \
        ICMPv6Unknown(type=kind, code=code) / body


def test_8200_47_no_next_header(switch, net):
    """Nothing follows, and what does is nobody's business: no answer, here or in transit."""
    for dst, out in (net[0].address, []), ("2001:db8:20::9", [1]):
        for tail in b"", b"12345678":
            frame = net[0].ether() / IPv6(src=net[0].host, dst=dst, nh=59) / tail
            back, through = switch.exchange(net[0], frame, net[0], net[1])
            assert back == [] and [1 for _ in through] == out


def test_8200_44_unknown_routing_types(switch, net):
    for segleft, kind in (0, ICMPv6EchoReply), (1, ICMPv6ParamProblem):
        ext = IPv6ExtHdrRouting(type=99, addresses=["2001:db8:20::5"], segleft=segleft)
        out = switch.exchange(net[0], echo(net[0], ext=ext), net[0], count=1)[0]
        assert kind in out
        if segleft:
            assert (out[ICMPv6ParamProblem].code, out[ICMPv6ParamProblem].ptr) == (0, 42)


def test_4443_24_unknown_messages(switch, net):
    """Neither errors nor what else is not known is answered; nor is any of a code that is not known."""
    for kind in (5, 100, 127, 128 + 72, 200, 255):
        assert switch.exchange(net[0], raw_icmp(net[0], kind), net[0]) == [], kind


def test_4443_24_who_cannot_be_told(switch, net):
    """An unknown header or a closed port: nobody hears of it who has no address, or asked a group."""
    for fields in ({"src": "::"}, {"dst": "ff02::1"}):
        for upper in UDP(sport=5, dport=6) / b"x", IPv6ExtHdrDestOpt(nh=201) / bytes(8):
            frame = net[0].ether() / IPv6(**{"src": net[0].host, "dst": net[0].address, **fields}) / upper
            if "dst" in fields:
                frame.dst = ALL_NODES
            assert switch.exchange(net[0], frame, net[0]) == [], frame.summary()


def test_4291_27_reserved_scope(switch, net):
    frame = echo(net[0], dst="ff00::1", ether={"dst": ALL_NODES})
    with switch.counts({("ip6-input", "ip6 destination address not allowed"): 1}):
        assert switch.exchange(net[0], frame, net[0]) == []


def nd_messages(pg, **fields):
    """A sound one of each kind, for pg's link, that would be heard."""
    ip = IPv6(**{"src": pg.host, "dst": pg.address, "hlim": 255, **fields})
    mac = ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:77")
    local = IPv6(**{"src": "fe80::77", "dst": pg.address, "hlim": 255, **fields})
    return {"solicitation": ip / ICMPv6ND_NS(tgt=pg.address) / mac,
            "advertisement": ip / ICMPv6ND_NA(tgt=pg.host, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:00:77"),
            "router solicitation": local / ICMPv6ND_RS() / mac,
            "router advertisement": local / ICMPv6ND_RA() / mac}


@pytest.mark.parametrize("kind", ["solicitation", "advertisement", "router solicitation", "router advertisement"])
def test_4861_messages_that_are_none(switch, net, kind):
    """6.1, 7.1: of a code, or too short; 6980 5: in a fragment, or in several."""
    message = nd_messages(net[0])[kind]
    ip = {"src": message.src, "dst": message.dst, "hlim": 255}
    code = message.copy()
    code[1].code = 3
    whole = bytes(message)[40:]
    first = ("ip6-local-full-reassembly", "fragments received")
    cases = [(code, {("ip6-icmp-input", "invalid code for type"): 1})]
    if kind != "router solicitation":  # whose fixed part is all of it
        cases.append((IPv6(**ip) / ICMPv6Unknown(type=whole[0]) / bytes(4),
                      {("ip6-icmp-input", "payload length too small for type"): 1}))
    for ext in IPv6ExtHdrFragment(nh=58, id=3), IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(nh=58, id=3):
        cases.append((IPv6(**ip) / ext / whole, {("ip6-icmp-input", "neighbor discovery messages malformed"): 1}))
    cases.append((IPv6(**ip) / IPv6ExtHdrFragment(nh=58, m=1, id=4) / whole[:8],
                  {first: 1, (first[0], "invalid fragment length"): 1}))
    before = switch.neighbors()
    for wrong, counted in cases:
        with switch.counts(counted):
            assert switch.exchange(net[0], Ether(src="02:00:00:00:00:77", dst=net[0].mac) / wrong, net[0]) == []
    assert switch.neighbors() == before


def test_4861_81_redirects_change_nothing(switch, net):
    """This switch is a router: whatever it is told, its ways are its own."""
    before = switch.ctl("show ip6 fib"), switch.neighbors()
    body = bytes(IPv6(src="fe80::77", dst="2001:db8:20::9"))[8:40]
    frame = raw_icmp(net[0], 137, body=bytes(4) + body, src="fe80::77")
    assert switch.exchange(net[0], frame, net[0]) == []
    assert switch.neighbors() == before[1] and "fe80::77" not in switch.ctl("show ip6 fib")


def test_4443_31_nobody_answers_for_the_address(switch, net):
    """7.2.2: three questions, and who sent the packet is told that its destination cannot be reached."""
    capture = switch.capture(net[0])
    asked = switch.capture(net[1])
    switch.send(net[0], udp(net[0], "2001:db8:a1::5a"))
    for n in range(1, 4):
        wait_for(lambda n=n: asked.count() >= n, "a question")
        switch.ctl("set clock adjust 1.1")
    wait_for(capture.count, "the error")
    error = capture.packets(1)[0]
    assert error[ICMPv6DestUnreach].code == 3 and error[IPv6].dst == net[0].host
    assert {p[ICMPv6ND_NS].tgt for p in asked.packets()} == {"2001:db8:a1::5a"}


# --- the address that all routers of a subnet have


def test_4291_261_routers_of_a_subnet(switch):
    """Hosts of the subnet and those behind it find this switch there; it answers from its own address."""
    near, far = switch.pg(8, "2001:db8:a8::1/64"), switch.pg(9, "2001:db8:a9::1/64")
    routers = "2001:db8:a8::"
    nd = switch.exchange(near, solicit(near, routers, dst="ff02::1:ff00:0"), near, count=1)[0]
    assert (nd[ICMPv6ND_NA].tgt, nd[ICMPv6ND_NA].R, nd[ICMPv6ND_NA].S, nd[ICMPv6ND_NA].O) == (routers, 1, 1, 0)
    assert nd[IPv6].src == near.address and nd[ICMPv6NDOptDstLLAddr].lladdr == near.mac and has_right_sums(nd)
    for pg in (near, far):
        answer = switch.exchange(pg, echo(pg, routers), pg, count=1)[0]
        assert ICMPv6EchoReply in answer and has_right_sums(answer)
        assert (answer[IPv6].src, answer[IPv6].dst) == (pg.address, pg.host)
    assert "ff02::1:ff00:0" in switch.ctl(f"show ip6 interface {near}")
    # who has it is whoever the user says
    switch.ctl(f"set ip neighbor {near} {routers} {near.host_mac}")
    assert switch.exchange(far, udp(far, routers), near, count=1)[0].dst == near.host_mac
    assert switch.exchange(near, solicit(near, routers, dst="ff02::1:ff00:0"), near) == []
    switch.ctl(f"set ip neighbor del {near} {routers} {near.host_mac}")
    assert ICMPv6EchoReply in switch.exchange(near, echo(near, routers), near, count=1)[0]
    assert is_answered(switch, near, routers)


def is_answered(switch, pg, target):
    """Whether the switch says that it has it. It tells the link of addresses that are new, too, in its own time."""
    heard = switch.exchange(pg, solicit(pg, target, src="fe80::99", dst="ff02::1:ff00:0"), pg)
    return any(ICMPv6ND_NA in p and p[ICMPv6ND_NA].tgt == target for p in heard)


@pytest.mark.parametrize("length", [127, 128])
def test_6164_not_between_two_routers(switch, length):
    pg = switch.pgs.get(7) or switch.pg(7, neighbor=False)
    switch.ctl(f"set interface ip address {pg} 2001:db8:a7::1/{length}")
    assert not is_answered(switch, pg, "2001:db8:a7::")
    switch.ctl(f"set interface ip address del {pg} 2001:db8:a7::1/{length}")


def test_4291_252_nobody_has_the_unspecified_address(fresh):
    """Which would be that of the routers of a subnet from 0 on."""
    pg = fresh.pg(0, neighbor=False)
    fresh.ctl(f"set interface ip address {pg} 2001:db8:a7::1/2")
    assert not is_answered(fresh, pg, "::")
    assert "ff02::1:ff00:0" not in fresh.ctl(f"show ip6 interface {pg}")

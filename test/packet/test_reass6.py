"""Fragments of IPv6: for this switch, passing an interface that puts together, and those that never become whole.

Numbers in the names of tests are of the RFC that says so."""
import random

import pytest
from packet_lib import wait_for
from scapy.layers.inet import UDP
from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN)
from test_ip6 import has_right_sums

LOCAL, FEATURE = "ip6-local-full-reassembly", "ip6-full-reassembly-feature"


@pytest.fixture(scope="module")
def net(switch):
    """pg0 2001:db8:a0::1/64, pg1 2001:db8:a1::1/64, a route behind the host on pg1."""
    pgs = [switch.pg(i, f"2001:db8:a{i}::1/64") for i in range(2)]
    switch.ctl(f"ip route add 2001:db8:20::/48 via {pgs[1].host} pg1")
    return pgs


def cut(packet, size, ident=7, ext=None):
    """Fragments of an IPv6 packet without extensions, whose payloads have `size` bytes; ext stands in front."""
    ip = packet[IPv6]
    data, header = bytes(ip.payload), packet.copy()
    pieces = []
    for at in range(0, len(data), size):
        head = header.copy()
        head[IPv6].remove_payload()
        del head[IPv6].plen
        piece = IPv6ExtHdrFragment(nh=ip.nh, offset=at // 8, m=int(at + size < len(data)), id=ident)
        head[IPv6].nh = 44 if ext is None else 0 if isinstance(ext, IPv6ExtHdrHopByHop) else 60
        if ext is not None:
            head = head / ext
        pieces.append(head / piece / data[at:at + size])
    return pieces


def whole(packet):
    """As it is sent, with its lengths and sums."""
    return packet.__class__(bytes(packet))


def echo(pg, size, dst=None):
    return whole(pg.ether() / IPv6(src=pg.host, dst=dst or pg.address) /
                 ICMPv6EchoRequest(id=9, seq=1, data=bytes(i & 255 for i in range(size))))


def udp(pg, size):
    return whole(pg.ether() / IPv6(src=pg.host, dst="2001:db8:20::9") / UDP(sport=1000, dport=2000) / (b"r" * size))


def forget(switch):
    """What is unfinished, and what was given up and is remembered."""
    switch.ctl("set clock adjust 3")
    wait_for(lambda: switch.json("show ip6-full-reassembly")["reassemblies"] == 0, "the table to be empty")


@pytest.mark.parametrize("order", ["in order", "backwards", "shuffled", "one twice"])
def test_for_the_switch_itself(switch, net, order):
    frames = cut(echo(net[0], 3000), 1200, ident=hash(order) & 0xffff)
    if order == "backwards":
        frames.reverse()
    elif order == "shuffled":
        random.Random(1).shuffle(frames)
    elif order == "one twice":
        frames.insert(1, frames[0])
    answer = switch.exchange(net[0], frames, net[0], count=1)[0]
    assert answer[ICMPv6EchoReply].data == bytes(i & 255 for i in range(3000)) and has_right_sums(answer)
    assert IPv6ExtHdrFragment not in answer


@pytest.mark.parametrize("ext", [IPv6ExtHdrHopByHop(nh=44, options=[PadN(optdata=b"\0" * 4)]),
                                 IPv6ExtHdrDestOpt(nh=44, options=[PadN(optdata=b"\0" * 12)])])
def test_extensions_in_front(switch, net, ext):
    frames = cut(echo(net[0], 2000), 1000, ident=77, ext=ext)
    answer = switch.exchange(net[0], frames, net[0], count=1)[0]
    assert answer[ICMPv6EchoReply].data == bytes(i & 255 for i in range(2000))


def test_passing_an_interface(switch, net):
    frames = cut(udp(net[0], 2000), 1000)
    # pieces pass as they are
    assert [IPv6ExtHdrFragment in p for p in switch.exchange(net[0], frames, net[1])] == [True] * 3
    switch.ctl("set interface reassembly pg0 ip6")
    assert "set interface reassembly pg0 ip6" in switch.running_config()
    packet = switch.exchange(net[0], frames, net[1], count=1)[0]
    assert packet[UDP].payload.load == b"r" * 2000 and packet[IPv6].hlim == 63 and has_right_sums(packet)
    # a datagram in one fragment is no business of ours (RFC 6946), others are no fragments
    atomic = cut(udp(net[0], 100), 1000)
    packets = switch.exchange(net[0], atomic + [udp(net[0], 50)], net[1], count=2)
    assert [IPv6ExtHdrFragment in p for p in packets] == [True, False]
    switch.ctl("set interface reassembly pg0 off")
    assert not [line for line in switch.running_config() if "reassembly" in line]


def test_6946_a_datagram_in_one_fragment(switch, net):
    (frame,) = cut(echo(net[0], 100), 1000, ident=5)
    with switch.counts({("ip6-icmp-input", "echo replies sent"): 1}):
        assert ICMPv6EchoReply in switch.exchange(net[0], frame, net[0], count=1)[0]


def test_5722_overlaps(switch, net):
    """All of the datagram is dropped, and what comes later of it."""
    before = switch.error_count("successful reassemblies")
    a, b, c = cut(echo(net[0], 2500), 1000, ident=600)
    bad = cut(echo(net[0], 2500), 1000, ident=600)[1]
    bad[IPv6ExtHdrFragment].offset -= 1
    switch.send(net[0], [a, bad, b, c])
    wait_for(lambda: switch.error_count("overlapping fragments") >= 3, "the reason")
    assert switch.error_count("successful reassemblies") == before
    assert len(switch.exchange(net[0], cut(echo(net[0], 2500), 1000, ident=601), net[0], count=1)) == 1


def problem(switch, net, frames):
    answer = switch.exchange(net[0], frames, net[0], count=1)[0]
    assert (answer[IPv6].src, answer[IPv6].dst) == (net[0].address, net[0].host)
    return answer[ICMPv6ParamProblem].code, answer[ICMPv6ParamProblem].ptr


def test_8200_45_odd_length(switch, net):
    frame = cut(echo(net[0], 2000), 1000, ident=800)[0]
    odd = frame.__class__(bytes(frame)[:-3])
    odd[IPv6].plen -= 3
    assert problem(switch, net, odd) == (0, 4)


def test_8200_45_beyond_any_datagram(switch, net):
    frame = cut(echo(net[0], 1000), 1000, ident=801)[0]
    frame[IPv6ExtHdrFragment].offset = 8190
    assert problem(switch, net, frame) == (0, 42)


def test_8200_45_not_all_headers_in_the_first(switch, net):
    frames = cut(udp(net[0], 1000), 1000, ident=802)
    short = frames[0].copy()
    short[IPv6].dst = net[0].address
    short[IPv6ExtHdrFragment].nh = 60  # its length says that it goes on
    short[IPv6ExtHdrFragment].remove_payload()
    short = short / bytes([17, 200, 1, 4, 0, 0, 0, 0])
    short[IPv6].plen = 16
    assert problem(switch, net, short) == (3, 0)


def test_what_does_not_come_times_out(switch, net):
    """The sender is told, if its first fragment came."""
    first, second = cut(echo(net[0], 1500), 1000, ident=900)
    forget(switch)
    for frame, told in ((first, True), (second, False)):
        capture = switch.capture(net[0])
        before = switch.error_count("fragments dropped due to reassembly timeout")
        switch.send(net[0], frame)
        wait_for(lambda: switch.json("show ip6-full-reassembly")["reassemblies"] == 1, "it to be kept")
        switch.ctl("set clock adjust 3")
        wait_for(lambda before=before: switch.error_count("fragments dropped due to reassembly timeout") == before + 1, "the end")
        packets = capture.packets(1 if told else None)
        assert [p[ICMPv6TimeExceeded].code for p in packets] == [1] * told
        assert switch.json("show ip6-full-reassembly")["reassemblies"] == 0


def test_bounds(switch, net):
    forget(switch)
    switch.ctl("set ip reassembly ip6 max-reassemblies 5 max-reassembly-length 3")
    assert "set ip reassembly ip6 max-reassemblies 5 max-reassembly-length 3" in switch.running_config()
    assert switch.json("show ip4-full-reassembly")["max_fragments"] != 3
    # the oldest go, of each thread
    reason, most = "drops due to concurrent reassemblies limit", 5 * switch.workers
    before = switch.error_count(reason)
    switch.send(net[0], [cut(echo(net[0], 1500), 1000, ident=1000 + i)[1] for i in range(100)])
    wait_for(lambda: switch.error_count(reason) >= before + 100 - most, "the oldest to go")
    assert switch.json("show ip6-full-reassembly")["reassemblies"] <= most
    forget(switch)
    before = switch.error_count("fragment chain too long (drop)")
    switch.send(net[0], cut(echo(net[0], 500), 104, ident=1100))
    wait_for(lambda: switch.error_count("fragment chain too long (drop)") > before, "the reason")
    switch.ctl("set ip reassembly ip6 max-reassemblies 1024 max-reassembly-length 128")
    switch.ctl("set ip reassembly ip6 local off")
    with switch.counts({(LOCAL, "ip6 fragment not reassembled"): 2}):
        assert switch.exchange(net[0], cut(echo(net[0], 1500), 1000, ident=1200), net[0]) == []
    switch.ctl("set ip reassembly ip6 local on")


def test_show(switch, net):
    forget(switch)
    assert switch.ctl("show ip6-full-reassembly").startswith("""\
---------------------
IP6 reassembly status
---------------------
---------------------
Current IP6 reassemblies count: 0
Maximum configured concurrent full IP6 reassemblies per worker-thread: 1024
Maximum configured amount of fragments per full IP6 reassembly: 128
""")
    assert "44: ip6-local-full-reassembly\n" in switch.ctl("show ip6 local")
    assert net


# --- what this switch sends


def pieces(packets):
    """(offset, more, bytes) of each."""
    found = [p[IPv6ExtHdrFragment] for p in packets]
    return [(f.offset * 8, f.m, len(f.payload)) for f in found]


def test_what_is_too_long_for_the_link_is_cut(switch, net):
    switch.ctl("set interface mtu packet 1300 pg0")
    idents = set()
    for _ in range(2):
        packets = switch.exchange(net[0], cut(echo(net[0], 3000), 1200, ident=2000), net[0], count=3)
        assert [len(p) for p in packets] == [14 + 1296, 14 + 1296, 14 + 40 + 8 + 3008 - 2 * 1248]
        assert pieces(packets) == [(0, 1, 1248), (1248, 1, 1248), (2496, 0, 512)]
        assert {(p[IPv6].src, p[IPv6].dst, p[IPv6].hlim) for p in packets} == {(net[0].address, net[0].host, 64)}
        (ident,) = {p[IPv6ExtHdrFragment].id for p in packets}
        idents.add(ident)
        whole_again = IPv6(src=net[0].address, dst=net[0].host, nh=58) / b"".join(bytes(p[IPv6ExtHdrFragment].payload) for p in packets)
        reply = IPv6(bytes(whole_again))
        assert reply[ICMPv6EchoReply].data == bytes(i & 255 for i in range(3000))
        again = reply.copy()
        del again[ICMPv6EchoReply].cksum
        assert bytes(IPv6(bytes(again))) == bytes(reply)
    assert len(idents) == 2
    # who passes is told, and not cut
    before = switch.error_count("ip6 MTU exceeded")
    switch.send(net[1], net[1].ether() / IPv6(src=net[1].host, dst=net[0].host) / UDP() / (b"x" * 1400))
    assert switch.error_count("ip6 MTU exceeded") == before + 1
    switch.ctl("set interface mtu packet 9000 pg0")

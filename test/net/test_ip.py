"""IPv4 as a router has to do it: TTL, fragments, errors by ICMP. The ends are used by hand."""
import random

import lib
import pytest
from scapy.layers.inet import ICMP, IP, UDP, IPOption_Router_Alert, fragment
from scapy.layers.l2 import Ether
from scapy.packet import Raw


def packet(wire, length=100, dst="10.10.2.1", src="10.10.1.1", payload=None, **ip):
    """UDP from wire through vpp; length is that of the IP packet."""
    data = payload or bytes(random.Random(length).randbytes(length - 28))
    return Ether(dst=wire.vpp_mac, src=wire.mac) / IP(src=src, dst=dst, **ip) / \
        UDP(sport=1000, dport=2000) / Raw(data)


def is_udp(f):
    return UDP in f and ICMP not in f


def icmp(kind, code):
    return lambda f: ICMP in f and f[ICMP].type == kind and f[ICMP].code == code


def checked(frame):
    """The frame, after the checksums in it were found right."""
    again = Ether(bytes(frame))
    for layer in (IP, ICMP, UDP):
        if layer in again and not (layer is UDP and (again[IP].frag or again[IP].flags.MF)):
            given = again[layer].chksum
            again[layer].chksum = None
            assert Ether(bytes(again))[layer].chksum == given, again.show(dump=True)
    return frame


def test_forwards(net):
    vpp, (left, right) = net.by_hand(2)
    packets, octets = (vpp.counter("host-vpp1", "tx " + c) for c in ("packets", "bytes"))
    sent = packet(left, 300, ttl=9, id=77, tos=0x28)
    left.send(sent)
    got = checked(right.expect(is_udp, "the packet"))
    assert got[Ether].src == right.vpp_mac and got[Ether].dst == right.mac
    assert (got[IP].ttl, got[IP].id, got[IP].tos) == (8, 77, 0x28)
    assert bytes(got[UDP]) == bytes(sent[UDP])
    assert vpp.counter("host-vpp1", "tx packets") == packets + 1
    assert vpp.counter("host-vpp1", "tx bytes") == octets + 314


def test_checksum_after_ttl_wraps(net):
    """The checksum is changed by difference: try all that may carry."""
    _, (left, right) = net.by_hand(2)
    for n in range(64):
        left.send(packet(left, 60, id=n * 1021 % 65536, ttl=2 + n * 4 % 250))
    for got in right.collect(is_udp, 64, "a packet"):
        checked(got)


def test_ttl_expires(net):
    vpp, (left, right) = net.by_hand(2)
    sent = packet(left, 200, ttl=1)
    left.send(sent)
    error = checked(left.expect(icmp(11, 0), "time exceeded"))
    assert error[IP].src == "10.10.1.2" and error[IP].dst == "10.10.1.1"
    # the packet comes back in it: header and 8 bytes at least
    assert bytes(error[ICMP].payload)[:28] == bytes(sent[IP])[:28]
    right.silent(is_udp, "packet with TTL 0")
    assert vpp.error_count("ip4 ttl <= 1") == 1
    assert vpp.error_count("hop limit exceeded response sent") == 1


def test_errors_come_from_the_offenders_subnet(net):
    """RFC 1812 4.3.2.4: of an interface's addresses the one that the sender knows."""
    vpp, (left, _) = net.by_hand(2)
    vpp.configure("""
        set interface ip address host-vpp0 10.10.5.2/24
        set interface ip address host-vpp0 10.10.6.2/24
    """)
    for subnet, expected in ((5, "10.10.5.2"), (6, "10.10.6.2"), (1, "10.10.1.2")):
        vpp.ctl(f"set ip neighbor static host-vpp0 10.10.{subnet}.1 {left.mac}")
        left.send(packet(left, 100, src=f"10.10.{subnet}.1", ttl=1))
        assert left.expect(icmp(11, 0), "time exceeded")[IP].src == expected
    # somebody far away: any will do, the first does
    vpp.ctl("ip route add 172.16.0.0/16 via 10.10.6.1 host-vpp0")
    left.send(packet(left, 100, src="172.16.1.1", ttl=1))
    assert left.expect(icmp(11, 0), "time exceeded")[IP].src == "10.10.1.2"


def test_ttl_zero_arrives(net):
    _, (left, right) = net.by_hand(2)
    left.send(packet(left, 100, ttl=0))
    left.expect(icmp(11, 0), "time exceeded")
    right.silent(is_udp, "packet with TTL 0")


def test_ttl_one_for_us_is_answered(net):
    _, (wire,) = net.by_hand(1)
    wire.send(Ether(dst=wire.vpp_mac, src=wire.mac) / IP(src="10.10.1.1", dst="10.10.1.2", ttl=1) /
              ICMP() / Raw(b"x" * 20))
    assert checked(wire.expect(icmp(0, 0), "echo reply"))[IP].ttl >= 64


def test_kernel_traceroute(net):
    """From a kernel, hop by hop: our address first, then the goal."""
    _, _, left, _ = net.routed()
    out = left.run("ping -n -c 1 -t 1 -w 2 10.2.0.1", check=False).stdout
    assert "From 10.1.0.2 icmp_seq=1 Time to live exceeded" in out
    assert left.ping("10.2.0.1", count=1, extra="-t 2") == 1


def test_no_route(net):
    """The default route of a table drops, and says nothing, as in VPP; one may be set that says so."""
    vpp, (left, right) = net.by_hand(2)
    left.send(packet(left, 100, dst="172.16.1.1"))
    vpp.wait_error("blackholed packets")
    left.silent(lambda f: ICMP in f, "ICMP error")
    vpp.ctl("ip route add 0.0.0.0/0 via unreachable")
    left.send(packet(left, 100, dst="172.16.1.1"))
    error = checked(left.expect(lambda f: ICMP in f and f[ICMP].type == 3, "unreachable"))
    assert error[IP].src == "10.10.1.2"
    right.silent(is_udp, "packet without route")
    assert vpp.error_count("destination unreachable response sent") == 1


def test_host_that_does_not_answer(net):
    """RFC 1812 5.2.7.1: host unreachable, when nobody answers ARP for the last hop."""
    vpp, (left, right) = net.by_hand(2)
    left.send(packet(left, 100, dst="10.10.2.77"))
    left.expect(icmp(3, 1), "host unreachable", timeout=10)
    right.silent(is_udp, "packet without destination")
    assert vpp.buffers_used() == 0


def test_port_and_protocol_of_ours(net):
    """Nobody listens: UDP gets port unreachable, an unknown protocol protocol unreachable."""
    vpp, (wire,) = net.by_hand(1)
    wire.send(packet(wire, 100, dst="10.10.1.2"))
    wire.expect(icmp(3, 3), "port unreachable")
    wire.send(Ether(dst=wire.vpp_mac, src=wire.mac) /
              IP(src="10.10.1.1", dst="10.10.1.2", proto=200) / Raw(b"y" * 40))
    wire.expect(icmp(3, 2), "protocol unreachable")
    assert vpp.error_count("unknown ip protocol") == 1


def test_no_error_about_an_error(net):
    """RFC 1812 4.3.2.7: never about an ICMP error, a later fragment, a group, a broadcast."""
    _, (left, _) = net.by_hand(2)
    inner = bytes(IP(src="10.10.2.1", dst="10.10.1.1") / UDP())
    left.send([
        Ether(dst=left.vpp_mac, src=left.mac) / IP(src="10.10.1.1", dst="10.10.2.1", ttl=1) /
        ICMP(type=3, code=1) / Raw(inner),
        packet(left, 100, ttl=1, frag=100, flags="MF"),
        packet(left, 100, dst="224.1.2.3", ttl=1),
        packet(left, 100, dst="255.255.255.255", ttl=1),
        packet(left, 100, src="0.0.0.0", ttl=1),
        packet(left, 100, src="224.0.0.9", ttl=1),
        packet(left, 100, src="127.0.0.1", ttl=1),
    ])
    left.silent(lambda f: ICMP in f and f[ICMP].type in (3, 11), "ICMP error")


def test_errors_are_rate_limited(net):
    vpp, (left, _) = net.by_hand(2)
    left.send_many([packet(left, 60, ttl=1)] * 2000, vpp, "host-vpp0")
    lib.wait_for(lambda: vpp.error_count("ip4 ttl <= 1") == 2000, "2000 packets to be dropped")
    answers = sum(1 for f in left.frames(0.2) if icmp(11, 0)(f))
    assert 1 <= answers < 2000
    assert vpp.error_count("error messages suppressed by rate limit") == 2000 - answers


def test_too_big_with_df(net):
    vpp, (left, right) = net.by_hand(2)
    vpp.ctl("set interface mtu packet 1400 host-vpp1")
    left.send(packet(left, 1400, flags="DF"))
    right.expect(is_udp, "a packet that just fits")
    left.send(packet(left, 1401, flags="DF"))
    error = checked(left.expect(icmp(3, 4), "fragmentation needed"))
    assert error[ICMP].nexthopmtu == 1400
    assert error[IP].src == "10.10.1.2"
    right.silent(is_udp, "too large packet")
    assert vpp.error_count("ip4 MTU exceeded and DF set") == 1


@pytest.mark.parametrize("length", [1401, 1477, 1500])
def test_fragments(net, length):
    """Each fits, all but the last hold a multiple of 8 bytes, and together they are the packet."""
    vpp, (left, right) = net.by_hand(2)
    vpp.ctl("set interface mtu packet 1400 host-vpp1")
    sent = packet(left, length, id=4711)
    left.send(sent)
    total, parts = length - 20, {}
    while sum(len(p) for p in parts.values()) < total:
        f = checked(right.expect(lambda f: IP in f, f"fragments; had {sorted(parts)}"))
        assert f[IP].len <= 1400 and f[IP].id == 4711 and f[IP].ttl == sent[IP].ttl - 1
        payload = bytes(f[IP].payload)[:f[IP].len - 20]
        assert len(payload) % 8 == 0 or not f[IP].flags.MF
        parts[f[IP].frag * 8] = payload
    assert b"".join(parts[k] for k in sorted(parts)) == bytes(sent[IP].payload)
    assert vpp.error_count("number of sent fragments") == len(parts)


def test_fragments_of_a_fragment(net):
    """A fragment is cut again, and its offset and MF carry over."""
    vpp, (left, right) = net.by_hand(2)
    vpp.ctl("set interface mtu packet 600 host-vpp1")
    pieces = fragment(packet(left, 2400, id=9), fragsize=1200)
    assert len(pieces) == 2
    left.send(list(pieces))
    got, size = {}, 0
    while size < 2380:
        f = right.expect(lambda f: IP in f, "fragments")
        payload = bytes(f[IP].payload)[:f[IP].len - 20]
        got[f[IP].frag * 8], size = payload, size + len(payload)
        assert bool(f[IP].flags.MF) == (f[IP].frag * 8 + len(payload) < 2380)
    assert b"".join(got[k] for k in sorted(got)) == bytes(packet(left, 2400)[IP].payload)


def test_options_are_forwarded(net):
    _, (left, right) = net.by_hand(2)
    left.send(packet(left, 100, options=[IPOption_Router_Alert()]))
    got = checked(right.expect(is_udp, "packet with options"))
    assert got[IP].ihl == 6


@pytest.mark.parametrize("order", ["in order", "backwards", "shuffled", "twice"])
def test_reassembly(net, order):
    """Fragments for us, in any order, some twice: one answer."""
    vpp, (wire,) = net.by_hand(1)
    before = vpp.buffers_used()
    data = random.Random(1).randbytes(5000)
    pieces = list(fragment(Ether(dst=wire.vpp_mac, src=wire.mac) /
                           IP(src="10.10.1.1", dst="10.10.1.2", id=55) / ICMP(id=3, seq=4) /
                           Raw(data), fragsize=800))
    if order == "backwards":
        pieces.reverse()
    elif order == "shuffled":
        random.Random(7).shuffle(pieces)
    elif order == "twice":
        pieces = [p for piece in pieces[:-1] for p in (piece, piece)] + pieces[-1:]
    wire.send(pieces)
    answer = {}
    while sum(len(p) for p in answer.values()) < 5008:
        f = wire.expect(lambda f: IP in f and f[IP].proto == 1, "echo reply")
        answer[f[IP].frag * 8] = bytes(f[IP].payload)[:f[IP].len - 20]
    whole = ICMP(b"".join(answer[k] for k in sorted(answer)))
    assert whole.type == 0 and (whole.id, whole.seq) == (3, 4) and bytes(whole.payload) == data
    assert vpp.error_count("successful reassemblies") == 1
    lib.wait_for(lambda: vpp.buffers_used() <= before, "the buffers to come back")


def test_incomplete_fragments_are_given_up(net):
    """The first half of many packets: what they hold is bounded, and comes back."""
    vpp, (wire,) = net.by_hand(1)
    before = vpp.buffers_used()
    wire.send_many([packet(wire, 508, dst="10.10.1.2", id=i, flags="MF") for i in range(1, 1500)],
                   vpp, "host-vpp0")
    lib.wait_for(lambda: vpp.error_count("fragments received") >= 1499, "fragments to be counted")
    lib.wait_for(lambda: vpp.buffers_used() <= before, "buffers to come back", timeout=40)
    assert vpp.error_count("fragments dropped due to reassembly timeout") + vpp.error_count(
        "drops due to concurrent reassemblies limit") > 0
    wire.send(Ether(dst=wire.vpp_mac, src=wire.mac) / IP(src="10.10.1.1", dst="10.10.1.2") / ICMP())
    wire.expect(icmp(0, 0), "echo reply")


def test_echo_with_any_length(net):
    """Odd lengths, the shortest, the longest that fits."""
    _, (wire,) = net.by_hand(1)
    for length in (0, 1, 7, 17, 18, 19, 255, 1471, 1472):
        data = random.Random(length).randbytes(length)
        wire.send(Ether(dst=wire.vpp_mac, src=wire.mac) / IP(src="10.10.1.1", dst="10.10.1.2") /
                  ICMP(id=1, seq=length) / Raw(data))
        got = checked(wire.expect(icmp(0, 0), f"echo reply of {length}"))
        assert got[ICMP].seq == length
        assert bytes(got[ICMP].payload)[:length] == data


def test_route_to_the_same_interface(net):
    """Back out where it came in: forwarded (VPP sends no redirect)."""
    vpp, (wire,) = net.by_hand(1)
    vpp.ctl(f"set ip neighbor static host-vpp0 10.10.1.9 {wire.mac}")
    vpp.ctl("ip route add 172.16.0.0/16 via 10.10.1.9 host-vpp0")
    wire.send(packet(wire, 100, dst="172.16.5.5"))
    assert wire.expect(is_udp, "the packet")[IP].dst == "172.16.5.5"

"""Frames that no honest host sends: each is a counted drop with a name; nothing else happens."""
import random
import struct

import lib
import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

BROADCAST = "ff:ff:ff:ff:ff:ff"


def ip_bytes(**fields):
    """An echo request to vpp as bytes; fields of the header are as given, right or wrong."""
    return bytes(IP(src=fields.pop("src", "10.10.1.1"), dst=fields.pop("dst", "10.10.1.2"),
                    **fields) / ICMP(id=1) / Raw(b"m" * 40))


def ether(wire, payload, kind=0x0800, dst=None):
    mac = bytes.fromhex((dst or wire.vpp_mac).replace(":", ""))
    return mac + bytes.fromhex(wire.mac.replace(":", "")) + struct.pack("!H", kind) + payload


def patched(data, at, value):
    """With a right checksum again, where the header is long enough for one."""
    new = bytearray(data)
    new[at:at + len(value)] = value
    new[10:12] = b"\0\0"
    words = struct.unpack("!10H", bytes(new[:20]))
    total = sum(words)
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    new[10:12] = struct.pack("!H", ~total & 0xffff)
    return bytes(new)


GOOD = ip_bytes()

# name of the case: (payload of the frame, reason in `show errors`)
IP_CASES = {
    "header cut off": (GOOD[:12], "ip4 length < 20 bytes"),
    "no payload at all": (b"", "ip4 length < 20 bytes"),
    "version 6": (patched(GOOD, 0, b"\x65"), "ip4 version != 4"),
    "version 0": (patched(GOOD, 0, b"\x05"), "ip4 version != 4"),
    "header length 4 words": (patched(GOOD, 0, b"\x44"), "ip4 IHL < 5"),
    "header longer than the packet": (patched(patched(GOOD[:24], 2, b"\x00\x18"), 0, b"\x4f"),
                                      "ip4 length < 20 bytes"),
    "total length beyond the frame": (patched(GOOD, 2, b"\xff\xff"), "ip4 length > l2 length"),
    "total length below the header": (patched(GOOD, 2, b"\x00\x13"), "ip4 length < 20 bytes"),
    "checksum": (GOOD[:10] + b"\xab\xcd" + GOOD[12:], "bad ip4 checksum"),
    "fragment offset 1": (patched(GOOD, 6, b"\x00\x01"), "ip4 fragment offset == 1"),
    "source 0.0.0.0": (ip_bytes(src="0.0.0.0"), "ip4 source address not allowed"),
    "source 127.0.0.1": (ip_bytes(src="127.0.0.1"), "ip4 source address not allowed"),
    "source a group": (ip_bytes(src="224.0.0.1"), "ip4 source address not allowed"),
    "source broadcast": (ip_bytes(src="255.255.255.255"), "ip4 source address not allowed"),
    "source our own address": (ip_bytes(src="10.10.1.2"), "ip4 spoofed local-address packet drops"),
    "source class E": (ip_bytes(src="245.0.0.1"), "ip4 source address not allowed"),
    "destination 127.0.0.1": (ip_bytes(dst="127.0.0.1"), None),
    "destination 0.0.0.0": (ip_bytes(dst="0.0.0.0"), None),
    "destination class E": (ip_bytes(dst="245.0.0.1"), None),
    "destination subnet zero": (ip_bytes(dst="10.10.1.0"), None),
}


@pytest.mark.parametrize("case", list(IP_CASES))
def test_bad_ip(net, case):
    payload, reason = IP_CASES[case]
    vpp, (wire,) = net.by_hand(1)
    used, drops = vpp.buffers_used(), vpp.counter("host-vpp0", "drops")
    # the Ethernet minimum is padding, so that a short packet can hide in a long frame
    wire.send([ether(wire, payload)] * 7)
    if reason:
        vpp.wait_error(reason, 7)
    lib.wait_for(lambda: vpp.counter("host-vpp0", "drops") == drops + 7, f"7 drops: {vpp.errors()}")
    wire.silent(lambda f: ICMP in f and f[ICMP].type == 0, "echo reply")
    lib.wait_for(lambda: vpp.buffers_used() <= used, "buffers to come back")
    still_works(wire)


def still_works(wire):
    wire.drain()
    wire.send(Ether(dst=wire.vpp_mac, src=wire.mac) / IP(src="10.10.1.1", dst="10.10.1.2") /
              ICMP(id=77, seq=1))
    wire.expect(lambda f: ICMP in f and f[ICMP].type == 0 and f[ICMP].id == 77, "echo reply")


def test_bad_icmp_checksum(net):
    vpp, (wire,) = net.by_hand(1)
    bad = GOOD[:22] + b"\x12\x34" + GOOD[24:]
    wire.send(ether(wire, bad))
    vpp.wait_error("bad icmp checksum")
    wire.silent(lambda f: ICMP in f, "answer")
    still_works(wire)


def test_short_icmp(net):
    vpp, (wire,) = net.by_hand(1)
    drops = vpp.counter("host-vpp0", "drops")
    for length in range(0, 8):
        wire.send(bytes(Ether(dst=wire.vpp_mac, src=wire.mac) /
                        IP(src="10.10.1.1", dst="10.10.1.2", proto=1) / Raw(b"\x08" * length)))
    lib.wait_for(lambda: vpp.counter("host-vpp0", "drops") == drops + 8, f"drops {vpp.errors()}")
    still_works(wire)


@pytest.mark.parametrize("option", ["83070404010203", "89070404010203"], ids=["loose", "strict"])
def test_source_route_is_refused(net, option):
    """RFC 7126: source routes are dropped."""
    vpp, (a, b) = net.by_hand(2)
    header = bytearray(bytes(IP(src="10.10.1.1", dst="10.10.2.1", ihl=7, len=36, proto=17)))
    packet = patched(bytes(header) + bytes.fromhex(option) + b"\0" + b"u" * 8, 0, b"\x47")
    # the checksum covers the options too
    total = sum(struct.unpack("!14H", packet[:10] + b"\0\0" + packet[12:28]))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    packet = packet[:10] + struct.pack("!H", ~total & 0xffff) + packet[12:]
    a.send(ether(a, packet))
    vpp.wait_error("ip4 source route option")
    b.silent(lambda f: IP in f and f[IP].src == "10.10.1.1", "source-routed packet")
    still_works(a)


def test_broken_options(net):
    """Lengths that lead nowhere."""
    vpp, (a, b) = net.by_hand(2)
    drops = vpp.counter("host-vpp0", "drops")
    for option in (b"\x44\x00\x00\x00", b"\x44\x01\x00\x00", b"\x44\xff\x00\x00", b"\x01\x01\x01\x44"):
        head = struct.pack("!BBHHHBBH4s4s", 0x46, 0, 32, 1, 0, 64, 17, 0, bytes([10, 10, 1, 1]),
                           bytes([10, 10, 2, 1])) + option
        total = sum(struct.unpack("!12H", head))
        total = (total & 0xffff) + (total >> 16)
        total = (total & 0xffff) + (total >> 16)
        head = head[:10] + struct.pack("!H", ~total & 0xffff) + head[12:]
        a.send(ether(a, head + b"u" * 8))
    lib.wait_for(lambda: vpp.counter("host-vpp0", "drops") == drops + 4 or vpp.counter(
        "host-vpp1", "tx packets") + vpp.counter("host-vpp0", "drops") - drops >= 4,
        f"options to be dealt with: {vpp.errors()}")
    still_works(a)


def test_frame_for_another_station(net):
    vpp, (a, b) = net.by_hand(2)
    a.send(ether(a, bytes(IP(src="10.10.1.1", dst="10.10.2.1") / UDP() / Raw(b"b" * 20)),
                 dst="02:77:77:77:77:77"))
    b.silent(lambda f: IP in f and f[IP].src == "10.10.1.1", "frame for another station")
    assert vpp.error_count("l3 mac mismatch") == 1
    still_works(a)


def test_unknown_ethernet_types(net):
    vpp, (wire,) = net.by_hand(1)
    drops = vpp.counter("host-vpp0", "drops")
    kinds = (0x0000, 0x0001, 0x05ff, 0x0600, 0x88b5, 0x86dd, 0x8847, 0x9000, 0xffff)
    wire.send([ether(wire, b"q" * 46, kind) for kind in kinds])
    lib.wait_for(lambda: vpp.counter("host-vpp0", "drops") >= drops + len(kinds),
                 f"{len(kinds)} drops: {vpp.errors()}")
    assert vpp.error_count("unknown ethernet type") >= 3
    still_works(wire)


def test_vlan_tags(net):
    """Tagged frames, with no such sub-interface; an inner tag that is cut off (the kernel takes
    the outer one off, and drops by itself what is too short for that)."""
    vpp, (wire,) = net.by_hand(1)
    drops = vpp.counter("host-vpp0", "drops")
    tagged = struct.pack("!HH", 5, 0x0800) + GOOD
    wire.send([ether(wire, tagged, 0x8100),
               ether(wire, struct.pack("!HH", 5, 0x8100) + tagged, 0x88a8),
               ether(wire, struct.pack("!HHH", 5, 0x8100, 3), 0x88a8)])
    lib.wait_for(lambda: vpp.counter("host-vpp0", "drops") >= drops + 3, f"drops: {vpp.errors()}")
    wire.silent(lambda f: ICMP in f and f[ICMP].type == 0, "answer to a tagged frame")
    still_works(wire)


def test_runts(net):
    """As short as the kernel lets through: 14 bytes are a header and nothing."""
    vpp, (wire,) = net.by_hand(1)
    for length in range(0, 20):
        for kind in (0x0800, 0x0806, 0x88b5, 0x0007):
            wire.send(ether(wire, b"\x45" * length, kind))
    lib.wait_for(lambda: vpp.counter("host-vpp0", "rx packets") >= 80, "80 runts to be received")
    lib.wait_for(lambda: vpp.counter("host-vpp0", "drops") >= 80, f"drops: {vpp.errors()}")
    still_works(wire)


def arp(wire, dst=BROADCAST, **fields):
    return bytes(Ether(dst=dst, src=wire.mac) / ARP(**{
        "op": 1, "hwsrc": wire.mac, "psrc": "10.10.1.1", "pdst": "10.10.1.2", **fields}))


ARP_CASES = {
    "hardware type": dict(hwtype=6),
    "protocol type": dict(ptype=0x86dd),
    "hardware length": dict(hwlen=8, hwsrc=b"\2" * 8, hwdst=b"\0" * 8),
    "operation 0": dict(op=0),
    "operation 99": dict(op=99),
    "sender is a group": dict(hwsrc="01:00:5e:00:00:01"),
    "sender is broadcast": dict(hwsrc=BROADCAST),
    "sender is not who sends": dict(hwsrc="02:99:99:99:99:99"),
    "from our own address": dict(psrc="10.10.1.2"),
    "from another subnet": dict(psrc="172.31.1.1"),
}


@pytest.mark.parametrize("case", list(ARP_CASES))
def test_arp_nonsense(net, case):
    vpp, (wire,) = net.by_hand(1)
    used = vpp.buffers_used()
    neighbors = vpp.neighbors()
    received = vpp.counter("host-vpp0", "rx packets")
    wire.send([arp(wire, **ARP_CASES[case])] * 3)
    lib.wait_for(lambda: vpp.counter("host-vpp0", "rx packets") == received + 3, "3 frames")
    lib.wait_for(lambda: sum(n for (node, _), n in vpp.errors().items() if node.startswith("arp"))
                 >= 3, f"3 in the errors of ARP: {vpp.errors()}")
    wire.silent(lambda f: ARP in f and f[ARP].op == 2, "ARP reply")
    assert vpp.neighbors() == neighbors
    lib.wait_for(lambda: vpp.buffers_used() <= used, "buffers to come back")
    still_works(wire)


def test_arp_cut_off(net):
    vpp, (wire,) = net.by_hand(1)
    drops = vpp.counter("host-vpp0", "drops")
    whole = arp(wire)[14:]
    wire.send([ether(wire, whole[:n], 0x0806) for n in range(0, 28)])
    lib.wait_for(lambda: vpp.counter("host-vpp0", "drops") == drops + 28, f"drops: {vpp.errors()}")
    still_works(wire)


def fragment_of(wire, data, offset, more, ident):
    return ether(wire, bytes(IP(src="10.10.1.1", dst="10.10.1.2", id=ident, proto=17,
                                frag=offset // 8, flags="MF" if more else 0) / Raw(data)))


FRAGMENT_CASES = {
    "overlap": [(0, 800, True), (400, 800, True), (1200, 100, False)],
    "overlap, teardrop": [(0, 64, True), (24, 4, False)],
    "two ends": [(0, 64, True), (64, 64, False), (128, 64, False)],
    "data behind the end": [(64, 64, False), (512, 64, True)],
    "beyond 64 KB": [(65528, 64, False)],
    "not a multiple of 8": [(0, 65, True)],
    "nothing in it": [(64, 0, True)],
}


@pytest.mark.parametrize("case", list(FRAGMENT_CASES))
def test_bad_fragments(net, case):
    vpp, (wire,) = net.by_hand(1)
    used = vpp.buffers_used()
    pieces = FRAGMENT_CASES[case]
    for ident in range(1, 9):
        wire.send([fragment_of(wire, b"f" * length, offset, more, ident)
                   for offset, length, more in pieces])
    lib.wait_for(lambda: vpp.counter("host-vpp0", "rx packets") >= 8 * len(pieces), "the fragments")
    lib.wait_for(lambda: sum(n for (_, reason), n in vpp.errors().items() if
                             "fragment" in reason or "malformed" in reason or "length" in reason)
                 >= 8, f"the errors: {vpp.errors()}")
    lib.wait_for(lambda: vpp.buffers_used() <= used, "buffers to come back", timeout=40)
    still_works(wire)


def test_random_frames(net):
    """Ten thousand, half of them good frames with a few bytes changed."""
    vpp, (wire,) = net.by_hand(1)
    used = vpp.buffers_used()
    seeded = random.Random(2024)
    seeds = [ether(wire, GOOD), arp(wire), ether(wire, ip_bytes(dst="10.10.1.255")),
             fragment_of(wire, b"z" * 64, 0, True, 5)]
    for i in range(10000):
        if i % 2:
            frame = bytearray(seeded.choice(seeds))
            for _ in range(seeded.randrange(1, 6)):
                frame[seeded.randrange(12, len(frame))] = seeded.randrange(256)
        else:
            frame = ether(wire, seeded.randbytes(seeded.randrange(0, 200)),
                          seeded.choice([0x0800, 0x0806, 0x8100, seeded.randrange(65536)]))
        wire.send(bytes(frame))
        if i % 128 == 127:
            still_works(wire)
    lib.wait_for(lambda: vpp.buffers_used() <= used, "buffers to come back", timeout=40)
    # among them may have been ARP that moved our neighbour, but that one is static
    still_works(wire)

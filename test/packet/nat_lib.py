"""What tests of NATs send and expect: every packet that comes out has right checksums, and so has what errors quote."""
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

EXTENSIONS = {0, 43, 44, 60}


def total(data):
    """The Internet checksum's sum, folded."""
    data += b"\0" * (len(data) % 2)
    n = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return n


def upper_of4(data):
    at = (data[0] & 15) * 4
    assert total(data[:at]) == 0xffff, "header checksum"
    if int.from_bytes(data[6:8], "big") & 0x3fff:
        return None
    size = int.from_bytes(data[2:4], "big") - at
    return data[9], data[at:], size, (b"" if data[9] == 1 else data[12:20] + bytes([0, data[9]]) + size.to_bytes(2, "big"))


def upper_of6(data):
    protocol, at, destination = data[6], 40, data[24:40]
    while protocol in EXTENSIONS:
        after = at + (8 if protocol == 44 else 8 * (data[at + 1] + 1))
        if protocol == 44 and int.from_bytes(data[at + 2:at + 4], "big") & 0xfff9:
            return None
        if protocol == 43 and data[at + 3]:
            assert data[at + 2] == 0, "a routing header that says otherwise where it ends"
            destination = data[after - 16:after]
        protocol, at = data[at], after
    size = int.from_bytes(data[4:6], "big") + 40 - at
    return protocol, data[at:], size, data[8:24] + destination + size.to_bytes(4, "big") + bytes([0, 0, 0, protocol])


def check(data):
    """The sums of a packet, as far as it is there, unless it is a fragment."""
    upper = (upper_of4 if data[0] >> 4 == 4 else upper_of6)(data)
    if not upper:
        return
    protocol, payload, size, pseudo = upper
    if len(payload) < size or protocol not in (1, 6, 17, 58) or (protocol == 17 and payload[6:8] == b"\0\0" and data[0] >> 4 == 4):
        return
    assert total(pseudo + payload[:size]) == 0xffff, (IP if data[0] >> 4 == 4 else IPv6)(data).show(dump=True)
    if (protocol == 1 and payload[0] in (3, 11, 12)) or (protocol == 58 and payload[0] < 128):
        check(payload[8:])


def right(packet):
    """The IP packet in a frame, whole and with right sums."""
    layer = IPv6 if IPv6 in packet and (IP not in packet or packet.type == 0x86dd) else IP
    packet = layer(bytes(packet[layer]))
    size = packet.len if layer is IP else 40 + packet.plen
    data = bytes(packet)[:size]
    assert len(data) == size
    check(data)
    return layer(data)


def through(switch, links, packets, back=False, count=None):
    """Sends IP packets from inside, or outside; what comes out on the other side."""
    source, sink = reversed(links) if back else links
    packets = packets if isinstance(packets, list) else [packets]
    out = switch.exchange(source, [source.ether() / p for p in packets], sink, count=len(packets) if count is None else count)
    return [right(p) for p in out]


def answered(switch, link, packet):
    """What comes back by the same interface."""
    (out,) = switch.exchange(link, [link.ether() / packet], link, count=1)
    return right(out)


def quoted(error):
    """The packet that an error without options or extension headers quotes."""
    data = bytes(error)
    return IP(data[28:]) if error.version == 4 else IPv6(data[48:])

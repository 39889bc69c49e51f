"""Blocks of pcapng files (draft-ietf-opsawg-pcapng), for the scripts beside it. e is "<" or ">", the byte order."""
import struct

SECONDS = 1700000000  # when all packets were captured, to the half second


def _block(kind, body, e):
    return struct.pack(e + "II", kind, len(body) + 12) + body + struct.pack(e + "I", len(body) + 12)


def section(e="<"):
    return _block(0x0A0D0D0A, struct.pack(e + "IHHq", 0x1A2B3C4D, 1, 0, -1), e)


def interface(resolution=6, snaplen=262144, e="<"):
    """Of Ethernet, times in units of 10**-resolution s."""
    options = struct.pack(e + "HHB3xHH", 9, 1, resolution, 0, 0)
    return _block(1, struct.pack(e + "HHI", 1, 0, snaplen) + options, e)


def enhanced(frame, resolution=6, index=0, e="<"):
    """A packet with its time, SECONDS and a half."""
    t = (SECONDS * 2 + 1) * 10**resolution // 2
    head = struct.pack(e + "IIIII", index, t >> 32, t & 0xFFFFFFFF, len(frame), len(frame))
    return _block(6, head + frame + bytes(-len(frame) % 4), e)


def simple(frame, e="<"):
    """A packet without a time, as long as it was."""
    return _block(3, struct.pack(e + "I", len(frame)) + frame + bytes(-len(frame) % 4), e)


def custom(data, e="<"):
    """Of the enterprise number that is for documentation (RFC 5612)."""
    return _block(0xBAD, struct.pack(e + "I", 32473) + data, e)


FRAME = bytes.fromhex("020000000002 020000000001 0800 4500001c00010000401136d1c0000201c0000202 03e9000900080000")

"""A listener for zebra's dplane_fpm_nl: one line a frame, "NUMBER: MESSAGE, MESSAGE ..."; a message is its kind and its id or prefix."""
import socket
import struct
import sys

KINDS = {24: "new-route", 25: "del-route", 104: "new-nexthop", 105: "del-nexthop"}


def attributes(data):
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack("=HH", data[:4])
        found[kind & 0x3fff] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found


def message(data):
    kind, = struct.unpack("=H", data[4:6])
    name = KINDS.get(kind, f"message-{kind}")
    if "route" in name:
        prefix = attributes(data[28:]).get(1, b"")
        return f"{name} {socket.inet_ntop(socket.AF_INET if data[16] == 2 else socket.AF_INET6, prefix)}/{data[17]}"
    found = attributes(data[24:])
    members = "+".join(str(struct.unpack("=I", found[2][i:i + 4])[0]) for i in range(0, len(found[2]), 8)) if 2 in found else ""
    return f"{name} {struct.unpack('=I', found[1])[0]}" + (f"={members}" if members else "")


def messages(frame):
    while len(frame) >= 16:
        length, = struct.unpack("=I", frame[:4])
        yield message(frame[:length])
        frame = frame[(length + 3) & ~3:]


server = socket.create_server(("127.0.0.1", 2620))
peer = server.accept()[0].makefile("rb")
number = 0
while len(header := peer.read(4)) == 4:
    number += 1
    print(f"{number}: {', '.join(messages(peer.read(struct.unpack('!H', header[2:])[0] - 4)))}", flush=True)
sys.exit()

"""BFD control packets on a0, one line each: sender, state, diagnostic, "poll" or "final", desired interval in ms; for bfd-when-daemons-stop.sh."""
import socket
import struct

STATES = ("admin-down", "down", "init", "up")
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # outgoing ones, too
s.bind(("a0", 3))
print("ready", flush=True)
while True:
    p, sender = s.recvfrom(2048)
    if sender[1] != 0x0800:
        continue
    ports = struct.unpack("!HH", p[20:24])
    if p[9] != 17 or ports[1] != 3784:
        continue
    b = p[28:]
    print(socket.inet_ntoa(p[12:16]), STATES[b[1] >> 6], b[0] & 31, "poll" if b[1] & 0x20 else "final" if b[1] & 0x10 else "-",
          struct.unpack("!I", b[12:16])[0] // 1000, flush=True)

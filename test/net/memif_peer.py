"""An end of a memif by hand: one that does what the protocol says, or not.

Records are those of the control socket, 128 bytes each; rings are in a memfd that the slave makes.
"""
import array
import fcntl
import mmap
import os
import select
import socket
import struct
import time

from shared_words import SharedWords

ACK, HELLO, INIT, ADD_REGION, ADD_RING, CONNECT, CONNECTED, DISCONNECT = range(1, 9)
COOKIE = 0x03e31f20
RECORD = 128
RING_HEADER, DESC = 128, 16
F_ADD_SEALS, F_SEAL_SHRINK = 1033, 2
S2M, M2S = "s2m", "m2s"


def ring_bytes(log2):
    return RING_HEADER + (DESC << log2)


def wait_for_packet(rings, filled, timeout):
    """Number of the first of these rings that is filled; None: none was for so long."""
    poll, end = select.poll(), time.monotonic() + timeout
    for ring in rings:
        poll.register(ring.fd, select.POLLIN)
    while True:
        for i, ring in enumerate(rings):
            if filled(ring):
                return i
        if time.monotonic() > end:
            return None
        for fd, _ in poll.poll(100):
            try:
                os.read(fd, 8)
            except BlockingIOError:
                pass


class Peer:
    """What both ends have in common."""

    def __init__(self, sock):
        self.socket = sock
        self.socket.settimeout(30)

    def close(self):
        self.socket.close()

    def send(self, kind, body=b"", fds=()):
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([(struct.pack("=H", kind) + body).ljust(RECORD, b"\0")], extra)

    def receive(self):
        """(type, body, descriptors); (0, b"", []) at the end."""
        try:
            data, extra, _, _ = self.socket.recvmsg(RECORD + 1, socket.CMSG_SPACE(4 * 4))
        except ConnectionResetError:  # once, where it closed with messages unread: what it said before is still there
            data, extra, _, _ = self.socket.recvmsg(RECORD + 1, socket.CMSG_SPACE(4 * 4))
        fds = array.array("i")
        for level, kind, value in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(value[:len(value) - len(value) % fds.itemsize])
        if not data:
            return 0, b"", []
        assert len(data) == RECORD
        return struct.unpack_from("=H", data)[0], data[2:], list(fds)

    def expect(self, kind):
        got, body, _ = self.receive()
        assert got == kind, f"message {got}, not {kind}: {body[:100]}"
        return body

    def reason(self):
        """Why the other end disconnects; None: it says nothing, and closes. ACKs before are read."""
        while True:
            kind, body, _ = self.receive()
            if kind == DISCONNECT:
                return body[4:100].split(b"\0")[0].decode()
            if not kind:
                return None
            assert kind in (ACK, CONNECTED), kind


class Ring:
    """A ring of 1 << log2 slots in memory."""

    def __init__(self, memory, offset, log2, fd):
        self.memory, self.offset, self.log2, self.fd = memory, offset, log2, fd
        self.size = 1 << log2
        self.words = SharedWords(memory)

    def _field(self, at, value):
        if value is None:
            return self.words[self.offset + at]
        self.words[self.offset + at] = value & 0xffff
        return None

    def flags(self, value=None):
        return self._field(4, value)

    def head(self, value=None):
        return self._field(6, value)

    def tail(self, value=None):
        return self._field(64, value)

    def desc(self, slot, flags=None, region=0, length=0, offset=0):
        """(flags, region, length, offset); or sets them."""
        at = self.offset + RING_HEADER + DESC * (slot & (self.size - 1))
        if flags is None:
            return struct.unpack_from("=HHII", self.memory, at)
        return struct.pack_into("=HHIII", self.memory, at, flags, region, length, offset, 0)

    def ring_bell(self):
        os.write(self.fd, struct.pack("=Q", 1))


class Slave(Peer):
    """Makes memory and rings: `queues` each way, then the buffers of all slots, in region 0."""

    def __init__(self, path, ident=0, mode=0, secret=b"", log2=6, queues=1, buffer_bytes=2048):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.connect(path)
        super().__init__(sock)
        self.ident, self.mode, self.secret = ident, mode, secret
        self.log2, self.queues, self.buffer_bytes = log2, queues, buffer_bytes
        self.slots_at = 2 * queues * ring_bytes(log2)
        self.bytes = self.slots_at + ((2 * queues * buffer_bytes) << log2)
        self.fd = os.memfd_create("peer", os.MFD_CLOEXEC | 2)
        os.ftruncate(self.fd, self.bytes)
        self.memory = mmap.mmap(self.fd, self.bytes)
        self.bells = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(2 * queues)]
        rings = [Ring(self.memory, i * ring_bytes(log2), log2, self.bells[i]) for i in range(2 * queues)]
        self.rings = {S2M: rings[:queues], M2S: rings[queues:]}
        self.hello = self.expect(HELLO)
        for i, ring in enumerate(rings):
            struct.pack_into("=I", self.memory, ring.offset, COOKIE)
            for slot in range(ring.size):
                ring.desc(slot, 0, 0, buffer_bytes, self.slot_offset(i, slot))

    def slot_offset(self, ring, slot):
        return self.slots_at + ((ring << self.log2) + (slot & ((1 << self.log2) - 1))) * self.buffer_bytes

    def close(self):
        super().close()
        for fd in (self.fd, *self.bells) if not self.memory.closed else ():
            os.close(fd)
        for ring in self.rings[S2M] + self.rings[M2S]:
            ring.words.release()
        self.memory.close()

    def seal(self):
        fcntl.fcntl(self.fd, F_ADD_SEALS, F_SEAL_SHRINK)

    # ---- the handshake, step by step

    def send_init(self, version=0x200):
        self.send(INIT, struct.pack("=HIB24s32s", version, self.ident, self.mode, self.secret, b"by hand"))

    def send_region(self, index=0, size=None, fds=None):
        self.send(ADD_REGION, struct.pack("=HQ", index, self.bytes if size is None else size),
                  (self.fd,) if fds is None else fds)

    def send_ring(self, direction, index=0, region=0, offset=None, log2=None, private=0, fds=None):
        ring = self.rings[direction][min(index, self.queues - 1)]
        self.send(ADD_RING, struct.pack("=HHHIBH", direction == S2M, index, region,
                                        ring.offset if offset is None else offset,
                                        self.log2 if log2 is None else log2, private),
                  (ring.fd,) if fds is None else fds)

    def begin(self):
        """Up to where CONNECT would come."""
        self.send_init()
        self.expect(ACK)
        self.send_region()
        self.expect(ACK)
        for direction in (S2M, M2S):
            for i in range(self.queues):
                self.send_ring(direction, i)
                self.expect(ACK)

    def connect(self):
        self.begin()
        self.send(CONNECT, b"hand0")
        self.remote_name = self.expect(CONNECTED)[:32].split(b"\0")[0].decode()
        for ring in self.rings[M2S]:
            ring.head(ring.size)
        return self

    # ---- packets

    def put(self, *packets, queue=0, show=True):
        """Packets into slots; one is bytes, or a list of what its slots hold."""
        ring = self.rings[S2M][queue]
        head = ring.head()
        for packet in packets:
            parts = packet if isinstance(packet, list) else [packet]
            for i, part in enumerate(parts):
                at = self.slot_offset(queue, head)
                self.memory[at:at + len(part)] = part
                ring.desc(head, int(i + 1 < len(parts)), 0, len(part), at)
                head += 1
        if show:
            ring.head(head)
            ring.ring_bell()

    def get(self, timeout=30):
        """A packet that the master has sent, its slots joined; None: nothing came."""
        queue = wait_for_packet(self.rings[M2S], lambda r: r.tail() != (r.head() - r.size) & 0xffff, timeout)
        if queue is None:
            return None
        ring = self.rings[M2S][queue]
        at = ring.head() - ring.size
        packet = b""
        while True:
            flags, _, length, _ = ring.desc(at)
            start = self.slot_offset(self.queues + queue, at)
            packet += self.memory[start:start + length]
            ring.desc(at, 0, 0, self.buffer_bytes, start)
            at += 1
            ring.head(at + ring.size)
            if not flags & 1:
                break
        return packet


class Master:
    """Listens; peers come by accept()."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(path)
        self.socket.listen(5)
        self.socket.settimeout(60)

    def accept(self, **hello):
        return MasterPeer(self.socket.accept()[0], **hello)

    def close(self):
        self.socket.close()


class MasterPeer(Peer):
    def __init__(self, sock, versions=(0x200, 0x200), max_ring=255, max_log2=14, hello=True):
        super().__init__(sock)
        self.regions, self.rings, self.fds = [], {S2M: [], M2S: []}, []
        if hello:
            self.send(HELLO, struct.pack("=32sHHHHHB", b"master by hand", *versions, 255, max_ring, max_ring, max_log2))

    def close(self):
        super().close()
        for fd in self.fds:
            os.close(fd)

    def connect(self):
        """Answers until the slave says CONNECT."""
        kind, self.init, _ = self.receive()
        assert kind == INIT, kind
        self.send(ACK)
        while True:
            kind, body, fds = self.receive()
            self.fds += fds
            if kind == ADD_REGION:
                index, size = struct.unpack_from("=HQ", body)
                assert index == len(self.regions)
                self.regions.append(mmap.mmap(fds[0], size))
            elif kind == ADD_RING:
                flags, index, region, offset, log2, _ = struct.unpack_from("=HHHIBH", body)
                rings = self.rings[S2M if flags & 1 else M2S]
                assert index == len(rings)
                rings.append(Ring(self.regions[region], offset, log2, fds[0]))
            else:
                assert kind == CONNECT, kind
                break
            self.send(ACK)
        self.send(CONNECTED, b"hand0")
        return self

    def put(self, packet, queue=0):
        """A packet into a slot that the slave offers."""
        ring = self.rings[M2S][queue]
        tail = ring.tail()
        assert ring.head() != tail
        _, region, room, offset = ring.desc(tail)
        assert room >= len(packet)
        self.regions[region][offset:offset + len(packet)] = packet
        ring.desc(tail, 0, region, len(packet), offset)
        ring.tail(tail + 1)
        ring.ring_bell()

    def get(self, timeout=30):
        queue = wait_for_packet(self.rings[S2M], lambda r: r.head() != r.tail(), timeout)
        if queue is None:
            return None
        ring = self.rings[S2M][queue]
        tail = ring.tail()
        packet = b""
        while True:
            flags, region, length, offset = ring.desc(tail)
            packet += self.regions[region][offset:offset + length]
            tail += 1
            if not flags & 1:
                break
        ring.tail(tail)
        return packet

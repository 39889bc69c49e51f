"""The front end of a vhost-user socket by hand: a guest that does what virtio says, or not.

Its memory is a memfd, in one region or several; rings and buffers lie in it one behind the other. Numbers in rings are
little-endian (VERSION_1).
"""
import array
import mmap
import os
import select
import socket
import struct
import time

from shared_words import SharedWords

GET_FEATURES, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE, SET_LOG_BASE, SET_LOG_FD = range(1, 8)
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR = range(8, 15)
GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_VRING_ENABLE, SEND_RARP, NET_SET_MTU = range(15, 21)
GET_INFLIGHT_FD, SET_INFLIGHT_FD = 31, 32
RESET_DEVICE, GET_MAX_MEM_SLOTS, ADD_MEM_REG, REM_MEM_REG, SET_STATUS, GET_STATUS = 34, 36, 37, 38, 39, 40

CSUM, GUEST_CSUM, GUEST_TSO4, HOST_TSO4, MRG_RXBUF, MQ = 1 << 0, 1 << 1, 1 << 7, 1 << 11, 1 << 15, 1 << 22
LOG_ALL, INDIRECT, EVENT_IDX, PROTOCOL, VERSION_1, PACKED = 1 << 26, 1 << 28, 1 << 29, 1 << 30, 1 << 32, 1 << 34
REPLY_ACK, LOG_SHMFD, INFLIGHT = 1 << 3, 1 << 1, 1 << 12

NEXT, WRITE, IS_INDIRECT = 1, 2, 4
AVAIL, USED = 1 << 7, 1 << 15
HEADER = 12
BUFFER = 2048
RX, TX = 0, 1  # as the guest sees them: virtqueues 2k and 2k + 1

GUEST_BASE, USER_BASE = 0x40000000, 0x7000_0000_0000


def little_endian(word):
    return struct.unpack("=H", struct.pack("<H", word))[0]


class Memory:
    """The guest's, handed out from its beginning on."""

    def __init__(self, size=8 << 20, pieces=1):
        self.fd = os.memfd_create("guest", os.MFD_CLOEXEC)
        self.size, self.pieces, self.used = size, pieces, 0
        os.ftruncate(self.fd, size)
        self.map = mmap.mmap(self.fd, size)
        self.words = SharedWords(self.map)

    def take(self, n, align=64):
        at = (self.used + align - 1) // align * align
        self.used = at + n
        assert self.used <= self.size
        return at

    def regions(self):
        """(guest address, bytes, user address, offset in the file), one behind the other."""
        each = self.size // self.pieces
        return [(GUEST_BASE + i * each, each, USER_BASE + i * each, i * each) for i in range(self.pieces)]

    def read(self, at, n):
        return self.map[at:at + n]

    def write(self, at, data):
        self.map[at:at + len(data)] = data

    def get(self, fmt, at):
        return struct.unpack_from("<" + fmt, self.map, at)

    def word(self, at):
        """An index, or flags: what one side may look at as the other writes it."""
        return little_endian(self.words[at])

    def set_word(self, at, value):
        self.words[at] = little_endian(value & 0xffff)

    def set(self, fmt, at, *values):
        struct.pack_into("<" + fmt, self.map, at, *values)


class Ring:
    """What both kinds have in common: buffers by number, and descriptors to be woken by."""

    def __init__(self, memory, size, buffer_bytes):
        self.memory, self.size, self.buffer_bytes = memory, size, buffer_bytes
        self.kick_fd, self.call_fd, self.err_fd = (os.eventfd(0, os.EFD_NONBLOCK) for _ in range(3))
        self.buffers = memory.take(size * buffer_bytes)
        self.kicks = 0

    def buffer(self, i):
        return self.buffers + (i % self.size) * self.buffer_bytes

    def kick(self):
        os.eventfd_write(self.kick_fd, 1)
        self.kicks += 1

    def called(self):
        try:
            return os.eventfd_read(self.call_fd)
        except BlockingIOError:
            return 0

    def close(self):
        for fd in (self.kick_fd, self.call_fd, self.err_fd):
            os.close(fd)


class Split(Ring):
    def __init__(self, memory, size, buffer_bytes):
        super().__init__(memory, size, buffer_bytes)
        self.desc_at, self.avail_at, self.used_at = memory.take(16 * size), memory.take(6 + 2 * size), memory.take(6 + 8 * size)
        self.next_avail = self.next_used = 0

    def base(self):
        return self.next_used & 0xffff

    def room(self):
        return self.size - (self.next_avail - self.next_used)

    def desc(self, i, addr, length, flags=0, following=0):
        self.memory.set("QIHH", self.desc_at + 16 * i, addr, length, flags, following)

    def show(self, head):
        """A chain that begins at descriptor `head` is available."""
        self.memory.set_word(self.avail_at + 4 + 2 * (self.next_avail % self.size), head)
        self.next_avail += 1
        self.idx(self.next_avail)

    def idx(self, value):
        self.memory.set_word(self.avail_at + 2, value)

    def used_idx(self):
        return self.memory.word(self.used_at + 2)

    def done(self):
        """(id, length) of the next that was used, or None."""
        if self.used_idx() == self.next_used & 0xffff:
            return None
        self.next_used += 1
        return self.memory.get("II", self.used_at + 4 + 8 * ((self.next_used - 1) % self.size))

    def wants_kick(self):
        return not self.memory.word(self.used_at) & 1

    def wants_kick_at(self):
        return self.memory.word(self.used_at + 4 + 8 * self.size)

    def want_call_at(self, index):
        self.memory.set_word(self.avail_at + 4 + 2 * self.size, index)

    def want_calls(self, wanted):
        self.memory.set_word(self.avail_at, 0 if wanted else 1)

    def offer(self, pieces, flags=0):
        """A chain of (offset, bytes) is available, with descriptors from the head's place on."""
        head = self.next_avail * (1 if len(pieces) == 1 else 4) % self.size
        for i, (at, length) in enumerate(pieces):
            last = i + 1 == len(pieces)
            self.desc(head + i, GUEST_BASE + at, length, flags | (0 if last else NEXT), head + i + 1)
        self.show(head)


class Packed(Ring):
    def __init__(self, memory, size, buffer_bytes):
        super().__init__(memory, size, buffer_bytes)
        self.desc_at, self.avail_at, self.used_at = memory.take(16 * size), memory.take(4), memory.take(4)
        self.next_avail = self.next_used = 0
        self.wrap_avail = self.wrap_used = True
        self.slots = {}  # of chains by their id

    def base(self):
        return self.next_used | (0x8000 if self.wrap_used else 0)

    def room(self):
        return self.size - sum(self.slots.values())

    def offer(self, pieces, flags=0, ident=None):
        first = None
        ident = self.next_avail if ident is None else ident
        self.slots[ident] = len(pieces)
        for i, (at, length) in enumerate(pieces):
            say = flags | (NEXT if i + 1 < len(pieces) else 0) | (AVAIL if self.wrap_avail else USED)
            place = self.desc_at + 16 * self.next_avail
            self.memory.set("QIH", place, GUEST_BASE + at, length, ident)
            if first is None:
                first = place, say
            else:
                self.memory.set_word(place + 14, say)
            self.next_avail += 1
            if self.next_avail == self.size:
                self.next_avail, self.wrap_avail = 0, not self.wrap_avail
        self.memory.set_word(first[0] + 14, first[1])

    def done(self):
        place = self.desc_at + 16 * self.next_used
        flags = self.memory.word(place + 14)
        if bool(flags & AVAIL) != self.wrap_used or bool(flags & USED) != self.wrap_used:
            return None
        length, ident = self.memory.get("IH", place + 8)
        self.next_used += self.slots.pop(ident)
        if self.next_used >= self.size:
            self.next_used, self.wrap_used = self.next_used - self.size, not self.wrap_used
        return ident, length

    def wants_kick(self):
        return self.memory.word(self.used_at + 2) != 1

    def want_calls(self, wanted):
        self.memory.set_word(self.avail_at + 2, 0 if wanted else 1)


def listen(path):
    """For a switch that connects."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.bind(path)
    s.listen(4)
    s.settimeout(30)
    return s


def connect(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(path)
    return s


class Guest:
    """What stays when the socket is lost: memory and rings, `pairs` of them."""

    def __init__(self, features=VERSION_1 | MRG_RXBUF | INDIRECT | PROTOCOL, protocol=REPLY_ACK, pairs=1, size=64, buffer_bytes=BUFFER,
                 pieces=1):
        self.features, self.protocol, self.pairs, self.size = features, protocol, pairs, size
        self.memory = Memory(pieces=pieces)
        kind = Packed if features & PACKED else Split
        self.rings = [kind(self.memory, size, buffer_bytes) for _ in range(2 * pairs)]
        self.socket = None
        self.inflight = None  # (descriptor, message about it), of what a switch keeps there

    # ---- messages

    def send(self, request, body=b"", fds=(), need_reply=None, flags=1):
        if need_reply is None:
            need_reply = self.protocol & REPLY_ACK
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([struct.pack("=III", request, flags | (8 if need_reply else 0), len(body)) + body], extra)

    def _read(self, n):
        data, fds = b"", array.array("i")
        while len(data) < n:
            got, extra, _, _ = self.socket.recvmsg(n - len(data), socket.CMSG_SPACE(4 * 4))
            for level, kind, value in extra:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(value[:len(value) - len(value) % fds.itemsize])
            if not got:
                raise EOFError("the switch has closed the socket")
            data += got
        return data, list(fds)

    def reply(self, request):
        """(body, descriptors) of the answer."""
        head, fds = self._read(12)
        got, flags, size = struct.unpack("=III", head)
        assert (got, flags) == (request, 5), (request, got, flags)
        return self._read(size)[0] if size else b"", fds

    def ask(self, request, body=b""):
        self.send(request, body, need_reply=False)
        return self.reply(request)[0]

    def ask_u64(self, request):
        return struct.unpack("=Q", self.ask(request))[0]

    def tell(self, request, body=b"", fds=()):
        """0, or what the switch says: it does not take it."""
        self.send(request, body, fds)
        return struct.unpack("=Q", self.reply(request)[0])[0] if self.protocol & REPLY_ACK else 0

    def tell_u64(self, request, value, fds=()):
        return self.tell(request, struct.pack("=Q", value), fds)

    # ---- the usual conversation

    def attach(self, sock, fresh_base=False):
        """Over a new socket, with the rings as they are."""
        self.socket = sock
        sock.settimeout(30)
        self.offered = self.ask_u64(GET_FEATURES)
        if self.features & PROTOCOL:
            assert self.ask_u64(GET_PROTOCOL_FEATURES) & self.protocol == self.protocol
            assert not self.tell_u64(SET_PROTOCOL_FEATURES, self.protocol)  # answered already, as user-mode Linux wants it
        assert not self.tell(SET_OWNER)
        assert not self.tell_u64(SET_FEATURES, self.features & self.offered | self.features & PROTOCOL)
        self.say_memory()
        if self.inflight:
            assert not self.tell(SET_INFLIGHT_FD, self.inflight[1], [self.inflight[0]])
        for i in range(len(self.rings)):
            self.say_ring(i, fresh_base)
        return self

    def say_memory(self):
        regions = self.memory.regions()
        body = struct.pack("=II", len(regions), 0) + b"".join(struct.pack("=QQQQ", *r) for r in regions)
        assert not self.tell(SET_MEM_TABLE, body, [self.memory.fd] * len(regions))

    def say_addr(self, i, log=None):
        ring = self.rings[i]
        return self.tell(SET_VRING_ADDR, struct.pack("=IIQQQQ", i, 1 if log is not None else 0, USER_BASE + ring.desc_at, USER_BASE + ring.used_at,
                                                     USER_BASE + ring.avail_at, log or 0))

    def say_ring(self, i, fresh_base=False):
        ring = self.rings[i]
        base = (0x8000 if self.features & PACKED else 0) if fresh_base else ring.base()
        assert not self.tell(SET_VRING_NUM, struct.pack("=II", i, ring.size))
        assert not self.tell(SET_VRING_BASE, struct.pack("=II", i, base))
        assert not self.say_addr(i)
        assert not self.tell_u64(SET_VRING_CALL, i, [ring.call_fd])
        assert not self.tell_u64(SET_VRING_ERR, i, [ring.err_fd])
        assert not self.tell_u64(SET_VRING_KICK, i, [ring.kick_fd])
        if self.features & PROTOCOL:
            assert not self.tell(SET_VRING_ENABLE, struct.pack("=II", i, 1))

    def keep_inflight(self):
        """Has the switch make memory for that, and hands it back; returns it."""
        self.send(GET_INFLIGHT_FD, struct.pack("=QQHHI", 0, 0, len(self.rings), self.size, 0), need_reply=False)
        body, [fd] = self.reply(GET_INFLIGHT_FD)
        size, offset, queues, length, _ = struct.unpack("=QQHHI", body)
        assert (offset, queues, length) == (0, len(self.rings), self.size)
        self.inflight = fd, body
        assert not self.tell(SET_INFLIGHT_FD, body, [fd])
        return mmap.mmap(fd, size)

    def stop_ring(self, i):
        return struct.unpack("=II", self.ask(GET_VRING_BASE, struct.pack("=II", i, 0)))[1]

    def detach(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def close(self):
        self.detach()
        if self.inflight:
            os.close(self.inflight[0])
        for ring in self.rings:
            ring.close()
        os.close(self.memory.fd)

    # ---- packets

    def post(self, pair=0, count=16, pieces=None):
        """Buffers to receive into, as many as there is room for."""
        ring = self.rings[2 * pair + RX]
        for _ in range(min(count, ring.room())):
            at = ring.buffer(ring.next_avail)
            ring.offer(pieces(at) if pieces else [(at, ring.buffer_bytes)], WRITE)

    def put(self, frame, pair=0, header=bytes(HEADER), cuts=(), indirect=False, kick=True):
        """Sends one, as a chain that is cut at these bytes of header and frame."""
        ring = self.rings[2 * pair + TX]
        at = ring.buffer(ring.next_avail)
        data = header + frame
        self.memory.write(at, data)
        ends = [*cuts, len(data)]
        pieces = [(at + a, b - a) for a, b in zip([0, *cuts], ends)]
        if indirect:
            table = self.memory.take(16 * len(pieces), 16)
            for i, (where, length) in enumerate(pieces):
                last = i + 1 == len(pieces)
                self.memory.set("QIHH", table + 16 * i, GUEST_BASE + where, length,
                                *((0, 0) if self.features & PACKED else (0 if last else NEXT, i + 1)))
            ring.offer([(table, 16 * len(pieces))], IS_INDIRECT)
        else:
            ring.offer(pieces)
        if kick:
            ring.kick()

    def _wait(self, ring, timeout):
        poll, end = select.poll(), time.monotonic() + timeout
        poll.register(ring.call_fd, select.POLLIN)
        while True:
            done = ring.done()
            if done or time.monotonic() > end:
                return done
            poll.poll(20)
            ring.called()

    def sent(self, pair=0, timeout=30):
        """(id, length) of the next chain that the switch gives back."""
        return self._wait(self.rings[2 * pair + TX], timeout)

    def get(self, pair=0, timeout=30):
        """(header, frame) of the next packet, of buffers that post() has offered in one piece; None: none came."""
        ring = self.rings[2 * pair + RX]
        done = self._wait(ring, timeout)
        if not done:
            return None
        data = self._take(ring, done)
        header = data[:HEADER]
        for _ in range(struct.unpack_from("<H", header, 10)[0] - 1):
            data += self._take(ring, self._wait(ring, timeout))
        return header, data[HEADER:]

    def _take(self, ring, done):
        ident, length = done
        at = self.memory.get("Q", ring.desc_at + 16 * ident)[0] - GUEST_BASE
        return self.memory.read(at, length)

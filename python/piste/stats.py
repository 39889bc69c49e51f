"""Reader of the stats segment, written from the description of its layout, without any of the switch's own code: the tests
use it.

    from piste import Stats
    with Stats("/run/vpp/stats.sock") as stats:
        print(stats["/sys/heartbeat"], stats["/if/names"])
        print(stats["/interfaces/local0/rx"])     # [(packets, bytes) of thread 0, of thread 1, ...]
        for name in stats.names("^/err/"):
            print(name, sum(stats[name]))

What is read is whole, or read again: the segment says when it changed meanwhile. Every address is checked against the
segment before it is used.
"""
import array
import mmap
import os
import re
import socket
import struct
import sys
import time

SCALAR, SIMPLE, COMBINED, NAMES, EMPTY, SYMLINK, HISTOGRAM, RING, GAUGE = range(1, 10)
HEADER_BYTES = 40  # version, base, epoch, in_progress, directory
ENTRY_BYTES = 144
VERSION = 2


class StatsError(Exception):
    """Not a stats segment, or one that refers to what lies outside of it."""


class Changed(Exception):
    """The segment changed while it was read."""


class Entry:
    """One entry of the directory: type, name, its 8 bytes as number and as two indices."""

    def __init__(self, raw, order):
        self.type, value, name = struct.unpack(order + "I4x8s128s", raw)
        self.value, = struct.unpack(order + "Q", value)
        self.index1, self.index2 = struct.unpack(order + "II", value)
        self.name = name.split(b"\0", 1)[0].decode()


def receive_fd(path, timeout=5.0):
    """The descriptor that the switch sends to everybody who connects."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(timeout)
        s.connect(path)
        data, control, flags, _ = s.recvmsg(1, socket.CMSG_SPACE(4))
    if data or flags or len(control) != 1 or control[0][:2] != (socket.SOL_SOCKET, socket.SCM_RIGHTS):
        raise StatsError(f"unexpected answer: {data} {control} {flags}")
    return struct.unpack("=i", control[0][2])[0]


class Stats:
    """A mapped segment."""

    def __init__(self, path=None, fd=None, data=None):
        """path: of the socket; or a descriptor, which stays the caller's; or bytes."""
        if data is None:
            own = fd is None
            fd = receive_fd(path) if own else fd
            self.map = mmap.mmap(fd, os.fstat(fd).st_size, mmap.MAP_SHARED, mmap.PROT_READ)
            if own:
                os.close(fd)
        else:
            self.map = data
        self.size = len(self.map)
        header = self.bytes(0, HEADER_BYTES)
        self.order = "<" if header[0] else ">"  # of the switch: qemu may run it for another processor
        version, self.base = struct.unpack(self.order + "QQ24x", header)
        if version != VERSION:
            raise StatsError(f"version {version}")

    def close(self):
        if isinstance(self.map, mmap.mmap):
            self.map.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- bytes ---

    def bytes(self, offset, count):
        if offset < 0 or count < 0 or offset + count > self.size:
            raise StatsError(f"{count} bytes at {offset} of {self.size}")
        return self.map[offset:offset + count]

    def number(self, offset, code="Q"):
        return struct.unpack(self.order + code, self.bytes(offset, struct.calcsize(self.order + code)))[0]

    def vector(self, pointer, width):
        """Offset and number of elements of a vector, all of which lie within."""
        if not pointer:
            return 0, 0
        offset = pointer - self.base
        count = self.number(offset - 8, "I")
        if offset < 8 or offset + count * width > self.size:
            raise StatsError(f"vector of {count} * {width} bytes at {offset} of {self.size}")
        return offset, count

    @property
    def epoch(self):
        return self.number(16)

    def whole(self, read, timeout=10.0):
        """What read() returns when nothing changed while it ran."""
        end = time.monotonic() + timeout
        while True:
            epoch, in_progress = self.number(16), self.number(24)
            if not in_progress:
                try:
                    result = read()
                except (StatsError, Changed, UnicodeDecodeError):
                    # half of one state and half of another: only a fault when it stands still
                    if self.number(16) == epoch and not self.number(24):
                        raise
                else:
                    if self.number(16) == epoch and not self.number(24):
                        return result
            if time.monotonic() > end:
                raise StatsError(f"changed for {timeout} s")

    # --- entries ---

    def entries(self):
        """The directory as it is now, free entries too."""
        return self.whole(self._entries)

    def _entries(self):
        offset, count = self.vector(self.number(32), ENTRY_BYTES)
        raw = self.bytes(offset, count * ENTRY_BYTES)
        return [Entry(raw[i:i + ENTRY_BYTES], self.order) for i in range(0, len(raw), ENTRY_BYTES)]

    def names(self, pattern=""):
        return [e.name for e in self.entries() if e.type != EMPTY and re.search(pattern, e.name)]

    def __contains__(self, name):
        return any(e.type != EMPTY and e.name == name for e in self.entries())

    def __getitem__(self, name):
        """scalar, gauge: a number. simple: rows of numbers; combined: rows of (packets, bytes); a
        row is a thread. Names: a list. A link: the column that it shows, an item a thread."""
        return self.whole(lambda: self._get(name))

    def read(self, names):
        """Several at once, of the same moment: a dict. Names that are not there are left out."""
        def get():
            directory = self._entries()
            wanted = set(names)
            return {e.name: self._value(directory, e) for e in directory
                    if e.type != EMPTY and e.name in wanted}
        return self.whole(get)

    def _get(self, name):
        directory = self._entries()
        for entry in directory:
            if entry.name == name and entry.type != EMPTY:
                return self._value(directory, entry)
        raise KeyError(name)

    def _value(self, directory, entry):
        if entry.type in (SCALAR, GAUGE):
            return entry.value
        if entry.type in (SIMPLE, HISTOGRAM, COMBINED):
            return [self._row(row, entry.type == COMBINED) for row in self._pointers(entry.value)]
        if entry.type == NAMES:
            return [self._name(p) for p in self._pointers(entry.value)]
        if entry.type == SYMLINK:
            if entry.index1 >= len(directory):
                raise StatsError(f"{entry.name} leads to {entry.index1} of {len(directory)}")
            target = directory[entry.index1]
            if target.type not in (SIMPLE, COMBINED):
                raise StatsError(f"{entry.name} leads to type {target.type}")
            return [self._cell(row, target.type == COMBINED, entry.index2)
                    for row in self._pointers(target.value)]
        raise StatsError(f"{entry.name} has type {entry.type}")

    def _pointers(self, pointer):
        offset, count = self.vector(pointer, 8)
        return struct.unpack(f"{self.order}{count}Q", self.bytes(offset, 8 * count))

    def _row(self, pointer, pairs):
        width = 16 if pairs else 8
        offset, count = self.vector(pointer, width)
        numbers = array.array("Q", self.bytes(offset, count * width))
        if (self.order == "<") != (sys.byteorder == "little"):
            numbers.byteswap()
        return list(zip(numbers[::2], numbers[1::2])) if pairs else numbers.tolist()

    def _cell(self, pointer, pairs, column):
        width = 16 if pairs else 8
        offset, count = self.vector(pointer, width)
        if column >= count:
            raise StatsError(f"column {column} of {count}")
        at = offset + column * width
        return (self.number(at), self.number(at + 8)) if pairs else self.number(at)

    def _name(self, pointer):
        if not pointer:
            return None
        offset, count = self.vector(pointer, 1)
        return self.bytes(offset, count).split(b"\0", 1)[0].decode()

"""What the packet tests are made of: a daemon whose only interfaces are the packet generator's.

Nothing of the kernel's network is used, so no root is needed, and nothing is waited for but the daemon
itself: frames are written to a file, a stream replays it, what comes out is captured to another file.

    pg0 = switch.pg(0, "10.0.0.1/24")            # an interface pg0, up, with an address and a neighbour
    pg1 = switch.pg(1, "10.0.1.1/24")
    out = switch.exchange(pg0, [frame], pg1)     # scapy packets that left through pg1
"""
import collections
import contextlib
import ctypes
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/../net", HERE + "/../../python"]

import lib  # noqa: E402  pylint: disable=wrong-import-position
from lib import EMULATED, PATIENCE, wait_for  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import

from scapy.layers.inet import IP  # noqa: E402  pylint: disable=wrong-import-position
from scapy.layers.l2 import Ether  # noqa: E402  pylint: disable=wrong-import-position

LINK_ETHERNET, LINK_RAW_IP = 1, 12
IAC, SB, SE, DO = b"\xff", b"\xfa", b"\xf0", b"\xfd"
ASK_FOR_FAILURES = IAC + DO + bytes([200])  # see src/control/cli_telnet.h
TERMINAL = IAC + SB + b"\x18\x00vppctl" + IAC + SE
GREETING_BYTES = 36
SUBNETS = {"ip4": "10.0.{}.1/24", "ip6": "2001:db8:{}::1/64"}  # of interfaces, by number
FAR = {"ip4": "198.51.100.{}", "ip6": "2001:db8:ffff::{}"}  # behind none of them

libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    libc.prctl(lib.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Here:
    """In place of a namespace: where this process is."""

    def popen(self, argv, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(argv, preexec_fn=_die_with_parent, **kwargs)

    def close(self):
        pass


class Answer:
    """As subprocess.run gives it."""

    def __init__(self, returncode, stdout):
        self.returncode, self.stdout = returncode, stdout


class Cli:
    """One session for all commands of a test: a command takes microseconds."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30 * PATIENCE)
        self.socket.connect(path)
        self._take(GREETING_BYTES)
        self.socket.sendall(ASK_FOR_FAILURES + TERMINAL)
        self._take(3)  # that it will

    def _take(self, n):
        got = b""
        while len(got) < n:
            part = self.socket.recv(n - len(got))
            if not part:
                raise ConnectionError("the CLI socket was closed")
            got += part
        return got

    def run(self, command):
        self.socket.sendall(command.encode() + b"\n\0")
        out = b""
        while not out.endswith(b"\0"):
            part = self.socket.recv(1 << 20)
            if not part:
                raise ConnectionError("the CLI socket was closed")
            out += part
        failed = out.endswith(b"\x01\0")
        return Answer(int(failed), out[:-2 if failed else -1].decode().replace("\r\n", "\n"))

    def close(self):
        self.socket.close()


def hop_limit(packet):
    """Or TTL."""
    return packet["IP"].ttl if "IP" in packet else packet["IPv6"].hlim


# --- pcap files


def write_pcap(path, packets, link=LINK_ETHERNET):
    with open(path, "wb") as f:
        f.write(struct.pack("=IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65536, link))
        for packet in packets:
            data = bytes(packet)
            f.write(struct.pack("=IIII", 0, 0, len(data), len(data)) + data)


class Records:
    """What is in a pcap file, as bytes."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        self.order = order = ">" if data[:1] == b"\xa1" else "<"  # that of the switch
        (self.magic, self.major, self.minor, self.zone, self.sigfigs, self.snap,
         self.link) = struct.unpack_from(order + "IHHIIII", data)
        self.frames, self.times, self.lengths = [], [], []
        at = 24
        while at < len(data):
            seconds, micros, included, length = struct.unpack_from(order + "IIII", data, at)
            assert len(data) >= at + 16 + included, "the file ends within a packet"
            self.frames.append(data[at + 16:at + 16 + included])
            self.times.append(seconds + micros / 1e6)
            self.lengths.append(length)
            at += 16 + included

    def solicited(self):
        """Frames but for announcements of addresses and groups, which come some time after an address was set."""
        return [f for f in self.frames if self.link != LINK_ETHERNET or not announces(f)]

    def packets(self):
        return self.decoded(self.solicited())

    def decoded(self, frames):
        decode = Ether if self.link == LINK_ETHERNET else IP
        return [decode(frame) for frame in frames]


def announces(frame):
    """Whether it is an ARP request of an address for itself (RFC 5227 3), or reports groups (RFC 3810)."""
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    if frame[at:at + 2] == b"\x86\xdd":  # behind a hop-by-hop header
        return frame[at + 8:at + 9] == b"\0" and frame[at + 42:at + 43] == b"\x3a" and frame[at + 50:at + 51] in b"\x83\x84\x8f"
    arp = frame[at + 2:at + 30]
    return frame[at:at + 2] == b"\x08\x06" and arp[6:8] == b"\x00\x01" and arp[14:18] == arp[24:28]


# --- the daemon


class Pg:
    """An interface of the packet generator, and the host that is thought to be on its wire."""

    def __init__(self, switch, number, address, mode):
        self.switch = switch
        self.number = number
        self.name = f"pg{number}"
        self.mode = mode
        self.mac = f"02:00:00:00:{number:02x}:01"
        self.host_mac = f"02:00:00:00:{number:02x}:02"
        self.address = address.split("/")[0] if address else None
        # the host has the next address
        self.host = re.sub(r"\d+$", lambda m: str(int(m.group()) + 1), self.address or "") or None

    def __str__(self):
        return self.name

    def ether(self, **kwargs):
        """The link header of a frame from the host to the switch."""
        return Ether(**{"src": self.host_mac, "dst": self.mac, **kwargs})


class Capture:
    """What leaves through an interface, from now on."""

    def __init__(self, pg):
        self.pg = pg
        self.path = pg.switch.new_file(f"{pg}-out.pcap")
        pg.switch.ctl(f"packet-generator capture {pg} pcap {self.path}")
        self.open = True

    def records(self):
        """So far; [] when nothing was sent."""
        return Records(self.path) if os.path.exists(self.path) else None

    def count(self):
        records = self.records() if os.path.exists(self.path) and os.path.getsize(self.path) >= 24 \
            else None
        return len(records.solicited()) if records else 0

    def everything(self):
        """All packets so far, announcements too."""
        whole = os.path.exists(self.path) and os.path.getsize(self.path) >= 24
        records = self.records() if whole else None
        return records.decoded(records.frames) if records else []

    def stop(self):
        if self.open:
            self.pg.switch.ctl(f"packet-generator capture {self.pg} disable")
            self.open = False

    def packets(self, count=None, timeout=3.0):
        """All of them, when count have come (at once: what was sent before is in the file)."""
        if count is not None:
            end = time.monotonic() + timeout * PATIENCE
            while self.count() < count and time.monotonic() < end:
                time.sleep(0.002)
        self.stop()
        records = self.records()
        packets = records.packets() if records else []
        if count is not None:
            assert len(packets) == count, \
                f"{self.pg} sent {len(packets)}, not {count}: {[p.summary() for p in packets[:20]]}"
        return packets


def nat_config(switch):
    """Lines of the running configuration that are about NAT."""
    return [line for line in switch.running_config() if "nat" in line]


@contextlib.contextmanager
def nat44(switch, inside, outside, nat="nat44"):
    """Hosts behind inside share the address of outside; nothing of it is left behind that."""
    switch.ctl(f"{nat} plugin enable sessions 1000")
    switch.ctl(f"{nat} add interface address {outside}")
    switch.ctl(f"set interface {nat} in {inside} out {outside}")
    yield
    if nat_config(switch):
        switch.ctl(f"{nat} plugin disable")
    assert not nat_config(switch)


class Switch(lib.Vpp):
    """A daemon for packet tests."""

    workers = 1  # data threads, unless config says how many

    def __init__(self, build, unix="", config="", environment=None, namespace=None):
        if "cpu {" not in config and self.workers > 1:
            config += f"\ncpu {{ workers {self.workers} }}"
        super().__init__(build, namespace or Here(), unix=unix, config=config, environment=environment)
        self.session = None
        self.files = 0
        self.streams = 0
        self.pgs = {}

    def vppctl(self, command, timeout=20, **kwargs):
        if isinstance(command, list):
            return super().vppctl(command, timeout, **kwargs)
        if self.session is None:
            try:
                self.session = Cli(self.cli)
            except ConnectionRefusedError as e:
                return Answer(1, str(e))
        return self.session.run(command)

    def second_session(self):
        """For commands beside those of other threads; the caller closes it."""
        return Cli(self.cli)

    def remove(self):
        if self.session:
            self.session.close()
            self.session = None
        super().remove()

    def restart(self, commands):
        """A new process, which is told these commands."""
        path = self.new_file("running.cli")
        self.stop()
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(commands) + "\n")
        self.session.close()
        self.session = None
        self.start()
        self.ctl(f"exec {path}")

    def new_file(self, name):
        self.files += 1
        return f"{self.folder}/{self.files}-{name}"

    def bridged(self, domain, *numbers):
        """Makes pgN of each of numbers, in a bridge domain."""
        pgs = [self.pg(n) for n in numbers]
        for pg in pgs:
            self.ctl(f"set interface l2 bridge {pg} {domain}")
        return pgs

    def pg(self, number, address=None, mode="ethernet", extra="", neighbor=True, router=False):
        """Makes pgN, up, with an address, and its host as a neighbour. router: it advertises itself."""
        pg = Pg(self, number, address, mode)
        words = f"hw-addr {pg.mac}" if mode == "ethernet" else f"mode {mode}"
        self.ctl(f"create packet-generator interface {pg} {words} {extra}")
        self.ctl(f"set interface state {pg} up")
        if mode == "ethernet" and not router:
            self.vppctl(f"ip6 nd {pg} ra-suppress")  # bench/ has builds, too, that do not know it
        if address:
            self.ctl(f"set interface ip address {pg} {address}")
        if address and mode == "ethernet":
            # it tells the link about itself: not to be taken for something that a test caused
            wait_for(lambda: self.counter(pg.name, "tx packets"), "the announcement", interval=0.001)
        if address and neighbor and mode == "ethernet":
            self.ctl(f"set ip neighbor {pg} {pg.host} {pg.host_mac}")
        self.pgs[number] = pg
        return pg

    @contextlib.contextmanager
    def subnets(self, family, n):
        """pg0 and so on, n of them, each with a subnet (SUBNETS) of ip4 or ip6 and a host on it."""
        pgs = [self.pg(i, SUBNETS[family].format(i)) for i in range(n)]
        yield pgs
        for pg in pgs:
            self.ctl(f"delete packet-generator interface {pg}")

    def stream(self, name):
        for stream in self.json("show packet-generator")["streams"]:
            if stream["name"] == name:
                return stream
        return None

    def run_stream(self, name, timeout=20):
        """Starts a stream and returns when all its packets have gone their way."""
        self.ctl(f"packet-generator enable-stream {name}")
        wait_for(lambda: not self.stream(name)["enabled"], f"stream {name} to end", timeout, 0.0005)

    def send(self, pg, frames, extra=""):
        """Frames (bytes or scapy packets) enter through pg; returns when they have gone their way."""
        frames = frames if isinstance(frames, list) else [frames]
        if not frames:
            return
        path = self.new_file(f"{pg}-in.pcap")
        write_pcap(path, frames, LINK_ETHERNET if pg.mode == "ethernet" else LINK_RAW_IP)
        self.streams += 1
        name = f"send{self.streams}"
        self.ctl(f"packet-generator new pcap {path} source {pg} name {name} {extra}")
        try:
            self.run_stream(name)
        finally:
            self.ctl(f"packet-generator delete {name}")
            os.unlink(path)

    def capture(self, pg):
        return Capture(pg)

    def exchange(self, pg, frames, *outs, count=None):
        """Sends frames in through pg; what leaves through outs, a list each (just the list for one).
        count: wait for so many, of the only one."""
        captures = [self.capture(out) for out in outs]
        self.send(pg, frames)
        lists = [capture.packets(count) for capture in captures]
        return lists[0] if len(lists) == 1 else lists

    @contextlib.contextmanager
    def counts(self, expected):
        """Just these error counters go up within, by so much: {(node, reason): n}. Of a node that another thread may
        have to do for this one, x-handoff, it is x's."""
        before = self.errors()

        def grown():
            n = collections.Counter()
            for (node, reason), now in self.errors().items():
                n[node.removesuffix("-handoff"), reason] += now - before.get((node, reason), 0)
            return +n

        yield
        with contextlib.suppress(AssertionError):  # what other threads do may come later
            wait_for(lambda: grown() == expected, "counters", timeout=1)
        assert grown() == expected

    def trace(self, pg, frames):
        """Sends frames and returns what `show trace json` says of each: [[(node, text)]]."""
        self.ctl("clear trace")
        frames = frames if isinstance(frames, list) else [frames]
        self.ctl(f"trace add pg-input {len(frames)}")
        self.send(pg, frames)
        packets = []
        for thread in self.json("show trace max 1000")["threads"]:
            for hops in thread["packets"]:
                packets.append([(hop["node"], hop["text"]) for hop in hops])
        self.ctl("clear trace")
        return packets

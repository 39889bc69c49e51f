"""Packet tests beside host interfaces: pytest test/packet --beside-hosts, as root.

What a test says to its daemon is said to two more, which have a host interface wherever that has one of the packet generator's, host-pg0 for pg0.
The frames that it sends they get by the kernel, again and again; one of them has a fast path, which so learns what it can, the other one has none.
Both have to send the same frames and to count the same.

    the test ──► its daemon, pg0, pg1 …           frames once, all that the test asserts
            ├──► a twin with a fast path ─┐       host-pg0, host-pg1 …: frames several times
            └──► a twin without ──────────┴─ the same frames come out
"""
import collections
import os
import re
import select
import time

import packet_lib
import pytest
from packet_lib import lib

FILES = [f"test_{name}.py" for name in ("abf", "acl", "ip4", "ip6", "l2", "l2_rewrite", "l2_table", "l2_tags", "l3xc", "mss_clamp", "nat44", "policer",
                                        "qos", "span", "urpf")]
# What goes by time or chance, of which two daemons have not the same.
NOT = {
    "test_ip6.py": ["errors_are_limited"],
    # ports of sessions, and hosts that they are balanced to
    "test_nat44.py": ["udp_there_and_back", "ports_that_run_out", "hash_tables", "ping_there_and_back", "tables", "ending_sessions", "a_port_of_a_host",
                      "twice_nat", "load_balancing", "back_ends_come_and_go", "affinity", "fragments"],
}


def is_run_beside(item):
    file = item.path.name
    return file in FILES and item.originalname.removeprefix("test_") not in NOT.get(file, ())


MTU = 9000  # of the packet generator's interfaces
ROUNDS = 5  # in which frames are sent: by the first ones entries are made
FRAMES_MOST = 64  # of those that a test sends at once
PARTS = 8  # in which these are sent, in turn: a probe is one frame of them at most
# Commands that change no forwarding, or what twins would have together.
NOT_FOR_TWINS = ("show ", "pcap ", "packet-generator ", "exec ", "wait ", "ping ", "prom ", "write", "configure ")


def layer_3(frame):
    """Where it begins, behind the type."""
    at = 12
    while frame[at:at + 2] in (b"\x81\0", b"\x88\xa8"):
        at += 4
    return at + 2


def without_id(frame):
    """ICMP of the switch itself but for IPv4's id, which is random."""
    at = layer_3(frame)
    if frame[at - 2:at + 1] != b"\x08\0\x45" or frame[at + 9:at + 10] != b"\1" or frame[at + 20:at + 21] == b"\x08":
        return frame
    return frame[:at + 4] + b"\0\0" + frame[at + 6:at + 10] + b"\0\0" + frame[at + 12:]


def of_links(frame):
    """Whether it is ARP's or neighbour discovery's, which come in their own time."""
    at = layer_3(frame)
    kind, protocol, message = frame[at - 2:at], frame[at + 6:at + 7], frame[at + 40:at + 41]
    return kind == b"\x08\x06" or (kind == b"\x86\xdd" and protocol == b"\x3a" and b"\x85" <= message <= b"\x89")


def reaches(frame):
    """Whether the kernel shows it to a packet socket: it is no longer than the link takes, and its first tag is whole."""
    return 14 <= len(frame) <= 14 + MTU and (frame[12:14] not in (b"\x81\0", b"\x88\xa8") or len(frame) >= 18)


class Twin:
    """A daemon with host interfaces, and the other ends of their links."""

    def __init__(self, build, config):
        self.namespace = lib.Namespace()
        self.vpp = packet_lib.Switch(build, config=config, namespace=self.namespace)
        self.wires, self.came = {}, collections.Counter()

    def close(self):
        for wire in self.wires.values():
            wire.close()
        self.vpp.remove()
        self.namespace.close()

    def say(self, command):
        """A command of the packet generator's daemon, as it reads here; (status, what is answered)."""
        made = re.fullmatch(r"create packet-generator interface (pg\d+)( hw-addr \S+)? *", command)
        gone = re.fullmatch(r"delete packet-generator interface (pg\d+) *", command)
        if made:
            self.link(made[1])
            command = f"create host-interface name {made[1]}{made[2] or ''}"
        elif gone:
            command = f"delete host-interface name {gone[1]}"
        else:
            command = re.sub(r"(?<![\w-])(pg\d+)(?=[\s.,/]|$)", r"host-\1", command)
        answer = self.vpp.vppctl(command.replace("pg-input", "af-packet-input"))
        if gone and gone[1] in self.wires:
            self.collect()
            self.wires.pop(gone[1]).close()
            self.namespace.ip(f"link del {gone[1]}")
        return answer.returncode, answer.stdout

    def link(self, name):
        """A device with that name, unless it is there, and its other end."""
        if name in self.wires:
            return
        self.namespace.veth(name, f"h-{name}", up=False)
        for device in (name, f"h-{name}"):
            self.namespace.ip(f"link set {device} mtu {MTU} up")
        self.wires[name] = lib.Wire(self.namespace, f"h-{name}")

    def received(self, name):
        """Packets so far; None: it takes none."""
        f = self.vpp.interfaces().get(f"host-{name}")
        return f["counters"].get("rx packets", 0) if f and f["state"] == "up" else None

    def send(self, name, frames):
        """Returns when they have come in."""
        had = self.received(name)
        self.wires[name].send(frames)
        if had is not None:
            lib.wait_for(lambda: self.received(name) >= had + len(frames), f"{len(frames)} frames to come in by {name}", timeout=20, interval=0.0005)

    def collect(self):
        for name, wire in self.wires.items():
            while select.select([wire.socket], [], [], 0)[0]:
                frame = wire.receive()
                if not packet_lib.announces(frame) and not of_links(frame):
                    self.came[name, without_id(frame)] += 1

    def counted(self):
        """Of all interfaces what depends on nothing that the switch does by itself."""
        return {name: {k: f["counters"].get(k, 0) for k in ("rx packets", "rx bytes", "ip4", "ip6")}
                for name, f in self.vpp.interfaces().items()}


class Beside(packet_lib.Switch):
    """A packet test's daemon, and the twins."""

    sent = by_the_kernel = 0  # frames so far, of all daemons

    def __init__(self, build, **kwargs):
        if os.geteuid() != 0:
            pytest.skip("namespaces and packet sockets are root's")
        super().__init__(build, **kwargs)
        self.twins = [Twin(build, f"{kwargs.get('config', '')}\nfast-path {{ {word} }}") for word in ("on", "off")]

    def start(self, timeout=10):
        super().start(timeout)
        for twin in self.twins:
            twin.vpp.start(timeout)
        shown = self.twins[0].vpp.json("show fast-path")
        if not shown["on"]:
            self.stop()
            self.remove()
            pytest.skip("no fast path here: " + shown["why_not"])
        return self

    def vppctl(self, command, timeout=20, **kwargs):
        answer = super().vppctl(command, timeout, **kwargs)
        if isinstance(command, str) and not answer.returncode and not command.startswith(NOT_FOR_TWINS):
            said = [twin.say(command) for twin in self.twins]
            assert said[0][0] == said[1][0], f"{command}: with a fast path {said[0]}, without {said[1]}"
        return answer

    def send(self, pg, frames, extra=""):
        super().send(pg, frames, extra)
        frames = frames if isinstance(frames, list) else [frames]
        frames = [f for f in map(bytes, frames[:FRAMES_MOST]) if reaches(f)]
        if pg.name not in self.twins[0].wires or not frames:
            return
        step = -(-len(frames) // PARTS)
        parts = [frames[i:i + step] for i in range(0, len(frames), step)] * ROUNDS
        for i, part in enumerate(parts):
            for twin in self.twins:
                twin.send(pg.name, part)
            time.sleep(0.002 if i else 0.02)  # where nothing was learnt for a while, it is so long until the next probe
        Beside.sent += len(frames) * ROUNDS
        self.be_alike()

    def be_alike(self):
        """Until both twins have sent the same."""
        on, off = self.twins

        def alike():
            on.collect()
            off.collect()
            return on.came == off.came

        def show(came):
            return [(i, frame.hex()[:300], n) for (i, frame), n in came.items()]

        try:
            lib.wait_for(alike, "the same frames to come out", timeout=30)
            lib.wait_for(lambda: on.counted() == off.counted(), "the same to be counted", timeout=30)
        except AssertionError as e:
            text = (f"{e}: with a fast path {show(on.came - off.came)} {on.counted()}, without {show(off.came - on.came)} "
                    f"{off.counted()}; {on.vpp.ctl('show fast-path flows')}")
            for twin in self.twins:
                twin.came.clear()  # of the next test it is no fault
            raise AssertionError(text) from None

    def restart(self, commands):
        super().restart(commands)
        for command in commands:
            for twin in self.twins:
                twin.say(command)

    def stop(self):
        super().stop()
        Beside.by_the_kernel += self.twins[0].vpp.json("show fast-path")["packets"]
        for twin in self.twins:
            twin.vpp.stop()
            twin.vpp.session.close()
            twin.vpp.session = None
            assert "Sanitizer" not in twin.vpp.output(), twin.vpp.output()

    def remove(self):
        super().remove()
        for twin in self.twins:
            twin.close()

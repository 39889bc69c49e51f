"""The configuration changes at random, by commands and by messages, while two data threads have traffic of all kinds:
nothing is read by one that another is writing, nothing is used that is gone. Meant for the sanitizers.
`--changes-seconds N` says how long, `--changes-seed S` begins elsewhere (the seeds are printed)."""
import contextlib
import os
import random
import sys
import time

import packet_lib
import pytest
from packet_lib import EMULATED, HERE, Here, lib, write_pcap
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6MLReport2, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6ND_RA, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr,
                                ICMPv6PacketTooBig, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                                IPv6ExtHdrRouting, PadN, RouterAlert)
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

sys.path.append(HERE + "/../api")

from piste import Api, ApiError  # noqa: E402  pylint: disable=wrong-import-position
from state_random import ADDRESSES, ADDRESSES6, MACS, SMALL, Commands, Messages  # noqa: E402  pylint: disable=wrong-import-position

WORKERS = 2
CONFIG = f"cpu {{ workers {WORKERS} }}"
PORTS = 4
VETHS = 2 if not os.geteuid() else 0
FRAMES = 300  # of a stream, again and again
RATE = 3000
STEPS = 40  # after which what a stream needs is made again
STEPS_LEAST = 120  # however slow they are
SHOWS = ["show trace max 5", "show runtime", "show errors", "show interface", "show ip fib", "show ip neighbor", "show adj",
         "show bridge-domain 1 detail", "show l2fib all", "show classify tables verbose", "show policer", "show buffers",
         "show arp proxy", "show ip6 nd proxy", "show ip4-full-reassembly details", "show memory", "show bihash", "show event-loop",
         "show handoff", "show interface features pg0", "show span", "show node ip4-lookup", "clear runtime",
         "clear errors", "clear interfaces", "clear trace", "trace add pg-input 5", "show ip fib summary", "show ip6 fib", "show ip6 neighbors", "show ip6 interface", "show ip6 fib json",
         "show ip6 mfib", "show threads",
         "show interface rx-placement", "show frame-queue", "show mode"]
ALWAYS = ["create bridge-domain 1", "ip table add 1", "create loopback interface instance 0", "create pipe instance 0"]


def link(chance, pg):
    """The headers below IP: to the switch, to another station, to many; with tags or without."""
    header = Ether(src=chance.choice([pg.host_mac] + MACS[:2]), dst=chance.choice([pg.mac] * 6 + MACS[:4] + MACS[4:5]))
    tags = chance.choice([0, 0, 0, 1, 1, 2])
    if tags == 2:
        header = header / Dot1AD(vlan=chance.choice([5, 6, 30, 31]))
    return header / Dot1Q(vlan=chance.choice([1, 5, 11, 22, 100]), prio=chance.randrange(8)) if tags else header


def ip6_of(chance):
    """An IPv6 packet: for the switch, for those behind it, about neighbours, cut into fragments, with odd headers."""
    ip = IPv6(src=chance.choice(ADDRESSES6), dst=chance.choice(ADDRESSES6), hlim=chance.choice([0, 1, 64, 255, 255]))
    target, mac = chance.choice(ADDRESSES6), chance.choice(MACS)
    above = chance.choice([
        UDP(sport=1, dport=chance.randrange(8)), TCP(), ICMPv6EchoRequest(data=b"x" * chance.choice([0, 8, 1300])),
        ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=MACS[0]), ICMPv6ND_NS(tgt=target),
        ICMPv6ND_NA(tgt=target, S=chance.randrange(2), O=chance.randrange(2)) / ICMPv6NDOptDstLLAddr(lladdr=MACS[1]),
        ICMPv6ND_RS(), ICMPv6ND_RA(), ICMPv6DestUnreach() / ip, ICMPv6PacketTooBig(mtu=1280) / ip / UDP(), ICMPv6MLReport2(),
        chance.randbytes(chance.choice([0, 1, 7, 40, 1400]))])
    for _ in range(chance.choice([0, 0, 0, 1, 2, 9])):
        above = chance.choice([
            IPv6ExtHdrHopByHop(options=[RouterAlert()]), IPv6ExtHdrDestOpt(options=[PadN(optdata=b"1234")]),
            IPv6ExtHdrFragment(offset=chance.choice([0, 0, 1, 8191]), m=chance.randrange(2), id=chance.randrange(3)),
            IPv6ExtHdrRouting(addresses=[target], segleft=chance.randrange(3))]) / above
    data = bytearray(bytes(ip / above))
    if chance.random() < 0.2:  # lengths and headers that lie
        at = chance.choice([4, 5, 6, 40, 41, min(48, len(data) - 1)])
        data[min(at, len(data) - 1)] = chance.randrange(256)
    return Raw(bytes(data[:chance.choice([len(data)] * 8 + [39, 41, 47])]))


def frames_of(chance, pg):
    frames = []
    while len(frames) < FRAMES:
        below = link(chance, pg)
        source, to = chance.choice(ADDRESSES[:7] + [pg.host] * 4), chance.choice(ADDRESSES + [pg.address] * 3)
        ip = IP(src=source, dst=to, ttl=chance.choice([1, 2, 64, 64, 64]), tos=chance.randrange(256),
                id=chance.randrange(65536))
        kind = chance.choice(["udp", "udp", "tcp", "echo", "arp", "fragments", "ip6", "cut"])
        if kind == "arp":
            op = chance.choice([1, 1, 2])
            frames.append(below / ARP(op=op, hwsrc=below.src, psrc=source, pdst=to))
        elif kind == "ip6":
            inner = below.lastlayer()
            inner.type = 0x86dd
            frames.append(below / ip6_of(chance))
        elif kind == "fragments":
            pieces = fragment(ip / UDP() / chance.randbytes(1500), 600)
            frames += [below / piece for piece in chance.sample(pieces, chance.choice([1, 3, 3, 3]))]
        elif kind == "cut":
            frames.append(bytes(below / ip / UDP())[:chance.randrange(14, 40)])
        else:
            ports = {"sport": chance.randrange(8), "dport": chance.randrange(8)}
            above = {"udp": UDP(**ports), "tcp": TCP(**ports), "echo": ICMP()}[kind]
            frames.append(below / ip / above / chance.randbytes(chance.choice([0, 18, 200, 1400])))
    return frames


def namespace():
    """With interfaces of the kernel, where this process may make some."""
    if os.geteuid():
        return Here()
    place = lib.Namespace()
    for i in range(VETHS):
        place.veth(f"v{i}", f"p{i}")
    return place


class Changes:
    """Commands and messages at random, to a switch whose streams go on."""

    def __init__(self, switch, build, chance):
        self.switch, self.build, self.chance = switch, build, chance
        self.known = None
        self.accepted = 0
        self.pgs = [packet_lib.Pg(switch, i, f"10.{i}.0.1/24", "ethernet") for i in range(PORTS)]
        self.api = self.connect()
        self.commands = Commands(chance, switch.ctl, lambda: list(self.interfaces()))
        self.messages = Messages(chance, self.api, lambda: list(self.interfaces().values()))
        self.files = []
        for pg in self.pgs:
            self.files.append(switch.new_file(f"{pg}.pcap"))
            write_pcap(self.files[-1], frames_of(chance, pg))
        self.wires = [lib.Wire(switch.namespace, f"p{i}") for i in range(VETHS)]
        self.frames = [bytes(frame) for frame in frames_of(chance, self.pgs[0])]

    def connect(self):
        return Api(self.switch.folder + "/api.sock", folder=f"{self.build}/api:{self.build}/plugins")

    def interfaces(self):
        """{name: index}, as it was some steps ago, so that some are gone."""
        if self.known is None:
            self.known = {i["name"]: i["sw_if_index"] for i in self.switch.json("show interface")["interfaces"]}
        return self.known

    def run(self, command):
        self.accepted += self.switch.vppctl(command).returncode == 0

    def send(self, message):
        try:
            self.accepted += getattr(self.api.request(message[0], **message[1]), "retval", 0) == 0
        except (ApiError, OSError):  # a connection that asked for too much is closed
            self.alive()
            self.api = self.connect()

    def alive(self):
        assert self.switch.alive(), self.switch.output()[-8000:]

    def make_again(self):
        """Whatever random commands took away from the streams."""
        for command in ALWAYS:
            self.run(command)
        for i, (pg, file) in enumerate(zip(self.pgs, self.files)):
            for command in (f"create packet-generator interface {pg} hw-addr {pg.mac}", f"set interface state {pg} up",
                            f"set interface ip address {pg} {pg.address}/24",
                            f"set interface ip address {pg} 2001:db8:a{i}::1/64",
                            f"set interface rx-placement {pg} worker {self.chance.randrange(WORKERS)}",
                            f"set ip neighbor {pg} {pg.host} {pg.host_mac}", f"set interface rx-mode {pg} polling",
                            f"ip route add 10.{10 + i}.0.0/16 via {pg.host} {pg}"):
                self.run(command)
            stream = self.switch.stream(str(pg))
            if stream is None:
                self.run(f"packet-generator new pcap {file} source {pg} name {pg} worker {i % WORKERS} rate {RATE} "
                         "limit 1000000000")
            if stream is None or not stream["enabled"]:
                self.run(f"packet-generator enable-stream {pg}")
        for i, wire in enumerate(self.wires):
            for command in (f"create host-interface name v{i} num-rx-queues 2", f"set interface state host-v{i} up",
                            f"set interface ip address host-v{i} 10.{20 + i}.0.1/24"):
                self.run(command)
            for frame in self.frames:
                with contextlib.suppress(OSError):  # the other end may be down
                    wire.send(frame)
        if self.chance.random() < 0.3:
            first, second = self.chance.sample(self.pgs, 2)
            for pg in (first, second):
                self.run(f"set interface l2 bridge {pg} {self.chance.choice(SMALL[1:3])}")
        self.known = None

    def step(self):
        if self.chance.random() < 0.1:
            self.known = None
        what = self.chance.random()
        if what < 0.45:
            command = self.commands()
            if "reassembly" not in command:
                self.run(command)
        elif what < 0.8:
            message = self.messages()
            if message[0] != "ip_reassembly_set":  # fragments are not to wait for hours
                self.send(message)
        else:
            self.run(self.chance.choice(SHOWS))

    def stop(self):
        for stream in self.switch.json("show packet-generator")["streams"]:
            self.switch.ctl(f"packet-generator disable-stream {stream['name']}")
        for i, wire in enumerate(self.wires):
            self.switch.vppctl(f"delete host-interface name v{i}")  # with the buffers that it waits with
            wire.close()
        for details in self.api.sw_interface_dump(sw_if_index=0xffffffff):
            if details.interface_dev_type == "af_xdp":  # made of a device's other end, say: the kernel has buffers of it
                self.api.request("af_xdp_delete", sw_if_index=details.sw_if_index)
        self.api.close()


@pytest.mark.skipif(EMULATED, reason="qemu is slow")
def test_random_changes(switch, build, request):
    seed = request.config.getoption("--changes-seed")
    chance = random.Random(seed)
    changes = Changes(switch, build, chance)
    end = time.monotonic() + request.config.getoption("--changes-seconds")
    steps = 0
    try:
        while steps < STEPS_LEAST or time.monotonic() < end:
            if steps % STEPS == 0:
                changes.make_again()
            changes.step()
            steps += 1
    except (ConnectionError, OSError, AssertionError):
        changes.alive()
        raise
    changes.stop()
    # what waited for a neighbor in vain makes an answer, which may wait for another one
    packet_lib.wait_for(lambda: switch.buffers_used() == 0, "buffers to come back", 30)
    sent = {name: stream["count"] for name, stream in ((str(pg), switch.stream(str(pg))) for pg in changes.pgs) if stream}
    print(f"seed {seed}: {steps} steps, {changes.accepted} accepted; packets: {sent}")
    assert changes.accepted > steps / 10

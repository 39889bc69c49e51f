"""What is done in one go against the same node by node: two switches get the same frames, of which one traces them all,
so that nothing takes a shortcut there. Frames, counters and sessions have to be the same, whatever keeps state in the
path (NAT44, access lists, policers, uRPF), alone and together, on each level of CPU."""
import contextlib
import itertools
import random
import re
from collections import Counter

import pytest
from conftest import run
from packet_lib import Switch, wait_for
from piste import Stats
from scapy.layers.inet import GRE, ICMP, IP, TCP, UDP, fragment
from scapy.layers.l2 import Dot1Q
from scapy.packet import Raw

PATIENT_MS = 150  # until pieces whose first one was dropped end
CONTROL = 0xc0  # the TOS of what a router says
VECTORS = (1, 2, 3, 33, 255, 256)
POOL = "10.2.0.1"
SERVERS = ("10.2.0.2", "192.0.2.7", "192.0.2.8")
HOSTS = {"pg0": ("10.1.0.2", "10.1.0.3"), "pg0.10": ("10.3.0.2", "10.3.0.3"), "pg0.20": ("10.4.0.2",)}
ALL_HOSTS = [host for hosts in HOSTS.values() for host in hosts]
NAMED = ("ethernet-input", "acl-plugin-in-ip4-fa", "acl-plugin-out-ip4-fa", "nat-pre-in2out", "nat-pre-out2in",
         "nat44-ed-in2out", "nat44-ed-out2in", "ip4-sv-reassembly-feature")
NAT = ("", "in and out", "output-feature")
ACL = ("", "rules", "permit+reflect")
POLICERS = ("", "mark", "drop")
URPF = ("", "loose", "strict")


def add_vlans(switch, ip, addresses, hosts):
    """Sub-interfaces of pg0, the last one in table 5. ip: "ip" or "ip6"; addresses: {VLAN: address}; hosts: {interface: those
    behind it}."""
    switch.ctl(f"{ip} table add 5")
    for vlan, address in addresses.items():
        switch.ctl(f"create sub-interfaces pg0 {vlan}")
        if ip == "ip6":
            switch.ctl(f"ip6 nd pg0.{vlan} ra-suppress")
        if vlan == list(addresses)[-1]:
            switch.ctl(f"set interface {ip} table pg0.{vlan} 5")
        switch.ctl(f"set interface state pg0.{vlan} up")
        switch.ctl(f"set interface ip address pg0.{vlan} {address}")
    for name, behind in hosts.items():
        for host in behind:
            switch.ctl(f"set ip neighbor {name} {host} {switch.pgs[0].host_mac}")


def set_up(switch):
    switch.pg(0, "10.1.0.1/24")
    switch.pg(1, "10.2.0.1/24")
    add_vlans(switch, "ip", {10: "10.3.0.1/24", 20: "10.4.0.1/24"}, HOSTS)
    switch.ctl("ip route add 192.0.2.0/24 via 10.2.0.2 pg1")
    switch.ctl("ip route add 0.0.0.0/0 table 5 via 10.2.0.2 pg1")
    switch.ctl(f"set ip reassembly timeout-ms {PATIENT_MS}")
    switch.ctl(f"set ip reassembly ip4 shallow-virtual timeout-ms {PATIENT_MS}")


@contextlib.contextmanager
def pair_of(build, request, prepare):
    """Two switches, each prepared: (by shortcuts, node by node)."""
    running = contextlib.contextmanager(run)
    with contextlib.ExitStack() as stack:
        pair = [stack.enter_context(running(Switch(build, config="cpu { workers 1 }"), request)) for _ in range(2)]
        for switch in pair:
            prepare(switch)
        yield pair


@pytest.fixture(scope="module")
def pair(build, request):
    with pair_of(build, request, set_up) as switches:
        yield switches


# --- frames


def upper(rng, answer, host):
    """What a packet carries: of few flows, so that they meet again; answer: to one. No two hosts ask with the same port:
    NAT44 would choose another one for the second, by chance."""
    port, service = 2000 + 10 * ALL_HOSTS.index(host) + rng.randrange(3), rng.choice((53, 80))
    ports = {"sport": service, "dport": port} if answer else {"sport": port, "dport": service}
    kind = rng.randrange(10)
    if kind == 9 and host == ALL_HOSTS[0]:
        return rng.choice((GRE(), ICMP(type=3, code=1) / Raw(bytes(28)), ICMP(type=13, id=port), Raw(b"?" * 10)))
    if kind > 7:
        return ICMP(type=0 if answer else 8, id=port) / Raw(b"z" * 8)
    if kind > 4:
        return UDP(**ports) / Raw(b"x" * rng.choice((0, 4, 30)))
    return TCP(flags=rng.choice(("S", "SA", "A", "A", "PA", "FA", "R")), **ports) / Raw(b"y" * rng.choice((0, 9)))


def own_port(rng, packet):
    """Of one that says it is somebody else's."""
    for layer, field in ((UDP, "sport"), (TCP, "sport"), (ICMP, "id")):
        if layer in packet:
            setattr(packet[layer], field, rng.randrange(3000, 60000))


def odd(rng, packet, whole):
    """One in some has something about it; whole: none is a piece."""
    what = rng.randrange(24)
    if whole and what in (6, 7):
        return packet
    if what == 0:
        packet.ttl = rng.choice((0, 1, 2))
    elif what == 1:
        packet.src = rng.choice(("10.9.9.9", "192.0.2.7", "10.1.0.1", "127.0.0.1", "224.0.0.1", "10.1.0.2", "10.3.0.3"))
        own_port(rng, packet)
    elif what == 2:
        packet.dst = rng.choice((POOL, "10.1.0.1", "224.0.0.5", "203.0.113.9", "255.255.255.255", "10.3.0.2"))
    elif what == 3:
        packet.options = b"\x01\x01\x01\x00"
    elif what == 4:
        packet.chksum = 1
    elif what == 5:
        packet.len = rng.choice((19, 20, 27, 200))
    elif what == 6:
        packet.frag = rng.choice((1, 2, 185))
    elif what == 7:
        packet.flags = "MF"
    return packet


def frames_of(rng, pg, inward, count, settings):
    """So many, or a piece more; inward: those from outside, with NAT44 mostly to the address that hosts share. Of what
    is the switch's own it says less than it may say at once. Where sessions follow TCP, it is not in pieces, which may
    come behind later packets: they wait for the first one."""
    frames = []
    last = None
    while len(frames) < count:
        name = rng.choice(list(HOSTS))
        host = rng.choice(HOSTS[name])
        if inward:
            link, dst, src = pg.ether(), POOL if rng.random() < (0.6 if settings.nat else 0.05) else host, rng.choice(SERVERS)
        else:
            vlan = name.partition(".")[2]
            link = pg.ether() / Dot1Q(vlan=int(vlan)) if vlan else pg.ether()
            src, dst = host, rng.choice(SERVERS)
        packet = IP(src=src, dst=dst, id=rng.randrange(65536), tos=rng.choice((0, 0, 0x2c)), ttl=64)
        packet /= upper(rng, inward, host)
        if rng.random() < 0.5 and last is not None:  # the flow of the one before it, and what else it says
            link, packet = last[0].copy(), last[1].copy()
            packet.id = rng.randrange(65536)
            if TCP in packet:
                packet[TCP].flags = rng.choice(("S", "A", "F"))
            elif ICMP in packet and packet[ICMP].type != 3:
                packet[ICMP].id ^= 1
        last = link, packet
        whole = TCP in packet and (settings.nat or settings.acl == "permit+reflect")
        if rng.random() < 0.04 and not whole:
            pieces = fragment(packet.copy() / Raw(bytes(90)), 48)
            if rng.random() < 0.5:
                rng.shuffle(pieces)
            frames += [bytes(link / piece) for piece in pieces]
        else:
            frames.append(bytes(link / odd(rng, packet.copy(), whole)))
    return frames


# --- what is set


class Settings:
    def __init__(self, nat, acl, policer, urpf):
        self.nat, self.acl, self.policer, self.urpf = nat, acl, policer, urpf

    def __str__(self):
        return f"nat: {self.nat}, acl: {self.acl}, policer: {self.policer}, urpf: {self.urpf}"

    def on(self, switch):
        ctl = switch.ctl
        if self.nat:
            ctl("nat44 plugin enable sessions 1000")
            ctl("nat44 add interface address pg1")
            outward = "out pg1 output-feature" if self.nat == "output-feature" else "out pg1"
            ctl(f"set interface nat44 {outward}")
            for name in HOSTS:
                if self.nat != "output-feature":
                    ctl(f"set interface nat44 in {name}")
        rules = {"rules": "deny proto 17 dport 80, permit proto 6 tcpflags 2 mask 18, permit proto 6 tcpflags 16 mask 16, "
                          "permit proto 17, permit proto 1",
                 "permit+reflect": "deny proto 17 dport 80, permit+reflect"}
        if self.acl:
            ctl(f"set acl-plugin acl {rules[self.acl]}")
            ctl("set acl-plugin acl deny proto 6 dport 2001, permit proto 47")
            ctl("set acl-plugin stats-counters on")
            for name in HOSTS:
                ctl(f"set acl-plugin interface {name} input acl 0")
                ctl(f"set acl-plugin interface {name} output acl 1")
            ctl("set acl-plugin interface pg1 input acl 0")
        if self.policer:
            action = {"mark": "conform-action mark-and-transmit AF12", "drop": "conform-action drop"}[self.policer]
            ctl(f"policer add name p cir 1000000 cb 100000000 rate kbps {action}")
            ctl("policer input name p pg0.10")
            ctl("policer input name p pg1")
        if self.urpf:
            for name in ("pg0", "pg0.10", "pg1"):
                ctl(f"set urpf ip4 rx {self.urpf} {name}")

    def off(self, switch):
        ctl = switch.ctl
        if self.urpf:
            for name in ("pg0", "pg0.10", "pg1"):
                ctl(f"set urpf ip4 rx off {name}")
        if self.policer:
            ctl("policer del name p")
        if self.acl:
            for name in HOSTS:
                ctl(f"set acl-plugin interface {name} input acl 0 del")
                ctl(f"set acl-plugin interface {name} output acl 1 del")
            ctl("set acl-plugin interface pg1 input acl 0 del")
            for index in (0, 1):
                ctl(f"delete acl-plugin acl index {index}")
        if self.nat:
            ctl("nat44 plugin disable")


# --- what comes of them


def cells(key, value):
    if isinstance(value, (list, tuple)):
        return {k: n for i, part in enumerate(value) for k, n in cells(key + (i,), part).items()}
    return {key: value} if isinstance(value, int) else {}


def numbers(switch):
    """All that was counted. By the fast or the slow path of NAT44 does not matter: where a shortcut ends within a vector,
    those behind it may meet a session that those before it began."""
    found = {("error",) + key: n for key, n in switch.errors().items()}
    for name, f in switch.interfaces().items():
        found.update({(name, counter): n for counter, n in f["counters"].items()})
    for policer in switch.json("show policer")["policers"]:
        for color in ("conform", "exceed", "violate"):
            found.update({("policer", color, unit): n for unit, n in policer[color].items()})
    with Stats(switch.folder + "/stats.sock") as stats:
        for name in stats.names():
            if name.startswith(("/acl/", "/nat44-ed/")):
                for key, n in cells((re.sub("slowpath|fastpath", "path", name),), stats[name]).items():
                    found[key] = found.get(key, 0) + n
    return {key: n for key, n in found.items() if n}


def sessions(switch, settings):
    nat = switch.json("show nat44 sessions")["sessions"] if settings.nat else []
    acl = switch.json("show acl-plugin sessions verbose")["sessions"] if settings.acl else []
    return (sorted(str([s[k] for k in ("i2o", "o2i", "external_host", "external_port")]) for s in nat),
            sorted(str([s[k] for k in ("a", "a_port", "b", "b_port", "protocol", "sw_if_index", "direction")]) for s in acl))


def differ(a, b):
    return {key: (a.get(key), b.get(key)) for key in a.keys() | b.keys() if a.get(key) != b.get(key)}


def without_number(frame):
    """What the switch says itself is numbered as it comes."""
    at = 18 if frame[12:14] == b"\x81\x00" else 14
    own = frame[at + 20:at + 21] == b"\0" or frame[at + 1] == CONTROL and frame[at + 20:at + 21] in (b"\3", b"\x0b", b"\x0c")
    if frame[at + 9] != 1 or not own:
        return frame
    return frame[:at + 4] + bytes(2) + frame[at + 6:at + 10] + bytes(2) + frame[at + 12:]


def send(switch, number, frames, traced, in_order=False):
    captures = [switch.capture(switch.pgs[i]) for i in (0, 1)]
    if traced:
        switch.ctl("clear trace")
        switch.ctl(f"trace add pg-input {len(frames)}")
    switch.send(switch.pgs[number], frames)
    if traced:
        switch.ctl("clear trace")
    out = []
    for capture in captures:
        capture.stop()
        records = capture.records()
        found = records.solicited() if records else []
        out.append(found if in_order else sorted(map(without_number, found)))
    return out


def same_frames(short, long, where):
    """Of each port, in whatever order."""
    for out in zip(short, long):
        apart = [[frame.hex() for frame in (Counter(x) - Counter(y)).elements()] for x, y in (out, out[::-1])]
        assert apart == [[], []], where


def same_numbers(pair, where):
    """From the beginning, and in the end: pieces whose first one was dropped end some time later."""
    apart = {}

    def same():
        apart.clear()
        apart.update(differ(*map(numbers, pair)))
        return not apart
    try:
        wait_for(same, "the same numbers")
    except AssertionError:
        raise AssertionError(f"{where}: by shortcuts, and node by node: {apart}") from None


def same_both_ways(pair, settings, rng):
    choose_levels(pair, rng)
    for switch in pair:
        settings.on(switch)
    for turn in range(3):
        inward = turn % 2 == 1
        frames = frames_of(rng, pair[0].pgs[inward], inward, rng.choice(VECTORS), settings)
        short, long = (send(switch, int(inward), frames, switch is pair[1]) for switch in pair)
        same_frames(short, long, f"{settings}, turn {turn}")
        assert sessions(pair[0], settings) == sessions(pair[1], settings), f"{settings}, turn {turn}"
        same_numbers(pair, f"{settings}, turn {turn}")
    for switch in pair:
        settings.off(switch)


def choose_levels(switches, rng, names=NAMED):
    """The same code of each node for both, of those that this CPU runs."""
    variants = {line.split()[0]: line.split()[2:] for line in switches[0].ctl("show node variants").splitlines()}
    for name in names:
        level = rng.choice(variants[name])
        for switch in switches:
            switch.ctl(f"set node function {name} {level}")


# --- the order within a flow


def numbered(rng, pg, host, n):
    """A flow of TCP from its SYN on, each packet with its number, and some of them with options of IP."""
    frames = []
    vlan = next(name for name, hosts in HOSTS.items() if host in hosts).partition(".")[2]
    for i in range(n):
        link = pg.ether() / Dot1Q(vlan=int(vlan)) if vlan else pg.ether()
        packet = IP(src=host, dst=SERVERS[0], id=i) / TCP(sport=2000, dport=80, flags="A" if i else "S")
        if rng.random() < (0.1 if i else 0.5):
            packet[IP].options = b"\x01\x01\x01\x00"
        frames.append(bytes(link / packet))
    return frames


@pytest.mark.parametrize("nat", NAT)
def test_in_order(pair, nat):
    """What a shortcut leaves is not behind later packets of its flow: NAT44 would drop those that come before the first."""
    settings = Settings(nat, "permit+reflect" if nat else "", "", "")
    for switch in pair:
        rng = random.Random(nat)
        choose_levels([switch], rng)
        settings.on(switch)
        for host in ALL_HOSTS:
            n = rng.choice((2, 3, 33, 256))
            frames = numbered(rng, switch.pgs[0], host, n)
            out = send(switch, 0, frames, switch is pair[1], in_order=True)[1]
            assert [int.from_bytes(frame[18:20], "big") for frame in out] == list(range(n)), (switch is pair[1], host)
        settings.off(switch)


@pytest.mark.parametrize("nat, acl", itertools.product(NAT, ACL))
def test_the_same_both_ways(pair, nat, acl):
    """Of policers and uRPF three pairs with each, so that of any three of these all pairs come together."""
    first = NAT.index(nat) + ACL.index(acl)
    for k, policer in enumerate(POLICERS):
        urpf = URPF[(first + k) % len(URPF)]
        same_both_ways(pair, Settings(nat, acl, policer, urpf), random.Random(f"{nat} {acl} {policer} {urpf}"))

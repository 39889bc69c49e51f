"""What is done in one go against the same node by node, of IPv6: as test_shortcuts.py, with its two switches of which
one traces all frames. Routes of all lengths, several ways, extension headers, vectors of one packet up to a whole one,
several ports at once; with what keeps state in the path, and without."""
import itertools
import random

import pytest
from packet_lib import wait_for, write_pcap
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN)
from scapy.layers.l2 import Dot1Q
from scapy.packet import Raw
from test_shortcuts import add_vlans, choose_levels, pair_of, same_frames, same_numbers, send

VECTORS = (1, 2, 3, 33, 255, 256)
OWN = ("2001:db8:1::1", "2001:db8:2::1", "2001:db8:10::1")
SERVERS = ("2001:db8:2::2", "2001:db8:f0::7", "2001:db8:f0:5::8", "2001:db8:f1::1", "2001:db8:f1:0:8000::1",
           "2001:db8:f1::aa:1", "2001:db8:f1::aa:8", "2001:db8:f1::aa:9", "2001:db8:f1::aa:a")
HOSTS = {"pg0": ("2001:db8:1::2", "2001:db8:1::3"), "pg0.10": ("2001:db8:10::2", "2001:db8:10::3"), "pg0.20": ("2001:db8:20::2",)}
NAMED = ("ethernet-input", "acl-plugin-in-ip6-fa", "acl-plugin-out-ip6-fa", "ip6-input", "ip6-lookup", "ip6-rewrite")
ACL = ("", "rules", "permit+reflect")
POLICERS = ("", "mark", "drop")
URPF = ("", "loose", "strict")
ROUTES = """
ip route add 2001:db8:f0::/48 via 2001:db8:2::2 pg1 via 2001:db8:3::2 pg2
ip route add 2001:db8:f1::/64 via 2001:db8:2::2 pg1
ip route add 2001:db8:f1:0:8000::/65 via 2001:db8:3::2 pg2
ip route add 2001:db8:f1::aa:0/112 via 2001:db8:2::2 pg1 via 2001:db8:3::2 pg2 weight 3
ip route add 2001:db8:f1::aa:8/127 via 2001:db8:3::2 pg2
ip route add 2001:db8:f1::aa:9/128 via 2001:db8:2::2 pg1
ip route add 2001:db8:f1::aa:a/128 via drop
ip route add ::/0 table 5 via 2001:db8:2::2 pg1
set interface mtu packet 1300 pg2
"""


def set_up(switch):
    pgs = [switch.pg(i, f"2001:db8:{i + 1}::1/64") for i in range(3)]
    add_vlans(switch, "ip6", {vlan: f"2001:db8:{vlan}::1/64" for vlan in (10, 20)}, HOSTS)
    for name in (*HOSTS, "pg1", "pg2"):
        for host in ("fe80::2", "fe80::9"):
            switch.ctl(f"set ip neighbor {name} {host} {pgs[0].host_mac}")
    for command in ROUTES.strip().splitlines():
        switch.ctl(command)


@pytest.fixture(scope="module")
def pair(build, request):
    with pair_of(build, request, set_up) as switches:
        yield switches


# --- frames


def upper(rng, answer):
    """What a packet carries: of few flows, so that they meet again; answer: to one."""
    port, service = 2000 + rng.randrange(3), rng.choice((53, 80))
    ports = {"sport": service, "dport": port} if answer else {"sport": port, "dport": service}
    kind = rng.randrange(10)
    if kind > 7:
        return (ICMPv6EchoReply if answer else ICMPv6EchoRequest)(id=port, data=b"z" * 8)
    if kind > 4:
        return UDP(**ports) / Raw(b"x" * rng.choice((0, 4, 30)))
    return TCP(flags=rng.choice(("S", "SA", "A", "A", "PA", "FA", "R")), **ports) / Raw(b"y" * rng.choice((0, 9)))


def odd(rng, link, ip, carried):
    """One in some has something about it. Returns the frame."""
    what = rng.randrange(30)
    if what == 0:
        ip.hlim = rng.choice((0, 1, 2))
    elif what == 1:
        ip.src = rng.choice(("::", "::1", "fe80::2", "ff02::1", "2001:db8:99::9", "2001:db8:1::1", "2001:db8:10::3", "::7"))
    elif what == 2:
        ip.dst = rng.choice(OWN + ("::1", "fe80::9", "ff02::1", "ff05::7", "2001:db8:99::9", "::ffff:10.0.0.1", "2001:db8:20::2"))
    elif what == 3:
        ip.plen = rng.choice((0, 1, 7, 20, 200))
    elif what == 4:
        ip.version = rng.choice((0, 4, 5, 7))
    elif what == 5:
        carried = rng.choice((IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]), IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]),
                              IPv6ExtHdrRouting(segleft=0), IPv6ExtHdrDestOpt(nh=99))) / carried
    elif what == 6:
        nh = {TCP: 6, UDP: 17}.get(type(carried), 58)
        carried = IPv6ExtHdrFragment(nh=nh, offset=rng.choice((0, 1, 180)), m=rng.randrange(2), id=rng.randrange(3)) / carried
    elif what == 7:
        carried = carried / Raw(bytes(1300))
    elif what == 8:
        link.dst = rng.choice(("02:00:00:00:00:77", "33:33:00:00:00:01", "ff:ff:ff:ff:ff:ff"))
    elif what == 9:
        return bytes(link / ip / carried)[:rng.choice((15, 40, 53))]
    elif what == 10:
        return bytes(link / ip / carried) + bytes(rng.choice((1, 6)))
    return bytes(link / ip / carried)


def frames_of(rng, pg, inward, count):
    """inward: those from outside."""
    frames = []
    last = None
    while len(frames) < count:
        name = rng.choice(list(HOSTS))
        vlan = name.partition(".")[2]
        link = pg.ether()
        if not inward and vlan:
            link /= Dot1Q(vlan=int(vlan))
        ends = [rng.choice(HOSTS[name]), rng.choice(SERVERS)]
        src, dst = reversed(ends) if inward else ends
        ip = IPv6(src=src, dst=dst, hlim=64, tc=rng.choice((0, 0, 0x2c)), fl=rng.randrange(1 << 20))
        carried = upper(rng, inward)
        if last is not None and rng.random() < 0.5:  # the flow of the one before it
            link, ip, carried = (layer.copy() for layer in last)
            if TCP in carried:
                carried[TCP].flags = rng.choice(("S", "A", "F"))
        last = link.copy(), ip.copy(), carried.copy()
        frames.append(odd(rng, link, ip, carried))
    return frames


# --- what is set


def commands(acl, policer, urpf):
    """(to begin, to end)."""
    on, off = [], []
    rules = {"rules": "deny src ::/0 proto 17 dport 80, permit src ::/0 proto 6 tcpflags 2 mask 18, "
                      "permit src ::/0 proto 6 tcpflags 16 mask 16, permit src ::/0 proto 17, permit src ::/0 proto 58",
             "permit+reflect": "deny src ::/0 proto 17 dport 80, permit+reflect src ::/0"}
    if acl:
        on += [f"set acl-plugin acl {rules[acl]}", "set acl-plugin acl deny src ::/0 proto 6 dport 2001, permit src ::/0 proto 0"]
        uses = [f"set acl-plugin interface {name} {way} acl {index}"
                for name in HOSTS for way, index in (("input", 0), ("output", 1))] + ["set acl-plugin interface pg1 input acl 0"]
        on += uses
        off += [f"{use} del" for use in uses] + ["delete acl-plugin acl index 0", "delete acl-plugin acl index 1"]
    if policer:
        action = {"mark": "conform-action mark-and-transmit AF12", "drop": "conform-action drop"}[policer]
        on += [f"policer add name p cir 1000000 cb 100000000 rate kbps {action}", "policer input name p pg0.10", "policer input name p pg1"]
        off.append("policer del name p")
    if urpf:
        names = ("pg0", "pg0.10", "pg1")
        on += [f"set urpf ip6 rx {urpf} {name}" for name in names]
        off += [f"set urpf ip6 rx off {name}" for name in names]
    return on, off


# --- what comes of them


def flow_of(frame):
    """Addresses, and what is behind them, of a frame; errors of ICMP are of the flow that they are about."""
    at = 18 if frame[12:14] == b"\x81\x00" else 14
    is_error = frame[at + 6] == 58 and frame[at + 40] < 128
    return frame if is_error else frame[at + 6:at + 7] + frame[at + 8:at + 44]


def flows(frames):
    """Of each its frames, in order."""
    found = {}
    for frame in frames:
        found.setdefault(flow_of(frame), []).append(frame)
    return found


def sessions(switch):
    found = switch.json("show acl-plugin sessions verbose")["sessions"]
    return sorted(str([s[k] for k in ("a", "a_port", "b", "b_port", "protocol", "sw_if_index", "direction")]) for s in found)


def both_ways(pair, rng, what, inward, count):
    frames = frames_of(rng, pair[0].pgs[inward], inward, count)
    short, long = (send(switch, int(inward), frames, switch is pair[1], in_order=True) for switch in pair)
    same_frames(short, long, what)
    for out in zip(short, long):
        assert flows(out[0]) == flows(out[1]), what
    same_numbers(pair, what)


def set_all(pair, lines):
    for switch in pair:
        for line in lines:
            switch.ctl(line)


@pytest.mark.parametrize("acl, policer", itertools.product(ACL, POLICERS))
def test_the_same_both_ways(pair, acl, policer):
    urpf = URPF[(ACL.index(acl) + POLICERS.index(policer)) % len(URPF)]
    rng = random.Random(f"{acl} {policer}")
    choose_levels(pair, rng, NAMED)
    on, off = commands(acl, policer, urpf)
    set_all(pair, on)
    for turn, count in enumerate(rng.sample(VECTORS, 4)):
        both_ways(pair, rng, f"{acl}, {policer}, {urpf}, turn {turn}", turn % 2 == 1, count)
        if acl:
            assert sessions(pair[0]) == sessions(pair[1])
    set_all(pair, off)


def test_ports_in_turn(pair):
    """Packets of three ports in one round, whose vectors lie in ethernet-input's as they come."""
    rng = random.Random(3)
    for turn in range(8):
        frames = [frames_of(rng, pair[0].pgs[i], i > 0, rng.choice(VECTORS[:4])) for i in range(3)]
        outs = []
        for switch in pair:
            captures = [switch.capture(switch.pgs[i]) for i in range(3)]
            for i in range(3):
                path = switch.new_file("in.pcap")
                write_pcap(path, frames[i])
                switch.ctl(f"packet-generator new pcap {path} source pg{i} name port{i}")
            if switch is pair[1]:
                switch.ctl(f"trace add pg-input {sum(map(len, frames))}")
            switch.ctl("packet-generator enable-stream")
            wait_for(lambda switch=switch: not any(switch.stream(f"port{i}")["enabled"] for i in range(3)), "the streams to end", interval=0.001)
            switch.ctl("clear trace")
            for i in range(3):
                switch.ctl(f"packet-generator delete port{i}")
            for capture in captures:
                capture.stop()
            outs.append([records.solicited() if records else [] for records in (capture.records() for capture in captures)])
        same_frames(*outs, turn)
        same_numbers(pair, turn)

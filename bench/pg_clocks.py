#!/usr/bin/python3
"""Clocks per packet of each node on a path, in the running daemon: from the packet generator to the packet
generator, as `show runtime` tells it.

  bench/pg_clocks.py [--build DIR] [--against DIR] [--vpp PROGRAM] [--vectors N,N...] [--json] [--rounds N] [--alone] [PATH...]

PATH is one or more of: ip4 acl-1000 acl-reflect acl-100000 ip4-million ip4-internet ip4-vlan ip4-mroute-2 ip4-mroute-8
ip6 ip6-internet xconnect xconnect-vlan bridge bridge-million nat44 nat44-out2in nat44-million nat44-new
nat64 nat64-out2in (all of them otherwise).
--against DIR measures that build too, --vpp PROGRAM VPP's own daemon: they run at the same time, and have packets by
turns of 10 ms. --vectors: the most packets a vector, 256 otherwise. Each round takes 50 turns of each path. Other work
of the machine can only add to a node's clocks, so of all turns the least counts; what waits for memory has no such least
on a busy machine, but the median of the ratios of two turns beside each other stands. Clocks are for each packet that
came, of all its copies. --alone (root): the daemons run before all other programs, so that these take no part of a turn,
and on a busy machine only have the caches meanwhile. The ends (pg-input, pgN-tx) are shown, but not part of the sum.
"""
import argparse
import ipaddress
import json
import os
import re
import statistics
import sys
import time
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "../test/packet"))

import internet  # noqa: E402  pylint: disable=wrong-import-position
from packet_lib import Switch, wait_for, write_pcap  # noqa: E402  pylint: disable=wrong-import-position
from vpp_binary import VppBinary  # noqa: E402  pylint: disable=wrong-import-position
import around  # noqa: E402  pylint: disable=wrong-import-position,wrong-import-order

WINDOW_SECONDS = 0.01
WARM_SECONDS = 0.005  # for the caches, which another build had
WINDOWS = 50
LEAST_PACKETS = 2000  # of a window, to be counted
LIMITED = 10000
WHOLE_VECTOR = 256
ENDS = re.compile(r"pg-input|pg\d+-tx")
FRAME = "source pg0 node ethernet-input"
PORTS = "UDP: 1 -> 2 incrementing 18"
VLAN = 10


def routed(switch):
    pgs = [switch.pg(i, f"10.{i}.0.1/24") for i in range(2)]
    return pgs, f"{pgs[0].host_mac} -> {pgs[0].mac}"


def ip4(switch):
    """One route, one flow."""
    pgs, macs = routed(switch)
    switch.ctl(f"ip route add 20.0.0.0/8 via {pgs[1].host} pg1")
    return f"{{ IP4: {macs} UDP: {pgs[0].host} -> 20.0.0.1 {PORTS} }}"


def ip4_million(switch):
    """A million /24 routes, destinations at random."""
    pgs, macs = routed(switch)
    switch.ctl(f"ip route add count 1000000 20.0.0.0/24 via {pgs[1].host} pg1")
    return f"{{ IP4: {macs} UDP: {pgs[0].host} -> 20.0.0.0 + 35.66.63.255 {PORTS} }}"


def replicated(switch, copies):
    pgs = [switch.pg(i, f"10.{i}.0.1/24") for i in range(copies + 1)]
    switch.ctl("ip mroute add 239.1.1.1 via pg0 Accept " + " ".join(f"via {pg} Forward" for pg in pgs[1:]))
    return f"{{ IP4: {pgs[0].host_mac} -> 01:00:5e:01:01:01 UDP: {pgs[0].host} -> 239.1.1.1 {PORTS} }}"


def ip4_mroute_2(switch):
    """A group that leaves by two interfaces."""
    return replicated(switch, 2)


def ip4_mroute_8(switch):
    """By eight."""
    return replicated(switch, 8)


def ip6(switch):
    """One route of IPv6, one flow."""
    pgs = [switch.pg(i, f"2001:db8:{i}::1/64") for i in range(2)]
    switch.ctl(f"ip route add 2001:db8:20::/48 via {pgs[1].host} pg1")
    return f"{{ IP6: {pgs[0].host_mac} -> {pgs[0].mac} UDP: {pgs[0].host} -> 2001:db8:20::1 UDP: 1 -> 2 incrementing 2 }}"


def load_routes(switch, family, found, way):
    """Adds these routes."""
    path = switch.new_file("routes.cli")
    with open(path, "w", encoding="ascii") as f:
        f.writelines(f"ip route add {internet.text(family, prefix)} {way}\n" for prefix in found)
    switch.ctl(f"exec {path}")


def among_routes(switch, family, n, network):
    """n routes as the Internet has them, and packets to addresses at random among them, for a stream to replay."""
    pgs = [switch.pg(i, network.format(i)) for i in range(2)]
    found = internet.prefixes(family, n)
    load_routes(switch, family, found, f"via {pgs[1].host} pg1")
    macs = bytes.fromhex((pgs[0].mac + pgs[0].host_mac).replace(":", ""))
    source = ipaddress.ip_address(pgs[0].host).packed
    # UDP, 1 -> 2, 64 bytes in all
    udp = bytes.fromhex("00010002" + ("001e" if family == "ip4" else "000a") + "0000").ljust(30 if family == "ip4" else 10, b"\0")
    frames = []
    for dst in internet.addresses(family, found, 65536):
        if family == "ip6":
            frames.append(macs + bytes.fromhex("86dd60000000000a1140") + source + dst + udp)
            continue
        header = bytes.fromhex("450000320000000040110000") + source + dst
        total = sum(int.from_bytes(header[i:i + 2], "big") for i in range(0, 20, 2))
        total = (total & 0xffff) + (total >> 16)
        checksum = ~((total & 0xffff) + (total >> 16)) & 0xffff
        frames.append(macs + b"\x08\0" + header[:10] + checksum.to_bytes(2, "big") + header[12:] + udp)
    path = switch.new_file("frames.pcap")
    write_pcap(path, frames)
    return f"pcap {path} limit 1000000000"


def ip4_internet(switch):
    """A million routes as the Internet has them, destinations at random among them."""
    return among_routes(switch, "ip4", 1000000, "10.0.{}.1/24")


def ip6_internet(switch):
    """200,000 routes of IPv6, likewise."""
    return among_routes(switch, "ip6", 200000, "2001:db8:{}::1/64")


def sub_interfaces(switch):
    for i in range(2):
        pg = switch.pg(i)
        switch.ctl(f"create sub-interfaces {pg} {VLAN}")
        switch.ctl(f"set interface state {pg}.{VLAN} up")
    return switch.pgs


def ip4_vlan(switch):
    """One route, from a VLAN sub-interface to another."""
    pgs = sub_interfaces(switch)
    for i in range(2):
        switch.ctl(f"set interface ip address pg{i}.{VLAN} 10.{i}.0.1/24")
        switch.ctl(f"set ip neighbor pg{i}.{VLAN} 10.{i}.0.2 {pgs[i].host_mac}")
    switch.ctl(f"ip route add 20.0.0.0/8 via 10.1.0.2 pg1.{VLAN}")
    return f"{{ IP4: {pgs[0].host_mac} -> {pgs[0].mac} vlan {VLAN} UDP: 10.0.0.2 -> 20.0.0.1 UDP: 1 -> 2 incrementing 14 }}"


def cross_connected(switch, names, tag):
    for a, b in (names, names[::-1]):
        switch.ctl(f"set interface l2 xconnect {a} {b}")
    return (f"{{ IP4: 02:00:00:00:77:01 -> 02:00:00:00:77:02 {tag} UDP: 1.1.1.1 -> 2.2.2.2 "
            f"UDP: 1 -> 2 incrementing {14 if tag else 18} }}")


def xconnect(switch):
    for i in range(2):
        switch.pg(i)
    return cross_connected(switch, ["pg0", "pg1"], "")


def xconnect_vlan(switch):
    """Between VLAN sub-interfaces, whose tags are taken off and put on."""
    sub_interfaces(switch)
    names = [f"pg{i}.{VLAN}" for i in range(2)]
    for name in names:
        switch.ctl(f"set interface l2 tag-rewrite {name} pop 1")
    return cross_connected(switch, names, f"vlan {VLAN}")


def learnt_bridge(switch, count, order):
    """A bridge domain that learns: 1,000 sources, count destinations known behind pg1."""
    for i in range(2):
        switch.pg(i)
        switch.ctl(f"set interface l2 bridge pg{i} 1")
    sources = "02:00:00:01:00:00 - 02:00:00:01:03:e7"
    first, last = (f"02:00:00:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}" for n in (0x200000, 0x200000 + count - 1))
    ip = f"UDP: 1.1.1.1 -> 2.2.2.2 {PORTS}"
    switch.ctl(f"packet-generator new {{ name learn limit {count} source pg1 node ethernet-input "
               f"data {{ IP4: {first} - {last} -> 02:00:00:01:00:00 {ip} }} }}")
    while switch.json("show l2fib")["learned"] < count:
        switch.run_stream("learn")  # again, if the table was full before it had grown
    switch.ctl("packet-generator delete learn")
    return f"{{ IP4: {sources} -> {first} {order} {last} {ip} }}"


def bridge(switch):
    """A bridge domain with 1,000 stations at each side."""
    return learnt_bridge(switch, 1000, "-")


def bridge_million(switch):
    """A bridge domain with a million known stations, which are sent to at random."""
    return learnt_bridge(switch, 1000000, "+")


def translate(switch, sessions):
    """pg0 is inside, pg1 outside, with one address."""
    switch.ctl(f"nat44 plugin enable sessions {sessions}")
    switch.ctl("nat44 add interface address pg1")
    switch.ctl("set interface nat44 in pg0 out pg1")


def translated(switch, sessions):
    pgs, macs = routed(switch)
    switch.ctl(f"ip route add 20.0.0.0/8 via {pgs[1].host} pg1")
    translate(switch, sessions)
    return pgs, macs


def known(switch, source, data, count):
    """Each flow of the data once."""
    switch.ctl(f"packet-generator new {{ name known limit {count} size 64-64 source {source} node ethernet-input data {data} }}")
    switch.run_stream("known")
    switch.ctl("packet-generator delete known")


def nat44(switch):
    """1,000 established flows from inside to outside."""
    _, macs = translated(switch, 2000)
    data = f"{{ IP4: {macs} UDP: 10.0.0.2 -> 20.0.0.0 - 20.0.3.231 {PORTS} }}"
    known(switch, "pg0", data, 1000)
    known(switch, "pg1", f"{{ IP4: {switch.pgs[1].host_mac} -> {switch.pgs[1].mac} "
                         "UDP: 20.0.0.0 - 20.0.3.231 -> 10.1.0.1 UDP: 2 -> 1 incrementing 18 }", 1000)
    return data


def nat44_out2in(switch):
    """The same from outside to inside; pg1 is inside, so that packets leave by it."""
    pgs = [switch.pg(i, f"10.{i}.0.1/24") for i in range(2)]
    switch.ctl(f"ip route add 20.0.0.0/8 via {pgs[0].host} pg0")
    switch.ctl("nat44 plugin enable sessions 2000")
    switch.ctl("nat44 add interface address pg0")
    switch.ctl("set interface nat44 in pg1 out pg0")
    known(switch, "pg1", f"{{ IP4: {pgs[1].host_mac} -> {pgs[1].mac} UDP: 10.1.0.2 -> 20.0.0.0 - 20.0.3.231 {PORTS} }}", 1000)
    return (f"{{ IP4: {pgs[0].host_mac} -> {pgs[0].mac} UDP: 20.0.0.0 - 20.0.3.231 -> 10.0.0.1 "
            "UDP: 2 -> 1 incrementing 18 }")


def nat44_million(switch):
    """A million established flows at random."""
    pgs, macs = translated(switch, 1100000)
    flows = f"{{ IP4: {macs} UDP: 10.0.0.2 -> 20.0.0.0 {{}} 20.15.255.255 {PORTS} }}"
    known(switch, "pg0", flows.replace("{}", "-"), 1 << 20)
    known(switch, "pg1", f"{{ IP4: {pgs[1].host_mac} -> {pgs[1].mac} "
                         "UDP: 20.0.0.0 - 20.15.255.255 -> 10.1.0.1 UDP: 2 -> 1 incrementing 18 }", 1 << 20)
    return flows.replace("{}", "+")


def nat44_new(switch):
    """Each packet makes a session."""
    _, macs = translated(switch, 2 * LIMITED)
    return f"{{ IP4: {macs} UDP: 10.0.0.2 -> 20.0.0.0 - 20.255.255.255 {PORTS} }}"


def nat44_forget(switch):
    switch.ctl("nat44 plugin disable")
    translate(switch, 2 * LIMITED)


def between_protocols(switch, inside):
    """NAT64: pg<inside> has IPv6 and a flow of 1,000 hosts outside, which have IPv4; the other one of the two has these."""
    outside = 1 - inside
    pgs = [switch.pg(i, "2001:db8:1::1/64" if i == inside else f"10.{i}.0.1/24") for i in range(2)]
    switch.ctl(f"ip route add 20.0.0.0/8 via {pgs[outside].host} pg{outside}")
    switch.ctl("nat64 plugin enable")
    switch.ctl(f"nat64 add interface address pg{outside}")
    switch.ctl("nat64 add prefix 64:ff9b::/96")
    switch.ctl(f"set interface nat64 in pg{inside}")
    switch.ctl(f"set interface nat64 out pg{outside}")
    macs = [f"{pg.host_mac} -> {pg.mac}" for pg in pgs]
    there = (f"{{ IP6: {macs[inside]} UDP: {pgs[inside].host} -> 64:ff9b::1400:0 - 64:ff9b::1400:3e7 {PORTS} }}")
    back = (f"{{ IP4: {macs[outside]} UDP: 20.0.0.0 - 20.0.3.231 -> 10.{outside}.0.1 UDP: 2 -> 1 incrementing 18 }}")
    known(switch, f"pg{inside}", there, 1000)
    known(switch, f"pg{outside}", back, 1000)
    return there, back


def nat64(switch):
    """1,000 established flows from IPv6 inside to IPv4 outside."""
    return between_protocols(switch, 0)[0]


def nat64_out2in(switch):
    """The same from outside to inside."""
    return between_protocols(switch, 1)[1]


def with_acl(switch, rules):
    """The path of ip4, and a list on what pg0 receives."""
    data = ip4(switch)
    path = switch.new_file("acl.cli")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"set acl-plugin acl {rules}\nset acl-plugin interface pg0 input acl 0\n")
    switch.ctl(f"exec {path}", timeout=120)
    return data


def acl_thousand(switch):
    """The same with an access list: 1,000 rules for other packets, and one for these."""
    return with_acl(switch, ", ".join(f"deny src 30.{n >> 8}.{n & 255}.0/24 proto 17 dport {n + 1}"
                                      for n in range(1000)) + ", permit")


def acl_reflect(switch):
    """The same by permit+reflect, established."""
    return with_acl(switch, "permit+reflect")


def acl_hundred_thousand(switch):
    """The same with 100,000 rules for other hosts, networks and ports."""
    return with_acl(switch, ", ".join(f"deny src 30.{n >> 16}.{n >> 8 & 255}.{n & 255}/32 dst 20.{n % 200}.0.0/16 "
                                      f"proto {6 if n & 1 else 17} dport {n % 60000}" for n in range(100000)) + ", permit")


# name: (setting up, what VPP 26.06 takes, at most)
PATHS = {
    "ip4": (ip4, 128, 90),
    "ip4-million": (ip4_million, 354, None),
    "ip4-internet": (ip4_internet, None, None),
    "ip4-vlan": (ip4_vlan, None, None),
    "ip4-mroute-2": (ip4_mroute_2, None, None),
    "ip4-mroute-8": (ip4_mroute_8, None, None),
    "acl-1000": (acl_thousand, 307, None),
    "acl-reflect": (acl_reflect, 218, None),
    "acl-100000": (acl_hundred_thousand, None, None),
    "ip6": (ip6, None, None),
    "ip6-internet": (ip6_internet, None, None),
    "xconnect": (xconnect, 42, 40),
    "xconnect-vlan": (xconnect_vlan, None, None),
    "bridge": (bridge, 252, 110),
    "bridge-million": (bridge_million, None, 220),
    "nat44": (nat44, None, None),
    "nat44-out2in": (nat44_out2in, None, None),
    "nat44-million": (nat44_million, None, None),
    "nat44-new": (nat44_new, None, None),
    "nat64": (nat64, None, None),
    "nat64-out2in": (nat64_out2in, None, None),
}


# Paths that have LIMITED packets a turn, and what is done before each
AFRESH = {"nat44-new": nat44_forget}


class Clocks:
    """What a build takes on a path. nodes: {node: clocks a packet}, the least of all windows; turns: the sum of each."""

    def __init__(self):
        self.nodes, self.turns = {}, []

    def take(self, window):
        self.turns.append(total(window))
        for node, clocks in window.items():
            self.nodes[node] = min(clocks, self.nodes.get(node, clocks))

    def total(self):
        return total(self.nodes)

    def ratio(self, other):
        """The median of turns, each by that of the other build that ran beside it: noise that lasts longer than a turn
        is in both."""
        ratios = [ours / theirs for ours, theirs in zip(self.turns, other.turns) if ours and theirs]
        return statistics.median(ratios) if ratios else float("nan")


def run_for_a_turn(switch):
    switch.ctl("packet-generator enable-stream s")
    time.sleep(WARM_SECONDS)
    switch.ctl("clear runtime")
    time.sleep(WINDOW_SECONDS)


def run_afresh(switch, forget):
    forget(switch)
    switch.ctl("clear runtime")
    switch.run_stream("s")


def window_of(switch, forget=None):
    """{node: clocks a packet}: runs the stream for a turn, or to its end."""
    if forget:
        run_afresh(switch, forget)
    else:
        run_for_a_turn(switch)
    nodes = [node for thread in switch.json("show runtime")["threads"] for node in thread["nodes"]
             if node["vectors"] >= LEAST_PACKETS]
    came = sum(node["vectors"] for node in nodes if node["name"] == "pg-input")
    if not forget:
        switch.ctl("packet-generator disable-stream s")
    return {node["name"]: node["packet_clocks"] * node["vectors"] / came for node in nodes if came}


def stream_of(switch, vector, data, limited=False):
    """Makes the stream, which has run when this returns, but for a limited one."""
    what = data if data.startswith("pcap") else f"size 64-64 data {data}"
    limit = f"limit {LIMITED}" if limited else ""
    switch.ctl(f"packet-generator new {{ name s maxframe {vector} {limit} {FRAME} {what} }}")
    if limited:
        return
    switch.ctl("clear interfaces")
    switch.ctl("packet-generator enable-stream s")
    wait_for(lambda: switch.counter("pg1", "tx packets") > 100000, "traffic", 20)
    switch.ctl("packet-generator disable-stream s")


def its_threads(switch):
    """For around.undisturbed: all of the daemon."""
    return types.SimpleNamespace(threads=lambda: (list(map(int, os.listdir(f"/proc/{switch.pid}/task"))), []))


def measure_path(builds, path, vectors, found, alone=False):
    """Takes windows of all builds, which run at the same time, but packets in one only. builds: folders with a build,
    or VPP's program; found: {vector: Clocks} of each."""
    switches = [Switch(build) if os.path.isdir(build) else VppBinary(build) for build in builds]
    try:
        data = []
        for switch in switches:
            switch.start()
            data.append(PATHS[path][0](switch))
        for vector in vectors:
            for switch, its in zip(switches, data):
                stream_of(switch, vector, its, path in AFRESH)
            with around.undisturbed([its_threads(switch) for switch in switches] if alone else []):
                for _ in range(WINDOWS):
                    for switch, its in zip(switches, found):
                        its.setdefault(vector, Clocks()).take(window_of(switch, AFRESH.get(path)))
            for switch in switches:
                switch.ctl("packet-generator delete s")
        for switch in switches:
            switch.stop()
    finally:
        for switch in switches:
            switch.remove()


def measure_by_turns(builds, paths=None, vectors=(WHOLE_VECTOR,), rounds=5, alone=False):
    """For each build: {path: {vector: Clocks}}. A million routes take their time: once is enough."""
    found = [{path: {} for path in paths or PATHS} for _ in builds]
    for turn in range(rounds):
        for path in paths or PATHS:
            if turn == 0 or not any(word in path for word in ("million", "internet")):
                measure_path(builds, path, vectors, [its[path] for its in found], alone)
    return found


def measure(build, paths=None, rounds=5):
    """{path: Clocks} of whole vectors."""
    found = measure_by_turns([build], paths, rounds=rounds)[0]
    return {path: vectors[WHOLE_VECTOR] for path, vectors in found.items()}


def total(nodes):
    """Without the ends."""
    return sum(clocks for node, clocks in nodes.items() if not ENDS.fullmatch(node))


def print_path(path, vector, found):
    """found: Clocks of the build, and of those that it is measured against, if there are any."""
    ours, *others = found
    _, reference, limit = PATHS[path]
    whole = vector == WHOLE_VECTOR
    print(f"{path if whole else f'{path}, {vector} a vector':24} {ours.total():6.1f} clocks a packet"
          + "".join(f"; against {its.total():.1f}: {ours.total() / its.total():.2f}x, {ours.ratio(its):.2f}x by turns"
                    for its in others)
          + (f"; VPP 26.06: {reference}" if reference and whole and not others else "")
          + (f"; at most {limit}" if limit and whole and not others else ""))
    for node in dict.fromkeys(name for its in found for name in its.nodes):
        print(f"    {node:20}" + "".join(f" {its.nodes.get(node, 0):6.1f}" for its in found))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(HERE, "../build/release"))
    parser.add_argument("--against", metavar="DIR")
    parser.add_argument("--vpp", metavar="PROGRAM")
    parser.add_argument("--vectors", default=[WHOLE_VECTOR], type=lambda s: [int(n) for n in s.split(",")])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("paths", nargs="*", metavar="PATH")
    options = parser.parse_args()
    unknown = set(options.paths) - set(PATHS)
    if unknown:
        parser.error(f"no path {' '.join(sorted(unknown))}; there are: {' '.join(PATHS)}")
    if options.alone and options.vpp:
        parser.error("--alone is not for VPP, which polls all the while")
    builds = [os.path.abspath(build) for build in (options.build, options.against, options.vpp) if build]
    found = measure_by_turns(builds, options.paths, options.vectors, options.rounds, options.alone)
    if options.json:
        print(json.dumps([{path: {vector: {"clocks": its.total(), "turns": its.turns, "nodes": its.nodes}
                                  for vector, its in vectors.items()}
                           for path, vectors in build.items()} for build in found], indent=2))
        return
    for path in found[0]:
        for vector in options.vectors:
            print_path(path, vector, [build[path][vector] for build in found])


if __name__ == "__main__":
    main()

"""The fast path: packets between host interfaces that stay in the kernel (docs/fast-path.md)."""

import collections
import contextlib
import ctypes
import errno
import fcntl
import os
import random
import re
import select
import socket
import struct
import subprocess
import threading
import time

import lib
import pytest

ON = "fast-path { on }"
CLSACT = "fast-path { on clsact }"  # as on kernels before Linux 6.6
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0
SO_ATTACH_FILTER, SO_DETACH_FILTER, SYS_PIDFD_GETFD = 26, 27, 438
PACKET_VNET_HDR = 15
TUNSETIFF, IFF_TAP_NO_PI = 0x400454ca, 0x1002


def needs(vpp):
    """The switch, with its fast path; where the kernel or the privilege is missing, the test is skipped."""
    shown = vpp.json("show fast-path")
    assert "refuses" not in shown.get("why_not", ""), vpp.ctl("show logging")
    if not shown["on"]:
        pytest.skip("no fast path here: " + shown["why_not"])
    return vpp


def flows(vpp):
    return vpp.json("show fast-path flows")["flows"]


def kernel_packets(vpp):
    """That the kernel forwarded by itself since the start."""
    nodes = [n for t in vpp.json("show runtime")["threads"] for n in t["nodes"] if n["name"] == "host-fast-path"]
    return sum(n["vectors"] for n in nodes)


def until_flows(vpp, left, there, n=2):
    """Sends until there are so many entries; neighbours are known before."""
    assert left.ping(there.to[0]) == 3

    def send():
        there.send(10)
        left.ping(there.to[0], count=1)

    lib.wait_for(lambda: send() is None and len(flows(vpp)) >= n,
                 f"{n} flows; {vpp.ctl('show fast-path')} {vpp.ctl('show fast-path flows')}", timeout=30)


def checksum(data):
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return (~total & 0xffff).to_bytes(2, "big")


def ip4(src, dst, payload, ttl=64, fragment=0, options=b"", bad=False, protocol=17):
    head = bytes([0x45 + len(options) // 4, 0]) + (20 + len(options) + len(payload)).to_bytes(2, "big")
    head += b"\x12\x34" + fragment.to_bytes(2, "big") + bytes([ttl, protocol])
    tail = socket.inet_aton(src) + socket.inet_aton(dst) + options
    total = checksum(head + b"\0\0" + tail)
    return head + (b"\xbe\xef" if bad else total) + tail + payload


def ip6(src, dst, payload, ttl=64, label=5, protocol=17):
    return ((0x60000000 | label).to_bytes(4, "big") + len(payload).to_bytes(2, "big") + bytes([protocol, ttl]) +
            socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst) + payload)


def udp(ports, text):
    return (ports[0].to_bytes(2, "big") + ports[1].to_bytes(2, "big") + (8 + len(text)).to_bytes(2, "big") + b"\0\0" +
            text)


def tcp(ports, text, total=0):
    """total: what stands in the place of its sum."""
    return (ports[0].to_bytes(2, "big") + ports[1].to_bytes(2, "big") + b"\0\0\0\1\0\0\0\2\x50\x10\x10\0" + total.to_bytes(2, "big") +
            b"\0\0" + text)


class Segments(bytes):
    """A frame of TCP that is still to be cut, and summed: virtio's header says how."""

    vnet = b""


def segments(link, src, dst, ports, text, each):
    """link: with the type; each: bytes of TCP in a segment."""
    is6 = ":" in src
    ends = b"".join(socket.inet_pton(socket.AF_INET6 if is6 else socket.AF_INET, a) for a in (src, dst))
    pseudo = ends + (20 + len(text)).to_bytes(4 if is6 else 2, "big") + (b"\0\0\0\x06" if is6 else b"\0\x06")
    total = 0xffff ^ int.from_bytes(checksum(pseudo), "big")
    frame = Segments(link + (ip6 if is6 else ip4)(src, dst, tcp(ports, text, total), protocol=6))
    start = len(link) + (40 if is6 else 20)
    frame.vnet = struct.pack("=BBHHHH", 1, 4 if is6 else 1, start + 20, each, start, 16)
    return frame


def until_kernel(vpp, there, packets=300, size=32):
    """Sends until the kernel has forwarded so many more; whatever ends entries meanwhile, they come back."""
    begin = kernel_packets(vpp)
    lib.wait_for(lambda: there.send(100, size) is None and kernel_packets(vpp) >= begin + packets,
                 f"{packets} packets in the kernel; {vpp.ctl('show fast-path')}", timeout=60)


def routed_flow(net, datagrams):
    """(switch, its namespace, left, right, datagrams from left to right): these have an entry."""
    vpp, switch, left, right = net.routed(config=ON)
    needs(vpp)
    there = datagrams(left, right, "10.2.0.1")
    until_flows(vpp, left, there)
    return vpp, switch, left, right, there


class Datagrams:
    """Numbered datagrams from one namespace to another, no more on their way than `window`."""

    def __init__(self, sender, receiver, to, port=9000, window=256):
        family = socket.AF_INET6 if ":" in to else socket.AF_INET
        with receiver.entered():
            self.rx = socket.socket(family, socket.SOCK_DGRAM)
            self.rx.setsockopt(socket.SOL_SOCKET, lib.SO_RCVBUFFORCE, 4 << 20)
            self.rx.bind((to, port))
            self.rx.settimeout(60)
        with sender.entered():
            self.tx = socket.socket(family, socket.SOCK_DGRAM)
        self.namespace, self.to, self.window = sender, (to, port), window
        self.sent, self.got = 0, []

    def close(self):
        self.rx.close()
        self.tx.close()

    def send(self, n, size=32):
        """n more; returns when they have arrived."""
        end = self.sent + n
        while len(self.got) < end:
            while self.sent < end and self.sent - len(self.got) < self.window:
                self.tx.sendto(self.sent.to_bytes(4, "big").ljust(size, b"."), self.to)
                self.sent += 1
            self.got.append(int.from_bytes(self.rx.recv(65536)[:4], "big"))

    def rest(self):
        """What came behind that."""
        self.rx.settimeout(0.2)
        extra = []
        try:
            while True:
                extra.append(int.from_bytes(self.rx.recv(65536)[:4], "big"))
        except TimeoutError:
            return extra


@pytest.fixture
def datagrams():
    made = []

    def make(*args, **kwargs):
        made.append(Datagrams(*args, **kwargs))
        return made[-1]

    yield make
    for d in made:
        d.close()


def crossed(net, how="set interface l2 xconnect", indices=(), before=None, **kwargs):
    """Kernel -- vpp -- kernel in layer 2: 10.9.0.1 and 10.9.0.2. indices: of the switch's devices; before(its namespace)
    is called when these are there, and the daemon is not."""
    switch, left, right = net.namespace(), net.namespace(), net.namespace()
    for i, (name, device, end) in enumerate((("left", "l0", left), ("right", "r0", right))):
        switch.ip(f"link add {name} {f'index {indices[i]}' if indices else ''} type veth peer name {device} netns {end}")
        switch.ip(f"link set {name} up")
        end.ip(f"link set {device} up")
    if before:
        before(switch)
    left.ip("addr add 10.9.0.1/24 dev l0")
    right.ip("addr add 10.9.0.2/24 dev r0")
    vpp = net.vpp(switch, **kwargs)
    for name in ("left", "right"):
        vpp.configure(f"create host-interface name {name}\nset int state host-{name} up")
    if "xconnect" in how:
        vpp.configure("set interface l2 xconnect host-left host-right\nset interface l2 xconnect host-right host-left")
    else:
        vpp.configure("set interface l2 bridge host-left 1\nset interface l2 bridge host-right 1")
    return vpp, switch, left, right


def by_two_links(net):
    """Routed; the right end has two links, and 10.99.0.1 behind either."""
    vpp, switch, left, right = net.routed(n_right=2, config=ON)
    needs(vpp)
    right.ip("addr add 10.99.0.1/32 dev lo")
    for device in ("all", "r0", "r1"):
        right.sysctl(f"net/ipv4/conf/{device}/rp_filter", 0)
    return vpp, switch, left, right


def test_off_unless_asked_for(net):
    vpp, _, left, _ = net.routed()
    assert left.ping("10.2.0.1") == 3
    shown = vpp.json("show fast-path")
    assert not shown["on"] and "startup.conf" in shown["why_not"]
    assert "startup.conf" in vpp.fails("set fast-path on")
    assert not flows(vpp)


@pytest.mark.parametrize("how", ["set interface l2 xconnect", "set interface l2 bridge"])
def test_layer_2(net, datagrams, how):
    vpp, _, left, right = crossed(net, how, config=ON)
    needs(vpp)
    there = datagrams(left, right, "10.9.0.2")
    until_flows(vpp, left, there)
    before, begin = vpp.interfaces(), there.sent
    until_kernel(vpp, there)
    after, sent = vpp.interfaces(), there.sent - begin
    assert there.rest() == [] and sorted(there.got) == list(range(there.sent))
    for name, counter in (("host-left", "rx"), ("host-right", "tx")):
        for unit, each in (("packets", 1), ("bytes", 32 + 42)):
            was, now = (x[name]["counters"].get(f"{counter} {unit}", 0) for x in (before, after))
            assert sent * each <= now - was < sent * each + 100 * 100, (name, unit)


@pytest.mark.parametrize("size, config", [(32, ON), (1400, ON), (1400, CLSACT)])
def test_routed(net, datagrams, size, config):
    vpp, _, left, right = net.routed(config=config)
    needs(vpp)
    there = datagrams(left, right, "10.2.0.1")
    until_flows(vpp, left, there)
    begin, routed = there.sent, vpp.interfaces()["host-left"]["counters"]["ip4"]
    until_kernel(vpp, there, size=size)
    assert vpp.interfaces()["host-left"]["counters"]["ip4"] - routed >= there.sent - begin
    assert there.rest() == [] and sorted(there.got) == list(range(there.sent))
    # as long a way as before: a hop less
    assert "ttl=63" in left.run("ping -n -c 3 -i 0.02 10.2.0.1").stdout


@pytest.mark.parametrize("config", [ON, CLSACT])
def test_exactly_once(net, datagrams, config):
    """Entries come and go all the time; each datagram arrives once."""
    vpp, _, left, right = net.routed(config=config)
    needs(vpp)
    there = datagrams(left, right, "10.2.0.1")
    until_flows(vpp, left, there, n=1)
    churn = subprocess.Popen([vpp.build + "/vppctl", "-s", vpp.cli], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, text=True)
    stop = threading.Event()

    def clear():
        while not stop.wait(0.0005):
            churn.stdin.write("clear fast-path\n")
            churn.stdin.flush()

    thread = threading.Thread(target=clear)
    thread.start()
    try:
        first, sent = kernel_packets(vpp), there.sent

        def both_had_some():
            there.send(2000)
            kernel = kernel_packets(vpp) - first
            return kernel > 3000 and there.sent - sent - kernel > 3000

        lib.wait_for(both_had_some, "packets in the kernel and in the graph", timeout=120)
    finally:
        stop.set()
        thread.join()
        churn.stdin.close()
        churn.wait(30)
    assert there.rest() == []
    assert sorted(there.got) == list(range(there.sent))
    assert vpp.json("show fast-path")["on"], vpp.output()


def test_ipv6(net, datagrams):
    switch, left, right = net.namespace(ipv6=True), net.namespace(ipv6=True), net.namespace(ipv6=True)
    vpp = net.vpp(switch, config=ON)
    needs(vpp)
    for i, (end, name) in enumerate(((left, "left"), (right, "right"))):
        switch.veth(name, "e0", end)
        end.ip(f"addr add 2001:db8:{i}::1/64 dev e0 nodad")
        end.ip(f"route add default via 2001:db8:{i}::2 dev e0")
        vpp.configure(f"create host-interface name {name}\nset int state host-{name} up\n"
                      f"set int ip address host-{name} 2001:db8:{i}::2/64")
    lib.wait_for(lambda: left.ping("2001:db8:1::1", count=1) == 1, "an answer", timeout=30)
    there = datagrams(left, right, "2001:db8:1::1")
    until_flows(vpp, left, there)
    begin, routed = there.sent, vpp.interfaces()["host-left"]["counters"]["ip6"]
    until_kernel(vpp, there)
    assert vpp.interfaces()["host-left"]["counters"]["ip6"] - routed >= there.sent - begin
    assert there.rest() == [] and sorted(there.got) == list(range(there.sent))
    assert "ttl=63" in left.run("ping -n -c 3 -i 0.02 2001:db8:1::1").stdout


@pytest.mark.parametrize("tags", [(100, 0), (0, 200), (100, 200), (100, 100)])
def test_vlans(net, tags):
    """A tag that goes, one that comes, one that becomes another: routed between the links."""
    ns = net.namespace()
    vpp = net.vpp(ns, config=ON)
    needs(vpp)
    wires, macs = [], []
    for i, tag in enumerate(tags):
        ns.veth(f"p{i}", f"h{i}")
        wires.append(net.wire(ns, f"h{i}"))
        port = f"host-p{i}"
        vpp.configure(f"create host-interface name p{i}\nset int state {port} up")
        macs.append(lib.octets(vpp.mac(port)))
        if tag:
            vpp.configure(f"create sub-interfaces {port} {tag}\nset int state {port}.{tag} up")
            port += f".{tag}"
        vpp.configure(f"set int ip address {port} 10.{i}.0.2/24\nset ip neighbor static {port} 10.{i}.0.1 {wires[i].mac}")

    def header(dst, src, tag):
        return dst + src + (b"\x81\0" + tag.to_bytes(2, "big") if tag else b"") + b"\x08\0"

    packet = ip4("10.0.0.1", "10.1.0.1", udp((1, 2), b"#tagged".ljust(64, b".")))
    sent = header(macs[0], lib.octets(wires[0].mac), tags[0]) + packet
    wanted = (header(lib.octets(wires[1].mac), macs[1], tags[1]) +
              ip4("10.0.0.1", "10.1.0.1", udp((1, 2), b"#tagged".ljust(64, b".")), ttl=63))

    def exchange(n=1):
        for _ in range(n):
            wires[0].send(sent)
        for _ in range(n):
            frame = wires[1].receive()
            while b"#tagged" not in frame:
                frame = wires[1].receive()
            assert frame == wanted

    lib.wait_for(lambda: exchange() is None and flows(vpp), "a flow", timeout=30)

    def all_by_the_kernel():
        kernel, before = kernel_packets(vpp), vpp.interfaces()
        exchange(100)
        by_kernel, after = kernel_packets(vpp) - kernel, vpp.interfaces()
        for name in after:
            if name != "local0":
                way, length = ("rx", len(sent)) if "p0" in name else ("tx", len(wanted))
                for unit, more in (("packets", 100), ("bytes", 100 * length)):
                    was, now = (x[name]["counters"].get(f"{way} {unit}", 0) for x in (before, after))
                    assert now - was == more, (name, unit)
        return by_kernel == 100

    lib.wait_for(all_by_the_kernel, "all packets to be the kernel's", timeout=60)


def test_bvi(net, datagrams):
    """Out of a bridge domain and into it; who moves to another port of it is looked for there."""
    switch, left, right = net.namespace(), net.namespace(), net.namespace()
    switch.veth("left", "l0", left)
    switch.veth("right", "r0", right)
    left.ip("addr add 10.1.0.1/24 dev l0")
    left.ip("route add default via 10.1.0.2")
    right.ip("addr add 10.2.0.1/24 dev r0")
    right.ip("route add default via 10.2.0.2")
    vpp = needs(net.vpp(switch, config=ON))
    vpp.configure("create loopback interface\nset int state loop0 up\nset int l2 bridge loop0 1 bvi")
    for name in ("left", "right"):
        vpp.configure(f"create host-interface name {name}\nset int state host-{name} up")
    vpp.configure("set int l2 bridge host-left 1\n"
                  "set int ip address loop0 10.1.0.2/24\nset int ip address host-right 10.2.0.2/24")
    there, back = datagrams(left, right, "10.2.0.1"), datagrams(right, left, "10.1.0.1", port=9001)
    until_flows(vpp, left, there)

    def by_the_kernel(d, rx, tx):
        """All of a hundred, and what is counted for each of them."""
        before, kernel = vpp.interfaces(), kernel_packets(vpp)
        d.send(100)
        if kernel_packets(vpp) - kernel < 100:
            return False
        after = vpp.interfaces()
        for names, way in ((rx, "rx"), (tx, "tx")):
            for name in names:
                for unit, each in (("packets", 1), ("bytes", 32 + 42)):
                    was, now = (x[name]["counters"].get(f"{way} {unit}", 0) for x in (before, after))
                    assert now - was >= 100 * each, (name, way, unit)
        assert after["loop0" if "loop0" in rx else "host-right"]["counters"]["ip4"] >= 100
        return True

    lib.wait_for(lambda: by_the_kernel(there, ("host-left", "loop0"), ("host-right",)), "the kernel to have it all", timeout=60)
    lib.wait_for(lambda: by_the_kernel(back, ("host-right",), ("loop0", "host-left")), "the kernel to have it all", timeout=60)
    # a ping to the switch comes and goes by the domain
    lib.wait_for(lambda: left.ping("10.1.0.2") == 3 and " echo" in vpp.ctl("show fast-path flows"), "an answer by the kernel", timeout=30)
    switch.veth("other", "o0", left)
    vpp.configure("create host-interface name other\nset int state host-other up\nset int l2 bridge host-other 1")
    lib.wait_for(lambda: by_the_kernel(back, ("host-right",), ("loop0", "host-left")), "the kernel to have it all", timeout=60)
    mac = left.mac("l0")
    left.ip("link set l0 down")
    left.ip("addr del 10.1.0.1/24 dev l0")
    left.ip(f"link set o0 address {mac}")
    left.ip("addr add 10.1.0.1/24 dev o0")
    left.ip("route replace default via 10.1.0.2")
    assert left.ping("10.1.0.2") == 3
    before = vpp.counter("host-other", "tx packets")
    back.send(200)
    assert vpp.counter("host-other", "tx packets") >= before + 200
    there.send(200)
    for d in (there, back):
        assert d.rest() == [] and sorted(d.got) == list(range(d.sent))


def test_several_ways(net, datagrams):
    """Each flow keeps its way; flows take both."""
    vpp, _, left, right = by_two_links(net)
    vpp.configure("ip route add 10.99.0.1/32 via 10.2.0.1 host-right0\nip route add 10.99.0.1/32 via 10.3.0.1 host-right1")
    assert left.ping("10.99.0.1") == 3
    assert left.ping("10.3.0.1") == 3
    senders = [datagrams(left, right, "10.99.0.1", port=9000 + i) for i in range(12)]

    def both():
        for there in senders:
            there.send(5)
        return {f["to"] for f in flows(vpp)} >= {"host-right0", "host-right1"}

    lib.wait_for(both, "flows by both ways", timeout=30)
    before = vpp.interfaces()
    for there in senders:
        there.send(200)
    after = vpp.interfaces()
    sent = [after[f"host-right{i}"]["counters"]["tx packets"] - before[f"host-right{i}"]["counters"]["tx packets"]
            for i in (0, 1)]
    assert min(sent) >= 200 and sum(sent) >= 2400
    for there in senders[:2]:
        until_kernel(vpp, there)
    for there in senders:
        assert there.rest() == [] and sorted(there.got) == list(range(there.sent))


@pytest.mark.parametrize("to, weight, by_label", [
    ("10.99.0.1", 1, False), ("10.99.0.1", 3, False),
    ("2001:db8:99::1", 1, False), ("2001:db8:99::1", 3, False), ("2001:db8:99::1", 1, True),
])
def test_ways_of_the_kernel(net, to, weight, by_label):
    """Each flow goes the way that the graph has taken it, by weights, ports and the flow label."""
    is6 = ":" in to
    ns = net.namespace()
    vpp = needs(net.vpp(ns, config=ON))
    wires = []
    for i in range(3):
        ns.veth(f"p{i}", f"h{i}")
        wires.append(net.wire(ns, f"h{i}"))
        near, far = (f"2001:db8:{i}::2/64", f"2001:db8:{i}::1") if is6 else (f"10.{i}.0.2/24", f"10.{i}.0.1")
        vpp.configure(f"create host-interface name p{i}\nset int state host-p{i} up\nset int ip address host-p{i} {near}\n"
                      f"set ip neighbor static host-p{i} {far} {wires[i].mac}")
        if i:
            vpp.ctl(f"ip route add {to}/{128 if is6 else 32} via {far} host-p{i} weight {weight if i == 1 else 1}")
    if by_label:
        vpp.ctl("set ip6 flow-hash table 0 src dst proto flowlabel")
    link = lib.octets(vpp.mac("host-p0")) + lib.octets(wires[0].mac)

    def frame(flow, serial):
        ports, text = (1, 2) if by_label else (1000 + flow, 2), b"#way%4d %8d" % (flow, serial)
        if is6:
            return link + b"\x86\xdd" + ip6("2001:db8::1", to, udp(ports, text.ljust(40)), label=flow if by_label else 7)
        return link + b"\x08\0" + ip4("10.0.0.1", to, udp(ports, text.ljust(40)))

    serial, ways, came = 0, collections.defaultdict(set), set()

    def exchange():
        nonlocal serial
        for flow in range(48):
            wires[0].send(frame(flow, serial))
            serial += 1

        def all_came():
            for i in (1, 2):
                while select.select([wires[i].socket], [], [], 0)[0]:
                    if found := re.search(rb"#way *(\d+) +(\d+)", wires[i].receive()):
                        ways[int(found[1])].add(i)
                        assert int(found[2]) not in came
                        came.add(int(found[2]))
            return len(came) == serial

        lib.wait_for(all_came, f"{serial} frames", timeout=30, interval=0.001)

    def all_by_the_kernel():
        kernel = kernel_packets(vpp)
        exchange()
        return kernel_packets(vpp) == kernel + 48

    lib.wait_for(all_by_the_kernel, f"all to be the kernel's; {vpp.ctl('show fast-path')}", timeout=60, interval=0.001)
    assert all(len(taken) == 1 for taken in ways.values()), ways
    n = [sum(taken == {i} for taken in ways.values()) for i in (1, 2)]
    assert min(n) >= 3 and (weight == 1 or n[0] > n[1]), n


@pytest.mark.parametrize("feature", [
    "set interface feature host-left stats-collect-rx arc device-input",
    "set interface feature host-right0 stats-collect-tx arc interface-output",
    "set interface span host-left destination local0 both",
    "policer input name pol host-left",
    "policer output name pol host-right0",
    "set acl-plugin interface host-left input acl 0",
    "set acl-plugin interface host-right0 output acl 0",
    "set interface nat44 in host-left out host-right0",
    "qos record ip host-left",
    "set interface reassembly host-left on",
    "set interface tcp-mss-clamp host-left ip4 rx ip4-mss 1000 ip6 rx ip6-mss 1000",  # a plugin that nothing here knows of
    "trace add af-packet-input 1000000",
    "pcap trace rx tx max 1000000 intfc any file fast-path.pcap",
])
def test_what_has_to_see_packets(net, datagrams, feature):
    """It sees all of them, from the moment on that it was asked for."""
    vpp, _, left, right = net.routed(config=ON)
    needs(vpp)
    vpp.configure("""
        policer add name pol type 1r2c cir 10000000 cb 100000000 rate kbps conform-action transmit exceed-action drop violate-action drop
        set acl-plugin acl permit dst 10.0.0.0/8
        nat44 plugin enable sessions 1000
        nat44 add static mapping local 10.1.0.1 external 10.2.0.77
    """)
    there = datagrams(left, right, "10.2.0.1")
    until_flows(vpp, left, there)
    if "span" in feature:
        vpp.ctl("create loopback interface")
        feature = feature.replace("local0", "loop0")
    vpp.ctl(feature)
    kernel = kernel_packets(vpp)
    there.send(500)
    assert kernel_packets(vpp) == kernel, (vpp.ctl("show fast-path"), vpp.ctl("show fast-path flows"))
    assert sorted(there.got) == list(range(there.sent))


def test_too_long(net, datagrams):
    """Longer than the next link takes: the graph tells the sender, or cuts it."""
    vpp, _, left, _, there = routed_flow(net, datagrams)
    vpp.ctl("set interface mtu packet 1000 host-right0")
    there.tx.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    there.send(50)
    there.send(20, size=1200)
    assert sorted(there.got) == list(range(there.sent))
    assert "Frag needed" in left.run("ping -n -c 1 -M do -s 1200 10.2.0.1", check=False).stdout


def test_changes(net, datagrams):
    """A route takes effect before its command returns, a device's end at once; what comes back is learnt anew."""
    vpp, switch, left, right = by_two_links(net)
    vpp.ctl("ip route add 10.99.0.0/24 via 10.2.0.1 host-right0")
    assert left.ping("10.3.0.1") == 3
    there = datagrams(left, right, "10.99.0.1")
    until_flows(vpp, left, there)
    for i in range(6):
        new, old = (1, 0) if i % 2 == 0 else (0, 1)
        vpp.ctl(f"ip route add 10.99.0.1/32 via 10.{2 + new}.0.1 host-right{new}")
        tx = [vpp.counter(f"host-right{k}", "tx packets") for k in (0, 1)]
        there.send(100)
        assert vpp.counter(f"host-right{old}", "tx packets") < tx[old] + 50, i  # it answers ARP
        assert vpp.counter(f"host-right{new}", "tx packets") >= tx[new] + 100, i
        vpp.ctl("ip route del 10.99.0.1/32 via 10.{}.0.1 host-right{}".format(2 + new, new))
        vpp.ctl(f"ip route add 10.99.0.1/32 via 10.{2 + new}.0.1 host-right{new}")
        until_flows(vpp, left, there, n=1)
        vpp.ctl("ip route del 10.99.0.1/32 via 10.{}.0.1 host-right{}".format(2 + new, new))
    switch.ip("link del right1")
    lib.wait_for(lambda: vpp.link("host-right1") == "down", "the link to be down")
    there.send(100)
    assert there.rest() == [] and sorted(there.got) == list(range(there.sent))
    vpp.ctl("delete host-interface name left")
    assert not flows(vpp)


def test_only_what_depends_on_it(net, datagrams):
    """Routes and neighbours end what goes by them, before their command returns, and nothing else."""
    vpp, _, left, right = by_two_links(net)
    vpp.configure("ip route add 10.98.0.0/16 via 10.2.0.1 host-right0\nip route add 10.99.0.0/16 via 10.98.0.1")
    assert left.ping("10.3.0.1") == 3
    there, other = datagrams(left, right, "10.99.0.1"), datagrams(left, right, "10.2.0.1", port=9001)
    until_flows(vpp, left, other)
    until_flows(vpp, left, there)

    def others_stay():
        until_kernel(vpp, there)
        before = vpp.json("show fast-path")
        for i in range(10):
            vpp.ctl(f"ip route add 10.77.{i}.0/24 via 10.3.0.1 host-right1")
            vpp.ctl(f"set ip neighbor static host-right1 10.3.0.{100 + i} 02:aa:00:00:00:{i:02x}")
            vpp.ctl(f"set ip neighbor del static host-right1 10.3.0.{100 + i} 02:aa:00:00:00:{i:02x}")
            vpp.ctl(f"ip route del 10.77.{i}.0/24 via 10.3.0.1 host-right1")
        after = vpp.json("show fast-path")
        return after["generation"] == before["generation"] and after["flows"] >= 2

    lib.wait_for(others_stay, "a time in which nothing else changes", timeout=60)

    def moves(change, back, device="host-right1"):
        until_kernel(vpp, there)
        ended = vpp.json("show fast-path")["ended"]
        vpp.ctl(change)
        tx = vpp.counter(device, "tx packets")
        there.send(100)
        assert vpp.counter(device, "tx packets") >= tx + 100, change
        vpp.ctl(back)
        tx = vpp.counter("host-right0", "tx packets")
        there.send(100)
        assert vpp.counter("host-right0", "tx packets") >= tx + 100, back
        return vpp.json("show fast-path")["ended"] > ended

    for prefix in ("10.99.0.1/32", "10.98.0.1/32", "10.98.0.0/24"):  # its own, and those of the way to its next hop
        change, back = (f"ip route {what} {prefix} via 10.3.0.1 host-right1" for what in ("add", "del"))
        lib.wait_for(lambda: moves(change, back), "a route to end what it had", timeout=60)

    # another MAC, which nobody has: all packets go there, and are lost
    until_kernel(vpp, there)
    for mac, arrives in (("02:aa:00:00:00:01", False), (right.mac("r0"), True)):
        vpp.ctl(f"set ip neighbor static host-right0 10.2.0.1 {mac}")
        if arrives:
            there.send(20)
        else:
            there.tx.sendto(b"....#lost", there.to)
            assert there.rest() == []
            there.rx.settimeout(60)
    assert sorted(there.got) == list(range(there.sent))


def test_stations_move(net, datagrams):
    """A station that speaks by another port is looked for there; one that only the kernel hears does not age."""
    vpp, switch, left, right = crossed(net, "bridge", config=ON)
    needs(vpp)
    switch.veth("other", "o0", right)
    vpp.configure("create host-interface name other\nset int state host-other up\nset interface l2 bridge host-other 1")
    there = datagrams(left, right, "10.9.0.2")
    until_flows(vpp, left, there)
    mac = right.mac("r0")
    vpp.ctl("set bridge-domain mac-age 1 2")
    there.send(20)
    lib.wait_for(lambda: there.send(20) is None and len(flows(vpp)) >= 1, "flows")
    right.ip("link set r0 down")
    right.ip("addr del 10.9.0.2/24 dev r0")
    right.ip(f"link set o0 address {mac}")
    right.ip("addr add 10.9.0.2/24 dev o0")
    assert right.ping("10.9.0.1") == 3
    before = vpp.counter("host-other", "tx packets")
    there.send(200)
    assert vpp.counter("host-other", "tx packets") >= before + 200
    assert sorted(there.got) == list(range(there.sent))


@pytest.mark.parametrize("config", [ON, CLSACT])
def test_on_and_off(net, datagrams, config):
    """While packets flow; nothing is lost and nothing doubled, and it stays as it was said."""
    vpp, _, left, right = net.routed(config=config)
    needs(vpp)
    there = datagrams(left, right, "10.2.0.1")
    until_flows(vpp, left, there, n=1)
    for _ in range(5):
        vpp.ctl("set fast-path off")
        kernel = kernel_packets(vpp)
        there.send(200)
        assert kernel_packets(vpp) == kernel and not vpp.json("show fast-path")["on"]
        assert "set fast-path off" in vpp.running_config()
        vpp.ctl("set fast-path on")
        until_flows(vpp, left, there, n=1)
    assert "set fast-path off" not in vpp.running_config()
    assert there.rest() == [] and sorted(there.got) == list(range(there.sent))
    assert "fast-path-enabled" in vpp.ctl("show hardware-interfaces host-left")


def slow_socket(namespace, device):
    """A packet socket that takes no packet, but some time for each: for those that were opened later it is done before that."""
    divide = struct.pack("=HBBI", 0x34, 0, 0, 3) * 4000  # BPF_ALU | BPF_DIV | BPF_K
    code = ctypes.create_string_buffer(divide + struct.pack("=HBBI", 0x06, 0, 0, 0))
    with namespace.entered():
        slow = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        slow.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", (len(code) - 1) // 8, ctypes.addressof(code)))
        slow.bind((device, lib.ETH_P_ALL))
    return slow


@pytest.mark.parametrize("config", [ON, CLSACT])
def test_off_loses_nothing(net, config):
    """A packet that the filter has decided about as it is turned off goes the kernel's way to its end."""
    slow = []
    vpp, _, left, right = crossed(net, before=lambda ns: slow.extend(slow_socket(ns, "left") for _ in range(100)), config=config)
    needs(vpp)
    wire, other, sent, came = net.wire(left, "l0"), net.wire(right, "r0"), 0, collections.Counter()

    def arrived():
        while select.select([other.socket], [], [], 0)[0]:
            if found := re.search(rb"#off *(\d+)", other.receive()):
                came[int(found[1])] += 1
        return len(came) == sent

    for _ in range(20):
        kernel, stop = kernel_packets(vpp), threading.Event()

        def send(stop=stop):
            nonlocal sent
            while not stop.is_set():
                wire.send(b"\x02\xdd\0\0\0\1\x02\xcc\0\0\0\1\x88\xb5" + (b"#off%8d" % sent).ljust(46))
                sent += 1

        thread = threading.Thread(target=send)
        thread.start()
        try:
            lib.wait_for(lambda kernel=kernel: kernel_packets(vpp) > kernel + 10, "packets in the kernel", timeout=60)
            vpp.ctl("set fast-path off")
        finally:
            stop.set()
            thread.join()
        lib.wait_for(arrived, f"{sent} frames", timeout=20)
        vpp.ctl("set fast-path on")
    assert set(came.values()) == {1}
    for s in slow:
        s.close()


@pytest.mark.parametrize("indices", [(10, 10 + 4096), (4095, 8191)])
def test_devices_of_one_place(net, datagrams, indices):
    """Both are in the fast path, and what comes in by one is not what comes in by the other."""
    vpp, switch, left, right = crossed(net, indices=indices, config=ON)
    needs(vpp)
    there, back = datagrams(left, right, "10.9.0.2"), datagrams(right, left, "10.9.0.1", port=9001)
    until_flows(vpp, left, there)
    for d in (there, back):
        until_kernel(vpp, d)
    vpp.ctl("delete host-interface name left")
    switch.veth("other", "o0")  # in between: it has a place of its own
    vpp.configure("create host-interface name other\ncreate host-interface name left\nset int state host-left up\n"
                  "set int state host-other up\n"
                  "set interface l2 xconnect host-left host-right\nset interface l2 xconnect host-right host-left")
    for d in (there, back):
        until_kernel(vpp, d)
        assert d.rest() == [] and sorted(d.got) == list(range(d.sent))
    for name in ("left", "right", "other"):
        assert "fast-path-enabled" in vpp.ctl(f"show hardware-interfaces host-{name}")


def test_devices_in_a_row(net):
    """Some whose indices follow each other leave a place to those that come 4,096 later."""
    switch = net.namespace()
    indices = [*range(5000, 5006), *range(9096, 9102)]
    for i in indices:
        switch.ip(f"link add p{i} index {i} type veth peer name q{i}")
        switch.ip(f"link set p{i} up")
    vpp = net.vpp(switch, config=ON)
    for i in indices:
        vpp.configure(f"create host-interface name p{i}")
    needs(vpp)
    assert [i for i in indices if "fast-path-enabled" not in vpp.ctl(f"show hardware-interfaces host-p{i}")] == []


def test_auto(net):
    """The same as on, where the kernel and the privilege are there."""
    vpp, _, left, _ = net.routed(config="fast-path { auto }")
    needs(vpp)
    lib.wait_for(lambda: left.ping("10.2.0.1") == 3 and flows(vpp), "flows")


def test_capability_is_given_up(net):
    """CAP_BPF (39) is in no set of the process; ports that come later have a fast path all the same."""
    vpp, _, left, _ = net.routed(config=ON + "\nplugins { plugin af_xdp_plugin.so { disable } }")  # it keeps it
    needs(vpp)
    with open(f"/proc/{vpp.pid}/status", encoding="ascii") as f:
        sets = {line.split(":")[0]: int(line.split()[1], 16) for line in f if line.startswith("Cap")}
    assert not any(s & 1 << 39 for s in sets.values()), sets
    lib.wait_for(lambda: left.ping("10.2.0.1") == 3 and flows(vpp), "flows")


@pytest.mark.parametrize("config", [ON, "fast-path { auto }"])
def test_without_the_capability(net, config):
    """It says why there is none, and warns of that where it was asked for, not where it is as it comes."""
    ns = net.namespace()
    words = ["setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf,-sys_admin"]
    vpp = net.vpp(ns, config=config, prefix=words)
    shown = vpp.json("show fast-path")
    assert ("there is none" in vpp.ctl("show logging")) == (config == ON)
    assert not shown["on"] and "CAP_BPF" in shown["why_not"], shown
    ns.veth("left", "l0")
    vpp.ctl("create host-interface name left")
    assert "CAP_BPF" in vpp.ctl("show hardware-interfaces host-left")


@pytest.mark.parametrize("config", [ON, "fast-path { on hold 5 }"])
def test_without_measuring(net, datagrams, config):
    """CAP_BPF and CAP_NET_ADMIN are enough; without CAP_PERFMON the kernel's verifier is stricter."""
    words = ["setpriv", "--bounding-set=-perfmon,-sys_admin", "--inh-caps=-perfmon,-sys_admin"]
    vpp, _, left, right = net.routed(config=config, prefix=words)
    needs(vpp)
    there = datagrams(left, right, "10.2.0.1")
    until_flows(vpp, left, there)
    until_kernel(vpp, there)
    lib.wait_for(lambda: left.ping("10.1.0.2") and " echo" in vpp.ctl("show fast-path flows"), "an answer by the kernel", timeout=30)


def test_more_flows_than_entries(net):
    """The oldest go when nobody uses them; packets of others pass the graph."""
    vpp, _, left, right = crossed(net, config="fast-path { on flows 64 }")
    needs(vpp)
    assert left.ping("10.9.0.2") == 3
    wire = net.wire(left, "l0")
    other = net.wire(right, "r0")

    def full():
        for n in range(200):
            source = f"02:cc:00:00:00:{n:02x}"
            wire.send(lib.octets("02:dd:00:00:00:01") + lib.octets(source) + b"\x88\xb5" + b"#serial".ljust(46, b"."))
        return vpp.json("show fast-path")["full"]

    lib.wait_for(full, "more flows than there is room for", timeout=60, interval=0.001)
    assert vpp.json("show fast-path")["flows"] <= 64
    other.drain()
    wire.send(lib.octets("02:dd:00:00:00:01") + lib.octets("02:cc:00:00:01:00") + b"\x88\xb5" + b"#last".ljust(46, b"."))
    lib.wait_for(lambda: b"#last" in other.receive(), "a frame", timeout=20)


def test_many_new_flows(net, datagrams):
    """Who sends under ever new addresses takes no entry from those that are in use, and all frames arrive."""
    vpp, _, left, right = crossed(net, config="fast-path { on flows 256 }")
    needs(vpp)
    there = datagrams(left, right, "10.9.0.2")
    until_flows(vpp, left, there)
    wire, other = net.wire(left, "l0"), net.wire(right, "r0")
    sent, came = 0, collections.Counter()

    def attack(n):
        nonlocal sent
        for _ in range(n):
            source = b"\x02\xcc" + sent.to_bytes(4, "big")
            wire.send(lib.octets("02:dd:00:00:00:01") + source + b"\x88\xb5" + (b"#serial%8d" % sent).ljust(46, b"."))
            sent += 1

    def arrived():
        while select.select([other.socket], [], [], 0)[0]:
            frame = other.receive()
            if b"#serial" in frame:
                came[frame[14:29]] += 1
        return len(came) == sent

    def full_and_unharmed():
        kernel = kernel_packets(vpp)
        for _ in range(10):
            attack(64)
            there.send(30)
            lib.wait_for(arrived, f"{sent} frames", timeout=30)
        shown = vpp.json("show fast-path")
        assert shown["flows"] <= 256
        return shown["full"] and kernel_packets(vpp) >= kernel + 300

    lib.wait_for(full_and_unharmed, "a table that is full, and a flow that stays in the kernel", timeout=90)
    assert set(came.values()) == {1}
    assert there.rest() == [] and sorted(there.got) == list(range(there.sent))


def test_ageing(net, datagrams):
    """Stations that only the kernel hears do not age, others do."""
    vpp, _, left, right = crossed(net, "bridge", config=ON)
    needs(vpp)
    there = datagrams(left, right, "10.9.0.2")
    until_flows(vpp, left, there)
    left.ip(f"neigh replace 10.9.0.2 lladdr {right.mac('r0')} dev l0 nud permanent")
    right.ip(f"neigh replace 10.9.0.1 lladdr {left.mac('l0')} dev r0 nud permanent")
    wire = net.wire(left, "l0")
    vpp.ctl("set bridge-domain mac-age 1 1")

    def by_the_graph():
        return sum(vpp.counter(f"host-{name}", "rx packets") for name in ("left", "right")) - kernel_packets(vpp)

    def only_the_silent_one_ages():
        until_flows(vpp, left, there)
        wire.send(b"\xff" * 6 + lib.octets("02:cc:00:00:00:01") + b"\x88\xb5" + bytes(46))
        lib.wait_for(lambda: "02:cc:00:00:00:01" in vpp.ctl("show l2fib all"), "the silent one to be known")
        there.send(50)
        begin = by_the_graph()
        for _ in range(25):  # each is less than an entry may be idle
            vpp.ctl("set clock adjust 6")
            there.send(10)
            left.ping("10.9.0.2", count=1)
            kernel_packets(vpp)
        known = vpp.ctl("show l2fib all")
        if by_the_graph() != begin or "02:cc:00:00:00:01" in known:
            return False  # the graph has heard them too, or the time was too short
        assert left.mac("l0") in known and right.mac("r0") in known
        return True

    lib.wait_for(only_the_silent_one_ages, "a time in which the graph hears nobody", timeout=120)


def test_neighbors_age(net, datagrams):
    """As in the graph, by what they answer: one whose packets the kernel has stays, and what it has ends with who is silent."""
    vpp, _, _, right, there = routed_flow(net, datagrams)
    vpp.ctl("set ip neighbor-config ip4 age 60")

    def age():
        return next((n["age"] for n in vpp.json("show ip neighbors")["neighbors"] if n["ip"] == "10.2.0.1"), None)

    for _ in range(3):
        until_kernel(vpp, there)
        vpp.ctl("set clock adjust 61")
        lib.wait_for(lambda: age() is None or age() < 60, "the neighbor to be asked", timeout=60)
        assert age() is not None
    until_kernel(vpp, there)
    right.ip("link set r0 arp off")

    def silent():
        vpp.ctl("set clock adjust 61")
        return age() is None

    lib.wait_for(silent, "the neighbor to go", timeout=60, interval=0.5)
    kernel = kernel_packets(vpp)
    for _ in range(20):
        there.tx.sendto(b"....#lost", there.to)
    assert there.rest() == [] and kernel_packets(vpp) == kernel
    assert sorted(there.got) == list(range(there.sent))


def test_oldest_flows_go(net, request):
    """As many as there may be, --fast-path-flows, and then others take the place of those that nobody uses."""
    most = request.config.getoption("--fast-path-flows")
    patience = 60 + most // 500
    vpp, _, left, right = crossed(net, config=f"fast-path {{ on flows {most} }}")
    needs(vpp)
    assert left.ping("10.9.0.2") == 3
    wire, last = net.wire(left, "l0"), net.wire(right, "r0")

    def speak(first):
        """A frame of each of most of as many stations; how it is then."""
        for n in range(first, first + most // 5 * 4):
            wire.send(b"\x02\xdd\0\0\0\1\x02\xcc" + n.to_bytes(4, "big") + b"\x88\xb5" + bytes(46))
        shown = vpp.json("show fast-path")
        assert shown["flows"] <= most
        return shown

    lib.wait_for(lambda: speak(0)["flows"] >= most // 10 * 7, "so many flows", timeout=patience, interval=0.001)
    made = vpp.json("show fast-path")["made"]
    lib.wait_for(lambda: speak(most)["made"] >= made + most // 10 * 5, "others to have theirs", timeout=patience, interval=0.001)
    vpp.ctl("clear fast-path")
    last.drain()
    wire.send(lib.octets("02:dd:00:00:00:01") + lib.octets("02:cc:ff:00:01:00") + b"\x88\xb5" + b"#last".ljust(46, b"."))
    lib.wait_for(lambda: b"#last" in last.receive(), "a frame", timeout=20)
    assert vpp.json("show fast-path")["on"]


def memory_of(vpp):
    """Bytes of the daemon's BPF maps, as the kernel says; and of the daemon, without those."""
    maps = 0
    for fd in os.listdir(f"/proc/{vpp.pid}/fdinfo"):
        with contextlib.suppress(FileNotFoundError):  # a client's, which has gone
            with open(f"/proc/{vpp.pid}/fdinfo/{fd}", encoding="ascii") as f:
                text = f.read()
            if "map_type" in text:
                maps += int(re.search(r"memlock:\s+(\d+)", text).group(1))
    with open(f"/proc/{vpp.pid}/status", encoding="ascii") as f:
        return maps, 1024 * int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1))


def test_a_table_of_a_million(net, request):
    """Where there may be a million flows: --fast-path-many of them are there at once, each has less than 256 bytes, and all frames arrive."""
    wanted, most = request.config.getoption("--fast-path-many"), 1 << 20
    vpp, _, left, right = crossed(net, config=f"fast-path {{ on flows {most} }}")
    needs(vpp)
    wire, sent = net.wire(left, "l0"), 0

    def arrived():
        with right.entered(), open("/proc/thread-self/net/dev", encoding="ascii") as f:
            return int(re.search(r"r0: *\d+ +(\d+)", f.read()).group(1))

    def speak(stations):
        """A frame of each; no more on their way than the switch takes."""
        nonlocal sent
        for n in range(stations):
            wire.send(b"\x02\xdd\0\0\0\1\x02\xcc" + n.to_bytes(4, "big") + b"\x88\xb5" + bytes(46))
            sent += 1
            if sent % 128 == 0:
                lib.wait_for(lambda: arrived() - begin >= sent - 128, f"{sent} frames", timeout=60, interval=0.0002)
        return vpp.json("show fast-path")["flows"]

    def until(n):
        return lib.wait_for(lambda: (now := speak(n)) >= n // 10 * 9 and now, f"{n} flows", timeout=60 + wanted // 50, interval=0.001)

    begin = arrived()
    half = until(wanted // 2)  # by now it has what it needs for packets, and all heads of lists are touched
    before = memory_of(vpp)
    n = until(wanted)
    after, kernel = memory_of(vpp), kernel_packets(vpp)
    if not vpp.is_sanitized():
        assert before[0] / most + (sum(after) - sum(before)) / (n - half) < 256, (before, after, half, n)
    speak(wanted)
    assert kernel_packets(vpp) >= kernel + wanted // 2
    lib.wait_for(lambda: arrived() - begin >= sent, "all frames", timeout=60)
    assert arrived() - begin == sent
    vpp.ctl("clear fast-path")
    assert not flows(vpp) and vpp.json("show fast-path")["on"]


def test_two_switches(net, datagrams):
    """One behind the other, in one namespace."""
    ns, left, right = net.namespace(), net.namespace(), net.namespace()
    ns.veth("left", "l0", left)
    ns.veth("middle0", "middle1")
    ns.veth("right", "r0", right)
    left.ip("addr add 10.9.0.1/24 dev l0")
    right.ip("addr add 10.9.0.2/24 dev r0")
    both = []
    for ports, config in ((("left", "middle0"), ON), (("middle1", "right"), CLSACT)):
        vpp = needs(net.vpp(ns, config=config))
        for name in ports:
            vpp.configure(f"create host-interface name {name}\nset int state host-{name} up")
        vpp.configure(f"set interface l2 xconnect host-{ports[0]} host-{ports[1]}\n"
                      f"set interface l2 xconnect host-{ports[1]} host-{ports[0]}")
        both.append(vpp)
    there = datagrams(left, right, "10.9.0.2")
    for vpp in both:
        until_flows(vpp, left, there)
        until_kernel(vpp, there)
    both[0].ctl("clear fast-path")
    there.send(500)
    both[1].kill()
    both[0].ctl("show fast-path")
    assert there.rest() == [] and sorted(there.got) == list(range(there.sent))


def test_events_that_say_nothing_new(net, datagrams):
    """A socket that becomes promiscuous beside ours is an event of the device: what the kernel knows goes on."""
    vpp, switch, left, _, there = routed_flow(net, datagrams)
    until_kernel(vpp, there)

    def all_in_the_kernel():
        until_kernel(vpp, there)
        for word in ("on", "off"):
            switch.ip(f"link set left promisc {word}")
            for _ in range(2):
                vpp.ctl("show version")  # the event is read by then
        kernel = kernel_packets(vpp)
        there.send(100)
        return kernel_packets(vpp) == kernel + 100

    lib.wait_for(all_in_the_kernel, "packets that stay in the kernel", timeout=60)


def test_device_moves(net, datagrams):
    """Into another namespace, in the midst of packets, and back."""
    vpp, switch, left, _, there = routed_flow(net, datagrams)
    elsewhere = net.namespace()
    for _ in range(2):
        until_kernel(vpp, there)
        switch.ip(f"link set right0 netns {elsewhere}")
        lib.wait_for(lambda: vpp.link("host-right0") == "down" and not flows(vpp), "the link to be down")
        for _ in range(20):
            there.tx.sendto(b"....#lost", there.to)
        elsewhere.ip(f"link set right0 netns {switch}")
        switch.ip("link set right0 up")
        lib.wait_for(lambda: left.ping("10.2.0.1", count=1), "an answer", timeout=60)
    assert there.rest() == []
    there.rx.settimeout(60)
    until_kernel(vpp, there)
    assert vpp.json("show fast-path")["on"]


def test_device_goes_down_and_up(net):
    """Under load: while its sockets are on no list of the kernel, packets come undecided, which is nobody's fault."""
    ns = net.namespace()
    with ns.entered():
        tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"tap0", IFF_TAP_NO_PI))  # a veth's other end waits meanwhile
    ns.ip("link set tap0 up")
    ns.veth("right", "r0")
    vpp = needs(net.vpp(ns, config=ON))
    for name in ("tap0", "right"):
        vpp.configure(f"create host-interface name {name}\nset int state host-{name} up")
    vpp.configure("set interface l2 xconnect host-tap0 host-right")
    stop = threading.Event()

    def load():
        while not stop.is_set():
            try:
                os.write(tap, b"\x02\xdd\0\0\0\1\x02\xcc\0\0\0\1\x88\xb5" + bytes(46))
            except OSError:
                pass  # it is down

    thread = threading.Thread(target=load)
    thread.start()
    try:
        until = time.monotonic() + 5  # from the second second on they are counted
        while time.monotonic() < until:
            ns.ip("link set tap0 down")
            ns.ip("link set tap0 up")
            time.sleep(0.05)
        kernel = kernel_packets(vpp)
        lib.wait_for(lambda: kernel_packets(vpp) > kernel + 1000, "packets in the kernel", timeout=60)
        time.sleep(3)  # and so late they have an end
        assert vpp.json("show fast-path")["on"], vpp.ctl("show logging")
    finally:
        stop.set()
        thread.join()
        os.close(tap)


def test_prometheus(net, datagrams):
    """What the kernel has forwarded is scraped, a second later at most."""
    vpp, switch, _, _, there = routed_flow(net, datagrams)
    until_kernel(vpp, there)
    kernel, said = kernel_packets(vpp), vpp.vppctl("prom enable listen 127.0.0.1:9482 min-scrape-interval 0").stdout
    if "built without" in said:
        pytest.skip(said)

    def scraped():
        with switch.entered():
            s = socket.create_connection(("127.0.0.1", 9482), timeout=30)
        with s:
            s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
        return {name: int(n) for name, n in re.findall(r"^vpp_net_fast_path_(\w+) (\d+)$", text, re.MULTILINE)}

    shown = lib.wait_for(lambda: (now := scraped())["packets"] >= kernel and now, "the kernel's packets", timeout=20)
    assert shown["on"] == 1 and shown["bytes"] >= 74 * kernel and shown["probes"] >= 1 and "flows" in shown


# ---- the switch beside itself without a fast path: the same frames, the same changes

PORTS = 4
SWITCH_MACS = [f"02:fe:00:00:00:{i:02x}" for i in range(PORTS)]
BVI_MACS = ["02:fe:00:00:01:00", "02:fe:00:00:01:01"]
NEIGHBORS = [[f"02:aa:00:00:{i:02x}:{n:02x}" for n in range(1, 4)] for i in range(PORTS)]


def without_id(frame):
    """What ICMP of the switch itself says but for IPv4's id, which is random."""
    at = 18 if frame[12:14] == b"\x81\0" else 14
    if frame[at - 2:at + 1] != b"\x08\0\x45" or frame[at + 9] != 1 or frame[at + 20] == 8:
        return frame
    assert checksum(frame[at:at + 20]) == b"\0\0", frame.hex()
    return frame[:at + 4] + b"\0\0" + frame[at + 6:at + 10] + b"\0\0" + frame[at + 12:]


class Twin:
    """host-p0, host-p1: routed, IPv4 and IPv6, VLAN 10 of p0 and 20 of p1 bridged; host-p2, host-p3: bridged. Both
    domains have a BVI, 10.2.0.2 and 10.3.0.2."""

    def __init__(self, net, **kwargs):
        self.ns = net.namespace(ipv6=False)
        self.vpp = net.vpp(self.ns, **kwargs)
        self.wires, self.hands, self.sent, self.came = [], [], [0] * PORTS, collections.Counter()
        # frames and bytes of what the switch says by itself; and of that, by the BVI behind VLANs
        self.own, self.own_bvi = ([[0, 0] for _ in range(PORTS)] for _ in range(2))
        for i in range(PORTS):
            self.ns.veth(f"p{i}", f"h{i}", up=False)
            for device in (f"p{i}", f"h{i}"):
                self.ns.ip(f"link set {device} mtu 2000 up")
            self.vpp.ctl(f"create host-interface name p{i} hw-addr {SWITCH_MACS[i]}")
            self.vpp.ctl(f"set interface state host-p{i} up")
            self.wires.append(net.wire(self.ns, f"h{i}"))
            with self.ns.entered():
                self.hands.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            self.hands[i].setsockopt(lib.SOL_PACKET, PACKET_VNET_HDR, 1)
            self.hands[i].bind((f"h{i}", 0))
        for i in (0, 1):
            self.vpp.configure(f"""
                set interface ip address host-p{i} 10.{i}.0.2/24
                set interface ip address host-p{i} 2001:db8:{i}::2/64
                set interface mtu packet 1500 host-p{i}
                create sub-interfaces host-p{i} {10 + 10 * i}
                set interface state host-p{i}.{10 + 10 * i} up
                set interface l2 bridge host-p{i}.{10 + 10 * i} 7
                set interface l2 tag-rewrite host-p{i}.{10 + 10 * i} pop 1
            """)
            for n, mac in enumerate(NEIGHBORS[i]):
                self.vpp.configure(f"set ip neighbor static host-p{i} 10.{i}.0.{10 + n} {mac}\n"
                                   f"set ip neighbor static host-p{i} 2001:db8:{i}::{10 + n} {mac}")
        self.vpp.configure("set interface l2 bridge host-p2 1\nset interface l2 bridge host-p3 1")
        for i, domain in enumerate((1, 7)):  # behind their domains' ports: what they say at first is not lost
            self.vpp.configure(f"""
                create loopback interface mac {BVI_MACS[i]}
                set interface state loop{i} up
                set interface l2 bridge loop{i} {domain} bvi
                set interface ip address loop{i} 10.{2 + i}.0.2/24
                set interface ip address loop{i} 2001:db8:{2 + i}::2/64
            """)
            for port in range(PORTS):
                for n, mac in enumerate(NEIGHBORS[port]):
                    self.vpp.configure(f"set ip neighbor static loop{i} 10.{2 + i}.0.{10 * port + 10 + n} {mac}\n"
                                       f"set ip neighbor static loop{i} 2001:db8:{2 + i}::{10 * port + 10 + n} {mac}")
        self.vpp.configure("""
            ip route add 10.8.0.0/16 via 10.1.0.10 host-p1
            ip route add 10.9.0.0/16 via 10.1.0.11 host-p1
            ip route add 10.9.0.0/16 via 10.1.0.12 host-p1
            ip route add 10.7.0.0/16 via 10.9.0.1
            ip route add 10.6.0.0/16 via 10.1.0.10 host-p1 weight 3
            ip route add 10.6.0.0/16 via 10.1.0.12 host-p1 weight 1
            ip route add 2001:db8:9::/48 via 2001:db8:1::11 host-p1
            ip route add 2001:db8:9::/48 via 2001:db8:1::12 host-p1
            ip route add 2001:db8:6::/48 via 2001:db8:1::10 host-p1 weight 3
            ip route add 2001:db8:6::/48 via 2001:db8:1::12 host-p1 weight 1
        """)

    def send(self, port, frame):
        self.hands[port].send(getattr(frame, "vnet", bytes(10)) + frame)
        self.sent[port] += 1

    def collect(self):
        for i, wire in enumerate(self.wires):
            while select.select([wire.socket], [], [], 0)[0]:
                frame = wire.receive()
                if b"#serial" in frame:
                    self.came[i, without_id(frame)] += 1
                else:
                    for own in (self.own, self.own_bvi)[:1 + (frame[6:12] == lib.octets(BVI_MACS[1]))]:
                        own[i][0] += 1
                        own[i][1] += len(frame)

    def rest(self):
        """All that was sent has come in."""
        def seen():
            shown = self.vpp.interfaces()
            return [shown[f"host-p{i}"]["counters"].get("rx packets", 0) for i in range(PORTS)] == self.sent
        lib.wait_for(seen, f"{self.sent} frames to come in; {self.vpp.interfaces()}", timeout=30)

    def counters(self):
        """Of interfaces, but for what the switch says by itself, in its own time; and of routes."""
        def all_came():
            self.collect()
            shown = {name: i["counters"] for name, i in self.vpp.interfaces().items() if name != "local0"}
            for i, own in enumerate(self.own):
                came = [(n, n * len(frame)) for (port, frame), n in self.came.items() if port == i]
                counters = shown[f"host-p{i}"]
                if (counters.get("tx packets", 0) != sum(n for n, _ in came) + own[0] or
                        counters.get("tx bytes", 0) != sum(n for _, n in came) + own[1]):
                    return None
                counters["tx packets"] = counters.get("tx packets", 0) - own[0]
                counters["tx bytes"] = counters.get("tx bytes", 0) - own[1]
                for counters in (shown[f"host-p{i}.{10 + 10 * i}"],) if i < 2 else ():
                    counters["tx packets"] = counters.get("tx packets", 0) - self.own_bvi[i][0]
                    counters["tx bytes"] = counters.get("tx bytes", 0) - self.own_bvi[i][1]
            return shown
        shown = lib.wait_for(all_came, "all to come out that was counted as sent", timeout=30)
        return shown, re.findall(r"(\S+/\d+)\n.*?(?:\n.*?)*?to:\[(\d+:\d+)\]", self.vpp.ctl("show ip fib table 0"))


def random_frames(rng):
    """Flows: the port, and a frame but for its text."""
    def routed(way, payload_of):
        src, dst = rng.choice(NEIGHBORS[way]), SWITCH_MACS[way]
        return way, lambda text: lib.octets(dst) + lib.octets(src) + payload_of(text)

    flows = []
    for _ in range(16):  # from a bridge domain
        port, domain = rng.choice(((0, 1), (1, 1), (2, 0), (3, 0)))
        speaker, host = rng.choice(((port, port), (port, port), (port ^ 2, port ^ 2))), rng.randrange(3)
        tag = b"\x81\0" + (10 + 10 * port).to_bytes(2, "big") if domain else b""
        to = rng.choice((0, 1, 2, 3, 2 + domain))
        there, ports = f"0.{(10 * rng.randrange(PORTS) if to > 1 else 0) + 10 + rng.randrange(3)}", (rng.randrange(1, 4), 9)
        link = lib.octets(BVI_MACS[domain]) + lib.octets(NEIGHBORS[speaker[0]][host]) + tag
        here = 10 * speaker[1] + 10 + host
        flows.append((port, lambda text, link=link, a=(f"10.{2 + domain}.0.{here}", f"10.{to}.{there}"), ports=ports:
                      link + b"\x08\0" + ip4(*a, udp(ports, text))))
        flows.append((port, lambda text, link=link, ports=ports,
                      a=(f"2001:db8:{2 + domain}::{here}", f"2001:db8:{to}::{there[2:]}"):
                      link + b"\x86\xdd" + ip6(*a, udp(ports, text))))
        flows.append((port, lambda text, link=link, a=(f"10.{2 + domain}.0.{here}", f"10.{2 + domain}.0.2"):
                      link + b"\x08\0" + echo(*a, b"\0\1\0\2" + text)))
    for _ in range(24):
        way, ports = rng.randrange(2), (rng.randrange(1, 4), rng.randrange(1, 4))
        src = f"10.{way}.0.{10 + rng.randrange(3)}"
        dst = rng.choice([f"10.{1 - way}.0.{10 + rng.randrange(3)}", f"10.8.0.{rng.randrange(1, 4)}",
                          f"10.9.0.{rng.randrange(1, 9)}", f"10.7.0.{rng.randrange(1, 4)}", f"10.6.0.{rng.randrange(1, 9)}",
                          f"10.2.0.{30 + 10 * rng.randrange(2) + rng.randrange(3)}",
                          f"10.3.0.{30 + 10 * rng.randrange(2) + rng.randrange(3)}"])
        odd = rng.choice([{}] * 8 + [{"ttl": 1}, {"ttl": 2}, {"fragment": 0x2000}, {"options": b"\1\1\1\0"},
                                     {"bad": True}, {"protocol": 50}])
        flows.append(routed(way, lambda text, a=(src, dst, ports), odd=odd:
                            b"\x08\0" + ip4(a[0], a[1], udp(a[2], text), **odd)))
    for _ in range(8):
        way, ports = rng.randrange(2), (rng.randrange(1, 4), rng.randrange(1, 4))
        a = (f"2001:db8:{way}::{10 + rng.randrange(3)}", f"2001:db8:{1 - way}::{10 + rng.randrange(3)}", ports)
        flows.append(routed(way, lambda text, a=a, ttl=rng.choice([64, 64, 1]):
                            b"\x86\xdd" + ip6(a[0], a[1], udp(a[2], text), ttl)))
    for _ in range(12):  # by several ways: what differs in the flow label, too, is another flow
        a = (f"2001:db8:0::{10 + rng.randrange(3)}", f"2001:db8:{rng.choice((6, 9))}::{rng.randrange(1, 4)}", (1, rng.randrange(1, 3)))
        label, kind = rng.choice((0, 1, 2, 0xfffff)), rng.choice(((17, udp), (6, tcp), (6, tcp), (59, udp)))
        flows.append(routed(0, lambda text, a=a, label=label, kind=kind:
                            b"\x86\xdd" + ip6(a[0], a[1], kind[1](a[2], text), label=label, protocol=kind[0])))
    for _ in range(12):  # still to be cut
        way, ports, each = rng.randrange(2), (rng.randrange(1, 4), rng.randrange(1, 4)), rng.choice((100, 400, 1240, 1400))
        a = rng.choice(((f"10.{way}.0.10", f"10.{1 - way}.0.11"), (f"10.{way}.0.10", f"10.{rng.choice((6, 8, 9))}.0.{rng.randrange(1, 9)}"),
                        (f"2001:db8:{way}::10", f"2001:db8:{1 - way}::11"),
                        (f"2001:db8:{way}::10", f"2001:db8:{rng.choice((6, 9))}::{rng.randrange(1, 9)}")))
        link = lib.octets(SWITCH_MACS[way]) + lib.octets(NEIGHBORS[way][0]) + (b"\x86\xdd" if ":" in a[0] else b"\x08\0")
        flows.append((way, lambda text, link=link, a=a, ports=ports, each=each: segments(link, *a, ports, text * 2, each)))
    for port, make in rng.sample(flows, 16):  # padded to what the link asks for at least, or with more behind it
        flows.append((port, lambda text, make=make: bytes(make(text[:15])).ljust(60, b"\0")))
    for port, make in rng.sample(flows, 4):
        flows.append((port, lambda text, make=make: bytes(make(text[:600])) + b"\xee\xee"))
    for _ in range(6):  # to the switch itself
        way, host, odd = rng.randrange(2), 10 + rng.randrange(3), rng.randrange(8)
        make = rng.choice([lambda text, way=way, host=host, odd=odd:
                           b"\x08\0" + echo(f"10.{way}.0.{host}", f"10.{way}.0.2", b"\0\1\0" + bytes([odd]) + text),
                           lambda text, way=way, host=host, odd=odd:
                           b"\x86\xdd" + echo(f"2001:db8:{way}::{host}", f"2001:db8:{way}::2",
                                                 b"\0\1\0" + bytes([odd]) + text[:600])])  # fragments have random ids
        flows.append(routed(way, make))
    for _ in range(12):
        port = rng.choice((2, 3))
        src, dst = rng.choice(NEIGHBORS[port]), rng.choice(NEIGHBORS[5 - port] + ["ff:ff:ff:ff:ff:ff"])
        tag = rng.choice([b"", b"", b"\x81\0\0\5", b"\x88\xa8\x20\6", b"\x81\0\0\5\x81\0\0\6"])
        flows.append((port, lambda text, a=lib.octets(dst) + lib.octets(src) + tag: a + b"\x88\xb5" + text))
    for _ in range(8):
        port = rng.randrange(2)
        a = lib.octets(rng.choice(NEIGHBORS[3 - port])) + lib.octets(rng.choice(NEIGHBORS[2 + port]))
        tag = b"\x81\0" + ((rng.randrange(2) << 13) | (10 + 10 * port)).to_bytes(2, "big")
        flows.append((port, lambda text, a=a + tag: a + b"\x88\xb5" + text))
    return flows


CHANGES = [
    "ip route add 10.8.0.2/32 via 10.1.0.11 host-p1", "ip route del 10.8.0.2/32",
    "ip route add 10.0.0.0/24 via 10.1.0.12 host-p1", "set ip neighbor static host-p1 10.1.0.10 02:aa:00:00:01:77",
    f"set ip neighbor static host-p1 10.1.0.10 {NEIGHBORS[1][0]}", "ip route del 10.9.0.0/16 via 10.1.0.12 host-p1",
    "ip route add 10.9.0.0/16 via 10.1.0.12 host-p1", "set interface mtu packet 1300 host-p1",
    "set interface mtu packet 1500 host-p1", "set interface l2 bridge host-p3 2", "set interface l2 bridge host-p3 1",
    "set interface l2 xconnect host-p2 host-p3", "set interface l2 bridge host-p2 1",
    "set interface l2 tag-rewrite host-p1.20 disable", "set interface l2 tag-rewrite host-p1.20 pop 1",
    "set interface state host-p1.20 down", "set interface state host-p1.20 up", "clear l2fib",
    "clear fast-path", "ip table add 5",
]
# what has to see packets, and its end, which is the next change: or the kernel would have none
PASSING = {
    "policer input name pol host-p0": "policer input unapply name pol host-p0",
    "policer output name pol host-p1": "policer output unapply name pol host-p1",
    "set acl-plugin interface host-p0 input acl 0": "set acl-plugin interface host-p0 input acl 0 del",
    "set acl-plugin interface host-p1 output acl 0": "set acl-plugin interface host-p1 output acl 0 del",
    "set interface nat44 in host-p0 out host-p1": "set interface nat44 in host-p0 out host-p1 del",
    "qos record ip host-p0": "qos record ip host-p0 disable",
    "set interface reassembly host-p0 on": "set interface reassembly host-p0 off",
    "trace add af-packet-input 20": "clear trace",
    "pcap trace rx tx max 100 intfc any file twin.pcap": "pcap trace rx tx off",
    "set interface tcp-mss-clamp host-p1 ip4 rx ip4-mss 1000 ip6 rx ip6-mss 1000":
        "set interface tcp-mss-clamp host-p1 ip4 disable ip6 disable",
    "set interface feature host-p0 stats-collect-rx arc device-input":
        "set interface feature host-p0 stats-collect-rx arc device-input disable",
    "set interface span host-p2 destination host-p3 both": "set interface span host-p2 disable",
}
# what some of them need
PREPARED = """
    policer add name pol type 1r2c cir 10000000 cb 100000000 rate kbps conform-action transmit exceed-action drop violate-action drop
    set acl-plugin acl deny dst 10.8.0.3/32, permit src 10.0.0.0/8
    nat44 plugin enable sessions 1000
    nat44 add static mapping local 10.0.0.10 external 10.1.0.99
"""


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(metafunc.config.getoption("--fast-path-seeds")))


def test_beside_itself(net, seed):
    """The same random frames and changes with a fast path and without: the same frames come out, and the same is counted."""
    rng = random.Random(seed)
    on, off = Twin(net, config=ON), Twin(net)
    needs(on.vpp)
    for twin in (on, off):
        twin.vpp.configure(PREPARED)
    flows_of_test = random_frames(rng)
    serial = 0

    def until_alike():
        def alike():
            on.collect()
            off.collect()
            return on.came == off.came
        try:
            lib.wait_for(alike, "the same frames to come out", timeout=30)
        except AssertionError as e:
            raise AssertionError(f"{e}: with it {show(on.came - off.came)}, without {show(off.came - on.came)}, "
                                 f"last {port} {make(text).hex()[:200]}, changes {changes}") from None

    def show(came):
        return [(i, frame.hex()[:200], n) for (i, frame), n in came.items()]

    changes = []
    step, end = 0, time.monotonic() + 500
    while step < 60 or kernel_packets(on.vpp) < 200:
        assert time.monotonic() < end, "the kernel has too few packets: " + on.vpp.ctl("show fast-path")
        port, make = rng.choice(flows_of_test)
        for _ in range(3):  # the first of them are probes, the last may stay in the kernel
            for _ in range(rng.randrange(1, 9)):
                serial += 1
                text = (b"#serial%8d" % serial).ljust(rng.choice((46, 46, 600, 1320, 1600)), b".")
                for twin in (on, off):
                    twin.send(port, make(text))
            until_alike()
            time.sleep(0.01)
        if step % 6 == 5:
            for twin in (on, off):
                twin.rest()
            until_alike()
            passing = PASSING.get(changes[-1]) if changes else None
            change = passing or rng.choice(CHANGES + list(PASSING))
            changes.append(change)
            said = [twin.vpp.vppctl(change) for twin in (on, off)]
            assert "pcap" in change or said[0].stdout == said[1].stdout, change
        step += 1
    for twin in (on, off):
        twin.rest()
    until_alike()
    try:  # what waits for the rest of a datagram is dropped in its own time
        lib.wait_for(lambda: on.counters() == off.counters(), "the same to be counted", timeout=60)
    except AssertionError as e:
        raise AssertionError(f"{e}: {on.counters()}, without it {off.counters()}, changes {changes}") from None
    assert on.vpp.json("show fast-path")["on"], on.vpp.output()


def detach_filters(pid):
    """Takes the filters from a process's packet sockets."""
    pidfd = os.pidfd_open(pid)
    for name in os.listdir(f"/proc/{pid}/fd"):
        fd = lib.libc.syscall(SYS_PIDFD_GETFD, pidfd, int(name), 0)
        if fd < 0 and ctypes.get_errno() == errno.EPERM:
            pytest.skip("this process may not take descriptors of others (pidfd_getfd)")
        if fd < 0:
            continue
        try:
            taken = socket.socket(fileno=fd)
        except OSError:  # no socket
            os.close(fd)
            continue
        with taken, contextlib.suppress(OSError):  # one without a filter
            if taken.family == socket.AF_PACKET:
                taken.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
    os.close(pidfd)


def test_entries_in_use_stay(net, datagrams):
    """As long as they are used: nothing is learnt anew each second."""
    vpp, _, left, right = crossed(net, config=ON)
    needs(vpp)
    there = datagrams(left, right, "10.9.0.2")
    until_flows(vpp, left, there)
    lib.wait_for(lambda: there.send(20) is None and [f for f in flows(vpp) if f["to"] == "host-right" and f["age_s"] >= 4],
                 "an entry that is as old", timeout=60)


def test_canary(net):
    """Packets that no filter has decided about turn it off, and that is said."""
    vpp, _, left, _ = net.routed(config=ON)
    needs(vpp)

    def off():
        detach_filters(vpp.pid)  # a socket that takes another one's place has its own
        left.ping("10.2.0.1", count=1)
        return not vpp.json("show fast-path")["on"]

    lib.wait_for(off, "the fast path to turn itself off", timeout=60, interval=0.1)
    assert "without a decision" in vpp.ctl("show logging")
    assert "undecided" in vpp.json("show fast-path")["why_not"]
    assert left.ping("10.2.0.1") == 3


def test_queues_and_threads(net, datagrams):
    """Each of several sockets decides; probes come from all threads."""
    switch, left, right = net.namespace(), net.namespace(), net.namespace()
    vpp = net.vpp(switch, config=ON + "\ncpu { workers 2 }")
    needs(vpp)
    for i, (end, name) in enumerate(((left, "left"), (right, "right"))):
        switch.veth(name, "e0", end)
        end.ip(f"addr add 10.{i}.0.1/24 dev e0")
        end.ip(f"route add default via 10.{i}.0.2")
        vpp.configure(f"create host-interface name {name} num-rx-queues 2\nset int state host-{name} up\n"
                      f"set int ip address host-{name} 10.{i}.0.2/24")
    senders = [datagrams(left, right, "10.1.0.1", port=9000 + i) for i in range(6)]
    until_flows(vpp, left, senders[0])
    kernel = kernel_packets(vpp)

    def kernel_had_some():
        vpp.ctl("clear fast-path")
        for there in senders:
            there.send(200)
        return kernel_packets(vpp) > kernel + 1000

    lib.wait_for(kernel_had_some, "packets in the kernel", timeout=60)
    for there in senders:
        assert there.rest() == [] and sorted(there.got) == list(range(there.sent))
    assert vpp.json("show fast-path")["on"]


def echo(src, dst, message, ttl=64, kind=None):
    """An ICMP echo of either protocol, from layer 3 on; message: from behind the sum on."""
    if ":" in src:
        ends = socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst)
        head = bytes([128 if kind is None else kind, 0])
        total = checksum(ends + (4 + len(message)).to_bytes(4, "big") + b"\0\0\0\x3a" + head + b"\0\0" + message +
                         b"\0" * (len(message) % 2))
        return (b"\x60\0\0\0" + (4 + len(message)).to_bytes(2, "big") + bytes([58, ttl]) + ends + head + total + message)
    head = bytes([8 if kind is None else kind, 0])
    total = checksum(head + b"\0\0" + message + b"\0" * (len(message) % 2))
    return ip4(src, dst, head + total + message, ttl, protocol=1)


@pytest.mark.parametrize("tag", [0, 7])
@pytest.mark.parametrize("ours, theirs", [("10.0.0.2", "10.0.0.1"), ("2001:db8::2", "2001:db8::1")])
def test_echo(net, ours, theirs, tag):
    """Requests to an address of the switch: answered in the kernel, byte by byte as the graph does, and counted."""
    is6 = ":" in ours
    ns = net.namespace(ipv6=False)
    vpp = net.vpp(ns, config=ON)
    needs(vpp)
    ns.veth("p0", "h0")
    wire = net.wire(ns, "h0")
    port = f"host-p0.{tag}" if tag else "host-p0"
    vpp.configure("create host-interface name p0\nset int state host-p0 up")
    if tag:
        vpp.configure(f"create sub-interfaces host-p0 {tag}\nset int state {port} up")
    vpp.configure(f"set int ip address {port} {ours}/{64 if is6 else 24}\nset ip neighbor static {port} {theirs} {wire.mac}")
    ends = lib.octets(vpp.mac("host-p0")), lib.octets(wire.mac)
    kind = (b"\x81\0" + tag.to_bytes(2, "big") if tag else b"") + (b"\x86\xdd" if is6 else b"\x08\0")
    rng = random.Random(tag)

    def exchange(message, ttl=64, good=True):
        """The frame that comes back, but for IPv4's id and its sum; None: none does."""
        packet = bytearray(echo(theirs, ours, message, ttl))
        if not good:
            packet[-1] ^= 1
        wire.send(ends[0] + ends[1] + kind + bytes(packet))
        while good:
            frame = wire.receive()
            if frame[-len(message):] == message and frame[12:12 + len(kind)] == kind and len(frame) == 12 + len(kind) + len(packet):
                break
        if good and not is6:
            head = frame[12 + len(kind):][:20]
            assert checksum(head) == b"\0\0", head.hex()
            bare = bytearray(frame)
            at = 12 + len(kind)
            bare[at + 4:at + 6] = b"\x12\x34"
            bare[at + 10:at + 12] = b"\0\0"
            bare[at + 10:at + 12] = checksum(bytes(bare[at:at + 20]))
            frame = bytes(bare)
        if good:
            assert frame == ends[1] + ends[0] + kind + echo(ours, theirs, message, 64, 129 if is6 else 0)

    def message(n):
        return b"\x12\x34" + rng.randbytes(n) + b"#%06d" % rng.randrange(1000000)

    lib.wait_for(lambda: exchange(message(50)) is None and flows(vpp), "a flow", timeout=30, interval=0.001)

    def all_by_the_kernel():
        def counts():
            shown = vpp.interfaces()[port]["counters"]
            replies = [e["count"] for e in vpp.json("show errors")["errors"] if e["reason"] == "echo replies sent"]
            return kernel_packets(vpp), sum(replies), *[shown.get(k, 0) for k in ("ip6" if is6 else "ip4", "rx packets", "tx packets",
                                                                               "rx bytes", "tx bytes")]
        before, n, size = counts(), 0, 0
        for length in (*range(0, 60), 100, 200, 243):
            text = message(length)
            exchange(text, rng.choice((2, 64, 255)))
            n += 1
            size += len(ends[0] + ends[1] + kind + echo(theirs, ours, text))
        # the switch may say something by itself meanwhile, or think of something else: then it is done again
        return [b - a for a, b in zip(before, counts())] == [n, n, n, n, n, size, size]

    lib.wait_for(all_by_the_kernel, "all to be answered in the kernel", timeout=60)
    for length in (244, 245, 1000):  # longer ones
        kernel = kernel_packets(vpp)
        exchange(message(length))
        assert kernel_packets(vpp) == kernel
    # one that is wrong has no answer
    wrong, rx = message(50), vpp.counter(port, "rx packets")
    exchange(wrong, good=False)
    lib.wait_for(lambda: vpp.counter(port, "rx packets") > rx, "the packet to be received")
    wire.send(ends[0] + ends[1] + kind + echo(theirs, ours, b"\0\0right"))
    while b"right" not in (frame := wire.receive()):
        assert wrong[:-1] not in frame
    # the address goes: no answer from then on
    vpp.ctl(f"set int ip address del {port} {ours}/{64 if is6 else 24}")
    kernel = kernel_packets(vpp)
    for _ in range(5):
        exchange(message(50), good=False)
        wire.send(ends[0] + ends[1] + kind + echo(theirs, ours, message(20)))
    assert kernel_packets(vpp) == kernel


def test_echo_through_other_routes(net):
    """The answer goes by a route through a route through a route; each of them ends it."""
    vpp, _, _, right = net.routed(config=ON)
    needs(vpp)
    right.ip("addr add 10.97.0.1/32 dev lo")
    ways = {"10.98.0.0/16": "10.2.0.1 host-right0", "10.99.0.0/16": "10.98.0.1", "10.97.0.0/16": "10.99.0.1"}
    vpp.configure("\n".join(f"ip route add {prefix} via {way}" for prefix, way in ways.items()))

    def answered():
        kernel = kernel_packets(vpp)
        return right.ping("10.2.0.2", count=5, extra="-I 10.97.0.1") == 5 and kernel_packets(vpp) >= kernel + 5

    for prefix, way in ways.items():
        lib.wait_for(answered, f"answers by the kernel; {vpp.ctl('show fast-path')}", timeout=60)
        vpp.ctl(f"ip route del {prefix} via {way}")
        assert right.ping("10.2.0.2", count=1, extra="-I 10.97.0.1", deadline=1) == 0
        vpp.ctl(f"ip route add {prefix} via {way}")
    lib.wait_for(answered, "answers by the kernel again", timeout=60)


def test_echo_that_is_forbidden(net):
    """What looks at packets for the switch itself sees all of them."""
    vpp, _, left, _ = net.routed(config=ON)
    needs(vpp)
    lib.wait_for(lambda: left.ping("10.1.0.2", count=5) == 5 and flows(vpp), "a flow", timeout=30)
    vpp.ctl("trace add af-packet-input 100")
    kernel = kernel_packets(vpp)
    assert left.ping("10.1.0.2", count=5) == 5
    assert kernel_packets(vpp) == kernel
    assert "ip4-icmp-echo-request" in vpp.ctl("show trace")


# ---- a hold


def held(vpp, *devices):
    """How many programs of the switch there are at the devices by clsact."""
    return sum(vpp.namespace.run(f"tc filter show dev {d} ingress").stdout.count("piste-fast-path") for d in devices)


def saved(vpp, config):
    """The switch starts again with the configuration that it has now."""
    vpp.write_conf(f"running-config {vpp.running}", config)
    with open(vpp.running, "w", encoding="utf-8") as f:
        f.write("\n".join(vpp.running_config()) + "\n")


def with_hold(net, datagrams, config="fast-path { on hold 60 }", **kwargs):
    vpp, switch, left, right = net.routed(config=config, **kwargs)
    needs(vpp)
    left.ip(f"neigh replace 10.1.0.2 lladdr {vpp.mac('host-left')} dev l0 nud permanent")
    there = datagrams(left, right, "10.2.0.1")
    until_flows(vpp, left, there)
    until_kernel(vpp, there)
    return vpp, switch, left, right, there


def bridged_with_hold(net, datagrams):
    vpp, switch, left, right = crossed(net, "bridge", config="fast-path { on hold 60 }")
    needs(vpp)
    there = datagrams(left, right, "10.9.0.2")
    until_flows(vpp, left, there)
    left.ip(f"neigh replace 10.9.0.2 lladdr {right.mac('r0')} dev l0 nud permanent")
    return vpp, switch, left, right, there


@pytest.mark.parametrize("make, end", [(with_hold, "kill"), (with_hold, "stop"), (bridged_with_hold, "kill")])
def test_hold(net, datagrams, make, end):
    """The daemon is gone for a while and comes back: no packet is lost and none comes twice."""
    vpp, _, left, _, there = make(net, datagrams)
    devices = ["left", "right0" if make is with_hold else "right"]
    saved(vpp, "fast-path { on hold 60 }")
    until_kernel(vpp, there)
    for _ in range(2):
        sending = threading.Event()

        def send(sending=sending):
            while not sending.is_set():
                there.send(500)

        thread = threading.Thread(target=send)
        thread.start()
        try:
            getattr(vpp, end)()
            before = there.sent
            lib.wait_for(lambda before=before: there.sent > before + 20000, "packets without a daemon", timeout=60)
            vpp.start(timeout=60)
            assert needs(vpp)
            lib.wait_for(lambda: "took over 2 host interfaces" in vpp.ctl("show logging"), "the flows to be taken over", timeout=60)
            before = there.sent
            lib.wait_for(lambda before=before: there.sent > before + 20000, "packets with a daemon", timeout=60)
        finally:
            sending.set()
            thread.join()
        lib.wait_for(lambda: left.ping(there.to[0], count=1), "the right end to say where it is", timeout=60)
        until_kernel(vpp, there)
        assert vpp.json("show fast-path")["on"], vpp.output()
        lib.wait_for(lambda: held(vpp, *devices) == 2, "one program a device")
    assert there.rest() == [] and sorted(there.got) == list(range(there.sent))


def test_hold_without_a_saved_configuration(net, datagrams):
    """Who makes the configuration anew, in his own time, loses nothing either: the kernel goes on until all is there."""
    vpp, _, _, right, there = with_hold(net, datagrams)
    right.ip("addr add 10.99.0.1/32 dev lo")
    vpp.ctl("ip route add 10.99.0.0/16 via 10.2.0.1 host-right0")
    behind = datagrams(there.namespace, right, "10.99.0.1", port=9001)
    until_flows(vpp, there.namespace, behind)
    lines = [line for line in vpp.running_config() if line and not line.startswith("#")]
    sending = threading.Event()

    def send():
        while not sending.is_set():
            there.send(200)
            behind.send(200)

    def more(n=10000):
        before = behind.sent
        lib.wait_for(lambda: behind.sent > before + n, "packets", timeout=60)

    def both_by_the_kernel():
        known = flows(vpp)
        return all(any(f" dst {d.to[0]}" in f["key"] and f["packets"] > 200 for f in known) for d in (there, behind))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        lib.wait_for(both_by_the_kernel, "both flows to be known", timeout=60)
        vpp.kill()
        more()
        vpp.start(timeout=60)
        assert needs(vpp) and not [name for name in vpp.interfaces() if name != "local0"]
        more()
        for line in lines:
            vpp.ctl(line)
        more()
        lib.wait_for(lambda: "took over" in vpp.ctl("show logging") and held(vpp, "left", "right0") == 2,
                     "the flows to be taken over", timeout=60)
        more()
    finally:
        sending.set()
        thread.join()
    until_kernel(vpp, behind)
    for d in (there, behind):
        assert d.rest() == [] and sorted(d.got) == list(range(d.sent))


def test_hold_ends(net, datagrams):
    """When nobody pushes the deadline on, the kernel forwards nothing any more."""
    vpp, _, _, _, there = with_hold(net, datagrams, "fast-path { on hold 2 }")
    vpp.kill()
    there.rx.settimeout(1)

    def is_over():
        there.tx.sendto(b"....#hold", there.to)
        try:
            there.rx.recv(2048)
            return False
        except TimeoutError:
            return True

    lib.wait_for(is_over, "the end of the hold", timeout=30)
    assert held(vpp, "left", "right0") == 2


@pytest.mark.parametrize("config", ["", "fast-path { on }", "fast-path { on clsact }"])
def test_after_a_hold(net, datagrams, config):
    """A life that wants none, or another one, ends what the one before has left there: nothing comes twice."""
    vpp, _, left, _, there = with_hold(net, datagrams)
    saved(vpp, config)
    vpp.kill()
    there.send(100)
    assert held(vpp, "left", "right0") == 2
    vpp.start(timeout=60)
    assert held(vpp, "left", "right0") == (2 if "clsact" in config else 0)
    lib.wait_for(lambda: left.ping("10.2.0.1") == 3, "an answer", timeout=60)
    there.send(1000)
    if config:
        until_kernel(vpp, there)
    assert there.rest() == [] and sorted(there.got) == list(range(there.sent))


def test_hold_is_ours_only(net, datagrams):
    """Another switch on the device takes nothing away, and finds nothing."""
    vpp, switch, _, _, _ = with_hold(net, datagrams)
    other = net.vpp(switch, config="fast-path { on hold 60 }")
    other.ctl("create host-interface name left")
    assert held(vpp, "left") == 2
    other.ctl("delete host-interface name left")
    assert held(vpp, "left") == 1
    vpp.ctl("delete host-interface name left")
    assert held(vpp, "left") == 0

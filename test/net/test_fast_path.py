"""The fast path: packets between host interfaces that stay in the kernel (docs/fast-path.md)."""

import socket
import subprocess
import threading

import lib
import pytest

ON = "fast-path { on }"


def needs(vpp):
    """The switch, with its fast path; where the kernel or the privilege is missing, the test is skipped."""
    shown = vpp.json("show fast-path")
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


class Datagrams:
    """Numbered datagrams from one namespace to another, no more on their way than `window`."""

    def __init__(self, sender, receiver, to, port=9000, window=256):
        family = socket.AF_INET6 if ":" in to else socket.AF_INET
        with receiver.entered():
            self.rx = socket.socket(family, socket.SOCK_DGRAM)
            self.rx.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.rx.bind((to, port))
            self.rx.settimeout(60)
        with sender.entered():
            self.tx = socket.socket(family, socket.SOCK_DGRAM)
        self.to, self.window = (to, port), window
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


def crossed(net, how="set interface l2 xconnect", **kwargs):
    """Kernel -- vpp -- kernel in layer 2: 10.9.0.1 and 10.9.0.2."""
    switch, left, right = net.namespace(), net.namespace(), net.namespace()
    switch.veth("left", "l0", left)
    switch.veth("right", "r0", right)
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
    before, kernel = vpp.interfaces(), kernel_packets(vpp)
    there.send(1000)
    after = vpp.interfaces()
    assert kernel_packets(vpp) - kernel > 900
    assert there.rest() == [] and there.got == list(range(there.sent))
    for name, counter in (("host-left", "rx"), ("host-right", "tx")):
        for unit, least in (("packets", 1000), ("bytes", 1000 * (32 + 42))):
            was, now = (x[name]["counters"].get(f"{counter} {unit}", 0) for x in (before, after))
            assert least <= now - was < least + 20000 * (unit == "bytes") + 200, (name, unit)


@pytest.mark.parametrize("size", [32, 1400])
def test_routed(net, datagrams, size):
    vpp, _, left, right = net.routed(config=ON)
    needs(vpp)
    there = datagrams(left, right, "10.2.0.1")
    until_flows(vpp, left, there)
    kernel, routed = kernel_packets(vpp), vpp.interfaces()["host-left"]["counters"]["ip4"]
    there.send(500, size)
    assert kernel_packets(vpp) - kernel > 450
    assert vpp.interfaces()["host-left"]["counters"]["ip4"] - routed >= 500
    assert there.rest() == [] and there.got == list(range(there.sent))
    # as long a way as before: a hop less
    assert "ttl=63" in left.run("ping -n -c 3 -i 0.02 10.2.0.1").stdout


def test_exactly_once(net, datagrams):
    """Entries come and go all the time; each datagram arrives once."""
    vpp, _, left, right = net.routed(config=ON)
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

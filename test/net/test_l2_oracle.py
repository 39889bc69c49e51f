"""The switch beside the kernel's bridge: the same frames into both, and where each one comes out.

             wire i ──veth── host-p<i> [vpp, bridge domain 1]
    frame ──┤
             wire i ──veth── p<i>      [kernel, bridge br0]

What is to be alike: known and unknown unicast, groups, broadcast, stations that move, frames between stations of one port,
senders with impossible addresses, sizes, VLAN tags that a bridge without filtering does not look at. What differs is left out: a
kernel bridge keeps 01:80:c2:00:00:0x to itself and VPP does not.
"""
import random
import select
import struct
import time

import lib
import pytest

PORTS, STATIONS, FRAMES, BATCH = 5, 24, 3000, 25
NOBODY = ["01:00:00:00:00:05", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"]
GROUPS = ["ff:ff:ff:ff:ff:ff", "01:00:5e:01:02:03", "33:33:00:00:00:01"]


def octets(text):
    return bytes.fromhex(text.replace(":", ""))


def station(n):
    return octets(f"02:cc:00:00:00:{n:02x}")


class Side:
    """One of the two switches with its wires."""

    def __init__(self, net, make):
        self.ns = net.namespace()
        self.wires = []
        for i in range(PORTS):
            self.ns.veth(f"p{i}", f"h{i}")
            self.wires.append(net.wire(self.ns, f"h{i}"))
        make(self.ns)

    def gather(self, expected=0, patience=2.0):
        """{serial number: (port it came out of, frame), ...}, until nothing came for a while; as long as there are
        fewer than expected that while is longer."""
        found, n = {}, 0
        sockets = {w.socket: i for i, w in enumerate(self.wires)}
        end = time.monotonic() + 10
        while time.monotonic() < end:
            ready = select.select(list(sockets), [], [], 0.02 if n >= expected else patience)[0]
            if not ready:
                return found
            for s in ready:
                n += 1
                data = s.recv(65536)
                at = data.find(b"#serial")
                if at >= 0:
                    serial = struct.unpack("!I", data[at + 7:at + 11])[0]
                    found.setdefault(serial, []).append((sockets[s], data))
        raise AssertionError(f"frames for ever: a loop? {n}, expected {expected}")


def kernel_bridge(ns):
    ns.ip("link add br0 type bridge stp_state 0 mcast_snooping 0 forward_delay 0 ageing_time 300000")
    ns.ip("link set br0 up")
    for i in range(PORTS):
        ns.ip(f"link set p{i} master br0")
    lib.wait_for(lambda: ns.run("bridge link").stdout.count("state forwarding") == PORTS, "the bridge")


def random_source(rnd, home, port):
    """A station on that port; now and then one moves there. None: an address that no station has."""
    if rnd.random() < 0.02:
        return None
    here = [n for n in range(STATIONS) if home[n] == port]
    return rnd.choice(here) if here and rnd.random() < 0.96 else rnd.randrange(STATIONS)


def random_batch(rnd, serial, home, port):
    """No frame is for a station that shows up or moves in the same batch: a vector of frames is learnt from before it
    is forwarded, so that even the first of them would go by what the last one tells."""
    sources = [random_source(rnd, home, port) for _ in range(BATCH)]
    quiet = [n for n in range(STATIONS) if n not in sources or home[n] == port]
    for who in sources:
        if who is not None:
            home[who] = port
    return [random_frame(rnd, serial + k, who, quiet) for k, who in enumerate(sources)]


def random_frame(rnd, serial, who, others):
    src = station(who) if who is not None else octets(rnd.choice(NOBODY))
    kind = rnd.random()
    if kind < 0.65:
        dst = station(rnd.choice(others))
    elif kind < 0.85:
        dst = octets(rnd.choice(GROUPS))
    else:
        dst = octets(f"02:dd:00:00:00:{rnd.randrange(256):02x}")
    tag = b""
    if rnd.random() < 0.15:
        tag = struct.pack("!HH", rnd.choice([0x8100, 0x88a8]), rnd.randrange(1, 4095) | rnd.randrange(8) << 13)
    body = b"#serial" + struct.pack("!I", serial)
    size = rnd.choice([46, 46, 100, 300, 500, 1200, 1496])
    return dst + src + tag + struct.pack("!H", 0x88b5) + body.ljust(size, b".")


def compare(ours, theirs, sent, first, port):
    for serial, data in enumerate(sent, first):
        a = sorted(ours.get(serial, []))
        b = sorted(theirs.get(serial, []))
        assert [p for p, _ in a] == [p for p, _ in b], (
            f"frame {serial} from port {port}, {data[:18].hex(' ')}: came out of {[p for p, _ in a]}, "
            f"kernel: {[p for p, _ in b]}")
        for (p, got), (_, want) in zip(a, b):
            assert got == want, f"frame {serial} from port {port} is another one on port {p}"


@pytest.mark.parametrize("seed", [1, 2])
def test_same_as_the_kernel_bridge(net, seed):
    def piste(ns):
        nonlocal vpp
        vpp = net.vpp(ns)
        for i in range(PORTS):
            vpp.configure(f"create host-interface name p{i}\nset int state host-p{i} up\n"
                          f"set interface l2 bridge host-p{i} 1")

    vpp = None
    us, kernel = Side(net, piste), Side(net, kernel_bridge)
    rnd = random.Random(seed)
    home = [None] * STATIONS
    serial = 0
    while serial < FRAMES:
        # one port at a time: between ports there is no order that both would have to keep
        port = rnd.randrange(PORTS)
        sent = random_batch(rnd, serial, home, port)
        for side in (us, kernel):
            for data in sent:
                side.wires[port].socket.send(data)
        theirs = kernel.gather()
        ours = us.gather(expected=sum(len(x) for x in theirs.values()))
        compare(ours, theirs, sent, serial, port)
        serial += BATCH
    table = {e["mac"]: e["interface"] for e in vpp.json("show l2fib bd_id 1")["entries"]}
    for line in kernel.ns.run("bridge fdb show br br0").stdout.splitlines():
        words = line.split()
        if words[0].startswith("02:cc") and "permanent" not in words:
            assert table.pop(words[0]) == "host-" + words[2]
    assert table == {}

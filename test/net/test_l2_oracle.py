"""The switch beside the kernel's bridge, and beside a slow model of one: the same frames into all, and where each comes out.

             wire i ──veth── host-p<i> [vpp, bridge domains]
    frame ──┤
             wire i ──veth── p<i>      [kernel, bridge br0]

What is to be alike: known and unknown unicast, groups, broadcast, stations that move, frames between stations of one port,
senders with impossible addresses, sizes, and VLAN tags: those that a bridge without filtering does not look at, and those that
a bridge with VLAN filtering goes by. The kernels of test machines may lack VLAN filtering: the model then stands alone, which
is held against the kernel wherever that has it. What differs is left out: a kernel bridge keeps 01:80:c2:00:00:0x to itself and
VPP does not; a priority is lost with the tag that it came in.
"""
import os
import random
import select
import struct
import time

import lib
import pytest

PORTS, STATIONS, FRAMES, BATCH = 5, 24, 3000, 25
NOBODY = ["01:00:00:00:00:05", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"]
GROUPS = ["ff:ff:ff:ff:ff:ff", "01:00:5e:01:02:03", "33:33:00:00:00:01"]

# Of each port: the VLANs that are tagged on it, and the one that is not.
VLANS = [((10, 20, 30), None), ((10, 20), None), ((), 10), ((), 20), ((10, 20), 30)]


def station(n):
    return lib.octets(f"02:cc:00:00:00:{n:02x}")


class Wires:
    """The ends of a switch's ports."""

    def __init__(self, net, make):
        self.ns = net.namespace()
        self.wires = []
        for i in range(PORTS):
            self.ns.veth(f"p{i}", f"h{i}")
            self.wires.append(net.wire(self.ns, f"h{i}"))
        make(self.ns)

    def _arrived(self, timeout):
        sockets = {w.socket: i for i, w in enumerate(self.wires)}
        for s in select.select(list(sockets), [], [], timeout)[0]:
            data = self.wires[sockets[s]].receive()
            at = data.find(b"#serial")
            yield sockets[s], data, struct.unpack("!I", data[at + 7:at + 11])[0] if at >= 0 else None

    def exchange(self, port, frames, first, expected):
        """{serial number: [(port it came out of, frame), ...]}. It is waited for as many as expected, and a little for those
        that are too many."""
        for data in frames:
            self.wires[port].socket.send(data)
        found, n, end = {}, 0, time.monotonic() + 20
        while n < expected or time.monotonic() < end:
            assert n >= expected or time.monotonic() < end, f"{n} frames came out of {expected}: {found}"
            if n >= expected:
                end = min(end, time.monotonic() + 0.01)
            for out, data, serial in self._arrived(max(0.0, end - time.monotonic())):
                if serial is not None and first <= serial < first + len(frames):
                    n += 1
                    found.setdefault(serial, []).append((out, data))
        return found


class Model:
    """A bridge as IEEE 802.1Q describes it, one table for each VLAN. vlans: of each port those that are tagged on it and the
    one that is not; None: a bridge that does not look at tags."""

    def __init__(self, vlans):
        self.vlans = vlans
        self.table = {}

    def _enters(self, port, data):
        """The VLAN of a frame and what is left when its tag is gone; None: it may not enter."""
        if self.vlans is None:
            return 0, data
        tagged, untagged = self.vlans[port]
        if data[12:14] != b"\x81\x00":
            return (untagged, data) if untagged else None
        vlan = struct.unpack("!H", data[14:16])[0] & 0xfff
        return (vlan, data[:12] + data[16:]) if vlan in tagged else None

    def _leaves(self, port, vlan, data):
        if self.vlans is None or self.vlans[port][1] == vlan:
            return data
        return data[:12] + struct.pack("!HH", 0x8100, vlan) + data[12:]

    def _members(self, vlan):
        return {p for p in range(PORTS)
                if self.vlans is None or vlan in self.vlans[p][0] or vlan == self.vlans[p][1]}

    def one(self, port, data):
        entered = self._enters(port, data)
        dst, src = data[:6], data[6:12]
        if not entered or src[0] & 1 or src == bytes(6):
            return []
        vlan, data = entered
        self.table[vlan, src] = port
        to = self._members(vlan)
        if not dst[0] & 1 and (vlan, dst) in self.table:
            to = {self.table[vlan, dst]}
        return [(p, self._leaves(p, vlan, data)) for p in sorted(to - {port})]

    def exchange(self, port, frames, first, _):
        return {first + k: out for k, data in enumerate(frames) if (out := self.one(port, data))}


def kernel_bridge(ns, vlans):
    """False: this kernel has no such bridge."""
    made = ns.run("ip link add br0 type bridge stp_state 0 mcast_snooping 0 forward_delay 0 ageing_time 300000"
                  + (" vlan_filtering 1 vlan_default_pvid 0" if vlans else ""), check=False)
    if made.returncode:
        assert vlans, made.stdout
        return False
    ns.ip("link set br0 up")
    for i in range(PORTS):
        ns.ip(f"link set p{i} master br0")
        for v in vlans[i][0] if vlans else []:
            ns.run(f"bridge vlan add dev p{i} vid {v}")
        if vlans and vlans[i][1]:
            ns.run(f"bridge vlan add dev p{i} vid {vlans[i][1]} pvid untagged")
    lib.wait_for(lambda: ns.run("bridge link").stdout.count("state forwarding") == PORTS, "the bridge")
    return True


def configure(vpp, vlans):
    """A bridge domain for each VLAN. On a port that has VLANs, others' tags are for a sub-interface that is down."""
    for i in range(PORTS):
        vpp.configure(f"create host-interface name p{i}\nset int state host-p{i} up")
        tagged, untagged = vlans[i] if vlans else ((), 1)
        for v in tagged:
            vpp.configure(f"""
                create sub-interfaces host-p{i} {v} dot1q {v}
                set interface l2 bridge host-p{i}.{v} {v}
                set interface l2 tag-rewrite host-p{i}.{v} pop 1
                set int state host-p{i}.{v} up
            """)
        if vlans:
            vpp.ctl(f"create sub-interfaces host-p{i} 4095 default")
        if untagged:
            vpp.ctl(f"set interface l2 bridge host-p{i} {untagged}")


def random_source(rnd, home, port):
    """A station on that port; now and then one moves there. None: an address that no station has."""
    if rnd.random() < 0.02:
        return None
    here = [n for n in range(STATIONS) if home[n] == port]
    return rnd.choice(here) if here and rnd.random() < 0.96 else rnd.randrange(STATIONS)


def random_tags(rnd, port, vlans):
    """Without VLANs any tag. With them: mostly one that the port has, some that it has not; sometimes another one behind.
    The tag of a port's own untagged VLAN is left out: a matter of taste."""
    any_tag = struct.pack("!HH", rnd.choice([0x8100, 0x88a8]), rnd.randrange(1, 4095) | rnd.randrange(8) << 13)
    if not vlans:
        return any_tag if rnd.random() < 0.15 else b""
    tagged, untagged = vlans[port]
    if rnd.random() < (0.3 if tagged else 0.9):
        tags = b""
    else:
        others = [v for v in (10, 20, 30, 40, 4094) if v != untagged]
        tags = struct.pack("!HH", 0x8100, rnd.choice(list(tagged) * 4 + others))
    return tags + (struct.pack("!HH", 0x8100, rnd.randrange(1, 4095)) if tags and rnd.random() < 0.15 else b"")


def random_frame(rnd, serial, who, others, tags):
    src = station(who) if who is not None else lib.octets(rnd.choice(NOBODY))
    kind = rnd.random()
    if kind < 0.65:
        dst = station(rnd.choice(others))
    elif kind < 0.85:
        dst = lib.octets(rnd.choice(GROUPS))
    else:
        dst = lib.octets(f"02:dd:00:00:00:{rnd.randrange(256):02x}")
    body = b"#serial" + struct.pack("!I", serial)
    size = rnd.choice([46, 46, 100, 300, 500, 1200, 1492])
    return dst + src + tags + struct.pack("!H", 0x88b5) + body.ljust(size, b".")


def random_batch(rnd, serial, home, port, vlans):
    """No frame is for a station that shows up or moves in the same batch: a vector of frames is learnt from before it
    is forwarded, so that even the first of them would go by what the last one tells."""
    sources = [random_source(rnd, home, port) for _ in range(BATCH)]
    # in another VLAN a station may be known elsewhere: with VLANs nobody who sends is sent to
    quiet = [n for n in range(STATIONS) if n not in sources or (home[n] == port and not vlans)]
    for who in sources:
        if who is not None:
            home[who] = port
    return [random_frame(rnd, serial + k, who, quiet, random_tags(rnd, port, vlans)) for k, who in enumerate(sources)]


def compare(name, ours, theirs, sent, first, port):
    for serial, data in enumerate(sent, first):
        a = sorted(ours.get(serial, []))
        b = sorted(theirs.get(serial, []))
        assert [p for p, _ in a] == [p for p, _ in b], (
            f"frame {serial} from port {port}, {data[:22].hex(' ')}: {name} sent it to {[p for p, _ in a]}, "
            f"model: {[p for p, _ in b]}")
        for (p, got), (_, want) in zip(a, b):
            assert got == want, f"frame {serial} from port {port} is another one on port {p} of {name}"


def fdb_of_kernel(ns):
    """{(VLAN, address): port} of the stations."""
    found = {}
    for line in ns.run("bridge fdb show br br0").stdout.splitlines():
        words = line.split()
        if words[0].startswith("02:cc") and "permanent" not in words:
            vlan = int(words[words.index("vlan") + 1]) if "vlan" in words else 0
            found[vlan, words[0]] = words[2]
    return found


@pytest.fixture(name="one_cpu")
def on_one_cpu():
    """What is sent by hand arrives in order."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.usefixtures("one_cpu")
@pytest.mark.parametrize("vlans", [None, VLANS], ids=["tags-ignored", "vlan-filtering"])
@pytest.mark.parametrize("seed", [1, 2])
def test_same_as_the_kernel_bridge(net, seed, vlans):
    vpp = None

    def piste(ns):
        nonlocal vpp
        vpp = net.vpp(ns)
        configure(vpp, vlans)

    has_kernel = False

    def kernel(ns):
        nonlocal has_kernel
        has_kernel = kernel_bridge(ns, vlans)

    model, sides = Model(vlans), {"vpp": Wires(net, piste), "the kernel": Wires(net, kernel)}
    if not has_kernel:
        del sides["the kernel"]
    rnd = random.Random(seed)
    home = [None] * STATIONS
    for serial in range(0, FRAMES, BATCH):
        # one port at a time: between ports there is no order that both would have to keep
        port = rnd.randrange(PORTS)
        sent = random_batch(rnd, serial, home, port, vlans)
        theirs = model.exchange(port, sent, serial, None)
        for name, side in sides.items():
            ours = side.exchange(port, sent, serial, sum(len(x) for x in theirs.values()))
            compare(name, ours, theirs, sent, serial, port)
    want = {(vlan, ":".join(f"{b:02x}" for b in mac)): f"p{port}" for (vlan, mac), port in model.table.items()}
    table = {((e["bridge_domain"] if vlans else 0), e["mac"]): e["interface"].removeprefix("host-").split(".")[0]
             for e in vpp.json("show l2fib all")["entries"]}
    assert table == want and len(want) >= STATIONS
    if has_kernel:
        assert fdb_of_kernel(sides["the kernel"].ns) == want

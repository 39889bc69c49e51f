"""AF_XDP interfaces on veths, whose other ends are kernels' own or used by hand. That kernel makes checksums itself
(tx off): what is left open for a device is not seen from here."""
import contextlib
import ctypes
import os
import platform
import re
import shutil
import signal
import struct
import subprocess
import tempfile

import lib
import pytest
from test_tap import devices
from test_tcp import tcp_errors, transfer

SYS_BPF = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
KINDS = ["", "generic", "no-zero-copy", "rx-queue-size 256 tx-queue-size 1024"]


def pair(switch, device, far, name, queues=1, mtu=1500):
    """A veth from the switch's namespace to another, whose kernel leaves no checksum open."""
    switch.ip(f"link add {device} numrxqueues {queues} numtxqueues {queues} mtu {mtu} type veth peer name {name} netns {far} "
              f"numrxqueues {queues} numtxqueues {queues} mtu {mtu}")
    switch.ip(f"link set {device} up")
    far.ip(f"link set {name} up")
    far.run(f"ethtool -K {name} tx off")


class Bridged:
    """left l0 10.6.0.1 -- x0 [bridge domain] x1 -- r0 10.6.0.2 right"""

    def __init__(self, net, options="", queues=1, mtu=1500, **kwargs):
        self.switch, self.left, self.right = net.namespace(), net.namespace(ipv6=True), net.namespace(ipv6=True)
        self.vpp = net.vpp(self.switch, **kwargs)
        for i, (far, name) in enumerate(((self.left, "l0"), (self.right, "r0"))):
            pair(self.switch, f"x{i}", far, name, queues, mtu)
            far.ip(f"addr add 10.6.0.{i + 1}/24 dev {name}")
            far.ip(f"addr add fd06::{i + 1}/64 dev {name} nodad")
            self.vpp.configure(f"""
                create interface af_xdp host-if x{i} {options}
                set interface l2 bridge x{i}/{i} 1
                set interface state x{i}/{i} up
            """)

    def faults(self):
        return {k: n for k, n in self.vpp.errors().items() if k[1] in ("bad descriptor", "longer than a chunk of the UMEM")}


def main_job(net, options="", **kwargs):
    ns, far = net.namespace(), net.namespace(ipv6=True)
    pair(ns, "x0", far, "p0")
    far.ip("addr add 10.9.0.1/24 dev p0")
    far.ip("addr add fd09::1/64 dev p0 nodad")
    vpp = net.vpp(ns, **kwargs)
    vpp.configure(f"""
        create interface af_xdp host-if x0 {options}
        set int ip address x0/0 10.9.0.2/24
        set int ip address x0/0 fd09::2/64
        set int state x0/0 up
    """)
    return vpp, ns, far


# ---- what passes

@pytest.mark.parametrize("options", KINDS)
def test_ping(net, options):
    vpp, _, far = main_job(net, options)
    assert far.ping("10.9.0.2", deadline=20) == 3
    assert far.ping("fd09::2", deadline=20) == 3
    assert far.ping("10.9.0.2", size=1472, deadline=20) == 3
    shown = vpp.ctl("show hardware-interfaces x0/0")
    assert "  netdev x0\n  flags: initialized admin-up link-up\n" in shown, shown
    assert ("xdp mode: generic" in shown) == (options == "generic")


@pytest.mark.parametrize("mode", ["polling", "interrupt", "adaptive"])
def test_busy_poll(net, mode):
    """The data thread runs the driver when it finds no frame."""
    vpp, _, far = main_job(net, "busy-poll")
    vpp.ctl(f"set interface rx-mode x0/0 {mode}")
    assert far.ping("10.9.0.2", deadline=20) == 3
    assert " busy-poll\n" in vpp.ctl("show hardware-interfaces x0/0")
    lib.wait_for(lambda: vpp.errors().get(("af_xdp-input", "syscall required"), 0), "calls of the driver", timeout=20)
    assert not vpp.errors().get(("af_xdp-input", "syscall failures"), 0)


@pytest.mark.parametrize("options", KINDS)
def test_tcp(net, options):
    way = Bridged(net, options)
    for sender, receiver, address in ((way.left, way.right, "10.6.0.2"), (way.right, way.left, "10.6.0.1")):
        assert transfer(sender, receiver, address, 4 << 20)
    assert tcp_errors(way.left) == tcp_errors(way.right) == 0 and not way.faults()
    assert way.left.ping("fd06::2", deadline=20) == 3


def test_between_kinds_of_ports(net):
    """From AF_XDP to a host interface and back: what is in another's memory is copied, large packets are cut."""
    switch, left, right = (net.namespace() for _ in range(3))
    vpp = net.vpp(switch)
    pair(switch, "x0", left, "l0")
    switch.veth("h0", "r0", right)
    left.ip("addr add 10.6.0.1/24 dev l0")
    right.ip("addr add 10.6.0.2/24 dev r0")
    vpp.configure("""
        create interface af_xdp host-if x0
        create host-interface name h0
        set interface l2 xconnect x0/0 host-h0
        set interface l2 xconnect host-h0 x0/0
        set interface state x0/0 up
        set interface state host-h0 up
    """)
    assert transfer(left, right, "10.6.0.2", 4 << 20) and transfer(right, left, "10.6.0.1", 4 << 20)
    assert tcp_errors(left) == tcp_errors(right) == 0


def test_all_lengths(net):
    """Frames of all lengths come out as they went in, those of a large MTU too."""
    ns = net.namespace()
    for i in range(2):
        ns.veth(f"x{i}", f"p{i}")
        for device in (f"x{i}", f"p{i}"):
            ns.ip(f"link set {device} mtu 3400")
    vpp = net.vpp(ns)
    for i in range(2):
        vpp.configure(f"""
            create interface af_xdp host-if x{i}
            set interface state x{i}/{i} up
            set interface l2 xconnect x{i}/{i} x{1 - i}/{1 - i}
        """ if i else f"create interface af_xdp host-if x{i}\nset interface state x{i}/{i} up")
    vpp.ctl("set interface l2 xconnect x0/0 x1/1")
    wires = [net.wire(ns, f"p{i}") for i in range(2)]
    head = bytes.fromhex("02000000000102000000000288b5")
    sent = [(head + n.to_bytes(4, "big")).ljust(n, bytes([n & 0xff])) for n in (*range(60, 200), *range(1400, 1515),
                                                                                *range(1700, 1900), 3000, 3414)]
    for source, sink, name in ((0, 1, "x0/0"), (1, 0, "x1/1")):
        wires[source].send_many(sent, vpp, name)
        wires[sink].socket.settimeout(20)
        assert [wires[sink].receive() for _ in sent] == sent


@pytest.mark.parametrize("options", KINDS)
def test_frames_in_pieces(net, options):
    """With a large MTU a frame lies in several chunks: jumbo frames of all lengths about their borders, through bridge and stack; TCP."""
    way = Bridged(net, options, mtu=9000)
    assert way.vpp.json("show hardware-interfaces x0/0")["interfaces"][0]["multi_buffer"]
    wires = [net.wire(ns, name) for ns, name in ((way.left, "l0"), (way.right, "r0"))]
    head = bytes.fromhex("ffffffffffff02000000000288b5")
    sent = [(head + n.to_bytes(4, "big")).ljust(n, bytes([n & 0xff])) for n in (60, 1514, *range(3820, 3860), *range(3960, 3980), *range(7660, 7700),
                                                                                *range(7920, 7950), 9014)]
    for source, sink, name in ((0, 1, "x0/0"), (1, 0, "x1/1")):
        for at in range(0, len(sent), 16):  # no more pieces than the rings hold
            wires[source].send_many(sent[at:at + 16], way.vpp, name)
        wires[sink].socket.settimeout(60)
        got = []
        while len(got) < len(sent):
            frame = wires[sink].receive()
            if frame[12:14] == head[12:]:
                got.append(frame)
        assert got == sent
    assert way.left.ping("10.6.0.2", size=8972, extra="-M do", deadline=60) == 3
    for sender, receiver, address in ((way.left, way.right, "10.6.0.2"), (way.right, way.left, "10.6.0.1")):
        assert transfer(sender, receiver, address, 4 << 20)
    assert tcp_errors(way.left) == tcp_errors(way.right) == 0 and not way.faults()


def test_pieces_from_another_kind_of_port(net):
    """Jumbo frames in chunks leave by a host interface, and those in ordinary buffers are copied into chunks; so are answers of the switch
    itself."""
    switch, left, right = (net.namespace() for _ in range(3))
    vpp = net.vpp(switch)
    pair(switch, "x0", left, "l0", mtu=9000)
    switch.veth("h0", "r0", right)
    for ns, device in ((switch, "h0"), (right, "r0")):
        ns.ip(f"link set {device} mtu 9000")
    left.ip("addr add 10.6.0.1/24 dev l0")
    left.ip("route add default via 10.6.0.2")
    right.ip("addr add 10.7.0.1/24 dev r0")
    right.ip("route add default via 10.7.0.2")
    vpp.configure("""
        create interface af_xdp host-if x0
        create host-interface name h0
        set interface ip address x0/0 10.6.0.2/24
        set interface ip address host-h0 10.7.0.2/24
        set interface state x0/0 up
        set interface state host-h0 up
    """)
    for size in (56, 3900, 8972):
        assert left.ping("10.7.0.1", size=size, extra="-M do", deadline=60) == 3
        assert left.ping("10.6.0.2", size=size, extra="-M do", deadline=60) == 3
    assert transfer(left, right, "10.7.0.1", 4 << 20) and transfer(right, left, "10.6.0.1", 4 << 20)
    assert tcp_errors(left) == tcp_errors(right) == 0
    vpp.ctl("delete interface af_xdp x0/0")
    lib.wait_for(lambda: len(vpp.json("show buffers")["pools"]) == 2, "the memory to be gone", timeout=60)


def test_more_at_once_than_the_rings_hold(net):
    """What is lost is counted; the rest goes on, and no chunk is lost."""
    way = Bridged(net, "rx-queue-size 256 tx-queue-size 256")
    assert way.left.ping("10.6.0.2", deadline=20) == 3
    for _ in range(3):
        way.left.run("ping -n -q -f -c 3000 -l 2000 -s 100 10.6.0.2", check=False, timeout=60)
    assert transfer(way.left, way.right, "10.6.0.2", 1 << 20)
    assert not way.faults()

    def used():
        return [p["used"] for p in way.vpp.json("show buffers")["pools"] if p["name"].startswith("af_xdp")]
    # no more than the rings hold: 256 to receive into, 256 that were sent and not yet looked at
    lib.wait_for(lambda: len(used()) == 2 and max(used()) <= 512, "the chunks to come back", timeout=20)


def test_many_queues_and_threads(net):
    way = Bridged(net, "num-rx-queues all", queues=4, config="cpu { workers 2 }")
    placed = way.vpp.ctl("show interface rx-placement")
    assert placed.count("x0/0 queue") == placed.count("x1/1 queue") == 4, placed
    way.vpp.configure("""
        set interface rx-placement x0/0 queue 3 worker 1
        set interface rx-mode x0/0 queue 1 polling
        set interface rx-mode x1/1 interrupt
    """)
    for port in range(5001, 5009):
        assert transfer(way.left, way.right, "10.6.0.2", 1 << 20, port)
    assert tcp_errors(way.left) == tcp_errors(way.right) == 0 and not way.faults()


def test_fewer_queues_than_the_device_has(net):
    """Frames of the other queues are the kernel's, as before."""
    ns, far = net.namespace(), net.namespace()
    pair(ns, "x0", far, "p0", queues=4)
    vpp = net.vpp(ns)
    assert "too many rxq requested (5 > 4)" in vpp.fails("create interface af_xdp host-if x0 num-rx-queues 5")
    vpp.configure("create interface af_xdp host-if x0 num-rx-queues 2\nset interface state x0/0 up")
    wire = net.wire(ns, "x0")
    head = bytes.fromhex("ffffffffffff02000000000208004500002a0000400040110000")

    def send_flows():
        hand = net.wire(far, "p0")
        for i in range(64):
            hand.send((head + struct.pack("!IIHHHH", 0x0a000001 + i, 0x0a000002, 1000 + i, 9, 22, 0)).ljust(60, b"x"))
        return vpp.counter("x0/0", "rx packets") and wire._readable(0)  # pylint: disable=protected-access
    lib.wait_for(send_flows, "frames on both sides", timeout=20)


# ---- what is made, saved and shown

def test_everything_that_can_be_said(net):
    ns, far, other = net.namespace(), net.namespace(), net.namespace()
    pair(other, "x0", far, "p0")
    vpp = net.vpp(ns, unix="sandbox off")
    vpp.ctl(f"create interface af_xdp host-if x0 name fast rx-queue-size 1024 tx-queue-size 256 netns {other} "
            "no-zero-copy no-syscall-lock mac-reuse generic busy-poll")
    assert vpp.mac("fast") == other.mac("x0")
    line, = [l for l in vpp.running_config() if l.startswith("create")]
    assert line == (f"create interface af_xdp host-if x0 name fast rx-queue-size 1024 tx-queue-size 256 netns {other} "
                    "no-zero-copy no-syscall-lock mac-reuse generic busy-poll")
    vpp.configure("set int ip address fast 10.9.0.2/24\nset int state fast up")
    far.ip("addr add 10.9.0.1/24 dev p0")
    assert far.ping("10.9.0.2", deadline=20) == 3
    vpp.ctl("delete interface af_xdp sw_if_index 1")
    assert "xdp" not in other.ip("link show x0")
    vpp.ctl(line)
    assert [l for l in vpp.running_config() if l.startswith("create")] == [line]


def test_what_is_refused_changes_nothing(net):
    ns = net.namespace()
    for name in ("x0", "x1"):
        ns.veth(name, f"{name}p")
    vpp = net.vpp(ns)
    vpp.ctl("create interface af_xdp host-if x0")
    before, links, open_before = vpp.running_config(), devices(ns), vpp.open_fds()
    for words, why in (
            ("host-if x0", "queue 0 is x0/0's"),
            ("host-if x1 name x0/0", "x0/0"),
            ("host-if nothing", "Invalid interface name: nothing"),
            ("host-if a-name-that-is-too-long", "host interface name too long"),
            ("host-if x1 rx-queue-size 300", "queue size must be a power of two between 256 and 65535"),
            ("host-if x1 tx-queue-size 128", "queue size must be a power of two between 256 and 65535"),
            ("host-if x1 num-rx-queues 2", "too many rxq requested (2 > 1)"),
            ("host-if x1 zero-copy", "the driver does not take packets' memory as it is"),
            ("host-if x1 zero-copy generic", "exclude each other"),
            ("host-if x1 prog /tmp/nothing", "no XDP program is pinned there"),
            ("host-if x1 netns nowhere", "no network namespace nowhere")):
        assert why in vpp.fails("create interface af_xdp " + words), words
    assert "not an AF_XDP interface" in vpp.fails("delete interface af_xdp local0")
    assert vpp.running_config() == before and devices(ns) == links
    lib.wait_for(lambda: vpp.open_fds() <= open_before, "descriptors to be closed", timeout=20)
    assert [p["name"] for p in vpp.json("show buffers")["pools"]][2:] == ["af_xdp-x0"]


@pytest.mark.skipif(not os.path.exists("/usr/bin/setpriv"), reason="no setpriv")
def test_a_queue_that_another_process_has_is_waited_for(net):
    """It might be free in a moment: it is tried again and again, between other things that the loop does, and taken when it is."""
    ns = net.namespace()
    ns.veth("x0", "x0p")
    first, vpp = net.vpp(ns), net.vpp(ns)
    first.ctl("create interface af_xdp host-if x0")
    before, open_before = vpp.running_config(), vpp.open_fds()
    vpp.ctl("clear event-loop")
    assert "queue 0" in vpp.fails("create interface af_xdp host-if x0")
    assert vpp.json("show event-loop")["timers"] >= 40  # each of them a try, in a round of its own
    assert vpp.running_config() == before
    lib.wait_for(lambda: vpp.open_fds() <= open_before, "sockets to be closed")
    creating = ns.popen([vpp.build + "/vppctl", "-s", vpp.cli, "create interface af_xdp host-if x0"], stdout=subprocess.DEVNULL)
    first.ctl("delete interface af_xdp x0/0")
    if creating.wait(timeout=60):  # it gave up before the other was deleted
        vpp.ctl("create interface af_xdp host-if x0")
    assert vpp.json("show interface x0/0")["interfaces"]


def test_the_missing_capability_is_named(net):
    for capability in ("net_raw", "bpf"):
        ns = net.namespace()
        ns.veth("x0", "p0")
        vpp = net.vpp(ns, prefix=["setpriv", "--bounding-set", f"-{capability},-sys_admin", "--inh-caps",
                                  f"-{capability},-sys_admin"])
        assert f"CAP_{capability.upper()}" in vpp.fails("create interface af_xdp host-if x0")


def test_it_comes_back_after_a_restart(net):
    ns, far = net.namespace(), net.namespace()
    pair(ns, "x0", far, "p0")
    far.ip("addr add 10.9.0.1/24 dev p0")
    vpp = net.vpp(ns, start=False)
    vpp.write_conf(unix=f"running-config {vpp.running}")
    vpp.start()
    vpp.configure("""
        create interface af_xdp host-if x0
        set int ip address x0/0 10.9.0.2/24
        set int state x0/0 up
        write
    """)
    assert far.ping("10.9.0.2", deadline=20) == 3
    before, mac = vpp.running_config(), vpp.mac("x0/0")
    vpp.kill()
    vpp.start()
    assert far.ping("10.9.0.2", deadline=20) == 3
    assert vpp.running_config() == before and vpp.mac("x0/0") == mac
    # and when the device comes later, as one that goes and comes again does
    vpp.stop()
    ns.ip("link del x0")
    vpp.start()
    assert "no such device at present" in vpp.ctl("show hardware-interfaces x0/0")
    for _ in range(3):
        pair(ns, "x0", far, "p0")
        far.ip("addr add 10.9.0.1/24 dev p0")
        lib.wait_for(lambda: vpp.link("x0/0") == "up", "the link", timeout=20)
        assert far.ping("10.9.0.2", deadline=20) == 3
        ns.ip("link del x0")
        lib.wait_for(lambda: vpp.link("x0/0") == "down", "the link to be down", timeout=20)
    assert vpp.running_config() == before


def test_down_is_as_if_we_were_not_there(net):
    """Frames are the kernel's while the interface is down."""
    vpp, ns, far = main_job(net)
    ns.ip("addr add 10.9.0.3/24 dev x0")
    vpp.ctl("set interface state x0/0 down")
    ns.ip("link set x0 up")
    assert far.ping("10.9.0.3", deadline=20) == 3
    vpp.ctl("set interface state x0/0 up")
    assert far.ping("10.9.0.2", deadline=20) == 3


def test_come_and_go_under_traffic(net, come_and_go):
    vpp, ns, far = main_job(net, "mac-reuse")
    ns.veth("y0", "y1")
    stream = net.process(far, "ping -n -q -i 0.002 -f 10.9.0.2", stdout=-1, text=True)

    def once(_):
        vpp.configure("""
            create interface af_xdp host-if y0
            set interface l2 bridge y0/1 1
            set interface state y0/1 up
            delete interface af_xdp y0/1
            delete interface af_xdp x0/0
            create interface af_xdp host-if x0 mac-reuse
            set int ip address x0/0 10.9.0.2/24
            set int state x0/0 up
        """)
    come_and_go([vpp], 30, once)
    stream.send_signal(signal.SIGINT)
    out, _ = stream.communicate(timeout=20)
    assert int(re.search(r"(\d+) received", out).group(1)) > 0, out
    assert far.ping("10.9.0.2", deadline=20) == 3
    vpp.ctl("delete interface af_xdp x0/0")
    lib.wait_for(lambda: len(vpp.json("show buffers")["pools"]) == 2 and vpp.buffers_used() == 0,
                 "the memory to be gone", timeout=20)


# ---- a program of somebody's own

def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    rc = lib.libc.syscall(SYS_BPF, command, buffer, 128)
    assert rc >= 0, os.strerror(ctypes.get_errno())
    return rc


def instruction(code, registers=0, offset=0, value=0):
    return struct.pack("<BBhi", code, registers, offset, value)


@contextlib.contextmanager
def pinned():
    """A program like our own, in a bpffs of the test's."""
    folder = tempfile.mkdtemp(prefix="piste-bpf-", dir="/tmp")
    subprocess.run(["mount", "-t", "bpf", "bpf", folder], check=True)
    try:
        sockets = bpf(0, struct.pack("=IIII", 17, 4, 4, 8))  # BPF_MAP_CREATE: XSKMAP
        code = b"".join((instruction(0x61, 0x12, 16), instruction(0x18, 0x11, 0, sockets), instruction(0),
                         instruction(0xb7, 3, 0, 2), instruction(0x85, 0, 0, 51), instruction(0x95)))
        text, gpl = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
        program = bpf(5, struct.pack("=IIQQ", 6, len(code) // 8, ctypes.addressof(text), ctypes.addressof(gpl)))
        path = ctypes.create_string_buffer(f"{folder}/mine".encode())
        bpf(6, struct.pack("=QI", ctypes.addressof(path), program))  # BPF_OBJ_PIN
        os.close(sockets)
        os.close(program)
        yield f"{folder}/mine"
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        shutil.rmtree(folder)


@pytest.mark.skipif(SYS_BPF is None, reason="the number of bpf(2) is not known here")
def test_a_program_of_ones_own(net):
    with pinned() as path:
        vpp, _, far = main_job(net, f"prog {path}")
        assert far.ping("10.9.0.2", deadline=20) == 3
        assert f"prog {path}" in "\n".join(vpp.running_config())
        ns = vpp.namespace
        pair(ns, "x1", far, "p1", mtu=9000)
        why = vpp.fails(f"create interface af_xdp host-if x1 prog {path}")
        assert "the MTU is too large for XDP, unless the program takes frames in pieces" in why
        vpp.stop()

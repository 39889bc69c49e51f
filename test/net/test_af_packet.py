"""What leaves by a host interface: small packets by a ring, others as messages, all in their order."""
import fcntl
import os
import select
import struct
import time

import lib
import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

SLOT = 2048 - 32 - 10  # the largest packet that a slot of the ring holds


def frames(sizes):
    head = bytes.fromhex("020000000001 020000000002 88b5".replace(" ", ""))
    return [(head + i.to_bytes(4, "big")).ljust(size, bytes([i & 0xff]))
            for i, size in enumerate(sizes)]


class Sender:
    """A packet generator that is connected to a host interface, and the wire behind that."""

    def __init__(self, net, folder, options):
        self.folder = folder
        self.namespace = net.namespace()
        self.namespace.veth("out", "hand")
        for device in ("out", "hand"):
            self.namespace.ip(f"link set {device} mtu 9000")
        self.vpp = net.vpp(self.namespace)
        self.vpp.configure(f"""
            create host-interface name out {options}
            create packet-generator interface pg0
            set interface l2 xconnect pg0 host-out
            set int state pg0 up
            set int state host-out up
        """)
        self.wire = net.wire(self.namespace, "hand")

    def send(self, sent):
        path = self.folder / "sent.pcap"
        wrpcap(str(path), [Ether(f) for f in sent])
        self.vpp.ctl(f"packet-generator new pcap {path} source pg0 name s")
        self.vpp.ctl("packet-generator enable-stream s")
        lib.wait_for(lambda: not self.vpp.json("show packet-generator")["streams"][0]["enabled"],
                     "the stream to end")
        self.vpp.ctl("packet-generator delete s")

    def ring(self):
        """Slots of the ring, the next of them to be used, and those that are free."""
        queue, = self.vpp.json("show hardware-interfaces host-out")["interfaces"][0]["tx_queues"]
        return queue["slots"], queue["next_slot"], queue["available"]

    def receive(self, count):
        return [self.wire.receive() for _ in range(count)]

    def make_ring(self):
        """Sends small packets at some rate, until that is done by a ring; none of them is on the wire then."""
        def has_ring():
            self.vpp.ctl("packet-generator new { name warm limit 8000 rate 60000 size 64-64 source pg0 "
                         "node ethernet-input data { IP4: 02:00:00:00:00:01 -> 02:00:00:00:00:02 "
                         "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 18 } }")
            self.vpp.ctl("packet-generator enable-stream warm")
            self.receive(8000)
            self.vpp.ctl("packet-generator delete warm")
            return self.ring()[1]
        lib.wait_for(has_ring, "a ring that is used")


@pytest.fixture(params=["", "no-ring", "qdisc-bypass-disable"])
def sender(net, tmp_path, request):
    made = Sender(net, tmp_path, request.param)
    if request.param != "no-ring":
        made.make_ring()
    return made


def test_order(sender):
    """Runs of small packets, of all lengths, between others that are too large for the ring."""
    sizes = []
    for n in (1, 3, 4, 5, 40, 127, 128, 129, 300):
        sizes += [64 + n] * n + [SLOT - 1, SLOT, SLOT + 1] + [4000] * (n % 3)
    sent = frames(sizes)
    sender.send(sent)
    sender.wire.socket.settimeout(10)
    assert sender.receive(len(sent)) == sent
    slots, next_slot, _ = sender.ring()
    if slots and not next_slot:  # it has just come round
        sender.send(frames([64]))
        assert sender.receive(1) == frames([64])
    slots, next_slot, available = sender.ring()
    assert available == slots and bool(next_slot) == bool(slots)


def test_no_ring(net, tmp_path):
    """What is to have none gets none, whatever the traffic."""
    sender = Sender(net, tmp_path, "no-ring")
    for _ in range(3):
        sent = frames([64] * 2000)
        sender.send(sent)
        assert sender.receive(len(sent)) == sent
    for i in range(60):  # more than a second
        sender.wire.send(frames([64] * 30))
        time.sleep(0.02)
    shown = sender.vpp.json("show hardware-interfaces host-out")["interfaces"][0]
    assert shown["sockets"][0]["slots"] == shown["tx_queues"][0]["slots"] == 0


def test_device_keeps_slots(net, tmp_path):
    """A queue below the host interface holds packets back: the ring is full, nothing is lost or overtaken."""
    sender = Sender(net, tmp_path, "qdisc-bypass-disable")
    sender.make_ring()
    sender.namespace.run("tc qdisc add dev out root tbf rate 100mbit burst 20k latency 5s")
    sent = frames([1000] * 700)
    sender.send(sent)
    sender.wire.socket.settimeout(10)
    assert sender.receive(len(sent)) == sent
    lib.wait_for(lambda: sender.ring()[0] == sender.ring()[2], "all slots to be free")


def test_device_goes_down(sender):
    """What is sent while it is down is counted, and does not come later."""
    sender.send(frames([64] * 10))
    sender.namespace.ip("link set out down")
    lib.wait_for(lambda: sender.vpp.link("host-out") == "down", "the link to be down")
    sender.send(frames([64] * 500))
    lib.wait_for(lambda: sum(sender.vpp.errors().values()) >= 500, "500 drops")
    sender.namespace.ip("link set out up")
    lib.wait_for(lambda: sender.vpp.link("host-out") == "up", "the link to be up")
    sent = frames([65] * 500)
    sender.send(sent)
    sender.wire.socket.settimeout(10)
    assert sender.receive(510) == frames([64] * 10) + sent
    slots, _, available = sender.ring()
    assert available == slots


@pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="no /dev/net/tun")
def test_device_of_ip_packets(net):
    """mode ip: packets without link headers, both ways, and so they are traced."""
    tunsetiff, iff_tun, iff_no_pi = 0x400454ca, 1, 0x1000
    ns = net.namespace()
    with ns.entered():
        tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tun, tunsetiff, struct.pack("16sH22x", b"tun0", iff_tun | iff_no_pi))
    vpp = net.vpp(ns)
    vpp.configure("""
        create host-interface name tun0 mode ip
        set int state host-tun0 up
        set int ip address host-tun0 10.5.0.1/24
        trace add af-packet-input 5
    """)
    lib.wait_for(lambda: vpp.link("host-tun0") == "up", "the link")
    os.write(tun, bytes(IP(src="10.5.0.9", dst="10.5.0.1") / ICMP(id=7) / (b"x" * 40)))
    assert select.select([tun], [], [], 10)[0], vpp.ctl("show trace")
    reply = IP(os.read(tun, 2000))
    os.close(tun)
    assert (reply.src, reply.dst, reply[ICMP].type, reply[ICMP].id) == (
        "10.5.0.1", "10.5.0.9", 0, 7)
    sent = vpp.ctl("show trace").split(": host-tun0-tx\n")[1]
    assert "\n    ICMP: 10.5.0.1 -> 10.5.0.9\n" in sent, sent


@pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="no /dev/net/tun")
def test_ip_packets_go_by_their_version(net):
    """mode ip: what is no IPv4 does not reach ip4-input."""
    ns = net.namespace()
    with ns.entered():
        tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"tun0", 0x1001))
    vpp = net.vpp(ns)
    vpp.configure("""
        create host-interface name tun0 mode ip
        set int state host-tun0 up
        set int ip address host-tun0 10.5.0.1/24
    """)
    lib.wait_for(lambda: vpp.link("host-tun0") == "up", "the link")
    before = vpp.counter("host-tun0", "ip6")  # of the device's own kernel
    os.write(tun, bytes(IPv6(src="fd00::1", dst="fd00::2") / UDP(sport=1, dport=2) / (b"x" * 40)))
    vpp.wait_error("ip6 not enabled on interface")
    assert vpp.counter("host-tun0", "ip6") > before
    assert not [node for node, _ in vpp.errors() if node.startswith("ip4")]
    os.close(tun)


@pytest.mark.parametrize("config", ["", "fast-path { on }"])
def test_rings_are_made_without_a_loss(net, tmp_path, config):
    """Many small frames: rings take the place of messages, and not one is lost, doubled or overtaken; also where filters choose the socket."""
    ns = net.namespace()
    ns.veth("out0", "in0")
    vpp = net.vpp(ns, config=config)
    vpp.configure("create packet-generator interface pg0\ncreate packet-generator interface pg1")
    for a, b in ("pg0", "host-out0"), ("host-in0", "pg1"):
        for name in (a, b):
            if name.startswith("host-"):
                vpp.ctl(f"create host-interface name {name[5:]}")
            vpp.ctl(f"set int state {name} up")
    vpp.configure("""
        set interface l2 xconnect pg0 host-out0
        set interface l2 xconnect host-in0 pg1
    """)

    def slots():
        shown = {i["name"]: i for i in vpp.json("show hardware-interfaces")["interfaces"]}
        return (shown["host-out0"]["tx_queues"][0]["slots"], shown["host-in0"]["sockets"][0]["slots"])

    assert slots() == (0, 0)
    count, rate = 40000, 60000
    capture = tmp_path / "got.pcap"
    vpp.ctl(f"packet-generator capture pg1 pcap {capture} count {count}")
    vpp.ctl(f"packet-generator new {{ name s limit {count} rate {rate} size 64-64 source pg0 node ethernet-input "
            "data { IP4: 02:00:00:00:00:01 -> 02:00:00:00:00:02 UDP: 0.0.0.0 - 0.0.255.255 -> 2.2.2.2 "
            "UDP: 1 -> 2 incrementing 18 } }")
    vpp.ctl("packet-generator enable-stream s")
    lib.wait_for(lambda: vpp.counter("host-in0", "rx packets") + vpp.counter("host-in0", "rx-miss") >= count,
                 "all frames", timeout=30)
    lib.wait_for(lambda: min(slots()) >= 128, "rings", timeout=20)  # a busy machine may have them only behind the last frame
    lib.wait_for(lambda: vpp.counter("pg1", "tx packets") == vpp.counter("host-in0", "rx packets"), "the capture")
    vpp.ctl("packet-generator capture pg1 disable")
    numbers = [struct.unpack("!H", frame[28:30])[0] for frame in frames_of(capture)]
    assert sorted(set(numbers)) == numbers  # in order, none twice
    assert len(numbers) == count - vpp.counter("host-in0", "rx-miss")


def test_a_socket_listens_in_its_group(net):
    """From the beginning: one that joins while it listens is on no list of the kernel for a moment, in which frames pass it by."""
    ns = net.namespace()
    ns.veth("out0", "in0")
    vpp = net.vpp(ns)
    vpp.configure("create host-interface name out0\ncreate host-interface name in0 no-ring")

    def listening(device):
        sockets = ns.run("ss -0aei").stdout.split("p_raw")[1:]
        return [s for s in sockets if f":{device} " in s and "running" in s]

    (changing,), (lasting,) = listening("out0"), listening("in0")
    assert "fanout(" in changing and "fanout(" not in lasting
    ns.veth("out1", "in1")
    fast = net.vpp(ns, config="fast-path { on }")
    fast.configure("create host-interface name out1")
    (alone,) = listening("out1")  # filters do it
    assert ("fanout(" in alone) != fast.json("show fast-path")["on"]


def frames_of(pcap):
    """The packets of a pcap file of microseconds, in the host's order, as bytes."""
    data, at = pcap.read_bytes(), 24
    while at < len(data):
        _, _, n, _ = struct.unpack("=IIII", data[at:at + 16])
        yield data[at + 16:at + 16 + n]
        at += 16 + n


def test_two_daemons_on_a_device(net):
    """Each spreads the packets over its own queues, and gets all of them."""
    ns = net.namespace()
    ns.veth("vpp0", "hand0")
    wire = net.wire(ns, "hand0")
    daemons = [net.vpp(ns), net.vpp(ns)]
    for vpp in daemons:
        vpp.configure("""
            create host-interface name vpp0 num-rx-queues 2
            set interface state host-vpp0 up
        """)
    for port in range(64):
        wire.send(Ether(dst="ff:ff:ff:ff:ff:ff", src=wire.mac) / IP(src="10.10.1.1", dst="10.10.1.255") /
                  UDP(sport=1000 + port, dport=9) / Raw(b"x" * 20))
    for vpp in daemons:
        lib.wait_for(lambda vpp=vpp: vpp.counter("host-vpp0", "rx packets") >= 64, "all 64 packets")


def test_a_trace_names_the_queue(net):
    """And `set interface tx-queue` decides by which one a thread sends."""
    ns, vpp = net.main_job()
    vpp.ctl("delete host-interface name vpp1out")
    vpp.configure("""
        create host-interface name vpp1out num-tx-queues 2
        set int ip address host-vpp1out 10.10.1.2/24
        set int state host-vpp1out up
    """)
    for queue, other in (0, 1), (1, 0):
        vpp.ctl(f"set interface tx-queue host-vpp1out queue {queue} threads 1")
        vpp.ctl(f"set interface tx-queue host-vpp1out queue {other}")
        vpp.ctl("clear trace")
        vpp.ctl("trace add af-packet-input 10")
        assert ns.ping("10.10.1.2") == 3
        sent = vpp.ctl("show trace").split(": host-vpp1out-tx\n")[1:]
        assert sent and all(f" tx-queue {queue}\n" in s for s in sent), sent
    assert "queue 0\n" not in vpp.ctl("set interface tx-queue host-vpp1out queue 0 threads 1")
    said = vpp.ctl("set interface tx-queue host-vpp1out queue 0")
    said += vpp.ctl("set interface tx-queue host-vpp1out queue 1")
    assert said == "No transmit queue is left for threads: 1\n"
    ns.run("ping -c 1 -W 1 10.10.1.2", check=False)
    vpp.wait_error("no tx queue available")


@pytest.mark.parametrize("how", ["connected", "bridged"])
def test_fragments_with_several_queues(net, how):
    """Each fragment passes as it came: nobody puts the datagram together, which no link could carry."""
    ns = net.namespace()
    vpp = net.vpp(ns, config="cpu { workers 2 }")
    for name in ("in0", "out0"):
        ns.veth(name, name[:-1] + "1")
        vpp.configure(f"create host-interface name {name} num-rx-queues 2\nset int state host-{name} up")
    vpp.configure("""
        set interface l2 xconnect host-in0 host-out0
    """ if how == "connected" else """
        set interface l2 bridge host-in0 1
        set interface l2 bridge host-out0 1
    """)
    sender, wire = net.wire(ns, "in1"), net.wire(ns, "out1")
    for ident in range(1, 30):
        pieces = [bytes(Ether(dst=wire.mac, src=sender.mac) /
                        IP(src="10.0.0.1", dst="10.0.0.2", id=ident, proto=17, frag=at,
                           flags="MF" if at < 300 else 0) / Raw(bytes([ident]) * 800))
                  for at in range(0, 400, 100)]
        sender.send(pieces)
        got = [bytes(wire.expect(lambda f: IP in f and f[IP].id == ident, f"a fragment of {ident}"))
               for _ in pieces]
        assert sorted(got) == sorted(pieces)


@pytest.mark.parametrize("options", ["", "qdisc-bypass-disable"])
@pytest.mark.parametrize("queues", [1, 2])
def test_what_is_sent_is_not_received(net, queues, options):
    """Also by a group of sockets, which takes no notice of what its sockets ignore."""
    ns = net.namespace()
    ns.veth("vpp0", "hand0")
    vpp = net.vpp(ns, config="cpu { workers 2 }")
    vpp.configure(f"""
        create host-interface name vpp0 num-rx-queues {queues} {options}
        create packet-generator interface pg0
        set interface l2 xconnect pg0 host-vpp0
        set int state pg0 up
        set int state host-vpp0 up
    """)
    wire = net.wire(ns, "hand0")
    vpp.ctl("packet-generator new { name s limit 500 size 64-64 source pg0 node ethernet-input "
            "data { IP4: 02:00:00:00:00:01 -> 02:00:00:00:00:02 UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 18 } }")
    vpp.ctl("packet-generator enable-stream s")
    for _ in range(500):
        wire.receive()
    wire.send(Ether(dst="ff:ff:ff:ff:ff:ff", src=wire.mac) / Raw(b"the last one" * 5))
    lib.wait_for(lambda: vpp.counter("host-vpp0", "rx packets"), "the frame from outside")
    assert vpp.counter("host-vpp0", "rx packets") == 1


def test_an_interface_that_is_down_keeps_no_buffers(net):
    namespace = net.namespace()
    namespace.veth("out", "hand")
    vpp = net.vpp(namespace)
    vpp.configure("create host-interface name out no-ring")
    lib.buffers_wait_only_while_up(vpp, "host-out")

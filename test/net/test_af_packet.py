"""What leaves by a host interface: small packets by a ring, others as messages, all in their order."""
import fcntl
import os
import select
import struct

import lib
import pytest
from scapy.layers.inet import ICMP, IP, UDP
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


@pytest.fixture(params=["", "no-ring", "qdisc-bypass-disable"])
def sender(net, tmp_path, request):
    return Sender(net, tmp_path, request.param)


def test_order(sender):
    """Runs of small packets, of all lengths, between others that are too large for the ring."""
    sizes = []
    for n in (1, 3, 4, 5, 40, 127, 128, 129, 300):
        sizes += [64 + n] * n + [SLOT - 1, SLOT, SLOT + 1] + [4000] * (n % 3)
    sent = frames(sizes)
    sender.send(sent)
    sender.wire.socket.settimeout(10)
    assert sender.receive(len(sent)) == sent
    slots, next_slot, available = sender.ring()
    assert available == slots and bool(next_slot) == bool(slots)


def test_device_keeps_slots(net, tmp_path):
    """A queue below the host interface holds packets back: the ring is full, nothing is lost or overtaken."""
    sender = Sender(net, tmp_path, "qdisc-bypass-disable")
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

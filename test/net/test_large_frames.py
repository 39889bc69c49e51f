"""Large frames of real kernels: joined on the way in (GRO), not yet cut on the way out (GSO), plain
and within tunnels, through a switch that routes, bridges or connects."""
import ctypes
import fcntl
import os
import socket
import struct

import lib
import pytest
from scapy.layers.inet import GRE, IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from test_tcp import tcp_errors, transfer

TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454ca, 2, 0x1000, 0x4000
NEEDS_CSUM, TCP4, TCP6 = 1, 1, 4
WAYS = ["routed", "bridged", "connected"]


class Way:
    """left -- switch -- right, with addresses that reach each other."""

    def __init__(self, net, how):
        if how == "routed":
            self.vpp, self.switch, self.left, self.right = net.routed()
            self.left_ip, self.right_ip, self.devices = "10.1.0.1", "10.2.0.1", ("l0", "r0")
            self.ports = "left", "right0"
            return
        self.switch, self.left, self.right = (net.namespace() for _ in range(3))
        self.vpp = net.vpp(self.switch)
        self.left_ip, self.right_ip, self.devices = "10.6.0.1", "10.6.0.2", ("l0", "r0")
        self.ports = "left", "right0"
        for port, device, namespace, address in (("left", "l0", self.left, self.left_ip),
                                                 ("right0", "r0", self.right, self.right_ip)):
            self.switch.veth(port, device, namespace)
            namespace.ip(f"addr add {address}/24 dev {device}")
            self.vpp.configure(f"create host-interface name {port}\nset int state host-{port} up")
        self.vpp.configure("""
            set interface l2 bridge host-left 1
            set interface l2 bridge host-right0 1
        """ if how == "bridged" else """
            set interface l2 xconnect host-left host-right0
            set interface l2 xconnect host-right0 host-left
        """)

    def both(self):
        return ((self.left, self.devices[0], self.left_ip, self.right_ip),
                (self.right, self.devices[1], self.right_ip, self.left_ip))

    def transfers(self, left_ip, right_ip, size=4 << 20):
        """Both ways; no checksum is wrong, and nothing is dropped for what it is."""
        for sender, receiver, address, port in ((self.left, self.right, right_ip, self.ports[0]),
                                                (self.right, self.left, left_ip, self.ports[1])):
            before = self.vpp.counter(f"host-{port}", "rx packets")
            assert transfer(sender, receiver, address, size)
            # else they were not large, and nothing was tried
            assert self.vpp.counter(f"host-{port}", "rx packets") - before < size / 1448
        assert tcp_errors(self.left) == tcp_errors(self.right) == 0
        odd = {reason: n for (node, reason), n in self.vpp.errors().items()
               if "virtio" in reason or "large" in reason or "longer" in reason}
        assert not odd, odd


@pytest.fixture(params=WAYS)
def way(net, request):
    return Way(net, request.param)


def test_frames_joined_on_the_way_in(way):
    """GRO of a driver that delivers what it joined in one piece, as many NICs' do."""
    for port in way.ports:
        way.switch.run(f"ethtool -K {port} gro on")
    for namespace, device, _, _ in way.both():
        namespace.run(f"ethtool -K {device} sg off")
    way.transfers(way.left_ip, way.right_ip)


def test_joined_and_cut_again(way):
    """The same towards a device that takes no large frames."""
    for port in way.ports:
        way.switch.run(f"ethtool -K {port} gro on tso off gso off")
    way.transfers(way.left_ip, way.right_ip)


@pytest.mark.parametrize("options", ["noudpcsum", "udpcsum"])
def test_tcp_in_vxlan(way, options):
    """The kernel's segmentation of TCP within VXLAN, outer checksums and none."""
    for namespace, device, own, other in way.both():
        namespace.ip(f"link add vx0 type vxlan id 5 remote {other} local {own} dstport 4789"
                     f" dev {device} {options}")
        namespace.ip(f"addr add 10.50.0.{1 if namespace is way.left else 2}/24 dev vx0")
        namespace.ip("link set vx0 up")
    way.transfers("10.50.0.1", "10.50.0.2")


def open_tap(namespace, name):
    """A device whose other end is this process: it hands over frames as a kernel would."""
    with namespace.entered():
        fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    namespace.ip(f"link set {name} up")
    return fd


def pseudo_sum(ip, tcp_bytes):
    """What the TCP checksum field holds while the checksum is to be made."""
    if ip.version == 6:
        words = socket.inet_pton(socket.AF_INET6, ip.src) + socket.inet_pton(socket.AF_INET6, ip.dst)
    else:
        words = socket.inet_aton(ip.src) + socket.inet_aton(ip.dst)
    total = sum(struct.unpack(f"!{len(words) // 2}H", words)) + 6 + tcp_bytes
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


TUNNELS = {
    "ipip": lambda inner: inner,
    "gre": lambda inner: GRE() / inner,
    "gre-checksum": lambda inner: GRE(chksum_present=1, chksum=0) / inner,
    "gre-key": lambda inner: GRE(key_present=1, key=7) / inner,
}


@pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="no /dev/net/tun")
@pytest.mark.parametrize("kind", TUNNELS)
@pytest.mark.parametrize("version", [4, 6])
def test_tunnels_by_hand(net, kind, version):
    """IPIP, 6in4 and GRE as a kernel with these modules sends them: cut, each segment right."""
    ns = net.namespace()
    vpp = net.vpp(ns)
    tap = open_tap(ns, "in0")
    ns.veth("out0", "out1")
    for name in ("in0", "out0"):
        vpp.configure(f"create host-interface name {name}\nset int state host-{name} up")
    vpp.ctl("set interface l2 xconnect host-in0 host-out0")
    wire = net.wire(ns, "out1")
    data = bytes(i * 7 & 0xff for i in range(20000))
    inner_ip = IP(src="10.0.0.1", dst="10.0.0.2") if version == 4 else IPv6(src="fd00::1", dst="fd00::2")
    inner = inner_ip / TCP(sport=1, dport=2, seq=1000, flags="PA", chksum=0) / Raw(data)
    inner[TCP].chksum = pseudo_sum(inner_ip, 20 + len(data))
    frame = bytes(Ether(dst=wire.mac, src="02:00:00:00:00:01") / IP(src="1.1.1.1", dst="1.1.1.2") /
                  TUNNELS[kind](inner))
    csum_start = len(frame) - len(data) - 20
    kind_of_gso = TCP4 if version == 4 else TCP6
    os.write(tap, struct.pack("=BBHHHH", NEEDS_CSUM, kind_of_gso, csum_start + 20, 1300, csum_start, 16) + frame)
    got = b""
    for _ in range(-(-len(data) // 1300)):
        segment = wire.expect(lambda f: IP in f and f[IP].src == "1.1.1.1", "a segment")
        right = Ether(bytes(segment))
        for layer in (IP, GRE, IPv6, TCP):  # scapy makes these anew
            at = right.getlayer(layer)
            while at is not None:
                for field in ("len", "plen", "chksum"):
                    if field in at.fields and not (layer is GRE and not at.chksum_present):
                        at.delfieldval(field)
                at = at.payload.getlayer(layer)
        assert bytes(right) == bytes(segment)
        assert segment[TCP].seq == 1000 + len(got)
        got += bytes(segment[TCP].payload)
    assert got == data
    os.close(tap)


RTM_SETLINK, NLM_F_REQUEST, NLM_F_ACK = 19, 1, 4
IFLA_GSO_MAX_SIZE, IFLA_GSO_IPV4_MAX_SIZE = 41, 63
SO_ATTACH_FILTER = 26


def set_big_tcp(namespace, device, size):
    """What `ip link set DEVICE gso_max_size SIZE gso_ipv4_max_size SIZE` does, which not each ip knows."""
    with namespace.entered():
        index = socket.if_nametoindex(device)
        s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    with s:
        attributes = struct.pack("=HHIHHI", 8, IFLA_GSO_MAX_SIZE, size, 8, IFLA_GSO_IPV4_MAX_SIZE, size)
        body = struct.pack("=BxHiII", 0, 0, index, 0, 0) + attributes
        s.send(struct.pack("=IHHII", 16 + len(body), RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body)
        error, = struct.unpack("=i", s.recv(4096)[16:20])
    return error == 0


class Long:
    """Whether any frame longer than 64 KB came in by a device."""

    def __init__(self, namespace, device):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        # of all frames, by a filter: ld len; jgt 66000; ret all or nothing
        code = [(0x80, 0, 0, 0), (0x25, 0, 1, 66000), (0x06, 0, 0, 64), (0x06, 0, 0, 0)]
        instructions = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *c) for c in code))
        program = struct.pack("@HP", len(code), ctypes.addressof(instructions))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        self.socket.bind((device, lib.ETH_P_ALL))

    def any(self):
        try:
            return bool(self.socket.recv(64))
        except BlockingIOError:
            return False


@pytest.mark.parametrize("options", ["", "no-ring", "rx-size 512"])
@pytest.mark.parametrize("how", ["routed", "connected"])
def test_frames_longer_than_64_kb(net, how, options):
    """BIG TCP, which has no length that IP can say: in parts that have one."""
    way = Way(net, how)
    if options:
        for port, address in (("left", "10.1.0.2/24"), ("right0", "10.2.0.2/24")):
            way.vpp.ctl(f"delete host-interface name {port}")
            way.vpp.configure(f"create host-interface name {port} {options}\nset int state host-{port} up")
            if how == "routed":
                way.vpp.ctl(f"set int ip address host-{port} {address}")
        if how == "connected":
            way.vpp.configure("""
                set interface l2 xconnect host-left host-right0
                set interface l2 xconnect host-right0 host-left
            """)
        for namespace, _, _, _ in way.both():
            namespace.ip("neigh flush all")
    for namespace, device, _, _ in way.both():
        if not set_big_tcp(namespace, device, 200000):
            pytest.skip("this kernel has no BIG TCP for IPv4")
    long = Long(way.switch, "left")
    assert transfer(way.left, way.right, way.right_ip, 64 << 20)
    assert transfer(way.right, way.left, way.left_ip, 16 << 20)
    if not long.any():
        pytest.skip("the kernel sent none")
    assert tcp_errors(way.left) == tcp_errors(way.right) == 0
    # the first batch on each port, where nobody knows yet
    assert way.vpp.error_count("frame longer than the buffers") <= 16
    assert not way.vpp.error_count("large packet of a kind that cannot be cut")

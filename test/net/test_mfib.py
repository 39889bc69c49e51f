"""Multicast routing between kernels: a sender, two receivers that have joined a group, UDP sockets."""
import socket
import struct

import lib
import pytest

GROUPS = {"ip4": "239.9.9.9", "ip6": "ff0e::9:9"}
PORT = 5007


def udp(namespace, family):
    with namespace.entered():
        s = socket.socket(socket.AF_INET if family == "ip4" else socket.AF_INET6, socket.SOCK_DGRAM)
    s.setblocking(False)
    return s


class Receiver:
    """Has joined the group on a device."""

    def __init__(self, namespace, device, family):
        self.socket = udp(namespace, family)
        group = socket.inet_pton(self.socket.family, GROUPS[family])
        with namespace.entered():
            index = socket.if_nametoindex(device)
            if family == "ip4":
                self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + struct.pack("=4xI", index))
            else:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("=I", index))
        self.socket.bind(("", PORT))
        self.got = set()

    def has(self, data):
        """Whether it has ever come."""
        while True:
            try:
                self.got.add(self.socket.recv(65536))
            except BlockingIOError:
                return data in self.got


class Sender:
    def __init__(self, namespace, device, family):
        self.socket, self.to = udp(namespace, family), (GROUPS[family], PORT)
        with namespace.entered():
            index = socket.if_nametoindex(device)
        if family == "ip4":
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=8xI", index))
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
        else:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 8)

    def until(self, data, *receivers):
        """Sends it, again and again, until all of these have it."""
        def all_have():
            self.socket.sendto(data, self.to)
            return all([r.has(data) for r in receivers])
        lib.wait_for(all_have, f"{data[:20]} at {len(receivers)} receivers", timeout=20)


@pytest.mark.parametrize("family", ["ip4", "ip6"])
def test_two_receivers(net, family):
    namespaces = [net.namespace(ipv6=True) for _ in range(3)]
    vpp = net.vpp(net.namespace())
    for i, ns in enumerate(namespaces):
        vpp.host_interface(f"p{i}", i + 1, ns, "eth", gateway=True)
    group = GROUPS[family]
    vpp.ctl(f"ip mroute add {group} via host-p0 Accept via host-p1 Forward via host-p2 Forward")
    sender = Sender(namespaces[0], "eth", family)
    a, b = [Receiver(ns, "eth", family) for ns in namespaces[1:]]
    sender.until(b"short", a, b)
    long = bytes(i & 255 for i in range(1400))
    sender.until(long, a, b)
    # one branch less
    vpp.ctl(f"ip mroute del {group} via host-p2")
    sender.until(b"for a alone", a)
    assert not b.has(b"for a alone")
    vpp.ctl(f"ip mroute add {group} via host-p2 Forward")
    sender.until(b"both again", a, b)
    # what comes from elsewhere is not taken
    wrong = Sender(namespaces[2], "eth", family)
    drops = vpp.error_count("Multicast RPF check failed")

    def refused():
        wrong.socket.sendto(b"the wrong way", wrong.to)
        return vpp.error_count("Multicast RPF check failed") > drops

    lib.wait_for(refused, "a packet that came the wrong way", timeout=20)
    assert not a.has(b"the wrong way")
    for s in (sender, wrong, a, b):
        s.socket.close()

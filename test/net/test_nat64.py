"""NAT64 between kernels: one side has IPv6 only, the other IPv4 only."""
import socket
import threading

import lib
import pytest

SERVER, OTHERS = "64:ff9b::10.2.0.1", "64:ff9b::10.3.0.1"


@pytest.fixture
def nat(net):
    """inside 2001:db8:1::1 -- [vpp] -- 10.2.0.1 outside, which is a router to 10.3.0.1."""
    switch, inside, outside, far = net.namespace(), net.namespace(ipv6=True), net.namespace(), net.namespace()
    vpp = net.vpp(switch)
    switch.veth("inside", "e0", inside)
    inside.ip("-6 addr add 2001:db8:1::1/64 dev e0 nodad")
    inside.ip("-6 route add default via 2001:db8:1::2")
    switch.veth("outside", "e0", outside)
    outside.ip("addr add 10.2.0.1/24 dev e0")
    outside.ip("route add 10.9.0.0/24 via 10.2.0.2")
    outside.sysctl("net/ipv4/ip_forward", 1)
    outside.veth("e1", "e0", far)
    outside.ip("addr add 10.3.0.2/24 dev e1")
    far.ip("addr add 10.3.0.1/24 dev e0")
    far.ip("route add default via 10.3.0.2")
    vpp.configure("""
        create host-interface name inside
        set interface ip address host-inside 2001:db8:1::2/64
        set interface state host-inside up
        create host-interface name outside
        set interface ip address host-outside 10.2.0.2/24
        set interface state host-outside up
        ip route add 10.3.0.0/24 via 10.2.0.1 host-outside
        nat64 plugin enable
        nat64 add pool address 10.9.0.1 - 10.9.0.2
        set interface nat64 in host-inside
        set interface nat64 out host-outside
    """)
    lib.wait_for(lambda: inside.ping(OTHERS, count=1, deadline=1) == 1, "the links", timeout=20)
    return vpp, inside, outside, far


def test_ping(nat):
    vpp, inside, _, _ = nat
    assert inside.ping(SERVER) == 3
    assert inside.ping(OTHERS, size=1300) == 3  # answers may be cut
    assert inside.ping(OTHERS, size=5000) == 3  # in fragments there and back
    assert any(b["protocol"] == "ICMP" for b in vpp.json("show nat64 bib icmp")["bib"])


def test_tcp(nat):
    _, inside, _, far = nat
    seen = []
    there = lib.serve_echoes(far, "0.0.0.0", 2, seen)
    assert lib.echoes(inside, OTHERS) and lib.echoes(inside, OTHERS)
    there.join(30)
    assert [host for host, _ in seen] in (["10.9.0.1"] * 2, ["10.9.0.2"] * 2)


def test_udp(nat):
    """Datagrams of all lengths, in fragments, too, and back."""
    _, inside, _, far = nat
    with far.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with inside.entered():
        client = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", 7))
    server.settimeout(20)
    client.settimeout(20)

    def answer():
        for _ in range(4):
            data, peer = server.recvfrom(65536)
            server.sendto(data, peer)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    client.connect((OTHERS, 7))
    for size in (1, 1232, 1452, 6000):
        data = bytes(i % 251 for i in range(size))
        client.send(data)
        assert client.recv(65536) == data
    thread.join(30)
    server.close()
    client.close()


def test_a_smaller_link_on_the_way(nat):
    """A router outside says that packets are too large: the kernel inside sends smaller ones."""
    _, inside, outside, far = nat
    outside.ip("link set e1 mtu 1400")
    far.ip("link set e0 mtu 1400")
    lib.wait_for(lambda: inside.ping(OTHERS, count=1, size=1430, extra="-M do", deadline=1) == 0 and
                 "mtu 1420" in inside.ip(f"-6 route get {OTHERS}"), "the path MTU", timeout=20)
    seen = []
    there = lib.serve_echoes(far, "0.0.0.0", 1, seen)
    assert lib.echoes(inside, OTHERS)
    there.join(30)


def test_errors_find_their_way(nat):
    """A port where nobody listens: the socket hears of it."""
    _, inside, _, _ = nat
    assert lib.is_refused(inside, OTHERS)


def test_hop_by_hop(nat):
    """Each router on the way: this switch by its own address, those outside by theirs in the prefix."""
    _, inside, _, _ = nat
    for hops, router in ((1, "2001:db8:1::2"), (2, "64:ff9b::a02:1")):
        out = inside.run(f"ping -n -c 1 -t {hops} -w 5 {OTHERS}", check=False).stdout
        assert f"From {router} icmp_seq=1 Time exceeded: Hop limit" in out
    assert inside.ping(OTHERS, count=1, extra="-t 3") == 1

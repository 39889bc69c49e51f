"""Real kernels' TCP and UDP through two host interfaces, with offloads on and off on either side:
the file that arrives is the file that was sent, whoever computes checksums and cuts segments."""
import hashlib
import os
import socket
import threading

import lib
import pytest

SIZE = 24 << 20


def receive(server, digest):
    connection, _ = server.accept()
    with connection:
        connection.settimeout(20)
        while True:
            data = connection.recv(1 << 18)
            if not data:
                break
            digest.update(data)
        connection.sendall(digest.digest())


def transfer(sender, receiver, address, size=SIZE, port=5001):
    """Sends random bytes; returns whether both ends have the same sum."""
    block = os.urandom(1 << 20)
    sent, got = hashlib.sha256(), hashlib.sha256()
    with receiver.entered():
        server = socket.create_server((address, port))
    server.settimeout(20)
    thread = threading.Thread(target=receive, args=(server, got), daemon=True)
    thread.start()
    with sender.entered():
        client = socket.socket()
    with client, server:
        client.settimeout(20)
        client.connect((address, port))
        for i in range(size >> 20):
            part = block[i % 256:] + block[:i % 256]
            client.sendall(part)
            sent.update(part)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while len(answer) < 32:
            more = client.recv(32 - len(answer))
            assert more, "the receiver ended early"
            answer += more
        thread.join(20)
    return answer == sent.digest() == got.digest()


def set_offloads(switch, left, right, left_on, right_on):
    for namespace, device, on in ((left, "l0", left_on), (switch, "left", left_on),
                                  (right, "r0", right_on), (switch, "right0", right_on)):
        namespace.offloads(device, on)


def tcp_errors(namespace):
    """Segments that the kernel refused for their checksum."""
    with namespace.entered(), open("/proc/thread-self/net/snmp", encoding="ascii") as f:
        rows = [line.split() for line in f if line.startswith("Tcp:")]
    values = dict(zip(rows[0], rows[1]))
    return int(values["InErrs"]) + int(values.get("InCsumErrors", 0))


@pytest.mark.parametrize("left_on", [True, False], ids=["left-offload", "left-plain"])
@pytest.mark.parametrize("right_on", [True, False], ids=["right-offload", "right-plain"])
def test_tcp(net, left_on, right_on):
    vpp, switch, left, right = net.routed()
    set_offloads(switch, left, right, left_on, right_on)
    used = vpp.buffers_used()
    assert transfer(left, right, "10.2.0.1")
    assert transfer(right, left, "10.1.0.1")
    assert tcp_errors(left) == tcp_errors(right) == 0
    if left_on and right_on:
        # frames of 64 KB went through whole, or this would be some 35,000 packets
        assert vpp.counter("host-right0", "tx packets") < 2 * SIZE / 1448
    lib.wait_for(lambda: vpp.buffers_used() <= used, "the buffers to come back")


def kernel_count(namespace, name):
    """A counter of `nstat`."""
    for line in namespace.run("nstat -asz").stdout.splitlines():
        if line.startswith(name + " "):
            return int(line.split()[1])
    raise AssertionError(f"the kernel has no counter {name}")


def test_one_stream_stays_in_order(net):
    """What the kernel hands over is sent in its order. A pair of veths itself changes the order,
    between processors, unless it is told to use one: then a stream of large frames that uses both
    has no gap where it ends."""
    vpp, switch, left, right = net.routed()
    for namespace, device in ((switch, "left"), (switch, "right0"), (left, "l0"), (right, "r0")):
        namespace.run(["unshare", "-m", "sh", "-c", "mount -t sysfs none /sys && "
                       f"echo 1 >/sys/class/net/{device}/queues/rx-0/rps_cpus"])
    assert transfer(left, right, "10.2.0.1", size=200 << 20)
    # what finds no room in a socket leaves a gap, too, and that is counted
    if not vpp.counter("host-left", "rx-miss"):
        assert kernel_count(right, "TcpExtTCPOFOQueue") == 0


@pytest.mark.parametrize("forwarding", ["routed", "xconnect"])
def test_one_stream_loses_nothing_inside(net, forwarding):
    """A stream has no more under way than its windows let it, and a queue of the switch holds that, while rings come
    and grow: the kernel finds room for every frame, and takes every frame."""
    vpp, _, left, right = net.routed()
    address = "10.2.0.1"
    if forwarding == "xconnect":
        address = "10.1.0.7"
        right.ip("route del 10.1.0.0/24")
        right.ip(f"addr add {address}/24 dev r0")
        vpp.configure("""
            set interface l2 xconnect host-left host-right0
            set interface l2 xconnect host-right0 host-left
        """)
    assert transfer(left, right, address, size=200 << 20)
    assert vpp.counter("host-left", "rx bytes") > 200 << 20
    for name in "host-left", "host-right0":
        assert [vpp.counter(name, lost) for lost in ("rx-miss", "rx-no-buf", "rx-error", "tx-error")] == [0] * 4
    ports = "af-packet-input", "host-left-tx", "host-right0-tx"
    assert not {key: n for key, n in vpp.errors().items() if key[0] in ports}


@pytest.mark.parametrize("where", ["left", "right", "both"])
def test_tcp_with_cksum_gso_disable(net, where):
    """Ports that may not leave checksums and segments to their device: done in software."""
    vpp, _, left, right = net.routed()
    for side in ("left", "right0"):
        if where in (side, "both") or side == where + "0":
            vpp.ctl(f"delete host-interface name {side}")
            vpp.configure(f"""
                create host-interface name {side} cksum-gso-disable
                set int ip address host-{side} 10.{1 if side == 'left' else 2}.0.2/24
                set int state host-{side} up
            """)
    for namespace in (left, right):
        namespace.ip("neigh flush all")
    assert transfer(left, right, "10.2.0.1", 8 << 20)
    assert transfer(right, left, "10.1.0.1", 8 << 20)
    assert tcp_errors(left) == tcp_errors(right) == 0


def test_tcp_with_a_smaller_mtu_on_the_way(net):
    """Path MTU discovery against real TCP: the connection works, and learns the MTU."""
    vpp, _, left, right = net.routed()
    vpp.ctl("set interface mtu packet 1300 host-right0")
    assert transfer(left, right, "10.2.0.1", 4 << 20)
    assert "mtu 1300" in left.ip("route get 10.2.0.1")


def test_tcp_on_qdisc(net):
    """qdisc-bypass-disable: frames take the kernel's queue."""
    vpp, switch, left, right = net.routed()
    vpp.ctl("delete host-interface name right0")
    vpp.configure("""
        create host-interface name right0 qdisc-bypass-disable
        set int ip address host-right0 10.2.0.2/24
        set int state host-right0 up
    """)
    right.ip("neigh flush all")
    switch.offloads("right0", False)  # the kernel has to cut segments in its queue
    assert transfer(left, right, "10.2.0.1", 8 << 20)


def test_many_connections(net):
    """Thirty at once, both ways."""
    vpp, _, left, right = net.routed()
    results = []

    def one(i):
        if i % 2:
            results.append(transfer(left, right, "10.2.0.1", 1 << 20, 6000 + i))
        else:
            results.append(transfer(right, left, "10.1.0.1", 1 << 20, 6000 + i))

    threads = [threading.Thread(target=one, args=(i,)) for i in range(30)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert results == [True] * 30
    assert vpp.alive()


def test_udp_of_all_sizes(net):
    """Datagrams that the sender leaves without checksum (offload), up to those in fragments."""
    _, _, left, right = net.routed()
    with right.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with left.entered():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with server, client:
        server.bind(("10.2.0.1", 7000))
        server.settimeout(5)
        client.settimeout(5)
        client.connect(("10.2.0.1", 7000))
        for size in (0, 1, 2, 17, 63, 512, 1471, 1472, 1473, 4000, 20000, 65000):
            data = os.urandom(size)
            client.send(data)
            got, peer = server.recvfrom(65536)
            assert got == data, size
            server.sendto(got[::-1], peer)
            assert client.recv(65536) == data[::-1], size


def test_udp_segmentation_offload(net):
    """UDP_SEGMENT: one large send, many datagrams at the other end, each with a right checksum."""
    _, _, left, right = net.routed()
    sol_udp, udp_segment = 17, 103
    with right.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with left.entered():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with server, client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        server.bind(("10.2.0.1", 7000))
        server.settimeout(5)
        try:
            client.setsockopt(sol_udp, udp_segment, 1200)
        except OSError:
            pytest.skip("this kernel has no UDP_SEGMENT")
        data = os.urandom(1200 * 40 + 77)
        client.sendto(data, ("10.2.0.1", 7000))
        got = [server.recv(65536) for _ in range(41)]
        assert [len(g) for g in got] == [1200] * 40 + [77]
        assert b"".join(got) == data


def test_two_queues(net):
    """num-rx-queues: flows spread over sockets, and nothing is lost or changed."""
    vpp, _, left, right = net.routed(config="cpu { workers 2 }")
    for side, address in (("left", "10.1.0.2/24"), ("right0", "10.2.0.2/24")):
        vpp.ctl(f"delete host-interface name {side}")
        vpp.configure(f"""
            create host-interface name {side} num-rx-queues 2 num-tx-queues 2
            set int ip address host-{side} {address}
            set int state host-{side} up
        """)
    for namespace in (left, right):
        namespace.ip("neigh flush all")
    results = []
    threads = [threading.Thread(target=lambda i=i: results.append(
        transfer(left, right, "10.2.0.1", 4 << 20, 6000 + i))) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert results == [True] * 4

"""Punt sockets: packets that are given to programs by datagrams of Unix sockets, and what these give back."""
import os
import shutil
import socket
import struct
import tempfile

import pytest
from packet_lib import FAR, wait_for
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import Ether
from scapy.packet import Raw

FOLDER = f"{tempfile.gettempdir()}/piste-punt-{os.getpid()}"
SERVER = FOLDER + "/punt.sock"
CONFIG = f"punt {{ socket {SERVER} }}"
L2, IP4_ROUTED, IP6_ROUTED = 0, 1, 2
OSPF = 89


@pytest.fixture(scope="module", autouse=True)
def folder():
    """Before the daemon of the file is there, and behind it."""
    os.mkdir(FOLDER)
    yield FOLDER
    shutil.rmtree(FOLDER)


class Client:
    """A program with a punt socket. connected: it only takes what its peer sends."""

    def __init__(self, name="client", connected=False):
        self.path = f"{FOLDER}/{name}.sock"
        self.open(connected)

    def open(self, connected=False):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(20)
        if connected:
            self.socket.connect(SERVER)

    def close(self):
        self.socket.close()
        os.unlink(self.path)

    def take(self):
        """(sw_if_index, frame)"""
        data = self.socket.recv(1 << 17)
        index, action = struct.unpack("=II", data[:8])
        assert action == 0
        return index, Ether(data[8:])

    def nothing(self):
        self.socket.setblocking(False)
        try:
            self.socket.recv(1)
            return False
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(20)

    def send(self, index, action, payload):
        self.socket.sendto(struct.pack("=II", index, action) + bytes(payload), SERVER)


@pytest.fixture
def client():
    one = Client()
    yield one
    one.close()


@pytest.fixture(params=["ip4", "ip6"])
def net(switch, request):
    """(family, pg0, pg1), each with a subnet and a host on it."""
    with switch.subnets(request.param, 2) as pgs:
        yield request.param, *pgs
    for registration in registrations(switch):
        switch.ctl(f"punt socket deregister {registration['packets']}")


def registrations(switch, words=""):
    return switch.json(f"show punt socket registrations {words}")["registrations"]


def lines(switch):
    return [line for line in switch.running_config() if line.startswith("punt socket")]


def ip(family, src, dst, **more):
    return IP(src=src, dst=dst, **more) if family == "ip4" else IPv6(src=src, dst=dst, **more)


def errors(packets):
    return [p for p in packets if ICMP in p or ICMPv6DestUnreach in p]


def counted(switch, node, reason):
    return switch.errors().get((node, reason), 0)


def index(switch, pg):
    return switch.interfaces()[pg.name]["sw_if_index"]


def test_datagrams(switch, net, client):
    family, a, _ = net
    words = f"{family.replace('ip', 'ipv')} udp 4000"
    packet = ip(family, a.host, a.address) / UDP(sport=7, dport=4000) / Raw(b"hello")
    assert len(errors(switch.exchange(a, a.ether() / packet, a))) == 1
    switch.ctl(f"punt socket register {words} socket {client.path}")
    assert registrations(switch) == registrations(switch, "l4") == [{"packets": words, "socket": client.path}]
    assert registrations(switch, "exception") == registrations(switch, "ip-proto") == []
    assert lines(switch) == [f"punt socket register {words} socket {client.path}"]
    with switch.counts({(f"{family}-udp-punt-socket", "Socket TX"): 1}):
        assert switch.exchange(a, a.ether() / packet, a) == []
    came_by, frame = client.take()
    assert (came_by, frame.src, frame.dst) == (index(switch, a), a.host_mac, a.mac)
    assert bytes(frame) == bytes(a.ether() / packet)
    # another port, and the other protocol, are as before
    other = ip(family, a.host, a.address) / UDP(sport=7, dport=4001)
    assert len(errors(switch.exchange(a, a.ether() / other, a))) == 1 and client.nothing()
    # a whole one that came in pieces
    if family == "ip4":
        long = ip(family, a.host, a.address) / UDP(sport=7, dport=4000) / Raw(bytes(range(256)) * 20)
        switch.send(a, [a.ether() / p for p in fragment(long, 1000)])
        _, frame = client.take()
        assert bytes(frame[UDP].payload) == bytes(range(256)) * 20
    switch.ctl(f"punt socket deregister {words}")
    assert registrations(switch) == [] and lines(switch) == []
    assert len(errors(switch.exchange(a, a.ether() / packet, a))) == 1 and client.nothing()


def test_protocols(switch, net, client):
    family, a, _ = net
    words = f"{family.replace('ip', 'ipv')} protocol {OSPF}"
    kind = {"proto": OSPF} if family == "ip4" else {"nh": OSPF}
    packet = ip(family, a.host, a.address, **kind) / Raw(b"x" * 40)
    switch.ctl(f"punt socket register {words} socket {client.path}")
    assert registrations(switch, "ip-proto") == [{"packets": words, "socket": client.path}]
    assert switch.exchange(a, a.ether() / packet, a) == []
    assert bytes(client.take()[1]) == bytes(a.ether() / packet)
    if family == "ip6":  # behind another header
        packet = ip(family, a.host, a.address) / IPv6ExtHdrDestOpt(nh=OSPF) / Raw(b"x" * 40)
        switch.send(a, a.ether() / packet)
        assert bytes(client.take()[1]) == bytes(a.ether() / packet)
    tcp = f"{family.replace('ip', 'ipv')} protocol 6"
    switch.ctl(f"punt socket register {tcp} socket {client.path}")
    switch.send(a, a.ether() / ip(family, a.host, a.address) / TCP(dport=80))
    assert client.take()[1][TCP].dport == 80
    switch.ctl(f"punt socket deregister {words}")
    assert switch.exchange(a, a.ether() / packet, a) != [] and client.nothing()


def test_exceptions(switch, net, client):
    family, a, b = net
    name = {"ip4": "ip4-ttl-expired", "ip6": "ip6-hop-limit-expired"}[family]
    last = {"ttl": 1} if family == "ip4" else {"hlim": 1}
    packet = a.ether() / ip(family, a.host, b.host, **last) / UDP(dport=9)
    unreachable = a.ether() / ip(family, a.host, a.address) / UDP(dport=9)
    assert len(switch.exchange(a, packet, a)) == 1
    switch.ctl(f"punt socket register exception {name} socket {client.path}")
    assert lines(switch) == [f"punt socket register exception {name} socket {client.path}"]
    assert registrations(switch, "exception") == [{"packets": f"exception {name}", "socket": client.path}]
    switch.ctl(f"set punt exception {name}")  # a client has it first
    before = stats(switch)[name]
    assert switch.exchange(a, packet, a) == []
    assert bytes(client.take()[1]) == bytes(packet)
    assert stats(switch)[name] == (before[0] + 1, before[1] + len(packet) - 14)
    assert {c["client"]: c["reasons"] for c in switch.json("show punt client")["clients"]} == {"punt": [name], client.path: [name]}
    assert f"{client.path}: {name}\n" in switch.ctl("show punt client")
    (row,) = [r for r in switch.json("show punt db")["reasons"] if r["name"] == name]
    assert (row["node"], row["socket"]) == ("punt-socket-exception", client.path)
    assert f"{name}: punt-socket-exception socket {client.path}\n" in switch.ctl("show punt db")
    assert len(switch.exchange(a, unreachable, a)) == 1 and client.nothing()
    switch.ctl(f"set punt exception {name} del")
    switch.ctl(f"punt socket deregister exception {name}")
    assert len(switch.exchange(a, packet, a)) == 1 and client.nothing()
    assert switch.json("show punt client")["clients"] == [] and not any(r["node"] for r in switch.json("show punt db")["reasons"])


def stats(switch):
    return {r["name"]: (r["packets"], r["bytes"]) for r in switch.json("show punt stats")["reasons"]}


def test_wrong_words(switch, net, client):
    family, a, _ = net
    v = family.replace("ip", "ipv")
    for words, error in ((f"{v} udp all", "UDP port number required"), (f"{v} tcp 80", "only UDP protocol (17) is supported, got 6"),
                         (f"{v} protocol 17", "IP protocol 17 is taken here"), ("exception nothing", "no punt reason nothing")):
        assert error in switch.fails(f"punt socket register {words} socket {client.path}")
    if family == "ip6":
        assert "go by what is behind header 43" in switch.fails(f"punt socket register {v} protocol 43 socket {client.path}")
    assert "Invalid client path" in switch.fails(f"punt socket register {v} udp 1 socket {SERVER}")
    assert "Invalid client path" in switch.fails(f"punt socket register {v} udp 1 socket /{'x' * 120}")
    switch.ctl(f"set punt {v} udp 4000")
    assert "UDP port 4000 is taken here" in switch.fails(f"punt socket register {v} udp 4000 socket {client.path}")
    switch.ctl(f"set punt {v} udp del 4000")
    assert "no punt socket is registered" in switch.fails(f"punt socket deregister {v} udp 4000")
    assert registrations(switch) == [] and lines(switch) == []


def test_another_client(switch, net, client):
    """Who registers later has the packets; a program that comes back at its path has them again."""
    family, a, _ = net
    words = f"{family.replace('ip', 'ipv')} udp 4000"
    packet = a.ether() / ip(family, a.host, a.address) / UDP(sport=7, dport=4000)
    switch.ctl(f"punt socket register {words} socket {client.path}")
    other = Client("other", connected=True)
    switch.ctl(f"punt socket register {words} socket {other.path}")
    assert [r["socket"] for r in registrations(switch)] == [other.path]
    switch.send(a, packet)
    assert other.take()[1][UDP].dport == 4000 and client.nothing()
    other.close()
    with switch.counts({(f"{family}-udp-punt-socket", "Socket TX error"): 1}):
        switch.send(a, packet)
    other.open()
    switch.send(a, packet)
    assert other.take()[1][UDP].dport == 4000
    other.close()


def test_a_client_that_does_not_read(switch, net, client):
    """It loses its own packets, counted; others have theirs, and traffic goes on."""
    family, a, b = net
    v = family.replace("ip", "ipv")
    lazy = Client("lazy")
    switch.ctl(f"punt socket register {v} udp 4000 socket {lazy.path}")
    switch.ctl(f"punt socket register {v} udp 4001 socket {client.path}")
    node = f"{family}-udp-punt-socket"
    before = counted(switch, node, "Socket TX"), counted(switch, node, "Socket TX error")
    packet = a.ether() / ip(family, a.host, a.address) / UDP(sport=7, dport=4000) / Raw(b"x" * 1000)
    switch.send(a, [packet] * 2000)
    sent, lost = (counted(switch, node, reason) - n for n, reason in zip(before, ("Socket TX", "Socket TX error")))
    assert sent + lost == 2000 and lost > 0 < sent
    switch.send(a, a.ether() / ip(family, a.host, a.address) / UDP(sport=7, dport=4001))
    assert client.take()[1][UDP].dport == 4001
    away = a.ether() / ip(family, a.host, b.host) / UDP(dport=9)
    assert len(switch.exchange(a, away, b)) == 1
    for _ in range(sent):
        lazy.take()
    assert lazy.nothing()
    lazy.close()


def test_what_clients_send(switch, net, client):
    family, a, b = net
    action = {"ip4": IP4_ROUTED, "ip6": IP6_ROUTED}[family]
    last = {"ttl": 1} if family == "ip4" else {"hlim": 1}
    # by an interface, as it is
    capture = switch.capture(b)
    frame = Ether(src="02:00:00:00:00:77", dst="02:00:00:00:00:78") / ip(family, b.address, b.host) / UDP(dport=9)
    client.send(index(switch, b), L2, frame)
    (out,) = capture.packets(1, timeout=20)
    assert bytes(out) == bytes(frame)
    # by routes, and as it is: a hello has a TTL of 1
    for i in (index(switch, a), 0):
        capture = switch.capture(b)
        client.send(i, action, bytes(ip(family, a.address, b.host, **last) / UDP(dport=9) / Raw(b"x" * 3000 * (i == 0))) + b"beyond")
        (out,) = capture.packets(1, timeout=20)
        assert (out.dst, out[UDP].dport, len(out[UDP].payload)) == (b.host_mac, 9, 3000 * (i == 0))
        assert out[IP].ttl == 1 if family == "ip4" else out[IPv6].hlim == 1
    # to this switch itself: it comes back
    words = f"{family.replace('ip', 'ipv')} udp 4000"
    switch.ctl(f"punt socket register {words} socket {client.path}")
    client.send(index(switch, a), action, ip(family, FAR[family].format(1), a.address) / UDP(dport=4000))
    assert client.take()[1][UDP].dport == 4000


def test_what_clients_send_is_too_long(switch, net, client):
    """IPv6 is cut, as all that begins here; so is IPv4, unless it says that it may not be: who asks for such packets has it back."""
    family, a, b = net
    action = {"ip4": IP4_ROUTED, "ip6": IP6_ROUTED}[family]
    fixed = {"flags": "DF"} if family == "ip4" else {}
    packet = ip(family, a.address, b.host, **fixed) / UDP(dport=9) / Raw(b"x" * 2000)
    exception = {"ip4": "ip4-fragmentation-needed", "ip6": "ip6-packet-too-big"}[family]
    switch.ctl(f"set interface mtu packet 1400 {b}")
    switch.ctl(f"punt socket register exception {exception} socket {client.path}")
    capture = switch.capture(b)
    client.send(0, action, packet)
    if family == "ip4":
        came_by, back = client.take()
        assert came_by == 0 and bytes(back[IP]) == bytes(packet)
        switch.ctl(f"punt socket deregister exception {exception}")
        before = switch.error_count("ip4 MTU exceeded and DF set")
        client.send(0, action, packet)
        wait_for(lambda: switch.error_count("ip4 MTU exceeded and DF set") == before + 1, "it to be dropped")
        client.send(0, action, ip(family, a.address, b.host) / packet[UDP])
    assert sum(len(p[IP].payload if family == "ip4" else p[IPv6].payload.payload) for p in capture.packets(2, timeout=20)) == 2008
    assert client.nothing()
    switch.ctl(f"set interface mtu packet 9000 {b}")


def test_hostile_clients(switch, net, client):
    """What is wrong is counted and gone."""
    family, a, _ = net
    action, other = ((IP4_ROUTED, IP6_ROUTED) if family == "ip4" else (IP6_ROUTED, IP4_ROUTED))
    good = bytes(ip(family, a.address, a.host) / UDP(dport=9))
    i = index(switch, a)
    long = struct.pack(">H", 60000)
    wrong = [(i, 3, good), (i, 0xffffffff, good), (9999, action, good), (0xffffffff, action, good), (9999, L2, good), (0xffffffff, L2, good),
             (0, L2, good), (i, other, good), (i, action, good[:-1]), (i, action, good[:19]), (i, action, b"\0"), (i, L2, b"x" * 13), (i, action, b""),
             (i, action, good[:2] + long + good[4:] if family == "ip4" else good[:4] + long + good[6:])]
    wrong += [(i, action, b"\x4f" + good[1:]), (i, action, good[:10] + b"\0\0" + good[12:]), (i, action, b"\x44" + good[1:])] if family == "ip4" else []
    before = counted(switch, "punt-socket-rx", "invalid packet descriptor")
    capture = switch.capture(a)
    for one in wrong:
        client.send(*one)
    for short in b"", b"\0", bytes(7), bytes(8):
        client.socket.sendto(short, SERVER)
    wait_for(lambda: counted(switch, "punt-socket-rx", "invalid packet descriptor") == before + len(wrong) + 4, "all to be counted")
    before = counted(switch, "punt-socket-rx", "Socket RX error")
    client.socket.sendto(struct.pack("=II", i, action) + good + bytes(100000), SERVER)
    wait_for(lambda: counted(switch, "punt-socket-rx", "Socket RX error") == before + 1, "the long one to be counted")
    capture.stop()
    assert capture.count() == 0
    before = counted(switch, "punt-socket-rx", "Socket RX")
    client.send(i, action, good)
    wait_for(lambda: counted(switch, "punt-socket-rx", "Socket RX") == before + 1, "a good one")


def test_trace(switch, net, client):
    family, a, _ = net
    words = f"{family.replace('ip', 'ipv')} udp 4000"
    switch.ctl(f"punt socket register {words} socket {client.path}")
    (way,) = switch.trace(a, a.ether() / ip(family, a.host, a.address) / UDP(sport=7, dport=4000))
    assert way[-1][0] == f"{family}-udp-punt-socket" and way[-1][1].startswith(f"to: {client.path}\n")
    switch.ctl("trace add punt-socket-rx 1")
    client.send(index(switch, a), IP4_ROUTED if family == "ip4" else IP6_ROUTED, ip(family, a.address, a.host) / UDP(dport=9))
    wait_for(lambda: "punt-socket-rx" in switch.ctl("show trace"), "the packet to be traced")
    assert f"sw_if_index {index(switch, a)} action " in switch.ctl("show trace")
    switch.ctl("clear trace")


def test_saved(switch, client):
    said = [f"punt socket register ipv4 udp 4000 socket {client.path}", f"punt socket register ipv6 protocol 89 socket {client.path}",
            f"punt socket register exception ip4-unreachable socket {client.path}"]
    for line in said:
        switch.ctl(line)
    assert lines(switch) == said
    for registration in registrations(switch):
        switch.ctl(f"punt socket deregister {registration['packets']}")
    switch.configure("\n".join(said))
    assert lines(switch) == said
    for registration in registrations(switch):
        switch.ctl(f"punt socket deregister {registration['packets']}")
    assert lines(switch) == []


def test_not_configured(fresh):
    assert "socket is not configured" in fresh.fails("punt socket register udp 4000 socket /tmp/x.sock")
    assert fresh.json("show punt socket registrations")["registrations"] == []

"""Switching: bridge domains and their tables, cross-connects, patches, pipes, SPAN."""

import lib
import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

BROADCAST = "ff:ff:ff:ff:ff:ff"
TYPE = 0x88b5  # for experiments: IEEE 802
TITLE = ("  BD-ID   Index   BSN  Age(min)  Learning  U-Forwrd   UU-Flood   Flooding  ARP-Term  arp-ufwd"
         " Learn-co Learn-li   BVI-Intf ")
FEATURES = ("span-l2-input l2-input-classify l2-input-feat-arc l2-policer-classify l2-policer-input "
            "l2-input-acl vpath-input-l2 l2-ip-qos-record l2-input-vtr sr-pl-rewrite-encaps-l2 "
            "l2-learn l2-rw l2-fwd l2-flood l2-flood l2-output ")
PORTS = "           Interface           If-idx ISN  SHG  BVI  TxFlood        VLAN-Tag-Rewrite       "
FIB_TITLE = ("    Mac-Address     BD-Idx If-Idx BSN-ISN Age(min) static filter bvi         Interface-Name"
             "        ")


def mac(n):
    """A station's address."""
    return f"02:aa:00:00:{n >> 8:02x}:{n & 255:02x}"


def frame(src, dst, text="x", size=60):
    return Ether(src=src, dst=dst, type=TYPE) / Raw(text.encode().ljust(size - 14, b"."))


class Switch:
    """vpp with ports host-p0.. whose other ends are wires; no bridge domain yet."""

    def __init__(self, net, n, **kwargs):
        self.ns = net.namespace()
        self.vpp = net.vpp(self.ns, **kwargs)
        self.wires = []
        for i in range(n):
            self.ns.veth(f"p{i}", f"h{i}")
            self.vpp.configure(f"create host-interface name p{i}\nset int state host-p{i} up")
            self.wires.append(net.wire(self.ns, f"h{i}"))

    def bridge(self, bd=1, ports=None, extra=""):
        for i in range(len(self.wires)) if ports is None else ports:
            self.vpp.ctl(f"set interface l2 bridge host-p{i} {bd} {extra}")
        return self

    def counted(self):
        """(received, sent) of each port, when vpp has come to rest."""
        def now():
            shown = self.vpp.interfaces()
            return [tuple(shown[f"host-p{i}"]["counters"].get(c, 0) if f"host-p{i}" in shown else 0
                          for c in ("rx packets", "tx packets")) for i in range(len(self.wires))]

        seen = [now()]
        lib.wait_for(lambda: seen.append(now()) or seen[-1] == seen[-2], "the switch to come to rest")
        return seen[-1]

    def where(self, sent_on, packet):
        """Sends; the wires on which just that frame came out: vpp says where it sent something, and there it has to
        come out."""
        want = bytes(packet)
        before = self.counted()
        self.wires[sent_on].send(packet)
        lib.wait_for(lambda: self.counted()[sent_on][0] > before[sent_on][0], "the frame to be received")
        after = self.counted()
        found = {i for i, wire in enumerate(self.wires) if after[i][1] > before[i][1]}
        for i in found:
            self.wires[i].expect(lambda f: bytes(f) == want, "the frame that was sent", timeout=10)
        for i in set(range(len(self.wires))) - found:
            self.wires[i].silent(lambda f: bytes(f) == want, "frame", timeout=0)
        return found

    def fib(self, bd=1):
        return {e["mac"]: e["interface"] for e in self.vpp.json(f"show l2fib bd_id {bd}")["entries"]}


def test_two_ports_as_in_the_tutorial(net):
    switch, left, right = net.namespace(), net.namespace(), net.namespace()
    switch.veth("a0", "a1", left)
    switch.veth("b0", "b1", right)
    left.ip("addr add 10.0.0.1/24 dev a1")
    right.ip("addr add 10.0.0.2/24 dev b1")
    vpp = net.vpp(switch)
    vpp.configure("""
        create host-interface name a0
        create host-interface name b0
        set int state host-a0 up
        set int state host-b0 up
        set interface l2 bridge host-a0 1
        set interface l2 bridge host-b0 1
    """)
    line = "    1       1      0     off        on        on       flood        on       off       off {}    16777216     N/A    "
    assert vpp.ctl("show bridge-domain").splitlines() == [TITLE, line.format("       0")]
    assert vpp.ctl("show l2fib") == vpp.ctl("show l2fib verbose") == "no l2fib entries\n"
    assert left.ping("10.0.0.2", count=3) == 3
    assert vpp.ctl("show bridge-domain 1 detail").splitlines() == [
        TITLE, line.format("       2"), FEATURES, "", PORTS,
        "            host-a0              1     1    0    -      *                 none             ",
        "            host-b0              2     1    0    -      *                 none             "]
    assert vpp.ctl("show l2fib verbose").splitlines() == [
        FIB_TITLE,
        f" {left.mac('a1')}    1      1      0/1      -       -      -     -              host-a0           ",
        f" {right.mac('b1')}    1      2      0/1      -       -      -     -              host-b0           ",
        "L2FIB total/learned entries: 2/2  Last scan time: 0.0000e0sec  Learn limit: 16777216 "]
    assert vpp.ctl("show mode").splitlines() == [
        "l3 local0  ", "l2 bridge host-a0 bd_id 1 shg 0", "l2 bridge host-b0 bd_id 1 shg 0"]
    assert "host-a0 (up):\n  L2 bridge bd-id 1 idx 1 shg 0  \n" in vpp.ctl("show int addr")


def test_configured_entries(net):
    switch = Switch(net, 2).bridge()
    vpp = switch.vpp
    vpp.configure("""
        l2fib add 02:11:11:11:11:11 1 host-p0 static
        l2fib add 02:11:11:11:11:12 1 filter
        l2fib add 02:11:11:11:11:13 1 host-p0
        l2fib del 02:11:11:11:11:13 1
    """)
    assert vpp.fails("l2fib del 02:11:11:11:11:14 1") == "l2fib del: mac entry not found"
    lines = [
        " 02:11:11:11:11:11    1      1      0/0      no      *      -     -              host-p0           ",
        " 02:11:11:11:11:12    1      -1     0/0      no      *      *     -                N/A             "]
    assert vpp.ctl("show l2fib verbose").splitlines()[1:3] == lines
    # forwarded, dropped; a static address on another port, a filtered source
    assert switch.where(1, frame(mac(1), "02:11:11:11:11:11")) == {0}
    assert switch.where(1, frame(mac(1), "02:11:11:11:11:12")) == set()
    assert switch.where(1, frame("02:11:11:11:11:11", mac(9))) == set()
    assert switch.where(1, frame("02:11:11:11:11:12", mac(9))) == set()
    assert switch.where(0, frame("02:11:11:11:11:11", mac(9))) == {1}
    assert vpp.error_count("Filter Mac Drop") == 1
    assert vpp.error_count("L2 mac move violations") == 1
    assert vpp.error_count("L2 filter mac drops") == 1
    assert switch.fib()[mac(1)] == "host-p1"
    vpp.ctl("l2fib flush-mac all")
    assert vpp.ctl("show l2fib verbose").splitlines()[1:3] == lines
    assert " 1       1      1 " in vpp.ctl("show bridge-domain 1")


def test_learns_floods_forwards_moves(net):
    switch = Switch(net, 3).bridge()
    assert switch.where(0, frame(mac(1), mac(2))) == {1, 2}
    assert switch.where(1, frame(mac(2), mac(1))) == {0}
    assert switch.where(0, frame(mac(1), mac(2))) == {1}
    assert switch.where(2, frame(mac(3), BROADCAST)) == {0, 1}
    assert switch.where(0, frame(mac(1), "01:00:5e:00:00:05")) == {1, 2}
    # a station that moves, one that talks to a neighbour on its own port
    assert switch.where(2, frame(mac(2), mac(1))) == {0}
    assert switch.where(0, frame(mac(1), mac(2))) == {2}
    assert switch.where(2, frame(mac(3), mac(2))) == set()
    assert switch.vpp.error_count("L2 mac moves") == 1
    assert switch.vpp.error_count("Reflection Drop") == 1
    assert switch.fib() == {mac(1): "host-p0", mac(2): "host-p2", mac(3): "host-p2"}
    # no station has such an address
    for bad in ("01:00:00:00:00:01", "00:00:00:00:00:00"):
        assert switch.where(0, frame(bad, BROADCAST)) == set()
    assert switch.vpp.error_count("L2 source mac is multicast or zero") == 2
    assert len(switch.fib()) == 3


def test_flush(net):
    switch = Switch(net, 3).bridge()
    vpp = switch.vpp

    def learn():
        for i in range(3):
            switch.wires[i].send(frame(mac(i), BROADCAST))
        lib.wait_for(lambda: len(switch.fib()) == 3, "3 addresses")

    learn()
    vpp.ctl("l2fib flush-mac interface host-p1")
    assert set(switch.fib()) == {mac(0), mac(2)}
    learn()
    vpp.ctl("l2fib flush-mac bridge-domain 1")
    assert switch.fib() == {}
    learn()
    vpp.ctl("set interface l3 host-p2")
    assert set(switch.fib()) == {mac(0), mac(1)}
    assert vpp.json("show bridge-domain 1")["learned"] == 2


def test_switches_of_domain_and_port(net):
    switch = Switch(net, 2).bridge()
    vpp = switch.vpp
    known, unknown, broadcast = frame(mac(1), mac(2)), frame(mac(1), mac(7)), frame(mac(1), BROADCAST)
    switch.wires[1].send(frame(mac(2), BROADCAST))
    lib.wait_for(lambda: mac(2) in switch.fib(), "the address")

    def passes():
        return [switch.where(0, f) == {1} for f in (known, unknown, broadcast)]

    assert passes() == [True, True, True]
    vpp.ctl("set bridge-domain uu-flood 1 disable")
    assert passes() == [True, False, True]
    vpp.ctl("set bridge-domain forward 1 disable")
    assert passes() == [False, False, True]
    vpp.ctl("set bridge-domain flood 1 disable")
    assert passes() == [False, False, False]
    vpp.configure("set bridge-domain uu-flood 1\nset bridge-domain forward 1\nset bridge-domain flood 1")
    assert passes() == [True, True, True]
    vpp.ctl("set interface l2 flood host-p0 disable")
    assert passes() == [True, True, False]
    vpp.ctl("set interface l2 flood host-p0")
    assert vpp.error_count("L2 feature forwarding disabled") == 7
    vpp.ctl("l2fib flush-mac all")
    vpp.ctl("set interface l2 learn host-p0 disable")
    assert passes() == [True, True, True] and switch.fib() == {}
    vpp.configure("set interface l2 learn host-p0\nset bridge-domain learn 1 disable")
    assert passes() == [True, True, True] and switch.fib() == {}


def test_split_horizon(net):
    switch = Switch(net, 3)
    switch.bridge(ports=[0, 1], extra="7").bridge(ports=[2])
    assert switch.where(0, frame(mac(1), BROADCAST)) == {2}
    assert switch.where(1, frame(mac(2), mac(1))) == set()
    assert switch.where(2, frame(mac(3), mac(1))) == {0}
    assert switch.vpp.error_count("L2 split horizon drops") == 1


def test_unknown_unicast_to_one_port(net):
    switch = Switch(net, 3).bridge(ports=[0, 1])
    switch.vpp.ctl("set interface l2 bridge host-p2 1 uu-fwd")
    assert switch.where(0, frame(mac(1), mac(9))) == {2}
    assert switch.where(0, frame(mac(1), BROADCAST)) == {1}
    assert switch.where(1, frame(mac(2), mac(1))) == {0}
    assert switch.vpp.fails("set interface l2 bridge host-p0 1 uu-fwd").endswith("already has a uu-fwd interface")


def test_learn_limits(net):
    switch = Switch(net, 2, config="l2learn { limit 30 }").bridge()
    vpp = switch.vpp
    vpp.ctl("set bridge-domain learn-limit 1 20")
    for i in range(25):
        switch.wires[0].send(frame(mac(i), BROADCAST))
    vpp.wait_error("L2 not learned due to limit", 5)
    assert len(switch.fib()) == 20
    vpp.ctl("set bridge-domain learn-limit 1 100")
    for i in range(40):
        switch.wires[0].send(frame(mac(i), BROADCAST))
    vpp.wait_error("L2 not learned due to limit", 5 + 10)
    assert len(switch.fib()) == 30
    assert "Learn limit: 30" in vpp.ctl("show l2fib")


def test_many_addresses(net):
    switch = Switch(net, 2).bridge()
    vpp = switch.vpp
    vpp.ctl("test l2fib add mac 02:bb:00:00:00:00 count 100000 bridge-domain 1 interface host-p1")
    vpp.ctl("test l2fib check mac 02:bb:00:00:00:00 count 100000 bridge-domain 1")
    assert switch.where(0, frame(mac(1), "02:bb:00:01:86:9f")) == {1}
    assert switch.where(0, frame(mac(1), "02:bb:00:01:86:a0")) == {1}
    assert vpp.error_count("L2 forward misses") == 1
    for i in range(3000):
        switch.wires[0].send(frame(mac(i), "02:bb:00:00:00:00"))
    lib.wait_for(lambda: vpp.json("show l2fib")["learned"] == 3000, "3000 addresses")
    vpp.ctl("test l2fib del mac 02:bb:00:00:00:00 count 100000 bridge-domain 1")
    assert vpp.json("show l2fib")["total"] == 3000


@pytest.mark.parametrize("size", [60, 300, 1514])
def test_floods_are_whole_and_leave_nothing(net, size):
    switch = Switch(net, 5).bridge()
    packet = frame(mac(1), BROADCAST, "".join(chr(33 + i % 90) for i in range(1500)), size=60)
    packet = Ether(bytes(packet)[:size])
    for _ in range(20):
        assert switch.where(0, packet) == {1, 2, 3, 4}
    before = switch.vpp.buffers_used()
    for _ in range(300):
        switch.wires[0].send(packet)
    for wire in switch.wires[1:]:
        assert sum(bytes(f) == bytes(packet) for f in wire.frames(0.3)) == 300
    assert abs(switch.vpp.buffers_used() - before) < 64


def test_arp_termination(net):
    switch = Switch(net, 2).bridge()
    vpp, (w0, w1) = switch.vpp, switch.wires
    vpp.configure(f"""
        set bridge-domain arp term 1
        set bridge-domain arp entry 1 10.0.0.7 {mac(7)}
        set bridge-domain arp entry 1 2001:db8::7 {mac(8)}
    """)
    ask = Ether(src=mac(1), dst=BROADCAST) / ARP(op=1, hwsrc=mac(1), psrc="10.0.0.1", pdst="10.0.0.7")
    w0.send(ask)
    answer = w0.expect(lambda f: ARP in f and f[ARP].op == 2, "an ARP reply")
    assert (answer.src, answer.dst) == (mac(7), mac(1))
    assert (answer[ARP].hwsrc, answer[ARP].psrc) == (mac(7), "10.0.0.7")
    assert (answer[ARP].hwdst, answer[ARP].pdst) == (mac(1), "10.0.0.1")
    w1.silent(lambda f: ARP in f, "request")
    # what is not known is flooded; a sender that lies is dropped
    other = Ether(src=mac(1), dst=BROADCAST) / ARP(op=1, hwsrc=mac(1), psrc="10.0.0.1", pdst="10.0.0.8")
    assert switch.where(0, other) == {1}
    assert switch.where(0, Ether(src=mac(1), dst=BROADCAST) / ARP(op=1, hwsrc=mac(2), psrc="10.0.0.1",
                                                                  pdst="10.0.0.7")) == set()
    vpp.wait_error("ARP hw addr does not match L2 frame src addr")
    # a station that looks for others with its address is not told of itself; they are heard
    probe = Ether(src=mac(7), dst=BROADCAST) / ARP(op=1, hwsrc=mac(7), psrc="0.0.0.0", pdst="10.0.0.7")
    for ufwd in ("", " disable"):
        vpp.ctl(f"set bridge-domain arp-ufwd 1{ufwd}")
        assert switch.where(1, probe) == {0}
        w1.silent(lambda f: ARP in f and f[ARP].op == 2, "an answer to who asks for itself")
    # IPv6
    ask6 = (Ether(src=mac(1), dst="33:33:ff:00:00:07") / IPv6(src="2001:db8::1", dst="ff02::1:ff00:7", hlim=255) /
            ICMPv6ND_NS(tgt="2001:db8::7") / ICMPv6NDOptSrcLLAddr(lladdr=mac(1)))
    w0.send(ask6)
    answer = w0.expect(lambda f: ICMPv6ND_NA in f, "an advertisement")
    assert (answer.src, answer.dst) == (mac(8), mac(1))
    assert (answer[IPv6].src, answer[IPv6].dst) == ("2001:db8::7", "2001:db8::1")
    assert answer[ICMPv6ND_NA].tgt == "2001:db8::7" and answer[ICMPv6ND_NA].S == 1
    assert answer.lladdr == mac(8)
    right = bytes(answer)
    del answer[ICMPv6ND_NA].cksum
    assert bytes(answer) == right
    # sent on to the station itself instead
    vpp.ctl("set bridge-domain arp-ufwd 1")
    w0.send(ask)
    assert w1.expect(lambda f: ARP in f, "the request").dst == mac(7)
    out = vpp.ctl("show bridge-domain 1 arp")
    assert f"                10.0.0.7                 =>   {mac(7)} \n" in out and "2001:db8::7" in out
    vpp.ctl("set bridge-domain arp entry 1 10.0.0.7 02:00:00:00:00:00 del")
    assert switch.where(0, ask) == {1}
    vpp.ctl("set bridge-domain arp entry 1 del-all")
    assert "2001:db8::7" not in vpp.ctl("show bridge-domain 1 arp")


def test_bvi(net):
    """Two domains, each with a loopback, and routing between them."""
    switch, hosts = net.namespace(), [net.namespace() for _ in range(3)]
    vpp = net.vpp(switch)
    for i, host in enumerate(hosts):
        switch.veth(f"p{i}", "eth", host)
        vpp.configure(f"create host-interface name p{i}\nset int state host-p{i} up")
    hosts[0].ip("addr add 10.1.0.1/24 dev eth")
    hosts[1].ip("addr add 10.1.0.2/24 dev eth")
    hosts[2].ip("addr add 10.2.0.1/24 dev eth")
    for i, host in enumerate(hosts):
        host.ip(f"route add default via 10.{1 + i // 2}.0.9")
    vpp.configure("""
        create loopback interface
        create loopback interface
        set interface l2 bridge host-p0 1
        set interface l2 bridge host-p1 1
        set interface l2 bridge host-p2 2
        set interface l2 bridge loop0 1 bvi
        set interface l2 bridge loop1 2 bvi
        set int ip address loop0 10.1.0.9/24
        set int ip address loop1 10.2.0.9/24
        set int state loop0 up
        set int state loop1 up
    """)
    assert hosts[0].ping("10.1.0.2") == 3
    assert hosts[0].ping("10.1.0.9") == 3
    assert hosts[0].ping("10.2.0.1") == 3
    assert hosts[2].ping("10.1.0.2") == 3
    assert "loop0" in vpp.ctl("show bridge-domain 1").splitlines()[1]
    entries = {e["mac"]: e for e in vpp.json("show l2fib bd_id 1")["entries"]}
    assert entries["de:ad:00:00:00:00"]["bvi"] and not entries["de:ad:00:00:00:00"]["learned"]
    assert vpp.neighbors()["10.1.0.1"][2] == "loop0"
    # the address of a BVI changes
    vpp.ctl("set interface mac address loop0 02:00:00:00:00:77")
    hosts[0].ip("neigh flush all")
    assert hosts[0].ping("10.1.0.9") == 3
    assert "de:ad:00:00:00:00" not in vpp.ctl("show l2fib all")
    # a domain has one
    vpp.ctl("create loopback interface")
    assert vpp.fails("set interface l2 bridge loop2 1 bvi").endswith("bridge domain already has a bvi interface")
    vpp.ctl("set interface l3 loop0")
    assert "02:00:00:00:00:77" not in vpp.ctl("show l2fib all")
    assert hosts[0].ping("10.1.0.2") == 3


def test_cross_connect_and_patch(net):
    switch = Switch(net, 3)
    vpp = switch.vpp
    vpp.configure("set interface l2 xconnect host-p0 host-p1\nset interface l2 xconnect host-p1 host-p0")
    assert vpp.ctl("show mode").splitlines() == ["l3 local0  ", "l2 xconnect host-p0 host-p1",
                                                 "l2 xconnect host-p1 host-p0", "l3 host-p2  "]
    # all that comes, whatever it is
    for packet in (frame(mac(1), mac(2)), frame("01:00:00:00:00:01", BROADCAST), frame(mac(1), "01:80:c2:00:00:00"),
                   frame(mac(2), mac(1))):
        assert switch.where(0, packet) == {1}
        assert switch.where(1, packet) == {0}
    assert vpp.json("show l2fib")["total"] == 0
    vpp.ctl("set interface l3 host-p0")
    assert switch.where(0, frame(mac(1), mac(2))) == set()
    # a patch goes before layer 2
    assert vpp.ctl("show l2patch") == "no l2patch entries\n"
    vpp.ctl("test l2patch rx host-p1 tx host-p2")
    assert "host-p1 -> host-p2" in vpp.ctl("show l2patch")
    assert switch.where(1, frame(mac(1), mac(2))) == {2}
    vpp.ctl("test l2patch rx host-p1 tx host-p2 del")
    assert switch.where(1, frame(mac(1), mac(2))) == {0}


def test_cross_connect_to_what_is_deleted(net):
    switch = Switch(net, 2)
    switch.vpp.ctl("set interface l2 xconnect host-p0 host-p1")
    switch.vpp.ctl("delete host-interface name p1")
    assert "l2 xconnect host-p0 DELETED" in switch.vpp.ctl("show mode")
    assert switch.where(0, frame(mac(1), mac(2))) == set()
    switch.vpp.wait_error("L2 Output interface not valid")
    # whoever has its index now has nothing to do with it
    switch.vpp.ctl("create host-interface name p1")
    switch.vpp.ctl("set int state host-p1 up")
    assert switch.where(0, frame(mac(1), mac(2))) == set()


def test_ports_come_and_go_under_traffic(net):
    switch = Switch(net, 3).bridge()
    for i in range(30):
        switch.wires[0].send([frame(mac(k), BROADCAST) for k in range(50)])
        switch.vpp.ctl(["set interface l3 host-p2", "set interface l2 bridge host-p2 1",
                        "set interface l2 xconnect host-p2 host-p1"][i % 3])
    switch.vpp.ctl("delete host-interface name p2")
    assert switch.vpp.alive()
    for wire in switch.wires:
        wire.drain()
    assert switch.where(0, frame(mac(1), BROADCAST)) == {1}


def test_pipe_joins_domains(net):
    switch = Switch(net, 2)
    vpp = switch.vpp
    assert vpp.ctl("pipe create") == "pipe0\n"
    assert vpp.ctl("show pipe") == "pipe0: pipe0.0 <-> pipe0.1\n"
    switch.bridge(1, [0]).bridge(2, [1])
    vpp.configure("""
        set int state pipe0.0 up
        set int state pipe0.1 up
        set interface l2 bridge pipe0.0 1
        set interface l2 bridge pipe0.1 2
    """)
    assert switch.where(0, frame(mac(1), BROADCAST)) == {1}
    assert switch.where(1, frame(mac(2), mac(1))) == {0}
    assert switch.fib(1) == {mac(1): "host-p0", mac(2): "pipe0.0"}
    assert switch.fib(2) == {mac(1): "pipe0.1", mac(2): "host-p1"}
    assert vpp.fails("pipe create instance 0").endswith("in use")
    vpp.ctl("pipe delete pipe0")
    assert vpp.ctl("show pipe") == ""
    assert switch.where(0, frame(mac(1), BROADCAST)) == set()


def test_a_loop_stops_nobody(net):
    """Both ends of two pipes in one domain: a broadcast goes round and multiplies for ever. Commands are answered, other
    traffic passes, and it ends when the loop is opened."""
    switch = Switch(net, 4)
    vpp = switch.vpp
    switch.bridge(1, [0, 1])
    vpp.configure("set interface l2 xconnect host-p2 host-p3\npipe create\npipe create")
    for end in ("pipe0.0", "pipe0.1", "pipe1.0", "pipe1.1"):
        vpp.configure(f"set int state {end} up\nset interface l2 bridge {end} 1")
    switch.wires[0].send(frame(mac(1), BROADCAST))
    lib.wait_for(lambda: vpp.error_count("L2 flood packets") > 100000, "the storm", timeout=30)
    # each is answered while it goes on
    for _ in range(20):
        vpp.ctl("show version")
        vpp.ctl("l2fib flush-mac all")
        vpp.ctl("set interface l2 learn host-p1 disable")
    switch.wires[2].send(frame(mac(5), mac(6)))
    switch.wires[3].expect(lambda f: f.src == mac(5), "the other traffic", timeout=10)
    vpp.ctl("set interface l3 pipe0.0")
    vpp.ctl("set interface l3 pipe1.0")

    def flooded():
        return vpp.error_count("L2 flood packets")

    lib.wait_for(lambda: flooded() == flooded(), "the storm to end")


def test_span(net):
    switch = Switch(net, 4)
    vpp = switch.vpp
    vpp.configure("set interface l2 xconnect host-p0 host-p1\nset interface l2 xconnect host-p1 host-p0")
    packet, back = frame(mac(1), mac(2)), frame(mac(2), mac(1))
    vpp.ctl("set interface span host-p0 destination host-p2 both")
    assert vpp.ctl("show interface span").splitlines() == [
        "Source                           Destination                       Device       L2",
        "host-p0                          host-p2                          (  both) (  none)"]
    assert switch.where(0, packet) == {1, 2}
    assert switch.where(1, back) == {0, 2}
    vpp.ctl("set interface span host-p0 destination host-p2 rx")
    assert switch.where(0, packet) == {1, 2}
    assert switch.where(1, back) == {0}
    vpp.ctl("set interface span host-p0 destination host-p2 tx")
    vpp.ctl("set interface span host-p0 destination host-p3 rx")
    assert switch.where(0, packet) == {1, 3}
    assert switch.where(1, back) == {0, 2}
    vpp.ctl("set interface span host-p0 disable")
    assert vpp.ctl("show interface span") == ""
    assert switch.where(0, packet) == {1}
    # of layer 2; two that mirror each other
    vpp.ctl("set interface span host-p0 l2 destination host-p2")
    assert "(  none) (  both)" in vpp.ctl("show interface span")
    assert switch.where(0, packet) == {1, 2}
    assert switch.where(1, back) == {0, 2}
    vpp.ctl("set interface span host-p2 destination host-p3")
    vpp.ctl("set interface span host-p3 destination host-p2")
    assert switch.where(0, packet) == {1, 2}
    assert vpp.fails("set interface span host-p0 destination host-p0").endswith("Invalid interface")
    vpp.ctl("delete host-interface name p2")
    assert vpp.ctl("show interface span") == ""
    assert switch.where(0, packet) == {1}


def test_large_frames_pass_whole(net):
    """TCP between kernels through a domain: GSO frames come out as they went in, to the one port or to all."""
    switch, left, right, third = (net.namespace() for _ in range(4))
    vpp = net.vpp(switch)
    for name, host in (("pa", left), ("pb", right), ("pc", third)):
        switch.veth(name, "eth", host)
        vpp.configure(f"create host-interface name {name}\nset int state host-{name} up\n"
                      f"set interface l2 bridge host-{name} 1")
    left.ip("addr add 10.0.0.1/24 dev eth")
    right.ip("addr add 10.0.0.2/24 dev eth")
    for flooded in (False, True):
        if flooded:
            vpp.ctl("set bridge-domain learn 1 disable")
            vpp.ctl("l2fib flush-mac all")
        server = net.process(right, ["iperf3", "-s", "-1"])
        lib.wait_for(lambda: "5201" in right.run("ss -ltn").stdout, "iperf3")
        before = vpp.interfaces()["host-pb"]["counters"].get("tx packets", 0)
        out = left.run("iperf3 -c 10.0.0.2 -n 40M -J", timeout=60).stdout
        server.wait(10)
        packets = vpp.interfaces()["host-pb"]["counters"]["tx packets"] - before
        assert '"error"' not in out
        assert packets < 40e6 / 1448 / 2, "frames were cut"
    assert vpp.error_count("L2 replication failures") == 0


def test_two_switches(net):
    """Two daemons, a domain each, joined by a veth."""
    first, second, left, right = (net.namespace() for _ in range(4))
    first.veth("pa", "eth", left)
    second.veth("pb", "eth", right)
    first.veth("trunk1", "trunk2", second)
    left.ip("addr add 10.0.0.1/24 dev eth")
    right.ip("addr add 10.0.0.2/24 dev eth")
    one, two = net.vpp(first), net.vpp(second)
    for vpp, ports in ((one, ("pa", "trunk1")), (two, ("pb", "trunk2"))):
        for port in ports:
            vpp.configure(f"create host-interface name {port}\nset int state host-{port} up\n"
                          f"set interface l2 bridge host-{port} 1")
    assert left.ping("10.0.0.2", count=5) == 5
    assert f" {right.mac('eth')}    1      2 " in one.ctl("show l2fib verbose")
    assert f" {left.mac('eth')}    1      2 " in two.ctl("show l2fib verbose")
    assert "host-trunk1" in one.ctl("show bridge-domain 1 detail")


def test_tutorial_of_switching(net):
    """VPP's progressive tutorial, chapter on switching, as it is written: a host, a switch that joins it to another one, and
    there a loopback that is the domain's interface of layer 3."""
    host = net.namespace()
    for name, peer in (("vpp1host", "vpp1out"), ("vpp1vpp2", "vpp2vpp1")):
        host.ip(f"link add name {name} type veth peer name {peer}")
        host.ip(f"link set dev {name} up")
        host.ip(f"link set dev {peer} up")
    host.ip("addr add 10.10.1.1/24 dev vpp1host")
    vpp1, vpp2 = net.vpp(host), net.vpp(host)
    assert vpp1.ctl("create host-interface name vpp1out") == "host-vpp1out\n"
    assert vpp1.ctl("create host-interface name vpp1vpp2") == "host-vpp1vpp2\n"
    vpp1.configure("set int state host-vpp1out up\nset int state host-vpp1vpp2 up")
    assert vpp2.ctl("create host-interface name vpp2vpp1") == "host-vpp2vpp1\n"
    vpp2.configure("set int state host-vpp2vpp1 up")
    assert vpp1.ctl("show bridge-domain") == "no bridge-domains in use\n"
    vpp1.configure("set int l2 bridge host-vpp1out 1\nset int l2 bridge host-vpp1vpp2 1")
    assert vpp2.ctl("create loopback interface") == "loop0\n"
    vpp2.configure("""
        set int ip address loop0 10.10.1.2/24
        set int l2 bridge loop0 1 bvi
        set int state loop0 up
        set int l2 bridge host-vpp2vpp1 1
    """)
    assert host.ping("10.10.1.2", count=5) == 5
    assert "5 received" in vpp2.ctl("ping 10.10.1.1 repeat 5 interval 0.05")
    mac_of_host = host.mac("vpp1host")

    def domain(learned, bvi):
        return ("    1       1      0     off        on        on       flood        on       off       off"
                f"        {learned}    16777216    {bvi} ")

    assert vpp1.ctl("show bridge-domain 1 detail").splitlines() == [
        TITLE, domain(2, " N/A   "), FEATURES, "", PORTS,
        "         host-vpp1out            1     1    0    -      *                 none             ",
        "         host-vpp1vpp2           2     1    0    -      *                 none             "]
    assert vpp1.ctl("show l2fib verbose").splitlines() == [
        FIB_TITLE,
        f" {mac_of_host}    1      1      0/1      -       -      -     -           host-vpp1out         ",
        " de:ad:00:00:00:00    1      2      0/1      -       -      -     -           host-vpp1vpp2        ",
        "L2FIB total/learned entries: 2/2  Last scan time: 0.0000e0sec  Learn limit: 16777216 "]
    assert vpp2.ctl("show bridge-domain 1 detail").splitlines() == [
        TITLE, domain(1, "loop0  "), FEATURES, "", PORTS,
        "             loop0               2     1    0    *      *                 none             ",
        "         host-vpp2vpp1           1     1    0    -      *                 none             "]
    assert vpp2.ctl("show l2fib verbose").splitlines() == [
        FIB_TITLE,
        f" {mac_of_host}    1      1      0/1      -       -      -     -           host-vpp2vpp1        ",
        " de:ad:00:00:00:00    1      2      0/0      no      *      -     *               loop0            ",
        "L2FIB total/learned entries: 2/1  Last scan time: 0.0000e0sec  Learn limit: 16777216 "]
    assert vpp2.neighbors()["10.10.1.1"][1:] == (mac_of_host, "loop0")


WRONG = {
    "create bridge-domain 0": "bridge domain 0 can not be modified",
    "create bridge-domain 16777216": "bridge domain ID exceed 16M limit",
    "create bridge-domain 1": "bd_add_del returned -119",
    "create bridge-domain 1 del": "bridge domain in use - remove members",
    "create bridge-domain 77 del": "bridge domain ID does not exist",
    "show bridge-domain 0 detail": "No operations on the default bridge domain are supported",
    "show bridge-domain 7": "No such bridge domain 7",
    "set bridge-domain learn 7": "No such bridge domain 7",
    "set bridge-domain learn 0": "No operations on the default bridge domain are supported",
    "set bridge-domain mac-age 1 256": "mac aging time exceed 255 minutes",
    "set interface l2 bridge local0 1": "bridged interface must be ethernet",
    "set interface l2 xconnect host-p0 local0": "bridged interface must be ethernet",
    "set interface l2 bridge nothing 1": "unknown interface `nothing 1'",
    "l2fib add 02:00:00:00:00:01 7 host-p0": "bridge domain ID 7 invalid",
    "l2fib add 02:00:00:00:00:01 1 host-p0 bvi": "host-p0 is not the BVI of bridge domain 1",
    "set interface l2 learn host-p1 disable": "host-p1 is not in a bridge domain",
}


def test_wrong_commands(net):
    switch = Switch(net, 2).bridge(ports=[0])
    before = switch.vpp.running_config()
    for command, words in WRONG.items():
        assert switch.vpp.fails(command).endswith(words), command
    assert switch.vpp.running_config() == before


def test_running_config(net):
    switch = Switch(net, 3)
    vpp = switch.vpp
    vpp.configure("""
        pipe create instance 3
        create loopback interface
        bvi create
        create bridge-domain 5 learn 0 flood 0 arp-term 1 arp-ufwd 1 mac-age 10 bd-tag blue
        set bridge-domain arp entry 5 10.0.0.7 02:00:00:00:00:07
        set bridge-domain learn-limit 5 77
        set interface l2 bridge host-p0 5 9
        set interface l2 bridge bvi0 5 bvi
        set interface l2 learn host-p0 disable
        set interface l2 xconnect host-p1 host-p2
        set interface span host-p1 destination host-p0 rx
        test l2patch rx pipe3.0 tx host-p2
        l2fib add 02:00:00:00:00:01 5 host-p0 static
        l2fib add 02:00:00:00:00:02 5 filter
    """)
    before = vpp.running_config()
    for line in ("pipe create instance 3", "set interface l2 bridge host-p0 5 9", "set bridge-domain learn-limit 5 77",
                 "set interface l2 bridge bvi0 5 bvi", "set interface l2 learn host-p0 disable",
                 "set interface l2 xconnect host-p1 host-p2", "set interface span host-p1 destination host-p0 rx",
                 "test l2patch rx pipe3.0 tx host-p2", "l2fib add 02:00:00:00:00:01 5 host-p0 static",
                 "l2fib add 02:00:00:00:00:02 5 filter",
                 "create bridge-domain 5 learn 0 flood 0 arp-term 1 arp-ufwd 1 mac-age 10 bd-tag {blue}"):
        assert line in before
    vpp.ctl(f"write {vpp.running}")
    vpp.stop()
    vpp.write_conf(unix=f"startup-config {vpp.running}")
    vpp.start()
    lib.wait_for(lambda: vpp.running_config() == before, "the same configuration")

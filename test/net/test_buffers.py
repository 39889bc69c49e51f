"""A small pool of buffers: running out is counted, and it recovers."""
import lib
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from test_tcp import transfer

SMALL = "buffers { buffers-per-numa 256 }"


def fragments(wire, ids):
    """The first ones of as many datagrams."""
    return [Ether(dst=wire.vpp_mac, src=wire.mac) /
            IP(src="10.10.1.1", dst="10.10.1.2", id=i, flags="MF") / UDP() / Raw(b"h" * 480) for i in ids]


def echo(wire):
    wire.drain()
    wire.send(Ether(dst=wire.vpp_mac, src=wire.mac) / IP(src="10.10.1.1", dst="10.10.1.2") / ICMP())
    wire.expect(lambda f: ICMP in f and f[ICMP].type == 0, "echo reply")


def test_exhaustion_is_counted_and_recovers(net):
    """Fragments that never become whole hold buffers until none is left: they may have as many as there are."""
    vpp, (wire,) = net.by_hand(1, config=SMALL)
    assert vpp.buffers_used() == 0
    vpp.configure("set ip reassembly max-buffers 1000")
    wire.send(fragments(wire, range(1, 600)))
    vpp.wait_error("no buffer free")
    assert vpp.counter("host-vpp0", "rx-no-buf") > 0
    lib.wait_for(lambda: vpp.buffers_used() == 0, "buffers to come back", timeout=40)
    echo(wire)


def test_fragments_leave_room_for_others(net):
    """However many datagrams never become whole, half of the buffers stay free (of both protocols): the oldest are given up."""
    vpp, (wire,) = net.by_hand(1, config=SMALL)
    vpp.configure("set ip reassembly timeout-ms 600000")
    ids = iter(range(1, 60000))

    def given_up():
        wire.send(fragments(wire, [next(ids) for _ in range(50)]))
        return vpp.error_count("drops due to concurrent reassemblies limit") > 256

    lib.wait_for(given_up, "the oldest to be given up")
    assert vpp.json("show ip4-full-reassembly")["buffers"] == 64
    assert vpp.error_count("no buffer free") == 0
    echo(wire)


def test_large_pings_through_a_small_pool(net):
    """More than fits at once, for a while: what is lost is counted, nothing else breaks."""
    ns, vpp = net.main_job(config=SMALL)
    used = vpp.buffers_used()
    floods = [net.process(ns, "ping -n -q -f -s 60000 -w 2 10.10.1.2", stdout=-3, stderr=-3)
              for _ in range(4)]
    for flood in floods:
        flood.wait(30)
    lib.wait_for(lambda: vpp.buffers_used() <= used, "buffers to come back", timeout=40)
    assert ns.ping("10.10.1.2", count=5) == 5


def test_too_few_for_a_port(net):
    """So few that a port could not have its queue: it still works, or it says so; no crash."""
    ns = net.namespace()
    for i in range(8):
        ns.veth(f"v{i}", f"h{i}")
        ns.ip(f"addr add 10.10.{i}.1/24 dev h{i}")
    vpp = net.vpp(ns, config="buffers { buffers-per-numa 64 }")
    for i in range(8):
        done = vpp.vppctl(f"create host-interface name v{i}")
        if done.returncode == 0:
            vpp.configure(f"""
                set int ip address host-v{i} 10.10.{i}.2/24
                set int state host-v{i} up
            """)
    assert vpp.alive()
    assert ns.ping("10.10.0.2") >= 2


def test_tcp_through_a_small_pool(net):
    vpp, _, left, right = net.routed(config="buffers { buffers-per-numa 1024 }")
    assert transfer(left, right, "10.2.0.1", 8 << 20)
    lib.wait_for(lambda: vpp.buffers_used() < vpp.buffers_total() / 2, "buffers to come back")

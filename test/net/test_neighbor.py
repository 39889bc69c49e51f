"""ARP: resolving, replying, ageing, learning only what should be learnt."""
import time

import lib
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

BROADCAST = "ff:ff:ff:ff:ff:ff"


def one_port(net, **kwargs):
    """vpp with 10.10.1.2/24, and a wire to it; no neighbour is known."""
    ns = net.namespace()
    ns.veth("vpp1out", "hand")
    vpp = net.vpp(ns, **kwargs)
    vpp.configure("""
        create host-interface name vpp1out
        set int ip address host-vpp1out 10.10.1.2/24
        set int state host-vpp1out up
    """)
    wire = net.wire(ns, "hand")
    wire.vpp_mac = vpp.mac("host-vpp1out")
    return vpp, wire


def request(wire, psrc, pdst, dst=BROADCAST, **fields):
    return Ether(dst=dst, src=wire.mac) / ARP(op=1, hwsrc=fields.pop("hwsrc", wire.mac), psrc=psrc,
                                              pdst=pdst, **fields)


def reply(wire, psrc, pdst="10.10.1.2", mac=None):
    return Ether(dst=wire.vpp_mac, src=mac or wire.mac) / ARP(
        op=2, hwsrc=mac or wire.mac, psrc=psrc, hwdst=wire.vpp_mac, pdst=pdst)


def echo(wire, src="10.10.1.1", dst="10.10.1.2", seq=1, data=b"x" * 32):
    return Ether(dst=wire.vpp_mac, src=wire.mac) / IP(src=src, dst=dst) / ICMP(seq=seq) / Raw(data)


def is_request_for(address):
    return lambda f: ARP in f and f[ARP].op == 1 and f[ARP].pdst == address


def is_reply_from(address):
    return lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == address


def is_echo_reply(f):
    return ICMP in f and f[ICMP].type == 0


def test_answers_a_request(net):
    vpp, wire = one_port(net)
    wire.send(request(wire, "10.10.1.1", "10.10.1.2"))
    answer = wire.expect(is_reply_from("10.10.1.2"), "ARP reply")
    assert answer[Ether].dst == wire.mac and answer[Ether].src == wire.vpp_mac
    assert answer[ARP].hwsrc == wire.vpp_mac and answer[ARP].hwdst == wire.mac
    assert answer[ARP].pdst == "10.10.1.1"
    lib.wait_for(lambda: "10.10.1.1" in vpp.neighbors(), "the asker to be learnt")
    assert vpp.error_count("ARP replies sent") == 1


def test_does_not_answer_for_others(net):
    vpp, wire = one_port(net)
    wire.send(request(wire, "10.10.1.1", "10.10.1.77"))
    wire.silent(is_reply_from("10.10.1.77"), "ARP reply")
    assert vpp.alive()


def test_asks_before_it_sends_and_keeps_the_packet(net):
    """A packet to an unknown neighbour waits for the answer."""
    vpp, wire = one_port(net)
    # the source is not a neighbour yet: an answer to it has to wait for ARP
    wire.send(echo(wire))
    question = wire.expect(is_request_for("10.10.1.1"), "ARP request")
    assert question[Ether].dst == BROADCAST and question[ARP].psrc == "10.10.1.2"
    assert question[ARP].hwsrc == wire.vpp_mac
    wire.send(reply(wire, "10.10.1.1"))
    wire.expect(is_echo_reply, "echo reply")
    assert vpp.neighbors()["10.10.1.1"] == ("D", wire.mac, "host-vpp1out")


def test_all_fragments_wait(net):
    """The first datagram to a host that is not known yet: it comes whole, or not at all."""
    switch, near, far = net.namespace(), net.namespace(), net.namespace()
    switch.veth("pa", "n0", near)
    switch.veth("pb", "f0", far)
    near.ip("addr add 10.8.0.1/24 dev n0")
    near.ip("route add default via 10.8.0.2")
    far.ip("addr add 10.9.0.1/24 dev f0")
    far.ip("route add default via 10.9.0.2")
    vpp = net.vpp(switch)
    vpp.configure("""
        create host-interface name pa
        create host-interface name pb
        set int ip address host-pa 10.8.0.2/24
        set int ip address host-pb 10.9.0.2/24
        set int state host-pa up
        set int state host-pb up
    """)
    for size in 20000, 65507:
        assert "10.9.0.1" not in vpp.neighbors()
        assert near.ping("10.9.0.1", 1, size=size, extra="-i 5") == 1  # one datagram, however slow
        vpp.ctl("set int state host-pb down")
        vpp.ctl("set int state host-pb up")
    assert vpp.error_count("ARP requests throttled") == 0


def test_unresolvable_is_counted_and_recovers(net):
    vpp, wire = one_port(net)
    before = vpp.buffers_used()
    wire.send([bytes(echo(wire))] * 300)
    wire.expect(is_request_for("10.10.1.1"), "ARP request")
    # nobody answers: what waits is limited, the rest is counted; in time all of it is let go
    lib.wait_for(lambda: vpp.buffers_used() <= before, "waiting packets to be given up", timeout=15)
    assert vpp.error_count("ARP requests throttled") + \
        vpp.error_count("next hop does not answer") == 300, vpp.errors()
    assert vpp.drops() == 300
    # and now somebody does
    wire.drain()
    wire.send(echo(wire))
    wire.expect(is_request_for("10.10.1.1"), "ARP request")
    wire.send(reply(wire, "10.10.1.1"))
    wire.expect(is_echo_reply, "echo reply")


def test_requests_are_rate_limited(net):
    """A flood to an address that nobody has does not make a flood of requests."""
    _, wire = one_port(net)
    wire.send([bytes(echo(wire))] * 500)
    requests = sum(1 for f in wire.frames(0.3) if is_request_for("10.10.1.1")(f))
    assert 1 <= requests < 50


def test_static_entry(net):
    vpp, wire = one_port(net)
    vpp.ctl(f"set ip neighbor static host-vpp1out 10.10.1.1 {wire.mac}")
    assert vpp.neighbors()["10.10.1.1"] == ("S", wire.mac, "host-vpp1out")
    wire.send(echo(wire))
    wire.expect(is_echo_reply, "echo reply, without a question")
    # no ARP packet changes what was configured
    other = "02:00:00:00:00:66"
    wire.send(reply(wire, "10.10.1.1", mac=other))
    wire.send(Ether(dst=BROADCAST, src=other) / ARP(op=1, hwsrc=other, psrc="10.10.1.1",
                                                    pdst="10.10.1.2"))
    lib.wait_for(lambda: vpp.counter("host-vpp1out", "rx packets") >= 3, "the frames")
    time.sleep(0.05)
    assert vpp.neighbors()["10.10.1.1"] == ("S", wire.mac, "host-vpp1out")
    assert f"set ip neighbor static host-vpp1out 10.10.1.1 {wire.mac}" in \
        "\n".join(vpp.running_config())
    vpp.ctl(f"set ip neighbor del host-vpp1out 10.10.1.1 {wire.mac}")
    assert vpp.neighbors() == {}


def test_neighbor_moves_to_another_mac(net):
    """A reply with a new address, and a gratuitous request, both change what is known."""
    vpp, wire = one_port(net)
    wire.send(request(wire, "10.10.1.1", "10.10.1.2"))
    lib.wait_for(lambda: "10.10.1.1" in vpp.neighbors(), "the neighbour")
    other = "02:00:00:00:00:66"
    wire.send(Ether(dst=BROADCAST, src=other) / ARP(op=1, hwsrc=other, psrc="10.10.1.1",
                                                    pdst="10.10.1.1"))
    lib.wait_for(lambda: vpp.neighbors()["10.10.1.1"][1] == other, "the gratuitous ARP to count")
    wire.send(echo(wire))
    assert wire.expect(is_echo_reply, "echo reply")[Ether].dst == other


def test_ageing(net):
    """After age and unanswered probes the entry goes; while somebody answers, it stays."""
    vpp, wire = one_port(net)
    vpp.ctl("set ip neighbor-config ip4 limit 1000 age 1 norecycle")
    wire.send(request(wire, "10.10.1.1", "10.10.1.2"))
    lib.wait_for(lambda: "10.10.1.1" in vpp.neighbors(), "the neighbour")
    # first probe is answered
    wire.expect(is_request_for("10.10.1.1"), "probe", timeout=6)
    wire.send(reply(wire, "10.10.1.1"))
    time.sleep(0.1)
    assert "10.10.1.1" in vpp.neighbors()
    # the next ones are not
    wire.expect(is_request_for("10.10.1.1"), "probe", timeout=6)
    lib.wait_for(lambda: vpp.neighbors() == {}, "the neighbour to age out", timeout=15)
    assert "10.10.1.1/32" not in vpp.ctl("show ip fib")


def test_static_does_not_age(net):
    vpp, wire = one_port(net)
    vpp.ctl("set ip neighbor-config ip4 limit 1000 age 1 norecycle")
    vpp.ctl(f"set ip neighbor static host-vpp1out 10.10.1.1 {wire.mac}")
    time.sleep(2.5)
    assert "10.10.1.1" in vpp.neighbors()


def test_limit(net):
    """No more neighbours than the limit: a scan does not eat the memory."""
    vpp, wire = one_port(net)
    vpp.ctl("set ip neighbor-config ip4 limit 20 age 0 norecycle")
    for i in range(10, 110):
        wire.send(request(wire, f"10.10.1.{i}", "10.10.1.2"))
    wire.collect(lambda f: ARP in f and f[ARP].op == 2, 20, "ARP reply")
    lib.wait_for(lambda: len(vpp.neighbors()) >= 20, "20 neighbours")
    time.sleep(0.1)
    assert len(vpp.neighbors()) == 20


def test_kernel_resolves_us_and_we_resolve_it(net):
    ns, vpp = net.main_job()
    ns.run("ping -n -c 1 -w 2 10.10.1.2")
    assert vpp.mac("host-vpp1out") in ns.ip("neigh show 10.10.1.2")
    ns.ip("neigh flush all")
    # the kernel accepts our unicast and broadcast requests
    vpp.ctl("set ip neighbor del host-vpp1out 10.10.1.1 " + ns.mac("vpp1host"))
    assert "5 received" in vpp.ctl("ping 10.10.1.1 interval 0.02")


def test_only_learns_what_it_should(net):
    """Senders outside our subnet, our own address, groups and zero: nothing of it is learnt."""
    vpp, wire = one_port(net)
    for psrc in ("192.168.1.1", "10.10.1.2", "10.10.1.255", "10.10.1.0", "0.0.0.0", "224.0.0.5",
                 "255.255.255.255", "127.0.0.1"):
        wire.send(request(wire, psrc, "10.10.1.2"))
    for hwsrc in ("01:00:5e:00:00:05", BROADCAST, "00:00:00:00:00:00"):
        wire.send(request(wire, "10.10.1.9", "10.10.1.2", hwsrc=hwsrc))
    # neither from a reply that we did not ask for and that is not for us
    wire.send(Ether(dst=wire.vpp_mac, src=wire.mac) / ARP(
        op=2, hwsrc=wire.mac, psrc="10.10.1.30", hwdst=wire.mac, pdst="10.10.1.31"))
    wire.send(request(wire, "10.10.1.1", "10.10.1.2"))  # the last one is good
    lib.wait_for(lambda: "10.10.1.1" in vpp.neighbors(), "the good one")
    assert set(vpp.neighbors()) == {"10.10.1.1"}, vpp.neighbors()


def test_probe_for_our_address_is_answered(net):
    """RFC 5227: somebody asks, from 0.0.0.0, whether our address is free."""
    vpp, wire = one_port(net)
    wire.send(request(wire, "0.0.0.0", "10.10.1.2"))
    wire.expect(is_reply_from("10.10.1.2"), "ARP reply")
    assert vpp.neighbors() == {}


def test_address_is_announced(net):
    """Setting an address, or taking the interface up, tells the link (gratuitous ARP)."""
    vpp, wire = one_port(net)
    wire.drain()
    vpp.ctl("set int ip address host-vpp1out 10.10.1.3/24")
    wire.expect(lambda f: ARP in f and f[ARP].psrc == "10.10.1.3" and f[ARP].pdst == "10.10.1.3",
                "gratuitous ARP")


def test_neighbours_go_with_the_address(net):
    vpp, wire = one_port(net)
    vpp.ctl(f"set ip neighbor host-vpp1out 10.10.1.1 {wire.mac}")
    vpp.ctl("set int ip address del host-vpp1out 10.10.1.2/24")
    lib.wait_for(lambda: vpp.neighbors() == {}, "dynamic neighbours of the prefix to go")

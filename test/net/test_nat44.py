"""NAT between namespaces: the tutorial's chapter as it is typed, and real programs through it."""
import re

import lib
import pytest


@pytest.fixture
def tutorial(net):
    """inside 10.10.2.1 -- 10.10.2.2 [vpp] 10.10.1.2 -- 10.10.1.1 outside, which knows no way to 10.10.2.0/24."""
    switch, inside, outside = net.namespace(), net.namespace(), net.namespace()
    switch.veth("vpp1inside", "in", inside)
    switch.veth("vpp1outside", "out", outside)
    inside.ip("addr add 10.10.2.1/24 dev in")
    inside.ip("addr add 10.10.2.3/24 dev in")
    inside.ip("route add default via 10.10.2.2")
    outside.ip("addr add 10.10.1.1/24 dev out")
    vpp = net.vpp(switch)
    vpp.configure("""
        create host-interface name vpp1inside
        create host-interface name vpp1outside
        set int state host-vpp1inside up
        set int state host-vpp1outside up
        set int ip address host-vpp1inside 10.10.2.2/24
        set int ip address host-vpp1outside 10.10.1.2/24
        nat44 plugin enable
        nat44 add interface address host-vpp1outside
        set interface nat44 in host-vpp1inside out host-vpp1outside
    """)
    return vpp, inside, outside


def test_the_chapter(tutorial):
    vpp, inside, _ = tutorial
    assert inside.ping("10.10.1.1", count=5) == 5
    shown = vpp.ctl("show nat44 sessions")
    assert re.search(r"^    i2o 10\.10\.2\.1 proto ICMP port \d+ fib 0\n    o2i 10\.10\.1\.2 proto ICMP port \d+ fib 0\n"
                     r"       external host 10\.10\.1\.1:\d+\n", shown, re.M), shown
    assert vpp.ctl("show nat44 addresses").splitlines()[:3] == \
        ["NAT44 pool addresses:", "10.10.1.2", "  tenant VRF independent"]
    assert vpp.ctl("show nat44 interfaces").split() == ["NAT44", "interfaces:", "host-vpp1inside", "in", "host-vpp1outside", "out"]
    # its own neighbours are still the switch's
    assert "3 sent, 3 received" in vpp.ctl("ping 10.10.1.1 source host-vpp1inside repeat 3 interval 0.02") or \
        inside.ping("10.10.2.2") == 3


@pytest.fixture(params=["in and out", "output-feature", "endpoint-independent"])
def nat(request, tutorial):
    """As the chapter has it, or translated behind the route, or by the other NAT44."""
    if request.param == "output-feature":
        tutorial[0].ctl("set interface nat44 in host-vpp1inside out host-vpp1outside del")
        tutorial[0].ctl("set interface nat44 out host-vpp1outside output-feature")
    elif request.param == "endpoint-independent":
        tutorial[0].ctl("nat44 plugin disable")
        tutorial[0].ctl("nat44 ei plugin enable")
        tutorial[0].ctl("nat44 ei add interface address host-vpp1outside")
        tutorial[0].ctl("set interface nat44 ei in host-vpp1inside out host-vpp1outside")
    return tutorial


def test_large_pings(nat):
    """In fragments there and back, which are as many on both sides."""
    _, inside, _ = nat
    assert inside.ping("10.10.1.1", count=5, size=5000) == 5


def test_tcp(nat):
    vpp, inside, outside = nat
    seen = []
    server = lib.serve_echoes(outside, "0.0.0.0", 8, seen)
    for n in range(8):  # two hosts, the same ports
        assert lib.echoes(inside, "10.10.1.1", ("10.10.2.1" if n % 2 else "10.10.2.3", 30000 + n // 2))
    server.join(20)
    assert {host for host, _ in seen} == {"10.10.1.2"} and len(set(seen)) == 8

    def done():
        others = [s for u in vpp.json("show nat44 ei sessions detail")["users"] for s in u["sessions"]]
        return vpp.json("show nat44 summary")["tcp_transitory"]["total"] + sum(s["timeout_in"] <= 240 for s in others)
    lib.wait_for(lambda: done() == 8, "all connections to be done")


def test_udp_errors_find_their_way(nat):
    """A port where nobody listens: the error comes back to the socket inside."""
    _, inside, _ = nat
    assert lib.is_refused(inside, "10.10.1.1")

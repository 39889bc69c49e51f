"""NAT66 between kernels: a host inside has another address outside, for whoever begins."""
import lib
import pytest

EXTERNAL = "2001:db8:e::1"


@pytest.fixture
def nat(net):
    """inside 2001:db8:1::1 -- [vpp] -- 2001:db8:2::1 outside, which has a route to 2001:db8:e::/64."""
    switch, inside, outside = net.namespace(), net.namespace(ipv6=True), net.namespace(ipv6=True)
    vpp = net.vpp(switch)
    vpp.host_interface("inside", 1, inside, "e0", gateway=True)
    vpp.host_interface("outside", 2, outside, "e0")
    outside.ip("-6 route add 2001:db8:e::/64 via 2001:db8:2::2")
    vpp.configure(f"""
        nat66 plugin enable
        nat66 add static mapping local 2001:db8:1::1 external {EXTERNAL}
        set interface nat66 in host-inside
        set interface nat66 out host-outside
    """)
    lib.wait_for(lambda: inside.ping("2001:db8:2::1", count=1, deadline=1) == 1, "the links", timeout=20)
    return vpp, inside, outside


def test_ping(nat):
    vpp, inside, outside = nat
    assert inside.ping("2001:db8:2::1") == 3
    assert outside.ping(EXTERNAL) == 3
    assert inside.ping("2001:db8:2::1", size=5000) == 3  # in fragments
    assert vpp.json("show nat66 static mappings")["static_mappings"][0]["packets"] >= 12


def test_a_smaller_link_outside(nat):
    """The kernel inside hears that its packets are too large, and sends smaller ones."""
    vpp, inside, _ = nat
    vpp.ctl("set interface mtu packet 1300 host-outside")
    lib.wait_for(lambda: inside.ping("2001:db8:2::1", count=1, size=1400, deadline=1) == 1, "smaller packets", timeout=20)
    assert "mtu 1300" in inside.ip("-6 route get 2001:db8:2::1")


def test_tcp(nat):
    _, inside, outside = nat
    seen = []
    there, back = lib.serve_echoes(outside, "::", 1, seen), lib.serve_echoes(inside, "::", 1, seen)
    assert lib.echoes(inside, "2001:db8:2::1")
    there.join(30)
    assert lib.echoes(outside, EXTERNAL)
    back.join(30)
    assert [host for host, _ in seen] == [EXTERNAL, "2001:db8:2::1"]


def test_errors_find_their_way(nat):
    """A port where nobody listens: the socket hears of it, whichever side it is on."""
    _, inside, outside = nat
    assert lib.is_refused(inside, "2001:db8:2::1")
    assert lib.is_refused(outside, EXTERNAL)

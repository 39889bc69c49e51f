"""Path MTUs of what the switch sends, behind a kernel that routes to a shorter link."""
import lib
import pytest

SWITCH, FAR = "2001:db8:1::2", "2001:db8:9::1"


@pytest.fixture
def far(net):
    """vpp 2001:db8:1::2 -- ::1 router 2001:db8:9::2 -- (MTU 1300) -- ::1 far"""
    ns = net.namespace()
    router, far = (net.namespace(ipv6=True) for _ in range(2))
    for x in (router, far):
        for where in ("all", "default"):
            x.sysctl(f"net/ipv6/conf/{where}/accept_dad", 0)
            x.sysctl(f"net/ipv6/conf/{where}/accept_ra", 0)
    router.sysctl("net/ipv6/conf/all/forwarding", 1)
    ns.veth("out", "r0", router)
    router.veth("r1", "f0", far)
    router.ip("addr add 2001:db8:1::1/64 dev r0 nodad")
    router.ip("addr add 2001:db8:9::2/64 dev r1 nodad")
    router.ip("link set r1 mtu 1300")
    far.ip("link set f0 mtu 1300")
    far.ip(f"addr add {FAR}/64 dev f0 nodad")
    far.ip("route add default via 2001:db8:9::2")
    vpp = net.vpp(ns)
    vpp.configure(f"""
        create host-interface name out
        set int ip address host-out {SWITCH}/64
        set int state host-out up
        ip route add 2001:db8:9::/64 via 2001:db8:1::1
    """)
    far.vpp = vpp
    return far


def known(vpp):
    return {p["destination"]: p["mtu"] for p in vpp.json("show ip pmtu")["paths"]}


def test_what_the_switch_asks(far):
    """The router says that the first is too big; those behind it are cut."""
    lib.wait_for(lambda: ", 1 received" in far.vpp.ctl(f"ping {FAR} size 1400 repeat 1"), "an answer", timeout=30)
    assert known(far.vpp) == {FAR: 1300}
    assert ", 3 received" in far.vpp.ctl(f"ping {FAR} size 3000 repeat 3 interval 0.1")


def test_what_the_switch_answers(far):
    """The kernel's request came in pieces; so does the answer, once the router has complained."""
    lib.wait_for(lambda: far.ping(SWITCH, count=1, size=1400, deadline=1) == 1, "an answer", timeout=30)
    assert known(far.vpp) == {FAR: 1300}

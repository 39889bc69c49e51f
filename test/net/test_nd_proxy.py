"""Neighbour discovery answered for others, between kernels that think that they are on one link."""
import lib

LEFT, RIGHT = "2001:db8:1::1", "2001:db8:1::99"


def split(net):
    """Kernel -- vpp -- kernel, one subnet: left ::1 -- ::2 [vpp] borrowed -- ::99 right."""
    switch, hosts = net.namespace(), {}
    vpp = net.vpp(switch)
    for name in ("left", "right"):
        host = hosts[name] = net.namespace(ipv6=True)
        for where in ("all", "default"):
            host.sysctl(f"net/ipv6/conf/{where}/accept_ra", 0)
        switch.veth(name, "eth0", host)
        vpp.configure(f"""
            create host-interface name {name}
            set interface state host-{name} up
        """)
    vpp.configure(f"""
        set interface ip address host-left 2001:db8:1::2/64
        set interface unnumbered host-right use host-left
        set ip6 nd proxy host-left {LEFT}
        set ip6 nd proxy host-right {RIGHT}
    """)
    hosts["left"].ip(f"addr add {LEFT}/64 dev eth0 nodad")
    return vpp, hosts["left"], hosts["right"]


def state(host, address):
    return host.ip(f"-6 neigh show {address} dev eth0")


def test_both_reach_each_other(net):
    vpp, left, right = split(net)
    # its own address is not taken, where it is
    for name in ("accept_dad", "dad_transmits"):
        right.sysctl(f"net/ipv6/conf/eth0/{name}", 1)
    right.ip(f"addr add {RIGHT}/64 dev eth0")
    lib.wait_for(lambda: "tentative" not in right.ip("-6 addr show dev eth0"), "the probe's end", 20)
    assert "dadfailed" not in right.ip("-6 addr show dev eth0")
    assert left.ping(RIGHT, count=3) == 3
    assert right.ping(LEFT, count=3) == 3
    assert vpp.mac("host-left") in state(left, RIGHT) and vpp.mac("host-right") in state(right, LEFT)
    # a kernel that asks whether it is still there asks just the one that answered
    for host, port, address in ((left, "left", RIGHT), (right, "right", LEFT)):
        host.ip(f"-6 neigh replace {address} lladdr {vpp.mac(f'host-{port}')} dev eth0 nud probe")
        lib.wait_for(lambda h=host, a=address: "REACHABLE" in state(h, a), "an answer to probes", 20)


def test_a_kernel_finds_that_its_address_is_taken(net):
    vpp, left, right = split(net)
    right.ip(f"addr add {RIGHT}/64 dev eth0 nodad")
    left.sysctl("net/ipv6/conf/eth0/accept_dad", 1)
    left.sysctl("net/ipv6/conf/eth0/dad_transmits", 5)  # a second each, in which an answer has to come
    left.ip(f"addr add {RIGHT}/64 dev eth0")
    lib.wait_for(lambda: "dadfailed" in left.ip("-6 addr show dev eth0"), "the kernel to find out", 30)
    assert vpp.alive()

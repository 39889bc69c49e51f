"""A cross-connect of layer 3 between kernels: no route leads from one to the other, and they reach each other."""
import lib


def test_kernels_through_a_cross_connect(net):
    """Each end has the other's address behind a gateway; both protocols, and both ways."""
    switch, left, right = net.namespace(), net.namespace(ipv6=True), net.namespace(ipv6=True)
    vpp = net.vpp(switch)
    for n, (name, ns) in enumerate((("left", left), ("right", right)), 1):
        vpp.host_interface(name, n, ns, "e0", gateway=True)
    # addresses that the switch knows nothing of
    left.ip("addr add 172.16.1.1/32 dev lo")
    right.ip("addr add 172.16.2.1/32 dev lo")
    left.ip("-6 addr add 2001:db8:f1::1/128 dev lo")
    right.ip("-6 addr add 2001:db8:f2::1/128 dev lo")

    def received(address, source):
        return left.run(f"ping -n -c 1 -W 1 -I {source} {address}", check=False).returncode == 0

    pairs = (("172.16.2.1", "172.16.1.1"), ("2001:db8:f2::1", "2001:db8:f1::1"))
    lib.wait_for(lambda: received("10.2.0.1", "10.1.0.1"), "the links", timeout=20)
    for address, source in pairs:
        assert not received(address, source)
    vpp.configure("""
        l3xc add host-left via 10.2.0.1 host-right
        l3xc add host-right via 10.1.0.1 host-left
        l3xc add host-left via 2001:db8:2::1 host-right
        l3xc add host-right via 2001:db8:1::1 host-left
    """)
    for address, source in pairs:
        lib.wait_for(lambda a=address, s=source: received(a, s), f"{address} through the cross-connects", timeout=20)
    vpp.ctl("l3xc del host-left")
    for address, source in pairs:
        assert not received(address, source)

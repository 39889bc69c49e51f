"""Duplicate addresses, and groups, with kernels at the other end."""
import lib


def link(net):
    """vpp host-v0 2001:db8:1::1 ==veth== h0, a kernel."""
    ns, host = net.namespace(), net.namespace(ipv6=True)
    ns.veth("v0", "h0", host)
    vpp = net.vpp(ns)
    vpp.configure("""
        create host-interface name v0
        ip6 nd host-v0 ra-suppress
        set interface ip address host-v0 2001:db8:1::1/64
        set interface state host-v0 up
    """)
    return host, vpp


def test_a_kernel_finds_that_we_have_it(net):
    host, vpp = link(net)
    for name in ("accept_dad", "dad_transmits"):
        host.sysctl(f"net/ipv6/conf/h0/{name}", 1)
    host.ip("addr add 2001:db8:1::1/64 dev h0")
    lib.wait_for(lambda: "dadfailed" in host.ip("-6 addr show dev h0"), "the kernel to find out", 20)
    host.ip("addr del 2001:db8:1::1/64 dev h0")
    host.ip("addr add 2001:db8:1::2/64 dev h0 nodad")
    assert host.ping("2001:db8:1::1", count=2) == 2
    assert vpp.error_count("neighbor advertisements sent") >= 1


def test_we_find_that_a_kernel_has_it(net):
    host, vpp = link(net)
    host.ip("addr add 2001:db8:1::7/64 dev h0 nodad")
    vpp.ctl("set ip6 dad enable transmits 3 delay 1")
    vpp.ctl("set interface ip address host-v0 2001:db8:1::7/64")
    lib.wait_for(lambda: "DAD FAILED: Duplicate address 2001:db8:1::7 on sw_if_index 1 - IP REMAINS CONFIGURED" in
                 vpp.ctl("show logging"), "the duplicate", 20)
    assert vpp.json("show ip6 dad")["active"] == 0
    # and that nobody has another
    vpp.ctl("set interface ip address host-v0 2001:db8:1::8/64")
    assert [e["address"] for e in vpp.json("show ip6 dad")["entries"]] == ["2001:db8:1::8"]
    lib.wait_for(lambda: vpp.json("show ip6 dad")["active"] == 0, "the end", 20)
    assert "Duplicate address 2001:db8:1::8" not in vpp.ctl("show logging")


def test_a_snooping_bridge_knows_our_groups(net):
    host, vpp = link(net)
    host.ip("link add br0 type bridge mcast_snooping 1 mcast_querier 1")
    host.ip("link set h0 master br0")
    host.ip("link set br0 up")

    def groups():
        return {word for line in host.run("bridge mdb show dev br0").stdout.splitlines() if "port h0" in line
                for word in line.split() if word.startswith("ff02::")}
    lib.wait_for(lambda: "ff02::1:ff00:1" in groups(), "the group of our address", 60)
    vpp.ctl("set interface ip address host-v0 2001:db8:1::5:5555/64")
    lib.wait_for(lambda: "ff02::1:ff05:5555" in groups(), "a group more", 60)
    vpp.ctl("set interface ip address del host-v0 2001:db8:1::5:5555/64")
    lib.wait_for(lambda: "ff02::1:ff05:5555" not in groups(), "a group less", 60)
    # those in which hosts are asked for that it answers for
    vpp.ctl("create loopback interface")
    vpp.ctl("set ip6 nd proxy loop0 2001:db8:1::7:7777")
    lib.wait_for(lambda: "ff02::1:ff07:7777" in groups(), "the group of a proxied host", 60)
    vpp.ctl("set ip6 nd proxy loop0 del 2001:db8:1::7:7777")
    lib.wait_for(lambda: "ff02::1:ff07:7777" not in groups(), "a group less", 60)

"""Router discovery with the routers and hosts that people have: the kernel, rdisc6, radvd, dnsmasq."""
import ipaddress
import re

import pytest

import lib


def link(net, autoconf):
    """vpp host-v0 ==veth== h0, a kernel; autoconf: that is a host."""
    ns, other = net.namespace(), net.namespace(ipv6=True)
    for where in ("all", "default"):
        for name, value in (("accept_dad", 0), ("dad_transmits", 0), ("accept_ra", 2 if autoconf else 0),
                            ("forwarding", 0 if autoconf else 1)):
            other.sysctl(f"net/ipv6/conf/{where}/{name}", value)
    ns.veth("v0", "h0", other, up=False)
    vpp = net.vpp(ns)
    return ns, other, vpp


def up(ns, other):
    ns.ip("link set v0 up")
    other.ip("link set h0 up")


def test_a_kernel_configures_itself(net):
    ns, host, vpp = link(net, True)
    up(ns, host)
    vpp.configure("""
        create host-interface name v0
        set interface ip address host-v0 2001:db8:1::1/64
        ip6 nd host-v0 prefix 2001:db8:1::/64 infinite
        ip6 nd host-v0 prefix 2001:db8:9::/64 1000 500 no-autoconfig
        ip6 nd host-v0 ra-lifetime 1800
        set interface state host-v0 up
        create loopback interface
        set interface ip address loop0 2001:db8:77::1/128
        set interface state loop0 up
    """)
    lib.wait_for(lambda: "inet6 2001:db8:1:" in host.ip("-6 addr show dev h0"), "an address", 15)
    assert "inet6 2001:db8:9:" not in host.ip("-6 addr show dev h0")
    lib.wait_for(lambda: "default via fe80::" in host.ip("-6 route show dev h0"), "a default route", 15)
    routes = host.ip("-6 route show dev h0")
    assert re.search(r"default via fe80::\S+ proto ra .* expires 1[78]\d\dsec hoplimit 64", routes), routes
    assert "2001:db8:9::/64 proto kernel" in routes, routes
    assert host.ping("2001:db8:77::1", count=3) == 3
    # it is no router any more
    vpp.ctl("ip6 nd host-v0 ra-cease")
    lib.wait_for(lambda: "default via" not in host.ip("-6 route show dev h0"), "the route to go", 15)


def test_rdisc6(net):
    ns, host, vpp = link(net, False)
    up(ns, host)
    vpp.configure("""
        create host-interface name v0
        set interface ip address host-v0 2001:db8:1::1/64
        ip6 nd host-v0 prefix 2001:db8:1::/64 1000 500
        ip6 nd host-v0 ra-other-config-flag
        set interface state host-v0 up
    """)
    own = vpp.json("show ip6 interface host-v0")["interfaces"][0]["link_local"]
    lib.wait_for(lambda: "fe80::" in host.ip("-6 addr show dev h0"), "its own address", 15)
    heard = []

    def answered():
        heard.append(host.run("rdisc6 -1 h0", check=False, timeout=60))
        return heard[-1].returncode == 0
    lib.wait_for(answered, "an answer", 60)
    out = heard[-1].stdout
    for line in (r"Hop limit +: +64", "Stateful address conf. +: +No", "Stateful other conf. +: +Yes", "Router lifetime +: +600 ",
                 "Prefix +: 2001:db8:1::/64", "On-link +: +Yes", r"Autonomous address conf.: +Yes",
                 "Source link-layer address: " + vpp.mac("host-v0").upper(), f"from {own}"):
        assert re.search(line, out), (line, out)
    assert vpp.json("show ip6 interface host-v0")["interfaces"][0]["solicitations_received"] >= 1


def radvd(folder):
    config = folder / "radvd.conf"
    config.write_text("interface h0 { AdvSendAdvert on; AdvLinkMTU 1400; AdvCurHopLimit 33; prefix 2001:db8:5::/64 { }; };\n")
    return ["radvd", "-n", "-u", "root", "-C", str(config), "-p", f"{config}.pid", "-m", "none"]


def dnsmasq(folder):
    return ["dnsmasq", "-C", "/dev/null", "--no-daemon", "-i", "h0", "--bind-interfaces", "--no-resolv", "-p0", "--user=root",
            "--dhcp-range=2001:db8:5::,ra-only,64", "--enable-ra", f"--dhcp-leasefile={folder}/leases", "--pid-file="]


@pytest.mark.parametrize("start", [radvd, dnsmasq])
def test_we_configure_ourselves(net, start, tmp_path):
    ns, router, vpp = link(net, False)
    up(ns, router)
    router.ip("addr add 2001:db8:5::1/64 dev h0 nodad")
    router.ip("addr add 2001:db8:99::1/128 dev lo nodad")
    net.process(router, start(tmp_path))
    vpp.configure("""
        create host-interface name v0
        set interface state host-v0 up
        ip6 nd address autoconfig host-v0 default-route
    """)

    def addresses():
        return vpp.json("show ip6 interface host-v0")["interfaces"][0]["addresses"]
    lib.wait_for(addresses, "an address", 30)
    (own,) = addresses()
    assert own.startswith("2001:db8:5::") or own.startswith("2001:db8:5:0:"), own
    assert own.endswith("/64") and ipaddress.ip_interface(own).packed[-3:] == lib.octets(vpp.mac("host-v0"))[-3:], own
    lib.wait_for(lambda: "fe80::" in vpp.ctl("show ip6 fib ::/0"), "a default route", 30)
    # beyond the router, there and back
    assert "3 sent, 3 received" in vpp.ctl("ping 2001:db8:99::1 repeat 3 interval 0.1")
    assert router.ping(own.split("/")[0], count=3) == 3
    if start is radvd:
        assert vpp.json("show ip6 interface host-v0")["interfaces"][0]["mtu"] == 1400
        assert " ttl=33 " in router.run(f"ping -n -c 1 {own.split('/')[0]}").stdout
    assert not [line for line in vpp.running_config() if "2001:db8" in line]

"""IPv6 between kernels: the main job, through the switch, errors to the sender, neighbours."""
import ipaddress
import re

import lib

ANSWER = r"76 bytes from 2001:db8:1::1: icmp_seq={} ttl=64 time=\d*\.\d{{4}} ms"


def quiet(ns):
    """Addresses are there at once."""
    for where in ("all", "default"):
        ns.sysctl(f"net/ipv6/conf/{where}/accept_dad", 0)
        ns.sysctl(f"net/ipv6/conf/{where}/dad_transmits", 0)
        ns.sysctl(f"net/ipv6/conf/{where}/accept_ra", 0)
    return ns


def main_job(net):
    """vpp 2001:db8:1::2 -- host-vpp1out -- vpp1out ==veth== vpp1host 2001:db8:1::1"""
    ns = net.namespace()
    host = quiet(net.namespace(ipv6=True))
    ns.veth("vpp1out", "vpp1host", host)
    host.ip("addr add 2001:db8:1::1/64 dev vpp1host nodad")
    vpp = net.vpp(ns)
    vpp.configure("""
        create host-interface name vpp1out
        set int ip address host-vpp1out 2001:db8:1::2/64
        set int state host-vpp1out up
    """)
    return host, vpp


def routed(net):
    """Kernel -- vpp -- kernel: left ::1 -- 2001:db8:1::2 [vpp] 2001:db8:2::2 -- ::1 right."""
    switch = net.namespace()
    left, right = (quiet(net.namespace(ipv6=True)) for _ in range(2))
    switch.veth("left", "l0", left)
    switch.veth("right", "r0", right)
    left.ip("addr add 2001:db8:1::1/64 dev l0 nodad")
    left.ip("route add default via 2001:db8:1::2")
    right.ip("addr add 2001:db8:2::1/64 dev r0 nodad")
    right.ip("route add default via 2001:db8:2::2")
    vpp = net.vpp(switch)
    vpp.configure("""
        create host-interface name left
        create host-interface name right
        set int ip address host-left 2001:db8:1::2/64
        set int ip address host-right 2001:db8:2::2/64
        set int state host-left up
        set int state host-right up
    """)
    return vpp, left, right


def link_local(vpp, interface):
    """The switch's, as `show ip6 interface` has it."""
    return vpp.json(f"show ip6 interface {interface}")["interfaces"][0]["link_local"]


def test_main_job(net):
    host, vpp = main_job(net)
    assert "host-vpp1out (up):\n  L3 2001:db8:1::2/64\n" in vpp.ctl("show int addr")
    # the first packet waits for its neighbour and is not lost
    lines = vpp.ctl("ping 2001:db8:1::1 interval 0.5").splitlines()
    for i in range(5):
        assert re.fullmatch(ANSWER.format(i + 1), lines[i]), lines
    assert lines[5:] == ["", "Statistics: 5 sent, 5 received, 0% packet loss"]
    assert vpp.neighbors()["2001:db8:1::1"] == ("D", host.mac("vpp1host"), "host-vpp1out")
    # and from the kernel, which is told our address, and finds us reachable
    host.ip("-6 neigh flush dev vpp1host")
    assert host.ping("2001:db8:1::2", count=5) == 5
    neighbor = host.ip("-6 neigh show 2001:db8:1::2 dev vpp1host")
    assert f"lladdr {vpp.mac('host-vpp1out')} router REACHABLE" in neighbor, neighbor
    assert vpp.error_count("echo replies sent") >= 5  # it asks on while answers are late
    assert vpp.error_count("neighbor advertisements received") >= 1


def test_kernel_pings_first(net):
    """With cold caches on both sides, started by the kernel."""
    host, vpp = main_job(net)
    assert host.ping("2001:db8:1::2", count=5) == 5
    assert "2001:db8:1::1" in vpp.neighbors()
    assert host.ping("2001:db8:1::", count=3) == 3  # whichever router there is (RFC 4291 2.6.1)


def test_fragments(net):
    """Longer than the link, both ways: put together here and there."""
    host, vpp = main_job(net)
    assert host.ping("2001:db8:1::2", count=3, size=4000) == 3
    assert host.ping("2001:db8:1::2", count=2, size=40000) == 2
    assert vpp.error_count("successful reassemblies") == 5
    vpp.ctl("set interface mtu packet 1500 host-vpp1out")
    assert "3 sent, 3 received" in vpp.ctl("ping 2001:db8:1::1 repeat 3 interval 0.1 size 5000")
    assert host.ping("2001:db8:1::2", count=2, size=4000) == 2
    assert vpp.json("show ip6-full-reassembly")["reassemblies"] == 0


def test_link_local(net):
    host, vpp = main_job(net)
    own = link_local(vpp, "host-vpp1out")
    assert own.startswith("fe80::") and ipaddress.ip_address(own).packed[-3:] == lib.octets(vpp.mac("host-vpp1out"))[-3:], own
    assert host.ping(own + "%vpp1host", count=3) == 3
    theirs = re.search(r"inet6 (fe80::\S+)/64", host.ip("-6 addr show dev vpp1host")).group(1)
    assert "2 sent, 2 received" in vpp.ctl(f"ping {theirs} source host-vpp1out repeat 2 interval 0.1")
    # all nodes: answered from an address of one host
    out = host.run("ping -6 -n -L -c 1 -w 5 -I vpp1host ff02::1", check=False).stdout
    assert f"from {own}" in out, out
    # set by hand, and back
    vpp.ctl("set interface ip address host-vpp1out fe80::42/128")
    assert link_local(vpp, "host-vpp1out") == "fe80::42"
    assert host.ping("fe80::42%vpp1host", count=3) == 3
    assert "set interface ip address host-vpp1out fe80::42/128" in vpp.running_config()
    vpp.ctl("set interface ip address del host-vpp1out fe80::42/128")
    assert link_local(vpp, "host-vpp1out") == own


def test_enabled_without_an_address(net):
    host, vpp = main_job(net)
    vpp.ctl("set interface ip address del host-vpp1out 2001:db8:1::2/64")
    assert vpp.ctl("show ip6 interface host-vpp1out") == "IP6 disabled\n"
    vpp.ctl("enable ip6 interface host-vpp1out")
    own = link_local(vpp, "host-vpp1out")
    assert host.ping(own + "%vpp1host", count=3) == 3
    assert "enable ip6 interface host-vpp1out" in vpp.running_config()
    vpp.ctl("disable ip6 interface host-vpp1out")
    assert vpp.ctl("show ip6 interface host-vpp1out") == "IP6 disabled\n"
    assert "was not enabled" in vpp.fails("disable ip6 interface host-vpp1out")


def test_through(net):
    vpp, left, right = routed(net)
    assert left.ping("2001:db8:2::1", count=5) == 5
    assert right.ping("2001:db8:1::1", count=5, size=1400) == 5
    assert len(vpp.json("show ip6 neighbors")["neighbors"]) >= 2
    # hop by hop
    out = left.run("ping -n -c 1 -t 1 -w 5 2001:db8:2::1", check=False).stdout
    assert "From 2001:db8:1::2 icmp_seq=1 Time exceeded: Hop limit" in out, out
    assert left.ping("2001:db8:2::1", count=1, extra="-t 2") == 1


def test_tcp_through(net):
    vpp, left, right = routed(net)
    net.process(right, "iperf3 -s -1")
    lib.wait_for(lambda: ":5201" in right.run("ss -Hltn").stdout, "iperf3 to listen")
    out = left.run("iperf3 -6 -c 2001:db8:2::1 -n 50M", timeout=60).stdout
    assert "iperf Done" in out, out
    assert vpp.error_count("ip6 MTU exceeded") == 0


def test_errors_to_the_sender(net):
    vpp, left, right = routed(net)
    assert left.ping("2001:db8:2::1", count=1) == 1
    # no route: the transcript of VPP has silence there, RFC 4443 an error
    out = left.run("ping -n -c 1 -w 5 3fff::1", check=False).stdout
    assert "From 2001:db8:1::2 icmp_seq=1 Destination unreachable: No route" in out, out
    vpp.ctl("ip route add 3fff:1::/32 via prohibit")
    out = left.run("ping -n -c 1 -w 5 3fff:1::1", check=False).stdout
    assert "Destination unreachable: Administratively prohibited" in out, out
    # nobody there
    out = left.run("ping -n -c 1 -w 8 2001:db8:2::99", check=False).stdout
    assert "Destination unreachable: Address unreachable" in out, out
    # path MTU
    vpp.ctl("set interface mtu packet 1300 host-right")
    out = left.run("ping -n -c 1 -s 1400 -M do -w 5 2001:db8:2::1", check=False).stdout
    assert "From 2001:db8:1::2 icmp_seq=1 Packet too big: mtu=1300" in out, out
    assert "mtu 1300" in left.ip("-6 route get 2001:db8:2::1")
    net.process(right, "iperf3 -s -1")
    lib.wait_for(lambda: ":5201" in right.run("ss -Hltn").stdout, "iperf3 to listen")
    left.ip("-6 route flush cache")
    assert "iperf Done" in left.run("iperf3 -6 -c 2001:db8:2::1 -n 5M", timeout=60).stdout


def test_routes(net):
    vpp, left, right = routed(net)
    right.ip("addr add 2001:db8:9::1/128 dev lo nodad")
    vpp.ctl("ip route add 2001:db8:9::/48 via 2001:db8:2::1 host-right")
    assert left.ping("2001:db8:9::1", count=3) == 3
    theirs = re.search(r"inet6 (fe80::\S+)/64", right.ip("-6 addr show dev r0")).group(1)
    vpp.ctl("ip route del 2001:db8:9::/48")
    vpp.ctl(f"ip route add 2001:db8:9::/48 via {theirs} host-right")
    assert left.ping("2001:db8:9::1", count=3) == 3
    # recursive, and in a table of its own
    vpp.ctl("ip route del 2001:db8:9::/48")
    vpp.ctl("ip route add 2001:db8:9::/48 via 2001:db8:2::1")
    assert left.ping("2001:db8:9::1", count=3) == 3
    config = vpp.running_config()
    assert "ip route add 2001:db8:9::/48 via 2001:db8:2::1" in config
    assert "set interface ip address host-left 2001:db8:1::2/64" in config


def test_neighbors_age_and_are_probed(net):
    host, vpp = main_job(net)
    assert host.ping("2001:db8:1::2", count=2) == 2
    vpp.ctl("set ip neighbor-config ip6 age 1")
    asked = vpp.json("show ip neighbor-stats")

    def sent():
        return next(i for i in vpp.json("show ip neighbor-stats")["interfaces"]
                    if i["interface"] == "host-vpp1out")["nd tx requests"]
    before = sent()
    assert asked
    lib.wait_for(lambda: sent() > before + 1, "probes", timeout=10)
    assert "2001:db8:1::1" in vpp.neighbors()  # it answers
    host.ip("addr del 2001:db8:1::1/64 dev vpp1host")
    lib.wait_for(lambda: "2001:db8:1::1" not in vpp.neighbors(), "a silent neighbour to go", timeout=20)

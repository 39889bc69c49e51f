"""Forwarding by access lists between kernels: what a list permits takes another link than routes say."""
import json

import lib


def arrived(namespace, interface, ping):
    """Whether one more packet that ping() sends comes in by the interface, of those that come in at all."""
    def count():
        return json.loads(namespace.run(f"ip -s -j link show {interface}").stdout)[0]["stats64"]["rx"]["packets"]
    before = count()
    for _ in range(5):
        ping()
    return count() - before >= 5


def test_kernels_by_policy(net):
    """Two links lead to the right; pings go by the second where a policy says so, and all else by the first."""
    switch, left, right = net.namespace(), net.namespace(ipv6=True), net.namespace(ipv6=True)
    vpp = net.vpp(switch)
    for n, (name, ns) in enumerate((("left", left), ("first", right), ("second", right)), 1):
        vpp.host_interface(name, n, ns, name[0] + "0", gateway=ns is left)
    right.ip("route add 10.1.0.0/24 via 10.2.0.2")
    right.ip("-6 route add 2001:db8:1::/64 via 2001:db8:2::2")
    right.ip("addr add 172.16.0.1/32 dev lo")
    right.ip("-6 addr add 2001:db8:f::1/128 dev lo")
    vpp.configure("""
        ip route add 172.16.0.1/32 via 10.2.0.1 host-first
        ip route add 2001:db8:f::1/128 via 2001:db8:2::1 host-first
        set acl-plugin acl permit proto 1
        set acl-plugin acl permit src ::/0 dst ::/0 proto 58
    """)

    def ping(address):
        return left.run(f"ping -n -c 1 -W 2 {address}", check=False).returncode == 0

    cases = ("172.16.0.1", "ip4", 0, "10.3.0.1"), ("2001:db8:f::1", "ip6", 1, "2001:db8:3::1")
    for address, family, acl, next_hop in cases:
        lib.wait_for(lambda a=address: ping(a), f"{address} as routed", timeout=20)
        lib.wait_for(lambda a=address: arrived(right, "f0", lambda: ping(a)), "it is the first link", timeout=20)
        vpp.ctl(f"abf policy add id {acl} acl {acl} via {next_hop} host-second")
        vpp.ctl(f"abf attach {family} policy {acl} priority 1 host-left")
        lib.wait_for(lambda a=address: arrived(right, "s0", lambda: ping(a)), "it is the second link", timeout=20)
        lib.wait_for(lambda a=address: ping(a), f"{address} by the policy", timeout=20)
        matched = vpp.json("show abf policy")["policies"]
        assert [p["policy"] for p in matched][-1] == acl
        vpp.ctl(f"abf attach {family} del policy {acl} host-left")
        vpp.ctl(f"abf policy del id {acl}")
        lib.wait_for(lambda a=address: arrived(right, "f0", lambda: ping(a)), "it is the first link again", timeout=20)

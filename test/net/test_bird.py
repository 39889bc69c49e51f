"""Routing daemons around the switch: two BIRDs tell each other of their networks, BGP of each protocol, through a router
with static routes; then their kernels reach each other's networks by what they learnt."""
import json
import subprocess

import lib

MANY = 500  # more than a segment of TCP has room for, many times over

CONFIG = """
router id {ip4};
protocol device {{ }}
protocol kernel {{ ipv4 {{ export all; import none; }}; }}
protocol kernel {{ ipv6 {{ export all; import none; }}; }}
protocol static {{ ipv4; route {far4}/24 via {gateway4}; }}
protocol static {{ ipv6; route {far6}/64 via {gateway6}; }}
protocol static own4 {{ ipv4; {networks4} }}
protocol static own6 {{ ipv6; {networks6} }}
filter own {{ if proto = "own4" || proto = "own6" then accept; reject; }}
template bgp peer {{
    multihop 4;
    connect delay time 1; connect retry time 1; error wait time 1, 2;
    local as {own_as};
}}
protocol bgp peer4 from peer {{
    source address {ip4};
    neighbor {peer4} as {peer_as};
    ipv4 {{ import all; export filter own; }};
}}
protocol bgp peer6 from peer {{
    source address {ip6};
    neighbor {peer6} as {peer_as};
    ipv6 {{ import all; export filter own; }};
}}
"""


class Bird:
    """A host with a routing daemon: n is 1 or 2, the other one is its peer."""

    def __init__(self, net, vpp, n, folder):
        self.ns = net.namespace(ipv6=True)
        self.n, peer = n, 3 - n
        vpp.host_interface(f"to{n}", n, self.ns, "e0")
        # its network: a host of each protocol is there
        self.ns.ip(f"addr add 172.16.{n}.1/32 dev lo")
        self.ns.ip(f"-6 addr add 2001:db8:f{n}::1/128 dev lo")
        many4 = "".join(f"route 100.{n}.{k >> 8}.{k & 255}/32 blackhole; " for k in range(MANY))
        many6 = "".join(f"route 2001:db8:e{n}:{k:x}::/64 blackhole; " for k in range(MANY))
        self.socket = f"{folder}/{n}.ctl"
        with open(f"{folder}/{n}.conf", "w", encoding="ascii") as f:
            f.write(CONFIG.format(
                ip4=f"10.{n}.0.1", ip6=f"2001:db8:{n}::1", peer4=f"10.{peer}.0.1", peer6=f"2001:db8:{peer}::1",
                far4=f"10.{peer}.0.0", far6=f"2001:db8:{peer}::", gateway4=f"10.{n}.0.2", gateway6=f"2001:db8:{n}::2",
                own_as=65000 + n, peer_as=65000 + peer, networks4=f"route 172.16.{n}.0/24 blackhole; {many4}",
                networks6=f"route 2001:db8:f{n}::/48 blackhole; {many6}"))
        self.log = open(f"{folder}/{n}.log", "wb")  # pylint: disable=consider-using-with
        self.process = self.ns.popen(["bird", "-f", "-c", f"{folder}/{n}.conf", "-s", self.socket, "-P", f"{folder}/{n}.pid"],
                                     stdout=self.log, stderr=subprocess.STDOUT)

    def ctl(self, words):
        return self.ns.run(["birdc", "-s", self.socket] + words.split(), check=False).stdout

    def established(self):
        return self.ctl("show protocols").count("Established") == 2

    def learnt(self, family, prefix):
        """How many routes the kernel has by its daemon to or below a prefix."""
        out = self.ns.ip(f"-json -{family} route show root {prefix} proto bird")
        return len([r for r in json.loads(out or "[]") if r.get("type") != "blackhole"])

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def test_daemons_tell_each_other_of_networks_through_the_switch(net, tmp_path):
    vpp = net.vpp(net.namespace())
    birds = []
    try:
        birds += [Bird(net, vpp, n, tmp_path) for n in (1, 2)]
        talk(vpp, birds)
    finally:
        for b in birds:
            b.stop()


def talk(vpp, birds):
    for n in (1, 2):
        vpp.configure(f"""
            ip route add 172.16.{n}.0/24 via 10.{n}.0.1 host-to{n}
            ip route add 2001:db8:f{n}::/48 via 2001:db8:{n}::1 host-to{n}
        """)

    def answered(source, address):
        return birds[0].ns.run(f"ping -n -c 1 -W 1 -I {source} {address}", check=False).returncode == 0

    for b in birds:
        lib.wait_for(b.established, f"sessions of {b.n}: {b.ctl('show protocols')}", timeout=60, interval=0.2)
    for b in birds:
        peer = 3 - b.n
        for family, network, many in ((4, f"172.16.{peer}.0/24", f"100.{peer}.0.0/16"),
                                      (6, f"2001:db8:f{peer}::/48", f"2001:db8:e{peer}::/48")):
            lib.wait_for(lambda b=b, f=family, p=network: b.learnt(f, p) == 1, f"{network} at {b.n}", timeout=60, interval=0.2)
            lib.wait_for(lambda b=b, f=family, p=many: b.learnt(f, p) == MANY, f"all of {many} at {b.n}", timeout=60, interval=0.2)
    lib.wait_for(lambda: answered("172.16.1.1", "172.16.2.1"), "an answer of IPv4", timeout=20)
    lib.wait_for(lambda: answered("2001:db8:f1::1", "2001:db8:f2::1"), "an answer of IPv6", timeout=20)
    # what is taken back goes, and the way with it
    birds[1].ctl("disable own4")
    lib.wait_for(lambda: not birds[0].learnt(4, "172.16.2.0/24"), "the network to be taken back", timeout=60, interval=0.2)
    assert not answered("172.16.1.1", "172.16.2.1")
    assert birds[0].learnt(6, "2001:db8:f2::/48") == 1
    birds[1].ctl("enable own4")
    lib.wait_for(lambda: answered("172.16.1.1", "172.16.2.1"), "an answer when it is back", timeout=60)
    assert all(b.established() for b in birds)

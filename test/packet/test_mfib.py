"""Multicast routing between packet-generator interfaces: who gets copies, what they look like, each reason to drop.

Numbers in the names of tests are of the RFC that says so."""
import ipaddress

import pytest
from packet_lib import hop_limit
from scapy.layers.inet import ICMP, IP, UDP, defragment
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Dot1Q, Ether

N = 4
GROUP = {"ip4": "239.1.2.{}", "ip6": "ff0e::1:{}"}
SPECIALS = {"ip4": ["(*, 0.0.0.0/0)", "(*, 224.0.0.1/32)", "(*, 224.0.0.2/32)"],
            "ip6": ["(*, ::/0)", "(*, ff02::1/128)", "(*, ff02::2/128)", "(*, ff02::16/128)", "(*, ff02::1:ff00:0/104)"]}
MISS = {"ip4": ("ip4-mfib-forward-lookup", "ip4 destination lookup miss"),
        "ip6": ("ip6-mfib-forward-lookup", "ip6 multicast group not joined")}


@pytest.fixture(scope="module")
def net(switch):
    """pg0 to pg3, each with a subnet of both protocols."""
    pgs = [switch.pg(i, f"10.0.{i}.1/24") for i in range(N)]
    for i, pg in enumerate(pgs):
        switch.ctl(f"set interface ip address {pg} 2001:db8:{i}::1/64")
        pg.source = {"ip4": f"10.0.{i}.2", "ip6": f"2001:db8:{i}::2"}
    return pgs


@pytest.fixture(params=["ip4", "ip6"])
def family(request):
    return request.param


def group_mac(group):
    address = ipaddress.ip_address(group)
    n = int(address)
    low = (0x01005e << 24 | n & 0x7fffff) if address.version == 4 else (0x3333 << 32 | n & 0xffffffff)
    return ":".join(f"{b:02x}" for b in low.to_bytes(6, "big"))


def packet(pg, group, source=None, ttl=9, size=20, **fields):
    """A datagram to a group from the host on pg, or another source."""
    family = "ip6" if ":" in group else "ip4"
    addresses = {"src": source or pg.source[family], "dst": group, **fields}
    ip = IPv6(hlim=ttl, **addresses) if family == "ip6" else IP(ttl=ttl, id=7, **addresses)
    data = bytes(i & 255 for i in range(size))
    return Ether(src=pg.host_mac, dst=group_mac(group)) / ip / UDP(sport=1000, dport=2000) / data


def forwarded(frame, pg):
    """What comes out of pg."""
    out = Ether(bytes(frame))
    out.src = pg.mac
    if IP in out:
        out[IP].ttl -= 1
        del out[IP].chksum
    else:
        out[IPv6].hlim -= 1
    return bytes(out)


def routes(switch, family):
    return {g["group"]: g for t in switch.json(f"show {'ip' if family == 'ip4' else family} mfib")["tables"]
            for g in t["groups"]}


# --- copies


@pytest.mark.parametrize("size", [20, 300, 1000, 1400])
def test_everybody_gets_a_copy(switch, net, family, size):
    group = GROUP[family].format(1)
    switch.ctl(f"ip mroute add {group} via pg0 Accept via pg1 Forward via pg2 Forward via pg3 Forward")
    frames = [packet(net[0], group, size=size + i) for i in range(3)]
    with switch.counts({}):
        outs = switch.exchange(net[0], frames, *net)
    assert outs[0] == []
    for pg, out in zip(net[1:], outs[1:]):
        assert [bytes(p) for p in out] == [forwarded(f, pg) for f in frames]
    route = routes(switch, family)[f"(*, {group}/{32 if family == 'ip4' else 128})"]
    assert len(route["replicate"]) == 3
    switch.ctl(f"ip mroute del {group}")


def test_a_vector_of_all_kinds(switch, net, family):
    """Packets of several routes, sources and lengths in turn: everybody gets all that is theirs, each route's in its
    order; that this switch takes a copy of some, and that some may not leave their link, is their own affair."""
    groups = [GROUP[family].format(k) for k in (20, 21, 22)]
    link = "224.0.0.9" if family == "ip4" else "ff02::9"
    switch.configure(f"""
        ip mroute add {groups[0]} via pg0 Accept via pg1 Forward via pg2 Forward via pg3 Forward
        ip mroute add {groups[1]} via pg0 Accept via pg3 Forward via pg1 Forward
        ip mroute add {groups[2]} via pg0 Accept via pg2 Forward via local Forward
        ip mroute add {link} via pg0 Accept via pg1 Forward
    """)
    kinds = [(groups[0], 20), (groups[0], 21), (groups[1], 20), (groups[0], 1000), (groups[2], 40), (link, 20), (groups[1], 300)]
    frames = [packet(net[0], *kinds[i * i % 11 % len(kinds)][:1], size=kinds[i * i % 11 % len(kinds)][1] + i % 3)
              for i in range(200)]
    outs = switch.exchange(net[0], frames, *net)
    assert outs[0] == []
    for pg, out, theirs in ((net[1], outs[1], groups[:2]), (net[2], outs[2], (groups[0], groups[2])), (net[3], outs[3], groups[:2])):
        for group in theirs:
            mac = group_mac(group)
            assert [bytes(p) for p in out if p.dst == mac] == [forwarded(f, pg) for f in frames if f.dst == mac]
        assert len(out) == sum(f.dst in [group_mac(group) for group in theirs] for f in frames)
    for group in (*groups, link):
        switch.ctl(f"ip mroute del {group}")


def test_groups_mac_1112(switch, net):
    """The last 23 bits of the group alone."""
    switch.ctl("ip mroute add 239.255.254.253 via pg0 Accept via pg1 Forward")
    out = switch.exchange(net[0], packet(net[0], "239.255.254.253"), net[1])
    assert [p.dst for p in out] == ["01:00:5e:7f:fe:fd"]
    switch.ctl("ip mroute del 239.255.254.253")


def test_longest_match(switch, net, family):
    """(S,G) before (*,G) before (*,G/len), the longest first."""
    group, width = GROUP[family].format(2), 32 if family == "ip4" else 128
    other = str(ipaddress.ip_address(group) + 1)
    wide = ipaddress.ip_network(f"{group}/{width - 8}", strict=False)
    source = net[0].source[family]
    switch.configure(f"""
        ip mroute add {wide} via pg0 Accept via pg1 Forward
        ip mroute add {group} via pg0 Accept via pg2 Forward
        ip mroute add {source} {group} via pg0 Accept via pg3 Forward
    """)
    stranger = str(ipaddress.ip_address(source) + 7)
    for frame, expected in ((packet(net[0], other), 1), (packet(net[0], group, source=stranger), 2),
                            (packet(net[0], group), 3)):
        outs = switch.exchange(net[0], frame, *net)
        assert [len(out) for out in outs] == [int(i == expected) for i in range(N)]
    # what is deleted uncovers what is shorter
    switch.ctl(f"ip mroute del {source} {group}")
    assert [len(o) for o in switch.exchange(net[0], packet(net[0], group), *net)] == [0, 0, 1, 0]
    switch.ctl(f"ip mroute del {group}")
    assert [len(o) for o in switch.exchange(net[0], packet(net[0], group), *net)] == [0, 1, 0, 0]
    switch.ctl(f"ip mroute del {wide}")
    with switch.counts({MISS[family]: 1}):
        switch.send(net[0], packet(net[0], group))


def test_never_back_where_it_came_from(switch, net, family):
    group = GROUP[family].format(3)
    both = " ".join(f"via pg{i} Accept Forward" for i in range(3))
    switch.ctl(f"ip mroute add {group} {both}")
    for came in range(3):
        outs = switch.exchange(net[came], packet(net[came], group), *net)
        assert [len(out) for out in outs] == [int(i != came and i < 3) for i in range(N)]
    switch.ctl(f"ip mroute del {group} via pg1 via pg2")
    with switch.counts({(f"{family}-replicate", "no interface to replicate to"): 1}):
        switch.send(net[0], packet(net[0], group))
    switch.ctl(f"ip mroute del {group}")


def test_one_copy_for_each_interface(switch, net, family):
    """However many paths lead there."""
    group, next_hop = GROUP[family].format(13), net[1].source[family]
    switch.ctl(f"ip mroute add {group} via pg0 Accept via pg1 Forward via {next_hop} pg1 Forward via pg2 Forward")
    for size in (20, 1000):
        outs = switch.exchange(net[0], packet(net[0], group, size=size), *net)
        assert [len(out) for out in outs] == [0, 1, 1, 0]
    switch.ctl(f"ip mroute del {group} via pg1")
    assert [len(o) for o in switch.exchange(net[0], packet(net[0], group), *net)] == [0, 1, 1, 0]
    switch.ctl(f"ip mroute del {group} via {next_hop} pg1")
    assert [len(o) for o in switch.exchange(net[0], packet(net[0], group), *net)] == [0, 0, 1, 0]
    switch.ctl(f"ip mroute del {group}")


# --- where it may come from


def test_reverse_path(switch, net, family):
    group = GROUP[family].format(4)
    switch.ctl(f"ip mroute add {group} via pg0 Accept via pg1 Forward")
    with switch.counts({(f"{family}-mfib-forward-rpf", "Multicast RPF check failed"): 2}):
        outs = switch.exchange(net[2], [packet(net[2], group)] * 2, *net)
    assert [len(out) for out in outs] == [0] * N
    switch.ctl(f"ip mroute add {group} Accept-all-itf")
    assert [len(o) for o in switch.exchange(net[2], packet(net[2], group), *net)] == [0, 1, 0, 0]
    switch.ctl(f"ip mroute del {group} Accept-all-itf")
    with switch.counts({(f"{family}-mfib-forward-rpf", "Multicast RPF check failed"): 1}):
        switch.send(net[2], packet(net[2], group))
    # an interface's flags are what was said last
    switch.ctl(f"ip mroute add {group} via pg0 Forward")
    with switch.counts({(f"{family}-mfib-forward-rpf", "Multicast RPF check failed"): 1}):
        switch.send(net[0], packet(net[0], group))
    switch.ctl(f"ip mroute del {group}")


def test_a_route_that_drops(switch, net, family):
    group = GROUP[family].format(5)
    switch.ctl(f"ip mroute add {group} Drop via pg0 Accept via pg1 Forward")
    with switch.counts({(f"{family}-mfib-forward-rpf", f"{family} drop"): 1}):
        assert switch.exchange(net[0], packet(net[0], group), net[1]) == []
    switch.ctl(f"ip mroute del {group}")


def test_no_route(switch, net, family):
    with switch.counts({MISS[family]: 1}):
        switch.send(net[0], packet(net[0], GROUP[family].format(99)))


# --- this switch itself


def test_a_copy_for_this_switch(switch, net, family):
    """And one for others, of which neither is touched by the other."""
    group = GROUP[family].format(6)
    switch.ctl(f"ip mroute add {group} via local Forward via pg0 Accept via pg1 Forward")
    frame = packet(net[0], group, size=1000)
    before = switch.errors()
    out = switch.exchange(net[0], frame, net[1])
    assert [bytes(p) for p in out] == [forwarded(frame, net[1])]
    grown = {k for k, n in switch.errors().items() if n != before.get(k, 0)}
    assert f"{family}-udp-lookup" in {node for node, _ in grown}
    switch.ctl(f"ip mroute del {group} via pg1")
    assert switch.exchange(net[0], frame, net[1]) == []
    switch.ctl(f"ip mroute del {group}")


def test_all_hosts_of_a_link(switch, net):
    """224.0.0.1 comes to this switch, from wherever it takes IPv4."""
    with switch.counts({MISS["ip4"]: 1}):
        switch.send(net[0], packet(net[0], "224.0.0.3"))
    before = switch.errors()
    switch.send(net[0], packet(net[0], "224.0.0.1", ttl=1))
    grown = {k for k, n in switch.errors().items() if n != before.get(k, 0)}
    assert "ip4-udp-lookup" in {node for node, _ in grown}


# --- what may leave a link


@pytest.mark.parametrize("group", ["224.0.0.9", "ff02::9"])
def test_groups_of_a_link_stay_there_5771_4291(switch, net, group):
    switch.ctl(f"ip mroute add {group} via pg0 Accept via pg1 Forward")
    with switch.counts({(f"{'ip6' if ':' in group else 'ip4'}-replicate", "no interface to replicate to"): 1}):
        assert switch.exchange(net[0], packet(net[0], group), net[1]) == []
    switch.ctl(f"ip mroute del {group}")


@pytest.mark.parametrize("source", ["fe80::9", "::"])
def test_sources_of_a_link_stay_there_4291(switch, net, source):
    group = GROUP["ip6"].format(7)
    switch.ctl(f"ip mroute add {group} via pg0 Accept via pg1 Forward")
    with switch.counts({("ip6-replicate", "no interface to replicate to"): 1}):
        assert switch.exchange(net[0], packet(net[0], group, source=source), net[1]) == []
    switch.ctl(f"ip mroute del {group}")


def test_the_last_hop(switch, net, family):
    """Each copy is counted; nobody is told (RFC 1122 3.2.2, RFC 4443 2.4)."""
    group = GROUP[family].format(8)
    switch.ctl(f"ip mroute add {group} via pg0 Accept via pg1 Forward via pg2 Forward")
    before = switch.errors()
    outs = switch.exchange(net[0], packet(net[0], group, ttl=1), *net)
    assert [len(out) for out in outs] == [0] * N
    key = (f"{family}-rewrite-mcast", f"{family} ttl <= 1")
    assert switch.errors()[key] - before.get(key, 0) == 2
    switch.ctl(f"ip mroute del {group}")


# --- MTU


def test_fragments_of_one_copy(switch, net):
    """The other one is whole, and its bytes, which they share, are as they were."""
    group = GROUP["ip4"].format(9)
    switch.configure(f"""
        set interface mtu packet 700 pg1
        ip mroute add {group} via pg0 Accept via pg1 Forward via pg2 Forward
    """)
    frame = packet(net[0], group, size=1300)
    small, whole = switch.exchange(net[0], frame, net[1], net[2])
    assert [bytes(p) for p in whole] == [forwarded(frame, net[2])]
    assert len(small) == 2 and {p.dst for p in small} == {group_mac(group)}
    assert all(len(p[IP]) <= 700 and hop_limit(p) == 8 for p in small)
    assert bytes(defragment(small)[0][IP].payload) == bytes(frame[IP].payload)
    # who may not be cut does not come there; a group is not told
    frame = packet(net[0], group, size=1300, flags="DF")
    back, small, whole = switch.exchange(net[0], frame, net[0], net[1], net[2])
    assert (back, small) == ([], []) and [bytes(p) for p in whole] == [forwarded(frame, net[2])]
    switch.configure(f"""
        set interface mtu default pg1
        ip mroute del {group}
    """)


def test_too_big_is_told_4443(switch, net):
    group = GROUP["ip6"].format(9)
    switch.configure(f"""
        set interface mtu packet 1280 pg1
        ip mroute add {group} via pg0 Accept via pg1 Forward via pg2 Forward
    """)
    frame = packet(net[0], group, size=1300)
    switch.ctl(f"set ip neighbor pg0 {net[0].source['ip6']} {net[0].host_mac}")
    back, small, whole = switch.exchange(net[0], frame, net[0], net[1], net[2])
    assert small == [] and [bytes(p) for p in whole] == [forwarded(frame, net[2])]
    assert [p[ICMPv6PacketTooBig].mtu for p in back] == [1280]
    switch.configure(f"""
        set interface mtu default pg1
        ip mroute del {group}
    """)


# --- with other things


def test_vlan_and_ethernet(switch, net, family):
    """Copies with link headers of different length."""
    group = GROUP[family].format(10)
    switch.configure("""
        create sub-interfaces pg1 7
        set interface state pg1.7 up
    """)
    switch.ctl(f"ip mroute add {group} via pg0 Accept via pg1.7 Forward via pg2 Forward")
    for size in (20, 1000):
        frame = packet(net[0], group, size=size)
        tagged, plain = switch.exchange(net[0], frame, net[1], net[2])
        assert [bytes(p) for p in plain] == [forwarded(frame, net[2])]
        assert [p[Dot1Q].vlan for p in tagged] == [7]
        assert bytes(tagged[0])[:12] + bytes(tagged[0])[16:] == forwarded(frame, net[1])
    # an interface that goes takes its paths with it
    switch.ctl("delete sub-interface pg1.7")
    assert [len(o) for o in switch.exchange(net[0], packet(net[0], group), *net)] == [0, 0, 1, 0]
    assert "pg1.7" not in switch.ctl("show running-config")
    switch.ctl(f"ip mroute del {group}")


def test_features_on_output(switch, net, family):
    """An access list of one interface takes that one's copy."""
    group = GROUP[family].format(11)
    switch.ctl(f"ip mroute add {group} via pg0 Accept via pg1 Forward via pg2 Forward")
    index = switch.ctl(f"set acl-plugin acl deny src {net[0].source[family]}/{32 if family == 'ip4' else 128} proto 17").split(":")[-1].strip()
    switch.ctl(f"set acl-plugin interface pg1 output acl {index}")
    outs = switch.exchange(net[0], packet(net[0], group, size=1000), *net)
    assert [len(out) for out in outs] == [0, 0, 1, 0]
    switch.ctl(f"set acl-plugin interface pg1 output acl {index} del")
    outs = switch.exchange(net[0], packet(net[0], group, size=1000), *net)
    assert [len(out) for out in outs] == [0, 1, 1, 0]
    switch.ctl(f"delete acl-plugin acl index {index}")
    switch.ctl(f"ip mroute del {group}")


def test_an_interface_that_is_down(switch, net, family):
    group = GROUP[family].format(12)

    def copies():
        outs = switch.exchange(net[0], packet(net[0], group), net[1], net[3])
        return [len([p for p in out if UDP in p]) for out in outs]  # what comes up tells of its addresses, too

    switch.ctl(f"ip mroute add {group} via pg0 Accept via pg1 Forward via pg3 Forward")
    switch.ctl("set interface state pg3 down")
    assert copies() == [1, 0]
    switch.ctl("set interface state pg3 up")
    assert copies() == [1, 1]
    switch.ctl(f"ip mroute del {group}")


def test_tables(fresh, family):
    """An interface's packets go by its table's routes, which go with the table."""
    word = "ip" if family == "ip4" else family
    for i in range(2):
        fresh.pg(i)
        fresh.configure(f"""
            {word} table add 7
            set interface {word} table pg{i} 7
            set interface ip address pg{i} {'10.0.{}.1/24'.format(i) if family == 'ip4' else '2001:db8:{}::1/64'.format(i)}
        """)
    pgs = [fresh.pgs[i] for i in range(2)]
    for i, pg in enumerate(pgs):
        pg.source = {"ip4": f"10.0.{i}.2", "ip6": f"2001:db8:{i}::2"}
    group = GROUP[family].format(1)
    fresh.ctl(f"ip mroute add {group} via pg0 Accept via pg1 Forward")
    with fresh.counts({MISS[family]: 1}):
        fresh.send(pgs[0], packet(pgs[0], group))
    fresh.ctl(f"ip mroute add {group} table 7 via pg0 Accept via pg1 Forward")
    assert len(fresh.exchange(pgs[0], packet(pgs[0], group), pgs[1])) == 1
    assert fresh.ctl(f"show {word} mfib table 7").count(group) == 1
    assert f"ip mroute add {group}" in fresh.ctl("show running-config")
    for i in range(2):
        fresh.ctl(f"delete packet-generator interface pg{i}")
    fresh.ctl(f"{word} table del 7")
    assert f"no such table 7" in fresh.fails(f"show {word} mfib table 7")
    assert " table 7" not in fresh.ctl("show running-config")


# --- what people see and say


def test_show(fresh):
    """VPP's words."""
    pgs = [fresh.pg(i, f"10.0.{i}.1/24") for i in range(2)]
    host = "".join(f"(*, {g}/32): \n  Interfaces:\n   pg0: Accept,\n   pg1: Accept,\n  multicast-ip4-chain\n"
                   f"  [@1]: dpo-replicate: [index:{i} buckets:1 flags:[has-local ] to:[0:0]]\n    [0] [@1]: dpo-receive\n"
                   for g, i in (("224.0.0.1", 1), ("224.0.0.2", 2)))
    begin = "ipv4-VRF:0, fib_index:0 flags:none\n(*, 0.0.0.0/0):  flags:Drop,\n  Interfaces:\n  multicast-ip4-chain\n" \
        "  [@0]: dpo-drop ip4\n" + host
    assert fresh.ctl("show ip mfib") == begin
    fresh.configure("""
        ip mroute add 239.1.1.1 via pg0 Accept
        ip mroute add 239.1.1.1 via pg1 Forward
        ip mroute add 10.0.0.2 239.1.1.2 via pg0 Accept
        ip mroute add 239.1.1.3 via local Forward
    """)
    text = fresh.ctl("show ip mfib")
    assert text.startswith(begin)
    index = {g: r["index"] for g, r in routes(fresh, "ip4").items()}
    assert list(index) == SPECIALS["ip4"] + ["(*, 239.1.1.1/32)", "(10.0.0.2, 239.1.1.2/32)", "(*, 239.1.1.3/32)"]
    mcast = text.split("[0] [@2]: ")[1].split("\n")[0]
    assert mcast.startswith("ipv4-mcast: pg1: mtu:") and mcast.endswith(" flags:[] 01005e000000" + pgs[1].mac.replace(":", "") + "0800")
    assert text[len(begin):] == f"""(*, 239.1.1.1/32): 
  Interfaces:
   pg0: Accept,
   pg1: Forward,
  multicast-ip4-chain
  [@1]: dpo-replicate: [index:{index['(*, 239.1.1.1/32)']} buckets:1 flags:[none] to:[0:0]]
    [0] [@2]: {mcast}
(10.0.0.2, 239.1.1.2/32): 
  Interfaces:
   pg0: Accept,
  multicast-ip4-chain
  [@0]: dpo-drop ip4
(*, 239.1.1.3/32): 
  Interfaces:
  multicast-ip4-chain
  [@1]: dpo-replicate: [index:{index['(*, 239.1.1.3/32)']} buckets:1 flags:[has-local ] to:[0:0]]
    [0] [@1]: dpo-receive
"""
    one = fresh.ctl("show ip mfib 239.1.1.1")
    assert "src:CLI flags:none" in one and "     pg1: Forward,\n" in one and "239.1.1.3" not in one
    assert "(10.0.0.2, 239.1.1.2/32)" in fresh.ctl("show ip mfib 10.0.0.2 239.1.1.2")
    assert "(*, 0.0.0.0/0)" in fresh.ctl("show ip mfib 10.0.0.3 239.1.1.2")
    assert "no such multicast route" in fresh.fails("show ip mfib 239.1.1.0/24")
    assert f"{index['(*, 239.1.1.3/32)']}@(*, 239.1.1.3/32)\n" in fresh.ctl("show mfib entry")
    assert "(*, 239.1.1.1/32)\n   pg0: Accept,\n   pg1: Forward,\n" in fresh.ctl("show mfib interface")
    assert "F = Forward\n" in fresh.ctl("show mfib itf flags")
    assert "AA = Accept-all-itf\n" in fresh.ctl("show mfib route flags")
    assert "6 multicast routes" in fresh.ctl("show ip mfib summary table 0")
    fresh.send(pgs[0], [Ether(src=pgs[0].host_mac, dst=group_mac("239.1.1.1")) /
                        IP(src="10.0.0.2", dst="239.1.1.1") / ICMP() / (b"x" * 56)] * 2)
    assert "flags:[none] to:[2:168]" in fresh.ctl("show ip mfib 239.1.1.1")
    assert mcast in fresh.ctl("show adj")
    fresh.ctl("ip mroute del 239.1.1.1 via pg1")
    assert mcast not in fresh.ctl("show adj")


def test_trace(switch, net):
    switch.ctl("ip mroute add 239.1.2.20 via pg0 Accept via pg1 Forward")
    hops = switch.trace(net[0], packet(net[0], "239.1.2.20"))[0]
    index = routes(switch, "ip4")["(*, 239.1.2.20/32)"]["index"]
    assert [node for node, _ in hops] == [
        "pg-input", "ethernet-input", "ip4-input", "ip4-mfib-forward-lookup", "ip4-mfib-forward-rpf", "ip4-replicate",
        "ip4-rewrite-mcast", "pg1-output", "pg1-tx"]
    words = dict(hops)
    assert words["ip4-mfib-forward-lookup"] == f"fib 0 entry {index}"
    assert words["ip4-mfib-forward-rpf"].startswith(f"entry {index} itf ")
    assert words["ip4-mfib-forward-rpf"].endswith(" flags Accept,")
    assert words["ip4-replicate"].startswith(f"replicate: {index} via ipv4-mcast: pg1: mtu:")
    assert ": ipv4-mcast: pg1: mtu:" in words["ip4-rewrite-mcast"]
    switch.ctl("ip mroute del 239.1.2.20")


@pytest.mark.parametrize("command, words", [
    ("ip mroute add 239.1.1.4 foo", "parse error `foo'"),
    ("ip mroute add 239.1.1.4", "expected paths"),
    ("ip mroute add via pg0 Accept", "expected a group"),
    ("ip mroute add 10.1.1.1 via pg0 Accept", "is no multicast group"),
    ("ip mroute add 224.0.0.0/3 via pg0 Accept", "is no multicast group"),
    ("ip mroute add 2001:db8::1 via pg0 Accept", "is no multicast group"),
    ("ip mroute add 239.1.1.4/33 via pg0 Accept", "Invalid prefix len"),
    ("ip mroute add 10.0.0.1 239.1.1.0/24 via pg0 Accept", "a route of a source is for one group"),
    ("ip mroute add 10.0.0.0/24 239.1.1.1 via pg0 Accept", "a source is one address"),
    ("ip mroute add 10.0.0.1 ff0e::1 via pg0 Accept", "parse error"),
    ("ip mroute add 239.1.1.4 via pg0", "a multicast path needs flags"),
    ("ip mroute add 239.1.1.4 via pg9 Accept", "parse error"),
    ("ip mroute add 239.1.1.4 via local Accept", "to this switch itself is Forward"),
    ("ip mroute add 239.1.1.4 via 10.0.1.2 Forward", "a multicast path is an interface, or local"),
    ("ip mroute add 239.1.1.4 via drop Forward", "a multicast path is an interface, or local"),
    ("ip mroute add 239.1.1.4 table 77 via pg0 Accept", "Nonexistent table id 77"),
    ("ip mroute add 239.1.1.4 rpf-id x via pg0 Accept", "parse error"),
    ("ip mroute add 239.1.1.4 source nobody via pg0 Accept", "parse error"),
])
def test_what_is_wrong_changes_nothing(switch, net, command, words):
    before = switch.ctl("show running-config")
    assert words in switch.fails(command)
    assert switch.ctl("show running-config") == before and "239.1.1.4" not in switch.ctl("show ip mfib")


def test_what_is_not_there_is_gone(switch, net):
    for command in ("ip mroute del 239.1.1.4", "ip mroute del 239.1.1.4 via pg0", "ip mroute del 10.0.0.1 239.1.1.4 Drop"):
        assert switch.ctl(command) == ""
    assert list(routes(switch, "ip4")) == SPECIALS["ip4"] and list(routes(switch, "ip6")) == SPECIALS["ip6"]


def test_comes_back(fresh):
    lines = ["ip mroute add 232.0.0.0/8 Drop",
             "ip mroute add 239.1.1.1/32 rpf-id 7 Accept-all-itf",
             "ip mroute add 239.1.1.1/32 via pg1 Accept Forward",
             "ip mroute add 239.1.1.1/32 via local Forward",
             "ip mroute add 10.0.0.2 239.1.1.1/32 source API via 10.0.1.2 pg1 Forward",
             "ip mroute add 239.1.1.1/32 table 5 via pg0 Accept",
             "ip mroute add 2001:db8::2 ff0e::1/128 via pg0 Accept"]
    for i in range(2):
        fresh.pg(i, f"10.0.{i}.1/24", neighbor=False)
    fresh.ctl("ip table add 5")
    # one command is as good as several
    fresh.ctl("ip mroute add 239.1.1.1/32 rpf-id 7 Accept-all-itf via pg1 Accept Forward via local")
    for line in lines:
        fresh.ctl(line)

    def saved():
        return [line for line in fresh.ctl("show running-config").splitlines() if line.startswith("ip mroute")]

    assert sorted(saved()) == sorted(lines)
    before = saved(), fresh.ctl("show ip mfib"), fresh.ctl("show ip6 mfib")
    fresh.restart([line for line in fresh.ctl("show running-config").splitlines() if not line.startswith(("#", "!"))])
    assert saved() == before[0]
    # each line can be undone by itself
    for line in lines:
        fresh.ctl(line.replace(" add ", " del "))
        assert line not in saved()
    assert saved() == [] and list(routes(fresh, "ip4"))[:3] == SPECIALS["ip4"]


def test_show_replicate(switch, net, family):
    group = GROUP[family].format(77)
    before = switch.json("show replicate")["replicates"]
    switch.ctl(f"ip mroute add {group} via {net[0]} Accept via {net[1]} Forward via {net[2]} Forward")
    (new,) = [r for r in switch.json("show replicate")["replicates"] if r not in before]
    text = switch.ctl(f"show replicate {new['index']}")
    assert text.startswith(f"dpo-replicate: [index:{new['index']} buckets:2 flags:[none] to:[0:0]]\n    [0] [@2]: ipv{family[2]}-mcast: ")
    assert len(new["replicate"]) == 2 and text in switch.ctl("show replicate")
    switch.exchange(net[0], packet(net[0], group), net[1], count=1)
    assert " to:[1:" in switch.ctl(f"show replicate {new['index']}")
    switch.ctl(f"ip mroute del {group}")
    assert switch.ctl(f"show replicate {new['index']}") == ""

"""Forwarding by access lists: what a list permits leaves by the paths of its policy, all else as it would."""
import pytest
from packet_lib import FAR, SUBNETS, hop_limit
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

PAYLOAD = b"x" * 20
ALL = {"ip4": "0.0.0.0/0", "ip6": "::/0"}


@pytest.fixture(params=["ip4", "ip6"])
def net(switch, request):
    """(family, pg0, pg1, pg2); what is far goes by pg1."""
    family = request.param
    prefix = f"{FAR[family].format(0)}/{24 if family == 'ip4' else 64}"
    with switch.subnets(family, 3) as pgs:
        switch.ctl(f"ip route add {prefix} via {pgs[1].host} {pgs[1]}")
        yield family, *pgs
        for line in reversed(lines(switch)):
            words = line.split()
            switch.ctl(f"abf attach {words[2]} del policy {words[4]} {words[7]}" if words[1] == "attach" else
                       f"abf policy del id {words[4]}")
        assert lines(switch) == []
        for row in switch.json("show acl-plugin acl")["acls"]:
            switch.ctl(f"delete acl-plugin acl index {row['acl_index']}")
        switch.ctl(f"ip route del {prefix}")


def lines(switch):
    return [line for line in switch.running_config() if line.startswith("abf")]


def acl(switch, family, rules):
    """Rules of that protocol, each `ACTION [proto ...]`."""
    text = ", ".join(f"{r.split()[0]} src {ALL[family]} dst {ALL[family]} {' '.join(r.split()[1:])}" for r in rules)
    return int(switch.ctl(f"set acl-plugin acl {text}").split(":")[1])


def packet(family, pg, l4=None, n=1):
    ip = IP(src=pg.host, dst=FAR[family].format(n), ttl=64) if family == "ip4" else \
        IPv6(src=pg.host, dst=FAR[family].format(n), hlim=64)
    return pg.ether() / ip / (l4 or UDP(sport=1, dport=2)) / Raw(PAYLOAD)


def ways(switch, net, l4=None):
    """How many come out of pg1, pg2 of one that pg0 receives."""
    family, a, b, c = net
    return tuple(sum(Raw in p and bytes(p[Raw]).endswith(PAYLOAD) for p in out)  # not what interfaces say when they come up
                 for out in switch.exchange(a, packet(family, a, l4), b, c))


def test_permitted_leaves_by_the_policy(switch, net):
    family, a, b, c = net
    index = acl(switch, family, ["permit proto 17"])
    assert ways(switch, net) == (1, 0)
    switch.ctl(f"abf policy add id 1 acl {index} via {c.host} {c}")
    assert ways(switch, net) == (1, 0)
    switch.ctl(f"abf attach {family} policy 1 priority 10 {a}")
    with switch.counts({(f"abf-input-{family}", "matched"): 2, (f"abf-input-{family}", "missed"): 1,
                        (f"abf-input-{family}", "no match"): 1}):
        (out,) = switch.exchange(a, packet(family, a), c)
        assert (out.src, out.dst, hop_limit(out)) == (c.mac, c.host_mac, 63)
        assert ways(switch, net) == (0, 1)
        assert ways(switch, net, TCP(sport=1, dport=2)) == (1, 0)
    # what others receive is routed
    assert len(switch.exchange(c, packet(family, c), b)) == 1
    # rules follow the list, paths the policy, at once
    switch.ctl(f"set acl-plugin acl index {index} permit src {ALL[family]} dst {ALL[family]} proto 6")
    assert ways(switch, net) == (1, 0) and ways(switch, net, TCP(sport=1, dport=2)) == (0, 1)
    switch.ctl(f"abf attach {family} del policy 1 {a}")
    assert ways(switch, net, TCP(sport=1, dport=2)) == (1, 0)


def test_first_rule_by_priority(switch, net):
    """The lists are one after the other: the first rule that matches says, and a denying one: as routed."""
    family, a, b, c = net
    to_c, drops = acl(switch, family, ["deny proto 6", "permit proto 17"]), acl(switch, family, ["permit"])
    switch.ctl(f"abf policy add id 7 acl {to_c} {family} via {c.host} {c}")
    switch.ctl(f"abf policy add id 8 acl {drops} {family} via drop")
    switch.ctl(f"abf attach {family} policy 8 priority 20 {a}")
    assert ways(switch, net) == (0, 0)
    switch.ctl(f"abf attach {family} policy 7 {a} priority 10")
    assert ways(switch, net) == (0, 1)
    assert ways(switch, net, TCP(sport=1, dport=2)) == (1, 0)
    text = switch.ctl(f"show abf attach {a}").splitlines()
    assert text[0] == ("ipv4:" if family == "ip4" else "ipv6:")
    assert [line for line in text if "attach" in line] == [
        " abf-interface-attach: policy:7 priority:10", " abf-interface-attach: policy:8 priority:20"]
    number = switch.json(f"show interface {a}")["interfaces"][0]["sw_if_index"]
    assert switch.ctl("show acl-plugin lookup user").splitlines()[1] == "index 1:ABF plugin:sw_if_index:(nil)"
    assert switch.ctl("show acl-plugin lookup context").splitlines() == [
        f"index 0:ABF plugin sw_if_index: {number} (nil): 0, acl_indices: {to_c}, {drops}"]
    assert "used by the ABF plugin" in switch.fails(f"delete acl-plugin acl index {to_c}")
    switch.ctl(f"abf attach {family} del policy 7 {a}")
    switch.ctl(f"delete acl-plugin acl index {to_c}")
    assert ways(switch, net) == (0, 0)


def test_paths_come_and_go(switch, net):
    family, a, b, c = net
    index = acl(switch, family, ["permit"])
    switch.ctl(f"abf policy add id 1 acl {index} via {c.host} {c}")
    switch.ctl(f"abf attach {family} policy 1 priority 0 {a}")
    switch.ctl(f"abf policy add id 1 acl {index} via {b.host} {b} preference 1")
    text = switch.ctl("show abf policy 1").splitlines()
    assert text[0] == f"abf:[0]: policy:1 acl:{index}"
    assert text[1].startswith("     path-list:[") and text[1].endswith("flags:shared,no-uRPF, uRPF-list: None")
    assert text[2].startswith("      path:[") and f" {family} weight=1 pref=0 attached-nexthop:" in text[2]
    assert f"        {c.host} {c}" in text
    assert ways(switch, net) == (0, 1)
    switch.ctl(f"set interface state {c} down")  # the other one is there for that
    assert ways(switch, net) == (1, 0)
    switch.ctl(f"set interface state {c} up")
    switch.ctl(f"set ip neighbor {c} {c.host} {c.host_mac}")
    switch.ctl(f"abf policy del id 1 via {b.host} {b}")
    assert ways(switch, net) == (0, 1)
    assert "is attached" in switch.fails(f"abf policy del id 1 via {c.host} {c}")
    assert "no such path" in switch.fails(f"abf policy del id 1 via {b.host} {b}")
    assert ways(switch, net) == (0, 1)
    switch.ctl(f"abf attach {family} del policy 1 {a}")
    switch.ctl(f"abf policy del id 1 via {c.host} {c}")
    assert lines(switch) == [] and switch.ctl("show abf policy") == ""


def test_mistakes_change_nothing(switch, net):
    family, a, b, c = net
    other = "ip6" if family == "ip4" else "ip4"
    index = acl(switch, family, ["permit"])
    assert "Hop address is missing" in switch.fails(f"abf policy add id 1 acl {index}")
    assert "Specify an ACL ID" in switch.fails(f"abf policy add id 1 via {c.host} {c}")
    assert "parse error" in switch.fails(f"abf policy add id 1 acl {index} via {c.host} {c} nonsense")
    assert "no policy 1" in switch.fails("abf policy del id 1")
    assert "no policy 1" in switch.fails(f"abf attach {family} policy 1 {a}")
    assert lines(switch) == []
    switch.ctl(f"abf policy add id 1 acl {index} via {c.host} {c}")
    switch.ctl("abf policy add id 2 acl 999 via drop")
    saved = lines(switch)
    assert f"is of {family}" in switch.fails(f"abf attach {other} policy 1 {a}")
    assert f"by ACL {index}" in switch.fails(f"abf policy add id 1 acl {index + 1} via {b.host} {b}")
    assert "there is no ACL 999" in switch.fails(f"abf attach ip4 policy 2 {a}")
    assert "not attached" in switch.fails(f"abf attach {family} del policy 1 {a}")
    assert lines(switch) == saved and ways(switch, net) == (1, 0)
    switch.ctl(f"abf attach {family} policy 1 {a}")
    assert "is attached there" in switch.fails(f"abf attach {family} policy 1 priority 3 {a}")
    assert ways(switch, net) == (0, 1)


def test_trace(switch, net):
    family, a, _, c = net
    index = acl(switch, family, ["permit"])
    switch.ctl(f"abf policy add id 1 acl {index} via {c.host} {c}")
    switch.ctl(f"abf attach {family} policy 1 {a}")
    (way,) = switch.trace(a, packet(family, a))
    nodes = [node for node, _ in way]
    assert nodes[:5] == ["pg-input", "ethernet-input", f"{family}-input", f"abf-input-{family}", f"{family}-rewrite"]
    assert " index " in dict(way)[f"abf-input-{family}"]


def test_interfaces_that_go(switch, net):
    """An interface takes its attachments along; a path through one drops, and stays so at a restart."""
    family, a, b, _ = net
    index = acl(switch, family, ["permit"])
    gone, port = switch.pg(5, SUBNETS[family].format(5)), switch.pg(6, SUBNETS[family].format(6))
    switch.ctl(f"abf policy add id 1 acl {index} via {gone.host} {gone}")
    switch.ctl(f"abf attach {family} policy 1 {a}")
    switch.ctl(f"abf attach {family} policy 1 {port}")
    assert len(lines(switch)) == 3
    switch.ctl(f"delete packet-generator interface {port}")
    assert lines(switch) == [f"abf policy add id 1 acl {index} {family} via {gone.host} {gone}",
                             f"abf attach {family} policy 1 priority 0 {a}"]
    switch.ctl(f"delete packet-generator interface {gone}")
    assert ways(switch, net) == (0, 0)
    assert lines(switch)[0] == f"abf policy add id 1 acl {index} {family} via drop"
    switch.ctl(f"abf policy add id 1 acl {index} via {b.host} {b}")
    assert ways(switch, net) == (1, 0)


def test_saved_lines_are_taken_again(switch, net):
    family, a, b, c = net
    index = acl(switch, family, ["permit"])
    switch.ctl(f"abf policy add id 4 acl {index} via {b.host} {b} weight 3 via {c.host} {c}")
    switch.ctl(f"abf policy add id 3 acl {index} {family} via {family}-lookup-in-table 0")
    switch.ctl(f"abf attach {family} policy 3 priority 9 {a}")
    switch.ctl(f"abf attach {family} policy 4 priority 8 {a}")
    saved = lines(switch)
    assert len(saved) == 4
    switch.ctl(f"abf attach {family} del policy 3 {a}")
    switch.ctl(f"abf attach {family} del policy 4 {a}")
    switch.ctl("abf policy del id 3")
    switch.ctl("abf policy del id 4")
    assert lines(switch) == []
    for line in saved:
        switch.ctl(line)
    assert lines(switch) == saved


def test_flows_are_spread(switch, net):
    family, a, b, c = net
    index = acl(switch, family, ["permit"])
    switch.ctl(f"abf policy add id 1 acl {index} via {b.host} {b} via {c.host} {c}")
    switch.ctl(f"abf attach {family} policy 1 {a}")
    sent = [packet(family, a, UDP(sport=n, dport=2)) for n in range(1, 65)]
    at_b, at_c = switch.exchange(a, sent, b, c)
    assert len(at_b) + len(at_c) == 64 and at_b and at_c


def test_it_comes_back_at_a_restart(fresh):
    a, b = fresh.pg(0, "10.0.0.1/24"), fresh.pg(1, "10.0.1.1/24")
    acl(fresh, "ip4", ["permit"])
    fresh.ctl(f"abf policy add id 1 acl 0 via {b.host} {b}")
    fresh.ctl(f"abf attach ip4 policy 1 priority 3 {a}")
    saved = fresh.running_config()
    fresh.restart(saved)
    assert fresh.running_config() == saved
    assert [x["priority"] for x in fresh.json("show abf attach pg0")["interfaces"][0]["attachments"]] == [3]
    fresh.ctl(f"set ip neighbor {b} {b.host} {b.host_mac}")
    (out,) = fresh.exchange(a, packet("ip4", a), b)
    assert out[IP].dst == FAR["ip4"].format(1)


def test_taken_back(saving):
    """By commands: nothing else stops meanwhile."""
    switch = saving
    a, b = switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.0.1.1/24")
    acl(switch, "ip4", ["permit"])
    switch.ctl(f"abf policy add id 1 acl 0 via {b.host} {b}")
    switch.ctl(f"abf attach ip4 policy 1 priority 3 {a}")
    switch.ctl("write")
    before = switch.running_config()
    switch.ctl(f"abf policy add id 2 acl 0 via {a.host} {a}")
    switch.ctl(f"abf attach ip4 policy 2 priority 1 {a}")
    assert "done, by" in switch.ctl("configure rollback")
    assert switch.running_config() == before
    assert len(switch.exchange(a, packet("ip4", a), b)) == 1

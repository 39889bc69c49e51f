"""Interface counters and runtime figures, exact to the packet and byte."""
import re
import time

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether


@pytest.fixture(scope="module")
def net(switch):
    made = switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.1.0.1/24")
    time.sleep(0.5)  # the announcements of the new addresses are out
    return made


def grown(switch, before):
    """{interface: {counter: n}} of what has changed."""
    after = switch.interfaces()
    changes = {}
    for name, interface in after.items():
        old = before[name]["counters"]
        delta = {k: n - old.get(k, 0) for k, n in interface["counters"].items() if n != old.get(k, 0)}
        if delta:
            changes[name] = delta
    return changes


def frames(pg, dst, sizes):
    return [pg.ether() / IP(src=pg.host, dst=dst) / UDP() / (b"x" * (size - 42)) for size in sizes]


def test_forwarded(switch, net):
    sizes = [60, 60, 100, 1514, 9000]
    before = switch.interfaces()
    switch.send(net[0], frames(net[0], net[1].host, sizes))
    assert grown(switch, before) == {
        "pg0": {"rx packets": 5, "rx bytes": sum(sizes), "ip4": 5},
        "pg1": {"tx packets": 5, "tx bytes": sum(sizes)},
    }


def test_dropped(switch, net):
    before = switch.interfaces()
    switch.send(net[0], frames(net[0], "99.0.0.1", [60] * 300))
    assert grown(switch, before) == {
        "pg0": {"rx packets": 300, "rx bytes": 18000, "ip4": 300, "drops": 300}}


def test_answered(switch, net):
    before = switch.interfaces()
    switch.send(net[0], net[0].ether() / IP(src=net[0].host, dst=net[0].address) / ICMP() / (b"x" * 56))
    assert grown(switch, before) == {
        "pg0": {"rx packets": 1, "rx bytes": 98, "tx packets": 1, "tx bytes": 98, "ip4": 1}}


def test_fragments_count_each(switch, net):
    switch.ctl("set interface mtu packet 500 pg1")
    before = switch.interfaces()
    switch.send(net[0], frames(net[0], net[1].host, [1400]))
    changes = grown(switch, before)
    switch.ctl("set interface mtu packet 9000 pg1")
    assert changes["pg0"] == {"rx packets": 1, "rx bytes": 1400, "ip4": 1}
    assert changes["pg1"] == {"tx packets": 3, "tx bytes": 1400 + 2 * 34}


def test_clear(switch, net):
    switch.ctl("clear interfaces")
    assert not any(i["counters"] for i in switch.interfaces().values())
    switch.send(net[0], frames(net[0], net[1].host, [60]))
    assert switch.counter("pg0", "rx packets") == 1


def test_runtime(switch, net):
    """Vectors of each node on the way, and clocks for them."""
    switch.ctl("clear runtime")
    switch.send(net[0], frames(net[0], net[1].host, [60] * 1000))
    nodes = {}
    for thread in switch.json("show runtime")["threads"]:
        for node in thread["nodes"]:
            nodes[node["name"]] = node
    for name in ("pg-input", "ethernet-input", "ip4-input", "ip4-lookup", "ip4-rewrite", "pg1-output",
                 "pg1-tx"):
        assert nodes[name]["vectors"] == 1000, name
        assert nodes[name]["calls"] >= 4


def test_kinds_of_destinations(switch, net):
    """Unicast, multicast and broadcast apart, once that is asked for; together they are all there is."""
    kinds = {"unicast": "02:aa:00:00:00:01", "multicast": "01:00:5e:00:00:01", "broadcast": "ff:ff:ff:ff:ff:ff"}
    sent = [Ether(src=net[0].host_mac, dst=mac, type=0x88b5) / (b"x" * (46 + 10 * n))
            for n, mac in enumerate(kinds.values()) for _ in range(n + 2)]
    want = {kind: (n + 2, (n + 2) * (60 + 10 * n)) for n, kind in enumerate(kinds)}
    total = tuple(map(sum, zip(*want.values())))

    def of(pg, way, before):
        changes = grown(switch, before).get(pg, {})
        return {kind: (changes.get(f"{way}-{kind} packets", 0), changes.get(f"{way}-{kind} bytes", 0)) for kind in kinds}, \
            (changes.get(f"{way} packets", 0), changes.get(f"{way} bytes", 0))
    none = {kind: (0, 0) for kind in kinds}
    switch.configure("set interface l2 xconnect pg0 pg1\nset interface l2 xconnect pg1 pg0")

    def counted():
        before = switch.interfaces()
        assert len(switch.exchange(net[0], sent, net[1], count=len(sent))) == len(sent)
        return of("pg0", "rx", before), of("pg1", "tx", before)
    try:
        assert counted() == ((none, total), (none, total))
        switch.ctl("interface collect detailed-stats enable")
        assert counted() == ((want, total), (want, total))
        switch.ctl("interface collect detailed-stats disable pg1")
        assert counted() == ((want, total), (none, total))
        switch.ctl("interface collect detailed-stats disable")
        assert counted() == ((none, total), (none, total))
        switch.ctl("interface collect detailed-stats enable pg1")
        assert counted() == ((none, total), (want, total))
    finally:
        switch.configure("interface collect detailed-stats disable\nset interface l3 pg0\nset interface l3 pg1")


def test_kinds_of_long_packets(switch, net):
    """All of a chain of buffers, as in rx and tx."""
    switch.ctl("interface collect detailed-stats enable")
    before = switch.interfaces()
    switch.send(net[0], frames(net[0], net[1].host, [60, 9000]))
    after = grown(switch, before)
    switch.ctl("interface collect detailed-stats disable")
    for pg, way in (("pg0", "rx"), ("pg1", "tx")):
        assert after[pg][f"{way}-unicast packets"] == after[pg][f"{way} packets"] == 2
        assert after[pg][f"{way}-unicast bytes"] == after[pg][f"{way} bytes"] == 9060


def test_kinds_are_saved(fresh):
    def lines():
        return [line for line in fresh.running_config() if "detailed-stats" in line]
    fresh.pg(0)
    fresh.pg(1)
    assert lines() == []
    fresh.ctl("interface collect detailed-stats enable pg1")
    assert lines() == ["interface collect detailed-stats enable pg1"]
    fresh.configure("interface collect detailed-stats enable\ninterface collect detailed-stats disable pg0")
    fresh.ctl("create loopback interface")  # who comes later is counted, too
    want = ["interface collect detailed-stats enable", "interface collect detailed-stats disable pg0"]
    assert lines() == want
    saved = fresh.running_config()
    fresh.restart(saved)
    assert fresh.running_config() == saved and lines() == want
    fresh.configure("create sub-interfaces pg1 7\ndelete packet-generator interface pg0")
    assert lines() == want[:1]
    assert "no Ethernet frames of its own" in fresh.fails("interface collect detailed-stats enable pg1.7")
    assert "no Ethernet frames of its own" in fresh.fails("interface collect detailed-stats enable local0")
    fresh.ctl("interface collect detailed-stats disable")
    assert lines() == []


def test_vector_rate_is_of_internal_nodes(fresh):
    """What input nodes are called for, mostly in vain, is not in it."""
    fresh.pg(0)
    fresh.ctl("packet-generator new { name burst limit 50 source pg0 node error-drop data { hex 0x00 } }")
    for _ in range(4):
        fresh.run_stream("burst")
    rates = re.findall(r"internal node vector rate ([\d.]+) ", fresh.ctl("show runtime"))
    assert sorted(rates) == ["0.00"] * fresh.workers + ["50.00"]  # of the main thread and the others

"""Interface counters and runtime figures, exact to the packet and byte."""
import time

import pytest
from scapy.layers.inet import ICMP, IP, UDP


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

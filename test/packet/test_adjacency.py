"""Counters of adjacencies: what leaves by each, to the packet and byte, once that is asked for."""
import os
import sys

import pytest
from packet_lib import wait_for
from scapy.layers.inet import ICMP, IP, UDP

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../../python")

from piste import Stats  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(scope="module")
def net(switch):
    """Three links, counted; behind the hosts on two of them a network each."""
    pgs = [switch.pg(i, f"10.{i}.0.1/24") for i in range(3)]
    switch.configure(f"""
        adjacency counters enable
        ip route add 20.1.0.0/16 via {pgs[1].host} pg1
        ip route add 20.2.0.0/16 via {pgs[2].host} pg2
    """)
    return pgs


def adjacency(switch, address, interface):
    """What `show adj` says of a neighbour; None when there is no such."""
    for adj in switch.json(f"show adj {interface}")["adjacencies"]:
        if adj["description"].startswith((f"ipv4 via {address} {interface}:", f"arp-ipv4: via {address} {interface}")):
            return adj
    return None


def counts(switch, *pgs):
    """Packets and bytes by the adjacencies to the hosts of these links: of `show adj`, and the segment says the same."""
    found = [adjacency(switch, pg.host, pg) for pg in pgs]
    with Stats(switch.folder + "/stats.sock") as stats:
        rows = stats["/net/adjacency"]
        for adj in found:
            cells = [row[adj["index"]] for row in rows]
            assert tuple(map(sum, zip(*cells))) == (adj["packets"], adj["bytes"])
    return [(adj["packets"], adj["bytes"]) for adj in found]


def grown(before, after):
    return [(a[0] - b[0], a[1] - b[1]) for a, b in zip(after, before)]


def udp(pg, dst, size, **fields):
    """A frame of `size` bytes."""
    return pg.ether() / IP(src=pg.host, dst=dst, **fields) / UDP() / (b"x" * (size - 42))


def test_exact(switch, net):
    """The bytes are those of the frames that leave."""
    sizes = [60, 61, 100, 1514, 5000]  # the last is a chain of buffers
    frames = [udp(net[0], "20.1.0.1", size) for size in sizes] + [udp(net[0], "20.2.0.1", 80)] * 300
    before = counts(switch, *net)
    out = switch.exchange(net[0], frames, net[1], count=5)
    assert sum(len(p) for p in out) == sum(sizes)
    assert grown(before, counts(switch, *net)) == [(0, 0), (5, sum(sizes)), (300, 300 * 80)]


def test_what_does_not_leave_is_not_counted(switch, net):
    """Dropped, answered, or of no neighbour: but the answers count where they leave."""
    before = counts(switch, *net)
    frames = [udp(net[0], "20.1.0.1", 60, ttl=1), udp(net[0], "99.0.0.1", 60), udp(net[0], "20.1.0.1", 60, chksum=1)]
    out = switch.exchange(net[0], frames, net[0], count=1)
    assert out[0][ICMP].type == 11
    assert grown(before, counts(switch, *net)) == [(1, len(out[0])), (0, 0), (0, 0)]


def test_fragments_count_each(switch, net):
    switch.ctl("set interface mtu packet 500 pg1")
    before = counts(switch, *net)
    switch.send(net[0], udp(net[0], "20.1.0.1", 1400))
    after = counts(switch, *net)
    switch.ctl("set interface mtu packet 9000 pg1")
    assert grown(before, after) == [(0, 0), (3, 1400 + 2 * 34), (0, 0)]


def test_tags_are_bytes(switch, net):
    """What is put in front of the packet counts, whatever its length."""
    switch.configure(f"""
        create sub-interface pg1 7
        set interface state pg1.7 up
        set interface ip address pg1.7 10.7.0.1/24
        set ip neighbor pg1.7 10.7.0.2 {net[1].host_mac}
    """)
    out = switch.exchange(net[0], udp(net[0], "10.7.0.2", 60), net[1], count=1)
    assert len(out[0]) == 64
    adj = adjacency(switch, "10.7.0.2", "pg1.7")
    assert (adj["packets"], adj["bytes"]) == (1, 64)
    switch.ctl("delete sub-interface pg1.7")


def test_off(switch, net):
    """Not counted unless it is asked for; what was counted stays."""
    switch.send(net[0], udp(net[0], "20.1.0.1", 60))
    before = counts(switch, *net)
    assert before[1][0] > 0
    switch.ctl("adjacency counters disable")
    switch.send(net[0], [udp(net[0], "20.1.0.1", 60)] * 10)
    assert counts(switch, *net) == before
    switch.ctl("adjacency counters enable")
    switch.send(net[0], [udp(net[0], "20.1.0.1", 60)] * 10)
    assert grown(before, counts(switch, *net)) == [(0, 0), (10, 600), (0, 0)]


def test_shown(switch, net):
    switch.send(net[0], udp(net[0], "20.1.0.1", 60))
    adj = adjacency(switch, net[1].host, net[1])
    shown = switch.ctl(f"show adj {adj['index']}").splitlines()
    assert shown == [f"[@{adj['index']}] {adj['description']}", f"   counts:[{adj['packets']}:{adj['bytes']}]",
                     f"   locks:{adj['refs']}"]


def test_clear_interfaces_leaves_them(switch, net):
    switch.send(net[0], udp(net[0], "20.1.0.1", 60))
    before = counts(switch, *net)
    switch.ctl("clear interfaces")
    assert counts(switch, *net) == before and before[1][0]


def test_a_number_that_comes_back_begins_at_0(switch, net):
    """A neighbour goes; whoever gets the number of its adjacency has none of its counts."""
    switch.ctl(f"set ip neighbor pg2 10.2.0.77 {net[2].host_mac}")
    switch.send(net[0], [udp(net[0], "10.2.0.77", 60)] * 3)
    old = adjacency(switch, "10.2.0.77", "pg2")
    assert (old["packets"], old["bytes"]) == (3, 180)
    switch.ctl(f"set ip neighbor del pg2 10.2.0.77 {net[2].host_mac}")
    last = 100

    def comes_back():
        nonlocal last
        last += 1
        switch.ctl(f"set ip neighbor pg2 10.2.0.{last} {net[2].host_mac}")
        if adjacency(switch, f"10.2.0.{last}", "pg2")["index"] == old["index"]:
            return True
        switch.ctl(f"set ip neighbor del pg2 10.2.0.{last} {net[2].host_mac}")
        return False
    wait_for(comes_back, "the number to come back", 20)
    new = adjacency(switch, f"10.2.0.{last}", "pg2")
    assert (new["index"], new["packets"], new["bytes"]) == (old["index"], 0, 0)
    switch.send(net[0], udp(net[0], f"10.2.0.{last}", 60))
    assert adjacency(switch, f"10.2.0.{last}", "pg2")["packets"] == 1


def test_saved(fresh):
    """Off at the start; the saved configuration brings it back."""
    assert "adjacency counters enable" not in fresh.running_config()
    pg = fresh.pg(0, "10.0.0.1/24")
    fresh.send(pg, pg.ether() / IP(src=pg.host, dst=pg.address) / ICMP())
    assert counts(fresh, pg) == [(0, 0)]
    fresh.ctl("adjacency counters enable")
    saved = fresh.running_config()
    assert saved.count("adjacency counters enable") == 1
    fresh.restart(saved)
    assert fresh.running_config() == saved
    fresh.ctl(f"set ip neighbor {pg} {pg.host} {pg.host_mac}")
    fresh.send(pg, pg.ether() / IP(src=pg.host, dst=pg.address) / ICMP())
    assert counts(fresh, pg)[0][0] == 1
    fresh.ctl("adjacency counters disable")
    assert "adjacency counters enable" not in fresh.running_config()

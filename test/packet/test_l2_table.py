"""The MAC table at its limits: full, ageing, flushed under traffic, addresses that move too often."""
import pytest
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from packet_lib import wait_for

CONFIG = "l2learn { limit 600 }"  # the smallest table there is: 256 buckets of 5
SLOTS = 256 * 5
BROADCAST = "ff:ff:ff:ff:ff:ff"
TYPE = 0x88b5


@pytest.fixture(scope="module")
def ports(switch):
    """pg0.. in bridge domain 1."""
    return switch.bridged(1, *range(3))


@pytest.fixture(autouse=True)
def nothing_learnt(switch, ports):
    switch.configure("clear l2fib\nset bridge-domain mac-age 1 0")


def mac(n):
    return f"02:aa:00:00:{n >> 8:02x}:{n & 255:02x}"


def frame(src, dst):
    return Ether(src=src, dst=dst, type=TYPE) / Raw(b"." * 46)


def reach(switch, ports, packet):
    """Ports that a frame from the first one comes out of."""
    lists = switch.exchange(ports[0], packet, *ports)
    return [i for i, packets in enumerate(lists) if packets]


def learned(switch):
    return {e["mac"]: e["interface"] for e in switch.json("show l2fib all")["entries"]}


def test_ageing(switch, ports):
    switch.ctl("set bridge-domain mac-age 1 5")
    switch.ctl(f"l2fib add {mac(9)} 1 {ports[2]}")
    switch.send(ports[1], [frame(mac(1), BROADCAST), frame(mac(2), BROADCAST)])
    switch.ctl("test l2fib age 5")
    assert set(learned(switch)) == {mac(1), mac(2), mac(9)}
    ages = {e["mac"]: e["age_minutes"] for e in switch.json("show l2fib all")["entries"]}
    assert ages[mac(1)] >= 5
    # who is heard of stays
    switch.send(ports[1], frame(mac(1), BROADCAST))
    switch.ctl("test l2fib age 1")
    assert set(learned(switch)) == {mac(1), mac(9)}
    assert switch.json("show bridge-domain 1")["learned"] == 1
    assert reach(switch, ports, frame(mac(3), mac(1))) == [1]
    assert reach(switch, ports, frame(mac(3), mac(2))) == [1, 2]
    # never, when it is switched off
    switch.ctl("set bridge-domain mac-age 1 0")
    switch.ctl("test l2fib age 200")
    assert set(learned(switch)) == {mac(1), mac(3), mac(9)}
    assert "show l2fib" and "Last scan time" in switch.ctl("show l2fib")


def test_a_full_table_forwards(switch, ports):
    answer = switch.vppctl(f"test l2fib add mac 02:bb:00:00:00:00 count {2 * SLOTS} bridge-domain 1 interface {ports[1]}")
    assert answer.returncode and answer.stdout.strip() == "test l2fib: the MAC table is full"
    total = switch.json("show l2fib")["total"]
    assert SLOTS / 2 < total <= SLOTS
    assert reach(switch, ports, frame(mac(1), "02:bb:00:00:00:00")) == [1]
    before = switch.error_count("L2 not learned since the MAC table is full")
    packets = [frame(mac(i), BROADCAST) for i in range(SLOTS)]
    outs = switch.exchange(ports[0], packets, ports[1], ports[2])
    assert [len(out) for out in outs] == [SLOTS, SLOTS]
    full = switch.error_count("L2 not learned since the MAC table is full") - before
    limit = switch.error_count("L2 not learned due to limit")
    shown = switch.json("show l2fib")
    assert full > 0 and shown["learned"] == len(learned(switch)) - total <= 600
    assert shown["learned"] + full + limit >= SLOTS
    switch.ctl("clear l2fib")
    assert switch.json("show l2fib")["total"] == 0
    assert reach(switch, ports, frame(mac(1), BROADCAST)) == [1, 2] and mac(1) in learned(switch)


def test_addresses_that_move_too_often(switch, ports):
    """More moves than there may be in a millisecond: those that are too many stay, and all frames go their way."""
    switch.send(ports[1], [frame(mac(i), BROADCAST) for i in range(250)])
    moves, storms = (switch.error_count(r) for r in ("L2 mac moves", "L2 mac moves over the rate limit"))
    outs = switch.exchange(ports[0], [frame(mac(i), BROADCAST) for i in range(250)], ports[1], ports[2])
    assert [len(out) for out in outs] == [250, 250]
    moves = switch.error_count("L2 mac moves") - moves
    storms = switch.error_count("L2 mac moves over the rate limit") - storms
    assert moves + storms == 250 and storms > 0
    assert sum(port == "pg0" for port in learned(switch).values()) == moves


def test_nothing_is_lost_while_it_is_scanned(switch, ports):
    """A stream to a known station, while the table is listed, aged, flushed and refilled."""
    count = 300000
    switch.ctl("set bridge-domain mac-age 1 5")
    before = switch.counter("pg1", "tx packets")
    switch.ctl(f"packet-generator new {{ name s limit {count} rate 200000 source pg0 node ethernet-input "
               f"data {{ IP4: {mac(1)} - {mac(400)} -> {mac(500)} UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 4 }} }}")
    switch.ctl("packet-generator enable-stream s")
    turns = 0
    while switch.stream("s")["enabled"]:
        switch.ctl(f"l2fib add {mac(500)} 1 pg1")
        switch.ctl("test l2fib age 9")
        switch.json("show l2fib all")
        switch.ctl("l2fib flush-mac interface pg0")
        switch.ctl("clear l2fib")
        switch.ctl("l2fib flush-mac bridge-domain 1")
        turns += 1
    switch.ctl("packet-generator delete s")
    assert turns > 1
    assert switch.counter("pg1", "tx packets") - before == count


def test_the_count_is_exact(switch, ports):
    for _ in range(5):
        switch.send(ports[0], [frame(mac(i % 700), BROADCAST) for i in range(1400)])
        shown = switch.json("show l2fib all")
        assert shown["total"] == shown["learned"] == len(shown["entries"]) == 600
        assert switch.json("show bridge-domain 1")["learned"] == 600
        switch.ctl("l2fib flush-mac all")
        assert switch.json("show bridge-domain 1")["learned"] == 0
    wait_for(lambda: switch.json("show l2fib")["total"] == 0, "an empty table")

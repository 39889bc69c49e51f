"""l2-rw: bytes of frames rewritten in a bridge domain, by classifier table or for all."""
import pytest

DST, SRC = bytes.fromhex("02aa00000002"), bytes.fromhex("02aa00000001")


def frame(kind, size=60):
    return (DST + SRC + kind.to_bytes(2, "big") + bytes(i & 255 for i in range(size)))[:size]


@pytest.fixture(scope="module")
def ports(switch):
    pgs = [switch.pg(i) for i in range(3)]
    switch.configure("""
        classify table mask l2 proto buckets 8 memory-size 1m
        classify session table-index 0 match l2 proto 0x88b5 opaque-index 1
        l2 rewrite entry index 0 mask 000000000000ffffffffffff value 0x000000000000020000000077 skip 6
        l2 rewrite entry index 1 mask ff0f value ff05 skip 16
    """)
    for pg in pgs:
        switch.ctl(f"set interface l2 bridge {pg} 1")
    return pgs


def out(switch, ports, packet):
    switch.ctl("l2fib flush-mac all")
    a, b = switch.exchange(ports[0], packet, ports[1], ports[2])
    assert [bytes(p) for p in a] == [bytes(p) for p in b] and len(a) == 1
    return bytes(a[0])


def test_by_table_and_by_miss(switch, ports):
    known, other = frame(0x88b5), frame(0x88b6)
    marked = known[:16] + bytes([0xff, known[17] & 0xf0 | 5]) + known[18:]
    assert (out(switch, ports, known), out(switch, ports, other)) == (known, other)
    switch.ctl("set bridge-domain rewrite 1")
    assert (out(switch, ports, known), out(switch, ports, other)) == (known, other)
    switch.ctl("set interface l2 rewrite pg0 table 0")
    assert (out(switch, ports, known), out(switch, ports, other)) == (marked, other)
    switch.ctl("set interface l2 rewrite pg0 table 0 miss-index 0")
    assert out(switch, ports, known) == marked
    assert out(switch, ports, other) == other[:12] + bytes.fromhex("020000000077") + other[18:]
    # a frame that ends before the bytes do
    assert out(switch, ports, other[:15]) == other[:12] + bytes.fromhex("020000")
    config = switch.running_config()
    for line in ("set bridge-domain rewrite 1", "set interface l2 rewrite pg0 table 0 miss-index 0",
                 "l2 rewrite entry index 1 mask ff0f value ff05 skip 16"):
        assert line in config
    assert switch.ctl("show l2 rewrite interfaces") == "sw_if_index:1 table-index:0 miss-index:0\n"
    assert [e["index"] for e in switch.json("show l2 rewrite entries")["entries"]] == [0, 1]
    assert switch.fails("classify table del table 0")
    # what was learnt is the address that came
    assert [e["mac"] for e in switch.json("show l2fib all")["entries"]] == ["02:aa:00:00:00:01"]
    switch.ctl("l2 rewrite entry index 1 del")
    assert out(switch, ports, known) == known
    switch.ctl("set interface l2 rewrite pg0")
    assert out(switch, ports, other) == other
    switch.ctl("set bridge-domain rewrite 1 disable")
    assert "rewrite 1" not in "\n".join(switch.running_config())


def test_a_frame_that_others_hold_in_part(fresh):
    """A long frame that is flooded shares what is behind its headers; the pipe takes one of its copies to a domain
    that rewrites there."""
    a, b, c = (fresh.pg(i) for i in range(3))
    fresh.configure("""
        pipe create
        set interface state pipe0 up
        set interface state pipe0.0 up
        set interface state pipe0.1 up
        set interface l2 bridge pg0 1
        set interface l2 bridge pg1 1
        set interface l2 bridge pipe0.0 1
        set interface l2 bridge pipe0.1 2
        set interface l2 bridge pg2 2
        l2 rewrite entry index 0 mask ffffffff value 01020304 skip 200
        set interface l2 rewrite pipe0.1 miss-index 0
        set bridge-domain rewrite 2
    """)
    sent = [frame(0x88b5, size) for size in (1000, 202, 200, 100, 9000)]
    first, second = fresh.exchange(a, sent, b, c)
    assert [bytes(p) for p in first] == sent
    assert [bytes(p) for p in second] == [(f[:200] + bytes((1, 2, 3, 4)) + f[204:])[:len(f)] for f in sent]
    assert fresh.buffers_used() == 0


@pytest.mark.parametrize("command, words", [
    ("l2 rewrite entry index 5 del", "no entry 5"),
    ("l2 rewrite entry index 5000 mask ff value ff", "an entry has an index from 0 to 1023"),
    ("l2 rewrite entry mask xyz value ff", "expected hex digits, got `xyz'"),
    ("l2 rewrite entry mask ff", "mask and value required"),
    (f"l2 rewrite entry mask {'ff' * 97} value ff", "at most 96 bytes can be rewritten"),
    ("set bridge-domain rewrite 99", "No such bridge domain 99"),
    ("set bridge-domain rewrite 0", "No operations on the default bridge domain are supported"),
])
def test_wrong_commands(switch, ports, command, words):
    assert switch.fails(command).endswith(words)

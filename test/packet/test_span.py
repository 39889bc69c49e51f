"""SPAN: copies of what passes an interface, by direction and layer, as it is on the wire."""
import pytest

ADDRESSES, REST = bytes.fromhex("02aa00000002" "02aa00000001"), b"\x88\xb5" + bytes(range(200)) * 5
OUTSIDE, INSIDE = ADDRESSES + b"\x81\x00\x00\x05" + REST, ADDRESSES + REST


@pytest.fixture(scope="module")
def ports(switch):
    """pg0 and pg1 joined; the tag of pg0's frames stays there. pg2 gets the copies."""
    pgs = [switch.pg(i) for i in range(3)]
    switch.configure("""
        create sub-interfaces pg0 5 dot1q 5
        set interface state pg0.5 up
        set interface l2 xconnect pg0.5 pg1
        set interface l2 xconnect pg1 pg0.5
        set interface l2 tag-rewrite pg0.5 pop 1
    """)
    return pgs


def copies(switch, ports):
    """What pg2 gets of a frame in each direction; the frame itself arrives as if nothing was."""
    found = []
    for port, packet, other, want in ((0, OUTSIDE, 1, INSIDE), (1, INSIDE, 0, OUTSIDE)):
        arrived, copied = switch.exchange(ports[port], [packet] * 3, ports[other], ports[2])
        assert [bytes(p) for p in arrived] == [want] * 3
        assert len(copied) in (0, 3)
        found.append(bytes(copied[0]) if copied else None)
    return found


@pytest.mark.parametrize("command, want", [
    ("pg0 destination pg2 rx", [OUTSIDE, None]),
    ("pg0 destination pg2 tx", [None, OUTSIDE]),
    ("pg0 destination pg2 both", [OUTSIDE, OUTSIDE]),
    ("pg0 destination pg2", [OUTSIDE, OUTSIDE]),
    ("pg1 destination pg2 both", [INSIDE, INSIDE]),
    ("pg1 l2 destination pg2 rx", [None, INSIDE]),
    ("pg1 l2 destination pg2 tx", [INSIDE, None]),
    ("pg1 l2 destination pg2 both", [INSIDE, INSIDE]),
    ("pg0.5 l2 destination pg2 both", [OUTSIDE, OUTSIDE]),
    ("pg0.5 destination pg2 rx", [OUTSIDE, None]),
    ("pg0.5 destination pg2 tx", [None, OUTSIDE]),
    ("pg0.5 destination pg2 both", [OUTSIDE, OUTSIDE]),
])
def test_directions(switch, ports, command, want):
    source = command.split()[0]
    layer = "l2" if "l2" in command else ""
    node = f"span-{'l2-' if layer else ''}"
    assert copies(switch, ports) == [None, None]
    switch.ctl(f"set interface span {command}")
    before = switch.errors()
    assert copies(switch, ports) == want
    hits = {k[0]: n - before.get(k, 0) for k, n in switch.errors().items() if k[0].startswith("span-") and n != before.get(k, 0)}
    assert sum(hits.values()) == 3 * sum(w is not None for w in want) and all(k.startswith(node) for k in hits)
    switch.ctl(f"set interface span {source} {layer} disable")
    assert switch.ctl("show interface span") == ""
    assert copies(switch, ports) == [None, None]


def test_a_sub_interface_among_others(switch, ports):
    """What the device receives for others is not copied, what it has of its own mirrors is."""
    switch.configure("create sub-interfaces pg0 6 dot1q 6\nset interface state pg0.6 up\n"
                     "set interface span pg0.6 destination pg2 both")
    assert copies(switch, ports) == [None, None]
    other = OUTSIDE.replace(b"\x81\x00\x00\x05", b"\x81\x00\x00\x06")
    assert [bytes(p) for p in switch.exchange(ports[0], other, ports[2])] == [other]
    switch.ctl("set interface span pg0.5 destination pg2 rx")
    assert copies(switch, ports) == [OUTSIDE, None]
    switch.ctl("delete sub-interface pg0.6")
    assert copies(switch, ports) == [OUTSIDE, None]
    assert switch.exchange(ports[0], other, ports[2]) == []
    switch.ctl("set interface span pg0.5 disable")
    assert switch.ctl("show interface span") == ""
    assert copies(switch, ports) == [None, None]


def test_a_command_that_fails_changes_nothing(switch, ports):
    """What local0 receives can be copied, what it sends cannot: it does not send."""
    switch.ctl("set interface span local0 destination pg2 rx")
    before = switch.ctl("show interface span")
    assert "no end" in switch.fails("set interface span local0 destination pg2 both")
    assert "no end" in switch.fails("set interface span local0 destination pg1 both")
    assert switch.ctl("show interface span") == before
    assert [line for line in switch.running_config() if "span" in line] == \
        ["set interface span local0 destination pg2 rx"]
    switch.ctl("set interface span local0 disable")
    assert switch.ctl("show interface span") == ""

"""Tags in layer 2: rewrites of all kinds both ways, the filter of what leaves, frames that are hard to take."""
import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

BODY = b"\x88\xb5" + bytes(range(60))
ADDRESSES = bytes.fromhex("02aa00000002" "02aa00000001")
Q, AD = 0x8100, 0x88a8


def frame(*tags):
    """tags: (type, id) from the outer one on"""
    return ADDRESSES + b"".join(t.to_bytes(2, "big") + v.to_bytes(2, "big") for t, v in tags) + BODY


@pytest.fixture(scope="module")
def ports(switch):
    """pg0 with sub-interfaces, cross-connected one at a time with pg1."""
    pgs = [switch.pg(i) for i in range(2)]
    switch.configure("""
        create sub-interfaces pg0 5 dot1q 5
        create sub-interfaces pg0 6 dot1ad 6 inner-dot1q 7
        set interface state pg0.5 up
        set interface state pg0.6 up
    """)
    return pgs


def connect(switch, name, rewrite):
    switch.configure(f"""
        set interface l2 xconnect {name} pg1
        set interface l2 xconnect pg1 {name}
        set interface l2 tag-rewrite {name} {rewrite}
    """)


@pytest.fixture(autouse=True)
def plain_again(switch, ports):
    yield
    for name in ("pg0", "pg0.5", "pg0.6", "pg1"):
        switch.ctl(f"set interface l2 tag-rewrite {name} disable")
        switch.ctl(f"set interface l2 efp-filter {name} disable")
        switch.ctl(f"set interface l3 {name}")


ONE, TWO = [(Q, 5)], [(AD, 6), (Q, 7)]
REWRITES = [  # interface, rewrite, tags on pg0, tags on pg1
    ("pg0.5", "disable", ONE, ONE),
    ("pg0.5", "pop 1", ONE, []),
    ("pg0.6", "pop 1", TWO, [(Q, 7)]),
    ("pg0.6", "pop 2", TWO, []),
    ("pg0", "push dot1q 100", [], [(Q, 100)]),
    ("pg0", "push dot1ad 100", [], [(AD, 100)]),
    ("pg0", "push dot1ad 100 200", [], [(AD, 100), (Q, 200)]),
    ("pg0.5", "push dot1q 100", ONE, [(Q, 100)] + ONE),
    ("pg0.5", "translate 1-1 dot1q 100", ONE, [(Q, 100)]),
    ("pg0.5", "translate 1-1 dot1ad 100", ONE, [(AD, 100)]),
    ("pg0.5", "translate 1-2 dot1ad 100 200", ONE, [(AD, 100), (Q, 200)]),
    ("pg0.6", "translate 2-1 dot1q 100", TWO, [(Q, 100)]),
    ("pg0.6", "translate 2-2 dot1q 100 200", TWO, [(Q, 100), (Q, 200)]),
    ("pg0.6", "translate 1-1 dot1q 100", TWO, [(Q, 100), (Q, 7)]),
]


@pytest.mark.parametrize("name, rewrite, outside, inside", REWRITES)
def test_both_ways(switch, ports, name, rewrite, outside, inside):
    connect(switch, name, rewrite)
    assert [bytes(p) for p in switch.exchange(ports[0], frame(*outside), ports[1])] == [frame(*inside)]
    assert [bytes(p) for p in switch.exchange(ports[1], frame(*inside), ports[0])] == [frame(*outside)]


@pytest.mark.parametrize("name, rewrite, outside, inside", [r for r in REWRITES if r[3]])
def test_filter(switch, ports, name, rewrite, outside, inside):
    """Only what comes back as it was leaves: other tags where the rewrite takes some away, or that are another's."""
    connect(switch, name, rewrite)
    wrong = frame(*[(t, v + 1) for t, v in inside])
    if rewrite != "disable":
        assert len(switch.exchange(ports[1], wrong, ports[0])) == 1
    switch.ctl(f"set interface l2 efp-filter {name}")
    drops = sum(switch.error_count(f"L2 EFP filter {w}-rewrite drops") for w in ("pre", "post"))
    assert [bytes(p) for p in switch.exchange(ports[1], frame(*inside), ports[0])] == [frame(*outside)]
    assert switch.exchange(ports[1], wrong, ports[0]) == []
    assert sum(switch.error_count(f"L2 EFP filter {w}-rewrite drops") for w in ("pre", "post")) == drops + 1
    assert [bytes(p) for p in switch.exchange(ports[0], frame(*outside), ports[1])] == [frame(*inside)]
    assert f"set interface l2 efp-filter {name}" in switch.running_config()


def test_filter_by_what_it_is(switch, ports):
    """A frame that would come in by another sub-interface does not leave by this one."""
    connect(switch, "pg0.5", "disable")
    for filtered in (False, True):
        before = switch.error_count("L2 EFP filter post-rewrite drops")
        for tags in ([], [(Q, 4)], TWO, [(Q, 5), (Q, 9)], ONE):
            out = switch.exchange(ports[1], frame(*tags), ports[0])
            assert len(out) == (not filtered or tags[:1] == ONE), (tags, filtered)
        assert switch.error_count("L2 EFP filter post-rewrite drops") == before + 3 * filtered
        switch.ctl("set interface l2 efp-filter pg0.5")


def test_tags_that_are_not_there(switch, ports):
    connect(switch, "pg0", "push dot1q 100")
    before = switch.error_count("L2 output tag rewrite drops")
    for packet in (frame(), frame()[:14], frame((Q, 1))[:15]):
        assert switch.exchange(ports[1], packet, ports[0]) == []
    assert switch.error_count("L2 output tag rewrite drops") == before + 3


def test_more_tags_than_are_looked_at(switch, ports):
    connect(switch, "pg0.5", "pop 1")
    deep = [(Q, 5)] + [(Q, 9)] * 6
    assert [bytes(p) for p in switch.exchange(ports[0], frame(*deep), ports[1])] == [frame(*deep[1:])]
    before = switch.error_count("more vlan tags than handled")
    assert switch.exchange(ports[0], frame(*[(Q, 9)] * 6), ports[1]) == []
    assert switch.error_count("more vlan tags than handled") == before + 1


def test_counters_of_sub_interfaces(switch, ports):
    connect(switch, "pg0.5", "pop 1")
    before = {c: switch.counter("pg0.5", c) for c in ("rx packets", "tx packets", "rx bytes", "tx bytes")}
    switch.exchange(ports[0], [frame(*ONE)] * 3, ports[1])
    switch.exchange(ports[1], [frame()] * 2, ports[0])
    grown = {c: switch.counter("pg0.5", c) - n for c, n in before.items()}
    assert (grown["rx packets"], grown["tx packets"]) == (3, 2)
    assert grown["rx bytes"] == 3 * len(frame(*ONE)) and grown["tx bytes"] == 2 * len(frame(*ONE))


WRONG = {
    "create sub-interfaces pg0 0": None,
    "create sub-interfaces pg0 4096": None,
    "create sub-interfaces pg0 20 dot1q 4095": None,
    "create sub-interfaces pg0 20 dot1q 5000": None,
    "create sub-interfaces pg0 20 dot1q 0": None,
    "create sub-interfaces pg0 20 dot1q 20 inner-dot1q 4096": None,
    "create sub-interfaces pg0 20 dot1q 5": "vlan is already in use",
    "set interface l2 tag-rewrite pg0.5 pop 3": "one or two tags can be popped",
    "set interface l2 tag-rewrite pg0.5 pop 2": "vlan tag rewrite is not compatible with interface",
    "set interface l2 tag-rewrite pg0 pop 1": "vlan tag rewrite is not compatible with interface",
    "set interface l2 tag-rewrite pg0.5 push dot1q 4096": "invalid VLAN id 4096: 1 to 4094 are possible",
    "set interface l2 tag-rewrite pg0.5 push dot1q 0": "invalid VLAN id 0: 1 to 4094 are possible",
    "set interface l2 tag-rewrite pg0.5 translate 1-2 dot1q 7": "translate 1-2 takes 2 tags",
    "set interface l2 efp-filter local0": "bridged interface must be ethernet",
    "set interface l2 tag-rewrite local0 push dot1q 5": "vlan tag rewrite is not compatible with interface",
}


@pytest.mark.parametrize("command", WRONG)
def test_wrong_commands(switch, ports, command):
    before = switch.running_config()
    text = switch.fails(command)
    assert WRONG[command] is None or text.endswith(WRONG[command]), text
    assert switch.running_config() == before


def test_a_port_changes_its_domain(switch, ports):
    """Without being taken out of the first one before; what was learnt there goes."""
    switch.configure("set interface l2 bridge pg0 1\nset interface l2 bridge pg1 1")
    station = "02:aa:00:00:00:01"
    packet = Ether(src=station, dst="ff:ff:ff:ff:ff:ff", type=0x88b5) / Raw(bytes(50))
    assert len(switch.exchange(ports[0], packet, ports[1])) == 1
    switch.ctl("set interface l2 bridge pg0 2")
    assert switch.json("show l2fib")["total"] == 0
    assert [p["interface"] for p in switch.json("show bridge-domain 1 detail")["ports"]] == ["pg1"]
    assert switch.exchange(ports[0], packet, ports[1]) == []
    assert switch.json("show l2fib all")["entries"][0]["bridge_domain"] == 2
    assert switch.fails("create bridge-domain 2 del").endswith("bridge domain in use - remove members")
    switch.configure("set interface l3 pg0\nset interface l3 pg1\ncreate bridge-domain 1 del\ncreate bridge-domain 2 del")
    assert switch.ctl("show bridge-domain") == "no bridge-domains in use\n"


def test_mtu_of_a_sub_interface(switch, ports):
    """It has its own: what is longer is told so, or cut; the port lets it pass."""
    switch.configure("""
        create sub-interfaces pg0 8
        set interface state pg0.8 up
        set interface ip address pg0.8 10.8.0.1/24
        set interface ip address pg1 10.9.0.1/24
        set ip neighbor pg0.8 10.8.0.2 02:00:00:00:00:82
        set ip neighbor pg1 10.9.0.2 02:00:00:00:00:92
        set interface mtu packet 500 pg0.8
    """)
    packet = Ether(src="02:00:00:00:00:92", dst=ports[1].mac) / IP(src="10.9.0.2", dst="10.8.0.2", flags="DF") / Raw(bytes(600))
    outside, back = switch.exchange(ports[1], packet, *ports)
    assert outside == []
    error, = [p for p in back if ICMP in p]
    assert (error[ICMP].type, error[ICMP].code, error[ICMP].nexthopmtu) == (3, 4, 500)
    packet[IP].flags = 0
    parts = switch.exchange(ports[1], packet, ports[0])
    assert [p[Dot1Q].vlan for p in parts] == [8, 8] and max(p[IP].len for p in parts) <= 500
    switch.ctl("set interface mtu packet 1500 pg0.8")
    whole, = switch.exchange(ports[1], packet, ports[0])
    assert (whole[Dot1Q].vlan, whole[IP].len) == (8, 620)
    switch.configure("delete sub-interface pg0.8\nset interface ip address del pg1 10.9.0.1/24")

"""Policers: how many packets of a burst conform, and what becomes of the others.

Rates are so small, and packets so large, that a token for another packet takes over a minute: counts are exact.
"""
import contextlib

import pytest
from packet_lib import Switch, wait_for
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

BROADCAST = "ff:ff:ff:ff:ff:ff"
L3_BYTES = 8986        # of each packet; 9000 with its link header
FRAME_BYTES = L3_BYTES + 14
SLOW = "cir 1 rate kbps"  # 125 bytes a second


@pytest.fixture(scope="module")
def routed(switch):
    return [switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.0.1.1/24")]


@pytest.fixture(scope="module")
def bridged(switch):
    return switch.bridged(7, 2, 3, 4)


@pytest.fixture(autouse=True)
def nothing_left(switch):
    yield
    for line in switch.running_config():
        if line.startswith("set policer classify"):
            switch.ctl(line + " del")
    for policer in policers(switch):
        switch.ctl(f"policer del name {policer}")
    for table in switch.json("show classify tables")["tables"]:
        switch.ctl(f"classify table table {table['index']} del")


def policers(switch):
    return {p["name"]: p for p in switch.json("show policer")["policers"]}


def counts(switch, name):
    p = policers(switch)[name]
    return tuple(p[color]["packets"] for color in ("conform", "exceed", "violate"))


def packet(pgs, n=0, tos=0):
    return (pgs[0].ether() / IP(src="10.0.0.9", dst=pgs[1].host, tos=tos, id=n) / UDP(sport=n) /
            Raw(bytes(L3_BYTES - 28)))


@pytest.fixture(scope="module")
def routed6(switch):
    return [switch.pg(5, "2001:db8:5::1/64"), switch.pg(6, "2001:db8:6::1/64")]


def packet6(pgs, n=0, tc=0, dst=None):
    return (pgs[0].ether() / IPv6(src="2001:db8:5::9", dst=dst or pgs[1].host, tc=tc, fl=n) / UDP(sport=n & 0xffff) /
            Raw(bytes(L3_BYTES - 48)))


def frame(src=1, dst=BROADCAST, size=FRAME_BYTES, tos=0):
    return Ether(src=f"02:aa:00:00:00:{src:02x}", dst=dst) / IP(dst="10.9.9.9", tos=tos) / UDP() / \
        Raw(bytes(size - 42))


def test_show(switch):
    switch.ctl("policer add name p1 type 1r2c cir 1000 cb 15000 rate kbps round closest "
               "conform-action transmit exceed-action drop")
    lines = switch.ctl("show policer").splitlines()
    assert lines[:5] == ['Name "p1" type 1r2c cir 1000 eir 0 cb 15000 eb 0', "rate type kbps, round type closest",
                         "conform action transmit, exceed action drop, violate action drop", " ",
                         "Policer at index 0: single rate, not color-aware"]
    assert lines[5].startswith("cir ") and lines[5].endswith("tok/period, pir 1 tok/period, scale 18")
    assert lines[6:] == ["cur lim 3932160000, cur bkt 3932160000, ext lim 0, ext bkt 0", "last update 0",
                         "conform 0 packets, 0 bytes", "exceed 0 packets, 0 bytes",
                         "violate 0 packets, 0 bytes", "-----------"]
    assert switch.ctl("show policer pools") == "pool sizes: configs=1 policers=1\n"
    assert switch.ctl("show policer name p1") == switch.ctl("show policer index 0") == switch.ctl("show policer")


def test_a_burst_at_an_input(switch, routed):
    switch.ctl(f"policer add name p {SLOW} cb {7 * L3_BYTES}")
    switch.ctl("policer input name p pg0")
    packets = [packet(routed, n) for n in range(20)]
    with switch.counts({("policer-input", "Packets Transmitted"): 7, ("policer-input", "Packets Dropped"): 13}):
        assert [p[IP].id for p in switch.exchange(routed[0], packets, routed[1])] == list(range(7))
    p = policers(switch)["p"]
    assert (p["conform"], p["exceed"], p["violate"]) == (
        {"packets": 7, "bytes": 7 * L3_BYTES}, {"packets": 0, "bytes": 0}, {"packets": 13, "bytes": 13 * L3_BYTES})
    # full again
    switch.ctl("policer reset name p")
    assert len(switch.exchange(routed[0], packets, routed[1])) == 7
    # another burst
    switch.ctl(f"configure policer name p {SLOW} cb {3 * L3_BYTES + L3_BYTES - 1}")
    assert len(switch.exchange(routed[0], packets, routed[1])) == 3
    switch.ctl("policer input unapply name p pg0")
    assert len(switch.exchange(routed[0], packets, routed[1])) == 20


def test_what_is_deleted_polices_no_more(switch, routed):
    switch.ctl(f"policer add name p {SLOW} cb {L3_BYTES}")
    switch.ctl("policer input name p pg0\n")
    switch.ctl("policer output name p pg1")
    packets = [packet(routed, n) for n in range(4)]
    assert switch.exchange(routed[0], packets, routed[1]) == []  # with its link header it is longer
    switch.ctl("policer del index 0")
    assert len(switch.exchange(routed[0], packets, routed[1])) == 4
    assert not [line for line in switch.running_config() if "policer" in line]


def test_a_burst_at_an_output(switch, routed):
    switch.ctl(f"policer add name p {SLOW} cb {5 * FRAME_BYTES}")
    switch.ctl("policer output name p pg1")
    with switch.counts({("policer-output", "Packets Transmitted"): 5, ("policer-output", "Packets Dropped"): 7}):
        assert len(switch.exchange(routed[0], [packet(routed)] * 12, routed[1])) == 5
    switch.ctl("policer output unapply name p pg1")
    assert len(switch.exchange(routed[0], [packet(routed)] * 12, routed[1])) == 12


def test_packets_a_second(switch):
    """A burst is milliseconds of the rate, then."""
    switch.ctl("policer add name p cir 1 cb 9000 rate pps")
    assert policers(switch)["p"]["current_limit"] >> policers(switch)["p"]["scale"] == 9
    switch.ctl("configure policer name p cir 1000000 cb 1 rate pps")
    assert policers(switch)["p"]["current_limit"] >> policers(switch)["p"]["scale"] == 1000


@pytest.mark.parametrize("words, expected", [
    ("type 1r2c cb {4}", (4, 0, 16)),
    ("type 1r3c cb {4} eb {5}", (4, 5, 11)),
    ("type 2r3c-2698 eir 1 cb {4} eb {9}", (4, 5, 11)),
    ("type 2r3c-2698 eir 1 cb {9} eb {4}", (4, 0, 16)),
    ("type 2r3c-4115 eir 1 cb {4} eb {9}", (4, 9, 7)),
    ("type 2r3c-mef5cf1 eir 1 cb {4} eb {9}", (4, 9, 7)),
])
def test_types(switch, routed, words, expected):
    for n in (4, 5, 9):
        words = words.replace(f"{{{n}}}", str(n * L3_BYTES))
    switch.ctl(f"policer add name p {SLOW} {words} exceed-action mark-and-transmit AF12 violate-action drop")
    switch.ctl("policer input name p pg0")
    out = switch.exchange(routed[0], [packet(routed, n, tos=3) for n in range(20)], routed[1])
    assert counts(switch, "p") == expected
    conform, exceed, _ = expected
    assert [p[IP].id for p in out] == list(range(conform + exceed))
    assert [p[IP].tos for p in out] == [3] * conform + [12 << 2 | 3] * exceed
    for p in out:  # the checksum goes with the mark
        good = IP(bytes(p[IP])[:20])
        right, good.chksum = good.chksum, None
        assert IP(bytes(good)).chksum == right


def test_marks_on_the_way_out(switch, routed):
    switch.ctl(f"policer add name p {SLOW} cb {FRAME_BYTES} conform-action mark-and-transmit EF "
               "violate-action mark-and-transmit 7")
    switch.ctl("policer output name p pg1")
    out = switch.exchange(routed[0], [packet(routed, tos=1)] * 3, routed[1])
    assert [p[IP].tos for p in out] == [46 << 2 | 1, 7 << 2 | 1, 7 << 2 | 1]
    assert "violate action mark-and-transmit 7" in switch.ctl("show policer")


def test_ip6(switch, routed6):
    """A policer of an interface is for both protocols."""
    switch.ctl(f"policer add name p {SLOW} cb {4 * L3_BYTES}")
    switch.ctl("policer input name p pg5")
    packets = [packet6(routed6, n) for n in range(12)]
    with switch.counts({("policer-input", "Packets Transmitted"): 4, ("policer-input", "Packets Dropped"): 8}):
        out = switch.exchange(routed6[0], packets, routed6[1])
    assert [p[IPv6].fl for p in out] == list(range(4)) and counts(switch, "p") == (4, 0, 8)
    hops, = switch.trace(routed6[0], packets[0])
    assert [node for node, _ in hops][-4:-2] == ["policer-input", "ip6-drop"]
    switch.ctl("policer del name p")
    # marks on both ways; what else is in that word stays
    switch.ctl(f"policer add name q {SLOW} cb {2 * L3_BYTES} conform-action mark-and-transmit EF "
               "violate-action mark-and-transmit 7")
    for where in ("input name q pg5", "output name q pg6"):
        switch.ctl("policer reset name q")
        switch.ctl(f"policer {where}")
        out = switch.exchange(routed6[0], [packet6(routed6, 0xabcde, tc=1)] * 3, routed6[1])
        assert [p[IPv6].fl for p in out] == [0xabcde] * 3
        assert [p[IPv6].tc & 3 for p in out] == [1] * 3
        assert [p[IPv6].tc >> 2 for p in out] == ([46, 46, 7] if "input" in where else [46, 7, 7])
        switch.ctl(f"policer {where.replace('put', 'put unapply')}")
    assert len(switch.exchange(routed6[0], packets, routed6[1])) == 12


def test_ip6_by_a_table(switch, routed6):
    switch.ctl(f"policer add name a {SLOW} cb {2 * L3_BYTES}")
    switch.configure("""classify table mask l3 ip6 dst buckets 8
        classify session policer-hit-next a table-index 0 match l3 ip6 dst 2001:db8:6::2
        set policer classify interface pg5 ip6-table 0""")
    assert "set policer classify interface pg5 ip6-table 0" in switch.running_config()
    switch.ctl(f"set ip neighbor pg6 2001:db8:6::3 {routed6[1].host_mac}")
    packets = [packet6(routed6), packet6(routed6, dst="2001:db8:6::3")] * 5
    with switch.counts({("ip6-policer-classify", "Policer classify hits"): 5,
                        ("ip6-policer-classify", "Policer classify misses"): 5,
                        ("ip6-policer-classify", "Policer classify action drop"): 3}):
        out = [p[IPv6].dst for p in switch.exchange(routed6[0], packets, routed6[1])]
    assert (out.count("2001:db8:6::2"), out.count("2001:db8:6::3")) == (2, 5)
    assert "pg5" in switch.ctl("show classify policer type ip6")
    assert switch.ctl("show classify policer type ip4") == "No classify policer tables configured\n"


def test_layer_2(switch, bridged):
    switch.ctl(f"policer add name in {SLOW} cb {6 * FRAME_BYTES}")
    switch.ctl("policer input name in pg2")
    with_tag = Ether(src="02:aa:00:00:00:01", dst=BROADCAST) / Dot1Q(vlan=5) / IPv6() / Raw(bytes(FRAME_BYTES - 58))
    frames = [frame(), with_tag, Ether(src="02:aa:00:00:00:01", dst=BROADCAST, type=0x88b5) /
              Raw(bytes(FRAME_BYTES - 14))] * 4
    out = switch.exchange(bridged[0], frames, bridged[1])
    assert [bytes(p) for p in out] == [bytes(p) for p in frames[:6]]
    assert counts(switch, "in") == (6, 0, 6)
    switch.ctl("policer input unapply name in pg2")
    # marked copies do not change those of others
    switch.ctl(f"policer add name out {SLOW} cb {4 * FRAME_BYTES} conform-action mark-and-transmit CS3")
    switch.ctl("policer output name out pg3")
    marked, others = switch.exchange(bridged[0], frames, bridged[1], bridged[2])
    assert [bytes(p) for p in others] == [bytes(p) for p in frames]
    assert [p[IP].tos for p in marked if IP in p] == [24 << 2] * 2
    assert [p[IPv6].tc for p in marked if IPv6 in p] == [24 << 2]
    assert len(marked) == 4 and bytes(marked[2]) == bytes(frames[2])


def test_by_a_table(switch, routed):
    switch.ctl(f"policer add name a {SLOW} cb {2 * L3_BYTES}")
    switch.ctl(f"policer add name b {SLOW} cb {3 * L3_BYTES}")
    switch.configure("""classify table mask l4 src_port buckets 8
        classify session policer-hit-next a table-index 0 match l4 src_port 1
        classify session policer-hit-next b table-index 0 match l4 src_port 2
        set policer classify interface pg0 ip4-table 0""")
    packets = [packet(routed, n) for n in (1, 2, 3)] * 5
    with switch.counts({("ip4-policer-classify", "Policer classify hits"): 10,
                        ("ip4-policer-classify", "Policer classify misses"): 5,
                        ("ip4-policer-classify", "Policer classify action drop"): 5}):
        out = [p[UDP].sport for p in switch.exchange(routed[0], packets, routed[1])]
    assert (out.count(1), out.count(2), out.count(3)) == (2, 3, 5)
    assert counts(switch, "a") == (2, 0, 3) and counts(switch, "b") == (3, 0, 2)
    assert "pg0" in switch.ctl("show classify policer type ip4")
    assert switch.ctl("show classify policer type l2") == "No classify policer tables configured\n"
    # a session of a policer that is gone lets packets go on
    switch.ctl("policer del name a")
    out = [p[UDP].sport for p in switch.exchange(routed[0], packets, routed[1])]
    assert (out.count(1), out.count(2), out.count(3)) == (5, 0, 5)
    # nor is it one of the policer that has its index now
    switch.ctl(f"policer add name c {SLOW} cb {2 * L3_BYTES}")
    assert "at index 0:" in switch.ctl("show policer name c")
    out = [p[UDP].sport for p in switch.exchange(routed[0], packets, routed[1])]
    assert (out.count(1), out.count(2), out.count(3)) == (5, 0, 5)
    assert counts(switch, "c") == (0, 0, 0)
    assert not [line for line in switch.running_config() if "policer-hit-next c" in line]


def test_by_a_table_in_layer_2(switch, bridged):
    switch.ctl(f"policer add name a {SLOW} cb {2 * FRAME_BYTES}")
    switch.configure("""classify table mask l2 src buckets 8
        classify session policer-hit-next a table-index 0 match l2 src 02:aa:00:00:00:01
        set policer classify interface pg2 l2-table 0""")
    frames = [frame(1), frame(2)] * 4
    out = [p.src[-1] for p in switch.exchange(bridged[0], frames, bridged[1])]
    assert (out.count("1"), out.count("2")) == (2, 4)


def test_colours(switch, routed):
    """A colour-aware policer minds what a session says that a packet is already."""
    switch.ctl(f"policer add name a type 1r3c color-aware {SLOW} cb {4 * L3_BYTES} eb {3 * L3_BYTES} "
               "exceed-action transmit")
    switch.configure("""classify table mask l4 src_port buckets 8
        classify session policer-hit-next a table-index 0 match l4 src_port 1 opaque-index conform-color
        classify session policer-hit-next a table-index 0 match l4 src_port 2 opaque-index exceed-color
        set policer classify interface pg0 ip4-table 0""")
    switch.exchange(routed[0], [packet(routed, 2)] * 5, routed[1])
    assert counts(switch, "a") == (0, 3, 2)
    switch.exchange(routed[0], [packet(routed, 1)] * 5, routed[1])
    assert counts(switch, "a") == (4, 3, 3)


def test_trace(switch, routed):
    switch.ctl(f"policer add name p {SLOW} cb {L3_BYTES}")
    switch.ctl("policer input name p pg0")
    hops = switch.trace(routed[0], [packet(routed)] * 2)
    words = [text for packet_hops in hops for node, text in packet_hops if node == "policer-input"]
    assert [w.split()[-1] for w in words] == ["conform", "violate"]
    assert all(w.startswith("POLICER: sw_if_index ") for w in words)


def test_packets_of_any_length(switch, routed):
    """Long chains count as a whole."""
    switch.ctl("policer add name p cir 1000000 cb 4000000000 rate kbps")
    switch.ctl("policer input name p pg0")
    sizes = [0, 1, 100, 1472, 2100, 4000, 8900]
    packets = [routed[0].ether() / IP(src="10.0.0.9", dst=routed[1].host) / UDP() / Raw(bytes(n)) for n in sizes]
    assert len(switch.exchange(routed[0], packets, routed[1])) == len(sizes)
    assert policers(switch)["p"]["conform"]["bytes"] == sum(n + 28 for n in sizes)


def test_threads_share_a_policer(build):
    """Two interfaces on two threads: not a packet more than the burst conforms."""
    with contextlib.closing(SwitchOfThreads(build, 2)) as both:
        switch = both.switch
        pgs = [switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.0.1.1/24")]
        out = switch.pg(2, "10.0.2.1/24")
        switch.ctl(f"policer add name p {SLOW} cb {5000 * L3_BYTES}")
        for i, pg in enumerate(pgs):
            switch.ctl(f"policer input name p {pg}")
            head = bytes(pg.ether() / IP(src=pg.host, dst=out.host) / UDP() / Raw(bytes(L3_BYTES - 28)))[:60]
            switch.ctl(f"packet-generator new {{ name s{i} limit 4000 worker {i} node ethernet-input source {pg} "
                       f"size {FRAME_BYTES}-{FRAME_BYTES} data {{ hex 0x{head.hex()} }} }}")
        switch.ctl("packet-generator enable-stream")
        wait_for(lambda: sum(counts(switch, "p")) == 8000, "all packets to be policed", 60)
        assert counts(switch, "p") == (5000, 0, 3000)
        wait_for(lambda: switch.errors()[("policer-input", "Packets Transmitted")] == 5000, "both to count", 60)


class SwitchOfThreads:
    def __init__(self, build, workers):
        self.switch = Switch(build, config=f"cpu {{ workers {workers} }}")
        self.switch.start()

    def close(self):
        try:
            self.switch.stop()
            assert "Sanitizer" not in self.switch.output(), self.switch.output()
        finally:
            self.switch.remove()


WRONG = [
    ("policer add name p cir 1 cb 1000", "Policer already exists"),
    ("policer add name q", "Config failed sanity check"),
    ("policer add name q cir 1", "Config failed sanity check"),
    ("policer add name q cb 1", "Config failed sanity check"),
    ("policer add name q cir 1 cb 5000000000", "Config failed sanity check"),
    ("policer add name q type 2r3c-2698 cir 2 eir 1 cb 1000 eb 1000", "Config failed sanity check"),
    ("policer add name q type 2r3c-4115 cir 2 cb 1000 eb 1000", "Config failed sanity check"),
    ("policer add name q cir 1 cb 1000 conform-action explode", "unknown action"),
    ("policer add name q cir 1 cb 1000 conform-action mark-and-transmit 64", "unknown action"),
    ("policer add name q cir 1 cb 1000 conform-action mark-and-transmit", "unknown action"),
    ("policer add name q cir 1 cb 1000 type 3r4c", "unknown"),
    ("policer add cir 1 cb 1000", "unknown"),
    ("policer add name " + "q" * 64 + " cir 1 cb 1000", "1 to 63 bytes"),
    ("policer del name q", "No such policer"),
    ("policer del index 9", "No such policer"),
    ("policer del", "No policer specified"),
    ("policer reset name q", "No such policer"),
    ("configure policer name q cir 1 cb 1000", "No such policer"),
    ("configure policer name p cir 0 cb 1000", "Config failed sanity check"),
    ("policer bind name p", "specify worker to bind to"),
    ("policer bind name p 77", "no such worker"),
    ("policer input name q pg0", "No such policer"),
    ("policer input name p nobody", "unknown interface"),
    ("policer input unapply name p pg1", "another policer, or none"),
    ('policer add name "a b" cir 1 cb 1000', "a policer's name is one word"),
    ("policer add name a#b cir 1 cb 1000", "a policer's name is one word"),
    (r"policer add name a\$b cir 1 cb 1000", "a policer's name is one word"),
    ("show policer name q", "No such policer"),
    ("set policer classify interface pg0 ip4-table 9", "No such classifier table"),
    ("set policer classify interface pg0", "Table index must be specified."),
    ("set policer classify ip4-table 9", "Interface must be specified."),
    ("set policer classify interface pg0 ip6-table 9", "No such classifier table"),
]


@pytest.mark.parametrize("command, words", WRONG)
def test_what_is_wrong_changes_nothing(switch, routed, command, words):  # pylint: disable=unused-argument
    switch.ctl("policer add name p cir 1 cb 1000")
    switch.ctl("policer input name p pg0")
    before = switch.running_config(), switch.ctl("show policer")
    assert words in switch.fails(command)
    assert (switch.running_config(), switch.ctl("show policer")) == before


def test_running_config(fresh):
    fresh.pg(0, "10.0.0.1/24")
    fresh.configure("""
        policer add name a type 1r3c color-aware cir 100 cb 2000 eb 3000 round up conform-action mark-and-transmit AF11
        policer add name b type 2r3c-2698 cir 100 eir 200 cb 2000 eb 3000 rate pps round down exceed-action transmit violate-action mark-and-transmit 63
        policer bind name b 0
        policer input name a pg0
        policer output name b pg0
        classify table mask l3 ip4 src buckets 8
        classify session policer-hit-next b table-index 0 match l3 ip4 src 10.0.0.7
        set policer classify interface pg0 ip4-table 0 l2-table 0""")
    lines = fresh.running_config()
    shown = fresh.ctl("show policer") + fresh.ctl("show classify tables verbose")
    assert shown.count("bound to worker 0\n") == 1
    fresh.restart(lines)
    assert fresh.running_config() == lines
    assert fresh.ctl("show policer") + fresh.ctl("show classify tables verbose") == shown
    assert len([line for line in lines if "policer" in line]) == 8


def test_punted(switch, routed):
    """One policer for all that is punted, whatever it came in by."""
    switch.ctl(f"policer add name p1 type 1r2c {SLOW} cb {2 * L3_BYTES} conform-action transmit exceed-action drop")
    switch.ctl("ip route add 10.0.66.0/24 via punt")
    packets = [pg.ether() / IP(src=pg.host, dst="10.0.66.1") / UDP() / Raw(bytes(L3_BYTES - 28)) for pg in routed]
    for pg, one in zip(routed, packets):
        switch.send(pg, one)
    assert counts(switch, "p1") == (0, 0, 0)
    switch.ctl("ip punt policer add name p1")
    assert "ip punt policer add name p1" in switch.running_config()
    for pg, one in zip(routed, packets):
        switch.send(pg, [one] * 2)
    assert counts(switch, "p1") == (2, 0, 2)
    hops, = switch.trace(routed[0], packets[0])
    nodes = [node for node, _ in hops]
    assert nodes[nodes.index("ip4-punt"):][:3] == ["ip4-punt", "ip4-punt-policer", "ip4-drop"]
    switch.ctl("ip punt policer del 0")
    hops, = switch.trace(routed[0], packets[0])
    assert [node for node, _ in hops][-2:] == ["error-punt", "punt"]
    switch.ctl(f"ip punt policer {policers(switch)['p1']['index']}")
    switch.ctl("policer del name p1")  # who goes polices nothing any more
    assert not [line for line in switch.running_config() if "punt policer" in line]
    assert "No such policer" in switch.fails("ip punt policer add 7")
    switch.ctl("ip route del 10.0.66.0/24")


def test_punted_of_ip6(switch, routed6):
    """By itself: that of IPv4 is another."""
    switch.ctl(f"policer add name p {SLOW} cb {2 * L3_BYTES}")
    switch.ctl("ip route add 2001:db8:66::/48 via punt")
    switch.ctl("ip6 punt policer add name p")
    assert "ip6 punt policer add name p" in switch.running_config()
    assert not [line for line in switch.running_config() if line.startswith("ip punt policer")]
    switch.send(routed6[0], [packet6(routed6, dst="2001:db8:66::1")] * 3)
    assert counts(switch, "p") == (2, 0, 1)
    hops, = switch.trace(routed6[0], packet6(routed6, dst="2001:db8:66::1"))
    nodes = [node for node, _ in hops]
    assert nodes[nodes.index("ip6-punt"):][:3] == ["ip6-punt", "ip6-punt-policer", "ip6-drop"]
    switch.ctl("ip6 punt policer del 0")
    hops, = switch.trace(routed6[0], packet6(routed6, dst="2001:db8:66::1"))
    assert [node for node, _ in hops][-2:] == ["error-punt", "punt"]
    switch.ctl("ip6 punt policer name p")
    switch.ctl("policer del name p")
    assert not [line for line in switch.running_config() if "punt policer" in line]
    assert "No such policer" in switch.fails("ip6 punt policer add 7")
    switch.ctl("ip route del 2001:db8:66::/48")

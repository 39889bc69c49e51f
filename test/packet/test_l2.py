"""Switching between packet-generator interfaces: each node that a frame passes, each counter that goes up."""
import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

BROADCAST = "ff:ff:ff:ff:ff:ff"
TYPE = 0x88b5
PORTS = 4


@pytest.fixture(scope="module")
def ports(switch):
    """pg0.. in bridge domain 1, nothing learnt."""
    return switch.bridged(1, *range(PORTS))


@pytest.fixture(autouse=True)
def nothing_learnt(switch, ports):
    switch.ctl("l2fib flush-mac all")


def mac(n):
    return f"02:aa:00:00:{n >> 8:02x}:{n & 255:02x}"


def frame(src, dst, size=60):
    return Ether(src=src, dst=dst, type=TYPE) / Raw(bytes(i * 7 & 255 for i in range(size - 14)))


def out(switch, ports, port, frames):
    """Where frames that enter by a port come out: {port: [bytes]}."""
    lists = switch.exchange(ports[port], frames, *ports)
    return {i: [bytes(p) for p in packets] for i, packets in enumerate(lists) if packets}


def nodes(hops):
    return [node for node, _ in hops]


def test_a_flood_by_node_and_counter(switch, ports):
    packet = frame(mac(1), BROADCAST)
    with switch.counts({("l2-input", "L2 input packets"): 1, ("l2-learn", "L2 learn packets"): 1,
                        ("l2-learn", "L2 learn misses"): 1, ("l2-flood", "L2 flood packets"): 1,
                        ("l2-output", "L2 output packets"): 3}):
        assert out(switch, ports, 0, packet) == {i: [bytes(packet)] for i in (1, 2, 3)}


def test_a_vector_of_unicast(switch, ports):
    switch.send(ports[1], [frame(mac(i), BROADCAST) for i in range(100, 200)])
    packets = [frame(mac(i % 50), mac(100 + i % 100)) for i in range(600)]
    with switch.counts({("l2-input", "L2 input packets"): 600, ("l2-learn", "L2 learn packets"): 600,
                        ("l2-learn", "L2 learn misses"): 50, ("l2-fwd", "L2 forward packets"): 600,
                        ("l2-fwd", "L2 forward hits"): 600, ("l2-output", "L2 output packets"): 600}):
        assert out(switch, ports, 0, packets) == {1: [bytes(p) for p in packets]}


def test_trace_words(switch, ports):
    switch.send(ports[1], frame(mac(2), BROADCAST))
    index = {i["name"]: i["sw_if_index"] for i in switch.json("show interface")["interfaces"]}
    index = [index[str(p)] for p in ports]
    hops, = switch.trace(ports[0], frame(mac(1), mac(2)))
    assert nodes(hops)[:6] == ["pg-input", "ethernet-input", "l2-input", "l2-learn", "l2-fwd", "l2-output"]
    between = f"dst {mac(2)} src {mac(1)}"
    assert hops[2][1] == f"l2-input: sw_if_index {index[0]} {between} [l2-learn l2-fwd l2-flood l2-flood ]"
    assert hops[3][1] == f"l2-learn: sw_if_index {index[0]} {between} bd_index 1"
    assert hops[4][1].startswith(f"l2-fwd:   sw_if_index {index[0]} {between} bd_index 1 result [0x")
    assert hops[4][1].endswith(f", {index[1]}] none")
    assert hops[5][1].startswith(f"l2-output: sw_if_index {index[1]} {between} data 88 b5 00 07 0e")
    hops, = switch.trace(ports[0], frame(mac(1), "01:00:5e:00:00:01"))
    assert hops[2][1].endswith("[l2-learn l2-flood ]")
    assert "l2-flood" in nodes(hops)


@pytest.mark.parametrize("size", [14, 15, 59, 60, 128, 129, 384, 385, 386, 1514, 2047, 2048, 2049, 4500, 9000])
def test_sizes_are_flooded_whole(switch, ports, size):
    packet = bytes(frame(mac(1), BROADCAST, max(size, 14)))
    assert out(switch, ports, 0, [packet] * 3) == {i: [packet] * 3 for i in (1, 2, 3)}


def test_a_copy_that_is_answered_elsewhere_does_not_change_others(switch, ports):
    """ARP termination writes in the frame it got; others saw it before."""
    ask = Ether(src=mac(1), dst=BROADCAST) / ARP(op=1, hwsrc=mac(1), psrc="10.9.0.1", pdst="10.9.0.7")
    switch.configure(f"set bridge-domain arp term 1\nset bridge-domain arp entry 1 10.9.0.7 {mac(7)}")
    try:
        answer = Ether(out(switch, ports, 0, ask)[0][0])
        assert answer[ARP].op == 2 and answer[ARP].hwsrc == mac(7) and answer.dst == mac(1)
    finally:
        switch.configure("set bridge-domain arp term 1 disable\nset bridge-domain arp entry 1 del-all")
    assert set(out(switch, ports, 0, ask)) == {1, 2, 3}


@pytest.mark.parametrize("src, dst, reason", [
    ("01:00:00:00:00:01", BROADCAST, ("l2-learn", "L2 source mac is multicast or zero")),
    ("00:00:00:00:00:00", BROADCAST, ("l2-learn", "L2 source mac is multicast or zero")),
    ("02:ff:00:00:00:01", BROADCAST, ("l2-learn", "L2 mac move violations")),
    ("02:ff:00:00:00:02", BROADCAST, ("l2-learn", "L2 filter mac drops")),
    (mac(1), "02:ff:00:00:00:02", ("l2-fwd", "Filter Mac Drop")),
    (mac(1), mac(2), ("l2-fwd", "Reflection Drop")),
])
def test_reasons_to_drop(switch, ports, src, dst, reason):
    switch.configure("l2fib add 02:ff:00:00:00:01 1 pg3 static\nl2fib add 02:ff:00:00:00:02 1 filter")
    switch.send(ports[0], [frame(mac(1), BROADCAST), frame(mac(2), BROADCAST)])
    before = switch.errors().get(reason, 0)
    assert out(switch, ports, 0, [frame(src, dst)] * 5) == {}
    assert switch.errors()[reason] == before + 5


def test_flood_to_many(fresh):
    """120 ports: more copies than there are buffers are counted, and all comes back."""
    pgs = fresh.bridged(1, *range(120))
    last = fresh.capture(pgs[119])
    fresh.send(pgs[0], [frame(mac(1), BROADCAST, 1000)] * 3)
    assert [bytes(p) for p in last.packets()] == [bytes(frame(mac(1), BROADCAST, 1000))] * 3
    assert all(fresh.counter(str(pg), "tx packets") == 3 for pg in pgs[1:])
    fresh.send(pgs[0], [frame(mac(1), BROADCAST, 60)] * 2000)
    lost = fresh.error_count("L2 replication failures")
    sent = sum(fresh.counter(str(pg), "tx packets") for pg in pgs[1:])
    assert sent + lost == (3 + 2000) * 119


def test_members_come_and_go(fresh):
    """Who is in the domain gets floods, once, whatever the order of joins, leaves and roles was."""
    pgs = [fresh.pg(i) for i in range(24)]
    inside = []
    for step, (i, words) in enumerate([(n, "bridge {} 1") for n in range(20)] + [(n, "l3") for n in (3, 0, 19, 7)] +
                                      [(3, "bridge {} 1 uu-fwd"), (20, "bridge {} 1"), (3, "bridge {} 1"), (7, "bridge {} 1 5")] +
                                      [(n, "bridge {} 1") for n in (21, 22, 23, 0)]):
        fresh.ctl(f"set interface l2 {words.format(pgs[i])}" if words != "l3" else f"set interface l3 {pgs[i]}")
        inside = [n for n in inside if n != i] + [i] * (words != "l3" and "uu-fwd" not in words)
        if step % 4 != 3 or step < 6:
            continue
        source = inside[0]
        before = {n: fresh.counter(str(pgs[n]), "tx packets") for n in range(24)}
        fresh.send(pgs[source], frame(mac(1), BROADCAST))
        got = {n for n in range(24) if fresh.counter(str(pgs[n]), "tx packets") == before[n] + 1}
        assert got == set(inside) - {source}, (step, got, inside)


def test_large_packets_are_copied_whole(fresh):
    """GSO packets leave as they came, for who makes segments later: their checksum is still to be made."""
    pgs = [fresh.pg(i, extra="gso-enabled gso-size 1000") for i in range(3)]
    for pg in pgs:
        fresh.ctl(f"set interface l2 bridge {pg} 1")
    packet = (Ether(src=mac(1), dst=BROADCAST) / IP(src="10.0.0.1", dst="10.0.0.2") /
              TCP(sport=1, dport=2, flags="A") / Raw(b"g" * 20000))
    whole = bytes(packet)
    for packets in fresh.exchange(pgs[0], packet, pgs[1], pgs[2]):
        got, = [bytes(p) for p in packets]
        assert got[:50] == whole[:50] and got[52:] == whole[52:]  # all but the checksum


def test_span_to_the_most_destinations(fresh):
    """One that is there already may change, when there is room for no other."""
    names = [str(fresh.pg(i)) for i in range(18)]
    for name in names[1:17]:
        fresh.ctl(f"set interface span pg0 destination {name} rx")
    assert "at most 16" in fresh.fails("set interface span pg0 destination pg17 rx")
    fresh.ctl("set interface span pg0 destination pg16 both")
    assert "set interface span pg0 destination pg16 both" in fresh.running_config()


def test_renamed_sub_interfaces_come_back(fresh):
    fresh.pg(0)
    fresh.configure("""
        create sub-interfaces pg0 5
        set interface name pg0.5 office
        set interface name pg0 wan
        create sub-interfaces wan 6
        set interface state office up""")
    lines = fresh.running_config()
    fresh.restart(lines)
    assert fresh.running_config() == lines
    assert {"wan", "office", "wan.6"} <= set(fresh.interfaces())

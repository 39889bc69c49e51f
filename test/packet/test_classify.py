"""Classifier tables: what is looked up, and what becomes of what is found, packet by packet."""
import threading

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

DENY_SRC = "l3 ip4 src"
BROADCAST = "ff:ff:ff:ff:ff:ff"


@pytest.fixture(scope="module")
def routed(switch):
    """pg0 and pg1 with addresses; pg2 .. pg3 in a bridge domain."""
    return [switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.0.1.1/24")]


@pytest.fixture(scope="module")
def bridged(switch):
    return switch.bridged(7, 2, 3)


@pytest.fixture(autouse=True)
def nothing_left(switch):
    """Each test begins without tables: what it bound or made goes with it."""
    yield
    for line in switch.running_config():
        if line.startswith(("set interface input acl", "set interface output acl")):
            switch.ctl(line + " del")
        elif "classify intfc" in line:
            name = line.split("intfc ")[1].split()[0]
            direction = "input" if " input " in line else "output"
            switch.ctl(f"set interface l2 {direction} classify intfc {name} ip4-table 0xffffffff")
    for table in switch.json("show classify tables")["tables"]:
        switch.ctl(f"classify table table {table['index']} del")
    assert switch.ctl("show classify tables") == "No classifier tables configured\n"


def table(switch, words):
    """Makes a table; its index."""
    def indices():
        return {t["index"] for t in switch.json("show classify tables")["tables"]}
    before = indices()
    switch.ctl(f"classify table {words}")
    made, = indices() - before
    return made


def sessions(switch, index):
    for t in switch.json(f"show classify tables index {index} verbose")["tables"]:
        return t["sessions"]


def udp(pgs, src, dst=None, sport=1000, dport=2000, **ip):
    return (pgs[0].ether() / IP(src=src, dst=dst or pgs[1].host, **ip) / UDP(sport=sport, dport=dport) /
            Raw(b"x" * 20))


def sources(packets):
    return [p[IP].src for p in packets]


def test_deny_by_source(switch, routed):
    index = table(switch, "mask l3 ip4 src buckets 16")
    switch.ctl(f"classify session acl-hit-next deny table-index {index} match l3 ip4 src 10.0.0.66")
    switch.ctl(f"classify session acl-hit-next permit table-index {index} match l3 ip4 src 10.0.0.67")
    switch.ctl(f"set interface input acl intfc pg0 ip4-table {index}")
    packets = [udp(routed, f"10.0.0.{n}") for n in (65, 66, 67, 66, 68)]
    with switch.counts({("ip4-inacl", "input ACL session deny drops"): 2,
                        ("ip4-inacl", "input ACL hits"): 3, ("ip4-inacl", "input ACL misses"): 2,
                        ("ip4-inacl", "valid input ACL packets"): 5}):
        assert sources(switch.exchange(routed[0], packets, routed[1])) == \
            ["10.0.0.65", "10.0.0.67", "10.0.0.68"]
    hits = {s["key"][20:28]: s["hits"] for s in sessions(switch, index)}
    assert hits == {"0a000042": 2, "0a000043": 1}


def test_what_is_not_found_is_denied(switch, routed):
    index = table(switch, "miss-next deny mask l3 ip4 proto dst l4 dst_port buckets 2")
    match = f"l3 ip4 proto udp dst {routed[1].host} l4 dst_port 53"
    switch.ctl(f"classify session hit-next permit table-index {index} match {match}")
    switch.ctl(f"set interface input acl intfc pg0 ip4-table {index}")
    packets = [udp(routed, "10.0.0.9", dport=port) for port in (53, 54, 53, 0, 65535)]
    with switch.counts({("ip4-inacl", "input ACL table-miss drops"): 3,
                        ("ip4-inacl", "input ACL hits"): 2, ("ip4-inacl", "input ACL misses"): 3,
                        ("ip4-inacl", "valid input ACL packets"): 5}):
        assert [p[UDP].dport for p in switch.exchange(routed[0], packets, routed[1])] == [53, 53]
    # a session that goes is not found any more, one that comes is
    switch.ctl(f"classify session del table-index {index} match {match}")
    switch.ctl(f"classify session hit-next permit table-index {index} match " + match.replace("53", "54"))
    assert [p[UDP].dport for p in switch.exchange(routed[0], packets, routed[1])] == [54]


def test_tables_in_a_chain(switch, routed):
    last = table(switch, "miss-next deny mask l3 ip4 tos buckets 2")
    middle = table(switch, f"mask l4 src_port buckets 2 next-table {last}")
    first = table(switch, f"mask l3 ip4 src buckets 2 next-table {middle}")
    switch.configure(f"""
        classify session hit-next permit table-index {first} match l3 ip4 src 10.0.0.5
        classify session hit-next permit table-index {middle} match l4 src_port 77
        classify session hit-next permit table-index {last} match l3 ip4 tos 0xb8
        set interface input acl intfc pg0 ip4-table {first}""")
    packets = [udp(routed, "10.0.0.5"), udp(routed, "10.0.0.6", sport=77), udp(routed, "10.0.0.7"),
               udp(routed, "10.0.0.8", tos=0xb8)]
    with switch.counts({("ip4-inacl", "input ACL table-miss drops"): 1, ("ip4-inacl", "input ACL hits"): 3,
                        ("ip4-inacl", "input ACL hits after chain walk"): 2,
                        ("ip4-inacl", "input ACL misses"): 1, ("ip4-inacl", "valid input ACL packets"): 4}):
        assert sources(switch.exchange(routed[0], packets, routed[1])) == ["10.0.0.5", "10.0.0.6", "10.0.0.8"]
    assert "in use" in switch.fails(f"classify table table {first} del-chain")
    # a table behind goes: the chain ends where it was
    switch.ctl(f"classify table table {middle} del")
    assert sources(switch.exchange(routed[0], packets, routed[1])) == [f"10.0.0.{n}" for n in (5, 6, 7, 8)]
    again = table(switch, "mask l4 src_port buckets 2")
    assert again == middle and switch.json("show classify tables")["tables"][first]["next_table"] in (-1, again)


def test_a_circle_of_tables_ends(switch, routed):
    one = table(switch, "mask l3 ip4 src buckets 2")
    two = table(switch, f"mask l3 ip4 dst buckets 2 next-table {one}")
    switch.ctl(f"classify table table {one} next-table {two}")
    switch.ctl(f"set interface input acl intfc pg0 ip4-table {one}")
    assert len(switch.exchange(routed[0], [udp(routed, "10.0.0.5")] * 300, routed[1])) == 300


def test_from_where_the_node_stands(switch, routed):
    """current-data-flag: bytes count from the IPv4 header, whatever is in front."""
    switch.configure("""create sub-interfaces pg0 42
        set interface state pg0.42 up
        set interface ip address pg0.42 10.0.42.1/24""")
    try:
        mask = "hex " + "00" * 12 + "ffffffff" + " skip 0 match 1"
        index = table(switch, f"mask {mask} buckets 2 current-data-flag 1")
        match = "00" * 12 + bytes([10, 0, 42, 9]).hex()
        switch.ctl(f"classify session hit-next deny table-index {index} match hex {match}")
        switch.ctl(f"set interface input acl intfc pg0.42 ip4-table {index}")
        packets = [Ether(src=routed[0].host_mac, dst=routed[0].mac) / Dot1Q(vlan=42) /
                   IP(src=f"10.0.42.{n}", dst=routed[1].host) / UDP() / Raw(b"y" * 20) for n in (8, 9)]
        assert sources(switch.exchange(routed[0], packets, routed[1])) == ["10.0.42.8"]
        switch.ctl(f"set interface input acl intfc pg0.42 ip4-table {index} del")
        # the same by words, from the frame's first byte, behind the tag
        index = table(switch, "mask l2 tag1 l3 ip4 src buckets 2")
        switch.ctl(f"classify session hit-next deny table-index {index} match l2 tag1 42 l3 ip4 src 10.0.42.8")
        switch.ctl(f"set interface input acl intfc pg0.42 ip4-table {index}")
        assert sources(switch.exchange(routed[0], packets, routed[1])) == ["10.0.42.9"]
    finally:
        switch.ctl("delete sub-interface pg0.42")
    # with the interface went what was bound to it
    assert switch.ctl("show inacl type ip4") == "No IN_OUT_ACL tables configured\n"


def test_on_the_way_out(switch, routed):
    index = table(switch, "mask l3 ip4 src buckets 2")
    switch.ctl(f"classify session acl-hit-next deny table-index {index} match l3 ip4 src 10.0.0.5")
    packets = [udp(routed, f"10.0.0.{n}") for n in (4, 5, 6)]
    switch.ctl(f"set interface output acl intfc pg1 ip4-table {index}")
    with switch.counts({("ip4-outacl", "output ACL session deny drops"): 1,
                        ("ip4-outacl", "output ACL hits"): 1, ("ip4-outacl", "output ACL misses"): 2,
                        ("ip4-outacl", "valid output ACL packets"): 3}):
        assert sources(switch.exchange(routed[0], packets, routed[1])) == ["10.0.0.4", "10.0.0.6"]
    hops, = switch.trace(routed[0], packets[1])
    nodes = [node for node, _ in hops]
    at = nodes.index("ip4-outacl")
    assert nodes[at - 2:at] == ["ip4-rewrite", "ip4-output"]
    assert hops[at][1].startswith("OUTACL: sw_if_index ")
    switch.ctl(f"set interface output acl intfc pg1 ip4-table {index} del")
    hops, = switch.trace(routed[0], packets[1])
    assert "ip4-output" not in [node for node, _ in hops] and hops[-1][0] == "pg1-tx"


def test_what_is_punted(switch, routed):
    """A table for packets that the switch would give to somebody else."""
    switch.ctl("ip route add 10.0.66.0/24 via punt")
    index = table(switch, "mask l3 ip4 src buckets 2")
    switch.ctl(f"classify session hit-next deny table-index {index} match l3 ip4 src 10.0.0.5")
    assert "local0" in switch.fails(f"set interface input acl intfc pg0 ip4-punt-table {index}")
    switch.ctl(f"set interface input acl intfc local0 ip4-punt-table {index}")
    packets = [udp(routed, f"10.0.0.{n}", "10.0.66.1") for n in (4, 5)]
    hops = switch.trace(routed[0], packets)
    seen = [[node for node, _ in packet_hops] for packet_hops in hops]
    assert all("ip4-punt-acl" in nodes for nodes in seen)
    assert ["ip4-drop" in nodes for nodes in seen] == [False, True]
    switch.ctl("ip route del 10.0.66.0/24")


def test_to_another_table_of_routes(switch, routed):
    switch.configure("ip table add 9\nip route add 10.0.1.0/24 table 9 via drop")
    index = table(switch, "mask l3 ip4 src buckets 2")
    switch.ctl(f"classify session hit-next permit table-index {index} match l3 ip4 src 10.0.0.5 "
               "action set-ip4-fib-id 9")
    switch.ctl(f"set interface input acl intfc pg0 ip4-table {index}")
    packets = [udp(routed, f"10.0.0.{n}") for n in (4, 5, 6, 5)]
    assert sources(switch.exchange(routed[0], packets, routed[1])) == ["10.0.0.4", "10.0.0.6"]
    # the session holds the table
    switch.configure("ip route del 10.0.1.0/24 table 9\nip table del 9")
    assert sources(switch.exchange(routed[0], packets, routed[1])) == ["10.0.0.4", "10.0.0.6"]
    switch.ctl(f"classify session del table-index {index} match l3 ip4 src 10.0.0.5")
    assert "table_id:9" not in switch.ctl("show ip fib summary") + switch.ctl("show ip fib")


def test_frames_of_any_kind(switch, bridged):
    index = table(switch, "mask l2 src buckets 8")
    switch.ctl(f"classify session acl-hit-next deny table-index {index} match l2 src 02:aa:00:00:00:05")
    switch.ctl(f"set interface input acl intfc pg2 l2-table {index}")
    frames = []
    for n in (4, 5, 6):
        ether = Ether(src=f"02:aa:00:00:00:{n:02x}", dst=BROADCAST)
        frames += [ether / IP(dst="10.9.9.9") / UDP(), ether / IPv6(dst="2001:db8::9") / UDP(),
                   ether / ARP(pdst="10.9.9.9"), ether / Dot1Q(vlan=9) / Raw(b"z" * 40),
                   Ether(src=ether.src, dst=BROADCAST, type=0x88b5)]
    with switch.counts({("l2-input-acl", "input ACL session deny drops"): 5,
                        ("l2-input-acl", "input ACL hits"): 5, ("l2-input-acl", "input ACL misses"): 10,
                        ("l2-input-acl", "valid input ACL packets"): 15, ("l2-input", "L2 input packets"): 15,
                        ("l2-input-feat-arc-end", "L2 input packets"): 10,
                        ("l2-learn", "L2 learn packets"): 10, ("l2-learn", "L2 learn misses"): 2,
                        ("l2-flood", "L2 flood packets"): 10, ("l2-output", "L2 output packets"): 10}):
        out = switch.exchange(bridged[0], frames, bridged[1])
    assert [bytes(p) for p in out] == [bytes(f) for f in frames[:5] + frames[10:]]
    switch.ctl(f"set interface input acl intfc pg2 l2-table {index} del")
    switch.ctl(f"set interface output acl intfc pg3 l2-table {index}")
    assert [bytes(p) for p in switch.exchange(bridged[0], frames, bridged[1])] == \
        [bytes(f) for f in frames[:5] + frames[10:]]


def test_frames_to_where_tables_of_their_kind_say(switch, bridged):
    by_port = table(switch, "mask l4 dst_port buckets 2")
    switch.ctl(f"classify session l2-input-hit-next drop table-index {by_port} match l4 dst_port 53")
    by_address = table(switch, "l2-miss-next drop mask l3 ip6 dst buckets 2")
    switch.ctl(f"classify session table-index {by_address} match l3 ip6 dst 2001:db8::9")
    switch.ctl(f"set interface l2 input classify intfc pg2 ip4-table {by_port} ip6-table {by_address}")
    ether = Ether(src="02:aa:00:00:00:01", dst=BROADCAST)
    frames = [ether / IP(dst="10.9.9.9") / UDP(dport=53), ether / IP(dst="10.9.9.9") / UDP(dport=54),
              ether / IPv6(dst="2001:db8::9") / UDP(), ether / IPv6(dst="2001:db8::8") / UDP(),
              ether / ARP(pdst="10.9.9.9")]
    kept = [bytes(frames[i]) for i in (1, 2, 4)]
    before = switch.errors()
    assert [bytes(p) for p in switch.exchange(bridged[0], frames, bridged[1])] == kept
    after = switch.errors()
    for reason, n in (("L2 Classify Drops", 2), ("Classify hits", 2), ("Classify misses", 2)):
        key = ("l2-input-classify", reason)
        assert after[key] - before.get(key, 0) == n
    # the same on the way out
    switch.ctl("set interface l2 input classify intfc pg2 ip4-table 0xffffffff")
    assert len(switch.exchange(bridged[0], frames, bridged[1])) == 5
    switch.ctl(f"set interface l2 output classify intfc pg3 ip4-table {by_port} ip6-table {by_address}")
    assert [bytes(p) for p in switch.exchange(bridged[0], frames, bridged[1])] == kept


@pytest.mark.parametrize("advance, size, left", [(4, 60, 56), (46, 60, 14), (47, 60, None), (-1, 14, 15),
                                                 (1, 14, None), (100000, 60, None), (-100000, 60, None)])
def test_bytes_that_are_skipped(switch, bridged, advance, size, left):
    """Of a frame that goes on at least a link header is left."""
    index = table(switch, "mask hex " + "00" * 12 + "ffff" + " buckets 2")
    switch.ctl(f"classify session hit-next permit table-index {index} match hex {'00' * 12}88b5 advance {advance}")
    switch.ctl(f"set interface output acl intfc pg3 l2-table {index}")
    frame = bytes.fromhex("ffffffffffff02aa0000000188b5") + bytes(size - 14)
    before = switch.errors().get(("l2-output-acl", "output ACL advance out of the packet"), 0)
    out = switch.exchange(bridged[0], [frame], bridged[1])
    assert [len(bytes(p)) for p in out] == ([left] if left else [])
    assert advance < 0 or [bytes(p) for p in out] == ([frame[advance:]] if left else [])
    after = switch.errors().get(("l2-output-acl", "output ACL advance out of the packet"), 0)
    assert after - before == (0 if left else 1)


def test_ip4_is_not_advanced(switch, routed):
    index = table(switch, "mask l3 ip4 src buckets 2")
    switch.ctl(f"classify session hit-next permit table-index {index} match l3 ip4 src 10.0.0.5 advance 20")
    switch.ctl(f"set interface input acl intfc pg0 ip4-table {index}")
    assert sources(switch.exchange(routed[0], [udp(routed, "10.0.0.5")], routed[1])) == ["10.0.0.5"]


def test_frames_to_layer_3(switch, bridged, routed):
    """IPv4 of a port in layer 2 is routed, without its 14 bytes of link header, where a session says so."""
    index = table(switch, "mask l3 ip4 dst buckets 2")
    switch.ctl(f"classify session l2-input-hit-next ip4 table-index {index} advance 14 "
               f"match l3 ip4 dst {routed[1].host}")
    switch.ctl(f"set interface l2 input classify intfc pg2 ip4-table {index}")
    switch.ctl("set interface ip address pg2 10.0.2.1/24")
    packets = [Ether(src="02:aa:00:00:00:01", dst=BROADCAST) / IP(src="10.0.2.9", dst=dst, ttl=9) / UDP()
               for dst in (routed[1].host, "10.0.1.77")]
    try:
        up, across = switch.exchange(bridged[0], packets, routed[1], bridged[1])
        assert [(p[IP].dst, p[IP].ttl) for p in up] == [(routed[1].host, 8)]
        assert [p[IP].dst for p in across] == ["10.0.1.77"]
        hops, = switch.trace(bridged[0], packets[0])
        nodes = [node for node, _ in hops]
        assert nodes[nodes.index("l2-input-classify") + 1] == "ip4-input"
    finally:
        switch.ctl("set interface ip address del pg2 10.0.2.1/24")


@pytest.mark.parametrize("size", [14, 20, 33, 34, 47, 48, 60, 80])
def test_bytes_behind_the_end_are_zero(switch, bridged, size):
    """A frame is looked up by what it has: the rest is zero, and nothing else is read."""
    index = table(switch, "mask hex " + "00" * 16 + "ff" * 64 + " skip 0 match 5 buckets 2")
    frame = (bytes.fromhex(BROADCAST.replace(":", "")) + bytes.fromhex("02aa0000000188b5") +
             bytes(i * 5 + 1 & 255 for i in range(size - 14)))
    switch.ctl(f"classify session hit-next deny table-index {index} match hex {frame.ljust(80, bytes(1)).hex()}")
    switch.ctl(f"set interface input acl intfc pg2 l2-table {index}")
    switch.send(bridged[0], [b"\xff" * 1500] * 300)  # so that buffers are not zero
    assert switch.exchange(bridged[0], [frame], bridged[1]) == []


def test_many_sessions(switch, routed):
    index = table(switch, "miss-next deny mask l4 src_port dst_port buckets 2")
    path = switch.new_file("sessions.cli")
    with open(path, "w", encoding="utf-8") as f:
        for n in range(5000):
            f.write(f"classify session hit-next permit table-index {index} "
                    f"match l4 src_port {n} dst_port {n * 7 & 65535}\n")
        for n in range(0, 5000, 2):
            f.write(f"classify session del table-index {index} match l4 src_port {n} dst_port {n * 7 & 65535}\n")
    switch.ctl(f"exec {path}")
    assert len(sessions(switch, index)) == 2500
    switch.ctl(f"set interface input acl intfc pg0 ip4-table {index}")
    packets = [udp(routed, "10.0.0.5", sport=n, dport=n * 7 & 65535) for n in range(0, 5000, 3)]
    out = switch.exchange(routed[0], packets, routed[1])
    assert [p[UDP].sport for p in out] == [n for n in range(0, 5000, 3) if n % 2]


def test_tables_change_under_traffic(switch, routed):
    """Whatever is added, replaced and deleted meanwhile: a packet is let through, or denied."""
    index = table(switch, "mask l4 src_port buckets 2")
    switch.ctl(f"set interface input acl intfc pg0 ip4-table {index}")
    frame = bytes(udp(routed, "10.0.0.5", sport=1))
    drops = switch.errors().get(("ip4-inacl", "input ACL session deny drops"), 0)
    sent = switch.counter("pg1", "tx packets")
    switch.ctl(f"packet-generator new {{ name busy limit 300000 node ethernet-input source pg0 "
               f"size {len(frame)}-{len(frame)} data {{ hex 0x{frame.hex()} }} }}")
    done = threading.Event()
    runner = threading.Thread(target=lambda: (switch_run(switch), done.set()))
    changes = switch.second_session()
    runner.start()
    n = 0
    while not done.is_set() and n < 3000:
        n += 1
        for command in (f"classify session hit-next {'deny' if n % 3 else 'permit'} table-index {index} "
                        "match l4 src_port 1",
                        f"classify session hit-next permit table-index {index} match l4 src_port {n & 511}",
                        f"classify table mask l3 ip4 dst buckets 2 table {index + 1}",
                        f"classify table table {index} next-table {index + 1}",
                        f"classify session del table-index {index} match l4 src_port 1",
                        f"classify table table {index + 1} del"):
            answer = changes.run(command)
            assert answer.returncode == 0, (command, answer.stdout)
    runner.join()
    changes.close()
    switch.ctl("packet-generator delete busy")
    drops = switch.errors().get(("ip4-inacl", "input ACL session deny drops"), 0) - drops
    assert drops + switch.counter("pg1", "tx packets") - sent == 300000
    assert n > 1


def switch_run(switch):
    switch.run_stream("busy")


def test_show(switch, routed):  # pylint: disable=unused-argument
    index = table(switch, "miss-next deny mask l3 ip4 src buckets 16")
    switch.ctl(f"classify session hit-next permit table-index {index} match l3 ip4 src 10.0.0.5 opaque-index 42")
    mask = "0" * 20 + "ffffffff" + "0" * 4
    lines = switch.ctl(f"show classify tables index {index} verbose").splitlines()
    assert lines[:3] == ["  TableIdx  Sessions   NextTbl  NextNode", f"{index:10}         1        -1         0",
                         "  nbuckets 16, skip 1 match 1 flag 0 offset 0"]
    assert lines[3] == f"  mask {mask}"
    assert any("next_index -1 advance 0 opaque 42 action 0 metadata 0" in line for line in lines)
    assert f"        k: {'0' * 20}0a000005{'0' * 4}" in lines
    assert lines[-1] == "    1 active elements"
    switch.ctl(f"set interface input acl intfc pg0 ip4-table {index} l2-table {index}")
    number = {i["name"]: i["sw_if_index"] for i in switch.json("show interface")["interfaces"]}["pg0"]
    for kind in ("ip4", "l2"):
        assert switch.ctl(f"show inacl type {kind}").splitlines() == [
            " Intfc idx      Classify table\t\tInterface name", f"{number:10}{index:20}\t\tpg0"]
    assert switch.ctl("show inacl type ip6") == "No IN_OUT_ACL tables configured\n"
    assert switch.ctl("show outacl type ip4") == "No IN_OUT_ACL tables configured\n"


WRONG = [
    ("classify table buckets 2", "Mask required"),
    ("classify table mask hex 00 buckets 2", "the mask is empty"),
    ("classify table mask l7 buckets 2", "unknown mask"),
    ("classify table mask hex fff buckets 2", "unknown mask"),
    ("classify table mask l3 ip4 nonsense", "unknown"),
    ("classify table del", "table index required for delete"),
    ("classify table table 77 del", "no such classifier table 77"),
    ("classify table table 77 next-table 1", "no such classifier table 77"),
    ("classify table mask l2 src next-table 77", "no such classifier table 77"),
    ("classify table mask l2 src skip 99", "skips up to"),
    ("classify table mask l2 src match 9", "matches 1 to 5"),
    ("classify table mask l2 src match 0", "matches 1 to 5"),
    ("classify table mask l2 src current-data-offset 99999", "too far away"),
    ("classify table mask l2 src table 70000", "at most 65536"),
    ("classify session match l2 src 1:2:3:4:5:6", "Table index required"),
    ("classify session table-index 0", "Match value required"),
    ("classify session table-index 0 match l3 ip4 src 10.0.0.300", "unknown match"),
    ("classify session table-index 0 match l4 dst_port 65536", "unknown match"),
    ("classify session table-index 77 match l2 src 02:00:00:00:00:01", "no such classifier table 77"),
    ("classify session table-index 0 match l2 src 02:00:00:00:00:01 policer-hit-next nobody", "policer"),
    ("classify session del table-index 0 match l2 src 02:00:00:00:00:99", "no such classifier session"),
    ("classify session hit-next nowhere table-index 0 match l2 src 02:00:00:00:00:01", "unknown next"),
    ("set interface input acl ip4-table 0", "Interface must be specified."),
    ("set interface input acl intfc pg0", "Table index must be specified."),
    ("set interface input acl intfc pg0 ip4-table 0 l2-table 77", "No such classifier table"),
    ("set interface input acl intfc pg0 ip4-table 0 ip6-table 77", "No such classifier table"),
    ("set interface input acl intfc pg0 ip6-punt-table 0", "local0"),
    ("set interface output acl intfc pg0 ip4-table 77", "No such classifier table"),
    ("set interface input acl intfc nobody ip4-table 0", "unknown interface"),
    ("set interface l2 input classify intfc pg0", "table"),
    ("set interface l2 input classify ip4-table 0", "interface"),
    ("set interface l2 input classify intfc pg0 ip4-table 0 other-table 77", "no such classifier table 77"),
    ("show classify tables index 77", "no such classifier table 77"),
]


@pytest.mark.parametrize("command, words", WRONG)
def test_what_is_wrong_changes_nothing(switch, routed, command, words):  # pylint: disable=unused-argument
    assert table(switch, "mask l2 src buckets 2") == 0
    before = switch.running_config(), switch.ctl("show classify tables verbose")
    assert words in switch.fails(command)
    assert (switch.running_config(), switch.ctl("show classify tables verbose")) == before


def test_running_config(fresh):
    fresh.pg(0, "10.0.0.1/24")
    fresh.pg(1)
    fresh.configure("""
        set interface l2 bridge pg1 7
        classify table mask l3 ip4 src dst buckets 128 miss-next deny
        classify table mask l2 src proto buckets 2 current-data-flag 1 current-data-offset -14 next-table 0
        classify table mask hex 00ff00ff buckets 4
        classify table table 2 next-table 1
        ip table add 33
        classify session hit-next permit table-index 0 match l3 ip4 src 10.0.0.5 dst 10.1.1.1 action set-ip4-fib-id 33
        classify session hit-next deny table-index 1 match l2 src 02:00:00:00:00:07 proto 0x86dd opaque-index 5 advance 4
        set interface input acl intfc pg0 ip4-table 0
        set interface output acl intfc pg0 ip4-table 1
        set interface input acl intfc pg1 l2-table 2
        set interface l2 input classify intfc pg1 ip4-table 0 other-table 1
        set interface l2 output classify intfc pg1 ip6-table 2""")
    lines = fresh.running_config()
    shown = fresh.ctl("show classify tables verbose")
    fresh.restart(lines)
    assert fresh.running_config() == lines
    assert fresh.ctl("show classify tables verbose") == shown
    assert len([line for line in lines if "classify" in line or " acl " in line]) == 12


def test_a_long_chain_in_use_stays(switch, routed):  # pylint: disable=unused-argument
    """However far down the table is that somebody uses."""
    for i in range(70):
        behind = f"next-table {i - 1}" if i else ""
        switch.ctl(f"classify table mask l3 ip4 src buckets 2 {behind}")
    switch.ctl("set interface input acl intfc pg0 ip4-table 0")
    assert "table 0 is in use" in switch.fails("classify table table 69 del-chain")
    assert len(switch.json("show classify tables")["tables"]) == 70
    switch.ctl("set interface input acl intfc pg0 ip4-table 0 del")
    switch.ctl("classify table table 0 next-table 69")  # a ring
    switch.ctl("classify table table 69 del-chain")
    assert switch.json("show classify tables")["tables"] == []

"""`set clock adjust`: what ages or waits does so at once, on all threads; and what else reports of a run ask for."""
import time

import pytest
from packet_lib import wait_for
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.l2 import ARP, Ether

CONFIG = "cpu { workers 2 }"


@pytest.fixture(scope="module")
def ports(switch):
    return switch.pg(0, "192.0.2.9/24", neighbor=False), switch.pg(1), switch.pg(2)


def test_time_goes_forward_only(switch):
    before = switch.json("show clock")["time"]
    switch.ctl("set clock adjust 1000.5")
    assert 1000.5 <= switch.json("show clock")["time"] - before < 1060
    for wrong in ("-1", "500001", "1e30"):
        assert "time goes forward" in switch.fails(f"set clock adjust {wrong}")
    assert "unknown input" in switch.fails("set clock adjust nan")
    assert switch.json("show clock")["time"] - before < 1060


def test_macs_age(switch, ports):
    for pg in ports[1:]:
        switch.ctl(f"set interface l2 bridge {pg} 1")
    switch.ctl("set bridge-domain mac-age 1 5")
    switch.send(ports[1], Ether(src="02:aa:00:00:00:01", dst="ff:ff:ff:ff:ff:ff", type=0x88b5) / (b"." * 46))
    assert len(switch.json("show l2fib all")["entries"]) == 1
    switch.ctl("set clock adjust 240")
    time.sleep(0.2)
    assert len(switch.json("show l2fib all")["entries"]) == 1
    switch.ctl("set clock adjust 180")
    wait_for(lambda: not switch.json("show l2fib all")["entries"], "the address to age", 5)


def test_neighbors_age(switch, ports):
    switch.ctl("set ip neighbor-config ip4 age 30")
    switch.send(ports[0], Ether(src=ports[0].host_mac, dst=ports[0].mac) /
                ARP(op=1, hwsrc=ports[0].host_mac, psrc=ports[0].host, pdst=ports[0].address))
    wait_for(lambda: ports[0].host in switch.ctl("show ip neighbors"), "the neighbour")
    capture = switch.capture(ports[0])
    switch.ctl("set clock adjust 31")
    wait_for(lambda: capture.count(), "a question whether it is still there", 5)  # it does not answer

    def gone():
        switch.ctl("set clock adjust 1")
        return ports[0].host not in switch.ctl("show ip neighbors")
    wait_for(gone, "the neighbour to go", 5)
    capture.stop()


def test_timers_of_data_threads(switch, ports):
    """Which sleep until their next one."""
    switch.ctl(f"set ip neighbor {ports[0]} {ports[0].host} {ports[0].host_mac}")  # is told of it by ICMP
    whole = IP(src=ports[0].host, dst=ports[0].address) / UDP(dport=9) / (b"." * 2000)
    switch.send(ports[0], bytes(ports[0].ether() / fragment(whole, 800)[0]))

    def timeouts():
        return sum(n for (_, reason), n in switch.errors().items() if "timeout" in reason)
    before, begin = timeouts(), time.monotonic()
    switch.ctl("set clock adjust 600")
    wait_for(lambda: timeouts() > before, "the fragment to be given up", 2)
    assert time.monotonic() - begin < 1.5  # without that, it takes 2 s


def test_long_jumps(switch):
    """Farther in all than a timer's tick can count, and each farther than any slot of the wheels."""
    for _ in range(20):
        switch.ctl("set clock adjust 500000")
    assert switch.json("show clock")["time"] > 1e7
    assert "Time now 10" in switch.ctl("show clock")


def test_frames_of_threads(switch, ports):
    rows = {row["thread"]: row for row in switch.json("show vlib frame-allocation")["frames"]}
    assert rows and all(row["size"] > 0 and row["alloc"] + row["free"] > 0 for row in rows.values())
    assert switch.ctl("show vlib frame-allocation").splitlines()[0].split() == \
        ["Thread", "Size", "#", "Alloc", "#", "Free"]


def test_tables(switch, ports):
    def table(name):
        return next(t for t in switch.json("show bihash")["tables"] if t["name"] == name)
    names, subs = table("interface names"), table("sub-interfaces")
    assert names["entries"] == 4 and names["places"] > 4 and names["bytes"] > 4 * 64
    assert (subs["entries"], subs["bytes"]) == (0, 0)
    assert "Hash table 'sub-interfaces'\n    empty, uninitialized\n" in switch.ctl("show bihash")
    switch.ctl("create sub-interfaces pg1 7")
    assert table("sub-interfaces")["entries"] == 1 and table("interface names")["entries"] == 5
    assert table("l2 MAC addresses")["places"] >= 1280
    switch.ctl("classify table mask l3 ip4 src")
    switch.ctl("classify session acl-hit-next deny table-index 0 match l3 ip4 src 192.0.2.1")
    assert table("classify sessions of 1 vectors")["entries"] == 1
    switch.ctl("delete sub-interface pg1.7")
    assert table("sub-interfaces")["entries"] == 0


def test_graph(switch):
    nodes = {n["name"]: n["next_nodes"] for n in switch.json("show vlib graph")["nodes"]}
    assert "ip4-icmp-input" in nodes["ip4-local"] and "ip4-lookup" in nodes["ip4-input"]
    lines = switch.ctl("show vlib graph ip4-lookup").splitlines()
    assert lines[0].split() == ["Name", "Next", "Previous"] and lines[1].startswith("ip4-lookup  ")
    assert any(line.split()[-1] == "ip4-input" for line in lines[1:])
    assert switch.ctl("show ip local").splitlines() == \
        ["Protocols handled by ip4_local", " ICMP: ip4-icmp-input", " UDP: ip4-udp-lookup"]
    assert switch.ctl("show ip6 local").splitlines() == \
        ["Protocols handled by ip6_local", "17: ip6-udp-lookup", "44: ip6-local-full-reassembly", "58: ip6-icmp-input"]


def test_event_loop(switch):
    switch.ctl("clear event-loop")
    loop = switch.json("show event-loop")
    assert 1 <= loop["rounds"] < 10 and 0 < loop["mean_ms"] <= loop["worst_ms"] < 1000
    assert 0 < loop["worst_cpu_ms"] <= loop["most_cpu_ms"]
    assert [row["ms"] for row in loop["longer"]] == [1, 20, 100, 1000]
    later = switch.json("show event-loop")
    assert later["rounds"] > loop["rounds"] and later["worst_ms"] >= loop["worst_ms"]
    lines = switch.ctl("show event-loop").splitlines()
    assert lines[0].startswith("In ") and lines[1].startswith("  a round: mean ") and len(lines) == 6
    assert lines[2].startswith("  most CPU time of a round: ")
    assert lines[5].startswith("  rounds that went on with work of changes: ") and later["work_rounds"] >= 0

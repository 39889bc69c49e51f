"""permit+reflect: answers come through where the questions did, for as long as they should."""
import struct

import pytest
from packet_lib import wait_for, write_pcap
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

# what is handed over to another thread may still be on its way when a stream has ended
CONFIG = "cpu { workers 1 }"


@pytest.fixture(scope="module")
def pgs(switch):
    made = [switch.pg(0, "10.1.0.1/24"), switch.pg(1, "10.2.0.1/24")]
    for k, pg in enumerate(made):
        switch.ctl(f"set interface ip address {pg} 2001:db8:{k + 1}::1/64")
        switch.ctl(f"set ip neighbor {pg} 2001:db8:{k + 1}::2 {pg.host_mac}")
    return made


@pytest.fixture
def guarded(switch, pgs):
    """pg0 lets out all by permit+reflect, and nothing in but what answers that."""
    switch.ctl("set acl-plugin acl permit+reflect, permit+reflect src ::/0")
    switch.ctl("set acl-plugin acl deny")
    switch.ctl(f"set acl-plugin interface {pgs[0]} input acl 0")
    switch.ctl(f"set acl-plugin interface {pgs[0]} output acl 1")
    yield pgs
    switch.ctl(f"set acl-plugin interface {pgs[0]} input acl 0 del")
    switch.ctl(f"set acl-plugin interface {pgs[0]} output acl 1 del")
    assert sessions(switch) == []
    for index in (0, 1):
        switch.ctl(f"delete acl-plugin acl index {index}")


def sessions(switch):
    return switch.json("show acl-plugin sessions verbose")["sessions"]


def out(switch, pgs, packet, six=False):
    addresses = {"src": "2001:db8:1::2", "dst": "2001:db8:2::2"} if six else {"src": "10.1.0.2", "dst": "10.2.0.2"}
    return len(switch.exchange(pgs[0], pgs[0].ether() / (IPv6 if six else IP)(**addresses) / packet, pgs[1]))


def back(switch, pgs, packet, six=False):
    addresses = {"dst": "2001:db8:1::2", "src": "2001:db8:2::2"} if six else {"dst": "10.1.0.2", "src": "10.2.0.2"}
    return len(switch.exchange(pgs[1], pgs[1].ether() / (IPv6 if six else IP)(**addresses) / packet, pgs[0]))


@pytest.mark.parametrize("six", [False, True])
def test_one_is_shown(switch, guarded, six):
    assert out(switch, guarded, UDP(sport=1000, dport=53), six) == 1
    (s,) = sessions(switch)
    one = f"show acl-plugin sessions thread {s['thread']} index {s['index']}"
    assert [x["a_port"] for x in switch.json(one)["sessions"]] == [1000]
    lines = switch.ctl(one).splitlines()
    assert len(lines) == 2 and f"[{s['thread']}:{s['index']}]" in lines[0] and "ends in" in lines[1]
    assert "there is no session 77777" in switch.fails(f"show acl-plugin sessions thread {s['thread']} index 77777")
    assert "there is no session 0 of thread 99" in switch.fails("show acl-plugin sessions thread 99 index 0")
    assert "there is no event log" in switch.ctl("set acl-plugin event-trace 1")
    assert "there is no event log" in switch.ctl("set acl-plugin session table event-trace 1")


@pytest.mark.parametrize("six", [False, True])
def test_answers_come_through(switch, guarded, six):
    question, answer = UDP(sport=1000, dport=53), UDP(sport=53, dport=1000)
    node = f"acl-plugin-in-ip{6 if six else 4}-fa"
    assert back(switch, guarded, answer, six) == 0
    with switch.counts({(node, "new sessions added"): 1, (node, "checked packets"): 1, (node, "ACL permit packets"): 1}):
        assert out(switch, guarded, question, six) == 1
    exit_node = node.replace("-in-", "-out-")
    with switch.counts({(exit_node, "existing session packets"): 1, (exit_node, "checked packets"): 1}):
        assert back(switch, guarded, answer, six) == 1
    assert [back(switch, guarded, UDP(sport=53, dport=1001), six), back(switch, guarded, UDP(sport=54, dport=1000), six),
            back(switch, guarded, question, six), back(switch, guarded, TCP(sport=53, dport=1000), six)] == [0] * 4
    (s,) = sessions(switch)
    assert (s["a"], s["a_port"], s["b_port"], s["protocol"], s["direction"], s["type"]) == \
        ("2001:db8:1::2" if six else "10.1.0.2", 1000, 53, 17, "input", "udp-idle")
    switch.ctl("clear acl-plugin sessions")
    assert back(switch, guarded, answer, six) == 0


def test_icmp_questions(switch, guarded):
    assert out(switch, guarded, ICMP(id=7)) == 1
    assert [back(switch, guarded, ICMP(type=0, id=7)), back(switch, guarded, ICMP(type=0, id=8)),
            back(switch, guarded, ICMP(id=7))] == [1, 0, 0]
    assert out(switch, guarded, ICMP(type=3, code=1) / Raw(bytes(28))) == 1  # passes, but nothing answers it
    assert out(switch, guarded, ICMPv6EchoRequest(id=9), True) == 1
    assert [back(switch, guarded, ICMPv6EchoReply(id=9), True), back(switch, guarded, ICMPv6EchoRequest(id=9), True)] == \
        [1, 0]
    assert len(sessions(switch)) == 2


def test_tcp_states(switch, guarded):
    def there(flags):
        return out(switch, guarded, TCP(sport=1000, dport=80, flags=flags))
    def here(flags):
        return back(switch, guarded, TCP(sport=80, dport=1000, flags=flags))
    def state():
        (s,) = sessions(switch)
        return s["type"]
    assert (there("S"), state()) == (1, "tcp-transient")
    assert (here("SA"), there("A"), state()) == (1, 1, "tcp-idle")
    assert (here("FA"), state()) == (1, "tcp-transient")
    assert (there("S"), here("SA"), there("A"), state()) == (1, 1, 1, "tcp-idle")
    assert (there("R"), state()) == (1, "tcp-transient")


def test_timeouts(switch, guarded):
    switch.ctl("set acl-plugin session timeout udp idle 1")
    switch.ctl("set acl-plugin session timeout tcp transient 1")
    assert out(switch, guarded, UDP(sport=1, dport=2)) == out(switch, guarded, TCP(sport=1, dport=2, flags="S")) == 1
    wait_for(lambda: sessions(switch) == [], "sessions to end")
    assert back(switch, guarded, UDP(sport=2, dport=1)) == 0
    assert [line for line in switch.running_config() if "timeout" in line] == [
        "set acl-plugin session timeout udp idle 1", "set acl-plugin session timeout tcp transient 1"]
    switch.ctl("set acl-plugin session timeout udp idle 600")
    switch.ctl("set acl-plugin session timeout tcp transient 120")
    assert out(switch, guarded, UDP(sport=1, dport=2)) == 1
    switch.ctl("set acl-plugin session timeout udp idle 1")  # also of sessions that are there
    wait_for(lambda: sessions(switch) == [], "the session to end")
    switch.ctl("set acl-plugin session timeout udp idle 600")
    for words in ("udp idle 0", "tcp idle 99999999"):
        assert switch.vppctl(f"set acl-plugin session timeout {words}").returncode


def test_room(switch, guarded):
    """When it is full the oldest transient session goes, and no other."""
    switch.ctl("set acl-plugin session table max-entries 4")
    for port in (1, 2):
        assert out(switch, guarded, UDP(sport=port, dport=9)) == 1
    for port in (1, 2, 3):
        assert out(switch, guarded, TCP(sport=port, dport=9, flags="S")) == 1
    assert sorted((s["protocol"], s["a_port"]) for s in sessions(switch)) == [(6, 2), (6, 3), (17, 1), (17, 2)]
    for port in (3, 4):
        assert out(switch, guarded, UDP(sport=port, dport=9)) == 1
    with switch.counts({("acl-plugin-in-ip4-fa", "too many sessions to add new"): 1,
                        ("acl-plugin-in-ip4-fa", "checked packets"): 1}):
        assert out(switch, guarded, UDP(sport=5, dport=9)) == 0
    assert "max-entries 4" in "\n".join(switch.running_config())
    switch.ctl("set acl-plugin session table max-entries 500000")


def test_flows_side_by_side(switch, guarded):
    """Packets of a flow find its session also behind each other, and not when it had to go meanwhile."""
    switch.ctl("set acl-plugin session table max-entries 2")
    frames = [guarded[0].ether() / IP(src="10.1.0.2", dst="10.2.0.2") / TCP(sport=port, dport=9, flags="S")
              for port in (1, 1, 2, 2, 3, 3, 1)]
    with switch.counts({("acl-plugin-in-ip4-fa", "new sessions added"): 4,
                        ("acl-plugin-in-ip4-fa", "existing session packets"): 3,
                        ("acl-plugin-in-ip4-fa", "ACL permit packets"): 4,
                        ("acl-plugin-in-ip4-fa", "checked packets"): 7}):
        assert len(switch.exchange(guarded[0], frames, guarded[1], count=7)) == 7
    assert sorted(s["a_port"] for s in sessions(switch)) == [1, 3]
    switch.ctl("set acl-plugin session table max-entries 500000")


def test_lists_change(switch, guarded):
    """Sessions stay, unless they are to be judged anew."""
    question, answer = UDP(sport=1000, dport=53), UDP(sport=53, dport=1000)
    assert out(switch, guarded, question) == 1
    switch.ctl("set acl-plugin acl index 0 deny")
    assert (back(switch, guarded, answer), out(switch, guarded, question)) == (1, 1)
    switch.ctl("set acl-plugin reclassify-sessions 1")
    assert (back(switch, guarded, answer), out(switch, guarded, question)) == (0, 0)
    switch.ctl("set acl-plugin reclassify-sessions 0")
    assert sessions(switch) == []


def test_lists_change_within_a_vector(switch, guarded):
    """Who was let in by lists that are gone meanwhile is judged anew, too: packets that one look at the lists lets in
    begin sessions one after the other, and lists may change in between."""
    frames = [guarded[0].ether() / IP(src="10.1.0.2", dst="10.2.0.2") / ICMP(id=0)]
    frames = [bytes(frames[0])[:36] + struct.pack("!HH", 0xf7ff - k, k) + bytes(2) for k in range(8000)]
    path = switch.new_file("in.pcap")
    write_pcap(path, frames)
    switch.ctl("set acl-plugin reclassify-sessions 1")
    switch.ctl(f"packet-generator new pcap {path} source {guarded[0]} name echo limit {len(frames)}")
    for _ in range(15):
        switch.ctl("packet-generator enable-stream echo")
        switch.ctl("set acl-plugin acl index 0 deny")
        wait_for(lambda: not switch.stream("echo")["enabled"], "the stream to end", 20)
        capture = switch.capture(guarded[1])
        switch.run_stream("echo")
        assert capture.packets() == []
        switch.ctl("clear acl-plugin sessions")
        switch.ctl("set acl-plugin acl index 0 permit+reflect")
    switch.ctl("packet-generator delete echo")
    switch.ctl("set acl-plugin reclassify-sessions 0")


def test_trace(switch, guarded):
    out(switch, guarded, UDP(sport=1000, dport=53))
    (hops,) = switch.trace(guarded[0], guarded[0].ether() / IP(src="10.1.0.2", dst="10.2.0.2") / UDP(sport=1000, dport=53))
    assert "action: 3, match: acl -1 rule -1 trace_bits 80000000" in [t for n, t in hops if n == "acl-plugin-in-ip4-fa"][-1]


def test_bridged(switch):
    ports = switch.bridged(7, 2, 3)
    switch.ctl("set acl-plugin acl permit+reflect proto 17")
    switch.ctl("set acl-plugin acl deny")
    switch.ctl(f"set acl-plugin interface {ports[0]} input acl 0")
    switch.ctl(f"set acl-plugin interface {ports[0]} output acl 1")
    there = Ether(src="02:aa:00:00:00:01", dst="02:aa:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2)
    answer = Ether(src="02:aa:00:00:00:02", dst="02:aa:00:00:00:01") / IP(src="10.0.0.2", dst="10.0.0.1") / UDP(sport=2, dport=1)
    assert len(switch.exchange(ports[1], answer, ports[0])) == 0
    assert len(switch.exchange(ports[0], there, ports[1])) == 1
    assert len(switch.exchange(ports[1], answer, ports[0])) == 1
    for pg in ports:
        switch.ctl(f"delete packet-generator interface {pg}")
    assert sessions(switch) == []
    for index in (0, 1):
        switch.ctl(f"delete acl-plugin acl index {index}")

"""Fragments of one datagram that come in on different data threads."""
import random

import pytest
from packet_lib import wait_for, write_pcap
from scapy.layers.inet import ICMP, IP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment

WORKERS = 3
CONFIG = f"cpu {{ workers {WORKERS} }}"
DATAGRAMS = 60
BYTES = 3000
HOST6, PEER6 = "2001:db8:a0::2", "2001:db8:a1::2"
PATIENT_MS = 60000  # a slow machine may take long between fragments


@pytest.fixture(scope="module")
def net(switch):
    pg0, pg1 = switch.pg(0, "192.0.2.9/24"), switch.pg(1, "198.51.100.1/24")
    for pg, net6 in (pg0, "2001:db8:a0::"), (pg1, "2001:db8:a1::"):
        switch.ctl(f"set interface ip address {pg} {net6}1/64")
        switch.ctl(f"set ip neighbor {pg} {net6}2 {pg.host_mac}")
    switch.ctl("set interface reassembly pg0 on")
    switch.ctl(f"set ip reassembly timeout-ms {PATIENT_MS}")
    return pg0, pg1


def send_by_threads(switch, pg, frames):
    """The frames enter on all data threads by turns; returns when all have gone their way."""
    names = []
    for worker in range(WORKERS):
        path = switch.new_file(f"worker{worker}.pcap")
        write_pcap(path, frames[worker::WORKERS])
        names.append(f"threads{worker}")
        switch.ctl(f"packet-generator new pcap {path} source {pg} name {names[-1]} worker {worker} maxframe 5")
    for name in names:
        switch.ctl(f"packet-generator enable-stream {name}")
    wait_for(lambda: not any(switch.stream(name)["enabled"] for name in names), "the streams to end", 20, 0.001)
    for name in names:
        switch.ctl(f"packet-generator delete {name}")


def pieces_of(pg, datagram, n):
    return [bytes(pg.ether() / f) for f in fragment(datagram, 800)][:n]


def vectors(switch, node):
    """By all threads."""
    return sum(n["vectors"] for t in switch.json("show runtime verbose")["threads"] for n in t["nodes"]
               if n["name"] == node)


def test_passing_an_interface(switch, net):
    datagrams = [IP(src=net[0].host, dst="198.51.100.2", id=i + 1) / UDP(sport=1000 + i, dport=9) /
                 random.randbytes(BYTES) for i in range(DATAGRAMS)]
    frames = [f for d in datagrams for f in pieces_of(net[0], d, 99)]
    random.shuffle(frames)
    errors, handed = switch.errors(), vectors(switch, "ip4-full-reassembly-feature-hoff")
    capture = switch.capture(net[1])
    send_by_threads(switch, net[0], frames)
    out = capture.packets(DATAGRAMS)
    sent = {d[IP].id: bytes(d[UDP]) for d in datagrams}
    got = {p[IP].id: bytes(p[UDP]) for p in out}
    assert got.keys() == sent.keys()
    assert all(got[i][8:] == sent[i][8:] for i in got)
    assert vectors(switch, "ip4-full-reassembly-feature-hoff") > handed
    grown = {reason: n - errors.get((node, reason), 0) for (node, reason), n in switch.errors().items()
             if "reassembly" in node and n > errors.get((node, reason), 0)}
    assert not any("timeout" in r or "limit" in r or "full" in r for r in grown), grown


def test_for_the_switch_itself(switch, net):
    switch.ctl("set interface reassembly pg0 off")
    try:
        pings = [IP(src=net[0].host, dst=net[0].address, id=i + 1) / ICMP(id=7, seq=i) / random.randbytes(BYTES)
                 for i in range(DATAGRAMS)]
        frames = [f for d in pings for f in pieces_of(net[0], d, 99)]
        random.shuffle(frames)
        handed = vectors(switch, "ip4-local-full-reassembly-handoff")
        capture = switch.capture(net[0])
        send_by_threads(switch, net[0], frames)
        replies = capture.packets(DATAGRAMS)
        assert {p[ICMP].seq for p in replies} == set(range(DATAGRAMS))
        assert vectors(switch, "ip4-local-full-reassembly-handoff") > handed
    finally:
        switch.ctl("set interface reassembly pg0 on")


def timeouts(switch):
    return sum(n for (_, reason), n in switch.errors().items() if "reassembly timeout" in reason)


def test_what_does_not_come_times_out(switch, net):
    """On whichever thread it waits, without a packet that comes later."""
    before = timeouts(switch)
    datagrams = [IP(src=net[0].host, dst="198.51.100.2", id=5000 + i) / UDP() / bytes(BYTES) for i in range(12)]
    capture = switch.capture(net[0])
    send_by_threads(switch, net[0], [f for d in datagrams for f in pieces_of(net[0], d, 2)])
    wait_for(lambda: switch.json("show ip4-full-reassembly")["reassemblies"] == 12, "all to wait")
    switch.ctl(f"set clock adjust {PATIENT_MS // 1000 + 1}")
    wait_for(lambda: timeouts(switch) - before == 24, "the datagrams to time out")
    assert switch.json("show ip4-full-reassembly")["reassemblies"] == 0
    told = capture.packets(12)  # each sender, by the first fragment
    assert all(p[ICMP].type == 11 and p[ICMP].code == 1 for p in told)


@pytest.fixture
def virtual(switch, net):
    """Fragments that come in by pg0 wait for the first one, and then go on as they are."""
    switch.ctl("set interface reassembly pg0 off")
    switch.ctl("set interface reassembly pg0 on shallow-virtual")
    yield
    switch.ctl("set interface reassembly pg0 off shallow-virtual")
    switch.ctl("set interface reassembly pg0 on")


def virtual_shown(switch, ip):
    return switch.json(f"show {ip}-sv-reassembly")


def cut(net, ip, ident, size=BYTES):
    """Frames of the fragments of a datagram that passes the switch, by 800 bytes."""
    payload = bytes(UDP(sport=1000, dport=9, chksum=1) / random.randbytes(size))
    if ip == "ip4":
        return pieces_of(net[0], IP(src=net[0].host, dst="198.51.100.2", id=ident, proto=17) / payload, 99)
    return [bytes(net[0].ether() / IPv6(src=HOST6, dst=PEER6, hlim=64) /
                  IPv6ExtHdrFragment(nh=17, id=ident, offset=at // 8, m=int(at + 800 < len(payload))) / payload[at:at + 800])
            for at in range(0, len(payload), 800)]


def as_sent(ip, frame):
    """What of a fragment does not change on its way; behind the link header."""
    if ip == "ip4":
        p = IP(frame[14:])
        return p.id, p.frag, int(p.flags), bytes(p.payload)[:p.len - 20]
    p = IPv6(frame[14:])
    return bytes(p.payload)[:p.plen]


@pytest.mark.parametrize("ip", ["ip4", "ip6"])
def test_virtual(switch, net, virtual, ip):
    """Each fragment comes out as it came in, in whatever order and on whichever thread, and nothing is kept of it."""
    handed = vectors(switch, f"{ip}-sv-reass-feature-hoff")
    for attempt in range(10):  # a slow machine may take longer than fragments wait: once more then
        frames = [f for i in range(20) for f in cut(net, ip, 100 * attempt + i)]
        random.shuffle(frames)
        before = timeouts(switch)
        capture = switch.capture(net[1])
        send_by_threads(switch, net[0], frames)
        wait_for(lambda: virtual_shown(switch, ip)["buffers"] == 0, "no fragment to wait")
        if timeouts(switch) == before:
            out = sorted(as_sent(ip, bytes(p)) for p in capture.packets(len(frames)))
            assert out == sorted(as_sent(ip, f) for f in frames)
            break
        capture.stop()
    else:
        pytest.fail("fragments never came in time")
    assert vectors(switch, f"{ip}-sv-reass-feature-hoff") > handed
    wait_for(lambda: virtual_shown(switch, ip)["reassemblies"] == 0, "datagrams that are complete to be forgotten")


@pytest.mark.parametrize("ip", ["ip4", "ip6"])
def test_virtual_without_a_first_one(switch, net, virtual, ip):
    """The others wait, none of them goes on, and they are dropped in the end."""
    switch.ctl(f"set ip reassembly {ip} shallow-virtual timeout-ms {PATIENT_MS}")
    frames = [f for i in range(12) for f in cut(net, ip, 9000 + i)[1:]]
    before, used = timeouts(switch), switch.buffers_used()
    capture = switch.capture(net[1])
    send_by_threads(switch, net[0], frames)
    wait_for(lambda: virtual_shown(switch, ip)["buffers"] == len(frames), "all to wait")
    switch.ctl(f"set clock adjust {PATIENT_MS // 1000 + 1}")
    wait_for(lambda: timeouts(switch) - before == len(frames), "the datagrams to time out")
    wait_for(lambda: virtual_shown(switch, ip)["reassemblies"] == 0, "nothing to be left of them")
    wait_for(lambda: switch.buffers_used() <= used, "the buffers to come back")
    assert capture.packets(0) == []
    switch.ctl(f"set ip reassembly {ip} shallow-virtual timeout-ms 2000")


@pytest.mark.parametrize("ip", ["ip4", "ip6"])
def test_virtual_waits_for_the_first_one(switch, net, virtual, ip):
    """What came before it follows it."""
    switch.ctl(f"set ip reassembly {ip} shallow-virtual timeout-ms {PATIENT_MS}")
    first, *later = cut(net, ip, 77)
    capture = switch.capture(net[1])
    switch.send(net[0], later)
    wait_for(lambda: virtual_shown(switch, ip)["buffers"] == len(later), "the others to wait")
    switch.send(net[0], [first])
    out = [as_sent(ip, bytes(p)) for p in capture.packets(1 + len(later))]
    assert out == [as_sent(ip, f) for f in (first, *later)]
    switch.ctl(f"set ip reassembly {ip} shallow-virtual timeout-ms 2000")


def test_virtual_is_traced(switch, net, virtual):
    first, *later = cut(net, "ip6", 0xabcd)
    switch.ctl("clear trace")
    switch.ctl("trace add pg-input 10")
    capture = switch.capture(net[1])
    switch.send(net[0], [first, *later])
    capture.packets(1 + len(later))
    text = switch.ctl("show trace")
    switch.ctl("clear trace")
    assert "ip6-sv-reassembly-feature" in text and "fragment id 0x0000abcd, offset 0" in text
    assert "fragment id 0x0000abcd, offset 800" in text

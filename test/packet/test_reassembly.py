"""Fragments of one datagram that come in on different data threads."""
import random

import pytest
from packet_lib import wait_for, write_pcap
from scapy.layers.inet import ICMP, IP, UDP, fragment

WORKERS = 3
CONFIG = f"cpu {{ workers {WORKERS} }}"
DATAGRAMS = 60
BYTES = 3000
PATIENT_MS = 60000  # a slow machine may take long between fragments


@pytest.fixture(scope="module")
def net(switch):
    pg0, pg1 = switch.pg(0, "192.0.2.9/24"), switch.pg(1, "198.51.100.1/24")
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
    for command in "nat44 plugin enable", "nat44 forwarding enable", "set interface nat44 out pg0":
        switch.ctl(command)
    yield
    switch.ctl("nat44 plugin disable")
    switch.ctl("set interface reassembly pg0 on")


def virtual_shown(switch):
    return switch.json("show ip4-sv-reassembly")


def test_virtual(switch, net, virtual):
    """Each fragment comes out as it came in, in whatever order and on whichever thread, and nothing is kept of it."""
    def what(packets):
        return sorted((p[IP].id, p[IP].frag, int(p[IP].flags), bytes(p[IP].payload)[:p[IP].len - 20]) for p in packets)

    handed = vectors(switch, "ip4-sv-reassembly-feature-hoff")
    for attempt in range(10):  # a slow machine may take longer than fragments wait: once more then
        frames = [f for i in range(20) for f in pieces_of(net[0], IP(src=net[0].host, dst="198.51.100.2", id=100 * attempt + i) /
                                                          UDP(sport=1000 + i, dport=9) / random.randbytes(BYTES), 99)]
        random.shuffle(frames)
        before = timeouts(switch)
        capture = switch.capture(net[1])
        send_by_threads(switch, net[0], frames)
        wait_for(lambda: virtual_shown(switch)["buffers"] == 0, "no fragment to wait")
        if timeouts(switch) == before:
            assert what(capture.packets(len(frames))) == what(IP(f[14:]) for f in frames)
            break
        capture.stop()
    else:
        pytest.fail("fragments never came in time")
    assert vectors(switch, "ip4-sv-reassembly-feature-hoff") > handed
    wait_for(lambda: virtual_shown(switch)["reassemblies"] == 0, "datagrams that are complete to be forgotten")


def test_virtual_without_a_first_one(switch, net, virtual):
    """The others wait, none of them goes on, and they are dropped in the end."""
    datagrams = [IP(src=net[0].host, dst="198.51.100.2", id=900 + i) / UDP() / bytes(BYTES) for i in range(12)]
    frames = [f for d in datagrams for f in pieces_of(net[0], d, 99)[1:]]
    before, used = timeouts(switch), switch.buffers_used()
    capture = switch.capture(net[1])
    send_by_threads(switch, net[0], frames)
    wait_for(lambda: virtual_shown(switch)["buffers"] + timeouts(switch) - before == len(frames), "all to wait")
    switch.ctl("set clock adjust 3")
    wait_for(lambda: timeouts(switch) - before == len(frames), "the datagrams to time out")
    wait_for(lambda: virtual_shown(switch)["reassemblies"] == 0, "nothing to be left of them")
    wait_for(lambda: switch.buffers_used() <= used, "the buffers to come back")
    assert capture.packets(0) == []

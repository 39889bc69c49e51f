"""High availability of NAT44, endpoint-independent: `other` has the sessions of `switch`, and goes on with them. Between them is a memif link.
What they say to each other is in docs/nat44-ha.md, and in `message` here."""
import random
import socket
import struct

import packet_lib
import pytest
from conftest import run
from nat_lib import through
from packet_lib import nat44, nat_config, wait_for
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.packet import Raw
from test_nat44 import HOST, OTHER, POOL, SECOND, SERVER, echo, tcp, two_sides, udp

NEAR, FAR, STRANGER = "10.9.0.1", "10.9.0.2", "10.3.0.2"
PORT = 6000
ADD, DELETE, REFRESH = 1, 2, 3


@pytest.fixture(scope="module")
def other(build, request):
    yield from run(packet_lib.Switch(build), request)


@pytest.fixture(scope="module")
def sides(switch, other):
    """The links of both, which are the same."""
    for daemon, role, address in ((switch, "master", NEAR), (other, "slave", FAR)):
        daemon.ctl(f"create memif socket id 1 filename {switch.folder}/between.sock")
        daemon.ctl(f"create interface memif id 0 socket-id 1 {role}")
        daemon.ctl("set interface state memif1/0 up")
        daemon.ctl(f"set interface ip address memif1/0 {address}/30")
    wait_for(lambda: "link-up" in switch.ctl("show memif") or "up" in switch.ctl("show interface memif1/0"), "the link between them")
    both = two_sides(switch, OTHER), two_sides(other, OTHER)
    other.pg(2, "10.3.0.1/24")
    return both


@pytest.fixture(autouse=True)
def nats(switch, other, sides):
    with nat44(switch, *sides[0], nat="nat44 ei"), nat44(other, *sides[1], nat="nat44 ei"):
        yield


def listen(switch, other):
    other.ctl(f"nat44 ei ha listener {FAR}:{PORT}")
    switch.ctl(f"nat44 ei ha listener {NEAR}:{PORT}")


def pair(switch, other, words=""):
    listen(switch, other)
    switch.ctl(f"nat44 ei ha failover {FAR}:{PORT} {words}")


def all_sessions(daemon):
    return [s for u in daemon.json("show nat44 ei sessions detail")["users"] for s in u["sessions"]]


def ends(daemon):
    return sorted((s["i2o"]["protocol"], s["i2o"]["address"], s["i2o"].get("port"), s["o2i"]["address"], s["o2i"].get("port"), s["static"])
                  for s in all_sessions(daemon))


def same(switch, other):
    wait_for(lambda: ends(switch) == ends(other), "both to have the same sessions", 10)


def shown(daemon):
    return daemon.json("show nat44 ei ha")


def test_the_other_goes_on(switch, other, sides):
    pair(switch, other)
    switch.ctl(f"nat44 ei add static mapping local {OTHER} external 10.2.0.77")
    other.ctl(f"nat44 ei add static mapping local {OTHER} external 10.2.0.77")
    packets = [udp(sport=2000 + n) for n in range(30)] + [tcp("S"), echo(), udp(OTHER)]
    outs = through(switch, sides[0], packets)
    assert len(all_sessions(switch)) == 33
    same(switch, other)
    assert shown(switch)["sent"]["add"] == 33 and shown(other)["received"]["add"] >= 33
    for out in outs:
        layer = out[1]
        if ICMP in out:
            back = echo(SERVER, out.src, out[ICMP].id, "echo-reply")
        elif TCP in out:
            back = tcp("SA", SERVER, out.src, 80, layer.sport)
        else:
            back = udp(SECOND, out.src, 9, layer.sport)
        (into,) = through(other, sides[1], back, back=True)
        assert into.dst == (OTHER if out.src == "10.2.0.77" else HOST)
    again = through(other, sides[1], packets)  # in any order, of several threads
    assert sorted(bytes(p[1]) for p in again) == sorted(bytes(p[1]) for p in outs)
    assert len(all_sessions(other)) == 33


def test_a_session_that_ends(switch, other, sides):
    pair(switch, other)
    (out,) = through(switch, sides[0], udp())
    through(switch, sides[0], udp(sport=3000))
    same(switch, other)
    switch.ctl(f"nat44 ei del session out {POOL}:{out[UDP].sport} udp")
    same(switch, other)
    assert len(ends(other)) == 1
    switch.ctl("nat44 ei plugin disable")  # which is no end for the other one
    assert shown(switch) == {} and switch.ctl("show nat44 ei ha") == "NAT HA disabled\n"
    assert len(ends(other)) == 1


def test_a_session_whose_packets_come_to_the_other(switch, other, sides):
    """Where the first one no longer has it, it goes on."""
    pair(switch, other)
    (out,) = through(switch, sides[0], tcp("S"))
    through(switch, sides[0], udp(sport=3000))
    same(switch, other)
    assert through(other, sides[1], tcp("SA", SERVER, POOL, 80, out[TCP].sport), back=True)[0].dst == HOST
    switch.ctl(f"nat44 ei del user {HOST}")
    wait_for(lambda: len(ends(other)) == 1, "the other session to end")
    assert ends(other)[0][0] == "tcp"


def test_a_session_that_lives(switch, other, sides):
    """What it has had, and its state, follow."""
    pair(switch, other, "refresh-interval 1")
    (out,) = through(switch, sides[0], tcp("S"))
    through(switch, sides[0], tcp("SA", SERVER, POOL, 80, out[TCP].sport), back=True)
    through(switch, sides[0], tcp("A"))

    def follows():
        mine, its = all_sessions(switch), all_sessions(other)
        return its and (mine[0]["packets"], mine[0]["bytes"]) == (its[0]["packets"], its[0]["bytes"]) and its[0]["timeout_in"] > 240
    wait_for(follows, "the refresh", 10)
    assert shown(switch)["sent"]["refresh"]


def test_resync(switch, other, sides):
    pair(switch, other)
    switch.ctl("nat44 ei ha failover 0.0.0.0:0")
    through(switch, sides[0], [udp(sport=2000 + n) for n in range(400)])
    assert not ends(other)
    assert switch.fails("nat44 ei ha resync") == "nat44 ei ha resync: there is no failover"
    switch.ctl(f"nat44 ei ha failover {FAR}:{PORT}")
    switch.ctl("nat44 ei ha resync")
    same(switch, other)
    wait_for(lambda: switch.ctl("show nat44 ei ha").endswith("RESYNC:\n  completed (0 ACK missed)\n"), "the resync to end", 10)
    assert switch.ctl("show nat44 ei ha").startswith(
        f"LISTENER:\n  {NEAR}:{PORT} path-mtu 512\nFAILOVER:\n  {FAR}:{PORT} refresh-interval 10sec\n")
    assert other.ctl("show nat44 ei ha") == f"LISTENER:\n  {FAR}:{PORT} path-mtu 512\nFAILOVER:\n  NA\nRESYNC:\n  completed (0 ACK missed)\n"


def test_what_is_not_answered_is_sent_again(switch, other, sides):
    pair(switch, other)
    other.ctl("nat44 ei ha listener 0.0.0.0:0")
    through(switch, sides[0], udp())
    wait_for(lambda: shown(switch)["sent"]["add"] == 1, "the message")
    switch.ctl("nat44 ei ha flush")
    assert not ends(other)
    other.ctl(f"nat44 ei ha listener {FAR}:{PORT}")
    same(switch, other)
    assert shown(switch)["sent_again"]


def test_each_is_the_others(switch, other, sides):
    """What one has of the other it does not tell back."""
    pair(switch, other)
    other.ctl(f"nat44 ei ha failover {NEAR}:{PORT} refresh-interval 1")
    (out,) = through(switch, sides[0], udp())
    same(switch, other)
    through(other, sides[1], udp(OTHER))
    same(switch, other)
    assert len(ends(switch)) == 2
    assert (shown(other)["sent"]["add"], shown(other)["sent"]["delete"]) == (1, 0)
    # the other one's packets of a session make it its own
    other.ctl(f"nat44 ei del session out {POOL}:{out[UDP].sport} udp")
    assert len(ends(other)) == 1


def record(kind=ADD, protocol=17, flags=0, state=1, inside=HOST, outside=POOL, ports=(2000, 2000), tables=(0, 0), counts=(7, 700)):
    return struct.pack("!4B4s4s2H2I2Q", kind, protocol, flags, state, socket.inet_aton(inside), socket.inet_aton(outside), *ports, *tables,
                       *counts)


def message(*records, sequence=5, version=1, flags=0, count=None):
    return struct.pack("!2BHI", version, flags, len(records) if count is None else count, sequence) + b"".join(records)


def say(other, payload, count=1, src=STRANGER):
    """What the listener answers to a datagram of a stranger's."""
    link = other.pgs[2]
    return other.exchange(link, link.ether() / IP(src=src, dst=FAR) / UDP(sport=99, dport=PORT) / Raw(payload), link, count=count)


def test_nobody_outside_is_heard(other, sides):
    other.ctl(f"nat44 ei ha listener {FAR}:{PORT}")
    link = sides[1][1]
    asks = link.ether() / IP(src=SERVER, dst=FAR) / UDP(sport=99, dport=PORT) / Raw(message())
    with other.counts({("nat44-ei-out2in-slowpath", "no translation"): 1}):
        other.exchange(link, asks, link, count=0)
    other.ctl("nat44 ei forwarding enable")
    (answer,) = other.exchange(link, asks, link, count=1)
    assert bytes(answer[UDP].payload) == message(flags=1)


def port_of_host(other, links):
    """One that the thread of HOST has."""
    (out,) = through(other, links, udp())
    other.ctl(f"nat44 ei del user {HOST}")
    return out[UDP].sport


def test_what_messages_say(other, sides):
    port = port_of_host(other, sides[1])
    other.ctl(f"nat44 ei ha listener {FAR}:{PORT} path-mtu 1500")
    (answer,) = say(other, message(record(ports=(2000, port)), record(ports=(3000, 0), protocol=99)))
    assert (answer[IP].src, answer[UDP].sport, answer[UDP].dport) == (FAR, PORT, 99)
    assert bytes(answer[UDP].payload) == message(flags=1)
    (session,) = all_sessions(other)
    assert (session["packets"], session["bytes"]) == (7, 700)
    (into,) = through(other, sides[1], udp(SECOND, POOL, 4, port), back=True)
    assert (into.dst, into[UDP].dport) == (HOST, 2000)
    say(other, message(record(REFRESH, ports=(2000, port), counts=(20, 9000))))
    assert all_sessions(other)[0]["packets"] == 20
    # another host has that port now
    say(other, message(record(DELETE, ports=(2001, port))))
    assert len(all_sessions(other)) == 1
    say(other, message(record(ports=(2001, port))))
    assert [s["i2o"]["port"] for s in all_sessions(other)] == [2001]
    say(other, message(record(DELETE, ports=(2001, port)), record(DELETE, ports=(2001, port))))
    assert not all_sessions(other)


@pytest.mark.parametrize("wrong", [
    record(0), record(4), record(protocol=6, state=9), record(state=3), record(outside="10.2.0.99"), record(tables=(77, 0)), record(tables=(0, 77)),
    record(protocol=47, ports=(0, 0)), record(protocol=47, ports=(1, 0), flags=1),
    # by mappings that are not there, or lead elsewhere
    record(flags=1), record(flags=1, outside="10.2.0.77"), record(protocol=6, flags=1, ports=(81, 8080), inside=OTHER),
    record(protocol=6, flags=1, ports=(80, 8080))])
def test_records_that_do_not_fit(other, wrong):
    other.ctl(f"nat44 ei ha listener {FAR}:{PORT}")
    other.ctl(f"nat44 ei add static mapping local {OTHER} external 10.2.0.77")
    other.ctl(f"nat44 ei add static mapping tcp local {OTHER} 80 external {POOL} 8080")
    before = shown(other)["refused"]
    say(other, message(wrong))
    assert shown(other)["refused"] == before + 1 and not all_sessions(other)
    say(other, message(record(protocol=6, flags=1, ports=(80, 8080), inside=OTHER), record(flags=1, outside="10.2.0.77", inside=OTHER)))
    assert shown(other)["refused"] == before + 1 and len(all_sessions(other)) == 2


def test_what_is_no_message(switch, other, sides):
    other.ctl(f"nat44 ei ha listener {FAR}:{PORT}")
    good = message(record())
    before = shown(other)["bad"]
    bad = [b"", b"x", good[:7], good[:-1], good + b"x", message(record(), version=2), message(record(), count=2), message(count=1), message(flags=1),
           message(record(), count=65535)]
    for payload in bad:
        say(other, payload, count=0)
    wait_for(lambda: shown(other)["bad"] == before + len(bad), "all to be counted")
    chance = random.Random(5)
    for _ in range(50):
        noise = bytearray(message(*[record() for _ in range(chance.randrange(4))]))
        noise[chance.randrange(len(noise))] = chance.randrange(256)
        say(other, bytes(noise), count=None)
    # of a failover it hears nobody else
    other.ctl(f"nat44 ei ha failover {NEAR}:{PORT}")
    before = shown(other)["bad"]
    say(other, message(record()), count=0)
    wait_for(lambda: shown(other)["bad"] == before + 1, "it to be counted")


def test_it_is_saved(switch, sides):
    for command in (f"nat44 ei ha listener {NEAR}:{PORT} path-mtu 1400", f"nat44 ei ha failover {FAR}:7000 refresh-interval 60"):
        switch.ctl(command)
        assert command in nat_config(switch)
    lines = nat_config(switch)
    switch.ctl("nat44 ei plugin disable")
    assert not nat_config(switch)
    for line in lines:
        switch.ctl(line)
    assert nat_config(switch) == lines


@pytest.mark.parametrize("command,why", [
    ("nat44 ei ha failover 10.9.0.2:0 refresh-interval 0", "refresh-interval is 1 second to a day"),
    ("nat44 ei ha failover 0.0.0.0:99", "a failover has an address"),
    ("nat44 ei ha listener 0.0.0.0:99", "a listener has an address"),
    (f"nat44 ei ha listener {NEAR}:{PORT} path-mtu 75", "path-mtu is 76 to 9000 bytes"),
    (f"nat44 ei ha listener {NEAR}:4444", "port 4444 is in use"),
    ("nat44 ei ha listener 0.0.0.0:0", "the failover is told by the listener"),
])
def test_what_fails_changes_nothing(switch, other, command, why):
    pair(switch, other)
    switch.ctl("set punt ipv4 udp 4444")
    before = nat_config(switch)
    assert switch.fails(command).endswith(": " + why)
    assert nat_config(switch) == before
    switch.ctl("set punt ipv4 del udp 4444")


def test_there_is_no_failover(switch):
    assert switch.fails(f"nat44 ei ha failover {FAR}:{PORT}").endswith("there is no listener to tell the failover by")
    assert switch.fails("nat44 ei ha flush").endswith("there is no failover")
    switch.ctl("nat44 ei plugin disable")
    assert switch.fails(f"nat44 ei ha listener {NEAR}:{PORT}").endswith("Plugin disabled.")
    assert switch.ctl("show nat44 ei ha") == "NAT HA disabled\n"

"""NAT44, endpoint-dependent: hosts behind pg0 share addresses towards those behind pg1.

Every packet that comes out is checked: its checksums, and those of what errors quote, are right.
"""
import contextlib
import re

import pytest
from nat_lib import answered, right, through
from packet_lib import nat44, nat_config, wait_for
from piste import Stats
from scapy.layers.inet import GRE, ICMP, IP, IPerror, IPOption_NOP, TCP, TCPerror, UDP, UDPerror, fragment
from scapy.packet import Raw

HOST, OTHER = "10.1.0.2", "10.1.0.3"       # inside
SERVER, SECOND = "10.2.0.2", "192.0.2.7"   # outside
POOL = "10.2.0.1"


def two_sides(switch, *hosts):
    """Links inside, with these hosts beside HOST, and outside, with a network behind SERVER."""
    inside, outside = switch.pg(0, "10.1.0.1/24"), switch.pg(1, "10.2.0.1/24")
    for host in hosts:
        switch.ctl(f"set ip neighbor {inside} {host} {inside.host_mac}")
    switch.ctl(f"ip route add 192.0.2.0/24 via {SERVER} {outside}")
    return inside, outside


@pytest.fixture(scope="module")
def links(switch):
    return two_sides(switch, OTHER, "10.1.0.4")


@pytest.fixture(autouse=True)
def nat(switch, links):
    with nat44(switch, *links):
        yield


def sessions(switch):
    return switch.json("show nat44 sessions")["sessions"]


def ends(switch):
    return sorted((s["i2o"]["address"], s["i2o"].get("port"), s["o2i"]["address"], s["o2i"].get("port"), s["external_host"],
                   s["external_port"]) for s in sessions(switch))


def udp(src=HOST, dst=SERVER, sport=2000, dport=53, **kwargs):
    return IP(src=src, dst=dst, **kwargs) / UDP(sport=sport, dport=dport) / Raw(b"hallo")


def tcp(flags, src=HOST, dst=SERVER, sport=2000, dport=80, **kwargs):
    return IP(src=src, dst=dst, **kwargs) / TCP(sport=sport, dport=dport, flags=flags)


def echo(src=HOST, dst=SERVER, number=7, kind="echo-request"):
    return IP(src=src, dst=dst) / ICMP(type=kind, id=number) / Raw(b"hallo")


def test_udp_there_and_back(switch, links):
    (out,) = through(switch, links, udp())
    assert (out.src, out.dst, out.ttl, out[UDP].sport, out[UDP].dport) == (POOL, SERVER, 63, 2000, 53)
    (back,) = through(switch, links, udp(SERVER, POOL, 53, 2000), back=True)
    assert (back.src, back.dst, back.ttl, back[UDP].sport, back[UDP].dport) == (SERVER, HOST, 63, 53, 2000)
    assert ends(switch) == [(HOST, 2000, POOL, 2000, SERVER, 53)]
    (session,) = sessions(switch)
    assert (session["packets"], session["bytes"]) == (2, 66)
    assert 290 < session["timeout_in"] <= 300
    # another host with the same port has another one outside
    (out,) = through(switch, links, udp(OTHER))
    assert out[UDP].sport != 2000 and out[UDP].sport >= 1024
    through(switch, links, udp(sport=123))
    (low,) = through(switch, links, udp(OTHER, sport=123))
    assert low[UDP].sport != 123 and low[UDP].sport < 1024
    (back,) = through(switch, links, udp(SERVER, POOL, 53, out[UDP].sport), back=True)
    assert (back.dst, back[UDP].dport) == (OTHER, 2000)
    # unless it talks to somebody else: sessions are told by both ends
    (out,) = through(switch, links, udp(OTHER, SECOND))
    assert (out.src, out[UDP].sport) == (POOL, 2000)


def test_a_vector_of_all_kinds(switch, links):
    """What most packets are goes a shorter path than others of the same vector: all come out as each alone."""
    def vector(back):
        ends = (SERVER, POOL) if back else (HOST, SERVER)
        ports = [(2000 + n, 3000 + n)[::-1 if back else 1] for n in range(8)]
        return [p for n, (sport, dport) in enumerate(ports) for p in (
            tcp("SA" if back else "S", *ends, sport, dport), udp(*ends, sport, dport, ttl=9) / Raw(bytes(n)),
            tcp("A", *ends, sport, dport, tos=4) / Raw(bytes([n])), echo(*ends, kind="echo-reply" if back else "echo-request"),
            udp(*ends, sport, dport, options=[IPOption_NOP()] * 4))]

    def seen(p):
        return (p.src, p.dst, p.ttl, p.tos, len(p.options), p.proto, bytes(p.payload))
    for back in (False, True):
        packets = vector(back)
        single = [seen(p) for q in packets for p in through(switch, links, q, back=back)]
        assert len(single) == 40
        assert sorted(seen(p) for p in through(switch, links, packets * 4, back=back)) == sorted(single * 4)


def test_counters_for_other_programs(switch, links):
    with Stats(switch.folder + "/stats.sock") as stats:
        def udp_packets(way, path, link):
            number = int(switch.json(f"show interface {link}")["interfaces"][0]["sw_if_index"])
            return sum(row[number] for row in stats[f"/nat44-ed/{way}/{path}/udp"])
        kinds = [("in2out", "slowpath", links[0]), ("in2out", "fastpath", links[0]), ("out2in", "fastpath", links[1])]
        before = [udp_packets(*kind) for kind in kinds]
        for _ in range(3):
            through(switch, links, udp())
        through(switch, links, udp(SERVER, POOL, 53, 2000), back=True)
        assert [udp_packets(*kind) - n for kind, n in zip(kinds, before)] == [1, 2, 1]
        assert sum(sum(row) for row in stats["/nat44-ed/total-sessions"]) == 1


def test_what_routers_say_stays(switch, links):
    """DSCP, ECN and the don't-fragment bit."""
    (out,) = through(switch, links, udp(tos=0xb9, flags="DF", id=77))
    assert (out.tos, str(out.flags), out.id) == (0xb9, "DF", 77)
    (back,) = through(switch, links, udp(SERVER, POOL, 53, 2000, tos=0x2a), back=True)
    assert (back.dst, back.tos) == (HOST, 0x2a)


def test_ports_that_run_out(switch, links):
    """Of the well-known ones there are 1023 towards an end outside, and as many towards another one."""
    switch.ctl("set nat44 session limit 5000")
    for first in range(1, 1024, 93):
        through(switch, links, [udp(sport=port) for port in range(first, first + 93)])
    with errors(switch, "out of ports"):
        through(switch, links, udp(OTHER, sport=7), count=0)
    outs = through(switch, links, [udp(OTHER, sport=7, dport=54), udp(OTHER, SECOND, sport=7), udp(OTHER, sport=1024)])
    assert sorted(out[UDP].sport for out in outs) == [7, 7, 1024]


def test_hash_tables(switch, links):
    through(switch, links, [udp(), udp(OTHER)])
    shown = switch.json("show nat44 hash tables")
    assert sum(t["entries"] for t in shown["tables"]) == 4 and shown["translation_buckets"]
    text = switch.ctl("show nat44 hash tables verbose")
    assert re.match(r"Hash table 'nat44-ed, thread 1'\n    \d+ active elements \d+ places\n    bytes: used \d+\n", text)
    assert "-------- hash table parameters --------\ntranslation buckets: " in text


def test_udp_without_checksum(switch, links):
    packet = udp()
    packet[UDP].chksum = 0
    (out,) = through(switch, links, packet)
    assert (out.src, out[UDP].chksum) == (POOL, 0)


def test_ping_there_and_back(switch, links):
    (out,) = through(switch, links, echo())
    assert (out.src, out[ICMP].id) == (POOL, 7)
    (other,) = through(switch, links, echo(OTHER))
    assert (other.src, other[ICMP].id != 7) == (POOL, True)
    replies = through(switch, links, [echo(SERVER, POOL, 7, "echo-reply"), echo(SERVER, POOL, other[ICMP].id, "echo-reply")],
                      back=True)
    assert sorted((p.dst, p[ICMP].id) for p in replies) == [(HOST, 7), (OTHER, 7)]


def test_protocols_without_ports(switch, links):
    (out,) = through(switch, links, IP(src=HOST, dst=SERVER) / GRE() / Raw(b"x" * 30))
    assert (out.src, out.dst, out.proto) == (POOL, SERVER, 47)
    (back,) = through(switch, links, IP(src=SERVER, dst=POOL) / GRE() / Raw(b"x" * 30), back=True)
    assert (back.src, back.dst) == (SERVER, HOST)
    with errors(switch, "out of ports"):  # there is nothing to tell a second one by
        through(switch, links, IP(src=OTHER, dst=SERVER) / GRE() / Raw(b"x" * 30), count=0)


@contextlib.contextmanager
def errors(switch, reason, n=1):
    """So many packets are dropped by a node of NAT for that reason, and none for another one."""
    def nat_errors():
        return {why: sum(n for (node, r), n in switch.errors().items() if "nat" in node and r == why)
                for node, why in switch.errors() if "nat" in node}
    before = nat_errors()
    yield

    def grown():
        return {r: n - before.get(r, 0) for r, n in nat_errors().items() if n != before.get(r, 0)}
    with contextlib.suppress(AssertionError):
        wait_for(lambda: grown() == {reason: n}, "the drops")  # which may be another thread's
    assert grown() == {reason: n}


def test_nobody_outside_begins(switch, links):
    with errors(switch, "no translation", 3):
        through(switch, links, [udp(SERVER, POOL, 53, 2000), tcp("S", SERVER, POOL), tcp("S", SERVER, HOST)], back=True, count=0)
    assert sessions(switch) == []
    # the switch itself still answers a ping of its address
    reply = answered(switch, links[1], echo(SERVER, POOL))
    assert reply[ICMP].type == 0
    switch.ctl("nat44 forwarding enable")
    (passed,) = through(switch, links, tcp("S", SERVER, HOST), back=True)
    assert (passed.src, passed.dst) == (SERVER, HOST)
    switch.ctl("nat44 forwarding disable")


def test_only_what_leaves_to_outside(switch, links):
    third = switch.pg(2, "10.3.0.1/24")
    (plain,) = [right(p) for p in switch.exchange(links[0], links[0].ether() / udp(dst=third.host), third, count=1)]
    assert plain.src == HOST
    reply = answered(switch, links[0], echo(dst="10.1.0.1"))
    assert (reply.src, reply.dst) == ("10.1.0.1", HOST)
    assert sessions(switch) == []


def test_tcp_states(switch, links):
    def state():
        s = switch.json("show nat44 summary")
        return s["tcp_established"]["total"], s["tcp_transitory"]["total"]

    def there(flags):
        assert through(switch, links, tcp(flags))[0].src == POOL

    def back(flags):
        assert through(switch, links, tcp(flags, SERVER, POOL, 80, 2000), back=True)[0].dst == HOST

    with errors(switch, "non-SYN packet try to create session"):
        through(switch, links, tcp("A"), count=0)
    there("S")
    assert state() == (0, 1)
    back("SA")
    assert state() == (1, 0)
    there("A")
    there("FA")
    assert state() == (1, 0)  # half closed (RFC 5382 REQ-5)
    back("FA")
    assert state() == (0, 1)
    there("A")
    there("S")  # the same ports anew
    back("SA")
    assert state() == (1, 0)
    back("R")  # whoever says so
    assert state() == (0, 1)
    there("A")  # it was not true (RFC 7857 2.2)
    assert state() == (1, 0)


def test_who_is_told_that_a_packet_came_to_its_end(switch, links):
    through(switch, links, udp())
    error = answered(switch, links[0], udp(ttl=1))
    assert (error.src, error.dst, error[ICMP].type) == ("10.1.0.1", HOST, 11)
    assert (error[IPerror].src, error[UDPerror].sport) == (HOST, 2000)
    error = answered(switch, links[1], udp(SERVER, POOL, 53, 2000, ttl=1))
    assert (error.src, error.dst, error[IPerror].dst) == (POOL, SERVER, POOL)


@pytest.mark.parametrize("packet", [udp(), echo(), tcp("S")])
def test_errors_of_this_switch(switch, links, packet):
    """What it says of translated packets is for who sent them, and quotes them as they were sent."""
    packet = packet / Raw(bytes(1000))
    packet.flags = "DF"
    large = IP(bytes(packet))
    switch.ctl(f"set interface mtu packet 600 {links[1]}")
    try:
        for _ in range(2):  # the first packet of a session, and a later one
            error = answered(switch, links[0], large)
            assert (error.src, error.dst, error[ICMP].type, error[ICMP].code) == ("10.1.0.1", HOST, 3, 4)
            assert error[ICMP].nexthopmtu == 600
            assert bytes(error[ICMP])[8 + 12:8 + 28] == bytes(large)[12:28]
    finally:
        switch.ctl(f"set interface mtu packet 9000 {links[1]}")


def test_errors_that_two_sessions_send_each_other(switch, links):
    """What one makes of such an error is for an end outside of the other: it does not go round and round."""
    large = udp(flags="DF") / Raw(bytes(1000))
    switch.ctl(f"nat44 add static mapping local {POOL} external {HOST}")
    through(switch, links, udp())
    switch.send(links[1], links[1].ether() / udp(SERVER, HOST, 53, 2000))
    assert len(sessions(switch)) == 2
    switch.ctl(f"set interface mtu packet 600 {links[1]}")
    try:
        assert switch.exchange(links[0], links[0].ether() / large, links[0]) == []
    finally:
        switch.ctl(f"set interface mtu packet 9000 {links[1]}")


def errors_from_outside(switch, links, packet):
    """A router's error about what packet became is about packet inside; those about nothing, or with a wrong sum, are dropped."""
    (sent,) = through(switch, links, packet)
    router = IP(src="192.0.2.1", dst=POOL) / ICMP(type=3, code=4) / IP(bytes(sent))
    (error,) = through(switch, links, router, back=True)
    assert (error.src, error.dst, error[ICMP].type, error[ICMP].code) == ("192.0.2.1", HOST, 3, 4)
    assert (error[IPerror].src, error[IPerror].dst) == (HOST, SERVER)
    quoted = bytes(error[ICMP])[8:]
    assert quoted[12:28] == bytes(packet)[12:28]  # addresses, ports or identifier
    with errors(switch, "no translation"):
        through(switch, links, IP(src="192.0.2.1", dst=POOL) / ICMP(type=3) / IP(src=POOL, dst=SECOND) / UDP(sport=9), back=True,
                count=0)
    broken = IP(bytes(router))
    broken[ICMP].chksum ^= 1
    with errors(switch, "malformed packet"):
        through(switch, links, broken, back=True, count=0)


@pytest.mark.parametrize("packet", [udp(), echo(), tcp("S")])
def test_errors_from_outside(switch, links, packet):
    errors_from_outside(switch, links, packet)


def test_errors_from_inside(switch, links):
    through(switch, links, udp())
    (got,) = through(switch, links, udp(SERVER, POOL, 53, 2000), back=True)
    for speaker in HOST, "10.1.0.77":  # nobody outside learns of a router inside
        (error,) = through(switch, links, IP(src=speaker, dst=SERVER) / ICMP(type=3, code=3) / IP(bytes(got)))
        assert (error.src, error.dst) == (POOL, SERVER)
        assert (error[IPerror].src, error[IPerror].dst, error[UDPerror].dport) == (SERVER, POOL, 2000)


def test_pool_of_many_addresses(switch, links):
    switch.ctl("nat44 add address 10.2.0.100 - 10.2.0.103")
    assert switch.fails("nat44 add address 10.2.0.103 - 10.2.0.104") == "nat44 add address: NAT address already in use."
    assert switch.fails("nat44 add address 10.2.0.9 - 10.2.0.8") == \
        "nat44 add address: end address less than start address"
    assert "nat44 add address 10.2.0.100 - 10.2.0.103" in nat_config(switch)
    # a host keeps its address
    for host in HOST, OTHER, "10.1.0.4":
        outs = through(switch, links, [udp(host, sport=2000 + n, dport=n) for n in range(1, 20)])
        assert len({p.src for p in outs}) == 1
    # neighbours find them here
    arp = switch.exchange(links[1], links[1].ether(dst="ff:ff:ff:ff:ff:ff") / arp_for("10.2.0.102", links[1]), links[1], count=1)
    assert arp[0].psrc == "10.2.0.102"
    gone = through(switch, links, udp(sport=3000))[0].src
    if gone == POOL:
        switch.ctl(f"nat44 add interface address {links[1]} del")
    else:
        switch.ctl(f"nat44 add address {gone} del")
        assert switch.fails(f"nat44 add address {gone} del") == "nat44 add address: NAT address not exist."
    assert gone not in {s["o2i"]["address"] for s in sessions(switch)}
    assert through(switch, links, udp(sport=3000))[0].src != gone


def arp_for(address, pg):
    from scapy.layers.l2 import ARP
    return ARP(op=1, hwsrc=pg.host_mac, psrc=pg.host, pdst=address)


def test_address_of_an_interface(switch, links):
    assert "failed" in switch.fails(f"nat44 add interface address {links[1]}")
    switch.ctl(f"set interface ip address {links[1]} 10.2.9.1/24")
    assert [a["address"] for a in switch.json("show nat44 addresses")["addresses"]] == [POOL, "10.2.9.1"]
    through(switch, links, [udp(sport=n) for n in range(1, 9)])
    switch.ctl(f"set interface ip address del {links[1]} 10.2.9.1/24")
    assert switch.ctl("show nat44 addresses").splitlines() == \
        ["NAT44 pool addresses:", POOL, "  tenant VRF independent", "NAT44 twice-nat pool addresses:"]
    assert switch.ctl("show nat44 interface address") == f"NAT44 pool address interfaces:\n {links[1]}\n"
    assert {s["o2i"]["address"] for s in sessions(switch)} <= {POOL}


def test_no_address_no_translation(switch, links):
    switch.ctl(f"nat44 add interface address {links[1]} del")
    with errors(switch, "out of ports"):
        through(switch, links, udp(), count=0)


def test_tables(switch, links):
    """Inside is a table of its own, which has no way out but NAT."""
    inside = switch.pg(3)
    switch.ctl("ip table add 7")
    switch.ctl(f"set interface ip table {inside} 7")
    switch.ctl(f"set interface ip address {inside} 10.1.0.1/24")
    switch.ctl(f"set ip neighbor {inside} {HOST} {inside.host_mac}")
    switch.ctl(f"set interface nat44 in {inside}")
    for source in links[0], inside:  # the same addresses and ports in both
        (out,) = [right(p) for p in switch.exchange(source, source.ether() / udp(), links[1], count=1)]
        (back,) = [right(p) for p in switch.exchange(
            links[1], links[1].ether() / udp(SERVER, POOL, 53, out[UDP].sport), source, count=1)]
        assert (back.dst, back[UDP].dport) == (HOST, 2000)
    # a table inside knows another way: that stays inside
    far = "198.51.100.9"
    switch.ctl(f"ip route add {far}/32 via {SERVER} {links[1]}")
    (out,) = [right(p) for p in switch.exchange(inside, inside.ether() / udp(dst=far), links[1], count=1)]
    assert out.src == POOL
    switch.ctl("clear nat44 ed sessions")
    switch.ctl(f"ip route add {far}/32 table 7 via {HOST} {inside}")
    out = answered(switch, inside, udp(dst=far))
    assert (out.src, out.dst) == (HOST, far)
    switch.ctl(f"ip route del {far}/32 table 7 via {HOST} {inside}")
    switch.ctl(f"ip route del {far}/32 via {SERVER} {links[1]}")
    switch.ctl("nat44 add address 10.2.0.50 tenant-vrf 7")
    (out,) = [right(p) for p in switch.exchange(links[0], links[0].ether() / udp(dport=99), links[1], count=1)]
    assert out.src == POOL
    switch.ctl(f"set interface nat44 in {inside} del")
    switch.ctl("nat44 add address 10.2.0.50 del")
    switch.ctl(f"set interface ip address del {inside} 10.1.0.1/24")


def test_no_session_outlives_its_table(switch, links):
    """A table that comes later may have its place: it is not to get others' packets."""
    inside = switch.pg(4)
    switch.ctl("ip table add 8")
    switch.ctl(f"set interface ip table {inside} 8")
    switch.ctl(f"set interface nat44 in {inside}")
    switch.send(inside, inside.ether() / udp(dport=98))
    wait_for(lambda: len(sessions(switch)) == 1, "the session")
    switch.ctl(f"set interface nat44 in {inside} del")
    assert not sessions(switch)
    switch.ctl(f"set interface ip table {inside} 0")
    switch.ctl("ip table del 8")


def test_an_interface_that_is_both(switch, links):
    switch.ctl(f"set interface nat44 in {links[0]} del")
    switch.ctl(f"set interface nat44 in {links[1]}")
    assert switch.ctl("show nat44 interfaces") == f"NAT44 interfaces:\n {links[1]} in out\n"
    one = links[1]
    switch.ctl(f"set interface ip address {one} 10.1.8.1/24")
    switch.ctl(f"set ip neighbor {one} 10.1.8.2 {one.host_mac}")
    out = answered(switch, one, udp("10.1.8.2", sport=4321))
    assert (out.dst, out[UDP].sport) == (SERVER, 4321) and out.src in (POOL, "10.1.8.1")
    back = answered(switch, one, udp(SERVER, out.src, 53, 4321))
    assert (back.src, back.dst) == (SERVER, "10.1.8.2")
    switch.ctl(f"set interface ip address del {one} 10.1.8.1/24")


def test_timeouts(switch, links):
    switch.ctl("set nat timeout udp 20 icmp 2000")
    assert switch.ctl("show nat timeouts").splitlines() == \
        ["udp timeout: 20sec", "tcp-established timeout: 7440sec", "tcp-transitory timeout: 240sec", "icmp timeout: 2000sec"]
    assert "timeouts are" in switch.fails("set nat timeout udp 0")
    through(switch, links, [udp(), echo(), tcp("S")])
    assert len(sessions(switch)) == 3
    switch.ctl("set clock adjust 21")
    wait_for(lambda: len(sessions(switch)) == 2, "the session of UDP to end")
    # sessions that there are follow
    switch.ctl("set nat timeout icmp 30")
    switch.ctl("set clock adjust 12")
    wait_for(lambda: [s["i2o"]["protocol"] for s in sessions(switch)] == ["TCP"], "the session of ICMP to end")
    switch.ctl("set nat timeout reset")
    assert "udp timeout: 300sec" in switch.ctl("show nat timeouts")


def test_a_flood_of_beginnings(switch, links):
    """Who came last stays, and so does whoever was answered."""
    through(switch, links, [udp(sport=1), tcp("S", sport=2)])
    through(switch, links, [udp(SERVER, POOL, 53, 1), tcp("SA", SERVER, POOL, 80, 2)], back=True)
    switch.ctl("set nat44 session limit 20")
    outs = through(switch, links, [udp(sport=5000 + n) for n in range(300)])
    assert len(outs) == 300
    left = ends(switch)
    assert (HOST, 1, POOL, 1, SERVER, 53) in left and (HOST, 2, POOL, 2, SERVER, 80) in left
    assert len(left) == 20 if switch.workers == 1 else len(left) <= 20 * switch.workers
    assert "1 to" in switch.fails("set nat44 session limit 0")


def test_ending_sessions(switch, links):
    through(switch, links, [udp(), udp(dport=54), udp(OTHER), echo()])
    assert switch.fails("nat44 del session in 10.1.0.2:2001 udp") == "nat44 del session: nat44_del_session returned -6"
    switch.ctl(f"nat44 del session in {HOST}:2000 udp external-host {SERVER}:54")
    assert len(sessions(switch)) == 3
    switch.ctl(f"nat44 del session out {POOL}:2000 udp")
    assert [s[0] for s in ends(switch)] == [HOST, OTHER]
    switch.ctl("clear nat44 ed sessions")
    assert sessions(switch) == []


def test_what_is_shown(switch, links):
    through(switch, links, [udp(), tcp("S"), echo()])
    text = switch.ctl("show nat44 sessions filter i2o proto udp")
    lines = [line for line in text.splitlines() if line and not line.startswith(("--------", "Showed"))]
    assert lines[:7] == [
        "NAT44 ED sessions:",
        f"    i2o {HOST} proto UDP port 2000 fib 0", f"    o2i {POOL} proto UDP port 2000 fib 0",
        f"       external host {SERVER}:53",
        f"       i2o flow: match: saddr {HOST} sport 2000 daddr {SERVER} dport 53 proto UDP fib_idx 0 rewrite: saddr {POOL}"
        f" sport 2000 daddr {SERVER} dport 53 txfib 0 ",
        f"       o2i flow: match: saddr {SERVER} sport 53 daddr {POOL} dport 2000 proto UDP fib_idx 0 rewrite: saddr {SERVER}"
        f" daddr {HOST} dport 2000 txfib 0 ",
        lines[6]]
    assert [line.split()[0] for line in lines[6:]] == ["index", "last", "timeout", "total", "dynamic"]
    assert len(switch.json("show nat44 sessions filter o2i daddr 10.2.0.1 filter i2o dport 80")["sessions"]) == 1
    assert switch.json("show nat44 sessions filter i2o saddr 10.9.9.9")["sessions"] == []
    summary = switch.ctl("show nat44 summary").splitlines()
    assert summary[0] == "max translations per thread: 1000 fib 0"
    assert summary[-11:] == [
        "total sessions: 3 (timed out: 0)", "tcp sessions:", "    total: 1 (timed out: 0)", "        established: 0 (timed out: 0)",
        "        transitory: 1 (timed out: 0)", "udp sessions:", "    total: 1 (timed out: 0)", "icmp sessions:",
        "    total: 1 (timed out: 0)", "other sessions:", "    total: 0 (timed out: 0)"]


def test_new_sessions_go_with_their_vector(switch, links):
    """What begins a session stays in its place among others of a vector, which leaves as one."""
    if switch.workers > 1:
        pytest.skip("packets of several threads have no order")
    known = [udp(sport=2000 + n) for n in range(4)]
    through(switch, links, known)
    vector = [p for n, q in enumerate(known) for p in (udp(sport=3000 + n), q, udp(sport=3000 + n))]
    vector.insert(5, udp(sport=4000, ttl=1))  # an error for its sender
    out = through(switch, links, vector, count=12)
    assert [p[UDP].sport for p in out] == [p[UDP].sport for p in vector if p.ttl > 1]
    assert len(sessions(switch)) == 9


def test_the_trace(switch, links):
    if switch.workers > 1:
        pytest.skip("hops on another thread are not traced")
    switch.ctl("trace add pg-input 2")
    through(switch, links, [udp()])
    through(switch, links, [udp()])
    trace = switch.ctl("show trace")
    switch.ctl("clear trace")
    assert "NAT44_IN2OUT_ED_SLOW_PATH: sw_if_index" in trace and "translation result 'success' via i2of" in trace
    assert f"  i2of match: saddr {HOST} sport 2000 daddr {SERVER} dport 53 proto UDP fib_idx 0 rewrite:" in trace
    fast = trace[trace.index("Packet 2"):]
    assert "nat44-ed-in2out\n" in fast and "slowpath" not in fast


def test_the_plugin_itself(switch, links):
    before = nat_config(switch)
    assert before == ["nat44 plugin enable sessions 1000", f"nat44 add interface address {links[1]}",
                      f"set interface nat44 in {links[0]}", f"set interface nat44 out {links[1]}"]
    assert switch.fails("nat44 plugin enable") == "nat44 plugin: already enabled"
    assert switch.fails(f"set interface nat44 in {links[0]}").startswith(f"set interface nat44: add {links[0]} failed")
    assert switch.fails(f"set interface nat44 out {links[0]} del").startswith(f"set interface nat44: del {links[0]} failed")
    switch.ctl("set nat timeout udp 60 icmp 30")
    switch.ctl("nat44 forwarding enable")
    switch.ctl("nat44 add address 10.2.0.100 - 10.2.0.103 tenant-vrf 0")
    lines = nat_config(switch)
    through(switch, links, udp())
    switch.ctl("nat44 plugin disable")
    assert switch.fails("nat44 plugin disable") == "nat44 plugin: already disabled"
    assert switch.fails("nat44 add address 10.2.0.100") == "nat44 add address: Plugin disabled."
    assert nat_config(switch) == []
    assert through(switch, links, udp())[0].src == HOST
    for line in lines:
        switch.ctl(line)
    assert nat_config(switch) == lines


def test_an_interface_that_goes(switch, links):
    pg = switch.pg(8, "10.8.0.1/24")
    switch.ctl(f"set interface nat44 out {pg}")
    switch.ctl(f"nat44 add interface address {pg}")
    switch.ctl(f"delete packet-generator interface {pg}")
    assert not [line for line in nat_config(switch) if "pg8" in line]
    assert through(switch, links, udp())[0].src == POOL


# --- static mappings


def test_a_port_of_a_host(switch, links):
    switch.ctl(f"nat44 add static mapping tcp local {HOST} 80 external {POOL} 8080")
    assert switch.fails(f"nat44 add static mapping tcp local {OTHER} 80 external {POOL} 8080") == \
        "nat44 add static mapping: Mapping already exist."
    assert switch.fails(f"nat44 add static mapping tcp local {HOST} external {POOL} 81") == \
        "nat44 add static mapping: Either both ports are set or none."
    (into,) = through(switch, links, tcp("S", SERVER, POOL, 5000, 8080), back=True)
    assert (into.src, into[TCP].sport, into.dst, into[TCP].dport) == (SERVER, 5000, HOST, 80)
    (answer,) = through(switch, links, tcp("SA", HOST, SERVER, 80, 5000))
    assert (answer.src, answer[TCP].sport, answer[TCP].dport) == (POOL, 8080, 5000)
    # what the server itself begins from that port has it, too
    (out,) = through(switch, links, tcp("S", HOST, SECOND, 80, 99))
    assert (out.src, out[TCP].sport) == (POOL, 8080)
    # and nobody else gets the port
    (out,) = through(switch, links, tcp("S", OTHER, SECOND, 8080, 98))
    assert out[TCP].sport != 8080
    assert "       static translation\n" in switch.ctl("show nat44 sessions")
    with errors(switch, "no translation"):
        through(switch, links, udp(SERVER, POOL, 5000, 8080), back=True, count=0)
    switch.ctl(f"nat44 add static mapping tcp local {HOST} 80 external {POOL} 8080 del")
    assert [s[0] for s in ends(switch)] == [OTHER]
    assert switch.fails(f"nat44 add static mapping tcp local {HOST} 80 external {POOL} 8080 del") == \
        "nat44 add static mapping: Mapping not exist."


def test_all_of_a_host(switch, links):
    switch.ctl(f"nat44 add static mapping local {OTHER} external 10.2.0.77")
    for packet in udp(SERVER, "10.2.0.77", 7, 9), tcp("S", SERVER, "10.2.0.77"), echo(SERVER, "10.2.0.77"), \
            IP(src=SERVER, dst="10.2.0.77") / GRE() / Raw(b"x" * 20):
        (into,) = through(switch, links, packet, back=True)
        assert (into.src, into.dst) == (SERVER, OTHER)
    (out,) = through(switch, links, udp(OTHER, SECOND))
    assert (out.src, out[UDP].sport) == ("10.2.0.77", 2000)
    (out,) = through(switch, links, udp(HOST, SECOND))
    assert out.src == POOL
    arp = switch.exchange(links[1], links[1].ether(dst="ff:ff:ff:ff:ff:ff") / arp_for("10.2.0.77", links[1]), links[1], count=1)
    assert arp[0].psrc == "10.2.0.77"
    switch.ctl(f"nat44 add static mapping local {OTHER} external 10.2.0.77 del")
    assert "10.2.0.77" not in switch.ctl("show ip fib 10.2.0.77/32").splitlines()[1]


def test_only_from_outside(switch, links):
    switch.ctl(f"nat44 add static mapping udp local {HOST} 53 external 10.2.0.78 53 out2in-only")
    (into,) = through(switch, links, udp(SERVER, "10.2.0.78", 999, 53), back=True)
    assert (into.dst, into[UDP].dport) == (HOST, 53)
    assert through(switch, links, udp(HOST, SERVER, 53, 999))[0].src == "10.2.0.78"
    assert through(switch, links, udp(HOST, SECOND, 53, 999))[0].src == POOL


def test_only_from_outside_by_another_port(switch, links):
    """Answers find the session, on whichever thread that is, and several ports may lead to one."""
    for port in 8080, 8081, 8082:
        switch.ctl(f"nat44 add static mapping tcp local {HOST} 80 external 10.2.0.78 {port} out2in-only")
        (into,) = through(switch, links, tcp("S", SERVER, "10.2.0.78", port - 7000, port), back=True)
        assert (into.dst, into[TCP].dport) == (HOST, 80)
        (answer,) = through(switch, links, tcp("SA", HOST, SERVER, 80, port - 7000))
        assert (answer.src, answer[TCP].sport) == ("10.2.0.78", port)


def test_twice_nat(switch, links):
    """Who is inside sees who is outside by an address of the pool for that."""
    switch.ctl("nat44 add address 10.1.0.200 - 10.1.0.201 twice-nat")
    mapping = f"nat44 add static mapping tcp local {HOST} 80 external 10.2.0.78 8080"
    switch.ctl(f"{mapping} twice-nat exact 10.1.0.201")
    switch.ctl(f"nat44 add static mapping local {OTHER} external 10.2.0.79 twice-nat")
    (into,) = through(switch, links, tcp("S", SERVER, "10.2.0.78", 999, 8080), back=True)
    assert (into.src, into.dst, into[TCP].dport) == ("10.1.0.201", HOST, 80)
    (answer,) = through(switch, links, tcp("SA", HOST, into.src, 80, into[TCP].sport))
    assert (answer.src, answer.dst, answer[TCP].sport, answer[TCP].dport) == ("10.2.0.78", SERVER, 8080, 999)
    (second,) = through(switch, links, tcp("S", SECOND, "10.2.0.78", 999, 8080), back=True)
    assert second.src == "10.1.0.201" and second[TCP].sport != into[TCP].sport
    unreachable = IP(src=HOST, dst=into.src) / ICMP(type=3, code=3) / IP(bytes(into))
    (told,) = through(switch, links, unreachable)
    assert (told.src, told.dst, told[IPerror].src, told[IPerror].dst) == ("10.2.0.78", SERVER, SERVER, "10.2.0.78")
    assert (told[TCPerror].sport, told[TCPerror].dport) == (999, 8080)
    (asked,) = through(switch, links, echo(SERVER, "10.2.0.79"), back=True)
    assert asked.src.startswith("10.1.0.20") and asked.dst == OTHER
    (reply,) = through(switch, links, echo(OTHER, asked.src, kind="echo-reply"))
    assert (reply.src, reply.dst, reply[ICMP].id) == ("10.2.0.79", SERVER, 7)
    shown = next(s for s in sessions(switch) if s["external_host"] == SERVER and s["i2o"].get("port") == 80)
    assert (shown["twice_nat"], shown["external_host_inside"], shown["external_port_inside"]) == (
        True, "10.1.0.201", into[TCP].sport)
    assert f"external host o2i {SERVER}:999 i2o 10.1.0.201:{into[TCP].sport}\n" in switch.ctl("show nat44 sessions")
    assert f" TCP local {HOST}:80 external 10.2.0.78:8080 vrf 0 twice-nat \n" in switch.ctl("show nat44 static mappings")
    assert "NAT44 twice-nat pool addresses:\n10.1.0.200\n" in switch.ctl("show nat44 addresses")
    # the address goes, and the sessions by it
    switch.ctl("nat44 add address 10.1.0.201 del twice-nat")
    assert all(s.get("external_host_inside") != "10.1.0.201" for s in sessions(switch))
    with errors(switch, "out of ports"):
        through(switch, links, tcp("S", SERVER, "10.2.0.78", 998, 8080), back=True, count=0)
    assert f"{mapping} twice-nat exact 10.1.0.201" in nat_config(switch)
    switch.ctl(f"{mapping} del")


def test_twice_nat_of_protocols_without_ports(switch, links):
    """Whichever thread the addresses of a host outside would say."""
    switch.ctl("nat44 add address 10.1.0.200 - 10.1.0.231 twice-nat")
    switch.ctl(f"nat44 add static mapping local {OTHER} external 10.2.0.79 twice-nat")
    for host in (f"192.0.2.{n}" for n in range(1, 9)):
        (into,) = through(switch, links, IP(src=host, dst="10.2.0.79") / GRE() / Raw(b"x" * 30), back=True)
        assert into.src.startswith("10.1.0.2") and into.dst == OTHER
        (answer,) = through(switch, links, IP(src=OTHER, dst=into.src) / GRE() / Raw(b"x" * 30))
        assert (answer.src, answer.dst) == ("10.2.0.79", host)


def test_self_twice_nat(switch, links):
    """Only who comes back to itself; pg0 is inside and outside at once."""
    switch.ctl(f"set interface nat44 out {links[0]}")
    switch.ctl(f"nat44 add interface address {links[0]} twice-nat")
    switch.ctl(f"nat44 add static mapping tcp local {HOST} 80 external 10.2.0.78 8080 self-twice-nat")
    (into,) = through(switch, links, tcp("S", SERVER, "10.2.0.78", 999, 8080), back=True)
    assert (into.src, into.dst) == (SERVER, HOST)
    inside = (links[0], links[0])
    (own,) = through(switch, inside, tcp("S", HOST, "10.2.0.78", 999, 8080))
    assert (own.src, own.dst, own[TCP].dport) == ("10.1.0.1", HOST, 80)
    (answer,) = through(switch, inside, tcp("SA", HOST, "10.1.0.1", 80, own[TCP].sport))
    assert (answer.src, answer.dst, answer[TCP].sport, answer[TCP].dport) == ("10.2.0.78", HOST, 8080, 999)
    assert f"nat44 add interface address {links[0]} twice-nat" in nat_config(switch)
    assert f"NAT44 twice-nat pool address interfaces:\n {links[0]}\n" in switch.ctl("show nat44 interface address")


def test_identity(switch, links):
    switch.ctl("nat44 add identity mapping 10.1.0.4")
    switch.ctl(f"nat44 add identity mapping {HOST} udp 99")
    (out,) = through(switch, links, udp("10.1.0.4"))
    assert out.src == "10.1.0.4"
    assert through(switch, links, udp(SERVER, "10.1.0.4"), back=True)[0].dst == "10.1.0.4"
    assert [through(switch, links, udp(sport=n))[0].src for n in (99, 100)] == [HOST, POOL]
    assert len(sessions(switch)) == 1
    # of the switch's own address: what is for it, not for who is behind it
    switch.ctl(f"nat44 add identity mapping external {links[1]} udp 4444")
    error = answered(switch, links[1], udp(SERVER, POOL, 1, 4444))
    assert (error[ICMP].type, error[ICMP].code) == (3, 3)  # nobody listens there


def test_hairpin(switch, links):
    """A host inside calls another one by its address outside: both see addresses outside only."""
    switch.ctl(f"nat44 add static mapping tcp local {OTHER} 80 external {POOL} 8080")
    inside = links[0]

    def exchange(packet):
        return right(switch.exchange(inside, inside.ether() / packet, inside, count=1)[0])

    got = exchange(tcp("S", HOST, POOL, 4000, 8080))
    assert (got.src, got.dst, got[TCP].dport) == (POOL, OTHER, 80)
    back = exchange(tcp("SA", OTHER, POOL, 80, got[TCP].sport))
    assert (back.src, back[TCP].sport, back.dst, back[TCP].dport) == (POOL, 8080, HOST, 4000)
    assert exchange(tcp("A", HOST, POOL, 4000, 8080)).dst == OTHER
    (session,) = sessions(switch)
    assert session["packets"] == 3
    assert switch.json("show nat44 summary")["tcp_established"]["total"] == 1
    switch.ctl(f"nat44 add static mapping tcp local {OTHER} 80 external {POOL} 8080 del")
    assert not sessions(switch)


def test_address_of_a_mapping_that_follows(switch, links):
    switch.ctl(f"nat44 add static mapping tcp local {HOST} 80 external {links[1]} 8080")
    switch.ctl(f"nat44 add static mapping local {OTHER} external 10.2.0.77")
    switch.ctl(f"nat44 add static mapping udp local {HOST} 53 external 10.2.0.78 53 out2in-only")
    switch.ctl("nat44 add identity mapping 10.1.0.9 tcp 99")
    assert switch.ctl("show nat44 static mappings").splitlines() == [
        "NAT44 static mappings:",
        f" TCP local {HOST}:80 external {POOL}:8080 vrf 0  ",
        f" local {OTHER} external 10.2.0.77 vrf 0  ",
        f" UDP local {HOST}:53 external 10.2.0.78:53 vrf 0  out2in-only",
        " identity mapping TCP 10.1.0.9:99 vrf 0",
        f" TCP local {HOST}:80 external {links[1]}:8080 vrf -1"]
    switch.ctl(f"set interface ip address del {links[1]} 10.2.0.1/24")
    assert f" TCP local {HOST}:80 external {POOL}:8080 vrf 0  " not in switch.ctl("show nat44 static mappings").splitlines()
    switch.ctl(f"set interface ip address {links[1]} 10.2.0.1/24")
    wait_for(lambda: links[1].mac and f"external {POOL}:8080" in switch.ctl("show nat44 static mappings"), "the mapping")
    switch.ctl(f"set ip neighbor {links[1]} {SERVER} {links[1].host_mac}")
    assert through(switch, links, tcp("S", SERVER, POOL, 5000, 8080), back=True)[0].dst == HOST
    assert switch.fails("nat44 add static mapping tcp local 10.1.0.9 1 external pg1 8080") == \
        "nat44 add static mapping: Mapping already exist."


def test_an_address_of_the_pool_that_is_needed(switch, links):
    switch.ctl("nat44 add address 10.2.0.100")
    switch.ctl(f"nat44 add static mapping udp local {HOST} 5 external 10.2.0.100 5")
    assert switch.fails("nat44 add address 10.2.0.100 del") == "nat44 add address: NAT address used in static mapping."
    switch.ctl(f"nat44 add static mapping udp local {HOST} 5 external 10.2.0.100 5 del")
    switch.ctl("nat44 add address 10.2.0.100 del")


FAILING = [
    "nat44 add address 10.2.0.99 - 10.2.0.101",                  # one of them is there
    "nat44 add address 10.2.0.100 - 10.2.0.103 del",             # one of them is not
    "nat44 add address 10.2.0.101 - 10.2.0.102 del",             # a mapping has one of them
    "nat44 add address 10.2.0.150 - 10.2.0.140",
    "nat44 add address 10.2.0.1 del",                            # the interface's
    "nat44 add interface address {outside}",
    "nat44 add interface address {inside} del",
    "set interface nat44 in {spare} out {outside}",              # the second one is that already
    "set interface nat44 in {inside} in {spare} del",            # the second one is not
    "set interface nat44 in {spare} in {spare}",
    "nat44 add static mapping tcp local {host} 90 external 10.2.0.102 80",
    "nat44 add static mapping tcp local {host} 80 external 10.2.0.102 90",
    "nat44 add static mapping tcp local {host} 81 external 10.2.0.102 81 tag {{" + 70 * "x" + "}}",
    "nat44 add static mapping tcp local {host} 81 external 10.2.0.102",
    "nat44 add static mapping udp local {host} 80 external 10.2.0.102 80 del",
    "nat44 add identity mapping {host} tcp 80",
    "nat44 add static mapping tcp local {host} 81 external 10.2.0.102 81 exact 10.1.0.200",
    "nat44 add static mapping tcp local {host} 81 external 10.2.0.102 81 twice-nat self-twice-nat",
    "nat44 add address 10.1.0.200 del twice-nat",
    "nat44 plugin enable sessions 5",
    "set nat timeout udp 0",
    "set nat44 session limit 0",
    "nat mss-clamping 0",
]


@pytest.mark.parametrize("command", FAILING)
def test_what_fails_changes_nothing(switch, links, command):
    spare = "loop0" if "loop0" in switch.ctl("show interface") else switch.ctl("create loopback interface").strip()
    switch.ctl("nat44 add address 10.2.0.100 - 10.2.0.102")
    switch.ctl(f"nat44 add static mapping tcp local {HOST} 80 external 10.2.0.102 80")
    through(switch, links, udp())

    def state():
        routes = [line for line in switch.ctl("show ip fib").splitlines() if line[:1].isdigit()]
        features = [switch.ctl(f"show interface features {i}") for i in (*links, spare)]
        return nat_config(switch), switch.json("show nat44 addresses"), routes, features, ends(switch)
    before = state()
    assert switch.fails(command.format(inside=links[0], outside=links[1], spare=spare, host=HOST))
    assert state() == before


def test_mappings_are_saved(switch, links):
    commands = [f"nat44 add static mapping tcp local {HOST} 80 external {links[1]} 8080 tag {{a web server}}",
                f"nat44 add static mapping local {OTHER} external 10.2.0.77 vrf 5",
                f"nat44 add static mapping icmp local {HOST} 53 external 10.2.0.78 53 out2in-only",
                f"nat44 add identity mapping external {links[1]} udp 99",
                f"nat44 add static mapping udp local {HOST} 53 external 10.2.0.78 5353 self-twice-nat out2in-only",
                f"nat44 add static mapping udp local {HOST} 54 external 10.2.0.78 5454 twice-nat exact 10.1.0.201",
                "nat44 add identity mapping 10.1.0.9"]
    for command in commands:
        switch.ctl(command)
    switch.ctl("nat mss-clamping 1200")
    saved = nat_config(switch)
    assert saved[-7:] == commands and "nat mss-clamping 1200" in saved
    for command in commands:
        switch.ctl(command.replace(" tag {a web server}", "") + " del")
    assert nat_config(switch) == saved[:-7]
    for command in saved[-7:]:
        switch.ctl(command)
    assert nat_config(switch) == saved


def test_mss(switch, links):
    def mss(packet):
        return dict(packet[TCP].options).get("MSS")

    def syn(options, **kwargs):
        packet = tcp("S", **kwargs)
        packet[TCP].options = options
        return packet

    switch.ctl("nat mss-clamping 1200")
    assert switch.ctl("show nat mss-clamping") == "mss-clamping 1200\n"
    assert mss(through(switch, links, syn([("MSS", 1460)], sport=1))[0]) == 1200
    assert mss(through(switch, links, syn([("NOP", None), ("MSS", 1460), ("NOP", None)], sport=2))[0]) == 1200
    assert mss(through(switch, links, syn([("SAckOK", b""), ("MSS", 500)], sport=3))[0]) == 500
    assert mss(through(switch, links, syn([], sport=4))[0]) is None
    (out,) = through(switch, links, syn([(2, b"\x05\xb4\x00")], sport=5))  # no such option: left alone
    assert out.src == POOL
    switch.ctl("nat mss-clamping disable")
    assert switch.ctl("show nat mss-clamping") == "mss-clamping disabled\n"
    assert mss(through(switch, links, syn([("MSS", 1460)], sport=6))[0]) == 1460


# --- tables


def test_limit_of_a_table(switch, links):
    """What is not answered goes when there are too many of a table; others' stay."""
    inside = switch.pg(5)
    switch.ctl("ip table add 9")
    switch.ctl(f"set interface ip table {inside} 9")
    switch.ctl(f"set interface ip address {inside} 10.1.0.1/24")
    switch.ctl(f"set ip neighbor {inside} {HOST} {inside.host_mac}")
    switch.ctl(f"set interface nat44 in {inside}")
    switch.ctl("set nat44 session limit 3 vrf 9")
    assert "max translations per thread: 3 fib" in switch.ctl("show nat44 summary")
    assert "set nat44 session limit 3 vrf 9" in nat_config(switch)
    ways, ports = (inside, links[1]), range(2000, 2020)
    through(switch, links, udp(sport=1999))
    through(switch, ways, [udp(sport=port) for port in ports])
    assert 2 <= len(sessions(switch)) <= 1 + 3 * switch.workers
    assert (HOST, 1999) in {end[:2] for end in ends(switch)}
    assert switch.fails("set nat44 session limit 0 vrf 6").endswith("the table has no limit of its own")
    switch.ctl("set nat44 session limit 0 vrf 9")
    through(switch, ways, [udp(sport=port) for port in ports])
    assert len(sessions(switch)) == 21
    # of sessions that are answered none goes, and nobody new comes
    switch.ctl("set nat44 session limit 1 vrf 9")
    known = [s["o2i"]["port"] for s in sessions(switch) if s["i2o"]["port"] != 1999]
    through(switch, ways, [udp(SERVER, POOL, 53, port) for port in known], back=True)
    with errors(switch, "maximum sessions exceeded"):
        through(switch, ways, udp(sport=2000, dport=54), count=0)
    assert through(switch, links, udp(sport=1998))[0].src == POOL
    switch.ctl(f"set interface nat44 in {inside} del")
    switch.ctl(f"set interface ip address del {inside} 10.1.0.1/24")


def test_ways_between_tables(switch, links):
    """Hosts of table 0 go outside by table 10, too, while there is a route to that."""
    far, outside = "198.51.100.9", switch.pg(6)
    switch.ctl("ip table add 10")
    switch.ctl(f"set interface ip table {outside} 10")
    switch.ctl(f"set interface ip address {outside} 198.51.100.1/24")
    switch.ctl(f"set ip neighbor {outside} {far} {outside.host_mac}")
    switch.ctl(f"set interface nat44 out {outside}")
    switch.ctl("nat44 add address 198.51.100.70")
    ways = links[0], outside
    through(switch, ways, udp(dst=far), count=0)  # no route in table 0
    switch.ctl("nat44 vrf table add 0")
    switch.ctl("nat44 vrf table add 6")
    switch.ctl("nat44 vrf route add table 0 6")
    switch.ctl("nat44 vrf route add table 0 10")
    assert switch.ctl("show nat44 vrf tables") == "table 0:\n[0] vrf-id 6\n[1] vrf-id 10\ntable 6:\n"
    (out,) = through(switch, ways, udp(dst=far))
    assert (out.src, out.dst) == ("198.51.100.70", far)
    (back,) = through(switch, ways, udp(far, out.src, 53, out[UDP].sport), back=True)
    assert (back.src, back.dst, back[UDP].dport) == (far, HOST, 2000)
    assert through(switch, links, udp(sport=2001))[0].src == POOL  # its own table's
    assert nat_config(switch)[1:5] == ["nat44 vrf table add 0", "nat44 vrf route add table 0 6", "nat44 vrf route add table 0 10",
                                       "nat44 vrf table add 6"]
    for command, text in {"nat44 vrf table add 0": "VRF table already exist.", "nat44 vrf table del 9": "VRF table not exist.",
                          "nat44 vrf route add table 9 1": "VRF table not exist.",
                          "nat44 vrf route add table 0 10": "VRF route already exist.",
                          "nat44 vrf route del table 0 9": "VRF route not exist."}.items():
        assert switch.fails(command).endswith(text)
    switch.ctl("nat44 vrf route del table 0 10")
    through(switch, ways, udp(dst=far, sport=2002), count=0)
    switch.ctl("nat44 vrf table del 0")
    assert switch.ctl("show nat44 vrf tables") == "table 6:\n"
    switch.ctl(f"set interface nat44 out {outside} del")
    switch.ctl(f"set interface ip address del {outside} 198.51.100.1/24")


# --- load balancing

LB = "nat44 add load-balancing static mapping protocol tcp external 10.2.0.90:80"
BACKENDS = f"local {HOST}:8080 probability 60 local {OTHER}:8081 probability 40"


def backends_of(switch, links, clients, port=40000):
    """Where connections of each of these clients come to."""
    out = [through(switch, links, tcp("S", client, "10.2.0.90", port, 80), back=True)[0] for client in clients]
    assert {(p.dst, p[TCP].dport) for p in out} <= {(HOST, 8080), (OTHER, 8081), ("10.1.0.4", 8082)}
    return [p.dst for p in out]


def test_load_balancing(switch, links):
    switch.ctl(f"{LB} {BACKENDS}")
    assert (f" TCP external 10.2.0.90:80  \n  local {HOST}:8080 vrf 0 probability 60%\n"
            f"  local {OTHER}:8081 vrf 0 probability 40%\n") in switch.ctl("show nat44 static mappings").replace(",", "")
    clients = [f"192.0.2.{n}" for n in range(1, 61)]
    went = backends_of(switch, links, clients)
    assert set(went) == {HOST, OTHER}  # all of 60 by one of them: once in 10^13 runs
    client = clients[went.index(OTHER)]
    (answer,) = through(switch, links, tcp("SA", OTHER, client, 8081, 40000))
    assert (answer.src, answer.dst, answer[TCP].sport) == ("10.2.0.90", client, 80)
    assert backends_of(switch, links, clients) == went  # the same sessions
    assert all(s["load_balancing"] for s in sessions(switch))
    # what a back-end begins has that end outside
    (own,) = through(switch, links, tcp("S", HOST, SERVER, 8080, 99))
    assert (own.src, own[TCP].sport) == ("10.2.0.90", 80)
    with errors(switch, "non-SYN packet try to create session"):
        through(switch, links, tcp("A", SERVER, "10.2.0.90", 7, 80), back=True, count=0)


def test_back_ends_come_and_go(switch, links):
    backend = "nat44 add load-balancing back-end protocol tcp external 10.2.0.90:80 local"
    switch.ctl(f"{LB} {BACKENDS}")
    clients = [f"192.0.2.{n}" for n in range(1, 31)]
    went = backends_of(switch, links, clients)
    switch.ctl(f"{backend} 10.1.0.4:8082 probability 250")
    assert backends_of(switch, links, clients) == went  # sessions stay
    assert "10.1.0.4" in backends_of(switch, links, clients, 40001)
    switch.ctl(f"{backend} {HOST}:8080 probability 60 del")
    assert HOST not in {s["i2o"]["address"] for s in sessions(switch)}
    assert HOST not in backends_of(switch, links, clients, 40002)
    for command, text in {
            f"{backend} {OTHER}:8081 probability 40 del": "At least two back-ends must remain",
            f"{backend} {OTHER}:8081 probability 1": "Back-end already exist.",
            f"{backend} {HOST}:99 probability 0": "a back-end has a port, and a probability of at least 1",
            f"{LB} {BACKENDS}": "Mapping already exist.",
            f"{LB.replace(':80', ':81')} local {HOST}:1 probability 9": "at least two local must be set",
            f"{LB.replace(':80', ':81')} local {HOST}:1 probability 9 local {OTHER}:8081 probability 9": "Mapping already exist.",
            f"{LB.replace(':80', ':81')} {BACKENDS} del": "Mapping not exist."}.items():
        before = nat_config(switch), switch.ctl("show nat44 static mappings")
        assert switch.fails(command).endswith(text), command
        assert (nat_config(switch), switch.ctl("show nat44 static mappings")) == before
    saved = nat_config(switch)
    assert saved[-1] == f"{LB} local {OTHER}:8081 probability 40 local 10.1.0.4:8082 probability 250"
    switch.ctl(saved[-1] + " del")
    assert sessions(switch) == [] and saved[-1] not in nat_config(switch)
    with errors(switch, "no translation"):
        through(switch, links, tcp("S", SERVER, "10.2.0.90", 40003, 80), back=True, count=0)
    switch.ctl(saved[-1] + " twice-nat affinity 100 tag {a b}")
    assert nat_config(switch)[-1] == saved[-1] + " twice-nat affinity 100 tag {a b}"


def test_a_mapping_that_is_not_made_ends_no_session(switch, links):
    switch.ctl(f"nat44 add static mapping local {OTHER} external 10.2.0.90")
    through(switch, links, tcp("S", OTHER, SERVER, 8081, 99))
    before = ends(switch)
    assert len(before) == 1
    assert switch.fails(f"{LB} local {OTHER}:8081 probability 9 local {HOST}:1 probability 0").endswith("at least 1")
    assert ends(switch) == before


def test_affinity(switch, links):
    """A client comes to the same back-end while it has sessions, and for a while then."""
    switch.ctl(f"{LB} {BACKENDS} affinity 1000")
    clients = [f"192.0.2.{n}" for n in range(1, 21)]
    went = backends_of(switch, links, clients)
    assert backends_of(switch, links, clients, 40001) == went
    switch.ctl("clear nat44 ed sessions")
    switch.ctl("set clock adjust 600")
    assert backends_of(switch, links, clients, 40002) == went
    switch.ctl("clear nat44 ed sessions")

    def moved():  # when nobody is known any more it is a matter of chance
        switch.ctl("set clock adjust 2000")
        switch.ctl("clear nat44 ed sessions")
        return backends_of(switch, links, clients, 40003) != went
    wait_for(moved, "affinity to end")


# --- output-feature


@pytest.fixture
def output(switch, links):
    """pg1 translates what leaves by it; pg0 is nothing."""
    switch.ctl(f"set interface nat44 in {links[0]} out {links[1]} del")
    switch.ctl(f"set interface nat44 out {links[1]} output-feature")


def test_output_feature(switch, links, output):
    assert switch.ctl("show nat44 interfaces") == f"NAT44 interfaces:\n {links[1]} output-feature in out\n"
    assert f"set interface nat44 out {links[1]} output-feature" in nat_config(switch)
    (out,) = through(switch, links, udp())
    assert (out.src, out.dst, out.ttl, out[UDP].sport, out[UDP].dport) == (POOL, SERVER, 63, 2000, 53)
    (back,) = through(switch, links, udp(SERVER, POOL, 53, 2000), back=True)
    assert (back.src, back.dst, back.ttl, back[UDP].dport) == (SERVER, HOST, 63, 2000)
    (out,) = through(switch, links, echo(OTHER))
    assert (out.src, out[ICMP].id) == (POOL, 7)
    assert ends(switch) == [(HOST, 2000, POOL, 2000, SERVER, 53), (OTHER, 7, POOL, 7, SERVER, 7)]
    with errors(switch, "non-SYN packet try to create session"):
        through(switch, links, tcp("A"), count=0)
    with errors(switch, "no translation"):
        through(switch, links, udp(SERVER, HOST, 53, 2001), back=True, count=0)
    # the last hop is not spent in vain
    assert through(switch, links, udp(ttl=2))[0].ttl == 1
    unreachable = IP(src=SERVER, dst=POOL) / ICMP(type=3, code=3) / IP(bytes(udp(POOL)))
    (told,) = through(switch, links, unreachable, back=True)
    assert (told.dst, told[IPerror].src, told[UDPerror].sport) == (HOST, HOST, 2000)


def test_output_feature_of_mappings(switch, links, output):
    switch.ctl(f"nat44 add static mapping tcp local {HOST} 80 external 10.2.0.100 8080")
    switch.ctl(f"nat44 add identity mapping {OTHER}")
    (inward,) = through(switch, links, tcp("S", SERVER, "10.2.0.100", 999, 8080), back=True)
    assert (inward.dst, inward[TCP].dport) == (HOST, 80)
    (answer,) = through(switch, links, tcp("SA", HOST, SERVER, 80, 999))
    assert (answer.src, answer[TCP].sport) == ("10.2.0.100", 8080)
    assert through(switch, links, udp(OTHER))[0].src == OTHER


def test_output_feature_and_what_is_forwarded(switch, links, output):
    """What comes in untranslated is answered untranslated."""
    switch.ctl("nat44 forwarding enable")
    (inward,) = through(switch, links, tcp("S", SERVER, HOST, 999, 80), back=True)
    assert (inward.src, inward.dst) == (SERVER, HOST)
    (answer,) = through(switch, links, tcp("SA", HOST, SERVER, 80, 999))
    assert (answer.src, answer[TCP].sport) == (HOST, 80)
    assert sessions(switch)[0]["forwarding_bypass"] and "       forwarding-bypass\n" in switch.ctl("show nat44 sessions")
    (error,) = through(switch, (links[1], links[1]), udp(SERVER, HOST, 53, 2001, ttl=1))
    assert (error.src, error.dst, error[IPerror].dst) == (POOL, SERVER, HOST)
    (out,) = through(switch, links, udp(sport=4000))
    assert out.src == POOL


def test_output_feature_of_both(switch, links, output):
    """What was translated when it came in is left alone when it leaves."""
    switch.ctl(f"set interface nat44 in {links[0]} output-feature")
    switch.ctl(f"nat44 add static mapping tcp local {HOST} 80 external 10.2.0.100 8080")
    (inward,) = through(switch, links, tcp("S", SERVER, "10.2.0.100", 999, 8080), back=True)
    assert (inward.src, inward.dst, inward[TCP].dport) == (SERVER, HOST, 80)
    (answer,) = through(switch, links, tcp("SA", HOST, SERVER, 80, 999))
    assert (answer.src, answer[TCP].sport) == ("10.2.0.100", 8080)
    assert len(sessions(switch)) == 1
    switch.ctl(f"set interface nat44 in {links[0]} output-feature del")
    switch.ctl(f"set interface nat44 in {links[0]}")
    (out,) = through(switch, links, udp())
    assert (out.src, out[UDP].sport) == (POOL, 2000)
    for command in (f"set interface nat44 out {links[1]}", f"set interface nat44 out {links[1]} output-feature"):
        assert switch.fails(command).startswith("set interface nat44: add pg1 failed")


def test_output_feature_and_what_this_switch_says(switch, links, output):
    (reply,) = through(switch, (links[1], links[1]), echo(SERVER, POOL))
    assert (reply.src, reply.dst, reply[ICMP].type) == (POOL, SERVER, 0)
    assert sessions(switch) == []
    (error,) = through(switch, (links[0], links[0]), udp(ttl=1))
    assert (error.src, error.dst, error[ICMP].type, error[IPerror].src) == ("10.1.0.1", HOST, 11, HOST)


@pytest.mark.parametrize("order", ["as sent", "backwards"])
def test_output_feature_and_fragments(switch, links, output, order):
    data = Raw(bytes(range(256)) * 8)
    frames = ORDERS[order](pieces(IP(src=HOST, dst=SERVER, id=41) / UDP(sport=2000, dport=53) / data))
    whole = put_together(switch.exchange(links[0], [links[0].ether() / f for f in frames], links[1], count=len(frames)))
    assert (whole.src, whole[UDP].sport, bytes(whole)[28:]) == (POOL, 2000, bytes(data))
    frames = ORDERS[order](pieces(IP(src=SERVER, dst=POOL, id=42) / UDP(sport=53, dport=2000) / data))
    whole = put_together(switch.exchange(links[1], [links[1].ether() / f for f in frames], links[0], count=len(frames)))
    assert (whole.dst, whole[UDP].dport) == (HOST, 2000)


# --- fragments


def pieces(packet, size=512):
    return fragment(IP(bytes(packet)), size)


def put_together(fragments):
    """The datagram that these are, whose sums are right."""
    fragments = sorted((IP(bytes(f[IP])[:f[IP].len]) for f in fragments), key=lambda f: f.frag)
    for f in fragments:
        again = f.copy()
        del again[IP].chksum
        assert IP(bytes(again)).chksum == f.chksum
    whole = fragments[0].copy()
    whole.flags, whole.frag = 0, 0
    data = b"".join(bytes(f.payload) for f in fragments)
    del whole.chksum, whole.len
    return right(build(whole, data))


def build(header, data):
    header = header.copy()
    header.remove_payload()
    header.len, header.chksum = None, None
    return IP(bytes(header / Raw(data)))


ORDERS = {"as sent": lambda f: f, "backwards": lambda f: f[::-1], "the first one last": lambda f: f[1:] + f[:1]}


@pytest.mark.parametrize("order", ORDERS)
def test_fragments(switch, links, order):
    """In any order, and as many come out as go in."""
    data = Raw(bytes(range(256)) * 8)
    sent = [IP(src=HOST, dst=SERVER, id=1) / UDP(sport=2000, dport=53) / data,
            IP(src=OTHER, dst=SERVER, id=2) / UDP(sport=2000, dport=53) / data,
            IP(src=HOST, dst=SERVER, id=3) / ICMP(id=9) / data,
            IP(src=HOST, dst=SERVER, id=4) / GRE() / data]
    frames = [f for packet in sent for f in ORDERS[order](pieces(packet))]
    out = switch.exchange(links[0], [links[0].ether() / f for f in frames], links[1], count=len(frames))
    ports = {}
    for packet in sent:
        whole = put_together([p for p in out if p[IP].id == packet.id])
        assert (whole.src, whole.dst) == (POOL, SERVER)
        assert bytes(whole)[28:] == bytes(IP(bytes(packet)))[28:]
        if UDP in whole:
            ports[packet.src] = whole[UDP].sport
    assert len(set(ports.values())) == 2 and 2000 in ports.values()
    if order == "as sent" and switch.workers == 1:  # else whichever thread is first
        assert ports[HOST] == 2000
    back = IP(src=SERVER, dst=POOL, id=5) / UDP(sport=53, dport=ports[OTHER]) / data
    frames = ORDERS[order](pieces(back))
    out = switch.exchange(links[1], [links[1].ether() / f for f in frames], links[0], count=len(frames))
    whole = put_together(out)
    assert (whole.src, whole.dst, whole[UDP].dport) == (SERVER, OTHER, 2000)


def test_fragments_without_a_first_one(switch, links):
    """They wait, within bounds, and are given up."""
    rest = pieces(IP(src=HOST, dst=SERVER, id=77) / UDP(sport=2000, dport=53) / Raw(bytes(2000)))[1:]
    before = switch.buffers_used()
    switch.send(links[0], [links[0].ether() / f for f in rest])
    wait_for(lambda: switch.json("show ip4-sv-reassembly")["reassemblies"] >= 1, "the datagram to wait")
    assert sessions(switch) == []
    switch.ctl("set clock adjust 3")
    wait_for(lambda: switch.json("show ip4-sv-reassembly")["reassemblies"] == 0, "the datagram to be given up")
    wait_for(lambda: switch.buffers_used() <= before, "the buffers to come back")
    switch.send(links[0], [links[0].ether() / IP(src=HOST, dst=SERVER, id=n, frag=64, proto=17) / Raw(bytes(64))
                           for n in range(1200)])
    shown = switch.json("show ip4-sv-reassembly")
    assert shown["reassemblies"] <= shown["max_reassemblies"] * switch.workers
    assert through(switch, links, udp())[0].src == POOL
    switch.ctl("set clock adjust 3")
    wait_for(lambda: switch.json("show ip4-sv-reassembly")["buffers"] == 0, "all of them to be given up")


def test_fragments_that_lie(switch, links):
    """A first one without ports; one that would change TCP's (RFC 1858)."""
    tiny = IP(src=HOST, dst=SERVER, id=80, flags="MF", proto=6) / Raw(bytes(8))
    second = IP(src=HOST, dst=SERVER, id=80, frag=2, proto=6) / Raw(bytes(40))
    short = IP(src=HOST, dst=SERVER, id=81, flags="MF", proto=17) / Raw(bytes(4))
    reason = ("ip4-sv-reassembly-feature", "malformed packets")
    if switch.workers > 1:
        pytest.skip("they are counted where they are")
    with switch.counts({reason: 3}):
        through(switch, links, [tiny, second, short], count=0)
    assert sessions(switch) == []


def test_an_id_again(switch, links):
    """A datagram that was complete does not speak for the next one with its id."""
    before = switch.json("show ip4-sv-reassembly")["reassemblies"]
    for port in 2000, 3000:
        frames = pieces(IP(src=HOST, dst=SERVER, id=9) / UDP(sport=port, dport=53) / Raw(bytes(2000)))[::-1]
        out = switch.exchange(links[0], [links[0].ether() / f for f in frames], links[1], count=len(frames))
        assert put_together(out)[UDP].sport == port
    assert switch.json("show ip4-sv-reassembly")["reassemblies"] <= before


def test_an_address_outside_that_an_interface_loses(switch, links):
    """It is taken here as before, by a route of NAT44's own."""
    def is_taken():
        return "dpo-receive" in switch.ctl("show ip fib 10.2.9.9/32")

    switch.ctl("nat44 add address 10.2.9.9")
    assert is_taken()
    switch.ctl(f"set interface ip address {links[1]} 10.2.9.9/24")
    assert is_taken()
    switch.ctl(f"set interface ip address del {links[1]} 10.2.9.9/24")
    assert is_taken()
    switch.ctl("nat44 add address 10.2.9.9 del")
    assert not is_taken()

"""What RFC 4787 (UDP), RFC 5382 (TCP) and RFC 5508 (ICMP) require of a NAT, each by its number, of NAT44, endpoint-independent. What is said of
applications (4787 REQ-10, 5382 REQ-6) is met by none being looked into; addresses that are inside and outside (4787 REQ-7) take two tables: test_tables of
test_nat44.py."""
import pytest
from nat_lib import answered, through
from packet_lib import nat44
from scapy.layers.inet import ICMP, IP, IPerror, IPOption_NOP, TCP, TCPerror, UDP, UDPerror, fragment
from scapy.packet import Raw
from test_nat44 import HOST, OTHER, POOL, SECOND, SERVER, echo, put_together, tcp, two_sides, udp

CONFIG = "cpu { workers 1 }"  # which has all ports, so that each keeps its own
ROUTER = "192.0.2.1"  # outside


@pytest.fixture(scope="module")
def links(switch):
    return two_sides(switch, OTHER)


@pytest.fixture(autouse=True)
def nat(switch, links):
    with nat44(switch, *links, nat="nat44 ei"):
        yield


def sessions(switch):
    return [s for u in switch.json("show nat44 ei sessions detail")["users"] for s in u["sessions"]]


def hairpin(switch, links, packet):
    (got,) = through(switch, (links[0], links[0]), packet)
    return got


def left(switch):
    """Seconds that the one session has without packets."""
    (session,) = sessions(switch)
    return session["timeout_in"]


def nothing(switch, links, packets, back=False):
    """They bring about no packet on either side."""
    for sink in links:
        link = links[1] if back else links[0]
        assert switch.exchange(link, [link.ether() / p for p in packets], sink) == []


def opened(switch, links, sport=2000):
    """A connection that both sides have said yes to; its port outside."""
    (out,) = through(switch, links, tcp("S", sport=sport))
    through(switch, links, tcp("SA", SERVER, POOL, 80, out[TCP].sport), back=True)
    through(switch, links, tcp("A", sport=sport))
    return out[TCP].sport


# --- RFC 4787: UDP


def test_rfc4787_req1_a_port_is_the_same_whoever_it_talks_to(switch, links):
    outs = [through(switch, links, udp(dst=dst, dport=dport))[0] for dst in (SERVER, SECOND) for dport in (53, 99)]
    assert {(p.src, p[UDP].sport) for p in outs} == {(POOL, 2000)}


def test_rfc4787_req2_a_host_has_one_address(switch, links):
    switch.ctl("nat44 ei add address 10.2.0.100 - 10.2.0.103")
    packets = [make for n in range(20) for make in (udp(sport=3000 + n), tcp("S", sport=3000 + n), echo(number=n))]
    for host in HOST, OTHER:
        for p in packets:
            p.src = host
        assert len({p.src for p in through(switch, links, packets)}) == 1


def test_rfc4787_req3_nobody_shares_a_port(switch, links):
    """a, b: a well-known port becomes one, and no other does."""
    outs = through(switch, links, [udp(host, sport=port) for port in (500, 5000) for host in (HOST, OTHER)])
    ports = [p[UDP].sport for p in outs]
    assert len(set(ports)) == 4 and all(p < 1024 for p in ports[:2]) and all(p >= 1024 for p in ports[2:])


def test_rfc4787_req4_even_stays_even(switch, links):
    """Of each number the second host that wants it gets another one: even for even, odd for odd, well-known or not."""
    wanted = [n for n in range(900, 920)] + [n for n in range(5000, 5020)]
    through(switch, links, [udp(sport=port) for port in wanted])
    outs = through(switch, links, [udp(OTHER, sport=port) for port in wanted])
    assert [p[UDP].sport % 2 for p in outs] == [port % 2 for port in wanted]
    assert all(p[UDP].sport != port for p, port in zip(outs, wanted))


def test_rfc4787_req4_an_odd_one_is_better_than_none(switch, links):
    switch.ctl("nat44 ei addr-port-assignment-alg port-range 6000 - 6003")
    outs = through(switch, links, [udp(sport=2000), udp(sport=2002), udp(sport=2004), udp(sport=2006)])
    ports = [p[UDP].sport for p in outs]
    assert sorted(ports[:2]) == [6000, 6002] and sorted(ports[2:]) == [6001, 6003]


def test_rfc4787_req5_how_long_a_mapping_lives(switch, links):
    """At least two minutes; c: five by default; b: as one likes."""
    through(switch, links, udp())
    assert 120 < left(switch) <= 300
    switch.ctl("set nat44 ei timeout udp 150")
    assert left(switch) <= 150


def test_rfc4787_req6_packets_from_inside_keep_it(switch, links):
    through(switch, links, udp())
    switch.ctl("set clock adjust 250")
    through(switch, links, udp())
    assert left(switch) > 290
    switch.ctl("set clock adjust 250")
    assert through(switch, links, udp(SERVER, POOL, 53, 2000), back=True)[0].dst == HOST


def test_rfc4787_req8_anybody_may_answer(switch, links):
    through(switch, links, udp())
    for host, port in ((SERVER, 54), (SECOND, 53), (ROUTER, 9)):
        (back,) = through(switch, links, udp(host, POOL, port, 2000), back=True)
        assert (back.src, back[UDP].sport, back.dst, back[UDP].dport) == (host, port, HOST, 2000)


def test_rfc4787_req9_hosts_inside_meet_outside(switch, links):
    """a: they see the address and the port outside."""
    through(switch, links, [udp(), udp(OTHER, sport=3000)])
    got = hairpin(switch, links, udp(HOST, POOL, 2000, 3000))
    assert (got.src, got[UDP].sport, got.dst, got[UDP].dport) == (POOL, 2000, OTHER, 3000)


def test_rfc4787_req11_it_does_not_change_its_mind(switch, links):
    """A host that wants the port of another one changes nothing for that, and both keep what they have."""
    mine, its = (through(switch, links, udp(host))[0][UDP].sport for host in (HOST, OTHER))
    assert mine != its
    for dst in SECOND, ROUTER:
        assert [through(switch, links, udp(host, dst))[0][UDP].sport for host in (HOST, OTHER)] == [mine, its]


def test_rfc4787_req12_an_error_ends_no_mapping(switch, links):
    """a: whoever speaks of it."""
    (sent,) = through(switch, links, udp())
    for code in range(5):
        for router in SERVER, ROUTER:
            through(switch, links, IP(src=router, dst=POOL) / ICMP(type=3, code=code) / IP(bytes(sent)), back=True)
    assert through(switch, links, udp(SERVER, POOL, 53, 2000), back=True)[0].dst == HOST


def test_rfc4787_req13_too_long(switch, links):
    """Who forbids to cut it is told; a: else it is cut."""
    large = udp() / Raw(bytes(1000))
    switch.ctl(f"set interface mtu packet 600 {links[1]}")
    try:
        whole = put_together(through(switch, links, large, count=2))
        assert (whole.src, whole[UDP].sport) == (POOL, 2000)
        large.flags = "DF"
        error = answered(switch, links[0], large)
        assert (error[ICMP].type, error[ICMP].code, error[ICMP].nexthopmtu, error.dst) == (3, 4, 600, HOST)
    finally:
        switch.ctl(f"set interface mtu packet 9000 {links[1]}")


@pytest.mark.parametrize("backwards", [False, True])
def test_rfc4787_req14_fragments_in_any_order(switch, links, backwards):
    """a: what is kept of them is bounded: test_nat44.py."""
    through(switch, links, udp())
    pieces = fragment(udp(SERVER, POOL, 53, 2000, id=5) / Raw(bytes(2000)), 800)
    whole = put_together(through(switch, links, pieces[::-1] if backwards else pieces, back=True))
    assert (whole.dst, whole[UDP].dport) == (HOST, 2000)


# --- RFC 5382: TCP


def test_rfc5382_req1_a_port_is_the_same_whoever_it_talks_to(switch, links):
    outs = [through(switch, links, tcp("S", dst=dst, dport=dport))[0] for dst in (SERVER, SECOND) for dport in (80, 99)]
    assert {(p.src, p[TCP].sport) for p in outs} == {(POOL, 2000)}


def test_rfc5382_req2_both_open_at_once(switch, links):
    through(switch, links, tcp("S"))
    (back,) = through(switch, links, tcp("S", SERVER, POOL, 80, 2000), back=True)
    assert (back.dst, str(back[TCP].flags)) == (HOST, "S")
    through(switch, links, tcp("SA"))
    through(switch, links, tcp("SA", SERVER, POOL, 80, 2000), back=True)
    assert left(switch) > 240


def test_rfc5382_req3_anybody_may_answer(switch, links):
    through(switch, links, tcp("S"))
    (back,) = through(switch, links, tcp("S", SECOND, POOL, 99, 2000), back=True)
    assert (back.src, back.dst, back[TCP].dport) == (SECOND, HOST, 2000)


def test_rfc5382_req4_who_is_not_asked_for_is_not_answered(switch, links):
    """A connection that begins outside first is not refused, so that it can still begin inside, too."""
    nothing(switch, links, [tcp("S", SERVER, POOL, 80, 2000)], back=True)
    through(switch, links, tcp("S"))
    assert through(switch, links, tcp("S", SERVER, POOL, 80, 2000), back=True)[0].dst == HOST


def test_rfc5382_req5_how_long_a_connection_lives(switch, links):
    """Two hours and four minutes, four minutes before it is open and when it is done."""
    through(switch, links, tcp("S"))
    assert 235 < left(switch) <= 240
    through(switch, links, tcp("SA", SERVER, POOL, 80, 2000), back=True)
    through(switch, links, tcp("A"))
    assert 7435 < left(switch) <= 7440
    through(switch, links, tcp("FA"))
    assert left(switch) > 240  # half closed: the other side may go on
    through(switch, links, tcp("FA", SERVER, POOL, 80, 2000), back=True)
    assert 235 < left(switch) <= 240
    switch.ctl("set nat44 ei timeout tcp-established 9000 tcp-transitory 300")
    assert 240 < left(switch) <= 300


def test_rfc5382_req7_nobody_shares_a_port(switch, links):
    outs = through(switch, links, [tcp("S", host) for host in (HOST, OTHER)])
    assert len({p[TCP].sport for p in outs}) == 2


def test_rfc5382_req8_hosts_inside_meet_outside(switch, links):
    through(switch, links, tcp("S", OTHER, sport=3000))
    got = hairpin(switch, links, tcp("S", HOST, POOL, 4000, 3000))
    assert (got.src, got[TCP].sport, got.dst, got[TCP].dport) == (POOL, 4000, OTHER, 3000)
    got = hairpin(switch, links, tcp("SA", OTHER, POOL, 3000, 4000))
    assert (got.src, got[TCP].sport, got.dst, got[TCP].dport) == (POOL, 3000, HOST, 4000)


def test_rfc5382_req9_errors_are_translated(switch, links):
    (sent,) = through(switch, links, tcp("S"))
    for code in range(6):
        (error,) = through(switch, links, IP(src=ROUTER, dst=POOL) / ICMP(type=3, code=code) / IP(bytes(sent)), back=True)
        assert (error.dst, error[ICMP].code, error[IPerror].src, error[TCPerror].sport) == (HOST, code, HOST, 2000)


def test_rfc5382_req10_an_error_ends_no_connection(switch, links):
    port = opened(switch, links)
    (sent,) = through(switch, links, tcp("A"))
    before = left(switch)
    for code in range(5):
        through(switch, links, IP(src=SERVER, dst=POOL) / ICMP(type=3, code=code) / IP(bytes(sent)), back=True)
    assert left(switch) > before - 60
    assert through(switch, links, tcp("A", SERVER, POOL, 80, port), back=True)[0].dst == HOST


# --- RFC 5508: ICMP


def test_rfc5508_req1_queries(switch, links):
    """Of two hosts that have the same identifier each gets its own answers."""
    outs = [through(switch, links, echo(host))[0] for host in (HOST, OTHER)]
    assert len({p[ICMP].id for p in outs}) == 2
    backs = through(switch, links, [echo(SERVER, POOL, p[ICMP].id, "echo-reply") for p in outs], back=True)
    assert [(p.dst, p[ICMP].id) for p in backs] == [(HOST, 7), (OTHER, 7)]


def test_rfc5508_req2_how_long_a_query_lives(switch, links):
    """A minute at least; a: as one likes."""
    through(switch, links, echo())
    assert 55 < left(switch) <= 60
    switch.ctl("set nat44 ei timeout icmp 90")
    assert 60 < left(switch) <= 90


def test_rfc5508_req3_errors_that_were_damaged(switch, links):
    """By their own sum, or a: by that of the header that they quote; b: a quoted header with options is no damage."""
    (sent,) = through(switch, links, udp())
    good = IP(bytes(IP(src=ROUTER, dst=POOL) / ICMP(type=3, code=1) / IP(bytes(sent))))
    broken = good.copy()
    broken[ICMP].chksum ^= 1
    inner = IP(bytes(sent))
    inner.chksum ^= 1
    nothing(switch, links, [broken, IP(src=ROUTER, dst=POOL) / ICMP(type=3, code=1) / inner], back=True)
    (sent,) = through(switch, links, udp(options=[IPOption_NOP()] * 4))
    (error,) = through(switch, links, IP(src=ROUTER, dst=POOL) / ICMP(type=3, code=1) / IP(bytes(sent)), back=True)
    assert (error.dst, error[IPerror].src, error[IPerror].ihl) == (HOST, HOST, 6)


def test_rfc5508_req4_errors_from_outside(switch, links):
    """a: about nothing: nobody hears of them; b: about a session: its host, in its own words."""
    about = IP(src=POOL, dst=SERVER) / UDP(sport=2000, dport=53) / Raw(b"hallo")
    nothing(switch, links, [IP(src=ROUTER, dst=POOL) / ICMP(type=3, code=1) / about], back=True)
    through(switch, links, udp())
    (error,) = through(switch, links, IP(src=ROUTER, dst=POOL) / ICMP(type=11, code=0) / about, back=True)
    assert (error.src, error.dst, error[ICMP].type, error[ICMP].code) == (ROUTER, HOST, 11, 0)
    assert (error[IPerror].src, error[IPerror].dst, error[UDPerror].sport) == (HOST, SERVER, 2000)


def test_rfc5508_req5_errors_from_inside(switch, links):
    """a: about nothing: nobody hears of them; b, c: about a session: with what outside knows, by whoever they are said."""
    about = IP(src=SERVER, dst=HOST) / UDP(sport=53, dport=2000) / Raw(b"hallo")
    nothing(switch, links, [IP(src=HOST, dst=SERVER) / ICMP(type=3, code=3) / about])
    through(switch, links, udp())
    for speaker in HOST, "10.1.0.77":
        (error,) = through(switch, links, IP(src=speaker, dst=SERVER) / ICMP(type=3, code=3) / about)
        assert (error.src, error.dst, error[IPerror].dst, error[UDPerror].dport) == (POOL, SERVER, POOL, 2000)


def test_rfc5508_req6_an_error_keeps_no_session(switch, links):
    (sent,) = through(switch, links, udp())
    switch.ctl("set clock adjust 100")
    before = left(switch)
    for link, packet in ((True, IP(src=ROUTER, dst=POOL) / ICMP(type=3, code=1) / IP(bytes(sent))),
                         (False, IP(src=HOST, dst=SERVER) / ICMP(type=3, code=3) / IP(src=SERVER, dst=HOST) / UDP(sport=53, dport=2000) / Raw(b"x" * 8))):
        through(switch, links, packet, back=link)
    assert len(sessions(switch)) == 1 and left(switch) <= before


def test_rfc5508_req7_errors_of_a_hairpin(switch, links):
    through(switch, links, udp(OTHER, sport=3000))
    got = hairpin(switch, links, udp(HOST, POOL, 4000, 3000))
    error = hairpin(switch, links, IP(src=OTHER, dst=POOL) / ICMP(type=3, code=3) / IP(bytes(got)))
    assert (error.src, error.dst, error[IPerror].src, error[IPerror].dst) == (POOL, HOST, HOST, POOL)
    assert (error[UDPerror].sport, error[UDPerror].dport) == (4000, 3000)


@pytest.mark.parametrize("output", [False, True])
@pytest.mark.parametrize("short", ["ports", "sessions", "addresses"])
def test_rfc5508_req8_who_can_have_no_session_is_told(switch, links, short, output):
    """Of whatever there is none left."""
    if output:
        switch.ctl(f"set interface nat44 ei in {links[0]} out {links[1]} del")
        switch.ctl(f"set interface nat44 ei out {links[1]} output-feature")
    if short == "ports":
        switch.ctl("nat44 ei addr-port-assignment-alg port-range 6000 - 6001")
        through(switch, links, [make for n in (1, 2) for make in (udp(sport=n), tcp("S", sport=n), echo(number=n))])
    elif short == "addresses":
        switch.ctl(f"nat44 ei add interface address {links[1]} del")
    else:
        switch.ctl("nat44 ei plugin disable")
        switch.ctl("nat44 ei plugin enable sessions 1000 users 1")
        switch.ctl(f"nat44 ei add interface address {links[1]}")
        switch.ctl(f"set interface nat44 ei out {links[1]} output-feature" if output else
                   f"set interface nat44 ei in {links[0]} out {links[1]}")
        through(switch, links, udp())
    for packet in udp(OTHER), tcp("S", OTHER), echo(OTHER):
        error = answered(switch, links[0], packet)
        assert (error[ICMP].type, error[ICMP].code, error.dst) == (3, 13, OTHER)
        assert (error[IPerror].src, error[IPerror].dst) == (OTHER, SERVER)


def test_rfc5508_req8_no_session_for_a_hairpin(switch, links):
    """It is translated for its host inside by then: nothing is said of what its sender has not sent, least of all that host's address."""
    switch.ctl("nat44 ei addr-port-assignment-alg port-range 6000 - 6001")
    outs = through(switch, links, [udp(OTHER, sport=n) for n in (1, 2)])
    before = switch.errors()
    nothing(switch, links, [udp(HOST, POOL, 4000, outs[0][UDP].sport)])
    key = ("nat44-ei-in2out-slowpath", "out of ports")
    assert switch.errors()[key] - before.get(key, 0) == 2


@pytest.mark.parametrize("kind", ["too long", "hops"])
def test_rfc5508_req10_errors_of_the_nat_itself(switch, links, kind):
    """Speak of packets as their sender knows them."""
    packet = udp(flags="DF", ttl=1 if kind == "hops" else 64) / Raw(bytes(1000))
    switch.ctl(f"set interface mtu packet 600 {links[1]}")
    try:
        error = answered(switch, links[0], packet)
    finally:
        switch.ctl(f"set interface mtu packet 9000 {links[1]}")
    assert (error[ICMP].type, error[ICMP].code) == ((11, 0) if kind == "hops" else (3, 4))
    assert (error.dst, error[IPerror].src, error[UDPerror].sport) == (HOST, HOST, 2000)

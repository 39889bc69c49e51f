"""NAT44, endpoint-independent, on several data threads: a host inside is one's, and so are the ports that it gets outside."""
import pytest
from nat_lib import through
from packet_lib import nat44, wait_for
from scapy.layers.inet import ICMP, IP, IPerror, TCP, UDP, UDPerror
from scapy.packet import Raw
from test_nat44 import POOL, SECOND, SERVER, echo, tcp, two_sides, udp

CONFIG = "cpu { workers 3 }"
HOSTS = [f"10.1.0.{n}" for n in range(2, 14)]


@pytest.fixture(scope="module")
def links(switch):
    return two_sides(switch, *HOSTS[1:])


@pytest.fixture(autouse=True)
def nat(switch, links):
    with nat44(switch, *links, nat="nat44 ei"):
        yield
        switch.ctl("set nat44 ei workers 0-2")


def begin(switch, links):
    """{host: its port outside}, of port 2000 of each."""
    outs = {}
    for host in HOSTS:
        (out,) = through(switch, links, udp(host))
        assert out.src == POOL
        outs[host] = out[UDP].sport
    assert len(set(outs.values())) == len(HOSTS)
    return outs


def threads(switch):
    """Those that have sessions."""
    return [int(line.split()[2]) for line in switch.ctl("show nat44 ei sessions").splitlines()
            if line.startswith("--------") and " 0 sessions" not in line]


def inside_exchange(switch, links, packet):
    (got,) = through(switch, (links[0], links[0]), packet)
    return got


def test_there_and_back(switch, links):
    ports = begin(switch, links)
    assert threads(switch) == [1, 2, 3]
    for host, port in ports.items():
        assert through(switch, links, udp(host, SECOND, dport=9))[0][UDP].sport == port
        (back,) = through(switch, links, udp(SECOND, POOL, 77, port), back=True)
        assert (back.dst, back[UDP].dport) == (host, 2000)
        quoted = IP(src=POOL, dst=SECOND) / UDP(sport=port, dport=9) / Raw(b"x" * 8)
        (error,) = through(switch, links, IP(src="192.0.2.1", dst=POOL) / ICMP(type=3) / quoted, back=True)
        assert (error.dst, error[IPerror].src, error[UDPerror].sport) == (host, host, 2000)
        (ping,) = through(switch, links, echo(host))
        (reply,) = through(switch, links, echo(SERVER, POOL, ping[ICMP].id, "echo-reply"), back=True)
        assert (reply.dst, reply[ICMP].id) == (host, 7)


def test_hairpins(switch, links):
    """Each calls the next one, whose thread is another one now and then."""
    ports = begin(switch, links)
    for host, other in zip(HOSTS, HOSTS[1:] + HOSTS[:1]):
        got = inside_exchange(switch, links, udp(host, POOL, 2000, ports[other]))
        assert (got.src, got[UDP].sport, got.dst, got[UDP].dport) == (POOL, ports[host], other, 2000)
        error = inside_exchange(switch, links, IP(src=other, dst=POOL) / ICMP(type=3, code=3) / IP(bytes(got)))
        assert (error.src, error.dst, error[UDPerror].sport, error[UDPerror].dport) == (POOL, host, 2000, ports[other])
    assert inside_exchange(switch, links, echo(HOSTS[0], POOL)).src == POOL  # this switch


def test_mappings(switch, links):
    for n, host in enumerate(HOSTS):
        switch.ctl(f"nat44 ei add static mapping tcp local {host} 80 external {POOL} {8000 + n}")
        switch.ctl(f"nat44 ei add static mapping local {host} external 10.2.0.{100 + n}")
    for n, host in enumerate(HOSTS):
        (into,) = through(switch, links, tcp("S", SERVER, POOL, 5, 8000 + n), back=True)
        assert (into.dst, into[TCP].dport) == (host, 80)
        (answer,) = through(switch, links, tcp("SA", host, SERVER, 80, 5))
        assert (answer.src, answer[TCP].sport) == (POOL, 8000 + n)
        (into,) = through(switch, links, udp(SERVER, f"10.2.0.{100 + n}", 5, 53), back=True)
        assert (into.dst, into[UDP].dport) == (host, 53)
        (answer,) = through(switch, links, udp(host, SERVER, 53, 5))
        assert (answer.src, answer[UDP].sport) == (f"10.2.0.{100 + n}", 53)


def test_a_user_has_so_many_sessions(switch, links):
    """Whatever their ports are: all of them are one thread's."""
    switch.ctl("nat44 ei plugin disable")
    switch.ctl("nat44 ei plugin enable user-sessions 5")
    switch.ctl(f"nat44 ei add interface address {links[1]}")
    switch.ctl(f"set interface nat44 ei in {links[0]} out {links[1]}")
    for host in HOSTS[:4]:
        through(switch, links, [udp(host, sport=3000 + n) for n in range(30)])
    assert [(u["dynamic"], u["static"]) for u in switch.json("show nat44 ei sessions")["users"]] == [(5, 0)] * 4


@pytest.mark.parametrize("alg", ["port-range 40000 - 40119", "map-e psid 9 psid-offset 4 psid-len 9"])
def test_which_ports(switch, links, alg):
    """Each thread gives those of them that are its own; they are all that there are."""
    switch.ctl(f"nat44 ei addr-port-assignment-alg {alg}")
    allowed = set(range(40000, 40120)) if "range" in alg else {a << 12 | 9 << 3 | j for a in range(1, 16) for j in range(8)}
    ports = {}
    for host in HOSTS:
        for out in through(switch, links, [udp(host, sport=2000 + n) for n in range(4)]):
            ports[out[UDP].sport] = host
    assert len(ports) == 4 * len(HOSTS) and set(ports) <= allowed
    for port, host in ports.items():
        assert through(switch, links, udp(SECOND, POOL, 77, port), back=True)[0].dst == host
    for host in HOSTS:
        switch.send(links[0], [links[0].ether() / udp(host, sport=3000 + n) for n in range(120)])

    def used():
        return [s["o2i"]["port"] for u in switch.json("show nat44 ei sessions detail")["users"] for s in u["sessions"]]
    wait_for(lambda: sorted(used()) == sorted(allowed), "all ports are taken")


def test_an_output_interface(switch, links):
    switch.ctl(f"set interface nat44 ei in {links[0]} out {links[1]} del")
    switch.ctl(f"set interface nat44 ei out {links[1]} output-feature")
    for host, port in begin(switch, links).items():
        (back,) = through(switch, links, udp(SECOND, POOL, 77, port), back=True)
        assert (back.dst, back[UDP].dport) == (host, 2000)
    switch.ctl("nat44 ei forwarding enable")
    for host in HOSTS:
        assert through(switch, links, udp(SERVER, host, 53, 4000), back=True)[0].dst == host
        (answer,) = through(switch, links, udp(host, SERVER, 4000, 53))
        assert (answer.src, answer[UDP].sport) == (host, 4000)


def test_some_workers(switch, links):
    assert switch.ctl("show nat44 ei workers") == "3 workers\n  vpp_wk_0\n  vpp_wk_1\n  vpp_wk_2\n"
    switch.ctl("set nat44 ei workers 0,2")
    assert "set nat44 ei workers 0,2" in switch.running_config()
    for host, port in begin(switch, links).items():
        assert through(switch, links, udp(SECOND, POOL, 77, port), back=True)[0].dst == host
    assert threads(switch) == [1, 3]

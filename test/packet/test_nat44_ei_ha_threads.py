"""High availability of NAT44, endpoint-independent, between switches that have not as many data threads."""
import packet_lib
import pytest
from conftest import run
from nat_lib import through
from packet_lib import wait_for
from scapy.layers.inet import TCP, UDP
from test_nat44 import POOL, SECOND, tcp, udp
from test_nat44_ei_ha import all_sessions, ends, nats, pair, same, shown, sides  # noqa: F401  pylint: disable=unused-import
from test_nat44_ei_workers import HOSTS

CONFIG = "cpu { workers 4 }"


@pytest.fixture(scope="module")
def other(build, request):
    yield from run(packet_lib.Switch(build, config="cpu { workers 2 }"), request)


@pytest.mark.parametrize("workers", ["0-1", "1"])
def test_fewer_threads(switch, other, sides, workers):  # noqa: F811
    """Of the other's each has what some whole ones had."""
    for daemon, links in ((switch, sides[0]), (other, sides[1])):
        for host in HOSTS[2:]:
            daemon.ctl(f"set ip neighbor {links[0]} {host} {links[0].host_mac}")
    other.ctl(f"set nat44 ei workers {workers}")
    pair(switch, other)
    ports = {}
    for host in HOSTS:
        ports[host] = [through(switch, sides[0], packet)[0][1].sport for packet in (udp(host), tcp("S", host))]
    same(switch, other)
    assert len(all_sessions(other)) == 2 * len(HOSTS) and not shown(other)["refused"]
    for host, (port, tcp_port) in ports.items():
        (back,) = through(other, sides[1], udp(SECOND, POOL, 77, port), back=True)
        assert (back.dst, back[UDP].dport) == (host, 2000)
        assert through(other, sides[1], udp(host))[0][UDP].sport == port
        assert through(other, sides[1], tcp("S", host))[0][TCP].sport == tcp_port
    other.ctl("set nat44 ei workers 0-1")


def test_threads_that_do_not_fit(switch, other, sides):  # noqa: F811
    """What they share out otherwise is refused, each by itself, and counted."""
    for host in HOSTS[2:]:
        switch.ctl(f"set ip neighbor {sides[0][0]} {host} {sides[0][0].host_mac}")
    switch.ctl("set nat44 ei workers 0-2")
    try:
        pair(switch, other)
        before = shown(other)["refused"]
        for host in HOSTS:
            through(switch, sides[0], [udp(host, sport=port) for port in range(3000, 3008)])
        wait_for(lambda: shown(other)["refused"] - before + len(all_sessions(other)) == 8 * len(HOSTS), "all to be taken or refused", 20)
        assert shown(other)["refused"] > before and set(ends(other)) <= set(ends(switch)) and all_sessions(other)
    finally:
        switch.ctl("set nat44 ei workers 0-3")

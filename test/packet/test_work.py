"""What a change leaves to be done is done when its command is answered, in rounds between which others were served."""
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

CONFIG = "cpu { workers 1 }"
MACS, ROUTES, NEIGHBOURS = 60000, 20000, 20000


@pytest.fixture(scope="module")
def ports(switch):
    return [switch.pg(i, f"10.{i}.0.1/24") for i in range(3)]


class Work:
    """Rounds with work since the start of a command."""

    def __init__(self, switch):
        self.switch = switch
        switch.ctl("clear event-loop")

    def rounds(self):
        return self.switch.json("show event-loop")["work_rounds"]


def macs(switch):
    return switch.json("show l2fib")["total"]


def number_of(switch, interface):
    return switch.json(f"show interface {interface}")["interfaces"][0]["sw_if_index"]


def fill(switch, interface, domain):
    switch.ctl(f"test l2fib add mac 02:aa:00:00:00:00 count {MACS} bridge-domain {domain} interface {interface}")
    assert macs(switch) == MACS


def test_macs_go_with_their_port(switch):
    """And a port that has its number has none of them."""
    for _ in range(2):
        switch.configure("create packet-generator interface pg7\nset interface l2 bridge pg7 7")
        index = number_of(switch, "pg7")
        fill(switch, "pg7", 7)
        work = Work(switch)
        switch.ctl("delete packet-generator interface pg7")
        assert macs(switch) == 0
        assert work.rounds()
        switch.ctl("create packet-generator interface pg7")
        assert number_of(switch, "pg7") == index
        switch.configure("delete packet-generator interface pg7\ncreate bridge-domain 7 del")


def test_macs_go_with_their_domain(switch, ports):
    switch.ctl("create bridge-domain 8")
    fill(switch, ports[2], 8)
    work = Work(switch)
    switch.ctl("create bridge-domain 8 del")
    assert macs(switch) == 0
    assert work.rounds()
    switch.configure("create bridge-domain 8\nset interface l2 bridge pg2 8\ncreate bridge-domain 9")
    assert macs(switch) == 0
    switch.configure("set interface l3 pg2\ncreate bridge-domain 8 del\ncreate bridge-domain 9 del")


def test_routes_follow_their_interface(switch, ports):
    """The last of many leads out when the command is answered."""
    switch.ctl(f"set ip neighbor {ports[1]} 10.1.0.9 02:00:00:00:00:01 static")
    switch.ctl(f"ip route add count {ROUTES} 20.0.0.0/32 via 10.1.0.9 {ports[1]}")
    last = f"20.0.{ROUTES - 1 >> 8}.{ROUTES - 1 & 255}"
    packet = Ether(dst=ports[0].mac, src="02:00:00:00:00:99") / IP(src="10.0.0.9", dst=last) / UDP()
    for state, leave in (("up", 0), ("down", 0), ("up", 1)):
        work = Work(switch)
        switch.ctl(f"set interface state {ports[1]} {state}")
        assert bool(work.rounds()) == (state == "down" or leave == 1)
        assert not leave or len(switch.exchange(ports[0], packet, ports[1])) == 1
    switch.ctl(f"ip route del count {ROUTES} 20.0.0.0/32")


def neighbours(switch):
    """Those on pg7."""
    return sum(x["interface"] == "pg7" for x in switch.json("show ip neighbors")["neighbors"])


def link(switch, family):
    """A new interface, pg7, with very many neighbours."""
    address, first = {4: ("10.7.0.1/16", "10.7.0.2"), 6: ("2001:db8:7::1/64", "2001:db8:7::2")}[family]
    pg = switch.pg(7, address, neighbor=False)
    switch.ctl(f"set ip neighbor pg7 {first} 02:00:00:00:00:77 count {NEIGHBOURS}")
    assert neighbours(switch) == NEIGHBOURS
    return pg


@pytest.mark.parametrize("family", [4, 6])
def test_neighbours_go_with_their_interface(switch, family):
    """And an interface that has its number has none of them."""
    numbers = set()
    for _ in range(2):
        link(switch, family)
        numbers.add(number_of(switch, "pg7"))
        work = Work(switch)
        switch.ctl("delete packet-generator interface pg7")
        assert neighbours(switch) == 0 and "DELETED" not in switch.ctl("show ip neighbors")
        assert work.rounds()
    assert len(numbers) == 1


@pytest.mark.parametrize("what", ["ip neighbor flush", "ip neighbor flush pg7", "set interface state pg7 down",
                                  "set interface ip address del pg7 10.7.0.1/16"])
def test_learnt_neighbours_go_in_pieces(switch, ports, what):
    """No packet leaves to one of them when the command is answered."""
    pg = link(switch, 4)
    last = f"10.7.{NEIGHBOURS + 1 >> 8}.{NEIGHBOURS + 1 & 255}"
    packet = Ether(dst=ports[0].mac, src="02:00:00:00:00:99") / IP(src="10.0.0.9", dst=last) / UDP()
    assert [x.dst for x in switch.exchange(ports[0], packet, pg, count=1)] == ["02:00:00:00:00:77"]
    work = Work(switch)
    switch.ctl(what)
    assert work.rounds()
    assert neighbours(switch) == 0
    assert not [x for x in switch.exchange(ports[0], packet, pg) if UDP in x]
    switch.ctl("delete packet-generator interface pg7")


def test_neighbours_follow_to_another_table(switch):
    link(switch, 4)
    switch.configure("set ip neighbor pg7 10.7.0.2 02:00:00:00:00:77 static count 20000\n"
                     "set interface ip address del pg7 10.7.0.1/16\nip table add 7")
    work = Work(switch)
    switch.ctl("set interface ip table pg7 7")
    assert work.rounds()
    assert neighbours(switch) == NEIGHBOURS
    switch.configure("set interface ip address pg7 10.7.0.1/16\nip table del 7")
    assert "10.7.0.2/32" in switch.ctl("show ip fib table 7 10.7.0.2/32")
    assert "10.7.0.2/32" not in switch.ctl("show ip fib table 0 10.7.0.2/32")
    work = Work(switch)
    switch.ctl("delete packet-generator interface pg7")
    assert work.rounds()
    assert "DELETED" not in switch.ctl("show ip neighbors")
    assert "ipv4-VRF:7" not in switch.ctl("show ip fib")

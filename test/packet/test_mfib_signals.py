"""Signals of multicast routes: which packets make one, what a client gets, and that one waits for each interface."""
import ipaddress

import pytest
from packet_lib import wait_for
from piste import Api
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

GROUP = {"ip4": "239.1.7.{}", "ip6": "ff0e::7:{}"}
STRANGER = {"ip4": "192.0.2.7", "ip6": "2001:db8:77::7"}
SIGNAL_PRESENT = 8
ALL = 256


@pytest.fixture(scope="module")
def net(switch):
    pgs = [switch.pg(i, f"10.0.{i}.1/24") for i in range(3)]
    for i, pg in enumerate(pgs):
        switch.ctl(f"set interface ip address {pg} 2001:db8:{i}::1/64")
        pg.source = {"ip4": f"10.0.{i}.2", "ip6": f"2001:db8:{i}::2"}
    return pgs


@pytest.fixture(scope="module")
def api(switch, build):
    client = Api(switch.folder + "/api.sock", folder=f"{build}/api:{build}/plugins")
    yield client
    client.close()


@pytest.fixture(params=["ip4", "ip6"])
def family(request):
    return request.param


def packet(pg, group, source=None, size=20):
    family = "ip6" if ":" in group else "ip4"
    ip = (IPv6 if family == "ip6" else IP)(src=source or pg.source[family], dst=group)
    mac = "33:33:00:00:00:01" if family == "ip6" else "01:00:5e:00:00:01"
    return Ether(src=pg.host_mac, dst=mac) / ip / UDP(sport=1000, dport=2000) / bytes(i & 255 for i in range(size))


def waiting(switch, group):
    """{(interface, bytes)} of the signals that wait."""
    return {(s["interface"], s["bytes"]) for s in switch.json("show mfib signals")["signals"] if group in s["group"]}


def flags(switch, group):
    command = f"show {'ip6' if ':' in group else 'ip'} mfib {group}"
    found = switch.json(command)["tables"][0]["groups"][0]
    return {i["interface"]: i["flags"] for i in found["interfaces"]}


class Signals:
    """Of a group."""

    def __init__(self, switch, api, family, number):
        self.switch, self.api, self.group = switch, api, GROUP[family].format(number)

    def send(self, pg, **how):
        """The packet passed the switch, whether or not it was signalled."""
        frame = packet(pg, self.group, **how)
        self.switch.send(pg, frame)
        return bytes(frame)[14:]

    def taken(self, n):
        """[(interface, bytes)] that a client gets, n of them."""
        wait_for(lambda: len(waiting(self.switch, self.group)) == n, "signals")
        names = {i["sw_if_index"]: name for name, i in self.switch.interfaces().items()}
        got = self.api.mfib_signal_dump()
        for d in got:
            group = bytes(d.prefix.grp_address)[:16 if ":" in self.group else 4]
            assert ipaddress.ip_address(group) == ipaddress.ip_address(self.group) and d.table_id == 0
        return sorted((names[d.sw_if_index], bytes(d.ip_packet_data)[:d.ip_packet_len]) for d in got)


def test_one_waits_for_each_interface(switch, api, net, family):
    s = Signals(switch, api, family, 1)
    switch.ctl(f"ip mroute add {s.group} Signal via pg0 Accept via pg1 Accept Forward")
    first = s.send(net[0], size=900)  # more than is kept
    wait_for(lambda: waiting(switch, s.group) == {("pg0", ALL)}, "a signal")
    s.send(net[0], size=7)
    s.send(net[2])  # no interface of the route
    second = s.send(net[1])
    assert flags(switch, s.group)["pg0"] == ["Accept", "Signal-Present"]
    # what becomes of the route's other paths does not touch it
    switch.ctl(f"ip mroute add {s.group} via pg2 Forward")
    wait_for(lambda: len(waiting(switch, s.group)) == 2, "signals")
    details = [d for d in api.ip_mroute_dump(table={"table_id": 0, "is_ip6": family == "ip6"})
               if any(p.itf_flags & SIGNAL_PRESENT for p in d.route.paths)]
    assert len(details) == 1 and details[0].route.entry_flags == 1
    assert s.taken(2) == [("pg0", first[:ALL]), ("pg1", second)]
    assert flags(switch, s.group)["pg0"] == ["Accept"] and api.mfib_signal_dump() == []
    third = s.send(net[0], size=7)
    assert s.taken(1) == [("pg0", third)]
    switch.ctl(f"ip mroute del {s.group}")


def test_which_interfaces(switch, api, net, family):
    """Negate-Signal: the other way round; Don't-Preserve: without the packet."""
    s = Signals(switch, api, family, 2)
    switch.ctl(f"ip mroute add {s.group} Signal via pg0 Accept Negate-Signal via pg1 Accept Don't-Preserve")
    s.send(net[0])
    s.send(net[1])
    assert s.taken(1) == [("pg1", b"")]
    lines = [line for line in switch.running_config() if line.startswith(f"ip mroute add {s.group}")]
    assert any(line.endswith(" Signal") for line in lines) and any("Accept Don't-Preserve" in line for line in lines)
    assert any("Negate-Signal Accept" in line for line in lines)
    switch.ctl(f"ip mroute del {s.group} Signal")
    s.send(net[1])
    negated = s.send(net[0])
    assert s.taken(1) == [("pg0", negated)]
    for line in lines:
        switch.ctl(line.replace("ip mroute add", "ip mroute del"))
    assert s.group not in " ".join(switch.running_config())


def test_sources_of_a_subnet(switch, api, net, family):
    """Connected: the packet is from a host there."""
    s = Signals(switch, api, family, 3)
    switch.ctl(f"ip mroute add {s.group} Connected via pg0 Accept via pg1 Accept")
    s.send(net[0], source=STRANGER[family])
    s.send(net[1], source=net[0].source[family])
    ours = s.send(net[0])
    assert s.taken(1) == [("pg0", ours)]
    switch.ctl(f"ip mroute del {s.group}")


def test_what_has_gone_is_not_told(switch, api, net, family):
    """A route, or the interface of it, even where they come back."""
    s = Signals(switch, api, family, 4)
    other = Signals(switch, api, family, 5)
    for x in (s, other):
        switch.ctl(f"ip mroute add {x.group} Signal via pg0 Accept via pg1 Accept")
    for pg in net[:2]:
        s.send(pg)
        other.send(pg)
    wait_for(lambda: len(waiting(switch, s.group)) == len(waiting(switch, other.group)) == 2, "signals")
    switch.ctl(f"ip mroute del {s.group} via pg0")
    switch.ctl(f"ip mroute add {s.group} via pg0 Accept")
    switch.ctl(f"ip mroute del {other.group}")
    assert waiting(switch, s.group) == {("pg1", len(packet(net[0], s.group)) - 14)}
    assert waiting(switch, other.group) == set()
    assert [name for name, _ in s.taken(1)] == ["pg1"]
    switch.ctl(f"ip mroute del {s.group}")


def test_a_route_that_drops_signals(switch, api, net, family):
    s = Signals(switch, api, family, 6)
    switch.ctl(f"ip mroute add {s.group} Signal Drop via pg0 Accept via pg1 Forward")
    frame = packet(net[0], s.group)
    assert switch.exchange(net[0], frame, net[1]) == []
    assert s.taken(1) == [("pg0", bytes(frame)[14:])]
    switch.ctl(f"ip mroute del {s.group}")

"""Events of l2.api: addresses that are learnt, move and go; stations that ARP termination sees."""
import socket
import struct

import pytest

import lib

BROADCAST = b"\xff" * 6
ADD, DELETE, MOVE = 0, 1, 2
NONE = 0xffffffff


def mac(number):
    return b"\x02" + number.to_bytes(5, "big")


def frame(source, to=BROADCAST):
    return to + source + b"\x88\xb5" + bytes(46)


def arp(source, address, op=1, asks="192.0.2.99"):
    return (BROADCAST + source + b"\x08\x06" + struct.pack(">HHBBH", 1, 0x0800, 6, 4, op) + source +
            socket.inet_aton(address) + bytes(6) + socket.inet_aton(asks) + bytes(18))


class Ports:
    """Two host interfaces in bridge domain 10, and what is at their other ends."""

    def __init__(self, switch, api):
        self.switch, self.api, self.wires, self.indices = switch, api, [], []
        for name in ("p0", "p1"):
            switch.namespace.veth(name, name + "out")
            self.wires.append(lib.Wire(switch.namespace, name + "out"))
            switch.vpp.configure(f"""create host-interface name {name}
                                     set interface state host-{name} up
                                     set interface l2 bridge host-{name} 10""")
        self.indices = [d.sw_if_index for d in api.sw_interface_dump(sw_if_index=NONE)
                        if d.interface_name.startswith("host-")]

    def close(self):
        for name, wire in zip(("p0", "p1"), self.wires):
            wire.close()
            self.switch.vpp.ctl(f"delete host-interface name {name}")
            self.switch.namespace.ip(f"link del {name}")
        self.switch.vpp.ctl("create bridge-domain 10 del")


@pytest.fixture
def ports(switch, api):
    made = Ports(switch, api)
    yield made
    made.close()


class Told:
    """What a client is told of addresses: (action, address, interface), in order."""

    def __init__(self, api, most=NONE):
        self.api, self.most, self.seen = api, most, []

    def wait(self, *wanted):
        while not set(wanted) <= set(self.seen):
            event = self.api.event(timeout=60)
            assert event.name_ == "l2_macs_event" and event.pid == 7
            assert event.client_index == self.api.index and 0 < event.n_macs <= self.most
            self.seen += [(e.action, e.mac_addr, e.sw_if_index) for e in event.mac]


def test_addresses(api, ports):
    (w0, w1), (i0, i1) = ports.wires, ports.indices
    assert api.want_l2_macs_events2(max_macs_in_event=1, enable_disable=True, pid=7).retval == 0
    told = Told(api, most=10)
    w0.send(frame(mac(1)))
    told.wait((ADD, mac(1), i0))
    w1.send(frame(mac(1)))
    told.wait((MOVE, mac(1), i1))
    w0.send_many([frame(mac(100 + i)) for i in range(60)], ports.switch.vpp, "host-p0")
    told.wait(*[(ADD, mac(100 + i), i0) for i in range(60)])
    assert api.l2fib_flush_int(sw_if_index=i1).retval == 0
    told.wait((DELETE, mac(1), i1))
    # what was configured is nothing new to who configures
    assert api.l2fib_add_del(bd_id=10, mac=mac(2), sw_if_index=i0, is_add=True).retval == 0
    assert api.l2fib_add_del(bd_id=10, mac=mac(2), sw_if_index=i0, is_add=False).retval == 0
    assert api.l2fib_flush_all().retval == 0
    told.wait(*[(DELETE, mac(100 + i), i0) for i in range(60)])
    assert not [e for e in told.seen if e[1] == mac(2)]
    assert api.want_l2_macs_events2(max_macs_in_event=1, enable_disable=False, pid=7).retval == 0


def test_what_was_learnt_before_is_told_too(api, ports):
    w0, i0 = ports.wires[0], ports.indices[0]
    w0.send(frame(mac(1)))
    lib.wait_for(lambda: [e for e in api.l2_fib_table_dump(bd_id=10) if e.mac == mac(1)], "the address", timeout=60)
    assert api.want_l2_macs_events2(max_macs_in_event=10, enable_disable=True, pid=7).retval == 0
    Told(api).wait((ADD, mac(1), i0))
    assert api.want_l2_macs_events2(enable_disable=False).retval == 0


def test_size_of_events(api, ports):
    """As many addresses in each as was asked for, in tens; the rest at the end of a look through the table."""
    w0, i0 = ports.wires[0], ports.indices[0]
    w0.send_many([frame(mac(100 + i)) for i in range(95)], ports.switch.vpp, "host-p0")
    lib.wait_for(lambda: len(api.l2_fib_table_dump(bd_id=10)) >= 95, "the addresses", timeout=60)
    known = len(api.l2_fib_table_dump(bd_id=10))  # the kernel's own are among them
    assert api.want_l2_macs_events2(max_macs_in_event=3, enable_disable=True, pid=7).retval == 0
    events = [api.event(timeout=60)]
    while sum(e.n_macs for e in events) < known:
        events.append(api.event(timeout=60))
    assert {e.n_macs for e in events[:3]} == {30}
    assert {(ADD, mac(100 + i), i0) for i in range(95)} <= {(e.action, e.mac_addr, e.sw_if_index) for event in events for e in event.mac}
    assert api.want_l2_macs_events2(enable_disable=False).retval == 0


def test_no_more_are_learnt_and_told_than_a_client_wants(api, ports):
    w0 = ports.wires[0]
    api.l2fib_flush_all()
    want = {"learn_limit": 40, "scan_delay": 1, "max_macs_in_event": 1, "pid": 7}
    assert api.want_l2_macs_events(enable_disable=True, **want).retval == 0
    w0.send_many([frame(mac(100 + i)) for i in range(100)], ports.switch.vpp, "host-p0")
    seen = set()
    while len(seen) < 40:
        event = api.event(timeout=60)
        assert event.n_macs <= 10
        seen |= {e.mac_addr for e in event.mac if e.action == ADD}
    assert len(api.l2_fib_table_dump(bd_id=10)) == len(seen) == 40
    assert api.want_l2_macs_events(enable_disable=False).retval == 0
    assert api.l2fib_set_scan_delay(scan_delay=10).retval == 0


def test_one_client_is_told_of_addresses(switch, api, ports):
    other = switch.connect()
    want = {"max_macs_in_event": 1, "enable_disable": True, "pid": 7}
    assert api.want_l2_macs_events2(**{**want, "max_macs_in_event": 0}).retval == -7
    assert api.want_l2_macs_events2(**want).retval == 0
    assert api.want_l2_macs_events2(**{**want, "max_macs_in_event": 3}).retval == 0
    assert other.want_l2_macs_events2(**want).retval == -124
    assert other.want_l2_macs_events(learn_limit=5, scan_delay=1, **want).retval == -124
    assert other.want_l2_macs_events2(enable_disable=False).retval == -124
    api.close()
    lib.wait_for(lambda: other.want_l2_macs_events2(**want).retval == 0, "the first client to be gone", timeout=60)
    ports.wires[0].send(frame(mac(1)))
    Told(other).wait((ADD, mac(1), ports.indices[0]))
    assert other.want_l2_macs_events2(enable_disable=False).retval == 0
    assert other.want_l2_macs_events2(enable_disable=False).retval == 0
    other.close()


def test_learn_limit_of_a_client(switch, api):
    switch.vpp.configure("create bridge-domain 77\nl2fib add 02:00:00:00:00:77 77 filter")
    want = {"learn_limit": 77, "scan_delay": 1, "max_macs_in_event": 1, "enable_disable": True, "pid": 7}
    for wrong in ({"learn_limit": 0}, {"learn_limit": 1 << 24}, {"scan_delay": 0}, {"max_macs_in_event": 0}):
        assert api.want_l2_macs_events(**{**want, **wrong}).retval == -7
    assert "Learn limit: 16777216" in switch.vpp.ctl("show l2fib")
    assert api.want_l2_macs_events(**want).retval == 0
    assert "Learn limit: 77 " in switch.vpp.ctl("show l2fib")
    assert "set l2fib scan-delay 10" in switch.vpp.running_config()
    assert api.want_l2_macs_events(enable_disable=False).retval == 0
    assert "Learn limit: 16777216" in switch.vpp.ctl("show l2fib")
    assert api.l2fib_set_scan_delay(scan_delay=10).retval == 0
    assert not [line for line in switch.vpp.running_config() if "scan-delay" in line]
    assert api.l2fib_set_scan_delay(scan_delay=0).retval == -7
    assert api.l2fib_set_scan_delay(scan_delay=6001).retval == -7
    switch.vpp.configure("l2fib del 02:00:00:00:00:77 77\ncreate bridge-domain 77 del")


def test_stations(switch, api, ports):
    w0, i0 = ports.wires[0], ports.indices[0]
    api.bridge_flags(bd_id=10, is_set=True, flags=16)
    assert api.want_l2_arp_term_events(enable=True, pid=7).retval == 0
    assert api.want_l2_arp_term_events(enable=True, pid=7).retval == -31

    def next_station():
        event = api.event(timeout=60)
        assert event.name_ == "l2_arp_term_event" and event.pid == 7 and event.client_index == api.index
        return event.mac, socket.inet_ntoa(event.ip.un[:4]), event.sw_if_index
    w0.send(arp(mac(1), "192.0.2.1"))
    assert next_station() == (mac(1), "192.0.2.1", i0)
    # a repetition, a probe, and one that lies, say nothing
    lie = arp(mac(3), "192.0.2.3")
    w0.send([arp(mac(1), "192.0.2.1"), arp(mac(1), "0.0.0.0"), lie[:6] + mac(4) + lie[12:],
             arp(mac(2), "192.0.2.2", op=2)])
    assert next_station() == (mac(2), "192.0.2.2", i0)
    # where the port does not take part, nobody looks
    assert api.l2_interface_feat_flags_set(sw_if_index=i0, is_set=False, flags=16).retval == 0
    w0.send(arp(mac(5), "192.0.2.5"))
    lib.wait_for(lambda: [e for e in api.l2_fib_table_dump(bd_id=10) if e.mac == mac(5)], "its address", timeout=60)
    assert api.l2_interface_feat_flags_set(sw_if_index=i0, is_set=True, flags=16).retval == 0
    w0.send(arp(mac(6), "192.0.2.6"))
    assert next_station() == (mac(6), "192.0.2.6", i0)
    # on another interface that has the index now it is no repetition
    switch.vpp.configure("""delete host-interface name p0
                            create host-interface name p0
                            set interface state host-p0 up
                            set interface l2 bridge host-p0 10""")
    assert api.sw_interface_dump(sw_if_index=i0)[0].interface_name == "host-p0"
    w0.send(arp(mac(6), "192.0.2.6"))
    assert next_station() == (mac(6), "192.0.2.6", i0)
    assert api.want_l2_arp_term_events(enable=False, pid=7).retval == 0
    assert api.want_l2_arp_term_events(enable=False, pid=7).retval == -31


def test_stations_faster_than_anybody_is_told(switch, api, ports):
    api.bridge_flags(bd_id=10, is_set=True, flags=16)
    assert api.want_l2_arp_term_events(enable=True, pid=7).retval == 0
    frames = [arp(mac(i), f"10.0.{i // 200}.{i % 200}") for i in range(1, 3000)]
    ports.wires[0].send_many(frames, switch.vpp, "host-p0")
    assert api.control_ping().retval == 0
    untold = switch.vpp.errors().get(("arp-term-l2bd", "stations over the rate at which API clients are told"), 0)
    assert 0 < len(frames) - untold <= len(frames)
    for _ in range(len(frames) - untold):
        assert api.event(timeout=60).name_ == "l2_arp_term_event"
    assert api.want_l2_arp_term_events(enable=False).retval == 0

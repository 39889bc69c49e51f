"""Messages of ip6_dad.api."""
import socket

import pytest

import lib

NONE = 0xffffffff
TENTATIVE, PREFERRED, DUPLICATE = 1, 2, 3


@pytest.fixture
def port(switch, api):
    switch.namespace.veth("p0", "p0out")
    wire = lib.Wire(switch.namespace, "p0out")
    switch.vpp.configure("create host-interface name p0\nset interface state host-p0 up")
    index = next(d.sw_if_index for d in api.sw_interface_dump(sw_if_index=NONE) if d.interface_name == "host-p0")
    lib.wait_for(lambda: switch.vpp.link("host-p0") == "up", "the link", 60)
    yield index
    wire.close()
    switch.vpp.ctl("delete host-interface name p0")
    switch.namespace.ip("link del p0")
    api.ip6_dad_enable_disable(enable=False)


def test_settings(api):
    def now():
        (d,) = api.ip6_dad_dump()
        return d.enabled, d.dad_transmits, d.dad_retransmit_delay
    assert now() == (False, 1, 1.0)
    assert api.ip6_dad_enable_disable(enable=True, dad_transmits=2, dad_retransmit_delay=0.5).retval == 0
    assert now() == (True, 2, 0.5)
    for wrong in ({"dad_transmits": 0}, {"dad_transmits": 11}, {"dad_retransmit_delay": 0}, {"dad_retransmit_delay": 1e300},
                  {"dad_retransmit_delay": float("nan")}):
        assert api.ip6_dad_enable_disable(**{"enable": True, "dad_transmits": 1, "dad_retransmit_delay": 1.0, **wrong}).retval == -7
    assert now() == (True, 2, 0.5)
    assert api.ip6_dad_enable_disable(enable=False).retval == 0
    assert now()[0] is False


def test_events(api, port):
    assert api.want_ip6_dad_events(enable_disable=True, pid=7).retval == 0
    assert api.ip6_dad_enable_disable(enable=True, dad_transmits=2, dad_retransmit_delay=0.1).retval == 0
    prefix = {"address": {"af": 1, "un": {"ip6": socket.inet_pton(socket.AF_INET6, "2001:db8::5")}}, "len": 64}
    assert api.sw_interface_add_del_address(sw_if_index=port, is_add=True, prefix=prefix).retval == 0
    told = {}
    while len(told) < 4:  # of this address and the link's own
        e = api.event(timeout=60)
        assert (e.name_, e.pid, e.sw_if_index, e.dad_transmits) == ("ip6_dad_event", 7, port, 2)
        told[(socket.inet_ntop(socket.AF_INET6, e.address), e.state)] = e.dad_count
    assert told[("2001:db8::5", TENTATIVE)] == 0 and told[("2001:db8::5", PREFERRED)] == 2
    assert api.want_ip6_dad_events(enable_disable=False, pid=7).retval == 0

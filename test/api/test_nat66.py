"""Messages of nat66.api."""
import socket

import pytest
from nat_lib import INSIDE, check_interfaces


def ip6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def enable(api, on=True, vrf=0):
    return api.nat66_plugin_enable_disable(outside_vrf=vrf, enable=on).retval


@pytest.fixture
def nat(api):
    assert enable(api) == 0
    yield
    assert enable(api, False) == 0


def mapping(api, local, external, vrf=0, add=True):
    return api.nat66_add_del_static_mapping(is_add=add, local_ip_address=ip6(local), external_ip_address=ip6(external),
                                            vrf_id=vrf).retval


def mappings(api):
    return [(socket.inet_ntop(socket.AF_INET6, bytes(d.local_ip_address)),
             socket.inet_ntop(socket.AF_INET6, bytes(d.external_ip_address)), d.vrf_id, d.total_pkts, d.total_bytes)
            for d in api.nat66_static_mapping_dump()]


def test_the_plugin(api, loops):
    assert enable(api, False) == -169
    assert api.nat66_add_del_interface(sw_if_index=loops[0], flags=INSIDE, is_add=True).retval == -126
    assert mapping(api, "2001:db8::1", "2001:db8:1::1") == -126
    assert api.nat66_interface_dump() == [] and mappings(api) == []
    assert enable(api, vrf=7) == 0
    assert enable(api) == -170
    assert "nat66 plugin enable outside-vrf 7" in api.cli_inband(cmd="show running-config").reply
    assert enable(api, False) == 0
    assert "nat66" not in api.cli_inband(cmd="show running-config").reply


def test_interfaces(api, nat, loops):
    check_interfaces(api.nat66_add_del_interface, api.nat66_interface_dump, loops)


def test_mappings(api, nat):
    assert mapping(api, "2001:db8::1", "2001:db8:1::1") == 0
    assert mapping(api, "2001:db8::1", "2001:db8:1::2", vrf=5) == 0
    assert mapping(api, "2001:db8::1", "2001:db8:1::3") == -81
    assert mapping(api, "2001:db8::3", "2001:db8:1::2") == -81
    assert mapping(api, "ff02::1", "2001:db8:1::4") < 0 and mapping(api, "2001:db8::4", "::") < 0
    assert mappings(api) == [("2001:db8::1", "2001:db8:1::1", 0, 0, 0), ("2001:db8::1", "2001:db8:1::2", 5, 0, 0)]
    assert mapping(api, "2001:db8::1", "2001:db8:1::2", add=False) == -6
    assert mapping(api, "2001:db8::1", "2001:db8:1::2", vrf=6, add=False) == -6
    assert mapping(api, "2001:db8::1", "2001:db8:1::1", add=False) == 0
    assert [m[:3] for m in mappings(api)] == [("2001:db8::1", "2001:db8:1::2", 5)]


def test_many_mappings(api, nat):
    """More than fit one answer at a time."""
    for n in range(3000):
        assert mapping(api, f"2001:db8::{n + 1:x}", f"2001:db8:1::{n + 1:x}") == 0
    assert sorted(m[0] for m in mappings(api)) == sorted(f"2001:db8::{n + 1:x}" for n in range(3000))
    shown = api.cli_inband(cmd="show nat66 static mappings").reply
    assert sorted(line.split()[1] for line in shown.splitlines() if " local " in line) == sorted(m[0] for m in mappings(api))

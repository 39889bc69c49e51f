"""Messages of nat64.api."""
import socket

import pytest
from nat_lib import INSIDE, check_interfaces

STATIC = 0x40
ANY = 2**32 - 1


def ip4(text):
    return socket.inet_pton(socket.AF_INET, text)


def ip6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def text4(data):
    return socket.inet_ntop(socket.AF_INET, bytes(data))


def text6(data):
    return socket.inet_ntop(socket.AF_INET6, bytes(data))


def enable(api, on=True):
    return api.nat64_plugin_enable_disable(bib_buckets=0, bib_memory_size=0, st_buckets=0, st_memory_size=0, enable=on).retval


@pytest.fixture
def nat(api):
    assert enable(api) == 0
    yield
    assert enable(api, False) == 0


def pool(api, first, last=None, vrf=ANY, add=True):
    return api.nat64_add_del_pool_addr_range(start_addr=ip4(first), end_addr=ip4(last or first), vrf_id=vrf, is_add=add).retval


def prefix(api, address, length, vrf=0, add=True):
    return api.nat64_add_del_prefix(prefix={"address": ip6(address), "len": length}, vrf_id=vrf, is_add=add).retval


def static(api, inside, port, outside, out_port, proto=6, vrf=0, add=True):
    return api.nat64_add_del_static_bib(i_addr=ip6(inside), o_addr=ip4(outside), i_port=port, o_port=out_port, vrf_id=vrf,
                                        proto=proto, is_add=add).retval


def pools(api):
    return [(text4(d.address), d.vrf_id) for d in api.nat64_pool_addr_dump()]


def bibs(api, proto=255):
    return sorted((text6(d.i_addr), d.i_port, text4(d.o_addr), d.o_port, d.vrf_id, d.proto, int(d.flags), d.ses_num)
                  for d in api.nat64_bib_dump(proto=proto))


def test_the_plugin(api, loops):
    assert enable(api, False) == -169
    assert api.nat64_add_del_interface(sw_if_index=loops[0], flags=INSIDE, is_add=True).retval == -126
    assert pool(api, "10.9.0.1") == prefix(api, "2001:db8::", 96) == -126
    assert static(api, "2001:db8::1", 1, "10.9.0.1", 1) == -126
    assert api.nat64_interface_dump() == [] and pools(api) == [] and bibs(api) == [] and api.nat64_st_dump(proto=255) == []
    assert enable(api) == 0
    assert enable(api) == -170
    assert "nat64 plugin enable" in api.cli_inband(cmd="show running-config").reply
    assert enable(api, False) == 0
    assert "nat64" not in api.cli_inband(cmd="show running-config").reply


def test_interfaces(api, nat, loops):
    check_interfaces(api.nat64_add_del_interface, api.nat64_interface_dump, loops)


def test_pool(api, nat, loops):
    assert pool(api, "10.9.0.1", "10.9.0.3") == pool(api, "10.9.1.1", vrf=7) == 0
    assert pool(api, "10.9.0.3", "10.9.0.4") == -81
    assert pool(api, "10.9.0.3", "10.9.0.2") < 0
    assert pools(api) == [("10.9.0.1", ANY), ("10.9.0.2", ANY), ("10.9.0.3", ANY), ("10.9.1.1", 7)]
    assert pool(api, "10.9.0.2", "10.9.0.3", add=False) == 0
    assert pool(api, "10.9.0.2", add=False) == -6
    assert api.nat64_add_del_interface_addr(sw_if_index=loops[0], is_add=True).retval == 0
    assert api.nat64_add_del_interface_addr(sw_if_index=loops[0], is_add=True).retval == -81
    assert api.nat64_add_del_interface_addr(sw_if_index=9999, is_add=True).retval == -2
    assert api.nat64_add_del_interface_addr(sw_if_index=loops[0], is_add=False).retval == 0
    assert api.nat64_add_del_interface_addr(sw_if_index=loops[0], is_add=False).retval == -6
    assert pools(api) == [("10.9.0.1", ANY), ("10.9.1.1", 7)]


def test_prefixes(api, nat):
    assert prefix(api, "2001:db8:64::1", 96) == prefix(api, "2001:db8:7::", 48, vrf=7) == 0
    for length in (0, 31, 95, 128, 129, 255):
        assert prefix(api, "2001:db8::", length) < 0
    assert [(text6(d.prefix.address), d.prefix.len, d.vrf_id) for d in api.nat64_prefix_dump()] == \
        [("2001:db8:64::", 96, 0), ("2001:db8:7::", 48, 7)]
    assert prefix(api, "2001:db8:7::", 56, vrf=7, add=False) == prefix(api, "2001:db8:7::", 48, vrf=8, add=False) == -6
    assert prefix(api, "2001:db8:7::", 48, vrf=7, add=False) == 0
    assert [d.vrf_id for d in api.nat64_prefix_dump()] == [0]


def test_timeouts(api, nat):
    def now():
        r = api.nat64_get_timeouts()
        return r.udp, r.tcp_established, r.tcp_transitory, r.icmp
    assert now() == (300, 7440, 240, 60)
    assert api.nat64_set_timeouts(udp=1, tcp_established=2, tcp_transitory=3, icmp=4).retval == 0
    assert now() == (1, 2, 3, 4)
    assert api.nat64_set_timeouts(udp=0, tcp_established=2, tcp_transitory=3, icmp=4).retval < 0
    assert now() == (1, 2, 3, 4)


def test_static_bindings(api, nat):
    assert static(api, "2001:db8::1", 80, "10.9.0.1", 8080) == 0
    assert static(api, "2001:db8::1", 7, "10.9.0.1", 8, proto=58, vrf=5) == 0
    assert static(api, "2001:db8::2", 1, "10.9.0.1", 2, proto=47) == 0
    assert static(api, "2001:db8::1", 80, "10.9.0.2", 8080) == static(api, "2001:db8::3", 80, "10.9.0.1", 8080) == -81
    assert static(api, "ff02::1", 80, "10.9.0.2", 8080) < 0 and static(api, "2001:db8::9", 80, "0.0.0.0", 8080) < 0
    assert bibs(api) == [("2001:db8::1", 7, "10.9.0.1", 8, 5, 1, STATIC, 0), ("2001:db8::1", 80, "10.9.0.1", 8080, 0, 6, STATIC, 0),
                         ("2001:db8::2", 0, "10.9.0.1", 0, 0, 47, STATIC, 0)]
    assert [b[5] for proto in (6, 17, 1, 58, 0) for b in bibs(api, proto)] == [6, 1, 1, 47]
    assert static(api, "2001:db8::1", 80, "10.9.0.1", 8081, add=False) == static(api, "2001:db8::1", 81, "10.9.0.1", 8080, add=False) == -6
    assert static(api, "2001:db8::1", 80, "10.9.0.1", 8080, add=False) == 0
    assert len(bibs(api)) == 2


def test_many_static_bindings(api, nat):
    """More than fit one answer at a time."""
    for n in range(3000):
        assert static(api, "2001:db8::1", n + 1, "10.9.0.1", n + 1) == 0
    assert [b[1] for b in bibs(api)] == list(range(1, 3001))
    shown = api.cli_inband(cmd="show nat64 bib all").reply
    assert sorted(int(line.split()[1]) for line in shown.splitlines()[1:]) == list(range(1, 3001))

"""Messages of ipfix_export.api, and NAT's use of them."""
import socket

import pytest


@pytest.fixture(autouse=True)
def restored(api):
    yield
    assert put(api, collector_address=address("0.0.0.0")) == 0
    assert api.nat_ipfix_enable_disable(domain_id=0, src_port=0, enable=False).retval == 0


def address(text):
    return {"af": 0, "un": socket.inet_aton(text) + bytes(12)}


def put(api, **kwargs):
    values = {"collector_address": address("10.0.0.2"), "collector_port": 65535, "src_address": address("10.0.0.1"),
              "vrf_id": 0xffffffff, "path_mtu": 0xffffffff, "template_interval": 0xffffffff, "udp_checksum": False, **kwargs}
    return api.set_ipfix_exporter(**values).retval


def exporter(api):
    (d,) = api.ipfix_exporter_dump()
    return (bytes(d.collector_address.un)[:4], d.collector_port, bytes(d.src_address.un)[:4], d.vrf_id, d.path_mtu,
            d.template_interval, d.udp_checksum)


def test_the_exporter(api):
    assert exporter(api) == (bytes(4), 0, bytes(4), 0, 0, 0, False)
    assert put(api) == 0
    assert exporter(api) == (bytes((10, 0, 0, 2)), 4739, bytes((10, 0, 0, 1)), 0, 512, 20, False)
    assert put(api, collector_port=9999, vrf_id=3, path_mtu=1450, template_interval=5, udp_checksum=True) == 0
    for wrong in ({"collector_port": 0}, {"path_mtu": 1451}, {"path_mtu": 255}, {"src_address": address("0.0.0.0")}):
        assert put(api, **wrong) == -7
    assert put(api, collector_address={"af": 1, "un": bytes(16)}) < 0
    assert exporter(api) == (bytes((10, 0, 0, 2)), 9999, bytes((10, 0, 0, 1)), 3, 1450, 5, True)
    (d,), reply = api.ipfix_all_exporter_get(cursor=0)
    assert (d.collector_port, reply.retval, reply.cursor) == (9999, 0, 0xffffffff)
    assert api.ipfix_flush().retval == 0


def test_of_nat(api):
    assert not api.nat44_show_running_config().ipfix_logging_enabled
    for _ in range(2):
        assert api.nat_ipfix_enable_disable(domain_id=7, src_port=5000, enable=True).retval == 0
        assert api.nat44_show_running_config().ipfix_logging_enabled
    assert "nat ipfix logging enable domain 7 src-port 5000" in api.cli_inband(cmd="show running-config").reply
    assert api.nat_ipfix_enable_disable(domain_id=0, src_port=0, enable=True).retval == 0
    assert "nat ipfix logging enable domain 1 src-port 4739" in api.cli_inband(cmd="show running-config").reply
    assert api.nat_ipfix_enable_disable(domain_id=0, src_port=0, enable=False).retval == 0
    assert not api.nat44_show_running_config().ipfix_logging_enabled

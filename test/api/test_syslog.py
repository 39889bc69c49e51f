"""Messages of syslog.api."""
import socket

import pytest


@pytest.fixture(autouse=True)
def restored(api):
    yield
    api.cli_inband(cmd="set syslog sender disable")
    assert api.syslog_set_filter(severity=6).retval == 0


def ip4(text):
    return socket.inet_aton(text)


def put(api, **kwargs):
    values = {"src_address": ip4("10.0.0.1"), "collector_address": ip4("10.0.0.2"), "collector_port": 514, "vrf_id": 0,
              "max_msg_size": 480, **kwargs}
    return api.syslog_set_sender(**values).retval


def sender(api):
    r = api.syslog_get_sender()
    assert r.retval == 0
    return bytes(r.src_address), bytes(r.collector_address), r.collector_port, r.vrf_id, r.max_msg_size


def test_the_sender(api):
    assert sender(api) == (bytes(4), bytes(4), 0, 0, 0)
    assert put(api) == 0
    assert sender(api) == (ip4("10.0.0.1"), ip4("10.0.0.2"), 514, 0, 480)
    assert put(api, collector_port=1514, vrf_id=7, max_msg_size=1000) == 0
    for wrong in ({"collector_port": 0}, {"max_msg_size": 479}, {"max_msg_size": 70000}, {"src_address": bytes(4)},
                  {"collector_address": bytes(4)}):
        assert put(api, **wrong) == -7
    assert sender(api) == (ip4("10.0.0.1"), ip4("10.0.0.2"), 1514, 7, 1000)


def test_the_filter(api):
    assert api.syslog_get_filter().severity == 6
    assert api.syslog_set_filter(severity=3).retval == 0
    assert api.syslog_set_filter(severity=8).retval == -7
    assert api.syslog_get_filter().severity == 3

"""Messages of ping.api."""
import socket

import pytest

import lib


def ip4(text):
    return {"af": 0, "un": socket.inet_aton(text) + bytes(12)}


@pytest.fixture
def loop(api):
    index = api.create_loopback(mac_address=bytes(6)).sw_if_index
    api.sw_interface_set_flags(sw_if_index=index, flags=1)
    prefix = {"address": ip4("192.0.2.1"), "len": 24}
    assert api.sw_interface_add_del_address(sw_if_index=index, is_add=True, prefix=prefix).retval == 0
    yield index
    api.delete_loopback(sw_if_index=index)


def finished(api):
    event = api.event(timeout=120)
    assert event.name_ == "ping_finished_event" and event.client_index == api.index
    return event.request_count, event.reply_count


def test_own_address(api, loop):
    # it ends with the last reply, for which it waits as long as an interval
    assert api.want_ping_finished_events(address=ip4("192.0.2.1"), repeat=1, interval=60.0).retval == 0
    assert finished(api) == (1, 1)
    assert api.want_ping_finished_events(address=ip4("192.0.2.1"), repeat=3, interval=0.01).retval == 0
    requests, replies = finished(api)
    assert requests == 3 and replies <= 3


def test_nobody_answers(api, loop):
    assert api.want_ping_finished_events(address=ip4("192.0.2.9"), repeat=2, interval=0.01).retval == 0
    assert finished(api) == (2, 0)


def test_no_route(api):
    assert api.want_ping_finished_events(address=ip4("203.0.113.9"), repeat=2, interval=0.01).retval == 0
    assert finished(api) == (0, 0)


def test_several_clients(switch, api, loop):
    other = switch.connect()
    assert api.want_ping_finished_events(address=ip4("192.0.2.9"), repeat=4, interval=0.01).retval == 0
    assert other.want_ping_finished_events(address=ip4("192.0.2.9"), repeat=5, interval=0.01).retval == 0
    assert finished(api) == (4, 0) and finished(other) == (5, 0)
    other.close()


@pytest.mark.parametrize("values,retval", [
    ({"address": {"af": 2, "un": bytes(16)}}, -97), ({"repeat": 0}, -7), ({"interval": 0.0}, -7),
    ({"interval": float("nan")}, -7), ({"interval": 1e9}, -7)])
def test_wrong(api, values, retval):
    values = {"address": ip4("192.0.2.1"), "repeat": 1, "interval": 0.01, **values}
    assert api.want_ping_finished_events(**values).retval == retval


def test_too_many_and_clients_that_go(switch, api, loop):
    other, retvals = switch.connect(), []
    while not retvals or retvals[-1] == 0:
        retvals.append(other.want_ping_finished_events(address=ip4("192.0.2.1"), repeat=1000000,
                                                       interval=0.05).retval)
        assert len(retvals) < 1000
    assert retvals[-1] == -155
    other.close()
    lib.wait_for(lambda: api.want_ping_finished_events(address=ip4("192.0.2.1"), repeat=1,
                                                       interval=60.0).retval == 0, "room", timeout=120)
    assert finished(api) == (1, 1)

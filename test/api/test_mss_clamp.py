"""Messages of mss_clamp.api."""
import pytest

NONE = 0xffffffff


@pytest.fixture
def loop(api):
    index = api.create_loopback(mac_address=bytes(6)).sw_if_index
    yield index
    api.delete_loopback(sw_if_index=index)


def settings(api, index=NONE):
    details, reply = api.mss_clamp_get(cursor=NONE, sw_if_index=index)
    assert (reply.retval, reply.cursor) == (0, NONE)
    return [(d.sw_if_index, d.ipv4_mss, d.ipv4_direction, d.ipv6_mss, d.ipv6_direction) for d in details]


def test_mss_clamp(api, loop):
    def put(index, **kwargs):
        values = {"ipv4_mss": 0, "ipv6_mss": 0, "ipv4_direction": 0, "ipv6_direction": 0, **kwargs}
        return api.mss_clamp_enable_disable(sw_if_index=index, **values).retval

    assert settings(api) == [] and settings(api, loop) == [(loop, 0, 0, 0, 0)]
    assert put(loop, ipv4_mss=1400, ipv4_direction=3, ipv6_mss=1380, ipv6_direction=1) == 0
    assert settings(api) == settings(api, loop) == [(loop, 1400, 3, 1380, 1)]
    assert api.mss_clamp_get(cursor=NONE, sw_if_index=9999)[1].retval == -2
    assert put(9999, ipv4_mss=1400, ipv4_direction=3) == -2
    assert put(loop, ipv4_direction=1) < 0 and put(loop, ipv4_mss=1400, ipv4_direction=4) < 0
    assert settings(api) == [(loop, 1400, 3, 1380, 1)]
    assert put(loop, ipv6_mss=1300, ipv6_direction=2) == 0
    assert settings(api) == [(loop, 0, 0, 1300, 2)]
    assert put(loop) == 0 and settings(api) == []

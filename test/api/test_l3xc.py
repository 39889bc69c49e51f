"""Messages of l3xc.api."""
import socket

import pytest
from conftest import NONE, path


def dump(api, index=NONE):
    return [(d.l3xc.sw_if_index, d.l3xc.is_ip6, [(p.sw_if_index, p.weight, p.preference, p.type, bytes(p.nh.address)[:4])
                                                 for p in d.l3xc.paths]) for d in api.l3xc_dump(sw_if_index=index)]


def test_version(api):
    reply = api.l3xc_plugin_get_version()
    assert (reply.major, reply.minor) == (1, 0)


@pytest.mark.parametrize("is_ip6,next_hop", [(False, "192.0.2.9"), (True, "2001:db8::9")])
def test_l3xc(api, loops, is_ip6, next_hop):
    a, b = loops
    raw = socket.inet_pton(socket.AF_INET6 if is_ip6 else socket.AF_INET, next_hop)[:4]

    def put(index, *paths, **more):
        return api.l3xc_update(l3xc={"sw_if_index": index, "is_ip6": is_ip6, "paths": list(paths), **more})

    first = put(a, path(next_hop, b))
    assert first.retval == 0 and first.stats_index != NONE
    assert dump(api) == dump(api, a) == [(a, is_ip6, [(b, 1, 0, 0, raw)])] and dump(api, b) == []
    # another set of paths: the same counters
    again = put(a, path(next_hop, b, weight=3), path(next_hop, a, preference=1))
    assert (again.retval, again.stats_index) == (0, first.stats_index)
    assert dump(api) == [(a, is_ip6, [(b, 3, 0, 0, raw), (a, 1, 1, 0, raw)])]
    # what is wrong changes nothing
    assert put(9999, path(next_hop, b)).retval == -2
    assert put(a).retval < 0
    assert put(a, path(next_hop, 9999)).retval < 0
    assert put(a, path(next_hop, b, proto=2)).retval < 0
    assert put(a, path(next_hop, table_id=77)).retval == -3
    assert put(a, *[path(next_hop, b)] * 65).retval < 0
    assert len(dump(api)) == 1 and len(dump(api)[0][2]) == 2
    assert put(b, path(next_hop, type=2, sw_if_index=NONE)).retval == 0
    assert [d[0] for d in dump(api)] == [a, b]
    assert api.l3xc_del(sw_if_index=a, is_ip6=not is_ip6).retval < 0
    assert api.l3xc_del(sw_if_index=9999, is_ip6=is_ip6).retval == -2
    assert api.l3xc_del(sw_if_index=a, is_ip6=is_ip6).retval == 0
    assert api.l3xc_del(sw_if_index=a, is_ip6=is_ip6).retval < 0
    assert [d[0] for d in dump(api)] == [b]
    assert api.l3xc_del(sw_if_index=b, is_ip6=is_ip6).retval == 0

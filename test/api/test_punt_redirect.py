"""Messages of ip.api about punt redirects."""
import socket

import pytest
from conftest import NONE, path


@pytest.mark.parametrize("af,next_hop", [(0, "192.0.2.9"), (1, "2001:db8::9")])
def test_punt_redirects(api, loops, af, next_hop):
    a, b = loops
    raw = socket.inet_pton(socket.AF_INET6 if af else socket.AF_INET, next_hop).ljust(16, b"\0")

    def dump(index=NONE, family=af):
        return [(d.punt.rx_sw_if_index, d.punt.af, [(p.sw_if_index, p.weight, bytes(p.nh.address)) for p in d.punt.paths])
                for d in api.ip_punt_redirect_v2_dump(sw_if_index=index, af=family)]

    def dump_v1(index=NONE):
        return [(d.punt.rx_sw_if_index, d.punt.tx_sw_if_index, d.punt.nh.af, bytes(d.punt.nh.un))
                for d in api.ip_punt_redirect_dump(sw_if_index=index, is_ipv6=bool(af))]

    def change(is_add, rx, *paths, family=af):
        return api.add_del_ip_punt_redirect_v2(is_add=is_add, punt={"rx_sw_if_index": rx, "af": family, "paths": list(paths)}).retval

    def change_v1(is_add, rx, tx, nh=raw, family=af):
        return api.ip_punt_redirect(is_add=is_add, punt={"rx_sw_if_index": rx, "tx_sw_if_index": tx, "nh": {"af": family, "un": nh}}).retval

    assert change(True, a, path(next_hop, b, weight=3), path(next_hop, a)) == 0
    assert dump() == dump(a) == [(a, af, [(b, 3, raw), (a, 1, raw)])]
    assert dump(b) == dump(family=1 - af) == dump(family=7) == []
    # the one message sees what the other made
    assert dump_v1() == [(a, b, af, raw)]
    assert change_v1(True, NONE, b) == change_v1(True, a, a) == 0
    assert dump_v1() == [(NONE, b, af, raw), (a, a, af, raw)]
    assert dump() == [(NONE, af, [(b, 1, raw)]), (a, af, [(a, 1, raw)])]
    # by the interface alone, and by the route
    assert change_v1(True, b, a, bytes(16)) == change_v1(True, NONE, NONE) == 0
    assert dump_v1() == [(NONE, NONE, af, raw), (a, a, af, raw), (b, a, af, bytes(16))]
    # what is wrong changes nothing
    assert change(True, 9999, path(next_hop, b)) == change_v1(True, 9999, b) == -2
    assert change(True, a) < 0 and change(True, a, path(next_hop, 9999)) < 0 and change(True, a, path(next_hop, table_id=77)) < 0
    assert change(True, a, path(next_hop, b), family=7) < 0 and change_v1(True, a, b, family=7) < 0
    assert change(True, a, *[path(next_hop, b)] * 65) < 0 and change_v1(True, a, 9999) < 0
    assert dump_v1() == [(NONE, NONE, af, raw), (a, a, af, raw), (b, a, af, bytes(16))]
    assert change(False, a) == change_v1(False, NONE, b) == change(False, b, path(next_hop, a)) == 0
    assert change(False, a) < 0 and change_v1(False, b, a) < 0 and dump() == dump_v1() == []

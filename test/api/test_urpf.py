"""Messages of urpf.api."""
import pytest
from conftest import NONE


def dump(api, index=NONE):
    return [(d.sw_if_index, d.is_input, d.mode, d.af, d.table_id) for d in api.urpf_interface_dump(sw_if_index=index)]


@pytest.mark.parametrize("af", [0, 1])
def test_urpf(api, loops, af):
    a, b = loops

    def put(index, mode, is_input=True, **more):
        return api.urpf_update_v2(sw_if_index=index, mode=mode, af=af, is_input=is_input, **{"table_id": NONE, **more}).retval

    assert dump(api) == []
    assert api.urpf_update(sw_if_index=a, mode=1, af=af, is_input=True).retval == 0
    assert dump(api) == dump(api, a) == [(a, True, 1, af, NONE)] and dump(api, b) == []
    assert put(a, 2) == 0 and put(b, 1, False) == 0
    assert dump(api) == [(a, True, 2, af, NONE), (b, False, 1, af, NONE)]
    assert api.ip_table_add_del(is_add=True, table={"table_id": 7, "is_ip6": af}).retval == 0
    assert put(a, 1, table_id=7) == 0 and put(a, 2, False, table_id=7) == 0
    assert dump(api, a) == [(a, True, 1, af, 7), (a, False, 2, af, 7)]
    # what is wrong changes nothing
    assert put(9999, 1) == -2
    assert put(a, 3) < 0
    assert put(a, 2, table_id=77) == -3
    assert api.urpf_update(sw_if_index=a, mode=1, af=2, is_input=True).retval < 0
    assert dump(api, a) == [(a, True, 1, af, 7), (a, False, 2, af, 7)]
    assert dump(api, 9999) == []
    assert put(a, 0) == put(a, 0, False) == put(b, 0, False) == 0
    assert dump(api) == []
    assert api.ip_table_add_del(is_add=False, table={"table_id": 7, "is_ip6": af}).retval == 0
    assert 7 not in [d.table.table_id for d in api.ip_table_dump()]

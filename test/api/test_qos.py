"""Messages of qos.api."""
import pytest

NONE = 0xffffffff
EXT, VLAN, MPLS, IP = range(4)


@pytest.fixture
def loop(api):
    index = api.create_loopback(mac_address=bytes(6)).sw_if_index
    yield index
    api.delete_loopback(sw_if_index=index)


@pytest.fixture
def egress_map(api):
    rows = [{"outputs": bytes([source]) * 256} for source in range(4)]
    assert api.qos_egress_map_update(map={"id": 12, "rows": rows}).retval == 0
    yield 12
    assert api.qos_egress_map_delete(id=12).retval == 0


def record(api, index, source, enable=True):
    return api.qos_record_enable_disable(enable=enable, record={"sw_if_index": index, "input_source": source}).retval


def store(api, index, source, value=0, enable=True):
    values = {"sw_if_index": index, "input_source": source, "value": value}
    return api.qos_store_enable_disable(enable=enable, store=values).retval


def mark(api, index, source, map_id=0, enable=True):
    values = {"sw_if_index": index, "map_id": map_id, "output_source": source}
    return api.qos_mark_enable_disable(enable=enable, mark=values).retval


def test_record(api, loop):
    assert record(api, loop, IP) == 0 and record(api, loop, VLAN) == 0
    assert {(d.record.sw_if_index, d.record.input_source) for d in api.qos_record_dump()} == {(loop, IP), (loop, VLAN)}
    assert record(api, loop, MPLS) == -126
    assert record(api, loop, 9) == -7
    assert record(api, 999, IP) == -2
    assert record(api, loop, IP, False) == 0 and record(api, loop, IP, False) == -6
    assert record(api, loop, VLAN, False) == 0
    assert api.qos_record_dump() == []


def test_store(api, loop):
    assert store(api, loop, IP, 77) == 0
    (d,) = api.qos_store_dump()
    assert (d.store.sw_if_index, d.store.input_source, d.store.value) == (loop, IP, 77)
    assert store(api, loop, VLAN, 1) == -126
    assert store(api, 999, IP, 1) == -2
    assert store(api, loop, IP, enable=False) == 0 and store(api, loop, IP, enable=False) == -6


def test_maps(api, egress_map):
    (d,) = api.qos_egress_map_dump()
    assert d.map.id == egress_map
    assert [bytes(row.outputs) for row in d.map.rows] == [bytes([source]) * 256 for source in range(4)]
    assert api.qos_egress_map_delete(id=99).retval == -6


def test_marks(api, loop, egress_map):
    assert mark(api, loop, VLAN, egress_map) == 0
    (d,) = api.qos_mark_dump(sw_if_index=NONE)
    assert (d.mark.sw_if_index, d.mark.map_id, d.mark.output_source) == (loop, egress_map, VLAN)
    assert len(api.qos_mark_dump(sw_if_index=loop)) == 1 and api.qos_mark_dump(sw_if_index=0) == []
    assert api.qos_egress_map_delete(id=egress_map).retval == -155
    assert mark(api, loop, IP, 99) == -65
    assert mark(api, loop, EXT, egress_map) == -126
    assert mark(api, 999, IP, egress_map) == -2
    assert mark(api, loop, VLAN, enable=False) == 0 and mark(api, loop, VLAN, enable=False) == -6

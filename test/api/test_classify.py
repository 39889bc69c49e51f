"""Messages of classify.api."""
import socket

import pytest

NONE = 0xffffffff
MASK = bytes(10) + b"\xff" * 4 + bytes(2)  # the source of IPv4 behind Ethernet, in the second vector


@pytest.fixture
def loop(api):
    index = api.create_loopback(mac_address=bytes(6)).sw_if_index
    yield index
    api.delete_loopback(sw_if_index=index)


@pytest.fixture
def table(api):
    made = api.classify_add_del_table(is_add=True, table_index=NONE, nbuckets=16, memory_size=1 << 20,
                                      skip_n_vectors=1, match_n_vectors=1, next_table_index=NONE,
                                      miss_next_index=0, mask_len=16, mask=MASK)
    assert (made.retval, made.skip_n_vectors, made.match_n_vectors) == (0, 1, 1)
    yield made.new_table_index
    assert api.classify_add_del_table(table_index=made.new_table_index).retval == 0


def match(last):
    return bytes(26) + bytes([10, 0, 0, last]) + bytes(2)


def session(api, table, last, is_add=True, **kwargs):
    values = {"hit_next_index": NONE, "opaque_index": NONE, "match_len": 32, "match": match(last), **kwargs}
    return api.classify_add_del_session(is_add=is_add, table_index=table, **values).retval


def test_tables(api, table):
    assert list(api.classify_table_ids().ids) == [table]
    info = api.classify_table_info(table_id=table)
    assert (info.retval, info.nbuckets, info.skip_n_vectors, info.match_n_vectors) == (0, 16, 1, 1)
    assert (info.active_sessions, info.next_table_index, info.miss_next_index) == (0, NONE, 0)
    assert bytes(info.mask) == MASK
    assert api.classify_table_info(table_id=99).retval == -91
    # its end is another
    assert api.classify_add_del_table(is_add=True, table_index=table, next_table_index=NONE,
                                      miss_next_index=NONE).retval == 0
    assert api.classify_table_info(table_id=table).miss_next_index == NONE
    assert api.classify_add_del_table(table_index=99).retval == -65
    wrong = {"is_add": True, "table_index": NONE, "nbuckets": 2, "next_table_index": NONE,
             "miss_next_index": NONE}
    for skip, vectors, mask in ((0, 0, b""), (0, 6, bytes(96)), (32, 1, MASK), (0, 2, MASK)):
        assert api.classify_add_del_table(**wrong, skip_n_vectors=skip, match_n_vectors=vectors,
                                          mask_len=len(mask), mask=mask).retval == -7
    assert api.classify_add_del_table(**{**wrong, "next_table_index": 99}, match_n_vectors=1,
                                      mask_len=16, mask=MASK).retval == -65
    assert list(api.classify_table_ids().ids) == [table]


def test_sessions(api, table):
    assert session(api, table, 5, hit_next_index=0, opaque_index=7, advance=-4) == 0
    assert session(api, table, 6) == 0
    found = {bytes(s.match)[26:30]: s for s in api.classify_session_dump(table_id=table)}
    assert set(found) == {b"\x0a\0\0\5", b"\x0a\0\0\6"}
    first = found[b"\x0a\0\0\5"]
    assert (first.hit_next_index, first.opaque_index, first.advance, first.match_length) == (0, 7, -4, 32)
    assert api.classify_table_info(table_id=table).active_sessions == 2
    assert session(api, table, 5, is_add=False) == 0
    assert session(api, table, 5, is_add=False) == -6
    assert session(api, 99, 5) == -65
    assert session(api, table, 5, match_len=16, match=bytes(16)) == -7
    assert session(api, table, 5, action=3, metadata=7) == -126
    assert session(api, table, 5, action=2, metadata=7) == 0
    assert 7 in [t.table.table_id for t in api.ip_table_dump() if t.table.is_ip6]
    assert session(api, table, 5, is_add=False) == 0
    assert 7 not in [t.table.table_id for t in api.ip_table_dump() if t.table.is_ip6]
    assert session(api, table, 5, action=9) == -7
    assert len(api.classify_session_dump(table_id=table)) == 1
    assert api.classify_session_dump(table_id=99) == []


def test_a_long_dump(api, table):
    for n in range(1000):
        values = {"hit_next_index": NONE, "opaque_index": n, "match_len": 32,
                  "match": bytes(26) + n.to_bytes(4, "big") + bytes(2)}
        assert api.classify_add_del_session(is_add=True, table_index=table, **values).retval == 0
    got = api.classify_session_dump(table_id=table)
    assert sorted(s.opaque_index for s in got) == list(range(1000))


def test_interfaces(api, table, loop):
    none = {"ip4_table_index": NONE, "ip6_table_index": NONE, "l2_table_index": NONE}
    assert api.input_acl_set_interface(sw_if_index=loop, is_add=True,
                                       **{**none, "ip4_table_index": table}).retval == 0
    by = api.classify_table_by_interface(sw_if_index=loop)
    assert (by.retval, by.ip4_table_id, by.l2_table_id, by.ip6_table_id) == (0, table, NONE, NONE)
    assert api.classify_table_by_interface(sw_if_index=999).retval == -2
    # what is in use stays
    assert api.classify_add_del_table(table_index=table).retval == -155
    assert api.output_acl_set_interface(sw_if_index=loop, is_add=True,
                                        **{**none, "l2_table_index": table}).retval == 0
    assert api.input_acl_set_interface(sw_if_index=loop, is_add=True,
                                       **{**none, "ip4_table_index": 99}).retval == -65
    assert api.input_acl_set_interface(sw_if_index=loop, is_add=True,
                                       **{**none, "ip6_table_index": 99}).retval == -65
    for change in (api.input_acl_set_interface, api.output_acl_set_interface):
        assert change(sw_if_index=loop, is_add=True, **{**none, "ip6_table_index": table}).retval == 0
        assert api.classify_table_by_interface(sw_if_index=loop).ip6_table_id == table
    for change in (api.input_acl_set_interface, api.output_acl_set_interface):
        assert change(sw_if_index=loop, **{**none, "ip6_table_index": table}).retval == 0
    assert api.classify_table_by_interface(sw_if_index=loop).ip6_table_id == NONE
    assert api.input_acl_set_interface(sw_if_index=999, is_add=True, **none).retval == -2
    tables = {"ip4_table_index": table, "ip6_table_index": NONE, "other_table_index": table}
    assert api.classify_set_interface_l2_tables(sw_if_index=loop, is_input=True, **tables).retval == 0
    assert api.classify_set_interface_l2_tables(sw_if_index=loop, is_input=True,
                                                **{**tables, "ip6_table_index": 99}).retval == -65
    assert api.classify_set_interface_l2_tables(sw_if_index=999, is_input=True, **tables).retval == -2
    for unset in (api.input_acl_set_interface(sw_if_index=loop, **{**none, "ip4_table_index": table}),
                  api.output_acl_set_interface(sw_if_index=loop, **{**none, "l2_table_index": table}),
                  api.classify_set_interface_l2_tables(sw_if_index=loop, is_input=True, ip4_table_index=NONE,
                                                       ip6_table_index=NONE, other_table_index=NONE)):
        assert unset.retval == 0
    assert api.classify_table_by_interface(sw_if_index=loop).ip4_table_id == NONE


def test_what_is_punted(switch, api, table):
    def tables():
        reply = api.punt_acl_get()
        assert reply.retval == 0
        return reply.ip4_table_index, reply.ip6_table_index
    assert tables() == (NONE, NONE)
    assert api.punt_acl_add_del(is_add=True, ip4_table_index=99, ip6_table_index=NONE).retval == -65
    assert api.punt_acl_add_del(is_add=True, ip4_table_index=NONE, ip6_table_index=table).retval == 0
    assert tables() == (NONE, table)
    assert f"set interface input acl intfc local0 ip6-punt-table {table}" in switch.vpp.running_config()
    assert api.punt_acl_add_del(is_add=False, ip4_table_index=NONE, ip6_table_index=table).retval == 0
    assert api.punt_acl_add_del(is_add=True, ip4_table_index=table, ip6_table_index=NONE).retval == 0
    assert tables() == (table, NONE)
    assert f"set interface input acl intfc local0 ip4-punt-table {table}" in switch.vpp.running_config()
    assert api.punt_acl_add_del(is_add=False, ip4_table_index=table, ip6_table_index=NONE).retval == 0
    assert tables() == (NONE, NONE)


def test_filters_of_traces_and_captures(switch, api, loop, table):
    def lines():
        return [line for line in switch.vpp.running_config() if line.startswith("classify filter")]
    mask = {"skip_n_vectors": 1, "match_n_vectors": 1, "mask_len": 16, "mask": MASK}
    other = {**mask, "mask": bytes(15) + b"\1"}
    assert list(api.classify_trace_get_tables().indices) == []
    assert api.classify_trace_lookup_table(**mask).table_index == NONE
    assert api.classify_trace_set_table(table_index=99).retval == -65
    assert api.classify_trace_set_table(table_index=table).retval == 0
    assert list(api.classify_trace_get_tables().indices) == [table]
    found = api.classify_trace_lookup_table(**mask)
    assert (found.retval, found.table_index) == (0, table)
    assert api.classify_trace_lookup_table(**other).table_index == NONE
    assert api.classify_trace_lookup_table(**{**mask, "mask_len": 8, "mask": MASK[:8]}).retval == -7
    assert lines() == [f"classify filter trace table {table}"]
    assert api.classify_trace_set_table(table_index=NONE).retval == 0 and lines() == []
    for index, name in ((0, "pcap"), (loop, "loop0")):
        assert api.classify_pcap_set_table(sw_if_index=index, table_index=table).retval == 0
        assert list(api.classify_pcap_get_tables(sw_if_index=index).indices) == [table]
        assert api.classify_pcap_lookup_table(sw_if_index=index, **mask).table_index == table
        assert lines() == [f"classify filter {name} table {table}"]
        assert api.classify_pcap_set_table(sw_if_index=index, table_index=NONE).retval == 0
        assert list(api.classify_pcap_get_tables(sw_if_index=index).indices) == [] and lines() == []
    assert api.pcap_trace_on(capture_rx=True, filter=True, max_packets=9, max_bytes_per_packet=99).retval == 0
    assert api.pcap_trace_off().retval == -6  # nothing was captured
    for function, retval in ("vnet_is_packet_traced", 0), ("other", -6), ("", -6):
        assert api.pcap_set_filter_function(filter_function_name=function).retval == retval
    assert api.classify_pcap_set_table(sw_if_index=999, table_index=table).retval == -2
    assert api.classify_pcap_get_tables(sw_if_index=999).retval == -2
    assert api.classify_pcap_lookup_table(sw_if_index=999, **mask).retval == -2


def test_own_addresses(switch, api, loop, table):
    def lines():
        return [line for line in switch.vpp.running_config() if " classify intfc " in line]
    for v6, host, words in (False, "10.44.0.1", "set ip"), (True, "2001:db8:44::1", "set ip6"):
        packed = socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, host)
        address = {"af": int(v6), "un": {"ip6" if v6 else "ip4": packed}}
        bind = {"is_ipv6": v6, "sw_if_index": loop}
        assert api.classify_set_interface_ip_table(**bind, table_index=table).retval == -54  # no address
        assert api.classify_set_interface_ip_table(**bind, table_index=NONE).retval == 0
        assert api.sw_interface_add_del_address(sw_if_index=loop, is_add=True, prefix={"address": address, "len": 24}).retval == 0
        assert api.classify_set_interface_ip_table(**bind, table_index=99).retval == -6
        assert api.classify_set_interface_ip_table(**{**bind, "sw_if_index": 999}, table_index=table).retval == -2
        assert lines() == []
        assert api.classify_set_interface_ip_table(**bind, table_index=table).retval == 0
        assert lines() == [f"{words} classify intfc loop0 table-index {table}"]
        assert api.classify_add_del_table(table_index=table).retval != 0
        route = api.ip_route_lookup(exact=1, prefix={"address": address, "len": 8 * len(packed)}).route
        assert [p.type for p in route.paths] == [1]  # local
        assert api.classify_set_interface_ip_table(**bind, table_index=NONE).retval == 0
        assert lines() == []

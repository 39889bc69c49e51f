"""Messages of tracedump.api and graph.api."""
import pytest
from piste import Api
from scapy.layers.inet import IP, UDP

NO_SUCH_NODE, UNSUPPORTED, INVALID_VALUE, NO_SUCH_ENTRY, EAGAIN = -63, -126, -7, -6, -165
ALL = 0xffffffff


@pytest.fixture(scope="module")
def api(switch, build):
    client = Api(switch.folder + "/api.sock", folder=f"{build}/api:{build}/plugins")
    yield client
    client.close()


@pytest.fixture(scope="module")
def net(switch):
    return switch.pg(0, "192.0.2.9/24"), switch.pg(1, "198.51.100.1/24")


def five(net):
    return [net[0].ether() / IP(src="192.0.2.1", dst="198.51.100.2") / UDP(sport=1000 + i, dport=9) for i in range(5)]


@pytest.fixture
def traced(switch, net, api):
    """Five packets through the router, captured."""
    pg_input = api.get_node_index(node_name="pg-input").node_index
    assert api.trace_capture_packets(node_index=pg_input, max_packets=5, use_filter=False,
                                     verbose=False, pre_capture_clear=True).retval == 0
    assert len(switch.exchange(net[0], five(net), net[1])) == 5
    yield
    assert api.trace_set_filters(flag=0, count=0, node_index=ALL,
                                 classifier_table_index=ALL).retval == 0
    assert api.trace_clear_capture().retval == 0


def packets(api, **more):
    asked = {"thread_id": ALL, "position": 0, "max": 50, "clear_cache": False, **more}
    return api.trace_v2_dump(**asked)


def test_v2_dump(traced, api):
    got = packets(api)
    assert [(p.thread_id, p.position, p.more) for p in got] == [
        (1, i, i < 4) for i in range(5)]
    for i, p in enumerate(got):
        assert "pg-input" in p.trace_data and "ip4-lookup" in p.trace_data and "pg1-tx" in p.trace_data
        assert f"UDP: {1000 + i} -> 9" in p.trace_data
    assert [p.position for p in packets(api, position=3)] == [3, 4]
    assert [(p.position, p.more) for p in packets(api, position=1, max=2)] == [(1, True), (2, True)]
    assert packets(api, thread_id=0) == [] and packets(api, thread_id=77) == []
    assert len(packets(api, thread_id=1)) == 5
    assert packets(api, position=ALL, clear_cache=True) == []


def test_dump_goes_on_from_where_it_stopped(traced, api):
    thread, position, seen = 0, 0, []
    while True:
        some, reply = api.trace_dump(clear_cache=0, thread_id=thread, position=position, max_records=2)
        assert reply.retval == 0 and len(some) <= 2
        seen += [(p.thread_id, p.position) for p in some]
        if reply.done:
            break
        assert reply.more_this_thread
        thread, position = reply.last_thread_id, reply.last_position
    assert seen == [(1, i) for i in range(5)]
    some, reply = api.trace_dump(clear_cache=1, thread_id=0, position=ALL, max_records=10)
    assert reply.flush_only and reply.done and some == []
    some, reply = api.trace_dump(clear_cache=0, thread_id=99, position=0, max_records=10)
    assert reply.retval == INVALID_VALUE and reply.done


def test_filters(traced, api):
    node = api.get_node_index(node_name="ip4-lookup").node_index
    other = api.get_node_index(node_name="arp-input").node_index

    def set_filter(flag, index, count=100):
        return api.trace_set_filters(flag=flag, count=count, node_index=index,
                                     classifier_table_index=ALL).retval

    assert set_filter(1, node) == 0 and len(packets(api)) == 5
    assert set_filter(2, node) == 0 and packets(api) == []
    assert set_filter(1, other) == 0 and packets(api) == []
    assert set_filter(2, other) == 0 and len(packets(api)) == 5
    # what is wrong changes nothing
    assert set_filter(1, 1 << 20) == NO_SUCH_NODE and set_filter(2, ALL) == NO_SUCH_NODE
    assert set_filter(3, 0) == UNSUPPORTED and set_filter(9, 0) == INVALID_VALUE
    assert len(packets(api)) == 5
    # a filter by nodes is one that a capture may ask for
    assert api.trace_capture_packets(node_index=api.get_node_index(node_name="pg-input").node_index, max_packets=5,
                                     use_filter=True, verbose=False, pre_capture_clear=False).retval == 0
    assert set_filter(0, 0) == 0 and len(packets(api)) == 5


def test_captures_only_where_packets_enter(api):
    node = api.get_node_index(node_name="ip4-lookup").node_index
    for index in (node, 1 << 20, ALL):
        assert api.trace_capture_packets(node_index=index, max_packets=5, use_filter=False, verbose=False,
                                         pre_capture_clear=False).retval == NO_SUCH_NODE


def test_a_filter_that_is_not_there_asks_for_all(switch, net, api):
    """By the API, as on VPP; the command says so."""
    assert "No classify filter configured" in switch.fails("trace add pg-input 5 filter")
    switch.ctl("clear trace")
    node = api.get_node_index(node_name="pg-input").node_index
    shown = api.get_node_index(node_name="ip4-lookup").node_index
    assert api.trace_set_filters(flag=1, count=100, node_index=shown, classifier_table_index=ALL).retval == 0
    assert api.trace_capture_packets(node_index=node, max_packets=5, use_filter=True, verbose=False,
                                     pre_capture_clear=True).retval == 0
    assert len(switch.exchange(net[0], five(net), net[1])) == 5 == len(packets(api))
    assert api.trace_set_filters(flag=0, count=0, node_index=ALL, classifier_table_index=ALL).retval == 0
    switch.ctl("clear trace")


def nodes(api, **more):
    asked = {"cursor": ALL, "index": ALL, "name": "", "flags": 0, "want_arcs": False, **more}
    return api.graph_node_get(**asked)


def test_graph(switch, net, api):
    every, reply = nodes(api, want_arcs=True)
    assert (reply.retval, reply.cursor) == (0, ALL)
    names = {n.index: n.name for n in every}
    assert len(names) == len(every) > 50
    lookup = next(n for n in every if n.name == "ip4-lookup")
    assert {"ip4-rewrite", "ip4-receive"} <= {names[i] for i in lookup.arcs_out}
    assert all(i in names for n in every for i in n.arcs_out)
    one, reply = nodes(api, name="ip4-lookup")
    assert reply.retval == 0 and [(n.index, n.n_arcs) for n in one] == [(lookup.index, 0)]
    one, reply = nodes(api, index=lookup.index)
    assert reply.retval == 0 and one[0].name == "ip4-lookup"
    some, reply = nodes(api, flags=256)
    assert "pg-input" in [n.name for n in some] and "ip4-lookup" not in [n.name for n in some]
    for wrong in ({"name": "nosuch"}, {"index": 1 << 20}):
        none, reply = nodes(api, **wrong)
        assert reply.retval == NO_SUCH_ENTRY and none == []
    rest, reply = nodes(api, cursor=every[-2].index)
    assert [n.index for n in rest] == [n.index for n in every[-2:]]
    assert nodes(api, cursor=ALL - 1)[0] == []

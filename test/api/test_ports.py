"""Messages of pipe.api and span.api; transmit queues."""
import pytest

NONE = 0xffffffff


@pytest.fixture
def loops(api):
    made = [api.create_loopback(mac_address=bytes(6)).sw_if_index for _ in range(3)]
    yield made
    for index in made:
        api.delete_loopback(sw_if_index=index)


def test_pipes(switch, api):
    made = api.pipe_create(is_specified=False)
    assert made.retval == 0
    two = api.pipe_create(is_specified=True, user_instance=7)
    assert two.retval == 0
    assert [(d.sw_if_index, d.pipe_sw_if_index, d.instance) for d in api.pipe_dump()] == \
        [(made.sw_if_index, made.pipe_sw_if_index, 0), (two.sw_if_index, two.pipe_sw_if_index, 7)]
    names = {d.sw_if_index: d.interface_name for d in api.sw_interface_dump(sw_if_index=NONE)}
    assert [names[i] for i in (two.sw_if_index, *two.pipe_sw_if_index)] == ["pipe7", "pipe7.0", "pipe7.1"]
    assert "pipe7: pipe7.0 <-> pipe7.1" in switch.vpp.ctl("show pipe")
    again = api.pipe_create(is_specified=True, user_instance=7)
    assert again.retval == -31 and again.sw_if_index == NONE
    assert api.pipe_create(is_specified=True, user_instance=1 << 20).retval == -7
    assert api.pipe_delete(sw_if_index=two.pipe_sw_if_index[0]).retval == -2
    assert api.pipe_delete(sw_if_index=999).retval == -2
    for pipe in (made, two):
        assert api.pipe_delete(sw_if_index=pipe.sw_if_index).retval == 0
        assert api.pipe_delete(sw_if_index=pipe.sw_if_index).retval == -2
    assert api.pipe_dump() == []


def test_a_pipe_takes_its_ends_along(api):
    """Clients that know the parent only set that up, and both ends are."""
    made = api.pipe_create(is_specified=False)
    ends = made.pipe_sw_if_index

    def states():
        flags = {d.sw_if_index: d.flags for d in api.sw_interface_dump(sw_if_index=NONE)}
        return [flags[i] & 1 for i in (made.sw_if_index, *ends)]

    assert states() == [0, 0, 0]
    assert api.sw_interface_set_flags(sw_if_index=made.sw_if_index, flags=1).retval == 0
    assert states() == [1, 1, 1]
    assert api.sw_interface_set_flags(sw_if_index=ends[1], flags=0).retval == 0
    assert states() == [1, 1, 0]
    assert api.sw_interface_set_flags(sw_if_index=made.sw_if_index, flags=0).retval == 0
    assert states() == [0, 0, 0]
    assert api.pipe_delete(sw_if_index=made.sw_if_index).retval == 0


def test_mirrors(switch, api, loops):
    a, b, c = loops

    def change(state, source=a, to=b, is_l2=False):
        return api.sw_interface_span_enable_disable(sw_if_index_from=source, sw_if_index_to=to, state=state,
                                                    is_l2=is_l2).retval

    def dump(is_l2=False):
        return {(d.sw_if_index_from, d.sw_if_index_to, d.state) for d in api.sw_interface_span_dump(is_l2=is_l2)
                if d.is_l2 == is_l2}
    assert dump() == dump(True) == set()
    assert change(1) == 0 and dump() == {(a, b, 1)} and dump(True) == set()
    assert change(3, to=c) == 0 and dump() == {(a, b, 1), (a, c, 3)}
    assert change(2, is_l2=True) == 0 and dump(True) == {(a, b, 2)}
    shown = switch.vpp.json("show interface span")["mirrors"]
    assert {"source": "loop0", "destination": "loop1", "device": "rx", "l2": "tx"} in shown
    assert change(4) == -9
    assert change(1, to=a) == -71
    assert change(1, source=999) == -2
    assert change(1, to=999) == -10
    assert change(1, to=NONE) == -10
    assert change(1, to=0) == -7
    assert dump() == {(a, b, 1), (a, c, 3)}
    assert change(0) == 0 and dump() == {(a, c, 3)} and dump(True) == {(a, b, 2)}
    assert change(1) == 0
    assert change(0, to=NONE) == 0 and dump() == set() and dump(True) == {(a, b, 2)}
    assert change(0, is_l2=True) == 0 and dump(True) == set()


def test_transmit_queues(switch, api, loops):
    details, reply = api.sw_interface_tx_placement_get(sw_if_index=loops[0])
    assert (details, reply.retval, reply.cursor) == ([], -6, 0)
    details, reply = api.sw_interface_tx_placement_get(sw_if_index=NONE)
    assert (details, reply.retval, reply.cursor) == ([], -6, 0)
    assert api.sw_interface_tx_placement_get(sw_if_index=999)[1].retval == -2
    switch.namespace.veth("q0", "q1")
    switch.vpp.ctl("create host-interface name q0 num-tx-queues 2")
    index = [d.sw_if_index for d in api.sw_interface_dump(sw_if_index=NONE) if d.interface_name == "host-q0"][0]
    for wanted in (index, NONE):
        details, reply = api.sw_interface_tx_placement_get(sw_if_index=wanted)
        assert (reply.retval, reply.cursor) == (0, NONE)
        assert [(d.sw_if_index, d.queue_id, d.shared, d.threads) for d in details] == \
            [(index, 0, 0, [1]), (index, 1, 0, [1])]
    assert api.sw_interface_tx_placement_get(sw_if_index=loops[0])[1].retval == -6
    switch.vpp.ctl("delete host-interface name q0")
    switch.namespace.ip("link del q0")


def test_transmit_queues_are_placed(start):
    two = start(config="cpu { workers 2 }")
    api = two.connect()
    two.namespace.veth("q0", "q1")
    two.vpp.ctl("create host-interface name q0")
    index = [d.sw_if_index for d in api.sw_interface_dump(sw_if_index=NONE) if d.interface_name == "host-q0"][0]

    def placed():
        details, _ = api.sw_interface_tx_placement_get(sw_if_index=index)
        return [(d.queue_id, d.shared, d.threads) for d in details]

    def place(queue, threads, sw_if_index=index):
        return api.sw_interface_set_tx_placement(sw_if_index=sw_if_index, queue_id=queue, array_size=len(threads),
                                                 threads=threads).retval

    assert placed() == [(0, 0, [1]), (1, 0, [2])]  # each data thread has its own
    assert place(0, [1, 2]) == 0
    assert placed() == [(0, 1, [1, 2]), (1, 0, [2])]
    assert place(1, []) == 0
    assert placed() == [(0, 1, [1, 2]), (1, 0, [])]
    saved = [line for line in two.vpp.ctl("show running-config").splitlines() if "tx-queue" in line]
    assert saved == ["set interface tx-queue host-q0 queue 0 threads 1-2", "set interface tx-queue host-q0 queue 1"]
    assert place(2, [1]) == -125
    assert place(0, [3]) == -7 and place(0, [70]) == -7
    assert place(0, [1], 0) == -2  # local0 has none
    assert placed() == [(0, 1, [1, 2]), (1, 0, [])]

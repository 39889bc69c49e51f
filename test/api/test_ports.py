"""Messages of pipe.api and span.api; transmit queues."""
import os

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


# ---- taps

def tap_dump(api, index=NONE):
    return {d.sw_if_index: d for d in api.sw_interface_tap_v2_dump(sw_if_index=index)}


needs_tun = pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="no /dev/net/tun")


@needs_tun
def test_taps(switch, api):
    made = api.tap_create_v3(id=4, use_random_mac=False, mac_address=bytes.fromhex("020000000401"), num_rx_queues=2,
                             rx_ring_sz=512, host_if_name_set=True, host_if_name="four", host_mac_addr_set=True,
                             host_mac_addr=bytes.fromhex("020000000402"), host_mtu_set=True, host_mtu_size=1400,
                             host_ip4_prefix_set=True, host_ip4_prefix={"address": bytes([10, 4, 0, 1]), "len": 24},
                             tap_flags=1, tag="of the test")
    assert made.retval == 0
    old = api.tap_create_v2(id=NONE, use_random_mac=True, tap_flags=16)  # a tun
    assert old.retval == 0
    details = tap_dump(api)
    assert sorted(details) == sorted((made.sw_if_index, old.sw_if_index))
    d = details[made.sw_if_index]
    assert (d.id, d.dev_name, d.host_if_name, d.rx_ring_sz, d.tx_ring_sz, d.host_mtu_size, d.tap_flags, d.host_namespace,
            d.host_bridge) == (4, "tap4", "four", 512, 256, 1400, 1, "", "")
    assert (bytes(d.host_mac_addr).hex(), bytes(d.host_ip4_prefix.address), d.host_ip4_prefix.len) == (
        "020000000402", bytes([10, 4, 0, 1]), 24)
    d = tap_dump(api, old.sw_if_index)[old.sw_if_index]
    assert (d.id, d.dev_name, d.host_if_name, d.tap_flags) == (0, "tun0", "tun0", 16)
    links = switch.namespace.ip("addr show four")
    assert "mtu 1400" in links and "02:00:00:00:04:02" in links and "10.4.0.1/24" in links
    seen = {i.sw_if_index: i for i in api.sw_interface_dump(sw_if_index=NONE)}[made.sw_if_index]
    assert (seen.interface_name, seen.tag, bytes(seen.l2_address).hex()) == ("tap4", "of the test", "020000000401")
    for index in (made.sw_if_index, old.sw_if_index):
        assert api.tap_delete_v2(sw_if_index=index).retval == 0
        assert api.tap_delete_v2(sw_if_index=index).retval == -2
    assert tap_dump(api) == {}
    assert "four" not in switch.namespace.ip("link")


@needs_tun
def test_taps_that_are_refused(api):
    index = api.tap_create_v3(id=0, use_random_mac=True).sw_if_index
    for retval, words in ((-79, {"id": 0}), (-7, {"rx_ring_sz": 300}), (-7, {"num_rx_queues": 1000}),
                          (-7, {"host_bridge_set": True, "host_bridge": "br0", "host_ip6_prefix_set": True}),
                          (-7, {"host_ip4_prefix_set": True, "host_ip4_prefix": {"address": bytes(4), "len": 33}}),
                          (-7, {"tap_flags": 8}), (-7, {"tag": "not\none line"}),
                          (-7, {"host_if_name_set": True, "host_if_name": "longer than Linux takes"}),
                          (-6, {"host_namespace_set": True, "host_namespace": "nowhere"})):
        reply = api.tap_create_v3(**{"id": NONE, "use_random_mac": True, **words})
        assert (reply.retval, reply.sw_if_index) == (retval, NONE), words
    assert api.tap_delete_v2(sw_if_index=0).retval == -2
    assert list(tap_dump(api)) == [index]
    assert api.tap_delete_v2(sw_if_index=index).retval == 0


# ---- AF_XDP

def test_af_xdp(switch, api):
    for name in ("x0", "x1"):
        switch.namespace.veth(name, f"{name}p")
    made = api.af_xdp_create_v3(host_if="x0", rxq_num=65535, flags=2)
    other = api.af_xdp_create_v3(host_if="x1", name="fast", rxq_num=1, rxq_size=1024, txq_size=256, mode=1, flags=1)
    assert made.retval == other.retval == 0
    seen = {i.sw_if_index: i for i in api.sw_interface_dump(sw_if_index=NONE)}
    assert seen[made.sw_if_index].interface_name == "x0/0" and seen[other.sw_if_index].interface_name == "fast"
    assert seen[made.sw_if_index].interface_dev_type == "af_xdp"
    assert ":".join(f"{b:02x}" for b in bytes(seen[made.sw_if_index].l2_address)) == switch.namespace.mac("x0")
    for retval, words in ((-71, {"host_if": "nothing"}), (-7, {"host_if": ""}), (-7, {"host_if": "x1", "rxq_size": 100}),
                          (-7, {"host_if": "x1", "rxq_num": 9}), (-7, {"host_if": "longer than Linux takes"}),
                          (-6, {"host_if": "x1", "netns": "nowhere"})):
        reply = api.af_xdp_create_v3(**words)
        assert (reply.retval, reply.sw_if_index) == (retval, NONE), words
    assert api.af_xdp_delete(sw_if_index=0).retval == -2
    for index in (made.sw_if_index, other.sw_if_index):
        assert api.af_xdp_delete(sw_if_index=index).retval == 0
        assert api.af_xdp_delete(sw_if_index=index).retval == -2

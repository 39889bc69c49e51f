"""Messages of interface.api, feature.api, af_packet.api; loopbacks."""
import struct

import pytest

MAC = bytes.fromhex("020000000a01")
NONE = 0xffffffff


@pytest.fixture
def loop(api):
    reply = api.create_loopback(mac_address=bytes(6))
    assert reply.retval == 0
    yield reply.sw_if_index
    api.delete_loopback(sw_if_index=reply.sw_if_index)


def details(api, index):
    found = api.sw_interface_dump(sw_if_index=index)
    assert len(found) == 1
    return found[0]


def test_dump(api, loop):
    found = {d.interface_name: d for d in api.sw_interface_dump(sw_if_index=NONE)}
    assert found["local0"].sw_if_index == 0 and found["local0"].interface_dev_type == "local"
    assert found["loop0"].sw_if_index == loop and found["loop0"].sup_sw_if_index == loop
    assert found["loop0"].l2_address == bytes.fromhex("dead00000000")
    assert found["loop0"].mtu[0] == 9000 and found["loop0"].type == 0


def test_details_length(api, loop):
    api.send("sw_interface_dump", sw_if_index=loop)
    assert len(api.read_body()) == 295


def test_dump_filters(api, loop):
    def names(**values):
        return [d.interface_name for d in api.sw_interface_dump(**values)]
    assert names(sw_if_index=NONE, name_filter_valid=True, name_filter="LOOP") == ["loop0"]
    assert names(sw_if_index=NONE, name_filter_valid=True, name_filter="none") == []
    assert names(sw_if_index=loop) == ["loop0"]
    assert names(sw_if_index=77) == []


def test_set_flags_bytes(api, loop):
    number = api.number("sw_interface_set_flags")
    assert api.definitions.crcs["sw_interface_set_flags"] == "f5aec1b8"
    api.send_body(struct.pack(">HIIII", number, api.index, 9, loop, 1))
    assert api.read_body()[2:] == b"\0\0\0\x09\0\0\0\0"
    assert details(api, loop).flags == 3
    api.send_body(struct.pack(">HIII", number, api.index, 0xdead0001, 77) + b"\0\0\0\x01")
    assert api.read_body()[2:] == b"\xde\xad\0\x01\xff\xff\xff\xfe"


def test_no_such_interface(api):
    for name, values in {
            "sw_interface_set_flags": {}, "sw_interface_set_promisc": {}, "hw_interface_set_mtu": {"mtu": 1500},
            "sw_interface_set_mtu": {}, "sw_interface_tag_add_del": {"is_add": 1, "tag": "x"},
            "sw_interface_set_mac_address": {"mac_address": MAC}, "sw_interface_get_mac_address": {},
            "sw_interface_set_interface_name": {"name": "x"}, "sw_interface_clear_stats": {},
            "sw_interface_set_rx_mode": {"mode": 1}, "sw_interface_set_rx_placement": {},
            "sw_interface_set_tx_placement": {},
            "sw_interface_add_del_address": {"del_all": 1}, "sw_interface_set_table": {},
            "sw_interface_get_table": {}, "sw_interface_ip4_enable_disable": {},
            "sw_interface_set_ip_directed_broadcast": {}, "delete_loopback": {},
            "feature_enable_disable": {}, "feature_is_enabled": {}}.items():
        for index in (1000, NONE - 1, 0x10000):
            assert api.request(name, sw_if_index=index, **values).retval == -2, name


def test_mac(api, loop):
    assert api.sw_interface_set_mac_address(sw_if_index=loop, mac_address=MAC).retval == 0
    assert api.sw_interface_get_mac_address(sw_if_index=loop).mac_address == MAC
    assert api.sw_interface_set_mac_address(sw_if_index=0, mac_address=MAC).retval == -151
    other = {"sw_if_index": loop, "addr": bytes.fromhex("00005e000101")}
    for add, retval in ((1, 0), (1, -116), (0, 0), (0, -6)):
        assert api.sw_interface_add_del_mac_address(**other, is_add=add).retval == retval
    assert api.sw_interface_add_del_mac_address(**{**other, "sw_if_index": 0}, is_add=1).retval == -151
    assert api.sw_interface_add_del_mac_address(**{**other, "sw_if_index": 999}, is_add=1).retval == -2


def test_mtu(switch, api, loop):
    """What is asked for is kept, shown and saved, whatever the link takes."""
    lines = {"packet": 9000, "ip4": 0, "ip6": 0, "mpls": 0}
    for mtu in [1400, 1300, 0, 0], [0, 0, 0, 0], [0, 1400, 1300, 1200], [65000, 70000, 0, 0], [9000, 0, 0, 0]:
        assert api.sw_interface_set_mtu(sw_if_index=loop, mtu=mtu).retval == 0
        assert details(api, loop).mtu == mtu
        assert [line for line in switch.vpp.running_config() if " mtu " in line] == \
            [f"set interface mtu {word} {value} loop0"
             for (word, usual), value in zip(lines.items(), mtu) if value != usual]
    assert api.sw_interface_set_mtu(sw_if_index=loop, mtu=[1000, 63, 0, 0]).retval == -7
    assert details(api, loop).mtu == [9000, 0, 0, 0], "a refusal changes nothing"
    assert api.sw_interface_set_mtu(sw_if_index=0, mtu=[0, 0, 0, 0]).retval == 0


def test_sub_interface_details(api, loop):
    """The hardware's type and frame, no MAC address of its own."""
    sub = api.create_vlan_subif(sw_if_index=loop, vlan_id=7).sw_if_index
    found = details(api, sub)
    assert (found.type, found.sup_sw_if_index, found.interface_dev_type, found.l2_address) == (1, loop, "Loopback", bytes(6))
    assert found.link_mtu == details(api, loop).link_mtu == 9000
    pipe = api.pipe_create(is_specified=False)
    for end in pipe.pipe_sw_if_index:
        found = details(api, end)
        assert (found.type, found.sup_sw_if_index, found.interface_dev_type, found.l2_address) == \
            (3, pipe.sw_if_index, "Pipe", bytes(6))
    assert details(api, pipe.sw_if_index).type == 0
    api.pipe_delete(sw_if_index=pipe.sw_if_index)


def test_tag(api, loop):
    assert api.sw_interface_tag_add_del(sw_if_index=loop, is_add=True, tag="uplink").retval == 0
    assert details(api, loop).tag == "uplink"
    assert api.sw_interface_tag_add_del(sw_if_index=loop, is_add=True, tag="").retval == -7
    assert api.sw_interface_tag_add_del(sw_if_index=loop, is_add=False).retval == 0
    assert details(api, loop).tag == ""


def test_name(api, loop):
    assert api.sw_interface_set_interface_name(sw_if_index=loop, name="other").retval == 0
    assert details(api, loop).interface_name == "other"
    assert api.sw_interface_set_interface_name(sw_if_index=loop, name="").retval == -7
    assert api.sw_interface_set_interface_name(sw_if_index=loop, name="loop0").retval == 0


def test_loopback_instances(api):
    first = api.create_loopback_instance(mac_address=MAC, is_specified=True, user_instance=42)
    assert first.retval == 0
    assert details(api, first.sw_if_index).interface_name == "loop42"
    assert details(api, first.sw_if_index).l2_address == MAC
    again = api.create_loopback_instance(is_specified=True, user_instance=42)
    assert again.retval == -31 and again.sw_if_index == NONE
    assert api.delete_loopback(sw_if_index=first.sw_if_index).retval == 0
    assert api.delete_loopback(sw_if_index=first.sw_if_index).retval == -2
    assert api.delete_loopback(sw_if_index=0).retval == -2


def test_events(api):
    assert api.want_interface_events(enable_disable=1, pid=0x35f4).retval == 0
    assert api.want_interface_events(enable_disable=1, pid=0x35f4).retval == -31
    made = api.create_loopback(mac_address=bytes(6)).sw_if_index
    event = api.event()
    assert (event.name_, event.sw_if_index, event.flags, event.deleted) == \
        ("sw_interface_event", made, 0, False)
    assert event.client_index == api.index and event.pid == 0x35f4
    api.send("sw_interface_set_flags", context=5, sw_if_index=made, flags=1)
    api.send("control_ping", context=6)
    kinds = [api.receive()]
    while kinds[-1].name_ != "control_ping_reply":
        kinds.append(api.receive())
    assert kinds[0].name_ == "sw_interface_set_flags_reply", "the reply comes first"
    assert [(k.name_, k.flags) for k in kinds[1:-1]] == [("sw_interface_event", 3)]

    def told():
        assert api.control_ping().retval == 0
        found = [(e.sw_if_index, e.flags, e.deleted) for e in api.events]
        api.events.clear()
        return found
    sub = api.create_vlan_subif(sw_if_index=made, vlan_id=5).sw_if_index
    assert told() == [(sub, 0, False)], "whatever the link of what it is on"
    assert api.sw_interface_set_flags(sw_if_index=sub, flags=1).retval == 0
    assert told() == [(sub, 1, False)]
    assert api.sw_interface_set_flags(sw_if_index=made, flags=0).retval == 0
    assert api.sw_interface_set_flags(sw_if_index=made, flags=1).retval == 0
    assert told() == [(made, 0, False), (made, 3, False)]
    assert api.delete_loopback(sw_if_index=made).retval == 0
    assert sorted(told()) == [(made, 0, True), (sub, 0, True)]
    assert api.want_interface_events(enable_disable=0, pid=0x35f4).retval == 0
    assert api.want_interface_events(enable_disable=0, pid=0x35f4).retval == -31


def test_event_bytes(api):
    api.want_interface_events(enable_disable=1, pid=0x35f4)
    api.send("sw_interface_set_flags", sw_if_index=0, flags=1)
    api.read_body()
    body = api.read_body()
    assert len(body) == 19
    assert body[2:] == struct.pack(">I", api.index) + b"\0\0\x35\xf4\0\0\0\0\0\0\0\x01\0"
    api.send("sw_interface_set_flags", sw_if_index=0, flags=0)


def test_events_of_other_clients_and_the_cli(switch, api, loop):
    api.want_interface_events(enable_disable=1, pid=1)
    switch.vpp.ctl("set interface state loop0 up")
    assert api.event().sw_if_index == loop
    other = switch.connect()
    other.sw_interface_set_flags(sw_if_index=loop, flags=0)
    while api.event().flags & 1:
        pass
    assert other.events == []


def test_events_end_with_the_client(switch):
    gone = switch.connect()
    gone.want_interface_events(enable_disable=1, pid=1)
    gone.close()
    other = switch.connect()
    made = other.create_loopback(mac_address=bytes(6)).sw_if_index
    assert other.delete_loopback(sw_if_index=made).retval == 0


def test_rx_mode_of_an_interface_without_queues(api, loop):
    for mode in 1, 2, 3, 4:
        assert api.sw_interface_set_rx_mode(sw_if_index=loop, mode=mode).retval == 0
    assert api.sw_interface_set_rx_mode(sw_if_index=loop, mode=9).retval == -7
    assert api.sw_interface_set_rx_mode(sw_if_index=999, mode=1).retval == -2
    assert api.sw_interface_set_rx_mode(sw_if_index=loop, mode=1, queue_id_valid=True).retval == -125


def test_default_rx_mode(api):
    before = api.sw_interface_get_default_rx_mode().mode
    assert api.sw_interface_set_default_rx_mode(mode=1).retval == 0
    assert api.sw_interface_get_default_rx_mode().mode == 1
    assert api.sw_interface_set_default_rx_mode(mode=9).retval == -7
    api.sw_interface_set_default_rx_mode(mode=before)


def test_features(api, loop):
    values = {"arc_name": "interface-output", "feature_name": "interface-offload", "sw_if_index": loop}
    assert api.feature_is_enabled(**values).is_enabled is False
    assert api.feature_enable_disable(enable=True, **values).retval == 0
    assert api.feature_is_enabled(**values).is_enabled is True
    assert api.feature_enable_disable(enable=False, **values).retval == 0
    values["feature_name"] = "nothing"
    assert api.feature_enable_disable(enable=True, **values).retval == -7
    assert api.feature_is_enabled(**values).retval == -7


def test_af_packet(switch, api):
    switch.namespace.veth("apia", "apib")
    made = api.af_packet_create_v3(host_if_name="apia", use_random_hw_addr=True, mode=1, flags=3,
                                   num_rx_queues=1, num_tx_queues=1)
    assert made.retval == 0
    found = details(api, made.sw_if_index)
    assert (found.interface_name, found.interface_dev_type) == ("host-apia", "af-packet")
    assert api.sw_interface_set_mtu(sw_if_index=made.sw_if_index, mtu=[9000, 0, 0, 0]).retval == 0
    assert details(api, made.sw_if_index).mtu == [9000, 0, 0, 0]
    assert api.sw_interface_set_mtu(sw_if_index=made.sw_if_index, mtu=[1500, 0, 0, 0]).retval == 0
    assert [(d.sw_if_index, d.host_if_name) for d in api.af_packet_dump()] == \
        [(made.sw_if_index, "apia")]
    placed = api.sw_interface_rx_placement_dump(sw_if_index=made.sw_if_index)
    assert [(p.queue_id, p.worker_id) for p in placed] == [(0, 1)]
    assert api.sw_interface_set_rx_mode(sw_if_index=made.sw_if_index, mode=2).retval == 0
    assert api.sw_interface_rx_placement_dump(sw_if_index=NONE)[0].mode == 2
    assert api.sw_interface_set_rx_mode(sw_if_index=made.sw_if_index, queue_id_valid=True,
                                        queue_id=5, mode=2).retval == -125
    assert api.sw_interface_set_rx_placement(sw_if_index=made.sw_if_index, worker_id=0).retval == 0
    for more in {"worker_id": 9}, {"worker_id": 0, "queue_id": 5}, {"is_main": True, "queue_id": 5}:
        assert api.sw_interface_set_rx_placement(sw_if_index=made.sw_if_index, **more).retval == -9, more
    assert api.sw_interface_set_rx_placement(sw_if_index=made.sw_if_index, is_main=True).retval == 0
    assert [(p.queue_id, p.worker_id) for p in api.sw_interface_rx_placement_dump(sw_if_index=made.sw_if_index)] == [(0, 1)]
    assert "set interface rx-placement host-apia queue 0 worker 0" in switch.vpp.running_config()
    switch.vpp.ctl("set interface rx-placement host-apia main")
    assert api.sw_interface_set_promisc(sw_if_index=made.sw_if_index, promisc_on=True).retval == 0
    assert api.sw_interface_clear_stats(sw_if_index=made.sw_if_index).retval == 0
    assert api.sw_interface_clear_stats(sw_if_index=NONE).retval == 0
    again = api.af_packet_create_v3(host_if_name="apia", use_random_hw_addr=True, num_rx_queues=1, num_tx_queues=1)
    assert (again.retval, again.sw_if_index) == (-79, made.sw_if_index)
    assert api.af_packet_set_l4_cksum_offload(sw_if_index=made.sw_if_index, set=False).retval == 0
    assert api.af_packet_set_l4_cksum_offload(sw_if_index=0, set=False).retval == -2
    assert api.af_packet_delete(host_if_name="apia").retval == 0
    assert api.af_packet_delete(host_if_name="apia").retval == -11
    for version in ("", "_v2"):
        made = api.request("af_packet_create" + version, host_if_name="apia", hw_addr=MAC)
        assert made.retval == 0 and details(api, made.sw_if_index).l2_address == MAC
        assert api.af_packet_delete(host_if_name="apia").retval == 0
    assert api.af_packet_create(host_if_name="nothing", use_random_hw_addr=True).retval == -71


def test_nodes_and_threads(api):
    known = api.get_node_index(node_name="error-drop")
    assert known.retval == 0
    assert api.get_node_index(node_name="nothing").retval == -63
    assert api.get_next_index(node_name="nothing", next_name="error-drop").retval == -63
    assert api.get_next_index(node_name="error-drop", next_name="nothing").retval == -64
    assert api.get_next_index(node_name="error-drop", next_name="ethernet-input").retval == -50
    added = api.add_node_next(node_name="ethernet-input", next_name="error-drop")
    assert added.retval == 0
    assert api.get_next_index(node_name="ethernet-input", next_name="error-drop").next_index == \
        added.next_index
    threads = api.show_threads().thread_data
    assert threads[0].name.endswith("main") and threads[1].type == "workers"


def test_software_offload(switch, api, loop):
    def lines():
        return [line for line in switch.vpp.running_config() if "feature gso" in line]
    assert lines() == []
    assert api.feature_gso_enable_disable(sw_if_index=loop, enable_disable=False).retval == 0
    assert lines() == ["set interface feature gso loop0 disable"]
    assert api.feature_gso_enable_disable(sw_if_index=loop, enable_disable=True).retval == 0
    assert lines() == []
    assert api.feature_gso_enable_disable(sw_if_index=999, enable_disable=True).retval == -2
    assert api.feature_gso_enable_disable(sw_if_index=0, enable_disable=True).retval == -126


def test_detailed_stats(switch, api, loop):
    def lines():
        return [line for line in switch.vpp.running_config() if "detailed-stats" in line]

    def change(index, on):
        return api.collect_detailed_interface_stats(sw_if_index=index, enable_disable=on).retval
    assert change(loop, True) == 0 and lines() == ["interface collect detailed-stats enable loop0"]
    assert change(loop, True) == 0
    assert change(NONE, True) == 0 and lines() == ["interface collect detailed-stats enable"]
    assert change(loop, False) == 0 and lines()[1:] == ["interface collect detailed-stats disable loop0"]
    assert change(NONE, False) == 0 and lines() == []
    assert change(999, True) == -2 and change(0, True) == -126

"""Messages of l2.api, and sub-interfaces."""
import pytest

NONE = 0xffffffff
MAC = bytes.fromhex("020000000a01")


@pytest.fixture
def loops(api):
    made = [api.create_loopback(mac_address=bytes(6)).sw_if_index for _ in range(2)]
    yield made
    for index in made:
        api.delete_loopback(sw_if_index=index)


def domain(api, number):
    return api.bridge_domain_dump(bd_id=number, sw_if_index=NONE)


def test_bridge_domains(api):
    values = {"bd_id": 10, "is_add": True, "flood": True, "forward": True, "mac_age": 3, "bd_tag": "blue"}
    assert api.bridge_domain_add_del(**values).retval == 0
    assert api.bridge_domain_add_del(**values).retval == -119
    (d,) = domain(api, 10)
    assert (d.flood, d.uu_flood, d.forward, d.learn, d.arp_term) == (True, False, True, False, False)
    assert (d.mac_age, d.bd_tag, d.n_sw_ifs, d.bvi_sw_if_index) == (3, "blue", 0, NONE)
    flags = api.bridge_flags(bd_id=10, is_set=True, flags=1)
    assert flags.retval == 0 and flags.resulting_feature_bitmap == 1 | 2 | 4
    assert api.bridge_flags(bd_id=10, is_set=False, flags=2).resulting_feature_bitmap == 1 | 4
    assert api.bridge_flags(bd_id=99, flags=2).retval == -6
    assert api.bridge_domain_set_mac_age(bd_id=10, mac_age=7).retval == 0
    assert domain(api, 10)[0].mac_age == 7
    assert api.bridge_domain_set_mac_age(bd_id=99).retval == -6
    assert api.bridge_domain_set_learn_limit(bd_id=10, learn_limit=5).retval == 0
    assert api.bridge_domain_add_del(bd_id=10).retval == 0
    assert api.bridge_domain_add_del(bd_id=10).retval == -6
    assert api.bridge_domain_add_del(bd_id=0, is_add=True).retval == -121
    assert api.bridge_domain_add_del(bd_id=1 << 24, is_add=True).retval == -122


def test_a_number_that_the_switch_chooses(api):
    made = api.bridge_domain_add_del_v2(bd_id=NONE, is_add=True)
    assert made.retval == 0 and len(domain(api, made.bd_id)) == 1
    assert api.bridge_domain_add_del_v2(bd_id=made.bd_id).retval == 0


def test_ports(api, loops):
    api.bridge_domain_add_del_v2(bd_id=10, is_add=True, learn=True, forward=True)
    assert api.sw_interface_set_l2_bridge(rx_sw_if_index=loops[0], bd_id=10, enable=True, shg=2).retval == 0
    assert api.sw_interface_set_l2_bridge(rx_sw_if_index=loops[1], bd_id=10, enable=True, port_type=1).retval == 0
    (d,) = domain(api, 10)
    assert {(i.sw_if_index, i.shg) for i in d.sw_if_details} == {(loops[0], 2), (loops[1], 0)}
    assert d.bvi_sw_if_index == loops[1]
    assert len(api.bridge_domain_dump(bd_id=NONE, sw_if_index=loops[0])) == 1
    assert api.bridge_domain_dump(bd_id=NONE, sw_if_index=0) == []
    assert api.bridge_domain_add_del_v2(bd_id=10).retval == -120
    assert api.sw_interface_set_l2_bridge(rx_sw_if_index=999, bd_id=10, enable=True).retval == -2
    assert api.sw_interface_set_l2_bridge(rx_sw_if_index=loops[0], bd_id=0, enable=True).retval == -121
    assert api.sw_interface_set_l2_bridge(rx_sw_if_index=0, bd_id=10, enable=True).retval == -151
    for index in loops:
        assert api.sw_interface_set_l2_bridge(rx_sw_if_index=index, bd_id=10, enable=False).retval == 0
    assert api.bridge_domain_add_del_v2(bd_id=10).retval == 0


def test_mac_table(api, loops):
    api.bridge_domain_add_del_v2(bd_id=10, is_add=True, learn=True, forward=True)
    api.sw_interface_set_l2_bridge(rx_sw_if_index=loops[0], bd_id=10, enable=True)
    add = {"bd_id": 10, "mac": MAC, "sw_if_index": loops[0]}
    assert api.l2fib_add_del(is_add=True, static_mac=True, **add).retval == 0
    (e,) = [e for e in api.l2_fib_table_dump(bd_id=10) if e.mac == MAC]
    assert (e.bd_id, e.sw_if_index, e.static_mac, e.filter_mac) == (10, loops[0], True, False)
    assert api.l2_fib_table_dump(bd_id=99) == []
    assert api.l2fib_add_del(is_add=True, **{**add, "bd_id": 99}).retval == -6
    assert api.l2fib_add_del(is_add=True, **{**add, "sw_if_index": loops[1]}).retval == -2
    assert api.l2fib_add_del(is_add=False, **add).retval == 0
    assert api.l2fib_add_del(is_add=False, **add).retval == -6
    assert api.l2fib_add_del(is_add=True, filter_mac=True, **{**add, "sw_if_index": NONE}).retval == 0
    assert api.l2fib_flush_all().retval == 0
    assert api.l2fib_flush_bd(bd_id=10).retval == 0
    assert api.l2fib_flush_bd(bd_id=99).retval == -6
    assert api.l2fib_flush_int(sw_if_index=loops[0]).retval == 0
    assert api.l2fib_flush_int(sw_if_index=999).retval == -2
    assert api.l2_fib_clear_table().retval == 0
    assert [e for e in api.l2_fib_table_dump(bd_id=10) if e.mac == MAC] == []
    api.sw_interface_set_l2_bridge(rx_sw_if_index=loops[0], bd_id=10, enable=False)
    assert api.bridge_domain_add_del_v2(bd_id=10).retval == 0


def test_xconnect(api, loops):
    a, b = loops
    assert api.sw_interface_set_l2_xconnect(rx_sw_if_index=a, tx_sw_if_index=b, enable=True).retval == 0
    assert [(d.rx_sw_if_index, d.tx_sw_if_index) for d in api.l2_xconnect_dump()] == [(a, b)]
    assert api.sw_interface_set_l2_xconnect(rx_sw_if_index=999, tx_sw_if_index=b, enable=True).retval == -2
    assert api.sw_interface_set_l2_xconnect(rx_sw_if_index=a, tx_sw_if_index=999, enable=True).retval == -10
    assert api.sw_interface_set_l2_xconnect(rx_sw_if_index=a, enable=False).retval == 0
    assert api.l2_xconnect_dump() == []


def test_sub_interfaces(api, loops):
    made = api.create_vlan_subif(sw_if_index=loops[0], vlan_id=100)
    assert made.retval == 0
    (d,) = api.sw_interface_dump(sw_if_index=made.sw_if_index)
    assert d.interface_name == "loop0.100" and d.sup_sw_if_index == loops[0] and d.type == 1
    assert api.create_vlan_subif(sw_if_index=loops[0], vlan_id=100).retval == -56
    assert api.create_vlan_subif(sw_if_index=loops[0], vlan_id=0).retval == -55
    assert api.create_vlan_subif(sw_if_index=loops[0], vlan_id=5000).retval == -55
    assert api.create_vlan_subif(sw_if_index=999, vlan_id=5).retval == -2
    two = api.create_subif(sw_if_index=loops[0], sub_id=7, sub_if_flags=4 | 8 | 16, outer_vlan_id=20,
                           inner_vlan_id=30)
    assert two.retval == 0
    for index in (made.sw_if_index, two.sw_if_index):
        assert api.delete_subif(sw_if_index=index).retval == 0
    assert api.delete_subif(sw_if_index=loops[0]).retval == -98
    assert api.delete_subif(sw_if_index=999).retval == -2


def test_tags_in_layer_2(api, loops):
    made = api.create_subif(sw_if_index=loops[0], sub_id=7, sub_if_flags=2 | 16, outer_vlan_id=20).sw_if_index
    assert api.sw_interface_set_l2_bridge(rx_sw_if_index=made, bd_id=10, enable=True).retval == 0
    rewrite = {"sw_if_index": made, "push_dot1q": 1, "tag1": 100, "tag2": 200}
    for op in range(9):
        # a tag less than two: only what pops one can be undone
        assert (api.l2_interface_vlan_tag_rewrite(vtr_op=op, **rewrite).retval == 0) == (op not in (4, 7, 8)), op
    assert api.l2_interface_vlan_tag_rewrite(vtr_op=9, **rewrite).retval < 0
    assert api.l2_interface_vlan_tag_rewrite(vtr_op=1, **{**rewrite, "tag1": 5000}).retval < 0
    assert api.l2_interface_vlan_tag_rewrite(**{**rewrite, "sw_if_index": 999}).retval == -2
    assert api.l2_interface_efp_filter(sw_if_index=made, enable_disable=True).retval == 0
    assert api.l2_interface_efp_filter(sw_if_index=made, enable_disable=False).retval == 0
    assert api.l2_interface_efp_filter(sw_if_index=999, enable_disable=True).retval == -2
    assert api.delete_subif(sw_if_index=made).retval == 0
    assert api.bridge_domain_add_del_v2(bd_id=10).retval == 0

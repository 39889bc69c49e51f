"""Messages of l2.api, and sub-interfaces."""
import socket

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
    for name in ("bridge_flags", "bridge_domain_set_mac_age", "bridge_domain_set_learn_limit"):
        assert api.request(name, bd_id=0).retval == -121, name  # that of who has none
    assert api.bridge_domain_set_learn_limit(bd_id=99).retval == -6
    assert api.bridge_domain_set_mac_age(bd_id=10, mac_age=7).retval == 0
    assert domain(api, 10)[0].mac_age == 7
    assert api.bridge_domain_set_mac_age(bd_id=99).retval == -6
    assert api.bridge_domain_set_learn_limit(bd_id=10, learn_limit=5).retval == 0
    assert api.bridge_domain_add_del(bd_id=10).retval == 0
    assert api.bridge_domain_add_del(bd_id=10).retval == -6
    assert api.bridge_domain_add_del(bd_id=0, is_add=True).retval == -121
    assert api.bridge_domain_add_del(bd_id=1 << 24, is_add=True).retval == -122


def braced(api, switch, tag, make, unmake, words):
    """Whether a tag is taken; then the saved line gives it again."""
    def running_config():
        return api.cli_inband(cmd="show running-config").reply.replace("\r\n", "\n").splitlines()

    before = running_config()
    retval = make(tag)
    if retval:
        assert retval == -7 and running_config() == before
        return False
    (line,) = [line for line in running_config() if line.startswith(words)]
    assert unmake() == 0
    path = switch.vpp.folder + "/tag.cli"
    with open(path, "w", encoding="utf-8") as f:
        f.write(line + "\n")
    assert api.cli_inband(cmd=f"exec {path}").retval == 0
    return True


def test_tags_come_back_or_are_refused(api, switch, loops):
    loop = loops[0]

    def make_domain(tag):
        return api.bridge_domain_add_del(bd_id=12, is_add=True, bd_tag=tag).retval

    def unmake_domain():
        return api.bridge_domain_add_del(bd_id=12).retval

    def make_interface(tag):
        return api.sw_interface_tag_add_del(sw_if_index=loop, is_add=True, tag=tag).retval

    def unmake_interface():
        return api.sw_interface_tag_add_del(sw_if_index=loop).retval

    tags = [text.replace("_", chr(c)) for c in range(1, 128) for text in ("a _x __ y", "_x y_")]
    tags += ["a{b}c", "{a", "}{", "a | include b", "a|b", "$x $(y) \\$z", '"q', "\u00e4", " x"]
    taken = []
    for tag in tags:
        if braced(api, switch, tag, make_domain, unmake_domain, "create bridge-domain 12"):
            assert domain(api, 12)[0].bd_tag == tag
            assert unmake_domain() == 0
            taken.append(tag)
        if braced(api, switch, tag, make_interface, unmake_interface, "set interface tag loop0"):
            (d,) = api.sw_interface_dump(sw_if_index=loop)
            assert d.tag == tag and taken[-1] == tag
            assert unmake_interface() == 0
    assert {"a{b}c", "a|b", "$x $(y) \\$z", '"q', "\u00e4"} <= set(taken) and len(taken) > 180  # of 2 x 95 printable ones
    assert not {"{a", "}{", "a | include b", "a \nx \n\n y", " x"} & set(taken)
    assert "one line" in switch.vpp.fails("create bridge-domain 12 bd-tag a}")


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


def test_mac_table(switch, api, loops):
    api.bridge_domain_add_del_v2(bd_id=10, is_add=True, learn=True, forward=True)
    api.sw_interface_set_l2_bridge(rx_sw_if_index=loops[0], bd_id=10, enable=True)
    add = {"bd_id": 10, "mac": MAC, "sw_if_index": loops[0]}
    assert api.l2fib_add_del(is_add=True, static_mac=True, **add).retval == 0
    (e,) = [e for e in api.l2_fib_table_dump(bd_id=10) if e.mac == MAC]
    assert (e.bd_id, e.sw_if_index, e.static_mac, e.filter_mac) == (10, loops[0], True, False)
    assert api.l2_fib_table_dump(bd_id=99) == []
    assert api.l2fib_add_del(is_add=True, **{**add, "bd_id": 99}).retval == -6
    assert api.l2fib_add_del(is_add=True, **{**add, "sw_if_index": 999}).retval == -2
    # an interface that is not in the domain: the entry is kept for when it is
    assert api.l2fib_add_del(is_add=True, **{**add, "sw_if_index": loops[1]}).retval == 0
    (e,) = [e for e in api.l2_fib_table_dump(bd_id=10) if e.mac == MAC]
    assert (e.sw_if_index, e.static_mac) == (loops[1], False)
    line = "l2fib add 02:00:00:00:0a:01 10 loop1"
    assert line in switch.vpp.running_config()
    switch.vpp.ctl(line)
    # but nothing is sent up into an interface that is no BVI of it
    for index in loops:
        assert api.l2fib_add_del(is_add=True, bvi_mac=True, **{**add, "sw_if_index": index}).retval == -7
    assert api.l2fib_add_del(is_add=False, **add).retval == 0
    assert api.l2fib_add_del(is_add=False, **add).retval == -6
    for more in {}, {"bvi_mac": True}:  # that one leads nowhere
        assert api.l2fib_add_del(is_add=True, filter_mac=True, **{**add, "sw_if_index": NONE, **more}).retval == 0
    assert api.l2fib_flush_all().retval == 0
    assert api.l2fib_flush_bd(bd_id=10).retval == 0
    assert api.l2fib_flush_bd(bd_id=99).retval == -6
    assert api.l2fib_flush_int(sw_if_index=loops[0]).retval == 0
    assert api.l2fib_flush_int(sw_if_index=999).retval == -2
    assert api.l2_fib_clear_table().retval == 0
    assert [e for e in api.l2_fib_table_dump(bd_id=10) if e.mac == MAC] == []
    api.sw_interface_set_l2_bridge(rx_sw_if_index=loops[0], bd_id=10, enable=False)
    assert api.bridge_domain_add_del_v2(bd_id=10).retval == 0


def test_addresses_of_a_bvi_go_with_it(api, loops):
    assert api.sw_interface_set_l2_bridge(rx_sw_if_index=loops[0], bd_id=10, enable=True, port_type=1).retval == 0
    assert api.l2fib_add_del(is_add=True, bvi_mac=True, bd_id=10, mac=MAC, sw_if_index=loops[0]).retval == 0
    assert len(api.l2_fib_table_dump(bd_id=10)) == 2
    assert api.sw_interface_set_l2_bridge(rx_sw_if_index=loops[0], bd_id=10, enable=False).retval == 0
    assert api.l2_fib_table_dump(bd_id=10) == []
    assert api.bridge_domain_add_del_v2(bd_id=10).retval == 0


def test_xconnect(api, loops):
    a, b = loops
    assert api.sw_interface_set_l2_xconnect(rx_sw_if_index=a, tx_sw_if_index=b, enable=True).retval == 0
    assert [(d.rx_sw_if_index, d.tx_sw_if_index) for d in api.l2_xconnect_dump()] == [(a, b)]
    assert api.sw_interface_set_l2_xconnect(rx_sw_if_index=999, tx_sw_if_index=b, enable=True).retval == -2
    assert api.sw_interface_set_l2_xconnect(rx_sw_if_index=a, tx_sw_if_index=999, enable=True).retval == -2
    assert [(d.rx_sw_if_index, d.tx_sw_if_index) for d in api.l2_xconnect_dump()] == [(a, b)]
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
    same = {"sub_if_flags": 4 | 8 | 16, "outer_vlan_id": 20, "inner_vlan_id": 30}
    assert api.create_subif(sw_if_index=loops[0], sub_id=7, **same).retval == -56
    assert api.create_subif(sw_if_index=loops[0], sub_id=8, **same).retval == -1  # those tags are taken
    one = api.create_subif(sw_if_index=loops[0], sub_id=9, sub_if_flags=2 | 16, outer_vlan_id=90).sw_if_index
    assert api.create_vlan_subif(sw_if_index=loops[0], vlan_id=9).retval == -56
    assert api.create_vlan_subif(sw_if_index=loops[0], vlan_id=90).retval == -1
    assert api.delete_subif(sw_if_index=one).retval == 0
    assert api.create_subif(sw_if_index=999, sub_id=8, **same).retval == -2
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


def details(api, index):
    (found,) = api.sw_interface_dump(sw_if_index=index)
    return found


def test_details_of_sub_interfaces(api, loops):
    def made(**values):
        reply = api.create_subif(sw_if_index=loops[0], **values)
        assert reply.retval == 0
        d = details(api, reply.sw_if_index)
        assert api.delete_subif(sw_if_index=reply.sw_if_index).retval == 0
        return d.sub_id, d.sub_number_of_tags, d.sub_outer_vlan_id, d.sub_inner_vlan_id, d.sub_if_flags
    assert made(sub_id=7, sub_if_flags=4 | 8 | 16, outer_vlan_id=20, inner_vlan_id=30) == \
        (7, 2, 20, 30, 4 | 8 | 16)
    assert made(sub_id=8, sub_if_flags=4 | 128, outer_vlan_id=20) == (8, 2, 20, 0, 4 | 128)
    assert made(sub_id=9, sub_if_flags=2, outer_vlan_id=20) == (9, 1, 20, 0, 2)
    assert made(sub_id=1, sub_if_flags=32) == (1, 0, 0, 0, 32)
    assert details(api, loops[0]).sub_if_flags == 0


@pytest.mark.parametrize("op,tags,words", [
    (0, (0, 0), "none"), (1, (5, 0), "push-1 dot1q 5"), (2, (5, 6), "push-2 dot1q 5 6"),
    (3, (0, 0), "pop-1"), (4, (0, 0), "pop-2"), (5, (5, 0), "trans-1-1 dot1q 5"),
    (6, (5, 6), "trans-1-2 dot1q 5 6"), (7, (5, 0), "trans-2-1 dot1q 5"),
    (8, (5, 6), "trans-2-2 dot1q 5 6")])
def test_tag_rewrites(switch, api, loops, op, tags, words):
    sub = api.create_subif(sw_if_index=loops[0], sub_id=7, sub_if_flags=4 | 16, outer_vlan_id=20,
                           inner_vlan_id=30).sw_if_index

    def rewrite(**more):
        values = {"sw_if_index": sub, "vtr_op": op, "push_dot1q": 1, "tag1": tags[0], "tag2": tags[1], **more}
        return api.l2_interface_vlan_tag_rewrite(**values).retval
    assert rewrite() == 0
    shown = switch.vpp.json("show interface vtr")["interfaces"]
    assert {"name": details(api, sub).interface_name, "vtr": words} in shown
    d = details(api, sub)
    pushes = any(tags)
    assert (d.vtr_op, d.vtr_push_dot1q, d.vtr_tag1, d.vtr_tag2) == (op, 1 if op else 0, *tags)
    assert rewrite(push_dot1q=0) == 0
    assert details(api, sub).vtr_push_dot1q == 0
    assert rewrite(sw_if_index=999) == -2
    assert rewrite(sw_if_index=0) == -71
    assert rewrite(vtr_op=9) == -7
    assert rewrite(sw_if_index=loops[1]) == (-72 if op > 2 else 0)
    if pushes:
        assert rewrite(tag1=0) == -55
        assert rewrite(tag1=70000) == -55
    assert details(api, sub).vtr_op == op
    assert rewrite(sw_if_index=loops[1], vtr_op=0) == 0
    assert api.delete_subif(sw_if_index=sub).retval == 0


def test_patches(switch, api, loops):
    a, b = loops

    def patch(rx, tx, is_add=True):
        return api.l2_patch_add_del(rx_sw_if_index=rx, tx_sw_if_index=tx, is_add=is_add).retval
    assert patch(a, b) == 0
    assert switch.vpp.json("show l2patch")["patches"] == [{"rx": "loop0", "tx": "loop1"}]
    assert patch(999, b) == -2
    assert patch(a, 999) == -10
    assert patch(0, b) == -151
    assert patch(b, a, False) == 0, "there is none"
    assert switch.vpp.json("show l2patch")["patches"] == [{"rx": "loop0", "tx": "loop1"}]
    assert patch(a, b, False) == 0
    assert patch(a, b, False) == 0
    assert "no l2patch entries" in switch.vpp.ctl("show l2patch")


def test_bvis(api):
    made = api.bvi_create(mac=bytes(6))
    assert made.retval == 0 and details(api, made.sw_if_index).interface_name == "bvi0"
    two = api.bvi_create(mac=MAC, user_instance=7)
    assert two.retval == 0 and details(api, two.sw_if_index).interface_name == "bvi7"
    assert details(api, two.sw_if_index).l2_address == MAC
    again = api.bvi_create(mac=bytes(6), user_instance=7)
    assert again.retval == -31 and again.sw_if_index == NONE
    assert api.bvi_create(mac=b"\x01" + bytes(5), user_instance=8).retval == -7
    assert api.delete_loopback(sw_if_index=two.sw_if_index).retval == -2
    for index in (made.sw_if_index, two.sw_if_index):
        assert api.bvi_delete(sw_if_index=index).retval == 0
        assert api.bvi_delete(sw_if_index=index).retval == -2
        assert api.sw_interface_dump(sw_if_index=index) == []


def test_bvi_delete_takes_bvis_only(api, loops):
    assert api.bvi_delete(sw_if_index=loops[0]).retval == -2
    assert api.bvi_delete(sw_if_index=0).retval == -2
    assert len(api.sw_interface_dump(sw_if_index=loops[0])) == 1


def test_default_learn_limit(switch, api):
    assert api.bridge_domain_set_default_learn_limit(learn_limit=123).retval == 0
    api.bridge_domain_add_del_v2(bd_id=10, is_add=True)
    assert switch.vpp.json("show bridge-domain")["bridge_domains"][0]["learn_limit"] == 123
    api.bridge_domain_add_del_v2(bd_id=10)
    assert api.bridge_domain_set_default_learn_limit(learn_limit=16 << 20).retval == 0


def test_flags_of_a_port(switch, api, loops):
    index = loops[0]

    def flags():
        reply = api.l2_interface_feat_flags_get(sw_if_index=index)
        assert reply.retval == 0
        return reply.flags

    def change(is_set, bits, sw_if_index=index):
        return api.l2_interface_feat_flags_set(sw_if_index=sw_if_index, is_set=is_set, flags=bits).retval
    assert flags() == 0
    assert change(True, 1) == -71
    api.sw_interface_set_l2_bridge(rx_sw_if_index=index, bd_id=10, enable=True)
    assert flags() == 31
    assert change(False, 1 | 8 | 16) == 0 and flags() == 2 | 4
    lines = switch.vpp.running_config()
    assert [f"set interface l2 {word} loop0 disable" in lines for word in
            ("learn", "forward", "flood", "uu-flood", "arp-term")] == [True, False, False, True, True]
    assert change(True, 1) == 0 and flags() == 1 | 2 | 4
    switch.vpp.ctl("set interface l2 uu-flood loop0")
    switch.vpp.ctl("set interface l2 arp-term loop0")
    assert flags() == 31
    assert change(True, 32) == -126
    assert change(True, 64) == -7
    assert change(True, 1, 999) == -2
    assert api.l2_interface_feat_flags_get(sw_if_index=999).retval == -2
    api.sw_interface_set_l2_bridge(rx_sw_if_index=index, bd_id=10, enable=False)
    assert api.bridge_domain_add_del_v2(bd_id=10).retval == 0


XCONNECT, FLOOD, ARP_UFWD, ARP_TERM, UU_FLOOD, UU_FWD, FWD, LEARN, VTR, SPAN = (1 << n for n in (1, 2, 3, 4, 5, 6, 7, 9, 11, 19))


def test_bitmaps_of_a_port(switch, api, loops):
    a, b = loops

    def bits(index=a):
        reply = api.l2_flags_get(sw_if_index=index)
        assert reply.retval == 0
        return reply.input_feature_bitmap, reply.output_feature_bitmap

    def change(is_set, wanted, out=0, index=a):
        return api.l2_flags_set(sw_if_index=index, is_set=is_set, input_feature_bitmap=wanted,
                                output_feature_bitmap=out).retval
    assert bits() == (0, 0)
    assert change(True, LEARN) == -71
    assert api.sw_interface_set_l2_bridge(rx_sw_if_index=a, bd_id=10, enable=True).retval == 0
    every = LEARN | FWD | UU_FWD | UU_FLOOD | ARP_TERM | ARP_UFWD | FLOOD
    assert bits() == (every, 1)
    assert change(False, LEARN | UU_FLOOD) == 0 and bits() == (every & ~(LEARN | UU_FLOOD), 1)
    assert {"set interface l2 learn loop0 disable", "set interface l2 uu-flood loop0 disable"} < set(switch.vpp.running_config())
    assert change(True, every, 1) == 0 and bits() == (every, 1), "what stands so already may be named"
    assert change(True, 0, 0) == 0 and bits() == (every, 1)
    # features are not turned on by a bit
    assert change(True, SPAN | LEARN) == -126 and change(True, 0, 2) == -126 and change(False, 0, 1) == -126
    switch.vpp.configure("""set interface span loop0 l2 destination loop1 both
                            set interface l2 tag-rewrite loop0 push dot1q 100""")
    assert bits() == (every | SPAN | VTR, 1 | 2)
    assert change(True, SPAN, 2) == 0 and change(False, SPAN) == -126
    reply = api.l2_flags(sw_if_index=a, is_set=False, feature_bitmap=1)
    assert reply.retval == 0 and reply.resulting_feature_bitmap == bits()[0] == (every | SPAN | VTR) & ~LEARN
    switch.vpp.configure("""set interface span loop0 l2 disable destination loop1
                            set interface l2 tag-rewrite loop0 disable""")
    assert api.sw_interface_set_l2_xconnect(rx_sw_if_index=a, tx_sw_if_index=b, enable=True).retval == 0
    assert bits() == (XCONNECT, 1)
    assert api.sw_interface_set_l2_xconnect(rx_sw_if_index=a, enable=False).retval == 0
    assert api.l2_flags_get(sw_if_index=999).retval == -2 and change(True, LEARN, index=999) == -2
    assert api.bridge_domain_add_del_v2(bd_id=10).retval == 0


def test_addresses_that_arp_termination_answers(switch, api):
    four = {"af": 0, "un": socket.inet_aton("192.0.2.1") + bytes(12)}
    six = {"af": 1, "un": socket.inet_pton(socket.AF_INET6, "2001:db8::7")}

    def change(is_add, ip, bd_id=10, mac=MAC):
        return api.bd_ip_mac_add_del(is_add=is_add, entry={"bd_id": bd_id, "ip": ip, "mac": mac}).retval

    def dump(bd_id):
        return {(e.entry.bd_id, e.entry.ip.af, e.entry.ip.un, e.entry.mac) for e in api.bd_ip_mac_dump(bd_id=bd_id)}
    for number in (10, 11):
        api.bridge_domain_add_del_v2(bd_id=number, is_add=True, arp_term=True)
    assert change(True, four) == 0 and change(True, four, mac=bytes(6)) == 0 and change(True, four) == 0
    assert change(True, six) == 0 and change(True, six, bd_id=11) == 0
    want = {(10, 0, four["un"], MAC), (10, 1, six["un"], MAC)}
    assert dump(10) == want and dump(NONE) == want | {(11, 1, six["un"], MAC)} and dump(99) == set()
    assert "192.0.2.1" in switch.vpp.ctl("show bridge-domain 10 arp")
    assert change(True, four, bd_id=99) == -6
    assert change(True, four, bd_id=0) == -121
    assert change(False, four) == 0 and dump(10) == want - {(10, 0, four["un"], MAC)}
    assert change(False, four) == -1
    assert api.bd_ip_mac_flush(bd_id=10).retval == 0
    assert dump(NONE) == {(11, 1, six["un"], MAC)}
    assert api.bd_ip_mac_flush(bd_id=99).retval == -6
    assert api.bd_ip_mac_flush(bd_id=0).retval == -121
    for number in (10, 11):
        assert api.bridge_domain_add_del_v2(bd_id=number).retval == 0


def test_efp_filter(switch, api, loops):
    sub = api.create_vlan_subif(sw_if_index=loops[0], vlan_id=100).sw_if_index

    def lines():
        return [line for line in switch.vpp.running_config() if "efp-filter" in line]
    assert api.l2_interface_efp_filter(sw_if_index=sub, enable_disable=True).retval == 0
    assert lines() == ["set interface l2 efp-filter loop0.100"]
    assert api.l2_interface_efp_filter(sw_if_index=sub, enable_disable=False).retval == 0
    assert lines() == []
    assert api.l2_interface_efp_filter(sw_if_index=999, enable_disable=True).retval == -2
    assert api.l2_interface_efp_filter(sw_if_index=0, enable_disable=True).retval == -126
    assert api.delete_subif(sw_if_index=sub).retval == 0


def test_flags_of_ports_as_older_clients_set_them(api, loops):
    def change(is_set, flags, index=loops[0]):
        reply = api.l2_flags(sw_if_index=index, is_set=is_set, feature_bitmap=flags)
        return reply.retval, reply.resulting_feature_bitmap

    def bits():
        return api.l2_flags_get(sw_if_index=loops[0]).input_feature_bitmap
    assert change(True, 1) == (-71, 0)
    assert api.sw_interface_set_l2_bridge(rx_sw_if_index=loops[0], bd_id=10, enable=True).retval == 0
    before = api.l2_interface_feat_flags_get(sw_if_index=loops[0]).flags
    assert before & 3 == 3
    assert change(False, 1) == (0, bits()) and change(False, 2) == (0, bits()) and not bits() & (LEARN | FWD)
    assert api.l2_interface_feat_flags_get(sw_if_index=loops[0]).flags == before & ~3
    assert change(True, 3) == (0, bits()) and api.l2_interface_feat_flags_get(sw_if_index=loops[0]).flags == before
    assert change(True, 32) == (-126, 0) and change(True, 64) == (-7, 0) and change(True, 1, 999) == (-2, 0)
    assert api.sw_interface_set_l2_bridge(rx_sw_if_index=loops[0], bd_id=10, enable=False).retval == 0
    assert api.bridge_domain_add_del_v2(bd_id=10).retval == 0

"""Messages of acl.api."""
import socket

import pytest

NONE = 0xffffffff


def prefix(text):
    address, length = text.split("/")
    six = ":" in address
    packed = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, address)
    return {"address": {"af": int(six), "un": {"ip6" if six else "ip4": packed}}, "len": int(length)}


def text(p):
    family, n = (socket.AF_INET6, 16) if p.address.af else (socket.AF_INET, 4)
    return f"{socket.inet_ntop(family, p.address.un[:n])}/{p.len}"


@pytest.fixture
def loop(api):
    index = api.create_loopback(mac_address=bytes(6)).sw_if_index
    yield index
    api.delete_loopback(sw_if_index=index)


def rule(action=1, src="0.0.0.0/0", dst="0.0.0.0/0", **kwargs):
    return {"is_permit": action, "src_prefix": prefix(src), "dst_prefix": prefix(dst),
            "proto": 0, "srcport_or_icmptype_first": 0, "srcport_or_icmptype_last": 65535,
            "dstport_or_icmpcode_first": 0, "dstport_or_icmpcode_last": 65535, "tcp_flags_mask": 0,
            "tcp_flags_value": 0, **kwargs}


def add(api, rules, tag="t", index=NONE):
    return api.acl_add_replace(acl_index=index, tag=tag, count=len(rules), r=rules)


@pytest.fixture
def lists(api):
    """Deletes what a test has made, and takes it off interfaces."""
    yield
    for d in api.acl_interface_list_dump(sw_if_index=NONE):
        api.acl_interface_set_acl_list(sw_if_index=d.sw_if_index, count=0, n_input=0, acls=[])
    for d in api.acl_dump(acl_index=NONE):
        assert api.acl_del(acl_index=d.acl_index).retval == 0


def test_plugin(api):
    version = api.acl_plugin_get_version()
    assert (version.major, version.minor) == (1, 4)
    assert api.acl_plugin_control_ping().retval == 0
    assert api.acl_plugin_use_hash_lookup_get().enable
    assert api.acl_plugin_use_hash_lookup_set(enable=False).retval == 0
    assert not api.acl_plugin_use_hash_lookup_get().enable
    assert api.acl_plugin_use_hash_lookup_set(enable=True).retval == 0
    assert api.acl_stats_intf_counters_enable(enable=True).retval == 0
    assert api.acl_stats_intf_counters_enable(enable=False).retval == 0


def test_lists(api, lists):
    rules = [rule(0, src="10.0.0.0/8", proto=6, dstport_or_icmpcode_first=80, dstport_or_icmpcode_last=90,
                  tcp_flags_mask=18, tcp_flags_value=2), rule(1, "2001:db8::/32", "::/0", proto=58)]
    made = add(api, rules, "web servers")
    assert (made.retval, made.acl_index) == (0, 0)
    (d,) = api.acl_dump(acl_index=0)
    assert (d.acl_index, d.tag, d.count) == (0, "web servers", 2)
    assert [text(r.src_prefix) for r in d.r] == ["10.0.0.0/8", "2001:db8::/32"]
    assert (d.r[0].is_permit, d.r[0].proto, d.r[0].dstport_or_icmpcode_first, d.r[0].dstport_or_icmpcode_last,
            d.r[0].tcp_flags_mask, d.r[0].tcp_flags_value) == (0, 6, 80, 90, 18, 2)
    assert add(api, [], "empty").acl_index == 1
    assert add(api, rules[:1], "less", 0).acl_index == 0
    assert [(d.acl_index, d.tag, d.count) for d in api.acl_dump(acl_index=NONE)] == [(0, "less", 1), (1, "empty", 0)]
    assert api.acl_dump(acl_index=7) == []


def test_bad_lists(api, lists):
    before = api.acl_dump(acl_index=NONE)
    assert add(api, [rule()], index=5).retval == -6
    assert add(api, [rule(9)]).retval == -7
    assert add(api, [rule(dst="::/0")]).retval == -7
    assert add(api, [rule(srcport_or_icmptype_first=9, srcport_or_icmptype_last=8)]).retval == -7
    assert add(api, [rule()], tag="a } b").retval == -7
    assert api.acl_del(acl_index=5).retval == -6
    assert api.acl_dump(acl_index=NONE) == before


def test_many_rules(api, lists):
    """Built beside the loop; what comes behind on the same connection comes behind it."""
    rules = [rule(k % 2, f"10.{k >> 8}.{k & 255}.0/24", proto=17) for k in range(5000)]
    assert add(api, rules).retval == 0
    assert len(api.acl_dump(acl_index=0)[0].r) == 5000
    assert add(api, rules[:3000], index=0).retval == 0
    assert api.acl_dump(acl_index=0)[0].count == 3000


def test_interfaces(api, loop, lists):
    for _ in range(3):
        add(api, [rule()])
    def bound():
        (d,) = api.acl_interface_list_dump(sw_if_index=loop)
        return d.n_input, list(d.acls)
    def change(is_add, is_input, index, interface=loop):
        return api.acl_interface_add_del(is_add=is_add, is_input=is_input, sw_if_index=interface,
                                         acl_index=index).retval
    assert bound() == (0, [])
    assert [change(True, True, 2), change(True, True, 0), change(True, False, 2)] == [0, 0, 0]
    assert bound() == (2, [2, 0, 2])
    assert change(True, True, 2) == -116
    assert change(False, False, 0) == change(True, True, 9) == -6
    assert change(True, True, 0, 999) == -2
    assert api.acl_del(acl_index=0).retval == -142
    assert change(False, True, 2) == 0
    assert api.acl_del(acl_index=2).retval == -143
    def replace(acls, n_input, interface=loop):
        return api.acl_interface_set_acl_list(sw_if_index=interface, count=len(acls), n_input=n_input,
                                              acls=acls).retval
    assert replace([1, 2, 0], 2) == 0
    assert bound() == (2, [1, 2, 0])
    assert replace([1, 1], 2) == -116
    assert replace([1, 9], 1) == -6
    assert replace([1], 2) == -7
    assert replace([], 0, 999) == -2
    assert bound() == (2, [1, 2, 0])
    assert {d.sw_if_index for d in api.acl_interface_list_dump(sw_if_index=NONE)} >= {0, loop}


def test_types(api, loop):
    def change(types, n_input, interface=loop):
        return api.acl_interface_set_etype_whitelist(sw_if_index=interface, count=len(types), n_input=n_input,
                                                     whitelist=types).retval
    assert api.acl_interface_etype_whitelist_dump(sw_if_index=loop) == []
    assert change([0x806, 0x88cc, 0x8847], 1) == 0
    (d,) = api.acl_interface_etype_whitelist_dump(sw_if_index=NONE)
    assert (d.sw_if_index, d.n_input, list(d.whitelist)) == (loop, 1, [0x806, 0x88cc, 0x8847])
    assert change([1], 2) == -7
    assert change([], 0, 999) == -2
    assert change([], 0) == 0
    assert api.acl_interface_etype_whitelist_dump(sw_if_index=loop) == []


def test_macip(api, loop):
    rules = [{"is_permit": 1, "src_mac": b"\2\xaa\0\0\0\0", "src_mac_mask": b"\xff\xff\0\0\0\0",
              "src_prefix": prefix("10.0.0.0/8")}, {"is_permit": 0, "src_prefix": prefix("2001:db8::/32")}]
    made = api.macip_acl_add(tag="m", count=2, r=rules)
    assert (made.retval, made.acl_index) == (0, 0)
    (d,) = api.macip_acl_dump(acl_index=0)
    assert (d.acl_index, d.tag, d.count) == (0, "m", 2)
    assert [(r.is_permit, text(r.src_prefix)) for r in d.r] == [(1, "10.0.0.0/8"), (0, "2001:db8::/32")]
    assert (bytes(d.r[0].src_mac), bytes(d.r[0].src_mac_mask)) == (b"\2\xaa\0\0\0\0", b"\xff\xff\0\0\0\0")
    assert api.macip_acl_add_replace(acl_index=0, tag="n", count=1, r=rules[:1]).acl_index == 0
    assert api.macip_acl_add_replace(acl_index=4, tag="n", count=1, r=rules[:1]).retval == -6
    assert api.macip_acl_add(tag="m", count=1, r=[dict(rules[0], is_permit=2)]).retval == -7
    assert [(d.acl_index, d.tag, d.count) for d in api.macip_acl_dump(acl_index=NONE)] == [(0, "n", 1)]
    def bind(is_add, index, interface=loop):
        return api.macip_acl_interface_add_del(is_add=is_add, sw_if_index=interface, acl_index=index).retval
    assert (bind(True, 9), bind(True, 0, 999), bind(False, 0), bind(True, 0)) == (-6, -2, -6, 0)
    assert list(api.macip_acl_interface_get().acls)[loop] == 0
    (d,) = api.macip_acl_interface_list_dump(sw_if_index=loop)
    assert (d.sw_if_index, list(d.acls)) == (loop, [0])
    assert api.macip_acl_del(acl_index=0).retval == -155
    assert (bind(False, 0), api.macip_acl_del(acl_index=0).retval, api.macip_acl_del(acl_index=0).retval) == (0, 0, -6)


def test_sessions(api):
    assert api.acl_plugin_get_conn_table_max_entries().conn_table_max_entries == 500000

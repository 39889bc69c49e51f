"""Messages of ip.api, fib.api, ip_neighbor.api and arp.api: addresses, tables, routes, neighbours, their events."""
import ipaddress
import re
import socket
import struct

import lib
import pytest

NONE = 0xffffffff
MAC = bytes.fromhex("020000000a01")


def ip4(text):
    return {"af": 0, "un": {"ip4": socket.inet_aton(text)}}


def prefix(text):
    address, length = text.split("/")
    return {"address": ip4(address), "len": int(length)}


def path(next_hop="0.0.0.0", interface=NONE, **more):
    return {"sw_if_index": interface, "weight": 1, "nh": {"address": {"ip4": socket.inet_aton(next_hop)}},
            **more}


def text(p):
    return f"{socket.inet_ntoa(p.address.un[:4])}/{p.len}"


@pytest.fixture
def loop(api):
    index = api.create_loopback(mac_address=bytes(6)).sw_if_index
    api.sw_interface_set_flags(sw_if_index=index, flags=1)
    assert api.sw_interface_add_del_address(sw_if_index=index, is_add=True,
                                            prefix=prefix("192.0.2.1/24")).retval == 0
    yield index
    api.delete_loopback(sw_if_index=index)


def test_address_bytes(api, loop):
    number = api.number("sw_interface_add_del_address")
    body = struct.pack(">HIII", number, api.index, 9, loop) + b"\x01\0\0\xc0\0\x02\x02" + bytes(12) + b"\x18"
    assert len(body) == 34
    api.send_body(body)
    assert api.read_body()[2:] == b"\0\0\0\x09\0\0\0\0"
    assert "192.0.2.2/24" in [text(d.prefix) for d in api.ip_address_dump(sw_if_index=loop, is_ipv6=0)]


def test_addresses(api, loop):
    assert [text(d.prefix) for d in api.ip_address_dump(sw_if_index=loop)] == ["192.0.2.1/24"]
    assert api.ip_address_dump(sw_if_index=loop, is_ipv6=True) == []
    assert api.ip_address_dump(sw_if_index=999) == []
    again = api.sw_interface_add_del_address(sw_if_index=loop, is_add=True, prefix=prefix("192.0.2.1/24"))
    assert again.retval == -105
    assert api.sw_interface_add_del_address(sw_if_index=loop, prefix=prefix("203.0.113.1/24")).retval == -60
    six = {"address": {"af": 1, "un": bytes(16)}, "len": 64}
    assert api.sw_interface_add_del_address(sw_if_index=loop, is_add=True, prefix=six).retval == -7  # nobody's
    assert api.sw_interface_add_del_address(sw_if_index=loop, is_add=True,
                                            prefix={"address": ip4("192.0.2.9"), "len": 33}).retval == -171
    assert api.sw_interface_add_del_address(sw_if_index=loop, del_all=True).retval == 0
    assert api.ip_address_dump(sw_if_index=loop) == []


@pytest.mark.parametrize("six", [False, True])
def test_ip_dump(api, loop, six):
    """All interfaces, whether they have an address or not."""
    interfaces = [d.sw_if_index for d in api.sw_interface_dump(sw_if_index=NONE)]
    assert {0, loop} <= set(interfaces)
    found = api.ip_dump(is_ipv6=six)
    assert [d.sw_if_index for d in found] == interfaces and all(d.is_ipv6 == six for d in found)


def test_enable(switch, api):
    index = api.create_loopback(mac_address=bytes(6)).sw_if_index
    api.sw_interface_set_flags(sw_if_index=index, flags=1)

    def features():
        return switch.vpp.ctl("show interface features loop0")
    assert "ip4-not-enabled" in features()
    assert api.sw_interface_ip4_enable_disable(sw_if_index=index, enable=True).retval == 0
    assert "ip4-not-enabled" not in features()
    assert api.sw_interface_ip4_enable_disable(sw_if_index=index, enable=False).retval == 0
    assert "ip4-not-enabled" in features()
    api.delete_loopback(sw_if_index=index)


def test_unnumbered(api, loop):
    index = api.create_loopback(mac_address=bytes(6)).sw_if_index
    assert api.sw_interface_set_unnumbered(sw_if_index=loop, unnumbered_sw_if_index=index,
                                           is_add=True).retval == 0
    assert [(d.sw_if_index, d.ip_sw_if_index) for d in api.ip_unnumbered_dump(sw_if_index=NONE)] == \
        [(index, loop)]
    assert len(api.ip_unnumbered_dump(sw_if_index=index)) == 1
    assert api.sw_interface_set_unnumbered(sw_if_index=loop, unnumbered_sw_if_index=index).retval == 0
    assert api.sw_interface_set_unnumbered(sw_if_index=loop, unnumbered_sw_if_index=index).retval == 0
    assert api.sw_interface_set_unnumbered(sw_if_index=loop, unnumbered_sw_if_index=999).retval == -2
    assert api.sw_interface_set_unnumbered(sw_if_index=999, unnumbered_sw_if_index=index,
                                           is_add=True).retval == -10
    own = {"sw_if_index": index, "prefix": prefix("203.0.113.1/24")}
    assert api.sw_interface_add_del_address(is_add=True, **own).retval == 0
    assert api.sw_interface_set_unnumbered(sw_if_index=loop, unnumbered_sw_if_index=index,
                                           is_add=True).retval == -74
    assert api.sw_interface_add_del_address(is_add=False, **own).retval == 0
    assert api.sw_interface_set_unnumbered(sw_if_index=loop, unnumbered_sw_if_index=index,
                                           is_add=True).retval == 0
    api.delete_loopback(sw_if_index=index)
    assert api.ip_unnumbered_dump(sw_if_index=NONE) == []


def test_tables(api):
    def tables():
        return {d.table.table_id: d.table.name for d in api.ip_table_dump() if not d.table.is_ip6}
    assert tables() == {0: "ipv4-VRF:0"}
    assert api.ip_table_add_del(is_add=True, table={"table_id": 10, "name": "blue"}).retval == 0
    assert api.ip_table_add_del_v2(is_add=True, table={"table_id": 11}).retval == 0
    assert tables() == {0: "ipv4-VRF:0", 10: "blue", 11: "ipv4-VRF:11"}
    made = api.ip_table_allocate(table={"table_id": NONE})
    assert made.retval == 0 and made.table.table_id in tables()
    for number in (10, 11, made.table.table_id):
        assert api.ip_table_add_del(is_add=False, table={"table_id": number}).retval == 0
    assert tables() == {0: "ipv4-VRF:0"}
    # IPv6 counts for itself
    assert api.ip_table_add_del(is_add=True, table={"table_id": 12, "is_ip6": True}).retval == 0
    assert tables() == {0: "ipv4-VRF:0"}
    assert "ipv6-VRF:12" in [d.table.name for d in api.ip_table_dump() if d.table.is_ip6]
    assert api.ip_table_add_del(is_add=False, table={"table_id": 12, "is_ip6": True}).retval == 0
    assert api.ip_table_flush(table={"table_id": 12}).retval == -3


def test_flushing_a_table_sets_its_interfaces_down(api, loop):
    def up(index):
        return api.sw_interface_dump(sw_if_index=index)[0].flags & 1
    other = api.create_loopback(mac_address=bytes(6)).sw_if_index
    api.ip_table_add_del(is_add=True, table={"table_id": 10})
    api.sw_interface_set_table(sw_if_index=other, vrf_id=10)
    api.sw_interface_set_flags(sw_if_index=other, flags=1)
    route = {"table_id": 10, "prefix": prefix("198.51.100.0/24"), "paths": [path(type=2)]}
    assert api.ip_route_add_del(is_add=True, route=route).retval == 0
    assert api.ip_table_flush(table={"table_id": 10}).retval == 0
    assert up(loop) and not up(other)
    assert api.ip_route_lookup(table_id=10, exact=1, prefix=route["prefix"]).retval == -6
    api.delete_loopback(sw_if_index=other)
    api.ip_table_add_del(is_add=False, table={"table_id": 10})


def test_a_table_may_be_deleted_while_interfaces_are_in_it(api, loop):
    """It stays for them, as for all others that use it."""
    other = api.create_loopback(mac_address=bytes(6)).sw_if_index
    api.ip_table_add_del(is_add=True, table={"table_id": 10})
    api.sw_interface_set_table(sw_if_index=other, vrf_id=10)
    api.sw_interface_set_flags(sw_if_index=other, flags=1)
    address = {"sw_if_index": other, "prefix": prefix("192.0.2.1/24")}
    assert api.sw_interface_add_del_address(is_add=True, **address).retval == 0
    assert api.ip_table_add_del(is_add=False, table={"table_id": 10}).retval == 0
    assert api.sw_interface_get_table(sw_if_index=other).vrf_id == 10
    assert api.ip_route_lookup(table_id=10, exact=1, prefix=prefix("192.0.2.1/32")).retval == 0
    api.delete_loopback(sw_if_index=other)
    assert api.ip_route_lookup(table_id=10, prefix=prefix("192.0.2.1/32")).retval == -3


def test_table_of_an_interface(api):
    index = api.create_loopback(mac_address=bytes(6)).sw_if_index
    assert api.sw_interface_set_table(sw_if_index=index, vrf_id=10).retval == -3
    api.ip_table_add_del(is_add=True, table={"table_id": 10})
    assert api.sw_interface_set_table(sw_if_index=index, vrf_id=10).retval == 0
    assert api.sw_interface_get_table(sw_if_index=index).vrf_id == 10
    assert api.sw_interface_set_table(sw_if_index=index, vrf_id=10, is_ipv6=True).retval == -3
    api.sw_interface_add_del_address(sw_if_index=index, is_add=True, prefix=prefix("192.0.2.1/24"))
    assert api.sw_interface_set_table(sw_if_index=index, vrf_id=0).retval == -114
    api.delete_loopback(sw_if_index=index)
    api.ip_table_add_del(is_add=False, table={"table_id": 10})


def test_route(switch, api, loop):
    added = api.ip_route_add_del(is_add=True, route={
        "prefix": prefix("198.51.100.0/24"), "paths": [path("192.0.2.2", loop, preference=3)]})
    assert added.retval == 0
    assert "198.51.100.0/24" in switch.vpp.ctl("show ip fib")
    found = api.ip_route_lookup(exact=1, prefix=prefix("198.51.100.0/24"))
    assert found.retval == 0 and found.route.stats_index == added.stats_index
    (p,) = found.route.paths
    assert (p.sw_if_index, p.weight, p.preference, p.type) == (loop, 1, 3, 0)
    assert p.nh.address[:4] == socket.inet_aton("192.0.2.2")
    longest = api.ip_route_lookup(prefix=prefix("198.51.100.77/32"))
    assert text(longest.route.prefix) == "198.51.100.0/24"
    assert api.ip_route_lookup(exact=1, prefix=prefix("198.51.100.0/25")).retval == -6
    assert api.ip_route_add_del(is_add=False, route={"prefix": prefix("198.51.100.0/24")}).retval == 0
    assert api.ip_route_lookup(exact=1, prefix=prefix("198.51.100.0/24")).retval == -6
    assert api.ip_route_add_del(is_add=False, route={"prefix": prefix("198.51.100.0/24")}).retval == 0


@pytest.mark.parametrize("version", ["", "_v2"])
def test_what_a_route_has_not(api, loop, version):
    """Fields that say nothing are 0; the next hop of a link is; counters go with the route."""
    def change(is_add, **route):
        return api.request("ip_route_add_del" + version, is_add=is_add,
                           route={"prefix": prefix("198.51.100.0/24"), **route})

    def look(name, table_id=0):
        return api.request("ip_route_lookup" + version, exact=1, prefix=prefix(name), table_id=table_id)
    added = change(True, paths=[path("192.0.2.2", loop)])
    assert added.retval == 0 and added.stats_index != NONE
    assert change(True, paths=[path("192.0.2.2", 999)]).stats_index == NONE
    assert change(True, table_id=99, paths=[path("192.0.2.2", loop)]).stats_index == NONE
    found = [look(p).route for p in ("198.51.100.0/24", "192.0.2.0/24", "192.0.2.1/32", "0.0.0.0/0")]
    for route in found:
        for p in route.paths:
            assert (p.rpf_id, p.flags, p.nh.via_label, p.nh.obj_id, p.nh.classify_table_index) == (0, 0, 0, 0, 0)
    assert found[0].paths[0].nh.address[:4] == socket.inet_aton("192.0.2.2")
    (link,) = found[1].paths
    assert link.nh.address[:4] == bytes(4) and link.sw_if_index == loop
    assert change(False).stats_index == NONE
    assert look("198.51.100.0/24", table_id=99).retval == -3


def test_a_connected_prefix_goes_with_its_interface(api, loop):
    def connected():
        return {text(r.route.prefix) for r in api.ip_route_dump(table={"table_id": 0})} & \
            {"192.0.2.0/24", "192.0.2.1/32", "192.0.2.0/32", "192.0.2.255/32"}
    assert len(connected()) == 4
    api.sw_interface_set_flags(sw_if_index=loop, flags=0)
    assert connected() == set()
    assert [text(d.prefix) for d in api.ip_address_dump(sw_if_index=loop)] == ["192.0.2.1/24"]
    api.sw_interface_set_flags(sw_if_index=loop, flags=1)
    assert len(connected()) == 4


def test_route_v2_and_multipath(api, loop):
    route = {"prefix": prefix("198.51.100.0/24"), "paths": [path("192.0.2.2", loop)]}
    assert api.ip_route_add_del_v2(is_add=True, is_multipath=True, route=route).retval == 0
    route["paths"] = [path("192.0.2.3", loop)]
    assert api.ip_route_add_del_v2(is_add=True, is_multipath=True, route=route).retval == 0
    found = api.ip_route_lookup_v2(exact=1, prefix=prefix("198.51.100.0/24"))
    assert found.route.n_paths == 2 and found.route.src
    dumped = [r.route for r in api.ip_route_v2_dump(src=found.route.src, table={"table_id": 0})]
    assert [text(r.prefix) for r in dumped] == ["198.51.100.0/24"]
    assert api.ip_route_add_del_v2(is_add=False, is_multipath=True, route=route).retval == 0
    assert api.ip_route_lookup_v2(exact=1, prefix=prefix("198.51.100.0/24")).route.n_paths == 1
    assert api.ip_route_add_del_v2(is_add=False, route=route).retval == 0


def test_host_bits_of_a_route(api):
    route = {"prefix": prefix("198.51.100.77/24"), "paths": [path(type=2)]}
    assert api.ip_route_add_del(is_add=True, route=route).retval == 0
    assert api.ip_route_lookup(exact=1, prefix=prefix("198.51.100.0/24")).retval == 0
    assert api.ip_route_add_del(is_add=False, route=route).retval == 0


@pytest.mark.parametrize("kind", [1, 2, 5, 6])
def test_special_paths(api, kind):
    route = {"prefix": prefix("198.51.100.0/24"), "paths": [path(type=kind)]}
    assert api.ip_route_add_del(is_add=True, route=route).retval == 0
    assert api.ip_route_lookup(exact=1, prefix=route["prefix"]).route.paths[0].type == kind
    assert api.ip_route_add_del(is_add=False, route=route).retval == 0


def test_lookup_of_the_source_and_receive_elsewhere(switch, api, loop):
    api.ip_table_add_del(is_add=True, table={"table_id": 10})
    wanted = [path(table_id=10, type=7), path(interface=loop, type=9)]
    for p in wanted:
        route = {"prefix": prefix("198.51.100.0/24"), "paths": [p]}
        assert api.ip_route_add_del(is_add=True, route=route).retval == 0
        (found,) = api.ip_route_lookup(exact=1, prefix=route["prefix"]).route.paths
        assert (found.type, found.sw_if_index, found.table_id) == (p["type"], p["sw_if_index"], p.get("table_id", 0))
        assert api.ip_route_add_del(is_add=False, is_multipath=True, route=route).retval == 0
        assert api.ip_route_lookup(exact=1, prefix=route["prefix"]).retval == -6
    # two at once, and what is refused
    route["paths"] = wanted
    assert api.ip_route_add_del(is_add=True, route=route).retval == 0
    assert len(api.ip_route_lookup(exact=1, prefix=route["prefix"]).route.paths) == 2
    assert "ip route add 198.51.100.0/24 source API via ip4-source-lookup-in-table 10 via rx-ip4 loop0" in \
        switch.vpp.ctl("show running-config")
    for wrong, retval in (path(table_id=99, type=7), -3), (path(interface=999, type=9), -54), (path(type=9), -54):
        assert api.ip_route_add_del(is_add=True, route={**route, "paths": [wrong]}).retval == retval
    assert api.ip_route_add_del(is_add=False, route=route).retval == 0
    api.ip_table_add_del(is_add=False, table={"table_id": 10})
    assert 10 not in [t.table.table_id for t in api.ip_table_dump()]


def test_a_route_through_the_classifier(switch, api):
    made = api.classify_add_del_table(is_add=True, table_index=NONE, nbuckets=16, memory_size=1 << 20, skip_n_vectors=1,
                                      match_n_vectors=1, next_table_index=NONE, miss_next_index=NONE, mask=b"\xff" * 16)
    table = made.new_table_index

    def route(index):
        p = path(type=10)
        p["nh"]["classify_table_index"] = index
        return {"prefix": prefix("198.51.100.0/24"), "paths": [p]}
    for name in ("ip_route_add_del", "ip_route_add_del_v2"):
        assert api.request(name, is_add=True, route=route(99)).retval == -65
        assert api.request(name, is_add=True, route=route(table)).retval == 0
        (found,) = [r.route.paths for r in api.ip_route_v2_dump(table={"table_id": 0})
                    if text(r.route.prefix) == "198.51.100.0/24"][0]
        assert (found.type, found.nh.classify_table_index) == (10, table)
        assert f"ip route add 198.51.100.0/24 source API via ip4-classify {table}" in switch.vpp.ctl("show running-config")
        assert api.classify_add_del_table(table_index=table).retval == -155  # in use
        assert api.request(name, is_add=False, is_multipath=True, route=route(table)).retval == 0
        assert api.ip_route_lookup(exact=1, prefix=prefix("198.51.100.0/24")).retval == -6
    assert api.classify_add_del_table(table_index=table).retval == 0


def test_lookup_in_a_table(api):
    api.ip_table_add_del(is_add=True, table={"table_id": 10})
    route = {"prefix": prefix("198.51.100.0/24"), "paths": [path(table_id=10)]}
    assert api.ip_route_add_del(is_add=True, route=route).retval == 0
    assert api.ip_route_lookup(exact=1, prefix=route["prefix"]).route.paths[0].table_id == 10
    assert api.ip_route_add_del(is_add=False, route=route).retval == 0
    api.ip_table_add_del(is_add=False, table={"table_id": 10})


@pytest.mark.parametrize("change,retval", [
    ({"table_id": 99}, -3),
    ({"paths": []}, -52),
    ({"paths": [path("192.0.2.2", 999)]}, -54),
    ({"paths": [path("192.0.2.2", table_id=99)]}, -3),
    ({"paths": [path("192.0.2.2", proto=1)]}, -157),
    ({"paths": [path(type=3)]}, -126),
    ({"paths": [path(type=4)]}, -126),
    ({"paths": [path("192.0.2.2", type=8)]}, -126),
    ({"paths": [path(type=77)]}, -126),
    ({"paths": [path("192.0.2.2", n_labels=1)]}, -126),
    ({"paths": [path(type=2)] * 65}, -162),
    ({"prefix": {"address": {"af": 1}, "len": 129}}, -171),
    ({"prefix": {"address": {"af": 0}, "len": 33}}, -171),
])
def test_wrong_routes(api, change, retval):
    route = {"prefix": prefix("198.51.100.0/24"), "paths": [path(type=2)], **change}
    for name in ("ip_route_add_del", "ip_route_add_del_v2"):
        assert api.request(name, is_add=True, route=route).retval == retval


def test_more_paths_than_bytes_is_ignored(api):
    values = {"client_index": api.index, "context": 1, "is_add": 1,
              "route": {"prefix": prefix("198.51.100.0/24"), "n_paths": 200, "paths": [path(type=2)]}}
    api.send_body(struct.pack(">H", api.number("ip_route_add_del")) +
                  api.definitions.encode("ip_route_add_del", values))
    assert api.control_ping().retval == 0
    assert api.ip_route_lookup(exact=1, prefix=prefix("198.51.100.0/24")).retval == -6


def test_route_dump(api, loop):
    for i in range(2000):
        api.send("ip_route_add_del", is_add=True, route={
            "prefix": prefix(f"10.{i // 256}.{i % 256}.0/24"), "paths": [path("192.0.2.2", loop)]})
        assert api.receive().retval == 0
    found = {text(r.route.prefix) for r in api.ip_route_dump(table={"table_id": 0})}
    assert {f"10.{i // 256}.{i % 256}.0/24" for i in range(2000)} <= found
    assert {"0.0.0.0/0", "192.0.2.0/24", "192.0.2.1/32", "224.0.0.0/4"} <= found
    assert api.ip_route_dump(table={"table_id": 99}) == []
    assert {r.route.prefix.len for r in api.ip_route_dump(table={"table_id": 0, "is_ip6": True})} == {0, 10}
    assert api.ip_table_flush(table={"table_id": 0}).retval == 0
    assert not any(text(r.route.prefix).startswith("10.")
                   for r in api.ip_route_dump(table={"table_id": 0}))


def test_flow_hash(switch, api):
    assert api.set_ip_flow_hash(vrf_id=0, src=True, dst=True).retval == 0
    assert "src dst" in switch.vpp.ctl("show ip fib")
    assert api.set_ip_flow_hash_v2(table_id=0, flow_hash_config=0x9f).retval == 0
    assert api.set_ip_flow_hash_v3(table_id=0, flow_hash_config=0x9f).retval == 0
    assert api.set_ip_flow_hash_v3(table_id=0, flow_hash_config=0x100).retval == -126
    assert api.set_ip_flow_hash_v2(table_id=9).retval == -3
    assert api.set_ip_flow_hash_v2(af=1, flow_hash_config=0x3).retval == 0
    assert "src dst" in switch.vpp.ctl("show ip6 fib")
    assert api.set_ip_flow_hash_v2(af=1, flow_hash_config=0x9f).retval == 0


def neighbor(index, address, flags=0, mac=MAC):
    return {"sw_if_index": index, "flags": flags, "mac_address": mac, "ip_address": ip4(address)}


def test_neighbors(api, loop):
    assert api.ip_neighbor_add_del(is_add=True, neighbor=neighbor(loop, "192.0.2.7", 1)).retval == 0
    (found,) = api.ip_neighbor_dump(sw_if_index=loop, af=0)
    assert found.neighbor.mac_address == MAC and found.neighbor.flags == 1
    assert found.neighbor.ip_address.un[:4] == socket.inet_aton("192.0.2.7") and found.age < 60
    assert len(api.ip_neighbor_dump(sw_if_index=NONE, af=0)) == 1
    assert api.ip_neighbor_dump(sw_if_index=NONE, af=1) == []
    assert api.ip_neighbor_dump(sw_if_index=999, af=0) == []
    assert api.ip_neighbor_add_del(is_add=False, neighbor=neighbor(loop, "192.0.2.7")).retval == 0
    assert api.ip_neighbor_add_del(is_add=False, neighbor=neighbor(loop, "192.0.2.7")).retval == -6
    assert api.ip_neighbor_add_del(is_add=True, neighbor=neighbor(999, "192.0.2.7")).retval == -2
    # what is for ever is not changed by what is not
    other = bytes.fromhex("020000000a02")
    assert api.ip_neighbor_add_del(is_add=True, neighbor=neighbor(loop, "192.0.2.8", 1)).retval == 0
    assert api.ip_neighbor_add_del(is_add=True, neighbor=neighbor(loop, "192.0.2.8", 0, other)).retval == -2
    (found,) = api.ip_neighbor_dump(sw_if_index=loop, af=0)
    assert found.neighbor.mac_address == MAC and found.neighbor.flags == 1
    assert api.ip_neighbor_add_del(is_add=True, neighbor=neighbor(loop, "192.0.2.8", 1, other)).retval == 0
    assert api.ip_neighbor_add_del(is_add=False, neighbor=neighbor(loop, "192.0.2.8")).retval == 0
    six = {**neighbor(loop, "192.0.2.7"), "ip_address": {"af": 1}}
    assert api.ip_neighbor_add_del(is_add=True, neighbor=six).retval == -7  # nobody's


def test_neighbor_flush(api, loop):
    api.ip_neighbor_add_del(is_add=True, neighbor=neighbor(loop, "192.0.2.7"))
    assert api.ip_neighbor_flush(af=0, sw_if_index=loop).retval == 0
    assert api.ip_neighbor_dump(sw_if_index=loop, af=0) == []
    assert api.ip_neighbor_flush(af=0, sw_if_index=999).retval == -2
    assert api.ip_neighbor_flush(af=1, sw_if_index=loop).retval == 0
    assert api.ip_neighbor_flush(af=2, sw_if_index=loop).retval == -97


def test_neighbor_config(api):
    before = api.ip_neighbor_config_get(af=0)
    assert before.retval == 0 and (before.max_number, before.max_age, before.recycle) == (50000, 0, True)
    assert api.ip_neighbor_config(af=0, max_number=100, max_age=30, recycle=True).retval == 0
    now = api.ip_neighbor_config_get(af=0)
    assert (now.max_number, now.max_age, now.recycle) == (100, 30, True)
    assert api.ip_neighbor_config(af=2).retval == -97
    six = api.ip_neighbor_config_get(af=1)
    assert (six.retval, six.max_number) == (0, 50000)
    api.ip_neighbor_config(af=0, max_number=before.max_number, max_age=before.max_age,
                           recycle=before.recycle)


@pytest.mark.parametrize("version", ["", "_v2"])
def test_neighbor_events(api, loop, version):
    def want(enable, **more):
        return api.request("want_ip_neighbor_events" + version, enable=enable, pid=7, **more).retval
    assert want(True, sw_if_index=NONE, ip=ip4("0.0.0.0")) == 0
    assert want(True, sw_if_index=NONE, ip=ip4("0.0.0.0")) == (0 if version else -31)
    assert want(True, sw_if_index=999, ip=ip4("0.0.0.0")) == -2
    api.ip_neighbor_add_del(is_add=True, neighbor=neighbor(loop, "192.0.2.7", 1))
    event = api.event()
    assert event.name_ == "ip_neighbor_event" + version and event.pid == 7
    assert event.neighbor.mac_address == MAC and event.neighbor.sw_if_index == loop
    api.ip_neighbor_add_del(is_add=False, neighbor=neighbor(loop, "192.0.2.7"))
    if version:
        assert event.flags == 1 and api.event().flags == 2
    assert want(False, sw_if_index=NONE, ip=ip4("0.0.0.0")) == 0
    # only one address
    assert want(True, sw_if_index=NONE, ip=ip4("192.0.2.8")) == 0
    api.ip_neighbor_add_del(is_add=True, neighbor=neighbor(loop, "192.0.2.7"))
    api.ip_neighbor_add_del(is_add=True, neighbor=neighbor(loop, "192.0.2.8"))
    assert api.event().neighbor.ip_address.un[:4] == socket.inet_aton("192.0.2.8")
    name = {i.sw_if_index: i.interface_name for i in api.sw_interface_dump(sw_if_index=NONE)}[loop]
    assert want(True, sw_if_index=loop, ip=ip4("0.0.0.0")) == 0
    watchers = api.cli_inband(cmd="show ip neighbor-watcher").reply
    assert re.fullmatch(rf"Key: \[any, 192.0.2.8\]\n  pid:7, client:\d+\nKey: \[{name}, 0.0.0.0\]\n  pid:7, client:\d+\n",
                        watchers), watchers
    for index, address in ((loop, "0.0.0.0"), (NONE, "192.0.2.8")):
        assert want(False, sw_if_index=index, ip=ip4(address)) == 0
    assert api.cli_inband(cmd="show ip neighbor-watcher").reply == ""


def test_a_flush_of_many_neighbors(switch, api, loop):
    """Who flushes is answered when the last has gone, of which clients hear; who asks meanwhile finds none."""
    count = 3000
    name = api.sw_interface_dump(sw_if_index=loop)[0].interface_name
    command = f"set ip neighbor {name} 10.9.0.1 02:00:00:00:0a:01 count {count}"
    assert api.cli_inband(cmd=command).retval == 0
    with switch.connect() as other:
        assert other.want_ip_neighbor_events_v2(enable=True, pid=1, sw_if_index=NONE, ip=ip4("0.0.0.0")).retval == 0
        context = api.send("ip_neighbor_flush", af=0, sw_if_index=loop)
        gone = set()
        for k in range(count):
            event = other.event()
            if not k:
                assert other.ip_neighbor_dump(sw_if_index=NONE, af=0) == []
            assert event.flags == 2
            gone.add(bytes(event.neighbor.ip_address.un[:4]))
        assert len(gone) == count
        assert api.receive_for(context).retval == 0
        assert other.ip_neighbor_dump(sw_if_index=NONE, af=0) == []


def test_replacing_addresses(api, loop):
    other = api.create_loopback(mac_address=bytes(6)).sw_if_index

    def add(index, address):
        return api.sw_interface_add_del_address(sw_if_index=index, is_add=True, prefix=prefix(address)).retval

    def addresses():
        return {text(d.prefix) for index in (loop, other) for d in api.ip_address_dump(sw_if_index=index)}
    assert add(loop, "192.0.2.9/24") == 0 and add(other, "198.51.100.1/24") == 0
    assert api.sw_interface_address_replace_begin().retval == 0
    assert add(loop, "192.0.2.1/24") == 0, "it was there before"
    assert add(loop, "192.0.2.1/24") == -105, "and is there again"
    assert add(loop, "192.0.2.10/24") == 0
    assert len(addresses()) == 4, "nothing went yet"
    assert api.sw_interface_address_replace_end().retval == 0
    assert addresses() == {"192.0.2.1/24", "192.0.2.10/24"}
    assert api.ip_route_lookup(exact=1, prefix=prefix("198.51.100.0/24")).retval == -6
    assert api.ip_route_lookup(exact=1, prefix=prefix("192.0.2.0/24")).retval == 0
    assert api.sw_interface_address_replace_end().retval == 0
    assert addresses() == {"192.0.2.1/24", "192.0.2.10/24"}
    # what goes while it is being replaced is gone
    assert api.sw_interface_address_replace_begin().retval == 0
    assert api.sw_interface_address_replace_begin().retval == 0
    assert api.sw_interface_add_del_address(sw_if_index=loop, prefix=prefix("192.0.2.10/24")).retval == 0
    api.delete_loopback(sw_if_index=other)
    assert api.sw_interface_address_replace_end().retval == 0
    assert addresses() == set()
    assert add(loop, "192.0.2.1/24") == 0


def test_replacing_a_table(switch, api, loop):
    def change(name, paths, **more):
        route = {"prefix": prefix(name), "paths": paths}
        assert api.ip_route_add_del(is_add=True, route=route, **more).retval == 0

    def routes():
        return {text(r.route.prefix): sorted(socket.inet_ntoa(p.nh.address[:4]) for p in r.route.paths)
                for r in api.ip_route_dump(table={"table_id": 0}) if text(r.route.prefix).startswith("10.")}
    one, two = path("192.0.2.2", loop), path("192.0.2.3", loop)
    for name in ("10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"):
        change(name, [one])
    switch.vpp.ctl("ip route add 10.9.0.0/16 via 192.0.2.2 loop0")
    assert api.ip_table_replace_begin(table={"table_id": 0}).retval == 0
    change("10.1.0.0/16", [one])
    change("10.2.0.0/16", [two], is_multipath=True)
    change("10.4.0.0/16", [one])
    assert set(routes()) == {f"10.{i}.0.0/16" for i in (1, 2, 3, 4, 9)}, "nothing went yet"
    assert api.ip_table_replace_end(table={"table_id": 0}).retval == 0
    assert routes() == {"10.1.0.0/16": ["192.0.2.2"], "10.2.0.0/16": ["192.0.2.3"], "10.4.0.0/16": ["192.0.2.2"],
                        "10.9.0.0/16": ["192.0.2.2"]}
    change("10.2.0.0/16", [one], is_multipath=True)
    assert routes()["10.2.0.0/16"] == ["192.0.2.2", "192.0.2.3"]
    assert api.ip_table_replace_end(table={"table_id": 0}).retval == 0
    assert len(routes()) == 4
    for name in ("ip_table_replace_begin", "ip_table_replace_end"):
        assert api.request(name, table={"table_id": 99}).retval == -3
        assert api.request(name, table={"table_id": 0, "is_ip6": True}).retval == 0
    assert api.ip_table_flush(table={"table_id": 0}).retval == 0
    switch.vpp.ctl("ip route del 10.9.0.0/16")


def test_a_large_table_goes_in_pieces(api):
    """More routes than are looked at without a pause: none is left out, and the next request finds what is to be there."""
    many = 2500
    assert api.ip_table_add_del(is_add=True, table={"table_id": 20}).retval == 0

    def change(numbers):
        for n in numbers:
            route = {"table_id": 20, "prefix": prefix(f"10.{n >> 8}.{n & 255}.0/24"), "paths": [path(type=2)]}
            assert api.ip_route_add_del(is_add=True, route=route).retval == 0

    def count():
        return sum(text(r.route.prefix).startswith("10.") for r in api.ip_route_dump(table={"table_id": 20}))
    change(range(many))
    assert count() == many
    assert api.ip_table_replace_begin(table={"table_id": 20}).retval == 0
    change(range(0, many, 2))
    assert count() == many
    assert api.ip_table_replace_end(table={"table_id": 20}).retval == 0
    assert count() == many // 2
    assert api.ip_table_flush(table={"table_id": 20}).retval == 0
    assert count() == 0
    change(range(many))
    assert api.ip_table_add_del(is_add=False, table={"table_id": 20}).retval == 0
    assert 20 not in {d.table.table_id for d in api.ip_table_dump()}
    assert api.ip_table_add_del(is_add=True, table={"table_id": 20}).retval == 0
    assert count() == 0
    assert api.ip_table_add_del(is_add=False, table={"table_id": 20}).retval == 0


def test_many_are_replaced_in_pieces(switch, api, loop):
    """More neighbors and addresses than are looked at without a pause: those go that were not said again, before the answer."""
    def rounds():
        return switch.vpp.json("show event-loop")["work_rounds"]

    def add(n):
        return api.sw_interface_add_del_address(sw_if_index=loop, is_add=True, prefix=prefix(f"172.16.{n}.1/24")).retval
    name = next(d.interface_name for d in api.sw_interface_dump(sw_if_index=NONE) if d.sw_if_index == loop)
    switch.vpp.ctl("clear event-loop")
    switch.vpp.ctl(f"set ip neighbor {name} 10.1.1.100 02:00:00:00:0a:01 count 2000")
    assert api.ip_neighbor_replace_begin().retval == 0
    assert api.ip_neighbor_add_del(is_add=True, neighbor=neighbor(loop, "10.1.1.107")).retval == 0
    assert len(api.ip_neighbor_dump(sw_if_index=loop)) == 2000
    assert api.ip_neighbor_replace_end().retval == 0
    assert len(api.ip_neighbor_dump(sw_if_index=loop)) == 1
    assert rounds()
    switch.vpp.ctl("clear event-loop")
    assert [add(n) for n in range(200)] == [0] * 200
    assert api.sw_interface_address_replace_begin().retval == 0
    assert add(7) == 0 and add(199) == 0
    assert api.sw_interface_address_replace_end().retval == 0
    assert sorted(text(d.prefix) for d in api.ip_address_dump(sw_if_index=loop)) == ["172.16.199.1/24", "172.16.7.1/24"]
    assert rounds()
    assert api.sw_interface_address_replace_end().retval == 0
    assert len(api.ip_address_dump(sw_if_index=loop)) == 2


def test_replacing_neighbors(api, loop):
    def add(address, mac=MAC):
        assert api.ip_neighbor_add_del(is_add=True, neighbor=neighbor(loop, address, 1, mac)).retval == 0

    def known():
        return {socket.inet_ntoa(d.neighbor.ip_address.un[:4]): d.neighbor.mac_address
                for d in api.ip_neighbor_dump(sw_if_index=loop, af=0)}
    for address in ("192.0.2.5", "192.0.2.6", "192.0.2.7"):
        add(address)
    assert api.ip_neighbor_replace_begin().retval == 0
    add("192.0.2.5")
    add("192.0.2.6", mac=bytes.fromhex("020000000a02"))
    add("192.0.2.8")
    assert len(known()) == 4
    assert api.ip_neighbor_replace_end().retval == 0
    assert known() == {"192.0.2.5": MAC, "192.0.2.6": bytes.fromhex("020000000a02"), "192.0.2.8": MAC}
    assert api.ip_neighbor_replace_end().retval == 0
    assert len(known()) == 3


def test_reassembly(switch, api, loop):
    def now():
        reply = api.ip_reassembly_get(is_ip6=False, type=0)
        assert reply.retval == 0 and not reply.is_ip6
        return reply.timeout_ms, reply.max_reassemblies, reply.max_reassembly_length, reply.expire_walk_interval_ms

    def change(values, **more):
        names = ("timeout_ms", "max_reassemblies", "max_reassembly_length", "expire_walk_interval_ms")
        return api.ip_reassembly_set(**dict(zip(names, values)), **more).retval
    before = now()
    assert change((100, 200, 3, 4000)) == 0 and now() == (100, 200, 3, 4000)
    shown = switch.vpp.json("show ip4-full-reassembly")
    assert (shown["timeout_ms"], shown["max_reassemblies"], shown["max_fragments"], shown["expire_walk_ms"]) == now()
    for wrong in ((0, 200, 3, 4000), (100, 1 << 20, 3, 4000), (100, 200, 0, 4000), (100, 200, 3, 0)):
        assert change(wrong) == -7
    assert change(before, type=2) == -126
    assert change((50, 60, 7, 80), is_ip6=True) == 0  # is another
    reply = api.ip_reassembly_get(is_ip6=True)
    assert (reply.retval, reply.is_ip6, reply.timeout_ms, reply.max_reassemblies, reply.max_reassembly_length) == (0, True, 50, 60, 7)
    assert "set ip reassembly ip6 timeout-ms 50" in "\n".join(switch.vpp.running_config())
    assert change(before, is_ip6=True) == 0
    assert api.ip_reassembly_get(type=2).retval == -126
    assert now() == (100, 200, 3, 4000)
    saved = [line for line in switch.vpp.running_config() if "reassembly" in line]
    assert change(before) == 0 and now() == before
    assert not [line for line in switch.vpp.running_config() if "reassembly" in line]
    switch.vpp.configure("\n".join(saved))
    assert now() == (100, 200, 3, 4000)
    assert change(before) == 0
    assert "at least 1" in switch.vpp.fails("set ip reassembly timeout-ms 0 local off")
    assert "nothing to set" in switch.vpp.fails("set ip reassembly")
    switch.vpp.ctl("set ip reassembly max-buffers 77")
    assert switch.vpp.json("show ip4-full-reassembly")["max_buffers"] == 77
    assert "set ip reassembly max-buffers 77" in switch.vpp.running_config()
    switch.vpp.ctl(f"set ip reassembly max-buffers {shown['max_buffers']}")


def test_reassembly_of_an_interface(switch, api, loop):
    def change(index, **values):
        return api.ip_reassembly_enable_disable(sw_if_index=index, **values).retval

    def lines():
        return [line for line in switch.vpp.running_config() if "reassembly" in line]
    assert change(loop, enable_ip4=True) == 0
    assert lines() == ["set interface reassembly loop0 ip4"]
    assert change(loop, enable_ip4=True, enable_ip6=True) == 0 and lines() == ["set interface reassembly loop0 on"]
    assert change(loop, enable_ip6=True) == 0 and lines() == ["set interface reassembly loop0 ip6"]
    assert change(loop, enable_ip4=False) == 0 and lines() == []
    assert change(loop, enable_ip4=True, type=2) == -126
    assert change(999, enable_ip4=True) == -2
    assert lines() == []


@pytest.mark.parametrize("ip6", [False, True])
def test_virtual_reassembly(switch, api, ip6):
    """Is another, of each protocol, and comes back as it was."""
    def now(**which):
        reply = api.ip_reassembly_get(is_ip6=ip6, **which)
        assert reply.retval == 0 and reply.is_ip6 == ip6
        return reply.timeout_ms, reply.max_reassemblies, reply.max_reassembly_length, reply.expire_walk_interval_ms

    def change(timeout, n, length, walk):
        return api.ip_reassembly_set(timeout_ms=timeout, max_reassemblies=n, max_reassembly_length=length,
                                     expire_walk_interval_ms=walk, is_ip6=ip6, type=1).retval

    def lines():
        return [line for line in switch.vpp.running_config() if "reassembly" in line]
    before, full = now(type=1), now(type=0)
    assert change(100, 200, 3, 4000) == 0 and now(type=1) == (100, 200, 3, 4000) and now(type=0) == full
    name = "ip6" if ip6 else "ip4"
    shown = switch.vpp.json(f"show {name}-sv-reassembly")
    assert (shown["timeout_ms"], shown["max_reassemblies"], shown["max_fragments"], shown["expire_walk_ms"]) == now(type=1)
    assert change(0, 200, 3, 4000) == -7 and now(type=1) == (100, 200, 3, 4000)
    saved = lines()
    words = "set ip reassembly ip6 shallow-virtual" if ip6 else "set ip reassembly shallow-virtual"
    assert saved == [f"{words} timeout-ms 100 max-reassemblies 200 max-reassembly-length 3 expire-walk-interval-ms 4000"]
    assert change(*before) == 0 and lines() == []
    switch.vpp.configure("\n".join(saved))
    assert now(type=1) == (100, 200, 3, 4000)
    assert change(*before) == 0
    assert "in full" in switch.vpp.fails(f"set ip reassembly {name} shallow-virtual timeout-ms 7 local off")
    assert "nothing to set" in switch.vpp.fails(f"set ip reassembly {name} shallow-virtual")
    assert now(type=1) == before


def test_virtual_reassembly_of_an_interface(switch, api, loop):
    def change(**values):
        return api.ip_reassembly_enable_disable(sw_if_index=loop, **values).retval

    def lines():
        return [line for line in switch.vpp.running_config() if "reassembly" in line]

    def features():
        return [f for f in ("ip4-sv-reassembly-feature", "ip6-sv-reassembly-feature", "ip6-full-reassembly-feature")
                if f in switch.vpp.ctl("show interface features loop0")]
    assert change(enable_ip6=True, type=1) == 0 and lines() == ["set interface reassembly loop0 ip6 shallow-virtual"]
    assert features() == ["ip6-sv-reassembly-feature"]
    assert change(enable_ip4=True, enable_ip6=True, type=1) == 0
    assert change(enable_ip4=True, enable_ip6=True, type=1) == 0  # again is nothing new
    assert change(enable_ip6=True) == 0  # both kinds
    assert sorted(lines()) == ["set interface reassembly loop0 ip6", "set interface reassembly loop0 on shallow-virtual"]
    assert len(features()) == 3
    assert change(type=1) == 0 and lines() == ["set interface reassembly loop0 ip6"]
    switch.vpp.ctl("set interface reassembly loop0 ip4 shallow-virtual")
    assert sorted(lines()) == ["set interface reassembly loop0 ip4 shallow-virtual", "set interface reassembly loop0 ip6"]
    switch.vpp.ctl("set interface reassembly loop0 off shallow-virtual")
    switch.vpp.ctl("set interface reassembly loop0 off")
    assert lines() == [] and features() == []


def test_local_reassembly(api, switch):
    def now():
        reply = api.ip_local_reass_get()
        assert reply.retval == 0
        return reply.ip4_is_enabled, reply.ip6_is_enabled
    assert now() == (True, True)
    assert api.ip_local_reass_enable_disable(enable_ip4=False, enable_ip6=True).retval == 0
    assert now() == (False, True)
    assert "set ip reassembly local off" in switch.vpp.running_config()
    assert switch.vpp.json("show ip4-full-reassembly")["local"] is False
    assert api.ip_local_reass_enable_disable(enable_ip4=True).retval == 0
    assert now() == (True, False)
    assert "set ip reassembly ip6 local off" in switch.vpp.running_config()
    assert api.ip_local_reass_enable_disable(enable_ip4=True, enable_ip6=True).retval == 0
    assert now() == (True, True)
    switch.vpp.ctl("set ip reassembly local off")
    assert now() == (False, True)
    switch.vpp.ctl("set ip reassembly ip6 local off")
    assert now() == (False, False)
    switch.vpp.ctl("set ip reassembly local on")
    switch.vpp.ctl("set ip reassembly ip6 local on")
    assert now() == (True, True)


# --- proxy ARP


def test_proxy_arp(switch, api, loop):
    def change(is_add, low, high, table=0):
        proxy = {"table_id": table, "low": socket.inet_aton(low), "hi": socket.inet_aton(high)}
        return api.proxy_arp_add_del(is_add=is_add, proxy=proxy).retval

    def ranges():
        return [(d.proxy.table_id, socket.inet_ntoa(d.proxy.low), socket.inet_ntoa(d.proxy.hi))
                for d in api.proxy_arp_dump()]
    assert ranges() == [] and change(True, "10.0.0.1", "10.0.0.9") == 0
    assert change(True, "10.0.0.1", "10.0.0.9") == 0  # as it is
    assert change(True, "10.0.0.1", "10.0.0.9", table=10) == -3
    assert change(True, "10.0.0.9", "10.0.0.1") == -7
    api.ip_table_add_del(is_add=True, table={"table_id": 10})
    assert change(True, "10.1.0.1", "10.1.0.1", table=10) == 0
    assert ranges() == [(0, "10.0.0.1", "10.0.0.9"), (10, "10.1.0.1", "10.1.0.1")]
    assert "10.0.0.1 - 10.0.0.9" in switch.vpp.ctl("show arp proxy")
    assert change(False, "10.0.0.1", "10.0.0.8") == -6
    assert change(False, "10.0.0.1", "10.0.0.9") == 0 and change(False, "10.1.0.1", "10.1.0.1", table=10) == 0
    assert change(False, "10.0.0.1", "10.0.0.9") == -6
    assert ranges() == []
    api.ip_table_add_del(is_add=False, table={"table_id": 10})


def test_proxy_arp_interfaces(api, loop):
    def enabled():
        return [d.sw_if_index for d in api.proxy_arp_intfc_dump()]
    assert enabled() == []
    for _ in range(2):
        assert api.proxy_arp_intfc_enable_disable(sw_if_index=loop, enable=True).retval == 0
    assert enabled() == [loop]
    assert api.proxy_arp_intfc_enable_disable(sw_if_index=999, enable=True).retval == -2
    for _ in range(2):
        assert api.proxy_arp_intfc_enable_disable(sw_if_index=loop, enable=False).retval == 0
    assert enabled() == []


# --- sources


def test_sources(switch, api, loop):
    """Numbers of sources are those that routes have; the best says how packets go."""
    sources = {d.src.name: d.src for d in api.fib_source_dump()}
    assert {"interface", "API", "CLI", "adjacency", "default-route"} <= set(sources)
    assert sources["interface"].priority < sources["API"].priority < sources["CLI"].priority
    assert len({s.id for s in sources.values()}) == len(sources) and all(s.id for s in sources.values())
    assert [(sources[n].id, sources[n].priority) for n in ("classify", "interface", "API", "CLI", "IPv6-nd")] == \
        [(2, 1), (4, 3), (8, 128), (9, 129), (14, 193)]  # those of VPP
    assert "[9] CLI prio:129.0 behaviour:api\n" in switch.vpp.ctl("show fib source")

    def change(is_add, address, source):
        route = {"prefix": prefix("198.51.100.0/24"), "src": source, "paths": [path(address, loop)]}
        return api.ip_route_add_del_v2(is_add=is_add, route=route).retval

    def best():
        route = api.ip_route_lookup_v2(exact=1, prefix=prefix("198.51.100.0/24")).route
        return route.src, socket.inet_ntoa(route.paths[0].nh.address[:4])
    api_source, cli = sources["API"].id, sources["CLI"].id
    assert change(True, "192.0.2.3", cli) == 0 and best() == (cli, "192.0.2.3")
    assert "ip route add 198.51.100.0/24 via 192.0.2.3 loop0" in switch.vpp.running_config()
    assert change(True, "192.0.2.2", 0) == 0 and best() == (api_source, "192.0.2.2")
    assert change(False, "192.0.2.2", api_source) == 0 and best() == (cli, "192.0.2.3")
    assert change(True, "192.0.2.4", sources["interface"].id) == -7 and change(True, "192.0.2.4", 200) == -7
    assert best() == (cli, "192.0.2.3")
    assert change(False, "192.0.2.3", cli) == 0
    assert api.ip_route_lookup_v2(exact=1, prefix=prefix("198.51.100.0/24")).retval == -6


def test_sources_that_clients_add(switch, api, loop):
    """They are before and behind others by their priorities; the older of two that have the same is before."""
    def add(name, priority):
        reply = api.fib_source_add(src={"name": name, "priority": priority})
        return reply.retval or reply.id

    def change(is_add, address, source):
        route = {"prefix": prefix("198.51.100.0/24"), "src": source, "paths": [path(address, loop)]}
        return api.ip_route_add_del_v2(is_add=is_add, route=route).retval
    assert change(True, "192.0.2.9", 30) == -7
    names = [("between", 128), ("first", 100), ("last", 200)]
    assert [add(*n) for n in names + names] == [30, 31, 32] * 2  # VPP's own are below
    for name, priority, retval in ("between", 100, -116), ("api", 128, -116), ("a b", 9, -7), ("", 9, -7):
        assert add(name, priority) == retval
    assert "[30] between prio:128.1 behaviour:api\n" in switch.vpp.ctl("show fib source")
    order = ["first", "API", "between", "CLI", "last"]
    ids = {d.src.name: d.src.id for d in api.fib_source_dump()}
    address = {name: f"192.0.2.{k + 2}" for k, name in enumerate(order)}
    for name in ("last", "CLI", "first", "between", "API"):
        assert change(True, address[name], ids[name]) == 0
    lines = switch.vpp.running_config()
    for name in ("first", "between", "last"):
        assert f"ip route add 198.51.100.0/24 source {name} via {address[name]} loop0" in lines
    assert [line for line in lines if line.startswith("set fib source")] == [f"set fib source {n} priority {k}" for n, k in names]
    for name in order:
        route = api.ip_route_lookup_v2(exact=1, prefix=prefix("198.51.100.0/24")).route
        assert (route.src, socket.inet_ntoa(route.paths[0].nh.address[:4])) == (ids[name], address[name])
        assert change(False, address[name], ids[name]) == 0
    assert [add(f"more{k}", 9) for k in range(5)] == [33, 34, 35, 36, 37]
    assert add("more5", 9) < 0 and add("more4", 9) == 37  # there is room for eight


def test_stream_while_routes_change(switch, api):
    """Not one packet of it is lost, whatever one client adds, deletes and asks for."""
    vpp = switch.vpp
    vpp.configure(lib.PG_ROUTER)
    vpp.ctl("ip route add 203.0.0.0/16 via 198.18.1.2 pg1")
    vpp.ctl("packet-generator new { name s limit 1000000000 rate 20000 size 64-64 source pg0 node ip4-input"
            " data { UDP: 198.18.0.2 -> 203.0.113.9 UDP: 1 -> 2 incrementing 36 } }")
    lib.wait_for(lambda: vpp.counter("pg1", "tx packets"), "the announcement of its address")
    before = vpp.counter("pg1", "tx packets")
    vpp.ctl("packet-generator enable-stream s")
    lib.wait_for(lambda: vpp.counter("pg1", "tx packets") > before, "the stream")
    out = path("198.18.1.2", vpp.interfaces()["pg1"]["sw_if_index"])
    routes = [ipaddress.ip_network(f"203.0.113.9/{n}", strict=False) for n in range(17, 33)]  # the stream's own
    routes += [ipaddress.ip_network(f"100.{i >> 8}.{i & 255}.0/24") for i in range(1000)]
    for is_add in (True, False):
        for one in routes:
            route = {"prefix": prefix(str(one)), "n_paths": 1, "paths": [out]}
            assert api.ip_route_add_del(is_add=is_add, route=route).retval == 0
        api.ip_route_dump(table={"table_id": 0})
    vpp.ctl("packet-generator disable-stream s")
    lib.wait_for(lambda: vpp.buffers_used() == 0, "the stream to end")
    sent = vpp.json("show packet-generator")["streams"][0]["count"]
    assert vpp.counter("pg1", "tx packets") - before == sent > 0
    vpp.configure("""
        packet-generator delete s
        ip route del 203.0.0.0/16
        delete packet-generator interface pg0
        delete packet-generator interface pg1
    """)

"""The messages of ip.api and ip_neighbor.api with IPv6 in them."""
import socket

import pytest

NONE = 0xffffffff
MAC = bytes.fromhex("020000000a01")


def ip6(text):
    return {"af": 1, "un": {"ip6": socket.inet_pton(socket.AF_INET6, text)}}


def prefix(text):
    address, length = text.split("/")
    return {"address": ip6(address), "len": int(length)}


def text(p):
    return f"{socket.inet_ntop(socket.AF_INET6, p.address.un)}/{p.len}"


def path(next_hop="::", interface=NONE, **more):
    return {"sw_if_index": interface, "weight": 1, "proto": 1, "nh": {"address": ip6(next_hop)["un"]}, **more}


@pytest.fixture
def loop(api):
    index = api.create_loopback(mac_address=MAC).sw_if_index
    api.sw_interface_set_flags(sw_if_index=index, flags=1)
    assert api.sw_interface_add_del_address(sw_if_index=index, is_add=True,
                                            prefix=prefix("2001:db8::1/64")).retval == 0
    yield index
    api.delete_loopback(sw_if_index=index)


def test_addresses(api, loop):
    assert [text(d.prefix) for d in api.ip_address_dump(sw_if_index=loop, is_ipv6=True)] == ["2001:db8::1/64"]
    assert api.ip_address_dump(sw_if_index=loop) == []
    assert loop in [d.sw_if_index for d in api.ip_dump(is_ipv6=True)]
    again = api.sw_interface_add_del_address(sw_if_index=loop, is_add=True, prefix=prefix("2001:db8::1/64"))
    assert again.retval == -105
    for wrong in ("ff02::1/64", "::1/128", "::/128"):
        assert api.sw_interface_add_del_address(sw_if_index=loop, is_add=True, prefix=prefix(wrong)).retval == -7
    gone = {"sw_if_index": loop, "prefix": prefix("2001:db8::1/64")}
    assert api.sw_interface_add_del_address(**gone).retval == 0
    assert api.sw_interface_add_del_address(**gone).retval == -60


def test_link_local(api, loop):
    def own():
        reply = api.sw_interface_ip6_get_link_local_address(sw_if_index=loop)
        return reply.retval or socket.inet_ntop(socket.AF_INET6, reply.ip)
    assert own() == "fe80::ff:fe00:a01"
    change = {"sw_if_index": loop, "ip": socket.inet_pton(socket.AF_INET6, "fe80::7")}
    assert api.sw_interface_ip6_set_link_local_address(**change).retval == 0
    assert own() == "fe80::7"
    change["ip"] = socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    assert api.sw_interface_ip6_set_link_local_address(**change).retval == -7
    assert own() == "fe80::7"
    assert api.sw_interface_ip6_set_link_local_address(sw_if_index=999).retval == -2
    assert api.sw_interface_ip6_get_link_local_address(sw_if_index=999).retval == -2
    assert api.sw_interface_add_del_address(sw_if_index=loop, del_all=True).retval == 0
    assert own() == -62


def test_enable(api):
    index = api.create_loopback(mac_address=MAC).sw_if_index
    change = {"sw_if_index": index}
    assert api.sw_interface_ip6_enable_disable(**change, enable=False).retval == -6
    assert api.sw_interface_ip6_enable_disable(**change, enable=True).retval == 0
    assert api.sw_interface_ip6_enable_disable(**change, enable=True).retval == 0  # it is on, or off: no count
    assert api.sw_interface_ip6_get_link_local_address(**change).retval == 0
    assert api.sw_interface_ip6_enable_disable(**change, enable=False).retval == 0
    assert api.sw_interface_ip6_get_link_local_address(**change).retval == -62
    assert api.sw_interface_ip6_enable_disable(**change, enable=False).retval == -6
    # what an address has on is no reason to refuse, nor is it off then
    assert api.sw_interface_add_del_address(**change, is_add=True, prefix=prefix("2001:db8:77::1/64")).retval == 0
    assert api.sw_interface_ip6_enable_disable(**change, enable=False).retval == 0
    assert api.sw_interface_ip6_get_link_local_address(**change).retval == 0
    assert api.sw_interface_add_del_address(**change, del_all=True).retval == 0
    assert api.sw_interface_ip6_get_link_local_address(**change).retval == -62
    assert api.sw_interface_ip6_enable_disable(sw_if_index=999, enable=True).retval == -2
    api.delete_loopback(sw_if_index=index)


def test_routes(api, loop):
    route = {"prefix": prefix("2001:db8:5::/48"), "paths": [path("2001:db8::2", loop)]}
    for name in ("ip_route_add_del", "ip_route_add_del_v2"):
        assert api.request(name, is_add=True, route=route).retval == 0
        found = api.ip_route_lookup(exact=1, prefix=route["prefix"])
        assert found.retval == 0 and text(found.route.prefix) == "2001:db8:5::/48"
        (hop,) = found.route.paths
        assert (hop.proto, hop.sw_if_index) == (1, loop)
        assert hop.nh.address == socket.inet_pton(socket.AF_INET6, "2001:db8::2")
        assert text(api.ip_route_lookup(prefix=prefix("2001:db8:5::9/128")).route.prefix) == "2001:db8:5::/48"
        assert api.request(name, is_add=False, route=route).retval == 0
        assert api.ip_route_lookup(exact=1, prefix=route["prefix"]).retval == -6
    # what an address brings
    found = {text(r.route.prefix) for r in api.ip_route_dump(table={"table_id": 0, "is_ip6": True})}
    assert found == {"::/0", "fe80::/10", "2001:db8::/64", "2001:db8::1/128"}


def test_neighbors(api, loop):
    n = {"sw_if_index": loop, "flags": 1, "mac_address": MAC, "ip_address": ip6("2001:db8::7")}
    assert api.ip_neighbor_add_del(is_add=True, neighbor=n).retval == 0
    (found,) = api.ip_neighbor_dump(sw_if_index=loop, af=1)
    assert found.neighbor.ip_address.un == socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    assert api.ip_neighbor_add_del(is_add=True, neighbor={**n, "ip_address": ip6("fe80::7")}).retval == 0
    assert len(api.ip_neighbor_dump(sw_if_index=loop, af=1)) == 2
    assert api.ip_neighbor_dump(sw_if_index=loop, af=0) == []
    assert api.ip_neighbor_add_del(is_add=True, neighbor={**n, "ip_address": ip6("ff02::7")}).retval == -7
    assert api.ip_neighbor_flush(af=1, sw_if_index=loop).retval == 0
    assert api.ip_neighbor_dump(sw_if_index=loop, af=1) == []


def test_ping_of_ourselves(api, loop):
    assert api.want_ping_finished_events(address=ip6("2001:db8::1"), repeat=2, interval=0.01).retval == 0
    event = api.event(timeout=120)
    assert (event.request_count, event.reply_count) == (2, 2)


# --- proxies of neighbour discovery


def test_nd_proxy(api, loop):
    def hosts():
        return [(d.sw_if_index, socket.inet_ntop(socket.AF_INET6, d.ip)) for d in api.ip6nd_proxy_dump()]

    def change(is_add, address, interface=loop):
        return api.ip6nd_proxy_add_del(sw_if_index=interface, is_add=is_add,
                                       ip=socket.inet_pton(socket.AF_INET6, address)).retval
    assert hosts() == []
    assert [change(True, a) for a in ("2001:db8::7", "2001:db8::7", "2001:db8::8")] == [0, 0, 0]
    assert sorted(hosts()) == [(loop, "2001:db8::7"), (loop, "2001:db8::8")]
    assert change(True, "ff02::1") == change(True, "fe80::1") == -7
    assert change(True, "2001:db8::9", 999) == -2
    assert change(False, "2001:db8::9") == -6
    assert change(False, "2001:db8::7") == 0
    assert hosts() == [(loop, "2001:db8::8")]
    assert change(False, "2001:db8::8") == 0 and hosts() == []


def test_nd_proxy_of_all(switch, api, loop):
    def on():
        return switch.vpp.json("show ip6 nd proxy")["interfaces"]
    for _ in range(2):
        assert api.ip6nd_proxy_enable_disable(sw_if_index=loop, is_enable=True).retval == 0
        assert on() == ["loop0"]
    assert api.ip6nd_proxy_enable_disable(sw_if_index=999, is_enable=True).retval == -2
    assert api.ip6nd_proxy_enable_disable(sw_if_index=0, is_enable=True).retval < 0
    for _ in range(2):
        assert api.ip6nd_proxy_enable_disable(sw_if_index=loop, is_enable=False).retval == 0
        assert on() == []

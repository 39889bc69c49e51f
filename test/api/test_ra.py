"""Messages of ip6_nd.api and rd_cp.api about router discovery."""
import ipaddress
import socket
import struct

import pytest
from scapy.layers.inet6 import ICMPv6ND_RS

import lib

NONE = 0xffffffff


def prefix(text):
    address, length = text.split("/")
    return {"address": {"af": 1, "un": {"ip6": socket.inet_pton(socket.AF_INET6, address)}}, "len": int(length)}


def text(p):
    return f"{socket.inet_ntop(socket.AF_INET6, p.address.un)}/{p.len}"


@pytest.fixture
def port(switch, api):
    """A host interface that takes IPv6, and the other end of its veth."""
    switch.namespace.veth("p0", "p0out")
    wire = lib.Wire(switch.namespace, "p0out")
    switch.vpp.configure("""create host-interface name p0
                            enable ip6 interface host-p0
                            set interface state host-p0 up""")
    index = next(d.sw_if_index for d in api.sw_interface_dump(sw_if_index=NONE) if d.interface_name == "host-p0")
    yield wire, index
    wire.close()
    switch.vpp.ctl("delete host-interface name p0")
    switch.namespace.ip("link del p0")


def details(api, index):
    (found,) = api.sw_interface_ip6nd_ra_dump(sw_if_index=index)
    return found


def test_settings(api, port):
    _, index = port
    now = details(api, index)
    assert (now.send_radv, now.cease_radv, now.adv_managed_flag, now.adv_router_lifetime, now.max_radv_interval,
            now.min_radv_interval, now.initial_adverts_count, now.initial_adverts_interval, now.adv_link_layer_address,
            now.cur_hop_limit, now.n_prefixes) == (True, False, False, 600, 200, 150, 3, 16, True, 64, 0)
    change = {"sw_if_index": index, "managed": 1, "other": 1, "ll_option": 1, "send_unicast": 1}
    assert api.sw_interface_ip6nd_ra_config(**change, default_router=1, lifetime=1800, max_interval=100, min_interval=50,
                                            initial_count=2, initial_interval=5).retval == 0
    now = details(api, index)
    assert (now.adv_managed_flag, now.adv_other_flag, now.adv_link_layer_address, now.send_unicast, now.adv_router_lifetime,
            now.max_radv_interval, now.min_radv_interval, now.initial_adverts_count,
            now.initial_adverts_interval) == (True, True, False, True, 1800, 100, 50, 2, 5)
    assert api.sw_interface_ip6nd_ra_config(**change, default_router=1, max_interval=1, initial_count=1, initial_interval=1,
                                            is_no=True).retval == 0
    now = details(api, index)
    assert (now.adv_managed_flag, now.adv_link_layer_address, now.adv_router_lifetime, now.max_radv_interval,
            now.initial_adverts_count) == (False, True, 600, 200, 3)
    for wrong in ({"max_interval": 3}, {"max_interval": 1801}, {"max_interval": 100, "min_interval": 90},
                  {"default_router": 1, "lifetime": 9001}, {"initial_count": 4}, {"initial_interval": 17}):
        assert api.sw_interface_ip6nd_ra_config(sw_if_index=index, **wrong).retval == -7
    assert api.sw_interface_ip6nd_ra_config(sw_if_index=999).retval == -2
    assert details(api, index).max_radv_interval == 200
    assert api.sw_interface_ip6nd_ra_config(sw_if_index=index, suppress=1).retval == 0
    assert not details(api, index).send_radv


def test_prefixes(api, switch, port):
    _, index = port
    change = {"sw_if_index": index, "prefix": prefix("2001:db8:1::7/64")}
    assert api.sw_interface_ip6nd_ra_prefix(**change, val_lifetime=1000, pref_lifetime=500, no_autoconfig=True).retval == 0
    (p,) = details(api, index).prefixes
    assert (text(p.prefix), p.onlink_flag, p.autonomous_flag, p.val_lifetime, p.pref_lifetime, p.decrement_lifetime_flag,
            p.no_advertise) == ("2001:db8:1::/64", True, False, 1000, 500, True, False)
    assert 0 < p.valid_lifetime_expires <= 1000 and 0 < p.pref_lifetime_expires <= 500
    assert api.sw_interface_ip6nd_ra_prefix(**change, use_default=True).retval == 0
    (p,) = details(api, index).prefixes
    assert (p.val_lifetime, p.pref_lifetime, p.decrement_lifetime_flag) == (2592000, 604800, False)
    # valid for ever, but not preferred: so it is saved
    assert api.sw_interface_ip6nd_ra_prefix(**change, val_lifetime=NONE, pref_lifetime=7).retval == 0
    assert "ip6 nd host-p0 prefix 2001:db8:1::/64 4294967295 7" in switch.vpp.running_config()
    assert api.sw_interface_ip6nd_ra_prefix(**change, val_lifetime=1, pref_lifetime=2).retval == -7
    assert api.sw_interface_ip6nd_ra_prefix(**change, is_no=True).retval == 0
    assert api.sw_interface_ip6nd_ra_prefix(**change, is_no=True).retval == -6
    assert api.sw_interface_ip6nd_ra_prefix(**{**change, "sw_if_index": 999}).retval == -2
    assert api.sw_interface_ip6nd_ra_prefix(sw_if_index=index, use_default=True,
                                            prefix={"address": {"af": 0, "un": {"ip4": bytes(4)}}, "len": 8}).retval == -7


def checksum(source, target, body):
    data = source + target + struct.pack(">II", len(body), 58) + body
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def advertisement(wire, router, life=1800, option=b""):
    source, target = (ipaddress.ip_address(a).packed for a in (router, "ff02::1"))
    body = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0xc0, life, 30000, 1000) + option
    body = body[:2] + struct.pack(">H", checksum(source, target, body)) + body[4:]
    return bytes.fromhex("333300000001") + bytes.fromhex(wire.mac.replace(":", "")) + b"\x86\xdd" + \
        struct.pack(">IHBB", 6 << 28, len(body), 58, 255) + source + target + body


def prefix_option(network, valid, preferred):
    return struct.pack(">BBBBIII", 3, 4, 64, 0xc0, valid, preferred, 0) + ipaddress.ip_address(network).packed


def test_events(api, port):
    wire, index = port
    assert api.want_ip6_ra_events(enable=True, pid=7).retval == 0
    assert api.want_ip6_ra_events(enable=True, pid=7).retval == -31
    wire.send(advertisement(wire, "fe80::9", option=prefix_option("2001:db8:5::", 3000, 1000)))
    event = api.event(timeout=60)
    assert event.name_ == "ip6_ra_event" and event.pid == 7
    assert (event.sw_if_index, socket.inet_ntop(socket.AF_INET6, event.router_addr)) == (index, "fe80::9")
    assert (event.current_hop_limit, event.flags, event.router_lifetime_in_sec, event.neighbor_reachable_time_in_msec,
            event.time_in_msec_between_retransmitted_neighbor_solicitations) == (64, 0xc0, 1800, 30000, 1000)
    (p,) = event.prefixes
    assert (text(p.prefix), p.flags, p.valid_time, p.preferred_time) == ("2001:db8:5::/64", 0xc0, 3000, 1000)
    assert api.want_ip6_ra_events(enable=False, pid=7).retval == 0
    assert api.want_ip6_ra_events(enable=False, pid=7).retval != 0


def test_host(api, switch, port):
    wire, index = port
    assert api.ip6_nd_address_autoconfig(sw_if_index=999, enable=True).retval == -2
    assert api.ip6_nd_address_autoconfig(sw_if_index=index, enable=True, install_default_routes=True).retval == 0

    def learnt():
        wire.send(advertisement(wire, "fe80::9", option=prefix_option("2001:db8:5::", 3000, 1000)))
        return [text(d.prefix) for d in api.ip_address_dump(sw_if_index=index, is_ipv6=True)]
    lib.wait_for(learnt, "an address", 60)
    assert learnt()[0].startswith("2001:db8:5:")
    routes = {text(r.route.prefix): r.route for r in api.ip_route_dump(table={"table_id": 0, "is_ip6": True})}
    assert [socket.inet_ntop(socket.AF_INET6, p.nh.address) for p in routes["::/0"].paths] == ["fe80::9"]
    assert api.ip6_nd_address_autoconfig(sw_if_index=index, enable=False).retval == 0
    assert api.ip_address_dump(sw_if_index=index, is_ipv6=True) == []


def test_solicitations(api, port):
    wire, index = port
    assert api.ip6nd_send_router_solicitation(sw_if_index=index, irt=1, mrt=120).retval == 0
    assert api.ip6nd_send_router_solicitation(sw_if_index=999).retval == -2
    wire.expect(lambda f: ICMPv6ND_RS in f, "a solicitation", 60)
    assert api.ip6nd_send_router_solicitation(sw_if_index=index, stop=True).retval == 0

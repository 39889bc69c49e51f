"""Messages of nat44_ei.api."""
import socket

import pytest
from test_nat44 import ANY, ip4, loops  # pylint: disable=unused-import

ADDR_ONLY, INSIDE, OUTSIDE = 8, 16, 32


@pytest.fixture
def nat(api):
    assert enable(api, sessions=500) == 0
    yield
    assert enable(api, enable=False) == 0


def enable(api, **kwargs):
    values = {"inside_vrf": 0, "outside_vrf": 0, "users": 0, "user_memory": 0, "sessions": 0, "session_memory": 0,
              "user_sessions": 0, "enable": True, "flags": 0, **kwargs}
    return api.nat44_ei_plugin_enable_disable(**values).retval


def address_range(api, first, last, add=True, vrf=ANY):
    return api.nat44_ei_add_del_address_range(first_ip_address=ip4(first), last_ip_address=ip4(last), vrf_id=vrf,
                                              is_add=add).retval


def test_the_plugin(api):
    assert enable(api, enable=False) == -169
    assert enable(api, flags=4) == -126  # out2in-dpo
    for flags in (1, 2, 3):  # static mappings only, and with sessions
        assert enable(api, flags=flags) == 0
        assert api.nat44_ei_show_running_config().flags == flags
        assert enable(api, enable=False) == 0
    assert enable(api, users=1 << 30) == -7
    assert enable(api) == 0
    assert enable(api) == -170
    shown = api.nat44_ei_show_running_config()
    assert (shown.retval, shown.users, shown.sessions, shown.user_sessions, shown.forwarding_enabled) == (0, 1024, 10240, 10240, False)
    assert shown.translation_buckets and shown.user_buckets
    t = shown.timeouts
    assert (t.udp, t.tcp_established, t.tcp_transitory, t.icmp) == (300, 7440, 240, 60)
    assert api.nat44_ei_set_timeouts(udp=1, tcp_established=2, tcp_transitory=3, icmp=4).retval == 0
    assert api.nat44_ei_set_timeouts(udp=0, tcp_established=2, tcp_transitory=3, icmp=4).retval == -7
    assert api.nat44_ei_forwarding_enable_disable(enable=True).retval == 0
    assert api.nat44_ei_ipfix_enable_disable(domain_id=3, src_port=0, enable=True).retval == 0
    shown = api.nat44_ei_show_running_config()
    assert (shown.timeouts.tcp_transitory, shown.forwarding_enabled, shown.ipfix_logging_enabled) == (3, True, True)
    assert api.nat44_ei_ipfix_enable_disable(domain_id=3, src_port=0, enable=False).retval == 0
    assert enable(api, enable=False) == 0
    assert enable(api, sessions=5, users=6, user_sessions=7) == 0
    shown = api.nat44_ei_show_running_config()
    assert (shown.users, shown.sessions, shown.user_sessions, shown.forwarding_enabled) == (6, 5, 7, False)
    assert enable(api, enable=False) == 0
    assert api.nat44_ei_forwarding_enable_disable(enable=True).retval == -126
    assert address_range(api, "10.0.0.1", "10.0.0.1") == -126


def test_queues_between_threads(api):
    """How long they are to be is taken while NAT is off."""
    def nelts():
        return api.nat44_ei_show_fq_options().frame_queue_nelts
    assert nelts() == 64
    assert api.nat44_ei_set_fq_options(frame_queue_nelts=0).retval == -7
    assert api.nat44_ei_set_fq_options(frame_queue_nelts=128).retval == 0
    assert enable(api) == 0
    assert api.nat44_ei_set_fq_options(frame_queue_nelts=32).retval == -170
    assert enable(api, enable=False) == 0
    assert nelts() == 128
    assert "set nat44 ei frame-queue-nelts 128\n" in api.cli_inband(cmd="show running-config").reply
    assert api.nat44_ei_set_fq_options(frame_queue_nelts=64).retval == 0
    assert "frame-queue-nelts" not in api.cli_inband(cmd="show running-config").reply


def test_log_level(api):
    for level, word in enumerate(("disabled", "error", "warn", "notice", "info", "debug")):
        assert api.nat44_ei_set_log_level(log_level=level).retval == 0
        assert api.nat44_ei_show_running_config().log_level == level
        assert f"set logging class nat level {word}\n" in api.cli_inband(cmd="show running-config").reply
    assert api.nat44_ei_set_log_level(log_level=6).retval == -126
    assert api.nat44_ei_show_running_config().log_level == 5


def test_addresses(api, nat, loops):  # pylint: disable=redefined-outer-name
    assert address_range(api, "10.9.0.1", "10.9.0.3") == 0
    assert address_range(api, "10.9.0.3", "10.9.0.5") == -81
    assert address_range(api, "10.9.0.9", "10.9.0.8") == -7
    assert address_range(api, "10.9.0.7", "10.9.0.7", vrf=3) == 0

    def interface(index, add=True):
        return api.nat44_ei_add_del_interface_addr(sw_if_index=index, is_add=add, flags=0).retval
    assert (interface(loops[1]), interface(999)) == (0, -2)
    assert [d.sw_if_index for d in api.nat44_ei_interface_addr_dump()] == [loops[1]]
    assert [(socket.inet_ntoa(bytes(d.ip_address)), d.vrf_id) for d in api.nat44_ei_address_dump()] == [
        ("10.9.0.1", ANY), ("10.9.0.2", ANY), ("10.9.0.3", ANY), ("10.9.0.7", 3), ("10.2.0.1", ANY)]
    assert address_range(api, "10.9.0.1", "10.9.0.2", add=False) == 0
    assert address_range(api, "10.9.0.1", "10.9.0.1", add=False) == -6
    assert (interface(loops[1], False), interface(loops[1], False)) == (0, -6)
    assert [socket.inet_ntoa(bytes(d.ip_address)) for d in api.nat44_ei_address_dump()] == ["10.9.0.3", "10.9.0.7"]


def test_interfaces(api, nat, loops):  # pylint: disable=redefined-outer-name
    def feature(index, flags, add=True):
        return api.nat44_ei_interface_add_del_feature(is_add=add, flags=flags, sw_if_index=index).retval
    assert feature(loops[0], INSIDE) == feature(loops[1], OUTSIDE) == feature(loops[1], INSIDE) == 0
    assert (feature(loops[0], INSIDE), feature(999, INSIDE)) == (-81, -2)
    assert {d.sw_if_index: int(d.flags) for d in api.nat44_ei_interface_dump()} == {loops[0]: INSIDE, loops[1]: INSIDE | OUTSIDE}
    assert (feature(loops[0], OUTSIDE, False), feature(loops[0], INSIDE, False)) == (-6, 0)
    assert [d.sw_if_index for d in api.nat44_ei_interface_dump()] == [loops[1]]


def test_output_interfaces(api, nat, loops):  # pylint: disable=redefined-outer-name
    def output(index, add=True):
        return api.nat44_ei_add_del_output_interface(is_add=add, sw_if_index=index).retval

    def feature(index, add=True):
        return api.nat44_ei_interface_add_del_output_feature(is_add=add, flags=OUTSIDE, sw_if_index=index).retval

    def listed(cursor=0):
        details, reply = api.nat44_ei_output_interface_get(cursor=cursor)
        assert (reply.retval, reply.cursor) == (0, ANY)
        return [d.sw_if_index for d in details]
    assert (output(loops[0]), output(loops[0]), output(999), feature(loops[0])) == (0, -81, -2, -81)
    assert (feature(loops[1]), listed(), listed(1)) == (0, loops, loops[1:])
    assert [d.sw_if_index for d in api.nat44_ei_interface_output_feature_dump()] == loops
    assert api.nat44_ei_interface_dump() == []
    assert (feature(loops[0], False), output(loops[1], False), output(loops[1], False)) == (0, 0, -6)
    assert listed() == api.nat44_ei_interface_output_feature_dump() == []


def test_sessions(api, nat):
    values = {"address": ip4("10.0.0.1"), "protocol": 17, "port": 1, "vrf_id": 0, "ext_host_address": bytes(4), "ext_host_port": 0}
    assert api.nat44_ei_del_session(flags=INSIDE, **values).retval == -6
    assert api.nat44_ei_del_user(ip_address=ip4("10.0.0.1"), fib_index=0).retval == -6
    assert api.nat44_ei_user_dump() == api.nat44_ei_user_session_dump(ip_address=ip4("10.0.0.1"), vrf_id=0) == []
    assert api.nat44_ei_user_session_v2_dump(ip_address=ip4("10.0.0.1"), vrf_id=0) == []


def test_static_mappings(api, nat, loops):  # pylint: disable=redefined-outer-name
    def static(add=True, flags=0, protocol=6, ports=(80, 8080), external="10.2.0.1", interface=ANY, vrf=0, tag="web"):
        return api.nat44_ei_add_del_static_mapping(
            is_add=add, flags=flags, local_ip_address=ip4("10.1.0.2"), external_ip_address=ip4(external), protocol=protocol,
            local_port=ports[0], external_port=ports[1], external_sw_if_index=interface, vrf_id=vrf, tag=tag).retval

    def mappings():
        return [(int(d.flags), socket.inet_ntoa(bytes(d.local_ip_address)), d.local_port,
                 socket.inet_ntoa(bytes(d.external_ip_address)), d.external_port, d.protocol, d.external_sw_if_index, d.vrf_id,
                 d.tag) for d in api.nat44_ei_static_mapping_dump()]
    assert (static(), static(), static(ports=(80, 0)), static(interface=999)) == (0, -81, -7, -2)
    assert static(flags=ADDR_ONLY, external="10.9.0.9", vrf=3) == 0
    assert static(protocol=17, interface=loops[1], tag="") == 0
    assert mappings() == [
        (0, "10.1.0.2", 80, "10.2.0.1", 8080, 6, ANY, 0, "web"), (ADDR_ONLY, "10.1.0.2", 0, "10.9.0.9", 0, 0, ANY, 3, "web"),
        (0, "10.1.0.2", 80, "10.2.0.1", 8080, 17, ANY, 0, ""), (0, "10.1.0.2", 80, "0.0.0.0", 8080, 17, loops[1], 0, "")]
    assert (static(add=False), static(add=False), len(mappings())) == (0, -6, 3)


def test_identity_mappings(api, nat, loops):  # pylint: disable=redefined-outer-name
    def identity(add=True, flags=0, interface=ANY, protocol=17, port=99):
        return api.nat44_ei_add_del_identity_mapping(is_add=add, flags=flags, ip_address=ip4("10.1.0.9"), protocol=protocol,
                                                     port=port, sw_if_index=interface, vrf_id=0, tag="t").retval
    assert identity() == identity(flags=ADDR_ONLY) == identity(interface=loops[1]) == 0
    assert identity() == -81
    assert [(int(d.flags), socket.inet_ntoa(bytes(d.ip_address)), d.protocol, d.port, d.sw_if_index, d.tag)
            for d in api.nat44_ei_identity_mapping_dump()] == [
        (0, "10.1.0.9", 17, 99, ANY, "t"), (ADDR_ONLY, "10.1.0.9", 0, 0, ANY, "t"),
        (0, "10.2.0.1", 17, 99, ANY, "t"), (0, "0.0.0.0", 17, 99, loops[1], "t")]
    assert api.nat44_ei_static_mapping_dump() == []
    assert identity(add=False) == identity(add=False, flags=ADDR_ONLY) == identity(add=False, interface=loops[1]) == 0
    assert api.nat44_ei_identity_mapping_dump() == []


def test_mss(api, nat):
    def clamp(value, on=True):
        return api.nat44_ei_set_mss_clamping(mss_value=value, enable=on).retval
    assert (clamp(1300), clamp(0)) == (0, -7)
    got = api.nat44_ei_get_mss_clamping()
    assert (got.retval, got.mss_value, got.enable) == (0, 1300, True)
    assert clamp(0, False) == 0
    assert api.nat44_ei_get_mss_clamping().enable is False


def test_which_ports(api):
    def set_ports(**kwargs):
        values = {"alg": 0, "psid_offset": 0, "psid_length": 0, "psid": 0, "start_port": 0, "end_port": 0, **kwargs}
        return api.nat44_ei_set_addr_and_port_alloc_alg(**values).retval

    def ports():
        r = api.nat44_ei_get_addr_and_port_alloc_alg()
        assert r.retval == 0
        return r.alg, r.psid_offset, r.psid_length, r.psid, r.start_port, r.end_port
    assert set_ports() == -126 and ports() == (0,) * 6
    assert enable(api) == 0
    assert set_ports(alg=1, psid_offset=6, psid_length=6, psid=10) == 0 and ports() == (1, 6, 6, 10, 0, 0)
    for wrong in ({"alg": 3}, {"alg": 2, "start_port": 5, "end_port": 5}, {"alg": 1, "psid_offset": 200, "psid_length": 200},
                  {"alg": 1, "psid_length": 2, "psid": 4}):
        assert set_ports(**wrong) == -7 and ports() == (1, 6, 6, 10, 0, 0)
    assert set_ports(alg=2, start_port=1024, end_port=2047) == 0 and ports() == (2, 0, 0, 0, 1024, 2047)
    assert set_ports() == 0 and ports() == (0,) * 6
    assert set_ports(alg=2, start_port=1024, end_port=2047) == 0
    assert enable(api, enable=False) == 0 and enable(api) == 0
    assert ports() == (0,) * 6
    assert enable(api, enable=False) == 0


def test_the_failover(api, loops):  # pylint: disable=redefined-outer-name
    def listener(address, port, mtu=512):
        return api.nat44_ei_ha_set_listener(ip_address=ip4(address), port=port, path_mtu=mtu).retval

    def failover(address, port, refresh=10):
        return api.nat44_ei_ha_set_failover(ip_address=ip4(address), port=port, session_refresh_interval=refresh).retval

    def settings():
        near, far = api.nat44_ei_ha_get_listener(), api.nat44_ei_ha_get_failover()
        assert near.retval == far.retval == 0
        return (socket.inet_ntoa(bytes(near.ip_address)), near.port, near.path_mtu, socket.inet_ntoa(bytes(far.ip_address)), far.port,
                far.session_refresh_interval)
    assert settings() == ("0.0.0.0", 0, 512, "0.0.0.0", 0, 10)
    assert listener("10.1.0.1", 6000) == -126 and failover("10.1.0.1", 6000) == -126
    assert api.nat44_ei_ha_flush().retval == -126 and api.nat44_ei_ha_resync(want_resync_event=1, pid=7).retval == -126
    assert enable(api) == 0
    assert (failover("10.1.0.1", 6000), listener("10.1.0.1", 6000, 10), api.nat44_ei_ha_flush().retval) == (-7, -7, -7)
    for index in loops:
        assert api.sw_interface_set_flags(sw_if_index=index, flags=1).retval == 0
    # itself: there are no sessions
    assert listener("10.1.0.1", 6000, 1400) == 0 and failover("10.1.0.1", 6000, 77) == 0
    assert settings() == ("10.1.0.1", 6000, 1400, "10.1.0.1", 6000, 77)
    assert api.nat44_ei_ha_flush().retval == 0
    assert api.nat44_ei_ha_resync(want_resync_event=1, pid=7).retval == 0
    event = api.event(timeout=60)
    assert (event.name_, event.pid, event.missed_count) == ("nat44_ei_ha_resync_completed_event", 7, 0)
    assert enable(api, enable=False) == 0
    assert settings() == ("0.0.0.0", 0, 512, "0.0.0.0", 0, 10)


def test_workers(start, api):
    assert api.nat44_ei_set_workers(worker_mask=1).retval == -30  # there is only one
    assert api.nat44_ei_worker_dump() == []
    three = start(config="cpu { workers 3 }").connect()

    def workers():
        return [(d.worker_index, d.name) for d in three.nat44_ei_worker_dump()]
    assert workers() == [(0, "vpp_wk_0"), (1, "vpp_wk_1"), (2, "vpp_wk_2")]
    assert three.nat44_ei_set_workers(worker_mask=5).retval == 0
    assert three.nat44_ei_set_workers(worker_mask=8).retval == -89
    assert workers() == [(0, "vpp_wk_0"), (2, "vpp_wk_2")]
    assert "set nat44 ei workers 0,2" in three.cli_inband(cmd="show running-config").reply

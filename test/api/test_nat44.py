"""Messages of nat44_ed.api."""
import socket

import pytest

FLAGS = {"twice": 1, "outside": 0x10, "inside": 0x20, "ext_host": 0x80}
ANY = 0xffffffff


@pytest.fixture
def loops(api):
    made = [api.create_loopback(mac_address=bytes(6)).sw_if_index for _ in range(2)]
    for n, index in enumerate(made):
        api.sw_interface_add_del_address(sw_if_index=index, is_add=True, prefix={
            "address": {"af": 0, "un": ip4(f"10.{n + 1}.0.1") + bytes(12)}, "len": 24})
    yield made
    for index in made:
        api.delete_loopback(sw_if_index=index)


@pytest.fixture
def nat(api):
    assert enable(api, sessions=500) == 0
    yield
    assert enable(api, enable=False) == 0


def ip4(text):
    return socket.inet_aton(text)


def enable(api, **kwargs):
    values = {"inside_vrf": 0, "outside_vrf": 0, "sessions": 0, "session_memory": 0, "enable": True, "flags": 0, **kwargs}
    return api.nat44_ed_plugin_enable_disable(**values).retval


def address_range(api, first, last, add=True, flags=0, vrf=ANY):
    return api.nat44_add_del_address_range(first_ip_address=ip4(first), last_ip_address=ip4(last), vrf_id=vrf, is_add=add,
                                           flags=flags).retval


def test_the_plugin(api):
    assert enable(api, enable=False) == -169
    assert enable(api, flags=2) == -126  # static mappings only
    assert enable(api) == 0
    assert enable(api) == -170
    shown = api.nat44_show_running_config()
    assert (shown.retval, shown.sessions, shown.flags, shown.forwarding_enabled) == (0, 63 * 1024, 1, False)
    t = shown.timeouts
    assert (t.udp, t.tcp_established, t.tcp_transitory, t.icmp) == (300, 7440, 240, 60)
    assert api.nat_set_timeouts(udp=1, tcp_established=2, tcp_transitory=3, icmp=4).retval == 0
    assert api.nat_set_timeouts(udp=0, tcp_established=2, tcp_transitory=3, icmp=4).retval == -7
    assert api.nat44_forwarding_enable_disable(enable=True).retval == 0
    assert api.nat44_set_session_limit(session_limit=77, vrf_id=0).retval == 0
    shown = api.nat44_show_running_config()
    assert (shown.sessions, shown.timeouts.tcp_transitory, shown.forwarding_enabled) == (77, 3, True)
    assert enable(api, enable=False) == 0
    assert api.nat44_forwarding_enable_disable(enable=True).retval == -126
    assert address_range(api, "10.0.0.1", "10.0.0.1") == -126


def test_queues_between_threads(api):
    """How long they are to be is taken while NAT is off."""
    assert api.nat44_ed_show_fq_options().frame_queue_nelts == 64
    assert api.nat44_ed_set_fq_options(frame_queue_nelts=128).retval == 0
    assert enable(api) == 0
    assert api.nat44_ed_set_fq_options(frame_queue_nelts=32).retval == -170
    assert enable(api, enable=False) == 0
    assert api.nat44_ed_show_fq_options().frame_queue_nelts == 128
    assert "set nat frame-queue-nelts 128\n" in api.cli_inband(cmd="show running-config").reply
    assert api.nat44_ed_set_fq_options(frame_queue_nelts=64).retval == 0


def test_addresses(api, nat, loops):
    assert address_range(api, "10.9.0.1", "10.9.0.3") == 0
    assert address_range(api, "10.9.0.3", "10.9.0.5") == -81
    assert address_range(api, "10.9.0.9", "10.9.0.8") == -7
    assert address_range(api, "10.9.0.7", "10.9.0.7", vrf=3) == 0
    assert api.nat44_add_del_interface_addr(sw_if_index=loops[1], is_add=True, flags=0).retval == 0
    assert api.nat44_add_del_interface_addr(sw_if_index=999, is_add=True, flags=0).retval == -2
    assert [d.sw_if_index for d in api.nat44_interface_addr_dump()] == [loops[1]]
    assert [(socket.inet_ntoa(bytes(d.ip_address)), d.vrf_id) for d in api.nat44_address_dump()] == [
        ("10.9.0.1", ANY), ("10.9.0.2", ANY), ("10.9.0.3", ANY), ("10.9.0.7", 3), ("10.2.0.1", ANY)]
    assert address_range(api, "10.1.0.7", "10.1.0.8", flags=1) == 0
    assert address_range(api, "10.1.0.8", "10.1.0.9", flags=1) == -81
    assert api.nat44_add_del_interface_addr(sw_if_index=loops[0], is_add=True, flags=1).retval == 0
    assert [(d.sw_if_index, int(d.flags)) for d in api.nat44_interface_addr_dump()] == [(loops[1], 0), (loops[0], 1)]
    assert [socket.inet_ntoa(bytes(d.ip_address)) for d in api.nat44_address_dump() if int(d.flags) == 1] == [
        "10.1.0.7", "10.1.0.8", "10.1.0.1"]
    assert address_range(api, "10.1.0.7", "10.1.0.8", add=False, flags=1) == 0
    assert api.nat44_add_del_interface_addr(sw_if_index=loops[0], is_add=False, flags=1).retval == 0
    assert address_range(api, "10.9.0.1", "10.9.0.2", add=False) == 0
    assert address_range(api, "10.9.0.1", "10.9.0.1", add=False) == -6
    assert api.nat44_add_del_interface_addr(sw_if_index=loops[1], is_add=False, flags=0).retval == 0
    assert [socket.inet_ntoa(bytes(d.ip_address)) for d in api.nat44_address_dump()] == ["10.9.0.3", "10.9.0.7"]


def feature(api, index, flag, add=True):
    return api.nat44_interface_add_del_feature(is_add=add, flags=FLAGS[flag], sw_if_index=index).retval


def test_nothing_is_left_of_it(api, switch, loops):
    """Nor the routes by which the switch takes what is for an address of the pool."""
    before = switch.vpp.ctl("show ip fib")
    assert enable(api) == 0
    assert (feature(api, loops[1], "outside"), address_range(api, "192.0.2.1", "192.0.2.1")) == (0, 0)
    assert "192.0.2.1/32" in switch.vpp.ctl("show ip fib")
    assert enable(api, enable=False) == 0
    assert switch.vpp.ctl("show ip fib") == before


def test_interfaces(api, nat, loops):
    assert feature(api, loops[0], "inside") == feature(api, loops[1], "outside") == feature(api, loops[1], "inside") == 0
    assert feature(api, loops[0], "inside") == -81
    assert feature(api, 999, "inside") == -2
    assert {d.sw_if_index: int(d.flags) for d in api.nat44_interface_dump()} == {loops[0]: 0x20, loops[1]: 0x30}
    assert feature(api, loops[0], "outside", add=False) == -6
    assert feature(api, loops[0], "inside", add=False) == 0
    assert [d.sw_if_index for d in api.nat44_interface_dump()] == [loops[1]]


def test_output_interfaces(api, nat, loops):
    def output(index, add=True):
        return api.nat44_ed_add_del_output_interface(is_add=add, sw_if_index=index).retval

    def listed(cursor=0):
        details, reply = api.nat44_ed_output_interface_get(cursor=cursor)
        assert (reply.retval, reply.cursor) == (0, ANY)
        return [d.sw_if_index for d in details]
    assert listed() == []
    assert (output(loops[0]), output(loops[0]), output(999)) == (0, -81, -2)
    assert (feature(api, loops[0], "inside"), feature(api, loops[1], "inside"), output(loops[1])) == (-81, 0, -81)
    assert (listed(), listed(9)) == ([loops[0]], [])
    assert [d.sw_if_index for d in api.nat44_interface_dump()] == [loops[1]]
    assert (output(loops[0], False), output(loops[0], False)) == (0, -6)
    assert listed() == []


def test_sessions(api, nat):
    values = {"address": ip4("10.0.0.1"), "protocol": 17, "port": 1, "vrf_id": 0, "ext_host_address": bytes(4), "ext_host_port": 0}
    assert api.nat44_del_session(flags=FLAGS["inside"], **values).retval == -6
    assert api.nat44_user_dump() == api.nat44_user_session_dump(ip_address=ip4("10.0.0.1"), vrf_id=0) == []
    assert api.nat44_user_session_v2_dump(ip_address=ip4("10.0.0.1"), vrf_id=0) == []
    assert api.nat44_user_session_v3_dump(ip_address=ip4("10.0.0.1"), vrf_id=0) == []
    assert isinstance(api.nat_worker_dump(), list)


def static(api, add=True, flags=0, protocol=6, ports=(80, 8080), external="10.2.0.1", interface=ANY, vrf=0, tag="web", **v2):
    call = api.nat44_add_del_static_mapping_v2 if v2 else api.nat44_add_del_static_mapping
    return call(is_add=add, flags=flags, local_ip_address=ip4("10.1.0.2"), external_ip_address=ip4(external), protocol=protocol,
                local_port=ports[0], external_port=ports[1], external_sw_if_index=interface, vrf_id=vrf, tag=tag, **v2).retval


def mappings(api):
    return [(int(d.flags), socket.inet_ntoa(bytes(d.local_ip_address)), d.local_port,
             socket.inet_ntoa(bytes(d.external_ip_address)), d.external_port, d.protocol, d.external_sw_if_index, d.vrf_id, d.tag)
            for d in api.nat44_static_mapping_dump()]


def test_static_mappings(api, nat, loops):
    assert static(api) == 0
    assert static(api) == -81
    assert static(api, ports=(80, 0)) == static(api, protocol=47) == -7
    assert static(api, interface=999) == -2
    assert static(api, flags=1, ports=(90, 90), match_pool=True, pool_ip_address=ip4("10.1.0.200")) == 0  # twice-nat
    assert static(api, flags=2, ports=(91, 91)) == 0
    assert static(api, ports=(92, 92), match_pool=True, pool_ip_address=ip4("10.1.0.200")) == -7
    assert [(m[0], m[2]) for m in mappings(api)] == [(0, 80), (1, 90), (2, 91)]
    assert static(api, ports=(90, 90), add=False) == static(api, ports=(91, 91), add=False) == 0
    assert static(api, flags=8, external="10.9.0.9", vrf=3, match_pool=False, pool_ip_address=bytes(4)) == 0
    assert static(api, flags=4, protocol=17, interface=loops[1], tag="") == 0
    assert mappings(api) == [
        (0, "10.1.0.2", 80, "10.2.0.1", 8080, 6, ANY, 0, "web"), (8, "10.1.0.2", 0, "10.9.0.9", 0, 0, ANY, 3, "web"),
        (4, "10.1.0.2", 80, "10.2.0.1", 8080, 17, ANY, 0, ""), (4, "10.1.0.2", 80, "0.0.0.0", 8080, 17, loops[1], 0, "")]
    assert static(api, add=False) == 0
    assert static(api, add=False) == -6
    assert len(mappings(api)) == 3


def test_tables(api, nat):
    def table(n, add=True):
        return api.nat44_ed_add_del_vrf_table(table_vrf_id=n, is_add=add).retval

    def route(n, to, add=True):
        return api.nat44_ed_add_del_vrf_route(table_vrf_id=n, vrf_id=to, is_add=add).retval

    def listed():
        both = [[(d.table_vrf_id, list(d.vrf_ids)) for d in dump()]
                for dump in (api.nat44_ed_vrf_tables_dump, api.nat44_ed_vrf_tables_v2_dump)]
        assert both[0] == both[1]
        return both[0]
    assert (table(3), table(3), table(4), table(9, add=False)) == (0, -81, 0, -6)
    assert (route(3, 1), route(3, 2), route(3, 2), route(9, 2), route(4, 2, add=False)) == (0, 0, -81, -6, -6)
    assert listed() == [(3, [1, 2]), (4, [])]
    assert (route(3, 1, add=False), table(4, add=False)) == (0, 0)
    assert listed() == [(3, [2])]
    assert api.nat44_set_session_limit(session_limit=7, vrf_id=3).retval == 0
    assert api.nat44_set_session_limit(session_limit=0, vrf_id=3).retval == 0
    assert api.nat44_set_session_limit(session_limit=0, vrf_id=3).retval == -6
    assert api.nat44_set_session_limit(session_limit=99999999, vrf_id=3).retval == -7


def test_load_balancing(api, nat):
    def local(n, probability=50, vrf=0):
        return {"addr": ip4(f"10.1.0.{n}"), "port": 80 + n, "probability": probability, "vrf_id": vrf}

    def lb(*locals_, add=True, flags=0, port=80, affinity=0):
        return api.nat44_add_del_lb_static_mapping(is_add=add, flags=flags, external_addr=ip4("10.2.0.9"), external_port=port,
                                                   protocol=6, affinity=affinity, tag="lb", local_num=len(locals_),
                                                   locals=list(locals_)).retval

    def backend(one, add=True, port=80):
        return api.nat44_lb_static_mapping_add_del_local(is_add=add, external_addr=ip4("10.2.0.9"), external_port=port,
                                                         protocol=6, local=one).retval

    def listed():
        return [(d.external_port, int(d.flags), d.affinity, d.tag, [(l.port, l.probability, l.vrf_id) for l in d.locals])
                for d in api.nat44_lb_static_mapping_dump()]
    assert (lb(local(1)), lb(local(1), local(2, 0)), lb(local(1), local(1))) == (-7, -7, -81)
    assert listed() == []
    assert lb(local(1), local(2, 20, vrf=4), flags=5, affinity=9) == 0
    assert (lb(local(3), local(4)), lb(local(1), local(3), port=81)) == (-81, -81)
    assert listed() == [(80, 5, 9, "lb", [(81, 50, 0), (82, 20, 4)])]
    assert (backend(local(3)), backend(local(3)), backend(local(4), port=81)) == (0, -81, -6)
    assert (backend(local(1), add=False), backend(local(1), add=False)) == (0, -6)
    assert backend(local(3), add=False) not in (0, -6)  # two remain
    assert listed() == [(80, 5, 9, "lb", [(82, 20, 4), (83, 50, 0)])]
    assert (lb(add=False), lb(add=False)) == (0, -6)
    assert listed() == []


def test_identity_mappings(api, nat, loops):
    def identity(add=True, flags=0, interface=ANY, protocol=17, port=99):
        return api.nat44_add_del_identity_mapping(is_add=add, flags=flags, ip_address=ip4("10.1.0.9"), protocol=protocol, port=port,
                                                  sw_if_index=interface, vrf_id=0, tag="t").retval
    assert identity() == identity(flags=8) == identity(interface=loops[1]) == 0
    assert identity() == -81
    assert [(int(d.flags), socket.inet_ntoa(bytes(d.ip_address)), d.protocol, d.port, d.sw_if_index, d.tag)
            for d in api.nat44_identity_mapping_dump()] == [
        (0, "10.1.0.9", 17, 99, ANY, "t"), (8, "10.1.0.9", 0, 0, ANY, "t"),
        (0, "10.2.0.1", 17, 99, ANY, "t"), (0, "0.0.0.0", 17, 99, loops[1], "t")]
    assert mappings(api) == []
    assert identity(add=False) == identity(add=False, flags=8) == identity(add=False, interface=loops[1]) == 0
    assert api.nat44_identity_mapping_dump() == []


def test_mss(api, nat):
    assert api.nat_set_mss_clamping(mss_value=1300, enable=True).retval == 0
    got = api.nat_get_mss_clamping()
    assert (got.retval, got.mss_value, got.enable) == (0, 1300, True)
    assert api.nat_set_mss_clamping(mss_value=0, enable=True).retval == -7
    assert api.nat_set_mss_clamping(mss_value=0, enable=False).retval == 0
    assert api.nat_get_mss_clamping().enable is False


def test_workers(start, api):
    assert api.nat_set_workers(worker_mask=1).retval == -30  # there is only one
    assert api.nat_worker_dump() == []
    three = start(config="cpu { workers 3 }").connect()

    def workers():
        return [(d.worker_index, d.name) for d in three.nat_worker_dump()]
    assert workers() == [(0, "vpp_wk_0"), (1, "vpp_wk_1"), (2, "vpp_wk_2")]
    assert three.nat_set_workers(worker_mask=5).retval == 0
    assert workers() == [(0, "vpp_wk_0"), (2, "vpp_wk_2")]
    for wrong in (0, 8, 1 << 63):
        assert three.nat_set_workers(worker_mask=wrong).retval == -89
    assert workers() == [(0, "vpp_wk_0"), (2, "vpp_wk_2")]
    assert "set nat workers 0,2" in three.cli_inband(cmd="show running-config").reply

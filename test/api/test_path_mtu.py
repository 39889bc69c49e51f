"""Messages of ip.api about path MTUs of peers."""
import socket

ALL = 0xffffffff


def address(text):
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    raw = socket.inet_pton(family, text)
    return {"af": int(":" in text), "un": raw.ljust(16, b"\0")}


def put(api, peer, mtu, table_id=0):
    return api.ip_path_mtu_update(pmtu={"table_id": table_id, "nh": address(peer), "path_mtu": mtu}).retval


def known(api):
    details, reply = api.ip_path_mtu_get(cursor=ALL)
    assert (reply.retval, reply.cursor) == (0, ALL)
    return {(d.pmtu.nh.af, bytes(d.pmtu.nh.un), d.pmtu.table_id): d.pmtu.path_mtu for d in details}


def key(peer, table_id=0):
    a = address(peer)
    return a["af"], a["un"], table_id


def test_update_and_get(api):
    assert known(api) == {}
    api.ip_table_add_del(is_add=True, table={"table_id": 5})
    assert put(api, "20.0.0.9", 1400) == put(api, "2001:db8::9", 1300) == put(api, "20.0.0.9", 1200, 5) == 0
    assert known(api) == {key("20.0.0.9"): 1400, key("2001:db8::9"): 1300, key("20.0.0.9", 5): 1200}
    assert put(api, "20.0.0.9", 1390) == 0 and known(api)[key("20.0.0.9")] == 1390
    # what is wrong changes nothing
    before = known(api)
    assert put(api, "20.0.0.9", 1400, 77) == -3 and put(api, "20.0.0.9", 67) < 0 and put(api, "2001:db8::9", 1279) < 0
    assert put(api, "224.0.0.1", 1400) < 0 and put(api, "fe80::1", 1400) < 0 and put(api, "20.0.0.1", 0) < 0
    assert known(api) == before
    assert put(api, "20.0.0.9", 0) == put(api, "2001:db8::9", 0) == put(api, "20.0.0.9", 0, 5) == 0
    assert known(api) == {}
    api.ip_table_add_del(is_add=False, table={"table_id": 5})


def test_replace(api):
    for peer in ("20.0.0.1", "20.0.0.2", "2001:db8::1"):
        assert put(api, peer, 1400) == 0
    assert api.ip_path_mtu_replace_begin().retval == 0
    assert put(api, "20.0.0.2", 1300) == put(api, "20.0.0.3", 1300) == 0
    assert len(known(api)) == 4
    assert api.ip_path_mtu_replace_end().retval == 0
    assert known(api) == {key("20.0.0.2"): 1300, key("20.0.0.3"): 1300}
    # one end ends one beginning
    assert api.ip_path_mtu_replace_end().retval == 0 and len(known(api)) == 2
    for peer in ("20.0.0.2", "20.0.0.3"):
        assert put(api, peer, 0) == 0


def test_many_come_by_cursor(api):
    peers = [f"20.0.{i // 250}.{1 + i % 250}" for i in range(1001)]
    for peer in peers:
        assert put(api, peer, 1400) == 0
    assert set(known(api)) == {key(peer) for peer in peers}
    api.ip_path_mtu_replace_begin()
    api.ip_path_mtu_replace_end()
    assert known(api) == {}

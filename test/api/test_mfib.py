"""Messages of ip.api about multicast routes."""
import socket

import pytest
from conftest import NONE, path

ACCEPT, FORWARD, LOCAL, DROP, ACCEPT_ALL = 2, 4, 1, 2, 8
GROUP = {0: "239.1.1.{}", 1: "ff0e::1:{}"}
SOURCE = {0: "10.0.0.2", 1: "2001:db8::2"}
ANY = {0: "0.0.0.0", 1: "::"}
N_SPECIALS = {0: 3, 1: 5}


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address).ljust(16, b"\0")


def mpath(af, flags, interface=NONE, kind=0):
    return {"itf_flags": flags, "path": path(ANY[af], interface, type=kind)}


def add(api, af, group, paths=(), is_add=True, source=None, length=None, flags=0, table=0, rpf_id=0):
    bits = 128 if af else 32
    return api.ip_mroute_add_del(is_add=is_add, is_multipath=True, route={
        "table_id": table, "entry_flags": flags, "rpf_id": rpf_id, "paths": list(paths), "n_paths": len(paths),
        "prefix": {"af": af, "grp_address_length": length if length is not None else bits * (2 if source else 1),
                   "grp_address": packed(group), "src_address": packed(source) if source else bytes(16)}})


def dump(api, af, table=0):
    """{(source, group, length): (flags, rpf_id, [(flags, interface, type)])}"""
    name = socket.AF_INET6 if af else socket.AF_INET
    size = 16 if af else 4

    def text(raw):
        return socket.inet_ntop(name, bytes(raw)[:size])

    return {(text(d.route.prefix.src_address), text(d.route.prefix.grp_address), d.route.prefix.grp_address_length):
            (d.route.entry_flags, d.route.rpf_id, [(p.itf_flags, p.path.sw_if_index, p.path.type) for p in d.route.paths])
            for d in api.ip_mroute_dump(table={"table_id": table, "is_ip6": bool(af)})}


@pytest.mark.parametrize("af", [0, 1])
def test_mroutes(api, loops, af):
    a, b = loops
    bits = 128 if af else 32
    specials = dump(api, af)
    assert len(specials) == N_SPECIALS[af] and specials[(ANY[af], ANY[af], 0)] == (DROP, 0, [])
    group = GROUP[af].format(1)
    reply = add(api, af, group, [mpath(af, ACCEPT, a), mpath(af, FORWARD, b)])
    assert reply.retval == 0 and reply.stats_index != NONE
    assert add(api, af, group, [mpath(af, FORWARD, kind=LOCAL)], rpf_id=9, flags=ACCEPT_ALL).stats_index == reply.stats_index
    assert add(api, af, group, [mpath(af, FORWARD, b)], source=SOURCE[af]).retval == 0
    assert {k: v for k, v in dump(api, af).items() if k not in specials} == {
        (ANY[af], group, bits): (ACCEPT_ALL, 9, [(ACCEPT, a, 0), (FORWARD, b, 0), (FORWARD, NONE, LOCAL)]),
        (SOURCE[af], group, 2 * bits): (0, 0, [(FORWARD, b, 0)])}
    # the last flags count
    assert add(api, af, group, [mpath(af, ACCEPT | FORWARD, a)]).retval == 0
    assert dump(api, af)[(ANY[af], group, bits)][2][0] == (ACCEPT | FORWARD, a, 0)
    assert add(api, af, group, [mpath(af, 0, a)], is_add=False).retval == 0
    assert [p[1] for p in dump(api, af)[(ANY[af], group, bits)][2]] == [b, NONE]
    # what is not there is gone, and without paths all goes
    assert add(api, af, group, [mpath(af, 0, a)], is_add=False).retval == 0
    assert add(api, af, group, is_add=False).retval == 0
    assert add(api, af, group, is_add=False, source=SOURCE[af]).retval == 0
    assert dump(api, af) == specials


@pytest.mark.parametrize("af", [0, 1])
def test_lines_of_the_running_configuration_undo_it(api, loops, af):
    """And messages what such lines have said: a path is the same one, whatever protocol is said of it."""
    before, group = dump(api, af), GROUP[af].format(3)

    def cli(line):
        assert api.cli_inband(cmd=line).retval == 0, line

    def said():
        config = api.cli_inband(cmd="show running-config").reply
        return [line for line in config.splitlines() if line.startswith("ip mroute")]

    paths = [mpath(af, ACCEPT, loops[0]), mpath(af, FORWARD, kind=LOCAL)]
    assert add(api, af, group, paths).retval == 0
    lines = said()
    assert len(lines) == 2
    for line in lines:
        cli(line.replace("ip mroute add", "ip mroute del"))
    assert dump(api, af) == before
    for line in lines:
        cli(line)
    assert add(api, af, group, paths, is_add=False).retval == 0
    assert dump(api, af) == before and said() == []


@pytest.mark.parametrize("af", [0, 1])
def test_what_is_wrong_changes_nothing(api, loops, af):
    a, group, before = loops[0], GROUP[af].format(2), dump(api, af)
    for wrong in (
            add(api, af, group),  # no paths
            add(api, af, group, [mpath(af, ACCEPT, 9999)]),
            add(api, af, group, [mpath(af, 0, a)]),
            add(api, af, group, [mpath(af, ACCEPT)]),
            add(api, af, group, [mpath(af, 32 | ACCEPT, a)]),
            add(api, af, group, [mpath(af, ACCEPT, a)], flags=16),
            add(api, af, group, [mpath(af, ACCEPT, a)], table=77),
            add(api, af, group, [mpath(af, ACCEPT, a)], length=129),
            add(api, af, group, [mpath(af, ACCEPT, a)], source=SOURCE[af], length=24),
            add(api, af, SOURCE[af], [mpath(af, ACCEPT, a)]),
            add(api, af, group, [mpath(af, ACCEPT, a), mpath(af, ACCEPT, 9999)])):
        assert wrong.retval < 0 and wrong.stats_index == NONE
    assert add(api, 2, group if af else GROUP[0].format(2), [mpath(0, ACCEPT, a)], length=32).retval < 0
    assert dump(api, af) == before
    assert dump(api, af, table=77) == {}


@pytest.mark.parametrize("af", [0, 1])
def test_tables(api, loops, af):
    """They have their own, which go with them, and are replaced with their routes."""
    def tables():
        return [d.table.table_id for d in api.ip_mtable_dump() if bool(d.table.is_ip6) == bool(af)]

    table = {"table_id": 9, "is_ip6": bool(af)}
    assert tables() == [0]
    assert api.ip_table_add_del(is_add=True, table=table).retval == 0
    assert tables() == [0, 9] and len(dump(api, af, 9)) == N_SPECIALS[af]
    groups = [GROUP[af].format(i) for i in (1, 2)]

    def have():
        return [g for _, g, _ in dump(api, af, 9) if g in groups]

    for group in groups:
        assert add(api, af, group, [mpath(af, ACCEPT, loops[0])], table=9).retval == 0
    assert have() == groups
    assert api.ip_table_replace_begin(table=table).retval == 0
    assert add(api, af, groups[1], [mpath(af, ACCEPT, loops[1])], table=9).retval == 0
    assert api.ip_table_replace_end(table=table).retval == 0
    assert have() == groups[1:]
    assert [p for k, (_, _, p) in dump(api, af, 9).items() if k[1] == groups[1]] == [[(ACCEPT, loops[1], 0)]]
    assert api.ip_table_flush(table=table).retval == 0
    assert have() == [] and len(dump(api, af, 9)) == N_SPECIALS[af]
    assert api.ip_table_add_del(is_add=False, table=table).retval == 0
    assert tables() == [0] and dump(api, af, 9) == {}


def test_an_interface_that_goes(api):
    a, b = [api.create_loopback(mac_address=bytes(6)).sw_if_index for _ in range(2)]
    assert add(api, 0, "239.1.1.7", [mpath(0, ACCEPT, a), mpath(0, FORWARD, b)]).retval == 0
    assert add(api, 0, "239.1.1.8", [mpath(0, FORWARD, a)]).retval == 0
    api.delete_loopback(sw_if_index=a)
    groups = {k[1]: v[2] for k, v in dump(api, 0).items()}
    assert groups["239.1.1.7"] == [(FORWARD, b, 0)] and "239.1.1.8" not in groups
    api.delete_loopback(sw_if_index=b)
    assert len(dump(api, 0)) == N_SPECIALS[0]

"""The stats segment beside the API: the same interfaces, counters and indices."""
import pytest

import lib
from piste import Stats


@pytest.fixture
def stats(switch):
    with Stats(switch.vpp.folder + "/stats.sock") as made:
        yield made


def counters(stats, index):
    """{name: sum over threads} of one interface; packets and bytes as a pair."""
    found = {}
    for name in stats.names("^/if/"):
        if name != "/if/names":
            cells = [row[index] for row in stats[name]]
            found[name] = tuple(map(sum, zip(*cells))) if isinstance(cells[0], tuple) else sum(cells)
    return found


def asks(switch, stats, index, address):
    """An interface sends something: a request for an address of its network."""
    switch.vpp.ctl(f"ping {address} repeat 1")
    lib.wait_for(lambda: counters(stats, index)["/if/tx"] != (0, 0), "a request", 30)


def test_next_owner_of_an_index_begins_at_0(switch, api, stats):
    first = api.create_loopback(mac_address=bytes(6)).sw_if_index
    name = stats["/if/names"][first]
    switch.vpp.configure(f"""
        set interface state {name} up
        set interface ip address {name} 10.88.0.1/24
    """)
    asks(switch, stats, first, "10.88.0.2")
    api.delete_loopback(sw_if_index=first)
    assert stats["/if/names"][first] == "deleted"
    assert api.create_loopback(mac_address=bytes(6)).sw_if_index == first
    assert set(counters(stats, first).values()) == {0, (0, 0)}
    assert not any(sum(stats[n]) for n in stats.names(f"^/err/{name}-"))
    api.delete_loopback(sw_if_index=first)


def test_clear_stats(switch, api, stats):
    made = [api.create_loopback(mac_address=bytes(6)).sw_if_index for _ in range(2)]
    for i, index in enumerate(made):
        switch.vpp.configure(f"""
            set interface state {stats["/if/names"][index]} up
            set interface ip address {stats["/if/names"][index]} 10.89.{i}.1/24
        """)
        asks(switch, stats, index, f"10.89.{i}.2")
    api.sw_interface_set_flags(sw_if_index=made[0], flags=0)  # nothing more is sent

    def cleared():
        assert api.sw_interface_clear_stats(sw_if_index=made[0]).retval == 0
        return set(counters(stats, made[0]).values()) == {0, (0, 0)}
    lib.wait_for(cleared, "all to be 0", 30)  # also what was on its way
    assert counters(stats, made[1])["/if/tx"] != (0, 0)
    for index in made:
        api.delete_loopback(sw_if_index=index)


"""`show fib walk`: how routes were told that what they lead to has changed."""
import pytest
from packet_lib import wait_for

MANY = 10000


@pytest.fixture(scope="module")
def net(switch):
    pgs = [switch.pg(i, f"10.{i}.0.1/24") for i in range(2)]
    switch.ctl(f"ip route add count {MANY} 20.0.0.0/24 via {pgs[1].host} pg1")
    return pgs


def walks(switch):
    return switch.json("show fib walk")


def ended(switch):
    shown = walks(switch)
    return all(shown[k]["scheduled"] == shown[k]["completed"] for k in ("high", "low")) and shown["low"]["occupancy"] == 0


def longest(switch, reason):
    """Of that reason, since it was cleared."""
    wait_for(lambda: ended(switch), "all to be told")
    return max((w for w in walks(switch)["history"] if w["reason"] == reason), key=lambda w: w["visits"], default=None)


@pytest.mark.usefixtures("net")
def test_an_interface_goes_down_and_comes_up(switch):
    for state, reason in (("down", "if-down"), ("up", "if-up")):
        switch.ctl("clear fib walk")
        assert walks(switch)["history"] == []
        switch.ctl(f"set interface state pg1 {state}")
        walk = longest(switch, reason)
        assert walk["visits"] >= MANY and walk["in_pieces"]  # more than a change tells at once
        text = switch.ctl("show fib walk")
        assert f"path-list:{walk['path_list']} visits:{walk['visits']} " in text and f" async, reason:{reason},\n" in text
        shown = walks(switch)
        assert sum(x["walks"] for x in shown["visits"]) == shown["high"]["completed"] + shown["low"]["completed"]


def test_a_path_of_few(switch, net):
    """One more path through an interface, which nobody else has: told at once."""
    switch.ctl("ip route add 30.0.0.0/8 via 10.0.0.77 pg0")
    switch.ctl("clear fib walk")
    switch.ctl("set interface state pg0 down")
    assert any(w["visits"] == 1 and not w["in_pieces"] for w in walks(switch)["history"] if w["reason"] == "if-down")
    assert ended(switch)
    switch.ctl("set interface state pg0 up")
    assert str(net[0]) == "pg0"


def test_no_more_than_are_kept(switch):
    for i in range(100):
        switch.ctl(f"set interface state pg0 {'up' if i % 2 else 'down'}")
    wait_for(lambda: ended(switch), "all to be told")
    history = walks(switch)["history"]
    assert 100 <= len(history) <= 128
    assert [w["number"] for w in history] == list(range(history[0]["number"], history[0]["number"] - len(history), -1))


def test_quota(switch):
    assert walks(switch)["quota"] == 4096 and not [line for line in switch.running_config() if "walk" in line]
    switch.ctl("set fib walk quota 100")
    assert "FIB Walk Quota = 100 routes:" in switch.ctl("show fib walk") and "set fib walk quota 100" in switch.running_config()
    switch.ctl("clear fib walk")
    switch.ctl("set interface state pg1 down")
    assert longest(switch, "if-down")["visits"] >= MANY
    switch.ctl("set interface state pg1 up")
    wait_for(lambda: ended(switch), "all to be told")
    for wrong in ("0", "4294967295"):
        assert "a quota is 1 to " in switch.fails(f"set fib walk quota {wrong}")
    assert walks(switch)["quota"] == 100
    switch.ctl("set fib walk quota 4096")
    assert not [line for line in switch.running_config() if "walk" in line]

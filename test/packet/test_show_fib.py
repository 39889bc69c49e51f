"""`show fib` and its kin: what routes, their paths and load balances are, in VPP's words."""
import pytest
from packet_lib import wait_for

ADDRESSES = {"ip4": ("20.0.0.0/8", "20.1.1.1", "30.0.0.0/8", "30.1.1.1", 32),
             "ip6": ("2001:db8:20::/48", "2001:db8:20::1", "2001:db8:30::/48", "2001:db8:30::1", 128)}


@pytest.fixture(params=["ip4", "ip6"])
def net(switch, request):
    with switch.subnets(request.param, 2) as pgs:
        yield request.param, *pgs


def show(switch, family, prefix):
    return switch.ctl(f"show {'ip' if family == 'ip4' else 'ip6'} fib {prefix}")


def test_circles(switch, net):
    """Next hops that lead to each other: all their paths say so, and drop."""
    family, a, _ = net
    first, in_first, second, in_second, bits = ADDRESSES[family]
    switch.ctl(f"ip route add {first} via {a.host} {a}")
    switch.ctl(f"ip route add {second} via {in_first}")
    assert "looped" not in show(switch, family, second) and "oper-flags:resolved," in show(switch, family, second)
    switch.ctl(f"ip route add {in_first}/{bits} via {in_second}")
    for prefix in (second, f"{in_first}/{bits}"):
        text = show(switch, family, prefix)
        assert "flags:shared,looped, " in text or "flags:looped, " in text, text
        assert " recursive:  oper-flags:recursive-loop,\n" in text and "via-dpo:[dpo-drop:0]" in text, text
        assert "len:0 itfs:[]" in text, text
    assert "looped" not in show(switch, family, first)
    switch.ctl(f"ip route del {in_first}/{bits}")
    text = show(switch, family, second)
    assert "looped" not in text and "via-dpo:[dpo-load-balance:" in text
    assert f"len:1 itfs:[{switch.interfaces()[str(a)]['sw_if_index']}, ]" in text
    for prefix in (first, second):
        switch.ctl(f"ip route del {prefix}")


def test_load_balances(switch, net):
    family, a, b = net
    first, *_ = ADDRESSES[family]
    switch.ctl(f"ip route add {first} via {a.host} {a} via {b.host} {b}")
    route = switch.json(f"show {'ip' if family == 'ip4' else 'ip6'} fib {first}")["tables"][0]
    index = route["index"]
    text = switch.ctl(f"show load-balance {index}")
    assert text.startswith(f"dpo-load-balance: [proto:{family} index:{index} buckets:16 ")
    assert f"\n  [0-7] [@5]: ipv{family[2]} via " in text and f"\n  [8-15] [@5]: ipv{family[2]} via " in text
    everything = switch.ctl("show load-balance")
    assert text in everything and everything.count("dpo-load-balance: [proto:ip4 ") > 3
    switch.ctl(f"ip route del {first}")
    assert switch.ctl(f"show load-balance {index}") == ""


def test_paths(switch, net):
    family, a, b = net
    first, *_ = ADDRESSES[family]
    switch.ctl(f"ip route add {first} via {a.host} {a} weight 3 via {b.host} {b} preference 2")
    found = switch.json("show fib paths")["paths"]
    (heavy,), (waits,) = [[p for p in found if p[what] == n] for what, n in (("weight", 3), ("preference", 2))]
    assert (heavy["interface"], waits["interface"]) == (str(a), str(b))
    index, of_list, next_hop = heavy["index"], heavy["path_list"], heavy["next_hop"]
    text = switch.ctl(f"show fib paths {index}")
    assert text.startswith(f"FIB Paths\npath:[{index}] pl-index:{of_list} {family} weight=3 pref=0 attached-nexthop:  "
                           f"oper-flags:resolved,\n  {next_hop} {a}\n[@0]: ipv")
    assert switch.ctl(f"show fib path-lists {of_list}").startswith(f"FIB Path Lists\npath-list:[{of_list}] ")
    numbers = [switch.interfaces()[str(pg)]["sw_if_index"] for pg in (a, b)]
    assert switch.ctl(f"show fib uRPF {of_list}").endswith(f"uPRF-list:{of_list} len:2 itfs:[{numbers[0]}, {numbers[1]}, ]\n")
    assert switch.json(f"show fib uRPF {of_list}")["urpf"][0]["interfaces"] == numbers
    switch.ctl(f"ip route del {first}")


def delegates(switch):
    return {e["prefix"]: {k: v for k, v in e.items() if k not in ("prefix", "index")} for e in switch.json("show fib entry-delegate")["entries"]}


def test_delegates(switch, net):
    family, a, _ = net
    first, in_first, second, _, bits = ADDRESSES[family]
    before = delegates(switch)
    switch.ctl(f"ip route add {first} via {a.host} {a}")
    switch.ctl(f"ip route add {second} via {in_first}")
    switch.ctl(f"set ip pmtu peer {in_first} mtu 1300")
    host = f"{in_first}/{bits}"
    assert {k: v for k, v in delegates(switch).items() if k not in before} == {host: {"tracks": 1, "recursive_paths": 1, "path_mtu": 1300}}
    lines = "  track:1\n  recursive-paths:1\n  path-mtu:1300\n"
    assert f"@{host}\n{lines}" in switch.ctl("show fib entry-delegate")
    assert f" Delegates:\n{lines} Children:" in show(switch, family, f"{host} detail")
    switch.ctl(f"set ip pmtu peer {in_first} del")
    switch.ctl(f"ip route del {second}")
    switch.ctl(f"ip route del {first}")
    assert delegates(switch) == before


def test_lookups(switch, net):
    family, *_ = net
    first, _, second, *_ = ADDRESSES[family]
    ip = "ip" if family == "ip4" else "ip6"
    switch.ctl(f"{ip} table add 7")
    before = switch.ctl("show lookup-dpo")
    switch.ctl(f"ip route add {first} via {family}-lookup-in-table 7")
    switch.ctl(f"ip route add {second} via {family}-source-lookup-in-table 7")
    found = switch.json("show lookup-dpo")["lookups"]
    words = [f"{what}-address,unicast lookup in ipv{family[2]}-VRF:7" for what in ("dst", "src")]
    assert [x["description"] for x in found if "VRF:7" in x["description"]] == words
    index = found[-1]["index"]
    assert switch.ctl(f"show lookup-dpo {index}") == f"[{index}] {words[1]}\n"
    for prefix in (first, second):
        switch.ctl(f"ip route del {prefix}")
    wait_for(lambda: switch.ctl("show lookup-dpo") == before, "them to go")
    switch.ctl(f"{ip} table del 7")


def test_a_table_that_only_routes_lead_to(switch, net):
    """It is shown as long as they are there, though it has no routes any more."""
    family, *_ = net
    ip, (first, *_) = "ip" if family == "ip4" else "ip6", ADDRESSES[family]
    switch.ctl(f"{ip} table add 7")
    switch.ctl(f"ip route add {first} via {family}-lookup-in-table 7")
    switch.ctl(f"{ip} table del 7")
    line, routes = f"ipv{family[2]}-VRF:7, ", {"name": f"ipv{family[2]}-VRF:7", "table_id": 7, "routes": []}
    for command in f"show {ip} fib", f"show {ip} fib table 7":
        wait_for(lambda command=command: line in switch.ctl(command), "the table")
        found = [t for t in switch.json(command)["tables"] if t["table_id"] == 7]
        assert [{k: t[k] for k in routes} for t in found] == [routes] and found[0]["locks"] == {"recursive-resolution": 1}
    switch.ctl(f"ip route del {first}")
    wait_for(lambda: line not in switch.ctl(f"show {ip} fib"), "it to go")

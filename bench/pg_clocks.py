#!/usr/bin/python3
"""Clocks per packet of each node on a path, in the running daemon: from the packet generator to the packet
generator, as `show runtime` tells it.

  bench/pg_clocks.py [--build DIR] [--json] [--rounds N] [PATH...]

PATH is one or more of: ip4 ip4-million xconnect bridge bridge-million (all of them otherwise). Each round takes 50 windows
of 10 ms of each path in turn. Other work of the machine can only add to a node's clocks, so of all windows
the least counts. The ends (pg-input, pgN-tx) are shown, but not part of the sum.
"""
import argparse
import json
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "../test/packet"))

from packet_lib import Switch, wait_for  # noqa: E402  pylint: disable=wrong-import-position

WINDOW_SECONDS = 0.01
WINDOWS = 50
LEAST_PACKETS = 2000  # of a window, to be counted
ENDS = re.compile(r"pg-input|pg\d+-tx")
FRAME = "size 64-64 source pg0 node ethernet-input"


def routed(switch):
    pgs = [switch.pg(i, f"10.{i}.0.1/24") for i in range(2)]
    return pgs, f"{pgs[0].host_mac} -> {pgs[0].mac}"


def ip4(switch):
    """One route, one flow."""
    pgs, macs = routed(switch)
    switch.ctl(f"ip route add 20.0.0.0/8 via {pgs[1].host} pg1")
    return f"{{ IP4: {macs} UDP: {pgs[0].host} -> 20.0.0.1 UDP: 1 -> 2 incrementing 18 }}"


def ip4_million(switch):
    """A million /24 routes, destinations at random."""
    pgs, macs = routed(switch)
    switch.ctl(f"ip route add count 1000000 20.0.0.0/24 via {pgs[1].host} pg1")
    return (f"{{ IP4: {macs} UDP: {pgs[0].host} -> 20.0.0.0 + 35.66.63.255 UDP: 1 -> 2 "
            "incrementing 18 }")


def xconnect(switch):
    for i in range(2):
        switch.pg(i)
    switch.ctl("set interface l2 xconnect pg0 pg1")
    switch.ctl("set interface l2 xconnect pg1 pg0")
    return "{ IP4: 02:00:00:00:77:01 -> 02:00:00:00:77:02 UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 18 }"


def learnt_bridge(switch, count, order):
    """A bridge domain that learns: 1,000 sources, count destinations known behind pg1."""
    for i in range(2):
        switch.pg(i)
        switch.ctl(f"set interface l2 bridge pg{i} 1")
    sources = "02:00:00:01:00:00 - 02:00:00:01:03:e7"
    first, last = (f"02:00:00:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}" for n in (0x200000, 0x200000 + count - 1))
    ip = "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 18"
    switch.ctl(f"packet-generator new {{ name learn limit {count} source pg1 node ethernet-input "
               f"data {{ IP4: {first} - {last} -> 02:00:00:01:00:00 {ip} }} }}")
    while switch.json("show l2fib")["learned"] < count:
        switch.run_stream("learn")  # again, if the table was full before it had grown
    switch.ctl("packet-generator delete learn")
    return f"{{ IP4: {sources} -> {first} {order} {last} {ip} }}"


def bridge(switch):
    """A bridge domain with 1,000 stations at each side."""
    return learnt_bridge(switch, 1000, "-")


def bridge_million(switch):
    """A bridge domain with a million known stations, which are sent to at random."""
    return learnt_bridge(switch, 1000000, "+")


# name: (setting up, what VPP 26.06 takes, at most)
PATHS = {
    "ip4": (ip4, 128, 90),
    "ip4-million": (ip4_million, 354, None),
    "xconnect": (xconnect, 42, 40),
    "bridge": (bridge, 252, 110),
    "bridge-million": (bridge_million, None, 220),
}


def clocks_of_a_window(switch):
    """{node: clocks a packet}"""
    switch.ctl("clear runtime")
    time.sleep(WINDOW_SECONDS)
    found = {}
    for thread in switch.json("show runtime")["threads"]:
        for node in thread["nodes"]:
            if node["vectors"] >= LEAST_PACKETS:
                found[node["name"]] = node["packet_clocks"]
    return found


def measure_once(build, path, least):
    """Brings {node: clocks a packet} down to the least of these windows, too."""
    switch = Switch(build)
    try:
        switch.start()
        data = PATHS[path][0](switch)
        switch.ctl(f"packet-generator new {{ name s {FRAME} data {data} }}")
        switch.ctl("packet-generator enable-stream s")
        wait_for(lambda: switch.counter("pg1", "tx packets") > 100000, "traffic", 20)
        for _ in range(WINDOWS):
            for node, clocks in clocks_of_a_window(switch).items():
                least[node] = min(clocks, least.get(node, clocks))
        switch.ctl("packet-generator disable-stream s")
        switch.stop()
    finally:
        switch.remove()


def measure(build, paths=None, rounds=5):
    """{path: {node: clocks a packet}}. A million routes take their time: once is enough."""
    least = {path: {} for path in paths or PATHS}
    for turn in range(rounds):
        for path, nodes in least.items():
            if turn == 0 or "million" not in path:
                measure_once(build, path, nodes)
    return least


def total(nodes):
    """Without the ends."""
    return sum(clocks for node, clocks in nodes.items() if not ENDS.fullmatch(node))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(HERE, "../build/release"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("paths", nargs="*", metavar="PATH")
    options = parser.parse_args()
    unknown = set(options.paths) - set(PATHS)
    if unknown:
        parser.error(f"no path {' '.join(sorted(unknown))}; there are: {' '.join(PATHS)}")
    results = {}
    least = measure(os.path.abspath(options.build), options.paths, options.rounds)
    for path, nodes in least.items():
        results[path] = {"clocks": total(nodes), "nodes": nodes}
        if not options.json:
            _, reference, limit = PATHS[path]
            print(f"{path:14} {total(nodes):6.1f} clocks a packet"
                  + (f"; VPP 26.06: {reference}" if reference else "")
                  + (f"; at most {limit}" if limit else ""))
            for node, clocks in nodes.items():
                print(f"    {node:20} {clocks:6.1f}")
    if options.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()

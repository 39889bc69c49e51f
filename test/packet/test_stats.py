"""The stats segment, as a program of its own reads it: what it holds, and that it holds while traffic runs, interfaces come
and go, and a reader that mapped it once never lets go."""
import array
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest
from scapy.layers.inet import IP, UDP

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../../python")

from packet_lib import EMULATED, Switch, wait_for  # noqa: E402  pylint: disable=wrong-import-position
from piste import Stats, StatsError  # noqa: E402  pylint: disable=wrong-import-position
from piste.stats import (COMBINED, EMPTY, GAUGE, NAMES, SCALAR, SIMPLE,  # noqa: E402
                         SYMLINK, receive_fd)  # pylint: disable=wrong-import-position

CONFIG = "statseg { per-node-counters on update-interval 0.05 }"
COUNTERS = {"rx": COMBINED, "tx": COMBINED, "rx-unicast": COMBINED, "rx-multicast": COMBINED, "rx-broadcast": COMBINED,
            "tx-unicast": COMBINED, "tx-multicast": COMBINED, "tx-broadcast": COMBINED, "drops": SIMPLE, "punt": SIMPLE,
            "ip4": SIMPLE, "ip6": SIMPLE, "rx-no-buf": SIMPLE, "rx-miss": SIMPLE, "rx-error": SIMPLE,
            "tx-error": SIMPLE, "mpls": SIMPLE}


def path(switch):
    return switch.folder + "/stats.sock"


@pytest.fixture(scope="module")
def net(switch):
    made = switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.1.0.1/24")
    wait_for(lambda: switch.counter("pg1", "tx packets"), "the announcement of the new address", 30)
    return made


@pytest.fixture
def stats(switch):
    with Stats(path(switch)) as made:
        yield made


def frames(pg, dst, count, size=60):
    return [pg.ether() / IP(src=pg.host, dst=dst) / UDP() / (b"x" * (size - 42))] * count


def total(rows, column):
    """Over all threads: a number, or packets and bytes."""
    cells = [row[column] for row in rows]
    return tuple(map(sum, zip(*cells))) if isinstance(cells[0], tuple) else sum(cells)


# --- layout


def test_descriptor(switch):
    """One record without a byte, with a descriptor that can only be read."""
    fd = receive_fd(path(switch))
    try:
        with pytest.raises(OSError):
            os.write(fd, b"x")
        with pytest.raises(OSError):
            os.ftruncate(fd, 0)
        with pytest.raises(OSError):  # nor through another door, not even by root
            with open(f"/proc/self/fd/{fd}", "r+b") as f:
                f.write(b"x")
    finally:
        os.close(fd)


def test_header_bytes(stats):
    assert stats.bytes(0, 8) == struct.pack(stats.order + "Q", 2)
    assert stats.number(24) == 0
    assert stats.bytes(40, 4096 - 40) == bytes(4056)
    offset, count = stats.vector(stats.number(32), 144)
    assert offset % 8 == 0 and count == len(stats.entries())


def test_entry_bytes(stats):
    offset, _ = stats.vector(stats.number(32), 144)
    raw = stats.bytes(offset, 144)
    assert raw[:8] == struct.pack(stats.order + "II", 1, 0) and raw[16:] == b"/sys/heartbeat".ljust(128, b"\0")
    raw = stats.bytes(offset + 288, 144)
    assert raw[:8] == struct.pack(stats.order + "II", 1, 0) and raw[16:] == b"/sys/boottime".ljust(128, b"\0")
    assert abs(struct.unpack(stats.order + "Q", raw[8:16])[0] - time.time()) < 3600


def test_directory(switch, net, stats):
    entries = stats.entries()
    by_name = {e.name: e for e in entries}
    assert [e.name for e in entries[:3]] == ["/sys/heartbeat", "/sys/last_stats_clear", "/sys/boottime"]
    assert len(by_name) == len(entries), "a name comes twice"
    assert not [e for e in entries if e.type == EMPTY or not e.name.startswith("/")]
    expected = {"/sys/vector_rate": GAUGE, "/sys/vector_rate_per_worker": SIMPLE, "/sys/loops_per_worker": SIMPLE,
                "/sys/num_worker_threads": GAUGE, "/sys/last_update": SCALAR, "/sys/input_rate": GAUGE,
                "/sys/node/names": NAMES, "/node/errors": SIMPLE, "/if/names": NAMES, "/net/route/to": COMBINED,
                "/net/route/via": COMBINED, "/net/mroute": COMBINED, "/net/punt": COMBINED, "/net/adjacency": COMBINED, "/mem/stat segment": SIMPLE, "/mem/main heap": SIMPLE}
    expected |= {f"/if/{name}": kind for name, kind in COUNTERS.items()}
    expected |= {f"/interfaces/{i}/{name}": SYMLINK for i in ("local0", "pg0", "pg1") for name in COUNTERS}
    expected |= {f"/mem/{heap}/{name}": SYMLINK for heap in ("stat segment", "main heap")
                 for name in ("used", "total", "free")}
    expected |= {f"/buffer-pools/default-numa-0/{name}": GAUGE for name in ("cached", "used", "available", "failures")}
    expected |= {f"/sys/node/{name}": SIMPLE for name in ("clocks", "vectors", "calls", "suspends")}
    expected |= {f"/nodes/ip4-lookup/{name}": SYMLINK for name in ("clocks", "vectors", "calls", "suspends")}
    expected |= {f"/net/arp/{way}/{name}": SIMPLE for way in ("rx", "tx")
                 for name in ("replies", "requests", "gratuitous")}
    expected |= {f"/err/{name}": SYMLINK for name in
                 ("null-node/blackholed packets", "ethernet-input/l3 mac mismatch", "ip4-input/bad_checksum",
                  "pg0-output/interface is down", "arp-input/replies_sent", "l2-input-acl/input ACL hits",
                  "policer-input/Packets Dropped", "l2-input/L2 input packets", "span-input/SPAN incoming packets processed",
                  "pg1-tx/gso disabled on itf  -- gso packet drop", "ip4-frag/dont_fragment_set")}
    assert {name: by_name[name].type if name in by_name else None for name in expected} == expected


def test_links_lead_to_columns(stats):
    entries = stats.entries()
    for e in entries:
        if e.type != SYMLINK:
            continue
        target = entries[e.index1]
        assert target.type in (SIMPLE, COMBINED), (e.name, target.name)
        assert target.name == {"err": "/node/errors", "nodes": "/sys/node/" + e.name.split("/")[-1],
                               "interfaces": "/if/" + e.name.split("/")[-1],
                               "mem": e.name.rsplit("/", 1)[0]}[e.name.split("/")[1]]


def test_rows_are_threads(switch, stats):
    threads = len(switch.json("show threads")["threads"])
    names = stats["/if/names"]
    for name, kind in COUNTERS.items():
        rows = stats[f"/if/{name}"]
        assert [len(row) for row in rows] == [len(names)] * threads
        assert isinstance(rows[0][0], tuple if kind == COMBINED else int)
    assert stats["/sys/num_worker_threads"] == threads - 1
    assert len(stats["/sys/loops_per_worker"]) == 1 and len(stats["/sys/loops_per_worker"][0]) == max(2, threads)


# --- values


def test_values_are_those_of_show_interface(switch, net, stats):
    switch.send(net[0], frames(net[0], net[1].host, 300, 100) + frames(net[0], "99.0.0.1", 20))
    shown = switch.interfaces()
    for index, name in enumerate(stats["/if/names"]):
        counters = shown[name]["counters"]
        for key in COUNTERS:
            value = total(stats[f"/if/{key}"], index)
            link = stats[f"/interfaces/{name}/{key}"]
            if COUNTERS[key] == COMBINED:
                assert tuple(map(sum, zip(*link))) == value
                assert value[0] == counters.get(f"{key} packets".replace("-", " "), value[0])
            else:
                assert sum(link) == value == counters.get(key, 0), (name, key)
        assert total(stats["/if/rx"], index) == (counters.get("rx packets", 0), counters.get("rx bytes", 0))
        assert total(stats["/if/tx"], index) == (counters.get("tx packets", 0), counters.get("tx bytes", 0))
    rx = stats["/interfaces/pg0/rx"]
    assert rx[0] == (0, 0) and rx[1][0] >= 320, "the data thread counts in its own row"


def test_errors(switch, net, stats):
    before = sum(stats["/err/ip4-input/bad_checksum"])
    bad = net[0].ether() / IP(src=net[0].host, dst=net[1].host, chksum=1) / UDP()
    switch.send(net[0], [bad] * 7)
    assert sum(stats["/err/ip4-input/bad_checksum"]) == before + 7
    # show errors counts from the last clear, the segment from the start
    switch.ctl("clear errors")
    assert sum(stats["/err/ip4-input/bad_checksum"]) == before + 7


def test_clear_interfaces(switch, net, stats):
    switch.send(net[0], frames(net[0], net[1].host, 5))
    epoch = stats.epoch
    switch.ctl("clear interfaces")
    for key in COUNTERS:
        for row in stats[f"/if/{key}"]:
            assert not any(map(any, row)) if COUNTERS[key] == COMBINED else not any(row), key
    assert stats.epoch == epoch
    switch.send(net[0], frames(net[0], net[1].host, 5))
    assert total(stats["/if/rx"], stats["/if/names"].index("pg0")) == (5, 300)


def test_routes(switch, net, stats):
    switch.ctl(f"ip route add 50.0.0.0/8 via {net[1].host} pg1")
    text = switch.ctl("show ip fib 50.0.0.0/8")
    index = int(re.search(r"\[@0\]: dpo-load-balance: \[.*index:(\d+)", text).group(1))
    switch.send(net[0], frames(net[0], "50.1.1.1", 4, 64))
    assert total(stats["/net/route/to"], index) == (4, 200)
    switch.ctl(f"ip route del 50.0.0.0/8 via {net[1].host} pg1")


def test_nodes(switch, net, stats):
    switch.ctl("clear runtime")
    switch.send(net[0], frames(net[0], net[1].host, 500))
    index = stats["/sys/node/names"].index("ip4-lookup")

    def counted():
        return sum(stats["/nodes/ip4-lookup/vectors"])
    wait_for(lambda: counted() == 500, "the next update", 30)
    assert sum(row[index] for row in stats["/sys/node/vectors"]) == 500
    assert 2 <= sum(stats["/nodes/ip4-lookup/calls"]) <= 500
    # they went by express, which ethernet-input calls
    assert sum(stats["/nodes/ethernet-input/clocks"]) > 500
    switch.ctl("clear runtime")
    wait_for(lambda: counted() == 0, "the next update", 30)


def test_clear_runtime_tells_when(switch, stats):
    wait_for(lambda: stats["/sys/last_update"] >= 1, "the second second of its life", 30)
    switch.ctl("clear runtime")
    assert 1 <= stats["/sys/last_stats_clear"] <= stats["/sys/last_update"] + 1


def test_heartbeat(stats):
    before = stats["/sys/heartbeat"]
    wait_for(lambda: stats["/sys/heartbeat"] >= before + 3, "three more beats", 30)


def test_memory(stats):
    total_, used, free = stats["/mem/stat segment"][0][:3]
    assert total_ == stats.size and used + free == total_
    assert used < 4 << 20, "what nobody uses is resident"
    assert stats["/mem/stat segment/used"] == [stats["/mem/stat segment"][0][1]]


# --- changes


def loopback(switch, n):
    return switch.ctl(f"create loopback interface instance {n}").strip()


def test_interface_comes_and_goes(switch, stats):
    entries = len(stats.entries())
    name = loopback(switch, 7)
    index = stats["/if/names"].index(name)
    assert index == switch.interfaces()[name]["sw_if_index"]
    assert stats[f"/interfaces/{name}/rx"] == [(0, 0)] * len(stats["/if/rx"])
    switch.ctl(f"set interface name {name} a/b")
    assert stats["/if/names"][index] == "a/b"
    assert "/interfaces/a_b/drops" in stats and f"/interfaces/{name}/drops" not in stats
    epoch = stats.epoch
    switch.ctl("delete loopback interface intfc a/b")
    assert stats.epoch > epoch
    assert stats["/if/names"][index] == "deleted"
    assert not stats.names("^/interfaces/a_b/") and not stats.names(f"^/err/{name}-")
    assert len(stats.entries()) == entries
    assert all(len(row) > index for row in stats["/if/rx"]), "its column stays"


def test_sub_interface(switch, net, stats):
    switch.ctl("create sub-interfaces pg1 100")
    assert stats["/interfaces/pg1.100/rx"] == [(0, 0)] * len(stats["/if/rx"])
    switch.ctl("delete sub-interface pg1.100")
    assert "/interfaces/pg1.100/rx" not in stats


# --- all at once


class Reader(threading.Thread):
    """Reads the same mapping over and over; each look is of one moment."""

    def __init__(self, stats, names):
        super().__init__()
        self.stats, self.wanted = stats, names
        self.looks, self.faults, self.done = 0, [], threading.Event()

    def run(self):
        before = {}
        while not self.done.is_set():
            try:
                now = self.stats.read(self.wanted + ["/if/names", "/if/rx", "/if/drops"])
                self.check(before, now)
                before = now
                self.looks += 1
            except Exception as e:  # pylint: disable=broad-except
                self.faults.append(repr(e))
                return

    def check(self, before, now):
        columns = len(now["/if/names"])
        for row in now["/if/rx"] + now["/if/drops"]:
            assert len(row) == columns, f"{len(row)} columns for {columns} names"
        for name in self.wanted:
            assert name in now, f"{name} is gone"
            for old, new in zip(before.get(name, []), now[name]):
                assert new >= old, f"{name} went back from {old} to {new}"

    def finish(self):
        self.done.set()
        self.join(60)
        assert not self.faults, self.faults
        assert not self.is_alive()


def test_reader_while_all_changes(switch, net, stats):
    """Traffic runs, 600 interfaces come and go, and the reader keeps the mapping that it got first."""
    switch.ctl(f"""packet-generator new {{ name busy limit 2000000 size 100-100 source pg0 node ethernet-input
        data {{ IP4: {net[0].host_mac} -> {net[0].mac} UDP: 10.0.0.2 -> {net[1].host}
        UDP: 7 -> 1 - 60000 incrementing 20 }} }}""".replace("\n", " "))
    before = [cell[0] for cell in stats["/interfaces/pg0/rx"]]
    reader = Reader(stats, ["/interfaces/pg0/rx", "/interfaces/pg1/tx", "/err/ip4-input/bad_checksum"])
    switch.ctl("packet-generator enable-stream busy")
    reader.start()
    entries = len(stats.entries())
    try:
        for _ in range(3):
            made = [loopback(switch, n) for n in range(1000, 1200)]
            names = stats["/if/names"]
            assert set(made) <= set(names)
            looks = reader.looks
            wait_for(lambda: reader.looks > looks or reader.faults, "the reader to look again", 60)  # pylint: disable=cell-var-from-loop
            for name in made:
                switch.ctl(f"delete loopback interface intfc {name}")
            assert not stats.names("^/interfaces/loop1")
            assert len(stats.entries()) == entries
        wait_for(lambda: not switch.stream("busy")["enabled"], "the traffic to end", 120)
    finally:
        reader.finish()
        switch.ctl("packet-generator disable-stream busy")
        switch.ctl("packet-generator delete busy")
    assert reader.looks >= 3
    assert sum(c[0] for c in stats["/interfaces/pg0/rx"]) == sum(before) + 2000000
    switch.send(net[0], frames(net[0], net[1].host, 1))  # all is well


def test_old_mapping_sees_what_comes(fresh):
    """Mapped when there was next to nothing, read when the directory has grown by tens of thousands of entries."""
    with Stats(path(fresh)) as old:
        assert old["/if/names"] == ["local0"]
        size, directory = old.size, old.number(32)
        for n in range(1500):
            loopback(fresh, n)
        assert len(old.entries()) > 1500 * len(COUNTERS)
        assert len(old["/if/names"]) == 1501 and old.number(32) == directory
        assert old["/interfaces/loop1499/drops"] == [0] * len(old["/if/drops"])
        with Stats(path(fresh)) as new:
            assert new.size == size and [e.name for e in new.entries()] == [e.name for e in old.entries()]
        for n in range(1500):
            fresh.ctl(f"delete loopback interface intfc loop{n}")
        assert not old.names("^/interfaces/loop")


def test_thousands_of_connections(switch):
    descriptors = len(os.listdir(f"/proc/{switch.pid}/fd"))
    for _ in range(3000):
        os.close(receive_fd(path(switch), 30))
    held = []
    for _ in range(100):  # who connects and never reads
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(path(switch))
        held.append(s)
    for _ in range(50):
        os.close(receive_fd(path(switch), 30))
    for s in held:
        s.close()
    wait_for(lambda: len(os.listdir(f"/proc/{switch.pid}/fd")) <= descriptors, "all connections to be closed", 30)


def test_two_threads_of_one_switch(build):
    """A row for each thread, and each counts in its own."""
    switch = Switch(build, config="cpu { workers 3 }")
    try:
        switch.start()
        with Stats(path(switch)) as stats:
            assert stats["/sys/num_worker_threads"] == 3
            assert len(stats["/if/rx"]) == 4 and len(stats["/sys/loops_per_worker"][0]) == 4
        switch.stop()
    finally:
        switch.remove()


# --- configuration


def configured(build, config, unix=""):
    switch = Switch(build, unix=unix, config=config)
    switch.start()
    return switch


def test_socket_elsewhere_and_gone_at_the_end(build, tmp_path):
    name = f"{tmp_path}/other.sock"
    switch = configured(build, f"statseg {{ socket-name {name} }}")
    try:
        with Stats(name) as stats:
            assert "/sys/heartbeat" in stats and not stats.names("^/nodes/")
            assert not os.path.exists(path(switch))
            assert os.stat(name).st_mode & 0o020, "writable for its group"
            switch.stop()
            assert not os.path.exists(name)
            assert stats["/sys/num_worker_threads"] == switch.workers, "the mapping outlives the switch"
    finally:
        switch.remove()


def test_socket_of_a_dead_switch_is_replaced(build):
    switch = configured(build, "statseg { default }")
    try:
        os.kill(switch.pid, 9)
        switch.process.wait()
        assert os.path.exists(path(switch))
        switch.session.close()
        switch.session = None
        switch.start()
        with Stats(path(switch)) as stats:
            assert stats["/if/names"] == ["local0"]
        switch.stop()
    finally:
        switch.remove()


def test_full_directory(build):
    """What does not fit is not there; all else goes on."""
    switch = configured(build, "statseg { size 512K }")
    try:
        with Stats(path(switch)) as stats:
            for n in range(200):
                loopback(switch, n)
            assert len(stats["/if/names"]) == 201
            names = stats.names("^/interfaces/")
            assert "/interfaces/local0/rx" in names and "/interfaces/loop199/rx" not in names
            for n in range(200):
                switch.ctl(f"delete loopback interface intfc loop{n}")
            assert "statseg { size }" in switch.ctl("show logging")
        switch.stop()
    finally:
        switch.remove()


def test_page_size(build):
    """Huge pages, or normal ones where there are none."""
    switch = configured(build, "statseg { page-size 2M size 4M }")
    try:
        with Stats(path(switch)) as stats:
            name = loopback(switch, 3)
            assert stats["/if/names"] == ["local0", name] and "/interfaces/loop3/rx" in stats
            assert stats.size % (4 << 10) == 0
        switch.stop()
    finally:
        switch.remove()


def test_asleep_until_somebody_looks(build):
    """No gauge is kept up to date for nobody."""
    switch = configured(build, "statseg { update-interval 0.02 }")
    try:
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            time.sleep(0.05)
        begin = time.monotonic()
        with Stats(path(switch)) as stats:
            beats = stats["/sys/heartbeat"]
            assert beats <= (time.monotonic() - begin) / 0.02 + 2, "it beat all the time"
            wait_for(lambda: stats["/sys/heartbeat"] >= 10, "the heart to beat", 30)
        switch.stop()
    finally:
        switch.remove()


@pytest.mark.parametrize("config,fault", [
    ("statseg { update-interval 0 }", "update-interval"),
    ("statseg { socket-name /proc/nowhere/x.sock }", "statseg"),
])
def test_faults_end_the_start(build, config, fault):
    switch = Switch(build, config=config)
    try:
        switch.launch()
        assert switch.wait_exit() == 1
        assert fault in switch.output()
    finally:
        switch.remove()


# --- the command


def test_show_statistics_segment(switch, net, stats):
    lines = switch.ctl("show statistics segment").splitlines()
    assert lines[0].rstrip() == "Name" + 77 * " " + "Type      Value"
    names = [line[:74].rstrip() for line in lines[1:]]
    assert names == sorted(n[:74].rstrip() for n in stats.names())
    row = next(line for line in lines if line.startswith("/sys/num_worker_threads "))
    assert row == "/sys/num_worker_threads".ljust(75) + "Gauge".ljust(11) + str(switch.workers).rjust(10) + "    "
    link = next(e for e in stats.entries() if e.name == "/interfaces/pg0/rx")
    row = next(line for line in lines if line.startswith("/interfaces/pg0/rx "))
    assert row.split() == ["/interfaces/pg0/rx", "Symlink", str(link.value)]
    kinds = {line[75:86].strip() for line in lines[1:]}
    assert kinds == {"ScalarPtr", "CMainPtr", "NameVector", "Symlink", "Gauge"}
    few = switch.json("show statistics segment ^/if/rx$")["entries"]
    assert [e["name"] for e in few] == ["/if/rx"]
    assert "bytes reserved" in switch.ctl("show statistics segment verbose")


# --- readers that meet nonsense


def minimal():
    """A segment by hand: one simple row, one combined, one link, one name."""
    base, data = 0x10000, bytearray(0x4000)

    def vector(at, count):
        struct.pack_into("=IBBBB", data, at - 8, count, 1, 3, 0, 0)
        return base + at
    struct.pack_into("=QQQQQ", data, 0, 2, base, 1, 0, vector(0x1010, 4))

    def entry(slot, kind, value, name):
        struct.pack_into("=IIQ128s", data, 0x1010 + 144 * slot, kind, 0, value, name)
    entry(0, SCALAR, 7, b"/sys/heartbeat")
    entry(1, COMBINED, vector(0x2010, 1), b"/if/rx")
    entry(2, SYMLINK, 1 | 1 << 32, b"/interfaces/x/rx")
    entry(3, NAMES, vector(0x3010, 2), b"/if/names")
    struct.pack_into("=Q", data, 0x2010, vector(0x2048, 2))
    struct.pack_into("=QQQQ", data, 0x2048, 0, 0, 5, 500)
    struct.pack_into("=QQ", data, 0x3010, 0, vector(0x3048, 2))
    data[0x3048:0x304a] = b"x\0"
    return data


def test_reader_reads_the_minimal_segment():
    stats = Stats(data=bytes(minimal()))
    assert stats["/sys/heartbeat"] == 7 and stats["/if/rx"] == [[(0, 0), (5, 500)]]
    assert stats["/interfaces/x/rx"] == [(5, 500)] and stats["/if/names"] == [None, "x"]


@pytest.mark.parametrize("offset", [32, 0x1008, 0x1010 + 144 + 8, 0x1010 + 288 + 8, 0x1010 + 288 + 12, 0x2008, 0x2010,
                                    0x3010 + 8])
def test_reader_refuses_what_leads_out(offset):
    data = minimal()
    data[offset:offset + 4] = b"\xff\xff\xff\x7f"
    stats = Stats(data=bytes(data))
    with pytest.raises(StatsError):
        for name in ("/if/rx", "/interfaces/x/rx", "/if/names"):
            stats[name]  # pylint: disable=pointless-statement


# --- vpp_get_stats


def get_stats(build, *words, check=True):
    done = subprocess.run([build + "/vpp_get_stats", *words], timeout=60, text=True, errors="replace", check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode in (0, 1), f"ended with {done.returncode}: {done.stderr}"
    if check:
        assert done.returncode == 0 and not done.stderr, done.stderr
    return done


def test_client_ls(switch, net, stats, build):
    everything = get_stats(build, "socket-name", path(switch), "ls").stdout.splitlines()
    assert everything == stats.names()
    few = get_stats(build, "socket-name", path(switch), "ls", "^/if/rx$", "^/sys/h").stdout.splitlines()
    assert few == ["/sys/heartbeat", "/if/rx"]
    assert get_stats(build, "socket-name", path(switch), "ls", "nothing", check=False).stdout == ""


def test_client_dump(switch, net, stats, build):
    switch.send(net[0], frames(net[0], net[1].host, 10))
    lines = get_stats(build, "socket-name", path(switch), "dump", "^/if/(rx|drops|names)$", "/num_worker").stdout.splitlines()
    names, rx, drops = stats["/if/names"], stats["/if/rx"], stats["/if/drops"]
    expected = [f"{switch.workers}.00 /sys/num_worker_threads"]
    expected += [f"[{i} @ {t}]: {p} packets, {b} bytes /if/rx" for t, row in enumerate(rx) for i, (p, b) in enumerate(row)]
    expected += [f"[{i} @ {t}]: {p} packets /if/drops" for t, row in enumerate(drops) for i, p in enumerate(row)]
    expected += [f"[{i}]: {name} /if/names" for i, name in enumerate(names)]
    assert sorted(lines) == sorted(expected)


def test_client_json(switch, net, stats, build):
    text = get_stats(build, "socket-name", path(switch), "json", "dump").stdout
    found = json.loads(text)
    assert list(found) == stats.names()
    entries = {e.name: e.type for e in stats.entries()}

    def plain(value):
        if isinstance(value, dict):
            return value["packets"], value["bytes"]
        return list(map(plain, value)) if isinstance(value, list) else value
    for name in stats.names("^/(if|interfaces|net|err)/"):
        assert plain(found[name]) == stats[name], (name, entries[name])
    assert json.loads(get_stats(build, "socket-name", path(switch), "ls", "json").stdout) == stats.names()


def test_client_machine(switch, net, stats, build):
    lines = get_stats(build, "socket-name", path(switch), "dump-machine", "^/interfaces/pg0/rx$", "/if/names").stdout
    rx = stats["/interfaces/pg0/rx"]
    expected = [f"/interfaces/pg0/rx,0,{t},{p},{b}" for t, (p, b) in enumerate(rx)]
    expected += [f"/if/names,{i},0,{name}" for i, name in enumerate(stats["/if/names"])]
    assert sorted(lines.splitlines()) == sorted(expected)


def test_client_adds_threads_up_and_leaves_zeros_out(switch, net, stats, build):
    def lines(*words):
        return get_stats(build, "socket-name", path(switch), *words).stdout.splitlines()
    name = "/interfaces/pg0/rx"
    switch.send(net[0], frames(net[0], net[1].host, 5))
    rows = stats[name]
    packets, byte_sum = (sum(row[i] for row in rows) for i in (0, 1))
    assert packets and len(rows) > 1 and (0, 0) in rows, "the control thread receives nothing"
    assert lines("dump", "summary", f"^{name}$") == [f"[0]: {packets} packets, {byte_sum} bytes {name}"]
    machine = [f"{name},0,{t},{p},{b}" for t, (p, b) in enumerate(rows)]
    assert lines("dump", "machine", f"^{name}$") == lines("machine", f"^{name}$") == machine
    assert lines("machine", "no-zeros", f"^{name}$") == [line for line in machine if not line.endswith(",0,0")]
    assert lines("machine", "summary", f"^{name}$") == [f"{name},0,,{packets},{byte_sum}"]
    nothing = "^/interfaces/local0/rx$"
    assert lines("dump", nothing) and lines("dump", "no-zeros", nothing) == [] == lines("no-zeros", "machine", nothing)
    assert json.loads("".join(lines("json", "dump", "no-zeros", nothing, f"^{name}$"))).keys() == {name}
    assert json.loads("".join(lines("json", "dump", "summary", f"^{name}$"))) == {name: [{"packets": packets, "bytes": byte_sum}]}
    whole = json.loads("".join(lines("json", "dump", "summary", "^/if/rx$")))["/if/rx"]
    assert whole == [[{"packets": sum(row[i][0] for row in stats["/if/rx"]), "bytes": sum(row[i][1] for row in stats["/if/rx"])}
                      for i in range(len(stats["/if/names"]))]]
    assert all(not line.endswith(" 0 packets") and ": 0 packets" not in line and not line.startswith("0.00")
               for line in lines("dump", "no-zeros"))


def test_client_says_which_patterns_are_like_nothing(switch, net, build):
    done = get_stats(build, "socket-name", path(switch), "dump", "^/sys/heartbeat", "sumary", check=False)
    assert done.returncode == 0 and done.stdout and done.stderr == "vpp_get_stats: no entry is like `sumary'\n"


def test_client_polls(switch, net, build):
    with subprocess.Popen([build + "/vpp_get_stats", "socket-name", path(switch), "poll", "interval", "0.01",
                           "^/sys/heartbeat"], stdout=subprocess.PIPE, text=True) as process:
        beats = set()
        for line in process.stdout:
            beats.add(line.strip())
            if len(beats) > 4:
                break
        process.terminate()
    assert all(not b or b.endswith(".00 /sys/heartbeat") for b in beats)


@pytest.mark.parametrize("words,fault", [
    ((), "say what to do"), (("dump", "["), "`['"), (("socket-name",), "missing behind socket-name"),
    (("-x",), "unknown option -x"), (("poll", "interval", "never"), "no interval: never"),
    (("socket-name", "/nowhere/stats.sock", "ls"), "/nowhere/stats.sock: No such file"),
])
def test_client_says_what_is_wrong(build, words, fault):
    done = get_stats(build, *words, check=False)
    assert done.returncode == 1 and fault in done.stderr and not done.stdout


@pytest.fixture
def hostile(tmp_path):
    """A server that sends descriptors, and bytes, to who connects."""
    made = []

    def serve(*descriptors, data=b"", answer=True):
        name = f"{tmp_path}/{len(made)}.sock"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(name)
        listener.listen(5)

        def run():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                if answer:
                    client.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
                                   if descriptors else [])
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        made.append((listener, thread))
        return name
    yield serve
    for listener, thread in made:
        thread.join(10)
        listener.close()


def memory(data, size=None):
    fd = os.memfd_create("hostile")
    os.write(fd, data)
    if size is not None:
        os.ftruncate(fd, size)
    return fd


@pytest.mark.skipif(EMULATED, reason="the segment is made in the byte order of this machine")
def test_client_reads_the_minimal_segment(build, hostile):
    fd = memory(bytes(minimal()))
    assert get_stats(build, "socket-name", hostile(fd), "dump").stdout.splitlines() == [
        "7.00 /sys/heartbeat", "[0 @ 0]: 0 packets, 0 bytes /if/rx", "[1 @ 0]: 5 packets, 500 bytes /if/rx",
        "[0 @ 0]: 5 packets, 500 bytes /interfaces/x/rx", "[1]: x /if/names"]
    os.close(fd)


def test_client_of_hostile_servers(build, hostile):
    """Every one is told of in a line; none ends the client otherwise."""
    huge = bytearray(minimal())
    struct.pack_into("=I", huge, 0x1010 - 8, 0x7fffffff)
    fds = [memory(b""), memory(b"\2"), memory(bytes(minimal()), 0x1800), memory(bytes(huge), 1 << 45),
           os.open("/dev/zero", os.O_RDONLY), os.open("/", os.O_RDONLY), os.pipe()[0]]
    for fd in fds:
        done = get_stats(build, "socket-name", hostile(fd), "dump", check=False)
        assert done.returncode == 1 and done.stderr.startswith("vpp_get_stats: ") and not done.stdout
    for name in (hostile(), hostile(data=b"x"), hostile(answer=False), hostile(fds[0], fds[1])):
        done = get_stats(build, "socket-name", name, "dump", check=False)
        assert done.returncode == 1 and "no segment was sent" in done.stderr
    for fd in fds:
        os.close(fd)


@pytest.mark.skipif(EMULATED, reason="the segment is made in the byte order of this machine")
def test_client_does_not_print_control_characters(build, hostile):
    data = minimal()
    data[0x1010 + 16:0x1010 + 26] = b"/\x1b[31m,\"\\\n\0"
    fd = memory(bytes(data))
    assert get_stats(build, "socket-name", hostile(fd), "ls").stdout.splitlines()[0] == "/\\x1b[31m,\"\\\\x0a"
    assert "/\x1b[31m,\"\\\n" in json.loads(get_stats(build, "socket-name", hostile(fd), "json", "ls").stdout)
    os.close(fd)


def test_client_of_random_segments(build, hostile):
    """A thousand bytes of the segment of a switch are anything."""
    numbers = random.Random(26)
    for _ in range(20):
        data = minimal()
        for _ in range(numbers.randrange(1, 40)):
            at = numbers.choice([*range(32, 40), *range(0x1008, 0x1010 + 4 * 144), *range(0x2008, 0x2060),
                                 *range(0x3008, 0x3060)])
            data[at] = numbers.randrange(256)
        fd = memory(bytes(data))
        get_stats(build, "socket-name", hostile(fd), "dump", check=False)
        os.close(fd)

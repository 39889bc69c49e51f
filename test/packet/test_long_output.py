"""Output without bound: it is made as its reader takes it, while others are served and things change."""
import ipaddress
import json
import os
import re
import time

import pytest

from packet_lib import Switch, wait_for

ROUTES = 20000  # some megabytes of text and more of JSON
FIRST = int(ipaddress.ip_address("20.0.0.0"))


@pytest.fixture(scope="module")
def many(switch):
    """A switch with many routes, neighbours and addresses in a bridge domain."""
    pg = switch.pg(0, "10.0.0.1/16")
    switch.pg(1)
    switch.ctl(f"ip route add count {ROUTES} 20.0.0.0/32 via 10.0.0.2 {pg}")
    switch.ctl(f"ip neighbor static count 10000 {pg} 10.0.4.0 02:00:00:00:00:09")
    switch.ctl("set interface l2 bridge pg1 1")
    switch.ctl("test l2fib add mac 02:bb:00:00:00:00 count 10000 bridge-domain 1 interface pg1")
    return switch


class Reader:
    """A session that takes what a command shows as the test says."""

    def __init__(self, switch, command):
        self.cli = switch.second_session()
        self.cli.socket.sendall(command.encode() + b"\n\0")
        self.got = bytearray()

    def some(self, n):
        while len(self.got) < n:
            self.got += self.cli.socket.recv(n - len(self.got))

    def rest(self):
        while not self.got.endswith(b"\0"):
            part = self.cli.socket.recv(1 << 20)
            assert part
            self.got += part
        self.cli.close()
        return bytes(self.got).rstrip(b"\0\1").decode().replace("\r\n", "\n")


def address(n):
    return f"{ipaddress.ip_address(FIRST + n)}/32"


def once(pairs):
    assert len({key for key, _ in pairs}) == len(pairs), pairs
    return dict(pairs)


@pytest.mark.parametrize("command, least", [
    ("show ip fib", ROUTES), ("show fib entry", ROUTES), ("show ip neighbors", 10000), ("show adj", 10000),
    ("show l2fib all", 10000), ("show running-config", ROUTES + 10000)])
def test_who_does_not_read_holds_up_nothing(many, command, least):
    before = many.rss_kib()
    readers = [Reader(many, command + json_word) for json_word in ("", " json")]
    for r in readers:
        r.some(1000)
    assert many.ctl("show version").startswith("vpp v")  # others go on
    assert many.rss_kib() - before < 3072 or many.is_sanitized()  # and nothing is made that nobody takes
    text, document = readers[0].rest(), readers[1].rest()
    assert text.count("\n") >= least
    assert json.loads(document, object_pairs_hook=once)


def test_routes_that_come_and_go_meanwhile(many):
    reader = Reader(many, "show ip fib json")
    reader.some(100000)
    # some of those that were not shown yet go, others come, also in a table of their own
    many.ctl(f"ip route del count 1000 {address(ROUTES - 2000)} via 10.0.0.2 pg0")
    many.ctl(f"ip route add count 1000 {address(ROUTES)} via 10.0.0.2 pg0")
    many.ctl("ip table add 7")
    many.ctl("ip route add count 1000 30.0.0.0/32 table 7 via drop")
    tables = json.loads(reader.rest(), object_pairs_hook=once)["tables"]
    many.ctl("ip table del 7")
    shown = [r["prefix"] for r in tables[0]["routes"]]
    order = [ipaddress.ip_network(p) for p in shown]
    assert order == sorted(order)
    assert len(set(shown)) == len(shown)
    stayed = {address(n) for n in range(ROUTES) if not ROUTES - 2000 <= n < ROUTES - 1000}
    assert stayed <= set(shown)
    # as it was
    many.ctl(f"ip route add count 1000 {address(ROUTES - 2000)} via 10.0.0.2 pg0")
    many.ctl(f"ip route del count 1000 {address(ROUTES)} via 10.0.0.2 pg0")


def test_an_interface_that_goes_meanwhile(many):
    pg = many.pg(2, "10.3.0.1/16")
    many.ctl(f"ip neighbor static count 10000 {pg} 10.3.4.0 02:00:00:00:00:09")
    reader = Reader(many, f"show ip neighbors {pg} json")
    reader.some(1000)
    many.ctl(f"delete packet-generator interface {pg}")
    out = reader.rest()
    assert f"show ip neighbors: unknown input `{pg} json'" in out
    document = out[:out.index("\n}\n") + 3]
    assert 0 < len(json.loads(document)["neighbors"]) < 10000


def test_a_reader_who_goes_away(many):
    for command in ("show ip fib json", "show ip neighbors", "show l2fib all", "show running-config"):
        reader = Reader(many, command)
        reader.some(1000)
        reader.cli.close()
    wait_for(lambda: len(many.ctl("show cli-sessions").splitlines()) <= 3, "the sessions' end")


def test_a_filter_sees_all(many):
    assert many.ctl(f"show ip fib | include {address(ROUTES - 1)}").split() == [address(ROUTES - 1)]


def test_all_at_once_for_the_api_and_scripts(many):
    """Who takes all output in the end gets all of it."""
    script = many.new_file("script")
    with open(script, "w", encoding="ascii") as f:
        f.write("show ip fib\nshow l2fib all\n")
    many.ctl(f"exec {script}")
    lines = many.ctl("show running-config").splitlines()
    assert sum(line.startswith("ip route add 20.") for line in lines) == ROUTES
    assert lines.index("ip route add 20.0.0.9/32 via 10.0.0.2 pg0") < lines.index("ip route add 20.0.0.10/32 via 10.0.0.2 pg0")


def written(many):
    file = many.new_file("written")
    return file, Reader(many, f"write {file}")


def lines_of(file):
    with open(file, encoding="ascii") as f:
        return f.read().splitlines()


def test_write_is_of_one_moment(many):
    """What is made while it is written is in the file with all that it needs, or not at all."""
    for i in range(12):
        file, writer = written(many)
        time.sleep(i * 0.004)
        many.ctl("create loopback interface instance 7")
        many.ctl("ip route add 30.0.0.1/32 via loop7")
        assert "running config written to" in writer.rest()
        lines = lines_of(file)
        assert sum(line.startswith("ip route add 20.") for line in lines) == ROUTES
        assert ("ip route add 30.0.0.1/32 via loop7" in lines) <= any("instance 7" in line for line in lines)
        many.ctl("ip route del 30.0.0.1/32 via loop7")
        many.ctl("delete loopback interface intfc loop7")


def test_writes_at_once(many):
    """Of one file there is one writer at a time, and none of them is mixed with another."""
    file, first = written(many)
    second, (other_file, third) = Reader(many, f"write {file}"), written(many)
    said = sorted([first.rest(), second.rest()])
    assert "running config written to" in third.rest()
    assert sum("running config written to" in s or "is being written by another" in s for s in said) == 2, said
    assert any("running config written to" in s for s in said), said
    assert lines_of(file) == lines_of(other_file) == many.ctl("show running-config").splitlines()


def test_a_writer_who_goes_away(many):
    file, writer = written(many)
    writer.cli.close()
    wait_for(lambda: "running config written to" in Reader(many, f"write {file}").rest(), "the end of the first write")
    assert not os.path.exists(file + ".new")


@pytest.fixture(name="kept")
def with_saved_config(build):
    """A switch with a saved configuration, and routes that came since."""
    daemon = Switch(build)
    daemon.write_conf(f"running-config {daemon.running}")
    daemon.start()
    daemon.pg(0, "10.0.0.1/16")
    daemon.ctl("ip route add 9.0.0.0/8 via drop")
    daemon.ctl("write")
    daemon.ctl("ip route del 9.0.0.0/8 via drop")
    daemon.ctl(f"ip route add count {ROUTES} 20.0.0.0/32 via 10.0.0.2 pg0")
    yield daemon
    daemon.stop()
    assert "Sanitizer" not in daemon.output(), daemon.output()
    daemon.remove()


def test_a_difference_without_bound(kept):
    readers = [Reader(kept, "show running-config diff" + word) for word in ("", " json")]
    for r in readers:
        r.some(1000)
    assert kept.ctl("show version").startswith("vpp v")
    added = [f"ip route add {address(n)} via 10.0.0.2 pg0" for n in range(ROUTES)]
    assert readers[0].rest().splitlines() == ["-ip route add 9.0.0.0/8 via drop"] + ["+" + line for line in added]
    assert json.loads(readers[1].rest(), object_pairs_hook=once) == {"removed": ["ip route add 9.0.0.0/8 via drop"], "added": added}
    gone = Reader(kept, "show running-config diff")
    gone.cli.close()
    kept.ctl("write")
    assert kept.ctl("show running-config diff").startswith("the running config is as it was saved in ")
    assert kept.json("show running-config diff") == {"removed": [], "added": []}


def test_going_back_by_many_lines(kept):
    """To what was saved, and to what was there before changes that nobody confirms: others are served meanwhile."""
    lines = kept.running_config()
    assert kept.ctl("configure commit-confirm 3600").startswith("changes from now on are taken back")
    kept.ctl(f"ip route del count {ROUTES // 2} 20.0.0.0/32 via 10.0.0.2 pg0")
    back = Reader(kept, "configure abort")
    assert kept.ctl("show version").startswith("vpp v")
    assert "done, by" in back.rest()
    assert kept.running_config() == lines
    assert "done, by" in Reader(kept, "configure rollback").rest()
    assert sorted(kept.running_config()) == sorted([line for line in lines if not line.startswith("ip route add 20.")] +
                                                   ["ip route add 9.0.0.0/8 via drop"])


def test_a_flush_gives_the_memory_back(many):
    """A table that was made for many is made smaller when they are gone."""
    def buckets():
        return int(re.search(r"(\d+) buckets", many.ctl("show l2fib raw"))[1])

    many.ctl("test l2fib add mac 02:bd:00:00:00:00 count 20000 bridge-domain 1 interface pg1")
    large = buckets()
    assert 8 * 1024 <= large <= 64 * 1024  # of five addresses each; once it is large enough it grows no more
    many.ctl("test l2fib del mac 02:bd:00:00:00:00 count 20000 bridge-domain 1")
    many.ctl("test l2fib del mac 02:bb:00:00:00:00 count 9990 bridge-domain 1")
    many.ctl("l2fib flush-mac all")
    wait_for(lambda: buckets() < large, "a smaller table")
    assert many.json("show l2fib")["total"] == 10
    many.ctl("test l2fib check mac 02:bb:00:00:27:06 count 10 bridge-domain 1")

"""Counters for Prometheus: a parser of its text format, written from the format's description, reads what the plugin
serves, and finds what the stats segment has."""
import contextlib
import http.client
import json
import os
import re
import socket
import sys
import threading
import time

import pytest
from scapy.layers.inet import IP, UDP

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../../python")

from packet_lib import EMULATED, Switch, wait_for  # noqa: E402  pylint: disable=wrong-import-position
from piste import Stats  # noqa: E402  pylint: disable=wrong-import-position

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\d+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A switch and the port of its exporter."""

    def __init__(self, switch):
        self.switch = switch
        self.port = None

    def enable(self, options=""):
        # another may take the port first
        for _ in range(20):
            self.port = free_port()
            done = self.switch.vppctl(f"prom enable listen 127.0.0.1:{self.port} min-scrape-interval 0 {options}")
            if done.returncode == 0:
                return
            if "built without" in done.stdout:
                pytest.skip(done.stdout)
            assert "in use" in done.stdout, done.stdout
        raise AssertionError("no port")

    def get(self, path="/metrics", method="GET", body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())
        finally:
            connection.close()

    def metrics(self):
        status, text, headers = self.get()
        assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return parse(text)


def parse(text):
    """{(name, labels as a frozenset): value}; the types are checked on the way."""
    assert text.endswith("\n")
    types, samples = {}, {}
    family = None
    for line in text.splitlines():
        if line.startswith("#"):
            _, kind, family, type_ = line.split(" ")
            assert kind == "TYPE" and type_ in ("counter", "gauge")
            assert family not in types, f"{family} comes twice"
            types[family] = type_
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        assert name == family, f"{name} stands below {family}"
        found = LABEL.findall(labels or "")
        assert ",".join(f'{k}="{v}"' for k, v in found) == (labels or "")
        key = name, frozenset(found)
        assert key not in samples, f"{key} comes twice"
        samples[key] = int(value)
    return samples


def cell(name, thread, column):
    return name, frozenset({("thread", str(thread)), ("interface", str(column))})


@pytest.fixture(scope="module")
def net(switch):
    made = switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.1.0.1/24")
    wait_for(lambda: switch.counter("pg1", "tx packets"), "the announcement of the new address", 30)
    frame = made[0].ether() / IP(src=made[0].host, dst=made[1].host) / UDP() / (b"x" * 58)
    switch.send(made[0], [frame] * 50)
    return made


@pytest.fixture
def server(switch, net):
    made = Server(switch)
    made.enable()
    yield made
    switch.ctl("prom disable")


def test_values_are_those_of_the_segment(server, switch):
    found = server.metrics()
    with Stats(switch.folder + "/stats.sock") as stats:
        for kind, pair in (("rx", True), ("tx", True), ("drops", False), ("ip4", False)):
            for thread, row in enumerate(stats[f"/if/{kind}"]):
                for column, value in enumerate(row):
                    if pair:
                        assert found[cell(f"vpp_if_{kind}_packets", thread, column)] == value[0]
                        assert found[cell(f"vpp_if_{kind}_bytes", thread, column)] == value[1]
                    else:
                        assert found[cell(f"vpp_if_{kind}", thread, column)] == value
        for index, name in enumerate(stats["/if/names"]):
            assert found["vpp_if_names_info", frozenset({("index", str(index)), ("name", name)})] == 1
        assert found["vpp_sys_num_worker_threads", frozenset()] == switch.workers
        assert found["vpp_sys_boottime", frozenset()] == stats["/sys/boottime"]
    assert cell("vpp_err_ip4_input_bad_checksum", 1, 0) in found
    assert cell("vpp_err_null_node_blackholed_packets", 0, 0) in found
    assert not [name for name, _ in found if name.startswith("vpp_interfaces_")]


def test_both_paths_and_head(server):
    assert server.get("/stats.prom")[0] == 200
    status, text, headers = server.get(method="HEAD")
    assert status == 200 and not text and int(headers["Content-Length"]) > 1000


@pytest.mark.parametrize("path,method,body,status", [
    ("/", "GET", None, 404), ("/metrics/../etc/passwd", "GET", None, 404), ("/metrics", "POST", b"x" * 1000, 405),
    ("/metrics", "DELETE", None, 405), ("/metrics?x=1", "GET", None, 200)])
def test_other_requests(server, path, method, body, status):
    assert server.get(path, method, body)[0] == status


def test_options(server, switch):
    switch.ctl("prom used-only stat-name-prefix other_ stat-patterns ^/if/rx$ ^/interfaces/pg0/drops$ ^/sys/boot")
    found = server.metrics()
    assert all(found.values())
    names = {name for name, _ in found}
    assert names == {"other__if_rx_packets", "other__if_rx_bytes", "other__sys_boottime"}
    assert "prom patterns add {^/if/rx$}" in switch.running_config()
    assert switch.ctl("prom patterns show").split() == ["^/if/rx$", "^/interfaces/pg0/drops$", "^/sys/boot"]
    switch.ctl("prom patterns clear add ^/if/names")
    assert {name for name, _ in server.metrics()} == {"other__if_names_info"}
    switch.ctl("prom patterns clear")
    assert "other__if_tx_bytes" in {name for name, _ in server.metrics()}
    assert "regular expression" in switch.fails("prom patterns add [")
    assert "at most 31 characters" in switch.fails("prom stat-name-prefix " + 32 * "x")
    assert "prom disable" in switch.fails("prom listen 127.0.0.1:1")


def test_all(server, switch, net):
    switch.ctl("prom all-stats")
    found = server.metrics()
    rx = "_interfaces_pg0_rx_packets"
    assert sum(v for (name, _), v in found.items() if name.endswith(rx)) >= 50


def test_names_that_are_no_metrics(server, switch):
    """Interfaces may be named as users like."""
    name = switch.ctl("create loopback interface").strip()
    index = switch.interfaces()[name]["sw_if_index"]
    switch.ctl(f"""set interface name {name} a'b-\\c/d""")
    name = next(n for n, i in switch.interfaces().items() if i["sw_if_index"] == index)
    assert "-" in name and "/" in name
    switch.ctl("prom all-stats")
    found = server.metrics()
    label = name.replace("\\", "\\\\").replace('"', '\\"')
    assert [labels for metric, labels in found
            if metric.endswith("if_names_info") and {("name", label), ("index", str(index))} == labels]
    part = re.sub("[^a-zA-Z0-9]", "_", name)
    assert any(metric.endswith(f"_interfaces_{part}_rx_packets") for metric, _ in found)


def test_page_is_kept_for_a_while(server, switch, net):
    switch.ctl("prom min-scrape-interval 3600")
    before = server.metrics()
    frame = net[0].ether() / IP(src=net[0].host, dst=net[1].host) / UDP()
    switch.send(net[0], [frame])
    assert server.metrics() == before
    switch.ctl("prom min-scrape-interval 0")
    assert server.metrics() != before


def test_clients_that_do_not_behave(server):
    """None keeps others from being served."""
    held = []
    for i in range(20):
        s = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        s.sendall([b"", b"GET /met", b"\0\xff" * 50, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                   b"GET / HTTP/1.1\r\nX: " + b"y" * 30000][i % 5])
        held.append(s)
    for _ in range(3):
        assert server.get()[0] == 200
    for s in held:
        s.close()
    assert server.get()[0] == 200


def test_clients_that_send_a_byte_now_and_then(server):
    """They are never idle, and more than there are places; who asks for something is served."""
    held = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(48)]
    done = threading.Event()

    def feed():
        for s in held:
            with contextlib.suppress(OSError):
                s.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        while not done.wait(0.2):
            for s in held:
                with contextlib.suppress(OSError):  # it was sent away
                    s.sendall(b"y")

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        for _ in range(3):
            assert server.get()[0] == 200  # in 30 seconds, while they go on
    finally:
        done.set()
        feeder.join()
        for s in held:
            s.close()


@pytest.mark.skipif(EMULATED, reason="qemu has threads, and is slow")
def test_disabled_while_requests_come(switch, net):
    """Also those that the library answers by itself, with an error: no thread, descriptor or listener stays behind,
    and it serves again."""
    server = Server(switch)
    server.enable()  # the library is loaded from here on
    switch.ctl("prom disable")
    threads, files = tasks(switch), descriptors(switch)
    for i in range(300):
        server.enable()
        clients = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(8)]
        for s in clients:
            with contextlib.suppress(OSError):  # it may be refused before all of it is sent
                s.sendall(b"GET / HTTP/1.1\r\nX: " + b"y" * 30000)
        time.sleep(i % 10 * 0.0001)
        switch.ctl("prom disable")
        for s in clients:
            s.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=30)
    assert tasks(switch) == threads
    assert descriptors(switch) == files
    server.enable()
    assert server.metrics()
    switch.ctl("prom disable")


@pytest.mark.skipif(EMULATED, reason="qemu has threads, and is slow")
def test_scrapes_while_interfaces_come_and_go(server, switch):
    faults, done = [], threading.Event()

    def scrape():
        while not done.is_set():
            try:
                server.metrics()
            except Exception as e:  # pylint: disable=broad-except
                faults.append(repr(e))
                return
    threads = [threading.Thread(target=scrape) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        names = [switch.ctl("create loopback interface").strip() for _ in range(50)]
        for name in names:
            switch.ctl(f"delete loopback interface intfc {name}")
    done.set()
    for thread in threads:
        thread.join(60)
    assert not faults, faults


def descriptors(switch):
    return len(os.listdir(f"/proc/{switch.pid}/fd"))


def tasks(switch):
    return len(os.listdir(f"/proc/{switch.pid}/task"))


def test_disabled_unless_asked_for(fresh):
    def loaded():
        with open(f"/proc/{fresh.pid}/maps", encoding="ascii") as f:
            return "microhttpd" in f.read()
    assert not loaded(), "the library is loaded for nothing"
    before = tasks(fresh)
    server = Server(fresh)
    server.enable()
    assert server.get()[0] == 200 and loaded() and tasks(fresh) == before + 1
    fresh.ctl("prom disable")
    wait_for(lambda: tasks(fresh) == before, "its thread to end", 30)
    with pytest.raises(OSError):
        server.get()
    assert not [line for line in fresh.running_config() if line.startswith("prom")]


def test_startup_conf(server, build):
    """Here at a unix socket, which nobody else can take."""
    switch = Switch(build)
    try:
        path = switch.folder + "/prom.sock"
        switch.write_conf(config=f"prom {{ enable listen {path} used-only stat-pattern ^/sys/ }}")
        switch.start()
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(path)
            s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            answer = s.makefile("rb").read().decode()
        assert answer.split()[1] == "200"
        found = parse(answer.split("\r\n\r\n", 1)[1])
        assert {name for name, _ in found} >= {"vpp_sys_boottime", "vpp_sys_heartbeat"}
        assert f"prom enable listen {path} used-only" in switch.running_config()
        switch.stop()
    finally:
        switch.remove()


PATTERNS = [r"^/if/(rx|tx)$", r"\.x", r"a{2}b\\", "$(x) $y"]


@pytest.mark.parametrize("section, commands", [
    ("enable listen OWN used-only all-stats stat-pattern ^/sys/ stat-name-prefix x", ["prom disable"]),
    ("enable listen OWN", ["prom disable", "prom enable listen OTHER min-scrape-interval 0"]),
    ("", ["prom enable listen OTHER used-only all-stats stat-name-prefix {}"]),
    ("", ["prom stat-name-prefix y used-only"]),
    ("used-only stat-pattern ^/sys/", ["prom patterns clear"]),
    ("enable listen OWN all-stats stat-pattern ^/sys/",
     ["prom patterns clear", *("prom patterns add {" + re.sub(r"[$\\\\]", r"\\\g<0>", p) + "}" for p in PATTERNS)]),
])
@pytest.mark.parametrize("later", ["", "enable listen LATER used-only all-stats stat-pattern ^/x stat-name-prefix z"])
def test_saved_state_comes_back_whatever_startup_conf_says(server, build, section, commands, later):
    switch = Switch(build)

    def start(section):
        for word in ("OWN", "OTHER", "LATER"):
            section = section.replace(word, f"{switch.folder}/{word}")
        switch.write_conf(config=f"prom {{ {section} }}" if section else "")
        switch.start()

    try:
        start(section)
        for command in commands:
            switch.ctl(command.replace("OTHER", switch.folder + "/OTHER"))
        saved = [line for line in switch.running_config() if line.startswith("prom")]
        patterns = switch.ctl("prom patterns show")
        assert saved
        if len(commands) > 2:
            assert patterns.splitlines() == PATTERNS
        switch.stop()
        switch.session.close()
        switch.session = None
        start(later)
        path = switch.new_file("prom.cli")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(saved) + "\n")
        switch.ctl(f"exec {path}")
        assert [line for line in switch.running_config() if line.startswith("prom")] == saved
        assert switch.ctl("prom patterns show") == patterns
        switch.stop()
    finally:
        switch.remove()


def test_port_that_is_taken(server, switch):
    switch.ctl("prom disable")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        text = switch.fails(f"prom enable listen 127.0.0.1:{s.getsockname()[1]}")
    assert "in use" in text
    assert json.dumps(switch.interfaces())  # all is well

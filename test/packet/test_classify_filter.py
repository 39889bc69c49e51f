"""Classifier tables pick the packets that are traced, and captured."""
import os

import pytest
from packet_lib import Records
from scapy.layers.inet import IP, UDP

NAME = f"piste-filter-{os.getpid()}"


@pytest.fixture(scope="module")
def net(switch):
    return [switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.1.0.1/24")]


@pytest.fixture(autouse=True)
def nothing_left(switch):
    yield
    for line in switch.running_config():
        if line.startswith("classify filter"):
            switch.ctl(" ".join(line.split()[:3]) + " del")
    assert switch.json("show classify tables")["tables"] == []


@pytest.fixture
def file():
    yield NAME
    if os.path.exists(f"/tmp/{NAME}"):
        os.unlink(f"/tmp/{NAME}")


def packets(net, *sources, dst=None):
    return [net[0].ether() / IP(src=f"10.0.0.{n}", dst=dst or net[1].host) / UDP(dport=n) for n in sources]


def add(switch, who, what, value):
    switch.ctl(f"classify filter {who} mask {what} match {what} {value}")


def traced(switch, net, frames, words="filter"):
    """Last octets of the sources of what `trace add` with these words traced."""
    switch.ctl("clear trace")
    switch.ctl(f"trace add pg-input 50 {words}")
    switch.send(net[0], frames)
    found = []
    for thread in switch.json("show trace max 100")["threads"]:
        for hops in thread["packets"]:
            text = dict((hop["node"], hop["text"]) for hop in hops)["ip4-input"]
            found.append(int(text.split(": ")[1].split(" ->")[0].rsplit(".", 1)[1]))
    switch.ctl("clear trace")
    return found


def test_what_is_traced(switch, net):
    frames = packets(net, 5, 6, 7, 8, 5)
    assert "No classify filter configured" in switch.fails("trace add pg-input 50 filter")
    add(switch, "trace", "l3 ip4 src", "10.0.0.5")
    assert traced(switch, net, frames) == [5, 5]
    assert traced(switch, net, frames, "") == [5, 6, 7, 8, 5]  # without the word, all
    add(switch, "trace", "l3 ip4 src", "10.0.0.7")  # the same mask: one table
    assert len(switch.json("show classify tables")["tables"]) == 1
    add(switch, "trace", "l4 dst_port", "8")  # another mask: a table in front
    assert len(switch.json("show classify tables")["tables"]) == 2
    assert traced(switch, net, frames) == [5, 7, 8, 5]
    # who takes it off while packets are waited for gets none
    switch.ctl("trace add pg-input 50 filter")
    switch.ctl("classify filter trace del")
    switch.send(net[0], frames)
    assert not any(t["packets"] for t in switch.json("show trace")["threads"])
    switch.ctl("clear trace")
    assert "no such filter" in switch.fails("classify filter trace del")
    assert traced(switch, net, frames, "") == [5, 6, 7, 8, 5]


def test_as_many_as_were_asked_for(switch, net):
    """What the filter passes over does not count."""
    add(switch, "trace", "l3 ip4 src", "10.0.0.5")
    switch.ctl("clear trace")
    switch.ctl("trace add pg-input 2 filter")
    switch.send(net[0], packets(net, *[6] * 300, 5, 6, 5, 5, 5))
    assert sum(len(t["packets"]) for t in switch.json("show trace max 100")["threads"]) == 2
    switch.ctl("clear trace")


@pytest.mark.parametrize("way", ["rx", "tx", "drop"])
def test_what_is_captured(switch, net, file, way):
    dst = "99.0.0.1" if way == "drop" else None  # nowhere
    frames = packets(net, 5, 6, 7, dst=dst)
    assert "No classify filter configured" in switch.fails(f"pcap trace {way} filter file {file}")
    add(switch, "pcap", "l3 ip4 src", "10.0.0.6")

    def captured(words):
        switch.ctl(f"pcap trace {way} {words} file {file}")
        switch.send(net[0], frames)
        switch.ctl("pcap trace off")
        return [p[IP].src.rsplit(".", 1)[1] for p in Records(f"/tmp/{file}").packets()]
    assert captured("filter") == ["6"]
    assert captured("") == ["5", "6", "7"]
    on = "pg1" if way == "tx" else "pg0"
    add(switch, on, "l4 dst_port", "7")  # its own goes before that of all
    assert captured(f"filter intfc {on}") == ["7"]
    assert captured(f"filter intfc any") == ["6"]
    switch.ctl(f"classify filter {on} del")
    assert captured(f"filter intfc {on}") == ["6"]


def test_hits_are_counted(switch, net):
    def hits(command):
        return [s["hits"] for t in switch.json(command)["tables"] for s in t["sessions"]]

    add(switch, "trace", "l3 ip4 src", "10.0.0.6")
    assert hits("show classify tables verbose 2") == hits("show cla t v") == [0]
    assert traced(switch, net, packets(net, 5, 6, 7)) == [6]
    assert hits("show classify tables verbose") == [1]


def test_shown(switch, net):
    lines = switch.ctl("show classify filter").splitlines()
    assert lines[0].split() == ["Filter", "Used", "By", "Table(s)"]
    assert [line.split(":")[1].split() for line in lines[2:]] == [["first", "table", "none"]] * 2
    add(switch, "pg1", "l3 ip4 src", "10.0.0.6")
    add(switch, "trace", "l3 ip4 src", "10.0.0.6")
    shown = {f["filter"]: f.get("table") for f in switch.json("show classify filter")["filters"]}
    assert shown == {"packet tracer:": 1, "pcap rx/tx/drop:": None, "pg1": 0}


def test_wrong_commands(switch, net):
    for words in ("trace", "trace mask l3 ip4 src", "trace match l3 ip4 src 10.0.0.1", "trace table 7",
                  "trace mask hex 00 match hex 00", "nobody del"):
        switch.fails(f"classify filter {words}")
    assert not [line for line in switch.running_config() if line.startswith("classify")]


def test_saved(fresh):
    fresh.pg(0)
    fresh.pg(1)
    for who in ("trace", "pcap", "pg1"):
        add(fresh, who, "l3 ip4 src", "10.0.0.6")
    add(fresh, "trace", "l4 dst_port", "7")
    saved = fresh.running_config()
    assert len([line for line in saved if line.startswith("classify filter")]) == 3
    fresh.restart(saved)
    assert fresh.running_config() == saved
    # tables in use stay; those of an interface that goes are let go
    assert "in use" in fresh.fails("classify table table 2 del")
    fresh.ctl("delete packet-generator interface pg1")
    assert len([line for line in fresh.running_config() if line.startswith("classify filter")]) == 2
    fresh.ctl("classify table table 2 del")
    fresh.ctl("classify filter trace del")
    fresh.ctl("classify filter pcap del")
    assert not [line for line in fresh.running_config() if line.startswith("classify")]

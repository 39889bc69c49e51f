"""pcap trace: captures of what interfaces receive and send, and of what is dropped."""
import os

import pytest
from packet_lib import Records
from scapy.layers.inet import IP, UDP

OFF = "pcap trace: dispatch trace already disabled..."


@pytest.fixture(scope="module")
def net(switch):
    return switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.1.0.1/24")


@pytest.fixture
def name(switch):
    """A file in /tmp that nobody else has."""
    name = f"piste-{os.getpid()}-{id(switch)}.pcap"
    yield name
    if os.path.exists("/tmp/" + name):
        os.unlink("/tmp/" + name)


def frame(pg, dst, size=100):
    return pg.ether() / IP(src=pg.host, dst=dst) / UDP() / (b"x" * (size - 42))


def stop(switch, name, n):
    assert switch.ctl("pcap trace off") == f"Write {n} packets to /tmp/{name}, and stop capture...\n"
    return Records("/tmp/" + name)


def test_words(switch, net, name):
    assert switch.fails("pcap trace off") == OFF
    assert switch.ctl("pcap trace status") == "pcap dispatch capture disabled\n"
    switch.ctl(f"pcap trace rx tx drop max 100 intfc any file {name}")
    assert switch.ctl("pcap trace status") == (
        "pcap rx and tx and drop dispatch capture enabled: 0 of 100 pkts...\n"
        f"capture to file /tmp/{name}\n")
    assert switch.fails("pcap trace rx") == "pcap trace: dispatch trace already enabled..."
    assert switch.fails("pcap trace off") == "pcap trace: No packets captured..."
    assert switch.fails("pcap trace off") == OFF
    for size in (31, 9001):
        assert switch.fails(f"pcap trace rx max-bytes-per-pkt {size}") == \
            "pcap trace: Max bytes per pkt must be > 32, < 9000..."
    assert switch.fails("pcap trace rx file ../x") == \
        "pcap trace: illegal characters in filename '../x'"
    assert "unknown interface" in switch.fails("pcap trace rx intfc nosuch")
    assert switch.ctl("pcap trace status") == "pcap dispatch capture disabled\n"


def test_names_of_files(switch, net):
    for directions, file in (("rx", "rx"), ("tx rx", "rxtx"), ("drop", "drop"), ("drop tx", "txdrop")):
        switch.ctl(f"pcap trace {directions}")
        assert f"/tmp/{file}.pcap" in switch.ctl("pcap trace status")
        switch.fails("pcap trace off")


def test_both_directions_in_order(switch, net, name):
    switch.ctl(f"pcap trace rx tx file {name}")
    sent = [frame(net[0], net[1].host, 60 + i) for i in range(10)]
    switch.send(net[0], sent)
    records = stop(switch, name, 20)
    assert records.link == 1 and records.snap == 65536
    assert records.frames[:10] == [bytes(f) for f in sent]
    assert [f[22] for f in records.frames[10:]] == [63] * 10
    assert records.times == sorted(records.times)


def test_times_do_not_go_back(switch, net, name):
    """One reading of the time of day for a file: read for each packet, it differs within vectors that
    were received near the end of a microsecond."""
    switch.ctl(f"pcap trace rx max 2000 file {name}")
    for _ in range(200):
        switch.send(net[0], [frame(net[0], net[1].host)] * 10)
    times = stop(switch, name, 2000).times
    assert times == sorted(times)


def test_drops_are_whole_frames(switch, net, name):
    switch.ctl(f"pcap trace rx tx drop file {name}")
    sent = [bytes(frame(net[0], "99.0.0.1")), bytes(frame(net[0], net[1].host))[:30]]
    switch.send(net[0], sent)
    records = stop(switch, name, 4)
    assert sorted(records.frames) == sorted(sent * 2)


def test_limits(switch, net, name):
    switch.ctl(f"pcap trace tx max 7 max-bytes-per-pkt 64 file {name}")
    switch.send(net[0], [frame(net[0], net[1].host, 1000)] * 400)
    assert "7 of 7 pkts" in switch.ctl("pcap trace status")
    records = stop(switch, name, 7)
    assert [len(f) for f in records.frames] == [64] * 7
    assert records.lengths == [1000] * 7


def test_one_interface(switch, net, name):
    both = [frame(net[0], net[1].host)], [frame(net[1], net[0].host)] * 2
    for directions, interface, n in (("rx", "pg0", 1), ("rx", "pg1", 2), ("tx", "pg0", 2),
                                     ("rx tx", "pg1", 3)):
        switch.ctl(f"pcap trace {directions} intfc {interface} file {name}")
        switch.send(net[0], both[0])
        switch.send(net[1], both[1])
        stop(switch, name, n)


def test_an_interface_that_is_deleted(switch, net, name):
    """What gets its index is another one."""
    gone, other = switch.pg(2, "10.2.0.1/24"), None
    index = switch.json("show interface pg2")["interfaces"][0]["sw_if_index"]
    switch.ctl(f"pcap trace rx intfc pg2 file {name}")
    try:
        switch.send(gone, [frame(gone, net[0].host)])
        switch.ctl("delete packet-generator interface pg2")
        other = switch.pg(3, "10.3.0.1/24")
        assert switch.json("show interface pg3")["interfaces"][0]["sw_if_index"] == index
        switch.send(other, [frame(other, net[0].host)] * 2)
        assert "1 of 1000 pkts" in switch.ctl("pcap trace status")
    finally:
        if other:
            switch.ctl("delete packet-generator interface pg3")
    stop(switch, name, 1)


@pytest.mark.parametrize("reason", ["ip4-input.bad_checksum", "{ip4-input}.{bad_checksum}"])
def test_one_reason(switch, net, name, reason):
    switch.ctl(f"pcap trace drop error {reason} file {name}")
    bad = bytearray(bytes(frame(net[0], net[1].host)))
    bad[24] ^= 1
    switch.send(net[0], [bytes(bad), frame(net[0], "99.0.0.1")])
    assert stop(switch, name, 1).frames == [bytes(bad)]
    assert switch.fails("pcap trace drop error ip4-input.nosuch") == \
        "pcap trace: ip4-input has no error nosuch"
    assert switch.fails("pcap trace drop error nosuch.x") == "pcap trace: unknown node `nosuch'"


def test_a_link_is_not_followed(switch, net, name, tmp_path):
    target = tmp_path / "target"
    target.write_text("precious")
    os.symlink(target, "/tmp/" + name)
    switch.ctl(f"pcap trace rx file {name}")
    switch.send(net[0], frame(net[0], net[1].host))
    assert f"cannot write /tmp/{name}" in switch.fails("pcap trace off")
    assert target.read_text() == "precious"

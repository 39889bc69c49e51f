"""The packet generator itself: interfaces, streams, replay, captures, what it says."""
import os
import re
import struct
import time

import pytest
from packet_lib import LINK_RAW_IP, Records, wait_for, write_pcap
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcapng

MACS = "02:00:00:00:00:01 -> 02:00:00:00:00:02"
UDP4 = f"IP4: {MACS} UDP: 192.0.2.1 -> 198.51.100.2 UDP: 1234 -> 5678 incrementing 56"


@pytest.fixture(scope="module")
def pgs(switch):
    return switch.pg(0), switch.pg(1)


def made(switch, capture, definition, name="t"):
    """Frames that a stream sends right to pg1."""
    switch.ctl(f"packet-generator new {{ name {name} node pg1 {definition} }}")
    switch.run_stream(name)
    capture.stop()
    switch.ctl(f"packet-generator delete {name}")
    return capture.records().frames


# --- frames


def test_frame_and_capture_file_byte_for_byte(switch, pgs):
    capture = switch.capture(pgs[1])
    before = time.time()
    frames = made(switch, capture, f"limit 2 size 98-98 source pg0 data {{ {UDP4} }}")
    frame = bytes.fromhex(
        "020000000002020000000001080045000054000000004011 8e62c0000201c6336402 04d2162e00400124"
        .replace(" ", "")) + bytes(range(56))
    assert frames == [frame, frame]
    records = capture.records()
    with open(capture.path, "rb") as f:
        data = f.read()
    assert data[:24] == struct.pack(records.order + "IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65536, 1)
    assert len(data) == 24 + 2 * (16 + 98)
    assert records.lengths == [98, 98]
    assert all(abs(t - before) < 10 for t in records.times)


def test_increments_and_their_wrap(switch, pgs):
    frames = made(switch, switch.capture(pgs[1]),
                  f"limit 7 source pg0 data {{ IP4: {MACS} UDP: 1.1.1.1 - 1.1.1.3 -> 2.2.2.2 "
                  "UDP: 1 - 3 -> 2 incrementing 4 }")
    packets = [Ether(f) for f in frames]
    assert [p[IP].src for p in packets] == [f"1.1.1.{1 + i % 3}" for i in range(7)]
    assert [p[UDP].sport for p in packets] == [1 + i % 3 for i in range(7)]
    assert all(f[-1] == 0 and len(f) == 64 for f in frames)


def test_random_values_have_right_checksums(switch, pgs):
    frames = made(switch, switch.capture(pgs[1]),
                  f"limit 300 size 90-90 source pg0 data {{ IP4: {MACS} "
                  "TCP: 0.0.0.1 + 223.255.255.255 -> 10.0.0.0+10.255.255.255 ttl 1 + 255 "
                  "TCP: 0 + 65535 -> 80 seqnum 0 + 4294967295 SYN incrementing 11 }")
    assert len(frames) == 300 and len(set(frames)) == 300
    for frame in frames:
        packet = Ether(frame)
        ip, tcp = packet[IP].chksum, packet[TCP].chksum
        del packet[IP].chksum, packet[TCP].chksum
        again = Ether(bytes(packet))
        assert (again[IP].chksum, again[TCP].chksum) == (ip, tcp)


def test_sizes_that_vary(switch, pgs):
    switch.ctl("packet-generator new { name sizes node pg1 source pg0 limit 12 size 98-98 "
               f"data {{ {UDP4} }} }}")
    switch.ctl("packet-generator configure sizes size 98-102")
    assert "size 98-102, " in switch.ctl("show packet-generator")
    capture = switch.capture(pgs[1])
    switch.run_stream("sizes")
    capture.stop()
    frames = capture.records().frames
    assert [len(f) for f in frames] == [98 + i % 5 for i in range(12)]
    for frame in frames:
        packet = Ether(frame)
        assert packet[IP].len == 84  # as it was when the stream was made
        assert packet[UDP].len == len(frame) - 34
    switch.ctl("packet-generator configure sizes size 100+1400 limit 500")
    assert "size 100+1400, " in switch.ctl("show packet-generator")
    capture = switch.capture(pgs[1])
    switch.run_stream("sizes")
    capture.stop()
    lengths = [len(f) for f in capture.records().frames]
    assert len(lengths) == 500 and min(lengths) >= 100 and max(lengths) <= 1400
    assert len(set(lengths)) > 200
    assert switch.fails("packet-generator configure sizes size 97-1400") == \
        "packet-generator configure: min-size < total header size 98"
    switch.ctl("packet-generator delete sizes")


def test_limit_below_0_is_none(switch, pgs):
    """-1 of a stream that is there and of a new one, until it is given a limit."""
    switch.ctl("packet-generator new { name endless node pg1 source pg0 limit -1 rate 1e5 size 98-98 "
               f"data {{ {UDP4} }} }}")
    assert "limit -1, rate 1.00e5 pps" in switch.ctl("show packet-generator")
    switch.ctl("packet-generator enable-stream endless")
    wait_for(lambda: switch.stream("endless")["count"] > 1000, "packets")
    switch.ctl("packet-generator configure endless limit 100")
    wait_for(lambda: not switch.stream("endless")["enabled"], "its end")
    switch.run_stream("endless")
    assert switch.stream("endless")["count"] == 100
    switch.ctl("packet-generator configure endless limit -1")
    assert "limit -1, " in switch.ctl("show packet-generator")
    switch.ctl("packet-generator delete endless")


def test_chains(switch, pgs):
    """Packets longer than a buffer."""
    frames = made(switch, switch.capture(pgs[1]),
                  f"limit 3 size 9000-9000 source pg0 data {{ {UDP4} }}")
    assert [len(f) for f in frames] == [9000] * 3
    assert frames[0][42:98] == bytes(range(56)) and not any(frames[0][98:])
    payload = os.urandom(20000)
    out = switch.capture(pgs[1])
    switch.send(pgs[0], [payload, payload[:100]], extra="node pg1")
    out.stop()
    assert out.records().frames == [payload, payload[:100]]


# --- streams


def test_what_show_says(fresh):
    fresh.pg(0)
    assert fresh.ctl("show packet-generator") == "no streams currently defined\n"
    fresh.ctl("packet-generator new { name x limit 5 rate 1e4 size 64-64 node ethernet-input "
              "interface pg0 data { IP4: 02:00:00:00:00:01 -> 02:fe:00:00:00:00 UDP: 172.16.0.2 -> "
              "172.16.0.1 UDP: 1234 -> 2345 incrementing 18 } }")
    title = "Name               Enabled        Count     Parameters\n"
    row = ("x                    No             {}       limit 5, rate 1.00e4 pps, size 64-64, "
           "buffer-size 2048, worker 0, \n")
    assert fresh.ctl("show packet-generator") == title + row.format(0)
    fresh.run_stream("x")
    assert fresh.ctl("show packet-generator") == title + row.format(5)
    pad = " " * 44
    assert fresh.ctl("show packet-generator verbose") == title + row.format(5) + "".join(
        f"{pad}{line}\n" for line in (
            "hdr-size 14, offset 0, ", "hdr-size 20, offset 14, ",
            "hdr-size 8, offset 34, edit-function udp_pg_edit_function, ",
            "hdr-size 22, offset 42, "))
    # without a source, an interface of its own is made
    assert "pg-1" in fresh.interfaces()
    fresh.ctl("packet-generator delete x")
    assert fresh.ctl("show packet-generator") == "no streams currently defined\n"


@pytest.mark.parametrize("definition, error", [
    ("size 64-60 data { hex 0x00 } node pg0", "max-size < min-size"),
    ("node pg0", "no packet data given"),
    ("data { hex 0x00 }", "output interface or node not given"),
    ("buffer-size 0 node pg0 data { hex 0x00 }", "buffer-size must be positive"),
    ("rate -1 node pg0 data { hex 0x00 }", "negative rate"),
    (f"size 20-20 node ethernet-input data {{ {UDP4} }}", "min-size < total header size 42"),
    (f"size 60-70 node ethernet-input data {{ {UDP4} }}", "min-size < total header size 70"),
    ("pcap /nonexist source pg0", "open `/nonexist': No such file or directory"),
    ("rat 5", "unknown input `rat 5'"),
    ("node nosuch data { hex 0x00 }", "unknown input `node nosuch data { hex 0x00 }'"),
    ("size 64 node pg0 data { hex 0x00 }", "unknown input `size 64 node pg0 data { hex 0x...'"),
    ("node pg0 data { FOO: bar }", "failed to parse packet data from ` FOO: bar'"),
    ("node pg0 data { IP4: 1.2.3 -> 2.3.4 OSPF: 1.1.1.1 -> 2.2.2.2 }",
     "failed to parse packet data from ` IP4: 1.2.3 -> 2.3.4 OSPF: 1.1...'"),
    ("node pg0 data { hex 0x00", "unknown input `data { hex 0x00'"),
])
def test_wrong_definitions(switch, pgs, definition, error):
    assert switch.fails(f"packet-generator new {{ {definition} }}") == f"packet-generator new: {error}"
    assert switch.ctl("show packet-generator") == "no streams currently defined\n"


def test_wrong_names(switch, pgs):
    assert switch.fails("packet-generator enable-stream nosuch") == \
        "packet-generator enable-stream: unknown input `nosuch'"
    assert switch.fails("packet-generator disable-stream nosuch") == \
        "packet-generator disable-stream: unknown input `nosuch'"
    assert switch.fails("packet-generator delete nosuch") == \
        "packet-generator delete: expected stream name `nosuch'"


def test_limits_and_starting_again(switch, pgs):
    rx = switch.counter("pg0", "rx packets")
    switch.ctl("packet-generator new { name again limit 1.2e3 source pg0 node pg1 "
               "data { hex 0x00 } }")
    assert switch.stream("again")["limit"] == 1200
    for _ in range(3):
        switch.run_stream("again")
        assert switch.stream("again")["count"] == 1200
    assert switch.counter("pg0", "rx packets") - rx == 3600
    # one of the same name replaces it
    switch.ctl("packet-generator new { name again limit 1 source pg0 node pg1 data { hex 0x00 } }")
    switch.run_stream("again")
    assert switch.stream("again")["count"] == 1
    # the endless one is stopped by hand
    switch.ctl("packet-generator configure again limit 0")
    switch.ctl("packet-generator enable-stream")
    wait_for(lambda: switch.stream("again")["count"] > 100000, "packets")
    switch.ctl("packet-generator disable-stream")
    count = switch.stream("again")["count"]
    assert not switch.stream("again")["enabled"]
    assert switch.stream("again")["count"] == count
    switch.ctl("packet-generator delete again")


def test_limit_below_what_a_running_stream_has_made(switch, pgs):
    switch.ctl("packet-generator new { name lower source pg0 node pg1 data { hex 0x00 } }")
    switch.ctl("packet-generator enable-stream lower")
    wait_for(lambda: switch.stream("lower")["count"] > 1000, "packets")
    switch.ctl("packet-generator configure lower limit 10")
    wait_for(lambda: not switch.stream("lower")["enabled"], "the stream to end")
    switch.ctl("packet-generator delete lower")


def test_streams_without_a_name_replace_none(fresh):
    for _ in range(3):
        fresh.ctl("packet-generator new { source pg0 node ethernet-input data { hex 0x00 } }")
    fresh.ctl("packet-generator delete stream0")
    for _ in range(2):
        fresh.ctl("packet-generator new { source pg0 node ethernet-input data { hex 0x00 } }")
    assert sorted(s["name"] for s in fresh.json("show packet-generator")["streams"]) == \
        ["stream0", "stream1", "stream2", "stream3"]


def test_rate(switch, pgs):
    """Packets come at their pace, and cost no more CPU than that. A machine that is busy may make it slower, never
    faster."""
    switch.ctl("packet-generator new { name slow rate 500 limit 250 source pg0 node pg1 "
               "data { hex 0x00 } }")
    start, cpu = time.monotonic(), switch.cpu_seconds()
    switch.ctl("packet-generator enable-stream slow")
    shown = switch.stream("slow")
    while shown["enabled"]:
        assert shown["count"] <= 1 + 500 * (time.monotonic() - start)
        time.sleep(0.01)
        shown = switch.stream("slow")
    took = time.monotonic() - start
    assert took >= 0.49
    assert switch.cpu_seconds() - cpu < 0.5 * took
    switch.ctl("packet-generator delete slow")


def test_rate_of_long_packets(switch, pgs):
    """Longer than a buffer, and with a pace: all of them, whole."""
    before = switch.counter("pg1", "tx bytes")
    switch.ctl("packet-generator new { name long rate 2000 limit 50 size 4000-4000 source pg0 node pg1-output "
               "data { hex 0x00 } }")
    switch.run_stream("long", timeout=60)
    wait_for(lambda: switch.counter("pg1", "tx bytes") == before + 50 * 4000, "50 packets of 4,000 bytes")
    switch.ctl("packet-generator delete long")


def test_high_rate(switch, pgs):
    switch.ctl("packet-generator new { name fast rate 200000 limit 100000 source pg0 node pg1 "
               "data { hex 0x00 } }")
    start = time.monotonic()
    switch.run_stream("fast", timeout=60)
    assert time.monotonic() - start >= 0.49
    switch.ctl("packet-generator delete fast")


@pytest.mark.parametrize("write", [write_pcap, lambda path, frames: wrpcapng(path, [Raw(f) for f in frames])],
                         ids=["pcap", "pcapng"])
def test_replay_loops(switch, pgs, write):
    frames = [bytes([i]) * (60 + i) for i in range(3)]
    path = switch.new_file("loop.pcap")
    write(path, frames)
    switch.ctl(f"packet-generator new {{ pcap {path} name loop source pg0 node pg1 }}")
    assert switch.stream("loop")["limit"] == 3
    assert "limit 3, rate 0.00e0 pps, size 60-62, " in switch.ctl("show packet-generator")
    switch.ctl("packet-generator configure loop limit 7")
    capture = switch.capture(pgs[1])
    switch.run_stream("loop")
    capture.stop()
    assert capture.records().frames == [frames[i % 3] for i in range(7)]
    switch.ctl("packet-generator delete loop")


@pytest.mark.parametrize("content, error", [
    (b"", "not a pcap file: shorter than its header"),
    (b"x" * 40, "not a pcap file"),
    (bytes.fromhex("0a0d0d0a") + bytes(40), "not a pcapng file: a section without its byte order"),
    (struct.pack("=IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65536, 1), "no packets in file"),
    (struct.pack("=IHHIIIIIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65536, 1, 0, 0, 60, 60) + bytes(59),
     "pcap file ends within a packet"),
])
def test_files_that_are_none(switch, pgs, content, error):
    path = switch.new_file("bad.pcap")
    with open(path, "wb") as f:
        f.write(content)
    assert switch.fails(f"packet-generator new pcap {path} source pg0 name bad") == \
        f"packet-generator new: `{path}': {error}"


def test_streams_go_with_their_interface(switch, pgs):
    switch.ctl("packet-generator new { name gone source pg7 node pg1 data { hex 0x00 } }")
    assert "pg7" in switch.interfaces()  # made by the way
    switch.ctl("packet-generator enable-stream gone")
    switch.ctl("delete packet-generator interface pg7")
    assert switch.stream("gone") is None
    assert "pg7" not in switch.interfaces()
    # and those that send through it: not through one that is made later
    switch.ctl("create packet-generator interface pg7")
    switch.ctl("packet-generator new { name to source pg0 node pg7 data { hex 0x00 } }")
    switch.ctl("delete packet-generator interface pg7")
    assert switch.stream("to") is None


def test_many_streams_at_once(switch, pgs):
    capture = switch.capture(pgs[1])
    for i in range(20):
        switch.ctl(f"packet-generator new {{ name m{i} limit 300 source pg0 node pg1 "
                   f"data {{ hex 0x{i:02x} }} }}")
    switch.ctl("packet-generator enable-stream")
    wait_for(lambda: not any(s["enabled"] for s in
                             switch.json("show packet-generator")["streams"]), "all to end")
    capture.stop()
    frames = capture.records().frames
    assert len(frames) == 6000
    assert sorted(f[0] for f in frames) == sorted(i for i in range(20) for _ in range(300))
    for i in range(20):
        switch.ctl(f"packet-generator delete m{i}")


# --- captures


def test_captures_are_whole(switch, pgs):
    """However fast packets come, none is missing in the file."""
    frames = made(switch, switch.capture(pgs[1]),
                  f"limit 200000 source pg0 data {{ IP4: {MACS} UDP: 1.0.0.0 - 1.255.255.255 -> "
                  "2.2.2.2 UDP: 1 -> 2 incrementing 4 }")
    assert len(frames) == 200000
    assert all(int.from_bytes(f[26:30], "big") == 0x01000000 + i for i, f in enumerate(frames))


def test_capture_ends_at_its_count(switch, pgs):
    path = switch.new_file("count.pcap")
    switch.ctl(f"packet-generator capture pg1 pcap {path} count 5")
    assert not os.path.exists(path)  # made when there is something to write
    switch.send(pgs[0], [bytes(60)] * 9, extra="node pg1")
    assert len(Records(path).frames) == 5
    assert switch.fails(f"packet-generator capture pg1 pcap {path}") == \
        f"packet-generator capture: pcap file '{path}' already exists."
    other = switch.new_file("other.pcap")
    switch.ctl(f"packet-generator capture pg1 pcap {other}")
    switch.ctl(f"packet-generator capture pg1 pcap {other}")  # not there yet: fine
    switch.ctl("packet-generator capture pg1 disable")
    assert not os.path.exists(other)


def test_wrong_captures(switch, pgs):
    what = "packet-generator capture"
    assert switch.ctl(what) == ""
    assert switch.fails(f"{what} pcap /tmp/x") == f"{what}: Please specify interface name"
    assert switch.fails(f"{what} local0 pcap /tmp/x") == \
        f"{what}: Please specify packet-generator interface"
    assert switch.fails(f"{what} pg0") == f"{what}: Please specify pcap file name"
    # a file that cannot be made: the capture ends, packets go their way
    switch.ctl(f"{what} pg1 pcap /nonexistent/x")
    switch.send(pgs[0], [bytes(60)] * 9, extra="node pg1")


# --- interfaces


def test_interfaces(fresh):
    assert fresh.ctl("create packet-generator interface pg3 hw-addr 02:00:00:00:00:33") == ""
    assert fresh.ctl("create packet-generator interface pg3 mode ip4") == ""  # there already
    assert fresh.ctl("show packet-generator interface pg3") == (
        "Interface: pg3\n  id: 3\n  mode: ethernet\n  hw-addr: 02:00:00:00:00:33\n"
        "  csum_offload_enabled: 0\n  gso_enabled: 0\n  coalesce_enabled: 0\n")
    fresh.ctl("create packet-generator interface pg1 gso-enabled gso-size 1400 csum-offload-enabled")
    assert re.fullmatch(
        r"Interface: pg1\n  id: 1\n  mode: ethernet\n  hw-addr: 02:fe:[0-9a-f:]{11}\n"
        r"  csum_offload_enabled: 0\n  gso_enabled: 1\n    gso_size: 1400\n  coalesce_enabled: 0\n",
        fresh.ctl("show packet-generator interface pg1"))
    fresh.ctl("create packet-generator interface pg4 mode ip6 csum-offload-enabled")
    assert fresh.ctl("show packet-generator interface sw_if_index 3") == (
        "Interface: pg4\n  id: 4\n  mode: ip6\n  csum_offload_enabled: 1\n  gso_enabled: 0\n"
        "  coalesce_enabled: 0\n")
    assert fresh.fails("create packet-generator interface pg2 gso-enabled") == \
        "create packet-generator interface: gso enabled but gso size missing"
    assert fresh.fails("create packet-generator interface eth0") == \
        "create packet-generator interface: unknown input `eth0'"
    assert fresh.link("pg3") == "down"
    fresh.ctl("set interface state pg3 up")
    assert fresh.link("pg3") == "up"
    fresh.ctl("create packet-generator interface pg4294967294 mode ip4")  # shown as signed
    # what is saved makes the same again
    lines = fresh.running_config()
    assert "create packet-generator interface pg3 hw-addr 02:00:00:00:00:33" in lines
    assert "create packet-generator interface pg4 csum-offload-enabled mode ip6" in lines
    for name in ("pg1", "pg3", "pg4", "pg-2"):
        fresh.ctl(f"delete packet-generator interface {name}")
    assert list(fresh.interfaces()) == ["local0"]
    for line in lines:
        fresh.ctl(line)
    assert fresh.running_config() == lines


def test_raw_ip(switch, pgs):
    a, b = switch.pg(20, "10.20.0.1/24", mode="ip4"), switch.pg(21, "10.21.0.1/24", mode="ip4")
    packet = IP(src="10.20.0.2", dst="10.21.0.2", ttl=9) / UDP(sport=1, dport=2) / b"raw"
    capture = switch.capture(b)
    switch.send(a, packet)
    capture.stop()
    records = capture.records()
    assert records.link == LINK_RAW_IP
    out = records.packets()[0]
    assert out[IP].ttl == 8 and out[UDP].payload.load == b"raw"


def test_mac_filter(switch, pgs):
    pg = switch.pg(22)
    frames = [pg.ether(dst=dst) / IP() for dst in
              (pg.mac, "02:00:00:00:00:99", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01")]
    before = switch.errors().get(("pg-input-mac-filter", "frame for another mac address"), 0)
    switch.ctl("packet-generator mac-filter pg22 on")
    switch.send(pg, frames)
    assert switch.errors()[("pg-input-mac-filter", "frame for another mac address")] - before == 1
    assert "packet-generator mac-filter pg22 on" in switch.running_config()
    switch.ctl("packet-generator mac-filter pg22 off")
    switch.send(pg, frames)
    assert switch.errors()[("pg-input-mac-filter", "frame for another mac address")] - before == 1


# --- offloads


def large(pg):
    tcp = TCP(sport=5, dport=6, seq=1000, flags="PA")
    return pg.ether() / IP(src=pg.host, dst="10.31.0.2", ttl=9) / tcp / bytes(range(250))


@pytest.fixture(scope="module")
def offload(switch):
    return (switch.pg(30, "10.30.0.1/24", extra="gso-enabled gso-size 100"),
            switch.pg(31, "10.31.0.1/24"),
            switch.pg(32, "10.32.0.1/24", extra="gso-enabled gso-size 1400"),
            switch.pg(33, "10.33.0.1/24", extra="csum-offload-enabled"))


def test_large_packets_are_refused_by_others(switch, offload):
    gso, plain, *_ = offload
    gso_drop = ("pg31-tx", "gso disabled on itf  -- gso packet drop")
    with switch.counts({gso_drop: 1}):
        assert switch.exchange(gso, large(gso), plain) == []


def sums_are_right(packet):
    again = Ether(bytes(packet))
    for layer in (IP, TCP, UDP):
        if layer in again:
            del again[layer].chksum
    return bytes(Ether(bytes(again))) == bytes(packet)


@pytest.mark.parametrize("payload", [UDP(sport=1234, dport=5678) / bytes(range(60)), TCP() / b"odd"])
def test_checksums_that_were_left_open(switch, offload, payload):
    """What a port that offloads checksums receives has none yet; it leaves through any port with a right one."""
    source = offload[3]
    name = "udp" if UDP in payload else "tcp"
    for dst, out in (("10.31.0.2", offload[1]), ("10.32.0.2", offload[2])):
        frame = source.ether() / IP(src=source.host, dst=dst) / payload
        switch.ctl("clear trace")
        switch.ctl("trace add pg-input 1")
        packet = switch.exchange(source, frame, out)[0]
        line = f"ip4 offload-ip-cksum offload-{name}-cksum l2-hdr-offset 0 l3-hdr-offset 14 l4-hdr-offset 34"
        first = switch.ctl("show trace").split(": ethernet-input")[0]
        assert line in " ".join(first.split())
        assert bytes(packet[IP].payload.payload) == bytes(payload.payload)
        if out is offload[1]:
            assert sums_are_right(packet)
    switch.ctl("clear trace")




def test_large_packets_are_cut_where_asked(switch, offload):
    gso, plain, *_ = offload
    switch.ctl("set interface feature gso pg31 enable")
    assert "set interface feature gso pg31 enable" in switch.running_config()
    frame = large(gso)
    out = switch.exchange(gso, frame, plain, count=3)
    switch.ctl("set interface feature gso pg31 disable")
    assert [len(p[TCP].payload) for p in out] == [100, 100, 50]
    assert b"".join(bytes(p[TCP].payload) for p in out) == bytes(frame[TCP].payload)
    assert [p[TCP].seq for p in out] == [1000, 1100, 1200]
    assert [str(p[TCP].flags) for p in out] == ["A", "A", "PA"]
    for packet in out:
        sums = packet[IP].chksum, packet[TCP].chksum
        del packet[IP].chksum, packet[TCP].chksum
        packet = Ether(bytes(packet))
        assert (packet[IP].chksum, packet[TCP].chksum) == sums


def test_large_packets_stay_whole_between_those_who_take_them(switch, offload):
    gso, _, other, _ = offload
    frame = large(gso)
    frame[IP].dst = "10.32.0.2"
    out = switch.exchange(gso, frame, other, count=1)
    assert bytes(out[0][TCP].payload) == bytes(frame[TCP].payload)


def test_offload_flags_of_a_stream(switch, offload):
    text = "IP4: 02:00:00:00:00:01 -> 02:00:00:00:00:02 TCP: 1.1.1.1 - 1.1.1.9 -> 2.2.2.2 " \
           "TCP: 1 -> 2 incrementing 30"
    gso_drop = ("pg31-tx", "gso disabled on itf  -- gso packet drop")
    switch.ctl(f"packet-generator new {{ name flags limit 4 size 90-90 source pg31 node pg31 "
               f"buffer-flags ip4 gso data {{ {text} }} }}")
    with switch.counts({gso_drop: 4}):
        switch.run_stream("flags")
    switch.ctl(f"packet-generator new {{ name flags limit 9 size 90-90 source pg31 node pg31 "
               f"buffer-offload-flags offload-tcp-cksum data {{ {text} }} }}")
    capture = switch.capture(offload[1])
    switch.run_stream("flags")
    for i, packet in enumerate(capture.packets(9)):
        assert packet[IP].src == f"1.1.1.{i + 1}"
        sum_made = packet[TCP].chksum
        del packet[TCP].chksum
        assert Ether(bytes(packet))[TCP].chksum == sum_made
    switch.ctl("packet-generator delete flags")


# --- traces


def test_trace(switch, pgs):
    switch.ctl("clear trace")
    switch.ctl("trace add pg-input 1")
    made(switch, switch.capture(pgs[1]), f"limit 1 size 98-98 source pg0 data {{ {UDP4} }}", "tr")
    text = switch.ctl("show trace")
    text = re.sub(r"\d\d:\d\d:\d\d:\d{6}", "TIME", text)
    text = re.sub(r"0x[0-9a-f]+: current", "0xBI: current", text)
    index = switch.interfaces()["pg0"]["sw_if_index"]
    headers = """{0}IP4: 02:00:00:00:00:01 -> 02:00:00:00:00:02
{0}UDP: 192.0.2.1 -> 198.51.100.2
{0}  tos 0x00, ttl 64, length 84, checksum 0x8e62 dscp CS0 ecn NON_ECN
{0}  fragment id 0x0000
{0}UDP: 1234 -> 5678
{0}  length 64, checksum 0x0124
"""
    assert f"""TIME: pg-input
  stream tr, 98 bytes, sw_if_index {index}, next_node pg1-output
  current data 0, length 98, buffer-pool 0, ref-count 1, trace handle 0x""" in text
    assert headers.format("  ") in text
    assert re.search(r"TIME: pg1-tx\n    buffer 0xBI: current data 0, length 98, buffer-pool 0, "
                     r"ref-count 1, trace handle 0x[0-9a-f]+\n {20}l2-hdr-offset 0 "
                     r"l3-hdr-offset 0 \n", text)
    assert headers.format("    ") in text
    switch.ctl("clear trace")

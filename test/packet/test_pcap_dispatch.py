"""`pcap dispatch trace`: a record for each node that a packet is given to, as Wireshark's vpp dissector reads it."""
import os
import shutil
import struct
import subprocess

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

FILE = f"piste-dispatch-{os.getpid()}.pcap"
LINK_VPP_DISPATCH = 280
ETHERNET, IP4 = 1, 2


@pytest.fixture(scope="module")
def net(switch):
    return switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.0.1.1/24")


@pytest.fixture
def file():
    yield f"/tmp/{FILE}"
    if os.path.exists(f"/tmp/{FILE}"):
        os.unlink(f"/tmp/{FILE}")


def records(path):
    """(node, what the bytes are, strings, bytes) of each record."""
    with open(path, "rb") as f:
        data = f.read()
    order = ">" if data[:1] == b"\xa1" else "<"  # that of the switch
    assert struct.unpack_from(order + "I", data, 20)[0] == LINK_VPP_DISPATCH
    found, at = [], 24
    while at < len(data):
        n = struct.unpack_from(order + "I", data, at + 8)[0]
        record = data[at + 16:at + 16 + n]
        major, minor, n_strings, are, _ = struct.unpack_from("!BBBBI", record)
        assert (major, minor, n_strings) == (1, 0, 4)
        *strings, rest = record[8:].split(b"\0", n_strings)
        found.append((strings[0].decode(), are, [s.decode() for s in strings[1:]], rest))
        at += 16 + n
    return found


def capture(switch, net, words):
    frame = net[0].ether() / IP(src=net[0].host, dst=net[1].host) / UDP(sport=1, dport=2) / bytes(100)
    assert switch.ctl(f"pcap dispatch trace on {words} file {FILE}") == "pcap dispatch capture on...\n"
    switch.send(net[0], [frame] * 3)
    return frame


def test_each_node(switch, net, file):
    frame = capture(switch, net, "max 100")
    assert f"of 100 pkts...\ncapture to file {file}" in switch.ctl("pcap dispatch trace status")
    assert "already enabled" in switch.fails("pcap dispatch trace on")
    out = switch.ctl("pcap dispatch trace off")
    found = records(file)
    assert out == f"captured {len(found)} pkts...\nsaved to {file}...\n"
    nodes = [node for node, *_ in found]
    for node in ("ethernet-input", "ip4-input", "ip4-lookup", "ip4-rewrite", "pg1-output", "pg1-tx"):
        assert nodes.count(node) == 3, nodes
    node, are, strings, data = found[nodes.index("ethernet-input")]
    assert are == ETHERNET and data == bytes(frame)
    assert strings[0].startswith("current data 0, length 142, ") and "l2-hdr-offset 0" in strings[1]
    node, are, strings, data = found[nodes.index("ip4-lookup")]
    assert are == IP4 and IP(data)[IP].ttl == 64 and len(data) == 128
    node, are, strings, data = found[nodes.index("pg1-tx")]
    assert are == ETHERNET and Ether(data)[Ether].dst == net[1].host_mac and Ether(data)[IP].ttl == 63
    assert "already disabled" in switch.fails("pcap dispatch trace off")
    assert switch.ctl("pcap dispatch trace status") == "pcap dispatch capture disabled\n"


def test_traces_beside_it(switch, net, file):
    capture(switch, net, "buffer-trace pg-input 2")
    switch.ctl("pcap dispatch trace off")
    assert switch.ctl("show trace").count("pg1-tx") == 2
    switch.ctl("clear trace")
    assert "doesn't support per-node tracing" in switch.fails("pcap dispatch trace on buffer-trace ip4-lookup 2")
    assert "disabled" in switch.ctl("pcap dispatch trace status")


def test_limit_and_names(switch, net, file):
    capture(switch, net, "max 4")
    assert "captured 4 pkts" in switch.ctl("pcap dispatch trace off") and len(records(file)) == 4
    assert "illegal characters" in switch.fails("pcap dispatch trace on file a/b")
    os.unlink(file)
    switch.ctl(f"pcap dispatch trace on file {FILE}")
    assert "No packets captured" in switch.fails("pcap dispatch trace off")
    assert not os.path.exists(file)


@pytest.mark.skipif(not shutil.which("tshark"), reason="no tshark here")
def test_wireshark_reads_it(switch, net, file):
    capture(switch, net, "")
    switch.ctl("pcap dispatch trace off")
    said = subprocess.run(["tshark", "-r", file, "-T", "fields", "-e", "vpp.NodeName", "-e", "ip.dst", "-e", "udp.dstport"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout
    rows = [line.split("\t") for line in said.splitlines()]
    assert ["ip4-lookup", net[1].host, "2"] in rows and ["pg1-tx", net[1].host, "2"] in rows

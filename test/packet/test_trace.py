"""What `show trace` tells of packets, hop by hop."""
import re

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP


@pytest.fixture(scope="module")
def net(switch):
    return switch.pg(0, "192.0.2.9/24"), switch.pg(1, "198.51.100.1/24")


def frame(pg, dst="198.51.100.2", **fields):
    return pg.ether() / IP(src="192.0.2.1", dst=dst, **fields) / UDP(sport=1234, dport=5678) / bytes(56)


HEADERS = """UDP: 192.0.2.1 -> {dst}
  tos 0x00, ttl {ttl}, length 84, checksum 0x{sum} dscp CS0 ecn NON_ECN
  fragment id 0x0001
UDP: 1234 -> 5678
  length 64, checksum 0x{udp}
"""


def headers(packet, ttl=64, indent=0):
    data = bytes(packet[IP])
    ip_sum = int.from_bytes(data[10:12], "big") + 0x100 * (64 - ttl)
    text = HEADERS.format(dst=packet[IP].dst, ttl=ttl, sum=f"{ip_sum % 0xffff:04x}",
                          udp=data[26:28].hex())
    return "".join(" " * indent + line + "\n" for line in text.splitlines())


def test_forwarded(switch, net):
    packet = frame(net[0])
    (hops,) = switch.trace(net[0], packet)
    nodes = [node for node, _ in hops]
    assert nodes == ["pg-input", "ethernet-input", "ip4-input", "ip4-lookup", "ip4-rewrite",
                     "pg1-output", "pg1-tx"]
    text = dict(hops)
    index = switch.interfaces()["pg0"]["sw_if_index"]
    link = f"IP4: {net[0].host_mac} -> {net[0].mac}\n"
    assert re.fullmatch(
        rf"stream send\d+, 98 bytes, sw_if_index {index}, next_node ethernet-input\n"
        r"current data 0, length 98, buffer-pool 0, ref-count 1, trace handle 0x[0-9a-f]+\n"
        + re.escape(link + headers(packet)), text["pg-input"])
    assert text["ethernet-input"].rstrip() == \
        f"frame: flags 0x1, hw-if-index {index}, sw-if-index {index}\n{link}".rstrip()
    assert text["ip4-input"].rstrip() == headers(packet).rstrip()
    assert headers(packet).rstrip() in text["ip4-lookup"]
    assert "tx_sw_if_index" in text["ip4-rewrite"] and "pg1" in text["ip4-rewrite"]
    out = f"IP4: {net[1].mac} -> {net[1].host_mac}\n"
    assert re.fullmatch(r"pg1 flags 0x[0-9a-f]{8}\n" + re.escape(out + headers(packet, 63)),
                        text["pg1-output"])
    assert out.strip() in text["pg1-tx"]
    assert headers(packet, 63, 2) in text["pg1-tx"]


def test_dropped(switch, net):
    (hops,) = switch.trace(net[0], frame(net[0], "99.0.0.1"))
    assert [node for node, _ in hops][-3:] == ["ip4-drop", "error-drop", "drop"]
    text = dict(hops)
    assert text["error-drop"] == "rx:pg0" and text["drop"] == "null-node: blackholed packets"


def test_each_packet_is_one(switch, net):
    packets = switch.trace(net[0], [frame(net[0], id=1), frame(net[0], "99.0.0.1"),
                                    net[0].ether(dst="ff:ff:ff:ff:ff:ff") /
                                    ARP(hwsrc=net[0].host_mac, psrc="192.0.2.1", pdst=net[0].address)])
    assert [hops[0][0] for hops in packets] == ["pg-input"] * 3
    assert [hops[-1][0] for hops in packets] == ["pg1-tx", "drop", "pg0-tx"]
    assert [node for node, _ in packets[2]][1:4] == ["ethernet-input", "arp-input", "arp-reply"]
    assert "request, type ethernet/IP4, address size 6/4" in dict(packets[2])["arp-input"]


def test_no_more_than_asked_for(switch, net):
    switch.ctl("clear trace")
    switch.ctl("trace add pg-input 3")
    switch.send(net[0], [frame(net[0])] * 10)
    text = switch.ctl("show trace")
    assert text.count("Packet ") == 3
    assert "Packet 3" in text and "Packet 4" not in text
    limited = switch.ctl("show trace max 2")
    line = "Limiting display to 2 packets. To display more specify max.\n"
    assert limited.startswith(line) and limited.count(line) == 2  # and behind the thread's packets
    assert limited.count("Packet ") == 2
    switch.ctl("clear trace")
    assert "No packets in trace buffer" in switch.ctl("show trace")


def test_punted(switch, net):
    (hops,) = switch.trace(net[0], net[0].ether(dst="02:00:00:00:00:77") / IP() / UDP())
    assert [node for node, _ in hops] == ["pg-input", "ethernet-input", "error-punt", "punt"]
    assert dict(hops)["error-punt"] == "rx:pg0"
    assert dict(hops)["punt"] == "ethernet-input: l3 mac mismatch"


def test_words(switch, net):
    assert switch.fails("trace add nosuch 4") == "trace add: expected NODE COUNT, got `nosuch 4'"
    assert switch.fails("trace add ip4-input 4") == \
        "trace add: node 'ip4-input' doesn't support per-node tracing. There may be another way to " \
        "initiate trace on this node."
    expected = "trace filter: expected 'include NODE COUNT' or 'exclude NODE COUNT' or 'none', got `{}'"
    for text in ("", "foo", "include", "include nosuch 5", "exclude ip4-drop many"):
        assert switch.fails(f"trace filter {text}".strip()) == expected.format(text)


def test_filter(switch, net):
    packets = [frame(net[0], id=1), frame(net[0], "99.0.0.1"), frame(net[0], id=2)]
    switch.ctl("trace filter include ip4-drop 9")
    assert [hops[-1][0] for hops in switch.trace(net[0], packets)] == ["drop"]
    switch.ctl("trace filter exclude ip4-drop 9")
    assert [hops[-1][0] for hops in switch.trace(net[0], packets)] == ["pg1-tx", "pg1-tx"]
    switch.ctl("trace filter none")
    assert len(switch.trace(net[0], packets)) == 3


def test_a_filter_is_not_about_another_node_later(fresh):
    """The node of a deleted interface leaves its index to the next one's."""
    source, gone = fresh.pg(0, "10.0.0.1/24"), fresh.pg(1)
    fresh.ctl(f"trace filter include {gone}-output 9")
    fresh.ctl(f"delete packet-generator interface {gone}")
    out = fresh.pg(2, "10.2.0.1/24")
    fresh.ctl("trace add pg-input 9")
    fresh.send(source, source.ether() / IP(src=source.host, dst=out.host) / UDP())
    assert "Packet 1" not in fresh.ctl("show trace")
    fresh.ctl("trace filter none")
    assert f"{out}-output" in fresh.ctl("show trace")


def test_hops_that_found_no_room_are_counted(fresh):
    """65,536 are kept, or 8,192 with 32 bits of addresses; what is lost is in show errors, as everything is."""
    lost = "hops of traced packets for which the trace was full"
    pgs = [fresh.pg(i, f"10.0.{i}.1/24") for i in range(2)]
    fresh.ctl("trace add pg-input 20000")
    fresh.ctl("packet-generator new name many limit 20000 size 64-64 source pg0 node ethernet-input data "
              f"{{ IP4: {pgs[0].host_mac} -> {pgs[0].mac} UDP: {pgs[0].host} -> {pgs[1].host} UDP: 1 -> 2 incrementing 18 }}")
    fresh.run_stream("many")
    assert 20000 * 7 - fresh.error_count(lost) in (65536, 8192)

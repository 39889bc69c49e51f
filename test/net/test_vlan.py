"""Sub-interfaces: their commands, and frames with tags, to and from a kernel that speaks VLANs.

The kernels of test machines may lack 8021q: there the peer's tags are pushed and popped by two BPF
programs on its device, which the rest of that kernel does not see: its TCP offloads go with them.
"""
import struct
import subprocess

import pytest

import tcx
from lib import wait_for


def trunk(net, vlan=100, **kwargs):
    """vpp -- host-trunk.<vlan> 10.9.0.2 ==veth== peer, a kernel that tags 10.9.0.1/24"""
    switch, far = net.namespace(), net.namespace()
    switch.veth("trunk", "t0", far)
    far.ip("addr add 10.9.0.1/24 dev t0")
    vpp = net.vpp(switch, **kwargs)
    vpp.configure(f"""
        create host-interface name trunk
        set int state host-trunk up
        create sub-interfaces host-trunk {vlan}
        set int state host-trunk.{vlan} up
        set int ip address host-trunk.{vlan} 10.9.0.2/24
    """)
    with far.entered():
        tcx.tag("t0", vlan)
    return vpp, switch, far


def frame_of(tags, wire, payload=b"\x08\x00" + b"E\x00" + bytes(48), dst=None):
    """An ethernet frame to vpp; tags: [(tpid, tci), ...]; payload with its type."""
    mac = bytes.fromhex((dst or wire.vpp_mac).replace(":", ""))
    head = mac + bytes.fromhex(wire.mac.replace(":", ""))
    return head + b"".join(struct.pack("!HH", *t) for t in tags) + payload


def test_commands_as_in_the_transcript(net):
    _, vpp = net.main_job()
    assert vpp.ctl("create sub-interfaces host-vpp1out 100") == "host-vpp1out.100\n"
    assert vpp.ctl("create sub-interfaces host-vpp1out 200 dot1q 200 exact-match") == \
        "host-vpp1out.200\n"
    assert vpp.ctl("create sub-interfaces host-vpp1out 300 dot1ad 300 inner-dot1q 10 exact-match") \
        == "host-vpp1out.300\n"
    assert vpp.fails("create sub-interfaces host-vpp1out 400 untagged") == \
        "create sub-interfaces: vlan is already in use"
    assert vpp.ctl("create sub-interfaces host-vpp1out 500 default") == "host-vpp1out.500\n"
    assert vpp.ctl("create sub-interfaces host-vpp1out 100") == ""
    shown = vpp.interfaces()
    for name in ("100", "200", "300", "500"):
        assert shown["host-vpp1out." + name]["state"] == "down"
        # two tags and a whole packet are more than the device takes
        assert shown["host-vpp1out." + name]["mtu"] == (1492 if name == "300" else 0)
    line = next(x for x in vpp.ctl("show int").splitlines() if x.startswith("host-vpp1out.100"))
    index = shown["host-vpp1out.100"]["sw_if_index"]
    assert line == f"host-vpp1out.100                  {index}     down          0/0/0/0       "
    assert "host-vpp1out.100" not in vpp.ctl("show hardware-interfaces")
    vpp.ctl("delete sub host-vpp1out.300")
    assert "host-vpp1out.300" not in vpp.interfaces()


def test_ping_both_ways(net):
    vpp, _, far = trunk(net)
    assert far.ping("10.9.0.2", 5) == 5
    assert vpp.neighbors()["10.9.0.1"][2] == "host-trunk.100"
    assert vpp.counter("host-trunk.100", "rx packets") >= 5
    assert vpp.counter("host-trunk.100", "tx packets") >= 5
    assert vpp.counter("host-trunk", "rx packets") >= 5
    # longer than one frame: fragments, with tags
    assert far.ping("10.9.0.2", 3, size=4000) == 3


def test_qinq(net):
    switch, far = net.namespace(), net.namespace()
    switch.veth("trunk", "t0", far)
    far.ip("addr add 10.9.0.1/24 dev t0")
    vpp = net.vpp(switch)
    vpp.configure("""
        create host-interface name trunk
        set int state host-trunk up
        create sub-interfaces host-trunk 7 dot1ad 300 inner-dot1q 10 exact-match
        set int state host-trunk.7 up
        set int ip address host-trunk.7 10.9.0.2/24
    """)
    with far.entered():
        tcx.tag("t0", 10, (0x88a8, 300))
    assert far.ping("10.9.0.2", 5) == 5


def test_a_device_has_no_room_for_two_tags(net):
    """Linux sends its MTU and one 802.1Q tag: with two, packets are shorter, and senders hear so."""
    switch, near, far = net.namespace(), net.namespace(), net.namespace()
    switch.veth("trunk", "t0", far)
    switch.veth("side", "n0", near)
    far.ip("addr add 10.9.0.1/24 dev t0")
    far.ip("route add 10.8.0.0/24 via 10.9.0.2 mtu 1400")
    near.ip("addr add 10.8.0.1/24 dev n0")
    near.ip("route add 10.9.0.0/24 via 10.8.0.2")
    vpp = net.vpp(switch)
    vpp.configure("""
        create host-interface name trunk
        create host-interface name side
        set int state host-trunk up
        set int state host-side up
        create sub-interfaces host-trunk 7 dot1q 300 inner-dot1q 10 exact-match
        create sub-interfaces host-trunk 8 dot1ad 8 exact-match
        create sub-interfaces host-trunk 9 dot1q 9 exact-match
        set int state host-trunk.7 up
        set int ip address host-trunk.7 10.9.0.2/24
        set int ip address host-side 10.8.0.2/24
    """)
    with far.entered():
        tcx.tag("t0", 10, (0x8100, 300))
    mtus = [vpp.interfaces()[f"host-trunk.{i}"]["mtu"] for i in (7, 8, 9)]
    assert mtus == [1496, 1496, 0]
    assert near.ping("10.9.0.1", 3, size=1472, extra="-M dont") == 3
    assert near.ping("10.9.0.1", 1, size=1472, extra="-M do") == 0
    assert "mtu 1496" in near.ip("route get 10.9.0.1")
    assert near.ping("10.9.0.1", 3, size=1468, extra="-M do") == 3
    assert vpp.error_count("longer than the device's MTU") == 0
    vpp.ctl("set interface mtu packet 1500 host-trunk.7")  # is kept, and does not make more room
    assert "mtu 1496" in near.ip("route get 10.9.0.1") and near.ping("10.9.0.1", 1, size=1472, extra="-M do") == 0
    # a device of more takes whole packets
    for ns, device in (switch, "trunk"), (far, "t0"):
        ns.ip(f"link set {device} mtu 1504")
    wait_for(lambda: vpp.interfaces()["host-trunk.7"]["mtu"] == 1500, "the device's new MTU")
    near.ip("route flush cache")
    assert near.ping("10.9.0.1", 3, size=1472, extra="-M do") == 3


def test_many_at_once(net):
    """Each VLAN of a trunk is a network of its own, with the same addresses in tables of theirs."""
    vpp, (wire,) = net.by_hand()
    vpp.configure("create sub-interfaces host-vpp0 1-4094")
    assert len(vpp.interfaces()) == 4094 + 2
    vpp.configure("set int state host-vpp0.4094 up")
    vpp.configure("set int ip address host-vpp0.4094 10.77.0.1/24")
    arp = struct.pack("!HHHBBH6s4s6s4s", 0x0806, 1, 0x0800, 6, 4, 1,
                      bytes.fromhex(wire.mac.replace(":", "")), bytes([10, 77, 0, 9]), bytes(6),
                      bytes([10, 77, 0, 1]))
    wire.send(frame_of([(0x8100, 4094)], wire, arp, "ff:ff:ff:ff:ff:ff"))
    answer = bytes(wire.expect(lambda f: f.type == 0x8100 and bytes(f)[16:18] == b"\x08\x06",
                               "an ARP answer with a tag"))
    assert answer[12:16] == struct.pack("!HH", 0x8100, 4094)
    vpp.configure("delete host-interface name vpp0")
    assert len(vpp.interfaces()) == 1


def test_drops_are_counted_with_their_reason(net):
    vpp, (wire,) = net.by_hand()
    vpp.configure("""
        create sub-interfaces host-vpp0 100
        create sub-interfaces host-vpp0 200
        set int state host-vpp0.100 up
    """)
    wire.send(frame_of([(0x8100, 300)], wire))
    vpp.wait_error("unknown vlan", 1)
    wire.send(frame_of([(0x8100, 200)], wire))
    vpp.wait_error("subinterface down", 1)
    wire.send(frame_of([(0x8100, 100)] * 5, wire))
    vpp.wait_error("more vlan tags than handled", 1)
    wire.send(frame_of([(0x8100, 100)], wire, dst="02:11:11:11:11:11"))
    vpp.wait_error("l3 mac mismatch", 1)
    wire.send(frame_of([(0x8100, 100), (0x8100, 2)], wire, b"\x81"))
    vpp.wait_error("frame shorter than its header", 0)
    assert vpp.counter("host-vpp0.200", "drops") == 1


def test_priority_tags_are_for_the_port(net):
    vpp, (wire,) = net.by_hand()
    arp = struct.pack("!HHHBBH6s4s6s4s", 0x0806, 1, 0x0800, 6, 4, 1,
                      bytes.fromhex(wire.mac.replace(":", "")), bytes([10, 10, 1, 1]), bytes(6),
                      bytes([10, 10, 1, 2]))
    wire.send(frame_of([(0x8100, 0xe000)], wire, arp, "ff:ff:ff:ff:ff:ff"))
    # answered without a tag
    wire.expect(lambda f: bytes(f)[12:14] == b"\x08\x06" and bytes(f)[20:22] == b"\0\2", "an ARP answer")
    assert vpp.error_count("unknown vlan") == 0


def test_tcp_with_offloads(net):
    """GSO frames and partial checksums go both ways behind tags: routed between a trunk and a port."""
    vpp, switch, far = trunk(net)
    near = net.namespace()
    switch.veth("plain", "p0", near)
    near.ip("addr add 10.8.0.1/24 dev p0")
    near.ip("route add default via 10.8.0.2")
    far.ip("route add default via 10.9.0.2")
    vpp.configure("""
        create host-interface name plain
        set int state host-plain up
        set int ip address host-plain 10.8.0.2/24
    """)
    for server, address, client in ((near, "10.8.0.1", far), (far, "10.9.0.1", near)):
        net.process(server, "iperf3 -s -1 -p 5301", stdout=subprocess.DEVNULL)
        wait_for(lambda s=server: ":5301" in s.run("ss -ltn").stdout, "iperf3 to listen")
        before = vpp.counter("host-trunk.100", "rx bytes") + vpp.counter("host-trunk.100", "tx bytes")
        packets = vpp.counter("host-trunk.100", "rx packets") + \
            vpp.counter("host-trunk.100", "tx packets")
        client.run(f"iperf3 -c {address} -p 5301 -n 30M", timeout=30)
        got = vpp.counter("host-trunk.100", "rx bytes") + \
            vpp.counter("host-trunk.100", "tx bytes") - before
        packets = vpp.counter("host-trunk.100", "rx packets") + \
            vpp.counter("host-trunk.100", "tx packets") - packets
        assert got > 25_000_000
        assert got / packets > 3000, "frames are cut on their way"


def test_saved_and_replayed(net):
    lines = """
        create sub-interfaces host-vpp1out 100 dot1q 100 exact-match
        create sub-interfaces host-vpp1out 300 dot1ad 300 inner-dot1q any
        set interface mtu packet 1400 host-vpp1out.100
        set interface state host-vpp1out.100 up
        set interface ip address host-vpp1out.100 10.50.0.1/24
    """
    _, vpp = net.main_job()
    vpp.configure(lines)
    config = vpp.running_config()
    for line in lines.strip().splitlines():
        assert line.strip() in config, (line, config)
    with open(vpp.running, "w", encoding="utf-8") as f:
        f.write("\n".join(config) + "\n")
    vpp.stop()
    vpp.write_conf(unix=f"startup-config {vpp.running}")
    vpp.start()
    wait_for(lambda: vpp.running_config() == config, "the same configuration")


@pytest.mark.parametrize("offloads", [True, False])
def test_tags_that_the_kernel_took_out(net, offloads):
    """AF_PACKET gives the tag beside the frame; v2 rings and recvmmsg alike."""
    vpp, switch, far = trunk(net)
    far.offloads("t0", offloads)
    switch.offloads("trunk", offloads)
    assert far.ping("10.9.0.2", 3) == 3
    assert vpp.error_count("unknown vlan") == 0

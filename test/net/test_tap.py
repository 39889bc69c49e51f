"""Taps and tuns: Linux devices of the switch's own making, in namespaces whose kernels ping, send TCP and go away."""
import json
import os
import re
import signal
import socket

import lib
import pytest
from test_tcp import tcp_errors, transfer

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="no /dev/net/tun")

UDP_SEGMENT = 103


def tap_of(vpp, name):
    found, = [t for t in vpp.json(f"show tap {name}")["interfaces"] if t["interface"] == name]
    return found


def devices(namespace):
    return re.findall(r"^\d+: ([^:@]+)", namespace.ip("link"), re.M)


def mac_of(namespace, device):
    return re.search(r"link/ether (\S+)", namespace.ip(f"link show {device}")).group(1)


class Bridged:
    """left (tap0: lx) == bridge domain of the switch == (tap1: rx) right, 10.6.0.1 and .2, fd06::1 and ::2."""

    def __init__(self, net, left_options="gso", right_options="gso", **kwargs):
        self.switch = net.namespace()
        self.left, self.right = net.namespace(ipv6=True), net.namespace(ipv6=True)
        # namespaces of other processes are not for who is in the sandbox
        self.vpp = net.vpp(self.switch, unix="sandbox off", **kwargs)
        for i, (end, options) in enumerate(((self.left, left_options), (self.right, right_options))):
            device = ("lx", "rx")[i]
            assert self.vpp.ctl(f"create tap id {i} host-if-name {device} host-ns {end} host-ip4-addr 10.6.0.{i + 1}/24 "
                                f"host-ip6-addr fd06::{i + 1}/64 {options}").strip() == f"tap{i}"
            self.vpp.configure(f"set interface l2 bridge tap{i} 1\nset interface state tap{i} up")

    def packets(self):
        return sum(self.vpp.counter(f"tap{i}", "rx packets") for i in range(2))


# ---- what passes

@pytest.mark.parametrize("options", ["", "gso", "csum-offload", "gso gro-coalesce", "num-rx-queues 3 gso",
                                     "tun", "tun gso"])
def test_ping(net, options):
    """With the switch itself, both families."""
    far = net.namespace(ipv6=True)
    vpp = net.vpp(net.namespace(), unix="sandbox off")
    name = vpp.ctl(f"create tap host-ns {far} host-if-name h0 host-ip4-addr 10.5.0.1/24 host-ip6-addr fd05::1/64 {options}").strip()
    assert name == ("tun0" if "tun" in options else "tap0")
    vpp.configure(f"""
        set int ip address {name} 10.5.0.2/24
        set int ip address {name} fd05::2/64
        set int state {name} up
    """)
    assert far.ping("10.5.0.2", deadline=20) == 3
    assert far.ping("fd05::2", deadline=20) == 3
    assert far.ping("10.5.0.2", size=1400, deadline=20) == 3
    assert not vpp.error_count("bad virtio header") and not vpp.error_count("refused by the kernel")
    if "tun" in options:
        assert "h0" in vpp.ctl("show tun") and "h0" not in vpp.ctl("show tap")
    else:
        assert far.mac("h0") == tap_of(vpp, name)["host_mac_addr"]


@pytest.mark.parametrize("left", ["gso", "", "csum-offload"])
@pytest.mark.parametrize("right", ["gso", ""])
def test_tcp(net, left, right):
    """Of both families and both ways; what one end does not take is cut and summed up here."""
    way = Bridged(net, left, right)
    used = way.vpp.buffers_used()
    size = 4 << 20
    for sender, receiver, address in ((way.left, way.right, "10.6.0.2"), (way.right, way.left, "10.6.0.1")):
        before = way.packets()
        assert transfer(sender, receiver, address, size)
        if left == right == "gso":
            assert way.packets() - before < size / 1448  # they were large
    assert transfer(way.left, way.right, "10.6.0.2", size)
    assert tcp_errors(way.left) == tcp_errors(way.right) == 0
    lib.wait_for(lambda: way.vpp.buffers_used() <= used, "the buffers to come back", timeout=20)


def test_segments_are_joined(net):
    """What comes as segments from where there is no gso is fewer packets for who takes large ones."""
    way = Bridged(net, "", "gso gro-coalesce")

    def packets(namespace, device, direction):
        return json.loads(namespace.ip(f"-s -j link show {device}"))[0]["stats64"][direction]["packets"]
    sent, got = packets(way.left, "lx", "tx"), packets(way.right, "rx", "rx")
    assert transfer(way.left, way.right, "10.6.0.2", 4 << 20)
    sent, got = packets(way.left, "lx", "tx") - sent, packets(way.right, "rx", "rx") - got
    assert sent > (4 << 20) / 1460
    assert got < sent * 9 // 10, (sent, got)
    assert tcp_errors(way.left) == tcp_errors(way.right) == 0


def transfer6(sender, receiver, address):
    """A megabyte over IPv6."""
    with receiver.entered():
        server = socket.create_server((address, 5006), family=socket.AF_INET6)
    with sender.entered():
        client = socket.socket(socket.AF_INET6)
    with server, client:
        client.settimeout(20)
        client.connect((address, 5006))
        connection, _ = server.accept()
        connection.settimeout(20)
        block = os.urandom(1 << 16)
        with connection:
            for _ in range(16):
                client.sendall(block)
                got = b""
                while len(got) < len(block):
                    more = connection.recv(len(block) - len(got))
                    assert more
                    got += more
                assert got == block


def test_tcp_over_ipv6(net):
    way = Bridged(net)
    before = way.packets()
    transfer6(way.left, way.right, "fd06::2")
    transfer6(way.right, way.left, "fd06::1")
    assert way.packets() - before < (2 << 20) / 1428
    assert tcp_errors(way.left) == tcp_errors(way.right) == 0


@pytest.mark.parametrize("right", ["gso", ""])
def test_large_udp(net, right):
    """A datagram of many segments (UDP_SEGMENT) arrives as these."""
    way = Bridged(net, "gso", right)
    with way.right.entered():
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("10.6.0.2", 9000))
    with way.left.entered():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with receiver, sender:
        receiver.settimeout(20)
        sender.connect(("10.6.0.2", 9000))
        sender.send(b"neighbour")
        assert receiver.recv(2000) == b"neighbour"
        sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1200)
        data = os.urandom(1200 * 20 + 7)
        before = way.vpp.counter("tap0", "rx packets")
        sender.send(data)
        assert b"".join(receiver.recv(2000) for _ in range(21)) == data
        if way.vpp.counter("tap0", "rx packets") - before >= 21:
            pytest.skip("this kernel has no large UDP packets on taps")


def test_many_queues_and_threads(net):
    way = Bridged(net, "gso num-rx-queues 4 num-tx-queues 4", "gso num-rx-queues 2", config="cpu { workers 2 }")
    placed = way.vpp.ctl("show interface rx-placement")
    assert placed.count("tap0 queue") == 4 and placed.count("tap1 queue") == 2, placed
    assert "qlen" in way.left.ip("link show lx") and len(tap_of(way.vpp, "tap0")["tap_fds"]) == 4
    way.vpp.configure("""
        set interface rx-placement tap0 queue 3 worker 1
        set interface rx-mode tap0 queue 1 polling
        set interface rx-mode tap1 interrupt
    """)
    for port in range(5001, 5009):
        assert transfer(way.left, way.right, "10.6.0.2", 1 << 20, port)
    assert "rx-placement tap0 queue 3" in "\n".join(way.vpp.running_config())


def test_a_tap_that_is_down_keeps_no_buffers(net):
    vpp = net.vpp(net.namespace())
    vpp.configure("create tap id 0 gso num-rx-queues 2")
    lib.buffers_wait_only_while_up(vpp, "tap0")


# ---- what is made, saved and shown

def test_everything_that_can_be_said(net):
    far = net.namespace(ipv6=True)
    far.ip("link add br0 type bridge")
    vpp = net.vpp(net.namespace(), unix="sandbox off")
    assert vpp.ctl(f"create tap id 7 if-name outside hw-addr 02:00:00:00:07:01 host-if-name seven host-ns {far} "
                   "host-ip4-addr 10.7.0.1/24 host-ip6-addr fd07::1/64 host-ip4-gw 10.7.0.2 host-ip6-gw fd07::2 "
                   "host-mac-addr 02:00:00:00:07:02 host-mtu-size 1400 rx-ring-size 2048 tx-ring-size 512 "
                   "num-rx-queues 2 gso packed in-order consistent-qp").strip() == "outside"
    link = far.ip("link show seven")
    assert "mtu 1400" in link and "link/ether 02:00:00:00:07:02" in link and "qlen 2048" in link
    assert "10.7.0.1/24" in far.ip("addr show seven") and "fd07::1/64" in far.ip("addr show seven")
    assert "default via 10.7.0.2 dev seven" in far.ip("route")
    assert "default via fd07::2 dev seven" in far.ip("-6 route")
    shown = tap_of(vpp, "outside")
    assert (shown["host_if_name"], shown["host_mtu_size"], shown["gso_enabled"], shown["csum_enabled"], shown["id"],
            shown["rx_queues"]) == ("seven", 1400, True, False, 7, 2)
    line, = [l for l in vpp.running_config() if l.startswith("create tap")]
    assert line == (f"create tap id 7 if-name outside hw-addr 02:00:00:00:07:01 num-rx-queues 2 rx-ring-size 2048 "
                    f"tx-ring-size 512 host-if-name seven host-ns {far} host-mac-addr 02:00:00:00:07:02 "
                    "host-ip4-addr 10.7.0.1/24 host-ip4-gw 10.7.0.2 host-ip6-addr fd07::1/64 host-ip6-gw fd07::2 "
                    "host-mtu-size 1400 gso packed in-order consistent-qp")
    assert vpp.ctl(f"create tap host-ns {far} host-bridge br0").strip() == "tap0"
    assert "master br0" in far.ip("link show tap0")
    text = vpp.ctl("show tap outside")
    for part in ('Interface: outside (ifindex 1)\n  name "seven"\n', '  host-mtu-size "1400"\n',
                 "  host-mac-addr: 02:00:00:00:07:02\n", "  gso-enabled 1\n  csum-enabled 0\n  packet-coalesce 0\n",
                 "  Mac Address: 02:00:00:00:07:01\n", "  Number of RX Virtqueue  2\n"):
        assert part in text, text
    # the line makes the same again
    vpp.ctl("delete tap outside")
    assert "seven" not in far.ip("link")
    assert vpp.ctl(line).strip() == "outside"
    assert [l for l in vpp.running_config() if "seven" in l] == [line]
    vpp.ctl("delete tap sw_if_index 2")
    assert "tap0" not in far.ip("link")


def test_offloads_change(net):
    way = Bridged(net, "", "gso")
    for words, gso, csum in (("gso-enable", True, False), ("csum-offload-enable", False, True),
                             ("csum-offload-disable", False, False), ("gso-enable gro-coalesce", True, False),
                             ("gso-disable", False, False)):
        way.vpp.ctl(f"set tap offload tap0 {words}")
        shown = tap_of(way.vpp, "tap0")
        assert (shown["gso_enabled"], shown["csum_enabled"]) == (gso, csum)
        features = way.left.run("ethtool -k lx").stdout
        assert ("tx-tcp-segmentation: on" in features) == gso
        assert ("tx-checksum-ip-generic: on" in features) == (gso or csum)
        assert transfer(way.left, way.right, "10.6.0.2", 1 << 20)
        line, = [l for l in way.vpp.running_config() if l.startswith("create tap id 0 ")]
        assert (" gso" in line, " csum-offload" in line) == (gso, csum)
    assert way.vpp.fails("set tap offload local0 gso-enable") == "set tap offload: not a tap interface"


def test_it_comes_back_after_a_restart(net):
    ns = net.namespace()
    vpp = net.vpp(ns, start=False)
    vpp.write_conf(unix=f"running-config {vpp.running}")
    vpp.start()
    assert vpp.ctl("create tap host-ip4-addr 10.5.0.1/24 gso").strip() == "tap0"
    assert vpp.ctl("create tap tun host-if-name mine host-ip4-addr 10.8.0.1/24").strip() == "tun1"
    vpp.configure("""
        set int ip address tap0 10.5.0.2/24
        set int state tap0 up
        set int ip address tun1 10.8.0.2/24
        set int state tun1 up
        write
    """)
    name = tap_of(vpp, "tap0")["host_if_name"]
    before, mac = vpp.running_config(), mac_of(ns, name)
    vpp.kill()
    assert name not in ns.ip("link") and "mine" not in ns.ip("link")
    vpp.start()
    assert vpp.json("show running-config errors")["errors"] == []
    assert mac_of(ns, name) == mac
    assert ns.ping("10.5.0.2", deadline=20) == 3 and ns.ping("10.8.0.2", deadline=20) == 3
    assert vpp.running_config() == before


def test_persistent_and_attached(net):
    """A device that stays is taken over by the next one; one that somebody else has made, too."""
    ns = net.namespace()
    vpp = net.vpp(ns)
    vpp.ctl("create tap persist host-if-name stays host-ip4-addr 10.5.0.1/24")
    vpp.stop()
    assert "10.5.0.1/24" in ns.ip("addr show stays")
    vpp.start()
    vpp.configure("""
        create tap persist host-if-name stays
        set int ip address tap0 10.5.0.2/24
        set int state tap0 up
    """)
    assert ns.ping("10.5.0.2", deadline=20) == 3
    vpp.ctl("delete tap tap0")
    assert "stays" not in ns.ip("link")
    for kind in ("", " multi_queue"):
        ns.ip(f"tuntap add theirs mode tap{kind}")
        ns.ip("addr add 10.6.0.1/24 dev theirs")
        assert "the device is there already, or in use" in vpp.fails("create tap host-if-name theirs")
        vpp.configure("""
            create tap attach host-if-name theirs
            set int ip address tap0 10.6.0.2/24
            set int state tap0 up
        """)
        assert ns.ping("10.6.0.2", deadline=20) == 3
        vpp.ctl("delete tap tap0")
        assert "theirs" not in ns.ip("link")
    assert "Invalid interface name: theirs" in vpp.fails("create tap attach host-if-name theirs")
    assert "theirs" not in ns.ip("link")


def test_what_is_refused_changes_nothing(net):
    ns = net.namespace()
    ns.veth("v0", "v1")
    vpp = net.vpp(ns)
    vpp.ctl("create tap id 3 host-if-name three")
    before, links, open_before = vpp.running_config(), devices(ns), vpp.open_fds()
    for words, why in (
            ("id 3", "interface already exists"),
            ("if-name tap3", "tap3"),
            ("rx-ring-size 300", "ring size must be power of 2"),
            ("tx-ring-size 65536", "ring size must be 32768 or lower"),
            ("host-bridge br0 host-ip4-addr 10.0.0.1/24", "Please specify either host ip address or host bridge"),
            ("host-bridge nothing", "nothing"),
            ("host-bridge v0", "cannot put the device into a bridge"),
            ("attach", "host_if_name is not provided"),
            ("host-if-name v0", "v0"),
            ("host-if-name three", "the device is there already, or in use"),
            ("host-if-name a-name-that-is-too-long", "at most 15 characters"),
            ("host-ns nowhere", "no network namespace nowhere"),
            ("host-ip4-gw 10.99.0.1", "cannot set the route"),
            ("host-mtu-size 70000", "MTU"),
            ("host-mac-addr 01:00:00:00:00:01", "MAC address"),
            ("num-rx-queues 65", "at most 64 queues"),
            ("tun host-mac-addr 02:00:00:00:00:01", "a tun device has no MAC address")):
        assert why in vpp.fails("create tap " + words), words
    assert "not a tap interface" in vpp.fails("delete tap local0")
    assert "not a tun interface" in vpp.fails("show tun tap3")
    assert vpp.running_config() == before
    assert devices(ns) == links
    lib.wait_for(lambda: vpp.open_fds() <= open_before, "the sessions of vppctl to end")


@pytest.mark.skipif(not os.path.exists("/usr/bin/setpriv"), reason="no setpriv")
def test_the_missing_capability_is_named(net):
    vpp = net.vpp(net.namespace(), prefix=["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"])
    assert "CAP_NET_ADMIN" in vpp.fails("create tap")


# ---- devices come and go

def test_the_link_is_that_of_the_device(net):
    ns = net.namespace()
    vpp = net.vpp(ns)
    vpp.ctl("create tap host-if-name lx host-ip4-addr 10.5.0.1/24")
    lib.wait_for(lambda: "NO-CARRIER" in ns.ip("link show lx"), "Linux to see no link", timeout=20)
    vpp.configure("set int ip address tap0 10.5.0.2/24\nset int state tap0 up")
    lib.wait_for(lambda: "LOWER_UP" in ns.ip("link show lx"), "Linux to see a link", timeout=20)
    assert vpp.link("tap0") == "up"
    ns.ip("link set lx down")
    lib.wait_for(lambda: vpp.link("tap0") == "down", "the link to be down", timeout=20)
    ns.ip("link set lx name other")
    ns.ip("link set other up")
    lib.wait_for(lambda: vpp.link("tap0") == "up", "the link to be up", timeout=20)
    lib.wait_for(lambda: "host-if-name other" in "\n".join(vpp.running_config()), "the new name", timeout=20)
    assert ns.ping("10.5.0.2", deadline=20) == 3


def test_the_device_moves_to_another_namespace(net):
    ns, far = net.namespace(), net.namespace()
    vpp = net.vpp(ns)
    vpp.configure("""
        create tap host-if-name lx
        set int ip address tap0 10.5.0.2/24
        set int state tap0 up
    """)
    ns.ip(f"link set lx netns {far}")
    far.ip("addr add 10.5.0.1/24 dev lx")
    far.ip("link set lx up")
    assert far.ping("10.5.0.2", deadline=20) == 3
    assert vpp.link("tap0") == "up" and tap_of(vpp, "tap0")["host_if_name"] == "lx"
    vpp.ctl("delete tap tap0")
    assert "lx" not in far.ip("link")


@pytest.mark.parametrize("how", ["device", "namespace"])
def test_the_device_goes(net, how):
    """Somebody deletes it, or the container goes that it is in: the interface stays, without a link, and can be
    deleted and made anew."""
    ns, far = net.namespace(), lib.Namespace()
    vpp = net.vpp(ns, unix="sandbox off")
    make = f"create tap host-if-name lx host-ip4-addr 10.5.0.1/24 host-ns {far}"
    vpp.ctl(make)
    vpp.configure("set int ip address tap0 10.5.0.2/24\nset int state tap0 up")
    assert far.ping("10.5.0.2", deadline=20) == 3
    if how == "device":
        far.ip("link del lx")
    far.close()
    lib.wait_for(lambda: vpp.link("tap0") == "down", "the link to be down", timeout=20)
    assert "no such device at present" in vpp.ctl("show hardware-interfaces tap0")
    assert "no such device at present" in vpp.ctl("show tap")
    assert [l for l in vpp.running_config() if l.startswith("create tap id 0 ")]
    vpp.ctl("delete tap tap0")
    far = net.namespace()
    vpp.ctl(f"create tap host-if-name lx host-ip4-addr 10.5.0.1/24 host-ns {far}")
    vpp.configure("set int ip address tap0 10.5.0.2/24\nset int state tap0 up")
    assert far.ping("10.5.0.2", deadline=20) == 3


def test_come_and_go_under_traffic(net, come_and_go):
    """What is beside goes on."""
    way = Bridged(net)
    stream = net.process(way.left, "ping -n -q -i 0.002 -f 10.6.0.2", stdout=-1, text=True)
    vpp = way.vpp

    def once(i):
        vpp.ctl(f"create tap id 2 host-if-name t2 host-ns {way.left} gso num-rx-queues {1 + i % 3}")
        vpp.configure("set interface l2 bridge tap2 1\nset interface state tap2 up")  # it is flooded to
        if i % 2:
            way.left.ip("link set t2 down")
        vpp.ctl("delete tap tap2")

    come_and_go([vpp], 100, once)
    assert "t2" not in way.left.ip("link")
    stream.send_signal(signal.SIGINT)
    out, _ = stream.communicate(timeout=20)
    assert int(re.search(r"(\d+) received", out).group(1)) > 0, out
    assert transfer(way.left, way.right, "10.6.0.2", 1 << 20)
    lib.wait_for(lambda: vpp.buffers_used() == 0, "the buffers to come back", timeout=20)

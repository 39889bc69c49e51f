"""Tools that find the way and how long packets on it may be (tracepath, traceroute), and senders and receivers of multicast (socat, behind
smcroute), through vpp. Without a tool its tests are skipped."""
import os
import shutil
import subprocess

import lib
import pytest

HOME = {4: "10.1.0.1", 6: "2001:db8:1::1"}
FAR = {4: "10.3.0.1", 6: "2001:db8:3::1"}
WAY = {4: ["10.1.0.2", "10.2.0.1", "10.3.0.1"], 6: ["2001:db8:1::2", "2001:db8:2::1", "2001:db8:3::1"]}
GROUP = {4: "239.1.2.3", 6: "ff0e::1:3"}


def needs(tool):
    return pytest.mark.skipif(not shutil.which(tool), reason=f"{tool} is not installed")


@pytest.fixture
def home(net):
    """home ::1 -- (1500) -- ::2 vpp ::2 -- (1400) -- ::1 router ::2 -- (1320) -- ::1 far; likewise for IPv4."""
    switch = net.namespace()
    home, router, far = (net.namespace(ipv6=True) for _ in range(3))
    for x in (home, router, far):
        for where in ("all", "default"):
            x.sysctl(f"net/ipv6/conf/{where}/accept_dad", 0)
            x.sysctl(f"net/ipv6/conf/{where}/accept_ra", 0)
    router.sysctl("net/ipv6/conf/all/forwarding", 1)
    router.sysctl("net/ipv4/ip_forward", 1)
    switch.veth("left", "h0", home)
    switch.veth("right", "r0", router)
    router.veth("r1", "f0", far)
    for x, device, net_number, host, mtu in ((home, "h0", 1, 1, 1500), (router, "r0", 2, 1, 1400), (router, "r1", 3, 2, 1320), (far, "f0", 3, 1, 1320)):
        x.ip(f"link set {device} mtu {mtu}")
        x.ip(f"addr add 10.{net_number}.0.{host}/24 dev {device}")
        x.ip(f"addr add 2001:db8:{net_number}::{host}/64 dev {device} nodad")
    for x, first in ((home, {4: "10.1.0.2", 6: "2001:db8:1::2"}), (router, {4: "10.2.0.2", 6: "2001:db8:2::2"}), (far, {4: "10.3.0.2", 6: "2001:db8:3::2"})):
        x.ip(f"route add default via {first[4]}")
        x.ip(f"-6 route add default via {first[6]}")
    home.vpp = net.vpp(switch)
    home.vpp.configure("""
        create host-interface name left
        create host-interface name right
        set int ip address host-left 10.1.0.2/24
        set int ip address host-left 2001:db8:1::2/64
        set int ip address host-right 10.2.0.2/24
        set int ip address host-right 2001:db8:2::2/64
        set int state host-left up
        set int state host-right up
        set int mtu packet 1400 host-right
        ip route add 10.3.0.0/24 via 10.2.0.1
        ip route add 2001:db8:3::/64 via 2001:db8:2::1
    """)
    home.router, home.far = router, far
    for v in (4, 6):
        lib.wait_for(lambda v=v: home.ping(FAR[v], count=1, deadline=1) == 1, "the far end", timeout=30)
    return home


def hops(text):
    """{hop: what the tool says of it, the last time}"""
    return {int(line.split()[0].rstrip(":?")): line for line in text.splitlines() if line.split() and line.split()[0].rstrip(":?").isdigit()}


@needs("tracepath")
@pytest.mark.parametrize("v", [4, 6])
def test_tracepath(home, v):
    text = home.run(["tracepath", f"-{v}", "-n", "-m", "8", FAR[v]], timeout=60).stdout
    found = hops(text)
    assert [WAY[v][i - 1] in found[i] for i in (1, 2, 3)] == [True] * 3, text
    assert "pmtu 1400" in text and "pmtu 1320" in text and "Resume: pmtu 1320 hops 3" in text, text


@needs("tracepath")
@pytest.mark.parametrize("v", [4, 6])
def test_tracepath_and_a_path_mtu_of_a_peer(home, v):
    """One that vpp is told of the far end, shorter than all links."""
    home.vpp.ctl(f"set ip pmtu peer {FAR[v]} mtu 1290")
    text = home.run(["tracepath", f"-{v}", "-n", "-m", "8", FAR[v]], timeout=60).stdout
    assert "Resume: pmtu 1290 hops 3" in text and "pmtu 1400" not in text, text


@needs("traceroute")
@pytest.mark.parametrize("v", [4, 6])
@pytest.mark.parametrize("how", [[], ["-I"], ["-T", "-p", "9"]], ids=["udp", "icmp", "tcp"])
def test_traceroute(home, v, how):
    text = home.run(["traceroute", f"-{v}", "-n", "-q", "1", "-w", "5", "-m", "8", *how, FAR[v]], timeout=90).stdout
    found = hops(text)
    assert list(found) == [1, 2, 3] and [WAY[v][i - 1] in found[i] for i in (1, 2, 3)] == [True] * 3, text


@needs("traceroute")
@pytest.mark.parametrize("v", [4, 6])
def test_traceroute_of_path_mtus(home, v):
    """--mtu: where each shorter link begins."""
    text = home.run(["traceroute", f"-{v}", "-n", "-w", "5", "-m", "8", "--mtu", FAR[v], "1500"], timeout=90).stdout
    assert "F=1400" in text and "F=1320" in text and FAR[v] in hops(text)[3], text


def listen(net, x, v, device):
    """socat in the group, on that device; what tells what has come."""
    join = f"ip-add-membership={GROUP[4]}:{device}" if v == 4 else f"ipv6-join-group=[{GROUP[6]}]:{device}"
    process = net.process(x, ["socat", "-u", f"UDP{v}-RECV:5000,{join}", "STDOUT"], stdout=subprocess.PIPE)
    os.set_blocking(process.stdout.fileno(), False)
    address = "/proc/net/igmp" if v == 4 else "/proc/net/igmp6"
    group = "030201EF" if v == 4 else "ff0e0000000000000000000000010003"
    lib.wait_for(lambda: group in x.run(["cat", address]).stdout, "the group to be joined", timeout=20)
    return process.stdout.read


def send(x, v, device):
    target = f"UDP4-DATAGRAM:{GROUP[4]}:5000,ip-multicast-ttl=8" if v == 4 else f"UDP6-DATAGRAM:[{GROUP[6]}]:5000,setsockopt-int=41:18:8,so-bindtodevice={device}"  # 41, 18: IPV6_MULTICAST_HOPS
    if v == 4:
        x.ip(f"route replace 224.0.0.0/4 dev {device}")
    x.run(["socat", "-u", "SYSTEM:echo hello group", target])


@needs("socat")
@pytest.mark.parametrize("v", [4, 6])
def test_multicast_reaches_a_receiver(net, home, v):
    home.vpp.ctl(f"ip mroute add {GROUP[v]} via host-left Accept via host-right Forward")
    receiver = listen(net, home.router, v, "r0")
    send(home, v, "h0")
    lib.wait_for(lambda: receiver() == b"hello group\n", "the datagram", timeout=20)


@needs("socat")
@needs("smcrouted")
def test_multicast_through_smcroute_behind(net, home):
    """The kernel behind vpp routes the group on, as smcroute tells it."""
    home.vpp.ctl(f"ip mroute add {GROUP[4]} via host-left Accept via host-right Forward")
    conf = home.router.run(["mktemp", "/tmp/piste-smcroute.XXXXXX"]).stdout.strip()
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"mgroup from r0 group {GROUP[4]}\nmroute from r0 group {GROUP[4]} to r1\n")
    daemon = net.process(home.router, ["smcrouted", "-n", "-f", conf, "-i", f"piste{id(net)}", "-P", f"{conf}.pid", "-u", f"{conf}.sock"])
    try:
        def is_routed():
            if daemon.poll() is not None:
                pytest.skip(f"smcrouted ended with {daemon.returncode}: this kernel routes no multicast")
            return "030201EF" in home.router.run(["cat", "/proc/net/igmp"]).stdout
        lib.wait_for(is_routed, "smcroute", timeout=20)
        receiver = listen(net, home.far, 4, "f0")
        send(home, 4, "h0")
        lib.wait_for(lambda: receiver() == b"hello group\n", "the datagram", timeout=20)
    finally:
        for end in ("", ".pid", ".sock"):
            home.run(["rm", "-f", conf + end])

"""TCP MSS clamping: SYNs that pass an interface begin with no larger MSS than it says, with a right checksum."""
import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

NODES = ("tcp-mss-clamping-ip4-in", "tcp-mss-clamping-ip4-out", "tcp-mss-clamping-ip6-in", "tcp-mss-clamping-ip6-out")


@pytest.fixture(params=["ip4", "ip6"])
def net(switch, request):
    """(family, pg0, pg1), which route between each other."""
    with switch.subnets(request.param, 2) as pgs:
        yield request.param, *pgs


def clamp(switch, pg, family, direction, mss):
    other = "ip6" if family == "ip4" else "ip4"
    size = f"{family}-mss {mss}" if mss else ""
    switch.ctl(f"set interface tcp-mss-clamp {pg} {family} {direction} {size} {other} disable")


def packet(family, pgs, l4):
    ip = IP if family == "ip4" else IPv6
    return pgs[0].ether() / ip(src=pgs[0].host, dst=pgs[1].host) / l4


def mss_of(p):
    """Of a packet whose checksum is right."""
    was = p[TCP].chksum
    again = p.copy()
    del again[TCP].chksum
    assert was == type(p)(bytes(again))[TCP].chksum
    return dict(o for o in p[TCP].options if o[0] == "MSS").get("MSS")


def through(switch, net, options, flags="S"):
    family, *pgs = net
    (out,) = switch.exchange(pgs[0], packet(family, pgs, TCP(sport=1, dport=2, flags=flags, options=options)), pgs[1])
    return mss_of(out)


@pytest.mark.parametrize("at,direction", [(0, "rx"), (1, "tx"), (0, "enable"), (1, "enable")])
def test_larger_ones_are_lowered(switch, net, at, direction):
    clamp(switch, net[1 + at], net[0], direction, 1200)
    node = f"tcp-mss-clamping-{net[0]}-{'in' if at == 0 else 'out'}"
    with switch.counts({(node, "packets clamped"): 4}):
        assert through(switch, net, [("MSS", 1460)]) == 1200
        assert through(switch, net, [("MSS", 65535)], "SA") == 1200
        # at an odd place, and behind others
        assert through(switch, net, [("NOP", None), ("MSS", 1461), ("NOP", None)]) == 1200
        assert through(switch, net, [("SAckOK", b""), ("Timestamp", (1, 2)), ("MSS", 1201)]) == 1200
        assert through(switch, net, [("MSS", 1200)]) == 1200
        assert through(switch, net, [("MSS", 536)]) == 536
        assert through(switch, net, [("WScale", 7)]) is None
        assert through(switch, net, [("MSS", 1460)], "A") == 1460  # begins nothing
    clamp(switch, net[1 + at], net[0], "disable", 0)
    assert through(switch, net, [("MSS", 1460)]) == 1460


def test_the_other_direction_is_left_alone(switch, net):
    clamp(switch, net[1], net[0], "tx", 1200)
    clamp(switch, net[2], net[0], "rx", 1200)
    assert through(switch, net, [("MSS", 1460)]) == 1460


def test_what_is_odd_passes_as_it_is(switch, net):
    family, *pgs = net
    clamp(switch, pgs[0], family, "rx", 1200)
    tcp = bytearray(bytes(TCP(sport=1, dport=2, flags="S", options=[("MSS", 1460), ("NOP", None), ("NOP", None)])))
    bad = []
    for place, value in ((21, 0), (21, 1), (21, 40), (21, 3), (12, 0xf0), (12, 0x10)):  # lengths of the option, of the header
        t = tcp[:]
        t[place] = value
        bad.append(bytes(t))
    bad += [bytes(tcp[:n]) for n in (13, 19, 22, 23)]
    protocol = {"proto": 6} if family == "ip4" else {"nh": 6}
    ip = (IP if family == "ip4" else IPv6)(src=pgs[0].host, dst=pgs[1].host, **protocol)
    frames = [pgs[0].ether() / ip / Raw(b) for b in bad] + [packet(family, pgs, UDP(sport=1, dport=2))]
    with switch.counts({}):
        out = switch.exchange(pgs[0], frames, pgs[1], count=len(frames))
    assert [bytes(p[1].payload)[:len(b)] for p, b in zip(out, bad)] == bad


def test_commands(fresh):
    pg = fresh.pg(0, "10.0.0.1/24")
    show = f"show interface tcp-mss-clamp {pg}"
    assert fresh.ctl(show) == "pg0: ip4: disabled ip6: disabled\n"
    for words, error in (("ip4 enable ip4-mss 1200", "Please specify the MSS clamping direction for ip4 and ip6"),
                         ("ip4 up ip4-mss 1 ip6 disable", "Please specify the MSS clamping direction"),
                         ("ip4 rx ip6 disable", "Please specify the Max Segment Size for ip4")):
        answer = fresh.vppctl(f"set interface tcp-mss-clamp {pg} {words}")
        assert answer.returncode and error in answer.stdout
    assert fresh.ctl("show interface tcp-mss-clamp") == ""
    fresh.ctl(f"set interface tcp-mss-clamp {pg} ip4 enable ip4-mss 1400 ip6 tx ip6-mss 1380")
    assert fresh.ctl(show) == fresh.ctl("show interface tcp-mss-clamp") == "pg0: ip4: rx tx mss 1400 ip6: tx mss 1380\n"
    line = "set interface tcp-mss-clamp pg0 ip4 enable ip4-mss 1400 ip6 tx ip6-mss 1380"
    assert line in fresh.running_config()
    fresh.ctl("delete packet-generator interface pg0")
    assert not any("mss" in line for line in fresh.running_config())
    fresh.pg(0, "10.0.0.1/24")
    assert fresh.ctl(show) == "pg0: ip4: disabled ip6: disabled\n"

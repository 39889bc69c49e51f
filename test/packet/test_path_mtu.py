"""Path MTUs of what this switch sends: learnt from routers about packets that were sent, used, and forgotten (RFC 8201)."""
import pytest
from packet_lib import wait_for
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6PacketTooBig, IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import Ether

NODE = "ip6-icmp-packet-too-big"
NOT_SENT = (NODE, "too big: about a packet that was not sent")
FAR = "2001:db8:f::9"
SIZE = 1400


@pytest.fixture
def net(fresh):
    """pg0, behind whose host is FAR."""
    pg = fresh.pg(0, "2001:db8::1/64")
    fresh.ctl(f"ip route add 2001:db8:f::/48 via {pg.host} {pg}")
    return fresh, pg, fresh.capture(pg)


def requests(capture):
    """The IPv6 packets of echo requests, in whole or in pieces."""
    return [p[IPv6] for p in capture.records().packets() if ICMPv6EchoRequest in p or IPv6ExtHdrFragment in p]


def sent(net, n):
    """What one large ping sends, n packets."""
    switch, _, capture = net
    before = len(requests(capture)) if capture.count() else 0
    switch.ctl(f"ping {FAR} size {SIZE} repeat 1")
    wait_for(lambda: capture.count() and len(requests(capture)) >= before + n, "requests")
    found = requests(capture)[before:]
    assert len(found) == n
    return found


def too_big(pg, packet, mtu, src="2001:db8::77", **fields):
    quoted = bytes(packet)[:1280 - 48]
    return Ether(src=pg.host_mac, dst=pg.mac) / IPv6(**{"src": src, "dst": packet.src, **fields}) / ICMPv6PacketTooBig(mtu=mtu) / quoted


def known(switch):
    return {p["destination"]: p["mtu"] for p in switch.json("show ip pmtu")["paths"]}


def test_8201_4_what_was_too_big_is_cut(net):
    switch, pg, _ = net
    (request,) = sent(net, 1)
    assert known(switch) == {}
    switch.send(pg, too_big(pg, request, 1400))
    wait_for(lambda: known(switch) == {FAR: 1400}, "the path MTU")
    assert f"{FAR} mtu:1400 for " in switch.ctl("show ip pmtu")
    pieces = sent(net, 2)
    assert max(len(p) for p in pieces) <= 1400 and all(IPv6ExtHdrFragment in p for p in pieces)
    # of a piece it may be said, too
    switch.send(pg, too_big(pg, pieces[0], 1300))
    wait_for(lambda: known(switch) == {FAR: 1300}, "a shorter one")
    pieces = sent(net, 2)
    assert max(len(p) for p in pieces) <= 1300
    # others are as they were
    near = "2001:db8::99"
    switch.ctl(f"set ip neighbor {pg} {near} {pg.host_mac}")
    switch.ctl(f"ping {near} size {SIZE} repeat 1")
    wait_for(lambda: [p for p in requests(net[2]) if p.dst == near], "that")
    assert [IPv6ExtHdrFragment in p for p in requests(net[2]) if p.dst == near] == [False]


def test_8201_4_ten_minutes(net):
    switch, pg, _ = net
    (request,) = sent(net, 1)
    switch.send(pg, too_big(pg, request, 1280))
    wait_for(lambda: known(switch) == {FAR: 1280}, "the path MTU")
    switch.ctl("set clock adjust 500")
    assert known(switch) == {FAR: 1280}
    sent(net, 2)
    switch.ctl("set clock adjust 101")
    wait_for(lambda: known(switch) == {}, "its end")
    sent(net, 1)


def test_what_does_not_count(net):
    switch, pg, _ = net
    (request,) = sent(net, 1)

    def changed(**fields):
        copy = IPv6(bytes(request))
        for name, value in fields.items():
            setattr(copy, name, value)
        return copy

    other = IPv6(bytes(request))
    other[ICMPv6EchoRequest].id ^= 1
    for frame in (too_big(pg, other, 1300),
                  too_big(pg, changed(dst="2001:db8:f::8"), 1300),
                  too_big(pg, changed(plen=1200), 1300),  # it is no longer than that
                  too_big(pg, request, 1500),
                  too_big(pg, changed(src="2001:db8::5"), 1300, dst="2001:db8::1")):
        with switch.counts({NOT_SENT: 1}):
            switch.send(pg, frame)
    for mtu in (0, 68, 1279):
        with switch.counts({(NODE, "too big: an MTU below 1280"): 1}):
            switch.send(pg, too_big(pg, request, mtu))
    short = Ether(src=pg.host_mac, dst=pg.mac) / IPv6(src="2001:db8::77", dst=request.src) / \
        ICMPv6PacketTooBig(mtu=1300) / bytes(request)[:47]
    with switch.counts({(NODE, "too big: too short"): 1}):
        switch.send(pg, short)
    assert known(switch) == {}
    # nor does it grow
    switch.send(pg, too_big(pg, request, 1300))
    wait_for(lambda: known(switch) == {FAR: 1300}, "the path MTU")
    for mtu in (1300, 1400):
        with switch.counts({(NODE, "too big: no shorter than was known"): 1}):
            switch.send(pg, too_big(pg, request, mtu))
    assert known(switch) == {FAR: 1300}

"""set_punt and `set punt': what would be refused is handed on to ip4-punt or ip6-punt, and nobody is told of an
error."""
import socket
import struct

import pytest
from piste import Api
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6

L4, PROTOCOL, EXCEPTION = 0, 1, 2
REST = 65535
FROM = "192.0.2.10"
REASONS = ["ip4-ttl-expired", "ip4-fragmentation-needed", "ip4-unreachable", "ip4-parameter-problem",
           "ip6-hop-limit-expired", "ip6-packet-too-big", "ip6-unreachable", "ip6-parameter-problem"]


@pytest.fixture(scope="module")
def api(switch, build):
    client = Api(switch.folder + "/api.sock", folder=f"{build}/api:{build}/plugins")
    yield client
    client.close()


@pytest.fixture(scope="module")
def net(switch):
    return switch.pg(0, "192.0.2.9/24"), switch.pg(1, "198.51.100.1/24")


def l4(port, protocol=socket.IPPROTO_UDP, af=0):
    return {"type": L4, "punt": struct.pack(">BBH", af, protocol, port)}


def exception(number):
    return {"type": EXCEPTION, "punt": struct.pack(">I", number)}


class Sent:
    """What becomes of one packet to the switch."""

    def __init__(self, switch, net):
        self.switch, self.net = switch, net

    def __call__(self, packet):
        def punted():
            return self.switch.interfaces()[self.net[0].name]["counters"].get("punt", 0)
        before = punted()
        out = self.switch.exchange(self.net[0], [self.net[0].ether() / packet], self.net[0])
        answers = [p[layer].type for p in out for layer in (ICMP, ICMPv6DestUnreach, ICMPv6TimeExceeded, ICMPv6PacketTooBig, ICMPv6ParamProblem) if layer in p]
        return "punted" if punted() == before + 1 and not answers else answers


def lines(switch):
    return [line for line in switch.running_config() if line.startswith("set punt")]


def to_us(payload, **ip):
    return IP(src=FROM, dst="192.0.2.9", **ip) / payload


def test_datagrams_and_segments(switch, net, api):
    sent = Sent(switch, net)
    udp, other, tcp = (to_us(x) for x in (UDP(sport=1, dport=4000), UDP(sport=1, dport=4001), TCP(sport=1, dport=80)))

    def change(is_add, punt):
        return api.set_punt(is_add=is_add, punt=punt).retval
    assert sent(udp) == sent(other) == sent(tcp) == [3]
    assert change(True, l4(4000)) == 0 and change(True, l4(4000)) == 0
    assert sent(udp) == "punted" and sent(other) == sent(tcp) == [3]
    assert switch.error_count("no listener punt") == 1
    assert change(True, l4(REST)) == 0 and sent(other) == "punted" and sent(tcp) == [3]
    assert change(True, l4(REST, socket.IPPROTO_TCP)) == 0 and sent(tcp) == "punted"
    assert lines(switch) == ["set punt ipv4 udp 4000", "set punt ipv4 udp all", "set punt ipv4 tcp all"]
    assert switch.json("show udp punt") == {"rest": True, "ports": [4000]} and switch.json("show tcp punt") == {"rest": True, "rest_ip6": False}
    assert switch.ctl("show udp ports") == switch.ctl("show udp ports ip4 4000") == "port  proto node\n4000  ip4   ip4-punt\n"
    assert switch.json("show udp ports ip6") == switch.json("show udp ports ip4 4001") == {"ports": []}
    # what cannot be changes nothing
    for wrong in l4(80, socket.IPPROTO_TCP), l4(80, 132), l4(80, af=2), {"type": PROTOCOL, "punt": bytes(4)}, {"type": 9, "punt": bytes(4)}:
        assert change(True, wrong) == -1, wrong
    assert "TCP is punted whole" in switch.fails("set punt ipv4 tcp 80")
    assert len(lines(switch)) == 3
    # the echo server is somebody
    assert [p[ICMP].type for p in switch.exchange(net[0], [net[0].ether() / to_us(ICMP())], net[0])] == [0]
    for punt in l4(4000), l4(REST), l4(REST, socket.IPPROTO_TCP), l4(4000):
        assert change(False, punt) == 0
    assert lines(switch) == [] and sent(udp) == sent(other) == sent(tcp) == [3]


def test_ip6(switch, net, api):
    """By itself: what is said of one protocol says nothing of the other."""
    switch.ctl(f"set interface ip address {net[0]} 2001:db8:9::1/64")
    switch.ctl(f"set ip neighbor {net[0]} 2001:db8:9::2 {net[0].host_mac}")
    sent = Sent(switch, net)
    udp, other, tcp = (IPv6(src="2001:db8:9::2", dst="2001:db8:9::1") / x
                       for x in (UDP(sport=1, dport=4000), UDP(sport=1, dport=4001), TCP(sport=1, dport=80)))
    ip4 = to_us(UDP(sport=1, dport=4000))

    def change(is_add, port, protocol=socket.IPPROTO_UDP):
        return api.set_punt(is_add=is_add, punt=l4(port, protocol, af=1)).retval
    assert sent(udp) == sent(other) == sent(tcp) == [1]
    with switch.counts({("ip6-udp-lookup", "no listener punt"): 1}):
        assert change(True, 4000) == 0
        switch.send(net[0], net[0].ether() / udp)
    assert sent(udp) == "punted" and sent(other) == sent(tcp) == [1] and sent(ip4) == [3]
    assert change(True, REST) == 0 and sent(other) == "punted" and sent(tcp) == [1]
    assert change(True, REST, socket.IPPROTO_TCP) == 0 and sent(tcp) == "punted" and sent(ip4) == [3]
    assert change(True, 80, socket.IPPROTO_TCP) == -1
    said = ["set punt ipv6 udp 4000", "set punt ipv6 udp all", "set punt ipv6 tcp all"]
    assert lines(switch) == said
    assert switch.json("show udp punt ipv6") == {"rest": True, "ports": [4000]}
    assert switch.json("show udp punt") == {"rest": False, "ports": []}
    assert switch.json("show udp ports bind") == {"ports": [{"port": 4000, "protocol": "ip6", "node": "ip6-punt"}]}
    assert switch.ctl("show tcp punt") == "IPV4 TCP punt: disabled\nIPV6 TCP punt: enabled\n"
    for line in said:
        words = line.split()
        switch.ctl(" ".join(words[:4] + ["del"] + words[4:]))
    assert lines(switch) == [] and sent(udp) == sent(other) == sent(tcp) == [1]
    switch.configure("\n".join(said))
    assert lines(switch) == said and change(False, 4000) == change(False, REST) == change(False, REST, 6) == 0
    assert lines(switch) == []
    switch.ctl(f"set interface ip address del {net[0]} 2001:db8:9::1/64")


def test_exceptions(switch, net, api):
    sent = Sent(switch, net)
    switch.ctl("set interface mtu packet 500 pg1")
    away = {"src": FROM, "dst": "198.51.100.2"}
    for pg, prefix in zip(net, ("2001:db8:9::1/64", "2001:db8:a::1/64")):
        switch.ctl(f"set interface ip address {pg} {prefix}")
    switch.ctl(f"set ip neighbor {net[0]} 2001:db8:9::2 {net[0].host_mac}")
    switch.ctl(f"set ip neighbor {net[1]} 2001:db8:a::2 {net[1].host_mac}")
    away6 = {"src": "2001:db8:9::2", "dst": "2001:db8:a::2"}
    of_reason6 = {"ip6-hop-limit-expired": IPv6(**away6, hlim=1) / UDP(), "ip6-packet-too-big": IPv6(**away6) / UDP() / bytes(1400),
                  "ip6-unreachable": IPv6(src=away6["src"], dst="2001:db8:9::1") / UDP(dport=4000),
                  "ip6-parameter-problem": IPv6(src=away6["src"], dst="2001:db8:9::1", nh=200) / bytes(20)}
    switch.ctl("set interface mtu ip6 1280 pg1")
    of_reason = {"ip4-ttl-expired": IP(**away, ttl=1) / UDP(), "ip4-fragmentation-needed": IP(**away, flags="DF") / UDP() / bytes(600),
                 "ip4-unreachable": to_us(UDP(dport=4000)), "ip4-parameter-problem": IP(**away, options=[b"\x07\x00"]) / UDP(),
                 **of_reason6}
    reasons = {d.reason.name: d.reason.id for d in api.punt_reason_dump()}
    assert list(reasons) == REASONS == [r["name"] for r in switch.json("show punt reasons")["reasons"]]
    assert [d.reason.id for d in api.punt_reason_dump(reason={"name": "ip4-unreachable"})] == [reasons["ip4-unreachable"]]
    assert api.punt_reason_dump(reason={"name": "nothing"}) == []
    for name, number in reasons.items():
        assert api.set_punt(is_add=True, punt=exception(number)).retval == 0
        assert lines(switch) == [f"set punt exception {name}"]
        assert {r: sent(packet) == "punted" for r, packet in of_reason.items()} == {r: r == name for r in REASONS}
        assert api.set_punt(is_add=False, punt=exception(number)).retval == 0
    assert lines(switch) == []
    counted = {r["name"]: (r["id"], r["packets"], r["bytes"]) for r in switch.json("show punt stats")["reasons"]}
    assert counted == {name: (reasons[name], 1, len(packet)) for name, packet in of_reason.items()}
    assert f"[1] ip4-ttl-expired: [packets:1, bytes:{len(of_reason['ip4-ttl-expired'])}]\n" in switch.ctl("show punt stats")
    assert api.set_punt(is_add=True, punt=exception(0)).retval == api.set_punt(is_add=True, punt=exception(len(REASONS) + 1)).retval == -1
    assert "no punt reason nothing" in switch.fails("set punt exception nothing")
    switch.ctl("set punt exception ip4-ttl-expired")
    assert sent(of_reason["ip4-ttl-expired"]) == "punted"
    assert switch.json("show punt client")["clients"] == [{"client": "punt", "reasons": ["ip4-ttl-expired"]}]
    assert {r["name"]: r["node"] for r in switch.json("show punt db")["reasons"] if r["node"]} == {"ip4-ttl-expired": "ip4-punt"}
    switch.ctl("set punt exception ip4-ttl-expired del")
    assert sent(of_reason["ip4-ttl-expired"]) == [11]
    switch.ctl("set interface mtu packet 9000 pg1")
    switch.ctl("set interface mtu ip6 0 pg1")
    for pg, prefix in zip(net, ("2001:db8:9::1/64", "2001:db8:a::1/64")):
        switch.ctl(f"set interface ip address del {pg} {prefix}")

"""Access lists: which packets pass, in layer 3 and 2, in and out; what is shown, counted, traced and saved."""
import pytest
from packet_lib import write_pcap
from piste.stats import Stats  # noqa: E402
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

WEB = ("permit src 10.1.0.2/32 dst 0.0.0.0/0 proto 1, deny src 10.1.0.3/32, "
       "permit src 0.0.0.0/0 proto 6 dport 5201 tag web")


@pytest.fixture(scope="module")
def routed(switch):
    pgs = [switch.pg(0, "10.1.0.1/24"), switch.pg(1, "10.2.0.1/24")]
    for k, pg in enumerate(pgs):
        switch.ctl(f"set interface ip address {pg} 2001:db8:{k + 1}::1/64")
        switch.ctl(f"set ip neighbor {pg} 2001:db8:{k + 1}::2 {pg.host_mac}")
    return pgs


@pytest.fixture(scope="module")
def bridged(switch):
    return switch.bridged(7, 2, 3)


@pytest.fixture(scope="module")
def crossed(switch):
    pgs = [switch.pg(4), switch.pg(5)]
    switch.ctl(f"set interface l2 xconnect {pgs[0]} {pgs[1]}")
    switch.ctl(f"set interface l2 xconnect {pgs[1]} {pgs[0]}")
    return pgs


def acl_lines(switch):
    return [line for line in switch.running_config() if "acl-plugin" in line]


@pytest.fixture(autouse=True)
def nothing_left(switch):
    yield
    for line in reversed(acl_lines(switch)):
        words = line.split()
        if words[2] == "interface":
            switch.ctl(line + " del")
        elif words[2] == "etype-whitelist":
            switch.ctl(" ".join(words[:4]))
        elif words[2] == "acl":
            switch.ctl(f"delete acl-plugin acl index {words[4]}")
    switch.ctl("set acl-plugin stats-counters off")
    assert acl_lines(switch) == []


def acl(switch, rules, index=None):
    words = switch.ctl(f"set acl-plugin acl {'' if index is None else f'index {index} '}{rules}")
    assert words.startswith("ACL index:")
    return int(words.split(":")[1])


def apply(switch, pg, index, direction="input"):
    switch.ctl(f"set acl-plugin interface {pg} {direction} acl {index}")


def ip4(pgs, src="10.1.0.2", dst="10.2.0.2", **kwargs):
    return pgs[0].ether() / IP(src=src, dst=dst, **kwargs)


def ip6(pgs, src="2001:db8:1::2", dst="2001:db8:2::2", **kwargs):
    return pgs[0].ether() / IPv6(src=src, dst=dst, **kwargs)


def verdicts(switch, pgs, frames):
    """Of each frame, sent on its own, whether it came through."""
    return [len(switch.exchange(pgs[0], frame, pgs[1])) for frame in frames]


# --- what is shown

def test_lists_are_shown_as_vpp_shows_them(switch, routed):
    assert switch.ctl(f"set acl-plugin acl {WEB}") == "ACL index:0\n"
    assert switch.ctl("set acl-plugin acl permit src 2001:db8::/32 dst ::/0 proto 17 sport 1000-2000 dport 53") == \
        "ACL index:1\n"
    assert switch.ctl("set acl-plugin acl permit dport 80") == "ACL index:2\n"
    lines = ["acl-index 0 count 3 tag {web}",
             "          0: ipv4 permit src 10.1.0.2/32 dst 0.0.0.0/0 proto 1 sport 0-65535 dport 0-65535",
             "          1: ipv4 deny src 10.1.0.3/32 dst 0.0.0.0/0 proto 0 sport 0-65535 dport 0-65535",
             "          2: ipv4 permit src 0.0.0.0/0 dst 0.0.0.0/0 proto 6 sport 0-65535 dport 5201"]
    assert switch.ctl("show acl-plugin acl").splitlines() == lines + [
        "acl-index 1 count 1 tag {cli}",
        "          0: ipv6 permit src 2001:db8::/32 dst ::/0 proto 17 sport 1000-2000 dport 53",
        "acl-index 2 count 1 tag {cli}",
        "          0: ipv4 permit src 0.0.0.0/0 dst 0.0.0.0/0 proto 0 sport 0-65535 dport 80"]
    assert switch.ctl("show acl-plugin acl index 0").splitlines() == lines
    number = int(switch.json("show interface pg0")["interfaces"][0]["sw_if_index"])
    apply(switch, routed[0], 0)
    apply(switch, routed[1], 1, "output")
    assert switch.ctl(f"show acl-plugin interface sw_if_index {number}").splitlines() == [
        f"sw_if_index {number}:", "  input acl(s): 0"]
    assert switch.ctl(f"show acl-plugin interface sw_if_index {number} acl").splitlines() == [
        f"sw_if_index {number}:", "  input acl(s): 0", ""] + lines
    assert "  output acl(s): 1" in switch.ctl("show acl-plugin interface").splitlines()
    assert switch.ctl("show acl-plugin acl index 0").splitlines() == lines + [
        f"  applied inbound on sw_if_index: {number}", "  used in lookup context index: 0"]
    assert switch.ctl("show acl-plugin lookup context").splitlines() == [
        f"index 0:interface ACL sw_if_index: {number} is_input: 1, acl_indices: 0",
        f"index 1:interface ACL sw_if_index: {number + 1} is_input: 0, acl_indices: 1"]
    assert switch.ctl("show acl-plugin lookup user") == \
        "index 0:interface ACL:sw_if_index:is_input\nindex 1:ABF plugin:sw_if_index:(nil)\n"
    assert switch.ctl("show acl-plugin tables").splitlines()[:2] == [
        "Stats counters enabled for interface ACLs: 0", "Use hash-based lookup for ACLs: 1"]
    assert switch.ctl("show acl-plugin memory").splitlines()[0] == "ACL memory is now part of the main heap"
    assert [a["count"] for a in switch.json("show acl-plugin acl")["acls"]] == [3, 1, 1]
    assert "failed" in switch.vppctl("delete acl-plugin acl index 0").stdout
    assert "failed" in switch.vppctl("delete acl-plugin acl index 7").stdout
    switch.ctl(f"set acl-plugin interface {routed[0]} input acl 0 del")
    assert switch.ctl("delete acl-plugin acl index 0") == "Deleted ACL index:0\n"
    assert acl(switch, "deny") == 0


def test_commands_that_fail_change_nothing(switch, routed):
    acl(switch, "permit")
    before = switch.running_config()
    for words in ("acl permit src 10.0.0.0/33", "acl", "acl permit src 10.0.0.0/8 dst ::/0", "acl permit proto 300",
                  "acl permit sport 9-8", "acl permit tag {x", "acl permit nonsense", "acl index x permit",
                  "acl index 65536 permit", "acl index 1", f"interface {routed[0]} input acl 9",
                  f"interface {routed[0]} input acl 0 del", "interface nobody input acl 0",
                  f"etype-whitelist {routed[0]} input 10000", f"etype-whitelist {routed[0]} input x"):
        assert switch.vppctl(f"set acl-plugin {words}").returncode, words
    assert switch.running_config() == before
    apply(switch, routed[0], 0)
    assert switch.vppctl(f"set acl-plugin interface {routed[0]} input acl 0").returncode


def test_decode(switch):
    assert switch.ctl("show acl-plugin decode 5tuple 0000000000000000 0000000000000000 0000000000000000 "
                      "0200020a0200010a 0001030100000008 0200ffff00000000") == (
        " lc_index 0 l3 ip4 10.1.0.2 -> 10.2.0.2 l4 lsb_of_sw_if_index 1 proto 1 l4_is_input 1 l4_slow_path 1 "
        "l4_flags 0x03 port 8 -> 0 tcp flags (invalid) 00 rsvd 0\n")
    assert switch.vppctl("show acl-plugin decode 5tuple 1 2 3 4 5 x").returncode


# --- layer 3

def test_first_match_of_a_list(switch, routed):
    apply(switch, routed[0], acl(switch, WEB))
    frames = [ip4(routed) / ICMP(), ip4(routed, src="10.1.0.3") / ICMP(), ip4(routed) / TCP(dport=5201),
              ip4(routed) / TCP(dport=5202), ip4(routed) / UDP(dport=5201), ip6(routed) / UDP()]
    with switch.counts({("acl-plugin-in-ip4-fa", "checked packets"): 5, ("acl-plugin-in-ip6-fa", "checked packets"): 1,
                        ("acl-plugin-in-ip4-fa", "ACL permit packets"): 2,
                        ("acl-plugin-in-ip4-fa", "ACL deny packets"): 3,
                        ("acl-plugin-in-ip6-fa", "ACL deny packets"): 1}):
        assert verdicts(switch, routed, frames) == [1, 0, 1, 0, 0, 0]


@pytest.mark.parametrize("ports", [[5, 5, 7, 7, 5, 7, 9, 9, 5], [5] * 40 + [7] * 3 + [5] * 50 + [9], [7] * 40 + [5] * 30 + [7]])
def test_flows_side_by_side(switch, routed, ports):
    """Packets of one flow behind each other have one verdict, those between them their own."""
    passing = [port for port in ports if port != 7]
    apply(switch, routed[0], acl(switch, "deny proto 17 dport 7, permit, deny src ::/0 proto 17 dport 7, permit src ::/0"))
    for packet, ip in ((ip4, "ip4"), (ip6, "ip6")):
        frames = [packet(routed) / UDP(dport=port) for port in ports]
        with switch.counts({(f"acl-plugin-in-{ip}-fa", "checked packets"): len(ports),
                            (f"acl-plugin-in-{ip}-fa", "ACL permit packets"): len(passing),
                            (f"acl-plugin-in-{ip}-fa", "ACL deny packets"): len(ports) - len(passing)}):
            got = switch.exchange(routed[0], frames, routed[1], count=len(passing))
        assert [p[UDP].dport for p in got] == passing


def test_output(switch, routed):
    apply(switch, routed[1], acl(switch, "permit proto 17 dport 53, permit dst 2001:db8:2::/64 proto 6 tcpflags 2 mask 18"),
          "output")
    assert verdicts(switch, routed, [ip4(routed) / UDP(dport=53), ip4(routed) / UDP(dport=54),
                                     ip6(routed) / TCP(flags="S"), ip6(routed) / TCP(flags="SA")]) == [1, 0, 1, 0]
    assert len(switch.exchange(routed[1], routed[1].ether() / IP(src="10.2.0.2", dst="10.1.0.2") / UDP(),
                               routed[0])) == 1


def test_lists_one_after_the_other(switch, routed):
    apply(switch, routed[0], acl(switch, "deny proto 17 dport 1-9"))
    apply(switch, routed[0], acl(switch, "permit proto 17 dport 5-20"))
    ports = [1, 5, 9, 10, 20, 21]
    assert verdicts(switch, routed, [ip4(routed) / UDP(dport=p) for p in ports]) == [0, 0, 0, 1, 1, 0]
    switch.ctl(f"set acl-plugin interface {routed[0]} input acl 0 del")
    assert verdicts(switch, routed, [ip4(routed) / UDP(dport=p) for p in ports]) == [0, 1, 1, 1, 1, 0]
    switch.ctl(f"set acl-plugin interface {routed[0]} input acl 1 del")
    assert verdicts(switch, routed, [ip4(routed) / UDP(dport=p) for p in ports]) == [1] * 6


def test_icmp(switch, routed):
    apply(switch, routed[0], acl(switch, "permit proto 1 sport 8 dport 0, permit src ::/0 proto 58 sport 128-129"))
    assert verdicts(switch, routed, [ip4(routed) / ICMP(), ip4(routed) / ICMP(type=3, code=1),
                                     ip6(routed) / ICMPv6EchoRequest()]) == [1, 0, 1]


def test_fragments(switch, routed):
    """Those behind the first match by address and protocol."""
    apply(switch, routed[0], acl(switch, "deny proto 17 dport 53, permit proto 17 dport 4000, deny"))
    def pieces(port):
        return [routed[0].ether() / p for p in fragment(
            IP(src="10.1.0.2", dst="10.2.0.2", id=port) / UDP(dport=port) / Raw(bytes(64)), 32)]
    assert verdicts(switch, routed, pieces(4000)) == [1, 0, 0]
    acl(switch, "permit proto 17 dport 4000, deny", index=0)
    assert verdicts(switch, routed, pieces(4000)) == [1, 1, 1]
    assert verdicts(switch, routed, pieces(4001)) == [0, 1, 1]
    switch.ctl("set acl-plugin l4-match-nonfirst-fragment 0")
    assert verdicts(switch, routed, pieces(4000)) == [1, 0, 0]
    switch.ctl("set acl-plugin l4-match-nonfirst-fragment 1")
    acl(switch, "deny proto 6, permit", index=0)
    assert verdicts(switch, routed, pieces(4000)) == [1, 1, 1]


def test_fragments6(switch, routed):
    apply(switch, routed[0], acl(switch, "permit src ::/0 proto 17 dport 4000"))
    data = bytes(UDP(sport=1, dport=4000, len=40) / Raw(bytes(32)))
    first = ip6(routed) / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(nh=17, m=1) / Raw(data[:24])
    last = ip6(routed) / IPv6ExtHdrFragment(nh=17, offset=3) / Raw(data[24:])
    tcp = ip6(routed) / IPv6ExtHdrFragment(nh=6, offset=3) / Raw(data[24:])
    assert verdicts(switch, routed, [first, last, tcp]) == [1, 1, 0]


def test_headers_that_end_early(switch, routed):
    """A list that permits all but some ports lets nobody past who does not show ports."""
    apply(switch, routed[0], acl(switch, "deny proto 6 dport 22, permit"))
    whole = bytes(ip4(routed) / TCP(dport=80))
    short = ip4(routed, flags="MF", proto=6) / Raw(whole[34:42])
    with switch.counts({("acl-plugin-in-ip4-fa", "packets whose headers are not whole"): 1,
                        ("acl-plugin-in-ip4-fa", "ACL permit packets"): 1,
                        ("acl-plugin-in-ip4-fa", "checked packets"): 2}):
        assert verdicts(switch, routed, [whole, short]) == [1, 0]


def test_trace(switch, routed):
    apply(switch, routed[0], acl(switch, WEB))
    (hops,) = switch.trace(routed[0], ip4(routed) / ICMP(id=1))
    text = dict(hops)["acl-plugin-in-ip4-fa"].splitlines()
    number = int(switch.json("show interface pg0")["interfaces"][0]["sw_if_index"])
    assert text == [
        f"acl-plugin: lc_index: 0, sw_if_index {number}, next index {text[0].split('next index ')[1].split(',')[0]}, "
        "action: 1, match: acl 0 rule 0 trace_bits 00000000",
        f"pkt info 0000000000000000 0000000000000000 0000000000000000 0200020a0200010a {number:04x}030100000008 "
        "0200ffff00000000",
        f" lc_index 0 l3 ip4 10.1.0.2 -> 10.2.0.2 l4 lsb_of_sw_if_index {number} proto 1 l4_is_input 1 l4_slow_path 1 "
        "l4_flags 0x03 port 8 -> 0 tcp flags (invalid) 00 rsvd 0"]
    (hops,) = switch.trace(routed[0], ip6(routed) / TCP(sport=1000, dport=80, flags="S"))
    assert "action: 0, match: acl -1 rule -1" in dict(hops)["acl-plugin-in-ip6-fa"]
    assert "l3 ip6 2001:db8:1::2 -> 2001:db8:2::2" in dict(hops)["acl-plugin-in-ip6-fa"]
    assert "port 1000 -> 80 tcp flags (valid) 02" in dict(hops)["acl-plugin-in-ip6-fa"]
    assert dict(hops)["drop"] == "acl-plugin-in-ip6-fa: ACL deny packets"


# --- layer 2

def frame(payload, src=1, dst="ff:ff:ff:ff:ff:ff", tags=0):
    link = Ether(src=f"02:aa:00:00:00:{src:02x}", dst=dst)
    for k in range(tags):
        link = link / Dot1Q(vlan=k + 5)
    return link / payload


@pytest.mark.parametrize("direction", ["input", "output"])
@pytest.mark.parametrize("kind", ["bridged", "crossed"])
def test_layer_2(switch, kind, direction, request):
    pgs = request.getfixturevalue(kind)
    apply(switch, pgs[direction == "output"],
          acl(switch, "permit proto 17 dport 53, permit src 2001:db8::/32 proto 17 dport 53"), direction)
    good = [IP(src="10.9.0.1", dst="10.9.0.2") / UDP(dport=53), IPv6(src="2001:db8::9", dst="::1") / UDP(dport=53)]
    bad = [IP(src="10.9.0.1", dst="10.9.0.2") / UDP(dport=54), IPv6(src="2001:db9::9", dst="::1") / UDP(dport=53)]
    for tags in range(3):
        frames = [frame(p, tags=tags) for p in good + bad]
        assert verdicts(switch, pgs, frames) == [1, 1, 0, 0]
    assert verdicts(switch, pgs, [frame(ARP()), frame(Raw(bytes(50)), tags=1)]) == [1, 1]
    torn = Ether(bytes(frame(good[0]))[:40])  # ends within its header
    assert verdicts(switch, pgs, [torn]) == [0]


def test_other_types(switch, bridged):
    """Frames that are no IP may pass, but where a list of types says which."""
    frames = [frame(ARP()), frame(Raw(bytes(50)), src=2), frame(IP() / UDP(), src=3)]
    frames[1].type = 0x88cc
    switch.ctl(f"set acl-plugin etype-whitelist {bridged[0]} input 0806,8847")
    assert verdicts(switch, bridged, frames) == [1, 0, 1]
    assert "  input etype whitelist: 0806, 8847" in switch.ctl("show acl-plugin interface").splitlines()
    switch.ctl(f"set acl-plugin etype-whitelist {bridged[1]} output 88cc")
    switch.ctl(f"set acl-plugin etype-whitelist {bridged[0]}")
    assert verdicts(switch, bridged, frames) == [0, 1, 1]


# --- counters, changes

def test_counters_by_rule(switch, routed):
    index = acl(switch, "permit proto 17 dport 1, permit proto 17 dport 2, deny")
    apply(switch, routed[0], index)
    def matches():
        with Stats(switch.folder + "/stats.sock") as stats:
            return [tuple(sum(column) for column in zip(*pairs)) for pairs in zip(*stats[f"/acl/{index}/matches"])]
    frames = [ip4(routed) / UDP(dport=p) for p in (1, 2, 2, 3, 3, 3)]
    switch.exchange(routed[0], frames, routed[1], count=3)
    assert matches()[:3] == [(0, 0)] * 3
    switch.ctl("set acl-plugin stats-counters on")
    switch.exchange(routed[0], frames, routed[1], count=3)
    assert [n for n, _ in matches()[:3]] == [1, 2, 3]
    assert matches()[1][1] == 2 * len(frames[1]) - 28  # without link headers
    acl(switch, "permit", index)
    assert matches()[:1] == [(0, 0)]


def test_replaced_while_packets_pass(switch, routed):
    """Each list lets all of these packets through: one that was judged by half of one would be missing."""
    filler = ", ".join(f"deny src 10.3.{k}.0/24 proto 17 dport {k + 1}" for k in range(100))
    hosts = ["permit src 10.1.0.2/32", "permit src 10.1.0.3/32 proto 17 dport 53"]
    lists = [f"{hosts[k]}, {filler}, {hosts[1 - k]}" for k in range(2)]
    apply(switch, routed[0], acl(switch, lists[0]))
    path = switch.new_file("in.pcap")
    write_pcap(path, [ip4(routed, src=f"10.1.0.{2 + k % 2}") / UDP(dport=53) for k in range(100)])
    capture = switch.capture(routed[1])
    switch.ctl(f"packet-generator new pcap {path} source {routed[0]} name pass limit 5000")
    switch.ctl("packet-generator enable-stream pass")
    turns = 0
    while turns < 20 or switch.stream("pass")["enabled"]:
        turns += 1
        acl(switch, lists[turns % 2], index=0)
    switch.ctl("packet-generator delete pass")
    assert len(capture.packets()) == 5000


def test_long_lists_come_back(switch, routed):
    """So many rules are built beside the loop; commands behind them see them."""
    rules = ", ".join(f"deny src 10.1.{k // 250}.{k % 250 + 3}/32 proto 6 dport {k % 60000}" for k in range(3000))
    index = acl(switch, rules + ", permit")
    apply(switch, routed[0], index)
    assert verdicts(switch, routed, [ip4(routed, src="10.1.0.5") / TCP(dport=2), ip4(routed, src="10.1.0.5") / TCP(dport=3)]) == \
        [0, 1]
    assert switch.ctl(f"show acl-plugin acl index {index}").count("\n") > 3001
    assert len(switch.json(f"show acl-plugin acl index {index}")["acls"][0]["rules"]) == 3001


def test_saved(fresh):
    pgs = [fresh.pg(0, "10.1.0.1/24"), fresh.pg(1)]
    acl(fresh, "permit proto 6 dport 1-5 tcpflags 2 mask 18, deny tag {two words}")
    acl(fresh, "permit src 2001:db8::/32")
    acl(fresh, "deny")
    fresh.ctl("delete acl-plugin acl index 1")
    apply(fresh, pgs[0], 2)
    apply(fresh, pgs[0], 0)
    apply(fresh, pgs[1], 0, "output")
    fresh.ctl(f"set acl-plugin etype-whitelist {pgs[1]} input 0806 output 88cc,0806")
    fresh.ctl("set acl-plugin skip-ipv6-extension-header 60 0")
    fresh.ctl("set acl-plugin skip-ipv6-extension-header 51 1")
    fresh.ctl("set acl-plugin l4-match-nonfirst-fragment 0")
    fresh.ctl("set acl-plugin stats-counters on")
    assert "by hash all the same" in fresh.ctl("set acl-plugin use-hash-acl-matching 0")
    lines = fresh.running_config()
    assert len([line for line in lines if "acl-plugin" in line]) == 11
    shown = fresh.ctl("show acl-plugin acl") + fresh.ctl("show acl-plugin interface")
    fresh.restart(lines)
    assert fresh.running_config() == lines
    assert fresh.ctl("show acl-plugin acl") + fresh.ctl("show acl-plugin interface") == shown
    fresh.ctl(f"delete packet-generator interface {pgs[0]}")
    assert "applied inbound" not in fresh.ctl("show acl-plugin acl")

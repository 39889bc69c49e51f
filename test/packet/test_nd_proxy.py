"""Neighbour discovery answered for others: for hosts on other links, and for all that is asked for on a link.

Numbers in the names of tests are of the RFC that says so."""
import pytest
from packet_lib import wait_for
from scapy.layers.inet import UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

HOST = "2001:db8:a0::99"  # of pg0's subnet, on pg1
GROUP, GROUP_MAC = "ff02::1:ff00:99", "33:33:ff:00:00:99"


@pytest.fixture
def net(fresh):
    """pg0 and pg1, each a subnet; pg2 borrows the address of pg0."""
    pgs = [fresh.pg(0, "2001:db8:a0::1/64"), fresh.pg(1, "2001:db8:a1::1/64"), fresh.pg(2)]
    fresh.configure("set interface unnumbered pg2 use pg0")
    return pgs


def solicit(pg, target, src=None, **fields):
    group = "ff02::1:ff" + IPv6(dst=target).dst.rpartition(":")[2].rjust(6, "0")[:2] + ":" + \
        target.rpartition(":")[2]
    dst = fields.pop("dst", group)
    ether = pg.ether() if not dst.startswith("ff02") else Ether(src=pg.host_mac, dst=GROUP_MAC)
    frame = ether / IPv6(src=src or pg.host, dst=dst, hlim=255, **fields) / ICMPv6ND_NS(tgt=target)
    return frame if src == "::" else frame / ICMPv6NDOptSrcLLAddr(lladdr=pg.host_mac)


def answer(switch, pg, frame):
    """What the switch says to it on the link: (source, destination, flags) of the one advertisement, or None."""
    out = [f for f in switch.exchange(pg, frame, pg) if ICMPv6ND_NA in f and f[ICMPv6ND_NA].tgt == frame[ICMPv6ND_NS].tgt]
    if not out:
        return None
    nd, = out
    copy = IPv6(bytes(nd[IPv6]))
    del copy[ICMPv6ND_NA].cksum
    assert bytes(copy) == bytes(nd[IPv6]), "its checksum"
    assert nd.src == pg.mac and nd[ICMPv6NDOptDstLLAddr].lladdr == pg.mac and nd[IPv6].hlim == 255
    flags = "".join(name for name in "RSO" if nd[ICMPv6ND_NA].getfieldval(name))
    return nd[IPv6].src, nd[IPv6].dst, flags


def link_local(switch, pg):
    return switch.json(f"show ip6 interface {pg}")["interfaces"][0]["link_local"]


# --- hosts


def test_4861_728_a_host_of_another_link(fresh, net):
    assert answer(fresh, net[0], solicit(net[0], HOST)) is None
    fresh.ctl(f"set ip6 nd proxy pg1 {HOST}")
    # from our address, and it overrides nothing; to a group, and to the host itself
    assert answer(fresh, net[0], solicit(net[0], HOST)) == (net[0].address, net[0].host, "RS")
    assert answer(fresh, net[0], solicit(net[0], HOST, dst=HOST)) == (net[0].address, net[0].host, "RS")
    # from a link-local address, as kernels ask who is still there; else such packets are refused
    asker = solicit(net[0], HOST, src="fe80::5", dst=HOST)
    assert answer(fresh, net[0], asker) == (link_local(fresh, net[0]), "fe80::5", "RS")
    wait_for(lambda: "fe80::5" in fresh.neighbors(), "who asks to be learnt")
    scope = "ip6 source address beyond its scope"
    with fresh.counts({("ip6-unicast-nd-proxy", scope): 1, ("ip6-icmp-error", "destination unreachable response sent"): 1}):
        assert answer(fresh, net[0], solicit(net[0], net[1].host, src="fe80::5", dst=net[1].host)) is None
    fresh.ctl("clear errors")
    asker[IPv6].hlim = 254
    assert answer(fresh, net[0], asker) is None and fresh.error_count(scope) == 1
    # who asks is learnt, as when he asks for us
    asker = solicit(net[0], HOST, src="2001:db8:a0::55")
    assert answer(fresh, net[0], asker) == (net[0].address, "2001:db8:a0::55", "RS")
    wait_for(lambda: "2001:db8:a0::55" in fresh.neighbors(), "who asks to be learnt")
    # not on the link that it is on
    assert answer(fresh, net[1], solicit(net[1], HOST)) is None
    assert answer(fresh, net[1], solicit(net[1], HOST, src="::")) is None
    # no other address, though it is asked for in the same group, or by the same words elsewhere
    for other in ("2001:db8:a0::98", "2001:db8:a0:1::99", "2001:db8:a0::100:99"):
        assert answer(fresh, net[0], solicit(net[0], other, dst=GROUP)) is None
    fresh.ctl(f"set ip6 nd proxy pg1 del {HOST}")
    assert answer(fresh, net[0], solicit(net[0], HOST)) is None


def test_4862_543_a_probe_for_its_address(fresh, net):
    fresh.ctl(f"set ip6 nd proxy pg1 {HOST}")
    assert answer(fresh, net[0], solicit(net[0], HOST, src="::")) == (link_local(fresh, net[0]), "ff02::1", "R")


def test_what_is_wrong_is_counted_and_not_answered(fresh, net):
    fresh.ctl(f"set ip6 nd proxy pg1 {HOST}")
    bad = solicit(net[0], HOST)
    bad[ICMPv6ND_NS].cksum = 0x1234
    frames = {"neighbor solicitations from source not on link": solicit(net[0], HOST, src="2001:db8:77::1"),
              "neighbor discovery messages malformed": solicit(net[0], HOST) / Raw(b"\x01\x00" + bytes(6)),
              "bad icmp checksum": bad}
    for reason, frame in frames.items():
        before = fresh.errors()
        assert answer(fresh, net[0], frame) is None
        grown = {k[1]: n - before.get(k, 0) for k, n in fresh.errors().items() if n != before.get(k, 0)}
        assert grown == {reason: 1}


def test_packets_for_it_go_there(fresh, net):
    """Its link is asked for it; what it sends itself is answered there."""
    fresh.ctl(f"set ip6 nd proxy pg1 {HOST}")
    assert "IPv6-proxy-nd" in fresh.ctl(f"show ip6 fib {HOST}/128")
    capture = fresh.capture(net[1])
    fresh.send(net[0], net[0].ether() / IPv6(src=net[0].host, dst=HOST, hlim=255) / UDP() / Raw(b"u" * 20))
    wait_for(lambda: capture.count() >= 1, "the question")
    said = net[1].ether() / IPv6(src=HOST, dst=link_local(fresh, net[1]), hlim=255) / \
        ICMPv6ND_NA(tgt=HOST, S=1, O=1, R=0) / ICMPv6NDOptDstLLAddr(lladdr=net[1].host_mac)
    fresh.send(net[1], said)
    wait_for(lambda: [p for p in capture.records().packets() if UDP in p], "the packet")
    packets = capture.packets()
    assert packets[0][ICMPv6ND_NS].tgt == HOST and packets[0][IPv6].dst == GROUP
    assert [p.dst for p in packets if UDP in p] == [net[1].host_mac]
    asks = solicit(net[1], net[1].address, src=HOST)
    assert answer(fresh, net[1], asks) == (net[1].address, HOST, "RSO")
    # a solicitation that a router has passed on is a packet like any other
    passed = solicit(net[0], HOST, dst=HOST)
    passed[IPv6].hlim = 254
    assert [(f.dst, f[IPv6].hlim) for f in fresh.exchange(net[0], passed, net[1])] == [(net[1].host_mac, 253)]


def test_an_interface_that_borrows_its_address(fresh, net):
    """Hosts of one subnet on two links: each is answered for on the other's."""
    fresh.configure(f"set ip6 nd proxy pg0 2001:db8:a0::20\nset ip6 nd proxy pg2 {HOST}")
    assert answer(fresh, net[0], solicit(net[0], HOST)) == (net[0].address, net[0].host, "RS")
    asks = solicit(net[2], "2001:db8:a0::20", src=HOST)
    assert answer(fresh, net[2], asks) == (net[0].address, HOST, "RS")
    assert answer(fresh, net[2], solicit(net[2], HOST, src=HOST)) is None


def test_features_are_on_where_there_is_something_to_answer(fresh, net):
    def on():
        return [i for i in range(4) if "ip6-unicast-nd-proxy" in fresh.ctl(f"show interface features pg{i}")]
    net.append(fresh.pg(3))
    assert on() == []
    fresh.ctl(f"set ip6 nd proxy pg1 {HOST}")
    assert on() == [0, 1, 2]  # pg3 takes no IPv6
    fresh.ctl("enable ip6 interface pg3")
    assert on() == [0, 1, 2, 3]
    assert answer(fresh, net[3], solicit(net[3], HOST, src="fe80::3")) == (link_local(fresh, net[3]), "fe80::3", "RS")
    fresh.ctl("disable ip6 interface pg3")
    assert on() == [0, 1, 2]
    hops, = fresh.trace(net[0], solicit(net[0], HOST))
    assert [node for node, _ in hops][:5] == ["pg-input", "ethernet-input", "ip6-input", "ip6-multicast-nd-proxy",
                                              "ip6-receive"]
    fresh.ctl(f"set ip6 nd proxy pg1 del {HOST}")
    assert on() == []


def test_tables(fresh, net):
    """A host goes with its interface to another table, and with it."""
    fresh.configure("""ip6 table add 7
        create packet-generator interface pg8
        set interface state pg8 up
        set interface ip6 table pg8 7
        enable ip6 interface pg8
        set ip6 nd proxy pg8 2001:db8:a0::99""")
    assert answer(fresh, net[0], solicit(net[0], HOST)) is None
    fresh.ctl("disable ip6 interface pg8")
    fresh.ctl("set interface ip6 table pg8 0")
    assert answer(fresh, net[0], solicit(net[0], HOST)) == (net[0].address, net[0].host, "RS")
    fresh.ctl("delete packet-generator interface pg8")
    assert answer(fresh, net[0], solicit(net[0], HOST)) is None
    assert fresh.json("show ip6 nd proxy")["hosts"] == []
    assert "IPv6-proxy-nd" not in fresh.ctl("show ip6 fib")


# --- whole links


def test_all_that_is_asked_for(fresh, net):
    fresh.ctl("set interface ip6-nd proxy pg0 enable")
    for target in ("2001:db8:a0::77", "2001:db8:cc::77", "fe80::77"):
        frame = solicit(net[0], target, dst="ff02::1:ff00:77")
        assert answer(fresh, net[0], frame) == (net[0].address, net[0].host, "RS")
    assert answer(fresh, net[0], solicit(net[0], "2001:db8:cc::77", dst="2001:db8:cc::77")) is not None
    # our own address is answered for as ever
    own = solicit(net[0], net[0].address, dst="ff02::1:ff00:1")
    assert answer(fresh, net[0], own) == (net[0].address, net[0].host, "RSO")
    # not who may take an address: nobody could have one; nor what is there itself, nor on other links
    assert answer(fresh, net[0], solicit(net[0], "2001:db8:a0::77", src="::", dst="ff02::1:ff00:77")) is None
    fresh.ctl(f"set ip neighbor pg0 2001:db8:a0::77 {net[1].host_mac}")
    assert answer(fresh, net[0], solicit(net[0], "2001:db8:a0::77", dst="ff02::1:ff00:77")) is None
    assert answer(fresh, net[1], solicit(net[1], "2001:db8:cc::77", dst="ff02::1:ff00:77")) is None
    fresh.ctl("set interface ip6-nd proxy pg0 disable")
    assert answer(fresh, net[0], solicit(net[0], "2001:db8:cc::77", dst="ff02::1:ff00:77")) is None


# --- what people see


def test_errors_change_nothing(fresh, net):  # pylint: disable=unused-argument
    fresh.ctl(f"set ip6 nd proxy pg1 {HOST}")
    before = fresh.running_config()
    for wrong, words in ((f"pg0 {HOST}", "the host is on pg1"), ("pg1 ff02::1", "not an address"), ("pg1 ::", "not an"),
                         ("pg1 fe80::1", "not an address"), (f"pg0 del {HOST}", "no such host is proxied"),
                         ("pg1 del 2001:db8::1", "no such host is proxied"), (f"pg9 {HOST}", "unknown interface"),
                         (f"local0 {HOST}", "local0 has no MAC address")):
        assert words in fresh.fails(f"set ip6 nd proxy {wrong}"), wrong
    assert "local0 has no MAC address" in fresh.fails("set interface ip6-nd proxy local0 enable")
    fresh.ctl(f"set ip6 nd proxy pg1 {HOST}")  # once more
    assert fresh.running_config() == before


def test_show_and_running_config(fresh, net):  # pylint: disable=unused-argument
    lines = [f"set ip6 nd proxy pg1 {HOST}", "set ip6 nd proxy pg0 2001:db8:a0::20",
             "set interface ip6-nd proxy pg2 enable"]
    fresh.configure("\n".join(lines))
    assert fresh.ctl("show ip6 nd proxy") == \
        f"Proxy NDs enabled for:\n  pg1 {HOST}\n  pg0 2001:db8:a0::20\nInterfaces enabled:\n  pg2\n"
    assert fresh.json("show ip6 nd proxy") == {
        "hosts": [{"interface": "pg1", "address": HOST}, {"interface": "pg0", "address": "2001:db8:a0::20"}],
        "interfaces": ["pg2"]}
    config = fresh.running_config()
    assert set(lines) <= set(config)
    fresh.restart(config)
    assert fresh.running_config() == config
    assert answer(fresh, net[0], solicit(net[0], HOST)) == (net[0].address, net[0].host, "RS")


def test_as_many_as_there_may_be(fresh, net, tmp_path):
    """4,096, in as many groups; all go to another table with their interface; none of what they took is left."""
    def script(words, n):
        path = tmp_path / "script"
        path.write_text("\n".join(f"set ip6 nd proxy pg3 {words}2001:db8:b::{i:x}" for i in range(1, n + 1)) + "\n")
        return f"exec {path}"
    fresh.pg(3)
    fresh.ctl("ip6 table add 7")
    fresh.ctl(script("", 4096), timeout=120)
    assert len(fresh.json("show ip6 nd proxy")["hosts"]) == 4096
    assert "at most 4096 hosts can be proxied" in fresh.fails(f"set ip6 nd proxy pg1 {HOST}")
    assert f"{HOST}/128" not in fresh.ctl(f"show ip6 fib {HOST}/128")
    fresh.ctl("set interface ip6 table pg3 7", timeout=120)
    assert len(fresh.json("show ip6 nd proxy")["hosts"]) == 4096
    assert "2001:db8:b::1000/128" in fresh.ctl("show ip6 fib table 7 2001:db8:b::1000/128")
    fresh.ctl(script("del ", 4096), timeout=120)
    # an address is free again when no data thread can be reading it
    wait_for(lambda: fresh.vppctl(f"set ip6 nd proxy pg1 {HOST}").returncode == 0, "room")
    assert answer(fresh, net[0], solicit(net[0], HOST)) == (net[0].address, net[0].host, "RS")

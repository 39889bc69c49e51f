"""Router discovery between packet-generator interfaces, both roles.

Numbers in the names of tests are of the RFC that says so."""
import pytest
from packet_lib import wait_for
from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr,
                                ICMPv6NDOptMTU, ICMPv6NDOptPrefixInfo, ICMPv6NDOptSrcLLAddr, IPv6)
from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether
from test_ip6 import has_right_sums

ALL_NODES, ALL_ROUTERS = "33:33:00:00:00:01", "33:33:00:00:00:02"
HOST = "fe80::99"


def shown(switch, pg):
    return switch.json(f"show ip6 interface {pg}")["interfaces"][0]


def sent(switch, pg):
    return shown(switch, pg)["advertisements_sent"]


def advertisements(capture):
    records = capture.records() if capture.count() else None
    return [p for p in records.packets() if ICMPv6ND_RA in p] if records else []


def wait_for_advertisement(capture, fits=lambda p: True, what="an advertisement"):
    wait_for(lambda: any(fits(p) for p in advertisements(capture)), what)
    return next(p for p in advertisements(capture) if fits(p))


@pytest.fixture
def router(fresh):
    """pg0, that advertises, with what was seen of it."""
    pg = fresh.pg(0, neighbor=False, router=True)
    capture = fresh.capture(pg)
    fresh.ctl(f"set interface ip address {pg} 2001:db8:a0::1/64")
    pg.address = "2001:db8:a0::1"
    return fresh, pg, capture


def solicit(pg, src=HOST, mac=True, **fields):
    frame = Ether(src=pg.host_mac, dst=ALL_ROUTERS) / IPv6(**{"src": src, "dst": "ff02::2", "hlim": 255, **fields}) / \
        ICMPv6ND_RS()
    return frame / ICMPv6NDOptSrcLLAddr(lladdr=pg.host_mac) if mac else frame


# --- router


def test_4861_624_soon_after_an_interface_takes_ipv6(router):
    switch, pg, capture = router
    ra = wait_for_advertisement(capture)
    assert has_right_sums(ra)
    own = shown(switch, pg)["link_local"]
    assert (ra.src, ra.dst) == (pg.mac, ALL_NODES)
    assert (ra[IPv6].src, ra[IPv6].dst, ra[IPv6].hlim) == (own, "ff02::1", 255)
    nd = ra[ICMPv6ND_RA]
    assert (nd.chlim, nd.M, nd.O, nd.routerlifetime, nd.reachabletime, nd.retranstimer) == (64, 0, 0, 600, 0, 0)
    assert ra[ICMPv6NDOptSrcLLAddr].lladdr == pg.mac and ra[ICMPv6NDOptMTU].mtu == 9000
    assert ICMPv6NDOptPrefixInfo not in ra
    # and two more soon, as the interface may have been seen late; after that seldom
    for n in (2, 3):
        switch.ctl("set clock adjust 16.1")
        wait_for(lambda n=n: sent(switch, pg) == n, f"advertisement {n}")
    switch.ctl("set clock adjust 140")
    assert sent(switch, pg) == 3
    switch.ctl("set clock adjust 61")
    wait_for(lambda: sent(switch, pg) == 4, "the next")
    # down and up again
    switch.ctl(f"set interface state {pg} down")
    switch.ctl("set clock adjust 300")
    assert sent(switch, pg) == 4
    switch.ctl(f"set interface state {pg} up")
    wait_for(lambda: sent(switch, pg) == 5, "one more")


def prefixes_of(ra):
    """{prefix: (on link, autonomous, valid, preferred)}"""
    prefixes, option = {}, ra[ICMPv6ND_RA].payload
    while option:
        if isinstance(option, ICMPv6NDOptPrefixInfo):
            prefixes[f"{option.prefix}/{option.prefixlen}"] = (option.L, option.A, option.validlifetime, option.preferredlifetime)
        option = option.payload
    return prefixes


def test_what_is_said(router):
    switch, pg, capture = router
    switch.configure(f"""
        ip6 nd {pg} ra-interval 10 5
        ip6 nd {pg} ra-lifetime 1800
        ip6 nd {pg} prefix 2001:db8:1::5/64 infinite
        ip6 nd {pg} prefix 2001:db8:9::/64 1000 500 no-autoconfig
        ip6 nd {pg} prefix 2001:db8:a::/48 off-link
        ip6 nd {pg} prefix 2001:db8:b::/64 no-advertise
        ip6 nd {pg} ra-managed-config-flag
        ip6 nd {pg} ra-other-config-flag
        ip6 nd {pg} ra-suppress-link-layer
        set interface mtu packet 1400 {pg}
    """)
    switch.ctl("set clock adjust 10")
    ra = wait_for_advertisement(capture, lambda p: ICMPv6NDOptMTU in p and p[ICMPv6NDOptMTU].mtu == 1400 and
                                prefixes_of(p)["2001:db8:9::/64"][2] <= 990)
    assert has_right_sums(ra)
    nd = ra[ICMPv6ND_RA]
    assert (nd.M, nd.O, nd.routerlifetime) == (1, 1, 1800)
    assert ICMPv6NDOptSrcLLAddr not in ra
    prefixes = prefixes_of(ra)
    assert prefixes["2001:db8:1::/64"] == (1, 1, 0xffffffff, 0xffffffff)
    assert prefixes["2001:db8:a::/48"] == (0, 1, 2592000, 604800)
    on_link, autonomous, valid, preferred = prefixes["2001:db8:9::/64"]  # these pass
    assert (on_link, autonomous) == (1, 0) and 900 < valid <= 990 and 400 < preferred <= 490
    assert len(prefixes) == 3
    assert shown(switch, pg)["max_interval"] == 10
    text = switch.ctl(f"show ip6 interface {pg}")
    count = sent(switch, pg)
    assert text.split("  Advertised Prefixes:\n")[1] == f"""\
      prefix 2001:db8:1::, length 64
      prefix 2001:db8:9::, length 64
      prefix 2001:db8:a::, length 48
      prefix 2001:db8:b::, length 64
    MTU is 1400
    ICMP error messages are limited
    ICMP redirects are disabled
    ICMP unreachables are sent
    ND DAD is disabled
    ND advertised reachable time is 0
    ND advertised retransmit interval is 0 (msec)
    ND router advertisements are sent every 10.0 seconds (min interval is 5.0)
    ND router advertisements live for 1800 seconds
    Hosts use stateless autoconfig for addresses
    ND router advertisements sent {count}
    ND router solicitations received 0
    ND router solicitations dropped 0
"""
    lines = switch.running_config()
    for line in (f"ip6 nd {pg} prefix 2001:db8:1::/64 infinite", f"ip6 nd {pg} prefix 2001:db8:9::/64 1000 500 no-autoconfig",
                 f"ip6 nd {pg} prefix 2001:db8:a::/48 off-link", f"ip6 nd {pg} prefix 2001:db8:b::/64 no-advertise",
                 f"ip6 nd {pg} ra-managed-config-flag", f"ip6 nd {pg} ra-other-config-flag",
                 f"ip6 nd {pg} ra-suppress-link-layer", f"ip6 nd {pg} ra-lifetime 1800 ra-interval 10 5"):
        assert line in lines, lines
    # and back
    for words in ("prefix 2001:db8:1::/64", "prefix 2001:db8:9::/64", "prefix 2001:db8:a::/48", "prefix 2001:db8:b::/64",
                  "ra-managed-config-flag", "ra-other-config-flag", "ra-suppress-link-layer", "ra-lifetime ra-interval"):
        switch.ctl(f"ip6 nd {pg} no {words}")
    assert not [line for line in switch.running_config() if line.startswith("ip6 nd")]


def test_prefixes_that_are_over(router):
    switch, pg, capture = router
    switch.ctl(f"ip6 nd {pg} prefix 2001:db8:9::/64 100 50")
    switch.ctl("set clock adjust 300")
    ra = wait_for_advertisement(capture, lambda p: ICMPv6NDOptPrefixInfo in p and not p[ICMPv6NDOptPrefixInfo].validlifetime)
    assert ra[ICMPv6NDOptPrefixInfo].preferredlifetime == 0


@pytest.mark.parametrize("words, why", [
    ("ra-interval 3", "interval must be between 4 and 1800"),
    ("ra-interval 1801", "interval must be between 4 and 1800"),
    ("ra-interval 100 76", "shortest interval must be between 3 and 75"),
    ("ra-lifetime 100", "lifetime must be 0, or between 200 and 9000"),
    ("ra-lifetime 9001", "lifetime must be 0, or between 200 and 9000"),
    ("ra-initial 4 16", "at first there may be 3"),
    ("prefix 2001:db8::/64 100 200", "cannot be preferred for longer"),
    ("prefix fe80::/64", "not a prefix"), ("prefix ff02::/64", "not a prefix"),
    ("no prefix 2001:db8:77::/64", "not advertised"),
    ("foo", "unknown input `foo'"),
])
def test_settings_that_are_refused(switch, words, why):
    if 5 not in switch.pgs:
        switch.pg(5)
    before = switch.running_config()
    assert why in switch.fails(f"ip6 nd pg5 {words}")
    assert switch.running_config() == before


def test_no_more_prefixes_than_fit(switch):
    pg = switch.pg(6, "2001:db8:a6::1/64", router=True)
    capture = switch.capture(pg)
    for i in range(37):
        switch.ctl(f"ip6 nd {pg} prefix 2001:db8:{i}::/64")
    assert "no more than 37 prefixes" in switch.fails(f"ip6 nd {pg} prefix 2001:db8:77::/64")
    switch.ctl("set clock adjust 10")
    ra = wait_for_advertisement(capture, lambda p: len(p) > 1250)
    assert len(ra) == 14 + 40 + 16 + 8 + 8 + 37 * 32 and has_right_sums(ra)
    switch.ctl(f"ip6 nd {pg} ra-suppress")


def test_4861_625_the_last_one(router):
    switch, pg, capture = router
    wait_for_advertisement(capture)
    switch.ctl(f"ip6 nd {pg} ra-cease")
    wait_for_advertisement(capture, lambda p: p[ICMPv6ND_RA].routerlifetime == 0)
    count = sent(switch, pg)
    switch.ctl("set clock adjust 300")
    assert sent(switch, pg) == count
    assert "advertisements are suppressed" in switch.ctl(f"show ip6 interface {pg}")
    switch.ctl(f"ip6 nd {pg} no ra-cease")
    wait_for(lambda: sent(switch, pg) == count + 1, "it to go on")


def test_suppressed(switch):
    pg = switch.pg(1, "2001:db8:a1::1/64")
    switch.ctl("set clock adjust 300")
    assert switch.exchange(pg, solicit(pg), pg) == [] and sent(switch, pg) == 0


def test_4861_626_answers(router):
    switch, pg, capture = router
    wait_for_advertisement(capture)
    # at once after a multicast one: to the host alone
    switch.send(pg, solicit(pg))
    answer = wait_for_advertisement(capture, lambda p: p[IPv6].dst == HOST, "the answer")
    assert has_right_sums(answer) and (answer.src, answer.dst) == (pg.mac, pg.host_mac)
    assert switch.neighbors()[HOST][1] == pg.host_mac
    # without an option it goes to where the frame came from
    switch.send(pg, solicit(pg, "fe80::98", mac=False))
    answer = wait_for_advertisement(capture, lambda p: p[IPv6].dst == "fe80::98", "the answer")
    assert answer.dst == pg.host_mac
    # when the last multicast is some time ago: to all
    count = len([p for p in advertisements(capture) if p[IPv6].dst == "ff02::1"])
    switch.ctl("set clock adjust 4")
    switch.send(pg, solicit(pg))
    wait_for(lambda: len([p for p in advertisements(capture) if p[IPv6].dst == "ff02::1"]) == count + 1, "one to all")
    # and so is one who has no address
    switch.ctl("set clock adjust 4")
    switch.send(pg, solicit(pg, "::", mac=False))
    wait_for(lambda: len([p for p in advertisements(capture) if p[IPv6].dst == "ff02::1"]) == count + 2, "one to all")
    # unless each is to be told alone
    switch.ctl("set clock adjust 4")
    switch.ctl(f"ip6 nd {pg} ra-send-unicast")
    wait_for(lambda: len([p for p in advertisements(capture) if p[IPv6].dst == "ff02::1"]) == count + 3, "the news")
    switch.ctl("set clock adjust 4")
    switch.send(pg, solicit(pg, "fe80::97"))
    wait_for_advertisement(capture, lambda p: p[IPv6].dst == "fe80::97", "the answer")
    assert shown(switch, pg)["solicitations_received"] == 5


def test_4861_626_many_ask(router):
    """However many: few answers, all of them within the rate."""
    switch, pg, capture = router
    wait_for_advertisement(capture)
    before = sent(switch, pg)
    switch.send(pg, [solicit(pg, f"fe80::1:{i:x}") for i in range(200)])
    wait_for(lambda: sent(switch, pg) >= before + 8, "answers")
    assert sent(switch, pg) <= before + 10


@pytest.mark.parametrize("fields, reason", [
    ({"hlim": 254}, "hop_limit != 255"),
    ({"src": "::"}, "neighbor discovery messages malformed"),  # with an option
    ({"src": "2001:db8:77::1"}, "router solicitations from source not on link"),
])
def test_4861_611_solicitations_that_are_not_answered(switch, fields, reason):
    pg = switch.pgs.get(2) or switch.pg(2, "2001:db8:a2::1/64", router=True)
    before = switch.error_count(reason)
    switch.send(pg, solicit(pg, **fields))
    wait_for(lambda: switch.error_count(reason) == before + 1, "the reason")


@pytest.mark.parametrize("option", [b"\x01\x00" + bytes(6), b"\x01\x02" + bytes(6), b"\x01"])
def test_malformed_options(switch, option):
    pg = switch.pgs.get(2) or switch.pg(2, "2001:db8:a2::1/64", router=True)
    reason = "neighbor discovery messages malformed"
    before = switch.error_count(reason)
    switch.send(pg, solicit(pg, mac=False) / option)
    wait_for(lambda: switch.error_count(reason) == before + 1, "the reason")
    advert = advertise(pg)
    advert[ICMPv6ND_RA].remove_payload()
    switch.send(pg, advert / option)
    wait_for(lambda: switch.error_count(reason) == before + 2, "the reason")


# --- host


def advertise(pg, *options, src="fe80::1:1", life=1800, **fields):
    frame = Ether(src=pg.host_mac, dst=ALL_NODES) / IPv6(**{"src": src, "dst": "ff02::1", "hlim": 255, **fields}) / \
        ICMPv6ND_RA(routerlifetime=life) / ICMPv6NDOptSrcLLAddr(lladdr=pg.host_mac)
    for option in options:
        frame = frame / option
    return frame


def prefix(text, valid=3000, preferred=1000, on_link=1, autonomous=1, length=64):
    return ICMPv6NDOptPrefixInfo(prefix=text, prefixlen=length, validlifetime=valid, preferredlifetime=preferred, L=on_link,
                                 A=autonomous)


def addresses(switch, pg):
    found = switch.json(f"show ip6 interface {pg}")["interfaces"]
    return found[0]["addresses"] if found else []


def default_routers(switch):
    paths = switch.ctl("show ip6 fib ::/0").split("forwarding:")[0]
    return sorted({line.split()[0] for line in paths.splitlines() if line.strip().startswith("fe80::")})


@pytest.fixture
def host(fresh):
    """pg0, that takes what routers say."""
    pg = fresh.pg(0, neighbor=False)
    capture = fresh.capture(pg)
    fresh.ctl(f"ip6 nd address autoconfig {pg} default-route")
    return fresh, pg, capture


EUI = "2001:db8:5::ff:fe00:1"


def test_4861_637_solicitations(host):
    switch, pg, capture = host

    def asked():
        records = capture.records() if capture.count() else None
        return [p for p in records.packets() if ICMPv6ND_RS in p] if records else []
    wait_for(asked, "the first")
    rs = asked()[0]
    assert has_right_sums(rs) and (rs.dst, rs[IPv6].dst, rs[IPv6].hlim) == (ALL_ROUTERS, "ff02::2", 255)
    assert rs[IPv6].src == shown(switch, pg)["link_local"] and rs[ICMPv6NDOptSrcLLAddr].lladdr == pg.mac
    for seconds in (1.2, 2.4, 4.8, 9.6):
        count = len(asked())
        switch.ctl(f"set clock adjust {seconds}")
        wait_for(lambda count=count: len(asked()) > count, "one more")
    switch.send(pg, advertise(pg))
    wait_for(lambda: default_routers(switch), "the router to be taken")
    count = len(asked())
    switch.ctl("set clock adjust 300")
    assert len(asked()) == count


def test_4862_55_addresses_and_routes(host):
    switch, pg, capture = host
    switch.send(pg, advertise(pg, prefix("2001:db8:5::"), prefix("2001:db8:6::", on_link=0), prefix("2001:db8:7::", autonomous=0),
                              prefix("2001:db8:8::", length=48), prefix("2001:db8:9::", valid=5, preferred=10),
                              prefix("fe80::")))
    wait_for(lambda: addresses(switch, pg), "an address")
    assert addresses(switch, pg) == [f"{EUI}/64", "2001:db8:6::ff:fe00:1/128"]
    assert default_routers(switch) == ["fe80::1:1"]
    # which are no configuration
    lines = switch.running_config()
    assert f"ip6 nd address autoconfig {pg} default-route" in lines
    assert not [line for line in lines if "2001:db8" in line or "::/0" in line or "enable ip6" in line], lines
    # and work
    ping = Ether(src=pg.host_mac, dst=pg.mac) / IPv6(src="2001:db8:5::99", dst=EUI) / ICMPv6EchoRequest()
    switch.ctl(f"set ip neighbor {pg} 2001:db8:5::99 {pg.host_mac}")
    switch.send(pg, ping)
    wait_for(lambda: [p for p in capture.records().packets() if ICMPv6EchoReply in p], "the answer")
    # a second router, and the first's goodbye
    switch.send(pg, advertise(pg, src="fe80::1:2"))
    wait_for(lambda: default_routers(switch) == ["fe80::1:1", "fe80::1:2"], "the second")
    switch.send(pg, advertise(pg, life=0))
    wait_for(lambda: default_routers(switch) == ["fe80::1:2"], "the first to go")
    # time
    switch.ctl("set clock adjust 1801")
    wait_for(lambda: default_routers(switch) == [], "the second to go")
    assert len(addresses(switch, pg)) == 2
    switch.ctl("set clock adjust 1200")
    wait_for(lambda: addresses(switch, pg) == [], "addresses to go")


def test_4861_725_a_router_that_is_a_host_now(host):
    """It says so in what else it says, of itself alone."""
    switch, pg, _ = host
    for source in "fe80::1:1", "fe80::1:2":
        switch.send(pg, advertise(pg, src=source))
    wait_for(lambda: len(default_routers(switch)) == 2, "routers")

    def says(source, **flags):
        return Ether(src=pg.host_mac, dst=ALL_NODES) / IPv6(src=source, dst="ff02::1", hlim=255) / \
            ICMPv6ND_NA(tgt=source, **{"R": 0, "S": 0, "O": 1, **flags}) / ICMPv6NDOptDstLLAddr(lladdr=pg.host_mac)
    heard = switch.error_count("neighbor advertisements received")
    switch.send(pg, [says("fe80::1:1", R=1), says("fe80::1:9"), says("fe80::1:2")])
    wait_for(lambda: default_routers(switch) == ["fe80::1:1"], "the second to be none")
    assert switch.error_count("neighbor advertisements received") == heard + 3
    switch.send(pg, advertise(pg, src="fe80::1:2"))  # and one again
    wait_for(lambda: len(default_routers(switch)) == 2, "routers")


def test_4861_725_what_overrides_nothing(host):
    """A proxy, say, or a stranger: not of the MAC address that is known. The router itself may leave the flag out."""
    switch, pg, _ = host
    router, other = "fe80::1:1", "02:00:00:00:99:99"
    switch.send(pg, advertise(pg, src=router))
    wait_for(lambda: default_routers(switch) == [router], "the router")

    def says(mac, is_router=0):
        return Ether(src=mac, dst=ALL_NODES) / IPv6(src=router, dst="ff02::1", hlim=255) / \
            ICMPv6ND_NA(tgt=router, R=is_router, S=0, O=is_router) / ICMPv6NDOptDstLLAddr(lladdr=mac)
    switch.send(pg, says(pg.host_mac, is_router=1))
    wait_for(lambda: router in switch.ctl("show ip6 neighbors"), "its MAC address to be known")
    heard = switch.error_count("neighbor advertisements received")
    switch.send(pg, says(other))
    wait_for(lambda: switch.error_count("neighbor advertisements received") == heard + 1, "it to be heard")
    switch.send(pg, advertise(pg, src="fe80::1:2"))  # what was told before has had its effect
    wait_for(lambda: "fe80::1:2" in default_routers(switch), "the second router")
    assert default_routers(switch) == [router, "fe80::1:2"]
    switch.send(pg, says(pg.host_mac))
    wait_for(lambda: default_routers(switch) == ["fe80::1:2"], "the first to be none")


def test_4862_55_a_classified_address_is_not_saved(host):
    """Its table goes with it: the configuration would begin with neither."""
    switch, pg, _ = host
    line = f"set ip6 classify intfc {pg} table-index 0"
    switch.ctl("classify table mask l3 ip6 src buckets 2")
    switch.send(pg, advertise(pg, prefix("2001:db8:5::")))
    wait_for(lambda: addresses(switch, pg) == [f"{EUI}/64"], "an address")
    switch.ctl(line)
    assert line not in switch.running_config()
    switch.restart(switch.running_config())
    switch.send(pg, advertise(pg, prefix("2001:db8:5::")))
    wait_for(lambda: addresses(switch, pg) == [f"{EUI}/64"], "an address")
    switch.ctl(line)
    switch.ctl(f"set interface ip address {pg} {EUI}/64")  # it is the user's now
    assert line in switch.running_config()


def test_4862_553_lifetimes(host):
    """A stranger does not end an address by a short lifetime."""
    switch, pg, _ = host
    switch.send(pg, advertise(pg, prefix("2001:db8:5::", valid=20000)))
    wait_for(lambda: addresses(switch, pg), "an address")
    switch.send(pg, advertise(pg, prefix("2001:db8:5::", valid=1, preferred=1), src="fe80::1:2"))
    wait_for(lambda: "fe80::1:2" in default_routers(switch), "that to be heard")
    switch.ctl("set clock adjust 7100")
    assert addresses(switch, pg)
    switch.send(pg, advertise(pg, prefix("2001:db8:5::", valid=9000), src="fe80::1:3"))
    wait_for(lambda: "fe80::1:3" in default_routers(switch), "that to be heard")
    switch.ctl("set clock adjust 1000")
    assert addresses(switch, pg)
    switch.ctl("set clock adjust 8001")
    wait_for(lambda: not addresses(switch, pg), "its end")


def deprecated(switch, pg):
    return [a["prefix"] for i in switch.json(f"show interface address {pg}")["interfaces"] for a in i["addresses"]
            if a["deprecated"]]


def test_4862_554_deprecated_addresses(host):
    """Their preferred lifetime is over: they are answered by, and no source of what this switch sends of itself."""
    switch, pg, capture = host
    switch.send(pg, advertise(pg, prefix("2001:db8:5::", preferred=500), prefix("2001:db8:6::")))
    wait_for(lambda: len(addresses(switch, pg)) == 2, "addresses")
    peer = "2001:db8:5::99"
    switch.ctl(f"set ip neighbor {pg} {peer} {pg.host_mac}")
    assert deprecated(switch, pg) == []

    def asks_from():
        before = capture.count()
        switch.ctl(f"ping {peer} repeat 1")
        wait_for(lambda: capture.count() > before, "a request")
        return [p[IPv6].src for p in capture.records().packets() if ICMPv6EchoRequest in p][-1]
    assert asks_from() == EUI
    switch.ctl("set clock adjust 501")
    wait_for(lambda: deprecated(switch, pg) == [f"{EUI}/64"], "the end of its preferred lifetime")
    assert f"{EUI}/64 deprecated" in switch.ctl(f"show ip6 interface {pg}")
    assert asks_from() == EUI.replace(":5:", ":6:")
    # it is said to be preferred again, and not at once
    switch.send(pg, advertise(pg, prefix("2001:db8:5::")))
    wait_for(lambda: deprecated(switch, pg) == [], "another preferred lifetime")
    switch.send(pg, advertise(pg, prefix("2001:db8:5::", preferred=0)))
    wait_for(lambda: deprecated(switch, pg) == [f"{EUI}/64"], "none")
    # what the user has is the user's
    switch.ctl(f"set interface ip address {pg} {EUI}/64")
    assert deprecated(switch, pg) == []


def test_what_was_learnt_goes_with_its_link(host):
    switch, pg, _ = host
    for end, begin in ((f"set interface state {pg} down", f"set interface state {pg} up"),
                       (f"ip6 nd address autoconfig {pg} disable", f"ip6 nd address autoconfig {pg} default-route"),
                       (f"delete packet-generator interface {pg}", None)):
        wait_for(lambda: (switch.send(pg, advertise(pg, prefix("2001:db8:5::"))), addresses(switch, pg))[1], "an address")
        assert default_routers(switch) == ["fe80::1:1"]
        switch.ctl(end)
        assert default_routers(switch) == []
        assert EUI not in switch.ctl("show interface address")
        if begin:
            switch.ctl(begin)


def test_the_users_address_stays(host):
    switch, pg, _ = host
    switch.send(pg, advertise(pg, prefix("2001:db8:5::")))
    wait_for(lambda: addresses(switch, pg), "an address")
    switch.ctl(f"set interface ip address {pg} {EUI}/64")
    assert f"set interface ip address {pg} {EUI}/64" in switch.running_config()
    switch.ctl("set clock adjust 4000")
    wait_for(lambda: default_routers(switch) == [], "the router to go")
    assert addresses(switch, pg) == [f"{EUI}/64"]
    switch.ctl(f"ip6 nd address autoconfig {pg} disable")
    assert addresses(switch, pg) == [f"{EUI}/64"]


@pytest.mark.parametrize("fields, reason", [
    ({"hlim": 254}, "hop_limit != 255"), ({"src": "2001:db8:a3::9"}, "router advertisement source not link local")])
def test_4861_612_advertisements_that_do_not_count(switch, fields, reason):
    pg = switch.pgs.get(3) or switch.pg(3, "2001:db8:a3::1/64")
    switch.ctl(f"ip6 nd address autoconfig {pg} default-route")
    with switch.counts({("ip6-icmp-input", reason): 1}):
        switch.send(pg, advertise(pg, prefix("2001:db8:5::"), **fields))
    assert default_routers(switch) == []


def test_routers_hear_each_other_and_do_nothing(switch):
    pg = switch.pgs.get(4) or switch.pg(4, "2001:db8:a4::1/64")
    before = switch.error_count("router advertisements received")
    switch.send(pg, advertise(pg, prefix("2001:db8:5::")))
    wait_for(lambda: switch.error_count("router advertisements received") == before + 1, "it to be heard")
    assert addresses(switch, pg) == ["2001:db8:a4::1/64"] and default_routers(switch) == []


def test_4861_634_what_the_link_is_like(host):
    """MTU, hop limit and retransmission time of who advertises; what is not specified stays, and nothing is saved."""
    switch, pg, capture = host

    def say(hop_limit=0, mtu=None):
        advert = advertise(pg, prefix("2001:db8:5::"), *([ICMPv6NDOptMTU(mtu=mtu)] if mtu is not None else []))
        advert[ICMPv6ND_RA].chlim = hop_limit
        seen = switch.error_count("router advertisements received")
        switch.send(pg, advert)
        wait_for(lambda: switch.error_count("router advertisements received") > seen, "it to be heard")

    def mtu():
        return shown(switch, pg)["mtu"]

    def hop_limit():
        """Of the answer to a ping."""
        def answers():
            return [p for p in capture.records().packets() if ICMPv6EchoReply in p] if capture.count() else []
        before = len(answers())
        switch.send(pg, Ether(src=pg.host_mac, dst=pg.mac) / IPv6(src="2001:db8:5::99", dst=EUI) / ICMPv6EchoRequest())
        wait_for(lambda: len(answers()) > before, "the answer")
        return answers()[-1][IPv6].hlim
    before = mtu()
    say()
    wait_for(lambda: addresses(switch, pg), "an address")
    switch.ctl(f"set ip neighbor {pg} 2001:db8:5::99 {pg.host_mac}")
    assert hop_limit() == 64 and mtu() == before > 1400
    say(hop_limit=33, mtu=1400)
    wait_for(lambda: mtu() == 1400, "the MTU")
    assert hop_limit() == 33
    say()
    assert hop_limit() == 33 and mtu() == 1400
    say(hop_limit=44, mtu=1279)  # RFC 8200 5
    wait_for(lambda: hop_limit() == 44, "the hop limit")
    assert mtu() == 1400
    say(mtu=65535)
    wait_for(lambda: mtu() == before, "all that the link takes")
    say(mtu=1300)
    wait_for(lambda: mtu() == 1300, "the MTU")
    assert not [line for line in switch.running_config() if "mtu" in line]
    switch.ctl(f"set interface mtu ip6 1290 {pg}")
    assert mtu() == 1290
    switch.ctl(f"set interface mtu ip6 0 {pg}")
    assert mtu() == 1300
    switch.ctl(f"ip6 nd address autoconfig {pg} disable")
    switch.ctl(f"set interface ip address {pg} {EUI}/64")
    switch.ctl(f"set ip neighbor {pg} 2001:db8:5::99 {pg.host_mac}")
    assert mtu() == before and hop_limit() == 64
    # and with the interface
    switch.ctl(f"ip6 nd address autoconfig {pg}")
    say(hop_limit=33, mtu=1300)
    wait_for(lambda: mtu() == 1300, "the MTU")
    switch.ctl(f"delete packet-generator interface {pg}")


def test_4861_634_retransmission_time(host):
    """Questions for a neighbour are so far apart; within bounds, since packets wait."""
    switch, pg, capture = host
    advert = advertise(pg, prefix("2001:db8:5::"))
    advert[ICMPv6ND_RA].retranstimer = 5000
    switch.send(pg, advert)
    wait_for(lambda: addresses(switch, pg), "an address")

    def solicited():
        return [p for p in capture.records().packets() if ICMPv6ND_NS in p and p[ICMPv6ND_NS].tgt == "2001:db8:5::77"] \
            if capture.count() else []
    switch.send(pg, Ether(src=pg.host_mac, dst=pg.mac) / IPv6(src="2001:db8:5::99", dst="2001:db8:5::77") / UDP())
    wait_for(lambda: len(solicited()) == 1, "the first")
    switch.ctl("set clock adjust 4")
    switch.ctl("set clock adjust 0.5")
    assert len(solicited()) == 1
    switch.ctl("set clock adjust 1")
    wait_for(lambda: len(solicited()) == 2, "the second")
    wait_for(lambda: (switch.ctl("set clock adjust 6"), switch.buffers_used() == 0)[1], "the packet to be given up")


def test_own_advertisements_are_not_taken(fresh):
    """Of another interface of this switch on the same link: a router that it is itself leads nowhere."""
    fresh.configure("""
        create pipe
        set interface state pipe0 up
        ip6 nd address autoconfig pipe0.0 default-route
        set interface ip address pipe0.1 2001:db8:5::1/64
        ip6 nd pipe0.1 prefix 2001:db8:6::/64
    """)
    wait_for(lambda: fresh.error_count("router advertisements received"), "an advertisement")
    wait_for(lambda: fresh.error_count("neighbor discovery messages of this switch"), "it to be refused")
    assert default_routers(fresh) == [] and addresses(fresh, "pipe0.0") == []

"""What collectors are told of NAT44's sessions: hosts behind pg0 talk to those behind pg1, the collector is behind pg2."""
import contextlib
import datetime
import re
import struct

import pytest
from ipfix_lib import Collector, taken, waiting
from packet_lib import nat44, wait_for
from piste import Stats
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.packet import Raw

CONFIG = "cpu { workers 1 }"
HOST, SERVER, POOL = "10.1.0.2", "10.2.0.2", "10.2.0.1"
COLLECTOR, SOURCE = "10.3.0.2", "10.3.0.1"
SYSLOG = re.compile(r"<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (\S{1,255}) (\S{1,48}) (\d+) (\S{1,32}) "
                    r'(-|(?:\[\S+(?: [^ ="\]]+="(?:[^"\\\]]|\\["\\\]])*")*\])+)(?: (.*))?')
PARAMETER = re.compile(r' ([^ ="\]]+)="((?:[^"\\\]]|\\["\\\]])*)"')


@pytest.fixture(scope="module")
def links(switch):
    return switch.pg(0, "10.1.0.1/24"), switch.pg(1, "10.2.0.1/24"), switch.pg(2, "10.3.0.1/24")


@pytest.fixture(autouse=True)
def nat(switch, links):
    with nat44(switch, *links[:2]):
        yield
    assert not [line for line in switch.running_config() if re.search("syslog|ipfix", line)]


@pytest.fixture
def collected(switch, links):
    """A function that says what the collector has got, when it is so many messages."""
    switch.ctl(f"set syslog sender collector {COLLECTOR} src {SOURCE}")
    capture = switch.capture(links[2])
    yield lambda n: [message(p) for p in taken(capture, n)]
    capture.stop()
    if switch.ctl("show syslog sender").startswith("collector"):
        switch.ctl("set syslog sender disable")


def message(packet):
    """The parts of a message by RFC 5424, whose datagram is right."""
    ip = IP(bytes(packet[IP]))
    made = ip.copy()
    del made[IP].chksum, made[UDP].chksum
    made = IP(bytes(made))
    assert (made.chksum, made[UDP].chksum) == (ip.chksum, ip[UDP].chksum)
    assert (ip.src, ip.dst, ip[UDP].sport, ip[UDP].dport) == (SOURCE, COLLECTOR, 514, 514)
    match = SYSLOG.fullmatch(bytes(ip[UDP].payload).decode())
    assert match, bytes(ip[UDP].payload)
    priority, time, host, app, process, msgid, data, text = match.groups()
    age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))
    assert datetime.timedelta(seconds=-1) < age < datetime.timedelta(minutes=10)
    assert host == SOURCE and int(process) > 0
    parameters = [(name, re.sub(r"\\(.)", r"\1", value)) for name, value in PARAMETER.findall(data)]
    return {"facility": int(priority) // 8, "severity": int(priority) % 8, "app": app, "msgid": msgid,
            "element": data[1:].split()[0].rstrip("]") if data != "-" else None, "parameters": dict(parameters), "text": text}


def sent(switch, links, packet, back=False):
    source, sink = (links[1], links[0]) if back else links[:2]
    (out,) = switch.exchange(source, source.ether() / packet, sink, count=1)
    return out


def udp(sport=2000, dport=53, src=HOST, dst=SERVER):
    return IP(src=src, dst=dst) / UDP(sport=sport, dport=dport) / Raw(b"hallo")


def test_sessions_begin_and_end(switch, links, collected):
    out = sent(switch, links, IP(src=HOST, dst=SERVER) / TCP(sport=2000, dport=80, flags="S"))
    (begun,) = collected(1)
    assert {k: begun[k] for k in ("facility", "severity", "app", "msgid", "element", "text")} == \
        {"facility": 16, "severity": 6, "app": "NAT", "msgid": "SADD", "element": "nsess", "text": None}
    assert begun["parameters"] == {
        "SSUBIX": "0", "IATYP": "IPv4", "ISADDR": HOST, "ISPORT": "2000", "XATYP": "IPv4", "XSADDR": POOL,
        "XSPORT": str(out[TCP].sport), "PROTO": "6", "XDADDR": SERVER, "XDPORT": "80"}
    sent(switch, links, IP(src=HOST, dst=SERVER) / TCP(sport=2000, dport=80, flags="A"))  # says nothing new
    sent(switch, links, IP(src=HOST, dst=SERVER) / ICMP(type="echo-request", id=7) / Raw(b"hallo"))
    assert collected(2)[1]["parameters"]["PROTO"] == "1" and collected(2)[1]["parameters"]["ISPORT"] == "7"
    switch.ctl("clear nat44 ed sessions")
    ended = collected(4)[2:]
    assert {m["msgid"] for m in ended} == {"SDEL"}
    assert begun["parameters"] in [m["parameters"] for m in ended]
    assert switch.json("show syslog sender") == {
        "collector": COLLECTOR, "port": 514, "source": SOURCE, "vrf": 0, "max_msg_size": 480, "sent": 4, "failed": 0}
    with Stats(switch.folder + "/stats.sock") as stats:
        assert sum(sum(row) for row in stats["/nat44-ed/log-lost"]) == 0


def test_sessions_that_time_out(switch, links, collected):
    switch.ctl("set nat timeout udp 1")
    sent(switch, links, udp())
    assert [m["msgid"] for m in collected(2)] == ["SADD", "SDEL"]


def test_many_at_once(switch, links, collected):
    """More than are told at a time, and than wait to be sent."""
    switch.ctl("nat44 plugin disable")
    switch.ctl("nat44 plugin enable sessions 10000")
    switch.ctl(f"nat44 add interface address {links[1]}")
    switch.ctl(f"set interface nat44 in {links[0]} out {links[1]}")
    switch.send(links[0], [links[0].ether() / udp(sport) for sport in range(1024, 2524)])
    switch.ctl("clear nat44 ed sessions")
    wait_for(lambda: sum(switch.json("show syslog sender")[k] for k in ("sent", "failed")) == 3000, "all of them", 30)
    assert switch.json("show syslog sender")["failed"] == 0
    messages = collected(3000)
    assert sorted(m["msgid"] for m in messages) == ["SADD"] * 1500 + ["SDEL"] * 1500
    for msgid in ("SADD", "SDEL"):
        assert {int(m["parameters"]["ISPORT"]) for m in messages if m["msgid"] == msgid} == set(range(1024, 2524))


def test_hosts_outside_with_another_address(switch, links, collected):
    switch.ctl("nat44 add address 10.1.0.100 twice-nat")
    switch.ctl(f"nat44 add static mapping tcp local {HOST} 80 external {POOL} 8080 twice-nat")
    out = sent(switch, links, IP(src=SERVER, dst=POOL) / TCP(sport=3000, dport=8080, flags="S"), back=True)
    parameters = collected(1)[0]["parameters"]
    assert (parameters["IDADDR"], parameters["IDPORT"]) == ("10.1.0.100", str(out[TCP].sport))
    assert (parameters["ISADDR"], parameters["ISPORT"], parameters["XSADDR"], parameters["XSPORT"], parameters["XDADDR"],
            parameters["XDPORT"]) == (HOST, "80", POOL, "8080", SERVER, "3000")


def test_what_is_passed_as_it_is_is_no_session(switch, links, collected):
    switch.ctl(f"set interface nat44 in {links[0]} out {links[1]} del")
    switch.ctl(f"set interface nat44 out {links[1]} output-feature")
    switch.ctl("nat44 forwarding enable")
    sent(switch, links, udp(src=SERVER, dst=HOST), back=True)
    assert len(switch.json("show nat44 sessions")["sessions"]) == 1
    sent(switch, links, udp(sport=4000))
    assert [m["parameters"]["ISPORT"] for m in collected(1)] == ["4000"]


def test_only_what_is_grave_enough(switch, links, collected):
    switch.ctl("set syslog filter severity notice")
    assert switch.ctl("show syslog filter") == "severity-filter: notice\n"
    assert "set syslog filter severity notice" in switch.running_config()
    sent(switch, links, udp())
    switch.ctl("test syslog local0 info app id hidden")
    switch.ctl("test syslog local1 notice app id seen")
    assert [(m["facility"], m["severity"], m["text"]) for m in collected(1)] == [(17, 5, "seen")]
    switch.ctl("set syslog filter severity info")
    sent(switch, links, udp(2001))
    assert collected(2)[1]["parameters"]["ISPORT"] == "2001"
    switch.ctl("set syslog sender disable")
    sent(switch, links, udp(2002))
    assert switch.ctl("show syslog sender") == "no syslog sender\n"
    switch.ctl(f"set syslog sender collector {COLLECTOR} port 514 src {SOURCE}")
    sent(switch, links, udp(2003))
    assert [m["parameters"].get("ISPORT") for m in collected(3)[1:]] == ["2001", "2003"]


def test_any_message(switch, links, collected):
    switch.ctl("test syslog ftp-daemon err app id sd-id exam@32473 sd-param a {x\"y]z} sd-param b {back\\\\slash} all of the rest")
    (m,) = collected(1)
    assert (m["facility"], m["severity"], m["app"], m["msgid"], m["element"], m["text"]) == \
        (11, 3, "app", "id", "exam@32473", "all of the rest")
    assert m["parameters"] == {"a": 'x"y]z', "b": "back\\slash"}


def test_wrong_words(switch, links, collected):
    def refused(command, words):
        with pytest.raises(Exception, match=words):
            switch.ctl(command)
    refused("test syslog nobody err app id", "unknown facility `nobody'")
    refused("test syslog local0 bad app id", "unknown severity `bad'")
    refused("test syslog local0 err app id sd-id a=b sd-param c d", "names are printable")
    refused(f"test syslog local0 err {'a' * 49} id", "at most 32 bytes, of a program 48")
    refused(f"test syslog local0 err app id {'x' * 500}", "longer than max-msg-size")
    refused(f"set syslog sender collector {COLLECTOR} src {SOURCE} max-msg-size 479", "at most 480 to")
    refused(f"set syslog sender collector 0.0.0.0 src {SOURCE}", "needs both addresses")
    refused("set syslog filter severity bad", "unknown severity")
    assert switch.json("show syslog sender")["max_msg_size"] == 480
    switch.ctl("set syslog sender disable")
    refused("set syslog sender disable", "no sender is set")
    refused("test syslog local0 err app id", "no sender is set")


def test_another_table(switch, links, collected):
    """Messages go by the routes of the table that is named, which stays for them."""
    switch.ctl("ip table add 5")
    switch.ctl(f"ip route add 198.51.100.0/24 table 5 via {COLLECTOR} {links[2]}")
    switch.ctl(f"set syslog sender collector 198.51.100.7 port 1514 src {SOURCE} vrf-id 5 max-msg-size 600")
    assert f"set syslog sender collector 198.51.100.7 port 1514 src {SOURCE} vrf-id 5 max-msg-size 600" in switch.running_config()
    capture = switch.capture(links[2])
    sent(switch, links, udp())
    (packet,) = capture.packets(1)
    capture.stop()
    assert (packet[IP].dst, packet[UDP].dport) == ("198.51.100.7", 1514)
    switch.ctl("set syslog sender disable")
    switch.ctl(f"ip route del 198.51.100.0/24 table 5 via {COLLECTOR} {links[2]}")
    with contextlib.suppress(Exception):
        switch.ctl("ip table del 5")


# --- IPFIX ---

@pytest.fixture
def exported(switch, links):
    switch.ctl(f"set ipfix exporter collector {COLLECTOR} src {SOURCE} udp-checksum")
    switch.ctl("nat ipfix logging enable")
    capture = switch.capture(links[2])
    yield Collector(capture)
    capture.stop()
    switch.ctl("nat ipfix logging disable")
    switch.ctl("set ipfix exporter collector 0.0.0.0")


def test_ipfix_of_sessions(switch, links, exported):
    sent(switch, links, udp())
    (begun,) = exported.take(1)  # a second later, by itself
    assert abs(begun.pop("time") / 1000 - datetime.datetime.now().timestamp()) < 600
    assert begun == {"event": 4, "src": HOST, "post_src": POOL, "protocol": 17, "sport": 2000, "post_sport": 2000, "vrf": 0,
                     "dst": SERVER, "post_dst": SERVER, "dport": 53, "post_dport": 53}
    assert exported.messages == [{"domain": 1, "bytes": exported.messages[0]["bytes"], "port": 4739, "templates": True}]
    switch.ctl("clear nat44 ed sessions")
    waiting(switch, 2)
    (ended,) = exported.take(2)
    assert (ended["event"], ended["sport"]) == (5, 2000)


def test_ipfix_fills_messages(switch, links, exported):
    switch.ctl(f"set ipfix exporter collector {COLLECTOR} src {SOURCE} path-mtu 300 template-interval 1000")
    switch.send(links[0], [links[0].ether() / udp(sport) for sport in range(3000, 3030)])
    waiting(switch, 30)
    shown = switch.json("show ipfix exporter")
    records = exported.take(shown["messages"])
    assert sorted(r["sport"] for r in records) == list(range(3000, 3030))
    assert [m["templates"] for m in exported.messages] == [True] + [False] * (len(exported.messages) - 1)
    assert max(m["bytes"] for m in exported.messages) <= 300 - 28
    assert len(exported.messages) >= 6
    switch.ctl(f"set ipfix exporter collector {COLLECTOR} src {SOURCE} template-interval 0")
    for sport in (4000, 4001):
        sent(switch, links, udp(sport))
        waiting(switch, sport - 3999)
    exported.take(len(exported.messages) + 2)
    assert [m["templates"] for m in exported.messages[-2:]] == [True, True]


def test_ipfix_when_there_is_no_room(switch, links, exported):
    switch.ctl("set nat44 session limit 2")
    for sport in (2000, 2001):
        sent(switch, links, IP(src=HOST, dst=SERVER) / TCP(sport=sport, dport=80, flags="S"))
        sent(switch, links, IP(src=SERVER, dst=POOL) / TCP(sport=80, dport=sport, flags="SA"), back=True)  # which stay
    switch.send(links[0], [links[0].ether() / udp(sport) for sport in range(2002, 2012)])
    waiting(switch, 3)  # of those that find no room one is told
    full = exported.take(switch.json("show ipfix exporter")["messages"])[-1]
    assert (full["event"], full["quota"], full["max_sessions"]) == (13, 1, 2)


def test_ipfix_when_addresses_are_exhausted(switch, links, exported):
    switch.ctl(f"nat44 add interface address {links[1]} del")
    switch.send(links[0], links[0].ether() / udp())
    waiting(switch, 1)
    (record,) = exported.take(switch.json("show ipfix exporter")["messages"])
    assert (record["event"], record["pool"]) == (3, 0)


def test_ipfix_settings(switch, links, exported):
    def refused(command, words):
        with pytest.raises(Exception, match=words):
            switch.ctl(command)
    sent(switch, links, udp())
    waiting(switch, 1)
    switch.ctl("nat ipfix logging enable domain 7 src-port 5000")
    assert "nat ipfix logging enable domain 7 src-port 5000" in switch.running_config()
    assert f"set ipfix exporter collector {COLLECTOR} port 4739 src {SOURCE} fib-id 0 path-mtu 512 template-interval 20 " \
        "udp-checksum" in switch.running_config()
    sent(switch, links, udp(2001))
    waiting(switch, 2)
    capture = taken(exported.capture, 2)[1]
    assert struct.unpack_from(">I", bytes(capture[UDP].payload), 12) == (7,)
    assert capture[UDP].sport == 5000
    made = IP(bytes(capture[IP]))
    del made[UDP].chksum
    assert IP(bytes(made))[UDP].chksum == capture[UDP].chksum != 0
    refused(f"set ipfix exporter collector {COLLECTOR}", "src address required")
    refused(f"set ipfix exporter collector {COLLECTOR} src {SOURCE} path-mtu 1451", "maximum is 1450")
    refused(f"set ipfix exporter collector {COLLECTOR} src {SOURCE} path-mtu 255", "minimum is 256")
    refused("nat ipfix logging enable src-port 0", "a stream has a port")
    switch.ctl("nat ipfix logging disable")
    sent(switch, links, udp(2002))
    switch.ctl("ipfix flush")
    assert switch.json("show ipfix exporter")["records"] == 2
    switch.ctl("set ipfix exporter collector 0.0.0.0")
    assert switch.ctl("show ipfix exporter") == "IPFIX Collector is disabled\n"

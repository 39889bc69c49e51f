"""What collectors that others wrote understand of NAT's logs: sessions by IPFIX (RFC 8158), and by syslog (RFC 5424)."""
import os
import re
import shutil
import subprocess

import lib
import pytest

INSIDE, POOL, SERVER = "10.10.2.1", "10.10.1.2", "10.10.1.1"
RSYSLOG = """
module(load="imudp")
input(type="imudp" port="514" address="{address}" ruleset="all")
template(name="t" type="string" string="%syslogfacility-text%.%syslogseverity-text%|%app-name%|%msgid%|%hostname%|%structured-data%\\n")
ruleset(name="all") {{ action(type="omfile" file="{folder}/messages" template="t" asyncWriting="off") }}
"""


def must_have(program, package):
    """Its path: where people who are not root have none."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if not path:
        pytest.skip(f"no {program} here (Debian: {package})")
    return path


def sides(net, address, gateway, ipv6=False):
    """inside -- [vpp] -- 10.10.1.1, where the collector is."""
    switch, inside, outside = net.namespace(), net.namespace(ipv6=ipv6), net.namespace()
    switch.veth("vppin", "in", inside)
    switch.veth("vppout", "out", outside)
    inside.ip(f"addr add {address} dev in" + " nodad" * ipv6)
    inside.ip(f"{'-6 ' * ipv6}route add default via {gateway.split('/')[0]}")
    outside.ip(f"addr add {SERVER}/24 dev out")
    vpp = net.vpp(switch)
    vpp.configure(f"""
        create host-interface name vppin
        create host-interface name vppout
        set int state host-vppin up
        set int state host-vppout up
        set int ip address host-vppin {gateway}
        set int ip address host-vppout {POOL}/24
    """)
    return vpp, inside, outside


@pytest.fixture
def nat(net):
    vpp, inside, outside = sides(net, f"{INSIDE}/24", "10.10.2.2/24")
    vpp.configure("""
        nat44 plugin enable
        nat44 add interface address host-vppout
        set interface nat44 in host-vppin out host-vppout
    """)
    return vpp, inside, outside


@pytest.fixture
def collector(tmp_path):
    """A function that starts a collector, which ends with the test, as often as it is called."""
    running = []

    def start(namespace, argv):
        with open(tmp_path / "output", "ab") as output:
            running.append(namespace.popen(argv, stdout=output, stderr=subprocess.STDOUT))
        return running[-1]
    yield start
    for process in running:
        process.kill()
        process.wait()


def listens(namespace, port):
    lib.wait_for(lambda: f":{port} " in namespace.run(["ss", "-Hlun"]).stdout, f"somebody to listen at port {port}", 20)


def has_read(namespace, port):
    """What has come to a port is not waiting there for who listens."""
    def waiting():
        return [line.split()[1] for line in namespace.run(["ss", "-Hlun"]).stdout.splitlines() if f":{port} " in line]
    lib.wait_for(lambda: waiting() == ["0"], f"the socket of port {port} to be read", 20)


def talk(inside, outside):
    """A connection, whose ports are known."""
    seen = []
    server = lib.serve_echoes(outside, "0.0.0.0", 1, seen)
    assert lib.echoes(inside, SERVER, (INSIDE, 30000))
    server.join(20)
    return seen[0]


def export(vpp):
    vpp.ctl(f"set ipfix exporter collector {SERVER} src {POOL} udp-checksum")
    vpp.ctl("nat ipfix logging enable")


def all_sent(vpp, records):
    def sent():
        vpp.ctl("ipfix flush")
        return vpp.json("show ipfix exporter")["records"] >= records
    lib.wait_for(sent, f"{records} records to be sent")


def told_by(nfdump, namespace, folder):
    """A function that says all values of a key in what nfcapd has written there."""
    (file,) = [f for f in os.listdir(folder) if re.match(r"nfcapd\.\d", f)]
    text = namespace.run([nfdump, "-r", str(folder / file), "-q", "-o", "json"]).stdout
    return lambda key: re.findall(f'"{key}" *: *"?([^",]+)', text)


def test_nfdump(nat, collector, tmp_path):
    vpp, inside, outside = nat
    argv = [must_have("nfcapd", "nfdump"), "-w", str(tmp_path), "-b", SERVER, "-p", "4739"]
    nfdump = must_have("nfdump", "nfdump")
    process = collector(outside, argv)
    listens(outside, 4739)
    export(vpp)
    _, port = talk(inside, outside)
    vpp.ctl("clear nat44 ed sessions")
    all_sent(vpp, 2)
    has_read(outside, 4739)
    process.terminate()  # which writes what it has
    process.wait(20)
    told = told_by(nfdump, inside, tmp_path)
    assert told("nat_event") == ["NAT44 session create", "NAT44 session delete"]
    session = {"proto": "6", "src4_addr": INSIDE, "src_port": "30000", "dst4_addr": SERVER, "dst_port": "7777",
               "src4_xlt_ip": POOL, "src_xlt_port": str(port), "dst4_xlt_ip": SERVER, "dst_xlt_port": "7777"}
    assert {key: told(key) for key in session} == {key: [value] * 2 for key, value in session.items()}


def test_nfdump_of_nat64(net, collector, tmp_path):
    nfcapd, nfdump = must_have("nfcapd", "nfdump"), must_have("nfdump", "nfdump")
    vpp, inside, outside = sides(net, "2001:db8:1::1/64", "2001:db8:1::2/64", ipv6=True)
    vpp.configure(f"""
        nat64 plugin enable
        nat64 add interface address host-vppout
        set interface nat64 in host-vppin
        set interface nat64 out host-vppout
        set ipfix exporter collector {SERVER} src {POOL}
        nat64 ipfix logging enable
    """)
    process = collector(outside, [nfcapd, "-w", str(tmp_path), "-b", SERVER, "-p", "4739"])
    listens(outside, 4739)
    lib.wait_for(lambda: inside.ping(f"64:ff9b::{SERVER}", count=1, deadline=1) == 1, "the links", 20)
    vpp.ctl("nat64 plugin disable")
    all_sent(vpp, 4)
    has_read(outside, 4739)
    process.terminate()
    process.wait(20)
    told = told_by(nfdump, inside, tmp_path)
    events = told("nat_event")
    assert sorted(set(events)) == [f"NAT64 {what} {how}" for what in ("BIB", "session") for how in ("create", "delete")], events
    assert set(told("src6_addr")) == {"2001:db8:1::1"} and set(told("src4_xlt_ip")) == {POOL}
    assert set(told("dst4_xlt_ip")) == {SERVER, "0.0.0.0"}  # a binding has nobody outside


def test_rsyslog(nat, collector, tmp_path):
    vpp, inside, outside = nat
    program = must_have("rsyslogd", "rsyslog")
    (tmp_path / "conf").write_text(RSYSLOG.format(address=SERVER, folder=tmp_path))
    collector(outside, [program, "-n", "-f", str(tmp_path / "conf"), "-i", str(tmp_path / "pid")])
    listens(outside, 514)
    vpp.ctl(f"set syslog sender collector {SERVER} src {POOL}")
    _, port = talk(inside, outside)
    vpp.ctl("clear nat44 ed sessions")
    messages = tmp_path / "messages"
    lib.wait_for(lambda: messages.exists() and messages.read_text().count("\n") == 2, "two messages", 20)
    data = (f'[nsess SSUBIX="0" IATYP="IPv4" ISADDR="{INSIDE}" ISPORT="30000" XATYP="IPv4" XSADDR="{POOL}" XSPORT="{port}" '
            f'PROTO="6" XDADDR="{SERVER}" XDPORT="7777"]')
    assert messages.read_text().splitlines() == [f"local0.info|NAT|{msgid}|{POOL}|{data}" for msgid in ("SADD", "SDEL")]

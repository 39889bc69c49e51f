"""The saved configuration: replayed to the end whatever fails, written without losing anything."""
import json
import os
import signal
import socket
import subprocess
import sys
import time

import lib
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../../python")
from piste import Api  # noqa: E402  pylint: disable=wrong-import-position

LATE = """create host-interface name late
create bridge-domain 3
set interface ip address host-late 10.7.0.1/24
set interface mtu packet 1400 host-late
set interface state host-late up
ip route add 50.0.0.0/8 via drop
ip route add 51.0.0.0/8 via 10.7.0.9 host-late
"""


def replaying(net, ns, text, unix="", name="running.conf"):
    """A daemon that replays text; not started."""
    vpp = net.vpp(ns, start=False)
    vpp.running = f"{vpp.folder}/{name}"
    vpp.write_conf(unix=f"running-config {vpp.running} {unix}")
    write(vpp.running, text)
    return vpp


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def beside(vpp):
    """Files that `write` made beside the saved one."""
    return sorted(n for n in os.listdir(vpp.folder) if n.startswith("running.conf."))


# ---- replay

def test_a_late_device_gets_all_that_was_saved(net):
    ns = net.namespace()
    vpp = replaying(net, ns, LATE).start()
    assert vpp.json("show running-config errors")["errors"] == []
    assert "no such device" in vpp.ctl("show hardware-interfaces host-late")
    before = vpp.running_config()
    assert "ip route add 51.0.0.0/8 via 10.7.0.9 host-late" in before
    ns.veth("late", "peer")
    ns.ip("addr add 10.7.0.9/24 dev peer")
    lib.wait_for(lambda: vpp.link("host-late") == "up", "the link")
    # the kernel drops what it sends by a new device until it has looked at its carrier itself, up to a second later
    lib.wait_for(lambda: ns.ping("10.7.0.1") == 3, "pings by a device that came", timeout=10)
    assert vpp.running_config() == before
    assert vpp.interfaces()["host-late"]["mtu"] == 1400


def test_waiting_is_for_the_replay_only(net):
    vpp = net.vpp(net.namespace())
    assert "late" in vpp.fails("create host-interface name late")
    write(vpp.folder + "/script", "create host-interface name late\n")
    vpp.fails(f"exec {vpp.folder}/script")
    assert list(vpp.interfaces()) == ["local0"]


def test_every_line_is_tried_and_failures_are_told(net):
    ns = net.namespace()
    vpp = replaying(net, ns, "# comment\ncreate loopback interface instance 1\nset interface state loop9 up\n"
                             "no such thing \\\n and more\n\ncreate bridge-domain 7\n").start()
    assert "loop1" in vpp.interfaces()
    assert "create bridge-domain 7\n" in vpp.ctl("show running-config")
    errors = vpp.json("show running-config errors")
    assert errors["script"] == vpp.running and errors["failed"] == 2
    assert [(e["line"], e["command"]) for e in errors["errors"]] == [
        (3, "set interface state loop9 up"), (4, "no such thing   and more")]
    assert "unknown interface `loop9 up'" in errors["errors"][0]["error"]
    text = vpp.ctl("show running-config errors")
    assert "2 lines could not be replayed" in text and "3: set interface state loop9 up" in text
    log = vpp.ctl("show logging")
    assert f"{vpp.running}:3: " in log and f"{vpp.running}:4: " in log


def test_a_thousand_failures_are_all_in_the_log(net):
    vpp = replaying(net, net.namespace(), "set logging size 5000\n" + "nonsense\n" * 1000).start()
    assert vpp.ctl("show logging").count("unknown input `nonsense'") == 1000


def test_write_after_an_incomplete_replay_keeps_the_old_file(net):
    text = "create loopback interface instance 1\nset interface state loop9 up\n"
    vpp = replaying(net, net.namespace(), text).start()
    said = vpp.ctl("write")
    kept, = [n for n in beside(vpp) if ".unreplayed-" in n]
    assert f"{vpp.folder}/{kept}" in said and read(f"{vpp.folder}/{kept}") == text
    assert "loop9" not in read(vpp.running)
    time.sleep(1.1)
    assert "unreplayed" not in vpp.ctl("write")
    assert [n for n in beside(vpp) if ".unreplayed-" in n] == [kept]
    vpp.stop()
    vpp.start()
    assert "all lines were replayed" in vpp.ctl("show running-config errors")


def test_a_file_that_cannot_be_read_is_not_overwritten(net):
    vpp = replaying(net, net.namespace(), "create bridge-domain 4\n\0x").start()
    assert "not text" in vpp.ctl("show running-config errors")
    assert "no copy of it can be kept" in vpp.fails("write")
    assert "\0" in read(vpp.running)


@pytest.mark.parametrize("client", ["vppctl", "API"])
def test_clients_wait_for_the_end_of_the_replay(net, client):
    """What answers has all of it; so has what is written."""
    n = 20000
    lines = "".join(f"ip route add 10.{i >> 8}.{i & 255}.0/24 via drop\n" for i in range(n))
    vpp = replaying(net, net.namespace(), "create loopback interface\n" + lines)
    vpp.launch()
    if client == "API":
        path = vpp.folder + "/api.sock"
        lib.wait_for(lambda: os.path.exists(path), "the socket")
        with Api(path) as api:
            assert len(api.ip_route_dump(table={"table_id": 0})) >= n
        return
    lib.wait_for(lambda: os.path.exists(vpp.cli), "the socket")
    first = vpp.vppctl("write")
    assert first.returncode == 0, first.stdout
    assert read(vpp.running).count("ip route add") == n


def test_a_write_in_the_start_script_is_refused(net):
    vpp = replaying(net, net.namespace(), "create bridge-domain 4\nwrite\ncreate bridge-domain 5\n").start()
    error, = vpp.json("show running-config errors")["errors"]
    assert "has not ended yet" in error["error"]
    assert "create bridge-domain 5\n" in vpp.ctl("show running-config")


def test_console_and_ready_wait_too(net):
    """As a daemon: who started it gets on when the replay is done."""
    vpp = replaying(net, net.namespace(), "wait 0.5\ncreate bridge-domain 4\n")
    with open(vpp.conf, encoding="ascii") as f:
        text = f.read().replace("nodaemon", "pidfile vpp.pid")
    write(vpp.conf, text)
    begin = time.monotonic()
    done = subprocess.run([vpp.build + "/vpp", "-c", vpp.conf], check=True, timeout=10)
    assert done.returncode == 0 and time.monotonic() - begin > 0.5
    try:
        assert "create bridge-domain 4\n" in vpp.ctl("show running-config")
    finally:
        os.kill(int(read(vpp.folder + "/vpp.pid")), signal.SIGTERM)
        lib.wait_for(lambda: vpp.vppctl("show version").returncode, "the end")


# ---- names

def test_names_go_aside_only_in_a_circle(net):
    """In whatever order interfaces were made: one that leaves its name to another does so first."""
    vpp = net.vpp(net.namespace())

    def renamings():
        return [line for line in vpp.ctl("show running-config").splitlines() if line.startswith("set interface name")]
    vpp.configure("create loopback interface\ncreate loopback interface\ncreate loopback interface\n"
                  "set interface name loop2 x\nset interface name loop1 loop2\nset interface name loop0 loop1")
    assert renamings() == ["set interface name loop2 x", "set interface name loop1 loop2", "set interface name loop0 loop1"]
    vpp.ctl("set interface name x loop0")
    assert renamings() == ["set interface name loop2 aside0", "set interface name loop1 loop2",
                           "set interface name loop0 loop1", "set interface name aside0 loop0"]


NAMES = [
    # swapped
    """create loopback interface
       create loopback interface
       set interface name loop0 x
       set interface name loop1 loop0
       set interface name x loop1""",
    """set interface name local0 foo
       set interface tag foo {a tag}""",
    # a parent takes the old name of a sub-interface that was renamed
    """create loopback interface
       create loopback interface
       create sub-interfaces loop0 5
       set interface name loop0.5 sub
       create sub-interfaces loop1 6
       set interface name loop1 loop0.5
       set interface state loop0.5.6 up""",
    # sub-interfaces that have each other's names
    """create loopback interface
       create sub-interfaces loop0 5-7
       set interface name loop0.5 x
       set interface name loop0.6 loop0.5
       set interface name x loop0.6""",
    # a ring of three, and names of another kind
    """create loopback interface
       create loopback interface
       pipe create
       set interface name pipe0.1 x
       set interface name loop0 pipe0.1
       set interface name pipe0 loop0
       set interface name loop1 pipe0
       set interface name x loop1
       create sub-interfaces loop0 3
       set interface state pipe0.1 up""",
]


@pytest.mark.parametrize("commands", NAMES)
def test_names_come_back(net, commands):
    vpp = replaying(net, net.namespace(), "").start()
    vpp.configure(commands)
    before = vpp.running_config()
    macs = {n: i.get("mac") for n, i in vpp.interfaces().items()}
    vpp.ctl("write")
    vpp.stop()
    vpp.start()
    assert vpp.json("show running-config errors")["errors"] == []
    assert vpp.running_config() == before
    assert {n: i.get("mac") for n, i in vpp.interfaces().items()} == macs


# ---- write

def test_versions_are_kept(net):
    vpp = replaying(net, net.namespace(), "", unix="running-config-versions 3").start()
    for i in range(1, 6):
        vpp.ctl(f"create bridge-domain {i}")
        vpp.ctl("write")
        vpp.ctl("write")  # nothing new: no version
    assert beside(vpp) == ["running.conf.1", "running.conf.2", "running.conf.3"]
    for version in range(1, 4):
        text = read(f"{vpp.running}.{version}")
        assert f"bridge-domain {5 - version}\n" in text and f"bridge-domain {6 - version}\n" not in text


def test_diff(net):
    vpp = replaying(net, net.namespace(), "").start()
    assert vpp.ctl("show running-config diff") == f"the running config is as it was saved in {vpp.running}\n"
    vpp.configure("""
        create loopback interface instance 1 mac 02:00:00:00:00:01
        set interface state loop1 up
        ip route add 50.0.0.0/8 via drop
    """)
    assert vpp.ctl("show running-config diff").startswith("+create loopback interface")
    vpp.ctl("write")
    assert "as it was saved" in vpp.ctl("show running-config diff")
    vpp.configure("""
        ip route del 50.0.0.0/8 via drop
        set interface mtu 1400 loop1
        set interface state loop1 down
    """)
    assert vpp.ctl("show running-config diff").splitlines() == [
        "-set interface state loop1 up", "-ip route add 50.0.0.0/8 via drop", "+set interface mtu 1400 loop1"]
    assert vpp.json("show running-config diff") == {
        "removed": ["set interface state loop1 up", "ip route add 50.0.0.0/8 via drop"],
        "added": ["set interface mtu 1400 loop1"]}


def test_write_to_a_mounted_file(net):
    """A container's configuration: a file that cannot be replaced, in a folder that cannot be written."""
    ns = net.namespace()
    vpp = replaying(net, ns, "create bridge-domain 1\n")
    volume = vpp.folder + "/volume"
    write(volume, "create bridge-domain 2\n")
    prefix = ["unshare", "-m", "--propagation", "private", "sh", "-c",
              f"mount --bind {volume} {vpp.running} && exec \"$@\"", "sh"]
    vpp.prefix = prefix
    vpp.start()
    assert "create bridge-domain 2\n" in vpp.ctl("show running-config")
    vpp.ctl("create bridge-domain 3")
    assert "written" in vpp.ctl("write")
    assert "create bridge-domain 3\n" in read(volume)
    vpp.stop()
    vpp.start()
    assert "create bridge-domain 3\n" in vpp.ctl("show running-config")


def test_write_through_a_dangling_link(net):
    vpp = replaying(net, net.namespace(), "")
    os.remove(vpp.running)
    os.symlink("real.conf", vpp.running)
    vpp.start()
    vpp.ctl("create bridge-domain 3")
    vpp.ctl("write")
    assert os.path.islink(vpp.running)
    assert "create bridge-domain 3\n" in read(vpp.folder + "/real.conf")


def test_a_killed_writer_leaves_nothing(net):
    """Killed in the middle of writes, again and again: the file is whole, and the next start cleans up."""
    lines = "".join(f"ip route add 10.{i >> 8}.{i & 255}.0/24 via drop\n" for i in range(3000))
    vpp = replaying(net, net.namespace(), lines, unix="running-config-versions 0")
    for delay in (0, 0.002, 0.004, 0.008):
        vpp.start()
        writer = subprocess.Popen([vpp.build + "/vppctl", "-s", vpp.cli], stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        writer.stdin.write(b"write\n" * 200)
        writer.stdin.flush()
        time.sleep(0.05 + delay)
        vpp.kill()
        writer.kill()
        writer.wait()
        assert read(vpp.running).count("ip route add") == 3000
    write(vpp.running + ".new", "left")
    vpp.start()
    assert beside(vpp) == []


def test_levels_of_log_classes_come_back(net):
    """Also of a class that has not said anything yet."""
    vpp = replaying(net, net.namespace(), "").start()
    vpp.configure("""
        set logging class ip level debug
        set logging class nobody level error syslog-level alert
    """)
    lines = vpp.running_config()
    vpp.ctl("write")
    vpp.stop()
    vpp.start()
    assert vpp.running_config() == lines and len(lines) == 2
    assert json.dumps(vpp.json("show logging configuration"))


# ---- going back

def starts(vpp):
    return read(vpp.log_file).count("Start: PID")


def routed_main_job(net, unix=""):
    ns = net.namespace()
    ns.veth("vpp1out", "vpp1host")
    ns.ip("addr add 10.10.1.1/24 dev vpp1host")
    vpp = replaying(net, ns, "", unix=unix).start()
    vpp.configure("""
        create host-interface name vpp1out
        set int ip address host-vpp1out 10.10.1.2/24
        set int state host-vpp1out up
        ip table add 7
        ip route add 50.0.0.0/8 via 10.10.1.1 host-vpp1out
        create bridge-domain 5
    """)
    vpp.ctl("write")
    return ns, vpp


MORE = """
    create loopback interface instance 3
    set interface name loop3 other
    set interface l2 bridge other 5
    set interface ip address host-vpp1out 10.10.2.2/24
    ip route add 51.0.0.0/8 via 10.10.1.1 host-vpp1out
    ip route del 50.0.0.0/8 via 10.10.1.1 host-vpp1out
    ip route add 52.0.0.0/8 table 7 via drop
    create sub-interfaces host-vpp1out 9
    set interface state host-vpp1out.9 up
    ip neighbor host-vpp1out 10.10.1.77 02:00:00:00:00:77 static
    set interface tag host-vpp1out {a tag}
    policer add name p rate kbps cir 1000 cb 64000
    policer input name p host-vpp1out
"""


def echo_replies(ns):
    """As the kernel counts: ping itself waits for the last ones for some milliseconds only."""
    names, values = (line.split() for line in ns.run("cat /proc/net/snmp").stdout.splitlines() if line.startswith("Icmp:"))
    return int(values[names.index("InEchoReps")])


def test_rollback_does_not_stop_traffic(net):
    ns, vpp = routed_main_job(net)
    replies = echo_replies(ns)
    before = vpp.running_config()
    vpp.configure(MORE)
    assert vpp.running_config() != before
    ping = ns.popen("ping -n -i 0.005 -c 200 10.10.1.2", stdout=subprocess.PIPE, text=True)
    time.sleep(0.2)
    said = vpp.ctl("configure rollback")
    assert "done, by" in said
    assert "200 packets transmitted" in ping.communicate(timeout=20)[0]
    lib.wait_for(lambda: echo_replies(ns) == replies + 200, "all answers")
    assert sorted(vpp.running_config()) == sorted(before) and starts(vpp) == 1
    assert "as it was saved" in vpp.ctl("show running-config diff")


def test_rollback_brings_ports_of_layer_2_back_as_they_were(net):
    """Whoever leaves and comes back stands where it stood: nothing is left to differ, and nothing starts anew."""
    _, vpp = routed_main_job(net)
    vpp.configure("create loopback interface\n" * 6 + "create sub-interfaces loop4 7\ncreate loopback interface")
    vpp.configure("\n".join(f"set interface l2 bridge {port} 5" for port in ("loop6", "loop4.7", "loop1", "loop3", "loop2")) +
                  "\nset interface l2 bridge loop0 5 bvi\nset interface l2 xconnect loop5 loop4\nset interface l2 xconnect loop4 loop5"
                  "\ntest l2patch rx host-vpp1out tx loop5")
    vpp.ctl("write")
    before = vpp.running_config()
    dump = vpp.ctl("show bridge-domain 5 detail")
    vpp.configure("set interface l3 loop1\nset interface l3 loop4\nset interface l2 bridge loop4.7 6\nset interface l3 loop0\n"
                  "test l2patch rx host-vpp1out tx loop5 del")
    assert vpp.running_config() != before
    assert "done, by" in vpp.ctl("configure rollback")
    assert vpp.running_config() == before and starts(vpp) == 1
    assert "as it was saved" in vpp.ctl("show running-config diff")

    def ports(text):
        return [line.split()[0] for line in text.splitlines() if line.split() and line.split()[0].startswith("loop")]
    assert ports(vpp.ctl("show bridge-domain 5 detail")) == ports(dump) == ["loop0", "loop1", "loop2", "loop3", "loop6", "loop4.7"]


def test_rollback_gives_a_device_its_mtu_back(net):
    ns, vpp = routed_main_job(net)
    before, device = vpp.running_config(), "vpp1out"

    def device_mtu():
        return json.loads(ns.ip(f"-j link show {device}"))[0]["mtu"]

    assert device_mtu() == 1500
    vpp.configure("set interface mtu 4000 host-vpp1out\nset interface mtu packet 3000 host-vpp1out")
    assert device_mtu() == 4000
    assert "done, by" in vpp.ctl("configure rollback")
    assert device_mtu() == 1500 and vpp.running_config() == before and starts(vpp) == 1
    # by hand as well, and when the interface goes; what others set stays
    vpp.ctl("set interface mtu 4000 host-vpp1out")
    vpp.ctl("set interface mtu 1400 host-vpp1out")
    assert device_mtu() == 1500
    vpp.ctl("set interface mtu 4000 host-vpp1out")
    ns.ip(f"link set {device} mtu 6000")
    lib.wait_for(lambda: "6000" in vpp.ctl("show hardware-interfaces host-vpp1out") or
                 vpp.json("show interface host-vpp1out")["interfaces"][0]["mtu"] != 1500, "the device's MTU to be heard of")
    vpp.ctl("set interface mtu 1400 host-vpp1out")
    assert device_mtu() == 6000
    vpp.ctl("set interface mtu 7000 host-vpp1out")
    assert device_mtu() == 7000
    vpp.ctl("delete host-interface name vpp1out")
    assert device_mtu() == 6000


def test_rollback_to_versions(net):
    _, vpp = routed_main_job(net)
    configs = []
    for i in range(3):
        vpp.ctl(f"create bridge-domain {10 + i}")
        vpp.ctl("write")
        configs.append(vpp.running_config())
    for version in (2, 0, 1):
        vpp.ctl(f"configure rollback {version}")
        assert vpp.running_config() == configs[2 - version]
    assert "failed to open" in vpp.fails("configure rollback 9")


def test_rollback_of_what_has_no_opposite_starts_anew(net):
    ns, vpp = routed_main_job(net)
    before, pid = vpp.running_config(), vpp.pid
    vpp.ctl("set ip neighbor-config ip4 limit 1000")
    vpp.vppctl("configure rollback")
    lib.wait_for(lambda: vpp.vppctl("show version").returncode == 0 and starts(vpp) == 2, "the restart")
    assert vpp.running_config() == before and vpp.pid == pid
    assert "rollback.conf" not in os.listdir(vpp.folder)
    assert vpp.json("show running-config errors")["errors"] == []
    assert ns.ping("10.10.1.2") == 3


def test_unconfirmed_changes_are_taken_back_when_the_session_is_cut(net):
    """The session dies at once; so does the network that it came by."""
    ns, vpp = routed_main_job(net)
    before = vpp.running_config()
    session = ns.popen([vpp.build + "/vppctl", "-s", vpp.cli], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    session.stdin.write(b"configure commit-confirm 2\n" + MORE.encode() + b"\nset int state host-vpp1out down\n")
    session.stdin.flush()
    lib.wait_for(lambda: vpp.link("host-vpp1out") == "down", "the cut")
    session.kill()
    session.wait()
    text = vpp.ctl("show running-config unconfirmed")
    assert "taken back in" in text
    assert "wait to be confirmed" in vpp.fails("write")
    lib.wait_for(lambda: sorted(vpp.running_config()) == sorted(before), "the way back", timeout=6)
    lib.wait_for(lambda: ns.ping("10.10.1.2") == 3, "a port that is up again")
    assert "were not confirmed" in vpp.ctl("show logging")
    assert "nothing waits" in vpp.ctl("show running-config unconfirmed")
    vpp.ctl("write")


def test_who_cuts_himself_off_is_back(net):
    """A client of the CLI over TCP, whose way leads through the switch, sets its port down."""
    client, switch = net.namespace(), net.namespace()
    switch.veth("p1", "c1", client)
    switch.veth("p2", "m2")
    client.ip("addr add 10.9.0.1/24 dev c1")
    switch.ip("addr add 10.9.0.2/24 dev m2")
    vpp = net.vpp(switch, start=False)
    unix = vpp.cli
    vpp.write_conf(unix="cli-line-mode")
    write(vpp.conf, read(vpp.conf).replace(f"cli-listen {unix}", "cli-listen 0.0.0.0:5002"))
    vpp.cli = "10.9.0.2:5002"
    vpp.launch()

    def tcp(text):
        """What a command printed, as far as the network leads there."""
        with client.entered(), socket.socket() as s:
            s.settimeout(0.5)
            try:
                s.connect(("10.9.0.2", 5002))
                s.sendall(text.encode() + b"\n")
                return s.recv(4096).decode()
            except OSError:
                return ""

    api = lib.wait_for(lambda: os.path.exists(vpp.folder + "/api.sock"), "the API")
    assert api
    with Api(vpp.folder + "/api.sock") as local:
        for line in ("create host-interface name p1", "create host-interface name p2",
                     "create bridge-domain 1", "set interface l2 bridge host-p1 1", "set interface l2 bridge host-p2 1",
                     "set interface state host-p1 up", "set interface state host-p2 up"):
            assert local.cli_inband(cmd=line).retval == 0
        assert "vpp v" in lib.wait_for(lambda: tcp("show version"), "the way through the switch", timeout=10)
        tcp("configure commit-confirm 2")
        tcp("set interface state host-p1 down")
        assert "vpp v" not in tcp("show version")
        assert "vpp v" in lib.wait_for(lambda: tcp("show version"), "the way back", timeout=10)


def test_confirmed_changes_stay(net):
    _, vpp = routed_main_job(net)
    assert "nothing waits" in vpp.fails("configure confirm")
    assert "nothing waits" in vpp.fails("configure abort")
    vpp.ctl("configure commit-confirm 1")
    vpp.ctl("create bridge-domain 9")
    vpp.ctl("configure confirm")
    time.sleep(1.3)
    assert "create bridge-domain 9" in vpp.running_config()
    vpp.ctl("write")


def test_abort_goes_back_at_once(net):
    _, vpp = routed_main_job(net)
    before = vpp.running_config()
    vpp.ctl("configure commit-confirm 600")
    vpp.configure(MORE)
    vpp.ctl("configure commit-confirm 500")
    vpp.ctl("configure abort")
    assert sorted(vpp.running_config()) == sorted(before)
    assert vpp.fails("configure commit-confirm 0") and vpp.fails("configure commit-confirm 100000")


# ---- the order of lines

def test_a_replayed_configuration_is_no_change(net):
    """Ports that were made after a sub-interface are made before it then."""
    vpp = replaying(net, net.namespace(), "", unix="").start()
    vpp.configure("""create loopback interface
                     create sub-interfaces loop0 5
                     create loopback interface
                     create sub-interfaces loop1 6
                     create loopback interface""")
    for n, i in enumerate(("loop1", "loop0.5", "loop2")):
        vpp.configure(f"""set interface state {i} up
                          set interface ip address {i} 10.{n}.0.1/24
                          set interface ip address {i} 2001:db8:{n}::1/64
                          set interface reassembly {i} on
                          set interface proxy-arp {i} enable
                          ip6 nd {i} ra-lifetime 1000""")
    vpp.ctl("write")
    before = vpp.running_config()
    vpp.stop()
    vpp.start()
    assert vpp.running_config() == before
    assert "as it was saved" in vpp.ctl("show running-config diff")

"""A switch with a network over its life: configuration saved and replayed, crashes, faults in
startup.conf, missing rights, rest. test_daemon.py has the process without a network."""
import os
import re
import subprocess
import time

import lib
import pytest

CONFIGURATION = """
    create host-interface name vpp1out
    set int ip address host-vpp1out 10.10.1.2/24
    set int ip address host-vpp1out 10.10.3.2/24
    set int state host-vpp1out up
    set interface mtu packet 1400 host-vpp1out
    set interface tag host-vpp1out uplink
    create loopback interface mac 02:00:00:00:00:99 instance 5
    set interface state loop5 up
    ip table add 20
    set interface ip table loop5 20
    set interface ip address loop5 192.168.7.1/24
    set ip neighbor static host-vpp1out 10.10.1.51 02:00:00:00:00:51
    ip route add 10.20.0.0/16 via 10.10.1.1 host-vpp1out
    ip route add 10.21.0.0/16 via 10.10.1.1 host-vpp1out weight 2 via 10.10.1.51 host-vpp1out weight 1
    ip route add 10.22.0.0/16 table 20 via 192.168.7.9 loop5
"""


def veth(ns):
    ns.veth("vpp1out", "vpp1host")
    ns.ip("addr add 10.10.1.1/24 dev vpp1host")


def saved(net, ns):
    """A daemon that keeps its configuration in a file."""
    vpp = net.vpp(ns, start=False)
    vpp.write_conf(unix=f"running-config {vpp.running}")
    return vpp


# ---- saved configuration

def test_restart_with_saved_configuration(net):
    ns = net.namespace()
    veth(ns)
    vpp = saved(net, ns).start()
    vpp.configure(CONFIGURATION)
    before = vpp.running_config()
    assert len(before) >= 14, before
    shows = {c: vpp.ctl(c) for c in ("show int addr", "show interface tag host-vpp1out")}
    vpp.ctl("write")
    vpp.stop()

    vpp.start()
    lib.wait_for(lambda: vpp.running_config() == before,
                 f"the same configuration; now {vpp.running_config()}")
    for command, text in shows.items():
        assert vpp.ctl(command) == text
    assert ns.ping("10.10.1.2") == 3
    assert "3 received" in vpp.ctl("ping 10.10.1.1 repeat 3 interval 0.02")


def test_configuration_is_commands(net):
    """What `show running-config` prints runs line by line on an empty switch, to the same end."""
    ns = net.namespace()
    veth(ns)
    first = net.vpp(ns)
    first.configure(CONFIGURATION)
    lines = first.running_config()
    first.stop()
    second = net.vpp(ns)
    for line in lines:
        second.ctl(line)
    assert second.running_config() == lines


@pytest.mark.parametrize("startup, then", [("adaptive", "polling"), ("polling", "adaptive")])
def test_rx_modes_come_back(net, startup, then):
    """A queue keeps its mode when the default changes after it was made, and when it is saved."""
    ns = net.namespace()
    ns.veth("vpp1out", "vpp1host")
    vpp = net.vpp(ns, start=False)
    vpp.write_conf(f"running-config {vpp.running}", f"interface {{ default-rx-mode {startup} }}")
    vpp.start().configure(f"""
        create host-interface name vpp1out
        set interface default rx-mode {then}
    """)
    lines = vpp.running_config()
    vpp.ctl("write")
    vpp.stop()
    vpp.start()
    lib.wait_for(lambda: vpp.running_config() == lines, "the configuration")
    queue, = vpp.json("show interface rx-placement")["threads"][0]["queues"]
    assert queue["mode"] == startup
    assert vpp.ctl("show interface default rx-mode") == f"default rx-mode: {then}\n"


def test_mtu_of_the_device_is_not_saved(net):
    """Only what was asked for is: the device may have another one at the next start."""
    ns = net.namespace()
    ns.veth("plain", "p0")
    ns.veth("asked", "a0")
    vpp = saved(net, ns).start()
    vpp.configure("""
        create host-interface name plain
        create host-interface name asked
        set interface mtu 1200 host-asked
    """)
    lines = vpp.running_config()
    assert [line for line in lines if "mtu" in line] == ["set interface mtu 1200 host-asked"]
    vpp.ctl("write")
    vpp.stop()
    ns.ip("link set plain mtu 1400")
    vpp.start()
    lib.wait_for(lambda: vpp.running_config() == lines, "the configuration")
    assert vpp.interfaces()["host-plain"]["mtu"] == 1400
    assert vpp.interfaces()["host-asked"]["mtu"] == 1200
    ns.ip("link set plain mtu 1300")
    ns.ip("link set asked mtu 1300")
    lib.wait_for(lambda: vpp.interfaces()["host-plain"]["mtu"] == 1300, "the device's MTU")
    assert vpp.interfaces()["host-asked"]["mtu"] == 1200


def test_write_to_a_file_and_exec(net):
    ns = net.namespace()
    veth(ns)
    vpp = net.vpp(ns)
    vpp.configure(CONFIGURATION)
    lines = vpp.running_config()
    vpp.ctl(f"write {vpp.folder}/copy")
    vpp.stop()
    vpp.start()
    vpp.ctl(f"exec {vpp.folder}/copy")
    assert vpp.running_config() == lines
    assert vpp.fails(f"write {vpp.folder}/no/such/folder").startswith("write: ")


def test_startup_config_script(net):
    """unix { startup-config }: comments, blank lines; what follows a line that fails is run, too."""
    ns = net.namespace()
    veth(ns)
    vpp = net.vpp(ns, start=False)
    script = vpp.folder + "/script"
    with open(script, "w", encoding="ascii") as f:
        f.write("# the main job\n\ncreate host-interface name vpp1out  # here\n"
                "set int ip address host-vpp1out 10.10.1.2/24\nset int state host-vpp1out up\n"
                "no such command\nset int tag host-vpp1out last\n")
    vpp.write_conf(unix=f"startup-config {script}")
    vpp.start()
    lib.wait_for(lambda: "10.10.1.2/24" in vpp.ctl("show int addr"), "the script")
    assert ns.ping("10.10.1.2") == 3
    lib.wait_for(lambda: "unknown input `no such command'" in vpp.output(), "the error")
    assert "set interface tag host-vpp1out {last}" in vpp.ctl("show running-config")


def test_restart_command(net):
    ns = net.namespace()
    veth(ns)
    vpp = saved(net, ns).start()
    vpp.configure(CONFIGURATION)
    before, pid = vpp.running_config(), vpp.pid
    vpp.ctl("write")
    clock = vpp.ctl("show clock")
    vpp.vppctl("restart")

    def same_again():
        done = vpp.vppctl("show running-config")
        return done.returncode == 0 and [
            line for line in done.stdout.replace("\r", "").splitlines()
            if line.strip() and not line.startswith("#")] == before
    lib.wait_for(same_again, "the configuration after restart")
    assert vpp.pid == pid and vpp.alive() and clock
    assert ns.ping("10.10.1.2") == 3


# ---- crash

def test_crash_and_start_again(net):
    """A backtrace with symbols, status 134, and the saved configuration brings the network back."""
    ns = net.namespace()
    veth(ns)
    vpp = saved(net, ns).start()
    vpp.configure(CONFIGURATION)
    vpp.ctl("write")
    with open(vpp.running, encoding="utf-8") as f:
        saved_text = f.read()
    vpp.vppctl("test crash segv")
    status = vpp.wait_exit()
    assert status == -6, f"{status}: {vpp.output()}"  # a shell shows 134
    text = vpp.output()
    frames = re.findall(r" (\w+) \+ 0x[0-9a-f]+", text)
    for function in ("control_crash", "loop_run", "main"):
        assert function in frames, f"{function} is not in {frames}\n{text}"
    with open(vpp.running, encoding="utf-8") as f:
        assert f.read() == saved_text
    vpp.start()
    lib.wait_for(lambda: "10.10.1.2/24" in vpp.ctl("show int addr"), "the configuration")
    assert ns.ping("10.10.1.2") == 3


def test_killed_daemon_leaves_nothing_in_the_way(net):
    """kill -9: sockets and pid file of the dead are replaced."""
    ns = net.namespace()
    veth(ns)
    vpp = net.vpp(ns)
    vpp.configure(CONFIGURATION)
    vpp.kill()
    vpp.start()
    vpp.configure(CONFIGURATION)
    assert ns.ping("10.10.1.2") == 3


# ---- startup.conf

WRONG_CONFIG = [
    # text, line, what the message names
    ("unix { nodaemon }\nbogus-section { x 1 }\n", 2, "bogus-section"),
    ("unix {\n  nodaemon\n  no-such-key 5\n}\n", 3, "no-such-key"),
    ("unix {\n  nodaemon\n\n  cli-pager-buffer-limit many\n}\n", 4, "cli-pager-buffer-limit"),
    ("buffers {\n  buffers-per-numa -5\n}\n", 2, "buffers-per-numa"),
    ("unix {\n  nodaemon\n", None, "}"),
    ("cpu {\n  workers 2\n  bogus\n}\n", 3, "bogus"),
    ("plugins {\n  plugin x_plugin.so { sideways }\n}\n", 2, "sideways"),
]


@pytest.mark.parametrize("text, line, names", WRONG_CONFIG)
def test_error_in_startup_conf(build, tmp_path, text, line, names):
    conf = tmp_path / "startup.conf"
    conf.write_text(text)
    done = subprocess.run([build + "/vpp", "-c", str(conf)], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10, check=False)
    assert done.returncode == 1
    first = done.stderr.splitlines()[0]
    where = f"{conf}:{line}:" if line else f"{conf}"
    assert where in first, first
    assert names in first, first


def test_keys_without_effect_are_said(net):
    """Accepted for VPP's sake, with one line in the log."""
    vpp = net.vpp(net.namespace(), unix="poll-sleep-usec 100",
                  config="memory { main-heap-size 1G }\nphysmem { max-size 1G }\n"
                         "buffers { numa 0 { } numa 3 { buffers 1000 } }\n"
                         "ip6 { default-table-name x }\n")
    text = vpp.ctl("show logging")
    for key in ("poll-sleep-usec", "main-heap-size", "max-size", "numa 3", "default-table-name"):
        assert re.search(rf"{key}.*no effect", text), text


def test_the_default_table_has_its_name(net):
    vpp = net.vpp(net.namespace(), config="ip { default-table-name {red | blue} }\n")
    assert "[0] table_id:0 red | blue" in vpp.ctl("show ip table")
    assert vpp.running_config() == []


def test_command_line_configuration(net):
    ns = net.namespace()
    vpp = net.vpp(ns, start=False)
    vpp.process = ns.popen([vpp.build + "/vpp", "unix", "{", "nodaemon", "cli-listen", vpp.cli,
                            "runtime-dir", vpp.folder, "}", "cpu", "{", "workers", "1", "}"])
    lib.wait_for(lambda: os.path.exists(vpp.cli) and vpp.vppctl("show version").returncode == 0,
                 "the daemon")
    assert "vpp_wk_0" in vpp.ctl("show threads")


# ---- rights

WITHOUT = ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-all"]


def test_no_permission_is_one_clear_sentence(net):
    """Without CAP_NET_RAW the switch runs, and says what is missing when it is needed."""
    ns = net.namespace()
    veth(ns)
    vpp = net.vpp(ns, prefix=WITHOUT)
    text = vpp.fails("create host-interface name vpp1out")
    assert len(text.splitlines()) == 1
    assert "CAP_NET_RAW" in text and "Operation not permitted" in text and "vpp1out" in text
    assert list(vpp.interfaces()) == ["local0"]


# ---- rest

def test_sleeps_when_there_is_nothing_to_do(net):
    """A generous bound, for any machine: bench/ has the figure."""
    ns, vpp = net.main_job()
    assert ns.ping("10.10.1.2") == 3
    time.sleep(0.3)
    before = vpp.cpu_seconds()
    time.sleep(2)
    assert vpp.cpu_seconds() - before < 0.1


def test_memory_at_rest(net):
    """Also generous: half as much again as the target in bench/."""
    ns, vpp = net.main_job()
    assert ns.ping("10.10.1.2") == 3
    assert vpp.rss_kib() < 24 << 10


def test_many_buffers_cost_nothing_until_used(net):
    first = net.main_job()[1].rss_kib()
    second = net.main_job(config="buffers { buffers-per-numa 128000 }")[1]
    assert second.rss_kib() < first + (10 << 10)
    assert second.buffers_total() >= 128000

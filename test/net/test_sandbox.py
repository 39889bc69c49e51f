"""What the daemon gives up once it has started: rights, system calls, files; and that all works without them."""
import os
import re
import shutil
import signal
import subprocess

import lib
import pytest

NET_ADMIN, NET_RAW, IPC_LOCK, SYS_PTRACE, SYS_ADMIN, BPF = (1 << n for n in (12, 13, 14, 19, 21, 39))
NOBODY = 65534


def status(pid, thread=None):
    """{field: value} of /proc/PID/status."""
    with open(f"/proc/{pid}/task/{thread or pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def caps(pid, field, thread=None):
    return int(status(pid, thread)[field], 16)


def threads(pid):
    return [int(t) for t in os.listdir(f"/proc/{pid}/task")]


def main_job(ns, vpp):
    vpp.configure("""
        create host-interface name vpp1out
        set int ip address host-vpp1out 10.10.1.2/24
        set int state host-vpp1out up
    """)
    assert ns.ping("10.10.1.2") == 3
    assert "5 received" in vpp.ctl("ping 10.10.1.1 interval 0.02")


def kernel_side(net):
    ns = net.namespace()
    ns.veth("vpp1out", "vpp1host")
    ns.ip("addr add 10.10.1.1/24 dev vpp1host")
    return ns


def as_user(capabilities, uid=NOBODY):
    """Words before a command that it runs with as another user, with these capabilities and no way to more."""
    return ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "--inh-caps",
            "-all," + capabilities, "--ambient-caps", "-all," + capabilities, "--bounding-set", "-all," + capabilities]


# ---- rights

def test_root_keeps_only_what_ports_need(net):
    """In all threads: permitted, effective, inheritable, bounding; and no new privileges."""
    ns = kernel_side(net)
    vpp = net.vpp(ns, config="cpu { workers 2 }")
    needed = NET_ADMIN | NET_RAW | SYS_ADMIN | SYS_PTRACE | BPF | IPC_LOCK
    assert len(threads(vpp.pid)) >= 3
    for thread in threads(vpp.pid):
        assert caps(vpp.pid, "CapPrm", thread) & ~needed == 0
        assert caps(vpp.pid, "CapEff", thread) == NET_ADMIN | NET_RAW
        assert caps(vpp.pid, "CapBnd", thread) & ~needed == 0
        assert caps(vpp.pid, "CapInh", thread) == caps(vpp.pid, "CapAmb", thread) == 0
        assert status(vpp.pid, thread)["NoNewPrivs"] == "1"
        if not vpp.is_sanitized():
            assert status(vpp.pid, thread)["Seccomp"] == "2"
    main_job(ns, vpp)


def unprivileged(net, ns, open_build):
    """A daemon that nobody starts, with CAP_NET_RAW alone."""
    vpp = net.vpp(ns, start=False, prefix=as_user("+net_raw"))
    vpp.build = open_build
    os.chown(vpp.folder, NOBODY, NOBODY)
    return vpp.start()


def test_missing_capabilities_are_told_with_what_they_are_for(net, open_build):
    vpp = unprivileged(net, net.namespace(), open_build)
    log = vpp.ctl("show logging")
    assert re.search(r"CAP_NET_ADMIN is missing, which is for setting Linux devices up", log)
    assert "CAP_NET_RAW is missing" not in log
    assert re.search(r"CAP_NET_ADMIN +missing", vpp.ctl("show sandbox"))
    assert re.search(r"CAP_NET_RAW +in effect", vpp.ctl("show sandbox"))


def test_main_job_as_nobody_with_one_capability(net, open_build):
    ns = kernel_side(net)
    vpp = unprivileged(net, ns, open_build)
    assert status(vpp.pid)["Uid"].split() == [str(NOBODY)] * 4
    assert caps(vpp.pid, "CapPrm") == caps(vpp.pid, "CapEff") == NET_RAW
    main_job(ns, vpp)


def test_root_becomes_a_user(net, open_build):
    """unix { user }: files and sockets are that user's, the main job works, also after `restart`."""
    ns = kernel_side(net)
    vpp = net.vpp(ns, start=False)
    vpp.build = open_build
    vpp.write_conf(f"user {NOBODY} gid {NOBODY} running-config {vpp.running}")
    vpp.start()
    main_job(ns, vpp)
    vpp.ctl("write")
    pid, before = vpp.pid, vpp.running_config()
    for name in ("running.conf", "cli.sock", "api.sock", "stats.sock", "vpp.log", "."):
        st = os.stat(f"{vpp.folder}/{name}")
        assert (st.st_uid, st.st_gid) == (NOBODY, NOBODY), name
    for _ in range(2):
        here = status(pid)
        assert here["Uid"].split() == here["Gid"].split() == [str(NOBODY)] * 4 and not here["Groups"].split()[1:]
        assert caps(pid, "CapEff") == NET_ADMIN | NET_RAW
        vpp.vppctl("restart")
        lib.wait_for(lambda: vpp.vppctl("show version").returncode == 0 and vpp.running_config() == before, "the restart")
    assert vpp.pid == pid and ns.ping("10.10.1.2") == 3
    assert vpp.ctl("show sandbox").count(": yes") in (0, 2)


def test_unknown_user(build, tmp_path):
    conf = tmp_path / "startup.conf"
    conf.write_text(f"unix {{ nodaemon user no-such-user runtime-dir {tmp_path} }}")
    done = subprocess.run([build + "/vpp", "-c", str(conf)], text=True, capture_output=True, timeout=10, check=False)
    assert done.returncode == 1 and "user no-such-user does not exist" in done.stderr


# ---- files

@pytest.fixture
def elsewhere():
    """A folder that is not below /tmp, which is left as a whole."""
    folder = f"/var/tmp/piste-sandbox-{os.getpid()}"
    os.mkdir(folder, 0o755)
    with open(folder + "/script", "w", encoding="ascii") as f:
        f.write("create loopback interface\n")
    yield folder
    shutil.rmtree(folder)


def sandboxed(net, **kwargs):
    vpp = net.vpp(net.namespace(), **kwargs)
    if vpp.is_sanitized():
        pytest.skip("a build with sanitizers has no sandbox")
    return vpp


def test_files_elsewhere_are_refused_with_a_hint(net, elsewhere):
    vpp = sandboxed(net)
    for command in (f"exec {elsewhere}/script", f"write {elsewhere}/copy", f"api trace save-json {elsewhere}/x",
                    f"write {elsewhere}/script"):
        text = vpp.fails(command)
        assert "Permission denied" in text and "show sandbox" in text or "api trace" in command, text
    assert sorted(os.listdir(elsewhere)) == ["script"]
    assert list(vpp.interfaces()) == ["local0"]


def test_more_folders_may_be_named(net, elsewhere):
    os.mkdir(elsewhere + "/out")
    vpp = sandboxed(net, unix=f"sandbox-read {elsewhere} sandbox-write {elsewhere}/out")
    vpp.ctl(f"exec {elsewhere}/script")
    vpp.ctl(f"write {elsewhere}/out/copy")
    vpp.fails(f"write {elsewhere}/copy")
    text = vpp.ctl("show sandbox")
    assert re.search(rf"{elsewhere} +read", text) and re.search(rf"{elsewhere}/out +change", text)


def test_sandbox_off(net, elsewhere):
    vpp = net.vpp(net.namespace(), unix="sandbox off")
    assert status(vpp.pid)["Seccomp"] == "0"
    vpp.ctl(f"exec {elsewhere}/script")
    assert "unix { sandbox off }" in vpp.ctl("show sandbox")


def test_captures_and_traces_go_where_vpp_has_them(net):
    vpp = sandboxed(net)
    name = os.path.basename(vpp.folder)
    vpp.configure(f"""
        create packet-generator interface pg0
        set interface state pg0 up
        api trace on
        pcap trace rx tx max 10 file {name}.pcap
        packet-generator new {{ name s limit 3 size 64-64 node ethernet-input interface pg0 data {{ hex 0x{'00' * 60} }} }}
        packet-generator enable-stream
        wait 0.2
        pcap trace off
    """)
    try:
        assert os.path.getsize(f"/tmp/{name}.pcap") > 24
    finally:
        os.remove(f"/tmp/{name}.pcap")


# ---- as it is seen from outside

def test_show_sandbox_tells_all(net):
    vpp = sandboxed(net)
    shown = vpp.json("show sandbox verbose")
    assert shown["calls-filtered"] is True and shown["files-confined"] is True
    calls = {name for row in shown["calls"] for name in row["names"]}
    assert {"recvmmsg", "setns", "AF_PACKET", "execve"} <= calls
    assert not calls & {"ptrace", "mount", "kill", "unshare", "clone3", "AF_VSOCK"}
    assert {"path": vpp.folder, "access": "change", "why": "runtime folder"} in shown["paths"]


def test_a_plugin_that_is_left_out_needs_nothing(net):
    needs = {"bpf", "AF_XDP"}

    def calls(**kwargs):
        shown = sandboxed(net, **kwargs).json("show sandbox verbose")
        return {name for row in shown["calls"] for name in row["names"]}
    assert needs <= calls()
    assert not needs & calls(config="plugins { plugin af_xdp_plugin.so { disable } }")


def test_a_crash_is_still_told(net):
    vpp = sandboxed(net)
    vpp.vppctl("test crash segv")
    assert vpp.wait_exit() == -signal.SIGABRT
    assert "loop_run" in vpp.output()


def test_a_plugin_folder_that_cannot_be_read_is_told(build, net):
    """As when the tree lies in root's home: the daemon says which one, and works."""
    vpp = net.vpp(net.namespace(), start=False, prefix=as_user("+net_raw"))
    private = vpp.folder + "/build"
    os.mkdir(private)
    shutil.copy(build + "/vpp", private)
    os.mkdir(private + "/plugins", 0o700)
    shutil.copy(build + "/vppctl", private)
    vpp.build = private
    os.chown(vpp.folder, NOBODY, NOBODY)
    vpp.start()
    assert f"no plugins of {private}/plugins: Permission denied" in vpp.ctl("show logging")

"""The switch in a root file system of its own: in a chroot, and in a container with exactly the documented rights."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import lib
import packages
import pytest
from container import Container

UID, TREE = packages.UID, packages.TREE
ONLY_RAW = ["CAP_NET_RAW"]


@pytest.fixture(scope="module")
def image(apk):
    """The root that all containers share, read-only to them."""
    folder = tempfile.mkdtemp(prefix="piste-root-", dir="/tmp")
    os.chmod(folder, 0o755)
    yield packages.Root(apk, folder)
    shutil.rmtree(folder)


class Network:
    """A namespace with the veth of the main job: vpp1out for the switch, vpp1host 10.10.1.1 for the kernel."""

    def __init__(self):
        self.ns = lib.Namespace()
        self.ns.veth("vpp1out", "vpp1host")
        self.ns.ip("addr add 10.10.1.1/24 dev vpp1host")


@pytest.fixture
def network():
    made = Network()
    yield made
    made.ns.close()


@pytest.fixture
def container(image, network):
    if not shutil.which("crun"):
        pytest.skip("crun is not here")
    made = []

    def begin(**kwargs):
        made.append(Container(image, network.ns, **{"mounts": {}, "capabilities": ONLY_RAW, **kwargs}))
        return made[-1]

    yield begin
    for one in made:
        one.remove()


@pytest.fixture
def volume():
    folder = tempfile.mkdtemp(prefix="piste-volume-", dir="/tmp")
    os.chown(folder, UID, UID)
    os.chmod(folder, 0o750)
    yield folder
    shutil.rmtree(folder)


def main_job(one, ns):
    for command in ("create host-interface name vpp1out", "set int ip address host-vpp1out 10.10.1.2/24",
                    "set int state host-vpp1out up"):
        one.ctl(command)
    assert ns.ping("10.10.1.2") == 3
    assert "5 received" in one.ctl("ping 10.10.1.1 interval 0.02")


def test_nothing_of_glibc_is_there(image):
    assert sorted(os.listdir(image.path + "/lib")) == [os.path.basename(packages.LOADER)]
    assert not [n for n in os.listdir(image.path + "/usr/lib") if "linux-gnu" in n or n.startswith("libc.so")]


def test_chroot(image, network, tmp_path):
    """As root in a chroot: it becomes the package's user, and the main job runs."""
    run, log, state = (tmp_path / n for n in ("run", "log", "state"))
    for folder in (run, log, state):
        folder.mkdir()
        os.chown(folder, UID, UID)
    conf = tmp_path / "startup.conf"
    conf.write_text(image.read("etc/vpp/startup.conf").replace("# user vpp", "user vpp"))
    mounts = {"proc": "-t proc proc", "run/vpp": f"--bind {run}", "var/log/vpp": f"--bind {log}", "var/lib/vpp": f"--bind {state}",
              "etc/vpp/startup.conf": f"--bind {conf}"}
    script = "".join(f"mount {how} {image.path}/{where} && " for where, how in mounts.items())
    script += f"exec chroot {image.path} /usr/bin/vpp -c /etc/vpp/startup.conf"
    vpp = network.ns.popen(["unshare", "-m", "--propagation", "private", "sh", "-c", script], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)

    class Chroot:
        @staticmethod
        def ctl(command, check=True):
            done = subprocess.run(["nsenter", "-t", str(vpp.pid), "-m", "chroot", image.path, "/usr/bin/vppctl"] +
                                  command.split(), text=True, capture_output=True, check=False)
            assert not check or done.returncode == 0, done.stdout + done.stderr
            return done.stdout.replace("\r\n", "\n")
    try:
        lib.wait_for(lambda: Chroot.ctl("show version", check=False).startswith("vpp v") or vpp.poll() is not None, "the daemon",
                     timeout=15)
        assert vpp.poll() is None, vpp.stdout.read()
        main_job(Chroot, network.ns)
        with open(f"/proc/{vpp.pid}/status", encoding="ascii") as f:
            assert f"Uid:\t{UID}\t{UID}\t{UID}\t{UID}" in f.read()
        assert Chroot.ctl("show sandbox").count(": yes") == 2
        Chroot.ctl("write")
        assert "host-vpp1out 10.10.1.2/24" in (state / "running.conf").read_text()
    finally:
        vpp.terminate()
        assert vpp.wait(10) == 0


def test_main_job_in_a_container(container, network):
    """Read-only root, a user, CAP_NET_RAW and no more: the sandbox is on, the main job runs."""
    one = container().start()
    main_job(one, network.ns)
    shown = one.ctl("show sandbox")
    assert shown.count(": yes") == 2
    status = one.exec("cat", "/proc/1/status")
    assert f"Uid:\t{UID}" in status and "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    assert "CapPrm:\t0000000000002000" in status and "CapBnd:\t0000000000002000" in status
    assert "read-only" in one.exec("sh", "-c", "(echo x > /etc/x) 2>&1; true").lower()


@pytest.mark.parametrize("mounted", ["/var/lib/vpp", "/var/lib/vpp/running.conf"])
def test_configuration_survives_a_new_container(container, image, network, volume, mounted):
    """On a volume that is a folder, and on one that is a single file: there nothing can be renamed."""
    if mounted.endswith(".conf"):
        volume += "/only.conf"
        open(volume, "w", encoding="ascii").close()
        os.chown(volume, UID, UID)
        open(image.path + mounted, "a", encoding="ascii").close()  # where it is mounted
    one = container(mounts={mounted: volume}).start()
    main_job(one, network.ns)
    assert "running config written" in one.ctl("write")
    before = one.ctl("show running-config")
    assert one.stop() == 0
    one.remove()
    two = container(mounts={mounted: volume}).start()
    assert two.ctl("show running-config") == before
    assert network.ns.ping("10.10.1.2") == 3
    assert two.stop() == 0


def test_signals_and_exit_codes(container, volume):
    """SIGTERM ends it with 0; a faulty configuration with 1; a crash with the signal's code."""
    one = container().start()
    assert one.stop() == 0
    assert "received SIGTERM" in one.output()
    two = container(args=("/usr/bin/vpp", "unix", "{", "bogus", "}"))
    assert two.process.wait(10) == 1 and "unknown input `bogus" in two.output()
    three = container().start()
    three.exec("vppctl", "test", "crash", "abort", check=False)
    assert three.process.wait(10) == 128 + signal.SIGABRT
    assert "received signal SIGABRT" in three.output()


def test_logs_go_to_stderr(container):
    one = container(args=("/usr/bin/vpp", "unix", "{", "nosyslog", "runtime-dir", "/run/vpp", "cli-listen", "/run/vpp/cli.sock", "}"))
    one.start()
    one.exec("vppctl", "test", "log", "err", "a", "b", "seen")
    lib.wait_for(lambda: "seen" in one.output(), "the log", timeout=15)


def test_healthcheck(container):
    """What pkg/container/Containerfile asks."""
    with open(TREE + "/pkg/container/Containerfile", encoding="utf-8") as f:
        line = next(text for text in f if "CMD vppctl" in text)
    words = line.split("CMD", 1)[1].split()
    one = container().start()
    one.exec(*words)
    assert one.stop() == 0


TO_BECOME = ["CAP_NET_RAW", "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN"]


def gave_up_all_but_net_raw(one):
    status = one.exec("cat", "/proc/1/status")
    assert f"Uid:\t{UID}\t{UID}\t{UID}\t{UID}" in status and f"Gid:\t{UID}\t{UID}\t{UID}\t{UID}" in status
    for field in ("CapPrm", "CapEff"):
        assert f"{field}:\t0000000000002000" in status, status
    assert one.ctl("show sandbox").count(": yes") == 2


def test_root_in_a_container_becomes_a_user(container, network, volume):
    """As most runtimes start it, with the configuration of the container. Whoever executes something there is root, too,
    with these capabilities."""
    one = container(capabilities=TO_BECOME, uid=0, mounts={"/etc/vpp/startup.conf": TREE + "/pkg/container/startup.conf",
                                                           "/var/lib/vpp": volume})
    main_job(one.start(), network.ns)
    gave_up_all_but_net_raw(one)
    assert "cannot" not in one.output()
    assert "running config written" in one.ctl("write")
    one.ctl("restart")
    lib.wait_for(lambda: one.exec("vppctl", "show", "version", check=False).startswith("vpp v"), "the restart",
                 timeout=15)
    gave_up_all_but_net_raw(one)
    assert network.ns.ping("10.10.1.2") == 3
    assert one.stop() == 0


def test_the_switch_of_the_compose_file(container, network):
    """Its command and rights; the first start is configured by a script."""
    with open(TREE + "/pkg/container/compose.yaml", encoding="utf-8") as f:
        text = f.read()
    switch = text[text.index("  switch:"):text.index("  client:")]
    command = json.loads(re.search(r"command: (\[.*?\])", switch, re.S).group(1))
    rights = ["CAP_" + name.strip() for name in re.search(r"cap_add: \[(.*?)\]", switch).group(1).split(",")]
    assert rights == TO_BECOME
    script = text[text.index("content: |"):].split("\n\n")[0].split("\n", 1)[1].replace("eth0", "vpp1out")
    with tempfile.NamedTemporaryFile("w", dir="/tmp") as f:
        f.write("\n".join(line.strip() for line in script.splitlines()).replace("10.77.1.2", "10.10.1.2") + "\n")
        f.flush()
        os.chmod(f.name, 0o644)
        one = container(capabilities=rights, uid=0, args=["/usr/bin/vpp"] + command, mounts={"/etc/vpp/setup.cli": f.name})
        one.uid = UID
        one.start()
        assert network.ns.ping("10.10.1.2") == 3
        gave_up_all_but_net_raw(one)
        assert one.stop() == 0


def test_without_rights_to_become_a_user_it_says_so(container):
    one = container(capabilities=ONLY_RAW, uid=0, mounts={"/etc/vpp/startup.conf": TREE + "/pkg/container/startup.conf"})
    assert one.process.wait(10) == 1
    assert "cannot take group vpp, which needs the capability CAP_SETGID: Operation not permitted" in one.output()

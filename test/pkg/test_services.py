"""The services: OpenRC's by OpenRC itself, systemd's unit as far as systemd tells without being the init."""
import os
import re
import shutil
import subprocess
import tempfile
import time

import lib
import packages
import pytest

TREE = packages.TREE
OPENRC_FOLDERS = ["daemons", "exclusive", "failed", "hotplugged", "inactive", "options", "scheduled", "started", "starting",
                  "stopping", "tmp", "wasinactive"]


def openrc_folder():
    """Folder with OpenRC's files, to be laid over those of a machine that does not have it installed, or None: Debian's
    package would make itself part of how the machine starts."""
    if shutil.which("openrc-run"):
        return None
    if not shutil.which("apt-get"):
        pytest.skip("OpenRC is not here")
    folder = TREE + "/build/packages/openrc"
    script = """
        set -e
        rm -rf "$1" && mkdir -p "$1/usr/lib" "$1/usr/bin" "$1/usr/sbin" && cd "$1"
        for name in lib bin sbin; do ln -s usr/$name $name; done
        get="apt-get download -qq -o APT::Sandbox::User=root openrc librc1 libeinfo1"
        $get || { apt-get update -qq && $get; }
        for deb in *.deb; do dpkg-deb --fsys-tarfile $deb | tar -x --keep-directory-symlink; done
        touch ready
    """
    if not os.path.exists(folder + "/ready"):
        try:
            packages.run(["sh", "-c", script, "sh", folder])
        except AssertionError as e:
            pytest.skip(f"OpenRC cannot be had: {e}")
    return folder


# Debian builds supervise-daemon without libcap; then setpriv does what it would do with --capabilities.
SUPERVISE = r"""#!/bin/sh
real=/run/supervise-daemon
if [ "$2" != --start ] || grep -q cap_iab_from_text "$real"; then
    exec "$real" "$@"
fi
user= caps= name=$1
shift
words=
while [ "$1" != -- ]; do
    case $1 in
    --user) user=$2; shift ;;
    --capabilities) caps=$(echo "$2" | sed 's/^cap_/+/g; s/\^cap_/+/g'); shift ;;
    *) words="$words $1" ;;
    esac
    shift
done
shift
command=${words##* }
exec "$real" "$name" ${words% *} setpriv -- --reuid "${user%:*}" --regid "${user#*:}" --init-groups --inh-caps "$caps" \
    --ambient-caps "$caps" "$command" "$@"
"""


class OpenRc:
    """A root of its own with the packages, in mount and process namespaces, where OpenRC runs the service: our files of /etc,
    /usr/bin and /var in the place of the machine's."""

    def __init__(self, apk, programs):
        self.folder = tempfile.mkdtemp(prefix="piste-openrc-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.ns = lib.Namespace()
        self.root = packages.Root(apk, self.folder + "/root", ["piste", "piste-openrc"])
        init = self.root.read("etc/init.d/vpp")
        self.root.write("etc/init.d/vpp", init.replace("/usr/bin/vpp", self.root.path + "/usr/bin/vpp"))
        self.root.write("supervise-daemon", SUPERVISE)
        os.chmod(self.root.path + "/supervise-daemon", 0o755)
        over = programs + "/etc:" if programs else ""
        script = (f"mount -t overlay overlay -o lowerdir={programs}/usr:/usr /usr\n" if programs else "") + f"""
            mount -t tmpfs tmpfs /run
            mkdir -p /run/etc /run/work {' '.join('/run/openrc/' + n for n in OPENRC_FOLDERS)}
            echo default > /run/openrc/softlevel
            mount -t overlay overlay -o lowerdir={over}/etc,upperdir=/run/etc,workdir=/run/work /etc
            echo vpp:x:{packages.UID}:{packages.UID}::/var/lib/vpp:/sbin/nologin >>/etc/passwd
            echo vpp:x:{packages.UID}: >>/etc/group
            echo {self.root.path}/usr/lib:{self.root.path}/lib >/etc/ld-musl-$(uname -m).path
            mkdir -p /etc/vpp /var/lib/vpp /var/log/vpp
            cp {self.root.path}/etc/init.d/vpp /etc/init.d/
            for folder in etc/vpp var/lib/vpp var/log/vpp; do mount --bind {self.root.path}/$folder /$folder; done
            real=$(command -v supervise-daemon)
            touch /run/supervise-daemon && mount --bind $real /run/supervise-daemon
            mount --bind {self.root.path}/supervise-daemon $real
            touch {self.folder}/ready
            # the first process of a namespace: it has to wait for children of others
            while :; do sleep 1000 & wait; done
        """
        self.holder = self.ns.popen(["unshare", "-m", "-p", "-f", "--kill-child", "--mount-proc", "--propagation", "private",
                                     "sh", "-c", script])
        lib.wait_for(lambda: os.path.exists(self.folder + "/ready"), "the folders", timeout=15)
        out = subprocess.run(["pgrep", "-P", str(self.holder.pid)], text=True, capture_output=True, check=True).stdout
        self.inside = out.split()[0]

    def run(self, *words, check=True):
        done = subprocess.run(["nsenter", "-t", self.inside, "-m", "-p", "-n", *words], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False, timeout=60)
        assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def service(self, word, check=True):
        return self.run("/etc/init.d/vpp", word, check=check)

    def ctl(self, command, check=True):
        return self.run(self.root.path + "/usr/bin/vppctl", *command.split(), check=check).replace("\r\n", "\n")

    def pid(self):
        """Of the daemon, in its namespace."""
        found = self.run("pgrep", "-x", "-f", self.root.path + "/usr/bin/vpp -c /etc/vpp/startup.conf", check=False).split()
        return found[-1] if found else None

    def answers(self):
        return self.ctl("show version", check=False).startswith("vpp v")

    def close(self):
        self.run("/etc/init.d/vpp", "stop", check=False)
        self.holder.kill()
        self.holder.wait()
        self.ns.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def openrc(apk):
    made = OpenRc(apk, openrc_folder())
    yield made
    made.close()


def test_openrc_service(openrc):
    """Start, supervision, reload, stop: as the package's user, with its capabilities; what was saved is there again."""
    assert "status: stopped" in openrc.service("status", check=False)
    openrc.service("start")
    lib.wait_for(openrc.answers, "the daemon", timeout=15)
    assert "status: started" in openrc.service("status")
    first = openrc.pid()
    status = openrc.run("cat", f"/proc/{first}/status")
    assert f"Uid:\t{packages.UID}\t" in status and "NoNewPrivs:\t1" in status
    assert re.search(r"CapEff:\t0000000000003000", status), status
    assert openrc.ctl("show sandbox").count(": yes") == 2
    openrc.ctl("create bridge-domain 7")
    openrc.ctl("write")

    openrc.run("kill", "-9", first)
    lib.wait_for(lambda: openrc.pid() not in (None, first) and openrc.answers(), "another daemon", timeout=15)
    assert "create bridge-domain 7\n" in openrc.ctl("show running-config")

    second = openrc.pid()
    openrc.ctl("create bridge-domain 8")
    openrc.service("reload")
    lib.wait_for(openrc.answers, "the daemon after reload", timeout=15)
    assert openrc.pid() == second
    text = openrc.ctl("show running-config")
    assert "create bridge-domain 7\n" in text and "create bridge-domain 8\n" not in text
    openrc.service("stop")
    assert openrc.pid() is None
    assert "status: stopped" in openrc.service("status", check=False)


def test_openrc_checks_the_configuration(openrc):
    openrc.service("checkconfig")
    good = openrc.root.read("etc/vpp/startup.conf")
    openrc.root.write("etc/vpp/startup.conf", good.replace("unix {", "unix {\n  bogus 1\n", 1))
    text = openrc.service("checkconfig", check=False)
    assert "unknown input `bogus 1" in text
    assert "unknown input `bogus" in openrc.service("start", check=False)
    assert openrc.pid() is None
    openrc.root.write("etc/vpp/startup.conf", good.replace("  nodaemon\n", ""))
    assert "nodaemon } is needed" in openrc.service("checkconfig", check=False)


# ---- systemd

def unit(tmp_path):
    with open(TREE + "/pkg/systemd/vpp.service.in", encoding="utf-8") as f:
        text = f.read().replace("@bindir@/vppctl", "/bin/true").replace("@bindir@/vpp", "/bin/true")
    path = tmp_path / "vpp.service"
    path.write_text(text)
    return path, text


def test_systemd_unit_is_good(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not here")
    path, _ = unit(tmp_path)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(path)], text=True, capture_output=True, check=False)
    wrong = [line for line in (done.stdout + done.stderr).splitlines() if "vpp.service" in line and "User" not in line]
    assert not wrong, wrong


def test_systemd_unit_is_hardened(tmp_path):
    """The exposure that systemd itself computes; 10 is no protection."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not here")
    path, text = unit(tmp_path)
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)], text=True,
                          capture_output=True, check=False)
    match = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert match, done.stdout + done.stderr
    assert float(match.group(1)) <= 3.0, done.stdout
    assert "Type=notify" in text and "User=vpp" in text

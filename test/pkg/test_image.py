"""The image that pkg/container/Containerfile makes, built by buildah without a registry, and run as it says by crun.

What stands in for alpine:edge is a root of musl, busybox and the libraries that are needed, whose `apk add` unpacks the files
that it is given: Alpine's own apk is not tried. Only where buildah is: `apt-get install buildah`."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import packages
import pytest
from container import Container
from test_root import TO_BECOME, Network, gave_up_all_but_net_raw, main_job

CONTAINERFILE = packages.TREE + "/pkg/container/Containerfile"
BASE = "alpine:edge"
APK = """#!/bin/sh
# apk add OPTION... FILE...
set -e
for f; do case $f in *.apk) tar -xzf "$f" -C / ;; esac; done
"""

pytestmark = pytest.mark.skipif(not shutil.which("buildah"), reason="buildah is not here")


class Images:
    """A storage of its own; no mount is left behind."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *words):
        done = subprocess.run(["unshare", "-m", "--propagation", "private", "buildah", "--root", self.folder + "/storage", "--runroot",
                               self.folder + "/run", "--storage-driver", "vfs", *words], text=True, capture_output=True,
                              stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == 0, f"buildah {words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()


def make_base(apk, images):
    """Alpine's place: all but the package and its files."""
    folder = images.folder + "/base"
    os.mkdir(folder)
    packages.Root(apk, folder)
    for path, member in packages.members(apk, "piste").items():
        if not member.isdir():
            os.unlink(f"{folder}/{path}")
    os.symlink("busybox", folder + "/bin/tar")
    os.mkdir(folder + "/sbin")
    with open(folder + "/sbin/apk", "w", encoding="ascii") as f:
        f.write(APK)
    os.chmod(folder + "/sbin/apk", 0o755)
    with open(images.folder + "/Base", "w", encoding="ascii") as f:
        f.write("FROM scratch\nCOPY . /\n")
    images("bud", "--isolation", "chroot", "-t", f"docker.io/library/{BASE}", "-f", images.folder + "/Base", folder)


class Image:
    """What was built: `path` is its root, `config` what it says of running it."""

    def __init__(self, apk, folder):
        images = Images(folder)
        make_base(apk, images)
        os.mkdir(folder + "/packages")
        shutil.copy(f"{apk}/piste.tar.gz", folder + "/packages/piste-0.1.0-r0.apk")
        images("bud", "--isolation", "chroot", "--pull-never", "--format", "docker", "--build-context",
               f"packages={folder}/packages", "-t", "piste", "-f", CONTAINERFILE, packages.TREE)
        name = images("from", "--pull-never", "localhost/piste")
        self.path = images("mount", name)
        self.config = json.loads(images("inspect", "--type", "image", "localhost/piste"))["Docker"]["config"]


@pytest.fixture(scope="module")
def image(apk):
    folder = tempfile.mkdtemp(prefix="piste-image-", dir="/tmp")
    os.chmod(folder, 0o755)
    yield Image(apk, folder)
    shutil.rmtree(folder)


def test_what_it_says_of_running_it(image):
    config = image.config
    assert config["Entrypoint"] == ["/usr/bin/vpp"] and config["Cmd"] == ["-c", "/etc/vpp/startup.conf"]
    assert list(config["Volumes"]) == ["/var/lib/vpp"] and config["StopSignal"] == "SIGTERM" and not config.get("User")
    assert config["Healthcheck"]["Test"] == ["CMD-SHELL", "vppctl show version"]


def test_what_is_in_it(image):
    with open(packages.TREE + "/pkg/container/startup.conf", encoding="ascii") as ours, \
            open(image.path + "/etc/vpp/startup.conf", encoding="ascii") as theirs:
        assert theirs.read() == ours.read()
    assert not os.path.exists(image.path + "/packages") or not os.listdir(image.path + "/packages")
    assert os.stat(image.path + "/var/lib/vpp").st_uid == packages.UID


def test_the_documented_line_runs_the_main_job(image):
    """`docker run` of the Containerfile, in crun's words; a new container goes on with the volume of the old one."""
    if not shutil.which("crun"):
        pytest.skip("crun is not here")
    with open(CONTAINERFILE, encoding="ascii") as f:
        line = f.read().split("docker run", 1)[1].split("docker exec")[0]
    rights = ["CAP_" + name for name in re.findall(r"--cap-add=(\w+)", line)]
    assert rights == TO_BECOME
    network, volume = Network(), tempfile.mkdtemp(prefix="piste-volume-", dir="/tmp")
    here = os.stat(image.path + "/var/lib/vpp")  # which a runtime copies to a new volume
    os.chown(volume, here.st_uid, here.st_gid)

    def begin():
        return Container(image, network.ns, {"/var/lib/vpp": volume}, rights, image.config["Entrypoint"] + image.config["Cmd"],
                         uid=0, writable=re.findall(r"--tmpfs (/run\S+)", line))
    made = [begin()]
    try:
        made[0].start()
        assert "vpp v" in made[0].exec("sh", "-c", image.config["Healthcheck"]["Test"][1])
        main_job(made[0], network.ns)
        gave_up_all_but_net_raw(made[0])
        made[0].ctl("write")
        made[0].signal(getattr(signal, image.config["StopSignal"]))
        assert made[0].process.wait(10) == 0
        made[0].remove()
        made.append(begin())
        made[1].start()
        assert network.ns.ping("10.10.1.2") == 3
        assert made[1].stop() == 0
    finally:
        for one in made:
            one.remove()
        network.ns.close()
        shutil.rmtree(volume)

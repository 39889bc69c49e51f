"""What is in packages, and a root file system made of them."""
import os
import shutil
import subprocess
import tarfile

import pytest

TREE = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")
UID = 987  # of the user vpp, as tools/apk-harness.sh has it
LOADER = f"/lib/ld-musl-{os.uname().machine}.so.1"
LIBC = f"libc.musl-{os.uname().machine}.so.1"
BUSYBOX = ["sh", "ls", "id", "cat", "sleep", "ip", "ping", "grep", "true", "kill"]


def members(apk, name):
    """{path: TarInfo} of a package, without leading ./"""
    with tarfile.open(f"{apk}/{name}.tar") as tar:
        return {m.name.removeprefix("./"): m for m in tar.getmembers() if m.name != "."}


def needed(path):
    """What an ELF file needs: names of libraries."""
    out = subprocess.run(["readelf", "-dW", path], check=True, capture_output=True, text=True).stdout
    return [line.split("[")[1].split("]")[0] for line in out.splitlines() if "(NEEDED)" in line]


def is_elf(path):
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def library_folder():
    """Of the libraries that the packages were built with."""
    if os.path.exists("/etc/alpine-release"):
        return "/usr/lib"
    return subprocess.run(["sh", TREE + "/tools/musl-sysroot.sh", "--where"], check=True, capture_output=True,
                          text=True).stdout.strip() + "/usr/lib"


def openrc():
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
        done = subprocess.run(["sh", "-c", script, "sh", folder], text=True, capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"OpenRC cannot be had: {done.stderr}")
    return folder


class Root:
    """A folder that is the root of a small Alpine: ld-musl, busybox, packages and what they need; nothing else."""

    def __init__(self, apk, folder, packages=("piste",)):
        self.path = folder
        for name in ("bin", "lib", "usr/bin", "usr/lib", "proc", "sys", "dev", "tmp", "run/vpp", "etc", "root", "var"):
            os.makedirs(f"{folder}/{name}")
        for name in packages:
            with tarfile.open(f"{apk}/{name}.tar") as tar:
                tar.extractall(folder, numeric_owner=True)
        shutil.copy(os.path.realpath(LOADER), folder + LOADER)
        shutil.copy("/bin/busybox", folder + "/bin/busybox")
        for name in BUSYBOX:
            os.symlink("busybox", f"{folder}/bin/{name}")
        self.copy_libraries()
        self.write("etc/passwd", f"root:x:0:0::/root:/bin/sh\nvpp:x:{UID}:{UID}::/var/lib/vpp:/sbin/nologin\n")
        self.write("etc/group", f"root:x:0:\nvpp:x:{UID}:\n")
        os.chown(f"{folder}/run/vpp", UID, UID)
        os.chmod(f"{folder}/tmp", 0o1777)

    def write(self, name, text):
        with open(f"{self.path}/{name}", "w", encoding="ascii") as f:
            f.write(text)

    def read(self, name):
        with open(f"{self.path}/{name}", encoding="ascii") as f:
            return f.read()

    def objects(self):
        for folder, _, files in os.walk(self.path + "/usr"):
            for name in files:
                path = os.path.join(folder, name)
                if not os.path.islink(path) and is_elf(path):
                    yield path

    def copy_libraries(self):
        found, todo = {LIBC}, list(self.objects())
        while todo:
            for name in needed(todo.pop()):
                if name not in found and not name.startswith("libc."):  # which is the loader itself
                    found.add(name)
                    shutil.copy(f"{library_folder()}/{name}", f"{self.path}/usr/lib/{name}")
                    todo.append(f"{self.path}/usr/lib/{name}")
        self.libraries = found

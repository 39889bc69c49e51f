"""What is in packages, and a root file system made of them."""
import os
import shutil
import subprocess
import tarfile

TREE = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")
UID = 987  # of the user vpp, as tools/apk-harness.sh has it
LOADER = f"/lib/ld-musl-{os.uname().machine}.so.1"
LIBC = f"libc.musl-{os.uname().machine}.so.1"
BUSYBOX = ["sh", "ls", "id", "cat", "sleep", "ip", "ping", "grep", "true", "kill"]


def run(command, **kwargs):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          check=False, **kwargs)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout[-4000:]}"
    return done.stdout


def make_apk(check=False):
    """What the APKBUILD makes of the work tree: the folder with NAME.tar and NAME.meta of each package."""
    folder = TREE + "/build/packages"
    dist = run(["sh", TREE + "/tools/dist.sh", folder], env={**os.environ, "DIST_WORK_TREE": "1"}).strip()
    run(["sh", TREE + "/tools/apk-harness.sh", TREE + "/pkg/alpine/APKBUILD", os.path.join(TREE, dist), folder + "/apk"] +
        ([] if check else ["nocheck"]))
    return folder + "/apk"


def members(apk, name):
    """{path: TarInfo} of a package, without leading ./"""
    with tarfile.open(f"{apk}/{name}.tar") as tar:
        return {m.name.removeprefix("./"): m for m in tar.getmembers() if m.name != "."}


def needed(path):
    """What an ELF file needs: names of libraries."""
    return [line.split("[")[1].split("]")[0] for line in run(["readelf", "-dW", path]).splitlines() if "(NEEDED)" in line]


def is_elf(path):
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def library_folder():
    """Of the libraries that the packages were built with."""
    if os.path.exists("/etc/alpine-release"):
        return "/usr/lib"
    return run(["sh", TREE + "/tools/musl-sysroot.sh", "--where"]).strip() + "/usr/lib"


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

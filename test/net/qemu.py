"""A virtual machine: QEMU's, by software, with Debian's cloud kernel and busybox, and a vhost-user front end for its one device.

The kernel's package is not installed, which would change how this machine starts: it is taken apart in build/guest-kernel.
QEMU 7.2 without KVM ends when the guest's driver starts, unless the device has no MSI-X: hence vectors=0.
"""
import glob
import gzip
import lzma
import os
import platform
import re
import shutil
import subprocess

import lib
import pytest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KERNEL = TREE + "/build/guest-kernel"
MODULES = ["virtio_pci", "virtio_net"]  # and what they need; those that the kernel has built in are not there

# Made aside: another run of the tests may be at it, too. What a kernel does not have as a module is no error of tar's for us.
GET_KERNEL = """
    set -e
    trap 'rm -rf "$1.$$"' EXIT
    trap 'exit 1' TERM
    mkdir -p "$1.$$" && cd "$1.$$"
    get() {
        name=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: *//p' | grep '^linux-image-' | head -n 1)
        [ -n "$name" ] && apt-get download -qq -o APT::Sandbox::User=root "$name"
    }
    get || { apt-get update -qq && get; }
    dpkg-deb --fsys-tarfile *.deb >tar
    tar -xf tar --wildcards './boot/vmlinuz-*' '*/failover.ko*' '*/net_failover.ko*' '*/virtio*.ko*' '*/lib/dim/*.ko*' || [ -f boot/vmlinuz-* ]
    rm tar *.deb
    touch ready
    [ -f "$1/ready" ] || rm -rf "$1"
    mv -T "$PWD" "$1" || [ -f "$1/ready" ]
"""

# a machine that has little time for the guest fails the kernel's test of its timer
APPEND = "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check"

INIT = """#!/bin/busybox sh
set -e  # then the kernel panics, and QEMU ends
echo STARTED
/bin/busybox --install -s /bin
mount -t proc proc /proc
for m in {modules}; do insmod /modules/$m.ko; done
ip link set lo up
ip addr add {address} dev eth0
ip link set eth0 up
ip route add default via {gateway}
n=0
while :; do
    if ping -c 1 -W 2 {target}; then n=$((n + 1)); echo "ANSWERED $n"; fi
    sleep 0.1
done
"""


def kernel():
    """(image, {name: module}, as they need each other); the test is skipped where there is none."""
    for program, package in (("qemu-system-x86_64", "qemu-system-x86"), ("busybox", "busybox-static")):
        if not shutil.which(program):
            pytest.skip(f"no {program} here (Debian: {package})")
    with open(shutil.which("busybox"), "rb") as f:
        if b"/ld-" in f.read(4096):
            pytest.skip("busybox here takes libraries (Debian: busybox-static)")
    if platform.machine() != "x86_64" or not shutil.which("apt-get"):
        pytest.skip("the guest's kernel is Debian's for x86-64")
    if not os.path.exists(KERNEL + "/ready"):
        # timeout ends what the script has started, too
        done = subprocess.run(["timeout", "300", "sh", "-c", GET_KERNEL, "sh", KERNEL], stdin=subprocess.DEVNULL, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            why = "it did not come within five minutes" if done.returncode == 124 else done.stdout.strip()
            pytest.skip(f"the guest's kernel (Debian: linux-image-cloud-amd64) cannot be had: {why}")
    there = {os.path.basename(path).split(".")[0]: path for path in glob.glob(KERNEL + "/**/*.ko*", recursive=True)}
    modules = {}
    for name in MODULES:
        if name in there:
            add_module(modules, there, name)
    return glob.glob(KERNEL + "/boot/vmlinuz-*")[0], modules


def add_module(modules, there, name):
    """Behind those that it needs, which its section .modinfo says."""
    if name in modules:
        return
    path = there.get(name, "")
    if not path.endswith((".ko", ".ko.xz")):
        pytest.skip(f"the guest's kernel (Debian: linux-image-cloud-amd64) wants a module {name} {path}, which this test does not know")
    with (lzma.open if path.endswith(".xz") else open)(path, "rb") as f:
        module = f.read()
    for needed in b",".join(re.findall(rb"\0depends=([^\0]*)\0", module)).decode().split(","):
        if needed:
            add_module(modules, there, needed.replace("-", "_"))
    modules[name] = module


def cpio(files):
    """An archive, "newc", of {name: (mode, bytes)}; folders have no bytes."""
    out = b""
    for i, (name, (mode, data)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))]):
        fields = (i + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        for part in (head, data):
            out += part + bytes(-len(part) % 4)
    return out


def initrd(modules, **words):
    folder, program = 0o040755, 0o100755
    with open(shutil.which("busybox"), "rb") as f:
        files = {"bin": (folder, b""), "proc": (folder, b""), "modules": (folder, b""), "bin/busybox": (program, f.read())}
    for name, module in modules.items():
        files[f"modules/{name}.ko"] = (program, module)
    files["init"] = (program, INIT.format(modules=" ".join(modules), **words).encode())
    return gzip.compress(cpio(files), 1)


class Guest:
    """One that pings `target` again and again, and says so."""

    def __init__(self, namespace, folder, path, device="", **words):
        image, modules = kernel()
        with open(folder + "/initrd.gz", "wb") as f:
            f.write(initrd(modules, **words))
        self.log = folder + "/guest.log"
        argv = ["qemu-system-x86_64", *"-accel tcg -cpu max -smp 1 -m 128 -nodefaults -no-user-config -display none -serial stdio -no-reboot".split(),
                "-object", "memory-backend-memfd,id=m,size=128M,share=on", "-machine", "memory-backend=m",
                "-kernel", image, "-initrd", folder + "/initrd.gz", "-append", APPEND,
                "-chardev", f"socket,id=c,path={path},reconnect=1", "-netdev", "vhost-user,id=n,chardev=c",
                "-device", "virtio-net-pci,netdev=n,mac=02:00:00:00:00:02,vectors=0" + device]
        with open(self.log, "wb") as out:
            self.process = namespace.popen(argv, stdout=out, stderr=out)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def answered(self):
        """Pings of its own so far."""
        return max(map(int, re.findall(r"ANSWERED (\d+)\r?\n", self.text())), default=0)

    def wait_answered(self, more, timeout):
        """So many more."""
        so_many = self.answered() + more

        def have():
            if self.process.poll() is not None and "Kernel panic" in self.text() and "STARTED" not in self.text():
                pytest.skip(f"the guest's kernel does not start here: {self.text()[-200:]}")
            assert self.process.poll() is None, "the guest has ended"
            return self.answered() >= so_many

        try:
            lib.wait_for(have, f"{so_many} of the guest's pings to be answered", timeout, interval=0.1)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.text()[-4000:]}") from None

    def kill(self):
        self.process.kill()
        self.process.wait()

"""vhost-user with a real kernel as the guest: user-mode Linux, whose root is this machine's files, read only."""
import hashlib
import os
import shutil
import socket
import threading

import lib
import pytest

pytestmark = pytest.mark.skipif(not shutil.which("linux.uml") or not shutil.which("modprobe"),
                                reason="user-mode Linux is not installed (Debian: user-mode-linux, kmod)")
NAME = "VirtualEthernet0/0/0"
BYTES = 4 << 20

INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t tmpfs t /run
mkdir -p /run/r/lib; ln -s /usr/lib/uml/modules /run/r/lib/modules
modprobe -d /run/r virtio_net
ip link set lo up; ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up; ip route add default via 10.9.0.1
ping -c 3 -i 0.2 -W 5 10.9.0.1
ping -c 3 -i 0.2 -W 5 -s 1400 10.8.0.2
/usr/bin/python3 {folder}/guest.py
sleep 1
echo o > /proc/sysrq-trigger; sleep 5
"""

GUEST = f"""
import hashlib, socket
s = socket.create_connection(("10.8.0.2", 5000), timeout=60)
s.sendall(b"guest--" * ({BYTES} // 7))
s.shutdown(socket.SHUT_WR)
got, h = 0, hashlib.sha256()
while data := s.recv(65536):
    got, _ = got + len(data), h.update(data)
print("RECEIVED", got, h.hexdigest(), flush=True)
"""


class Server:
    """Takes what comes until its end, then sends as much."""

    def __init__(self, ns):
        self.received, self.sent = b"", b"server-" * (BYTES // 7)
        with ns.entered():
            self.socket = socket.create_server(("10.8.0.2", 5000))
        self.socket.settimeout(120)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with self.socket, self.socket.accept()[0] as s:
            s.settimeout(60)
            parts = []
            while data := s.recv(65536):
                parts.append(data)
            self.received = b"".join(parts)
            s.sendall(self.sent)


@pytest.mark.parametrize("words", ["", "gso event-idx"])
def test_a_kernel_as_the_guest(net, words):
    """Pings, and TCP both ways with a host behind the switch: large packets where they were agreed on."""
    ns = net.namespace()
    vpp = net.vpp(ns)
    ns.veth("up0", "vpp0")
    ns.ip("addr add 10.8.0.2/24 dev up0")
    ns.ip("route add 10.9.0.0/24 via 10.8.0.1")
    vpp.configure(f"""
        create vhost-user socket vh.sock server feature-mask 0xffffffffff9dffff {words}
        create host-interface name vpp0
        set interface ip address host-vpp0 10.8.0.1/24
        set interface ip address {NAME} 10.9.0.1/24
        set interface state host-vpp0 up
        set interface state {NAME} up
    """)
    for name, text in (("init", INIT.format(folder=vpp.folder)), ("guest.py", GUEST)):
        with open(f"{vpp.folder}/{name}", "w", encoding="ascii") as f:
            f.write(text)
    os.chmod(vpp.folder + "/init", 0o755)
    server = Server(ns)
    log = vpp.folder + "/uml.log"
    with open(log, "wb") as out:
        guest = ns.popen(f"linux.uml mem=192M rootfstype=hostfs hostfs=/ ro init={vpp.folder}/init con=null con0=fd:0,fd:1 quiet "
                         f"virtio_uml.device={vpp.folder}/vh.sock:1", stdout=out, stderr=out, start_new_session=True)
    try:
        lib.wait_for(lambda: guest.poll() is not None, "the guest to power off", timeout=120)
    finally:
        if guest.poll() is None:
            os.killpg(guest.pid, 9)
            guest.wait()
        server.thread.join()
    with open(log, encoding="utf-8", errors="replace") as f:
        said = f.read()
    assert said.count(" 3 received") == 2, said
    assert f"RECEIVED {len(server.sent)} {hashlib.sha256(server.sent).hexdigest()}" in said, said
    assert server.received == b"guest--" * (BYTES // 7)
    lib.wait_for(lambda: vpp.link(NAME) == "down", "the link to go down", timeout=60)
    lib.wait_for(lambda: vpp.buffers_used() == 0, "buffers to be free", timeout=60)
    packets = vpp.counter(NAME, "rx packets")
    if "gso" in words:  # fewer packets than segments: they were large
        assert packets < 2 * BYTES // 1460
    assert not {reason for _, reason in vpp.errors()} & {"mmap failure", "bad virtio header"}

"""memif with DPDK's net_memif as the peer, both ways round: testpmd answers ARP and pings for any address."""
import os
import shutil
import signal
import subprocess

import lib
import pytest

pytestmark = pytest.mark.skipif(not shutil.which("dpdk-testpmd"),
                                reason="dpdk-testpmd is not installed (Debian: dpdk-dev, librte-net-memif23, librte-mempool-ring23)")


class Testpmd:
    """One that answers, on a memif of its own."""

    __test__ = False  # pytest takes it for tests by its name

    def __init__(self, namespace, folder, words, eal=""):
        argv = (f"dpdk-testpmd --no-pci --no-huge -m 256 --no-telemetry --lcores 0@(0,1),1@(0,1) --file-prefix=piste{os.getpid()} {eal} "
                f"--vdev=net_memif0,id=0,socket={folder}/m.sock,socket-abstract=no,{words} "
                "-- --total-num-mbufs=8192 --stats-period 1 --auto-start --forward-mode=icmpecho")
        self.log = folder + "/testpmd.log"
        with open(self.log, "wb") as out:
            self.process = namespace.popen(argv, stdout=out, stderr=out)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self):
        """However it ends: a server that segfaults when its client has left is no fault of ours."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def answered(vpp, size):
    return "5 sent, 5 received" in vpp.ctl(f"ping 10.40.0.2 repeat 5 interval 0.02 size {size}")


@pytest.mark.parametrize("role, words, eal", [
    ("master", "role=client,rsize=9,bsize=2048,secret=hush", ""),
    ("master", "role=client,zero-copy=yes,secret=hush", "--single-file-segments"),
    ("slave", "role=server,secret=hush", ""),
])
def test_testpmd_answers_pings(net, role, words, eal):
    ns = net.namespace()
    vpp = net.vpp(ns)
    vpp.configure(f"""
        create memif socket id 1 filename m.sock
        create interface memif id 0 socket-id 1 {role} secret hush
        set interface state memif1/0 up
        set interface ip address memif1/0 10.40.0.1/24
    """)
    for _ in range(2):  # and once more when it has been away
        peer = Testpmd(ns, vpp.folder, words, eal)
        try:
            lib.wait_for(lambda: vpp.link("memif1/0") == "up" or peer.process.poll() is not None, "testpmd to connect", timeout=60)
            assert peer.process.poll() is None, peer.text()
            lib.wait_for(lambda: answered(vpp, 56), "five pings to be answered", timeout=60)
            assert answered(vpp, 1400)
        finally:
            peer.stop()
        lib.wait_for(lambda: vpp.link("memif1/0") == "down", "the link to go down", timeout=30)
        if role == "slave" and os.path.exists(vpp.folder + "/m.sock"):
            os.unlink(vpp.folder + "/m.sock")  # which a server of DPDK's does not take over
    assert vpp.buffers_used() == 0
    assert "zero-copy" not in words or "bad descriptor" not in str(vpp.errors())

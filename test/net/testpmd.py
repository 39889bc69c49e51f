"""DPDK's testpmd as a peer: it answers ARP and pings for any address."""
import os
import shutil
import signal
import subprocess

import pytest

needed = pytest.mark.skipif(not shutil.which("dpdk-testpmd"), reason="dpdk-testpmd is not installed (Debian: dpdk-dev, librte-net-memif23, "
                            "librte-net-virtio23, librte-mempool-ring23)")


def answers_pings(vpp, size):
    """Whether five from the switch at 10.40.0.1/24 were answered."""
    return "5 sent, 5 received" in vpp.ctl(f"ping 10.40.0.2 repeat 5 interval 0.02 size {size}")


class Testpmd:
    """One that answers, on a port of its own."""

    __test__ = False  # pytest takes it for tests by its name

    def __init__(self, namespace, folder, vdev, eal="", words=""):
        argv = (f"dpdk-testpmd --no-pci --no-huge -m 256 --no-telemetry --lcores 0@(0,1),1@(0,1) --file-prefix=piste{os.getpid()} {eal} "
                f"--vdev={vdev} "
                f"-- --total-num-mbufs=8192 --stats-period 1 --auto-start --forward-mode=icmpecho {words}")
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

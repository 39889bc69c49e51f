"""VPP's own program between two interfaces of its packet generator, for those who have one: what bench/pg_clocks.py
asks of our daemon, by VPP's commands, from the text of its answers."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

CONFIG = """unix {{ nodaemon cli-listen {0}/cli.sock runtime-dir {0} log {0}/log }}
cpu {{ workers 1 }}
memory {{ main-heap-size 3G }}
statseg {{ size 1G socket-name {0}/stats.sock }}
plugins {{ plugin default {{ disable }} }}
"""
RUNTIME = re.compile(r"^(\S+)\s+\S.*?\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d\S*)\s+(\d\S*)\s*$")
COUNTER = re.compile(r"^(\S*).*?\s(tx packets)\s+(\d+)\s*$")


class Pg:
    def __init__(self, number, address):
        self.name = f"pg{number}"
        self.address = address.split("/")[0] if address else None
        self.host = re.sub(r"\d+$", lambda m: str(int(m.group()) + 1), self.address or "") or None
        self.mac, self.host_mac = f"02:00:00:00:{number:02x}:01", f"02:00:00:00:{number:02x}:02"

    def __str__(self):
        return self.name


class VppBinary:
    """program: the daemon; its vppctl is beside it, or in the path."""

    def __init__(self, program):
        self.program = program
        beside = os.path.join(os.path.dirname(program), "vppctl")
        self.vppctl = beside if os.path.exists(beside) else "vppctl"
        self.folder = tempfile.mkdtemp(prefix="vpp-", dir="/tmp")
        self.daemon = None
        self.pgs = {}

    def start(self):
        config = os.path.join(self.folder, "startup.conf")
        with open(config, "w", encoding="ascii") as f:
            f.write(CONFIG.format(self.folder))
        with open(os.path.join(self.folder, "out"), "w", encoding="ascii") as out:
            self.daemon = subprocess.Popen([self.program, "-c", config], stdout=out, stderr=out)
        end = time.monotonic() + 30
        while not self._answers():
            if self.daemon.poll() is not None or time.monotonic() > end:
                raise OSError(f"{self.program} does not come up; see {self.folder}")
            time.sleep(0.1)

    def _answers(self):
        return os.path.exists(f"{self.folder}/cli.sock") and "vpp" in self.ctl("show version")

    def ctl(self, command):
        done = subprocess.run([self.vppctl, "-s", f"{self.folder}/cli.sock", command], text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.stdout.replace("\r", "")

    def pg(self, number, address=None):
        pg = Pg(number, address)
        self.ctl(f"create packet-generator interface {pg}")
        self.ctl(f"set interface mac address {pg} {pg.mac}")
        self.ctl(f"set interface state {pg} up")
        if address:
            self.ctl(f"set interface ip address {pg} {address}")
            self.ctl(f"set ip neighbor {pg} {pg.host} {pg.host_mac}")
        self.pgs[number] = pg
        return pg

    def json(self, command):
        """The parts of these answers that are asked for."""
        text = self.ctl(command)
        if command == "show l2fib":
            found = re.search(r"total/learned entries:\s*(\d+)/(\d+)", self.ctl("show l2fib all"))
            return {"learned": int(found[2]) if found else 0}
        assert command == "show runtime", command
        nodes = [{"name": m[1], "vectors": int(m[3]), "packet_clocks": float(m[5])}
                 for m in map(RUNTIME.match, text.splitlines()) if m]
        return {"threads": [{"nodes": nodes}]}

    def counter(self, interface, name):
        """Of `show interface`; the interface's name stands in the first line of its own."""
        at = None
        for line in self.ctl("show interface").splitlines():
            if line and not line[0].isspace():
                at = line.split()[0]
            found = COUNTER.match(line)
            if at == interface and found and found[2] == name:
                return int(found[3])
        return 0

    def run_stream(self, name):
        """Its packets have all been sent when the generator has switched it off."""
        self.ctl(f"packet-generator enable-stream {name}")
        end = time.monotonic() + 60
        while re.search(rf"^\s*{name}\s+Yes", self.ctl("show packet-generator"), re.MULTILINE):
            assert time.monotonic() < end, "the stream does not end"
            time.sleep(0.05)

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        try:
            self.daemon.wait(10)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()

    def remove(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

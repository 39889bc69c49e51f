"""Packets that go around, for bench/run: DPDK's testpmd sends what comes by one of its ports out by the other, and what is
between them brings it back: a daemon, or a second testpmd.

The number of packets under way decides how many go around in a second, so it is the same each time: forwarding begins when
the links are up, a loop that has lost packets or stands still is made anew, and packets stay in the rings from one turn to the next.
"""
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time

import lib

BURST = 32         # of testpmd: tx_first N sends so many, N times, by each port
WARM_SECONDS = 0.05
TURN_SECONDS = 0.3  # short enough for the kernel to let threads that poll have a core for themselves, with --alone
TRIES = 5


class Lost(Exception):
    """Packets do not go around any more."""


def thread_name(pid, tid):
    with open(f"/proc/{pid}/task/{tid}/comm", encoding="ascii") as f:
        return f.read().strip()


@contextlib.contextmanager
def undisturbed(ends):
    """Threads of these that poll go before all other programs, and who tells them to stop before these."""
    before = {0: 2}
    for polling, others in (end.threads() for end in ends):
        before.update(dict.fromkeys(polling, 1))
        before.update(dict.fromkeys(others, 2))
    try:
        for tid, priority in before.items() if ends else ():
            os.sched_setscheduler(tid, os.SCHED_FIFO, os.sched_param(priority))
        yield
    finally:
        for tid in before if ends else ():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setscheduler(tid, os.SCHED_OTHER, os.sched_param(0))


class Testpmd:
    """DPDK's testpmd, its one forwarding thread on one core, told by its commands."""

    def __init__(self, b, namespace, name, core, ports, mode="io", words=""):
        self.log = tempfile.NamedTemporaryFile(prefix="piste-bench-testpmd-", dir="/tmp")  # pylint: disable=consider-using-with
        self.seen = 0
        self.n_ports = len(ports)
        vdevs = " ".join("--vdev=" + port for port in ports)
        self.process = namespace.popen(
            f"stdbuf -oL dpdk-testpmd --no-pci --no-huge -m 128 --no-telemetry --lcores 0@(0,1),1@{core} --file-prefix=bench-{name}-{os.getpid()} "
            f"{vdevs} -- -i --total-num-mbufs=16384 --no-flush-rx --forward-mode={mode} --txpkts=64 {words}",
            stdin=subprocess.PIPE, stdout=self.log, stderr=self.log)
        b.open.append(self)
        self.await_text("testpmd> ")

    def await_text(self, pattern, timeout=60):
        """What it says up to what matches, behind what was awaited before."""
        text = ""

        def said():
            nonlocal text
            with open(self.log.name, encoding="utf-8", errors="replace") as f:
                text = f.read()
            return re.compile(pattern, re.S).search(text, self.seen) or self.process.poll() is not None
        lib.wait_for(said, "testpmd", timeout=timeout, interval=0.002)
        match = re.compile(pattern, re.S).search(text, self.seen)
        if not match:
            raise AssertionError("testpmd has ended: " + text[-500:])
        begin, self.seen = self.seen, match.end()
        return text[begin:self.seen]

    def say(self, command):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()

    def has_links(self):
        self.say("show port summary all")
        text = self.await_text(rf"Link(\s+\d[^\n]*){{{self.n_ports}}}\n")
        return len(re.findall(r" up ", text)) == self.n_ports

    def start(self, bursts=0):
        """Goes on, with so many bursts more."""
        self.say(f"start tx_first {bursts}" if bursts else "start")
        self.await_text("packets/burst")

    def received(self):
        """Packets that its ports received, and the rate, since it was asked the last time."""
        self.say("show port stats all")
        text = self.await_text(r"(Tx-pps[^\n]*.*?){%d}Tx-bps[^\n]*\n" % self.n_ports)
        return sum(map(int, re.findall(r"Rx-pps:\s+(\d+)", text)))

    def stop(self):
        """Received, sent, and not sent since it was started."""
        self.say("stop")
        text = self.await_text(r"Accumulated forward statistics.*?\nDone\.")
        text = text[text.index("Accumulated"):]
        return [int(re.search(word + r":\s*(\d+)", text)[1]) for word in ("RX-packets", "TX-packets", "TX-dropped")]

    def threads(self):
        """Those that poll, and those that take commands."""
        pid = self.process.pid
        tids = map(int, os.listdir(f"/proc/{pid}/task"))
        return [tid for tid in tids if re.match(r"(rte-|lcore-)?worker", thread_name(pid, tid))], [pid]

    def close(self):
        if self.process.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                self.say("quit")
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


class Piste:
    """A daemon between the ports, with one data thread."""

    def __init__(self, b, build, namespace, commands):
        self.vpp = lib.Vpp(build, namespace, config="cpu { main-core 0 corelist-workers 1 }")
        b.open.append(self.vpp)
        self.vpp.start()
        self.vpp.configure(commands)

    def has_links(self):
        return True  # the near end has none without

    def start(self):
        pass

    def stop(self):
        """Packets lost so far."""
        return sum(i["counters"].get(name, 0) for i in self.vpp.interfaces().values()
                   for name in ("drops", "rx-error", "rx-miss", "tx-error"))

    def threads(self):
        return [tid for tid in map(int, os.listdir(f"/proc/{self.vpp.pid}/task")) if thread_name(self.vpp.pid, tid).startswith("vpp_wk")], []

    def close(self):
        self.vpp.stop()


class OtherTestpmd(Testpmd):
    """One that forwards, in a switch's place."""

    def __init__(self, b, namespace, ports):
        super().__init__(b, namespace, f"server-{len(b.open)}", 1, ports)
        self.lost = 0

    def stop(self):
        self.lost += super().stop()[2]
        return self.lost


class Loop:
    """Packets of 64 bytes that go around between a testpmd and what is between its ports. between(namespace, folder): makes that;
    ports(folder): testpmd's."""

    def __init__(self, b, between, ports, mode="io", words=""):
        self.between, self.near = None, None
        self.folder = tempfile.mkdtemp(prefix="piste-bench-", dir="/tmp")
        self.under_way = 0
        namespace = b.namespace()
        self.between = between(namespace, self.folder)
        self.near = Testpmd(b, namespace, f"client-{len(b.open)}", 0, ports(self.folder), mode, words)
        lib.wait_for(lambda: self.near.has_links() and self.between.has_links(), "the links", timeout=60, interval=0.2)
        self.turn_with(0, 0)  # who receives by a memif hands out slots when it looks for the first time

    def add(self, bursts):
        """So many bursts of each port more go around."""
        self.turn_with(bursts, 0.1)

    def turn_with(self, bursts, seconds, alone=False):
        self.between.start()
        self.near.start(bursts)
        time.sleep(WARM_SECONDS)
        with undisturbed([self.near, self.between] if alone else []):
            self.near.received()
            time.sleep(seconds)
            rate = self.near.received()
        received, sent, refused = self.near.stop()
        self.under_way += sent - received
        lost = self.between.stop()
        if lost or refused or seconds and not rate:
            raise Lost(f"{lost} packets lost, {refused} not sent, {rate} a second")
        return rate

    def turn(self, alone):
        """Packets a second."""
        return self.turn_with(0, TURN_SECONDS, alone)

    def close(self):
        self.near.close()
        self.between.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def by_turns(loops, bursts, rounds, alone):
    """Rates of each of loops (functions that make one), a list each: by turns, so that what is in the same place of two lists can be
    compared."""
    why = None
    for _ in range(TRIES):
        made = []
        try:
            for make in loops:
                made.append(make())
                made[-1].add(bursts)
            rates = [[] for _ in loops]
            for i in range(rounds):
                for k in range(len(made))[::-1 if i % 2 else 1]:
                    rates[k].append(made[k].turn(alone))
            return rates
        except Lost as e:
            why = e
        finally:
            for loop in made:
                loop.close()
    raise AssertionError(f"packets do not go around: {why}")


def median_ratio(ours, theirs):
    return statistics.median(a / b for a, b in zip(ours, theirs))

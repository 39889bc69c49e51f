"""Interfaces come and go, traces and captures run and everything is shown, while packets pass: what data threads
read stays where it is. Meant for the sanitizers; without them, what is lost or wrong shows all the same."""
import os
import random
import threading

from packet_lib import wait_for

ROUNDS = 4
INTERFACES = 150  # at a time: more nodes than there were before
RATE = 20000
CAPTURE = f"churn-{os.getpid()}.pcap"
SHOWS = ("show trace max 20", "show runtime", "show errors", "show node counters", "show interface", "show features",
         "show buffers", "show node variants", "show hardware-interfaces", "show statistics segment")


class Session(threading.Thread):
    """Commands of a session of its own until stop(); a command that fails ends it."""

    def __init__(self, switch, commands):
        super().__init__(daemon=True)
        self.session = switch.second_session()
        self.commands = commands
        self.done, self.failure = threading.Event(), None

    def run(self):
        try:
            while not self.done.is_set():
                for command in self.commands():
                    answer = self.session.run(command)
                    assert answer.returncode == 0 or "No packets captured" in answer.stdout, \
                        f"{command}: {answer.stdout}"
        except (AssertionError, OSError) as e:
            self.failure = e

    def stop(self):
        self.done.set()
        self.join(60)
        assert not self.is_alive()
        self.session.close()
        if self.failure:
            raise self.failure


def traces():
    yield "trace add pg-input 20"
    yield from SHOWS
    yield "clear trace"


def captures():
    yield f"pcap trace rx tx drop max 10000 file {CAPTURE}"
    yield random.choice(SHOWS)
    yield "pcap trace off"


def come_and_go(switch):
    for _ in range(ROUNDS):
        made = [switch.ctl("create loopback interface").strip() for _ in range(INTERFACES)]
        for name in made[::10]:
            switch.ctl(f"set interface state {name} up")
        for i in range(2, 12):
            switch.ctl(f"create packet-generator interface pg{i}")
        for i in range(2, 12):
            switch.ctl(f"delete packet-generator interface pg{i}")
        for name in made:
            switch.ctl(f"delete loopback interface intfc {name}")


def test_interfaces_come_and_go(fresh):
    """Every packet that came in goes out, and every interface is gone in the end."""
    pg0, pg1 = fresh.pg(0, "10.0.0.1/24"), fresh.pg(1, "10.0.1.1/24")
    names = set(fresh.interfaces())
    before = fresh.counter("pg1", "tx packets")
    fresh.ctl(f"packet-generator new name churn rate {RATE} size 64-64 source pg0 node ethernet-input data "
              f"{{ IP4: {pg0.host_mac} -> {pg0.mac} UDP: {pg0.host} -> {pg1.host} UDP: 1 -> 2 incrementing 18 }}")
    fresh.ctl("packet-generator enable-stream churn")
    sessions = [Session(fresh, traces), Session(fresh, captures)]
    try:
        for session in sessions:
            session.start()
        come_and_go(fresh)
        for session in sessions:
            session.stop()
    finally:
        if os.path.exists("/tmp/" + CAPTURE):
            os.unlink("/tmp/" + CAPTURE)
    fresh.ctl("packet-generator disable-stream churn")
    sent = fresh.stream("churn")["count"]
    assert sent > 0
    wait_for(lambda: fresh.counter("pg1", "tx packets") - before == sent, "all packets to leave")
    assert set(fresh.interfaces()) == names

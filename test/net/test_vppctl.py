"""vppctl on a terminal: its own editor, completion, pager, history; the daemon's editor; a daemon that dies."""
import contextlib
import fcntl
import os
import pty
import select
import socket
import struct
import termios
import threading
import time

import pytest
from lib import wait_for


class Terminal:
    """A program on a pseudo terminal of 80 columns and 10 lines."""

    def __init__(self, args, **env):
        self.rest = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 80, 0, 0))
            os.execvpe(args[0], args, dict(os.environ, **env))

    def expect(self, what, timeout=10):
        """Reads up to and with `what`; what follows is kept for the next time."""
        text, end = self.rest, time.monotonic() + timeout
        while what not in text:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {what!r} after {text!r}"
            try:
                more = os.read(self.fd, 65536)
            except OSError:
                more = b""
            assert more, f"ended without {what!r} after {text!r}"
            text += more
        end = text.index(what) + len(what)
        self.rest = text[end:]
        return text[:end]

    def type(self, keys, what, timeout=10):
        os.write(self.fd, keys)
        return self.expect(what, timeout)

    def status(self, timeout=10):
        """The exit status, once it has ended."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            select.select([self.fd], [], [], 0.05)
        raise AssertionError("still running")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)


@pytest.fixture(name="vpp")
def fixture_vpp(net):
    return net.vpp(net.namespace())


def start(vpp, tmp_path, *args, term="xterm"):
    return Terminal([vpp.build + "/vppctl", "-s", vpp.cli, *args], TERM=term, HOME=str(tmp_path))


def test_the_prompt_comes_when_the_editor_is_ready(vpp, tmp_path):
    """What is typed at once is not echoed by the terminal, too."""
    with start(vpp, tmp_path) as t:
        for _ in range(20):
            t.expect(b"vpp# ")
            assert not termios.tcgetattr(t.fd)[3] & (termios.ECHO | termios.ICANON)
            os.write(t.fd, b"show version\n")
        t.expect(b"vpp# ")
        os.write(t.fd, b"quit\n")
        assert t.status() == 0


def test_editor_completion_history(vpp, tmp_path):
    with start(vpp, tmp_path) as t:
        t.expect(b"vpp# ")
        t.type(b"show versi\t\n", b"piste")
        t.expect(b"vpp# ")
        t.type(b"set interface state lo\t", b"cal0 ")  # a live value
        t.type(b"\x15foo\n", b"unknown input `foo'")
        t.expect(b"vpp# ")
        t.type(b"\x10\x10\n", b"piste")  # two lines up: show version
        t.expect(b"vpp# ")
        t.type(b"nothing of this\x03", b"vpp# ")
        listed = t.type(b"history\n", b"4  history\r\n").split(b"history\r\n", 1)[1]
        assert [line.split() for line in listed.splitlines()] \
            == [[b"1", b"show", b"version"], [b"2", b"foo"], [b"3", b"show", b"version"],
                [b"4", b"history"]]
        t.expect(b"vpp# ")
        os.write(t.fd, b"quit\n")
        assert t.status() == 0
    with start(vpp, tmp_path) as t:
        t.expect(b"vpp# ")
        t.type(b"show clock\n", b"Time now")
        t.expect(b"vpp# ")
        t.type(b"history\n", b"1  show clock\r\n2  history\r\n")  # those of this session
        t.expect(b"vpp# ")
        t.type(b"\x10\x10\x10\x10", b"show version")
        os.write(t.fd, b"\x15\x04")
        assert t.status() == 0
    assert os.stat(tmp_path / ".vppctl_history").st_mode & 0o77 == 0


class Between:
    """A socket in front of the daemon's, which hands on what clients say so much later; or, as VPP does, says nothing
    to our options."""

    def __init__(self, path, daemon, delay=0.0, drop=b""):
        self.path, self.daemon, self.delay, self.drop = path, daemon, delay, drop
        self.said = b""  # by clients
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.daemon)
            threading.Thread(target=self.copy, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.copy, args=(server, client, False), daemon=True).start()

    def copy(self, source, to, of_client):
        try:
            while data := source.recv(65536):
                if of_client:
                    self.said += data
                    time.sleep(self.delay)
                to.sendall(data.replace(self.drop, b"") if self.drop else data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


@contextlib.contextmanager
def start_between(vpp, tmp_path, **kwargs):
    path = str(tmp_path / "between.sock")
    with Between(path, vpp.cli, **kwargs) as between, \
            Terminal([vpp.build + "/vppctl", "-s", path], TERM="xterm", HOME=str(tmp_path)) as t:
        t.expect(b"vpp# ")
        yield between, t


def session_between(vpp, tmp_path, **kwargs):
    with start_between(vpp, tmp_path, **kwargs) as (_, t):
        t.type(b"show versi\t\r", b"piste")
        t.expect(b"vpp# ")
        os.write(t.fd, b"quit\r")
        assert t.status() == 0


def test_editor_with_a_slow_daemon(vpp, tmp_path):
    session_between(vpp, tmp_path, delay=0.7)
    assert (tmp_path / ".vppctl_history").exists()  # of the client's editor


def test_interrupt_while_words_are_asked_for(vpp, tmp_path):
    with start_between(vpp, tmp_path, delay=0.7) as (between, t):
        os.write(t.fd, b"show versi\t")
        wait_for(lambda: b"complete" in between.said, "the question", 30)
        t.type(b"\x03", b"vpp# ")


def test_editor_of_another_daemon(vpp, tmp_path):
    """One that does not know the options of ours: its own editor it is."""
    session_between(vpp, tmp_path, drop=b"\xff\xfd\xc8")
    assert not (tmp_path / ".vppctl_history").exists()


def test_pager(vpp, tmp_path):
    with start(vpp, tmp_path) as t:
        t.expect(b"vpp# ")
        first = t.type(b"show ?\n", b"-- more --")
        assert 3 < first.count(b"\n") <= 10  # the line itself and 9 of output; long ones wrap
        t.type(b" ", b"-- more --")
        t.type(b"q", b"vpp# ")
        t.type(b"show version\n", b"piste")
        t.expect(b"vpp# ")
        t.type(b"set term pager off\n", b"vpp# ")
        assert b"-- more --" not in t.type(b"show ?\n", b"\nvpp# ")


def test_interrupt(vpp, tmp_path):
    with start(vpp, tmp_path) as t:
        t.expect(b"vpp# ")
        t.type(b"wait 100\n", b"\n")
        time.sleep(0.3)
        t.type(b"\x03", b"vpp# ", timeout=5)
        t.type(b"show version\n", b"piste")


@pytest.mark.parametrize("how", ["--raw", "dumb"])
def test_editor_of_the_daemon(vpp, tmp_path, how):
    raw = how == "--raw"
    with start(vpp, tmp_path, *["--raw"] * raw, term="xterm" if raw else "dumb") as t:
        t.expect(b"vpp# ")
        t.type(b"show versi\t\r", b"piste")
        t.expect(b"vpp# ")
        t.type(b"show ?\r", b"-- more -- (1-9/")
        t.type(b"q", b"vpp# ")
        t.type(b"wait 100\r", b"\n")
        time.sleep(0.3)
        t.type(b"\x03", b"vpp# ", timeout=5)
        os.write(t.fd, b"quit\r")
        assert t.status() == 0


def test_daemon_dies(vpp, tmp_path):
    with start(vpp, tmp_path) as t, start(vpp, tmp_path, "--raw") as raw:
        t.expect(b"vpp# ")
        raw.expect(b"vpp# ")
        vpp.kill()
        assert raw.status() == 0
        t.type(b"show version\n", b"closed the connection")
        t.type(b"show version\n", b"connect: ")
        os.write(t.fd, b"quit\n")
        assert t.status() == 0


def test_json(vpp):
    done = vpp.vppctl("show interface json")
    assert done.returncode == 0 and done.stdout.startswith("{\n")
    assert vpp.vppctl("show interface | include local0").stdout.startswith("local0")


def test_a_word_that_is_empty(vpp):
    """A script's "$command" that has nothing in it: like an empty line."""
    done = vpp.vppctl([""])
    assert (done.returncode, done.stdout) == (0, "")

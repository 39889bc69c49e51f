"""The CLI socket: many sessions, rude sessions; each can only hurt itself."""
import random
import socket
import subprocess

import lib

GREETING = bytes.fromhex("fffc22fffe22fffb03fffd03fffb01fffe01fffd18fffa1801fff0fffd1ffffa1f01fff0")
TTYPE_VPPCTL = b"\xff\xfa\x18\x00vppctl\xff\xf0"
TTYPE_XTERM = b"\xff\xfa\x18\x00xterm\xff\xf0"


def connect(vpp, timeout=10):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(vpp.cli)
    return s


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        assert more, f"closed after {data!r}"
        data += more
    return data


def until(s, end):
    data = b""
    while not data.endswith(end):
        more = s.recv(65536)
        assert more, f"closed after {data!r}"
        data += more
    return data


def closed(s):
    """Reads all there is; true when the other side then closed."""
    try:
        while s.recv(65536):
            pass
    except ConnectionResetError:
        pass
    except socket.timeout:
        return False
    return True


def test_greeting_and_command(net):
    """Byte for byte what VPP's own vppctl counts on."""
    vpp = net.vpp(net.namespace())
    with connect(vpp) as s:
        assert exactly(s, len(GREETING)) == GREETING
        s.sendall(TTYPE_VPPCTL)
        s.sendall(b"show version\n\0")
        answer = until(s, b"\0")
        assert answer.startswith(b"vpp v26.06-piste-") and answer.endswith(b"\r\n\0")
        s.sendall(b"foo\n")
        assert until(s, b"\0") == b"unknown input `foo'\r\n\0"
        s.sendall(b"\n")
        assert until(s, b"\0") == b"\0"
        s.sendall(b"quit\n")
        assert closed(s)


def test_interactive_session(net):
    """Prompt, echo, completion."""
    vpp = net.vpp(net.namespace())
    with connect(vpp) as s:
        exactly(s, len(GREETING))
        s.sendall(TTYPE_XTERM)
        until(s, b"vpp# ")
        s.sendall(b"show versi\t\r")
        text = until(s, b"vpp# ")
        assert b"vpp v26.06-piste-" in text
        s.sendall(b"quit\r")
        assert closed(s)


def test_two_thousand_sessions(net):
    """One after the other; nothing is left of them."""
    _, vpp = net.main_job()
    vpp.ctl("show version")
    before, memory = vpp.open_fds(), None
    for i in range(2000):
        with connect(vpp) as s:
            if i % 4 == 0:
                continue  # leaves at once
            s.sendall(TTYPE_VPPCTL + b"show interface\n")
            if i % 4 == 1:
                continue  # leaves without reading
            exactly(s, len(GREETING))
            assert b"host-vpp1out" in until(s, b"\0")
            if i % 4 == 2:
                continue  # leaves without a word
            s.sendall(b"quit\n")
            assert closed(s)
        if i == 403:  # one that came to its end
            memory = vpp.rss_kib()
    lib.wait_for(lambda: vpp.open_fds() <= before, f"sessions to end, down to {before} descriptors")
    assert vpp.rss_kib() < memory + 1024
    assert "host-vpp1out" in vpp.ctl("show int")


def test_hundred_sessions_at_once(net):
    vpp = net.vpp(net.namespace())
    sessions = [connect(vpp) for _ in range(100)]
    for s in sessions:
        s.sendall(TTYPE_VPPCTL + b"show version\n")
    for s in sessions:
        exactly(s, len(GREETING))
        assert b"piste" in until(s, b"\0")
    for s in sessions:
        s.close()
    assert vpp.alive()


def test_dies_in_the_middle(net):
    """Half a command; a command that takes time; a long output that nobody reads."""
    ns, vpp = net.main_job()
    before = vpp.open_fds()
    for _ in range(20):
        with connect(vpp) as s:
            s.sendall(TTYPE_VPPCTL + b"show inter")
        with connect(vpp) as s:
            s.sendall(TTYPE_VPPCTL + b"ping 10.10.1.99 repeat 100\n")
        with connect(vpp) as s:
            s.sendall(TTYPE_VPPCTL + b"wait 100\n")
        with connect(vpp) as s:
            s.sendall(TTYPE_VPPCTL + b"show ip fib\nshow node ip4-lookup\n" * 60)
    lib.wait_for(lambda: vpp.open_fds() <= before, "the sessions to end")
    assert ns.ping("10.10.1.2") == 3


def test_slow_reader_hinders_nobody(net):
    """One that asks for much and reads nothing: others are served, memory is bounded."""
    ns, vpp = net.main_job()
    with connect(vpp) as slow:
        slow.setblocking(False)
        slow.sendall(TTYPE_VPPCTL)
        try:
            for _ in range(3000):
                slow.send(b"show ip fib\n")
        except BlockingIOError:
            pass
        assert "host-vpp1out" in vpp.ctl("show int", timeout=5)
        assert ns.ping("10.10.1.2") == 3
        assert vpp.rss_kib() < 64 << 10
    assert "host-vpp1out" in vpp.ctl("show int")


def test_garbage(net):
    vpp = net.vpp(net.namespace())
    seeded = random.Random(4)
    for i in range(200):
        with connect(vpp) as s:
            try:
                if i % 2:
                    s.sendall(TTYPE_VPPCTL)
                s.sendall(seeded.randbytes(seeded.randrange(1, 5000)))
                if i % 3 == 0:  # telnet options that never end
                    s.sendall(b"\xff\xfa" * 400 + b"\xff")
                if i % 5 == 0:
                    s.shutdown(socket.SHUT_WR)
                    closed(s)
            except (BrokenPipeError, ConnectionResetError):
                pass  # its own session may end
    assert "piste" in vpp.ctl("show version")


def test_megabyte_line(net):
    """Without and with an end: an error or the end of that session, and the rest goes on."""
    vpp = net.vpp(net.namespace())
    memory = vpp.rss_kib()
    for tail in (b"\n", b""):
        for start in (TTYPE_VPPCTL, TTYPE_XTERM, b""):
            with connect(vpp) as s:
                try:
                    s.sendall(start)
                    for _ in range(256):
                        s.sendall(b"x" * 4096)
                    s.sendall(tail)
                    s.shutdown(socket.SHUT_WR)
                    assert closed(s)
                except (BrokenPipeError, ConnectionResetError):
                    pass
    assert "piste" in vpp.ctl("show version")
    assert vpp.rss_kib() < memory + 8192


def test_other_sessions_go_on_during_ping(net):
    """A command that takes time holds up only its own session."""
    _, vpp = net.main_job()
    with connect(vpp) as s:
        exactly(s, len(GREETING))
        s.sendall(TTYPE_VPPCTL + b"ping 10.10.1.1 repeat 1000 interval 0.05\n")
        exactly(s, 100)
        assert "host-vpp1out" in vpp.ctl("show int", timeout=3)


def test_pipe(net):
    """vppctl with commands on its standard input; one that fails shows in the exit status."""
    _, vpp = net.main_job()
    done = subprocess.run([vpp.build + "/vppctl", "-s", vpp.cli], text=True, timeout=20,
                          input="show int addr\nshow version\n", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0 and "10.10.1.2/24" in done.stdout and "piste" in done.stdout
    done = subprocess.run([vpp.build + "/vppctl", "-s", vpp.cli], text=True, timeout=20,
                          input="show version\nfoo\n", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode != 0 and "unknown input `foo'" in done.stdout


def test_vppctl_is_slow(net, tmp_path):
    """A daemon that is not told in time that a program is here greets as people are greeted: that is no output."""
    _, vpp = net.main_job()
    path = str(tmp_path / "slow.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with subprocess.Popen([vpp.build + "/vppctl", "-s", path, "show", "version"], text=True, stdout=subprocess.PIPE) as client:
            near, _ = listener.accept()
            with near, connect(vpp) as far:
                near.sendall(exactly(far, len(GREETING)))
                near.sendall(until(far, b"# "))  # the greeting's prompt
                far.sendall(exactly(near, 3 + len(TTYPE_VPPCTL) + len("show version\n\0")))
                near.sendall(until(far, b"\0"))
                assert client.wait(10 * lib.PATIENCE) == 0
                assert client.stdout.read() == vpp.ctl("show version")


def test_vppctl_without_daemon(build):
    done = subprocess.run([build + "/vppctl", "-s", "/nonexistent", "show", "version"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 1
    assert "No such file or directory" in done.stdout

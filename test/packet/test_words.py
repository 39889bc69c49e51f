"""What is said when something goes wrong, in sentences; and vppctl in places that are not a shell's."""
import os
import re
import resource
import socket
import subprocess

import pytest
from packet_lib import EMULATED, Switch, wait_for


def test_exec_names_file_line_and_reason(switch):
    inner, outer = switch.new_file("inner.cli"), switch.new_file("outer.cli")
    with open(inner, "w", encoding="utf-8") as f:
        f.write("# a comment\n\nshow \\\n  version\nset interface state nosuch up\nshow clock\n")
    with open(outer, "w", encoding="utf-8") as f:
        f.write(f"show clock\nexec {inner}\n")
    reason = "set interface state: unknown interface `nosuch up'"
    assert switch.fails(f"exec {inner}") == f"exec: CLI line error: {inner}:5: {reason}"
    assert switch.fails(f"exec {outer}") == \
        f"exec: CLI line error: {outer}:2: exec: CLI line error: {inner}:5: {reason}"
    # a command that is understood, and refused
    with open(inner, "w", encoding="utf-8") as f:
        f.write("show clock\nset clock adjust -1\n")
    assert switch.fails(f"exec {inner}").startswith(
        f"exec: CLI line error: {inner}:2: set clock adjust: time goes forward")


def test_limit_of_count(switch):
    said = switch.fails("ip route add count 4000000 10.0.0.0/32 via drop")
    most = re.fullmatch(r"ip route: count 4000000: at most (\d+) routes at once", said)
    assert most and int(most[1]) in (2**21 - 1, 2**18 - 1), said  # of 64 bits, of 32 bits
    assert "parse error `count x 10" in switch.fails("ip route add count x 10.0.0.0/32 via drop")


@pytest.mark.skipif(EMULATED, reason="it is qemu's address space")
@pytest.mark.parametrize("limit_mb", [60, 700, 1000, 1500, 2000, 3000])
def test_too_little_address_space(build, tmp_path, limit_mb):
    conf = tmp_path / "startup.conf"
    conf.write_text(f"unix {{ nodaemon cli-listen {tmp_path}/cli.sock }} statseg {{ socket-name {tmp_path}/stats }}"
                    f" socksvr {{ socket-name {tmp_path}/api }}")
    limit = limit_mb << 20
    done = subprocess.run([build + "/vpp", "-c", str(conf)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, timeout=20, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    if "Sanitizer" in done.stdout:
        pytest.skip("a sanitizer needs more than there is to try with")
    assert done.returncode == 1, done.stdout
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"vpp: .*cannot map \d+ bytes for .*: (Cannot allocate|Out of) memory \(its address space is "
                        rf"limited to {limit_mb} MB: ulimit -v\)", lines[-1]), done.stdout


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.mark.parametrize("listen, dial", [("127.0.0.1:PORT", "localhost:PORT"), ("127.0.0.1:PORT", "tcp:127.0.0.1:PORT"),
                                          ("abstract:piste-test-PORT", "abstract:piste-test-PORT")])
def test_vppctl_by_address(build, listen, dial):
    daemon, port = Switch(build), str(free_port())
    daemon.cli = listen.replace("PORT", port)
    daemon.write_conf()

    def ctl(*args):
        return subprocess.run([build + "/vppctl", "-s", dial.replace("PORT", port), *args], text=True, timeout=20,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    try:
        assert re.match("connect: .*refused", ctl("show", "version").stdout)
        daemon.launch()
        wait_for(lambda: ctl("show", "version").returncode == 0, "an answer", 10)
        assert ctl("show", "clock").stdout.startswith("Time now")
        assert ctl("nonsense").returncode == 1
        assert '"time"' in ctl("--json", "show", "clock").stdout
    finally:
        daemon.stop()
        daemon.remove()


def test_vppctl_of_wrong_addresses(build):
    def said(where):
        done = subprocess.run([build + "/vppctl", "-s", where, "show version"], text=True, timeout=20, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 1
        return done.stdout
    for where in ("localhost:nosuch", "[::1:5", "tcp:localhost", ":", "x" * 200, "abstract:" + "x" * 200, "/nosuch"):
        assert said(where).startswith("connect: "), where


@pytest.mark.parametrize("closed", [{0}, {0, 2}, {0, 1, 2}])
def test_vppctl_with_closed_descriptors(switch, build, closed):
    """It takes no socket for its input."""
    def close():
        for fd in closed:
            os.close(fd)
    done = subprocess.run([build + "/vppctl", "-s", switch.cli], preexec_fn=close, timeout=5, check=False)
    assert done.returncode == 0
    done = subprocess.run([build + "/vppctl", "-s", switch.cli, "nonsense"], preexec_fn=close, timeout=5, check=False,
                          stdout=None if 1 in closed else subprocess.DEVNULL)
    assert done.returncode == 1

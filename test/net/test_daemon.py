"""The daemon as a process: arguments, configuration, background, signals, crashes, saved state."""
import ctypes
import grp
import os
import re
import signal
import socket
import subprocess
import time

import pytest

TTYPE_VPPCTL = bytes.fromhex("fffa180076707063746cfff0")
GREETING_BYTES = 36


class Daemon:
    """A daemon in a folder of its own, without a namespace: nothing here has a packet."""

    def __init__(self, build, folder):
        self.vpp = build + "/vpp"
        self.folder = str(folder)
        self.cli = self.folder + "/cli.sock"
        self.log = self.folder + "/vpp.log"
        self.conf = self.folder + "/startup.conf"
        self.process = None

    def write(self, name, text):
        with open(f"{self.folder}/{name}", "w", encoding="utf-8") as f:
            f.write(text)
        return f"{self.folder}/{name}"

    def read(self, name):
        with open(f"{self.folder}/{name}", encoding="utf-8") as f:
            return f.read()

    def configure(self, unix="nodaemon", more=""):
        self.write("startup.conf", f"unix {{\n  runtime-dir {self.folder}\n  cli-listen {self.cli}\n"
                                   f"  log {self.log}\n  {unix}\n}}\n{more}\n")

    def run(self, *args):
        """To its end: status, stdout, stderr."""
        done = subprocess.run([self.vpp, *args], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=20)
        return done.returncode, done.stdout, done.stderr

    def start(self, **kwargs):
        self.process = subprocess.Popen([self.vpp, "-c", self.conf], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True, **kwargs)
        self.wait_for_cli()

    def wait_for_cli(self):
        end = time.monotonic() + 10
        while True:
            try:
                return self.ctl("show version")
            except OSError:
                assert self.process is None or self.process.poll() is None, self.process.stderr.read()
                assert time.monotonic() < end, "no answer"
                time.sleep(0.002)

    def ctl(self, command, answer=True):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.cli)
            s.recv(GREETING_BYTES, socket.MSG_WAITALL)
            s.sendall(TTYPE_VPPCTL + command.encode() + b"\n")
            text = b""
            while not text.endswith(b"\0"):
                part = s.recv(65536)
                if not part:
                    assert not answer, f"{command}: the session ended with {text!r}"
                    break
                text += part
        return text.decode().replace("\r\n", "\n").rstrip("\0")

    def pid(self):
        return int(self.read("vpp.pid"))

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def daemon(build, tmp_path):
    d = Daemon(build, tmp_path)
    d.configure()
    yield d
    d.end()


def alive(pid):
    """Whether it runs; a child of init that nobody waits for does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition, what, timeout=10):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"waited for: {what}"
        time.sleep(0.005)


def kill_and_wait(pid):
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not alive(pid), "the end of the daemon")


# ---- arguments


def test_version_is_one_line(daemon):
    status, out, err = daemon.run("-v")
    assert (status, err) == (0, "")
    assert re.fullmatch(r"vpp v26\.06-piste-\S+ built by \S+ on \S+ at \d{4}-\d\d-\d\dT[\d:]+\n", out)
    assert daemon.run("--version")[1] == out


def test_help_is_usage(daemon):
    status, out, _ = daemon.run("-h")
    assert status == 0 and out.startswith("Usage: vpp")


@pytest.mark.parametrize("args, error", [
    (["--x"], "vpp: unrecognized option '--x'\n"),
    (["-c"], "vpp: option requires an argument -- '-c'\n"),
    (["-c", "/nonexistent"], "vpp: failed to open configuration file '/nonexistent': "
                             "No such file or directory\n"),
    (["bogus-section", "{", "x", "}"], "vpp: command line:1: unknown input `bogus-section  x': "
                                       "there is no such section, or its plugin is not loaded\n"),
    (["unix", "{", "bogus", "}"], "vpp: command line:1: unix_config: unknown input `bogus'; "),
    (["cpu", "{", "workers", "many", "}"], "vpp: command line:1: cpu_config: unknown input `many'; "
                                           "expected `workers <n:u32>'\n"),
    (["unix", "{", "nodaemon", "pidfile", "/tmp/zz.pid", "runtime-dir", "/tmp/r", "}"],
     "vpp: command line: unix_config: file /tmp/zz.pid is not in runtime directory /tmp/r\n"),
])
def test_faults_in_arguments_end_it_with_1(daemon, args, error):
    status, _, err = daemon.run(*args)
    assert status == 1
    assert err.startswith(error)


def test_a_fault_in_the_file_names_file_and_line(daemon):
    daemon.configure(more="\n# a comment\ncpu { main-core one }")
    status, _, err = daemon.run("-c", daemon.conf)
    assert status == 1
    assert err == (f"vpp: {daemon.conf}:9: cpu_config: unknown input `one'; "
                   "expected `main-core <cpu:u32>'\n")


def test_check_reads_the_file_and_starts_nothing(daemon):
    assert daemon.run("--check", "-c", daemon.conf) == (0, f"{daemon.conf}: good\n", "")
    assert os.listdir(daemon.folder) == ["startup.conf"]
    daemon.write("startup.conf", "unix {\n  nodaemon\n}\nbuffers {\n  bogus 3\n}\n")
    status, out, err = daemon.run("--check", "-c", daemon.conf)
    assert (status, out) == (1, "") and f"{daemon.conf}:5" in err and "bogus" in err
    daemon.configure()
    daemon.start()
    assert daemon.run("--check", "-c", daemon.conf)[0] == 0, "the one that runs is not in the way"


def test_a_cpu_that_is_not_there_is_told(daemon):
    status, _, err = daemon.run("unix", "{", "nodaemon", "runtime-dir", daemon.folder, "}", "cpu",
                                "{", "main-core", "1000", "}")
    assert (status, err) == (1, "vpp: cpu_config: main-core: cpu 1000 is not available\n")


def test_somebody_who_listens_already_is_told(daemon):
    daemon.configure("nodaemon pidfile vpp.pid")
    daemon.start()
    status, _, err = daemon.run("-c", daemon.conf)
    assert status == 1 and f"Active listener on '{daemon.cli}'" in err
    assert daemon.pid() == daemon.process.pid


def test_descriptors_that_are_closed_are_not_used_for_something_else(daemon):
    daemon.process = subprocess.Popen([daemon.vpp, "-c", daemon.conf], close_fds=True,
                                      preexec_fn=lambda: os.closerange(0, 3))
    daemon.wait_for_cli()
    assert [os.readlink(f"/proc/{daemon.process.pid}/fd/{fd}") for fd in range(3)] \
        == ["/dev/null"] * 3
    daemon.process.terminate()
    assert daemon.process.wait(10) == 0


# ---- a process among others


def test_it_answers_at_once(daemon):
    daemon.write("boot.cli", "set logging size 99\n")
    daemon.configure(f"nodaemon exec {daemon.folder}/boot.cli")
    begin = time.monotonic()
    daemon.start()
    took = time.monotonic() - begin
    assert took < 0.5, f"{took} s"  # some 10 ms; the rest is for slow machines
    wait_for(lambda: "set logging size 99" in daemon.ctl("show running-config"), "the start script")


def test_the_background(daemon):
    daemon.configure("pidfile vpp.pid")
    status, out, err = daemon.run("-c", daemon.conf)
    assert (status, out, err) == (0, "", "")
    pid = daemon.pid()
    try:
        assert daemon.ctl("show version").startswith("vpp v")  # ready when the parent ends
        assert daemon.read("vpp.pid") == str(pid)
        assert os.getsid(pid) != os.getsid(0)
        assert [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)] == ["/dev/null"] * 3
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            assert f.read() == "vpp_main\n"
    finally:
        kill_and_wait(pid)


def test_a_start_that_fails_in_the_background_is_seen(daemon):
    daemon.configure(more="cpu { main-core 1000 }")
    daemon.configure("gid nosuchgroup")
    status, _, err = daemon.run("-c", daemon.conf)
    assert status == 1
    assert "group nosuchgroup does not exist" in err


def test_little_memory(daemon):
    daemon.start()
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as f:
        assert int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) < 16 << 10


class SchedAttr(ctypes.Structure):
    """struct sched_attr of sched_setattr(2)."""
    _fields_ = [("size", ctypes.c_uint32), ("policy", ctypes.c_uint32), ("flags", ctypes.c_uint64),
                ("nice", ctypes.c_int32), ("priority", ctypes.c_uint32), ("runtime", ctypes.c_uint64),
                ("deadline", ctypes.c_uint64), ("period", ctypes.c_uint64)]


def slice_ns(thread):
    """As the kernel tells it; 0 before Linux 6.12."""
    attr = SchedAttr()
    number = {"x86_64": 315, "aarch64": 275}[os.uname().machine]
    assert ctypes.CDLL(None).syscall(number, thread, ctypes.byref(attr), ctypes.sizeof(attr), 0) == 0
    return attr.runtime


def test_data_threads_ask_for_short_slices(daemon):
    """The control thread's stay as they are."""
    daemon.start()
    tasks = f"/proc/{daemon.process.pid}/task"

    def slices():
        found = {}
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/comm", encoding="ascii") as f:
                found[f.read().strip()] = slice_ns(int(task))
        return found

    normal = slice_ns(os.getpid())
    expected = {"vpp_main": normal, "vpp_wk_0": 100000 if normal else 0}
    wait_for(lambda: slices() == expected, f"slices to be {expected}")


def test_capabilities_are_dropped(daemon):
    daemon.start()
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as f:
        effective = int(re.search(r"CapEff:\s+(\w+)", f.read()).group(1), 16)
    sys_module, sys_admin, sys_ptrace, setuid = 16, 21, 19, 7
    assert not effective & (1 << sys_module | 1 << sys_admin | 1 << sys_ptrace | 1 << setuid)


def test_files_belong_to_the_group(daemon):
    group = grp.getgrall()[1]
    daemon.configure(f"nodaemon gid {group.gr_name}")
    daemon.start()
    assert os.stat(daemon.cli).st_gid == group.gr_gid
    assert os.stat(daemon.cli).st_mode & 0o020


def test_the_service_manager_is_told(daemon):
    path = daemon.folder + "/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(10)
        daemon.start(env={**os.environ, "NOTIFY_SOCKET": path})
        assert s.recv(64) == b"READY=1"
        daemon.process.terminate()
        assert s.recv(64) == b"STOPPING=1"
        assert daemon.process.wait(10) == 0


# ---- signals and crashes


@pytest.mark.parametrize("name, status", [
    ("SIGTERM", 0), ("SIGINT", 0), ("SIGHUP", 0), ("SIGQUIT", -signal.SIGABRT),
    ("SIGABRT", -signal.SIGABRT), ("SIGUSR1", -signal.SIGUSR1)])
def test_signals_that_end_it(daemon, name, status):
    daemon.start()
    daemon.process.send_signal(getattr(signal, name))
    assert daemon.process.wait(10) == status
    err = daemon.process.stderr.read()
    if status == 0:
        assert err == f"received {name} from PID {os.getpid()} UID 0, exiting...\n"
    elif status == -signal.SIGABRT:
        assert err.startswith(f"received signal {name}, PC 0x")


@pytest.mark.parametrize("name", ["SIGALRM", "SIGPIPE", "SIGCHLD", "SIGURG", "SIGTSTP"])
def test_signals_that_do_not(daemon, name):
    daemon.start()
    daemon.process.send_signal(getattr(signal, name))
    time.sleep(0.02)
    assert daemon.ctl("show version").startswith("vpp v")


@pytest.mark.parametrize("how, first", [
    ("segv", "received signal SIGSEGV, PC 0x"), ("abort", "received signal SIGABRT, PC 0x"),
    ("panic", "panic: asked for"), ("libc", "received signal SIGSEGV, PC 0x")])
def test_a_crash_leaves_a_backtrace_and_whole_files(daemon, how, first):
    daemon.configure(f"nodaemon running-config {daemon.folder}/saved.cfg")
    daemon.start()
    daemon.ctl("set logging size 99")
    daemon.ctl("write")
    saved = daemon.read("saved.cfg")
    assert daemon.ctl(f"test crash {how}", answer=False) == ""
    assert daemon.process.wait(10) == -signal.SIGABRT
    for report in daemon.process.stderr.read(), daemon.read("vpp.log"):
        assert first in report
        frames = re.findall(r"^#\d+ +0x\w{16} (\S+) \+ 0x\w+ from \S+ \(\+0x\w+\)$", report, re.M)
        assert any("crash" in name for name in frames), report
        assert "loop_run" in frames and "main" in frames, report
    assert daemon.read("saved.cfg") == saved
    daemon.start()  # in the place of the dead one
    assert "set logging size 99" in daemon.ctl("show running-config")


def test_log_file(daemon):
    daemon.start()
    daemon.ctl("show clock")
    stamp = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d:\d{3}"
    lines = daemon.read("vpp.log").splitlines()
    assert re.fullmatch(stamp + rf": \*\*\*\*\* Start: PID {daemon.process.pid} \*\*\*\*\*", lines[0])
    assert any(re.fullmatch(stamp + r"\[\S+\]: show clock", line) for line in lines)


# ---- saved state


def test_the_running_config_comes_back(daemon):
    daemon.write("boot.cli", "set logging size 11\n")
    daemon.configure(f"nodaemon exec {daemon.folder}/boot.cli "
                     f"running-config {daemon.folder}/saved.cfg")
    daemon.start()
    wait_for(lambda: "size 11" in daemon.ctl("show running-config"), "the start script")
    daemon.ctl("set logging size 22")
    daemon.ctl("set logging class config level debug")
    config = daemon.ctl("show running-config")
    assert daemon.ctl("write") == f"running config written to {daemon.folder}/saved.cfg\n"
    assert daemon.read("saved.cfg") == config
    daemon.process.terminate()
    assert daemon.process.wait(10) == 0
    daemon.start()
    wait_for(lambda: daemon.ctl("show running-config") == config, "the saved config")


def test_write_needs_to_know_where(daemon):
    daemon.start()
    assert "expecting file name" in daemon.ctl("write")
    assert daemon.ctl(f"write {daemon.folder}/x") == f"running config written to {daemon.folder}/x\n"
    assert "failed to write `/nonexistent/x" in daemon.ctl("write /nonexistent/x")


def test_a_failing_start_script_is_told_and_survived(daemon):
    daemon.write("boot.cli", "set logging size 11\nno such command\nset logging size 22\n")
    daemon.configure(f"nodaemon exec {daemon.folder}/boot.cli")
    daemon.start()
    wait_for(lambda: "boot.cli:2: unknown input `no such command'" in daemon.ctl("show logging"),
             "the error in the log")
    assert "set logging size 22" in daemon.ctl("show running-config")


def test_restart_keeps_the_process(daemon):
    daemon.configure("pidfile vpp.pid")
    assert daemon.run("-c", daemon.conf)[0] == 0
    pid = daemon.pid()
    try:
        daemon.ctl("set logging size 99")
        daemon.ctl("restart", answer=False)
        wait_for(lambda: daemon.read("vpp.log").count("Start: PID") == 2, "the second start")
        assert "logging" not in daemon.wait_for_cli() and alive(pid)
        assert "set logging size 99" not in daemon.ctl("show running-config")
        assert daemon.pid() == pid
    finally:
        kill_and_wait(pid)


# ---- plugins


def test_plugins_that_do_not_load_are_one_line_each(daemon):
    os.mkdir(daemon.folder + "/plugins")
    daemon.write("plugins/junk_plugin.so", "this is no ELF file, and long enough for a header" * 9)
    daemon.write("plugins/other.so", "not looked at")
    daemon.configure(more=f"plugins {{ path {daemon.folder}/plugins "
                          "plugin dpdk_plugin.so { disable } }")
    daemon.start()
    lines = [line for line in daemon.ctl("show logging").splitlines() if "plugin/load" in line]
    assert len(lines) == 1 and "error" in lines[0]
    assert "Plugin not loaded: junk_plugin.so: " in lines[0]


def test_a_disabled_builtin_has_no_commands(daemon):
    daemon.configure(more="plugins { plugin af_packet_plugin.so { disable } }")
    daemon.start()
    assert "af_packet_plugin.so" not in daemon.ctl("show plugins")
    assert "unknown input" in daemon.ctl("create host-interface name eth0")
    assert "Plugin disabled: af_packet_plugin.so" in daemon.ctl("show logging")


# ---- console


@pytest.mark.parametrize("commands, said", [("show version\nquit\n", "vpp v26.06-piste-"), ("", "")])
def test_the_console_may_be_a_file(daemon, commands, said):
    script = daemon.write("commands", commands)
    with open(script, encoding="utf-8") as f:
        done = subprocess.run([daemon.vpp, "unix", "{", "interactive", "runtime-dir", daemon.folder,
                               "}"], stdin=f, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


def test_the_console_leaves_the_terminal_at_the_start_of_a_line(daemon):
    daemon.configure("interactive")
    terminal, theirs = os.openpty()
    daemon.process = subprocess.Popen([daemon.vpp, "-c", daemon.conf], stdin=theirs, stdout=theirs,
                                      stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while not said.endswith(b"vpp# "):
            said += os.read(terminal, 65536)
        os.write(terminal, b"quit\r")
        while part := os.read(terminal, 65536):
            said += part
    except OSError:  # nobody has it open any more
        pass
    finally:
        os.close(terminal)
    assert said.endswith(b"\n") and said.rstrip().endswith(b"vpp# quit"), said[-80:]
    assert daemon.process.wait(10) == 0

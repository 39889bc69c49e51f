"""What the network tests are made of: namespaces, veths, a daemon, a peer that sends frames by hand.

Namespaces have no names: each is a descriptor in this process, so that nothing is left behind when
it ends, however it ends. The daemons die with it too. To look into one while a test stands still:
nsenter --net=/proc/PID/fd/N, which is how `str(namespace)` reads.
"""
import contextlib
import ctypes
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
SO_RCVBUFFORCE = 33
TP_STATUS_VLAN_VALID = 1 << 4

# Two packet generator interfaces to route between, and the next hop 198.18.1.2 behind pg1.
PG_ROUTER = """
    create packet-generator interface pg0
    create packet-generator interface pg1
    set interface state pg0 up
    set interface state pg1 up
    set interface ip address pg0 198.18.0.1/24
    set interface ip address pg1 198.18.1.1/24
    set ip neighbor static pg1 198.18.1.2 02:00:00:00:01:02
"""

# qemu runs the switch for another processor: it is slow, and has threads and memory of its own (`make cross`)
EMULATED = "PISTE_EMULATED" in os.environ
# how many times as long all is waited for
PATIENCE = 10 if EMULATED else 1

libc = ctypes.CDLL(None, use_errno=True)


def octets(text):
    """A link-layer address as bytes."""
    return bytes.fromhex(text.replace(":", ""))


def serve_echoes(namespace, address, connections, seen):
    """A TCP server, port 7777, that sends back what it gets, and notes who came; its thread."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with namespace.entered():
        listener = socket.create_server((address, 7777), family=family, backlog=64)

    def run():
        for _ in range(connections):
            peer, whose = listener.accept()
            seen.append(whose[:2])
            while data := peer.recv(65536):
                peer.sendall(data)
            peer.close()
        listener.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def echoes(namespace, address, bound=None):
    """Sends some to such a server, from what it is bound to, and says whether the same came back."""
    with namespace.entered():
        client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    client.settimeout(30)
    if bound:
        client.bind(bound)
    client.connect((address, 7777))
    sent = bytes(range(256)) * 2000
    sender = threading.Thread(target=lambda: (client.sendall(sent), client.shutdown(socket.SHUT_WR)))
    sender.start()
    got = b""
    while data := client.recv(65536):
        got += data
    sender.join()
    client.close()
    return got == sent


def is_refused(namespace, address):
    """Whether a socket that sends where nobody listens hears of it."""
    with namespace.entered():
        client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.connect((address, 9))
        client.settimeout(20)
        client.send(b"hallo")
        try:
            client.recv(100)
        except ConnectionRefusedError:
            return True
    return False


def wait_for(condition, what, timeout=5.0, interval=0.01):
    """Calls condition until it returns something true, which is returned; fails after timeout."""
    end = time.monotonic() + timeout * PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout * PATIENCE} s for: {what}")
        time.sleep(interval)


def _check(result):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Namespace:
    """A network namespace with nothing in it but lo, up; without IPv6, so that it is quiet."""

    def __init__(self, ipv6=False):
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _check(libc.unshare(CLONE_NEWNET))
        self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _check(libc.setns(before, CLONE_NEWNET))
        os.close(before)
        if not ipv6:
            self.sysctl("net/ipv6/conf/all/disable_ipv6", 1)
            self.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        self.ip("link set lo up")

    def __str__(self):
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def close(self):
        os.close(self.fd)

    @contextlib.contextmanager
    def entered(self):
        """This thread is in the namespace; sockets and processes made now belong to it."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _check(libc.setns(self.fd, CLONE_NEWNET))
            try:
                yield self
            finally:
                _check(libc.setns(before, CLONE_NEWNET))
        finally:
            os.close(before)

    def popen(self, argv, **kwargs):
        if isinstance(argv, str):
            argv = argv.split()
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        with self.entered():
            return subprocess.Popen(argv, preexec_fn=_die_with_parent, **kwargs)

    def run(self, argv, check=True, timeout=20, **kwargs):
        """Runs a command to its end; its output is text, stderr within it."""
        if isinstance(argv, str):
            argv = argv.split()
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        with self.entered():
            done = subprocess.run(argv, timeout=timeout, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, preexec_fn=_die_with_parent, **kwargs)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}")
        return done

    def ip(self, arguments):
        return self.run("ip " + arguments).stdout

    def sysctl(self, name, value):
        with self.entered(), open("/proc/sys/" + name, "w", encoding="ascii") as f:
            f.write(str(value))

    def veth(self, name, peer, peer_namespace=None, up=True):
        """A pair: name here, peer in the other namespace (or here too)."""
        where = peer_namespace or self
        self.ip(f"link add {name} type veth peer name {peer} netns {where}")
        if up:
            self.ip(f"link set {name} up")
            where.ip(f"link set {peer} up")

    def mac(self, device):
        with self.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            return _ioctl_mac(s, device)

    def offloads(self, device, on):
        words = " ".join(f"{w} {'on' if on else 'off'}" for w in ("rx", "tx", "tso", "gso", "gro"))
        self.run(f"ethtool -K {device} {words}")

    def ping(self, address, count=3, size=56, extra="", deadline=5):
        """The kernel's ping: how many of the first COUNT requests were answered.

        It sends more while answers are missing, until the deadline: so that one that is only
        late is not taken for a lost one.
        """
        out = self.run(f"ping -n -c {count} -i 0.02 -s {size} -w {deadline} {extra} {address}",
                       check=False).stdout
        assert "packets transmitted" in out, out
        assert "DUP!" not in out, out
        answered = {int(seq) for seq in re.findall(r"bytes from .*icmp_seq=(\d+) ttl=", out)}
        return len([seq for seq in answered if seq <= count])


def _ioctl_mac(s, device):
    import fcntl  # pylint: disable=import-outside-toplevel
    siocgifhwaddr = 0x8927
    answer = fcntl.ioctl(s, siocgifhwaddr, struct.pack("256s", device.encode()))
    return ":".join(f"{b:02x}" for b in answer[18:24])


class CommandError(AssertionError):
    """vppctl said that the command failed; args[0] is what it printed."""

    def __init__(self, command, status, text):
        super().__init__(f"vppctl {command}: exit {status}: {text}")
        self.text = text


class Vpp:
    """A daemon with its own folder, in a namespace."""

    def __init__(self, build, namespace, unix="", config="", prefix=(), environment=None):
        """unix: more keys of unix { }; config: further sections; prefix: words before the command."""
        self.build = build
        self.namespace = namespace
        self.prefix = list(prefix)
        self.environment = environment or {}
        self.folder = tempfile.mkdtemp(prefix="piste-net-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.cli = self.folder + "/cli.sock"
        self.log_file = self.folder + "/vpp.log"
        self.out_file = self.folder + "/out"
        self.conf = self.folder + "/startup.conf"
        self.running = self.folder + "/running.conf"
        self.process = None
        self.write_conf(unix, config)

    def write_conf(self, unix="", config=""):
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(f"unix {{\n  nodaemon\n  cli-listen {self.cli}\n  runtime-dir {self.folder}\n"
                    f"  log {self.log_file}\n  {unix}\n}}\n{config}\n")

    def launch(self):
        """Starts the process and does not wait for anything."""
        out = open(self.out_file, "ab")  # pylint: disable=consider-using-with
        try:
            self.process = self.namespace.popen(
                self.prefix + [self.build + "/vpp", "-c", self.conf], stdout=out, stderr=out,
                env={**os.environ, **self.environment})
        finally:
            out.close()

    def start(self, timeout=10):
        """Starts the process and waits for the first answer on the CLI socket."""
        self.launch()
        wait_for(self._answers, "the daemon to answer", timeout=timeout, interval=0.005)
        return self

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"vpp ended with {self.process.returncode}:\n{self.output()}")
        if not os.path.exists(self.cli):
            return False
        try:
            return self.vppctl("show version").returncode == 0
        except OSError:  # that was the socket of the one before
            return False

    def wait_exit(self, timeout=10):
        status = self.process.wait(timeout * PATIENCE)
        self.process = None
        return status

    def stop(self):
        """An orderly end, with status 0."""
        if self.process is None:
            return
        alive = self.process.poll() is None
        if alive:
            self.process.terminate()
        try:
            status = self.wait_exit()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("vpp does not end after SIGTERM:\n" + self.output()) from None
        assert alive, f"vpp had ended by itself, with {status}:\n{self.output()}"
        assert status == 0, f"vpp ended with {status}:\n{self.output()}"

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def output(self):
        """What the daemon printed, and its log."""
        text = ""
        for name in (self.out_file, self.log_file):
            if os.path.exists(name):
                with open(name, encoding="utf-8", errors="replace") as f:
                    text += f.read()
        return text

    def vppctl(self, command, timeout=20, **kwargs):
        words = command if isinstance(command, list) else [command]
        return subprocess.run([self.build + "/vppctl", "-s", self.cli] + words, timeout=timeout * PATIENCE,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              **{"stdin": subprocess.DEVNULL, **kwargs})

    def ctl(self, command, timeout=20):
        """Output of a command, with plain line ends; CommandError when it failed."""
        done = self.vppctl(command, timeout)
        text = done.stdout.replace("\r\n", "\n")
        if done.returncode != 0:
            raise CommandError(command, done.returncode, text.strip())
        return text

    def host_interface(self, name, number, namespace, device, gateway=False):
        """host-NAME, with 10.NUMBER.0.2/24 and 2001:db8:NUMBER::2/64, to a device of a kernel, which has .1 and ::1.
        gateway: the kernel's default routes lead here; set before the switch advertises itself, which makes one, too."""
        self.namespace.veth(name, device, namespace)
        namespace.ip(f"addr add 10.{number}.0.1/24 dev {device}")
        namespace.ip(f"-6 addr add 2001:db8:{number}::1/64 dev {device} nodad")
        if gateway:
            namespace.ip(f"route add default via 10.{number}.0.2")
            namespace.ip(f"-6 route add default via 2001:db8:{number}::2")
        self.configure(f"""
            create host-interface name {name}
            set interface ip address host-{name} 10.{number}.0.2/24
            set interface ip address host-{name} 2001:db8:{number}::2/64
            set interface state host-{name} up
        """)

    def configure(self, commands):
        """Commands, one a line; none may print an error."""
        for line in commands.strip().splitlines():
            if line.strip():
                self.ctl(line.strip())

    def fails(self, command):
        """The error text of a command that has to fail."""
        done = self.vppctl(command)
        assert done.returncode != 0, f"{command}: succeeded, with {done.stdout}"
        return done.stdout.replace("\r\n", "\n").strip()

    def json(self, command):
        text = self.ctl(command + " json")
        try:
            return json.loads(text)
        except ValueError as e:
            raise AssertionError(f"{command} json: {e}:\n{text}") from None

    # ---- what shows say, as Python values

    def errors(self):
        """{(node, reason): count} of `show errors`."""
        found = {}
        for e in self.json("show errors")["errors"]:
            key = (e["node"], e["reason"])
            found[key] = found.get(key, 0) + e["count"]
        return found

    def error_count(self, reason):
        """Of all nodes."""
        return sum(n for (_, r), n in self.errors().items() if r == reason)

    def wait_error(self, reason, at_least=1):
        wait_for(lambda: self.error_count(reason) >= at_least,
                 f"{at_least} x '{reason}' in show errors, which has {self.errors()}")

    def buffers_used(self):
        """Of `show buffers`, all pools together; buffers in the threads' caches are free."""
        return sum(pool["used"] for pool in self.json("show buffers")["pools"])

    def buffers_total(self):
        """Of the pool of small ones."""
        return self.json("show buffers")["pools"][0]["total"]

    def interfaces(self):
        """{name: what `show interface json` says of it}."""
        return {i["name"]: i for i in self.json("show interface")["interfaces"]}

    def counter(self, interface, name):
        return self.interfaces()[interface]["counters"].get(name, 0)

    def drops(self):
        """Of all interfaces; packets that the switch made itself are counted on local0."""
        return sum(i["counters"].get("drops", 0) for i in self.interfaces().values())

    def link(self, interface):
        """up or down, of `show hardware-interfaces`."""
        text = self.ctl(f"show hardware-interfaces {interface}")
        match = re.search(rf"^{re.escape(interface)}\s+\d+\s+(up|down)\s", text, re.M)
        assert match, text
        return match.group(1)

    def mac(self, interface):
        text = self.ctl(f"show hardware-interfaces {interface}")
        match = re.search(r"Ethernet address ([0-9a-f:]{17})", text)
        assert match, text
        return match.group(1)

    def neighbors(self):
        """{address: (flags, mac, interface)} of `show ip neighbors`."""
        found = {}
        for line in self.ctl("show ip neighbors").splitlines():
            match = re.match(r"\s*[\d.]+\s+(\d+\.\d+\.\d+\.\d+|[0-9a-f:]+:[0-9a-f:]*)\s+(\w*)\s+"
                             r"([0-9a-f:]{17})\s+(\S+)", line)
            if match:
                found[match.group(1)] = match.groups()[1:]
        return found

    def running_config(self):
        """Commands of `show running-config`, without comments."""
        return [line for line in self.ctl("show running-config").splitlines()
                if line.strip() and not line.lstrip().startswith("#")]

    def open_fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def is_sanitized(self):
        return "unix { sandbox off }" in self.ctl("show sandbox")

    def rss_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def buffers_wait_only_while_up(vpp, interface):
    """Buffers wait for frames while it is up, also where the thread does not stop looking for some; then they come back."""
    vpp.ctl(f"set interface rx-mode {interface} polling")
    for _ in range(2):
        vpp.ctl(f"set interface state {interface} up")
        wait_for(vpp.buffers_used, "buffers to wait for frames", 30)
        vpp.ctl(f"set interface state {interface} down")
        wait_for(lambda: not vpp.buffers_used(), "buffers to come back", 30)


class Wire:
    """The kernel's end of a veth, used by hand: frames in, frames out.

    The device has no address, so that the kernel answers nothing by itself.
    """

    def __init__(self, namespace, device):
        self.mac = namespace.mac(device)
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)  # whatever net.core.rmem_max is
            self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            self.socket.bind((device, ETH_P_ALL))

    def close(self):
        self.socket.close()

    def send(self, frame):
        """bytes, or a scapy packet; several of them in a list."""
        for one in frame if isinstance(frame, list) else [frame]:
            self.socket.send(bytes(one))

    def send_many(self, frames, vpp, interface):
        """As send, no faster than vpp takes them: none is lost in the kernel."""
        frames = [bytes(f) for f in frames]
        taken = vpp.counter(interface, "rx packets")
        for at in range(0, len(frames), 128):
            part = frames[at:at + 128]
            self.send(part)
            taken += len(part)
            wait_for(lambda: vpp.counter(interface, "rx packets") >= taken,
                     f"{interface} to receive {taken} packets")

    def drain(self):
        while self.socket.recv(65536, socket.MSG_DONTWAIT) if self._readable(0) else False:
            pass

    def _readable(self, timeout):
        return bool(select.select([self.socket], [], [], timeout)[0])

    def receive(self):
        """A frame with the VLAN tag that the kernel keeps beside it."""
        frame, extra, _, _ = self.socket.recvmsg(65536, 256)
        for level, kind, data in extra:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", data[:20])
                if status & TP_STATUS_VLAN_VALID:
                    return frame[:12] + struct.pack("!HH", tpid or 0x8100, tci) + frame[12:]
        return frame

    def frames(self, timeout):
        """Yields frames, as scapy packets, until none came for timeout."""
        from scapy.layers.l2 import Ether  # pylint: disable=import-outside-toplevel
        while self._readable(timeout):
            yield Ether(self.receive())

    def expect(self, condition, what, timeout=3.0):
        """The next frame that condition says yes to."""
        end = time.monotonic() + timeout
        seen = []
        while time.monotonic() < end:
            for frame in self.frames(max(0.0, end - time.monotonic())):
                if condition(frame):
                    return frame
                seen.append(frame.summary())
        raise AssertionError(f"no frame on the wire that is {what}; seen: {seen[-10:]}")

    def collect(self, condition, count, what, timeout=3.0):
        return [self.expect(condition, f"{what} ({i + 1} of {count})", timeout)
                for i in range(count)]

    def silent(self, condition, what, timeout=0.2):
        """Nothing like that comes for a while."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for frame in self.frames(max(0.0, end - time.monotonic())):
                assert not condition(frame), f"unwanted {what}: {frame.summary()}"

"""Network tests: pytest test/net --vpp-build=build/release, as root."""
import glob
import os
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import lib  # noqa: E402  pylint: disable=wrong-import-position


def pytest_addoption(parser):
    parser.addoption("--vpp-build", default="build/release",
                     help="folder with the programs vpp and vppctl")
    parser.addoption("--come-and-go", type=int, help="how often ports do, in tests of that; some dozens of times without it")
    parser.addoption("--fast-path-seeds", default=3, type=int, help="of test_fast_path.py's test_beside_itself")
    parser.addoption("--fast-path-flows", default=1024, type=int, help="of its test_oldest_flows_go, at most 1048576")
    parser.addoption("--fast-path-many", default=10000, type=int, help="flows of its test_a_table_of_a_million")


def pytest_configure(config):
    if os.geteuid() != 0:
        pytest.exit("the network tests make namespaces and packet sockets: run them as root", 1)


@pytest.fixture(scope="session")
def build(request):
    folder = os.path.abspath(request.config.getoption("--vpp-build"))
    for name in ("vpp", "vppctl"):
        if not os.access(os.path.join(folder, name), os.X_OK):
            pytest.exit(f"no {name} in {folder}", 1)
    return folder


@pytest.fixture
def come_and_go(request):
    """come_and_go(vpps, usual, once): once(i) is done that often, or as --come-and-go says; no descriptor, buffer or memory of these daemons is
    left of it, while traffic goes on."""
    def run(vpps, usual, once):  # usual: times
        times = request.config.getoption("--come-and-go") or usual
        warm = min(times // 4, 100)
        for i in range(warm):
            once(i)
        before = [(vpp.open_fds(), vpp.rss_kib()) for vpp in vpps]
        for i in range(warm, times):
            once(i)
        for vpp, (fds, kib) in zip(vpps, before):
            lib.wait_for(lambda vpp=vpp, fds=fds: vpp.open_fds() <= fds, "descriptors to be closed")
            if times >= 500 and not vpp.is_sanitized():
                grown = vpp.rss_kib() - kib
                assert grown < 1024 + times // 2, f"{grown} KiB more after {times} times"
    return run


def reachable(path):
    """Whether everybody may go there."""
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True


@pytest.fixture(scope="session")
def open_build(build):
    """The programs where other users reach them: a clone below root's home is closed to them."""
    if reachable(build):
        yield build
        return
    folder = tempfile.mkdtemp(prefix="piste-net-build-", dir="/tmp")  # pytest's own folders are closed, too
    os.mkdir(folder + "/plugins")
    for path in [build + "/vpp", build + "/vppctl"] + glob.glob(build + "/plugins/**/*_plugin.so", recursive=True):
        shutil.copy(path, folder + ("/plugins" if path.endswith(".so") else ""))
    for path in (folder, folder + "/plugins"):
        os.chmod(path, 0o755)
    yield folder
    shutil.rmtree(folder)


class Net:
    """Makes namespaces, daemons and wires, and takes them all down again."""

    def __init__(self, build):
        self.build = build
        self.daemons, self.namespaces, self.wires, self.processes = [], [], [], []

    def namespace(self, **kwargs):
        self.namespaces.append(lib.Namespace(**kwargs))
        return self.namespaces[-1]

    def vpp(self, namespace, start=True, **kwargs):
        daemon = lib.Vpp(self.build, namespace, **kwargs)
        self.daemons.append(daemon)
        return daemon.start() if start else daemon

    def wire(self, namespace, device):
        self.wires.append(lib.Wire(namespace, device))
        return self.wires[-1]

    def process(self, namespace, argv, **kwargs):
        self.processes.append(namespace.popen(argv, **kwargs))
        return self.processes[-1]

    # ---- networks that many tests use

    def main_job(self, **kwargs):
        """One namespace: vpp -- host-vpp1out -- vpp1out ==veth== vpp1host 10.10.1.1/24"""
        ns = self.namespace()
        ns.veth("vpp1out", "vpp1host")
        ns.ip("addr add 10.10.1.1/24 dev vpp1host")
        vpp = self.vpp(ns, **kwargs)
        vpp.configure("""
            create host-interface name vpp1out
            set int ip address host-vpp1out 10.10.1.2/24
            set int state host-vpp1out up
        """)
        return ns, vpp

    def by_hand(self, n=1, **kwargs):
        """As main_job, but the other end is used by hand: vpp, [wire, ...]. Wire i (0, 1, ...) is
        10.10.<i+1>.1, in the neighbour table of vpp, which is .2 on host-vpp<i>."""
        ns = self.namespace()
        vpp = self.vpp(ns, **kwargs)
        wires = []
        for i in range(n):
            ns.veth(f"vpp{i}", f"hand{i}")
            vpp.configure(f"""
                create host-interface name vpp{i}
                set int ip address host-vpp{i} 10.10.{i + 1}.2/24
                set int state host-vpp{i} up
                set ip neighbor static host-vpp{i} 10.10.{i + 1}.1 {ns.mac(f'hand{i}')}
            """)
            wire = self.wire(ns, f"hand{i}")
            wire.vpp_mac = vpp.mac(f"host-vpp{i}")
            wires.append(wire)
        return vpp, wires

    def routed(self, n_right=1, **kwargs):
        """Kernel -- vpp -- kernel: left 10.1.0.1/24 -- 10.1.0.2 [vpp] 10.2.0.2 -- 10.2.0.1/24 right.
        With n_right=2 a second way to the right: 10.3.0.2 -- 10.3.0.1."""
        switch, left, right = self.namespace(), self.namespace(), self.namespace()
        switch.veth("left", "l0", left)
        left.ip("addr add 10.1.0.1/24 dev l0")
        left.ip("route add default via 10.1.0.2")
        vpp = self.vpp(switch, **kwargs)
        vpp.configure("""
            create host-interface name left
            set int ip address host-left 10.1.0.2/24
            set int state host-left up
        """)
        for i in range(n_right):
            switch.veth(f"right{i}", f"r{i}", right)
            right.ip(f"addr add 10.{2 + i}.0.1/24 dev r{i}")
            vpp.configure(f"""
                create host-interface name right{i}
                set int ip address host-right{i} 10.{2 + i}.0.2/24
                set int state host-right{i} up
            """)
        right.ip("route add 10.1.0.0/24 via 10.2.0.2")
        return vpp, switch, left, right

    def close(self):
        failures = []
        for process in self.processes:
            process.kill()
            process.wait()
        for wire in self.wires:
            wire.close()
        for daemon in self.daemons:
            try:
                daemon.stop()
            except AssertionError as e:
                failures.append(str(e))
            daemon.remove()
        for namespace in self.namespaces:
            namespace.close()
        assert not failures, "\n".join(failures)


@pytest.fixture
def net(build, request):
    n = Net(build)
    yield n
    report = getattr(request.node, "report_of_call", None)
    if report is not None and report.failed:
        for daemon in n.daemons:
            print(f"--- {daemon.folder}\n{daemon.output()}")
    n.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.report_of_call = outcome.get_result()

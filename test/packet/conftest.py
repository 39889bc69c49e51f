"""Packet tests: pytest test/packet --vpp-build=build/release. No root, no kernel interfaces."""
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

pytest.register_assert_rewrite("packet_lib", "hosts_lib")

import hosts_lib  # noqa: E402  pylint: disable=wrong-import-position
import packet_lib  # noqa: E402  pylint: disable=wrong-import-position


def pytest_addoption(parser):
    parser.addoption("--vpp-build", default="build/release",
                     help="folder with the programs vpp and vppctl")
    parser.addoption("--workers", default=1, type=int, help="data threads, where a test has no number of its own")
    parser.addoption("--changes-seconds", default=10, type=float, help="of test_changes.py")
    parser.addoption("--changes-seed", default=1, type=int, help="where test_changes.py begins")
    parser.addoption("--beside-hosts", action="store_true", help="beside host interfaces, as root: hosts_lib.py")


def pytest_configure(config):
    packet_lib.Switch.workers = config.getoption("--workers")
    if config.getoption("--beside-hosts"):
        hosts_lib.Beside.workers = 1


def pytest_collection_modifyitems(config, items):
    if config.getoption("--beside-hosts"):
        items[:] = [item for item in items if hosts_lib.is_run_beside(item)]


def pytest_sessionfinish(session, exitstatus):
    """Beside host interfaces nothing is tested if the kernel forwards nothing."""
    sent, by_the_kernel = hosts_lib.Beside.sent, hosts_lib.Beside.by_the_kernel
    if sent:
        print(f"\nby the kernel: {by_the_kernel} of {sent} frames")
    if sent > 1000 and not exitstatus and by_the_kernel < sent // 20:
        session.exitstatus = 1


def new_switch(request, **kwargs):
    """A daemon, which is not started yet."""
    kind = hosts_lib.Beside if request.config.getoption("--beside-hosts") else packet_lib.Switch
    return kind(request.getfixturevalue("build"), **kwargs)


@pytest.fixture(scope="session")
def build(request):
    folder = os.path.abspath(request.config.getoption("--vpp-build"))
    for name in ("vpp", "vppctl"):
        if not os.access(os.path.join(folder, name), os.X_OK):
            pytest.exit(f"no {name} in {folder}", 1)
    return folder


def run(switch, request):
    """The daemon from its start to its end; what it said is printed if a test failed meanwhile."""
    failed_before = request.session.testsfailed
    switch.start()
    yield switch
    failed = request.session.testsfailed > failed_before
    try:
        switch.stop()
        assert "Sanitizer" not in switch.output(), switch.output()
    finally:
        if failed:
            shows = re.compile(r"\]: show ")  # most of it
            print(f"--- {switch.folder}")
            print("\n".join(line for line in switch.output().splitlines() if not shows.search(line)))
        switch.remove()


@pytest.fixture(scope="module")
def switch(build, request):
    """A daemon for all the tests of a file; CONFIG of the file is its further configuration, namespace() says where
    it is."""
    place = getattr(request.module, "namespace", packet_lib.Here)()
    daemon = new_switch(request, config=getattr(request.module, "CONFIG", ""), namespace=place)
    yield from run(daemon, request)
    place.close()


@pytest.fixture
def fresh(build, request):
    """A daemon for one test."""
    yield from run(new_switch(request), request)


@pytest.fixture
def saving(build, request):
    """A daemon for one test, which saves its configuration: for `write` and what goes back to that."""
    daemon = new_switch(request)
    daemon.write_conf(f"running-config {daemon.running}")
    yield from run(daemon, request)


@pytest.fixture(autouse=True)
def no_buffer_is_lost(request):
    """Every buffer is back when a test ends."""
    daemons = [request.getfixturevalue(name) for name in ("switch", "fresh", "saving")
               if name in request.fixturenames]
    yield
    for daemon in daemons:
        if daemon.alive():
            packet_lib.wait_for(lambda d=daemon: d.buffers_used() == 0,
                                f"buffers to come back: {daemon.buffers_used()} in use", 3)

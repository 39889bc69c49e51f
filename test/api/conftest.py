"""Tests of the binary API: pytest test/api --vpp-build=build/release, as root."""
import os
import socket
import struct
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, HERE + "/../net", HERE + "/../../python"]
sys.dont_write_bytecode = True

import lib  # noqa: E402  pylint: disable=wrong-import-position
from piste import Api  # noqa: E402  pylint: disable=wrong-import-position


def pytest_addoption(parser):
    parser.addoption("--vpp-build", default="build/release",
                     help="folder with the programs vpp and vppctl")
    parser.addoption("--replay-seconds", default=20, type=float, help="of test_replay.py")
    parser.addoption("--replay-seed", default=1, type=int, help="where test_replay.py begins")


@pytest.fixture(scope="session")
def build(request):
    return os.path.abspath(request.config.getoption("--vpp-build"))


class Switch:
    """A daemon in a namespace of its own, and clients of it."""

    def __init__(self, build, **kwargs):
        self.build = build
        self.namespace = lib.Namespace()
        self.vpp = lib.Vpp(build, self.namespace, **kwargs).start()
        self.clients = []

    @property
    def path(self):
        return self.vpp.folder + "/api.sock"

    def connect(self, **kwargs):
        kwargs.setdefault("folder", f"{self.build}/api:{self.build}/plugins")
        self.clients.append(Api(kwargs.pop("path", self.path), **kwargs))
        return self.clients[-1]

    def close(self):
        try:
            for client in self.clients:
                client.close()
            assert self.vpp.alive(), self.vpp.output()
            self.vpp.stop()
        finally:
            self.vpp.remove()
            self.namespace.close()


@pytest.fixture(scope="module")
def switch(build):
    """One daemon for all tests of a file."""
    made = Switch(build)
    yield made
    made.close()


@pytest.fixture
def api(switch):
    client = switch.connect()
    yield client
    client.close()


@pytest.fixture
def start(build):
    """Daemons with their own configuration."""
    made = []

    def begin(**kwargs):
        made.append(Switch(build, **kwargs))
        return made[-1]

    yield begin
    for one in made:
        one.close()


NONE = 0xffffffff  # no interface, no index


def path(next_hop, interface=NONE, **more):
    """A vl_api_fib_path_t by a next hop of either protocol."""
    family = 1 if ":" in next_hop else 0
    raw = socket.inet_pton(socket.AF_INET6 if family else socket.AF_INET, next_hop)
    return {"sw_if_index": interface, "weight": 1, "proto": family, "nh": {"address": raw.ljust(16, b"\0")}, **more}


def frame(body):
    return struct.pack(">QII", 0, len(body), 0) + body


@pytest.fixture
def loops(api):
    """Two loopbacks."""
    indices = [api.create_loopback(mac_address=bytes(6)).sw_if_index for _ in range(2)]
    yield indices
    for i in indices:
        api.delete_loopback(sw_if_index=i)

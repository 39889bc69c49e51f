"""Tests of packages: pytest test/pkg, as root. What the APKBUILD makes is taken apart, installed into a minimal root of
musl and busybox, and runs there: in a chroot, and in a container of an OCI runtime."""
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, HERE + "/../net"]
sys.dont_write_bytecode = True

import packages  # noqa: E402  pylint: disable=wrong-import-position


def pytest_addoption(parser):
    parser.addoption("--vpp-build", default="build/release", help="not used: packages are built by themselves")
    parser.addoption("--apk", help="what tools/apk-harness.sh made before, instead of making it now")
    parser.addoption("--apk-check", action="store_true", help="run the APKBUILD's check(), too: minutes")


@pytest.fixture(scope="session", autouse=True)
def privileges():
    """To mount, and to change root and owners."""
    done = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/tmp"], text=True, capture_output=True, check=False)
    if os.geteuid() != 0 or done.returncode != 0:
        pytest.skip(f"tests of packages need root that may mount: {done.stderr.strip() or 'this is another user'}")


@pytest.fixture(scope="session")
def apk(request):
    """Folder with NAME.tar and NAME.meta of each package."""
    made = request.config.getoption("--apk")
    return os.path.abspath(made) if made else packages.make_apk(request.config.getoption("--apk-check"))

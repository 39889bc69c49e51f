"""The packages that the APKBUILD makes: every file, mode, owner, library, size."""
import os
import re
import subprocess
import tarfile

import packages
import pytest

PACKAGES = ["piste", "piste-dbg", "piste-dev", "piste-doc", "piste-openrc", "piste-prom", "py3-piste"]
MIB = 1 << 20

# path: (mode, owner); what is not here is a fault
FILES = {
    "piste": {
        "etc/vpp/startup.conf": (0o640, "root:vpp"),
        "usr/bin/vpp": (0o755, "root:root"), "usr/bin/vppctl": (0o755, "root:root"),
        "usr/bin/vpp_get_stats": (0o755, "root:root"),
        r"usr/lib/vpp_plugins/(?!prom)\w+_plugin\.so": (0o755, "root:root"),
        r"usr/share/vpp/api/(core|plugins)/\w+\.api\.json": (0o644, "root:root"),
    },
    "piste-doc": {r"usr/share/man/man1/vppctl\.1\.gz": (0o644, "root:root"),
                  r"usr/share/man/man1/vpp_get_stats\.1\.gz": (0o644, "root:root"),
                  r"usr/share/man/man5/startup\.conf\.5\.gz": (0o644, "root:root"),
                  r"usr/share/man/man8/vpp\.8\.gz": (0o644, "root:root")},
    "piste-openrc": {"etc/init.d/vpp": (0o755, "root:root"), "etc/conf.d/vpp": (0o644, "root:root")},
    "piste-prom": {r"usr/lib/vpp_plugins/prom_plugin\.so": (0o755, "root:root")},
    "piste-dev": {r"usr/include/piste/.*\.h": (0o644, "root:root"), r"usr/lib/pkgconfig/piste\.pc": (0o644, "root:root"),
                  r"usr/share/piste/.*": (None, "root:root")},
    "piste-dbg": {r"usr/lib/debug/usr/(bin/vpp\w*|lib/vpp_plugins/\w+\.so)\.debug": (None, "root:root")},
    "py3-piste": {r"usr/lib/python3[.\d]*/(site|dist)-packages/piste/\w+\.py": (0o644, "root:root")},
}
FOLDERS = {"var/lib/vpp": (0o750, "vpp:vpp"), "var/log/vpp": (0o750, "vpp:vpp")}


def owner(m):
    return f"{m.uname}:{m.gname}"


def test_there_are_these_packages(apk):
    assert sorted(n[:-4] for n in os.listdir(apk) if n.endswith(".tar")) == sorted(PACKAGES)


@pytest.mark.parametrize("name", PACKAGES)
def test_files_modes_owners(apk, name):
    missing = dict(FILES[name])
    for path, m in packages.members(apk, name).items():
        if m.isdir():
            assert (m.mode, owner(m)) == FOLDERS.get(path, (0o755, "root:root")), path
            continue
        assert m.isfile(), f"{path} is a link or device"
        rule = next((r for r in FILES[name] if re.fullmatch(r, path)), None)
        assert rule, f"{path} should not be in {name}"
        mode, who = FILES[name][rule]
        assert owner(m) == who and (mode is None or m.mode == mode), f"{path}: {oct(m.mode)} {owner(m)}"
        assert not m.mode & 0o6022, f"{path} may be written by others, or gives rights"
        missing.pop(rule, None)
    assert not missing


def test_the_daemon_has_its_folders(apk):
    here = packages.members(apk, "piste")
    assert set(FOLDERS) <= set(here)


def test_libraries_are_musl_only(apk, tmp_path):
    """Each needed library is one of Alpine's packages by its soname; nothing of glibc."""
    known = {packages.LIBC, "libunwind.so.8", "liburcu-qsbr.so.8", "libmnl.so.0", "libjansson.so.4", "libedit.so.0"}
    for name in ("piste", "piste-prom"):
        with tarfile.open(f"{apk}/{name}.tar") as tar:
            tar.extractall(tmp_path)
    found = [p for p in sorted(tmp_path.rglob("*")) if p.is_file() and packages.is_elf(p)]
    assert len(found) >= 6
    for path in found:
        libraries = set(packages.needed(path))
        assert libraries <= known, f"{path} needs {libraries - known}"
        assert packages.LIBC in libraries
        text = subprocess.run(["readelf", "-dlW", "--dyn-syms", "-n", path], check=True, capture_output=True, text=True).stdout
        assert "GLIBC_" not in text
        assert "RUNPATH" not in text and "RPATH" not in text
        assert "TEXTREL" not in text


def test_the_build_is_hardened(apk, tmp_path):
    for name in ("piste", "piste-prom"):
        with tarfile.open(f"{apk}/{name}.tar") as tar:
            tar.extractall(tmp_path)
    for path in [p for p in sorted(tmp_path.rglob("*")) if p.is_file() and packages.is_elf(p)]:
        text = subprocess.run(["readelf", "-dhlWn", "--dyn-syms", path], check=True, capture_output=True, text=True).stdout
        assert re.search(r"Type:\s+DYN", text), f"{path} is not position-independent"
        assert "BIND_NOW" in text and "GNU_RELRO" in text, path
        assert re.search(r"GNU_STACK .* RW ", text), f"{path} has an executable stack"
        assert not re.search(r"LOAD .* RWE ", text), path
        assert "__stack_chk_fail" in text, f"{path} has no stack protector"
        if path.name == "vpp":
            assert re.search(r"interpreter: /lib/ld-musl", text)


def test_sizes(apk):
    """Of what is installed, packed as an apk is: the switch with all plugins is below 2 MB; debug information is apart."""
    packed = {n: os.path.getsize(f"{apk}/{n}.tar.gz") for n in PACKAGES}
    print({n: f"{size / 1024:.0f} KiB" for n, size in packed.items()})
    assert packed["piste"] + packed["piste-prom"] < 2 * MIB
    assert packed["piste-dbg"] > MIB
    for name in ("piste", "piste-prom"):
        assert not any(".debug" in path for path in packages.members(apk, name))


def test_dependencies(apk):
    def meta(name):
        with open(f"{apk}/{name}.meta", encoding="utf-8") as f:
            return dict(line.rstrip("\n").split("=", 1) for line in f)
    assert meta("piste")["depends"] == ""  # libraries are found by abuild itself
    assert meta("piste-prom")["depends"].startswith("piste=") and "libmicrohttpd" in meta("piste-prom")["depends"]
    assert meta("piste-openrc")["install_if"].startswith("openrc piste=")
    assert meta("py3-piste")["arch"] == "noarch"


def test_apkbuild_is_posix():
    here = os.path.dirname(os.path.abspath(__file__)) + "/../../pkg/alpine"
    for name in ("APKBUILD", "piste.pre-install"):
        subprocess.run(["busybox", "ash", "-n", f"{here}/{name}"], check=True)
    text = open(f"{here}/APKBUILD", encoding="utf-8").read()
    meson = open(here + "/../../meson.build", encoding="utf-8").read()
    version = re.search(r"^pkgver=(.*)$", text, re.M).group(1)
    assert f"version: '{version}'" in meson


def test_the_package_configuration(apk, tmp_path):
    """As a service has it: where the daemon's user may write, and good."""
    with tarfile.open(f"{apk}/piste.tar") as tar:
        tar.extractall(tmp_path)
    keys = {line.strip() for line in open(tmp_path / "etc/vpp/startup.conf", encoding="utf-8")}
    assert {"nodaemon", "runtime-dir /run/vpp", "running-config /var/lib/vpp/running.conf", "gid vpp",
            "log /var/log/vpp/vpp.log", "cli-listen /run/vpp/cli.sock"} <= keys

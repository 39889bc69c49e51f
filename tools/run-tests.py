#!/usr/bin/python3
"""Runs all the tests and adds them up: `make test`.

With glibc: the checks of the tree; unit tests, fuzz targets, packet and API tests under the address and
undefined-behaviour sanitizers; unit tests of threads, and packet tests with three data threads, under the
thread sanitizer; a build by clang; the network tests against the release build, where packet tests have three
data threads, too, and part of them runs beside host interfaces, with the fast path and without. Then unit tests,
fuzz targets and network tests with musl; and the packages, in root file systems of their own.
Where the C library is musl itself (Alpine) there are no sanitizers, and all runs once.

  run-tests.py [STAGE...]     only these stages: asan tsan clang release musl packages (Alpine: musl)
  run-tests.py cross          builds for other architectures; tests of three of them, run by qemu

The last line is "N passed, N failed"; the exit status is 1 when anything failed. A build that
breaks, or a suite that ends without a result, is one failure. Up to three failed tests of test/net, which
share the machine's kernel and clocks with all that runs on it, are tried once more by themselves. One that
passes then counts as passed, and the summary names it: it, or what it tests, is to be mended.
"""
import collections
import glob
import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

TREE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
NETWORK_SUITES = ["test/net", "test/packet", "test/api"]
# needs nothing of the kernel's network: quick, so that it also runs with the sanitizers
PACKET_SUITES = ["test/packet"]
# some of which are tried again when they fail: kernels at both ends, and time that passes
TRIED_AGAIN, TRIED_AGAIN_MOST = "test/net", 3
THREADS = ["--workers=3"]  # of packet tests; without it there is one data thread
BESIDE_HOSTS = ["--beside-hosts"]  # of packet tests: what the fast path makes of them (test/packet/hosts_lib.py)

ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Result:
    """What was counted so far."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.failures = []
        self.unsteady = []
        self.times = []

    def add(self, passed, failed, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def fail(self, what):
        self.failed += 1
        self.failures.append(what)


def say(text):
    print(f"\n=== {text}", flush=True)


def run(command, **kwargs):
    """Runs with the output passed on as it comes; returns the exit status."""
    sys.stdout.flush()
    return subprocess.run(command, env={**os.environ, **ENVIRONMENT}, **kwargs).returncode


def build(result, kind, targets=()):
    say(f"build {kind}")
    os.environ["TARGETS"] = " ".join(targets)
    if run(["sh", "tools/build.sh", kind]) == 0:
        return True
    result.fail(f"the {kind} build")
    return False


def count_cases(entry):
    """Passed and failed cases of one unit-test program: cmocka prints a line for each."""
    text = (entry.get("stdout") or "") + (entry.get("stderr") or "")
    ok = text.count("[       OK ]")
    # a failed case is named twice, at once and in the list at the end
    bad = len({line.strip() for line in text.splitlines()
               if line.startswith("[  FAILED  ] ") and "test(s)" not in line})
    return ok, bad


def meson_tests(result, kind, suites, slower=1):
    """Runs suites of build/KIND, and adds up what its log says, case by case; their time limits hold so many times."""
    directory = f"build/{kind}"
    say(f"{', '.join(suites)} tests, {kind}")
    log = f"{directory}/meson-logs/testlog.json"
    if os.path.exists(log):
        os.remove(log)
    command = ["meson", "test", "-C", directory, "--no-rebuild", "--print-errorlogs", "-t", str(slower)]
    for suite in suites:
        command += ["--suite", suite]
    status = run(command)
    failed_here = 0
    if os.path.exists(log):
        with open(log, encoding="utf-8") as f:
            entries = [json.loads(line) for line in f if line.strip()]
    else:
        entries = []
    for entry in entries:
        ok, bad = count_cases(entry)
        if entry["result"] in ("OK", "EXPECTEDFAIL"):
            result.add(max(ok, 1), 0)
        elif entry["result"] == "SKIP":
            result.add(0, 0, 1)
        else:
            result.add(ok, max(bad, 1) - 1)
            result.fail(f"{entry['name']} ({kind}): {entry['result']}")
            failed_here += 1
    if status != 0 and not failed_here:
        result.fail(f"{', '.join(suites)} tests, {kind}: meson ended with {status}")


def has_tests(folder):
    return os.path.isdir(folder) and any(
        name.startswith("test_") and name.endswith(".py")
        for _, _, names in os.walk(folder) for name in names)


def pytest_command(kind, tests, report, options):
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
    return [python, "-m", "pytest", *tests, f"--vpp-build={os.path.abspath('build/' + kind)}", f"--junitxml={report}", "-q",
            "-rs", "-o", f"cache_dir={os.path.abspath('build/' + kind)}/pytest-cache", "-o", "junit_family=xunit2", *options]


def new_report(kind, name):
    report = os.path.abspath(f"build/{kind}/{name.replace('/', '-')}.xml")
    if os.path.exists(report):
        os.remove(report)
    return report


def outcomes(report):
    """{test: "passed", "skipped" or "failed"} of pytest's report. One that fails, and once more when its fixtures end, is there twice."""
    found = {}
    for test in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{test.get('classname')}.{test.get('name')}"
        bad = test.find("failure") is not None or test.find("error") is not None or found.get(name) == "failed"
        found[name] = "failed" if bad else "skipped" if test.find("skipped") is not None else "passed"
    return found


def tests_that(outcome, report):
    return {name for name, what in outcomes(report).items() if what == outcome} if os.path.exists(report) else set()


def count_report(result, what, report, status, held=()):
    """Adds up what pytest's report says; held: the failed ones that passed when they were tried again."""
    if not os.path.exists(report):
        result.fail(f"{what}: pytest ended with {status} and no report")
        return
    found = outcomes(report)
    counted = collections.Counter("passed" if name in held else outcome for name, outcome in found.items())
    result.add(counted["passed"], counted["failed"], counted["skipped"])
    result.unsteady += [f"{name}, {what}" for name in sorted(held)]
    if counted["failed"]:
        result.failures.append(f"{what}: {counted['failed']}")
    elif status not in (0, 5) and not (status == 1 and held):  # 5: no tests
        result.fail(f"{what}: pytest ended with {status}")


def network_tests(result, kind, folders, options=()):
    for folder in folders:
        if not has_tests(folder):
            continue
        say(" ".join([f"{folder}, {kind}", *options]))
        report, held = new_report(kind, folder), set()
        status = run(pytest_command(kind, [folder], report, options))
        failed = tests_that("failed", report)
        if folder == TRIED_AGAIN and 0 < len(failed) <= TRIED_AGAIN_MOST:
            say(f"{folder}, {kind}: what failed, by itself")
            again = new_report(kind, f"{folder}-again")
            run(pytest_command(kind, [folder], again, ["--last-failed", *options]))
            held = failed & tests_that("passed", again)
        count_report(result, f"{folder} ({kind})", report, status, held)


def tests_beside_each_other(result, kind, folder, options):
    """The files of a folder, by several processes: each waits for the clock most of the time."""
    files = sorted(glob.glob(f"{folder}/test_*.py"), key=os.path.getsize, reverse=True)
    n = min(4, max(2, os.cpu_count() or 1))
    say(" ".join([f"{folder}, {kind}", *options, f"in {n} processes"]))
    started = []
    for i in range(n):
        report, log = new_report(kind, f"{folder}-{i}"), f"build/{kind}/{folder.replace('/', '-')}-{i}.log"
        with open(log, "w", encoding="utf-8") as out:
            started.append((report, log, subprocess.Popen(pytest_command(kind, files[i::n], report, options), stdout=out,
                                                          stderr=out, env={**os.environ, **ENVIRONMENT})))
    for report, log, process in started:
        status = process.wait()
        with open(log, encoding="utf-8", errors="replace") as f:
            print(f.read(), flush=True)
        count_report(result, f"{folder} ({kind})", report, status)


def stage_asan(result):
    if build(result, "asan"):
        meson_tests(result, "asan", ["check", "unit", "fuzz-short"])
        network_tests(result, "asan", PACKET_SUITES + ["test/api"])


def introspect(what):
    out = subprocess.run(["meson", "introspect", "build/tsan", what], capture_output=True,
                         text=True, check=True).stdout
    return json.loads(out)


def stage_tsan(result):
    # set up first; only then is it known what there is to build
    if not build(result, "tsan", ["piste_version.h"]):
        return
    tests = [t["cmd"][0] for t in introspect("--tests") if any(s.split(":")[-1] == "threads" for s in t["suite"])]
    plugins = [t["filename"][0] for t in introspect("--targets") if t["type"] == "shared module"]
    targets = [os.path.relpath(path, os.path.abspath("build/tsan")) for path in tests + plugins]
    if build(result, "tsan", targets + ["vpp", "vppctl", "vpp_get_stats"]):
        meson_tests(result, "tsan", ["threads"])
        for folder in PACKET_SUITES:
            tests_beside_each_other(result, "tsan", folder, THREADS)


def stage_release(result):
    if build(result, "release"):
        network_tests(result, "release", [folder for folder in NETWORK_SUITES if folder not in PACKET_SUITES])
        network_tests(result, "release", PACKET_SUITES, THREADS)
        network_tests(result, "release", PACKET_SUITES, BESIDE_HOSTS)


def stage_clang(result):
    # its warnings are errors: that it builds is the test
    if build(result, "clang"):
        result.add(1, 0)


def stage_musl(result):
    if build(result, "musl"):
        suites = ["unit", "fuzz-short"]
        if libc_is_musl():
            suites.insert(0, "check")
        meson_tests(result, "musl", suites)
        network_tests(result, "musl", NETWORK_SUITES)
        network_tests(result, "musl", PACKET_SUITES, BESIDE_HOSTS)


def stage_packages(result):
    # a build of its own, by the APKBUILD
    os.makedirs("build/packages", exist_ok=True)
    if run(["sh", "tools/install-deps.sh", "build", "test", "musl", "packages"]) != 0:
        result.fail("what the tests of packages need")
        return
    network_tests(result, "packages", ["test/pkg"])


CROSS = {"aarch64": True, "armhf": True, "riscv64": False, "ppc64el": False, "s390x": True}  # whether tests run


def programs_by_qemu(arch):
    """The name of a folder in build/ that looks like the build of arch, where programs run here."""
    folder = f"build/{arch}/qemu"
    shutil.rmtree(folder, ignore_errors=True)
    names = os.listdir(f"build/{arch}")
    os.mkdir(folder)
    for name in names:
        if not name.startswith("vpp") or name.endswith(".p"):
            os.symlink(f"../{name}", f"{folder}/{name}")
            continue
        with open(f"{folder}/{name}", "w", encoding="ascii") as f:
            f.write(f'#!/bin/sh\nexec {TREE}/build/cross/{arch}.run {TREE}/build/{arch}/{name} "$@"\n')
        os.chmod(f"{folder}/{name}", 0o755)
    return f"{arch}/qemu"


def stage_cross(result):
    for arch, tested in CROSS.items():
        if not build(result, arch):
            continue
        result.add(1, 0)
        if tested:
            meson_tests(result, arch, ["unit", "fuzz-short"], slower=10)
            os.environ["PISTE_EMULATED"] = "1"
            for folder in PACKET_SUITES:
                tests_beside_each_other(result, programs_by_qemu(arch), folder, [])


STAGES = {"asan": stage_asan, "tsan": stage_tsan, "clang": stage_clang,
          "release": stage_release, "musl": stage_musl, "packages": stage_packages}
ON_REQUEST = {"cross": stage_cross}


def libc_is_musl():
    if os.path.exists("/etc/alpine-release"):
        return True
    out = subprocess.run(["ldd", "--version"], capture_output=True, text=True)
    return "musl" in out.stdout + out.stderr


def main():
    os.chdir(TREE)
    wanted = sys.argv[1:] or (["musl"] if libc_is_musl() else list(STAGES))
    for name in wanted:
        if name not in STAGES and name not in ON_REQUEST:
            sys.exit(__doc__)

    result = Result()
    sysroot = None
    if {"musl", "packages"} & set(wanted) and not libc_is_musl() and len(wanted) > 1:
        # takes minutes the first time: make it beside the other stages
        os.makedirs("build", exist_ok=True)
        with open("build/musl-sysroot.log", "w", encoding="utf-8") as log:
            sysroot = subprocess.Popen(["sh", "tools/musl-sysroot.sh"], stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL)
    for name in wanted:
        if name in ("musl", "packages") and sysroot:
            sysroot.wait()
        begin = time.monotonic()
        (STAGES.get(name) or ON_REQUEST[name])(result)
        result.times.append((name, time.monotonic() - begin))

    say("summary")
    print("time: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in result.times))
    if result.skipped:
        print(f"skipped: {result.skipped}")
    for name in result.unsteady:
        print(f"passed when it was tried again: {name}")
    for failure in result.failures:
        print(f"failed: {failure}")
    print(f"{result.passed} passed, {result.failed} failed", flush=True)
    return 1 if result.failed or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main())

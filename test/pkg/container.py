"""A container of an OCI runtime, crun, that runs programs of packages."""
import json
import os
import shutil
import signal
import subprocess
import tempfile

import lib
from packages import UID


class Container:
    """One container of crun. Folders and files of the host are mounted: {path within: path of the host}."""

    def __init__(self, image, ns, mounts, capabilities, args=("/usr/bin/vpp", "-c", "/etc/vpp/startup.conf"), uid=UID,
                 writable=("/run/vpp", "/var/log/vpp")):
        self.folder = tempfile.mkdtemp(prefix="piste-crun-", dir="/tmp")
        self.name, self.uid = os.path.basename(self.folder), uid
        subprocess.run(["crun", "spec"], cwd=self.folder, check=True, capture_output=True)
        with open(self.folder + "/config.json", encoding="utf-8") as f:
            spec = json.load(f)
        spec["root"] = {"path": image.path, "readonly": True}
        process = spec["process"]
        process.update(terminal=False, user={"uid": uid, "gid": uid}, args=list(args), noNewPrivileges=True,
                       rlimits=[{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
                       capabilities={kind: capabilities for kind in ("bounding", "effective", "inheritable", "permitted",
                                                                     "ambient")})
        spec["mounts"] = [m for m in spec["mounts"] if m["type"] not in ("cgroup", "mqueue")]
        for path in writable:
            spec["mounts"].append({"destination": path, "type": "tmpfs", "source": "tmpfs",
                                   "options": ["nosuid", "nodev", "mode=755", f"uid={uid}", f"gid={uid}"]})
        spec["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]})
        for path, source in mounts.items():
            spec["mounts"].append({"destination": path, "type": "bind", "source": source, "options": ["bind", "rw"]})
        for namespace in spec["linux"]["namespaces"]:
            if namespace["type"] == "network":
                namespace["path"] = str(ns)
        spec["linux"].pop("resources", None)
        with open(self.folder + "/config.json", "w", encoding="utf-8") as f:
            json.dump(spec, f)
        self.out = open(self.folder + "/out", "w+", encoding="utf-8")
        self.process = subprocess.Popen(self.crun("run", "--bundle", self.folder, self.name), stdout=self.out, stderr=self.out,
                                        stdin=subprocess.DEVNULL)

    def crun(self, *words):
        """crun refuses mixed cgroups: it gets a mount namespace without the new ones."""
        script = "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\""
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", "crun", "--root",
                self.folder + "/state", "--cgroup-manager=disabled", *words]

    def pid(self):
        """Of its first process, as the host sees it; None before there is one."""
        try:
            with open(f"{self.folder}/state/{self.name}/status", encoding="utf-8") as f:
                return json.load(f)["pid"]
        except (FileNotFoundError, ValueError):
            return None

    def output(self):
        with open(self.folder + "/out", encoding="utf-8") as f:
            return f.read()

    def exec(self, *words, check=True):
        done = subprocess.run(self.crun("exec", "--user", f"{self.uid}:{self.uid}", self.name, *words), text=True,
                              capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, f"{words}: {done.returncode} {done.stdout}{done.stderr}{self.output()}"
        return done.stdout.replace("\r\n", "\n")

    def ctl(self, command):
        return self.exec("vppctl", *command.split())

    def start(self):
        lib.wait_for(lambda: self.exec("vppctl", "show", "version", check=False).startswith("vpp v") or
                     self.process.poll() is not None, "the container", timeout=15, interval=0.05)
        assert self.process.poll() is None, self.output()
        return self

    def signal(self, number):
        subprocess.run(self.crun("kill", self.name, str(int(number))), check=True)

    def stop(self):
        """As a container runtime does: SIGTERM, and an end with 0."""
        self.signal(signal.SIGTERM)
        return self.process.wait(10)

    def remove(self):
        if self.process.poll() is None:
            subprocess.run(self.crun("kill", self.name, "9"), check=False)
            self.process.wait(10)
        self.out.close()
        shutil.rmtree(self.folder, ignore_errors=True)

#!/usr/bin/python3
"""Holds the CRCs of messages and files that tools/gen-api.py computes against those that clients know, in crcs.txt.

  crcs_test.py api/*.api
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = os.path.join(HERE, "../../tools/gen-api.py")
OWN = ("fast_path.api", "fast_path_")  # VPP has nothing like it


def known():
    with open(os.path.join(HERE, "crcs.txt"), encoding="utf-8") as f:
        return dict(line.rsplit(" ", 1) for line in f.read().splitlines() if line[0] != "#")


def computed(paths):
    out = subprocess.run([sys.executable, TOOL, "crc"] + paths + ["-I", os.path.join(HERE, "../../api")], check=True, text=True,
                         capture_output=True).stdout
    return dict(line.split() for line in out.splitlines() if not line.startswith(OWN))


def main():
    want, have = known(), computed(sys.argv[1:])
    faults = [f"{name}: {have[name]}, clients know {want.get(name, 'no such message')}"
              for name in sorted(have) if have[name] != want.get(name)]
    faults += [f"{name}: not defined" for name in sorted(set(want) - set(have))]
    for fault in faults:
        print(fault)
    print(f"{len(have)} compared, {len(faults)} faults")
    return 1 if faults or not have else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""gen-sandbox.py OUT < JSON - docs/sandbox.md, from `show sandbox verbose json`: what modules say that they need.

What startup.conf names, and where this daemon's program and libraries lie, is left out."""
import itertools
import json
import sys

HEAD = """# What the sandbox leaves

Written by `tools/gen-docs.sh` from `show sandbox verbose` on x86-64: the capabilities, files and system calls that modules say they
need ([decision 17](decisions/0017-sandbox.md)). Everything else is refused, calls with ENOSYS. A path is that file, or the folder and
all that is below it. The paths are left where Linux has Landlock (5.13), the calls where it has seccomp.

Also left are what `startup.conf` names (the folders of sockets and of the saved configuration, logs, plugins, `sandbox-read`,
`sandbox-write`), and, for `restart`, the daemon's own program, the linker and the folders of its libraries.
"""


def rows(head, cells):
    yield "| " + " | ".join(head) + " |"
    yield "| --- " * len(head) + "|"
    for row in cells:
        yield "| " + " | ".join(row) + " |"


shown = json.load(sys.stdin)
# those of tables come first; from the daemon's program on they are of this run
paths = list(itertools.takewhile(lambda p: p["why"] != "`restart'", shown["paths"]))
lines = ["## Capabilities", ""]
why = {}
for c in shown["capabilities"]:
    why.setdefault(c["name"], []).append(c["why"])
lines += rows(["Capability", "For"], ([f"`{name}`", "; ".join(reasons)] for name, reasons in why.items()))
lines += ["", "## Files", ""]
lines += rows(["Path", "Access", "For"], ([f"`{p['path']}`", p["access"], p["why"]] for p in paths))
lines += ["", "## System calls, and families of sockets", ""]
lines += rows(["For", "Calls"], ([c["why"], " ".join(f"`{name}`" for name in c["names"])] for c in shown["calls"]))
with open(sys.argv[1], "w", encoding="utf-8") as f:
    f.write(HEAD + "\n" + "\n".join(lines) + "\n")

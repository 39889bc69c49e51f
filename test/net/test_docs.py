"""The documents say what is so."""
import glob
import json
import os
import re
import shlex
import subprocess

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(name):
    with open(os.path.join(TREE, name), encoding="utf-8") as f:
        return f.read()


def test_command_reference_is_fresh(net):
    """After a change of commands: tools/gen-docs.sh."""
    vpp = net.vpp(net.namespace())
    assert read("docs/cli.md") == vpp.ctl("show cli docs"), "stale: run tools/gen-docs.sh"


def test_message_reference_is_fresh(net, tmp_path):
    """After a change of messages: tools/gen-docs.sh."""
    vpp = net.vpp(net.namespace())
    table = json.loads(vpp.ctl("show api message-table json"))["messages"]
    names = tmp_path / "names"
    names.write_text("".join(f"{m['name']}_{m['crc']}\n" for m in table))
    subprocess.run(["/usr/bin/python3", TREE + "/tools/gen-api.py", "doc", names, tmp_path / "api.md",
                    *glob.glob(TREE + "/api/*.api")], check=True)
    assert read("docs/api.md") == (tmp_path / "api.md").read_text(), "stale: run tools/gen-docs.sh"


def compile_command(build):
    """How the build compiles a file of a module: compiler and flags, with full paths."""
    with open(build + "/compile_commands.json", encoding="utf-8") as f:
        entry = next(e for e in json.load(f) if e["file"].endswith("loopback/loopback.c"))
    words, command = shlex.split(entry["command"]), []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("-o", "-MF", "-MQ", "-c"):
            skip = True
        elif word not in ("-MD",) and not word.endswith("loopback.c"):
            path = word[2:] if word.startswith("-I") else None
            command.append("-I" + os.path.join(entry["directory"], path) if path else word)
    return command


def build_example(build, folder):
    """Compiles the C that stands in CONTRIBUTING.md, as a plugin; the first block is the node's file."""
    blocks = re.findall(r"^```c\n(.*?)^```", read("CONTRIBUTING.md"), re.S | re.M)
    assert len(blocks) == 3
    (folder / "ttl_guard_node.c").write_text(blocks[0])
    (folder / "ttl_guard.c").write_text(blocks[1] + blocks[2])
    command = compile_command(build)
    objects = []

    def compile_one(source, name, extra):
        objects.append(str(folder / name))
        done = subprocess.run(command + extra + ["-fPIC", "-I" + os.path.join(TREE, "src"), "-c",
                                                 str(folder / source), "-o", objects[-1]],
                              text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr

    compile_one("ttl_guard.c", "ttl_guard.o", [])
    levels = re.findall(r"-DPISTE_NODE_LEVELS_(\w+)=1", " ".join(command))
    for level in {"X86": ["base", "v2", "v3", "v4"], "ARM": ["base", "armv82"]}.get(
            levels[0] if levels else "", ["base"]):
        compile_one("ttl_guard_node.c", f"node_{level}.o",
                    ["-DNODE_LEVEL=" + level, "-Wno-missing-prototypes"])
    plugins = folder / "plugins"
    plugins.mkdir()
    compiler = command[:next(i for i, w in enumerate(command) if w.startswith("-"))]
    done = subprocess.run(compiler + ["-shared", "-o", str(plugins / "ttl_guard_plugin.so")] + objects,
                          text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return str(plugins)


def test_example_of_contributing_works(net, build, tmp_path):
    if not os.path.exists(build + "/compile_commands.json"):
        pytest.skip("not a build folder")
    plugins = build_example(build, tmp_path)
    vpp, (wire,) = net.by_hand(1, config=f"plugins {{ add-path {plugins} }}")
    assert "ttl_guard_plugin.so" in vpp.ctl("show plugins")

    def echo(ttl):
        wire.drain()
        wire.send(Ether(dst=wire.vpp_mac, src=wire.mac) /
                  IP(src="10.10.1.1", dst="10.10.1.2", ttl=ttl) / ICMP())

    def answer(f):
        return ICMP in f and f[ICMP].type == 0

    echo(3)
    wire.expect(answer, "echo reply")
    vpp.ctl("set ttl-guard host-vpp0 min 5")
    echo(4)
    vpp.wait_error("TTL below the limit")
    wire.silent(answer, "echo reply")
    echo(5)
    wire.expect(answer, "echo reply")
    vpp.ctl("set ttl-guard host-vpp0 off")
    echo(4)
    wire.expect(answer, "echo reply")
    assert "set ttl-guard: unknown interface" in vpp.fails("set ttl-guard nosuch off")


MARKDOWN = [os.path.relpath(os.path.join(folder, name), TREE)
            for folder, _, names in os.walk(TREE) if not re.search(r"/(build|\.git)", folder)
            for name in names if name.endswith(".md")]


@pytest.mark.parametrize("name", MARKDOWN)
def test_links_lead_somewhere(name):
    """Links to files, and the files and make targets named in code style."""
    text = read(name)
    here = os.path.dirname(os.path.join(TREE, name))
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in link:
            assert os.path.exists(os.path.join(here, link)), f"{name}: {link}"
    for target in re.findall(r"`make ([a-z-]+)", text):
        assert re.search(rf"^[a-z \-]*\b{target}\b[a-z \-]*:", read("Makefile"), re.M), f"make {target}"
    for path in re.findall(r"`((?:src|test|tools|bench|docs|plugins)/[\w./-]+)`", text):
        assert os.path.exists(os.path.join(TREE, path)) or "ttl_guard" in path, f"{name}: {path}"

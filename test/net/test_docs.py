"""The documents say what is so."""
import glob
import json
import os
import re
import subprocess

import pytest

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
                    *glob.glob(TREE + "/api/*.api"), *glob.glob(TREE + "/plugins/*/*.api"), "-I", TREE + "/api"], check=True)
    assert read("docs/api.md") == (tmp_path / "api.md").read_text(), "stale: run tools/gen-docs.sh"


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

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


def test_keys_reference_is_fresh(net, tmp_path):
    """After a change of keys of startup.conf: tools/gen-docs.sh."""
    keys = net.vpp(net.namespace()).ctl("show startup-config keys json")
    subprocess.run(["/usr/bin/python3", TREE + "/tools/gen-man.py", TREE + "/docs/man/startup.conf.5.in", tmp_path / "page"],
                   input=keys, text=True, check=True)
    assert read("docs/man/startup.conf.5") == (tmp_path / "page").read_text(), "stale: run tools/gen-docs.sh"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the page is of x86-64")
def test_sandbox_reference_is_fresh(net, tmp_path):
    """After a change of what a module needs: tools/gen-docs.sh."""
    shown = net.vpp(net.namespace()).ctl("show sandbox verbose json")
    subprocess.run(["/usr/bin/python3", TREE + "/tools/gen-sandbox.py", tmp_path / "page"], input=shown, text=True, check=True)
    assert read("docs/sandbox.md") == (tmp_path / "page").read_text(), "stale: run tools/gen-docs.sh"


@pytest.mark.parametrize("page, word", [("vpp.8", ["vpp", "--help"]), ("vppctl.1", ["vppctl", "--help"]),
                                        ("vpp_get_stats.1", ["vpp_get_stats"])])
def test_manual_pages_have_all_options(net, page, word):
    """Of what the program itself says."""
    done = subprocess.run([os.path.join(net.build, word[0])] + word[1:], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    options = set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", done.stdout)) or set(re.findall(r"^  ([a-z-]+)", done.stdout, re.M))
    text = read("docs/man/" + page).replace("\\-", "-")
    assert options
    for option in options:
        words = r"\.It Fl ([^\n]* )?" + option[1:] if option[0] == "-" else r"(Cm|Ic|Nm) ([^\n]* )?" + option
        assert re.search(words + r"( |$)", text, re.M), f"{page}: {option}"


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

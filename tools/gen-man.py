#!/usr/bin/python3
"""gen-man.py TEMPLATE OUT < JSON - the manual page of startup.conf, from `show startup-config keys json`."""
import json
import sys


def plain(text):
    """For roff: no line that is a request, no escapes by accident."""
    return text.replace("\\", "\\e").replace("-", "\\-").lstrip(".'")


def section(name, plugin, keys):
    yield f".Ss {name}"
    if plugin:
        yield f"Of {plugin}."
    yield '.Bl -tag -width Ds'
    for key in keys:
        yield f".It Ic {plain(key['grammar'])}"
        yield plain(key["help"][0].upper() + key["help"][1:]) + "."
    yield ".El"


def unused(name, keys):
    yield f".It Ic {name}"
    yield ", ".join(plain(k["grammar"].split(" ")[0]) for k in keys) + ": " + plain(keys[0]["help"]) + "."


known, without = {}, {}
for s in json.load(sys.stdin)["sections"]:
    for k in s["keys"]:
        (known if k["effect"] else without).setdefault((s["name"], s["plugin"]), []).append(k)
sections = [line for (name, plugin), keys in sorted(known.items()) for line in section(name, plugin, keys)]
others = [".Bl -tag -width Ds"] + [line for (name, _), keys in sorted(without.items()) for line in unused(name, keys)]
with open(sys.argv[1], encoding="utf-8") as f:
    page = f.read()
with open(sys.argv[2], "w", encoding="utf-8") as f:
    f.write(page.replace("@SECTIONS@", "\n".join(sections)).replace("@UNUSED@", "\n".join(others + [".El"])))

#!/usr/bin/python3
"""install-dev.py BUILD INCLUDEDIR DATADIR - installs what a plugin outside the tree is built with (docs/plugins.md):
headers, definitions of messages, and the program that makes C of them. Run by `meson install`."""
import glob
import os
import re
import shutil
import sys

FLOORS = ["base", "control", "engine", "host", "net"]
OURS = re.compile(r"_(internal|test|world)\.h$")  # of one module, or of tests


def put(source, folder, name=None, mode=0o644):
    to = os.path.join(folder, name or os.path.basename(source))
    os.makedirs(os.path.dirname(to), exist_ok=True)
    shutil.copyfile(source, to)
    os.chmod(to, mode)


def main():
    build, include, data = sys.argv[1:]
    tree = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    prefix = os.environ["MESON_INSTALL_DESTDIR_PREFIX"]
    include, data = os.path.join(prefix, include, "piste"), os.path.join(prefix, data, "piste")
    for floor in FLOORS:
        for path in glob.glob(f"{tree}/src/{floor}/**/*.h", recursive=True):
            if not OURS.search(path):
                put(path, include, os.path.relpath(path, tree + "/src"))
    for path in glob.glob(build + "/api/*.h"):
        put(path, include + "/api")
    for path in glob.glob(tree + "/api/*.api"):
        put(path, data + "/api")
    put(tree + "/tools/gen-api.py", data, mode=0o755)


if __name__ == "__main__":
    main()

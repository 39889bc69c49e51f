#!/usr/bin/python3
"""Rules of the tree that a compiler does not check.

  check-tree.py includes           a folder includes only what lies on its own floor or below, in
                                   src/net of its own room or those below; no folders in a circle
  check-tree.py globals BUILD      no writable variable but those of tools/globals.txt
  check-tree.py used BUILD         what a file exports, another one uses, or tools/offered.txt names it
  check-tree.py names              a function's name has two words at least, and is that of no other
                                   file's function: a backtrace tells where it was
  check-tree.py words              nothing that musl lacks, nothing that leads out of the tree
  check-tree.py headers CC ARG...  each header compiles by itself

Prints one line per fault, as file:line: sentence; exits 1 when there is any.
"""
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

FLOORS = {"base": 1, "control": 2, "host": 3, "engine": 3, "net": 4, "ports": 5, "plugins": 5, "vpp": 6}
# Rooms of src/net; those of the same number do not know each other.
ROOMS = {"packet": 1, "link": 2, "l2": 3, "ip": 3, "features": 4}
TEST = re.compile(r"_(test|fuzz)\.[ch]$|_world\.h$")  # tests set up what they need from all rooms
EXTRA = {"vppctl": {"base", "vppctl"}, "vpp_get_stats": {"base", "vpp_get_stats"}}  # sees more or less than its floor says

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
FORBIDDEN = [
    (r"\bbacktrace\s*\(|\bexecinfo\.h", "musl has no backtrace()"),
    (r"\btarget_clones\b|\(\s*ifunc\b|\(\(ifunc", "musl has no ifunc"),
    (r"\b(lseek|f?stat|lstat|open|openat|creat|mmap|f?truncate|pread|pwrite|preadv|pwritev"
     r"|fopen|freopen|fseeko|ftello|readdir|scandir|fallocate|getrlimit|setrlimit|sendfile)64\b"
     r"|\boff64_t\b", "Alpine's musl has no names with 64"),
    (r"\bsys/(queue|cdefs)\.h|\b(error|argp|obstack|fts)\.h>", "musl has no such header"),
]
RULES = [
    (r"^\s*\(void\)\w+;", "the compiler does not warn of what is unused: (void)!f() where f()'s result must be looked at"),
    (r'"[^"]*%[-0-9.]*l[dux]', "long has 32 bits in some places: PRIu64 and the like"),
]
ANYWHERE = [(r"\.\./shared\b", "leads out of the tree")]


def files():
    """Every file of the tree that git knows or would take, else every file outside build/."""
    try:
        out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], check=True,
                             capture_output=True, text=True).stdout
        names = out.splitlines()
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, folders, here in os.walk("."):
            folders[:] = [d for d in folders if d != ".git" and not d.startswith("build")]
            names += [os.path.relpath(os.path.join(folder, f)) for f in here]
    return sorted(n for n in set(names) if os.path.isfile(n))


def lines(name):
    with open(name, encoding="utf-8", errors="replace") as f:
        return enumerate(f.read().splitlines(), 1)


def floor_of(name):
    """The floor's folder for src/<floor>/... and plugins/..., else None."""
    parts = name.split("/")
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    return "plugins" if parts[0] == "plugins" else None


def room_of(path):
    """The room of net/<room>/..., else None."""
    parts = path.split("/")
    return parts[1] if parts[0] == "net" and len(parts) > 2 else None


def circles(graph):
    """Strongly connected parts of more than one, of a dictionary of sets (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in sorted(graph.get(v, ())):
            if w not in index:
                visit(w)
            if w in stack:
                low[v] = min(low[v], low[w])
        if low[v] == index[v]:
            part = stack[stack.index(v):]
            del stack[stack.index(v):]
            if len(part) > 1:
                found.append(sorted(part))

    for v in sorted(graph):
        if v not in index:
            visit(v)
    return found


def check_includes():
    faults = []
    folders = {}  # folder -> {folder that it includes: where}
    for name in files():
        here = floor_of(name)
        if here is None or not name.endswith((".c", ".h")):
            continue
        is_test, room = TEST.search(name) is not None, room_of(name.removeprefix("src/"))
        if room and room not in ROOMS:
            faults.append(f"{name}:1: tools/check-tree.py does not know the room {room}")
            continue
        for number, text in lines(name):
            match = INCLUDE.match(text)
            if not match:
                continue
            top = match.group(1).split("/")[0]
            there = "plugins" if top == "plugins" else top if os.path.isdir("src/" + top) else None
            if there is None:
                continue  # generated, or a plugin's own
            if here in EXTRA:
                allowed = there in EXTRA[here]
            elif there in EXTRA:
                allowed = False
            elif here == there == "plugins":  # each may be left out
                allowed = os.path.dirname(match.group(1)) == os.path.dirname(name) or \
                    match.group(1).endswith("_use.h")  # what one has for others that need it
            else:
                allowed = FLOORS[there] < FLOORS[here] or there == here
            if not allowed:
                faults.append(f'{name}:{number}: {here} includes "{match.group(1)}" of {there}')
            other = room_of(match.group(1))
            if room and other and other != room and not is_test and ROOMS.get(other, 0) >= ROOMS[room]:
                faults.append(f'{name}:{number}: {room} includes "{match.group(1)}" of {other}')
            here_folder, there_folder = os.path.dirname(name), "src/" + os.path.dirname(match.group(1))
            if here_folder != there_folder and not is_test and os.path.isdir(there_folder):
                folders.setdefault(here_folder, {})[there_folder] = f"{name}:{number}"
    for part in circles(folders):
        ways = [f"{at} ({there})" for here in part for there, at in folders[here].items() if there in part]
        faults.append(f"{part[0]}:1: folders include each other in a circle: {', '.join(ways)}")
    return faults


FUNCTION = re.compile(r"^(?!typedef|struct \w+ \{|enum |union )[A-Za-z_][\w *]*?\b(\w+) ?\([^;{}]*\)\n\{", re.M)


def check_names():
    """Tests and the small programs are left out: what they call one thing is nobody else's matter."""
    where, faults = {}, []
    for name in files():
        if not name.endswith((".c", ".h")) or TEST.search(name) or name.split("/")[0] not in ("src", "plugins"):
            continue
        with open(name, encoding="utf-8") as f:
            text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group()), f.read(), flags=re.S)
        for match in FUNCTION.finditer(text):
            function, line = match.group(1), text.count("\n", 0, match.start()) + 1
            if function in ("main", "NODE_FN", "panic") or name.endswith(f"/{function}.h"):
                continue
            is_static = re.match(r"static|ALWAYS_INLINE|COLD", match.group())
            if "_" not in function and not re.search(r"\d", function):
                faults.append(f"{name}:{line}: {function}() does not say whose it is")
            elif function in where and not where[function].startswith(name + ":") and is_static:
                faults.append(f"{name}:{line}: {function}() is also in {where[function]}")
            if is_static or function not in where:  # two of a name that is exported are never in one program
                where[function] = f"{name}:{line}"
    return faults


def check_words():
    rules = [(re.compile(r), why) for r, why in FORBIDDEN + RULES]
    anywhere = [(re.compile(r), why) for r, why in ANYWHERE]
    faults = []
    for name in files():
        code = name.endswith((".c", ".h"))
        for number, text in lines(name):
            for rule, why in (rules if code else []) + anywhere:
                if rule.search(text):
                    faults.append(f"{name}:{number}: {why}: {text.strip()}")
    return faults


WRITABLE = re.compile(r"\.(data|bss|tdata|tbss)(\.rel|\.rel\.local|\.local)?$|\*COM\*$")
LOG_CLASS = re.compile(r"(^|(?<!\bthe)_)log(_class)?$")
MADE_BY_TOOLS = re.compile(r"^__|^_fini|^\.|\.\.|^(cov|llvm|asan|tsan)_|^completed\b")  # compilers, sanitizers


def objects(build):
    """(object, source) of the daemon and its plugins; of node files the one for the least CPU."""
    sources = {name.replace("/", "_"): name for name in files() if name.endswith(".c")}
    for folder, _, here in os.walk(build):
        top = os.path.relpath(folder, build).split(os.sep)[0]
        if top in ("test", "bench", "meson-private"):
            continue
        for name in here:
            source = sources.get(name.removesuffix(".o")) or sources.get("plugins_" + name.removesuffix(".o"))
            if name.endswith(".o") and source and not re.search(r"_node_(?!base)\w+\.a\.p$", folder):
                yield os.path.join(folder, name), source


def check_globals(build):
    with open("tools/globals.txt", encoding="utf-8") as f:
        listed = {line.strip() for line in f if line.strip() and not line.startswith("#")}
    elsewhere = {line.split()[0]: line.split()[1] for line in listed if " " in line}
    listed = {line.split()[0] for line in listed}
    declared = set()  # in headers of the data path
    for name in files():
        if name.endswith("_data.h") or name in elsewhere.values():
            declared |= {word for _, text in lines(name) if text.startswith("extern ") and "(" not in text
                         for word in re.findall(r"\w+", text)}
    faults, seen = [], set()
    daemon = [(o, s) for o, s in objects(build) if s.split("/")[1] not in ("vppctl", "vpp_get_stats")]
    for part in [daemon[i:i + 200] for i in range(0, len(daemon), 200)]:
        source, by_object = None, dict(part)
        table = subprocess.run(["objdump", "-t", *by_object], capture_output=True, text=True, check=True).stdout
        for line in table.splitlines():
            if ": " in line and "file format" in line:
                source = by_object[line.split(": ")[0]]
            match = re.match(r"[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+) (?:\.hidden )?(\S+)$", line)
            if not match or not WRITABLE.match(match.group(2)) or "d" in match.group(1) or not int(match.group(3), 16):
                continue
            name = re.sub(r"\.\d+$", "", match.group(4))
            name = re.sub(r"^\w+\.(?=\w+$)", "", name)  # clang says which function a static one is in
            if MADE_BY_TOOLS.search(name) or LOG_CLASS.search(name):
                continue
            key = name if match.group(1)[0] in "gu" or match.group(2) == "*COM*" else f"{source}:{name}"
            seen.add(key)
            if key not in listed:
                faults.append(f"{source}:1: the writable variable {name} is not in tools/globals.txt")
            elif ":" not in key and name not in declared:
                faults.append(f"{source}:1: {name} is not declared in a header *_data.h")
    return sorted(set(faults)) + [f"tools/globals.txt:1: there is no {key}" for key in sorted(listed - seen)]


def symbols(paths, *options):
    """(object, symbol) as nm tells them."""
    for part in [paths[i:i + 200] for i in range(0, len(paths), 200)]:
        out = subprocess.run(["nm", "-A", *options, *part], capture_output=True, text=True, check=True).stdout
        for line in out.splitlines():
            path, rest = line.rsplit(":", 1)
            yield path, rest.split()[-1]


def in_itself(source, function):
    """Whether the file that has the function calls it, too."""
    with open(source, encoding="utf-8") as f:
        return len(re.findall(rf"\b{function}\b", re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S))) > 1


def check_used(build):
    with open("tools/offered.txt", encoding="utf-8") as f:
        offered = {line.strip() for line in f if line.strip() and not line.startswith("#")}
    tests = [os.path.join(folder, name) for top in ("test", "bench")
             for folder, _, here in os.walk(os.path.join(build, top)) for name in here if name.endswith(".o")]
    daemon = dict(objects(build))
    users, in_tests = {}, set()
    for path, symbol in symbols(list(daemon), "-u"):
        users.setdefault(symbol, set()).add(daemon[path])
    for path, symbol in symbols(tests, "-u"):
        in_tests.add(symbol)
    faults, defined = [], set()
    for path, symbol in symbols(list(daemon), "-g", "--defined-only"):
        defined.add(symbol)
        if users.get(symbol, set()) - {daemon[path]} or symbol in offered or MADE_BY_TOOLS.search(symbol) or \
                symbol in ("main", "piste_module"):
            continue
        if symbol in in_tests and in_itself(daemon[path], symbol):
            continue  # a part that its test calls
        faults.append(f"{daemon[path]}:1: {symbol} is used by " +
                      ("tests only" if symbol in in_tests else "no other file: it is static, or goes"))
    return sorted(faults) + [f"tools/offered.txt:1: there is no {name}" for name in sorted(offered - defined)]


def check_headers(compiler):
    names = [n for n in files() if n.endswith(".h") and floor_of(n)]

    def compile_one(name):
        with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
            # twice: it must also guard itself
            f.write(f'#include "{os.path.abspath(name)}"\n' * 2)
            f.flush()
            extra = ["-I" + os.path.dirname(name)]
            run = subprocess.run(compiler + extra + ["-fsyntax-only", f.name],
                                 capture_output=True, text=True)
        return [f"{name}:1: does not compile alone\n{run.stderr}"] if run.returncode else []

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [fault for result in pool.map(compile_one, names) for fault in result]


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    build = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    if what == "includes":
        faults = check_includes()
    elif what == "used" and len(sys.argv) == 3:
        faults = check_used(build)
    elif what == "globals" and len(sys.argv) == 3:
        faults = check_globals(build)
    elif what == "names":
        faults = check_names()
    elif what == "words":
        faults = check_words()
    elif what == "headers" and len(sys.argv) > 2:
        faults = check_headers(sys.argv[2:])
    else:
        sys.exit(__doc__)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

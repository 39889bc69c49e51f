#!/usr/bin/python3
"""gen-calls.py LIST OUT - rows of struct need (src/base/need.h) of a list of system calls."""
import sys


def groups(path):
    """(what for, names) of each group; a line that begins with a blank goes on with the one before."""
    found = []
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                why, names = (None, line) if line[0] == " " else line.split(":", 1)
                if why:
                    found.append((why, []))
                found[-1][1].extend(names.split())
    return found


with open(sys.argv[2], "w", encoding="utf-8") as out:
    for reason, calls in groups(sys.argv[1]):
        for call in calls:
            out.write(f'#ifdef SYS_{call}\n    NEEDS_CALL({call}, "{reason}"),\n#endif\n')

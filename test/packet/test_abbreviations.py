"""What VPP's users type is what they get: of each command that is there, the shortest words that are unique in VPP's
own tree of commands lead to it, whatever commands Piste has beside VPP's."""
import os

# it ends the process: nobody shall meet it by a slip of one key
IN_FULL = {"restart"}

HERE = os.path.dirname(os.path.abspath(__file__))


def vpp_tree():
    tree = {}
    with open(HERE + "/vpp_commands.txt", encoding="utf-8") as f:
        paths = [line.split() for line in f.read().splitlines() if line[0] != "#"]
    for path in paths:
        node = tree
        for word in path:
            node = node.setdefault(word, {})
    return tree, paths


def shortest(node, word):
    return next(word[:n] for n in range(1, len(word) + 1)
                if word[:n] == word or sum(other.startswith(word[:n]) for other in node) == 1)


def test_shortest_words_of_vpp(switch):
    tree, paths = vpp_tree()
    here = {line.split("`")[1].split(" [")[0].split(" <")[0].split(" (")[0]
            for line in switch.ctl("show cli docs").splitlines() if line.startswith("### `")}
    tried, faults = 0, []
    for path in paths:
        name = " ".join(path)
        if name not in here or name in IN_FULL:
            continue
        node, words = tree, []
        for word in path:
            words.append(shortest(node, word))
            node = node[word]
        said = switch.vppctl(" ".join(words) + " ?").stdout  # its line of help
        tried += 1
        if not said.startswith("  " + name):
            faults.append((name, " ".join(words), said.strip()))
    assert not faults, faults
    assert tried > 150


def test_words_of_our_own_are_short_where_vpp_has_none(switch):
    for line in ("sh running-c", "sh runn", "sh startup", "show api tra", "create pi", "commen { x }", "uncommen { show ver }"):
        switch.ctl(line)
    for line in ("sh ru", "sh run", "sh run max"):
        assert "Vectors/Call" in switch.ctl(line)
    assert "unknown input" in switch.fails("rest")

"""What `show` prints: columns and words as VPP has them, and JSON of the same."""
import re

import pytest

# A line of a golden is a regular expression for a line of the output.
EMPTY_INTERFACES = [
    r"              Name               Idx    State  MTU \(L3/IP4/IP6/MPLS\)     Counter          Count     ",
    r"host-vpp1out                      1     down         1500/0/0/0     ",
    r"local0                            0     down          0/0/0/0       ",
]
COUNTED_INTERFACES = [
    EMPTY_INTERFACES[0],
    r"host-vpp1out                      1      up          1500/0/0/0     rx packets +\d+",
    r" {68}rx bytes {9} *\d+",
    r" {68}tx packets {7} *\d+",
    r" {68}tx bytes {9} *\d+",
    r"( {68}drops {12} *\d+)?",
    r" {68}ip4 {14} *\d+",
    r"local0 +0     down          0/0/0/0       ",
]
HARDWARE = [
    r"              Name                Idx   Link  Hardware",
    r"host-vpp1out                       1     up   host-vpp1out",
    r"  Link speed: \S.*",
    r"  RX Queues:",
    r"    queue thread         mode      ",
    r"    0     \S+ \(\d+\) +\S+ *",
    r"  TX Queues:",
    r"    TX Hash: \[name: hash-eth-l34 priority: 50 description: Hash ethernet L34 headers\]",
    r"    queue shared thread\(s\)      ",
    r"    0     no     1",
    r"  Ethernet address ([0-9a-f]{2}:){5}[0-9a-f]{2}",
    r"  Linux PACKET socket interface v2",
    r"  FEATURES:",
    r"    qdisc-bpass-enabled",
    r"    cksum-gso-enabled",
    r"  Host Interface Offload:",
    r"    creation time:",
    r"     rx checksum",
    r"     tx checksum",
    r"     tcp segmentation offload",
    r"     generic segmentation offload",
]
BUFFERS = [
    r"Pool Name            Index NUMA  Size  Data Size  Total  Avail  Cached   Used  ",
    r"default-numa-0         0     0   \d+ +2048 +\d+ +\d+ +\d+ +\d+ *",
]
RUNTIME = [
    r"(Thread 0 vpp_main.*|Time \d*\.\d, 10\.000000 sec internal node vector rate \d+\.\d\d"
    r" loops/sec \d+\.\d\d)",
]
RUNTIME_TITLE = r"             Name                 State         Calls          Vectors        " \
    r"Suspends      Packet-Clocks   Vectors/Call  "
RUNTIME_ROW = r"(\S+) +(active|polling|interrupt wait?|\"?[a-z ]+\"?) +\d+ +\d+ +\d+" \
    r" +\d\.\d\de\d+ +\d+\.\d\d"
NEIGHBORS = [
    r"     Age                       IP                    Flags      Ethernet {14}Interface {7}",
    r" +\d*\.\d{4} +10\.10\.1\.1 +D    ([0-9a-f]{2}:){5}[0-9a-f]{2} host-vpp1out",
]
ERRORS = [
    r"   Count                  Node                              Reason               Severity ",
]


def matches(text, golden):
    """Each pattern of golden is the next line of text, or, when it may be empty, left out."""
    lines = text.split("\n")
    at = 0
    for pattern in golden:
        if at < len(lines) and re.fullmatch(pattern, lines[at]):
            at += 1
        elif not re.fullmatch(pattern, ""):
            raise AssertionError(f"line {at + 1} is {lines[at]!r}, not like {pattern!r}, in\n{text}")


def test_show_interface(net):
    ns = net.namespace()
    ns.veth("vpp1out", "vpp1host")
    ns.ip("addr add 10.10.1.1/24 dev vpp1host")
    vpp = net.vpp(ns)
    assert vpp.ctl("show int") == EMPTY_INTERFACES[0].replace("\\", "") + "\n" + \
        EMPTY_INTERFACES[2] + "\n"
    vpp.ctl("create host-interface name vpp1out")
    matches(vpp.ctl("show interface"), EMPTY_INTERFACES)
    vpp.configure("""
        set int ip address host-vpp1out 10.10.1.2/24
        set int state host-vpp1out up
    """)
    assert ns.ping("10.10.1.2") == 3
    matches(vpp.ctl("show int"), COUNTED_INTERFACES)
    assert all(len(line) == 100 for line in vpp.ctl("show int").splitlines()[2:-1])
    assert vpp.ctl("show int").startswith(vpp.ctl("show int host-vpp1out"))
    vpp.ctl("clear interfaces")
    matches(vpp.ctl("show int"), [EMPTY_INTERFACES[0], COUNTED_INTERFACES[1].replace(
        "rx packets +\\d+", ""), EMPTY_INTERFACES[2]])


def test_show_int_addr(net):
    _, vpp = net.main_job()
    assert vpp.ctl("show int addr") == "host-vpp1out (up):\n  L3 10.10.1.2/24\nlocal0 (dn):\n"
    assert vpp.ctl("show interface address") == vpp.ctl("sh int ad")


def test_show_hardware(net):
    _, vpp = net.main_job()
    matches(vpp.ctl("show hardware-interfaces"), HARDWARE)
    assert re.search(r"^  Ethernet address ([0-9a-f]{2}:){5}[0-9a-f]{2}$",
                     vpp.ctl("show hardware-interfaces host-vpp1out"), re.M)


def test_show_host_offloads(net):
    ns, vpp = net.main_job()
    ns.offloads("vpp1out", on=False)
    text = vpp.ctl("show hardware-interfaces host-vpp1out")
    first, now = re.search(r"  Host Interface Offload:\n    creation time:\n((?: {5}.*\n)*)"
                           r"    now:\n((?: {5}.*\n)*)  RX Queue 0:\n", text).groups()
    assert "     tcp segmentation offload\n" in first, text
    assert "     tcp segmentation offload\n" not in now, text


def centered(text, width):
    return " " * ((width - len(text) + 1) // 2) + text + " " * ((width - len(text)) // 2)


def test_show_node(net):
    vpp = net.vpp(net.namespace())
    text = vpp.ctl("show node ip4-lookup")
    edges = vpp.json("show node ip4-lookup")["next_nodes"]
    assert "ip4-receive" in [e["node"] for e in edges]
    assert "\n  next nodes:\n    next-index  node-index               Node               Vectors\n" \
        + "".join(f"{e['next_index']:10}    " + centered(str(e["node_index"]), 14) +
                  centered(e["node"], 30) + " " + centered(str(e["vectors"]), 8) + "\n"
                  for e in edges) in text
    variants = vpp.json("show node ip4-lookup")["variants"]
    assert "  node function variants:\n    Name             Priority  Active  Description\n" \
        + "".join(f"    {v['name']:17}{v['priority']:8}" + centered(v["active"], 10) +
                  v["description"] + "\n" for v in variants) in text
    assert "default" in [v["name"] for v in variants]


def test_show_physmem(net):
    lines = net.vpp(net.namespace()).ctl("show physmem").splitlines()
    assert re.fullmatch(r" used-pages \d+ reserved-pages \d+ default-page-size \d+K", lines[0])
    assert all(re.match(r"   arena '\S+' pages \d+ subpage-size \d+[KM]", x) for x in lines[1:])
    assert any("'default-numa-0'" in x for x in lines)


def test_show_buffers(net):
    _, vpp = net.main_job()
    matches(vpp.ctl("show buffers"), BUFFERS)


def test_show_errors(net):
    ns, vpp = net.main_job()
    ns.ping("10.10.1.2")
    matches(vpp.ctl("show errors"), ERRORS)
    assert re.search(r"^ {9}3 {11}ip4-icmp-input {19}echo replies sent {12}info {3}$",
                     vpp.ctl("show errors"), re.M), vpp.ctl("show errors")
    vpp.ctl("clear errors")
    assert vpp.ctl("show errors").splitlines() == ERRORS
    assert vpp.ctl("show node counters").splitlines() == ERRORS


def test_show_runtime(net):
    ns, vpp = net.main_job()
    ns.ping("10.10.1.2")
    text = vpp.ctl("show runtime")
    assert re.search(r"^Time \d*\.\d, 10\.000000 sec internal node vector rate \d+\.\d\d loops/sec"
                     r" \d+\.\d\d$", text, re.M), text
    assert re.search(r"^  vector rates in \d\.\d{4}e-?\d+, out \d\.\d{4}e-?\d+, "
                     r"drop \d\.\d{4}e-?\d+, punt \d\.\d{4}e-?\d+$", text, re.M), text
    assert RUNTIME_TITLE in text.split("\n"), text
    for node in ("af-packet-input", "ethernet-input", "ip4-input", "ip4-lookup", "ip4-icmp-input",
                 "host-vpp1out-output", "host-vpp1out-tx"):
        row = next((line for line in text.splitlines() if line.startswith(node + " ")), None)
        assert row and re.fullmatch(RUNTIME_ROW, row), (node, row, text)
    vpp.ctl("clear runtime")
    assert "ip4-icmp-input" not in vpp.ctl("show runtime")


def test_show_neighbors(net):
    ns, vpp = net.main_job()
    ns.ping("10.10.1.2")
    matches(vpp.ctl("show ip neighbors"), NEIGHBORS)


def test_show_fib(net):
    ns, vpp = net.main_job()
    ns.ping("10.10.1.2")
    text = vpp.ctl("show ip fib")
    assert text.startswith("ipv4-VRF:0, fib_index:0, flow hash:[src dst sport dport proto flowlabel ]"
                           " epoch:0 flags:none locks:["), text
    order = re.findall(r"^(\d\S+/\d+)$", text, re.M)
    assert set(order) == {"0.0.0.0/0", "0.0.0.0/32", "10.10.1.0/32", "10.10.1.1/32", "10.10.1.0/24",
                          "10.10.1.2/32", "10.10.1.255/32", "224.0.0.0/4", "240.0.0.0/4",
                          "255.255.255.255/32"}, text
    mac = ns.mac("vpp1host").replace(":", "") + vpp.mac("host-vpp1out").replace(":", "") + "0800"
    assert re.search(r"^10\.10\.1\.1/32\n  unicast-ip4-chain\n  \[@0\]: dpo-load-balance: "
                     r"\[proto:ip4 index:\d+ buckets:1 .*\]\]\n    \[0\] \[@5\]: ipv4 via 10\.10\.1\.1 "
                     rf"host-vpp1out: mtu:1500 .*{mac}$", text, re.M), text
    assert re.search(r"^10\.10\.1\.2/32\n.*\n.*\n    \[0\] \[@\d+\]: dpo-receive: "
                     r"10\.10\.1\.2 on host-vpp1out$", text, re.M), text
    assert re.search(r"^10\.10\.1\.0/24\n.*\n.*\n    \[0\] \[@\d+\]: ipv4-glean: ", text, re.M), text


def test_show_version(net):
    vpp = net.vpp(net.namespace())
    assert re.fullmatch(r"vpp v26\.06-piste-\S+( .*)?\n", vpp.ctl("show version"))
    text = vpp.ctl("show version verbose")
    assert re.search(r"^Version: +v26\.06-piste-", text, re.M), text
    assert re.search(r"^Compiler: +(GCC|Clang/LLVM) \d", text, re.M), text
    assert re.search(rf"^Current PID: +{vpp.pid}$", text, re.M), text


def test_show_threads(net):
    vpp = net.vpp(net.namespace())
    lines = vpp.ctl("show threads").splitlines()
    assert lines[0].split()[:4] == ["ID", "Name", "Type", "LWP"]
    assert re.match(rf"0 +vpp_main +{vpp.pid} ", lines[1]), lines


def test_show_features(net):
    vpp = net.vpp(net.namespace())
    assert vpp.ctl("show features").startswith("Available feature paths\n")
    arcs = vpp.json("show features")
    assert arcs["device-input"] == ["pg-input-mac-filter", "stats-collect-rx", "span-input",
                                    "l2-patch", "ethernet-input"]
    assert arcs["interface-output"] == ["stats-collect-tx", "span-output", "interface-offload"]
    assert arcs["arp"] == ["arp-reply", "arp-proxy", "arp-disabled", "error-drop"]
    assert arcs["ip4-unicast"][-1] == "ip4-lookup"
    assert "ip4-lookup" not in str(vpp.json("show interface features local0"))


SHOWS = ["show interface", "show interface addr", "show runtime", "show buffers", "show errors",
         "show hardware-interfaces", "show ip neighbors", "show ip fib", "show version",
         "show threads", "show node ip4-lookup", "show plugins", "show interface rx-placement",
         "show logging", "show cpu"]


def test_json(net):
    """One daemon for all, as this is about form."""
    ns, vpp = net.main_job()
    ns.ping("10.10.1.2")
    failures = []
    for show in SHOWS:
        try:
            value = vpp.json(show)
            assert value or value == [], f"{show} json is empty"
        except AssertionError as e:
            failures.append(str(e))
    assert not failures, "\n".join(failures)


def flatten(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [leaf for item in value for leaf in flatten(item)]
    return [value]


@pytest.mark.parametrize("show, expected", [
    ("show interface", ["host-vpp1out", 1, "up"]),
    ("show interface addr", ["host-vpp1out", "10.10.1.2/24"]),
    ("show runtime", ["ip4-icmp-echo-request"]),
    ("show buffers", ["default-numa-0", 2048]),
    ("show ip neighbors", ["10.10.1.1"]),
])
def test_json_holds_values(net, show, expected):
    """Numbers are numbers, and names are there."""
    ns, vpp = net.main_job()
    ns.ping("10.10.1.2")
    leaves = flatten(vpp.json(show))
    for value in expected:
        assert any(type(leaf) is type(value) and leaf == value for leaf in leaves), (value, leaves)


def test_every_show_of_the_language_has_json(net):
    """Every command that starts with `show` and needs no value answers in JSON too."""
    _, vpp = net.main_job()
    docs = vpp.ctl("show cli docs")
    commands = sorted(set(re.findall(r"`(show(?: [a-z0-9-]+)+)", docs)))
    assert len(commands) > 15, docs[:2000]
    failures = []
    for command in commands:
        if vpp.vppctl(command).returncode != 0:
            continue  # wants a value
        try:
            vpp.json(command)
        except AssertionError as e:
            failures.append(str(e)[:300])
    assert not failures, "\n".join(failures)

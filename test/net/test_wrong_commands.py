"""Wrong commands: VPP's words, and nothing changed."""
import pytest

WRONG = [
    ("foo", "unknown input `foo'"),
    ("show", "show: unknown input `'"),
    ("show foo", "show: unknown input `foo'"),
    ("show int foo", "show interface: unknown input `foo'"),
    ("show int addr nosuch", "show interface: unknown input `nosuch'"),
    ("show interface tag", "show interface: Interface not specified..."),
    ("set int state nosuch up", "set interface state: unknown interface `nosuch up'"),
    ("set int state local0 sideways", "set interface state: unknown flags `sideways'"),
    ("set int ip address nosuch 10.0.0.1/24",
     "set interface ip address: unknown interface `nosuch 10.0.0.1/24'"),
    ("set int ip address local0 10.0.0.1/24",
     "set interface ip address: local0 interface doesn't support IP addressing"),
    ("create host-interface nme x", "create host-interface: unknown input `nme x'"),
    ("delete host-interface name nosuch", "delete host-interface: no host interface on nosuch"),
    ("delete host-interface nosuch", "delete host-interface: unknown input `nosuch'"),
    ("delete loopback interface intfc nosuch",
     "delete loopback interface: unknown interface `nosuch'"),
    ("set int mtu", "set interface mtu: unknown input `'"),
    ("set int ip address host-vpp1out 10.10.1.2/24",
     "set interface ip address: failed to add 10.10.1.2/24 on host-vpp1out which conflicts with "
     "10.10.1.2/24 for interface host-vpp1out"),
    ("set int ip address del host-vpp1out 10.10.1.3/24",
     "set interface ip address: 10.10.1.3/24 not found for interface host-vpp1out"),
    ("set interface ip table host-vpp1out 20", "set interface ip table: no such table 20"),
]


@pytest.fixture(name="vpp")
def fixture_vpp(net):
    return net.main_job()[1]


def test_error_texts(vpp):
    """All on one daemon; the state afterwards is the state before."""
    config, fib, interfaces = (vpp.ctl(c) for c in ("show running-config", "show ip fib",
                                                    "show int addr"))
    wrong = []
    for command, expected in WRONG:
        done = vpp.vppctl(command)
        text = done.stdout.replace("\r\n", "\n").strip()
        if text != expected or done.returncode == 0:
            wrong.append(f"{command}: exit {done.returncode}: {text!r}, not {expected!r}")
    assert not wrong, "\n".join(wrong)
    assert vpp.ctl("show running-config") == config
    assert vpp.ctl("show ip fib") == fib
    assert vpp.ctl("show int addr") == interfaces


@pytest.mark.parametrize("command", [
    "ip route add 10.0.0.0/33 via 1.1.1.1",
    "ip route add",
    "set int ip address host-vpp1out 10.10.1.300/24",
    "set int ip address host-vpp1out 10.10.9.1/40",
    "set int ip address host-vpp1out 255.255.255.255/32",
    "set int ip address host-vpp1out 224.0.0.1/32",
    "set interface mtu 99999999999999 host-vpp1out",
    "set interface mtu packet 3 host-vpp1out",
    "set interface mac address host-vpp1out 01:00:00:00:00:01",
    "set interface mac address host-vpp1out 1:2:3",
    "set ip neighbor host-vpp1out 10.10.1.5 ff:ff:ff:ff:ff:ff",
    "delete loopback interface intfc host-vpp1out",
    "set interface rx-mode host-vpp1out sideways",
    "ip table add 4294967296",
])
def test_refused_and_nothing_changed(vpp, command):
    config, fib = vpp.ctl("show running-config"), vpp.ctl("show ip fib")
    assert vpp.fails(command)
    assert vpp.ctl("show running-config") == config
    assert vpp.ctl("show ip fib") == fib


def test_missing_device(net):
    vpp = net.vpp(net.namespace())
    text = vpp.fails("create host-interface name nosuchdev")
    assert text.startswith("create host-interface: ") and "nosuchdev" in text, text
    assert "No such device" in text, text
    assert len(text.splitlines()) == 1
    assert "nosuchdev" not in vpp.ctl("show int")


@pytest.mark.parametrize("name", ["x" * 16, "a/b", "..", "%s%s%n"])
def test_impossible_device_names(net, name):
    vpp = net.vpp(net.namespace())
    text = vpp.fails(f"create host-interface name {name}")
    assert len(text.splitlines()) == 1
    assert list(vpp.interfaces()) == ["local0"]


def test_device_names_that_no_command_can_say(net):
    """Linux takes them; in a saved configuration the rest of the line would be lost."""
    ns = net.namespace()
    vpp = net.vpp(ns)
    for number, name in enumerate(["v#1", "v{2", "v$PATH"]):
        ns.veth(name, f"peer{number}")
        shell = name.replace("$", "\\$")
        assert "is no interface name" in vpp.fails(f"create host-interface name {shell}")
    assert list(vpp.interfaces()) == ["local0"]


def test_abbreviations(vpp):
    # counters of an interface that is up may grow between two commands
    assert vpp.ctl("sh int local0") == vpp.ctl("show interface local0")
    assert vpp.ctl("sh interf addr") == vpp.ctl("show interface address")
    assert "unknown input" in vpp.fails("s")

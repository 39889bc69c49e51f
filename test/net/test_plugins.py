"""Plugins: the one that docs/plugins.md makes, built outside the tree from what `make install` installs; and those
of the tree, which can be left out."""
import json
import os
import re
import shlex
import socket
import subprocess
import sys

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TREE + "/python")

from piste import Api  # noqa: E402  pylint: disable=wrong-import-position


def compiler(build):
    """What the build is compiled with, without flags."""
    with open(build + "/compile_commands.json", encoding="utf-8") as f:
        words = shlex.split(json.load(f)[0]["command"])
    return words[:next(i for i, word in enumerate(words) if word.startswith("-"))]


def run(command, **kwargs):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **kwargs)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def plugin(build, tmp_path_factory):
    """The folder of ttl_guard_plugin.so, made as the page says."""
    if not os.path.exists(build + "/compile_commands.json"):
        pytest.skip("not a build folder")
    root, source = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("ttl_guard")
    run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", root])
    with open(TREE + "/docs/plugins.md", encoding="utf-8") as f:
        page = f.read()
    blocks = re.findall(r"`([\w.]+)`:\n\n```\w*\n(.*?)^```", page, re.S | re.M)
    assert [name for name, _ in blocks] == ["ttl_guard_node.c", "ttl_guard.api", "ttl_guard.c", "Makefile", "wire.c"]
    for name, text in blocks:
        (source / name).write_text(text)
    pc, = root.rglob("piste.pc")
    prefix = pc.parents[2]
    cc, env = f"{' '.join(compiler(build))} -Wall -Wextra -Werror -std=c17", {**os.environ, "PKG_CONFIG_PATH": str(pc.parent)}
    pkg_config = f"pkg-config --define-variable=prefix={prefix} piste"
    run(["make", "-C", source, f"CC={cc}", f"PC={pkg_config}"], env=env)
    run(f"{cc} -O2 -fPIC $({pkg_config} --cflags) -DNODE_LEVEL=base -shared -o wire_plugin.so wire.c", cwd=source, shell=True,
        env=env)
    return source


def test_plugin_outside_the_tree(net, build, plugin):  # pylint: disable=redefined-outer-name
    vpp, (wire,) = net.by_hand(1, config=f"plugins {{ add-path {plugin} }} ttl-guard {{ min 5 }}\n"
                                         "socksvr { default }")
    assert "ttl_guard_plugin.so" in vpp.ctl("show plugins")
    api = Api(vpp.folder + "/api.sock")  # asks the switch for what messages there are

    def answers(ttl):
        wire.drain()
        wire.send(Ether(dst=wire.vpp_mac, src=wire.mac) / IP(src="10.10.1.1", dst="10.10.1.2", ttl=ttl) / ICMP())
        return lambda f: ICMP in f and f[ICMP].type == 0

    wire.expect(answers(3), "echo reply")
    vpp.ctl("set ttl-guard host-vpp0")  # as startup.conf says: 5
    wire.silent(answers(4), "echo reply")
    vpp.wait_error("TTL below the limit")
    wire.expect(answers(5), "echo reply")
    assert "set ttl-guard host-vpp0 min 5\n" in vpp.ctl("show running-config")

    index = api.sw_interface_dump(sw_if_index=0xffffffff, name_filter_valid=True, name_filter="host-vpp0")[0].sw_if_index
    assert api.ttl_guard_set(sw_if_index=index, min=9).retval == 0
    wire.silent(answers(8), "echo reply")
    assert api.ttl_guard_set(sw_if_index=999, min=9).retval == -2
    assert api.ttl_guard_set(sw_if_index=index, min=0).retval == 0
    wire.expect(answers(4), "echo reply")
    assert "ttl-guard" not in vpp.ctl("show running-config")

    assert "set ttl-guard: unknown interface" in vpp.fails("set ttl-guard nosuch off")
    vpp.ctl("set ttl-guard host-vpp0 min 7")
    vpp.ctl("delete host-interface name vpp0")
    vpp.ctl("create host-interface name vpp0")
    assert "ttl-guard" not in vpp.ctl("show running-config")


def test_port_outside_the_tree(net, plugin):  # pylint: disable=redefined-outer-name
    vpp = net.vpp(net.namespace(), config=f"plugins {{ add-path {plugin} }} cpu {{ workers 2 }}")
    assert "nobody listens there" in vpp.fails(f"create wire {vpp.folder}/wire.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(vpp.folder + "/wire.sock")
        listener.listen()
        vpp.configure(f"""create wire {vpp.folder}/wire.sock
            set interface state wire0 up
            set interface ip address wire0 10.9.0.1/24
            set ip neighbor wire0 10.9.0.2 02:00:00:00:00:02
            trace add wire-input 1""")
        peer, _ = listener.accept()
    mac = vpp.json("show hardware-interfaces wire0")["interfaces"][0]["mac"]
    peer.settimeout(10)
    vpp.ctl("set interface feature wire0 span-input arc device-input")  # an arc that begins at its input node
    peer.send(bytes(Ether(dst=mac, src="02:00:00:00:00:02") / IP(src="10.9.0.2", dst="10.9.0.1") / ICMP() / (b"w" * 1000)))
    while True:  # its own announcement is first
        answer = Ether(peer.recv(2048))
        if ICMP in answer:
            break
    assert answer[ICMP].type == 0 and len(answer) == 1042
    assert vpp.counter("wire0", "rx packets") == 1
    trace = vpp.ctl("show trace")
    assert "wire-input" in trace and "span-input" in trace and "wire0-tx" in trace
    assert f"create wire {vpp.folder}/wire.sock" in vpp.running_config()
    peer.close()
    vpp.ctl("ping 10.9.0.2 repeat 1 interval 0.01")
    vpp.wait_error("the other end takes none")
    vpp.ctl("delete wire wire0")
    assert "is no wire" in vpp.fails("delete wire local0")


def test_plugins_are_left_out(net):
    vpp = net.vpp(net.namespace(), config="plugins { plugin default { disable } }")
    assert vpp.ctl("show plugins").count("_plugin.so") == 0
    assert "unknown input" in vpp.fails("policer add name x rate kbps cir 100 cb 1000")
    assert "policer" not in vpp.ctl("show api message-table")
    one = net.vpp(net.namespace(), config="plugins { plugin default { disable } plugin policer_plugin.so { enable } }")
    assert "policer_plugin.so" in one.ctl("show plugins") and "prom_plugin.so" not in one.ctl("show plugins")
    one.ctl("policer add name x rate kbps cir 100 cb 1000")

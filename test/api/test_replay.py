"""What was accepted comes back: random states, by commands and messages, are saved, and are the same after a
restart. `--replay-seconds N` says how long, `--replay-seed S` begins elsewhere (the seeds are printed).

A state that does not come back is made smaller before it is shown: commands and messages that do not matter
are left out.
"""
import json
import os
import random
import re
import sys
import time

import lib
import pytest

sys.path.append(os.path.dirname(os.path.abspath(__file__)) + "/../packet")

from packet_lib import Cli  # noqa: E402  pylint: disable=wrong-import-position
from piste import ApiError  # noqa: E402  pylint: disable=wrong-import-position
from state_random import Commands, Messages  # noqa: E402  pylint: disable=wrong-import-position

STEPS = 500

# what shows say that must come back; indices, ages and clocks need not
SHOWS = ["show interface address", "show classify tables verbose", "show inacl type ip4",
         "show outacl type ip4", "show inacl type l2", "show outacl type l2", "show interface default rx-mode",
         "show arp proxy", "show ip6 nd proxy", "show udp punt ipv6", "show punt socket registrations", "show l2 rewrite entries", "show ip4-full-reassembly",
         "show nat44 static mappings", "show nat44 addresses", "show nat44 interfaces", "show nat44 vrf tables",
         "show nat44 interface address", "show nat44 ei static mappings", "show nat44 ei addresses", "show nat44 ei interfaces",
         "show nat44 ei interface address", "show nat44 ei addr-port-assignment-alg", "show nat66 interfaces", "show nat66 static mappings",
         "show nat64 interfaces", "show nat64 pools", "show nat64 prefix", "show nat64 bib all", "show nat64 timeouts",
         "show syslog sender", "show syslog filter", "show ipfix exporter", "show trace timestamp-format"]
CHANGES = re.compile(r"(index:?|idx|metadata|uRPF:|Index|@|bd_index|sw_if_index|fib:|Next|next:|rpf-id:) ?-?\d+|"
                     r"locks:\[.*|\d+ records in \d+ messages sent, \d+|^ +\d+(?= +\d+\t)|\[ *\d+\]|\[\d+:\d+\]", re.M)
# fields of messages that say when, or where something happens to lie
PASSING = {"context", "name_", "age", "stats_index", "fib_index", "epoch", "pool_index", "table_index", "cookie", "rpf_id",
           "next_table_index", "policer_index", "via_label", "obj_id", "classify_table_index", "current_bucket",
           "last_update_time", "extended_bucket", "current_limit", "extended_limit",
           "last_radv_time", "last_multicast_time", "next_multicast_time", "initial_adverts_count", "initial_adverts_sent",
           "n_advertisements_sent", "n_solicitations_rcvd", "n_solicitations_dropped", "valid_lifetime_expires",
           "pref_lifetime_expires", "sock_errno"}
NOT_DUMPED = {"log_dump", "trace_dump", "trace_v2_dump", "l2_fib_table_dump"}


class State:
    """A daemon that is given commands and messages."""

    def __init__(self, switch):
        self.switch = switch
        switch.vpp.write_conf(f"running-config {switch.vpp.running} running-config-versions 0", "cpu { workers 1 } punt { socket FOLDER/punt.sock }".replace("FOLDER", switch.vpp.folder))
        if os.path.exists(switch.vpp.running):
            os.remove(switch.vpp.running)
        self.begin()

    def begin(self):
        vpp = self.switch.vpp
        if vpp.process:
            vpp.stop()
        vpp.start()
        self.cli, self.api = Cli(vpp.cli), self.switch.connect()
        self.known = None

    def close(self):
        self.cli.close()
        self.api.close()

    def roll_back(self):
        """To what was saved; the daemon may start anew for that."""
        try:
            self.run("configure rollback")
        except (ConnectionError, OSError):
            pass
        self.close()
        lib.wait_for(self.switch.vpp._answers, "the daemon after a rollback", timeout=20)  # pylint: disable=protected-access
        self.known = None
        self.cli, self.api = Cli(self.switch.vpp.cli), self.switch.connect()

    def restart(self):
        self.run("write")
        self.close()
        self.begin()

    def run(self, command):
        self.known = None
        return self.cli.run(command)

    def text(self, command):
        return self.cli.run(command).stdout

    def interfaces(self):
        """{name: index}, as `show interface` has them."""
        if self.known is None:
            self.known = {i["name"]: i["sw_if_index"]
                          for i in json.loads(self.text("show interface json"))["interfaces"]}
        return self.known

    def step(self, step):
        """Whether it was accepted."""
        if isinstance(step, str):
            return self.run(step).returncode == 0
        self.known = None
        try:
            return getattr(self.api.request(step[0], **step[1]), "retval", 0) == 0
        except (ApiError, TimeoutError, OSError):
            assert self.switch.vpp.alive(), self.switch.vpp.output()[-4000:]
            self.api = self.switch.connect()
            return False

    # --- what is compared

    def dumps(self):
        """Names of dumps of all that there is of a kind."""
        d, known = self.api.definitions, {"client_index", "context", "sw_if_index", "bd_id", "is_ipv6", "is_ip6", "af",
                                          "name_filter_valid", "name_filter", "match_name_valid", "match_name", "type"}
        table = {key.rsplit("_", 1)[0] for key in self.api.table}
        return [n for n, s in sorted(d.services.items()) if s.get("stream") and not s.get("stream_msg") and n in table
                and n not in NOT_DUMPED and {f[1] for f in d.messages[n]} <= known]

    def plain(self, value, names, field=""):
        """A message with names in place of indices."""
        if isinstance(value, list):
            items = [self.plain(v, names, field) for v in value]
            return sorted(items, key=str) if field == "sw_if_details" else items  # members of a bridge domain are a set
        if hasattr(value, "__dict__"):
            pops = getattr(value, "vtr_op", 0) in (3, 4)  # which has no say about what is pushed
            # a device that nobody sets up or down keeps the link that it has
            idle = getattr(value, "interface_dev_type", "") == "af-packet" and not value.flags & 1
            return {k: self.plain(v, names, k) for k, v in value.__dict__.items()
                    if k not in PASSING and not (pops and k == "vtr_push_dot1q") and not (idle and k in ("flags", "link_speed"))}
        return names.get(value, value) if "sw_if_index" in field or field.endswith("_if_index") else value

    def routes(self):
        """`show ip fib` and `show ip6 fib`, but for what drops: so does a route through an interface that is gone, which
        no command can say."""
        text = CHANGES.sub("", self.text("show ip fib") + self.text("show ip6 fib"))
        blocks = re.split(r"^(?=[0-9a-f:.]+/\d)|^(?=\S.*fib_)", text, flags=re.M)
        return "\n".join(b.rstrip() for b in blocks if not re.search(r"\[\] \[@?\]?:? ?dpo-drop|dpo-drop ip[46]$", b.strip()))

    def views(self):
        """{what: text} of all that must come back; by name, since indices may be others."""
        names = {i: n for n, i in self.interfaces().items()}
        seen = {"running-config": self.text("show running-config")}
        for name in sorted(self.interfaces()):
            seen[f"features of {name}"] = CHANGES.sub("", self.text(f"show interface features {name}"))
        for command in SHOWS:
            # a cross-connect to an interface that is gone drops; there is no command for that
            seen[command] = "\n".join(sorted(line for line in CHANGES.sub("", self.text(command)).splitlines()
                                             if "DELETED" not in line))
        seen["routes"] = self.routes()
        for name in self.dumps():
            every = {f[1]: 0xffffffff for f in self.api.definitions.messages[name] if f[1] in ("sw_if_index", "bd_id")}
            seen[name] = "\n".join(sorted(str(self.plain(d, names)) for d in self.api.dump(name, **every) if stays(d)))
        return seen


def stays(d):
    """A cross-connect to an interface that is gone, which drops, does not."""
    return not (d.name_ == "l2_xconnect_details" and d.tx_sw_if_index == 0xffffffff)


def differences(before, after):
    found = []
    for what in before:
        if before[what] == after.get(what):
            continue
        a, b = before[what].splitlines(), after.get(what, "").splitlines()
        found += [f"{what}: - {line}" for line in a if line not in b]
        found += [f"{what}: + {line}" for line in b if line not in a]
    return found


def comes_back(state):
    """What is wrong after a restart, as lines."""
    before = state.views()
    state.restart()
    errors = json.loads(state.text("show running-config errors json"))["errors"]
    wrong = [f"line {e['line']}: {e['command']}: {e['error']}" for e in errors]
    return wrong + differences(before, state.views())


def replay(switch, steps):
    state = State(switch)
    for step in steps:
        state.step(step)
    wrong = comes_back(state)
    state.close()
    return wrong


def smaller(switch, steps, seconds=60):
    """Leaves out what does not matter, in ever smaller pieces."""
    end = time.monotonic() + seconds
    piece = len(steps) // 2
    while piece and time.monotonic() < end:
        at = 0
        while at < len(steps) and time.monotonic() < end:
            fewer = steps[:at] + steps[at + piece:]
            if replay(switch, fewer):
                steps = fewer
            else:
                at += piece
        piece //= 2
    return steps


def shown(step):
    return step if isinstance(step, str) else f"{step[0]} {step[1]}"


def try_seed(switch, seed):
    chance = random.Random(seed)
    state = State(switch)
    commands = Commands(chance, state.text, lambda: list(state.interfaces()))
    messages = Messages(chance, state.api, lambda: list(state.interfaces().values()))
    steps = ["create host-interface name v0", "create host-interface name v1", "create loopback interface",
             "create packet-generator interface pg0", "create bridge-domain 1", "ip table add 1",
             "create sub-interfaces host-v0 5"]
    for step in steps:
        state.step(step)
    accepted = 0
    for _ in range(STEPS):
        step = commands() if chance.random() < 0.6 else messages()
        if state.step(step):
            accepted += 1
            steps.append(step)
    wrong = comes_back(state)
    state.close()
    return steps, wrong, accepted


def test_random_states_come_back(build, start, request):
    switch = start()
    for i in range(3):
        switch.namespace.veth(f"v{i}", f"p{i}")
    seed = request.config.getoption("--replay-seed")
    end = time.monotonic() + request.config.getoption("--replay-seconds")
    while True:
        steps, wrong, accepted = try_seed(switch, seed)
        print(f"seed {seed}: {accepted} steps accepted, {len(wrong)} differences")
        if wrong:
            few = smaller(switch, steps)
            text = "\n".join([shown(s) for s in few] + ["--- does not come back:"] + (replay(switch, few) or wrong))
            pytest.fail(f"seed {seed}:\n{text}", pytrace=False)
        seed += 1
        if time.monotonic() > end:
            break


def test_random_changes_are_rolled_back(start, request):
    """Likewise: a state is saved, changed at random, and is as it was after `configure rollback`."""
    switch = start()
    for i in range(3):
        switch.namespace.veth(f"v{i}", f"p{i}")
    seed = request.config.getoption("--replay-seed")
    end = time.monotonic() + request.config.getoption("--replay-seconds") / 2
    by_commands = tried = 0
    while True:
        chance = random.Random(seed)
        state = State(switch)
        commands = Commands(chance, state.text, lambda s=state: list(s.interfaces()))
        for _ in range(chance.choice([0, 60, 150])):
            state.step(commands())
        state.run("write")
        before = state.views()
        # a device keeps the MTU that it was made to have
        changes = [c for c in (commands() for _ in range(chance.choice([10, 40])))
                   if not re.match(r"set interface mtu \d+ host-", c) and state.step(c)]
        starts = switch.vpp.output().count("Start: PID")
        state.roll_back()
        wrong = differences(before, state.views())
        assert not wrong, f"seed {seed}: after\n" + "\n".join(changes + ["--- is not as before:"] + wrong)
        tried += 1
        by_commands += switch.vpp.output().count("Start: PID") == starts
        state.close()
        seed += 1
        if time.monotonic() > end:
            break
    print(f"{tried} rollbacks, {by_commands} of them without a restart")


# ---- what was found so, each in the fewest steps; commands, or messages that take the index of an interface by its name

FOUND = {
    "a deleted table that a route looks up in": [
        "ip6 table add 3", "ip route add fe80::5/128 via ip6-lookup-in-table 3", "ip6 table del 3", "ip6 table add 3",
        "ip route add table 3 2001:db8::/32 via drop"],
    "paths that differ in what counts for nothing": [
        "ip table add 1", "ip table add 3", "create loopback interface",
        "ip route add 10.0.0.0/8 via ip4-lookup-in-table 3 via 10.0.1.1 ip4-lookup-in-table 3 via 10.1.0.7",
        "ip route add 11.0.0.0/8 via drop via 10.0.1.1 drop", "ip route add 12.0.0.0/8 via punt next-hop-table 1 via punt",
        "ip route add 13.0.0.0/8 via 10.0.0.1 loop0 via 10.0.0.1 loop0 next-hop-table 3"],
    "how addresses would be asked for, switched off": ["set ip6 dad enable transmits 3", "set ip6 dad disable"],
    "ip4 enabled without an address": [
        "create loopback interface", ("sw_interface_ip4_enable_disable", {"sw_if_index": "loop0", "enable": True})],
    "the MAC address of an end of a pipe": [
        "create pipe", "set interface mac address pipe0.1 02:00:00:00:00:07", "set interface mac address pipe0 02:0:0:0:0:8"],
    "a pipe that is up, and one end of it is not": [
        "create pipe", "set interface state pipe0 up", "set interface state pipe0.0 down"],
    "a sub-interface with the last identifier": [
        "create loopback interface",
        ("create_subif", {"sw_if_index": "loop0", "sub_id": 0xffffffff, "sub_if_flags": 1, "outer_vlan_id": 5})],
    "flags of a sub-interface of untagged frames": [
        "create loopback interface",
        ("create_subif", {"sw_if_index": "loop0", "sub_id": 5, "sub_if_flags": 254, "outer_vlan_id": 1})],
    "routes and tables of the API": [
        "create loopback interface",
        ("ip_table_add_del", {"is_add": True, "table": {"table_id": 5, "name": "five"}}),
        "ip table add 5", "ip route add table 5 10.0.0.0/8 via drop",
        ("ip_route_add_del", {"is_add": True, "route": {"table_id": 5, "prefix": {"address": {"un": bytes([10])}, "len": 8},
                                                        "paths": [{"sw_if_index": 0xffffffff, "weight": 1, "type": 2}]}}),
        ("ip_route_add_del", {"is_add": True, "route": {"prefix": {"address": {"un": bytes([11])}, "len": 8},
                                                        "paths": [{"sw_if_index": "loop0", "weight": 1}]}})],
    "sources that a client added": [
        "create loopback interface", ("fib_source_add", {"src": {"name": "mine", "priority": 100}}), "ip table add 5 source mine",
        "ip route add table 5 10.0.0.0/8 via loop0 source mine", "ip route add table 5 10.0.0.0/8 via drop"],
    "a further MAC address": [
        "create loopback interface", ("sw_interface_add_del_mac_address", {"sw_if_index": "loop0", "addr": bytes([2, 0, 0, 0, 0, 9]), "is_add": 1})],
    "more neighbours than their limit": [
        "create loopback interface", "set ip neighbor static loop0 10.0.0.1 02:00:00:00:00:01 count 3",
        "set ip neighbor-config ip4 limit 1"],
    "a feature that a person and a command enable": [
        "create pipe", "interface collect detailed-stats enable",
        "set interface feature pipe0 stats-collect-rx arc device-input", "interface collect detailed-stats disable"],
    "a feature that a person disables": [
        "create loopback interface", "set interface feature loop0 ip4-not-enabled arc ip4-unicast disable"],
    "a feature that a command disables, and a person enables": [
        "create loopback interface", "set interface ip address loop0 10.0.0.1/24",
        "set interface feature loop0 ip4-not-enabled arc ip4-unicast"],
    "what a classifier session and a policer do not look at": [
        "classify table mask l2 src buckets 2",
        ("classify_add_del_session", {"is_add": True, "table_index": 0, "metadata": 7, "match": bytes(32)}),
        ("policer_add", {"name": "p", "infos": {"cir": 100, "cb": 2000, "conform_action": {"type": 1, "dscp": 5}}})],
    "access lists without rules": [
        ("acl_add_replace", {"acl_index": 0xffffffff, "tag": "none at all", "r": []}), ("macip_acl_add", {"tag": "nobody", "r": []})],
    "tags that are not pushed": [
        "create loopback interface",
        ("l2_interface_vlan_tag_rewrite", {"sw_if_index": "loop0", "vtr_op": 0, "push_dot1q": 1, "tag1": 6})],
}


def with_indices(value, interfaces, key=""):
    """A message with indices in place of names."""
    if isinstance(value, dict):
        return {k: with_indices(v, interfaces, k) for k, v in value.items()}
    if isinstance(value, list):
        return [with_indices(v, interfaces) for v in value]
    return interfaces[value] if key == "sw_if_index" and isinstance(value, str) else value


@pytest.mark.parametrize("what", FOUND)
def test_found(start, what):
    state = State(start())
    for step in FOUND[what]:
        if not isinstance(step, str):
            step = (step[0], with_indices(step[1], state.interfaces()))
        assert state.step(step), step
    assert comes_back(state) == []
    state.close()


REFUSED = ["set interface name loop0 ?", "set interface name loop0 choices", "set interface name loop0 via",
           "set interface name loop0 10.0.0.1", "set interface name loop0 ::1", "set interface name loop0 l2",
           "create loopback interface instance 1"]


def test_names_that_commands_would_not_take_are_refused(start):
    """Nor those of nodes, nor what a renamed interface was made as."""
    vpp = start().vpp
    vpp.configure("""
        create loopback interface
        create loopback interface instance 1
        set interface name loop1 other
    """)
    for command in REFUSED:
        vpp.fails(command)
    assert sorted(vpp.interfaces()) == ["local0", "loop0", "other"]


def test_default_rx_mode_is_a_mode(start):
    api = start().connect()
    for mode in (0, 4, 9):
        assert api.sw_interface_set_default_rx_mode(mode=mode).retval == -7  # invalid value


def test_nodes_go_with_names(start):
    """A name is free for another interface, with its nodes, as soon as nobody has it."""
    vpp = start().vpp
    vpp.configure("""
        create pipe
        set interface name pipe0.1 x
        create sub-interfaces pipe0 1
        set interface state pipe0.1 up
    """)
    text = vpp.ctl("show node x-tx") + vpp.ctl("show node pipe0.1-output")
    assert "unknown" not in text
    vpp.fails("show node pipe0.1-tx")

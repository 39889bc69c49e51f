"""The Linux device below a host interface: it may go down, vanish, come back, be renamed."""
import time

import pytest

import lib


def wait_link(vpp, interface, state):
    lib.wait_for(lambda: vpp.link(interface) == state, f"link of {interface} to be {state}")


def test_link_state_follows(net):
    ns, vpp = net.main_job()
    wait_link(vpp, "host-vpp1out", "up")
    ns.ip("link set vpp1host down")
    wait_link(vpp, "host-vpp1out", "down")
    ns.ip("link set vpp1host up")
    wait_link(vpp, "host-vpp1out", "up")
    assert ns.ping("10.10.1.2") == 3


def test_route_leaves_with_the_link(net):
    """A second way takes over when the link of the first goes down."""
    vpp, switch, left, right = net.routed(n_right=2)
    left.ip("route add 99.0.0.0/24 via 10.1.0.2")
    right.ip("addr add 99.0.0.1/32 dev lo")
    vpp.ctl("ip route add 99.0.0.0/24 via 10.2.0.1 host-right0 preference 0"
            " via 10.3.0.1 host-right1 preference 10")
    assert left.ping("99.0.0.1") == 3
    right.ip("link set r0 down")
    wait_link(vpp, "host-right0", "down")
    right.ip("route replace 10.1.0.0/24 via 10.3.0.2")
    assert left.ping("99.0.0.1") == 3


def test_speed_and_counts_of_the_device(net):
    ns, vpp = net.main_job()
    vpp.configure("set int state host-vpp1out up")
    ns.run("ip link set vpp1host up")
    lib.wait_for(lambda: vpp.link("host-vpp1out") == "up", "link up")

    def hardware(words=""):
        return vpp.json(f"show hardware-interfaces {words} host-vpp1out")["interfaces"][0]
    lib.wait_for(lambda: hardware()["link_kbps"] == 10_000_000, "the speed of a veth")
    assert "  Link speed: 10 Gbps\n" in vpp.ctl("show hardware-interfaces")
    assert "device_counters" not in hardware()
    assert ns.ping("10.10.1.2", 3, size=1000) == 3
    counts = hardware("verbose")["device_counters"]
    assert counts["rx packets"] >= 4 and counts["rx bytes"] > 3 * 1000
    assert counts["tx packets"] >= 4 and counts["rx errors"] == 0
    text = vpp.ctl("show hardware-interfaces verbose host-vpp1out")
    assert "  Offloads: tx-checksum-tcp4" in text and "\n  Device counters:\n    rx packets " in text
    assert "tx errors" not in text  # what is 0 is no line
    vpp.ctl("clear hardware-interfaces host-vpp1out")
    assert hardware("verbose")["device_counters"]["rx packets"] < 4
    ns.ip("link set vpp1host down")
    lib.wait_for(lambda: hardware()["link_kbps"] == 0, "no speed without a link")


def test_device_vanishes_and_comes_back(net):
    """The daemon, its interface and its addresses stay; packets flow again by themselves."""
    ns, vpp = net.main_job()
    assert ns.ping("10.10.1.2") == 3
    for _ in range(3):
        ns.ip("link del vpp1out")
        wait_link(vpp, "host-vpp1out", "down")
        assert "no egress" in vpp.ctl("ping 10.10.1.1 repeat 1 interval 0.1") or vpp.alive()
        assert "10.10.1.2/24" in vpp.ctl("show int addr")
        ns.veth("vpp1out", "vpp1host")
        ns.ip("addr add 10.10.1.1/24 dev vpp1host")
        wait_link(vpp, "host-vpp1out", "up")
        assert ns.ping("10.10.1.2") == 3
        assert "3 received" in vpp.ctl("ping 10.10.1.1 repeat 3 interval 0.02")


def test_vanishes_under_traffic(net):
    """In the middle of a flood through it: no crash, no buffer lost."""
    vpp, switch, left, right = net.routed()
    used = vpp.buffers_used()
    flood = net.process(left, "ping -n -q -f -s 1400 -w 20 10.2.0.1", stdout=-3, stderr=-3)
    lib.wait_for(lambda: vpp.counter("host-right0", "tx packets") > 200, "traffic")
    for _ in range(3):
        switch.ip("link del right0")
        wait_link(vpp, "host-right0", "down")
        switch.veth("right0", "r0", right)
        right.ip("addr add 10.2.0.1/24 dev r0")
        right.ip("route replace 10.1.0.0/24 via 10.2.0.2")
        wait_link(vpp, "host-right0", "up")
        before = vpp.counter("host-right0", "rx packets")
        lib.wait_for(lambda: vpp.counter("host-right0", "rx packets") > before + 50,
                     "answers to flow again")
    flood.terminate()
    flood.wait()
    lib.wait_for(lambda: vpp.buffers_used() <= used, "the buffers to come back")


def test_device_is_renamed(net):
    """The port goes with its device, whatever that is called; a new device of the old name is another."""
    ns, vpp = net.main_job()
    assert ns.ping("10.10.1.2") == 3
    ns.ip("link set vpp1out name other")  # up, and under traffic: Linux 6.3 and later let it
    assert ns.ping("10.10.1.2") == 3
    assert vpp.json("show hardware-interfaces host-vpp1out")["interfaces"][0]["host_interface"] == "other"
    ns.veth("vpp1out", "another")
    assert ns.ping("10.10.1.2") == 3
    ns.ip("link set other down")
    wait_link(vpp, "host-vpp1out", "down")
    ns.ip("link set other up")
    wait_link(vpp, "host-vpp1out", "up")
    # it is found by either name, and comes back as what it is called
    assert vpp.ctl("create host-interface name other").strip() == "host-vpp1out"
    assert vpp.ctl("create host-interface name vpp1out").strip() == "host-vpp1out"
    saved = vpp.running_config()
    assert any(line.startswith("create host-interface name other ") for line in saved), saved
    assert "set interface name host-other host-vpp1out" in saved
    # and by its last name it is waited for
    ns.ip("link del other")
    wait_link(vpp, "host-vpp1out", "down")
    ns.veth("other", "vpp1host")
    ns.ip("addr add 10.10.1.1/24 dev vpp1host")
    wait_link(vpp, "host-vpp1out", "up")
    assert ns.ping("10.10.1.2") == 3
    vpp.ctl("delete host-interface name other")
    assert list(vpp.interfaces()) == ["local0"]


def test_a_device_takes_the_name_that_another_port_waits_for(net):
    """Each port is saved by a name of its own, or one of them would not come back."""
    ns = net.namespace()
    vpp = net.vpp(ns, start=False)
    vpp.write_conf(f"running-config {vpp.running}")
    vpp.start()
    for name in ("one", "two"):
        ns.veth(name, f"{name}-peer")
        vpp.ctl(f"create host-interface name {name}")

    def makes():
        return sorted(line.split(" hw-addr")[0] for line in vpp.running_config() if line.startswith("create host"))

    def device(interface):
        return vpp.json(f"show hardware-interfaces {interface}")["interfaces"][0]["host_interface"]

    ns.ip("link del two")
    wait_link(vpp, "host-two", "down")
    ns.ip("link set one name two")
    lib.wait_for(lambda: "another interface waits for a device of that name" in vpp.ctl("show logging"), "the warning", 30)
    assert makes() == ["create host-interface name one", "create host-interface name two"]
    before = vpp.running_config()
    vpp.ctl("write")
    vpp.stop()
    vpp.start()
    assert vpp.running_config() == before and vpp.json("show running-config errors")["errors"] == []
    # now `two' has the device; names that go round are followed
    wait_link(vpp, "host-two", "up")
    ns.veth("one", "other-peer")
    wait_link(vpp, "host-one", "up")
    ns.ip("link set one name three")
    lib.wait_for(lambda: device("host-one") == "three", "the name")
    ns.ip("link set two name one")
    ns.ip("link set three name two")
    lib.wait_for(lambda: (device("host-one"), device("host-two")) == ("two", "one"), "the names")
    assert makes() == ["create host-interface name one", "create host-interface name two"]
    # and a name that becomes free is taken
    ns.ip("link del two")
    wait_link(vpp, "host-one", "down")
    ns.ip("link set one name two")
    lib.wait_for(lambda: "another interface waits for a device of that name" in vpp.ctl("show logging"), "the warning", 30)
    vpp.ctl("delete host-interface name two")
    assert makes() == ["create host-interface name two"]


def test_renamed_device_after_a_restart(net):
    ns = net.namespace()
    ns.veth("vpp1out", "vpp1host")
    ns.ip("addr add 10.10.1.1/24 dev vpp1host")
    vpp = net.vpp(ns, start=False)
    vpp.write_conf(f"running-config {vpp.running}")
    vpp.start()
    vpp.configure("""
        create host-interface name vpp1out
        set int ip address host-vpp1out 10.10.1.2/24
        set int state host-vpp1out up
    """)
    ns.ip("link set vpp1out name other")
    lib.wait_for(lambda: any("name other " in line for line in vpp.running_config()), "the new name")
    before = vpp.running_config()
    vpp.ctl("write")
    vpp.stop()
    vpp.start()
    assert ns.ping("10.10.1.2") == 3
    assert vpp.running_config() == before


def test_a_device_that_is_down_wakes_nobody(net):
    """Its sockets have an error then, which is read once."""
    ns, vpp = net.main_job()
    ns.ip("link set vpp1out down")
    wait_link(vpp, "host-vpp1out", "down")

    def calls():
        return sum(n["calls"] for t in vpp.json("show runtime")["threads"] for n in t["nodes"]
                   if n["name"] == "af-packet-input")

    lib.wait_for(lambda: calls() == (time.sleep(0.05), calls())[1], "the input node to rest")
    rested = calls()
    time.sleep(0.2)
    assert calls() == rested
    ns.ip("link set vpp1out up")
    wait_link(vpp, "host-vpp1out", "up")
    assert ns.ping("10.10.1.2") == 3


def test_device_moves_to_another_namespace(net):
    ns, vpp = net.main_job()
    other = net.namespace()
    ns.ip(f"link set vpp1out netns {other}")
    wait_link(vpp, "host-vpp1out", "down")
    other.ip(f"link set vpp1out netns {ns}")
    ns.ip("link set vpp1out up")
    wait_link(vpp, "host-vpp1out", "up")
    assert ns.ping("10.10.1.2") == 3


def test_queues_are_changed_while_the_device_is_gone(net):
    """They are served in that way, by that thread, when it has come back; and saved so."""
    ns, vpp = net.main_job(config="cpu { workers 2 }")
    ns.ip("link del vpp1out")
    wait_link(vpp, "host-vpp1out", "down")

    def placement():
        return [(t["thread"], q["mode"]) for t in vpp.json("show interface rx-placement")["threads"]
                for q in t["queues"]]

    thread, _ = placement()[0]
    other = 1 - int(thread[-1])
    for mode in "polling", "interrupt":
        vpp.ctl(f"set interface rx-mode host-vpp1out {mode}")
        assert placement() == [(thread, mode)]
    vpp.ctl(f"set interface rx-placement host-vpp1out worker {other}")
    assert placement() == [(f"vpp_wk_{other}", "interrupt")]
    saved = [line for line in vpp.ctl("show running-config").splitlines() if " rx-" in line]
    assert saved == ["set interface rx-mode host-vpp1out queue 0 interrupt",
                     f"set interface rx-placement host-vpp1out queue 0 worker {other}"]
    ns.veth("vpp1out", "vpp1host")
    ns.ip("addr add 10.10.1.1/24 dev vpp1host")
    wait_link(vpp, "host-vpp1out", "up")
    assert placement() == [(f"vpp_wk_{other}", "interrupt")]
    assert ns.ping("10.10.1.2") == 3


def test_what_no_device_can_have_is_refused(net):
    ns = net.namespace()
    ns.veth("vpp1out", "vpp1host")
    vpp = net.vpp(ns)
    for args, why in (("rx-size 4294967295", "at most"), ("hw-addr 00:00:00:00:00:00", "zero"),
                      ("hw-addr 01:00:00:00:00:01", "multicast")):
        with pytest.raises(lib.CommandError, match=why):
            vpp.ctl(f"create host-interface name vpp1out {args}")
    assert list(vpp.interfaces()) == ["local0"]


def test_mtu_set_while_the_device_is_gone(net):
    """What the device that comes back does not take is not kept."""
    ns, vpp = net.main_job()
    ns.ip("link del vpp1out")
    wait_link(vpp, "host-vpp1out", "down")
    vpp.ctl("set interface mtu 9000 host-vpp1out")
    ns.veth("vpp1out", "vpp1host")
    lib.wait_for(lambda: vpp.interfaces()["host-vpp1out"]["mtu"] == 1500, "the device's MTU")


def test_default_mtu_bounds_that_of_the_device(net):
    """Also when the device says its MTU anew; and a larger one by hand leaves the device alone."""
    ns, vpp = net.main_job(config="ethernet { default-mtu 1400 }")

    def wait_mtu(mtu):
        lib.wait_for(lambda: vpp.interfaces()["host-vpp1out"]["mtu"] == mtu, f"an MTU of {mtu}")

    assert vpp.interfaces()["host-vpp1out"]["mtu"] == 1400
    ns.ip("link set vpp1out mtu 1300")
    wait_mtu(1300)
    ns.ip("link set vpp1out mtu 1500")
    wait_mtu(1400)
    vpp.ctl("set interface mtu 1450 host-vpp1out")
    assert " mtu 1500 " in ns.ip("link show vpp1out")


def test_delete_while_the_device_is_gone(net):
    ns, vpp = net.main_job()
    ns.ip("link del vpp1out")
    wait_link(vpp, "host-vpp1out", "down")
    vpp.ctl("delete host-interface name vpp1out")
    assert list(vpp.interfaces()) == ["local0"]


def test_many_interfaces(net):
    """Forty at once: each takes what it needs of the buffers and no more."""
    ns = net.namespace()
    vpp = net.vpp(ns)
    for i in range(40):
        ns.veth(f"v{i}", f"h{i}")
        ns.ip(f"addr add 10.10.{i}.1/24 dev h{i}")
        vpp.configure(f"""
            create host-interface name v{i}
            set int ip address host-v{i} 10.10.{i}.2/24
            set int state host-v{i} up
        """)
    for i in (0, 17, 39):
        assert ns.ping(f"10.10.{i}.2") == 3
    assert vpp.buffers_used() < vpp.buffers_total() / 2
    for i in range(40):
        vpp.ctl(f"delete host-interface name v{i}")
    assert list(vpp.interfaces()) == ["local0"]
    lib.wait_for(lambda: vpp.buffers_used() == 0, "all buffers to come back")

"""The main job, as a person types it: a veth, a host interface, pings both ways."""
import re

import lib

ANSWER = r"116 bytes from 10\.10\.1\.1: icmp_seq={} ttl=64 time=\d*\.\d{{4}} ms"


def test_main_job_step_by_step(net):
    ns = net.namespace()
    ns.ip("link add name vpp1out type veth peer name vpp1host")
    ns.ip("link set dev vpp1out up")
    ns.ip("link set dev vpp1host up")
    ns.ip("addr add 10.10.1.1/24 dev vpp1host")
    vpp = net.vpp(ns)

    assert vpp.ctl("create host-interface name vpp1out").strip() == "host-vpp1out"
    assert vpp.ctl("set int ip address host-vpp1out 10.10.1.2/24") == ""
    assert vpp.ctl("set int state host-vpp1out up") == ""
    assert vpp.interfaces()["host-vpp1out"]["state"] == "up"
    assert "host-vpp1out (up):\n  L3 10.10.1.2/24\n" in vpp.ctl("show int addr")

    # the first packet waits for ARP and is not lost
    assert vpp.neighbors() == {}
    lines = vpp.ctl("ping 10.10.1.1").splitlines()
    for i in range(5):
        assert re.fullmatch(ANSWER.format(i + 1), lines[i]), lines
    assert lines[5:] == ["", "Statistics: 5 sent, 5 received, 0% packet loss"]
    assert vpp.neighbors() == {"10.10.1.1": ("D", ns.mac("vpp1host"), "host-vpp1out")}

    # and from the kernel
    assert ns.ping("10.10.1.2", count=5) == 5
    neighbor = ns.ip("neigh show 10.10.1.2 dev vpp1host")
    assert vpp.mac("host-vpp1out") in neighbor

    counters = vpp.interfaces()["host-vpp1out"]["counters"]
    assert counters["rx packets"] >= 11 and counters["tx packets"] >= 11
    assert counters["ip4"] >= 10
    assert vpp.error_count("echo replies sent") >= 5  # it asks on while answers are late


def test_kernel_pings_first(net):
    """With cold caches on both sides, started by the kernel."""
    ns, vpp = net.main_job()
    assert ns.ping("10.10.1.2", count=5) == 5
    # we have learnt the asker from its question
    assert "10.10.1.1" in vpp.neighbors()


def test_ping_options(net):
    _, vpp = net.main_job()
    out = vpp.ctl("ping 10.10.1.1 repeat 2 size 1000 interval 0.02")
    assert re.match(r"1056 bytes from 10\.10\.1\.1: icmp_seq=1 ttl=64 time=", out)
    assert "2 sent, 2 received, 0% packet loss" in out
    out = vpp.ctl("ping 10.10.1.1 source host-vpp1out repeat 1")
    assert "1 sent, 1 received" in out
    # larger than the MTU of the link: sent in fragments, answered in fragments
    out = vpp.ctl("ping 10.10.1.1 repeat 2 size 4000 interval 0.02")
    assert "2 sent, 2 received, 0% packet loss" in out


def test_ping_without_answer(net):
    _, vpp = net.main_job()
    out = vpp.ctl("ping 10.10.1.99 repeat 2 interval 0.1")
    assert "Statistics: 2 sent, 0 received, 100% packet loss" in out
    out = vpp.ctl("ping 10.99.1.99 repeat 1 interval 0.1")
    assert "Failed: no egress interface" in out
    assert "Statistics: 0 sent, 0 received, 0% packet loss" in out
    assert "expecting IP4/IP6 address `'" in vpp.fails("ping")


def test_large_kernel_ping_is_put_together(net):
    """Fragments come in, and the answer leaves in fragments."""
    ns, vpp = net.main_job()
    before = vpp.buffers_used()
    assert ns.ping("10.10.1.2", count=3, size=5000) == 3
    assert vpp.error_count("fragments reassembled") >= 12
    lib.wait_for(lambda: vpp.buffers_used() <= before, "the buffers of fragments to come back")


def test_state_down_and_up(net):
    ns, vpp = net.main_job()
    assert ns.ping("10.10.1.2") == 3
    vpp.ctl("set int state host-vpp1out down")
    assert ns.ping("10.10.1.2", count=2, deadline=1) == 0
    assert "Failed: no egress interface" in vpp.ctl("ping 10.10.1.1 repeat 1 interval 0.1")
    vpp.ctl("set int state host-vpp1out up")
    # the kernel throws away what it is to send before it has noticed that there is a carrier again
    lib.wait_for(lambda: " UP " in ns.ip("-br link show vpp1host"), "the other end of the link")
    assert ns.ping("10.10.1.2") == 3
    assert "3 sent, 3 received" in vpp.ctl("ping 10.10.1.1 repeat 3 interval 0.02")


def test_address_taken_away(net):
    ns, vpp = net.main_job()
    vpp.ctl("set int ip address del host-vpp1out 10.10.1.2/24")
    ns.ip("neigh flush dev vpp1host")
    assert ns.ping("10.10.1.2", count=2, deadline=1) == 0
    vpp.ctl("set int ip address host-vpp1out 10.10.1.2/24")
    ns.ip("neigh flush dev vpp1host")
    assert ns.ping("10.10.1.2") == 3


def test_second_address_and_loopback(net):
    ns, vpp = net.main_job()
    vpp.configure("""
        set int ip address host-vpp1out 10.10.7.2/24
        create loopback interface
        set int state loop0 up
        set int ip address loop0 192.168.7.1/32
    """)
    ns.ip("addr add 10.10.7.1/24 dev vpp1host")
    ns.ip("route add 192.168.7.1/32 via 10.10.1.2")
    assert ns.ping("10.10.7.2") == 3
    assert ns.ping("192.168.7.1") == 3
    # nobody is told of the address but itself: no packets, and no drops of them
    assert [i["counters"] for i in vpp.json("show interface loop0")["interfaces"]] == [{}]
    # an address on a loopback is a source as good as any
    assert "2 sent, 2 received" in vpp.ctl("ping 10.10.1.1 source loop0 repeat 2 interval 0.02")


def test_packets_are_traced(net):
    ns, vpp = net.main_job()
    assert ns.ping("10.10.1.2", count=1) == 1
    vpp.ctl("trace add af-packet-input 10")
    assert ns.ping("10.10.1.2", count=1) == 1
    text = vpp.ctl("show trace")
    nodes = re.findall(r"^\d\d:\d\d:\d\d:\d{6}: (\S+)$", text, re.M)
    assert nodes[:6] == ["af-packet-input", "ethernet-input", "ip4-input", "ip4-lookup",
                         "ip4-receive", "ip4-icmp-input"], text
    assert nodes[6] == "ip4-icmp-echo-request", text
    # a kernel that does not cut UDP on sending has that done before
    assert [n for n in nodes[-3:] if n != "interface-offload"][-2:] == ["host-vpp1out-output", "host-vpp1out-tx"], text
    assert "ICMP: 10.10.1.1 -> 10.10.1.2" in text
    assert "ICMP echo_request checksum 0x" in text
    assert "\n  host-vpp1out flags 0x03180001\n" in text  # traced, made here, IPv4
    assert re.search(r"^  af_packet: hw_if_index 1 tx-queue 0\n    buffer 0x[0-9a-f]+:\n"
                     r"      current data 0, length 98, buffer-pool 0, ref-count 1, "
                     r"trace handle 0x[0-9a-f]+\n      local ip4 l2-hdr-offset 0 l3-hdr-offset 14 \n"
                     r"    IP4: ", text, re.M), text
    vpp.ctl("clear trace")
    assert "No packets in trace buffer" in vpp.ctl("show trace")


def test_interfaces_of_names_as_long_as_linux_has_them(net):
    """15 characters is what a Linux device may have: "host-" comes before it."""
    ns = net.namespace()
    ns.veth("abcdefghijklmno", "peer")
    ns.ip("addr add 10.10.1.1/24 dev peer")
    vpp = net.vpp(ns)
    assert vpp.ctl("create host-interface name abcdefghijklmno").strip() == "host-abcdefghijklmno"
    vpp.configure("""
        set int ip address host-abcdefghijklmno 10.10.1.2/24
        set int state host-abcdefghijklmno up
    """)
    assert ns.ping("10.10.1.2") == 3


def test_deleted_and_made_again(net):
    ns, vpp = net.main_job()
    for _ in range(5):
        assert ns.ping("10.10.1.2", count=1) == 1
        vpp.ctl("delete host-interface name vpp1out")
        assert "host-vpp1out" not in vpp.ctl("show int")
        assert "10.10.1" not in vpp.ctl("show ip fib")
        assert vpp.neighbors() == {}
        vpp.configure("""
            create host-interface name vpp1out
            set int ip address host-vpp1out 10.10.1.2/24
            set int state host-vpp1out up
        """)
        # a device made anew has another MAC address
        ns.ip("neigh flush dev vpp1host")
    assert ns.ping("10.10.1.2") == 3

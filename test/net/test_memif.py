"""memif: two daemons, and ends by hand (memif_peer.py), which do what the protocol says or not."""
import os
import struct
import subprocess
import threading
import time

import lib
import memif_peer
import pytest
from memif_peer import ACK, ADD_REGION, CONNECT, CONNECTED, DISCONNECT, HELLO, M2S, S2M

TIMEOUT = 60


def wait(condition, what):
    return lib.wait_for(condition, what, timeout=TIMEOUT)


def interface(vpp, name):
    """What `show memif` says of it."""
    return next(i for i in vpp.json(f"show memif {name}")["interfaces"])


def is_up(vpp, name="memif1/0"):
    return vpp.link(name) == "up"


def reason(vpp, name="memif1/0"):
    return interface(vpp, name).get("local-disc-reason")


def saved(net, ns, text, **kwargs):
    """A daemon that replays text, and does so again when it is started again."""
    vpp = net.vpp(ns, start=False)
    running = f"{vpp.folder}/running.conf"
    vpp.write_conf(unix=f"running-config {running}", **kwargs)
    with open(running, "w", encoding="ascii") as f:
        f.write("\n".join(line.strip() for line in text.strip().splitlines()) + "\n")
    return vpp


@pytest.fixture
def path(net):
    """A socket's file, in a folder that goes with a daemon."""
    folder = net.vpp(net.namespace(), start=False).folder
    return folder + "/m.sock"


def pair(net, path, master="", slave="", config="", more=""):
    """Two daemons, not started: 10.20.0.1 on the master's memif1/0, .2 on the slave's."""
    made = []
    for i, role in enumerate((f"master {master}", f"slave {slave}")):
        made.append(saved(net, net.namespace(), f"""
            create memif socket id 1 filename {path}
            create interface memif id 0 socket-id 1 {role}
            set interface ip address memif1/0 10.20.0.{i + 1}/24
            set interface state memif1/0 up
            {more}
        """, config=config))
    return made


def pings(vpp, address="10.20.0.2", size=56, count=3, tries=10):
    """Whether all are answered; on a machine that is busy some may come too late, and are sent again."""
    return any(f"{count} sent, {count} received" in vpp.ctl(f"ping {address} repeat {count} interval 0.02 size {size}")
               for _ in range(tries))


# ---- two daemons

def test_a_flood_to_more_rings_than_a_round_has_places(net, path):
    """Each of which two threads have: 70 are sent by in one round, and asked whether their other ends sleep."""
    n = 70
    near, far = net.vpp(net.namespace(), config="cpu { workers 2 }"), net.vpp(net.namespace())
    near.configure("create loopback interface\nset interface state loop0 up\nset interface l2 bridge loop0 1 bvi\n"
                   "set interface ip address loop0 10.20.0.1/24")
    for vpp, role in ((near, "master"), (far, "slave")):
        vpp.configure(f"create memif socket id 1 filename {path}\n" + "\n".join(
            f"create interface memif id {i} socket-id 1 {role}\nset interface state memif1/{i} up\n" +
            (f"set interface l2 bridge memif1/{i} 1" if vpp is near else "") for i in range(n)))
    wait(lambda: all(is_up(near, f"memif1/{i}") for i in (0, n - 1)), "the links")

    def all_have_it():
        near.ctl("ping 10.20.0.2 repeat 1")
        return all(far.counter(f"memif1/{i}", "rx packets") for i in range(n))
    wait(all_have_it, "the flood")


def test_two_instances_and_a_host(net, path):
    """host 10.10.1.1 -- 10.10.1.2 [vpp1] 10.10.2.1 -- memif -- 10.10.2.2 [vpp2], as the tutorial has it."""
    ns, vpp1 = net.main_job()
    vpp2 = net.vpp(net.namespace())
    vpp1.configure(f"""
        create memif socket id 1 filename {path}
        create interface memif id 0 socket-id 1 master
        set int state memif1/0 up
        set int ip address memif1/0 10.10.2.1/24
    """)
    assert vpp1.ctl("show int addr memif1/0").split() == ["memif1/0", "(up):", "L3", "10.10.2.1/24"]
    vpp2.configure(f"""
        create memif socket id 1 filename {path}
        create interface memif id 0 socket-id 1 slave
        set int state memif1/0 up
        set int ip address memif1/0 10.10.2.2/24
        ip route add 10.10.1.0/24 via 10.10.2.1
    """)
    wait(lambda: is_up(vpp1) and is_up(vpp2), "the link")
    assert pings(vpp1, "10.10.2.2") and pings(vpp2, "10.10.2.1")
    ns.ip("route add 10.10.2.0/24 via 10.10.1.2")
    assert ns.ping("10.10.2.2") == 3
    assert ns.ping("10.10.2.2", size=1400) == 3
    shown = vpp2.ctl("show memif")
    assert f"  1   no          {path}\n" in shown
    for line in ('  remote-interface "memif1/0"\n', "  socket-id 1 id 0 mode ethernet\n", "  flags admin-up slave connected zero-copy\n",
                 "  num-s2m-rings 1 num-m2s-rings 1 buffer-size 2048 num-regions 2\n", "  region 0 size 33024 fd ",
                 "    slave-to-master ring 0:\n      region 0 offset 0 ring-size 1024 int-fd "):
        assert line in shown, shown
    shown = vpp1.ctl("show memif")
    assert f"  1   yes (1)     {path}\n" in shown and "  flags admin-up connected\n" in shown
    assert shown.index("master-to-slave ring 0") < shown.index("slave-to-master ring 0")
    assert "memif1/0 queue 0 (adaptive)" in vpp1.ctl("show interface rx-placement")
    assert "  MEMIF interface\n     instance 0\n" in vpp1.ctl("show hardware-interfaces memif1/0")
    assert vpp1.counter("memif1/0", "rx packets") == vpp2.counter("memif1/0", "tx packets") > 0


def test_either_side_restarts(net, path):
    """What is saved comes back, and finds the other again; at kill -9, in mid-traffic, too."""
    master, slave = pair(net, path)
    slave.start()  # there is nobody to connect to yet
    assert not is_up(slave)
    master.start()
    for victim in (master, slave, master, slave):
        other = slave if victim is master else master
        address = "10.20.0.1" if victim is master else "10.20.0.2"
        wait(lambda: is_up(master) and is_up(slave), "the link")
        assert pings(other, address)
        ping = threading.Thread(target=other.vppctl, args=(f"ping {address} repeat 60 interval 0.005",))
        ping.start()
        wait(lambda: "tx packets" in other.interfaces()["memif1/0"]["counters"], "traffic")
        victim.kill()
        ping.join()
        wait(lambda: not is_up(other), "the link to go down")
        assert reason(other) == "disconnected"
        wait(lambda: other.buffers_used() == 0, "buffers to be free")
        victim.start()
    wait(lambda: is_up(master) and is_up(slave), "the link")
    before = slave.running_config()
    master.stop()
    wait(lambda: not is_up(slave), "the link to go down")
    master.start()
    wait(lambda: is_up(slave), "the link")
    assert pings(slave, "10.20.0.1")
    assert slave.running_config() == before
    assert reason(slave) is None


def test_a_saved_master_waits_for_its_socket(net, path):
    """Another one still listens there while it starts."""
    first, _ = pair(net, path)
    second, slave = pair(net, path)
    first.start()
    second.start()
    assert "memif1/0" in second.interfaces()
    assert "Active listener" in second.ctl("show logging")
    slave.start()
    wait(lambda: is_up(first), "the link")
    first.stop()
    wait(lambda: is_up(second), "the link to who waited")
    assert pings(second)


@pytest.mark.parametrize("mode", ["adaptive", "interrupt", "polling"])
def test_modes_of_queues(net, path, mode):
    master, slave = pair(net, path, more=f"set interface rx-mode memif1/0 {mode}")
    master.start()
    slave.start()
    wait(lambda: is_up(master), "the link")
    assert pings(master) and pings(slave, "10.20.0.1")
    assert f"memif1/0 queue 0 ({mode})" in slave.ctl("show interface rx-placement")
    rings = {r["direction"]: r for r in interface(slave, "memif1/0")["rings"]}
    if mode == "polling":
        assert all(r["flags"] == 1 and not r["interrupts"] for r in rings.values())
        return
    assert all(r["interrupts"] for r in rings.values())
    wait(lambda: all(r["flags"] == 0 for r in interface(slave, "memif1/0")["rings"]), "queues that sleep")
    master.ctl("set interface rx-mode memif1/0 polling")
    wait(lambda: {r["direction"]: r["flags"] for r in interface(slave, "memif1/0")["rings"]}
         == {"slave-to-master": 1, "master-to-slave": 0}, "the master to be quiet")
    master.ctl("set interface rx-mode memif1/0 default")
    wait(lambda: {r["flags"] for r in interface(slave, "memif1/0")["rings"]} == {0}, "the master to ask for interrupts")
    assert pings(master)


def test_nothing_is_done_at_rest(net, path):
    master, slave = pair(net, path)
    master.start()
    slave.start()
    wait(lambda: is_up(master) and pings(slave, "10.20.0.1"), "the link")

    def interrupts():
        return [sum(r["interrupts"] for r in interface(v, "memif1/0")["rings"]) for v in (master, slave)]

    def rests():
        """For a while: the switch says what it has to say now and then, of addresses and neighbours."""
        for vpp in (master, slave):
            vpp.ctl("clear runtime")
        before = interrupts()
        time.sleep(0.3)
        calls = [n["calls"] for v in (master, slave) for t in v.json("show runtime")["threads"] for n in t["nodes"]
                 if n["name"] == "memif-input"]
        return not any(calls) and before == interrupts()
    wait(rests, "nothing to be done")


def test_many_queues(net, path):
    """The slave's numbers hold; threads have queues of their own, and keep what people said over a restart."""
    master, slave = pair(net, path, slave="rx-queues 2 tx-queues 3 ring-size 256 no-zero-copy", config="cpu { workers 3 }",
                         more="set interface rx-mode memif1/0 queue 0 interrupt")
    master.start()
    slave.start()
    wait(lambda: is_up(master), "the link")
    mine = interface(master, "memif1/0")
    assert (mine["s2m_rings"], mine["m2s_rings"]) == (3, 2)
    assert [r["size"] for r in mine["rings"]] == [256] * 5
    assert len(mine["regions"]) == 1
    placement = master.ctl("show interface rx-placement")
    assert [f"memif1/0 queue {q}" in placement for q in range(4)] == [True, True, True, False]
    master.configure("""
        set interface rx-placement memif1/0 queue 2 worker 0
        set interface tx-queue memif1/0 queue 1 threads 1-3
    """)
    assert pings(master) and pings(slave, "10.20.0.1")
    config = master.running_config()
    slave.stop()
    wait(lambda: not is_up(master), "the link to go down")
    assert master.running_config() == config
    slave.start()
    wait(lambda: is_up(master), "the link")
    assert master.running_config() == config
    assert pings(master) and pings(slave, "10.20.0.1")
    # and over one of its own, though it was made for one queue, and hears of three only by the slave
    master.ctl("write")
    master.stop()
    master.start()
    assert master.json("show running-config errors")["errors"] == []
    assert master.running_config() == config
    wait(lambda: is_up(master), "the link")
    assert pings(master) and pings(slave, "10.20.0.1")


def test_jumbo_packets_and_small_buffers(net, path):
    """Packets of many slots, over and over: rings turn around in the middle of one."""
    master, slave = pair(net, path, slave="ring-size 64 buffer-size 512")
    master.start()
    slave.start()
    wait(lambda: is_up(master), "the link")
    for size in (100, 500, 513, 1500, 8900):
        assert pings(master, size=size, count=20), size
        assert pings(slave, "10.20.0.1", size=size, count=20), size
    wait(lambda: master.buffers_used() == slave.buffers_used() == 0, "buffers to be free")
    # one that all slots together do not take
    small, other = pair(net, path + "2", slave="ring-size 2 buffer-size 512")
    small.start()
    other.start()
    wait(lambda: is_up(small), "the link")
    assert pings(small)
    assert not pings(small, size=2000, count=1, tries=1)
    assert small.errors()[("memif1/0-tx", "no enough space in tx buffers")] == 1
    assert pings(small)


@pytest.mark.parametrize("mode", ["ip", "punt-inject"])
def test_packets_without_ethernet(net, path, mode):
    master, slave = pair(net, path, f"mode {mode}", f"mode {mode}", more="enable ip6 interface memif1/0")
    for i, vpp in enumerate((master, slave)):
        vpp.start()
        vpp.ctl(f"set interface ip address memif1/0 2001:db8::{i + 1}/64")
    wait(lambda: is_up(master), "the link")
    assert interface(slave, "memif1/0")["mode"] == mode
    assert pings(master) and pings(slave, "10.20.0.1", size=4000)
    assert pings(master, "2001:db8::2") and pings(slave, "2001:db8::1")
    assert master.neighbors() == {}


def test_who_may_have_an_interface(net, path):
    master, slave = pair(net, path, "secret hush", "secret hush")
    master.start()
    slave.start()
    wait(lambda: is_up(master), "the link")
    other = net.vpp(net.namespace())
    other.ctl(f"create memif socket id 1 filename {path}")

    def refused(words, why):
        other.configure(f"create interface memif socket-id 1 slave {words}\nset interface state memif1/7 up"
                        if "id 7" in words else
                        f"create interface memif socket-id 1 slave {words}\nset interface state memif1/0 up")
        name = "memif1/7" if "id 7" in words else "memif1/0"
        wait(lambda: interface(other, name).get("remote-disc-reason") == why, why)
        assert interface(other, name)["local-disc-reason"] == "disconnect received"
        other.ctl(f"delete interface memif {name}")

    refused("id 7", "unmatched interface id")
    refused("id 0", "already connected")
    assert pings(master)
    slave.kill()
    wait(lambda: not is_up(master), "the link to go down")
    refused("id 0 mode ip", "mode mismatch")
    refused("id 0", "secret required")
    refused("id 0 secret loud", "incorrect secret")
    slave.start()
    wait(lambda: is_up(master), "the link")


def test_several_interfaces_of_an_abstract_socket(net):
    """Abstract sockets are their namespace's; one that is elsewhere is named. Who is in a sandbox may not look at
    the namespaces of processes that are not."""
    ns, elsewhere = net.namespace(), net.namespace()
    master, near, far = net.vpp(ns), net.vpp(ns), net.vpp(elsewhere, unix="sandbox off")
    name = f"abstract:piste-{os.getpid()}"
    master.ctl(f"create memif socket id 5 filename {name}")
    near.ctl(f"create memif socket id 5 filename {name}")
    far.ctl(f"create memif socket id 5 filename {name},netns_pid={master.pid}")
    for i, vpp in ((1, near), (2, far)):
        for end, role, host in ((master, "master", 1), (vpp, "slave", 2)):
            end.configure(f"""
                create interface memif id {i} socket-id 5 {role}
                set interface state memif5/{i} up
                set interface ip address memif5/{i} 10.2{i}.0.{host}/24
            """)
    wait(lambda: is_up(master, "memif5/1") and is_up(master, "memif5/2"), "both links")
    assert pings(master, "10.21.0.2") and pings(master, "10.22.0.2")
    assert "yes (2)" in master.ctl("show memif")
    master.ctl("delete interface memif memif5/2")
    wait(lambda: not is_up(far, "memif5/2"), "the link to go down")
    assert interface(far, "memif5/2")["remote-disc-reason"] == "interface deleted"
    assert pings(master, "10.21.0.2")


def test_commands_that_fail(net):
    vpp = net.vpp(net.namespace())
    vpp.configure("""
        create memif socket id 1 filename m1.sock
        create memif socket id 1 filename m1.sock
        create memif socket id 2 filename below/m2.sock
        create interface memif id 0 master
        create interface memif id 1 socket-id 1 master ring-size 512 buffer-size 2048 rx-queues 1 tx-queues 1 secret hush
    """)
    for command, why in (
            ("create interface memif id 0 master", "Subinterface already exists (interface already exists)"),
            ("create interface memif id 2 socket-id 9 slave", "Invalid argument (unknown socket id)"),
            ("create interface memif id 3 slave", "Subinterface already exists (socket file cannot be used by both master and slave)"),
            ("create interface memif id 4 ring-size 500", "ring size must be power of 2"),
            ("create interface memif id 4 ring-size 65536", "maximum ring size is 32768"),
            ("create interface memif id 4 rx-queues 256", "rx queue must be between 1 - 255"),
            ("create interface memif id 4 tx-queues 0", "tx queue must be between 1 - 255"),
            ("create interface memif id 4 secret 123456789012345678901234", "secret: at most 23 characters"),
            ("create memif socket id 0 filename x", "Invalid socket id"),
            ("create memif socket id 4294967295 filename x", "Invalid socket id"),
            ("create memif socket id 3", "Invalid socket filename"),
            ("create memif socket id 3 filename @foo", "unknown input `@foo'"),
            ("create memif socket id 1 filename other", "Entry already exists (entry already exists)"),
            ("delete memif socket id 1", f"Unexpected interface state (socket file '{vpp.folder}/m1.sock' is in use)"),
            ("delete memif socket id 7", "Invalid argument (socket file with id 7 does not exist)"),
            ("delete interface memif", "please specify interface name or sw_if_index"),
            ("delete interface memif local0", "not a memif interface"),
            ("delete interface memif sw_if_index 99", "not a memif interface")):
        said = vpp.fails(command)
        assert said.endswith(": " + why) or (why in said and "@" in why), (command, said)
    assert vpp.ctl("show memif").count("interface ") == 2
    assert "  flags\n  listener-fd " in vpp.ctl("show memif memif0/0")
    vpp.configure("""
        delete interface memif memif1/1
        delete memif socket id 1
        delete memif socket id 2
        delete interface memif sw_if_index 1
    """)
    assert vpp.running_config() == []
    # something else stands where it would listen
    with open(vpp.folder + "/file", "w", encoding="ascii"):
        pass
    vpp.ctl("create memif socket id 4 filename file")
    assert "already exists" in vpp.fails("create interface memif socket-id 4 master")
    assert "memif4/0" not in vpp.interfaces()
    vpp.ctl("create interface memif socket-id 4 slave")
    # two numbers of one file, as VPP: one of them may have masters, and the other slaves
    vpp.configure("""
        create memif socket id 5 filename twice.sock
        create memif socket id 6 filename twice.sock
        create interface memif socket-id 5 master
    """)
    before = vpp.running_config()
    assert f"Active listener on '{vpp.folder}/twice.sock'" in vpp.fails("create interface memif socket-id 6 master")
    assert vpp.running_config() == before
    vpp.ctl("create interface memif socket-id 6 slave")


def test_they_come_and_go_under_traffic(net, path, come_and_go):
    """What is beside goes on."""
    master, slave = pair(net, path)
    master.start()
    slave.start()
    wait(lambda: is_up(master), "the link")
    over = threading.Event()

    def traffic():
        while not over.is_set():
            master.vppctl("ping 10.20.0.2 repeat 40 interval 0.005")

    def once(i):
        for vpp, role in ((master, "master"), (slave, "slave")):
            vpp.configure(f"""
                create memif socket id 2 filename {path}-{i % 3}
                create interface memif id {i} socket-id 2 {role} ring-size 64
                set interface state memif2/{i} up
            """)
        if i % 2:
            wait(lambda: is_up(master, f"memif2/{i}"), "the link")
        for vpp in (master, slave) if i % 4 < 2 else (slave, master):
            vpp.ctl(f"delete interface memif memif2/{i}")
            vpp.ctl("delete memif socket id 2")

    going = threading.Thread(target=traffic)
    going.start()
    try:
        come_and_go([master, slave], 30, once)
    finally:
        over.set()
        going.join()
    assert pings(master)
    wait(lambda: master.buffers_used() == slave.buffers_used() == 0, "buffers to be free")


# ---- a slave by hand

ARP_REQUEST = bytes.fromhex("ffffffffffff" "020000000099" "0806" "0001080006040001" "020000000099" "0a1e0002"
                            "000000000000" "0a1e0001")


@pytest.fixture
def master(net, path):
    """A master, memif1/0 with 10.30.0.1, and beside it memif1/1 with a secret."""
    vpp = net.vpp(net.namespace())
    vpp.configure(f"""
        create memif socket id 1 filename {path}
        create interface memif id 0 socket-id 1 master
        create interface memif id 1 socket-id 1 master secret hush
        set interface state memif1/0 up
        set interface ip address memif1/0 10.30.0.1/24
    """)
    vpp.path = path
    return vpp


@pytest.fixture
def slave(master):
    made = []

    def make(**kwargs):
        made.append(memif_peer.Slave(master.path, **kwargs))
        return made[-1]
    yield make
    for peer in made:
        peer.close()


def answer(peer, timeout=30):
    """The next ARP reply, behind what the switch says by itself; None: there is none."""
    for _ in range(1000):
        packet = peer.get(timeout=timeout)
        if packet is None or packet[12:22] == bytes.fromhex("08060001080006040002"):
            return packet


def answers(vpp, peer, queue=0):
    """An ARP request is answered."""
    peer.put(ARP_REQUEST, queue=queue)
    reply = answer(peer)
    assert reply and ":".join(f"{b:02x}" for b in reply[6:12]) == vpp.mac("memif1/0")


def test_what_is_shown_while_interfaces_go(master, slave):
    """A command whose output is taken slowly goes on with the interface that it was at, and with those behind it."""
    peer = slave(ident=2, log2=14)
    master.ctl("create interface memif id 2 socket-id 1 master")
    master.ctl("create interface memif id 3 socket-id 1 master")
    master.ctl("set interface state memif1/2 up")
    peer.connect()
    wait(lambda: is_up(master, "memif1/2"), "the link")
    with subprocess.Popen([master.build + "/vppctl", "-s", master.cli, "show memif descriptors"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as command:
        begin = next(line for line in command.stdout if b"descriptor table:" in line)
        master.ctl("delete interface memif memif1/0")
        rest = begin + command.stdout.read()
    assert command.returncode == 0
    assert [rest.count(b"\n       %-5d 0x" % slot) for slot in (0, 9000, 16383)] == [2, 2, 2]
    assert b"interface memif1/3\n" in rest.replace(b"\r", b"")


def test_a_slave_by_hand(master, slave):
    peer = slave()
    assert struct.unpack_from("=HHHHHB", peer.hello, 32) == (0x200, 0x200, 255, 63, 63, 14)
    peer.connect()
    assert peer.remote_name == "memif1/0"
    wait(lambda: is_up(master), "the link")
    assert interface(master, "memif1/0")["remote_name"] == "by hand"
    answers(master, peer)
    assert peer.rings[S2M][0].tail() == 1
    answers(master, peer)
    # the interface is down, and takes no more: the session goes on, and what came meanwhile is thrown away
    master.ctl("set interface state memif1/0 down")
    assert is_up(master)
    peer.put(ARP_REQUEST)
    assert answer(peer, timeout=0.2) is None
    assert peer.rings[S2M][0].tail() == 2
    master.ctl("set interface state memif1/0 up")
    assert peer.rings[S2M][0].tail() == 3
    answers(master, peer)
    # a packet in two slots, and one that fills the ring's end and goes on at its beginning
    for _ in range(200):
        peer.put([ARP_REQUEST[:30], ARP_REQUEST[30:]])
        assert answer(peer)
    peer.send(DISCONNECT, struct.pack("=I96s", 0, b"bye bye"))
    assert peer.reason() == "disconnect received"
    wait(lambda: not is_up(master), "the link to go down")
    shown = master.ctl("show memif memif1/0")
    assert '  local-disc-reason "disconnect received"\n  remote-disc-reason "bye bye"\n' in shown


def test_what_is_sent_first_arrives(net, master, slave):
    """The link comes when a slave has handed out empty slots, and what waits in its rings is answered then."""
    def first_is_answered():
        peer = slave()
        peer.begin()
        peer.put(ARP_REQUEST)
        peer.send(CONNECT, b"hand0")
        peer.expect(CONNECTED)
        for ring in peer.rings[M2S]:
            ring.head(ring.size)
        reply = answer(peer, timeout=5)
        peer.send(DISCONNECT)
        wait(lambda: not is_up(master), "the link to go down")
        return reply
    # a master waits for some seconds: on a machine that is very busy they may be over
    assert any(first_is_answered() for _ in range(5))
    # a slave that hands out none
    peer = slave()
    peer.begin()
    peer.send(CONNECT, b"hand0")
    peer.expect(CONNECTED)
    wait(lambda: is_up(master), "the link")


def test_queues_and_two_regions(master, slave):
    """As many queues as the slave says; buffers elsewhere than rings, as DPDK and VPP have them."""
    peer = slave(queues=3)
    peer.send_init()
    peer.expect(ACK)
    peer.send_region()
    peer.expect(ACK)
    second = os.memfd_create("second")
    os.ftruncate(second, 1 << 20)
    peer.send(ADD_REGION, struct.pack("=HQ", 1, 1 << 20), (second,))
    peer.expect(ACK)
    for direction in (S2M, M2S):
        for i in range(3):
            peer.send_ring(direction, i)
            peer.expect(ACK)
    peer.send(CONNECT, b"hand0")
    peer.expect(CONNECTED)
    for ring in peer.rings[M2S]:
        ring.head(ring.size)
    for queue in range(3):
        answers(master, peer, queue)
    ring = peer.rings[S2M][1]
    os.pwrite(second, ARP_REQUEST, 4096)
    ring.desc(ring.head(), 0, 1, len(ARP_REQUEST), 4096)
    ring.head(ring.head() + 1)
    ring.ring_bell()
    assert answer(peer)
    os.close(second)


def bad_init(kind):
    def run(peer):
        if kind == "version":
            peer.send_init(version=0x300)
        elif kind == "not first":
            peer.send_region()
        elif kind == "twice":
            peer.send_init()
            peer.expect(ACK)
            peer.send_init()
        elif kind == "unknown":
            peer.send_init()
            peer.expect(ACK)
            peer.send(77)
        elif kind == "short":
            peer.socket.send(b"\1\0")
        elif kind == "long":
            peer.socket.send(bytes(200))
    return run


def bad_region(why):
    def run(peer):
        peer.send_init()
        peer.expect(ACK)
        if why == "no fd":
            peer.send_region(fds=())
        elif why == "index":
            peer.send_region(index=1)
        elif why == "size":
            peer.send_region(size=peer.bytes + 5000)
        elif why == "huge":
            peer.send_region(size=1 << 63)
        elif why == "empty":
            peer.send_region(size=0)
        elif why == "pipe":
            ends = os.pipe()
            peer.send_region(fds=(ends[0],))
            for fd in ends:
                os.close(fd)
        elif why == "many":
            for i in range(257):
                peer.send_region(index=i)
                kind, body, _ = peer.receive()
                if kind == DISCONNECT:
                    assert i == 256, body
                    peer.seen = body[4:].split(b"\0")[0].decode()
                    return
    return run


def bad_ring(**kwargs):
    def run(peer):
        peer.send_init()
        peer.expect(ACK)
        peer.send_region()
        peer.expect(ACK)
        peer.send_ring(S2M, **kwargs)
        kind, body, _ = peer.receive()
        if kind == DISCONNECT:
            peer.seen = body[4:].split(b"\0")[0].decode()
            return
        peer.send_ring(M2S)
        peer.expect(ACK)
        peer.send(CONNECT, b"hand0")
    return run


def no_eventfd(peer):
    peer.send_init()
    peer.expect(ACK)
    ends = os.pipe()
    peer.send_ring(S2M, fds=(ends[1],))
    for fd in ends:
        os.close(fd)


def bad_cookie(peer):
    peer.begin()
    struct.pack_into("=I", peer.memory, peer.rings[M2S][0].offset, 1)
    peer.send(CONNECT, b"hand0")


def flood(peer):
    peer.connect()
    try:
        for _ in range(5000):
            peer.send(ACK)
    except OSError:
        pass


@pytest.mark.parametrize("act, why", [
    (bad_init("version"), None), (bad_init("not first"), None), (bad_init("twice"), "unexpected message received"),
    (bad_init("unknown"), "unknown message type (0x4d)"), (bad_init("short"), "recvmsg: malformed message"),
    (bad_init("long"), "recvmsg: malformed message"),
    (bad_region("no fd"), "missing memory region fd"), (bad_region("index"), "unexpected region index"),
    (bad_region("size"), "shared memory of"), (bad_region("huge"), "shared memory of"),
    (bad_region("empty"), "shared memory of"), (bad_region("pipe"), "shared memory of"),
    (bad_region("many"), "too many regions"),
    (bad_ring(fds=()), "missing ring interrupt fd"), (bad_ring(private=8), "private headers not supported"),
    (bad_ring(index=1), "unexpected ring index"), (bad_ring(log2=15), "ring size out of range"),
    (bad_ring(log2=255), "ring size out of range"), (bad_ring(region=1), "no memory region of rx ring 0"),
    (bad_ring(offset=0xffffff00), "rx ring 0 is not in its memory region"),
    (bad_ring(offset=4), "rx ring 0 is not aligned"), (bad_ring(offset=1 << 12), "wrong cookie on rx ring 0"),
    (no_eventfd, "ring interrupt fd is no eventfd"), (bad_cookie, "wrong cookie on tx ring 0"),
    (flood, "too many messages"),
])
def test_a_slave_that_breaks_the_handshake(master, slave, act, why):
    before = master.open_fds()
    peer = slave()
    peer.seen = None
    act(peer)
    said = peer.seen or peer.reason()
    assert said == why or (said and why and said.startswith(why)), said
    peer.close()
    wait(lambda: master.open_fds() <= before, "all descriptors to be closed")
    peer = slave()
    peer.connect()
    answers(master, peer)


def test_a_secret_is_asked_for(master, slave):
    for secret, why in ((b"", "secret required"), (b"hus", "incorrect secret"), (b"hush!", "incorrect secret")):
        peer = slave(ident=1, secret=secret)
        peer.send_init()
        assert peer.reason() == why
    slave(ident=1, secret=b"hush").connect()
    slave(ident=0, secret=b"whatever").connect()  # one that has none takes any


def test_connections_that_say_nothing(master, slave):
    """They are few, and not for long; meanwhile others are served."""
    before = master.open_fds()
    silent = [slave() for _ in range(60)]
    answers(master, slave().connect())
    assert master.open_fds() <= before + 70
    silent[0].socket.settimeout(40)
    assert silent[0].reason() in ("handshake takes too long", None)
    lib.wait_for(lambda: master.open_fds() <= before + 10, "them to be gone", timeout=40)


def test_descriptors_that_lie(master, slave):
    """Each is a packet that is dropped, and counted; what is behind it arrives."""
    peer = slave().connect()
    answers(master, peer)
    ring = peer.rings[S2M][0]
    at = peer.slot_offset(0, 0)
    lies = [(0, 5, 60, at), (0, 0xffff, 60, at), (0, 0, 60, peer.bytes - 59), (0, 0, 60, 0xffffffff),
            (0, 0, 0xffffffff, 16), (0, 0, 0, at), (0, 0, peer.bytes, 0)]
    for n, lie in enumerate(lies):
        ring.desc(ring.head(), *lie)
        ring.head(ring.head() + 1)
        answers(master, peer)
        assert master.errors()[("memif-input", "bad descriptor")] == n + 1
    # a packet that has no end is one, however many slots it has; a chain is bad when one of its slots is
    head = ring.head()
    for i in range(ring.size):
        ring.desc(head + i, 1, 0, 60, at)
    ring.head(head + ring.size)
    ring.ring_bell()
    wait(lambda: master.errors()[("memif-input", "bad descriptor")] == len(lies) + 1, "it to be dropped")
    peer.put([ARP_REQUEST[:20], ARP_REQUEST[20:]], show=False)
    ring.desc(ring.head() + 1, 0, 9, 22, at)
    ring.head(ring.head() + 2)
    answers(master, peer)
    assert master.errors()[("memif-input", "bad descriptor")] == len(lies) + 2
    # longer than any packet
    for i in range(40):
        ring.desc(ring.head() + i, int(i < 39), 0, 2048, at)
    ring.head(ring.head() + 40)
    answers(master, peer)
    assert master.errors()[("memif-input", "bad descriptor")] == len(lies) + 3
    assert master.counter("memif1/0", "rx-error") == len(lies) + 3
    wait(lambda: master.buffers_used() == 0, "buffers to be free")


@pytest.mark.parametrize("direction, index", [(S2M, "head"), (M2S, "head")])
def test_indices_that_lie(master, slave, direction, index):
    peer = slave().connect()
    answers(master, peer)
    ring = peer.rings[direction][0]
    getattr(ring, index)(getattr(ring, index)() + 2 * ring.size)
    if direction == S2M:
        ring.ring_bell()
    else:
        peer.put(ARP_REQUEST)
    assert peer.reason() == "ring index out of range"
    wait(lambda: not is_up(master), "the link to go down")
    answers(master, slave().connect())


def test_empty_buffers_that_lie(master, slave):
    peer = slave().connect()
    answers(master, peer)
    ring = peer.rings[M2S][0]
    ring.desc(ring.tail(), 0, 0, 2048, peer.bytes - 100)
    peer.put(ARP_REQUEST)
    assert peer.reason() == "bad descriptor of an empty buffer"
    answers(master, slave().connect())


def test_memory_that_is_cut_short(master, slave):
    """The daemon goes on, and the peer is told why it is not served any more."""
    peer = slave().connect()
    answers(master, peer)
    os.ftruncate(peer.fd, 4096)
    peer.rings[S2M][0].head(peer.rings[S2M][0].head() + 1)
    peer.rings[S2M][0].ring_bell()
    assert peer.reason() in ("memory region was made shorter", "ring index out of range")
    assert master.alive()
    answers(master, slave().connect())
    # all of it, rings too
    peer = slave(ident=1, secret=b"hush").connect()
    master.ctl("set interface state memif1/1 up")
    os.ftruncate(peer.fd, 0)
    peer.bells and os.write(peer.bells[0], struct.pack("=Q", 1))
    wait(lambda: not is_up(master, "memif1/1"), "the link to go down")
    assert reason(master, "memif1/1") in ("memory region was made shorter", "ring index out of range")
    assert master.alive()


def test_a_peer_that_changes_its_mind(master, slave):
    """Descriptors, indices and packets are written at random while the switch reads them."""
    deadline = time.monotonic() + 3
    import random  # pylint: disable=import-outside-toplevel
    rng = random.Random(7)
    while time.monotonic() < deadline:
        peer = slave().connect()
        s2m, m2s = peer.rings[S2M][0], peer.rings[M2S][0]
        try:
            for _ in range(3000):
                for ring in (s2m, m2s):
                    ring.desc(rng.randrange(64), rng.randrange(2), rng.choice((0, 0, 0, 1, 9)),
                              rng.choice((42, 60, 1500, 2048, 0, 1 << 20, 0xffffffff)), rng.randrange(peer.bytes + 100))
                at = rng.randrange(peer.slots_at, peer.bytes - 64)
                peer.memory[at:at + 42] = ARP_REQUEST
                s2m.head(s2m.tail() + rng.randrange(65))
                m2s.head(m2s.tail() + rng.randrange(65))
                if not rng.randrange(20):
                    s2m.ring_bell()
                if not rng.randrange(2000):
                    s2m.head(rng.randrange(65536))
        finally:
            peer.close()
        assert master.alive(), master.output()
        wait(lambda: not is_up(master), "the link to go down")
    answers(master, slave().connect())
    wait(lambda: master.buffers_used() == 0, "buffers to be free")


# ---- a master by hand

@pytest.fixture
def hand(net, path):
    """A slave, memif1/0 with 10.30.0.1, and a master by hand that listens."""
    listener = memif_peer.Master(path)
    vpp = net.vpp(net.namespace())
    vpp.configure(f"""
        create memif socket id 1 filename {path}
        create interface memif id 3 socket-id 1 slave no-zero-copy ring-size 64 rx-queues 2 tx-queues 1
        set interface state memif1/3 up
        set interface ip address memif1/3 10.30.0.1/24
    """)
    yield vpp, listener
    listener.close()


def asked(vpp, peer, queue=0):
    wait(lambda: is_up(vpp, "memif1/3"), "the link")  # a slave is ready when it has heard CONNECTED
    peer.put(ARP_REQUEST, queue)
    assert answer(peer)


def test_a_master_by_hand(hand):
    """Its memory is laid out as VPP's: rings, then buffers."""
    vpp, listener = hand
    peer = listener.accept().connect()
    assert peer.init[:7] == bytes.fromhex("0002" "03000000" "00")
    assert peer.init[7:31] == bytes(24)
    assert [len(r) for r in peer.regions] == [396672]
    assert [(r.offset, r.log2) for d in (S2M, M2S) for r in peer.rings[d]] == [(0, 6), (0x480, 6), (0x900, 6)]
    wait(lambda: is_up(vpp, "memif1/3"), "the link")
    m2s = peer.rings[M2S][0]
    assert m2s.head() == 64
    assert [r.desc(1) for r in (peer.rings[S2M][0], *peer.rings[M2S])] == \
        [(0, 0, 2048, 5504), (0, 0, 2048, 136576), (0, 0, 2048, 267648)]
    asked(vpp, peer)
    wait(lambda: (m2s.head(), m2s.tail(), m2s.desc(0)[2]) == (65, 1, 2048), "the slot to be empty again")
    for _ in range(100):
        asked(vpp, peer, 1)
    peer.close()
    wait(lambda: not is_up(vpp, "memif1/3"), "the link to go down")
    asked(vpp, listener.accept().connect())


def test_a_master_that_offers_less(hand):
    vpp, listener = hand
    peer = listener.accept(max_ring=0, max_log2=5).connect()
    assert [len(peer.rings[d]) for d in (S2M, M2S)] == [1, 1]
    assert peer.rings[S2M][0].size == 32
    asked(vpp, peer)
    peer.close()
    peer = listener.accept().connect()
    assert [len(peer.rings[d]) for d in (S2M, M2S)] == [1, 2]
    asked(vpp, peer, 1)


def test_a_master_that_lies(hand):
    """What stands in a slave's memory is for the master: the slave does not ask it where its buffers are."""
    vpp, listener = hand
    peer = listener.accept().connect()
    asked(vpp, peer)
    m2s, s2m = peer.rings[M2S][0], peer.rings[S2M][0]
    for slot in range(64):
        s2m.desc(slot, 1, 77, 0xffffffff, 0xffffffff)
    reply = peer.rings[S2M][0].head()
    peer.put(ARP_REQUEST)
    wait(lambda: s2m.head() == (reply + 1) & 0xffff, "an answer")
    m2s.desc(m2s.tail(), 0, 99, 4096, 0xfffffff0)
    m2s.tail(m2s.tail() + 1)
    m2s.ring_bell()
    vpp.wait_error("bad descriptor")
    m2s.tail(m2s.tail() + 65)
    m2s.ring_bell()
    assert peer.reason() == "ring index out of range"
    for message, why in (((CONNECTED,), "unexpected message received"), ((HELLO, bytes(40)), "unexpected message received"),
                         ((ADD_REGION, bytes(40)), "unexpected message received"), ((99,), "unknown message type (0x63)")):
        peer = listener.accept()
        peer.receive()
        peer.send(*message)
        assert peer.reason() == why
    peer = listener.accept(versions=(0x300, 0x400))
    assert peer.reason() == "incompatible protocol version"
    # its indices of what it has taken
    peer = listener.accept().connect()
    asked(vpp, peer)
    peer.rings[S2M][0].tail(peer.rings[S2M][0].tail() + 100)
    peer.put(ARP_REQUEST)
    assert peer.reason() == "ring index out of range"
    asked(vpp, listener.accept().connect())
    wait(lambda: vpp.buffers_used() == 0, "buffers to be free")

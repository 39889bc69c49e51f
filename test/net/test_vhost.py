"""vhost-user: guests by hand (vhost_peer.py), which do what virtio says or not."""
import os
import struct

import lib
import pytest
import vhost_peer as v
from vhost_peer import RX, TX

TIMEOUT = 60
NAME = "VirtualEthernet0/0/0"
GUEST_MAC = bytes.fromhex("020000000099")
ARP_REQUEST = bytes.fromhex("ffffffffffff" "020000000099" "0806" "0001080006040001" "020000000099" "0a1e0002"
                            "000000000000" "0a1e0001")
ARP_REPLY = bytes.fromhex("08060001080006040002")


def wait(condition, what):
    return lib.wait_for(condition, what, timeout=TIMEOUT)


def shown(vpp, name=NAME):
    return vpp.json(f"show vhost-user {name}")["interfaces"][0]


def is_up(vpp, name=NAME):
    return vpp.link(name) == "up"


def errors(vpp):
    """Of its nodes: {reason: count}."""
    return {e["reason"]: e["count"] for e in vpp.json("show errors")["errors"]}


@pytest.fixture
def folder(net):
    return net.vpp(net.namespace(), start=False).folder


def configured(vpp, path, words="server"):
    vpp.configure(f"""
        create vhost-user socket {path} {words}
        set interface state {NAME} up
        set interface ip address {NAME} 10.30.0.1/24
    """)
    vpp.path = path
    return vpp


@pytest.fixture
def make(net, folder):
    """A switch with an interface 10.30.0.1, whose socket is made with these words."""
    return lambda words="server": configured(net.vpp(net.namespace()), folder + "/vh.sock", words)


@pytest.fixture
def guest():
    made = []

    def make(vpp=None, **kwargs):
        made.append(v.Guest(**kwargs))
        return made[-1].attach(v.connect(vpp.path)) if vpp else made[-1]
    yield make
    for one in made:
        one.close()


def answer(g, timeout=30):
    """The next ARP reply, behind what the switch says by itself; None: there is none."""
    for _ in range(1000):
        got = g.get(timeout=timeout)
        if got is None or got[1][12:22] == ARP_REPLY:
            return got
        g.post(count=1)


def answers(vpp, g, **kwargs):
    """An ARP request, sent like this, is answered."""
    g.post(count=2)
    g.put(ARP_REQUEST, **kwargs)
    assert g.sent()[1] == 0
    header, reply = answer(g)
    assert reply[:6] == GUEST_MAC and reply[6:12].hex(":") == vpp.mac(NAME)
    return header, reply


KINDS = {
    "split": {},
    "packed": {"features": v.VERSION_1 | v.MRG_RXBUF | v.INDIRECT | v.PROTOCOL | v.PACKED},
    "event-idx": {"features": v.VERSION_1 | v.INDIRECT | v.PROTOCOL | v.EVENT_IDX},
    "packed-event-idx": {"features": v.VERSION_1 | v.INDIRECT | v.PROTOCOL | v.PACKED | v.EVENT_IDX},
    "old": {"features": v.VERSION_1, "protocol": 0},
}


# ---- guests that are right

@pytest.mark.parametrize("kind", KINDS)
def test_a_guest_by_hand(make, guest, kind):
    vpp = make("server packed event-idx")
    g = guest(vpp, **KINDS[kind])
    wait(lambda: is_up(vpp), "the link")
    for _ in range(50):  # around the ends of rings
        header, _ = answers(vpp, g)
        assert header == bytes(10) + b"\x01\0"
    # header and frame may be cut anywhere, and be in a table
    answers(vpp, g, cuts=(12,))
    answers(vpp, g, cuts=(5, 13))
    if g.features & v.INDIRECT:
        answers(vpp, g, cuts=(12, 20), indirect=True)
    # what came while the interface was down is thrown away
    wait(lambda: is_up(vpp), "the link")
    vpp.ctl(f"set interface state {NAME} down")
    assert is_up(vpp)
    g.put(ARP_REQUEST)
    assert g.sent(timeout=0.2) is None
    vpp.ctl(f"set interface state {NAME} up")
    assert g.sent()
    answers(vpp, g)
    about = shown(vpp)
    assert (about["connected"], about["virtio_net_hdr_sz"], len(about["rings"])) == (True, 12, 2)
    assert all(ring["up"] and ring["size"] == 64 for ring in about["rings"])
    text = vpp.ctl(f"show vhost-user {NAME} descriptors verbose")
    assert " Virtqueue 0 (TX)\n" in text and " Virtqueue 1 (RX)\n" in text and "  63    0x" in text
    assert not errors(vpp).get("mmap failure") and vpp.buffers_used() == 0


def test_a_guest_that_sleeps_is_woken_and_wakes(make, guest):
    vpp = make("server event-idx")
    for features in (v.VERSION_1 | v.PROTOCOL, v.VERSION_1 | v.PROTOCOL | v.EVENT_IDX):
        g = guest(vpp, features=features)
        rx, tx = g.rings[RX], g.rings[TX]
        wait(lambda: is_up(vpp), "the link")
        answers(vpp, g)
        # an empty ring says that it wants to hear
        if features & v.EVENT_IDX:
            wait(lambda: tx.wants_kick_at() == tx.next_avail & 0xffff, "the switch to sleep")
        else:
            wait(tx.wants_kick, "the switch to sleep")
            assert not rx.wants_kick()
            # a guest that does not want to be interrupted is not
            rx.want_calls(False)
            tx.want_calls(False)
        while rx.called() or tx.called():
            pass
        if features & v.EVENT_IDX:
            rx.want_call_at(rx.next_used + 1000)
        g.post(count=2)
        g.put(ARP_REQUEST)
        wait(lambda: rx.used_idx() == (rx.next_used + 1) & 0xffff, "the answer")
        answer(g)
        assert rx.called() == 0
        g.detach()
        wait(lambda: not is_up(vpp), "the link to go down")


def test_mergeable_buffers(make, guest):
    """A packet goes into as many buffers as it takes; without them it is dropped, and the buffer stays."""
    vpp = make()
    echo = ARP_REQUEST  # learns who 10.30.0.2 is
    for features, fits in ((v.VERSION_1 | v.MRG_RXBUF | v.PROTOCOL, True), (v.VERSION_1 | v.PROTOCOL, False)):
        g = guest(vpp, features=features, buffer_bytes=256)
        wait(lambda: is_up(vpp), "the link")
        g.post(count=2)
        g.put(echo)
        assert answer(g)
        g.post(count=10)
        used = g.rings[RX].used_idx()
        vpp.ctl("ping 10.30.0.2 repeat 1 size 1000 interval 0.01")
        if fits:
            header, frame = g.get()
            while frame[12:14] != b"\x08\0":
                header, frame = g.get()
            assert len(frame) == 1050 and struct.unpack_from("<H", header, 10)[0] == 5
        else:
            wait(lambda: errors(vpp).get("tx packet drops (cannot merge descriptors)"), "a drop")
            assert g.rings[RX].used_idx() - used in (0, 1)  # of the size that fits there may be one
        g.detach()
        wait(lambda: not is_up(vpp), "the link to go down")


def test_memory_in_pieces(make, guest):
    """Buffers, and tables of descriptors, lie across the border of two regions, and of two that are added and go."""
    vpp = make()
    g = guest(vpp, pieces=8)
    wait(lambda: is_up(vpp), "the link")
    assert len(shown(vpp)["regions"]) == 8
    border = g.memory.size // 8 * 2
    data = bytes(v.HEADER) + ARP_REQUEST
    for before in (1, 12, 20):
        g.memory.write(border - before, data)
        g.post(count=4, pieces=lambda at: [(border * 2 - 20, 2048)])
        g.rings[TX].offer([(border - before, len(data))])
        g.rings[TX].kick()
        assert g.sent() and answer(g)[1][:6] == GUEST_MAC
    # a table across the border
    table = border - 8
    at = g.memory.take(len(data))
    g.memory.write(at, data)
    g.memory.set("QIHH", table, v.GUEST_BASE + at, 12, v.NEXT, 1)
    g.memory.set("QIHH", table + 16, v.GUEST_BASE + at + 12, len(data) - 12, 0, 0)
    g.post(count=4)
    g.rings[TX].offer([(table, 32)], v.IS_INDIRECT)
    g.rings[TX].kick()
    assert g.sent() and answer(g)
    # memory that comes and goes while rings run
    assert g.ask_u64(v.GET_MAX_MEM_SLOTS) == 32
    more = v.Memory(1 << 20)
    region = struct.pack("=QQQQQ", 0, 0x10000000, 1 << 20, 0x100000000, 0)
    assert g.tell(v.ADD_MEM_REG, region, [more.fd]) == 0
    assert g.tell(v.ADD_MEM_REG, region, [more.fd]) == 1  # it is there
    assert len(shown(vpp)["regions"]) == 9
    more.write(0, data)
    g.post(count=4)
    g.rings[TX].offer([(0x10000000 - v.GUEST_BASE, len(data))])
    g.rings[TX].kick()
    assert g.sent() and answer(g)
    assert g.tell(v.REM_MEM_REG, region) == 0
    assert g.tell(v.REM_MEM_REG, region) == 1
    answers(vpp, g)
    os.close(more.fd)


def test_several_queues(make, guest):
    vpp = make()
    g = guest(vpp, features=v.VERSION_1 | v.MRG_RXBUF | v.PROTOCOL | v.MQ, pairs=3)
    wait(lambda: is_up(vpp), "the link")
    assert g.ask_u64(v.GET_QUEUE_NUM) == 128
    assert f"{NAME} queue 2 (adaptive)" in vpp.ctl("show interface rx-placement")
    for pair in range(3):
        g.post(pair=pair, count=2)
        g.put(ARP_REQUEST, pair=pair)
        assert g.sent(pair=pair)
    # pairs that the guest does not use are not sent to
    for ring in (2, 3, 4, 5):
        assert g.tell(v.SET_VRING_ENABLE, struct.pack("=II", ring, 0)) == 0
    answers(vpp, g)
    assert [r["up"] for r in shown(vpp)["rings"]] == [True, True, False, False, False, False]
    vpp.ctl(f"set interface rx-mode {NAME} interrupt")
    answers(vpp, g)
    vpp.ctl(f"set interface rx-mode {NAME} polling")
    answers(vpp, g)
    assert "polling" in vpp.ctl(f"show vhost-user {NAME}")


def test_status_mtu_and_rarp(make, guest):
    vpp = make()
    g = guest(vpp)
    wait(lambda: is_up(vpp), "the link")
    assert g.tell_u64(v.SET_STATUS, 15) == 0 and g.ask_u64(v.GET_STATUS) == 15
    assert g.tell_u64(v.SET_STATUS, 256) == 1
    assert g.tell_u64(v.NET_SET_MTU, 67) == 1 and g.tell_u64(v.NET_SET_MTU, 1400) == 0
    assert shown(vpp)["mtu"] == 1400
    # the address of a guest that has moved here is learnt
    vpp.ctl("create bridge-domain 5")
    vpp.ctl(f"set interface l2 bridge {NAME} 5")
    assert g.tell_u64(v.SEND_RARP, int.from_bytes(bytes.fromhex("0200000000770000"), "little")) == 0
    wait(lambda: "02:00:00:00:00:77" in vpp.ctl("show l2fib verbose"), "the address to be learnt")
    # a device that is reset has no features, and no rings
    assert g.tell(v.RESET_DEVICE) == 0
    wait(lambda: not is_up(vpp), "the link to go down")
    assert shown(vpp)["features"] == []


TCP_LARGE = bytes.fromhex("020000000001" "020000000099" "0800" "4500100a000040004006" "0000" "0a1e0002" "0a1e0009"
                          "04d20050" "00000001" "00000001" "50100100" "0000" "0000")


def large(payload):
    """(header, frame) of a TCP packet that is to be cut into segments of 1000 bytes."""
    frame = bytearray(TCP_LARGE + bytes(payload))
    struct.pack_into(">H", frame, 16, len(frame) - 14)
    total = sum(struct.unpack(">10H", frame[14:34]))
    struct.pack_into(">H", frame, 24, ~(total % 0xffff) & 0xffff)
    return struct.pack("<BBHHHHH", 1, 1, 54, 1000, 34, 16, 0), bytes(frame)


def test_large_packets(make, guest, folder):
    """From one guest to another as they are, where that takes them, else cut; from one that may not send them they are dropped."""
    vpp = make("server gso")
    paths = [folder + f"/{name}.sock" for name in "ab"]
    vpp.configure(f"""
        create vhost-user socket {paths[0]} server gso
        create vhost-user socket {paths[1]} server
        set interface state VirtualEthernet0/0/1 up
        set interface state VirtualEthernet0/0/2 up
        set interface l2 xconnect {NAME} VirtualEthernet0/0/1
        set interface l2 xconnect VirtualEthernet0/0/2 VirtualEthernet0/0/1
    """)
    plain = v.VERSION_1 | v.MRG_RXBUF | v.PROTOCOL
    gso = plain | v.CSUM | v.GUEST_CSUM | v.GUEST_TSO4 | v.HOST_TSO4
    sender = guest(vpp, features=gso, buffer_bytes=8192)
    wait(lambda: is_up(vpp), "the link")
    assert sender.offered & gso == gso
    header, frame = large(4000)
    for features, packets in ((gso, 1), (plain, 4)):
        taker = guest(features=features)
        taker.attach(v.connect(paths[0]))
        wait(lambda: is_up(vpp, "VirtualEthernet0/0/1"), "the link")
        taker.post(count=16)
        sender.put(frame, header=header)
        got = [taker.get() for _ in range(packets)]
        if packets == 1:
            assert got[0][1] == frame and got[0][0][:10] == header[:10]
        else:
            assert [len(f) for _, f in got] == [1054] * 4 and all(h[0] == 0 for h, _ in got)
        taker.detach()
        wait(lambda: not is_up(vpp, "VirtualEthernet0/0/1"), "the link to go down")
    other = guest(features=gso, buffer_bytes=8192)
    other.attach(v.connect(paths[1]))
    assert not other.offered & v.HOST_TSO4
    wait(lambda: is_up(vpp, "VirtualEthernet0/0/2"), "the link")
    other.put(frame, header=header)
    assert other.sent()
    wait(lambda: errors(vpp).get("large packet of a kind that cannot be cut") == 1, "a drop")


# ---- coming and going

def test_a_guest_leaves_and_comes_back(make, guest):
    vpp = make()
    fds = vpp.open_fds()
    g = guest(vpp)
    for i in range(5):
        wait(lambda: is_up(vpp), "the link")
        answers(vpp, g)
        g.detach()
        wait(lambda: not is_up(vpp), "the link to go down")
        # who does not know where it was says 0; the ring says the rest
        g.attach(v.connect(vpp.path), fresh_base=i % 2)
    wait(lambda: is_up(vpp), "the link")
    answers(vpp, g)
    # a ring is stopped, and goes on where it was
    base = g.stop_ring(TX)
    assert base == g.rings[TX].next_used & 0xffff
    assert not shown(vpp)["rings"][TX]["up"]
    g.put(ARP_REQUEST)
    assert g.sent(timeout=0.2) is None
    g.post(count=8)
    g.say_ring(TX)
    assert g.sent() and answer(g)
    # another one comes: the one before has to go
    other = guest(vpp)
    wait(lambda: is_up(vpp), "the link")
    answers(vpp, other)
    with pytest.raises((EOFError, ConnectionError)):
        g.ask_u64(v.GET_FEATURES)
    other.detach()
    wait(lambda: vpp.open_fds() <= fds, "descriptors to be closed")


def test_they_come_and_go_under_traffic(make, guest, folder, come_and_go):
    """Interfaces and guests, while the guest of another one goes on."""
    vpp = make()
    beside = guest(vpp)
    wait(lambda: is_up(vpp), "the link")
    name, path = "VirtualEthernet0/0/1", folder + "/other.sock"
    vpp.configure("create loopback interface\nset interface l2 bridge loop0 7 bvi\nset interface state loop0 up\n"
                  "set interface ip address loop0 10.31.0.1/24")

    def once(i):
        vpp.configure(f"""
            create vhost-user socket {path} server {("", "packed", "gso event-idx", "packed gso")[i % 4]}
            set interface l2 bridge {name} 7
            set interface state {name} up
        """)
        g = v.Guest(**KINDS["packed" if i % 2 else "split"])
        if i % 8 != 7:  # nobody comes
            g.attach(v.connect(path))
            g.post(count=8)
            g.put(ARP_REQUEST)  # flooded; nobody waits for what becomes of it
            if i % 3 == 0:
                wait(lambda: is_up(vpp, name), "the link")
        if i % 3 == 1:
            g.detach()
        answers(vpp, beside)
        vpp.ctl(f"delete vhost-user {name}")
        g.close()

    come_and_go([vpp], 40, once)
    answers(vpp, beside)
    wait(lambda: vpp.buffers_used() == 0, "buffers to be free")


def saved(net, folder, words):
    vpp = net.vpp(net.namespace(), start=False)
    running = f"{vpp.folder}/running.conf"
    vpp.write_conf(unix=f"running-config {running}")
    with open(running, "w", encoding="ascii") as f:
        f.write(f"create vhost-user socket {folder}/vh.sock renumber 0 hwaddr 02:fe:00:00:00:07 {words}\n"
                f"set interface ip address {NAME} 10.30.0.1/24\nset interface state {NAME} up\n")
    vpp.path = folder + "/vh.sock"
    return vpp


def test_the_switch_is_killed_under_a_guest(net, folder, guest):
    """It connects, and connects again; rings go on where they were."""
    vpp = saved(net, folder, "packed")
    listener = v.listen(folder + "/vh.sock")
    g = guest()
    vpp.start()
    for i in range(3):
        g.attach(listener.accept()[0])
        wait(lambda: is_up(vpp), "the link")
        assert vpp.mac(NAME) == "02:fe:00:00:00:07"
        answers(vpp, g)
        before = vpp.running_config()
        vpp.kill()
        g.put(ARP_REQUEST)  # nobody is there: it waits
        g.detach()
        vpp.start()
    g.post(count=8)
    g.attach(listener.accept()[0])
    assert g.sent() and answer(g)
    answers(vpp, g)
    assert vpp.running_config() == before
    listener.close()


INFLIGHT_PACKED = struct.Struct("=QHHHHHHBB")


def test_a_packed_ring_goes_on_where_its_memory_says(net, folder, guest):
    """The front end does not know how far a packed ring is used; the switch has noted it, before a batch and behind it."""
    vpp = saved(net, folder, "packed")
    listener = v.listen(folder + "/vh.sock")
    g = guest(**KINDS["packed"])
    g.protocol |= v.INFLIGHT
    vpp.start()
    g.attach(listener.accept()[0])
    memory = g.keep_inflight()
    part = len(memory) // 2

    def noted():
        _, version, size, _, _, used, old, wrap, old_wrap = INFLIGHT_PACKED.unpack_from(memory, part)
        assert (version, size) == (1, 64)
        return used | wrap << 15, old | old_wrap << 15

    def note(used, old):
        fields = list(INFLIGHT_PACKED.unpack_from(memory, part))
        fields[5:] = used & 0x7fff, old & 0x7fff, used >> 15, old >> 15
        INFLIGHT_PACKED.pack_into(memory, part, *fields)

    for crashed_at in ("rest", "before", "behind") * 2:
        wait(lambda: is_up(vpp), "the link")
        for _ in range(15):
            start = g.rings[TX].base()
            answers(vpp, g)
        now = g.rings[TX].base()
        wait(lambda: noted() == (now, now), "the place to be noted")
        vpp.kill()
        g.detach()
        if crashed_at == "before":  # the batch that was announced was never shown
            note(g.rings[TX].size - 1 | 0x8000 if now & 0x7fff != 63 else 5, now)
        elif crashed_at == "behind":  # it was shown, and that was not noted
            note(now, start)
        g.put(ARP_REQUEST)
        g.post(count=8)
        vpp.start()
        g.attach(listener.accept()[0], fresh_base=True)
        assert g.sent() and answer(g)
    # what stands there may be anything
    for lie in (bytes(32), b"\xff" * 32, INFLIGHT_PACKED.pack(0, 1, 64, 0, 0, 64, 64, 1, 1)):
        memory[part:part + len(lie)] = lie
        g.detach()
        g.attach(listener.accept()[0])
        wait(lambda: is_up(vpp), "the link")
        answers(vpp, g)
    for message in ((0, 64), (2, 0), (257, 64), (2, 32769)):
        g.send(v.GET_INFLIGHT_FD, struct.pack("=QQHHI", 0, 0, *message, 0))
        assert struct.unpack("=Q", g.reply(v.GET_INFLIGHT_FD)[0])[0] == 1
    assert g.tell(v.SET_INFLIGHT_FD, struct.pack("=QQHHI", 1 << 40, 0, 2, 64, 0), [g.inflight[0]]) == 1
    assert g.tell(v.SET_INFLIGHT_FD, struct.pack("=QQHHI", 64, 4, 2, 64, 0), [g.inflight[0]]) == 1
    answers(vpp, g)
    listener.close()


@pytest.mark.parametrize("kind", ["split", "packed"])
def test_pages_that_are_written_are_logged(make, guest, kind):
    vpp = make("server packed")
    g = guest(vpp, **KINDS[kind])
    wait(lambda: is_up(vpp), "the link")
    log = v.Memory(1 << 20)
    ring, tx = g.rings[RX], g.rings[TX]
    on_log = v.GUEST_BASE >> 12

    def dirty():
        """Pages of the guest's memory, as the front end takes them: they are clean then."""
        bits = int.from_bytes(log.read(4096, len(log.map) - 4096), "little") >> on_log
        log.write(4096, bytes(len(log.map) - 4096))
        return {page for page in range(bits.bit_length()) if bits >> page & 1}

    answers(vpp, g)
    assert not dirty()
    g.protocol |= v.LOG_SHMFD
    g.send(v.SET_LOG_BASE, struct.pack("=QQ", (1 << 20) - 4096, 4096), [log.fd])
    assert struct.unpack("=Q", g.reply(v.SET_LOG_BASE)[0])[0] == 0
    assert g.tell(v.SET_LOG_FD, b"", [log.fd]) == 0
    features = g.features & g.offered | v.PROTOCOL | v.LOG_ALL
    assert g.tell_u64(v.SET_FEATURES, features) == 0
    for i, r in enumerate(g.rings):
        assert g.say_addr(i, log=v.GUEST_BASE + (r.desc_at if kind == "packed" else r.used_at)) == 0
    answers(vpp, g)
    dirty()
    for _ in range(40):
        used = ring.next_used
        answers(vpp, g)
        pages = dirty()
        if kind == "packed":
            slots = [ring.desc_at + 16 * used]
        else:
            slots = [ring.used_at + 2, ring.used_at + 4 + 8 * (used % 64), tx.used_at + 2]
        assert {at >> 12 for at in slots} <= pages
        buffers = {ring.buffer(i) >> 12 for i in range(64)} | {ring.buffer(i) + 60 >> 12 for i in range(64)}
        assert pages & buffers
        # what the guest sends was read only
        assert not pages & ({tx.buffer(i) >> 12 for i in range(2, 62)} - buffers)
    # a log that is too short notes what it can
    g.send(v.SET_LOG_BASE, struct.pack("=QQ", 1, 0), [log.fd])
    assert struct.unpack("=Q", g.reply(v.SET_LOG_BASE)[0])[0] == 0
    answers(vpp, g)
    assert g.tell_u64(v.SET_FEATURES, features & ~v.LOG_ALL) == 0
    dirty()
    answers(vpp, g)
    assert not dirty()
    os.close(log.fd)


def test_a_saved_server_waits_for_its_socket(net, folder, guest):
    """Somebody else still listens there while it starts."""
    vpp = saved(net, folder, "server")
    other = v.listen(folder + "/vh.sock")
    vpp.start()
    assert shown(vpp)["errno"] in ("Address already in use", "Address in use")  # the second is musl's
    other.close()
    g = guest()

    def attached():
        try:
            return g.attach(v.connect(vpp.path))
        except (ConnectionError, EOFError):
            return None
    wait(attached, "the socket")
    wait(lambda: is_up(vpp), "the link")
    answers(vpp, g)


def test_commands(make, net):
    vpp = make("server feature-mask 0x40008000 gso")
    assert vpp.ctl(f"create vhost-user socket {vpp.folder}/b.sock hwaddr 02:00:00:00:00:05 renumber 7 event-idx packed") == "VirtualEthernet0/0/7\n"
    config = vpp.running_config()
    mac = vpp.mac(NAME)
    assert f"create vhost-user socket {vpp.path} renumber 0 hwaddr {mac} server feature-mask 0x40008000 gso" in config
    assert f"create vhost-user socket {vpp.folder}/b.sock renumber 7 hwaddr 02:00:00:00:00:05 packed event-idx" in config
    text = vpp.ctl("show vhost-user")
    for line in ("Virtio vhost-user interfaces\nGlobal:\n", "  Number of GSO interfaces: 1\n", f"Interface: {NAME} (ifindex 1)\n  Number of qids 2\n  GSO enable\n"
                 "virtio_net_hdr_sz 0\n features mask (0x40008000): \n features (0x0): \n  protocol features (0x0)\n\n"
                 f" socket filename {vpp.path} type server errno \"Success\"\n\n rx placement: \n",
                 "  Packed ring enable\n  Event index enable\n", "type client errno \"No such file or directory\"", " tx placement\n\n Memory regions (total 0)\n\n"):
        assert line in text, text
    for command, why in ((f"create vhost-user socket {vpp.path}", f"{vpp.path} is the socket of {NAME}"),
                         ("create vhost-user socket /tmp/x renumber 7", "there is a VirtualEthernet0/0/7"),
                         ("create vhost-user socket /" + 120 * "x", "at most 107 characters"),
                         ("create vhost-user socket /nowhere/x server", "/nowhere/x"),
                         ("delete vhost-user local0", "not a vhost-user interface"),
                         ("delete vhost-user sw_if_index 99", "not a vhost-user interface")):
        assert why in vpp.fails(command), command
    assert vpp.running_config() == config
    vpp.ctl("delete vhost-user VirtualEthernet0/0/7")
    vpp.ctl("delete vhost-user sw_if_index 1")
    assert vpp.running_config() == [] and not vpp.json("show vhost-user")["interfaces"]


# ---- guests that lie

def chain(*desc):
    """Of one descriptor."""
    def show(g, ring):
        ring.desc(0, *desc)
        ring.show(0)
    return show


def chain_loop(g, ring):
    ring.desc(0, v.GUEST_BASE, 100, v.NEXT, 1)
    ring.desc(1, v.GUEST_BASE, 100, v.NEXT, 0)
    ring.show(0)


def table_in_table(g, ring):
    table = g.memory.take(16, 16)
    g.memory.set("QIHH", table, v.GUEST_BASE + table, 16, v.IS_INDIRECT, 0)
    ring.desc(0, v.GUEST_BASE + table, 16, v.IS_INDIRECT)
    ring.show(0)


def table_of_nothing(g, ring):
    """Descriptors of no bytes, in front of a frame, cost as much to look at as others."""
    n = 513
    table = g.memory.take(16 * n, 16)
    for i in range(n - 1):
        g.memory.set("QIHH", table + 16 * i, v.GUEST_BASE, 0, v.NEXT, i + 1)
    g.memory.set("QIHH", table + 16 * (n - 1), v.GUEST_BASE, 100, 0, 0)
    ring.desc(0, v.GUEST_BASE + table, 16 * n, v.IS_INDIRECT)
    ring.show(0)


def header_wrong(g, ring):
    g.put(ARP_REQUEST, header=struct.pack("<BBHHHHH", 1, 0, 0, 0, 60000, 16, 0), kick=False)


LIES = {
    "loop": (chain_loop, "indirect descriptor overflows table"),
    "next": (chain(v.GUEST_BASE, 100, v.NEXT, 64), "indirect descriptor overflows table"),
    "address": (chain(0xfffffffffffffff0, 100), "mmap failure"),
    "length": (chain(v.GUEST_BASE, 0xffffffff), "mmap failure"),
    "direction": (chain(v.GUEST_BASE, 100, v.WRITE), "indirect descriptor overflows table"),
    "short": (chain(v.GUEST_BASE, 20), "undersized ethernet frame received (< 14 bytes)"),
    "long": (chain(v.GUEST_BASE, 100000), "frame longer than 64 KB"),
    "bytes of a table": (chain(v.GUEST_BASE, 33, v.IS_INDIRECT), "indirect descriptor overflows table"),
    "table nowhere": (chain(0x1000, 32, v.IS_INDIRECT), "mmap failure"),
    "table in a table": (table_in_table, "indirect descriptor overflows table"),
    "table of nothing": (table_of_nothing, "indirect descriptor overflows table"),
    "header": (header_wrong, "bad virtio header"),
}


def test_descriptors_that_lie_are_given_back_and_counted(make, guest):
    vpp = make()
    g = guest(vpp)
    wait(lambda: is_up(vpp), "the link")
    for name, (lie, reason) in LIES.items():
        before = errors(vpp).get(reason, 0)
        lie(g, g.rings[TX])
        g.rings[TX].kick()
        assert g.sent(), name
        wait(lambda: errors(vpp).get(reason, 0) == before + 1, f"{name} to be counted")
        answers(vpp, g)
    # in what is received into, as well
    for name in ("loop", "address", "table nowhere"):
        ring = g.rings[RX]
        LIES[name][0](g, ring)

        def all_used():
            g.put(ARP_REQUEST)
            return g.sent() and ring.used_idx() == ring.next_avail & 0xffff
        wait(all_used, "the chain to be given back")
        while ring.done():
            pass
        answers(vpp, g)
    assert vpp.buffers_used() == 0


@pytest.mark.parametrize("what", ["index", "head", "packed chain"])
def test_a_ring_that_lies_is_stopped(make, guest, what):
    """Nothing else is: the guest may begin anew."""
    vpp = make("server packed")
    g = guest(vpp, **KINDS["packed" if what == "packed chain" else "split"])
    ring = g.rings[TX]
    wait(lambda: is_up(vpp), "the link")
    answers(vpp, g)
    if what == "index":
        ring.idx(ring.next_avail + 65)
    elif what == "head":
        ring.show(64)
    else:
        for slot in range(64):
            wrap = ring.wrap_avail if slot >= ring.next_avail else not ring.wrap_avail
            g.memory.set("QIHH", ring.desc_at + 16 * slot, v.GUEST_BASE, 100, 0, v.NEXT | (v.AVAIL if wrap else v.USED))
    ring.kick()
    wait(lambda: shown(vpp)["rings"][TX]["broken"], "the ring to be stopped")
    wait(lambda: not is_up(vpp), "the link to go down")
    assert os.eventfd_read(ring.err_fd) == 1
    assert shown(vpp)["rings"][RX]["up"]
    g.detach()
    g = guest(vpp)
    wait(lambda: is_up(vpp), "the link")
    answers(vpp, g)


@pytest.mark.parametrize("what", ["rings", "data"])
def test_memory_that_is_cut_short(make, guest, what):
    vpp = make()
    g = guest(vpp)
    wait(lambda: is_up(vpp), "the link")
    answers(vpp, g)
    far = g.memory.size - 4096
    if what == "data":
        g.rings[TX].offer([(far, 1000)])
    os.ftruncate(g.memory.fd, 0 if what == "rings" else far)
    g.rings[TX].kick()
    wait(lambda: not shown(vpp)["connected"], "the connection to end")
    assert not is_up(vpp)
    again = guest(vpp)
    wait(lambda: is_up(vpp), "the link")
    answers(vpp, again)


def raw(request, size, body, flags=1):
    return struct.pack("=III", request, flags, size) + body


@pytest.mark.parametrize("message", [
    raw(v.GET_FEATURES, 0, b"", flags=2),
    raw(v.GET_FEATURES, 0, b"", flags=5),
    raw(v.SET_FEATURES, 4, bytes(4)),
    raw(v.SET_FEATURES, 8, struct.pack("=Q", 1 << 63)),
    raw(v.SET_MEM_TABLE, 1 << 31, b""),
    raw(v.SET_MEM_TABLE, 8, struct.pack("=II", 9, 0)),
    raw(v.SET_MEM_TABLE, 8, struct.pack("=II", 0, 0)),
    raw(v.SET_VRING_NUM, 8, struct.pack("=II", 0, 65536)),
    raw(v.SET_VRING_NUM, 8, struct.pack("=II", 256, 64)),
    raw(v.SET_VRING_KICK, 8, struct.pack("=Q", 0)),
    raw(v.SET_PROTOCOL_FEATURES, 8, struct.pack("=Q", 1 << 9)),
    raw(99, 0, b""),
])
def test_messages_that_lie_end_the_connection(make, message):
    vpp = make()
    sock = v.connect(vpp.path)
    sock.settimeout(30)
    sock.sendall(message)
    assert sock.recv(100) == b""
    sock.close()
    wait(lambda: not shown(vpp)["connected"], "the connection to end")


def test_messages_that_are_refused(make, guest):
    """A front end that asks is told, and may go on."""
    vpp = make()
    fds = vpp.open_fds()
    g = guest(vpp)
    wait(lambda: is_up(vpp), "the link")
    region = g.memory.regions()[0]

    def table(*regions):
        return struct.pack("=II", len(regions), 0) + b"".join(struct.pack("=QQQQ", *r) for r in regions)

    assert g.tell(v.SET_MEM_TABLE, table((0, 0, 0, 0)), [g.memory.fd]) == 1
    assert g.tell(v.SET_MEM_TABLE, table((0, 1 << 40, 0, 0)), [g.memory.fd]) == 1
    assert g.tell(v.SET_MEM_TABLE, table((1 << 63, 1 << 63, 0, 0)), [g.memory.fd]) == 1
    assert g.tell(v.SET_MEM_TABLE, table(region, region), [g.memory.fd] * 2) == 1
    assert g.tell(v.SET_MEM_TABLE, table(region)) == 1
    assert g.tell_u64(v.SET_VRING_KICK, 1, [g.memory.fd]) == 1  # no eventfd
    assert g.tell_u64(v.SET_FEATURES, 1 << 40) == 1
    assert g.tell(v.SET_VRING_ENABLE, struct.pack("=II", 1, 2)) == 1
    assert g.tell(99) == 1
    answers(vpp, g)
    # descriptors without end, and ones that nobody asked for
    g.send(v.SET_OWNER, fds=[g.memory.fd] * 20)
    with pytest.raises((EOFError, ConnectionError)):
        g.reply(v.SET_OWNER)
    wait(lambda: not is_up(vpp), "the link to go down")
    wait(lambda: vpp.open_fds() <= fds, "descriptors to be closed")
    # a message in pieces is one
    sock = v.connect(vpp.path)
    sock.settimeout(30)
    for byte in raw(v.GET_FEATURES, 0, b""):
        sock.sendall(bytes([byte]))
    assert len(sock.recv(100, 256)) == 20
    sock.close()

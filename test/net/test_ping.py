"""The command ping beyond the main job: several at a time, ourselves, sizes, ends that come early."""
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import lib
import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether
from scapy.packet import Raw


def test_the_source_is_deleted_meanwhile(net):
    """The interface that has its index next is not the source, and another table not the table."""
    vpp = net.vpp(net.namespace())

    def loopback(table):
        vpp.configure(f"""
            create loopback interface
            ip table add {table}
            set interface ip table loop0 {table}
            set interface ip address loop0 10.0.7.1/24
            set interface state loop0 up
        """)

    loopback(7)
    argv = [vpp.build + "/vppctl", "-s", vpp.cli, "ping 10.0.7.1 repeat 1000000 interval 0.005 "]
    pings = [subprocess.Popen(argv[:3] + [argv[3] + how], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE) for how in ("source loop0", "table-id 7")]
    try:
        for ping in pings:
            assert "bytes from" in ping.stdout.readline()
        vpp.ctl("delete loopback interface intfc loop0")
        vpp.ctl("ip table del 7")
        loopback(8)
        for ping in pings:
            while "Failed" not in ping.stdout.readline():
                assert ping.poll() is None
            lines = [ping.stdout.readline() for _ in range(200)]
            assert lines[-1].startswith("Failed: no "), lines
    finally:
        for ping in pings:
            ping.kill()
            ping.wait()


def test_several_at_a_time(net):
    """Each session gets its own replies, whatever the others do."""
    _, vpp = net.main_job()
    sizes = [100 + i * 700 for i in range(10)]
    with ThreadPoolExecutor(len(sizes)) as pool:
        outs = list(pool.map(
            lambda size: vpp.ctl(f"ping 10.10.1.1 repeat 5 interval 0.05 size {size}"), sizes))
    for size, out in zip(sizes, outs):
        assert out.count(f"{size + 56} bytes from 10.10.1.1: icmp_seq=") == 5, out
        assert "Statistics: 5 sent, 5 received, 0% packet loss" in out


def test_ourselves(net):
    _, vpp = net.main_job()
    out = vpp.ctl("ping 10.10.1.2 repeat 2 interval 0.02")
    assert "116 bytes from 10.10.1.2: icmp_seq=2 ttl=64 time=" in out
    assert "2 sent, 2 received" in out


def test_burst(net):
    _, vpp = net.main_job()
    out = vpp.ctl("ping 10.10.1.1 repeat 2 burst 3 interval 0.05")
    assert sorted(map(int, re.findall(r"icmp_seq=(\d+)", out))) == [1, 2, 3, 4, 5, 6]
    assert "6 sent, 6 received" in out


def test_the_largest(net):
    """Fragments on both ways."""
    _, vpp = net.main_job()
    out = vpp.ctl("ping 10.10.1.1 repeat 2 size 65000 interval 0.1")
    assert "65056 bytes from 10.10.1.1: icmp_seq=1" in out
    assert "2 sent, 2 received" in out
    assert "size is at most 65000" in vpp.fails("ping 10.10.1.1 size 65001")


def test_nothing_is_left_when_a_session_goes(net):
    _, vpp = net.main_job()
    assert "1 received" in vpp.ctl("ping 10.10.1.1 repeat 1")
    before = vpp.buffers_used()
    for _ in range(100):  # more than there may be at a time
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(vpp.cli)
            s.sendall(b"ping 10.10.1.1 repeat 100000 interval 0.01\n")
            time.sleep(0.01)
    assert "3 received" in vpp.ctl("ping 10.10.1.1 repeat 3 interval 0.02")
    lib.wait_for(lambda: vpp.buffers_used() <= before, "the buffers to come back")


def test_a_reply_that_nobody_asked_for(net):
    vpp, (wire,) = net.by_hand(1)
    wire.send(Ether(dst=wire.vpp_mac, src=wire.mac) / IP(src="10.10.1.1", dst="10.10.1.2") /
              ICMP(type=0, id=1, seq=1) / Raw(b"x" * 20))
    vpp.wait_error("echo replies that nobody waits for")


@pytest.mark.parametrize("forged", [None, b"\xff" * 8, bytes(8)])
def test_the_stamp(net, forged):
    """The request carries the time. Of a reply that brings back one that cannot be, the time is that since
    the session asked."""
    vpp, (wire,) = net.by_hand(1)
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(vpp.ctl, "ping 10.10.1.1 repeat 1 interval 30", timeout=60)
        request = wire.expect(lambda f: ICMP in f and f[ICMP].type == 8, "echo request", 20)
        data = bytes(request[ICMP].payload)
        assert began < int.from_bytes(data[:8], sys.byteorder) / 1e9 < time.monotonic()
        again = IP(bytes(request[IP]))
        del again[ICMP].chksum
        assert IP(bytes(again))[ICMP].chksum == request[ICMP].chksum
        wire.send(Ether(dst=wire.vpp_mac, src=wire.mac) / IP(src="10.10.1.1", dst="10.10.1.2") /
                  ICMP(type=0, id=request[ICMP].id, seq=request[ICMP].seq) /
                  Raw((forged or data[:8]) + data[8:]))
        out = run.result()
    took_ms = (time.monotonic() - began) * 1000
    assert 0 < float(re.search(r"time=([\d.]+) ms", out).group(1)) < took_ms, out

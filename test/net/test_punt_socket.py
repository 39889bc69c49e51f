"""Punt sockets with a program behind them: hosts on a link ask a port of the switch, and the program answers."""
import json
import os
import socket
import struct
import threading

import lib
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

IP4_ROUTED, IP6_ROUTED = 1, 2


class Program(threading.Thread):
    """Answers each datagram with its text in capitals, through the switch's socket."""

    def __init__(self, path, server):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.server = server
        self.start()

    def run(self):
        while True:
            data = self.socket.recv(1 << 16)
            if not data:
                return
            index, _ = struct.unpack("=II", data[:8])
            asked = Ether(data[8:]).payload
            swap = {"src": asked.dst, "dst": asked.src}
            ip, action = (IP(**swap, ttl=64), IP4_ROUTED) if IP in asked else (IPv6(**swap), IP6_ROUTED)
            said = bytes(asked[UDP].payload)
            answer = ip / UDP(sport=asked[UDP].dport, dport=asked[UDP].sport) / Raw(said.upper())
            self.socket.sendto(struct.pack("=II", index, action) + bytes(answer), self.server)

    def end(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"", self.socket.getsockname())
        self.join(20)
        self.socket.close()


def registrations(vpp):
    done = vpp.vppctl("show punt socket registrations json")
    return json.loads(done.stdout)["registrations"] if done.returncode == 0 else []


@pytest.mark.parametrize("sandbox", ["on", "off"])
def test_a_program_answers(net, sandbox, tmp_path):
    """Checksums that Linux leaves open are made, and so are those of large answers; neither needs the other's leave."""
    switch, host = net.namespace(), net.namespace(ipv6=True)
    server = f"{tmp_path}/punt.sock"
    vpp = net.vpp(switch, start=False)
    vpp.write_conf(f"sandbox {sandbox} running-config {vpp.running}", f"punt {{ socket {server} }}")
    vpp.start()
    vpp.host_interface("left", 1, host, "e0", gateway=True)
    program = Program(f"{tmp_path}/program.sock", server)
    for family in "ipv4", "ipv6":
        vpp.ctl(f"punt socket register {family} udp 4000 socket {tmp_path}/program.sock")

    def ask(address, text):
        """In a process of that namespace."""
        code = ("import socket, sys\n"
                "a, text = sys.argv[1], sys.argv[2].encode()\n"
                "s = socket.socket(socket.AF_INET6 if ':' in a else socket.AF_INET, socket.SOCK_DGRAM)\n"
                "s.settimeout(5)\n"
                "s.connect((a, 4000))\n"
                "s.send(text)\n"
                "sys.stdout.write(s.recv(65536).decode())\n")
        done = host.run(["/usr/bin/python3", "-c", code, address, text], check=False)
        return done.stdout if done.returncode == 0 else None

    vpp.ctl("write")
    for address in "10.1.0.2", "2001:db8:1::2":
        lib.wait_for(lambda a=address: ask(a, "hello") == "HELLO", f"an answer from {address}", timeout=60)
        long = "a long question " * 80
        lib.wait_for(lambda a=address, q=long: ask(a, q) == q.upper(), f"a long answer from {address}", timeout=60)
    # the socket is made again, in the sandbox
    vpp.vppctl("restart")
    lib.wait_for(lambda: len(registrations(vpp)) == 2, "the restart", timeout=60)
    lib.wait_for(lambda: ask("10.1.0.2", "again") == "AGAIN", "an answer after a restart", timeout=60)
    program.end()
    os.unlink(f"{tmp_path}/program.sock")
    # nobody is there: lost, counted, and the switch goes on
    assert ask("10.1.0.2", "hello") is None
    vpp.wait_error("Socket TX error")
    vpp.ctl("punt socket deregister ipv4 udp 4000")
    lib.wait_for(lambda: host.run("ping -n -c 1 -W 1 10.1.0.2", check=False).returncode == 0, "a ping", timeout=20)

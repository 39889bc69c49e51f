#!/usr/bin/python3
"""Measures the binary API: routes added and deleted by one client that does not wait for each answer, and a dump
of all of them; while another client asks control_ping, to see how long it is held up, and while a stream of packets is
routed, to see whether any is lost.

  bench/api_bench.py [--build DIR] [--routes N] [--json]

The messages are made beforehand, and answers only counted: it is the switch that is measured.
"""
import argparse
import json
import os
import select
import socket
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE + "/../test/net", HERE + "/../python"]

import lib  # noqa: E402  pylint: disable=wrong-import-position
from piste import Api  # noqa: E402  pylint: disable=wrong-import-position


def requests(api, n, add, interface):
    """Frames that add or delete n /32 routes."""
    def body(i):
        path = {"sw_if_index": interface, "weight": 1, "nh": {"address": {"ip4": socket.inet_aton("192.0.2.2")}}}
        prefix = {"address": {"af": 0, "un": {"ip4": struct.pack(">I", 0x0a000000 + i)}}, "len": 32}
        return api.definitions.encode("ip_route_add_del", {
            "client_index": api.index, "context": 7, "is_add": add,
            "route": {"prefix": prefix, "paths": [path] if add else []}})
    first = struct.pack(">H", api.number("ip_route_add_del")) + body(0)
    frame = bytearray(struct.pack(">QII", 0, len(first), 0) + first)
    at = frame.index(b"\x0a\0\0\0")
    out = bytearray(frame * n)
    for i in range(n):
        struct.pack_into(">I", out, i * len(frame) + at, 0x0a000000 + i)
    return bytes(out)


def exchange(api, data, until):
    """Sends data and reads answers, until(bytes read so far) says that these are all. Seconds."""
    s = api.socket
    s.setblocking(False)
    view, sent, got = memoryview(data), 0, 0
    begin = time.monotonic()
    while True:
        want = [s] if sent < len(data) else []
        readable, writable, _ = select.select([s], want, [], 60)
        if not readable and not writable:
            sys.exit("the switch does not answer")
        if writable:
            try:
                sent += s.send(view[sent:sent + (1 << 20)])
            except BlockingIOError:
                pass
        if readable:
            chunk = s.recv(1 << 20)
            got += len(chunk)
            if not chunk:
                sys.exit("the switch closed the connection")
            if until(got, chunk):
                s.setblocking(True)
                return time.monotonic() - begin, got


class Pinger(threading.Thread):
    """Longest time that a control_ping took."""

    def __init__(self, api):
        super().__init__()
        self.api, self.longest, self.stop = api, 0.0, False

    def run(self):
        while not self.stop:
            begin = time.monotonic()
            self.api.control_ping()
            self.longest = max(self.longest, time.monotonic() - begin)
            time.sleep(0.002)


STREAM = ("packet-generator new { name stream limit 1000000000 rate 100000 size 64-64 source pg0 node ip4-input"
          " data { UDP: 198.18.0.2 -> 198.18.1.2 UDP: 1 -> 2 incrementing 36 } }")


def measure(build, n):
    namespace = lib.Namespace()
    vpp = lib.Vpp(build, namespace).start()
    try:
        api = Api(vpp.folder + "/api.sock", folder=f"{build}/api:{build}/plugins")
        loop = api.create_loopback(mac_address=bytes(6)).sw_if_index
        api.sw_interface_set_flags(sw_if_index=loop, flags=1)
        api.sw_interface_add_del_address(sw_if_index=loop, is_add=True, prefix={
            "address": {"af": 0, "un": {"ip4": socket.inet_aton("192.0.2.1")}}, "len": 24})
        vpp.configure(lib.PG_ROUTER)
        vpp.ctl(STREAM)
        lib.wait_for(lambda: vpp.counter("pg1", "tx packets"), "the announcement of its address")
        first = vpp.counter("pg1", "tx packets")
        vpp.ctl("packet-generator enable-stream stream")
        result = {"routes": n}
        answer_bytes = 16 + 14
        for word, add in (("add", True), ("delete", False), ("again", True)):
            data = requests(api, n, add, loop)
            seconds, _ = exchange(api, data, lambda got, _: got >= n * answer_bytes)
            result[word + "_per_second"] = round(n / seconds)
        pinger = Pinger(Api(vpp.folder + "/api.sock", folder=f"{build}/api:{build}/plugins"))
        pinger.start()
        ping = struct.pack(">QIIHII", 0, 10, 0, 23, api.index, 0x70696e67)
        dump = api.definitions.encode("ip_route_dump", {"client_index": api.index, "context": 8})
        dump = struct.pack(">H", api.number("ip_route_dump")) + dump
        dump = struct.pack(">QII", 0, len(dump), 0) + dump
        end = b"\0\x18ping"
        before = vpp.counter("pg1", "tx packets")
        seconds, got = exchange(api, dump + ping, lambda _, chunk: end in chunk[-64:])
        routed = vpp.counter("pg1", "tx packets") - before
        pinger.stop = True
        pinger.join()
        result.update(dump_seconds=round(seconds, 3), dump_bytes=got,
                      longest_ping_during_dump_ms=round(pinger.longest * 1000, 2))
        vpp.ctl("packet-generator disable-stream stream")
        lib.wait_for(lambda: vpp.buffers_used() == 0, "the stream to end")
        sent = vpp.json("show packet-generator")["streams"][0]["count"]
        result.update(packets_a_second_during_dump=round(routed / seconds), packets_sent=sent,
                      packets_lost=sent - (vpp.counter("pg1", "tx packets") - first))
        return result
    finally:
        vpp.kill()
        vpp.remove()
        namespace.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=HERE + "/../build/release")
    parser.add_argument("--routes", type=int, default=1000000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(os.path.abspath(options.build), options.routes)
    if options.json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key.replace('_', ' '):30} {value}")


if __name__ == "__main__":
    main()

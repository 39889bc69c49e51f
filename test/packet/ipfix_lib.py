"""A collector of IPFIX, as RFC 7011 says, from what a link has captured."""
import datetime
import ipaddress
import struct

from packet_lib import wait_for
from scapy.layers.inet import UDP

FIELDS = {4: "protocol", 7: "sport", 8: "src", 11: "dport", 12: "dst", 27: "src6", 28: "dst6", 225: "post_src",
          226: "post_dst", 227: "post_sport", 228: "post_dport", 230: "event", 234: "vrf", 283: "pool", 323: "time", 466: "quota", 471: "max_sessions"}
ADDRESSES = {"src", "dst", "src6", "dst6", "post_src", "post_dst"}


class Collector:
    """What RFC 7011 makes of messages: records by the templates that came before them."""

    def __init__(self, capture):
        self.capture, self.templates, self.records, self.messages, self.seen = capture, {}, [], [], 0

    def take(self, messages):
        """When so many have come altogether: the records of those that are new."""
        packets = taken(self.capture, messages)
        new, self.seen = packets[self.seen:], messages
        first = len(self.records)
        for packet in new:
            self.message(bytes(packet[UDP].payload), packet[UDP].sport)
        return self.records[first:]

    def message(self, data, port):
        version, length, time, sequence, domain = struct.unpack_from(">HHIII", data)
        assert (version, length) == (10, len(data))
        assert sequence == len(self.records)
        age = datetime.datetime.now().timestamp() - time
        assert -2 < age < 600
        self.messages.append({"domain": domain, "bytes": len(data), "port": port, "templates": False})
        at = 16
        while at < len(data):
            number, bytes_ = struct.unpack_from(">HH", data, at)
            assert bytes_ > 4 and at + bytes_ <= len(data)
            self.set(number, data[at + 4:at + bytes_])
            at += bytes_
        assert at == len(data)

    def set(self, number, data):
        if number == 2:
            self.messages[-1]["templates"] = True
            while data:
                name, count = struct.unpack_from(">HH", data)
                self.templates[name] = [struct.unpack_from(">HH", data, 4 + 4 * i) for i in range(count)]
                data = data[4 + 4 * count:]
            return
        while data:
            record = {}
            for element, size in self.templates[number]:
                name, value = FIELDS[element], data[:size]
                record[name] = str(ipaddress.ip_address(value)) if name in ADDRESSES else int.from_bytes(value, "big")
                data = data[size:]
            self.records.append(record)


def taken(capture, n):
    """The packets so far, which are so many after a while; more may come."""
    wait_for(lambda: capture.count() >= n, f"{n} packets", 30)
    packets = capture.records().packets()
    assert len(packets) == n
    return packets


def waiting(switch, n):
    """So many records were sent, or wait."""
    def ready():
        switch.ctl("ipfix flush")
        return switch.json("show ipfix exporter")["records"] >= n
    wait_for(ready, f"{n} records")

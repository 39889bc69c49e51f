#!/bin/sh
# Reports of multicast listeners with three records, as a host or a switch sends them: IGMPv3 (RFC 3376) and MLDv2 (RFC 3810).
# Expected: scapy gives both as a list of three records.
# Seen: of IGMPv3 it does; of MLDv2 the list has one record, the second is the payload of the first, the third that of the second,
# and a report that is made of the list that was read has all three in it again: nothing in a comparison of bytes tells.
# For us: tests walk from record to record by their payloads, and count them against the number in the header.
cd "$(dirname "$0")" && . ./lib.sh
packages python3-scapy=2.5.0+dfsg-2
cat >"$T/reports.py" <<'END'
from scapy.all import IP, IPv6, ICMPv6MLDMultAddrRec, ICMPv6MLReport2, IPv6ExtHdrHopByHop, RouterAlert, raw
from scapy.contrib.igmpv3 import IGMPv3, IGMPv3gr, IGMPv3mr
igmp = IP(src="192.0.2.1", dst="224.0.0.22", ttl=1) / IGMPv3(type=0x22) / IGMPv3mr(
    numgrp=3, records=[IGMPv3gr(rtype=4, maddr=f"233.252.0.{i}") for i in (1, 2, 3)])
mld = IPv6(src="fe80::1", dst="ff02::16", hlim=1) / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / ICMPv6MLReport2(
    records_number=3, records=[ICMPv6MLDMultAddrRec(rtype=4, dst=f"ff02::db8:{i}") for i in (1, 2, 3)])
print("igmp", len(IP(raw(igmp))[IGMPv3mr].records))
report = IPv6(raw(mld))[ICMPv6MLReport2]
print("mld", report.records_number, len(report.records))
record, walked = report.records[0], []
while isinstance(record, ICMPv6MLDMultAddrRec):
    walked.append(record.dst)
    record = record.payload
print("walked", " ".join(walked))
print("again", raw(ICMPv6MLReport2(records_number=3, records=report.records, cksum=report.cksum)) == raw(report))
END
seen=$(/usr/bin/python3 "$T/reports.py" 2>/dev/null)
told() { echo "$seen" | sed -n "s/^$1 //p"; }
expect "scapy 2.5.0, IGMPv3, records" "$(told igmp)" 3
expect "MLDv2, number in the header and records in the list" "$(told mld)" "3 1"
expect "from payload to payload" "$(told walked)" "ff02::db8:1 ff02::db8:2 ff02::db8:3"
expect "the same bytes when made again" "$(told again)" True
exit $changed

#!/bin/sh
# The log of a NAT by IPFIX (RFC 8158): a record for each session that begins (natEvent 4) and ends (5), with the time of the event alone.
# Expected: collectors name both, find them by name, and tell the record's own time; older natEvents, 1 and 2, are named likewise.
# Seen: nfdump names 1 and 2 alone, every other event is "UNKNOW", and no filter by name finds it (`nat event create` finds 1, not 4);
# its usual output gives 1970 as the time, as does `-o csv`, and only `-o nel` and `-o raw` the record's. pmacct and tshark
# tell event and time as they were sent.
# For us: events are sent by RFC 8158's numbers; a test that reads them by nfdump asks for `-o raw` and compares numbers.
cd "$(dirname "$0")" && . ./lib.sh
packages nfdump=1.7.1-2+deb12u1 pmacct=1.7.7-1+b1 tshark=4.0.17-0+deb12u3 python3-scapy=2.5.0+dfsg-2
trap 'kill $pids 2>/dev/null; rm -rf "$T"' EXIT
cat >"$T/records.py" <<'END'
# records.py PORT: template and records for a collector at 127.0.0.1; records.py FILE: the same as a capture
import socket, struct, sys
from scapy.all import Ether, IP, Raw, UDP, wrpcap
FIELDS = ((323, 8), (230, 1), (8, 4), (225, 4), (4, 1), (7, 2), (227, 2), (234, 4))
def message(set_id, body):
    return struct.pack("!HHIIIHH", 10, 20 + len(body), 1700000000, 0, 1, set_id, 4 + len(body)) + body
messages = [message(2, struct.pack("!HH", 260, len(FIELDS)) + b"".join(struct.pack("!HH", *f) for f in FIELDS))]
messages += [message(260, struct.pack("!QB4s4sBHHIH", 1700000000123, event, bytes([10, 0, 0, 2]), bytes([192, 0, 2, 9]), 17, 4000 + event, 50000, 0, 0))
             for event in (1, 2, 4, 5)]
if sys.argv[1].isdigit():
    collector = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for m in messages:
        collector.sendto(m, ("127.0.0.1", int(sys.argv[1])))
else:
    wrpcap(sys.argv[1], [Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=4739, dport=4739) / Raw(m)
                         for m in messages])
END
cat >"$T/nfacctd.conf" <<'END'
nfacctd_ip: 127.0.0.1
nfacctd_port: 9997
plugins: print
aggregate: src_port, nat_event, timestamp_start
print_refresh_time: 2
print_history: 1m
print_output: csv
END
cd "$T" && mkdir nf
cat >collect <<'END' # in a network of its own, so that ports are free
ip link set lo up
nfcapd -p 9995 -w nf -b 127.0.0.1 >nfcapd.log 2>&1 &
nfcapd=$!
TZ=UTC nfacctd -f nfacctd.conf >pmacct.csv 2>nfacctd.log &
nfacctd=$!
sleep 3
/usr/bin/python3 records.py 9995
/usr/bin/python3 records.py 9997
sleep 6
kill $nfcapd $nfacctd
wait $nfcapd
END
unshare -n sh collect
export TZ=UTC
events() { awk '{ print $3 }' | tr '\n' ' '; }
expect "nfdump 1.7.1, natEvent 1 2 4 5 (-o nel)" "$(nfdump -q -R nf -o nel | events)" "ADD DELETE UNKNOW UNKNOW "
expect "records found by 'nat event create' or add" "$(for e in create add; do nfdump -q -R nf -o nel "nat event $e" | events; done)" "ADD ADD "
expect "numbers (-o raw)" "$(nfdump -q -R nf -o raw | sed -n 's/.*nat event *= *\([0-9]*\).*/\1/p' | tr '\n' ' ')" "1 2 4 5 "
expect "years: -o line, csv, nel" "$(for f in line csv nel; do nfdump -q -R nf -o $f | grep -o '^[0-9]\{4\}-[0-9]*-[0-9]*' | sort -u; done | tr '\n' ' ')" "1970-01-01 1970-01-01 2023-11-14 "
expect "pmacct 1.7.7" "$(sed -n 's/^\(400[0-9],[0-9]*,2023-11-14 22:13:20\).*/\1/p' pmacct.csv | sort | tr '\n' ' ')" "4001,1,2023-11-14 22:13:20 4002,2,2023-11-14 22:13:20 4004,4,2023-11-14 22:13:20 4005,5,2023-11-14 22:13:20 "
/usr/bin/python3 records.py records.pcap 2>/dev/null
expect "tshark 4.0" "$(tshark -r records.pcap -d udp.port==4739,cflow -V 2>/dev/null | sed -n 's/^ *Nat Event: \(.*(.*)\)/\1/p' | tr '\n' ';')" "NAT translation create (Historic) (1);NAT translation delete (Historic) (2);NAT44 session create (4);NAT44 session delete (5);"
exit $changed

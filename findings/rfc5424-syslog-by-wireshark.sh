#!/bin/sh
# What Wireshark makes of syslog messages as RFC 5424 lays them out, which NATs and firewalls send for their sessions.
# Expected: fields up to the message identifier, then structured data and text by themselves; a time that is not said ("-") is none.
# Seen: Wireshark 4.0 knows the version, time, host, application and process; all the rest, structured data and text, is the message
# identifier. So `syslog.msgid == "SADD"` finds no session that began; `syslog.msgid matches "^SADD "` does. A time that is not said is 1970.
# For us: our own messages are read as meant only by programs that know RFC 5424; a capture of them is searched by patterns.
cd "$(dirname "$0")" && . ./lib.sh
packages tshark=4.0.17-0+deb12u3 wireshark-common=4.0.17-0+deb12u3 python3-scapy=2.5.0+dfsg-2
/usr/bin/python3 - "$T/messages.pcap" <<'END' || exit 2
import sys
from scapy.all import IP, UDP, Ether, wrpcap
messages = ['<134>1 2026-11-30T04:05:06.123456Z nat app 77 SADD [nsess SSUBIX="0" XSADDR="192.0.2.1"] a session',
            '<134>1 2026-11-30T04:05:06.123456Z nat app 77 SADD - a session', '<134>1 - - - - - - a session']
wrpcap(sys.argv[1], [Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="192.0.2.1", dst="192.0.2.2")
                     / UDP(sport=514, dport=514) / m.encode() for m in messages])
END
fields()
{
    tshark -r "$T/messages.pcap" -Y "$1" -T fields -E separator=, -e syslog.procid -e syslog.msgid 2>"$T/log" | tr '\n' ';'
}
expect "process, message identifier" "$(fields syslog)" '77,SADD [nsess SSUBIX="0" XSADDR="192.0.2.1"] a session;77,SADD - a session;-,- - a session;'
expect "the identifier alone" "$(fields 'syslog.msgid == "SADD"')" ""
expect "as a pattern" "$(fields 'syslog.msgid matches "^SADD .*nsess"')" '77,SADD [nsess SSUBIX="0" XSADDR="192.0.2.1"] a session;'
expect "a time that is not said" "$(TZ=UTC tshark -r "$T/messages.pcap" -Y 'syslog.procid == "-"' -T fields -e syslog.timestamp 2>"$T/log")" \
    "Jan  1, 1970 00:00:00 UTC"
exit $changed

#!/bin/sh
# IS-IS pads its hellos to the link's MTU. What does FRR's isisd do on a link of 9,000 bytes, where the length no longer fits IEEE 802.3's
# length field, and who finds such hellos?
# Expected: the length stands where a type would stand, and analysers are lost.
# Seen: isisd does it right: padded hellos carry EtherType 0x8870 (LLC in jumbo frames), all else a length; tcpdump, tshark and
# scapy decode both. But libpcap's own words for them, `isis`, `iih`, `llc`, `iso`, find frames with a length alone: a capture by `isis`
# has no hello in it, and dpkt leaves the frame undecoded.
# For us: one protocol, one neighbour, two forms: what lets LLC pass by "no EtherType" has to let 0x8870 pass as well, and a
# capture that looks for hellos on jumbo links filters by address (01:80:c2:00:00:14 and :15).
cd "$(dirname "$0")" && . ./lib.sh
packages frr=8.4.4-1.1~deb12u2 tcpdump=4.99.3-1 libpcap0.8=1.10.3-1 tshark=4.0.17-0+deb12u3 python3-scapy=2.5.0+dfsg-2 python3-dpkt=1.9.8-1
a=${T##*/}-a b=${T##*/}-b # namespaces
trap 'kill $(cat "$T"/?.*.pid) 2>/dev/null; ip netns del "$a"; ip netns del "$b"; rm -rf "$T"' EXIT
{ ip netns add "$a" && ip netns add "$b"; } || exit 2
ip -n "$a" link add a0 mtu 9000 type veth peer name b0 mtu 9000 netns "$b"
# FRR's daemons want their user in the group frrvty: within their mount namespace, root is
{ cat /etc/group; echo "frrvty:x:64001:root"; } | awk -F: '$1 == "frrvty" && seen++ { next } $1 == "frrvty" { $0 = "frrvty:x:" $3 ":root" } 1' >"$T/group"
# shellcheck disable=SC2016
printf '#!/bin/sh\nmount --bind "$T/group" /etc/group\nexec "$T/root/usr/lib/frr/$2" -u root -g root --vty_socket "$T" -i "$T/$1.$2.pid" -z "$T/$1.api" -f "$T/$1" -d\n' >"$T/start"
chmod +x "$T/start"
export T LD_LIBRARY_PATH="$LD_LIBRARY_PATH:${LD_LIBRARY_PATH%%:*}/frr"
for i in a b; do
    n=${T##*/}-$i
    ip -n "$n" link set lo up
    ip -n "$n" link set ${i}0 up
    ip -n "$n" addr add 10.9.0.$((0x$i)) peer 10.9.0.0/24 dev ${i}0
    printf 'interface %s0\n ip router isis 1\n isis hello-interval 1\nrouter isis 1\n net 49.0001.0000.0000.000%s.00\n' $i $i >"$T/$i"
done
ip netns exec "$a" timeout 20 tcpdump -U -s 0 -ni a0 -w "$T/seen.pcap" ether multicast 2>/dev/null &
for i in a b; do
    for daemon in zebra isisd; do
        ip netns exec "${T##*/}-$i" unshare -m "$T/start" $i $daemon >/dev/null 2>&1
    done
done
wait $!
# how many that a filter of libpcap's finds are hellos (type 15 or 16, of 9,014 bytes): none, or some
hellos() { [ "$(tcpdump -nr "$T/seen.pcap" "$@" 2>/dev/null | grep -c 'Lan IIH')" -gt 0 ] && echo found || echo none; }
types() { tshark -r "$T/seen.pcap" -Y "isis && $1" -T fields -e eth.type -e frame.len 2>/dev/null | sort -u | tr '\t\n' ' ;'; }
expect "hellos of isisd 8.4.4, type and length" "$(types isis.hello)" "0x8870 9014;"
expect "other messages, types" "$(tshark -r "$T/seen.pcap" -Y 'isis && !isis.hello' -T fields -e eth.type 2>/dev/null | sort -u | tr '\n' ';')" ";"
expect "hellos by tcpdump 4.99.3: no filter, type, isis, iih, llc, iso" \
    "$(hellos), $(hellos ether proto 0x8870), $(hellos isis), $(hellos iih), $(hellos llc), $(hellos iso)" "found, found, none, none, none, none"
expect "by scapy 2.5.0 and dpkt 1.9.8" "$(/usr/bin/python3 - "$T/seen.pcap" 2>/dev/null <<'END'
import sys
import dpkt
from scapy.all import load_contrib, rdpcap
load_contrib("isis")
hello, = {" ".join(layer.split("_")[0] for layer in p.summary().split(" / ")[1:3]) for p in rdpcap(sys.argv[1]) if bytes(p)[12:14] == b"\x88\x70"}
raw, = {type(dpkt.ethernet.Ethernet(f).data).__name__ for _, f in dpkt.pcap.Reader(open(sys.argv[1], "rb")) if f[12:14] == b"\x88\x70"}
print(hello, raw)
END
)" "LLC ISIS bytes"
exit $changed

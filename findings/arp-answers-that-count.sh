#!/bin/sh
# RFC 826 looks at the sender's addresses and the opcode of an ARP answer, and at nothing else before it learns.
# Expected: whatever asks takes every answer that the kernel takes, but those that tell nobody in particular (gratuitous ones).
# Seen: the kernel learns from all (from a broadcast it goes and asks again). iputils' arping wants its own address and MAC as target;
# Habets' arping and nmap want their MAC but not their address, and both do not see an answer with the tag of VLAN 0,
# which iputils, arp-scan and the kernel do; arp-scan does not see what is sent to broadcast; scapy takes a gratuitous reply.
# For us: an answer is unicast, untagged, with the asker's address and MAC as target, so that every tool counts it; and a
# tool that counts nothing does not prove that nobody answered.
cd "$(dirname "$0")" && . ./lib.sh
packages python3-scapy=2.5.0+dfsg-2 iputils-arping=3:20221126-1+deb12u1 arping=2.23-1 arp-scan=1.10.0-2 nmap=7.93+dfsg1-1
r=${T##*/}-r s=${T##*/}-s # namespaces
trap 'kill $answerer 2>/dev/null; ip netns del "$r"; ip netns del "$s"; rm -rf "$T"' EXIT
{ ip netns add "$r" && ip netns add "$s"; } || exit 2
ip -n "$r" link add r0 address 02:00:00:00:00:10 type veth peer name s1 address 02:00:00:00:00:11 netns "$s"
ip -n "$r" link set r0 up
ip -n "$s" link set s1 up
ip -n "$r" addr add 10.9.0.1/24 dev r0
in_r() { ip netns exec "$r" env LD_LIBRARY_PATH="$LD_LIBRARY_PATH" NMAPDIR="$T/root/usr/share/nmap" "$@" 2>/dev/null; }
counts() { grep -Eqi "$1" && printf ' %s' "$2"; }
askers()
{
    : >"$T/ready"
    ip netns exec "$s" /usr/bin/python3 arp-answers.py "$1" >"$T/ready" 2>/dev/null &
    answerer=$!
    while kill -0 $answerer && ! grep -q ready "$T/ready"; do sleep 0.2; done
    in_r "$T/root/usr/bin/arping" -I r0 -c 1 -w 2 10.9.0.9 | counts 'Received 1 ' iputils
    in_r "$T/root/usr/sbin/arping" -i r0 -c 1 -w 2 10.9.0.9 | counts ' 1 packets received' habets
    in_r arp-scan -q -I r0 -r 1 -t 1500 10.9.0.9 | counts '^10\.9\.0\.9' arp-scan
    in_r nmap -sn -n -PR --max-retries 0 10.9.0.9 | counts 'MAC Address: 02:00:00:00:00:99' nmap
    in_r /usr/bin/python3 -c 'from scapy.all import ARP, Ether, srp
print(len(srp(Ether(dst="ff:ff:ff:ff:ff:ff") / ARP(pdst="10.9.0.9"), iface="r0", timeout=1.5, verbose=0)[0]))' | counts '^1$' scapy
    ip -n "$r" neigh flush dev r0
    in_r ping -c 1 -W 1 10.9.0.9 >"$T/ping"
    ip -n "$r" neigh show 10.9.0.9 | counts '02:00:00:00:00:99' kernel
    kill $answerer
}
echo "iputils-arping 20221126, Habets arping 2.23, arp-scan 1.10.0, nmap 7.93, scapy 2.5.0, Linux $(uname -r):"
expect "as RFC 826 has it" "$(askers plain)" " iputils habets arp-scan nmap scapy kernel"
expect "Ethernet source other than the sender's MAC" "$(askers other-source)" " iputils habets arp-scan nmap scapy kernel"
expect "to broadcast" "$(askers broadcast)" " iputils habets nmap scapy kernel"
expect "tag of VLAN 0" "$(askers vlan-0)" " iputils arp-scan kernel"
expect "target address 0.0.0.0" "$(askers target-ip-0)" " habets arp-scan nmap scapy kernel"
expect "target MAC zero" "$(askers target-mac-0)" " arp-scan scapy kernel"
expect "gratuitous reply" "$(askers gratuitous-reply)" " scapy kernel"
expect "gratuitous request" "$(askers gratuitous-request)" " kernel"
exit $changed

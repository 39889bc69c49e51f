#!/bin/sh
# Who looks for a duplicate of its IPv4 address before it uses it (a probe, RFC 5227 2.1.1), and what it takes for one. A switch that answers
# for the stations that it knows (ARP termination or suppression) tells whoever asks for its own address its own MAC.
# Expected: an answer and an announcement of another station are a conflict to all, as is another's probe for the same address to all but the
# arpings; an answer with the asker's own MAC is to none.
# Seen: to busybox' udhcpc -a the asker's own MAC is a conflict, and it declines its own lease again and again; another's announcement and
# another's probe are none. The arpings do not heed another's probe. dhcpcd and avahi-autoipd are as RFC 5227 has it.
# For us: a probe for the asker's own station is not answered but sent on, as if nobody were known to have the address; and who announces
# an address keeps no udhcpc from it: only an answer does.
cd "$(dirname "$0")" && . ./lib.sh
packages python3-scapy=2.5.0+dfsg-2 iputils-arping=3:20221126-1+deb12u1 busybox=1:1.35.0-4+deb12u1+b1 dhcpcd-base=9.4.1-24~deb12u5 \
    avahi-autoipd=0.8-10+deb12u1 dnsmasq-base=2.90-4~deb12u2
a=${T##*/}-a b=${T##*/}-b # namespaces: of who asks, of who answers
trap 'kill $answerer $server 2>/dev/null; ip netns del "$a"; ip netns del "$b"; rm -rf "$T"' EXIT
{ ip netns add "$a" && ip netns add "$b"; } || exit 2
ip -n "$a" link add a0 address 02:00:00:00:00:10 type veth peer name b0 address 02:00:00:00:00:11 netns "$b"
ip -n "$a" link set a0 up
ip -n "$b" link set b0 up
ip -n "$b" addr add 10.9.0.1/24 dev b0
cat >"$T/answer.py" <<'PYTHON'
# answer.py WAY: what probes are answered with on b0
import sys
from scapy.all import ARP, Ether, sendp, sniff
OWN, OTHER, BROADCAST = "02:00:00:00:00:10", "02:00:00:00:00:99", "ff:ff:ff:ff:ff:ff"
way = sys.argv[1]
def answer(p):
    mac = OWN if way == "own" else OTHER
    if way in ("own", "other"):
        sendp(Ether(src=mac, dst=OWN) / ARP(op=2, hwsrc=mac, psrc=p[ARP].pdst, hwdst=OWN, pdst="0.0.0.0"), iface="b0", verbose=0)
    elif way != "none":
        who = "0.0.0.0" if way == "probe" else p[ARP].pdst
        sendp(Ether(src=mac, dst=BROADCAST) / ARP(op=1, hwsrc=mac, psrc=who, hwdst="00:00:00:00:00:00", pdst=p[ARP].pdst), iface="b0", verbose=0)
sniff(iface="b0", prn=answer, store=0, started_callback=lambda: print("ready", flush=True),
      lfilter=lambda p: ARP in p and p[ARP].op == 1 and p[ARP].psrc == "0.0.0.0" and p[ARP].hwsrc == OWN)
PYTHON
ip netns exec "$b" dnsmasq -C /dev/null --no-daemon -i b0 --bind-interfaces --no-resolv -p0 --user=root --no-ping --dhcp-authoritative \
    --dhcp-range=10.9.0.9,10.9.0.9,1h --dhcp-leasefile="$T/leases" --pid-file= >/dev/null 2>&1 &
server=$!
printf 'noipv6rs\nnoipv4ll\ninterface a0\nstatic ip_address=10.9.0.9/24\n' >"$T/dhcpcd"
# who WHO CONFLICT NONE COMMAND...: says WHO if what the command writes has CONFLICT before NONE, or if it fails; WHO? if neither comes in 20 seconds
who()
{
    name=$1 conflict=$2 none=$3
    shift 3
    ip -n "$a" addr flush dev a0
    # its files of state are none of this machine's
    ip netns exec "$a" unshare -m sh -c 'mount -t tmpfs t /run; mount -t tmpfs t /var/lib; mkdir /run/dhcpcd /var/lib/dhcpcd /var/lib/avahi-autoipd; exec "$@"' - \
        env LD_LIBRARY_PATH="$LD_LIBRARY_PATH" "$@" >"$T/said" 2>&1 &
    asker=$!
    verdict="$name?"
    for _ in $(seq 200); do
        first=$(grep -aEom1 "$conflict|$none" "$T/said") && {
            echo "$first" | grep -aEq "$conflict" && verdict=$name || verdict=
            break
        }
        kill -0 $asker 2>/dev/null || {
            wait $asker && verdict= || verdict=$name
            break
        }
        sleep 0.1
    done
    { kill $asker; wait $asker; } 2>/dev/null
    printf '%s' "${verdict:+ $verdict}"
}
conflicts()
{
    : >"$T/ready"
    ip netns exec "$b" /usr/bin/python3 "$T/answer.py" "$1" >"$T/ready" 2>/dev/null &
    answerer=$!
    while kill -0 $answerer && ! grep -q ready "$T/ready"; do sleep 0.2; done
    who iputils failed failed "$T/root/usr/bin/arping" -D -I a0 -c 2 -w 3 10.9.0.9
    who busybox failed failed "$T/root/bin/busybox" arping -D -I a0 -c 2 -w 3 10.9.0.9
    who udhcpc declining declining "$T/root/bin/busybox" udhcpc -a -f -q -i a0 -s /bin/true
    who dhcpcd 'DAD detected' 'DAD completed' "$T/root/usr/sbin/dhcpcd" -f "$T/dhcpcd" -4 -B -d -c /bin/true a0
    who avahi-autoipd conflicting BIND "$T/root/usr/sbin/avahi-autoipd" --no-drop-root --no-chroot --no-proc-title --start=169.254.9.9 --force-bind a0
    { kill $answerer; wait $answerer; } 2>/dev/null
}
echo "iputils' arping 20221126, busybox' arping and udhcpc 1.35.0, dhcpcd 9.4.1, avahi-autoipd 0.8; who sees a conflict in"
expect "no answer" "$(conflicts none)" ""
expect "an answer with another's MAC" "$(conflicts other)" " iputils busybox udhcpc dhcpcd avahi-autoipd"
expect "an answer with the asker's own" "$(conflicts own)" " udhcpc"
expect "another's announcement" "$(conflicts announcement)" " iputils busybox dhcpcd avahi-autoipd"
expect "another's probe" "$(conflicts probe)" " dhcpcd avahi-autoipd"
exit $changed

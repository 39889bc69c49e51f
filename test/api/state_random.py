"""Random states of a switch: commands made from the grammar that the switch itself tells (`show cli docs`),
and messages made from its definitions. What modules bring later is covered without a change here, but for
types of values that nobody can guess: POOLS."""
import ipaddress
import json
import re

NAMES = ["a", "uplink", "loop0", "loop1", "bvi0", "pg0", "pg1", "pipe0", "pipe0.1", "host-v0", "host-v1", "host-v0.5",
         "loop0.1", "local0", "del", "up", "all", "any", "name", "table", "0", "7", "10.0.0.1", "x" * 20, "y" * 59,
         "a.b", "a:b", "a,b", "-", "(", "[", "<", "|", "?", "help", "json", "via", "drop", "count", "index",
         "p0", "p1", "aside0", "l2", "host-host-v0", "'", "`", "%s", "add", "id", "0x1f", "l2", "choices"]
WORDS = ["a", "x y", "with {braces}", "#", "$a", "a\\b", "\"", "| include x", "-", "del", "name b", "{", "}", "ä"]
MACS = ["02:00:00:00:00:01", "02:fe:00:00:00:02", "0:1:2:3:4:5", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff",
        "00:00:00:00:00:00", "0201.0203.0405"]
ADDRESSES = ["10.0.0.1", "10.0.0.2", "10.0.1.1", "10.1.0.7", "10.1.0.8", "192.168.7.1", "192.168.7.9", "0.0.0.0",
             "224.0.0.1", "255.255.255.255", "169.254.1.1", "127.0.0.1"]
PREFIXES = ["10.0.0.1/24", "10.0.0.2/24", "10.0.1.1/31", "10.1.0.7/16", "10.1.0.8/32", "192.168.7.1/24", "0.0.0.0/0",
            "224.0.0.0/4", "10.0.0.0/8", "255.255.255.255/32"]
ADDRESSES6 = ["2001:db8:a0::1", "2001:db8:a0::2", "2001:db8:a1::1", "2001:db8:a1::9", "fe80::1", "fe80::2:1", "ff02::1",
              "ff02::5", "::", "::1", "::ffff:10.0.0.1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"]
PREFIXES6 = ["2001:db8:a0::1/64", "2001:db8:a0::2/64", "2001:db8:a1::1/127", "2001:db8:a1::9/48", "2001:db8::7/128",
             "fe80::1/64", "fe80::5/128", "::/0", "ff02::5/128", "ff00::/8", "2001:db8:a0::/64", "fe80::/10"]
NUMBERS = ["0", "1", "2", "3", "5", "10", "64", "100", "1500", "9000", "4095", "65535", "0x10", "4294967295"]
SMALL = ["0", "1", "2", "3", "5", "7"]

POOLS = {
    "string": NAMES, "mac": MACS, "ip-address": ADDRESSES + ADDRESSES6, "ip4-address": ADDRESSES, "ip-prefix": PREFIXES + PREFIXES6,
    "ip4-prefix": PREFIXES, "ip6-address": ADDRESSES6, "ip6-prefix": PREFIXES6,
    "u8": SMALL + ["255"], "u16": NUMBERS, "u32": NUMBERS, "u64": NUMBERS, "i32": ["0", "-1", "14", "-14", "4"],
    "on-off": ["on", "off", "enable", "disable"], "size": ["1k", "64k", "2M", "1000000"], "float": ["0.5", "1"],
    "page-size": ["4k", "default"], "block": ["{ a }"], "rest": WORDS, "row": ["5", "6"],
    "sub-interface-ids": ["1", "2", "5", "7-9", "100", "4294967295", "0"],
    "vlan-id": ["1", "5", "100", "4095", "any"], "pg-name": ["pg0", "pg1", "pg5"],
    "classify-mask": ["l2 src dst", "l3 ip4 src", "l3 ip4 proto", "l2 dst l3 ip4 dst", "hex ffff", "l2 tag1",
                      "l3 ip4 src l4 dst_port", "l2 src proto"],
    "classify-match": ["l2 src 02:00:00:00:00:01 dst 02:00:00:00:00:02", "l3 ip4 src 10.0.0.1", "l3 ip4 proto 17",
                       "hex 0102030405060708090a0b0c0d0e0f10", "l2 dst 02:00:00:00:00:03 l3 ip4 dst 10.0.0.9"],
    "classify-next": ["0", "1", "deny", "permit", "ip4-node ip4-drop", "4294967295", "drop", "local", "ethernet"],
    "classify-opaque": ["1", "7"],
    "policer-action": ["drop", "transmit", "mark-and-transmit AF11", "mark-and-transmit CS7"],
    "qos-source": ["ip", "vlan", "mpls", "ext"],
    "qos-row": ["[ip][1=2]", "[vlan][3=4]", "[ip][255=0]"],
    "nat44-ei-endpoint": ["10.0.0.1:80", "10.1.0.7:53", "0.0.0.0:0"],
    "nat-endpoint": ["10.0.0.1:80", "10.0.0.2:80", "10.1.0.7:53", "10.1.0.8:65535", "0.0.0.0:0"],
    "trace-filter": ["all"], "trace-node": ["ip4-input"],
}
# by the label of a value, when that says more than its type
LABELS = {
    "table-id": SMALL, "bridge-domain-id": SMALL, "bridge-domain": SMALL, "bd-id": SMALL, "fib-id": SMALL,
    "table": SMALL, "index": SMALL, "table-index": SMALL, "ip4-table": SMALL, "l2-table": SMALL, "ip6-table": SMALL,
    "other-table": SMALL, "next-table": SMALL, "entry-index": SMALL, "instance-number": SMALL, "id": ["0", "1", "2"],
    "count": ["1", "2", "5"], "worker": ["0", "1"], "thread": ["0", "0", "1"], "number": ["0", "0", "1"],
    "ifname": ["v0", "v1", "v2", "nowhere"], "host-if-name": ["v0", "host-v1", "v2"],
    "class": ["ip", "interface", "cli", "nobody"], "threshold": ["debug", "info", "error", "warning"],
    "syslog": ["debug", "err"], "kmsg": ["alert"], "variant": ["v2", "v3", "default", "base"],
    "buckets": ["1", "2", "16", "64"], "skip": ["0", "1"], "rx-queues": ["1", "2", "3"], "tx-queues": ["1", "2"],
    "rx-frames": ["64", "1024"], "tx-frames": ["256"], "arc-name": ["ip4-unicast", "device-input", "l2-input-ip4"],
    "feature": ["ip4-not-enabled", "l2-patch", "span-input", "ip4-policer-classify", "stats-collect-rx"],
    "entries": ["64", "512"], "weight": ["1", "2", "3"],
}
# Commands that need more to be accepted than their grammar says: {x} is of a pool below, or a label's.
RECIPES = [
    "policer add name {policer} {rate} cir {n} cb {big} eir {big} eb {big} {type} conform-action {action} "
    "exceed-action {action} violate-action {action}",
    "configure policer name {policer} {rate} cir {n} cb {big}", "policer del name {policer}",
    "policer {way} name {policer} {i}", "policer {way} unapply name {policer} {i}", "policer bind name {policer} 0",
    "policer bind unbind name {policer}", "ip punt policer name {policer}",
    "classify table mask {mask} buckets {buckets} {next}", "classify table mask {mask} buckets 16 next-table {index}",
    "classify table table {index} del", "classify session table-index {index} match {match} {next2} {opaque}",
    "classify session table-index {index} match {match} del", "set interface {acl} acl intfc {i} ip4-table {index}",
    "set interface {acl} acl intfc {i} l2-table {index}", "set interface {acl} acl intfc {i} ip4-table {index} del",
    "set interface l2 {acl} classify intfc {i} ip4-table {index} other-table {index}",
    "set ip classify intfc {i} table-index {index}", "set ip6 classify intfc {i} table-index {index}",
    "set policer classify interface {i} ip4-table {index}", "set policer classify interface {i} l2-table {index}",
    "qos egress map id {id} [ip][1=2] [vlan][3={id}]", "qos record {source} {i}", "qos store ip {i} value {id}",
    "qos mark {source} {i} id {id}", "qos mark {source} {i} disable", "set interface l2 bridge {i} {table} {port} {id}",
    "set interface l2 {flag} {i} {disable}", "set interface l2 {flag} {i} disable", "l2fib add {mac} {table} {i} {static}",
    "l2fib add {mac} {table} filter", "l2fib del {mac} {table}", "set interface l2 tag-rewrite {i} {rewrite}",
    "l2 rewrite entry index {id} mask {hex} value {hex} {skip}", "set interface l2 rewrite {i} table {index} miss-index {id}",
    "set interface name {i} {name}", "set interface name {i} {name}", "set interface name {i} {name}",
    "set interface unnumbered {i} use {i}", "set interface rx-mode {i} queue 0 {mode}",
    "set interface rx-placement {i} queue 0 worker 0", "set bridge-domain arp entry {table} {address} {mac}",
    "set interface l2 xconnect {i} {i}", "set interface span {i} destination {i} {both}",
    "set interface span {i} l2 destination {i} {both}", "set interface ip table {i} {table}",
    "set ip6 nd proxy {i} {address6}", "set ip6 nd proxy {i} {address6}", "set ip6 nd proxy {i} del {address6}",
    "set interface ip6-nd proxy {i} {disable}", "ip6 punt policer name {policer}", "set punt ipv6 {del} udp {id}",
    "set policer classify interface {i} ip6-table {index}", "set punt ipv4 udp {id}",
    "set punt ipv4 {del} tcp all", "set punt exception ip4-ttl-expired {del}",
    "set interface ip address {i} {prefix}", "set interface ip address {i} {prefix6}",
    "set interface ip address del {i} {prefix6}", "enable ip6 interface {i}", "disable ip6 interface {i}",
    "set ip neighbor static {i} {address6} {mac}", "set ip neighbor del {i} {address6}", "set interface ip6 table {i} {table}",
    "ip6 table add {table}", "ip table add {table}", "set interface ip address del {i} all",
    "set ip6 link-local address {i} {address6}", "set interface mtu packet {mtu} {i}",
    "set interface feature {i} {feature}", "delete sub-interface {i}",
    "ip mroute add {group} {mtable} via {i} {itfflags}", "ip mroute add {group} {mtable} {mflags} via local via {i} {itfflags}",
    "ip mroute add {group} {mflags}", "ip mroute del {group}", "ip mroute del {group} {mtable} via {i}",
    "punt socket register udp {id} socket /tmp/piste-{id}.sock", "punt socket register ipv6 protocol {id} socket /tmp/piste-{id}.sock",
    "punt socket register exception ip6-unreachable socket /tmp/piste-{id}.sock", "punt socket deregister ipv4 udp {id}",
    "ip punt redirect add rx {i} via {nexthop} {i}", "ip6 punt redirect rx all via {nexthop}", "ip punt redirect del rx {i}",
    "l3xc add {i} {protocol} via {nexthop}", "l3xc add {i} via {nexthop} via {nexthop} {i} weight {id}", "l3xc del {i} {protocol}",
    "nat44 plugin enable", "nat44 plugin enable", "nat44 plugin {onoff} {sessions}", "nat44 forwarding {onoff}",
    "nat44 add address {address4} {tenant} {twice} {del}", "nat44 add interface address {i} {twice} {del}",
    "set interface nat44 {side} {i} {output} {del}",
    "nat44 add static mapping local {address4} external {address4} {tablevrf} {twices} {del}",
    "nat44 add static mapping {l4} local {address4} {port4} external {external} {port4} {tablevrf} {twices} {tag} {del}",
    "nat44 add identity mapping {address4} {tablevrf} {tag} {del}",
    "nat44 vrf table add {table}", "nat44 vrf table del {table}", "nat44 vrf route add table {table} {id}",
    "set nat44 session limit {id} vrf {table}",
    "nat44 add load-balancing static mapping protocol tcp external {address4}:{port4} local 10.9.0.{id}:{port4} {tablevrf} "
    "probability 30 local 10.9.1.{id}:{port4} probability 70 {twices2} {affinity} {tag} {del}",
    "nat44 add load-balancing back-end protocol tcp external {address4}:{port4} local 10.9.2.{id}:{port4} probability 9 {del}",
    "nat44 plugin disable", "nat44 ei plugin enable", "nat44 ei plugin enable", "nat44 ei plugin {onoff} {sessions} {users} {staticonly}",
    "nat44 ei forwarding {onoff}", "nat44 ei add address {address4} {tenant} {del}", "nat44 ei add interface address {i} {del}",
    "set interface nat44 ei {side} {i} {output} {del}",
    "nat44 ei add static mapping local {address4} external {address4} {tablevrf} {tag} {del}",
    "nat44 ei add static mapping {l4} local {address4} {port4} external {external} {port4} {tablevrf} {tag} {del}",
    "nat44 ei add identity mapping {address4} {tablevrf} {tag} {del}", "nat44 ei ipfix logging {onoff} {domain}",
    "nat44 ei addr-port-assignment-alg {portalg}", "nat44 ei ha listener 10.0.0.1:4{id}00 {pathmtu}", "nat44 ei ha failover 10.0.0.2:4{id}00 {refresh}",
    "nat44 ei ha listener 0.0.0.0:0", "nat44 ei ha failover 0.0.0.0:0", "nat44 ei ha resync",
    "nat64 plugin enable", "nat64 plugin enable", "nat64 plugin {onoff}", "set interface nat64 {side} {i} {del}",
    "nat64 add pool address {address4} {tenant} {del}", "nat64 add interface address {i} {del}",
    "nat64 add prefix {prefix64} {tenant} {del}", "set nat64 timeouts udp {n}",
    "nat64 add prefix {prefix64} {tenant} interface {i} {del}", "nat64 ipfix logging {onoff} {domain}",
    "nat64 add static bib {address6} {port4} {address4} {port4} {l4} {tablevrf} {del}",
    "nat64 add static bib {address6} {address4} 47 {tablevrf} {del}",
    "nat66 plugin enable", "nat66 plugin {onoff} {outvrf}", "set interface nat66 {side} {i} {del}",
    "nat66 add static mapping local {address6} external {address6} {tablevrf} {del}",
    "set syslog sender collector {address4} src {address4} {vrfid}", "set syslog filter severity {severity}",
    "set ipfix exporter collector {address4} src {address4} path-mtu 1400", "nat ipfix logging {onoff} {domain}",
    "create sub-interfaces {i} {id}{id} dot1q {id}{id} {exact}", "create sub-interfaces {i} 3{id} dot1ad 3{id} inner-dot1q any",
]
RECIPE_POOLS = {
    "mtu": ["68", "256", "1280", "1400", "1500", "9000"],
    "policer": ["p0", "p1", "p2"], "rate": ["rate kbps", "rate pps", ""], "n": ["100", "1000"], "big": ["2000", "60000"],
    "type": ["", "type 1r3c", "type 2r3c-2698", "type 2r3c-4115", "type 2r3c-mef5cf1"], "way": ["input", "output"],
    "action": ["drop", "transmit", "mark-and-transmit CS1", "mark-and-transmit 7"], "acl": ["input", "output"],
    "next": ["", "miss-next deny", "acl-miss-next permit", "l2-miss-next ethernet", "current-data-flag 1"],
    "next2": ["hit-next deny", "acl-hit-next permit", "acl-hit-next deny", "l2-input-hit-next drop", "policer-hit-next p0"],
    "opaque": ["", "opaque-index 7", "action set-ip4-fib-id 1", "advance 14"], "id": ["0", "1", "2", "5"],
    "index": ["0", "1", "2", "3"], "source": ["ip", "vlan"], "port": ["", "bvi", "uu-fwd"], "disable": ["", "disable"],
    "del": ["", "del"],
    "flag": ["learn", "forward", "flood", "uu-flood", "arp-term", "efp-filter"], "static": ["", "static", "bvi"],
    "rewrite": ["pop 1", "pop 2", "push dot1q 5", "push dot1ad 5 6", "translate 1-1 dot1q 7", "translate 1-2 dot1q 7 8",
                "disable"],
    "hex": ["00112233445566778899aabbccddeeff", "ffffffffffffffffffffffffffffffff"], "skip": ["", "skip 1"],
    "mode": ["polling", "interrupt", "adaptive", "default"], "both": ["", "rx", "tx", "both"], "exact": ["", "exact-match"],
    "feature": ["ip4-not-enabled arc ip4-unicast", "span-input arc device-input", "stats-collect-rx arc device-input",
                "ip4-not-enabled arc ip4-unicast disable", "span-input arc device-input disable"],
    "onoff": ["enable", "enable", "disable"], "sessions": ["", "sessions 5"], "pathmtu": ["", "path-mtu 1400", "path-mtu 20"], "refresh": ["", "refresh-interval 60"],
    "staticonly": ["", "", "static-mapping-only", "static-mapping-only connection-tracking"],
    "portalg": ["default", "map-e psid 3 psid-offset 6 psid-len {id}", "port-range 1000 - 2{id}00", "port-range 9 - 8"],
    "users": ["", "users 9 user-sessions 4"],
    "twice": ["", "twice-nat"], "side": ["in", "out"],
    "prefix64": ["2001:db8:64::/96", "2001:db8:7::/64", "64:ff9b::/96"],
    "output": ["", "output-feature"], "outvrf": ["", "outside-vrf 2"], "tenant": ["", "tenant-vrf 2"], "tablevrf": ["", "vrf 1"], "l4": ["tcp", "udp", "icmp"],
    "address4": ADDRESSES[:7], "external": ADDRESSES[:4] + ["loop0"], "port4": ["80", "53"], "tag": ["", "tag x", "tag {a b}"],
    "twices2": ["", "twice-nat", "self-twice-nat out2in-only", "out2in-only"], "affinity": ["", "affinity 60"],
    "twices": ["", "twice-nat", "self-twice-nat out2in-only", "twice-nat exact 10.0.1.1", "out2in-only"],
    "address": ["10.0.0.1", "10.1.0.7", "2001:db8:a0::1"], "prefix": PREFIXES[:6] + PREFIXES6[:6], "prefix6": PREFIXES6,
    "group": ["239.1.1.1", "239.1.0.0/16", "10.0.0.1 239.1.1.1", "224.0.0.1", "ff0e::1", "2001:db8:a0::1 ff0e::1", "ff0e::/16", "0.0.0.0/0"],
    "mtable": ["", "", "table 1"], "mflags": ["Drop", "Accept-all-itf", "rpf-id 5", "source API"],
    "itfflags": ["Accept", "Forward", "Accept Forward"],
    "protocol": ["", "ip4", "ip6"], "nexthop": ["10.0.0.9", "2001:db8:a0::9", "drop", "ip6-unreachable", "rx-ip4 loop0"],
    "domain": ["", "domain 7 src-port 5000"], "vrfid": ["", "vrf-id 1 max-msg-size 1000"], "severity": ["err", "info", "debug"],
    "address6": ADDRESSES6, "table": ["0", "1", "1", "2", "3"], "mask":
    POOLS["classify-mask"], "match": POOLS["classify-match"], "mac": MACS[:2], "name": NAMES, "buckets": ["2", "16"],
}

# what is no state, would end the test, or wait
CLI_LEFT_OUT = re.compile(
    r"(quit|q|exit|restart|exec|wait|ping|write|echo|comment|uncomment|leak-check|define|undefine|vpplog|history|show|"
    r"api |pcap |trace |prom|set terminal|test |clear |packet-generator (new|enable|disable|capture|configure|delete)|"
    r"configure (commit|confirm|abort|rollback)|help|complete|event-logger|classify filter)\b")
API_LEFT_OUT = re.compile(
    r"^(memclnt|sockclnt|cli|want_|pg_(enable|capture)|pcap|trace|get_|show_|control_ping|api_versions|rpc|log_|sock_|"
    r"classify_(pcap|trace)|add_node_next|sw_interface_clear|.*_(dump|get|lookup|details|reply|begin|end)(_v\d)?$)")

TOKEN = re.compile(r"<[^>]+>|\[|\]|\(|\)(?::\w+)?|\||\.\.\.|[^\s\[\]()|]+")


def parse(tokens, closing=None):
    """A grammar as ("seq"|"alt"|"opt"|"many"|"word"|"value", ...)."""
    alternatives, items = [], []
    while tokens:
        token = tokens.pop(0)
        if token == "[":
            items.append(("opt", parse(tokens, "]")))
        elif token == "(":
            items.append(parse(tokens, ")"))
        elif token == "|":
            alternatives.append(("seq", items))
            items = []
        elif token == "...":
            items[-1] = ("many", items[-1])
        elif closing and token[0] == closing:
            break
        elif token.startswith("<"):
            label, _, kind = token[1:-1].partition(":")
            items.append(("value", label, kind or label))
        else:
            items.append(("word", token))
    alternatives.append(("seq", items))
    return ("alt", alternatives) if len(alternatives) > 1 else alternatives[0]


class Commands:
    """Random commands; ctl runs one and returns what it printed, interfaces names those that are there."""

    def __init__(self, chance, ctl, interfaces):
        self.chance, self.ctl, self.interfaces = chance, ctl, interfaces
        self.grammars = [(c["path"], parse(TOKEN.findall(c["grammar"]))) for c in json.loads(ctl("show cli docs json"))
                         if not CLI_LEFT_OUT.match(c["path"] + " ")]

    def value(self, label, kind):
        pick = self.chance.choice
        if kind == "interface":
            return pick(self.interfaces() + ["nosuch"]) if self.chance.random() < 0.05 else pick(self.interfaces())
        if kind == "string" and label == "tag":
            text = pick(WORDS)
            return "{" + text + "}"
        for pool in (LABELS.get(label), POOLS.get(kind), POOLS.get(label)):
            if pool:
                return pick(pool)
        return pick(NAMES)

    def make(self, g):
        kind = g[0]
        if kind == "word":
            return g[1]
        if kind == "value":
            return self.value(g[1], g[2])
        if kind == "opt":
            return self.make(g[1]) if self.chance.random() < 0.35 else ""
        if kind == "many":
            return " ".join(self.make(g[1]) for _ in range(self.chance.choice([1, 1, 2])))
        if kind == "alt":
            return self.make(self.chance.choice(g[1]))
        return " ".join(filter(None, (self.make(x) for x in g[1])))

    def route(self):
        pick = self.chance.choice
        addresses, prefixes, v = pick([(ADDRESSES, PREFIXES, 4), (ADDRESSES6, PREFIXES6, 6)])
        paths = []
        for _ in range(pick([1, 1, 1, 2, 3])):
            path = pick(["{a}", "{a} {i}", "{i}", "drop", "local", "punt", "{a} weight {w}", "{a} {i} weight {w}",
                         "{a} preference {w}", "{a} ip{v}-lookup-in-table {t}", "ip{v}-lookup-in-table {t}",
                         "ip4-source-lookup-in-table {t}", "rx-ip{v} {i} weight {w}",
                         "{a} next-hop-table {t}", "{a} resolve-via-host", "{a} resolve-via-attached", "null-send-prohibit",
                         "null-send-unreach", "rx-ip{v} {i}", "{i} weight {w}", "ip{v}-classify {c}",
                         "ip{v}-classify {c} weight {w}"])
            paths.append("via " + path.format(v=v, a=pick(addresses), i=pick(self.interfaces()), w=pick("123"),
                                              t=pick(SMALL), c=pick("012")))
        table = f"table {pick(SMALL)} " if self.chance.random() < 0.4 else ""
        return f"ip route {pick(['add', 'add', 'add', 'del'])} {table}{pick(prefixes)} {' '.join(paths)}"

    def recipe(self):
        def fill(match):
            label = match.group(1)
            return self.chance.choice(self.interfaces() if label == "i" else RECIPE_POOLS[label])
        return re.sub(r"\{(\w+)\}", fill, self.chance.choice(RECIPES))

    def __call__(self):
        if self.chance.random() < 0.4:
            return self.recipe()
        path, grammar = self.chance.choice(self.grammars)
        if path == "ip route":
            return self.route()
        # neighbours that are not static are not saved
        return self.make(grammar) + (" static" if path.endswith("ip neighbor") else "")


class Messages:
    """Random messages, as (name, values)."""

    def __init__(self, chance, api, indices):
        self.chance, self.api, self.indices = chance, api, indices
        table = {key.rsplit("_", 1)[0] for key in api.table}
        self.names = [n for n in sorted(table) if n in api.definitions.messages and not API_LEFT_OUT.match(n)
                      and [f[1] for f in api.definitions.messages[n]][:2] == ["client_index", "context"]
                      and n in api.definitions.services]

    def field(self, kind, name):
        pick, d = self.chance.choice, self.api.definitions
        if kind == "vl_api_interface_index_t" or "sw_if_index" in name:
            return pick(self.indices() + [0xffffffff]) if self.chance.random() < 0.1 else pick(self.indices())
        if kind in d.enums:
            known = list(d.enum_values[kind].values())
            return pick(known + [pick(known) | pick(known)]) % (1 << int(d.enums[kind][1:]))
        if kind in ("vl_api_mac_address_t",):
            return bytes(int(b, 16) for b in pick(MACS[:2] + MACS[3:6]).split(":"))
        if kind == "vl_api_ip4_address_t":
            return bytes(int(b) for b in pick(ADDRESSES).split("."))
        if kind == "vl_api_ip6_address_t" or kind in d.unions and pick((False, True)):
            return ipaddress.ip_address(pick(ADDRESSES6)).packed
        if kind in d.unions:
            return bytes(int(b) for b in pick(ADDRESSES).split("."))
        if kind in d.aliases:
            alias = d.aliases[kind]
            return self.array(alias["type"], name, alias["length"]) if "length" in alias else self.field(alias["type"],
                                                                                                        name)
        if kind in d.types:
            return self.struct(d.types[kind])
        if kind == "bool":
            return self.chance.random() < 0.6
        if kind == "f64":
            return 0.0
        small = any(w in name for w in ("table", "bd_id", "vrf", "index", "id"))
        most = {"u8": 255, "i8": 127, "u16": 65535, "i16": 32767, "i32": 2**31 - 1, "u64": 2**64 - 1}.get(kind, 2**32 - 1)
        if name in ("prefix_len", "len"):
            return pick([0, 8, 24, 31, 32, 64, 127, 128])
        values = [0, 1, 2, 3, 5] if small or self.chance.random() < 0.5 else [6, 14, 16, 64, 100, 1500, 4095, 9000, 65535]
        return most if self.chance.random() < 0.06 else min(pick(values), most)

    def array(self, kind, name, length):
        if kind == "u8":
            return self.chance.choice([bytes(length), b"\xff" * length, self.chance.randbytes(length)])
        return [self.field(kind, name) for _ in range(length)]

    def struct(self, fields):
        values = {}
        for f in fields:
            kind, name, length = f[0], f[1], f[2] if len(f) > 2 else None
            if name in ("client_index", "context") or name in {x[3] for x in fields if len(x) > 3 and isinstance(x[3], str)}:
                continue
            if kind == "string":
                values[name] = self.chance.choice(NAMES + WORDS + [""])
                if name == "host_if_name":
                    values[name] = self.chance.choice(LABELS["ifname"])
            elif length is None or isinstance(length, dict):
                values[name] = self.field(kind, name)
            elif length == 0 or isinstance(length, str) or len(f) > 3:
                n = self.chance.choice([16, 32, 48]) if kind == "u8" else self.chance.choice([0, 1, 1, 2])
                values[name] = self.array(kind, name, n)
            else:
                values[name] = self.array(kind, name, length)
        if "match_n_vectors" in values and "mask" in values:
            values["match_n_vectors"] = len(values["mask"]) // 16
        return values

    def __call__(self):
        name = self.chance.choice(self.names)
        values = self.struct(self.api.definitions.messages[name])
        if name == "ip_neighbor_add_del":
            values["neighbor"]["flags"] |= 1  # those that are not static are not saved
        return name, values

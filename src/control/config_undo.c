/* What is known to undo a line of the running config, by its words. A line that is not here is no
 * fault: the state that is wanted is then made from nothing, by a restart, which costs connections
 * and some milliseconds of traffic (config_rollback.c). */
#include "control/config_undo.h"

#include <string.h>

#include "control/cli_grammar.h"

#define WORDS_MOST 32

/* In a pattern `*' is any word, and `...' at the end any more; $N is the N-th of these. */
static const struct {
    const char *pattern, *undo;
} rules[] = {
    {"ip route add ...", "ip route del $1"},
    {"ip mroute add ...", "ip mroute del $1"},
    {"l3xc add * ...", "l3xc del $1 $2"},
    {"set urpf * * * * ...", "set urpf $1 $2 off $4"},
    {"set urpf-accept table * add *", "set urpf-accept table $1 del $2"},
    {"ip table add * name * source *", "ip table del $1 source $3"},
    {"ip table add * source *", "ip table del $1 source $2"},
    {"ip table add * ...", "ip table del $1"},
    {"set interface ip address * *", "set interface ip address del $1 $2"},
    {"set interface ip table * *", "set interface ip table $1 0"},
    {"set interface unnumbered * use *", "set interface unnumbered del $1"},
    {"set interface ip directed-broadcast * enable",
     "set interface ip directed-broadcast $1 disable"},
    {"set interface proxy-arp * enable", "set interface proxy-arp $1 disable"},
    {"set arp proxy table-id * start * end *", "set arp proxy del table-id $1 start $2 end $3"},
    {"set interface ip6-nd proxy * enable", "set interface ip6-nd proxy $1 disable"},
    {"set ip6 nd proxy * *", "set ip6 nd proxy $1 del $2"},
    {"set ip neighbor static no-fib-entry * * *", "set ip neighbor del $1 $2"},
    {"set ip neighbor static * * *", "set ip neighbor del $1 $2"},

    {"create host-interface v2 name * ...", "delete host-interface name $1"},
    {"create host-interface v3 name * ...", "delete host-interface name $1"},
    {"create host-interface name * ...", "delete host-interface name $1"},
    {"create memif socket id * filename *", "delete memif socket id $1"},
    {"create interface memif id * socket-id * ...", "delete interface memif memif$2/$1"},
    {"create vhost-user socket * renumber * ...", "delete vhost-user VirtualEthernet0/0/$2"},
    {"create loopback interface mac * instance *", "delete loopback interface intfc loop$2"},
    {"bvi create mac * instance *", "bvi delete bvi$2"},
    {"pipe create instance *", "pipe delete pipe$1"},
    {"create packet-generator interface * ...", "delete packet-generator interface $1"},
    {"create sub-interfaces * * ...", "delete sub-interface $1.$2"},
    {"set interface name * *", "set interface name $2 $1"},
    {"set interface state * up", "set interface state $1 down"},
    {"set interface mtu packet * *", "set interface mtu default $2"},
    {"set interface mtu ip4 * *", "set interface mtu ip4 0 $2"},
    {"set interface mtu ip6 * *", "set interface mtu ip6 0 $2"},
    {"set interface mtu mpls * *", "set interface mtu mpls 0 $2"},
    {"set interface mtu * *", "set interface mtu default $2"},
    {"set interface tag * *", "clear interface tag $1"},
    {"set interface secondary-mac-address * *", "set interface secondary-mac-address $1 $2 del"},
    {"set interface promiscuous on *", "set interface promiscuous off $1"},
    {"set interface feature * * arc * disable", "set interface feature $1 $2 arc $3"},
    {"set interface feature * * arc *", "set interface feature $1 $2 arc $3 disable"},
    {"set interface span * destination * ...", "set interface span $1 disable destination $2"},
    {"set ip classify intfc * ...", "set ip classify intfc $1 del"},
    {"set ip6 classify intfc * ...", "set ip6 classify intfc $1 del"},
    {"set punt exception *", "set punt exception $1 del"},
    {"set punt ipv4 * *", "set punt ipv4 $1 del $2"},
    {"set punt ipv6 * *", "set punt ipv6 $1 del $2"},
    {"punt socket register exception * socket *", "punt socket deregister exception $1"},
    {"punt socket register * * * socket *", "punt socket deregister $1 $2 $3"},
    {"ip punt redirect add rx * ...", "ip punt redirect del rx $1"},
    {"ip6 punt redirect add rx * ...", "ip6 punt redirect del rx $1"},
    {"set interface span * l2 destination * ...",
     "set interface span $1 l2 disable destination $2"},

    {"create bridge-domain * ...", "create bridge-domain $1 del"},
    {"set bridge-domain arp entry * * *", "set bridge-domain arp entry $1 $2 $3 del"},
    {"set interface l2 bridge * ...", "set interface l3 $1"},
    {"set interface l2 xconnect * *", "set interface l3 $1"},
    {"set interface l2 tag-rewrite * ...", "set interface l2 tag-rewrite $1 disable"},
    {"set interface l2 efp-filter *", "set interface l2 efp-filter $1 disable"},
    {"l2fib add * * ...", "l2fib del $1 $2"},
    {"test l2patch rx * tx *", "test l2patch rx $1 tx $2 del"},

    {"policer input name * *", "policer input unapply name $1 $2"},
    {"policer output name * *", "policer output unapply name $1 $2"},
    {"policer add name * ...", "policer del name $1"},
    {"abf policy add id * acl * ...", "abf policy del id $1"},
    {"abf attach * policy * priority * *", "abf attach $1 del policy $2 $4"},
    {"set acl-plugin acl index * ...", "delete acl-plugin acl index $1"},
    {"set acl-plugin interface * * acl *", "set acl-plugin interface $1 $2 acl $3 del"},
    {"set acl-plugin etype-whitelist * ...", "set acl-plugin etype-whitelist $1"},
    {"qos record * *", "qos record $1 $2 disable"},
    {"qos store * * value *", "qos store $1 $2 disable"},
    {"qos mark * * id *", "qos mark $1 $2 disable"},
    {"qos egress map id * ...", "qos egress map id $1 delete"},

    {"nat44 plugin enable ...", "nat44 plugin disable"},
    {"set nat timeout ...", "set nat timeout reset"},
    {"nat44 forwarding enable", "nat44 forwarding disable"},
    {"nat mss-clamping *", "nat mss-clamping disable"},
    {"nat44 add address ...", "nat44 add address $1 del"},
    {"nat44 add interface address *", "nat44 add interface address $1 del"},
    {"set interface nat44 ...", "set interface nat44 $1 del"},
    {"nat44 add static mapping ...", "nat44 add static mapping $1 del"},
    {"nat44 add identity mapping ...", "nat44 add identity mapping $1 del"},
    {"nat ipfix logging enable ...", "nat ipfix logging disable"},
    {"nat44 ei plugin enable ...", "nat44 ei plugin disable"},
    {"set nat44 ei timeout ...", "set nat44 ei timeout reset"},
    {"nat44 ei forwarding enable", "nat44 ei forwarding disable"},
    {"nat44 ei mss-clamping *", "nat44 ei mss-clamping disable"},
    {"nat44 ei add ...", "nat44 ei add $1 del"},
    {"nat44 ei ipfix logging enable ...", "nat44 ei ipfix logging disable"},
    {"nat64 plugin enable ...", "nat64 plugin disable"},
    {"set nat64 timeouts ...", "set nat64 timeouts reset"},
    {"set interface nat64 ...", "set interface nat64 $1 del"},
    {"nat64 add ...", "nat64 add $1 del"},
    {"nat64 ipfix logging enable ...", "nat64 ipfix logging disable"},
    {"nat66 plugin enable ...", "nat66 plugin disable"},
    {"set interface nat66 ...", "set interface nat66 $1 del"},
    {"nat66 add static mapping ...", "nat66 add static mapping $1 del"},
    {"set syslog sender ...", "set syslog sender disable"},
    {"set syslog filter severity *", "set syslog filter severity info"},
    {"set ipfix exporter ...", "set ipfix exporter collector 0.0.0.0"},
};

/* Words of a line, as typed: quoted or braced ones with their quotes and braces. */
struct line_words {
    const char *at[WORDS_MOST];
    size_t len[WORDS_MOST];
    u32 n;
    bool more; /* than are here */
};

static void config_undo_split(const char *line, struct line_words *w)
{
    *w = (struct line_words){0};
    for (;;) {
        line += strspn(line, " \t");
        if (!*line)
            return;
        const char *end = cli_word_end(line);
        w->more = !end || w->n == WORDS_MOST;
        if (w->more)
            return;
        w->at[w->n] = line;
        w->len[w->n++] = (size_t)(end - line);
        line = end;
    }
}

static bool word_is(const struct line_words *w, u32 i, const char *word)
{
    return w->len[i] == strlen(word) && !memcmp(w->at[i], word, w->len[i]);
}

/* What the stars of a pattern stand for. */
struct stars {
    const char *at[9];
    size_t len[9];
    u32 n;
};

static void config_undo_star(struct stars *s, const char *at, size_t len)
{
    s->at[s->n] = at;
    s->len[s->n++] = len;
}

static bool config_undo_matches(const char *pattern, const char *line, const struct line_words *w,
                                struct stars *s)
{
    struct line_words p;
    u32 i = 0;
    s->n = 0;
    config_undo_split(pattern, &p);
    for (; i < p.n; i++) {
        if (word_is(&p, i, "...")) {
            const char *rest = i < w->n ? w->at[i] : line + strlen(line);
            config_undo_star(s, rest, strlen(rest));
            return true;
        }
        if (i == w->n)
            return false;
        if (word_is(&p, i, "*"))
            config_undo_star(s, w->at[i], w->len[i]);
        else if (p.len[i] != w->len[i] || memcmp(p.at[i], w->at[i], w->len[i]) != 0)
            return false;
    }
    return i == w->n && !w->more;
}

bool config_undo(const char *line, struct text *t)
{
    struct line_words w;
    struct stars s;
    config_undo_split(line, &w);
    for (size_t i = 0; i < array_len(rules); i++) {
        if (!config_undo_matches(rules[i].pattern, line, &w, &s))
            continue;
        for (const char *u = rules[i].undo; *u; u++)
            if (*u == '$') {
                u32 k = (u32)(*++u - '1');
                text_putn(t, s.at[k], s.len[k]);
            } else {
                text_putc(t, *u);
            }
        return true;
    }
    return false;
}

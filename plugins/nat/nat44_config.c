/* What NAT44 says of itself in the running configuration: the commands of nat44_cli.c. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_format.h"
#include "plugins/nat/nat44_cli.h"
#include "plugins/nat/nat44_internal.h"

static void config_settings(struct piste *p, struct text *t)
{
    const struct nat44_state *s = nat44_state_of(p);
    text_add(t, "%s plugin enable sessions %u", nat44_flavor.words, s->options.sessions);
    if (s->options.users)
        text_add(t, " users %u", s->options.users);
    if (s->options.user_sessions)
        text_add(t, " user-sessions %u", s->options.user_sessions);
    if (s->options.static_only)
        text_add(t, " static-mapping-only%s", s->options.tracking ? " connection-tracking" : "");
    if (s->options.inside_vrf)
        text_add(t, " inside-vrf %u", s->options.inside_vrf);
    if (s->options.outside_vrf)
        text_add(t, " outside-vrf %u", s->options.outside_vrf);
    text_putc(t, '\n');
    if (memcmp(s->data.timeout_s, nat44_default_timeouts, sizeof(s->data.timeout_s)) != 0) {
        text_add(t, "set %s timeout", nat44_flavor.nat_words);
        for (u32 k = 0; k < NAT44_TIMEOUTS; k++)
            text_add(t, " %s %u", nat44_timeout_words[k], s->data.timeout_s[k]);
        text_putc(t, '\n');
    }
    struct nat44_vrf_limit limit;
    for (u32 k = 0; nat44_vrf_limit_at(p, k, &limit); k++)
        text_add(t, "set nat44 session limit %u vrf %u\n", limit.limit, limit.vrf);
    const struct nat44_vrf_table *table;
    for (u32 k = 0; (table = nat44_vrf_table_at(p, k)) != NULL; k++) {
        text_add(t, "nat44 vrf table add %u\n", table->vrf);
        for (u32 i = 0; i < table->routes.n; i++)
            text_add(t, "nat44 vrf route add table %u %u\n", table->vrf, table->routes.v[i]);
    }
    if (s->data.forwarding)
        text_add(t, "%s forwarding enable\n", nat44_flavor.words);
    if (s->ports.alg == NAT44_PORTS_MAP_E)
        text_add(t, "nat44 ei addr-port-assignment-alg map-e psid %u psid-offset %u psid-len %u\n",
                 s->ports.psid, s->ports.psid_offset, s->ports.psid_len);
    if (s->ports.alg == NAT44_PORTS_RANGE)
        text_add(t, "nat44 ei addr-port-assignment-alg port-range %u - %u\n", s->ports.first,
                 s->ports.last);
    if (s->data.mss)
        text_add(t, "%s mss-clamping %u\n", nat44_flavor.nat_words, s->data.mss);
}

static void config_workers(struct piste *p, struct text *t)
{
    u64 workers = nat44_state_of(p)->workers;
    const char *between = "";
    if (!workers)
        return;
    text_add(t, "set %s workers ", nat44_flavor.nat_words);
    for (u32 i = 0; i < 64; i++)
        if (workers >> i & 1) {
            text_add(t, "%s%u", between, i);
            between = ",";
        }
    text_putc(t, '\n');
}

static void config_addresses(struct piste *p, struct text *t, enum nat44_pool_kind kind)
{
    const struct nat44_addresses *a = &nat44_state_of(p)->addresses[kind];
    const char *twice = kind == NAT44_POOL_TWICE ? " twice-nat" : "";
    struct if_index i;
    nat_pool_config(a->v.v, a->v.n, nat44_flavor.words, "address", twice, t);
    for (u32 k = 0; !if_is_none(i = nat44_address_if_at(p, kind, k)); k++)
        text_add(t, "%s add interface address %s%s\n", nat44_flavor.words, interface_at(p, i)->name,
                 twice);
}

static void config_end(struct text *t, const char *words, be32 addr, be16 port)
{
    text_puts(t, words);
    ip4_format_address(t, addr);
    if (!be16_is_zero(port))
        text_add(t, " %u", be16_to_host(port));
}

static void config_external(struct piste *p, struct text *t, const struct nat44_mapping_config *m,
                            be16 port)
{
    if (if_is_none(m->external_if)) {
        config_end(t, " external ", m->external, port);
        return;
    }
    text_add(t, " external %s", interface_at(p, m->external_if)->name);
    if (!be16_is_zero(port))
        text_add(t, " %u", be16_to_host(port));
}

static void config_flags(struct text *t, u8 twice, bool out2in_only)
{
    if (twice)
        text_puts(t, twice == NAT44_TWICE_ALL ? " twice-nat" : " self-twice-nat");
    if (out2in_only)
        text_puts(t, " out2in-only");
}

/* And the end of the line. */
static void config_tag(struct text *t, const char *tag)
{
    if (*tag) {
        text_puts(t, " tag ");
        cli_add_braced(t, tag);
    }
    text_putc(t, '\n');
}

static void config_mapping(struct piste *p, struct text *t, const struct nat44_mapping_config *m)
{
    const char *protocol = m->protocol == IP_PROTOCOL_TCP    ? " tcp"
                           : m->protocol == IP_PROTOCOL_UDP  ? " udp"
                           : m->protocol == IP_PROTOCOL_ICMP ? " icmp"
                                                             : "";
    text_add(t, "%s add %s mapping", nat44_flavor.words, m->identity ? "identity" : "static");
    if (m->identity) {
        if (if_is_none(m->external_if))
            config_end(t, " ", m->local, (be16){0});
        else
            config_external(p, t, m, (be16){0});
        if (m->protocol)
            text_add(t, "%s %u", protocol, be16_to_host(m->local_port));
    } else {
        text_puts(t, protocol);
        config_end(t, " local ", m->local, m->local_port);
        config_external(p, t, m, m->external_port);
    }
    if (m->vrf)
        text_add(t, " vrf %u", m->vrf);
    config_flags(t, m->twice, m->out2in_only);
    if (!be32_is_zero(m->exact))
        config_end(t, " exact ", m->exact, (be16){0});
    config_tag(t, m->tag);
}

static void config_lb(struct text *t, const struct nat44_lb *lb)
{
    const struct nat44_lb_config *c = &lb->c;
    text_add(t, "nat44 add load-balancing static mapping protocol %s",
             c->protocol == IP_PROTOCOL_TCP ? "tcp" : "udp");
    nat44_format_endpoint(t, " external ", c->external, c->external_port);
    for (u32 i = 0; i < lb->locals.n; i++) {
        const struct nat44_lb_local *l = &lb->locals.v[i].c;
        nat44_format_endpoint(t, " local ", l->addr, l->port);
        if (l->vrf)
            text_add(t, " vrf %u", l->vrf);
        text_add(t, " probability %u", l->probability);
    }
    config_flags(t, c->twice, c->out2in_only);
    if (c->affinity_s)
        text_add(t, " affinity %u", c->affinity_s);
    config_tag(t, c->tag);
}

/* Which is next. */
struct config_place {
    u32 mapping, lb;
};

bool nat44_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                               struct text *t)
{
    struct config_place *next = *place;
    struct nat44_mapping_config m;
    be32 resolved;
    if (phase != RC_OVERRIDES || !nat44_is_enabled(p))
        return false;
    if (!next)
        next = *place = mem_alloc(sizeof(*next));
    for (u32 n = 0; n < 256; n++, ++next->mapping) {
        if (!nat44_mapping_at(p, next->mapping, &m, &resolved))
            break;
        config_mapping(p, t, &m);
    }
    if (nat44_mapping_at(p, next->mapping, &m, &resolved))
        return true;
    for (u32 n = 0; n < 16; n++, next->lb++) {
        const struct nat44_lb *lb = nat44_lb_at(p, next->lb);
        if (!lb)
            return false;
        config_lb(t, lb);
    }
    return true;
}

void nat44_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    struct if_index i;
    u8 flags;
    u32 domain;
    u16 src_port;
    if (phase == RC_ROUTES)
        config_workers(p, t);
    if (phase == RC_ROUTES && nat44_fq_nelts(p) != NAT44_FQ_NELTS)
        text_add(t, "set %s frame-queue-nelts %u\n", nat44_flavor.nat_words, nat44_fq_nelts(p));
    if (phase == RC_ROUTES && nat44_ipfix(p, &domain, &src_port))
        text_add(t, "%s ipfix logging enable domain %u src-port %u\n", nat44_flavor.nat_words,
                 domain, src_port);
    if (phase != RC_ROUTES || !nat44_is_enabled(p))
        return;
    config_settings(p, t);
    if (nat44_flavor.running_config)
        nat44_flavor.running_config(p, t);
    for (u32 k = 0; k < NAT44_POOLS; k++)
        config_addresses(p, t, (enum nat44_pool_kind)k);
    for (u32 k = 0; nat44_interface_at(p, k, &i, &flags); k++) {
        const char *name = interface_at(p, i)->name, *words = nat44_flavor.words;
        if (flags & NAT44_IF_IN)
            text_add(t, "set interface %s in %s\n", words, name);
        if (flags & NAT44_IF_OUT)
            text_add(t, "set interface %s out %s\n", words, name);
        if (flags & NAT44_IF_OUTPUT)
            text_add(t, "set interface %s out %s output-feature\n", words, name);
    }
}

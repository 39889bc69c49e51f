/* What commands of both NATs show: settings, addresses, static mappings. Layouts are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/engine.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_format.h"
#include "plugins/nat/nat44_cli.h"
#include "plugins/nat/nat44_internal.h"

/* --- settings --- */

const char *nat44_show_address_text(be32 a, char out[IP_ADDRESS_TEXT_BYTES])
{
    struct ip_address x = ip_address_from_ip4(a);
    return ip_address_text(IP_FAMILY_4, &x, out);
}

/* --- sessions --- */

void nat44_format_endpoint(struct text *t, const char *words, be32 addr, be16 port)
{
    text_puts(t, words);
    ip4_format_address(t, addr);
    text_add(t, ":%u", be16_to_host(port));
}

static void begin_thread(struct cli_call *c, struct nat44_show_thread *at, size_t bytes)
{
    const struct nat44_data *d = &nat44_state_of(c->piste)->data;
    u32 n = nat44_is_enabled(c->piste)
                ? __atomic_load_n(&d->threads[at->next].n_sessions, __ATOMIC_RELAXED)
                : 0;
    at->thread = at->next++;
    memset(at + 1, 0, bytes - sizeof(*at));
    out_text(c->out, "-------- thread %u %s: %u sessions --------\n", at->thread,
             thread_name(engine_of(c->piste), at->thread), n);
}

int nat44_show_threads(struct cli_call *c, size_t bytes, const char *title, const char *array,
                       int (*piece)(struct cli_call *c, struct nat44_show_thread *at))
{
    struct nat44_show_thread *at = cli_kept(c, bytes, NULL);
    if (!c->again) {
        out_text(c->out, "%s\n", title);
        out_array(c->out, array);
        at->next = 1;
    }
    while (at->thread || at->next < engine_n_threads(engine_of(c->piste))) {
        if (cli_full(c))
            return CLI_MORE;
        if (!at->thread)
            begin_thread(c, at, bytes);
        int more = piece(c, at);
        if (more < 0)
            return more;
        if (!more)
            at->thread = 0;
    }
    out_end(c->out);
    return 0;
}

void nat44_show_seconds(struct out *o, const char *key, u64 ns, const char *words)
{
    char text[32];
    snprintf(text, sizeof(text), "%.2f", (double)ns / NS_PER_SEC);
    out_f64(o, key, (double)ns / NS_PER_SEC, NULL);
    out_text(o, "%s%s\n", words, text + (text[0] == '0'));
}

int nat44_show_timeouts(struct cli_call *c)
{
    const u32 *s = nat44_timeouts(c->piste);
    out_u64(c->out, "udp", s[NAT44_TIMEOUT_UDP], "udp timeout: %" PRIu64 "sec\n");
    out_u64(c->out, "tcp_established", s[NAT44_TIMEOUT_TCP_ESTABLISHED],
            "tcp-established timeout: %" PRIu64 "sec\n");
    out_u64(c->out, "tcp_transitory", s[NAT44_TIMEOUT_TCP_TRANSITORY],
            "tcp-transitory timeout: %" PRIu64 "sec\n");
    out_u64(c->out, "icmp", s[NAT44_TIMEOUT_ICMP], "icmp timeout: %" PRIu64 "sec\n");
    return 0;
}

int nat44_show_interfaces(struct cli_call *c)
{
    struct if_index i;
    u8 flags;
    out_text(c->out, "NAT44 interfaces:\n");
    out_array(c->out, "interfaces");
    for (u32 k = 0; nat44_interface_at(c->piste, k, &i, &flags); k++) {
        bool output = flags & NAT44_IF_OUTPUT;
        bool in = output || flags & NAT44_IF_IN, out = output || flags & NAT44_IF_OUT;
        out_object(c->out, NULL);
        out_str(c->out, "name", interface_at(c->piste, i)->name, " %s");
        out_bool(c->out, "output_feature", output, " output-feature", "");
        out_bool(c->out, "in", in, " in", "");
        out_bool(c->out, "out", out, " out", "");
        out_text(c->out, "\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

static void show_busy(struct out *o, const u32 *busy)
{
    out_u64(o, "busy_other", busy[NAT44_COUNT_OTHER], "  %" PRIu64 " busy other ports\n");
    out_u64(o, "busy_udp", busy[NAT44_COUNT_UDP], "  %" PRIu64 " busy udp ports\n");
    out_u64(o, "busy_tcp", busy[NAT44_COUNT_TCP], "  %" PRIu64 " busy tcp ports\n");
    out_u64(o, "busy_icmp", busy[NAT44_COUNT_ICMP], "  %" PRIu64 " busy icmp ports\n");
}

void nat44_show_address(struct cli_call *c, const struct nat_pool_entry *a, const u32 *busy)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    out_object(c->out, NULL);
    out_str(c->out, "address", nat44_show_address_text(a->addr, text), "%s\n");
    if (a->tenant_vrf == NAT_VRF_ANY)
        out_text(c->out, "  tenant VRF independent\n");
    else
        out_u64(c->out, "tenant_vrf", a->tenant_vrf, "  tenant VRF: %" PRIu64 "\n");
    if (busy)
        show_busy(c->out, busy);
    if (!if_is_none(a->from))
        out_str(c->out, "interface", interface_at(c->piste, a->from)->name, NULL);
    out_end(c->out);
}

int nat44_show_addresses(struct cli_call *c)
{
    static const char *const titles[NAT44_POOLS] = {"NAT44 pool addresses:\n",
                                                    "NAT44 twice-nat pool addresses:\n"},
                             *const keys[NAT44_POOLS] = {"addresses", "twice_nat_addresses"};
    struct nat_pool_entry a;
    for (u32 kind = 0; kind < NAT44_POOLS; kind++) {
        out_text(c->out, "%s", titles[kind]);
        out_array(c->out, keys[kind]);
        for (u32 k = 0; nat44_address_at(c->piste, (enum nat44_pool_kind)kind, k, &a); k++)
            nat44_show_address(c, &a, NULL);
        out_end(c->out);
    }
    return 0;
}

int nat44_show_address_ifs(struct cli_call *c)
{
    static const char *const titles[NAT44_POOLS] = {"NAT44 pool address interfaces:\n",
                                                    "NAT44 twice-nat pool address interfaces:\n"},
                             *const keys[NAT44_POOLS] = {"interfaces", "twice_nat_interfaces"};
    struct if_index i;
    for (u32 kind = 0; kind < NAT44_POOLS; kind++) {
        enum nat44_pool_kind pool = (enum nat44_pool_kind)kind;
        if (kind == NAT44_POOL || !if_is_none(nat44_address_if_at(c->piste, pool, 0)))
            out_text(c->out, "%s", titles[kind]);
        out_array(c->out, keys[kind]);
        for (u32 k = 0; !if_is_none(i = nat44_address_if_at(c->piste, pool, k)); k++)
            out_str(c->out, NULL, interface_at(c->piste, i)->name, NULL);
        out_end(c->out);
        for (u32 k = 0; !if_is_none(i = nat44_address_if_at(c->piste, pool, k)); k++)
            out_text(c->out, " %s\n", interface_at(c->piste, i)->name);
    }
    return 0;
}

int nat44_show_workers(struct cli_call *c)
{
    const struct engine *e = engine_of(c->piste);
    u64 workers = nat44_workers(c->piste);
    u32 n = engine_n_threads(e);
    if (n > 2)
        out_text(c->out, "%d workers\n", __builtin_popcountll(workers));
    out_array(c->out, "workers");
    for (u32 i = 1; n > 2 && i < n; i++)
        if (workers >> (i - 1) & 1)
            out_str(c->out, NULL, thread_name(e, i), "  %s\n");
    out_end(c->out);
    return 0;
}

int nat44_show_mss(struct cli_call *c)
{
    u16 mss = nat44_mss(c->piste);
    if (mss)
        out_u64(c->out, "mss", mss, "mss-clamping %" PRIu64 "\n");
    else
        out_text(c->out, "mss-clamping disabled\n");
    return 0;
}

/* --- tables --- */

static void show_hash_table(void *arg, const struct module_table *t)
{
    struct out *o = arg;
    out_object(o, NULL);
    out_str(o, "name", t->name, "Hash table '%s'\n");
    out_u64(o, "entries", t->entries, "    %" PRIu64 " active elements");
    out_u64(o, "places", t->places, " %" PRIu64 " places\n");
    out_u64(o, "bytes", t->bytes, "    bytes: used %" PRIu64 "\n");
    out_end(o);
}

int nat44_show_hash_tables(struct cli_call *c)
{
    struct nat44_state *s = nat44_state_of(c->piste);
    out_array(c->out, "tables");
    nat44_tables(c->piste, s, show_hash_table, c->out);
    out_end(c->out);
    if (!s->enabled)
        return 0;
    out_text(c->out, "-------- hash table parameters --------\n");
    out_u64(c->out, "translation_buckets",
            shared_hash_places(&s->data.sessions->of_thread[1]->by_key[0]),
            "translation buckets: %" PRIu64 "\n");
    return 0;
}

/* --- static mappings --- */

static void show_end(struct out *o, const char *key, const char *words, be32 addr, be16 port)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    out_object(o, key);
    out_text(o, "%s", words);
    out_str(o, "address", nat44_show_address_text(addr, text), "%s");
    if (!be16_is_zero(port))
        out_u64(o, "port", be16_to_host(port), ":%" PRIu64);
    out_end(o);
}

static void show_protocol(struct out *o, u8 protocol)
{
    struct text name = {0};
    if (!protocol)
        return;
    ip_format_protocol(&name, protocol);
    out_str(o, "protocol", text_str(&name), "%s ");
    text_free(&name);
}

static void nat44_show_flags(struct out *o, u8 twice, bool out2in_only)
{
    out_bool(o, "twice_nat", twice == NAT44_TWICE_ALL, " twice-nat", "");
    out_bool(o, "self_twice_nat", twice == NAT44_TWICE_SELF, " self-twice-nat", "");
    out_bool(o, "out2in_only", out2in_only, twice ? " out2in-only" : "  out2in-only",
             twice ? " " : "  ");
}

/* resolved: its address outside. */
static void show_mapping(struct out *o, const struct nat44_mapping_config *m, be32 resolved)
{
    out_object(o, NULL);
    out_bool(o, "identity", m->identity, " identity mapping ", " ");
    show_protocol(o, m->protocol);
    if (m->identity) {
        show_end(o, "local", "", resolved, m->local_port);
    } else {
        show_end(o, "local", "local ", m->local, m->local_port);
        show_end(o, "external", " external ", resolved, m->external_port);
    }
    out_u64(o, "vrf", m->vrf, " vrf %" PRIu64);
    if (!m->identity)
        nat44_show_flags(o, m->twice, m->out2in_only);
    if (!be32_is_zero(m->exact)) {
        char text[IP_ADDRESS_TEXT_BYTES];
        out_str(o, "exact", nat44_show_address_text(m->exact, text), NULL);
    }
    out_str(o, "tag", m->tag, NULL);
    out_text(o, "\n");
    out_end(o);
}

/* Of an interface, whatever its address is. */
static void show_mapping_of_if(struct cli_call *c, const struct nat44_mapping_config *m)
{
    struct out *o = c->out;
    out_object(o, NULL);
    out_bool(o, "identity", m->identity, " identity mapping ", " ");
    show_protocol(o, m->protocol);
    if (!m->identity) {
        show_end(o, "local", "local ", m->local, m->local_port);
        out_text(o, " external ");
    }
    out_str(o, "interface", interface_at(c->piste, m->external_if)->name, "%s");
    if (!be16_is_zero(m->external_port))
        out_u64(o, "external_port", be16_to_host(m->external_port), ":%" PRIu64);
    out_text(o, " vrf %d\n", m->vrf ? (int)m->vrf : -1);
    out_end(o);
}

static void nat44_show_lb(struct out *o, const struct nat44_lb *lb)
{
    out_object(o, NULL);
    out_text(o, " ");
    show_protocol(o, lb->c.protocol);
    show_end(o, "external", "external ", lb->c.external, lb->c.external_port);
    nat44_show_flags(o, lb->c.twice, lb->c.out2in_only);
    out_u64(o, "affinity", lb->c.affinity_s, NULL);
    out_str(o, "tag", lb->c.tag, NULL);
    out_array(o, "locals");
    for (u32 i = 0; i < lb->locals.n; i++) {
        const struct nat44_lb_local *l = &lb->locals.v[i].c;
        out_object(o, NULL);
        show_end(o, "local", "\n  local ", l->addr, l->port);
        out_u64(o, "vrf", l->vrf, " vrf %" PRIu64);
        out_u64(o, "probability", l->probability, " probability %" PRIu64 "%%");
        out_end(o);
    }
    out_end(o);
    out_text(o, "\n");
    out_end(o);
}

int nat44_show_mappings(struct cli_call *c)
{
    struct nat44_mapping_config m;
    be32 resolved;
    const struct nat44_lb *lb;
    u32 *next = cli_kept(c, 3 * sizeof(*next), NULL); /* of each list */
    if (!c->again) {
        out_text(c->out, "NAT44 static mappings:\n");
        out_array(c->out, "mappings");
    }
    for (; nat44_mapping_at(c->piste, next[0], &m, &resolved); next[0]++) {
        if (cli_full(c))
            return CLI_MORE;
        if (!be32_is_zero(resolved))
            show_mapping(c->out, &m, resolved);
    }
    for (; (lb = nat44_lb_at(c->piste, next[2])) != NULL; next[2]++) {
        if (cli_full(c))
            return CLI_MORE;
        nat44_show_lb(c->out, lb);
    }
    for (; nat44_mapping_at(c->piste, next[1], &m, &resolved); next[1]++) {
        if (cli_full(c))
            return CLI_MORE;
        if (!if_is_none(m.external_if))
            show_mapping_of_if(c, &m);
    }
    out_end(c->out);
    return 0;
}

/* What commands show of NAT44 ED alone: sessions, and ways between tables. Layouts are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/engine.h"
#include "net/packet/ip4_format.h"
#include "plugins/nat/nat44_cli.h"
#include "plugins/nat/nat44_internal.h"

int nat44_show_vrf_tables(struct cli_call *c)
{
    const struct nat44_vrf_table *t;
    out_array(c->out, "tables");
    for (u32 k = 0; (t = nat44_vrf_table_at(c->piste, k)) != NULL; k++) {
        out_object(c->out, NULL);
        out_u64(c->out, "table", t->vrf, "table %" PRIu64 ":\n");
        out_array(c->out, "routes");
        for (u32 i = 0; i < t->routes.n; i++) {
            out_object(c->out, NULL);
            out_text(c->out, "[%u]", i);
            out_u64(c->out, "vrf", t->routes.v[i], " vrf-id %" PRIu64 "\n");
            out_end(c->out);
        }
        out_end(c->out);
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

static void add_flow(struct text *t, const char *words, be32 addr)
{
    text_puts(t, words);
    ip4_format_address(t, addr);
}

void nat44_format_flow(struct text *t, const union nat44_key key[NAT44_DIRS], enum nat44_dir dir)
{
    const union nat44_key *k = &key[dir], *back = &key[1 - dir];
    u8 protocol = nat44_key_protocol(k);
    bool ports = protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP;
    add_flow(t, "match: saddr ", k->src);
    text_add(t, " sport %u", be16_to_host(k->sport));
    add_flow(t, " daddr ", k->dst);
    text_add(t, " dport %u proto ", be16_to_host(k->dport));
    ip_format_protocol(t, protocol);
    text_add(t, " fib_idx %u ", nat44_key_fib(k).i);
    add_flow(t, "rewrite: saddr ", back->dst);
    if (ports && (dir == NAT44_I2O || !be16_equal(back->dport, k->sport)))
        text_add(t, " sport %u", be16_to_host(back->dport));
    add_flow(t, " daddr ", back->src);
    if (ports)
        text_add(t, " dport %u", be16_to_host(back->sport));
    if (protocol == IP_PROTOCOL_ICMP)
        text_add(t, " icmp-id %u", be16_to_host(back->sport));
    text_add(t, " txfib %u ", nat44_key_fib(back).i);
}

static void show_side(struct out *o, const char *words, be32 addr, u8 protocol, be16 port, u32 fib)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    struct text name = {0};
    ip_format_protocol(&name, protocol);
    out_object(o, words);
    out_text(o, "    %s", words);
    out_str(o, "address", nat44_show_address_text(addr, text), " %s");
    out_str(o, "protocol", text_str(&name), " proto %s");
    if (nat44_has_ports(protocol))
        out_u64(o, "port", be16_to_host(port), " port %" PRIu64);
    out_u64(o, "fib", fib, " fib %" PRIu64 "\n");
    out_end(o);
    text_free(&name);
}

static void nat44_show_session(struct cli_call *c, const struct nat44_session *s, u32 index)
{
    struct out *o = c->out;
    const union nat44_key *i2o = &s->key[NAT44_I2O], *o2i = &s->key[NAT44_O2I];
    u8 protocol = nat44_key_protocol(i2o);
    char text[IP_ADDRESS_TEXT_BYTES];
    u64 left_ns;
    bool over = nat44_session_is_over(c->piste, s, &left_ns);

    out_object(o, NULL);
    show_side(o, "i2o", i2o->src, protocol, i2o->sport, nat44_key_fib(i2o).i);
    show_side(o, "o2i", o2i->dst, protocol, o2i->dport, nat44_key_fib(o2i).i);
    bool twice = s->flags & NAT44_SESSION_TWICE;
    out_str(o, "external_host", nat44_show_address_text(o2i->src, text),
            twice ? "       external host o2i %s" : "       external host %s");
    out_u64(o, "external_port", be16_to_host(o2i->sport), ":%" PRIu64);
    if (twice) {
        out_str(o, "external_host_inside", nat44_show_address_text(i2o->dst, text), " i2o %s");
        out_u64(o, "external_port_inside", be16_to_host(i2o->dport), ":%" PRIu64);
    }
    out_text(o, "\n");
    for (u32 d = 0; d < NAT44_DIRS; d++) {
        struct text flow = {0};
        nat44_format_flow(&flow, s->key, (enum nat44_dir)d);
        out_text(o, "       %s flow: %s\n", d == NAT44_I2O ? "i2o" : "o2i", text_str(&flow));
        text_free(&flow);
    }
    out_u64(o, "index", index, "       index %" PRIu64 "\n");
    nat44_show_seconds(o, "last_heard", s->last_heard_ns - c->piste->start_ns,
                       "       last heard ");
    if (over)
        out_text(o, "       timed out\n");
    else
        nat44_show_seconds(o, "timeout_in", left_ns, "       timeout in ");
    out_u64(o, "packets", s->packets, "       total pkts %" PRIu64);
    out_u64(o, "bytes", s->bytes, ", total bytes %" PRIu64 "\n");
    out_bool(o, "static", s->flags & NAT44_SESSION_STATIC, "       static translation\n",
             "       dynamic translation\n");
    out_bool(o, "forwarding_bypass", s->flags & NAT44_SESSION_BYPASS, "       forwarding-bypass\n",
             "");
    out_bool(o, "load_balancing", s->flags & NAT44_SESSION_LB, "       load-balancing\n", "");
    out_bool(o, "twice_nat", twice, "       twice-nat\n", "");
    out_text(o, "\n");
    out_end(o);
}

/* Whether a session is as each `filter' wants it. -EINVAL: there is no such protocol. */
static int passes_filters(const struct cli_call *c, const struct nat44_session *s)
{
    const union nat44_key *k = &s->key[NAT44_I2O];
    for (u32 i = 0; i < c->n_args; i++) {
        const char *name = c->args[i].name;
        const struct cli_value *v = &c->args[i].value;
        u8 protocol = 0;
        if (!strcmp(name, "i2o") || !strcmp(name, "o2i"))
            k = &s->key[!strcmp(name, "i2o") ? NAT44_I2O : NAT44_O2I];
        if (!strcmp(name, "protocol") && !ip_protocol_by_name(v->text, &protocol))
            return -EINVAL;
        if ((!strcmp(name, "source") && load_u32(v->ip.addr) != k->src.raw) ||
            (!strcmp(name, "destination") && load_u32(v->ip.addr) != k->dst.raw) ||
            (!strcmp(name, "source-port") && v->u != be16_to_host(k->sport)) ||
            (!strcmp(name, "destination-port") && v->u != be16_to_host(k->dport)) ||
            (!strcmp(name, "protocol") && protocol != nat44_key_protocol(k)))
            return 0;
    }
    return 1;
}

struct show_place {
    struct nat44_show_thread at; /* first */
    u32 from;                    /* SESSION_NONE: there are no more */
    u32 shown, filtered;
};

/* Some sessions of a thread, or its end. */
static int show_piece(struct cli_call *c, struct nat44_show_thread *at)
{
    struct show_place *place = (struct show_place *)at;
    struct nat44_session s[32];
    u32 index[array_len(s)];
    if (!nat44_is_enabled(c->piste) || place->from == SESSION_NONE) {
        if (cli_has(c, "filter"))
            out_text(c->out, "Showed: %u, Filtered: %u of total %u sessions of thread %u\n\n",
                     place->shown, place->filtered, place->shown + place->filtered, at->thread);
        return 0;
    }
    u32 n = nat44_sessions_copy(c->piste, at->thread, &place->from, s, index, array_len(s));
    for (u32 i = 0; i < n; i++) {
        int wanted = passes_filters(c, &s[i]);
        if (wanted < 0)
            return error_set(c->err, EINVAL, "unknown protocol");
        place->shown += wanted > 0;
        place->filtered += wanted == 0;
        if (wanted)
            nat44_show_session(c, &s[i], index[i]);
    }
    return 1;
}

int nat44_show_sessions(struct cli_call *c)
{
    return nat44_show_threads(c, sizeof(struct show_place), "NAT44 ED sessions:", "sessions",
                              show_piece);
}

/* --- summary --- */

enum { SUM_TCP_ESTABLISHED, SUM_TCP_TRANSITORY, SUM_UDP, SUM_ICMP, SUM_OTHER, SUMS };

struct summary {
    struct nat44_place at;
    u64 n[SUMS], over[SUMS];
    u64 oldest_ns[SUMS]; /* when the first of them times out */
};

static u32 nat44_sum_of(const struct nat44_session *s)
{
    switch (nat44_key_protocol(&s->key[NAT44_I2O])) {
    case IP_PROTOCOL_TCP:
        return nat44_session_is_transitory(s) ? SUM_TCP_TRANSITORY : SUM_TCP_ESTABLISHED;
    case IP_PROTOCOL_UDP:
        return SUM_UDP;
    case IP_PROTOCOL_ICMP:
        return SUM_ICMP;
    default:
        return SUM_OTHER;
    }
}

static void sum_one(const struct piste *p, struct summary *x, const struct nat44_session *s)
{
    u32 k = nat44_sum_of(s);
    u64 left;
    x->over[k] += nat44_session_is_over(p, s, &left);
    u64 end = clock_ns() + left - p->start_ns;
    if (!x->n[k] || end < x->oldest_ns[k])
        x->oldest_ns[k] = end;
    x->n[k]++;
}

static void show_oldest(struct cli_call *c, const struct summary *x, u32 k, const char *words)
{
    if (x->n[k])
        out_text(c->out, "%s LRU min session timeout %" PRIu64 " (now %" PRIu64 ")\n", words,
                 (u64)(x->oldest_ns[k] / NS_PER_SEC),
                 (u64)((clock_ns() - c->piste->start_ns) / NS_PER_SEC));
}

static void show_sum(struct out *o, const char *key, u64 n, u64 over, const char *indent)
{
    out_object(o, key);
    out_text(o, "%s", indent);
    out_u64(o, "total", n, "%" PRIu64);
    out_u64(o, "timed_out", over, " (timed out: %" PRIu64 ")\n");
    out_end(o);
}

static void show_sums(struct out *o, const struct summary *x)
{
    u64 tcp = x->n[SUM_TCP_ESTABLISHED] + x->n[SUM_TCP_TRANSITORY];
    u64 tcp_over = x->over[SUM_TCP_ESTABLISHED] + x->over[SUM_TCP_TRANSITORY];
    u64 all = tcp + x->n[SUM_UDP] + x->n[SUM_ICMP] + x->n[SUM_OTHER];
    u64 over = tcp_over + x->over[SUM_UDP] + x->over[SUM_ICMP] + x->over[SUM_OTHER];
    show_sum(o, "sessions", all, over, "total sessions: ");
    show_sum(o, "tcp", tcp, tcp_over, "tcp sessions:\n    total: ");
    show_sum(o, "tcp_established", x->n[SUM_TCP_ESTABLISHED], x->over[SUM_TCP_ESTABLISHED],
             "        established: ");
    show_sum(o, "tcp_transitory", x->n[SUM_TCP_TRANSITORY], x->over[SUM_TCP_TRANSITORY],
             "        transitory: ");
    show_sum(o, "udp", x->n[SUM_UDP], x->over[SUM_UDP], "udp sessions:\n    total: ");
    show_sum(o, "icmp", x->n[SUM_ICMP], x->over[SUM_ICMP], "icmp sessions:\n    total: ");
    show_sum(o, "other", x->n[SUM_OTHER], x->over[SUM_OTHER], "other sessions:\n    total: ");
}

static void show_vrf_limits(struct cli_call *c)
{
    struct nat44_vrf_limit limit;
    out_array(c->out, "limits");
    for (u32 k = 0; nat44_vrf_limit_at(c->piste, k, &limit); k++) {
        out_object(c->out, NULL);
        out_u64(c->out, "limit", limit.limit, "max translations per thread: %" PRIu64);
        out_u64(c->out, "vrf", limit.vrf, NULL);
        out_text(c->out, " fib %u\n", fib_table_find(fib_of(c->piste), IP_FAMILY_4, limit.vrf).i);
        out_end(c->out);
    }
    out_end(c->out);
}

int nat44_show_summary(struct cli_call *c)
{
    struct summary *x = cli_kept(c, sizeof(*x), NULL);
    const struct nat44_state *s = nat44_state_of(c->piste);
    struct nat44_session some[64];
    u32 n;
    if (!c->again)
        x->at.thread = 1;
    for (u32 k = 0; nat44_sessions_next(c->piste, &x->at, some, array_len(some), &n); k++) {
        for (u32 i = 0; i < n; i++)
            sum_one(c->piste, x, &some[i]);
        if (k == 1024) /* others have their turn */
            return CLI_MORE;
    }
    out_u64(c->out, "max_translations_per_thread", s->enabled ? s->options.sessions : 0,
            "max translations per thread: %" PRIu64);
    out_text(c->out, " fib %u\n", s->enabled ? s->data.inside_fib.i : 0);
    show_vrf_limits(c);
    show_oldest(c, x, SUM_TCP_TRANSITORY, "transitory tcp");
    show_oldest(c, x, SUM_TCP_ESTABLISHED, "established tcp");
    show_oldest(c, x, SUM_UDP, "udp");
    show_oldest(c, x, SUM_ICMP, "icmp");
    show_oldest(c, x, SUM_OTHER, "unknown");
    show_sums(c->out, x);
    return 0;
}

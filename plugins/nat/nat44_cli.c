/* Commands of NAT44 that change it, and its part of the running configuration. Words are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_format.h"
#include "plugins/nat/nat44_cli.h"
#include "plugins/nat/nat44_internal.h"

/* --- types --- */

/* A.B.C.D:PORT */
static int parse_endpoint(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    u8 a[4];
    u32 at = 0;
    const char *s = *text;
    for (u32 i = 0; i < 5; i++, s += at) {
        u32 x;
        int used = 0;
        if (*s < '0' || *s > '9' || sscanf(s, "%u%n", &x, &used) != 1)
            return -ENOENT;
        at = (u32)used;
        if (i == 4) {
            if (x > 65535 || !strchr(" \t\r\n", s[at]))
                return -ENOENT;
            memcpy(v->raw, a, 4);
            put_be16(v->raw + 4, (u16)x);
            *text = s + at;
            return 0;
        }
        if (x > 255 || s[at] != (i < 3 ? '.' : ':'))
            return -ENOENT;
        a[i] = (u8)x;
        at++;
    }
    return -ENOENT;
}

const struct cli_type nat44_types[] = {
    {"nat-endpoint", "no address and port:", parse_endpoint, NULL},
    {0},
};

static u32 nat44_cli_address(const struct cli_call *c, const char *label)
{
    return get_be32(cli_get(c, label)->ip.addr);
}

static u8 nat44_cli_protocol(const struct cli_call *c)
{
    return cli_has(c, "tcp")   ? IP_PROTOCOL_TCP
           : cli_has(c, "udp") ? IP_PROTOCOL_UDP
                               : IP_PROTOCOL_ICMP;
}

/* --- the plugin --- */

static int nat44_cli_plugin(struct cli_call *c)
{
    if (cli_has(c, "disable"))
        return nat44_disable(c->piste, c->err);
    struct nat44_options o = {
        .sessions = (u32)cli_u64(c, "sessions", 0),
        .inside_vrf = (u32)cli_u64(c, "inside-vrf", 0),
        .outside_vrf = (u32)cli_u64(c, "outside-vrf", 0),
    };
    return nat44_enable(c->piste, &o, c->err);
}

static const char *const timeout_words[NAT44_TIMEOUTS] = {"udp", "tcp-established",
                                                          "tcp-transitory", "icmp"};

static int nat44_cli_timeout(struct cli_call *c)
{
    u32 seconds[NAT44_TIMEOUTS];
    if (!c->n_args)
        return error_set(c->err, EINVAL, "expected required argument(s)");
    for (u32 k = 0; k < NAT44_TIMEOUTS; k++)
        seconds[k] = (u32)cli_u64(c, timeout_words[k], nat44_timeouts(c->piste)[k]);
    return nat44_set_timeouts(c->piste, cli_has(c, "reset") ? nat44_default_timeouts : seconds,
                              c->err);
}

static int nat44_cli_session_limit(struct cli_call *c)
{
    u32 limit = (u32)cli_u64(c, "limit", 0), vrf = (u32)cli_u64(c, "vrf", 0);
    return vrf ? nat44_set_vrf_limit(c->piste, vrf, limit, c->err)
               : nat44_set_session_limit(c->piste, limit, c->err);
}

static int nat44_cli_vrf_table(struct cli_call *c)
{
    u32 vrf = (u32)cli_u64(c, "vrf", 0);
    return cli_has(c, "del") ? nat44_del_vrf_table(c->piste, vrf, c->err)
                             : nat44_add_vrf_table(c->piste, vrf, c->err);
}

static int nat44_cli_vrf_route(struct cli_call *c)
{
    return nat44_set_vrf_route(c->piste, (u32)cli_u64(c, "from-vrf", 0), (u32)cli_u64(c, "vrf", 0),
                               !cli_has(c, "del"), c->err);
}

static int nat44_cli_forwarding(struct cli_call *c)
{
    return nat44_set_forwarding(c->piste, cli_has(c, "enable"), c->err);
}

/* --- addresses and interfaces --- */

static enum nat44_pool_kind pool_of_words(const struct cli_call *c)
{
    return cli_has(c, "twice-nat") ? NAT44_POOL_TWICE : NAT44_POOL;
}

static int nat44_cli_addresses(struct cli_call *c)
{
    u32 first = nat44_cli_address(c, "first");
    u32 last = cli_get(c, "last") ? nat44_cli_address(c, "last") : first;
    if (cli_has(c, "del"))
        return nat44_del_addresses(c->piste, pool_of_words(c), first, last, c->err);
    return nat44_add_addresses(c->piste, pool_of_words(c), first, last,
                               (u32)cli_u64(c, "tenant-vrf", NAT44_VRF_ANY), c->err);
}

static int nat44_cli_interface_address(struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "interface");
    bool del = cli_has(c, "del");
    struct error e;
    int rc = nat44_set_interface_address(c->piste, pool_of_words(c), f->index, !del, &e);
    return rc ? error_set(c->err, -rc, "%s %s address failed: %s", del ? "del" : "add", f->name,
                          e.text)
              : 0;
}

/* What a word of `set interface nat44' says of the interface behind it; 0: nothing. */
static u8 flag_of_word(const char *word)
{
    return !strcmp(word, "inside") ? NAT44_IF_IN : !strcmp(word, "outside") ? NAT44_IF_OUT : 0;
}

typedef int set_interface_fn(struct piste *p, struct if_index i, u8 flag, bool add,
                             struct error *e);

/* fn for the first n words of the command, as far as they name interfaces. *done: up to which it
 * went. */
static int each_interface(struct cli_call *c, u32 n, bool add, set_interface_fn *fn, u32 *done)
{
    bool output = cli_has(c, "output-feature");
    for (*done = 0; *done < n; ++*done) {
        const struct cli_arg *a = &c->args[*done];
        u8 word = flag_of_word(a->name), flag = word && output ? NAT44_IF_OUTPUT : word;
        const struct interface *f = a->value.ptr;
        struct error e;
        int rc = flag ? fn(c->piste, f->index, flag, add, &e) : 0;
        if (rc)
            return error_set(c->err, -rc, "%s %s failed: %s", add ? "add" : "del", f->name, e.text);
    }
    return 0;
}

/* All of them or none. */
static int nat44_cli_interface(struct cli_call *c)
{
    bool add = !cli_has(c, "del");
    u32 done, undone, n = 0;
    for (u32 i = 0; i < c->n_args; i++)
        n += flag_of_word(c->args[i].name) != 0;
    if (!n)
        return error_set(c->err, EINVAL, "expected required argument(s)");
    int rc = each_interface(c, c->n_args, add, nat44_check_interface, &done);
    if (rc)
        return rc;
    rc = each_interface(c, c->n_args, add, nat44_set_interface, &done);
    if (rc) { /* one is named twice, or there is no memory */
        struct cli_call back = *c;
        back.err = NULL;
        (void)!each_interface(&back, done, !add, nat44_set_interface, &undone);
    }
    return rc;
}

/* --- static mappings --- */

/* The external end, and what all mappings have; local and identity: the caller's. */
static struct nat44_mapping_config nat44_cli_mapping_config(const struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "external-interface");
    bool ports = cli_has(c, "tcp") || cli_has(c, "udp") || cli_has(c, "icmp");
    return (struct nat44_mapping_config){
        .external_if = f ? f->index : IF_NONE,
        .protocol = ports ? nat44_cli_protocol(c) : 0,
        .vrf = (u32)cli_u64(c, "vrf", 0),
    };
}

static be32 nat44_cli_be32(const struct cli_call *c, const char *label)
{
    const struct cli_value *v = cli_get(c, label);
    return v ? load_be32(v->ip.addr) : (be32){0};
}

static be16 nat44_cli_port(const struct cli_call *c, const char *label)
{
    return be16_from_host((u16)cli_u64(c, label, 0));
}

static int tag_of_words(struct cli_call *c, char tag[NAT44_TAG_BYTES])
{
    int n = snprintf(tag, NAT44_TAG_BYTES, "%s", cli_str(c, "text", ""));
    return n < 0 || n >= NAT44_TAG_BYTES
               ? error_set(c->err, EINVAL, "a tag has at most %d bytes", NAT44_TAG_BYTES - 1)
               : 0;
}

static u8 twice_of_words(const struct cli_call *c)
{
    return cli_has(c, "twice-nat")        ? NAT44_TWICE_ALL
           : cli_has(c, "self-twice-nat") ? NAT44_TWICE_SELF
                                          : NAT44_TWICE_NONE;
}

static int nat44_cli_put_mapping(struct cli_call *c, struct nat44_mapping_config *m)
{
    int rc = tag_of_words(c, m->tag);
    if (rc)
        return rc;
    return cli_has(c, "del") ? nat44_del_mapping(c->piste, m, c->err)
                             : nat44_add_mapping(c->piste, m, c->err);
}

static int nat44_cli_mapping(struct cli_call *c)
{
    struct nat44_mapping_config m = nat44_cli_mapping_config(c);
    m.local = nat44_cli_be32(c, "local-address");
    m.external = nat44_cli_be32(c, "external-address");
    m.local_port = nat44_cli_port(c, "local-port");
    m.external_port = nat44_cli_port(c, "external-port");
    m.out2in_only = cli_has(c, "out2in-only");
    m.twice = twice_of_words(c);
    m.exact = nat44_cli_be32(c, "pool-address");
    return nat44_cli_put_mapping(c, &m);
}

static int nat44_cli_identity(struct cli_call *c)
{
    struct nat44_mapping_config m = nat44_cli_mapping_config(c);
    m.local = m.external = nat44_cli_be32(c, "address");
    m.local_port = m.external_port = nat44_cli_port(c, "port");
    m.identity = true;
    return nat44_cli_put_mapping(c, &m);
}

/* --- load balancing --- */

static int lb_config_of_words(struct cli_call *c, struct nat44_lb_config *x)
{
    const struct cli_value *at = cli_get(c, "external-end");
    *x = (struct nat44_lb_config){
        .external = load_be32(at->raw),
        .external_port = load_be16(at->raw + 4),
        .protocol = cli_has(c, "tcp") ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP,
        .twice = twice_of_words(c),
        .out2in_only = cli_has(c, "out2in-only"),
        .affinity_s = (u32)cli_u64(c, "affinity-seconds", 0),
    };
    return tag_of_words(c, x->tag);
}

/* Each `local' with what follows it. */
static void locals_of_words(const struct cli_call *c, struct nat44_lb_local *l, u32 *n)
{
    *n = 0;
    for (u32 i = 0; i < c->n_args; i++) {
        const struct cli_value *v = &c->args[i].value;
        const char *name = c->args[i].name;
        if (!strcmp(name, "local-end"))
            l[(*n)++] =
                (struct nat44_lb_local){.addr = load_be32(v->raw), .port = load_be16(v->raw + 4)};
        else if (*n && !strcmp(name, "table"))
            l[*n - 1].vrf = (u32)v->u;
        else if (*n && !strcmp(name, "chance"))
            l[*n - 1].probability = (u8)v->u;
    }
}

static int nat44_cli_lb(struct cli_call *c)
{
    struct nat44_lb_local *locals = mem_alloc((c->n_args + 1) * sizeof(*locals));
    struct nat44_lb_config x;
    u32 n;
    int rc = lb_config_of_words(c, &x);
    locals_of_words(c, locals, &n);
    if (!rc)
        rc = cli_has(c, "del") ? nat44_del_lb(c->piste, &x, c->err)
                               : nat44_add_lb(c->piste, &x, locals, n, c->err);
    free(locals);
    return rc;
}

static int nat44_cli_lb_local(struct cli_call *c)
{
    struct nat44_lb_local l;
    struct nat44_lb_config x;
    u32 n;
    int rc = lb_config_of_words(c, &x);
    locals_of_words(c, &l, &n); /* one, says the grammar */
    if (rc)
        return rc;
    return cli_has(c, "del") ? nat44_del_lb_local(c->piste, &x, &l, c->err)
                             : nat44_add_lb_local(c->piste, &x, &l, c->err);
}

static int nat44_cli_mss(struct cli_call *c)
{
    u64 mss = cli_u64(c, "mss", 0);
    if (!cli_has(c, "disable") && !mss)
        return error_set(c->err, EINVAL, "a segment has at least one byte");
    return nat44_set_mss(c->piste, (u16)mss, c->err);
}

/* --- sessions --- */

static int nat44_cli_clear_sessions(struct cli_call *c)
{
    return nat44_clear_sessions(c->piste, c->err);
}

static int nat44_cli_del_session(struct cli_call *c)
{
    const struct cli_value *at = cli_get(c, "address"), *host = cli_get(c, "host");
    struct nat44_match m = {
        .side = cli_has(c, "in") ? NAT44_I2O : NAT44_O2I,
        .addr = load_be32(at->raw),
        .port = load_be16(at->raw + 4),
        .protocol = nat44_cli_protocol(c),
        .vrf = (u32)cli_u64(c, "vrf", 0),
        .any_host = !host,
    };
    if (host) {
        m.host = load_be32(host->raw);
        m.host_port = load_be16(host->raw + 4);
    }
    struct error e;
    int rc = nat44_del_sessions(c->piste, &m, &e);
    return rc ? error_set(c->err, -rc, "nat44_del_session returned %d", api_retval(rc)) : 0;
}

const struct cli_command nat44_commands[] = {
    {"nat44 plugin ( enable | disable ) [sessions <sessions:u32>] [inside-vrf <inside-vrf:u32>]"
     " [outside-vrf <outside-vrf:u32>]",
     "Turns NAT44 on, with at most so many sessions of a thread, or off with all that was set",
     nat44_cli_plugin, 0},
    {"set nat timeout [udp <udp:u32>] [tcp-established <tcp-established:u32>]"
     " [tcp-transitory <tcp-transitory:u32>] [icmp <icmp:u32>] [reset]",
     "Sets how many seconds a session lives without packets", nat44_cli_timeout, 0},
    {"set nat44 session limit <limit:u32> [vrf <vrf:u32>]",
     "Sets how many sessions a thread may have, of all hosts or of a table's (0: no limit for "
     "that)",
     nat44_cli_session_limit, 0},
    {"nat44 vrf table ( add | del ) <vrf:u32>",
     "Makes hosts of a table go outside by tables that it has routes to, or ends that",
     nat44_cli_vrf_table, 0},
    {"nat44 vrf route ( add | del ) table <from-vrf:u32> <vrf:u32>",
     "Lets hosts of a table go outside by another table", nat44_cli_vrf_route, 0},
    {"show nat44 vrf tables", "By which tables hosts of tables go outside", nat44_show_vrf_tables,
     0},
    {"nat44 forwarding ( enable | disable )",
     "Lets packets from outside pass untranslated that belong to no session", nat44_cli_forwarding,
     0},
    {"nat44 add address <first:ip4-address> [- <last:ip4-address>] [tenant-vrf <tenant-vrf:u32>]"
     " [twice-nat] [del]",
     "Adds addresses to the pool, for hosts of all tables or of one, or to that of hosts outside",
     nat44_cli_addresses, 0},
    {"nat44 add interface address <interface> [twice-nat] [del]",
     "Gives the pool the addresses of an interface, whatever they are", nat44_cli_interface_address,
     0},
    {"nat44 add static mapping [ tcp | udp | icmp ] (local <local-address:ip4-address>"
     " [<local-port:u16>])"
     " (external ( <external-address:ip4-address> | <external-interface:interface> )"
     " [<external-port:u16>])"
     " [vrf <vrf:u32>] [ twice-nat | self-twice-nat ] [out2in-only]"
     " [exact <pool-address:ip4-address>] [tag <text:string>] [del]",
     "Gives a host inside, or a port of it, an address outside for good", nat44_cli_mapping, 0},
    {"nat44 add identity mapping ( <address:ip4-address> | external <external-interface:interface>"
     " ) [ ( tcp | udp | icmp ) <port:u16> ] [vrf <vrf:u32>] [tag <text:string>] [del]",
     "Leaves packets of an address, or of a port of it, as they are", nat44_cli_identity, 0},
    {"nat44 add load-balancing static mapping protocol ( tcp | udp )"
     " (external <external-end:nat-endpoint>)"
     " ( local <local-end:nat-endpoint> [vrf <table:u32>] probability <chance:u8> ) ..."
     " [ twice-nat | self-twice-nat ] [out2in-only] [affinity <affinity-seconds:u32>]"
     " [tag <text:string>] [del]",
     "Gives ports of several hosts inside one outside, for sessions by turns of chance",
     nat44_cli_lb, 0},
    {"nat44 add load-balancing back-end protocol ( tcp | udp )"
     " (external <external-end:nat-endpoint>)"
     " (local <local-end:nat-endpoint> [vrf <table:u32>] probability <chance:u8>) [del]",
     "Adds a host inside to a load-balanced mapping, or takes it away", nat44_cli_lb_local, 0},
    {"nat mss-clamping ( disable | <mss:u16> )",
     "Bounds the segments of TCP connections through NAT", nat44_cli_mss, 0},
    {"show nat mss-clamping", "How segments of TCP are bounded", nat44_show_mss, 0},
    {"show nat44 static mappings", "Static mappings, and those of interfaces", nat44_show_mappings,
     0},
    {"set interface nat44 [( in <inside:interface> | out <outside:interface> ) ...]"
     " [output-feature] [del]",
     "Says which interfaces lead inside and outside, or translate what leaves by them",
     nat44_cli_interface, 0},
    {"nat44 del session ( in | out ) <address:nat-endpoint> ( tcp | udp | icmp ) [vrf <vrf:u32>]"
     " [external-host <host:nat-endpoint>]",
     "Ends the sessions of an address and port inside or outside", nat44_cli_del_session, 0},
    {"clear nat44 ed sessions", "Ends all sessions", nat44_cli_clear_sessions, 0},
    {"show nat timeouts", "How long sessions live without packets", nat44_show_timeouts, 0},
    {"show nat44 interfaces", "Interfaces that lead inside and outside", nat44_show_interfaces, 0},
    {"show nat44 addresses", "Addresses of the pool", nat44_show_addresses, 0},
    {"show nat44 interface address", "Interfaces whose addresses the pool has",
     nat44_show_address_ifs, 0},
    {"show nat44 sessions [filter ( i2o | o2i ) ( saddr <source:ip4-address>"
     " | sport <source-port:u16> | daddr <destination:ip4-address> | dport <destination-port:u16>"
     " | proto <protocol:string> )] ...",
     "Sessions of each thread, or those with packets as the filters want them", nat44_show_sessions,
     0},
    {"show nat44 summary", "How many sessions there are, by protocol", nat44_show_summary, 0},
    {0},
};

/* --- running config --- */

static void config_settings(struct piste *p, struct text *t)
{
    const struct nat44_state *s = nat44_state_of(p);
    text_add(t, "nat44 plugin enable sessions %u", s->options.sessions);
    if (s->options.inside_vrf)
        text_add(t, " inside-vrf %u", s->options.inside_vrf);
    if (s->options.outside_vrf)
        text_add(t, " outside-vrf %u", s->options.outside_vrf);
    text_putc(t, '\n');
    if (memcmp(s->data.timeout_s, nat44_default_timeouts, sizeof(s->data.timeout_s)) != 0) {
        text_puts(t, "set nat timeout");
        for (u32 k = 0; k < NAT44_TIMEOUTS; k++)
            text_add(t, " %s %u", timeout_words[k], s->data.timeout_s[k]);
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
        text_puts(t, "nat44 forwarding enable\n");
    if (s->data.mss)
        text_add(t, "nat mss-clamping %u\n", s->data.mss);
}

/* Addresses that follow each other are one line. */
static void config_addresses(struct piste *p, struct text *t, enum nat44_pool_kind kind)
{
    const char *twice = kind == NAT44_POOL_TWICE ? " twice-nat" : "";
    struct nat44_pool_entry a, next;
    struct if_index i;
    for (u32 k = 0; nat44_address_at(p, kind, k, &a); k++) {
        if (!if_is_none(a.from))
            continue;
        u32 first = be32_to_host(a.addr), last = first;
        while (nat44_address_at(p, kind, k + 1, &next) && if_is_none(next.from) &&
               next.tenant_vrf == a.tenant_vrf && be32_to_host(next.addr) == last + 1) {
            last++;
            k++;
        }
        text_puts(t, "nat44 add address ");
        ip4_format_address(t, be32_from_host(first));
        if (last != first) {
            text_puts(t, " - ");
            ip4_format_address(t, be32_from_host(last));
        }
        if (a.tenant_vrf != NAT44_VRF_ANY)
            text_add(t, " tenant-vrf %u", a.tenant_vrf);
        text_add(t, "%s\n", twice);
    }
    for (u32 k = 0; !if_is_none(i = nat44_address_if_at(p, kind, k)); k++)
        text_add(t, "nat44 add interface address %s%s\n", interface_at(p, i)->name, twice);
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
    text_add(t, "nat44 add %s mapping", m->identity ? "identity" : "static");
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

static void config_endpoint(struct text *t, const char *words, be32 addr, be16 port)
{
    text_puts(t, words);
    ip4_format_address(t, addr);
    text_add(t, ":%u", be16_to_host(port));
}

static void config_lb(struct text *t, const struct nat44_lb *lb)
{
    const struct nat44_lb_config *c = &lb->c;
    text_add(t, "nat44 add load-balancing static mapping protocol %s",
             c->protocol == IP_PROTOCOL_TCP ? "tcp" : "udp");
    config_endpoint(t, " external ", c->external, c->external_port);
    for (u32 i = 0; i < lb->locals.n; i++) {
        const struct nat44_lb_local *l = &lb->locals.v[i].c;
        config_endpoint(t, " local ", l->addr, l->port);
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
    if (phase != RC_ROUTES || !nat44_is_enabled(p))
        return;
    config_settings(p, t);
    for (u32 k = 0; k < NAT44_POOLS; k++)
        config_addresses(p, t, (enum nat44_pool_kind)k);
    for (u32 k = 0; nat44_interface_at(p, k, &i, &flags); k++) {
        const char *name = interface_at(p, i)->name;
        if (flags & NAT44_IF_IN)
            text_add(t, "set interface nat44 in %s\n", name);
        if (flags & NAT44_IF_OUT)
            text_add(t, "set interface nat44 out %s\n", name);
        if (flags & NAT44_IF_OUTPUT)
            text_add(t, "set interface nat44 out %s output-feature\n", name);
    }
}

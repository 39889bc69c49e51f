/* Commands of NAT64, and their lines of the running configuration. Words and layouts are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/out.h"
#include "base/text.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_format.h"
#include "plugins/nat/nat64.h"

static int nat64_cli_plugin(struct cli_call *c)
{
    return cli_has(c, "disable")
               ? nat64_disable(c->piste, c->err)
               : nat64_enable(c->piste, (u32)cli_u64(c, "sessions", NAT64_SESSIONS_DEFAULT),
                              c->err);
}

static int nat64_cli_ipfix(struct cli_call *c)
{
    return nat64_set_ipfix(c->piste, cli_has(c, "enable"),
                           (u32)cli_u64(c, "domain-id", NAT64_IPFIX_DOMAIN),
                           (u16)cli_u64(c, "port-number", NAT_IPFIX_PORT), c->err);
}

static const char *const timeout_words[NAT64_TIMEOUTS] = {"udp", "tcp-established",
                                                          "tcp-transitory", "icmp"};

static int nat64_cli_timeouts(struct cli_call *c)
{
    u32 seconds[NAT64_TIMEOUTS];
    if (!c->n_args)
        return error_set(c->err, EINVAL, "expected required argument(s)");
    for (u32 k = 0; k < NAT64_TIMEOUTS; k++)
        seconds[k] = (u32)cli_u64(c, timeout_words[k], nat64_timeouts(c->piste)[k]);
    return nat64_set_timeouts(c->piste, cli_has(c, "reset") ? nat64_default_timeouts : seconds,
                              c->err);
}

static int nat64_cli_interface(struct cli_call *c)
{
    return nat64_set_interface(c->piste, cli_interface(c, "interface")->index,
                               cli_has(c, "in") ? NAT_IF_IN : NAT_IF_OUT, !cli_has(c, "del"),
                               c->err);
}

static int nat64_cli_addresses(struct cli_call *c)
{
    u32 first = get_be32(cli_get(c, "first")->ip.addr);
    u32 last = cli_get(c, "last") ? get_be32(cli_get(c, "last")->ip.addr) : first;
    if (cli_has(c, "del"))
        return nat64_del_addresses(c->piste, first, last, c->err);
    return nat64_add_addresses(c->piste, first, last, (u32)cli_u64(c, "tenant-vrf", NAT_VRF_ANY),
                               c->err);
}

static int nat64_cli_interface_address(struct cli_call *c)
{
    return nat64_set_interface_address(c->piste, cli_interface(c, "interface")->index,
                                       !cli_has(c, "del"), c->err);
}

static int nat64_cli_prefix(struct cli_call *c)
{
    const struct cli_value *v = cli_get(c, "prefix");
    struct nat64_prefix_entry x = {
        .prefix = {.addr = ip_address_from_bytes(IP_FAMILY_6, v->ip.addr),
                   .family = IP_FAMILY_6,
                   .len = v->ip.prefix_len},
        .vrf = (u32)cli_u64(c, "tenant-vrf", 0),
        .via = cli_get(c, "interface") ? cli_interface(c, "interface")->index : IF_NONE,
    };
    return cli_has(c, "del") ? nat64_del_prefix(c->piste, &x, c->err)
                             : nat64_add_prefix(c->piste, &x, c->err);
}

/* The protocol of words: 0: none of them. */
static u8 nat64_cli_protocol(const struct cli_call *c)
{
    return cli_has(c, "tcp")    ? IP_PROTOCOL_TCP
           : cli_has(c, "udp")  ? IP_PROTOCOL_UDP
           : cli_has(c, "icmp") ? IP_PROTOCOL_ICMP
                                : 0;
}

static int nat64_cli_static(struct cli_call *c)
{
    u8 word = nat64_cli_protocol(c), protocol = word ? word : (u8)cli_u64(c, "protocol", 0);
    struct nat64_static_config x = {
        .inside = ip_address_from_bytes(IP_FAMILY_6, cli_get(c, "inside")->ip.addr),
        .outside = load_be32(cli_get(c, "outside")->ip.addr),
        .in_port = be16_from_host((u16)cli_u64(c, "in-port", 0)),
        .out_port = be16_from_host((u16)cli_u64(c, "out-port", 0)),
        .vrf = (u32)cli_u64(c, "vrf", 0),
        .protocol = protocol,
    };
    return cli_has(c, "del") ? nat64_del_static(c->piste, &x, c->err)
                             : nat64_add_static(c->piste, &x, c->err);
}

/* --- show --- */

static int nat64_show_timeouts(struct cli_call *c)
{
    static const char *const lines[NAT64_TIMEOUTS] = {
        "udp timeout: %" PRIu64 "sec\n", "tcp-established timeout: %" PRIu64 "sec\n",
        "tcp-transitory timeout: %" PRIu64 "sec\n", "icmp timeout: %" PRIu64 "sec\n"};
    for (u32 k = 0; k < NAT64_TIMEOUTS; k++)
        out_u64(c->out, timeout_words[k], nat64_timeouts(c->piste)[k], lines[k]);
    return 0;
}

static int nat64_show_interfaces(struct cli_call *c)
{
    return nat_ifs_show(c, "NAT64", nat64_state_of(c->piste)->if_flags);
}

static void show_ip4(struct out *o, const char *key, be32 addr, const char *format)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    struct ip_address a = ip_address_from_ip4(addr);
    out_str(o, key, ip_address_text(IP_FAMILY_4, &a, text), format);
}

static void show_ip6(struct out *o, const char *key, const struct ip_address *a, const char *format)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    out_str(o, key, ip_address_text(IP_FAMILY_6, a, text), format);
}

static int nat64_show_pool(struct cli_call *c)
{
    struct nat_pool_entry x;
    out_text(c->out, "NAT64 pool:\n");
    out_array(c->out, "pool");
    for (u32 k = 0; nat64_address_at(c->piste, k, &x); k++) {
        out_object(c->out, NULL);
        show_ip4(c->out, "address", x.addr, " %s");
        if (x.tenant_vrf != NAT_VRF_ANY)
            out_u64(c->out, "tenant_vrf", x.tenant_vrf, " tenant VRF: %" PRIu64);
        if (!if_is_none(x.from))
            out_str(c->out, "interface", interface_at(c->piste, x.from)->name, NULL);
        out_text(c->out, "\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

static int nat64_show_prefixes(struct cli_call *c)
{
    struct nat64_prefix_entry x;
    char text[IP_PREFIX_TEXT_BYTES];
    out_text(c->out, "NAT64 prefix:\n");
    out_array(c->out, "prefixes");
    for (u32 k = 0; nat64_prefix_at(c->piste, k, &x); k++) {
        out_object(c->out, NULL);
        out_str(c->out, "prefix", ip_prefix_text(&x.prefix, text), " %s");
        out_u64(c->out, "tenant_vrf", x.vrf, " tenant-vrf %" PRIu64 "\n");
        if (!if_is_none(x.via))
            out_str(c->out, "interface", interface_at(c->piste, x.via)->name, NULL);
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

static void nat64_show_port(struct out *o, const char *key, u8 protocol, be16 port)
{
    if (nat64_has_ports(protocol))
        out_u64(o, key, be16_to_host(port), " %" PRIu64);
}

static void show_protocol_and_vrf(struct cli_call *c, const struct nat64_bib *b)
{
    struct text name = {0};
    ip_format_protocol(&name, b->in.protocol);
    out_str(c->out, "protocol", text_str(&name), " protocol %s");
    text_free(&name);
    out_u64(c->out, "vrf", fib_table_id(fib_of(c->piste), (struct fib_index){b->in.fib}),
            " vrf %" PRIu64);
}

static void show_bib(struct cli_call *c, const struct nat64_bib *b)
{
    out_object(c->out, NULL);
    show_ip6(c->out, "inside", &b->in.addr, " %s");
    nat64_show_port(c->out, "inside_port", b->in.protocol, b->in.port);
    show_ip4(c->out, "outside", b->out.addr, " %s");
    nat64_show_port(c->out, "outside_port", b->in.protocol, b->out.port);
    show_protocol_and_vrf(c, b);
    out_bool(c->out, "static", b->is_static, " static", " dynamic");
    out_u64(c->out, "sessions", b->sessions.n, " %" PRIu64 " sessions\n");
    out_end(c->out);
}

static void nat64_show_session(struct cli_call *c, const struct nat64_seen *x)
{
    const struct nat64_bib *b = &x->bib;
    const union nat64_with *with = &x->session.with;
    struct ip_address host = nat64_seen_inside(c->piste, b->in.fib, with->addr);
    bool icmp = b->in.protocol == IP_PROTOCOL_ICMP; /* whose identifier is in both places */
    out_object(c->out, NULL);
    show_ip6(c->out, "inside", &b->in.addr, " %s");
    nat64_show_port(c->out, "inside_port", b->in.protocol, b->in.port);
    show_ip6(c->out, "host_inside", &host, " %s");
    nat64_show_port(c->out, "host_inside_port", b->in.protocol, icmp ? b->in.port : with->port);
    show_ip4(c->out, "outside", b->out.addr, " %s");
    nat64_show_port(c->out, "outside_port", b->in.protocol, b->out.port);
    show_ip4(c->out, "host", with->addr, " %s");
    nat64_show_port(c->out, "host_port", b->in.protocol, icmp ? b->out.port : with->port);
    show_protocol_and_vrf(c, b);
    out_text(c->out, "\n");
    out_end(c->out);
}

/* Which protocol, as in messages. */
static u8 wanted_of_words(const struct cli_call *c)
{
    return cli_has(c, "unknown") ? 0 : cli_has(c, "all") ? 255 : nat64_cli_protocol(c);
}

/* "NAT64 tcp BIB entries:" and an array. */
static void begin_list(struct cli_call *c, const char *what, const char *array)
{
    static const char *const words[] = {"tcp", "udp", "icmp"};
    const char *word = NULL;
    for (u32 k = 0; k < array_len(words); k++)
        if (cli_has(c, words[k]))
            word = words[k];
    out_text(c->out, "NAT64 %s%s%s:\n", word ? word : "", word ? " " : "", what);
    out_array(c->out, array);
}

/* The place of a show, which may be called again. */
static struct nat64_place *nat64_show_place(struct cli_call *c)
{
    struct nat64_place *at = cli_kept(c, sizeof(*at), NULL);
    if (!c->again)
        at->thread = 1;
    return at;
}

static int nat64_show_bib(struct cli_call *c)
{
    struct nat64_place *at = nat64_show_place(c);
    struct nat64_bib bibs[64];
    u32 n;
    if (!c->again)
        begin_list(c, "BIB entries", "bib");
    while (nat64_bibs_next(c->piste, at, bibs, array_len(bibs), &n)) {
        for (u32 i = 0; i < n; i++)
            if (nat64_is_wanted(bibs[i].in.protocol, wanted_of_words(c)))
                show_bib(c, &bibs[i]);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

static int nat64_show_sessions(struct cli_call *c)
{
    struct nat64_place *at = nat64_show_place(c);
    struct nat64_seen seen[64];
    u32 n;
    if (!c->again)
        begin_list(c, "sessions", "sessions");
    while (nat64_sessions_next(c->piste, at, seen, array_len(seen), &n)) {
        for (u32 i = 0; i < n; i++)
            if (nat64_is_wanted(seen[i].bib.in.protocol, wanted_of_words(c)))
                nat64_show_session(c, &seen[i]);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

const struct cli_command nat64_commands[] = {
    {"nat64 plugin ( enable [bib-buckets <bib-buckets:u32>] [bib-memory <bib-memory:size>]"
     " [st-buckets <st-buckets:u32>] [st-memory <st-memory:size>] [sessions <sessions:u32>]"
     " | disable )",
     "Turns NAT64 on, with at most so many sessions of each thread (buckets and memory are not "
     "used), or off with all that was set",
     nat64_cli_plugin, CLI_OWN},
    {"set nat64 timeouts [udp <udp:u32>] [tcp-established <tcp-established:u32>]"
     " [tcp-transitory <tcp-transitory:u32>] [icmp <icmp:u32>] [reset]",
     "Sets how many seconds a session lives without packets", nat64_cli_timeouts, CLI_OWN},
    {"nat64 ipfix logging ( disable | enable ) [domain <domain-id:u32>]"
     " [src-port <port-number:u16>]",
     "Tells collectors of IPFIX of sessions and bindings, or does not any more", nat64_cli_ipfix,
     CLI_OWN},
    {"set interface nat64 ( in | out ) <interface> [del]",
     "Says which interfaces lead inside, to IPv6, and outside, to IPv4", nat64_cli_interface,
     CLI_OWN},
    {"nat64 add pool address <first:ip4-address> [- <last:ip4-address>]"
     " [tenant-vrf <tenant-vrf:u32>] [del]",
     "Adds addresses to the pool, for hosts of all tables or of one", nat64_cli_addresses, CLI_OWN},
    {"nat64 add interface address <interface> [del]",
     "Gives the pool the addresses of an interface, whatever they are", nat64_cli_interface_address,
     CLI_OWN},
    {"nat64 add prefix <prefix:ip6-prefix> [tenant-vrf <tenant-vrf:u32>]"
     " [interface <interface>] [del]",
     "Says in which prefix hosts of a table see IPv4, and where what others send there comes in",
     nat64_cli_prefix, CLI_OWN},
    {"nat64 add static bib <inside:ip6-address> [<in-port:u16>] <outside:ip4-address>"
     " ( <out-port:u16> ( tcp | udp | icmp ) | <protocol:u8> ) [vrf <vrf:u32>] [del]",
     "Gives a port of a host inside an address and port outside for good", nat64_cli_static,
     CLI_OWN},
    {"show nat64 timeouts", "How long sessions live without packets", nat64_show_timeouts, CLI_OWN},
    {"show nat64 interfaces", "Interfaces that lead inside and outside", nat64_show_interfaces,
     CLI_OWN},
    {"show nat64 pools", "Addresses of the pool", nat64_show_pool, CLI_OWN},
    {"show nat64 prefix", "In which prefixes hosts see IPv4", nat64_show_prefixes, CLI_OWN},
    {"show nat64 bib ( all | tcp | udp | icmp | unknown )",
     "What ports of hosts inside are outside", nat64_show_bib, CLI_OWN},
    {"show nat64 session table ( all | tcp | udp | icmp | unknown )",
     "Sessions, and both ends of each as they are on either side", nat64_show_sessions, CLI_OWN},
    {0},
};

/* --- running config --- */

static void config_pool(struct piste *p, struct text *t)
{
    const struct nat64_state *s = nat64_state_of(p);
    struct if_index i;
    nat_pool_config(s->pool.v, s->pool.n, "nat64", "pool address", "", t);
    for (u32 k = 0; !if_is_none(i = nat64_address_if_at(p, k)); k++)
        text_add(t, "nat64 add interface address %s\n", interface_at(p, i)->name);
}

static void config_prefixes(struct piste *p, struct text *t)
{
    struct nat64_prefix_entry x;
    char text[IP_PREFIX_TEXT_BYTES];
    for (u32 k = 0; nat64_prefix_at(p, k, &x); k++) {
        text_add(t, "nat64 add prefix %s", ip_prefix_text(&x.prefix, text));
        if (x.vrf)
            text_add(t, " tenant-vrf %u", x.vrf);
        if (!if_is_none(x.via))
            text_add(t, " interface %s", interface_at(p, x.via)->name);
        text_putc(t, '\n');
    }
}

void nat64_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct nat64_state *s = state;
    if (phase == RC_ROUTES && s->ipfix.stream)
        text_add(t, "nat64 ipfix logging enable domain %u src-port %u\n", s->ipfix.domain,
                 s->ipfix.src_port);
    if (phase != RC_ROUTES || !s->enabled)
        return;
    text_puts(t, "nat64 plugin enable");
    if (s->sessions != NAT64_SESSIONS_DEFAULT)
        text_add(t, " sessions %u", s->sessions);
    text_putc(t, '\n');
    if (memcmp(s->data.timeout_s, nat64_default_timeouts, sizeof(s->data.timeout_s)) != 0) {
        text_puts(t, "set nat64 timeouts");
        for (u32 k = 0; k < NAT64_TIMEOUTS; k++)
            text_add(t, " %s %u", timeout_words[k], s->data.timeout_s[k]);
        text_putc(t, '\n');
    }
    config_pool(p, t);
    config_prefixes(p, t);
    nat_ifs_config(p, "nat64", s->if_flags, t);
}

static void config_static(const struct nat64_static_config *x, struct text *t)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    text_add(t, "nat64 add static bib %s ", ip_address_text(IP_FAMILY_6, &x->inside, text));
    if (nat64_has_ports(x->protocol))
        text_add(t, "%u ", be16_to_host(x->in_port));
    ip4_format_address(t, x->outside);
    if (nat64_has_ports(x->protocol))
        text_add(t, " %u %s", be16_to_host(x->out_port),
                 x->protocol == IP_PROTOCOL_TCP   ? "tcp"
                 : x->protocol == IP_PROTOCOL_UDP ? "udp"
                                                  : "icmp");
    else
        text_add(t, " %u", x->protocol);
    if (x->vrf)
        text_add(t, " vrf %u", x->vrf);
    text_putc(t, '\n');
}

bool nat64_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                               struct text *t)
{
    struct nat64_static_config x;
    u32 *at = *place;
    if (phase != RC_OVERRIDES || !nat64_is_enabled(p))
        return false;
    if (!at)
        at = *place = mem_alloc(sizeof(*at));
    for (u32 n = 0; n < 256; n++) {
        if (!nat64_static_next(p, at, &x))
            return false;
        config_static(&x, t);
    }
    return true;
}

/* Commands of NAT44 ED, and what is its own of them. Words are VPP's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plugins/nat/nat44_cli.h"
#include "plugins/nat/nat44_internal.h"

/* --- the plugin, and tables --- */

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

/* --- load balancing --- */

/* --- load balancing --- */

static int lb_config_of_words(struct cli_call *c, struct nat44_lb_config *x)
{
    const struct cli_value *at = cli_get(c, "external-end");
    *x = (struct nat44_lb_config){
        .external = load_be32(at->raw),
        .external_port = load_be16(at->raw + 4),
        .protocol = cli_has(c, "tcp") ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP,
        .twice = nat44_cli_twice(c),
        .out2in_only = cli_has(c, "out2in-only"),
        .affinity_s = (u32)cli_u64(c, "affinity-seconds", 0),
    };
    return nat44_cli_tag(c, x->tag);
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

/* --- sessions --- */

/* --- sessions --- */

static int nat44_cli_clear_sessions(struct cli_call *c)
{
    return nat44_clear_sessions(c->piste, c->err);
}

const struct cli_type nat44_ed_types[] = {
    {"nat-endpoint", "no address and port:", nat44_parse_endpoint, NULL},
    {0},
};

const struct cli_command nat44_ed_commands[] = {
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
    {"show nat44 hash tables [ detail | verbose ]",
     "Tables of sessions and mappings: how many there are, and what they take",
     nat44_show_hash_tables, 0},
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
    {"set nat workers [<list:string>]",
     "Says which data threads have sessions: numbers and ranges, as `0,2-3'; sessions end",
     nat44_cli_workers, 0},
    {"set nat frame-queue-nelts <nelts:u32>",
     "Takes how long queues between data threads are to be, while NAT is off; here they have one "
     "length",
     nat44_cli_fq_nelts, 0},
    {"show nat workers", "Which data threads have sessions, where there are several",
     nat44_show_workers, 0},
    {"nat ipfix logging ( disable | enable ) [domain <domain-id:u32>] [src-port <port-number:u16>]",
     "Tells collectors of IPFIX of sessions, or does not any more", nat44_cli_ipfix, 0},
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

/* The record of the module pmtu, its node, and its command. */
#include <inttypes.h>

#include "base/clock.h"
#include "net/ip/pmtu/pmtu_internal.h"
#include "net/ip/pmtu/pmtu_peer.h"
#include "net/packet/ip6_format.h"

static const struct node_error errors[PMTU_ERR_N] = {
    [PMTU_ERR_LEARNED] = {"learned", "path MTUs learned", SEVERITY_INFO},
    [PMTU_ERR_NOT_SENT] = {"not_sent", "too big: about a packet that was not sent", SEVERITY_ERROR},
    [PMTU_ERR_NOT_SHORTER] = {"not_shorter", "too big: no shorter than was known", SEVERITY_INFO},
    [PMTU_ERR_TOO_SMALL] = {"too_small", "too big: an MTU below 1280", SEVERITY_ERROR},
    [PMTU_ERR_MALFORMED] = {"malformed", "too big: too short", SEVERITY_ERROR},
    [PMTU_ERR_CONGESTED] = {"congested", "too big: too many at a time", SEVERITY_ERROR},
};

const struct node_def pmtu_node = {
    .name = "ip6-icmp-packet-too-big",
    .run = NODE_VARIANTS(ip6_icmp_packet_too_big),
    .next = {"error-drop"},
    .n_next = 1,
    .errors = errors,
    .n_errors = PMTU_ERR_N,
    .format_trace = ip6_format_trace,
};

/* A table may have gone before what was learnt of it. */
static bool pmtu_table_is_there(const struct fib *f, struct fib_index t)
{
    return fib_table_next(f, IP_FAMILY_6, fib_number(t)).i == t.i;
}

static int show_pmtu(struct cli_call *c)
{
    struct pmtu *m = module_state(c->piste, pmtu_module_name);
    const struct fib *f = fib_of(c->piste);
    u64 now = clock_ns();
    pmtu_peer_show(c);
    out_array(c->out, "paths");
    pool_each(&m->pool, i)
    {
        const struct path_mtu *x = pool_at(&m->pool, i);
        struct fib_index table = {x->key.table};
        char text[IP_ADDRESS_TEXT_BYTES];
        if (x->until_ns <= now || !pmtu_table_is_there(f, table))
            continue;
        out_object(c->out, NULL);
        out_str(c->out, "table", fib_table_name(f, table), "%s: ");
        out_str(c->out, "destination", ip_address_text(IP_FAMILY_6, &x->key.dst, text), "%s");
        out_u64(c->out, "mtu", x->mtu, " mtu:%" PRIu64);
        out_u64(c->out, "seconds", (x->until_ns - now) / NS_PER_SEC, " for %" PRIu64 " s\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

static const struct cli_command pmtu_commands[] = {
    {"show ip pmtu",
     "Path MTUs of peers, and those of what this switch sends, as routers on the way said",
     show_pmtu, 0},
    {0},
};

const struct module pmtu_module = {
    .abi = MODULE_ABI,
    .name = pmtu_module_name,
    .description = "Path MTUs of IPv6",
    .needs = (const char *const[]){"icmp6", "fib", pmtu_peer_module_name, NULL},
    .commands = pmtu_commands,
    .init = pmtu_init,
    .stop = pmtu_stop,
};

/* The records of path MTUs of peers, their command and their part of the running configuration. */
#include <errno.h>
#include <inttypes.h>

#include "base/out.h"
#include "base/text.h"
#include "control/cli.h"
#include "net/ip/ip4/ip4_forward.h"
#include "net/ip/ip6/ip6_forward.h"
#include "net/ip/pmtu/pmtu_peer.h"

static const struct node_error pmtu_peer_errors[PMTU_PEER_ERR_N] = {
    IP_FRAG_ERRORS,
    [PMTU_PEER_ERR_LOOP] = {"loop", "looked up in too many tables", SEVERITY_ERROR},
    [PMTU_PEER_ERR_TTL] = {"time_expired", "no hops left", SEVERITY_ERROR},
};

static const struct node_def pmtu_peer_ip4 = {
    .name = "ip4-pmtu-dpo",
    .run = NODE_VARIANTS(ip4_pmtu_dpo),
    .next = {FIB_LOOKUP_EDGES_IP4, [PMTU_PEER_NEXT_ICMP_ERROR] = "ip4-icmp-error",
             [PMTU_PEER_NEXT_FRAGMENT] = "ip4-frag"},
    .n_next = PMTU_PEER_N_NEXT,
    .errors = pmtu_peer_errors,
    .n_errors = PMTU_PEER_ERR_N,
    .format_trace = ip4_format_forward_trace,
};

static const struct node_def pmtu_peer_ip6 = {
    .name = "ip6-pmtu-dpo",
    .run = NODE_VARIANTS(ip6_pmtu_dpo),
    .next = {FIB_LOOKUP_EDGES_IP6, [PMTU_PEER_NEXT_ICMP_ERROR] = "ip6-icmp-error",
             [PMTU_PEER_NEXT_FRAGMENT] = "ip6-frag"},
    .n_next = PMTU_PEER_N_NEXT,
    .errors = pmtu_peer_errors,
    .n_errors = PMTU_PEER_ERR_N,
    .format_trace = ip6_format_forward_trace,
};

/* --- commands --- */

static int pmtu_peer_command(struct cli_call *c)
{
    const struct cli_value *peer = cli_get(c, "peer");
    enum ip_family f = ip_family_of(peer->ip.is_ip6);
    struct ip_address addr = ip_address_from_bytes(f, peer->ip.addr);
    u32 id = (u32)cli_u64(c, "table-id", 0);
    struct fib_index table = fib_table_find(fib_of(c->piste), f, id);
    u64 mtu = cli_u64(c, "mtu", 0);
    if (fib_is_none(table))
        return error_set(c->err, ENOENT, "no such FIB table %u", id);
    if (!cli_has(c, "del") && (!mtu || mtu > UINT16_MAX))
        return error_set(c->err, EINVAL, "a path MTU is at most %u bytes", UINT16_MAX);
    return pmtu_peer_set(c->piste, table, &addr, (u16)mtu, c->err);
}

void pmtu_peer_show(struct cli_call *c)
{
    const struct fib *f = fib_of(c->piste);
    const struct pmtu_peer *x;
    out_array(c->out, "peers");
    for (u32 i = 0; (x = pmtu_peer_next(c->piste, &i)); i++) {
        char text[IP_ADDRESS_TEXT_BYTES];
        out_object(c->out, NULL);
        out_str(c->out, "table", fib_table_name(f, x->table), "%s: ");
        out_str(c->out, "peer", ip_address_text(fib_family(x->table), &x->addr, text), "peer %s");
        out_u64(c->out, "mtu", x->mtu, " mtu:%" PRIu64);
        out_bool(c->out, "attached", !if_is_none(x->neighbor.interface), " attached\n",
                 " remote\n");
        out_end(c->out);
    }
    out_end(c->out);
}

static const struct cli_command pmtu_peer_commands[] = {
    {"set ip pmtu peer <peer:ip-address> [table <table-id:u32>] ( mtu <mtu:u32> | del )",
     "How long packets to a peer, or through it as a next hop, may be", pmtu_peer_command, 0},
    {0},
};

static void pmtu_peer_running_config(struct piste *p, void *state, enum rc_phase phase,
                                     struct text *t)
{
    const struct pmtu_peer *x;
    for (u32 i = 0; phase == RC_ROUTES && (x = pmtu_peer_next(p, &i)); i++) {
        char text[IP_ADDRESS_TEXT_BYTES];
        u32 id = fib_table_id(fib_of(p), x->table);
        text_add(t, "set ip pmtu peer %s", ip_address_text(fib_family(x->table), &x->addr, text));
        if (id)
            text_add(t, " table %u", id);
        text_add(t, " mtu %u\n", x->mtu);
    }
}

const struct module pmtu_peer_module = {
    .abi = MODULE_ABI,
    .name = pmtu_peer_module_name,
    .description = "Path MTUs of peers",
    .needs = (const char *const[]){"fib", "ip4", "ip6", NULL},
    .nodes = (const struct node_def *const[]){&pmtu_peer_ip4, &pmtu_peer_ip6, NULL},
    .commands = pmtu_peer_commands,
    .init = pmtu_peer_init,
    .stop = pmtu_peer_stop,
    .running_config = pmtu_peer_running_config,
};

const struct module pmtu_peer_api_module = {
    .abi = MODULE_ABI,
    .name = "pmtu_peer_api",
    .description = "Binary API of path MTUs of peers",
    .needs = (const char *const[]){"api", pmtu_peer_module_name, NULL},
    .api = pmtu_peer_api,
};

/* The record of the module ip6, and its start: table 0, and where fe80::/10 leads. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/ip6/ip6.h"
#include "net/ip/ip6/ip6_forward.h"
#include "net/ip/ip6/ip6_internal.h"

static void ip6_describe_link_local(const struct piste *p, u64 data, struct text *t)
{
    text_puts(t, "ip6-link-local");
}

/* An adjacency of our own needs the lookup nodes, and all tables have it from the start. */
static int ip6_init(struct piste *p, void **state, struct error *e)
{
    struct fib *f = fib_of(p);
    struct node_index node = {0};
    struct fib_index t;
    for (u32 i = 0; ip6_forward_nodes[i]; i++) {
        struct node_index x = node_register(engine_of(p), ip6_forward_nodes[i], NULL, NULL);
        if (!strcmp(ip6_forward_nodes[i]->name, "ip6-link-local"))
            node = x;
    }
    struct adj_index a = adj_custom_new(f, IP_FAMILY_6, node, IF_NONE, 0, ip6_describe_link_local);
    if (a.i == ADJ_NONE.i)
        return error_set(e, ENOSPC, "no room for an adjacency");
    fib_set_link_local(f, a);
    return fib_table_lock(f, IP_FAMILY_6, 0, NULL, FIB_SOURCE_DEFAULT_ROUTE, &t, e);
}

const struct module ip6_module = {
    .abi = MODULE_ABI,
    .name = "ip6",
    .description = "IPv6 forwarding",
    .needs = (const char *const[]){"fib", "interface", "ip6-arcs", "address", NULL},
    .init = ip6_init,
};

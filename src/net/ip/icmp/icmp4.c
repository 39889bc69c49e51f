/* Registration of message types, source addresses of errors, and the records of the nodes; see
 * icmp4.h. */
#include "net/ip/icmp/icmp4.h"

#include <stdlib.h>

#include "control/module.h"
#include "engine/thread.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_format.h"
#include "net/ip/ip4/ip4_nodes.h"
#include "net/packet/ip4_packet.h"

static const struct node_def input_node = {
    .name = "ip4-icmp-input",
    .run = NODE_VARIANTS(ip4_icmp_input),
    .next = {[ICMP4_INPUT_NEXT_PUNT] = "ip4-punt",
             [ICMP4_INPUT_NEXT_DROP] = "error-drop",
             [ICMP4_INPUT_NEXT_ECHO_REQUEST] = "ip4-icmp-echo-request"},
    .n_next = ICMP4_INPUT_N_NEXT,
    .errors = icmp4_errors,
    .n_errors = ICMP4_ERROR_N,
    .format_trace = ip4_format_trace,
};

static const struct node_def echo_request_node = {
    .name = "ip4-icmp-echo-request",
    .run = NODE_VARIANTS(ip4_icmp_echo_request),
    .next = {"error-drop", "ip4-load-balance"},
    .n_next = 2,
    .format_trace = ip4_format_trace,
};

static const struct node_def error_node = {
    .name = "ip4-icmp-error",
    .run = NODE_VARIANTS(ip4_icmp_error),
    .next = {"error-drop", "ip4-lookup"},
    .n_next = 2,
    .errors = icmp4_errors,
    .n_errors = ICMP4_ERROR_N,
    .format_trace = ip4_format_trace,
};

/* --- types --- */

static void set_next(struct piste *p, u8 type, u16 next)
{
    struct icmp4 *icmp = module_state(p, icmp4_module.name);
    __atomic_store_n(&icmp->next_by_type[type], next, __ATOMIC_RELEASE);
}

void icmp4_register_type(struct piste *p, u8 type, struct node_index node)
{
    const struct icmp4 *icmp = module_state(p, icmp4_module.name);
    set_next(p, type, node_edge(engine_of(p), icmp->input_node, node));
}

void icmp4_unregister_type(struct piste *p, u8 type)
{
    set_next(p, type, ICMP4_INPUT_NEXT_PUNT);
}

/* --- addresses --- */

/* The first address of the interface that stays. */
static be32 first_address(struct piste *p, struct if_index i, be32 gone)
{
    struct ip4_prefix prefix;

    for (u32 k = 0; ip4_address_at(p, i, k, &prefix); k++)
        if (!be32_equal(prefix.addr, gone))
            return prefix.addr;
    return (be32){0};
}

static void on_address(struct piste *p, struct if_index i, struct ip4_prefix prefix, bool add,
                       void *arg)
{
    be32 *if_address = arg;
    be32 a = first_address(p, i, add ? (be32){0} : prefix.addr);

    __atomic_store_n(&if_address[i.i].raw, a.raw, __ATOMIC_RELAXED);
}

static void on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    be32 *if_address = arg;
    if (ev == IF_EVENT_NEW || ev == IF_EVENT_DELETE)
        __atomic_store_n(&if_address[f->index.i].raw, 0, __ATOMIC_RELAXED);
}

/* --- life --- */

static int init(struct piste *p, void **state, struct error *e)
{
    struct icmp4 *icmp = mem_alloc(sizeof(*icmp));
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    int rc =
        mem_map_new(&icmp->if_address_map, "icmp4-sources", IF_MAX * sizeof(be32), page, false, e);

    if (rc) {
        free(icmp);
        return rc;
    }
    icmp->if_address = icmp->if_address_map.base;
    icmp->next_by_type[ICMP4_ECHO_REQUEST] = ICMP4_INPUT_NEXT_ECHO_REQUEST;
    icmp->input_node = node_register(engine_of(p), &input_node, NULL, icmp);
    ip4_on_address(p, on_address, icmp->if_address_map.base);
    interface_on_event(p, on_interface, icmp->if_address_map.base);
    *state = icmp;
    return 0;
}

static void stop(struct piste *p, void *state)
{
    struct icmp4 *icmp = state;
    mem_map_free(&icmp->if_address_map);
    free(icmp);
}

const struct module icmp4_module = {
    .abi = MODULE_ABI,
    .name = "icmp4",
    .description = "Internet Control Message Protocol (ICMP) for IPv4",
    .needs = (const char *const[]){"interface", "ip4", NULL},
    .nodes = (const struct node_def *const[]){&echo_request_node, &error_node, NULL},
    .init = init,
    .stop = stop,
};

/* Registration of message types; see icmp4.h. */
#include "net/ip/icmp/icmp4.h"

#include "control/module.h"
#include "engine/thread.h"

const char icmp4_module_name[] = "icmp4";

static void icmp4_set_next(struct piste *p, u8 type, u16 next)
{
    struct icmp4 *icmp = module_state(p, icmp4_module_name);
    __atomic_store_n(&icmp->next_by_type[type], next, __ATOMIC_RELEASE);
}

void icmp4_register_type(struct piste *p, u8 type, struct node_index node)
{
    const struct icmp4 *icmp = module_state(p, icmp4_module_name);
    icmp4_set_next(p, type, node_edge(engine_of(p), icmp->input_node, node));
}

void icmp4_punt_exceptions(struct piste *p, u32 exceptions)
{
    struct icmp4 *icmp = module_state(p, icmp4_module_name);
    icmp_exceptions_punt(&icmp->exceptions, exceptions);
}

void icmp4_count_exceptions(struct piste *p, const struct counter_vec *counts, u32 first)
{
    struct icmp4 *icmp = module_state(p, icmp4_module_name);
    icmp_exceptions_count(&icmp->exceptions, counts, first);
}

void icmp4_take_exceptions(struct piste *p, u32 exceptions, struct node_index node)
{
    struct icmp4 *icmp = module_state(p, icmp4_module_name);
    struct node_index from;
    if (node_find(engine_of(p), "ip4-icmp-error", &from))
        icmp_exceptions_take(&icmp->exceptions, exceptions, node_edge(engine_of(p), from, node));
}

void icmp4_unregister_type(struct piste *p, u8 type)
{
    icmp4_set_next(p, type, ICMP4_INPUT_NEXT_PUNT);
}

/* Registration of message types; see icmp6.h. */
#include "net/ip/icmp/icmp6.h"

#include "control/module.h"
#include "engine/thread.h"

const char icmp6_module_name[] = "icmp6";

icmp6_undo_fn *icmp6_undo;

static void icmp6_set_next(struct piste *p, u8 type, u16 next)
{
    struct icmp6 *icmp = module_state(p, icmp6_module_name);
    __atomic_store_n(&icmp->next_by_type[type], next, __ATOMIC_RELEASE);
}

void icmp6_register_type(struct piste *p, u8 type, struct node_index node)
{
    const struct icmp6 *icmp = module_state(p, icmp6_module_name);
    icmp6_set_next(p, type, node_edge(engine_of(p), icmp->input_node, node));
}

void icmp6_unregister_type(struct piste *p, u8 type)
{
    icmp6_set_next(p, type, ICMP6_INPUT_NEXT_PUNT);
}

void icmp6_punt_exceptions(struct piste *p, u32 exceptions)
{
    struct icmp6 *icmp = module_state(p, icmp6_module_name);
    icmp_exceptions_punt(&icmp->exceptions, exceptions);
}

void icmp6_count_exceptions(struct piste *p, const struct counter_vec *counts, u32 first)
{
    struct icmp6 *icmp = module_state(p, icmp6_module_name);
    icmp_exceptions_count(&icmp->exceptions, counts, first);
}

void icmp6_take_exceptions(struct piste *p, u32 exceptions, struct node_index node)
{
    struct icmp6 *icmp = module_state(p, icmp6_module_name);
    struct node_index from;
    if (node_find(engine_of(p), "ip6-icmp-error", &from))
        icmp_exceptions_take(&icmp->exceptions, exceptions, node_edge(engine_of(p), from, node));
}

struct node_index icmp6_input_node(const struct piste *p)
{
    return ((const struct icmp6 *)module_state(p, icmp6_module_name))->input_node;
}

void icmp6_set_undo(icmp6_undo_fn *fn)
{
    __atomic_store_n(&icmp6_undo, fn, __ATOMIC_RELEASE);
}

/* Registration of message types, and source addresses of errors; see icmp4.h. */
#include "net/ip/icmp/icmp4.h"

#include "control/module.h"
#include "engine/thread.h"
#include "net/link/interface/interface.h"

/* --- types --- */

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

void icmp4_unregister_type(struct piste *p, u8 type)
{
    icmp4_set_next(p, type, ICMP4_INPUT_NEXT_PUNT);
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

void icmp4_on_address(struct piste *p, struct if_index i, struct ip4_prefix prefix, bool add,
                      void *arg)
{
    be32 *if_address = arg;
    be32 a = first_address(p, i, add ? (be32){0} : prefix.addr);

    __atomic_store_n(&if_address[i.i].raw, a.raw, __ATOMIC_RELAXED);
}

void icmp4_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    be32 *if_address = arg;
    if (ev == IF_EVENT_NEW || ev == IF_EVENT_DELETE)
        __atomic_store_n(&if_address[f->index.i].raw, 0, __ATOMIC_RELAXED);
}

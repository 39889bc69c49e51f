/* Who gets which frame type. */
#include "net/link/ethernet/ethernet.h"

#include "base/log.h"
#include "control/module.h"
#include "engine/engine.h"
#include "net/link/ethernet/ethernet_node.h"

const char ethernet_module_name[] = "ethernet";

void ethernet_register_type(struct piste *p, u16 type, const char *node)
{
    struct ethernet *s = module_state(p, ethernet_module_name);
    struct node_index from, to;
    if (!node_find(engine_of(p), "ethernet-input", &from) || !node_find(engine_of(p), node, &to))
        panic("ethernet type 0x%04x: no node %s", type, node);
    __atomic_store_n(&s->next_by_type[type], node_edge(engine_of(p), from, to), __ATOMIC_RELEASE);
}

void ethernet_set_express(struct piste *p, enum express_kind kind, const struct express *x)
{
    struct ethernet *s = module_state(p, ethernet_module_name);
    if (s)
        __atomic_store_n(&s->express[kind], x, __ATOMIC_RELEASE);
}

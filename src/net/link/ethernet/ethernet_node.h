/* What the ethernet module and its nodes share. */
#pragma once

#include "base/mem.h"
#include "engine/feature.h"
#include "net/packet/ethernet_packet.h"

enum ethernet_input_next {
    ETHERNET_INPUT_NEXT_DROP,
    ETHERNET_INPUT_NEXT_PUNT,
    ETHERNET_INPUT_NEXT_IP4,
    ETHERNET_INPUT_NEXT_ARP,
    ETHERNET_INPUT_NEXT_L2,
    ETHERNET_INPUT_NEXT_N
};

enum ethernet_input_error {
    ETHERNET_INPUT_ERR_TYPE,
    ETHERNET_INPUT_ERR_RUNT,
    ETHERNET_INPUT_ERR_LLC,
    ETHERNET_INPUT_ERR_VLAN,
    ETHERNET_INPUT_ERR_MAC,
    ETHERNET_INPUT_ERR_DOWN,
    ETHERNET_INPUT_ERR_SUB_DOWN,
    ETHERNET_INPUT_ERR_TAGS,
    ETHERNET_INPUT_ERR_N
};

struct express_view;

/* See express.h. Takes of b those that are for it; next[i] becomes NEXT_CONSUMED: taken, or stays
 * EXPRESS_LEFT, and the packet is as it was. n: ethernet-input; v: of b[0]. Returns how many it
 * took. */
typedef u32 express_fn(struct thread *t, struct node *n, const void *state,
                       const struct express_view *v, struct buffer **b, u16 *next, u32 count);

enum express_kind { EXPRESS_L2, EXPRESS_IP4, EXPRESS_IP6, EXPRESS_N };

struct express {
    express_fn *run[CPU_LEVEL_N]; /* by level, as a node's functions */
    const void *state;
};

/* The module's state, which its node sees too. */
struct ethernet {
    const struct express *express[EXPRESS_N]; /* NULL: none */
    u16 *next_by_type; /* 65536 entries, touched as far as used; 0: unknown */
    const struct feature_arc *device_input;
    struct mem_map map; /* of next_by_type */
};

/* Packets of that kind go by x, which is borrowed until data threads have passed after it was
 * replaced; NULL: by the nodes. Control thread. */
void ethernet_set_express(struct piste *p, enum express_kind kind, const struct express *x);

extern const char ethernet_module_name[];

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

/* The module's state, which its node sees too. */
struct ethernet {
    u16 *next_by_type; /* 65536 entries, touched as far as used; 0: unknown */
    const struct feature_arc *device_input;
    struct mem_map map; /* of next_by_type */
};

extern const char ethernet_module_name[];

/* What the files of ARP share. */
#pragma once

#include "base/mem.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/node.h"
#include "net/ip/fib/fib.h"
#include "net/ip/neighbor/arp.h"
#include "net/ip/neighbor/arp_data.h"
#include "net/ip/neighbor/neighbor.h"

struct arp {
    struct mem_map if_map;
    struct neighbor_counter counters[ARP_COUNTER_N];
    struct neighbor_protocol protocol;
    struct proxy_ranges *ranges; /* owned; arp_proxy_ranges is the same */
};

struct arp *arp_of(const struct piste *p);

enum arp_error {
    ARP_ERR_REPLIES_SENT,
    ARP_ERR_DISABLED,
    ARP_ERR_L2_TYPE_NOT_ETHERNET,
    ARP_ERR_L3_TYPE_NOT_IP4,
    ARP_ERR_L3_SRC_ADDRESS_NOT_LOCAL,
    ARP_ERR_L3_DST_ADDRESS_NOT_LOCAL,
    ARP_ERR_L3_DST_ADDRESS_UNSET,
    ARP_ERR_L3_SRC_ADDRESS_IS_LOCAL,
    ARP_ERR_L3_SRC_ADDRESS_LEARNED,
    ARP_ERR_REPLIES_RECEIVED,
    ARP_ERR_OPCODE_NOT_REQUEST,
    ARP_ERR_PROXY_ARP_REPLIES_SENT,
    ARP_ERR_L2_ADDRESS_MISMATCH,
    ARP_ERR_GRATUITOUS_ARP,
    ARP_ERR_INTERFACE_NO_TABLE,
    ARP_ERR_INTERFACE_NOT_IP_ENABLED,
    ARP_ERR_UNNUMBERED_MISMATCH,
    ARP_ERR_TOO_SHORT,
    ARP_ERR_BAD_SENDER_MAC,
    ARP_ERR_NOT_LEARNED,
    ARP_ERR_N
};
enum { ARP_NEXT_DROP, ARP_N_NEXT };

NODE_DECLARE(arp_input);
NODE_DECLARE(arp_reply);
NODE_DECLARE(arp_proxy);
NODE_DECLARE(arp_disabled);
NODE_DECLARE(ip4_arp);
NODE_DECLARE(ip4_glean);

/* --- for the records in arp_module.c --- */
extern const char arp_module_name[];
extern const struct node_def arp_input_node; /* its state is the arc */
int arp_init(struct piste *p, void **state, struct error *e);
void arp_stop(struct piste *p, void *state);
extern const struct cli_command arp_commands[];
extern const struct api_handler arp_api_handlers[];
void arp_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);

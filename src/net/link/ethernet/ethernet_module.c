/* The ethernet module: its node, and what else it brings. */
#include <stdlib.h>

#include "control/module.h"
#include "engine/engine.h"
#include "engine/trace.h"
#include "net/link/ethernet/ethernet.h"
#include "net/link/ethernet/ethernet_node.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_format.h"
#include "net/packet/ethernet_packet.h"

NODE_DECLARE(ethernet_input);

static const struct node_error input_errors[ETHERNET_INPUT_ERR_N] = {
    [ETHERNET_INPUT_ERR_TYPE] = {"unknown_type", "unknown ethernet type", SEVERITY_ERROR},
    [ETHERNET_INPUT_ERR_RUNT] = {"runt", "frame shorter than its header", SEVERITY_ERROR},
    [ETHERNET_INPUT_ERR_LLC] = {"llc", "unknown llc ssap/dsap", SEVERITY_ERROR},
    [ETHERNET_INPUT_ERR_VLAN] = {"unknown_vlan", "unknown vlan", SEVERITY_ERROR},
    [ETHERNET_INPUT_ERR_MAC] = {"l3_mac_mismatch", "l3 mac mismatch", SEVERITY_ERROR},
    [ETHERNET_INPUT_ERR_DOWN] = {"down", "interface is down", SEVERITY_ERROR},
    [ETHERNET_INPUT_ERR_SUB_DOWN] = {"subinterface_down", "subinterface down", SEVERITY_ERROR},
    [ETHERNET_INPUT_ERR_TAGS] = {"too_many_tags", "more vlan tags than handled", SEVERITY_ERROR},
};

static void ethernet_format_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    const struct interface *f = if_is_none(r->meta.rx_if) ? NULL : interface_at(p, r->meta.rx_if);
    if (f && f->cls->frames_of_one)
        text_add(out, "frame: flags 0x1, hw-if-index %u, sw-if-index %u\n", f->parent.i,
                 f->index.i);
    ethernet_format_header(out, r->data, r->data_len);
}

static const struct node_def input_node = {
    .name = "ethernet-input",
    .run = NODE_VARIANTS(ethernet_input),
    .next =
        {
            [ETHERNET_INPUT_NEXT_DROP] = "error-drop",
            [ETHERNET_INPUT_NEXT_PUNT] = "error-punt",
            [ETHERNET_INPUT_NEXT_IP4] = "ip4-input",
            [ETHERNET_INPUT_NEXT_ARP] = "arp-input",
            [ETHERNET_INPUT_NEXT_L2] = "l2-input",
        },
    .n_next = ETHERNET_INPUT_NEXT_N,
    .errors = input_errors,
    .errors_by_description = true,
    .n_errors = ETHERNET_INPUT_ERR_N,
    .format_trace = ethernet_format_trace,
    .trace_bytes = ETHERNET_HEADER_BYTES + 4 * VLAN_TAG_BYTES,
    .plain = NODE_PLAIN_LINK,
};

static int ethernet_init(struct piste *p, void **state, struct error *e)
{
    struct ethernet *s = mem_alloc(sizeof(*s));
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    int rc = mem_map_new(&s->map, "ethernet-types", 65536 * sizeof(u16), page, false, e);
    if (rc) {
        free(s);
        return rc;
    }
    s->next_by_type = s->map.base;
    *state = s;
    return 0;
}

static void ethernet_stop(struct piste *p, void *state)
{
    struct ethernet *s = state;
    mem_map_free(&s->map);
    free(s);
}

static const struct node_def *const nodes[] = {&input_node, NULL};
static const char *const needs[] = {"interface", NULL};
static const char *const device_input_start[] = {"af-packet-input", "pg-input", "pipe-input", NULL};
/* VPP's order. What pg-input-mac-filter refuses was not received, as with hardware; copies are made
 * and packets counted as the device had them. */
static const char *const device_input_slots[] = {
    "pg-input-mac-filter",
    "sr-pl-rewrite-encaps-l2",
    "bond-input",
    "stats-collect-rx",
    "p2p-ethernet-input",
    "span-input",
    "worker-handoff",
    "l2-patch",
    NULL,
};
static const struct feature_arc_def device_input_arc = {"device-input", device_input_start,
                                                        "ethernet-input", device_input_slots};
static const struct feature_arc_def *const arcs[] = {&device_input_arc, NULL};

const struct module ethernet_module = {
    .abi = MODULE_ABI,
    .name = ethernet_module_name,
    .description = "Ethernet frames",
    .needs = needs,
    .nodes = nodes,
    .arcs = arcs,
    .init = ethernet_init,
    .stop = ethernet_stop,
};

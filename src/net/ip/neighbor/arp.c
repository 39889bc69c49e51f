/* ARP packets that this switch sends of itself, and what interfaces that take IPv4 need of ARP. */
#include "net/ip/neighbor/arp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "engine/counter.h"
#include "engine/feature.h"
#include "engine/thread.h"
#include "net/ip/address/address.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/neighbor/arp_internal.h"
#include "net/link/interface/interface.h"
#include "net/link/vlan/vlan.h"
#include "net/packet/arp_packet.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ip4_packet.h"

static struct log_class arp_log = {.name = "arp"};

const char arp_module_name[] = "arp";

struct arp_if *arp_if_base;
struct proxy_ranges *arp_proxy_ranges;
struct counter_vec *arp_counters[ARP_COUNTER_N];
static_assert((u32)ARP_COUNTER_N == NEIGHBOR_COUNTER_N, "in that order");

struct arp *arp_of(const struct piste *p)
{
    return module_state(p, arp_module_name);
}

/* --- sending --- */

static int arp_send(struct piste *p, const struct interface *f, const struct arp_header *h,
                    const u8 *dst, enum arp_counter counter)
{
    static_assert(sizeof(*h) <= NEIGHBOR_PACKET_BYTES_MAX, "fits a frame");
    return neighbor_send(p, f, dst, ETHERTYPE_ARP, h, sizeof(*h), arp_counters[counter]);
}

static struct arp_header header_make(const struct interface *f, u16 opcode, be32 sender,
                                     be32 target)
{
    struct arp_header h = {
        .hardware_type = be16_from_host(ARP_HARDWARE_ETHERNET),
        .protocol_type = be16_from_host(ARP_PROTOCOL_IP4),
        .hardware_len = 6,
        .protocol_len = 4,
        .opcode = be16_from_host(opcode),
        .sender = sender,
        .target = target,
    };
    memcpy(h.sender_mac, f->mac, 6);
    return h;
}

static const u8 everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static int arp_ask(struct piste *p, const struct link_host *host, const u8 *mac)
{
    const struct interface *f = neighbor_link(p, host->interface);
    struct ip_address own;
    if (!f)
        return -ENETUNREACH;
    if (!ip_link_source(IP_FAMILY_4, host->interface, &host->addr, &own))
        return -EADDRNOTAVAIL;
    struct arp_header h = header_make(f, ARP_REQUEST, own.ip4, host->addr.ip4);
    return arp_send(p, f, &h, mac ? mac : everybody, ARP_TX_REQUESTS);
}

/* A gratuitous request. */
static void arp_advertise(struct piste *p, struct if_index i, const struct ip_address *own)
{
    const struct interface *f = neighbor_link(p, i);
    if (!f || !neighbor_link_has_others(f))
        return; /* nobody else would hear it */
    struct arp_header h = header_make(f, ARP_REQUEST, own->ip4, own->ip4);
    if (arp_send(p, f, &h, everybody, ARP_TX_GRATUITOUS))
        return; /* nobody depends on it: they will ask */
}

/* --- interfaces --- */

static void arp_feature(struct piste *p, const char *node, struct if_index i, bool on)
{
    struct error e = {0};
    if (feature_enable(engine_of(p), "arp", node, i, on, 0, &e))
        log_error(&arp_log, "%s: %s", node, e.text);
}

static void arp_on_enable(struct piste *p, enum ip_family family, struct if_index i, bool enabled,
                          void *arg)
{
    const struct interface *f = interface_at(p, i);
    struct node_index reply, proxy;
    if (family != IP_FAMILY_4 || !f || !f->has_mac)
        return;
    if (enabled && node_find(engine_of(p), "arp-reply", &reply) &&
        node_find(engine_of(p), "arp-proxy", &proxy)) {
        arp_if_base[i.i].reply_next = node_edge(engine_of(p), reply, f->output_node);
        arp_if_base[i.i].proxy_next = node_edge(engine_of(p), proxy, f->output_node);
        arp_if_base[i.i].n_tags_bytes = vlan_tags(p, i, arp_if_base[i.i].tags);
    }
    arp_feature(p, "arp-reply", i, enabled);
    arp_feature(p, "arp-disabled", i, !enabled);
}

static void arp_begin(struct piste *p, const struct interface *f)
{
    for (u32 k = 0; k < ARP_COUNTER_N; k++)
        counter_zero(arp_counters[k], f->index.i);
    if (f->has_mac)
        arp_feature(p, "arp-disabled", f->index, true);
}

static void arp_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    if (ev == IF_EVENT_NEW)
        arp_begin(p, f);
}

/* --- life --- */

static void arp_note_unreachable(struct buffer *b)
{
    ip4_note_icmp_error(b, ICMP4_DESTINATION_UNREACHABLE, ICMP4_HOST_UNREACHABLE, 0);
}

static bool arp_continues(const struct buffer *b, const struct buffer *other)
{
    const struct ip4_header *h = buffer_current(b), *x = buffer_current(other);
    return ip4_is_fragment(h) && ip4_is_fragment(x) && be16_equal(h->id, x->id) &&
           be32_equal(h->src, x->src) && be32_equal(h->dst, x->dst) && h->protocol == x->protocol;
}

static void arp_counters_init(struct engine *e, struct neighbor_counter *counters)
{
    static const struct {
        const char *path, *name;
    } names[ARP_COUNTER_N] = {
        [ARP_RX_REQUESTS] = {"/net/arp/rx/requests", "rx requests"},
        [ARP_RX_REPLIES] = {"/net/arp/rx/replies", "rx replies"},
        [ARP_RX_GRATUITOUS] = {"/net/arp/rx/gratuitous", "rx gratuitous"},
        [ARP_TX_REQUESTS] = {"/net/arp/tx/requests", "tx requests"},
        [ARP_TX_REPLIES] = {"/net/arp/tx/replies", "tx replies"},
        [ARP_TX_GRATUITOUS] = {"/net/arp/tx/gratuitous", "tx gratuitous"},
    };
    for (u32 i = 0; i < ARP_COUNTER_N; i++) {
        arp_counters[i] = counter_vec_new(e, names[i].path, false, IF_MAX);
        counters[i] = (struct neighbor_counter){names[i].name, arp_counters[i]};
    }
}

int arp_init(struct piste *p, void **state, struct error *e)
{
    struct arp *a = mem_alloc(sizeof(*a));
    int rc = mem_map_new(&a->if_map, "arp interfaces", IF_MAX * sizeof(struct arp_if),
                         (struct mem_page_size){0}, false, e);
    if (rc) {
        free(a);
        return rc;
    }
    arp_if_base = a->if_map.base;
    arp_counters_init(engine_of(p), a->counters);
    node_register(engine_of(p), &arp_input_node, NULL,
                  (void *)feature_arc_find(engine_of(p), "arp"));
    a->protocol = (struct neighbor_protocol){
        .ask = arp_ask,
        .advertise = arp_advertise,
        .note_unreachable = arp_note_unreachable,
        .continues = arp_continues,
        .node_incomplete = "ip4-arp",
        .node_glean = "ip4-glean",
        .node_rewrite = "ip4-rewrite",
        .node_drop = "ip4-drop",
        .node_icmp_error = "ip4-icmp-error",
        .counters = a->counters,
    };
    neighbor_set_protocol(p, IP_FAMILY_4, &a->protocol);
    struct interface *f;
    for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1)
        arp_begin(p, f);
    ip_on_enable(p, arp_on_enable, a);
    interface_on_event(p, arp_on_interface, a);
    *state = a;
    return 0;
}

void arp_stop(struct piste *p, void *state)
{
    struct arp *a = state;
    neighbor_set_protocol(p, IP_FAMILY_4, NULL);
    for (u32 i = 0; i < ARP_COUNTER_N; i++) {
        counter_vec_free(arp_counters[i]);
        arp_counters[i] = NULL;
    }
    arp_proxy_ranges = NULL;
    arp_if_base = NULL;
    free(a->ranges);
    mem_map_free(&a->if_map);
    free(a);
}

/* Messages of neighbour discovery that this switch sends of itself, and what interfaces that take
 * IPv6 need of it. */
#include "net/ip/neighbor/nd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/counter.h"
#include "engine/thread.h"
#include "net/ip/address/address.h"
#include "net/ip/icmp/icmp6.h"
#include "net/ip/neighbor/nd_internal.h"
#include "net/link/interface/interface.h"
#include "net/link/vlan/vlan.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/nd_packet.h"

const char nd_module_name[] = "nd";

struct counter_vec *nd_counters[ND_COUNTER_N];
static_assert((u32)ND_COUNTER_N == NEIGHBOR_COUNTER_N, "in that order");

/* --- sending --- */

struct nd_packet {
    struct ip6_header ip;
    struct nd_header nd;
    struct nd_mac_option option;
} __attribute__((packed));

/* Of which type, flags, target and option's type are set. */
static int nd_send(struct piste *p, const struct interface *f, struct nd_packet *x,
                   const struct ip_address *src, const struct ip_address *dst, const u8 *mac,
                   enum nd_counter counter)
{
    static_assert(sizeof(*x) <= NEIGHBOR_PACKET_BYTES_MAX, "fits a frame");
    u8 group[6];
    if (!mac) {
        ip6_group_mac(dst->bytes, group);
        mac = group;
    }
    x->option.length = 1;
    memcpy(x->option.mac, f->mac, 6);
    nd_finish(&x->ip, src->bytes, dst->bytes, sizeof(x->nd) + sizeof(x->option));
    return neighbor_send(p, f, mac, ETHERTYPE_IP6, x, sizeof(*x), nd_counters[counter]);
}

static int nd_ask(struct piste *p, const struct link_host *host, const u8 *mac)
{
    const struct interface *f = neighbor_link(p, host->interface);
    struct ip_address own, dst = mac ? host->addr : ip6_solicited_node(host->addr.bytes);
    struct nd_packet x = {.nd.icmp.type = ICMP6_NEIGHBOR_SOLICITATION,
                          .option.type = ND_OPTION_SOURCE_MAC};
    if (!f)
        return -ENETUNREACH;
    if (!ip_link_source(IP_FAMILY_6, host->interface, &host->addr, &own))
        return -EADDRNOTAVAIL;
    memcpy(x.nd.target, host->addr.bytes, sizeof(x.nd.target));
    return nd_send(p, f, &x, &own, &dst, mac, ND_TX_REQUESTS);
}

/* Unsolicited, to all (RFC 4861 7.2.6). */
static void nd_announce(struct piste *p, struct if_index i, const struct ip_address *own)
{
    const struct interface *f = neighbor_link(p, i);
    struct ip_address all = ip6_link_group(IP6_ALL_NODES);
    struct nd_packet x = {.nd.icmp.type = ICMP6_NEIGHBOR_ADVERTISEMENT,
                          .nd.flags = be32_from_host(ND_ROUTER | ND_OVERRIDE),
                          .option.type = ND_OPTION_TARGET_MAC};
    if (!f || !neighbor_link_has_others(f))
        return; /* nobody else would hear it */
    memcpy(x.nd.target, own->bytes, sizeof(x.nd.target));
    (void)nd_send(p, f, &x, own, &all, NULL, ND_TX_GRATUITOUS); /* they will ask */
}

int nd_probe(struct piste *p, const struct link_host *own)
{
    const struct interface *f = neighbor_link(p, own->interface);
    struct ip_address group = ip6_solicited_node(own->addr.bytes), nobody = {{{0}}};
    struct {
        struct ip6_header ip;
        struct nd_header nd;
    } __attribute__((packed)) x = {.nd.icmp.type = ICMP6_NEIGHBOR_SOLICITATION};
    u8 mac[6];
    if (!f)
        return -ENETUNREACH;
    memcpy(x.nd.target, own->addr.bytes, sizeof(x.nd.target));
    nd_finish(&x.ip, nobody.bytes, group.bytes, sizeof(x.nd));
    ip6_group_mac(group.bytes, mac);
    return neighbor_send(p, f, mac, ETHERTYPE_IP6, &x, sizeof(x), nd_counters[ND_TX_REQUESTS]);
}

/* --- who has our addresses --- */

static struct nd *nd_of(const struct piste *p)
{
    return module_state(p, nd_module_name);
}

void nd_on_conflict(struct piste *p,
                    void (*fn)(struct piste *p, const struct link_host *own, void *arg), void *arg)
{
    struct nd *nd = nd_of(p);
    nd->on_conflict = fn;
    nd->conflict_arg = arg;
}

void nd_watch(struct piste *p, bool on)
{
    __atomic_store_n(&nd_of(p)->node.watching, on, __ATOMIC_RELAXED);
}

void nd_on_conflict_event(struct piste *p, const void *payload)
{
    const struct nd *nd = nd_of(p);
    struct link_host own;
    memcpy(&own, payload, sizeof(own));
    if (nd->on_conflict)
        nd->on_conflict(p, &own, nd->conflict_arg);
}

void nd_on_host(struct piste *p, void (*fn)(struct piste *p, const struct link_host *host))
{
    struct nd *nd = nd_of(p);
    nd->on_host = fn;
    __atomic_store_n(&nd->node.watching_hosts, fn != NULL, __ATOMIC_RELAXED);
}

/* RFC 4861 7.2.5: what is not to override another MAC address says nothing else, either. */
void nd_on_host_event(struct piste *p, const void *payload)
{
    const struct nd *nd = nd_of(p);
    struct neighbor_learn said;
    struct neighbor known;
    memcpy(&said, payload, sizeof(said));
    bool ignored = said.no_override && !said.confirms && neighbor_find(p, &said.host, &known) &&
                   memcmp(known.mac, said.mac, sizeof(said.mac)) != 0;
    if (nd->on_host && !ignored)
        nd->on_host(p, &said.host);
}

/* --- interfaces --- */

static void nd_if_begin(struct piste *p, struct nd_if *x, struct node_index node,
                        const struct interface *f)
{
    x->output_edge = node_edge(engine_of(p), node, f->output_node);
    x->n_tags_bytes = vlan_tags(p, f->index, x->tags);
}

static void nd_on_enable(struct piste *p, enum ip_family family, struct if_index i, bool enabled,
                         void *arg)
{
    const struct nd *nd = arg;
    const struct interface *f = interface_at(p, i);
    struct node_index node;
    if (family == IP_FAMILY_6 && enabled && f && f->has_mac &&
        node_find(engine_of(p), nd_solicitation_node.name, &node))
        nd_if_begin(p, &nd->node.ifs[i.i], node, f);
}

static void nd_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    for (u32 k = 0; ev == IF_EVENT_NEW && k < ND_COUNTER_N; k++)
        counter_zero(nd_counters[k], f->index.i);
}

/* --- life --- */

static void nd_note_unreachable(struct buffer *b)
{
    ip6_note_icmp_error(b, ICMP6_DESTINATION_UNREACHABLE, ICMP6_ADDRESS_UNREACHABLE, 0);
}

static bool nd_host_is_on_link(const struct link_host *host)
{
    return nd_is_on_link(host->interface, host->addr.bytes);
}

/* Both have a fragment header next to IPv6's, of the same datagram. */
static bool nd_continues(const struct buffer *b, const struct buffer *other)
{
    const struct ip6_header *h = buffer_current(b), *x = buffer_current(other);
    const struct ip6_fragment_header *hf = (const struct ip6_fragment_header *)(h + 1),
                                     *xf = (const struct ip6_fragment_header *)(x + 1);
    u32 least = sizeof(*h) + sizeof(*hf);
    return b->len >= least && other->len >= least && h->protocol == IP_PROTOCOL_IP6_FRAGMENT &&
           x->protocol == IP_PROTOCOL_IP6_FRAGMENT && be32_equal(hf->id, xf->id) &&
           ip6_is_equal(h->src, x->src) && ip6_is_equal(h->dst, x->dst);
}

static void nd_counters_init(struct engine *e, struct neighbor_counter *counters)
{
    static const struct {
        const char *path, *name;
    } names[ND_COUNTER_N] = {
        [ND_RX_REQUESTS] = {"/net/ip6-nd/rx/requests", "nd rx requests"},
        [ND_RX_REPLIES] = {"/net/ip6-nd/rx/replies", "nd rx replies"},
        [ND_RX_GRATUITOUS] = {"/net/ip6-nd/rx/gratuitous", "nd rx gratuitous"},
        [ND_TX_REQUESTS] = {"/net/ip6-nd/tx/requests", "nd tx requests"},
        [ND_TX_REPLIES] = {"/net/ip6-nd/tx/replies", "nd tx replies"},
        [ND_TX_GRATUITOUS] = {"/net/ip6-nd/tx/gratuitous", "nd tx gratuitous"},
    };
    for (u32 i = 0; i < ND_COUNTER_N; i++) {
        nd_counters[i] = counter_vec_new(e, names[i].path, false, IF_MAX);
        counters[i] = (struct neighbor_counter){names[i].name, nd_counters[i]};
    }
}

int nd_init(struct piste *p, void **state, struct error *e)
{
    struct nd *nd = mem_alloc(sizeof(*nd));
    struct engine *engine = engine_of(p);
    int rc = mem_map_new(&nd->if_map, "nd interfaces", IF_MAX * sizeof(struct nd_if),
                         (struct mem_page_size){0}, false, e);
    if (rc) {
        free(nd);
        return rc;
    }
    nd->node.ifs = nd->if_map.base;
    nd->node.input_node = icmp6_input_node(p);
    nd_counters_init(engine, nd->counters);
    icmp6_register_type(p, ICMP6_NEIGHBOR_SOLICITATION,
                        node_register(engine, &nd_solicitation_node, NULL, nd));
    icmp6_register_type(p, ICMP6_NEIGHBOR_ADVERTISEMENT,
                        node_register(engine, &nd_advertisement_node, NULL, nd));
    nd->protocol = (struct neighbor_protocol){
        .ask = nd_ask,
        .advertise = nd_announce,
        .is_on_link = nd_host_is_on_link,
        .note_unreachable = nd_note_unreachable,
        .continues = nd_continues,
        .node_incomplete = "ip6-discover-neighbor",
        .node_glean = "ip6-glean",
        .node_rewrite = "ip6-rewrite",
        .node_drop = "ip6-drop",
        .node_icmp_error = "ip6-icmp-error",
        .counters = nd->counters,
    };
    neighbor_set_protocol(p, IP_FAMILY_6, &nd->protocol);
    ip_on_enable(p, nd_on_enable, nd);
    interface_on_event(p, nd_on_interface, nd);
    *state = nd;
    return 0;
}

void nd_stop(struct piste *p, void *state)
{
    struct nd *nd = state;
    neighbor_set_protocol(p, IP_FAMILY_6, NULL);
    for (u32 i = 0; i < ND_COUNTER_N; i++) {
        counter_vec_free(nd_counters[i]);
        nd_counters[i] = NULL;
    }
    mem_map_free(&nd->if_map);
    free(nd);
}

/* Entries are made of probes: of what the graph did, and whom it counted that for. */
#include <string.h>

#include "engine/engine.h"
#include "net/features/fast_path/fast_path_internal.h"
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_data.h"
#include "net/l2/l2.h"
#include "net/link/interface/capture_data.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/l4_packet.h"

/* The load balances that the packet came by, as its lookup picked them. false: more than an entry
 * has room for, or they changed meanwhile. */
static bool route_of(const struct ip_scratch *ip, struct way_counts *c)
{
    struct lb lb = lb_load(ip->lb.i);
    u32 a = lb_pick(lb, ip->flow_hash);
    c->route = ip->lb.i;
    c->adj = ip->adj.i;
    for (u32 depth = 0; adj_head(adj_at(a)).kind == ADJ_KIND_LB; depth++) {
        if (c->n_via == array_len(c->via))
            return false;
        u32 next = (u32)adj_at(a)->data;
        c->via[c->n_via++] = next;
        a = lb_pick(lb_load(next), ip->flow_hash >> (depth + 1));
    }
    return a == ip->adj.i;
}

static bool is_bvi(struct if_index i)
{
    return l2_if(i)->flags & L2_IF_BVI;
}

/* The port itself, or a sub-interface of it. */
static bool is_of_port(const struct fast_path *s, struct if_index i, struct if_index port)
{
    const struct interface *f = interface_at(s->piste, i);
    return f && if_equal(f->parent, port);
}

/* Interfaces that it came in by. false: a BVI that sent it before, or something else that comes
 * back in. */
static bool receivers_of_probe(struct fast_path *s, const struct probe *p, struct way_counts *c)
{
    c->rx[c->n_rx++] = p->port;
    if (!if_is_none(p->between))
        c->rx[c->n_rx++] = p->between;
    if (!if_equal(p->rx, p->port))
        c->rx[c->n_rx++] = p->rx;
    c->rx_bvi = is_bvi(c->rx[c->n_rx - 1]);
    c->rx_grow = c->rx_bvi ? (i8)((i32)p->rx_len - (i32)p->in.len) : 0;
    for (u32 i = 0; i + c->rx_bvi < c->n_rx; i++)
        if (!is_of_port(s, c->rx[i], p->port))
            return false;
    if (c->rx_bvi && (!c->routed || c->n_rx < 2))
        return false;
    struct if_index l2 = way_l2_rx(c);
    c->bridged = (!c->routed || c->rx_bvi) && if_data(l2)->l2_mode;
    return true;
}

/* And those that it left by. */
static bool senders_of_probe(struct fast_path *s, const struct probe *p, struct way_counts *c)
{
    for (u32 i = 0; i < p->n_nodes; i++) {
        struct if_index out;
        if (!interface_of_output(engine_of(s->piste), p->node[i], &out))
            continue;
        if (c->n_tx == array_len(c->tx))
            return false;
        c->tx[c->n_tx++] = out;
    }
    if (!c->n_tx || !if_equal(c->tx[c->n_tx - 1], p->meta.tx_if))
        return false;
    c->tx_bvi = is_bvi(c->tx[0]);
    for (u32 i = c->tx_bvi; i < c->n_tx; i++)
        if (!is_of_port(s, c->tx[i], p->meta.tx_if))
            return false;
    return !c->tx_bvi || (c->routed && c->n_tx > 1);
}

static u32 header_bytes(const struct fast_path_key *k)
{
    return ETHERNET_HEADER_BYTES + (k->tpid.raw ? VLAN_TAG_BYTES : 0);
}

/* How long packets may be behind their link's header. */
static u32 longest_of(const struct probe *p, const struct fast_path_device *to, bool routed)
{
    struct buffer meta = p->meta;
    u16 out_type = be16_to_host(load_be16(p->out.data + 12));
    u32 link = to->mtu;
    /* one tag is on top of the MTU, when it is 802.1Q's */
    if (ethernet_is_tag(out_type) && out_type != ETHERTYPE_VLAN)
        link -= VLAN_TAG_BYTES;
    return routed ? (u32)min_u64(link, adj_head(adj_at(ip_scratch(&meta)->adj.i)).mtu) : link;
}

/* How much of packets has to be looked at. */
static enum fast_path_mask mask_of(const struct probe *p)
{
    struct buffer meta = p->meta;
    if (!(p->plain & NODE_PLAIN_DST))
        return FAST_PATH_LINK;
    if (p->plain & NODE_PLAIN_ECHO)
        return FAST_PATH_DST; /* from which on a request is looked for */
    return ip_scratch(&meta)->flow_hash ? FAST_PATH_FLOW : FAST_PATH_DST;
}

/* Whether the kernel's program looks for such packets at all. */
static bool is_looked_for(const struct fast_path_key *k)
{
    u8 proto = (u8)k->proto_label;
    return k->mask != FAST_PATH_FLOW || proto == IP_PROTOCOL_TCP || proto == IP_PROTOCOL_UDP;
}

/* The route of the own address that a request was for: of the packet only the answer's is left.
 * false: there is none any more. */
static bool own_route_of(struct fast_path *s, const struct probe *p, const struct fast_path_key *k,
                         struct way_counts *c)
{
    enum ip_family family = c->is6 ? IP_FAMILY_6 : IP_FAMILY_4;
    struct ip_address own = {0};
    struct fib_route route;
    memcpy(own.bytes, k->dst, c->is6 ? 16 : 4);
    if (!fib_lookup(fib_of(s->piste), ip_if_fib(family, p->rx), &own, &route))
        return false;
    c->own = route.lb.i;
    return true;
}

static bool learn_counts(struct fast_path *s, const struct probe *p, const struct fast_path_key *k,
                         struct way_counts *c)
{
    struct buffer meta = p->meta;
    *c = (struct way_counts){.routed = p->plain & NODE_PLAIN_DST,
                             .header_bytes = (u8)header_bytes(k),
                             .grow = (i8)((i32)p->out.len - (i32)p->in.len)};
    if (!receivers_of_probe(s, p, c) || !senders_of_probe(s, p, c))
        return false;
    c->is6 = c->routed && be16_is(load_be16(k->ethernet + 12), ETHERTYPE_IP6);
    c->echo = p->plain & NODE_PLAIN_ECHO;
    if (c->echo && (ip_scratch(&meta)->flow_hash || !own_route_of(s, p, k, c)))
        return false;
    return !c->routed || (!adj_is_counting() && route_of(ip_scratch(&meta), c));
}

static void learn_unsaid(struct fast_path *s, const char *why)
{
    s->n.unsaid++;
    s->why_unsaid = why;
}

/* What a probe of the present forwarding makes: an entry; UINT32_MAX: none. */
static u32 learn_entry(struct fast_path *s, const struct probe *p)
{
    struct fast_path_device from, to;
    struct fast_path_key key;
    struct way_key way;
    const struct fast_path_backend *b = s->backend;
    const char *why;
    if (capture_is_on() || !b->device(b->arg, p->port, &from) ||
        !b->device(b->arg, p->meta.tx_if, &to)) {
        s->n.elsewhere++;
        return UINT32_MAX;
    }
    if (!fast_path_express(p, &key, &way.action, &why)) {
        learn_unsaid(s, why);
        return UINT32_MAX;
    }
    if (!learn_counts(s, p, &key, &way.counts)) {
        learn_unsaid(s, "packets that are counted for more than an entry has room for");
        return UINT32_MAX;
    }
    if (b->mask(b->arg, p->port) < mask_of(p)) {
        /* other keys from now on: the next probe makes one of them */
        b->set_mask(b->arg, p->port, mask_of(p));
        forwarding_changed(engine_of(s->piste));
        return UINT32_MAX;
    }
    key.port = from.index;
    way.action.device = to.index;
    fast_path_key_mask(&key, b->mask(b->arg, p->port));
    if (!is_looked_for(&key)) {
        learn_unsaid(s, "several ways for a protocol that is neither TCP nor UDP");
        return UINT32_MAX;
    }
    return fast_path_add(s, &key, &way, longest_of(p, &to, way.counts.routed));
}

void fast_path_learn(struct piste *piste, const struct probe *p)
{
    struct fast_path *s = fast_path_of(piste);
    s->n.probes++;
    if (s->on && p->serial == forwarding_serial(engine_of(piste)))
        fast_path_pace(s, learn_entry(s, p));
    else
        s->n.old++;
}

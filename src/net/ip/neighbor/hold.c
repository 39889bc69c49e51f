/* Asking for a neighbour's address while its packets wait: up to PROBES_MAX requests, a second
 * apart. What waited leaves through ip4-rewrite when the answer comes, or its sender is told that
 * the host is unreachable. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "control/loop.h"
#include "engine/thread.h"
#include "net/link/interface/interface.h"
#include "net/ip/ip4/ip4.h"
#include "net/packet/ip4_packet.h"
#include "net/ip/neighbor/neighbor_internal.h"

#define ASK_NS NS_PER_SEC
#define TICK_NS (NS_PER_SEC / 10)

static struct resolving *hold_at(const struct neighbors *ns, u32 i)
{
    return pool_at(&ns->resolving, i);
}

static struct engine *hold_engine(const struct neighbors *ns)
{
    return engine_of(ns->piste);
}

static struct node_index node_of(const struct neighbors *ns, bool glean)
{
    return glean ? ns->glean_node : ns->arp_node;
}

/* Sends bi to a node of the data plane; what it has no room for is freed. */
static void send_to(struct neighbors *ns, const char *name, u32 bi)
{
    struct node_index node;
    if (!node_find(hold_engine(ns), name, &node) ||
        thread_inject(hold_engine(ns), node, &bi, 1) != 1) {
        ns->n_held_dropped++;
        buffer_free_one(engine_main_thread(hold_engine(ns)), bi);
    }
}

static void hold_drop(struct neighbors *ns, u32 bi, bool glean, enum ip4_arp_error error)
{
    struct buffer *b = buffer_at(bi);
    ns->n_held_dropped++;
    b->error = (u16)error;
    b->error_node = node_of(ns, glean);
    send_to(ns, "ip4-drop", bi);
}

static void hold_give_up(struct neighbors *ns, u32 bi, bool glean)
{
    struct buffer *b = buffer_at(bi);
    struct ip4_scratch *s = ip4_scratch(b);
    if (b->flags & BUFFER_LOCAL) {
        hold_drop(ns, bi, glean, IP4_ARP_ERR_NO_ANSWER);
        return;
    }
    s->icmp_type = ICMP4_DESTINATION_UNREACHABLE;
    s->icmp_code = ICMP4_HOST_UNREACHABLE;
    s->icmp_data = 0;
    b->error = IP4_ARP_ERR_NO_ANSWER;
    b->error_node = node_of(ns, glean);
    send_to(ns, "ip4-icmp-error", bi);
}

static void let_go(struct neighbors *ns, u32 bi, u32 adj)
{
    ip4_scratch(buffer_at(bi))->adj.i = adj;
    send_to(ns, "ip4-rewrite", bi);
}

static void hold_ask(struct neighbors *ns, struct resolving *r, bool glean)
{
    int rc = arp_send_request(ns->piste, r->key.interface, r->key.addr, NULL);
    enum ip4_arp_error what = rc == 0          ? IP4_ARP_ERR_REQUEST_SENT
                              : rc == -ENOBUFS ? IP4_ARP_ERR_NO_BUFFERS
                                               : IP4_ARP_ERR_NO_SOURCE_ADDRESS;
    node_count_main(hold_engine(ns), node_of(ns, glean), what, 1);
    r->tries++;
    r->next_ns = clock_ns() + ASK_NS;
}

static struct resolving *resolving_find(const struct neighbors *ns, struct neighbor_key key)
{
    u64 i;
    return hash_get(&ns->resolving_by_key, &key, &i) ? hold_at(ns, (u32)i) : NULL;
}

static void resolving_free(struct neighbors *ns, struct resolving *r)
{
    u64 i;
    if (!hash_get(&ns->resolving_by_key, &r->key, &i))
        return;
    hash_del(&ns->resolving_by_key, &r->key);
    adj_unref(ns->fib, (struct adj_index){r->adj});
    pool_put(&ns->resolving, (u32)i);
    if (!ns->resolving.n_used && ns->resolve_timer) {
        loop_timer_del(ns->piste->loop, ns->resolve_timer);
        ns->resolve_timer = NULL;
    }
}

static struct resolving *resolving_new(struct neighbors *ns, struct neighbor_key key, bool glean)
{
    u32 i = pool_get(&ns->resolving);
    if (i == POOL_NONE)
        return NULL;
    struct resolving *r = hold_at(ns, i);
    r->key = key;
    /* in the table first: a reference to a new adjacency asks for it, too */
    hash_set(&ns->resolving_by_key, &key, i);
    r->adj = adj_neighbor_ref(ns->fib, key.addr, key.interface).i;
    if (r->adj == ADJ_NONE.i) {
        hash_del(&ns->resolving_by_key, &key);
        pool_put(&ns->resolving, i);
        return NULL;
    }
    hold_ask(ns, r, glean);
    if (!ns->resolve_timer)
        ns->resolve_timer =
            loop_timer_add(ns->piste->loop, clock_ns() + TICK_NS, TICK_NS, resolving_tick, ns);
    return r;
}

struct resolving *resolving_get(struct neighbors *ns, struct neighbor_key key)
{
    struct resolving *r = resolving_find(ns, key);
    return r ? r : resolving_new(ns, key, false);
}

void resolving_answered(struct neighbors *ns, struct neighbor_key key)
{
    struct resolving *r = resolving_find(ns, key);
    if (!r)
        return;
    for (u32 k = 0; k < r->n_held; k++) {
        neighbor_packet_done(r->held[k].adj);
        let_go(ns, r->held[k].bi, r->adj);
    }
    resolving_free(ns, r);
}

static void hold_fail(struct neighbors *ns, struct resolving *r, bool tell)
{
    for (u32 k = 0; k < r->n_held; k++) {
        const struct held_packet *h = &r->held[k];
        neighbor_packet_done(h->adj);
        if (tell)
            hold_give_up(ns, h->bi, h->glean);
        else
            hold_drop(ns, h->bi, h->glean, IP4_ARP_ERR_NO_ANSWER);
    }
    resolving_free(ns, r);
}

void resolving_forget(struct neighbors *ns, struct if_index i)
{
    pool_each(&ns->resolving, k)
    {
        if (if_is_none(i) || if_equal(hold_at(ns, k)->key.interface, i))
            hold_fail(ns, hold_at(ns, k), false);
    }
}

void resolving_tick(void *arg)
{
    struct neighbors *ns = arg;
    u64 now = clock_ns();
    pool_each(&ns->resolving, k)
    {
        struct resolving *r = hold_at(ns, k);
        if (r->next_ns > now)
            continue;
        if (r->tries < PROBES_MAX) {
            hold_ask(ns, r, r->n_held && r->held[0].glean);
            continue;
        }
        ns->n_timed_out++;
        hold_fail(ns, r, true);
    }
}

/* Whether bi is a further piece of the datagram that came last: without it the others are worth
 * nothing. */
static bool hold_continues(const struct resolving *r, u32 bi)
{
    const struct ip4_header *h = buffer_current(buffer_at(bi)),
                            *last = buffer_current(buffer_at(r->held[r->n_held - 1].bi));
    return ip4_is_fragment(h) && ip4_is_fragment(last) && be16_equal(h->id, last->id) &&
           be32_equal(h->src, last->src) && be32_equal(h->dst, last->dst) &&
           h->protocol == last->protocol;
}

static bool has_room(const struct resolving *r, u32 bi)
{
    return r->n_held < HELD_PER_NEIGHBOR ||
           (r->n_held < HELD_FRAGMENTS_MAX && hold_continues(r, bi));
}

/* A packet from ip4-arp or ip4-glean: it is ours now. */
void neighbor_on_packet(struct piste *p, const void *payload)
{
    struct arp_packet_event ev;
    memcpy(&ev, payload, sizeof(ev));
    struct neighbors *ns = neighbors_of(p);
    struct neighbor_key key = {ev.interface, ev.addr};
    const struct interface *f = if_is_none(key.interface) ? NULL : interface_at(p, key.interface);

    if (!f || !f->admin_up) {
        /* the link went while the packet was on its way */
        neighbor_packet_done(ev.adj);
        hold_drop(ns, ev.bi, ev.glean, IP4_ARP_ERR_NO_ANSWER);
        return;
    }
    u32 known = neighbor_index(ns, key.interface, key.addr);
    if (known != NEIGHBOR_NONE) {
        neighbor_packet_done(ev.adj);
        let_go(ns, ev.bi, neighbor_at(ns, known)->adj);
        return;
    }
    struct resolving *r = resolving_find(ns, key);
    if (!r)
        r = resolving_new(ns, key, ev.glean);
    if (!r || !has_room(r, ev.bi)) {
        neighbor_packet_done(ev.adj);
        hold_drop(ns, ev.bi, ev.glean, IP4_ARP_ERR_THROTTLED);
        return;
    }
    r->held[r->n_held++] = (struct held_packet){ev.bi, ev.adj, ev.glean};
}

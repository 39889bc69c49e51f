/* Asking for a neighbour's address while its packets wait: a few requests as packets come, then one
 * each second, until PROBES_MAX. What waited leaves through its protocol's rewrite node when the
 * answer comes, or its sender is told that the host is unreachable. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "control/loop.h"
#include "engine/control_packet.h"
#include "net/ip/address/address_data.h"
#include "net/ip/neighbor/neighbor_internal.h"
#include "net/link/interface/interface.h"

#define TICK_NS (NS_PER_SEC / 10)

u32 neighbor_pending;

static struct resolving *hold_at(const struct neighbors *ns, u32 i)
{
    return pool_at(&ns->resolving, i);
}

static struct engine *hold_engine(const struct neighbors *ns)
{
    return engine_of(ns->piste);
}

/* The protocol of a packet that came; it is spoken no more only when the switch ends. */
static const struct neighbor_protocol *protocol_of(const struct neighbors *ns, u8 link)
{
    return ns->protocols[link];
}

static struct node_index hold_node_of(const struct neighbors *ns, u8 link, bool glean)
{
    const struct neighbor_protocol *x = protocol_of(ns, link);
    struct node_index node = {0};
    if (x)
        (void)!node_find(hold_engine(ns), glean ? x->node_glean : x->node_incomplete, &node);
    return node;
}

static void hold_free(struct neighbors *ns, u32 bi)
{
    ns->n_held_dropped++;
    buffer_free_one(engine_main_thread(hold_engine(ns)), bi);
}

/* Sends bi to a node of the thread that it came from: behind it come others of its flow. */
static void hold_send(struct neighbors *ns, const char *name, u32 bi)
{
    struct node_index node;
    const struct interface *from = interface_at(ns->piste, buffer_at(bi)->rx_if);
    if (!node_find(hold_engine(ns), name, &node))
        hold_free(ns, bi);
    else if (control_packet_send(hold_engine(ns), from ? from->parent : IF_NONE, node, bi))
        ns->n_held_dropped++;
}

static void hold_mark(struct neighbors *ns, const struct held_packet *h, enum hold_error error)
{
    buffer_at(h->bi)->error = (u16)error;
    buffer_at(h->bi)->error_node = hold_node_of(ns, h->link, h->glean);
}

static void hold_drop(struct neighbors *ns, const struct held_packet *h, enum hold_error error)
{
    const struct neighbor_protocol *x = protocol_of(ns, h->link);
    hold_mark(ns, h, error);
    if (!x) {
        hold_free(ns, h->bi);
        return;
    }
    ns->n_held_dropped++;
    hold_send(ns, x->node_drop, h->bi);
}

static void hold_give_up(struct neighbors *ns, const struct held_packet *h)
{
    const struct neighbor_protocol *x = protocol_of(ns, h->link);
    struct buffer *b = buffer_at(h->bi);
    if (!x || (b->flags & BUFFER_LOCAL)) {
        hold_drop(ns, h, HOLD_ERR_NO_ANSWER);
        return;
    }
    x->note_unreachable(b);
    hold_mark(ns, h, HOLD_ERR_NO_ANSWER);
    hold_send(ns, x->node_icmp_error, h->bi);
}

/* Out to the host, which is known. */
static void hold_let_go(struct neighbors *ns, const struct held_packet *h,
                        const struct link_host *host)
{
    const struct neighbor_protocol *x = protocol_of(ns, h->link);
    struct adj_index a = adj_neighbor_find(ns->fib, host, (enum ip_family)h->link);
    if (!x || a.i == ADJ_NONE.i) {
        hold_drop(ns, h, HOLD_ERR_NO_ANSWER);
        return;
    }
    ip_scratch(buffer_at(h->bi))->adj = a;
    hold_send(ns, x->node_rewrite, h->bi);
}

/* --- asking --- */

int neighbor_ask(struct neighbors *ns, const struct link_host *host, const u8 *mac)
{
    const struct neighbor_protocol *x = ns->protocols[host->family];
    return x ? x->ask(ns->piste, host, mac) : -EAFNOSUPPORT;
}

u64 neighbor_ask_ns(const struct link_host *host)
{
    u32 ms =
        host->family == IP_FAMILY_6 ? ip_if_base[IP_FAMILY_6][host->interface.i].retransmit_ms : 0;
    return ms ? ms * (NS_PER_SEC / 1000) : NS_PER_SEC;
}

static void hold_ask(struct neighbors *ns, struct resolving *r, bool glean)
{
    int rc = neighbor_ask(ns, &r->host, NULL);
    enum hold_error what = rc == 0          ? HOLD_ERR_REQUEST_SENT
                           : rc == -ENOBUFS ? HOLD_ERR_NO_BUFFERS
                                            : HOLD_ERR_NO_SOURCE_ADDRESS;
    if (rc != -EAFNOSUPPORT)
        node_count_main(hold_engine(ns), hold_node_of(ns, (u8)r->host.family, glean), what, 1);
    r->next_ns = clock_ns() + neighbor_ask_ns(&r->host);
    r->burst_ns = clock_ns() + BURST_NS;
}

/* Another packet came for it. */
static void hold_ask_again(struct neighbors *ns, struct resolving *r, bool glean)
{
    if (r->burst >= BURST_MAX || clock_ns() < r->burst_ns)
        return;
    r->burst++;
    hold_ask(ns, r, glean);
}

static struct resolving *resolving_find(const struct neighbors *ns, const struct link_host *host)
{
    u64 i;
    return hash_get(&ns->resolving_by_host, host, &i) ? hold_at(ns, (u32)i) : NULL;
}

static void resolving_free(struct neighbors *ns, struct resolving *r)
{
    u64 i;
    if (!hash_get(&ns->resolving_by_host, &r->host, &i))
        return;
    hash_del(&ns->resolving_by_host, &r->host);
    adj_unref(ns->fib, (struct adj_index){r->adj});
    pool_put(&ns->resolving, (u32)i);
    if (!ns->resolving.n_used && ns->resolve_timer) {
        loop_timer_del(ns->piste->loop, ns->resolve_timer);
        ns->resolve_timer = NULL;
    }
}

static struct resolving *resolving_new(struct neighbors *ns, const struct link_host *host,
                                       bool glean)
{
    u32 i = pool_get(&ns->resolving);
    if (i == POOL_NONE)
        return NULL;
    struct resolving *r = hold_at(ns, i);
    r->host = *host;
    /* in the table first: a reference to a new adjacency asks for it, too */
    hash_set(&ns->resolving_by_host, host, i);
    r->adj = adj_neighbor_ref(ns->fib, host, (enum ip_family)host->family).i;
    if (r->adj == ADJ_NONE.i) {
        hash_del(&ns->resolving_by_host, host);
        pool_put(&ns->resolving, i);
        return NULL;
    }
    r->tries = r->burst = 1;
    hold_ask(ns, r, glean);
    if (!ns->resolve_timer)
        ns->resolve_timer =
            loop_timer_add(ns->piste->loop, clock_ns() + TICK_NS, TICK_NS, resolving_tick, ns);
    return r;
}

struct resolving *resolving_get(struct neighbors *ns, const struct link_host *host)
{
    struct resolving *r = resolving_find(ns, host);
    return r ? r : resolving_new(ns, host, false);
}

void resolving_answered(struct neighbors *ns, const struct link_host *host)
{
    struct resolving *r = resolving_find(ns, host);
    if (!r)
        return;
    for (u32 k = 0; k < r->n_held; k++) {
        hold_packet_done(r->held[k].adj);
        hold_let_go(ns, &r->held[k], host);
    }
    resolving_free(ns, r);
}

static void hold_fail(struct neighbors *ns, struct resolving *r, bool tell)
{
    for (u32 k = 0; k < r->n_held; k++) {
        hold_packet_done(r->held[k].adj);
        if (tell)
            hold_give_up(ns, &r->held[k]);
        else
            hold_drop(ns, &r->held[k], HOLD_ERR_NO_ANSWER);
    }
    resolving_free(ns, r);
}

void resolving_forget(struct neighbors *ns, struct if_index i)
{
    pool_each(&ns->resolving, k)
    {
        if (if_is_none(i) || if_equal(hold_at(ns, k)->host.interface, i))
            hold_fail(ns, hold_at(ns, k), false);
    }
}

void resolving_restart(struct neighbors *ns, struct if_index i)
{
    pool_each(&ns->resolving, k)
    {
        struct resolving *r = hold_at(ns, k);
        if (if_equal(r->host.interface, i)) {
            r->burst_ns = 0;
            r->burst = 0;
        }
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
            r->tries++;
            hold_ask(ns, r, r->n_held && r->held[0].glean);
            continue;
        }
        ns->n_timed_out++;
        hold_fail(ns, r, true);
    }
}

/* --- packets --- */

/* A further piece of the datagram that came last finds room: without it the others are worth
 * nothing. */
static bool hold_has_room(const struct neighbors *ns, const struct resolving *r,
                          const struct held_packet *h)
{
    if (r->n_held < HELD_PER_NEIGHBOR)
        return true;
    const struct held_packet *last = &r->held[r->n_held - 1];
    const struct neighbor_protocol *x = protocol_of(ns, h->link);
    return r->n_held < HELD_FRAGMENTS_MAX && x && x->continues && h->link == last->link &&
           x->continues(buffer_at(h->bi), buffer_at(last->bi));
}

/* A packet from a node of neighbor_data.h: it is ours now. */
void neighbor_on_packet(struct piste *p, u32 bi, const void *about)
{
    struct hold_packet ev;
    memcpy(&ev, about, sizeof(ev));
    struct neighbors *ns = neighbors_of(p);
    struct held_packet h = {bi, ev.adj, ev.link, ev.glean};
    struct if_index i = ev.host.interface;
    const struct interface *f = if_is_none(i) ? NULL : interface_at(p, i);

    if (!f || !interface_is_up(f)) {
        /* the link went while the packet was on its way */
        hold_packet_done(ev.adj);
        hold_drop(ns, &h, HOLD_ERR_NO_ANSWER);
        return;
    }
    if (neighbor_index(ns, &ev.host) != NEIGHBOR_NONE) {
        hold_packet_done(ev.adj);
        hold_let_go(ns, &h, &ev.host);
        return;
    }
    struct resolving *r = resolving_find(ns, &ev.host);
    if (r)
        hold_ask_again(ns, r, ev.glean);
    else
        r = resolving_new(ns, &ev.host, ev.glean);
    if (!r || !hold_has_room(ns, r, &h)) {
        hold_packet_done(ev.adj);
        hold_drop(ns, &h, HOLD_ERR_THROTTLED);
        return;
    }
    r->held[r->n_held++] = h;
}

/* What links do to neighbours: interfaces that come and go, their addresses and tables; and routes
 * that lead to somebody who is not known yet. */
#include <stdlib.h>

#include "base/clock.h"
#include "control/loop.h"
#include "engine/thread.h"
#include "net/ip/address/address.h"
#include "net/ip/address/address_data.h"
#include "net/ip/neighbor/neighbor_internal.h"
#include "net/link/interface/interface.h"

#define UNASKED_PER_SECOND 100

/* Somebody's route leads to a neighbour: completed when it is known; else it is asked for before
 * packets come. */
static void neighbor_on_adjacency(struct piste *p, struct adj_index a, bool present, void *arg)
{
    struct neighbors *ns = arg;
    struct link_host host = adj_host(ns->fib, a);
    const struct interface *f = interface_at(p, host.interface);
    struct ip_address own;
    u64 now = clock_ns();
    if (!present || !f || !f->has_mac)
        return;
    u32 n = neighbor_index(ns, &host);
    if (n != NEIGHBOR_NONE) {
        if (neighbor_at(ns, n)->updated_ns) /* else it is new itself, and completes it */
            adj_neighbor_set(ns->fib, &host, neighbor_at(ns, n)->mac);
        return;
    }
    if (!interface_is_up(f) || hash_get(&ns->resolving_by_host, &host, NULL) ||
        ns->resolving.n_used > RESOLVING_MAX / 2)
        return;
    if (host.family == IP_FAMILY_4 && ip4_is_subnet_broadcast(p, host.interface, host.addr.ip4))
        return;
    if (now - ns->unasked_window_ns > NS_PER_SEC) {
        ns->unasked_window_ns = now;
        ns->unasked = 0;
    }
    /* where it fails, packets will ask again */
    if (ns->unasked++ < UNASKED_PER_SECOND &&
        ip_link_source((enum ip_family)host.family, host.interface, &host.addr, &own))
        (void)!neighbor_ask(ns, &host, NULL);
}

/* --- our own addresses --- */

/* The only other host of a link of two. */
static void neighbor_ask_peer(struct neighbors *ns, struct if_index i, const struct ip_prefix *a)
{
    struct link_host host = {a->addr, i, a->family};
    u32 bits = ip_family_bits((enum ip_family)a->family);
    if (a->len + 1u != bits)
        return;
    host.addr.bytes[bits / 8 - 1] ^= 1;
    if (neighbor_index(ns, &host) == NEIGHBOR_NONE)
        (void)!resolving_get(ns, &host); /* no room: packets ask */
}

static void neighbor_announce(struct neighbors *ns, struct if_index i, const struct ip_prefix *a)
{
    const struct neighbor_protocol *x = ns->protocols[a->family];
    if (!x)
        return;
    x->advertise(ns->piste, i, &a->addr);
    neighbor_ask_peer(ns, i, a);
}

static void neighbor_announce_all(struct neighbors *ns, struct if_index i)
{
    struct ip_prefix a;
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        for (u32 k = 0; ip_address_at(ns->piste, (enum ip_family)f, i, k, &a); k++)
            neighbor_announce(ns, i, &a);
}

static void neighbor_on_address(struct piste *p, struct if_index i, struct ip_prefix a, bool add,
                                void *arg)
{
    struct neighbors *ns = arg;
    if (add) {
        if (interface_is_up(interface_at(p, i)))
            neighbor_announce(ns, i, &a);
        return;
    }
    neighbor_sweep(ns, (struct neighbor_sweep){.kind = SWEEP_REMOVE, .interface = i, .within = a});
    resolving_forget(ns, i);
}

/* A link's own table begins without those that the user says are there, and ends with nobody in it.
 */
static void neighbor_on_enable(struct piste *p, enum ip_family f, struct if_index i, bool enabled,
                               void *arg)
{
    struct neighbors *ns = arg;
    if (f != IP_FAMILY_6)
        return;
    if (!enabled) {
        resolving_forget(ns, i);
        neighbor_sweep_remove(ns, f, i, false);
    }
    const struct ip6_link *link = enabled ? ip6_link(i) : NULL;
    neighbor_sweep_move(ns, f, i, true, link ? link->fib : FIB_NONE);
}

static void neighbor_on_table(struct piste *p, struct if_index i, struct fib_index from,
                              struct fib_index to, void *arg)
{
    neighbor_sweep_move(arg, fib_family(from), i, false, to);
}

/* --- interfaces --- */

static void neighbor_flush_all(struct neighbors *ns, struct if_index i, bool with_static)
{
    resolving_forget(ns, i);
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        neighbor_sweep_remove(ns, (enum ip_family)f, i, with_static);
}

static void neighbor_follow_state(struct neighbors *ns, const struct interface *f)
{
    if (interface_is_up(f))
        neighbor_announce_all(ns, f->index);
    else
        neighbor_flush_all(ns, f->index, false);
}

static void neighbor_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct neighbors *ns = arg;
    switch (ev) {
    case IF_EVENT_NEW:
        neighbor_sweep_finish(ns, f->index);
        break;
    case IF_EVENT_DELETE:
        neighbor_sweep_forget_moves(ns, f->index);
        neighbor_flush_all(ns, f->index, true);
        break;
    case IF_EVENT_ADMIN:
        neighbor_follow_state(ns, f);
        for (const struct interface *sub = f->subs; sub; sub = sub->next_sub)
            if (sub->admin_up)
                neighbor_follow_state(ns, sub);
        break;
    case IF_EVENT_LINK:
        neighbor_follow_state(ns, f);
        break;
    case IF_EVENT_MAC:
        resolving_restart(ns, f->index);
        if (interface_is_up(f))
            neighbor_announce_all(ns, f->index);
        break;
    default:
        break;
    }
}

/* --- life --- */

void neighbor_set_protocol(struct piste *p, enum ip_family f, const struct neighbor_protocol *x)
{
    neighbors_of(p)->protocols[f] = x;
}

bool neighbor_is_spoken(const struct piste *p, enum ip_family f)
{
    return neighbors_of(p)->protocols[f];
}

int neighbor_init(struct piste *p, void **state, struct error *e)
{
    struct neighbors *ns = mem_alloc(sizeof(*ns));
    ns->piste = p;
    ns->fib = fib_of(p);
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        ns->all[f] = ns->dynamic[f] = neighbor_none();
        ns->config[f] = (struct neighbor_config){.limit = NEIGHBORS_DEFAULT_LIMIT, .recycle = true};
    }
    pool_init(&ns->entries, "neighbors", sizeof(struct neighbor_entry), 8, NEIGHBORS_MAX);
    pool_init(&ns->resolving, "neighbors resolving", sizeof(struct resolving), 8, RESOLVING_MAX);
    hash_init(&ns->by_host, sizeof(struct link_host));
    hash_init(&ns->resolving_by_host, sizeof(struct link_host));
    adj_on_neighbor(ns->fib, neighbor_on_adjacency, ns);
    ip_on_address(p, neighbor_on_address, ns);
    ip_on_table(p, neighbor_on_table, ns);
    ip_on_enable(p, neighbor_on_enable, ns);
    interface_on_event(p, neighbor_on_interface, ns);
    *state = ns;
    return 0;
}

void neighbor_stop(struct piste *p, void *state)
{
    struct neighbors *ns = state;
    adj_on_neighbor(ns->fib, NULL, NULL);
    loop_work_del(p->loop, neighbor_sweep_piece, ns);
    pool_each(&ns->resolving, i)
    {
        struct resolving *r = pool_at(&ns->resolving, i);
        for (u32 k = 0; k < r->n_held; k++)
            buffer_free_one(engine_main_thread(engine_of(p)), r->held[k].bi);
    }
    if (ns->age_timer)
        loop_timer_del(p->loop, ns->age_timer);
    if (ns->resolve_timer)
        loop_timer_del(p->loop, ns->resolve_timer);
    neighbor_pending = 0;
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        vec_free(&ns->of_interface[f]);
        vec_free(&ns->routes_in[f]);
    }
    vec_free(&ns->hooks);
    vec_free(&ns->sweeps);
    hash_fini(&ns->by_host);
    hash_fini(&ns->resolving_by_host);
    pool_fini(&ns->resolving);
    pool_fini(&ns->entries);
    free(ns);
}

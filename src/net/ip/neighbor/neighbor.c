/* Neighbours: entries, their routes and adjacencies, ageing, and what the interface and address
 * events do to them. Asking for addresses is in hold.c. */
#include "net/ip/neighbor/neighbor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/loop.h"
#include "control/module.h"
#include "engine/feature.h"
#include "engine/thread.h"
#include "net/link/interface/interface.h"
#include "net/ip/ip4/ip4.h"
#include "net/packet/ip4_packet.h"
#include "net/ip/neighbor/neighbor_internal.h"

#define LIMIT_DEFAULT 50000
#define UNASKED_PER_SECOND 100
#define PROBES_PER_TICK 500

static struct log_class neighbor_log = {.name = "ip", .sub = "neighbor"};

const char neighbor_module_name[] = "neighbor";

struct neighbors *neighbors_of(const struct piste *p)
{
    return module_state(p, neighbor_module_name);
}

u32 neighbor_index(const struct neighbors *ns, struct if_index i, be32 addr)
{
    struct neighbor_key key = {i, addr};
    u64 value;
    return hash_get(&ns->by_key, &key, &value) ? (u32)value : NEIGHBOR_NONE;
}

/* --- by age --- */

static void neighbor_list_remove(struct neighbors *ns, u32 n)
{
    struct neighbor_entry *e = neighbor_at(ns, n);
    if (e->newer != NEIGHBOR_NONE)
        neighbor_at(ns, e->newer)->older = e->older;
    else
        ns->newest = e->older;
    if (e->older != NEIGHBOR_NONE)
        neighbor_at(ns, e->older)->newer = e->newer;
    else
        ns->oldest = e->newer;
}

static void list_add(struct neighbors *ns, u32 n)
{
    struct neighbor_entry *e = neighbor_at(ns, n);
    e->newer = NEIGHBOR_NONE;
    e->older = ns->newest;
    if (ns->newest != NEIGHBOR_NONE)
        neighbor_at(ns, ns->newest)->newer = n;
    else
        ns->oldest = n;
    ns->newest = n;
}

static void neighbor_touch(struct neighbors *ns, u32 n)
{
    neighbor_list_remove(ns, n);
    list_add(ns, n);
    neighbor_at(ns, n)->updated_ns = clock_ns();
    neighbor_at(ns, n)->probes = 0;
}

/* --- entries --- */

static struct neighbor neighbor_describe(const struct neighbor_entry *e)
{
    struct neighbor n = {
        .interface = e->key.interface,
        .addr = e->key.addr,
        .flags = e->flags,
        .updated_ns = e->updated_ns,
    };
    memcpy(n.mac, e->mac, 6);
    return n;
}

static void neighbor_tell(struct neighbors *ns, u32 n, enum neighbor_event ev)
{
    struct neighbor d = neighbor_describe(neighbor_at(ns, n));
    for (u32 k = 0; k < ns->hooks.n; k++)
        ns->hooks.v[k].fn(ns->piste, &d, ev, ns->hooks.v[k].arg);
}

static struct ip4_prefix neighbor_host(be32 addr)
{
    return (struct ip4_prefix){addr, 32};
}

static int route_set(struct neighbors *ns, const struct neighbor_entry *e, struct fib_index t,
                     struct error *err)
{
    struct fib_path path = fib_path_via(e->key.addr, e->key.interface);
    if (e->flags & NEIGHBOR_NO_FIB_ENTRY)
        return 0;
    return fib_route_update(ns->fib, t, neighbor_host(e->key.addr), FIB_SOURCE_ADJ, &path, 1, err);
}

/* Two links may have a neighbour of that address: the route is of the one that came last. */
static void route_del(struct neighbors *ns, const struct neighbor_entry *e, struct fib_index t)
{
    struct fib_route r;
    struct fib_path path;
    if (!fib_lookup_exact(ns->fib, t, neighbor_host(e->key.addr), &r) ||
        !fib_route_paths(ns->fib, r.lb, FIB_SOURCE_ADJ, &path, 1) ||
        !if_equal(path.interface, e->key.interface))
        return;
    /* it was there */
    (void)!fib_route_delete(ns->fib, t, neighbor_host(e->key.addr), FIB_SOURCE_ADJ, NULL);
}

static void neighbor_entry_free(struct neighbors *ns, u32 n)
{
    struct neighbor_entry *e = neighbor_at(ns, n);
    neighbor_tell(ns, n, NEIGHBOR_REMOVED);
    route_del(ns, e, ip4_if_fib(e->key.interface));
    adj_neighbor_set(ns->fib, (struct adj_index){e->adj}, NULL);
    adj_unref(ns->fib, (struct adj_index){e->adj});
    hash_del(&ns->by_key, &e->key);
    neighbor_list_remove(ns, n);
    if (e->flags & NEIGHBOR_DYNAMIC)
        ns->n_dynamic--;
    pool_put(&ns->entries, n);
}

/* Room for one more: by making the oldest go, if that is allowed. */
static int make_room(struct neighbors *ns, struct error *err)
{
    if (ns->entries.n_used < ns->config.limit)
        return 0;
    if (ns->config.recycle)
        for (u32 n = ns->oldest; n != NEIGHBOR_NONE; n = neighbor_at(ns, n)->newer)
            if (neighbor_at(ns, n)->flags & NEIGHBOR_DYNAMIC) {
                ns->n_recycled++;
                neighbor_entry_free(ns, n);
                return 0;
            }
    return error_set(err, ENOSPC, "the limit of %u neighbors is reached", ns->config.limit);
}

static int neighbor_entry_new(struct neighbors *ns, struct neighbor_key key, u8 flags, u32 *out,
                              struct error *err)
{
    int rc = make_room(ns, err);
    if (rc)
        return rc;
    u32 n = pool_get(&ns->entries);
    if (n == POOL_NONE)
        return error_set(err, ENOSPC, "no room for more neighbors");
    /* in the table first: an adjacency to somebody unknown would be asked for */
    hash_set(&ns->by_key, &key, n);
    u32 adj = adj_neighbor_ref(ns->fib, key.addr, key.interface).i;
    if (adj == ADJ_NONE.i) {
        hash_del(&ns->by_key, &key);
        pool_put(&ns->entries, n);
        return error_set(err, ENOSPC, "no room for more neighbors");
    }
    *neighbor_at(ns, n) = (struct neighbor_entry){.key = key, .flags = flags, .adj = adj};
    list_add(ns, n);
    if (flags & NEIGHBOR_DYNAMIC)
        ns->n_dynamic++;
    *out = n;
    return 0;
}

static void entry_set_flags(struct neighbors *ns, struct neighbor_entry *e, u8 flags)
{
    ns->n_dynamic -= !!(e->flags & NEIGHBOR_DYNAMIC);
    ns->n_dynamic += !!(flags & NEIGHBOR_DYNAMIC);
    if (flags & NEIGHBOR_NO_FIB_ENTRY)
        route_del(ns, e, ip4_if_fib(e->key.interface));
    e->flags = flags;
}

static int neighbor_check(struct piste *p, struct if_index i, be32 addr, const u8 *mac,
                          struct error *e)
{
    static const u8 none[6];
    const struct interface *f = interface_at(p, i);
    if (!f || !f->has_mac)
        return error_set(e, EINVAL, "%s has no neighbors", f ? f->name : "?");
    if (be32_is_zero(addr) || ip4_is_multicast(addr) || ip4_is_limited_broadcast(addr))
        return error_set(e, EINVAL, "not the address of a neighbor");
    if ((mac[0] & 1) || !memcmp(mac, none, 6))
        return error_set(e, EINVAL, "not the MAC address of a station");
    return 0;
}

int neighbor_add(struct piste *p, struct if_index i, be32 addr, const u8 mac[6], u8 flags,
                 struct error *e)
{
    struct neighbors *ns = neighbors_of(p);
    struct neighbor_key key = {i, addr};
    int rc = neighbor_check(p, i, addr, mac, e);
    if (rc)
        return rc;
    u32 n = neighbor_index(ns, i, addr);
    bool is_new = n == NEIGHBOR_NONE, changed = is_new;
    if (is_new) {
        rc = neighbor_entry_new(ns, key, flags, &n, e);
        if (rc)
            return rc;
    } else {
        changed = memcmp(neighbor_at(ns, n)->mac, mac, 6) || neighbor_at(ns, n)->flags != flags;
        entry_set_flags(ns, neighbor_at(ns, n), flags);
    }
    struct neighbor_entry *entry = neighbor_at(ns, n);
    memcpy(entry->mac, mac, 6);
    entry->stale = false;
    neighbor_touch(ns, n);
    adj_neighbor_set(ns->fib, (struct adj_index){entry->adj}, mac);
    rc = changed ? route_set(ns, entry, ip4_if_fib(i), e) : 0;
    if (rc) {
        neighbor_entry_free(ns, n);
        return rc;
    }
    resolving_answered(ns, key);
    if (changed)
        neighbor_tell(ns, n, is_new ? NEIGHBOR_ADDED : NEIGHBOR_CHANGED);
    return 0;
}

int neighbor_del(struct piste *p, struct if_index i, be32 addr, struct error *e)
{
    struct neighbors *ns = neighbors_of(p);
    u32 n = neighbor_index(ns, i, addr);
    if (n == NEIGHBOR_NONE)
        return error_set(e, ENOENT, "no such neighbor");
    neighbor_entry_free(ns, n);
    return 0;
}

void neighbor_flush(struct piste *p, struct if_index i, bool with_static)
{
    struct neighbors *ns = neighbors_of(p);
    pool_each(&ns->entries, n)
    {
        const struct neighbor_entry *e = neighbor_at(ns, n);
        if ((if_is_none(i) || if_equal(e->key.interface, i)) &&
            (with_static || (e->flags & NEIGHBOR_DYNAMIC)))
            neighbor_entry_free(ns, n);
    }
}

void neighbor_replace_begin(struct piste *p)
{
    struct neighbors *ns = neighbors_of(p);
    pool_each(&ns->entries, n)
    {
        neighbor_at(ns, n)->stale = true;
    }
}

void neighbor_replace_end(struct piste *p)
{
    struct neighbors *ns = neighbors_of(p);
    pool_each(&ns->entries, n)
    {
        if (neighbor_at(ns, n)->stale)
            neighbor_entry_free(ns, n);
    }
}

bool neighbor_find(const struct piste *p, struct if_index i, be32 addr, struct neighbor *out)
{
    const struct neighbors *ns = neighbors_of(p);
    u32 n = neighbor_index(ns, i, addr);
    if (n == NEIGHBOR_NONE)
        return false;
    *out = neighbor_describe(neighbor_at(ns, n));
    return true;
}

void neighbor_each(const struct piste *p, struct if_index i,
                   bool (*fn)(const struct neighbor *n, void *arg), void *arg)
{
    const struct neighbors *ns = neighbors_of(p);
    for (u32 n = ns->newest; n != NEIGHBOR_NONE;) {
        const struct neighbor_entry *e = neighbor_at(ns, n);
        u32 older = e->older;
        if (if_is_none(i) || if_equal(e->key.interface, i)) {
            struct neighbor d = neighbor_describe(e);
            if (!fn(&d, arg))
                return;
        }
        n = older;
    }
}

void neighbor_on_event(struct piste *p,
                       void (*fn)(struct piste *p, const struct neighbor *n, enum neighbor_event ev,
                                  void *arg),
                       void *arg)
{
    vec_add(&neighbors_of(p)->hooks, ((struct neighbor_event_hook){fn, arg}));
}

/* --- learning --- */

void neighbor_on_learn(struct piste *p, const void *payload)
{
    struct arp_learn ev;
    memcpy(&ev, payload, sizeof(ev));
    struct neighbors *ns = neighbors_of(p);
    struct error e = {0};
    u32 n = neighbor_index(ns, ev.interface, ev.addr);
    const struct interface *f = interface_at(p, ev.interface);

    if (!f || !f->admin_up || !ip4_if_enabled(ev.interface))
        return; /* the event is older than the change */
    if (n == NEIGHBOR_NONE) {
        if (ev.only_known)
            return;
    } else if (!(neighbor_at(ns, n)->flags & NEIGHBOR_DYNAMIC)) {
        return; /* what the user said stands */
    }
    u8 flags = NEIGHBOR_DYNAMIC;
    if (n != NEIGHBOR_NONE)
        flags = neighbor_at(ns, n)->flags;
    if (neighbor_add(p, ev.interface, ev.addr, ev.mac, flags, &e)) {
        ns->n_learn_dropped++;
        log_debug(&neighbor_log, "not learnt: %s", e.text);
    }
}

int neighbor_probe(struct piste *p, struct if_index i, be32 addr, struct error *e)
{
    int rc = arp_send_request(p, i, addr, NULL);
    return rc ? error_set(e, -rc, "cannot ask for the neighbor") : 0;
}

/* Somebody's route leads to a neighbour that is not known: it is asked for before packets come. */
static void on_adjacency(struct piste *p, struct adj_index a, bool present, void *arg)
{
    struct neighbors *ns = arg;
    const struct adj *adj = adj_at(a.i);
    struct neighbor_key key = {adj->tx_if, adj->next_hop};
    u64 now = clock_ns();
    const struct interface *f = interface_at(p, key.interface);
    if (!present || !f || !f->admin_up || !f->link_up || !f->has_mac ||
        ip4_is_subnet_broadcast(p, key.interface, key.addr))
        return;
    if (neighbor_index(ns, key.interface, key.addr) != NEIGHBOR_NONE ||
        hash_get(&ns->resolving_by_key, &key, NULL) || ns->resolving.n_used > RESOLVING_MAX / 2)
        return;
    if (now - ns->unasked_window_ns > NS_PER_SEC) {
        ns->unasked_window_ns = now;
        ns->unasked = 0;
    }
    be32 own;
    /* where it fails, packets will ask again */
    if (ns->unasked++ < UNASKED_PER_SECOND && ip4_link_source(p, key.interface, key.addr, &own))
        (void)!arp_send_request(p, key.interface, key.addr, NULL);
}

/* --- ageing --- */

static void age_schedule(struct neighbors *ns)
{
    bool wanted = ns->config.age_s != 0;
    if (wanted && !ns->age_timer)
        ns->age_timer = loop_timer_add(ns->piste->loop, clock_ns() + NS_PER_SEC, NS_PER_SEC,
                                       neighbor_age_tick, ns);
    if (!wanted && ns->age_timer) {
        loop_timer_del(ns->piste->loop, ns->age_timer);
        ns->age_timer = NULL;
    }
}

/* Old ones are asked, a second apart; those that stay silent go. */
void neighbor_age_tick(void *arg)
{
    struct neighbors *ns = arg;
    u64 now = clock_ns(), age_ns = (u64)ns->config.age_s * NS_PER_SEC;
    u32 probes = 0;
    for (u32 n = ns->oldest; n != NEIGHBOR_NONE && probes < PROBES_PER_TICK;) {
        struct neighbor_entry *e = neighbor_at(ns, n);
        u32 newer = e->newer;
        if (now - e->updated_ns < age_ns)
            break;
        if ((e->flags & NEIGHBOR_DYNAMIC) && now - e->probe_ns >= NS_PER_SEC * 9 / 10) {
            if (e->probes == PROBES_MAX) {
                ns->n_timed_out++;
                neighbor_entry_free(ns, n);
            } else {
                /* silence counts against the neighbour all the same */
                (void)!arp_send_request(ns->piste, e->key.interface, e->key.addr, e->mac);
                e->probes++;
                e->probe_ns = now;
                probes++;
            }
        }
        n = newer;
    }
}

struct neighbor_config neighbor_config(const struct piste *p)
{
    return neighbors_of(p)->config;
}

void neighbor_set_config(struct piste *p, struct neighbor_config c)
{
    struct neighbors *ns = neighbors_of(p);
    ns->config = c;
    if (ns->config.limit > NEIGHBORS_MAX)
        ns->config.limit = NEIGHBORS_MAX;
    age_schedule(ns);
}

/* --- what interfaces and addresses do to neighbours --- */

void neighbor_advertise(struct piste *p, struct if_index i)
{
    struct ip4_prefix a;
    for (u32 k = 0; ip4_address_at(p, i, k, &a); k++)
        arp_send_gratuitous(p, i, a.addr);
}

static bool neighbor_covers(struct ip4_prefix a, be32 addr)
{
    u32 mask = a.len ? ~0u << (32 - a.len) : 0;
    return !((be32_to_host(a.addr) ^ be32_to_host(addr)) & mask);
}

static void on_address(struct piste *p, struct if_index i, struct ip4_prefix a, bool add, void *arg)
{
    struct neighbors *ns = arg;
    if (add) {
        const struct interface *f = interface_at(p, i);
        if (f->admin_up && f->link_up)
            arp_send_gratuitous(p, i, a.addr);
        return;
    }
    pool_each(&ns->entries, n)
    {
        const struct neighbor_entry *e = neighbor_at(ns, n);
        if (if_equal(e->key.interface, i) && (e->flags & NEIGHBOR_DYNAMIC) &&
            neighbor_covers(a, e->key.addr))
            neighbor_entry_free(ns, n);
    }
    resolving_forget(ns, i);
}

static void neighbor_feature(struct piste *p, const char *node, struct if_index i, bool on)
{
    struct error e = {0};
    if (feature_enable(engine_of(p), "arp", node, i, on, 0, &e))
        log_error(&neighbor_log, "%s: %s", node, e.text);
}

static void on_enable(struct piste *p, struct if_index i, bool enabled, void *arg)
{
    const struct interface *f = interface_at(p, i);
    if (!f || !f->has_mac)
        return;
    struct node_index reply, proxy;
    if (enabled && node_find(engine_of(p), "arp-reply", &reply) &&
        node_find(engine_of(p), "arp-proxy", &proxy)) {
        ip4_if_base[i.i].reply_next = node_edge(engine_of(p), reply, f->output_node);
        ip4_if_base[i.i].proxy_next = node_edge(engine_of(p), proxy, f->output_node);
    }
    neighbor_feature(p, "arp-reply", i, enabled);
    neighbor_feature(p, "arp-disabled", i, !enabled);
}

static void on_table(struct piste *p, struct if_index i, struct fib_index from, struct fib_index to,
                     void *arg)
{
    struct neighbors *ns = arg;
    pool_each(&ns->entries, n)
    {
        const struct neighbor_entry *e = neighbor_at(ns, n);
        struct error err = {0};
        if (!if_equal(e->key.interface, i))
            continue;
        route_del(ns, e, from);
        if (!fib_is_none(to) && route_set(ns, e, to, &err))
            log_error(&neighbor_log, "%s", err.text);
    }
}

static void neighbor_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct neighbors *ns = arg;
    bool up = f->admin_up && f->link_up;
    switch (ev) {
    case IF_EVENT_NEW:
        arp_counters_begin(f->index);
        if (f->has_mac)
            neighbor_feature(p, "arp-disabled", f->index, true);
        break;
    case IF_EVENT_DELETE:
        resolving_forget(ns, f->index);
        neighbor_flush(p, f->index, true);
        break;
    case IF_EVENT_ADMIN:
    case IF_EVENT_LINK:
        if (up) {
            neighbor_advertise(p, f->index);
        } else {
            resolving_forget(ns, f->index);
            neighbor_flush(p, f->index, false);
        }
        break;
    case IF_EVENT_MAC:
        if (up)
            neighbor_advertise(p, f->index);
        break;
    default:
        break;
    }
}

/* --- proxy --- */

int neighbor_proxy_range(struct piste *p, u32 table_id, u32 first, u32 last, bool add,
                         struct error *e)
{
    struct neighbors *ns = neighbors_of(p);
    struct fib_index t = fib_table_find(ns->fib, table_id);
    if (fib_is_none(t))
        return error_set(e, ENOENT, "no such table %u", table_id);
    if (last < first)
        return error_set(e, EINVAL, "the range ends before it starts");
    struct proxy_ranges *old = ns->ranges;
    u32 n = old ? old->n : 0, found = n;
    for (u32 i = 0; i < n; i++)
        if (old->v[i].fib == t.i && old->v[i].first == first && old->v[i].last == last)
            found = i;
    if (add && found < n)
        return 0;
    if (!add && found == n)
        return error_set(e, ENOENT, "no such range");
    int rc = add ? fib_table_lock(ns->fib, table_id, NULL, FIB_SOURCE_PROXY, &t, e) : 0;
    if (rc)
        return rc;

    struct proxy_ranges *new = mem_alloc(sizeof(*new) + (n + 1) * sizeof(new->v[0]));
    for (u32 i = 0; i < n; i++)
        if (add || i != found)
            new->v[new->n++] = old->v[i];
    if (add)
        new->v[new->n++] = (struct proxy_range){t.i, first, last};
    ns->ranges = new;
    __atomic_store_n(&arp_proxy_ranges, new, __ATOMIC_RELEASE);
    if (old)
        engine_defer_free(engine_of(p), free, old);
    if (!add)
        fib_table_unlock(ns->fib, t, FIB_SOURCE_PROXY);
    return 0;
}

int neighbor_proxy_enable(struct piste *p, struct if_index i, bool enable, struct error *e)
{
    return feature_enable(engine_of(p), "arp", "arp-proxy", i, enable, 0, e);
}

bool neighbor_proxy_is_enabled(const struct piste *p, struct if_index i)
{
    return feature_is_enabled(engine_of(p), "arp", "arp-proxy", i);
}

/* --- life --- */

static void find_nodes(struct neighbors *ns)
{
    struct engine *e = engine_of(ns->piste);
    struct node_index input;
    if (!node_find(e, "ip4-arp", &ns->arp_node) || !node_find(e, "ip4-glean", &ns->glean_node) ||
        !node_find(e, "arp-input", &input))
        panic("the nodes of ARP are not there");
    node_set_state(e, input, (void *)feature_arc_find(e, "arp"));
    struct interface *f;
    for (u32 i = 0; (f = interface_next(ns->piste, i)); i = f->index.i + 1)
        if (f->has_mac)
            neighbor_feature(ns->piste, "arp-disabled", f->index, true);
}

int neighbor_init(struct piste *p, void **state, struct error *e)
{
    struct neighbors *ns = mem_alloc(sizeof(*ns));
    ns->piste = p;
    ns->fib = fib_of(p);
    ns->newest = ns->oldest = NEIGHBOR_NONE;
    ns->config = (struct neighbor_config){.limit = LIMIT_DEFAULT};
    pool_init(&ns->entries, "neighbors", sizeof(struct neighbor_entry), 8, NEIGHBORS_MAX);
    pool_init(&ns->resolving, "neighbors resolving", sizeof(struct resolving), 8, RESOLVING_MAX);
    hash_init(&ns->by_key, sizeof(struct neighbor_key));
    hash_init(&ns->resolving_by_key, sizeof(struct neighbor_key));
    arp_counters_init(engine_of(p));
    adj_on_neighbor(ns->fib, on_adjacency, ns);
    ip4_on_address(p, on_address, ns);
    ip4_on_enable(p, on_enable, ns);
    ip4_on_table(p, on_table, ns);
    interface_on_event(p, neighbor_on_interface, ns);
    find_nodes(ns);
    *state = ns;
    return 0;
}

void neighbor_stop(struct piste *p, void *state)
{
    struct neighbors *ns = state;
    adj_on_neighbor(ns->fib, NULL, NULL);
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
    arp_counters_fini();
    arp_proxy_ranges = NULL;
    neighbor_pending = 0;
    free(ns->ranges);
    vec_free(&ns->hooks);
    hash_fini(&ns->by_key);
    hash_fini(&ns->resolving_by_key);
    pool_fini(&ns->resolving);
    pool_fini(&ns->entries);
    free(ns);
}

/* Neighbours: entries, their routes and adjacencies, and who wants to know of them. Asking for
 * addresses is in hold.c, learning and ageing in neighbor_age.c, what interfaces and addresses do
 * to neighbours in neighbor_link.c. */
#include "net/ip/neighbor/neighbor.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "net/ip/address/address_data.h"
#include "net/ip/neighbor/neighbor_internal.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_packet.h"

#define LOOKED_AT 1024 /* entries of a walk, before others may want their turn */

const char neighbor_module_name[] = "neighbor";

struct neighbors *neighbors_of(const struct piste *p)
{
    return module_state(p, neighbor_module_name);
}

u32 neighbor_index(const struct neighbors *ns, const struct link_host *host)
{
    u64 value;
    return hash_get(&ns->by_host, host, &value) &&
                   !neighbor_is_gone(ns, neighbor_at(ns, (u32)value))
               ? (u32)value
               : NEIGHBOR_NONE;
}

/* --- lists by age --- */

struct neighbor_ends neighbor_ends_of(const struct neighbors *ns, enum ip_family f,
                                      struct if_index i)
{
    return i.i < ns->of_interface[f].n ? ns->of_interface[f].v[i.i] : neighbor_none();
}

static struct neighbor_ends *neighbor_list(struct neighbors *ns, const struct link_host *host,
                                           enum neighbor_list which)
{
    u32 f = host->family;
    if (which == LIST_ALL)
        return &ns->all[f];
    if (which == LIST_DYNAMIC)
        return &ns->dynamic[f];
    while (ns->of_interface[f].n <= host->interface.i)
        vec_add(&ns->of_interface[f], neighbor_none());
    return &ns->of_interface[f].v[host->interface.i];
}

static void neighbor_list_remove(struct neighbors *ns, u32 n, enum neighbor_list which)
{
    struct neighbor_entry *e = neighbor_at(ns, n);
    struct neighbor_ends *ends = neighbor_list(ns, &e->host, which);
    u32 newer = e->in[which].newer, older = e->in[which].older;
    neighbor_sweep_skip(ns, n, which);
    if (newer != NEIGHBOR_NONE)
        neighbor_at(ns, newer)->in[which].older = older;
    else
        ends->newest = older;
    if (older != NEIGHBOR_NONE)
        neighbor_at(ns, older)->in[which].newer = newer;
    else
        ends->oldest = newer;
    ends->n--;
}

static void neighbor_list_add(struct neighbors *ns, u32 n, enum neighbor_list which)
{
    struct neighbor_entry *e = neighbor_at(ns, n);
    struct neighbor_ends *ends = neighbor_list(ns, &e->host, which);
    e->in[which].newer = NEIGHBOR_NONE;
    e->in[which].older = ends->newest;
    if (ends->newest != NEIGHBOR_NONE)
        neighbor_at(ns, ends->newest)->in[which].newer = n;
    else
        ends->oldest = n;
    ends->newest = n;
    ends->n++;
}

/* Into the lists that an entry with its flags is in, or out of them. */
static void neighbor_lists(struct neighbors *ns, u32 n,
                           void (*fn)(struct neighbors *ns, u32 n, enum neighbor_list which))
{
    fn(ns, n, LIST_ALL);
    fn(ns, n, LIST_INTERFACE);
    if (neighbor_at(ns, n)->flags & NEIGHBOR_DYNAMIC)
        fn(ns, n, LIST_DYNAMIC);
}

static void neighbor_touch(struct neighbors *ns, u32 n, u8 flags)
{
    struct neighbor_entry *e = neighbor_at(ns, n);
    neighbor_lists(ns, n, neighbor_list_remove);
    e->flags = flags;
    e->stamp = ++ns->stamp;
    e->updated_ns = clock_ns();
    e->probes = 0;
    neighbor_lists(ns, n, neighbor_list_add);
}

/* --- entries --- */

static struct neighbor neighbor_describe(const struct neighbor_entry *e)
{
    struct neighbor n = {.host = e->host, .flags = e->flags, .updated_ns = e->updated_ns};
    memcpy(n.mac, e->mac, 6);
    return n;
}

static void neighbor_tell(struct neighbors *ns, u32 n, enum neighbor_event ev)
{
    struct neighbor d = neighbor_describe(neighbor_at(ns, n));
    for (u32 k = 0; k < ns->hooks.n; k++)
        ns->hooks.v[k].fn(ns->piste, &d, ev, ns->hooks.v[k].arg);
}

static struct ip_prefix neighbor_prefix(const struct neighbor_entry *e)
{
    return ip_prefix_host((enum ip_family)e->host.family, e->host.addr);
}

bool neighbor_is_of_link(const struct neighbor_entry *e)
{
    return e->host.family == IP_FAMILY_6 && ip6_is_link_local(e->host.addr.bytes);
}

/* How many host routes are in table t, which is there for as long as there are any. */
static u32 *neighbor_routes_in(struct neighbors *ns, struct fib_index t)
{
    u32 n = fib_number(t);
    enum ip_family f = fib_family(t);
    while (ns->routes_in[f].n <= n)
        vec_add(&ns->routes_in[f], 0);
    return &ns->routes_in[f].v[n];
}

/* Notes that an entry's route is in table t. */
static void neighbor_table_set(struct neighbors *ns, struct neighbor_entry *e, struct fib_index t)
{
    struct fib_index was = e->table;
    e->table = t;
    if (!fib_is_none(t) && !(*neighbor_routes_in(ns, t))++)
        fib_table_lock_again(ns->fib, t, FIB_SOURCE_ADJ);
    if (!fib_is_none(was) && !--*neighbor_routes_in(ns, was))
        fib_table_unlock(ns->fib, was, FIB_SOURCE_ADJ);
}

/* Two links may have a neighbour of that address: the route is of the one that came last. */
static void neighbor_route_del(struct neighbors *ns, struct neighbor_entry *e)
{
    struct fib_route r;
    struct fib_path path;
    if (fib_is_none(e->table))
        return;
    if (fib_lookup_exact(ns->fib, e->table, neighbor_prefix(e), &r) &&
        fib_route_paths(ns->fib, r.lb, FIB_SOURCE_ADJ, &path, 1) &&
        if_equal(path.interface, e->host.interface))
        /* it was there */
        (void)!fib_route_delete(ns->fib, e->table, neighbor_prefix(e), FIB_SOURCE_ADJ, NULL);
    neighbor_table_set(ns, e, FIB_NONE);
}

int neighbor_route_set(struct neighbors *ns, struct neighbor_entry *e, struct fib_index t,
                       struct error *err)
{
    struct fib_path path =
        fib_path_via((enum ip_family)e->host.family, e->host.addr, e->host.interface);
    if (e->flags & NEIGHBOR_NO_FIB_ENTRY)
        t = FIB_NONE;
    if (t.i != e->table.i)
        neighbor_route_del(ns, e);
    if (fib_is_none(t))
        return 0;
    int rc = fib_route_update(ns->fib, t, neighbor_prefix(e), FIB_SOURCE_ADJ, &path, 1, err);
    if (!rc && fib_is_none(e->table))
        neighbor_table_set(ns, e, t);
    return rc;
}

void neighbor_entry_free(struct neighbors *ns, u32 n)
{
    struct neighbor_entry *e = neighbor_at(ns, n);
    neighbor_tell(ns, n, NEIGHBOR_REMOVED);
    neighbor_route_del(ns, e);
    adj_neighbor_set(ns->fib, &e->host, NULL);
    adj_unref(ns->fib, (struct adj_index){e->adj});
    hash_del(&ns->by_host, &e->host);
    neighbor_lists(ns, n, neighbor_list_remove);
    pool_put(&ns->entries, n);
}

/* Room for one more: by making the oldest go, if that is allowed. */
static int neighbor_make_room(struct neighbors *ns, u32 family, struct error *err)
{
    const struct neighbor_config *c = &ns->config[family];
    while (ns->all[family].n >= c->limit && neighbor_sweep_piece(ns))
        ; /* those that are gone go first */
    if (ns->all[family].n < c->limit)
        return 0;
    if (!c->recycle || !c->limit || !ns->dynamic[family].n)
        return error_set(err, ENOSPC, "the limit of %u neighbors is reached", c->limit);
    ns->n_recycled++;
    neighbor_entry_free(ns, ns->dynamic[family].oldest);
    return 0;
}

static int neighbor_entry_new(struct neighbors *ns, const struct link_host *host, u8 flags,
                              u32 *out, struct error *err)
{
    u64 gone;
    if (hash_get(&ns->by_host, host, &gone))
        neighbor_entry_free(ns, (u32)gone);
    int rc = neighbor_make_room(ns, host->family, err);
    if (rc)
        return rc;
    u32 n = pool_get(&ns->entries);
    if (n == POOL_NONE)
        return error_set(err, ENOSPC, "no room for more neighbors");
    struct neighbor_entry *e = neighbor_at(ns, n);
    *e = (struct neighbor_entry){
        .host = *host, .flags = flags, .stamp = ++ns->stamp, .table = FIB_NONE};
    /* in the table first: an adjacency to somebody unknown would be asked for */
    hash_set(&ns->by_host, host, n);
    e->adj = adj_neighbor_ref(ns->fib, host, (enum ip_family)host->family).i;
    if (e->adj == ADJ_NONE.i) {
        hash_del(&ns->by_host, host);
        pool_put(&ns->entries, n);
        return error_set(err, ENOSPC, "no room for more neighbors");
    }
    neighbor_lists(ns, n, neighbor_list_add);
    *out = n;
    return 0;
}

static bool neighbor_is_possible(const struct link_host *host)
{
    if (host->family == IP_FAMILY_6)
        return !ip_address_is_zero(&host->addr) && host->addr.bytes[0] != 0xff;
    return !be32_is_zero(host->addr.ip4) && !ip4_is_multicast(host->addr.ip4) &&
           !ip4_is_limited_broadcast(host->addr.ip4);
}

static int neighbor_check(const struct neighbors *ns, const struct link_host *host, const u8 *mac,
                          struct error *e)
{
    static const u8 none[6];
    const struct interface *f = interface_at(ns->piste, host->interface);
    if (host->family >= IP_FAMILY_N || !ns->protocols[host->family])
        return error_set(e, EAFNOSUPPORT, "IPv6 is not supported");
    if (!f || !f->has_mac)
        return error_set(e, EINVAL, "%s has no neighbors", f ? f->name : "?");
    if (!neighbor_is_possible(host))
        return error_set(e, EINVAL, "not the address of a neighbor");
    if ((mac[0] & 1) || !memcmp(mac, none, 6))
        return error_set(e, EINVAL, "not the MAC address of a station");
    return 0;
}

int neighbor_add(struct piste *p, const struct link_host *host, const u8 mac[6], u8 flags,
                 struct error *e)
{
    struct neighbors *ns = neighbors_of(p);
    int rc = neighbor_check(ns, host, mac, e);
    if (rc)
        return rc;
    u32 n = neighbor_index(ns, host);
    bool is_new = n == NEIGHBOR_NONE, changed = is_new;
    if (is_new) {
        rc = neighbor_entry_new(ns, host, flags, &n, e);
        if (rc)
            return rc;
    } else {
        changed = memcmp(neighbor_at(ns, n)->mac, mac, 6) || neighbor_at(ns, n)->flags != flags;
    }
    struct neighbor_entry *entry = neighbor_at(ns, n);
    memcpy(entry->mac, mac, 6);
    neighbor_touch(ns, n, flags);
    adj_neighbor_set(ns->fib, host, mac);
    struct fib_index t = ip_host_fib(host);
    if (changed || entry->table.i != t.i) /* a sweep to t comes no more to who is updated */
        rc = neighbor_route_set(ns, entry, t, e);
    if (rc) {
        neighbor_entry_free(ns, n);
        return rc;
    }
    resolving_answered(ns, host);
    if (changed)
        neighbor_tell(ns, n, is_new ? NEIGHBOR_ADDED : NEIGHBOR_CHANGED);
    return 0;
}

int neighbor_del(struct piste *p, const struct link_host *host, struct error *e)
{
    struct neighbors *ns = neighbors_of(p);
    u32 n = neighbor_index(ns, host);
    if (n == NEIGHBOR_NONE)
        return error_set(e, ENOENT, "no such neighbor");
    neighbor_entry_free(ns, n);
    return 0;
}

void neighbor_flush(struct piste *p, enum ip_family f, struct if_index i, bool with_static)
{
    neighbor_sweep_remove(neighbors_of(p), f, i, with_static);
}

void neighbor_replace_begin(struct piste *p)
{
    neighbors_of(p)->replace_stamp = neighbors_of(p)->stamp + 1;
}

void neighbor_replace_end(struct piste *p)
{
    struct neighbors *ns = neighbors_of(p);
    for (u32 f = 0; ns->replace_stamp && f < IP_FAMILY_N; f++)
        neighbor_sweep(ns, (struct neighbor_sweep){.kind = SWEEP_REMOVE,
                                                   .interface = IF_NONE,
                                                   .within.family = (u8)f,
                                                   .with_static = true,
                                                   .before = ns->replace_stamp});
}

bool neighbor_find(const struct piste *p, const struct link_host *host, struct neighbor *out)
{
    const struct neighbors *ns = neighbors_of(p);
    u32 n = neighbor_index(ns, host);
    if (n == NEIGHBOR_NONE)
        return false;
    *out = neighbor_describe(neighbor_at(ns, n));
    return true;
}

u32 neighbor_next(const struct piste *p, u32 from, struct neighbor *out)
{
    const struct neighbors *ns = neighbors_of(p);
    u32 n = pool_next(&ns->entries, from);
    while (n != POOL_NONE && neighbor_is_gone(ns, neighbor_at(ns, n)))
        n = pool_next(&ns->entries, n + 1);
    if (n != POOL_NONE)
        *out = neighbor_describe(neighbor_at(ns, n));
    return n;
}

static int neighbor_walk_compare(const void *a, const void *b)
{
    const struct link_host *x = a, *y = b;
    if (x->interface.i != y->interface.i)
        return x->interface.i < y->interface.i ? -1 : 1;
    if (x->family != y->family)
        return x->family < y->family ? -1 : 1;
    return ip_address_compare(&x->addr, &y->addr);
}

/* Entries do not move. */
static int neighbor_walk_scan(void *set, u64 *from, void *key)
{
    const struct neighbor_walk *w = set;
    struct neighbor n;
    u32 i = neighbor_next(w->piste, (u32)*from, &n);
    if (i == POOL_NONE)
        return 0;
    *from = (u64)i + 1;
    if ((n.flags & w->flags) != w->flags ||
        (!if_is_none(w->only) && !if_equal(w->only, n.host.interface)))
        return -EAGAIN;
    *(struct link_host *)key = n.host;
    return 1;
}

int neighbor_walk_next(struct neighbor_walk *w, struct neighbor *out)
{
    static const struct ordered_walk_ops ops = {sizeof(struct link_host), neighbor_walk_compare,
                                                neighbor_walk_scan};
    struct link_host host;
    if (!w->keys)
        w->keys = ordered_walk_new(&ops);
    int rc = ordered_walk_next(w->keys, &ops, w, LOOKED_AT, &host);
    return rc == 1 && !neighbor_find(w->piste, &host, out) ? -EAGAIN : rc;
}

void neighbor_on_event(struct piste *p,
                       void (*fn)(struct piste *p, const struct neighbor *n, enum neighbor_event ev,
                                  void *arg),
                       void *arg)
{
    vec_add(&neighbors_of(p)->hooks, ((struct neighbor_event_hook){fn, arg}));
}

/* --- settings --- */

struct neighbor_config neighbor_config(const struct piste *p, enum ip_family f)
{
    return neighbors_of(p)->config[f];
}

void neighbor_set_config(struct piste *p, enum ip_family f, struct neighbor_config c)
{
    struct neighbors *ns = neighbors_of(p);
    ns->config[f] = c;
    if (ns->config[f].limit > NEIGHBORS_MAX)
        ns->config[f].limit = NEIGHBORS_MAX;
    neighbor_age_schedule(ns);
}

void neighbor_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct neighbors *ns = state;
    module_tell_hash(tell, arg, "neighbors", &ns->by_host);
    module_tell_hash(tell, arg, "neighbors that are asked for", &ns->resolving_by_host);
}

/* See mfib.h. Routes, what sources say of them, and what data threads see of that: built beside the
 * old, and published by one store. */
#include "net/ip/mfib/mfib.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/text.h"
#include "engine/thread.h"
#include "net/ip/address/address.h"
#include "net/ip/address/address_data.h"
#include "net/ip/mfib/mfib_internal.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_packet.h"

const char mfib_module_name[] = "mfib";

const struct mfib_flag_name mfib_itf_flag_names[] = {
    {MFIB_ITF_NEGATE_SIGNAL, "Negate-Signal", "NS"},
    {MFIB_ITF_ACCEPT, "Accept", "A"},
    {MFIB_ITF_FORWARD, "Forward", "F"},
    {MFIB_ITF_SIGNAL_PRESENT, "Signal-Present", "SP"},
    {MFIB_ITF_DONT_PRESERVE, "Don't-Preserve", "DP"},
    {0}};
const struct mfib_flag_name mfib_route_flag_names[] = {
    {MFIB_ROUTE_SIGNAL, "Signal", "S"},
    {MFIB_ROUTE_DROP, "Drop", "D"},
    {MFIB_ROUTE_CONNECTED, "Connected", "C"},
    {MFIB_ROUTE_ACCEPT_ALL_ITF, "Accept-all-itf", "AA"},
    {0}};

struct mfib *mfib_of(const struct piste *p)
{
    return module_state(p, mfib_module_name);
}

static struct fib *mfib_fib(const struct mfib *m)
{
    return fib_of(m->piste);
}

static struct mfib_route *mfib_route_rw(const struct mfib *m, u32 route)
{
    return pool_at(&m->routes, route);
}

const struct mfib_route *mfib_route_at(const struct mfib *m, u32 route)
{
    return mfib_route_rw(m, route);
}

/* --- what every table has --- */

static const u32 to_receive[] = {4};

#define FIXED_HOST                                                                                 \
    {                                                                                              \
        .flags = MFIB_ROUTE_HOST, .n_to = 1, .to = to_receive                                      \
    }
#define FIXED_MISS                                                                                 \
    {                                                                                              \
        .flags = MFIB_ROUTE_MISS | MFIB_ROUTE_DROP                                                 \
    }

static const struct mfib_fixed fixed_ip4[] = {
    {{.family = IP_FAMILY_4}, FIB_SOURCE_DEFAULT_ROUTE, FIXED_MISS},
    {{{.bytes = {224, 0, 0, 1}}, IP_FAMILY_4, 32, {0}}, FIB_SOURCE_SPECIAL, FIXED_HOST},
    {{{.bytes = {224, 0, 0, 2}}, IP_FAMILY_4, 32, {0}}, FIB_SOURCE_SPECIAL, FIXED_HOST},
};
static const struct mfib_fixed fixed_ip6[] = {
    {{.family = IP_FAMILY_6}, FIB_SOURCE_DEFAULT_ROUTE, FIXED_MISS},
    {{{.bytes = {0xff, 2, [15] = 1}}, IP_FAMILY_6, 128, {0}}, FIB_SOURCE_SPECIAL, FIXED_HOST},
    {{{.bytes = {0xff, 2, [15] = 2}}, IP_FAMILY_6, 128, {0}}, FIB_SOURCE_SPECIAL, FIXED_HOST},
    {{{.bytes = {0xff, 2, [15] = 0x16}}, IP_FAMILY_6, 128, {0}}, FIB_SOURCE_SPECIAL, FIXED_HOST},
    {{{.bytes = {0xff, 2, [11] = 1, [12] = 0xff}}, IP_FAMILY_6, 104, {0}},
     FIB_SOURCE_SPECIAL,
     FIXED_HOST},
};

/* --- order --- */

static int mfib_compare_u32(u32 a, u32 b)
{
    return a < b ? -1 : a > b;
}

static int mfib_key_compare(const struct mfib_key *a, const struct mfib_key *b)
{
    int c = mfib_compare_u32(a->table, b->table);
    if (!c)
        c = ip_address_compare(&a->group, &b->group);
    if (!c)
        c = mfib_compare_u32(a->len, b->len);
    return c ? c : ip_address_compare(&a->source, &b->source);
}

static int mfib_order_exact(const void *ctx, u32 index, const void *key)
{
    return mfib_key_compare(&mfib_route_rw(ctx, index)->key, key);
}

/* The first behind the key. */
static int mfib_order_behind(const void *ctx, u32 index, const void *key)
{
    return mfib_key_compare(&mfib_route_rw(ctx, index)->key, key) <= 0 ? -1 : 1;
}

u32 mfib_next(const struct mfib *m, struct mfib_place *at)
{
    struct ordset_pos pos =
        ordset_find(&m->order, at->is_behind ? mfib_order_behind : mfib_order_exact, m, &at->key);
    u32 route;
    if (!ordset_get(&m->order, pos, &route))
        return MFIB_NO_ROUTE;
    const struct mfib_key *key = &mfib_route_rw(m, route)->key;
    if (at->one_table ? key->table != at->key.table
                      : fib_family((struct fib_index){key->table}) !=
                            fib_family((struct fib_index){at->key.table}))
        return MFIB_NO_ROUTE;
    at->key = *key;
    at->is_behind = true;
    return route;
}

/* --- names --- */

static struct mfib_key mfib_key_of_name(const struct mfib_name *name)
{
    return mfib_key_of(name->table, name->has_source ? MFIB_LEN_SOURCE : name->group.len,
                       &name->source, &name->group.addr);
}

struct mfib_name mfib_name_of(const struct mfib *m, u32 route)
{
    const struct mfib_key *key = &mfib_route_rw(m, route)->key;
    struct fib_index table = {key->table};
    enum ip_family f = fib_family(table);
    bool source = key->len == MFIB_LEN_SOURCE;
    return (struct mfib_name){
        .table = table,
        .group = {.addr = key->group,
                  .family = (u8)f,
                  .len = source ? ip_family_bits(f) : (u8)key->len},
        .has_source = source,
        .source = key->source,
    };
}

void mfib_name_text(const struct mfib_name *name, struct text *t)
{
    char source[IP_ADDRESS_TEXT_BYTES] = "*", group[IP_PREFIX_TEXT_BYTES];
    if (name->has_source)
        ip_address_text((enum ip_family)name->group.family, &name->source, source);
    text_add(t, "(%s, %s)", source, ip_prefix_text(&name->group, group));
}

u32 mfib_find_exact(const struct mfib *m, const struct mfib_name *name)
{
    struct mfib_key key = mfib_key_of_name(name);
    return mfib_find(&m->data, &key);
}

u32 mfib_find_longest(const struct mfib *m, const struct mfib_name *name)
{
    return mfib_lookup(&m->data, name->table, &name->source, &name->group.addr);
}

static bool mfib_is_group(const struct ip_prefix *group)
{
    if (!group->len)
        return true; /* all of them */
    if (group->family == IP_FAMILY_4)
        return group->len >= 4 && ip4_is_multicast(group->addr.ip4);
    return group->len >= 8 && ip6_is_multicast(group->addr.bytes);
}

static int mfib_check_name(const struct mfib_name *name, struct error *e)
{
    char text[IP_PREFIX_TEXT_BYTES];
    if (!mfib_is_group(&name->group))
        return error_set(e, EINVAL, "%s is no multicast group", ip_prefix_text(&name->group, text));
    if (name->has_source && name->group.len != ip_family_bits((enum ip_family)name->group.family))
        return error_set(e, EINVAL, "a route of a source is for one group");
    return 0;
}

/* --- what data threads see --- */

static int mfib_itf_order(const void *a, const void *b)
{
    const struct mfib_itf *x = a, *y = b;
    return mfib_compare_u32(x->interface, y->interface);
}

/* Several paths through an interface are one. What old has to tell of it still waits. */
static void mfib_itfs_settle(struct mfib_forwarding *w, const struct mfib_forwarding *old)
{
    u32 n = 0;
    qsort(w->itf, w->n_itf, sizeof(w->itf[0]), mfib_itf_order);
    for (u32 k = 0; k < w->n_itf; k++) {
        if (n && w->itf[n - 1].interface == w->itf[k].interface)
            w->itf[n - 1].flags |= w->itf[k].flags;
        else
            w->itf[n++] = w->itf[k];
    }
    w->n_itf = n;
    for (u32 k = 0; k < n && old; k++) {
        const struct mfib_itf *before = mfib_itf_find(old, (struct if_index){w->itf[k].interface});
        if (before)
            w->itf[k].flags |=
                __atomic_load_n(&before->flags, __ATOMIC_RELAXED) & MFIB_ITF_SIGNAL_PRESENT;
    }
}

static void mfib_forwarding_release(struct mfib *m, const struct mfib_forwarding *w)
{
    for (u32 k = 0; k < w->n_to; k++)
        adj_unref(mfib_fib(m), (struct adj_index){w->to[k]});
}

static bool mfib_has_way(const struct mfib_forwarding *w, struct adj_index a)
{
    for (u32 k = 0; k < w->n_to; k++)
        if (w->to[k] == a.i)
            return true;
    return false;
}

/* Several paths through an interface, by next hops, are one way to its link. NULL: no room for an
 * adjacency. */
static struct mfib_forwarding *mfib_forwarding_new(struct mfib *m, enum ip_family f,
                                                   const struct mfib_src *src,
                                                   const struct mfib_forwarding *old)
{
    struct mfib_forwarding *w =
        mem_alloc(sizeof(*w) + src->n_paths * (sizeof(w->itf[0]) + sizeof(u32)));
    struct mfib_itf *itf = (struct mfib_itf *)(w + 1);
    u32 *to = (u32 *)(itf + src->n_paths);
    *w = (struct mfib_forwarding){.flags = src->flags, .itf = itf, .to = to};
    for (u32 k = 0; k < src->n_paths; k++) {
        const struct mfib_path *p = &src->paths[k];
        if (p->via.kind != FIB_PATH_LOCAL)
            itf[w->n_itf++] = (struct mfib_itf){p->via.interface.i, p->flags};
        if (!(p->flags & MFIB_ITF_FORWARD))
            continue;
        struct adj_index a = p->via.kind == FIB_PATH_LOCAL
                                 ? ADJ_RECEIVE
                                 : adj_mcast_ref(mfib_fib(m), p->via.interface, f);
        if (a.i == ADJ_NONE.i) {
            mfib_forwarding_release(m, w);
            free(w);
            return NULL;
        }
        if (mfib_has_way(w, a))
            adj_unref(mfib_fib(m), a);
        else
            to[w->n_to++] = a.i;
    }
    mfib_itfs_settle(w, old);
    return w;
}

/* The source by which a route forwards; NULL: by what is fixed. */
static const struct mfib_src *mfib_best_source(const struct mfib_route *r)
{
    const struct mfib_src *s = r->sources;
    return s && (!r->fixed || fib_source_is_before(s->source, r->fixed->source)) ? s : NULL;
}

enum fib_source mfib_source_of_route(const struct mfib *m, u32 route)
{
    const struct mfib_route *r = mfib_route_rw(m, route);
    const struct mfib_src *s = mfib_best_source(r);
    return s ? s->source : r->fixed->source;
}

static void mfib_forwarding_retire(struct mfib *m, const struct mfib_route *r,
                                   const struct mfib_forwarding *w)
{
    if (!w || (r->fixed && w == &r->fixed->forwarding))
        return;
    mfib_forwarding_release(m, w);
    engine_defer_free(engine_of(m->piste), free, (void *)(uintptr_t)w);
}

/* Brings what data threads see in line with what sources say. -ENOSPC, and it stays as it was. */
static int mfib_route_publish(struct mfib *m, struct mfib_route *r, struct error *e)
{
    const struct mfib_forwarding *old = r->forwarding, *new;
    const struct mfib_src *src = mfib_best_source(r);
    new = src ? mfib_forwarding_new(m, fib_family((struct fib_index){r->key.table}), src, old)
              : &r->fixed->forwarding;
    if (!new)
        return error_set(e, ENOSPC, "no room for an adjacency");
    __atomic_store_n(&r->forwarding, new, __ATOMIC_RELEASE);
    if (old != new)
        mfib_forwarding_retire(m, r, old);
    return 0;
}

/* --- lengths of a table --- */

static void mfib_lens_set(struct mfib *m, u32 table, u32 len, bool on)
{
    u64 *word = &m->data.lens[table].bits[len / 64], bit = 1ull << len % 64;
    __atomic_store_n(word, on ? *word | bit : *word & ~bit, __ATOMIC_RELAXED);
}

static void mfib_lens_count(struct mfib *m, const struct mfib_key *key, bool add)
{
    struct mfib_table *t = &m->tables[key->table];
    u32 k = 0;
    while (k < t->lens.n && t->lens.v[k].len != key->len)
        k++;
    if (k == t->lens.n)
        vec_add(&t->lens, ((struct mfib_lens_count){key->len, 0}));
    t->lens.v[k].n += add ? 1 : -1;
    if (!t->lens.v[k].n)
        vec_del(&t->lens, k);
    if (!t->lens.n)
        vec_free(&t->lens);
}

static bool mfib_lens_has(const struct mfib *m, const struct mfib_key *key)
{
    const struct mfib_table *t = &m->tables[key->table];
    for (u32 k = 0; k < t->lens.n; k++)
        if (t->lens.v[k].len == key->len)
            return true;
    return false;
}

/* --- routes come and go --- */

/* A route that data threads do not see yet; MFIB_NO_ROUTE: no room. */
static u32 mfib_route_new(struct mfib *m, const struct mfib_key *key)
{
    u32 route = pool_get(&m->routes);
    if (route == POOL_NONE)
        return MFIB_NO_ROUTE;
    mfib_route_rw(m, route)->key = *key;
    counter_zero(m->data.counters, route);
    return route;
}

/* Its forwarding is there. -ENOSPC. */
static int mfib_route_insert(struct mfib *m, u32 route, struct error *e)
{
    const struct mfib_key *key = &mfib_route_rw(m, route)->key;
    mfib_lens_set(m, key->table, key->len, true);
    if (!shared_hash_add(&m->data.hash, route)) {
        mfib_lens_set(m, key->table, key->len, mfib_lens_has(m, key));
        return error_set(e, ENOSPC, "no room for another multicast route");
    }
    mfib_lens_count(m, key, true);
    ordset_add(&m->order, route, mfib_order_exact, m, key);
    return 0;
}

static void mfib_sources_free(struct mfib_route *r)
{
    while (r->sources) {
        struct mfib_src *s = r->sources;
        r->sources = s->next;
        free(s);
    }
}

struct dead_route {
    struct mfib *mfib;
    u32 route;
};

/* No data thread sees it any more. */
static void mfib_route_put(void *arg)
{
    struct dead_route *d = arg;
    pool_put(&d->mfib->routes, d->route);
    free(d);
}

static void mfib_route_free(struct mfib *m, u32 route)
{
    struct mfib_route *r = mfib_route_rw(m, route);
    struct dead_route *d = mem_alloc(sizeof(*d));
    mfib_sources_free(r);
    ordset_del(&m->order, route, mfib_order_exact, m, &r->key);
    shared_hash_remove(&m->data.hash, route);
    mfib_lens_count(m, &r->key, false);
    mfib_lens_set(m, r->key.table, r->key.len, mfib_lens_has(m, &r->key));
    mfib_forwarding_retire(m, r, r->forwarding);
    *d = (struct dead_route){m, route};
    engine_defer_free(engine_of(m->piste), mfib_route_put, d);
}

/* --- what sources say --- */

static struct mfib_src **mfib_src_place(struct mfib_route *r, enum fib_source s)
{
    struct mfib_src **at = &r->sources;
    while (*at && fib_source_is_before((*at)->source, s))
        at = &(*at)->next;
    return at;
}

static struct mfib_src *mfib_src_find(struct mfib_route *r, enum fib_source s)
{
    struct mfib_src *at = *mfib_src_place(r, s);
    return at && at->source == s ? at : NULL;
}

/* Source s says `new` from now on (which is taken over), or nothing: NULL, or nothing is in it.
 * -ENOSPC, and all is as it was, and new is freed. */
static int mfib_src_replace(struct mfib *m, u32 route, enum fib_source s, struct mfib_src *new,
                            struct error *e)
{
    struct mfib_route *r = mfib_route_rw(m, route);
    struct mfib_src **place = mfib_src_place(r, s), *old = mfib_src_find(r, s);
    struct mfib_src *behind = old ? old->next : *place;
    if (new && !new->n_paths && !new->flags && !new->rpf_id) {
        free(new);
        new = NULL;
    }
    if (new)
        new->next = behind;
    *place = new ? new : behind;
    if (!r->sources && !r->fixed) {
        free(old); /* not among those that go with the route */
        mfib_route_free(m, route);
        return 0;
    }
    int rc = mfib_route_publish(m, r, e);
    if (rc) {
        *place = old ? old : behind;
        free(new);
    } else {
        free(old);
    }
    return rc;
}

/* Only a next hop has a protocol: commands and messages say different ones of the others. */
static bool mfib_path_same(const struct mfib_path *a, const struct mfib_path *b)
{
    if (a->via.kind != b->via.kind || !if_equal(a->via.interface, b->via.interface))
        return false;
    return a->via.kind != FIB_PATH_NEXT_HOP ||
           (a->via.family == b->via.family && ip_address_equal(&a->via.next_hop, &b->via.next_hop));
}

static u32 mfib_path_find(const struct mfib_src *s, const struct mfib_path *p)
{
    u32 k = 0;
    while (k < s->n_paths && !mfib_path_same(&s->paths[k], p))
        k++;
    return k;
}

/* What s says, with room for more paths. old may be NULL. */
static struct mfib_src *mfib_src_copy(enum fib_source s, const struct mfib_src *old, u32 more)
{
    u32 n = old ? old->n_paths : 0;
    struct mfib_src *new = mem_alloc(sizeof(*new) + (n + more) * sizeof(new->paths[0]));
    new->source = s;
    if (old) {
        new->stale = old->stale;
        new->flags = old->flags;
        new->rpf_id = old->rpf_id;
        new->n_paths = n;
        memcpy(new->paths, old->paths, n * sizeof(new->paths[0]));
    }
    return new;
}

static int mfib_path_check(const struct mfib *m, const struct mfib_path *p, struct error *e)
{
    if (p->via.kind == FIB_PATH_LOCAL)
        return p->flags == MFIB_ITF_FORWARD
                   ? 0
                   : error_set(e, EINVAL, "a path to this switch itself is Forward");
    if ((p->via.kind != FIB_PATH_ATTACHED && p->via.kind != FIB_PATH_NEXT_HOP) ||
        if_is_none(p->via.interface))
        return error_set(e, EINVAL, "a multicast path is an interface, or local");
    if (!interface_at(m->piste, p->via.interface))
        return error_set(e, EINVAL, "no such interface");
    return p->flags ? 0 : error_set(e, EINVAL, "a multicast path needs flags: Accept, Forward ...");
}

static int mfib_said_check(const struct mfib *m, const struct mfib_said *said, struct error *e)
{
    int rc = 0;
    if (!said->n_paths && !said->flags && !said->rpf_id)
        return error_set(e, EINVAL, "expected paths.");
    for (u32 k = 0; k < said->n_paths && !rc; k++)
        rc = mfib_path_check(m, &said->paths[k], e);
    return rc;
}

/* What s will say. NULL: more paths than a route can have. */
static struct mfib_src *mfib_src_with(struct mfib_route *r, enum fib_source s,
                                      const struct mfib_said *said)
{
    const struct mfib_src *old = mfib_src_find(r, s);
    /* what it replaces counts no more as soon as it says something new */
    struct mfib_src *new = mfib_src_copy(s, old && old->stale ? NULL : old, said->n_paths);
    new->flags |= said->flags;
    if (said->rpf_id)
        new->rpf_id = said->rpf_id;
    for (u32 k = 0; k < said->n_paths; k++) {
        u32 at = mfib_path_find(new, &said->paths[k]);
        new->paths[at] = said->paths[k];
        new->n_paths += at == new->n_paths;
    }
    if (new->n_paths <= MFIB_PATHS_MAX)
        return new;
    free(new);
    return NULL;
}

int mfib_add(struct mfib *m, const struct mfib_name *name, enum fib_source s,
             const struct mfib_said *said, u32 *index, struct error *e)
{
    int rc = mfib_check_name(name, e);
    if (!rc)
        rc = mfib_said_check(m, said, e);
    if (rc)
        return rc;
    struct mfib_key key = mfib_key_of_name(name);
    u32 route = mfib_find(&m->data, &key);
    bool is_new = route == MFIB_NO_ROUTE;
    if (is_new)
        route = mfib_route_new(m, &key);
    if (route == MFIB_NO_ROUTE)
        return error_set(e, ENOSPC, "no room for another multicast route");
    struct mfib_src *new = mfib_src_with(mfib_route_rw(m, route), s, said);
    rc = new ? mfib_src_replace(m, route, s, new, e)
             : error_set(e, ENOSPC, "a multicast route has at most %u paths", MFIB_PATHS_MAX);
    if (!rc && is_new) {
        rc = mfib_route_insert(m, route, e);
        if (rc) {
            mfib_forwarding_retire(m, mfib_route_rw(m, route), mfib_route_rw(m, route)->forwarding);
            free(mfib_route_rw(m, route)->sources);
        }
    }
    if (rc && is_new)
        pool_put(&m->routes, route);
    *index = route;
    return rc;
}

int mfib_del(struct mfib *m, const struct mfib_name *name, enum fib_source s,
             const struct mfib_said *said, struct error *e)
{
    u32 route = mfib_find_exact(m, name);
    struct mfib_src *old =
        route == MFIB_NO_ROUTE ? NULL : mfib_src_find(mfib_route_rw(m, route), s);
    bool all = !said->n_paths && !said->flags && !said->rpf_id;
    if (!old)
        return 0; /* what is not there is gone: scripts rely on it */
    if (all)
        return mfib_src_replace(m, route, s, NULL, e);
    struct mfib_src *new = mfib_src_copy(s, old, 0);
    new->flags &= ~said->flags;
    if (said->rpf_id == new->rpf_id)
        new->rpf_id = 0;
    for (u32 k = 0; k < said->n_paths; k++) {
        u32 at = mfib_path_find(new, &said->paths[k]);
        if (at == new->n_paths)
            continue;
        new->n_paths--;
        memmove(&new->paths[at], &new->paths[at + 1], (new->n_paths - at) * sizeof(new->paths[0]));
    }
    return mfib_src_replace(m, route, s, new, e);
}

bool mfib_said_by(const struct mfib *m, u32 route, enum fib_source s, struct mfib_said *out)
{
    const struct mfib_src *src = mfib_src_find(mfib_route_rw(m, route), s);
    if (!src)
        return false;
    *out = (struct mfib_said){src->flags, src->rpf_id, src->n_paths, src->paths};
    return true;
}

bool mfib_host_accepts(const struct mfib *m, u32 route, struct if_index i)
{
    const struct mfib_key *key = &mfib_route_rw(m, route)->key;
    enum ip_family f = fib_family((struct fib_index){key->table});
    if (ip_if_fib(f, i).i != key->table || !ip_if_enabled(f, i))
        return false;
    return f == IP_FAMILY_4 || key->len < IP6_ADDRESS_BITS ||
           ip6_if_has_joined(i, key->group.bytes);
}

u32 mfib_itf_flags(const struct mfib *m, u32 route, struct if_index i)
{
    const struct mfib_itf *itf = mfib_itf_find(mfib_route_rw(m, route)->forwarding, i);
    return itf ? __atomic_load_n(&itf->flags, __ATOMIC_RELAXED) : 0;
}

u32 mfib_pool_next(const struct mfib *m, u32 from)
{
    u32 i;
    while ((i = pool_next(&m->routes, from)) != POOL_NONE &&
           mfib_find(&m->data, &mfib_route_rw(m, i)->key) != i)
        from = i + 1;
    return i;
}

struct fib_counts mfib_counts(const struct mfib *m, u32 route)
{
    struct counter_pair c = counter_get_pair(m->data.counters, route);
    return (struct fib_counts){c.packets, c.bytes};
}

/* --- tables and interfaces --- */

static void mfib_fixed_add(struct mfib *m, struct fib_index t, const struct mfib_fixed *x)
{
    struct mfib_key key = mfib_key_of(t, x->group.len, &x->group.addr, &x->group.addr);
    u32 route =
        mfib_find(&m->data, &key) == MFIB_NO_ROUTE ? mfib_route_new(m, &key) : MFIB_NO_ROUTE;
    if (route == MFIB_NO_ROUTE)
        return; /* no room: such packets find no route */
    mfib_route_rw(m, route)->fixed = x;
    mfib_route_rw(m, route)->forwarding = &x->forwarding;
    if (mfib_route_insert(m, route, NULL))
        pool_put(&m->routes, route);
}

static void mfib_table_begin(void *arg, struct fib_index t)
{
    bool ip4 = fib_family(t) == IP_FAMILY_4;
    const struct mfib_fixed *fixed = ip4 ? fixed_ip4 : fixed_ip6;
    for (u32 k = 0; k < (ip4 ? array_len(fixed_ip4) : array_len(fixed_ip6)); k++)
        mfib_fixed_add(arg, t, &fixed[k]);
}

static void mfib_table_end(void *arg, struct fib_index t)
{
    struct mfib *m = arg;
    struct mfib_place at = mfib_place_in(t);
    for (u32 route; (route = mfib_next(m, &at)) != MFIB_NO_ROUTE;)
        mfib_route_free(m, route);
}

/* Routes on their way out have no sources any more. */
static bool mfib_table_sweep(void *arg, struct fib_index t, enum fib_source s, enum fib_sweep what,
                             u32 *at)
{
    struct mfib *m = arg;
    for (u32 n = 0; n < FIB_SWEEP_PIECE; n++) {
        u32 route = pool_next(&m->routes, *at);
        if (route == POOL_NONE)
            return false;
        *at = route + 1;
        struct mfib_route *r = mfib_route_rw(m, route);
        struct mfib_src *src = r->key.table == t.i ? mfib_src_find(r, s) : NULL;
        if (!src)
            continue;
        if (what == FIB_SWEEP_REPLACE_BEGIN)
            src->stale = true;
        else if (what == FIB_SWEEP_FLUSH || src->stale)
            (void)mfib_src_replace(m, route, s, NULL, NULL); /* needs no room */
    }
    return true;
}

/* Paths through an interface go with it: who gets its number next is another. */
static void mfib_route_forget(struct mfib *m, u32 route, struct if_index i)
{
    for (enum fib_source s = 0; s < FIB_SOURCE_N; s++) {
        const struct mfib_src *src = mfib_src_find(mfib_route_rw(m, route), s);
        u32 n = 0;
        for (u32 k = 0; src && k < src->n_paths; k++)
            n += if_equal(src->paths[k].via.interface, i);
        if (!n)
            continue;
        struct mfib_src *new = mfib_src_copy(s, src, 0);
        new->n_paths = 0;
        for (u32 k = 0; k < src->n_paths; k++)
            if (!if_equal(src->paths[k].via.interface, i))
                new->paths[new->n_paths++] = src->paths[k];
        bool last = !new->n_paths && !new->flags && !new->rpf_id &&
                    !mfib_route_rw(m, route)->fixed && !mfib_route_rw(m, route)->sources->next;
        (void)mfib_src_replace(m, route, s, new, NULL); /* fewer adjacencies than before */
        if (last)
            return;
    }
}

static void mfib_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct mfib *m = arg;
    if (ev != IF_EVENT_DELETE)
        return;
    for (u32 k = 0; k < IP_FAMILY_N; k++) {
        struct mfib_place at = mfib_place_first((enum ip_family)k);
        for (u32 route; (route = mfib_next(m, &at)) != MFIB_NO_ROUTE;)
            mfib_route_forget(m, route, f->index);
    }
}

/* --- life --- */

int mfib_init(struct piste *p, void **state, struct error *e)
{
    struct mfib *m = mem_alloc(sizeof(*m));
    const struct fib_table_user user = {mfib_table_begin, mfib_table_end, mfib_table_sweep, m};
    m->piste = p;
    m->signals_end = &m->signals;
    pool_init(&m->routes, "multicast routes", sizeof(struct mfib_route), 8, MFIB_ROUTES_MAX);
    m->data.routes = (struct mfib_route *)(void *)m->routes.base;
    m->data.lens = mem_reserve(&m->lens_map, "multicast tables",
                               IP_FAMILY_N * FIB_TABLES_MAX * sizeof(struct mfib_lens));
    m->tables = mem_reserve(&m->tables_map, "multicast tables, control",
                            IP_FAMILY_N * FIB_TABLES_MAX * sizeof(struct mfib_table));
    shared_hash_init(&m->data.hash, &(struct shared_hash_args){
                                        .name = "multicast routes by key",
                                        .max = MFIB_ROUTES_MAX,
                                        .keys = m->routes.base + offsetof(struct mfib_route, key),
                                        .stride_bytes = m->routes.stride_bytes,
                                        .key_words = MFIB_KEY_WORDS,
                                        .gives_back = true});
    m->data.counters = counter_vec_new(engine_of(p), "/net/mroute", true, MFIB_ROUTES_MAX);
    *state = m;
    assert(to_receive[0] == ADJ_RECEIVE.i);
    for (u32 k = 0; mfib_nodes[k]; k++)
        node_register(engine_of(p), mfib_nodes[k], NULL, m);
    fib_set_table_user(fib_of(p), &user);
    interface_on_event(p, mfib_on_interface, m);
    interface_reserve_names(p, mfib_words);
    int rc = 0;
    for (u32 f = 0; f < IP_FAMILY_N && !rc; f++)
        rc = fib_lookup_node_add(fib_of(p), (enum ip_family)f,
                                 node_register(engine_of(p), &mfib_replicate_nodes[f], NULL, m), e);
    return rc;
}

static void mfib_free(void *arg)
{
    struct mfib *m = arg;
    pool_fini(&m->routes);
    free(m);
}

void mfib_stop(struct piste *p, void *state)
{
    struct mfib *m = state;
    fib_set_table_user(fib_of(p), NULL);
    u32 route;
    for (struct ordset_pos at = {0}; ordset_get(&m->order, at, &route);
         at = ordset_next(&m->order, at)) {
        struct mfib_route *r = mfib_route_rw(m, route);
        if (!r->fixed || r->forwarding != &r->fixed->forwarding)
            free((void *)(uintptr_t)r->forwarding);
        mfib_sources_free(r);
        vec_free(&m->tables[r->key.table].lens);
    }
    mfib_signals_free(m);
    ordset_fini(&m->order);
    counter_vec_free(m->data.counters);
    shared_hash_fini(&m->data.hash);
    mem_map_free(&m->lens_map);
    mem_map_free(&m->tables_map);
    engine_defer_free(engine_of(p), mfib_free, m); /* behind routes that wait for that */
}

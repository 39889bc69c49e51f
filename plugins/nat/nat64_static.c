/* Static bindings: one of the thread that has the port inside, and what all threads know of it. See
 * nat64.h. */
#include <errno.h>

#include "engine/engine.h"
#include "plugins/nat/nat64.h"
#include "plugins/nat/nat64_session.h"

void nat64_statics_new(struct nat64_statics *s)
{
    pool_init(&s->pool, "nat64-statics", sizeof(struct nat64_static), 8, NAT64_STATICS_MAX);
    struct shared_hash_args a = {
        .name = "nat64-statics",
        .max = NAT64_STATICS_MAX,
        .keys = s->pool.base + offsetof(struct nat64_static, in),
        .stride_bytes = s->pool.stride_bytes,
        .key_words = NAT64_INSIDE_WORDS,
        .gives_back = true,
    };
    shared_hash_init(&s->by_in, &a);
    a.keys = s->pool.base + offsetof(struct nat64_static, out);
    a.key_words = NAT64_OUTSIDE_WORDS;
    shared_hash_init(&s->by_out, &a);
    s->n = 0;
}

static struct nat64_statics *statics_of(const struct piste *p)
{
    return &nat64_state_of(p)->data.statics;
}

static void nat64_unlock_table(struct piste *p, const struct nat64_static *s)
{
    fib_table_unlock(fib_of(p), (struct fib_index){s->in.fib}, FIB_SOURCE_PROXY);
}

void nat64_statics_free(struct piste *p)
{
    struct nat64_statics *s = statics_of(p);
    pool_each(&s->pool, i)
    {
        const struct nat64_static *x = pool_at(&s->pool, i);
        nat64_unlock_table(p, x);
        (void)nat_own_remove(&nat64_state_of(p)->own, x->out.addr);
    }
    shared_hash_fini(&s->by_in);
    shared_hash_fini(&s->by_out);
    pool_fini(&s->pool);
}

/* fib: of the table; 0 if there is none. */
static struct nat64_static static_of(const struct nat64_static_config *c, struct fib_index fib)
{
    u8 protocol = c->protocol == IP_PROTOCOL_ICMP6 ? IP_PROTOCOL_ICMP : c->protocol;
    bool ports = nat64_has_ports(protocol);
    return (struct nat64_static){
        .in = {.addr = c->inside,
               .fib = fib.i,
               .port = ports ? c->in_port : (be16){0},
               .protocol = protocol},
        .out = {.addr = c->outside, .port = ports ? c->out_port : (be16){0}, .protocol = protocol},
    };
}

/* --- what threads have of it --- */

struct static_change {
    struct nat64_data *data;
    struct nat64_static ends;
    u32 bib;
    bool more;
};

/* Ends some sessions of a binding. Returns whether there are more. */
static bool end_some(struct nat64_data *n, struct thread *t, u32 bib)
{
    struct nat64_bib *b = nat64_bib_at(n, t, bib);
    bool last = false;
    for (u32 k = 0; k < SESSIONS_A_PIECE && !last && b->sessions.n; k++) {
        last = b->sessions.n == 1;
        nat64_session_delete(n, t, b->sessions.first);
    }
    return !last && b->sessions.n;
}

/* Ends what has either end by chance: the static one is to be the only one. */
static void end_others(struct thread *t, void *arg)
{
    struct static_change *x = arg;
    u32 in = nat64_bib_inside(x->data, t, &x->ends.in);
    u32 out = nat64_bib_outside(x->data, t, &x->ends.out);
    x->more = in != SESSION_NONE && end_some(x->data, t, in);
    if (out != SESSION_NONE && out != in)
        x->more |= end_some(x->data, t, out);
}

static void add_binding(struct thread *t, void *arg)
{
    struct static_change *x = arg;
    end_others(t, x); /* which may have come meanwhile */
    x->bib = x->more ? SESSION_NONE : nat64_bib_add(x->data, t, &x->ends.in, &x->ends.out, true);
}

static void del_binding(struct thread *t, void *arg)
{
    struct static_change *x = arg;
    u32 bib = nat64_bib_inside(x->data, t, &x->ends.in);
    x->more = bib != SESSION_NONE && end_some(x->data, t, bib);
    if (bib != SESSION_NONE && !x->more)
        nat64_bib_delete(x->data, t, bib);
}

static void on_thread(struct piste *p, u32 thread, void (*fn)(struct thread *t, void *arg),
                      struct static_change *x)
{
    do {
        x->more = false;
        thread_call(engine_thread(engine_of(p), thread), fn, x);
    } while (x->more);
}

/* --- the configuration --- */

static int check_static(struct piste *p, const struct nat64_static_config *c, struct error *e)
{
    const u8 *a = c->inside.bytes;
    int rc = nat64_must_be_enabled(p, e);
    if (!rc && (ip6_is_unspecified(a) || ip6_is_multicast(a) || ip6_is_link_local(a) ||
                be32_is_zero(c->outside)))
        rc = error_set(e, EINVAL, "that is no address of a host");
    return rc;
}

/* The index of what has these ends, or of what has either; SHARED_HASH_NONE. */
static u32 find_inside(const struct piste *p, const struct nat64_static *x)
{
    return shared_hash_find(&statics_of(p)->by_in, x->in.words, NAT64_INSIDE_WORDS);
}

static u32 find_outside(const struct piste *p, const struct nat64_static *x)
{
    return shared_hash_find(&statics_of(p)->by_out, x->out.words, NAT64_OUTSIDE_WORDS);
}

/* All threads know of the ends from now on, and take neither by chance. POOL_NONE: no room. */
static u32 announce_static(struct piste *p, const struct nat64_static *x)
{
    struct nat64_statics *s = statics_of(p);
    u32 i = pool_get(&s->pool);
    if (i == POOL_NONE)
        return i;
    *(struct nat64_static *)pool_at(&s->pool, i) = *x;
    (void)!shared_hash_add(&s->by_in, i); /* have as many places as the pool */
    (void)!shared_hash_add(&s->by_out, i);
    __atomic_store_n(&s->n, s->n + 1, __ATOMIC_RELEASE);
    nat64_own_address(p, x->out.addr, true);
    engine_synchronize(engine_of(p));
    return i;
}

static void forget_static(struct piste *p, u32 i)
{
    struct nat64_statics *s = statics_of(p);
    const struct nat64_static x = *(const struct nat64_static *)pool_at(&s->pool, i);
    shared_hash_remove(&s->by_in, i);
    shared_hash_remove(&s->by_out, i);
    __atomic_store_n(&s->n, s->n - 1, __ATOMIC_RELEASE);
    nat64_own_address(p, x.out.addr, false);
    engine_synchronize(engine_of(p));
    nat64_unlock_table(p, &x);
    pool_put(&s->pool, i);
}

int nat64_add_static(struct piste *p, const struct nat64_static_config *c, struct error *e)
{
    struct nat64_data *d = &nat64_state_of(p)->data;
    struct fib_index fib;
    int rc = check_static(p, c, e);
    if (!rc)
        rc = fib_table_lock(fib_of(p), IP_FAMILY_6, c->vrf, NULL, FIB_SOURCE_PROXY, &fib, e);
    if (rc)
        return rc;
    struct static_change x = {.data = d, .ends = static_of(c, fib)};
    u32 i = POOL_NONE;
    if (find_inside(p, &x.ends) != SHARED_HASH_NONE || find_outside(p, &x.ends) != SHARED_HASH_NONE)
        rc = error_set(e, EEXIST, "NAT64 BIB entry exist.");
    else if ((i = announce_static(p, &x.ends)) == POOL_NONE)
        rc = error_set(e, ENOSPC, "at most %u static bindings", NAT64_STATICS_MAX);
    if (rc) {
        nat64_unlock_table(p, &x.ends);
        return rc;
    }
    for (u32 k = 1; k <= d->n_threads; k++)
        on_thread(p, k, end_others, &x);
    on_thread(p, nat64_owner_of_port(d, x.ends.in.port), add_binding, &x);
    if (x.bib != SESSION_NONE)
        return 0;
    forget_static(p, i);
    return error_set(e, ENOSPC, "no room for a static binding");
}

int nat64_del_static(struct piste *p, const struct nat64_static_config *c, struct error *e)
{
    struct nat64_data *d = &nat64_state_of(p)->data;
    int rc = nat64_must_be_enabled(p, e);
    if (rc)
        return rc;
    struct fib_index fib = fib_table_find(fib_of(p), IP_FAMILY_6, c->vrf);
    struct static_change x = {.data = d, .ends = static_of(c, fib)};
    u32 i = fib_is_none(fib) ? SHARED_HASH_NONE : find_inside(p, &x.ends);
    if (i == SHARED_HASH_NONE || i != find_outside(p, &x.ends))
        return error_set(e, ENOENT, "NAT64 BIB entry not exist.");
    on_thread(p, nat64_owner_of_port(d, x.ends.in.port), del_binding, &x);
    forget_static(p, i);
    return 0;
}

bool nat64_static_next(const struct piste *p, u32 *at, struct nat64_static_config *out)
{
    const struct nat64_state *s = nat64_state_of(p);
    u32 i = s->enabled ? pool_next(&s->data.statics.pool, *at) : POOL_NONE;
    if (i == POOL_NONE)
        return false;
    const struct nat64_static *x = pool_at(&s->data.statics.pool, i);
    *out = (struct nat64_static_config){
        .inside = x->in.addr,
        .outside = x->out.addr,
        .in_port = x->in.port,
        .out_port = x->out.port,
        .vrf = fib_table_id(fib_of(p), (struct fib_index){x->in.fib}),
        .protocol = x->in.protocol,
    };
    *at = i + 1;
    return true;
}

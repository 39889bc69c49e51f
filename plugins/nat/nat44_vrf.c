/* What is said of tables: how many sessions their hosts may have, and in which other tables the way
 * outside may be. See nat44.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "plugins/nat/nat44_internal.h"

int nat44_table_lock(struct piste *p, u32 vrf, struct fib_index *fib, struct error *e)
{
    return fib_table_lock(fib_of(p), IP_FAMILY_4, vrf, NULL, FIB_SOURCE_PROXY, fib, e);
}

void nat44_table_unlock(struct piste *p, u32 vrf)
{
    struct fib *f = fib_of(p);
    fib_table_unlock(f, fib_table_find(f, IP_FAMILY_4, vrf), FIB_SOURCE_PROXY);
}

/* --- limits --- */

static u32 find_limit(const struct nat44_state *s, u32 vrf)
{
    u32 i = 0;
    while (i < s->limits.n && s->limits.v[i].vrf != vrf)
        i++;
    return i;
}

static void set_limit(struct nat44_state *s, struct fib_index fib, u32 limit)
{
    __atomic_store_n(&s->data.limit_by_fib[fib.i], limit, __ATOMIC_RELAXED);
}

int nat44_set_vrf_limit(struct piste *p, u32 vrf, u32 limit, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    struct fib_index fib;
    int rc = nat44_must_be_enabled(p, e);
    u32 i = find_limit(s, vrf);
    if (!rc && limit > NAT44_SESSIONS_MAX)
        rc = error_set(e, EINVAL, "at most %u sessions of a thread", NAT44_SESSIONS_MAX);
    if (!rc && !limit && i == s->limits.n)
        rc = error_set(e, ENOENT, "the table has no limit of its own");
    if (!rc && limit && i == s->limits.n) {
        rc = nat44_table_lock(p, vrf, &fib, e);
        if (!rc)
            vec_add(&s->limits, ((struct nat44_vrf_limit){vrf, 0}));
    }
    if (rc)
        return rc;
    fib = fib_table_find(fib_of(p), IP_FAMILY_4, vrf);
    s->limits.v[i].limit = limit;
    set_limit(s, fib, limit);
    if (!limit) {
        vec_del(&s->limits, i);
        nat44_table_unlock(p, vrf);
    }
    return 0;
}

bool nat44_vrf_limit_at(const struct piste *p, u32 k, struct nat44_vrf_limit *out)
{
    const struct nat44_state *s = nat44_state_of(p);
    if (k >= s->limits.n)
        return false;
    *out = s->limits.v[k];
    return true;
}

/* --- ways between tables --- */

static struct nat44_vrf_table *find_table(const struct nat44_state *s, u32 vrf)
{
    for (u32 i = 0; i < s->vrf_tables.n; i++)
        if (s->vrf_tables.v[i].vrf == vrf)
            return &s->vrf_tables.v[i];
    return NULL;
}

static u32 find_route(const struct nat44_vrf_table *t, u32 vrf)
{
    u32 i = 0;
    while (i < t->routes.n && t->routes.v[i] != vrf)
        i++;
    return i;
}

/* What is said of tables, in place of what data threads know. */
static void publish_ways(struct piste *p)
{
    struct nat44_state *s = nat44_state_of(p);
    struct fib *f = fib_of(p);
    u32 n = 0;
    for (u32 i = 0; i < s->vrf_tables.n; i++)
        n += s->vrf_tables.v[i].routes.n;
    struct nat44_vrf_ways *new = mem_alloc(sizeof(*new) + n * sizeof(new->v[0]));
    new->any_table = s->vrf_tables.n;
    for (u32 i = 0; i < s->vrf_tables.n; i++) {
        const struct nat44_vrf_table *t = &s->vrf_tables.v[i];
        u32 from = fib_table_find(f, IP_FAMILY_4, t->vrf).i;
        for (u32 k = 0; k < t->routes.n; k++)
            new->v[new->n++] =
                (struct nat44_vrf_way){from, fib_table_find(f, IP_FAMILY_4, t->routes.v[k])};
    }
    struct nat44_vrf_ways *old = __atomic_exchange_n(&s->data.ways, new, __ATOMIC_ACQ_REL);
    engine_defer_free(engine_of(p), free, old);
}

int nat44_add_vrf_table(struct piste *p, u32 vrf, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    struct fib_index fib;
    int rc = nat44_must_be_enabled(p, e);
    if (!rc && find_table(s, vrf))
        rc = error_set(e, EEXIST, "VRF table already exist.");
    if (!rc)
        rc = nat44_table_lock(p, vrf, &fib, e);
    if (rc)
        return rc;
    vec_add(&s->vrf_tables, ((struct nat44_vrf_table){.vrf = vrf}));
    publish_ways(p);
    return 0;
}

/* Data threads know no way by its tables any more when these are unlocked: they may end then. */
static void drop_table(struct piste *p, const struct nat44_vrf_table *t)
{
    struct nat44_state *s = nat44_state_of(p);
    struct nat44_vrf_table gone = *t;
    u32 at = (u32)(t - s->vrf_tables.v);
    vec_del(&s->vrf_tables, at);
    publish_ways(p);
    for (u32 k = 0; k < gone.routes.n; k++)
        nat44_table_unlock(p, gone.routes.v[k]);
    nat44_table_unlock(p, gone.vrf);
    vec_free(&gone.routes);
}

int nat44_del_vrf_table(struct piste *p, u32 vrf, struct error *e)
{
    int rc = nat44_must_be_enabled(p, e);
    if (rc)
        return rc;
    struct nat44_vrf_table *t = find_table(nat44_state_of(p), vrf);
    if (!t)
        return error_set(e, ENOENT, "VRF table not exist.");
    drop_table(p, t);
    return 0;
}

int nat44_set_vrf_route(struct piste *p, u32 table, u32 vrf, bool add, struct error *e)
{
    struct fib_index fib;
    int rc = nat44_must_be_enabled(p, e);
    if (rc)
        return rc;
    struct nat44_vrf_table *t = find_table(nat44_state_of(p), table);
    if (!t)
        return error_set(e, ENOENT, "VRF table not exist.");
    u32 i = find_route(t, vrf);
    if (add && i < t->routes.n)
        return error_set(e, EEXIST, "VRF route already exist.");
    if (!add && i == t->routes.n)
        return error_set(e, ENOENT, "VRF route not exist.");
    if (add) {
        rc = nat44_table_lock(p, vrf, &fib, e);
        if (rc)
            return rc;
        vec_add(&t->routes, vrf);
    } else {
        vec_del(&t->routes, i);
    }
    publish_ways(p);
    if (!add) /* when data threads know no way by it */
        nat44_table_unlock(p, vrf);
    return 0;
}

const struct nat44_vrf_table *nat44_vrf_table_at(const struct piste *p, u32 k)
{
    const struct nat44_state *s = nat44_state_of(p);
    return k < s->vrf_tables.n ? &s->vrf_tables.v[k] : NULL;
}

/* --- life --- */

void nat44_vrfs_new(struct nat44_data *d)
{
    d->limit_by_fib = mem_alloc(FIB_TABLES_MAX * sizeof(u32));
    for (u32 i = 1; i <= d->n_threads; i++)
        d->threads[i].n_by_fib = mem_alloc(FIB_TABLES_MAX * sizeof(u32));
    d->ways = mem_alloc(sizeof(*d->ways));
}

void nat44_vrfs_clear(struct piste *p)
{
    struct nat44_state *s = nat44_state_of(p);
    while (s->limits.n)
        (void)!nat44_set_vrf_limit(p, s->limits.v[0].vrf, 0, NULL);
    while (s->vrf_tables.n)
        drop_table(p, &s->vrf_tables.v[s->vrf_tables.n - 1]);
}

void nat44_vrfs_free(struct nat44_data *d)
{
    free(d->limit_by_fib);
    for (u32 i = 1; i <= d->n_threads; i++)
        free(d->threads[i].n_by_fib);
    free(d->ways);
}

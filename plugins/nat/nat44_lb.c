/* Load-balanced static mappings: several ends inside behind one outside. Each end inside is a
 * mapping of its own, so that what such a host begins has that end outside, too; the end outside is
 * one more, with a list of them. See nat44.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "plugins/nat/nat44_internal.h"

static struct nat44_lb *find_lb(const struct nat44_state *s, const struct nat44_lb_config *c)
{
    for (u32 i = 0; i < s->lbs.n; i++) {
        const struct nat44_lb_config *x = &s->lbs.v[i].c;
        if (be32_equal(x->external, c->external) &&
            be16_equal(x->external_port, c->external_port) && x->protocol == c->protocol)
            return &s->lbs.v[i];
    }
    return NULL;
}

static u32 find_local(const struct nat44_lb *lb, const struct nat44_lb_local *l)
{
    u32 i = 0;
    while (i < lb->locals.n &&
           !(be32_equal(lb->locals.v[i].c.addr, l->addr) &&
             be16_equal(lb->locals.v[i].c.port, l->port) && lb->locals.v[i].c.vrf == l->vrf))
        i++;
    return i;
}

/* --- what data threads see --- */

static struct nat44_mapping *mapping_at(const struct piste *p, u32 index)
{
    return pool_at(&nat44_state_of(p)->data.mappings.pool, index);
}

/* Its list of back-ends, in place of the one that data threads have. */
static void publish_backends(struct piste *p, const struct nat44_lb *lb)
{
    struct nat44_mapping *head = mapping_at(p, lb->index);
    struct nat44_backends *new = mem_alloc(sizeof(*new) + lb->locals.n * sizeof(new->v[0]));
    new->affinity_s = lb->c.affinity_s;
    for (u32 i = 0; i < lb->locals.n; i++) {
        u32 probability = lb->locals.v[i].c.probability;
        new->v[new->n++] = (struct nat44_backend){lb->locals.v[i].index, probability};
        new->total += probability;
    }
    struct nat44_backends *old = __atomic_exchange_n(&head->backends, new, __ATOMIC_ACQ_REL);
    engine_defer_free(engine_of(p), free, old);
}

static struct nat44_mapping mapping_of_lb(const struct nat44_lb_config *c)
{
    return (struct nat44_mapping){
        .outside = {.addr = c->external, .port = c->external_port, .protocol = c->protocol},
        .twice = c->twice,
        .only_outside = c->out2in_only};
}

/* An end inside, which nobody finds yet. */
static int reserve_local(struct piste *p, struct nat44_lb *lb, const struct nat44_lb_local *l,
                         struct error *e)
{
    struct nat44_mapping x = mapping_of_lb(&lb->c);
    struct fib_index fib;
    u32 index;
    if (!l->probability || be16_is_zero(l->port))
        return error_set(e, EINVAL, "a back-end has a port, and a probability of at least 1");
    if (find_local(lb, l) < lb->locals.n)
        return error_set(e, EEXIST, "Back-end already exist.");
    int rc = nat44_table_lock(p, l->vrf, &fib, e);
    if (rc)
        return rc;
    x.inside = (union nat44_end){
        .addr = l->addr, .port = l->port, .protocol = lb->c.protocol, .fib = fib.i};
    rc = nat44_mapping_reserve(p, &x, NAT44_KNOWN_INSIDE, &index, e);
    if (rc)
        nat44_table_unlock(p, l->vrf);
    else
        vec_add(&lb->locals, ((struct nat44_lb_backend){*l, index}));
    return rc;
}

/* Those that were reserved, when there are to be none. */
static void unreserve_locals(struct piste *p, struct nat44_lb *lb)
{
    for (u32 i = 0; i < lb->locals.n; i++) {
        nat44_mapping_unreserve(p, lb->locals.v[i].index);
        nat44_table_unlock(p, lb->locals.v[i].c.vrf);
    }
    vec_free(&lb->locals);
}

/* Behind the list without it, which is published. */
static void take_local(struct piste *p, const struct nat44_lb_backend *b)
{
    nat44_mapping_take(p, b->index, NAT44_KNOWN_INSIDE);
    nat44_table_unlock(p, b->c.vrf);
}

/* Its end outside first, so that nobody looks at those inside. */
static void drop_lb(struct piste *p, struct nat44_lb *lb)
{
    struct nat44_state *s = nat44_state_of(p);
    struct nat44_backends *last = mapping_at(p, lb->index)->backends;
    nat44_mapping_take(p, lb->index, NAT44_KNOWN_OUTSIDE); /* waits until nobody looks */
    free(last);
    nat44_disown_address(p, lb->c.external);
    for (u32 i = 0; i < lb->locals.n; i++)
        take_local(p, &lb->locals.v[i]);
    vec_free(&lb->locals);
    u32 at = (u32)(lb - s->lbs.v);
    vec_del(&s->lbs, at);
}

/* --- configuration --- */

static int check_lb(const struct nat44_lb_config *c, u32 n, struct error *e)
{
    if (c->protocol != IP_PROTOCOL_TCP && c->protocol != IP_PROTOCOL_UDP)
        return error_set(e, EINVAL, "load balancing is of TCP or UDP");
    if (be16_is_zero(c->external_port))
        return error_set(e, EINVAL, "an external port is at least 1");
    if (n < 2)
        return error_set(e, EINVAL, "at least two local must be set");
    if (c->affinity_s > 24 * 86400)
        return error_set(e, EINVAL, "affinity lasts at most 24 days");
    return nat44_check_tag(c->tag, e);
}

int nat44_add_lb(struct piste *p, const struct nat44_lb_config *c,
                 const struct nat44_lb_local *locals, u32 n, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    struct nat44_mapping head = mapping_of_lb(c);
    struct nat44_lb lb = {.c = *c};
    int rc = nat44_must_be_enabled(p, e);
    if (!rc)
        rc = check_lb(c, n, e);
    if (!rc && s->lbs.n >= NAT44_MAPPINGS_MAX)
        rc = error_set(e, ENOSPC, "at most %u mappings", NAT44_MAPPINGS_MAX);
    if (rc)
        return rc;
    for (u32 i = 0; !rc && i < n; i++)
        rc = reserve_local(p, &lb, &locals[i], e);
    if (!rc)
        rc = nat44_mapping_reserve(p, &head, NAT44_KNOWN_OUTSIDE, &lb.index, e);
    if (rc) {
        unreserve_locals(p, &lb);
        return rc;
    }
    for (u32 i = 0; i < n; i++)
        nat44_mapping_known(p, lb.locals.v[i].index, NAT44_KNOWN_INSIDE);
    publish_backends(p, &lb);
    nat44_mapping_known(p, lb.index, NAT44_KNOWN_OUTSIDE);
    nat44_own_address(p, c->external);
    vec_add(&s->lbs, lb);
    return 0;
}

/* The one of that end outside. -ENOENT. */
static int nat44_lb_of(struct piste *p, const struct nat44_lb_config *c, struct nat44_lb **lb,
                       struct error *e)
{
    int rc = nat44_must_be_enabled(p, e);
    if (rc)
        return rc;
    *lb = find_lb(nat44_state_of(p), c);
    return *lb ? 0 : error_set(e, ENOENT, "Mapping not exist.");
}

int nat44_del_lb(struct piste *p, const struct nat44_lb_config *c, struct error *e)
{
    struct nat44_lb *lb;
    int rc = nat44_lb_of(p, c, &lb, e);
    if (!rc)
        drop_lb(p, lb);
    return rc;
}

int nat44_add_lb_local(struct piste *p, const struct nat44_lb_config *c,
                       const struct nat44_lb_local *l, struct error *e)
{
    struct nat44_lb *lb;
    int rc = nat44_lb_of(p, c, &lb, e);
    if (!rc)
        rc = reserve_local(p, lb, l, e);
    if (rc)
        return rc;
    nat44_mapping_known(p, lb->locals.v[lb->locals.n - 1].index, NAT44_KNOWN_INSIDE);
    publish_backends(p, lb);
    return 0;
}

int nat44_del_lb_local(struct piste *p, const struct nat44_lb_config *c,
                       const struct nat44_lb_local *l, struct error *e)
{
    struct nat44_lb *lb;
    int rc = nat44_lb_of(p, c, &lb, e);
    if (rc)
        return rc;
    u32 i = find_local(lb, l);
    if (i == lb->locals.n)
        return error_set(e, ENOENT, "Back-end not exist.");
    if (lb->locals.n <= 2)
        return error_set(e, EBUSY, "At least two back-ends must remain");
    struct nat44_lb_backend gone = lb->locals.v[i];
    vec_del(&lb->locals, i);
    publish_backends(p, lb);
    take_local(p, &gone);
    return 0;
}

const struct nat44_lb *nat44_lb_at(const struct piste *p, u32 k)
{
    const struct nat44_state *s = nat44_state_of(p);
    return k < s->lbs.n ? &s->lbs.v[k] : NULL;
}

void nat44_lbs_clear(struct piste *p)
{
    struct nat44_state *s = nat44_state_of(p);
    while (s->lbs.n)
        drop_lb(p, &s->lbs.v[s->lbs.n - 1]);
}

/* Static mappings: what of the configuration data threads see. See nat44.h. */
#include <errno.h>
#include <string.h>

#include "control/cli.h"
#include "engine/engine.h"
#include "net/ip/address/address.h"
#include "net/link/interface/interface.h"
#include "plugins/nat/nat44_internal.h"

static struct nat44_mappings *mappings_of(const struct piste *p)
{
    return &nat44_state_of(p)->data.mappings;
}

static const struct nat44_mapping *mapping_of(const struct piste *p,
                                              const struct nat44_mapping_entry *x)
{
    return x->index == POOL_NONE ? NULL : pool_at(&mappings_of(p)->pool, x->index);
}

static bool nat44_is_known(const struct shared_hash *h, const union nat44_end *end)
{
    return shared_hash_find(h, end->words, 2) != SHARED_HASH_NONE;
}

/* --- what data threads see --- */

void nat44_mappings_new(struct nat44_mappings *m)
{
    *m = (struct nat44_mappings){0};
    pool_init(&m->pool, "nat44-mappings", sizeof(struct nat44_mapping), 8, NAT44_MAPPINGS_MAX);
    struct shared_hash_args a = {
        .name = "nat44-mappings",
        .max = NAT44_MAPPINGS_MAX,
        .keys = m->pool.base + offsetof(struct nat44_mapping, outside),
        .stride_bytes = m->pool.stride_bytes,
        .key_words = 2,
        .gives_back = true,
    };
    shared_hash_init(&m->by_outside, &a);
    a.keys = m->pool.base + offsetof(struct nat44_mapping, inside);
    shared_hash_init(&m->by_inside, &a);
}

void nat44_mappings_free(struct nat44_mappings *m)
{
    shared_hash_fini(&m->by_outside);
    shared_hash_fini(&m->by_inside);
    pool_fini(&m->pool);
}

int nat44_mapping_reserve(struct piste *p, const struct nat44_mapping *x, enum nat44_known free,
                          u32 *index, struct error *e)
{
    struct nat44_mappings *m = mappings_of(p);
    if ((free & NAT44_KNOWN_OUTSIDE && nat44_is_known(&m->by_outside, &x->outside)) ||
        (free & NAT44_KNOWN_INSIDE && nat44_is_known(&m->by_inside, &x->inside)))
        return error_set(e, EEXIST, "Mapping already exist.");
    u32 i = pool_get(&m->pool);
    if (i == POOL_NONE)
        return error_set(e, ENOSPC, "at most %u mappings", NAT44_MAPPINGS_MAX);
    *(struct nat44_mapping *)pool_at(&m->pool, i) = *x;
    *index = i;
    return 0;
}

void nat44_mapping_unreserve(struct piste *p, u32 index)
{
    pool_put(&mappings_of(p)->pool, index);
}

void nat44_mapping_known(struct piste *p, u32 index, enum nat44_known by)
{
    struct nat44_mappings *m = mappings_of(p);
    if (by & NAT44_KNOWN_OUTSIDE) /* has as many places as the pool */
        (void)!shared_hash_add(&m->by_outside, index);
    if (by & NAT44_KNOWN_INSIDE)
        (void)!shared_hash_add(&m->by_inside, index);
    __atomic_store_n(&m->n, m->n + 1, __ATOMIC_RELAXED);
}

static enum nat44_known ends_of(const struct nat44_mapping_config *c)
{
    return c->out2in_only ? NAT44_KNOWN_OUTSIDE : NAT44_KNOWN_OUTSIDE | NAT44_KNOWN_INSIDE;
}

/* Makes it, with that address outside. -EEXIST, -ENOSPC. */
static int nat44_install(struct piste *p, struct nat44_mapping_entry *x, be32 external,
                         struct error *e)
{
    const struct nat44_mapping_config *c = &x->c;
    struct nat44_mapping m = {
        .outside = {.addr = external, .port = c->external_port, .protocol = c->protocol},
        .inside = {.addr = c->identity && !if_is_none(c->external_if) ? external : c->local,
                   .port = c->local_port,
                   .protocol = c->protocol,
                   .fib = fib_table_find(fib_of(p), IP_FAMILY_4, c->vrf).i},
        .identity = c->identity,
        .twice = c->twice,
        .exact = c->exact,
    };
    int rc = nat44_mapping_reserve(p, &m, ends_of(c), &x->index, e);
    if (rc)
        return rc;
    nat44_mapping_known(p, x->index, ends_of(c));
    if (!c->identity) /* whose addresses are where they are */
        nat44_own_address(p, external);
    return 0;
}

/* Sessions of the host inside, and those of others inside with it (begin_hairpin). */
static bool is_by_mapping(const struct nat44_session *s, const void *arg)
{
    const struct nat44_mapping *m = arg;
    const union nat44_key *i2o = &s->key[NAT44_I2O], *o2i = &s->key[NAT44_O2I];
    bool own = s->flags & NAT44_SESSION_STATIC && be32_equal(i2o->src, m->inside.addr) &&
               be32_equal(o2i->dst, m->outside.addr);
    bool hairpin = be32_equal(o2i->src, m->inside.addr) && be32_equal(i2o->dst, m->outside.addr);
    if (!m->inside.protocol)
        return own || hairpin;
    return nat44_key_protocol(i2o) == m->inside.protocol &&
           ((own && be16_equal(i2o->sport, m->inside.port)) ||
            (hairpin && be16_equal(o2i->sport, m->inside.port)));
}

void nat44_mapping_take(struct piste *p, u32 index, enum nat44_known by)
{
    struct nat44_mappings *m = mappings_of(p);
    struct nat44_mapping gone = *(struct nat44_mapping *)pool_at(&m->pool, index);
    if (by & NAT44_KNOWN_OUTSIDE)
        shared_hash_remove(&m->by_outside, index);
    if (by & NAT44_KNOWN_INSIDE)
        shared_hash_remove(&m->by_inside, index);
    __atomic_store_n(&m->n, m->n - 1, __ATOMIC_RELAXED);
    engine_synchronize(engine_of(p));
    pool_put(&m->pool, index);
    nat44_end_sessions(p, is_by_mapping, &gone);
}

static void nat44_uninstall(struct piste *p, struct nat44_mapping_entry *x)
{
    if (x->index == POOL_NONE)
        return;
    be32 external = mapping_of(p, x)->outside.addr;
    nat44_mapping_take(p, x->index, ends_of(&x->c));
    x->index = POOL_NONE;
    if (!x->c.identity)
        nat44_disown_address(p, external);
}

/* --- configuration --- */

static bool is_same(const struct nat44_mapping_config *a, const struct nat44_mapping_config *b)
{
    return a->identity == b->identity && a->protocol == b->protocol &&
           be16_equal(a->local_port, b->local_port) &&
           be16_equal(a->external_port, b->external_port) && a->vrf == b->vrf &&
           if_equal(a->external_if, b->external_if) &&
           (be32_equal(a->local, b->local) || (a->identity && !if_is_none(a->external_if))) &&
           (be32_equal(a->external, b->external) || !if_is_none(a->external_if));
}

static u32 find_mapping(const struct nat44_state *s, const struct nat44_mapping_config *c)
{
    u32 i = 0;
    while (i < s->mappings.n && !is_same(&s->mappings.v[i].c, c))
        i++;
    return i;
}

int nat44_check_tag(const char *tag, struct error *e)
{
    return !*tag || cli_is_braceable(tag)
               ? 0
               : error_set(e, EINVAL, "a tag is one line, without braces that have no other");
}

static int check_mapping(const struct nat44_mapping_config *c, struct error *e)
{
    bool local = !be16_is_zero(c->local_port), external = !be16_is_zero(c->external_port);
    if (local != external || (local && !c->protocol))
        return error_set(e, EINVAL, "Either both ports are set or none.");
    if (!local && c->protocol)
        return error_set(e, EINVAL, "a protocol goes with ports");
    if (c->protocol && c->protocol != IP_PROTOCOL_TCP && c->protocol != IP_PROTOCOL_UDP &&
        c->protocol != IP_PROTOCOL_ICMP)
        return error_set(e, EINVAL, "ports are those of TCP, UDP or ICMP");
    if (!be32_is_zero(c->exact) && c->twice == NAT44_TWICE_NONE)
        return error_set(e, EINVAL, "an exact address is one of twice-nat or self-twice-nat");
    return nat44_check_tag(c->tag, e);
}

int nat44_add_mapping(struct piste *p, const struct nat44_mapping_config *c, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    struct nat44_mapping_entry x = {.c = *c, .index = POOL_NONE};
    struct fib_index fib;
    struct ip_prefix a;
    int rc = nat44_must_be_enabled(p, e);
    if (!rc)
        rc = check_mapping(c, e);
    if (!rc && s->mappings.n >= NAT44_MAPPINGS_MAX)
        rc = error_set(e, ENOSPC, "at most %u mappings", NAT44_MAPPINGS_MAX);
    if (!rc && !if_is_none(c->external_if) && find_mapping(s, c) < s->mappings.n)
        rc = error_set(e, EEXIST, "Mapping already exist.");
    if (!rc)
        rc = nat44_table_lock(p, c->vrf, &fib, e);
    if (rc)
        return rc;
    if (if_is_none(c->external_if))
        rc = nat44_install(p, &x, c->external, e);
    else if (ip_address_at(p, IP_FAMILY_4, c->external_if, 0, &a))
        rc = nat44_install(p, &x, a.addr.ip4, e);
    if (rc)
        nat44_table_unlock(p, c->vrf);
    else
        vec_add(&s->mappings, x);
    return rc;
}

static void nat44_drop_mapping(struct piste *p, u32 i)
{
    struct nat44_state *s = nat44_state_of(p);
    nat44_uninstall(p, &s->mappings.v[i]);
    nat44_table_unlock(p, s->mappings.v[i].c.vrf);
    vec_del(&s->mappings, i);
}

int nat44_del_mapping(struct piste *p, const struct nat44_mapping_config *c, struct error *e)
{
    const struct nat44_state *s = nat44_state_of(p);
    int rc = nat44_must_be_enabled(p, e);
    if (rc)
        return rc;
    u32 i = find_mapping(s, c);
    if (i == s->mappings.n)
        return error_set(e, ENOENT, "Mapping not exist.");
    nat44_drop_mapping(p, i);
    return 0;
}

bool nat44_mapping_at(const struct piste *p, u32 k, struct nat44_mapping_config *out,
                      be32 *resolved)
{
    const struct nat44_state *s = nat44_state_of(p);
    if (k >= s->mappings.n)
        return false;
    const struct nat44_mapping *m = mapping_of(p, &s->mappings.v[k]);
    *out = s->mappings.v[k].c;
    *resolved = m ? m->outside.addr : (be32){0};
    return true;
}

/* --- interfaces --- */

void nat44_mappings_follow(struct piste *p, struct if_index i, be32 addr, bool add)
{
    struct nat44_state *s = nat44_state_of(p);
    for (u32 k = 0; k < s->mappings.n; k++) {
        struct nat44_mapping_entry *x = &s->mappings.v[k];
        if (!if_equal(x->c.external_if, i))
            continue;
        const struct nat44_mapping *m = mapping_of(p, x);
        if (add && !m)
            (void)!nat44_install(p, x, addr, NULL); /* else it waits for another address */
        else if (!add && m && be32_equal(m->outside.addr, addr))
            nat44_uninstall(p, x);
    }
}

static void nat44_mapping_on_interface(struct piste *p, struct interface *f, enum if_event ev,
                                       void *arg)
{
    const struct nat44_state *s = nat44_state_of(p);
    for (u32 k = s->mappings.n; ev == IF_EVENT_DELETE && k-- > 0;)
        if (if_equal(s->mappings.v[k].c.external_if, f->index))
            nat44_drop_mapping(p, k);
}

void nat44_mappings_clear(struct piste *p)
{
    struct nat44_state *s = nat44_state_of(p);
    while (s->mappings.n)
        nat44_drop_mapping(p, s->mappings.n - 1);
}

void nat44_mappings_init(struct piste *p)
{
    interface_on_event(p, nat44_mapping_on_interface, NULL);
}

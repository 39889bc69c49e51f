/* Static mappings: what of the configuration data threads see. See nat66.h. */
#include <errno.h>

#include "engine/engine.h"
#include "net/packet/ip6_packet.h"
#include "plugins/nat66/nat66.h"

static union nat66_end nat66_end_of(const struct ip_address *a, u32 fib)
{
    return (union nat66_end){.addr = *a, .fib = fib};
}

void nat66_mappings_new(struct nat66_data *d)
{
    pool_init(&d->pool, "nat66-mappings", sizeof(struct nat66_mapping), 8, NAT66_MAPPINGS_MAX);
    struct shared_hash_args a = {
        .name = "nat66-mappings",
        .max = NAT66_MAPPINGS_MAX,
        .keys = d->pool.base + offsetof(struct nat66_mapping, local),
        .stride_bytes = d->pool.stride_bytes,
        .key_words = NAT66_END_WORDS,
        .gives_back = true,
    };
    shared_hash_init(&d->by_local, &a);
    a.keys = d->pool.base + offsetof(struct nat66_mapping, external);
    shared_hash_init(&d->by_external, &a);
}

static void unlock_table_of(struct piste *p, const struct nat66_mapping *m)
{
    fib_table_unlock(fib_of(p), (struct fib_index){m->local.fib}, FIB_SOURCE_PROXY);
}

void nat66_mappings_free(struct piste *p)
{
    struct nat66_data *d = &nat66_state_of(p)->data;
    pool_each(&d->pool, i) unlock_table_of(p, nat66_mapping_at(d, i));
    shared_hash_fini(&d->by_local);
    shared_hash_fini(&d->by_external);
    pool_fini(&d->pool);
}

static int nat66_check_address(const struct ip_address *a, const char *what, struct error *e)
{
    const u8 *x = a->bytes;
    bool good = !ip6_is_unspecified(x) && !ip6_is_multicast(x) && !ip6_is_link_local(x) &&
                !ip6_is_loopback(x);
    return good ? 0 : error_set(e, EINVAL, "the %s address is not that of a host", what);
}

/* The mapping of a local address of that table, SHARED_HASH_NONE. */
static u32 nat66_find_local(const struct piste *p, const struct nat66_mapping_config *c)
{
    struct fib_index fib = fib_table_find(fib_of(p), IP_FAMILY_6, c->vrf);
    if (fib_is_none(fib))
        return SHARED_HASH_NONE;
    union nat66_end local = nat66_end_of(&c->local, fib.i);
    return shared_hash_find(&nat66_state_of(p)->data.by_local, local.words, NAT66_END_WORDS);
}

static int nat66_check_mapping(struct piste *p, const struct nat66_mapping_config *c,
                               struct error *e)
{
    const struct nat66_data *d = &nat66_state_of(p)->data;
    union nat66_end external = nat66_end_of(&c->external, 0);
    int rc = nat66_must_be_enabled(p, e);
    if (!rc)
        rc = nat66_check_address(&c->local, "local", e);
    if (!rc)
        rc = nat66_check_address(&c->external, "external", e);
    if (rc)
        return rc;
    if (nat66_find_local(p, c) != SHARED_HASH_NONE ||
        shared_hash_find(&d->by_external, external.words, NAT66_END_WORDS) != SHARED_HASH_NONE)
        return error_set(e, EEXIST, "NAT66 static mapping entry exist.");
    return 0;
}

int nat66_add_mapping(struct piste *p, const struct nat66_mapping_config *c, struct error *e)
{
    struct nat66_data *d = &nat66_state_of(p)->data;
    struct fib_index fib;
    int rc = nat66_check_mapping(p, c, e);
    if (!rc)
        rc = fib_table_lock(fib_of(p), IP_FAMILY_6, c->vrf, NULL, FIB_SOURCE_PROXY, &fib, e);
    if (rc)
        return rc;
    u32 i = pool_get(&d->pool);
    if (i == POOL_NONE) {
        fib_table_unlock(fib_of(p), fib, FIB_SOURCE_PROXY);
        return error_set(e, ENOSPC, "at most %u mappings", NAT66_MAPPINGS_MAX);
    }
    *(struct nat66_mapping *)pool_at(&d->pool, i) = (struct nat66_mapping){
        .local = nat66_end_of(&c->local, fib.i), .external = nat66_end_of(&c->external, 0)};
    counter_zero(d->by_mapping, i);
    (void)!shared_hash_add(&d->by_local, i); /* have as many places as the pool */
    (void)!shared_hash_add(&d->by_external, i);
    return 0;
}

int nat66_del_mapping(struct piste *p, const struct nat66_mapping_config *c, struct error *e)
{
    struct nat66_data *d = &nat66_state_of(p)->data;
    int rc = nat66_must_be_enabled(p, e);
    if (rc)
        return rc;
    u32 i = nat66_find_local(p, c);
    if (i == SHARED_HASH_NONE ||
        !ip_address_equal(&nat66_mapping_at(d, i)->external.addr, &c->external))
        return error_set(e, ENOENT, "NAT66 static mapping entry not exist.");
    shared_hash_remove(&d->by_local, i);
    shared_hash_remove(&d->by_external, i);
    engine_synchronize(engine_of(p));
    unlock_table_of(p, nat66_mapping_at(d, i));
    pool_put(&d->pool, i);
    return 0;
}

bool nat66_mapping_next(const struct piste *p, u32 *at, struct nat66_mapping_config *out,
                        struct counter_pair *total)
{
    const struct nat66_state *s = nat66_state_of(p);
    u32 i = s->enabled ? pool_next(&s->data.pool, *at) : POOL_NONE;
    if (i == POOL_NONE)
        return false;
    const struct nat66_mapping *m = nat66_mapping_at(&s->data, i);
    *out = (struct nat66_mapping_config){m->local.addr, m->external.addr,
                                         fib_table_id(fib_of(p), (struct fib_index){m->local.fib})};
    *total = counter_get_pair(s->data.by_mapping, i);
    *at = i + 1;
    return true;
}

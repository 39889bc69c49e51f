/* Proxy ARP: ranges of addresses that are answered for, and where. */
#include <errno.h>
#include <stdlib.h>

#include "engine/feature.h"
#include "engine/thread.h"
#include "net/ip/neighbor/arp_internal.h"

int arp_proxy_range(struct piste *p, u32 table_id, u32 first, u32 last, bool add, struct error *e)
{
    struct arp *a = arp_of(p);
    struct fib *f = fib_of(p);
    struct fib_index t = fib_table_find(f, IP_FAMILY_4, table_id);
    if (fib_is_none(t))
        return error_set(e, ENOENT, "no such table %u", table_id);
    if (last < first)
        return error_set(e, EINVAL, "the range ends before it starts");
    struct proxy_ranges *old = a->ranges;
    u32 n = old ? old->n : 0, found = n;
    for (u32 i = 0; i < n; i++)
        if (old->v[i].fib == t.i && old->v[i].first == first && old->v[i].last == last)
            found = i;
    if (add && found < n)
        return 0;
    if (!add && found == n)
        return error_set(e, ENOENT, "no such range");
    int rc = add ? fib_table_lock(f, IP_FAMILY_4, table_id, NULL, FIB_SOURCE_PROXY, &t, e) : 0;
    if (rc)
        return rc;

    struct proxy_ranges *new = mem_alloc(sizeof(*new) + (n + 1) * sizeof(new->v[0]));
    for (u32 i = 0; i < n; i++)
        if (add || i != found)
            new->v[new->n++] = old->v[i];
    if (add)
        new->v[new->n++] = (struct proxy_range){t.i, first, last};
    a->ranges = new;
    __atomic_store_n(&arp_proxy_ranges, new, __ATOMIC_RELEASE);
    if (old)
        engine_defer_free(engine_of(p), free, old);
    if (!add)
        fib_table_unlock(f, t, FIB_SOURCE_PROXY);
    return 0;
}

int arp_proxy_enable(struct piste *p, struct if_index i, bool enable, struct error *e)
{
    return feature_enable(engine_of(p), "arp", "arp-proxy", i, enable, 0, e);
}

bool arp_proxy_is_enabled(const struct piste *p, struct if_index i)
{
    return feature_is_enabled(engine_of(p), "arp", "arp-proxy", i);
}

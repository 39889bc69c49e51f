/* Which hosts are answered for, and where. See nd_proxy.h.
 *
 * A host is an entry of the table that data threads look in; so is the group in which it is asked
 * for, which hosts may share. Solicitations are taken from what interfaces receive by a feature,
 * which is on where there is something to answer for. */
#include "net/ip/neighbor/nd_proxy.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "engine/feature.h"
#include "engine/thread.h"
#include "net/ip/ip6/ip6_input.h"
#include "net/ip/neighbor/nd_proxy_internal.h"
#include "net/link/interface/interface.h"

const char nd_proxy_module_name[] = "nd-proxy";

static struct log_class nd_proxy_log = {.name = "ip6", .sub = "nd-proxy"};

static struct nd_proxy *nd_proxy_of(const struct piste *p)
{
    return module_state(p, nd_proxy_module_name);
}

static struct nd_if *nd_proxy_link(const struct piste *p, struct if_index i)
{
    const struct nd *nd = module_state(p, nd_module_name);
    return &nd->node.ifs[i.i];
}

/* --- the table --- */

static struct nd_proxied *nd_proxied_at(const struct nd_proxy *s, u32 i)
{
    return pool_at(&s->table.entries, i);
}

static bool nd_proxied_is_group(const struct nd_proxied *x)
{
    return ip6_is_multicast((const u8 *)&x->key[1]);
}

static struct ip_address nd_proxied_address(const struct nd_proxied *x)
{
    return ip6_address_of((const u8 *)&x->key[1]);
}

/* UINT32_MAX: no room. */
static u32 nd_proxied_new(struct nd_proxy *s, struct fib_index t, const struct ip_address *a)
{
    u32 i = pool_get(&s->table.entries);
    if (i == POOL_NONE)
        return i;
    struct nd_proxied *x = nd_proxied_at(s, i);
    nd_proxied_key(t, a->bytes, x->key);
    x->users = 1;
    return i;
}

/* Data threads find it from now on. */
static bool nd_proxied_publish(struct nd_proxy *s, u32 i)
{
    if (shared_hash_add(&s->table.by_key, i))
        return true;
    pool_put(&s->table.entries, i);
    return false;
}

struct nd_proxied_freed {
    struct nd_proxy *state;
    u32 index;
};

/* No data thread can still be reading it. */
static void nd_proxied_is_free(void *arg)
{
    struct nd_proxied_freed *f = arg;
    pool_put(&f->state->table.entries, f->index);
    free(f);
}

static void nd_proxied_put(struct piste *p, struct nd_proxy *s, u32 i)
{
    if (--nd_proxied_at(s, i)->users)
        return;
    struct nd_proxied_freed *f = mem_alloc(sizeof(*f));
    *f = (struct nd_proxied_freed){s, i};
    shared_hash_remove(&s->table.by_key, i);
    engine_defer_free(engine_of(p), nd_proxied_is_free, f);
}

static bool nd_proxied_get_group(struct nd_proxy *s, struct fib_index t, const struct ip_address *a)
{
    struct ip_address group = ip6_solicited_node(a->bytes);
    u32 i = nd_proxied_find(&s->table, t, group.bytes);
    if (i != SHARED_HASH_NONE) {
        nd_proxied_at(s, i)->users++;
        return true;
    }
    i = nd_proxied_new(s, t, &group);
    return i != POOL_NONE && nd_proxied_publish(s, i);
}

static void nd_proxied_put_group(struct piste *p, struct nd_proxy *s, struct fib_index t,
                                 const struct ip_address *a)
{
    struct ip_address group = ip6_solicited_node(a->bytes);
    nd_proxied_put(p, s, nd_proxied_find(&s->table, t, group.bytes));
}

/* Counts what is there; what waits to be freed has no users. */
static bool nd_proxied_any_in(const struct nd_proxy *s, struct fib_index t)
{
    pool_each(&s->table.entries, i)
    {
        const struct nd_proxied *x = nd_proxied_at(s, i);
        if (x->users && x->key[0] == t.i)
            return true;
    }
    return false;
}

/* --- interfaces --- */

static u8 nd_proxy_wanted(const struct piste *p, const struct nd_proxy *s, struct if_index i)
{
    if (!ip_if_enabled(IP_FAMILY_6, i) || !interface_at(p, i)->has_mac)
        return 0;
    return (u8)((nd_proxied_any_in(s, ip_if_fib(IP_FAMILY_6, i)) ? ND_PROXY_TABLE : 0) |
                (nd_proxy_has_all(p, i) ? ND_PROXY_ALL : 0));
}

static int nd_proxy_enable(struct piste *p, struct if_index i, bool on, struct error *e)
{
    struct engine *engine = engine_of(p);
    int rc = feature_enable(engine, "ip6-unicast", "ip6-unicast-nd-proxy", i, on, 0, e);
    if (rc)
        return rc;
    rc = feature_enable(engine, "ip6-multicast", "ip6-multicast-nd-proxy", i, on, 0, e);
    if (rc)
        (void)!feature_enable(engine, "ip6-unicast", "ip6-unicast-nd-proxy", i, !on, 0, NULL);
    return rc;
}

static int nd_proxy_refresh(struct piste *p, struct if_index i, struct error *e)
{
    struct nd_if *link = nd_proxy_link(p, i);
    u8 wanted = nd_proxy_wanted(p, nd_proxy_of(p), i);
    if (!wanted != !link->proxies) {
        int rc = nd_proxy_enable(p, i, wanted, e);
        if (rc)
            return rc;
    }
    __atomic_store_n(&link->proxies, wanted, __ATOMIC_RELAXED);
    ip6_input_pass_solicitations(p, i, wanted);
    return 0;
}

static void nd_proxy_refresh_or_log(struct piste *p, struct if_index i)
{
    struct error e = {0};
    if (nd_proxy_refresh(p, i, &e))
        log_error(&nd_proxy_log, "%s: %s", interface_at(p, i)->name, e.text);
}

/* What is answered for in t is another. */
static void nd_proxy_refresh_table(struct piste *p, struct fib_index t)
{
    const struct nd_proxy *s = nd_proxy_of(p);
    struct interface *f;
    for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1) {
        if (ip_if_fib(IP_FAMILY_6, f->index).i != t.i)
            continue;
        nd_proxy_refresh_or_log(p, f->index);
        if (s->on_groups)
            s->on_groups(p, f->index, s->on_groups_arg);
    }
}

/* --- hosts --- */

static int nd_proxy_route(struct piste *p, struct fib_index t, const struct link_host *host,
                          bool add, struct error *e)
{
    struct ip_prefix prefix = ip_prefix_host(IP_FAMILY_6, host->addr);
    struct fib_path path = fib_path_via(IP_FAMILY_6, host->addr, host->interface);
    return add ? fib_route_update(fib_of(p), t, prefix, FIB_SOURCE_ND_PROXY, &path, 1, e)
               : fib_route_delete(fib_of(p), t, prefix, FIB_SOURCE_ND_PROXY, e);
}

static int nd_proxy_too_many(struct error *e)
{
    return error_set(e, ENOSPC, "at most %u hosts can be proxied", ND_PROXIES_MAX);
}

/* In a table where it is not. */
static int nd_proxy_begin(struct piste *p, struct fib_index t, const struct link_host *host,
                          struct error *e)
{
    struct nd_proxy *s = nd_proxy_of(p);
    int rc =
        s->n_hosts < ND_PROXIES_MAX ? nd_proxy_route(p, t, host, true, e) : nd_proxy_too_many(e);
    if (rc)
        return rc;
    if (nd_proxied_get_group(s, t, &host->addr)) {
        u32 i = nd_proxied_new(s, t, &host->addr);
        if (i != POOL_NONE)
            nd_proxied_at(s, i)->interface = host->interface;
        if (i != POOL_NONE && nd_proxied_publish(s, i)) {
            s->n_hosts++;
            return 0;
        }
        nd_proxied_put_group(p, s, t, &host->addr);
    }
    (void)!nd_proxy_route(p, t, host, false, NULL);
    return nd_proxy_too_many(e);
}

static void nd_proxy_end(struct piste *p, u32 i)
{
    struct nd_proxy *s = nd_proxy_of(p);
    const struct nd_proxied *x = nd_proxied_at(s, i);
    struct fib_index t = {(u32)x->key[0]};
    struct link_host host = {nd_proxied_address(x), x->interface, IP_FAMILY_6};
    struct error e = {0};
    if (nd_proxy_route(p, t, &host, false, &e))
        log_error(&nd_proxy_log, "%s", e.text);
    nd_proxied_put_group(p, s, t, &host.addr);
    nd_proxied_put(p, s, i);
    s->n_hosts--;
}

int nd_proxy_add(struct piste *p, const struct link_host *host, struct error *e)
{
    struct nd_proxy *s = nd_proxy_of(p);
    struct fib_index t = ip_if_fib(IP_FAMILY_6, host->interface);
    const struct interface *f = interface_at(p, host->interface);
    if (!f->has_mac)
        return error_set(e, EOPNOTSUPP, "%s has no MAC address", f->name);
    if (ip_address_is_zero(&host->addr) || ip6_is_multicast(host->addr.bytes) ||
        ip6_is_link_local(host->addr.bytes))
        return error_set(e, EINVAL, "not an address that a host has beyond its link");
    u32 i = nd_proxied_find(&s->table, t, host->addr.bytes);
    if (i != SHARED_HASH_NONE && if_equal(nd_proxied_at(s, i)->interface, host->interface))
        return 0;
    if (i != SHARED_HASH_NONE)
        return error_set(e, EADDRINUSE, "the host is on %s",
                         interface_at(p, nd_proxied_at(s, i)->interface)->name);
    int rc = nd_proxy_begin(p, t, host, e);
    if (!rc)
        nd_proxy_refresh_table(p, t);
    return rc;
}

int nd_proxy_del(struct piste *p, const struct link_host *host, struct error *e)
{
    struct nd_proxy *s = nd_proxy_of(p);
    struct fib_index t = ip_if_fib(IP_FAMILY_6, host->interface);
    u32 i = ip6_is_multicast(host->addr.bytes) ? SHARED_HASH_NONE
                                               : nd_proxied_find(&s->table, t, host->addr.bytes);
    if (i == SHARED_HASH_NONE || !if_equal(nd_proxied_at(s, i)->interface, host->interface))
        return error_set(e, ENOENT, "no such host is proxied");
    nd_proxy_end(p, i);
    nd_proxy_refresh_table(p, t);
    return 0;
}

u32 nd_proxy_next(const struct piste *p, u32 from, struct link_host *out)
{
    const struct nd_proxy *s = nd_proxy_of(p);
    for (u32 i = from; (i = pool_next(&s->table.entries, i)) != POOL_NONE; i++) {
        const struct nd_proxied *x = nd_proxied_at(s, i);
        if (!x->users || nd_proxied_is_group(x))
            continue;
        *out = (struct link_host){nd_proxied_address(x), x->interface, IP_FAMILY_6};
        return i;
    }
    return UINT32_MAX;
}

/* --- whole links --- */

int nd_proxy_set_all(struct piste *p, struct if_index i, bool on, struct error *e)
{
    struct nd_proxy *s = nd_proxy_of(p);
    const struct interface *f = interface_at(p, i);
    bool was = nd_proxy_has_all(p, i);
    if (!f->has_mac)
        return error_set(e, EOPNOTSUPP, "%s has no MAC address", f->name);
    while (s->all.n <= i.i)
        vec_add(&s->all, false);
    s->all.v[i.i] = on;
    int rc = nd_proxy_refresh(p, i, e);
    if (rc)
        s->all.v[i.i] = was;
    return rc;
}

bool nd_proxy_has_all(const struct piste *p, struct if_index i)
{
    const struct nd_proxy *s = nd_proxy_of(p);
    return i.i < s->all.n && s->all.v[i.i];
}

/* --- groups --- */

u32 nd_proxy_group_next(const struct piste *p, struct if_index i, u32 from, struct ip_address *out)
{
    const struct nd_proxy *s = nd_proxy_of(p);
    struct fib_index t = ip_if_fib(IP_FAMILY_6, i);
    for (u32 k = from; (k = pool_next(&s->table.entries, k)) != POOL_NONE; k++) {
        const struct nd_proxied *x = nd_proxied_at(s, k);
        if (!x->users || x->key[0] != t.i || !nd_proxied_is_group(x))
            continue;
        *out = nd_proxied_address(x);
        return k;
    }
    return UINT32_MAX;
}

bool nd_proxy_has_group(const struct piste *p, struct if_index i, const struct ip_address *group)
{
    return ip6_is_multicast(group->bytes) &&
           nd_proxied_find(&nd_proxy_of(p)->table, ip_if_fib(IP_FAMILY_6, i), group->bytes) !=
               SHARED_HASH_NONE;
}

void nd_proxy_on_groups(struct piste *p, void (*fn)(struct piste *p, struct if_index i, void *arg),
                        void *arg)
{
    struct nd_proxy *s = nd_proxy_of(p);
    s->on_groups = fn;
    s->on_groups_arg = arg;
}

/* --- what happens to interfaces --- */

static void nd_proxy_on_enable(struct piste *p, enum ip_family f, struct if_index i, bool enabled,
                               void *arg)
{
    if (f == IP_FAMILY_6)
        nd_proxy_refresh_or_log(p, i);
}

/* Its hosts go with it to another table, or with it. */
static void nd_proxy_on_table(struct piste *p, struct if_index i, struct fib_index from,
                              struct fib_index to, void *arg)
{
    struct nd_proxy *s = arg;
    struct link_host host;
    if (fib_family(from) != IP_FAMILY_6)
        return;
    for (u32 k = 0; (k = nd_proxy_next(p, k, &host)) != UINT32_MAX; k++) {
        struct error e = {0};
        if (!if_equal(host.interface, i) || nd_proxied_at(s, k)->key[0] != from.i)
            continue;
        nd_proxy_end(p, k);
        if (!fib_is_none(to) && nd_proxied_find(&s->table, to, host.addr.bytes) != SHARED_HASH_NONE)
            log_warn(&nd_proxy_log, "%s: a host of its is another link's there",
                     interface_at(p, i)->name);
        else if (!fib_is_none(to) && nd_proxy_begin(p, to, &host, &e))
            log_error(&nd_proxy_log, "%s: %s", interface_at(p, i)->name, e.text);
    }
    nd_proxy_refresh_table(p, from);
    if (!fib_is_none(to)) {
        nd_proxy_refresh_table(p, to);
        return;
    }
    if (i.i < s->all.n)
        s->all.v[i.i] = false;
    nd_proxy_link(p, i)->proxies = 0; /* its features go */
    ip6_input_pass_solicitations(p, i, false);
}

/* --- life --- */

int nd_proxy_init(struct piste *p, void **state, struct error *e)
{
    struct nd *nd = module_state(p, nd_module_name);
    struct nd_proxy *s = mem_alloc(sizeof(*s));
    u32 most = 4 * ND_PROXIES_MAX; /* with their groups; all at once in another table, and those
                                      that they were before, which data threads may still see */
    pool_init(&s->table.entries, "nd proxies", sizeof(struct nd_proxied), 8, most);
    shared_hash_init(&s->table.by_key, &(struct shared_hash_args){
                                           .name = "nd proxies",
                                           .max = most,
                                           .keys = s->table.entries.base,
                                           .stride_bytes = s->table.entries.stride_bytes,
                                           .key_words = ND_PROXIED_WORDS,
                                           .gives_back = true,
                                       });
    s->nd = &nd->node;
    nd->node.proxies = &s->table;
    ip_on_enable(p, nd_proxy_on_enable, s);
    ip_on_table(p, nd_proxy_on_table, s);
    *state = s;
    return 0;
}

static void nd_proxy_free(void *arg)
{
    struct nd_proxy *s = arg;
    shared_hash_fini(&s->table.by_key);
    pool_fini(&s->table.entries);
    vec_free(&s->all);
    free(s);
}

void nd_proxy_stop(struct piste *p, void *state)
{
    struct nd *nd = module_state(p, nd_module_name);
    if (nd)
        nd->node.proxies = NULL;
    engine_defer_free(engine_of(p), nd_proxy_free, state); /* behind entries that wait for that */
}

/* Addresses: which there are, and who may have which. */
#include "net/ip/address/address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/loop.h"
#include "net/ip/address/address_internal.h"
#include "net/ip/address/address_source.h"
#include "net/ip/fib/fib_data.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_packet.h"

#define ADDRESSES_A_PIECE 64

const char address_module_name[] = "address";

struct ip_if_addresses **ip_if_addresses_base[IP_FAMILY_N];

struct addresses *addresses_of(const struct piste *p)
{
    return module_state(p, address_module_name);
}

struct address_if *address_if_of(const struct piste *p, struct if_index i)
{
    const struct addresses *as = addresses_of(p);
    return i.i < as->ifs.n ? as->ifs.v[i.i] : NULL;
}

struct address_if *address_if_get(struct addresses *as, struct if_index i)
{
    while (as->ifs.n <= i.i)
        vec_add(&as->ifs, NULL);
    if (!as->ifs.v[i.i]) {
        as->ifs.v[i.i] = mem_alloc(sizeof(struct address_if));
        as->ifs.v[i.i]->unnumbered = IF_NONE;
        address_follow_state(as, interface_at(as->piste, i));
    }
    return as->ifs.v[i.i];
}

/* --- the order of all --- */

/* Subnets of a table do not overlap, but for addresses of one interface in the same one. So what
 * overlaps a prefix stands beside the place where that would be. */
struct place {
    u32 table;
    struct ip_address subnet;
    u32 len;
    struct ip_address addr;
};

static struct place address_place(u32 table, const struct ip_prefix *a)
{
    return (struct place){table, ip_address_mask(&a->addr, a->len), a->len, a->addr};
}

static int address_order(const void *ctx, u32 index, const void *key)
{
    const struct if_address *a = if_address_at(ctx, index);
    const struct place x = address_place(a->table, &a->prefix), *y = key;
    if (x.table != y->table)
        return x.table < y->table ? -1 : 1;
    int c = ip_address_compare(&x.subnet, &y->subnet);
    if (!c)
        c = (int)x.len - (int)y->len;
    return c ? c : ip_address_compare(&x.addr, &y->addr);
}

static bool address_overlaps(const struct ip_prefix *a, const struct ip_prefix *b)
{
    return ip_prefix_has(a->len < b->len ? a : b, a->len < b->len ? &b->addr : &a->addr);
}

/* Whether b may be there beside a, a new one of interface i. */
static bool address_is_compatible(const struct ip_prefix *a, struct if_index i,
                                  const struct if_address *b)
{
    bool same_subnet = if_equal(i, b->interface) && a->len == b->prefix.len &&
                       !ip_address_equal(&a->addr, &b->prefix.addr);
    return same_subnet || !address_overlaps(a, &b->prefix);
}

/* An address in the way of a new one of i in its table; NULL: none. */
static const struct if_address *address_conflict(const struct addresses *as, u32 table,
                                                 struct if_index i, const struct ip_prefix *a)
{
    /* behind all that begin before it: the last of those may reach over all of it */
    struct place first = {table, ip_address_mask(&a->addr, a->len), 0, {{{0}}}};
    struct ordset_pos at = ordset_find(&as->in_order, address_order, as, &first);
    struct ordset_pos before = at;
    if (ordset_back(&as->in_order, &before))
        at = before;
    for (u32 k, n = 0; ordset_get(&as->in_order, at, &k); at = ordset_next(&as->in_order, at)) {
        const struct if_address *b = if_address_at(as, k);
        bool overlaps = b->table == table && address_overlaps(a, &b->prefix);
        if (overlaps && !address_is_compatible(a, i, b))
            return b;
        if (!overlaps && n++)
            break;
    }
    return NULL;
}

/* --- what data threads see --- */

/* What was learnt is of a link where this switch is a host; links between two routers are too small
 * for it (RFC 6164); and that of a subnet from 0 on would be no address. */
static bool address_has_anycast(const struct if_address *x)
{
    struct ip_address all = ip_address_mask(&x->prefix.addr, x->prefix.len);
    return x->prefix.family == IP_FAMILY_6 && x->prefix.len < IP6_ADDRESS_BITS - 1 && !x->learnt &&
           !ip_address_is_zero(&all);
}

/* leaving: one that is going; NONE. */
static void address_publish(struct addresses *as, enum ip_family f, struct if_index i, u32 leaving)
{
    const struct address_if *s = address_if_of(as->piste, i);
    struct ip_if_addresses *new = NULL, **at = &ip_if_addresses_base[f][i.i], *old = *at;
    u32 n = s->addresses[f].n;
    if (n > (leaving != POOL_NONE))
        new = mem_alloc(sizeof(*new) + n * sizeof(new->v[0]));
    for (u32 k = 0; new &&k < n; k++)
        if (s->addresses[f].v[k] != leaving) {
            const struct if_address *x = if_address_at(as, s->addresses[f].v[k]);
            new->v[new->n++] =
                (struct ip_own_address){x->prefix, x->is_deprecated, address_has_anycast(x)};
        }
    __atomic_store_n(at, new, __ATOMIC_RELEASE);
    if (old)
        engine_defer_free(engine_of(as->piste), free, old);
}

/* --- adding and deleting --- */

static void address_tell(struct addresses *as, struct if_index i, struct ip_prefix a, bool add)
{
    for (u32 k = 0; k < as->on_address.n; k++)
        as->on_address.v[k].fn(as->piste, i, a, add, as->on_address.v[k].arg);
}

static bool address_is_possible(const struct ip_prefix *a)
{
    if (a->family == IP_FAMILY_6)
        return !ip_address_is_zero(&a->addr) && !ip6_is_multicast(a->addr.bytes) &&
               !ip6_is_loopback(a->addr.bytes);
    return !be32_is_zero(a->addr.ip4) && !ip4_is_multicast(a->addr.ip4) &&
           !ip4_is_limited_broadcast(a->addr.ip4);
}

/* Position in the interface's list; its length when it is not there. */
static u32 address_position(const struct addresses *as, const struct address_if *s,
                            const struct ip_prefix *a)
{
    u32 k = 0;
    while (k < s->addresses[a->family].n &&
           !ip_prefix_equal(&if_address_at(as, s->addresses[a->family].v[k])->prefix, a))
        k++;
    return k;
}

/* That address of i; NULL: it has it not. */
static struct if_address *address_of(const struct piste *p, struct if_index i,
                                     const struct ip_prefix *a)
{
    const struct addresses *as = addresses_of(p);
    const struct address_if *s = address_if_of(p, i);
    u32 k = s ? address_position(as, s, a) : 0;
    return s && k < s->addresses[a->family].n ? if_address_at(as, s->addresses[a->family].v[k])
                                              : NULL;
}

static bool address_is_stale(const struct addresses *as, const struct if_address *x)
{
    return x->generation != as->generation;
}

/* Whether a was there, stale or learnt; it is neither any more. */
static bool address_unmark(struct addresses *as, struct if_index i, const struct ip_prefix *a)
{
    struct if_address *x = address_of(as->piste, i, a);
    if (!x || !(address_is_stale(as, x) || x->learnt))
        return false;
    x->generation = as->generation;
    x->learnt = false;
    x->is_deprecated = false;
    address_publish(as, (enum ip_family)a->family, i, POOL_NONE);
    return true;
}

void ip_address_set_learnt(struct piste *p, struct if_index i, const struct ip_prefix *a)
{
    struct if_address *x = address_of(p, i, a);
    if (!x)
        return;
    x->learnt = true;
    address_publish(addresses_of(p), (enum ip_family)a->family, i, POOL_NONE);
}

void ip_address_set_deprecated(struct piste *p, struct if_index i, const struct ip_prefix *a,
                               bool deprecated)
{
    struct if_address *x = address_of(p, i, a);
    if (!x || x->is_deprecated == deprecated)
        return;
    x->is_deprecated = deprecated;
    address_publish(addresses_of(p), (enum ip_family)a->family, i, POOL_NONE);
}

bool ip_address_is_deprecated(const struct piste *p, struct if_index i, const struct ip_prefix *a)
{
    const struct if_address *x = address_of(p, i, a);
    return x && x->is_deprecated;
}

bool ip_address_is_learnt(const struct piste *p, struct if_index i, const struct ip_prefix *a)
{
    const struct if_address *x = address_of(p, i, a);
    return x && x->learnt;
}

/* What is only there because its end has not come yet stands in nobody's way. */
static const struct if_address *address_real_conflict(struct addresses *as, u32 table,
                                                      struct if_index i, const struct ip_prefix *a)
{
    const struct if_address *b;
    while ((b = address_conflict(as, table, i, a)) && address_is_stale(as, b))
        if (ip_address_del(as->piste, b->interface, b->prefix, NULL))
            break;
    return b;
}

static int address_check(struct addresses *as, struct if_index i, const struct ip_prefix *a,
                         struct error *e)
{
    const struct address_if *s = address_if_of(as->piste, i);
    if (a->len > ip_family_bits((enum ip_family)a->family))
        return error_set(e, EINVAL, "Invalid prefix len: %u", a->len);
    if (!address_is_possible(a))
        return error_set(e, EINVAL, "an interface cannot have this address");
    if (s && !if_is_none(s->unnumbered))
        return error_set(e, EBUSY, "the interface is unnumbered");
    u32 table = ip_if_fib((enum ip_family)a->family, i).i;
    const struct if_address *b = address_real_conflict(as, table, i, a);
    if (!b)
        return 0;
    char at[IP_PREFIX_TEXT_BYTES], bt[IP_PREFIX_TEXT_BYTES];
    bool ip4 = a->family == IP_FAMILY_4; /* whose sentence names the interface, too */
    return error_set(e, EADDRINUSE, "failed to add %s%s%s which conflicts with %s for interface %s",
                     ip_prefix_text(a, at), ip4 ? " on " : "",
                     ip4 ? interface_at(as->piste, i)->name : "", ip_prefix_text(&b->prefix, bt),
                     interface_at(as->piste, b->interface)->name);
}

int ip_address_add(struct piste *p, struct if_index i, struct ip_prefix a, struct error *e)
{
    struct addresses *as = addresses_of(p);
    enum ip_family f = (enum ip_family)a.family;
    int rc = address_check_interface(p, f, i, e);
    if (!rc && f == IP_FAMILY_6 && ip6_is_link_local(a.addr.bytes))
        return ip6_link_address(as, i, &a, true, e);
    if (!rc && address_unmark(as, i, &a))
        return 0;
    if (!rc)
        rc = address_check(as, i, &a, e);
    if (rc)
        return rc;
    u32 k = pool_get(&as->pool);
    if (k == POOL_NONE)
        return error_set(e, ENOSPC, "no room for more addresses");
    struct address_if *s = address_if_get(as, i);
    struct place place = address_place(ip_if_fib(f, i).i, &a);
    *if_address_at(as, k) = (struct if_address){
        .prefix = a, .interface = i, .table = place.table, .generation = as->generation};
    vec_add(&s->addresses[f], k);
    rc = s->routed ? address_routes_add(as, i, &a, e) : 0;
    if (rc) {
        address_routes_del(as, i, &a);
        s->addresses[f].n--;
        pool_put(&as->pool, k);
        return rc;
    }
    ordset_add(&as->in_order, k, address_order, as, &place);
    address_publish(as, f, i, POOL_NONE);
    address_refresh_enabled(as, f, i);
    address_tell(as, i, a, true);
    return 0;
}

int ip_address_del(struct piste *p, struct if_index i, struct ip_prefix a, struct error *e)
{
    struct addresses *as = addresses_of(p);
    struct address_if *s = a.family < IP_FAMILY_N ? address_if_of(p, i) : NULL;
    enum ip_family f = (enum ip_family)a.family;
    u32 at = s ? address_position(as, s, &a) : 0;
    if (s && f == IP_FAMILY_6 && ip6_is_link_local(a.addr.bytes))
        return ip6_link_address(as, i, &a, false, e);
    if (!s || at == s->addresses[f].n) {
        char text[IP_PREFIX_TEXT_BYTES];
        const struct interface *it = interface_at(p, i);
        return error_set(e, ENOENT, "%s not found for interface %s", ip_prefix_text(&a, text),
                         it ? it->name : "?");
    }
    u32 k = s->addresses[f].v[at];
    struct place place = address_place(if_address_at(as, k)->table, &a);
    address_tell(as, i, a, false);
    address_publish(as, f, i, k);
    if (s->routed)
        address_routes_del(as, i, &a);
    bool there = ordset_del(&as->in_order, k, address_order, as, &place);
    assert(there);
    vec_del(&s->addresses[f], at);
    pool_put(&as->pool, k);
    address_refresh_enabled(as, f, i);
    return 0;
}

void ip_address_del_all(struct piste *p, struct if_index i)
{
    struct addresses *as = addresses_of(p);
    const struct address_if *s = address_if_of(p, i);
    for (u32 f = 0; s && f < IP_FAMILY_N; f++)
        while (s->addresses[f].n) {
            u32 k = s->addresses[f].v[s->addresses[f].n - 1];
            if (ip_address_del(p, i, if_address_at(as, k)->prefix, NULL))
                return;
        }
    struct ip_address own;
    if (ip6_link_local_is_set(p, i, &own)) {
        struct ip_prefix host = ip_prefix_host(IP_FAMILY_6, own);
        (void)!ip6_link_address(as, i, &host, false, NULL); /* it is there */
    }
}

void ip_addresses_replace_begin(struct piste *p)
{
    addresses_of(p)->generation++;
}

bool address_sweep_piece(void *addresses)
{
    struct addresses *as = addresses;
    for (u32 n = 0; n < ADDRESSES_A_PIECE; n++) {
        u32 k = pool_next(&as->pool, as->sweep_at);
        if (k == POOL_NONE)
            return false;
        as->sweep_at = k + 1;
        const struct if_address *a = if_address_at(as, k);
        if (a->generation < as->sweep_below)
            (void)!ip_address_del(as->piste, a->interface, a->prefix, NULL); /* it is there */
    }
    return true;
}

void ip_addresses_replace_end(struct piste *p)
{
    struct addresses *as = addresses_of(p);
    as->sweep_below = as->generation;
    as->sweep_at = 0;
    if (address_sweep_piece(as))
        loop_work_add(p->loop, address_sweep_piece, as);
}

/* --- finding --- */

bool ip_address_at(const struct piste *p, enum ip_family f, struct if_index i, u32 k,
                   struct ip_prefix *out)
{
    const struct address_if *s = address_if_of(p, i);
    if (!s || k >= s->addresses[f].n)
        return false;
    *out = if_address_at(addresses_of(p), s->addresses[f].v[k])->prefix;
    return true;
}

struct if_index ip_address_find(const struct piste *p, struct fib_index t,
                                const struct ip_address *addr)
{
    const struct addresses *as = addresses_of(p);
    /* behind all that begin there or before: the last of those are of the subnet that it is in */
    struct place behind = {t.i, *addr, UINT8_MAX, {{{0}}}};
    struct ordset_pos at = ordset_find(&as->in_order, address_order, as, &behind);
    for (u32 k; ordset_back(&as->in_order, &at) && ordset_get(&as->in_order, at, &k);) {
        const struct if_address *a = if_address_at(as, k);
        if (a->table != t.i || !ip_prefix_has(&a->prefix, addr))
            break;
        if (ip_address_equal(&a->prefix.addr, addr))
            return a->interface;
    }
    return IF_NONE;
}

bool ip_address_is_local(const struct piste *p, struct fib_index t, const struct ip_address *addr)
{
    struct fib_route r;
    return fib_lookup(fib_of(p), t, addr, &r) &&
           adj_at(lb_pick(lb_load(r.lb.i), 0))->head.kind == ADJ_KIND_RECEIVE;
}

bool ip_link_source(enum ip_family f, struct if_index i, const struct ip_address *peer,
                    struct ip_address *src)
{
    const struct ip_address *a = ip_if_source(f, i, peer);
    if (a)
        *src = *a;
    return a != NULL;
}

/* *src: the best of the table's interfaces that are up, if any is better than what it is. */
static void address_source_elsewhere(const struct piste *p, struct fib_index t,
                                     const struct ip_address *dst, struct ip_source *src)
{
    enum ip_family f = fib_family(t);
    const struct interface *x;
    for (u32 k = 0; (x = interface_next(p, k)); k = x->index.i + 1) {
        struct ip_source other = {0};
        if (ip_if_fib(f, x->index).i == t.i)
            other = ip_if_source_of(f, x->index, dst);
        if (other.address && ip_address_is_local(p, t, other.address) &&
            ip_source_is_better(f, &other, src, dst))
            *src = other;
    }
}

int ip_source_address(const struct piste *p, struct fib_index t, const struct ip_address *dst,
                      struct ip_address *src, struct if_index *i)
{
    struct adj_index found = fib_resolve(fib_of(p), t, dst, 0);
    struct link_host host = adj_host(fib_of(p), found);
    const struct ip_address *peer = dst;
    enum ip_family f = fib_family(t);
    *i = host.interface;
    switch ((enum adj_kind)adj_at(found.i)->head.kind) {
    case ADJ_KIND_RECEIVE:
        *src = *dst;
        return if_is_none(*i) ? -ENETUNREACH : 0;
    case ADJ_KIND_INCOMPLETE:
    case ADJ_KIND_REWRITE:
        /* what the next hop of IPv6 has in common with an address says nothing about dst */
        if (host.family == f && f == IP_FAMILY_4 &&
            ip_source_scope(f, &host.addr) == ip_source_scope(f, dst))
            peer = &host.addr;
        break;
    case ADJ_KIND_GLEAN:
    case ADJ_KIND_MIDCHAIN:
        break;
    default:
        return -ENETUNREACH;
    }
    struct ip_source best = ip_if_source_of(f, *i, peer);
    if (!best.address)
        return -EADDRNOTAVAIL;
    if (ip_source_scope(f, best.address) < ip_source_scope(f, dst))
        address_source_elsewhere(p, t, dst, &best);
    *src = *best.address;
    return 0;
}

/* --- who wants to know --- */

void ip_on_enable(struct piste *p,
                  void (*fn)(struct piste *p, enum ip_family f, struct if_index i, bool enabled,
                             void *arg),
                  void *arg)
{
    vec_add(&addresses_of(p)->on_enable, ((struct enable_hook){fn, arg}));
}

void ip_on_table(struct piste *p,
                 void (*fn)(struct piste *p, struct if_index i, struct fib_index from,
                            struct fib_index to, void *arg),
                 void *arg)
{
    vec_add(&addresses_of(p)->on_table, ((struct table_hook){fn, arg}));
}

void ip_on_address(struct piste *p,
                   void (*fn)(struct piste *p, struct if_index i, struct ip_prefix prefix, bool add,
                              void *arg),
                   void *arg)
{
    vec_add(&addresses_of(p)->on_address, ((struct address_hook){fn, arg}));
}

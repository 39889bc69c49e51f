/* IPv4 on interfaces: addresses and the routes that they bring, tables of interfaces, unnumbered
 * ones. */
#include "net/ip/ip4/ip4.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/vec.h"
#include "control/module.h"
#include "engine/feature.h"
#include "net/link/interface/interface.h"
#include "net/ip/ip4/ip4_internal.h"
#include "net/ip/ip4/ip_route_cli.h"
#include "net/packet/ip4_packet.h"

struct ip4_if *ip4_if_base;

static struct log_class ip4_log = {.name = "ip4"};

const char ip4_module_name[] = "ip4";

struct ip4 *ip4_of(const struct piste *p)
{
    return module_state(p, ip4_module_name);
}

static struct fib_index ip4_table_of(struct if_index i)
{
    return (struct fib_index){ip4_if_base[i.i].fib};
}

struct ip4_state *ip4_state_of(const struct piste *p, struct if_index i)
{
    const struct ip4 *ip4 = ip4_of(p);
    return i.i < ip4->states.n ? ip4->states.v[i.i] : NULL;
}

static struct ip4_state *state_make(struct ip4 *ip4, struct if_index i)
{
    while (ip4->states.n <= i.i)
        vec_add(&ip4->states, NULL);
    if (!ip4->states.v[i.i]) {
        ip4->states.v[i.i] = mem_alloc(sizeof(struct ip4_state));
        ip4->states.v[i.i]->unnumbered = IF_NONE;
    }
    return ip4->states.v[i.i];
}

/* --- taking IPv4 at all --- */

static void set_features(struct ip4 *ip4, struct if_index i, bool enabled)
{
    static const char *const arcs[] = {"ip4-unicast", "ip4-multicast"};
    for (u32 k = 0; k < array_len(arcs); k++) {
        struct error e = {0};
        if (feature_enable(engine_of(ip4->piste), arcs[k], "ip4-not-enabled", i, !enabled, 0, &e))
            log_error(&ip4_log, "%s: %s", arcs[k], e.text);
    }
}

/* Brings the data plane's flag in line with why there would be IPv4. */
static void refresh_enabled(struct ip4 *ip4, struct if_index i)
{
    const struct ip4_state *s = ip4_state_of(ip4->piste, i);
    bool enabled = s && (s->addresses.n || s->enables || !if_is_none(s->unnumbered));
    if (enabled == ip4_if_base[i.i].enabled)
        return;
    __atomic_store_n(&ip4_if_base[i.i].enabled, enabled, __ATOMIC_RELEASE);
    set_features(ip4, i, enabled);
    for (u32 k = 0; k < ip4->on_enable.n; k++)
        ip4->on_enable.v[k].fn(ip4->piste, i, enabled, ip4->on_enable.v[k].arg);
}

static int check_takes_ip(const struct piste *p, struct if_index i, struct error *e)
{
    const struct interface *f = interface_at(p, i);
    if (!f)
        return error_set(e, ENODEV, "no such interface");
    if (f->cls->no_ip_why)
        return error_set(e, EOPNOTSUPP, "%s", f->cls->no_ip_why);
    if (f->cls->no_ip)
        return error_set(e, EOPNOTSUPP, "%s interface doesn't support IP addressing", f->name);
    return 0;
}

int ip4_enable(struct piste *p, struct if_index i, bool enable, struct error *e)
{
    struct ip4 *ip4 = ip4_of(p);
    int rc = check_takes_ip(p, i, e);
    if (rc)
        return rc;
    struct ip4_state *s = state_make(ip4, i);
    if (!enable && !s->enables)
        return error_set(e, ENOENT, "IPv4 was not enabled");
    s->enables += enable ? 1 : -1;
    refresh_enabled(ip4, i);
    return 0;
}

u32 ip4_enables(const struct piste *p, struct if_index i)
{
    const struct ip4_state *s = ip4_state_of(p, i);
    return s ? s->enables : 0;
}

/* --- routes of an address --- */

static u32 subnet_of(struct ip4_prefix a)
{
    return be32_to_host(a.addr) & (a.len ? ~0u << (32 - a.len) : 0);
}

static u32 broadcast_of(struct ip4_prefix a)
{
    return subnet_of(a) | (a.len == 32 ? 0 : ~0u >> a.len);
}

static int ip4_route(struct ip4 *ip4, struct if_index i, u32 addr, u8 len,
                     const struct fib_path *path, struct error *e)
{
    return fib_route_update(fib_of(ip4->piste), ip4_table_of(i),
                            (struct ip4_prefix){be32_from_host(addr), len}, FIB_SOURCE_INTERFACE,
                            path, 1, e);
}

static void ip4_unroute(struct ip4 *ip4, struct if_index i, u32 addr, u8 len)
{
    /* -ENOENT: it was the address itself, or was never made */
    (void)!fib_route_delete(fib_of(ip4->piste), ip4_table_of(i),
                            (struct ip4_prefix){be32_from_host(addr), len}, FIB_SOURCE_INTERFACE,
                            NULL);
}

/* The broadcast address of a's subnet: dropped, or sent to everybody. */
static int route_broadcast(struct ip4 *ip4, struct if_index i, struct ip4_prefix a, struct error *e)
{
    static const u8 everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    u32 addr = broadcast_of(a);
    struct fib_path path = fib_path_special(FIB_PATH_DROP);
    bool on = ip4_state_of(ip4->piste, i)->directed_broadcast;
    if (addr == be32_to_host(a.addr) || a.len > 30)
        return 0;
    if (on)
        path = fib_path_via(be32_from_host(addr), i);
    int rc = ip4_route(ip4, i, addr, 32, &path, e);
    if (rc || !on)
        return rc;
    struct fib *fib = fib_of(ip4->piste);
    adj_neighbor_set(fib, adj_neighbor_find(fib, be32_from_host(addr), i), everybody);
    return 0;
}

static int routes_add(struct ip4 *ip4, struct if_index i, struct ip4_prefix a, struct error *e)
{
    struct fib_path drop = fib_path_special(FIB_PATH_DROP);
    struct fib_path link = fib_path_special(FIB_PATH_ATTACHED);
    struct fib_path own = fib_path_special(FIB_PATH_RECEIVE);
    own.interface = link.interface = i;
    own.next_hop = a.addr;
    link.flags = FIB_PATH_GLEAN;
    link.next_hop = be32_from_host(subnet_of(a));
    link.prefix_len = a.len;

    int rc = ip4_route(ip4, i, be32_to_host(a.addr), 32, &own, e);
    if (!rc && a.len < 32)
        rc = ip4_route(ip4, i, subnet_of(a), a.len, &link, e);
    if (!rc && a.len <= 30 && subnet_of(a) != be32_to_host(a.addr))
        rc = ip4_route(ip4, i, subnet_of(a), 32, &drop, e);
    return rc ? rc : route_broadcast(ip4, i, a, e);
}

static void routes_del(struct ip4 *ip4, struct if_index i, struct ip4_prefix a)
{
    const struct ip4_state *s = ip4_state_of(ip4->piste, i);
    ip4_unroute(ip4, i, be32_to_host(a.addr), 32);
    if (a.len == 32)
        return;
    for (u32 k = 0; k < s->addresses.n; k++) {
        struct ip4_prefix other = s->addresses.v[k];
        if (other.len == a.len && subnet_of(other) == subnet_of(a) &&
            !be32_equal(other.addr, a.addr)) {
            /* the subnet stays; a may have stood for one of its special addresses */
            struct error e = {0};
            if (routes_add(ip4, i, other, &e))
                log_error(&ip4_log, "%s", e.text);
            return;
        }
    }
    ip4_unroute(ip4, i, subnet_of(a), a.len);
    if (a.len <= 30) {
        ip4_unroute(ip4, i, subnet_of(a), 32);
        ip4_unroute(ip4, i, broadcast_of(a), 32);
    }
}

/* --- addresses --- */

void ip4_prefix_text(struct ip4_prefix a, char out[IP4_PREFIX_TEXT_BYTES])
{
    const u8 *b = (const u8 *)&a.addr;
    snprintf(out, IP4_PREFIX_TEXT_BYTES, "%u.%u.%u.%u/%u", b[0], b[1], b[2], b[3], a.len);
}

static bool ip4_overlap(struct ip4_prefix a, struct ip4_prefix b)
{
    u8 len = a.len < b.len ? a.len : b.len;
    a.len = b.len = len;
    return subnet_of(a) == subnet_of(b);
}

static int check_conflict(const struct ip4 *ip4, const struct interface *f, struct ip4_prefix a,
                          struct error *e)
{
    for (u32 n = 0; n < ip4->states.n; n++) {
        const struct ip4_state *s = ip4->states.v[n];
        struct if_index i = {n};
        if (!s || ip4_table_of(i).i != ip4_table_of(f->index).i)
            continue;
        for (u32 k = 0; k < s->addresses.n; k++) {
            struct ip4_prefix b = s->addresses.v[k];
            bool same_subnet =
                if_equal(i, f->index) && a.len == b.len && !be32_equal(a.addr, b.addr);
            if (!ip4_overlap(a, b) || same_subnet)
                continue;
            char at[IP4_PREFIX_TEXT_BYTES], bt[IP4_PREFIX_TEXT_BYTES];
            ip4_prefix_text(a, at);
            ip4_prefix_text(b, bt);
            return error_set(e, EADDRINUSE,
                             "failed to add %s on %s which conflicts with %s for interface %s", at,
                             f->name, bt, interface_at(ip4->piste, i)->name);
        }
    }
    return 0;
}

static void tell_address(struct ip4 *ip4, struct if_index i, struct ip4_prefix a, bool add)
{
    for (u32 k = 0; k < ip4->on_address.n; k++)
        ip4->on_address.v[k].fn(ip4->piste, i, a, add, ip4->on_address.v[k].arg);
}

/* Whether a was stale; it is not any more. */
static bool ip4_unmark(struct ip4_state *s, struct ip4_prefix a)
{
    for (u32 k = 0; s && k < s->stale.n; k++)
        if (be32_equal(s->stale.v[k].addr, a.addr) && s->stale.v[k].len == a.len) {
            vec_del(&s->stale, k);
            return true;
        }
    return false;
}

int ip4_address_add(struct piste *p, struct if_index i, struct ip4_prefix a, struct error *e)
{
    struct ip4 *ip4 = ip4_of(p);
    int rc = check_takes_ip(p, i, e);
    if (rc)
        return rc;
    if (ip4_unmark(ip4_state_of(p, i), a))
        return 0;
    if (a.len > 32)
        return error_set(e, EINVAL, "Invalid prefix len: %u", a.len);
    if (be32_is_zero(a.addr) || ip4_is_multicast(a.addr) || ip4_is_limited_broadcast(a.addr))
        return error_set(e, EINVAL, "an interface cannot have this address");
    struct ip4_state *s = state_make(ip4, i);
    if (!if_is_none(s->unnumbered))
        return error_set(e, EBUSY, "the interface is unnumbered");
    rc = check_conflict(ip4, interface_at(p, i), a, e);
    if (rc)
        return rc;

    vec_add(&s->addresses, a);
    rc = routes_add(ip4, i, a, e);
    if (rc) {
        routes_del(ip4, i, a);
        s->addresses.n--;
        return rc;
    }
    refresh_enabled(ip4, i);
    tell_address(ip4, i, a, true);
    return 0;
}

int ip4_address_del(struct piste *p, struct if_index i, struct ip4_prefix a, struct error *e)
{
    struct ip4 *ip4 = ip4_of(p);
    struct ip4_state *s = ip4_state_of(p, i);
    for (u32 k = 0; s && k < s->addresses.n; k++) {
        struct ip4_prefix b = s->addresses.v[k];
        if (!be32_equal(b.addr, a.addr) || b.len != a.len)
            continue;
        ip4_unmark(s, a);
        tell_address(ip4, i, a, false);
        routes_del(ip4, i, a);
        vec_del(&s->addresses, k);
        refresh_enabled(ip4, i);
        return 0;
    }
    char text[IP4_PREFIX_TEXT_BYTES];
    const struct interface *f = interface_at(p, i);
    ip4_prefix_text(a, text);
    return error_set(e, ENOENT, "%s not found for interface %s", text, f ? f->name : "?");
}

void ip4_address_del_all(struct piste *p, struct if_index i)
{
    struct ip4_state *s = ip4_state_of(p, i);
    while (s && s->addresses.n) {
        int rc = ip4_address_del(p, i, s->addresses.v[s->addresses.n - 1], NULL);
        if (rc)
            return;
    }
}

void ip4_addresses_replace_begin(struct piste *p)
{
    struct ip4 *ip4 = ip4_of(p);
    for (u32 n = 0; n < ip4->states.n; n++) {
        struct ip4_state *s = ip4->states.v[n];
        for (u32 k = 0; s && k < s->addresses.n; k++) {
            ip4_unmark(s, s->addresses.v[k]);
            vec_add(&s->stale, s->addresses.v[k]);
        }
    }
}

void ip4_addresses_replace_end(struct piste *p)
{
    struct ip4 *ip4 = ip4_of(p);
    for (u32 n = 0; n < ip4->states.n; n++) {
        struct ip4_state *s = ip4->states.v[n];
        while (s && s->stale.n) /* deleting it takes it out of both */
            if (ip4_address_del(p, (struct if_index){n}, s->stale.v[s->stale.n - 1], NULL))
                s->stale.n--;
    }
}

bool ip4_address_at(const struct piste *p, struct if_index i, u32 k, struct ip4_prefix *out)
{
    const struct ip4_state *s = ip4_state_of(p, i);
    if (!s || k >= s->addresses.n)
        return false;
    *out = s->addresses.v[k];
    return true;
}

struct if_index ip4_address_find(const struct piste *p, struct fib_index t, be32 addr)
{
    const struct ip4 *ip4 = ip4_of(p);
    for (u32 n = 0; n < ip4->states.n; n++) {
        const struct ip4_state *s = ip4->states.v[n];
        if (!s || ip4_if_base[n].fib != t.i)
            continue;
        for (u32 k = 0; k < s->addresses.n; k++)
            if (be32_equal(s->addresses.v[k].addr, addr))
                return (struct if_index){n};
    }
    return IF_NONE;
}

bool ip4_address_is_local(struct fib_index t, be32 addr)
{
    const struct adj *a = adj_at(lb_load(ip4_lookup(t, addr).i).first);
    return a->head.kind == ADJ_KIND_RECEIVE;
}

bool ip4_link_source(const struct piste *p, struct if_index i, be32 peer, be32 *src)
{
    const struct ip4_state *s = ip4_state_of(p, i);
    if (s && !if_is_none(s->unnumbered))
        s = ip4_state_of(p, s->unnumbered);
    if (!s || !s->addresses.n)
        return false;
    *src = s->addresses.v[0].addr;
    for (u32 k = 0; k < s->addresses.n; k++) {
        struct ip4_prefix other = {peer, s->addresses.v[k].len};
        if (subnet_of(other) == subnet_of(s->addresses.v[k])) {
            *src = s->addresses.v[k].addr;
            break;
        }
    }
    return true;
}

bool ip4_is_subnet_broadcast(const struct piste *p, struct if_index i, be32 addr)
{
    const struct ip4_state *s = ip4_state_of(p, i);
    for (u32 k = 0; s && k < s->addresses.n; k++)
        if (s->addresses.v[k].len <= 30 && broadcast_of(s->addresses.v[k]) == be32_to_host(addr))
            return true;
    return false;
}

int ip4_source_address(const struct piste *p, struct fib_index t, be32 dst, be32 *src,
                       struct if_index *i)
{
    const struct adj *a = adj_at(fib_resolve(fib_of(p), t, dst, 0).i);
    switch ((enum adj_kind)a->head.kind) {
    case ADJ_KIND_RECEIVE:
        *src = dst;
        *i = a->tx_if;
        return if_is_none(a->tx_if) ? -ENETUNREACH : 0;
    case ADJ_KIND_INCOMPLETE:
    case ADJ_KIND_REWRITE:
    case ADJ_KIND_GLEAN:
        *i = a->tx_if;
        return ip4_link_source(p, *i, a->head.kind == ADJ_KIND_GLEAN ? dst : a->next_hop, src)
                   ? 0
                   : -EADDRNOTAVAIL;
    default:
        return -ENETUNREACH;
    }
}

/* --- settings of an interface --- */

/* Whether an unnumbered interface uses the addresses of i. */
static bool ip4_lends(const struct ip4 *ip4, struct if_index i)
{
    for (u32 n = 0; n < ip4->states.n; n++)
        if (ip4->states.v[n] && if_equal(ip4->states.v[n]->unnumbered, i))
            return true;
    return false;
}

int ip4_set_unnumbered(struct piste *p, struct if_index i, struct if_index use, struct error *e)
{
    struct ip4 *ip4 = ip4_of(p);
    int rc = check_takes_ip(p, i, e);
    if (!rc && !if_is_none(use))
        rc = check_takes_ip(p, use, e);
    if (rc)
        return rc;
    struct ip4_state *s = state_make(ip4, i);
    if (if_is_none(use) && if_is_none(s->unnumbered))
        return error_set(e, ENOENT, "the interface is not unnumbered");
    if (!if_is_none(use)) {
        const struct ip4_state *lender = ip4_state_of(p, use);
        if (if_equal(i, use))
            return error_set(e, EINVAL, "an interface cannot borrow from itself");
        if (s->addresses.n)
            return error_set(e, EBUSY, "the interface has addresses of its own");
        if (lender && !if_is_none(lender->unnumbered))
            return error_set(e, EINVAL, "the lender is unnumbered itself");
        if (ip4_lends(ip4, i))
            return error_set(e, EBUSY, "the interface lends its addresses to another");
        if (ip4_table_of(i).i != ip4_table_of(use).i)
            return error_set(e, EINVAL, "the interfaces are in different tables");
    }
    s->unnumbered = use;
    __atomic_store_n(&ip4_if_base[i.i].address_if, if_is_none(use) ? i.i : use.i, __ATOMIC_RELEASE);
    refresh_enabled(ip4, i);
    return 0;
}

struct if_index ip4_unnumbered(const struct piste *p, struct if_index i)
{
    const struct ip4_state *s = ip4_state_of(p, i);
    return s ? s->unnumbered : IF_NONE;
}

int ip4_set_table(struct piste *p, struct if_index i, u32 table_id, struct error *e)
{
    struct ip4 *ip4 = ip4_of(p);
    struct fib *fib = fib_of(p);
    int rc = check_takes_ip(p, i, e);
    if (rc)
        return rc;
    struct fib_index to = fib_table_find(fib, table_id), from = ip4_table_of(i);
    if (fib_is_none(to))
        return error_set(e, ENOENT, "no such table %u", table_id);
    if (to.i == from.i)
        return 0;
    struct ip4_state *s = state_make(ip4, i);
    if (s->addresses.n || !if_is_none(s->unnumbered))
        return error_set(e, EBUSY, "%s has address, unable to change table",
                         interface_at(p, i)->name);
    if (ip4_lends(ip4, i))
        return error_set(e, EBUSY, "%s lends its addresses to another, unable to change table",
                         interface_at(p, i)->name);
    if (to.i) {
        rc = fib_table_lock(fib, table_id, NULL, FIB_SOURCE_INTERFACE, &to, e);
        if (rc)
            return rc;
    }
    __atomic_store_n(&ip4_if_base[i.i].fib, to.i, __ATOMIC_RELEASE);
    for (u32 k = 0; k < ip4->on_table.n; k++)
        ip4->on_table.v[k].fn(p, i, from, to, ip4->on_table.v[k].arg);
    if (from.i)
        fib_table_unlock(fib, from, FIB_SOURCE_INTERFACE);
    return 0;
}

int ip4_set_directed_broadcast(struct piste *p, struct if_index i, bool on, struct error *e)
{
    struct ip4 *ip4 = ip4_of(p);
    int rc = check_takes_ip(p, i, e);
    if (rc)
        return rc;
    struct ip4_state *s = state_make(ip4, i);
    s->directed_broadcast = on;
    for (u32 k = 0; !rc && k < s->addresses.n; k++)
        rc = route_broadcast(ip4, i, s->addresses.v[k], e);
    return rc;
}

bool ip4_directed_broadcast(const struct piste *p, struct if_index i)
{
    const struct ip4_state *s = ip4_state_of(p, i);
    return s && s->directed_broadcast;
}

/* --- who wants to know --- */

void ip4_on_enable(struct piste *p,
                   void (*fn)(struct piste *p, struct if_index i, bool enabled, void *arg),
                   void *arg)
{
    vec_add(&ip4_of(p)->on_enable, ((struct ip4_enable_hook){fn, arg}));
}

void ip4_on_table(struct piste *p,
                  void (*fn)(struct piste *p, struct if_index i, struct fib_index from,
                             struct fib_index to, void *arg),
                  void *arg)
{
    vec_add(&ip4_of(p)->on_table, ((struct ip4_table_hook){fn, arg}));
}

void ip4_on_address(struct piste *p,
                    void (*fn)(struct piste *p, struct if_index i, struct ip4_prefix prefix,
                               bool add, void *arg),
                    void *arg)
{
    vec_add(&ip4_of(p)->on_address, ((struct ip4_address_hook){fn, arg}));
}

/* --- interfaces come and go --- */

static void interface_begin(struct ip4 *ip4, struct if_index i)
{
    ip4_if_base[i.i] = (struct ip4_if){.address_if = i.i};
    set_features(ip4, i, false);
}

static void interface_end(struct ip4 *ip4, struct if_index i)
{
    struct piste *p = ip4->piste;
    ip4_address_del_all(p, i);
    for (u32 n = 0; n < ip4->states.n; n++) {
        struct ip4_state *other = ip4->states.v[n];
        if (!other || !if_equal(other->unnumbered, i))
            continue;
        struct error e = {0};
        if (ip4_set_unnumbered(p, (struct if_index){n}, IF_NONE, &e))
            log_error(&ip4_log, "%s", e.text);
    }
    struct ip4_state *s = ip4_state_of(p, i);
    if (s) {
        s->enables = 0;
        s->unnumbered = IF_NONE;
        refresh_enabled(ip4, i);
        vec_free(&s->addresses);
        vec_free(&s->stale);
        free(s);
        ip4->states.v[i.i] = NULL;
    }
    struct fib_index table = ip4_table_of(i);
    for (u32 k = 0; k < ip4->on_table.n; k++)
        ip4->on_table.v[k].fn(p, i, table, FIB_NONE, ip4->on_table.v[k].arg);
    __atomic_store_n(&ip4_if_base[i.i].fib, 0, __ATOMIC_RELEASE);
    if (table.i)
        fib_table_unlock(fib_of(p), table, FIB_SOURCE_INTERFACE);
}

static void ip4_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    if (ev == IF_EVENT_NEW)
        interface_begin(arg, f->index);
    else if (ev == IF_EVENT_DELETE)
        interface_end(arg, f->index);
}

/* --- life --- */

static bool ip4_uses(struct piste *p, struct if_index i)
{
    struct ip4_prefix a;
    return ip4_address_at(p, i, 0, &a) || !if_is_none(ip4_unnumbered(p, i));
}

int ip4_init(struct piste *p, void **state, struct error *e)
{
    struct ip4 *ip4 = mem_alloc(sizeof(*ip4));
    ip4->piste = p;
    int rc = mem_map_new(&ip4->if_map, "ip4 interfaces", IF_MAX * sizeof(struct ip4_if),
                         (struct mem_page_size){0}, false, e);
    if (rc) {
        free(ip4);
        return rc;
    }
    ip4_if_base = ip4->if_map.base;
    interface_reserve_names(p, ip_route_words);
    struct interface *f;
    for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1)
        interface_begin(ip4, f->index);
    interface_on_event(p, ip4_on_interface, ip4);
    interface_on_use(p, ip4_uses);
    interface_on_show_address(p, IF_SHOW_L3, ip4_show_address);
    *state = ip4;
    return 0;
}

void ip4_stop(struct piste *p, void *state)
{
    struct ip4 *ip4 = state;
    for (u32 i = 0; i < ip4->states.n; i++)
        if (ip4->states.v[i]) {
            vec_free(&ip4->states.v[i]->addresses);
            vec_free(&ip4->states.v[i]->stale);
            free(ip4->states.v[i]);
        }
    vec_free(&ip4->states);
    vec_free(&ip4->on_enable);
    vec_free(&ip4->on_table);
    vec_free(&ip4->on_address);
    mem_map_free(&ip4->if_map);
    ip4_if_base = NULL;
    free(ip4);
}

/* The routes that addresses bring, for as long as their interface is up:
 *
 *   the address itself: receive       its subnet: attached
 *   IPv4, where the subnet has more than two: its first address drops, and its last, unless
 * directed broadcasts are sent to everybody on the link */
#include <errno.h>

#include "base/log.h"
#include "net/ip/address/address_internal.h"
#include "net/link/interface/interface.h"

static struct log_class address_log = {.name = "ip", .sub = "address"};

static struct ip_prefix subnet_of(const struct ip_prefix *a)
{
    return (struct ip_prefix){ip_address_mask(&a->addr, a->len), a->family, a->len, {0}};
}

static struct ip_prefix host_of(const struct ip_prefix *a, struct ip_address addr)
{
    return ip_prefix_host((enum ip_family)a->family, addr);
}

static struct ip_address broadcast_of(const struct ip_prefix *a)
{
    return ip_address_last((enum ip_family)a->family, &a->addr, a->len);
}

static bool is_host(const struct ip_prefix *a)
{
    return a->len == ip_family_bits((enum ip_family)a->family);
}

/* Whether the subnet's first and last address are nobody's. */
static bool has_ends(const struct ip_prefix *a)
{
    return a->family == IP_FAMILY_4 && a->len <= 30;
}

static int address_route(struct addresses *as, struct if_index i, struct ip_prefix prefix,
                         const struct fib_path *path, struct error *e)
{
    return fib_route_update(fib_of(as->piste), ip_if_fib((enum ip_family)prefix.family, i), prefix,
                            FIB_SOURCE_INTERFACE, path, 1, e);
}

static void address_unroute(struct addresses *as, struct if_index i, struct ip_prefix prefix)
{
    /* -ENOENT: it was the address itself, or was never made */
    (void)!fib_route_delete(fib_of(as->piste), ip_if_fib((enum ip_family)prefix.family, i), prefix,
                            FIB_SOURCE_INTERFACE, NULL);
}

/* The broadcast address of a's subnet: dropped, or sent to everybody. */
static int route_broadcast(struct addresses *as, struct if_index i, const struct ip_prefix *a,
                           struct error *e)
{
    static const u8 everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct link_host last = {broadcast_of(a), i, IP_FAMILY_4};
    struct fib_path path = fib_path_special(FIB_PATH_DROP);
    bool on = address_if_of(as->piste, i)->directed_broadcast;
    if (!has_ends(a) || ip_address_equal(&last.addr, &a->addr))
        return 0;
    if (on)
        path = fib_path_via(IP_FAMILY_4, last.addr, i);
    int rc = address_route(as, i, host_of(a, last.addr), &path, e);
    if (!rc && on)
        adj_neighbor_set(fib_of(as->piste), &last, everybody);
    return rc;
}

int address_routes_add(struct addresses *as, struct if_index i, const struct ip_prefix *a,
                       struct error *e)
{
    struct fib_path drop = fib_path_special(FIB_PATH_DROP);
    struct fib_path link = fib_path_special(FIB_PATH_ATTACHED);
    struct fib_path own = fib_path_special(FIB_PATH_RECEIVE);
    struct ip_prefix subnet = subnet_of(a);
    own.interface = link.interface = i;
    own.next_hop = a->addr;
    link.flags = FIB_PATH_GLEAN;
    link.next_hop = subnet.addr;
    link.prefix_len = a->len;

    int rc = address_route(as, i, host_of(a, a->addr), &own, e);
    if (!rc && !is_host(a))
        rc = address_route(as, i, subnet, &link, e);
    if (!rc && has_ends(a) && !ip_address_equal(&subnet.addr, &a->addr))
        rc = address_route(as, i, host_of(a, subnet.addr), &drop, e);
    return rc ? rc : route_broadcast(as, i, a, e);
}

/* Another address of the interface in the same subnet; NULL: there is none. */
static const struct ip_prefix *address_sibling(const struct addresses *as, struct if_index i,
                                               const struct ip_prefix *a)
{
    const struct address_if *s = address_if_of(as->piste, i);
    for (u32 k = 0; k < s->addresses[a->family].n; k++) {
        const struct ip_prefix *b = &if_address_at(as, s->addresses[a->family].v[k])->prefix;
        if (b->len == a->len && ip_prefix_has(b, &a->addr) && !ip_prefix_equal(a, b))
            return b;
    }
    return NULL;
}

static void address_route_withdraw(struct addresses *as, struct if_index i,
                                   const struct ip_prefix *a)
{
    address_unroute(as, i, host_of(a, a->addr));
    if (!is_host(a))
        address_unroute(as, i, subnet_of(a));
    if (has_ends(a)) {
        address_unroute(as, i, host_of(a, ip_address_mask(&a->addr, a->len)));
        address_unroute(as, i, host_of(a, broadcast_of(a)));
    }
}

void address_routes_del(struct addresses *as, struct if_index i, const struct ip_prefix *a)
{
    const struct ip_prefix *other = is_host(a) ? NULL : address_sibling(as, i, a);
    struct error e = {0};
    if (!other) {
        address_route_withdraw(as, i, a);
        return;
    }
    /* the subnet stays; a may have stood for one of its special addresses */
    address_unroute(as, i, host_of(a, a->addr));
    if (address_routes_add(as, i, other, &e))
        log_error(&address_log, "%s", e.text);
}

/* --- up and down --- */

void address_follow_state(struct addresses *as, const struct interface *f)
{
    struct address_if *s = address_if_of(as->piste, f->index);
    bool up = interface_is_up(f);
    if (!s || s->routed == up)
        return;
    s->routed = up;
    for (u32 k = 0; k < IP_FAMILY_N; k++)
        for (u32 n = 0; n < s->addresses[k].n; n++) {
            const struct ip_prefix *a = &if_address_at(as, s->addresses[k].v[n])->prefix;
            struct error e = {0};
            if (!up)
                address_route_withdraw(as, f->index, a);
            else if (address_routes_add(as, f->index, a, &e))
                log_error(&address_log, "%s: %s", f->name, e.text);
        }
}

/* --- directed broadcast --- */

int ip4_set_directed_broadcast(struct piste *p, struct if_index i, bool on, struct error *e)
{
    struct addresses *as = addresses_of(p);
    int rc = address_check_interface(p, IP_FAMILY_4, i, e);
    if (rc)
        return rc;
    struct address_if *s = address_if_get(as, i);
    s->directed_broadcast = on;
    for (u32 k = 0; !rc && s->routed && k < s->addresses[IP_FAMILY_4].n; k++)
        rc = route_broadcast(as, i, &if_address_at(as, s->addresses[IP_FAMILY_4].v[k])->prefix, e);
    return rc;
}

bool ip4_directed_broadcast(const struct piste *p, struct if_index i)
{
    const struct address_if *s = address_if_of(p, i);
    return s && s->directed_broadcast;
}

bool ip4_is_subnet_broadcast(const struct piste *p, struct if_index i, be32 addr)
{
    struct ip_address x = ip_address_from_ip4(addr);
    struct ip_prefix a;
    for (u32 k = 0; ip_address_at(p, IP_FAMILY_4, i, k, &a); k++) {
        struct ip_address last = broadcast_of(&a);
        if (has_ends(&a) && ip_address_equal(&last, &x))
            return true;
    }
    return false;
}

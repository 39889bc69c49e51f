/* Links of IPv6: while an interface takes packets, this switch has an address on its link, fe80::
 * and the interface's EUI-64 unless the user says another, and the link a table for those addresses
 * alone. Source: RFC 4291 2.5.6; that a table is a link's, as VPP has it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/thread.h"
#include "net/ip/address/address_internal.h"
#include "net/link/interface/interface.h"

static struct log_class ip6_link_log = {.name = "ip6", .sub = "link"};

struct ip6_link **ip6_link_base;

/* Of a link without MAC addresses nobody else's depends on ours: any will do, but for ever. */
static struct ip_address ip6_link_random(void)
{
    struct ip_address a = {.bytes = {0xfe, 0x80}};
    u64 x = clock_cycles() * 0x9e3779b97f4a7c15ull;
    store_u64(a.bytes + 8, x ^ x >> 29);
    a.bytes[8] &= 0xfd; /* not a station's */
    return a;
}

static struct ip_address ip6_link_wanted(const struct addresses *as, struct if_index i)
{
    const struct address_if *s = address_if_of(as->piste, i);
    const struct interface *f = interface_at(as->piste, i);
    const struct ip6_link *now = ip6_link(i);
    if (s && !ip_address_is_zero(&s->link_local))
        return s->link_local;
    if (f && f->has_mac)
        return ip6_link_local_of(f->mac);
    return now ? now->address : ip6_link_random();
}

static void ip6_link_publish(struct addresses *as, struct if_index i, struct ip6_link *new)
{
    struct ip6_link *old = ip6_link_base[i.i];
    __atomic_store_n(&ip6_link_base[i.i], new, __ATOMIC_RELEASE);
    if (old)
        engine_defer_free(engine_of(as->piste), free, old);
}

/* The routes of an address, or none any more. */
static int ip6_link_route(struct addresses *as, struct if_index i, struct fib_index t,
                          struct ip_address a, bool add, struct error *e)
{
    struct fib_path own = fib_path_special(FIB_PATH_RECEIVE);
    struct ip_prefix host = ip_prefix_host(IP_FAMILY_6, a);
    own.interface = i;
    own.next_hop = a;
    own.family = IP_FAMILY_6;
    return add ? fib_route_update(fib_of(as->piste), t, host, FIB_SOURCE_INTERFACE, &own, 1, e)
               : fib_route_delete(fib_of(as->piste), t, host, FIB_SOURCE_INTERFACE, e);
}

/* A table where everything of fe80::/10 is on the link, with the address. */
static int ip6_link_table(struct addresses *as, struct if_index i, struct ip_address a,
                          struct fib_index *t, struct error *e)
{
    char name[IF_NAME_BYTES + sizeof("IP6-link-local:")];
    struct fib *fib = fib_of(as->piste);
    struct ip_prefix all = {.addr.bytes = {0xfe, 0x80}, .family = IP_FAMILY_6, .len = 10};
    struct fib_path link = fib_path_special(FIB_PATH_ATTACHED);
    link.interface = i;
    link.flags = FIB_PATH_GLEAN;
    link.next_hop = all.addr;
    link.prefix_len = all.len;
    link.family = IP_FAMILY_6;
    snprintf(name, sizeof(name), "IP6-link-local:%s", interface_at(as->piste, i)->name);
    int rc = fib_table_private(fib, IP_FAMILY_6, name, FIB_SOURCE_ND, t, e);
    if (rc)
        return rc;
    rc = fib_route_update(fib, *t, all, FIB_SOURCE_SPECIAL, &link, 1, e);
    if (!rc)
        rc = ip6_link_route(as, i, *t, a, true, e);
    if (rc)
        fib_table_unlock(fib, *t, FIB_SOURCE_ND);
    return rc;
}

void ip6_link_begin(struct addresses *as, struct if_index i)
{
    struct ip_address a = ip6_link_wanted(as, i);
    struct fib_index t;
    struct error e = {0};
    if (ip6_link_table(as, i, a, &t, &e)) {
        log_error(&ip6_link_log, "%s: %s", interface_at(as->piste, i)->name, e.text);
        return;
    }
    struct ip6_link *link = mem_alloc(sizeof(*link));
    *link = (struct ip6_link){t, a};
    ip6_link_publish(as, i, link);
}

void ip6_link_end(struct addresses *as, struct if_index i)
{
    const struct ip6_link *link = ip6_link(i);
    if (!link)
        return;
    struct fib_index t = link->fib;
    ip6_link_publish(as, i, NULL);
    fib_table_unlock(fib_of(as->piste), t, FIB_SOURCE_ND);
}

static void ip6_link_tell(struct addresses *as, struct if_index i, struct ip_address a, bool add)
{
    struct ip_prefix host = ip_prefix_host(IP_FAMILY_6, a);
    for (u32 k = 0; k < as->on_address.n; k++)
        as->on_address.v[k].fn(as->piste, i, host, add, as->on_address.v[k].arg);
}

void ip6_link_refresh(struct addresses *as, struct if_index i)
{
    const struct ip6_link *old = ip6_link(i);
    struct ip_address a = old ? ip6_link_wanted(as, i) : (struct ip_address){{{0}}};
    struct error e = {0};
    if (!old || ip_address_equal(&a, &old->address))
        return;
    struct ip_address before = old->address;
    ip6_link_tell(as, i, before, false);
    if (ip6_link_route(as, i, old->fib, a, true, &e) ||
        ip6_link_route(as, i, old->fib, before, false, &e))
        log_error(&ip6_link_log, "%s: %s", interface_at(as->piste, i)->name, e.text);
    struct ip6_link *link = mem_alloc(sizeof(*link));
    *link = (struct ip6_link){old->fib, a};
    ip6_link_publish(as, i, link);
    ip6_link_tell(as, i, a, true);
}

int ip6_set_link_local(struct piste *p, struct if_index i, const struct ip_address *a,
                       struct error *e)
{
    struct addresses *as = addresses_of(p);
    int rc = address_check_interface(p, IP_FAMILY_6, i, e);
    if (rc)
        return rc;
    if (!ip6_is_link_local(a->bytes))
        return error_set(e, EINVAL, "not a link-local address");
    address_if_get(as, i)->link_local = *a;
    ip6_link_refresh(as, i);
    address_refresh_enabled(as, IP_FAMILY_6, i);
    return 0;
}

bool ip6_link_local_is_set(const struct piste *p, struct if_index i, struct ip_address *out)
{
    const struct address_if *s = address_if_of(p, i);
    if (!s || ip_address_is_zero(&s->link_local))
        return false;
    *out = s->link_local;
    return true;
}

int ip6_link_address(struct addresses *as, struct if_index i, const struct ip_prefix *a, bool add,
                     struct error *e)
{
    struct address_if *s = address_if_of(as->piste, i);
    if (a->len != IP6_ADDRESS_BITS)
        return error_set(e, EINVAL, "prefix length of link-local address must be 128");
    if (add)
        return ip6_set_link_local(as->piste, i, &a->addr, e);
    if (!s || !ip_address_equal(&s->link_local, &a->addr))
        return error_set(e, ENOENT, "the link-local address was not set");
    s->link_local = (struct ip_address){{{0}}};
    address_refresh_enabled(as, IP_FAMILY_6, i);
    ip6_link_refresh(as, i);
    return 0;
}

/* Whether number k of what i is asked for is in a group that none before it is in. */
static bool ip6_asks_anew(const struct ip6_link *link, const struct ip_if_addresses *a, u32 k,
                          const struct ip_address *group)
{
    struct ip_address before;
    bool again = false;
    for (u32 x = 0; x < k && !again && ip6_if_asked_in(link, a, x, &before); x++)
        again = ip_address_equal(&before, group);
    return !again;
}

bool ip6_group_next(struct if_index i, u32 *place, struct ip_address *out)
{
    static const u8 numbers[] = {IP6_ALL_NODES, IP6_ALL_ROUTERS, IP6_ALL_MLD_ROUTERS};
    const struct ip_if_addresses *a = ip_if_addresses(IP_FAMILY_6, i);
    const struct ip6_link *link = ip6_link(i);
    if (!link)
        return false;
    if (*place < array_len(numbers)) {
        *out = ip6_link_group(numbers[(*place)++]);
        return true;
    }
    while (ip6_if_asked_in(link, a, *place - array_len(numbers), out))
        if (ip6_asks_anew(link, a, (*place)++ - array_len(numbers), out))
            return true;
    return false;
}

int ip6_links_init(struct addresses *as, struct error *e)
{
    int rc = mem_map_new(&as->link_map, "ip6 links", IF_MAX * sizeof(struct ip6_link *),
                         (struct mem_page_size){0}, false, e);
    if (!rc)
        ip6_link_base = as->link_map.base;
    return rc;
}

void ip6_links_free(struct addresses *as)
{
    mem_map_free(&as->link_map);
    ip6_link_base = NULL;
}

/* Routes of either protocol come and go in any order, also recursive ones in circles, with
 * interfaces that go up and down: what data threads find is what a plain list says, and nothing is
 * left at the end.
 *
 * Input: byte 0: the protocol; then a command each: 1 byte what, 1 how long, 4 (IPv4) or 6 bytes of
 * address, 1 where to. */
#include <errno.h>
#include <stdint.h>

#include "net/ip/fib/fib_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROUTES_MAX 200

struct listed {
    struct ip_prefix prefix;
    struct fib_path path;
};

static struct listed list[ROUTES_MAX];
static u32 n_listed;

#define must(x)                                                                                    \
    do {                                                                                           \
        if (!(x))                                                                                  \
            panic("%s:%d: not so: %s", __FILE__, __LINE__, #x);                                    \
    } while (0)

static struct listed *listed_find(const struct ip_prefix *p)
{
    for (u32 i = 0; i < n_listed; i++)
        if (ip_prefix_equal(&list[i].prefix, p))
            return &list[i];
    return NULL;
}

static const struct listed *listed_longest(const struct ip_address *a)
{
    const struct listed *best = NULL;
    for (u32 i = 0; i < n_listed; i++)
        if (ip_prefix_has(&list[i].prefix, a) && (!best || list[i].prefix.len > best->prefix.len))
            best = &list[i];
    return best;
}

/* The route that data threads find is that of the prefix that the list says, if any; leads there.
 */
static void look_up(const struct test_world *w, const struct ip_address *a)
{
    const struct fib_table_data *t = fib_table_data(T0);
    u32 route = test_family == IP_FAMILY_4 ? ip4_trie_lookup(t, be32_to_host(a->ip4))
                                           : ip6_trie_lookup(t, a);
    const struct listed *best = listed_longest(a);
    struct fib_route r;
    if (!best)
        return;
    must(fib_lookup(w->f, T0, a, &r));
    must(r.prefix.len >= best->prefix.len); /* a next hop has a route of its own */
    must(r.lb.i == route || !fib_route_is_installed(w->f, r.lb));
    if (r.prefix.len != best->prefix.len || r.source != FIB_SOURCE_CLI)
        return;
    u32 adj = fib_resolve(w->f, T0, a, 0).i;
    if (best->path.kind == FIB_PATH_DROP)
        must(adj == ADJ_DROP.i);
    if (best->path.kind == FIB_PATH_ATTACHED)
        must(w->down[best->path.interface.i] ? adj == ADJ_DROP.i
                                             : if_equal(adj_at(adj)->tx_if, best->path.interface));
}

static void set_route(struct test_world *w, struct ip_prefix p, u8 where,
                      const struct ip_address *via)
{
    struct fib_path path = fib_path_special(where & 8 ? FIB_PATH_ATTACHED : FIB_PATH_DROP);
    if (where & 16)
        path = fib_path_via(test_family, *via, where & 32 ? IF_NONE : iface(1 + where % 7));
    else if (where & 8)
        path.interface = iface(1 + where % 7);
    struct listed *x = listed_find(&p);
    if (!x && n_listed == ROUTES_MAX)
        return;
    int rc = fib_route_update(w->f, T0, p, FIB_SOURCE_CLI, &path, 1, NULL);
    must(!rc || rc == -EINVAL); /* no next hop has that address */
    if (rc)
        return;
    if (!x)
        x = &list[n_listed++];
    *x = (struct listed){p, path};
}

static void del_route(struct test_world *w, struct ip_prefix p)
{
    struct listed *x = listed_find(&p);
    int rc = fib_route_delete(w->f, T0, p, FIB_SOURCE_CLI, NULL);
    must(rc == (x ? 0 : -ENOENT));
    if (x)
        *x = list[--n_listed];
}

static void command(struct test_world *w, const u8 *c, u32 address_bytes)
{
    struct ip_address a = {0}, via = {0};
    u32 bits = ip_family_bits(test_family);
    memcpy(a.bytes, c + 2, 4);
    if (address_bytes > 4)
        memcpy(a.bytes + 14, c + 6, address_bytes - 4);
    via = a;
    via.bytes[0] ^= c[1] & 1;
    struct ip_prefix p = {.family = (u8)test_family, .len = (u8)(c[1] % (bits + 1))};
    p.addr = ip_address_mask(&a, p.len);
    u8 where = c[2 + address_bytes];
    switch (c[0] % 8) {
    case 0:
    case 1:
    case 2:
        set_route(w, p, where, &via);
        break;
    case 3:
        del_route(w, p);
        break;
    case 4:
        w->down[1 + where % 7] = where & 64;
        fib_interface_changed(w->f, iface(1 + where % 7));
        break;
    case 5:
        test_grace(w);
        break;
    default:
        break;
    }
    look_up(w, &a);
    look_up(w, &via);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct test_world w;
    if (!size)
        return 0;
    test_family = data[0] & 1 ? IP_FAMILY_6 : IP_FAMILY_4;
    u32 address_bytes = test_family == IP_FAMILY_6 ? 6 : 4, step = 3 + address_bytes;
    n_listed = 0;
    test_world_open(&w);
    for (size_t at = 1; at + step <= size; at += step)
        command(&w, data + at, address_bytes);
    for (u32 i = 0; i < n_listed; i++)
        look_up(&w, &list[i].prefix.addr);
    while (n_listed)
        del_route(&w, list[0].prefix);
    test_grace(&w);
    must(w.f->entries.n_used == test_entries());
    must(w.f->vias.n_used == 0 && w.f->adjs.n_used == ADJ_N_SPECIAL);
    test_world_close(&w);
    return 0;
}

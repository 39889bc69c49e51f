/* IPv6 in the FIB: addresses beside the entries, a trie for data threads. */
#include <stdlib.h>

#include "net/ip/fib/fib_internal.h"

static const struct fib_fixed fixed[] = {
    {{.addr = {{{0}}}, .family = IP_FAMILY_6, .len = 0},
     FIB_SOURCE_DEFAULT_ROUTE,
     FIB_PATH_NO_ROUTE},
    /* of a link, and never beyond it (RFC 4291 2.5.6) */
    {{.addr.bytes = {0xfe, 0x80}, .family = IP_FAMILY_6, .len = 10},
     FIB_SOURCE_SPECIAL,
     FIB_PATH_ADJ},
};

static void fib_ip6_init(struct fib *f)
{
    ip6_route_addresses = mem_reserve(&f->ip6_address_map, "ip6 routes",
                                      (u64)FIB_ROUTES_MAX * sizeof(struct ip_address));
}

static void fib_ip6_fini(struct fib *f)
{
    mem_map_free(&f->ip6_address_map);
    ip6_route_addresses = NULL;
    free(ip6_long_routes);
    ip6_long_routes = NULL;
}

#define WIDE_ROUTES 4096 /* a table with so many has wide words, from then on */

static int fib_ip6_table_new(struct fib_table *t, struct fib_table_data *d, struct error *e)
{
    __atomic_store_n(&d->ip6_root, 0, __ATOMIC_RELEASE);
    return 0;
}

static void fib_ip6_table_end(struct fib *f, struct fib_table_data *d)
{
    assert(!d->ip6_root || d->ip6_wide || f->stopping); /* its routes have gone */
    __atomic_store_n(&d->ip6_root, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&d->ip6_wide, NULL, __ATOMIC_RELEASE);
}

static void fib_ip6_table_free(struct fib_table *t)
{
    mem_map_free(&t->root_map);
}

static void ip6_table_widen(struct fib *f, struct fib_table *t, struct fib_table_data *d)
{
    struct error e;
    if (!mem_map_new(&t->root_map, "ip6 trie root", IP6_WIDE_WORDS * sizeof(u32),
                     (struct mem_page_size){0}, false, &e))
        ip6_trie_widen(&f->tries, d, t->root_map.base);
}

static u32 fib_ip6_lookup(const struct fib_table_data *d, const struct ip_address *a)
{
    return ip6_trie_lookup(d, a);
}

static bool fib_ip6_insert(struct fib *f, struct fib_table *t, u32 entry)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    struct fib_table_data *d = &fib_table_base[e->table];
    if (ip6_trie_insert(&f->tries, d, entry, e->len))
        return false;
    if (!d->ip6_wide && t->n_used >= WIDE_ROUTES)
        ip6_table_widen(f, t, d);
    return true;
}

static void fib_ip6_remove_route(struct fib *f, struct fib_table *t, u32 entry, u32 cover)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    bool is_default = cover == NONE || !fib_entry_at(f, cover)->len;
    ip6_trie_remove(&f->tries, &fib_table_base[e->table], entry, e->len,
                    is_default ? 0 : trie_leaf(cover));
}

static u32 fib_ip6_hash(const struct ip_address *a, u8 len)
{
    u64 low = ip6_low(a), high = load_u64(a->bytes) * 0x9e3779b97f4a7c15ull;
    return ip6_long_hash((u32)(high >> 32), low, len);
}

static void fib_ip6_set_address(struct fib *f, u32 entry, const struct ip_address *a)
{
    fib_entry_at(f, entry)->key = 0;
    ip6_route_addresses[entry] = *a;
}

static bool fib_ip6_has_address(const struct fib *f, u32 entry, const struct ip_address *a)
{
    return ip_address_equal(&ip6_route_addresses[entry], a);
}

static struct ip_address fib_ip6_address(const struct fib *f, u32 entry)
{
    return ip6_route_addresses[entry];
}

struct sort_key {
    struct ip_address addr;
    u32 entry, len;
};

static int fib_ip6_by_prefix(const void *x, const void *y)
{
    const struct sort_key *a = x, *b = y;
    int c = ip_address_compare(&a->addr, &b->addr);
    return c ? c : (int)a->len - (int)b->len;
}

static void fib_ip6_sort(const struct fib *f, u32 *entries, u32 n)
{
    struct sort_key *keys = mem_resize(NULL, ((size_t)n + 1) * sizeof(*keys));
    for (u32 i = 0; i < n; i++)
        keys[i] = (struct sort_key){ip6_route_addresses[entries[i]], entries[i],
                                    fib_entry_at(f, entries[i])->len};
    qsort(keys, n, sizeof(*keys), fib_ip6_by_prefix);
    for (u32 i = 0; i < n; i++)
        entries[i] = keys[i].entry;
    free(keys);
}

const struct fib_protocol fib_ip6 = {
    .tables_max = FIB_TABLES_MAX,
    .fixed = fixed,
    .n_fixed = array_len(fixed),
    .init = fib_ip6_init,
    .fini = fib_ip6_fini,
    .table_new = fib_ip6_table_new,
    .table_end = fib_ip6_table_end,
    .table_free = fib_ip6_table_free,
    .lookup = fib_ip6_lookup,
    .insert = fib_ip6_insert,
    .remove = fib_ip6_remove_route,
    .hash = fib_ip6_hash,
    .set_address = fib_ip6_set_address,
    .has_address = fib_ip6_has_address,
    .address = fib_ip6_address,
    .sort = fib_ip6_sort,
};

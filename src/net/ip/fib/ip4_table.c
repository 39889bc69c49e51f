/* IPv4 in the FIB: addresses in the entries themselves, a trie for data threads. */
#include "base/byteorder.h"
#include "net/ip/fib/fib_internal.h"

static const struct fib_fixed fixed[] = {
    {{.addr = {{{0}}}, .family = IP_FAMILY_4, .len = 0}, FIB_SOURCE_DEFAULT_ROUTE, FIB_PATH_DROP},
    {{.addr = {{{0}}}, .family = IP_FAMILY_4, .len = 32}, FIB_SOURCE_SPECIAL, FIB_PATH_DROP},
    {{.addr.ip4 = BE32(0xf0000000u), .family = IP_FAMILY_4, .len = 4},
     FIB_SOURCE_SPECIAL,
     FIB_PATH_DROP},
    {{.addr.ip4 = BE32(0xe0000000u), .family = IP_FAMILY_4, .len = 4},
     FIB_SOURCE_SPECIAL,
     FIB_PATH_DROP},
    {{.addr.ip4 = BE32(0xffffffffu), .family = IP_FAMILY_4, .len = 32},
     FIB_SOURCE_SPECIAL,
     FIB_PATH_DROP},
};

/* What packets look up in that are under way when their table goes. */
static const u32 empty_root[IP4_TRIE_ROOT_WORDS];

static int fib_ip4_table_new(struct fib_table *t, struct fib_table_data *d, struct error *e)
{
    int rc = mem_map_new(&t->root_map, "ip4 trie root", sizeof(empty_root),
                         (struct mem_page_size){0}, false, e);
    if (rc)
        return rc;
    t->root = t->root_map.base;
    __atomic_store_n(&d->root, t->root, __ATOMIC_RELEASE);
    return 0;
}

static void fib_ip4_table_end(struct fib *f, struct fib_table_data *d)
{
    __atomic_store_n(&d->root, empty_root, __ATOMIC_RELEASE);
}

static void fib_ip4_table_free(struct fib_table *t)
{
    mem_map_free(&t->root_map);
}

static u32 fib_ip4_lookup(const struct fib_table_data *d, const struct ip_address *a)
{
    return ip4_trie_lookup(d, be32_to_host(a->ip4));
}

static bool fib_ip4_insert(struct fib *f, struct fib_table *t, u32 entry)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    return !ip4_trie_insert(&f->tries, t->root, e->key, e->len, entry);
}

static void fib_ip4_remove_route(struct fib *f, struct fib_table *t, u32 entry, u32 cover)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    bool is_default = cover == NONE || !fib_entry_at(f, cover)->len;
    ip4_trie_remove(&f->tries, t->root, e->key, e->len, entry, is_default ? 0 : trie_leaf(cover));
}

static u32 fib_ip4_hash(const struct ip_address *a, u8 len)
{
    u64 h = ((u64)be32_to_host(a->ip4) << 6 | len) * 0x9e3779b97f4a7c15ull;
    return (u32)(h >> 32);
}

static void fib_ip4_set_address(struct fib *f, u32 entry, const struct ip_address *a)
{
    fib_entry_at(f, entry)->key = be32_to_host(a->ip4);
}

static bool fib_ip4_has_address(const struct fib *f, u32 entry, const struct ip_address *a)
{
    return fib_entry_at(f, entry)->key == be32_to_host(a->ip4);
}

static struct ip_address fib_ip4_address(const struct fib *f, u32 entry)
{
    return ip_address_from_ip4(be32_from_host(fib_entry_at(f, entry)->key));
}

/* Sorts keys by their upper 43 bits, 11 at a time from below: 4 passes, and the result is where it
 * began. */
static void fib_ip4_radix_sort(u64 *keys, u64 *spare, u32 n)
{
    for (unsigned shift = 21; shift < 64; shift += 11) {
        u32 count[2049] = {0};
        for (u32 i = 0; i < n; i++)
            count[((keys[i] >> shift) & 2047) + 1]++;
        for (u32 i = 0; i < 2048; i++)
            count[i + 1] += count[i];
        for (u32 i = 0; i < n; i++)
            spare[count[(keys[i] >> shift) & 2047]++] = keys[i];
        u64 *swap = keys;
        keys = spare;
        spare = swap;
    }
}

static void fib_ip4_sort(const struct fib *f, u32 *entries, u32 n)
{
    static_assert(FIB_ROUTES_MAX - 1 <= 0x1fffff, "an index fits below the prefix");
    u64 *keys = mem_resize(NULL, ((size_t)n + 1) * 2 * sizeof(u64));
    for (u32 i = 0; i < n; i++) {
        const struct fib_entry *e = fib_entry_at(f, entries[i]);
        keys[i] = (u64)e->key << 27 | (u64)e->len << 21 | entries[i];
    }
    fib_ip4_radix_sort(keys, keys + n, n);
    for (u32 i = 0; i < n; i++)
        entries[i] = (u32)keys[i] & (FIB_ROUTES_MAX - 1);
    free(keys);
}

const struct fib_protocol fib_ip4 = {
    .tables_max = 4096, /* each has a memory map of its own */
    .fixed = fixed,
    .n_fixed = array_len(fixed),
    .table_new = fib_ip4_table_new,
    .table_end = fib_ip4_table_end,
    .table_free = fib_ip4_table_free,
    .lookup = fib_ip4_lookup,
    .insert = fib_ip4_insert,
    .remove = fib_ip4_remove_route,
    .hash = fib_ip4_hash,
    .set_address = fib_ip4_set_address,
    .has_address = fib_ip4_has_address,
    .address = fib_ip4_address,
    .sort = fib_ip4_sort,
};

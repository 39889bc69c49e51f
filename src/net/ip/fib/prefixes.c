/* The prefixes of a table: an open-addressing hash of entries' indices, and the order that walks
 * take. */
#include <stdlib.h>
#include <string.h>

#include "net/ip/fib/fib_internal.h"

static const struct fib_protocol *prefixes_protocol(const struct fib_table *t)
{
    return fib_protocol(t->family);
}

static u32 prefixes_home(const struct fib *f, const struct fib_table *t, u32 entry)
{
    struct ip_address a = prefixes_protocol(t)->address(f, entry);
    return prefixes_protocol(t)->hash(&a, fib_entry_at(f, entry)->len) & (t->n_slots - 1);
}

u32 fib_entry_find(const struct fib *f, const struct fib_table *t, const struct ip_address *a,
                   u8 len)
{
    const struct fib_protocol *p = prefixes_protocol(t);
    if (!t->n_slots)
        return NONE;
    u32 mask = t->n_slots - 1;
    for (u32 i = p->hash(a, len) & mask; t->slots[i] != NONE; i = (i + 1) & mask)
        if (fib_entry_at(f, t->slots[i])->len == len && p->has_address(f, t->slots[i], a))
            return t->slots[i];
    return NONE;
}

static void prefixes_put(const struct fib *f, struct fib_table *t, u32 entry)
{
    u32 i = prefixes_home(f, t, entry);
    while (t->slots[i] != NONE)
        i = (i + 1) & (t->n_slots - 1);
    t->slots[i] = entry;
}

#define PREFETCHED 16 /* slots ahead: entries lie anywhere */

static void prefixes_resize(const struct fib *f, struct fib_table *t, u32 n_slots)
{
    u32 *old = t->slots, n_old = t->n_slots;
    t->slots = mem_resize(NULL, n_slots * sizeof(u32));
    memset(t->slots, 0xff, n_slots * sizeof(u32));
    t->n_slots = n_slots;
    for (u32 i = 0; i < n_old; i++) {
        u32 soon = i + PREFETCHED < n_old ? old[i + PREFETCHED] : NONE;
        if (soon != NONE)
            __builtin_prefetch(fib_entry_at(f, soon));
        if (old[i] != NONE)
            prefixes_put(f, t, old[i]);
    }
    free(old);
}

void fib_prefixes_add(const struct fib *f, struct fib_table *t, u32 entry)
{
    if ((t->n_used + 1) * 4 > t->n_slots * 3)
        prefixes_resize(f, t, t->n_slots ? t->n_slots * 2 : 16);
    prefixes_put(f, t, entry);
    t->n_used++;
}

void fib_prefixes_del(const struct fib *f, struct fib_table *t, u32 entry)
{
    u32 mask = t->n_slots - 1, i = prefixes_home(f, t, entry);
    while (t->slots[i] != entry)
        i = (i + 1) & mask;
    /* close the gap: what lies behind moves up unless it is where its own search starts */
    for (u32 k = (i + 1) & mask; t->slots[k] != NONE; k = (k + 1) & mask) {
        u32 home = prefixes_home(f, t, t->slots[k]);
        if (((k - home) & mask) < ((k - i) & mask))
            continue;
        t->slots[i] = t->slots[k];
        i = k;
    }
    t->slots[i] = NONE;
    t->n_used--;
    if (t->n_slots > 1024 && t->n_used * 8 < t->n_slots)
        prefixes_resize(f, t, t->n_slots / 4);
}

void fib_prefixes_free(struct fib_table *t)
{
    free(t->slots);
    t->slots = NULL;
    t->n_slots = t->n_used = 0;
}

u32 fib_entry_cover(const struct fib *f, const struct fib_table *t, const struct ip_address *a,
                    u8 len)
{
    for (int k = len - 1; k >= 0; k--) {
        if (!t->n_by_len[k])
            continue;
        struct ip_address cover = ip_address_mask(a, (u32)k);
        u32 e = fib_entry_find(f, t, &cover, (u8)k);
        if (e != NONE && (fib_entry_at(f, e)->flags & ENTRY_INSTALLED))
            return e;
    }
    return NONE;
}

u32 *fib_table_sorted(const struct fib *f, const struct fib_table *t, u32 *n)
{
    u32 *out = mem_resize(NULL, (size_t)(t->n_used + 1) * sizeof(u32));
    *n = 0;
    for (u32 i = 0; i < t->n_slots; i++)
        if (t->slots[i] != NONE)
            out[(*n)++] = t->slots[i];
    prefixes_protocol(t)->sort(f, out, *n);
    return out;
}

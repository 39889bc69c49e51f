/* The prefixes of a table: an open-addressing hash of entries' indices, and the order that walks
 * take. */
#include <stdlib.h>
#include <string.h>

#include "net/ip/fib/fib_internal.h"

static const struct fib_protocol *prefixes_protocol(const struct fib_table *t)
{
    return fib_protocol(t->family);
}

#define SLOTS_FIRST 16
#define SLOTS_MOVED 16  /* at each change: a table is filled long before it is to be left itself */
#define GONE (NONE - 1) /* of old: an entry was here, and others may lie behind it */

static u32 prefixes_home(const struct fib *f, const struct fib_table *t,
                         const struct prefix_slots *s, u32 entry)
{
    struct ip_address a = prefixes_protocol(t)->address(f, entry);
    return prefixes_protocol(t)->hash(&a, fib_entry_at(f, entry)->len) & (s->n - 1);
}

static u32 slots_find(const struct fib *f, const struct fib_table *t, const struct prefix_slots *s,
                      const struct ip_address *a, u8 len)
{
    const struct fib_protocol *p = prefixes_protocol(t);
    if (!s->n)
        return NONE;
    u32 mask = s->n - 1, e;
    for (u32 i = p->hash(a, len) & mask; (e = s->v[i]) != NONE; i = (i + 1) & mask)
        if (e != GONE && fib_entry_at(f, e)->len == len && p->has_address(f, e, a))
            return e;
    return NONE;
}

u32 fib_entry_find(const struct fib *f, const struct fib_table *t, const struct ip_address *a,
                   u8 len)
{
    u32 e = slots_find(f, t, &t->slots, a, len);
    return e != NONE ? e : slots_find(f, t, &t->old, a, len);
}

static void prefixes_put(const struct fib *f, struct fib_table *t, u32 entry)
{
    const struct prefix_slots *s = &t->slots;
    u32 i = prefixes_home(f, t, s, entry);
    while (s->v[i] != NONE)
        i = (i + 1) & (s->n - 1);
    s->v[i] = entry;
}

/* The next n slots of old. */
static void prefixes_move(const struct fib *f, struct fib_table *t, u32 n)
{
    struct prefix_slots *old = &t->old;
    for (; n && t->old_at < old->n; n--, t->old_at++) {
        u32 *slot = &old->v[t->old_at];
        if (*slot == NONE || *slot == GONE)
            continue;
        prefixes_put(f, t, *slot);
        *slot = GONE;
    }
    if (t->old_at < old->n)
        return;
    free(old->v);
    *old = (struct prefix_slots){0};
    t->old_at = 0;
}

/* Another number of slots. The entries move as the table changes: a million of them at once would
 * keep others waiting. */
static void prefixes_resize(const struct fib *f, struct fib_table *t, u32 n)
{
    prefixes_move(f, t, t->old.n);
    t->old = t->slots;
    t->slots = (struct prefix_slots){mem_resize(NULL, n * sizeof(u32)), n};
    memset(t->slots.v, 0xff, n * sizeof(u32));
}

void fib_prefixes_add(const struct fib *f, struct fib_table *t, u32 entry)
{
    if ((t->n_used + 1) * 2 > t->slots.n) /* else what is not there takes many looks */
        prefixes_resize(f, t, t->slots.n ? t->slots.n * 2 : SLOTS_FIRST);
    prefixes_move(f, t, SLOTS_MOVED);
    prefixes_put(f, t, entry);
    t->n_used++;
}

/* Slot of entry, or NONE. */
static u32 slots_place(const struct fib *f, const struct fib_table *t, const struct prefix_slots *s,
                       u32 entry)
{
    if (!s->n)
        return NONE;
    u32 i = prefixes_home(f, t, s, entry);
    while (s->v[i] != entry && s->v[i] != NONE)
        i = (i + 1) & (s->n - 1);
    return s->v[i] == entry ? i : NONE;
}

/* Takes what is in slot i out of the table: what lies behind moves up unless it is where its own
 * search starts. */
static void slots_close(const struct fib *f, struct fib_table *t, u32 i)
{
    const struct prefix_slots *s = &t->slots;
    u32 mask = s->n - 1;
    for (u32 k = (i + 1) & mask; s->v[k] != NONE; k = (k + 1) & mask) {
        u32 home = prefixes_home(f, t, s, s->v[k]);
        if (((k - home) & mask) < ((k - i) & mask))
            continue;
        s->v[i] = s->v[k];
        i = k;
    }
    s->v[i] = NONE;
}

void fib_prefixes_del(const struct fib *f, struct fib_table *t, u32 entry)
{
    u32 i = slots_place(f, t, &t->slots, entry);
    if (i != NONE)
        slots_close(f, t, i);
    else
        t->old.v[slots_place(f, t, &t->old, entry)] = GONE;
    t->n_used--;
    prefixes_move(f, t, SLOTS_MOVED);
    if (t->slots.n > 1024 && t->n_used * 8 < t->slots.n)
        prefixes_resize(f, t, t->slots.n / 4);
}

void fib_prefixes_free(struct fib_table *t)
{
    free(t->slots.v);
    free(t->old.v);
    t->slots = t->old = (struct prefix_slots){0};
    t->n_used = t->old_at = 0;
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

static u32 slots_list(const struct prefix_slots *s, u32 *out)
{
    u32 n = 0;
    for (u32 i = 0; i < s->n; i++)
        if (s->v[i] != NONE && s->v[i] != GONE)
            out[n++] = s->v[i];
    return n;
}

u32 *fib_table_sorted(const struct fib *f, const struct fib_table *t, u32 *n)
{
    u32 *out = mem_resize(NULL, (size_t)(t->n_used + 1) * sizeof(u32));
    *n = slots_list(&t->slots, out);
    *n += slots_list(&t->old, out + *n);
    prefixes_protocol(t)->sort(f, out, *n);
    return out;
}

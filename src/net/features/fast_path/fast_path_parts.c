/* Lists of entries by the parts of forwarding that they depend on (engine/probe.h): a route that
 * changes ends its own entries, and all others stay.
 *
 * A list's head is found by a hash of the part. Parts that share one are told apart by what the
 * entries say, so that there is nothing to keep for a part that has none. */
#include "net/features/fast_path/fast_path_internal.h"

/* --- what an entry depends on --- */

static u32 parts_of(const struct entry_counts *c, struct forwarding_part *out)
{
    u32 n = 0;
    if (c->bridged)
        for (u32 i = 0; i < array_len(c->station); i++)
            out[n++] = (struct forwarding_part){c->station[i], FORWARDING_STATION};
    if (!c->routed)
        return n;
    out[n++] = (struct forwarding_part){c->route, FORWARDING_ROUTE};
    out[n++] = (struct forwarding_part){c->adj, FORWARDING_ADJACENCY};
    if (c->echo)
        out[n++] = (struct forwarding_part){c->own, FORWARDING_ROUTE};
    for (u32 i = 0; i < c->n_via; i++)
        out[n++] = (struct forwarding_part){c->via[i], FORWARDING_ROUTE};
    return n;
}

static bool depends_on(const struct entry_counts *c, struct forwarding_part part)
{
    struct forwarding_part all[ENTRY_PARTS_MAX];
    u32 n = parts_of(c, all);
    for (u32 i = 0; i < n; i++)
        if (all[i].kind == part.kind && all[i].id == part.id)
            return true;
    return false;
}

/* --- lists --- */

/* A link by its number: 1 + the entry's times ENTRY_PARTS_MAX + which of its links; 0: none. */
static struct fast_path_link *parts_link(const struct fast_path *s, u32 number)
{
    u32 i = number - 1;
    return &s->entries[i / ENTRY_PARTS_MAX].link[i % ENTRY_PARTS_MAX];
}

static u32 *parts_head(const struct fast_path *s, struct forwarding_part part)
{
    return &s->heads[hash_bytes(&part, sizeof(part), 0) & (s->n_heads - 1)];
}

void fast_path_parts_add(struct fast_path *s, u32 entry)
{
    struct fast_path_entry *x = &s->entries[entry];
    struct forwarding_part all[ENTRY_PARTS_MAX];
    u32 n = parts_of(&x->counts, all);
    for (u32 i = 0; i < n; i++) {
        u32 *head = parts_head(s, all[i]), number = 1 + entry * ENTRY_PARTS_MAX + i;
        x->link[i] = (struct fast_path_link){.next = *head};
        if (*head)
            parts_link(s, *head)->prev = number;
        *head = number;
    }
}

void fast_path_parts_del(struct fast_path *s, u32 entry)
{
    const struct fast_path_entry *x = &s->entries[entry];
    struct forwarding_part all[ENTRY_PARTS_MAX];
    u32 n = parts_of(&x->counts, all);
    for (u32 i = 0; i < n; i++) {
        struct fast_path_link l = x->link[i];
        if (l.prev)
            parts_link(s, l.prev)->next = l.next;
        else
            *parts_head(s, all[i]) = l.next;
        if (l.next)
            parts_link(s, l.next)->prev = l.prev;
    }
}

u32 fast_path_parts_find(const struct fast_path *s, struct forwarding_part part)
{
    for (u32 at = *parts_head(s, part); at; at = parts_link(s, at)->next) {
        u32 entry = (at - 1) / ENTRY_PARTS_MAX;
        if (depends_on(&s->entries[entry].counts, part))
            return entry;
    }
    return UINT32_MAX;
}

void fast_path_parts_init(struct fast_path *s, u32 n_entries)
{
    s->n_heads = 1;
    while (s->n_heads < n_entries)
        s->n_heads *= 2;
    s->heads = mem_reserve(&s->heads_map, "fast-path lists", (u64)s->n_heads * sizeof(*s->heads));
}

void fast_path_parts_fini(struct fast_path *s)
{
    if (s->heads)
        mem_map_free(&s->heads_map);
    s->heads = NULL;
}

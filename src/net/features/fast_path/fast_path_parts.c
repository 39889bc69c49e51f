/* Lists of entries by the parts of forwarding that they depend on (engine/probe.h): a route that
 * changes ends its own entries, and all others stay.
 *
 * Of routes and adjacencies that is the entries' way, which has a list of them; of stations each
 * entry itself. A list's head is found by a hash of the part. Parts that share one are told apart
 * by what ways and entries say, so that there is nothing to keep for a part that has none. */
#include "net/features/fast_path/fast_path_internal.h"
#include "net/l2/l2.h"

#define ENTRY_LINKS ((u32)array_len(((struct fast_path_entry *)0)->link))

/* --- what a way depends on --- */

static u32 parts_of_way(const struct way_key *k, struct forwarding_part out[WAY_PARTS_MAX])
{
    const struct way_counts *c = &k->counts;
    u32 n = 0;
    if (!c->routed)
        return n;
    out[n++] = (struct forwarding_part){c->route, FORWARDING_ROUTE};
    out[n++] = (struct forwarding_part){c->adj, FORWARDING_ADJACENCY};
    if (c->echo)
        out[n++] = (struct forwarding_part){c->own, FORWARDING_ROUTE};
    for (u32 i = 0; i < c->n_via; i++)
        out[n++] = (struct forwarding_part){c->via[i], FORWARDING_ROUTE};
    if (c->tx_bvi)
        out[n++] =
            (struct forwarding_part){l2_station(c->tx[0], k->action.macs), FORWARDING_STATION};
    return n;
}

static bool way_depends_on(const struct way_key *k, struct forwarding_part part)
{
    struct forwarding_part all[WAY_PARTS_MAX];
    u32 n = parts_of_way(k, all);
    for (u32 i = 0; i < n; i++)
        if (all[i].kind == part.kind && all[i].id == part.id)
            return true;
    return false;
}

/* Of a bridged entry: who packets are to (0), and from (1). */
static struct forwarding_part part_of_entry(const struct fast_path *s, u32 entry, u32 which)
{
    const struct way_counts *c = &fast_path_way_of(s, entry)->key.counts;
    const u8 *ethernet = s->entries[entry].key + offsetof(struct fast_path_key, ethernet);
    if (!c->n_rx) /* the interface is gone */
        return (struct forwarding_part){0};
    return (struct forwarding_part){l2_station(way_l2_rx(c), ethernet + 6 * which),
                                    FORWARDING_STATION};
}

/* --- lists --- */

/* A link by its number: from 1 on those of entries, then those of ways; 0: none. */
static struct fast_path_link *parts_link(const struct fast_path *s, u32 number)
{
    u32 i = number - 1, n = s->backend->max * ENTRY_LINKS;
    return i < n ? &s->entries[i / ENTRY_LINKS].link[i % ENTRY_LINKS]
                 : &s->ways[(i - n) / WAY_PARTS_MAX].link[(i - n) % WAY_PARTS_MAX];
}

static u32 entry_link(u32 entry, u32 which)
{
    return 1 + entry * ENTRY_LINKS + which;
}

static u32 way_link(const struct fast_path *s, u32 way, u32 which)
{
    return 1 + s->backend->max * ENTRY_LINKS + way * WAY_PARTS_MAX + which;
}

/* Heads by number: of parts, by their hash, then of ways. A first link's prev is that number, and
 * this bit: what an entry depends on need not be known any more when it goes. */
#define IS_HEAD (1u << 31)

static u32 *parts_head(const struct fast_path *s, u32 number)
{
    return number < s->n_heads ? &s->heads[number] : &s->ways[number - s->n_heads].first;
}

static u32 parts_head_of(const struct fast_path *s, struct forwarding_part part)
{
    return (u32)hash_bytes(&part, sizeof(part), 0) & (s->n_heads - 1);
}

static void link_add(struct fast_path *s, u32 head, u32 number)
{
    u32 *first = parts_head(s, head);
    *parts_link(s, number) = (struct fast_path_link){*first, IS_HEAD | head};
    if (*first)
        parts_link(s, *first)->prev = number;
    *first = number;
}

static void link_del(struct fast_path *s, struct fast_path_link *l)
{
    if (!l->prev)
        return;
    if (l->prev & IS_HEAD)
        *parts_head(s, l->prev & ~IS_HEAD) = l->next;
    else
        parts_link(s, l->prev)->next = l->next;
    if (l->next)
        parts_link(s, l->next)->prev = l->prev;
    *l = (struct fast_path_link){0};
}

void fast_path_parts_add_way(struct fast_path *s, u32 way)
{
    struct forwarding_part all[WAY_PARTS_MAX];
    u32 n = parts_of_way(&s->ways[way].key, all);
    for (u32 i = 0; i < n; i++)
        link_add(s, parts_head_of(s, all[i]), way_link(s, way, i));
}

void fast_path_parts_del_way(struct fast_path *s, u32 way)
{
    for (u32 i = 0; i < WAY_PARTS_MAX; i++)
        link_del(s, &s->ways[way].link[i]);
}

void fast_path_parts_add(struct fast_path *s, u32 entry)
{
    u32 way = s->entries[entry].way;
    const struct way_counts *c = &s->ways[way].key.counts;
    if (c->routed)
        link_add(s, s->n_heads + way, entry_link(entry, 0));
    for (u32 i = c->routed; c->bridged && i < ENTRY_LINKS; i++)
        link_add(s, parts_head_of(s, part_of_entry(s, entry, i)), entry_link(entry, i));
}

void fast_path_parts_del(struct fast_path *s, u32 entry)
{
    for (u32 i = 0; i < ENTRY_LINKS; i++)
        link_del(s, &s->entries[entry].link[i]);
}

u32 fast_path_parts_find(const struct fast_path *s, struct forwarding_part part)
{
    u32 n = s->backend->max * ENTRY_LINKS;
    for (u32 at = s->heads[parts_head_of(s, part)]; at; at = parts_link(s, at)->next) {
        u32 i = at - 1;
        if (i < n) {
            struct forwarding_part own = part_of_entry(s, i / ENTRY_LINKS, i % ENTRY_LINKS);
            if (part.kind == own.kind && part.id == own.id)
                return i / ENTRY_LINKS;
            continue;
        }
        const struct fast_path_way *w = &s->ways[(i - n) / WAY_PARTS_MAX];
        if (w->first && way_depends_on(&w->key, part))
            return (w->first - 1) / ENTRY_LINKS;
    }
    return UINT32_MAX;
}

void fast_path_parts_init(struct fast_path *s)
{
    s->n_heads = 1;
    while (s->n_heads < s->backend->max)
        s->n_heads *= 2;
    s->heads = mem_reserve(&s->heads_map, "fast-path lists", (u64)s->n_heads * sizeof(*s->heads));
}

void fast_path_parts_fini(struct fast_path *s)
{
    if (s->heads)
        mem_map_free(&s->heads_map);
    s->heads = NULL;
}

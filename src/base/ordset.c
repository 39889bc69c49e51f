/* A sorted array in pieces: see ordset.h. A piece that is full is cut in two, one that empties
 * goes; small ones that stand side by side become one. */
#include "base/ordset.h"

#define CHUNK_MOST 256u

void ordset_fini(struct ordset *s)
{
    for (u32 i = 0; i < s->chunks.n; i++)
        vec_free(&s->chunks.v[i].items);
    vec_free(&s->chunks);
    s->n = 0;
}

static u32 first_not_before(const u32 *items, u32 n, ordset_order *order, const void *ctx,
                            const void *key)
{
    u32 low = 0, high = n;
    while (low < high) {
        u32 mid = (low + high) / 2;
        if (order(ctx, items[mid], key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The first chunk whose last item is not in front of the key. */
static u32 chunk_of(const struct ordset *s, ordset_order *order, const void *ctx, const void *key)
{
    u32 low = 0, high = s->chunks.n;
    while (low < high) {
        u32 mid = (low + high) / 2;
        const struct ordset_chunk *c = &s->chunks.v[mid];
        if (order(ctx, c->items.v[c->items.n - 1], key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct ordset_pos ordset_find(const struct ordset *s, ordset_order *order, const void *ctx,
                              const void *key)
{
    struct ordset_pos pos = {chunk_of(s, order, ctx, key), 0};
    if (pos.chunk < s->chunks.n) {
        const struct ordset_chunk *c = &s->chunks.v[pos.chunk];
        pos.at = first_not_before(c->items.v, c->items.n, order, ctx, key);
    }
    return pos;
}

static void chunk_insert(struct ordset *s, u32 at)
{
    vec_add(&s->chunks, ((struct ordset_chunk){{0}}));
    memmove(&s->chunks.v[at + 1], &s->chunks.v[at],
            (s->chunks.n - 1 - at) * sizeof(s->chunks.v[0]));
    s->chunks.v[at] = (struct ordset_chunk){{0}};
}

static void items_insert(struct ordset_chunk *c, u32 at, const u32 *items, u32 n)
{
    vec_reserve(&c->items, c->items.n + n);
    memmove(&c->items.v[at + n], &c->items.v[at], (c->items.n - at) * sizeof(u32));
    memcpy(&c->items.v[at], items, n * sizeof(u32));
    c->items.n += n;
}

/* The upper half of a full chunk becomes one of its own. */
static void ordset_split(struct ordset *s, u32 chunk)
{
    chunk_insert(s, chunk + 1);
    struct ordset_chunk *low = &s->chunks.v[chunk], *high = &s->chunks.v[chunk + 1];
    u32 kept = low->items.n / 2;
    items_insert(high, 0, &low->items.v[kept], low->items.n - kept);
    low->items.n = kept;
}

void ordset_add(struct ordset *s, u32 index, ordset_order *order, const void *ctx, const void *key)
{
    if (!s->chunks.n)
        chunk_insert(s, 0);
    struct ordset_pos pos = s->n ? ordset_find(s, order, ctx, key) : (struct ordset_pos){0, 0};
    if (pos.chunk == s->chunks.n) { /* behind all */
        pos.chunk--;
        pos.at = s->chunks.v[pos.chunk].items.n;
    }
    if (s->chunks.v[pos.chunk].items.n == CHUNK_MOST) {
        ordset_split(s, pos.chunk);
        u32 kept = s->chunks.v[pos.chunk].items.n;
        if (pos.at > kept)
            pos = (struct ordset_pos){pos.chunk + 1, pos.at - kept};
    }
    items_insert(&s->chunks.v[pos.chunk], pos.at, &index, 1);
    s->n++;
}

static void chunk_remove(struct ordset *s, u32 chunk)
{
    vec_free(&s->chunks.v[chunk].items);
    vec_del(&s->chunks, chunk);
    if (!s->chunks.n)
        vec_free(&s->chunks);
}

/* Joins the chunk with the one behind it when they fit in half of one. */
static void ordset_join(struct ordset *s, u32 chunk)
{
    if (chunk + 1 >= s->chunks.n)
        return;
    struct ordset_chunk *low = &s->chunks.v[chunk], *high = &s->chunks.v[chunk + 1];
    if (low->items.n + high->items.n > CHUNK_MOST / 2)
        return;
    items_insert(low, low->items.n, high->items.v, high->items.n);
    chunk_remove(s, chunk + 1);
}

bool ordset_del(struct ordset *s, u32 index, ordset_order *order, const void *ctx, const void *key)
{
    u32 found;
    struct ordset_pos pos = ordset_find(s, order, ctx, key);
    while (ordset_get(s, pos, &found) && found != index && !order(ctx, found, key))
        pos = ordset_next(s, pos);
    if (!ordset_get(s, pos, &found) || found != index)
        return false;
    vec_del(&s->chunks.v[pos.chunk].items, pos.at);
    s->n--;
    if (!s->chunks.v[pos.chunk].items.n)
        chunk_remove(s, pos.chunk);
    else
        ordset_join(s, pos.chunk);
    return true;
}

bool ordset_get(const struct ordset *s, struct ordset_pos pos, u32 *index)
{
    if (pos.chunk >= s->chunks.n)
        return false;
    *index = s->chunks.v[pos.chunk].items.v[pos.at];
    return true;
}

struct ordset_pos ordset_next(const struct ordset *s, struct ordset_pos pos)
{
    return ++pos.at < s->chunks.v[pos.chunk].items.n ? pos : (struct ordset_pos){pos.chunk + 1, 0};
}

bool ordset_back(const struct ordset *s, struct ordset_pos *pos)
{
    if (!pos->at && !pos->chunk)
        return false;
    if (!pos->at)
        pos->at = s->chunks.v[--pos->chunk].items.n;
    pos->at--;
    return true;
}

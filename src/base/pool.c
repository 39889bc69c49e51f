/* Pool of fixed-size objects. Indices are handed out in three ways: freed ones below `high` from a
 * list threaded through the free objects, then `high` itself, and any chosen one by pool_get_at.
 * The bitmap is the truth; the list holds exactly the unused indices below `high`. */
#include "base/pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"

/* Pages of an empty tail are given back in pieces of at least this, so that a pool that breathes at
 * its end does not call the kernel each time. */
#define TRIM_BYTES (256u << 10)

/* Lies in a free object below `high`; index + 1, 0: none. */
struct free_link {
    u32 prev, next;
};

static bool bit_get(const struct pool *p, u32 i)
{
    return p->used[i / 64] >> (i % 64) & 1;
}

static struct free_link *link_at(const struct pool *p, u32 i)
{
    return pool_at(p, i);
}

static void free_push(struct pool *p, u32 i)
{
    *link_at(p, i) = (struct free_link){.next = p->free_head};
    if (p->free_head)
        link_at(p, p->free_head - 1)->prev = i + 1;
    p->free_head = i + 1;
}

static void free_unlink(struct pool *p, u32 i)
{
    struct free_link l = *link_at(p, i);
    if (l.prev)
        link_at(p, l.prev - 1)->next = l.next;
    else
        p->free_head = l.next;
    if (l.next)
        link_at(p, l.next - 1)->prev = l.prev;
}

void pool_init(struct pool *p, const char *name, u32 elt_bytes, u32 align, u32 max)
{
    assert(align >= sizeof(struct free_link) && !(align & (align - 1)));
    assert(max < POOL_NONE);
    *p = (struct pool){.stride_bytes = (u32)round_up_u64(elt_bytes ? elt_bytes : 1, align),
                       .max = max};
    p->base = mem_reserve(&p->map, name, (u64)p->stride_bytes * (max ? max : 1));
    p->used = mem_reserve(&p->used_map, name, ((u64)max + 64) / 64 * 8);
}

void pool_init_steady(struct pool *p, const char *name, u32 elt_bytes, u32 align, u32 max)
{
    pool_init(p, name, elt_bytes, align, max);
    p->steady = true;
}

void pool_fini(struct pool *p)
{
    mem_map_free(&p->map);
    mem_map_free(&p->used_map);
    *p = (struct pool){0};
}

static void pool_take(struct pool *p, u32 i)
{
    p->used[i / 64] |= 1ull << (i % 64);
    p->n_used++;
    if (i >= p->top)
        p->top = i + 1;
    memset(pool_at(p, i), 0, p->stride_bytes);
}

u32 pool_get(struct pool *p)
{
    u32 i;
    if (p->free_head) {
        i = p->free_head - 1;
        free_unlink(p, i);
    } else {
        while (p->high < p->top && bit_get(p, p->high))
            p->high++;
        if (p->high >= p->max)
            return POOL_NONE;
        i = p->high++;
    }
    pool_take(p, i);
    return i;
}

bool pool_get_at(struct pool *p, u32 index)
{
    if (index >= p->max || bit_get(p, index))
        return false;
    if (index < p->high)
        free_unlink(p, index);
    pool_take(p, index);
    return true;
}

/* Lowers p->top to just above the highest used index. */
static void lower_top(struct pool *p)
{
    u32 top = p->top;
    while (top) {
        u32 word = (top - 1) / 64;
        u64 below = p->used[word] & (~0ull >> (63 - (top - 1) % 64));
        if (below) {
            p->top = word * 64 + 64 - (u32)__builtin_clzll(below);
            return;
        }
        top = word * 64;
    }
    p->top = 0;
}

static void give_back_tail(struct pool *p)
{
    u64 from = (u64)p->top * p->stride_bytes, to = (u64)p->touched * p->stride_bytes;
    if (to < from + TRIM_BYTES)
        return;
    from = round_up_u64(from, p->map.page_size_bytes);
    to = round_up_u64(to, p->map.page_size_bytes);
    madvise(p->base + from, to - from, MADV_DONTNEED);
    p->touched = p->top;
}

void pool_put(struct pool *p, u32 index)
{
    if (!pool_is_used(p, index))
        panic("pool %s: index %u is not in use", p->map.name, index);
    p->used[index / 64] &= ~(1ull << (index % 64));
    p->n_used--;
    if (p->steady && index < p->high) {
        free_push(p, index);
        return;
    }
    if (p->touched < p->top)
        p->touched = p->top;
    if (index < p->high)
        free_push(p, index);
    if (index + 1 == p->top)
        lower_top(p);
    while (p->high > p->top)
        free_unlink(p, --p->high);
    give_back_tail(p);
}

bool pool_is_used(const struct pool *p, u32 index)
{
    return index < p->top && bit_get(p, index);
}

u32 pool_next(const struct pool *p, u32 from)
{
    if (from >= p->top)
        return POOL_NONE;
    u32 word = from / 64, last = (p->top - 1) / 64;
    u64 bits = p->used[word] & (~0ull << (from % 64));
    while (!bits) {
        if (++word > last)
            return POOL_NONE;
        bits = p->used[word];
    }
    return word * 64 + (u32)__builtin_ctzll(bits);
}

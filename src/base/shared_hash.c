/* See shared_hash.h. */
#include "base/shared_hash.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"

#define SPLIT_ABOVE 5u /* entries to a bucket */
#define JOIN_BELOW 2u
#define GIVE_BACK_BYTES (256u << 10)

static void random_bytes(void *p, size_t n)
{
    u64 now = clock_ns() ^ (u64)(uintptr_t)p;
    memcpy(p, &now, min_u64(n, sizeof(now)));
    if (getrandom(p, n, GRND_NONBLOCK) != (ssize_t)n) {
        /* early in boot: the time must do */
    }
}

void shared_hash_init(struct shared_hash *h, const struct shared_hash_args *a)
{
    assert(a->key_words && a->key_words <= SHARED_HASH_WORDS_MAX);
    *h = (struct shared_hash){.keys = a->keys,
                              .stride = a->stride_bytes,
                              .words = a->key_words,
                              .max = a->max,
                              .max_buckets = a->max / SPLIT_ABOVE + 1,
                              .gives_back = a->gives_back,
                              .shape = 1};
    h->max_more = h->max_buckets / 2 + 16;
    random_bytes(h->seed, sizeof(h->seed));
    h->buckets = mem_reserve(
        &h->map, a->name, ((u64)h->max_buckets + h->max_more) * sizeof(struct shared_hash_bucket));
}

void shared_hash_fini(struct shared_hash *h)
{
    mem_map_free(&h->map);
}

static void publish_count(u32 *count, u32 n)
{
    __atomic_store_n(count, n, __ATOMIC_RELAXED);
}

static u32 shared_hash_count_of(const u32 *count)
{
    return __atomic_load_n(count, __ATOMIC_RELAXED);
}

u32 shared_hash_count(const struct shared_hash *h)
{
    return shared_hash_count_of(&h->n_used);
}

static u32 n_all_buckets(const struct shared_hash *h)
{
    return (u32)__atomic_load_n(&h->shape, __ATOMIC_RELAXED) +
           shared_hash_count_of(&h->more_opened);
}

u32 shared_hash_places(const struct shared_hash *h)
{
    return n_all_buckets(h) * SHARED_HASH_SLOTS;
}

u64 shared_hash_bytes(const struct shared_hash *h)
{
    return (u64)n_all_buckets(h) * sizeof(struct shared_hash_bucket);
}

/* --- buckets --- */

static u32 n_buckets(const struct shared_hash *h)
{
    return (u32)h->shape;
}

/* Tells readers who do not find their key to look again. */
static void publish_shape(struct shared_hash *h, u32 n)
{
    u64 version = (h->shape >> 32) + 1;
    __atomic_store_n(&h->shape, version << 32 | n, __ATOMIC_RELEASE);
}

static struct shared_hash_bucket *more_of(const struct shared_hash *h,
                                          const struct shared_hash_bucket *b)
{
    return b->more ? &h->buckets[h->max_buckets + b->more - 1] : NULL;
}

static void set_slot(struct shared_hash_bucket *b, u32 k, u8 tag, u32 index)
{
    __atomic_store_n(&b->index[k], index, __ATOMIC_RELEASE);
    __atomic_store_n(&b->tag[k], tag, __ATOMIC_RELEASE);
}

static void clear_slot(struct shared_hash_bucket *b, u32 k)
{
    __atomic_store_n(&b->tag[k], 0, __ATOMIC_RELEASE);
}

static void clear_slots(struct shared_hash_bucket *b, u32 slots)
{
    for (; slots; slots &= slots - 1)
        clear_slot(b, (u32)__builtin_ctz(slots));
}

/* Slots with an entry, a bit each. */
static u32 slots_used(const struct shared_hash_bucket *b)
{
    return ~shared_hash_match(b, 0) & ((1u << SHARED_HASH_SLOTS) - 1);
}

/* Number + 1 of an empty bucket for others to go on in; 0: there is none. */
static u32 more_new(struct shared_hash *h)
{
    u32 more = h->more_free;
    if (more)
        h->more_free = h->buckets[h->max_buckets + more - 1].index[0];
    else if (h->more_opened < h->max_more)
        publish_count(&h->more_opened, more = h->more_opened + 1);
    return more;
}

/* A reader may still be in it: it sees no entries, or those of others, and then that the shape has
 * changed. */
static void more_free(struct shared_hash *h, u32 more)
{
    struct shared_hash_bucket *b = &h->buckets[h->max_buckets + more - 1];
    __atomic_store_n(&b->more, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&b->index[0], h->more_free, __ATOMIC_RELEASE);
    h->more_free = more;
}

/* false: the bucket is full, and no other can go on for it. */
static bool bucket_put(struct shared_hash *h, struct shared_hash_bucket *b, u8 tag, u32 index)
{
    for (;; b = more_of(h, b)) {
        u32 empty = shared_hash_match(b, 0);
        if (likely(empty)) {
            set_slot(b, (u32)__builtin_ctz(empty), tag, index);
            return true;
        }
        if (!b->more)
            break;
    }
    u32 more = more_new(h);
    if (!more)
        return false;
    set_slot(&h->buckets[h->max_buckets + more - 1], 0, tag, index);
    __atomic_store_n(&b->more, more, __ATOMIC_RELEASE);
    return true;
}

/* Frees buckets behind b that have become empty. */
static void bucket_tidy(struct shared_hash *h, struct shared_hash_bucket *b)
{
    while (b->more) {
        struct shared_hash_bucket *next = more_of(h, b);
        if (slots_used(next)) {
            b = next;
            continue;
        }
        u32 gone = b->more;
        __atomic_store_n(&b->more, next->more, __ATOMIC_RELEASE);
        publish_shape(h, n_buckets(h));
        more_free(h, gone);
    }
}

static u64 hash_at(const struct shared_hash *h, u32 index)
{
    const u64 *key = shared_hash_key(h, index);
    return likely(h->words == 2) ? shared_hash_of(h, key, 2) : shared_hash_of(h, key, h->words);
}

static void prefetch_keys(const struct shared_hash *h, const struct shared_hash_bucket *b)
{
    for (u32 m = slots_used(b); m; m &= m - 1)
        __builtin_prefetch(shared_hash_key(h, b->index[__builtin_ctz(m)]));
}

/* --- growing and shrinking --- */

/* The bucket that n is split off from. */
static u32 origin_of(u32 n)
{
    return n - (1u << (31 - __builtin_clz(n)));
}

/* Slots of b whose entries belong into bucket n, the last one of n + 1. */
static u32 slots_of(const struct shared_hash *h, const struct shared_hash_bucket *b, u32 n)
{
    u32 found = 0;
    for (u32 m = slots_used(b); m; m &= m - 1) {
        u32 k = (u32)__builtin_ctz(m);
        found |= (u32)(shared_hash_place(hash_at(h, b->index[k]), n + 1) == n) << k;
    }
    return found;
}

/* What belongs into bucket n, which is empty, goes there, from the one it was split off. *moved:
 * from which slots of that itself. Slots are counted: tags that were written one by one just now
 * would be waited for to be compared. */
static bool copy_out(struct shared_hash *h, struct shared_hash_bucket *from, u32 n, u32 *moved)
{
    struct shared_hash_bucket *to = &h->buckets[n];
    u32 filled = 0;
    for (struct shared_hash_bucket *b = from; b; b = more_of(h, b)) {
        prefetch_keys(h, b);
        u32 found = slots_of(h, b, n);
        if (b == from)
            *moved = found;
        for (; found; found &= found - 1) {
            u32 k = (u32)__builtin_ctz(found);
            if (filled < SHARED_HASH_SLOTS)
                set_slot(to, filled++, b->tag[k], b->index[k]);
            else if (!bucket_put(h, to, b->tag[k], b->index[k]))
                return false;
        }
    }
    return true;
}

static void shared_hash_empty(struct shared_hash *h, struct shared_hash_bucket *from)
{
    for (struct shared_hash_bucket *b = from; b; b = more_of(h, b))
        clear_slots(b, slots_used(b));
    bucket_tidy(h, from);
}

/* Adds bucket n, with what belongs there. */
static void shared_hash_split(struct shared_hash *h)
{
    u32 n = n_buckets(h), moved = 0;
    struct shared_hash_bucket *from = &h->buckets[origin_of(n)];
    if (!copy_out(h, from, n, &moved)) {
        shared_hash_empty(h, &h->buckets[n]); /* later, perhaps */
        return;
    }
    publish_shape(h, n + 1);
    clear_slots(from, moved);
    for (struct shared_hash_bucket *b = more_of(h, from); b; b = more_of(h, b))
        clear_slots(b, slots_of(h, b, n));
    bucket_tidy(h, from);
}

static void give_back(struct shared_hash *h)
{
    u64 bytes = (u64)n_buckets(h) * sizeof(h->buckets[0]);
    if (h->gives_back && bytes % GIVE_BACK_BYTES == 0)
        madvise((u8 *)h->buckets + round_up_u64(bytes, h->map.page_size_bytes), GIVE_BACK_BYTES,
                MADV_DONTNEED);
}

/* Takes the last bucket away. */
static void shared_hash_join(struct shared_hash *h)
{
    u32 n = n_buckets(h) - 1;
    struct shared_hash_bucket *from = &h->buckets[n], *to = &h->buckets[origin_of(n)];
    for (struct shared_hash_bucket *b = from; b; b = more_of(h, b))
        for (u32 k = 0; k < SHARED_HASH_SLOTS; k++)
            if (b->tag[k] && !bucket_put(h, to, b->tag[k], b->index[k]))
                panic("%s: no room to join buckets of few entries", h->map.name);
    publish_shape(h, n);
    shared_hash_empty(h, from);
    give_back(h);
}

/* --- changes --- */

static struct shared_hash_bucket *home_of(const struct shared_hash *h, u64 hash)
{
    return &h->buckets[shared_hash_place(hash, n_buckets(h))];
}

bool shared_hash_add(struct shared_hash *h, u32 index)
{
    u64 hash = hash_at(h, index);
    if (h->n_used == h->max || !bucket_put(h, home_of(h, hash), shared_hash_tag(hash), index))
        return false;
    publish_count(&h->n_used, h->n_used + 1);
    if (h->n_used < n_buckets(h) * SPLIT_ABOVE || n_buckets(h) == h->max_buckets)
        return true;
    if (h->n_used > n_buckets(h) * SPLIT_ABOVE)
        shared_hash_split(h);
    else /* what the next one splits */
        prefetch_keys(h, &h->buckets[origin_of(n_buckets(h))]);
    return true;
}

static u8 *shared_hash_find_slot(struct shared_hash *h, u64 hash, u32 index,
                                 struct shared_hash_bucket **at)
{
    u8 tag = shared_hash_tag(hash);
    for (struct shared_hash_bucket *b = home_of(h, hash); b; b = more_of(h, b))
        for (u32 m = shared_hash_match(b, tag); m; m &= m - 1) {
            u32 k = (u32)__builtin_ctz(m);
            if (b->index[k] == index) {
                *at = b;
                return &b->tag[k];
            }
        }
    panic("%s: index %u is not in the table", h->map.name, index);
}

void shared_hash_remove(struct shared_hash *h, u32 index)
{
    struct shared_hash_bucket *b;
    u64 hash = hash_at(h, index);
    u8 *tag = shared_hash_find_slot(h, hash, index, &b);
    clear_slot(b, (u32)(tag - b->tag));
    publish_count(&h->n_used, h->n_used - 1);
    if (b != home_of(h, hash))
        bucket_tidy(h, home_of(h, hash));
    if (n_buckets(h) > 1 && h->n_used < n_buckets(h) * JOIN_BELOW)
        shared_hash_join(h);
}

void shared_hash_replace(struct shared_hash *h, u32 old, u32 new)
{
    struct shared_hash_bucket *b;
    u8 *tag = shared_hash_find_slot(h, hash_at(h, old), old, &b);
    __atomic_store_n(&b->index[tag - b->tag], new, __ATOMIC_RELEASE);
}

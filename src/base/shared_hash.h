/* Hash table that one thread changes while any others look up, without locks: sessions, neighbours,
 * whatever is found by a key of some words. It maps a key to a small index; the key itself lies in
 * the object of that index, where the lookup goes next anyway.
 *
 *   bucket, one cache line:  12 tags (8 bits of the hash) ─ 12 indices ─ bucket that goes on
 *                               │ match all at once            │
 *                               └──────────────────────────────┴─► object: its key is compared
 *
 * So a lookup is two cache misses, which lookups of many keys overlap. A bucket is split when there
 * are more than five entries to each, one at a time (linear hashing), and two are joined when there
 * are few: no change takes long, and no reader waits. An entry that moves is in both buckets first.
 * Whoever does not find its key looks whether the shape has changed meanwhile, and looks again
 * then.
 *
 * Who changes the table: one thread at a time. What an index means to readers is theirs to agree
 * on: an object that others may have found is changed or given to another key only after a grace
 * period (engine_defer_free), or by the readers' own thread.
 *
 * All memory is address space that shared_hash_init reserves: no change allocates. Hashes have a
 * random seed, since keys come from the network. Source: own design; linear hashing after W.
 * Litwin, tags in a line after F14 (Facebook). */
#pragma once

#include "base/mem.h"
#include "base/simd.h"
#include "base/types.h"
#include "base/wide.h"

#define SHARED_HASH_NONE UINT32_MAX
#define SHARED_HASH_SLOTS 12
#define SHARED_HASH_WORDS_MAX 16
#define SHARED_HASH_BATCH 64 /* lookups that overlap */

struct shared_hash_bucket {
    u32 index[SHARED_HASH_SLOTS];
    u8 tag[SHARED_HASH_SLOTS]; /* 0: the slot is empty */
    u32 more;                  /* where it goes on: number + 1, 0: nowhere */
} CACHE_ALIGNED;
static_assert(sizeof(struct shared_hash_bucket) == CACHE_LINE_BYTES, "a miss");

struct shared_hash {
    struct shared_hash_bucket *buckets; /* max_buckets, then those that others go on in */
    const u8 *keys;                     /* of index i: at i * stride, whole words */
    u64 seed[2];
    u64 shape; /* buckets in use, and 32 bits that change whenever an entry may have moved */
    u32 stride, words;
    u32 max_buckets;
    /* the one who changes it; counts are read by others */
    u32 n_used CACHE_ALIGNED;
    u32 max;
    u32 more_free, more_opened,
        max_more; /* buckets that others go on in: list, used once, in all */
    bool gives_back;
    struct mem_map map;
};

struct shared_hash_args {
    const char *name;
    u32 max;          /* entries */
    const void *keys; /* of index 0; 8-byte aligned, borrowed for as long as the table lives */
    u32 stride_bytes; /* from one index's key to the next's */
    u32 key_words;    /* of 8 bytes; 1 to SHARED_HASH_WORDS_MAX */
    bool gives_back;  /* memory to the kernel when there are few entries: by system calls, so not
                         where a data thread changes the table */
};

void shared_hash_init(struct shared_hash *h, const struct shared_hash_args *a);
void shared_hash_fini(struct shared_hash *h);

/* ---- looking up: any thread ---- */

ALWAYS_INLINE u64 shared_hash_mix(u64 a, u64 b)
{
    struct u128 product = wide_mul(a, b);
    return product.low ^ product.high;
}

/* words: h->words, as a constant where it is one. */
ALWAYS_INLINE u64 shared_hash_of(const struct shared_hash *h, const u64 *key, u32 words)
{
    u64 x = h->seed[0];
    for (u32 i = 0; i + 1 < words; i += 2)
        x = shared_hash_mix(x ^ key[i], h->seed[1] ^ key[i + 1]);
    if (words % 2)
        x = shared_hash_mix(x ^ key[words - 1], h->seed[1]);
    return shared_hash_mix(x, 0x9e3779b97f4a7c15ull);
}

ALWAYS_INLINE u8 shared_hash_tag(u64 hash)
{
    u8 tag = (u8)(hash >> 56);
    return tag ? tag : 1;
}

/* The bucket among n of a hash. */
ALWAYS_INLINE u32 shared_hash_place(u64 hash, u32 n)
{
    u32 mask = n > 1 ? UINT32_MAX >> __builtin_clz(n - 1) : 0, at = (u32)hash & mask;
    return at < n ? at : at & mask >> 1;
}

/* Slots of b with this tag, a bit each. What is read after this was there when the tags were. */
ALWAYS_INLINE u32 shared_hash_match(const struct shared_hash_bucket *b, u8 tag)
{
#if defined(__SANITIZE_THREAD__)
    u32 found = 0;
    for (u32 i = 0; i < SHARED_HASH_SLOTS; i++)
        found |= (u32)(__atomic_load_n(&b->tag[i], __ATOMIC_ACQUIRE) == tag) << i;
    return found;
#else
    u32 found = simd_match16(b->tag, tag) & ((1u << SHARED_HASH_SLOTS) - 1);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return found;
#endif
}

ALWAYS_INLINE const u64 *shared_hash_key(const struct shared_hash *h, u32 index)
{
    return (const u64 *)(const void *)(h->keys + (size_t)index * h->stride);
}

ALWAYS_INLINE bool shared_hash_same(const u64 *a, const u64 *b, u32 words)
{
    u64 differ = 0;
    for (u32 i = 0; i < words; i++)
        differ |= a[i] ^ b[i];
    return !differ;
}

/* Index of the key, whose hash is known. */
ALWAYS_INLINE u32 shared_hash_find_hashed(const struct shared_hash *h, const u64 *key, u32 words,
                                          u64 hash)
{
    u64 shape = __atomic_load_n(&h->shape, __ATOMIC_ACQUIRE), before;
    u8 tag = shared_hash_tag(hash);
    do {
        const struct shared_hash_bucket *b = &h->buckets[shared_hash_place(hash, (u32)shape)];
        for (u32 more = 1; more; b = &h->buckets[h->max_buckets + more - 1]) {
            for (u32 m = shared_hash_match(b, tag); m; m &= m - 1) {
                u32 i = __atomic_load_n(&b->index[__builtin_ctz(m)], __ATOMIC_ACQUIRE);
                if (likely(shared_hash_same(shared_hash_key(h, i), key, words)))
                    return i;
            }
            more = __atomic_load_n(&b->more, __ATOMIC_ACQUIRE);
            if (likely(!more))
                break;
        }
        before = shape;
        shape = __atomic_load_n(&h->shape, __ATOMIC_ACQUIRE);
    } while (unlikely(shape != before));
    return SHARED_HASH_NONE;
}

/* SHARED_HASH_NONE: there is no such key. */
ALWAYS_INLINE u32 shared_hash_find(const struct shared_hash *h, const u64 *key, u32 words)
{
    return shared_hash_find_hashed(h, key, words, shared_hash_of(h, key, words));
}

/* Fetches what a lookup will look at: first the bucket, .. */
ALWAYS_INLINE void shared_hash_prefetch_bucket(const struct shared_hash *h, u64 hash)
{
    u64 shape = __atomic_load_n(&h->shape, __ATOMIC_RELAXED);
    __builtin_prefetch(&h->buckets[shared_hash_place(hash, (u32)shape)]);
}

/* .. and when that has come, the object. */
ALWAYS_INLINE void shared_hash_prefetch_key(const struct shared_hash *h, u64 hash)
{
    u64 shape = __atomic_load_n(&h->shape, __ATOMIC_RELAXED);
    const struct shared_hash_bucket *b = &h->buckets[shared_hash_place(hash, (u32)shape)];
    u32 m = shared_hash_match(b, shared_hash_tag(hash));
    if (likely(m))
        __builtin_prefetch(
            shared_hash_key(h, __atomic_load_n(&b->index[__builtin_ctz(m)], __ATOMIC_RELAXED)));
}

/* The same for who changes the table, as it is now: so that lookups until it is changed again ask
 * for its shape once. */
struct shared_hash_shape {
    const struct shared_hash_bucket *buckets;
    u32 n, mask;
};

ALWAYS_INLINE struct shared_hash_shape shared_hash_shape_of(const struct shared_hash *h)
{
    u32 n = (u32)h->shape;
    return (struct shared_hash_shape){h->buckets, n,
                                      n > 1 ? UINT32_MAX >> __builtin_clz(n - 1) : 0};
}

ALWAYS_INLINE const struct shared_hash_bucket *
shared_hash_bucket_of(const struct shared_hash_shape *s, u64 hash)
{
    u32 at = (u32)hash & s->mask;
    return &s->buckets[at < s->n ? at : at & s->mask >> 1];
}

/* The first index whose key may have this hash: nearly always the one. SHARED_HASH_NONE: it is not
 * in its bucket. */
ALWAYS_INLINE u32 shared_hash_first(const struct shared_hash_shape *s, u64 hash)
{
    const struct shared_hash_bucket *b = shared_hash_bucket_of(s, hash);
    u32 m = shared_hash_match(b, shared_hash_tag(hash));
    return likely(m) ? b->index[__builtin_ctz(m)] : SHARED_HASH_NONE;
}

/* n keys, `words` apart; index[n]. Misses overlap. Shapes: any n. */
ALWAYS_INLINE void shared_hash_find_many(const struct shared_hash *h, const u64 *keys, u32 words,
                                         u32 n, u32 *index)
{
    u64 hash[SHARED_HASH_BATCH];
    for (u32 at = 0, count; at < n; at += count, keys += (size_t)count * words) {
        count = (u32)min_u64(n - at, SHARED_HASH_BATCH);
        for (u32 i = 0; i < count; i++) {
            hash[i] = shared_hash_of(h, keys + (size_t)i * words, words);
            shared_hash_prefetch_bucket(h, hash[i]);
        }
        for (u32 i = 0; i < count; i++)
            shared_hash_prefetch_key(h, hash[i]);
        for (u32 i = 0; i < count; i++)
            index[at + i] = shared_hash_find_hashed(h, keys + (size_t)i * words, words, hash[i]);
    }
}

/* How many entries, and there is room for as the table is made now; what that takes. Any thread: a
 * moment's values. */
u32 shared_hash_count(const struct shared_hash *h);
u32 shared_hash_places(const struct shared_hash *h);
u64 shared_hash_bytes(const struct shared_hash *h);

/* ---- changing: one thread at a time ---- */

/* The object's key is complete, is not in the table, and stays as it is until it was removed.
 * false: there are `max` entries. */
bool shared_hash_add(struct shared_hash *h, u32 index) MUST_CHECK;
/* Removes what is there. */
void shared_hash_remove(struct shared_hash *h, u32 index);
/* Index `new`, which has the same key, in the place of `old`: readers find one of them. */
void shared_hash_replace(struct shared_hash *h, u32 old, u32 new);

/* The MAC table: bridge domain and address to interface, learnt by data threads, looked up by all
 * of them.
 *
 *   bucket (one cache line)   [ key 0..4 | value 0..4 | overflow ]     home bucket = hash of the
 * key
 *
 * A key is 16 bits of bridge domain index and 48 of address; a value 16 bits of interface, 8 of age
 * stamp, 8 of flags. An entry that finds no room at home lies in one of the buckets behind it,
 * which home's `overflow` tells; nearly every lookup is one line.
 *
 * Many writers without locks: a slot is claimed by exchanging its value 0 for BUSY, then its key is
 * written, then its value published. A slot that is freed becomes DEAD, loses its key, and is free
 * (0) only after a grace period: whoever matched a key cannot see, or exchange, the value of the
 * next owner. Two threads that add one key at once both look again afterwards, and the later slot
 * in order goes.
 *
 * It grows from a page or so by being copied, while learning goes on:
 *
 *   cur ── old     learners add to cur; lookups that miss in cur try old; the control thread
 *                  copies, then drops old
 *
 * Before cur becomes old it takes no more new keys, for a grace period: so nobody adds to old what
 * another adds to cur, each key is counted once, and the counts are exact.
 *
 * Context: find and learn in data threads; the rest in the control thread, which also may learn. */
#pragma once

#include "base/byteorder.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/simd.h"
#include "base/types.h"
#include "base/vec.h"

#define MAC_SLOTS 5
#define MAC_PROBES 8 /* buckets in which an entry may lie */

struct mac_bucket {
    u64 key[MAC_SLOTS];
    u32 value[MAC_SLOTS];
    u32 overflow; /* entries at home here that lie in a bucket behind */
} CACHE_ALIGNED;

static_assert(sizeof(struct mac_bucket) == CACHE_LINE_BYTES && MAC_SLOTS == 5,
              "one line, whose keys simd_match5_u64 compares");

enum {
    MAC_VALID = 1 << 0,
    MAC_BUSY = 1 << 1,   /* being made, or (DEAD) waiting for its grace period */
    MAC_STATIC = 1 << 2, /* never moves */
    MAC_FILTER = 1 << 3, /* packets from and to it are dropped */
    MAC_BVI = 1 << 4,
    MAC_PROVISIONED = 1 << 5, /* not learnt: does not age, is not flushed */
    MAC_NEW = 1 << 6,         /* not yet told to those who want events */
    MAC_MOVED = 1 << 7,       /* as NEW: it moved */
};

#define MAC_DEAD (MAC_BUSY | MAC_MOVED)
#define MAC_NO_INTERFACE 0xffffu /* of a filter entry */

/* What a learner may compare at once: interface, stamp, that it is valid and no filter. */
#define MAC_VALUE_SAME_MASK 0xffffff09u

ALWAYS_INLINE u32 mac_value(u32 interface, u8 stamp, u8 flags)
{
    return interface << 16 | (u32)stamp << 8 | flags;
}

ALWAYS_INLINE u32 mac_value_if(u32 value)
{
    return value >> 16;
}

ALWAYS_INLINE u8 mac_value_stamp(u32 value)
{
    return (u8)(value >> 8);
}

/* Whether a source that has this value (0: none) is known as it comes, for which it would learn
 * `learnt` (without flags but MAC_VALID): what is provisioned there has no stamp that counts. */
ALWAYS_INLINE bool mac_source_is_known(u32 value, u32 learnt)
{
    u32 unlike = value ^ learnt;
    return likely(!(unlike & MAC_VALUE_SAME_MASK)) ||
           ((value & (MAC_PROVISIONED | MAC_FILTER)) == MAC_PROVISIONED && !mac_value_if(unlike));
}

/* Address bits of a word loaded from where an address begins; 8 bytes are read. */
ALWAYS_INLINE u64 mac_key(const u8 *address, u32 bd)
{
    u64 w = load_u64(address);
    return BYTEORDER_SWAP ? (w & 0x0000ffffffffffffull) | (u64)bd << 48 : (w & ~0xffffull) | bd;
}

/* The same of 6 bytes with nothing behind. */
ALWAYS_INLINE u64 mac_key_of(const u8 address[6], u32 bd)
{
    u8 bytes[8] = {0};
    memcpy(bytes, address, 6);
    return mac_key(bytes, bd);
}

ALWAYS_INLINE u32 mac_key_bd(u64 key)
{
    return (u32)(BYTEORDER_SWAP ? key >> 48 : key & 0xffff);
}

ALWAYS_INLINE void mac_key_address(u64 key, u8 address[6])
{
    memcpy(address, &key, 6);
}

/* One generation. */
struct mac_generation {
    struct mac_bucket *buckets;
    struct mac_generation *old; /* what cur is being filled from; NULL: nothing */
    u64 multiplier;             /* odd, random */
    u32 mask;                   /* buckets - 1 */
    u32 shift;
    u32 frozen; /* takes no new keys: a larger one is about to follow */
    struct mem_map map;
};

/* The table has so many regions, by the first bits of where a key lies: they stay when it grows.
 * For each interface, and for each domain, there is a bit for each region that has entries of it,
 * or had: a walk over those costs what they are, not what the table is. */
#define MAC_REGIONS_LOG2 12
#define MAC_REGIONS (1u << MAC_REGIONS_LOG2)

enum mac_owner { MAC_OF_INTERFACE, MAC_OF_DOMAIN, MAC_OWNERS };

struct mac_regions {
    u64 bits[MAC_REGIONS / 64]; /* atomic */
};

struct mac_table {
    struct mac_generation *cur;
    u64 n_entries, n_learned; /* atomic */
    u32 *n_learned_of;        /* atomic, by bridge domain index */
    u32 want_bigger;          /* atomic: a learner found it too full */
    u32 max_buckets;
    struct mac_regions *regions[MAC_OWNERS]; /* by interface, by domain; lazily touched */
    /* control thread */
    VEC(u32 *) dead;                /* values that wait for their grace period */
    struct mac_generation *coming;  /* cur after a grace period, when all of it is touched */
    struct mac_generation *leaving; /* old, no longer looked at after a grace period */
    u32 touched;                    /* buckets of coming */
    struct mem_map learned_map, region_map[MAC_OWNERS];
};

ALWAYS_INLINE const struct mac_generation *mac_table_current(const struct mac_table *t)
{
    return __atomic_load_n(&t->cur, __ATOMIC_ACQUIRE);
}

ALWAYS_INLINE struct mac_bucket *mac_home(const struct mac_generation *g, u64 key)
{
    return &g->buckets[(key * g->multiplier) >> g->shift];
}

/* Slot of key in bucket b, or -1. */
ALWAYS_INLINE int mac_bucket_slot(const struct mac_bucket *b, u64 key)
{
    u32 found = simd_match5_u64(b->key, key);
    return found ? __builtin_ctz(found) : -1;
}

/* The value beside a matching key; 0 when it is not a live one. */
ALWAYS_INLINE u32 mac_slot_value(const struct mac_bucket *b, int slot)
{
    u32 v = __atomic_load_n(&b->value[slot], __ATOMIC_ACQUIRE);
    return v & MAC_VALID ? v : 0;
}

/* Value of key; 0: none. The long way: buckets behind home, and the old generation. */
u32 mac_table_find_far(const struct mac_generation *g, u64 key);

/* home: mac_home(g, key), which the caller may have prefetched. */
ALWAYS_INLINE u32 mac_table_find(const struct mac_generation *g, const struct mac_bucket *home,
                                 u64 key)
{
    int slot = mac_bucket_slot(home, key);
    if (likely(slot >= 0)) {
        u32 v = mac_slot_value(home, slot);
        if (likely(v))
            return v;
    }
    if (likely(!__atomic_load_n(&home->overflow, __ATOMIC_RELAXED) &&
               !__atomic_load_n(&g->old, __ATOMIC_RELAXED) && slot < 0))
        return 0;
    return mac_table_find_far(g, key);
}

enum mac_learn_result { MAC_LEARN_FULL, MAC_LEARN_NEW, MAC_LEARN_UPDATED, MAC_LEARN_STATIC };

ALWAYS_INLINE u32 mac_table_learned_of(const struct mac_table *t, u32 bd)
{
    return __atomic_load_n(&t->n_learned_of[bd], __ATOMIC_RELAXED);
}

/* What is there now, for key, becomes value (with MAC_VALID, without BUSY): added, or changed
 * unless it is static on another interface or provisioned. *was: the value before, 0 when there was
 * none. */
enum mac_learn_result mac_table_learn(struct mac_table *t, u64 key, u32 value, u32 *was);

/* --- control thread --- */

int mac_table_new(struct mac_table *t, u32 buckets, u32 max_buckets, u64 multiplier,
                  struct error *e) MUST_CHECK;
void mac_table_free(struct mac_table *t);

/* Adds or replaces, whatever is there. -ENOSPC. *was as for learn. */
int mac_table_set(struct mac_table *t, u64 key, u32 value, u32 *was) MUST_CHECK;
/* Returns the value that went, or 0. While cur is being filled from old the key must be in cur
 * only: mac_table_take_over first, and a grace period behind it. */
u32 mac_table_del(struct mac_table *t, u64 key);
/* What old has for key is in cur, and no more in old. false: cur has no room for it. */
bool mac_table_take_over(struct mac_table *t, u64 key) MUST_CHECK;
/* Calls fn for each live entry of buckets [from, from + n); returns the next bucket, 0 behind the
 * last. fn says what the value is to be (0: the entry goes), and is asked again when the entry
 * changed meanwhile; then gone, unless NULL, is told of an entry that went. A walk over all at once
 * also finds slots that learners gave up. */
u32 mac_table_walk(struct mac_table *t, u32 from, u32 n, u32 (*fn)(void *arg, u64 key, u32 value),
                   void (*gone)(void *arg, u64 key, u32 value), void *arg);
/* The same for all entries of an interface or a domain, and some others, about n buckets at a time:
 * *region is 0 at first, and keeps its meaning when the table grows or shrinks between two calls
 * (during one that is under way nothing may be called). Returns whether there are more. */
bool mac_table_walk_of(struct mac_table *t, enum mac_owner kind, u32 owner, u32 *region, u32 n,
                       u32 (*fn)(void *arg, u64 key, u32 value),
                       void (*gone)(void *arg, u64 key, u32 value), void *arg);
/* It has no entries, and no learner makes any. */
void mac_table_forget(struct mac_table *t, enum mac_owner kind, u32 owner);
/* Slots that died before the last grace period began are free again. Called when one has passed. */
void mac_table_reap(struct mac_table *t, u32 n_dead);

/* What lies at a place, a bucket and a slot of it, from 0 on: its value, 0 for nothing; false
 * behind the last. An entry stays in its place until the table grows or shrinks. */
bool mac_table_look(const struct mac_table *t, u64 place, u64 *key, u32 *value);

/* Growing, or shrinking: begin; touch, until it returns false (no new keys from there on); then
 * with a grace period between any two of: follow; copy (bucket by bucket, returns the next, 0 when
 * done); end; drop. */
int mac_table_grow_begin(struct mac_table *t, struct error *e) MUST_CHECK;
/* buckets: fewer than now, a power of two, room for all that there is. */
int mac_table_shrink_begin(struct mac_table *t, u32 buckets, struct error *e) MUST_CHECK;
/* Takes the page faults of the next n buckets, so that no data thread does: the kernel clears a
 * gigabyte a second or two. */
bool mac_table_grow_touch(struct mac_table *t, u32 n);
void mac_table_grow_follow(struct mac_table *t);
u32 mac_table_grow_copy(struct mac_table *t, u32 from, u32 n);
void mac_table_grow_end(struct mac_table *t);
void mac_table_grow_drop(struct mac_table *t);

ALWAYS_INLINE bool mac_table_growing(const struct mac_table *t)
{
    return t->coming || t->cur->old || t->leaving;
}

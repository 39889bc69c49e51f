/* Open addressing with linear probing. A slot's state byte is 0 (empty), 1 (dead) or 0x80 with
 * seven bits of the key's hash, so that most unequal keys are told apart without being compared.
 * The seed is random: many keys come from the network, and nobody there shall choose who shares a
 * chain. */
#include "base/hash.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "base/mem.h"

enum { SLOT_EMPTY = 0, SLOT_DEAD = 1, SLOT_USED = 0x80 };

#define MIN_SLOTS 8u

static u64 seed;
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void seed_make(void)
{
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
        seed = clock_ns() ^ (u64)(uintptr_t)&seed;
}

static u64 hash_mix(u64 x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ull;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ull;
    return x ^ x >> 32;
}

u64 hash_bytes(const void *p, size_t n, u64 from)
{
    const u8 *b = p;
    u64 h = hash_mix(from + n * 0x9e3779b97f4a7c15ull);
    for (; n >= 8; n -= 8, b += 8)
        h = hash_mix(h ^ load_u64(b)) * 0x9e3779b97f4a7c15ull;
    u64 tail = 0;
    memcpy(&tail, b, n);
    return hash_mix(h ^ tail);
}

static u32 slot_bytes(const struct hash *h)
{
    return 1 + h->key_bytes + 8;
}

static u8 *slot_at(const struct hash *h, u32 i)
{
    return h->slots + (size_t)i * slot_bytes(h);
}

static u64 slot_value(const struct hash *h, const u8 *slot)
{
    return load_u64(slot + 1 + h->key_bytes);
}

void hash_init(struct hash *h, u32 key_bytes)
{
    pthread_once(&seed_once, seed_make);
    *h = (struct hash){.key_bytes = key_bytes};
}

void hash_fini(struct hash *h)
{
    free(h->slots);
    *h = (struct hash){.key_bytes = h->key_bytes};
}

u64 hash_bytes_taken(const struct hash *h)
{
    return (u64)h->n_slots * slot_bytes(h);
}

/* The key's slot, or NULL; then *insert is where it may be put. The table is never full. */
static u8 *hash_find(const struct hash *h, const void *key, u64 hashed, u8 **insert)
{
    u8 tag = SLOT_USED | (u8)(hashed >> 57);
    u8 *dead = NULL;
    for (u32 i = (u32)hashed & (h->n_slots - 1);; i = (i + 1) & (h->n_slots - 1)) {
        u8 *slot = slot_at(h, i);
        if (slot[0] == tag && !memcmp(slot + 1, key, h->key_bytes))
            return slot;
        if (slot[0] == SLOT_DEAD && !dead)
            dead = slot;
        if (slot[0] == SLOT_EMPTY) {
            if (insert)
                *insert = dead ? dead : slot;
            return NULL;
        }
    }
}

static void hash_fill(const struct hash *h, u8 *slot, const void *key, u64 hashed, u64 value)
{
    slot[0] = SLOT_USED | (u8)(hashed >> 57);
    memcpy(slot + 1, key, h->key_bytes);
    store_u64(slot + 1 + h->key_bytes, value);
}

static void hash_rebuild(struct hash *h, u32 n_slots)
{
    struct hash old = *h;
    h->slots = mem_alloc((size_t)n_slots * slot_bytes(h));
    h->n_slots = n_slots;
    h->n_dead = 0;
    for (u32 i = 0; i < old.n_slots; i++) {
        const u8 *slot = slot_at(&old, i);
        if (!(slot[0] & SLOT_USED))
            continue;
        u64 hashed = hash_bytes(slot + 1, h->key_bytes, seed);
        u8 *to = NULL;
        hash_find(h, slot + 1, hashed, &to);
        assert(to); /* keys are told apart: none is found, and all have room */
        hash_fill(h, to, slot + 1, hashed, slot_value(&old, slot));
    }
    free(old.slots);
}

bool hash_get(const struct hash *h, const void *key, u64 *value)
{
    if (!h->n_used)
        return false;
    const u8 *slot = hash_find(h, key, hash_bytes(key, h->key_bytes, seed), NULL);
    if (slot && value)
        *value = slot_value(h, slot);
    return slot != NULL;
}

void hash_set(struct hash *h, const void *key, u64 value)
{
    /* A quarter of the slots stays empty, so that probes end soon. */
    if (!h->n_slots)
        hash_rebuild(h, MIN_SLOTS);
    else if (((u64)h->n_used + h->n_dead + 1) * 4 > (u64)h->n_slots * 3)
        hash_rebuild(h, h->n_used * 2ull >= h->n_slots ? h->n_slots * 2 : h->n_slots);

    u64 hashed = hash_bytes(key, h->key_bytes, seed);
    u8 *to = NULL;
    u8 *slot = hash_find(h, key, hashed, &to);
    if (slot) {
        store_u64(slot + 1 + h->key_bytes, value);
        return;
    }
    h->n_dead -= to[0] == SLOT_DEAD;
    h->n_used++;
    hash_fill(h, to, key, hashed, value);
}

bool hash_del(struct hash *h, const void *key)
{
    if (!h->n_used)
        return false;
    u8 *slot = hash_find(h, key, hash_bytes(key, h->key_bytes, seed), NULL);
    if (!slot)
        return false;
    slot[0] = SLOT_DEAD;
    h->n_used--;
    h->n_dead++;
    if (!h->n_used)
        hash_fini(h);
    else if (h->n_slots > MIN_SLOTS && h->n_used < h->n_slots / 8)
        hash_rebuild(h, h->n_slots / 4 > MIN_SLOTS ? h->n_slots / 4 : MIN_SLOTS);
    return true;
}

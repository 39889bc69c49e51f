/* Hash table from a fixed-size key to a u64, for the control thread. Open addressing, grows and
 * shrinks by itself; keys are copied in. */
#pragma once

#include "base/types.h"

struct hash {
    u8 *slots; /* n_slots x (u8 state, key, u64 value), packed */
    u32 key_bytes;
    u32 n_slots; /* a power of two, 0 when empty */
    u32 n_used;
    u32 n_dead;
};

void hash_init(struct hash *h, u32 key_bytes);
void hash_fini(struct hash *h);
/* Returns whether the key is there; *value is written only then. value may be NULL. */
bool hash_get(const struct hash *h, const void *key, u64 *value);
/* Adds or replaces. */
void hash_set(struct hash *h, const void *key, u64 value);
/* Returns whether it was there. */
bool hash_del(struct hash *h, const void *key);
/* Memory that it takes now. */
u64 hash_bytes_taken(const struct hash *h);

/* A good 64-bit mix of bytes; not cryptographic. */
u64 hash_bytes(const void *p, size_t n, u64 seed);

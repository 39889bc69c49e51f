/* An ordered set of indices: objects of a pool in an order that the caller knows, for the control
 * thread. Adding and removing cost a binary search and moving some hundred indices, a walk one step
 * each, an empty set nothing.
 *
 *     struct ordset s = {0};
 *     ordset_add(&s, index, order, ctx, &key);
 *     struct ordset_pos at = ordset_find(&s, order, ctx, &first);
 *     for (u32 i; ordset_get(&s, at, &i); at = ordset_next(&s, at)) ...
 *     ordset_fini(&s);
 */
#pragma once

#include "base/types.h"
#include "base/vec.h"

/* Where object `index` stands beside the key: below 0 in front of it, 0 it has that key, above 0
 * behind it. */
typedef int ordset_order(const void *ctx, u32 index, const void *key);

struct ordset_chunk {
    VEC(u32) items;
};

struct ordset {
    VEC(struct ordset_chunk) chunks; /* none is empty */
    u32 n;
};

/* Valid until the set changes. */
struct ordset_pos {
    u32 chunk, at;
};

void ordset_fini(struct ordset *s);
/* The first that is not in front of the key; the end when there is none. */
struct ordset_pos ordset_find(const struct ordset *s, ordset_order *order, const void *ctx,
                              const void *key);
/* Adds index, whose key this is, in front of others with the same key. */
void ordset_add(struct ordset *s, u32 index, ordset_order *order, const void *ctx, const void *key);
/* Removes index, whose key this is; false when it is not there. */
bool ordset_del(struct ordset *s, u32 index, ordset_order *order, const void *ctx, const void *key);
/* false at the end. */
bool ordset_get(const struct ordset *s, struct ordset_pos pos, u32 *index);
struct ordset_pos ordset_next(const struct ordset *s, struct ordset_pos pos);
/* One step back, also from the end; false when pos is the first. */
bool ordset_back(const struct ordset *s, struct ordset_pos *pos);

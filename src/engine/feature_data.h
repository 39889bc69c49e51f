/* Walks along feature arcs, as nodes make them. See feature.h. */
#pragma once

#include "base/types.h"
#include "engine/buffer.h"
#include "engine/index.h"
#include "engine/node.h"
#include "engine/thread.h"

#define FEATURE_IF_MAX 65536u

/* Where a packet is, in one word, from the lowest bits on: the walk (arc and interface), the slot,
 * the generation of the interface's index, the edge by which it goes to the slot's node. */
enum { FEATURE_WALK_BITS = 22, FEATURE_SLOT_BITS = 10 };
#define FEATURE_SLOTS_MAX ((1u << FEATURE_SLOT_BITS) - 2)

ALWAYS_INLINE u64 feature_at(u32 walk, u32 slot, u16 generation, u16 edge)
{
    return walk | slot << FEATURE_WALK_BITS | (u64)generation << 32 | (u64)edge << 48;
}

ALWAYS_INLINE u32 feature_walk(u64 at)
{
    return at & ((1u << FEATURE_WALK_BITS) - 1);
}

ALWAYS_INLINE u32 feature_slot(u64 at)
{
    return (u32)at >> FEATURE_WALK_BITS;
}

ALWAYS_INLINE u16 feature_generation(u64 at)
{
    return (u16)(at >> 32);
}

ALWAYS_INLINE u16 feature_edge(u64 at)
{
    return (u16)(at >> 48);
}

struct feature_chain {
    u16 generation; /* of the interface index */
    u16 spare[3];
    const u32 *nodes; /* by slot, as the steps: what comes next */
    /* What follows a slot; 0: the start; one more than there are: the end. Where a slot is not
     * enabled, it follows itself, by way of feature-resume. */
    struct feature_step step[];
};

struct feature_arc {
    struct feature_chain *_Atomic *chains; /* by interface index; NULL: nothing enabled */
    u32 walk;                              /* of interface 0; those of the next ones follow */
};

/* Chains of all arcs, by walk. Set once, before data threads start. */
extern struct feature_chain *_Atomic *feature_chains;

/* Whether anything is enabled. */
ALWAYS_INLINE bool feature_any(const struct feature_arc *arc, struct if_index i)
{
    return __atomic_load_n((void **)&arc->chains[i.i], __ATOMIC_RELAXED);
}

/* What is enabled; NULL: nothing. */
ALWAYS_INLINE const struct feature_chain *feature_chain_of(const struct feature_arc *arc,
                                                           struct if_index i)
{
    return __atomic_load_n((struct feature_chain **)&arc->chains[i.i], __ATOMIC_ACQUIRE);
}

ALWAYS_INLINE u16 feature_step_take(const struct feature_step *s, struct buffer *b)
{
    b->feature = *s;
    return feature_edge(s->at);
}

/* For a start node: returns next to take: `otherwise` when nothing is enabled on this interface. */
ALWAYS_INLINE u16 feature_start(const struct feature_arc *arc, struct if_index i, struct buffer *b,
                                u16 otherwise)
{
    const struct feature_chain *c = feature_chain_of(arc, i);
    return likely(!c) ? otherwise : feature_step_take(&c->step[0], b);
}

/* Edge from the node of b's slot to feature-resume: nothing is enabled any more, or the interface
 * is another. */
COLD u16 feature_next_lost(const struct buffer *b);

/* For a feature node: next node of the walk that b is on. */
ALWAYS_INLINE u16 feature_next(struct buffer *b)
{
    u64 at = b->feature.at;
    const struct feature_chain *c = __atomic_load_n(
        (struct feature_chain **)&feature_chains[feature_walk(at)], __ATOMIC_ACQUIRE);
    if (unlikely(!c || c->generation != feature_generation(at)))
        return feature_next_lost(b);
    return feature_step_take(&c->step[feature_slot(at)], b);
}

/* The word that feature_enable gave for the feature whose node runs now. What it refers to may be
 * gone when the packet has waited. */
ALWAYS_INLINE u64 feature_data(const struct buffer *b)
{
    return b->feature.data;
}

/* ---- whole vectors ---- */

/* Packets that somebody takes along a chain himself (node_within.h) are all at the same slot. A
 * node whose record says `feature_vectors` is told so once: nothing is written into packets that
 * just go on. */
struct feature_vector {
    struct feature_step here; /* what feature would be of each */
    u16 on;                   /* edge along the chain */
};

/* Of the vector that the node has; NULL: each packet knows where it is. */
ALWAYS_INLINE const struct feature_vector *feature_vector_of(const struct thread *t)
{
    return ((const struct thread_head *)(const void *)t)->vector;
}

/* feature_next of a packet of that vector. */
ALWAYS_INLINE u16 feature_vector_next(const struct feature_vector *v, struct buffer *b)
{
    return likely(v) ? v->on : feature_next(b);
}

/* The node keeps the packet, or hands it over: it may go on later. Of those that leave by another
 * edge this is said for it. */
ALWAYS_INLINE void feature_vector_keep(const struct feature_vector *v, struct buffer *b)
{
    if (v)
        b->feature = v->here;
}

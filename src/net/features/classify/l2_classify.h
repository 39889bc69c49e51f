/* Frames of an interface in layer 2 by classifier tables to other nodes: one table for IPv4, one
 * for IPv6, one for all else, each for what comes in and for what leaves. What sessions and
 * miss_next say: 0 drop; 2, for what comes in, to ip4-input (the session's `advance` leads behind
 * the link's header); else the frame goes on. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"

struct module;
struct piste;

extern const struct module l2_classify_module;

enum l2_classify_kind { L2_CLASSIFY_IP4, L2_CLASSIFY_IP6, L2_CLASSIFY_OTHER, L2_CLASSIFY_KIND_N };

/* A feature's word: 20 bits a kind, its table's index + 1. */
#define L2_CLASSIFY_BITS 20

/* CLASSIFY_NONE: no table. */
ALWAYS_INLINE u32 l2_classify_table_of(u64 word, enum l2_classify_kind kind)
{
    return ((u32)(word >> (kind * L2_CLASSIFY_BITS)) & ((1u << L2_CLASSIFY_BITS) - 1)) - 1;
}

/* Tables by kind, CLASSIFY_NONE: none; with none at all the frames go on as they come. -ENOENT: no
 * such table. */
int l2_classify_set(struct piste *p, bool is_input, struct if_index i,
                    const u32 tables[L2_CLASSIFY_KIND_N], struct error *e) MUST_CHECK;

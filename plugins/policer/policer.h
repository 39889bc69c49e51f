/* Policers: token buckets that say of a packet whether it conforms to a rate, exceeds it, or
 * violates it; and what becomes of it then.
 *
 *   policer-input, policer-output, l2-policer-input, l2-policer-output    what passes an interface
 *   ip4-policer-classify, ip6-policer-classify, l2-policer-classify       what a classifier table's
 *                                                                         session is about
 *
 * Tokens are bytes, or packets, times 2^scale; they come once a period of 2^period_shift ns of the
 * threads' clock. Both buckets are one word, so that all threads share a policer without locks:
 * who sees a new period first adds its tokens.
 *
 * Source: RFC 2697, 2698, 4115, MEF 10.2 (CF = 1); words and layouts are VPP's. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/counter.h"
#include "engine/index.h"
#include "net/packet/ip_address.h"
#include "plugins/policer/policer_data.h"

struct piste;

/* ---- control thread ---- */

struct policer_config {
    u8 type, rate, round; /* the enums above */
    bool color_aware;
    u32 cir, eir; /* kilobits, or packets, a second */
    u64 cb, eb;   /* bytes, or milliseconds */
    struct policer_act acts[POLICER_COLOR_N];
};

/* What a configuration means for the data path, buckets full. -EINVAL: it makes no sense. */
int policer_compute(const struct policer_config *c, struct policer *x, struct error *e) MUST_CHECK;

/* -EEXIST, -EINVAL, -ENOSPC. */
int policer_add(struct piste *p, const char *name, const struct policer_config *c, u32 *index,
                struct error *e) MUST_CHECK;
/* -ENOENT, -EINVAL; its buckets are full then. */
int policer_update(struct piste *p, u32 index, const struct policer_config *c,
                   struct error *e) MUST_CHECK;
/* Interfaces that have it have none then. -ENOENT. */
int policer_del(struct piste *p, u32 index, struct error *e) MUST_CHECK;
/* Fills the buckets. -ENOENT. */
int policer_reset(struct piste *p, u32 index, struct error *e) MUST_CHECK;
/* Any thread can police, so a binding changes nothing; it is remembered. thread: of those that
 * forward, from 0; POLICER_NONE: unbound. -ENOENT; -ERANGE: no such thread. */
int policer_bind(struct piste *p, u32 index, u32 thread, struct error *e) MUST_CHECK;
u32 policer_find(const struct piste *p, const char *name); /* POLICER_NONE */
u32 policer_next(const struct piste *p, u32 from);         /* POLICER_NONE */
const char *policer_name(const struct piste *p, u32 index);
u32 policer_bound_to(const struct piste *p, u32 index);
const struct policer_config *policer_config_of(const struct piste *p, u32 index);

/* --- interfaces: policer_interface.c --- */

/* index POLICER_NONE: none any more. */
int policer_set_interface(struct piste *p, bool is_input, struct if_index i, u32 index,
                          struct error *e) MUST_CHECK;
u32 policer_of_interface(const struct piste *p, bool is_input, struct if_index i);
/* Of what is punted of a protocol, whatever it came in by. */
int policer_set_punt(struct piste *p, enum ip_family f, u32 index, struct error *e) MUST_CHECK;

/* As the API numbers them. */
enum policer_classify_kind {
    POLICER_CLASSIFY_IP4,
    POLICER_CLASSIFY_IP6,
    POLICER_CLASSIFY_L2,
    POLICER_CLASSIFY_N
};

/* Tables by kind, CLASSIFY_NONE: as it is; without add: those that are set are no more. -ENOENT: no
 * such table, and nothing was done. */
int policer_classify_set(struct piste *p, struct if_index i, const u32 tables[POLICER_CLASSIFY_N],
                         bool add, struct error *e) MUST_CHECK;
/* CLASSIFY_NONE: none. */
u32 policer_classify_table(const struct piste *p, enum policer_classify_kind kind,
                           struct if_index i);

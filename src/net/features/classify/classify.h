/* The classifier: tables of sessions that packets are looked up in by some of their bytes.
 *
 *   bytes from the table's base on:  | skip x 16 | match x 16 .. | rest
 *                                                   & mask = key
 *   key ─► a session: next, opaque, advance, action
 *     └──► none: the next table of the chain; behind the last its miss_next
 *
 * A base is the start of the frame, or (current-data-flag) where the node that looks stands; plus
 * the table's offset. Bytes behind those in the packet's first buffer are 0. Who looks: the nodes
 * of acl.h and l2_classify.h here, policers.
 *
 * Sessions of all tables that match as many vectors are in one hash table, by the table's serial
 * number and the key. A session that is replaced is a new one in the old one's place. Source:
 * behaviour and words of VPP's classifier; own design. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "engine/counter.h"
#include "engine/thread.h"
#include "net/features/classify/classify_data.h"

struct module;
struct piste;
struct text;

extern const struct module classify_module;

/* ---- control thread ---- */

struct classify_table_args {
    u8 mask[CLASSIFY_MATCH_MAX * CLASSIFY_VECTOR_BYTES];
    u32 skip, match;           /* vectors */
    u32 next_table, miss_next; /* CLASSIFY_NONE */
    u32 buckets;               /* sessions to expect: the table grows beyond them */
    bool current;
    i32 offset;
};

/* index: CLASSIFY_NONE: the first that is free. -EINVAL, -ENOSPC, -EEXIST. */
int classify_table_add(struct piste *p, const struct classify_table_args *a, u32 *index,
                       struct error *e) MUST_CHECK;
/* -ENOENT. */
int classify_table_set(struct piste *p, u32 index, u32 next_table, u32 miss_next,
                       struct error *e) MUST_CHECK;
/* With chain: the tables behind it too. -ENOENT; -EBUSY: somebody looks in it. */
int classify_table_del(struct piste *p, u32 index, bool chain, struct error *e) MUST_CHECK;
/* Users of a table: counted, it cannot be deleted meanwhile. -ENOENT. */
int classify_table_ref(struct piste *p, u32 index, struct error *e) MUST_CHECK;
void classify_table_unref(struct piste *p, u32 index);

struct classify_session_args {
    const u8 *match; /* (skip + match) vectors of the table; masked here */
    u32 next, opaque;
    i32 advance;
    u8 action;
    bool is_policer;
    u32 metadata; /* of the action; CLASSIFY_ACTION_SET_*_FIB: the id of a table, made if need be */
};

/* Adds, or replaces the session of that key. -ENOENT: table; -ENOSPC; -EOPNOTSUPP: action. */
int classify_session_add(struct piste *p, u32 table, const struct classify_session_args *a,
                         struct error *e) MUST_CHECK;
/* -ENOENT. */
int classify_session_del(struct piste *p, u32 table, const u8 *match, struct error *e) MUST_CHECK;

/* Who knows policers by name: -ENOENT; and names them. */
struct classify_policers {
    int (*find)(struct piste *p, const char *name, u32 *index, struct error *e);
    const char *(*name)(struct piste *p, u32 index); /* NULL: there is none */
    /* Tables that packets are looked up in for a policer; one may come several times. */
    void (*each_table)(struct piste *p, void (*fn)(void *arg, u32 table), void *arg);
};
void classify_set_policers(struct piste *p,
                           const struct classify_policers *x); /* borrowed for ever */
/* Sessions of a policer that is deleted are of none from now on: its index may be another's. */
void classify_forget_policer(struct piste *p, u32 index);

u32 classify_session_count(const struct piste *p, u32 table);
/* Sessions of a table, in the order in which they were added: others may come and go between two
 * looks, and the table may. Zeros, or one that has ended, to begin with. */
struct classify_session_walk {
    struct piste *piste; /* NULL: it has ended */
    u64 serial;          /* of the table */
    u32 table;
    u32 next;                            /* session; INDEX_LIST_NONE */
    struct classify_session_walk *other; /* of those that are under way */
};
void classify_session_walk_begin(struct classify_session_walk *w, struct piste *p, u32 table);
/* NULL behind the last. */
const struct classify_session *classify_session_walk_next(struct classify_session_walk *w);
void classify_session_walk_end(struct classify_session_walk *w);
/* Next table index at or after from; CLASSIFY_NONE at the end. */
u32 classify_table_next(const struct piste *p, u32 from);
u32 classify_table_buckets(const struct piste *p, u32 table);

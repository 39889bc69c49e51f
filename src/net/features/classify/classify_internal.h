/* What the classifier's own files share. */
#pragma once

#include "base/mem.h"
#include "base/numbers.h"
#include "base/vec.h"
#include "base/pool.h"
#include "control/api.h"
#include "control/module.h"
#include "net/features/classify/classify.h"

/* Beside struct classify_table, which data threads read. */
struct classify_table_full {
    struct classify_table data; /* first: it is what classify_tables points to */
    struct index_list sessions;
    u32 buckets; /* as was asked for */
    u32 users;
    u32 chained; /* tables whose next this is */
};

struct classify {
    struct mem_map tables_map;
    struct pool ids; /* of sessions' counters */
    /* by match - 1: made when the first such table is */
    struct pool sessions[CLASSIFY_MATCH_MAX];
    struct shared_hash by_key[CLASSIFY_MATCH_MAX];
    u64 n_serials;
    u32 n_tables;
    struct numbers table_indices;
    const struct classify_policers *policers;
    struct classify_session_walk *walks;       /* under way; NULL */
    VEC(struct classify_table_full *) leaving; /* deleted, and their sessions not all yet */
};

/* Vectors of the mask that are about something, from the first such on; skip and match say where
 * they lie unless they were given. A mask of exactly as many vectors as were given is taken as it
 * is. -EINVAL: it is empty. */
struct classify_bytes;
int classify_fit_mask(const struct classify_bytes *b, struct classify_table_args *a,
                      struct error *e) MUST_CHECK;

struct classify *classify_of(const struct piste *p);
/* NULL: there is no such table. */
struct classify_table_full *classify_table_find(u32 i, struct error *e);

/* --- classify_session.c --- */

/* There may be sessions of so many vectors from now on. */
void classify_sessions_prepare(struct classify *c, u32 match);
/* At most n of them; returns whether there are more. */
bool classify_sessions_delete(struct piste *p, struct classify_table_full *t, u32 n);
void classify_sessions_fini(struct classify *c);

/* --- policers --- */

/* Index of the policer of that name; -ENOENT. */
int classify_policer_find(struct piste *p, const char *name, u32 *index,
                          struct error *e) MUST_CHECK;
const char *classify_policer_name(struct piste *p, u32 index);
/* By table: whether policers come to look in it, so that what its sessions say is next are
 * policers. The caller's to free. */
bool *classify_policed_tables(struct piste *p);

/* --- for the record in classify_module.c --- */
extern const char classify_module_name[];
extern const struct cli_command classify_commands[];
extern const struct cli_type classify_types[];
extern const struct api_handler classify_api[];
bool classify_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                                  struct text *t);
void classify_place_free(void *place);
void classify_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
int classify_init(struct piste *p, void **state, struct error *e);
void classify_stop(struct piste *p, void *state);
void classify_show_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);

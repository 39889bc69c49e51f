/* What the files of the fast path share. */
#pragma once

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"
#include "control/cli.h"
#include "control/config.h"
#include "control/module.h"
#include "control/piste.h"
#include "net/features/fast_path/fast_path.h"

enum fast_path_wish { FAST_PATH_OFF, FAST_PATH_ON, FAST_PATH_AUTO };

struct fast_path_settings {
    enum fast_path_wish wish;
    u32 flows;
};

enum entry_state { ENTRY_FREE, ENTRY_LIVE, ENTRY_RESTS };

/* Interfaces and routes that packets of an entry are counted for. */
struct entry_counts {
    struct if_index rx[2], tx[2]; /* a port and its sub-interface, in either order */
    u8 n_rx, n_tx;
    i8 grow;         /* bytes that a packet leaves with more than it came with */
    u8 header_bytes; /* of the link, as it came in */
    bool routed, is6, bridged;
    u8 n_via;
    u32 route, via[2]; /* load balances */
};

/* By its number, which is that of its action and its counter. */
struct fast_path_entry {
    struct fast_path_key key;
    struct entry_counts counts;
    u8 state; /* enum entry_state */
    u32 generation;
    u64 packets, bytes; /* that were added to counters, since the number was first used */
    u64 first_packets;  /* what the counter was when it became this entry's */
    u64 made_ns, last_ns;
};

/* A number that packets between the kernel's two programs may still have. */
struct fast_path_rest {
    u32 entry;
    u64 until_ns;
};

struct fast_path {
    struct piste *piste;
    const struct fast_path_backend *backend; /* NULL: there is none */
    char why_not[160];
    bool on, off_by_user;
    bool had_one; /* a backend, since the start */
    struct control_watch watch;
    struct loop_timer *timer;
    struct node_index node; /* host-fast-path */
    struct mem_map map;
    struct fast_path_entry *entries;
    u32 n_used; /* numbers below were used */
    u32 n_live;
    VEC(u32) spare;
    VEC(struct fast_path_rest) rest; /* the oldest first */
    struct hash by_key;              /* live ones */
    u64 folded_ns, fold_took_ns;
    u64 undecided; /* as last seen */
    struct {
        u64 probes, made, old, unsaid, elsewhere, full;
    } n;
    const char *why_unsaid; /* of the last one; static; NULL: there was none */
};

extern const char fast_path_module_name[];
extern const struct fast_path_settings fast_path_default_settings;
extern const struct config_section fast_path_sections[];
extern const struct cli_command fast_path_commands[];

struct fast_path *fast_path_of(const struct piste *p);
int fast_path_init(struct piste *p, void **state, struct error *e);
void fast_path_stop(struct piste *p, void *state);
void fast_path_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);
int fast_path_set_on(struct piste *p, bool on, struct error *e) MUST_CHECK;
/* All entries go. */
void fast_path_clear(struct fast_path *s);
/* A probe has come. */
void fast_path_learn(struct piste *p, const struct probe *probe);
/* A new entry, in place of one with that key; false: there is no number for it. */
bool fast_path_add(struct fast_path *s, const struct fast_path_key *key,
                   const struct fast_path_action *action, u32 longest,
                   const struct entry_counts *counts);

/* What the files of the fast path share. */
#pragma once

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/cli.h"
#include "control/config.h"
#include "control/module.h"
#include "control/piste.h"
#include "engine/stats.h"
#include "net/features/fast_path/fast_path.h"

enum entry_state { ENTRY_FREE, ENTRY_LIVE, ENTRY_RESTS };

/* Interfaces and routes that packets of an entry are counted for, and what it depends on besides.
 */
struct entry_counts {
    struct if_index rx[2], tx[2]; /* a port and its sub-interface, in either order */
    u8 n_rx, n_tx;
    i8 grow;         /* bytes that a packet leaves with more than it came with */
    u8 header_bytes; /* of the link, as it came in */
    bool routed, is6, bridged, echo;
    u8 n_via;
    union {
        struct {
            u32 route, via[2]; /* load balances */
            u32 adj;
            u32 own; /* echo: of the own address; route is the answer's */
        };
        u64 station[2]; /* bridged: who it is to, and from */
    };
};

/* That an entry depends on: a route, an adjacency, an own address's route, two that lead on. */
#define ENTRY_PARTS_MAX 5

struct fast_path_link {
    u32 next, prev;
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
    struct fast_path_link link[ENTRY_PARTS_MAX]; /* of the live: one for each part */
};

/* A number that packets between the kernel's two programs may still have. */
struct fast_path_rest {
    u32 entry;
    u64 until_ns;
};

/* In the stats segment, where startup.conf asks for a fast path. */
struct fast_path_stats {
    struct stats_handle on, flows, packets, bytes, probes;
};

struct fast_path {
    struct piste *piste;
    const struct fast_path_backend *backend; /* NULL: there is none */
    char why_not[160];
    bool on, off_by_user;
    bool had_one; /* a backend, since the start */
    struct control_watch watch;
    struct forwarding_watch changes;
    struct loop_timer *timer;
    struct node_index node;    /* host-fast-path */
    struct node_index icmp[2]; /* ip4-icmp-input, ip6-icmp-input */
    struct mem_map map;
    struct fast_path_entry *entries;
    u32 n_used; /* numbers below were used */
    u32 n_live;
    VEC(u32) spare;
    VEC(struct fast_path_rest) rest; /* the oldest first */
    struct hash by_key;              /* live ones */
    u32 *heads, n_heads;             /* of lists by what entries depend on: fast_path_parts.c */
    struct mem_map heads_map;
    u64 folded_ns, fold_took_ns;
    u64 undecided; /* as last seen */
    struct fast_path_stats stats;
    struct {
        u64 packets, bytes; /* that the kernel has forwarded */
        u64 probes, made, ended, old, unsaid, elsewhere, full;
    } n;
    const char *why_unsaid; /* of the last one; static; NULL: there was none */
};

extern const char fast_path_module_name[];
extern const struct fast_path_settings fast_path_default_settings;
extern const struct config_section fast_path_sections[];
extern const struct cli_command fast_path_commands[];
extern const struct api_handler fast_path_api[];

struct fast_path *fast_path_of(const struct piste *p);
int fast_path_init(struct piste *p, void **state, struct error *e);
void fast_path_stop(struct piste *p, void *state);
void fast_path_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);
int fast_path_set_on(struct piste *p, bool on, struct error *e) MUST_CHECK;
/* Whether packets go by the entry now; how many there are of those. */
bool fast_path_is_valid(const struct fast_path *s, u32 entry);
u32 fast_path_n_flows(const struct fast_path *s);
/* What an entry's packets have in common; what becomes of them, each word behind a blank. */
void fast_path_key_text(struct text *t, const struct fast_path_key *k);
void fast_path_action_text(struct text *t, const struct fast_path_action *a);
/* All entries go. */
void fast_path_clear(struct fast_path *s);
/* fast_path_parts.c. An entry comes into the lists of what its counts say, and goes. */
void fast_path_parts_init(struct fast_path *s, u32 n_entries);
void fast_path_parts_fini(struct fast_path *s);
void fast_path_parts_add(struct fast_path *s, u32 entry);
void fast_path_parts_del(struct fast_path *s, u32 entry);
/* One of those that depend on part; UINT32_MAX: none does. */
u32 fast_path_parts_find(const struct fast_path *s, struct forwarding_part part);

/* A probe has come. */
void fast_path_learn(struct piste *p, const struct probe *probe);
/* A new entry, in place of one with that key; false: there is no number for it. */
bool fast_path_add(struct fast_path *s, const struct fast_path_key *key,
                   const struct fast_path_action *action, u32 longest,
                   const struct entry_counts *counts);

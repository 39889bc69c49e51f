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

/* Interfaces and routes that packets are counted for, and what else they depend on. */
struct way_counts {
    /* in order: a port, its sub-interface, a BVI; a BVI, a sub-interface, its port */
    struct if_index rx[3], tx[3];
    u32 route, via[2]; /* load balances */
    u32 adj;
    u32 own; /* echo: of the own address; route is the answer's */
    u8 n_rx, n_tx;
    i8 grow;         /* bytes that a packet leaves with more than it came with */
    u8 header_bytes; /* of the link, as it came in */
    bool routed, is6, echo;
    bool bridged;        /* by the last that received it but for a BVI */
    bool rx_bvi, tx_bvi; /* the last of rx, the first of tx is a BVI, which sends without tags */
    i8 rx_grow;          /* bytes that a BVI gets it with more: less where a tag was taken off */
    u8 n_via;
};
static_assert(sizeof(struct way_counts) == 56, "nothing between: it is hashed");

/* Who receives from a bridge domain or a cross-connect. */
static inline struct if_index way_l2_rx(const struct way_counts *c)
{
    return c->rx[c->n_rx - 1 - c->rx_bvi];
}

struct fast_path_link {
    u32 next, prev;
};

/* A route, an adjacency, an own address's route, two that lead on, the station behind a BVI. */
#define WAY_PARTS_MAX 6

/* What many entries have in common: what becomes of packets, and whom that is counted for. By the
 * number of its action. */
struct fast_path_way {
    struct way_key {
        struct fast_path_action action;
        struct way_counts counts;
    } key;
    u32 n_entries; /* live, or resting */
    u32 first;     /* routed: the list of its live entries */
    bool is_known; /* by its key, and in the lists of what it depends on */
    struct fast_path_link link[WAY_PARTS_MAX];
};

/* By its number, which is that of its counter. There may be a million: what several entries have in
 * common is a way's, and what only some have is elsewhere. */
struct fast_path_entry {
    u8 key[FAST_PATH_SHORT_BYTES]; /* the rest of one that is not short: fast_path.key_rests */
    u32 state : 2, way : 30;       /* enum entry_state */
    u32 generation;
    u64 packets;    /* by it, so far */
    u32 made, last; /* entry_time: when it was made; when there was a packet, or it ended */
    /* Live, bridged: in the lists of who it is to and from; routed: the first, in its way's, and
     * bridged the second. At rest, and free: the first's next is 1 + the next number that is so. */
    struct fast_path_link link[2];
};
static_assert(sizeof(struct fast_path_entry) == 72, "docs/decisions/0024");

struct fast_path_key_rest {
    u8 bytes[sizeof(struct fast_path_key) - FAST_PATH_SHORT_BYTES];
};

/* Whether probes are worth what they cost, as entries of the last ones were used or not. */
#define FAST_PATH_PACE_SLOTS 512u /* as many probes as there may be in the time for that */
struct fast_path_pace {
    struct fast_path_trial {
        u64 made_ns;
        u32 entry;
    } trial[FAST_PATH_PACE_SLOTS]; /* a ring: oldest first */
    u32 first, n;
    u32 n_useless; /* in a row */
    u32 rare;      /* probe_set_rare */
    u64 n_probes, n_packets; /* at the last tick */
    bool pays;               /* there were packets enough for the probes before it */
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
    struct fast_path_entry *entries;
    struct fast_path_key_rest *key_rests; /* by the entry */
    struct fast_path_way *ways;
    u32 n_used, n_ways_used; /* numbers below were used */
    u32 n_live;
    /* lists of numbers + 1; 0: the end. rest: oldest first */
    u32 spare, rest, rest_last, spare_way;
    struct hash way_by_key;
    u32 *heads, n_heads; /* of lists by what entries depend on: fast_path_parts.c */
    struct mem_map map, key_rests_map, ways_map, heads_map;
    u32 sweep_at;
    u64 sweep_idle_ns; /* without a packet, and then an entry goes */
    bool sweeps;
    u64 folded_ns, fold_took_ns;
    u64 configured_ns;
    u64 undecided; /* as last seen */
    struct fast_path_pace pace;
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
/* A command or a message comes: what it may show is counted. */
void fast_path_watch_before(void *arg, const char *what);
int fast_path_set_on(struct piste *p, bool on, struct error *e) MUST_CHECK;
/* Whether packets go by the entry now; how many there are of those. */
bool fast_path_is_valid(const struct fast_path *s, u32 entry);
u32 fast_path_n_flows(const struct fast_path *s);
/* Of one that is live, or rests. */
const struct fast_path_way *fast_path_way_of(const struct fast_path *s, u32 entry);
void fast_path_entry_key(const struct fast_path *s, u32 entry, struct fast_path_key *out);
u32 fast_path_entry_age_s(const struct fast_path *s, u32 entry);
/* What an entry's packets have in common; what becomes of them, each word behind a blank. */
void fast_path_key_text(struct text *t, const struct fast_path_key *k);
void fast_path_action_text(struct text *t, const struct fast_path_action *a);

/* fast_path_entries.c. Room for as many as the backend has; its end, when the backend has gone. */
void fast_path_entries_init(struct fast_path *s);
void fast_path_entries_fini(struct fast_path *s);
/* A new entry, in place of one with that key; its number. UINT32_MAX: there is one that says the
 * same, or no room. */
u32 fast_path_add(struct fast_path *s, const struct fast_path_key *key, const struct way_key *way,
                  u32 longest);
/* What the kernel has counted is added to interfaces, routes and all that. */
void fast_path_fold(struct fast_path *s);
/* Entries that are of no use, or that nobody uses, end: as work that is left to the loop. */
void fast_path_sweep(struct fast_path *s);
/* Numbers that have rested may be used again. */
void fast_path_end_rests(struct fast_path *s);
/* All entries end: they are of no use from now on, and a sweep is left to the loop. */
void fast_path_clear(struct fast_path *s);
/* Those that depend on it end before this returns. */
void fast_path_part_changed(struct fast_path *s, struct forwarding_part part);

/* fast_path_parts.c. Ways and entries come into the lists of what they depend on, and go. */
void fast_path_parts_init(struct fast_path *s);
void fast_path_parts_fini(struct fast_path *s);
void fast_path_parts_add_way(struct fast_path *s, u32 way);
void fast_path_parts_del_way(struct fast_path *s, u32 way);
void fast_path_parts_add(struct fast_path *s, u32 entry);
void fast_path_parts_del(struct fast_path *s, u32 entry);
/* One of those that depend on part; UINT32_MAX: none does. */
u32 fast_path_parts_find(const struct fast_path *s, struct forwarding_part part);

/* fast_path_ways.c. The way with that key, and an entry of it more; UINT32_MAX: there are too many
 * others. An entry of it less: with the last one, it goes. */
void fast_path_ways_init(struct fast_path *s);
void fast_path_ways_fini(struct fast_path *s);
u32 fast_path_way_take(struct fast_path *s, const struct way_key *key);
void fast_path_way_leave(struct fast_path *s, u32 way);
/* No entry is made of it any more, and what its packets are counted for is gone. */
void fast_path_way_forget(struct fast_path *s, u32 way);

/* fast_path_pace.c. The probe at hand made that entry; UINT32_MAX: none, and neither would another
 * one like it. */
void fast_path_pace(struct fast_path *s, u32 entry);
/* As at the start: as many probes as there may be. */
void fast_path_pace_reset(struct fast_path *s);
/* Each second. */
void fast_path_pace_tick(struct fast_path *s);

/* A probe has come. */
void fast_path_learn(struct piste *p, const struct probe *probe);

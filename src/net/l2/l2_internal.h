/* What the layer-2 module's own files share. */
#pragma once

#include "base/hash.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "net/l2/arp_table.h"
#include "net/l2/l2.h"
#include "net/l2/l2_express.h"
#include "net/l2/l2_fib.h"
#include "net/l2/mac_table.h"
#include "net/packet/ip_address.h"

struct loop_timer;

#define L2_BD_ID_MAX 0xffffffu
#define L2_BD_INDEX_MAX 65535u
#define L2_LEARN_LIMIT_DEFAULT (16u << 20)
#define L2_SCAN_DELAY_MS_DEFAULT 100

/* --- what nodes see --- */

/* Edges that all nodes of layer 2 have, in this order. */
enum l2_next {
    L2_NEXT_DROP,
    L2_NEXT_FEATURE_DROP,
    L2_NEXT_LEARN,
    L2_NEXT_FWD,
    L2_NEXT_FLOOD,
    L2_NEXT_UU_FWD,
    L2_NEXT_ARP_TERM,
    L2_NEXT_OUTPUT,
    L2_NEXT_BVI,
    L2_NEXT_RW,
    L2_NEXT_N
};

/* State of the nodes. */
struct l2_shared {
    struct mac_table macs;
    struct arp_table *arp; /* of all domains */
    u32 learn_limit;
    u8 event_flags;    /* MAC_NEW | MAC_MOVED when somebody wants events, else 0 */
    u32 bigger_posted; /* atomic: the control thread knows that the table is too full */
    u8 arp_wanted;     /* somebody wants to know of stations that ARP termination sees */
    const struct feature_arc *input_arc, *output_arc;
};

/* Minutes, as entries are stamped. */
ALWAYS_INLINE u8 l2_minute(u64 now_ns)
{
    return (u8)(now_ns / 60000000000ull);
}

/* --- control thread --- */

struct l2_port {
    struct if_index interface;
    enum l2_port_kind kind;
};

struct l2_bd {
    u32 id, index;
    u8 seq;   /* counts flushes */
    u8 flags; /* L2_IF_LEARN, FORWARD, FLOOD, UU_FLOOD, ARP_TERM, RW */
    bool arp_ufwd;
    u8 mac_age; /* minutes; 0: for ever */
    u32 learn_limit;
    char tag[IF_TAG_BYTES];
    VEC(struct l2_port) ports; /* see l2_bd_add_port */
    struct if_index bvi, uu_fwd;
    struct index_list arp; /* entries for ARP termination */
};

/* By interface: its places in lists. */
struct l2_links {
    struct index_links aims; /* among those that are cross-connected to its peer */
    struct index_list aimed; /* those that are cross-connected to it */
};

struct l2_patch {
    struct if_index rx, tx;
};

/* A station whose ARP or neighbour discovery passed ARP termination. */
struct l2_station {
    struct arp_key ip;
    struct if_index interface;
    u8 mac[6], spare[6]; /* 0: stations are compared byte by byte */
};
typedef void l2_station_fn(struct piste *p, const struct l2_station *station, void *arg);

/* Entries that are to go: those of a domain (index; UINT32_MAX: all) and an interface (UINT32_MAX:
 * all) without one of the flags `keep` and with all of `only` (MAC_*). */
struct l2_fib_goes {
    u32 bd, interface;
    u32 keep, only;
    u32 region;  /* where it is */
    bool forget; /* they are all, and none comes meanwhile */
};

struct l2_state {
    struct l2_shared shared; /* first: what nodes see */
    struct l2_express express_data;
    struct express express;
    struct piste *piste;
    VEC(struct l2_bd *) bds; /* by index; NULL: free */
    struct numbers bd_indices;
    u32 n_ageing; /* domains whose entries age */
    struct hash bd_by_id;
    u32 default_learn_limit;
    struct mem_map if_map, bd_map, links_map;
    struct l2_links *links; /* lazily touched */
    const struct l2_rewriter *rewriter;
    VEC(struct l2_patch) patches; /* by rx */
    /* l2_fib.c */
    struct loop_timer *grow_timer, *age_timer, *event_timer;
    u32 grow_at;                  /* next bucket to copy while growing */
    VEC(struct l2_fib_goes) goes; /* one after the other */
    u32 age_at;                   /* next bucket to look at while ageing */
    u64 age_started_ns, last_scan_ns;
    u32 event_at; /* next bucket to look for events in; of a table of event_buckets */
    u32 event_buckets;
    bool tell_all; /* what was learnt before somebody listened is told too */
    u32 scan_delay_ms;
    l2_fib_fn *on_fib;
    void *on_fib_arg;
    l2_station_fn *on_station;
    void *on_station_arg;
};

struct l2_state *l2_state_of(const struct piste *p);

/* l2_bd.c: domains. NULL: there is none. */
struct l2_bd *l2_bd_find(const struct l2_state *s, u32 id);
struct l2_bd *l2_bd_at(const struct l2_state *s, u32 index);
struct l2_bd *l2_bd_next(const struct l2_state *s, u32 from_index);
/* -EEXIST, -EINVAL, -ENOSPC; with the flags of a new domain. */
int l2_bd_create(struct l2_state *s, u32 id, struct l2_bd **out, struct error *e) MUST_CHECK;
int l2_bd_delete(struct l2_state *s, u32 id, struct error *e) MUST_CHECK;
void l2_bd_set_flags(struct l2_state *s, struct l2_bd *bd, u8 flags, bool on);
void l2_bd_set_arp_ufwd(struct l2_bd *bd, bool on);
void l2_bd_set_age(struct l2_state *s, struct l2_bd *bd, u8 minutes);
void l2_bd_set_learn_limit(struct l2_bd *bd, u32 limit);
/* -ENOSPC. */
int l2_bd_arp_set(struct l2_state *s, struct l2_bd *bd, const struct arp_key *key, const u8 mac[6],
                  struct error *e) MUST_CHECK;
int l2_bd_arp_del(struct l2_state *s, struct l2_bd *bd, const struct arp_key *key,
                  struct error *e) MUST_CHECK;
void l2_bd_arp_clear(struct l2_state *s, struct l2_bd *bd);
/* Entries, one by one: *at is bd->arp.first at first. false: there are no more. */
bool l2_bd_arp_next(const struct l2_state *s, u32 *at, struct arp_key *key, u8 mac[6]);
/* Stations that ARP termination sees; fn NULL: nobody wants to know any more. */
void l2_on_station(struct l2_state *s, l2_station_fn *fn, void *arg);
/* A data thread saw one. */
void l2_station_seen(struct piste *p, const void *payload);
/* All that nodes see of a domain, and of its ports, is made anew. */
void l2_bd_publish(struct l2_state *s, struct l2_bd *bd);
/* The same when a port without a role left, or (one_more) joined: the others' edges stay as they
 * are. */
void l2_bd_publish_ports(struct l2_state *s, struct l2_bd *bd, const struct l2_port *one_more);
void l2_bd_add_port(struct l2_state *s, struct l2_bd *bd, struct l2_port port);
void l2_bd_free_all(struct l2_state *s);

/* l2.c */
void l2_port_publish(struct l2_state *s, struct if_index i);
void l2_port_set_flags(struct l2_state *s, struct if_index i, u8 flags, bool on);
void l2_rewrite_name(const struct l2_state *s, struct if_index i, struct text *t);
int l2_patch_set(struct l2_state *s, struct if_index rx, struct if_index tx, bool on,
                 struct error *e) MUST_CHECK;

/* l2_fib.c */
int l2_fib_init(struct l2_state *s, struct error *e) MUST_CHECK;
void l2_fib_stop(struct l2_state *s);
void l2_fib_ageing_changed(struct l2_state *s);
/* As if so many minutes went by at once (for tests). */
void l2_fib_pass_time(struct l2_state *s, u8 minutes);
/* A data thread found the table too full. */
void l2_fib_wants_bigger(struct piste *p, const void *payload);

/* l2_cli.c */
/* `width` characters, s in the middle; an odd blank goes to the left, as VPP does. */
/* As out_aligned, in the middle. */
void l2_centered_number(struct out *o, unsigned width, i64 n);
const char *l2_arp_key_text(const struct arp_key *key, char out[IP_ADDRESS_TEXT_BYTES]);
/* "N/A": none, or gone. */
const char *l2_name_of(const struct cli_call *c, struct if_index i);

extern const struct node_def *const l2_nodes[];

/* `l2learn` of startup.conf. */
struct l2_settings {
    u64 learn_limit; /* 0: not given */
};

/* --- for the record in l2_module.c --- */
extern const char l2_event_api_module_name[];
extern const char l2_module_name[];
extern const struct cli_command l2_commands[];
extern const struct cli_command l2_fib_commands[];
extern const struct api_handler l2_api[];
extern const struct api_handler l2_flags_api[];
extern const struct api_handler l2_event_api[];
extern const struct api_handler tag_api[];
void l2_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
bool l2_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                            struct text *t);
void l2_place_free(void *place);
int l2_event_api_init(struct piste *p, void **state, struct error *e);
void l2_event_api_stop(struct piste *p, void *state);
int tag_api_init(struct piste *p, void **state, struct error *e);
int l2_init(struct piste *p, void **state, struct error *e);
void l2_stop(struct piste *p, void *state);
void l2_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);

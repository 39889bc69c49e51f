/* What the files of NAT44 share. */
#pragma once

#include "base/hash.h"
#include "plugins/nat/nat44.h"
#include "plugins/nat/nat_ipfix.h"
#include "plugins/nat/nat_own.h"

struct nat44_if {
    struct if_index interface;
    u8 flags; /* enum nat44_if_flags */
};

/* Of the configuration. */
struct nat44_mapping_entry {
    struct nat44_mapping_config c;
    u32 index; /* of what data threads see; POOL_NONE: its interface has no address */
};

struct nat44_state {
    struct nat44_data data; /* what data threads see, while `enabled` */
    bool enabled;
    struct nat44_options options;
    struct nat44_addresses {
        VEC(struct nat_pool_entry) v;
        VEC(struct if_index) ifs; /* whose addresses are there, too */
    } addresses[NAT44_POOLS];
    VEC(struct nat44_if) ifs;
    struct nat_own own;
    VEC(struct nat44_mapping_entry) mappings;
    VEC(struct nat44_lb) lbs;
    VEC(struct nat44_vrf_limit) limits;
    VEC(struct nat44_vrf_table) vrf_tables;
    struct nat44_port_config ports; /* of NAT44 EI */
    u64 workers;                    /* a bit each; 0: all */
    u32 fq_nelts;                   /* 0: NAT44_FQ_NELTS */
    u8 log_level;                   /* of NAT44 EI: enum nat_log_level, as a message has set it */
    struct nat44_ha *ha;            /* of NAT44 EI; NULL: there is none */
    struct nat_log log;
    struct nat_ipfix ipfix;
};

struct nat44_state *nat44_state_of(const struct piste *p);
/* -EOPNOTSUPP, in VPP's words. */
int nat44_must_be_enabled(const struct piste *p, struct error *e) MUST_CHECK;

/* --- nat44_pool.c --- */

void nat44_pool_init(struct piste *p);
/* All addresses go. */
void nat44_pool_clear(struct piste *p);

/* --- nat44_routes.c --- */

void nat44_routes_init(struct piste *p, struct nat44_state *s);
/* addr is one that this switch takes outside, as often as it is said, until it is not any more. */
void nat44_own_address(struct piste *p, be32 addr);
void nat44_disown_address(struct piste *p, be32 addr);
/* Interfaces, tables or their addresses have changed: routes follow. leaving: an interface's
 * address that still stands there, and goes next; NULL: none. */
void nat44_sync_routes(struct piste *p, const struct nat_route *leaving);

/* --- nat44_mapping.c --- */

void nat44_mappings_init(struct piste *p);
void nat44_mappings_new(struct nat44_mappings *m);
void nat44_mappings_free(struct nat44_mappings *m);
void nat44_mappings_clear(struct piste *p);
/* By which ends data threads find a mapping. */
enum nat44_known { NAT44_KNOWN_OUTSIDE = 1 << 0, NAT44_KNOWN_INSIDE = 1 << 1 };
/* A mapping that nobody finds yet. -ENOSPC. */
int nat44_mapping_reserve(struct piste *p, const struct nat44_mapping *x, enum nat44_known free,
                          u32 *index, struct error *e) MUST_CHECK;
/* It is not to be, after all. */
void nat44_mapping_unreserve(struct piste *p, u32 index);
/* Found from now on. */
void nat44_mapping_known(struct piste *p, u32 index, enum nat44_known by);
/* Nobody finds it any more, nor looks at it; its sessions end. */
void nat44_mapping_take(struct piste *p, u32 index, enum nat44_known by);
/* Whether it comes back from the configuration. -EINVAL. */
int nat44_check_tag(const char *tag, struct error *e) MUST_CHECK;
/* An interface has got an address, or loses it: mappings of it follow. */
void nat44_mappings_follow(struct piste *p, struct if_index i, be32 addr, bool add);

/* --- nat44_lb.c --- */

void nat44_lbs_clear(struct piste *p);

/* --- nat44_vrf.c --- */

/* The table stays while something is said of it; made where there is none. -ENOSPC. */
int nat44_table_lock(struct piste *p, u32 vrf, struct fib_index *fib, struct error *e) MUST_CHECK;
void nat44_table_unlock(struct piste *p, u32 vrf);
void nat44_vrfs_new(struct nat44_data *d);
void nat44_vrfs_clear(struct piste *p);
void nat44_vrfs_free(struct nat44_data *d);

/* --- nat44_interface.c --- */

void nat44_interfaces_init(struct piste *p);
void nat44_interfaces_clear(struct piste *p);

/* --- nat44_workers.c --- */

void nat44_workers_new(struct piste *p);
void nat44_workers_free(struct nat44_data *d);

/* --- nat44_log.c --- */

void nat44_log_init(struct piste *p);
void nat44_log_fini(struct nat44_state *s);

/* --- nat44.c --- */

/* Ends the sessions of all threads that fn wants. Returns how many. */
u32 nat44_end_sessions(struct piste *p, bool (*fn)(const struct nat44_session *s, const void *arg),
                       const void *arg);

/* --- what the two NATs differ in, besides their nodes and commands: each plugin has one --- */

struct nat44_flavor {
    const char *prefix; /* of counters, tables and nodes: "nat44-ed" */
    const char *words,
        *nat_words; /* of commands, and of what is one command for all NATs of VPP's */
    const char *other, *other_words; /* that must not be enabled at the same time */
    const char *local_error;         /* its node on ip4-local */
    u32 sessions;                    /* of a thread, by default */
    /* what an interface has on ip4-unicast, by its flags, and on ip4-output: with one data thread,
     * and with several */
    const char *in[2][4], *output[2];
    /* what it has besides: begins when sessions are there, ends when nobody looks any more */
    void (*enable)(struct piste *p, struct nat44_options *o);
    void (*disable)(struct piste *p);
    /* what NAT_LOG_FAILOVER wants; NULL: it does not */
    void (*tell_failover)(struct piste *p, const struct nat_log_event *ev);
    /* of what it has besides */
    void (*running_config)(struct piste *p, struct text *t);
};
extern const struct nat44_flavor nat44_flavor;

/* --- for the records of both plugins --- */

extern const char nat44_module_name[];
int nat44_init(struct piste *p, void **state, struct error *e);
void nat44_stop(struct piste *p, void *state);
void nat44_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
bool nat44_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                               struct text *t);
void nat44_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);

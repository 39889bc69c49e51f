/* What the files of NAT44 share. */
#pragma once

#include "plugins/nat/nat44.h"

struct nat44_if {
    struct if_index interface;
    u8 flags; /* enum nat44_if_flags */
};

/* A route by which this switch takes what is sent to an address of the pool. */
struct nat44_route {
    struct fib_index table;
    be32 addr;
};

struct nat44_state {
    struct nat44_data data; /* what data threads see, while `enabled` */
    bool enabled;
    struct nat44_options options;
    VEC(struct nat44_pool_entry) addresses;
    VEC(struct if_index) address_ifs;
    VEC(struct nat44_if) ifs;
    VEC(struct nat44_route) routes;
};

struct nat44_state *nat44_state_of(const struct piste *p);
/* -ENODEV, in VPP's words. */
int nat44_must_be_enabled(const struct piste *p, struct error *e) MUST_CHECK;

/* --- nat44_pool.c --- */

void nat44_pool_init(struct piste *p);
/* All addresses and routes go. */
void nat44_pool_clear(struct piste *p);
/* Interfaces, tables or addresses have changed: routes to the pool's addresses follow. */
void nat44_sync_routes(struct piste *p);

/* --- nat44_interface.c --- */

void nat44_interfaces_init(struct piste *p);
void nat44_interfaces_clear(struct piste *p);

/* --- nat44.c --- */

/* Ends the sessions of all threads that fn wants. Returns how many. */
u32 nat44_end_sessions(struct piste *p, bool (*fn)(const struct nat44_session *s, const void *arg),
                       const void *arg);

/* --- for the record in nat_module.c --- */
extern const char nat44_module_name[];
extern const struct cli_command nat44_commands[];
extern const struct cli_type nat44_types[];
extern const struct api_handler nat44_api_handlers[];
int nat44_init(struct piste *p, void **state, struct error *e);
void nat44_stop(struct piste *p, void *state);
void nat44_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
void nat44_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);

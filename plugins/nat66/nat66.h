/* NAT66: hosts inside have addresses outside, one to one, for good. Ports stay as they are, and
 * there are no sessions.
 *
 *   inside  ─► nat66-in2out ─► ip6-lookup ...     the source, when the packet leaves to outside
 *   outside ─► nat66-out2in ─► ip6-lookup ...     the destination
 *
 * A packet from inside to the address outside of another host inside gets both (hairpinning).
 * Packets of hosts without a mapping pass as they are, and so does what a link says to itself
 * (neighbour discovery). Whoever is outside has routes to the addresses outside that lead here.
 *
 * What is set here lasts until the plugin is disabled. Context: control thread. Source: words,
 * messages and nodes are VPP's; RFC 4787 (hairpinning), RFC 5508 (errors), for IPv6. */
#pragma once

#include "control/api.h"
#include "control/module.h"
#include "plugins/nat66/nat66_data.h"

struct piste;

extern const char nat66_module_name[];

/* --- the plugin --- */

/* outside_vrf: the table in which packets go on that have no way outside in their own. -EALREADY,
 * -ENOSPC. */
int nat66_enable(struct piste *p, u32 outside_vrf, struct error *e) MUST_CHECK;
/* All that was set goes. -EALREADY. */
int nat66_disable(struct piste *p, struct error *e) MUST_CHECK;
bool nat66_is_enabled(const struct piste *p);
u32 nat66_outside_vrf(const struct piste *p);

/* --- interfaces --- */

/* flag: one of enum nat_if_flags; an interface may have both. -EEXIST, -ENOENT. */
int nat66_set_interface(struct piste *p, struct if_index i, u8 flag, bool add,
                        struct error *e) MUST_CHECK;

/* --- static mappings --- */

struct nat66_mapping_config {
    struct ip_address local, external;
    u32 vrf; /* of local; made where there is none */
};

/* -EEXIST: local of that table, or external, has one; -EINVAL: no address of a host; -ENOSPC. */
int nat66_add_mapping(struct piste *p, const struct nat66_mapping_config *c,
                      struct error *e) MUST_CHECK;
/* -ENOENT. */
int nat66_del_mapping(struct piste *p, const struct nat66_mapping_config *c,
                      struct error *e) MUST_CHECK;
/* The first whose index is not below *at, which is behind it afterwards; false: there is none.
 * *total: of what it translated. */
bool nat66_mapping_next(const struct piste *p, u32 *at, struct nat66_mapping_config *out,
                        struct counter_pair *total);

/* --- for the record in nat66_module.c, and among the files --- */

struct nat66_state {
    struct nat66_data data; /* what data threads see, while `enabled` */
    bool enabled;
    u32 outside_vrf;
};

struct nat66_state *nat66_state_of(const struct piste *p);
/* -EOPNOTSUPP. */
int nat66_must_be_enabled(const struct piste *p, struct error *e) MUST_CHECK;
/* See icmp6_undo_fn. */
void nat66_undo(struct buffer *message, struct fib_index fib);
void nat66_mappings_new(struct nat66_data *d);
/* All of them go; no data thread sees any. */
void nat66_mappings_free(struct piste *p);

int nat66_init(struct piste *p, void **state, struct error *e);
void nat66_stop(struct piste *p, void *state);
void nat66_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);
void nat66_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
bool nat66_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                               struct text *t);
extern const struct cli_command nat66_commands[];
extern const struct api_handler nat66_api_handlers[];

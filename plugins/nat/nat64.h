/* NAT64: hosts that have IPv6 only talk to hosts that have IPv4 only. Those inside see the others
 * in a prefix, and are seen by addresses of a pool.
 *
 *   inside  ─► ip6-unicast arc: nat64-in2out ─┬─► ip4-lookup ...
 *                 (to an address in the prefix) └─► nat64-hairpin, to another host inside
 *   outside ─► ip4-unicast arc: nat64-out2in ───► ip6-lookup ...     nat64-hairpin ───► ip6-lookup
 *
 * What is sent to an address of the pool is taken by this switch: routes lead it here. Errors about
 * packets (hops, MTU, no way) are found before these are translated, so that they tell of them as
 * they came. Of a port inside all is on one data thread, which the port says; what comes in on
 * another is handed over.
 *
 * Source: words, messages and nodes are VPP's; RFC 6146, RFC 7915, RFC 6052. What is set here lasts
 * until the plugin is disabled. Context: control thread. */
#pragma once

#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "plugins/nat/nat64_data.h"
#include "plugins/nat/nat_interfaces_use.h"
#include "plugins/nat/nat_ipfix.h"
#include "plugins/nat/nat_own.h"
#include "plugins/nat/nat_pool.h"

struct piste;

extern const char nat64_module_name[];

/* --- the plugin --- */

#define NAT64_SESSIONS_DEFAULT 64512

/* sessions: of each data thread at most. -EALREADY, -EINVAL. */
int nat64_enable(struct piste *p, u32 sessions, struct error *e) MUST_CHECK;
/* All that was set goes. -EALREADY. */
int nat64_disable(struct piste *p, struct error *e) MUST_CHECK;
bool nat64_is_enabled(const struct piste *p);

extern const u32 nat64_default_timeouts[NAT64_TIMEOUTS];
/* -EINVAL. */
int nat64_set_timeouts(struct piste *p, const u32 seconds[NAT64_TIMEOUTS],
                       struct error *e) MUST_CHECK;
const u32 *nat64_timeouts(const struct piste *p);

/* Whether collectors of IPFIX are told of sessions and bindings, with this observation domain and
 * from this port; enabled or not, NAT64 keeps it. -EINVAL. */
int nat64_set_ipfix(struct piste *p, bool on, u32 domain, u16 src_port, struct error *e) MUST_CHECK;

/* --- interfaces --- */

/* flag: one of enum nat_if_flags; an interface may have both. -EEXIST, -ENOENT. */
int nat64_set_interface(struct piste *p, struct if_index i, u8 flag, bool add,
                        struct error *e) MUST_CHECK;

/* --- addresses of the pool, and prefixes --- */

#define NAT64_ADDRESSES_MAX 4096

/* Host order, both ends included. -EEXIST, -EINVAL, -ENOSPC. */
int nat64_add_addresses(struct piste *p, u32 first, u32 last, u32 tenant_vrf,
                        struct error *e) MUST_CHECK;
/* -ENOENT: not all of them are there. */
int nat64_del_addresses(struct piste *p, u32 first, u32 last, struct error *e) MUST_CHECK;
bool nat64_address_at(const struct piste *p, u32 k, struct nat_pool_entry *out);
/* The pool has the addresses of an interface, whatever they are. -EEXIST, -ENOENT. */
int nat64_set_interface_address(struct piste *p, struct if_index i, bool add,
                                struct error *e) MUST_CHECK;
struct if_index nat64_address_if_at(const struct piste *p, u32 k); /* IF_NONE behind the last */

struct nat64_prefix_entry {
    struct ip_prefix prefix;
    u32 vrf;
    struct if_index via; /* what is for the prefix counts as received there, whatever it came in by;
                          * IF_NONE */
};

/* Another one in the place of what the table had. -EINVAL: of no length that there is. */
int nat64_add_prefix(struct piste *p, const struct nat64_prefix_entry *x,
                     struct error *e) MUST_CHECK;
/* -ENOENT. */
int nat64_del_prefix(struct piste *p, const struct nat64_prefix_entry *x,
                     struct error *e) MUST_CHECK;
bool nat64_prefix_at(const struct piste *p, u32 k, struct nat64_prefix_entry *out);

/* --- static bindings --- */

struct nat64_static_config {
    struct ip_address inside;
    be32 outside;
    be16 in_port, out_port; /* of protocols without ports they do not count */
    u32 vrf;                /* of inside; made where there is none */
    u8 protocol;            /* ICMPv6 is ICMP */
};

/* What has either end by chance goes. -EEXIST: a static one has it; -EINVAL, -ENOSPC. */
int nat64_add_static(struct piste *p, const struct nat64_static_config *c,
                     struct error *e) MUST_CHECK;
/* With its sessions. -ENOENT. */
int nat64_del_static(struct piste *p, const struct nat64_static_config *c,
                     struct error *e) MUST_CHECK;
/* The first whose index is not below *at, which is behind it afterwards; false: there is none. */
bool nat64_static_next(const struct piste *p, u32 *at, struct nat64_static_config *out);

/* --- what there is --- */

/* Where in the bindings, or sessions, of all threads. */
struct nat64_place {
    u32 thread; /* 1 to begin with */
    u32 from;
};

/* Copies bindings from there on: *n, at most max, maybe none. false: there are no more. */
bool nat64_bibs_next(const struct piste *p, struct nat64_place *at, struct nat64_bib *out, u32 max,
                     u32 *n);
/* The same of sessions, each with its binding. */
struct nat64_seen {
    struct nat64_session session;
    struct nat64_bib bib;
};
bool nat64_sessions_next(const struct piste *p, struct nat64_place *at, struct nat64_seen *out,
                         u32 max, u32 *n);
/* Whether it is one of those that `wanted' asks for, as in messages: TCP, UDP, ICMP (also 58), 255:
 * all; else those without ports. */
bool nat64_is_wanted(u8 protocol, u8 wanted);
/* The host outside, as hosts of a table see it. */
struct ip_address nat64_seen_inside(const struct piste *p, u32 fib, be32 host);

/* --- for the record in nat64_module.c, and among the files --- */

struct nat64_state {
    struct nat64_data data; /* what data threads see, while `enabled` */
    bool enabled;
    u32 sessions;
    u8 *if_flags; /* enum nat_if_flags, by interface */
    VEC(struct nat_pool_entry) pool;
    VEC(struct if_index) pool_ifs;
    VEC(struct nat64_prefix_entry) prefixes;
    struct nat_own own;
    struct nat_log log;
    struct nat_ipfix ipfix;
};

struct nat64_state *nat64_state_of(const struct piste *p);
/* -EOPNOTSUPP. */
int nat64_must_be_enabled(const struct piste *p, struct error *e) MUST_CHECK;
/* Ends sessions that fn wants to end, and dynamic bindings without any. */
void nat64_end_sessions(struct piste *p, bool (*fn)(const struct nat64_bib *bib, const void *arg),
                        const void *arg);

void nat64_pool_init(struct piste *p);
/* All addresses and prefixes go; none is told to data threads. */
void nat64_pool_new(struct nat64_data *d);
void nat64_pool_clear(struct piste *p);
void nat64_pool_free(struct nat64_data *d);
/* An address is one of a static binding, or is not any more. */
void nat64_own_address(struct piste *p, be32 addr, bool own);

void nat64_log_init(struct piste *p);
void nat64_log_fini(struct nat64_state *s);

void nat64_statics_new(struct nat64_statics *s);
/* All of them go; no data thread sees any. */
void nat64_statics_free(struct piste *p);

int nat64_init(struct piste *p, void **state, struct error *e);
void nat64_stop(struct piste *p, void *state);
void nat64_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);
void nat64_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
bool nat64_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                               struct text *t);
extern const struct cli_command nat64_commands[];
extern const struct api_handler nat64_api_handlers[];

/* NAT44, endpoint-dependent: hosts inside share addresses of a pool towards hosts outside. What is
 * translated is a session, told by both ends of it (nat44_data.h), so that a port of a pool address
 * serves any number of hosts inside as long as they talk to different ends outside.
 *
 *   inside  ─► nat44-ed-in2out ─► ip4-lookup ...     begins sessions
 *   outside ─► nat44-ed-out2in ─► ip4-lookup ...     has these, and begins those of static mappings
 *   anywhere ─► ip4-lookup ─► ip4-rewrite ─► nat44-ed-in2out-output ─► an output interface
 *   errors of this switch about what it translated ─► nat44-ed-local-error ─► ip4-lookup ...
 *
 * Each session is a data thread's, found by the port outside (nat44_owner_of_port). What is set
 * here lasts until the plugin is disabled.
 *
 * Context: control thread. Source: RFC 3022, RFC 4787, RFC 5382, RFC 5508; words are VPP's. */
#pragma once

#include "base/error.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/index.h"
#include "plugins/nat/nat44_data.h"
#include "plugins/nat/nat_pool.h"

struct piste;
struct out;

#define NAT44_ADDRESSES_MAX 4096
#define NAT44_USERS_MAX MEM_MOST(1u << 20) /* of a thread */

struct nat44_options {
    u32 sessions; /* of a thread; 0: as many as the NAT has by default */
    u32 inside_vrf, outside_vrf;
    /* of NAT44 EI: hosts inside of a thread, sessions of a host; 0: the default, of the other NAT
     * none */
    u32 users, user_sessions;
    bool static_only; /* of NAT44 EI: there are static mappings alone */
    bool tracking;    /* their packets belong to sessions nevertheless */
};

/* --- the plugin --- */

/* -EALREADY: it is. -EBUSY: the other NAT is. */
int nat44_enable(struct piste *p, const struct nat44_options *o, struct error *e) MUST_CHECK;
/* All that was set goes, and all sessions. -EALREADY. */
int nat44_disable(struct piste *p, struct error *e) MUST_CHECK;
bool nat44_is_enabled(const struct piste *p);

/* seconds[]: by enum nat44_timeout, none of them 0. Sessions that there are follow. */
int nat44_set_timeouts(struct piste *p, const u32 seconds[NAT44_TIMEOUTS],
                       struct error *e) MUST_CHECK;
const u32 *nat44_timeouts(const struct piste *p);
extern const u32 nat44_default_timeouts[NAT44_TIMEOUTS];
/* -EINVAL: 0, or more than there can be. */
int nat44_set_session_limit(struct piste *p, u32 limit, struct error *e) MUST_CHECK;
/* The same of sessions of hosts of a table; 0: it has none any more. -ENOENT, -EINVAL. */
int nat44_set_vrf_limit(struct piste *p, u32 vrf, u32 limit, struct error *e) MUST_CHECK;
struct nat44_vrf_limit {
    u32 vrf, limit;
};
/* The k-th. */
bool nat44_vrf_limit_at(const struct piste *p, u32 k, struct nat44_vrf_limit *out);
/* Packets from outside that belong to no session go on as they are. */
int nat44_set_forwarding(struct piste *p, bool on, struct error *e) MUST_CHECK;

/* --- data threads --- */

/* Which data threads have sessions, a bit each from the first one on; enabled or not, NAT44 keeps
 * it. Sessions end where that changes. -EOPNOTSUPP: there is only one; -EINVAL. */
int nat44_set_workers(struct piste *p, u64 workers, struct error *e) MUST_CHECK;
u64 nat44_workers(const struct piste *p);
/* How long queues between data threads are to be, in what VPP counts: kept and told, enabled or
 * not, but queues here have one length. -EALREADY: the plugin is enabled. -EINVAL: none. */
#define NAT44_FQ_NELTS 64
int nat44_set_fq_nelts(struct piste *p, u32 nelts, struct error *e) MUST_CHECK;
u32 nat44_fq_nelts(const struct piste *p);

/* --- logs --- */

/* Whether collectors of IPFIX are told of sessions, with this observation domain and from this
 * port; enabled or not, NAT44 keeps it. -EINVAL. */
int nat44_set_ipfix(struct piste *p, bool on, u32 domain, u16 src_port, struct error *e) MUST_CHECK;
bool nat44_ipfix(const struct piste *p, u32 *domain, u16 *src_port);

/* --- addresses --- */

/* Host order, first to last. -EEXIST, -ENOENT, -EINVAL, -ENOSPC; nothing is done then. */
int nat44_add_addresses(struct piste *p, enum nat44_pool_kind kind, u32 first, u32 last,
                        u32 tenant_vrf, struct error *e) MUST_CHECK;
/* Sessions by them end. */
int nat44_del_addresses(struct piste *p, enum nat44_pool_kind kind, u32 first, u32 last,
                        struct error *e) MUST_CHECK;
/* In order; false behind the last. */
bool nat44_address_at(const struct piste *p, enum nat44_pool_kind kind, u32 k,
                      struct nat_pool_entry *out);
/* The pool has the addresses of the interface, whatever these are. -EEXIST, -ENOENT. */
int nat44_set_interface_address(struct piste *p, enum nat44_pool_kind kind, struct if_index i,
                                bool add, struct error *e) MUST_CHECK;
/* The k-th such interface; IF_NONE behind the last. */
struct if_index nat44_address_if_at(const struct piste *p, enum nat44_pool_kind kind, u32 k);

/* --- ways between tables --- */

/* Hosts of a table go outside by the first of its routes' tables that leads there, by an interface
 * of that table. While there is any such table nobody else goes by another one than his own.
 * -EEXIST, -ENOENT. */
int nat44_add_vrf_table(struct piste *p, u32 vrf, struct error *e) MUST_CHECK;
int nat44_del_vrf_table(struct piste *p, u32 vrf, struct error *e) MUST_CHECK;
int nat44_set_vrf_route(struct piste *p, u32 table, u32 vrf, bool add, struct error *e) MUST_CHECK;

struct nat44_vrf_table {
    u32 vrf;
    VEC(u32) routes;
};

/* The k-th; NULL behind the last. */
const struct nat44_vrf_table *nat44_vrf_table_at(const struct piste *p, u32 k);

/* --- interfaces --- */

/* flag: one of enum nat44_if_flags. An output interface leads outside, and what leaves by it is
 * translated when it has been routed, wherever it came from. -EEXIST, -ENOENT. */
int nat44_set_interface(struct piste *p, struct if_index i, u8 flag, bool add,
                        struct error *e) MUST_CHECK;
/* What nat44_set_interface says before it begins. */
int nat44_check_interface(struct piste *p, struct if_index i, u8 flag, bool add,
                          struct error *e) MUST_CHECK;
/* The k-th interface that has any. */
bool nat44_interface_at(const struct piste *p, u32 k, struct if_index *i, u8 *flags);

/* --- static mappings --- */

#define NAT44_TAG_BYTES 64

struct nat44_mapping_config {
    be32 local, external;
    be16 local_port, external_port; /* both 0, with protocol: all of the address */
    u8 protocol;
    bool identity;               /* not to be translated: external is local */
    bool out2in_only;            /* sessions begin outside only */
    u8 twice;                    /* enum nat44_twice */
    be32 exact;                  /* with that: the address to take; 0: any of the pool */
    struct if_index external_if; /* external is the first address of it; IF_NONE: as it says */
    u32 vrf;                     /* of local */
    char tag[NAT44_TAG_BYTES];
};

/* -EEXIST: there is one of that address and port outside, or of that host inside. */
int nat44_add_mapping(struct piste *p, const struct nat44_mapping_config *c,
                      struct error *e) MUST_CHECK;
/* Sessions by it end. -ENOENT. */
int nat44_del_mapping(struct piste *p, const struct nat44_mapping_config *c,
                      struct error *e) MUST_CHECK;
/* The k-th. *resolved: its address outside, where that is an interface's; 0: that has none. */
bool nat44_mapping_at(const struct piste *p, u32 k, struct nat44_mapping_config *out,
                      be32 *resolved);

/* Load-balanced mappings: each session from outside by one of several ends inside. */
struct nat44_lb_config {
    be32 external;
    be16 external_port;
    u8 protocol; /* TCP or UDP */
    u8 twice;    /* enum nat44_twice */
    bool out2in_only;
    u32 affinity_s; /* a host outside gets the same one so long after its last session; 0: any */
    char tag[NAT44_TAG_BYTES];
};

struct nat44_lb_local {
    be32 addr;
    be16 port;
    u8 probability; /* of the sum of all */
    u32 vrf;
};

/* n of at least 2. -EEXIST: another mapping has one of the ends; -EINVAL, -ENOSPC. */
int nat44_add_lb(struct piste *p, const struct nat44_lb_config *c,
                 const struct nat44_lb_local *locals, u32 n, struct error *e) MUST_CHECK;
/* That of the same end outside, here as below. Sessions by it end. -ENOENT. */
int nat44_del_lb(struct piste *p, const struct nat44_lb_config *c, struct error *e) MUST_CHECK;
int nat44_add_lb_local(struct piste *p, const struct nat44_lb_config *c,
                       const struct nat44_lb_local *l, struct error *e) MUST_CHECK;
/* Its sessions end. -EBUSY: two remain at least. */
int nat44_del_lb_local(struct piste *p, const struct nat44_lb_config *c,
                       const struct nat44_lb_local *l, struct error *e) MUST_CHECK;

struct nat44_lb_backend {
    struct nat44_lb_local c;
    u32 index; /* of what data threads see */
};

struct nat44_lb {
    struct nat44_lb_config c;
    VEC(struct nat44_lb_backend) locals;
    u32 index; /* of what data threads see: its end outside */
};

/* The k-th; NULL behind the last. */
const struct nat44_lb *nat44_lb_at(const struct piste *p, u32 k);

/* Of TCP connections through NAT, bytes a segment at most; 0: as the ends say. */
int nat44_set_mss(struct piste *p, u16 mss, struct error *e) MUST_CHECK;
u16 nat44_mss(const struct piste *p);

/* Which ports sessions of NAT44 EI get outside. */
enum nat44_port_alg {
    NAT44_PORTS_ANY, /* like the one inside, or of the same half (RFC 4787 REQ-3) */
    NAT44_PORTS_MAP_E,
    NAT44_PORTS_RANGE,
};

struct nat44_port_config {
    u8 alg; /* enum nat44_port_alg */
    /* of MAP-E, RFC 7597 5.1: bits in front of the PSID, bits of it, and itself */
    u8 psid_offset, psid_len;
    u16 psid;
    u16 first, last; /* of a range */
};

/* Sessions that there are keep theirs. -EINVAL. */
int nat44_set_ports(struct piste *p, const struct nat44_port_config *c, struct error *e) MUST_CHECK;
/* All 0 while the plugin is disabled. */
struct nat44_port_config nat44_ports(const struct piste *p);

/* --- sessions --- */

/* Sessions of a thread, in pieces, as sessions_copy has it. The plugin is enabled. */
u32 nat44_sessions_copy(const struct piste *p, u32 thread, u32 *from, struct nat44_session *out,
                        u32 *index, u32 max);
/* Where a walk over the sessions of all threads is: at first {1}. */
struct nat44_place {
    u32 thread, from;
};
/* The next some of them: *n into out[max]. false: there are no more, or the plugin is disabled. */
bool nat44_sessions_next(const struct piste *p, struct nat44_place *at, struct nat44_session *out,
                         u32 max, u32 *n);
/* Whether it ends about now, though its timer has not fired yet. */
bool nat44_session_is_over(const struct piste *p, const struct nat44_session *s, u64 *left_ns);

struct nat44_match {
    enum nat44_dir side; /* I2O: by the host inside; O2I: by the address and port outside */
    be32 addr, host;
    be16 port, host_port;
    u8 protocol;
    u32 vrf;
    bool any_host;
};
/* Ends what matches. -ENOENT: nothing does. */
int nat44_del_sessions(struct piste *p, const struct nat44_match *m, struct error *e) MUST_CHECK;
int nat44_clear_sessions(struct piste *p, struct error *e) MUST_CHECK;

/* Whether the source of a packet is where packets to it would go (RFC 3704): unicast reverse path
 * forwarding.
 *
 *   loose    a route leads to the source, by any interface
 *   strict   of received packets: by the interface that they came from; of packets that are sent:
 *            by another than that which they leave by
 *
 *   ipX-rx-urpf-loose, -strict    on ipX-unicast, what an interface receives
 *   ipX-tx-urpf-loose, -strict    on ipX-output, what it sends
 *
 * The paths that count are those that the route uses now: through next hops that are routes, tables
 * that are looked up next and tunnels; not those that wait with a higher preference. Looked up in
 * the interface's table or in one that is named. What passes all the same: packets of this switch
 * itself; sources of a link's own (fe80::/10), which are not forwarded; of IPv4 a host that asks
 * for its address, from 0.0.0.0 to everybody; prefixes that are to be accepted, of loose checks.
 *
 * Source: RFC 3704; words, messages and nodes are VPP's. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "net/ip/fib/fib.h"

enum urpf_mode { URPF_OFF, URPF_LOOSE, URPF_STRICT, URPF_MODE_N };
enum urpf_dir { URPF_TX, URPF_RX, URPF_DIR_N };

extern const char urpf_module_name[];
extern const char *const urpf_mode_words[URPF_MODE_N], *const urpf_dir_words[URPF_DIR_N];

/* Of an interface, a protocol and a direction. */
struct urpf {
    enum urpf_mode mode;
    struct fib_index table; /* FIB_NONE: the interface's */
};

/* Prefixes whose packets pass loose checks by that table. Never changed, but replaced. */
struct urpf_accepted {
    struct fib_index table;
    struct ip_prefix prefix;
};
struct urpf_accept_list {
    u32 n;
    struct urpf_accepted v[];
};

struct urpf_state {
    VEC(struct urpf) of[URPF_DIR_N][IP_FAMILY_N]; /* by interface */
    struct urpf_accept_list *accepted;            /* data threads read it; NULL: none */
};
struct urpf_state *urpf_state_of(const struct piste *p);

/* table: FIB_NONE: the interface's own, whichever that is; else locked for as long as it is named.
 */
int urpf_set(struct piste *p, struct if_index i, enum ip_family f, enum urpf_dir dir, struct urpf x,
             struct error *e) MUST_CHECK;
struct urpf urpf_of(const struct piste *p, struct if_index i, enum ip_family f, enum urpf_dir dir);

/* -EEXIST, -ENOENT: it is so already. */
int urpf_accept(struct piste *p, struct fib_index table, struct ip_prefix prefix, bool add,
                struct error *e) MUST_CHECK;

int urpf_init(struct piste *p, void **state, struct error *e);
void urpf_stop(struct piste *p, void *state);
void urpf_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
extern const struct cli_command urpf_commands[];
extern const struct api_handler urpf_api_handlers[];

/* --- for the nodes --- */

enum { URPF_NEXT_DROP, URPF_NEXT_N };
enum { URPF_ERR_DROP, URPF_ERR_N };

struct urpf_trace {
    u32 route, table;
};

/* Full reassembly of what is for this switch, or passes an interface that asks for it: settings,
 * and what its nodes share. See ip4_reass.h.
 */
#pragma once

#include "base/types.h"
#include "engine/index.h"
#include "engine/thread.h"
#include "net/ip/reass/ip4_reass.h"

struct loop_timer;
struct module;
struct piste;

extern const struct module ip4_reass_module;

/* As `ip_reassembly_set` and `ip_reassembly_get` have it. Control thread. -EINVAL: a value of 0, or
 * too large. */
int ip4_reass_set(struct piste *p, const struct ip4_reass_config *c, struct error *e) MUST_CHECK;
struct ip4_reass_config ip4_reass_get(const struct piste *p);
/* Without it, fragments for this switch are dropped. */
void ip4_reass_set_local(struct piste *p, bool enable);
bool ip4_reass_local(const struct piste *p);
/* `set interface reassembly`: what comes in there is put together before it goes on. */
int ip4_reass_set_interface(struct piste *p, struct if_index i, bool enable,
                            struct error *e) MUST_CHECK;

/* --- for the nodes --- */

enum { IP4_REASS_NEXT_DROP, IP4_REASS_NEXT_WHOLE, IP4_REASS_NEXT_ICMP_ERROR, IP4_REASS_N_NEXT };

/* Scopes of tables: what is for this switch goes by its FIB, what passes by its interface. */
#define IP4_REASS_SCOPE_INTERFACE 0x80000000u

struct ip4_reass_main {
    struct ip4_reass *tables[THREADS_MAX]; /* by thread; NULL: none */
    struct ip4_reass_config config;
    bool local_enabled;
    struct node_index walk_node;
    struct loop_timer *timer; /* control thread's */
    bool timer_runs;
};

/* Event from a data thread: its table was empty, and is not. */
void ip4_reass_on_waiting(struct piste *p, const void *payload);

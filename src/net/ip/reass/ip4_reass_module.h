/* Full reassembly of what is for this switch, or passes an interface that asks for it: settings,
 * and what its nodes share. See ip4_reass.h.
 */
#pragma once

#include "base/types.h"
#include "control/api.h"
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

enum ip4_reass_way { IP4_REASS_LOCAL, IP4_REASS_FEATURE, IP4_REASS_N_WAYS };

struct ip4_reass_main {
    struct ip4_reass *tables[THREADS_MAX]; /* by thread; NULL: none */
    struct sessions *sessions;
    u32 n_owners; /* data threads, from 1 on */
    u64 seed;     /* of which of them owns what */
    struct node_index handoff_nodes[IP4_REASS_N_WAYS];
    struct ip4_reass_config config, first; /* as they are, as they were at the start */
    bool local_enabled;
};

/* The thread where a fragment came in; of a whole datagram, its first one. In the last byte of the
 * scratch, where no node on the way has a word of its own. */
ALWAYS_INLINE u8 *ip4_reass_home(struct buffer *b)
{
    return (u8 *)buffer_scratch(b) + BUFFER_SCRATCH_BYTES - 1;
}

/* Where whole datagrams go. */
ALWAYS_INLINE struct node_index ip4_reass_target(const struct node *n)
{
    const u32 *next = __atomic_load_n(&n->next_nodes, __ATOMIC_ACQUIRE);
    return (struct node_index){next[IP4_REASS_NEXT_WHOLE]};
}

/* In ip4_reass_api.c. */
extern const struct api_handler ip4_reass_api[];

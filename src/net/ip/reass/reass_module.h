/* Full reassembly of what is for this switch, or passes an interface that asks for it: settings,
 * and what its nodes share. See ip4_reass.h.
 */
#pragma once

#include "base/types.h"
#include "control/api.h"
#include "engine/index.h"
#include "engine/thread.h"
#include "net/ip/reass/reass_config.h"
#include "net/packet/ip_address.h"

struct loop_timer;
struct module;
struct piste;

extern const struct module ip4_reass_module, ip6_reass_module;

/* NULL: the protocol's is not there. Control thread, as all here. */
struct reass_settings *reass_full_settings(const struct piste *p, enum ip_family f);
/* Without it, fragments for this switch are dropped. */
void reass_set_local(struct piste *p, enum ip_family f, bool enable);
bool reass_local(const struct piste *p, enum ip_family f);
/* `set interface reassembly`: what comes in there is put together before it goes on. */
int reass_set_interface(struct piste *p, enum reass_kind kind, enum ip_family f, struct if_index i,
                        bool enable, struct error *e) MUST_CHECK;

/* --- for the nodes --- */

enum { REASS_NEXT_DROP, REASS_NEXT_WHOLE, REASS_NEXT_ICMP_ERROR, REASS_N_NEXT };

/* Scopes of tables: what is for this switch goes by its FIB, what passes by its interface. */
#define REASS_SCOPE_INTERFACE 0x80000000u

enum reass_way { REASS_LOCAL, REASS_FEATURE, REASS_N_WAYS };

/* Of a protocol. */
struct reass_main {
    struct reass *tables[THREADS_MAX]; /* by thread; NULL: none */
    struct sessions *sessions;
    u32 n_owners; /* data threads, from 1 on */
    u64 seed;     /* of which of them owns what */
    struct node_index handoff_nodes[REASS_N_WAYS];
    struct reass_settings settings;
    bool local_enabled;
};

/* The thread where a fragment came in; of a whole datagram, its first one. In the last byte of the
 * scratch, where no node on the way has a word of its own. */
ALWAYS_INLINE u8 *reass_home(struct buffer *b)
{
    return (u8 *)buffer_scratch(b) + BUFFER_SCRATCH_BYTES - 1;
}

/* Where whole datagrams go. */
ALWAYS_INLINE struct node_index reass_target(const struct node *n)
{
    const u32 *next = __atomic_load_n(&n->next_nodes, __ATOMIC_ACQUIRE);
    return (struct node_index){next[REASS_NEXT_WHOLE]};
}

/* In reass_api.c. */
extern const struct api_handler reass_api[];

/* What both NATs ask when a session begins: where its packets go, and by which address and port it
 * is seen outside. Source: RFC 4787, RFC 5382, RFC 5508. Context: the thread that owns the session.
 */
#pragma once

#include "plugins/nat/nat44_node.h"

/* --- addresses and ports --- */

const struct nat44_pool *nat44_pool_now(const struct nat44_data *n, enum nat44_pool_kind kind);
bool nat44_pool_has(const struct nat44_pool *pool, be32 addr);
/* Whether this switch takes what is for that address. */
bool nat44_is_here(struct fib_index fib, be32 dst);
/* The interface by which a packet from inside leaves to outside; false: it does not. */
bool nat44_way_out(const struct nat44_data *n, struct fib_index fib, be32 dst, struct if_index *tx);
/* Its addresses for hosts of a table, those of the link by which packets leave if there are any,
 * the one first that this host always has (RFC 4787 REQ-2). Shapes: out[max]. Returns how many. */
u32 nat44_addresses_for(const struct nat44_pool *pool, be32 host, u32 fib, struct if_index tx,
                        be32 *out, u32 max);
/* Whether the end that packets of dir are for is free: no session has it towards that host, and no
 * mapping at all. */
bool nat44_is_free(const struct nat44_data *n, const struct session_table *table,
                   enum nat44_dir dir, const union nat44_key *key);
/* A port of address key[dir].dst for this session: the one that it has on the other side, or
 * another one of the same half of the range (RFC 4787 REQ-3). */
bool nat44_find_port(struct nat44_data *n, struct thread *t, union nat44_key key[NAT44_DIRS],
                     enum nat44_dir dir);

/* --- the first packet --- */

/* Each says in *session what it made, and returns what becomes of the packet. */

/* Whether a session may begin with it. */
ALWAYS_INLINE bool nat44_may_begin(const struct nat44_data *n, const struct nat44_packet *p)
{
    return p->asks || (unlikely(n->stateless) && p->kind < NAT44_BAD);
}
/* A kind of packet that begins no session, though it may be of one. */
u32 nat44_why_not(const struct nat44_packet *p);
/* The end inside that a mapping leads to: source of what comes back from there. */
void nat44_take_inside(union nat44_key *back, const struct nat44_mapping *m);
/* By a static mapping. Keys as nat44_told_by leaves them, here as below. */
u32 nat44_make_static(struct nat44_data *n, struct thread *t, union nat44_key key[NAT44_DIRS],
                      u8 flags, u32 *session);
/* By an address and port of the pool. key[O2I] says the rest. */
u32 nat44_begin_dynamic(struct nat44_data *n, struct thread *t, union nat44_key key[NAT44_DIRS],
                        struct if_index tx, u8 flags, u32 *session);
/* From inside, to leave by tx; IF_NONE: to another host inside. */
u32 nat44_begin_by(struct nat44_data *n, struct thread *t, const struct nat44_packet *p,
                   struct if_index tx, u32 *session);
/* By an output interface. What this switch says itself is translated as what it forwards, so that
 * answers find their way back, but it may say what belongs to no session. */
u32 nat44_begin_output(struct nat44_data *n, struct thread *t, const struct buffer *b,
                       const struct nat44_packet *p, u32 *session);

/* From outside, to an end that no mapping has. */
u32 nat44_begin_unknown(struct nat44_data *n, struct thread *t, const struct buffer *b,
                        const struct nat44_packet *p, u32 *session);

/* --- each NAT's own --- */

/* Leaves of the keys of a session to be what its packets will be looked up by. */
void nat44_told_by(union nat44_key key[NAT44_DIRS]);
/* A session by these keys, which are free. NAT44_TRANSLATE, or why there is none. */
u32 nat44_make(struct nat44_data *n, struct thread *t, const union nat44_key key[NAT44_DIRS],
               u8 flags, u32 *session);

/* Affinity of load-balanced static mappings: which back-end a host outside had, so that it gets the
 * same one again. Kept while it has sessions, and so long after the last one. Of the data thread
 * that has the mapping's sessions, which alone calls these. */
#pragma once

#include "plugins/nat/nat44_data.h"

#define NAT44_AFFINITIES_MAX MEM_MOST(1u << 20) /* of a thread */

struct nat44_affinity {
    /* of packets from that host to the mapping's end outside, its port left out */
    union nat44_key key;
    u32 backend; /* index of a mapping */
    u32 n_sessions;
    u32 timeout_s;
};

/* o2i: a packet's key, here as below. POOL_NONE: it had none. */
u32 nat44_affinity_find(const struct nat44_data *n, struct thread *t, const union nat44_key *o2i);
/* A session of that back-end begins. false: there is no room to know it. */
bool nat44_affinity_hold(struct nat44_data *n, struct thread *t, const union nat44_key *o2i,
                         u32 backend, u32 timeout_s) MUST_CHECK;
/* A session ends that is held. */
void nat44_affinity_release(struct nat44_data *n, struct thread *t, const union nat44_key *o2i);
/* A timer fires. */
void nat44_affinity_expire(struct nat44_data *n, struct thread *t, u32 i);

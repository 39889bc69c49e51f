/* The first packet of a session, and what each packet is translated by. See nat64_data.h. Context:
 * the thread that owns the binding. */
#pragma once

#include "plugins/nat/nat64_node.h"
#include "plugins/nat/nat64_packet.h"
#include "plugins/nat/nat64_session.h"

/* What is found for a packet. */
struct nat64_found {
    u32 bib, session; /* SESSION_NONE */
};

/* The binding and the session of a packet from inside to that host, made if it may make them.
 * Returns NAT64_TRANSLATE, or why there is none. */
u32 nat64_from_inside(struct nat64_data *n, struct thread *t, const struct nat64_packet *p,
                      const struct nat64_wish *wish, be32 host, struct nat64_found *f);
/* The session of a packet from outside, by the binding f->bib that `out' has; else as above. */
u32 nat64_from_outside(struct nat64_data *n, struct thread *t, const struct nat64_packet *p,
                       const union nat64_outside *out, struct nat64_found *f);
/* Why one of that kind is of no session. */
u32 nat64_why_not(const struct nat64_packet *p);

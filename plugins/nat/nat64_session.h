/* Bindings and sessions of a data thread: making, aging, ending. See nat64_data.h. Context: the
 * thread that owns them. */
#pragma once

#include "plugins/nat/nat64_data.h"

struct nat64_packet;

/* What an address and port of the pool are wanted for. */
struct nat64_wish {
    union nat64_inside in;
    struct if_index tx; /* by which packets leave, whose link's addresses come first; IF_NONE */
};

ALWAYS_INLINE struct nat64_bib *nat64_bib_at(const struct nat64_data *n, struct thread *t, u32 bib)
{
    return session_at(session_table_of(n->bibs, t), bib);
}

ALWAYS_INLINE u32 nat64_bib_inside(const struct nat64_data *n, struct thread *t,
                                   const union nat64_inside *in)
{
    return session_find(session_table_of(n->bibs, t), 0, in->words, NAT64_INSIDE_WORDS);
}

ALWAYS_INLINE u32 nat64_bib_outside(const struct nat64_data *n, struct thread *t,
                                    const union nat64_outside *out)
{
    return session_find(session_table_of(n->bibs, t), 1, out->words, NAT64_OUTSIDE_WORDS);
}

ALWAYS_INLINE struct nat64_session *nat64_session_at(const struct nat64_data *n, struct thread *t,
                                                     u32 session)
{
    return session_at(session_table_of(n->sessions, t), session);
}

ALWAYS_INLINE u32 nat64_session_find(const struct nat64_data *n, struct thread *t, u32 bib,
                                     be32 addr, be16 port)
{
    union nat64_with with = {.bib = bib, .addr = addr, .port = port};
    return session_find(session_table_of(n->sessions, t), 0, with.words, NAT64_WITH_WORDS);
}

/* A binding for it, by an address and port of the pool; SESSION_NONE: none is free. */
u32 nat64_bib_new(struct nat64_data *n, struct thread *t, const struct nat64_wish *wish);
/* One that lasts; both ends are free. SESSION_NONE: there is no room. */
u32 nat64_bib_add(struct nat64_data *n, struct thread *t, const union nat64_inside *in,
                  const union nat64_outside *out, bool is_static);
/* It has no sessions. */
void nat64_bib_delete(struct nat64_data *n, struct thread *t, u32 bib);

/* Room for one more session: may end one that is not answered, with its binding. Before these are
 * looked for. */
bool nat64_make_room(struct nat64_data *n, struct thread *t);
/* A session of a binding, that is not there; nat64_make_room said that there is room. SESSION_NONE:
 * there is none after all. */
u32 nat64_session_new(struct nat64_data *n, struct thread *t, u32 bib, be32 addr, be16 port,
                      enum nat64_dir first);
/* Its binding goes with the last one, unless it is static. */
void nat64_session_delete(struct nat64_data *n, struct thread *t, u32 session);

void nat64_session_arm(struct nat64_data *n, struct thread *t, u32 session);
/* Its timer has fired: either it ends, or it was heard of meanwhile. */
void nat64_session_expire(struct nat64_data *n, struct thread *t, u32 session, u64 now_ns);

/* A packet of a direction says something new of the session's state, or may. */
void nat64_session_step(struct nat64_data *n, struct thread *t, u32 session, enum nat64_dir dir,
                        u8 tcp_flags);
/* To the end of the list of transitory ones, if it is one. */
void nat64_session_age(struct nat64_data *n, struct thread *t, u32 session);

/* Collectors are told, at most once a second, that a session did not come about. */
void nat64_log_failure(struct nat64_data *n, struct thread *t, enum nat_log_kind kind);

/* Bookkeeping of a packet that it translates, which is no error. */
ALWAYS_INLINE void nat64_session_heard(struct nat64_data *n, struct thread *t, u32 session,
                                       enum nat64_dir dir, u8 tcp_flags)
{
    struct nat64_session *s = nat64_session_at(n, t, session);
    s->last_heard_ns = thread_now_ns(t);
    if (unlikely(s->state != NAT64_STATE_ESTABLISHED) ||
        unlikely(tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)))
        nat64_session_step(n, t, session, dir, tcp_flags);
    if (unlikely(s->aged != nat64_age_of(s->last_heard_ns)))
        nat64_session_age(n, t, session);
}

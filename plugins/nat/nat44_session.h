/* Sessions of a data thread: making, aging, ending. See nat44_data.h. */
#pragma once

#include "plugins/nat/nat44_data.h"

/* A session by these keys, of which the thread has none, with its timer running; SESSION_NONE:
 * there is no room, and nobody who would have to leave. */
u32 nat44_session_new(struct nat44_data *n, struct thread *t, const union nat44_key key[NAT44_DIRS],
                      u8 flags);
void nat44_session_delete(struct nat44_data *n, struct thread *t, u32 session);

/* There is no session for hosts of a table, since no address has a port left, or since there are as
 * many as there may be. Logged at a limited rate. */
void nat44_log_failure(struct nat44_data *n, struct thread *t, struct fib_index fib,
                       enum nat_log_kind kind);

/* How long it lives without a packet. */
u64 nat44_session_timeout_ns(const struct nat44_data *n, const struct nat44_session *s);
/* Its timer as its state wants it. */
void nat44_session_arm(struct nat44_data *n, struct thread *t, u32 session);
/* Its timer has fired: either it ends, or it was heard of meanwhile. */
void nat44_session_expire(struct nat44_data *n, struct thread *t, u32 session, u64 now_ns);

/* A packet of a direction says something new of the session's state, or may: one of TCP with SYN,
 * FIN or RST, or the first that comes back. */
void nat44_session_step(struct nat44_data *n, struct thread *t, u32 session, enum nat44_dir dir,
                        u8 tcp_flags);
/* To the end of its lists, if it is in any. */
void nat44_session_age(struct nat44_data *n, struct thread *t, u32 session);

/* --- each NAT's own: what it keeps of sessions besides --- */

/* It is about to go. */
void nat44_session_ends(struct nat44_data *n, struct thread *t, u32 session);
/* It went to the end of its lists. */
void nat44_session_aged(struct nat44_data *n, struct thread *t, u32 session);

/* Bookkeeping of a packet that it translates. */
ALWAYS_INLINE void nat44_session_heard(struct nat44_data *n, struct thread *t, u32 session,
                                       struct nat44_session *s, enum nat44_dir dir, u32 bytes,
                                       u8 tcp_flags)
{
    bool plain = likely(s->state == NAT44_STATE_ESTABLISHED) &&
                 likely(!(tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)));
    s->last_heard_ns = thread_now_ns(t);
    s->packets++;
    s->bytes += bytes;
    if (unlikely(!plain))
        nat44_session_step(n, t, session, dir, tcp_flags);
    if (unlikely(s->aged != nat44_age_of(s->last_heard_ns)))
        nat44_session_age(n, t, session);
}

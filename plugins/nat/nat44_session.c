/* See nat44_session.h. */
#include "plugins/nat/nat44_session.h"

#include "base/clock.h"
#include "plugins/nat/nat44_packet.h"

static struct nat44_session *nat44_session_at(const struct session_table *table, u32 i)
{
    return session_at(table, i);
}

u64 nat44_session_timeout_ns(const struct nat44_data *n, const struct nat44_session *s)
{
    u8 protocol = nat44_key_protocol(&s->key[NAT44_I2O]);
    enum nat44_timeout which = NAT44_TIMEOUT_UDP;
    if (protocol == IP_PROTOCOL_ICMP)
        which = NAT44_TIMEOUT_ICMP;
    if (protocol == IP_PROTOCOL_TCP)
        which = nat44_session_is_transitory(s) ? NAT44_TIMEOUT_TCP_TRANSITORY
                                               : NAT44_TIMEOUT_TCP_ESTABLISHED;
    return __atomic_load_n(&n->timeout_s[which], __ATOMIC_RELAXED) * NS_PER_SEC;
}

/* --- lists --- */

static void nat44_list_add(struct nat44_thread *own, struct session_table *table, u32 i)
{
    struct nat44_session *s = nat44_session_at(table, i);
    s->transitory = nat44_session_is_transitory(s);
    s->aged = nat44_age_of(s->last_heard_ns);
    if (s->transitory)
        index_list_add(&own->transitory, own->by_age, sizeof(*own->by_age), i);
}

static void nat44_list_remove(struct nat44_thread *own, struct session_table *table, u32 i)
{
    if (nat44_session_at(table, i)->transitory)
        index_list_remove(&own->transitory, own->by_age, sizeof(*own->by_age), i);
}

void nat44_session_age(struct nat44_data *n, struct thread *t, u32 session)
{
    struct session_table *table = session_table_of(n->sessions, t);
    struct nat44_thread *own = &n->threads[thread_index(t)];
    nat44_list_remove(own, table, session);
    nat44_list_add(own, table, session);
    nat44_session_aged(n, t, session);
}

/* --- logs --- */

static void log_session(struct nat44_data *n, struct thread *t, const struct nat44_session *s,
                        enum nat_log_kind kind)
{
    const union nat44_key *i2o = &s->key[NAT44_I2O], *o2i = &s->key[NAT44_O2I];
    if (!nat_log_is_on(n->log) || s->flags & (NAT44_SESSION_BYPASS | NAT44_SESSION_QUIET))
        return;
    nat_log_add(n->log, t,
                &(struct nat_log_event){.at_ns = thread_now_ns(t),
                                        .inside = i2o->src,
                                        .inside_port = i2o->sport,
                                        .host_inside = i2o->dst,
                                        .host_inside_port = i2o->dport,
                                        .outside = o2i->dst,
                                        .outside_port = o2i->dport,
                                        .host = o2i->src,
                                        .host_port = o2i->sport,
                                        .fib = nat44_key_fib(i2o).i,
                                        .kind = (u8)kind,
                                        .protocol = nat44_key_protocol(i2o),
                                        .is_static = s->flags & NAT44_SESSION_STATIC,
                                        .from_outside = s->flags & NAT44_SESSION_FROM_OUTSIDE,
                                        .outside_fib = nat44_key_fib(o2i).i});
}

/* How many sessions hosts of a table may have of a thread, and those of all. */
static u32 limit_of_table(const struct nat44_data *n, u32 fib)
{
    return __atomic_load_n(&n->limit_by_fib[fib], __ATOMIC_RELAXED);
}

static u32 limit_of_all(const struct nat44_data *n)
{
    return __atomic_load_n(&n->max_sessions, __ATOMIC_RELAXED);
}

void nat44_log_failure(struct nat44_data *n, struct thread *t, struct fib_index fib,
                       enum nat_log_kind kind)
{
    struct nat44_thread *own = &n->threads[thread_index(t)];
    u64 now = thread_now_ns(t);
    u64 *again = kind == NAT_LOG_QUOTA ? &own->quota_again_ns : &own->exhausted_again_ns;
    u32 of_table = limit_of_table(n, fib.i);
    if (!nat_log_is_on(n->log) || now < *again)
        return;
    *again = now + NS_PER_SEC;
    nat_log_add(n->log, t,
                &(struct nat_log_event){.at_ns = now,
                                        .fib = fib.i,
                                        .limit = of_table && own->n_by_fib[fib.i] >= of_table
                                                     ? of_table
                                                     : limit_of_all(n),
                                        .kind = (u8)kind});
}

/* --- life --- */

static void nat44_count_sessions(struct nat44_data *n, struct thread *t, u32 fib, int change)
{
    struct nat44_thread *own = &n->threads[thread_index(t)];
    own->n_by_fib[fib] += (u32)change;
    u32 now = own->n_sessions + (u32)change;
    __atomic_store_n(&own->n_sessions, now, __ATOMIC_RELAXED);
    tally_set(counter_simple(n->total_sessions, thread_index(t)), now);
}

void nat44_session_delete(struct nat44_data *n, struct thread *t, u32 session)
{
    struct session_table *table = session_table_of(n->sessions, t);
    const struct nat44_session *s = nat44_session_at(table, session);
    log_session(n, t, s, NAT_LOG_SESSION_DELETE);
    nat44_session_ends(n, t, session);
    nat44_list_remove(&n->threads[thread_index(t)], table, session);
    u32 fib = nat44_key_fib(&s->key[NAT44_I2O]).i;
    session_delete(table, session);
    nat44_count_sessions(n, t, fib, -1);
}

#define NAT44_OLDEST_LOOKED_AT 32 /* for one of a table */

/* Room for one more of a table with a limit of its own. */
static bool make_room_in_table(struct nat44_data *n, struct thread *t, u32 fib)
{
    struct nat44_thread *own = &n->threads[thread_index(t)];
    const struct session_table *table = session_table_of(n->sessions, t);
    u32 max = limit_of_table(n, fib);
    u32 i = own->transitory.first, looked = 0;
    if (likely(!max || own->n_by_fib[fib] < max))
        return true;
    while (i != INDEX_LIST_NONE && looked++ < NAT44_OLDEST_LOOKED_AT && own->n_by_fib[fib] >= max) {
        const struct nat44_session *s = nat44_session_at(table, i);
        u32 next = own->by_age[i].next;
        if (nat44_key_fib(&s->key[NAT44_I2O]).i == fib)
            nat44_session_delete(n, t, i);
        i = next;
    }
    return own->n_by_fib[fib] < max;
}

/* Room for one more. */
static bool nat44_make_room(struct nat44_data *n, struct thread *t)
{
    struct nat44_thread *own = &n->threads[thread_index(t)];
    u32 max = limit_of_all(n);
    while (own->n_sessions >= max) {
        u32 oldest = own->transitory.first;
        if (oldest == INDEX_LIST_NONE)
            return false;
        nat44_session_delete(n, t, oldest);
    }
    return true;
}

u32 nat44_session_new(struct nat44_data *n, struct thread *t, const union nat44_key key[NAT44_DIRS],
                      u8 flags)
{
    struct session_table *table = session_table_of(n->sessions, t);
    u32 fib = nat44_key_fib(&key[NAT44_I2O]).i;
    bool room = make_room_in_table(n, t, fib) && nat44_make_room(n, t);
    u32 i = room ? session_new(table) : SESSION_NONE;
    if (i == SESSION_NONE)
        return SESSION_NONE;
    struct nat44_session *s = nat44_session_at(table, i);
    s->key[NAT44_I2O] = key[NAT44_I2O];
    s->key[NAT44_O2I] = key[NAT44_O2I];
    s->flags = flags;
    s->last_heard_ns = thread_now_ns(t);
    nat44_deltas(&key[NAT44_I2O], &key[NAT44_O2I], &s->ip_delta, &s->l4_delta);
    if (!session_add(table, i))
        return SESSION_NONE;
    nat44_list_add(&n->threads[thread_index(t)], table, i);
    nat44_count_sessions(n, t, fib, 1);
    nat44_session_arm(n, t, i);
    log_session(n, t, s, NAT_LOG_SESSION_ADD);
    return i;
}

void nat44_session_arm(struct nat44_data *n, struct thread *t, u32 session)
{
    struct session_table *table = session_table_of(n->sessions, t);
    const struct nat44_session *s = nat44_session_at(table, session);
    session_set_timer(table, session, s->last_heard_ns + nat44_session_timeout_ns(n, s));
}

void nat44_session_expire(struct nat44_data *n, struct thread *t, u32 session, u64 now_ns)
{
    const struct nat44_session *s = nat44_session_at(session_table_of(n->sessions, t), session);
    if (now_ns >= s->last_heard_ns + nat44_session_timeout_ns(n, s))
        nat44_session_delete(n, t, session);
    else
        nat44_session_arm(n, t, session);
}

/* --- states --- */

static u8 nat44_state_after(const struct nat44_session *s, enum nat44_dir dir, u8 flags)
{
    enum nat44_dir first = s->flags & NAT44_SESSION_FROM_OUTSIDE ? NAT44_O2I : NAT44_I2O;
    u8 fin = dir == NAT44_I2O ? NAT44_STATE_FIN_I2O : NAT44_STATE_FIN_O2I;

    if (nat44_key_protocol(&s->key[NAT44_I2O]) != IP_PROTOCOL_TCP)
        return dir == first ? s->state : NAT44_STATE_ESTABLISHED;
    if (flags & TCP_RST)
        return s->state == NAT44_STATE_INIT || s->state == NAT44_STATE_FIN_BOTH ? s->state
                                                                                : NAT44_STATE_TRANS;
    switch (s->state) {
    case NAT44_STATE_INIT:
        return flags & TCP_SYN && dir != first ? NAT44_STATE_ESTABLISHED : s->state;
    case NAT44_STATE_ESTABLISHED:
        return flags & TCP_FIN ? fin : s->state;
    case NAT44_STATE_FIN_I2O:
    case NAT44_STATE_FIN_O2I:
        return flags & TCP_FIN && s->state != fin ? NAT44_STATE_FIN_BOTH : s->state;
    case NAT44_STATE_FIN_BOTH: /* the same ports anew */
        return (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN ? NAT44_STATE_INIT : s->state;
    case NAT44_STATE_TRANS:
        return (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN ? NAT44_STATE_INIT
                                                        : NAT44_STATE_ESTABLISHED;
    default:
        return s->state;
    }
}

void nat44_session_step(struct nat44_data *n, struct thread *t, u32 session, enum nat44_dir dir,
                        u8 tcp_flags)
{
    struct nat44_session *s = nat44_session_at(session_table_of(n->sessions, t), session);
    u8 state = nat44_state_after(s, dir, tcp_flags);
    if (state == s->state)
        return;
    if (state == NAT44_STATE_INIT)
        s->flags = (u8)((s->flags & ~NAT44_SESSION_FROM_OUTSIDE) |
                        (dir == NAT44_O2I ? NAT44_SESSION_FROM_OUTSIDE : 0));
    s->state = state;
    nat44_session_age(n, t, session);
    nat44_session_arm(n, t, session);
}

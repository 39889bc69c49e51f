/* See nat64_session.h. Source: RFC 6146 3.5. */
#include "plugins/nat/nat64_session.h"

#include "base/clock.h"
#include "base/random.h"
#include "net/ip/address/address_data.h"
#include "plugins/nat/nat64_packet.h"

#define NAT64_TRIES 256 /* ports of an address, before there seems to be none */
#define NAT64_WELL_KNOWN 1024

/* --- logs --- */

/* What a binding says of an event. */
static struct nat_log_event nat64_event(struct thread *t, const struct nat64_bib *b,
                                        enum nat_log_kind kind)
{
    return (struct nat_log_event){.at_ns = thread_now_ns(t),
                                  .inside6 = b->in.addr,
                                  .inside_port = b->in.port,
                                  .outside = b->out.addr,
                                  .outside_port = b->out.port,
                                  .fib = b->in.fib,
                                  .kind = (u8)kind,
                                  .protocol = b->in.protocol};
}

static void nat64_log_bib(const struct nat64_data *n, struct thread *t, u32 bib,
                          enum nat_log_kind kind)
{
    if (!nat_log_is_on(n->log))
        return;
    struct nat_log_event ev = nat64_event(t, nat64_bib_at(n, t, bib), kind);
    nat_log_add(n->log, t, &ev);
}

static void nat64_log_session(const struct nat64_data *n, struct thread *t,
                              const struct nat64_session *s, enum nat_log_kind kind)
{
    if (!nat_log_is_on(n->log))
        return;
    const struct nat64_bib *b = nat64_bib_at(n, t, s->with.bib);
    struct nat64_prefix prefix = nat64_prefix_of(n, b->in.fib);
    struct nat_log_event ev = nat64_event(t, b, kind);
    ev.host = ev.host_inside = s->with.addr; /* in the prefix */
    ev.host_port = ev.host_inside_port = s->with.port;
    ev.host_inside6 = nat64_embed(&prefix.addr, prefix.len, s->with.addr);
    nat_log_add(n->log, t, &ev);
}

void nat64_log_failure(struct nat64_data *n, struct thread *t, enum nat_log_kind kind)
{
    struct nat64_thread *own = &n->threads[thread_index(t)];
    u64 now = thread_now_ns(t);
    u64 *again = kind == NAT_LOG_QUOTA ? &own->quota_again_ns : &own->exhausted_again_ns;
    if (!nat_log_is_on(n->log) || now < *again)
        return;
    *again = now + NS_PER_SEC;
    nat_log_add(n->log, t,
                &(struct nat_log_event){.at_ns = now, .limit = n->max_sessions, .kind = (u8)kind});
}

/* --- bindings --- */

static void count_bibs(struct nat64_data *n, struct thread *t)
{
    tally_set(counter_simple(n->total_bibs, thread_index(t)),
              session_table_of(n->bibs, t)->pool.n_used);
}

u32 nat64_bib_add(struct nat64_data *n, struct thread *t, const union nat64_inside *in,
                  const union nat64_outside *out, bool is_static)
{
    struct session_table *table = session_table_of(n->bibs, t);
    u32 bib = session_new(table);
    if (bib == SESSION_NONE)
        return SESSION_NONE;
    *nat64_bib_at(n, t, bib) = (struct nat64_bib){
        .in = *in, .out = *out, .sessions = INDEX_LIST_EMPTY, .is_static = is_static};
    if (!session_add(table, bib))
        return SESSION_NONE;
    count_bibs(n, t);
    nat64_log_bib(n, t, bib, NAT_LOG_BIB_ADD);
    return bib;
}

void nat64_bib_delete(struct nat64_data *n, struct thread *t, u32 bib)
{
    nat64_log_bib(n, t, bib, NAT_LOG_BIB_DELETE);
    session_delete(session_table_of(n->bibs, t), bib);
    count_bibs(n, t);
}

static bool nat64_is_free(const struct nat64_data *n, struct thread *t,
                          const union nat64_outside *out)
{
    return nat64_bib_outside(n, t, out) == SESSION_NONE &&
           nat64_static_find(n, out) == SHARED_HASH_NONE;
}

/* A port of its address: the one inside, or another of the same half of the range, of UDP with the
 * same parity (RFC 6146 3.5.1.1, 3.5.2.3). */
static bool nat64_find_port(struct nat64_data *n, struct thread *t, const union nat64_inside *in,
                            union nat64_outside *out)
{
    u16 wanted = be16_to_host(in->port);
    bool icmp = in->protocol == IP_PROTOCOL_ICMP, low = wanted < NAT64_WELL_KNOWN && !icmp;
    u32 from = low || icmp ? 0 : NAT64_WELL_KNOWN, to = low ? NAT64_WELL_KNOWN : 65536;
    u32 step = in->protocol == IP_PROTOCOL_UDP ? 2 : 1;
    out->port = in->port;
    bool good = wanted || icmp || !nat64_has_ports(in->protocol);
    if (good && nat64_is_free(n, t, out))
        return true;
    if (!nat64_has_ports(in->protocol))
        return false;
    u32 places = (to - from) / step, parity = wanted % step;
    u32 at = (u32)(random_u64(&n->threads[thread_index(t)].random) >> 32) % places;
    for (u32 tries = 0, looked = 0; tries < NAT64_TRIES && looked < places; looked++) {
        at = at + 1 < places ? at + 1 : 0;
        out->port = be16_from_host((u16)(from + at * step + parity));
        if (nat64_owner_of_port(n, out->port) != thread_index(t) ||
            (be16_is_zero(out->port) && !icmp))
            continue;
        if (nat64_is_free(n, t, out))
            return true;
        tries++;
    }
    return false;
}

static bool nat64_may_use(const struct nat64_address *a, u32 fib)
{
    return a->tenant == NAT64_TENANT_ANY || a->tenant == fib;
}

static bool nat64_is_of_link(const struct nat64_address *a, struct if_index tx)
{
    struct ip_address x = ip_address_from_ip4(a->addr);
    return !if_is_none(tx) && ip_if_has_subnet_of(IP_FAMILY_4, tx, &x);
}

static u32 nat64_count_addresses(const struct nat64_pool *pool, const struct nat64_wish *w,
                                 bool of_link)
{
    u32 count = 0;
    for (u32 i = 0; i < pool->n; i++)
        count += nat64_may_use(&pool->v[i], w->in.fib) &&
                 (!of_link || nat64_is_of_link(&pool->v[i], w->tx));
    return count;
}

/* A host has the same address for all that it does, as long as that has ports (RFC 4787 REQ-2). */
u32 nat64_bib_new(struct nat64_data *n, struct thread *t, const struct nat64_wish *wish)
{
    const struct nat64_pool *pool = __atomic_load_n(&n->pool, __ATOMIC_ACQUIRE);
    union nat64_outside out = {.protocol = wish->in.protocol};
    bool of_link = nat64_count_addresses(pool, wish, true) > 0;
    u32 count = nat64_count_addresses(pool, wish, of_link);
    if (!count)
        return SESSION_NONE;
    const u32 *w = wish->in.addr.words;
    u32 skip = ((w[0] ^ w[1] ^ w[2] ^ w[3]) * 0x9e3779b1u >> 8) % count, left = count;
    for (u32 k = 0; left && k < 2 * pool->n; k++) { /* links may lose addresses meanwhile */
        const struct nat64_address *a = &pool->v[k % pool->n];
        if (!nat64_may_use(a, wish->in.fib) || (of_link && !nat64_is_of_link(a, wish->tx)))
            continue;
        if (skip) {
            skip--;
            continue;
        }
        out.addr = a->addr;
        if (nat64_find_port(n, t, &wish->in, &out))
            return nat64_bib_add(n, t, &wish->in, &out, false);
        left--;
    }
    return SESSION_NONE;
}

/* --- lists --- */

static struct index_links *links_by_age(const struct nat64_data *n, struct thread *t)
{
    return &nat64_session_at(n, t, 0)->by_age;
}

static void nat64_list_add(struct nat64_data *n, struct thread *t, u32 session)
{
    struct nat64_session *s = nat64_session_at(n, t, session);
    s->transitory = nat64_session_is_transitory(s);
    s->aged = nat64_age_of(s->last_heard_ns);
    if (s->transitory)
        index_list_add(&n->threads[thread_index(t)].transitory, links_by_age(n, t),
                       session_table_of(n->sessions, t)->pool.stride_bytes, session);
}

static void nat64_list_remove(struct nat64_data *n, struct thread *t, u32 session)
{
    if (nat64_session_at(n, t, session)->transitory)
        index_list_remove(&n->threads[thread_index(t)].transitory, links_by_age(n, t),
                          session_table_of(n->sessions, t)->pool.stride_bytes, session);
}

void nat64_session_age(struct nat64_data *n, struct thread *t, u32 session)
{
    nat64_list_remove(n, t, session);
    nat64_list_add(n, t, session);
}

/* --- sessions --- */

static void nat64_count_sessions(struct nat64_data *n, struct thread *t)
{
    tally_set(counter_simple(n->total_sessions, thread_index(t)),
              session_table_of(n->sessions, t)->pool.n_used);
}

void nat64_session_delete(struct nat64_data *n, struct thread *t, u32 session)
{
    struct session_table *table = session_table_of(n->sessions, t);
    u32 bib = nat64_session_at(n, t, session)->with.bib;
    struct nat64_bib *of = nat64_bib_at(n, t, bib);
    nat64_log_session(n, t, nat64_session_at(n, t, session), NAT_LOG_SESSION_DELETE);
    nat64_list_remove(n, t, session);
    index_list_remove(&of->sessions, &nat64_session_at(n, t, 0)->of_bib, table->pool.stride_bytes,
                      session);
    session_delete(table, session);
    nat64_count_sessions(n, t);
    if (!of->sessions.n && !of->is_static)
        nat64_bib_delete(n, t, bib);
}

bool nat64_make_room(struct nat64_data *n, struct thread *t)
{
    const struct nat64_thread *own = &n->threads[thread_index(t)];
    while (session_table_of(n->sessions, t)->pool.n_used >= n->max_sessions) {
        u32 oldest = own->transitory.first;
        if (oldest == INDEX_LIST_NONE)
            return false;
        nat64_session_delete(n, t, oldest);
    }
    return true;
}

u32 nat64_session_new(struct nat64_data *n, struct thread *t, u32 bib, be32 addr, be16 port,
                      enum nat64_dir first)
{
    struct session_table *table = session_table_of(n->sessions, t);
    u32 i = session_new(table);
    if (i == SESSION_NONE)
        return SESSION_NONE;
    struct nat64_session *s = nat64_session_at(n, t, i);
    s->with = (union nat64_with){.bib = bib, .addr = addr, .port = port};
    s->first = (u8)first;
    s->last_heard_ns = thread_now_ns(t);
    if (!session_add(table, i))
        return SESSION_NONE;
    nat64_list_add(n, t, i);
    index_list_add(&nat64_bib_at(n, t, bib)->sessions, &nat64_session_at(n, t, 0)->of_bib,
                   table->pool.stride_bytes, i);
    nat64_count_sessions(n, t);
    nat64_session_arm(n, t, i);
    nat64_log_session(n, t, s, NAT_LOG_SESSION_ADD);
    return i;
}

/* --- timers --- */

static u64 nat64_session_timeout_ns(const struct nat64_data *n, const struct nat64_session *s,
                                    u8 protocol)
{
    enum nat64_timeout which = NAT64_TIMEOUT_UDP;
    if (protocol == IP_PROTOCOL_ICMP)
        which = NAT64_TIMEOUT_ICMP;
    if (protocol == IP_PROTOCOL_TCP)
        which = nat64_session_is_transitory(s) ? NAT64_TIMEOUT_TCP_TRANSITORY
                                               : NAT64_TIMEOUT_TCP_ESTABLISHED;
    return __atomic_load_n(&n->timeout_s[which], __ATOMIC_RELAXED) * NS_PER_SEC;
}

static u64 nat64_session_end_ns(const struct nat64_data *n, struct thread *t, u32 session)
{
    const struct nat64_session *s = nat64_session_at(n, t, session);
    u8 protocol = nat64_bib_at(n, t, s->with.bib)->in.protocol;
    return s->last_heard_ns + nat64_session_timeout_ns(n, s, protocol);
}

void nat64_session_arm(struct nat64_data *n, struct thread *t, u32 session)
{
    session_set_timer(session_table_of(n->sessions, t), session,
                      nat64_session_end_ns(n, t, session));
}

void nat64_session_expire(struct nat64_data *n, struct thread *t, u32 session, u64 now_ns)
{
    if (now_ns >= nat64_session_end_ns(n, t, session))
        nat64_session_delete(n, t, session);
    else
        nat64_session_arm(n, t, session);
}

/* --- states --- */

static u8 nat64_state_after(const struct nat64_session *s, bool tcp, enum nat64_dir dir, u8 flags)
{
    u8 fin = dir == NAT64_IN2OUT ? NAT64_STATE_FIN_IN : NAT64_STATE_FIN_OUT;
    bool opens = (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    if (!tcp)
        return dir == s->first ? s->state : NAT64_STATE_ESTABLISHED;
    if (flags & TCP_RST)
        return s->state == NAT64_STATE_INIT || s->state == NAT64_STATE_FIN_BOTH ? s->state
                                                                                : NAT64_STATE_TRANS;
    switch (s->state) {
    case NAT64_STATE_INIT:
        return flags & TCP_SYN && dir != s->first ? NAT64_STATE_ESTABLISHED : s->state;
    case NAT64_STATE_ESTABLISHED:
        return flags & TCP_FIN ? fin : s->state;
    case NAT64_STATE_FIN_IN:
    case NAT64_STATE_FIN_OUT:
        return flags & TCP_FIN && s->state != fin ? NAT64_STATE_FIN_BOTH : s->state;
    case NAT64_STATE_FIN_BOTH: /* the same ports anew */
        return opens ? NAT64_STATE_INIT : s->state;
    case NAT64_STATE_TRANS:
        return opens ? NAT64_STATE_INIT : NAT64_STATE_ESTABLISHED;
    default:
        return s->state;
    }
}

void nat64_session_step(struct nat64_data *n, struct thread *t, u32 session, enum nat64_dir dir,
                        u8 tcp_flags)
{
    struct nat64_session *s = nat64_session_at(n, t, session);
    bool tcp = nat64_bib_at(n, t, s->with.bib)->in.protocol == IP_PROTOCOL_TCP;
    u8 state = nat64_state_after(s, tcp, dir, tcp_flags);
    if (state == s->state)
        return;
    if (state == NAT64_STATE_INIT)
        s->first = (u8)dir;
    s->state = state;
    nat64_session_age(n, t, session);
    nat64_session_arm(n, t, session);
}

/* What permit+reflect remembers: flows that one direction of an interface has let through, for the
 * other direction to let the answers through.
 *
 *   packet ─► key: both ends in one order, protocol, interface, which way it began
 *      └─► thread that has flows of this key ─► session: no rule is looked at
 *
 * A session lives for as long as packets come: by its timeout from the last of them. Of TCP it is
 * the long one when both directions have been seen to say SYN and ACK, and none FIN or RST; else a
 * session is transient, and the oldest of those makes room when there are as many sessions as there
 * may be.
 *
 * Sessions are those of data threads (engine/sessions.h). Source: VPP's ACL plugin. */
#pragma once

#include "engine/sessions.h"
#include "plugins/acl/acl_data.h"

enum acl_timeout {
    ACL_TIMEOUT_UDP_IDLE,
    ACL_TIMEOUT_TCP_IDLE,
    ACL_TIMEOUT_TCP_TRANSIENT,
    ACL_TIMEOUT_N
};

#define ACL_SESSIONS_MAX MEM_MOST(1u << 20) /* of a thread and family */
#define ACL_TCP_STATE (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)

struct acl_session {
    u64 active_ns;      /* when the last packet came */
    u32 younger, older; /* transient ones, a ring with the thread's head; SESSION_NONE: the head */
    u32 epoch;          /* of the interface's lists when it was made */
    u16 interface;
    u8 tcp_flags[ACL_DIRECTION_N]; /* seen by direction */
    u8 timeout;                    /* enum acl_timeout */
    u8 protocol;
    u8 direction; /* of the packet that made it */
    u8 spare[5];
    u64 key[]; /* ACL_SESSION_KEY_4 or _6 words */
};
#define ACL_SESSION_KEY_4 2
#define ACL_SESSION_KEY_6 5
#define ACL_SESSION_KEY_OFFSET offsetof(struct acl_session, key)
static_assert(sizeof(struct acl_session) == 32, "keys are whole words");

/* Of one data thread and family. */
struct acl_session_thread {
    u32 youngest, oldest; /* transient ones */
    u64 restarted;        /* timers that found a session that lives on */
} CACHE_ALIGNED;

struct acl_sessions {
    struct sessions *table[IP_FAMILY_N];
    struct acl_session_thread threads[IP_FAMILY_N][THREADS_MAX];
    struct counter_vec *added, *deleted; /* by interface */
    u64 timeout_ns[ACL_TIMEOUT_N];
    u32 max; /* of all threads and both families */
    u32 n_owners;
    bool reclassify; /* sessions are judged anew when lists of their interface have changed */
};

extern struct acl_sessions *acl_sessions;

/* --- the key --- */

enum acl_icmp_role { ACL_ICMP_NONE, ACL_ICMP_QUERY, ACL_ICMP_REPLY };

/* Messages that come in pairs; *query: the type of the question. */
ALWAYS_INLINE enum acl_icmp_role acl_session_icmp(u8 protocol, u16 type, u16 *query)
{
    static const u8 pairs[][3] = {{IP_PROTOCOL_ICMP, 8, 0},      {IP_PROTOCOL_ICMP, 13, 14},
                                  {IP_PROTOCOL_ICMP, 15, 16},    {IP_PROTOCOL_ICMP, 17, 18},
                                  {IP_PROTOCOL_ICMP6, 128, 129}, {IP_PROTOCOL_ICMP6, 139, 140}};
    for (u32 i = 0; i < array_len(pairs); i++) {
        *query = pairs[i][1];
        if (pairs[i][0] == protocol && (pairs[i][1] == type || pairs[i][2] == type))
            return pairs[i][1] == type ? ACL_ICMP_QUERY : ACL_ICMP_REPLY;
    }
    return ACL_ICMP_NONE;
}

ALWAYS_INLINE u32 acl_session_key_words(enum ip_family family)
{
    return family == IP_FAMILY_4 ? ACL_SESSION_KEY_4 : ACL_SESSION_KEY_6;
}

/* false: it can be of no session (pieces without ports, ICMP that is no question and no answer).
 * Ports and protocol are read from the key's last word: what has just been written in pieces is
 * not to be had at once. */
ALWAYS_INLINE bool acl_session_key(const struct acl_key *k, enum ip_family family,
                                   enum acl_direction d, struct if_index i, u64 *out)
{
    const u64 *w = k->words;
    u64 l4 = w[acl_session_key_words(family) - 1];
    u16 a = (u16)(l4 >> ACL_MATCH_SRC_SHIFT), b = (u16)(l4 >> ACL_MATCH_DST_SHIFT);
    u8 protocol = (u8)(l4 >> ACL_KEY_PROTOCOL_SHIFT);
    bool icmp = protocol == IP_PROTOCOL_ICMP || protocol == IP_PROTOCOL_ICMP6, swap;
    if (unlikely(k->headers != ACL_HEADERS_WHOLE))
        return false;
    if (unlikely(icmp)) {
        enum acl_icmp_role role = acl_session_icmp(protocol, a, &a);
        if (role == ACL_ICMP_NONE)
            return false;
        b = k->icmp_id;
        swap = role == ACL_ICMP_REPLY; /* who asked comes first */
    } else if (family == IP_FAMILY_4) {
        swap = ((w[0] >> 32) << 16 | a) > ((u64)(u32)w[0] << 16 | b);
    } else {
        swap = w[0] != w[2] ? w[0] > w[2] : w[1] != w[3] ? w[1] > w[3] : a > b;
    }
    bool way = (d == ACL_INPUT) ^ swap;
    u64 ports = swap && !icmp ? (u64)b << 16 | a : (u64)a << 16 | b;
    u64 last = ports << 32 | (u64)protocol << 24 | (u64)way << 16 | (u16)i.i;
    if (family == IP_FAMILY_4) {
        out[0] = swap ? w[0] << 32 | w[0] >> 32 : w[0];
        out[1] = last;
        return true;
    }
    for (u32 x = 0; x < 4; x++)
        out[x] = swap ? w[x ^ 2] : w[x];
    out[4] = last;
    return true;
}

/* The data thread that has the sessions of this key. */
ALWAYS_INLINE u32 acl_session_owner(const u64 *key, enum ip_family family)
{
    u64 h = 0x2545f4914f6cdd1dull;
    for (u32 i = 0; i < acl_session_key_words(family); i++)
        h = acl_match_mix(h ^ key[i], 0xd6e8feb86659fd93ull);
    return 1 + (u32)(h >> 32) % acl_sessions->n_owners;
}

/* --- transient ones, by age --- */

ALWAYS_INLINE struct acl_session *acl_session_at(const struct session_table *t, u32 s)
{
    return session_at(t, s);
}

static inline void acl_session_link(struct acl_session_thread *x, const struct session_table *t,
                                    u32 s)
{
    struct acl_session *e = acl_session_at(t, s);
    e->younger = SESSION_NONE;
    e->older = x->youngest;
    if (x->youngest != SESSION_NONE)
        acl_session_at(t, x->youngest)->younger = s;
    else
        x->oldest = s;
    x->youngest = s;
}

static inline void acl_session_unlink(struct acl_session_thread *x, const struct session_table *t,
                                      u32 s)
{
    const struct acl_session *e = acl_session_at(t, s);
    if (e->younger != SESSION_NONE)
        acl_session_at(t, e->younger)->older = e->older;
    else
        x->youngest = e->older;
    if (e->older != SESSION_NONE)
        acl_session_at(t, e->older)->younger = e->younger;
    else
        x->oldest = e->younger;
}

/* --- life: the thread that has it --- */

static inline void acl_session_end(struct thread *t, struct session_table *table,
                                   enum ip_family family, u32 s)
{
    const struct acl_session *e = acl_session_at(table, s);
    u32 thread = thread_index(t);
    if (e->timeout == ACL_TIMEOUT_TCP_TRANSIENT)
        acl_session_unlink(&acl_sessions->threads[family][thread], table, s);
    tally_add(&counter_simple(acl_sessions->deleted, thread)[e->interface], 1);
    session_delete(table, s);
}

ALWAYS_INLINE u64 acl_session_ends_ns(const struct acl_session *e)
{
    return e->active_ns + __atomic_load_n(&acl_sessions->timeout_ns[e->timeout], __ATOMIC_RELAXED);
}

/* Which timeout a session has now, by what has been seen of it. */
ALWAYS_INLINE enum acl_timeout acl_session_timeout(const struct acl_session *e)
{
    if (e->protocol != IP_PROTOCOL_TCP)
        return ACL_TIMEOUT_UDP_IDLE;
    bool both = (e->tcp_flags[ACL_INPUT] & ACL_TCP_STATE) == (TCP_SYN | TCP_ACK) &&
                (e->tcp_flags[ACL_OUTPUT] & ACL_TCP_STATE) == (TCP_SYN | TCP_ACK);
    return both ? ACL_TIMEOUT_TCP_IDLE : ACL_TIMEOUT_TCP_TRANSIENT;
}

static inline void acl_session_change(struct thread *t, struct session_table *table,
                                      enum ip_family family, u32 s, enum acl_timeout to)
{
    struct acl_session *e = acl_session_at(table, s);
    struct acl_session_thread *x = &acl_sessions->threads[family][thread_index(t)];
    if (e->timeout == ACL_TIMEOUT_TCP_TRANSIENT)
        acl_session_unlink(x, table, s);
    e->timeout = (u8)to;
    if (to == ACL_TIMEOUT_TCP_TRANSIENT)
        acl_session_link(x, table, s);
    session_set_timer(table, s, acl_session_ends_ns(e));
}

/* A packet of the session; the timer finds out for itself. */
ALWAYS_INLINE void acl_session_seen(struct thread *t, struct session_table *table,
                                    enum ip_family family, u32 s, const struct acl_key *k,
                                    enum acl_direction d)
{
    struct acl_session *e = acl_session_at(table, s);
    e->active_ns = thread_now_ns(t);
    u8 telling = (u8)(~e->tcp_flags[d] & ACL_TCP_STATE) | TCP_SYN;
    if (likely(k->protocol != IP_PROTOCOL_TCP || !(k->tcp_flags & telling)))
        return;
    /* the ports are used again for a connection that has ended */
    if ((k->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
        ((e->tcp_flags[0] | e->tcp_flags[1]) & (TCP_FIN | TCP_RST)))
        e->tcp_flags[0] = e->tcp_flags[1] = 0;
    e->tcp_flags[d] |= k->tcp_flags;
    enum acl_timeout now = acl_session_timeout(e);
    if (now != (enum acl_timeout)e->timeout)
        acl_session_change(t, table, family, s, now);
}

/* Room for one more: a transient one goes when there are as many as may be. false: there is none.
 */
static inline bool acl_session_room(struct thread *t, enum ip_family family)
{
    u32 thread = thread_index(t), count = 0;
    u32 most = __atomic_load_n(&acl_sessions->max, __ATOMIC_RELAXED) / acl_sessions->n_owners;
    struct session_table *table = session_table_of(acl_sessions->table[family], t);
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        count += shared_hash_count(&session_table_of(acl_sessions->table[f], t)->by_key[0]);
    if (count < most && shared_hash_count(&table->by_key[0]) < ACL_SESSIONS_MAX)
        return true;
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        enum ip_family of = f ? (enum ip_family)(family ^ 1) : family; /* of its own kind first */
        u32 oldest = acl_sessions->threads[of][thread].oldest;
        if (oldest == SESSION_NONE)
            continue;
        acl_session_end(t, session_table_of(acl_sessions->table[of], t), of, oldest);
        return shared_hash_count(&table->by_key[0]) < ACL_SESSIONS_MAX;
    }
    return false;
}

/* A packet that permit+reflect has let through makes one. epoch: of the lists that said so. false:
 * there is no room. */
static inline bool acl_session_make(struct thread *t, enum ip_family family, const u64 *key,
                                    const struct acl_key *k, enum acl_direction d,
                                    struct if_index i, u32 epoch)
{
    struct session_table *table = session_table_of(acl_sessions->table[family], t);
    u32 s = acl_session_room(t, family) ? session_new(table) : SESSION_NONE;
    if (s == SESSION_NONE)
        return false;
    struct acl_session *e = acl_session_at(table, s);
    e->active_ns = thread_now_ns(t);
    e->epoch = epoch;
    e->interface = (u16)i.i;
    e->protocol = k->protocol;
    e->direction = (u8)d;
    e->tcp_flags[d] = k->tcp_flags;
    memcpy(e->key, key, acl_session_key_words(family) * sizeof(*key));
    if (!session_add(table, s))
        return false;
    e->timeout = (u8)acl_session_timeout(e);
    if (e->timeout == ACL_TIMEOUT_TCP_TRANSIENT)
        acl_session_link(&acl_sessions->threads[family][thread_index(t)], table, s);
    session_set_timer(table, s, acl_session_ends_ns(e));
    tally_add(&counter_simple(acl_sessions->added, thread_index(t))[i.i], 1);
    return true;
}

/* Timers have fired. */
static inline void acl_session_expire(struct thread *t, enum ip_family family, const u32 *timers,
                                      u32 count)
{
    struct session_table *table = session_table_of(acl_sessions->table[family], t);
    for (u32 i = 0; i < count; i++) {
        u64 ends = acl_session_ends_ns(acl_session_at(table, timers[i]));
        if (ends > thread_now_ns(t)) {
            acl_sessions->threads[family][thread_index(t)].restarted++;
            session_set_timer(table, timers[i], ends);
        } else {
            acl_session_end(t, table, family, timers[i]);
        }
    }
}

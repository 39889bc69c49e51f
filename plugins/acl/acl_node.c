/* acl-plugin-in-ip4-fa and its like: packets by the lists of their interface, and sessions.
 * acl-plugin-in-nonip-l2, acl-plugin-out-nonip-l2: other frames by their type. */
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/link/interface/feature_place.h"
#include "net/link/vlan/vlan_data.h"
#include "plugins/acl/acl_data.h"
#include "plugins/acl/acl_node.h"
#include "plugins/acl/acl_session_data.h"

/* Packets whose sessions are asked for before they are looked at. */
#define ACL_FA_BLOCK 32

/* A node: known when it is compiled. */
struct acl_fa_kind {
    enum acl_direction direction;
    enum feature_place place;
    enum ip_family family;
};

enum acl_fa_is {
    ACL_FA_IS_OTHER, /* no packet of this family */
    ACL_FA_IS_BAD,
    ACL_FA_IS_SINGLE, /* can be of no session */
    ACL_FA_IS_KEYED,
    ACL_FA_IS_AGAIN, /* of the session of the keyed one before it, if there is any */
};

/* What became of a packet becomes of those behind it that are the same for lists, too. */
enum acl_fa_repeat {
    ACL_FA_REPEAT_NONE, /* they have to be looked at */
    ACL_FA_REPEAT_SESSION,
    ACL_FA_REPEAT_PERMIT,
    ACL_FA_REPEAT_DENY,
};

/* What was found for a packet: those of a flow come one behind the other. */
struct acl_fa_last {
    u32 session; /* SESSION_NONE: none, or it may be gone */
    u64 words[ACL_KEY_WORDS_6];
    struct acl_verdict verdict;
    u32 epoch;                         /* of the interface's lists, before they were asked */
    const struct acl_context *context; /* whose that is of a whole packet; NULL: none */
};

/* A vector. */
struct acl_fa {
    struct thread *t;
    struct node *n;
    const struct feature_vector *vector;
    struct acl_skipped skipped;
    struct acl_fa_last last;
    u32 permitted, checked, made, existing;
    bool by_blocks; /* the first packet of a flow said nothing of those behind it */
    /* of packets that are looked at together, of one interface */
    struct if_index interface;
    const struct acl_context *context; /* NULL: it has just been taken away */
    bool stateful;
    enum acl_fa_repeat repeat; /* of the last of them that was looked at */
    struct acl_like like;      /* of the last of them; none are like it: all have to be looked at */
    u8 same[ACL_FA_BLOCK]; /* the first of the packets that are the same for lists as this one */
    /* of that one, by its place */
    u8 is[ACL_FA_BLOCK]; /* enum acl_fa_is */
    struct acl_key key[ACL_FA_BLOCK];
    u64 session_key[ACL_FA_BLOCK][ACL_SESSION_KEY_6], hash[ACL_FA_BLOCK];

    struct handoff_batch away;
};

ALWAYS_INLINE struct if_index acl_fa_interface(const struct buffer *b, enum acl_direction d)
{
    return d == ACL_INPUT ? b->rx_if : b->tx_if;
}

ALWAYS_INLINE bool acl_fa_is_here(const struct acl_fa_kind *kind, const struct acl_fa *f,
                                  const struct buffer *b)
{
    return if_equal(acl_fa_interface(b, kind->direction), f->interface);
}

/* --- trace --- */

static void acl_fa_note(const struct acl_fa_kind *kind, const struct acl_fa *f, struct buffer *b,
                        const struct acl_key *k, const struct acl_verdict *verdict, u32 bits)
{
    bool ip6 = kind->family == IP_FAMILY_6,
         icmp = k->l4 && (k->protocol == IP_PROTOCOL_ICMP || k->protocol == IP_PROTOCOL_ICMP6);
    u64 flags = (k->l4 && k->protocol == IP_PROTOCOL_TCP) | (u64)k->l4 << 1 |
                (u64)(k->headers == ACL_HEADERS_FRAGMENT) << 2 | (u64)ip6 << 3;
    struct acl_fa_trace note = {
        .list = verdict->list, .rule = verdict->rule, .action = verdict->action, .bits = bits};
    if (ip6)
        for (u32 i = 0; i < 4; i++)
            note.tuple[i] = __builtin_bswap64(k->words[i]);
    else
        note.tuple[3] = __builtin_bswap32((u32)(k->words[0] >> 32)) |
                        (u64)__builtin_bswap32((u32)k->words[0]) << 32;
    note.tuple[4] = k->src_port | (u64)k->dst_port << 16 | (u64)k->protocol << 32 |
                    ((u64)(kind->direction == ACL_INPUT) | (u64)icmp << 1) << 40 |
                    (u64)(u16)f->interface.i << 48;
    note.tuple[5] = f->context->index | 0xffffull << 32 | (u64)k->tcp_flags << 48 | flags << 56;
    trace_note(f->t, b, &note, sizeof(note));
}

ALWAYS_INLINE void acl_fa_noted(const struct acl_fa_kind *kind, struct acl_fa *f, struct buffer *b,
                                const struct acl_key *k, u8 action, u32 bits)
{
    if (unlikely(b->flags & BUFFER_TRACED))
        acl_fa_note(kind, f, b, k,
                    &(struct acl_verdict){.list = ACL_NONE, .rule = ACL_NONE, .action = action},
                    bits);
}

/* --- sessions --- */

ALWAYS_INLINE struct session_table *acl_fa_table(const struct acl_fa_kind *kind,
                                                 const struct acl_fa *f)
{
    return session_table_of(acl_sessions->table[kind->family], f->t);
}

enum acl_fa_found { ACL_FA_NO_SESSION, ACL_FA_SESSION, ACL_FA_AWAY };

/* The session of packet i, which is as packet k; SESSION_NONE. */
ALWAYS_INLINE u32 acl_fa_session(const struct acl_fa_kind *kind, struct acl_fa *f,
                                 const struct session_table *table, u32 i, u32 k)
{
    bool known = f->is[k] == ACL_FA_IS_AGAIN || i != k;
    if (!known || unlikely(f->last.session == SESSION_NONE))
        f->last.session = shared_hash_find_hashed(&table->by_key[0], f->session_key[k],
                                                  acl_session_key_words(kind->family), f->hash[k]);
    return f->last.session;
}

static COLD void acl_fa_end(struct thread *t, struct session_table *table, enum ip_family family,
                            u32 s)
{
    acl_session_end(t, table, family, s);
}

/* Whether packet i is of a session, or another thread knows that; then it goes there. */
ALWAYS_INLINE enum acl_fa_found acl_fa_find(const struct acl_fa_kind *kind, struct acl_fa *f,
                                            struct buffer *b, u32 i)
{
    u32 same = f->same[i];
    const struct acl_key *k = &f->key[same];
    u32 owner = acl_sessions->n_owners == 1 ? thread_index(f->t)
                                            : acl_session_owner(f->session_key[same], kind->family);
    if (unlikely(owner != thread_index(f->t))) {
        acl_fa_noted(kind, f, b, k, ACL_PERMIT, ACL_FA_BIT_AWAY);
        feature_vector_keep(f->vector, b);
        handoff_add(&f->away, b, owner);
        return ACL_FA_AWAY;
    }
    struct session_table *table = acl_fa_table(kind, f);
    u32 s = acl_fa_session(kind, f, table, i, same);
    if (s == SESSION_NONE)
        return ACL_FA_NO_SESSION;
    if (unlikely(__atomic_load_n(&acl_sessions->reclassify, __ATOMIC_RELAXED) &&
                 acl_session_at(table, s)->epoch !=
                     __atomic_load_n(&acl_interfaces[f->interface.i].epoch, __ATOMIC_RELAXED))) {
        acl_fa_end(f->t, table, kind->family, s);
        f->last.session = SESSION_NONE;
        return ACL_FA_NO_SESSION;
    }
    acl_session_seen(f->t, table, kind->family, s, k, kind->direction);
    acl_fa_noted(kind, f, b, k, ACL_FA_OF_SESSION, ACL_FA_BIT_SESSION);
    return ACL_FA_SESSION;
}

/* --- packets --- */

/* Where the IP header of b is; -1: it is no packet of this family. */
ALWAYS_INLINE int acl_fa_header(const struct acl_fa_kind *kind, const struct buffer *b)
{
    if (kind->place == AT_IP_INPUT)
        return b->start;
    if (kind->place == AT_IP_OUTPUT)
        return b->l3_start;
    if (unlikely(b->len < ETHERNET_HEADER_BYTES))
        return -1;
    struct vlan_header h = vlan_parse(buffer_current(b), b->len);
    u16 type = kind->family == IP_FAMILY_4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6;
    return h.type == type && h.bytes ? b->start + h.bytes : -1;
}

/* What packet i is, whose key is there. */
ALWAYS_INLINE enum acl_fa_is acl_fa_is(const struct acl_fa_kind *kind, struct acl_fa *f, u32 i)
{
    const struct acl_key *k = &f->key[i];
    if (unlikely(k->headers == ACL_HEADERS_BAD))
        return ACL_FA_IS_BAD;
    bool keyed = f->stateful &&
                 acl_session_key(k, kind->family, kind->direction, f->interface, f->session_key[i]);
    return keyed ? ACL_FA_IS_KEYED : ACL_FA_IS_SINGLE;
}

/* What there is to be read of the sessions of a block is asked for. */
ALWAYS_INLINE void acl_fa_ask(const struct acl_fa_kind *kind, struct acl_fa *f, u32 count)
{
    const struct shared_hash *h = &acl_fa_table(kind, f)->by_key[0];
    u32 words = acl_session_key_words(kind->family);
    u32 before = ACL_FA_BLOCK; /* none */
    for (u32 i = 0; i < count; i++) {
        const u64 *key = f->session_key[i];
        if (f->same[i] != i || f->is[i] != ACL_FA_IS_KEYED)
            continue;
        if (before < i && shared_hash_same(key, f->session_key[before], words)) {
            f->is[i] = ACL_FA_IS_AGAIN;
            f->hash[i] = f->hash[before];
        } else {
            f->hash[i] = shared_hash_of(h, key, words);
            shared_hash_prefetch_bucket(h, f->hash[i]);
        }
        before = i;
    }
    for (u32 i = 0; i < count; i++)
        if (f->same[i] == i && f->is[i] == ACL_FA_IS_KEYED)
            shared_hash_prefetch_key(h, f->hash[i]);
}

/* How many packets come before the first that has not the headers that f->like is of, or is traced.
 */
ALWAYS_INLINE u32 acl_fa_same(const struct acl_fa *f, enum acl_direction d, struct buffer *const *b,
                              u32 count, bool is_ip6)
{
    struct if_index interface = f->interface;
    const struct acl_like like = f->like;
    u32 i = 0;
    for (; i < count && if_equal(acl_fa_interface(b[i], d), interface); i++) {
        int at = d == ACL_INPUT ? b[i]->start : b[i]->l3_start;
        int left = b[i]->start + b[i]->len - at;
        if (b[i]->flags & BUFFER_TRACED || left < 0 ||
            !acl_is_like(&like, b[i]->data + at, (u32)left, is_ip6))
            break;
    }
    return i;
}

/* Not inlined: each node would have them. */
__attribute__((noinline)) static u32 acl_fa_same4(const struct acl_fa *f, enum acl_direction d,
                                                  struct buffer *const *b, u32 count)
{
    return d == ACL_INPUT ? acl_fa_same(f, ACL_INPUT, b, count, false)
                          : acl_fa_same(f, ACL_OUTPUT, b, count, false);
}

__attribute__((noinline)) static u32 acl_fa_same6(const struct acl_fa *f, enum acl_direction d,
                                                  struct buffer *const *b, u32 count)
{
    return d == ACL_INPUT ? acl_fa_same(f, ACL_INPUT, b, count, true)
                          : acl_fa_same(f, ACL_OUTPUT, b, count, true);
}

/* The same; of frames none. */
ALWAYS_INLINE u32 acl_fa_alike(const struct acl_fa_kind *kind, const struct acl_fa *f,
                               struct buffer *const *b, u32 count)
{
    if (kind->place == AT_FRAME || !f->like.bytes)
        return 0;
    return kind->family == IP_FAMILY_4 ? acl_fa_same4(f, kind->direction, b, count)
                                       : acl_fa_same6(f, kind->direction, b, count);
}

/* What each packet is, as many as are of the interface; returns how many. One, where the last is of
 * the same flow: then all others may be, which do not need what follows (acl_fa_alike), unless the
 * vector had such a one of which they had no use, as another thread's. */
ALWAYS_INLINE u32 acl_fa_keys(const struct acl_fa_kind *kind, struct acl_fa *f, struct buffer **b,
                              u32 count)
{
    bool is_ip6 = kind->family == IP_FAMILY_6;
    u32 first = 0, i;
    f->like.bytes = 0;
    for (i = 0; i < count && acl_fa_is_here(kind, f, b[i]); i++) {
        if (i + 4 < count)
            __builtin_prefetch(b[i + 4]->data + b[i + 4]->start);
        int at = acl_fa_header(kind, b[i]), left = b[i]->start + b[i]->len - at;
        const u8 *p = b[i]->data + at;
        if (likely(at >= 0 && left >= 0) && acl_is_like(&f->like, p, (u32)left, is_ip6)) {
            f->same[i] = (u8)first;
            continue;
        }
        f->same[i] = (u8)i;
        f->is[i] = ACL_FA_IS_OTHER;
        if (unlikely(at < 0))
            continue;
        acl_key_of(&f->key[i], b[i], at, is_ip6, &f->skipped);
        f->is[i] = (u8)acl_fa_is(kind, f, i);
        if (left >= 0) {
            acl_like_of(&f->like, &f->key[i], p, (u32)left, is_ip6);
            first = i;
        }
        if (!i && !f->by_blocks && acl_fa_alike(kind, f, b + count - 1, count > 1))
            count = 1;
    }
    if (f->same[i - 1] != first)
        f->like.bytes = 0;
    if (f->stateful)
        acl_fa_ask(kind, f, i);
    return i;
}

/* Not inlined: each node would have them. */
__attribute__((noinline)) static struct acl_verdict acl_fa_look4(const struct acl_context *c,
                                                                 const struct acl_key *k)
{
    return acl_look(c, k, IP_FAMILY_4);
}

__attribute__((noinline)) static struct acl_verdict acl_fa_look6(const struct acl_context *c,
                                                                 const struct acl_key *k)
{
    return acl_look(c, k, IP_FAMILY_6);
}

ALWAYS_INLINE const struct acl_verdict *acl_fa_judge(const struct acl_fa_kind *kind,
                                                     struct acl_fa *f, const struct acl_key *k)
{
    struct acl_fa_last *last = &f->last;
    u32 words = kind->family == IP_FAMILY_4 ? ACL_KEY_WORDS_4 : ACL_KEY_WORDS_6;
    bool whole = k->headers == ACL_HEADERS_WHOLE;
    if (whole && last->context == f->context && shared_hash_same(last->words, k->words, words))
        return &last->verdict;
    last->epoch = __atomic_load_n(&acl_interfaces[f->interface.i].epoch, __ATOMIC_ACQUIRE);
    last->verdict =
        kind->family == IP_FAMILY_4 ? acl_fa_look4(f->context, k) : acl_fa_look6(f->context, k);
    last->context = whole ? f->context : NULL;
    for (u32 w = 0; w < words; w++)
        last->words[w] = k->words[w];
    return &last->verdict;
}

/* By the rules, with a session where one says so. key: of that; NULL: it can have none. */
ALWAYS_INLINE u16 acl_fa_by_rules(const struct acl_fa_kind *kind, struct acl_fa *f,
                                  struct buffer *b, const struct acl_key *k, const u64 *key)
{
    const struct acl_verdict *verdict = acl_fa_judge(kind, f, k);
    acl_count(verdict, thread_index(f->t), buffer_packet_len(b));
    if (unlikely(b->flags & BUFFER_TRACED))
        acl_fa_note(kind, f, b, k, verdict, 0);
    bool counted = unlikely(__atomic_load_n(&acl_common->count_matches, __ATOMIC_RELAXED));
    if (verdict->action == ACL_DENY) {
        f->repeat = counted ? ACL_FA_REPEAT_NONE : ACL_FA_REPEAT_DENY;
        return node_drop(f->n, b, ACL_FA_ERR_DENY, ACL_FA_NEXT_DROP);
    }
    if (verdict->action == ACL_PERMIT_REFLECT && key) {
        f->last.session = SESSION_NONE; /* that one may have to make room */
        if (unlikely(!acl_session_make(f->t, kind->family, key, k, kind->direction, f->interface,
                                       f->last.epoch)))
            return node_drop(f->n, b, ACL_FA_ERR_TOO_MANY, ACL_FA_NEXT_DROP);
        f->made++;
    } else if (!counted) {
        f->repeat = ACL_FA_REPEAT_PERMIT;
    }
    f->permitted++;
    return feature_vector_next(f->vector, b);
}

/* Packet i. */
ALWAYS_INLINE u16 acl_fa_packet(const struct acl_fa_kind *kind, struct acl_fa *f, struct buffer *b,
                                u32 i)
{
    u32 same = f->same[i];
    u8 is = f->is[same];
    bool keyed = is >= ACL_FA_IS_KEYED;
    f->repeat = ACL_FA_REPEAT_NONE;
    if (unlikely(is == ACL_FA_IS_OTHER))
        return feature_vector_next(f->vector, b);
    if (unlikely(is == ACL_FA_IS_BAD)) {
        f->checked++;
        return node_drop(f->n, b, ACL_FA_ERR_BAD, ACL_FA_NEXT_DROP);
    }
    enum acl_fa_found found = keyed ? acl_fa_find(kind, f, b, i) : ACL_FA_NO_SESSION;
    if (unlikely(found == ACL_FA_AWAY))
        return NEXT_CONSUMED;
    f->checked++;
    if (found == ACL_FA_NO_SESSION)
        return acl_fa_by_rules(kind, f, b, &f->key[same], keyed ? f->session_key[same] : NULL);
    f->existing++;
    if (likely(!(f->key[same].tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)))) /* they change it */
        f->repeat = ACL_FA_REPEAT_SESSION;
    return feature_vector_next(f->vector, b);
}

/* What became of the packet before them becomes of these. Not inlined: as above. */
__attribute__((noinline)) static void acl_fa_go_on(struct acl_fa *f, struct buffer **b, u16 *next,
                                                   u32 n)
{
    bool denied = f->repeat == ACL_FA_REPEAT_DENY;
    for (u32 i = 0; denied && i < n; i++)
        next[i] = node_drop(f->n, b[i], ACL_FA_ERR_DENY, ACL_FA_NEXT_DROP);
    for (u32 i = 0; !denied && i < n; i++)
        next[i] = feature_vector_next(f->vector, b[i]);
    f->checked += n;
    f->existing += f->repeat == ACL_FA_REPEAT_SESSION ? n : 0;
    f->permitted += f->repeat == ACL_FA_REPEAT_PERMIT ? n : 0;
}

/* Packets from i on of which becomes what became of the one before them; returns where they end. */
ALWAYS_INLINE u32 acl_fa_repeated(struct acl_fa *f, struct buffer **b, u16 *next, u32 i, u32 count)
{
    u32 from = i;
    if (f->repeat == ACL_FA_REPEAT_NONE)
        return i;
    while (i < count && f->same[i] != i && likely(!(b[i]->flags & BUFFER_TRACED)))
        i++;
    if (i > from)
        acl_fa_go_on(f, b + from, next + from, i - from);
    return i;
}

/* Packets of the interface of the first one, up to a block, and those behind that are of its last
 * one's flow; returns how many. */
ALWAYS_INLINE u32 acl_fa_block(const struct acl_fa_kind *kind, struct acl_fa *f, struct buffer **b,
                               u16 *next, u32 count)
{
    u32 n = 0;
    f->interface = acl_fa_interface(b[0], kind->direction);
    f->context = acl_context_of(f->interface, kind->direction);
    f->stateful = __atomic_load_n(&acl_interfaces[f->interface.i].stateful, __ATOMIC_ACQUIRE);
    if (unlikely(!f->context)) {
        for (; n < count && acl_fa_is_here(kind, f, b[n]); n++)
            next[n] = feature_vector_next(f->vector, b[n]);
        return n;
    }
    n = acl_fa_keys(kind, f, b, (u32)min_u64(count, ACL_FA_BLOCK));
    for (u32 i = 0; i < n;) {
        next[i] = acl_fa_packet(kind, f, b[i], i);
        i = acl_fa_repeated(f, b, next, i + 1, n);
    }
    f->by_blocks |= f->repeat == ACL_FA_REPEAT_NONE;
    u32 more = f->repeat == ACL_FA_REPEAT_NONE ? 0 : acl_fa_alike(kind, f, b + n, count - n);
    if (more)
        acl_fa_go_on(f, b + n, next + n, more);
    return n + more;
}

ALWAYS_INLINE void acl_fa_run(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                              u32 count, const struct acl_fa_kind *kind)
{
    struct acl_fa f;
    f.t = t;
    f.n = n;
    f.vector = feature_vector_of(t);
    f.last.session = SESSION_NONE;
    f.last.context = NULL;
    f.by_blocks = false;
    f.permitted = f.checked = f.made = f.existing = f.away.n = 0;
    for (u32 i = 0; kind->family == IP_FAMILY_6 && i < 4; i++)
        f.skipped.bits[i] = __atomic_load_n(&acl_common->skipped.bits[i], __ATOMIC_RELAXED);
    for (u32 i = 0; i < count;)
        i += acl_fa_block(kind, &f, b + i, next + i, count - i);
    if (unlikely(f.away.n))
        thread_handoff_batch(t, n->index, &f.away, n, ACL_FA_ERR_HANDOFF, ACL_FA_NEXT_DROP);
    node_count(n, ACL_FA_ERR_PERMIT, f.permitted);
    node_count(n, ACL_FA_ERR_CHECK, f.checked);
    node_count(n, ACL_FA_ERR_NEW, f.made);
    node_count(n, ACL_FA_ERR_EXISTING, f.existing);
}

void NODE_FN(acl_expire_ip4)(struct thread *t, struct node *n, const u32 *timers, u32 count)
{
    acl_session_expire(t, IP_FAMILY_4, timers, count);
}

void NODE_FN(acl_expire_ip6)(struct thread *t, struct node *n, const u32 *timers, u32 count)
{
    acl_session_expire(t, IP_FAMILY_6, timers, count);
}

void NODE_FN(acl_in_ip4)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    static const struct acl_fa_kind kind = {ACL_INPUT, AT_IP_INPUT, IP_FAMILY_4};
    acl_fa_run(t, n, b, next, count, &kind);
}

void NODE_FN(acl_in_ip6)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    static const struct acl_fa_kind kind = {ACL_INPUT, AT_IP_INPUT, IP_FAMILY_6};
    acl_fa_run(t, n, b, next, count, &kind);
}

void NODE_FN(acl_out_ip4)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    static const struct acl_fa_kind kind = {ACL_OUTPUT, AT_IP_OUTPUT, IP_FAMILY_4};
    acl_fa_run(t, n, b, next, count, &kind);
}

void NODE_FN(acl_out_ip6)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    static const struct acl_fa_kind kind = {ACL_OUTPUT, AT_IP_OUTPUT, IP_FAMILY_6};
    acl_fa_run(t, n, b, next, count, &kind);
}

void NODE_FN(acl_in_ip4_l2)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    static const struct acl_fa_kind kind = {ACL_INPUT, AT_FRAME, IP_FAMILY_4};
    acl_fa_run(t, n, b, next, count, &kind);
}

void NODE_FN(acl_in_ip6_l2)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    static const struct acl_fa_kind kind = {ACL_INPUT, AT_FRAME, IP_FAMILY_6};
    acl_fa_run(t, n, b, next, count, &kind);
}

void NODE_FN(acl_out_ip4_l2)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    static const struct acl_fa_kind kind = {ACL_OUTPUT, AT_FRAME, IP_FAMILY_4};
    acl_fa_run(t, n, b, next, count, &kind);
}

void NODE_FN(acl_out_ip6_l2)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    static const struct acl_fa_kind kind = {ACL_OUTPUT, AT_FRAME, IP_FAMILY_6};
    acl_fa_run(t, n, b, next, count, &kind);
}

/* --- other frames --- */

/* A frame that ends within its tags has none. */
ALWAYS_INLINE u16 acl_frame_type(const struct buffer *b)
{
    return b->len < ETHERNET_HEADER_BYTES ? 0 : vlan_parse(buffer_current(b), b->len).type;
}

ALWAYS_INLINE bool acl_type_passes(const struct acl_types *x, u16 type)
{
    for (u32 i = 0; x && i < x->n; i++)
        if (x->types[i] == type)
            return true;
    return !x || type == ETHERTYPE_IP4 || type == ETHERTYPE_IP6;
}

ALWAYS_INLINE void acl_types_run(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                 u32 count, enum acl_direction d)
{
    u32 permitted = 0;
    for (u32 i = 0; i < count; i++) {
        struct if_index at = acl_fa_interface(b[i], d);
        u16 type = acl_frame_type(b[i]);
        if (unlikely(b[i]->flags & BUFFER_TRACED)) {
            struct acl_type_trace note = {at.i, type};
            trace_note(t, b[i], &note, sizeof(note));
        }
        bool passes = acl_type_passes(
            __atomic_load_n(&acl_interfaces[at.i].types[d], __ATOMIC_ACQUIRE), type);
        permitted += passes;
        next[i] =
            passes ? feature_next(b[i]) : node_drop(n, b[i], ACL_FA_ERR_DENY, ACL_FA_NEXT_DROP);
    }
    node_count(n, ACL_FA_ERR_PERMIT, permitted);
    node_count(n, ACL_FA_ERR_CHECK, count);
}

void NODE_FN(acl_in_types)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    acl_types_run(t, n, b, next, count, ACL_INPUT);
}

void NODE_FN(acl_out_types)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    acl_types_run(t, n, b, next, count, ACL_OUTPUT);
}

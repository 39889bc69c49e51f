/* acl-plugin-in-ip4-fa and its like: packets by the lists of their interface, and sessions.
 * acl-plugin-in-nonip-l2, acl-plugin-out-nonip-l2: other frames by their type. */
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/link/interface/feature_place.h"
#include "net/link/vlan/vlan_data.h"
#include "plugins/acl/acl_data.h"
#include "plugins/acl/acl_node.h"
#include "plugins/acl/acl_session_data.h"

/* What the packets of a vector have in common, where they do. */
struct acl_fa_view {
    enum acl_direction direction;
    enum feature_place place;
    enum ip_family family;
    struct if_index interface;
    const struct acl_context *context; /* NULL: it has just been taken away */
    bool stateful;
    struct acl_skipped skipped;
};

/* What a vector comes to, and has for other threads. */
struct acl_fa_sum {
    u32 permitted, checked, made, existing;
    struct handoff_batch away;
};

ALWAYS_INLINE struct if_index acl_fa_interface(const struct buffer *b, enum acl_direction d)
{
    return d == ACL_INPUT ? b->rx_if : b->tx_if;
}

ALWAYS_INLINE void acl_fa_look_at(struct acl_fa_view *v, struct if_index i)
{
    v->interface = i;
    v->context = acl_context_of(i, v->direction);
    v->stateful = __atomic_load_n(&acl_interfaces[i.i].stateful, __ATOMIC_ACQUIRE);
}

/* --- trace --- */

static void acl_fa_note(struct thread *t, struct buffer *b, const struct acl_fa_view *v,
                        const struct acl_key *k, const struct acl_verdict *verdict, u32 bits)
{
    bool ip6 = v->family == IP_FAMILY_6,
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
                    ((u64)(v->direction == ACL_INPUT) | (u64)icmp << 1) << 40 |
                    (u64)(u16)v->interface.i << 48;
    note.tuple[5] = v->context->index | 0xffffull << 32 | (u64)k->tcp_flags << 48 | flags << 56;
    trace_note(t, b, &note, sizeof(note));
}

ALWAYS_INLINE void acl_fa_noted(struct thread *t, struct buffer *b, const struct acl_fa_view *v,
                                const struct acl_key *k, u8 action, u32 bits)
{
    if (unlikely(b->flags & BUFFER_TRACED))
        acl_fa_note(t, b, v, k,
                    &(struct acl_verdict){.list = ACL_NONE, .rule = ACL_NONE, .action = action},
                    bits);
}

/* --- sessions --- */

enum acl_fa_found { ACL_FA_NO_SESSION, ACL_FA_SESSION, ACL_FA_AWAY };

/* Whether a packet is of a session, or another thread knows that; then it goes there. */
ALWAYS_INLINE enum acl_fa_found acl_fa_find(struct thread *t, struct buffer *b,
                                            const struct acl_fa_view *v, const struct acl_key *k,
                                            const u64 *key, struct acl_fa_sum *sum)
{
    u32 owner = acl_sessions->n_owners == 1 ? thread_index(t) : acl_session_owner(key, v->family);
    if (unlikely(owner != thread_index(t))) {
        acl_fa_noted(t, b, v, k, ACL_PERMIT, ACL_FA_BIT_AWAY);
        handoff_add(&sum->away, b, owner);
        return ACL_FA_AWAY;
    }
    struct session_table *table = session_table_of(acl_sessions->table[v->family], t);
    u32 s = session_find(table, 0, key,
                         v->family == IP_FAMILY_4 ? ACL_SESSION_KEY_4 : ACL_SESSION_KEY_6);
    if (s == SESSION_NONE)
        return ACL_FA_NO_SESSION;
    if (unlikely(__atomic_load_n(&acl_sessions->reclassify, __ATOMIC_RELAXED) &&
                 acl_session_at(table, s)->epoch !=
                     __atomic_load_n(&acl_interfaces[v->interface.i].epoch, __ATOMIC_RELAXED))) {
        acl_session_end(t, table, v->family, s);
        return ACL_FA_NO_SESSION;
    }
    acl_session_seen(t, table, v->family, s, k, v->direction);
    acl_fa_noted(t, b, v, k, ACL_FA_OF_SESSION, ACL_FA_BIT_SESSION);
    return ACL_FA_SESSION;
}

/* --- packets --- */

/* Where the IP header of b is; -1: it is no packet of this family. */
ALWAYS_INLINE int acl_fa_header(const struct acl_fa_view *v, const struct buffer *b)
{
    if (v->place == AT_IP_INPUT)
        return b->start;
    if (v->place == AT_IP_OUTPUT)
        return b->l3_start;
    if (unlikely(b->len < ETHERNET_HEADER_BYTES))
        return -1;
    struct vlan_header h = vlan_parse(buffer_current(b), b->len);
    u16 type = v->family == IP_FAMILY_4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6;
    return h.type == type && h.bytes ? b->start + h.bytes : -1;
}

/* By the rules, with a session where one says so. */
ALWAYS_INLINE u16 acl_fa_by_rules(struct thread *t, struct node *n, struct buffer *b,
                                  const struct acl_fa_view *v, const struct acl_key *k,
                                  const u64 *key, struct acl_fa_sum *sum)
{
    struct acl_verdict verdict =
        acl_judge(v->context, k, v->family, thread_index(t), buffer_packet_len(b));
    if (unlikely(b->flags & BUFFER_TRACED))
        acl_fa_note(t, b, v, k, &verdict, 0);
    if (verdict.action == ACL_DENY)
        return node_drop(n, b, ACL_FA_ERR_DENY, ACL_FA_NEXT_DROP);
    if (verdict.action == ACL_PERMIT_REFLECT && key) {
        if (unlikely(!acl_session_make(t, v->family, key, k, v->direction, v->interface)))
            return node_drop(n, b, ACL_FA_ERR_TOO_MANY, ACL_FA_NEXT_DROP);
        sum->made++;
    }
    sum->permitted++;
    return feature_next(b);
}

ALWAYS_INLINE u16 acl_fa_packet(struct thread *t, struct node *n, struct buffer *b,
                                const struct acl_fa_view *v, struct acl_fa_sum *sum)
{
    struct acl_key k;
    u64 key[ACL_SESSION_KEY_6];
    int at = acl_fa_header(v, b);
    if (unlikely(!v->context || at < 0))
        return feature_next(b);
    acl_key_of(&k, b, at, v->family == IP_FAMILY_6, &v->skipped);
    if (unlikely(k.headers == ACL_HEADERS_BAD)) {
        sum->checked++;
        return node_drop(n, b, ACL_FA_ERR_BAD, ACL_FA_NEXT_DROP);
    }
    bool keyed = v->stateful && acl_session_key(&k, v->family, v->direction, v->interface, key);
    enum acl_fa_found found = keyed ? acl_fa_find(t, b, v, &k, key, sum) : ACL_FA_NO_SESSION;
    if (unlikely(found == ACL_FA_AWAY))
        return NEXT_CONSUMED;
    sum->checked++;
    if (found == ACL_FA_NO_SESSION)
        return acl_fa_by_rules(t, n, b, v, &k, keyed ? key : NULL, sum);
    sum->existing++;
    return feature_next(b);
}

ALWAYS_INLINE void acl_fa_run(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                              u32 count, enum acl_direction d, enum feature_place place,
                              enum ip_family family)
{
    struct acl_fa_view v = {.direction = d, .place = place, .family = family};
    struct acl_fa_sum sum;
    sum.permitted = sum.checked = sum.made = sum.existing = sum.away.n = 0;
    acl_fa_look_at(&v, acl_fa_interface(b[0], d));
    for (u32 i = 0; i < 4; i++)
        v.skipped.bits[i] = __atomic_load_n(&acl_common->skipped.bits[i], __ATOMIC_RELAXED);
    for (u32 i = 0; i < count; i++) {
        struct if_index at = acl_fa_interface(b[i], d);
        if (i + 4 < count)
            __builtin_prefetch(b[i + 4]->data + b[i + 4]->start);
        if (unlikely(!if_equal(at, v.interface)))
            acl_fa_look_at(&v, at);
        next[i] = acl_fa_packet(t, n, b[i], &v, &sum);
    }
    if (unlikely(sum.away.n))
        thread_handoff_batch(t, n->index, &sum.away, n, ACL_FA_ERR_HANDOFF, ACL_FA_NEXT_DROP);
    node_count(n, ACL_FA_ERR_PERMIT, sum.permitted);
    node_count(n, ACL_FA_ERR_CHECK, sum.checked);
    node_count(n, ACL_FA_ERR_NEW, sum.made);
    node_count(n, ACL_FA_ERR_EXISTING, sum.existing);
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
    acl_fa_run(t, n, b, next, count, ACL_INPUT, AT_IP_INPUT, IP_FAMILY_4);
}

void NODE_FN(acl_in_ip6)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    acl_fa_run(t, n, b, next, count, ACL_INPUT, AT_IP_INPUT, IP_FAMILY_6);
}

void NODE_FN(acl_out_ip4)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    acl_fa_run(t, n, b, next, count, ACL_OUTPUT, AT_IP_OUTPUT, IP_FAMILY_4);
}

void NODE_FN(acl_out_ip6)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    acl_fa_run(t, n, b, next, count, ACL_OUTPUT, AT_IP_OUTPUT, IP_FAMILY_6);
}

void NODE_FN(acl_in_ip4_l2)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    acl_fa_run(t, n, b, next, count, ACL_INPUT, AT_FRAME, IP_FAMILY_4);
}

void NODE_FN(acl_in_ip6_l2)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    acl_fa_run(t, n, b, next, count, ACL_INPUT, AT_FRAME, IP_FAMILY_6);
}

void NODE_FN(acl_out_ip4_l2)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    acl_fa_run(t, n, b, next, count, ACL_OUTPUT, AT_FRAME, IP_FAMILY_4);
}

void NODE_FN(acl_out_ip6_l2)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    acl_fa_run(t, n, b, next, count, ACL_OUTPUT, AT_FRAME, IP_FAMILY_6);
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

/* ip6-local-full-reassembly, ip6-full-reassembly-feature, and what goes with them; see
 * reass_node.h. What senders are told: RFC 8200 4.5, RFC 4443 3.3. */
#include "net/ip/ip6/ip6.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/reass/ip6_reass_nodes.h"
#include "net/ip/reass/reass_node.h"

/* Extensions that a fragment header may stand behind: what is behind it is not looked at. */
#define IP6_REASS_HEADERS_MAX 8

/* Not of a datagram that is whole (RFC 6946): that passes as it is. */
static bool ip6_reass_is_fragment(struct thread *t, struct buffer *b)
{
    const u8 *packet = buffer_current(b);
    u8 protocol = ((const struct ip6_header *)(const void *)packet)->protocol;
    u32 at = sizeof(struct ip6_header), length = ip6_length((const struct ip6_header *)packet);
    if (likely(protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP))
        return false;
    for (u32 k = 0; k < IP6_REASS_HEADERS_MAX && ip6_is_extension(protocol); k++) {
        if (at + 8 > length || !buffer_pull(t, b, at + 8))
            return false;
        packet = buffer_current(b);
        protocol = packet[at];
        at += (packet[at + 1] + 1u) * 8;
    }
    if (protocol != IP_PROTOCOL_IP6_FRAGMENT || at + 8 > length || !buffer_pull(t, b, at + 8))
        return false;
    const struct ip6_fragment_header *f =
        (const struct ip6_fragment_header *)((const u8 *)buffer_current(b) + at);
    b->l4_start = (i16)(b->start + (int)at);
    return be16_has(f->offset_more, 0xfff9);
}

static u64 ip6_reass_mix(const struct buffer *b, u64 seed)
{
    const struct ip6_header *h = buffer_current(b);
    const struct ip6_fragment_header *f =
        (const struct ip6_fragment_header *)(b->data + b->l4_start);
    u64 x = seed;
    for (u32 i = 0; i < sizeof(h->src) + sizeof(h->dst); i += 8) {
        x = (x ^ load_u64(h->src + i)) * 0x9e3779b97f4a7c15ull;
        x ^= x >> 29;
    }
    return (x ^ f->id.raw) * 0xbf58476d1ce4e5b9ull;
}

static bool ip6_reass_tell(struct buffer *b, enum reass_fate fate)
{
    u32 fragment_at = (u32)(b->l4_start - b->start);
    switch (fate) {
    case REASS_TIMEOUT_FIRST:
        ip6_note_icmp_error(b, ICMP6_TIME_EXCEEDED, ICMP6_REASSEMBLY_TIME_EXCEEDED, 0);
        return true;
    case REASS_ODD_LENGTH:
        ip6_note_icmp_error(b, ICMP6_PARAMETER_PROBLEM, ICMP6_BAD_FIELD,
                            offsetof(struct ip6_header, payload_length));
        return true;
    case REASS_TOO_LONG:
        ip6_note_icmp_error(b, ICMP6_PARAMETER_PROBLEM, ICMP6_BAD_FIELD,
                            fragment_at + (u32)offsetof(struct ip6_fragment_header, offset_more));
        return true;
    case REASS_NO_UPPER:
        ip6_note_icmp_error(b, ICMP6_PARAMETER_PROBLEM, ICMP6_FIRST_FRAGMENT_SHORT, 0);
        return true;
    default:
        return false;
    }
}

static const struct reass_family ip6_reass_family = {
    .error_of =
        {
            [REASS_DUPLICATE] = IP6_ERROR_REASS_DUPLICATE_FRAGMENT,
            [REASS_OVERLAP] = IP6_ERROR_REASS_OVERLAPPING_FRAGMENT,
            [REASS_MALFORMED] = IP6_ERROR_REASS_INVALID_FRAG_LEN,
            [REASS_ODD_LENGTH] = IP6_ERROR_REASS_INVALID_FRAG_SIZE,
            [REASS_TOO_LONG] = IP6_ERROR_REASS_INVALID_FRAG_LEN,
            [REASS_NO_UPPER] = IP6_ERROR_REASS_MISSING_UPPER,
            [REASS_TOO_MANY] = IP6_ERROR_REASS_FRAGMENT_CHAIN_TOO_LONG,
            [REASS_LIMIT] = IP6_ERROR_REASS_LIMIT_REACHED,
            [REASS_TIMEOUT] = IP6_ERROR_REASS_TIMEOUT,
            [REASS_TIMEOUT_FIRST] = IP6_ERROR_REASS_TIMEOUT,
            [REASS_NO_BUFFER] = IP6_ERROR_REASS_NO_BUF,
        },
    .success = IP6_ERROR_REASS_SUCCESS,
    .received = IP6_ERROR_REASS_FRAGMENTS_RCVD,
    .joined = IP6_ERROR_REASS_FRAGMENTS_REASSEMBLED,
    .congestion = IP6_ERROR_REASS_CONGESTION,
    .off = IP6_ERROR_FRAGMENT,
    .is_fragment = ip6_reass_is_fragment,
    .mix = ip6_reass_mix,
    .tell = ip6_reass_tell,
};

void NODE_FN(ip6_local_full_reassembly)(struct thread *t, struct node *n, struct buffer **b,
                                        u16 *next, u32 count)
{
    reass_come_in(&ip6_reass_family, t, n, b, next, count, REASS_LOCAL);
}

/* A feature of the arc ip6-unicast; a whole datagram begins anew at ip6-input. */
void NODE_FN(ip6_full_reassembly_feature)(struct thread *t, struct node *n, struct buffer **b,
                                          u16 *next, u32 count)
{
    reass_come_in(&ip6_reass_family, t, n, b, next, count, REASS_FEATURE);
}

void NODE_FN(ip6_local_full_reassembly_handoff)(struct thread *t, struct node *n, struct buffer **b,
                                                u16 *next, u32 count)
{
    reass_handed_over(&ip6_reass_family, t, n, b, next, count, REASS_LOCAL);
}

void NODE_FN(ip6_full_reassembly_feature_hoff)(struct thread *t, struct node *n, struct buffer **b,
                                               u16 *next, u32 count)
{
    reass_handed_over(&ip6_reass_family, t, n, b, next, count, REASS_FEATURE);
}

void NODE_FN(ip6_full_reassembly_expire_walk)(struct thread *t, struct node *n, const u32 *timers,
                                              u32 count)
{
    reass_expire(&ip6_reass_family, t, n, timers, count);
}

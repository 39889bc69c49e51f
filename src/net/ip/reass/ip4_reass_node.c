/* ip4-local-full-reassembly, ip4-full-reassembly-feature, and what goes with them; see
 * reass_node.h. */
#include "net/ip/icmp/icmp4.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/ip4/ip4_nodes.h"
#include "net/ip/reass/reass_node.h"
#include "net/packet/ip4_packet.h"

static bool ip4_reass_is_fragment(struct thread *t, struct buffer *b)
{
    const struct ip4_header *h = buffer_current(b);
    return ip4_is_fragment(h);
}

static u64 ip4_reass_mix(const struct buffer *b, u64 seed)
{
    const struct ip4_header *h = buffer_current(b);
    u64 x = (((u64)h->src.raw << 32 | h->dst.raw) ^ seed) * 0x9e3779b97f4a7c15ull;
    return (x ^ x >> 29 ^ ((u64)h->id.raw << 8 | h->protocol)) * 0xbf58476d1ce4e5b9ull;
}

static bool ip4_reass_tell(struct buffer *b, enum reass_fate fate)
{
    if (fate != REASS_TIMEOUT_FIRST)
        return false;
    ip4_note_icmp_error(b, ICMP4_TIME_EXCEEDED, ICMP4_REASSEMBLY_TIME_EXCEEDED, 0);
    return true;
}

static const struct reass_family ip4_reass_family = {
    .error_of =
        {
            [REASS_DUPLICATE] = IP4_ERROR_REASS_DUPLICATE_FRAGMENT,
            [REASS_OVERLAP] = IP4_ERROR_REASS_OVERLAP,
            [REASS_MALFORMED] = IP4_ERROR_REASS_MALFORMED_PACKET,
            [REASS_TOO_MANY] = IP4_ERROR_REASS_FRAGMENT_CHAIN_TOO_LONG,
            [REASS_LIMIT] = IP4_ERROR_REASS_LIMIT_REACHED,
            [REASS_TIMEOUT] = IP4_ERROR_REASS_TIMEOUT,
            [REASS_TIMEOUT_FIRST] = IP4_ERROR_REASS_TIMEOUT,
            [REASS_NO_BUFFER] = IP4_ERROR_REASS_NO_BUF,
        },
    .success = IP4_ERROR_REASS_SUCCESS,
    .received = IP4_ERROR_REASS_FRAGMENTS_RCVD,
    .joined = IP4_ERROR_REASS_FRAGMENTS_REASSEMBLED,
    .congestion = IP4_ERROR_REASS_CONGESTION,
    .off = IP4_ERROR_REASS_LIMIT_REACHED,
    .is_fragment = ip4_reass_is_fragment,
    .mix = ip4_reass_mix,
    .tell = ip4_reass_tell,
};

void NODE_FN(ip4_local_full_reassembly)(struct thread *t, struct node *n, struct buffer **b,
                                        u16 *next, u32 count)
{
    reass_come_in(&ip4_reass_family, t, n, b, next, count, REASS_LOCAL);
}

/* A feature of the arc ip4-unicast. A whole datagram begins anew at ip4-input: the features that
 * its fragments were to pass may have changed while they waited. */
void NODE_FN(ip4_full_reassembly_feature)(struct thread *t, struct node *n, struct buffer **b,
                                          u16 *next, u32 count)
{
    reass_come_in(&ip4_reass_family, t, n, b, next, count, REASS_FEATURE);
}

void NODE_FN(ip4_local_full_reassembly_handoff)(struct thread *t, struct node *n, struct buffer **b,
                                                u16 *next, u32 count)
{
    reass_handed_over(&ip4_reass_family, t, n, b, next, count, REASS_LOCAL);
}

void NODE_FN(ip4_full_reassembly_feature_hoff)(struct thread *t, struct node *n, struct buffer **b,
                                               u16 *next, u32 count)
{
    reass_handed_over(&ip4_reass_family, t, n, b, next, count, REASS_FEATURE);
}

void NODE_FN(ip4_full_reassembly_expire_walk)(struct thread *t, struct node *n, const u32 *timers,
                                              u32 count)
{
    reass_expire(&ip4_reass_family, t, n, timers, count);
}

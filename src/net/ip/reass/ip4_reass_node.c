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

static bool ip4_reass_tell(struct buffer *b, enum reass_fate fate)
{
    if (fate != REASS_TIMEOUT_FIRST)
        return false;
    ip4_note_icmp_error(b, ICMP4_TIME_EXCEEDED, ICMP4_REASSEMBLY_TIME_EXCEEDED, 0);
    return true;
}

static const struct reass_family ip4_reass_family = {
    .protocol = &ip4_reass_protocol,
    .success = IP4_ERROR_REASS_SUCCESS,
    .received = IP4_ERROR_REASS_FRAGMENTS_RCVD,
    .joined = IP4_ERROR_REASS_FRAGMENTS_REASSEMBLED,
    .off = IP4_ERROR_REASS_LIMIT_REACHED,
    .is_fragment = ip4_reass_is_fragment,
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

/* ip6-local-full-reassembly, ip6-full-reassembly-feature, and what goes with them; see
 * reass_node.h. What senders are told: RFC 8200 4.5, RFC 4443 3.3. */
#include "net/ip/ip6/ip6.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/reass/ip6_fragment.h"
#include "net/ip/reass/ip6_reass_nodes.h"
#include "net/ip/reass/reass_node.h"

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
    .protocol = &ip6_reass_protocol,
    .success = IP6_ERROR_REASS_SUCCESS,
    .received = IP6_ERROR_REASS_FRAGMENTS_RCVD,
    .joined = IP6_ERROR_REASS_FRAGMENTS_REASSEMBLED,
    .off = IP6_ERROR_FRAGMENT,
    .is_fragment = ip6_is_fragment,
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

/* The nodes of IPv6's virtual reassembly; see sv_reass_node.h. */
#include "net/ip/reass/ip6_fragment.h"
#include "net/ip/reass/sv_reass_node.h"

/* Of later ones it is what follows the fragment header: extensions, if the first one has any there.
 */
static bool ip6_sv_upper(const struct buffer *b, const struct reass_fragment *f, u32 *at,
                         u8 *protocol)
{
    *protocol = ip6_fragment_of(b)->protocol;
    *at = f->header_bytes;
    return f->first || ip6_upper_find(b, f->header_bytes + f->bytes, at, protocol);
}

static const struct sv_family ip6_sv_family = {
    .protocol = &ip6_reass_protocol,
    .ip = IP_FAMILY_6,
    .overlap_voids = true,
    .is_fragment = ip6_is_fragment,
    .upper = ip6_sv_upper,
};

void NODE_FN(ip6_sv_reassembly_feature)(struct thread *t, struct node *n, struct buffer **b,
                                        u16 *next, u32 count)
{
    sv_come_by(&ip6_sv_family, t, n, b, next, count, AT_IP_INPUT);
}

void NODE_FN(ip6_sv_reass_feature_hoff)(struct thread *t, struct node *n, struct buffer **b,
                                        u16 *next, u32 count)
{
    sv_sent_here(&ip6_sv_family, t, n, b, next, count, AT_IP_INPUT);
}

void NODE_FN(ip6_sv_reassembly_output_feature)(struct thread *t, struct node *n, struct buffer **b,
                                               u16 *next, u32 count)
{
    sv_come_by(&ip6_sv_family, t, n, b, next, count, AT_IP_OUTPUT);
}

void NODE_FN(ip6_sv_reass_output_feature_hoff)(struct thread *t, struct node *n, struct buffer **b,
                                               u16 *next, u32 count)
{
    sv_sent_here(&ip6_sv_family, t, n, b, next, count, AT_IP_OUTPUT);
}

void NODE_FN(ip6_sv_reassembly_expire)(struct thread *t, struct node *n, const u32 *timers,
                                       u32 count)
{
    sv_expire(&ip6_sv_family, t, n, timers, count);
}

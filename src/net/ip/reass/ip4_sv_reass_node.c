/* The nodes of IPv4's virtual reassembly; see sv_reass_node.h. */
#include "net/ip/reass/sv_reass_node.h"

static bool ip4_sv_is_fragment(struct thread *t, struct buffer *b)
{
    const struct ip4_header *h = buffer_current(b);
    return ip4_is_fragment(h);
}

static bool ip4_sv_upper(const struct buffer *b, const struct reass_fragment *f, u32 *at,
                         u8 *protocol)
{
    const struct ip4_header *h = buffer_current(b);
    *at = f->header_bytes;
    *protocol = h->protocol;
    return true;
}

static const struct sv_family ip4_sv_family = {
    .protocol = &ip4_reass_protocol,
    .ip = IP_FAMILY_4,
    .is_fragment = ip4_sv_is_fragment,
    .upper = ip4_sv_upper,
};

void NODE_FN(ip4_sv_reassembly_feature)(struct thread *t, struct node *n, struct buffer **b,
                                        u16 *next, u32 count)
{
    sv_come_by(&ip4_sv_family, t, n, b, next, count, AT_IP_INPUT);
}

void NODE_FN(ip4_sv_reass_feature_hoff)(struct thread *t, struct node *n, struct buffer **b,
                                        u16 *next, u32 count)
{
    sv_sent_here(&ip4_sv_family, t, n, b, next, count, AT_IP_INPUT);
}

void NODE_FN(ip4_sv_reassembly_output_feature)(struct thread *t, struct node *n, struct buffer **b,
                                               u16 *next, u32 count)
{
    sv_come_by(&ip4_sv_family, t, n, b, next, count, AT_IP_OUTPUT);
}

void NODE_FN(ip4_sv_reass_output_feature_hoff)(struct thread *t, struct node *n, struct buffer **b,
                                               u16 *next, u32 count)
{
    sv_sent_here(&ip4_sv_family, t, n, b, next, count, AT_IP_OUTPUT);
}

void NODE_FN(ip4_sv_reassembly_expire)(struct thread *t, struct node *n, const u32 *timers,
                                       u32 count)
{
    sv_expire(&ip4_sv_family, t, n, timers, count);
}

/* icmp6-multicast-listener: queries are given to the control thread; what other listeners report is
 * for routers of groups. Source: RFC 3810 6.2. */
#include "engine/thread.h"
#include "net/ip/icmp/icmp6.h"
#include "net/ip/nd/mld_internal.h"
#include "net/ip/nd/mld_packet.h"
#include "net/ip/neighbor/neighbor_data.h"

enum { MLD_NEXT_DROP };

static struct node *mld_counting_node(struct node *n)
{
    const struct mld *m = n->state;
    return n - n->index.i + m->input_node.i;
}

/* Whether its hop-by-hop header, which was walked through before, asks routers to look. */
static bool mld_has_alert(const struct ip6_header *h, u32 bytes)
{
    const u8 *o = (const u8 *)(h + 1);
    if (h->protocol != IP_PROTOCOL_HOP_BY_HOP || bytes < sizeof(*h) + 8)
        return false;
    u32 end = (u32)min_u64((o[1] + 1u) * 8, bytes - sizeof(*h));
    for (u32 i = 2; i + 2 <= end; i += o[i] == IP6_OPTION_PAD1 ? 1 : 2u + o[i + 1])
        if (o[i] == IP6_OPTION_ROUTER_ALERT)
            return true;
    return false;
}

/* What is wrong with a query; ICMP6_ERROR_NONE: nothing, and *q says it. */
static enum icmp6_error mld_parse(struct thread *t, struct buffer *b, struct mld_query *q)
{
    const struct ip6_header *h = buffer_current(b);
    u32 at = (u32)(b->l4_start - b->start), bytes = ip6_length(h) - at;
    if (bytes < sizeof(struct mld_header))
        return ICMP6_ERROR_LENGTH_TOO_SMALL_FOR_TYPE;
    if (!buffer_pull(t, b, at + (u32)sizeof(struct mld_header)))
        return ICMP6_ERROR_ALLOC_FAILURE;
    h = buffer_current(b);
    if (h->hop_limit != 1 || !ip6_is_link_local(h->src) || !mld_has_alert(h, at) ||
        (bytes > sizeof(struct mld_header) && bytes < MLD_QUERY_V2_BYTES))
        return ICMP6_ERROR_MLD_MALFORMED;
    const struct mld_header *query = (const struct mld_header *)((const u8 *)h + at);
    q->interface = b->rx_if;
    q->is_v1 = bytes == sizeof(*query);
    q->within_ms = mld_response_ms(query, bytes);
    memcpy(q->group, query->group, sizeof(q->group));
    return ICMP6_ERROR_NONE;
}

static u16 mld_one(struct thread *t, struct node *n, struct buffer *b)
{
    const struct icmp_header *icmp = (const struct icmp_header *)(b->data + b->l4_start);
    struct node *input = mld_counting_node(n);
    struct mld_query q = {0};
    if (if_is_none(b->rx_if) || b->flags & BUFFER_LOCAL)
        return node_drop(input, b, ICMP6_ERROR_ND_LOOPED, MLD_NEXT_DROP);
    if (icmp->type != ICMP6_LISTENER_QUERY)
        return node_drop(input, b, ICMP6_ERROR_MLD_REPORTS, MLD_NEXT_DROP);
    enum icmp6_error error = mld_parse(t, b, &q);
    if (error != ICMP6_ERROR_NONE)
        return node_drop(input, b, error, MLD_NEXT_DROP);
    if (!neighbor_may_tell(t, n) || !thread_post(t, mld_on_query, &q, sizeof(q)))
        return node_drop(input, b, ICMP6_ERROR_ND_NOT_LEARNED, MLD_NEXT_DROP);
    return node_drop(input, b, ICMP6_ERROR_MLD_QUERIES, MLD_NEXT_DROP);
}

void NODE_FN(icmp6_multicast_listener)(struct thread *t, struct node *n, struct buffer **b,
                                       u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = mld_one(t, n, b[i]);
}

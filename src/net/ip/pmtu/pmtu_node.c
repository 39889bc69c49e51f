/* ip6-icmp-packet-too-big: what routers say of packets that this switch sent. One that may be right
 * is given to the control thread. Source: RFC 8201 4. */
#include "engine/thread.h"
#include "net/ip/icmp/icmp6.h"
#include "net/ip/neighbor/neighbor_data.h"
#include "net/ip/pmtu/pmtu_internal.h"

enum { PMTU_NEXT_DROP };

/* Type, code, checksum, MTU; then as much of the packet as fits. */
struct pmtu_message {
    struct icmp_header icmp;
    be32 mtu;
    struct ip6_header packet;
    u8 begin[8];
} __attribute__((packed));

static u16 pmtu_one(struct thread *t, struct node *n, struct buffer *b)
{
    const struct path_mtu_data *d = n->state;
    u32 at = (u32)(b->l4_start - b->start);
    if (ip6_length(buffer_current(b)) < at + sizeof(struct pmtu_message) ||
        !buffer_pull(t, b, at + (u32)sizeof(struct pmtu_message)))
        return node_drop(n, b, PMTU_ERR_MALFORMED, PMTU_NEXT_DROP);
    const struct ip6_header *h = buffer_current(b);
    struct pmtu_message m;
    memcpy(&m, (const u8 *)h + at, sizeof(m));
    u32 mtu = be32_to_host(m.mtu), length = ip6_length(&m.packet);
    struct fib_index table = if_is_none(b->rx_if) ? FIB_NONE : ip6_fib_of(b->rx_if, m.packet.dst);
    if (mtu < IP6_MIN_MTU_BYTES) /* no link is so: RFC 8200 5 */
        return node_drop(n, b, PMTU_ERR_TOO_SMALL, PMTU_NEXT_DROP);
    if (fib_is_none(table) || !ip6_is_equal(m.packet.src, h->dst) || length <= mtu ||
        !path_mtu_was_sent(d, &m.packet))
        return node_drop(n, b, PMTU_ERR_NOT_SENT, PMTU_NEXT_DROP);
    if (path_mtu_of(d, table, &m.packet, UINT16_MAX) <= mtu)
        return node_drop(n, b, PMTU_ERR_NOT_SHORTER, PMTU_NEXT_DROP);
    const struct pmtu_said said = {{.table = table.i, .dst = ip6_address_of(m.packet.dst)}, mtu};
    if (!neighbor_may_tell(t, n) || !thread_post(t, pmtu_on_said, &said, sizeof(said)))
        return node_drop(n, b, PMTU_ERR_CONGESTED, PMTU_NEXT_DROP);
    return node_drop(n, b, PMTU_ERR_LEARNED, PMTU_NEXT_DROP);
}

void NODE_FN(ip6_icmp_packet_too_big)(struct thread *t, struct node *n, struct buffer **b,
                                      u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = pmtu_one(t, n, b[i]);
}

/* ip4-ping-request, ip6-ping-request: write the time into requests, whose place for it is zero.
 * ip4-icmp-echo-reply, ip6-icmp-echo-reply: give replies to the session that waits for them. */
#include "base/byteorder.h"
#include "base/clock.h"
#include "engine/thread.h"
#include "net/packet/checksum.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"
#include "plugins/ping/ping.h"

static void ping_stamp(struct icmp_echo_header *echo, u64 now_ns)
{
    store_u64(echo + 1, now_ns);
    echo->icmp.checksum =
        csum_finish(csum_add((u16)~echo->icmp.checksum.raw, echo + 1, PING_STAMP_BYTES));
}

void NODE_FN(ip4_ping_request)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    u64 now_ns = clock_ns();
    for (u32 i = 0; i < count; i++) {
        ping_stamp(ip4_payload(buffer_current(b[i])), now_ns);
        next[i] = 0;
    }
}

void NODE_FN(ip6_ping_request)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    u64 now_ns = clock_ns();
    for (u32 i = 0; i < count; i++) {
        struct ip6_header *h = buffer_current(b[i]);
        ping_stamp((struct icmp_echo_header *)(h + 1), now_ns);
        next[i] = 0;
    }
}

static bool is_waited_for(const struct ping_slots *slots, u16 id)
{
    return __atomic_load_n(&slots->active[id % PING_SESSIONS_MAX], __ATOMIC_RELAXED) ==
           (id | PING_ACTIVE);
}

/* reply: what IP's header says, payload_bytes with the ICMP header; at: where that is from the
 * current header. */
static u16 ping_replied(struct thread *t, struct node *n, struct buffer *b, u32 at,
                        struct ping_reply *reply)
{
    const struct icmp_echo_header *echo =
        (const struct icmp_echo_header *)((const u8 *)buffer_current(b) + at);
    bool stamped = b->len >= at + sizeof(*echo) + PING_STAMP_BYTES;
    reply->sent_ns = stamped ? load_u64(echo + 1) : 0;
    reply->payload_bytes -= (u32)sizeof(*echo);
    reply->rx_if = b->rx_if;
    reply->id = be16_to_host(echo->id);
    reply->seq = be16_to_host(echo->seq);
    if (!is_waited_for(n->state, reply->id))
        return node_drop(n, b, PING_ERROR_NOT_OURS, PING_NEXT_PUNT);
    if (!thread_post(t, ping_on_reply, reply, sizeof(*reply)))
        return node_drop(n, b, PING_ERROR_CONGESTED, PING_NEXT_DROP);
    buffer_free_one(t, buffer_index(b));
    node_count(n, PING_ERROR_NONE, 1);
    return NEXT_CONSUMED;
}

void NODE_FN(ip4_icmp_echo_reply)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                  u32 count)
{
    u64 now_ns = clock_ns();

    for (u32 i = 0; i < count; i++) {
        const struct ip4_header *h = buffer_current(b[i]);
        u32 at = ip4_header_bytes(h);
        struct ping_reply reply = {
            .rx_ns = now_ns,
            .src = ip_address_from_ip4(h->src),
            .payload_bytes = ip4_length(h) - at,
            .ttl = h->ttl,
            .family = IP_FAMILY_4,
        };
        next[i] = ping_replied(t, n, b[i], at, &reply);
    }
}

void NODE_FN(ip6_icmp_echo_reply)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                  u32 count)
{
    u64 now_ns = clock_ns();

    for (u32 i = 0; i < count; i++) {
        const struct ip6_header *h = buffer_current(b[i]);
        u32 at = (u32)(b[i]->l4_start - b[i]->start);
        struct ping_reply reply = {
            .rx_ns = now_ns,
            .src = ip6_address_of(h->src),
            .payload_bytes = ip6_length(h) - at,
            .ttl = h->hop_limit,
            .family = IP_FAMILY_6,
        };
        next[i] = ping_replied(t, n, b[i], at, &reply);
    }
}

/* ip4-ping-request: writes the time into requests, whose place for it is zero. ip4-icmp-echo-reply:
 * gives replies to the session that waits for them. */
#include "base/byteorder.h"
#include "base/clock.h"
#include "engine/thread.h"
#include "net/packet/ip4_packet.h"
#include "plugins/ping/ping.h"

void NODE_FN(ip4_ping_request)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    u64 now_ns = clock_ns();

    for (u32 i = 0; i < count; i++) {
        struct icmp_echo_header *echo = ip4_payload(buffer_current(b[i]));
        store_u64(echo + 1, now_ns);
        echo->icmp.checksum =
            csum_finish(csum_add((u16)~echo->icmp.checksum.raw, echo + 1, PING_STAMP_BYTES));
        next[i] = 0;
    }
}

static bool is_waited_for(const struct ping_slots *slots, u16 id)
{
    return __atomic_load_n(&slots->active[id % PING_SESSIONS_MAX], __ATOMIC_RELAXED) ==
           (id | PING_ACTIVE);
}

void NODE_FN(ip4_icmp_echo_reply)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                  u32 count)
{
    u64 now_ns = clock_ns();

    for (u32 i = 0; i < count; i++) {
        const struct ip4_header *h = buffer_current(b[i]);
        const struct icmp_echo_header *echo = ip4_payload(h);
        u32 headers_bytes = ip4_header_bytes(h) + (u32)sizeof(*echo);
        struct ping_reply reply = {
            .rx_ns = now_ns,
            .sent_ns = b[i]->len < headers_bytes + PING_STAMP_BYTES ? 0 : load_u64(echo + 1),
            .src = h->src,
            .payload_bytes = ip4_length(h) - headers_bytes,
            .rx_if = b[i]->rx_if,
            .id = be16_to_host(echo->id),
            .seq = be16_to_host(echo->seq),
            .ttl = h->ttl,
        };
        if (!is_waited_for(n->state, reply.id)) {
            next[i] = node_drop(n, b[i], PING_ERROR_NOT_OURS, PING_NEXT_PUNT);
        } else if (!thread_post(t, ping_on_reply, &reply, sizeof(reply))) {
            next[i] = node_drop(n, b[i], PING_ERROR_CONGESTED, PING_NEXT_DROP);
        } else {
            buffer_free_one(t, buffer_index(b[i]));
            next[i] = NEXT_CONSUMED;
            node_count(n, PING_ERROR_NONE, 1);
        }
    }
}

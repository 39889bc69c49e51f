/* ip4-icmp-echo-reply: gives replies to the session that waits for them. */
#include "base/clock.h"
#include "engine/thread.h"
#include "net/ip/ip4_packet.h"
#include "plugins/ping/ping.h"

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
        struct ping_reply reply = {
            .rx_ns = now_ns,
            .src = h->src,
            .payload_bytes = ip4_length(h) - ip4_header_bytes(h) - (u32)sizeof(*echo),
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

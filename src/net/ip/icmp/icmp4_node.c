/* ip4-icmp-input and ip4-icmp-echo-request; see icmp4.h. */
#include "base/clock.h"
#include "base/random.h"
#include "net/link/gso/gso.h"
#include "net/ip/icmp/icmp4.h"
#include "net/packet/ip4_packet.h"

/* local0: what this switch makes comes from there. */
#define IF_LOCAL ((struct if_index){0})

/* --- ip4-icmp-input --- */

static u16 input_one(const struct icmp4 *icmp, struct thread *t, struct node *n, struct buffer *b)
{
    const struct ip4_header *h = buffer_current(b);
    u32 header_bytes = ip4_header_bytes(h);
    u8 type;

    /* the fixed part of every message is 8 bytes */
    if (ip4_length(h) < header_bytes + sizeof(struct icmp_echo_header))
        return node_drop(n, b, ICMP4_ERROR_LENGTH_TOO_SMALL_FOR_TYPE, ICMP4_INPUT_NEXT_DROP);
    if (!buffer_pull(t, b, header_bytes + sizeof(struct icmp_echo_header)))
        return node_drop(n, b, ICMP4_ERROR_NO_BUFFER, ICMP4_INPUT_NEXT_DROP);
    h = buffer_current(b);
    b->l4_start = (i16)(b->start + (int)header_bytes);
    type = *(const u8 *)ip4_payload(h);
    u16 next = icmp->next_by_type[type];
    if (next == ICMP4_INPUT_NEXT_PUNT)
        return node_drop(n, b, ICMP4_ERROR_UNKNOWN_TYPE, next);
    return next;
}

void NODE_FN(ip4_icmp_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = input_one(n->state, t, n, b[i]);
}

/* --- ip4-icmp-echo-request --- */

enum { ECHO_NEXT_DROP, ECHO_NEXT_LOAD_BALANCE };

/* Next number of a cheap sequence that is hard to guess from outside; the node's own, per thread.
 */
static u16 next_id(struct node *n)
{
    if (!n->local[0])
        n->local[0] = clock_cycles() | 1;
    return (u16)(random_u64(&n->local[0]) >> 32);
}

/* The request becomes the reply, in place. */
static void turn_round(struct node *n, struct buffer *b)
{
    struct ip4_header *h = buffer_current(b);
    struct icmp_header *icmp = ip4_payload(h);
    struct ip_scratch *s = ip_scratch(b);
    be32 src = h->dst;

    h->dst = h->src;
    h->src = src;
    h->ttl = 64;
    h->id = be16_from_host(next_id(n));
    ip4_set_checksum(h);
    be16 from = load_be16(&icmp->type);
    icmp->type = ICMP4_ECHO_REPLY;
    icmp->checksum = csum_update16(icmp->checksum, from, load_be16(&icmp->type));

    s->lb = ip4_lookup(s->fib, h->dst);
    s->flow_hash = 0;
    s->lookups = s->tunnels = 0;
    b->flags = (b->flags & ~(u32)(BUFFER_CSUM_VALID | BUFFER_FLOW_HASH)) | BUFFER_LOCAL;
    b->rx_if = IF_LOCAL;
}

/* Whether a reply may be made of b: RFC 1122 3.2.2.6 lets requests to groups go unanswered. */
static enum icmp4_error check_request(struct buffer *b)
{
    const struct ip4_header *h = buffer_current(b);
    if (ip4_is_multicast(h->dst) || ip4_is_limited_broadcast(h->dst))
        return ICMP4_ERROR_DROP;
    if ((b->flags & BUFFER_GSO) || !csum_complete(b))
        return ICMP4_ERROR_LENGTH_TOO_SMALL_FOR_TYPE;
    return ICMP4_ERROR_NONE;
}

/* What others hold too is answered with a copy; BUFFER_NONE when there are no buffers. */
static u32 answer_copy(struct thread *t, struct node *n, const struct buffer *b)
{
    u32 bi = buffer_copy(t, b);
    if (bi == BUFFER_NONE)
        return bi;
    if (check_request(buffer_at(bi)) != ICMP4_ERROR_NONE) {
        buffer_free_one(t, bi);
        return BUFFER_NONE;
    }
    turn_round(n, buffer_at(bi));
    return bi;
}

void NODE_FN(ip4_icmp_echo_request)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                    u32 count)
{
    const struct icmp4 *icmp = n->state;
    struct node *input = n - n->index.i + icmp->input_node.i;
    u32 sent = 0;

    for (u32 i = 0; i < count; i++) {
        if (unlikely(buffer_is_shared(b[i]))) {
            u32 copy = answer_copy(t, n, b[i]);
            if (copy == BUFFER_NONE) {
                next[i] = node_drop(input, b[i], ICMP4_ERROR_NO_BUFFER, ECHO_NEXT_DROP);
                continue;
            }
            buffer_free_one(t, buffer_index(b[i]));
            node_enqueue(t, n, ECHO_NEXT_LOAD_BALANCE, &copy, 1);
            next[i] = NEXT_CONSUMED;
            sent++;
            continue;
        }
        enum icmp4_error error = check_request(b[i]);
        if (unlikely(error != ICMP4_ERROR_NONE)) {
            next[i] = node_drop(input, b[i], error, ECHO_NEXT_DROP);
            continue;
        }
        turn_round(n, b[i]);
        next[i] = ECHO_NEXT_LOAD_BALANCE;
        sent++;
    }
    node_count(input, ICMP4_ERROR_ECHO_REPLIES_SENT, sent);
}

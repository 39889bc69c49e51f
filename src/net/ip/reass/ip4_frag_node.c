/* ip4-frag: what is longer than the MTU of the adjacency that it goes by, cut up, and back to where
 * it came from.
 *
 * ip4-rewrite sends here what may be fragmented, its TTL taken down already; what must not be
 * (DF) it sends to ip4-icmp-error itself. */
#include <errno.h>

#include "engine/thread.h"
#include "net/link/gso/gso.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/reass/ip4_frag.h"
#include "net/ip/ip4/ip4_nodes.h"

enum { NEXT_DROP, NEXT_REWRITE, NEXT_MIDCHAIN };

/* Fragments on their way out. */
struct out {
    u32 bi[FRAME_PKTS];
    u32 n;
    u16 next;
};

static void ip4_frag_flush(struct thread *t, struct node *n, struct out *out)
{
    node_enqueue(t, n, out->next, out->bi, out->n);
    out->n = 0;
}

/* Back to where packets by that adjacency come from. */
static void ip4_frag_set_next(struct thread *t, struct node *n, struct out *out,
                              struct adj_head head)
{
    u16 next = head.kind == ADJ_KIND_MIDCHAIN ? NEXT_MIDCHAIN : NEXT_REWRITE;
    if (next != out->next)
        ip4_frag_flush(t, n, out);
    out->next = next;
}

static void ip4_frag_add(struct thread *t, struct node *n, struct out *out, u32 bi)
{
    struct buffer *b = buffer_at(bi);
    if (!(b->flags & BUFFER_LOCAL))
        ip_scratch(b)->tunnels = 0;
    b->flags |= BUFFER_LOCAL; /* its TTL is as it should be */
    out->bi[out->n++] = bi;
    if (out->n == FRAME_PKTS)
        ip4_frag_flush(t, n, out);
}

/* b stays the caller's. */
static enum ip_frag_error ip4_frag_cut(struct thread *t, struct node *n, const struct buffer *b,
                                       u32 mtu, struct out *out)
{
    struct ip4_frag f;
    int rc = ip4_frag_begin(&f, b, mtu);

    if (rc)
        return rc == -EMSGSIZE ? IP_FRAG_ERROR_CANT_FRAGMENT_HEADER : IP_FRAG_ERROR_MALFORMED;
    while (!ip4_frag_done(&f)) {
        u32 bi = ip4_frag_next(t, &f);
        if (bi == BUFFER_NONE)
            return IP_FRAG_ERROR_MEMORY;
        ip4_frag_add(t, n, out, bi);
        node_count(n, IP_FRAG_ERROR_FRAGMENT_SENT, 1);
    }
    return IP_FRAG_ERROR_NONE;
}

/* Segments first, then fragments of each. b stays the caller's. */
static enum ip_frag_error cut_gso(struct thread *t, struct node *n, const struct buffer *b, u32 mtu,
                                  struct out *out)
{
    u32 segments[GSO_SEGMENTS_MAX], n_segments;
    enum ip_frag_error error = IP_FRAG_ERROR_NONE;

    if (!gso_n_segments(b))
        return IP_FRAG_ERROR_MALFORMED;
    n_segments = gso_segment(t, b, segments, GSO_SEGMENTS_MAX);
    if (!n_segments)
        return IP_FRAG_ERROR_MEMORY;
    for (u32 i = 0; i < n_segments; i++) {
        const struct buffer *seg = buffer_at(segments[i]);
        if (buffer_packet_len(seg) <= mtu) {
            ip4_frag_add(t, n, out, segments[i]);
            continue;
        }
        if (error == IP_FRAG_ERROR_NONE)
            error = ip4_frag_cut(t, n, seg, mtu, out);
        buffer_free_one(t, segments[i]);
    }
    return error;
}

/* The L4 checksum is of the whole: it is made before. b stays the caller's. */
static enum ip_frag_error cut_partial(struct thread *t, struct node *n, struct buffer *b, u32 mtu,
                                      struct out *out)
{
    u32 copy = BUFFER_NONE;
    enum ip_frag_error error;

    if (b->refs > 1) {
        copy = buffer_copy(t, b);
        if (copy == BUFFER_NONE)
            return IP_FRAG_ERROR_MEMORY;
        b = buffer_at(copy);
    }
    error = csum_complete(b) ? ip4_frag_cut(t, n, b, mtu, out) : IP_FRAG_ERROR_MALFORMED;
    if (copy != BUFFER_NONE)
        buffer_free_one(t, copy);
    return error;
}

void NODE_FN(ip4_frag)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    struct out out = {.next = NEXT_REWRITE};

    for (u32 i = 0; i < count; i++) {
        struct adj_head head = adj_head(adj_at(ip_scratch(b[i])->adj.i));
        u32 mtu = head.mtu;
        ip4_frag_set_next(t, n, &out, head);
        enum ip_frag_error error = b[i]->flags & BUFFER_GSO ? cut_gso(t, n, b[i], mtu, &out)
                                   : b[i]->flags & BUFFER_CSUM_PARTIAL
                                       ? cut_partial(t, n, b[i], mtu, &out)
                                       : ip4_frag_cut(t, n, b[i], mtu, &out);
        if (error != IP_FRAG_ERROR_NONE) {
            next[i] = node_drop(n, b[i], error, NEXT_DROP);
            continue;
        }
        node_count(n, IP_FRAG_ERROR_NONE, 1);
        buffer_free_one(t, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
    ip4_frag_flush(t, n, &out);
}

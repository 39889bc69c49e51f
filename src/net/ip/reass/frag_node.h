/* ip4-frag and ip6-frag: what is longer than the MTU of the adjacency that it goes by, cut up, and
 * back to where it came from. */
#pragma once

#include <errno.h>

#include "engine/thread.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/reass/frag.h"
#include "net/link/gso/gso.h"
#include "net/packet/checksum.h"

enum {
    FRAG_NEXT_DROP,
    FRAG_NEXT_REWRITE,
    FRAG_NEXT_MIDCHAIN,
    FRAG_NEXT_MCAST,
    FRAG_NEXT_LOAD_BALANCE, /* of a path MTU: `lb` says where they go on */
    FRAG_N_NEXT
};

/* Of the protocol: begins to cut b, see frag.h. */
typedef int frag_begin(struct frag *f, struct thread *t, struct node *n, const struct buffer *b,
                       u32 mtu);

/* Fragments on their way out. */
struct frag_out {
    u32 bi[FRAME_PKTS];
    u32 n;
    u16 next;
};

static inline void frag_flush(struct thread *t, struct node *n, struct frag_out *out)
{
    node_enqueue(t, n, out->next, out->bi, out->n);
    out->n = 0;
}

/* Back to where packets by that adjacency come from. */
static inline void frag_set_next(struct thread *t, struct node *n, struct frag_out *out,
                                 struct adj_head head)
{
    u16 next = head.kind == ADJ_KIND_MIDCHAIN   ? FRAG_NEXT_MIDCHAIN
               : head.kind == ADJ_KIND_MCAST    ? FRAG_NEXT_MCAST
               : head.kind == ADJ_KIND_PATH_MTU ? FRAG_NEXT_LOAD_BALANCE
                                                : FRAG_NEXT_REWRITE;
    if (next != out->next)
        frag_flush(t, n, out);
    out->next = next;
}

static inline void frag_add(struct thread *t, struct node *n, struct frag_out *out, u32 bi)
{
    struct buffer *b = buffer_at(bi);
    if (!(b->flags & BUFFER_LOCAL))
        ip_scratch(b)->tunnels = 0;
    b->flags |= BUFFER_LOCAL; /* its TTL is as it should be */
    out->bi[out->n++] = bi;
    if (out->n == FRAME_PKTS)
        frag_flush(t, n, out);
}

/* b stays the caller's. */
static inline enum ip_frag_error frag_cut(frag_begin *begin, struct thread *t, struct node *n,
                                          const struct buffer *b, u32 mtu, struct frag_out *out)
{
    struct frag f;
    int rc = begin(&f, t, n, b, mtu);

    if (rc)
        return rc == -EMSGSIZE ? IP_FRAG_ERROR_CANT_FRAGMENT_HEADER : IP_FRAG_ERROR_MALFORMED;
    while (!frag_done(&f)) {
        u32 bi = frag_next(t, &f);
        if (bi == BUFFER_NONE)
            return IP_FRAG_ERROR_MEMORY;
        frag_add(t, n, out, bi);
        node_count(n, IP_FRAG_ERROR_FRAGMENT_SENT, 1);
    }
    return IP_FRAG_ERROR_NONE;
}

/* Segments first, then fragments of each. b stays the caller's. */
static inline enum ip_frag_error frag_cut_gso(frag_begin *begin, struct thread *t, struct node *n,
                                              const struct buffer *b, u32 mtu, struct frag_out *out)
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
            frag_add(t, n, out, segments[i]);
            continue;
        }
        if (error == IP_FRAG_ERROR_NONE)
            error = frag_cut(begin, t, n, seg, mtu, out);
        buffer_free_one(t, segments[i]);
    }
    return error;
}

/* The L4 checksum is of the whole: it is made before. b stays the caller's. */
static inline enum ip_frag_error frag_cut_partial(frag_begin *begin, struct thread *t,
                                                  struct node *n, struct buffer *b, u32 mtu,
                                                  struct frag_out *out)
{
    u32 copy = BUFFER_NONE;
    enum ip_frag_error error;

    if (buffer_is_shared(b)) {
        copy = buffer_copy(t, b);
        if (copy == BUFFER_NONE)
            return IP_FRAG_ERROR_MEMORY;
        b = buffer_at(copy);
    }
    error = csum_complete(b) ? frag_cut(begin, t, n, b, mtu, out) : IP_FRAG_ERROR_MALFORMED;
    if (copy != BUFFER_NONE)
        buffer_free_one(t, copy);
    return error;
}

/* The frag nodes. */
ALWAYS_INLINE void frag_all(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count, frag_begin *begin)
{
    struct frag_out out = {.next = FRAG_NEXT_REWRITE};

    for (u32 i = 0; i < count; i++) {
        struct adj_head head = adj_head(adj_at(ip_scratch(b[i])->adj.i));
        u32 mtu = head.mtu;
        frag_set_next(t, n, &out, head);
        enum ip_frag_error error =
            b[i]->flags & BUFFER_GSO            ? frag_cut_gso(begin, t, n, b[i], mtu, &out)
            : b[i]->flags & BUFFER_CSUM_PARTIAL ? frag_cut_partial(begin, t, n, b[i], mtu, &out)
                                                : frag_cut(begin, t, n, b[i], mtu, &out);
        if (error != IP_FRAG_ERROR_NONE) {
            next[i] = node_drop(n, b[i], error, FRAG_NEXT_DROP);
            continue;
        }
        node_count(n, IP_FRAG_ERROR_NONE, 1);
        buffer_free_one(t, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
    frag_flush(t, n, &out);
}

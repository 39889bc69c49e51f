/* Packet trace: which nodes a packet passed and what it looked like there. The engine records a hop
 * by itself for each traced packet: metadata and the first bytes, before the node ran or after
 * (node_def.trace_after); a node's format_trace turns that into VPP's words. Input nodes start
 * traces with trace_wants/trace_start. */
#pragma once

#include "engine/buffer.h"
#include "engine/node.h"

#define TRACE_BYTES 128
#define TRACE_EXTRA_BYTES 64

struct trace_record {
    u64 time_ns;
    struct node_index node;
    u32 thread;
    u32 handle;
    u32 buffer;         /* index */
    struct buffer meta; /* as it was after the node (a consumed packet: before) */
    i16 data_start;     /* meta.data's offset at which data[] begins */
    u16 data_len;
    u16 next; /* edge taken; NEXT_CONSUMED when kept or sent */
    u8 data[TRACE_BYTES];
    u8 extra[TRACE_EXTRA_BYTES]; /* what the node noted with trace_note */
};

/* How many of the next packets of this input node are to be traced; 0: the common case. */
ALWAYS_INLINE u32 trace_wants(const struct node *n)
{
    return n->traced;
}
/* Starts a trace for b and counts it against the node; does nothing when none is left. Returns
 * whether it did. */
bool trace_start(struct thread *t, struct node *n, struct buffer *b);
/* Which packets traces are about that were asked for with a filter; NULL: there is none. Control
 * thread; fn is called by data threads. */
void trace_set_filter(struct engine *e, bool (*fn)(struct thread *t, const struct buffer *b));
/* The next packets that enter through the node are traced; 0: no more. filter: of those that the
 * filter wants (trace_set_filter). -EINVAL: not an input node; -EOPNOTSUPP: there is no filter. */
int trace_capture(struct engine *e, struct node_index node, u32 count, bool filter,
                  struct error *err) MUST_CHECK;
/* Who sees each packet in front of each node that it is given to; NULL: nobody. After the call no
 * data thread is in fn that was there before. Control thread. */
typedef void trace_dispatch_fn(void *arg, struct node_index node, struct buffer **b, u32 count);
void trace_set_dispatch(struct engine *e, trace_dispatch_fn *fn, void *arg);
/* For a traced packet of an input node, which the engine does not see: records its hop, with extra.
 */
void trace_input_hop(struct thread *t, struct node *n, struct buffer *b, u16 next,
                     const void *extra, u32 bytes);
/* In an internal node: keeps extra bytes with this hop of b. Call only when b->flags &
 * BUFFER_TRACED. */
void trace_note(struct thread *t, struct buffer *b, const void *extra, u32 bytes);

/* Pools of buffers whose data is a port's: an AF_XDP UMEM, the memory of a guest or a memif peer.
 *
 * Two kinds of memory fit:
 *   own       The port has memory for all buffers, and gives its base and stride. A buffer's data
 *             stays where it is. Who frees a packet gives its buffers back to the pool, and the
 *             port takes them from there again for what it receives next.
 *   borrowed  base is NULL. The port takes a buffer and points its data at what a peer lends; when
 *             the packet is gone, release tells the port that the data may go back.
 *
 * Nodes push headers in front of a packet, and write its first bytes. So the first buffer of a
 * packet has BUFFER_HEADROOM_BYTES in front of it that may be written: a port that borrows copies
 * the beginning into a buffer of BUFFER_POOL_DEFAULT, and lets the borrowed one follow as a chain.
 * What was copied the peer cannot change any more.
 *
 * A port that goes unregisters its pool while packets are still in flight, held by reassembly or
 * by another port. gone is called when the last one came back; the memory stays until then. */
#pragma once

#include "base/error.h"
#include "engine/buffer.h"

struct engine;

struct buffer_pool_args {
    const char *name; /* `show buffers`, /buffer-pools/NAME/ in the stats segment; copied */
    u32 n_buffers;
    /* own memory: buffer i has stride_bytes from base + i * stride_bytes on; at most 64 KB */
    void *base;
    u32 stride_bytes;
    void *owner; /* for the calls below */
    /* Called for each buffer as it is freed, chain or not, before it may be taken again. Context:
     * the thread that held it last, any of the data threads or the control thread; several at the
     * same time. NULL: not called. */
    void (*release)(void *owner, struct thread *t, struct buffer *b);
    /* Context: control thread, once, after buffer_pool_unregister (and not before it returned).
     * NULL: not called. */
    void (*gone)(void *owner);
};

/* -ENOSPC: no pool or no metadata is left: the port has to copy. *pool is for buffer_alloc.
 * Context: control thread. Ownership: base stays the caller's, and must stay until gone. */
int buffer_pool_register(struct engine *e, const struct buffer_pool_args *args, u32 *pool,
                         struct error *err) MUST_CHECK;
/* Nothing is taken from the pool any more: buffer_alloc gives none. Context: control thread; waits
 * for each data thread to pass between two rounds. */
void buffer_pool_unregister(struct engine *e, u32 pool);
/* Index of the pool's first buffer: those of own memory lie in it by position. */
u32 buffer_pool_first(u32 pool);

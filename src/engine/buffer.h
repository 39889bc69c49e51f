/* Buffers: metadata and data apart.
 *
 *   metadata (struct buffer, 128 bytes, private, dense)        data (elsewhere)
 *   index 0  [ data ─────────────────────────────────────────► headroom | packet .... ]
 *   index 1  [ data ───────► ...
 *
 * An index names a buffer in frames; its address is base + index * 128. Data pages are our own (a
 * pool's), or borrowed from a port (a memif region, a guest). A peer that shares data pages never
 * sees metadata. Pools are made of untouched pages: what was never used costs no memory. Free
 * buffers are reused last-in first-out, so the touched set stays as small as the traffic needs.
 *
 * A packet longer than one buffer is a chain. The default pool has data-size bytes a buffer; the
 * "large" pool has 64 KB, for what a port receives whole (GSO). Buffers of both may be in one
 * chain.
 *
 * Source: own design; `show buffers` and the config keys follow VPP. */
#pragma once

#include "base/types.h"
#include "engine/buffer_data.h"
#include "engine/index.h"

struct thread;

/* Pools: two of our own, and those that ports register (buffer_pool.h). Context of alloc and free:
 * the thread t (data thread, or the control thread with its own).
 */
enum { BUFFER_POOL_DEFAULT = 0, BUFFER_POOL_LARGE = 1, BUFFER_POOLS_MAX = 256 };

/* Takes up to n buffers; returns how many (fewer: the pool is empty, counted there). Each has start
 * = BUFFER_HEADROOM_BYTES, refs 1, flags 0, len 0, interfaces IF_NONE. */
u32 buffer_alloc(struct thread *t, u32 pool, u32 *bi, u32 n) MUST_CHECK;
/* Gives back whole packets (chains), minding refs. */
void buffer_free(struct thread *t, const u32 *bi, u32 n);
void buffer_free_one(struct thread *t, u32 bi);

/* Appends n bytes to the packet, adding buffers of the default pool; -ENOBUFS (nothing changed). */
int buffer_append(struct thread *t, struct buffer *b, const void *bytes, u32 n) MUST_CHECK;
/* Copies n bytes at offset from the current header out of the chain; returns how many there were.
 */
u32 buffer_copy_out(const struct buffer *b, u32 offset, void *to, u32 n);
/* A copy with storage of its own; BUFFER_NONE when the pool is empty. Metadata that matters to
 * forwarding (flags, interfaces, offsets, offloads) is copied, trace is not. */
u32 buffer_copy(struct thread *t, const struct buffer *b) MUST_CHECK;
/* A buffer of its own with the first n bytes of b (n <= b->len, and up to what a small buffer holds
 * behind its headroom) and what describes the packet, trace included, but no layer's own words;
 * what follows is the caller's to add. */
u32 buffer_copy_head(struct thread *t, const struct buffer *b, u32 n) MUST_CHECK;
/* Another holder of this buffer and what follows it in the chain. false when refs are at their
 * limit. */
bool buffer_share(struct buffer *b) MUST_CHECK;
/* Makes the first `bytes` of the packet contiguous in its first buffer; false when it is shorter or
 * does not fit. */
bool buffer_pull(struct thread *t, struct buffer *b, u32 bytes) MUST_CHECK;
/* The packet, which has no fewer, ends behind its first `bytes`: buffers behind that are freed. */
void buffer_trim(struct thread *t, struct buffer *b, u32 bytes);

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

#include <string.h>

#include "base/types.h"
#include "engine/index.h"

struct thread;

#define BUFFER_NONE UINT32_MAX
#define BUFFER_HEADROOM_BYTES                                                                      \
    128 /* room before a received packet's first byte, for pushed headers */
#define BUFFER_SCRATCH_BYTES 48

/* Checksum and segmentation state follow virtio: a packet may be longer than any MTU (GSO), with
 * its L4 checksum still to be made (the field holds the pseudo-header's sum). */
enum buffer_flags {
    BUFFER_NEXT = 1 << 0, /* `next` continues the packet */
    BUFFER_TRACED = 1 << 1,
    BUFFER_CSUM_PARTIAL =
        1 << 2, /* checksum to do: sum from csum_start to the end into csum_start + csum_offset */
    BUFFER_CSUM_VALID = 1 << 3, /* a trusted port has checked the L4 checksum */
    BUFFER_GSO = 1 << 4,        /* gso_* are set; implies CSUM_PARTIAL */
    BUFFER_GSO_IP6 = 1 << 5,    /* with GSO: TCP over IPv6 (else over IPv4) */
    BUFFER_GSO_UDP = 1 << 6,    /* with GSO: UDP_L4 segmentation */
    BUFFER_LOCAL = 1 << 7,      /* made by this switch, not forwarded */
    BUFFER_IS_IP4 = 1 << 8,
    BUFFER_IS_IP6 = 1 << 9,
    BUFFER_FLOW_HASH = 1 << 10, /* flow_hash is valid */
    BUFFER_SPAN = 1 << 11,      /* a mirrored copy, which is not mirrored again */
    BUFFER_IN_FIB =
        1 << 12, /* to ip4-lookup: by another table than the interface's; see ip4_scratch */
    BUFFER_QOS = 1 << 13,        /* the bits from BUFFER_QOS_SHIFT on are valid */
    BUFFER_LINK_GROUP = 1 << 14, /* came to layer 3 in a broadcast or multicast frame */
    BUFFER_TUNNEL = 1 << 15,     /* inner_l3_start is set: one more header is in front, see there */
    BUFFER_REENTRY_SHIFT = 16,   /* 2 bits: see reenter.h */
    BUFFER_QOS_SHIFT = 18,       /* 10 bits: see net/features/qos/qos.h */
};

/* A feature on the way of packets; see feature.h. */
struct feature_step {
    u64 at;   /* arc, interface, slot, edge to it */
    u64 data; /* of the feature: given when it was enabled */
};

struct buffer {
    /* first line: what every node touches */
    u8 *data;     /* start of storage; the packet begins at data + start */
    i16 start;    /* offset of the current header from data; never below 0 for our own pools */
    u16 len;      /* bytes of the packet in this buffer from start on */
    u32 flags;    /* enum buffer_flags */
    u32 next;     /* next buffer of the chain when BUFFER_NEXT; free-list link while free */
    u32 tail_len; /* bytes in the buffers behind this one */
    struct if_index rx_if, tx_if;     /* tx_if: IF_NONE until a node decides */
    i16 l2_start, l3_start, l4_start; /* offsets from data, valid as far as parsed */
    u16 error; /* counted reason when on its way to error-drop: index within error_node's table */
    struct node_index error_node;
    u8 refs; /* holders of this buffer and what follows; with more than 1 data must not be written
              */
    u8 pool; /* index of the pool it belongs to */
    u8 gso_l4_len;     /* bytes of the L4 header, with GSO */
    u8 csum_offset;    /* with CSUM_PARTIAL */
    i16 csum_start;    /* offset from data, with CSUM_PARTIAL */
    u16 gso_size;      /* payload bytes a segment, with GSO */
    u32 trace;         /* handle when BUFFER_TRACED */
    u32 flow_hash;     /* when BUFFER_FLOW_HASH */
    u16 storage_bytes; /* storage behind data; 0 stands for 65536 */
    /* Offset from data, with BUFFER_TUNNEL: what CSUM_PARTIAL and GSO say is of the packet in a
     * tunnel, whose IP header is here; l3_start is the outer one's. All outer headers are as they
     * would be for the packet as a whole: with GSO a checksum of outer UDP is 0, or wanted in each
     * segment; with CSUM_PARTIAL alone it is right for when the inner one is made. One tunnel can
     * be told so: who puts a packet into a second one finishes what is open first. */
    i16 inner_l3_start;

    /* second line: what some nodes touch */
    struct feature_step feature CACHE_ALIGNED; /* where it is on a feature arc */
    union { /* a layer's own words from one of its nodes to the next; each layer casts to its struct
             */
        u64 align;
        u8 scratch[BUFFER_SCRATCH_BYTES];
    };
};

static_assert(sizeof(struct buffer) == 128, "two cache lines");
static_assert(offsetof(struct buffer, feature) == 64, "hot fields fill the first line");

/* The metadata array of all pools: set once, before data threads start. */
extern struct buffer *buffer_base;

ALWAYS_INLINE struct buffer *buffer_at(u32 index)
{
    return &buffer_base[index];
}

ALWAYS_INLINE u32 buffer_index(const struct buffer *b)
{
    return (u32)(b - buffer_base);
}

/* First byte of the current header. */
ALWAYS_INLINE void *buffer_current(const struct buffer *b)
{
    return b->data + b->start;
}

/* Moves the current header by n bytes (negative: makes room in front). The caller has checked the
 * room. */
ALWAYS_INLINE void buffer_advance(struct buffer *b, int n)
{
    b->start = (i16)(b->start + n);
    b->len = (u16)(b->len - n);
}

/* Bytes of the whole packet from the current header on. */
ALWAYS_INLINE u32 buffer_packet_len(const struct buffer *b)
{
    return b->len + ((b->flags & BUFFER_NEXT) ? b->tail_len : 0);
}

ALWAYS_INLINE void *buffer_scratch(struct buffer *b)
{
    return b->scratch;
}

/* Storage bytes of this buffer behind its data pointer. */
ALWAYS_INLINE u32 buffer_storage_bytes(const struct buffer *b)
{
    return b->storage_bytes ? b->storage_bytes : 65536;
}

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

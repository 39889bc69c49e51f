/* What a buffer is, and the array of all of them. Their life: buffer.h. */
#pragma once

#include "base/types.h"
#include "engine/index.h"

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
        1 << 12,          /* to ip4-lookup: by another table than the interface's; see ip_scratch */
    BUFFER_QOS = 1 << 13, /* the bits from BUFFER_QOS_SHIFT on are valid */
    BUFFER_LINK_GROUP = 1 << 14, /* came to layer 3 in a broadcast or multicast frame */
    BUFFER_TUNNEL = 1 << 15,     /* inner_l3_start is set: one more header is in front, see there */
    BUFFER_REENTRY_SHIFT = 16,   /* 2 bits: see reenter.h */
    BUFFER_QOS_SHIFT = 18,       /* 10 bits: see net/features/qos/qos.h */
    BUFFER_NATTED = 1 << 28,     /* its addresses were translated since it came in */
    BUFFER_WAS_CUT = 1 << 29,    /* came in fragments, for NAT64, which may cut it again */
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

/* Whether others hold b too: then nobody writes in it. When not, what they read is behind them. */
ALWAYS_INLINE bool buffer_is_shared(const struct buffer *b)
{
    return __atomic_load_n(&b->refs, __ATOMIC_ACQUIRE) > 1;
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

/* What a port cannot do when a packet leaves: cutting a GSO packet into segments, finishing a
 * partial checksum.
 *
 *   large packet   [ headers | payload ........................ ]   BUFFER_GSO, gso_size
 *   segments       [ headers | gso_size ] [ headers | gso_size ] [ headers | rest ]
 *
 * TCP over IPv4 and IPv6, and UDP (UDP_L4: each segment is a datagram). Where the headers are is
 * said by l3_start and csum_start; sizes come from the IP and TCP headers and are checked, because
 * the packet may come from a guest.
 *
 * With BUFFER_TUNNEL one more header is in front of what is cut, and of each segment: IP, then UDP
 * and anything (VXLAN, GENEVE with its options), GRE without sequence, or IP. Each
 * segment's outer lengths, IPv4 identifier and checksums are its own.
 *
 * Source: virtio 1.2 5.1.6.2; Linux
 * Documentation/networking/segmentation-offloads.rst for what is expected of sequence numbers,
 * flags and identifiers. */
#pragma once

#include "base/types.h"
#include "engine/buffer.h"

struct thread;

/* Segments of the packet that one call can make at most. */
#define GSO_SEGMENTS_MAX 1024

/* How many segments b makes; 0 when it is malformed, or makes more than GSO_SEGMENTS_MAX. b has
 * BUFFER_GSO. */
u32 gso_n_segments(const struct buffer *b) MUST_CHECK;

/* Cuts b, which has BUFFER_GSO, into segments with finished checksums; they are written to out_bi
 * in order and are the caller's. b is only read, and stays the caller's. Returns how many; 0, with
 * no buffer taken, when b is malformed, makes more than max, or when there are not enough buffers.
 * Context: any thread, with its own t. */
u32 gso_segment(struct thread *t, const struct buffer *b, u32 *out_bi, u32 max) MUST_CHECK;

/* Bytes of IP in the parts that gso_split makes: they fit IP's length, and a buffer of
 * BUFFER_POOL_LARGE with what is in front of IP. */
#define GSO_BYTES_MAX 65000

/* Cuts a TCP packet that is longer than IP can say (Linux calls that BIG TCP: a length of 0, or the
 * jumbo option) into parts that are packets of BUFFER_GSO themselves; otherwise as gso_segment. */
u32 gso_split(struct thread *t, const struct buffer *b, u32 *out_bi, u32 max) MUST_CHECK;

/* Makes the L4 checksum of b that BUFFER_CSUM_PARTIAL leaves open, and clears the flag. Without the
 * flag nothing is done. The packet must not be GSO. Returns: false when csum_start and csum_offset
 * do not lie in the first buffer, or when that is shared (refs > 1): the packet is as it was. */
bool csum_complete(struct buffer *b) MUST_CHECK;

/* Bytes from the current header to the end of the longest segment that the packet makes; without
 * BUFFER_GSO those of the packet. */
static inline u32 gso_longest_bytes(const struct buffer *b)
{
    if (b->flags & BUFFER_GSO)
        return (u32)(b->csum_start - b->start) + b->gso_l4_len + b->gso_size;
    return buffer_packet_len(b);
}

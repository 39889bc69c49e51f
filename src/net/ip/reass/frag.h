/* Fragmentation: one datagram, longer than a link's MTU, as several.
 *
 *     struct frag f;
 *     int rc = ip4_frag_begin(&f, b, mtu);
 *     for (u32 bi; !rc && !frag_done(&f);)
 *         if ((bi = frag_next(t, &f)) == BUFFER_NONE) ... no buffers ...
 *
 * An IPv4 datagram may itself be a fragment; its options go into every fragment when they ask for
 * it, else into the first one only. Of IPv6, only who sends cuts. Source: RFC 791 3.2, RFC 1812
 * 4.2.2.7, RFC 8200 4.5. */
#pragma once

#include "base/types.h"
#include "engine/buffer.h"
#include "net/packet/ip4_packet.h"

struct module;
struct thread;

extern const struct module ip4_frag_module, ip6_frag_module;

#define FRAG_HEADER_BYTES_MAX 128

struct frag {
    const struct buffer *b;
    u8 first_header[FRAG_HEADER_BYTES_MAX], later_header[FRAG_HEADER_BYTES_MAX];
    u32 first_header_bytes, later_header_bytes;
    u32 source_bytes;      /* of b, in front of the payload */
    u32 payload_bytes, at; /* of the datagram; the next fragment's first byte of it */
    u32 mtu;
    u16 fragment; /* IPv4: the field as it came, host order */
    /* Completes the header of a fragment of so many bytes of payload. */
    void (*finish)(const struct frag *f, void *header, u32 header_bytes, u32 bytes);
};

/* b's current header is IP's, its first buffer holds all of it, its L4 checksum is finished. b is
 * borrowed until the last frag_next. Returns: 0; -EMSGSIZE when the MTU leaves no room for 8 bytes
 * of payload; -EINVAL when lengths do not agree. */
int ip4_frag_begin(struct frag *f, const struct buffer *b, u32 mtu) MUST_CHECK;
/* id: what tells this datagram from others to the same host. */
int ip6_frag_begin(struct frag *f, const struct buffer *b, u32 mtu, u32 id) MUST_CHECK;

static inline bool frag_done(const struct frag *f)
{
    return f->at >= f->payload_bytes;
}

/* The next fragment, with b's interfaces, offsets, trace and scratch words: the caller's.
 * BUFFER_NONE when there are no buffers. */
u32 frag_next(struct thread *t, struct frag *f) MUST_CHECK;

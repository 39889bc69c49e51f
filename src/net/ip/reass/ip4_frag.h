/* Fragmentation: one datagram, longer than a link's MTU, as several.
 *
 *     struct ip4_frag f;
 *     int rc = ip4_frag_begin(&f, b, mtu);
 *     for (u32 bi; !rc && !ip4_frag_done(&f);)
 *         if ((bi = ip4_frag_next(t, &f)) == BUFFER_NONE) ... no buffers ...
 *
 * The datagram may itself be a fragment. Options go into every fragment when they ask for it, else
 * into the first one only. Source: RFC 791 3.2, RFC 1812 4.2.2.7. */
#pragma once

#include "base/types.h"
#include "engine/buffer.h"
#include "net/packet/ip4_packet.h"

struct module;
struct thread;

extern const struct module ip4_frag_module;

struct ip4_frag {
    const struct buffer *b;
    u8 first_header[IP4_HEADER_MAX_BYTES], later_header[IP4_HEADER_MAX_BYTES];
    u32 first_header_bytes, later_header_bytes;
    u32 payload_bytes, at; /* of the datagram; the next fragment's first byte of it */
    u32 mtu;
    u16 fragment; /* the field as it came, host order */
};

/* b's current header is IPv4's, its first buffer holds all of it, its L4 checksum is finished. b is
 * borrowed until the last ip4_frag_next. Returns: 0; -EMSGSIZE when the MTU leaves no room for 8
 * bytes of payload; -EINVAL when lengths do not agree. */
int ip4_frag_begin(struct ip4_frag *f, const struct buffer *b, u32 mtu) MUST_CHECK;

static inline bool ip4_frag_done(const struct ip4_frag *f)
{
    return f->at >= f->payload_bytes;
}

/* The next fragment, with b's interfaces, offsets, trace and scratch words: the caller's.
 * BUFFER_NONE when there are no buffers. */
u32 ip4_frag_next(struct thread *t, struct ip4_frag *f) MUST_CHECK;

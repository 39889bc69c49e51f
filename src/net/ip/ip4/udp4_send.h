/* Datagrams that this switch sends of itself, over IPv4: what it tells collectors. They go by the
 * routes of a table, as if they came from local0. Source: RFC 768. */
#pragma once

#include "base/byteorder.h"
#include "base/types.h"
#include "net/ip/fib/fib_data.h"

struct piste;

#define UDP4_BYTES_MAX 65507 /* of payload */

struct udp4_flow {
    be32 src, dst;
    be16 src_port, dst_port;
    struct fib_index fib;
    bool checksum; /* else 0, which says that there is none */
    u16 next_id;   /* of the IP header; the sender's to keep, since fragments go by it */
};

/* n bytes of at most UDP4_BYTES_MAX. -ENOBUFS: no buffers, or too many packets wait; nothing is
 * sent. Context: control thread. */
int udp4_send(struct piste *p, struct udp4_flow *u, const void *bytes, u32 n) MUST_CHECK;
/* How many more may wait now. */
u32 udp4_room(const struct piste *p);

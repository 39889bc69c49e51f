/* A tunnel's header: what packets are put behind on their way to a tunnel's end.
 *
 *   payload ─► ip4-midchain (L3 tunnels) or the tunnel's own node (L2) ─► encap_packet
 *                 [ outer IP | UDP, GRE ... | payload ] ─► load balance of the way to the end
 *
 * The header is a template of any length; its IP lengths and checksums, and those of a UDP header
 * behind it, are set for each packet. What is still open of a packet (segmentation, L4 checksum)
 * stays open through one tunnel (BUFFER_TUNNEL, buffer.h): the leaving port does it, or software
 * just before. Where that cannot be said (a second tunnel, a header that counts what it carries) it
 * is done before: see encap_must_cut. */
#pragma once

#include "base/error.h"
#include "engine/buffer.h"
#include "net/ip/fib/fib.h"

struct thread;

#define ENCAP_BYTES_MAX 1024

enum encap_flags {
    ENCAP_UDP_SUM = 1 << 0, /* UDP with a checksum; without it 0 (RFC 6935 for IPv6) */
    ENCAP_NUMBERS = 1 << 1, /* the header counts or sums up what it carries (GRE sequence, IPsec):
                               each packet needs one of its own, so segments are cut before */
    ENCAP_DSCP = 1 << 2,    /* the inner packet's DSCP goes to the outer header, */
    ENCAP_ECN = 1 << 3,     /* its ECN (RFC 6040 normal mode), */
    ENCAP_DF = 1 << 4,      /* and IPv4's DF */
    ENCAP_ENTROPY = 1 << 5, /* UDP's source port comes of the flow */
};

struct encap {
    u32 lb;    /* of the way to the tunnel's end */
    u32 fib;   /* the table that it is in */
    u32 via;   /* control thread: the via of that */
    u16 len;   /* bytes of the header */
    u16 udp;   /* offset of UDP in it; 0: none */
    u16 l4;    /* of what is behind IP and its extensions */
    u8 is_ip6; /* the outer header */
    u8 flags;  /* ENCAP_* */
    u8 spare[4];
    /* With the header in place and IP's words set, before a checksum of UDP is made: what is the
     * tunnel's own. NULL: nothing. payload: bytes behind the header. Data threads. */
    void (*fixup)(struct buffer *b, const struct encap *e, u32 payload);
    u64 data; /* for fixup */
    u8 header[];
};

struct encap_args {
    struct fib_track_index track; /* of the tunnel's end; stays until the encap is freed */
    const void *header;           /* begins with IPv4 or IPv6 */
    u32 len;
    u32 flags; /* ENCAP_* */
    void (*fixup)(struct buffer *b, const struct encap *e, u32 payload);
    u64 data;
};

/* -EINVAL: the header is not what it should be. Control thread. */
int encap_new(struct fib *f, const struct encap_args *args, const struct encap **out,
              struct error *e) MUST_CHECK;
/* When no data thread can still use it. */
void encap_free(struct fib *f, const struct encap *e);

/* --- data threads --- */

enum encap_error {
    ENCAP_OK,
    ENCAP_ERR_LOOP,     /* in too many tunnels */
    ENCAP_ERR_TOO_LONG, /* for its lengths */
    ENCAP_ERR_OPEN,     /* malformed: its checksum, or segments, cannot be made */
    ENCAP_ERR_NO_ROOM,  /* no buffer for what does not fit */
    ENCAP_ERR_N
};

/* Whether b has to be cut into segments first (gso_segment), each of which goes into the tunnel. */
bool encap_must_cut(const struct buffer *b, const struct encap *e) MUST_CHECK;
/* Puts b, from its current header on, behind the tunnel's. b is the caller's own (refs 1), and need
 * not be cut. f: the protocol of its current header, IP_FAMILY_N for a frame: then with BUFFER_GSO
 * or _CSUM_PARTIAL l3_start is the IP header's. hash: the flow's, which chose among ways before; 0:
 * none did. After ENCAP_OK it goes to ip4-load-balance or ip6-load-balance, or first through the
 * output of an interface; else it is as it was, or closed. */
enum encap_error encap_packet(struct thread *t, struct buffer *b, const struct encap *e,
                              enum ip_family f, u32 hash) MUST_CHECK;

/* Fragments of IPv6; see frag.h. Source: RFC 8200 4.5. */
#include <errno.h>
#include <string.h>

#include "net/ip/reass/frag.h"
#include "net/packet/ip6_packet.h"

/* Bytes of the headers that each fragment has: for all nodes on the way. *named: where the last of
 * them names the next header. 0: they are not all there. */
static u32 ip6_frag_unfragmentable(const u8 *packet, u32 n, u32 *named)
{
    u32 at = sizeof(struct ip6_header);
    *named = offsetof(struct ip6_header, protocol);
    while (packet[*named] == IP_PROTOCOL_HOP_BY_HOP || packet[*named] == IP_PROTOCOL_IP6_ROUTE) {
        if (at + 8 > n)
            return 0;
        *named = at;
        at += (packet[at + 1] + 1u) * 8;
    }
    return at <= n ? at : 0;
}

static void ip6_frag_finish(const struct frag *f, void *header, u32 header_bytes, u32 bytes)
{
    struct ip6_header *h = header;
    struct ip6_fragment_header *fh =
        (struct ip6_fragment_header *)((u8 *)header + header_bytes - sizeof(*fh));
    bool more = f->at + bytes < f->payload_bytes;
    fh->offset_more = be16_from_host((u16)(f->at | more));
    h->payload_length = be16_from_host((u16)(header_bytes - sizeof(*h) + bytes));
}

int ip6_frag_begin(struct frag *f, const struct buffer *b, u32 mtu, u32 id)
{
    const struct ip6_header *h = buffer_current(b);
    u32 length = b->len < sizeof(*h) ? 0 : ip6_length(h), named;
    u32 bytes = length ? ip6_frag_unfragmentable((const u8 *)h, b->len, &named) : 0;
    struct ip6_fragment_header fh = {.id = be32_from_host(id)};

    if (!bytes || length <= bytes || length > buffer_packet_len(b))
        return -EINVAL;
    if (bytes + sizeof(fh) > FRAG_HEADER_BYTES_MAX || mtu < bytes + sizeof(fh) + 8)
        return -EMSGSIZE;
    f->b = b;
    f->mtu = mtu;
    f->at = 0;
    f->fragment = 0;
    f->finish = ip6_frag_finish;
    f->source_bytes = bytes;
    f->payload_bytes = length - bytes;
    memcpy(f->first_header, h, bytes);
    fh.protocol = f->first_header[named];
    f->first_header[named] = IP_PROTOCOL_IP6_FRAGMENT;
    memcpy(f->first_header + bytes, &fh, sizeof(fh));
    f->first_header_bytes = f->later_header_bytes = bytes + (u32)sizeof(fh);
    memcpy(f->later_header, f->first_header, f->first_header_bytes);
    return 0;
}

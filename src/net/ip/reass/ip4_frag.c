/* Fragments of IPv4; see frag.h. */
#include "net/ip/reass/frag.h"

#include <errno.h>
#include <string.h>

/* The header of all fragments but the first: fixed part, and the options that are to be copied. */
static u32 make_later_header(u8 *out, const u8 *header, u32 header_bytes)
{
    u32 n = sizeof(struct ip4_header);

    memcpy(out, header, n);
    for (u32 i = n; i < header_bytes;) {
        u8 option = header[i];
        if (option == IP4_OPTION_END)
            break;
        if (option == IP4_OPTION_NOP) {
            i++;
            continue;
        }
        u32 bytes = i + 1 < header_bytes ? header[i + 1] : 0;
        if (bytes < 2 || bytes > header_bytes - i)
            break; /* what follows cannot be understood */
        if (option & IP4_OPTION_COPIED) {
            memcpy(out + n, header + i, bytes);
            n += bytes;
        }
        i += bytes;
    }
    while (n % 4)
        out[n++] = IP4_OPTION_END;
    out[0] = (u8)(0x40 | n / 4);
    return n;
}

static void ip4_frag_finish(const struct frag *f, void *header, u32 header_bytes, u32 bytes)
{
    struct ip4_header *h = header;
    u16 flags = f->fragment & (u16)~IP4_OFFSET_MASK;
    if (f->at + bytes < f->payload_bytes)
        flags |= IP4_MF;
    h->length = be16_from_host((u16)(header_bytes + bytes));
    h->fragment = be16_from_host((u16)(flags | ((f->fragment & IP4_OFFSET_MASK) + f->at / 8)));
    ip4_set_checksum(h);
}

int ip4_frag_begin(struct frag *f, const struct buffer *b, u32 mtu)
{
    const struct ip4_header *h = buffer_current(b);
    u32 header_bytes = ip4_header_bytes(h), length = ip4_length(h);

    if (header_bytes < sizeof(*h) || b->len < header_bytes || length <= header_bytes ||
        length > buffer_packet_len(b))
        return -EINVAL;
    if (mtu < header_bytes + 8)
        return -EMSGSIZE;
    f->b = b;
    f->mtu = mtu;
    f->at = 0;
    f->payload_bytes = length - header_bytes;
    f->fragment = be16_to_host(h->fragment);
    /* a later fragment's offset must still be one that the field can tell */
    if ((f->fragment & IP4_OFFSET_MASK) * 8u + f->payload_bytes > IP4_LENGTH_MAX_BYTES)
        return -EINVAL;
    /* all but the last of a series are multiples of 8 */
    if ((f->fragment & IP4_MF) && f->payload_bytes % 8)
        return -EINVAL;
    f->finish = ip4_frag_finish;
    f->first_header_bytes = f->source_bytes = header_bytes;
    memcpy(f->first_header, h, header_bytes);
    f->later_header_bytes = make_later_header(f->later_header, f->first_header, header_bytes);
    return 0;
}

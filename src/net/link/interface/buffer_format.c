#include "net/link/interface/buffer_format.h"

#include <stddef.h>

#include "net/packet/ip4_packet.h"

#define VPP_FLAGS_OFFSETS 0x00180000 /* offsets of layers 2 and 3 are valid: here always */

/* Our flags, VPP's of the same meaning, and the word for them. */
static const struct {
    u32 ours, vpp;
    const char *word;
} flags[] = {
    {BUFFER_TRACED, 0x1, NULL},
    {BUFFER_NEXT, 0x2 | 0x4, NULL}, /* another buffer; the length of all is known */
    {BUFFER_CSUM_VALID, 0xc0000000, "l4-cksum-computed l4-cksum-correct"},
    {BUFFER_SPAN, 0x08000000, "span-clone"},
    {BUFFER_LOCAL, 0x02000000, "local"},
    {BUFFER_IS_IP4, 0x01000000, "ip4"},
    {BUFFER_IS_IP6, 0x00800000, "ip6"},
    {BUFFER_CSUM_PARTIAL, 0x00400000, NULL}, /* buffer_format_offload */
    {BUFFER_NATTED, 0x00200000, "natted"},
    {BUFFER_QOS, 0x00008000, NULL},
    {BUFFER_GSO, 0x00004000, NULL},
};

void buffer_format(struct text *out, const struct buffer *b)
{
    text_add(out, "current data %d, length %u, buffer-pool %u, ref-count %u",
             b->start - BUFFER_HEADROOM_BYTES, b->len, b->pool, b->refs);
    if (b->flags & BUFFER_NEXT)
        text_add(out, ", totlen-nifb %u", b->tail_len);
    text_add(out, ", trace handle 0x%x", b->trace);
}

/* What is left to who sends it, in VPP's words. There an IPv4 header's sum goes with that behind
 * it; here it is right already. */
static void buffer_format_offload(struct text *out, const struct buffer *b)
{
    if (b->flags & BUFFER_IS_IP4)
        text_puts(out, "offload-ip-cksum ");
    if (b->csum_offset == offsetof(struct tcp_header, checksum))
        text_puts(out, "offload-tcp-cksum ");
    else if (b->csum_offset == offsetof(struct udp_header, checksum))
        text_puts(out, "offload-udp-cksum ");
}

void buffer_format_packet(struct text *out, const struct buffer *b)
{
    for (u32 i = 0; i < array_len(flags); i++)
        if ((b->flags & flags[i].ours) && flags[i].word)
            text_add(out, "%s ", flags[i].word);
    if (b->flags & BUFFER_CSUM_PARTIAL)
        buffer_format_offload(out, b);
    text_add(out, "l2-hdr-offset %d l3-hdr-offset %d ", b->l2_start - BUFFER_HEADROOM_BYTES,
             b->l3_start - BUFFER_HEADROOM_BYTES);
    if (b->flags & BUFFER_CSUM_PARTIAL)
        text_add(out, "l4-hdr-offset %d ", b->csum_start - BUFFER_HEADROOM_BYTES);
    if (b->flags & BUFFER_GSO)
        text_add(out, "gso gso-size %u ", b->gso_size);
}

u32 buffer_format_flags(const struct buffer *b)
{
    u32 vpp = VPP_FLAGS_OFFSETS;
    for (u32 i = 0; i < array_len(flags); i++)
        if (b->flags & flags[i].ours)
            vpp |= flags[i].vpp;
    return vpp;
}

/* Records are VPP's dispatch trace, version 1.0:
 *
 *     [ 1 ][ 0 ][ strings ][ what the bytes are ][ buffer index, big-endian ]
 *     [ node's name ][ buffer's state ][ its flags ][ "" ]  each ended by a 0, then the packet
 *
 * Data threads keep what a buffer is and where it was; the text is made when the file is written.
 * Source: VPP's documentation of it, and Wireshark's dissector `vpp'. */
#include "net/features/pcap/pcap_dispatch.h"

#include <errno.h>
#include <stdlib.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "engine/node.h"
#include "engine/thread.h"
#include "engine/trace.h"
#include "net/features/pcap/pcap_internal.h"
#include "net/link/interface/buffer_format.h"

#define PACKET_BYTES 2048 /* of a packet at most, as VPP's default */

enum { STRINGS = 4 };
enum { BYTES_ARE_ANYTHING, BYTES_ARE_ETHERNET, BYTES_ARE_IP4, BYTES_ARE_IP6 };

/* What stands in a place, in front of the packet: from its second cache line on. */
struct dispatched {
    struct buffer meta;
    u32 buffer;
    struct node_index node;
};

#define DISPATCHED_AT CACHE_LINE_BYTES
#define PLACE_BYTES                                                                                \
    (DISPATCHED_AT - (u32)sizeof(struct pcap_place) + (u32)sizeof(struct dispatched) + PACKET_BYTES)

struct pcap_dispatch {
    struct pcap_kept kept;
};

static struct pcap_dispatch *pcap_dispatch_of(const struct piste *p)
{
    return pcap_of(p)->dispatch;
}

/* --- data path --- */

static void pcap_dispatch_see(void *arg, struct node_index node, struct buffer **b, u32 count)
{
    struct pcap_dispatch *d = arg;
    u64 now = clock_ns();
    for (u32 i = 0; i < count; i++) {
        struct pcap_place *to = pcap_kept_take(&d->kept);
        if (!to)
            return;
        struct dispatched *x = (struct dispatched *)(void *)((u8 *)to + DISPATCHED_AT);
        to->time_ns = now;
        to->orig_bytes = buffer_packet_len(b[i]);
        to->incl_bytes = (u32)min_u64(to->orig_bytes, PACKET_BYTES);
        x->meta = *b[i];
        x->buffer = buffer_index(b[i]);
        x->node = node;
        buffer_copy_out(b[i], 0, (u8 *)(x + 1), to->incl_bytes);
    }
}

/* --- the file --- */

static u8 pcap_dispatch_bytes_are(const struct buffer *meta, const u8 *packet, u32 bytes)
{
    u8 version = bytes ? *packet >> 4 : 0;
    if (meta->start == meta->l2_start && bytes >= 14)
        return BYTES_ARE_ETHERNET;
    if (meta->start != meta->l3_start)
        return BYTES_ARE_ANYTHING;
    return version == 4 ? BYTES_ARE_IP4 : version == 6 ? BYTES_ARE_IP6 : BYTES_ARE_ANYTHING;
}

static const u8 *pcap_dispatch_header(void *arg, const struct pcap_place *at, struct text *out)
{
    struct engine *e = arg;
    const struct dispatched *x =
        (const struct dispatched *)(const void *)((const u8 *)at + DISPATCHED_AT);
    const u8 *packet = (const u8 *)(x + 1);
    be32 buffer = be32_from_host(x->buffer);
    text_putc(out, 1);
    text_putc(out, 0);
    text_putc(out, STRINGS);
    text_putc(out, (char)pcap_dispatch_bytes_are(&x->meta, packet, at->incl_bytes));
    text_putn(out, (const char *)&buffer, sizeof(buffer));
    text_puts(out, node_name(e, x->node));
    text_putc(out, 0);
    buffer_format(out, &x->meta);
    text_putc(out, 0);
    buffer_format_packet(out, &x->meta);
    text_putn(out, "\0", 2);
    return packet;
}

/* --- on and off --- */

int pcap_dispatch_start(struct piste *p, const struct pcap_dispatch_args *args, struct error *e)
{
    if (pcap_dispatch_of(p))
        return error_set(e, EALREADY, "dispatch trace already enabled...");
    struct pcap_dispatch *d = mem_alloc(sizeof(*d));
    int rc =
        pcap_kept_init(&d->kept, args->max_packets, PLACE_BYTES, args->file, "dispatch.pcap", e);
    if (rc) {
        free(d);
        return rc;
    }
    pcap_of(p)->dispatch = d;
    trace_set_dispatch(engine_of(p), pcap_dispatch_see, d);
    return 0;
}

void pcap_dispatch_forget(struct piste *p)
{
    struct pcap_dispatch *d = pcap_dispatch_of(p);
    if (!d)
        return;
    trace_set_dispatch(engine_of(p), NULL, NULL);
    pcap_kept_fini(&d->kept);
    free(d);
    pcap_of(p)->dispatch = NULL;
}

int pcap_dispatch_stop(struct piste *p, struct pcap_dispatch_status *status, struct error *e)
{
    struct pcap_dispatch *d = pcap_dispatch_of(p);
    if (!d)
        return error_set(e, EALREADY, "dispatch trace already disabled...");
    trace_set_dispatch(engine_of(p), NULL, NULL);
    pcap_dispatch_get_status(p, status);
    int rc = status->packets ? pcap_kept_write(&d->kept, PCAP_LINK_VPP_DISPATCH,
                                               pcap_dispatch_header, engine_of(p), e)
                             : error_set(e, ENODATA, "No packets captured...");
    pcap_dispatch_forget(p);
    return rc;
}

void pcap_dispatch_get_status(const struct piste *p, struct pcap_dispatch_status *out)
{
    const struct pcap_dispatch *d = pcap_dispatch_of(p);
    *out = (struct pcap_dispatch_status){.on = d != NULL};
    if (!d)
        return;
    out->packets = pcap_kept_count(&d->kept);
    out->max_packets = d->kept.max_packets;
    memcpy(out->path, d->kept.path, sizeof(out->path));
}

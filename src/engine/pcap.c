/* Threat: a file is anybody's. Every length is checked against what is left before it is used. */
#include "engine/pcap.h"

#include <errno.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "engine/pcapng.h"

#define MAGIC_US 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du
#define SNAP_BYTES 65536u

static u32 pcap_swap32(u32 x)
{
    return __builtin_bswap32(x);
}

static u32 pcap_get32(const struct pcap_reader *r, size_t at)
{
    u32 x = load_u32(r->data + at);
    return r->swapped ? pcap_swap32(x) : x;
}

int pcap_read_start(struct pcap_reader *r, const void *data, size_t size, struct error *e)
{
    *r = (struct pcap_reader){.data = data, .size = size};
    if (size < PCAP_HEADER_BYTES)
        return error_set(e, EINVAL, "not a pcap file: shorter than its header");
    u32 magic = load_u32(data);
    if (magic == pcap_swap32(MAGIC_US) || magic == pcap_swap32(MAGIC_NS)) {
        r->swapped = true;
        magic = pcap_swap32(magic);
    }
    if (magic == PCAPNG_MAGIC) {
        r->next_generation = true;
        return 0;
    }
    if (magic != MAGIC_US && magic != MAGIC_NS)
        return error_set(e, EINVAL, "not a pcap file");
    r->nanoseconds = magic == MAGIC_NS;
    r->link_type = pcap_get32(r, 20) & 0xffff; /* above are flags about frame check sequences */
    r->at = PCAP_HEADER_BYTES;
    return 0;
}

int pcap_read_next(struct pcap_reader *r, struct pcap_record *out, struct error *e)
{
    size_t left = r->size - r->at;
    if (r->next_generation)
        return pcapng_read_next(r, out, e);
    if (!left)
        return 0;
    if (left < PCAP_RECORD_HEADER_BYTES)
        return error_set(e, EINVAL, "pcap file ends within a record's header");
    u64 fraction = pcap_get32(r, r->at + 4);
    *out = (struct pcap_record){
        .data = r->data + r->at + PCAP_RECORD_HEADER_BYTES,
        .incl_bytes = pcap_get32(r, r->at + 8),
        .orig_bytes = pcap_get32(r, r->at + 12),
        .time_ns =
            pcap_get32(r, r->at) * NS_PER_SEC + fraction * (r->nanoseconds ? 1 : NS_PER_USEC),
    };
    if (out->incl_bytes > left - PCAP_RECORD_HEADER_BYTES)
        return error_set(e, EINVAL, "pcap file ends within a packet");
    r->at += PCAP_RECORD_HEADER_BYTES + out->incl_bytes;
    return 1;
}

void pcap_put_header(u8 to[PCAP_HEADER_BYTES], enum pcap_link link_type)
{
    memset(to, 0, PCAP_HEADER_BYTES);
    store_u32(to, MAGIC_US);
    store_u16(to + 4, 2);
    store_u16(to + 6, 4);
    store_u32(to + 16, SNAP_BYTES);
    store_u32(to + 20, link_type);
}

void pcap_put_record_header(u8 to[PCAP_RECORD_HEADER_BYTES], u64 time_ns, u32 incl_bytes,
                            u32 orig_bytes)
{
    store_u32(to, (u32)(time_ns / NS_PER_SEC));
    store_u32(to + 4, (u32)(time_ns % NS_PER_SEC / NS_PER_USEC));
    store_u32(to + 8, incl_bytes);
    store_u32(to + 12, orig_bytes);
}

/* Reads pcapng files, Wireshark's default format: sections of blocks, each section in a byte order
 * of its own.
 *
 *     block [ type ][ bytes of all of it ][ body, padded to 4 bytes ][ bytes, again ]
 *
 * Blocks that are not of use here are passed over. Threat: a file is anybody's. Every length is
 * checked against what is left before it is used. Source: draft-ietf-opsawg-pcapng. */
#include "engine/pcapng.h"

#include <errno.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "base/wide.h"

#define ORDER_MAGIC 0x1a2b3c4du

enum {
    BLOCK_SECTION = PCAPNG_MAGIC,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 2, /* obsolete, and still found */
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_ENHANCED_PACKET = 6,
};
enum { OPTION_END = 0, OPTION_TIME_RESOLUTION = 9, OPTION_TIME_OFFSET = 14 };
enum { BLOCK_BYTES_MIN = 12, BLOCK_HEADER_BYTES = 8, OPTION_HEADER_BYTES = 4 };

/* The body of a block. */
struct body {
    u32 type;
    const u8 *data;
    size_t bytes;
};

static u32 pcapng_u32(const struct pcap_reader *r, const u8 *p)
{
    u32 x = load_u32(p);
    return r->swapped ? __builtin_bswap32(x) : x;
}

static u16 pcapng_u16(const struct pcap_reader *r, const u8 *p)
{
    u16 x = load_u16(p);
    return r->swapped ? __builtin_bswap16(x) : x;
}

static u64 pcapng_u64(const struct pcap_reader *r, const u8 *p)
{
    u64 x = load_u64(p);
    return r->swapped ? __builtin_bswap64(x) : x;
}

/* A section's header says in which order its own length is. */
static int pcapng_section(struct pcap_reader *r, const u8 *block, size_t left, struct error *e)
{
    if (left < BLOCK_BYTES_MIN)
        return error_set(e, EINVAL, "pcapng file ends within a block");
    u32 magic = load_u32(block + BLOCK_HEADER_BYTES);
    if (magic != ORDER_MAGIC && magic != __builtin_bswap32(ORDER_MAGIC))
        return error_set(e, EINVAL, "not a pcapng file: a section without its byte order");
    r->swapped = magic != ORDER_MAGIC;
    r->n_interfaces = 0;
    return 0;
}

/* The next block: 1; 0 at the end. */
static int pcapng_block(struct pcap_reader *r, struct body *out, struct error *e)
{
    size_t left = r->size - r->at;
    const u8 *block = r->data + r->at;
    if (!left)
        return 0;
    if (left < BLOCK_BYTES_MIN)
        return error_set(e, EINVAL, "pcapng file ends within a block");
    int rc = load_u32(block) == BLOCK_SECTION ? pcapng_section(r, block, left, e) : 0;
    if (rc)
        return rc;
    u32 bytes = pcapng_u32(r, block + 4);
    if (bytes < BLOCK_BYTES_MIN || bytes % 4)
        return error_set(e, EINVAL, "pcapng block of %u bytes", bytes);
    if (bytes > left)
        return error_set(e, EINVAL, "pcapng file ends within a block");
    *out = (struct body){pcapng_u32(r, block), block + BLOCK_HEADER_BYTES, bytes - BLOCK_BYTES_MIN};
    r->at += bytes;
    return 1;
}

static void pcapng_option(struct pcap_reader *r, struct pcapng_interface *f, u16 code,
                          const u8 *value, u16 bytes)
{
    if (code == OPTION_TIME_RESOLUTION && bytes == 1)
        f->resolution = *value;
    if (code == OPTION_TIME_OFFSET && bytes == 8)
        f->offset_s = pcapng_u64(r, value);
}

static int pcapng_interface(struct pcap_reader *r, const struct body *b, struct error *e)
{
    if (b->bytes < 8)
        return error_set(e, EINVAL, "pcapng interface of %zu bytes", b->bytes);
    if (r->n_interfaces == PCAPNG_INTERFACES_MAX)
        return error_set(e, EINVAL, "pcapng section with more than %u interfaces",
                         PCAPNG_INTERFACES_MAX);
    struct pcapng_interface *f = &r->interfaces[r->n_interfaces++];
    *f = (struct pcapng_interface){.link_type = pcapng_u16(r, b->data),
                                   .snap_bytes = pcapng_u32(r, b->data + 4),
                                   .resolution = 6};
    if (r->n_interfaces == 1)
        r->link_type = f->link_type;
    for (size_t at = 8; b->bytes - at >= OPTION_HEADER_BYTES;) {
        u16 code = pcapng_u16(r, b->data + at), bytes = pcapng_u16(r, b->data + at + 2);
        at += OPTION_HEADER_BYTES;
        if (code == OPTION_END)
            break;
        if (bytes > b->bytes - at)
            return error_set(e, EINVAL, "pcapng interface ends within an option");
        pcapng_option(r, f, code, b->data + at, bytes);
        size_t padded = (bytes + 3u) & ~3u;
        at += padded < b->bytes - at ? padded : b->bytes - at;
    }
    return 0;
}

/* Nanoseconds since 1970. */
static u64 pcapng_time_ns(const struct pcapng_interface *f, u64 time)
{
    u32 power = f->resolution & 0x7f;
    u64 ns = 0;
    if (f->resolution & 0x80) {
        if (power < 64)
            ns = (time >> power) * NS_PER_SEC +
                 wide_shift_right(wide_mul(time & ((1ull << power) - 1), NS_PER_SEC), power);
    } else {
        for (; power < 9; power++)
            time *= 10;
        for (; power > 9 && time; power--)
            time /= 10;
        ns = time;
    }
    return ns + f->offset_s * NS_PER_SEC;
}

/* A packet whose data and lengths stand behind header_bytes; interface: its number. */
static int pcapng_packet(const struct pcap_reader *r, const struct body *b, u32 interface, u64 time,
                         u32 incl_bytes, u32 orig_bytes, size_t header_bytes,
                         struct pcap_record *out, struct error *e)
{
    if (interface >= r->n_interfaces)
        return error_set(e, EINVAL, "pcapng packet of interface %u of %u", interface,
                         r->n_interfaces);
    if (incl_bytes > b->bytes - header_bytes)
        return error_set(e, EINVAL, "pcapng block ends within a packet");
    *out = (struct pcap_record){
        .data = b->data + header_bytes,
        .incl_bytes = incl_bytes,
        .orig_bytes = orig_bytes,
        .time_ns = pcapng_time_ns(&r->interfaces[interface], time),
    };
    return 1;
}

static int pcapng_long_packet(const struct pcap_reader *r, const struct body *b,
                              struct pcap_record *out, struct error *e)
{
    if (b->bytes < 20)
        return error_set(e, EINVAL, "pcapng packet of %zu bytes", b->bytes);
    const u8 *p = b->data;
    u32 interface = b->type == BLOCK_PACKET ? pcapng_u16(r, p) : pcapng_u32(r, p);
    u64 time = (u64)pcapng_u32(r, p + 4) << 32 | pcapng_u32(r, p + 8);
    return pcapng_packet(r, b, interface, time, pcapng_u32(r, p + 12), pcapng_u32(r, p + 16), 20,
                         out, e);
}

/* One without a time: how much of it is there follows from the interface's limit. */
static int pcapng_simple_packet(const struct pcap_reader *r, const struct body *b,
                                struct pcap_record *out, struct error *e)
{
    if (b->bytes < 4)
        return error_set(e, EINVAL, "pcapng packet of %zu bytes", b->bytes);
    u32 orig_bytes = pcapng_u32(r, b->data), limit = r->interfaces[0].snap_bytes;
    u32 incl_bytes = r->n_interfaces && limit && limit < orig_bytes ? limit : orig_bytes;
    return pcapng_packet(r, b, 0, 0, incl_bytes, orig_bytes, 4, out, e);
}

int pcapng_read_next(struct pcap_reader *r, struct pcap_record *out, struct error *e)
{
    struct body b = {0};
    int rc;
    while ((rc = pcapng_block(r, &b, e)) == 1) {
        if (b.type == BLOCK_ENHANCED_PACKET || b.type == BLOCK_PACKET)
            return pcapng_long_packet(r, &b, out, e);
        if (b.type == BLOCK_SIMPLE_PACKET)
            return pcapng_simple_packet(r, &b, out, e);
        if (b.type == BLOCK_INTERFACE && (rc = pcapng_interface(r, &b, e)) != 0)
            return rc;
    }
    return rc;
}

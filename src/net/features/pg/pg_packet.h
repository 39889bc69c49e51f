/* What the packets of a stream look like: a template, the fields that change from packet to packet,
 * and the checksums that follow from them. Made once from text (pg_data.c), so that a packet costs
 * a copy, a few stores, and a sum over the words that changed.
 *
 *     bytes   [ headers with the lowest values .... | payload, zeros up to max_bytes ]
 *     fields        ^at            ^at                    written in order, then
 *     sums             ^field                             from base + the words that fields wrote
 *
 * A sum's base holds what never changes: the template's own bytes without the words that fields
 * write. */
#pragma once

#include "base/byteorder.h"
#include "base/error.h"
#include "base/types.h"
#include "base/vec.h"
#include "net/packet/checksum.h"

#define PG_HEADERS_MAX_BYTES 256 /* all fields and sums lie within: always in the first buffer */
#define PG_PACKET_MAX_BYTES 65535u
#define PG_SUM_WORDS_MAX 48

enum pg_field_kind {
    PG_FIELD_INCREMENT,
    PG_FIELD_RANDOM,
    PG_FIELD_LENGTH, /* bytes from `span` on to the packet's end; written where sizes vary */
};

struct pg_field {
    u16 at;
    u8 bytes; /* of the word that holds it: 1, 2, 4; or 6, 16 for addresses */
    u8 shift;
    enum pg_field_kind kind;
    u32 mask;      /* of the word, in place, for up to 4 bytes */
    u64 low, high; /* the lowest value; high: the upper 8 bytes of 16 */
    u64 span;      /* values are low to low + span; a length: where it counts from */
    u64 now;       /* data thread's: next of an increment, from low */
};

enum pg_sum_kind {
    PG_SUM_PLAIN,
    PG_SUM_UDP,     /* 0 is sent as 0xffff */
    PG_SUM_PARTIAL, /* only the pseudo-header, not inverted: somebody else completes it */
};

struct pg_sum {
    enum pg_sum_kind kind;
    u16 field;        /* where it goes */
    u16 from;         /* first byte covered */
    u16 to;           /* behind the last one; 0: the packet's end */
    u16 addresses;    /* pseudo-header: where source and destination lie */
    u8 address_bytes; /* of both; 0: no pseudo-header */
    u8 protocol;
    u8 n_words;
    u16 words[PG_SUM_WORDS_MAX]; /* offsets of words that fields write */
    u64 base;
};

/* A header, or the payload: what `show packet-generator verbose` tells. */
struct pg_group {
    u16 at;
    u32 bytes;
    const char *edit_function; /* VPP's name for what is done per packet; NULL: nothing */
};

struct pg_packet {
    u8 *bytes; /* owned, padded with zeros to whole cache lines */
    u32 min_bytes, max_bytes;
    u32 header_bytes; /* least size of a packet: all headers, with the payload as it was at creation
                       */
    u32 l3, l4;       /* where these headers start; 0 for l4: none. The innermost ones */
    u8 l4_protocol;
    bool is_ip6;
    VEC(struct pg_field) fields; /* lengths at the end */
    u32 n_lengths;
    VEC(struct pg_sum) sums;
    VEC(struct pg_group) groups;
};

/* What the text starts with. */
enum pg_start { PG_START_ETHERNET, PG_START_ARP, PG_START_IP4, PG_START_IP6, PG_START_MPLS };

/* Makes a packet of max_bytes of the text within `data { }`. -EINVAL: k is empty then. */
int pg_packet_parse(struct pg_packet *k, enum pg_start start, const char *text, u32 max_bytes,
                    struct error *e) MUST_CHECK;
/* Sizes from now on; min_bytes is at least header_bytes. The data thread does not use k. */
void pg_packet_set_sizes(struct pg_packet *k, u32 min_bytes, u32 max_bytes);
/* The L4 checksum, if it is ours to make, is left to who sends the packet: only the pseudo-header's
 * sum is put there. Returns its offset within the L4 header; 0: there is none. */
u8 pg_packet_leave_l4_sum(struct pg_packet *k);
/* Increments start anew. */
void pg_packet_rewind(struct pg_packet *k);
void pg_packet_free(struct pg_packet *k);

/* ---- data path ---- */

struct pg_random {
    u64 state; /* never 0 */
};

/* xorshift64*: good enough for addresses. */
ALWAYS_INLINE u64 pg_random_next(struct pg_random *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * 0x2545f4914f6cdd1dull;
}

/* 0 to span. */
ALWAYS_INLINE u64 pg_random_within(struct pg_random *r, u64 span)
{
    u64 x = pg_random_next(r);
    return span == UINT64_MAX ? x : x % (span + 1);
}

/* Writes the value low + offset. bytes: f->bytes, a constant where it is known. */
ALWAYS_INLINE void pg_field_write_as(const struct pg_field *f, u32 bytes, u8 *packet, u64 offset)
{
    u8 *p = packet + f->at;
    u64 v = f->low + offset;
    switch (bytes) {
    case 1:
        *p = (u8)((*p & ~f->mask) | (v << f->shift & f->mask));
        break;
    case 2:
        put_be16(p, (u16)((get_be16(p) & ~f->mask) | (v << f->shift & f->mask)));
        break;
    case 4:
        put_be32(p, (u32)((get_be32(p) & ~f->mask) | (v << f->shift & f->mask)));
        break;
    case 6:
        put_be16(p, (u16)(v >> 32));
        put_be32(p + 2, (u32)v);
        break;
    default:
        put_be64(p, f->high + (v < offset));
        put_be64(p + 8, v);
        break;
    }
}

ALWAYS_INLINE void pg_field_write(const struct pg_field *f, u8 *packet, u64 offset)
{
    pg_field_write_as(f, f->bytes, packet, offset);
}

/* Offset of the next value. */
ALWAYS_INLINE u64 pg_field_next(struct pg_field *f, struct pg_random *r)
{
    if (f->kind == PG_FIELD_RANDOM)
        return pg_random_within(r, f->span);
    u64 now = f->now;
    f->now = now == f->span ? 0 : now + 1;
    return now;
}

/* Fields and sums of one packet, of any size. */
ALWAYS_INLINE void pg_fields_write(struct pg_packet *k, u8 *packet, u32 size, struct pg_random *r)
{
    u32 n = k->fields.n - (k->min_bytes == k->max_bytes ? k->n_lengths : 0);
    for (u32 i = 0; i < n; i++) {
        struct pg_field *f = &k->fields.v[i];
        u64 offset = f->kind == PG_FIELD_LENGTH ? size - f->span : pg_field_next(f, r);
        pg_field_write(f, packet, offset);
    }
}

ALWAYS_INLINE void pg_sum_write(const struct pg_sum *s, u64 sum, u8 *packet)
{
    for (u32 w = 0; w < s->n_words; w++)
        sum += load_u16(packet + s->words[w]);
    be16 c = s->kind == PG_SUM_PARTIAL ? (be16){csum_fold(sum)}
             : s->kind == PG_SUM_UDP   ? csum_finish_udp(sum)
                                       : csum_finish(sum);
    store_be16(packet + s->field, c);
}

ALWAYS_INLINE void pg_sums_write(const struct pg_packet *k, u8 *packet, u32 size)
{
    for (u32 i = 0; i < k->sums.n; i++) {
        const struct pg_sum *s = &k->sums.v[i];
        u64 sum = s->base;
        if (k->min_bytes != k->max_bytes && !s->to) {
            if (s->address_bytes)
                sum += be32_from_host(size - s->from).raw;
            if (s->kind != PG_SUM_PARTIAL)
                sum = csum_add(sum, k->bytes + s->from, size - s->from);
        }
        pg_sum_write(s, sum, packet);
    }
}

#define PG_BLOCK 16

/* The same for up to PG_BLOCK packets of a fixed size: a field at a time, so that what it is like
 * is decided once for all of them; sums that no field goes into are in the template. */
ALWAYS_INLINE void pg_block_write(struct pg_packet *k, u8 **packets, u32 n, struct pg_random *r)
{
    u64 offsets[PG_BLOCK];
    for (u32 i = 0; i < k->fields.n - k->n_lengths; i++) {
        struct pg_field *f = &k->fields.v[i];
        for (u32 j = 0; j < n; j++)
            offsets[j] = pg_field_next(f, r);
        switch (f->bytes) {
        case 2:
            for (u32 j = 0; j < n; j++)
                pg_field_write_as(f, 2, packets[j], offsets[j]);
            break;
        case 4:
            for (u32 j = 0; j < n; j++)
                pg_field_write_as(f, 4, packets[j], offsets[j]);
            break;
        case 6:
            for (u32 j = 0; j < n; j++)
                pg_field_write_as(f, 6, packets[j], offsets[j]);
            break;
        default:
            for (u32 j = 0; j < n; j++)
                pg_field_write(f, packets[j], offsets[j]);
            break;
        }
    }
    for (u32 i = 0; i < k->sums.n; i++) {
        const struct pg_sum *s = &k->sums.v[i];
        for (u32 j = 0; s->n_words && j < n; j++)
            pg_sum_write(s, s->base, packets[j]);
    }
}

/* Whether every packet is the template. */
ALWAYS_INLINE bool pg_packet_is_constant(const struct pg_packet *k)
{
    return k->min_bytes == k->max_bytes && k->fields.n == k->n_lengths;
}

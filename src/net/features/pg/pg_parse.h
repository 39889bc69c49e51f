/* What the files that read `data { }` share: pg_data.c (the chain, layers 2 and 3), pg_data_l4.c,
 * and pg_value.c (words, numbers, addresses, and where they go). Functions that return bool say
 * whether the text was as expected; when not, the whole of it is refused. */
#pragma once

#include "base/types.h"
#include "base/vec.h"
#include "net/features/pg/pg_packet.h"

#define PG_WORD_BYTES 64

/* What an IP header tells those that follow. */
struct pg_ip {
    u32 end; /* of what its length says, when that was given; 0: the packet's */
    u8 address_at, address_bytes;
    u8 protocol;
};

struct pg_parse {
    const char *p;
    struct pg_packet *k;
    u8 header[PG_HEADERS_MAX_BYTES];
    u32 at; /* bytes of headers so far */
    u32 max_bytes;
    u8 *payload; /* owned */
    u32 payload_bytes;
    bool has_payload;
    struct pg_ip ip;
    VEC(struct pg_field) lengths;
    u16 length_at[4]; /* IP length fields that follow the size at creation */
    u16 length_from[4];
    u32 n_ip_lengths;
};

struct pg_value {
    enum { PG_VALUE_FIXED, PG_VALUE_INCREMENT, PG_VALUE_RANDOM } kind;
    u64 low, high, span;
};

/* --- pg_value.c --- */

void pg_skip(struct pg_parse *s);
bool pg_is_word_char(char c);
/* The keyword, whole. */
bool pg_take(struct pg_parse *s, const char *word);
bool pg_take_sign(struct pg_parse *s, const char *sign);
bool pg_take_word(struct pg_parse *s, char word[PG_WORD_BYTES]);
/* Decimal or 0x. */
bool pg_take_number(struct pg_parse *s, u64 max, u64 *out);
/* A number or a range of them. */
bool pg_take_value(struct pg_parse *s, u64 max, struct pg_value *v);
/* Room for a header; false when there are too many. */
bool pg_add_header(struct pg_parse *s, u32 bytes, u32 *at);
/* Of the header added last. */
struct pg_group *pg_last_group(struct pg_parse *s);
/* Puts a value into the word of `bytes` bytes at `at`, whose lowest bit is at `shift`. */
bool pg_put(struct pg_parse *s, u32 at, u8 bytes, u8 shift, u32 width, const struct pg_value *v);
/* Takes one from the text and puts it: a number of `width` bits, an address. */
bool pg_put_number(struct pg_parse *s, u32 at, u8 bytes, u8 shift, u32 width);
bool pg_put_mac(struct pg_parse *s, u32 at);
bool pg_put_ip4(struct pg_parse *s, u32 at);
bool pg_put_ip6(struct pg_parse *s, u32 at);
/* NULL: too many. */
struct pg_sum *pg_add_sum(struct pg_parse *s, u32 field, u32 from, u32 to);

/* --- pg_data.c --- */

bool pg_parse_payload(struct pg_parse *s);

/* --- pg_data_l4.c: a header and the payload behind it --- */

bool pg_parse_udp(struct pg_parse *s);
bool pg_parse_tcp(struct pg_parse *s);
bool pg_parse_icmp(struct pg_parse *s, bool is_ip6);

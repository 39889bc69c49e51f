/* Addresses and prefixes of both IP versions, in as many bytes as the longer ones need: for what is
 * few (next hops, neighbours, addresses of interfaces), and to be handed over. */
#pragma once

#include <string.h>

#include "base/byteorder.h"
#include "base/types.h"

/* Numbers are those of the binary API. */
enum ip_family { IP_FAMILY_4, IP_FAMILY_6, IP_FAMILY_N };

#define IP4_ADDRESS_BITS 32
#define IP6_ADDRESS_BITS 128

/* Bytes as in packets. An IPv4 address is in the first four, and the others are 0: two addresses of
 * a family are the same when all bytes are. */
struct ip_address {
    union {
        u8 bytes[16];
        be32 ip4;
        u32 words[4];
    };
};

/* As an address of an interface it keeps its host bits; else they are 0. */
struct ip_prefix {
    struct ip_address addr;
    u8 family; /* enum ip_family */
    u8 len;
    u8 spare[2]; /* 0 */
};

static_assert(sizeof(struct ip_address) == 16 && sizeof(struct ip_prefix) == 20, "no padding");

/* Of what only says whether it is the younger one. */
static inline enum ip_family ip_family_of(bool is_ip6)
{
    return is_ip6 ? IP_FAMILY_6 : IP_FAMILY_4;
}

static inline u8 ip_family_bits(enum ip_family f)
{
    return f == IP_FAMILY_4 ? IP4_ADDRESS_BITS : IP6_ADDRESS_BITS;
}

static inline struct ip_address ip_address_from_ip4(be32 a)
{
    struct ip_address x = {{{0}}}; /* all of the union: addresses are compared whole */
    x.ip4 = a;
    return x;
}

/* The address of a message or command, of which only the family's bytes count. */
static inline struct ip_address ip_address_from_bytes(enum ip_family f, const u8 *bytes)
{
    struct ip_address a = {{{0}}};
    memcpy(a.bytes, bytes, ip_family_bits(f) / 8);
    return a;
}

static inline bool ip_address_equal(const struct ip_address *a, const struct ip_address *b)
{
    return !memcmp(a, b, sizeof(*a));
}

static inline bool ip_address_is_zero(const struct ip_address *a)
{
    return !(a->words[0] | a->words[1] | a->words[2] | a->words[3]);
}

/* Order of addresses of a family. */
static inline int ip_address_compare(const struct ip_address *a, const struct ip_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* Clears the bits behind the first `len`. */
static inline struct ip_address ip_address_mask(const struct ip_address *a, u32 len)
{
    struct ip_address m = {{{0}}};
    for (u32 i = 0; i < 4 && len; i++) {
        u32 bits = len < 32 ? len : 32;
        m.words[i] = a->words[i] & be32_from_host(~0u << (32 - bits)).raw;
        len -= bits;
    }
    return m;
}

/* Sets the bits behind the first `len`, up to the family's length: the last address of a prefix. */
static inline struct ip_address ip_address_last(enum ip_family f, const struct ip_address *a,
                                                u32 len)
{
    struct ip_address last = *a;
    for (u32 i = 0; i < ip_family_bits(f) / 32u; i++) {
        u32 bits = len < 32 ? len : 32;
        last.words[i] |= be32_from_host(bits < 32 ? ~0u >> bits : 0).raw;
        len -= bits;
    }
    return last;
}

/* The next prefix of that length, host bits kept; false: there is none, and it is the first. */
static inline bool ip_address_next(struct ip_address *a, u32 len)
{
    u32 carry = len ? 1u << (7 - (len - 1) % 8) : 0;
    for (u32 i = (len + 7) / 8; carry && i--;) {
        carry += a->bytes[i];
        a->bytes[i] = (u8)carry;
        carry >>= 8;
    }
    return len && !carry;
}

/* Whether a, of the same family, is one of the prefix. */
static inline bool ip_prefix_has(const struct ip_prefix *p, const struct ip_address *a)
{
    struct ip_address x = ip_address_mask(&p->addr, p->len), y = ip_address_mask(a, p->len);
    return ip_address_equal(&x, &y);
}

static inline struct ip_prefix ip4_prefix(be32 addr, u8 len)
{
    return (struct ip_prefix){.addr = ip_address_from_ip4(addr), .family = IP_FAMILY_4, .len = len};
}

static inline struct ip_prefix ip_prefix_host(enum ip_family f, struct ip_address addr)
{
    return (struct ip_prefix){.addr = addr, .family = (u8)f, .len = ip_family_bits(f)};
}

static inline bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
    return a->family == b->family && a->len == b->len && ip_address_equal(&a->addr, &b->addr);
}

/* As people write them: RFC 5952 for IPv6. Returns out. */
#define IP_ADDRESS_TEXT_BYTES 46
#define IP_PREFIX_TEXT_BYTES 50
const char *ip_address_text(enum ip_family f, const struct ip_address *a,
                            char out[IP_ADDRESS_TEXT_BYTES]);
const char *ip_prefix_text(const struct ip_prefix *p, char out[IP_PREFIX_TEXT_BYTES]);
/* "ip4", "ip6": as users write and read it. */
const char *ip_family_name(enum ip_family f);

/* Messages of Multicast Listener Discovery. Source: RFC 3810 5, RFC 2710 3. */
#pragma once

#include "base/byteorder.h"
#include "base/types.h"
#include "net/packet/ip6_packet.h"
#include "net/packet/l4_packet.h"

/* A query of either version, and all of a message of version 1. */
struct mld_header {
    struct icmp_header icmp;
    be16 max_response; /* ms; of version 2 a code for them */
    be16 reserved;
    u8 group[16]; /* ::: a query for all */
} __attribute__((packed));
static_assert(sizeof(struct mld_header) == 24, "wire format");

#define MLD_QUERY_V2_BYTES 28u /* at least; version 1 has exactly the header */

struct mld_report {
    struct icmp_header icmp;
    be16 reserved, n_records;
} __attribute__((packed));
static_assert(sizeof(struct mld_report) == 8, "wire format");

enum mld_record_type {
    MLD_IS_EXCLUDE = 2, /* in the group, from all sources */
    MLD_TO_INCLUDE = 3, /* from none any more: left */
    MLD_TO_EXCLUDE = 4, /* joined */
};

struct mld_record {
    u8 type, aux_words;
    be16 n_sources;
    u8 group[16];
} __attribute__((packed));
static_assert(sizeof(struct mld_record) == 20, "wire format");

/* In front of each: for routers on the way to look at (RFC 2711), and padding. */
struct mld_router_alert {
    u8 protocol, length;
    u8 option, option_bytes;
    be16 value;
    u8 pad, pad_bytes;
} __attribute__((packed));
static_assert(sizeof(struct mld_router_alert) == 8, "wire format");

/* How long after a query of n bytes its answer may come (RFC 3810 5.1.3). */
static inline u32 mld_response_ms(const struct mld_header *h, u32 n)
{
    u32 code = be16_to_host(h->max_response);
    if (n < MLD_QUERY_V2_BYTES || code < 0x8000)
        return code;
    return ((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3);
}

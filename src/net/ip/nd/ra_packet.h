/* Router advertisements as bytes. Source: RFC 4861 4.2, 4.6. */
#pragma once

#include "base/types.h"
#include "net/packet/ip_address.h"

#define RA_PREFIXES_MAX 37 /* as many as fit a message that every link takes */

struct ra_prefix_info {
    struct ip_prefix prefix;
    u8 flags;                 /* ND_PREFIX_* */
    u32 valid_s, preferred_s; /* ND_FOREVER */
};

struct ra_message {
    u8 hop_limit, flags; /* ND_RA_* */
    u16 lifetime_s;
    u32 reachable_ms, retransmit_ms;
    u32 mtu;      /* 0: it does not say */
    bool has_mac; /* of the router */
    u8 mac[6];
    u32 n_prefixes;
    struct ra_prefix_info prefixes[RA_PREFIXES_MAX];
};

#define RA_MESSAGE_BYTES_MAX (16 + 8 + 8 + 32 * RA_PREFIXES_MAX)

/* Of a message of n bytes from its ICMP header on. false: malformed, to be discarded. Prefixes
 * beyond RA_PREFIXES_MAX are left out. */
bool ra_parse(const u8 *p, u32 n, struct ra_message *out) MUST_CHECK;
/* Writes at most RA_MESSAGE_BYTES_MAX bytes, the checksum 0; returns how many. */
u32 ra_write(const struct ra_message *m, u8 *out);

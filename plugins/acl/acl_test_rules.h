/* Random rules, and keys near them, for tests and benches: of the kinds that real lists are made
 * of, as ClassBench's seeds describe them. */
#pragma once

#include "plugins/acl/acl_key.h"
#include "plugins/acl/acl_rule.h"

struct acl_random {
    u64 state; /* not 0 */
};

enum acl_random_kind {
    ACL_RANDOM_ACL,     /* servers: exact destinations, ports of services */
    ACL_RANDOM_FW,      /* firewalls: wildcards, ranges */
    ACL_RANDOM_IPC,     /* pairs of networks */
    ACL_RANDOM_HOSTS,   /* hosts, one each */
    ACL_RANDOM_DENSE,   /* few addresses and ports: many rules match */
    ACL_RANDOM_OVERLAP, /* prefixes of all lengths and ranges of all sizes, across each other */
    ACL_RANDOM_KINDS
};

static inline u32 acl_random_u32(struct acl_random *x)
{
    x->state ^= x->state << 13;
    x->state ^= x->state >> 7;
    x->state ^= x->state << 17;
    return (u32)(x->state >> 16);
}

static inline u32 acl_random_below(struct acl_random *x, u32 n)
{
    return acl_random_u32(x) % n;
}

static inline void acl_random_prefix(struct acl_random *x, enum ip_family f, const u8 *lens, u32 n,
                                     u32 networks, struct ip_prefix *p)
{
    u32 network = acl_random_below(x, networks), host = acl_random_u32(x);
    *p = (struct ip_prefix){.family = (u8)f};
    u32 len = lens[acl_random_below(x, n)];
    p->len = (u8)(f == IP_FAMILY_6 && len ? len + 32 + (len > 24 ? 64 : 0) : len);
    if (f == IP_FAMILY_6) {
        put_be32(p->addr.bytes, 0x20010db8);
        put_be32(p->addr.bytes + 4, network * 2654435761u);
        put_be32(p->addr.bytes + 12, host);
    } else {
        put_be32(p->addr.bytes, 0x0a000000 | ((network * 40503u) & 0xffff) << 8 | (host & 0xff));
    }
    p->addr = ip_address_mask(&p->addr, p->len);
}

static inline void acl_random_ports(struct acl_random *x, u32 wild, u32 ranges, u16 *first,
                                    u16 *last)
{
    static const u16 services[] = {20,  21,  22,  25,  53,  80,   110,  123,  143,
                                   161, 389, 443, 514, 993, 1521, 3306, 5432, 8080};
    u32 dice = acl_random_below(x, 100);
    *first = 0;
    *last = UINT16_MAX;
    if (dice < wild)
        return;
    if (dice < wild + ranges / 2) {
        *first = 1024;
    } else if (dice < wild + ranges) {
        *first = (u16)acl_random_below(x, 60000);
        *last = (u16)(*first + acl_random_below(x, 1u << acl_random_below(x, 12)));
    } else {
        *first = *last = services[acl_random_below(x, array_len(services))];
    }
}

static inline void acl_random_overlap(struct acl_random *x, enum ip_family f, struct ip_prefix *p,
                                      u16 *first, u16 *last)
{
    u16 a = (u16)acl_random_u32(x), b = (u16)acl_random_u32(x);
    u8 len = (u8)(8 + acl_random_below(x, 25));
    acl_random_prefix(x, f, &len, 1, 65536, p);
    *first = a < b ? a : b;
    *last = a < b ? b : a;
}

static inline void acl_random_rule(struct acl_random *x, enum acl_random_kind kind,
                                   enum ip_family f, u32 networks, struct acl_rule *r)
{
    static const u8 any[] = {0}, host[] = {32},
                    mixed[] = {0, 0, 8, 16, 16, 20, 24, 24, 24, 28, 32, 32},
                    long_ones[] = {16, 20, 22, 24, 24, 27, 28, 30, 32, 32, 32};
    static const u8 protocols[] = {6, 6, 6, 6, 17, 17, 1, 0};
    *r = (struct acl_rule){.src_last = UINT16_MAX, .dst_last = UINT16_MAX};
    r->action = (u8)acl_random_below(x, ACL_PERMIT_REFLECT);
    r->protocol = protocols[acl_random_below(x, array_len(protocols))];
    switch (kind) {
    case ACL_RANDOM_ACL:
        acl_random_prefix(x, f, mixed, array_len(mixed), networks, &r->src);
        acl_random_prefix(x, f, long_ones, array_len(long_ones), networks, &r->dst);
        acl_random_ports(x, 20, 20, &r->dst_first, &r->dst_last);
        break;
    case ACL_RANDOM_FW:
        acl_random_prefix(x, f, mixed, 6, networks, &r->src);
        acl_random_prefix(x, f, mixed, array_len(mixed), networks, &r->dst);
        acl_random_ports(x, 60, 30, &r->src_first, &r->src_last);
        acl_random_ports(x, 10, 50, &r->dst_first, &r->dst_last);
        break;
    case ACL_RANDOM_IPC:
        acl_random_prefix(x, f, long_ones, array_len(long_ones), networks, &r->src);
        acl_random_prefix(x, f, long_ones, array_len(long_ones), networks, &r->dst);
        acl_random_ports(x, 50, 10, &r->dst_first, &r->dst_last);
        break;
    case ACL_RANDOM_HOSTS:
        acl_random_prefix(x, f, host, 1, networks, &r->src);
        acl_random_prefix(x, f, any, 1, networks, &r->dst);
        break;
    case ACL_RANDOM_OVERLAP:
        acl_random_overlap(x, f, &r->src, &r->src_first, &r->src_last);
        acl_random_overlap(x, f, &r->dst, &r->dst_first, &r->dst_last);
        break;
    default:
        acl_random_prefix(x, f, mixed, array_len(mixed), 2, &r->src);
        acl_random_prefix(x, f, mixed, array_len(mixed), 2, &r->dst);
        acl_random_ports(x, 20, 60, &r->src_first, &r->src_last);
        acl_random_ports(x, 20, 60, &r->dst_first, &r->dst_last);
        break;
    }
    if (r->protocol == IP_PROTOCOL_TCP && !acl_random_below(x, 6)) {
        r->tcp_flags_mask = (u8)acl_random_u32(x) & 0x3f;
        r->tcp_flags_value =
            (u8)acl_random_u32(x) & (acl_random_below(x, 8) ? r->tcp_flags_mask : 0x3f);
    }
}

static inline void acl_random_rules(struct acl_random *x, enum acl_random_kind kind,
                                    enum ip_family family, struct acl_rule *rules, u32 n)
{
    for (u32 i = 0; i < n; i++)
        acl_random_rule(x, kind, family, n / 8 + 2, &rules[i]);
}

static inline u16 acl_random_near(struct acl_random *x, u16 first, u16 last)
{
    u32 dice = acl_random_below(x, 8);
    return dice == 0   ? (u16)(first - 1)
           : dice == 1 ? (u16)(last + 1)
           : dice == 2 ? last
           : dice == 3 ? first
                       : (u16)(first + acl_random_below(x, (u32)(last - first) + 1));
}

/* Of a packet that the rule is about, or nearly. */
static inline void acl_random_key(struct acl_random *x, const struct acl_rule *r, u64 *key)
{
    const struct ip_prefix *p[2] = {&r->src, &r->dst};
    struct acl_key k = {.protocol = r->protocol && acl_random_below(x, 16) ? r->protocol : 6};
    bool ip6 = r->src.family == IP_FAMILY_6;
    k.l4 = acl_random_below(x, 16);
    if (k.l4) {
        k.src_port = acl_random_near(x, r->src_first, r->src_last);
        k.dst_port = acl_random_near(x, r->dst_first, r->dst_last);
        k.tcp_flags = (u8)(k.protocol == 6 ? acl_random_u32(x) & 0x3f : 0);
    }
    for (u32 i = 0; i < 2; i++) {
        struct ip_address a = p[i]->addr;
        for (u32 b = p[i]->len; b < (ip6 ? 128u : 32u); b++)
            if (acl_random_below(x, 2))
                a.bytes[b / 8] ^= (u8)(0x80 >> b % 8);
        if (p[i]->len && !acl_random_below(x, 10)) {
            u32 b = acl_random_below(x, p[i]->len);
            a.bytes[b / 8] ^= (u8)(0x80 >> b % 8);
        }
        if (ip6) {
            k.words[2 * i] = get_be64(a.bytes);
            k.words[2 * i + 1] = get_be64(a.bytes + 8);
        } else {
            k.words[0] |= (u64)get_be32(a.bytes) << (i ? 0 : 32);
        }
    }
    k.words[ip6 ? ACL_KEY_WORDS_6 - 1 : ACL_KEY_WORDS_4 - 1] = acl_key_last(&k);
    memcpy(key, k.words, sizeof(k.words));
}

/* The first rule that matches, by looking at each: what lookups are held against. */
static inline u32 acl_match_slowly(const u64 *rules, u32 n, const u64 *key, u32 words)
{
    u32 src = (u16)(key[words - 1] >> ACL_MATCH_SRC_SHIFT);
    u32 dst = (u16)(key[words - 1] >> ACL_MATCH_DST_SHIFT);
    for (const u64 *r = rules; n; n--, r += acl_match_row_words(words)) {
        u64 ports = r[2 * words];
        u32 src_first = (u16)ports, dst_first = (u16)(ports >> 32);
        bool same = true;
        for (u32 w = 0; w < words; w++)
            same &= (key[w] & r[words + w]) == r[w];
        if (same && src >= src_first && src <= src_first + (u16)(ports >> 16) && dst >= dst_first &&
            dst <= dst_first + (u16)(ports >> 48))
            return (u32)r[2 * words + 1];
    }
    return ACL_MATCH_NONE;
}

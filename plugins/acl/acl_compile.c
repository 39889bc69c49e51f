/* Rules as what lookups compare. See acl_match.h.
 *
 *   IPv4   source | destination                        16 source port | 16 destination port |
 *   IPv6   source, 2 words; destination, 2 words       8 protocol | 8 TCP flags | 15 0 | ports are
 * there
 */
#include <stdlib.h>

#include "net/packet/l4_packet.h"
#include "plugins/acl/acl_cells.h"
#include "plugins/acl/acl_key.h"
#include "plugins/acl/acl_rule.h"

/* --- what a table may ask for --- */

static u64 compile_top(u64 mask, u32 keep)
{
    return keep ? mask & ~0ull << (64 - keep) : 0;
}

/* A prefix's mask in the upper half of a word, shortened. */
static u64 compile_shorter(u64 mask, u32 level)
{
    u32 len = (u32)__builtin_popcountll(mask);
    return compile_top(mask, level ? len & ~3u : len > 8 ? (len - 4) & ~7u : 0);
}

/* Levels: addresses alone and rounded down, less rounded with the protocol and ports. */
static void compile_relax4(const u64 *mask, u32 level, u64 *out)
{
    u64 src = compile_top(mask[0], 32), dst = mask[0] << 32;
    out[0] = compile_shorter(src, level) | compile_shorter(dst, level) >> 32;
    out[1] = level ? mask[1] : 0;
}

static void compile_relax6(const u64 *mask, u32 level, u64 *out)
{
    for (u32 i = 0; i < 4; i++) { /* of each half of an address, the part that ends it */
        bool ends = ~mask[i] || i % 2 || !mask[i + 1];
        out[i] = ends ? compile_shorter(mask[i], level) : mask[i];
    }
    out[4] = level ? mask[4] : 0;
}

static const struct acl_match_layout layouts[IP_FAMILY_N] = {
    [IP_FAMILY_4] = {.words = ACL_KEY_WORDS_4, .relax = compile_relax4, .levels = 2},
    [IP_FAMILY_6] = {.words = ACL_KEY_WORDS_6, .relax = compile_relax6, .levels = 2},
};

/* --- ranges --- */

/* The bits that all numbers of a range have in common: the block that it lies in. */
static u16 compile_block(u32 first, u32 last)
{
    u32 differ = first ^ last;
    return differ ? (u16)(0xffff0000u >> __builtin_clz(differ << 16)) : UINT16_MAX;
}

/* A range that lies across the middle of a block much larger than it is in two. Returns how many.
 */
static u32 compile_split(u32 first, u32 last, u16 from[2], u16 to[2])
{
    u32 differ = first ^ last;
    u32 half = differ ? 1u << (31 - __builtin_clz(differ)) : 0, middle = last & ~(half - 1);
    from[0] = (u16)first;
    to[0] = (u16)last;
    if (half < 2 || last - first >= half / 2)
        return 1;
    to[0] = (u16)(middle - 1);
    from[1] = (u16)middle;
    to[1] = (u16)last;
    return 2;
}

/* --- a rule --- */

static bool rule_has_ports(const struct acl_rule *r)
{
    return r->protocol &&
           (r->src_first || r->src_last != UINT16_MAX || r->dst_first || r->dst_last != UINT16_MAX);
}

static bool rule_has_flags(const struct acl_rule *r)
{
    return r->protocol == IP_PROTOCOL_TCP && r->tcp_flags_mask;
}

static void compile_without_ports(const struct acl_rule *r, u32 number, u32 words, u64 *row)
{
    const struct ip_prefix *p[2] = {&r->src, &r->dst};
    u64 *value = row, *mask = row + words;
    if (r->src.family == IP_FAMILY_4) {
        value[0] = (u64)be32_to_host(p[0]->addr.ip4) << 32 | be32_to_host(p[1]->addr.ip4);
        mask[0] = compile_top(UINT64_MAX, p[0]->len) | compile_top(UINT64_MAX, p[1]->len) >> 32;
    }
    for (u32 k = 0; k < 2 && r->src.family == IP_FAMILY_6; k++) {
        value[2 * k] = get_be64(p[k]->addr.bytes);
        value[2 * k + 1] = get_be64(p[k]->addr.bytes + 8);
        mask[2 * k] = compile_top(UINT64_MAX, p[k]->len < 64 ? p[k]->len : 64);
        mask[2 * k + 1] = compile_top(UINT64_MAX, p[k]->len < 64 ? 0 : p[k]->len - 64u);
    }
    value[words - 1] = (u64)r->protocol << ACL_KEY_PROTOCOL_SHIFT;
    mask[words - 1] = r->protocol ? 0xffull << ACL_KEY_PROTOCOL_SHIFT : 0;
    row[2 * words] = ACL_MATCH_ANY_PORTS;
    row[2 * words + 1] = number;
}

/* Puts up to four rows at out. */
static u32 compile_rule(const struct acl_rule *r, u32 number, bool fragments, u64 *out)
{
    u16 sf[2], st[2], df[2], dt[2];
    u32 words = r->src.family == IP_FAMILY_4 ? ACL_KEY_WORDS_4 : ACL_KEY_WORDS_6;
    u32 last = words - 1, row = acl_match_row_words(words), n = 0;
    bool ports = rule_has_ports(r), flags = rule_has_flags(r);
    compile_without_ports(r, number, words, out);
    if (fragments || (!ports && !flags))
        return 1;
    if (flags && (r->tcp_flags_value & ~r->tcp_flags_mask)) /* no packet has flags that are so */
        return 0;
    u64 value = out[last] | ACL_KEY_L4, mask = out[words + last] | ACL_KEY_L4;
    if (flags) {
        value |= (u64)r->tcp_flags_value << ACL_KEY_TCP_FLAGS_SHIFT;
        mask |= (u64)r->tcp_flags_mask << ACL_KEY_TCP_FLAGS_SHIFT;
    }
    u32 n_src = compile_split(r->src_first, r->src_last, sf, st);
    u32 n_dst = compile_split(r->dst_first, r->dst_last, df, dt);
    for (u32 s = 0; s < n_src; s++)
        for (u32 d = 0; d < n_dst; d++) {
            u16 sm = compile_block(sf[s], st[s]), dm = compile_block(df[d], dt[d]);
            u64 *part = out + n++ * row;
            if (part != out)
                memcpy(part, out, row * sizeof(*part));
            part[last] = value | (u64)(sf[s] & sm) << ACL_MATCH_SRC_SHIFT |
                         (u64)(df[d] & dm) << ACL_MATCH_DST_SHIFT;
            part[words + last] =
                mask | (u64)sm << ACL_MATCH_SRC_SHIFT | (u64)dm << ACL_MATCH_DST_SHIFT;
            part[2 * words] = acl_match_ports(sf[s], st[s], df[d], dt[d]);
        }
    return n;
}

/* --- all of them --- */

u32 acl_rules_flatten(const struct acl_rule *rules, u32 first, u32 end, enum ip_family family,
                      bool fragments, u64 *out)
{
    u32 count = 0, row = acl_match_row_words(layouts[family].words);
    for (u32 i = first; i < end; i++)
        if (rules[i].src.family == family)
            count += compile_rule(&rules[i], i, fragments, out + (size_t)count * row);
    return count;
}

/* Whether no packet gets to a rule behind it. */
static bool rule_has_all(const struct acl_rule *r)
{
    return !r->src.len && !r->dst.len && !r->protocol;
}

#define COMPILE_AT_ONCE 32 /* rules: their rows stay in the cache */

static struct acl_match *compile_by(const struct acl_match_layout *l, const struct acl_rule *rules,
                                    u32 n, enum ip_family family, bool fragments)
{
    u32 row = acl_match_row_words(l->words);
    u64 *flat = mem_resize(NULL, (size_t)4 * n * row * sizeof(*flat));
    struct acl_reach reach;
    acl_reach_begin(&reach, flat, l->words);
    for (u32 i = 0, end; i < n; i = end) {
        end = (u32)min_u64(n, i + COMPILE_AT_ONCE);
        for (u32 k = i; k < end; k++)
            if (rules[k].src.family == family && rule_has_all(&rules[k]))
                end = n = k + 1;
        acl_reach_add(&reach, acl_rules_flatten(rules, i, end, family, fragments,
                                                flat + (size_t)reach.n * row));
    }
    acl_reach_end(&reach);
    struct acl_match *m = reach.n ? acl_match_new(l, flat, reach.n) : NULL;
    free(flat);
    return m;
}

struct acl_match *acl_rules_compile(const struct acl_rule *rules, u32 n, enum ip_family family,
                                    bool fragments)
{
    return compile_by(&layouts[family], rules, n, family, fragments);
}

bool acl_rules_need_l4(const struct acl_rule *rules, u32 n, enum ip_family family)
{
    for (u32 i = 0; i < n; i++)
        if (rules[i].src.family == family &&
            (rule_has_ports(&rules[i]) || rule_has_flags(&rules[i])))
            return true;
    return false;
}

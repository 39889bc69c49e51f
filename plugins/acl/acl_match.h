/* The first of many rules that a key matches, at a cost that does not grow with their number.
 *
 * A key is some words; a rule asks that some of their bits are so, and that two numbers of 16 bits
 * in the last word (ports) lie in ranges. Rules whose masks have bits in common are in a table, a
 * hash by these bits:
 *
 *   key ─► table 0 ─► slot ─► its rules, in order
 *      ─► table 1 ─► …                      (tables in order of their first rules,
 *      …                                     until none can be earlier than what was found)
 *
 * A rule is put into the first table whose bits it asks for and where few others have the same
 * values of them; so there are few tables, with few rules to compare in each slot.
 *
 * Where there are few rules that would be in many tables, cells are in their place: cuts by four
 * bits of the key at a time, until few rules are left that can match:
 *
 *   key ─► cut ─► cut ─► list of rules, in order
 *
 * What was built never changes: other rules are another acl_match. Source: tuple space search
 * (Srinivasan, Suri, Varghese 1999) with tables joined as in TupleMerge (Daly et al. 2019), cells
 * as in HyperCuts (Singh et al. 2003); figures and what else was tried: docs/decisions. */
#pragma once

#include "base/mem.h"
#include "base/types.h"
#include "base/wide.h"

#define ACL_MATCH_WORDS_MAX 5
#define ACL_MATCH_NONE UINT32_MAX
#define ACL_MATCH_TABLES_MAX 512

/* Where the numbers are in the last word of a key. */
#define ACL_MATCH_SRC_SHIFT 48
#define ACL_MATCH_DST_SHIFT 32

/* A rule is a row of words, which lookups compare: the key's value, which has no bits besides
 * mask's; the mask; ports; the number that a lookup returns. Rules are given in ascending order of
 * these, one may come twice. */
ALWAYS_INLINE u32 acl_match_row_words(u32 words)
{
    return 2 * words + 2;
}

ALWAYS_INLINE u64 acl_match_ports(u16 src_first, u16 src_last, u16 dst_first, u16 dst_last)
{
    return src_first | (u64)(u16)(src_last - src_first) << 16 | (u64)dst_first << 32 |
           (u64)(u16)(dst_last - dst_first) << 48;
}
#define ACL_MATCH_ANY_PORTS (0xffffull << 16 | 0xffffull << 48)

/* What the keys of one kind look like. */
struct acl_match_layout {
    u32 words; /* 2 or 5 */
    /* The bits that a table may ask for instead of all in mask: more from level to level, and
     * behind the last one all. */
    void (*relax)(const u64 *mask, u32 level, u64 *out);
    u32 levels;
};

struct acl_match_table {
    u32 first_rule; /* the lowest number */
    u32 heads_at, heads_mask;
    struct acl_match_bits {
        u64 mask;          /* what is hashed */
        u64 common, value; /* bits that all its rules ask for, and how they are */
    } word[ACL_MATCH_WORDS_MAX];
};

struct acl_match {
    u32 words, n_tables;
    struct acl_match_table *tables;
    u32 *heads;   /* of each slot: its first entry; the next one's: behind its last */
    u64 *entries; /* a row each */
    u32 n_entries;
    /* NULL: tables; else these are NULL, and entries in order. A cell is a cut: which word << 8 |
     * how far right its four bits are, and 16 cells; or a list: how many, and which entries. root
     * and cells of a cut: where it stands here, with ACL_MATCH_LIST: it is a list. */
    u32 *cells;
    u32 n_cells, root; /* words of all */
    u64 bytes;
};
#define ACL_MATCH_LIST (1u << 31)

/* Owned by the caller. Borrows rules until return. Shapes: rules has n rows. Context: any thread.
 */
struct acl_match *acl_match_new(const struct acl_match_layout *l, const u64 *rules, u32 n);
void acl_match_free(struct acl_match *m);

/* ---- looking up: any thread ---- */

ALWAYS_INLINE u64 acl_match_mix(u64 a, u64 b)
{
    struct u128 product = wide_mul(a, b);
    return product.low ^ product.high;
}

ALWAYS_INLINE u64 acl_match_hash(const u64 *key, const struct acl_match_bits *b, u32 words)
{
    u64 h = 0x9e3779b97f4a7c15ull;
    for (u32 i = 0; i + 1 < words; i += 2)
        h = acl_match_mix(h ^ (key[i] & b[i].mask),
                          0xe7037ed1a0b428dbull ^ (key[i + 1] & b[i + 1].mask));
    if (words % 2)
        h = acl_match_mix(h ^ (key[words - 1] & b[words - 1].mask), 0x8ebc6af09c88c6e3ull);
    return h;
}

ALWAYS_INLINE bool acl_match_in(u64 range, u64 last_word)
{
    u16 src = (u16)((u16)(last_word >> ACL_MATCH_SRC_SHIFT) - (u16)range);
    u16 dst = (u16)((u16)(last_word >> ACL_MATCH_DST_SHIFT) - (u16)(range >> 32));
    return src <= (u16)(range >> 16) && dst <= (u16)(range >> 48);
}

ALWAYS_INLINE bool acl_match_entry(const u64 *entry, const u64 *key, u32 words)
{
    u64 differ = 0;
    for (u32 i = 0; i < words; i++)
        differ |= (key[i] ^ entry[i]) & entry[words + i];
    return !differ && acl_match_in(entry[2 * words], key[words - 1]);
}

/* Whether the key has what all rules of t ask for. */
ALWAYS_INLINE bool acl_match_common(const struct acl_match_table *t, const u64 *key, u32 words)
{
    u64 differ = 0;
    for (u32 i = 0; i < words; i++)
        differ |= (key[i] & t->word[i].common) ^ t->word[i].value;
    return !differ;
}

/* The lowest number below `best` in the key's slot of t; else best. */
ALWAYS_INLINE u32 acl_match_in_table(const struct acl_match *m, const struct acl_match_table *t,
                                     const u64 *key, u32 words, u32 best)
{
    const u32 *head =
        &m->heads[t->heads_at + ((u32)acl_match_hash(key, t->word, words) & t->heads_mask)];
    const u64 *e = m->entries + (size_t)head[0] * acl_match_row_words(words);
    for (u32 n = head[1] - head[0]; n; n--, e += acl_match_row_words(words)) {
        u32 number = (u32)e[2 * words + 1];
        if (number >= best)
            return best;
        if (acl_match_entry(e, key, words))
            return number;
    }
    return best;
}

/* The list of the key's cell. */
ALWAYS_INLINE const u32 *acl_match_list(const struct acl_match *m, const u64 *key)
{
    u32 at = m->root;
    while (!(at & ACL_MATCH_LIST)) {
        const u32 *cut = m->cells + at;
        at = cut[1 + (key[cut[0] >> 8] >> (cut[0] & 63) & 15)];
    }
    return m->cells + (at & ~ACL_MATCH_LIST);
}

ALWAYS_INLINE u32 acl_match_in_cells(const struct acl_match *m, const u64 *key, u32 words)
{
    const u32 *list = acl_match_list(m, key);
    for (u32 n = *list++; n; n--, list++) {
        const u64 *e = m->entries + (size_t)*list * acl_match_row_words(words);
        if (acl_match_entry(e, key, words))
            return (u32)e[2 * words + 1];
    }
    return ACL_MATCH_NONE;
}

/* Number of the first rule that matches; ACL_MATCH_NONE. words: m->words, as a constant. */
ALWAYS_INLINE u32 acl_match_find(const struct acl_match *m, const u64 *key, u32 words)
{
    u32 best = ACL_MATCH_NONE;
    if (m->cells)
        return acl_match_in_cells(m, key, words);
    const struct acl_match_table *t = m->tables, *end = t + m->n_tables;
    for (; t < end && t->first_rule < best; t++)
        if (acl_match_common(t, key, words))
            best = acl_match_in_table(m, t, key, words, best);
    return best;
}

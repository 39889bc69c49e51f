/* Builds what acl_match.h looks up in. */
#include "plugins/acl/acl_match.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

/* Of a slot, where there is another table for more: few are as many by values that differ. */
#define MATCH_SLOT_RULES 12
#define MATCH_SLOTS_LEAST 4 /* of a table, a power of two */

/* --- which rule is in which table --- */

struct match_member {
    u32 rule; /* by place among those given */
    u32 hash; /* of its values */
};

struct match_group {
    struct acl_match_bits word[ACL_MATCH_WORDS_MAX];
    VEC(struct match_member) rules; /* the first has the lowest number */
    /* How many rules each slot has, up to 255: small, because rules meet it in no order. There are
     * twice as many slots as are used, or more: values that differ seldom meet in one. */
    u8 *slots;
    u32 slots_mask, n_used;
};

struct match_build {
    const struct acl_match_layout *l;
    const struct acl_match_rule *rules;
    VEC(struct match_group) groups;
};

static void match_group_count(struct match_group *g, u32 hash)
{
    u8 *n = &g->slots[hash & g->slots_mask];
    g->n_used += !*n;
    *n += *n < UINT8_MAX;
}

static void match_group_grow(struct match_group *g)
{
    free(g->slots);
    g->slots_mask = 2 * g->slots_mask + 1;
    g->slots = mem_alloc(g->slots_mask + 1);
    g->n_used = 0;
    for (u32 i = 0; i < g->rules.n; i++)
        match_group_count(g, g->rules.v[i].hash);
}

static bool match_mask_covers(const u64 *mask, const struct acl_match_bits *part, u32 words)
{
    u64 missing = 0;
    for (u32 i = 0; i < words; i++)
        missing |= part[i].mask & ~mask[i];
    return !missing;
}

static u32 match_group_hash(const struct match_build *b, const struct match_group *g,
                            const struct acl_match_rule *r)
{
    return (u32)acl_match_hash(r->value, g->word, b->l->words);
}

static void match_group_add(struct match_build *b, struct match_group *g, u32 rule)
{
    const struct acl_match_rule *r = &b->rules[rule];
    u32 hash = match_group_hash(b, g, r);
    for (u32 w = 0; w < b->l->words; w++) {
        struct acl_match_bits *x = &g->word[w];
        x->common = (g->rules.n ? x->common & ~(x->value ^ r->value[w]) : UINT64_MAX) & r->mask[w];
        x->value = r->value[w] & x->common;
    }
    vec_add(&g->rules, ((struct match_member){rule, hash}));
    match_group_count(g, hash);
    if (2 * g->n_used > g->slots_mask + 1)
        match_group_grow(g);
}

static struct match_group *match_group_of(struct match_build *b, const u64 *mask)
{
    for (u32 i = 0; i < b->groups.n; i++) {
        u64 differ = 0;
        for (u32 w = 0; w < b->l->words; w++)
            differ |= b->groups.v[i].word[w].mask ^ mask[w];
        if (!differ)
            return &b->groups.v[i];
    }
    return NULL;
}

static struct match_group *match_group_new(struct match_build *b, const u64 *mask)
{
    struct match_group g = {{{0}}};
    for (u32 w = 0; w < b->l->words; w++)
        g.word[w].mask = mask[w];
    g.slots_mask = MATCH_SLOTS_LEAST - 1;
    g.slots = mem_alloc(MATCH_SLOTS_LEAST);
    vec_add(&b->groups, g);
    return &b->groups.v[b->groups.n - 1];
}

/* One that has room for the rule; NULL: none has. */
static struct match_group *match_group_with_room(struct match_build *b,
                                                 const struct acl_match_rule *r)
{
    u32 words = b->l->words;
    for (u32 i = 0; i < b->groups.n; i++) {
        struct match_group *g = &b->groups.v[i];
        if (match_mask_covers(r->mask, g->word, words) &&
            g->slots[match_group_hash(b, g, r) & g->slots_mask] < MATCH_SLOT_RULES)
            return g;
    }
    return NULL;
}

/* Rules that ask for the same of packets in all the bits that tables can have are in one slot,
 * however many they are. */
static struct match_group *match_group_for(struct match_build *b, const struct acl_match_rule *r)
{
    static const u64 no_bits[ACL_MATCH_WORDS_MAX];
    struct match_group *g = match_group_with_room(b, r);
    u64 mask[ACL_MATCH_WORDS_MAX];
    for (u32 level = 0; !g && level <= b->l->levels; level++) {
        memcpy(mask, r->mask, sizeof(mask));
        if (level < b->l->levels)
            b->l->relax(r->mask, level, mask);
        if (match_group_of(b, mask))
            continue;
        if (b->groups.n == ACL_MATCH_TABLES_MAX - 1)
            memcpy(mask, no_bits, sizeof(mask));
        if (b->groups.n < ACL_MATCH_TABLES_MAX)
            return match_group_new(b, mask);
    }
    if (!g)
        g = match_group_of(b, r->mask);
    return g ? g : match_group_of(b, no_bits);
}

/* By their first rules. */
static int match_group_compare(const void *a, const void *b)
{
    const struct match_group *x = a, *y = b;
    return (x->rules.v[0].rule > y->rules.v[0].rule) - (x->rules.v[0].rule < y->rules.v[0].rule);
}

/* --- tables --- */

ALWAYS_INLINE void match_entry_write(u64 *e, const struct acl_match_rule *r, u32 words)
{
    memcpy(e, r->value, words * sizeof(*e));
    memcpy(e + words, r->mask, words * sizeof(*e));
    e[2 * words] =
        r->src.first | (u64)r->src.span << 16 | (u64)r->dst.first << 32 | (u64)r->dst.span << 48;
    e[2 * words + 1] = r->number;
}

/* Rules of a slot lie behind each other in the order in which they were given. heads: that of a
 * slot stands one place too far until its rules are written. */
ALWAYS_INLINE void match_table_fill(struct acl_match *m, const struct match_build *b,
                                    const struct match_group *g, const struct acl_match_table *t,
                                    u32 first, u32 words)
{
    u32 n = t->heads_mask + 1, *heads = m->heads + t->heads_at;
    for (u32 i = 0; i < g->rules.n; i++)
        heads[(g->rules.v[i].hash & t->heads_mask) + 1]++;
    for (u32 i = 1, at = first; i <= n; i++) {
        u32 rules = heads[i];
        heads[i] = at;
        at += rules;
    }
    heads[0] = first;
    for (u32 i = 0; i < g->rules.n; i++) {
        u32 at = heads[(g->rules.v[i].hash & t->heads_mask) + 1]++;
        match_entry_write(m->entries + (size_t)at * acl_match_entry_words(words),
                          &b->rules[g->rules.v[i].rule], words);
    }
}

static void match_tables_make(struct acl_match *m, const struct match_build *b)
{
    u32 n_heads = 0, first = 0;
    m->n_tables = b->groups.n;
    m->tables = mem_alloc(m->n_tables * sizeof(*m->tables));
    for (u32 i = 0; i < m->n_tables; i++) {
        const struct match_group *g = &b->groups.v[i];
        struct acl_match_table *t = &m->tables[i];
        memcpy(t->word, g->word, sizeof(t->word));
        t->first_rule = b->rules[g->rules.v[0].rule].number;
        t->heads_mask = g->slots_mask;
        t->heads_at = n_heads;
        n_heads += t->heads_mask + 2;
    }
    m->heads = mem_alloc((size_t)n_heads * sizeof(*m->heads));
    m->entries =
        mem_alloc((size_t)m->n_entries * acl_match_entry_words(m->words) * sizeof(*m->entries));
    for (u32 i = 0; i < m->n_tables; i++) {
        if (m->words == 2)
            match_table_fill(m, b, &b->groups.v[i], &m->tables[i], first, 2);
        else
            match_table_fill(m, b, &b->groups.v[i], &m->tables[i], first, m->words);
        first += b->groups.v[i].rules.n;
    }
    m->bytes = sizeof(*m) + m->n_tables * sizeof(*m->tables) + (u64)n_heads * sizeof(*m->heads) +
               (u64)m->n_entries * acl_match_entry_words(m->words) * sizeof(*m->entries);
}

/* --- all of it --- */

struct acl_match *acl_match_new(const struct acl_match_layout *l,
                                const struct acl_match_rule *rules, u32 n)
{
    struct match_build b = {.l = l, .rules = rules};
    struct acl_match *m = mem_alloc(sizeof(*m));
    m->words = l->words;
    m->n_entries = n;
    for (u32 i = 0; i < n; i++)
        match_group_add(&b, match_group_for(&b, &rules[i]), i);
    if (b.groups.n)
        qsort(b.groups.v, b.groups.n, sizeof(*b.groups.v), match_group_compare);
    match_tables_make(m, &b);
    for (u32 i = 0; i < b.groups.n; i++) {
        vec_free(&b.groups.v[i].rules);
        free(b.groups.v[i].slots);
    }
    vec_free(&b.groups);
    return m;
}

void acl_match_free(struct acl_match *m)
{
    if (!m)
        return;
    free(m->tables);
    free(m->heads);
    free(m->entries);
    free(m);
}

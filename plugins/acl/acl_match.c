/* Builds what acl_match.h looks up in. */
#include "plugins/acl/acl_match.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "plugins/acl/acl_cells.h"

/* Of a slot, where there is another table for more: few are as many by values that differ. */
#define MATCH_SLOT_RULES 12
#define MATCH_TABLES_FEW 4  /* that are looked at sooner than cells */
#define MATCH_CELL_RULES 40 /* of a cell's list */
#define MATCH_AHEAD 16
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
    bool more;   /* a slot has more than it counts */
    u32 refused; /* rules that there was no room for */
};

#define MATCH_BY_MASK (2u * ACL_MATCH_TABLES_MAX)

struct match_build {
    const struct acl_match_layout *l;
    const u64 *rules; /* a row each */
    VEC(struct match_group) groups;
    u16 by_mask[MATCH_BY_MASK]; /* number + 1 of the group at its hash, or in a place behind */
    /* Groups that rules are offered to: one that has refused more than it took leaves, so that
     * rules are refused about once each, however many tables there are. */
    VEC(u16) open;
    VEC(u64) open_masks; /* theirs, behind each other: what is asked most often */
};

ALWAYS_INLINE const u64 *match_row(const struct match_build *b, u32 rule, u32 words)
{
    return b->rules + (size_t)rule * acl_match_row_words(words);
}

static void match_group_count(struct match_group *g, u32 hash)
{
    u8 *n = &g->slots[hash & g->slots_mask];
    g->n_used += !*n;
    g->more |= *n == UINT8_MAX;
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

ALWAYS_INLINE bool match_mask_covers(const u64 *mask, const u64 *part, u32 words)
{
    u64 missing = 0;
    for (u32 i = 0; i < words; i++)
        missing |= part[i] & ~mask[i];
    return !missing;
}

static void match_group_add(struct match_build *b, struct match_group *g, u32 rule, u32 words)
{
    const u64 *r = match_row(b, rule, words), *mask = r + words;
    u32 hash = (u32)acl_match_hash(r, g->word, words);
    for (u32 w = 0; w < words; w++) {
        struct acl_match_bits *x = &g->word[w];
        x->common = (g->rules.n ? x->common & ~(x->value ^ r[w]) : UINT64_MAX) & mask[w];
        x->value = r[w] & x->common;
    }
    vec_add(&g->rules, ((struct match_member){rule, hash}));
    match_group_count(g, hash);
    if (2 * g->n_used > g->slots_mask + 1)
        match_group_grow(g);
}

/* Where the group with that mask stands in by_mask, or would. */
static u16 *match_group_place(struct match_build *b, const u64 *mask)
{
    u64 hash = 0, differ;
    for (u32 w = 0; w < b->l->words; w++)
        hash = acl_match_mix(hash ^ mask[w], 0xe7037ed1a0b428dbull);
    for (u32 at = (u32)hash;; at++) {
        u16 *place = &b->by_mask[at % MATCH_BY_MASK];
        differ = 0;
        for (u32 w = 0; *place && w < b->l->words; w++)
            differ |= b->groups.v[*place - 1].word[w].mask ^ mask[w];
        if (!differ)
            return place;
    }
}

static struct match_group *match_group_of(struct match_build *b, const u64 *mask)
{
    u32 place = *match_group_place(b, mask);
    return place ? &b->groups.v[place - 1] : NULL;
}

static struct match_group *match_group_new(struct match_build *b, const u64 *mask)
{
    struct match_group g = {{{0}}};
    for (u32 w = 0; w < b->l->words; w++)
        g.word[w].mask = mask[w];
    g.slots_mask = MATCH_SLOTS_LEAST - 1;
    g.slots = mem_alloc(MATCH_SLOTS_LEAST);
    vec_add(&b->open, (u16)b->groups.n);
    for (u32 w = 0; w < b->l->words; w++)
        vec_add(&b->open_masks, mask[w]);
    vec_add(&b->groups, g);
    *match_group_place(b, mask) = (u16)b->groups.n;
    return &b->groups.v[b->groups.n - 1];
}

ALWAYS_INLINE bool match_group_has_room(const struct match_group *g, const u64 *r, u32 words)
{
    return g->slots[(u32)acl_match_hash(r, g->word, words) & g->slots_mask] < MATCH_SLOT_RULES;
}

static void match_group_close(struct match_build *b, u32 i, u32 words)
{
    vec_del(&b->open, i);
    b->open_masks.n -= words;
    memmove(b->open_masks.v + i * words, b->open_masks.v + (i + 1) * words,
            (b->open_masks.n - i * words) * sizeof(u64));
}

/* Of those that rules are offered to, one that has room for the rule; NULL: none has. */
ALWAYS_INLINE struct match_group *match_group_open(struct match_build *b, const u64 *r, u32 words)
{
    for (u32 i = 0; i < b->open.n;) {
        if (!match_mask_covers(r + words, b->open_masks.v + i * words, words)) {
            i++;
            continue;
        }
        struct match_group *g = &b->groups.v[b->open.v[i]];
        if (match_group_has_room(g, r, words))
            return g;
        if (++g->refused > g->rules.n + MATCH_SLOT_RULES)
            match_group_close(b, i, words);
        else
            i++;
    }
    return NULL;
}

/* The same of all. */
static struct match_group *match_group_any(const struct match_build *b, const u64 *r)
{
    u32 words = b->l->words;
    for (u32 i = 0; i < b->groups.n; i++) {
        struct match_group *g = &b->groups.v[i];
        u64 mask[ACL_MATCH_WORDS_MAX];
        for (u32 w = 0; w < words; w++)
            mask[w] = g->word[w].mask;
        if (match_mask_covers(r + words, mask, words) && match_group_has_room(g, r, words))
            return g;
    }
    return NULL;
}

/* Where none that rules are offered to has room. Rules that ask for the same of packets in all the
 * bits that tables can have are in one slot, however many they are. */
static struct match_group *match_group_for(struct match_build *b, const u64 *r)
{
    static const u64 no_bits[ACL_MATCH_WORDS_MAX];
    const u64 *all = r + b->l->words;
    struct match_group *g;
    u64 mask[ACL_MATCH_WORDS_MAX];
    for (u32 level = 0; level <= b->l->levels; level++) {
        memcpy(mask, all, b->l->words * sizeof(*mask));
        if (level < b->l->levels)
            b->l->relax(all, level, mask);
        if (match_group_of(b, mask))
            continue;
        g = match_group_any(b, r);
        if (g)
            return g;
        if (b->groups.n == ACL_MATCH_TABLES_MAX - 1)
            memcpy(mask, no_bits, sizeof(mask));
        if (b->groups.n < ACL_MATCH_TABLES_MAX)
            return match_group_new(b, mask);
    }
    g = match_group_of(b, all);
    return g ? g : match_group_of(b, no_bits);
}

ALWAYS_INLINE void match_groups_make(struct match_build *b, u32 n, u32 words)
{
    for (u32 i = 0; i < n; i++) {
        struct match_group *g = match_group_open(b, match_row(b, i, words), words);
        match_group_add(b, g ? g : match_group_for(b, match_row(b, i, words)), i, words);
    }
}

/* By their first rules. */
static int match_group_compare(const void *a, const void *b)
{
    const struct match_group *x = a, *y = b;
    return (x->rules.v[0].rule > y->rules.v[0].rule) - (x->rules.v[0].rule < y->rules.v[0].rule);
}

/* --- tables --- */

ALWAYS_INLINE void match_prefetch_row(const u64 *row, u32 words)
{
    __builtin_prefetch(row);
    __builtin_prefetch(row + acl_match_row_words(words) - 1);
}

/* How many rules there are in each slot, a place behind it. */
static COLD void match_heads_count(const struct match_group *g, u32 *heads)
{
    memset(heads, 0, (g->slots_mask + 2) * sizeof(*heads));
    for (u32 i = 0; i < g->rules.n; i++)
        heads[(g->rules.v[i].hash & g->slots_mask) + 1]++;
}

/* Rules of a slot lie behind each other in the order in which they were given. heads: that of a
 * slot stands one place too far until its rules are written. */
ALWAYS_INLINE void match_table_fill(struct acl_match *m, const struct match_build *b,
                                    const struct match_group *g, const struct acl_match_table *t,
                                    u32 first, u32 words)
{
    u32 n = t->heads_mask + 1, row = acl_match_row_words(words), *heads = m->heads + t->heads_at;
    if (unlikely(g->more))
        match_heads_count(g, heads);
    for (u32 i = 1, at = first; i <= n; i++) {
        u32 rules = unlikely(g->more) ? heads[i] : g->slots[i - 1];
        heads[i] = at;
        at += rules;
    }
    heads[0] = first;
    for (u32 i = 0; i < g->rules.n; i++) {
        if (i + MATCH_AHEAD < g->rules.n) { /* slots meet in no order */
            u32 soon = heads[(g->rules.v[i + MATCH_AHEAD].hash & t->heads_mask) + 1];
            match_prefetch_row(m->entries + (size_t)soon * row, words);
            match_prefetch_row(match_row(b, g->rules.v[i + MATCH_AHEAD].rule, words), words);
        }
        u32 at = heads[(g->rules.v[i].hash & t->heads_mask) + 1]++;
        memcpy(m->entries + (size_t)at * row, match_row(b, g->rules.v[i].rule, words),
               row * sizeof(u64));
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
        t->first_rule = (u32)match_row(b, g->rules.v[0].rule, m->words)[2 * m->words + 1];
        t->heads_mask = g->slots_mask;
        t->heads_at = n_heads;
        n_heads += t->heads_mask + 2;
    }
    m->heads = mem_resize(NULL, (size_t)n_heads * sizeof(*m->heads));
    m->entries =
        mem_resize(NULL, (size_t)m->n_entries * acl_match_row_words(m->words) * sizeof(u64));
    for (u32 i = 0; i < m->n_tables; i++) {
        if (m->words == 2)
            match_table_fill(m, b, &b->groups.v[i], &m->tables[i], first, 2);
        else
            match_table_fill(m, b, &b->groups.v[i], &m->tables[i], first, m->words);
        first += b->groups.v[i].rules.n;
    }
    m->bytes = sizeof(*m) + m->n_tables * sizeof(*m->tables) + (u64)n_heads * sizeof(*m->heads) +
               (u64)m->n_entries * acl_match_row_words(m->words) * sizeof(*m->entries);
}

/* --- all of it --- */

static void match_by_tables(struct acl_match *m, const struct acl_match_layout *l, const u64 *rules)
{
    struct match_build b = {.l = l, .rules = rules};
    if (l->words == 2)
        match_groups_make(&b, m->n_entries, 2);
    else
        match_groups_make(&b, m->n_entries, l->words);
    if (b.groups.n)
        qsort(b.groups.v, b.groups.n, sizeof(*b.groups.v), match_group_compare);
    match_tables_make(m, &b);
    for (u32 i = 0; i < b.groups.n; i++) {
        vec_free(&b.groups.v[i].rules);
        free(b.groups.v[i].slots);
    }
    vec_free(&b.groups);
    vec_free(&b.open);
    vec_free(&b.open_masks);
}

/* In place of tables: the rules in order, and their cells. */
static void match_try_cells(struct acl_match *m, const u64 *rules)
{
    size_t bytes = (size_t)m->n_entries * acl_match_row_words(m->words) * sizeof(*rules);
    struct acl_match x = {.words = m->words, .n_entries = m->n_entries};
    x.entries = mem_resize(NULL, bytes);
    memcpy(x.entries, rules, bytes);
    if (!acl_cells_new(&x, x.n_entries, MATCH_CELL_RULES)) {
        free(x.entries);
        return;
    }
    x.bytes = sizeof(x) + bytes + x.n_cells * sizeof(*x.cells);
    free(m->tables);
    free(m->heads);
    free(m->entries);
    *m = x;
}

struct acl_match *acl_match_new(const struct acl_match_layout *l, const u64 *rules, u32 n)
{
    struct acl_match *m = mem_alloc(sizeof(*m));
    m->words = l->words;
    m->n_entries = n;
    match_by_tables(m, l, rules);
    if (m->n_tables > MATCH_TABLES_FEW && n <= ACL_CELLS_RULES_MAX)
        match_try_cells(m, rules);
    return m;
}

void acl_match_free(struct acl_match *m)
{
    if (!m)
        return;
    free(m->cells);
    free(m->tables);
    free(m->heads);
    free(m->entries);
    free(m);
}

/* Builds what acl_match.h looks up in. */
#include "plugins/acl/acl_match.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

/* Of the same values in a table, where there is another one for more. */
#define MATCH_SLOT_RULES 8

/* --- how many rules of a table have the same values --- */

struct match_counts {
    struct match_count {
        u64 hash; /* of the values */
        u32 n;    /* 0: the place is free */
    } * places;
    u32 n_places, n_used;
};

static struct match_count *match_count_place(const struct match_counts *c, u64 hash)
{
    u32 i = (u32)(hash >> 20) & (c->n_places - 1);
    while (c->places[i].n && c->places[i].hash != hash)
        i = (i + 1) & (c->n_places - 1);
    return &c->places[i];
}

static void match_counts_grow(struct match_counts *c)
{
    struct match_counts old = *c;
    c->n_places = old.n_places ? 4 * old.n_places : 16;
    c->places = mem_alloc(c->n_places * sizeof(*c->places));
    for (u32 i = 0; i < old.n_places; i++)
        if (old.places[i].n)
            *match_count_place(c, old.places[i].hash) = old.places[i];
    free(old.places);
}

static u32 match_counts_get(const struct match_counts *c, u64 hash)
{
    return c->n_places ? match_count_place(c, hash)->n : 0;
}

static void match_counts_add(struct match_counts *c, u64 hash)
{
    if (2 * (c->n_used + 1) > c->n_places)
        match_counts_grow(c);
    struct match_count *x = match_count_place(c, hash);
    c->n_used += !x->n;
    x->hash = hash;
    x->n++;
}

/* --- which rule is in which table --- */

struct match_group {
    struct acl_match_bits word[ACL_MATCH_WORDS_MAX];
    VEC(u32) rules; /* by place among those given; the first has the lowest number */
    struct match_counts counts;
};

struct match_build {
    const struct acl_match_layout *l;
    const struct acl_match_rule *rules;
    VEC(struct match_group) groups;
};

static bool match_mask_covers(const u64 *mask, const struct acl_match_bits *part, u32 words)
{
    u64 missing = 0;
    for (u32 i = 0; i < words; i++)
        missing |= part[i].mask & ~mask[i];
    return !missing;
}

static void match_group_add(struct match_build *b, struct match_group *g, u32 rule)
{
    vec_add(&g->rules, rule);
    match_counts_add(&g->counts, acl_match_hash(b->rules[rule].value, g->word, b->l->words));
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
            match_counts_get(&g->counts, acl_match_hash(r->value, g->word, words)) <
                MATCH_SLOT_RULES)
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
    return (x->rules.v[0] > y->rules.v[0]) - (x->rules.v[0] < y->rules.v[0]);
}

/* --- tables --- */

static u32 match_heads(const struct match_group *g)
{
    u32 n = 1;
    while (g->counts.n_used > 1 && n < 2 * g->counts.n_used)
        n *= 2;
    return n;
}

static void match_entry_write(u64 *e, const struct acl_match_rule *r, u32 words)
{
    memcpy(e, r->value, words * sizeof(*e));
    memcpy(e + words, r->mask, words * sizeof(*e));
    e[2 * words] =
        r->src.first | (u64)r->src.span << 16 | (u64)r->dst.first << 32 | (u64)r->dst.span << 48;
    e[2 * words + 1] = r->number;
}

/* Rules of a slot lie behind each other in the order in which they were given. */
static void match_table_fill(struct acl_match *m, const struct match_build *b,
                             const struct match_group *g, struct acl_match_table *t, u32 first)
{
    u32 words = m->words, n = t->heads_mask + 1, *heads = m->heads + t->heads_at;
    u32 *slots = mem_alloc((size_t)g->rules.n * sizeof(*slots));
    for (u32 i = 0; i < g->rules.n; i++) {
        const u64 *value = b->rules[g->rules.v[i]].value;
        slots[i] = (u32)acl_match_hash(value, t->word, words) & t->heads_mask;
        heads[slots[i] + 1]++;
    }
    heads[0] = first;
    for (u32 i = 0; i < n; i++)
        heads[i + 1] += heads[i];
    u32 *at = mem_alloc((size_t)n * sizeof(*at));
    memcpy(at, heads, (size_t)n * sizeof(*at));
    for (u32 i = 0; i < g->rules.n; i++)
        match_entry_write(m->entries + (size_t)at[slots[i]]++ * acl_match_entry_words(words),
                          &b->rules[g->rules.v[i]], words);
    free(at);
    free(slots);
}

/* The bits that all rules ask for alike. */
static void match_table_common(struct acl_match_table *t, const struct match_build *b,
                               const struct match_group *g)
{
    for (u32 w = 0; w < b->l->words; w++) {
        u64 first = b->rules[g->rules.v[0]].value[w], common = UINT64_MAX;
        for (u32 i = 0; i < g->rules.n; i++) {
            const struct acl_match_rule *r = &b->rules[g->rules.v[i]];
            common &= r->mask[w] & ~(r->value[w] ^ first);
        }
        t->word[w].common = common;
        t->word[w].value = first & common;
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
        match_table_common(t, b, g);
        t->first_rule = b->rules[g->rules.v[0]].number;
        t->heads_mask = match_heads(g) - 1;
        t->heads_at = n_heads;
        n_heads += t->heads_mask + 2;
    }
    m->heads = mem_alloc((size_t)n_heads * sizeof(*m->heads));
    m->entries =
        mem_alloc((size_t)m->n_entries * acl_match_entry_words(m->words) * sizeof(*m->entries));
    for (u32 i = 0; i < m->n_tables; i++) {
        match_table_fill(m, b, &b->groups.v[i], &m->tables[i], first);
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
        free(b.groups.v[i].counts.places);
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

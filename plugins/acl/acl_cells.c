/* Cuts rules into cells. See acl_cells.h. */
#include "plugins/acl/acl_cells.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

#define CELLS_WAYS 16      /* of a cut: four bits */
#define CELLS_LIST_MOST 64 /* rules that are left together where no cut helps */
#define CELLS_SAMPLE 64    /* rules by which cuts are weighed */
#define CELLS_NONE UINT32_MAX

/* A rule in a list: its row, and above these bits the ways of a cut that it has keys in. */
#define CELLS_ROW_BITS 13
#define CELLS_ROW_MASK ((1u << CELLS_ROW_BITS) - 1)
static_assert(ACL_CELLS_RULES_MAX <= CELLS_ROW_MASK && CELLS_ROW_BITS + CELLS_WAYS <= 32,
              "a row and its ways in a word");

struct cells_build {
    const u64 *rules;
    u32 words, row; /* words of a key and of a row */
    u32 few;        /* rules that are not cut any more */
    u32 most;       /* words of cells */
    u32 left;       /* rules in lists that may still be looked at: how long it may take */
    VEC(u32) cells;
    VEC(u32) lists; /* of the cut that is being made, and those above it */
    /* By four bits of a mask and of a value: a byte for each way, 1 where it has keys. */
    u64 ways[CELLS_WAYS * CELLS_WAYS][2];
    u16 way_bits[CELLS_WAYS * CELLS_WAYS];
};

/* Of each of four bits, the ways that have it: a bit each, and a byte each. */
static const u16 cells_bit_ways[4] = {0xaaaa, 0xcccc, 0xf0f0, 0xff00};
static const u64 cells_byte_ways[4][2] = {{0xff00ff00ff00ff00, 0xff00ff00ff00ff00},
                                          {0xffff0000ffff0000, 0xffff0000ffff0000},
                                          {0xffffffff00000000, 0xffffffff00000000},
                                          {0, UINT64_MAX}};

static void cells_ways_init(struct cells_build *b)
{
    for (u32 i = 0; i < CELLS_WAYS * CELLS_WAYS; i++) {
        u64 bits = UINT16_MAX, bytes[2] = {0x0101010101010101, 0x0101010101010101};
        for (u32 k = 0; k < 4; k++) {
            u64 any = i >> (4 + k) & 1 ? 0 : UINT64_MAX, zero = i >> k & 1 ? 0 : UINT64_MAX;
            bits &= (cells_bit_ways[k] ^ zero) | any;
            bytes[0] &= (cells_byte_ways[k][0] ^ zero) | any;
            bytes[1] &= (cells_byte_ways[k][1] ^ zero) | any;
        }
        b->way_bits[i] = (u16)bits;
        memcpy(b->ways[i], bytes, sizeof(bytes));
    }
}

ALWAYS_INLINE const u64 *cells_row(const struct cells_build *b, u32 listed)
{
    return b->rules + (size_t)(listed & CELLS_ROW_MASK) * b->row;
}

/* Of b->ways: what a row asks of the four bits at shift of a word. */
ALWAYS_INLINE u32 cells_asks(const u64 *r, u32 words, u32 word, u32 shift)
{
    return (u32)((r[words + word] >> shift & 15) << 4 | (r[word] >> shift & 15));
}

/* How many of a list can be the first that matches, where the bits of decided are as the rules of
 * the list ask for: behind one that asks for nothing else, none. */
static u32 cells_reached(const struct cells_build *b, const u32 *list, u32 n, const u64 *decided)
{
    for (u32 i = 0; i < n; i++) {
        const u64 *r = cells_row(b, list[i]);
        u64 asks = r[2 * b->words] ^ ACL_MATCH_ANY_PORTS;
        for (u32 w = 0; w < b->words; w++)
            asks |= r[b->words + w] & ~decided[w];
        if (!asks)
            return i + 1;
    }
    return n;
}

/* What a cut would do: rules of all ways, and of all ways by the rules of each. */
static void cells_weigh(const struct cells_build *b, const u32 *list, u32 n, u32 word, u32 shift,
                        u32 *sum, u32 *squares)
{
    u32 samples = n < CELLS_SAMPLE ? n : CELLS_SAMPLE;
    u64 low = 0, high = 0;
    for (u32 i = 0; i < samples; i++) {
        u32 asks = cells_asks(cells_row(b, list[i * n / samples]), b->words, word, shift);
        low += b->ways[asks][0];
        high += b->ways[asks][1];
    }
    *sum = *squares = 0;
    for (u32 way = 0; way < CELLS_WAYS; way++) {
        u32 rules = (way < 8 ? low >> way * 8 : high >> (way - 8) * 8) & 0xff;
        *sum += rules;
        *squares += rules * rules;
    }
}

/* Bits of a word that rules of a list ask for, and not all for the same. */
static u64 cells_telling(const struct cells_build *b, const u32 *list, u32 n, u32 word)
{
    u64 any = 0, all = ~0ull, one = 0, zero = 0;
    for (u32 i = 0; i < n; i++) {
        const u64 *r = cells_row(b, list[i]);
        u64 mask = r[b->words + word];
        any |= mask;
        all &= mask;
        one |= r[word];
        zero |= mask & ~r[word];
    }
    return any & (~all | (one & zero));
}

/* The best cut by bits that are not decided: the word, and how far right its bits are. false: none
 * leaves a rule with a quarter less of others. */
static bool cells_cut(const struct cells_build *b, const u32 *list, u32 n, const u64 *decided,
                      u32 *word, u32 *shift)
{
    u32 samples = n < CELLS_SAMPLE ? n : CELLS_SAMPLE, best = UINT32_MAX, sum, squares;
    for (u32 w = 0; w < b->words; w++) {
        u64 telling = cells_telling(b, list, n, w) & ~decided[w];
        for (u32 s = 0; s < 64; s += 4) {
            if (!(telling >> s & 15))
                continue;
            cells_weigh(b, list, n, w, s, &sum, &squares);
            if (squares >= best || 4 * squares > 3 * samples * sum)
                continue;
            best = squares;
            *word = w;
            *shift = s;
        }
    }
    return best != UINT32_MAX;
}

static u32 cells_list(struct cells_build *b, const u32 *list, u32 n)
{
    u32 at = b->cells.n;
    vec_add(&b->cells, n);
    for (u32 i = 0; i < n; i++)
        vec_add(&b->cells, list[i] & CELLS_ROW_MASK);
    return at | ACL_MATCH_LIST;
}

/* Whether two ways of a cut have the same rules. */
static bool cells_same(const u32 *list, u32 n, u32 way, u32 other)
{
    u32 differ = 0;
    for (u32 i = 0; i < n && !differ; i++)
        differ = (list[i] >> (CELLS_ROW_BITS + way) ^ list[i] >> (CELLS_ROW_BITS + other)) & 1;
    return !differ;
}

static u32 cells_of(struct cells_build *b, u32 first, u32 n, const u64 *decided);

/* The list that is given stands at b->lists.v + first, and is the last there. */
static u32 cells_split(struct cells_build *b, u32 first, u32 n, const u64 *decided, u32 word,
                       u32 shift)
{
    u32 at = b->cells.n, behind = first + n;
    u64 below[ACL_MATCH_WORDS_MAX];
    memcpy(below, decided, b->words * sizeof(*below));
    below[word] |= 15ull << shift;
    for (u32 i = first; i < behind; i++) {
        u32 asks = cells_asks(cells_row(b, b->lists.v[i]), b->words, word, shift);
        b->lists.v[i] = (b->lists.v[i] & CELLS_ROW_MASK) | (u32)b->way_bits[asks] << CELLS_ROW_BITS;
    }
    vec_add(&b->cells, word << 8 | shift);
    for (u32 way = 0; way < CELLS_WAYS; way++)
        vec_add(&b->cells, CELLS_NONE);
    for (u32 way = 0; way < CELLS_WAYS; way++) {
        u32 other = 0;
        while (other < way && !cells_same(b->lists.v + first, n, way, other))
            other++;
        if (other == way) {
            b->lists.n = behind;
            vec_reserve(&b->lists, behind + n);
            for (u32 i = first; i < behind; i++)
                if (b->lists.v[i] >> (CELLS_ROW_BITS + way) & 1)
                    b->lists.v[b->lists.n++] = b->lists.v[i] & CELLS_ROW_MASK;
            u32 cell = cells_of(b, behind, b->lists.n - behind, below);
            if (cell == CELLS_NONE)
                return CELLS_NONE;
            b->cells.v[at + 1 + way] = cell;
        } else {
            b->cells.v[at + 1 + way] = b->cells.v[at + 1 + other];
        }
    }
    return at;
}

/* The cell of a list, which is the last of b->lists; CELLS_NONE: there are too many. */
static u32 cells_of(struct cells_build *b, u32 first, u32 n, const u64 *decided)
{
    u32 word, shift;
    n = cells_reached(b, b->lists.v + first, n, decided);
    if (b->cells.n > b->most || n > b->left)
        return CELLS_NONE;
    b->left -= n;
    if (n > b->few && cells_cut(b, b->lists.v + first, n, decided, &word, &shift))
        return cells_split(b, first, n, decided, word, shift);
    return n <= CELLS_LIST_MOST ? cells_list(b, b->lists.v + first, n) : CELLS_NONE;
}

bool acl_cells_new(struct acl_match *m, u32 n, u32 few)
{
    static const u64 none[ACL_MATCH_WORDS_MAX];
    struct cells_build b = {.rules = m->entries,
                            .words = m->words,
                            .row = acl_match_row_words(m->words),
                            .few = few,
                            .most = 4096 + 16 * n,
                            .left = 4096 + 32 * n};
    cells_ways_init(&b);
    for (u32 i = 0; i < n; i++)
        vec_add(&b.lists, i);
    u32 root = cells_of(&b, 0, n, none);
    vec_free(&b.lists);
    if (root == CELLS_NONE) {
        vec_free(&b.cells);
        return false;
    }
    m->cells = mem_resize(b.cells.v, b.cells.n * sizeof(*m->cells));
    m->n_cells = b.cells.n;
    m->root = root;
    return true;
}

/* --- rules that no packet gets to --- */

#define REACH_FIRST 1024 /* rules that there have to be, and then four times as many, at most: */
#define REACH_LAST 4096
#define REACH_WIDE 64 /* of them, so many others are held against */
#define REACH_FEW 24  /* in a cell's list */
#define REACH_TRIES 256
#define REACH_WORTH 8 /* of as many, one has to be left out: else it is not tried any more */

/* How much a rule asks for. */
static u16 reach_bits(const u64 *r, u32 words)
{
    int bits = r[2 * words] != ACL_MATCH_ANY_PORTS;
    for (u32 w = 0; w < words; w++)
        bits += __builtin_popcountll(r[words + w]);
    return (u16)bits;
}

static bool reach_covers(const u64 *by, const u64 *r, u32 words)
{
    u64 ports = by[2 * words], own = r[2 * words], differ = 0;
    for (u32 w = 0; w < words; w++)
        differ |= by[words + w] & (~r[words + w] | (by[w] ^ r[w]));
    for (u32 s = 0; s < 64 && !differ; s += 32) {
        u32 first = (u16)(own >> s), last = first + (u16)(own >> (s + 16));
        u32 by_first = (u16)(ports >> s), by_last = by_first + (u16)(ports >> (s + 16));
        differ = first < by_first || last > by_last;
    }
    return !differ;
}

/* Whether a wide rule before r has all its keys: it would be in the cell of any of them. */
static bool reach_is_covered(const struct acl_match *wide, const u64 *r)
{
    const u32 *list = acl_match_list(wide, r);
    u32 words = wide->words, row = acl_match_row_words(words);
    for (u32 i = 1; i <= list[0]; i++) {
        const u64 *by = wide->entries + (size_t)list[i] * row;
        if (by[2 * words + 1] < r[2 * words + 1] && reach_covers(by, r, words))
            return true;
    }
    return false;
}

static void reach_forget(struct acl_reach *x)
{
    free(x->wide.cells);
    free(x->wide.entries);
    x->wide.cells = NULL;
    x->wide.entries = NULL;
}

/* Takes those that ask for the fewest bits, of rules that there are: the widest first, so that
 * lists of them are in this order. */
static void reach_widest(struct acl_reach *x)
{
    u32 row = acl_match_row_words(x->words), n = 0, most = 0;
    u32 of_bits[64 * ACL_MATCH_WORDS_MAX + 2] = {0}, at[64 * ACL_MATCH_WORDS_MAX + 2];
    u16 bits[REACH_LAST];
    for (u32 i = 0; i < x->n; i++)
        of_bits[bits[i] = reach_bits(x->rules + (size_t)i * row, x->words)]++;
    for (; n + of_bits[most] <= REACH_WIDE; n += of_bits[most++])
        at[most] = n;
    reach_forget(x);
    x->tries = x->out = 0;
    if (!n)
        return;
    x->wide.entries = mem_alloc(n * row * sizeof(*x->rules));
    for (u32 i = 0; i < x->n; i++)
        if (bits[i] < most)
            memcpy(x->wide.entries + (size_t)at[bits[i]]++ * row, x->rules + (size_t)i * row,
                   row * sizeof(*x->rules));
    if (!acl_cells_new(&x->wide, n, REACH_FEW))
        reach_forget(x);
}

void acl_reach_begin(struct acl_reach *x, u64 *rules, u32 words)
{
    *x = (struct acl_reach){
        .rules = rules, .words = words, .next = REACH_FIRST, .wide.words = words};
}

/* Moves one that stays behind those that do. */
static void reach_keep(struct acl_reach *x, const u64 *r)
{
    u32 row = acl_match_row_words(x->words);
    u64 *to = x->rules + (size_t)x->n++ * row;
    if (to != r)
        memcpy(to, r, row * sizeof(*r));
}

void acl_reach_add(struct acl_reach *x, u32 n)
{
    u32 row = acl_match_row_words(x->words);
    const u64 *r = x->rules + (size_t)x->n * row;
    if (!x->wide.cells && x->n + n < x->next) { /* most often */
        x->n += n;
        return;
    }
    for (; n; n--, r += row) {
        if (x->wide.cells) {
            x->tries++;
            if (reach_is_covered(&x->wide, r)) {
                x->out++;
                continue;
            }
            if (x->tries >= REACH_TRIES && x->out < x->tries / REACH_WORTH)
                reach_forget(x);
        }
        reach_keep(x, r);
        if (x->n == x->next) {
            reach_widest(x);
            x->next = x->next < REACH_LAST ? 4 * x->next : UINT32_MAX;
        }
    }
}

void acl_reach_end(struct acl_reach *x)
{
    u32 n = x->n, row = acl_match_row_words(x->words);
    x->n = x->wide.cells ? 0 : n;
    for (u32 i = 0; i < n && x->wide.cells; i++)
        if (!reach_is_covered(&x->wide, x->rules + (size_t)i * row))
            reach_keep(x, x->rules + (size_t)i * row);
    reach_forget(x);
}

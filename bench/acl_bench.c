/* What a lookup among the rules of an access list costs, and what building takes, by kind and
 * number of rules: tables by all bits that rules ask for, tables joined (acl_match.h), rules one by
 * one.
 *
 *   acl-bench [--json] [ROUNDS]
 *
 * Clocks a lookup, the median of rounds, for packets that the rules are about; CPU time to build
 * from the rules as commands give them, the median of a few. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plugins/acl/acl_compile.c"
#include "plugins/acl/acl_match.c"
#include "plugins/acl/acl_test_rules.h"

#define KEYS 4096
#define ROUNDS_MAX 1000
#define BUILDS 5
#define ONE_BY_ONE_KEYS 50

/* Of one way to look up in the same rules. */
struct figures {
    u64 clocks;
    double build_ms;
    u32 tables, entries, kib;
};

static int compare_u64(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return (x > y) - (x < y);
}

static struct acl_match *bench_make(const struct acl_rule *rules, u32 n, bool tuples)
{
    static const struct acl_match_layout all_bits = {ACL_KEY_WORDS_4};
    if (!tuples)
        return compile_by(&layouts[IP_FAMILY_4], rules, n, IP_FAMILY_4, false);
    struct acl_match *m = mem_alloc(sizeof(*m));
    u64 *flat =
        mem_resize(NULL, (size_t)4 * n * acl_match_row_words(ACL_KEY_WORDS_4) * sizeof(*flat));
    m->words = ACL_KEY_WORDS_4;
    m->n_entries = acl_rules_flatten(rules, 0, n, IP_FAMILY_4, false, flat);
    match_by_tables(m, &all_bits, flat);
    free(flat);
    return m;
}

static struct figures bench_way(bool tuples, const struct acl_rule *rules, u32 n,
                                const u64 keys[KEYS][ACL_KEY_WORDS_6], u32 rounds)
{
    u64 took[ROUNDS_MAX], built_ns[BUILDS], sum = 0;
    struct acl_match *m = NULL;
    for (u32 i = 0; i < BUILDS; i++) {
        acl_match_free(m);
        u64 start_ns = clock_thread_cpu_ns();
        m = bench_make(rules, n, tuples);
        built_ns[i] = clock_thread_cpu_ns() - start_ns;
    }
    for (u32 r = 0; r < rounds; r++) {
        u64 start = clock_cycles();
        for (u32 k = 0; k < KEYS; k++)
            sum += acl_match_find(m, keys[k], ACL_KEY_WORDS_4);
        took[r] = (clock_cycles() - start) / KEYS;
    }
    qsort(took, rounds, sizeof(*took), compare_u64);
    qsort(built_ns, BUILDS, sizeof(*built_ns), compare_u64);
    struct figures f = {sum ? took[rounds / 2] : 0, (double)built_ns[BUILDS / 2] / 1e6, m->n_tables,
                        m->n_entries, (u32)(m->bytes >> 10)};
    acl_match_free(m);
    return f;
}

static u64 bench_one_by_one(const u64 *flat, u32 n, const u64 keys[KEYS][ACL_KEY_WORDS_6])
{
    u64 start = clock_cycles(), sum = 0;
    for (u32 k = 0; k < ONE_BY_ONE_KEYS; k++)
        sum += acl_match_slowly(flat, n, keys[k], ACL_KEY_WORDS_4);
    return sum ? (clock_cycles() - start) / ONE_BY_ONE_KEYS : 0;
}

static void bench_rules(const char *name, enum acl_random_kind kind, u32 n, u32 rounds, bool json)
{
    static u64 keys[KEYS][ACL_KEY_WORDS_6];
    struct acl_random x = {kind + 1u}; /* so that more rules begin as fewer do */
    struct acl_rule *rules = mem_alloc(n * sizeof(*rules));
    u64 *flat = mem_alloc((size_t)4 * n * acl_match_row_words(ACL_KEY_WORDS_4) * sizeof(*flat));
    acl_random_rules(&x, kind, IP_FAMILY_4, rules, n);
    for (u32 k = 0; k < KEYS; k++)
        acl_random_key(&x, &rules[acl_random_below(&x, n)], keys[k]);
    u32 n_flat = acl_rules_flatten(rules, 0, n, IP_FAMILY_4, false, flat);
    struct figures tuples = bench_way(true, rules, n, keys, rounds);
    struct figures joined = bench_way(false, rules, n, keys, rounds);
    u64 one_by_one = bench_one_by_one(flat, n_flat, keys);
    printf(json ? "{\"kind\": \"%s\", \"rules\": %u, \"tuples_clocks\": %" PRIu64
                  ", \"tuples\": %u, \"tuples_ms\": %.3f, \"clocks\": %" PRIu64
                  ", \"tables\": %u, \"entries\": %u, \"kib\": %u, \"build_ms\": %.3f, "
                  "\"one_by_one_clocks\": %" PRIu64 "}\n"
                : "%-6s %7u | %6" PRIu64 " cl %3u t %7.2f ms | %6" PRIu64
                  " cl %3u t %6u e %6u KiB %7.2f ms | %8" PRIu64 " cl\n",
           name, n, tuples.clocks, tuples.tables, tuples.build_ms, joined.clocks, joined.tables,
           joined.entries, joined.kib, joined.build_ms, one_by_one);
    free(rules);
    free(flat);
}

int main(int argc, char **argv)
{
    static const char *const kinds[ACL_RANDOM_KINDS] = {"acl",   "fw",    "ipc",
                                                        "hosts", "dense", "overlap"};
    static const u32 sizes[] = {100, 1000, 10000, 100000};
    bool json = argc > 1 && !strcmp(argv[1], "--json");
    const char *given = argv[json ? 2 : 1]; /* NULL behind the last */
    u32 rounds = given ? (u32)strtoul(given, NULL, 10) : 15;
    if (!rounds || rounds > ROUNDS_MAX)
        return 1;
    if (!json)
        printf("%-6s %7s | %25s | %25s | %s\n", "rules", "", "tuples", "joined", "one by one");
    for (u32 k = 0; k < ACL_RANDOM_KINDS; k++)
        for (u32 i = 0; i < array_len(sizes); i++)
            bench_rules(kinds[k], (enum acl_random_kind)k, sizes[i], rounds, json);
    return 0;
}

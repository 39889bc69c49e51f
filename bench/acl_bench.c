/* What a lookup among the rules of an access list costs, and what building takes, by kind and
 * number of rules: tables by all bits that rules ask for, tables joined, those with windows
 * (acl_match.h), rules one by one.
 *
 *   acl-bench [ROUNDS]
 *
 * Clocks a lookup, the median of rounds, for packets that the rules are about. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plugins/acl/acl_compile.c"
#include "plugins/acl/acl_test_rules.h"

#define KEYS 4096
#define ROUNDS_MAX 1000
#define ONE_BY_ONE_KEYS 50

static void all_bits(const u64 *mask, u32 level, u64 *out)
{
    memcpy(out, mask, ACL_KEY_WORDS_4 * sizeof(*out));
}

static int compare_u64(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return (x > y) - (x < y);
}

static void bench_layout(const struct acl_match_layout *l, const struct acl_match_rule *flat, u32 n,
                         const u64 keys[KEYS][ACL_KEY_WORDS_6], u32 rounds)
{
    u64 took[ROUNDS_MAX], start_ns = clock_ns(), sum = 0;
    struct acl_match *m = acl_match_new(l, flat, n);
    u64 built_us = (clock_ns() - start_ns) / 1000;
    for (u32 r = 0; r < rounds; r++) {
        u64 start = clock_cycles();
        for (u32 k = 0; k < KEYS; k++)
            sum += acl_match_find(m, keys[k], ACL_KEY_WORDS_4);
        took[r] = (clock_cycles() - start) / KEYS;
    }
    qsort(took, rounds, sizeof(*took), compare_u64);
    printf(" %6" PRIu64 " cl %3u t %7.1f ms |", sum ? took[rounds / 2] : 0, m->n_tables,
           (double)built_us / 1000);
    acl_match_free(m);
}

static void bench_one_by_one(const struct acl_match_rule *flat, u32 n,
                             const u64 keys[KEYS][ACL_KEY_WORDS_6])
{
    u64 start = clock_cycles(), sum = 0;
    for (u32 k = 0; k < ONE_BY_ONE_KEYS; k++)
        sum += acl_match_slowly(flat, n, keys[k], ACL_KEY_WORDS_4);
    printf(" %8" PRIu64 " cl\n", sum ? (clock_cycles() - start) / ONE_BY_ONE_KEYS : 0);
}

static void bench_rules(const char *name, enum acl_random_kind kind, u32 n, u32 rounds)
{
    static u64 keys[KEYS][ACL_KEY_WORDS_6];
    struct acl_random x = {kind * 100u + n};
    struct acl_rule *rules = mem_alloc(n * sizeof(*rules));
    struct acl_match_rule *flat = mem_alloc((size_t)4 * n * sizeof(*flat));
    struct acl_match_layout tuples = layouts[IP_FAMILY_4], joined = tuples;
    acl_random_rules(&x, kind, IP_FAMILY_4, rules, n);
    for (u32 k = 0; k < KEYS; k++)
        acl_random_key(&x, &rules[acl_random_below(&x, n)], keys[k]);
    u32 n_flat = acl_rules_flatten(rules, n, IP_FAMILY_4, false, flat);
    for (u32 i = 0; i < ACL_MATCH_WINDOWS; i++)
        tuples.fields[i].bits = joined.fields[i].bits = 0;
    tuples.relax = all_bits;
    tuples.levels = 1;
    printf("%-6s %7u |", name, n);
    bench_layout(&tuples, flat, n_flat, keys, rounds);
    bench_layout(&joined, flat, n_flat, keys, rounds);
    bench_layout(&layouts[IP_FAMILY_4], flat, n_flat, keys, rounds);
    bench_one_by_one(flat, n_flat, keys);
    free(rules);
    free(flat);
}

int main(int argc, char **argv)
{
    static const char *const kinds[ACL_RANDOM_KINDS] = {"acl", "fw", "ipc", "hosts", "dense"};
    static const u32 sizes[] = {100, 1000, 10000, 100000};
    u32 rounds = argc > 1 ? (u32)strtoul(argv[1], NULL, 10) : 15;
    if (!rounds || rounds > ROUNDS_MAX)
        return 1;
    printf("%-6s %7s | %24s | %24s | %24s | %s\n", "rules", "", "tuples", "joined",
           "joined, windows", "one by one");
    for (u32 k = 0; k < ACL_RANDOM_KINDS; k++)
        for (u32 i = 0; i < array_len(sizes); i++)
            bench_rules(kinds[k], (enum acl_random_kind)k, sizes[i], rounds);
    return 0;
}

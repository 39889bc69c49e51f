/* Reads the counters of all interfaces from a stats segment as its clients do, mapped, and says how
 * long that took: stats-bench SOCKET ROUNDS. A round is all 17 counters of all interfaces, of all
 * threads added up, under the epoch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/stat_reader.h"

static const u8 *map;
static u64 base;

static const void *at(u64 pointer)
{
    return map + (pointer - base);
}

static u32 count(u64 pointer)
{
    return ((const struct stat_vector *)at(pointer))[-1].n;
}

static const struct stat_header *header(void)
{
    return (const struct stat_header *)(const void *)map;
}

static const struct stat_entry *directory(void)
{
    return at(__atomic_load_n(&header()->directory, __ATOMIC_ACQUIRE));
}

static u32 find(const char *name)
{
    for (u32 i = 0; i < count(header()->directory); i++)
        if (!strcmp(directory()[i].name, name))
            return i;
    fprintf(stderr, "no %s\n", name);
    exit(1);
}

/* Adds all rows of an entry to sums. */
static void add_up(u32 slot, u64 *sums, u32 *n)
{
    const struct stat_entry *entry = &directory()[slot];
    const u64 *rows = at(entry->data);
    u32 words = entry->type == STAT_COMBINED ? 2 : 1;
    *n = count(rows[0]) * words;
    memset(sums, 0, *n * sizeof(*sums));
    for (u32 row = 0; row < count(entry->data); row++) {
        const u64 *from = at(rows[row]);
        for (u32 i = 0; i < *n; i++)
            sums[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    }
}

static int by_value(const void *x, const void *y)
{
    u64 a = *(const u64 *)x, b = *(const u64 *)y;
    return a < b ? -1 : a > b;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {
        "/if/rx",           "/if/tx",         "/if/rx-unicast",   "/if/rx-multicast",
        "/if/rx-broadcast", "/if/tx-unicast", "/if/tx-multicast", "/if/tx-broadcast",
        "/if/drops",        "/if/punt",       "/if/ip4",          "/if/ip6",
        "/if/rx-no-buf",    "/if/rx-miss",    "/if/rx-error",     "/if/tx-error",
        "/if/mpls",
    };
    struct stat_reader r;
    struct error e;
    u32 rounds = argc == 3 ? (u32)atoi(argv[2]) : 0, slots[array_len(names)], n, columns = 0;
    if (!rounds || stat_reader_connect(&r, argv[1], &e)) {
        fprintf(stderr, "stats-bench: %s\n", rounds ? e.text : "SOCKET ROUNDS");
        return 1;
    }
    map = mmap(NULL, r.size, PROT_READ, MAP_SHARED, r.fd, 0);
    if (map == MAP_FAILED)
        return 1;
    base = r.base;
    for (u32 i = 0; i < array_len(names); i++)
        slots[i] = find(names[i]);
    static u64 sums[2 * 65536];
    u64 *ns = calloc(rounds, sizeof(*ns));
    for (u32 k = 0; k < rounds; k++) {
        u64 begin = clock_ns(), epoch;
        do {
            epoch = __atomic_load_n(&header()->epoch, __ATOMIC_ACQUIRE);
            for (u32 i = 0; i < array_len(names); i++)
                add_up(slots[i], sums, &n);
            columns = n;
            __atomic_thread_fence(__ATOMIC_ACQUIRE);
        } while (__atomic_load_n(&header()->epoch, __ATOMIC_RELAXED) != epoch ||
                 header()->in_progress);
        ns[k] = clock_ns() - begin;
    }
    qsort(ns, rounds, sizeof(*ns), by_value);
    printf("{\"interfaces\": %u, \"median_ns\": %llu, \"least_ns\": %llu}\n", columns,
           (unsigned long long)ns[rounds / 2], (unsigned long long)ns[0]);
    free(ns);
    return 0;
}

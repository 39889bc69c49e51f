/* The trie of IPv6 against a list, over random changes of prefixes that lie in each other. */
#include <stdarg.h>
#include <errno.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/ip/fib/ip6_trie.h"

#define ROUTES 600u /* the most; numbers begin at 1 */

struct listed {
    bool used;
    u8 len;
};

static struct tries tries;
static struct ip_address addresses[ROUTES + 1];
static struct fib_table_data table;
static struct listed list[ROUTES + 1];
static u32 wide[IP6_WIDE_WORDS];

static void put_at_once(void *ctx, u32 object, u32 size)
{
    trie_put(&tries, object, size);
}

static void free_at_once(void *ctx, void *hash)
{
    free(hash);
}

static void open_trie(void)
{
    memset(list, 0, sizeof(list));
    memset(wide, 0, sizeof(wide));
    table = (struct fib_table_data){.default_leaf = 1};
    ip6_route_addresses = addresses;
    tries_init(&tries, ROUTES + 1, put_at_once, free_at_once, NULL);
}

/* When the last route has gone nothing is left. */
static void close_trie(void)
{
    assert_true(table.ip6_wide || !table.ip6_root);
    for (u32 i = 0; i < IP6_WIDE_WORDS; i++)
        assert_int_equal(wide[i], 0);
    assert_int_equal(tries.slabs.used_bytes, 0);
    assert_null(ip6_long_routes);
    tries_fini(&tries);
}

/* Few values a byte, so that prefixes lie in each other. */
static struct ip_address random_address(void)
{
    static const u8 bytes[] = {0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff};
    struct ip_address a;
    for (u32 i = 0; i < 16; i++)
        a.bytes[i] = random() % 3 ? 0x20 : bytes[(u32)random() % array_len(bytes)];
    return a;
}

static u8 random_len(void)
{
    static const u8 lens[] = {1, 8, 9, 16, 29, 32, 40, 44, 48, 56, 63, 64, 65, 72, 127, 128};
    return random() % 4 ? lens[(u32)random() % array_len(lens)] : (u8)(1 + random() % 128);
}

/* 0: the table's default. */
static u32 list_longest(const struct ip_address *a, u32 shorter_than)
{
    u32 best = 0;
    for (u32 r = 1; r <= ROUTES; r++) {
        struct ip_prefix p = {ip6_route_addresses[r], IP_FAMILY_6, list[r].len, {0}};
        if (list[r].used && p.len < shorter_than && (!best || p.len > list[best].len) &&
            ip_prefix_has(&p, a))
            best = r;
    }
    return best;
}

static bool list_has(const struct ip_address *a, u8 len)
{
    for (u32 r = 1; r <= ROUTES; r++)
        if (list[r].used && list[r].len == len && ip_address_equal(&ip6_route_addresses[r], a))
            return true;
    return false;
}

static void trie_add(u32 r, struct ip_address a, u8 len)
{
    a = ip_address_mask(&a, len);
    if (list[r].used || list_has(&a, len))
        return;
    ip6_route_addresses[r] = a;
    assert_int_equal(ip6_trie_insert(&tries, &table, r, len), 0);
    list[r] = (struct listed){true, len};
}

static void trie_del(u32 r)
{
    if (!list[r].used)
        return;
    list[r].used = false;
    u32 cover = list_longest(&ip6_route_addresses[r], list[r].len);
    ip6_trie_remove(&tries, &table, r, list[r].len, cover ? cover << 1 | 1 : 0);
}

static void look_up(const struct ip_address *a)
{
    assert_int_equal(ip6_trie_lookup(&table, a), list_longest(a, 129));
}

/* A vector of addresses near each other, of which some are the same. */
static void look_up_many(void)
{
    struct ip6_search s = {.n = 0};
    struct ip_address a[FRAME_PKTS];
    u32 words[FRAME_PKTS], n = 1 + (u32)random() % FRAME_PKTS;
    for (u32 i = 0; i < n; i++) {
        u32 r = 1 + (u32)random() % ROUTES;
        a[i] = random() % 4 ? ip6_route_addresses[r] : random_address();
        words[i] = ip6_search_add(&s, i, ip6_top_of(&table), get_be64(a[i].bytes), ip6_low(&a[i]));
    }
    ip6_search_run(&s, words);
    for (u32 i = 0; i < n; i++)
        assert_int_equal(words[i] >> 1, list_longest(&a[i], 129));
}

static void look_around(u32 r)
{
    struct ip_address a = ip6_route_addresses[r], next;
    look_up(&a);
    next = a = ip_address_last(IP_FAMILY_6, &a, list[r].len);
    look_up(&a);
    (void)ip_address_next(&next, 128);
    look_up(&next);
    a = random_address();
    look_up(&a);
}

/* widened: before that change. */
static void change_at_random(u32 changes, u32 widened)
{
    for (u32 i = 0; i < changes; i++) {
        if (i == widened)
            ip6_trie_widen(&tries, &table, wide);
        u32 most = i / 5000 % 2 ? ROUTES : ROUTES / 10, r = 1 + (u32)random() % ROUTES;
        if (r <= most)
            trie_add(r, random_address(), random_len());
        else
            trie_del(r);
        if (random() % 3 == 0)
            trie_del(1 + (u32)random() % ROUTES);
        look_around(r);
        if (i % 100 == 0)
            look_up_many();
    }
    for (u32 r = 1; r <= ROUTES; r++) {
        trie_del(r);
        look_around(r);
    }
}

static void random_changes_agree_with_a_list(void **state)
{
    open_trie();
    srandom(6);
    change_at_random(30000, UINT32_MAX);
    close_trie();
}

/* The same of a table with wide words, from the beginning on and when it has routes. */
static void so_they_do_in_wide_tables(void **state)
{
    static const u32 widened[] = {0, 7000};
    srandom(7);
    for (u32 k = 0; k < array_len(widened); k++) {
        open_trie();
        change_at_random(10000, widened[k]);
        close_trie();
    }
}

/* A byte with all of its words apart, and back. */
static void nodes_grow_and_shrink(void **state)
{
    open_trie();
    struct ip_address a = {.bytes = {0x20, 1, 0xd, 0xb8}};
    u64 few = 0;
    for (u32 k = 0; k < 256; k++) {
        a.bytes[5] = (u8)(k * 37);
        trie_add(1 + k, a, 48);
        look_around(1 + k);
        if (!k)
            few = tries.slabs.used_bytes;
    }
    assert_int_equal(tries.slabs.used_bytes, few - 64 + 16 * 64);
    for (u32 k = 255; k; k--) {
        trie_del(1 + k);
        look_around(1 + k);
    }
    assert_int_equal(tries.slabs.used_bytes, few);
    trie_del(1);
    close_trie();
}

/* What has no room is refused, and nothing has changed. */
static void without_room_nothing_changes(void **state)
{
    open_trie();
    struct ip_address a = {.bytes = {0x20, 1, 0xd, 0xb8}};
    trie_add(1, a, 32);
    trie_add(2, a, 60);
    u32 pages = tries.slabs.max_pages, n = 0, taken[1100];
    tries.slabs.max_pages = tries.slabs.high;
    while (n < array_len(taken) && (taken[n] = slab_get(&tries.slabs, 0)))
        n++;
    for (u32 left = 0; left < 5; left++) {
        u64 used = tries.slabs.used_bytes;
        ip6_route_addresses[3] = (struct ip_address){.bytes = {0x20, 2, 3, 4, 5, 6, 7, 8, 9}};
        assert_int_equal(ip6_trie_insert(&tries, &table, 3, left % 2 ? 64 : 128), -ENOSPC);
        assert_int_equal(tries.slabs.used_bytes, used);
        look_around(1);
        look_around(2);
        look_up(&ip6_route_addresses[3]);
        slab_put(&tries.slabs, taken[--n], 0);
    }
    while (n)
        slab_put(&tries.slabs, taken[--n], 0);
    tries.slabs.max_pages = pages;
    trie_add(3, ip6_route_addresses[3], 128);
    look_around(3);
    for (u32 r = 1; r <= 3; r++)
        trie_del(r);
    close_trie();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_agree_with_a_list),
        cmocka_unit_test(so_they_do_in_wide_tables),
        cmocka_unit_test(nodes_grow_and_shrink),
        cmocka_unit_test(without_room_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

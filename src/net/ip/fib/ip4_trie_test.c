/* The trie of IPv4 against a list, over random changes: prefixes that lie in each other, few and
 * many in one node, which is whole then. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/ip/fib/fib_data.h"
#include "net/ip/fib/ip4_trie.h"

#define ROUTES 1500u /* the most; numbers begin at 1 */

struct listed {
    bool used;
    u8 len;
    u32 addr;
};

static struct tries tries;
static u32 root[IP4_TRIE_ROOT_WORDS];
static struct fib_table_data table = {.root = root, .default_leaf = 1};
static struct listed list[ROUTES + 1];

static void put_at_once(void *ctx, u32 object, u32 size)
{
    trie_put(&tries, object, size);
}

static void no_hash(void *ctx, void *hash)
{
    fail();
}

static int open_trie(void **state)
{
    memset(list, 0, sizeof(list));
    memset(root, 0, sizeof(root));
    tries_init(&tries, ROUTES + 1, put_at_once, no_hash, NULL);
    return 0;
}

/* When the last route has gone nothing is left. */
static int close_trie(void **state)
{
    for (u32 i = 0; i < IP4_TRIE_ROOT_WORDS; i++)
        assert_int_equal(root[i], 0);
    assert_int_equal(tries.slabs.used_bytes, 0);
    tries_fini(&tries);
    return 0;
}

static u32 mask_of(u8 len)
{
    return len ? ~0u << (32 - len) : 0;
}

/* 0: the table's default. */
static u32 list_longest(u32 addr, u32 shorter_than)
{
    u32 best = 0;
    for (u32 r = 1; r <= ROUTES; r++)
        if (list[r].used && list[r].len < shorter_than && (!best || list[r].len > list[best].len) &&
            ((addr ^ list[r].addr) & mask_of(list[r].len)) == 0)
            best = r;
    return best;
}

static bool list_has(u32 addr, u8 len)
{
    for (u32 r = 1; r <= ROUTES; r++)
        if (list[r].used && list[r].len == len && list[r].addr == addr)
            return true;
    return false;
}

static void trie_add(u32 r, u32 addr, u8 len)
{
    addr &= mask_of(len);
    if (list[r].used || list_has(addr, len))
        return;
    assert_int_equal(ip4_trie_insert(&tries, root, addr, len, r), 0);
    list[r] = (struct listed){true, len, addr};
}

static void trie_del(u32 r)
{
    if (!list[r].used)
        return;
    list[r].used = false;
    u32 cover = list_longest(list[r].addr, list[r].len);
    ip4_trie_remove(&tries, root, list[r].addr, list[r].len, r, cover ? trie_leaf(cover) : 0);
}

static void look_up(u32 addr)
{
    assert_int_equal(ip4_trie_lookup(&table, addr), list_longest(addr, 33));
}

/* In four neighbouring /16. */
static u32 random_address(void)
{
    u32 low = (u32)random() & 0x3ffff;
    return random() % 3 ? 0x14000000 | low : 0x14000000 | (low & 0x3ff);
}

static u8 random_len(void)
{
    return random() % 3 ? 24 : (u8)(random() % 8 ? 17 + random() % 16 : 1 + random() % 16);
}

static void look_around(u32 r)
{
    u32 first = list[r].addr, last = first | ~mask_of(list[r].len);
    look_up(first);
    look_up(last);
    look_up(first - 1);
    look_up(last + 1);
    look_up(random_address());
}

static void random_changes_agree_with_a_list(void **state)
{
    srandom(4);
    for (u32 i = 0; i < 16000; i++) {
        /* up and down: nodes become whole, and are not any more */
        bool adds = (u32)random() % 10 < (i / 4000 % 2 ? 2 : 8);
        u32 r = 1 + (u32)random() % ROUTES;
        if (adds)
            trie_add(r, random_address(), random_len());
        else
            trie_del(r);
        look_around(r);
    }
    for (u32 r = 1; r <= ROUTES; r++) {
        trie_del(r);
        look_around(r);
    }
}

/* A /16 with a route for each /24, one in them for longer ones, and one over all of them. */
static void nodes_become_whole(void **state)
{
    u64 few = 0;
    for (u32 k = 0; k < 256; k++) {
        trie_add(1 + k, 0x14000000 | (k * 37 % 256) << 8, 24);
        few = k ? few : tries.slabs.used_bytes;
    }
    assert_true(root[0x1400] & TRIE_WHOLE);
    assert_int_equal(tries.slabs.used_bytes, TRIE_NODE_WORDS * sizeof(u32));
    trie_add(300, 0x14000700, 25);
    trie_add(301, 0x14000000, 20);
    trie_add(302, 0x14000000, 14);
    for (u32 k = 0; k < 256; k++)
        trie_del(1 + (k * 91 % 256));
    for (u32 r = 300; r <= 302; r++)
        look_around(r);
    assert_true(trie_is_node(root[0x1400]) && !(root[0x1400] & TRIE_WHOLE));
    assert_int_equal(tries.slabs.used_bytes, 2 * few);
    for (u32 r = 300; r <= 302; r++)
        trie_del(r);
}

/* What has no room is refused, and nothing has changed. */
static void without_room_nothing_changes(void **state)
{
    u32 taken[1100], n = 0, pages = tries.slabs.max_pages;
    trie_add(1, 0x14000000, 16);
    trie_add(2, 0x14000100, 24);
    tries.slabs.max_pages = tries.slabs.high;
    while (n < array_len(taken) && (taken[n] = slab_get(&tries.slabs, 0)))
        n++;
    for (u32 left = 0; left < 2; left++) {
        u64 used = tries.slabs.used_bytes;
        assert_int_equal(ip4_trie_insert(&tries, root, 0x15000000, 32, 3), -ENOSPC);
        assert_int_equal(ip4_trie_insert(&tries, root, 0x14000180, 25, 3), -ENOSPC);
        assert_int_equal(tries.slabs.used_bytes, used);
        look_around(1);
        look_around(2);
        look_up(0x15000000);
        slab_put(&tries.slabs, taken[--n], 0);
    }
    while (n)
        slab_put(&tries.slabs, taken[--n], 0);
    tries.slabs.max_pages = pages;
    trie_add(3, 0x15000000, 32);
    look_around(3);
    for (u32 r = 1; r <= 3; r++)
        trie_del(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_changes_agree_with_a_list, open_trie, close_trie),
        cmocka_unit_test_setup_teardown(nodes_become_whole, open_trie, close_trie),
        cmocka_unit_test_setup_teardown(without_room_nothing_changes, open_trie, close_trie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

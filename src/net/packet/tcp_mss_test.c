/* Holds the repaired checksum against one made anew, and the search against headers of any bytes,
 * in memory that ends where they do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/packet/checksum.h"
#include "net/packet/tcp_mss.h"

/* A header with these options, and its checksum; the caller frees it. */
static struct tcp_header *with_options(const u8 *options, u32 bytes)
{
    struct tcp_header *h = mem_alloc(sizeof(*h) + bytes);
    h->data_offset = (u8)((sizeof(*h) + bytes) / 4 << 4);
    h->flags = TCP_SYN;
    memcpy(h + 1, options, bytes);
    h->checksum = csum_finish(csum_add(0, h, sizeof(*h) + bytes));
    return h;
}

static struct buffer packet; /* whose data the header is */

static void larger_ones_are_found_and_lowered(void **state)
{
    static const u8 options[][8] = {{2, 4, 5, 180, 0},
                                    {1, 2, 4, 5, 180, 1, 1, 1},
                                    {4, 2, 2, 4, 5, 180, 1, 0},
                                    {1, 1, 1, 2, 4, 5, 180, 0}};
    for (u32 i = 0; i < array_len(options); i++) {
        struct tcp_header *h = with_options(options[i], 8);
        assert_int_equal(tcp_mss_above(h, 28, 1460), 0);
        u32 at = tcp_mss_above(h, 28, 1459);
        assert_int_equal(get_be16((u8 *)h + at), 1460);
        packet.data = (u8 *)h;
        tcp_mss_write(&packet, h, at, 1200);
        assert_int_equal(tcp_mss_above(h, 28, 1199), at);
        assert_int_equal(tcp_mss_above(h, 28, 1200), 0);
        assert_int_equal(csum_fold(csum_add(0, h, 28)), 0xffff);
        free(h);
    }
}

static void an_open_checksum_stays_as_it_is(void **state)
{
    struct tcp_header *h = with_options((const u8[]){2, 4, 5, 180}, 4);
    packet.data = (u8 *)h - 20;
    packet.flags = BUFFER_CSUM_PARTIAL;
    packet.csum_start = 20;
    be16 was = h->checksum;
    tcp_mss_write(&packet, h, tcp_mss_above(h, 24, 0), 1200);
    assert_true(be16_equal(h->checksum, was));
    assert_int_equal(get_be16((u8 *)h + 22), 1200);
    packet.flags = 0;
    free(h);
}

static void wrong_ones_are_none(void **state)
{
    static const u8 options[][4] = {{2, 0, 5, 180}, {2, 1, 5, 180}, {2, 3, 5, 180}, {2, 5, 5, 180},
                                    {0, 2, 4, 5},   {1, 2, 4, 5},   {3, 4, 1, 2}};
    for (u32 i = 0; i < array_len(options); i++) {
        struct tcp_header *h = with_options(options[i], 4);
        assert_int_equal(tcp_mss_above(h, 24, 0), 0);
        free(h);
    }
}

static void any_bytes_are_searched(void **state)
{
    u64 seed = 1;
    for (u32 round = 0; round < 100000; round++) {
        u32 bytes = 20 + round % 41;
        u8 *p = mem_alloc(bytes);
        for (u32 i = 0; i < bytes; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            p[i] = (u8)(seed >> (round % 2 ? 61 : 56)); /* of small numbers, options are made */
        }
        ((struct tcp_header *)(void *)p)->data_offset = (u8)(seed >> 40);
        u32 at = tcp_mss_above((struct tcp_header *)(void *)p, bytes, 0);
        assert_true(!at || (at >= 22 && at + 2 <= bytes && get_be16(p + at)));
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(larger_ones_are_found_and_lowered),
        cmocka_unit_test(an_open_checksum_stays_as_it_is),
        cmocka_unit_test(wrong_ones_are_none),
        cmocka_unit_test(any_bytes_are_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Room in front of packets: whatever they look like, their bytes and offsets stay. */
#include <errno.h>
#include <string.h>

#include "engine/engine_test.h"
#include "net/packet/chain.h"

static int teardown(void **state)
{
    for (u32 i = 0; i < buffer_pool_count(); i++) {
        struct buffer_pool_info info;
        buffer_pool_get_info(piste.engine, i, &info);
        assert_int_equal(info.used, 0);
    }
    return engine_teardown(state);
}

static u8 byte_at(u32 i)
{
    return (u8)(i * 31 + (i >> 8) * 7);
}

static struct buffer *packet(u32 pool, u32 n, i16 start)
{
    static u8 bytes[40000];
    u32 bi;
    for (u32 i = 0; i < n; i++)
        bytes[i] = byte_at(i);
    assert_int_equal(buffer_alloc(t, pool, &bi, 1), 1);
    struct buffer *b = buffer_at(bi);
    b->start = start;
    assert_int_equal(buffer_append(t, b, bytes, n), 0);
    b->l2_start = b->start;
    b->l3_start = (i16)(b->start + 14);
    b->l4_start = b->csum_start = (i16)(b->start + 34);
    b->inner_l3_start = (i16)(b->start + 60);
    return b;
}

static void has_room(u32 pool, u32 n, i16 start, u32 bytes)
{
    static u8 got[40000];
    struct buffer *b = packet(pool, n, start);
    assert_int_equal(chain_make_room(t, b, bytes), 0);
    assert_true(b->start >= (int)bytes);
    assert_int_equal(buffer_packet_len(b), n);
    assert_int_equal(buffer_copy_out(b, 0, got, sizeof(got)), n);
    for (u32 i = 0; i < n; i++)
        assert_int_equal(got[i], byte_at(i));
    assert_int_equal(b->l2_start, b->start);
    assert_int_equal(b->l3_start, b->start + 14);
    assert_int_equal(b->l4_start, b->start + 34);
    assert_int_equal(b->csum_start, b->start + 34);
    assert_int_equal(b->inner_l3_start, b->start + 60);
    /* it can be used */
    buffer_advance(b, -(int)bytes);
    memset(buffer_current(b), 0xee, bytes);
    assert_int_equal(buffer_copy_out(b, bytes, got, sizeof(got)), n);
    for (u32 i = 0; i < n; i++)
        assert_int_equal(got[i], byte_at(i));
    buffer_free_one(t, buffer_index(b));
}

static void room_is_made(void **state)
{
    static const u32 sizes[] = {1, 60, 256, 1000, 1900, 2047, 2048, 2049, 4096, 9000, 30000};
    static const i16 starts[] = {0, 1, 100, BUFFER_HEADROOM_BYTES};
    static const u32 rooms[] = {0, 1, 64, 128, 129, 500, CHAIN_ROOM_BYTES_MAX};
    for (u32 pool = 0; pool < 2; pool++)
        for (u32 i = 0; i < array_len(sizes); i++)
            for (u32 k = 0; k < array_len(starts); k++)
                for (u32 j = 0; j < array_len(rooms); j++)
                    has_room(pool ? BUFFER_POOL_LARGE : BUFFER_POOL_DEFAULT, sizes[i], starts[k],
                             rooms[j]);
}

static void what_others_hold_stays(void **state)
{
    struct buffer *b = packet(BUFFER_POOL_DEFAULT, 100, 20);
    assert_true(buffer_share(b));
    assert_int_equal(chain_make_room(t, b, 20), 0); /* it is there */
    assert_int_equal(chain_make_room(t, b, 200), -EINVAL);
    assert_int_equal(b->start, 20);
    buffer_free_one(t, buffer_index(b));
    assert_int_equal(chain_make_room(t, b, CHAIN_ROOM_BYTES_MAX + 1), -EINVAL);
    buffer_free_one(t, buffer_index(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_is_made),
        cmocka_unit_test(what_others_hold_stays),
    };
    return cmocka_run_group_tests(tests, engine_setup, teardown);
}

/* Records of the control socket, byte by byte as VPP has them, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "plugins/memif/memif_protocol.h"

struct vector {
    struct memif_message m;
    u8 bytes[48];
    u32 n;
};

static void records_are_vpps(void **state)
{
    static const struct vector vectors[] = {
        {{.type = MEMIF_ACK}, {1, 0}, 2},
        {{.type = MEMIF_HELLO, .hello = {"VPP 26.06-release", 0x200, 0x200, 256, 256, 256, 14}},
         {2,    0,        0x56,     0x50,     0x50,     0x20,     0x32,     0x36, 0x2e,
          0x30, 0x36,     0x2d,     0x72,     0x65,     0x6c,     0x65,     0x61, 0x73,
          0x65, [35] = 2, [37] = 2, [39] = 1, [41] = 1, [43] = 1, [44] = 14},
         45},
        {{.type = MEMIF_INIT, .init = {0x200, 0x01020304, 0, "s3cret", "V"}},
         {3, 0, 0, 2, 4, 3, 2, 1, 0, 's', '3', 'c', 'r', 'e', 't', [33] = 'V'},
         34},
        {{.type = MEMIF_ADD_REGION, .region = {0, 4227328}}, {4, 0, 0, 0, 0, 0x81, 0x40}, 12},
        {{.type = MEMIF_ADD_RING, .ring = {MEMIF_S2M, 0, 0, 0, 10, 0}},
         {5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10},
         15},
        {{.type = MEMIF_ADD_RING, .ring = {MEMIF_M2S, 1, 0, 16512, 10, 0}},
         {5, 0, 0, 0, 1, 0, 0, 0, 0x80, 0x40, 0, 0, 10},
         15},
        {{.type = MEMIF_CONNECTED, .connect = {"memif1/0"}},
         {7, 0, 0x6d, 0x65, 0x6d, 0x69, 0x66, 0x31, 0x2f, 0x30},
         10},
        {{.type = MEMIF_DISCONNECT, .disconnect = {7, "mode mismatch"}},
         {8, 0, 7, 0, 0, 0, 'm', 'o', 'd', 'e', ' ', 'm', 'i', 's', 'm', 'a', 't', 'c', 'h'},
         19},
    };
    union {
        u16 word;
        u8 bytes[2];
    } order = {.word = 1};
    for (u32 i = 0; i < array_len(vectors); i++) {
        u8 record[MEMIF_MESSAGE_BYTES], again[MEMIF_MESSAGE_BYTES];
        struct memif_message back;
        memif_message_write(&vectors[i].m, record);
        if (order.bytes[0]) /* they are of a machine that has the low byte first */
            assert_memory_equal(record, vectors[i].bytes, vectors[i].n);
        for (u32 k = vectors[i].n; k < sizeof(record); k++)
            assert_int_equal(record[k], 0);
        assert_true(memif_message_read(record, &back));
        memif_message_write(&back, again);
        assert_memory_equal(record, again, sizeof(record));
    }
}

static void texts_are_bounded_and_printable(void **state)
{
    struct memif_message m = {.type = MEMIF_DISCONNECT};
    u8 record[MEMIF_MESSAGE_BYTES];
    memset(record, 0xff, sizeof(record));
    record[0] = record[1] = 0;
    memcpy(record, &m.type, 2);
    assert_true(memif_message_read(record, &m));
    assert_int_equal(strlen(m.disconnect.reason), MEMIF_REASON_BYTES - 1);
    assert_int_equal(strspn(m.disconnect.reason, "?"), MEMIF_REASON_BYTES - 1);
    memset(record, 0, 2);
    assert_false(memif_message_read(record, &m));
    m.type = MEMIF_DISCONNECT + 1;
    memcpy(record, &m.type, 2);
    assert_false(memif_message_read(record, &m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_vpps),
        cmocka_unit_test(texts_are_bounded_and_printable),
    };
    return cmocka_run_group_tests_name("memif", tests, NULL, NULL);
}

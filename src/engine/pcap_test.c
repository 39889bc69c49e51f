/* pcap files: bytes as other programs write and expect them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/byteorder.h"
#include "engine/pcap.h"

/* As tcpdump on a machine of the other byte order writes it. */
static const u8 big_endian_file[] = {
    0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,  0,   0,   0,   0,
    0,    1,    0,    0,    0, 7, 0, 0, 0, 9, 0, 0, 0, 3, 0, 0, 0, 60, 'a', 'b', 'c',
};

static void reads_the_other_byte_order(void **state)
{
    struct pcap_reader r;
    struct pcap_record record;
    struct error e;
    u8 copy[sizeof(big_endian_file)];
    memcpy(copy, big_endian_file, sizeof(copy));
    assert_int_equal(pcap_read_start(&r, copy, sizeof(copy), &e), 0);
    assert_true(r.swapped == (BYTEORDER_SWAP == 1));
    assert_int_equal(r.link_type, PCAP_LINK_ETHERNET);
    assert_int_equal(pcap_read_next(&r, &record, &e), 1);
    assert_int_equal(record.incl_bytes, 3);
    assert_int_equal(record.orig_bytes, 60);
    assert_int_equal(record.time_ns, 7000009000);
    assert_memory_equal(record.data, "abc", 3);
    assert_int_equal(pcap_read_next(&r, &record, &e), 0);
}

static void reads_what_it_wrote(void **state)
{
    u8 file[PCAP_HEADER_BYTES + PCAP_RECORD_HEADER_BYTES + 5];
    struct pcap_reader r;
    struct pcap_record record;
    struct error e;
    pcap_put_header(file, PCAP_LINK_RAW_IP);
    pcap_put_record_header(file + PCAP_HEADER_BYTES, 1795345313353050999, 5, 1500);
    memcpy(file + PCAP_HEADER_BYTES + PCAP_RECORD_HEADER_BYTES, "12345", 5);
    assert_int_equal(load_u32(file), 0xa1b2c3d4);
    assert_int_equal(load_u32(file + 16), 65536);
    assert_int_equal(pcap_read_start(&r, file, sizeof(file), &e), 0);
    assert_int_equal(r.link_type, PCAP_LINK_RAW_IP);
    assert_int_equal(pcap_read_next(&r, &record, &e), 1);
    assert_int_equal(record.time_ns, 1795345313353050000);
    assert_int_equal(record.orig_bytes, 1500);
    assert_memory_equal(record.data, "12345", 5);
}

static void refuses_what_is_cut_off(void **state)
{
    struct pcap_reader r;
    struct pcap_record record;
    struct error e;
    for (size_t n = 0; n < PCAP_HEADER_BYTES; n++)
        assert_int_equal(pcap_read_start(&r, big_endian_file, n, &e), -EINVAL);
    for (size_t n = PCAP_HEADER_BYTES + 1; n < sizeof(big_endian_file); n++) {
        assert_int_equal(pcap_read_start(&r, big_endian_file, n, &e), 0);
        assert_int_equal(pcap_read_next(&r, &record, &e), -EINVAL);
    }
}

static void refuses_other_formats(void **state)
{
    u8 file[PCAP_HEADER_BYTES] = {0x0a, 0x0d, 0x0d, 0x0a};
    struct pcap_reader r;
    struct error e;
    assert_int_equal(pcap_read_start(&r, file, sizeof(file), &e), -EINVAL);
    assert_non_null(strstr(e.text, "pcapng"));
    memset(file, 'x', sizeof(file));
    assert_int_equal(pcap_read_start(&r, file, sizeof(file), &e), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_other_byte_order),
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(refuses_what_is_cut_off),
        cmocka_unit_test(refuses_other_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

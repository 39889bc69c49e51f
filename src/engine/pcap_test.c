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
    u8 file[PCAP_HEADER_BYTES];
    struct pcap_reader r;
    struct error e;
    memset(file, 'x', sizeof(file));
    assert_int_equal(pcap_read_start(&r, file, sizeof(file), &e), -EINVAL);
}

/* --- pcapng --- */

struct ng_file {
    u8 bytes[1024];
    size_t n;
    bool swapped;
};

static void ng_u32(struct ng_file *f, u32 x)
{
    store_u32(f->bytes + f->n, f->swapped ? __builtin_bswap32(x) : x);
    f->n += 4;
}

static void ng_u16_pair(struct ng_file *f, u16 a, u16 b)
{
    store_u16(f->bytes + f->n, f->swapped ? __builtin_bswap16(a) : a);
    store_u16(f->bytes + f->n + 2, f->swapped ? __builtin_bswap16(b) : b);
    f->n += 4;
}

static void ng_section(struct ng_file *f)
{
    ng_u32(f, 0x0a0d0d0a);
    ng_u32(f, 28);
    ng_u32(f, 0x1a2b3c4d);
    ng_u16_pair(f, 1, 0);
    ng_u32(f, UINT32_MAX);
    ng_u32(f, UINT32_MAX);
    ng_u32(f, 28);
}

/* Times in 2^-10 s; at most snap bytes of a packet. */
static void ng_interface(struct ng_file *f, u16 link, u32 snap)
{
    ng_u32(f, 1);
    ng_u32(f, 32);
    ng_u16_pair(f, link, 0);
    ng_u32(f, snap);
    ng_u16_pair(f, 9, 1);
    f->bytes[f->n] = 0x80 | 10;
    f->n += 4;
    ng_u16_pair(f, 0, 0);
    ng_u32(f, 32);
}

static void ng_packet(struct ng_file *f, u32 interface, u32 time, const char data[4])
{
    ng_u32(f, 6);
    ng_u32(f, 36);
    ng_u32(f, interface);
    ng_u32(f, 0);
    ng_u32(f, time);
    ng_u32(f, 3);
    ng_u32(f, 99);
    memcpy(f->bytes + f->n, data, 4);
    f->n += 4;
    ng_u32(f, 36);
}

static void ng_simple_packet(struct ng_file *f, u32 orig_bytes, const char data[4])
{
    ng_u32(f, 3);
    ng_u32(f, 20);
    ng_u32(f, orig_bytes);
    memcpy(f->bytes + f->n, data, 4);
    f->n += 4;
    ng_u32(f, 20);
}

/* Two sections in different byte orders, with a block between that nobody knows. */
static struct ng_file ng_sample(void)
{
    struct ng_file f = {0};
    ng_section(&f);
    ng_interface(&f, PCAP_LINK_ETHERNET, 4);
    ng_packet(&f, 0, 1536, "abc");
    ng_u32(&f, 0x40000bad);
    ng_u32(&f, 12);
    ng_u32(&f, 12);
    ng_simple_packet(&f, 1500, "1234");
    f.swapped = true;
    ng_section(&f);
    ng_interface(&f, PCAP_LINK_RAW, 0);
    ng_interface(&f, PCAP_LINK_RAW, 0);
    ng_packet(&f, 1, 1024, "xyz");
    ng_simple_packet(&f, 2, "56\0");
    return f;
}

static void reads_pcapng(void **state)
{
    static const struct {
        const char *data;
        u32 bytes, orig_bytes;
        u64 time_ns;
    } want[] = {{"abc", 3, 99, 1500000000},
                {"1234", 4, 1500, 0},
                {"xyz", 3, 99, 1000000000},
                {"56", 2, 2, 0}};
    struct ng_file f = ng_sample();
    struct pcap_reader r;
    struct pcap_record record;
    struct error e;
    assert_int_equal(pcap_read_start(&r, f.bytes, f.n, &e), 0);
    for (u32 i = 0; i < array_len(want); i++) {
        assert_int_equal(pcap_read_next(&r, &record, &e), 1);
        assert_int_equal(record.incl_bytes, want[i].bytes);
        assert_int_equal(record.orig_bytes, want[i].orig_bytes);
        assert_int_equal(record.time_ns, want[i].time_ns);
        assert_memory_equal(record.data, want[i].data, want[i].bytes);
        assert_int_equal(r.link_type, i < 2 ? PCAP_LINK_ETHERNET : PCAP_LINK_RAW);
    }
    assert_int_equal(pcap_read_next(&r, &record, &e), 0);
}

static void refuses_broken_pcapng(void **state)
{
    struct ng_file whole = ng_sample();
    struct pcap_reader r;
    struct pcap_record record;
    struct error e;
    for (size_t n = PCAP_HEADER_BYTES; n < whole.n; n++) { /* cut off anywhere */
        int rc = pcap_read_start(&r, whole.bytes, n, &e);
        assert_int_equal(rc, 0);
        while ((rc = pcap_read_next(&r, &record, &e)) == 1)
            assert_true(record.data + record.incl_bytes <= whole.bytes + n);
        assert_true(rc == 0 || (rc == -EINVAL && strstr(e.text, "pcapng")));
    }
    struct ng_file f = {0};
    ng_section(&f);
    ng_packet(&f, 0, 0, "abc");
    assert_int_equal(pcap_read_start(&r, f.bytes, f.n, &e), 0);
    assert_int_equal(pcap_read_next(&r, &record, &e), -EINVAL);
    assert_string_equal(e.text, "pcapng packet of interface 0 of 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_other_byte_order),
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(refuses_what_is_cut_off),
        cmocka_unit_test(refuses_other_formats),
        cmocka_unit_test(reads_pcapng),
        cmocka_unit_test(refuses_broken_pcapng),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

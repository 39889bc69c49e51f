/* When errors are sent (RFC 1812 4.3.2.7), what they hold, and how many. */
#include <string.h>

#include "base/clock.h"
#include "engine/engine_test.h"
#include "net/ip/icmp/icmp4.h"
#include "net/packet/ip4_packet.h"

static struct buffer *packet(const char *src, u8 protocol, u32 bytes)
{
    static u8 p[4000];
    struct ip4_header *h = (struct ip4_header *)(p + 14);
    u32 bi;
    for (u32 i = 0; i < sizeof(p); i++)
        p[i] = (u8)(i * 7);
    p[0] = 2;
    *h = (struct ip4_header){.version_ihl = 0x45,
                             .length = be16_from_host((u16)bytes),
                             .ttl = 1,
                             .protocol = protocol,
                             .dst = be32_from_host(0xc0000201)};
    memcpy(&h->src, src, 4);
    p[34] = 8; /* of ICMP: echo request */
    ip4_set_checksum(h);
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1), 1);
    struct buffer *b = buffer_at(bi);
    assert_int_equal(buffer_append(t, b, p, 14 + bytes), 0);
    b->l2_start = b->start;
    buffer_advance(b, 14);
    b->l3_start = b->start;
    return b;
}

static struct ip4_header *header(struct buffer *b)
{
    return buffer_current(b);
}

static void expect(struct buffer *b, enum icmp4_error error)
{
    assert_int_equal(icmp4_error_allowed(b), error);
    buffer_free_one(t, buffer_index(b));
}

static void sources_must_be_one_host(void **state)
{
    expect(packet("\x0a\x00\x00\x01", 17, 100), ICMP4_ERROR_NONE);
    expect(packet("\x00\x00\x00\x00", 17, 100), ICMP4_ERROR_NOT_ALLOWED);
    expect(packet("\x00\x01\x02\x03", 17, 100), ICMP4_ERROR_NOT_ALLOWED);
    expect(packet("\x7f\x00\x00\x01", 17, 100), ICMP4_ERROR_NOT_ALLOWED);
    expect(packet("\xe0\x00\x00\x01", 17, 100), ICMP4_ERROR_NOT_ALLOWED);
    expect(packet("\xf0\x00\x00\x01", 17, 100), ICMP4_ERROR_NOT_ALLOWED);
    expect(packet("\xff\xff\xff\xff", 17, 100), ICMP4_ERROR_NOT_ALLOWED);
}

static void never_about_groups(void **state)
{
    struct buffer *b = packet("\x0a\x00\x00\x01", 17, 100);
    header(b)->dst = be32_from_host(0xe0000005);
    expect(b, ICMP4_ERROR_NOT_ALLOWED);
    b = packet("\x0a\x00\x00\x01", 17, 100);
    header(b)->dst = BE32(0xffffffff);
    expect(b, ICMP4_ERROR_NOT_ALLOWED);
    b = packet("\x0a\x00\x00\x01", 17, 100);
    b->data[b->l2_start] = 0xff; /* one host's address in a broadcast frame */
    expect(b, ICMP4_ERROR_NOT_ALLOWED);
}

static void never_about_later_fragments(void **state)
{
    struct buffer *b = packet("\x0a\x00\x00\x01", 17, 100);
    header(b)->fragment = be16_from_host(IP4_MF);
    expect(b, ICMP4_ERROR_NONE);
    b = packet("\x0a\x00\x00\x01", 17, 100);
    header(b)->fragment = be16_from_host(5);
    expect(b, ICMP4_ERROR_NOT_ALLOWED);
}

static void never_about_errors(void **state)
{
    static const u8 errors[] = {3, 4, 5, 11, 12}, others[] = {0, 8, 9, 10, 13, 17};
    for (u32 i = 0; i < sizeof(errors); i++) {
        struct buffer *b = packet("\x0a\x00\x00\x01", 1, 100);
        ((u8 *)buffer_current(b))[20] = errors[i];
        expect(b, ICMP4_ERROR_NOT_ALLOWED);
    }
    for (u32 i = 0; i < sizeof(others); i++) {
        struct buffer *b = packet("\x0a\x00\x00\x01", 1, 100);
        ((u8 *)buffer_current(b))[20] = others[i];
        expect(b, ICMP4_ERROR_NONE);
    }
    expect(packet("\x0a\x00\x00\x01", 1, 20),
           ICMP4_ERROR_NOT_ALLOWED); /* an ICMP message without a type */
}

static void builds(u32 bytes, u32 quoted)
{
    struct buffer *b = packet("\x0a\x00\x00\x01", 17, bytes);
    u8 whole[600], original[4000];
    u32 bi;

    ip4_note_icmp_error(b, ICMP4_DESTINATION_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED, 1400);
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1), 1);
    struct buffer *to = buffer_at(bi);
    icmp4_error_build(to, b, be32_from_host(0xc0000201), 99);
    buffer_copy_out(b, 0, original, sizeof(original));
    assert_int_equal(to->len, 28 + quoted);
    assert_int_equal(buffer_copy_out(to, 0, whole, sizeof(whole)), 28 + quoted);
    const struct ip4_header *h = (const struct ip4_header *)whole;
    assert_true(ip4_checksum_is_right(h));
    assert_int_equal(ip4_length(h), 28 + quoted);
    assert_int_equal(be32_to_host(h->src), 0xc0000201);
    assert_memory_equal(&h->dst, "\x0a\x00\x00\x01", 4);
    assert_int_equal(h->protocol, 1);
    assert_memory_equal(whole + 20, "\x03\x04", 2);
    assert_int_equal(get_be32(whole + 24), 1400);
    assert_int_equal(csum_fold(csum_add(0, whole + 20, 8 + quoted)), 0xffff);
    assert_memory_equal(whole + 28, original, quoted);
    assert_true(to->flags & BUFFER_LOCAL);
    buffer_free_one(t, bi);
    buffer_free_one(t, buffer_index(b));
}

static void messages_quote_up_to_576_bytes(void **state)
{
    builds(28, 28);
    builds(100, 100);
    builds(548, 548);
    builds(549, 548);
    builds(3000, 548); /* a chain */
}

static void padding_is_not_quoted(void **state)
{
    struct buffer *b = packet("\x0a\x00\x00\x01", 17, 46);
    u32 bi;
    header(b)->length = be16_from_host(28);
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1), 1);
    icmp4_error_build(buffer_at(bi), b, (be32){0}, 0);
    assert_int_equal(buffer_at(bi)->len, 28 + 28);
    buffer_free_one(t, bi);
    buffer_free_one(t, buffer_index(b));
}

static void rate_is_limited(void **state)
{
    u64 tat = 0, now = 1000 * NS_PER_SEC;
    u32 sent = 0;
    for (u32 i = 0; i < 5000; i++)
        sent += icmp_rate_take(&tat, now, 1000, 100);
    assert_int_equal(sent, 100);
    /* ten tries a millisecond, for ten seconds */
    for (u32 i = 0; i < 100000; i++) {
        now += 100 * NS_PER_USEC;
        sent += icmp_rate_take(&tat, now, 1000, 100);
    }
    assert_in_range(sent, 10100 - 1, 10100 + 1);
    now += 60 * NS_PER_SEC; /* quiet time earns one burst, not sixty */
    sent = 0;
    for (u32 i = 0; i < 5000; i++)
        sent += icmp_rate_take(&tat, now, 1000, 100);
    assert_int_equal(sent, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_must_be_one_host),
        cmocka_unit_test(never_about_groups),
        cmocka_unit_test(never_about_later_fragments),
        cmocka_unit_test(never_about_errors),
        cmocka_unit_test(messages_quote_up_to_576_bytes),
        cmocka_unit_test(padding_is_not_quoted),
        cmocka_unit_test(rate_is_limited),
    };
    return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}

/* Goldens from traces of VPP, and headers that end too early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/trace.h"
#include "net/packet/ip4_format.h"
#include "net/packet/ip4_packet.h"

static u32 from_hex(u8 *out, const char *hex)
{
    u32 n = 0;
    for (; hex[0] && hex[1]; hex += 2) {
        while (*hex == ' ')
            hex++;
        unsigned x = 0;
        for (unsigned i = 0; i < 2; i++)
            x = x * 16 + (unsigned)(hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
        out[n++] = (u8)x;
    }
    return n;
}

static void expect(const char *hex, unsigned indent, const char *text)
{
    u8 packet[256];
    u32 n = from_hex(packet, hex);
    struct text t = {0};
    ip4_format_header(&t, packet, n, indent);
    assert_string_equal(text_str(&t), text);
    text_free(&t);
}

static void icmp_echo(void **state)
{
    const char *hex =
        "45000054cdea4000400156a80a0a01020a0a0101 0000f93a3a670001 5bca026b00000000a754080000";
    expect(hex, 0,
           "ICMP: 10.10.1.2 -> 10.10.1.1\n"
           "  tos 0x00, ttl 64, length 84, checksum 0x56a8 dscp CS0 ecn NON_ECN\n"
           "  fragment id 0xcdea, flags DONT_FRAGMENT\n"
           "ICMP echo_reply checksum 0xf93a id 14951");
    expect(hex, 2,
           "  ICMP: 10.10.1.2 -> 10.10.1.1\n"
           "    tos 0x00, ttl 64, length 84, checksum 0x56a8 dscp CS0 ecn NON_ECN\n"
           "    fragment id 0xcdea, flags DONT_FRAGMENT\n"
           "  ICMP echo_reply checksum 0xf93a id 14951");
}

static void udp(void **state)
{
    expect("45000054000000004011 8e62 c0000201c6336402 04d2162e00400124 0001", 0,
           "UDP: 192.0.2.1 -> 198.51.100.2\n"
           "  tos 0x00, ttl 64, length 84, checksum 0x8e62 dscp CS0 ecn NON_ECN\n"
           "  fragment id 0x0000\n"
           "UDP: 1234 -> 5678\n"
           "  length 64, checksum 0x0124");
}

static void tcp(void **state)
{
    expect("45b80028000140004006 3116 0a0000010a000002 0050a3c2000000050000000650120007a7b80000", 0,
           "TCP: 10.0.0.1 -> 10.0.0.2\n"
           "  tos 0xb8, ttl 64, length 40, checksum 0x3116 (should be 0x2615) dscp EF ecn NON_ECN\n"
           "  fragment id 0x0001, flags DONT_FRAGMENT\n"
           "TCP: 80 -> 41922\n"
           "  seq. tx 0x00000005 rx 0x00000006\n"
           "  flags 0x12 SYN ACK, tcp header: 20 bytes\n"
           "  window 7, checksum 0xa7b8");
}

static void a_later_fragment_has_no_l4_header(void **state)
{
    expect("4501001c0005200201110000 0a0000010a000002 0050a3c200000000", 0,
           "UDP: 10.0.0.1 -> 10.0.0.2\n"
           "  tos 0x01, ttl 1, length 28, checksum 0x0000 (should be 0x85c7) dscp CS0 ecn ECT_1\n"
           "  fragment id 0x0005 offset 16, flags MORE_FRAGMENTS");
}

static void what_is_cut_off_is_said(void **state)
{
    expect("4500", 0, "IP header truncated");
    expect("4500001c000000004011 66cf 0a0000010a000002 0050", 0,
           "UDP: 10.0.0.1 -> 10.0.0.2\n"
           "  tos 0x00, ttl 64, length 28, checksum 0x66cf dscp CS0 ecn NON_ECN\n"
           "  fragment id 0x0000\n"
           "UDP header truncated");
    expect("4f00001c0000000040fd 0000 0a0000010a000002 0050", 0,
           "unknown 253: 10.0.0.1 -> 10.0.0.2\n"
           "  version 4, header length 60\n"
           "  tos 0x00, ttl 64, length 28, checksum 0x0000 dscp CS0 ecn NON_ECN\n"
           "  fragment id 0x0000");
}

static void icmp_errors(void **state)
{
    expect(
        "45c00038000000004001 665f 0a0000010a000002 03040000 000005dc", 0,
        "ICMP: 10.0.0.1 -> 10.0.0.2\n"
        "  tos 0xc0, ttl 64, length 56, checksum 0x665f (should be 0x6603) dscp CS6 ecn NON_ECN\n"
        "  fragment id 0x0000\n"
        "ICMP destination_unreachable fragmentation_needed_and_dont_fragment_set checksum 0x0");
}

/* The packet ends where memory does: a byte too many is a crash, with a sanitizer or without. */
static void no_input_reads_past_its_end(void **state)
{
    enum { BYTES = 64 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    u8 *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
    u8 *packet = map + page - BYTES;
    u64 x = 1;
    u32 n_truncated = 0;
    for (unsigned round = 0; round < 50000; round++) {
        for (unsigned i = 0; i < BYTES; i++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            packet[i] = (u8)(x >> 56);
        }
        packet[9] = (u8[]){1, 6, 17, packet[9]}[round & 3];
        u32 n = (u32)(x >> 40) % (BYTES + 1);
        struct text t = {0};
        ip4_format_header(&t, packet + BYTES - n, n, 0);
        assert_true(t.len > 0 && t.s[t.len - 1] != '\n');
        n_truncated += strstr(t.s, "truncated") != NULL;
        assert_true(n >= 20 || !strcmp(t.s, "IP header truncated"));
        text_free(&t);
    }
    assert_true(n_truncated > 1000);
    munmap(map, 2 * page);
}

static void protocols(void **state)
{
    u8 p = 0;
    assert_true(ip_protocol_by_name("udp", &p));
    assert_int_equal(p, IP_PROTOCOL_UDP);
    assert_false(ip_protocol_by_name("nonsense", &p));
    assert_string_equal(ip_protocol_name(58), "ICMP6");
    assert_null(ip_protocol_name(255));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(icmp_echo),
        cmocka_unit_test(udp),
        cmocka_unit_test(tcp),
        cmocka_unit_test(a_later_fragment_has_no_l4_header),
        cmocka_unit_test(what_is_cut_off_is_said),
        cmocka_unit_test(icmp_errors),
        cmocka_unit_test(no_input_reads_past_its_end),
        cmocka_unit_test(protocols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

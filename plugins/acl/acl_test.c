/* Lookups of rules against the rules one by one; packets against what their headers say. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "plugins/acl/acl_key.h"
#include "plugins/acl/acl_rule.h"
#include "plugins/acl/acl_test_rules.h"

#define RULES_MAX 6000

/* --- lookups --- */

static u64 flat[4 * RULES_MAX * (2 * ACL_KEY_WORDS_6 + 2)];

static void find_random(struct acl_random *x, const struct acl_rule *rules, u32 n,
                        enum ip_family family, bool fragments, u32 keys)
{
    u32 words = family == IP_FAMILY_4 ? ACL_KEY_WORDS_4 : ACL_KEY_WORDS_6;
    struct acl_match *m = acl_rules_compile(rules, n, family, fragments);
    u32 n_flat = acl_rules_flatten(rules, 0, n, family, fragments, flat), hits = 0;
    for (u32 i = 0; i < keys && m; i++) {
        u64 key[ACL_KEY_WORDS_6];
        acl_random_key(x, &rules[acl_random_below(x, n)], key);
        u32 want = acl_match_slowly(flat, n_flat, key, words);
        u32 have = acl_key_find(m, key, family);
        if (want != have)
            fail_msg("key %u of %u rules: rule %d, not %d", i, n, (int)have, (int)want);
        hits += want != ACL_MATCH_NONE;
    }
    if (m && keys > 100)
        assert_true(hits);
    acl_match_free(m);
}

static void test_lookups(void **state)
{
    static const u32 sizes[] = {1, 2, 3, 10, 50, 300, 3000};
    struct acl_random x = {1};
    struct acl_rule *rules = mem_alloc(RULES_MAX * sizeof(*rules));
    for (u32 round = 0; round < 40; round++)
        for (u32 k = 0; k < array_len(sizes); k++) {
            if (sizes[k] > 300 && round % 8)
                continue;
            enum ip_family family = round % 2 ? IP_FAMILY_6 : IP_FAMILY_4;
            acl_random_rules(&x, (enum acl_random_kind)(round / 2 % ACL_RANDOM_KINDS), family,
                             rules, sizes[k]);
            find_random(&x, rules, sizes[k], family, round % 3 == 2, 400);
        }
    free(rules);
}

/* Rules that differ in nothing that a table can ask for. */
static void test_all_alike(void **state)
{
    struct acl_random x = {7};
    struct acl_rule *rules = mem_alloc(RULES_MAX * sizeof(*rules));
    for (u32 i = 0; i < 3000; i++)
        rules[i] = (struct acl_rule){.action = ACL_DENY,
                                     .protocol = IP_PROTOCOL_TCP,
                                     .src_last = UINT16_MAX,
                                     .dst_first = (u16)(30000 - i),
                                     .dst_last = (u16)(30000 + i)};
    find_random(&x, rules, 3000, IP_FAMILY_4, false, 2000);
    find_random(&x, rules, 3000, IP_FAMILY_4, true, 10);
    free(rules);
}

/* Among many rules some that have nearly all packets, so that few of those behind them are reached:
 * lookups are by cells then. */
static void test_few_reached(void **state)
{
    struct acl_random x = {11};
    struct acl_rule *rules = mem_alloc(RULES_MAX * sizeof(*rules));
    for (u32 round = 0; round < 8; round++) {
        enum ip_family family = round % 2 ? IP_FAMILY_6 : IP_FAMILY_4;
        acl_random_rules(&x, ACL_RANDOM_OVERLAP, family, rules, RULES_MAX);
        for (u32 i = 0; i < 6; i++) { /* one behind the other: of fewer, then of more packets */
            struct acl_rule *wide = &rules[300 + 250 * i + acl_random_below(&x, 200)];
            wide->src.len = wide->dst.len = (u8)(6 - i);
            wide->src.addr = ip_address_mask(&wide->src.addr, wide->src.len);
            wide->dst.addr = ip_address_mask(&wide->dst.addr, wide->dst.len);
            wide->protocol = i % 2 ? 0 : IP_PROTOCOL_TCP;
            wide->src_first = wide->dst_first = wide->tcp_flags_mask = wide->tcp_flags_value = 0;
            wide->src_last = wide->dst_last = UINT16_MAX;
        }
        find_random(&x, rules, RULES_MAX, family, round >= 6, 400);
        struct acl_match *m = acl_rules_compile(rules, RULES_MAX, family, round >= 6);
        assert_true(m->n_entries < RULES_MAX / 2 && (m->cells || family == IP_FAMILY_6));
        acl_match_free(m);
    }
    rules[0] = (struct acl_rule){.src_last = UINT16_MAX, .dst_last = UINT16_MAX};
    struct acl_match *m = acl_rules_compile(rules, RULES_MAX, IP_FAMILY_4, false);
    assert_int_equal(m->n_entries, 1);
    acl_match_free(m);
    free(rules);
}

/* --- what rules say --- */

static u32 judge(const char *text, const struct acl_key *k, enum ip_family family)
{
    struct acl_rules rules = {0};
    struct error e;
    if (acl_rules_parse(&text, &rules, &e))
        fail_msg("%s", e.text);
    struct acl_match *m =
        acl_rules_compile(rules.v, rules.n, family, k->headers == ACL_HEADERS_FRAGMENT);
    u32 rule = acl_key_find(m, k->words, family);
    acl_match_free(m);
    free(rules.v);
    return rule;
}

static struct acl_key key4(const u8 *packet, u32 len)
{
    struct acl_key k;
    acl_key_ip4(&k, packet, len);
    return k;
}

static const u8 tcp4[40] = {0x45, 0, 0, 40, 0, 1, 0,  0, 64, 6, 0, 0, 10, 1, 0, 2,    10,
                            2,    0, 2, 4,  0, 0, 80, 0, 0,  0, 0, 0, 0,  0, 0, 0x50, TCP_SYN};
static const u8 icmp4[28] = {0x45, 0, 0,  28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 1,
                             0,    2, 10, 2,  0, 2, 8, 0, 0,  0, 1, 2, 0,  1};

static void test_rules_of_packets(void **state)
{
    struct acl_key k = key4(tcp4, sizeof(tcp4));
    assert_int_equal(k.headers, ACL_HEADERS_WHOLE);
    assert_int_equal(judge("deny src 10.1.0.3/32, permit src 10.1.0.2/32 proto 6 dport 80", &k, 0),
                     1);
    assert_int_equal(judge("permit dst 10.2.0.0/16 proto 6 sport 1000-1024", &k, 0), 0);
    assert_int_equal(judge("permit proto 6 sport 1000-1023", &k, 0), ACL_MATCH_NONE);
    assert_int_equal(judge("permit proto 17 dport 80", &k, 0), ACL_MATCH_NONE);
    assert_int_equal(judge("permit dport 81", &k, 0), 0); /* any protocol: ports do not count */
    assert_int_equal(judge("permit proto 6 tcpflags 2 mask 18", &k, 0), 0);
    assert_int_equal(judge("permit proto 6 tcpflags 18 mask 18", &k, 0), ACL_MATCH_NONE);
    assert_int_equal(judge("permit proto 6 tcpflags 2 mask 16", &k, 0), ACL_MATCH_NONE);
    assert_int_equal(judge("permit src 2001:db8::/32", &k, 0), ACL_MATCH_NONE);
    k = key4(icmp4, sizeof(icmp4));
    assert_int_equal(judge("permit proto 1 sport 8 dport 0", &k, 0), 0);
    assert_int_equal(judge("permit proto 1 sport 0-7", &k, 0), ACL_MATCH_NONE);
    assert_int_equal(k.icmp_id, 0x102);
}

static void test_fragments(void **state)
{
    u8 packet[sizeof(tcp4)];
    memcpy(packet, tcp4, sizeof(packet));
    packet[7] = 2; /* 16 bytes behind the first */
    struct acl_key k = key4(packet, sizeof(packet));
    assert_int_equal(k.headers, ACL_HEADERS_FRAGMENT);
    assert_int_equal(judge("deny proto 17, permit proto 6 dport 22", &k, 0), 1);
    packet[7] = 1; /* within the TCP header */
    assert_int_equal(key4(packet, sizeof(packet)).headers, ACL_HEADERS_BAD);
}

static void test_cut_off(void **state)
{
    for (u32 len = 0; len < sizeof(tcp4); len++) {
        u8 *cut = mem_alloc(len ? len : 1); /* so that a read behind it is seen */
        memcpy(cut, tcp4, len);
        assert_int_equal(key4(cut, len).headers, ACL_HEADERS_BAD);
        free(cut);
    }
}

static void key_any(struct acl_key *k, const u8 *packet, u32 len, bool ip6)
{
    static const struct acl_skipped skipped = {{1ull << 0 | 1ull << 43 | 1ull << 44 | 1ull << 60}};
    if (ip6)
        acl_key_ip6(k, packet, len, &skipped);
    else
        acl_key_ip4(k, packet, len);
}

static const u8 tcp6[60] = {
    0x60, [5] = 20, [6] = 6, 64, [23] = 1, [39] = 2, [41] = 80, [52] = 0x50};

/* Packets that are like others have their keys; what lists do not ask for makes them no other ones.
 */
static void test_alike(void **state)
{
    static const u8 free4[] = {1, 2, 3, 4, 5, 8, 10, 11, 24}, free6[] = {2, 3, 4, 5, 7, 44};
    for (u32 n = 0; n < 4; n++) {
        bool ip6 = n & 1;
        u32 ip = ip6 ? 40 : 20, len = ip + (n & 2 ? 8 : 20);
        u8 *packet = mem_alloc(len); /* so that a read behind it is seen */
        memcpy(packet, ip6 ? tcp6 : tcp4, len);
        packet[ip6 ? 6 : 9] = n & 2 ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP;
        struct acl_key key, other;
        struct acl_like like;
        key_any(&key, packet, len, ip6);
        acl_like_of(&like, &key, packet, len, ip6);
        assert_true(acl_is_like(&like, packet, len, ip6));
        assert_false(acl_is_like(&like, packet, len - 1, ip6));
        for (u32 i = 0; i < len; i++)
            for (u32 bit = 0; bit < 8; bit++) {
                packet[i] ^= (u8)(1 << bit);
                key_any(&other, packet, len, ip6);
                bool same = other.headers == key.headers && other.protocol == key.protocol &&
                            !memcmp(other.words, key.words, (ip6 ? 5 : 2) * sizeof(u64));
                assert_true(same || !acl_is_like(&like, packet, len, ip6));
                packet[i] ^= (u8)(1 << bit);
            }
        for (u32 i = 0; i < (ip6 ? sizeof(free6) : sizeof(free4)); i++)
            packet[(ip6 ? free6 : free4)[i]] ^= 0x7;
        packet[len - 1] ^= 0x7;
        assert_true(acl_is_like(&like, packet, len, ip6));
        free(packet);
    }
}

static void test_extension_headers(void **state)
{
    struct acl_skipped skipped = {{1ull << 0 | 1ull << 43 | 1ull << 44 | 1ull << 60}};
    u8 packet[40 + 8 + 8 + 20] = {0x60, 0, 0, 0, 0, 36, 60, 64};
    struct acl_key k;
    packet[40] = IP_PROTOCOL_IP6_FRAGMENT;
    packet[48] = IP_PROTOCOL_TCP;
    packet[51] = 1; /* more fragments follow the first */
    packet[59] = 80;
    packet[23] = 1;
    acl_key_ip6(&k, packet, sizeof(packet), &skipped);
    assert_int_equal(k.headers, ACL_HEADERS_WHOLE);
    assert_int_equal(judge("deny src ::2/128, permit src ::1/128 proto 6 dport 80", &k, 1), 1);
    packet[51] = 16;
    acl_key_ip6(&k, packet, sizeof(packet), &skipped);
    assert_int_equal(k.headers, ACL_HEADERS_FRAGMENT);
    packet[41] = 200; /* longer than the packet */
    acl_key_ip6(&k, packet, sizeof(packet), &skipped);
    assert_int_equal(k.headers, ACL_HEADERS_BAD);
}

/* --- text --- */

static void test_text(void **state)
{
    struct acl_random x = {3};
    struct acl_rule rules[100];
    for (u32 round = 0; round < 20; round++) {
        struct text t = {0};
        struct acl_rules back = {0};
        struct error e;
        acl_random_rules(&x, (enum acl_random_kind)(round % ACL_RANDOM_KINDS),
                         (enum ip_family)(round % 2), rules, array_len(rules));
        for (u32 i = 0; i < array_len(rules); i++) {
            text_puts(&t, i ? ", " : "");
            acl_rule_write(&rules[i], &t);
        }
        const char *text = text_str(&t);
        assert_int_equal(acl_rules_parse(&text, &back, &e), 0);
        assert_int_equal(*text, 0);
        assert_int_equal(back.n, array_len(rules));
        assert_memory_equal(back.v, rules, sizeof(rules));
        free(back.v);
        text_free(&t);
    }
}

static void test_bad_text(void **state)
{
    static const char *const bad[] = {
        "",
        "src 10.0.0.0/8",
        "permit src 10.0.0.0/33",
        "permit src 10.0.0.0/8 dst 2001:db8::/32",
        "permit src 10.0.0",
        "permit proto 256",
        "permit proto 6 sport 70000",
        "permit proto 6 sport 9-8",
        "permit proto 6 sport 9-",
        "permit proto 6 sport -9",
        "permit action 3",
        "permit, ",
        "permit tcpflags x",
        "permit tcpflags 1 mask",
        "permit src ::/129",
    };
    for (u32 i = 0; i < array_len(bad); i++) {
        struct acl_rules rules = {0};
        struct error e = {0};
        const char *text = bad[i];
        assert_int_not_equal(acl_rules_parse(&text, &rules, &e), 0);
        assert_true(e.text[0]);
        free(rules.v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookups),     cmocka_unit_test(test_all_alike),
        cmocka_unit_test(test_few_reached), cmocka_unit_test(test_rules_of_packets),
        cmocka_unit_test(test_fragments),   cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_alike),       cmocka_unit_test(test_extension_headers),
        cmocka_unit_test(test_text),        cmocka_unit_test(test_bad_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

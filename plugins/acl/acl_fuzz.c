/* Any text as rules, any bytes as packets. The input is text up to a NUL, and packets behind it,
 * each with its length in front. Rules that are taken are written and read again as what they are;
 * packets are read within their bytes; what a lookup finds is what looking at each rule finds, also
 * among pieces without ports. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "plugins/acl/acl_key.h"
#include "plugins/acl/acl_test_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RULES_MOST 512

static void fuzz_must(bool good)
{
    if (!good)
        abort();
}

static void fuzz_text(const struct acl_rules *rules)
{
    struct text t = {0};
    struct acl_rules again = {0};
    struct error e;
    for (u32 i = 0; i < rules->n; i++) {
        text_puts(&t, i ? ", " : "");
        acl_rule_write(&rules->v[i], &t);
    }
    const char *text = text_str(&t);
    fuzz_must(!acl_rules_parse(&text, &again, &e) && !*text && again.n == rules->n);
    fuzz_must(!memcmp(again.v, rules->v, rules->n * sizeof(*rules->v)));
    free(again.v);
    text_free(&t);
}

static void fuzz_find(const struct acl_rules *rules, const struct acl_key *k, enum ip_family family)
{
    bool fragment = k->headers == ACL_HEADERS_FRAGMENT;
    u32 words = family == IP_FAMILY_4 ? ACL_KEY_WORDS_4 : ACL_KEY_WORDS_6;
    if (k->headers == ACL_HEADERS_BAD)
        return;
    u64 *flat = mem_alloc(4 * rules->n * acl_match_row_words(words) * sizeof(*flat));
    struct acl_match *m = acl_rules_compile(rules->v, rules->n, family, fragment);
    u32 n = acl_rules_flatten(rules->v, 0, rules->n, family, fragment, flat);
    fuzz_must(acl_key_find(m, k->words, family) == acl_match_slowly(flat, n, k->words, words));
    acl_match_free(m);
    free(flat);
}

static void fuzz_packet(const struct acl_rules *rules, const u8 *bytes, u32 len)
{
    static const struct acl_skipped skipped = {{1ull << 0 | 1ull << 43 | 1ull << 44 | 1ull << 60}};
    u8 *packet = mem_alloc(len ? len : 1); /* so that a read behind it is seen */
    struct acl_key k;
    memcpy(packet, bytes, len);
    acl_key_ip4(&k, packet, len);
    fuzz_find(rules, &k, IP_FAMILY_4);
    acl_key_ip6(&k, packet, len, &skipped);
    fuzz_find(rules, &k, IP_FAMILY_6);
    free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = 0;
    while (n < size && data[n])
        n++;
    char *text = mem_alloc(n + 1);
    memcpy(text, data, n);
    struct acl_rules rules = {0};
    struct error e;
    const char *at = text;
    if (!acl_rules_parse(&at, &rules, &e) && rules.n <= RULES_MOST) {
        fuzz_text(&rules);
        for (size_t i = n + 1; i < size;) {
            u32 len = (u32)min_u64(data[i], size - i - 1);
            fuzz_packet(&rules, data + i + 1, len);
            i += 1 + len;
        }
    }
    free(rules.v);
    free(text);
    return 0;
}

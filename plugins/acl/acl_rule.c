/* Rules as text, both ways. Words and layouts are VPP's. */
#include "plugins/acl/acl_rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

#include "base/vec.h"
#include "net/packet/l4_packet.h"

static const char *const action_words[] = {"deny", "permit", "permit+reflect"};

static const char *acl_action_name(u8 action)
{
    return action < ACL_ACTION_N ? action_words[action] : "?";
}

/* --- reading --- */

#define RULE_WORD_BYTES 128

/* The word at *text, which is not taken; "" at the end, and where it is too long. A comma is a
 * word. */
static const char *rule_word(const char *text, char word[RULE_WORD_BYTES], const char **end)
{
    text += strspn(text, ACL_BLANKS);
    size_t n = *text == ',' ? 1 : strcspn(text, ACL_BLANKS ",");
    *end = text + n;
    if (n >= RULE_WORD_BYTES)
        n = 0;
    memcpy(word, text, n);
    word[n] = 0;
    return word;
}

bool acl_rule_is_next(const char *text, const char *wanted)
{
    return acl_rule_take(&text, wanted);
}

bool acl_rule_take(const char **text, const char *wanted)
{
    char word[RULE_WORD_BYTES];
    const char *end;
    if (strcmp(rule_word(*text, word, &end), wanted) != 0)
        return false;
    *text = end;
    return true;
}

static int rule_unknown(const char *text, struct error *e)
{
    return error_set(e, EINVAL, "unknown input `%.200s'", text + strspn(text, ACL_BLANKS));
}

/* Decimal, or hex with 0x, up to most. */
static bool rule_number(const char **p, u32 most, u32 *out)
{
    char *end;
    if (**p < '0' || **p > '9')
        return false;
    errno = 0;
    unsigned long x = strtoul(*p, &end, **p == '0' && ((*p)[1] | 32) == 'x' ? 16 : 10);
    if (errno || x > most)
        return false;
    *p = end;
    *out = (u32)x;
    return true;
}

int acl_rule_take_number(const char **text, u32 most, u32 *out, struct error *e)
{
    char word[RULE_WORD_BYTES];
    const char *end, *p = rule_word(*text, word, &end);
    if (!rule_number(&p, most, out) || *p)
        return rule_unknown(*text, e);
    *text = end;
    return 0;
}

/* "80", "1000-2000" */
static int rule_take_range(const char **text, u16 *first, u16 *last, struct error *e)
{
    char word[RULE_WORD_BYTES];
    const char *end, *p = rule_word(*text, word, &end);
    u32 a, b;
    if (!rule_number(&p, UINT16_MAX, &a))
        return rule_unknown(*text, e);
    b = a;
    if (*p == '-' && (p++, !rule_number(&p, UINT16_MAX, &b)))
        return rule_unknown(*text, e);
    if (*p)
        return rule_unknown(*text, e);
    *first = (u16)a;
    *last = (u16)b;
    *text = end;
    return 0;
}

int acl_rule_take_prefix(const char **text, struct ip_prefix *out, struct error *e)
{
    char word[RULE_WORD_BYTES];
    const char *end;
    u32 len;
    rule_word(*text, word, &end);
    char *slash = strchr(word, '/');
    const char *p = slash ? slash + 1 : "";
    if (slash)
        *slash = 0;
    *out = (struct ip_prefix){.family = IP_FAMILY_4};
    if (inet_pton(AF_INET, word, out->addr.bytes) != 1) {
        out->family = IP_FAMILY_6;
        if (inet_pton(AF_INET6, word, out->addr.bytes) != 1)
            return rule_unknown(*text, e);
    }
    len = ip_family_bits((enum ip_family)out->family);
    if (slash && (!rule_number(&p, len, &len) || *p))
        return rule_unknown(*text, e);
    out->len = (u8)len;
    *text = end;
    return 0;
}

/* What has been said of a rule. */
struct rule_reading {
    struct acl_rule rule;
    bool action, src, dst, empty;
};

static const struct acl_rule rule_any = {.src_last = UINT16_MAX, .dst_last = UINT16_MAX};

static int rule_take_flags(const char **text, struct acl_rule *r, struct error *e)
{
    u32 value, mask = UINT8_MAX;
    int rc = acl_rule_take_number(text, UINT8_MAX, &value, e);
    if (!rc && acl_rule_take(text, "mask"))
        rc = acl_rule_take_number(text, UINT8_MAX, &mask, e);
    if (!rc) {
        r->tcp_flags_value = (u8)value;
        r->tcp_flags_mask = (u8)mask;
    }
    return rc;
}

static bool rule_take_action(const char **text, u8 *action)
{
    for (u32 k = 0; k < ACL_ACTION_N; k++)
        if (acl_rule_take(text, action_words[k])) {
            *action = (u8)k;
            return true;
        }
    return false;
}

/* A word of a rule, and its value. 1: it is none of a rule's words. */
static int rule_take_part(const char **text, struct rule_reading *x, struct error *e)
{
    u32 number;
    int rc;
    if (rule_take_action(text, &x->rule.action)) {
        x->action = true;
        return 0;
    }
    if (acl_rule_take(text, "action")) {
        rc = acl_rule_take_number(text, ACL_ACTION_N - 1, &number, e);
        x->rule.action = rc ? 0 : (u8)number;
        x->action = true;
        return rc;
    }
    if (acl_rule_take(text, "src")) {
        x->src = true;
        return acl_rule_take_prefix(text, &x->rule.src, e);
    }
    if (acl_rule_take(text, "dst")) {
        x->dst = true;
        return acl_rule_take_prefix(text, &x->rule.dst, e);
    }
    if (acl_rule_take(text, "proto")) {
        rc = acl_rule_take_number(text, UINT8_MAX, &number, e);
        x->rule.protocol = rc ? 0 : (u8)number;
        return rc;
    }
    if (acl_rule_take(text, "sport"))
        return rule_take_range(text, &x->rule.src_first, &x->rule.src_last, e);
    if (acl_rule_take(text, "dport"))
        return rule_take_range(text, &x->rule.dst_first, &x->rule.dst_last, e);
    return acl_rule_take(text, "tcpflags") ? rule_take_flags(text, &x->rule, e) : 1;
}

static int rule_end(struct acl_rules *out, struct rule_reading *x, const char *text,
                    struct error *e)
{
    if (!x->action)
        return *(text + strspn(text, ACL_BLANKS))
                   ? rule_unknown(text, e)
                   : error_set(e, EINVAL, "a rule says permit, deny or permit+reflect");
    if (x->src && !x->dst)
        x->rule.dst.family = x->rule.src.family;
    if (x->dst && !x->src)
        x->rule.src.family = x->rule.dst.family;
    int rc = acl_rule_check(&x->rule, e);
    if (!rc)
        vec_add(out, x->rule);
    return rc;
}

int acl_rules_parse(const char **text, struct acl_rules *out, struct error *e)
{
    struct rule_reading x = {.rule = rule_any};
    for (;;) {
        int rc = rule_take_part(text, &x, e);
        if (rc < 0)
            return rc;
        if (!rc)
            continue;
        rc = rule_end(out, &x, *text, e);
        if (rc || !acl_rule_take(text, ","))
            return rc;
        x = (struct rule_reading){.rule = rule_any};
    }
}

int acl_rule_check(struct acl_rule *r, struct error *e)
{
    if (r->src.family != r->dst.family || r->src.family >= IP_FAMILY_N)
        return error_set(e, EINVAL, "source and destination are of different address families");
    if (r->action >= ACL_ACTION_N)
        return error_set(e, EINVAL, "unknown action %u", r->action);
    u8 most = ip_family_bits((enum ip_family)r->src.family);
    if (r->src.len > most || r->dst.len > most)
        return error_set(e, EINVAL, "a prefix is longer than %u bits", most);
    if (r->src_first > r->src_last || r->dst_first > r->dst_last)
        return error_set(e, EINVAL, "a range ends before it begins");
    r->src.addr = ip_address_mask(&r->src.addr, r->src.len);
    r->dst.addr = ip_address_mask(&r->dst.addr, r->dst.len);
    return 0;
}

/* --- writing --- */

static void rule_write_range(struct text *t, const char *word, u16 first, u16 last)
{
    text_add(t, " %s %u", word, first);
    if (last != first)
        text_add(t, "-%u", last);
}

static void rule_write_parts(const struct acl_rule *r, struct text *t)
{
    char src[IP_PREFIX_TEXT_BYTES], dst[IP_PREFIX_TEXT_BYTES];
    text_add(t, "%s src %s dst %s proto %u", acl_action_name(r->action),
             ip_prefix_text(&r->src, src), ip_prefix_text(&r->dst, dst), r->protocol);
    rule_write_range(t, "sport", r->src_first, r->src_last);
    rule_write_range(t, "dport", r->dst_first, r->dst_last);
    if (r->tcp_flags_mask || r->tcp_flags_value)
        text_add(t, " tcpflags %u mask %u", r->tcp_flags_value, r->tcp_flags_mask);
}

void acl_rule_write(const struct acl_rule *r, struct text *t)
{
    rule_write_parts(r, t);
}

void acl_rule_show(const struct acl_rule *r, struct text *t)
{
    text_puts(t, r->src.family == IP_FAMILY_6 ? "ipv6 " : "ipv4 ");
    rule_write_parts(r, t);
}

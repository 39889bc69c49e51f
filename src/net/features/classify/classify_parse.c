/* Fields of headers by name: where they lie, and how their values are written. See
 * classify_parse.h.
 */
#include "net/features/classify/classify_parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "net/packet/ethernet_format.h"
#include "net/packet/ip4_format.h"

enum kind { NUMBER, TYPE, PROTOCOL, MAC, ADDRESS4, ADDRESS6, PAD };

struct field {
    const char *name;
    u8 at, bytes; /* in the layer's header */
    u8 kind;      /* enum kind */
    u32 mask;     /* of a NUMBER: which bits of its bytes; 0: all */
};

/* `proto` lies behind the tags: it is handled apart. */
#define L2_PROTO_AT 12
static const struct field l2_fields[] = {
    {"dst", 0, 6, MAC, 0},
    {"src", 6, 6, MAC, 0},
    {"proto", L2_PROTO_AT, 2, TYPE, 0},
    {"tag1", 14, 2, NUMBER, 0x0fff},
    {"tag2", 18, 2, NUMBER, 0x0fff},
    {"cos1", 14, 2, NUMBER, 0xe000},
    {"cos2", 18, 2, NUMBER, 0xe000},
    {"ignore-tag1", 14, 2, PAD, 0},
    {"ignore-tag2", 18, 2, PAD, 0},
    {"dot1q", 14, 2, PAD, 0},
    {"dot1ad", 18, 2, PAD, 0},
    {0},
};
static const struct field ip4_fields[] = {
    {"version", 0, 1, NUMBER, 0xf0},  {"hdr_length", 0, 1, NUMBER, 0x0f},
    {"tos", 1, 1, NUMBER, 0},         {"length", 2, 2, NUMBER, 0},
    {"fragment_id", 4, 2, NUMBER, 0}, {"ttl", 8, 1, NUMBER, 0},
    {"proto", 9, 1, PROTOCOL, 0},     {"protocol", 9, 1, PROTOCOL, 0},
    {"checksum", 10, 2, NUMBER, 0},   {"src", 12, 4, ADDRESS4, 0},
    {"dst", 16, 4, ADDRESS4, 0},      {0},
};
static const struct field ip6_fields[] = {
    {"version", 0, 4, NUMBER, 0xf0000000},
    {"traffic-class", 0, 4, NUMBER, 0x0ff00000},
    {"flow-label", 0, 4, NUMBER, 0x000fffff},
    {"payload_length", 4, 2, NUMBER, 0},
    {"proto", 6, 1, PROTOCOL, 0},
    {"protocol", 6, 1, PROTOCOL, 0},
    {"hop_limit", 7, 1, NUMBER, 0},
    {"src", 8, 16, ADDRESS6, 0},
    {"dst", 24, 16, ADDRESS6, 0},
    {0},
};
static const struct field port_fields[] = {
    {"src_port", 0, 2, NUMBER, 0},
    {"dst_port", 2, 2, NUMBER, 0},
    {0},
};
static const struct field tcp_fields[] = {
    {"src_port", 0, 2, NUMBER, 0},
    {"dst_port", 2, 2, NUMBER, 0},
    {"src", 0, 2, NUMBER, 0},
    {"dst", 2, 2, NUMBER, 0},
    {"seq_number", 4, 4, NUMBER, 0},
    {"ack_number", 8, 4, NUMBER, 0},
    {"flags", 13, 1, NUMBER, 0},
    {"window", 14, 2, NUMBER, 0},
    {"checksum", 16, 2, NUMBER, 0},
    {"urgent_pointer", 18, 2, NUMBER, 0},
    {0},
};
static const struct field udp_fields[] = {
    {"src_port", 0, 2, NUMBER, 0},
    {"dst_port", 2, 2, NUMBER, 0},
    {"src", 0, 2, NUMBER, 0},
    {"dst", 2, 2, NUMBER, 0},
    {"length", 4, 2, NUMBER, 0},
    {"checksum", 6, 2, NUMBER, 0},
    {0},
};

#define WORD_BYTES 64

/* The word at *p, copied; false at the end or when it is too long. */
static bool classify_parse_peek(const char *p, char word[WORD_BYTES], const char **end)
{
    p += strspn(p, " \t\r\n");
    size_t n = strcspn(p, " \t\r\n");
    if (!n || n >= WORD_BYTES)
        return false;
    memcpy(word, p, n);
    word[n] = 0;
    *end = p + n;
    return true;
}

static bool classify_parse_take(const char **p, const char *want)
{
    char word[WORD_BYTES];
    const char *end;
    if (!classify_parse_peek(*p, word, &end) || strcmp(word, want))
        return false;
    *p = end;
    return true;
}

/* --- values --- */

static bool value_number(const struct field *f, const char *word, u64 *out)
{
    u8 protocol;
    u16 type;
    char *end;
    if (f->kind == PROTOCOL && ip_protocol_by_name(word, &protocol)) {
        *out = protocol;
        return true;
    }
    if (f->kind == TYPE && ethernet_type_by_name(word, &type)) {
        *out = type;
        return true;
    }
    if (!isdigit((u8)word[0]))
        return false;
    errno = 0;
    *out = strtoull(word, &end, 0);
    return !errno && !*end;
}

/* A number into those bits of a field. */
static bool classify_parse_put_number(u8 *to, const struct field *f, u64 value)
{
    u64 mask = f->mask ? f->mask : f->bytes == 4 ? UINT32_MAX : (1ull << (8 * f->bytes)) - 1;
    unsigned shift = (unsigned)__builtin_ctzll(mask);
    if (value > mask >> shift)
        return false;
    value <<= shift;
    for (u32 i = 0; i < f->bytes; i++)
        to[i] |= (u8)(value >> (8 * (f->bytes - 1u - i)));
    return true;
}

static bool put_value(u8 *to, const struct field *f, const char *word)
{
    u64 number;
    switch ((enum kind)f->kind) {
    case NUMBER:
    case TYPE:
    case PROTOCOL:
        return value_number(f, word, &number) && classify_parse_put_number(to, f, number);
    case MAC:
        return hex_mac(&word, to) && !*word;
    case ADDRESS4:
        return inet_pton(AF_INET, word, to) == 1;
    case ADDRESS6:
        return inet_pton(AF_INET6, word, to) == 1;
    case PAD:
        break;
    }
    return true;
}

static void put_mask(u8 *to, const struct field *f, u32 prefix_len)
{
    u32 bits = 8u * f->bytes;
    if (f->kind == NUMBER && f->mask) {
        u64 all = f->mask;
        for (u32 i = 0; i < f->bytes; i++)
            to[i] |= (u8)(all >> (8 * (f->bytes - 1u - i)));
    } else if (f->kind != PAD) {
        for (u32 i = 0; i < bits && i < prefix_len; i++)
            to[i / 8] |= (u8)(0x80 >> (i % 8));
    }
}

/* --- layers --- */

struct layer {
    u8 bytes[40];
    u32 n;
    bool given;
};

/* Field of that name; "src/24" is the field src with a length. */
static const struct field *field_find(const struct field *list, char *word, u32 *prefix_len)
{
    char *slash = strchr(word, '/'), *end;
    *prefix_len = UINT32_MAX;
    if (slash) {
        *slash = 0;
        unsigned long n = strtoul(slash + 1, &end, 10);
        if (!isdigit((u8)slash[1]) || *end)
            return NULL;
        *prefix_len = (u32)min_u64(n, 1000);
    }
    for (; list->name; list++)
        if (!strcmp(list->name, word))
            return !slash || ((list->kind == ADDRESS4 || list->kind == ADDRESS6) &&
                              *prefix_len <= 8u * list->bytes)
                       ? list
                       : NULL;
    return NULL;
}

/* Names of fields, with values in a match, as far as they go. -ENOENT: a value is none. */
static int layer_parse(const char **p, const struct field *fields, bool match, struct layer *l)
{
    char word[WORD_BYTES], value[WORD_BYTES];
    const char *end;
    u32 prefix_len;
    while (classify_parse_peek(*p, word, &end)) {
        const struct field *f = field_find(fields, word, &prefix_len);
        if (!f)
            break;
        *p = end;
        l->given = true;
        l->n = (u32)max_u64(l->n, f->at + f->bytes);
        if (!match) {
            put_mask(l->bytes + f->at, f, prefix_len);
        } else if (f->kind != PAD) {
            if (!classify_parse_peek(*p, value, &end) || !put_value(l->bytes + f->at, f, value))
                return -ENOENT;
            *p = end;
        }
    }
    return l->given ? 0 : -ENOENT;
}

static int l2_parse(const char **p, bool match, struct layer *l)
{
    u32 n = 14;
    int rc = layer_parse(p, l2_fields, match, l);
    if (rc)
        return rc;
    if (l->n > 14)
        n = l->n > 18 ? 22 : 18;
    if (n > 14) { /* the type is behind the tags */
        memcpy(l->bytes + n - 2, l->bytes + L2_PROTO_AT, 2);
        memset(l->bytes + L2_PROTO_AT, 0, 2);
    }
    l->n = n;
    return 0;
}

static int l3_parse(const char **p, bool match, struct layer *l)
{
    bool ip4 = classify_parse_take(p, "ip4");
    if (!ip4 && !classify_parse_take(p, "ip6"))
        return -ENOENT;
    int rc = layer_parse(p, ip4 ? ip4_fields : ip6_fields, match, l);
    l->n = ip4 ? 20 : 40;
    return rc;
}

static int l4_parse(const char **p, bool match, struct layer *l)
{
    bool tcp = classify_parse_take(p, "tcp"), udp = !tcp && classify_parse_take(p, "udp");
    int rc = layer_parse(p, tcp ? tcp_fields : udp ? udp_fields : port_fields, match, l);
    l->n = tcp ? 20 : udp ? 8 : 4;
    return rc;
}

static int hex_parse(const char **p, struct classify_bytes *out)
{
    const char *s = *p + strspn(*p, " \t\r\n");
    size_t digits = hex_digits(s);
    if (!digits || digits % 2 || digits / 2 > sizeof(out->bytes) ||
        (s[digits] && !isspace((u8)s[digits])))
        return -ENOENT;
    hex_bytes(s, out->bytes, digits / 2);
    out->n = (u32)(digits / 2);
    *p = s + digits;
    return 0;
}

static int classify_parse_words(const char **text, bool match, struct classify_bytes *out)
{
    static int (*const parsers[])(const char **p, bool match,
                                  struct layer *l) = {l2_parse, l3_parse, l4_parse};
    static const char *const names[] = {"l2", "l3", "l4"};
    struct layer layers[3] = {0};
    const char *p = *text;
    bool any = false;
    *out = (struct classify_bytes){0};
    if (classify_parse_take(&p, "hex")) {
        *text = p;
        return hex_parse(text, out);
    }
    for (u32 i = 0; i < array_len(layers); i++) {
        if (!classify_parse_take(&p, names[i]))
            continue;
        int rc = parsers[i](&p, match, &layers[i]);
        if (rc)
            return rc;
        any = true;
    }
    if (!any)
        return -ENOENT;
    if (!layers[0].given)
        layers[0].n = 14;
    if (layers[2].given && !layers[1].given)
        layers[1].n = 20; /* ports are behind an IPv4 header */
    for (u32 i = 0; i < array_len(layers); i++) {
        memcpy(out->bytes + out->n, layers[i].bytes, layers[i].n);
        out->n += layers[i].n;
    }
    *text = p;
    return 0;
}

int classify_parse_mask(const char **text, struct classify_bytes *out)
{
    return classify_parse_words(text, false, out);
}

int classify_parse_match(const char **text, struct classify_bytes *out)
{
    return classify_parse_words(text, true, out);
}

/* The text within `data { }` of a stream: a chain of headers, each of which says what follows, and
 * a payload at the end.
 *
 *     IP4: 02:00:00:00:00:01 -> 02:00:00:00:00:02 vlan 100
 *     UDP: 192.0.2.1 - 192.0.2.9 -> 198.51.100.2
 *     UDP: 1234 -> 5678
 *     incrementing 56
 *
 * A value is fixed, or a range: LO - HI goes up by one per packet, LO + HI is random. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli_grammar.h"
#include "net/ethernet/ethernet.h"
#include "net/ethernet/ethernet_format.h"
#include "net/ip/ip4_format.h"
#include "net/ip/ip4_packet.h"
#include "net/pg/pg_packet.h"

#define FIELDS_MAX 64
#define SUMS_MAX 8
#define TAGS_MAX 8
#define WORD_BYTES 64

/* What headers tell those that follow. */
struct ip {
    u32 at, payload_at, end; /* end: of what its length says when that was given; 0: the packet's */
    u8 address_at, address_bytes;
    u8 protocol;
};

struct parse {
    const char *p;
    struct pg_packet *k;
    u8 header[PG_HEADERS_MAX_BYTES];
    u32 at; /* bytes of headers so far */
    u32 max_bytes;
    u8 *payload; /* owned */
    u32 payload_bytes;
    bool has_payload;
    struct ip ip;
    VEC(struct pg_field) lengths;
    u16 length_at[4]; /* IP length fields that follow the size at creation */
    u16 length_from[4];
    u32 n_ip_lengths;
};

struct value {
    enum { FIXED, INCREMENT, RANDOM } kind;
    u64 low, high, span;
};

/* --- words and numbers --- */

static void skip(struct parse *s)
{
    while (*s->p && isspace((u8)*s->p))
        s->p++;
}

static bool is_word_char(char c)
{
    return isalnum((u8)c) || c == '_';
}

/* The keyword, whole. */
static bool take(struct parse *s, const char *word)
{
    size_t n = strlen(word);
    skip(s);
    if (strncmp(s->p, word, n) != 0 || is_word_char(s->p[n]))
        return false;
    s->p += n;
    return true;
}

static bool take_sign(struct parse *s, const char *sign)
{
    skip(s);
    if (strncmp(s->p, sign, strlen(sign)) != 0)
        return false;
    s->p += strlen(sign);
    return true;
}

static bool take_word(struct parse *s, char word[WORD_BYTES])
{
    size_t n = 0;
    skip(s);
    while (is_word_char(s->p[n]))
        n++;
    if (!n || n >= WORD_BYTES)
        return false;
    memcpy(word, s->p, n);
    word[n] = '\0';
    s->p += n;
    return true;
}

/* Decimal or 0x. */
static bool take_number(struct parse *s, u64 max, u64 *out)
{
    char *end;
    skip(s);
    if (!isdigit((u8)*s->p))
        return false;
    bool hex = s->p[0] == '0' && (s->p[1] == 'x' || s->p[1] == 'X');
    if (hex && !isxdigit((u8)s->p[2]))
        return false;
    errno = 0;
    *out = strtoull(s->p, &end, hex ? 16 : 10);
    if (errno || *out > max || is_word_char(*end))
        return false;
    s->p = end;
    return true;
}

/* The sign of a range; `->' is none. */
static int take_range(struct parse *s)
{
    skip(s);
    if (*s->p == '+') {
        s->p++;
        return RANDOM;
    }
    if (*s->p == '-' && s->p[1] != '>') {
        s->p++;
        return INCREMENT;
    }
    return FIXED;
}

static bool number(struct parse *s, u64 max, struct value *v)
{
    u64 last;
    *v = (struct value){0};
    if (!take_number(s, max, &v->low))
        return false;
    v->kind = take_range(s);
    if (v->kind == FIXED)
        return true;
    if (!take_number(s, max, &last) || last < v->low)
        return false;
    v->span = last - v->low;
    return true;
}

/* --- addresses --- */

/* aa:bb:cc:dd:ee:ff or aabb.ccdd.eeff, whose groups may be shorter. */
static bool take_mac(struct parse *s, u64 *out)
{
    unsigned groups = 0, per_group = 0;
    char sign = 0;
    skip(s);
    *out = 0;
    for (;;) {
        u64 group = 0;
        unsigned digits = 0;
        for (; isxdigit((u8)*s->p) && digits < 4; s->p++, digits++)
            group =
                group << 4 | (u64)(isdigit((u8)*s->p) ? *s->p - '0' : tolower(*s->p) - 'a' + 10);
        if (!digits)
            return false;
        if (!sign) {
            sign = *s->p;
            if (sign != ':' && sign != '.')
                return false;
            per_group = sign == ':' ? 2 : 4;
        }
        if (digits > per_group)
            return false;
        *out = *out << 4 * per_group | group;
        if (++groups == 12 / per_group)
            return !is_word_char(*s->p);
        if (*s->p != sign)
            return false;
        s->p++;
    }
}

static bool mac(struct parse *s, struct value *v)
{
    u64 last;
    *v = (struct value){0};
    if (!take_mac(s, &v->low))
        return false;
    v->kind = take_range(s);
    if (v->kind == FIXED)
        return true;
    if (!take_mac(s, &last) || last < v->low)
        return false;
    v->span = last - v->low;
    return true;
}

/* The characters that may be part of an address, as a word for inet_pton. */
static bool take_address(struct parse *s, int family, const char *characters, u8 out[16])
{
    char word[INET6_ADDRSTRLEN];
    skip(s);
    size_t n = strspn(s->p, characters);
    if (!n || n >= sizeof(word))
        return false;
    memcpy(word, s->p, n);
    word[n] = '\0';
    if (inet_pton(family, word, out) != 1)
        return false;
    s->p += n;
    return true;
}

static bool ip4_address(struct parse *s, struct value *v)
{
    u8 first[16], last[16];
    *v = (struct value){0};
    if (!take_address(s, AF_INET, "0123456789.", first))
        return false;
    v->low = get_be32(first);
    v->kind = take_range(s);
    if (v->kind == FIXED)
        return true;
    if (!take_address(s, AF_INET, "0123456789.", last) || get_be32(last) < v->low)
        return false;
    v->span = get_be32(last) - v->low;
    return true;
}

static bool ip6_address(struct parse *s, struct value *v)
{
    static const char *const characters = "0123456789abcdefABCDEF:.";
    u8 first[16], last[16];
    *v = (struct value){0};
    if (!take_address(s, AF_INET6, characters, first))
        return false;
    v->high = get_be64(first);
    v->low = get_be64(first + 8);
    v->kind = take_range(s);
    if (v->kind == FIXED)
        return true;
    if (!take_address(s, AF_INET6, characters, last))
        return false;
    u64 high = get_be64(last), low = get_be64(last + 8), upper = high - v->high - (low < v->low);
    if (high < v->high || (high == v->high && low < v->low))
        return false;
    v->span = upper ? UINT64_MAX : low - v->low;
    return true;
}

/* --- headers --- */

/* Room for a header; false when there are too many. */
static bool header(struct parse *s, u32 bytes, u32 *at)
{
    if (s->at + bytes > PG_HEADERS_MAX_BYTES)
        return false;
    *at = s->at;
    s->at += bytes;
    vec_add(&s->k->groups, ((struct pg_group){.at = (u16)*at, .bytes = bytes}));
    return true;
}

static struct pg_group *group(struct parse *s)
{
    return &s->k->groups.v[s->k->groups.n - 1];
}

/* Puts a value into the word of `bytes` bytes at `at`, whose lowest bit is at `shift`. */
static bool put(struct parse *s, u32 at, u8 bytes, u8 shift, u32 width, const struct value *v)
{
    struct pg_field f = {
        .at = (u16)at,
        .bytes = bytes,
        .shift = shift,
        .kind = v->kind == RANDOM ? PG_FIELD_RANDOM : PG_FIELD_INCREMENT,
        .mask = bytes <= 4 ? (u32)(((1ull << width) - 1) << shift) : 0,
        .low = v->low,
        .high = v->high,
        .span = v->span,
    };
    pg_field_write(&f, s->header, 0);
    if (v->kind == FIXED)
        return true;
    if (s->k->fields.n == FIELDS_MAX)
        return false;
    vec_add(&s->k->fields, f);
    return true;
}

/* A number of `width` bits. */
static bool put_number(struct parse *s, u32 at, u8 bytes, u8 shift, u32 width)
{
    struct value v;
    return number(s, (1ull << width) - 1, &v) && put(s, at, bytes, shift, width, &v);
}

static bool put_mac(struct parse *s, u32 at)
{
    struct value v;
    return mac(s, &v) && put(s, at, 6, 0, 48, &v);
}

static bool put_ip4(struct parse *s, u32 at)
{
    struct value v;
    return ip4_address(s, &v) && put(s, at, 4, 0, 32, &v);
}

static bool put_ip6(struct parse *s, u32 at)
{
    struct value v;
    return ip6_address(s, &v) && put(s, at, 16, 0, 128, &v);
}

static struct pg_sum *add_sum(struct parse *s, u32 field, u32 from, u32 to)
{
    if (s->k->sums.n == SUMS_MAX)
        return NULL;
    vec_add(&s->k->sums, ((struct pg_sum){.field = (u16)field, .from = (u16)from, .to = (u16)to}));
    return &s->k->sums.v[s->k->sums.n - 1];
}

/* The checksum of an L4 header at `at`, with the pseudo-header of the IP header before it. */
static bool add_l4_sum(struct parse *s, u32 at, u32 offset, enum pg_sum_kind kind)
{
    struct pg_sum *sum = add_sum(s, at + offset, at, s->ip.end);
    if (!sum)
        return false;
    sum->kind = kind;
    sum->addresses = s->ip.address_at;
    sum->address_bytes = s->ip.address_bytes;
    sum->protocol = s->ip.protocol;
    return true;
}

static bool by_ethertype(struct parse *s, u16 type);
static bool by_protocol(struct parse *s, u8 protocol);
static bool ip4_header(struct parse *s);
static bool ip6_header(struct parse *s);

/* --- payload --- */

static bool is_payload(struct parse *s)
{
    const char *p = s->p;
    bool yes = take(s, "incrementing") || take(s, "hex");
    s->p = p;
    return yes;
}

static bool hex_bytes(struct parse *s)
{
    size_t digits = 0;
    if (!take_sign(s, "0x"))
        return false;
    while (isxdigit((u8)s->p[digits]))
        digits++;
    if (!digits || digits & 1 || digits / 2 > PG_PACKET_MAX_BYTES || is_word_char(s->p[digits]))
        return false;
    s->payload_bytes = (u32)(digits / 2);
    s->payload = mem_alloc(s->payload_bytes);
    for (u32 i = 0; i < s->payload_bytes; i++) {
        char byte[3] = {s->p[2 * i], s->p[2 * i + 1], 0};
        s->payload[i] = (u8)strtoul(byte, NULL, 16);
    }
    s->p += digits;
    return true;
}

static bool payload(struct parse *s)
{
    u64 n;
    s->has_payload = true;
    if (take(s, "hex"))
        return hex_bytes(s);
    if (!take(s, "incrementing") || !take_number(s, PG_PACKET_MAX_BYTES, &n))
        return false;
    s->payload_bytes = (u32)n;
    s->payload = mem_alloc(n);
    for (u32 i = 0; i < n; i++)
        s->payload[i] = (u8)i;
    return true;
}

/* --- layer 2 --- */

/* vlan ID [priority P] [cfi C] */
static bool vlan_tag(struct parse *s)
{
    u32 at;
    if (!header(s, VLAN_TAG_BYTES, &at))
        return false;
    /* it is part of the ethernet header's group */
    s->k->groups.n--;
    group(s)->bytes += VLAN_TAG_BYTES;
    memmove(s->header + at + 2, s->header + at - 2, 2); /* the type moves behind the tag */
    put_be16(s->header + at - 2, ETHERTYPE_VLAN);
    if (!put_number(s, at, 2, 0, 12))
        return false;
    for (;;) {
        if (take(s, "priority")) {
            if (!put_number(s, at, 2, 13, 3))
                return false;
        } else if (take(s, "cfi")) {
            if (!put_number(s, at, 2, 12, 1))
                return false;
        } else {
            return true;
        }
    }
}

static bool ethernet_type(struct parse *s, u16 *type)
{
    char word[WORD_BYTES];
    u64 n;
    skip(s);
    if (s->p[0] == '0' && s->p[1] == 'x') {
        if (!take_number(s, UINT16_MAX, &n))
            return false;
        *type = (u16)n;
        return true;
    }
    return take_word(s, word) && ethernet_type_by_name(word, type);
}

/* TYPE: SRC -> DST [vlan ...]... */
static bool ethernet_header(struct parse *s)
{
    u32 at, tags = 0;
    u16 type;
    if (!header(s, ETHERNET_HEADER_BYTES, &at) || !ethernet_type(s, &type) || !take_sign(s, ":"))
        return false;
    put_be16(s->header + at + 12, type);
    if (!put_mac(s, at + 6) || !take_sign(s, "->") || !put_mac(s, at))
        return false;
    while (take(s, "vlan"))
        if (tags++ == TAGS_MAX || !vlan_tag(s))
            return false;
    s->k->l3 = s->at;
    return by_ethertype(s, type);
}

/* OP: MAC/IP -> MAC/IP */
static bool arp_header(struct parse *s)
{
    static const char *const ops[] = {"request", "reply", "reverse_request", "reverse_reply"};
    char word[WORD_BYTES];
    u32 at, op = 0;
    if (!header(s, 28, &at) || !take_word(s, word))
        return false;
    while (op < array_len(ops) && strcmp(word, ops[op]) != 0)
        op++;
    if (op == array_len(ops))
        return false;
    u8 *h = s->header + at;
    put_be16(h, 1); /* ethernet */
    put_be16(h + 2, ETHERTYPE_IP4);
    h[4] = 6;
    h[5] = 4;
    put_be16(h + 6, (u16)(op + 1));
    if (!take_sign(s, ":") || !put_mac(s, at + 8) || !take_sign(s, "/") || !put_ip4(s, at + 14) ||
        !take_sign(s, "->") || !put_mac(s, at + 18) || !take_sign(s, "/") || !put_ip4(s, at + 24))
        return false;
    return !is_payload(s) || payload(s);
}

/* MPLS: label N [exp N] [s N] [ttl N], then more of them, IP, a payload or nothing */
static bool mpls_header(struct parse *s)
{
    u32 at;
    if (!take(s, "MPLS") || !take_sign(s, ":") || !take(s, "label") || !header(s, 4, &at))
        return false;
    put_be32(s->header + at, 0x1ff);
    if (!put_number(s, at, 4, 12, 20))
        return false;
    for (;;) {
        if (take(s, "exp")) {
            if (!put_number(s, at, 4, 9, 3))
                return false;
        } else if (take(s, "s")) {
            if (!put_number(s, at, 4, 8, 1))
                return false;
        } else if (take(s, "ttl")) {
            if (!put_number(s, at, 4, 0, 8))
                return false;
        } else {
            break;
        }
    }
    skip(s);
    if (!*s->p)
        return true;
    if (is_payload(s))
        return payload(s);
    s->k->l3 = s->at;
    return strncmp(s->p, "MPLS:", 5) == 0 ? mpls_header(s) : ip4_header(s);
}

static bool by_ethertype(struct parse *s, u16 type)
{
    if (is_payload(s))
        return payload(s);
    switch (type) {
    case ETHERTYPE_IP4:
        return ip4_header(s);
    case ETHERTYPE_IP6:
        return ip6_header(s);
    case ETHERTYPE_ARP:
        return arp_header(s);
    case ETHERTYPE_MPLS:
        return mpls_header(s);
    default:
        return false; /* the others have a payload */
    }
}

/* --- layer 3 --- */

static bool protocol_name(struct parse *s, u8 *protocol)
{
    char word[WORD_BYTES];
    return take_word(s, word) && ip_protocol_by_name(word, protocol) &&
           strcmp(word, ip_protocol_name(*protocol)) == 0 && take_sign(s, ":");
}

/* The value just put at `at`, where a header's length says how far what it carries goes. */
static void length_given(struct parse *s, u32 at, u32 from)
{
    u32 end = from + get_be16(s->header + at);
    if (end >= s->at && end < s->max_bytes)
        s->ip.end = end;
}

static void length_follows(struct parse *s, u32 at, u32 from)
{
    if (s->n_ip_lengths == array_len(s->length_at))
        return;
    s->length_at[s->n_ip_lengths] = (u16)at;
    s->length_from[s->n_ip_lengths++] = (u16)from;
}

/* fragment id N offset N */
static bool ip4_fragment(struct parse *s, u32 at)
{
    struct value v;
    bool any = false;
    for (;; any = true) {
        if (take(s, "id")) {
            if (!put_number(s, at + 4, 2, 0, 16))
                return false;
        } else if (take(s, "offset")) {
            /* in bytes; a range keeps its bounds in units of 8 */
            if (!number(s, IP4_OFFSET_MASK * 8, &v))
                return false;
            v.low /= 8;
            v.span /= 8;
            if (!put(s, at + 6, 2, 0, 13, &v))
                return false;
        } else {
            return any;
        }
    }
}

/* One of the words behind the addresses; *more is false when there is none. */
static bool ip4_option(struct parse *s, u32 at, bool *length, bool *checksum, bool *more)
{
    u8 *h = s->header + at;
    if (take(s, "version"))
        return put_number(s, at, 1, 4, 4);
    if (take(s, "header-length"))
        return put_number(s, at, 1, 0, 4);
    if (take(s, "tos"))
        return put_number(s, at + 1, 1, 0, 8);
    if (take(s, "length"))
        return *length = put_number(s, at + 2, 2, 0, 16);
    if (take(s, "checksum"))
        return *checksum = put_number(s, at + 10, 2, 0, 16);
    if (take(s, "ttl"))
        return put_number(s, at + 8, 1, 0, 8);
    if (take(s, "fragment"))
        return ip4_fragment(s, at);
    u16 flag = take(s, "mf") ? IP4_MF : take(s, "df") ? IP4_DF : take(s, "ce") ? IP4_CE : 0;
    put_be16(h + 6, get_be16(h + 6) | flag);
    *more = flag != 0;
    return true;
}

/* PROTO: SRC -> DST [words] */
static bool ip4_header(struct parse *s)
{
    u32 at, first_field = s->k->fields.n;
    bool length = false, checksum = false, more = true;
    u8 protocol;
    if (!header(s, 20, &at) || !protocol_name(s, &protocol))
        return false;
    s->header[at] = IP4_VERSION_IHL_PLAIN;
    s->header[at + 8] = 64;
    s->header[at + 9] = protocol;
    if (!put_ip4(s, at + 12) || !take_sign(s, "->") || !put_ip4(s, at + 16))
        return false;
    while (more)
        if (!ip4_option(s, at, &length, &checksum, &more))
            return false;
    s->ip = (struct ip){
        .at = at, .address_at = (u8)(at + 12), .address_bytes = 8, .protocol = protocol};
    s->k->is_ip6 = false;
    s->k->l3 = at;
    if (length)
        length_given(s, at + 2, at);
    else
        length_follows(s, at + 2, at);
    /* options are what follows, when the header length says so */
    u32 bytes = (u32)max_u64(20, (s->header[at] & 15) * 4u);
    if (!checksum && !add_sum(s, at + 10, at, at + bytes))
        return false;
    if (!checksum && s->k->fields.n > first_field)
        group(s)->edit_function = "ip4_pg_edit_function";
    return by_protocol(s, protocol);
}

static bool ip6_option(struct parse *s, u32 at, bool *length, bool *more)
{
    if (take(s, "version"))
        return put_number(s, at, 4, 28, 4);
    if (take(s, "traffic-class"))
        return put_number(s, at, 4, 20, 8);
    if (take(s, "length"))
        return *length = put_number(s, at + 4, 2, 0, 16);
    if (take(s, "hop-limit"))
        return put_number(s, at + 7, 1, 0, 8);
    *more = false;
    return true;
}

static bool ip6_header(struct parse *s)
{
    u32 at;
    bool length = false, more = true;
    u8 protocol;
    if (!header(s, 40, &at) || !protocol_name(s, &protocol))
        return false;
    put_be32(s->header + at, 0x60000000);
    s->header[at + 6] = protocol;
    s->header[at + 7] = 64;
    if (!put_ip6(s, at + 8) || !take_sign(s, "->") || !put_ip6(s, at + 24))
        return false;
    while (more)
        if (!ip6_option(s, at, &length, &more))
            return false;
    s->ip = (struct ip){
        .at = at, .address_at = (u8)(at + 8), .address_bytes = 32, .protocol = protocol};
    s->k->is_ip6 = true;
    s->k->l3 = at;
    if (length)
        length_given(s, at + 4, at + 40);
    else
        length_follows(s, at + 4, at + 40);
    return by_protocol(s, protocol);
}

/* --- layer 4 --- */

/* Takes "NAME: SPORT -> DPORT". */
static bool ports(struct parse *s, const char *name, u32 at)
{
    return take(s, name) && take_sign(s, ":") && put_number(s, at, 2, 0, 16) &&
           take_sign(s, "->") && put_number(s, at + 2, 2, 0, 16);
}

static bool udp_header(struct parse *s)
{
    u32 at;
    bool length = false, checksum = false;
    if (!header(s, 8, &at) || !ports(s, "UDP", at))
        return false;
    for (;;) {
        if (take(s, "length"))
            length = put_number(s, at + 4, 2, 0, 16);
        else if (take(s, "checksum"))
            checksum = put_number(s, at + 6, 2, 0, 16);
        else
            break;
        if (!length && !checksum)
            return false;
    }
    if (!length) {
        struct pg_field f = {.at = (u16)(at + 4),
                             .bytes = 2,
                             .kind = PG_FIELD_LENGTH,
                             .mask = UINT16_MAX,
                             .span = at};
        vec_add(&s->lengths, f);
    }
    if (!checksum && !add_l4_sum(s, at, 6, PG_SUM_UDP))
        return false;
    if (!length || !checksum)
        group(s)->edit_function = "udp_pg_edit_function";
    s->k->l4 = at;
    return payload(s);
}

/* opt mss N | wscale N | sack-permitted | timestamp VALUE ECHO | nop; no-operations fill up the
 * last word */
static bool tcp_option(struct parse *s, u32 *at)
{
    static const struct {
        const char *name;
        u8 kind, bytes, value_bytes, values;
    } options[] = {
        {"mss", 2, 4, 2, 1},        {"wscale", 3, 3, 1, 1}, {"sack-permitted", 4, 2, 0, 0},
        {"timestamp", 8, 10, 4, 2}, {"nop", 1, 1, 0, 0},
    };
    for (u32 i = 0; i < array_len(options); i++) {
        if (!take(s, options[i].name))
            continue;
        if (s->at + options[i].bytes > PG_HEADERS_MAX_BYTES)
            return false;
        *at = s->at;
        s->at += options[i].bytes;
        s->header[*at] = options[i].kind;
        if (options[i].bytes > 1)
            s->header[*at + 1] = options[i].bytes;
        for (u32 k = 0; k < options[i].values; k++) {
            u8 n = options[i].value_bytes;
            if (!put_number(s, *at + 2 + k * n, n, 0, n * 8u))
                return false;
        }
        return true;
    }
    return false;
}

/* Fills the header up to whole words and says how long it is. */
static bool tcp_options_end(struct parse *s, u32 at)
{
    while ((s->at - at) & 3) {
        if (s->at == PG_HEADERS_MAX_BYTES)
            return false;
        s->header[s->at++] = 1;
    }
    if (s->at - at > 60)
        return false;
    s->header[at + 12] = (u8)((s->at - at) / 4 << 4);
    group(s)->bytes = s->at - at;
    return true;
}

/* A word behind the ports; *more is false when there is none. */
static bool tcp_word(struct parse *s, u32 at, bool *checksum, bool *more)
{
    static const char *const flags[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    u32 option;
    if (take(s, "window"))
        return put_number(s, at + 14, 2, 0, 16);
    if (take(s, "checksum"))
        return *checksum = put_number(s, at + 16, 2, 0, 16);
    if (take(s, "seqnum"))
        return put_number(s, at + 4, 4, 0, 32);
    if (take(s, "acknum"))
        return put_number(s, at + 8, 4, 0, 32);
    if (take(s, "opt"))
        return tcp_option(s, &option);
    for (u32 i = 0; i < array_len(flags); i++)
        if (take(s, flags[i])) {
            s->header[at + 13] |= (u8)(1 << i);
            return true;
        }
    *more = false;
    return true;
}

static bool tcp_header(struct parse *s)
{
    u32 at;
    bool checksum = false, more = true;
    if (!header(s, 20, &at) || !ports(s, "TCP", at))
        return false;
    put_be16(s->header + at + 14, 4096);
    while (more)
        if (!tcp_word(s, at, &checksum, &more))
            return false;
    if (!tcp_options_end(s, at) || (!checksum && !add_l4_sum(s, at, 16, PG_SUM_PLAIN)))
        return false;
    if (!checksum)
        group(s)->edit_function = "tcp_pg_edit_function";
    s->k->l4 = at;
    return payload(s);
}

static bool icmp6_by_name(const char *name, u8 *type, u8 *code)
{
    static const struct {
        const char *name;
        u8 type, code;
    } names[] = {
        {"destination_unreachable", 1, 0},
        {"no_route_to_destination", 1, 0},
        {"destination_administratively_prohibited", 1, 1},
        {"source_address_scope", 1, 2},
        {"address_unreachable", 1, 3},
        {"port_unreachable", 1, 4},
        {"packet_too_big", 2, 0},
        {"time_exceeded", 3, 0},
        {"ttl_exceeded_in_transit", 3, 0},
        {"fragment_reassembly_time_exceeded", 3, 1},
        {"parameter_problem", 4, 0},
        {"erroneous_header_field", 4, 0},
        {"unrecognized_next_header", 4, 1},
        {"unrecognized_option", 4, 2},
        {"echo_request", 128, 0},
        {"echo_reply", 129, 0},
        {"multicast_listener_request", 130, 0},
        {"multicast_listener_report", 131, 0},
        {"multicast_listener_done", 132, 0},
        {"router_solicitation", 133, 0},
        {"router_advertisement", 134, 0},
        {"neighbor_solicitation", 135, 0},
        {"neighbor_advertisement", 136, 0},
        {"redirect", 137, 0},
        {"multicast_listener_report_v2", 143, 0},
    };
    for (u32 i = 0; i < array_len(names); i++)
        if (!strcmp(names[i].name, name)) {
            *type = names[i].type;
            *code = names[i].code;
            return true;
        }
    return false;
}

/* ICMP NAME [checksum N] */
static bool icmp_header(struct parse *s, bool is_ip6)
{
    u32 at;
    char word[WORD_BYTES];
    bool checksum = false;
    if (!header(s, sizeof(struct icmp_header), &at) || !take(s, "ICMP") || !take_word(s, word))
        return false;
    u8 *h = s->header + at;
    if (!(is_ip6 ? icmp6_by_name : icmp4_by_name)(word, &h[0], &h[1]))
        return false;
    if (take(s, "checksum")) {
        checksum = true;
        if (!put_number(s, at + 2, 2, 0, 16))
            return false;
    } else if (is_ip6 ? !add_l4_sum(s, at, 2, PG_SUM_PLAIN) : !add_sum(s, at + 2, at, s->ip.end)) {
        return false;
    }
    if (!checksum)
        group(s)->edit_function = is_ip6 ? "icmp6_pg_edit_function" : "icmp4_pg_edit_function";
    return payload(s);
}

static bool by_protocol(struct parse *s, u8 protocol)
{
    s->k->l4_protocol = protocol;
    if (is_payload(s))
        return payload(s);
    switch (protocol) {
    case IP_PROTOCOL_UDP:
        return udp_header(s);
    case IP_PROTOCOL_TCP:
        return tcp_header(s);
    case IP_PROTOCOL_ICMP:
        return icmp_header(s, false);
    case IP_PROTOCOL_ICMP6:
        return icmp_header(s, true);
    case IP_PROTOCOL_IP_IN_IP:
        return ip4_header(s);
    case IP_PROTOCOL_IP6:
        return ip6_header(s);
    default:
        return false; /* the others have a payload */
    }
}

/* --- the whole --- */

static bool parse(struct parse *s, enum pg_start start)
{
    bool ok = false;
    if (is_payload(s))
        ok = payload(s);
    else if (start == PG_START_ETHERNET)
        ok = ethernet_header(s);
    else if (start == PG_START_ARP)
        ok = arp_header(s);
    else if (start == PG_START_IP4)
        ok = ip4_header(s);
    else if (start == PG_START_IP6)
        ok = ip6_header(s);
    else
        ok = mpls_header(s);
    skip(s);
    return ok && !*s->p;
}

/* A payload fills the packet, and counts as header. */
static void assemble(struct parse *s)
{
    struct pg_packet *k = s->k;
    k->header_bytes = s->has_payload ? (u32)max_u64(s->at, s->max_bytes) : s->at;
    u32 size = (u32)max_u64(k->header_bytes, s->max_bytes);
    for (u32 i = 0; i < s->n_ip_lengths; i++)
        put_be16(s->header + s->length_at[i], (u16)(size - s->length_from[i]));
    for (u32 i = 0; i < s->lengths.n; i++)
        vec_add(&k->fields, s->lengths.v[i]);
    k->n_lengths = s->lengths.n;
    if (s->has_payload && size > s->at)
        vec_add(&k->groups, ((struct pg_group){.at = (u16)s->at, .bytes = size - s->at}));
    for (u32 i = 0; i < k->sums.n; i++) /* a header may claim to be longer than there is */
        k->sums.v[i].to = (u16)min_u64(k->sums.v[i].to, size);
    pg_packet_set_sizes(k, size, size);
    memcpy(k->bytes, s->header, s->at);
    memcpy(k->bytes + s->at, s->payload ? s->payload : s->header,
           min_u64(s->payload_bytes, size - s->at));
    pg_packet_set_sizes(k, size, size);
}

int pg_packet_parse(struct pg_packet *k, enum pg_start start, const char *text, u32 max_bytes,
                    struct error *e)
{
    struct parse s = {.p = text, .k = k, .max_bytes = max_bytes};
    *k = (struct pg_packet){0};
    bool ok = parse(&s, start);
    if (ok)
        assemble(&s);
    free(s.payload);
    vec_free(&s.lengths);
    if (ok)
        return 0;
    pg_packet_free(k);
    struct text rest = {0};
    cli_rest(&rest, text);
    int rc = error_set(e, EINVAL, "failed to parse packet data from `%s'", text_str(&rest));
    text_free(&rest);
    return rc;
}

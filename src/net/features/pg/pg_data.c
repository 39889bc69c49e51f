/* The text within `data { }` of a stream: a chain of headers, each of which says what follows, and
 * a payload at the end.
 *
 *     IP4: 02:00:00:00:00:01 -> 02:00:00:00:00:02 vlan 100
 *     UDP: 192.0.2.1 - 192.0.2.9 -> 198.51.100.2
 *     UDP: 1234 -> 5678
 *     incrementing 56
 *
 * A value is fixed, or a range: LO - HI goes up by one per packet, LO + HI is random. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "control/cli_grammar.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ethernet_format.h"
#include "net/packet/ip4_format.h"
#include "net/packet/ip4_packet.h"
#include "net/features/pg/pg_parse.h"

#define TAGS_MAX 8

static bool by_ethertype(struct pg_parse *s, u16 type);
static bool by_protocol(struct pg_parse *s, u8 protocol);
static bool ip4_header(struct pg_parse *s);
static bool ip6_header(struct pg_parse *s);

/* --- payload --- */

static bool is_payload(struct pg_parse *s)
{
    const char *p = s->p;
    bool yes = pg_take(s, "incrementing") || pg_take(s, "hex");
    s->p = p;
    return yes;
}

static bool payload_bytes(struct pg_parse *s)
{
    if (!pg_take_sign(s, "0x"))
        return false;
    size_t digits = hex_digits(s->p);
    if (!digits || digits & 1 || digits / 2 > PG_PACKET_MAX_BYTES || pg_is_word_char(s->p[digits]))
        return false;
    s->payload_bytes = (u32)(digits / 2);
    s->payload = mem_alloc(s->payload_bytes);
    hex_bytes(s->p, s->payload, s->payload_bytes);
    s->p += digits;
    return true;
}

bool pg_parse_payload(struct pg_parse *s)
{
    u64 n;
    s->has_payload = true;
    if (pg_take(s, "hex"))
        return payload_bytes(s);
    if (!pg_take(s, "incrementing") || !pg_take_number(s, PG_PACKET_MAX_BYTES, &n))
        return false;
    s->payload_bytes = (u32)n;
    s->payload = mem_alloc(n);
    for (u32 i = 0; i < n; i++)
        s->payload[i] = (u8)i;
    return true;
}

/* --- layer 2 --- */

/* vlan ID [priority P] [cfi C] */
static bool vlan_tag(struct pg_parse *s)
{
    u32 at;
    if (!pg_add_header(s, VLAN_TAG_BYTES, &at))
        return false;
    /* it is part of the ethernet header's group */
    s->k->groups.n--;
    pg_last_group(s)->bytes += VLAN_TAG_BYTES;
    memmove(s->header + at + 2, s->header + at - 2, 2); /* the type moves behind the tag */
    put_be16(s->header + at - 2, ETHERTYPE_VLAN);
    if (!pg_put_number(s, at, 2, 0, 12))
        return false;
    for (;;) {
        if (pg_take(s, "priority")) {
            if (!pg_put_number(s, at, 2, 13, 3))
                return false;
        } else if (pg_take(s, "cfi")) {
            if (!pg_put_number(s, at, 2, 12, 1))
                return false;
        } else {
            return true;
        }
    }
}

static bool ethernet_type(struct pg_parse *s, u16 *type)
{
    char word[PG_WORD_BYTES];
    u64 n;
    pg_skip(s);
    if (s->p[0] == '0' && s->p[1] == 'x') {
        if (!pg_take_number(s, UINT16_MAX, &n))
            return false;
        *type = (u16)n;
        return true;
    }
    return pg_take_word(s, word) && ethernet_type_by_name(word, type);
}

/* TYPE: SRC -> DST [vlan ...]... */
static bool ethernet_header(struct pg_parse *s)
{
    u32 at, tags = 0;
    u16 type;
    if (!pg_add_header(s, ETHERNET_HEADER_BYTES, &at) || !ethernet_type(s, &type) ||
        !pg_take_sign(s, ":"))
        return false;
    put_be16(s->header + at + 12, type);
    if (!pg_put_mac(s, at + 6) || !pg_take_sign(s, "->") || !pg_put_mac(s, at))
        return false;
    while (pg_take(s, "vlan"))
        if (tags++ == TAGS_MAX || !vlan_tag(s))
            return false;
    s->k->l3 = s->at;
    return by_ethertype(s, type);
}

/* OP: MAC/IP -> MAC/IP */
static bool arp_header(struct pg_parse *s)
{
    static const char *const ops[] = {"request", "reply", "reverse_request", "reverse_reply"};
    char word[PG_WORD_BYTES];
    u32 at, op = 0;
    if (!pg_add_header(s, 28, &at) || !pg_take_word(s, word))
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
    if (!pg_take_sign(s, ":") || !pg_put_mac(s, at + 8) || !pg_take_sign(s, "/") ||
        !pg_put_ip4(s, at + 14) || !pg_take_sign(s, "->") || !pg_put_mac(s, at + 18) ||
        !pg_take_sign(s, "/") || !pg_put_ip4(s, at + 24))
        return false;
    return !is_payload(s) || pg_parse_payload(s);
}

/* MPLS: label N [exp N] [s N] [ttl N], then more of them, IP, a payload or nothing */
static bool mpls_header(struct pg_parse *s)
{
    u32 at;
    if (!pg_take(s, "MPLS") || !pg_take_sign(s, ":") || !pg_take(s, "label") ||
        !pg_add_header(s, 4, &at))
        return false;
    put_be32(s->header + at, 0x1ff);
    if (!pg_put_number(s, at, 4, 12, 20))
        return false;
    for (;;) {
        if (pg_take(s, "exp")) {
            if (!pg_put_number(s, at, 4, 9, 3))
                return false;
        } else if (pg_take(s, "s")) {
            if (!pg_put_number(s, at, 4, 8, 1))
                return false;
        } else if (pg_take(s, "ttl")) {
            if (!pg_put_number(s, at, 4, 0, 8))
                return false;
        } else {
            break;
        }
    }
    pg_skip(s);
    if (!*s->p)
        return true;
    if (is_payload(s))
        return pg_parse_payload(s);
    s->k->l3 = s->at;
    return strncmp(s->p, "MPLS:", 5) == 0 ? mpls_header(s) : ip4_header(s);
}

static bool by_ethertype(struct pg_parse *s, u16 type)
{
    if (is_payload(s))
        return pg_parse_payload(s);
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

static bool protocol_name(struct pg_parse *s, u8 *protocol)
{
    char word[PG_WORD_BYTES];
    return pg_take_word(s, word) && ip_protocol_by_name(word, protocol) &&
           strcmp(word, ip_protocol_name(*protocol)) == 0 && pg_take_sign(s, ":");
}

/* The value just put at `at`, where a header's length says how far what it carries goes. */
static void length_given(struct pg_parse *s, u32 at, u32 from)
{
    u32 end = from + get_be16(s->header + at);
    if (end >= s->at && end < s->max_bytes)
        s->ip.end = end;
}

static void length_follows(struct pg_parse *s, u32 at, u32 from)
{
    if (s->n_ip_lengths == array_len(s->length_at))
        return;
    s->length_at[s->n_ip_lengths] = (u16)at;
    s->length_from[s->n_ip_lengths++] = (u16)from;
}

/* fragment id N offset N */
static bool ip4_fragment(struct pg_parse *s, u32 at)
{
    struct pg_value v;
    bool any = false;
    for (;; any = true) {
        if (pg_take(s, "id")) {
            if (!pg_put_number(s, at + 4, 2, 0, 16))
                return false;
        } else if (pg_take(s, "offset")) {
            /* in bytes; a range keeps its bounds in units of 8 */
            if (!pg_take_value(s, IP4_OFFSET_MASK * 8, &v))
                return false;
            v.low /= 8;
            v.span /= 8;
            if (!pg_put(s, at + 6, 2, 0, 13, &v))
                return false;
        } else {
            return any;
        }
    }
}

/* One of the words behind the addresses; *more is false when there is none. */
static bool ip4_option(struct pg_parse *s, u32 at, bool *length, bool *checksum, bool *more)
{
    u8 *h = s->header + at;
    if (pg_take(s, "version"))
        return pg_put_number(s, at, 1, 4, 4);
    if (pg_take(s, "header-length"))
        return pg_put_number(s, at, 1, 0, 4);
    if (pg_take(s, "tos"))
        return pg_put_number(s, at + 1, 1, 0, 8);
    if (pg_take(s, "length"))
        return *length = pg_put_number(s, at + 2, 2, 0, 16);
    if (pg_take(s, "checksum"))
        return *checksum = pg_put_number(s, at + 10, 2, 0, 16);
    if (pg_take(s, "ttl"))
        return pg_put_number(s, at + 8, 1, 0, 8);
    if (pg_take(s, "fragment"))
        return ip4_fragment(s, at);
    u16 flag = pg_take(s, "mf")   ? IP4_MF
               : pg_take(s, "df") ? IP4_DF
               : pg_take(s, "ce") ? IP4_CE
                                  : 0;
    put_be16(h + 6, get_be16(h + 6) | flag);
    *more = flag != 0;
    return true;
}

/* PROTO: SRC -> DST [words] */
static bool ip4_header(struct pg_parse *s)
{
    u32 at, first_field = s->k->fields.n;
    bool length = false, checksum = false, more = true;
    u8 protocol;
    if (!pg_add_header(s, 20, &at) || !protocol_name(s, &protocol))
        return false;
    s->header[at] = IP4_VERSION_IHL_PLAIN;
    s->header[at + 8] = 64;
    s->header[at + 9] = protocol;
    if (!pg_put_ip4(s, at + 12) || !pg_take_sign(s, "->") || !pg_put_ip4(s, at + 16))
        return false;
    while (more)
        if (!ip4_option(s, at, &length, &checksum, &more))
            return false;
    s->ip = (struct pg_ip){.address_at = (u8)(at + 12), .address_bytes = 8, .protocol = protocol};
    s->k->is_ip6 = false;
    s->k->l3 = at;
    if (length)
        length_given(s, at + 2, at);
    else
        length_follows(s, at + 2, at);
    /* options are what follows, when the header length says so */
    u32 bytes = (u32)max_u64(20, (s->header[at] & 15) * 4u);
    if (!checksum && !pg_add_sum(s, at + 10, at, at + bytes))
        return false;
    if (!checksum && s->k->fields.n > first_field)
        pg_last_group(s)->edit_function = "ip4_pg_edit_function";
    return by_protocol(s, protocol);
}

static bool ip6_option(struct pg_parse *s, u32 at, bool *length, bool *more)
{
    if (pg_take(s, "version"))
        return pg_put_number(s, at, 4, 28, 4);
    if (pg_take(s, "traffic-class"))
        return pg_put_number(s, at, 4, 20, 8);
    if (pg_take(s, "length"))
        return *length = pg_put_number(s, at + 4, 2, 0, 16);
    if (pg_take(s, "hop-limit"))
        return pg_put_number(s, at + 7, 1, 0, 8);
    *more = false;
    return true;
}

static bool ip6_header(struct pg_parse *s)
{
    u32 at;
    bool length = false, more = true;
    u8 protocol;
    if (!pg_add_header(s, 40, &at) || !protocol_name(s, &protocol))
        return false;
    put_be32(s->header + at, 0x60000000);
    s->header[at + 6] = protocol;
    s->header[at + 7] = 64;
    if (!pg_put_ip6(s, at + 8) || !pg_take_sign(s, "->") || !pg_put_ip6(s, at + 24))
        return false;
    while (more)
        if (!ip6_option(s, at, &length, &more))
            return false;
    s->ip = (struct pg_ip){.address_at = (u8)(at + 8), .address_bytes = 32, .protocol = protocol};
    s->k->is_ip6 = true;
    s->k->l3 = at;
    if (length)
        length_given(s, at + 4, at + 40);
    else
        length_follows(s, at + 4, at + 40);
    return by_protocol(s, protocol);
}

static bool by_protocol(struct pg_parse *s, u8 protocol)
{
    s->k->l4_protocol = protocol;
    if (is_payload(s))
        return pg_parse_payload(s);
    switch (protocol) {
    case IP_PROTOCOL_UDP:
        return pg_parse_udp(s);
    case IP_PROTOCOL_TCP:
        return pg_parse_tcp(s);
    case IP_PROTOCOL_ICMP:
        return pg_parse_icmp(s, false);
    case IP_PROTOCOL_ICMP6:
        return pg_parse_icmp(s, true);
    case IP_PROTOCOL_IP_IN_IP:
        return ip4_header(s);
    case IP_PROTOCOL_IP6:
        return ip6_header(s);
    default:
        return false; /* the others have a payload */
    }
}

/* --- the whole --- */

static bool pg_data_parse(struct pg_parse *s, enum pg_start start)
{
    bool ok = false;
    if (is_payload(s))
        ok = pg_parse_payload(s);
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
    pg_skip(s);
    return ok && !*s->p;
}

/* A payload fills the packet, and counts as header. */
static void pg_data_assemble(struct pg_parse *s)
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
    struct pg_parse s = {.p = text, .k = k, .max_bytes = max_bytes};
    *k = (struct pg_packet){0};
    bool ok = pg_data_parse(&s, start);
    if (ok)
        pg_data_assemble(&s);
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

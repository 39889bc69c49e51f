/* UDP, TCP and ICMP in `data { }`. */
#include <string.h>

#include "net/packet/ip4_format.h"
#include "net/packet/ip6_format.h"
#include "net/packet/l4_packet.h"
#include "net/features/pg/pg_parse.h"

/* The checksum of an L4 header at `at`, with the pseudo-header of the IP header before it. */
static bool add_l4_sum(struct pg_parse *s, u32 at, u32 offset, enum pg_sum_kind kind)
{
    struct pg_sum *sum = pg_add_sum(s, at + offset, at, s->ip.end);
    if (!sum)
        return false;
    sum->kind = kind;
    sum->addresses = s->ip.address_at;
    sum->address_bytes = s->ip.address_bytes;
    sum->protocol = s->ip.protocol;
    return true;
}

/* Takes "NAME: SPORT -> DPORT". */
static bool pg_data_l4_ports(struct pg_parse *s, const char *name, u32 at)
{
    return pg_take(s, name) && pg_take_sign(s, ":") && pg_put_number(s, at, 2, 0, 16) &&
           pg_take_sign(s, "->") && pg_put_number(s, at + 2, 2, 0, 16);
}

bool pg_parse_udp(struct pg_parse *s)
{
    u32 at;
    bool length = false, checksum = false;
    if (!pg_add_header(s, 8, &at) || !pg_data_l4_ports(s, "UDP", at))
        return false;
    for (;;) {
        if (pg_take(s, "length"))
            length = pg_put_number(s, at + 4, 2, 0, 16);
        else if (pg_take(s, "checksum"))
            checksum = pg_put_number(s, at + 6, 2, 0, 16);
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
        pg_last_group(s)->edit_function = "udp_pg_edit_function";
    s->k->l4 = at;
    return pg_parse_payload(s);
}

/* opt mss N | wscale N | sack-permitted | timestamp VALUE ECHO | nop; no-operations fill up the
 * last word */
static bool tcp_option(struct pg_parse *s, u32 *at)
{
    static const struct {
        const char *name;
        u8 kind, bytes, value_bytes, values;
    } options[] = {
        {"mss", 2, 4, 2, 1},        {"wscale", 3, 3, 1, 1}, {"sack-permitted", 4, 2, 0, 0},
        {"timestamp", 8, 10, 4, 2}, {"nop", 1, 1, 0, 0},
    };
    for (u32 i = 0; i < array_len(options); i++) {
        if (!pg_take(s, options[i].name))
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
            if (!pg_put_number(s, *at + 2 + k * n, n, 0, n * 8u))
                return false;
        }
        return true;
    }
    return false;
}

/* Fills the header up to whole words and says how long it is. */
static bool tcp_options_end(struct pg_parse *s, u32 at)
{
    while ((s->at - at) & 3) {
        if (s->at == PG_HEADERS_MAX_BYTES)
            return false;
        s->header[s->at++] = 1;
    }
    if (s->at - at > 60)
        return false;
    s->header[at + 12] = (u8)((s->at - at) / 4 << 4);
    pg_last_group(s)->bytes = s->at - at;
    return true;
}

/* A word behind the ports; *more is false when there is none. */
static bool tcp_word(struct pg_parse *s, u32 at, bool *checksum, bool *more)
{
    static const char *const flags[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    u32 option;
    if (pg_take(s, "window"))
        return pg_put_number(s, at + 14, 2, 0, 16);
    if (pg_take(s, "checksum"))
        return *checksum = pg_put_number(s, at + 16, 2, 0, 16);
    if (pg_take(s, "seqnum"))
        return pg_put_number(s, at + 4, 4, 0, 32);
    if (pg_take(s, "acknum"))
        return pg_put_number(s, at + 8, 4, 0, 32);
    if (pg_take(s, "opt"))
        return tcp_option(s, &option);
    for (u32 i = 0; i < array_len(flags); i++)
        if (pg_take(s, flags[i])) {
            s->header[at + 13] |= (u8)(1 << i);
            return true;
        }
    *more = false;
    return true;
}

bool pg_parse_tcp(struct pg_parse *s)
{
    u32 at;
    bool checksum = false, more = true;
    if (!pg_add_header(s, 20, &at) || !pg_data_l4_ports(s, "TCP", at))
        return false;
    put_be16(s->header + at + 14, 4096);
    while (more)
        if (!tcp_word(s, at, &checksum, &more))
            return false;
    if (!tcp_options_end(s, at) || (!checksum && !add_l4_sum(s, at, 16, PG_SUM_PLAIN)))
        return false;
    if (!checksum)
        pg_last_group(s)->edit_function = "tcp_pg_edit_function";
    s->k->l4 = at;
    return pg_parse_payload(s);
}

/* ICMP NAME [checksum N] */
bool pg_parse_icmp(struct pg_parse *s, bool is_ip6)
{
    u32 at;
    char word[PG_WORD_BYTES];
    bool checksum = false;
    if (!pg_add_header(s, sizeof(struct icmp_header), &at) || !pg_take(s, "ICMP") ||
        !pg_take_word(s, word))
        return false;
    u8 *h = s->header + at;
    if (!(is_ip6 ? icmp6_by_name : icmp4_by_name)(word, &h[0], &h[1]))
        return false;
    if (pg_take(s, "checksum")) {
        checksum = true;
        if (!pg_put_number(s, at + 2, 2, 0, 16))
            return false;
    } else if (is_ip6 ? !add_l4_sum(s, at, 2, PG_SUM_PLAIN)
                      : !pg_add_sum(s, at + 2, at, s->ip.end)) {
        return false;
    }
    if (!checksum)
        pg_last_group(s)->edit_function =
            is_ip6 ? "icmp6_pg_edit_function" : "icmp4_pg_edit_function";
    return pg_parse_payload(s);
}

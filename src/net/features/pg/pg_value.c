/* Words, numbers, addresses and their ranges in `data { }`, and the fields that they become. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/hex.h"
#include "net/features/pg/pg_parse.h"

#define FIELDS_MAX 64
#define SUMS_MAX 8

/* --- words and numbers --- */

void pg_skip(struct pg_parse *s)
{
    while (*s->p && isspace((u8)*s->p))
        s->p++;
}

bool pg_is_word_char(char c)
{
    return isalnum((u8)c) || c == '_';
}

bool pg_take(struct pg_parse *s, const char *word)
{
    size_t n = strlen(word);
    pg_skip(s);
    if (strncmp(s->p, word, n) != 0 || pg_is_word_char(s->p[n]))
        return false;
    s->p += n;
    return true;
}

bool pg_take_sign(struct pg_parse *s, const char *sign)
{
    pg_skip(s);
    if (strncmp(s->p, sign, strlen(sign)) != 0)
        return false;
    s->p += strlen(sign);
    return true;
}

bool pg_take_word(struct pg_parse *s, char word[PG_WORD_BYTES])
{
    size_t n = 0;
    pg_skip(s);
    while (pg_is_word_char(s->p[n]))
        n++;
    if (!n || n >= PG_WORD_BYTES)
        return false;
    memcpy(word, s->p, n);
    word[n] = '\0';
    s->p += n;
    return true;
}

bool pg_take_number(struct pg_parse *s, u64 max, u64 *out)
{
    char *end;
    pg_skip(s);
    if (!isdigit((u8)*s->p))
        return false;
    bool hex = s->p[0] == '0' && (s->p[1] == 'x' || s->p[1] == 'X');
    if (hex && !isxdigit((u8)s->p[2]))
        return false;
    errno = 0;
    *out = strtoull(s->p, &end, hex ? 16 : 10);
    if (errno || *out > max || pg_is_word_char(*end))
        return false;
    s->p = end;
    return true;
}

/* The sign of a range; `->' is none. */
static int take_range(struct pg_parse *s)
{
    pg_skip(s);
    if (*s->p == '+') {
        s->p++;
        return PG_VALUE_RANDOM;
    }
    if (*s->p == '-' && s->p[1] != '>') {
        s->p++;
        return PG_VALUE_INCREMENT;
    }
    return PG_VALUE_FIXED;
}

bool pg_take_value(struct pg_parse *s, u64 max, struct pg_value *v)
{
    u64 last;
    *v = (struct pg_value){0};
    if (!pg_take_number(s, max, &v->low))
        return false;
    v->kind = take_range(s);
    if (v->kind == PG_VALUE_FIXED)
        return true;
    if (!pg_take_number(s, max, &last) || last < v->low)
        return false;
    v->span = last - v->low;
    return true;
}

/* --- addresses --- */

static bool take_mac(struct pg_parse *s, u64 *out)
{
    u8 mac[8] = {0};
    pg_skip(s);
    if (!hex_mac(&s->p, mac + 2) || pg_is_word_char(*s->p))
        return false;
    *out = get_be64(mac);
    return true;
}

static bool pg_value_mac(struct pg_parse *s, struct pg_value *v)
{
    u64 last;
    *v = (struct pg_value){0};
    if (!take_mac(s, &v->low))
        return false;
    v->kind = take_range(s);
    if (v->kind == PG_VALUE_FIXED)
        return true;
    if (!take_mac(s, &last) || last < v->low)
        return false;
    v->span = last - v->low;
    return true;
}

/* The characters that may be part of an address, as a word for inet_pton. */
static bool pg_value_take_address(struct pg_parse *s, int family, const char *characters,
                                  u8 out[16])
{
    char word[INET6_ADDRSTRLEN];
    pg_skip(s);
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

static bool ip4_address(struct pg_parse *s, struct pg_value *v)
{
    u8 first[16], last[16];
    *v = (struct pg_value){0};
    if (!pg_value_take_address(s, AF_INET, "0123456789.", first))
        return false;
    v->low = get_be32(first);
    v->kind = take_range(s);
    if (v->kind == PG_VALUE_FIXED)
        return true;
    if (!pg_value_take_address(s, AF_INET, "0123456789.", last) || get_be32(last) < v->low)
        return false;
    v->span = get_be32(last) - v->low;
    return true;
}

static bool ip6_address(struct pg_parse *s, struct pg_value *v)
{
    static const char *const characters = "0123456789abcdefABCDEF:.";
    u8 first[16], last[16];
    *v = (struct pg_value){0};
    if (!pg_value_take_address(s, AF_INET6, characters, first))
        return false;
    v->high = get_be64(first);
    v->low = get_be64(first + 8);
    v->kind = take_range(s);
    if (v->kind == PG_VALUE_FIXED)
        return true;
    if (!pg_value_take_address(s, AF_INET6, characters, last))
        return false;
    u64 high = get_be64(last), low = get_be64(last + 8), upper = high - v->high - (low < v->low);
    if (high < v->high || (high == v->high && low < v->low))
        return false;
    v->span = upper ? UINT64_MAX : low - v->low;
    return true;
}

/* --- headers --- */

bool pg_add_header(struct pg_parse *s, u32 bytes, u32 *at)
{
    if (s->at + bytes > PG_HEADERS_MAX_BYTES)
        return false;
    *at = s->at;
    s->at += bytes;
    vec_add(&s->k->groups, ((struct pg_group){.at = (u16)*at, .bytes = bytes}));
    return true;
}

struct pg_group *pg_last_group(struct pg_parse *s)
{
    return &s->k->groups.v[s->k->groups.n - 1];
}

bool pg_put(struct pg_parse *s, u32 at, u8 bytes, u8 shift, u32 width, const struct pg_value *v)
{
    struct pg_field f = {
        .at = (u16)at,
        .bytes = bytes,
        .shift = shift,
        .kind = v->kind == PG_VALUE_RANDOM ? PG_FIELD_RANDOM : PG_FIELD_INCREMENT,
        .mask = bytes <= 4 ? (u32)(((1ull << width) - 1) << shift) : 0,
        .low = v->low,
        .high = v->high,
        .span = v->span,
    };
    pg_field_write(&f, s->header, 0);
    if (v->kind == PG_VALUE_FIXED)
        return true;
    if (s->k->fields.n == FIELDS_MAX)
        return false;
    vec_add(&s->k->fields, f);
    return true;
}

bool pg_put_number(struct pg_parse *s, u32 at, u8 bytes, u8 shift, u32 width)
{
    struct pg_value v;
    return pg_take_value(s, (1ull << width) - 1, &v) && pg_put(s, at, bytes, shift, width, &v);
}

bool pg_put_mac(struct pg_parse *s, u32 at)
{
    struct pg_value v;
    return pg_value_mac(s, &v) && pg_put(s, at, 6, 0, 48, &v);
}

bool pg_put_ip4(struct pg_parse *s, u32 at)
{
    struct pg_value v;
    return ip4_address(s, &v) && pg_put(s, at, 4, 0, 32, &v);
}

bool pg_put_ip6(struct pg_parse *s, u32 at)
{
    struct pg_value v;
    return ip6_address(s, &v) && pg_put(s, at, 16, 0, 128, &v);
}

struct pg_sum *pg_add_sum(struct pg_parse *s, u32 field, u32 from, u32 to)
{
    if (s->k->sums.n == SUMS_MAX)
        return NULL;
    vec_add(&s->k->sums, ((struct pg_sum){.field = (u16)field, .from = (u16)from, .to = (u16)to}));
    return &s->k->sums.v[s->k->sums.n - 1];
}

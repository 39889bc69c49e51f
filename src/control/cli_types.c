/* The built-in value types of the command language, and the list of all types. A parser takes one
 * word (as cli_word_end sees it) unless its type says otherwise; -ENOENT means "this is no such
 * value". */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "control/cli_grammar.h"

const char cli_type_rest[] = "rest", cli_type_block[] = "block";

static const char *closing_brace(const char *s)
{
    for (int depth = 0; *s; s++) {
        if (*s == '{')
            depth++;
        else if (*s == '}' && --depth == 0)
            return s + 1;
    }
    return NULL;
}

const char *cli_word_end(const char *s)
{
    if (*s == '{')
        return closing_brace(s);
    bool quoted = *s == '"';
    for (s += quoted; *s; s++) {
        if (*s == '\\' && s[1])
            s++;
        else if (quoted && *s == '"')
            return s + 1;
        else if (!quoted && cli_is_blank(*s))
            return s;
    }
    return quoted ? NULL : s;
}

/* Copies the plain word at *text, short enough for buf, and moves behind it. */
static int cli_types_take_word(const char **text, char *buf, size_t size)
{
    size_t n = strcspn(*text, " \t\r\n");
    if (n == 0 || n >= size)
        return -ENOENT;
    memcpy(buf, *text, n);
    buf[n] = '\0';
    *text += n;
    return 0;
}

/* All of s as a number. */
static int cli_types_number(const char *s, u64 max, u64 *out)
{
    int base = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 16 : 10;
    const char *digits = base == 16 ? s + 2 : s;
    if (!isxdigit((u8)*digits))
        return -ENOENT;
    char *end;
    errno = 0;
    unsigned long long x = strtoull(digits, &end, base);
    if (errno || *end || end == digits || x > max)
        return -ENOENT;
    *out = x;
    return 0;
}

static int parse_unsigned(const char **text, u64 max, u64 *out)
{
    char word[32];
    int rc = cli_types_take_word(text, word, sizeof(word));
    return rc ? rc : cli_types_number(word, max, out);
}

static int parse_u8(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    return parse_unsigned(text, UINT8_MAX, &v->u);
}

static int parse_u16(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    return parse_unsigned(text, UINT16_MAX, &v->u);
}

static int parse_u32(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    return parse_unsigned(text, UINT32_MAX, &v->u);
}

static int parse_u64(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    return parse_unsigned(text, UINT64_MAX, &v->u);
}

static int parse_i32(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    bool negative = **text == '-';
    const char *s = *text + negative;
    u64 u;
    int rc = parse_unsigned(&s, (u64)INT32_MAX + negative, &u);
    if (rc)
        return rc;
    *text = s;
    v->i = negative ? -(i64)u : (i64)u;
    return 0;
}

static int parse_float(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    char word[64], *end;
    int rc = cli_types_take_word(text, word, sizeof(word));
    if (rc)
        return rc;
    if (word[strspn(word, "0123456789+-.eE")])
        return -ENOENT; /* no hex, inf, nan */
    v->f = strtod(word, &end);
    return end == word || *end ? -ENOENT : 0;
}

static int parse_size(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    static const char units[] = "kmgt";
    char word[32];
    int rc = cli_types_take_word(text, word, sizeof(word));
    if (rc)
        return rc;
    size_t last = strlen(word) - 1;
    const char *unit = strchr(units, tolower((u8)word[last]));
    unsigned shift = 0;
    if (unit && *unit) {
        shift = 10 * (unsigned)(unit - units + 1);
        word[last] = '\0';
    }
    rc = cli_types_number(word, UINT64_MAX >> shift, &v->u);
    v->u <<= shift;
    return rc;
}

static int parse_page_size(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    char word[32];
    struct mem_page_size page;
    struct error ignored;
    int rc = cli_types_take_word(text, word, sizeof(word));
    if (rc)
        return rc;
    if (mem_page_size_parse(word, &page, &ignored) != 0)
        return -ENOENT;
    v->u = page.bytes;
    return 0;
}

bool cli_is_braced(const char *s, const char *end)
{
    return *s == '{' && closing_brace(s) == end;
}

/* Behind { } it goes on until a blank: {ip4-input}.{time_expired}. */
static int parse_string(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    const char *end = cli_word_end(*text);
    if (end && **text == '{' && *end && !cli_is_blank(*end))
        end += strcspn(end, " \t\r\n");
    if (!end || end == *text)
        return -ENOENT;
    *text = end;
    return 0;
}

static int parse_rest(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    *text += strlen(*text);
    return 0;
}

static int parse_block(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    const char *end = **text == '{' ? closing_brace(*text) : NULL;
    if (!end)
        return -ENOENT;
    *text = end;
    return 0;
}

static const char *const on_off_words[] = {"off", "on", "disable", "enable", "no", "yes"};

static int parse_on_off(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    char word[16];
    int rc = cli_types_take_word(text, word, sizeof(word));
    for (u32 i = 0; rc == 0 && i < array_len(on_off_words); i++) {
        if (strcmp(word, on_off_words[i]) == 0) {
            v->u = i & 1;
            return 0;
        }
    }
    return -ENOENT;
}

static void complete_on_off(struct piste *p, const char *prefix,
                            void (*add)(void *arg, const char *word), void *arg)
{
    for (u32 i = 0; i < 4; i++)
        if (strncmp(on_off_words[i], prefix, strlen(prefix)) == 0)
            add(arg, on_off_words[i]);
}

/* "aa:bb:cc:dd:ee:ff" or "aabb.ccdd.eeff" */
static int parse_mac(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    char word[24];
    const char *end = word;
    int rc = cli_types_take_word(text, word, sizeof(word));
    if (rc)
        return rc;
    return hex_mac(&end, v->mac) && !*end ? 0 : -ENOENT;
}

enum { FAMILY_4 = 1, FAMILY_6 = 2 };

static int cli_types_address(const char *s, unsigned families, struct cli_value *v)
{
    if ((families & FAMILY_4) && inet_pton(AF_INET, s, v->ip.addr) == 1)
        v->ip.is_ip6 = 0;
    else if ((families & FAMILY_6) && inet_pton(AF_INET6, s, v->ip.addr) == 1)
        v->ip.is_ip6 = 1;
    else
        return -ENOENT;
    v->ip.prefix_len = v->ip.is_ip6 ? 128 : 32;
    return 0;
}

static int cli_types_parse_address(const char **text, unsigned families, struct cli_value *v)
{
    char word[INET6_ADDRSTRLEN];
    int rc = cli_types_take_word(text, word, sizeof(word));
    return rc ? rc : cli_types_address(word, families, v);
}

static int parse_prefix(const char **text, unsigned families, struct cli_value *v, struct error *e)
{
    char word[INET6_ADDRSTRLEN + 12];
    int rc = cli_types_take_word(text, word, sizeof(word));
    char *slash = rc ? NULL : strchr(word, '/');
    if (!slash)
        return -ENOENT;
    *slash = '\0';
    u64 len;
    if (cli_types_address(word, families, v) != 0 ||
        cli_types_number(slash + 1, UINT32_MAX, &len) != 0)
        return -ENOENT;
    if (len > v->ip.prefix_len)
        return error_set(e, EINVAL, "Invalid prefix len: %u", (unsigned)len);
    v->ip.prefix_len = (u8)len;
    return 0;
}

static int parse_ip4_address(struct piste *p, const char **text, struct cli_value *v,
                             struct error *e)
{
    return cli_types_parse_address(text, FAMILY_4, v);
}

static int parse_ip6_address(struct piste *p, const char **text, struct cli_value *v,
                             struct error *e)
{
    return cli_types_parse_address(text, FAMILY_6, v);
}

static int parse_ip_address(struct piste *p, const char **text, struct cli_value *v,
                            struct error *e)
{
    return cli_types_parse_address(text, FAMILY_4 | FAMILY_6, v);
}

static int parse_ip4_prefix(struct piste *p, const char **text, struct cli_value *v,
                            struct error *e)
{
    return parse_prefix(text, FAMILY_4, v, e);
}

static int parse_ip6_prefix(struct piste *p, const char **text, struct cli_value *v,
                            struct error *e)
{
    return parse_prefix(text, FAMILY_6, v, e);
}

static int parse_ip_prefix(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    return parse_prefix(text, FAMILY_4 | FAMILY_6, v, e);
}

/* Names in the folder that prefix is in; folders with a slash at the end. */
static void complete_file(struct piste *p, const char *prefix,
                          void (*add)(void *arg, const char *word), void *arg)
{
    const char *slash = strrchr(prefix, '/');
    size_t dir_len = slash ? (size_t)(slash - prefix) + 1 : 0;
    char *dir = dir_len ? mem_printf("%.*s", (int)dir_len, prefix) : mem_strdup("./");
    DIR *d = opendir(dir);
    free(dir);
    if (!d)
        return;
    for (struct dirent *ent; (ent = readdir(d));) {
        if (ent->d_name[0] == '.' ||
            strncmp(ent->d_name, prefix + dir_len, strlen(prefix + dir_len)))
            continue;
        char *word = mem_printf("%.*s%s%s", (int)dir_len, prefix, ent->d_name,
                                ent->d_type == DT_DIR ? "/" : "");
        add(arg, word);
        free(word);
    }
    closedir(d);
}

static const struct cli_type builtin_types[] = {
    {"u8", NULL, parse_u8, NULL},
    {"u16", NULL, parse_u16, NULL},
    {"u32", NULL, parse_u32, NULL},
    {"u64", NULL, parse_u64, NULL},
    {"i32", NULL, parse_i32, NULL},
    {"float", NULL, parse_float, NULL},
    {"size", NULL, parse_size, NULL},
    {"page-size", NULL, parse_page_size, NULL},
    {"string", NULL, parse_string, NULL},
    {cli_type_rest, NULL, parse_rest, NULL},
    {cli_type_block, NULL, parse_block, NULL},
    {"on-off", NULL, parse_on_off, complete_on_off},
    {"mac", NULL, parse_mac, NULL},
    {"ip4-address", NULL, parse_ip4_address, NULL},
    {"ip6-address", NULL, parse_ip6_address, NULL},
    {"ip-address", NULL, parse_ip_address, NULL},
    {"ip4-prefix", NULL, parse_ip4_prefix, NULL},
    {"ip6-prefix", NULL, parse_ip6_prefix, NULL},
    {"ip-prefix", NULL, parse_ip_prefix, NULL},
    {"file", NULL, parse_string, complete_file},
    {NULL, NULL, NULL, NULL},
};

void cli_types_init(struct cli_types *types)
{
    *types = (struct cli_types){0};
    vec_add(&types->v, builtin_types);
}

void cli_types_fini(struct cli_types *types)
{
    vec_free(&types->v);
}

void cli_types_add(struct cli_types *types, const struct cli_type *table)
{
    for (const struct cli_type *t = table; t->name; t++)
        if (cli_types_find(types, t->name))
            panic("value type %s is defined twice", t->name);
    vec_add(&types->v, table);
}

const struct cli_type *cli_types_find(const struct cli_types *types, const char *name)
{
    for (u32 i = 0; i < types->v.n; i++)
        for (const struct cli_type *t = types->v.v[i]; t->name; t++)
            if (strcmp(t->name, name) == 0)
                return t;
    return NULL;
}

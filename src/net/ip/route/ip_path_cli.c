/* Paths as commands say them; see ip_path_cli.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/ip/route/ip_path_cli.h"
#include "net/link/interface/interface.h"

bool ip_words_peek(const struct ip_words *w, char word[IP_WORD_BYTES])
{
    const char *s = w->at + strspn(w->at, " \t\r\n");
    size_t n = strcspn(s, " \t\r\n");
    if (!n)
        return false;
    snprintf(word, IP_WORD_BYTES, "%.*s", (int)(n < IP_WORD_BYTES ? n : IP_WORD_BYTES - 1), s);
    return true;
}

void ip_words_skip(struct ip_words *w)
{
    w->at += strspn(w->at, " \t\r\n");
    w->at += strcspn(w->at, " \t\r\n");
}

bool ip_words_take(struct ip_words *w, const char *expected)
{
    char word[IP_WORD_BYTES];
    if (!ip_words_peek(w, word) || strcmp(word, expected) != 0)
        return false;
    ip_words_skip(w);
    return true;
}

static bool ip_words_number(const char *s, u64 most, u64 *out)
{
    char *end;
    if (*s < '0' || *s > '9')
        return false;
    errno = 0;
    unsigned long long n = strtoull(s, &end, 0);
    if (*end || errno || n > most)
        return false;
    *out = n;
    return true;
}

bool ip_words_take_number(struct ip_words *w, u64 most, u64 *out)
{
    char word[IP_WORD_BYTES];
    if (!ip_words_peek(w, word) || !ip_words_number(word, most, out))
        return false;
    ip_words_skip(w);
    return true;
}

static bool ip_words_address(const char *s, enum ip_family *f, struct ip_address *out,
                             const char **end)
{
    char address[INET6_ADDRSTRLEN];
    size_t n = strcspn(s, "/");
    if (n >= sizeof(address))
        return false;
    memcpy(address, s, n);
    address[n] = '\0';
    *end = s + n;
    *out = (struct ip_address){{{0}}};
    *f = strchr(address, ':') ? IP_FAMILY_6 : IP_FAMILY_4;
    return inet_pton(*f == IP_FAMILY_4 ? AF_INET : AF_INET6, address, out->bytes) == 1;
}

bool ip_words_prefix(const struct ip_words *w, enum ip_family *f, struct ip_address *out, u64 *len)
{
    char word[IP_WORD_BYTES];
    const char *end;
    if (!ip_words_peek(w, word) || !ip_words_address(word, f, out, &end))
        return false;
    *len = ip_family_bits(*f);
    return !*end || ip_words_number(end + 1, 1000000, len);
}

static bool ip_path_take_address(struct ip_words *w, enum ip_family *f, struct ip_address *out)
{
    char word[IP_WORD_BYTES];
    const char *end;
    struct ip_address address;
    if (!ip_words_peek(w, word) || !ip_words_address(word, f, &address, &end) || *end)
        return false;
    *out = address;
    ip_words_skip(w);
    return true;
}

static bool ip_path_take_interface(const struct piste *p, struct ip_words *w, struct if_index *out)
{
    const char *at = w->at + strspn(w->at, " \t\r\n");
    const struct interface *f = interface_take(p, &at);
    if (!f)
        return false;
    *out = f->index;
    w->at = at;
    return true;
}

int ip_words_error(const struct ip_words *w, struct error *e)
{
    const char *s = w->at + strspn(w->at, " \t\r\n");
    size_t n = strlen(s);
    while (n && strchr(" \t\r\n", s[n - 1]))
        n--;
    return error_set(e, EINVAL, "parse error `%.*s'", n > 30 ? 30 : (int)n, s);
}

/* --- a path --- */

static const struct {
    const char *word;
    u8 kind;
} special_paths[] = {
    {"drop", FIB_PATH_DROP},
    {"blackhole", FIB_PATH_DROP},
    {"punt", FIB_PATH_PUNT},
    {"local", FIB_PATH_LOCAL},
    {"unreachable", FIB_PATH_UNREACHABLE},
    {"ip4-unreachable", FIB_PATH_UNREACHABLE},
    {"ip6-unreachable", FIB_PATH_UNREACHABLE},
    {"prohibit", FIB_PATH_PROHIBIT},
    {"ip4-prohibit", FIB_PATH_PROHIBIT},
    {"ip6-prohibit", FIB_PATH_PROHIBIT},
    {"null-send-unreach", FIB_PATH_UNREACHABLE},
    {"null-send-prohibit", FIB_PATH_PROHIBIT},
};

static bool take_special(struct ip_words *w, struct fib_path *path)
{
    for (u32 i = 0; i < array_len(special_paths); i++)
        if (ip_words_take(w, special_paths[i].word)) {
            path->kind = special_paths[i].kind;
            return true;
        }
    return false;
}

int ip_path_table(const struct fib *f, enum ip_family family, u64 id, struct fib_index *out,
                  struct error *e)
{
    *out = fib_table_find(f, family, (u32)id);
    return fib_is_none(*out) ? error_set(e, ENOENT, "Nonexistent table id %" PRIu64, id) : 0;
}

/* Lookups, which the table's number follows; VPP has no word for that of the source. */
static const struct {
    const char *words[IP_FAMILY_N];
    u8 kind;
} lookup_paths[] = {
    {{"ip4-lookup-in-table", "ip6-lookup-in-table"}, FIB_PATH_LOOKUP},
    {{"ip4-source-lookup-in-table", "ip6-source-lookup-in-table"}, FIB_PATH_LOOKUP_SRC},
};
static const char *const receive_words[IP_FAMILY_N] = {"rx-ip4", "rx-ip6"};
static const char *const classify_words[IP_FAMILY_N] = {"ip4-classify", "ip6-classify"};

static bool take_lookup(struct ip_words *w, enum ip_family family, u8 *kind)
{
    for (u32 i = 0; i < array_len(lookup_paths); i++)
        if (ip_words_take(w, lookup_paths[i].words[family])) {
            *kind = lookup_paths[i].kind;
            return true;
        }
    return false;
}

/* What may follow the next hop, in any order. 1: something was taken; 0: nothing here is ours. */
static int take_option(struct piste *p, struct ip_words *w, enum ip_family family,
                       struct fib_path *path, struct error *e)
{
    u64 n;
    int rc;
    struct ip_words before = *w;
    if (ip_words_take(w, "weight")) {
        if (!ip_words_take_number(w, 255, &n))
            return ip_words_error(&before, e);
        path->weight = (u8)n;
    } else if (ip_words_take(w, "preference")) {
        if (!ip_words_take_number(w, 255, &n))
            return ip_words_error(&before, e);
        path->preference = (u8)n;
    } else if (ip_words_take(w, "next-hop-table")) {
        if (!ip_words_take_number(w, UINT32_MAX, &n))
            return ip_words_error(&before, e);
        rc = ip_path_table(fib_of(p), family, n, &path->table, e);
        if (rc)
            return rc;
    } else if (ip_words_take(w, receive_words[family])) {
        if (!ip_path_take_interface(p, w, &path->interface))
            return ip_words_error(&before, e);
        path->kind = FIB_PATH_INTERFACE_RX;
    } else if (take_lookup(w, family, &path->kind)) {
        if (!ip_words_take_number(w, UINT32_MAX, &n))
            return ip_words_error(&before, e);
        rc = ip_path_table(fib_of(p), family, n, &path->table, e);
        if (rc)
            return rc;
    } else if (ip_words_take(w, classify_words[family])) {
        if (!ip_words_take_number(w, UINT32_MAX, &n))
            return ip_words_error(&before, e);
        path->kind = FIB_PATH_CLASSIFY;
        path->classify_table = (u32)n;
    } else if (ip_words_take(w, "resolve-via-host")) {
        path->flags |= FIB_PATH_RESOLVE_HOST;
    } else if (ip_words_take(w, "resolve-via-attached") ||
               ip_words_take(w, "resolve-via-connected")) {
        path->flags |= FIB_PATH_RESOLVE_ATTACHED;
    } else if (take_special(w, path)) {
        ;
    } else {
        return if_is_none(path->interface) && ip_path_take_interface(p, w, &path->interface);
    }
    return 1;
}

int ip_path_take(struct piste *p, struct ip_words *w, enum ip_family family, struct fib_path *path,
                 struct error *e)
{
    *path = fib_path_special(FIB_PATH_NEXT_HOP);
    enum ip_family next_hop_family = family;
    bool has_next_hop = ip_path_take_address(w, &next_hop_family, &path->next_hop);
    int rc;
    path->family = (u8)next_hop_family;
    while ((rc = take_option(p, w, family, path, e)) == 1)
        ;
    if (rc)
        return rc;
    if (path->kind != FIB_PATH_NEXT_HOP || has_next_hop)
        return 0;
    /* `via IF`: everybody is on that link; `via` alone: look up again */
    path->kind = if_is_none(path->interface) ? FIB_PATH_LOOKUP : FIB_PATH_ATTACHED;
    return 0;
}

/* --- several --- */

int ip_paths_take(struct piste *p, struct ip_words *w, enum ip_family family,
                  struct fib_path out[FIB_PATHS_MAX], u32 *n, struct error *e)
{
    char word[IP_WORD_BYTES];
    for (*n = 0; ip_words_take(w, "via"); ++*n) {
        if (*n == FIB_PATHS_MAX)
            return error_set(e, EINVAL, "there are at most %u paths", FIB_PATHS_MAX);
        int rc = ip_path_take(p, w, family, &out[*n], e);
        if (rc)
            return rc;
    }
    return ip_words_peek(w, word) ? ip_words_error(w, e) : 0;
}

enum ip_family ip_paths_family(struct ip_words w)
{
    char word[IP_WORD_BYTES];
    for (; ip_words_peek(&w, word); ip_words_skip(&w)) {
        enum ip_family f;
        struct ip_address address;
        const char *end;
        if (ip_words_address(word, &f, &address, &end) && !*end)
            return f;
        if (!strncmp(word, "ip6-", 4) || !strcmp(word, receive_words[IP_FAMILY_6]))
            return IP_FAMILY_6;
    }
    return IP_FAMILY_4;
}

/* --- their words --- */

void ip_path_words(const struct piste *p, struct fib_index table, const struct fib_path *path,
                   struct text *t)
{
    const struct interface *i =
        if_is_none(path->interface) ? NULL : interface_at(p, path->interface);
    char address[IP_ADDRESS_TEXT_BYTES];
    text_puts(t, " via");
    switch ((enum fib_path_kind)path->kind) {
    case FIB_PATH_NEXT_HOP:
        text_add(t, " %s", ip_address_text((enum ip_family)path->family, &path->next_hop, address));
        if (if_is_none(path->interface) && path->table.i != table.i)
            text_add(t, " next-hop-table %u", fib_table_id(fib_of(p), path->table));
        break;
    case FIB_PATH_LOOKUP:
    case FIB_PATH_LOOKUP_SRC:
        text_add(t, " %s %u",
                 lookup_paths[path->kind == FIB_PATH_LOOKUP_SRC].words[fib_family(table)],
                 fib_table_id(fib_of(p), path->table));
        break;
    case FIB_PATH_INTERFACE_RX:
        text_add(t, " %s", receive_words[fib_family(table)]);
        break;
    case FIB_PATH_CLASSIFY:
        text_add(t, " %s %u", classify_words[fib_family(table)], path->classify_table);
        break;
    default:
        for (u32 k = 0; k < array_len(special_paths); k++)
            if (special_paths[k].kind == path->kind) {
                text_add(t, " %s", special_paths[k].word);
                break;
            }
        break;
    }
    if (i)
        text_add(t, " %s", i->name);
    if (path->weight > 1)
        text_add(t, " weight %u", path->weight);
    if (path->preference)
        text_add(t, " preference %u", path->preference);
    if (path->flags & FIB_PATH_RESOLVE_HOST)
        text_puts(t, " resolve-via-host");
    if (path->flags & FIB_PATH_RESOLVE_ATTACHED)
        text_puts(t, " resolve-via-attached");
}

bool ip_path_can_be_said(const struct fib_path *path)
{
    return path->kind != FIB_PATH_ADJ && path->kind != FIB_PATH_RECEIVE &&
           !(path->flags & FIB_PATH_DEAD);
}

void ip_paths_words(const struct piste *p, enum ip_family family, struct lb_index lb,
                    struct text *t)
{
    const struct fib *f = fib_of(p);
    struct fib_path paths[FIB_PATHS_MAX];
    struct fib_index table = fib_table_find(f, family, 0);
    u32 n = fib_paths_get(f, lb, paths, FIB_PATHS_MAX), said = 0;
    for (u32 i = 0; i < n; i++)
        if (ip_path_can_be_said(&paths[i])) {
            ip_path_words(p, table, &paths[i], t);
            said++;
        }
    if (!said)
        text_puts(t, " via drop");
}

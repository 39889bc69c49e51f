/* `ip route`: VPP's free order of words, read by hand, because what it says about mistakes is known
 * to scripts.
 *
 *   ip route (add | del) [count N] PREFIX [table ID] [source NAME] [via PATH]...
 *
 * The source is ours: a saved route of a client of the API is that client's again. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "control/cli.h"
#include "net/link/interface/interface.h"
#include "net/ip/ip4/ip4_internal.h"
#include "net/ip/ip4/ip_route_cli.h"

#define WORD_BYTES 64
#define ROUTES_A_PIECE 128 /* of a running config */

/* What is left of the line. */
struct words {
    const char *at;
};

/* The next word, not taken; false at the end. Too long a word is cut: it matches nothing. */
static bool ip_route_cli_peek(const struct words *w, char word[WORD_BYTES])
{
    const char *s = w->at + strspn(w->at, " \t\r\n");
    size_t n = strcspn(s, " \t\r\n");
    if (!n)
        return false;
    snprintf(word, WORD_BYTES, "%.*s", (int)(n < WORD_BYTES ? n : WORD_BYTES - 1), s);
    return true;
}

static void ip_route_cli_take(struct words *w)
{
    w->at += strspn(w->at, " \t\r\n");
    w->at += strcspn(w->at, " \t\r\n");
}

static bool ip_route_cli_take_word(struct words *w, const char *expected)
{
    char word[WORD_BYTES];
    if (!ip_route_cli_peek(w, word) || strcmp(word, expected) != 0)
        return false;
    ip_route_cli_take(w);
    return true;
}

static bool ip_route_cli_number(const char *s, u64 most, u64 *out)
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

static bool take_number(struct words *w, u64 most, u64 *out)
{
    char word[WORD_BYTES];
    if (!ip_route_cli_peek(w, word) || !ip_route_cli_number(word, most, out))
        return false;
    ip_route_cli_take(w);
    return true;
}

/* An address of either protocol, up to the end or a slash: *end. */
static bool ip_route_cli_address(const char *s, enum ip_family *f, struct ip_address *out,
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

static bool ip_route_cli_take_address(struct words *w, enum ip_family *f, struct ip_address *out)
{
    char word[WORD_BYTES];
    const char *end;
    struct ip_address address;
    if (!ip_route_cli_peek(w, word) || !ip_route_cli_address(word, f, &address, &end) || *end)
        return false;
    *out = address;
    ip_route_cli_take(w);
    return true;
}

static bool ip_route_cli_take_interface(const struct piste *p, struct words *w,
                                        struct if_index *out)
{
    const char *at = w->at + strspn(w->at, " \t\r\n");
    const struct interface *f = interface_take(p, &at);
    if (!f)
        return false;
    *out = f->index;
    w->at = at;
    return true;
}

static int parse_error(const struct words *w, struct error *e)
{
    const char *s = w->at + strspn(w->at, " \t\r\n");
    size_t n = strlen(s);
    while (n && strchr(" \t\r\n", s[n - 1]))
        n--;
    return error_set(e, EINVAL, "parse error `%.*s'", n > 30 ? 30 : (int)n, s);
}

const char *const ip_route_words[] = {
    "add", "del", "count", "table", "source", "via", "weight", "preference", "next-hop-table",
    "ip4-lookup-in-table", "ip6-lookup-in-table", "ip4-source-lookup-in-table",
    "ip6-source-lookup-in-table", "rx-ip4", "rx-ip6", "resolve-via-host", "resolve-via-attached",
    "resolve-via-connected",
    /* special_paths */
    "drop", "blackhole", "punt", "local", "unreachable", "ip4-unreachable", "ip6-unreachable",
    "prohibit", "ip4-prohibit", "ip6-prohibit", NULL};

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
};

static bool take_special(struct words *w, struct fib_path *path)
{
    for (u32 i = 0; i < array_len(special_paths); i++)
        if (ip_route_cli_take_word(w, special_paths[i].word)) {
            path->kind = special_paths[i].kind;
            return true;
        }
    return false;
}

static int ip_route_cli_table_of(const struct fib *f, enum ip_family family, u64 id,
                                 struct fib_index *out, struct error *e)
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

static bool take_lookup(struct words *w, enum ip_family family, u8 *kind)
{
    for (u32 i = 0; i < array_len(lookup_paths); i++)
        if (ip_route_cli_take_word(w, lookup_paths[i].words[family])) {
            *kind = lookup_paths[i].kind;
            return true;
        }
    return false;
}

/* What may follow the next hop, in any order. 1: something was taken; 0: nothing here is ours. */
static int ip_route_cli_take_option(struct piste *p, struct words *w, enum ip_family family,
                                    struct fib_path *path, struct error *e)
{
    u64 n;
    int rc;
    struct words before = *w;
    if (ip_route_cli_take_word(w, "weight")) {
        if (!take_number(w, 255, &n))
            return parse_error(&before, e);
        path->weight = (u8)n;
    } else if (ip_route_cli_take_word(w, "preference")) {
        if (!take_number(w, 255, &n))
            return parse_error(&before, e);
        path->preference = (u8)n;
    } else if (ip_route_cli_take_word(w, "next-hop-table")) {
        if (!take_number(w, UINT32_MAX, &n))
            return parse_error(&before, e);
        rc = ip_route_cli_table_of(fib_of(p), family, n, &path->table, e);
        if (rc)
            return rc;
    } else if (ip_route_cli_take_word(w, receive_words[family])) {
        if (!ip_route_cli_take_interface(p, w, &path->interface))
            return parse_error(&before, e);
        path->kind = FIB_PATH_INTERFACE_RX;
    } else if (take_lookup(w, family, &path->kind)) {
        if (!take_number(w, UINT32_MAX, &n))
            return parse_error(&before, e);
        rc = ip_route_cli_table_of(fib_of(p), family, n, &path->table, e);
        if (rc)
            return rc;
    } else if (ip_route_cli_take_word(w, "resolve-via-host")) {
        path->flags |= FIB_PATH_RESOLVE_HOST;
    } else if (ip_route_cli_take_word(w, "resolve-via-attached") ||
               ip_route_cli_take_word(w, "resolve-via-connected")) {
        path->flags |= FIB_PATH_RESOLVE_ATTACHED;
    } else if (take_special(w, path)) {
        ;
    } else {
        return if_is_none(path->interface) && ip_route_cli_take_interface(p, w, &path->interface);
    }
    return 1;
}

static int take_path(struct piste *p, struct words *w, enum ip_family family, struct fib_path *path,
                     struct error *e)
{
    *path = fib_path_special(FIB_PATH_NEXT_HOP);
    enum ip_family next_hop_family = family;
    bool has_next_hop = ip_route_cli_take_address(w, &next_hop_family, &path->next_hop);
    int rc;
    path->family = (u8)next_hop_family;
    while ((rc = ip_route_cli_take_option(p, w, family, path, e)) == 1)
        ;
    if (rc)
        return rc;
    if (path->kind != FIB_PATH_NEXT_HOP || has_next_hop)
        return 0;
    /* `via IF`: everybody is on that link; `via` alone: look up again */
    path->kind = if_is_none(path->interface) ? FIB_PATH_LOOKUP : FIB_PATH_ATTACHED;
    return 0;
}

/* --- the command --- */

struct route_command {
    bool add;
    enum fib_source source;
    u64 count, table_id;
    bool has_prefix;
    struct ip_prefix prefix;
    u32 n_paths;
    struct fib_path paths[FIB_PATHS_MAX];
};

/* PREFIX: 1 taken, 0 not one, negative: it is one, but a bad one. */
static int take_prefix(struct cli_call *c, struct words *w, struct route_command *r)
{
    char word[WORD_BYTES];
    const char *end;
    enum ip_family f;
    struct ip_address address;
    if (!ip_route_cli_peek(w, word) || !ip_route_cli_address(word, &f, &address, &end))
        return 0;
    u64 len = ip_family_bits(f);
    if (*end == '/') {
        if (!ip_route_cli_number(end + 1, 1000000, &len))
            return 0;
    } else if (*end) {
        return 0;
    }
    if (len > ip_family_bits(f)) {
        out_text(c->out, "Invalid prefix len: %" PRIu64 "\n", len);
        c->err->code = EINVAL; /* told */
        return -EINVAL;
    }
    r->prefix.addr = address;
    r->prefix.family = (u8)f;
    r->prefix.len = (u8)len;
    r->has_prefix = true;
    ip_route_cli_take(w);
    return 1;
}

static int ip_route_cli_parse(struct cli_call *c, struct words *w, struct route_command *r)
{
    char word[WORD_BYTES];
    while (ip_route_cli_peek(w, word)) {
        struct words before = *w;
        int rc = take_prefix(c, w, r);
        if (rc < 0)
            return rc;
        if (rc)
            continue;
        if (ip_route_cli_take_word(w, "add")) {
            r->add = true;
        } else if (ip_route_cli_take_word(w, "del")) {
            r->add = false;
        } else if (ip_route_cli_take_word(w, "count")) {
            if (!take_number(w, UINT32_MAX, &r->count))
                return parse_error(&before, c->err);
            if (r->count > FIB_ROUTES_MOST)
                return error_set(c->err, ERANGE, "count %" PRIu64 ": at most %u routes at once",
                                 r->count, FIB_ROUTES_MOST);
        } else if (ip_route_cli_take_word(w, "table")) {
            if (!take_number(w, UINT32_MAX, &r->table_id))
                return parse_error(&before, c->err);
        } else if (ip_route_cli_take_word(w, "source")) {
            if (!ip_route_cli_peek(w, word) || !fib_user_source_find(word, &r->source))
                return parse_error(&before, c->err);
            ip_route_cli_take(w);
        } else if (ip_route_cli_take_word(w, "via")) {
            if (r->n_paths == FIB_PATHS_MAX)
                return error_set(c->err, EINVAL, "a route has at most %u paths", FIB_PATHS_MAX);
            rc = take_path(c->piste, w, (enum ip_family)r->prefix.family, &r->paths[r->n_paths],
                           c->err);
            if (rc)
                return rc;
            r->n_paths++;
        } else {
            return parse_error(&before, c->err);
        }
    }
    if (!r->has_prefix)
        return error_set(c->err, EINVAL, "expected ip4/ip6 destination address/length.");
    if (r->add && !r->n_paths)
        return error_set(c->err, EINVAL, "expected paths.");
    return 0;
}

static int apply_one(struct fib *f, struct fib_index t, const struct route_command *r,
                     struct ip_prefix prefix, struct error *e)
{
    if (r->add)
        return fib_route_path_add(f, t, prefix, r->source, r->paths, r->n_paths, e);
    int rc = r->n_paths ? fib_route_path_remove(f, t, prefix, r->source, r->paths, r->n_paths, e)
                        : fib_route_delete(f, t, prefix, r->source, e);
    return rc == -ENOENT ? 0 : rc; /* what is not there is gone: scripts rely on it */
}

/* How far a command with `count` is. */
struct route_progress {
    u64 done, begin_ns;
    struct ip_prefix prefix; /* the next */
};

static void ip_route_cli_show_rate(struct cli_call *c, const struct route_progress *at)
{
    double rate = (double)at->done * 1e9 / (double)(clock_ns() - at->begin_ns);
    struct text text = {0};
    text_sci(&text, rate, 6);
    out_text(c->out, "%s routes/sec\n", text_str(&text));
    out_f64(c->out, "routes_per_sec", rate, NULL);
    text_free(&text);
}

/* Whether there are so many prefixes from that on. */
static bool ip_route_cli_has_room(struct ip_prefix prefix, u64 count)
{
    struct ip_address a = ip_address_mask(&prefix.addr, prefix.len);
    u64 behind = 0; /* prefixes up to the last, as far as they can matter */
    for (u32 bit = 0; bit < prefix.len; bit++)
        if (!(a.bytes[bit / 8] & (0x80 >> bit % 8)))
            behind += prefix.len - 1 - bit < 40 ? 1ull << (prefix.len - 1 - bit) : 1ull << 40;
    return count - 1 <= behind;
}

static int ip_route_cli_apply(struct cli_call *c, const struct route_command *r)
{
    struct fib *f = fib_of(c->piste);
    enum ip_family family = (enum ip_family)r->prefix.family;
    struct route_progress *at = cli_kept(c, sizeof(*at), NULL);
    struct fib_index t;
    int rc = ip_route_cli_table_of(f, family, r->table_id, &t, c->err);
    if (rc)
        return rc;
    if (!ip_route_cli_has_room(r->prefix, r->count)) {
        char last[IP_ADDRESS_TEXT_BYTES];
        struct ip_address end = ip_address_last(family, &(struct ip_address){{{0}}}, 0);
        return error_set(c->err, ERANGE, "the last prefix would be behind %s",
                         ip_address_text(family, &end, last));
    }
    if (!c->again) {
        at->begin_ns = clock_ns();
        at->prefix = r->prefix;
    }
    while (at->done < r->count) {
        rc = apply_one(f, t, r, at->prefix, c->err);
        if (rc)
            return rc;
        at->done++;
        (void)ip_address_next(&at->prefix.addr, at->prefix.len);
        if (cli_full(c))
            return CLI_MORE;
    }
    if (r->count > 1)
        ip_route_cli_show_rate(c, at);
    return 0;
}

int ip_route_command(struct cli_call *c)
{
    struct route_command r = {.add = true, .source = FIB_SOURCE_CLI, .count = 1};
    struct words w = {cli_str(c, "rest", "")};
    int rc = ip_route_cli_parse(c, &w, &r);
    return rc ? rc : ip_route_cli_apply(c, &r);
}

/* --- running config --- */

static void add_path_words(const struct piste *p, struct fib_index table,
                           const struct fib_path *path, struct text *t)
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

/* Whether a line can say it: a path of a module's own, or through an interface that is gone,
 * cannot. */
static bool can_be_said(const struct fib_path *path)
{
    return path->kind != FIB_PATH_ADJ && path->kind != FIB_PATH_RECEIVE &&
           !(path->flags & FIB_PATH_DEAD);
}

static void write_source(struct piste *p, const struct fib_route *r, enum fib_source source,
                         struct text *t)
{
    struct fib *f = fib_of(p);
    struct fib_path paths[FIB_PATHS_MAX];
    u32 n = fib_route_paths(f, r->lb, source, paths, FIB_PATHS_MAX), said = 0;
    char prefix[IP_PREFIX_TEXT_BYTES];
    for (u32 i = 0; i < n; i++)
        said += can_be_said(&paths[i]);
    if (!said)
        return;
    text_add(t, "ip route add %s", ip_prefix_text(&r->prefix, prefix));
    if (fib_number(r->table))
        text_add(t, " table %u", fib_table_id(f, r->table));
    if (source != FIB_SOURCE_CLI)
        text_add(t, " source %s", fib_source_name(source));
    for (u32 i = 0; i < n; i++)
        if (can_be_said(&paths[i]))
            add_path_words(p, r->table, &paths[i], t);
    text_putc(t, '\n');
}

/* The next route of either protocol, but for those of links' own tables; as fib_walk_next. */
static int ip_route_cli_next(struct fib_walk *w, struct fib_route *r)
{
    int rc = fib_walk_next(w, r);
    if (rc == 1 && fib_table_id(w->fib, r->table) == FIB_TABLE_NO_ID)
        return -EAGAIN;
    if (rc || w->family == IP_FAMILY_6)
        return rc;
    free(w->keys);
    *w = (struct fib_walk){.fib = w->fib, .family = IP_FAMILY_6, .only = FIB_NONE};
    return -EAGAIN;
}

bool ip_route_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                                  struct text *t)
{
    if (phase != RC_ROUTES)
        return false;
    struct fib_walk *w = *place;
    if (!w) {
        w = *place = mem_alloc(sizeof(*w));
        *w = (struct fib_walk){.fib = fib_of(p), .family = IP_FAMILY_4, .only = FIB_NONE};
    }
    struct fib_route r;
    int rc = 1;
    for (u32 n = 0; n < ROUTES_A_PIECE && (rc = ip_route_cli_next(w, &r)) == 1; n++)
        for (enum fib_source s = 0; s < FIB_SOURCE_N; s++)
            if (fib_source_is_users(s))
                write_source(p, &r, s, t);
    return rc != 0;
}

void ip_route_place_free(void *place)
{
    free(((struct fib_walk *)place)->keys);
    free(place);
}

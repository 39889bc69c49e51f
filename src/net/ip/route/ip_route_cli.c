/* `ip route`: VPP's free order of words, read by hand, because what it says about mistakes is known
 * to scripts.
 *
 *   ip route (add | del) [count N] PREFIX [table ID] [source NAME] [via PATH]...
 *
 * The source is ours: a saved route of a client of the API is that client's again. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "control/cli.h"
#include "net/link/interface/interface.h"
#include "net/ip/fib/fib.h"
#include "net/ip/route/ip_path_cli.h"
#include "net/ip/route/ip_route_cli.h"

#define ROUTES_A_PIECE 128 /* of a running config */

const char *const ip_route_words[] = {
    "add", "del", "count", "table", "source", "via", "weight", "preference", "next-hop-table",
    "ip4-lookup-in-table", "ip6-lookup-in-table", "ip4-source-lookup-in-table",
    "ip6-source-lookup-in-table", "rx-ip4", "rx-ip6", "ip4-classify", "ip6-classify",
    "resolve-via-host", "resolve-via-attached", "resolve-via-connected",
    /* special_paths of ip_path_cli.c */
    "drop", "blackhole", "punt", "local", "unreachable", "ip4-unreachable", "ip6-unreachable",
    "prohibit", "ip4-prohibit", "ip6-prohibit", "null-send-unreach", "null-send-prohibit", NULL};

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
static int take_prefix(struct cli_call *c, struct ip_words *w, struct route_command *r)
{
    enum ip_family f;
    struct ip_address address;
    u64 len;
    if (!ip_words_prefix(w, &f, &address, &len))
        return 0;
    if (len > ip_family_bits(f)) {
        out_text(c->out, "Invalid prefix len: %" PRIu64 "\n", len);
        c->err->code = EINVAL; /* told */
        return -EINVAL;
    }
    r->prefix.addr = address;
    r->prefix.family = (u8)f;
    r->prefix.len = (u8)len;
    r->has_prefix = true;
    ip_words_skip(w);
    return 1;
}

static int ip_route_cli_parse(struct cli_call *c, struct ip_words *w, struct route_command *r)
{
    char word[IP_WORD_BYTES];
    while (ip_words_peek(w, word)) {
        struct ip_words before = *w;
        int rc = take_prefix(c, w, r);
        if (rc < 0)
            return rc;
        if (rc)
            continue;
        if (ip_words_take(w, "add")) {
            r->add = true;
        } else if (ip_words_take(w, "del")) {
            r->add = false;
        } else if (ip_words_take(w, "count")) {
            if (!ip_words_take_number(w, UINT32_MAX, &r->count))
                return ip_words_error(&before, c->err);
            if (r->count > FIB_ROUTES_MOST)
                return error_set(c->err, ERANGE, "count %" PRIu64 ": at most %u routes at once",
                                 r->count, FIB_ROUTES_MOST);
        } else if (ip_words_take(w, "table")) {
            if (!ip_words_take_number(w, UINT32_MAX, &r->table_id))
                return ip_words_error(&before, c->err);
        } else if (ip_words_take(w, "source")) {
            if (!ip_words_peek(w, word) || !fib_user_source_find(word, &r->source))
                return ip_words_error(&before, c->err);
            ip_words_skip(w);
        } else if (ip_words_take(w, "via")) {
            if (r->n_paths == FIB_PATHS_MAX)
                return error_set(c->err, EINVAL, "a route has at most %u paths", FIB_PATHS_MAX);
            rc = ip_path_take(c->piste, w, (enum ip_family)r->prefix.family, &r->paths[r->n_paths],
                              c->err);
            if (rc)
                return rc;
            r->n_paths++;
        } else {
            return ip_words_error(&before, c->err);
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
    int rc = ip_path_table(f, family, r->table_id, &t, c->err);
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
    struct ip_words w = {cli_str(c, "rest", "")};
    int rc = ip_route_cli_parse(c, &w, &r);
    return rc ? rc : ip_route_cli_apply(c, &r);
}

/* --- running config --- */

static void write_source(struct piste *p, const struct fib_route *r, enum fib_source source,
                         struct text *t)
{
    struct fib *f = fib_of(p);
    struct fib_path paths[FIB_PATHS_MAX];
    u32 n = fib_route_paths(f, r->lb, source, paths, FIB_PATHS_MAX), said = 0;
    char prefix[IP_PREFIX_TEXT_BYTES];
    for (u32 i = 0; i < n; i++)
        said += ip_path_can_be_said(&paths[i]);
    if (!said)
        return;
    text_add(t, "ip route add %s", ip_prefix_text(&r->prefix, prefix));
    if (fib_number(r->table))
        text_add(t, " table %u", fib_table_id(f, r->table));
    if (source != FIB_SOURCE_CLI)
        text_add(t, " source %s", fib_source_name(source));
    for (u32 i = 0; i < n; i++)
        if (ip_path_can_be_said(&paths[i]))
            ip_path_words(p, r->table, &paths[i], t);
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

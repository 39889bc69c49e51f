/* Commands of the classifier. Words and layouts are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "net/features/classify/classify_internal.h"
#include "net/features/classify/classify_parse.h"
#include "net/ip/fib/fib.h"

#define SESSIONS_A_PIECE 256

/* --- types --- */

static int parse_mask(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    struct classify_bytes bytes;
    return classify_parse_mask(text, &bytes);
}

static int parse_match(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    struct classify_bytes bytes;
    return classify_parse_match(text, &bytes);
}

/* Where a node sends packets: a word or its number. */
static int parse_next(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    static const struct {
        const char *word;
        u32 next;
    } words[] = {{"deny", 0}, {"drop", 0}, {"permit", CLASSIFY_NONE},
                 {"punt", 1}, {"ip4", 2},  {"local", 2}};
    size_t n = strcspn(*text, " \t\r\n");
    char *end;
    for (u32 i = 0; i < array_len(words); i++)
        if (strlen(words[i].word) == n && !strncmp(*text, words[i].word, n)) {
            v->u = words[i].next;
            *text += n;
            return 0;
        }
    long long x = strtoll(*text, &end, 10);
    if (end != *text + n || !n || x < -1 || x > UINT32_MAX)
        return -ENOENT;
    v->u = (u32)x;
    *text = end;
    return 0;
}

/* A number, or a colour for policers. */
static int parse_opaque(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    static const char *const colors[] = {"conform-color", "exceed-color", "violate-color"};
    size_t n = strcspn(*text, " \t\r\n");
    char *end;
    for (u32 i = 0; i < array_len(colors); i++)
        if (strlen(colors[i]) == n && !strncmp(*text, colors[i], n)) {
            v->u = i;
            *text += n;
            return 0;
        }
    errno = 0;
    unsigned long x = **text == '-' ? ULONG_MAX : strtoul(*text, &end, 0);
    if (x > UINT32_MAX || !n || end != *text + n || errno)
        return -ENOENT;
    v->u = x;
    *text = end;
    return 0;
}

const struct cli_type classify_types[] = {
    {"classify-mask", "unknown mask", parse_mask, NULL},
    {"classify-match", "unknown match", parse_match, NULL},
    {"classify-next", "unknown next", parse_next, NULL},
    {"classify-opaque", "unknown opaque index", parse_opaque, NULL},
    {0},
};

/* --- classify table --- */

int classify_fit_mask(const struct classify_bytes *b, struct classify_table_args *a,
                      struct error *e)
{
    u32 first = 0, last = b->n;
    while (first < b->n && !b->bytes[first])
        first++;
    while (last > first && !b->bytes[last - 1])
        last--;
    if (a->skip != CLASSIFY_NONE && a->match != CLASSIFY_NONE &&
        b->n == (u64)a->match * CLASSIFY_VECTOR_BYTES)
        first = 0;
    if (first == b->n)
        return error_set(e, EINVAL, "the mask is empty");
    first -= first % CLASSIFY_VECTOR_BYTES;
    if (a->skip == CLASSIFY_NONE)
        a->skip = first / CLASSIFY_VECTOR_BYTES;
    if (a->match == CLASSIFY_NONE)
        a->match = (last - first + CLASSIFY_VECTOR_BYTES - 1) / CLASSIFY_VECTOR_BYTES;
    memcpy(a->mask, b->bytes + first, min_u64(sizeof(a->mask), b->n - first));
    return 0;
}

static u32 next_given(const struct cli_call *c, const char *const *labels)
{
    u32 next = CLASSIFY_NONE;
    for (; *labels; labels++)
        next = (u32)cli_u64(c, *labels, next);
    return next;
}

static int table_change(struct cli_call *c, u32 index, u32 next_table, u32 miss_next)
{
    const struct classify_table *t = classify_table_at(index);
    if (!t)
        return error_set(c->err, ENOENT, "no such classifier table %u", index);
    if (!cli_get(c, "next-table"))
        next_table = t->next_table;
    if (miss_next == CLASSIFY_NONE && !cli_has(c, "miss-next") && !cli_has(c, "acl-miss-next") &&
        !cli_has(c, "l2-miss-next") && !cli_has(c, "l2-miss_next"))
        miss_next = t->miss_next;
    return classify_table_set(c->piste, index, next_table, miss_next, c->err);
}

static int classify_cli_table_make(struct cli_call *c, u32 index, u32 next_table, u32 miss_next)
{
    const char *text = cli_str(c, "mask", NULL);
    struct classify_bytes mask;
    struct classify_table_args a = {
        .skip = (u32)cli_u64(c, "skip", CLASSIFY_NONE),
        .match = (u32)cli_u64(c, "match", CLASSIFY_NONE),
        .buckets = (u32)cli_u64(c, "buckets", 2),
        .current = cli_u64(c, "current-data-flag", 0),
        .offset = cli_get(c, "current-data-offset") ? (i32)cli_get(c, "current-data-offset")->i : 0,
        .next_table = next_table,
        .miss_next = miss_next,
    };
    if (!text)
        return error_set(c->err, EINVAL, "Mask required");
    if (classify_parse_mask(&text, &mask))
        return error_set(c->err, EINVAL, "unknown mask `%s'", text);
    int rc = classify_fit_mask(&mask, &a, c->err);
    if (rc)
        return rc;
    rc = classify_table_add(c->piste, &a, &index, c->err);
    if (!rc)
        out_u64(c->out, "table_index", index, NULL);
    return rc;
}

static int classify_cli_table(struct cli_call *c)
{
    static const char *const misses[] = {"miss-next", "l2-miss-next", "l2-miss_next",
                                         "acl-miss-next", NULL};
    u32 index = (u32)cli_u64(c, "table", CLASSIFY_NONE), miss_next = next_given(c, misses);
    u32 next_table = (u32)cli_u64(c, "next-table", CLASSIFY_NONE);
    if (cli_has(c, "del") || cli_has(c, "del-chain")) {
        if (index == CLASSIFY_NONE)
            return error_set(c->err, EINVAL, "table index required for delete");
        return classify_table_del(c->piste, index, cli_has(c, "del-chain"), c->err);
    }
    if (index != CLASSIFY_NONE && !cli_get(c, "mask"))
        return table_change(c, index, next_table, miss_next);
    return classify_cli_table_make(c, index, next_table, miss_next);
}

/* --- classify session --- */

static void session_action(struct cli_call *c, struct classify_session_args *a)
{
    a->action = CLASSIFY_ACTION_NONE;
    if (cli_get(c, "set-ip4-fib-id"))
        a->action = CLASSIFY_ACTION_SET_IP4_FIB;
    else if (cli_get(c, "set-ip6-fib-id"))
        a->action = CLASSIFY_ACTION_SET_IP6_FIB;
    bool is_ip6 = a->action == CLASSIFY_ACTION_SET_IP6_FIB;
    a->metadata = (u32)cli_u64(c, is_ip6 ? "set-ip6-fib-id" : "set-ip4-fib-id", 0);
}

static int classify_cli_session(struct cli_call *c)
{
    static const char *const hits[] = {"hit-next", "l2-input-hit-next", "l2-output-hit-next",
                                       "acl-hit-next", NULL};
    u32 index = (u32)cli_u64(c, "table-index", CLASSIFY_NONE);
    const char *text = cli_str(c, "match", NULL);
    struct classify_bytes match;
    if (index == CLASSIFY_NONE)
        return error_set(c->err, EINVAL, "Table index required");
    if (!text)
        return error_set(c->err, EINVAL, "Match value required");
    if (classify_parse_match(&text, &match))
        return error_set(c->err, EINVAL, "unknown match `%s'", text);
    if (cli_has(c, "del"))
        return classify_session_del(c->piste, index, match.bytes, c->err);
    struct classify_session_args a = {
        .match = match.bytes,
        .next = next_given(c, hits),
        .opaque = (u32)cli_u64(c, "opaque-index", CLASSIFY_NONE),
        .advance = cli_get(c, "advance") ? (i32)cli_get(c, "advance")->i : 0,
    };
    int rc = 0;
    session_action(c, &a);
    a.is_policer = cli_get(c, "policer-hit-next") != NULL;
    if (a.is_policer)
        rc = classify_policer_find(c->piste, cli_str(c, "policer-hit-next", ""), &a.next, c->err);
    return rc ? rc : classify_session_add(c->piste, index, &a, c->err);
}

/* --- show classify tables --- */

/* `show classify tables`: where it is. */
struct shown {
    u32 table;
    bool in_table; /* its sessions are being shown: */
    u32 n;         /* so many were */
    struct classify_session_walk walk;
};

static void shown_fini(void *kept)
{
    classify_session_walk_end(&((struct shown *)kept)->walk);
}

static void show_session(struct out *o, const struct classify_session *s, u32 n, u32 match)
{
    struct text key = {0};
    text_hex(&key, s->key, match * (u32)CLASSIFY_VECTOR_BYTES);
    out_object(o, NULL);
    out_text(o, "    %u: [%u]: next_index %d advance %d opaque %d action %u metadata %u\n", n,
             s->id, (int)s->next, s->advance, (int)s->opaque, s->action, s->metadata);
    out_i64(o, "next_index", (i32)s->next, NULL);
    out_i64(o, "advance", s->advance, NULL);
    out_i64(o, "opaque", (i32)s->opaque, NULL);
    out_u64(o, "action", s->action, NULL);
    out_u64(o, "metadata", s->metadata, NULL);
    out_str(o, "key", text_str(&key), "        k: %s\n");
    out_u64(o, "hits", counter_get(classify_hits, s->id), "        hits %" PRIu64);
    u32 last_heard_s = __atomic_load_n(&s->last_heard_s, __ATOMIC_RELAXED);
    out_text(o, ", last_heard %u.00\n", last_heard_s);
    out_u64(o, "last_heard", last_heard_s, NULL);
    out_end(o);
    text_free(&key);
}

static void classify_cli_show_table(struct cli_call *c, u32 index)
{
    struct out *o = c->out;
    const struct classify_table *t = classify_table_at(index);
    u32 n = classify_session_count(c->piste, index);
    struct text mask = {0};
    text_hex(&mask, t->mask, t->match * (u32)CLASSIFY_VECTOR_BYTES);
    out_text(o, "%10u%10u%10d%10d\n", index, n, (int)t->next_table, (int)t->miss_next);
    out_u64(o, "index", index, NULL);
    out_u64(o, "n_sessions", n, NULL);
    out_i64(o, "next_table", (i32)t->next_table, NULL);
    out_i64(o, "miss_next", (i32)t->miss_next, NULL);
    out_u64(o, "buckets", classify_table_buckets(c->piste, index), "  nbuckets %" PRIu64);
    out_u64(o, "skip", t->skip, ", skip %" PRIu64);
    out_u64(o, "match", t->match, " match %" PRIu64);
    out_u64(o, "current_data_flag", t->current, " flag %" PRIu64);
    out_i64(o, "current_data_offset", t->offset, " offset %" PRId64 "\n");
    out_str(o, "mask", text_str(&mask), "  mask %s\n");
    out_text(o, "  linear-search buckets 0\n");
    text_free(&mask);
}

/* Sessions of the table that is shown: CLI_MORE, or 0 at their end. */
static int show_sessions(struct cli_call *c, struct shown *x)
{
    const struct classify_session *s;
    if (!x->in_table) {
        out_text(c->out, "\n");
        out_array(c->out, "sessions");
        classify_session_walk_begin(&x->walk, c->piste, x->table);
        x->in_table = true;
    }
    while (!cli_full(c)) {
        s = classify_session_walk_next(&x->walk);
        if (s) {
            show_session(c->out, s, x->n++, classify_table_at(x->table)->match);
            continue;
        }
        classify_session_walk_end(&x->walk);
        out_end(c->out);
        out_text(c->out, "    %u active elements\n", x->n);
        x->in_table = false;
        x->n = 0;
        return 0;
    }
    return CLI_MORE;
}

static int show_tables(struct cli_call *c)
{
    const struct cli_value *one = cli_get(c, "index");
    bool verbose = cli_has(c, "verbose") || cli_has(c, "v");
    struct shown *x = cli_kept(c, sizeof(*x), shown_fini);
    u32 i = x->in_table ? x->table : classify_table_next(c->piste, x->table);
    if (one && !c->again && !classify_table_at((u32)one->u))
        return error_set(c->err, ENOENT, "no such classifier table %u", (u32)one->u);
    if (!c->again && i == CLASSIFY_NONE)
        out_text(c->out, "No classifier tables configured\n");
    else if (!c->again)
        out_text(c->out, "%10s%10s%10s%10s\n", "TableIdx", "Sessions", "NextTbl", "NextNode");
    if (!c->again)
        out_array(c->out, "tables");
    for (; i != CLASSIFY_NONE; i = classify_table_next(c->piste, x->table)) {
        x->table = i;
        if (one && one->u != i) {
            x->table++;
            continue;
        }
        if (!x->in_table) {
            out_object(c->out, NULL);
            classify_cli_show_table(c, i);
        }
        if (verbose && show_sessions(c, x))
            return CLI_MORE;
        out_end(c->out);
        x->table++;
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

const struct cli_command classify_commands[] = {
    {"classify table [miss-next <miss-next:classify-next>] [l2-miss-next "
     "<l2-miss-next:classify-next>]"
     " [l2-miss_next <l2-miss_next:classify-next>] [acl-miss-next <acl-miss-next:classify-next>]"
     " [mask <mask:classify-mask>] [buckets <buckets:u32>] [skip <skip:u32>] [match <match:u32>]"
     " [current-data-flag <current-data-flag:u32>] [current-data-offset <current-data-offset:i32>]"
     " [table <table:u32>] [memory-size <memory-size:size>] [next-table <next-table:u32>] [del]"
     " [del-chain]",
     "Makes, changes or deletes a classifier table", classify_cli_table, 0},
    {"classify session [hit-next <hit-next:classify-next>]"
     " [l2-input-hit-next <l2-input-hit-next:classify-next>]"
     " [l2-output-hit-next <l2-output-hit-next:classify-next>]"
     " [acl-hit-next <acl-hit-next:classify-next>] [policer-hit-next <policer-hit-next:string>]"
     " [table-index <table-index:u32>] [match <match:classify-match>] [opaque-index "
     "<opaque-index:classify-opaque>]"
     " [advance <advance:i32>]"
     " [action ( set-ip4-fib-id <set-ip4-fib-id:u32> | set-ip6-fib-id <set-ip6-fib-id:u32> )] "
     "[del]",
     "Adds or deletes a session of a classifier table", classify_cli_session, 0},
    {"show classify tables [index <index:u32>] [verbose [<level:u32>] | v]",
     "Classifier tables and, verbose, their sessions", show_tables, 0},
    {0},
};

/* --- running config --- */

static void classify_cli_config_of_table(const struct piste *p, u32 index, struct text *out)
{
    const struct classify_table *t = classify_table_at(index);
    text_add(out, "classify table table %u mask hex ", index);
    text_hex(out, t->mask, t->match * (u32)CLASSIFY_VECTOR_BYTES);
    text_add(out, " skip %u match %u buckets %u", t->skip, t->match,
             classify_table_buckets(p, index));
    if (t->miss_next != CLASSIFY_NONE)
        text_add(out, " miss-next %u", t->miss_next);
    if (t->current)
        text_puts(out, " current-data-flag 1");
    if (t->offset)
        text_add(out, " current-data-offset %d", t->offset);
    text_putc(out, '\n');
}

/* policed: by table, whether its next are policers. */
static void config_of_session(struct piste *p, u32 table, const struct classify_session *s,
                              const bool *policed, struct text *out)
{
    const struct classify_table *t = classify_table_at(table);
    static const u8 skipped[CLASSIFY_SKIP_MAX * CLASSIFY_VECTOR_BYTES];
    text_add(out, "classify session table-index %u", table);
    bool is_policer = s->is_policer || policed[table];
    const char *policer = is_policer ? classify_policer_name(p, s->next) : NULL;
    if (policer)
        text_add(out, " policer-hit-next %s", policer);
    else if (s->next != CLASSIFY_NONE &&
             !is_policer) /* else its policer is gone: no other's index */
        text_add(out, " hit-next %u", s->next);
    if (s->opaque != CLASSIFY_NONE)
        text_add(out, " opaque-index %u", s->opaque);
    if (s->advance)
        text_add(out, " advance %d", s->advance);
    if (s->action == CLASSIFY_ACTION_SET_IP4_FIB || s->action == CLASSIFY_ACTION_SET_IP6_FIB)
        text_add(out, " action set-ip%c-fib-id %u",
                 s->action == CLASSIFY_ACTION_SET_IP6_FIB ? '6' : '4',
                 fib_table_id(fib_of(p), (struct fib_index){s->metadata}));
    text_puts(out, " match hex ");
    text_hex(out, skipped, t->skip * (u32)CLASSIFY_VECTOR_BYTES);
    text_hex(out, s->key, t->match * (u32)CLASSIFY_VECTOR_BYTES);
    text_putc(out, '\n');
}

/* Where rows are. */
struct classify_config_place {
    u32 table;
    bool in_table;
    struct classify_session_walk walk;
};

void classify_place_free(void *place)
{
    classify_session_walk_end(&((struct classify_config_place *)place)->walk);
    free(place);
}

/* A piece of the sessions of a table. */
static void config_of_sessions(struct piste *p, struct classify_config_place *at, struct text *t)
{
    const struct classify_session *s = NULL;
    bool *policed = classify_policed_tables(p);
    for (u32 n = 0; n < SESSIONS_A_PIECE && (s = classify_session_walk_next(&at->walk)); n++)
        config_of_session(p, at->table, s, policed, t);
    free(policed);
    if (s)
        return;
    classify_session_walk_end(&at->walk);
    at->in_table = false;
    at->table++;
}

/* Tables, each with its sessions. */
bool classify_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                                  struct text *t)
{
    struct classify_config_place *at = *place;
    if (phase != RC_TABLES)
        return false;
    if (!at)
        at = *place = mem_alloc(sizeof(*at));
    if (!at->in_table) {
        at->table = classify_table_next(p, at->table);
        if (at->table == CLASSIFY_NONE)
            return false;
        classify_cli_config_of_table(p, at->table, t);
        classify_session_walk_begin(&at->walk, p, at->table);
        at->in_table = true;
    }
    config_of_sessions(p, at, t);
    return true;
}

/* What leads from one table to another. */
void classify_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    for (u32 i = 0; phase == RC_TABLES && (i = classify_table_next(p, i)) != CLASSIFY_NONE; i++)
        if (classify_table_at(i)->next_table != CLASSIFY_NONE)
            text_add(t, "classify table table %u next-table %u\n", i,
                     classify_table_at(i)->next_table);
}

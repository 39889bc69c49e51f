/* What changed between two running configs. Of their lines hardly any comes twice, so that the
 * longest common subsequence of lines is the longest rising sequence of places: found in n log n,
 * however long the configs are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/scratch.h"
#include "control/running_config_internal.h"
#include "control/startup.h"

#define PIECE_BYTES ((size_t)64 << 10)

struct line {
    const char *s;
    size_t n;
    u32 place;  /* of this line in the other text, + 1; 0: it is not there */
    u32 before; /* the line before it in the rising sequence, + 1 */
    bool kept;
};

struct lines {
    VEC(struct line) v;
};

/* Of the k-th of equal lines. */
struct line_key {
    u64 a, b, k;
};

/* The next line that is one, which is taken from the text; false at the end. */
static bool config_diff_next(struct config_lines *text, struct config_lines *line)
{
    while (text->n) {
        const char *end = memchr(text->s, '\n', text->n);
        *line = (struct config_lines){text->s, end ? (size_t)(end - text->s) : text->n};
        size_t taken = line->n + (end != NULL);
        text->s += taken;
        text->n -= taken;
        if (line->n && *line->s != '#')
            return true;
    }
    return false;
}

static void take_lines(struct config_lines text, struct lines *lines)
{
    struct config_lines line;
    while (config_diff_next(&text, &line)) {
        struct line l = {.s = line.s, .n = line.n};
        vec_add(&lines->v, l);
    }
}

static bool same_line(struct config_lines a, struct config_lines b)
{
    return a.n == b.n && !memcmp(a.s, b.s, a.n);
}

/* Lines with which both begin are as they were, */
static void config_diff_skip(struct config_lines *a, struct config_lines *b)
{
    struct config_lines x = *a, y = *b, line, other;
    while (config_diff_next(&x, &line) && config_diff_next(&y, &other) && same_line(line, other)) {
        *a = x;
        *b = y;
    }
}

/* and those with which they end. */
static void config_diff_cut(struct config_lines *a, struct config_lines *b)
{
    size_t n = 0, same = 0, most = (size_t)min_u64(a->n, b->n);
    while (n < most && a->s[a->n - n - 1] == b->s[b->n - n - 1])
        if (a->s[a->n - ++n] == '\n')
            same = n - 1; /* behind this line end */
    if (n == a->n || n == b->n) {
        bool whole =
            (n == a->n || a->s[a->n - n - 1] == '\n') && (n == b->n || b->s[b->n - n - 1] == '\n');
        same = whole ? n : same;
    }
    a->n -= same;
    b->n -= same;
}

/* seen: counts equal lines. */
static struct line_key config_diff_key_of(struct hash *seen, const struct line *l)
{
    struct line_key key = {hash_bytes(l->s, l->n, 1), hash_bytes(l->s, l->n, 2), 0};
    u64 n = 0;
    hash_get(seen, &key, &n);
    hash_set(seen, &key, n + 1);
    key.k = n + 1;
    return key;
}

static void find_places(struct lines *a, const struct lines *b)
{
    struct hash places, seen_a, seen_b;
    hash_init(&places, sizeof(struct line_key));
    hash_init(&seen_a, sizeof(struct line_key));
    hash_init(&seen_b, sizeof(struct line_key));
    for (u32 i = 0; i < b->v.n; i++) {
        struct line_key key = config_diff_key_of(&seen_b, &b->v.v[i]);
        hash_set(&places, &key, i + 1);
    }
    for (u32 i = 0; i < a->v.n; i++) {
        struct line_key key = config_diff_key_of(&seen_a, &a->v.v[i]);
        u64 place = 0;
        hash_get(&places, &key, &place);
        a->v.v[i].place = (u32)place;
    }
    hash_fini(&places);
    hash_fini(&seen_a);
    hash_fini(&seen_b);
}

/* Marks the longest sequence of lines whose places rise. */
static void keep_longest(struct lines *a)
{
    u32 *ends =
        mem_alloc((a->v.n + 1) * sizeof(u32)); /* [k]: of the best sequence of k + 1 lines */
    u32 n = 0;
    for (u32 i = 0; i < a->v.n; i++) {
        struct line *l = &a->v.v[i];
        u32 low = 0, high = n;
        if (!l->place)
            continue;
        while (low < high) {
            u32 mid = (low + high) / 2;
            if (a->v.v[ends[mid]].place < l->place)
                low = mid + 1;
            else
                high = mid;
        }
        l->before = low ? ends[low - 1] + 1 : 0;
        ends[low] = i;
        n = low == n ? n + 1 : n;
    }
    for (u32 i = n ? ends[n - 1] + 1 : 0; i; i = a->v.v[i - 1].before)
        a->v.v[i - 1].kept = true;
    free(ends);
}

static void config_diff_tell(const struct line *l, bool is_new, config_diff_fn *add, void *arg)
{
    add(arg, is_new, (struct config_lines){l->s, l->n});
}

static void config_diff_tell_all(struct config_lines text, bool is_new, config_diff_fn *add,
                                 void *arg)
{
    struct config_lines line;
    while (config_diff_next(&text, &line))
        add(arg, is_new, line);
}

/* Some of old may be in new. */
static void config_diff_match(struct config_lines old, struct config_lines new, config_diff_fn *add,
                              void *arg)
{
    struct lines a = {0}, b = {0};
    u32 told = 0; /* lines of b */
    take_lines(old, &a);
    take_lines(new, &b);
    find_places(&a, &b);
    keep_longest(&a);
    for (u32 i = 0; i <= a.v.n; i++) {
        bool end = i == a.v.n;
        if (!end && !a.v.v[i].kept) {
            config_diff_tell(&a.v.v[i], false, add, arg);
            continue;
        }
        for (u32 stop = end ? b.v.n : a.v.v[i].place - 1; told < stop; told++)
            config_diff_tell(&b.v.v[told], true, add, arg);
        told += !end;
    }
    vec_free(&a.v);
    vec_free(&b.v);
}

void config_diff(struct config_lines old, struct config_lines new, config_diff_fn *add, void *arg)
{
    config_diff_skip(&old, &new);
    config_diff_cut(&old, &new);
    if (old.n && new.n) {
        config_diff_match(old, new, add, arg);
        return;
    }
    config_diff_tell_all(old, false, add, arg);
    config_diff_tell_all(new, true, add, arg);
}

void config_sum_add(struct config_sum *sum, struct config_lines lines)
{
    struct config_lines line;
    while (config_diff_next(&lines, &line)) {
        sum->n++;
        sum->a += hash_bytes(line.s, line.n, 1);
        sum->b += hash_bytes(line.s, line.n, 2);
    }
}

bool config_sum_equal(const struct config_sum *x, const struct config_sum *y)
{
    return x->n == y->n && x->a == y->a && x->b == y->b;
}

/* --- show running-config diff --- */

/* What it works on: first what is now is taken, then it is compared aside, then shown in pieces. */
struct show_diff {
    struct running_config *r;
    struct cli_call *call; /* NULL: it has left */
    struct config_take *take;
    bool aside; /* another thread has it */
    char *path;
    struct scratch saved, now;
    struct scratch lines; /* removed ones, added ones: each behind its sign */
    struct text piece;    /* of them, not written yet */
    int rc;
    struct error e;
    /* while it is shown */
    size_t at;
    u32 pass; /* of JSON: 0 removed, 1 added */
};

static void show_diff_free(struct show_diff *d)
{
    struct scratch *files[] = {&d->saved, &d->now, &d->lines};
    for (u32 i = 0; i < array_len(files); i++)
        scratch_close(files[i]);
    config_take_cancel(d->take);
    text_free(&d->piece);
    free(d->path);
    free(d);
}

static void show_diff_flush(struct show_diff *d)
{
    if (!d->rc && d->piece.len)
        d->rc = scratch_put(&d->lines, d->piece.s, d->piece.len, &d->e);
    text_clear(&d->piece);
}

static void show_diff_line(void *arg, bool is_new, struct config_lines line)
{
    struct show_diff *d = arg;
    text_putc(&d->piece, is_new ? '+' : '-');
    text_putn(&d->piece, line.s, line.n);
    text_putc(&d->piece, '\n');
    if (d->piece.len > PIECE_BYTES)
        show_diff_flush(d);
}

static struct config_lines lines_of(const struct scratch *s)
{
    return (struct config_lines){s->map, s->bytes};
}

static void show_diff_work(void *arg)
{
    struct show_diff *d = arg;
    d->rc = saved_read(d->path, true, &d->saved, &d->e);
    if (!d->rc)
        d->rc = scratch_map(&d->now, &d->e);
    if (d->rc)
        return;
    config_diff(lines_of(&d->saved), lines_of(&d->now), show_diff_line, d);
    show_diff_flush(d);
    if (!d->rc)
        d->rc = scratch_map(&d->lines, &d->e);
    /* here: to give a large file's pages back takes some ten milliseconds */
    scratch_close(&d->saved);
    scratch_close(&d->now);
}

static void show_diff_compared(void *arg)
{
    struct show_diff *d = arg;
    d->aside = false;
    if (!d->call)
        show_diff_free(d);
    else if (d->r->stopping)
        cli_pend(d->call, NULL, NULL);
    else
        cli_done(d->call, CLI_MORE);
}

static int show_diff_put(void *arg, const char *lines, size_t bytes, struct error *e)
{
    return scratch_put(&((struct show_diff *)arg)->now, lines, bytes, e);
}

static int show_diff_restart(void *arg, struct error *e)
{
    return scratch_restart(&((struct show_diff *)arg)->now, e);
}

static void show_diff_taken(void *arg, int rc, bool steady, const struct error *e)
{
    struct show_diff *d = arg;
    d->take = NULL;
    d->aside = !rc;
    if (!rc) {
        aside_run(&d->r->aside, show_diff_work, show_diff_compared, d);
        return;
    }
    *d->call->err = *e;
    cli_done(d->call, rc);
}

static void show_diff_fini(void *kept)
{
    struct show_diff *d = *(struct show_diff **)kept;
    if (!d)
        return;
    d->call = NULL;
    if (!d->aside)
        show_diff_free(d);
}

static int show_diff_begin(struct cli_call *c, struct show_diff **kept)
{
    static const struct config_sink sink = {show_diff_put, show_diff_restart, show_diff_taken};
    char *path = saved_version_path(c->piste, 0, c->err);
    const char *folder = startup_runtime_dir(c->piste->startup);
    if (!path)
        return -ENOENT;
    struct show_diff *d = *kept = mem_alloc(sizeof(*d));
    *d = (struct show_diff){.r = running_config_of(c->piste),
                            .call = c,
                            .path = path,
                            .saved = SCRATCH_CLOSED,
                            .now = SCRATCH_CLOSED,
                            .lines = SCRATCH_CLOSED};
    int rc = scratch_open(&d->saved, folder, c->err);
    if (!rc)
        rc = scratch_open(&d->now, folder, c->err);
    if (!rc)
        rc = scratch_open(&d->lines, folder, c->err);
    if (rc)
        return rc;
    d->take = config_take_start(c->piste, &sink, d);
    cli_pend(c, NULL, NULL); /* what it keeps is freed when it leaves */
    return CLI_PENDING;
}

/* JSON has removed lines first, then the others, each as an array. */
int show_running_config_diff(struct cli_call *c)
{
    struct show_diff **kept = cli_kept(c, sizeof(*kept), show_diff_fini), *d = *kept;
    if (!d)
        return show_diff_begin(c, kept);
    if (d->rc) {
        *c->err = d->e;
        return d->rc;
    }
    bool json = out_format(c->out) == OUT_JSON;
    if (!d->at && !d->pass) {
        out_array(c->out, "removed");
        if (!d->lines.bytes)
            out_text(c->out, "the running config is as it was saved in %s\n", d->path);
    }
    for (; d->pass < (json ? 2 : 1); d->pass++, d->at = 0) {
        struct config_lines left = {d->lines.map + d->at, d->lines.bytes - d->at}, line;
        while (config_diff_next(&left, &line)) {
            d->at = (size_t)(left.s - d->lines.map);
            out_text(c->out, "%.*s\n", (int)line.n, line.s);
            if (json && *line.s == (d->pass ? '+' : '-')) {
                char *s = mem_printf("%.*s", (int)line.n - 1, line.s + 1);
                out_str(c->out, NULL, s, NULL);
                free(s);
            }
            if (cli_full(c))
                return CLI_MORE;
        }
        if (!d->pass) {
            out_end(c->out);
            out_array(c->out, "added");
        }
    }
    out_end(c->out);
    return 0;
}

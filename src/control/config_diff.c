/* What changed between two running configs. Of their lines hardly any comes twice, so that the
 * longest common subsequence of lines is the longest rising sequence of places: found in n log n,
 * however long the configs are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "control/running_config_internal.h"

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

static void take_lines(const char *text, struct lines *lines)
{
    while (*text) {
        struct line l = {.s = text, .n = strcspn(text, "\n")};
        if (l.n && *text != '#')
            vec_add(&lines->v, l);
        text += l.n + (text[l.n] == '\n');
    }
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

static void config_diff_tell(const struct line *l, bool is_new,
                             void (*add)(void *arg, bool is_new, const char *line), void *arg)
{
    char *s = mem_printf("%.*s", (int)l->n, l->s);
    add(arg, is_new, s);
    free(s);
}

void config_diff(const char *old, const char *new,
                 void (*add)(void *arg, bool is_new, const char *line), void *arg)
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

struct diff_output {
    struct out *out;
    struct text added, removed; /* JSON: each in an array of its own */
    u32 n;
};

static void show_line(void *arg, bool is_new, const char *line)
{
    struct diff_output *d = arg;
    d->n++;
    out_text(d->out, "%c%s\n", is_new ? '+' : '-', line);
    text_add(is_new ? &d->added : &d->removed, "%s\n", line);
}

static void show_array(struct out *o, const char *key, struct text *t)
{
    char *save = NULL, *line = t->s ? strtok_r(t->s, "\n", &save) : NULL;
    out_array(o, key);
    for (; line; line = strtok_r(NULL, "\n", &save))
        out_str(o, NULL, line, NULL);
    out_end(o);
    text_free(t);
}

int show_running_config_diff(struct cli_call *c)
{
    struct diff_output d = {.out = c->out};
    char *old = NULL, *now;
    int rc = saved_read(c->piste, 0, &old, c->err);
    if (rc == -ENOENT && saved_path(c->piste))
        old = mem_strdup(""); /* nothing was saved yet */
    else if (rc)
        return rc;
    now = running_config_text(c->piste);
    config_diff(old, now, show_line, &d);
    if (!d.n)
        out_text(c->out, "the running config is as it was saved in %s\n", saved_path(c->piste));
    show_array(c->out, "removed", &d.removed);
    show_array(c->out, "added", &d.added);
    free(old);
    free(now);
    return 0;
}

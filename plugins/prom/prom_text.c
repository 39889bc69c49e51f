/* The stats segment in Prometheus' text format. Names are those of VPP's exporter: what is not a
 * letter or digit is '_', pairs become X_packets and X_bytes, names X_info; a column has the label
 * interface, whatever it stands for. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/stat_reader.h"
#include "control/cli.h"
#include "plugins/prom/prom.h"

/* Without patterns: all but what is there under another name too. */
static const char *const left_out[] = {"/interfaces/", "/nodes/", "/node/errors"};

/* --- settings --- */

void prom_settings_copy(struct prom_settings *to, const struct prom_settings *from)
{
    *to = *from;
    memset(&to->patterns, 0, sizeof(to->patterns));
    for (u32 i = 0; i < from->patterns.n; i++)
        vec_add(&to->patterns, mem_strdup(from->patterns.v[i]));
}

void prom_settings_free(struct prom_settings *s)
{
    for (u32 i = 0; i < s->patterns.n; i++)
        free(s->patterns.v[i]);
    vec_free(&s->patterns);
}

int prom_settings_add(struct prom_settings *s, const char *pattern, struct error *e)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
        return error_set(e, EINVAL, "`%s' is no regular expression", pattern);
    regfree(&regex);
    if (!cli_is_braceable(pattern))
        return error_set(
            e, EINVAL,
            "a pattern is one line, with braces in pairs, and no blanks around it or a `|'");
    for (u32 i = 0; i < s->patterns.n; i++)
        if (!strcmp(s->patterns.v[i], pattern))
            return 0;
    vec_add(&s->patterns, mem_strdup(pattern));
    return 0;
}

/* --- which entries --- */

struct choice {
    bool all;
    VEC(regex_t) patterns;
};

static bool prom_text_wanted(const char *name, void *arg)
{
    const struct choice *c = arg;
    for (u32 i = 0; i < c->patterns.n; i++)
        if (!regexec(&c->patterns.v[i], name, 0, NULL, 0))
            return true;
    if (c->patterns.n && !c->all)
        return false;
    for (size_t i = 0; !c->all && i < array_len(left_out); i++)
        if (!strncmp(name, left_out[i], strlen(left_out[i])))
            return false;
    return true;
}

static void choice_init(struct choice *c, const struct prom_settings *s)
{
    *c = (struct choice){.all = s->all};
    for (u32 i = 0; i < s->patterns.n; i++) {
        regex_t regex;
        if (!regcomp(&regex, s->patterns.v[i], REG_EXTENDED | REG_NOSUB))
            vec_add(&c->patterns, regex);
    }
}

static void choice_fini(struct choice *c)
{
    for (u32 i = 0; i < c->patterns.n; i++)
        regfree(&c->patterns.v[i]);
    vec_free(&c->patterns);
}

/* --- text --- */

#define METRIC_BYTES (PROM_PREFIX_BYTES + STAT_NAME_BYTES + 16)

struct page {
    struct text *out;
    const struct prom_settings *settings;
    struct hash seen; /* names of metrics, by a hash of theirs */
};

/* prefix and name with nothing but letters, digits and '_'; what: "_packets", or "". */
static void metric_name(const struct page *p, const char *name, const char *what,
                        char to[METRIC_BYTES])
{
    snprintf(to, METRIC_BYTES, "%s%s%s", p->settings->prefix, name, what);
    for (char *c = to; *c; c++)
        if (!isalnum((u8)*c) || (u8)*c >= 0x80)
            *c = '_';
    if (isdigit((u8)*to))
        *to = '_';
}

/* Says the type; false: two entries have come to the same name, and the other was first. */
static bool prom_text_begin(struct page *p, const char *metric, const char *type)
{
    u64 key = hash_bytes(metric, strlen(metric), 0), other;
    if (hash_get(&p->seen, &key, &other))
        return false;
    hash_set(&p->seen, &key, 1);
    text_add(p->out, "# TYPE %s %s\n", metric, type);
    return true;
}

static void prom_text_number(struct page *p, const struct stat_item *item)
{
    char metric[METRIC_BYTES];
    if (p->settings->used_only && !item->value)
        return;
    metric_name(p, item->name, "", metric);
    if (prom_text_begin(p, metric, item->type == STAT_GAUGE ? "gauge" : "counter"))
        text_add(p->out, "%s %" PRIu64 "\n", metric, item->value);
}

enum part { PART_SIMPLE, PART_PACKETS, PART_BYTES };

static u64 prom_text_cell(const struct stat_item *item, enum part part, u32 row, u32 column)
{
    switch (part) {
    case PART_PACKETS:
        return item->combined[row][column].packets;
    case PART_BYTES:
        return item->combined[row][column].bytes;
    default:
        return item->simple[row][column];
    }
}

static void prom_text_rows(struct page *p, const struct stat_item *item, enum part part,
                           const char *what)
{
    char metric[METRIC_BYTES];
    bool begun = false;
    metric_name(p, item->name, what, metric);
    for (u32 row = 0; row < item->n_rows; row++)
        for (u32 i = 0; i < item->n[row]; i++) {
            u64 value = prom_text_cell(item, part, row, i);
            if (p->settings->used_only && !value)
                continue;
            if (!begun && !prom_text_begin(p, metric, "counter"))
                return;
            begun = true;
            text_add(p->out, "%s{thread=\"%u\",interface=\"%u\"} %" PRIu64 "\n", metric, row, i,
                     value);
        }
}

static void prom_text_names(struct page *p, const struct stat_item *item)
{
    char metric[METRIC_BYTES];
    metric_name(p, item->name, "_info", metric);
    if (!item->n[0] || !prom_text_begin(p, metric, "gauge"))
        return;
    for (u32 i = 0; i < item->n[0]; i++) {
        if (!item->names[i])
            continue;
        text_add(p->out, "%s{index=\"%u\",name=\"", metric, i);
        for (const char *c = item->names[i]; *c; c++) {
            if (*c == '"' || *c == '\\')
                text_putc(p->out, '\\');
            text_putc(p->out, (u8)*c < ' ' || (u8)*c >= 0x7f ? '?' : *c);
        }
        text_puts(p->out, "\"} 1\n");
    }
}

static void add_item(struct page *p, const struct stat_item *item)
{
    switch (item->type) {
    case STAT_SCALAR:
    case STAT_GAUGE:
        prom_text_number(p, item);
        break;
    case STAT_SIMPLE:
        prom_text_rows(p, item, PART_SIMPLE, "");
        break;
    case STAT_COMBINED:
        prom_text_rows(p, item, PART_PACKETS, "_packets");
        prom_text_rows(p, item, PART_BYTES, "_bytes");
        break;
    case STAT_NAMES:
        prom_text_names(p, item);
        break;
    default:
        break;
    }
}

int prom_render(int segment_fd, const struct prom_settings *s, struct text *out, struct error *e)
{
    struct stat_reader r;
    struct stat_items items;
    struct choice choice;
    struct page page = {.out = out, .settings = s};
    int rc = stat_reader_open(&r, segment_fd, e);
    if (rc)
        return rc;
    choice_init(&choice, s);
    rc = stat_reader_read(&r, prom_text_wanted, &choice, true, &items, e);
    choice_fini(&choice);
    if (rc)
        return rc;
    hash_init(&page.seen, sizeof(u64));
    for (u32 i = 0; i < items.n; i++)
        add_item(&page, &items.v[i]);
    hash_fini(&page.seen);
    stat_items_free(&items);
    return 0;
}

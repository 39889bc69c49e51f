/* What the stats segment holds, as a command. */
#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/ordered_walk.h"
#include "control/cli.h"
#include "engine/engine_internal.h"

#define LOOKED_AT 1024 /* entries, before others may want their turn */

static const char *const type_names[STAT_TYPE_N] = {
    [STAT_ILLEGAL] = "Illegal",   [STAT_SCALAR] = "ScalarPtr",    [STAT_SIMPLE] = "CMainPtr",
    [STAT_COMBINED] = "CMainPtr", [STAT_NAMES] = "NameVector",    [STAT_EMPTY] = "Empty",
    [STAT_SYMLINK] = "Symlink",   [STAT_HISTOGRAM] = "Histogram", [STAT_RING] = "RingBuffer",
    [STAT_GAUGE] = "Gauge",
};

/* Where `show statistics segment` is. */
struct stats_place {
    const struct stats *stats;
    struct ordered_walk *walk;
    regex_t regex;
    bool has_regex;
};

static void stats_place_fini(void *kept)
{
    struct stats_place *at = kept;
    free(at->walk);
    if (at->has_regex)
        regfree(&at->regex);
}

/* Entries stay where they are: their addresses are the keys. */
static int stats_cli_by_name(const void *x, const void *y)
{
    const struct stat_entry *a = *(const struct stat_entry *const *)x,
                            *b = *(const struct stat_entry *const *)y;
    return strcmp(a->name, b->name);
}

static int stats_cli_scan(void *set, u64 *from, void *key)
{
    const struct stats_place *at = set;
    if (*from >= stats_count(at->stats))
        return 0;
    const struct stat_entry *entry = stats_entry_at(at->stats, (u32)(*from)++);
    if (entry->type == STAT_EMPTY)
        return -EAGAIN;
    *(const struct stat_entry **)key = entry;
    return 1;
}

/* Pointers are of no use to anybody: they are shown as offsets in the segment. */
static u64 shown_value(const struct stats *s, const struct stat_entry *entry)
{
    bool pointer =
        entry->type == STAT_SIMPLE || entry->type == STAT_COMBINED || entry->type == STAT_NAMES;
    return pointer ? stats_offset(s, entry->data) : entry->value;
}

static void stats_row(struct cli_call *c, const struct stats *s, const struct stat_entry *entry)
{
    bool json = out_format(c->out) == OUT_JSON;
    out_cell(c->out, json ? "%s" : "%.74s", entry->name);
    out_cell(c->out, "%s", type_names[entry->type]);
    if (json)
        out_cell_u64(c->out, shown_value(s, entry));
    else
        out_cell(c->out, "%10" PRIu64 "    ", shown_value(s, entry));
}

static int show_segment(struct cli_call *c)
{
    static const struct out_column cols[] = {
        {"Name", "name", 75, OUT_LEFT, OUT_LEFT},
        {"      Type", "type", 11, OUT_LEFT, OUT_LEFT},
        {"     Value", "value", 0, OUT_LEFT, OUT_LEFT},
    };
    static const struct ordered_walk_ops ops = {sizeof(struct stat_entry *), stats_cli_by_name,
                                                stats_cli_scan};
    struct stats_place *at = cli_kept(c, sizeof(*at), stats_place_fini);
    const char *pattern = cli_str(c, "counter-name", "");
    if (!c->again) {
        if (regcomp(&at->regex, pattern, REG_EXTENDED | REG_NOSUB))
            return error_set(c->err, EINVAL, "`%s' is no regular expression", pattern);
        at->has_regex = true;
        at->stats = stats_of(engine_of(c->piste));
        at->walk = ordered_walk_new(&ops);
        stats_refresh(engine_of(c->piste));
        out_table(c->out, "entries", cols, array_len(cols));
    }
    const struct stat_entry *entry;
    for (int rc; (rc = ordered_walk_next(at->walk, &ops, at, LOOKED_AT, &entry));) {
        if (rc == 1 && entry->type != STAT_EMPTY &&
            (!*pattern || !regexec(&at->regex, entry->name, 0, NULL, 0)))
            stats_row(c, at->stats, entry);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_table_end(c->out);
    if (!cli_has(c, "verbose"))
        return 0;
    u64 total, used;
    stats_room(at->stats, &total, &used);
    out_u64(c->out, "reserved_bytes", total, "stat segment: %" PRIu64 " bytes reserved");
    out_u64(c->out, "used_bytes", used, ", %" PRIu64 " used\n");
    return 0;
}

const struct cli_command stats_commands[] = {
    {"show statistics segment [verbose] [<counter-name:string>]",
     "What the stats segment has: all, or what matches a regular expression; verbose: and how much "
     "memory it takes",
     show_segment, 0},
    {0},
};

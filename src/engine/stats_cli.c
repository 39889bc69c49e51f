/* What the stats segment holds, as a command. */
#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli.h"
#include "engine/engine_internal.h"

static const char *const type_names[STAT_TYPE_N] = {
    [STAT_ILLEGAL] = "Illegal",   [STAT_SCALAR] = "ScalarPtr",    [STAT_SIMPLE] = "CMainPtr",
    [STAT_COMBINED] = "CMainPtr", [STAT_NAMES] = "NameVector",    [STAT_EMPTY] = "Empty",
    [STAT_SYMLINK] = "Symlink",   [STAT_HISTOGRAM] = "Histogram", [STAT_RING] = "RingBuffer",
    [STAT_GAUGE] = "Gauge",
};

static int stats_cli_by_name(const void *x, const void *y)
{
    const struct stat_entry *a = *(const struct stat_entry *const *)x,
                            *b = *(const struct stat_entry *const *)y;
    return strcmp(a->name, b->name);
}

/* Pointers are of no use to anybody: they are shown as offsets in the segment. */
static u64 shown_value(const struct stats *s, const struct stat_entry *entry)
{
    bool pointer =
        entry->type == STAT_SIMPLE || entry->type == STAT_COMBINED || entry->type == STAT_NAMES;
    return pointer ? stats_offset(s, entry->data) : entry->value;
}

static int show_segment(struct cli_call *c)
{
    static const struct out_column cols[] = {
        {"Name", "name", 75, OUT_LEFT, OUT_LEFT},
        {"      Type", "type", 11, OUT_LEFT, OUT_LEFT},
        {"     Value", "value", 0, OUT_LEFT, OUT_LEFT},
    };
    struct engine *e = engine_of(c->piste);
    const struct stats *s = stats_of(e);
    const char *pattern = cli_str(c, "counter-name", "");
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
        return error_set(c->err, EINVAL, "`%s' is no regular expression", pattern);
    stats_refresh(e);
    const struct stat_entry **list = mem_alloc((stats_count(s) + 1) * sizeof(*list));
    u32 n = 0;
    for (u32 i = 0; i < stats_count(s); i++) {
        const struct stat_entry *entry = stats_entry_at(s, i);
        if (entry->type != STAT_EMPTY && !regexec(&regex, entry->name, 0, NULL, 0))
            list[n++] = entry;
    }
    regfree(&regex);
    qsort(list, n, sizeof(*list), stats_cli_by_name);
    out_table(c->out, "entries", cols, array_len(cols));
    for (u32 i = 0; i < n; i++) {
        bool json = out_format(c->out) == OUT_JSON;
        out_cell(c->out, json ? "%s" : "%.74s", list[i]->name);
        out_cell(c->out, "%s", type_names[list[i]->type]);
        if (json)
            out_cell_u64(c->out, shown_value(s, list[i]));
        else
            out_cell(c->out, "%10" PRIu64 "    ", shown_value(s, list[i]));
    }
    out_table_end(c->out);
    free(list);
    if (!cli_has(c, "verbose"))
        return 0;
    u64 total, used;
    stats_room(s, &total, &used);
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

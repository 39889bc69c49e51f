/* vpp_get_stats: what the stats segment has, from a shell. Words are those of VPP's program of this
 * name; `json' and `interval' are ours. */
#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/stat_reader.h"
#include "base/vec.h"
#include "base/version.h"

static const char usage[] =
    "usage: vpp_get_stats [socket-name PATH] [json] ls|dump|poll|dump-machine [PATTERN...]\n"
    "  ls            names of entries\n"
    "  dump          names and values: [INDEX @ THREAD]\n"
    "  poll          dump again and again; interval SECONDS: how often, 1\n"
    "  dump-machine  a line a value: NAME,INDEX,THREAD,VALUE[,BYTES]; a comma in a name is \\,\n"
    "  json          with these: as JSON\n"
    "  socket-name   the daemon's socket, /run/vpp/stats.sock\n"
    "A PATTERN is an extended regular expression; without one all entries are taken.\n";

enum command { COMMAND_NONE, COMMAND_LS, COMMAND_DUMP, COMMAND_POLL, COMMAND_MACHINE };

struct arguments {
    enum command command;
    bool json;
    const char *socket;
    double interval_sec;
    VEC(regex_t) patterns;
};

static bool vpp_get_stats_wanted(const char *name, void *arg)
{
    const struct arguments *a = arg;
    for (u32 i = 0; i < a->patterns.n; i++)
        if (!regexec(&a->patterns.v[i], name, 0, NULL, 0))
            return true;
    return !a->patterns.n;
}

/* --- text --- */

/* What a terminal, or who takes lines apart, must not get to see. */
static void print_name(const char *name, const char *escaped)
{
    for (const u8 *p = (const u8 *)name; *p; p++)
        if (*p < ' ' || *p == 0x7f)
            printf("\\x%02x", *p);
        else
            printf("%s%c", strchr(escaped, *p) ? "\\" : "", *p);
}

static void dump_cell(const struct stat_item *item, u32 column, u32 row)
{
    printf("[%u @ %u]: ", column, row);
    if (item->type == STAT_COMBINED)
        printf("%" PRIu64 " packets, %" PRIu64 " bytes ", item->combined[row][column].packets,
               item->combined[row][column].bytes);
    else
        printf("%" PRIu64 " packets ", item->simple[row][column]);
    print_name(item->name, "");
    putchar('\n');
}

static void dump_item(const struct stat_item *item)
{
    if (item->type == STAT_SCALAR || item->type == STAT_GAUGE) {
        printf("%" PRIu64 ".00 ", item->value);
        print_name(item->name, "");
        putchar('\n');
    }
    for (u32 i = 0; item->names && i < item->n[0]; i++)
        if (item->names[i]) {
            printf("[%u]: ", i);
            print_name(item->names[i], "");
            putchar(' ');
            print_name(item->name, "");
            putchar('\n');
        }
    for (u32 row = 0; row < item->n_rows; row++)
        for (u32 i = 0; i < item->n[row]; i++)
            dump_cell(item, i, row);
}

static void machine_item(const struct stat_item *item)
{
    if (item->type == STAT_SCALAR || item->type == STAT_GAUGE) {
        print_name(item->name, ",\\");
        printf(",0,0,%" PRIu64 "\n", item->value);
    }
    for (u32 i = 0; item->names && i < item->n[0]; i++)
        if (item->names[i]) {
            print_name(item->name, ",\\");
            printf(",%u,0,", i);
            print_name(item->names[i], ",\\");
            putchar('\n');
        }
    for (u32 row = 0; row < item->n_rows; row++)
        for (u32 i = 0; i < item->n[row]; i++) {
            print_name(item->name, ",\\");
            printf(",%u,%u,", i, row);
            if (item->type == STAT_COMBINED)
                printf("%" PRIu64 ",%" PRIu64 "\n", item->combined[row][i].packets,
                       item->combined[row][i].bytes);
            else
                printf("%" PRIu64 "\n", item->simple[row][i]);
        }
}

/* --- JSON --- */

static void json_string(const char *s)
{
    putchar('"');
    for (const u8 *p = (const u8 *)s; *p; p++)
        if (*p < ' ' || *p >= 0x7f)
            printf("\\u%04x", *p);
        else
            printf("%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
    putchar('"');
}

static void json_cell(const struct stat_item *item, u32 column, u32 row)
{
    if (item->type == STAT_COMBINED)
        printf("{\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 "}",
               item->combined[row][column].packets, item->combined[row][column].bytes);
    else
        printf("%" PRIu64, item->simple[row][column]);
}

/* A number; a list of names; a list of rows; of a link, the list of its column's values. */
static void json_value(const struct stat_item *item)
{
    if (item->type == STAT_SCALAR || item->type == STAT_GAUGE) {
        printf("%" PRIu64, item->value);
        return;
    }
    putchar('[');
    for (u32 i = 0; item->names && i < item->n[0]; i++) {
        printf("%s", i ? ", " : "");
        if (item->names[i])
            json_string(item->names[i]);
        else
            printf("null");
    }
    for (u32 row = 0; row < item->n_rows; row++) {
        printf("%s%s", row ? ", " : "", item->link ? "" : "[");
        for (u32 i = 0; i < item->n[row]; i++) {
            printf("%s", i ? ", " : "");
            json_cell(item, i, row);
        }
        printf("%s", item->link ? "" : "]");
    }
    putchar(']');
}

static void vpp_get_stats_json(const struct stat_items *items, bool values)
{
    putchar(values ? '{' : '[');
    for (u32 i = 0; i < items->n; i++) {
        printf("%s", i ? ",\n " : "");
        json_string(items->v[i].name);
        if (values) {
            printf(": ");
            json_value(&items->v[i]);
        }
    }
    puts(values ? "}" : "]");
}

/* --- commands --- */

static void print_items(const struct arguments *a, const struct stat_items *items)
{
    if (a->json) {
        vpp_get_stats_json(items, a->command != COMMAND_LS);
        return;
    }
    for (u32 i = 0; i < items->n; i++) {
        if (a->command == COMMAND_LS) {
            print_name(items->v[i].name, "");
            putchar('\n');
        } else if (a->command == COMMAND_MACHINE) {
            machine_item(&items->v[i]);
        } else {
            dump_item(&items->v[i]);
        }
    }
}

/* Each time the daemon is asked anew: it may be another one meanwhile. */
static int vpp_get_stats_look(struct arguments *a, struct error *e)
{
    struct stat_reader r;
    struct stat_items items;
    int rc = stat_reader_connect(&r, a->socket, e);
    if (rc)
        return rc;
    rc = stat_reader_read(&r, vpp_get_stats_wanted, a, a->command != COMMAND_LS, &items, e);
    stat_reader_close(&r);
    if (rc)
        return rc;
    print_items(a, &items);
    stat_items_free(&items);
    if (fflush(stdout) || ferror(stdout))
        return error_set(e, EIO, "cannot write");
    return 0;
}

static int poll_for_ever(struct arguments *a, struct error *e)
{
    struct timespec pause = {
        .tv_sec = (time_t)a->interval_sec,
        .tv_nsec = (long)((a->interval_sec - (double)(time_t)a->interval_sec) * 1e9),
    };
    for (;;) {
        int rc = vpp_get_stats_look(a, e);
        if (rc)
            return rc;
        nanosleep(&pause, NULL);
        if (!a->json)
            putchar('\n');
    }
}

/* --- arguments --- */

static NORETURN void vpp_get_stats_bad_usage(const char *what, const char *arg)
{
    fprintf(stderr, "vpp_get_stats: %s%s%s\n%s", what, arg ? " " : "", arg ? arg : "", usage);
    exit(1);
}

static void add_pattern(struct arguments *a, const char *pattern)
{
    regex_t regex;
    char why[128];
    int rc = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
    if (rc) {
        regerror(rc, &regex, why, sizeof(why));
        fprintf(stderr, "vpp_get_stats: `%s': %s\n", pattern, why);
        exit(1);
    }
    vec_add(&a->patterns, regex);
}

static double parse_interval(const char *s)
{
    char *end;
    double x = strtod(s, &end);
    if (*end || !(x >= 0.001 && x <= 86400))
        vpp_get_stats_bad_usage("no interval:", s);
    return x;
}

static enum command command_of(const char *word)
{
    static const char *const words[] = {
        [COMMAND_LS] = "ls",
        [COMMAND_DUMP] = "dump",
        [COMMAND_POLL] = "poll",
        [COMMAND_MACHINE] = "dump-machine",
    };
    for (u32 i = COMMAND_LS; i < array_len(words); i++)
        if (!strcmp(word, words[i]))
            return (enum command)i;
    return COMMAND_NONE;
}

static void vpp_get_stats_parse(struct arguments *a, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        enum command command = a->command ? COMMAND_NONE : command_of(word);
        if (command) {
            a->command = command;
        } else if (!strcmp(word, "socket-name") || !strcmp(word, "interval")) {
            if (++i == argc)
                vpp_get_stats_bad_usage("something is missing behind", word);
            if (*word == 's')
                a->socket = argv[i];
            else
                a->interval_sec = parse_interval(argv[i]);
        } else if (!strcmp(word, "json") || !strcmp(word, "--json")) {
            a->json = true;
        } else if (!strcmp(word, "-h") || !strcmp(word, "--help")) {
            fputs(usage, stdout);
            exit(0);
        } else if (!strcmp(word, "-v") || !strcmp(word, "--version")) {
            printf("vpp_get_stats %s\n", piste_version);
            exit(0);
        } else if (*word == '-') {
            vpp_get_stats_bad_usage("unknown option", word);
        } else {
            add_pattern(a, word);
        }
    }
    if (!a->command)
        vpp_get_stats_bad_usage("say what to do", NULL);
}

int main(int argc, char **argv)
{
    struct arguments a = {.socket = "/run/vpp/stats.sock", .interval_sec = 1};
    struct error e = {0};
    vpp_get_stats_parse(&a, argc, argv);
    int rc = a.command == COMMAND_POLL ? poll_for_ever(&a, &e) : vpp_get_stats_look(&a, &e);
    if (rc)
        fprintf(stderr, "vpp_get_stats: %s\n", e.text);
    for (u32 i = 0; i < a.patterns.n; i++)
        regfree(&a.patterns.v[i]);
    vec_free(&a.patterns);
    return rc ? 1 : 0;
}

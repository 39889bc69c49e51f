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
    "usage: vpp_get_stats [socket-name PATH] [json] [summary] [no-zeros] COMMAND [PATTERN...]\n"
    "  ls            names of entries\n"
    "  dump          names and values: [INDEX @ THREAD]\n"
    "  poll          dump again and again; interval SECONDS: how often, 1; tightpoll: without a "
    "pause\n"
    "  dump-machine  a line a value: NAME,INDEX,THREAD,VALUE[,BYTES]; a comma in a name is \\,\n"
    "  machine       with dump or poll: such lines; alone: dump-machine\n"
    "  summary       threads added up: [INDEX], and no THREAD (empty in machine's lines)\n"
    "  no-zeros      without what is 0\n"
    "  json          with these: as JSON\n"
    "  socket-name   the daemon's socket, /run/vpp/stats.sock\n"
    "A PATTERN is an extended regular expression; without one all entries are taken.\n";

enum command { COMMAND_NONE, COMMAND_LS, COMMAND_DUMP, COMMAND_POLL };

struct pattern {
    const char *text;
    regex_t regex;
    bool seen; /* an entry was like it, or that there is none was told */
};

struct arguments {
    enum command command;
    bool json, machine, summary, no_zeros;
    const char *socket;
    double interval_sec;
    VEC(struct pattern) patterns;
};

static bool vpp_get_stats_wanted(const char *name, void *arg)
{
    struct arguments *a = arg;
    bool wanted = !a->patterns.n;
    for (u32 i = 0; i < a->patterns.n; i++)
        if (!regexec(&a->patterns.v[i].regex, name, 0, NULL, 0))
            wanted = a->patterns.v[i].seen = true;
    return wanted;
}

/* --- what is to be shown of an item --- */

#define ALL_THREADS UINT32_MAX

struct cell {
    u32 column, row; /* ALL_THREADS */
    struct stat_pair value;
};

static bool is_number(const struct stat_item *item)
{
    return item->type == STAT_SCALAR || item->type == STAT_GAUGE;
}

static bool is_zero(const struct stat_pair *value)
{
    return !value->packets && !value->bytes;
}

static struct stat_pair value_at(const struct stat_item *item, u32 row, u32 column)
{
    if (column >= item->n[row])
        return (struct stat_pair){0};
    return item->type == STAT_COMBINED ? item->combined[row][column]
                                       : (struct stat_pair){.packets = item->simple[row][column]};
}

static u32 columns_of(const struct stat_item *item)
{
    u32 n = 0;
    for (u32 row = 0; row < item->n_rows; row++)
        n = item->n[row] > n ? item->n[row] : n;
    return n;
}

static struct cell sum_of_threads(const struct stat_item *item, u32 column)
{
    struct cell c = {.column = column, .row = ALL_THREADS};
    for (u32 row = 0; row < item->n_rows; row++) {
        struct stat_pair x = value_at(item, row, column);
        c.value.packets += x.packets;
        c.value.bytes += x.bytes;
    }
    return c;
}

static void each_cell(const struct arguments *a, const struct stat_item *item,
                      void (*fn)(const struct stat_item *item, const struct cell *c))
{
    u32 n_rows = a->summary ? item->n_rows > 0 : item->n_rows;
    for (u32 row = 0; row < n_rows; row++)
        for (u32 i = 0; i < (a->summary ? columns_of(item) : item->n[row]); i++) {
            struct cell c = a->summary ? sum_of_threads(item, i)
                                       : (struct cell){i, row, value_at(item, row, i)};
            if (!a->no_zeros || !is_zero(&c.value))
                fn(item, &c);
        }
}

/* Without values that are 0 there is nothing of it. */
static bool is_nothing(const struct stat_item *item)
{
    if (is_number(item))
        return !item->value;
    for (u32 row = 0; row < item->n_rows; row++)
        for (u32 i = 0; i < item->n[row]; i++) {
            struct stat_pair value = value_at(item, row, i);
            if (!is_zero(&value))
                return false;
        }
    return item->n_rows > 0;
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

static void dump_cell(const struct stat_item *item, const struct cell *c)
{
    if (c->row == ALL_THREADS)
        printf("[%u]: ", c->column);
    else
        printf("[%u @ %u]: ", c->column, c->row);
    printf("%" PRIu64 " packets", c->value.packets);
    if (item->type == STAT_COMBINED)
        printf(", %" PRIu64 " bytes", c->value.bytes);
    putchar(' ');
    print_name(item->name, "");
    putchar('\n');
}

static void dump_item(const struct arguments *a, const struct stat_item *item)
{
    if (is_number(item)) {
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
    each_cell(a, item, dump_cell);
}

static void machine_cell(const struct stat_item *item, const struct cell *c)
{
    print_name(item->name, ",\\");
    printf(",%u,", c->column);
    if (c->row != ALL_THREADS)
        printf("%u", c->row);
    printf(",%" PRIu64, c->value.packets);
    if (item->type == STAT_COMBINED)
        printf(",%" PRIu64, c->value.bytes);
    putchar('\n');
}

static void machine_item(const struct arguments *a, const struct stat_item *item)
{
    if (is_number(item)) {
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
    each_cell(a, item, machine_cell);
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

static void json_pair(const struct stat_item *item, const struct stat_pair *value)
{
    if (item->type == STAT_COMBINED)
        printf("{\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 "}", value->packets, value->bytes);
    else
        printf("%" PRIu64, value->packets);
}

static void json_row(const struct arguments *a, const struct stat_item *item, u32 row)
{
    u32 n = a->summary ? columns_of(item) : item->n[row];
    printf("%s%s", row ? ", " : "", item->link ? "" : "[");
    for (u32 i = 0; i < n; i++) {
        struct stat_pair value =
            a->summary ? sum_of_threads(item, i).value : value_at(item, row, i);
        printf("%s", i ? ", " : "");
        json_pair(item, &value);
    }
    printf("%s", item->link ? "" : "]");
}

/* A number; a list of names; a list of rows; of a link, the list of its column's values. */
static void json_value(const struct arguments *a, const struct stat_item *item)
{
    if (is_number(item)) {
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
    for (u32 row = 0; row < (a->summary ? item->n_rows > 0 : item->n_rows); row++)
        json_row(a, item, row);
    putchar(']');
}

static void json_item(const struct arguments *a, const struct stat_item *item, bool first)
{
    bool values = a->command != COMMAND_LS;
    printf("%s", first ? "" : ",\n ");
    json_string(item->name);
    if (values) {
        printf(": ");
        json_value(a, item);
    }
}

/* --- commands --- */

static void print_item(const struct arguments *a, const struct stat_item *item)
{
    if (a->command == COMMAND_LS) {
        print_name(item->name, "");
        putchar('\n');
    } else if (a->machine) {
        machine_item(a, item);
    } else {
        dump_item(a, item);
    }
}

static void print_items(const struct arguments *a, const struct stat_items *items)
{
    bool first = true, values = a->command != COMMAND_LS;
    if (a->json)
        putchar(values ? '{' : '[');
    for (u32 i = 0; i < items->n; i++) {
        const struct stat_item *item = &items->v[i];
        if (a->no_zeros && values && is_nothing(item))
            continue;
        if (a->json)
            json_item(a, item, first);
        else
            print_item(a, item);
        first = false;
    }
    if (a->json)
        puts(values ? "}" : "]");
}

/* A word that was mistyped is a pattern: who meant something else hears of it, once. */
static void tell_of_patterns(struct arguments *a)
{
    for (u32 i = 0; i < a->patterns.n; i++) {
        struct pattern *p = &a->patterns.v[i];
        if (!p->seen)
            fprintf(stderr, "vpp_get_stats: no entry is like `%s'\n", p->text);
        p->seen = true;
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
    tell_of_patterns(a);
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

static void add_pattern(struct arguments *a, const char *text)
{
    struct pattern pattern = {.text = text};
    char why[128];
    int rc = regcomp(&pattern.regex, text, REG_EXTENDED | REG_NOSUB);
    if (rc) {
        regerror(rc, &pattern.regex, why, sizeof(why));
        fprintf(stderr, "vpp_get_stats: `%s': %s\n", text, why);
        exit(1);
    }
    vec_add(&a->patterns, pattern);
}

static double parse_interval(const char *s)
{
    char *end;
    double x = strtod(s, &end);
    if (*end || !(x >= 0.001 && x <= 86400))
        vpp_get_stats_bad_usage("no interval:", s);
    return x;
}

/* Whether word is the command. */
static bool take_command(struct arguments *a, const char *word)
{
    static const struct {
        const char *word;
        enum command command;
    } commands[] = {
        {"ls", COMMAND_LS},     {"dump", COMMAND_DUMP},      {"dump-machine", COMMAND_DUMP},
        {"poll", COMMAND_POLL}, {"tightpoll", COMMAND_POLL},
    };
    for (u32 i = 0; i < array_len(commands) && !a->command; i++)
        if (!strcmp(word, commands[i].word)) {
            a->command = commands[i].command;
            a->machine |= !strcmp(word, "dump-machine");
            if (!strcmp(word, "tightpoll"))
                a->interval_sec = 0;
            return true;
        }
    return false;
}

static bool take_flag(struct arguments *a, const char *word)
{
    const struct {
        const char *word;
        bool *flag;
    } flags[] = {{"json", &a->json},
                 {"--json", &a->json},
                 {"machine", &a->machine},
                 {"summary", &a->summary},
                 {"no-zeros", &a->no_zeros}};
    for (u32 i = 0; i < array_len(flags); i++)
        if (!strcmp(word, flags[i].word))
            return *flags[i].flag = true;
    return false;
}

static void vpp_get_stats_parse(struct arguments *a, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (take_command(a, word) || take_flag(a, word))
            continue;
        if (!strcmp(word, "socket-name") || !strcmp(word, "interval")) {
            if (++i == argc)
                vpp_get_stats_bad_usage("something is missing behind", word);
            if (*word == 's')
                a->socket = argv[i];
            else
                a->interval_sec = parse_interval(argv[i]);
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
    if (!a->command && a->machine)
        a->command = COMMAND_DUMP;
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
        regfree(&a.patterns.v[i].regex);
    vec_free(&a.patterns);
    return rc ? 1 : 0;
}

/* Commands about the process and the machine that it runs on. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/version.h"
#include "control/control_module.h"
#include "control/loop.h"
#include "control/module.h"

/* --- show version
 * --------------------------------------------------------------------------------- */

/* Calls fn for each argument of this process. */
static void each_argument(void (*fn)(const char *arg, void *data), void *data)
{
    char text[4096];
    FILE *f = fopen("/proc/self/cmdline", "re");
    if (!f)
        return;
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = 0;
    for (const char *p = text; p < text + n; p += strlen(p) + 1)
        fn(p, data);
}

static void show_argument(const char *arg, void *data)
{
    out_str(data, NULL, arg, "  %s\n");
}

static int system_show_version(struct cli_call *c)
{
    struct out *o = c->out;
    if (!cli_has(c, "verbose") && !cli_has(c, "cmdline"))
        out_text(o, "vpp %s built by %s on %s at %s\n", piste_version, piste_build_user,
                 piste_build_host, piste_build_date);
    bool verbose = cli_has(c, "verbose");
    out_str(o, "version", piste_version, verbose ? "Version:                  %s\n" : NULL);
    out_str(o, "user", piste_build_user, verbose ? "Compiled by:              %s\n" : NULL);
    out_str(o, "host", piste_build_host, verbose ? "Compile host:             %s\n" : NULL);
    out_str(o, "date", piste_build_date, verbose ? "Compile date:             %s\n" : NULL);
    if (verbose)
        out_text(o, "Compile location:         \n");
    out_str(o, "compiler", piste_build_compiler, verbose ? "Compiler:                 %s\n" : NULL);
    out_i64(o, "pid", getpid(), verbose ? "Current PID:              %" PRId64 "\n" : NULL);
    if (cli_has(c, "cmdline")) {
        out_text(o, "Command line arguments:\n");
        out_array(o, "arguments");
        each_argument(show_argument, o);
        out_end(o);
    }
    return 0;
}

/* --- show cpu, show clock
 * ------------------------------------------------------------------------- */

static int show_cpu(struct cli_call *c)
{
    struct out *o = c->out;
    out_str(o, "model", cpu_model_name(), "Model name:               %s\n");
    out_str(o, "microarchitecture", cpu_microarch(), "Microarch model (family): %s\n");
    out_str(o, "flags", cpu_flags(), "Flags:                    %s\n");
    out_f64(o, "base-frequency-ghz", clock_cycles_per_sec() / 1e9,
            "Base frequency:           %.4f GHz\n");
    out_str(o, "node-code", cpu_level_description(cpu_level_best()),
            "Node code:                %s\n");
    return 0;
}

static int show_clock(struct cli_call *c)
{
    char date[64];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    double up = (double)(clock_ns() - c->piste->start_ns) / (double)NS_PER_SEC;
    out_f64(c->out, "time", up, "Time now %f, ");
    out_str(c->out, "date", date, "%s\n");
    return 0;
}

/* --- show memory, show physmem
 * -------------------------------------------------------------------- */

/* "9.42M", as VPP writes sizes. */
static const char *size_text(u64 bytes, char out[24])
{
    static const char units[] = " KMGT";
    double x = (double)bytes;
    size_t unit = 0;
    while (x >= 1024 && unit + 2 < sizeof(units))
        x /= 1024, unit++;
    if (unit)
        snprintf(out, 24, "%.2f%c", x, units[unit]);
    else
        snprintf(out, 24, "%" PRIu64, bytes);
    return out;
}

/* A kB field of /proc/self/status, in bytes. */
static u64 status_bytes(const char *field)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    size_t n = strlen(field);
    unsigned long long kib = 0;
    while (f && fgets(line, sizeof(line), f))
        if (!strncmp(line, field, n) && line[n] == ':' && sscanf(line + n + 1, "%llu", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return (u64)kib << 10;
}

struct map_sums {
    struct out *out;
    u64 reserved, resident;
    bool only_packets;
};

static bool is_packet_memory(const struct mem_map *m)
{
    return !strncmp(m->name, "buffer", 6) || strstr(m->name, "-numa-");
}

static void sum_map(const struct mem_map *m, void *arg)
{
    struct map_sums *s = arg;
    if (s->only_packets && !is_packet_memory(m))
        return;
    s->reserved += m->size_bytes;
    s->resident += mem_map_resident_bytes(m);
}

/* A size that people read and programs count with. */
static void cell_size(struct out *o, u64 bytes)
{
    char text[24];
    if (out_format(o) == OUT_JSON)
        out_cell_u64(o, bytes);
    else
        out_cell(o, "%s", size_text(bytes, text));
}

static void system_show_map(const struct mem_map *m, void *arg)
{
    struct map_sums *s = arg;
    out_cell(s->out, "%s", m->name);
    out_cell(s->out, "%p", m->base);
    cell_size(s->out, m->size_bytes);
    cell_size(s->out, mem_map_resident_bytes(m));
    cell_size(s->out, m->page_size_bytes);
    if (m->fd >= 0)
        out_cell(s->out, "fd %d", m->fd);
    else
        out_cell(s->out, "%s", "");
}

static void system_show_maps(struct out *o)
{
    static const struct out_column cols[] = {
        {"Name", "name", 34, OUT_LEFT, OUT_LEFT},
        {"Address", "address", 16, OUT_LEFT, OUT_LEFT},
        {"Reserved", "reserved", 12, OUT_RIGHT, OUT_RIGHT},
        {"Resident", "resident", 12, OUT_RIGHT, OUT_RIGHT},
        {"Page", "page", 10, OUT_RIGHT, OUT_RIGHT},
        {"Shared", "shared", 8, OUT_RIGHT, OUT_RIGHT},
    };
    struct map_sums s = {.out = o};
    out_table(o, "maps", cols, array_len(cols));
    mem_map_each(system_show_map, &s);
    out_table_end(o);
}

static void show_bytes(struct out *o, const char *key, const char *label, u64 bytes)
{
    char text[24];
    out_text(o, "  %-18s %10s\n", label, size_text(bytes, text));
    out_u64(o, key, bytes, NULL);
}

static int show_memory(struct cli_call *c)
{
    struct map_sums maps = {.out = c->out};
    mem_map_each(sum_map, &maps);
    u64 anonymous = status_bytes("RssAnon"), shared = status_bytes("RssShmem");
    u64 maps_anonymous = maps.resident > shared ? maps.resident - shared : 0;
    struct out *o = c->out;

    show_bytes(o, "resident", "resident", mem_process_rss_bytes());
    show_bytes(o, "resident-peak", "resident, peak", status_bytes("VmHWM"));
    show_bytes(o, "virtual", "virtual", status_bytes("VmSize"));
    show_bytes(o, "program", "program files", status_bytes("RssFile"));
    show_bytes(o, "heap", "heap and stacks",
               anonymous > maps_anonymous ? anonymous - maps_anonymous : 0);
    show_bytes(o, "maps-resident", "maps", maps.resident);
    show_bytes(o, "maps-reserved", "maps, reserved", maps.reserved);
    if (cli_has(c, "map") || cli_has(c, "verbose")) {
        out_text(o, "\n");
        system_show_maps(o);
    }
    return 0;
}

static void show_arena(const struct mem_map *m, void *arg)
{
    struct map_sums *s = arg;
    char page[24];
    if (!is_packet_memory(m))
        return;
    u64 pages = mem_map_resident_bytes(m) / m->page_size_bytes;
    snprintf(page, sizeof(page), "%" PRIu64 "%s",
             m->page_size_bytes >> (m->page_size_bytes >> 20 ? 20 : 10),
             m->page_size_bytes >> 20 ? "M" : "K");
    out_text(s->out, "   arena '%s' pages %" PRIu64 " subpage-size %s", m->name, pages, page);
    out_object(s->out, NULL);
    out_str(s->out, "name", m->name, NULL);
    out_u64(s->out, "pages", pages, NULL);
    out_u64(s->out, "page-size", m->page_size_bytes, NULL);
    if (m->fd >= 0)
        out_i64(s->out, "fd", m->fd, " shared fd %" PRId64);
    out_text(s->out, "\n");
    out_end(s->out);
}

static int show_physmem(struct cli_call *c)
{
    struct map_sums s = {.out = c->out, .only_packets = true};
    u64 page = (u64)sysconf(_SC_PAGESIZE);
    mem_map_each(sum_map, &s);
    out_u64(c->out, "used-pages", s.resident / page, " used-pages %" PRIu64);
    out_u64(c->out, "reserved-pages", s.reserved / page, " reserved-pages %" PRIu64);
    out_u64(c->out, "page-size", page, NULL);
    out_text(c->out, " default-page-size %" PRIu64 "K\n", page >> 10);
    out_array(c->out, "arenas");
    mem_map_each(show_arena, &s);
    out_end(c->out);
    return 0;
}

/* --- show bihash --- */

/* As VPP's: "736k", or "6.50m" when it is not a whole number of them. */
static void show_table_bytes(struct out *o, u64 bytes)
{
    static const char units[] = " kmgt";
    u32 unit = 0;
    while (unit + 2 < sizeof(units) && bytes >> (10 * (unit + 1)))
        unit++;
    u64 one = 1ull << (10 * unit);
    out_text(o, "    bytes: used ");
    if (bytes & (one - 1))
        out_text(o, "%.2f", (double)bytes / (double)one);
    else
        out_text(o, "%" PRIu64, bytes / one);
    out_text(o, "%.*s\n", unit != 0, &units[unit]);
}

static void system_show_table(void *arg, const struct module_table *t)
{
    struct out *o = arg;
    out_object(o, NULL);
    out_str(o, "name", t->name, "\nHash table '%s'\n");
    if (t->places) {
        out_u64(o, "entries", t->entries, "    %" PRIu64 " active elements");
        out_u64(o, "places", t->places, " %" PRIu64 " places\n");
        show_table_bytes(o, t->bytes);
    } else {
        out_text(o, "    empty, uninitialized\n");
        out_u64(o, "entries", 0, NULL);
        out_u64(o, "places", 0, NULL);
    }
    out_u64(o, "bytes", t->bytes, NULL);
    out_end(o);
}

static int show_bihash(struct cli_call *c)
{
    out_array(c->out, "tables");
    modules_tables(c->piste->modules, system_show_table, c->out);
    out_end(c->out);
    return 0;
}

/* --- show unix errors
 * ----------------------------------------------------------------------------- */

static int show_unix_errors(struct cli_call *c)
{
    struct error_record records[32];
    static const struct out_column cols[] = {
        {"Time", "time", 16, OUT_LEFT, OUT_LEFT},
        {"Error", "error", 36, OUT_LEFT, OUT_LEFT},
        {"Call", "call", 0, OUT_LEFT, OUT_LEFT},
    };
    u32 n = error_recent(records, array_len(records));
    if (!n && out_format(c->out) == OUT_TEXT) {
        out_text(c->out, "no Unix errors so far\n");
        return 0;
    }
    out_table(c->out, "errors", cols, array_len(cols));
    for (u32 i = 0; i < n; i++) {
        u64 at = records[i].at_ns > c->piste->start_ns ? records[i].at_ns - c->piste->start_ns : 0;
        out_cell(c->out, "%.6f", (double)at / (double)NS_PER_SEC);
        out_cell(c->out, "%s", strerror(records[i].code));
        out_cell(c->out, "%s", records[i].text);
    }
    out_table_end(c->out);
    return 0;
}

/* --- show event-loop --- */

static double loop_ms(u64 ns)
{
    return (double)ns / (double)NS_PER_MSEC;
}

static double mean_ms(u64 sum_ns, u64 n)
{
    return n ? loop_ms(sum_ns) / (double)n : 0;
}

static int show_event_loop(struct cli_call *c)
{
    struct loop_stats s = loop_stats_get(c->piste->loop);
    u64 now = clock_ns();
    out_f64(c->out, "seconds", (double)(now - s.since_ns) / (double)NS_PER_SEC,
            "In %.3f seconds: ");
    out_u64(c->out, "rounds", s.rounds, "%" PRIu64 " rounds\n");
    out_f64(c->out, "mean_ms", mean_ms(s.busy_ns, s.rounds), "  a round: mean %.3f ms, ");
    out_f64(c->out, "worst_ms", loop_ms(s.worst_ns), "worst %.3f ms");
    out_f64(c->out, "worst_cpu_ms", loop_ms(s.worst_cpu_ns), ", of which %.3f ms of CPU");
    double ago = s.worst_at_ns ? (double)(now - s.worst_at_ns) / (double)NS_PER_SEC : 0;
    out_f64(c->out, "worst_seconds_ago", ago, " (%.3f s ago)\n");
    out_f64(c->out, "most_cpu_ms", loop_ms(s.most_cpu_ns), "  most CPU time of a round: %.3f ms\n");
    out_array(c->out, "longer");
    out_text(c->out, "  longer than:");
    for (u32 i = 0; i < LOOP_OVER; i++) {
        out_object(c->out, NULL);
        out_u64(c->out, "ms", loop_over_ms[i], " %" PRIu64 " ms ");
        out_u64(c->out, "rounds", s.over[i], "%" PRIu64);
        out_end(c->out);
        out_text(c->out, i + 1 < LOOP_OVER ? "," : "\n");
    }
    out_end(c->out);
    out_u64(c->out, "timers", s.timers, "  timers: %" PRIu64 ", ");
    out_f64(c->out, "mean_late_ms", mean_ms(s.late_ns, s.timers), "late by %.3f ms in the mean, ");
    out_f64(c->out, "worst_late_ms", loop_ms(s.worst_late_ns), "%.3f ms at the worst\n");
    out_u64(c->out, "work_rounds", s.work_rounds,
            "  rounds that went on with work of changes: %" PRIu64 "\n");
    return 0;
}

static int clear_event_loop(struct cli_call *c)
{
    loop_stats_clear(c->piste->loop);
    return 0;
}

static const struct cli_command commands[] = {
    {"show version [verbose] [cmdline]", "What this is and when it was built", system_show_version,
     0},
    {"show cpu", "Show cpu information", show_cpu, 0},
    {"show clock [verbose]", "Time since start, and the date", show_clock, 0},
    {"show memory [main-heap] [api-segment] [stats-segment] [map] [verbose]",
     "Memory of the process; map: and of each page map", show_memory, 0},
    {"show physmem [verbose | detail | map]", "Packet memory", show_physmem, 0},
    {"show bihash [verbose]", "Hash tables: how many entries they have, and what they take",
     show_bihash, 0},
    {"show event-loop",
     "How long the control thread's rounds take, and how late its timers are: others wait for so "
     "long",
     show_event_loop, CLI_OWN},
    {"clear event-loop", "What show event-loop tells begins anew", clear_event_loop, CLI_OWN},
    {"show unix errors", "Show Unix system call error history", show_unix_errors, 0},
    {NULL, NULL, NULL, 0},
};

const struct module system_module = {
    .abi = MODULE_ABI,
    .name = "system",
    .description = "The process and its machine",
    .commands = commands,
};

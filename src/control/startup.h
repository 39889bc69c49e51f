/* startup.conf: its text, and what the core sections set. Modules bring further sections by table
 * (module.h). Compatible with VPP's file: sections and keys have its names, defaults and meaning;
 * those that have no meaning here are accepted with a line in the log.
 *
 * A file is read once, before anything is started:
 *
 *     p->startup = startup_new();
 *     startup_read_file(p->startup, "/etc/vpp/startup.conf", &e)    or startup_set_text
 *     startup_apply_core(p, &e)       core sections; then plugins are loaded
 *     startup_apply_modules(p, &e)    all others, or "unknown input"
 */
#pragma once

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/types.h"
#include "base/vec.h"
#include "control/piste.h"
#include "control/plugin.h"

#define STARTUP_MAX_BYTES (256u << 10)
#define STARTUP_MAX_CPUS 1024

/* A set of CPU numbers. */
struct cpu_bitmap {
    u64 bits[STARTUP_MAX_CPUS / 64];
};

static inline bool cpu_bitmap_has(const struct cpu_bitmap *b, u32 cpu)
{
    return cpu < STARTUP_MAX_CPUS && (b->bits[cpu / 64] >> (cpu % 64) & 1);
}

static inline void cpu_bitmap_add(struct cpu_bitmap *b, u32 cpu)
{
    b->bits[cpu / 64] |= 1ull << (cpu % 64);
}

static inline u32 cpu_bitmap_count(const struct cpu_bitmap *b)
{
    u32 n = 0;
    for (size_t i = 0; i < array_len(b->bits); i++)
        n += (u32)__builtin_popcountll(b->bits[i]);
    return n;
}

/* "2-3,18-19"; a mask is hex with or without 0x. */
int cpu_bitmap_parse_list(const char *s, struct cpu_bitmap *b, struct error *e) MUST_CHECK;
int cpu_bitmap_parse_mask(const char *s, struct cpu_bitmap *b, struct error *e) MUST_CHECK;

struct startup_numa_buffers {
    u32 numa, buffers;
};

/* A piece of the text. */
struct startup_section {
    char *name, *body;       /* owned */
    size_t name_at, body_at; /* in startup.text */
    bool done;
};

/* All strings are owned, and NULL when not given. Numbers are VPP's defaults when not given. */
struct startup {
    struct {
        bool interactive, nodaemon, nosyslog;
        bool sandbox;
        VEC(char *) sandbox_read, sandbox_write; /* owned: more folders for it */
        bool nocolor, nobanner, cli_line_mode, cli_no_banner, cli_no_pager;
        u32 cli_pager_buffer_limit, cli_history_limit;
        char *cli_prompt; /* ends in a blank */
        char *cli_listen;
        char *runtime_dir;
        bool use_current_dir;
        bool has_coredump_size;
        u64 coredump_size; /* UINT64_MAX: unlimited */
        bool full_coredump;
        char *startup_config;
        char *running_config;
        u32 running_config_versions;
        char *log;
        char *user, *gid; /* names or numbers */
        char *pidfile;
    } unix_;
    struct {
        i32 main_core; /* -1: not pinned */
        bool has_workers;
        u32 workers;
        bool has_corelist;
        struct cpu_bitmap corelist; /* of corelist-workers or coremask-workers */
        u32 skip_cores;
        bool relative;
        char *thread_prefix;  /* "vpp" */
        int scheduler_policy; /* SCHED_*, -1: as it is */
        u32 scheduler_priority;
    } cpu;
    struct {
        u32 per_numa; /* 0: not given */
        u32 data_size;
        struct mem_page_size page_size; /* default-hugepage, which falls back */
        VEC(struct startup_numa_buffers) numa;
    } buffers;
    struct {
        char *socket_name; /* a path; "default": stats.sock in the runtime folder */
        u64 size;
        struct mem_page_size page_size;
        bool per_node_counters;
        double update_interval_sec;
    } statseg;
    struct {
        char *socket_name; /* as in statseg; "default": api.sock */
    } socksvr;
    struct {
        bool trace_on;
        u32 trace_nitems;
        char *save_table; /* a name in /tmp */
    } api;
    struct {
        char *prefix, *uid, *gid;
    } api_segment;
    struct plugin_settings plugins;

    /* what follows is startup.c's own */
    char *source; /* the file's name, or "command line" */
    char *text;
    VEC(struct startup_section) sections;
    u32 nested_lines;            /* where in a nested block an error is, as lines from its start */
    const char *section_name;    /* being applied */
    struct log_rule *class_rule; /* being filled by logging { class C { } } */
    const char *plugin_name;     /* of plugins { plugin NAME { } } */
};

struct startup *startup_new(void);
void startup_free(struct startup *s);

/* Reads configuration; errors say source and line. -EINVAL for what VPP would not take either. */
int startup_read_file(struct startup *s, const char *path, struct error *e) MUST_CHECK;
/* text is copied. */
int startup_set_text(struct startup *s, const char *source, const char *text,
                     struct error *e) MUST_CHECK;

/* p->cli must be there: it knows the value types. */
int startup_apply_core(struct piste *p, struct error *e) MUST_CHECK;
int startup_apply_modules(struct piste *p, struct error *e) MUST_CHECK;

/* /run/vpp for root, else /run/user/UID/vpp, or what is configured; absolute. Valid after
 * startup_apply_core. Borrowed until startup_free. */
const char *startup_runtime_dir(const struct startup *s);

/* The engine as a module of the daemon: made from startup.conf. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/module.h"
#include "engine/engine_internal.h"

static struct log_class log_class = {"engine", NULL};

/* CPUs that this process may run on, the n-th of them, or -1. */
static int allowed_cpu(u32 n)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set))
        return -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((unsigned)cpu, &set) && n-- == 0)
            return cpu;
    return -1;
}

/* `workers N` takes the CPUs behind the control thread's, as far as there are any; without a
 * main-core nothing is pinned, and the kernel's scheduler places the threads. */
static int place_workers(const struct startup *s, struct engine_config *c, struct error *e)
{
    u32 n = 0;
    if (s->cpu.has_corelist) {
        for (u32 cpu = 0; cpu < STARTUP_MAX_CPUS; cpu++) {
            if (!cpu_bitmap_has(&s->cpu.corelist, cpu))
                continue;
            if (n == THREADS_MAX - 1)
                return error_set(e, EINVAL, "at most %u workers", THREADS_MAX - 1);
            c->worker_cpus[n++] = s->cpu.relative ? allowed_cpu(cpu) : (int)cpu;
        }
        c->n_workers = n ? n : 1;
        return 0;
    }
    if (s->cpu.has_workers && s->cpu.workers)
        c->n_workers = s->cpu.workers;
    if (c->n_workers >= THREADS_MAX)
        return error_set(e, EINVAL, "at most %u workers", THREADS_MAX - 1);
    for (u32 cpu = s->cpu.skip_cores; s->cpu.main_core >= 0 && n < c->n_workers; cpu++) {
        int at = allowed_cpu(cpu);
        if (at < 0)
            break; /* fewer CPUs than workers: the rest is not pinned */
        if (at != s->cpu.main_core)
            c->worker_cpus[n++] = at;
    }
    return 0;
}

static int engine_config_of(const struct startup *s, struct engine_config *c, struct error *e)
{
    engine_config_default(c);
    if (!s)
        return 0;
    if (s->cpu.thread_prefix)
        snprintf(c->thread_prefix, sizeof(c->thread_prefix), "%.11s", s->cpu.thread_prefix);
    if (s->buffers.per_numa)
        c->buffers_per_numa = s->buffers.per_numa;
    for (u32 i = 0; i < s->buffers.numa.n; i++) {
        const struct startup_numa_buffers *b = &s->buffers.numa.v[i];
        if (b->numa)
            log_notice(
                &log_class,
                "buffers { numa %u } has no effect here: one pool serves all nodes of memory",
                b->numa);
        else if (b->buffers)
            c->buffers_per_numa = b->buffers;
    }
    if (s->buffers.data_size)
        c->buffer_data_bytes = s->buffers.data_size;
    if (c->buffer_data_bytes < 256 || c->buffer_data_bytes > 32768)
        return error_set(e, EINVAL, "buffers: default data-size %u: 256 to 32768 are possible",
                         c->buffer_data_bytes);
    c->buffer_page = s->buffers.page_size;
    if (s->statseg.size)
        c->stats_bytes = s->statseg.size;
    c->stats_page = s->statseg.page_size;
    c->stats_per_node = s->statseg.per_node_counters;
    c->stats_interval_sec = s->statseg.update_interval_sec;
    if (!(c->stats_interval_sec >= 0.01 && c->stats_interval_sec <= 86400))
        return error_set(e, EINVAL, "statseg: update-interval: 0.01 to 86400 seconds are possible");
    return place_workers(s, c, e);
}

static void take_features(const struct module *m, const char *file, void *arg)
{
    feature_register(arg, m->arcs, m->features);
}

static int engine_init_module(struct piste *p, void **state, struct error *e)
{
    struct engine_config c;
    int rc = engine_config_of(p->startup, &c, e);
    if (rc)
        return rc;
    struct engine *engine = engine_new(p, &c, e);
    if (!engine)
        return -e->code;
    const struct engine_settings *settings = module_settings(p, engine_module_name);
    if (settings)
        engine->trace_time = settings->trace_time;
    /* before any other module's init: there it finds all arcs, and every slot is what it will be */
    if (p->modules)
        modules_each(p->modules, take_features, engine);
    feature_place_all(engine);
    *state = engine;
    log_debug(&log_class, "%u data threads", c.n_workers);
    return 0;
}

static void engine_stop_module(struct piste *p, void *state)
{
    engine_free(state);
}

static void engine_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct engine *e = state;
    module_tell_hash(tell, arg, "node names", &e->node_by_name);
}

static void engine_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    struct engine *e = state;
    for (u32 i = 0; phase == RC_GLOBAL && i < e->nodes.n; i++)
        if (e->nodes.v[i].name && e->nodes.v[i].level_by_user)
            text_add(t, "set node function %s %s\n", e->nodes.v[i].name,
                     cpu_level_name(e->nodes.v[i].level));
    static const char *const times[] = {"relative", "unix", "datetime"};
    if (phase == RC_GLOBAL && e->trace_time != TRACE_TIME_RELATIVE)
        text_add(t, "set trace timestamp-format %s\n", times[e->trace_time]);
}

/* Modules of their own for the sake of their tables of commands. */
const struct module node_module = {
    .abi = MODULE_ABI,
    .name = "nodes",
    .description = "Nodes of the packet graph",
    .commands = node_commands,
    .types = node_types,
};

const struct module thread_module = {
    .abi = MODULE_ABI,
    .name = "threads",
    .description = "Threads, their time and memory of packets",
    .commands = thread_commands,
};

static const char *const trace_needs[] = {"engine", NULL};

const struct module trace_module = {
    .abi = MODULE_ABI,
    .name = "trace",
    .description = "Packet trace",
    .needs = trace_needs,
    .commands = trace_commands,
    .types = trace_types,
    .api = trace_api,
};

const struct module stats_module = {
    .abi = MODULE_ABI,
    .name = "stats",
    .description = "Counters for other programs",
    .commands = stats_commands,
};

const struct module engine_module = {
    .abi = MODULE_ABI,
    .name = engine_module_name,
    .description = "Packet graph, buffers and data threads",
    .commands = engine_commands,
    .api = engine_api,
    .config = engine_sections,
    .settings = &engine_default_settings,
    .settings_bytes = sizeof(engine_default_settings),
    .settings_free = engine_settings_free,
    .init = engine_init_module,
    .stop = engine_stop_module,
    .running_config = engine_running_config,
    .tables = engine_tables,
};

/* Commands about threads, their time and the memory of packets. Columns are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/cli.h"
#include "engine/engine_internal.h"

/* --- show buffers, show threads --- */

static int show_buffers(struct cli_call *c)
{
    static const struct out_column cols[] = {
        {"Pool Name", "name", 20, OUT_LEFT, OUT_LEFT},
        {"Index", "index", 6, OUT_CENTER, OUT_CENTER},
        {"NUMA", "numa", 6, OUT_CENTER, OUT_CENTER},
        {"Size", "size", 6, OUT_CENTER, OUT_CENTER},
        {"Data Size", "data_size", 11, OUT_CENTER, OUT_CENTER},
        {"Total", "total", 7, OUT_CENTER, OUT_CENTER},
        {"Avail", "avail", 7, OUT_CENTER, OUT_CENTER},
        {"Cached", "cached", 8, OUT_CENTER, OUT_CENTER},
        {"Used", "used", 8, OUT_CENTER, OUT_CENTER},
        {"Touched", "touched_bytes", 10, OUT_CENTER, OUT_CENTER},
        {"Failures", "alloc_failures", 10, OUT_CENTER, OUT_CENTER},
    };
    /* the last two columns are ours: in the text they would surprise scripts that know VPP's */
    bool all = cli_has(c, "verbose") || out_format(c->out) == OUT_JSON;
    out_table(c->out, "pools", cols, (u32)array_len(cols) - (all ? 0 : 2));
    for (u32 i = 0; i < buffer_pool_count(); i++) {
        struct buffer_pool_info p;
        if (!buffer_pool_get_info(engine_of(c->piste), i, &p))
            continue;
        out_cell(c->out, "%s", p.name);
        out_cell_u64(c->out, p.index);
        out_cell_u64(c->out, 0);
        out_cell_u64(c->out, p.size_bytes + sizeof(struct buffer));
        out_cell_u64(c->out, p.data_bytes);
        out_cell_u64(c->out, p.total);
        out_cell_u64(c->out, p.available);
        out_cell_u64(c->out, p.cached);
        out_cell_u64(c->out, p.used);
        if (!all)
            continue;
        out_cell_u64(c->out, buffer_pool_touched_bytes(i));
        out_cell_u64(c->out, p.alloc_failures);
    }
    out_table_end(c->out);
    return 0;
}

int thread_lwp(const struct thread *t)
{
    return t->index ? __atomic_load_n(&t->lwp, __ATOMIC_RELAXED) : (int)getpid();
}

static void engine_cli_topology(int cpu, int *core, int *package)
{
    char path[96];
    const char *files[] = {"core_id", "physical_package_id"};
    int *values[] = {core, package};
    for (u32 i = 0; i < 2; i++) {
        *values[i] = 0;
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, files[i]);
        FILE *f = fopen(path, "re");
        if (!f)
            continue;
        if (fscanf(f, "%d", values[i]) != 1)
            *values[i] = 0;
        fclose(f);
    }
}

static const char *policy_name(int policy)
{
    switch (policy) {
    case SCHED_FIFO:
        return "fifo";
    case SCHED_RR:
        return "rr";
    case SCHED_BATCH:
        return "batch";
    case SCHED_IDLE:
        return "idle";
    default:
        return "other";
    }
}

int thread_main_core(const struct piste *p)
{
    return p->startup ? p->startup->cpu.main_core : -1;
}

static int show_threads(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    static const struct out_column cols[] = {
        {"ID", "id", 7, OUT_LEFT, OUT_LEFT},
        {"Name", "name", 20, OUT_LEFT, OUT_LEFT},
        {"Type", "type", 12, OUT_LEFT, OUT_LEFT},
        {"LWP", "lwp", 8, OUT_LEFT, OUT_LEFT},
        {"Sched Policy (Priority)", "sched", 25, OUT_LEFT, OUT_LEFT},
        {"lcore", "lcore", 7, OUT_LEFT, OUT_LEFT},
        {"Core", "core", 7, OUT_LEFT, OUT_LEFT},
        {"Socket State", "socket", 17, OUT_LEFT, OUT_LEFT},
    };
    out_table(c->out, "threads", cols, array_len(cols));
    for (u32 i = 0; i < e->n_threads; i++) {
        struct thread *t = e->threads[i];
        struct sched_param param = {0};
        int lwp = thread_lwp(t), policy = sched_getscheduler(lwp), core, package,
            cpu = i ? t->cpu : thread_main_core(c->piste);
        sched_getparam(lwp, &param);
        out_cell_u64(c->out, i);
        out_cell(c->out, "%s", t->name);
        out_cell(c->out, "%s", i ? "workers" : "");
        out_cell(c->out, "%d", lwp);
        out_cell(c->out, "%s (%d)", policy_name(policy), param.sched_priority);
        if (cpu >= 0) {
            engine_cli_topology(cpu, &core, &package);
            out_cell(c->out, "%d", cpu);
            out_cell(c->out, "%d", core);
            out_cell(c->out, "%d", package);
        } else {
            for (u32 k = 0; k < 3; k++)
                out_cell(c->out, "%s", "");
        }
    }
    out_table_end(c->out);
    return 0;
}

/* --- show vlib frame-allocation --- */

struct thread_frames {
    u32 used, free;
};

static void thread_count_frames(struct thread *t, void *arg)
{
    struct thread_frames *n = arg;
    for (const struct frame *f = t->frame_free; f; f = f->link)
        n->free++;
    n->used = t->frames_high - n->free;
}

static int show_frames(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    static const struct out_column cols[] = {
        {"Thread", "thread", 8, OUT_CENTER, OUT_CENTER},
        {"Size", "size", 6, OUT_CENTER, OUT_CENTER},
        {"# Alloc", "alloc", 12, OUT_CENTER, OUT_CENTER},
        {"# Free", "free", 12, OUT_CENTER, OUT_CENTER},
    };
    out_table(c->out, "frames", cols, array_len(cols));
    for (u32 i = 0; i < e->n_threads; i++) {
        struct thread_frames n = {0};
        thread_call(e->threads[i], thread_count_frames, &n);
        if (!n.used && !n.free)
            continue;
        out_cell_u64(c->out, i);
        out_cell_u64(c->out, sizeof(struct frame));
        out_cell_u64(c->out, n.used);
        out_cell_u64(c->out, n.free);
    }
    out_table_end(c->out);
    return 0;
}

/* --- set clock adjust --- */

/* Two such steps are less than what timers can be behind: see wheel.h */
#define CLOCK_STEP_MAX_SEC 500000

static void thread_sees_time(struct thread *t, void *unused)
{
    /* it does not sleep until the time that it was to wake up at before */
}

static int set_clock_adjust(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    double seconds = cli_get(c, "seconds")->f;
    if (!(seconds >= 0 && seconds <= CLOCK_STEP_MAX_SEC))
        return error_set(c->err, EINVAL, "time goes forward, by at most %u seconds at once",
                         CLOCK_STEP_MAX_SEC);
    __atomic_fetch_add(&clock_ahead_ns, (u64)(seconds * NS_PER_SEC), __ATOMIC_RELAXED);
    for (u32 i = 1; i < e->n_threads; i++)
        thread_call(e->threads[i], thread_sees_time, NULL);
    return 0;
}

const struct cli_command thread_commands[] = {
    {"show buffers [verbose]", "Buffer pools: how many are free, cached, in use", show_buffers, 0},
    {"show threads", "Threads, where they run and how they are scheduled", show_threads, 0},
    {"show vlib frame-allocation", "Vectors of packets in the graph, of each thread", show_frames,
     0},
    {"set clock adjust <seconds:float>",
     "Puts the time forward: what ages or waits does so at once. For tests", set_clock_adjust, 0},
    {0},
};

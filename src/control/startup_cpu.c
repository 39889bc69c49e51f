/* cpu { } of startup.conf: where threads run. */
#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "control/startup_sections.h"

int cpu_bitmap_parse_list(const char *s, struct cpu_bitmap *b, struct error *e)
{
    *b = (struct cpu_bitmap){0};
    for (const char *p = s;; p++) {
        char *end;
        if (!isdigit((u8)*p))
            return error_set(e, EINVAL, "expected a list of CPUs like 2-3,18, got `%s'", s);
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (*end == '-' && isdigit((u8)end[1]))
            last = strtoul(end + 1, &end, 10);
        if (last < first || last >= STARTUP_MAX_CPUS || (*end && *end != ','))
            return error_set(e, EINVAL, "expected a list of CPUs like 2-3,18, got `%s'", s);
        for (unsigned long cpu = first; cpu <= last; cpu++)
            cpu_bitmap_add(b, (u32)cpu);
        p = end;
        if (!*p)
            return 0;
    }
}

int cpu_bitmap_parse_mask(const char *s, struct cpu_bitmap *b, struct error *e)
{
    *b = (struct cpu_bitmap){0};
    const char *digits = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? s + 2 : s;
    size_t n = strlen(digits);
    if (!n || digits[strspn(digits, "0123456789abcdefABCDEF")] || n > STARTUP_MAX_CPUS / 4)
        return error_set(e, EINVAL, "expected a mask in hex, got `%s'", s);
    for (u32 nibble = 0; nibble < n; nibble++) {
        char digit[2] = {digits[n - 1 - nibble], 0};
        b->bits[nibble / 16] |= (u64)strtoul(digit, NULL, 16) << (nibble % 16 * 4);
    }
    return 0;
}

static const struct startup_field cpu_fields[] = {
    FIELD("skip-cores", FIELD_U32, cpu.skip_cores),
    FIELD("relative", FIELD_FLAG, cpu.relative),
    FIELD("thread-prefix", FIELD_TEXT, cpu.thread_prefix),
    FIELD("scheduler-priority", FIELD_U32, cpu.scheduler_priority),
};

static int set_cpu(struct cli_call *c)
{
    return startup_store(c, cpu_fields, array_len(cpu_fields));
}

static int set_main_core(struct cli_call *c)
{
    u64 cpu = cli_u64(c, "cpu", 0);
    if (cpu >= STARTUP_MAX_CPUS)
        return error_set(c->err, EINVAL, "cpu %llu is not available", (unsigned long long)cpu);
    c->piste->startup->cpu.main_core = (i32)cpu;
    return 0;
}

static int set_workers(struct cli_call *c)
{
    u64 n = cli_u64(c, "n", 0);
    if (n > STARTUP_MAX_CPUS)
        return error_set(c->err, EINVAL, "%llu workers are too many", (unsigned long long)n);
    c->piste->startup->cpu.has_workers = true;
    c->piste->startup->cpu.workers = (u32)n;
    return 0;
}

static int set_corelist(struct cli_call *c)
{
    c->piste->startup->cpu.has_corelist = true;
    return cpu_bitmap_parse_list(cli_str(c, "cpus", ""), &c->piste->startup->cpu.corelist, c->err);
}

static int set_coremask(struct cli_call *c)
{
    c->piste->startup->cpu.has_corelist = true;
    return cpu_bitmap_parse_mask(cli_str(c, "mask", ""), &c->piste->startup->cpu.corelist, c->err);
}

static int set_scheduler_policy(struct cli_call *c)
{
    static const struct {
        const char *name;
        int policy;
    } policies[] = {{"other", SCHED_OTHER},
                    {"fifo", SCHED_FIFO},
                    {"rr", SCHED_RR},
                    {"batch", SCHED_BATCH},
                    {"idle", SCHED_IDLE}};
    for (size_t i = 0; i < array_len(policies); i++)
        if (cli_has(c, policies[i].name))
            c->piste->startup->cpu.scheduler_policy = policies[i].policy;
    return 0;
}

const struct config_key startup_cpu_keys[] = {
    {"main-core <cpu:u32>", "CPU of the control thread", set_main_core},
    {"workers <n:u32>", "number of data threads, placed automatically", set_workers},
    {"corelist-workers <cpus:string>", "CPUs of data threads; needs main-core", set_corelist},
    {"coremask-workers <mask:string>", "the same as a mask; needs main-core", set_coremask},
    {"skip-cores <n:u32>", "the first CPUs are not used; needs main-core", set_cpu},
    {"relative", "CPU numbers count the CPUs that this process may use; needs main-core", set_cpu},
    {"thread-prefix <prefix:string>", "begin of thread names, `vpp'", set_cpu},
    {"use-pthreads", "threads are always those of the C library", NULL},
    {"numa-heap-size <size>", "there is one heap, which grows as it is needed", NULL},
    {"scheduler-policy ( other | fifo | rr | batch | idle )", "policy of data threads",
     set_scheduler_policy},
    {"scheduler-priority <n:u32>", "their priority, for fifo and rr", set_cpu},
    {NULL, NULL, NULL},
};

int startup_check_cpu(const struct startup *s, struct error *e)
{
    if (s->cpu.main_core >= 0)
        return 0;
    if (s->cpu.has_corelist)
        return error_set(e, EINVAL,
                         "cpu_config: main-core must be specified when using corelist-workers or "
                         "coremask-workers");
    if (s->cpu.skip_cores)
        return error_set(e, EINVAL,
                         "cpu_config: main-core must be specified when using skip-cores");
    if (s->cpu.relative)
        return error_set(e, EINVAL, "cpu_config: main-core must be specified when using relative");
    return 0;
}

/* Timers by the million: what starting, restarting and firing one takes on a data thread, against a
 * write to a random cache line of as much memory, by turns.
 *
 *   timers-bench [--json] [--timers N] [--turns N]
 *
 * All timers are started in a random order for some time in a minute; as many are restarted at
 * random for some time in the minute after; then two minutes pass, tick by tick. Of each the least
 * CPU time of all turns counts: other work of the machine can only add to it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/wheel.h"
#include "control/loop.h"
#include "control/piste.h"
#include "engine/engine.h"
#include "engine/thread.h"

#define MINUTE_TICKS 57220u
#define BATCH 64

enum { WRITE, START, RESTART, FIRE, PHASES };
static const char *const names[PHASES] = {"write", "start", "restart", "fire"};

static u32 n_timers = 1000000, turns = 9;
static u32 *order, *delay; /* random: a permutation, ticks */
static double least_ns[PHASES], bytes_each;

static struct wheel wheel;
static struct wheel_timer *timers;
static u8 *memory;
static u64 n_lines;

static u64 random_state = 88172645463325252ull;

static u32 random_below(u32 n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (u32)((random_state >> 32) * n >> 32);
}

static void *map(const char *name, u64 bytes)
{
    struct mem_map m;
    struct error e;
    if (mem_map_new(&m, name, bytes, (struct mem_page_size){.kind = MEM_PAGE_DEFAULT}, false, &e))
        panic("%s", e.text);
    return m.base;
}

/* Of this thread: what others run meanwhile is not counted. */
static u64 cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

static void measure(u32 phase, u64 since)
{
    double ns = (double)(cpu_ns() - since) / n_timers;
    if (!least_ns[phase] || ns < least_ns[phase])
        least_ns[phase] = ns;
}

static void write_lines(void)
{
    u64 begin = cpu_ns();
    for (u32 i = 0; i < n_timers; i++)
        memory[order[i] * n_lines / n_timers * CACHE_LINE_BYTES]++;
    measure(WRITE, begin);
}

/* On the data thread. */
static void one_turn(struct thread *t, void *arg)
{
    u32 handles[BATCH], fired = 0, *first_tick = arg;
    write_lines();
    u64 begin = cpu_ns();
    for (u32 i = 0; i < n_timers; i++)
        wheel_start(&wheel, 0, order[i], wheel.now + 1 + delay[i]);
    measure(START, begin);
    begin = cpu_ns();
    for (u32 i = 0; i < n_timers; i++)
        wheel_start(&wheel, 0, order[n_timers - 1 - i], wheel.now + MINUTE_TICKS + delay[i]);
    measure(RESTART, begin);
    begin = cpu_ns();
    for (u32 tick = wheel.now; fired < n_timers; tick++)
        for (bool more = true; more;)
            fired += wheel_advance(&wheel, tick, handles, BATCH, &more);
    measure(FIRE, begin);
    if (fired != n_timers || wheel.now - *first_tick > 2 * MINUTE_TICKS + 1)
        panic("%u of %u timers fired", fired, n_timers);
    *first_tick = wheel.now;
}

static void parse(int argc, char **argv, bool *json)
{
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
                                          {"timers", required_argument, NULL, 'n'},
                                          {"turns", required_argument, NULL, 't'},
                                          {0}};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) >= 0;) {
        if (c == 'j')
            *json = true;
        else if (c == 'n')
            n_timers = (u32)strtoul(optarg, NULL, 10);
        else if (c == 't')
            turns = (u32)strtoul(optarg, NULL, 10);
        else
            exit(2);
    }
    if (!n_timers || n_timers > 1u << WHEEL_INDEX_BITS)
        panic("--timers: 1 to %u", 1u << WHEEL_INDEX_BITS);
}

int main(int argc, char **argv)
{
    static struct piste p;
    struct engine_config c;
    struct error e;
    bool json = false;
    parse(argc, argv, &json);
    order = map("order", n_timers * sizeof(*order));
    delay = map("delay", n_timers * sizeof(*delay));
    for (u32 i = 0; i < n_timers; i++) {
        u32 k = random_below(i + 1);
        order[i] = order[k];
        order[k] = i;
        delay[i] = random_below(MINUTE_TICKS);
    }
    timers = map("timers", n_timers * sizeof(*timers));
    wheel_init(&wheel, "wheel", n_timers, 1);
    wheel_set_kind(&wheel, 0, timers);
    n_lines = n_timers * 12ull / CACHE_LINE_BYTES; /* what the timers take, about */
    memory = map("memory", n_lines * CACHE_LINE_BYTES);
    p.loop = loop_new(&e);
    engine_config_default(&c);
    if (!engine_new(&p, &c, &e) || engine_start(p.engine, &e))
        panic("%s", e.text);
    u32 tick = wheel.now;
    for (u32 i = 0; i < turns; i++)
        thread_call(engine_thread(p.engine, 1), one_turn, &tick);
    bytes_each = (double)(mem_resident_bytes(timers, n_timers * sizeof(*timers)) +
                          mem_map_resident_bytes(&wheel.map)) /
                 n_timers;
    engine_stop(p.engine);
    for (u32 i = 0; i < PHASES; i++)
        printf(json ? "%s\"%s_ns\": %.2f" : "%s%s %.2f ns",
               i      ? ", "
               : json ? "{"
                      : "",
               names[i], least_ns[i]);
    printf(json ? ", \"bytes_each\": %.1f}\n" : ", %.1f bytes each\n", bytes_each);
    return 0;
}

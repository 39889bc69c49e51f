/* The running config of one moment, in pieces, between which others have their turn. What a walk
 * over the modules' lines said was there at one moment when nobody came between, or when the walk
 * before said the same: then all of it was there between the two. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "control/loop.h"
#include "control/running_config_internal.h"

#define WALKS_MOST 8
#define SLICE_NS (3 * NS_PER_MSEC)

struct config_take {
    const struct piste *piste;
    const struct config_sink *sink;
    void *arg;
    struct modules_config at;
    struct text text;
    u64 sum, sum_before; /* of the text of this walk, of the one before */
    u32 n_walks;
    bool others; /* had their turn during this walk */
    struct loop_timer *turn;
};

static void config_take_free(struct config_take *t)
{
    loop_timer_del(t->piste->loop, t->turn);
    modules_config_end(t->piste->modules, &t->at);
    text_free(&t->text);
    free(t);
}

/* Of whole lines: however they come in pieces. */
static u64 sum_lines(const char *s, u64 sum)
{
    for (size_t n; *s; s += n + (s[n] == '\n')) {
        n = strcspn(s, "\n");
        sum = hash_bytes(s, n, sum);
    }
    return sum;
}

/* Until the walk's end, or end_ns: 1, there is more. */
static int config_take_walk(struct config_take *t, u64 end_ns, struct error *e)
{
    while (modules_config_next(t->piste->modules, &t->at, &t->text)) {
        t->sum = sum_lines(text_str(&t->text), t->sum);
        int rc = t->text.len ? t->sink->put(t->arg, t->text.s, t->text.len, e) : 0;
        text_clear(&t->text);
        if (rc)
            return rc;
        if (clock_ns() >= end_ns)
            return 1;
    }
    return 0;
}

static bool config_take_is_steady(const struct config_take *t)
{
    return !t->others || (t->n_walks && t->sum == t->sum_before);
}

static void config_take_go(void *arg)
{
    struct config_take *t = arg;
    struct error e = {0};
    u64 end_ns = clock_ns() + SLICE_NS;
    int rc = config_take_walk(t, end_ns, &e);
    if (!rc && !config_take_is_steady(t) && t->n_walks + 1 < WALKS_MOST) {
        t->n_walks++;
        t->sum_before = t->sum;
        t->sum = 0;
        t->at = (struct modules_config){0};
        t->others = false;
        rc = t->sink->restart(t->arg, &e);
        rc = rc ? rc : 1;
    } else if (rc == 1) {
        t->others = true;
    }
    if (rc == 1) {
        loop_timer_set(t->piste->loop, t->turn, clock_ns());
        return;
    }
    const struct config_sink *sink = t->sink;
    void *sink_arg = t->arg;
    bool steady = config_take_is_steady(t);
    config_take_free(t);
    sink->done(sink_arg, rc, steady, &e);
}

struct config_take *config_take_start(const struct piste *p, const struct config_sink *sink,
                                      void *arg)
{
    struct config_take *t = mem_alloc(sizeof(*t));
    *t = (struct config_take){.piste = p, .sink = sink, .arg = arg};
    t->turn = loop_timer_add(p->loop, clock_ns(), 0, config_take_go, t);
    return t;
}

void config_take_cancel(struct config_take *t)
{
    if (t)
        config_take_free(t);
}

/* Commands about packet traces. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "control/cli.h"
#include "engine/engine_internal.h"

#define SHOW_DEFAULT_PKTS 50

/* --- trace add --- */

struct add {
    u32 node, count;
    bool filter;
};

static void add_on_thread(struct thread *t, void *arg)
{
    const struct add *a = arg;
    struct node *n = &t->nodes[a->node];
    n->trace_filtered = a->filter;
    n->traced = a->count ? (u32)min_u64((u64)n->traced + a->count, UINT32_MAX) : 0;
}

int trace_capture(struct engine *e, struct node_index node, u32 count, bool filter,
                  struct error *err)
{
    struct add a = {node.i, count, filter};
    if (e->nodes.v[a.node].def->kind != NODE_INPUT)
        return error_set(err, EINVAL,
                         "node '%s' doesn't support per-node tracing. There may be another way to "
                         "initiate trace on "
                         "this node.",
                         e->nodes.v[a.node].name);
    if (filter && !e->trace_wanted)
        return error_set(err, EOPNOTSUPP, "No classify filter configured...");
    for (u32 i = 1; i < e->n_threads; i++)
        thread_call(e->threads[i], add_on_thread, &a);
    return 0;
}

static int trace_add(struct cli_call *c)
{
    struct node_index node = {(u32)cli_u64(c, "trace-node", 0)};
    return trace_capture(engine_of(c->piste), node, (u32)cli_u64(c, "count", 0),
                         cli_has(c, "filter"), c->err);
}

static void clear_on_thread(struct thread *t, void *arg)
{
    t->trace.n = 0;
    t->traces &= ~(u32)THREAD_TRACES_PACKETS;
    t->trace.shown_from = t->trace.packets;
    atomic_store(&t->trace.published, 0);
    for (u32 i = 0; i < t->engine->nodes.n; i++)
        t->nodes[i].traced = 0;
}

void trace_clear(struct engine *e)
{
    for (u32 i = 1; i < e->n_threads; i++)
        thread_call(e->threads[i], clear_on_thread, NULL);
}

static int clear_trace(struct cli_call *c)
{
    trace_clear(engine_of(c->piste));
    return 0;
}

/* --- show trace --- */

struct hop {
    const struct trace_record *r;
    u32 order;
};

struct packet_hops {
    const struct hop *hops; /* borrowed */
    u32 n;
};

typedef VEC(struct hop) hops;

static int by_handle(const void *x, const void *y)
{
    const struct hop *a = x, *b = y;
    if (a->r->handle != b->r->handle)
        return a->r->handle < b->r->handle ? -1 : 1;
    if (a->r->time_ns != b->r->time_ns)
        return a->r->time_ns < b->r->time_ns ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* Hops of packets whose trace started on thread t, in whichever thread they were made; grouped by
 * packet. */
static void trace_cli_collect(struct engine *e, const struct thread *t, struct hop **list,
                              u32 *count)
{
    VEC(struct hop) all = {0};
    for (u32 i = 1; i < e->n_threads; i++) {
        u32 n = atomic_load_explicit(&e->threads[i]->trace.published, memory_order_acquire);
        for (u32 k = 0; k < n; k++) {
            const struct trace_record *r = &e->threads[i]->trace.records[k];
            if (r->handle >> 24 == t->index &&
                (r->handle & 0xffffff) >= (t->trace.shown_from & 0xffffff))
                vec_add(&all, ((struct hop){r, all.n}));
        }
    }
    if (all.n)
        qsort(all.v, all.n, sizeof(all.v[0]), by_handle);
    *list = all.v;
    *count = all.n;
}

static void hop_time(struct engine *e, u64 ns, struct text *out)
{
    if (e->trace_time == TRACE_TIME_RELATIVE) {
        u64 us = (ns - e->piste->start_ns) / 1000, s = us / 1000000;
        text_add(out, "%02u:%02u:%02u:%06u", (u32)(s / 3600), (u32)(s / 60 % 60), (u32)(s % 60),
                 (u32)(us % 1000000));
        return;
    }
    u64 wall = clock_wall_base_ns() + ns;
    time_t s = (time_t)(wall / NS_PER_SEC);
    if (e->trace_time == TRACE_TIME_UNIX) {
        text_add(out, "%lld.%06u", (long long)s, (u32)(wall % NS_PER_SEC / 1000));
        return;
    }
    struct tm tm;
    char date[32];
    gmtime_r(&s, &tm);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    text_add(out, "%s.%06u", date, (u32)(wall % NS_PER_SEC / 1000));
}

/* again: the packet's last hop was at the same node, whose line both share. */
static void show_hop(struct engine *e, struct out *o, const struct trace_record *r, bool again)
{
    struct text time = {0}, body = {0}, lines = {0};
    const struct node_def *def = e->nodes.v[r->node.i].def;
    hop_time(e, r->time_ns, &time);
    if (def && def->format_trace)
        def->format_trace(e->piste, r, &body);
    text_indented(&lines, 2, text_str(&body));
    if (lines.len && lines.s[lines.len - 1] != '\n')
        text_putc(&lines, '\n');
    if (!again)
        out_text(o, "%s: %s\n", text_str(&time), node_name(e, r->node));
    out_text(o, "%s", text_str(&lines));
    out_object(o, NULL);
    out_str(o, "time", text_str(&time), NULL);
    out_str(o, "node", node_name(e, r->node), NULL);
    out_str(o, "text", text_str(&body), NULL);
    out_end(o);
    text_free(&time);
    text_free(&body);
    text_free(&lines);
}

static bool packet_passes(const struct trace_filter *f, const struct hop *h, u32 n)
{
    if (f->kind == TRACE_FILTER_NONE)
        return true;
    bool visited = false;
    for (u32 i = 0; i < n; i++)
        visited |= h[i].r->node.i == f->node.i;
    return visited == (f->kind == TRACE_FILTER_INCLUDE);
}

/* Most packets to show of a thread. */
static u32 limit_of(const struct trace_filter *f, u32 max)
{
    return f->kind != TRACE_FILTER_NONE && f->count ? (u32)min_u64(max, f->count) : max;
}

static const char limiting[] = "Limiting display to %u packets. To display more specify max.\n";

static void show_thread(struct engine *e, struct out *o, struct thread *t, u32 max)
{
    struct hop *h;
    u32 n, shown = 0;
    bool more = false;
    const struct trace_filter *f = &e->trace_filter;
    max = limit_of(f, max);
    trace_cli_collect(e, t, &h, &n);
    out_text(o, "------------------- Start of thread %u %s -------------------\n", t->index,
             t->name);
    out_object(o, NULL);
    out_str(o, "thread", t->name, NULL);
    out_array(o, "packets");
    for (u32 i = 0; i < n;) {
        u32 end = i + 1;
        while (end < n && h[end].r->handle == h[i].r->handle)
            end++;
        if (packet_passes(f, h + i, end - i)) {
            if (shown == max) {
                more = true;
                break;
            }
            out_text(o, "Packet %u\n\n", ++shown);
            out_array(o, NULL);
            for (u32 k = i; k < end; k++)
                show_hop(e, o, h[k].r, k > i && h[k].r->node.i == h[k - 1].r->node.i);
            out_end(o);
            out_text(o, "\n");
        }
        i = end;
    }
    if (!shown)
        out_text(o, "No packets in trace buffer\n");
    if (more)
        out_text(o, limiting, max);
    out_end(o);
    out_end(o);
    free(h);
}

u32 trace_texts(struct engine *e, const struct thread *t, u32 from, u32 max,
                void (*fn)(u32 position, u32 n, const char *text, void *arg), void *arg)
{
    struct hop *h;
    u32 n, passing = 0;
    trace_cli_collect(e, t, &h, &n);
    VEC(struct packet_hops) packets = {0};
    for (u32 i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && h[end].r->handle == h[i].r->handle;)
            end++;
        if (packet_passes(&e->trace_filter, h + i, end - i))
            vec_add(&packets, ((struct packet_hops){h + i, end - i}));
    }
    passing = packets.n;
    for (u32 i = from; i < passing && i - from < max; i++) {
        struct out *o = out_new(OUT_TEXT);
        for (u32 k = 0; k < packets.v[i].n; k++)
            show_hop(e, o, packets.v[i].hops[k].r,
                     k && packets.v[i].hops[k].r->node.i == packets.v[i].hops[k - 1].r->node.i);
        char *text = out_take(o);
        fn(i, passing, text, arg);
        free(text);
        out_free(o);
    }
    vec_free(&packets);
    free(h);
    return passing;
}

static int show_trace(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    u32 max = (u32)cli_u64(c, "max-packets", SHOW_DEFAULT_PKTS);
    bool more = false;
    for (u32 i = 0; i < e->n_threads; i++)
        more |= trace_texts(e, e->threads[i], 0, 0, NULL, NULL) > limit_of(&e->trace_filter, max);
    if (more)
        out_text(c->out, limiting, limit_of(&e->trace_filter, max));
    out_array(c->out, "threads");
    for (u32 i = 0; i < e->n_threads; i++)
        show_thread(e, c->out, e->threads[i], max);
    out_end(c->out);
    return 0;
}

/* --- filter and time format --- */

static const char *const filter_words[] = {[TRACE_FILTER_NONE] = "none",
                                           [TRACE_FILTER_INCLUDE] = "include",
                                           [TRACE_FILTER_EXCLUDE] = "exclude"};

/* A word of the text at *p, copied; false at the end. */
static bool trace_cli_take_word(const char **p, char word[64])
{
    *p += strspn(*p, " \t");
    size_t n = strcspn(*p, " \t\r\n");
    if (!n || n >= 64)
        return false;
    memcpy(word, *p, n);
    word[n] = 0;
    *p += n;
    return true;
}

/* none, or include|exclude NODE COUNT: one value, so that one sentence says what was expected. */
static int filter_parse(struct piste *p, const char **text, struct cli_value *v, struct error *err)
{
    const char *at = *text;
    char word[64], *end;
    struct trace_filter f = {0};
    static_assert(sizeof(f) <= sizeof(v->raw), "is a value");
    if (!trace_cli_take_word(&at, word))
        return -ENOENT;
    while (strcmp(word, filter_words[f.kind]) != 0)
        if (++f.kind > TRACE_FILTER_EXCLUDE)
            return -ENOENT;
    if (f.kind != TRACE_FILTER_NONE) {
        if (!trace_cli_take_word(&at, word) || !node_find(engine_of(p), word, &f.node) ||
            !trace_cli_take_word(&at, word))
            return -ENOENT;
        unsigned long count = strtoul(word, &end, 10);
        if (*end || count > UINT32_MAX)
            return -ENOENT;
        f.count = (u32)count;
    }
    *text = at;
    memcpy(v->raw, &f, sizeof(f));
    return 0;
}

static void filter_complete(struct piste *p, const char *prefix,
                            void (*add)(void *arg, const char *word), void *arg)
{
    for (u32 i = 0; i < array_len(filter_words); i++)
        if (!strncmp(filter_words[i], prefix, strlen(prefix)))
            add(arg, filter_words[i]);
}

const struct cli_type trace_types[] = {
    {"trace-node", "expected NODE COUNT, got", engine_node_parse, engine_node_complete},
    {"trace-filter", "expected 'include NODE COUNT' or 'exclude NODE COUNT' or 'none', got",
     filter_parse, filter_complete},
    {0},
};

static int set_trace_filter(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    memcpy(&e->trace_filter, cli_get(c, "trace-filter")->raw, sizeof(e->trace_filter));
    return 0;
}

static const char *const time_names[] = {"relative", "unix", "datetime"};

static int set_time_format(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    for (u32 i = 0; i < array_len(time_names); i++)
        if (cli_has(c, time_names[i]))
            e->trace_time = i;
    return 0;
}

static int show_time_format(struct cli_call *c)
{
    out_str(c->out, "timestamp_format", time_names[engine_of(c->piste)->trace_time],
            "trace timestamp format: %s\n");
    return 0;
}

const struct cli_command trace_commands[] = {
    {"trace add <trace-node> <count:u32> [verbose] [filter]",
     "Traces the next packets that enter through a node", trace_add, 0},
    {"show trace [max <max-packets:u32>]", "The nodes that traced packets passed", show_trace, 0},
    {"clear trace", "Forgets all traces, and packets still to be traced", clear_trace, 0},
    {"trace filter <trace-filter>", "Shows only packets that passed a node, or that did not",
     set_trace_filter, 0},
    {"set trace timestamp-format ( relative | unix | datetime )", "How `show trace` prints times",
     set_time_format, 0},
    {"show trace timestamp-format", "How `show trace` prints times", show_time_format, 0},
    {0},
};

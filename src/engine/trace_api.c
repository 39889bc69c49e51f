/* Messages of tracedump.api: packet traces for programs. There is no cache between captures and
 * dumps: a dump reads what is captured at that moment. */
#include <errno.h>
#include <string.h>

#include "api/api_tracedump.h"
#include "control/api.h"
#include "engine/engine_internal.h"

#define PACKETS_A_DUMP 1024u /* of a thread; clients ask for more by position */

static bool is_node(const struct engine *e, u32 index)
{
    return index < e->nodes.n && e->nodes.v[index].name;
}

static void trace_set_filters(struct api_call *c)
{
    const struct api_trace_set_filters *m = c->msg;
    struct engine *e = engine_of(c->piste);
    struct trace_filter f = {.kind = TRACE_FILTER_NONE};
    switch (m->flag) {
    case TRACE_FF_NONE:
        break;
    case TRACE_FF_INCLUDE_NODE:
    case TRACE_FF_EXCLUDE_NODE:
        if (!is_node(e, m->node_index)) {
            api_reply_retval(c, API_NO_SUCH_NODE);
            return;
        }
        f.kind = m->flag == TRACE_FF_INCLUDE_NODE ? TRACE_FILTER_INCLUDE : TRACE_FILTER_EXCLUDE;
        f.node.i = m->node_index;
        f.count = m->count;
        break;
    case TRACE_FF_INCLUDE_CLASSIFIER:
    case TRACE_FF_EXCLUDE_CLASSIFIER:
        api_reply_retval(c, API_UNSUPPORTED);
        return;
    default:
        api_reply_retval(c, API_INVALID_VALUE);
        return;
    }
    e->trace_filter = f;
    api_reply_retval(c, 0);
}

static void trace_capture_packets(struct api_call *c)
{
    const struct api_trace_capture_packets *m = c->msg;
    struct engine *e = engine_of(c->piste);
    struct error err;
    if (!is_node(e, m->node_index) || e->nodes.v[m->node_index].def->kind != NODE_INPUT) {
        api_reply_retval(c, API_NO_SUCH_NODE);
        return;
    }
    if (m->pre_capture_clear)
        trace_clear(e);
    /* without a classifier all packets pass; the filter of trace_set_filters is for what is shown
     */
    api_reply_errno(c, trace_capture(e, (struct node_index){m->node_index}, m->max_packets,
                                     m->use_filter && e->trace_wanted, &err));
}

static void trace_clear_capture(struct api_call *c)
{
    trace_clear(engine_of(c->piste));
    api_reply_retval(c, 0);
}

static void trace_clear_cache(struct api_call *c)
{
    api_reply_retval(c, 0);
}

/* --- trace_dump: through all threads, a number of packets a request --- */

struct dump {
    struct api_call *c;
    u32 thread, position;
    bool more_threads;
    u32 left, sent;
};

static void trace_api_details(u32 position, u32 n, const char *text, void *arg)
{
    struct dump *d = arg;
    struct api_trace_details m = {
        .thread_id = d->thread,
        .position = position,
        .more_this_thread = position + 1 < n,
        .more_threads = d->more_threads,
        .done = position + 1 == n && !d->more_threads,
        .packet_number = d->sent++,
        .trace_data_bytes = (u32)strlen(text),
        .trace_data = text,
    };
    d->position = position + 1;
    d->left--;
    api_reply(d->c, &api_message_trace_details, &m);
}

static void trace_dump(struct api_call *c)
{
    const struct api_trace_dump *m = c->msg;
    struct engine *e = engine_of(c->piste);
    struct api_trace_dump_reply reply = {.last_thread_id = m->thread_id,
                                         .last_position = m->position};
    struct dump d = {
        .c = c, .position = m->position, .left = (u32)min_u64(m->max_records, PACKETS_A_DUMP)};
    if (m->position == UINT32_MAX) { /* only the cache was meant */
        reply.flush_only = reply.done = 1;
        api_reply(c, &api_message_trace_dump_reply, &reply);
        return;
    }
    if (m->thread_id >= e->n_threads) {
        reply.retval = API_INVALID_VALUE;
        reply.done = 1;
        api_reply(c, &api_message_trace_dump_reply, &reply);
        return;
    }
    for (d.thread = m->thread_id; d.thread < e->n_threads; d.thread++, d.position = 0) {
        d.more_threads = d.thread + 1 < e->n_threads;
        u32 n = trace_texts(e, e->threads[d.thread], d.position, d.left, trace_api_details, &d);
        reply.last_thread_id = d.thread;
        reply.last_position = d.position;
        reply.more_this_thread = d.position < n;
        reply.more_threads = d.more_threads;
        if (reply.more_this_thread)
            break;
    }
    reply.done = !reply.more_this_thread && !reply.more_threads;
    api_reply(c, &api_message_trace_dump_reply, &reply);
}

/* --- trace_v2_dump: a number of packets of each thread --- */

struct dump_v2 {
    struct api_call *c;
    u32 thread;
};

static void details_v2(u32 position, u32 n, const char *text, void *arg)
{
    struct dump_v2 *d = arg;
    struct api_trace_v2_details m = {
        .thread_id = d->thread,
        .position = position,
        .more = position + 1 < n,
        .trace_data_bytes = (u32)strlen(text),
        .trace_data = text,
    };
    api_reply(d->c, &api_message_trace_v2_details, &m);
}

static void trace_v2_dump(struct api_call *c)
{
    const struct api_trace_v2_dump *m = c->msg;
    struct engine *e = engine_of(c->piste);
    struct dump_v2 d = {.c = c};
    for (u32 i = 0; i < e->n_threads && m->position != UINT32_MAX; i++) {
        d.thread = i;
        if (m->thread_id == UINT32_MAX || m->thread_id == i)
            trace_texts(e, e->threads[i], m->position, (u32)min_u64(m->max, PACKETS_A_DUMP),
                        details_v2, &d);
    }
}

const struct api_handler trace_api[] = {
    {&api_message_trace_set_filters, trace_set_filters},
    {&api_message_trace_capture_packets, trace_capture_packets},
    {&api_message_trace_clear_capture, trace_clear_capture},
    {&api_message_trace_clear_cache, trace_clear_cache},
    {&api_message_trace_dump, trace_dump},
    {&api_message_trace_v2_dump, trace_v2_dump},
    {0},
};

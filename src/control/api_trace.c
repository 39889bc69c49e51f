/* The trace of the binary API: the last messages of all clients, shown, saved and played again; and
 * saved when the daemon dies. Its files: api_trace_file.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/backtrace.h"
#include "base/clock.h"
#include "base/mem.h"
#include "control/api_trace_file.h"
#include "control/startup.h"

enum {
    FIRST_ITEMS = 256, /* room is doubled from there on */
    DEFAULT_ITEMS = 256 << 10,
    /* whatever the number of messages: large ones push out older ones */
    MAX_BYTES = 64 << 20,
};

struct api_traced {
    u64 time_ns; /* since 1970 */
    u32 client_index;
    bool sent; /* by us */
    const struct api_message *message;
    u32 n; /* bytes of the body */
    u8 *body;
};

/* --- keeping --- */

static struct api_traced *traced_at(struct api_trace *t, u32 i)
{
    return &t->items[(t->first + i) % t->cap];
}

/* What is changed is in no state to be saved by a thread that crashes; nor is it changed any more
 * while that happens. False: leave it alone. */
static bool change_begin(struct api_trace *t)
{
    __atomic_store_n(&t->changing, true, __ATOMIC_SEQ_CST);
    if (likely(!__atomic_load_n(&t->frozen, __ATOMIC_SEQ_CST)))
        return true;
    __atomic_store_n(&t->changing, false, __ATOMIC_SEQ_CST);
    return false;
}

static void change_end(struct api_trace *t)
{
    __atomic_store_n(&t->changing, false, __ATOMIC_RELEASE);
}

static void forget_first(struct api_trace *t)
{
    struct api_traced *x = traced_at(t, 0);
    t->bytes -= x->n;
    free(x->body);
    t->first = (t->first + 1) % t->cap;
    t->n--;
    t->n_forgotten++;
}

/* Room for cap messages, not fewer than there are. */
static void api_trace_resize(struct api_trace *t, u32 cap)
{
    struct api_traced *items = mem_alloc(cap * sizeof(*items));
    for (u32 i = 0; i < t->n; i++)
        items[i] = *traced_at(t, i);
    free(t->items);
    t->items = items;
    t->cap = cap;
    t->first = 0;
}

void api_trace_add(struct api_server *s, const struct api_client *c, const struct api_message *m,
                   bool sent, const u8 *body, size_t n)
{
    struct api_trace *t = &s->trace;
    if (n > MAX_BYTES || !change_begin(t))
        return;
    while (t->n && (t->n == t->limit || t->bytes + n > MAX_BYTES))
        forget_first(t);
    if (t->n == t->cap)
        api_trace_resize(t, (u32)min_u64(t->cap ? 2 * (u64)t->cap : FIRST_ITEMS, t->limit));
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct api_traced *x = traced_at(t, t->n++);
    *x = (struct api_traced){
        .time_ns = (u64)now.tv_sec * NS_PER_SEC + (u64)now.tv_nsec,
        .client_index = API_HANDLE_BIT | c->slot,
        .sent = sent,
        .message = m,
        .n = (u32)n,
        .body = mem_alloc(n ? n : 1),
    };
    memcpy(x->body, body, n);
    t->bytes += n;
    change_end(t);
}

void api_trace_forget_all(struct api_trace *t)
{
    if (!change_begin(t))
        return;
    while (t->n)
        forget_first(t);
    free(t->items);
    t->items = NULL;
    t->cap = t->first = 0;
    t->n_forgotten = 0;
    change_end(t);
}

/* What is more than the limit goes, oldest first. */
void api_trace_set_limit(struct api_trace *t, u32 limit)
{
    if (!change_begin(t))
        return;
    t->limit = limit;
    while (t->n > limit)
        forget_first(t);
    if (t->cap > limit)
        api_trace_resize(t, limit);
    change_end(t);
}

void api_trace_start(struct api_server *s)
{
    const struct startup *st = s->piste->startup;
    u32 items = st ? st->api.trace_nitems : 0;
    s->trace.limit = items ? (u32)min_u64(items, API_TRACE_MAX_ITEMS) : DEFAULT_ITEMS;
    s->trace.on = st && st->api.trace_on;
}

/* Async-signal-safe. */
struct api_record api_trace_record(struct api_trace *t, u32 i)
{
    const struct api_traced *x = traced_at(t, i);
    struct api_record r = {
        .time_ns = x->time_ns,
        .client_index = x->client_index,
        .sent = x->sent,
        .message = x->message,
        .body = x->body,
        .n = x->n,
    };
    api_record_name(r.name, x->message);
    return r;
}

/* As of a file. */
void api_trace_records(struct api_trace *t, struct api_records *records)
{
    for (u32 i = 0; i < t->n; i++)
        vec_add(&records->list, api_trace_record(t, i));
}

/* --- when the daemon dies --- */

static struct api_trace *post_mortem; /* NULL: nothing is saved then */
static char post_mortem_path[64];

static void sleep_1ms(void)
{
    struct timespec t = {0, NS_PER_MSEC};
    nanosleep(&t, NULL);
}

/* In the thread that crashed, whichever it is: async-signal-safe. Memory that is not what it should
 * be ends the file, at the end of a record. */
static void save_post_mortem(void)
{
    struct api_trace *t = post_mortem;
    off_t good = API_MAGIC_BYTES;
    if (!t)
        return;
    __atomic_store_n(&t->frozen, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 100 && __atomic_load_n(&t->changing, __ATOMIC_SEQ_CST); i++)
        sleep_1ms();
    if (__atomic_load_n(&t->changing, __ATOMIC_SEQ_CST))
        return;
    unlink(post_mortem_path);
    int fd = open(post_mortem_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, api_trace_magic, API_MAGIC_BYTES) != API_MAGIC_BYTES)
        return;
    for (u32 i = 0; i < t->n; i++) {
        struct api_record r = api_trace_record(t, i);
        u8 header[API_RECORD_HEADER_BYTES];
        struct iovec v[] = {{header, sizeof(header)}, {(void *)r.body, r.n}};
        api_record_header(header, &r);
        if (writev(fd, v, 2) != (ssize_t)(sizeof(header) + r.n))
            break;
        good += (off_t)sizeof(header) + r.n;
    }
    if (ftruncate(fd, good))
        return;
    close(fd);
}

void api_trace_post_mortem(struct api_server *s)
{
    snprintf(post_mortem_path, sizeof(post_mortem_path), "/tmp/api_post_mortem.%d", (int)getpid());
    post_mortem = &s->trace;
    backtrace_on_crash(save_post_mortem);
}

bool api_trace_has_post_mortem(const struct api_trace *t)
{
    return post_mortem == t;
}

void api_trace_stop(struct api_server *s)
{
    if (post_mortem == &s->trace) {
        backtrace_on_crash(NULL);
        post_mortem = NULL;
    }
    api_trace_forget_all(&s->trace);
}

/* The trace of the binary API: the last messages of all clients, shown, saved and played again.
 *
 * A saved trace names its messages, so that a daemon with other numbers can play it:
 *
 *   "PISTEAPI"  then for each message  u32 body bytes | u64 time, ns since 1970 | u32 client index
 * | u8 sent by us | name_crc, NUL to 64 bytes | body
 *
 * Integers are big-endian; the body is the message as on the socket, without its number. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "control/api_internal.h"
#include "control/module.h"
#include "control/startup.h"

static const char magic[8] = "PISTEAPI";

enum {
    NAME_BYTES = 64,
    RECORD_BYTES = 4 + 8 + 4 + 1 + NAME_BYTES,
    FIRST_ITEMS = 256, /* room is doubled from there on */
    DEFAULT_ITEMS = 256 << 10,
    MAX_ITEMS = 16 << 20,
    /* whatever the number of messages: large ones push out older ones */
    MAX_BYTES = 64 << 20,
    MAX_FILE_BYTES = 256 << 20,
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
static void resize(struct api_trace *t, u32 cap)
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
    if (n > MAX_BYTES)
        return;
    while (t->n && (t->n == t->limit || t->bytes + n > MAX_BYTES))
        forget_first(t);
    if (t->n == t->cap)
        resize(t, (u32)min_u64(t->cap ? 2 * (u64)t->cap : FIRST_ITEMS, t->limit));
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
}

void api_trace_free(struct api_trace *t)
{
    while (t->n)
        forget_first(t);
    free(t->items);
    t->items = NULL;
    t->cap = t->first = 0;
    t->n_forgotten = 0;
}

/* What is more than the limit goes, oldest first. */
static void set_limit(struct api_trace *t, u32 limit)
{
    t->limit = limit;
    while (t->n > limit)
        forget_first(t);
    if (t->cap > limit)
        resize(t, limit);
}

void api_trace_start(struct api_server *s)
{
    const struct startup *st = s->piste->startup;
    u32 items = st ? st->api.trace_nitems : 0;
    s->trace.limit = items ? (u32)min_u64(items, MAX_ITEMS) : DEFAULT_ITEMS;
    s->trace.on = st && st->api.trace_on;
}

/* --- as text --- */

static void out_message(struct out *o, struct api_traced *x)
{
    const struct api_type *type = x->message->type;
    struct api_arena arena = {0};
    void *msg = api_arena_alloc(&arena, type->struct_bytes);
    char crc[16];
    snprintf(crc, sizeof(crc), "%08" PRIx32, x->message->crc);
    out_str(o, "_msgname", x->message->name, NULL);
    out_str(o, "_crc", crc, NULL);
    if (api_decode(type, x->body, x->n, msg, &arena) >= 0)
        api_out(o, type, msg);
    api_arena_free(&arena);
}

static void text_message(struct out *o, struct api_traced *x)
{
    struct out *json = out_new(OUT_JSON);
    out_message(json, x);
    char *text = out_take(json);
    out_text(o, "%s", text);
    free(text);
    out_free(json);
}

/* Which of the messages `first' and `last' ask for. */
static void chosen(struct cli_call *c, u32 n, u32 *from, u32 *until)
{
    *from = (u32)min_u64(cli_u64(c, "first", 0), n);
    *until = cli_has(c, "last") ? (u32)min_u64(cli_u64(c, "last", 0) + 1, n) : n;
}

static int dump(struct cli_call *c)
{
    struct api_trace *t = &api_server_of(c->piste)->trace;
    u32 from, until;
    chosen(c, t->n, &from, &until);
    out_array(c->out, "messages");
    for (u32 i = from; i < until; i++) {
        struct api_traced *x = traced_at(t, i);
        time_t seconds = (time_t)(x->time_ns / NS_PER_SEC);
        struct tm tm;
        char when[32];
        localtime_r(&seconds, &tm);
        strftime(when, sizeof(when), "%Y/%m/%d %H:%M:%S", &tm);
        out_text(c->out, "%u: %s:%03u %s client 0x%08x\n", i, when,
                 (unsigned)(x->time_ns / NS_PER_MSEC % 1000), x->sent ? "to" : "from",
                 x->client_index);
        out_object(c->out, NULL);
        out_bool(c->out, "sent", x->sent, "", "");
        out_u64(c->out, "client", x->client_index, NULL);
        if (out_format(c->out) == OUT_JSON)
            out_message(c->out, x);
        else
            text_message(c->out, x);
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

/* --- in files --- */

/* As VPP: a plain name, in /tmp. */
static char *file_path(struct cli_call *c)
{
    const char *name = cli_str(c, "file", "");
    if (strchr(name, '/') || strstr(name, "..") || !*name) {
        error_set(c->err, EINVAL, "illegal characters in filename `%s'", name);
        return NULL;
    }
    return mem_printf("/tmp/%s", name);
}

static int write_file(struct cli_call *c, const void *bytes, size_t n, u32 n_messages)
{
    char *path = file_path(c);
    if (!path)
        return -EINVAL;
    int rc = file_write_atomic(path, bytes, n, c->err);
    if (!rc)
        out_text(c->out, "%u messages saved to %s\n", n_messages, path);
    free(path);
    return rc;
}

static int save(struct cli_call *c)
{
    struct api_trace *t = &api_server_of(c->piste)->trace;
    struct api_bytes b = {0};
    memcpy(api_bytes_add(&b, sizeof(magic)), magic, sizeof(magic));
    for (u32 i = 0; i < t->n; i++) {
        const struct api_traced *x = traced_at(t, i);
        u8 *to = api_bytes_add(&b, RECORD_BYTES + x->n);
        memset(to, 0, RECORD_BYTES);
        put_be32(to, x->n);
        put_be64(to + 4, x->time_ns);
        put_be32(to + 12, x->client_index);
        to[16] = x->sent;
        snprintf((char *)to + 17, NAME_BYTES, "%s_%08" PRIx32, x->message->name, x->message->crc);
        memcpy(to + RECORD_BYTES, x->body, x->n);
    }
    int rc = write_file(c, b.v, b.n, t->n);
    api_bytes_free(&b);
    return rc;
}

static int save_json(struct cli_call *c)
{
    struct api_trace *t = &api_server_of(c->piste)->trace;
    struct out *o = out_new(OUT_JSON);
    out_array(o, "messages");
    for (u32 i = 0; i < t->n; i++) {
        out_object(o, NULL);
        out_message(o, traced_at(t, i));
        out_end(o);
    }
    out_end(o);
    char *text = out_take(o);
    int rc = write_file(c, text, strlen(text), t->n);
    free(text);
    out_free(o);
    return rc;
}

/* The whole file; NULL with the error. */
static u8 *read_file(struct cli_call *c, size_t *n)
{
    char *path = file_path(c);
    if (!path)
        return NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        error_errno(c->err, errno, "cannot open %s", path);
        free(path);
        return NULL;
    }
    struct api_bytes b = {0};
    ssize_t got;
    while ((got = read(fd, api_bytes_add(&b, 64 << 10), 64 << 10)) > 0 && b.n < MAX_FILE_BYTES)
        b.n -= (64 << 10) - (size_t)got;
    close(fd);
    if (got == 0)
        b.n -= 64 << 10;
    if (got || b.n < sizeof(magic) || memcmp(b.v, magic, sizeof(magic)) != 0) {
        error_set(c->err, EINVAL, "%s is not a saved API trace", path);
        api_bytes_free(&b);
    }
    free(path);
    *n = b.n;
    return b.v;
}

/* The number of a message of that name and CRC; 0: not here. */
static u16 number_of(const struct api_server *s, const char *name_crc)
{
    for (u32 i = 1; i < s->ids.n; i++) {
        char name[NAME_BYTES];
        const struct api_message *m = s->ids.v[i].message;
        size_t n = strlen(m->name);
        if (strncmp(m->name, name_crc, n) != 0 || name_crc[n] != '_')
            continue;
        snprintf(name, sizeof(name), "%s_%08" PRIx32, m->name, m->crc);
        if (s->ids.v[i].handler && !strcmp(name, name_crc))
            return (u16)i;
    }
    return 0;
}

/* Frames of the file's requests, in the name of that client. Returns how many, -EINVAL. */
static i64 requests(struct cli_call *c, const u8 *file, size_t bytes, u32 client_index,
                    struct api_bytes *frames)
{
    const struct api_server *s = api_server_of(c->piste);
    i64 n_requests = 0;
    for (size_t at = sizeof(magic); at < bytes;) {
        const u8 *x = file + at;
        size_t left = bytes - at;
        u32 n = left >= RECORD_BYTES ? get_be32(x) : 0;
        if (left < RECORD_BYTES || n > left - RECORD_BYTES || x[RECORD_BYTES - 1])
            return error_set(c->err, EINVAL, "the trace is damaged at byte %zu", at);
        at += RECORD_BYTES + n;
        const char *name = (const char *)x + 17;
        u16 id = x[16] ? 0 : number_of(s, name);
        if (!id) {
            if (!x[16])
                out_text(c->out, "no message %s here\n", name);
            continue;
        }
        u8 *frame = api_bytes_add(frames, API_HEADER_BYTES + 2 + n);
        memset(frame, 0, API_HEADER_BYTES);
        put_be32(frame + 8, 2 + n);
        put_be16(frame + API_HEADER_BYTES, id);
        memcpy(frame + API_HEADER_BYTES + 2, x + RECORD_BYTES, n);
        if (s->ids.v[id].message->kind == API_REQUEST && n >= 4)
            put_be32(frame + API_HEADER_BYTES + 2, client_index);
        n_requests++;
    }
    return n_requests;
}

/* A client whose other end has gone already: what it has sent is done, nobody hears the answers. */
static int replay(struct cli_call *c)
{
    int ends[2];
    size_t bytes;
    u8 *file = read_file(c, &bytes);
    if (!file)
        return -EINVAL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends)) {
        free(file);
        return error_errno(c->err, errno, "cannot make a client");
    }
    close(ends[1]);
    struct api_client *client = api_client_new(c->piste, ends[0], c->err);
    if (!client) {
        close(ends[0]);
        free(file);
        return -EINVAL;
    }
    snprintf(client->name, sizeof(client->name), "replay");
    i64 n = requests(c, file, bytes, API_HANDLE_BIT | client->slot, &client->in);
    free(file);
    if (n < 0) {
        api_client_free(client);
        return (int)n;
    }
    client->eof = true;
    api_client_ready(client);
    out_text(c->out, "%" PRId64 " messages are played again\n", n);
    return 0;
}

/* --- switches --- */

static int show_status(struct cli_call *c)
{
    struct api_trace *t = &api_server_of(c->piste)->trace;
    out_bool(c->out, "on", t->on, "API trace is on", "API trace is off");
    out_bool(c->out, "tx", t->tx, ", answers and events too\n", "\n");
    out_u64(c->out, "messages", t->n, "%" PRIu64 " messages");
    out_u64(c->out, "limit", t->limit, " of at most %" PRIu64);
    out_u64(c->out, "bytes", t->bytes, ", %" PRIu64 " bytes");
    out_u64(c->out, "forgotten", t->n_forgotten, ", %" PRIu64 " older ones forgotten\n");
    return 0;
}

static int switch_on(struct cli_call *c)
{
    struct api_trace *t = &api_server_of(c->piste)->trace;
    u64 limit = cli_u64(c, "nitems", t->limit);
    if (!limit || limit > MAX_ITEMS)
        return error_set(c->err, EINVAL, "nitems is 1 to %u", MAX_ITEMS);
    set_limit(t, (u32)limit);
    t->on = true;
    t->tx = t->tx || cli_has(c, "tx");
    return 0;
}

static int switch_off(struct cli_call *c)
{
    struct api_trace *t = &api_server_of(c->piste)->trace;
    t->on = t->tx = false;
    return 0;
}

static int forget(struct cli_call *c)
{
    api_trace_free(&api_server_of(c->piste)->trace);
    return 0;
}

static const struct cli_command commands[] = {
    {"api trace on [tx] [nitems <nitems:u32>]", "Keep the messages of API clients", switch_on, 0},
    {"api trace off", "Keep no more of them", switch_off, 0},
    {"api trace status", "Show whether, and how many are kept", show_status, 0},
    {"show api trace-status", "Show whether API messages are traced", show_status, 0},
    {"api trace free", "Forget the messages", forget, 0},
    {"api trace dump [first <first:u32>] [last <last:u32>]", "Show the messages", dump, 0},
    {"show api trace [first <first:u32>] [last <last:u32>]", "Show the traced messages", dump, 0},
    {"api trace save <file:string>", "Write the trace to /tmp/FILE", save, 0},
    {"api trace save-json <file:string>", "Write it to /tmp/FILE as JSON", save_json, 0},
    {"api trace replay <file:string>", "Do what the requests in /tmp/FILE ask for", replay, 0},
    {0},
};

static const char *const needs[] = {"api", NULL};

const struct module api_trace_module = {
    .abi = MODULE_ABI,
    .name = "api_trace",
    .description = "Trace of the binary API",
    .needs = needs,
    .commands = commands,
};

/* Commands of the API trace: shown, saved, and played again. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/out.h"
#include "control/api_trace_file.h"

static int post_mortem_on(struct cli_call *c)
{
    api_trace_post_mortem(api_server_of(c->piste));
    return 0;
}

/* --- as text --- */

static void text_record(struct out *o, u32 i, const struct api_record *r)
{
    time_t seconds = (time_t)(r->time_ns / NS_PER_SEC);
    struct tm tm = {0};
    char when[32];
    localtime_r(&seconds, &tm);
    strftime(when, sizeof(when), "%Y/%m/%d %H:%M:%S", &tm);
    struct out *json = out_new(OUT_JSON);
    api_record_out(json, r);
    char *text = out_take(json);
    out_text(o, "%u: %s:%03u %s client 0x%08x\n%s", i, when,
             (unsigned)(r->time_ns / NS_PER_MSEC % 1000), r->sent ? "to" : "from", r->client_index,
             text);
    free(text);
    out_free(json);
}

/* Those that `first' and `last' ask for. */
static void show_records(struct cli_call *c, const struct api_records *records)
{
    u32 n = records->list.n, from = (u32)min_u64(cli_u64(c, "first", 0), n);
    u32 until = cli_has(c, "last") ? (u32)min_u64(cli_u64(c, "last", 0) + 1, n) : n;
    out_array(c->out, "messages");
    for (u32 i = from; i < until; i++) {
        const struct api_record *r = &records->list.v[i];
        if (out_format(c->out) == OUT_TEXT) {
            text_record(c->out, i, r);
            continue;
        }
        out_object(c->out, NULL);
        out_bool(c->out, "sent", r->sent, "", "");
        out_u64(c->out, "client", r->client_index, NULL);
        api_record_out(c->out, r);
        out_end(c->out);
    }
    out_end(c->out);
}

static int api_trace_dump_live(struct cli_call *c)
{
    struct api_records records = {0};
    api_trace_records(&api_server_of(c->piste)->trace, &records);
    show_records(c, &records);
    api_records_free(&records);
    return 0;
}

/* --- in files --- */

/* The file that label names; the records are to be freed after a failure, too. */
static int api_trace_load(struct cli_call *c, bool json, struct api_records *records)
{
    const struct api_server *s = api_server_of(c->piste);
    char *path = api_file_path(cli_str(c, "file", ""), c->err);
    if (!path)
        return -EINVAL;
    struct api_bytes *b = &records->file;
    int rc = api_file_read(path, b, c->err);
    if (rc) {
        free(path);
        return rc;
    }
    rc = json ? api_records_read_json(s, (char *)b->v, b->n, records, c->err)
              : api_records_read(s, b->v, b->n, records, c->err);
    if (rc)
        error_prefix(c->err, "%s", path);
    free(path);
    return rc;
}

static int api_trace_write_file(struct cli_call *c, const char *label, const void *bytes, size_t n,
                                u32 n_messages)
{
    char *path = api_file_path(cli_str(c, label, ""), c->err);
    if (!path)
        return -EINVAL;
    int rc = file_write_shared(path, bytes, n, c->err);
    if (!rc)
        out_text(c->out, "%u messages saved to %s\n", n_messages, path);
    free(path);
    return rc;
}

static int api_trace_save(struct cli_call *c)
{
    struct api_trace *t = &api_server_of(c->piste)->trace;
    struct api_bytes b = {0};
    memcpy(api_bytes_add(&b, API_MAGIC_BYTES), api_trace_magic, API_MAGIC_BYTES);
    for (u32 i = 0; i < t->n; i++) {
        struct api_record r = api_trace_record(t, i);
        u8 *to = api_bytes_add(&b, API_RECORD_HEADER_BYTES + r.n);
        api_record_header(to, &r);
        memcpy(to + API_RECORD_HEADER_BYTES, r.body, r.n);
    }
    int rc = api_trace_write_file(c, "file", b.v, b.n, t->n);
    api_bytes_free(&b);
    return rc;
}

static int write_json(struct cli_call *c, const char *label, const struct api_records *records)
{
    char *text = api_records_json(records);
    int rc = api_trace_write_file(c, label, text, strlen(text), records->list.n);
    free(text);
    return rc;
}

static int save_json(struct cli_call *c)
{
    struct api_records records = {0};
    api_trace_records(&api_server_of(c->piste)->trace, &records);
    int rc = write_json(c, "file", &records);
    api_records_free(&records);
    return rc;
}

static int to_json(struct cli_call *c)
{
    struct api_records records = {0};
    int rc = api_trace_load(c, false, &records);
    if (!rc)
        rc = write_json(c, "json-file", &records);
    api_records_free(&records);
    return rc;
}

static int dump_file(struct cli_call *c)
{
    struct api_records records = {0};
    int rc = api_trace_load(c, false, &records);
    if (!rc)
        show_records(c, &records);
    api_records_free(&records);
    return rc;
}

static int dump_json(struct cli_call *c)
{
    struct api_records records = {0};
    int rc = api_trace_load(c, false, &records);
    if (!rc) {
        char *text = api_records_json(&records);
        out_text(c->out, "%s", text);
        free(text);
    }
    api_records_free(&records);
    return rc;
}

/* --- played again --- */

/* Frames of the requests, in the name of that client. Returns how many. */
static u32 api_trace_requests(struct cli_call *c, const struct api_records *records,
                              u32 client_index, struct api_bytes *frames)
{
    const struct api_server *s = api_server_of(c->piste);
    u32 n_requests = 0;
    for (u32 i = 0; i < records->list.n; i++) {
        const struct api_record *r = &records->list.v[i];
        u16 id = r->message ? api_message_id(s, r->message) : 0;
        if (r->sent || (id && !s->ids.v[id].handler))
            continue;
        if (!id) {
            out_text(c->out, "no message %s here\n", r->name);
            continue;
        }
        u8 *frame = api_bytes_add(frames, API_HEADER_BYTES + 2 + r->n);
        memset(frame, 0, API_HEADER_BYTES);
        put_be32(frame + 8, 2 + r->n);
        put_be16(frame + API_HEADER_BYTES, id);
        if (r->n)
            memcpy(frame + API_HEADER_BYTES + 2, r->body, r->n);
        if (r->message->kind == API_REQUEST && r->n >= 4)
            put_be32(frame + API_HEADER_BYTES + 2, client_index);
        n_requests++;
    }
    return n_requests;
}

/* A client whose other end has gone already: what it has sent is done, nobody hears the answers. */
static int api_trace_play(struct cli_call *c, const struct api_records *records)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
        return error_errno(c->err, errno, "cannot make a client");
    close(ends[1]);
    struct api_client *client = api_client_new(c->piste, ends[0], c->err);
    if (!client) {
        close(ends[0]);
        return -EINVAL;
    }
    snprintf(client->name, sizeof(client->name), "replay");
    u32 n = api_trace_requests(c, records, API_HANDLE_BIT | client->slot, &client->in);
    client->eof = true;
    api_client_ready(client);
    out_text(c->out, "%u messages are played again\n", n);
    return 0;
}

static int replay_file(struct cli_call *c, bool json)
{
    struct api_records records = {0};
    int rc = api_trace_load(c, json, &records);
    if (!rc)
        rc = api_trace_play(c, &records);
    api_records_free(&records);
    return rc;
}

static int api_trace_replay(struct cli_call *c)
{
    return replay_file(c, false);
}

static int replay_json(struct cli_call *c)
{
    return replay_file(c, true);
}

/* --- switches --- */

static int api_trace_show_status(struct cli_call *c)
{
    struct api_trace *t = &api_server_of(c->piste)->trace;
    out_bool(c->out, "on", t->on, "API trace is on", "API trace is off");
    out_bool(c->out, "tx", t->tx, ", answers and events too\n", "\n");
    out_bool(c->out, "post-mortem", api_trace_has_post_mortem(t),
             "It is saved when the daemon crashes\n", "");
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
    if (!limit || limit > API_TRACE_MAX_ITEMS)
        return error_set(c->err, EINVAL, "nitems is 1 to %u", API_TRACE_MAX_ITEMS);
    api_trace_set_limit(t, (u32)limit);
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

static int api_trace_forget(struct cli_call *c)
{
    api_trace_forget_all(&api_server_of(c->piste)->trace);
    return 0;
}

const struct cli_command api_trace_commands[] = {
    {"api trace on [tx] [nitems <nitems:u32>]", "Keep the messages of API clients", switch_on, 0},
    {"api trace off", "Keep no more of them", switch_off, 0},
    {"api trace status", "Show whether, and how many are kept", api_trace_show_status, 0},
    {"show api trace-status", "Show whether API messages are traced", api_trace_show_status, 0},
    {"api trace free", "Forget the messages", api_trace_forget, 0},
    {"api trace dump [first <first:u32>] [last <last:u32>]", "Show the messages",
     api_trace_dump_live, 0},
    {"show api trace [first <first:u32>] [last <last:u32>]", "Show the traced messages",
     api_trace_dump_live, CLI_OWN},
    {"api trace dump-file (<file:string>) [first <first:u32>] [last <last:u32>]",
     "Show the messages saved in /tmp/FILE", dump_file, 0},
    {"api trace dump-json <file:string>", "Show the messages saved in /tmp/FILE as JSON", dump_json,
     0},
    {"api trace save <file:string>", "Write the trace to /tmp/FILE", api_trace_save, 0},
    {"api trace save-json <file:string>", "Write it to /tmp/FILE as JSON", save_json, 0},
    {"api trace tojson <file:string> <json-file:string>",
     "Write the trace saved in /tmp/FILE to /tmp/JSON-FILE as JSON", to_json, 0},
    {"api trace replay <file:string>", "Do what the requests in /tmp/FILE ask for",
     api_trace_replay, 0},
    {"api trace replay-json <file:string>",
     "Do what the requests in /tmp/FILE ask for, which is JSON", replay_json, 0},
    {"api trace post-mortem-on", "In a crash, write the trace to /tmp/api_post_mortem.PID",
     post_mortem_on, 0},
    {0},
};

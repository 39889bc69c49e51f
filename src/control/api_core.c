/* Messages about the API itself (memclnt.api), and those that only need this floor (vlib.api,
 * vpe.api). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/api_memclnt.h"
#include "api/api_vlib.h"
#include "api/api_vpe.h"
#include "base/byteorder.h"
#include "base/mem.h"
#include "base/version.h"
#include "control/api_internal.h"
#include "control/cli_internal.h"

/* --- memclnt --- */

static void sockclnt_create(struct api_call *c)
{
    const struct api_sockclnt_create *m = c->msg;
    struct api_client *client = c->client;
    struct api_server *s = client->server;
    memcpy(client->name, m->name, sizeof(client->name));
    size_t at = api_frame_begin(client, api_message_id(s, &api_message_sockclnt_create_reply));
    u8 *body = api_bytes_add(&client->out, 16 + s->table.n);
    put_be32(body, 0);
    store_be32(body + 4, c->context);
    put_be32(body + 8, 0);
    put_be32(body + 12, c->client_index);
    memcpy(body + 16, s->table.v, s->table.n);
    api_frame_end(client, at);
}

static void sockclnt_delete(struct api_call *c)
{
    const struct api_sockclnt_delete *m = c->msg;
    struct api_sockclnt_delete_reply reply = {.response = 1};
    if (m->index != c->client_index)
        reply.response = -1;
    api_reply(c, &api_message_sockclnt_delete_reply, &reply);
    c->client->closing = m->index == c->client_index;
}

static void get_first_msg_id(struct api_call *c)
{
    const struct api_get_first_msg_id *m = c->msg;
    const struct api_server *s = c->client->server;
    struct api_get_first_msg_id_reply reply = {.retval = API_INVALID_VALUE, .first_msg_id = 0xffff};
    for (u32 i = 0; i < s->files.n; i++) {
        char name[64];
        const struct api_file *f = s->files.v[i].file;
        snprintf(name, sizeof(name), "%s_%08x", f->module, f->crc);
        if (!strcmp(name, m->name)) {
            reply.retval = 0;
            reply.first_msg_id = s->files.v[i].base;
        }
    }
    api_reply(c, &api_message_get_first_msg_id_reply, &reply);
}

static void api_versions(struct api_call *c)
{
    const struct api_server *s = c->client->server;
    struct api_type_module_version *list = mem_alloc(s->files.n * sizeof(*list));
    struct api_api_versions_reply reply = {.count = s->files.n, .api_versions = list};
    for (u32 i = 0; i < s->files.n; i++) {
        const struct api_file *f = s->files.v[i].file;
        snprintf(list[i].name, sizeof(list[i].name), "%s.api", f->module);
        sscanf(f->version, "%u.%u.%u", &list[i].major, &list[i].minor, &list[i].patch);
    }
    api_reply(c, &api_message_api_versions_reply, &reply);
    free(list);
}

/* A NUL that the length does not count follows the text. */
static void get_api_json(struct api_call *c)
{
    struct api_client *client = c->client;
    const struct api_server *s = client->server;
    struct text t = {0};
    text_puts(&t, "[\n");
    for (u32 i = 0; i < s->files.n; i++)
        text_add(&t, "%s%s", i ? "," : "", s->files.v[i].file->json);
    text_puts(&t, "]\n");
    size_t at = api_frame_begin(client, api_message_id(s, &api_message_get_api_json_reply));
    u8 *body = api_bytes_add(&client->out, 12 + t.len + 1);
    store_be32(body, c->context);
    put_be32(body + 4, 0);
    put_be32(body + 8, (u32)t.len);
    memcpy(body + 12, t.s, t.len + 1);
    api_frame_end(client, at);
    text_free(&t);
}

static void memclnt_keepalive(struct api_call *c)
{
    api_reply_retval(c, 0);
}

static void control_ping(struct api_call *c)
{
    struct api_control_ping_reply reply = {.client_index = c->client_index,
                                           .vpe_pid = (u32)getpid()};
    api_reply(c, &api_message_control_ping_reply, &reply);
}

/* --- vlib --- */

struct inband {
    struct api_call *call; /* NULL while it is within its handler */
    struct cli_exec *exec;
    struct cli_macros macros;
    struct text out;
    int rc;
    bool ended;
};

static void inband_free(struct inband *x)
{
    cli_macros_free(&x->macros);
    text_free(&x->out);
    free(x);
}

static void inband_reply(struct inband *x, struct api_call *c)
{
    struct api_cli_inband_reply reply = {.retval = x->rc ? API_UNSPECIFIED : API_OK,
                                         .reply_bytes = (u32)x->out.len,
                                         .reply = text_str(&x->out)};
    api_reply(c, &api_message_cli_inband_reply, &reply);
    inband_free(x);
}

static void inband_emit(void *arg, const char *s, size_t n)
{
    text_putn(&((struct inband *)arg)->out, s, n);
}

static void inband_done(void *arg, int rc)
{
    struct inband *x = arg;
    struct api_call *c = x->call;
    x->rc = rc;
    x->ended = true;
    if (!c)
        return;
    inband_reply(x, c);
    api_done(c);
}

static void inband_cancel(void *arg)
{
    struct inband *x = arg;
    cli_exec_cancel(x->exec);
    inband_free(x);
}

static void cli_inband(struct api_call *c)
{
    static const struct cli_exec_ops ops = {inband_emit, inband_done, NULL};
    const struct api_cli_inband *m = c->msg;
    struct inband *x = mem_alloc(sizeof(*x));
    const struct cli_exec_context context = {.cli = c->piste->cli, .macros = &x->macros};
    if (!*cli_skip_blanks(m->cmd)) {
        text_puts(&x->out, "unknown input `'\n");
        x->rc = -1;
        x->ended = true;
    } else {
        x->exec = cli_exec_start(&context, m->cmd, true, &ops, x);
    }
    if (x->ended)
        inband_reply(x, c);
    else
        x->call = api_pend(c, inband_cancel, x);
}

static void get_f64_endian_value(struct api_call *c)
{
    const struct api_get_f64_endian_value *m = c->msg;
    struct api_get_f64_endian_value_reply reply = {.f64_one_result = 1.0};
    if (m->f64_one != 1.0)
        reply.retval = (u32)API_ENDIAN_FAILED;
    api_reply(c, &api_message_get_f64_endian_value_reply, &reply);
}

static void get_f64_increment_by_one(struct api_call *c)
{
    const struct api_get_f64_increment_by_one *m = c->msg;
    struct api_get_f64_increment_by_one_reply reply = {.f64_value = m->f64_value + 1.0};
    api_reply(c, &api_message_get_f64_increment_by_one_reply, &reply);
}

/* --- vpe --- */

static void api_core_show_version(struct api_call *c)
{
    struct api_show_version_reply reply = {.program = "vpe"};
    snprintf(reply.version, sizeof(reply.version), "%s", piste_version + (piste_version[0] == 'v'));
    snprintf(reply.build_date, sizeof(reply.build_date), "%s", piste_build_date);
    api_reply(c, &api_message_show_version_reply, &reply);
}

static double api_core_seconds(struct timespec t)
{
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void show_vpe_system_time(struct api_call *c)
{
    struct timespec now;
    struct api_show_vpe_system_time_reply reply = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    reply.vpe_system_time = api_core_seconds(now);
    api_reply(c, &api_message_show_vpe_system_time_reply, &reply);
}

struct log_query {
    struct api_call *call;
    double since;
};

static void log_one(const struct log_entry *entry, void *arg)
{
    const struct log_query *q = arg;
    struct api_log_details d = {.timestamp = api_core_seconds(entry->time), .level = entry->level};
    if (d.timestamp < q->since)
        return;
    snprintf(d.msg_class, sizeof(d.msg_class), "%s%s%s", entry->name, entry->sub ? "/" : "",
             entry->sub ? entry->sub : "");
    snprintf(d.message, sizeof(d.message), "%s", entry->text);
    api_reply(q->call, &api_message_log_details, &d);
}

static void log_dump(struct api_call *c)
{
    const struct api_log_dump *m = c->msg;
    struct log_query q = {c, m->start_timestamp};
    log_each(log_one, &q);
}

const struct api_handler api_core_handlers[] = {
    {&api_message_sockclnt_create, sockclnt_create},
    {&api_message_sockclnt_delete, sockclnt_delete},
    {&api_message_get_first_msg_id, get_first_msg_id},
    {&api_message_api_versions, api_versions},
    {&api_message_get_api_json, get_api_json},
    {&api_message_memclnt_keepalive, memclnt_keepalive},
    {&api_message_control_ping, control_ping},
    {&api_message_cli_inband, cli_inband},
    {&api_message_get_f64_endian_value, get_f64_endian_value},
    {&api_message_get_f64_increment_by_one, get_f64_increment_by_one},
    {&api_message_show_version, api_core_show_version},
    {&api_message_show_vpe_system_time, show_vpe_system_time},
    {&api_message_log_dump, log_dump},
    {0},
};

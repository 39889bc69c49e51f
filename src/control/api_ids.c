/* The table of messages: which has which number, and who answers it; and the clients by their
 * handles. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/api_memclnt.h"
#include "base/byteorder.h"
#include "base/mem.h"
#include "control/api_internal.h"
#include "control/module.h"

struct log_class api_log = {.name = "api", .sub = "socket"};

const char api_module_name[] = "api";

struct api_server *api_server_of(const struct piste *p)
{
    return module_state(p, api_module_name);
}

u16 api_message_id(const struct api_server *s, const struct api_message *m)
{
    u64 id;
    return hash_get(&s->id_of, &m, &id) && s->ids.v[id].listed ? (u16)id : 0;
}

struct api_client *api_client_find(const struct api_server *s, u32 client_index)
{
    u32 slot = client_index & ~API_HANDLE_BIT;
    return (client_index & API_HANDLE_BIT) && slot < s->clients.n ? s->clients.v[slot] : NULL;
}

static void api_ids_add_file(struct api_server *s, const struct api_file *file)
{
    for (u32 i = 0; i < s->files.n; i++)
        if (s->files.v[i].file == file)
            return;
    struct api_file_base base = {file, (u16)s->ids.n};
    vec_add(&s->files, base);
    for (const struct api_message *const *m = file->messages; *m; m++) {
        struct api_id id = {.message = *m};
        hash_set(&s->id_of, m, s->ids.n);
        vec_add(&s->ids, id);
    }
}

static struct api_id *api_id_of(struct api_server *s, const struct api_message *m)
{
    u64 id = 0;
    api_ids_add_file(s, m->file);
    hash_get(&s->id_of, &m, &id);
    return &s->ids.v[id];
}

static void api_ids_add_handlers(struct api_server *s, const struct api_handler *table)
{
    for (const struct api_handler *h = table; h && h->message; h++) {
        const struct api_message *const *sends = h->message->sends;
        struct api_id *id = api_id_of(s, h->message);
        if (id->handler)
            panic("two handlers for API message %s", h->message->name);
        id->handler = h;
        id->listed = true;
        for (; sends && *sends; sends++)
            api_id_of(s, *sends)->listed = true;
    }
}

static void api_ids_add_module(const struct module *m, const char *file, void *arg)
{
    api_ids_add_handlers(arg, m->api);
}

static void api_ids_make_table(struct api_server *s)
{
    u16 count = 0;
    s->table.n = 0;
    api_bytes_add(&s->table, 2);
    for (u32 id = 1; id < s->ids.n; id++) {
        const struct api_id *x = &s->ids.v[id];
        if (!x->listed)
            continue;
        char *name = mem_printf("%s_%08x", x->message->name, x->message->crc);
        u8 *entry = api_bytes_add(&s->table, 66);
        memset(entry, 0, 66);
        put_be16(entry, (u16)id);
        memcpy(entry + 2, name, strnlen(name, 63));
        free(name);
        count++;
    }
    put_be16(s->table.v, count);
}

void api_ids_make(struct api_server *s)
{
    struct api_id none = {0};
    vec_add(&s->ids, none);
    api_ids_add_file(s, &api_file_memclnt); /* its numbers are fixed: they begin at 1 */
    modules_each(s->piste->modules, api_ids_add_module, s);
    api_ids_make_table(s);
}

/* Messages of qos.api. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_qos.h"
#include "base/mem.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "net/features/qos/qos_internal.h"

static_assert(sizeof(((struct api_type_qos_egress_map *)0)->rows) == sizeof(struct qos_map),
              "the same rows");

/* The interface, unless the message names none, or no source: then it is answered. */
static const struct interface *qos_api_target(struct api_call *c, u32 sw_if_index, u8 source)
{
    const struct interface *f = api_interface(c->piste, sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else if (source >= QOS_SOURCE_N)
        api_reply_retval(c, API_INVALID_VALUE);
    return source < QOS_SOURCE_N ? f : NULL;
}

static void record_enable(struct api_call *c)
{
    const struct api_qos_record_enable_disable *m = c->msg;
    const struct interface *f = qos_api_target(c, m->record.sw_if_index, m->record.input_source);
    if (f)
        api_reply_errno(c,
                        qos_set_record(c->piste, f->index, (enum qos_source)m->record.input_source,
                                       m->enable, NULL));
}

static void store_enable(struct api_call *c)
{
    const struct api_qos_store_enable_disable *m = c->msg;
    const struct interface *f = qos_api_target(c, m->store.sw_if_index, m->store.input_source);
    if (f)
        api_reply_errno(c, qos_set_store(c->piste, f->index, (enum qos_source)m->store.input_source,
                                         m->enable ? m->store.value : QOS_STORE_NONE, NULL));
}

static void mark_enable(struct api_call *c)
{
    const struct api_qos_mark_enable_disable *m = c->msg;
    const struct interface *f = qos_api_target(c, m->mark.sw_if_index, m->mark.output_source);
    if (!f)
        return;
    enum qos_source source = (enum qos_source)m->mark.output_source;
    int rc = m->enable ? qos_set_mark(c->piste, f->index, source, m->mark.map_id, NULL)
                       : qos_clear_mark(c->piste, f->index, source, NULL);
    api_reply_retval(c, m->enable && rc == -ENOENT ? API_NO_SUCH_TABLE : api_retval(rc));
}

static void map_update(struct api_call *c)
{
    const struct api_qos_egress_map_update *m = c->msg;
    struct qos_map map;
    memcpy(&map, m->map.rows, sizeof(map));
    qos_map_set(c->piste, m->map.id, &map);
    api_reply_retval(c, 0);
}

static void map_delete(struct api_call *c)
{
    const struct api_qos_egress_map_delete *m = c->msg;
    api_reply_errno(c, qos_map_del(c->piste, m->id, NULL));
}

/* --- dumps --- */

static bool map_dump_more(struct api_call *c, void *state)
{
    u32 *k = state, id;
    for (; qos_map_at(c->piste, *k, &id); (*k)++) {
        struct api_qos_egress_map_details d = {.map = {.id = id}};
        if (!api_room(c))
            return true;
        memcpy(d.map.rows, qos_map_find(c->piste, id), sizeof(struct qos_map));
        api_reply(c, &api_message_qos_egress_map_details, &d);
    }
    return false;
}

static void map_dump(struct api_call *c)
{
    api_continue(c, map_dump_more, free, mem_alloc(sizeof(u32)));
}

static void record_details(struct api_call *c, const struct interface *f, enum qos_source source)
{
    struct api_qos_record_details d = {.record = {f->index.i, (u8)source}};
    if (qos_is_recorded(c->piste, f->index, source))
        api_reply(c, &api_message_qos_record_details, &d);
}

static void store_details(struct api_call *c, const struct interface *f, enum qos_source source)
{
    u32 value = qos_stored(c->piste, f->index, source);
    struct api_qos_store_details d = {.store = {f->index.i, (u8)source, (u8)value}};
    if (value != QOS_STORE_NONE)
        api_reply(c, &api_message_qos_store_details, &d);
}

static void mark_details(struct api_call *c, const struct interface *f, enum qos_source source)
{
    struct api_qos_mark_details d = {
        .mark = {.sw_if_index = f->index.i, .output_source = (u8)source}};
    if (qos_marked_by(c->piste, f->index, source, &d.mark.map_id))
        api_reply(c, &api_message_qos_mark_details, &d);
}

typedef void details_fn(struct api_call *c, const struct interface *f, enum qos_source source);

struct dump {
    details_fn *fn;
    u32 only, next; /* interface; UINT32_MAX: all */
};

static bool qos_api_dump_more(struct api_call *c, void *state)
{
    struct dump *d = state;
    const struct interface *f;
    for (; (f = interface_next(c->piste, d->next)); d->next = f->index.i + 1) {
        if (!api_room(c))
            return true;
        for (u32 k = 0; k < QOS_SOURCE_N; k++)
            if (d->only == UINT32_MAX || d->only == f->index.i)
                d->fn(c, f, (enum qos_source)k);
    }
    return false;
}

static void qos_api_dump(struct api_call *c, details_fn *fn, u32 only)
{
    struct dump *d = mem_alloc(sizeof(*d));
    *d = (struct dump){fn, only, 0};
    api_continue(c, qos_api_dump_more, free, d);
}

static void record_dump(struct api_call *c)
{
    qos_api_dump(c, record_details, UINT32_MAX);
}

static void store_dump(struct api_call *c)
{
    qos_api_dump(c, store_details, UINT32_MAX);
}

static void mark_dump(struct api_call *c)
{
    const struct api_qos_mark_dump *m = c->msg;
    qos_api_dump(c, mark_details, m->sw_if_index);
}

const struct api_handler qos_api_handlers[] = {
    {&api_message_qos_record_enable_disable, record_enable},
    {&api_message_qos_record_dump, record_dump},
    {&api_message_qos_store_enable_disable, store_enable},
    {&api_message_qos_store_dump, store_dump},
    {&api_message_qos_egress_map_update, map_update},
    {&api_message_qos_egress_map_delete, map_delete},
    {&api_message_qos_egress_map_dump, map_dump},
    {&api_message_qos_mark_enable_disable, mark_enable},
    {&api_message_qos_mark_dump, mark_dump},
    {0},
};

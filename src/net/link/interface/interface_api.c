#include "net/link/interface/interface_api.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "api/api_feature.h"
#include "api/api_gso.h"
#include "api/api_interface.h"
#include "base/mem.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/tx_queue.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_internal.h"

const char interface_api_module_name[] = "interface_api";

struct details_hook {
    void (*fn)(const struct piste *p, struct if_index i, struct api_sw_interface_details *out);
};

struct interface_api {
    struct api_events events;
    VEC(struct details_hook) details;
};

static struct interface_api *interface_api_of(const struct piste *p)
{
    return module_state(p, interface_api_module_name);
}

#define QUEUES_A_REPLY 1000 /* and then a cursor to go on from */

struct interface *api_interface(const struct piste *p, u32 sw_if_index)
{
    return sw_if_index < IF_MAX ? interface_at(p, (struct if_index){sw_if_index}) : NULL;
}

static u32 status_flags(const struct interface *f)
{
    return (f->admin_up ? IF_STATUS_API_FLAG_ADMIN_UP : 0) |
           (f->link_up ? IF_STATUS_API_FLAG_LINK_UP : 0);
}

/* --- states and settings --- */

static void set_flags(struct api_call *c)
{
    const struct api_sw_interface_set_flags *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, interface_set_admin(c->piste, f->index,
                                               m->flags & IF_STATUS_API_FLAG_ADMIN_UP, NULL));
}

static void set_promisc(struct api_call *c)
{
    const struct api_sw_interface_set_promisc *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, interface_set_promiscuous(c->piste, f->index, m->promisc_on, NULL));
}

static void hw_set_mtu(struct api_call *c)
{
    const struct api_hw_interface_set_mtu *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, interface_set_hw_mtu(c->piste, f->index, m->mtu, NULL));
}

static void interface_api_set_mtu(struct api_call *c)
{
    const struct api_sw_interface_set_mtu *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    int rc = 0;
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
        return;
    }
    for (u32 i = 0; i < IF_MTU_N && !rc; i++)
        rc = f->mtu[i] == m->mtu[i] ? 0 : interface_check_mtu(f, m->mtu[i], NULL);
    for (u32 i = 0; i < IF_MTU_N && !rc; i++)
        if (f->mtu[i] != m->mtu[i])
            rc = interface_set_mtu(c->piste, f->index, (enum if_mtu)i, m->mtu[i], NULL);
    api_reply_errno(c, rc);
}

static void tag_add_del(struct api_call *c)
{
    const struct api_sw_interface_tag_add_del *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else if (m->is_add && !m->tag[0])
        api_reply_retval(c, API_INVALID_VALUE);
    else
        api_reply_errno(c, interface_set_tag(c->piste, f->index, m->is_add ? m->tag : "", NULL));
}

/* One that has a MAC address; NULL: the client was told that it is none. */
static struct interface *mac_interface(struct api_call *c, u32 sw_if_index)
{
    struct interface *f = api_interface(c->piste, sw_if_index);
    if (f && f->has_mac)
        return f;
    api_reply_retval(c, f ? API_NON_ETHERNET : API_INVALID_SW_IF_INDEX);
    return NULL;
}

static void set_mac_address(struct api_call *c)
{
    const struct api_sw_interface_set_mac_address *m = c->msg;
    struct interface *f = mac_interface(c, m->sw_if_index);
    if (f)
        api_reply_errno(c, interface_set_mac(c->piste, f->index, m->mac_address, NULL));
}

static void add_del_mac_address(struct api_call *c)
{
    const struct api_sw_interface_add_del_mac_address *m = c->msg;
    struct interface *f = mac_interface(c, m->sw_if_index);
    if (f)
        api_reply_errno(c, interface_secondary_mac(c->piste, f, m->addr, m->is_add, NULL));
}

static void get_mac_address(struct api_call *c)
{
    const struct api_sw_interface_get_mac_address *m = c->msg;
    struct api_sw_interface_get_mac_address_reply reply = {0};
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (f)
        memcpy(reply.mac_address, f->mac, 6);
    else
        reply.retval = API_INVALID_SW_IF_INDEX;
    api_reply(c, &api_message_sw_interface_get_mac_address_reply, &reply);
}

static void set_interface_name(struct api_call *c)
{
    const struct api_sw_interface_set_interface_name *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else if (!m->name[0])
        api_reply_retval(c, API_INVALID_VALUE);
    else
        api_reply_errno(c, interface_rename(c->piste, f->index, m->name, NULL));
}

static void clear_stats(struct api_call *c)
{
    const struct api_sw_interface_clear_stats *m = c->msg;
    bool all = m->sw_if_index == UINT32_MAX;
    struct interface *one = all ? NULL : api_interface(c->piste, m->sw_if_index), **list;
    if (!all && !one) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
        return;
    }
    u32 n = interface_list_sorted(c->piste, &list);
    interface_clear_counters(c->piste, all ? list : &one, all ? n : 1);
    free(list);
    api_reply_retval(c, 0);
}

/* --- dump --- */

/* What is the hardware's (type, frame) is said of a sub-interface too; it has no MAC address of its
 * own. */
static void interface_api_details(struct api_call *c, const struct interface *f)
{
    const struct interface *hw = f->super ? f->super : f;
    struct api_sw_interface_details d = {
        .sw_if_index = f->index.i,
        .sup_sw_if_index = f->parent.i,
        .flags = status_flags(f),
        .type = f->super ? IF_API_TYPE_SUB : IF_API_TYPE_HARDWARE,
        .link_duplex = LINK_DUPLEX_API_UNKNOWN,
        .link_speed = f->link_kbps > UINT32_MAX ? UINT32_MAX : (u32)f->link_kbps,
        .link_mtu = (u16)min_u64(hw->max_frame_bytes, UINT16_MAX),
    };
    if (!f->super)
        memcpy(d.l2_address, f->mac, 6);
    for (u32 i = 0; i < IF_MTU_N; i++)
        d.mtu[i] = interface_shown_mtu(f, (enum if_mtu)i);
    const struct interface_api *s = interface_api_of(c->piste);
    for (u32 k = 0; k < s->details.n; k++)
        s->details.v[k].fn(c->piste, f->index, &d);
    snprintf(d.interface_name, sizeof(d.interface_name), "%s", f->name);
    snprintf(d.interface_dev_type, sizeof(d.interface_dev_type), "%s", hw->cls->name);
    snprintf(d.tag, sizeof(d.tag), "%s", f->tag);
    api_reply(c, &api_message_sw_interface_details, &d);
}

static bool interface_api_dump_more(struct api_call *c, void *state)
{
    const struct api_sw_interface_dump *m = c->msg;
    u32 *next = state;
    while (api_room(c)) {
        struct interface *f = interface_next(c->piste, *next);
        if (!f)
            return false;
        *next = f->index.i + 1;
        if (m->name_filter_valid && !strcasestr(f->name, m->name_filter))
            continue;
        interface_api_details(c, f);
    }
    return true;
}

static void interface_api_dump(struct api_call *c)
{
    const struct api_sw_interface_dump *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (m->sw_if_index == UINT32_MAX)
        api_continue(c, interface_api_dump_more, free, mem_alloc(sizeof(u32)));
    else if (f)
        interface_api_details(c, f);
}

/* --- receive queues --- */

static const u32 mode_to_api[] = {
    [RX_MODE_POLLING] = RX_MODE_API_POLLING,
    [RX_MODE_INTERRUPT] = RX_MODE_API_INTERRUPT,
    [RX_MODE_ADAPTIVE] = RX_MODE_API_ADAPTIVE,
    [RX_MODE_DEFAULT] = RX_MODE_API_DEFAULT,
};

static bool mode_from_api(u32 mode, enum rx_mode *out)
{
    for (u32 i = 0; i < array_len(mode_to_api); i++)
        if (mode_to_api[i] == mode) {
            *out = (enum rx_mode)i;
            return true;
        }
    return false;
}

static void interface_api_set_rx_mode(struct api_call *c)
{
    const struct api_sw_interface_set_rx_mode *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    enum rx_mode mode;
    int rc = 0;
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    } else if (!mode_from_api(m->mode, &mode)) {
        api_reply_retval(c, API_INVALID_VALUE);
    } else if (m->queue_id_valid && m->queue_id >= f->n_queues) {
        api_reply_retval(c, API_INVALID_QUEUE);
    } else {
        u32 end = m->queue_id_valid ? m->queue_id + 1 : f->n_queues;
        for (u32 q = m->queue_id_valid ? m->queue_id : 0; q < end && !rc; q++)
            rc = rx_queue_set_mode(engine_of(c->piste), f->queues[q], mode, NULL);
        api_reply_errno(c, rc);
    }
}

static void interface_api_set_rx_placement(struct api_call *c)
{
    const struct api_sw_interface_set_rx_placement *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    u32 worker = m->is_main ? INTERFACE_MAIN_WORKER : m->worker_id;
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else if (interface_place_queue(c->piste, f, m->queue_id, worker, NULL))
        api_reply_retval(c, API_UNIMPLEMENTED); /* as VPP says it */
    else
        api_reply_retval(c, API_OK);
}

static void placement_of(struct api_call *c, const struct interface *f)
{
    for (u32 q = 0; q < f->n_queues; q++) {
        enum rx_mode mode = rx_queue_mode(engine_of(c->piste), f->queues[q]);
        struct api_sw_interface_rx_placement_details d = {.sw_if_index = f->index.i,
                                                          .queue_id = q,
                                                          .worker_id = f->queues[q]->thread,
                                                          .mode = mode_to_api[mode]};
        api_reply(c, &api_message_sw_interface_rx_placement_details, &d);
    }
}

static void rx_placement_dump(struct api_call *c)
{
    const struct api_sw_interface_rx_placement_dump *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (f)
        placement_of(c, f);
    if (m->sw_if_index != UINT32_MAX)
        return;
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1)
        placement_of(c, f);
}

/* --- transmit queues --- */

static void set_tx_placement(struct api_call *c)
{
    const struct api_sw_interface_set_tx_placement *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    u64 threads = 0;
    bool bad = false;
    for (u32 i = 0; i < m->array_size; i++) {
        bad |= m->threads[i] >= THREADS_MAX;
        threads |= bad ? 0 : 1ull << m->threads[i];
    }
    if (!f || !f->tx)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else if (m->queue_id >= f->tx->n)
        api_reply_retval(c, API_INVALID_QUEUE);
    else if (bad || tx_queue_place(engine_of(c->piste), f->tx, m->queue_id, threads, NULL))
        api_reply_retval(c, API_INVALID_VALUE);
    else
        api_reply_retval(c, 0);
}

static u32 tx_placement_of(struct api_call *c, const struct interface *f)
{
    for (u32 i = 0; f->tx && i < f->tx->n; i++) {
        const struct tx_queue *q = f->tx->v[i];
        u32 threads[THREADS_MAX], n = 0;
        for (u32 k = 0; k < THREADS_MAX; k++)
            if (q->threads >> k & 1)
                threads[n++] = k;
        struct api_sw_interface_tx_placement_details d = {
            .sw_if_index = f->index.i,
            .queue_id = i,
            .shared = q->shared,
            .array_size = n,
            .threads = threads,
        };
        api_reply(c, &api_message_sw_interface_tx_placement_details, &d);
    }
    return f->tx ? f->tx->n : 0;
}

/* One interface; else all from the cursor on, which is an interface. */
static void tx_placement_get(struct api_call *c)
{
    const struct api_sw_interface_tx_placement_get *m = c->msg;
    struct api_sw_interface_tx_placement_get_reply reply = {0};
    bool all = m->sw_if_index == UINT32_MAX;
    struct interface *f = all ? interface_next(c->piste, m->cursor == UINT32_MAX ? 0 : m->cursor)
                              : api_interface(c->piste, m->sw_if_index);
    u32 n = 0;
    if (!all && !f)
        reply.retval = API_INVALID_SW_IF_INDEX;
    for (; f && n < QUEUES_A_REPLY; f = all ? interface_next(c->piste, f->index.i + 1) : NULL)
        n += tx_placement_of(c, f);
    if (f) {
        reply.retval = API_EAGAIN;
        reply.cursor = f->index.i;
    } else if (n) {
        reply.cursor = UINT32_MAX;
    } else if (!reply.retval) {
        reply.retval = API_NO_SUCH_ENTRY;
    }
    api_reply(c, &api_message_sw_interface_tx_placement_get_reply, &reply);
}

static void interface_api_set_default_rx_mode(struct api_call *c)
{
    const struct api_sw_interface_set_default_rx_mode *m = c->msg;
    enum rx_mode mode;
    bool good = mode_from_api(m->mode, &mode) && mode != RX_MODE_DEFAULT;
    if (good)
        rx_queue_set_default_mode(engine_of(c->piste), mode);
    api_reply_retval(c, good ? API_OK : API_INVALID_VALUE);
}

static void get_default_rx_mode(struct api_call *c)
{
    struct api_sw_interface_get_default_rx_mode_reply reply = {
        .mode = mode_to_api[rx_queue_default_mode(engine_of(c->piste))]};
    api_reply(c, &api_message_sw_interface_get_default_rx_mode_reply, &reply);
}

/* --- features --- */

static void feature_enable_disable(struct api_call *c)
{
    const struct api_feature_enable_disable *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else if (!feature_exists(engine_of(c->piste), m->arc_name, m->feature_name))
        api_reply_retval(c, API_INVALID_VALUE);
    else
        api_reply_errno(c, feature_enable_by_user(engine_of(c->piste), m->arc_name, m->feature_name,
                                                  f->index, m->enable, NULL));
}

static void feature_is_on(struct api_call *c)
{
    const struct api_feature_is_enabled *m = c->msg;
    struct engine *e = engine_of(c->piste);
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    struct api_feature_is_enabled_reply reply = {0};
    if (!f)
        reply.retval = API_INVALID_SW_IF_INDEX;
    else if (!feature_exists(e, m->arc_name, m->feature_name))
        reply.retval = API_INVALID_VALUE;
    else
        reply.is_enabled = feature_is_enabled(e, m->arc_name, m->feature_name, f->index);
    api_reply(c, &api_message_feature_is_enabled_reply, &reply);
}

static void gso_enable_disable(struct api_call *c)
{
    const struct api_feature_gso_enable_disable *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(
            c, interface_set_software_offload(c->piste, f->index, m->enable_disable, NULL));
}

/* --- events --- */

static void want_events(struct api_call *c)
{
    const struct api_want_interface_events *m = c->msg;
    struct interface_api *s = interface_api_of(c->piste);
    api_reply_retval(c, api_events_want(c, &s->events, m->enable_disable, m->pid, NULL, 0));
}

/* Of sub-interfaces only what they are set to: their link is that of another interface, which
 * clients are told of. */
static void interface_api_on_event(struct piste *p, struct interface *f, enum if_event ev,
                                   void *arg)
{
    struct api_sw_interface_event m = {.sw_if_index = f->index.i};
    struct interface_api *s = interface_api_of(p);
    if (ev == IF_EVENT_MAC || ev == IF_EVENT_MTU || (ev == IF_EVENT_LINK && f->super))
        return;
    if (ev != IF_EVENT_DELETE)
        m.flags = status_flags(f) & (f->super ? IF_STATUS_API_FLAG_ADMIN_UP : UINT32_MAX);
    m.deleted = ev == IF_EVENT_DELETE;
    api_events_send(p, &s->events, &api_message_sw_interface_event, &m, NULL, NULL);
}

void interface_api_on_details(struct piste *p, void (*fn)(const struct piste *p, struct if_index i,
                                                          struct api_sw_interface_details *out))
{
    vec_add(&interface_api_of(p)->details, ((struct details_hook){fn}));
}

int interface_api_init(struct piste *p, void **state, struct error *e)
{
    *state = mem_alloc(sizeof(struct interface_api));
    interface_on_event(p, interface_api_on_event, NULL);
    return 0;
}

void interface_api_stop(struct piste *p, void *state)
{
    struct interface_api *s = state;
    api_events_free(&s->events);
    vec_free(&s->details);
    free(s);
}

const struct api_handler interface_api_handlers[] = {
    {&api_message_sw_interface_set_flags, set_flags},
    {&api_message_sw_interface_set_promisc, set_promisc},
    {&api_message_hw_interface_set_mtu, hw_set_mtu},
    {&api_message_sw_interface_set_mtu, interface_api_set_mtu},
    {&api_message_sw_interface_tag_add_del, tag_add_del},
    {&api_message_sw_interface_set_mac_address, set_mac_address},
    {&api_message_sw_interface_get_mac_address, get_mac_address},
    {&api_message_sw_interface_add_del_mac_address, add_del_mac_address},
    {&api_message_sw_interface_set_interface_name, set_interface_name},
    {&api_message_sw_interface_clear_stats, clear_stats},
    {&api_message_sw_interface_dump, interface_api_dump},
    {&api_message_sw_interface_set_rx_mode, interface_api_set_rx_mode},
    {&api_message_sw_interface_set_rx_placement, interface_api_set_rx_placement},
    {&api_message_sw_interface_rx_placement_dump, rx_placement_dump},
    {&api_message_sw_interface_set_tx_placement, set_tx_placement},
    {&api_message_sw_interface_tx_placement_get, tx_placement_get},
    {&api_message_sw_interface_set_default_rx_mode, interface_api_set_default_rx_mode},
    {&api_message_sw_interface_get_default_rx_mode, get_default_rx_mode},
    {&api_message_want_interface_events, want_events},
    {&api_message_feature_enable_disable, feature_enable_disable},
    {&api_message_feature_is_enabled, feature_is_on},
    {&api_message_feature_gso_enable_disable, gso_enable_disable},
    {0},
};

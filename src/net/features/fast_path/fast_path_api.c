/* Messages of fast_path.api. */
#include <stdio.h>
#include <stdlib.h>

#include "api/api_fast_path.h"
#include "control/api.h"
#include "net/features/fast_path/fast_path_internal.h"

static void fast_path_api_enable(struct api_call *c)
{
    const struct api_fast_path_enable_disable *m = c->msg;
    api_reply_errno(c, fast_path_set_on(c->piste, m->enable, NULL));
}

static void fast_path_api_clear(struct api_call *c)
{
    struct fast_path *s = fast_path_of(c->piste);
    if (s->on)
        fast_path_clear(s);
    api_reply_retval(c, 0);
}

static void fast_path_api_get(struct api_call *c)
{
    const struct fast_path *s = fast_path_of(c->piste);
    struct api_fast_path_get_reply m = {
        .enabled = s->on,
        .flows = fast_path_n_flows(s),
        .flows_max = s->backend ? s->backend->max : 0,
        .generation = forwarding_generation(engine_of(c->piste)),
        .packets = s->n.packets,
        .bytes = s->n.bytes,
        .probes = s->n.probes,
        .made = s->n.made,
        .ended = s->n.ended,
    };
    if (!s->on)
        snprintf(m.why_not, sizeof(m.why_not), "%s", s->why_not);
    api_reply(c, &api_message_fast_path_get_reply, &m);
}

static void send_flow(struct api_call *c, const struct fast_path *s, u32 i)
{
    const struct fast_path_way *way = fast_path_way_of(s, i);
    const struct way_counts *n = &way->key.counts;
    struct text key = {0}, action = {0};
    struct fast_path_key k;
    fast_path_entry_key(s, i, &k);
    fast_path_key_text(&key, &k);
    fast_path_action_text(&action, &way->key.action);
    struct api_fast_path_flow_details d = {
        .rx_sw_if_index = n->n_rx ? n->rx[n->n_rx - 1].i : UINT32_MAX,
        .tx_sw_if_index = n->n_tx ? n->tx[0].i : UINT32_MAX,
        .packets = s->entries[i].packets,
        .age = fast_path_entry_age_s(s, i),
    };
    snprintf(d.key, sizeof(d.key), "%s", text_str(&key));
    snprintf(d.action, sizeof(d.action), "%s", text_str(&action) + (*text_str(&action) == ' '));
    api_reply(c, &api_message_fast_path_flow_details, &d);
    text_free(&key);
    text_free(&action);
}

static bool more_flows(struct api_call *c, void *state)
{
    const struct fast_path *s = fast_path_of(c->piste);
    u32 *at = state;
    for (; *at < s->n_used; ++*at) {
        if (!fast_path_is_valid(s, *at))
            continue;
        if (!api_room(c))
            return true;
        send_flow(c, s, *at);
    }
    return false;
}

static void fast_path_api_dump(struct api_call *c)
{
    api_continue(c, more_flows, free, mem_alloc(sizeof(u32)));
}

const struct api_handler fast_path_api[] = {
    {&api_message_fast_path_enable_disable, fast_path_api_enable},
    {&api_message_fast_path_clear, fast_path_api_clear},
    {&api_message_fast_path_get, fast_path_api_get},
    {&api_message_fast_path_flow_dump, fast_path_api_dump},
    {0},
};

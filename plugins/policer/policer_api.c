/* Messages of policer.api, and those of classify.api that are about policers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_classify.h"
#include "api_policer.h"
#include "net/features/classify/classify.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/policer/policer_internal.h"

/* --- policers --- */

static struct policer_config policer_api_config_of(const struct api_type_policer_config *m)
{
    return (struct policer_config){
        .type = m->type,
        .rate = m->rate_type,
        .round = m->round_type,
        .color_aware = m->color_aware,
        .cir = m->cir,
        .eir = m->eir,
        .cb = m->cb,
        .eb = m->eb,
        .acts = {[POLICER_CONFORM] = {m->conform_action.type, m->conform_action.dscp},
                 [POLICER_EXCEED] = {m->exceed_action.type, m->exceed_action.dscp},
                 [POLICER_VIOLATE] = {m->violate_action.type, m->violate_action.dscp}},
    };
}

static i32 add_retval(int rc)
{
    return rc == -EEXIST ? API_VALUE_EXIST : api_retval(rc);
}

static void policer_api_add_del(struct api_call *c)
{
    const struct api_policer_add_del *m = c->msg;
    struct api_policer_add_del_reply reply = {.policer_index = policer_find(c->piste, m->name)};
    struct policer_config x = policer_api_config_of(&(struct api_type_policer_config){
        .cir = m->cir,
        .eir = m->eir,
        .cb = m->cb,
        .eb = m->eb,
        .rate_type = m->rate_type,
        .round_type = m->round_type,
        .type = m->type,
        .color_aware = m->color_aware,
        .conform_action = m->conform_action,
        .exceed_action = m->exceed_action,
        .violate_action = m->violate_action,
    });
    reply.retval =
        add_retval(m->is_add ? policer_add(c->piste, m->name, &x, &reply.policer_index, NULL)
                             : policer_del(c->piste, reply.policer_index, NULL));
    api_reply(c, &api_message_policer_add_del_reply, &reply);
}

static void policer_api_add(struct api_call *c)
{
    const struct api_policer_add *m = c->msg;
    struct policer_config x = policer_api_config_of(&m->infos);
    struct api_policer_add_reply reply = {.policer_index = POLICER_NONE};
    reply.retval = add_retval(policer_add(c->piste, m->name, &x, &reply.policer_index, NULL));
    api_reply(c, &api_message_policer_add_reply, &reply);
}

static void policer_api_del(struct api_call *c)
{
    const struct api_policer_del *m = c->msg;
    api_reply_errno(c, policer_del(c->piste, m->policer_index, NULL));
}

static void policer_api_update(struct api_call *c)
{
    const struct api_policer_update *m = c->msg;
    struct policer_config x = policer_api_config_of(&m->infos);
    api_reply_errno(c, policer_update(c->piste, m->policer_index, &x, NULL));
}

static void policer_api_reset(struct api_call *c)
{
    const struct api_policer_reset *m = c->msg;
    api_reply_errno(c, policer_reset(c->piste, m->policer_index, NULL));
}

static void bind_index(struct api_call *c, u32 index, u32 worker, bool on)
{
    int rc = policer_bind(c->piste, index, on ? worker : POLICER_NONE, NULL);
    api_reply_retval(c, rc == -ERANGE ? API_INVALID_WORKER : api_retval(rc));
}

static void bind_name(struct api_call *c)
{
    const struct api_policer_bind *m = c->msg;
    bind_index(c, policer_find(c->piste, m->name), m->worker_index, m->bind_enable);
}

static void bind_v2(struct api_call *c)
{
    const struct api_policer_bind_v2 *m = c->msg;
    bind_index(c, m->policer_index, m->worker_index, m->bind_enable);
}

static u32 policer_api_clipped(u64 x)
{
    return x > UINT32_MAX ? UINT32_MAX : (u32)x;
}

static void policer_api_details(struct api_call *c, u32 index)
{
    const struct policer_config *x = policer_config_of(c->piste, index);
    const struct policer *now = policers[index];
    const struct policer_act *acts = x->acts;
    u64 buckets = __atomic_load_n(&now->buckets, __ATOMIC_RELAXED);
    struct api_policer_details d = {
        .cir = x->cir,
        .eir = x->eir,
        .cb = x->cb,
        .eb = x->eb,
        .rate_type = x->rate,
        .round_type = x->round,
        .type = x->type,
        .conform_action = {acts[POLICER_CONFORM].action, acts[POLICER_CONFORM].dscp},
        .exceed_action = {acts[POLICER_EXCEED].action, acts[POLICER_EXCEED].dscp},
        .violate_action = {acts[POLICER_VIOLATE].action, acts[POLICER_VIOLATE].dscp},
        .single_rate = x->type < POLICER_2R3C_2698,
        .color_aware = x->color_aware,
        .scale = now->scale,
        .cir_tokens_per_period = policer_api_clipped(now->current_rate),
        .pir_tokens_per_period = policer_api_clipped(now->extended_rate),
        .current_limit = now->current_limit,
        .current_bucket = (u32)buckets,
        .extended_limit = now->extended_limit,
        .extended_bucket = (u32)(buckets >> 32),
        .last_update_time = __atomic_load_n(&now->last_period, __ATOMIC_RELAXED),
    };
    snprintf(d.name, sizeof(d.name), "%s", policer_name(c->piste, index));
    api_reply(c, &api_message_policer_details, &d);
}

/* From that index on: as many as a client can take at once, and the rest when it can. */
static bool policer_api_dump_more(struct api_call *c, void *state)
{
    u32 *at = state;
    for (; (*at = policer_next(c->piste, *at)) != POLICER_NONE; (*at)++) {
        if (!api_room(c))
            return true;
        policer_api_details(c, *at);
    }
    return false;
}

static void dump_all(struct api_call *c)
{
    api_continue(c, policer_api_dump_more, free, mem_alloc(sizeof(u32)));
}

static void policer_api_dump(struct api_call *c)
{
    const struct api_policer_dump *m = c->msg;
    u32 index = m->match_name_valid ? policer_find(c->piste, m->match_name) : POLICER_NONE;
    if (!m->match_name_valid)
        dump_all(c);
    else if (index != POLICER_NONE)
        policer_api_details(c, index);
}

static void dump_v2(struct api_call *c)
{
    const struct api_policer_dump_v2 *m = c->msg;
    if (m->policer_index == POLICER_NONE)
        dump_all(c);
    else if (policer_name(c->piste, m->policer_index))
        policer_api_details(c, m->policer_index);
}

/* --- interfaces --- */

static void policer_api_apply(struct api_call *c, bool is_input, u32 index, u32 sw_if_index,
                              bool on)
{
    const struct interface *f = api_interface(c->piste, sw_if_index);
    if (!policer_name(c->piste, index))
        api_reply_retval(c, API_NO_SUCH_ENTRY);
    else if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else if (!on && policer_of_interface(c->piste, is_input, f->index) != index)
        api_reply_retval(c, API_NO_SUCH_ENTRY);
    else
        api_reply_errno(c, policer_set_interface(c->piste, is_input, f->index,
                                                 on ? index : POLICER_NONE, NULL));
}

static void policer_api_input(struct api_call *c)
{
    const struct api_policer_input *m = c->msg;
    policer_api_apply(c, true, policer_find(c->piste, m->name), m->sw_if_index, m->apply);
}

static void input_v2(struct api_call *c)
{
    const struct api_policer_input_v2 *m = c->msg;
    policer_api_apply(c, true, m->policer_index, m->sw_if_index, m->apply);
}

static void policer_api_output(struct api_call *c)
{
    const struct api_policer_output *m = c->msg;
    policer_api_apply(c, false, policer_find(c->piste, m->name), m->sw_if_index, m->apply);
}

static void output_v2(struct api_call *c)
{
    const struct api_policer_output_v2 *m = c->msg;
    policer_api_apply(c, false, m->policer_index, m->sw_if_index, m->apply);
}

static void policer_api_punt(struct api_call *c)
{
    const struct api_ip_punt_police *m = c->msg;
    if (m->is_add && !policer_name(c->piste, m->policer_index))
        api_reply_retval(c, API_NO_SUCH_ENTRY);
    else
        api_reply_errno(c, policer_set_punt(c->piste, m->is_ip6 ? IP_FAMILY_6 : IP_FAMILY_4,
                                            m->is_add ? m->policer_index : POLICER_NONE, NULL));
}

static void classify_set(struct api_call *c)
{
    const struct api_policer_classify_set_interface *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    const u32 tables[POLICER_CLASSIFY_N] = {
        [POLICER_CLASSIFY_IP4] = m->ip4_table_index,
        [POLICER_CLASSIFY_IP6] = m->ip6_table_index,
        [POLICER_CLASSIFY_L2] = m->l2_table_index,
    };
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    } else {
        int rc = policer_classify_set(c->piste, f->index, tables, m->is_add, NULL);
        api_reply_retval(c, rc == -ENOENT ? API_NO_SUCH_TABLE : api_retval(rc));
    }
}

static void classify_dump(struct api_call *c)
{
    const struct api_policer_classify_dump *m = c->msg;
    enum policer_classify_kind kind = (enum policer_classify_kind)m->type;
    const struct interface *f = m->type < POLICER_CLASSIFY_N ? interface_next(c->piste, 0) : NULL;
    for (; f; f = interface_next(c->piste, f->index.i + 1)) {
        u32 table = policer_classify_table(c->piste, kind, f->index);
        struct api_policer_classify_details d = {.sw_if_index = f->index.i, .table_index = table};
        if (table != CLASSIFY_NONE &&
            (m->sw_if_index == UINT32_MAX || m->sw_if_index == f->index.i))
            api_reply(c, &api_message_policer_classify_details, &d);
    }
}

const struct api_handler policer_api_handlers[] = {
    {&api_message_policer_add_del, policer_api_add_del},
    {&api_message_policer_add, policer_api_add},
    {&api_message_policer_del, policer_api_del},
    {&api_message_policer_update, policer_api_update},
    {&api_message_policer_reset, policer_api_reset},
    {&api_message_policer_bind, bind_name},
    {&api_message_policer_bind_v2, bind_v2},
    {&api_message_policer_dump, policer_api_dump},
    {&api_message_policer_dump_v2, dump_v2},
    {&api_message_policer_input, policer_api_input},
    {&api_message_policer_input_v2, input_v2},
    {&api_message_policer_output, policer_api_output},
    {&api_message_policer_output_v2, output_v2},
    {&api_message_ip_punt_police, policer_api_punt},
    {&api_message_policer_classify_set_interface, classify_set},
    {&api_message_policer_classify_dump, classify_dump},
    {0},
};

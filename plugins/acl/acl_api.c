/* Messages of acl.api. They call what the commands call. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api_acl.h"
#include "net/ip/address/address_api.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/acl/acl_internal.h"
#include "plugins/acl/acl_session_data.h"

/* --- the plugin --- */

static void acl_api_version(struct api_call *c)
{
    struct api_acl_plugin_get_version_reply reply = {.major = 1, .minor = 4};
    api_reply(c, &api_message_acl_plugin_get_version_reply, &reply);
}

static void acl_api_ping(struct api_call *c)
{
    struct api_acl_plugin_control_ping_reply reply = {.client_index = c->client_index,
                                                      .vpe_pid = (u32)getpid()};
    api_reply(c, &api_message_acl_plugin_control_ping_reply, &reply);
}

static void acl_api_hash_set(struct api_call *c)
{
    const struct api_acl_plugin_use_hash_lookup_set *m = c->msg;
    acl_state_of(c->piste)->hash_lookup = m->enable;
    api_reply_retval(c, API_OK);
}

static void acl_api_hash_get(struct api_call *c)
{
    struct api_acl_plugin_use_hash_lookup_get_reply reply = {
        .enable = acl_state_of(c->piste)->hash_lookup};
    api_reply(c, &api_message_acl_plugin_use_hash_lookup_get_reply, &reply);
}

static void acl_api_counters(struct api_call *c)
{
    const struct api_acl_stats_intf_counters_enable *m = c->msg;
    struct acl_state *s = acl_state_of(c->piste);
    __atomic_store_n(&s->common.count_matches, m->enable, __ATOMIC_RELAXED);
    api_reply_retval(c, API_OK);
}

static void acl_api_max_entries(struct api_call *c)
{
    struct api_acl_plugin_get_conn_table_max_entries_reply reply = {.conn_table_max_entries =
                                                                        acl_sessions->max};
    api_reply(c, &api_message_acl_plugin_get_conn_table_max_entries_reply, &reply);
}

/* --- lists --- */

static int acl_api_rule_from(const struct api_type_acl_rule *m, struct acl_rule *r)
{
    *r = (struct acl_rule){
        .action = m->is_permit,
        .protocol = m->proto,
        .src_first = m->srcport_or_icmptype_first,
        .src_last = m->srcport_or_icmptype_last,
        .dst_first = m->dstport_or_icmpcode_first,
        .dst_last = m->dstport_or_icmpcode_last,
        .tcp_flags_mask = m->tcp_flags_mask,
        .tcp_flags_value = m->tcp_flags_value,
    };
    i32 retval = api_ip_prefix(&m->src_prefix, &r->src);
    return retval ? retval : api_ip_prefix(&m->dst_prefix, &r->dst);
}

static struct api_type_acl_rule acl_api_rule_to(const struct acl_rule *r)
{
    struct api_type_acl_rule m = {
        .is_permit = r->action,
        .proto = r->protocol,
        .srcport_or_icmptype_first = r->src_first,
        .srcport_or_icmptype_last = r->src_last,
        .dstport_or_icmpcode_first = r->dst_first,
        .dstport_or_icmpcode_last = r->dst_last,
        .tcp_flags_mask = r->tcp_flags_mask,
        .tcp_flags_value = r->tcp_flags_value,
    };
    api_ip_prefix_to(&r->src, &m.src_prefix);
    api_ip_prefix_to(&r->dst, &m.dst_prefix);
    return m;
}

/* A request that waits for its list. */
struct acl_api_wait {
    struct api_call *call; /* NULL: the client is gone */
    bool later, now;
};

static void acl_api_answer(struct api_call *c, i32 retval, u32 index)
{
    struct api_acl_add_replace_reply reply = {.retval = retval, .acl_index = index};
    api_reply(c, &api_message_acl_add_replace_reply, &reply);
}

static void acl_api_made(void *arg, int rc, u32 index, const struct error *e)
{
    struct acl_api_wait *w = arg;
    if (w->call)
        acl_api_answer(w->call, api_retval(rc), index);
    w->now = !w->later;
    if (w->now)
        return;
    if (w->call)
        api_done(w->call);
    free(w);
}

static void acl_api_left(void *arg)
{
    ((struct acl_api_wait *)arg)->call = NULL;
}

static void acl_api_add_replace(struct api_call *c)
{
    const struct api_acl_add_replace *m = c->msg;
    struct acl_list_args a = {.index = m->acl_index, .tag = m->tag, .n = m->count};
    struct acl_api_wait *w;
    i32 retval = 0;
    a.rules = m->count ? mem_alloc(m->count * sizeof(*a.rules)) : NULL;
    for (u32 i = 0; i < m->count && !retval; i++)
        retval = acl_api_rule_from(&m->r[i], &a.rules[i]);
    if (retval) {
        free(a.rules);
        acl_api_answer(c, retval, m->acl_index);
        return;
    }
    w = mem_alloc(sizeof(*w));
    w->call = c;
    acl_list_set(c->piste, &a, acl_api_made, w);
    if (w->now) {
        free(w);
        return;
    }
    w->later = true;
    w->call = api_pend(c, acl_api_left, w);
}

static i32 acl_api_in_use(struct piste *p, u32 list)
{
    return acl_bind_any(p, list, ACL_INPUT)    ? API_ACL_IN_USE_INBOUND
           : acl_bind_any(p, list, ACL_OUTPUT) ? API_ACL_IN_USE_OUTBOUND
                                               : API_ACL_IN_USE_BY_LOOKUP_CONTEXT;
}

static void acl_api_del(struct api_call *c)
{
    const struct api_acl_del *m = c->msg;
    int rc = acl_list_delete(c->piste, m->acl_index, NULL);
    api_reply_retval(c, rc == -EBUSY ? acl_api_in_use(c->piste, m->acl_index) : api_retval(rc));
}

static void acl_api_details(struct api_call *c, u32 index)
{
    const struct acl_list *l = acl_list_at(c->piste, index);
    struct api_type_acl_rule *rules = mem_alloc((l->n_rules + 1) * sizeof(*rules));
    struct api_acl_details d = {.acl_index = index, .count = l->n_rules, .r = rules};
    for (u32 i = 0; i < l->n_rules; i++)
        rules[i] = acl_api_rule_to(&l->rules[i]);
    snprintf(d.tag, sizeof(d.tag), "%s", l->tag);
    api_reply(c, &api_message_acl_details, &d);
    free(rules);
}

static bool acl_api_dump_more(struct api_call *c, void *state)
{
    u32 *at = state;
    for (; (*at = acl_list_next(c->piste, *at)) != ACL_NONE; (*at)++) {
        if (!api_room(c))
            return true;
        acl_api_details(c, *at);
    }
    return false;
}

static void acl_api_dump(struct api_call *c)
{
    const struct api_acl_dump *m = c->msg;
    if (m->acl_index == ACL_NONE)
        api_continue(c, acl_api_dump_more, free, mem_alloc(sizeof(u32)));
    else if (acl_list_at(c->piste, m->acl_index))
        acl_api_details(c, m->acl_index);
}

/* --- interfaces --- */

static i32 acl_api_bind_retval(int rc)
{
    switch (rc) {
    case -ENOENT:
    case -ESRCH:
        return API_NO_SUCH_ENTRY;
    case -EEXIST:
        return API_ENTRY_ALREADY_EXISTS;
    default:
        return api_retval(rc);
    }
}

static void acl_api_interface_add_del(struct api_call *c)
{
    const struct api_acl_interface_add_del *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    enum acl_direction d = m->is_input ? ACL_INPUT : ACL_OUTPUT;
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
        return;
    }
    int rc = m->is_add ? acl_bind_add(c->piste, f->index, d, m->acl_index, NULL)
                       : acl_bind_delete(c->piste, f->index, d, m->acl_index, NULL);
    api_reply_retval(c, acl_api_bind_retval(rc));
}

/* Of a message with what an interface gets for input and, behind that, for output. NULL: it makes
 * no sense, and is answered. */
static const struct interface *acl_api_of_both(struct api_call *c, u32 sw_if_index, u32 n_input,
                                               u32 count)
{
    const struct interface *f = api_interface(c->piste, sw_if_index);
    if (f && n_input <= count)
        return f;
    api_reply_retval(c, f ? API_INVALID_VALUE : API_INVALID_SW_IF_INDEX);
    return NULL;
}

static void acl_api_interface_set_list(struct api_call *c)
{
    const struct api_acl_interface_set_acl_list *m = c->msg;
    const struct interface *f = acl_api_of_both(c, m->sw_if_index, m->n_input, m->count);
    if (f)
        api_reply_retval(c,
                         acl_api_bind_retval(acl_bind_set(c->piste, f->index, m->acls, m->n_input,
                                                          m->count - m->n_input, NULL)));
}

static void acl_api_interface_lists(struct api_call *c, struct if_index i)
{
    const struct acl_context *in = acl_bind_context(c->piste, i, ACL_INPUT);
    const struct acl_context *out = acl_bind_context(c->piste, i, ACL_OUTPUT);
    u32 acls[ACL_LISTS_ON_INTERFACE_MAX], n_in = in ? in->n : 0, n_out = out ? out->n : 0;
    struct api_acl_interface_list_details d = {
        .sw_if_index = i.i, .count = (u8)(n_in + n_out), .n_input = (u8)n_in, .acls = acls};
    if (in)
        memcpy(acls, in->lists, n_in * sizeof(*acls));
    if (out)
        memcpy(acls + n_in, out->lists, n_out * sizeof(*acls));
    api_reply(c, &api_message_acl_interface_list_details, &d);
}

static void acl_api_interface_types(struct api_call *c, struct if_index i)
{
    const struct acl_types *in = acl_bind_types(c->piste, i, ACL_INPUT);
    const struct acl_types *out = acl_bind_types(c->piste, i, ACL_OUTPUT);
    u16 types[2 * UINT8_MAX];
    u32 n_in = in ? in->n : 0, n_out = out ? out->n : 0;
    struct api_acl_interface_etype_whitelist_details d = {
        .sw_if_index = i.i, .count = (u8)(n_in + n_out), .n_input = (u8)n_in, .whitelist = types};
    if (!in && !out)
        return;
    if (in)
        memcpy(types, in->types, n_in * sizeof(*types));
    if (out)
        memcpy(types + n_in, out->types, n_out * sizeof(*types));
    api_reply(c, &api_message_acl_interface_etype_whitelist_details, &d);
}

/* What is told of interfaces, one after the other. */
struct acl_api_walk {
    u32 next;
    void (*tell)(struct api_call *c, struct if_index i);
};

static bool acl_api_walk_more(struct api_call *c, void *state)
{
    struct acl_api_walk *w = state;
    const struct interface *f;
    for (; (f = interface_next(c->piste, w->next)); w->next = f->index.i + 1) {
        if (!api_room(c))
            return true;
        w->tell(c, f->index);
    }
    return false;
}

void acl_api_tell(struct api_call *c, u32 sw_if_index,
                  void (*tell)(struct api_call *c, struct if_index i))
{
    const struct interface *f = api_interface(c->piste, sw_if_index);
    if (f) {
        tell(c, f->index);
        return;
    }
    if (sw_if_index != UINT32_MAX)
        return;
    struct acl_api_walk *w = mem_alloc(sizeof(*w));
    w->tell = tell;
    api_continue(c, acl_api_walk_more, free, w);
}

static void acl_api_interface_list_dump(struct api_call *c)
{
    const struct api_acl_interface_list_dump *m = c->msg;
    acl_api_tell(c, m->sw_if_index, acl_api_interface_lists);
}

static void acl_api_set_types(struct api_call *c)
{
    const struct api_acl_interface_set_etype_whitelist *m = c->msg;
    const struct interface *f = acl_api_of_both(c, m->sw_if_index, m->n_input, m->count);
    if (f)
        api_reply_errno(c, acl_bind_set_types(c->piste, f->index, m->whitelist, m->n_input,
                                              m->count - m->n_input, NULL));
}

static void acl_api_types_dump(struct api_call *c)
{
    const struct api_acl_interface_etype_whitelist_dump *m = c->msg;
    acl_api_tell(c, m->sw_if_index, acl_api_interface_types);
}

const struct api_handler acl_plugin_handlers[] = {
    {&api_message_acl_plugin_get_version, acl_api_version},
    {&api_message_acl_plugin_control_ping, acl_api_ping},
    {&api_message_acl_plugin_get_conn_table_max_entries, acl_api_max_entries},
    {&api_message_acl_add_replace, acl_api_add_replace},
    {&api_message_acl_del, acl_api_del},
    {&api_message_acl_interface_add_del, acl_api_interface_add_del},
    {&api_message_acl_interface_set_acl_list, acl_api_interface_set_list},
    {&api_message_acl_dump, acl_api_dump},
    {&api_message_acl_interface_list_dump, acl_api_interface_list_dump},
    {&api_message_acl_interface_set_etype_whitelist, acl_api_set_types},
    {&api_message_acl_interface_etype_whitelist_dump, acl_api_types_dump},
    {&api_message_macip_acl_add, acl_macip_api_add},
    {&api_message_macip_acl_add_replace, acl_macip_api_add_replace},
    {&api_message_macip_acl_del, acl_macip_api_del},
    {&api_message_macip_acl_interface_add_del, acl_macip_api_interface_add_del},
    {&api_message_macip_acl_dump, acl_macip_api_dump},
    {&api_message_macip_acl_interface_get, acl_macip_api_interface_get},
    {&api_message_macip_acl_interface_list_dump, acl_macip_api_interface_list_dump},
    {&api_message_acl_stats_intf_counters_enable, acl_api_counters},
    {&api_message_acl_plugin_use_hash_lookup_set, acl_api_hash_set},
    {&api_message_acl_plugin_use_hash_lookup_get, acl_api_hash_get},
    {0},
};

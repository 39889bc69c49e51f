/* Messages of acl.api about MACIP lists. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_acl.h"
#include "net/ip/address/address_api.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/acl/acl_internal.h"

/* 0, or the retval; *index: the list's. */
static i32 macip_api_set(struct api_call *c, const char *tag, u32 n,
                         const struct api_type_macip_acl_rule *rules, u32 *index)
{
    struct acl_macip_rule *made = n ? mem_alloc(n * sizeof(*made)) : NULL;
    for (u32 i = 0; i < n; i++) {
        i32 retval = api_ip_prefix(&rules[i].src_prefix, &made[i].src);
        if (retval) {
            free(made);
            return retval;
        }
        memcpy(made[i].mac, rules[i].src_mac, sizeof(made[i].mac));
        memcpy(made[i].mac_mask, rules[i].src_mac_mask, sizeof(made[i].mac_mask));
        made[i].action = rules[i].is_permit;
    }
    return api_retval(acl_macip_set(c->piste, index, false, tag, made, n, NULL));
}

void acl_macip_api_add(struct api_call *c)
{
    const struct api_macip_acl_add *m = c->msg;
    struct api_macip_acl_add_reply reply = {.acl_index = ACL_NONE};
    reply.retval = macip_api_set(c, m->tag, m->count, m->r, &reply.acl_index);
    api_reply(c, &api_message_macip_acl_add_reply, &reply);
}

void acl_macip_api_add_replace(struct api_call *c)
{
    const struct api_macip_acl_add_replace *m = c->msg;
    struct api_macip_acl_add_replace_reply reply = {.acl_index = m->acl_index};
    reply.retval = macip_api_set(c, m->tag, m->count, m->r, &reply.acl_index);
    api_reply(c, &api_message_macip_acl_add_replace_reply, &reply);
}

void acl_macip_api_del(struct api_call *c)
{
    const struct api_macip_acl_del *m = c->msg;
    api_reply_errno(c, acl_macip_delete(c->piste, m->acl_index, NULL));
}

void acl_macip_api_interface_add_del(struct api_call *c)
{
    const struct api_macip_acl_interface_add_del *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else if (!m->is_add && acl_macip_of(f->index) != m->acl_index)
        api_reply_retval(c, API_NO_SUCH_ENTRY);
    else
        api_reply_errno(
            c, acl_macip_bind(c->piste, f->index, m->is_add ? m->acl_index : ACL_NONE, NULL));
}

static void macip_api_details(struct api_call *c, const struct acl_macip *l)
{
    struct api_type_macip_acl_rule *rules = mem_alloc((l->n_rules + 1) * sizeof(*rules));
    struct api_macip_acl_details d = {.acl_index = l->index, .count = l->n_rules, .r = rules};
    for (u32 i = 0; i < l->n_rules; i++) {
        rules[i].is_permit = l->rules[i].action;
        memcpy(rules[i].src_mac, l->rules[i].mac, sizeof(rules[i].src_mac));
        memcpy(rules[i].src_mac_mask, l->rules[i].mac_mask, sizeof(rules[i].src_mac_mask));
        api_ip_prefix_to(&l->rules[i].src, &rules[i].src_prefix);
    }
    snprintf(d.tag, sizeof(d.tag), "%s", l->tag);
    api_reply(c, &api_message_macip_acl_details, &d);
    free(rules);
}

static bool macip_api_dump_more(struct api_call *c, void *state)
{
    u32 *at = state;
    for (; (*at = acl_macip_next(c->piste, *at)) != ACL_NONE; (*at)++) {
        if (!api_room(c))
            return true;
        macip_api_details(c, acl_macip_at(c->piste, *at));
    }
    return false;
}

void acl_macip_api_dump(struct api_call *c)
{
    const struct api_macip_acl_dump *m = c->msg;
    if (m->acl_index == ACL_NONE)
        api_continue(c, macip_api_dump_more, free, mem_alloc(sizeof(u32)));
    else if (acl_macip_at(c->piste, m->acl_index))
        macip_api_details(c, acl_macip_at(c->piste, m->acl_index));
}

/* The list of each interface, by index; ~0: none. */
void acl_macip_api_interface_get(struct api_call *c)
{
    struct api_macip_acl_interface_get_reply reply = {0};
    VEC(u32) acls = {0};
    const struct interface *f;
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1) {
        while (acls.n < f->index.i)
            vec_add(&acls, ACL_NONE);
        vec_add(&acls, acl_macip_of(f->index));
    }
    reply.count = acls.n;
    reply.acls = acls.v;
    api_reply(c, &api_message_macip_acl_interface_get_reply, &reply);
    vec_free(&acls);
}

static void macip_api_interface(struct api_call *c, struct if_index i)
{
    u32 acl = acl_macip_of(i);
    struct api_macip_acl_interface_list_details d = {.sw_if_index = i.i, .count = 1, .acls = &acl};
    if (acl != ACL_NONE)
        api_reply(c, &api_message_macip_acl_interface_list_details, &d);
}

void acl_macip_api_interface_list_dump(struct api_call *c)
{
    const struct api_macip_acl_interface_list_dump *m = c->msg;
    acl_api_tell(c, m->sw_if_index, macip_api_interface);
}

#include "net/ip/ip4/ip4_api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_interface.h"
#include "api/api_ip.h"
#include "base/mem.h"
#include "control/api.h"
#include "control/module.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "net/ip/ip4/ip4.h"

i32 api_ip4_prefix(const struct api_type_prefix *p, struct ip4_prefix *out)
{
    if (p->address.af != ADDRESS_IP4)
        return API_INVALID_ADDRESS_FAMILY;
    if (p->len > 32)
        return API_INVALID_PREFIX_LENGTH;
    memcpy(&out->addr, p->address.un, 4);
    out->len = p->len;
    return 0;
}

void api_ip4_prefix_to(struct ip4_prefix prefix, struct api_type_prefix *out)
{
    memset(out, 0, sizeof(*out));
    memcpy(out->address.un, &prefix.addr, 4);
    out->len = prefix.len;
}

/* --- addresses --- */

static i32 address_retval(int rc)
{
    switch (-rc) {
    case EEXIST:
        return API_DUPLICATE_IF_ADDRESS;
    case ENOENT:
        return API_ADDRESS_NOT_FOUND_FOR_INTERFACE;
    default:
        return api_retval(rc);
    }
}

static void add_del_address(struct api_call *c)
{
    const struct api_sw_interface_add_del_address *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    struct ip4_prefix prefix;
    i32 wrong = f ? 0 : API_INVALID_SW_IF_INDEX;
    if (f && m->del_all)
        ip4_address_del_all(c->piste, f->index);
    else if (f && !(wrong = api_ip4_prefix(&m->prefix, &prefix)))
        wrong = address_retval(m->is_add ? ip4_address_add(c->piste, f->index, prefix, NULL)
                                         : ip4_address_del(c->piste, f->index, prefix, NULL));
    api_reply_retval(c, wrong);
}

static void address_replace_begin(struct api_call *c)
{
    ip4_addresses_replace_begin(c->piste);
    api_reply_retval(c, 0);
}

static void address_replace_end(struct api_call *c)
{
    ip4_addresses_replace_end(c->piste);
    api_reply_retval(c, 0);
}

static void address_dump(struct api_call *c)
{
    const struct api_ip_address_dump *m = c->msg;
    struct interface *f = m->is_ipv6 ? NULL : api_interface(c->piste, m->sw_if_index);
    struct ip4_prefix prefix;
    for (u32 k = 0; f && ip4_address_at(c->piste, f->index, k, &prefix); k++) {
        struct api_ip_address_details d = {.sw_if_index = f->index.i};
        api_ip4_prefix_to(prefix, &d.prefix);
        api_reply(c, &api_message_ip_address_details, &d);
    }
}

static void ip_dump(struct api_call *c)
{
    const struct api_ip_dump *m = c->msg;
    struct interface *f;
    for (u32 i = 0; !m->is_ipv6 && (f = interface_next(c->piste, i)); i = f->index.i + 1) {
        struct api_ip_details d = {.sw_if_index = f->index.i};
        if (ip4_if_enabled(f->index))
            api_reply(c, &api_message_ip_details, &d);
    }
}

static void ip4_enable_disable(struct api_call *c)
{
    const struct api_sw_interface_ip4_enable_disable *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, ip4_enable(c->piste, f->index, m->enable, NULL));
}

/* --- unnumbered --- */

static void ip4_api_set_unnumbered(struct api_call *c)
{
    const struct api_sw_interface_set_unnumbered *m = c->msg;
    /* the one that borrows comes second */
    struct interface *lender = api_interface(c->piste, m->sw_if_index);
    struct interface *f = api_interface(c->piste, m->unnumbered_sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX_2);
    else if (!lender)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(
            c, ip4_set_unnumbered(c->piste, f->index, m->is_add ? lender->index : IF_NONE, NULL));
}

static void unnumbered_of(struct api_call *c, const struct interface *f)
{
    struct if_index lender = ip4_unnumbered(c->piste, f->index);
    struct api_ip_unnumbered_details d = {.sw_if_index = f->index.i, .ip_sw_if_index = lender.i};
    if (!if_is_none(lender))
        api_reply(c, &api_message_ip_unnumbered_details, &d);
}

static void unnumbered_dump(struct api_call *c)
{
    const struct api_ip_unnumbered_dump *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (f)
        unnumbered_of(c, f);
    if (m->sw_if_index != UINT32_MAX)
        return;
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1)
        unnumbered_of(c, f);
}

/* --- the table of an interface --- */

static void ip4_api_set_table(struct api_call *c)
{
    const struct api_sw_interface_set_table *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    } else if (m->is_ipv6) {
        api_reply_retval(c, API_INVALID_ADDRESS_FAMILY);
    } else {
        int rc = ip4_set_table(c->piste, f->index, m->vrf_id, NULL);
        api_reply_retval(c, rc == -ENOENT  ? API_NO_SUCH_FIB
                            : rc == -EBUSY ? API_ADDRESS_FOUND_FOR_INTERFACE
                                           : api_retval(rc));
    }
}

static void get_table(struct api_call *c)
{
    const struct api_sw_interface_get_table *m = c->msg;
    struct api_sw_interface_get_table_reply reply = {0};
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        reply.retval = API_INVALID_SW_IF_INDEX;
    else if (!m->is_ipv6)
        reply.vrf_id = fib_table_id(fib_of(c->piste), ip4_if_fib(f->index));
    api_reply(c, &api_message_sw_interface_get_table_reply, &reply);
}

static void ip4_api_set_directed_broadcast(struct api_call *c)
{
    const struct api_sw_interface_set_ip_directed_broadcast *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, ip4_set_directed_broadcast(c->piste, f->index, m->enable, NULL));
}

const struct api_handler ip4_interface_handlers[] = {
    {&api_message_sw_interface_add_del_address, add_del_address},
    {&api_message_sw_interface_address_replace_begin, address_replace_begin},
    {&api_message_sw_interface_address_replace_end, address_replace_end},
    {&api_message_ip_address_dump, address_dump},
    {&api_message_ip_dump, ip_dump},
    {&api_message_sw_interface_ip4_enable_disable, ip4_enable_disable},
    {&api_message_sw_interface_set_unnumbered, ip4_api_set_unnumbered},
    {&api_message_ip_unnumbered_dump, unnumbered_dump},
    {&api_message_sw_interface_set_table, ip4_api_set_table},
    {&api_message_sw_interface_get_table, get_table},
    {&api_message_sw_interface_set_ip_directed_broadcast, ip4_api_set_directed_broadcast},
    {0},
};

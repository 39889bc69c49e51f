/* Messages of ip.api and interface.api about addresses and tables of interfaces. */
#include "net/ip/address/address_api.h"

#include <errno.h>
#include <string.h>

#include "api/api_interface.h"
#include "api/api_ip.h"
#include "control/api.h"
#include "net/ip/address/address_internal.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"

static_assert((u32)ADDRESS_IP4 == IP_FAMILY_4 && (u32)ADDRESS_IP6 == IP_FAMILY_6,
              "the API's numbers are ours");

i32 api_ip_address(const struct api_type_address *a, enum ip_family *f, struct ip_address *out)
{
    if (a->af >= IP_FAMILY_N)
        return API_INVALID_ADDRESS_FAMILY;
    *f = (enum ip_family)a->af;
    *out = ip_address_from_bytes(*f, a->un);
    return 0;
}

void api_ip_address_to(enum ip_family f, const struct ip_address *a, struct api_type_address *out)
{
    memset(out, 0, sizeof(*out));
    out->af = (u8)f;
    memcpy(out->un, a->bytes, sizeof(a->bytes));
}

i32 api_ip_prefix(const struct api_type_prefix *p, struct ip_prefix *out)
{
    enum ip_family f;
    i32 wrong = api_ip_address(&p->address, &f, &out->addr);
    if (wrong)
        return wrong;
    if (p->len > ip_family_bits(f))
        return API_INVALID_PREFIX_LENGTH;
    *out = (struct ip_prefix){.addr = out->addr, .family = (u8)f, .len = p->len};
    return 0;
}

void api_ip_prefix_to(const struct ip_prefix *prefix, struct api_type_prefix *out)
{
    api_ip_address_to((enum ip_family)prefix->family, &prefix->addr, &out->address);
    out->len = prefix->len;
}

/* --- addresses --- */

static void add_del_address(struct api_call *c)
{
    const struct api_sw_interface_add_del_address *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    struct ip_prefix prefix;
    i32 wrong = f ? 0 : API_INVALID_SW_IF_INDEX;
    if (f && m->del_all) {
        ip_address_del_all(c->piste, f->index);
    } else if (f && !(wrong = api_ip_prefix(&m->prefix, &prefix))) {
        int rc = m->is_add ? ip_address_add(c->piste, f->index, prefix, NULL)
                           : ip_address_del(c->piste, f->index, prefix, NULL);
        wrong = rc == -ENOENT ? API_ADDRESS_NOT_FOUND_FOR_INTERFACE : api_retval(rc);
    }
    api_reply_retval(c, wrong);
}

static void address_replace_begin(struct api_call *c)
{
    ip_addresses_replace_begin(c->piste);
    api_reply_retval(c, 0);
}

static void address_replace_end(struct api_call *c)
{
    ip_addresses_replace_end(c->piste);
    api_reply_retval(c, 0);
}

static void address_dump(struct api_call *c)
{
    const struct api_ip_address_dump *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    struct ip_prefix prefix;
    for (u32 k = 0; f && ip_address_at(c->piste, ip_family_of(m->is_ipv6), f->index, k, &prefix);
         k++) {
        struct api_ip_address_details d = {.sw_if_index = f->index.i};
        api_ip_prefix_to(&prefix, &d.prefix);
        api_reply(c, &api_message_ip_address_details, &d);
    }
}

/* All interfaces, whether they take packets of the protocol or not, as VPP answers. */
static void ip_dump(struct api_call *c)
{
    const struct api_ip_dump *m = c->msg;
    struct interface *f;
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1) {
        struct api_ip_details d = {.sw_if_index = f->index.i, .is_ipv6 = m->is_ipv6};
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
        api_reply_errno(c, ip_enable(c->piste, IP_FAMILY_4, f->index, m->enable, NULL));
}

static void ip6_enable_disable(struct api_call *c)
{
    const struct api_sw_interface_ip6_enable_disable *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, ip_enable(c->piste, IP_FAMILY_6, f->index, m->enable, NULL));
}

/* --- link-local addresses --- */

static void set_link_local(struct api_call *c)
{
    const struct api_sw_interface_ip6_set_link_local_address *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    struct ip_address a = ip_address_from_bytes(IP_FAMILY_6, m->ip);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, ip6_set_link_local(c->piste, f->index, &a, NULL));
}

static void get_link_local(struct api_call *c)
{
    const struct api_sw_interface_ip6_get_link_local_address *m = c->msg;
    struct api_sw_interface_ip6_get_link_local_address_reply reply = {0};
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    const struct ip6_link *link = f ? ip6_link(f->index) : NULL;
    if (!f)
        reply.retval = API_INVALID_SW_IF_INDEX;
    else if (!link)
        reply.retval = API_IP6_NOT_ENABLED;
    else
        memcpy(reply.ip, link->address.bytes, sizeof(link->address.bytes));
    api_reply(c, &api_message_sw_interface_ip6_get_link_local_address_reply, &reply);
}

/* --- unnumbered --- */

static i32 set_unnumbered(struct piste *p, struct if_index i, struct if_index use)
{
    int rc = ip_set_unnumbered(p, i, use, NULL);
    if (rc == -ENOENT) /* it is numbered, as it should be */
        return 0;
    struct ip_prefix a;
    bool has_own =
        ip_address_at(p, IP_FAMILY_4, i, 0, &a) || ip_address_at(p, IP_FAMILY_6, i, 0, &a);
    return rc == -EBUSY && has_own ? API_UNEXPECTED_INTF_STATE : api_retval(rc);
}

static void address_api_set_unnumbered(struct api_call *c)
{
    const struct api_sw_interface_set_unnumbered *m = c->msg;
    /* the one that borrows comes second */
    struct interface *lender = api_interface(c->piste, m->sw_if_index);
    struct interface *f = api_interface(c->piste, m->unnumbered_sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else if (!lender)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX_2);
    else
        api_reply_retval(c,
                         set_unnumbered(c->piste, f->index, m->is_add ? lender->index : IF_NONE));
}

static void unnumbered_of(struct api_call *c, const struct interface *f)
{
    struct if_index lender = ip_unnumbered(c->piste, f->index);
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

static void address_api_set_table(struct api_call *c)
{
    const struct api_sw_interface_set_table *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
        return;
    }
    int rc = ip_set_table(c->piste, ip_family_of(m->is_ipv6), f->index, m->vrf_id, NULL);
    api_reply_retval(c, rc == -ENOENT  ? API_NO_SUCH_FIB
                        : rc == -EBUSY ? API_ADDRESS_FOUND_FOR_INTERFACE
                                       : api_retval(rc));
}

static void get_table(struct api_call *c)
{
    const struct api_sw_interface_get_table *m = c->msg;
    struct api_sw_interface_get_table_reply reply = {0};
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f) {
        reply.retval = API_INVALID_SW_IF_INDEX;
    } else {
        struct fib_index t = ip_if_fib(ip_family_of(m->is_ipv6), f->index);
        reply.vrf_id = fib_number(t) ? fib_table_id(fib_of(c->piste), t) : 0;
    }
    api_reply(c, &api_message_sw_interface_get_table_reply, &reply);
}

static void address_api_set_directed_broadcast(struct api_call *c)
{
    const struct api_sw_interface_set_ip_directed_broadcast *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, ip4_set_directed_broadcast(c->piste, f->index, m->enable, NULL));
}

const struct api_handler address_api_handlers[] = {
    {&api_message_sw_interface_add_del_address, add_del_address},
    {&api_message_sw_interface_address_replace_begin, address_replace_begin},
    {&api_message_sw_interface_address_replace_end, address_replace_end},
    {&api_message_ip_address_dump, address_dump},
    {&api_message_ip_dump, ip_dump},
    {&api_message_sw_interface_ip4_enable_disable, ip4_enable_disable},
    {&api_message_sw_interface_ip6_enable_disable, ip6_enable_disable},
    {&api_message_sw_interface_ip6_set_link_local_address, set_link_local},
    {&api_message_sw_interface_ip6_get_link_local_address, get_link_local},
    {&api_message_sw_interface_set_unnumbered, address_api_set_unnumbered},
    {&api_message_ip_unnumbered_dump, unnumbered_dump},
    {&api_message_sw_interface_set_table, address_api_set_table},
    {&api_message_sw_interface_get_table, get_table},
    {&api_message_sw_interface_set_ip_directed_broadcast, address_api_set_directed_broadcast},
    {0},
};

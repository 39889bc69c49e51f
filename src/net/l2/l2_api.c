/* Messages of l2.api: bridge domains, their ports and addresses, cross-connects. */
#include "net/l2/l2_api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_l2.h"
#include "control/api.h"
#include "net/link/interface/interface_api.h"
#include "net/l2/l2_internal.h"

/* --- bridge domains --- */

static u8 flags_from_api(u32 f)
{
    return (f & BRIDGE_API_FLAG_LEARN ? L2_IF_LEARN : 0) |
           (f & BRIDGE_API_FLAG_FWD ? L2_IF_FORWARD : 0) |
           (f & BRIDGE_API_FLAG_FLOOD ? L2_IF_FLOOD : 0) |
           (f & BRIDGE_API_FLAG_UU_FLOOD ? L2_IF_UU_FLOOD : 0) |
           (f & BRIDGE_API_FLAG_ARP_TERM ? L2_IF_ARP_TERM : 0);
}

static u32 flags_to_api(const struct l2_bd *bd)
{
    return (bd->flags & L2_IF_LEARN ? BRIDGE_API_FLAG_LEARN : 0) |
           (bd->flags & L2_IF_FORWARD ? BRIDGE_API_FLAG_FWD : 0) |
           (bd->flags & L2_IF_FLOOD ? BRIDGE_API_FLAG_FLOOD : 0) |
           (bd->flags & L2_IF_UU_FLOOD ? BRIDGE_API_FLAG_UU_FLOOD : 0) |
           (bd->flags & L2_IF_ARP_TERM ? BRIDGE_API_FLAG_ARP_TERM : 0) |
           (bd->arp_ufwd ? BRIDGE_API_FLAG_ARP_UFWD : 0);
}

static i32 add_domain(struct l2_state *s, const struct api_bridge_domain_add_del_v2 *m, u32 id)
{
    struct l2_bd *bd;
    u32 flags = (m->learn ? BRIDGE_API_FLAG_LEARN : 0) | (m->forward ? BRIDGE_API_FLAG_FWD : 0) |
                (m->flood ? BRIDGE_API_FLAG_FLOOD : 0) |
                (m->uu_flood ? BRIDGE_API_FLAG_UU_FLOOD : 0) |
                (m->arp_term ? BRIDGE_API_FLAG_ARP_TERM : 0);
    int rc = interface_check_tag(m->bd_tag, NULL);
    if (rc)
        return api_retval(rc);
    rc = l2_bd_create(s, id, &bd, NULL);
    if (rc)
        return rc == -EEXIST   ? API_BD_ALREADY_EXISTS
               : rc == -EINVAL ? API_BD_ID_EXCEED_MAX
                               : api_retval(rc);
    l2_bd_set_flags(s, bd, (u8)~flags_from_api(flags) & flags_from_api(UINT32_MAX), false);
    l2_bd_set_flags(s, bd, flags_from_api(flags), true);
    l2_bd_set_arp_ufwd(bd, m->arp_ufwd);
    l2_bd_set_age(s, bd, m->mac_age);
    snprintf(bd->tag, sizeof(bd->tag), "%s", m->bd_tag);
    l2_bd_publish(s, bd);
    return 0;
}

static i32 del_domain(struct l2_state *s, u32 id)
{
    switch (-l2_bd_delete(s, id, NULL)) {
    case 0:
        return 0;
    case ENOENT:
        return API_NO_SUCH_ENTRY;
    case EBUSY:
        return API_BD_IN_USE;
    default:
        return API_BD_NOT_MODIFIABLE;
    }
}

static i32 l2_api_add_del(struct piste *p, const struct api_bridge_domain_add_del_v2 *m, u32 id)
{
    struct l2_state *s = l2_state_of(p);
    if (!id)
        return API_BD_NOT_MODIFIABLE;
    return m->is_add ? add_domain(s, m, id) : del_domain(s, id);
}

static void bridge_domain_add_del(struct api_call *c)
{
    const struct api_bridge_domain_add_del *m = c->msg;
    struct api_bridge_domain_add_del_v2 v2 = {
        .flood = m->flood,
        .uu_flood = m->uu_flood,
        .forward = m->forward,
        .learn = m->learn,
        .arp_term = m->arp_term,
        .arp_ufwd = m->arp_ufwd,
        .mac_age = m->mac_age,
        .is_add = m->is_add,
    };
    memcpy(v2.bd_tag, m->bd_tag, sizeof(v2.bd_tag));
    api_reply_retval(c, l2_api_add_del(c->piste, &v2, m->bd_id));
}

static void bridge_domain_add_del_v2(struct api_call *c)
{
    const struct api_bridge_domain_add_del_v2 *m = c->msg;
    struct api_bridge_domain_add_del_v2_reply reply = {.bd_id = m->bd_id};
    if (m->is_add && m->bd_id == UINT32_MAX) /* the switch chooses */
        for (reply.bd_id = 1; l2_bd_find(l2_state_of(c->piste), reply.bd_id);)
            reply.bd_id++;
    reply.retval = l2_api_add_del(c->piste, m, reply.bd_id);
    api_reply(c, &api_message_bridge_domain_add_del_v2_reply, &reply);
}

static void domain_details(struct api_call *c, const struct l2_bd *bd)
{
    struct api_type_bridge_domain_sw_if *ports = mem_alloc(bd->ports.n * sizeof(*ports));
    u32 flags = flags_to_api(bd);
    struct api_bridge_domain_details d = {
        .bd_id = bd->id,
        .flood = (flags & BRIDGE_API_FLAG_FLOOD) != 0,
        .uu_flood = (flags & BRIDGE_API_FLAG_UU_FLOOD) != 0,
        .forward = (flags & BRIDGE_API_FLAG_FWD) != 0,
        .learn = (flags & BRIDGE_API_FLAG_LEARN) != 0,
        .arp_term = (flags & BRIDGE_API_FLAG_ARP_TERM) != 0,
        .arp_ufwd = bd->arp_ufwd,
        .mac_age = bd->mac_age,
        .bvi_sw_if_index = bd->bvi.i,
        .uu_fwd_sw_if_index = bd->uu_fwd.i,
        .n_sw_ifs = bd->ports.n,
        .sw_if_details = ports,
    };
    snprintf(d.bd_tag, sizeof(d.bd_tag), "%s", bd->tag);
    for (u32 i = 0; i < bd->ports.n; i++) {
        ports[i].sw_if_index = bd->ports.v[i].interface.i;
        ports[i].shg = l2_if(bd->ports.v[i].interface)->shg;
    }
    api_reply(c, &api_message_bridge_domain_details, &d);
    free(ports);
}

static bool has_port(const struct l2_bd *bd, u32 sw_if_index)
{
    for (u32 i = 0; i < bd->ports.n; i++)
        if (bd->ports.v[i].interface.i == sw_if_index)
            return true;
    return false;
}

static void bridge_domain_dump(struct api_call *c)
{
    const struct api_bridge_domain_dump *m = c->msg;
    const struct l2_state *s = l2_state_of(c->piste);
    for (struct l2_bd *bd = l2_bd_next(s, 0); bd; bd = l2_bd_next(s, bd->index + 1)) {
        bool any_id = m->bd_id == UINT32_MAX, any_port = m->sw_if_index == UINT32_MAX;
        if (bd->id && (any_id || bd->id == m->bd_id) && (any_port || has_port(bd, m->sw_if_index)))
            domain_details(c, bd);
    }
}

/* The domain that a message is about to change; NULL, and why not: 0 is that of who has none. */
static struct l2_bd *domain_of(struct api_call *c, u32 id, i32 *retval)
{
    struct l2_bd *bd = id ? l2_bd_find(l2_state_of(c->piste), id) : NULL;
    *retval = !id ? API_BD_NOT_MODIFIABLE : bd ? 0 : API_NO_SUCH_ENTRY;
    return bd;
}

static void bridge_flags(struct api_call *c)
{
    const struct api_bridge_flags *m = c->msg;
    struct l2_state *s = l2_state_of(c->piste);
    struct api_bridge_flags_reply reply = {0};
    struct l2_bd *bd = domain_of(c, m->bd_id, &reply.retval);
    if (bd && m->flags) {
        l2_bd_set_flags(s, bd, flags_from_api(m->flags), m->is_set);
        if (m->flags & BRIDGE_API_FLAG_ARP_UFWD)
            l2_bd_set_arp_ufwd(bd, m->is_set);
    }
    if (bd)
        reply.resulting_feature_bitmap = flags_to_api(bd);
    api_reply(c, &api_message_bridge_flags_reply, &reply);
}

static void l2_api_set_mac_age(struct api_call *c)
{
    const struct api_bridge_domain_set_mac_age *m = c->msg;
    i32 retval;
    struct l2_bd *bd = domain_of(c, m->bd_id, &retval);
    if (bd)
        l2_bd_set_age(l2_state_of(c->piste), bd, m->mac_age);
    api_reply_retval(c, retval);
}

static void l2_api_set_learn_limit(struct api_call *c)
{
    const struct api_bridge_domain_set_learn_limit *m = c->msg;
    i32 retval;
    struct l2_bd *bd = domain_of(c, m->bd_id, &retval);
    if (bd)
        l2_bd_set_learn_limit(bd, m->learn_limit);
    api_reply_retval(c, retval);
}

static void l2_api_set_default_learn_limit(struct api_call *c)
{
    const struct api_bridge_domain_set_default_learn_limit *m = c->msg;
    l2_state_of(c->piste)->default_learn_limit = m->learn_limit;
    api_reply_retval(c, 0);
}

/* --- what ARP termination answers from --- */

static struct arp_key key_from_api(const struct api_type_address *a)
{
    return a->af == ADDRESS_IP6 ? arp_key_ip6(a->un) : arp_key_ip4(load_be32(a->un));
}

void api_l2_address_to(const struct arp_key *key, struct api_type_address *out)
{
    *out = (struct api_type_address){.af = arp_key_is_ip4(key) ? ADDRESS_IP4 : ADDRESS_IP6};
    if (arp_key_is_ip4(key))
        memcpy(out->un, (const u8 *)&key->lo + 4, 4);
    else
        memcpy(out->un, key, 16);
}

static void ip_mac_add_del(struct api_call *c)
{
    const struct api_bd_ip_mac_add_del *m = c->msg;
    struct l2_state *s = l2_state_of(c->piste);
    i32 retval;
    struct l2_bd *bd = domain_of(c, m->entry.bd_id, &retval);
    const struct arp_key key = key_from_api(&m->entry.ip);
    if (!bd) {
        api_reply_retval(c, retval);
    } else {
        int rc = m->is_add ? l2_bd_arp_set(s, bd, &key, m->entry.mac, NULL)
                           : l2_bd_arp_del(s, bd, &key, NULL);
        api_reply_retval(c, rc ? API_UNSPECIFIED : 0);
    }
}

static void ip_mac_flush(struct api_call *c)
{
    const struct api_bd_ip_mac_flush *m = c->msg;
    struct l2_state *s = l2_state_of(c->piste);
    i32 retval;
    struct l2_bd *bd = domain_of(c, m->bd_id, &retval);
    if (bd)
        l2_bd_arp_clear(s, bd);
    api_reply_retval(c, retval);
}

static void ip_macs_of(struct api_call *c, const struct l2_bd *bd)
{
    struct api_bd_ip_mac_details d = {.entry.bd_id = bd->id};
    struct arp_key key;
    const struct l2_state *s = l2_state_of(c->piste);
    for (u32 at = bd->arp.first; l2_bd_arp_next(s, &at, &key, d.entry.mac);) {
        api_l2_address_to(&key, &d.entry.ip);
        api_reply(c, &api_message_bd_ip_mac_details, &d);
    }
}

static void ip_mac_dump(struct api_call *c)
{
    const struct api_bd_ip_mac_dump *m = c->msg;
    const struct l2_state *s = l2_state_of(c->piste);
    for (struct l2_bd *bd = l2_bd_next(s, 1); bd; bd = l2_bd_next(s, bd->index + 1))
        if (m->bd_id == UINT32_MAX || m->bd_id == bd->id)
            ip_macs_of(c, bd);
}

/* --- ports --- */

static void set_l2_bridge(struct api_call *c)
{
    const struct api_sw_interface_set_l2_bridge *m = c->msg;
    struct interface *f = api_interface(c->piste, m->rx_sw_if_index);
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    } else if (!m->enable) {
        api_reply_errno(c, l2_set_l3(c->piste, f->index, NULL));
    } else if (!m->bd_id) {
        api_reply_retval(c, API_BD_NOT_MODIFIABLE);
    } else if (m->port_type > L2_API_PORT_TYPE_UU_FWD) {
        api_reply_retval(c, API_INVALID_VALUE);
    } else {
        int rc = l2_set_bridge(c->piste, f->index, m->bd_id, (enum l2_port_kind)m->port_type,
                               m->shg, NULL);
        api_reply_retval(c, rc == -EOPNOTSUPP ? API_NON_ETHERNET
                            : rc == -EEXIST   ? API_BD_ALREADY_HAS_BVI
                            : rc == -EINVAL   ? API_BD_ID_EXCEED_MAX
                                              : api_retval(rc));
    }
}

static void l2_patch_add_del(struct api_call *c)
{
    const struct api_l2_patch_add_del *m = c->msg;
    struct interface *rx = api_interface(c->piste, m->rx_sw_if_index);
    struct interface *tx = api_interface(c->piste, m->tx_sw_if_index);
    if (!rx || !tx) {
        api_reply_retval(c, rx ? API_INVALID_SW_IF_INDEX_2 : API_INVALID_SW_IF_INDEX);
    } else {
        int rc = l2_patch_set(l2_state_of(c->piste), rx->index, tx->index, m->is_add, NULL);
        api_reply_retval(c, rc == -EOPNOTSUPP ? API_NON_ETHERNET
                            : rc == -ENOENT   ? API_OK /* there is none, as it should be */
                                              : api_retval(rc));
    }
}

static void set_l2_xconnect(struct api_call *c)
{
    const struct api_sw_interface_set_l2_xconnect *m = c->msg;
    struct interface *f = api_interface(c->piste, m->rx_sw_if_index);
    struct interface *peer = api_interface(c->piste, m->tx_sw_if_index);
    if (!f || (m->enable && !peer)) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    } else if (!m->enable) {
        api_reply_errno(c, l2_set_l3(c->piste, f->index, NULL));
    } else {
        int rc = l2_set_xconnect(c->piste, f->index, peer->index, NULL);
        api_reply_retval(c, rc == -EOPNOTSUPP ? API_NON_ETHERNET : api_retval(rc));
    }
}

static void l2_xconnect_dump(struct api_call *c)
{
    const struct interface *f = NULL;
    while ((f = interface_next_written(c->piste, f))) {
        const struct l2_if *l = l2_if(f->index);
        struct api_l2_xconnect_details d = {.rx_sw_if_index = f->index.i,
                                            .tx_sw_if_index = l->peer.i};
        if (l->mode == L2_MODE_XCONNECT)
            api_reply(c, &api_message_l2_xconnect_details, &d);
    }
}

/* --- the MAC table --- */

static void l2fib_add_del(struct api_call *c)
{
    const struct api_l2fib_add_del *m = c->msg;
    struct l2_state *s = l2_state_of(c->piste);
    const struct l2_bd *bd = m->bd_id ? l2_bd_find(s, m->bd_id) : NULL;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    u32 flags = (m->static_mac || m->bvi_mac || m->filter_mac ? L2_FIB_STATIC : 0) |
                (m->filter_mac ? L2_FIB_FILTER : 0) | (m->bvi_mac ? L2_FIB_BVI : 0);
    if (!bd)
        api_reply_retval(c, API_NO_SUCH_ENTRY);
    else if (!m->is_add)
        api_reply_errno(c, l2_fib_del(s, bd->index, m->mac, NULL));
    else if (!m->filter_mac && !f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(
            c, l2_fib_add(s, bd->index, m->mac, m->filter_mac ? IF_NONE : f->index, flags, NULL));
}

static bool fib_dump_more(struct api_call *c, void *state)
{
    struct l2_fib_walk *w = state;
    while (api_room(c)) {
        struct l2_fib_entry e;
        int rc = l2_fib_walk_next(w, &e);
        if (rc == 0)
            return false;
        const struct l2_bd *bd = rc == 1 ? l2_bd_at(w->l2, e.bd) : NULL;
        if (!bd)
            continue;
        struct api_l2_fib_table_details m = {.bd_id = bd->id,
                                             .sw_if_index = e.interface.i,
                                             .static_mac = e.is_static,
                                             .filter_mac = e.filter,
                                             .bvi_mac = e.bvi};
        memcpy(m.mac, e.mac, 6);
        api_reply(c, &api_message_l2_fib_table_details, &m);
    }
    return true;
}

static void fib_dump_end(void *state)
{
    free(((struct l2_fib_walk *)state)->keys);
    free(state);
}

static void l2_fib_table_dump(struct api_call *c)
{
    const struct api_l2_fib_table_dump *m = c->msg;
    struct l2_state *s = l2_state_of(c->piste);
    const struct l2_bd *bd = m->bd_id == UINT32_MAX ? NULL : l2_bd_find(s, m->bd_id);
    if (!bd && m->bd_id != UINT32_MAX)
        return;
    struct l2_fib_walk *w = mem_alloc(sizeof(*w));
    *w = (struct l2_fib_walk){.l2 = s, .bd = bd ? bd->index : UINT32_MAX};
    api_continue(c, fib_dump_more, fib_dump_end, w);
}

static bool l2_api_fib_flush_more(struct api_call *c, void *state)
{
    while (api_room(c))
        if (!l2_fib_flush_next(l2_state_of(c->piste), state)) {
            api_reply_retval(c, 0);
            return false;
        }
    return true;
}

static void l2_api_fib_flush(struct api_call *c, u32 bd, struct if_index i,
                             enum l2_fib_flushed what)
{
    struct l2_fib_flush *f = mem_alloc(sizeof(*f));
    *f = (struct l2_fib_flush){.bd = bd, .interface = i, .what = what};
    api_continue(c, l2_api_fib_flush_more, free, f);
}

static void l2_fib_clear_table(struct api_call *c)
{
    l2_api_fib_flush(c, UINT32_MAX, IF_NONE, L2_FIB_FLUSH_ALL);
}

static void l2fib_flush_all(struct api_call *c)
{
    l2_api_fib_flush(c, UINT32_MAX, IF_NONE, L2_FIB_FLUSH_LEARNT);
}

static void l2fib_flush_bd(struct api_call *c)
{
    const struct api_l2fib_flush_bd *m = c->msg;
    const struct l2_bd *bd = l2_bd_find(l2_state_of(c->piste), m->bd_id);
    if (bd)
        l2_api_fib_flush(c, bd->index, IF_NONE, L2_FIB_FLUSH_LEARNT);
    else
        api_reply_retval(c, API_NO_SUCH_ENTRY);
}

static void l2fib_flush_int(struct api_call *c)
{
    const struct api_l2fib_flush_int *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (f)
        l2_api_fib_flush(c, UINT32_MAX, f->index, L2_FIB_FLUSH_LEARNT);
    else
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
}

const struct api_handler l2_api[] = {
    {&api_message_bridge_domain_add_del, bridge_domain_add_del},
    {&api_message_bridge_domain_add_del_v2, bridge_domain_add_del_v2},
    {&api_message_bridge_domain_dump, bridge_domain_dump},
    {&api_message_bridge_flags, bridge_flags},
    {&api_message_bridge_domain_set_mac_age, l2_api_set_mac_age},
    {&api_message_bridge_domain_set_learn_limit, l2_api_set_learn_limit},
    {&api_message_bridge_domain_set_default_learn_limit, l2_api_set_default_learn_limit},
    {&api_message_bd_ip_mac_add_del, ip_mac_add_del},
    {&api_message_bd_ip_mac_flush, ip_mac_flush},
    {&api_message_bd_ip_mac_dump, ip_mac_dump},
    {&api_message_sw_interface_set_l2_bridge, set_l2_bridge},
    {&api_message_l2_patch_add_del, l2_patch_add_del},
    {&api_message_sw_interface_set_l2_xconnect, set_l2_xconnect},
    {&api_message_l2_xconnect_dump, l2_xconnect_dump},
    {&api_message_l2fib_add_del, l2fib_add_del},
    {&api_message_l2_fib_table_dump, l2_fib_table_dump},
    {&api_message_l2_fib_clear_table, l2_fib_clear_table},
    {&api_message_l2fib_flush_all, l2fib_flush_all},
    {&api_message_l2fib_flush_bd, l2fib_flush_bd},
    {&api_message_l2fib_flush_int, l2fib_flush_int},
    {0},
};

/* Messages of urpf.api. */
#include <stdlib.h>

#include "api_urpf.h"
#include "base/mem.h"
#include "net/ip/route/ip_path_api.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/urpf/urpf.h"

static_assert((u32)URPF_OFF == URPF_API_MODE_OFF && (u32)URPF_LOOSE == URPF_API_MODE_LOOSE &&
                  (u32)URPF_STRICT == URPF_API_MODE_STRICT,
              "the API's modes are ours");

static void urpf_api_set(struct api_call *c, const struct api_urpf_update_v2 *m)
{
    const struct interface *it = api_interface(c->piste, m->sw_if_index);
    struct urpf x = {(enum urpf_mode)m->mode, FIB_NONE};
    i32 wrong = 0;
    if (!it)
        wrong = API_INVALID_SW_IF_INDEX;
    else if (m->mode >= URPF_MODE_N)
        wrong = API_INVALID_VALUE;
    else if (m->af >= IP_FAMILY_N)
        wrong = API_INVALID_ADDRESS_FAMILY;
    else if (m->table_id != UINT32_MAX)
        wrong = api_fib_table(fib_of(c->piste), ip_family_of(m->af), m->table_id, &x.table);
    if (wrong)
        api_reply_retval(c, wrong);
    else
        api_reply_errno(c, urpf_set(c->piste, it->index, ip_family_of(m->af),
                                    m->is_input ? URPF_RX : URPF_TX, x, NULL));
}

static void urpf_api_update(struct api_call *c)
{
    const struct api_urpf_update *m = c->msg;
    const struct api_urpf_update_v2 v2 = {.is_input = m->is_input,
                                          .mode = m->mode,
                                          .af = m->af,
                                          .sw_if_index = m->sw_if_index,
                                          .table_id = UINT32_MAX};
    urpf_api_set(c, &v2);
}

static void urpf_api_update_v2(struct api_call *c)
{
    urpf_api_set(c, c->msg);
}

static void urpf_api_details(struct api_call *c, struct if_index i, enum ip_family f,
                             enum urpf_dir d)
{
    struct urpf x = urpf_of(c->piste, i, f, d);
    if (!x.mode)
        return;
    struct api_urpf_interface_details m = {
        .sw_if_index = i.i,
        .is_input = d == URPF_RX,
        .mode = (u8)x.mode,
        .af = (u8)f,
        .table_id = fib_is_none(x.table) ? UINT32_MAX : fib_table_id(fib_of(c->piste), x.table),
    };
    api_reply(c, &api_message_urpf_interface_details, &m);
}

static bool urpf_api_more(struct api_call *c, void *state)
{
    u32 *from = state;
    const struct interface *it;
    for (; (it = interface_next(c->piste, *from)); *from = it->index.i + 1) {
        if (!api_room(c))
            return true;
        for (enum ip_family f = 0; f < IP_FAMILY_N; f++)
            for (u32 d = URPF_DIR_N; d--;)
                urpf_api_details(c, it->index, f, (enum urpf_dir)d);
    }
    return false;
}

static void urpf_api_dump(struct api_call *c)
{
    const struct api_urpf_interface_dump *m = c->msg;
    if (m->sw_if_index == UINT32_MAX) {
        api_continue(c, urpf_api_more, free, mem_alloc(sizeof(u32)));
        return;
    }
    const struct interface *it = api_interface(c->piste, m->sw_if_index);
    for (enum ip_family f = 0; it && f < IP_FAMILY_N; f++)
        for (u32 d = URPF_DIR_N; d--;)
            urpf_api_details(c, it->index, f, (enum urpf_dir)d);
}

const struct api_handler urpf_api_handlers[] = {
    {&api_message_urpf_update, urpf_api_update},
    {&api_message_urpf_update_v2, urpf_api_update_v2},
    {&api_message_urpf_interface_dump, urpf_api_dump},
    {0},
};

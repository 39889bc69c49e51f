/* Messages of ip.api about path MTUs of peers. */
#include "api/api_ip.h"
#include "net/ip/address/address_api.h"
#include "net/ip/pmtu/pmtu_peer.h"

#define PMTU_PEERS_A_REPLY 1000 /* and then a cursor to go on from */

static void ip_path_mtu_update(struct api_call *c)
{
    const struct api_ip_path_mtu_update *m = c->msg;
    enum ip_family f = IP_FAMILY_4;
    struct ip_address addr;
    i32 wrong = api_ip_address(&m->pmtu.nh, &f, &addr);
    struct fib_index table = fib_table_find(fib_of(c->piste), f, m->pmtu.table_id);
    if (wrong)
        api_reply_retval(c, wrong);
    else if (fib_is_none(table))
        api_reply_retval(c, API_NO_SUCH_FIB);
    else
        api_reply_errno(c, pmtu_peer_set(c->piste, table, &addr, m->pmtu.path_mtu, NULL));
}

static void ip_path_mtu_get(struct api_call *c)
{
    const struct api_ip_path_mtu_get *m = c->msg;
    struct api_ip_path_mtu_get_reply reply = {.cursor = UINT32_MAX};
    u32 i = m->cursor == UINT32_MAX ? 0 : m->cursor;
    const struct pmtu_peer *x;
    for (u32 n = 0; (x = pmtu_peer_next(c->piste, &i)); i++) {
        if (n++ == PMTU_PEERS_A_REPLY) {
            reply.retval = API_EAGAIN;
            reply.cursor = i;
            break;
        }
        struct api_ip_path_mtu_details d = {
            .pmtu = {.table_id = fib_table_id(fib_of(c->piste), x->table), .path_mtu = x->mtu}};
        api_ip_address_to(fib_family(x->table), &x->addr, &d.pmtu.nh);
        api_reply(c, &api_message_ip_path_mtu_details, &d);
    }
    api_reply(c, &api_message_ip_path_mtu_get_reply, &reply);
}

static void ip_path_mtu_replace_begin(struct api_call *c)
{
    pmtu_peer_replace_begin(c->piste);
    api_reply_retval(c, 0);
}

static void ip_path_mtu_replace_end(struct api_call *c)
{
    pmtu_peer_replace_end(c->piste);
    api_reply_retval(c, 0);
}

const struct api_handler pmtu_peer_api[] = {
    {&api_message_ip_path_mtu_update, ip_path_mtu_update},
    {&api_message_ip_path_mtu_get, ip_path_mtu_get},
    {&api_message_ip_path_mtu_replace_begin, ip_path_mtu_replace_begin},
    {&api_message_ip_path_mtu_replace_end, ip_path_mtu_replace_end},
    {0},
};

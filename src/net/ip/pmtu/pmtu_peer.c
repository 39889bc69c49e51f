/* See pmtu_peer.h. */
#include "net/ip/pmtu/pmtu_peer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "engine/thread.h"
#include "net/ip/address/address_data.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"

const char pmtu_peer_module_name[] = "pmtu-peer";

static struct log_class pmtu_peer_log = {"pmtu", NULL};

struct pmtu_peer_key {
    u32 table;
    struct ip_address addr;
};
static_assert(sizeof(struct pmtu_peer_key) == 20, "no padding");

struct pmtu_peers {
    struct piste *piste;
    struct pool pool; /* of struct pmtu_peer */
    struct hash by_key;
};

static struct pmtu_peers *pmtu_peers_of(const struct piste *p)
{
    return module_state(p, pmtu_peer_module_name);
}

static void pmtu_peer_leave_neighbor(struct fib *f, struct pmtu_peer *x)
{
    if (!if_is_none(x->neighbor.interface))
        adj_neighbor_set_mtu(f, &x->neighbor, 0);
    x->neighbor.interface = IF_NONE;
}

/* The link on which it is a neighbour; IF_NONE: its route has the MTU. So it is, too, where another
 * table's link is meant: adjacencies are those of all tables. */
static struct if_index pmtu_peer_link(const struct fib *f, const struct pmtu_peer *x)
{
    struct if_index link = fib_track_link(f, x->track);
    bool is_own = !if_is_none(link) && ip_if_fib(fib_family(x->table), link).i == x->table.i;
    return is_own ? link : IF_NONE;
}

/* Says it where the peer's route leads now. */
static int pmtu_peer_place(struct pmtu_peers *s, struct pmtu_peer *x, struct error *e)
{
    static const char *const nodes[IP_FAMILY_N] = {"ip4-pmtu-dpo", "ip6-pmtu-dpo"};
    struct fib *f = fib_of(s->piste);
    enum ip_family family = fib_family(x->table);
    struct if_index link = pmtu_peer_link(f, x);
    if (!if_equal(link, x->neighbor.interface))
        pmtu_peer_leave_neighbor(f, x);
    if (if_is_none(link))
        return fib_path_mtu_set(f, x->track, node_must_find(engine_of(s->piste), nodes[family]),
                                x->mtu, e);
    x->neighbor = (struct link_host){x->addr, link, family};
    adj_neighbor_set_mtu(f, &x->neighbor, x->mtu);
    fib_path_mtu_clear(f, x->track);
    return 0;
}

static void pmtu_peer_moved(struct piste *p, void *arg)
{
    struct pmtu_peers *s = pmtu_peers_of(p);
    struct pmtu_peer *x = pool_at(&s->pool, (u32)(uintptr_t)arg);
    struct error e;
    if (pmtu_peer_place(s, x, &e))
        log_warn(&pmtu_peer_log, "%s", e.text);
}

static struct pmtu_peer_key pmtu_peer_key(struct fib_index table, const struct ip_address *addr)
{
    return (struct pmtu_peer_key){table.i, *addr};
}

static void pmtu_peer_free(struct pmtu_peers *s, u32 i)
{
    struct fib *f = fib_of(s->piste);
    struct pmtu_peer *x = pool_at(&s->pool, i);
    struct pmtu_peer_key key = pmtu_peer_key(x->table, &x->addr);
    pmtu_peer_leave_neighbor(f, x);
    fib_path_mtu_clear(f, x->track);
    fib_untrack(f, x->track);
    hash_del(&s->by_key, &key);
    pool_put(&s->pool, i);
}

static int pmtu_peer_new(struct pmtu_peers *s, struct fib_index table,
                         const struct ip_address *addr, u16 mtu, struct error *e)
{
    struct pmtu_peer_key key = pmtu_peer_key(table, addr);
    u32 i = pool_get(&s->pool);
    if (i == POOL_NONE)
        return error_set(e, ENOSPC, "no room for more than %u path MTUs", PMTU_PEERS_MAX);
    struct pmtu_peer *x = pool_at(&s->pool, i);
    *x = (struct pmtu_peer){
        .table = table, .addr = *addr, .mtu = mtu, .neighbor.interface = IF_NONE};
    int rc = fib_track(fib_of(s->piste), table, addr, pmtu_peer_moved, (void *)(uintptr_t)i,
                       &x->track, e);
    if (rc) {
        pool_put(&s->pool, i);
        return rc;
    }
    hash_set(&s->by_key, &key, i);
    rc = pmtu_peer_place(s, x, e);
    if (rc)
        pmtu_peer_free(s, i);
    return rc;
}

static bool pmtu_peer_is_host4(be32 a)
{
    return !ip4_is_multicast(a) && !ip4_is_limited_broadcast(a) && !ip4_is_loopback(a) &&
           !ip4_is_this_network(a);
}

static int pmtu_peer_check(struct fib_index table, const struct ip_address *a, u16 mtu,
                           struct error *e)
{
    enum ip_family f = fib_family(table);
    u32 least = f == IP_FAMILY_4 ? IP4_MIN_MTU_BYTES : IP6_MIN_MTU_BYTES;
    bool is_host = f == IP_FAMILY_4 ? pmtu_peer_is_host4(a->ip4)
                                    : !ip6_is_multicast(a->bytes) && !ip6_is_link_local(a->bytes);
    if (!is_host)
        return error_set(e, EINVAL, "no address that has a path of its own");
    return mtu < least ? error_set(e, EINVAL, "a path MTU is at least %u bytes", least) : 0;
}

int pmtu_peer_set(struct piste *p, struct fib_index table, const struct ip_address *addr, u16 mtu,
                  struct error *e)
{
    struct pmtu_peers *s = pmtu_peers_of(p);
    struct pmtu_peer_key key = pmtu_peer_key(table, addr);
    u64 i;
    bool is_known = hash_get(&s->by_key, &key, &i);
    int rc = mtu ? pmtu_peer_check(table, addr, mtu, e) : 0;
    if (rc)
        return rc;
    if (!mtu && !is_known)
        return error_set(e, ENOENT, "no path MTU is known there");
    if (!is_known)
        return pmtu_peer_new(s, table, addr, mtu, e);
    if (!mtu) {
        pmtu_peer_free(s, (u32)i);
        return 0;
    }
    struct pmtu_peer *x = pool_at(&s->pool, (u32)i);
    u16 before = x->mtu;
    x->mtu = mtu;
    rc = pmtu_peer_place(s, x, e); /* fails only where its route has moved, and had no room then */
    if (rc)
        x->mtu = before;
    else
        x->is_stale = false;
    return rc;
}

void pmtu_peer_replace_begin(struct piste *p)
{
    struct pmtu_peers *s = pmtu_peers_of(p);
    pool_each(&s->pool, i)
    {
        ((struct pmtu_peer *)pool_at(&s->pool, i))->is_stale = true;
    }
}

void pmtu_peer_replace_end(struct piste *p)
{
    struct pmtu_peers *s = pmtu_peers_of(p);
    pool_each(&s->pool, i)
    {
        if (((struct pmtu_peer *)pool_at(&s->pool, i))->is_stale)
            pmtu_peer_free(s, i);
    }
}

const struct pmtu_peer *pmtu_peer_next(const struct piste *p, u32 *at)
{
    const struct pmtu_peers *s = pmtu_peers_of(p);
    *at = pool_next(&s->pool, *at);
    return *at == POOL_NONE ? NULL : pool_at(&s->pool, *at);
}

int pmtu_peer_init(struct piste *p, void **state, struct error *e)
{
    struct pmtu_peers *s = mem_alloc(sizeof(*s));
    s->piste = p;
    pool_init(&s->pool, "path MTUs of peers", sizeof(struct pmtu_peer), 8, PMTU_PEERS_MAX);
    hash_init(&s->by_key, sizeof(struct pmtu_peer_key));
    *state = s;
    return 0;
}

void pmtu_peer_stop(struct piste *p, void *state)
{
    struct pmtu_peers *s = state;
    pool_each(&s->pool, i)
    {
        pmtu_peer_free(s, i);
    }
    hash_fini(&s->by_key);
    pool_fini(&s->pool);
    free(s);
}

/* What commands show of NAT44 EI alone: hosts inside, their sessions, and the ports that are taken.
 * Layouts are VPP's. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include "engine/engine.h"
#include "net/packet/ip4_format.h"
#include "plugins/nat/nat44_cli.h"
#include "plugins/nat/nat44_ei.h"
#include "plugins/nat/nat44_ei_cli.h"
#include "plugins/nat/nat44_ha.h"
#include "plugins/nat/nat44_internal.h"

/* --- sessions --- */

static const char *nat44_ei_protocol(u8 protocol)
{
    static const char *const names[] = {"tcp", "udp", "icmp"};
    enum nat44_count what = nat44_count_of(protocol);
    return what < array_len(names) ? names[what] : "unknown";
}

static void show_own_end(struct out *o, const char *key, const char *words, be32 addr, be16 port,
                         const union nat44_key *k)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    u8 protocol = nat44_key_protocol(k);
    out_object(o, key);
    out_text(o, "%s", words);
    out_str(o, "address", nat44_show_address_text(addr, text), " %s");
    out_str(o, "protocol", nat44_ei_protocol(protocol), " proto %s");
    if (nat44_has_ports(protocol))
        out_u64(o, "port", be16_to_host(port), " port %" PRIu64);
    else
        out_u64(o, "number", protocol, " %" PRIu64);
    out_u64(o, "fib", nat44_key_fib(k).i, " fib %" PRIu64 "\n");
    out_end(o);
}

static void nat44_ei_show_session(struct cli_call *c, const struct nat44_session *s, u32 index)
{
    struct out *o = c->out;
    const union nat44_key *i2o = &s->key[NAT44_I2O], *o2i = &s->key[NAT44_O2I];
    u64 left_ns;
    out_object(o, NULL);
    show_own_end(o, "i2o", "    i2o", i2o->src, i2o->sport, i2o);
    show_own_end(o, "o2i", "  o2i", o2i->dst, o2i->dport, o2i);
    out_u64(o, "index", index, "       index %" PRIu64 "\n");
    nat44_show_seconds(o, "last_heard", s->last_heard_ns - c->piste->start_ns,
                       "       last heard ");
    (void)nat44_session_is_over(c->piste, s, &left_ns);
    out_f64(o, "timeout_in", (double)left_ns / NS_PER_SEC, NULL);
    out_u64(o, "packets", s->packets, "       total pkts %" PRIu64);
    out_u64(o, "bytes", s->bytes, ", total bytes %" PRIu64 "\n");
    out_bool(o, "static", s->flags & NAT44_SESSION_STATIC, "       static translation\n",
             "       dynamic translation\n");
    out_bool(o, "forwarding_bypass", s->flags & NAT44_SESSION_BYPASS, "       forwarding-bypass\n",
             "");
    out_end(o);
}

/* Where it is: at a user, in a list of its sessions. */
struct nat44_ei_place {
    struct nat44_show_thread at; /* first */
    bool in_user;
    u32 next_user, user;
    struct nat44_user u;
    u32 list, session;
};

/* Returns whether there is one. */
static bool ei_begin_user(struct cli_call *c, struct nat44_ei_place *place)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    if (!nat44_is_enabled(c->piste) ||
        !nat44_users_copy(c->piste, place->at.thread, &place->next_user, &place->u, &place->user,
                          1))
        return false;
    place->in_user = true;
    place->list = 0;
    place->session = place->u.sessions[0].first;
    out_object(c->out, NULL);
    out_str(c->out, "address", nat44_show_address_text(place->u.addr, text), "  %s");
    out_u64(c->out, "fib", place->u.fib, NULL);
    out_u64(c->out, "dynamic", place->u.sessions[0].n, ": %" PRIu64 " dynamic translations");
    out_u64(c->out, "static", place->u.sessions[1].n, ", %" PRIu64 " static translations\n");
    out_array(c->out, "sessions");
    return true;
}

/* Some more of the user's, or its end. */
static void ei_show_some(struct cli_call *c, struct nat44_ei_place *place, bool detail)
{
    struct nat44_session s[32];
    u32 index[array_len(s)];
    if (detail && place->session != INDEX_LIST_NONE && nat44_is_enabled(c->piste)) {
        u32 n = nat44_user_sessions(c->piste, place->at.thread, &place->u, place->user,
                                    &place->session, s, index, array_len(s));
        for (u32 i = 0; i < n; i++)
            nat44_ei_show_session(c, &s[i], index[i]);
        return;
    }
    if (detail && place->list++ == 0) {
        place->session = place->u.sessions[1].first;
        return;
    }
    out_end(c->out);
    out_end(c->out);
    place->in_user = false;
}

static int ei_show_piece(struct cli_call *c, struct nat44_show_thread *at)
{
    struct nat44_ei_place *place = (struct nat44_ei_place *)at;
    if (!place->in_user)
        return ei_begin_user(c, place);
    ei_show_some(c, place, cli_has(c, "detail"));
    return 1;
}

int nat44_ei_show_sessions(struct cli_call *c)
{
    return nat44_show_threads(c, sizeof(struct nat44_ei_place), "NAT44 sessions:", "users",
                              ei_show_piece);
}

/* --- addresses --- */

struct busy {
    u32 n[NAT44_COUNTS];
};

struct busy_ports {
    struct nat44_place at;
    u32 next; /* address to show, when all sessions are counted */
    struct hash by_address;
    VEC(struct busy) v;
};

static void busy_free(void *state)
{
    struct busy_ports *x = state;
    hash_fini(&x->by_address);
    vec_free(&x->v);
}

static void count_busy(struct busy_ports *x, const struct nat44_session *s)
{
    const union nat44_key *o2i = &s->key[NAT44_O2I];
    u64 at;
    if (s->flags & NAT44_SESSION_BYPASS)
        return;
    if (!hash_get(&x->by_address, &o2i->dst, &at)) {
        at = x->v.n;
        hash_set(&x->by_address, &o2i->dst, at);
        vec_add(&x->v, ((struct busy){0}));
    }
    x->v.v[at].n[nat44_count_of(nat44_key_protocol(o2i))]++;
}

int nat44_ei_show_addresses(struct cli_call *c)
{
    static const u32 none[NAT44_COUNTS];
    struct busy_ports *x = cli_kept(c, sizeof(*x), busy_free);
    struct nat44_session s[64];
    struct nat_pool_entry a;
    u32 n;
    if (!c->again) {
        x->at.thread = 1;
        hash_init(&x->by_address, sizeof(be32));
        out_text(c->out, "NAT44 pool addresses:\n");
        out_array(c->out, "addresses");
    }
    for (u32 k = 0; nat44_sessions_next(c->piste, &x->at, s, array_len(s), &n); k++) {
        for (u32 i = 0; i < n; i++)
            count_busy(x, &s[i]);
        if (k == 1024) /* others have their turn */
            return CLI_MORE;
    }
    for (; nat44_address_at(c->piste, NAT44_POOL, x->next, &a); x->next++) {
        u64 at;
        if (cli_full(c))
            return CLI_MORE;
        nat44_show_address(c, &a, hash_get(&x->by_address, &a.addr, &at) ? x->v.v[at].n : none);
    }
    out_end(c->out);
    return 0;
}

/* --- ports --- */

int nat44_ei_show_ports(struct cli_call *c)
{
    static const char *const names[] = {"default", "map-e", "port-range"};
    struct nat44_port_config x = nat44_ports(c->piste);
    struct out *o = c->out;
    out_str(o, "algorithm", names[x.alg], "NAT address and port assignment: %s\n");
    if (x.alg == NAT44_PORTS_MAP_E) {
        out_u64(o, "psid", x.psid, "  psid %" PRIu64);
        out_u64(o, "psid_offset", x.psid_offset, " psid-offset %" PRIu64);
        out_u64(o, "psid_length", x.psid_len, " psid-len %" PRIu64 "\n");
    } else if (x.alg == NAT44_PORTS_RANGE) {
        out_u64(o, "start_port", x.first, "  start-port %" PRIu64);
        out_u64(o, "end_port", x.last, " end-port %" PRIu64 "\n");
    }
    return 0;
}

/* --- high availability --- */

static void show_ha_end(struct out *o, const char *key, be32 addr, u16 port, const char *value_key,
                        u32 value, const char *words)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    out_object(o, key);
    out_str(o, "address", nat44_show_address_text(addr, text), "  %s");
    out_u64(o, "port", port, ":%" PRIu64);
    out_u64(o, value_key, value, words);
    out_end(o);
}

static void show_ha_counts(struct out *o, const struct nat44_ha_counts *n)
{
    static const char *const types[NAT44_HA_TYPES] = {NULL, "add", "delete", "refresh"};
    out_object(o, "sent");
    for (u32 i = 1; i < NAT44_HA_TYPES; i++)
        out_u64(o, types[i], n->sent[i], NULL);
    out_end(o);
    out_object(o, "received");
    for (u32 i = 1; i < NAT44_HA_TYPES; i++)
        out_u64(o, types[i], n->received[i], NULL);
    out_end(o);
    out_u64(o, "sent_again", n->again, NULL);
    out_u64(o, "missed", n->missed, NULL);
    out_u64(o, "lost", n->lost, NULL);
    out_u64(o, "refused", n->refused, NULL);
    out_u64(o, "bad", n->bad, NULL);
}

int nat44_ha_show(struct cli_call *c)
{
    const struct nat44_ha *ha = nat44_ha_of(c->piste);
    struct out *o = c->out;
    if (!ha->c.listener_port) {
        out_text(o, "NAT HA disabled\n");
        return 0;
    }
    out_text(o, "LISTENER:\n");
    show_ha_end(o, "listener", ha->c.listener, ha->c.listener_port, "path_mtu", ha->c.path_mtu,
                " path-mtu %" PRIu64 "\n");
    out_text(o, "FAILOVER:\n");
    if (ha->c.failover_port)
        show_ha_end(o, "failover", ha->c.failover, ha->c.failover_port, "refresh_interval",
                    ha->c.refresh_s, " refresh-interval %" PRIu64 "sec\n");
    else
        out_text(o, "  NA\n");
    out_text(o, "RESYNC:\n");
    out_bool(o, "resync_in_progress", ha->resyncing, "  in progress\n", "");
    out_u64(o, "resync_missed", ha->resync_missed,
            ha->resyncing ? NULL : "  completed (%" PRIu64 " ACK missed)\n");
    show_ha_counts(o, &ha->counts);
    return 0;
}

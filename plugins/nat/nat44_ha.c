/* What the failover is told of sessions, and what was set of it. See nat44_ha.h. */
#include "plugins/nat/nat44_ha.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/loop.h"
#include "engine/engine.h"
#include "net/ip/ip4/ip4_local.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/l4_packet.h"
#include "plugins/nat/nat44_internal.h"

#define HA_FILL_NS (10 * NS_PER_MSEC) /* a message waits so long for more */
#define HA_ANSWER_NS (2 * NS_PER_SEC) /* and so long for its answer */
#define HA_TRIES 3
#define HA_UNANSWERED 4096 /* more are lost */
#define HA_WINDOW 64       /* unanswered, while the failover is told of all */
#define HA_ROOM_LEFT 256   /* of packets that wait to be sent: for others */
#define HA_SESSIONS_AT_A_TIME 1024
#define HA_HEADERS (sizeof(struct ip4_header) + sizeof(struct udp_header))

struct nat44_ha *nat44_ha_of(const struct piste *p)
{
    return nat44_state_of(p)->ha;
}

/* --- messages --- */

/* The timer fires at least that soon. */
static void ha_wake(struct nat44_ha *ha, u64 at_ns)
{
    if (at_ns >= ha->due_ns)
        return;
    ha->due_ns = at_ns;
    loop_timer_set(ha->p->loop, ha->timer, at_ns);
}

static u32 records_of_message(const struct nat44_ha *ha)
{
    return (u32)((ha->c.path_mtu - HA_HEADERS - sizeof(struct nat44_ha_header)) /
                 sizeof(struct nat44_ha_record));
}

static void ha_send(struct nat44_ha *ha, struct nat44_ha_message *m)
{
    u32 bytes = (u32)(sizeof(struct nat44_ha_header) + m->n * sizeof(struct nat44_ha_record));
    m->sent_ns = clock_ns();
    m->tries++;
    (void)!udp4_send(ha->p, &ha->flow, m->bytes, bytes); /* else it is sent again */
}

static void ha_send_filling(struct nat44_ha *ha)
{
    struct nat44_ha_message *m = ha->filling;
    if (!m)
        return;
    ha->filling = NULL;
    if (ha->unanswered.n == HA_UNANSWERED) {
        ha->counts.lost += m->n;
        free(m);
        return;
    }
    m->sequence = ++ha->sequence;
    struct nat44_ha_header h = {.version = NAT44_HA_VERSION,
                                .count = be16_from_host((u16)m->n),
                                .sequence = be32_from_host(m->sequence)};
    memcpy(m->bytes, &h, sizeof(h));
    vec_add(&ha->unanswered, m);
    ha_send(ha, m);
}

static void ha_add(struct nat44_ha *ha, const struct nat44_ha_record *r)
{
    u32 most = records_of_message(ha);
    struct nat44_ha_message *m = ha->filling;
    if (!m) {
        m = ha->filling = mem_alloc(sizeof(*m) + ha->c.path_mtu);
        ha_wake(ha, clock_ns() + HA_FILL_NS);
    }
    memcpy(m->bytes + sizeof(struct nat44_ha_header) + m->n++ * sizeof(*r), r, sizeof(*r));
    ha->counts.sent[r->type]++;
    if (m->n == most)
        ha_send_filling(ha);
}

static be32 table_number(const struct nat44_ha *ha, u32 fib)
{
    return be32_from_host(fib_table_id(fib_of(ha->p), (struct fib_index){fib}));
}

void nat44_ha_tell(struct piste *p, const struct nat_log_event *ev)
{
    struct nat44_ha *ha = nat44_ha_of(p);
    if (ev->kind != NAT_LOG_SESSION_ADD && ev->kind != NAT_LOG_SESSION_DELETE)
        return;
    ha_add(ha, &(struct nat44_ha_record){
                   .type = ev->kind == NAT_LOG_SESSION_ADD ? NAT44_HA_ADD : NAT44_HA_DELETE,
                   .protocol = ev->protocol,
                   .flags = (ev->is_static ? NAT44_HA_STATIC : 0) |
                            (ev->from_outside ? NAT44_HA_FROM_OUTSIDE : 0),
                   .inside = ev->inside,
                   .outside = ev->outside,
                   .inside_port = ev->inside_port,
                   .outside_port = ev->outside_port,
                   .inside_table = table_number(ha, ev->fib),
                   .outside_table = table_number(ha, ev->outside_fib),
               });
}

static void ha_tell_of(struct nat44_ha *ha, const struct nat44_session *s, enum nat44_ha_type type)
{
    const union nat44_key *i2o = &s->key[NAT44_I2O], *o2i = &s->key[NAT44_O2I];
    ha_add(ha,
           &(struct nat44_ha_record){
               .type = (u8)type,
               .protocol = nat44_key_protocol(i2o),
               .flags = (u8)((s->flags & NAT44_SESSION_STATIC ? NAT44_HA_STATIC : 0) |
                             (s->flags & NAT44_SESSION_FROM_OUTSIDE ? NAT44_HA_FROM_OUTSIDE : 0)),
               .state = s->state,
               .inside = i2o->src,
               .outside = o2i->dst,
               .inside_port = i2o->sport,
               .outside_port = o2i->dport,
               .inside_table = table_number(ha, nat44_key_fib(i2o).i),
               .outside_table = table_number(ha, nat44_key_fib(o2i).i),
               .packets = be64_from_host(s->packets),
               .bytes = be64_from_host(s->bytes),
           });
}

/* --- walks --- */

/* Some more sessions, as long as the failover follows. */
static void ha_walk(struct nat44_ha *ha, struct nat44_ha_walk *w, enum nat44_ha_type type)
{
    struct nat44_session s[64];
    u32 n;
    for (u32 done = 0; w->on && done < HA_SESSIONS_AT_A_TIME && ha->unanswered.n < HA_WINDOW &&
                       udp4_room(ha->p) > HA_ROOM_LEFT;
         done += array_len(s)) {
        w->on = nat44_sessions_next(ha->p, &w->at, s, array_len(s), &n);
        for (u32 i = 0; w->on && i < n; i++) {
            bool others = type == NAT44_HA_REFRESH && s[i].flags & NAT44_SESSION_QUIET;
            if (!(s[i].flags & NAT44_SESSION_BYPASS) && !others &&
                s[i].last_heard_ns >= w->since_ns)
                ha_tell_of(ha, &s[i], type);
        }
    }
}

static void ha_resync_done(struct nat44_ha *ha)
{
    ha->resyncing = false;
    if (ha->resynced)
        ha->resynced(ha->p, ha->resync_missed);
}

/* Whether a message of the resync may still be answered. */
static bool ha_resync_waits(const struct nat44_ha *ha)
{
    for (u32 i = 0; i < ha->unanswered.n; i++)
        if ((i32)(ha->unanswered.v[i]->sequence - ha->resync_last) <= 0)
            return true;
    return false;
}

static void ha_go_on_with_resync(struct nat44_ha *ha)
{
    bool was_on = ha->resync.on;
    ha_walk(ha, &ha->resync, NAT44_HA_ADD);
    if (was_on && !ha->resync.on) {
        ha_send_filling(ha);
        ha->resync_last = ha->sequence;
    }
    if (ha->resyncing && !ha->resync.on && !ha_resync_waits(ha))
        ha_resync_done(ha);
}

/* --- answers --- */

void nat44_ha_answered(struct nat44_ha *ha, u32 sequence)
{
    for (u32 i = 0; i < ha->unanswered.n; i++)
        if (ha->unanswered.v[i]->sequence == sequence) {
            free(ha->unanswered.v[i]);
            vec_del(&ha->unanswered, i);
            if (ha->resyncing)
                ha_wake(ha, clock_ns());
            return;
        }
}

/* Those that were not answered in time are sent again, or given up. */
static void ha_try_again(struct nat44_ha *ha, u64 now_ns)
{
    u32 kept = 0;
    for (u32 i = 0; i < ha->unanswered.n; i++) {
        struct nat44_ha_message *m = ha->unanswered.v[i];
        bool late = now_ns >= m->sent_ns + HA_ANSWER_NS;
        if (late && m->tries > HA_TRIES) {
            ha->counts.missed++;
            ha->resync_missed += ha->resyncing;
            free(m);
            continue;
        }
        if (late && udp4_room(ha->p) > HA_ROOM_LEFT) {
            ha->counts.again++;
            ha_send(ha, m);
        }
        ha->unanswered.v[kept++] = m;
    }
    ha->unanswered.n = kept;
}

static void ha_on_timer(void *arg)
{
    struct nat44_ha *ha = arg;
    u64 now = clock_ns(), refresh = ha->refreshed_ns + ha->c.refresh_s * NS_PER_SEC;
    ha->due_ns = UINT64_MAX;
    if (!ha->c.failover_port)
        return;
    ha_try_again(ha, now);
    if (now >= refresh && !ha->refresh.on) {
        ha->refresh =
            (struct nat44_ha_walk){.on = true, .at = {.thread = 1}, .since_ns = ha->refreshed_ns};
        ha->refreshed_ns = now;
        refresh = now + ha->c.refresh_s * NS_PER_SEC;
    }
    ha_walk(ha, &ha->refresh, NAT44_HA_REFRESH);
    ha_go_on_with_resync(ha);
    ha_send_filling(ha);
    u64 again = ha->unanswered.n ? now + HA_ANSWER_NS / 8 : UINT64_MAX;
    if (ha->refresh.on || ha->resync.on)
        again = now + HA_FILL_NS;
    ha_wake(ha, min_u64(again, refresh));
}

/* --- settings --- */

static void ha_forget_messages(struct nat44_ha *ha)
{
    free(ha->filling);
    ha->filling = NULL;
    for (u32 i = 0; i < ha->unanswered.n; i++)
        free(ha->unanswered.v[i]);
    ha->unanswered.n = 0;
    ha->resync.on = ha->refresh.on = false;
    if (ha->resyncing)
        ha_resync_done(ha);
}

static int ha_check_listener(const struct nat44_ha *ha, be32 addr, u16 port, u32 path_mtu,
                             struct error *e)
{
    u32 least = (u32)(HA_HEADERS + sizeof(struct nat44_ha_header) + sizeof(struct nat44_ha_record));
    if (!port && ha->c.failover_port)
        return error_set(e, EINVAL, "the failover is told by the listener");
    if (port && be32_is_zero(addr))
        return error_set(e, EINVAL, "a listener has an address");
    if (path_mtu < least || path_mtu > 9000)
        return error_set(e, EINVAL, "path-mtu is %u to 9000 bytes", least);
    return 0;
}

int nat44_ha_set_listener(struct piste *p, be32 addr, u16 port, u32 path_mtu, struct error *e)
{
    struct nat44_ha *ha = nat44_ha_of(p);
    int rc = nat44_must_be_enabled(p, e);
    if (!rc)
        rc = ha_check_listener(ha, addr, port, path_mtu, e);
    if (!rc && port && port != ha->c.listener_port) {
        rc = ip4_udp_register(p, port, node_must_find(engine_of(p), "nat44-ei-ha"));
        if (rc)
            error_set(e, -rc, "port %u is in use", port);
    }
    if (rc)
        return rc;
    if (ha->c.listener_port && port != ha->c.listener_port)
        ip4_udp_unregister(p, ha->c.listener_port);
    ha_send_filling(ha); /* of the size that messages had */
    ha->c.listener = addr;
    ha->c.listener_port = port;
    ha->c.path_mtu = path_mtu;
    ha->flow.src = addr;
    ha->flow.src_port = be16_from_host(port);
    return 0;
}

int nat44_ha_set_failover(struct piste *p, be32 addr, u16 port, u32 refresh_s, struct error *e)
{
    struct nat44_ha *ha = nat44_ha_of(p);
    int rc = nat44_must_be_enabled(p, e);
    if (!rc && port && !ha->c.listener_port)
        rc = error_set(e, EINVAL, "there is no listener to tell the failover by");
    if (!rc && port && be32_is_zero(addr))
        rc = error_set(e, EINVAL, "a failover has an address");
    if (!rc && (!refresh_s || refresh_s > 86400))
        rc = error_set(e, EINVAL, "refresh-interval is 1 second to a day");
    if (rc)
        return rc;
    ha_forget_messages(ha);
    ha->c.failover = addr;
    ha->c.failover_port = port;
    ha->c.refresh_s = refresh_s;
    ha->flow.dst = addr;
    ha->flow.dst_port = be16_from_host(port);
    ha->refreshed_ns = clock_ns();
    nat_log_want(&nat44_state_of(p)->log, NAT_LOG_FAILOVER, port != 0);
    ha_wake(ha, clock_ns());
    return 0;
}

static int ha_must_have_failover(const struct piste *p, struct error *e)
{
    int rc = nat44_must_be_enabled(p, e);
    return !rc && !nat44_ha_of(p)->c.failover_port ? error_set(e, EINVAL, "there is no failover")
                                                   : rc;
}

int nat44_ha_flush(struct piste *p, struct error *e)
{
    int rc = ha_must_have_failover(p, e);
    if (!rc)
        ha_send_filling(nat44_ha_of(p));
    return rc;
}

int nat44_ha_resync(struct piste *p, struct error *e)
{
    struct nat44_ha *ha = nat44_ha_of(p);
    int rc = ha_must_have_failover(p, e);
    if (!rc && ha->resyncing)
        rc = error_set(e, EBUSY, "resync is in progress");
    if (rc)
        return rc;
    ha->resync = (struct nat44_ha_walk){.on = true, .at = {.thread = 1}};
    ha->resyncing = true;
    ha->resync_missed = 0;
    ha_wake(ha, clock_ns());
    return 0;
}

void nat44_ha_clear(struct piste *p)
{
    struct nat44_ha *ha = nat44_ha_of(p);
    ha_forget_messages(ha);
    if (ha->c.listener_port)
        ip4_udp_unregister(p, ha->c.listener_port);
    ha->c =
        (struct nat44_ha_config){.path_mtu = NAT44_HA_PATH_MTU, .refresh_s = NAT44_HA_REFRESH_S};
    ha->counts = (struct nat44_ha_counts){0};
    ha->resync_missed = 0;
    nat_log_want(&nat44_state_of(p)->log, NAT_LOG_FAILOVER, false);
}

struct nat44_ha *nat44_ha_new(struct piste *p)
{
    struct nat44_ha *ha = mem_alloc(sizeof(*ha));
    *ha = (struct nat44_ha){
        .p = p,
        .c = {.path_mtu = NAT44_HA_PATH_MTU, .refresh_s = NAT44_HA_REFRESH_S},
        .flow = {.fib = fib_table_find(fib_of(p), IP_FAMILY_4, 0), .checksum = true},
        .due_ns = UINT64_MAX,
        .sequence = (u32)(clock_ns() >> 10), /* none that an answer of before would fit */
    };
    ha->timer = loop_timer_add(p->loop, UINT64_MAX, 0, ha_on_timer, ha);
    return ha;
}

void nat44_ha_free(struct nat44_ha *ha)
{
    loop_timer_del(ha->p->loop, ha->timer);
    ha->resyncing = false;
    ha_forget_messages(ha);
    vec_free(&ha->unanswered);
    api_events_free(&ha->wanted);
    free(ha);
}

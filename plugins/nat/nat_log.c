/* See nat_log.h. */
#include "plugins/nat/nat_log.h"

#include "base/clock.h"
#include "control/loop.h"
#include "control/piste.h"
#include "engine/engine.h"
#include "net/ip/ip4/udp4_send.h"

#define NAT_LOG_EVENTS 65536 /* all sessions of a thread, by default, may end at once */
#define NAT_LOG_AT_A_TIME 256
#define NAT_LOG_ROOM_LEFT 256        /* of packets that wait to be sent: for others */
#define NAT_LOG_PAUSE_NS NS_PER_MSEC /* for data threads to send those */

void nat_log_add(struct nat_log *l, struct thread *t, const struct nat_log_event *ev)
{
    if (!ring_push(&l->ring, ev, sizeof(*ev))) {
        tally_add(counter_simple(l->lost, thread_index(t)), 1);
        return;
    }
    if (__atomic_exchange_n(&l->rung, 1, __ATOMIC_ACQ_REL))
        return;
    if (!thread_post(t, l->on_bell, "", 1)) /* the next one tries again */
        __atomic_store_n(&l->rung, 0, __ATOMIC_RELEASE);
}

static void nat_log_on_timer(void *arg)
{
    nat_log_drain(arg);
}

void nat_log_drain(struct nat_log *l)
{
    struct nat_log_event ev;
    u32 n = 0;
    bool room = true;
    if (!l->ring.slots)
        return;
    __atomic_exchange_n(&l->rung, 1, __ATOMIC_ACQ_REL); /* nobody rings while the timer runs */
    while (n < NAT_LOG_AT_A_TIME && (room = udp4_room(l->p) > NAT_LOG_ROOM_LEFT) &&
           ring_pop(&l->ring, &ev)) {
        if (l->on)
            l->tell(l->p, l->on, &ev);
        n++;
    }
    if (room && n < NAT_LOG_AT_A_TIME) {
        __atomic_exchange_n(&l->rung, 0, __ATOMIC_ACQ_REL);
        if (ring_empty(&l->ring)) /* else one came that did not ring */
            return;
    }
    loop_timer_set(l->p->loop, l->timer, clock_ns() + NAT_LOG_PAUSE_NS);
}

void nat_log_init(struct nat_log *l, const char *lost)
{
    struct engine *e = engine_of(l->p);
    l->lost = counter_vec_new(e, lost, false, THREADS_MAX);
    counter_zero(l->lost, engine_n_threads(e) - 1);
    l->timer = loop_timer_add(l->p->loop, UINT64_MAX, 0, nat_log_on_timer, l);
}

void nat_log_fini(struct nat_log *l)
{
    loop_timer_del(l->p->loop, l->timer);
    ring_fini(&l->ring);
    counter_vec_free(l->lost);
}

void nat_log_want(struct nat_log *l, enum nat_log_to to, bool wanted)
{
    if (wanted && !l->ring.slots)
        ring_init(&l->ring, NAT_LOG_EVENTS, sizeof(struct nat_log_event));
    __atomic_store_n(&l->on, wanted ? l->on | to : l->on & ~(u32)to, __ATOMIC_RELEASE);
}

/* Events of l2.api: addresses that were learnt, moved or went, in batches; stations that ARP
 * termination saw.
 *
 * Who wants addresses is told by a scan of the MAC table every scan-delay, in steps, so that
 * learning costs nothing more; an address that comes and goes between two scans is not told of. */
#include <stdlib.h>
#include <string.h>

#include "api/api_l2.h"
#include "base/vec.h"
#include "control/api.h"
#include "net/l2/l2_api.h"
#include "net/l2/l2_internal.h"

#define SCAN_DELAY_UNIT_MS 10
#define BATCH_UNIT 10

struct l2_events {
    struct api_events macs, stations;
    u32 batch_max;
    VEC(struct api_type_mac_entry) batch;
    bool limited; /* the client set the learn limit */
    struct l2_station last;
    bool has_last;
};

const char l2_event_api_module_name[] = "l2_event_api";

static struct l2_events *events_of(const struct piste *p)
{
    return module_state(p, l2_event_api_module_name);
}

/* --- addresses --- */

static void send_batch(struct piste *p, struct l2_events *s)
{
    struct api_l2_macs_event m = {.n_macs = s->batch.n, .mac = s->batch.v};
    if (s->batch.n)
        api_events_send(p, &s->macs, &api_message_l2_macs_event, &m, NULL, NULL);
    s->batch.n = 0;
}

static void stop_listening(struct piste *p, struct l2_events *s)
{
    s->batch.n = 0;
    l2_fib_on_event(p, NULL, NULL);
    if (s->limited)
        l2_fib_set_learn_limit(l2_state_of(p), 0);
    s->limited = false;
}

static void on_fib(struct piste *p, enum l2_fib_event ev, const struct l2_fib_entry *e, void *arg)
{
    static const u32 actions[] = {
        [L2_FIB_LEARNED] = MAC_EVENT_ACTION_API_ADD,
        [L2_FIB_MOVED] = MAC_EVENT_ACTION_API_MOVE,
        [L2_FIB_REMOVED] = MAC_EVENT_ACTION_API_DELETE,
    };
    struct l2_events *s = arg;
    if (ev == L2_FIB_SCANNED) {
        send_batch(p, s);
        if (!s->macs.list.n) /* the client has gone */
            stop_listening(p, s);
    } else if (!e->provisioned && s->macs.list.n) {
        struct api_type_mac_entry entry = {.sw_if_index = e->interface.i, .action = actions[ev]};
        memcpy(entry.mac_addr, e->mac, 6);
        vec_add(&s->batch, entry);
        if (s->batch.n >= s->batch_max)
            send_batch(p, s);
    }
}

/* One client at a time, which may change its mind. */
static i32 l2_event_api_begin(struct api_call *c, u32 max_macs, u32 pid)
{
    struct l2_events *s = events_of(c->piste);
    if (s->macs.list.n && s->macs.list.v[0].client_index != c->client_index)
        return API_L2_MACS_EVENT_CLIENT_PRESENT;
    if (!max_macs)
        return API_INVALID_VALUE;
    s->batch_max = max_macs * BATCH_UNIT;
    if (s->macs.list.n)
        return 0;
    s->batch.n = 0; /* nothing of one before */
    l2_fib_on_event(c->piste, on_fib, s);
    return api_events_want(c, &s->macs, true, pid, NULL, 0);
}

static i32 l2_event_api_end(struct api_call *c)
{
    struct l2_events *s = events_of(c->piste);
    if (!s->macs.list.n)
        return 0;
    if (s->macs.list.v[0].client_index != c->client_index)
        return API_L2_MACS_EVENT_CLIENT_PRESENT;
    stop_listening(c->piste, s);
    return api_events_want(c, &s->macs, false, 0, NULL, 0);
}

static i32 want_macs_with_limit(struct api_call *c, const struct api_want_l2_macs_events *m)
{
    struct l2_state *l2 = l2_state_of(c->piste);
    if (!m->enable_disable)
        return l2_event_api_end(c);
    if (!m->scan_delay || !m->learn_limit || m->learn_limit >= L2_LEARN_LIMIT_DEFAULT)
        return API_INVALID_VALUE;
    i32 wrong = l2_event_api_begin(c, m->max_macs_in_event, m->pid);
    if (wrong)
        return wrong;
    l2_fib_set_learn_limit(l2, m->learn_limit);
    events_of(c->piste)->limited = true;
    return api_retval(l2_fib_set_scan_delay(l2, m->scan_delay * SCAN_DELAY_UNIT_MS, NULL));
}

static void want_l2_macs_events(struct api_call *c)
{
    api_reply_retval(c, want_macs_with_limit(c, c->msg));
}

static void want_l2_macs_events2(struct api_call *c)
{
    const struct api_want_l2_macs_events2 *m = c->msg;
    api_reply_retval(c, m->enable_disable ? l2_event_api_begin(c, m->max_macs_in_event, m->pid)
                                          : l2_event_api_end(c));
}

static void l2_event_api_set_scan_delay(struct api_call *c)
{
    const struct api_l2fib_set_scan_delay *m = c->msg;
    api_reply_errno(c, l2_fib_set_scan_delay(l2_state_of(c->piste),
                                             (u32)m->scan_delay * SCAN_DELAY_UNIT_MS, NULL));
}

/* --- stations --- */

static void on_station(struct piste *p, const struct l2_station *station, void *arg)
{
    struct l2_events *s = arg;
    struct api_l2_arp_term_event m = {.sw_if_index = station->interface.i};
    if (!s->stations.list.n) { /* the clients have gone */
        l2_on_station(l2_state_of(p), NULL, NULL);
        return;
    }
    if (s->has_last && !memcmp(&s->last, station, sizeof(*station)))
        return; /* who repeats a question says nothing new */
    s->last = *station;
    s->has_last = true;
    api_l2_address_to(&station->ip, &m.ip);
    memcpy(m.mac, station->mac, 6);
    api_events_send(p, &s->stations, &api_message_l2_arp_term_event, &m, NULL, NULL);
}

static void want_l2_arp_term_events(struct api_call *c)
{
    const struct api_want_l2_arp_term_events *m = c->msg;
    struct l2_events *s = events_of(c->piste);
    i32 wrong = api_events_want(c, &s->stations, m->enable, m->pid, NULL, 0);
    if (!wrong && m->enable)
        s->has_last = false; /* the new one knows nothing */
    l2_on_station(l2_state_of(c->piste), s->stations.list.n ? on_station : NULL, s);
    api_reply_retval(c, wrong);
}

/* A station on a later interface of the same index is another one. */
static void l2_event_api_on_interface(struct piste *p, struct interface *f, enum if_event ev,
                                      void *arg)
{
    struct l2_events *s = events_of(p);
    if (ev == IF_EVENT_DELETE && if_equal(s->last.interface, f->index))
        s->has_last = false;
}

/* --- module --- */

int l2_event_api_init(struct piste *p, void **state, struct error *e)
{
    *state = mem_alloc(sizeof(struct l2_events));
    interface_on_event(p, l2_event_api_on_interface, NULL);
    return 0;
}

void l2_event_api_stop(struct piste *p, void *state)
{
    struct l2_events *s = state;
    l2_fib_on_event(p, NULL, NULL);
    l2_on_station(l2_state_of(p), NULL, NULL);
    api_events_free(&s->macs);
    api_events_free(&s->stations);
    vec_free(&s->batch);
    free(s);
}

const struct api_handler l2_event_api[] = {
    {&api_message_want_l2_macs_events, want_l2_macs_events},
    {&api_message_want_l2_macs_events2, want_l2_macs_events2},
    {&api_message_l2fib_set_scan_delay, l2_event_api_set_scan_delay},
    {&api_message_want_l2_arp_term_events, want_l2_arp_term_events},
    {0},
};

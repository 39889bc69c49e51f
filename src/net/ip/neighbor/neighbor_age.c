/* Learning who is there, and asking after those that were not heard of for long. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/loop.h"
#include "net/ip/address/address_data.h"
#include "net/ip/neighbor/neighbor_internal.h"
#include "net/link/interface/interface.h"

#define PROBES_PER_TICK 500

static struct log_class neighbor_log = {.name = "ip", .sub = "neighbor"};

/* Whether anybody asks for it. */
static bool neighbor_is_wanted(const struct neighbors *ns, const struct link_host *host)
{
    bool wanted = hash_get(&ns->resolving_by_host, host, NULL);
    for (u32 link = 0; link < IP_FAMILY_N; link++)
        wanted |= adj_neighbor_find(ns->fib, host, (enum ip_family)link).i != ADJ_NONE.i;
    return wanted;
}

void neighbor_on_learn(struct piste *p, const void *payload)
{
    struct neighbor_learn ev;
    memcpy(&ev, payload, sizeof(ev));
    struct neighbors *ns = neighbors_of(p);
    struct error e = {0};
    u32 n = neighbor_index(ns, &ev.host);
    const struct interface *f = interface_at(p, ev.host.interface);

    if (!f || !interface_is_up(f) ||
        !ip_if_enabled((enum ip_family)ev.host.family, ev.host.interface))
        return; /* the event is older than the change */
    const struct neighbor_protocol *protocol = ns->protocols[ev.host.family];
    if (protocol && protocol->is_on_link && !protocol->is_on_link(&ev.host))
        return; /* likewise */
    if (n == NEIGHBOR_NONE) {
        if (ev.only_known || (ev.only_wanted && !neighbor_is_wanted(ns, &ev.host)))
            return;
    } else if (!(neighbor_at(ns, n)->flags & NEIGHBOR_DYNAMIC)) {
        return; /* what the user said stands */
    } else if (ev.confirms) {
        memcpy(ev.mac, neighbor_at(ns, n)->mac, 6);
    } else if (ev.no_override && memcmp(ev.mac, neighbor_at(ns, n)->mac, 6) != 0) {
        return;
    }
    u8 flags = NEIGHBOR_DYNAMIC;
    if (n != NEIGHBOR_NONE)
        flags = neighbor_at(ns, n)->flags;
    if (neighbor_add(p, &ev.host, ev.mac, flags, &e)) {
        ns->n_learn_dropped++;
        log_debug(&neighbor_log, "not learnt: %s", e.text);
    }
}

/* Asks one that is old, unless it was asked a moment ago; one that stayed silent goes. Returns
 * whether it was asked. */
static bool neighbor_age(struct neighbors *ns, u32 n, u64 now)
{
    struct neighbor_entry *e = neighbor_at(ns, n);
    if (now - e->probe_ns < neighbor_ask_ns(&e->host) / 10 * 9)
        return false;
    if (e->probes == PROBES_MAX) {
        ns->n_timed_out++;
        neighbor_entry_free(ns, n);
        return false;
    }
    /* silence counts against the neighbour all the same */
    (void)!neighbor_ask(ns, &e->host, e->mac);
    e->probes++;
    e->probe_ns = now;
    return true;
}

void neighbor_age_tick(void *arg)
{
    struct neighbors *ns = arg;
    u64 now = clock_ns();
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        u64 age_ns = (u64)ns->config[f].age_s * NS_PER_SEC;
        u32 probes = 0, newer;
        for (u32 n = ns->dynamic[f].oldest; age_ns && n != NEIGHBOR_NONE; n = newer) {
            newer = neighbor_at(ns, n)->in[LIST_DYNAMIC].newer;
            if (now - neighbor_at(ns, n)->updated_ns < age_ns || probes == PROBES_PER_TICK)
                break;
            probes += !neighbor_is_gone(ns, neighbor_at(ns, n)) && neighbor_age(ns, n, now);
        }
    }
}

void neighbor_age_schedule(struct neighbors *ns)
{
    bool wanted = ns->config[IP_FAMILY_4].age_s || ns->config[IP_FAMILY_6].age_s;
    if (wanted && !ns->age_timer)
        ns->age_timer = loop_timer_add(ns->piste->loop, clock_ns() + NS_PER_SEC, NS_PER_SEC,
                                       neighbor_age_tick, ns);
    if (!wanted && ns->age_timer) {
        loop_timer_del(ns->piste->loop, ns->age_timer);
        ns->age_timer = NULL;
    }
}

/* See dad.h. */
#include "net/ip/nd/dad.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/loop.h"
#include "net/ip/address/address.h"
#include "net/ip/address/address_data.h"
#include "net/ip/nd/dad_internal.h"
#include "net/ip/neighbor/nd.h"
#include "net/ip/neighbor/neighbor.h"
#include "net/link/interface/interface.h"

#define DAD_DELAY_LEAST_S 0.1
#define DAD_DELAY_MAX_S 60.0

const char dad_module_name[] = "dad";

static struct log_class dad_log = {.name = "ip6", .sub = "dad"};

static struct dad *dad_of(const struct piste *p)
{
    return module_state(p, dad_module_name);
}

static struct dad_entry *dad_at(const struct dad *d, u32 i)
{
    return pool_at(&d->entries, i);
}

static const char *dad_address(const struct dad_probe *x, char out[IP_ADDRESS_TEXT_BYTES])
{
    return ip_address_text(IP_FAMILY_6, &x->host.addr, out);
}

static void dad_tell(struct dad *d, const struct dad_probe *x, enum dad_state state)
{
    for (u32 k = 0; k < d->hooks.n; k++)
        d->hooks.v[k].fn(d->piste, x, state, d->hooks.v[k].arg);
}

/* --- one address --- */

static void dad_end(struct dad *d, u32 i)
{
    struct dad_entry *x = dad_at(d, i);
    loop_timer_del(d->piste->loop, x->timer);
    hash_del(&d->by_host, &x->probe.host);
    pool_put(&d->entries, i);
    if (!d->entries.n_used)
        nd_watch(d->piste, false);
}

static void dad_tick(void *arg)
{
    struct dad_entry *x = arg;
    struct dad *d = x->dad;
    struct dad_probe probe;
    u64 i;
    if (x->probe.sent < x->probe.transmits) {
        x->probe.sent++;
        if (nd_probe(d->piste, &x->probe.host))
            log_warn(&dad_log, "no probe could be sent");
        loop_timer_set(d->piste->loop, x->timer,
                       clock_ns() + (u64)(d->config.delay_s * (double)NS_PER_SEC));
        return;
    }
    probe = x->probe;
    if (hash_get(&d->by_host, &probe.host, &i))
        dad_end(d, (u32)i);
    dad_tell(d, &probe, DAD_PREFERRED);
}

static void dad_start(struct dad *d, const struct link_host *host)
{
    const struct interface *f = neighbor_link(d->piste, host->interface);
    char text[IP_ADDRESS_TEXT_BYTES];
    if (!d->config.enabled || !f || !interface_is_up(f) || !neighbor_link_has_others(f) ||
        hash_get(&d->by_host, host, NULL))
        return;
    u32 i = pool_get(&d->entries);
    if (i == POOL_NONE) {
        log_warn(&dad_log, "too many addresses at a time");
        return;
    }
    struct dad_entry *x = dad_at(d, i);
    *x = (struct dad_entry){.dad = d, .probe = {*host, 0, d->config.transmits}};
    x->timer = loop_timer_add(d->piste->loop, clock_ns(), 0, dad_tick, x);
    hash_set(&d->by_host, host, i);
    nd_watch(d->piste, true);
    log_notice(&dad_log, "DAD started for %s on sw_if_index %u (%u transmits)",
               dad_address(&x->probe, text), host->interface.i, x->probe.transmits);
    dad_tell(d, &x->probe, DAD_TENTATIVE);
}

/* Somebody else on the link has the address, or is about to. */
static void dad_on_conflict(struct piste *p, const struct link_host *host, void *arg)
{
    struct dad *d = arg;
    char text[IP_ADDRESS_TEXT_BYTES];
    u64 i;
    if (!hash_get(&d->by_host, host, &i))
        return;
    struct dad_probe probe = dad_at(d, (u32)i)->probe;
    dad_end(d, (u32)i);
    log_error(&dad_log,
              "DAD FAILED: Duplicate address %s on sw_if_index %u - IP REMAINS CONFIGURED",
              dad_address(&probe, text), host->interface.i);
    dad_tell(d, &probe, DAD_DUPLICATE);
}

/* --- addresses and interfaces --- */

static struct link_host dad_host(struct if_index i, const struct ip_address *a)
{
    return (struct link_host){.addr = *a, .interface = i, .family = IP_FAMILY_6};
}

static void dad_on_address(struct piste *p, struct if_index i, struct ip_prefix a, bool add,
                           void *arg)
{
    struct dad *d = arg;
    struct link_host host = dad_host(i, &a.addr);
    u64 at;
    if (a.family != IP_FAMILY_6)
        return;
    if (add)
        dad_start(d, &host);
    else if (hash_get(&d->by_host, &host, &at))
        dad_end(d, (u32)at);
}

static void dad_start_all(struct dad *d, struct if_index i)
{
    const struct ip6_link *link = ip6_link(i);
    struct ip_prefix a;
    if (!link)
        return;
    struct link_host host = dad_host(i, &link->address);
    dad_start(d, &host);
    for (u32 k = 0; ip_address_at(d->piste, IP_FAMILY_6, i, k, &a); k++) {
        host = dad_host(i, &a.addr);
        dad_start(d, &host);
    }
}

/* Of an interface; IF_NONE: of all. */
static void dad_end_all(struct dad *d, struct if_index only)
{
    pool_each(&d->entries, i)
    {
        if (if_is_none(only) || if_equal(only, dad_at(d, i)->probe.host.interface))
            dad_end(d, i);
    }
}

static void dad_on_enable(struct piste *p, enum ip_family f, struct if_index i, bool enabled,
                          void *arg)
{
    struct dad *d = arg;
    if (f != IP_FAMILY_6)
        return;
    if (enabled)
        dad_start_all(d, i);
    else
        dad_end_all(d, i);
}

static void dad_follow_state(struct dad *d, const struct interface *f)
{
    if (interface_is_up(f))
        dad_start_all(d, f->index);
    else
        dad_end_all(d, f->index);
}

static void dad_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct dad *d = arg;
    if (ev == IF_EVENT_DELETE)
        dad_end_all(d, f->index);
    if (ev != IF_EVENT_ADMIN && ev != IF_EVENT_LINK)
        return;
    dad_follow_state(d, f);
    for (const struct interface *sub = f->subs; sub; sub = sub->next_sub)
        dad_follow_state(d, sub);
}

/* --- settings --- */

struct dad_config dad_config(const struct piste *p)
{
    return dad_of(p)->config;
}

int dad_set_config(struct piste *p, const struct dad_config *c, struct error *e)
{
    struct dad *d = dad_of(p);
    char text[24];
    if (!c->transmits || c->transmits > DAD_TRANSMITS_MAX)
        return error_set(e, EINVAL, "transmits must be between 1 and %u", DAD_TRANSMITS_MAX);
    if (!(c->delay_s >= DAD_DELAY_LEAST_S && c->delay_s <= DAD_DELAY_MAX_S))
        return error_set(e, EINVAL, "delay must be between %.1f and %.0f seconds",
                         DAD_DELAY_LEAST_S, DAD_DELAY_MAX_S);
    if (c->enabled != d->config.enabled)
        log_notice(&dad_log, "DAD %s", c->enabled ? "enabled" : "disabled");
    if (c->enabled)
        log_notice(&dad_log, "DAD configured: transmits=%u, delay=%ss", c->transmits,
                   dad_delay_text(c->delay_s, text));
    d->config = *c;
    d->config.delay_s = (double)(u32)(c->delay_s * 1000 + 0.5) / 1000; /* as it is saved */
    if (!c->enabled)
        dad_end_all(d, IF_NONE);
    return 0;
}

u32 dad_next(const struct piste *p, u32 from, struct dad_probe *out)
{
    const struct dad *d = dad_of(p);
    u32 i = pool_next(&d->entries, from);
    if (i == POOL_NONE)
        return UINT32_MAX;
    *out = dad_at(d, i)->probe;
    return i;
}

void dad_on_event(struct piste *p,
                  void (*fn)(struct piste *p, const struct dad_probe *x, enum dad_state state,
                             void *arg),
                  void *arg)
{
    vec_add(&dad_of(p)->hooks, ((struct dad_hook){fn, arg}));
}

/* --- life --- */

int dad_init(struct piste *p, void **state, struct error *e)
{
    struct dad *d = mem_alloc(sizeof(*d));
    d->piste = p;
    d->config =
        (struct dad_config){.transmits = DAD_DEFAULT_TRANSMITS, .delay_s = DAD_DEFAULT_DELAY_S};
    pool_init(&d->entries, "dad", sizeof(struct dad_entry), 8, DAD_PROBES_MAX);
    hash_init(&d->by_host, sizeof(struct link_host));
    nd_on_conflict(p, dad_on_conflict, d);
    ip_on_address(p, dad_on_address, d);
    ip_on_enable(p, dad_on_enable, d);
    interface_on_event(p, dad_on_interface, d);
    *state = d;
    return 0;
}

void dad_stop(struct piste *p, void *state)
{
    struct dad *d = state;
    dad_end_all(d, IF_NONE);
    nd_on_conflict(p, NULL, NULL);
    hash_fini(&d->by_host);
    pool_fini(&d->entries);
    vec_free(&d->hooks);
    free(d);
}

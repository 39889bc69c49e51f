/* Settings of router discovery, and its life; see ra.h. */
#include "net/ip/nd/ra.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/loop.h"
#include "engine/thread.h"
#include "net/ip/address/address.h"
#include "net/ip/icmp/icmp6.h"
#include "net/ip/nd/ra_internal.h"
#include "net/link/interface/interface.h"
#include "net/packet/nd_packet.h"

/* RFC 4861 6.2.1. */
#define RA_INTERVAL_MAX_S 1800u
#define RA_INTERVAL_LEAST_S 4u
#define RA_MIN_INTERVAL_LEAST_S 3u
#define RA_LIFETIME_MAX_S 9000u

const char ra_module_name[] = "ra";

struct ra *ra_of(const struct piste *p)
{
    return module_state(p, ra_module_name);
}

struct ra_if *ra_if_of(const struct piste *p, struct if_index i)
{
    const struct ra *ra = ra_of(p);
    return ra && i.i < ra->ifs.n ? ra->ifs.v[i.i] : NULL;
}

static struct ra_settings ra_defaults(void)
{
    return (struct ra_settings){
        .max_s = RA_INTERVAL_S,
        .min_s = RA_INTERVAL_S * 3 / 4,
        .lifetime_s = RA_INTERVAL_S * 3,
        .initial_count = RA_INITIAL_COUNT,
        .initial_s = RA_INITIAL_S,
    };
}

struct ra_if *ra_if_get(struct ra *ra, struct if_index i)
{
    while (ra->ifs.n <= i.i)
        vec_add(&ra->ifs, NULL);
    struct ra_if *x = ra->ifs.v[i.i];
    if (!x) {
        x = ra->ifs.v[i.i] = mem_alloc(sizeof(*x));
        x->ra = ra;
        x->index = i;
        x->router.settings = ra_defaults();
    }
    return x;
}

void ra_timer(struct ra_if *x, struct loop_timer **timer, u64 at_ns, void (*fn)(void *x))
{
    struct loop *loop = x->ra->piste->loop;
    if (*timer)
        loop_timer_set(loop, *timer, at_ns);
    else
        *timer = loop_timer_add(loop, at_ns, 0, fn, x);
}

u32 ra_take(struct piste *p, u32 bi, struct ip_address *src, u8 room[RA_PACKET_BYTES_MAX],
            const u8 **message)
{
    const struct buffer *b = buffer_at(bi);
    u32 at = (u32)(b->l4_start - b->start), n = buffer_copy_out(b, 0, room, RA_PACKET_BYTES_MAX);
    const struct ip6_header *h = (const struct ip6_header *)room;
    buffer_free_one(engine_main_thread(engine_of(p)), bi);
    if (n < sizeof(*h) || at < sizeof(*h) || ip6_length(h) > n || at > ip6_length(h))
        return 0;
    *src = ip6_address_of(h->src);
    *message = room + at;
    return ip6_length(h) - at;
}

/* --- settings --- */

struct ra_settings ra_settings(const struct piste *p, struct if_index i)
{
    const struct ra_if *x = ra_if_of(p, i);
    return x ? x->router.settings : ra_defaults();
}

static int ra_check(const struct ra_settings *s, struct error *e)
{
    if (s->max_s < RA_INTERVAL_LEAST_S || s->max_s > RA_INTERVAL_MAX_S)
        return error_set(e, EINVAL, "the interval must be between %u and %u seconds",
                         RA_INTERVAL_LEAST_S, RA_INTERVAL_MAX_S);
    if (s->min_s < RA_MIN_INTERVAL_LEAST_S || s->min_s * 4 > s->max_s * 3)
        return error_set(e, EINVAL, "the shortest interval must be between %u and %u seconds",
                         RA_MIN_INTERVAL_LEAST_S, s->max_s * 3 / 4);
    if (s->lifetime_s && (s->lifetime_s < s->max_s || s->lifetime_s > RA_LIFETIME_MAX_S))
        return error_set(e, EINVAL, "the lifetime must be 0, or between %u and %u seconds",
                         s->max_s, RA_LIFETIME_MAX_S);
    if (s->initial_count > RA_INITIAL_COUNT || s->initial_s > RA_INITIAL_S)
        return error_set(e, EINVAL, "at first there may be %u, %u seconds apart", RA_INITIAL_COUNT,
                         RA_INITIAL_S);
    return 0;
}

int ra_set(struct piste *p, struct if_index i, const struct ra_settings *s, struct error *e)
{
    const struct interface *f = interface_at(p, i);
    int rc = ra_check(s, e);
    if (!f || !f->has_mac)
        return error_set(e, ENODEV, "router discovery needs an interface with a MAC address");
    if (rc)
        return rc;
    struct ra_if *x = ra_if_get(ra_of(p), i);
    if (s->suppress || s->cease)
        ra_router_end(x);
    x->router.settings = *s;
    ra_router_refresh(x);
    ra_router_changed(x);
    return 0;
}

static u32 ra_prefix_position(const struct ra_settings *s, const struct ip_prefix *x)
{
    u32 i = 0;
    while (i < s->n_prefixes && !ip_prefix_equal(&s->prefixes[i].prefix, x))
        i++;
    return i;
}

int ra_prefix_add(struct ra_settings *s, const struct ra_prefix *x, struct error *e)
{
    struct ra_prefix new = *x;
    new.prefix.addr = ip_address_mask(&x->prefix.addr, x->prefix.len);
    u32 i = ra_prefix_position(s, &new.prefix);
    if (x->preferred_s > x->valid_s)
        return error_set(e, EINVAL, "a prefix cannot be preferred for longer than it is valid");
    if (x->prefix.family != IP_FAMILY_6 || x->prefix.len > IP6_ADDRESS_BITS ||
        ip6_is_link_local(x->prefix.addr.bytes) || ip6_is_multicast(x->prefix.addr.bytes))
        return error_set(e, EINVAL, "not a prefix that hosts could have addresses of");
    if (i == RA_PREFIXES_MAX)
        return error_set(e, ENOSPC, "no more than %u prefixes can be advertised", RA_PREFIXES_MAX);
    s->prefixes[i] = new;
    if (i == s->n_prefixes)
        s->n_prefixes++;
    return 0;
}

int ra_prefix_del(struct ra_settings *s, const struct ip_prefix *x, struct error *e)
{
    struct ip_prefix key = *x;
    key.addr = ip_address_mask(&x->addr, x->len);
    u32 i = ra_prefix_position(s, &key);
    if (i == s->n_prefixes)
        return error_set(e, ENOENT, "the prefix is not advertised");
    memmove(&s->prefixes[i], &s->prefixes[i + 1], (s->n_prefixes - i - 1) * sizeof(s->prefixes[0]));
    s->prefixes[--s->n_prefixes] = (struct ra_prefix){0};
    return 0;
}

u32 ra_left_s(const struct ra_prefix *x, u32 lifetime_s, u64 now_ns)
{
    u64 gone_s = (now_ns - x->since_ns) / NS_PER_SEC;
    if (x->fixed || lifetime_s == ND_FOREVER)
        return lifetime_s;
    return gone_s < lifetime_s ? lifetime_s - (u32)gone_s : 0;
}

struct ra_counts ra_counts(const struct piste *p, struct if_index i)
{
    const struct ra_if *x = ra_if_of(p, i);
    if (!x)
        return (struct ra_counts){0};
    const struct ra_router *r = &x->router;
    return (struct ra_counts){.sent = r->n_sent,
                              .solicited = r->n_solicited,
                              .dropped = r->n_dropped,
                              .next_ns = r->active ? r->next_ns : 0,
                              .multicast_ns = r->multicast_ns,
                              .initial_left = r->initial_left};
}

void ra_on_advertisement(struct piste *p,
                         void (*fn)(struct piste *p, struct if_index i,
                                    const struct ip_address *router, const struct ra_message *m,
                                    void *arg),
                         void *arg)
{
    vec_add(&ra_of(p)->hooks, ((struct ra_hook){fn, arg}));
}

/* --- interfaces --- */

static void ra_refresh(struct ra_if *x)
{
    ra_router_refresh(x);
    ra_host_refresh(x);
}

static void ra_on_enable(struct piste *p, enum ip_family family, struct if_index i, bool enabled,
                         void *arg)
{
    const struct interface *f = interface_at(p, i);
    if (family == IP_FAMILY_6 && f && f->has_mac)
        ra_refresh(ra_if_get(arg, i));
}

static void ra_if_free(struct ra_if *x)
{
    struct loop *loop = x->ra->piste->loop;
    ra_host_free(x);
    if (x->router.timer)
        loop_timer_del(loop, x->router.timer);
    free(x);
}

static void ra_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct ra *ra = arg;
    struct ra_if *x = ra_if_of(p, f->index);
    switch (ev) {
    case IF_EVENT_DELETE:
        if (x) {
            ra_if_free(x);
            ra->ifs.v[f->index.i] = NULL;
        }
        return;
    case IF_EVENT_ADMIN:
    case IF_EVENT_LINK:
        if (x)
            ra_refresh(x);
        for (const struct interface *sub = f->subs; sub; sub = sub->next_sub)
            if ((x = ra_if_of(p, sub->index)))
                ra_refresh(x);
        return;
    case IF_EVENT_MAC:
    case IF_EVENT_MTU:
        if (x)
            ra_router_changed(x);
        return;
    default:
        return;
    }
}

/* --- life --- */

int ra_init(struct piste *p, void **state, struct error *e)
{
    struct ra *ra = mem_alloc(sizeof(*ra));
    struct engine *engine = engine_of(p);
    ra->piste = p;
    ra->input_node = icmp6_input_node(p);
    icmp6_register_type(p, ICMP6_ROUTER_SOLICITATION,
                        node_register(engine, &ra_solicitation_node, NULL, ra));
    icmp6_register_type(p, ICMP6_ROUTER_ADVERTISEMENT,
                        node_register(engine, &ra_advertisement_node, NULL, ra));
    ip_on_enable(p, ra_on_enable, ra);
    interface_on_event(p, ra_on_interface, ra);
    *state = ra;
    return 0;
}

void ra_stop(struct piste *p, void *state)
{
    struct ra *ra = state;
    for (u32 i = 0; i < ra->ifs.n; i++)
        if (ra->ifs.v[i])
            ra_if_free(ra->ifs.v[i]);
    vec_free(&ra->ifs);
    vec_free(&ra->hooks);
    free(ra);
}

/* The host's role: soliciting, and what is taken from advertisements. Source: RFC 4861 6.3, RFC
 * 4862 5.5, RFC 8415 15 (times between solicitations). */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/loop.h"
#include "engine/thread.h"
#include "net/ip/address/address.h"
#include "net/ip/address/address_data.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/nd/nd_random.h"
#include "net/ip/nd/ra_internal.h"
#include "net/ip/neighbor/nd.h"
#include "net/ip/neighbor/neighbor.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/nd_packet.h"

#define RA_FOREVER UINT64_MAX
#define RA_TWO_HOURS_S 7200u    /* RFC 4862 5.5.3 e */
#define RA_ADDRESSES_MAX 16     /* that an interface learns, */
#define RA_ROUTERS_MAX 8        /* and default routers */
#define RA_INTERFACE_ID_BITS 64 /* of EUI-64 */
#define RA_RETRANSMIT_LEAST_MS 100u
#define RA_RETRANSMIT_MOST_MS 10000u /* packets wait meanwhile */

static struct log_class ra_log = {.name = "ip6", .sub = "ra"};

static u64 ra_until(u32 lifetime_s)
{
    return lifetime_s == ND_FOREVER ? RA_FOREVER : clock_ns() + lifetime_s * NS_PER_SEC;
}

static bool ra_host_is_up(const struct ra_if *x)
{
    const struct interface *f = neighbor_link(x->ra->piste, x->index);
    return f && interface_is_up(f) && ip_if_enabled(IP_FAMILY_6, x->index);
}

/* --- what was learnt goes --- */

static void ra_address_forget(struct ra_if *x, u32 k)
{
    struct ip_prefix a = x->host.addresses.v[k].address;
    vec_del(&x->host.addresses, k);
    if (ip_address_is_learnt(x->ra->piste, x->index, &a)) /* the user may have taken it over */
        (void)!ip_address_del(x->ra->piste, x->index, a, NULL);
}

static int ra_route(struct ra_if *x, const struct ra_default_router *r, bool add, struct error *e)
{
    struct fib *fib = fib_of(x->ra->piste);
    struct ip_prefix all = {.family = IP_FAMILY_6};
    struct fib_path path = fib_path_via(IP_FAMILY_6, r->addr, x->index);
    return add ? fib_route_path_add(fib, r->table, all, FIB_SOURCE_ND, &path, 1, e)
               : fib_route_path_remove(fib, r->table, all, FIB_SOURCE_ND, &path, 1, e);
}

static void ra_router_forget(struct ra_if *x, u32 k)
{
    struct ra_default_router r = x->host.routers.v[k];
    struct error e = {0};
    vec_del(&x->host.routers, k);
    if (ra_route(x, &r, false, &e))
        log_debug(&ra_log, "default route: %s", e.text); /* it went with its interface */
}

/* RFC 4861 7.2.5: who was a router is one no more. */
static void ra_on_host(struct piste *p, const struct link_host *host)
{
    struct ra_if *x = ra_if_of(p, host->interface);
    for (u32 k = x ? x->host.routers.n : 0; k--;)
        if (ip_address_equal(&x->host.routers.v[k].addr, &host->addr))
            ra_router_forget(x, k);
}

static void ra_forget_routers(struct ra_if *x)
{
    while (x->host.routers.n)
        ra_router_forget(x, x->host.routers.n - 1);
}

/* What the link is like (RFC 4861 6.3.4): what a router does not specify stays as it was. Entries
 * of neighbours age by what the user says of that, so that their reachable time is not taken. */
static void ra_link_take(struct ra_if *x, const struct ra_message *m)
{
    const struct ip_if *now = &ip_if_base[IP_FAMILY_6][x->index.i];
    u32 ms = m->retransmit_ms ? m->retransmit_ms : now->retransmit_ms;
    if (ms && ms < RA_RETRANSMIT_LEAST_MS)
        ms = RA_RETRANSMIT_LEAST_MS;
    if (ms > RA_RETRANSMIT_MOST_MS)
        ms = RA_RETRANSMIT_MOST_MS;
    ip6_set_said(x->ra->piste, x->index, m->hop_limit ? m->hop_limit : now->hop_limit, ms);
    if (m->mtu >= IP6_MIN_MTU_BYTES)
        interface_set_said_ip6_mtu(x->ra->piste, interface_at(x->ra->piste, x->index), m->mtu);
}

static void ra_link_forget(struct ra_if *x)
{
    ip6_set_said(x->ra->piste, x->index, 0, 0);
    interface_set_said_ip6_mtu(x->ra->piste, interface_at(x->ra->piste, x->index), 0);
}

static void ra_forget_all(struct ra_if *x)
{
    ra_link_forget(x);
    ra_forget_routers(x);
    while (x->host.addresses.n)
        ra_address_forget(x, x->host.addresses.n - 1);
}

/* --- soliciting --- */

static void ra_ask(struct ra_if *x)
{
    struct piste *p = x->ra->piste;
    const struct interface *f = neighbor_link(p, x->index);
    const struct ip6_link *link = ip6_link(x->index);
    struct ip_address all = ip6_link_group(IP6_ALL_ROUTERS);
    struct {
        struct ip6_header ip;
        struct nd_router_solicitation rs;
        struct nd_mac_option option;
    } __attribute__((packed)) packet = {
        .rs.icmp.type = ICMP6_ROUTER_SOLICITATION,
        .option = {.type = ND_OPTION_SOURCE_MAC, .length = 1},
    };
    u8 mac[6];
    if (!f || !link)
        return;
    memcpy(packet.option.mac, f->mac, sizeof(packet.option.mac));
    nd_finish(&packet.ip, link->address.bytes, all.bytes,
              sizeof(packet.rs) + sizeof(packet.option));
    ip6_group_mac(all.bytes, mac);
    if (neighbor_send(p, f, mac, ETHERTYPE_IP6, &packet, sizeof(packet), NULL))
        log_debug(&ra_log, "%s: no buffers to solicit", f->name); /* it will again */
}

/* RFC 8415 15: a tenth more or less, so that hosts do not stay in step. */
static u64 ra_about(u64 ns)
{
    return ns - ns / 10 + nd_random(ns / 5 + 1);
}

static void ra_ask_next(struct ra_if *x, u64 now)
{
    struct ra_host *h = &x->host;
    ra_ask(x);
    h->n_asked++;
    if ((h->how.mrc && h->n_asked >= h->how.mrc) ||
        (h->how.mrd_s && now - h->begun_ns >= h->how.mrd_s * NS_PER_SEC)) {
        h->soliciting = false;
        return;
    }
    u64 most = h->how.mrt_s * NS_PER_SEC;
    h->wait_ns = ra_about(h->wait_ns ? 2 * h->wait_ns : h->how.irt_s * NS_PER_SEC);
    if (most && h->wait_ns > most)
        h->wait_ns = ra_about(most);
    h->ask_ns = now + h->wait_ns;
}

/* --- time --- */

/* RFC 4862 5.5.4: an address whose preferred lifetime is over is deprecated. */
static void ra_address_refresh(struct ra_if *x, const struct ra_address *a, u64 now)
{
    if (ip_address_is_learnt(x->ra->piste, x->index, &a->address))
        ip_address_set_deprecated(x->ra->piste, x->index, &a->address, now >= a->preferred_ns);
}

static void ra_host_schedule(struct ra_if *x);

static void ra_host_tick(void *arg)
{
    struct ra_if *x = arg;
    struct ra_host *h = &x->host;
    u64 now = clock_ns();
    if (h->soliciting && ra_host_is_up(x) && now >= h->ask_ns)
        ra_ask_next(x, now);
    for (u32 k = h->addresses.n; k--;) {
        ra_address_refresh(x, &h->addresses.v[k], now);
        if (now >= h->addresses.v[k].until_ns)
            ra_address_forget(x, k);
    }
    for (u32 k = h->routers.n; k--;)
        if (now >= h->routers.v[k].until_ns)
            ra_router_forget(x, k);
    ra_host_schedule(x);
}

static void ra_host_schedule(struct ra_if *x)
{
    struct ra_host *h = &x->host;
    u64 at = h->soliciting && ra_host_is_up(x) ? h->ask_ns : RA_FOREVER;
    for (u32 k = 0; k < h->addresses.n; k++) {
        const struct ra_address *a = &h->addresses.v[k];
        at = min_u64(at, a->until_ns);
        if (ip_address_is_learnt(x->ra->piste, x->index, &a->address) &&
            !ip_address_is_deprecated(x->ra->piste, x->index, &a->address))
            at = min_u64(at, a->preferred_ns);
    }
    for (u32 k = 0; k < h->routers.n; k++)
        at = min_u64(at, h->routers.v[k].until_ns);
    if (at != RA_FOREVER)
        ra_timer(x, &h->timer, at, ra_host_tick);
}

static void ra_begin_soliciting(struct ra_if *x)
{
    struct ra_host *h = &x->host;
    h->soliciting = true;
    h->n_asked = 0;
    h->wait_ns = 0;
    h->begun_ns = clock_ns();
    h->ask_ns = h->begun_ns + nd_random(NS_PER_SEC / 2); /* RFC 4861 6.3.7: not all at once */
    ra_host_schedule(x);
}

int ra_solicit(struct piste *p, struct if_index i, const struct ra_soliciting *how, struct error *e)
{
    const struct interface *f = interface_at(p, i);
    if (!f || !f->has_mac)
        return error_set(e, ENODEV, "router discovery needs an interface with a MAC address");
    struct ra_if *x = ra_if_get(ra_of(p), i);
    x->host.how = *how;
    if (!x->host.how.irt_s)
        x->host.how.irt_s = 1;
    ra_begin_soliciting(x);
    return 0;
}

void ra_solicit_stop(struct piste *p, struct if_index i)
{
    struct ra_if *x = ra_if_of(p, i);
    if (x)
        x->host.soliciting = false;
}

/* --- advertisements --- */

/* Lifetimes go up at once, and down to two hours at most: a stranger cannot end ours. */
static void ra_address_prolong(struct ra_address *a, u32 valid_s)
{
    u64 now = clock_ns(), left = a->until_ns == RA_FOREVER ? RA_FOREVER : a->until_ns - now;
    u64 two_hours = RA_TWO_HOURS_S * NS_PER_SEC;
    if (valid_s > RA_TWO_HOURS_S || valid_s * NS_PER_SEC > left)
        a->until_ns = ra_until(valid_s);
    else if (left > two_hours)
        a->until_ns = now + two_hours;
}

static void ra_address_take(struct ra_if *x, const struct ra_prefix_info *info)
{
    struct piste *p = x->ra->piste;
    struct ra_host *h = &x->host;
    struct ip_prefix a = info->prefix;
    struct ip_address id = ip6_link_local_of(interface_at(p, x->index)->mac);
    struct error e = {0};
    memcpy(a.addr.bytes + 8, id.bytes + 8, 8);
    if (!(info->flags & ND_PREFIX_ON_LINK))
        a.len = IP6_ADDRESS_BITS; /* others of the prefix are behind the router */
    for (u32 k = 0; k < h->addresses.n; k++)
        if (ip_address_equal(&h->addresses.v[k].address.addr, &a.addr)) {
            struct ra_address *known = &h->addresses.v[k];
            ra_address_prolong(known, info->valid_s);
            known->preferred_ns = ra_until(info->preferred_s);
            ra_address_refresh(x, known, clock_ns());
            return;
        }
    if (!info->valid_s || h->addresses.n >= RA_ADDRESSES_MAX)
        return;
    if (ip_address_add(p, x->index, a, &e)) {
        log_debug(&ra_log, "autoconfig: %s", e.text); /* the user has it, or another interface */
        return;
    }
    ip_address_set_learnt(p, x->index, &a);
    const struct ra_address new = {a, ra_until(info->valid_s), ra_until(info->preferred_s)};
    vec_add(&h->addresses, new);
    ra_address_refresh(x, &new, clock_ns());
}

/* Whether an address is to be made of it (RFC 4862 5.5.3). */
static bool ra_is_for_addresses(const struct ra_prefix_info *info)
{
    return info->flags & ND_PREFIX_AUTONOMOUS && info->prefix.len == RA_INTERFACE_ID_BITS &&
           info->preferred_s <= info->valid_s && !ip6_is_link_local(info->prefix.addr.bytes);
}

static void ra_router_take(struct ra_if *x, const struct ip_address *router, u16 lifetime_s)
{
    struct ra_host *h = &x->host;
    struct error e = {0};
    u32 k = 0;
    while (k < h->routers.n && !ip_address_equal(&h->routers.v[k].addr, router))
        k++;
    if (k < h->routers.n && !lifetime_s) {
        ra_router_forget(x, k);
    } else if (k < h->routers.n) {
        h->routers.v[k].until_ns = ra_until(lifetime_s);
    } else if (lifetime_s && k < RA_ROUTERS_MAX) {
        struct ra_default_router r = {*router, ip_if_fib(IP_FAMILY_6, x->index),
                                      ra_until(lifetime_s)};
        if (ra_route(x, &r, true, &e)) {
            log_warn(&ra_log, "default route: %s", e.text);
            return;
        }
        vec_add(&h->routers, r);
        nd_on_host(x->ra->piste, ra_on_host);
    }
}

static void ra_host_take(struct ra_if *x, const struct ip_address *router,
                         const struct ra_message *m)
{
    if (m->lifetime_s)
        x->host.soliciting = false;
    if (x->host.autoconfig != RA_AUTOCONFIG_OFF)
        ra_link_take(x, m);
    for (u32 i = 0; x->host.autoconfig != RA_AUTOCONFIG_OFF && i < m->n_prefixes; i++)
        if (ra_is_for_addresses(&m->prefixes[i]))
            ra_address_take(x, &m->prefixes[i]);
    if (x->host.autoconfig == RA_AUTOCONFIG_ROUTES)
        ra_router_take(x, router, m->lifetime_s);
    ra_host_schedule(x);
}

/* Whether it is this switch that advertises there, by another interface of the same link: a pipe's
 * other end, or one that is bridged with it. */
static bool ra_is_own(const struct piste *p, const struct ip_address *router, const u8 mac[6])
{
    const struct interface *f;
    for (u32 k = 0; (f = interface_next(p, k)); k = f->index.i + 1) {
        const struct ip6_link *link = ip6_link(f->index);
        if (link && ip_address_equal(&link->address, router) && !memcmp(f->mac, mac, 6))
            return true;
    }
    return false;
}

void ra_on_advertisement_packet(struct piste *p, u32 bi, const void *about)
{
    struct ra *ra = ra_of(p);
    struct ra_received got;
    struct ra_message m;
    struct ip_address router;
    u8 room[RA_PACKET_BYTES_MAX];
    const u8 *message;
    memcpy(&got, about, sizeof(got));
    u32 n = ra_take(p, bi, &router, room, &message);
    if (!n || !ra_parse(message, n, &m)) {
        node_count_main(engine_of(p), ra->input_node, ICMP6_ERROR_ND_MALFORMED, 1);
        return;
    }
    struct ra_if *x = ra_if_of(p, got.interface);
    if (!x || !ra_host_is_up(x))
        return; /* the message is older than the change */
    if (ra_is_own(p, &router, got.src_mac)) {
        node_count_main(engine_of(p), ra->input_node, ICMP6_ERROR_ND_LOOPED, 1);
        return;
    }
    for (u32 k = 0; k < ra->hooks.n; k++)
        ra->hooks.v[k].fn(p, got.interface, &router, &m, ra->hooks.v[k].arg);
    ra_host_take(x, &router, &m);
}

/* --- settings --- */

int ra_set_autoconfig(struct piste *p, struct if_index i, enum ra_autoconfig what, struct error *e)
{
    static const struct ra_soliciting how = {.irt_s = 1, .mrt_s = 120};
    const struct interface *f = interface_at(p, i);
    if (!f || !f->has_mac)
        return error_set(e, ENODEV, "router discovery needs an interface with a MAC address");
    if (f->cls->no_ip)
        return error_set(e, EOPNOTSUPP, "%s interface doesn't support IP addressing", f->name);
    struct ra_if *x = ra_if_get(ra_of(p), i);
    enum ra_autoconfig before = x->host.autoconfig;
    if (what == before)
        return 0;
    x->host.autoconfig = what;
    if (what != RA_AUTOCONFIG_ROUTES)
        ra_forget_routers(x);
    if (what == RA_AUTOCONFIG_OFF) {
        x->host.soliciting = false;
        ra_forget_all(x);
        ip_need(p, IP_FAMILY_6, i, false);
        return 0;
    }
    if (before == RA_AUTOCONFIG_OFF)
        ip_need(p, IP_FAMILY_6, i, true);
    x->host.how = how;
    ra_begin_soliciting(x);
    return 0;
}

enum ra_autoconfig ra_autoconfig(const struct piste *p, struct if_index i)
{
    const struct ra_if *x = ra_if_of(p, i);
    return x ? x->host.autoconfig : RA_AUTOCONFIG_OFF;
}

/* Where the link may be another when it comes back, nothing of it is kept (RFC 4861 6.3.5 bounds
 * it by time alone). */
void ra_host_refresh(struct ra_if *x)
{
    if (!ra_host_is_up(x))
        ra_forget_all(x);
    else if (x->host.autoconfig != RA_AUTOCONFIG_OFF)
        ra_begin_soliciting(x);
    else if (x->host.soliciting)
        ra_host_schedule(x);
}

void ra_host_free(struct ra_if *x)
{
    vec_free(&x->host.addresses);
    vec_free(&x->host.routers);
    if (x->host.timer)
        loop_timer_del(x->ra->piste->loop, x->host.timer);
}

/* The router's role: advertisements at random times, and for who asks. Source: RFC 4861 6.2. */
#include <string.h>

#include "base/clock.h"
#include "control/loop.h"
#include "engine/thread.h"
#include "net/ip/address/address_data.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/nd/nd_random.h"
#include "net/ip/nd/ra_internal.h"
#include "net/ip/neighbor/neighbor.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/nd_packet.h"

#define RA_HOP_LIMIT 64
#define RA_DELAY_NS (NS_PER_SEC / 2) /* MAX_RA_DELAY_TIME: before an answer */
#define RA_APART_NS (3 * NS_PER_SEC) /* MIN_DELAY_BETWEEN_RAS, to all */

/* --- sending --- */

static void ra_message_of(const struct ra_if *x, const struct interface *f, bool last,
                          struct ra_message *m)
{
    const struct ra_settings *s = &x->router.settings;
    u64 now = clock_ns();
    *m = (struct ra_message){
        .hop_limit = RA_HOP_LIMIT,
        .flags = (u8)((s->managed ? ND_RA_MANAGED : 0) | (s->other ? ND_RA_OTHER : 0)),
        .lifetime_s = (u16)(last ? 0 : s->lifetime_s),
        .mtu = interface_mtu(f, IF_MTU_IP6),
        .has_mac = !s->no_mac,
    };
    memcpy(m->mac, f->mac, sizeof(m->mac));
    for (u32 i = 0; i < s->n_prefixes; i++) {
        const struct ra_prefix *a = &s->prefixes[i];
        if (a->no_advertise)
            continue;
        m->prefixes[m->n_prefixes++] = (struct ra_prefix_info){
            .prefix = a->prefix,
            .flags = (u8)((a->off_link ? 0 : ND_PREFIX_ON_LINK) |
                          (a->no_autoconfig ? 0 : ND_PREFIX_AUTONOMOUS)),
            .valid_s = ra_left_s(a, a->valid_s, now),
            .preferred_s = ra_left_s(a, a->preferred_s, now),
        };
    }
}

/* To a host, or (NULL) all of the link. last: it is no router any more. */
static void ra_send(struct ra_if *x, const struct ra_asker *to, bool last)
{
    struct piste *p = x->ra->piste;
    const struct interface *f = neighbor_link(p, x->index);
    const struct ip6_link *link = ip6_link(x->index);
    struct {
        struct ip6_header ip;
        u8 icmp[RA_MESSAGE_BYTES_MAX];
    } packet;
    static_assert(sizeof(packet) <= NEIGHBOR_PACKET_BYTES_MAX, "fits a frame");
    struct ip_address all = ip6_link_group(IP6_ALL_NODES);
    const struct ip_address *dst = to ? &to->addr : &all;
    struct ra_message m;
    u8 mac[6];
    if (!f || !link)
        return;
    ra_message_of(x, f, last, &m);
    u32 n = ra_write(&m, packet.icmp);
    nd_finish(&packet.ip, link->address.bytes, dst->bytes, n);
    ip6_group_mac(all.bytes, mac);
    if (neighbor_send(p, f, to ? to->mac : mac, ETHERTYPE_IP6, &packet, (u32)sizeof(packet.ip) + n,
                      NULL))
        return; /* no buffers: the next one will do */
    x->router.n_sent++;
    node_count_main(engine_of(p), x->ra->input_node, ICMP6_ERROR_ROUTER_ADVERTISEMENTS_TX, 1);
}

/* --- when --- */

static void ra_router_tick(void *arg);

static void ra_router_schedule(struct ra_if *x)
{
    struct ra_router *r = &x->router;
    u64 at = r->answer_ns ? min_u64(r->answer_ns, r->next_ns) : r->next_ns;
    ra_timer(x, &r->timer, at, ra_router_tick);
}

/* As soon as may be, within `ns`. */
static void ra_router_soon(struct ra_if *x, u64 ns)
{
    struct ra_router *r = &x->router;
    u64 at = clock_ns() + nd_random(ns);
    if (r->multicast_ns && at < r->multicast_ns + RA_APART_NS)
        at = r->multicast_ns + RA_APART_NS;
    if (at < r->next_ns)
        r->next_ns = at;
    ra_router_schedule(x);
}

static void ra_router_advertise(struct ra_if *x, u64 now)
{
    struct ra_router *r = &x->router;
    const struct ra_settings *s = &r->settings;
    u64 ns = s->min_s * NS_PER_SEC + nd_random((s->max_s - s->min_s) * NS_PER_SEC + 1);
    ra_send(x, NULL, false);
    r->multicast_ns = now;
    if (r->initial_left && --r->initial_left)
        ns = min_u64(ns, s->initial_s * NS_PER_SEC);
    r->next_ns = now + (ns < RA_APART_NS ? RA_APART_NS : ns);
    r->n_askers = 0; /* they have heard it, too */
    r->answer_ns = 0;
}

static void ra_router_tick(void *arg)
{
    struct ra_if *x = arg;
    struct ra_router *r = &x->router;
    u64 now = clock_ns();
    if (!r->active)
        return;
    if (now >= r->next_ns)
        ra_router_advertise(x, now);
    if (r->answer_ns && now >= r->answer_ns) {
        for (u32 i = 0; i < r->n_askers; i++)
            ra_send(x, &r->askers[i], false);
        r->n_askers = 0;
        r->answer_ns = 0;
    }
    ra_router_schedule(x);
}

void ra_router_refresh(struct ra_if *x)
{
    struct ra_router *r = &x->router;
    const struct interface *f = neighbor_link(x->ra->piste, x->index);
    bool active = f && interface_is_up(f) && neighbor_link_has_others(f) && ip6_link(x->index) &&
                  ip_if_enabled(IP_FAMILY_6, x->index) && !r->settings.suppress &&
                  !r->settings.cease;
    if (active == r->active)
        return;
    r->active = active;
    r->n_askers = 0;
    r->answer_ns = 0;
    if (!active)
        return;
    r->initial_left = r->settings.initial_count;
    r->next_ns = UINT64_MAX;
    ra_router_soon(x, RA_DELAY_NS);
}

void ra_router_changed(struct ra_if *x)
{
    if (x->router.active)
        ra_router_soon(x, RA_DELAY_NS);
}

/* RFC 4861 6.2.5. */
void ra_router_end(struct ra_if *x)
{
    if (x->router.active)
        ra_send(x, NULL, true);
}

/* --- who asks --- */

static void ra_answer(struct ra_if *x, const struct ip_address *src, const u8 *mac)
{
    struct ra_router *r = &x->router;
    u64 at = clock_ns() + nd_random(RA_DELAY_NS);
    bool may = !r->multicast_ns || at >= r->multicast_ns + RA_APART_NS;
    for (u32 i = 0; i < r->n_askers; i++)
        if (ip_address_equal(&r->askers[i].addr, src))
            return;
    /* to all if that may be, for others may ask too; at once only to the one */
    if (mac && (r->settings.unicast || !may) && r->n_askers < RA_ASKERS_MAX) {
        struct ra_asker *a = &r->askers[r->n_askers++];
        a->addr = *src;
        memcpy(a->mac, mac, sizeof(a->mac));
        if (!r->answer_ns)
            r->answer_ns = at;
        ra_router_schedule(x);
        return;
    }
    ra_router_soon(x, RA_DELAY_NS);
}

/* Who asks is a neighbour; what it says of itself is learnt. */
static void ra_learn(struct piste *p, struct if_index i, const struct ip_address *src,
                     const u8 *mac)
{
    struct neighbor_learn ev = {.host = {*src, i, IP_FAMILY_6}};
    memcpy(ev.mac, mac, sizeof(ev.mac));
    neighbor_on_learn(p, &ev);
}

void ra_on_solicitation(struct piste *p, u32 bi, const void *about)
{
    struct ra_received got;
    u8 room[RA_PACKET_BYTES_MAX];
    const u8 *message, *option = NULL;
    struct ip_address src;
    memcpy(&got, about, sizeof(got));
    u32 n = ra_take(p, bi, &src, room, &message), at = sizeof(struct nd_router_solicitation);
    struct ra_if *x = ra_if_of(p, got.interface);
    if (!x || !x->router.active)
        return; /* the message is older than the change */
    bool unknown = ip_address_is_zero(&src);
    x->router.n_solicited++;
    if (n < at || !nd_option_find(message + at, n - at, ND_OPTION_SOURCE_MAC, &option) ||
        (unknown && option)) {
        x->router.n_dropped++;
        node_count_main(engine_of(p), x->ra->input_node, ICMP6_ERROR_ND_MALFORMED, 1);
        return;
    }
    const u8 *mac = option ? ((const struct nd_mac_option *)option)->mac : NULL;
    if (mac)
        ra_learn(p, got.interface, &src, mac);
    ra_answer(x, &src, unknown ? NULL : mac ? mac : got.src_mac);
}

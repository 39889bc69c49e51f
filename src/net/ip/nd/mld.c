/* See mld.h. Which groups an interface is in follows from its addresses (ip6_group_next): what was
 * told is compared with that whenever it may have changed. */
#include "net/ip/nd/mld.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/loop.h"
#include "engine/thread.h"
#include "net/ip/address/address.h"
#include "net/ip/address/address_data.h"
#include "net/ip/icmp/icmp6.h"
#include "net/ip/nd/mld_internal.h"
#include "net/ip/nd/mld_packet.h"
#include "net/ip/nd/nd_random.h"
#include "net/ip/neighbor/nd_proxy.h"
#include "net/ip/neighbor/neighbor.h"
#include "net/link/interface/interface.h"
#include "net/packet/checksum.h"
#include "net/packet/ethernet_packet.h"

#define MLD_ROBUSTNESS 2                    /* RFC 3810 9.1: each change is told so often, */
#define MLD_UNSOLICITED_NS NS_PER_SEC       /* and so far apart at most (9.11) */
#define MLD_V1_NS (260 * NS_PER_SEC)        /* 9.12 with the defaults: since its last query */
#define MLD_TOGETHER_NS (100 * NS_PER_MSEC) /* changes of proxied hosts are looked at */
#define MLD_RECORDS_MAX 61                  /* as many as fit what every link takes */

const char mld_module_name[] = "mld";

static struct log_class mld_log = {.name = "ip6", .sub = "mld"};

static struct mld_if *mld_if_of(const struct mld *m, struct if_index i)
{
    return i.i < m->ifs.n ? m->ifs.v[i.i] : NULL;
}

/* --- sending --- */

struct mld_packet {
    struct ip6_header ip;
    struct mld_router_alert alert;
    union {
        struct {
            struct mld_report report;
            struct mld_record records[MLD_RECORDS_MAX];
        } __attribute__((packed)) v2;
        struct mld_header v1;
    };
} __attribute__((packed));
static_assert(sizeof(struct mld_packet) <= NEIGHBOR_PACKET_BYTES_MAX, "fits a frame");

/* Of which the message, n bytes, is there but for its checksum. */
static void mld_send(const struct mld_if *x, struct mld_packet *k, const struct ip_address *dst,
                     u32 n)
{
    struct piste *p = x->mld->piste;
    const struct interface *f = neighbor_link(p, x->index);
    const struct ip6_link *link = ip6_link(x->index);
    struct icmp_header *icmp = (struct icmp_header *)(&k->alert + 1);
    u32 bytes = (u32)sizeof(k->alert) + n;
    u8 mac[6];
    if (!f || !link)
        return;
    k->ip = (struct ip6_header){.version_class_flow = IP6_VERSION_PLAIN,
                                .payload_length = be16_from_host((u16)bytes),
                                .protocol = IP_PROTOCOL_HOP_BY_HOP,
                                .hop_limit = 1};
    k->alert = (struct mld_router_alert){.protocol = IP_PROTOCOL_ICMP6,
                                         .option = IP6_OPTION_ROUTER_ALERT,
                                         .option_bytes = 2,
                                         .pad = IP6_OPTION_PADN};
    memcpy(k->ip.src, link->address.bytes, sizeof(k->ip.src));
    memcpy(k->ip.dst, dst->bytes, sizeof(k->ip.dst));
    icmp->checksum =
        csum_finish(csum_add(csum_pseudo_ip6(k->ip.src, k->ip.dst, IP_PROTOCOL_ICMP6, n), icmp, n));
    ip6_group_mac(dst->bytes, mac);
    if (neighbor_send(p, f, mac, ETHERTYPE_IP6, k, (u32)sizeof(k->ip) + bytes, NULL))
        log_debug(&mld_log, "%s: no buffers for a report", f->name);
}

static void mld_send_v1(const struct mld_if *x, const struct mld_group *g)
{
    struct mld_packet k = {.v1.icmp.type =
                               g->leaving ? ICMP6_LISTENER_DONE : ICMP6_LISTENER_REPORT};
    struct ip_address routers = ip6_link_group(IP6_ALL_ROUTERS);
    memcpy(k.v1.group, g->addr.bytes, sizeof(k.v1.group));
    mld_send(x, &k, g->leaving ? &routers : &g->addr, sizeof(k.v1));
}

static bool mld_is_meant(const struct mld_group *g, bool answer)
{
    return answer ? g->asked && !g->leaving : g->to_tell;
}

static void mld_send_v2(const struct mld_if *x, bool answer)
{
    struct ip_address dst = ip6_link_group(IP6_ALL_MLD_ROUTERS);
    struct mld_packet k;
    u32 n = 0;
    for (u32 i = 0; i <= x->groups.n; i++) {
        if (n && (n == MLD_RECORDS_MAX || i == x->groups.n)) {
            k.v2.report = (struct mld_report){.icmp.type = ICMP6_LISTENER_REPORT_V2,
                                              .n_records = be16_from_host((u16)n)};
            mld_send(x, &k, &dst, (u32)(sizeof(k.v2.report) + n * sizeof(k.v2.records[0])));
            n = 0;
        }
        if (i == x->groups.n || !mld_is_meant(&x->groups.v[i], answer))
            continue;
        const struct mld_group *g = &x->groups.v[i];
        k.v2.records[n] = (struct mld_record){.type = answer       ? MLD_IS_EXCLUDE
                                                      : g->leaving ? MLD_TO_INCLUDE
                                                                   : MLD_TO_EXCLUDE};
        memcpy(k.v2.records[n++].group, g->addr.bytes, sizeof(k.v2.records[0].group));
    }
}

/* The changes, or the answer. */
static void mld_report(const struct mld_if *x, bool answer, u64 now)
{
    if (now >= x->v1_until_ns) {
        mld_send_v2(x, answer);
        return;
    }
    for (u32 i = 0; i < x->groups.n; i++)
        if (mld_is_meant(&x->groups.v[i], answer))
            mld_send_v1(x, &x->groups.v[i]);
}

/* --- what there is to tell --- */

/* Where the group is among those of x, which are in order, or belongs. */
static u32 mld_place(const struct mld_if *x, const struct ip_address *a)
{
    u32 from = 0, to = x->groups.n;
    while (from < to) {
        u32 middle = from + (to - from) / 2;
        if (memcmp(x->groups.v[middle].addr.bytes, a->bytes, sizeof(a->bytes)) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* All nodes' is nobody's news (RFC 3810 6). */
static bool mld_is_told(const struct ip_address *a)
{
    struct ip_address all = ip6_link_group(IP6_ALL_NODES);
    return !ip_address_equal(a, &all);
}

/* As one that has an address, or answers for who has. */
static bool mld_is_in(const struct mld_if *x, const struct ip_address *a)
{
    return ip6_if_has_joined(x->index, a->bytes) || nd_proxy_has_group(x->mld->piste, x->index, a);
}

/* Whether that is news. */
static bool mld_joined(struct mld_if *x, const struct ip_address *a)
{
    u32 at = mld_place(x, a), n = x->groups.n;
    if (!mld_is_told(a) || (at < n && ip_address_equal(&x->groups.v[at].addr, a)))
        return false;
    vec_add(&x->groups, ((struct mld_group){0}));
    memmove(&x->groups.v[at + 1], &x->groups.v[at], (n - at) * sizeof(x->groups.v[0]));
    x->groups.v[at] = (struct mld_group){.addr = *a, .to_tell = MLD_ROBUSTNESS};
    return true;
}

static void mld_compare(struct mld_if *x, u64 now)
{
    const struct piste *p = x->mld->piste;
    struct ip_address a;
    bool news = false;
    x->compare_ns = 0;
    for (u32 i = 0; i < x->groups.n; i++) {
        struct mld_group *g = &x->groups.v[i];
        if (g->leaving == !mld_is_in(x, &g->addr))
            continue;
        g->leaving = !g->leaving;
        g->to_tell = MLD_ROBUSTNESS;
        news = true;
    }
    for (u32 k = 0; ip6_group_next(x->index, &k, &a);)
        news |= mld_joined(x, &a);
    for (u32 k = 0; (k = nd_proxy_group_next(p, x->index, k, &a)) != UINT32_MAX; k++)
        news |= mld_joined(x, &a);
    if (news)
        x->tell_ns = now;
}

static void mld_tell(struct mld_if *x, u64 now)
{
    bool more = false;
    mld_report(x, false, now);
    for (u32 i = x->groups.n; i--;) {
        struct mld_group *g = &x->groups.v[i];
        if (g->to_tell)
            g->to_tell--;
        more |= g->to_tell;
        if (g->leaving && !g->to_tell)
            vec_del(&x->groups, i);
    }
    x->tell_ns = more ? now + nd_random(MLD_UNSOLICITED_NS) : 0;
}

static void mld_answer(struct mld_if *x, u64 now)
{
    mld_report(x, true, now);
    for (u32 i = 0; i < x->groups.n; i++)
        x->groups.v[i].asked = false;
    x->answer_ns = 0;
}

/* --- time --- */

static u64 mld_earlier(u64 a, u64 b)
{
    return a && b ? min_u64(a, b) : max_u64(a, b);
}

/* For what is due next. */
static void mld_set_timer(struct mld_if *x)
{
    u64 at = mld_earlier(x->compare_ns, mld_earlier(x->tell_ns, x->answer_ns));
    if (at)
        loop_timer_set(x->mld->piste->loop, x->timer, at);
}

static void mld_tick(void *arg)
{
    struct mld_if *x = arg;
    u64 now = clock_ns();
    mld_compare(x, now);
    if (x->tell_ns && now >= x->tell_ns)
        mld_tell(x, now);
    if (x->answer_ns && now >= x->answer_ns)
        mld_answer(x, now);
    mld_set_timer(x);
}

/* What it is in may be another when what happens now is over. */
static void mld_refresh_soon(struct mld_if *x)
{
    x->compare_ns = clock_ns();
    mld_set_timer(x);
}

/* --- queries --- */

void mld_on_query(struct piste *p, const void *payload)
{
    struct mld *m = module_state(p, mld_module_name);
    struct mld_query q;
    memcpy(&q, payload, sizeof(q));
    struct mld_if *x = m ? mld_if_of(m, q.interface) : NULL;
    struct ip_address group = ip6_address_of(q.group);
    bool any = false;
    u64 now = clock_ns(), at = now + nd_random(q.within_ms * NS_PER_MSEC + 1);
    if (!x)
        return; /* the query is older than the change */
    if (q.is_v1)
        x->v1_until_ns = now + MLD_V1_NS;
    for (u32 i = 0; i < x->groups.n; i++) {
        struct mld_group *g = &x->groups.v[i];
        if (!ip_address_is_zero(&group) && !ip_address_equal(&group, &g->addr))
            continue;
        g->asked = any = true;
    }
    if (!any)
        return;
    if (!x->answer_ns || at < x->answer_ns)
        x->answer_ns = at;
    mld_set_timer(x);
}

/* --- interfaces --- */

static void mld_end(struct mld *m, struct if_index i)
{
    struct mld_if *x = mld_if_of(m, i);
    if (!x)
        return;
    loop_timer_del(m->piste->loop, x->timer);
    vec_free(&x->groups);
    free(x);
    m->ifs.v[i.i] = NULL;
}

/* An interface that comes up is on what may be another link: all is news there. */
static void mld_refresh(struct mld *m, struct if_index i)
{
    const struct interface *f = neighbor_link(m->piste, i);
    bool active =
        f && interface_is_up(f) && neighbor_link_has_others(f) && ip_if_enabled(IP_FAMILY_6, i);
    struct mld_if *x = mld_if_of(m, i);
    if (!active) {
        mld_end(m, i);
        return;
    }
    if (!x) {
        while (m->ifs.n <= i.i)
            vec_add(&m->ifs, NULL);
        x = m->ifs.v[i.i] = mem_alloc(sizeof(*x));
        x->mld = m;
        x->index = i;
        x->timer = loop_timer_add(m->piste->loop, clock_ns(), 0, mld_tick, x);
        return;
    }
    mld_refresh_soon(x);
}

static void mld_on_enable(struct piste *p, enum ip_family f, struct if_index i, bool enabled,
                          void *arg)
{
    if (f == IP_FAMILY_6)
        mld_refresh(arg, i);
}

static void mld_on_address(struct piste *p, struct if_index i, struct ip_prefix a, bool add,
                           void *arg)
{
    struct mld *m = arg;
    if (a.family != IP_FAMILY_6)
        return;
    for (u32 k = 0; k < m->ifs.n; k++) /* those that borrow its addresses, too */
        if (m->ifs.v[k] && (k == i.i || if_equal(ip_if_lender(IP_FAMILY_6, m->ifs.v[k]->index), i)))
            mld_refresh_soon(m->ifs.v[k]);
}

/* There may be many, one after the other. */
static void mld_on_proxies(struct piste *p, struct if_index i, void *arg)
{
    struct mld_if *x = mld_if_of(arg, i);
    if (!x || x->compare_ns)
        return;
    x->compare_ns = clock_ns() + MLD_TOGETHER_NS;
    mld_set_timer(x);
}

static void mld_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    if (ev == IF_EVENT_DELETE)
        mld_end(arg, f->index);
    if (ev != IF_EVENT_ADMIN && ev != IF_EVENT_LINK)
        return;
    mld_refresh(arg, f->index);
    for (const struct interface *sub = f->subs; sub; sub = sub->next_sub)
        mld_refresh(arg, sub->index);
}

/* --- life --- */

int mld_init(struct piste *p, void **state, struct error *e)
{
    static const u8 types[] = {ICMP6_LISTENER_QUERY, ICMP6_LISTENER_REPORT, ICMP6_LISTENER_DONE,
                               ICMP6_LISTENER_REPORT_V2};
    struct mld *m = mem_alloc(sizeof(*m));
    m->piste = p;
    m->input_node = icmp6_input_node(p);
    struct node_index node = node_register(engine_of(p), &mld_query_node, NULL, m);
    for (u32 k = 0; k < array_len(types); k++)
        icmp6_register_type(p, types[k], node);
    ip_on_enable(p, mld_on_enable, m);
    ip_on_address(p, mld_on_address, m);
    nd_proxy_on_groups(p, mld_on_proxies, m);
    interface_on_event(p, mld_on_interface, m);
    *state = m;
    return 0;
}

void mld_stop(struct piste *p, void *state)
{
    struct mld *m = state;
    for (u32 i = 0; i < m->ifs.n; i++)
        mld_end(m, (struct if_index){i});
    vec_free(&m->ifs);
    free(m);
}

/* The command `ping`, and the same for clients of the binary API, which are told the end. Several
 * sessions run at a time, each with an identifier of its own.
 * Source: RFC 792; what the command prints is what VPP prints. */
#include "plugins/ping/ping.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "control/cli.h"
#include "control/loop.h"
#include "control/module.h"
#include "engine/control_packet.h"
#include "engine/thread.h"
#include "net/ip/fib/fib.h"
#include "net/link/interface/interface.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/address/address_data.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"
#include "plugins/ping/ping_internal.h"

const char ping_module_name[] = "ping";

#define IF_LOCAL ((struct if_index){0})

/* After the last request, however short the interval: a slow reply is not a lost one. */
#define LAST_WAIT_NS NS_PER_SEC

/* What VPP calls the size of a reply: the data, and these. */
static const u8 shown_overhead[IP_FAMILY_N] = {56, 16};

/* --- requests --- */

static u16 next_random(struct ping *ping)
{
    return (u16)(random_u64(&ping->random) >> 24);
}

/* The table that dst is looked up in: now, since it may go; FIB_NONE: there is none. */
static struct fib_index ping_table(const struct ping_session *s)
{
    struct link_host host = {s->dst, s->source_if, s->family};
    if (s->family == IP_FAMILY_4 || !ip6_is_link_local(s->dst.bytes))
        return fib_table_find(fib_of(s->p), s->family, s->table_id);
    return if_is_none(s->source_if) || s->source_gone ? FIB_NONE : ip_host_fib(&host);
}

/* Where from, and by which link, if that is known. 0, -ENETUNREACH, -EADDRNOTAVAIL. */
static int ping_source(const struct ping_session *s, struct fib_index table, struct ip_address *src,
                       struct if_index *link)
{
    struct ip_prefix prefix;
    *link = s->source_if;
    if (fib_is_none(table))
        return -ENETUNREACH;
    if (!if_is_none(s->source_if) && s->family == IP_FAMILY_6)
        return !s->source_gone && ip_link_source(s->family, s->source_if, &s->dst, src)
                   ? 0
                   : -EADDRNOTAVAIL;
    if (!if_is_none(s->source_if)) {
        if (s->source_gone || !ip_address_at(s->p, IP_FAMILY_4, s->source_if, 0, &prefix))
            return -EADDRNOTAVAIL;
        *src = prefix.addr;
        return 0;
    }
    if (ip_address_is_local(s->p, table, &s->dst)) { /* this switch itself */
        *src = s->dst;
        return 0;
    }
    return ip_source_address(s->p, table, &s->dst, src, link);
}

/* The message: the place of the time stamp, then bytes that count up. Its checksum is of these
 * bytes and `sum`. Returns its bytes. */
static u32 write_echo(const struct ping_session *s, u8 type, u64 sum, struct icmp_echo_header *echo)
{
    u32 data_bytes = PING_STAMP_BYTES + s->data_bytes, icmp_bytes = sizeof(*echo) + data_bytes;
    u8 *data = (u8 *)(echo + 1);

    memset(data, 0, PING_STAMP_BYTES);
    for (u32 i = PING_STAMP_BYTES; i < data_bytes; i++)
        data[i] = (u8)i;
    *echo = (struct icmp_echo_header){
        .icmp = {.type = type},
        .id = be16_from_host(s->id),
        .seq = be16_from_host(s->seq),
    };
    echo->icmp.checksum = csum_finish(csum_add(sum, echo, icmp_bytes));
    return icmp_bytes;
}

static u32 write_ip4(const struct ping_session *s, be32 src, u16 ip_id, u8 *out)
{
    struct ip4_header *h = (struct ip4_header *)out;
    u32 icmp_bytes =
        write_echo(s, ICMP4_ECHO_REQUEST, 0, (struct icmp_echo_header *)(void *)(h + 1));
    *h = (struct ip4_header){
        .version_ihl = IP4_VERSION_IHL_PLAIN,
        .length = be16_from_host((u16)(sizeof(*h) + icmp_bytes)),
        .id = be16_from_host(ip_id),
        .ttl = 64,
        .protocol = IP_PROTOCOL_ICMP,
        .src = src,
        .dst = s->dst.ip4,
    };
    ip4_set_checksum(h);
    return (u32)sizeof(*h) + icmp_bytes;
}

static u32 write_ip6(const struct ping_session *s, const struct ip_address *src,
                     struct if_index link, u8 *out)
{
    struct ip6_header *h = (struct ip6_header *)out;
    u32 bytes = (u32)sizeof(struct icmp_echo_header) + PING_STAMP_BYTES + s->data_bytes;
    u64 sum = csum_pseudo_ip6(src->bytes, s->dst.bytes, IP_PROTOCOL_ICMP6, bytes);
    *h = (struct ip6_header){
        .version_class_flow = IP6_VERSION_PLAIN,
        .payload_length = be16_from_host((u16)bytes),
        .protocol = IP_PROTOCOL_ICMP6,
        .hop_limit = ip6_if_hop_limit(link),
    };
    memcpy(h->src, src->bytes, sizeof(h->src));
    memcpy(h->dst, s->dst.bytes, sizeof(h->dst));
    return (u32)sizeof(*h) +
           write_echo(s, ICMP6_ECHO_REQUEST, sum, (struct icmp_echo_header *)(void *)(h + 1));
}

static u32 write_request(const struct ping_session *s, const struct ip_address *src,
                         struct if_index link, u8 *out)
{
    return s->family == IP_FAMILY_6 ? write_ip6(s, src, link, out)
                                    : write_ip4(s, src->ip4, next_random(s->ping), out);
}

static int ping_hand_over(struct ping_session *s, struct fib_index table, const u8 *bytes, u32 n)
{
    struct engine *e = engine_of(s->p);
    u32 bi = control_packet_new(e, bytes, n);
    u64 *asked_ns = &s->asked_ns[s->seq % PING_SENT_KEPT];
    if (bi == BUFFER_NONE)
        return -ENOBUFS;
    struct buffer *b = buffer_at(bi);
    b->rx_if = IF_LOCAL;
    b->flags |= s->family == IP_FAMILY_4 ? BUFFER_IS_IP4 : BUFFER_IS_IP6;
    b->l3_start = b->start;
    *ip_scratch(b) = (struct ip_scratch){.adj = ADJ_NONE, .lb = LB_NONE, .fib = table};
    *asked_ns = clock_ns();
    if (!control_packet_send(e, IF_LOCAL, s->ping->request_nodes[s->family], bi))
        return 0;
    *asked_ns = 0;
    return -ENOBUFS;
}

static const char *ping_failure(int rc)
{
    switch (rc) {
    case -ENETUNREACH:
        return "no egress interface";
    case -EADDRNOTAVAIL:
        return "no source address for egress interface";
    case -ENOBUFS:
        return "could not allocate buffers";
    default:
        return "internal error";
    }
}

static void send_one(struct ping_session *s)
{
    u8 *bytes = mem_alloc(sizeof(struct ip6_header) + sizeof(struct icmp_echo_header) +
                          PING_STAMP_BYTES + PING_DATA_MAX_BYTES);
    struct ip_address src;
    struct if_index link;
    struct fib_index table = ping_table(s);
    int rc = ping_source(s, table, &src, &link);
    s->seq++;
    if (!rc)
        rc = ping_hand_over(s, table, bytes, write_request(s, &src, link, bytes));
    if (rc && s->call)
        out_text(s->call->out, "Failed: %s\n", ping_failure(rc));
    s->n_sent += !rc;
    free(bytes);
}

/* --- sessions --- */

static void ping_session_free(struct ping_session *s)
{
    __atomic_store_n(&s->ping->slots.active[s->slot], 0, __ATOMIC_RELAXED);
    s->ping->sessions[s->slot] = NULL;
    loop_timer_del(s->p->loop, s->timer);
    free(s);
}

/* The statistics, and the command is over; or the client is told. */
void ping_session_finish(struct ping_session *s)
{
    struct cli_call *c = s->call;
    if (!c) {
        ping_tell_client(s);
        ping_session_free(s);
        return;
    }
    /* replies that came twice do not count: never more than was sent */
    double lost = s->n_sent ? 100.0 * (double)(s->n_sent - s->n_received) / (double)s->n_sent : 0;

    out_text(c->out, "\nStatistics: ");
    out_u64(c->out, "sent", s->n_sent, "%" PRIu64 " sent, ");
    out_u64(c->out, "received", s->n_received, "%" PRIu64 " received, ");
    out_f64(c->out, "lost_percent", lost, "%.0f%% packet loss\n");
    ping_session_free(s);
    cli_done(c, 0);
}

void ping_session_cancel(void *arg)
{
    ping_session_free(arg);
}

/* The next round of requests, or the end. */
static void session_tick(void *arg)
{
    struct ping_session *s = arg;
    u32 sent_before = s->n_sent;
    bool nobody = !s->call && !ping_client_waits(s);

    if (s->n_rounds == s->repeat || nobody) {
        ping_session_finish(s);
        return;
    }
    s->n_rounds++;
    for (u32 i = 0; i < s->burst; i++)
        send_one(s);
    if (s->call)
        cli_flush(s->call);
    /* nothing to wait for after the last */
    if (s->n_rounds == s->repeat && s->n_sent == sent_before && s->n_received == s->n_sent)
        ping_session_finish(s);
    else if (s->n_rounds == s->repeat)
        loop_timer_set(s->p->loop, s->timer, clock_ns() + max_u64(s->interval_ns, LAST_WAIT_NS));
    else
        loop_timer_set(s->p->loop, s->timer, clock_ns() + s->interval_ns);
}

static void print_reply(const struct ping_session *s, const struct ping_reply *r, double ms)
{
    char time[32], src[IP_ADDRESS_TEXT_BYTES];

    snprintf(time, sizeof(time), "%.4f", ms);
    ip_address_text((enum ip_family)r->family, &r->src, src);
    out_text(s->call->out, "%" PRIu32 " bytes from %s: icmp_seq=%u ttl=%u time=%s ms\n",
             r->payload_bytes - PING_STAMP_BYTES + shown_overhead[r->family], src, r->seq, r->ttl,
             time[0] == '0' ? time + 1 : time);
    if (s->verbose) {
        const struct interface *f = interface_at(s->p, r->rx_if);
        out_text(s->call->out, "  received on %s, %" PRIu32 " bytes of data\n",
                 f ? f->name : "local0", r->payload_bytes - PING_STAMP_BYTES);
    }
    cli_flush(s->call);
}

void ping_on_reply(struct piste *p, const void *payload)
{
    struct ping *ping = module_state(p, ping_module_name);
    struct ping_reply r;

    memcpy(&r, payload, sizeof(r));
    struct ping_session *s = ping ? ping->sessions[r.id % PING_SESSIONS_MAX] : NULL;
    if (!s || s->id != r.id)
        return; /* its session has ended meanwhile */
    u64 *asked_ns = &s->asked_ns[r.seq % PING_SENT_KEPT];
    if (!*asked_ns || (u16)(s->seq - r.seq) >= PING_SENT_KEPT || r.payload_bytes < PING_STAMP_BYTES)
        return; /* a second reply, or one to what was never asked */
    /* the stamp comes from outside: one that cannot be right is not used */
    bool stamped = r.sent_ns >= *asked_ns && r.sent_ns <= r.rx_ns;
    double ms = (double)(r.rx_ns - (stamped ? r.sent_ns : *asked_ns)) / (double)NS_PER_MSEC;
    *asked_ns = 0;
    s->n_received++;
    if (s->call)
        print_reply(s, &r, ms);
    if (s->n_rounds == s->repeat && s->n_received == s->n_sent)
        ping_session_finish(s);
}

bool ping_set_interval(struct ping_session *s, double seconds)
{
    bool fits = seconds >= 0.001 && seconds <= 86400; /* no NaN */
    if (fits)
        s->interval_ns = (u64)(seconds * (double)NS_PER_SEC);
    return fits;
}

struct ping_session *ping_session_new(const struct ping_session *args)
{
    struct ping *ping = args->ping;
    u32 slot = 0;

    while (slot < PING_SESSIONS_MAX && ping->sessions[slot])
        slot++;
    if (slot == PING_SESSIONS_MAX)
        return NULL;
    struct ping_session *s = mem_alloc(sizeof(*s));
    *s = *args;
    s->slot = slot;
    s->id = (u16)(next_random(ping) & ~(PING_SESSIONS_MAX - 1u)) | (u16)slot;
    s->timer = loop_timer_add(s->p->loop, clock_ns(), 0, session_tick, s);
    ping->sessions[slot] = s;
    __atomic_store_n(&ping->slots.active[slot], s->id | PING_ACTIVE, __ATOMIC_RELAXED);
    return s;
}

/* --- the module --- */

void ping_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct ping *ping = module_state(p, ping_module_name);

    for (u32 i = 0; ev == IF_EVENT_DELETE && i < PING_SESSIONS_MAX; i++)
        if (ping->sessions[i] && if_equal(ping->sessions[i]->source_if, f->index))
            ping->sessions[i]->source_gone = true;
}

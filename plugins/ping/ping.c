/* The command `ping`, and the same for clients of the binary API, which are told the end. Several
 * sessions run at a time, each with an identifier of its own.
 * Source: RFC 792; what the command prints is what VPP prints. */
#include "plugins/ping/ping.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_ping.h"
#include "base/clock.h"
#include "base/mem.h"
#include "control/api.h"
#include "control/cli.h"
#include "control/loop.h"
#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/fib/fib.h"
#include "net/link/interface/interface.h"
#include "net/ip/icmp/icmp4.h"
#include "net/ip/ip4/ip4.h"
#include "net/packet/ip4_format.h"
#include "net/packet/ip4_packet.h"

#define IF_LOCAL ((struct if_index){0})
#define DATA_BYTES 60
#define DATA_MAX_BYTES 65000 /* of the 65507 that fit a datagram */
#define SENT_KEPT 1024       /* requests whose replies are recognised */

/* After the last request, however short the interval: a slow reply is not a lost one. */
#define LAST_WAIT_NS NS_PER_SEC

/* What VPP calls the size of a reply: the data, and these. */
#define SHOWN_OVERHEAD_BYTES 56

struct session {
    struct piste *p;
    struct ping *ping;
    struct cli_call *call; /* NULL: an API client waits for the end */
    struct loop_timer *timer;
    u32 slot;
    u16 id;
    u32 table_id;
    struct if_index source_if; /* IF_NONE: by the route */
    bool source_gone;          /* source_if was deleted, another may have its index */
    be32 dst;
    u32 data_bytes, repeat, burst;
    u64 interval_ns;
    bool verbose;
    u32 n_rounds, n_sent, n_received;
    u16 seq;                 /* of the last request */
    u64 asked_ns[SENT_KEPT]; /* by seq % SENT_KEPT; 0: nothing to wait for */
};

struct ping {
    struct ping_slots slots;
    struct session *sessions[PING_SESSIONS_MAX];
    struct api_events ends; /* a registration for each session of a client: its id is the key */
    struct node_index request_node;
    u64 random;
};

extern const struct module piste_module;

/* --- requests --- */

static u16 next_random(struct ping *ping)
{
    u64 x = ping->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    ping->random = x;
    return (u16)(x >> 24);
}

/* Where from. 0, -ENETUNREACH, -EADDRNOTAVAIL. */
static int ping_source(const struct session *s, struct fib_index table, be32 *src)
{
    struct ip4_prefix prefix;
    struct if_index i;

    if (fib_is_none(table))
        return -ENETUNREACH;
    if (!if_is_none(s->source_if)) {
        if (s->source_gone || !ip4_address_at(s->p, s->source_if, 0, &prefix))
            return -EADDRNOTAVAIL;
        *src = prefix.addr;
        return 0;
    }
    if (ip4_address_is_local(table, s->dst)) { /* this switch itself */
        *src = s->dst;
        return 0;
    }
    return ip4_source_address(s->p, table, s->dst, src, &i);
}

/* The headers and the data: the place of the time stamp, then bytes that count up. */
static u32 write_request(const struct session *s, be32 src, u16 ip_id, u8 *out)
{
    struct ip4_header *h = (struct ip4_header *)out;
    struct icmp_echo_header *echo = (struct icmp_echo_header *)(h + 1);
    u32 data_bytes = STAMP_BYTES + s->data_bytes, icmp_bytes = sizeof(*echo) + data_bytes;
    u8 *data = (u8 *)(echo + 1);

    memset(data, 0, STAMP_BYTES);
    for (u32 i = STAMP_BYTES; i < data_bytes; i++)
        data[i] = (u8)i;
    *echo = (struct icmp_echo_header){
        .icmp = {.type = ICMP4_ECHO_REQUEST},
        .id = be16_from_host(s->id),
        .seq = be16_from_host(s->seq),
    };
    echo->icmp.checksum = csum_finish(csum_add(0, echo, icmp_bytes));
    *h = (struct ip4_header){
        .version_ihl = IP4_VERSION_IHL_PLAIN,
        .length = be16_from_host((u16)(sizeof(*h) + icmp_bytes)),
        .id = be16_from_host(ip_id),
        .ttl = 64,
        .protocol = IP_PROTOCOL_ICMP,
        .src = src,
        .dst = s->dst,
    };
    ip4_set_checksum(h);
    return (u32)sizeof(*h) + icmp_bytes;
}

static int ping_hand_over(struct session *s, struct fib_index table, const u8 *bytes, u32 n)
{
    struct engine *e = engine_of(s->p);
    struct thread *t = engine_main_thread(e);
    u32 bi;

    if (!buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
        return -ENOBUFS;
    struct buffer *b = buffer_at(bi);
    if (buffer_append(t, b, bytes, n)) {
        buffer_free_one(t, bi);
        return -ENOBUFS;
    }
    b->rx_if = IF_LOCAL;
    b->flags |= BUFFER_LOCAL | BUFFER_IS_IP4;
    b->l3_start = b->start;
    *ip4_scratch(b) = (struct ip4_scratch){.adj = ADJ_NONE, .lb = LB_NONE, .fib = table};
    s->asked_ns[s->seq % SENT_KEPT] = clock_ns();
    if (thread_inject(e, s->ping->request_node, &bi, 1))
        return 0;
    s->asked_ns[s->seq % SENT_KEPT] = 0;
    buffer_free_one(t, bi);
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

static void send_one(struct session *s)
{
    u8 *bytes = mem_alloc(sizeof(struct ip4_header) + sizeof(struct icmp_echo_header) +
                          STAMP_BYTES + DATA_MAX_BYTES);
    be32 src;
    struct fib_index table = fib_table_find(fib_of(s->p), s->table_id); /* now: it may go */
    int rc = ping_source(s, table, &src);
    s->seq++;
    if (!rc)
        rc = ping_hand_over(s, table, bytes, write_request(s, src, next_random(s->ping), bytes));
    if (rc && s->call)
        out_text(s->call->out, "Failed: %s\n", ping_failure(rc));
    s->n_sent += !rc;
    free(bytes);
}

/* --- sessions --- */

static void ping_session_free(struct session *s)
{
    __atomic_store_n(&s->ping->slots.active[s->slot], 0, __ATOMIC_RELAXED);
    s->ping->sessions[s->slot] = NULL;
    loop_timer_del(s->p->loop, s->timer);
    free(s);
}

/* --- the end --- */

static bool is_of(const struct api_registration *r, const void *session)
{
    const struct session *s = session;
    return !memcmp(r->key, &s->id, sizeof(s->id));
}

/* The registration of the client that waits for s; ends.list.n: it has gone. */
static u32 registration_of(const struct session *s)
{
    const struct api_events *ends = &s->ping->ends;
    u32 i = 0;
    while (i < ends->list.n && !is_of(&ends->list.v[i], s))
        i++;
    return i;
}

static void tell_client(struct session *s)
{
    struct api_events *ends = &s->ping->ends;
    struct api_ping_finished_event m = {.request_count = s->n_sent, .reply_count = s->n_received};
    api_events_send(s->p, ends, &api_message_ping_finished_event, &m, is_of, s);
    u32 i = registration_of(s);
    if (i < ends->list.n)
        vec_del(&ends->list, i);
}

/* The statistics, and the command is over; or the client is told. */
static void session_finish(struct session *s)
{
    struct cli_call *c = s->call;
    if (!c) {
        tell_client(s);
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

static void session_cancel(void *arg)
{
    ping_session_free(arg);
}

/* The next round of requests, or the end. */
static void session_tick(void *arg)
{
    struct session *s = arg;
    u32 sent_before = s->n_sent;
    bool nobody = !s->call && registration_of(s) == s->ping->ends.list.n;

    if (s->n_rounds == s->repeat || nobody) {
        session_finish(s);
        return;
    }
    s->n_rounds++;
    for (u32 i = 0; i < s->burst; i++)
        send_one(s);
    if (s->call)
        cli_flush(s->call);
    /* nothing to wait for after the last */
    if (s->n_rounds == s->repeat && s->n_sent == sent_before && s->n_received == s->n_sent)
        session_finish(s);
    else if (s->n_rounds == s->repeat)
        loop_timer_set(s->p->loop, s->timer, clock_ns() + max_u64(s->interval_ns, LAST_WAIT_NS));
    else
        loop_timer_set(s->p->loop, s->timer, clock_ns() + s->interval_ns);
}

static void print_reply(const struct session *s, const struct ping_reply *r, double ms)
{
    struct text src = {0};
    char time[32];

    snprintf(time, sizeof(time), "%.4f", ms);
    ip4_format_address(&src, r->src);
    out_text(s->call->out, "%" PRIu32 " bytes from %s: icmp_seq=%u ttl=%u time=%s ms\n",
             r->payload_bytes - STAMP_BYTES + SHOWN_OVERHEAD_BYTES, text_str(&src), r->seq, r->ttl,
             time[0] == '0' ? time + 1 : time);
    text_free(&src);
    if (s->verbose) {
        const struct interface *f = interface_at(s->p, r->rx_if);
        out_text(s->call->out, "  received on %s, %" PRIu32 " bytes of data\n",
                 f ? f->name : "local0", r->payload_bytes - STAMP_BYTES);
    }
    cli_flush(s->call);
}

void ping_on_reply(struct piste *p, const void *payload)
{
    struct ping *ping = module_state(p, piste_module.name);
    struct ping_reply r;

    memcpy(&r, payload, sizeof(r));
    struct session *s = ping ? ping->sessions[r.id % PING_SESSIONS_MAX] : NULL;
    if (!s || s->id != r.id)
        return; /* its session has ended meanwhile */
    u64 *asked_ns = &s->asked_ns[r.seq % SENT_KEPT];
    if (!*asked_ns || (u16)(s->seq - r.seq) >= SENT_KEPT || r.payload_bytes < STAMP_BYTES)
        return; /* a second reply, or one to what was never asked */
    /* the stamp comes from outside: one that cannot be right is not used */
    bool stamped = r.sent_ns >= *asked_ns && r.sent_ns <= r.rx_ns;
    double ms = (double)(r.rx_ns - (stamped ? r.sent_ns : *asked_ns)) / (double)NS_PER_MSEC;
    *asked_ns = 0;
    s->n_received++;
    if (s->call)
        print_reply(s, &r, ms);
    if (s->n_rounds == s->repeat && s->n_received == s->n_sent)
        session_finish(s);
}

/* --- the command --- */

static int ping_bad_usage(struct cli_call *c, const char *rest)
{
    return error_set(
        c->err, EINVAL,
        "expecting IP4/IP6 address `%s'. Usage: ping <addr> [source <intf>] [size <datasz>] "
        "[repeat <count>] [verbose]",
        rest);
}

static bool set_interval(struct session *s, double seconds)
{
    bool fits = seconds >= 0.001 && seconds <= 86400; /* no NaN */
    if (fits)
        s->interval_ns = (u64)(seconds * (double)NS_PER_SEC);
    return fits;
}

static int ping_parse(struct cli_call *c, struct session *s)
{
    const struct cli_value *v = cli_get(c, "address");
    struct fib *fib = fib_of(c->piste);

    if (!v)
        v = cli_get(c, "ipv4");
    if (!v)
        return ping_bad_usage(c, cli_str(c, "rest", ""));
    if (v->ip.is_ip6)
        return error_set(c->err, ENOTSUP, "no IP6 here");
    memcpy(&s->dst, v->ip.addr, sizeof(s->dst));
    s->data_bytes = (u32)cli_u64(c, "size", DATA_BYTES);
    if (s->data_bytes > DATA_MAX_BYTES)
        return error_set(c->err, EINVAL, "size is at most %u", DATA_MAX_BYTES);
    const struct cli_value *interval = cli_get(c, "interval");
    if (!set_interval(s, interval ? interval->f : 1))
        return error_set(c->err, EINVAL, "interval is 0.001 to 86400 seconds");
    s->repeat = (u32)cli_u64(c, "repeat", 5);
    s->burst = (u32)cli_u64(c, "burst", 1);
    if (!s->burst || s->burst > SENT_KEPT)
        return error_set(c->err, EINVAL, "burst is 1 to %u", SENT_KEPT);
    s->verbose = cli_has(c, "verbose");
    const struct interface *f = cli_interface(c, "source");
    s->source_if = f ? f->index : IF_NONE;
    s->table_id = f ? fib_table_id(fib, ip4_if_fib(f->index)) : 0;
    if (cli_has(c, "table-id")) {
        s->table_id = (u32)cli_u64(c, "table-id", 0);
        if (fib_is_none(fib_table_find(fib, s->table_id)))
            return error_set(c->err, ENOENT, "no table %u", s->table_id);
    }
    return 0;
}

/* NULL: too many run already. */
static struct session *session_new(const struct session *args)
{
    struct ping *ping = args->ping;
    u32 slot = 0;

    while (slot < PING_SESSIONS_MAX && ping->sessions[slot])
        slot++;
    if (slot == PING_SESSIONS_MAX)
        return NULL;
    struct session *s = mem_alloc(sizeof(*s));
    *s = *args;
    s->slot = slot;
    s->id = (u16)(next_random(ping) & ~(PING_SESSIONS_MAX - 1u)) | (u16)slot;
    s->timer = loop_timer_add(s->p->loop, clock_ns(), 0, session_tick, s);
    ping->sessions[slot] = s;
    __atomic_store_n(&ping->slots.active[slot], s->id | PING_ACTIVE, __ATOMIC_RELAXED);
    return s;
}

static int ping_run(struct cli_call *c)
{
    struct ping *ping = module_state(c->piste, piste_module.name);
    struct session args = {.p = c->piste, .ping = ping, .call = c};
    int rc = ping_parse(c, &args);

    if (rc)
        return rc;
    struct session *s = session_new(&args);
    if (!s)
        return error_set(c->err, EBUSY, "%u pings run already", PING_SESSIONS_MAX);
    cli_pend(c, session_cancel, s);
    return CLI_PENDING;
}

static const struct cli_command commands[] = {
    {"ping [ <address:ip-address> | ipv4 <ipv4:ip4-address> | ipv6 <ipv6:ip6-address> ] "
     "[source <source:interface>] [size <size:u32>] [interval <interval:float>] [repeat "
     "<repeat:u32>] "
     "[table-id <table-id:u32>] [burst <burst:u32>] [verbose]",
     "Send ICMP echo requests and show the replies", ping_run, 0},
    {NULL, NULL, NULL, 0},
};

/* --- the message --- */

static i32 start_for_client(struct api_call *c, const struct api_want_ping_finished_events *m)
{
    struct ping *ping = module_state(c->piste, piste_module.name);
    struct session args = {
        .p = c->piste,
        .ping = ping,
        .source_if = IF_NONE,
        .data_bytes = DATA_BYTES,
        .repeat = m->repeat,
        .burst = 1,
    };

    if (m->address.af != ADDRESS_IP4)
        return API_INVALID_ADDRESS_FAMILY;
    if (!m->repeat || !set_interval(&args, m->interval))
        return API_INVALID_VALUE;
    memcpy(&args.dst, m->address.un, sizeof(args.dst));
    const struct session *s = session_new(&args);
    return s ? api_events_want(c, &ping->ends, true, 0, &s->id, sizeof(s->id)) : API_RSRC_IN_USE;
}

static void want_ping_finished_events(struct api_call *c)
{
    api_reply_retval(c, start_for_client(c, c->msg));
}

static const struct api_handler handlers[] = {
    {&api_message_want_ping_finished_events, want_ping_finished_events},
    {0},
};

/* --- the module --- */

static const struct node_error errors[PING_ERROR_N] = {
    [PING_ERROR_NONE] = {"none", "echo replies received", SEVERITY_INFO},
    [PING_ERROR_NOT_OURS] = {"not_ours", "echo replies that nobody waits for", SEVERITY_ERROR},
    [PING_ERROR_CONGESTED] = {"congested", "echo replies lost on the way to their session",
                              SEVERITY_ERROR},
};

static const struct node_def request_node = {
    .name = "ip4-ping-request",
    .run = NODE_VARIANTS(ip4_ping_request),
    .next = {"ip4-lookup"},
    .n_next = 1,
    .format_trace = ip4_format_trace,
};

static const struct node_def echo_reply_node = {
    .name = "ip4-icmp-echo-reply",
    .run = NODE_VARIANTS(ip4_icmp_echo_reply),
    .next = {[PING_NEXT_DROP] = "error-drop", [PING_NEXT_PUNT] = "ip4-punt"},
    .n_next = PING_N_NEXT,
    .errors = errors,
    .n_errors = PING_ERROR_N,
    .format_trace = ip4_format_trace,
};

static void ping_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct ping *ping = module_state(p, piste_module.name);

    for (u32 i = 0; ev == IF_EVENT_DELETE && i < PING_SESSIONS_MAX; i++)
        if (ping->sessions[i] && if_equal(ping->sessions[i]->source_if, f->index))
            ping->sessions[i]->source_gone = true;
}

static int ping_init(struct piste *p, void **state, struct error *e)
{
    struct ping *ping = mem_alloc(sizeof(*ping));

    ping->random = clock_cycles() | 1;
    ping->request_node = node_register(engine_of(p), &request_node, NULL, NULL);
    struct node_index n = node_register(engine_of(p), &echo_reply_node, NULL, &ping->slots);
    icmp4_register_type(p, ICMP4_ECHO_REPLY, n);
    interface_on_event(p, ping_on_interface, NULL);
    *state = ping;
    return 0;
}

static void ping_stop(struct piste *p, void *state)
{
    struct ping *ping = state;

    for (u32 i = 0; i < PING_SESSIONS_MAX; i++)
        if (ping->sessions[i])
            session_finish(ping->sessions[i]);
    api_events_free(&ping->ends);
    free(ping);
}

const struct module piste_module = {
    .abi = MODULE_ABI,
    .name = "ping",
    .description = "Ping (ping)",
    .needs = (const char *const[]){"api", "interface", "ip4", "icmp4", NULL},
    .commands = commands,
    .api = handlers,
    .init = ping_init,
    .stop = ping_stop,
};

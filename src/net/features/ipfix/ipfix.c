/* Who collects, and messages to them. See ipfix.h. */
#include "net/features/ipfix/ipfix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/loop.h"
#include "engine/engine.h"
#include "net/features/ipfix/ipfix_internal.h"
#include "net/ip/fib/fib.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/l4_packet.h"

const char ipfix_module_name[] = "ipfix";

#define IPFIX_WAIT_NS NS_PER_SEC /* of a message for more records */
#define IPFIX_VERSION 10
#define IPFIX_TEMPLATE_SET 2
#define IPFIX_HEADERS_BYTES (sizeof(struct ip4_header) + sizeof(struct udp_header))

struct ipfix_header {
    be16 version, length;
    be32 time_s, sequence, domain;
} __attribute__((packed));

struct ipfix_set {
    be16 id, length; /* with this header */
} __attribute__((packed));

struct ipfix_stream {
    struct piste *p;
    u32 domain;
    u16 src_port;
    const struct ipfix_template *templates;
    u32 n;
    u32 sequence; /* records that were sent */
    u16 next_id;
    u64 templates_due_ns;
    struct loop_timer *timer;
    /* the message that waits; bytes 0: none */
    u32 bytes, records;
    u32 set;   /* where its last set begins */
    u32 set_k; /* of which template that is */
    u8 message[IPFIX_PATH_MTU_MAX];
};

struct ipfix_listener {
    void (*fn)(void *arg);
    void *arg;
    const bool *alive; /* see module_alive */
};

struct ipfix_state {
    bool on;
    struct ipfix_exporter exporter;
    struct fib_index fib;
    struct ipfix_counts counts;
    VEC(struct ipfix_stream *) streams;
    VEC(struct ipfix_listener) listeners;
};

static struct ipfix_state *ipfix_state_of(const struct piste *p)
{
    return module_state(p, ipfix_module_name);
}

/* --- messages --- */

static void ipfix_send(struct ipfix_stream *s)
{
    struct ipfix_state *state = ipfix_state_of(s->p);
    const struct ipfix_exporter *x = &state->exporter;
    if (!s->bytes)
        return;
    struct ipfix_header h = {
        .version = be16_from_host(IPFIX_VERSION),
        .length = be16_from_host((u16)s->bytes),
        .time_s = be32_from_host((u32)((clock_wall_base_ns() + clock_ns()) / NS_PER_SEC)),
        .sequence = be32_from_host(s->sequence),
        .domain = be32_from_host(s->domain),
    };
    struct udp4_flow flow = {
        .src = x->src,
        .dst = x->collector,
        .src_port = be16_from_host(s->src_port),
        .dst_port = be16_from_host(x->port),
        .fib = state->fib,
        .checksum = x->udp_checksum,
        .next_id = s->next_id,
    };
    memcpy(s->message, &h, sizeof(h));
    if (udp4_send(s->p, &flow, s->message, s->bytes)) {
        state->counts.failed++;
    } else {
        state->counts.messages++;
        state->counts.records += s->records;
    }
    s->next_id = flow.next_id;
    s->sequence += s->records; /* the collector sees what it misses */
    s->bytes = s->records = 0;
}

static void ipfix_on_timer(void *arg)
{
    ipfix_send(arg);
}

static void put_u16(struct ipfix_stream *s, u16 x)
{
    store_be16(s->message + s->bytes, be16_from_host(x));
    s->bytes += 2;
}

static void begin_set(struct ipfix_stream *s, u16 id)
{
    s->set = s->bytes;
    put_u16(s, id);
    put_u16(s, 0);
}

/* What was added is of it. */
static void grow_set(struct ipfix_stream *s)
{
    store_be16(s->message + s->set + offsetof(struct ipfix_set, length),
               be16_from_host((u16)(s->bytes - s->set)));
}

static void put_templates(struct ipfix_stream *s)
{
    begin_set(s, IPFIX_TEMPLATE_SET);
    for (u32 k = 0; k < s->n; k++) {
        const struct ipfix_template *t = &s->templates[k];
        put_u16(s, (u16)(IPFIX_TEMPLATE_FIRST + k));
        put_u16(s, (u16)t->n);
        for (u32 i = 0; i < t->n; i++) {
            put_u16(s, t->v[i].element);
            put_u16(s, t->v[i].bytes);
        }
    }
    grow_set(s);
}

static u32 record_bytes(const struct ipfix_template *t)
{
    u32 n = 0;
    for (u32 i = 0; i < t->n; i++)
        n += t->v[i].bytes;
    return n;
}

static void begin_message(struct ipfix_stream *s, u64 now_ns)
{
    const struct ipfix_exporter *x = &ipfix_state_of(s->p)->exporter;
    s->bytes = sizeof(struct ipfix_header);
    s->set_k = s->n; /* none */
    if (now_ns >= s->templates_due_ns) {
        put_templates(s);
        s->templates_due_ns = now_ns + x->template_interval_s * NS_PER_SEC;
    }
    loop_timer_set(s->p->loop, s->timer, now_ns + IPFIX_WAIT_NS);
}

void ipfix_record(struct ipfix_stream *s, u32 k, const void *record)
{
    const struct ipfix_state *state = ipfix_state_of(s->p);
    u32 n = record_bytes(&s->templates[k]), most = state->exporter.path_mtu - IPFIX_HEADERS_BYTES;
    if (!state->on)
        return;
    if (s->bytes && s->bytes + sizeof(struct ipfix_set) + n > most)
        ipfix_send(s);
    if (!s->bytes)
        begin_message(s, clock_ns());
    if (s->set_k != k) {
        begin_set(s, (u16)(IPFIX_TEMPLATE_FIRST + k));
        s->set_k = k;
    }
    memcpy(s->message + s->bytes, record, n);
    s->bytes += n;
    s->records++;
    grow_set(s);
}

/* --- streams --- */

struct ipfix_stream *ipfix_stream_new(struct piste *p, u32 domain, u16 src_port,
                                      const struct ipfix_template *templates, u32 n)
{
    struct ipfix_stream *s = mem_alloc(sizeof(*s));
    u32 bytes = sizeof(struct ipfix_set);
    for (u32 k = 0; k < n; k++)
        bytes += 4 + templates[k].n * 4;
    assert(bytes <= IPFIX_TEMPLATES_BYTES);
    s->p = p;
    s->domain = domain;
    s->src_port = src_port;
    s->templates = templates;
    s->n = n;
    s->timer = loop_timer_add(p->loop, UINT64_MAX, 0, ipfix_on_timer, s);
    vec_add(&ipfix_state_of(p)->streams, s);
    return s;
}

void ipfix_stream_free(struct ipfix_stream *s)
{
    if (!s)
        return;
    struct ipfix_state *state = ipfix_state_of(s->p);
    ipfix_send(s);
    loop_timer_del(s->p->loop, s->timer);
    for (u32 i = 0; i < state->streams.n; i++)
        if (state->streams.v[i] == s) {
            vec_del(&state->streams, i);
            break;
        }
    free(s);
}

void ipfix_flush(struct piste *p)
{
    const struct ipfix_state *state = ipfix_state_of(p);
    for (u32 i = 0; i < state->streams.n; i++)
        ipfix_send(state->streams.v[i]);
}

/* --- where to --- */

static void exporter_forget(struct piste *p, struct ipfix_state *s)
{
    if (s->on) {
        ipfix_flush(p);
        fib_table_unlock(fib_of(p), s->fib, FIB_SOURCE_PROXY);
    }
    s->on = false;
}

static int check_exporter(const struct ipfix_exporter *x, struct error *e)
{
    if (be32_is_zero(x->src))
        return error_set(e, EINVAL, "src address required");
    if (x->path_mtu > IPFIX_PATH_MTU_MAX)
        return error_set(e, EINVAL, "too big path-mtu value, maximum is %u", IPFIX_PATH_MTU_MAX);
    if (x->path_mtu < IPFIX_PATH_MTU_MIN)
        return error_set(e, EINVAL, "too small path-mtu value, minimum is %u", IPFIX_PATH_MTU_MIN);
    if (!x->port)
        return error_set(e, EINVAL, "a collector has a port");
    return 0;
}

int ipfix_set_exporter(struct piste *p, const struct ipfix_exporter *x, struct error *e)
{
    struct ipfix_state *s = ipfix_state_of(p);
    struct fib_index fib = FIB_NONE;
    bool on = !be32_is_zero(x->collector);
    int rc = on ? check_exporter(x, e) : 0;
    if (!rc && on)
        rc = fib_table_lock(fib_of(p), IP_FAMILY_4, x->vrf, NULL, FIB_SOURCE_PROXY, &fib, e);
    if (rc)
        return rc;
    exporter_forget(p, s);
    s->on = on;
    s->exporter = *x;
    s->fib = fib;
    s->counts = (struct ipfix_counts){0};
    for (u32 i = 0; i < s->streams.n; i++)
        s->streams.v[i]->templates_due_ns = 0;
    for (u32 i = 0; i < s->listeners.n; i++)
        if (*s->listeners.v[i].alive)
            s->listeners.v[i].fn(s->listeners.v[i].arg);
    return 0;
}

const struct ipfix_exporter *ipfix_exporter(const struct piste *p)
{
    const struct ipfix_state *s = ipfix_state_of(p);
    return s->on ? &s->exporter : NULL;
}

struct ipfix_counts ipfix_counts(const struct piste *p)
{
    return ipfix_state_of(p)->counts;
}

void ipfix_on_change(struct piste *p, void (*fn)(void *arg), void *arg)
{
    vec_add(&ipfix_state_of(p)->listeners,
            ((struct ipfix_listener){.fn = fn, .arg = arg, .alive = module_alive(p)}));
}

/* --- life --- */

int ipfix_init(struct piste *p, void **state, struct error *e)
{
    *state = mem_alloc(sizeof(struct ipfix_state));
    return 0;
}

void ipfix_stop(struct piste *p, void *state)
{
    struct ipfix_state *s = state;
    exporter_forget(p, s);
    vec_free(&s->streams);
    vec_free(&s->listeners);
    free(s);
}

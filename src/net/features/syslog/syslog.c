/* Who collects, and messages to them. See syslog.h. */
#include "net/features/syslog/syslog.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "net/features/syslog/syslog_internal.h"
#include "net/ip/fib/fib.h"
#include "net/packet/ip4_format.h"

const char syslog_module_name[] = "syslog";

const char *const syslog_severity_words[SYSLOG_SEVERITIES] = {"emerg",   "alert",  "crit", "err",
                                                              "warning", "notice", "info", "debug"};

const char *const syslog_facility_words[SYSLOG_FACILITIES] = {
    "kernel",        "user-level",   "mail-system", "system-daemons", "security1", "syslogd",
    "line-printer",  "network-news", "uucp",        "clock-daemon1",  "security2", "ftp-daemon",
    "ntp-subsystem", "log-audit",    "log-alert",   "clock-daemon2",  "local0",    "local1",
    "local2",        "local3",       "local4",      "local5",         "local6",    "local7"};

struct syslog_listener {
    void (*fn)(void *arg);
    void *arg;
    const bool *alive; /* see module_alive */
};

struct syslog_state {
    bool on;
    struct syslog_sender sender;
    struct udp4_flow flow;
    struct syslog_counts counts;
    enum syslog_severity filter;
    VEC(struct syslog_listener) listeners;
};

static struct syslog_state *syslog_state_of(const struct piste *p)
{
    return module_state(p, syslog_module_name);
}

/* --- where to --- */

static void tell_listeners(struct syslog_state *s)
{
    for (u32 i = 0; i < s->listeners.n; i++)
        if (*s->listeners.v[i].alive)
            s->listeners.v[i].fn(s->listeners.v[i].arg);
}

void syslog_on_change(struct piste *p, void (*fn)(void *arg), void *arg)
{
    vec_add(&syslog_state_of(p)->listeners,
            ((struct syslog_listener){.fn = fn, .arg = arg, .alive = module_alive(p)}));
}

static void syslog_forget(struct piste *p, struct syslog_state *s)
{
    if (s->on)
        fib_table_unlock(fib_of(p), s->flow.fib, FIB_SOURCE_PROXY);
    s->on = false;
}

int syslog_set_sender(struct piste *p, const struct syslog_sender *x, struct error *e)
{
    struct syslog_state *s = syslog_state_of(p);
    struct fib_index fib;
    if (be32_is_zero(x->collector) || be32_is_zero(x->src) || !x->port)
        return error_set(e, EINVAL, "a sender needs both addresses, and a port");
    if (x->max_bytes < SYSLOG_BYTES || x->max_bytes > UDP4_BYTES_MAX)
        return error_set(e, EINVAL, "messages are of at most %u to %u bytes", SYSLOG_BYTES,
                         UDP4_BYTES_MAX);
    int rc = fib_table_lock(fib_of(p), IP_FAMILY_4, x->vrf, NULL, FIB_SOURCE_PROXY, &fib, e);
    if (rc)
        return rc;
    syslog_forget(p, s);
    s->on = true;
    s->sender = *x;
    s->counts = (struct syslog_counts){0};
    s->flow = (struct udp4_flow){
        .src = x->src,
        .dst = x->collector,
        .src_port = be16_from_host(SYSLOG_PORT),
        .dst_port = be16_from_host(x->port),
        .fib = fib,
        .checksum = true,
        .next_id = s->flow.next_id,
    };
    tell_listeners(s);
    return 0;
}

int syslog_clear_sender(struct piste *p, struct error *e)
{
    struct syslog_state *s = syslog_state_of(p);
    if (!s->on)
        return error_set(e, ENOENT, "no sender is set");
    syslog_forget(p, s);
    tell_listeners(s);
    return 0;
}

const struct syslog_sender *syslog_sender(const struct piste *p)
{
    const struct syslog_state *s = syslog_state_of(p);
    return s->on ? &s->sender : NULL;
}

void syslog_set_filter(struct piste *p, enum syslog_severity severity)
{
    struct syslog_state *s = syslog_state_of(p);
    s->filter = severity;
    tell_listeners(s);
}

enum syslog_severity syslog_filter(const struct piste *p)
{
    return syslog_state_of(p)->filter;
}

struct syslog_counts syslog_counts(const struct piste *p)
{
    return syslog_state_of(p)->counts;
}

bool syslog_wants(const struct piste *p, enum syslog_severity severity)
{
    const struct syslog_state *s = syslog_state_of(p);
    return s->on && severity <= s->filter;
}

/* --- messages --- */

bool syslog_name_is_sound(const char *s, size_t most, bool in_element)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if (s[i] <= ' ' || s[i] > '~' || (in_element && strchr("=]\"", s[i])))
            return false;
    return n && n <= most;
}

/* RFC 3339, in UTC. */
static void add_time(struct text *t, u64 at_ns)
{
    u64 wall_ns = clock_wall_base_ns() + at_ns;
    time_t seconds = (time_t)(wall_ns / NS_PER_SEC);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    text_add(t, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
             tm.tm_hour, tm.tm_min, tm.tm_sec, (u32)(wall_ns % NS_PER_SEC / NS_PER_USEC));
}

void syslog_begin(struct text *t, const struct piste *p, const struct syslog_header *h)
{
    text_add(t, "<%u>1 ", h->facility * 8 + h->severity);
    add_time(t, h->at_ns);
    text_putc(t, ' ');
    ip4_format_address(t, syslog_state_of(p)->sender.src);
    text_add(t, " %s %d %s ", h->app, getpid(), h->msgid);
}

void syslog_element(struct text *t, const char *id)
{
    text_add(t, "[%s", id);
}

void syslog_param(struct text *t, const char *name, const char *fmt, ...)
{
    struct text value = {0};
    va_list ap;
    va_start(ap, fmt);
    text_vadd(&value, fmt, ap);
    va_end(ap);
    text_add(t, " %s=\"", name);
    for (const char *s = text_str(&value); *s; s++) {
        if (strchr("\"\\]", *s))
            text_putc(t, '\\');
        text_putc(t, *s);
    }
    text_putc(t, '"');
    text_free(&value);
}

void syslog_element_end(struct text *t)
{
    text_putc(t, ']');
}

void syslog_no_elements(struct text *t)
{
    text_putc(t, '-');
}

int syslog_send(struct piste *p, struct text *t)
{
    struct syslog_state *s = syslog_state_of(p);
    size_t n = strlen(text_str(t));
    int rc = !s->on                    ? -ENOENT
             : n > s->sender.max_bytes ? -EMSGSIZE
                                       : udp4_send(p, &s->flow, text_str(t), (u32)n);
    if (rc)
        s->counts.failed++;
    else
        s->counts.sent++;
    text_free(t);
    return rc;
}

/* --- life --- */

int syslog_init(struct piste *p, void **state, struct error *e)
{
    struct syslog_state *s = mem_alloc(sizeof(*s));
    s->filter = SYSLOG_INFO;
    *state = s;
    return 0;
}

void syslog_stop(struct piste *p, void *state)
{
    struct syslog_state *s = state;
    syslog_forget(p, s);
    vec_free(&s->listeners);
    free(s);
}

/* The log's ring, its rules and its ways out. Rules are kept as they were given; what they come to
 * for a class is worked out anew whenever a rule or a class is added, which is rare. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/vec.h"

struct class_state {
    const char *name, *sub;
    bool unlimited;
    struct log_rule rule;
    u64 window_start_ns; /* of the second that is being counted */
    u64 silent_until_ns; /* 0: speaks */
    int in_window;
};

struct named_rule {
    char *name; /* owned: "class" or "class/sub" */
    struct log_rule rule;
};

static struct {
    pthread_mutex_t lock;
    enum log_sink sink;
    struct log_config config;
    VEC(struct class_state) classes; /* index: log_class.id - 1 */
    VEC(struct named_rule) rules;
    struct log_entry *ring; /* config.size entries, made at the first message */
    u32 oldest, n_entries;
    bool syslog_is_open;
} the_log = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .config =
        {
            .defaults = {LOG_LEVEL_NOTICE, LOG_LEVEL_WARN, LOG_LEVEL_DISABLED, 50},
            .size = 512,
            .unthrottle_sec = 3,
        },
};

static const char *const level_names[] = {"emerg",  "alert", "crit",  "error",   "warn",
                                          "notice", "info",  "debug", "disabled"};

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

int log_level_parse(const char *s)
{
    for (unsigned i = 0; i < array_len(level_names); i++)
        if (!strcmp(s, level_names[i]))
            return (int)i;
    return !strcmp(s, "warning") ? LOG_LEVEL_WARN : !strcmp(s, "err") ? LOG_LEVEL_ERROR : -1;
}

void log_format_time(struct timespec t, char out[LOG_TIME_BYTES])
{
    struct tm tm;
    localtime_r(&t.tv_sec, &tm);
    size_t n = strftime(out, LOG_TIME_BYTES, "%Y/%m/%d %H:%M:%S", &tm);
    snprintf(out + n, LOG_TIME_BYTES - n, ":%03u", (unsigned)(t.tv_nsec / (long)NS_PER_MSEC));
}

/* --- rules
 * ---------------------------------------------------------------------------------------- */

static void rule_overlay(struct log_rule *to, const struct log_rule *from)
{
    if (from->level != LOG_KEEP)
        to->level = from->level;
    if (from->syslog_level != LOG_KEEP)
        to->syslog_level = from->syslog_level;
    if (from->kmsg_level != LOG_KEEP)
        to->kmsg_level = from->kmsg_level;
    if (from->rate_limit != LOG_KEEP)
        to->rate_limit = from->rate_limit;
}

static bool name_is_sub(const char *full, const struct class_state *c)
{
    size_t n = strlen(c->name);
    return c->sub && !strncmp(full, c->name, n) && full[n] == '/' && !strcmp(full + n + 1, c->sub);
}

static void class_apply_rules(struct class_state *c)
{
    c->rule = the_log.config.defaults;
    if (c->unlimited)
        c->rule.rate_limit = 0;
    for (u32 i = 0; i < the_log.rules.n; i++)
        if (!strcmp(the_log.rules.v[i].name, c->name))
            rule_overlay(&c->rule, &the_log.rules.v[i].rule);
    for (u32 i = 0; i < the_log.rules.n; i++)
        if (name_is_sub(the_log.rules.v[i].name, c))
            rule_overlay(&c->rule, &the_log.rules.v[i].rule);
}

static void apply_rules(void)
{
    for (u32 i = 0; i < the_log.classes.n; i++)
        class_apply_rules(&the_log.classes.v[i]);
}

static void class_register_locked(struct log_class *c)
{
    for (u32 i = 0; i < the_log.classes.n && !c->id; i++) {
        const struct class_state *s = &the_log.classes.v[i];
        if (!strcmp(s->name, c->name) && !strcmp(s->sub ? s->sub : "", c->sub ? c->sub : ""))
            c->id = i + 1;
    }
    if (c->id)
        return;
    struct class_state s = {.name = c->name, .sub = c->sub, .unlimited = c->unlimited};
    class_apply_rules(&s);
    vec_add(&the_log.classes, s);
    c->id = the_log.classes.n;
}

void log_class_register(struct log_class *c)
{
    pthread_mutex_lock(&the_log.lock);
    class_register_locked(c);
    pthread_mutex_unlock(&the_log.lock);
}

void log_set_sink(enum log_sink sink)
{
    pthread_mutex_lock(&the_log.lock);
    the_log.sink = sink;
    pthread_mutex_unlock(&the_log.lock);
}

void log_set_defaults(const struct log_rule *rule)
{
    pthread_mutex_lock(&the_log.lock);
    rule_overlay(&the_log.config.defaults, rule);
    apply_rules();
    pthread_mutex_unlock(&the_log.lock);
}

void log_set_class(const char *name, const struct log_rule *rule)
{
    pthread_mutex_lock(&the_log.lock);
    u32 i = 0;
    while (i < the_log.rules.n && strcmp(the_log.rules.v[i].name, name) != 0)
        i++;
    if (i == the_log.rules.n) {
        struct named_rule r = {mem_strdup(name), {LOG_KEEP, LOG_KEEP, LOG_KEEP, LOG_KEEP}};
        vec_add(&the_log.rules, r);
    }
    rule_overlay(&the_log.rules.v[i].rule, rule);
    apply_rules();
    pthread_mutex_unlock(&the_log.lock);
}

void log_set_unthrottle(u32 seconds)
{
    pthread_mutex_lock(&the_log.lock);
    the_log.config.unthrottle_sec = seconds;
    pthread_mutex_unlock(&the_log.lock);
}

struct log_config log_config(void)
{
    pthread_mutex_lock(&the_log.lock);
    struct log_config c = the_log.config;
    pthread_mutex_unlock(&the_log.lock);
    return c;
}

bool log_class_exists(const char *name)
{
    bool found = false;
    pthread_mutex_lock(&the_log.lock);
    for (u32 i = 0; i < the_log.classes.n && !found; i++)
        found =
            !strcmp(the_log.classes.v[i].name, name) || name_is_sub(name, &the_log.classes.v[i]);
    pthread_mutex_unlock(&the_log.lock);
    return found;
}

void log_each_class(void (*fn)(const struct log_class_info *info, void *arg), void *arg)
{
    pthread_mutex_lock(&the_log.lock);
    for (u32 i = 0; i < the_log.classes.n; i++) {
        const struct class_state *c = &the_log.classes.v[i];
        struct log_class_info info = {c->name, c->sub, c->rule};
        fn(&info, arg);
    }
    pthread_mutex_unlock(&the_log.lock);
}

/* --- the ring
 * ------------------------------------------------------------------------------------- */

static struct log_entry *log_entry_at(u32 i)
{
    return &the_log.ring[(the_log.oldest + i) % the_log.config.size];
}

static void drop_oldest(void)
{
    struct log_entry *e = log_entry_at(0);
    free(e->text);
    *e = (struct log_entry){0};
    the_log.oldest = (the_log.oldest + 1) % the_log.config.size;
    the_log.n_entries--;
}

static void ring_put(struct timespec time, enum log_level level, const struct class_state *c,
                     const char *text)
{
    if (!the_log.ring)
        the_log.ring = mem_alloc(the_log.config.size * sizeof(*the_log.ring));
    if (the_log.n_entries == the_log.config.size)
        drop_oldest();
    *log_entry_at(the_log.n_entries) =
        (struct log_entry){time, level, c->name, c->sub, mem_strdup(text)};
    the_log.n_entries++;
}

void log_set_size(u32 size)
{
    if (!size)
        size = 1;
    pthread_mutex_lock(&the_log.lock);
    while (the_log.n_entries > size)
        drop_oldest();
    if (the_log.ring) {
        struct log_entry *ring = mem_alloc(size * sizeof(*ring));
        for (u32 i = 0; i < the_log.n_entries; i++)
            ring[i] = *log_entry_at(i);
        free(the_log.ring);
        the_log.ring = ring;
    }
    the_log.oldest = 0;
    the_log.config.size = size;
    pthread_mutex_unlock(&the_log.lock);
}

void log_clear(void)
{
    pthread_mutex_lock(&the_log.lock);
    while (the_log.n_entries)
        drop_oldest();
    pthread_mutex_unlock(&the_log.lock);
}

void log_each(void (*fn)(const struct log_entry *entry, void *arg), void *arg)
{
    pthread_mutex_lock(&the_log.lock);
    for (u32 i = 0; i < the_log.n_entries; i++)
        fn(log_entry_at(i), arg);
    pthread_mutex_unlock(&the_log.lock);
}

/* --- a message's way
 * ------------------------------------------------------------------------------ */

static void sink_put(enum log_level level, const struct class_state *c, const char *text)
{
    const char *slash = c->sub ? "/" : "", *sub = c->sub ? c->sub : "";
    if (the_log.sink == LOG_SINK_STDERR) {
        fprintf(stderr, "%s%s%s: %s\n", c->name, slash, sub, text);
    } else if (the_log.sink == LOG_SINK_SYSLOG) {
        if (!the_log.syslog_is_open)
            openlog("vpp", LOG_CONS | LOG_PID, LOG_DAEMON);
        the_log.syslog_is_open = true;
        syslog((int)level, "%s%s%s: %s", c->name, slash, sub, text); /* same numbers */
    }
}

static void kmsg_put(enum log_level level, const struct class_state *c, const char *text)
{
    char line[LOG_TEXT_BYTES + 64];
    int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    int n = snprintf(line, sizeof(line), "<%d>vpp[%d]: %s: %s\n", (int)level, (int)getpid(),
                     c->name, text);
    /* nowhere left to complain to */
    (void)!write(fd, line, min_u64((u64)n, sizeof(line) - 1));
    close(fd);
}

/* Everything but the rate limit. */
static void log_emit(struct class_state *c, enum log_level level, const char *text)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if ((int)level <= c->rule.level && c->rule.level != LOG_LEVEL_DISABLED)
        ring_put(now, level, c, text);
    if ((int)level <= c->rule.syslog_level && c->rule.syslog_level != LOG_LEVEL_DISABLED)
        sink_put(level, c, text);
    if ((int)level <= c->rule.kmsg_level && c->rule.kmsg_level != LOG_LEVEL_DISABLED)
        kmsg_put(level, c, text);
}

static bool is_throttled(struct class_state *c, enum log_level level)
{
    u64 now = clock_ns();
    if (c->silent_until_ns && now < c->silent_until_ns)
        return true;
    if (c->silent_until_ns || now - c->window_start_ns > NS_PER_SEC) {
        c->silent_until_ns = 0;
        c->window_start_ns = now;
        c->in_window = 0;
    }
    if (!c->rule.rate_limit || c->in_window++ < c->rule.rate_limit)
        return false;
    c->silent_until_ns = now + the_log.config.unthrottle_sec * NS_PER_SEC;
    log_emit(c, level, "--- message(s) throttled ---");
    return true;
}

static bool is_wanted(const struct log_rule *r, enum log_level level)
{
    int l = (int)level;
    return (r->level != LOG_LEVEL_DISABLED && l <= r->level) ||
           (r->syslog_level != LOG_LEVEL_DISABLED && l <= r->syslog_level) ||
           (r->kmsg_level != LOG_LEVEL_DISABLED && l <= r->kmsg_level);
}

void log_msg(struct log_class *c, enum log_level level, const char *fmt, ...)
{
    int saved_errno = errno;
    pthread_mutex_lock(&the_log.lock);
    if (!c->id)
        class_register_locked(c);
    struct class_state *state = &the_log.classes.v[c->id - 1];
    if (is_wanted(&state->rule, level) && !is_throttled(state, level)) {
        char text[LOG_TEXT_BYTES];
        va_list ap;
        va_start(ap, fmt);
        errno = saved_errno; /* for %m */
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        /* Text of peers goes in here: it must not forge lines. */
        for (char *p = text; *p; p++)
            if ((u8)*p < ' ' || *p == 0x7f)
                *p = '?';
        log_emit(state, level, text);
    }
    pthread_mutex_unlock(&the_log.lock);
    errno = saved_errno;
}

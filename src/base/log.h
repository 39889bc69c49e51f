/* The log: one ring of recent entries for `show logging`, and syslog or stderr beside it. It is the
 * process's own, like stderr, and the one piece of global state of this floor.
 * Context: any thread but data threads' node code; takes a lock. */
#pragma once

#include <time.h>

#include "base/types.h"

enum log_level {
    LOG_LEVEL_EMERG,
    LOG_LEVEL_ALERT,
    LOG_LEVEL_CRIT,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_DISABLED,
};

/* A source of messages, "class/sub" in `show logging`. Static, one for each user; registered at its
 * first message or by log_class_register. */
struct log_class {
    const char *name;
    const char *sub; /* may be NULL */
    bool unlimited;  /* has no rate limit, unless it is given one */
    /* what follows is the log's own */
    u32 id; /* 0: not registered yet */
};

void log_class_register(struct log_class *c);
/* A message is kept as one line: control characters in it become '?'. At most LOG_TEXT_BYTES. */
void log_msg(struct log_class *c, enum log_level level, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_error(c, ...) log_msg((c), LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(c, ...) log_msg((c), LOG_LEVEL_WARN, __VA_ARGS__)
#define log_notice(c, ...) log_msg((c), LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(c, ...) log_msg((c), LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(c, ...) log_msg((c), LOG_LEVEL_DEBUG, __VA_ARGS__)

#define LOG_TEXT_BYTES 1024

/* --- configuration and display
 * -------------------------------------------------------------------- */

/* LOG_KEEP: as it was (defaults), or as the more general rule says (classes). */
enum { LOG_KEEP = -1 };

struct log_rule {
    int level, syslog_level, kmsg_level; /* enum log_level: it and what is graver is shown there */
    int rate_limit;                      /* messages a second; 0: no limit */
};

/* What a class comes to. */
struct log_class_info {
    const char *name, *sub; /* sub may be NULL */
    struct log_rule rule;
};

struct log_entry {
    struct timespec time; /* CLOCK_REALTIME */
    enum log_level level;
    const char *name, *sub;
    char *text;
};

struct log_config {
    struct log_rule defaults;
    u32 size; /* entries in the ring */
    u32 unthrottle_sec;
};

/* Where syslog_level's messages go. */
enum log_sink { LOG_SINK_NONE, LOG_SINK_SYSLOG, LOG_SINK_STDERR };

void log_set_sink(enum log_sink sink);
void log_set_defaults(const struct log_rule *rule);
/* name: "class" for all its subclasses, or "class/sub"; it need not be registered yet. */
void log_set_class(const char *name, const struct log_rule *rule);
/* Keeps the newest entries that fit; size is at least 1. */
void log_set_size(u32 size);
/* How long a class that exceeded its rate limit stays silent. */
void log_set_unthrottle(u32 seconds);
struct log_config log_config(void);
/* Whether a class of that name, or "name/sub", is registered. */
bool log_class_exists(const char *name);

/* Forgets all entries. */
void log_clear(void);
/* Oldest first; under the log's lock: fn does not log. Entries and names are borrowed during fn. */
void log_each(void (*fn)(const struct log_entry *entry, void *arg), void *arg);
void log_each_class(void (*fn)(const struct log_class_info *info, void *arg), void *arg);

const char *log_level_name(enum log_level level);
/* -1 when it is none. "warning" and "err" are taken too. */
int log_level_parse(const char *s);
/* "2026/11/22 10:56:12:886" */
#define LOG_TIME_BYTES 32
void log_format_time(struct timespec t, char out[LOG_TIME_BYTES]);

/* Ends the process after a message and a backtrace: for our own bugs only. */
void panic(const char *fmt, ...) NORETURN PRINTF_LIKE(1, 2);
/* Ends the process, with status 1, after a message: for what the machine does not give it. */
void give_up(const char *fmt, ...) NORETURN PRINTF_LIKE(1, 2);

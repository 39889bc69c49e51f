/* The log: one ring of recent entries for `show logging`, and syslog or stderr beside it. It is the
 * process's own, like stderr, and the one piece of global state of this floor.
 * Context: any thread but data threads' node code; takes a lock. */
#pragma once

#include "base/text.h"
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
    /* what follows is the log's own */
    u32 id; /* 0: not registered yet */
};

void log_class_register(struct log_class *c);
void log_msg(struct log_class *c, enum log_level level, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_error(c, ...) log_msg((c), LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(c, ...) log_msg((c), LOG_LEVEL_WARN, __VA_ARGS__)
#define log_notice(c, ...) log_msg((c), LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(c, ...) log_msg((c), LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(c, ...) log_msg((c), LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Ends the process after a message and a backtrace: for our own bugs only. */
void panic(const char *fmt, ...) NORETURN PRINTF_LIKE(1, 2);

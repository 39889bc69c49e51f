#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/sandbox.h"

#define RECORDS 32

static struct {
    pthread_mutex_t lock;
    struct error_record ring[RECORDS];
    u32 count; /* ever recorded */
} recent = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void error_remember(int code, const char *fmt, va_list ap)
{
    struct error_record r = {.at_ns = clock_ns(), .code = code};
    vsnprintf(r.text, sizeof(r.text), fmt, ap);
    pthread_mutex_lock(&recent.lock);
    recent.ring[recent.count++ % RECORDS] = r;
    pthread_mutex_unlock(&recent.lock);
}

u32 error_recent(struct error_record *out, u32 max)
{
    pthread_mutex_lock(&recent.lock);
    u32 n = recent.count < RECORDS ? recent.count : RECORDS;
    n = n < max ? n : max;
    for (u32 i = 0; i < n; i++)
        out[i] = recent.ring[(recent.count - n + i) % RECORDS];
    pthread_mutex_unlock(&recent.lock);
    return n;
}

int error_set(struct error *e, int code, const char *fmt, ...)
{
    if (e) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(e->text, sizeof(e->text), fmt, ap);
        va_end(ap);
        e->code = code;
    }
    return -code;
}

int error_errno(struct error *e, int code, const char *fmt, ...)
{
    va_list told;
    va_start(told, fmt);
    error_remember(code, fmt, told);
    va_end(told);
    if (e) {
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
        va_end(ap);
        if (n >= 0 && (size_t)n < sizeof(e->text))
            snprintf(e->text + n, sizeof(e->text) - (size_t)n, ": %s%s", strerror(code),
                     code == EACCES && sandbox_state().files
                         ? " (`show sandbox' lists what may be used)"
                         : "");
        e->code = code;
    }
    return -code;
}

void error_prefix(struct error *e, const char *fmt, ...)
{
    if (!e)
        return;
    char rest[sizeof(e->text)];
    memcpy(rest, e->text, sizeof(rest));
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(e->text))
        snprintf(e->text + n, sizeof(e->text) - (size_t)n, ": %s", rest);
}

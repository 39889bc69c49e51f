#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
    if (e) {
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
        va_end(ap);
        if (n >= 0 && (size_t) n < sizeof(e->text))
            snprintf(e->text + n, sizeof(e->text) - (size_t) n, ": %s", strerror(code));
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
    if (n >= 0 && (size_t) n < sizeof(e->text))
        snprintf(e->text + n, sizeof(e->text) - (size_t) n, ": %s", rest);
}

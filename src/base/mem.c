/* The checked allocator. Running out of memory for a small object ends the process: see mem.h. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"

const char *mem_limit_text(char out[MEM_LIMIT_TEXT_BYTES])
{
    struct rlimit r;
    *out = '\0';
    if (!getrlimit(RLIMIT_AS, &r) && r.rlim_cur != RLIM_INFINITY)
        snprintf(out, MEM_LIMIT_TEXT_BYTES, " (its address space is limited to %llu MB: ulimit -v)",
                 (unsigned long long)r.rlim_cur >> 20);
    return out;
}

static NORETURN void mem_exhausted(size_t bytes)
{
    char limit[MEM_LIMIT_TEXT_BYTES];
    give_up("out of memory, for %zu bytes%s", bytes, mem_limit_text(limit));
}

void *mem_alloc(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p)
        mem_exhausted(bytes);
    return p;
}

void *mem_resize(void *p, size_t bytes)
{
    void *q = realloc(p, bytes ? bytes : 1);
    if (!q)
        mem_exhausted(bytes);
    return q;
}

char *mem_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(mem_alloc(n), s, n);
}

char *mem_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        panic("bad format '%s'", fmt);
    char *s = mem_alloc((size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}

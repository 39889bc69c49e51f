/* How a function that can fail tells its caller why: it returns 0 or -errno and fills an error text
 * that the caller owns. The same text reaches the CLI, the API and the log. */
#pragma once

#include "base/types.h"

struct error {
    int code;       /* positive errno, 0 when nothing failed */
    char text[512]; /* a clause without final period or newline */
};

/* Fills *e (e may be NULL) and returns -code, so that callers write `return error_set(e, EINVAL,
 * ...)`. The first error wins: an error already set is kept only by error_prefix. */
int error_set(struct error *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Like error_set with ": strerror(code)" appended. */
int error_errno(struct error *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "prefix: " before the text of *e. */
void error_prefix(struct error *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The newest failures that error_errno was told of, the oldest first: for `show unix errors`. */
struct error_record {
    u64 at_ns; /* clock_ns() */
    int code;
    char text[128];
};
u32 error_recent(struct error_record *out, u32 max);

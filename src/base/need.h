/* What a part of the program needs of the system beyond computing. Each module has a table of that;
 * all tables together are what the process keeps of its capabilities (privilege.h), and what the
 * sandbox leaves (sandbox.h). */
#pragma once

#include <sys/syscall.h>

#include "base/types.h"

enum need_kind {
    NEED_END,
    NEED_CAP,          /* number: CAP_*; in effect all the time */
    NEED_CAP_AT_TIMES, /* the same, but raised only around the calls that need it: privilege_raise
                        */
    NEED_CALL,         /* number: of a system call */
    NEED_SOCKET,       /* number: AF_*, sockets of that family */
    NEED_READ,         /* name: a file, or a folder and all that is below it */
    NEED_WRITE,        /* the same, read and changed */
    NEED_EXECUTE,      /* name: a program */
};

/* Names and reasons are static. */
struct need {
    enum need_kind kind;
    long number;
    const char *name;
    const char *why; /* "host interfaces": for messages and `show sandbox' */
};

/* Rows of a table, which ends with {0}. */
#define NEEDS_CAP(cap, why)                                                                        \
    {                                                                                              \
        NEED_CAP, cap, #cap, why                                                                   \
    }
#define NEEDS_CAP_AT_TIMES(cap, why)                                                               \
    {                                                                                              \
        NEED_CAP_AT_TIMES, cap, #cap, why                                                          \
    }
#define NEEDS_CALL(call, why)                                                                      \
    {                                                                                              \
        NEED_CALL, SYS_##call, #call, why                                                          \
    }
#define NEEDS_SOCKET(family, why)                                                                  \
    {                                                                                              \
        NEED_SOCKET, family, #family, why                                                          \
    }
#define NEEDS_READ(path, why)                                                                      \
    {                                                                                              \
        NEED_READ, 0, path, why                                                                    \
    }
#define NEEDS_WRITE(path, why)                                                                     \
    {                                                                                              \
        NEED_WRITE, 0, path, why                                                                   \
    }

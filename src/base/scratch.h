/* A file without a name, for what is too much to be kept in memory: written from the beginning on,
 * then looked at where the kernel has it mapped. */
#pragma once

#include "base/error.h"
#include "base/types.h"

struct scratch {
    int fd; /* -1: closed */
    size_t bytes;
    const char *map; /* NULL: not mapped, or empty */
};

#define SCRATCH_CLOSED ((struct scratch){.fd = -1})

/* In that folder. */
int scratch_open(struct scratch *s, const char *folder, struct error *e) MUST_CHECK;
/* Appends. Not once it is mapped. */
int scratch_put(struct scratch *s, const void *data, size_t bytes, struct error *e) MUST_CHECK;
/* Nothing was put. */
int scratch_restart(struct scratch *s, struct error *e) MUST_CHECK;
/* Makes map[0 ... bytes) readable: no NUL is behind it. Again is fine. */
int scratch_map(struct scratch *s, struct error *e) MUST_CHECK;
/* Closed already is fine. */
void scratch_close(struct scratch *s);

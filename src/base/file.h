/* Files that must be whole after a crash or a power cut. */
#pragma once

#include <stddef.h>

#include "base/error.h"

/* Replaces path by one step: a reader sees the old content or the new, never a part. Mode and owner
 * of an existing file are kept (the owner if we may); a link is followed. On failure path is as it
 * was. */
int file_write_atomic(const char *path, const void *data, size_t bytes, struct error *e) MUST_CHECK;
/* The same in a folder that others write to, as /tmp: what stands there gives the new file neither
 * mode nor owner, and a link is not followed. */
int file_write_shared(const char *path, const void *data, size_t bytes, struct error *e) MUST_CHECK;
/* Makes a folder and those above it; one that exists is fine. */
int file_make_dirs(const char *path, unsigned mode, struct error *e) MUST_CHECK;

/* The sandbox: from sandbox_enter on the process, with all threads that it makes, can only do what
 * somebody needs (need.h). System calls are filtered by seccomp, files by Landlock; where the
 * kernel has only one of them, or none, that is all.
 *
 * A call that nobody needs fails with ENOSYS, as on a system that does not have it; a file outside
 * with EACCES. Programs that are executed stay in it. */
#pragma once

#include "base/error.h"
#include "base/need.h"

/* Adds a table; before sandbox_enter. Borrowed for ever. */
void sandbox_add(const struct need *table);
/* A path that is known only now: copied; a relative one is of the current folder. why is static.
 * One that is not there is no need. */
void sandbox_add_path(enum need_kind kind, const char *path, const char *why);
/* Calls fn for all needs that were added, in that order. */
void sandbox_each(void (*fn)(const struct need *need, void *arg), void *arg);
/* Capabilities of these needs, as privilege_drop takes them. */
u64 sandbox_caps(enum need_kind kind);

/* How much of it there is. */
struct sandbox_state {
    bool calls, files;    /* filtered */
    const char *no_calls; /* why not; static */
    const char *no_files; /* likewise */
    int landlock_abi;     /* of the kernel */
};
/* For ever. Needs no_new_privs, which privilege_drop sets. A kernel that lacks something is no
 * failure. */
int sandbox_enter(struct error *e) MUST_CHECK;
struct sandbox_state sandbox_state(void);
/* Says that this process entered it before it was executed anew, and how much of it there is. */
void sandbox_inherited(bool calls, bool files);

/* What all parts need. */
extern const struct need sandbox_core_needs[];

/* sandbox_calls.c, sandbox_files.c: the two halves. 0, or -errno. */
int sandbox_filter_calls(void);
int sandbox_filter_files(int abi);
int sandbox_landlock_abi(void); /* 0: the kernel has none */

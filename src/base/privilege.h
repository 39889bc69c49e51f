/* Who the process is, and its capabilities. Once it has started it keeps only what somebody needs
 * (need.h). What only a few calls need stays within reach but not in effect: a module raises it
 * around these calls. All of this is per thread, and threads inherit it: before threads are made.
 */
#pragma once

#include <errno.h>

#include "base/error.h"
#include "base/types.h"

enum privilege {
    PRIVILEGE_NAMESPACES, /* CAP_SYS_ADMIN and CAP_SYS_PTRACE: to enter other network namespaces */
    /* CAP_BPF and CAP_IPC_LOCK: programs of devices, and the memory they use; CAP_SYS_ADMIN: what
     * programs use that others have loaded */
    PRIVILEGE_XDP,
};

#define PRIVILEGE_BIT(cap) (1ull << (cap))

/* For the message of a call that failed with `code` (positive): names the capability that it needs.
 */
#define PRIVILEGE_HINT(code, cap) ((code) == EPERM ? ", which needs the capability " cap : "")

/* By name or number; gid may be NULL. */
int privilege_find_user(const char *name, u32 *uid, u32 *gid, struct error *e) MUST_CHECK;
/* Becomes a user, by name or number, with that user's groups and gid as group unless it is
 * (u32)-1; capabilities stay as they are. */
int privilege_become(const char *user, u32 gid, struct error *e) MUST_CHECK;
/* Gives up all capabilities but those of `keep` and `at_times` (masks of PRIVILEGE_BIT); of these
 * only what the process has stays, the latter without effect. No program that it might execute gets
 * more again. *missing (may be NULL): those of both that it has not. */
int privilege_drop(u64 keep, u64 at_times, u64 *missing, struct error *e) MUST_CHECK;
/* What is left stays over an exec. */
void privilege_keep_over_exec(void);
/* Around the calls that need it; without the capability nothing happens, and these calls fail. Not
 * nested. */
void privilege_raise(enum privilege p);
void privilege_lower(enum privilege p);

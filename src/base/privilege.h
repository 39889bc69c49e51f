/* Capabilities. At start the process gives up all that no port or command of a switch needs. What
 * only a few calls need stays within reach but not in effect: a module raises it around these
 * calls. All of this is per thread, and threads inherit it: drop before threads are made. */
#pragma once

#include "base/error.h"
#include "base/types.h"

/* CAP_SYS_ADMIN and CAP_SYS_PTRACE: to enter other network namespaces. */
enum privilege { PRIVILEGE_NAMESPACES };

/* Gives up everything but what a switch needs; of that only what the process has. */
int privilege_drop(struct error *e) MUST_CHECK;
/* Around the calls that need it; without the capability nothing happens, and these calls fail. Not
 * nested. */
void privilege_raise(enum privilege p);
void privilege_lower(enum privilege p);

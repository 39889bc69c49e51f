/* One huge page behind memory that is in use. */
#pragma once

#include "base/mem.h"

/* The huge page's bytes from p on, which is at its border, become one now, those of a shared map,
 * too. Who uses them meanwhile waits, about a millisecond. -EAGAIN: not now; else -errno: it cannot
 * be. Either way they stay in use as they were, and the kernel may still make them one later. */
int huge_page_make(void *p) MUST_CHECK;

/* See huge_page.h. */
#include "base/huge_page.h"

#include <errno.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

int huge_page_make(void *p)
{
#ifdef MADV_HUGEPAGE
    if (!madvise(p, MEM_HUGE_PAGE_BYTES, MADV_HUGEPAGE) &&
        !madvise(p, MEM_HUGE_PAGE_BYTES, MADV_COLLAPSE))
        return 0;
    return -errno;
#else
    return -ENOSYS;
#endif
}

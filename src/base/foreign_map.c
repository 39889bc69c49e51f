/* See foreign_map.h. Places of maps are in one table that never moves, so that a signal handler may
 * look for an address in it while the control thread changes others. */
#include "base/foreign_map.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    _Atomic uintptr_t base; /* 0: free */
    size_t map_bytes;       /* whole pages, huge ones where the file has these */
    int tell_fd;
    _Atomic bool cut;
};

static struct {
    struct place place[FOREIGN_MAPS_MAX]; /* resident as far as it was used */
    _Atomic u32 n;                        /* below which there may be some */
} maps;

static u32 place_find(void)
{
    u32 i = 0;
    while (i < FOREIGN_MAPS_MAX && maps.place[i].base)
        i++;
    return i;
}

int foreign_map_new(struct foreign_map *m, int fd, u64 bytes, int tell_fd, struct error *e)
{
    struct stat st;
    u32 i = place_find();
    *m = (struct foreign_map){0};
    if (fstat(fd, &st))
        return error_errno(e, errno, "shared memory");
    if (!bytes || st.st_size < 0 || (u64)st.st_size < bytes)
        return error_set(e, EINVAL, "shared memory of %llu bytes has %lld",
                         (unsigned long long)bytes, (long long)st.st_size);
    if (i == FOREIGN_MAPS_MAX)
        return error_set(e, ENOSPC, "more than %u shared memories", FOREIGN_MAPS_MAX);
    /* what is mapped are whole pages, and so is what is unmapped: of hugetlbfs, huge ones */
    u64 page = (u64)sysconf(_SC_PAGESIZE);
    if (st.st_blksize > 0 && !((u64)st.st_blksize & ((u64)st.st_blksize - 1)))
        page = max_u64(page, (u64)st.st_blksize);
    u64 map_bytes = round_up_u64(bytes, page);
    if (map_bytes < bytes || map_bytes > SIZE_MAX / 2)
        return error_set(e, ENOMEM, "shared memory of %llu bytes is too large",
                         (unsigned long long)bytes);
    void *base = mmap(NULL, (size_t)map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return error_errno(e, errno, "cannot map shared memory");
    struct place *place = &maps.place[i];
    place->map_bytes = (size_t)map_bytes;
    place->tell_fd = tell_fd;
    place->cut = false;
    place->base = (uintptr_t)base;
    if (i >= maps.n)
        maps.n = i + 1;
    *m = (struct foreign_map){.base = base, .bytes = bytes, .place = i};
    return 0;
}

void foreign_map_free(struct foreign_map *m)
{
    if (!m->base)
        return;
    struct place *place = &maps.place[m->place];
    munmap(m->base, place->map_bytes);
    place->base = 0;
    *m = (struct foreign_map){0};
}

bool foreign_map_is_cut(const struct foreign_map *m)
{
    return m->base && maps.place[m->place].cut;
}

bool foreign_map_mend(const void *address)
{
    static const u64 one = 1;
    uintptr_t at = (uintptr_t)address;
    for (u32 i = 0; i < maps.n; i++) {
        struct place *place = &maps.place[i];
        uintptr_t base = place->base;
        if (!base || at < base || at - base >= place->map_bytes)
            continue;
        /* all of it: a page behind the new end would be next */
        if (mmap((void *)base, place->map_bytes, PROT_READ | PROT_WRITE,
                 MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
            return false;
        place->cut = true;
        if (place->tell_fd >= 0 && write(place->tell_fd, &one, sizeof(one)) < 0) {
            /* it is readable already */
        }
        return true;
    }
    return false;
}

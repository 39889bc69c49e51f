/* Page maps: reserved in one piece, touched lazily, on huge pages where there are some. */
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/vec.h"

/* linux/mman.h and linux/memfd.h say the same; libc headers do not all have these. */
#define HUGE_SHIFT 26
#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4u
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

static struct log_class mem_log = {.name = "memory", .sub = "map"};

/* What is mapped, for `show physmem`. Copies: the owner's struct may be moved. */
static struct {
    pthread_mutex_t lock;
    VEC(struct mem_map) maps;
    u64 default_huge_bytes; /* 0: ask the kernel */
    bool told_no_huge;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static u64 normal_page_bytes(void)
{
    return (u64)sysconf(_SC_PAGESIZE);
}

static u64 kernel_huge_page_bytes(void)
{
    FILE *f = fopen("/proc/meminfo", "re");
    if (!f)
        return 0;
    char line[128];
    unsigned long long kib = 0;
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "Hugepagesize: %llu kB", &kib) == 1)
            break;
    fclose(f);
    return (u64)kib << 10;
}

void mem_set_default_huge_page_bytes(u64 bytes)
{
    registry.default_huge_bytes = bytes;
}

/* What a page size comes to on this machine, if it can be had. */
static u64 mem_page_size_bytes(struct mem_page_size page)
{
    u64 bytes = 0;
    if (page.kind == MEM_PAGE_SIZE)
        bytes = page.bytes;
    else if (page.kind == MEM_PAGE_DEFAULT_HUGE)
        bytes =
            registry.default_huge_bytes ? registry.default_huge_bytes : kernel_huge_page_bytes();
    return bytes ? bytes : normal_page_bytes();
}

/* Parses "4096", "64k", "2M", "1G": powers of two. */
static int mem_size_parse(const char *s, u64 *out, struct error *e)
{
    if (*s < '0' || *s > '9')
        return error_set(e, EINVAL, "expected a size, got `%s'", s);
    char *end;
    errno = 0;
    unsigned long long n = strtoull(s, &end, 10);
    unsigned shift = 0;
    switch (*end) {
    case 'k':
    case 'K':
        shift = 10, end++;
        break;
    case 'm':
    case 'M':
        shift = 20, end++;
        break;
    case 'g':
    case 'G':
        shift = 30, end++;
        break;
    }
    if (*end)
        return error_set(e, EINVAL, "expected a size, got `%s'", s);
    if (errno == ERANGE || n > UINT64_MAX >> shift)
        return error_set(e, ERANGE, "size `%s' is out of range", s);
    *out = (u64)n << shift;
    return 0;
}

int mem_page_size_parse(const char *s, struct mem_page_size *out, struct error *e)
{
    if (!strcmp(s, "default")) {
        *out = (struct mem_page_size){.kind = MEM_PAGE_DEFAULT};
        return 0;
    }
    if (!strcmp(s, "default-hugepage")) {
        *out = (struct mem_page_size){.kind = MEM_PAGE_DEFAULT_HUGE};
        return 0;
    }
    u64 bytes = 0;
    int rc = mem_size_parse(s, &bytes, e);
    if (rc)
        return rc;
    if (bytes < normal_page_bytes() || (bytes & (bytes - 1)))
        return error_set(e, EINVAL, "`%s' is not a page size", s);
    *out = (struct mem_page_size){.kind = MEM_PAGE_SIZE, .bytes = bytes};
    return 0;
}

/* An address at a huge page's border where so much had room a moment ago: only of a shared map that
 * begins at one a part can become one later (huge_page.h). */
static void *huge_page_hint(u64 bytes)
{
    void *p = mmap(NULL, bytes + MEM_HUGE_PAGE_BYTES, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    munmap(p, bytes + MEM_HUGE_PAGE_BYTES);
    return (u8 *)p + (-(uintptr_t)p & (MEM_HUGE_PAGE_BYTES - 1));
}

/* Huge pages are claimed from the kernel's pool at once (no MAP_NORESERVE), so that touching them
 * later cannot fail. */
static int map_try(struct mem_map *m, u64 size_bytes, u64 page_bytes, bool shared)
{
    bool huge = page_bytes > normal_page_bytes();
    unsigned page_bits = (unsigned)__builtin_ctzll(page_bytes) << HUGE_SHIFT;
    u64 size = round_up_u64(size_bytes, page_bytes);
    int fd = -1, flags = huge ? 0 : MAP_NORESERVE;

    if (shared) {
        fd = memfd_create(m->name,
                          MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB | page_bits : 0));
        if (fd < 0)
            return -errno;
        if (ftruncate(fd, (off_t)size)) {
            int err = errno;
            close(fd);
            return -err;
        }
        flags |= MAP_SHARED;
    } else {
        flags |= MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB | (int)page_bits : 0);
    }
    void *hint = shared ? huge_page_hint(size) : NULL;
    void *base = mmap(hint, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (base == MAP_FAILED) {
        int err = errno;
        if (fd >= 0)
            close(fd);
        return -err;
    }
    /* With transparent huge pages on, one touched byte would cost 2 MiB. */
    if (!huge)
        madvise(base, size, MADV_NOHUGEPAGE);
    m->base = base;
    m->size_bytes = size;
    m->page_size_bytes = page_bytes;
    m->fd = fd;
    return 0;
}

void mem_prefer_huge_pages(void *p, u64 bytes)
{
#ifdef MADV_HUGEPAGE
    if (madvise(p, bytes, MADV_HUGEPAGE)) {
        /* small pages then */
    }
#endif
}

static void tell_no_huge_pages(const struct mem_map *m, u64 page_bytes, int err)
{
    bool told = __atomic_exchange_n(&registry.told_no_huge, true, __ATOMIC_RELAXED);
    if (!told)
        log_notice(&mem_log, "no %lluK huge pages for %s (%s): using normal pages",
                   (unsigned long long)page_bytes >> 10, m->name, strerror(err));
}

int mem_map_new(struct mem_map *m, const char *name, u64 size_bytes, struct mem_page_size page,
                bool shared, struct error *e)
{
    *m = (struct mem_map){.fd = -1, .name = name};
    u64 page_bytes = mem_page_size_bytes(page);
    if (!size_bytes || size_bytes > INTPTR_MAX - page_bytes)
        return error_set(e, EINVAL, "cannot map %llu bytes for %s", (unsigned long long)size_bytes,
                         name);

    int rc = map_try(m, size_bytes, page_bytes, shared);
    if (rc && page_bytes > normal_page_bytes()) {
        tell_no_huge_pages(m, page_bytes, -rc);
        rc = map_try(m, size_bytes, normal_page_bytes(), shared);
    }
    if (rc) {
        char limit[MEM_LIMIT_TEXT_BYTES];
        return error_set(e, -rc, "cannot map %llu bytes for %s: %s%s",
                         (unsigned long long)size_bytes, name, strerror(-rc),
                         rc == -ENOMEM ? mem_limit_text(limit) : "");
    }

    pthread_mutex_lock(&registry.lock);
    vec_add(&registry.maps, *m);
    pthread_mutex_unlock(&registry.lock);
    return 0;
}

void *mem_reserve(struct mem_map *m, const char *name, u64 size_bytes)
{
    struct error e;
    if (mem_map_new(m, name, size_bytes, (struct mem_page_size){.kind = MEM_PAGE_DEFAULT}, false,
                    &e))
        give_up("%s", e.text);
    return m->base;
}

int mem_map_seal(struct mem_map *m, struct error *e)
{
    int size = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int rc = fcntl(m->fd, F_ADD_SEALS, size | F_SEAL_FUTURE_WRITE);
    if (rc && errno == EINVAL)
        rc = fcntl(m->fd, F_ADD_SEALS, size);
    return rc ? error_errno(e, errno, "cannot seal %s", m->name) : 0;
}

void mem_map_free(struct mem_map *m)
{
    if (!m->base)
        return;
    pthread_mutex_lock(&registry.lock);
    for (u32 i = 0; i < registry.maps.n; i++)
        if (registry.maps.v[i].base == m->base) {
            vec_del(&registry.maps, i);
            break;
        }
    if (!registry.maps.n)
        vec_free(&registry.maps);
    pthread_mutex_unlock(&registry.lock);

    munmap(m->base, m->size_bytes);
    if (m->fd >= 0)
        close(m->fd);
    *m = (struct mem_map){.fd = -1};
}

void mem_map_each(void (*fn)(const struct mem_map *m, void *arg), void *arg)
{
    pthread_mutex_lock(&registry.lock);
    for (u32 i = 0; i < registry.maps.n; i++)
        fn(&registry.maps.v[i], arg);
    pthread_mutex_unlock(&registry.lock);
}

u64 mem_resident_bytes(const void *p, u64 bytes)
{
    u64 page = normal_page_bytes(), resident = 0;
    uintptr_t at = (uintptr_t)p & ~(uintptr_t)(page - 1);
    uintptr_t end = (uintptr_t)p + bytes;
    unsigned char in_core[4096];

    while (at < end) {
        u64 pages = min_u64((end - at + page - 1) / page, sizeof(in_core));
        if (mincore((void *)at, pages * page, in_core))
            break;
        for (u64 i = 0; i < pages; i++)
            resident += in_core[i] & 1 ? page : 0;
        at += pages * page;
    }
    return resident;
}

u64 mem_map_resident_bytes(const struct mem_map *m)
{
    struct stat st;
    if (m->fd >= 0 && !fstat(m->fd, &st))
        return (u64)st.st_blocks * 512;
    return mem_resident_bytes(m->base, m->size_bytes);
}

u64 mem_process_rss_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    unsigned long long size, rss = 0;
    if (fscanf(f, "%llu %llu", &size, &rss) != 2)
        rss = 0;
    fclose(f);
    return (u64)rss * normal_page_bytes();
}

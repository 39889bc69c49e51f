/* See scratch.h. */
#include "base/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

/* Where the file system has no files without a name, it loses its name at once. */
static int scratch_make(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    char *path = mem_printf("%s/scratch-XXXXXX", folder);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    free(path);
    return fd;
}

int scratch_open(struct scratch *s, const char *folder, struct error *e)
{
    *s = (struct scratch){.fd = scratch_make(folder)};
    return s->fd < 0 ? error_errno(e, errno, "cannot make a file in %s", folder) : 0;
}

int scratch_put(struct scratch *s, const void *data, size_t bytes, struct error *e)
{
    const char *at = data;
    while (bytes) {
        ssize_t n = write(s->fd, at, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(e, errno, "cannot write a temporary file");
        at += n;
        bytes -= (size_t)n;
        s->bytes += (size_t)n;
    }
    return 0;
}

int scratch_restart(struct scratch *s, struct error *e)
{
    if (lseek(s->fd, 0, SEEK_SET) < 0)
        return error_errno(e, errno, "cannot write a temporary file");
    s->bytes = 0; /* what is behind stays, and nobody looks at it */
    return 0;
}

int scratch_map(struct scratch *s, struct error *e)
{
    if (s->map || !s->bytes)
        return 0;
    void *at = mmap(NULL, s->bytes, PROT_READ, MAP_SHARED, s->fd, 0);
    if (at == MAP_FAILED)
        return error_errno(e, errno, "cannot map a temporary file");
    s->map = at;
    return 0;
}

void scratch_close(struct scratch *s)
{
    if (s->map)
        munmap((void *)(uintptr_t)s->map, s->bytes);
    if (s->fd >= 0)
        close(s->fd);
    *s = SCRATCH_CLOSED;
}

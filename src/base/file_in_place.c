#include "base/file_in_place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"

#define MARK "#! what follows replaces all before it: "
#define MARK_BYTES (sizeof(MARK) - 1 + 16 + 1 + 16 + 1) /* LENGTH CHECKSUM newline */

static int write_at(int fd, const char *data, size_t bytes, off_t at)
{
    while (bytes) {
        ssize_t n = pwrite(fd, data, bytes, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        at += n;
        bytes -= (size_t)n;
    }
    return 0;
}

/* Lays the new content down behind the old one, and so far back that the copy to the front does not
 * reach it. */
static int lay_down(int fd, const char *data, size_t bytes, size_t old_bytes)
{
    char mark[MARK_BYTES + 1];
    size_t pad = 1 + (bytes > old_bytes ? bytes - old_bytes : 0);
    char *padding = mem_alloc(pad);
    memset(padding, '\n', pad);
    snprintf(mark, sizeof(mark), MARK "%016zx %016" PRIx64 "\n", bytes, hash_bytes(data, bytes, 0));
    int rc = write_at(fd, padding, pad, (off_t)old_bytes);
    if (!rc)
        rc = write_at(fd, mark, MARK_BYTES, (off_t)(old_bytes + pad));
    free(padding);
    if (!rc && fsync(fd))
        rc = -errno;
    if (!rc)
        rc = write_at(fd, data, bytes, (off_t)(old_bytes + pad + MARK_BYTES));
    if (!rc && fsync(fd))
        rc = -errno;
    return rc;
}

/* Whether the mark is followed by all that it tells of. */
static bool is_complete(const char *mark, const char *end)
{
    char numbers[16 + 1 + 16 + 1], *rest;
    const char *content = mark + MARK_BYTES;
    if (content > end)
        return false;
    memcpy(numbers, mark + sizeof(MARK) - 1, sizeof(numbers) - 1);
    numbers[sizeof(numbers) - 1] = 0;
    u64 bytes = strtoull(numbers, &rest, 16), sum = strtoull(rest, &rest, 16);
    return !*rest && bytes == (u64)(end - content) && sum == hash_bytes(content, bytes, 0);
}

size_t file_in_place_resolve(char *text, size_t len)
{
    char *end = text + len, *mark = text, *found = NULL;
    while (end > text && !end[-1])
        end--; /* the file had grown already, but for what was to be written there */
    while ((mark = strstr(mark, "\n" MARK))) {
        found = found ? found : mark + 1;
        if (is_complete(++mark, end))
            break;
    }
    if (mark) {
        const char *content = mark + MARK_BYTES;
        memmove(text, content, (size_t)(end - content) + 1);
        return (size_t)(end - content);
    }
    if (!found)
        return (size_t)(end - text);
    while (found > text + 1 && found[-1] == '\n' && found[-2] == '\n')
        found--; /* padding */
    *found = 0;
    return (size_t)(found - text);
}

/* Copies what counts to the front, and cuts the file behind it. */
static int file_in_place_settle(int fd, const char *data, size_t bytes)
{
    int rc = write_at(fd, data, bytes, 0);
    if (!rc && (fsync(fd) || ftruncate(fd, (off_t)bytes) || fsync(fd)))
        rc = -errno;
    return rc;
}

/* Ends what a writer before began; *bytes: how long the file is then. */
static int settle_old(int fd, size_t *bytes)
{
    char *old = mem_alloc(*bytes + 1);
    ssize_t n = pread(fd, old, *bytes, 0);
    int rc = n < 0 ? -errno : n < (ssize_t)*bytes ? -EIO : 0;
    if (!rc) {
        size_t now = file_in_place_resolve(old, *bytes);
        if (now != *bytes)
            rc = file_in_place_settle(fd, old, now);
        *bytes = now;
    }
    free(old);
    return rc;
}

int file_write_in_place(const char *path, const void *data, size_t bytes)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    int rc = fstat(fd, &st) ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    if (rc) {
        close(fd);
        return rc;
    }
    size_t old_bytes = (size_t)st.st_size;
    rc = settle_old(fd, &old_bytes);
    if (!rc) {
        rc = lay_down(fd, data, bytes, old_bytes);
        if (rc && ftruncate(fd, (off_t)old_bytes))
            rc = -errno; /* the mark without all that follows says that the old content counts */
    }
    if (!rc)
        rc = file_in_place_settle(fd, data, bytes);
    close(fd);
    return rc;
}

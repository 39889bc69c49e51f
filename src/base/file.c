/* Written beside its place, synced, renamed, and the folder synced: only then is a file there for
 * good. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int write_all(int fd, const char *data, size_t bytes)
{
    while (bytes) {
        ssize_t n = write(fd, data, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        bytes -= (size_t)n;
    }
    return fsync(fd) ? -errno : 0;
}

static void sync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? mem_printf("%.*s", (int)(slash - path) + 1, path) : mem_strdup(".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0)
        return;
    fsync(fd); /* the rename holds without it, until the power fails */
    close(fd);
}

int file_write_atomic(const char *path, const void *data, size_t bytes, struct error *e)
{
    char *real = realpath(path, NULL);
    char *to = mem_strdup(real ? real : path);
    char *temp = mem_printf("%s.XXXXXX", to);
    struct stat old;
    bool exists = !stat(to, &old);
    int rc = 0, fd = -1;

    free(real);
    if (exists && !S_ISREG(old.st_mode)) {
        rc = error_set(e, EINVAL, "not a regular file `%s'", path);
        goto out;
    }
    fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0) {
        rc = error_errno(e, errno, "failed to create `%s'", temp);
        goto out;
    }
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(fd, exists ? old.st_mode & 07777 : 0666 & ~mask))
        rc = -errno;
    if (!rc && exists && fchown(fd, old.st_uid, old.st_gid) && errno != EPERM)
        rc = -errno;
    if (!rc)
        rc = write_all(fd, data, bytes);
    if (!rc && rename(temp, to))
        rc = -errno;
    if (rc) {
        error_errno(e, -rc, "failed to write `%s'", path);
        unlink(temp);
        goto out;
    }
    sync_folder_of(to);
out:
    if (fd >= 0)
        close(fd);
    free(temp);
    free(to);
    return rc;
}

int file_make_dirs(const char *path, unsigned mode, struct error *e)
{
    char *copy = mem_strdup(path);
    struct stat st;
    int rc = 0;
    for (char *p = copy + 1; !rc; p++) {
        char c = *p;
        if (c && c != '/')
            continue;
        *p = 0;
        if (mkdir(copy, mode) && errno != EEXIST)
            rc = error_errno(e, errno, "failed to make folder `%s'", copy);
        *p = c;
        if (!c)
            break;
    }
    if (!rc && (stat(path, &st) || !S_ISDIR(st.st_mode)))
        rc = error_set(e, ENOTDIR, "`%s' is not a folder", path);
    free(copy);
    return rc;
}

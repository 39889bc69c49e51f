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

/* like: whose mode and owner the file gets; NULL: as any new one. */
static int replace(const char *to, const void *data, size_t bytes, const struct stat *like,
                   struct error *e)
{
    char *temp = mem_printf("%s.XXXXXX", to);
    int rc = 0, fd = mkostemp(temp, O_CLOEXEC);

    if (fd < 0) {
        rc = error_errno(e, errno, "failed to create `%s'", temp);
        goto out;
    }
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(fd, like ? like->st_mode & 07777 : 0666 & ~mask))
        rc = -errno;
    if (!rc && like && fchown(fd, like->st_uid, like->st_gid) && errno != EPERM)
        rc = -errno;
    if (!rc)
        rc = write_all(fd, data, bytes);
    if (!rc && rename(temp, to))
        rc = -errno;
    if (rc) {
        error_errno(e, -rc, "failed to write `%s'", to);
        unlink(temp);
        goto out;
    }
    sync_folder_of(to);
out:
    if (fd >= 0)
        close(fd);
    free(temp);
    return rc;
}

static int not_regular(struct error *e, const char *path)
{
    return error_set(e, EINVAL, "not a regular file `%s'", path);
}

int file_write_atomic(const char *path, const void *data, size_t bytes, struct error *e)
{
    char *real = realpath(path, NULL);
    const char *to = real ? real : path;
    struct stat old;
    bool exists = !stat(to, &old);
    int rc = exists && !S_ISREG(old.st_mode) ? not_regular(e, path)
                                             : replace(to, data, bytes, exists ? &old : NULL, e);
    free(real);
    return rc;
}

int file_write_shared(const char *path, const void *data, size_t bytes, struct error *e)
{
    struct stat old;
    if (!lstat(path, &old) && !S_ISREG(old.st_mode))
        return not_regular(e, path);
    return replace(path, data, bytes, NULL, e);
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

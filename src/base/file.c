/* Written beside its place, synced, renamed, and the folder synced: only then is a file there for
 * good. Where that cannot be, it is written in place (file_in_place.c). */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_in_place.h"
#include "base/mem.h"
#include "base/text.h"

#define LINKS_MAX 40 /* as the kernel's own limit */

/* --- reading --- */

int file_read_text(const char *path, char **text, struct error *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_errno(e, errno, "failed to open `%s'", path);
    int rc = 0;
    if (fstat(fd, &st) < 0)
        rc = error_errno(e, errno, "failed to stat `%s'", path);
    else if (!S_ISREG(st.st_mode))
        rc = error_set(e, EINVAL, "not a regular file `%s'", path);
    else if (st.st_size == 0)
        rc = error_set(e, EINVAL, "empty file `%s'", path);
    if (rc) {
        close(fd);
        return rc;
    }
    struct text t = {0};
    char piece[65536];
    ssize_t n;
    while ((n = read(fd, piece, sizeof(piece))) > 0)
        text_putn(&t, piece, (size_t)n);
    if (n < 0)
        rc = error_errno(e, errno, "failed to read `%s'", path);
    close(fd);
    if (!t.s)
        t.s = mem_strdup("");
    size_t len = file_in_place_resolve(t.s, t.len);
    if (!rc && memchr(t.s, 0, len))
        rc = error_set(e, EINVAL, "not text `%s'", path);
    t.s[len] = 0;
    if (rc)
        text_free(&t);
    else
        *text = t.s;
    return rc;
}

/* --- writing --- */

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

/* The folder's name with its slash; "./" for a bare name. The caller's to free. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? mem_printf("%.*s", (int)(slash - path) + 1, path) : mem_strdup("./");
}

static void sync_folder_of(const char *path)
{
    char *folder = folder_of(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0)
        return;
    fsync(fd); /* the rename holds without it, until the power fails */
    close(fd);
}

/* Removes what a writer that was killed left behind: a live one holds the lock. */
static bool remove_left_over(const char *temp)
{
    struct stat st;
    int fd = open(temp, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool ours = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
                !flock(fd, LOCK_EX | LOCK_NB) && !unlink(temp);
    if (fd >= 0)
        close(fd);
    return ours;
}

static char *temp_of(const char *path)
{
    return mem_printf("%s.new", path);
}

void file_remove_left_over(const char *path)
{
    char *temp = temp_of(path);
    remove_left_over(temp);
    free(temp);
}

/* The name of the new file is always the same, so that not more than one is ever left behind. */
static int open_temp(const char *temp)
{
    for (int again = 0; again < 2; again++) {
        int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0) {
            flock(fd, LOCK_EX | LOCK_NB);
            return fd;
        }
        if (errno != EEXIST)
            return -errno;
        if (!remove_left_over(temp))
            return -EBUSY;
    }
    return -EBUSY;
}

/* like: whose mode and owner the file gets; NULL: as any new one. */
static int fill_temp(int fd, const void *data, size_t bytes, const struct stat *like)
{
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(fd, like ? like->st_mode & 07777 : 0666 & ~mask))
        return -errno;
    if (like && fchown(fd, like->st_uid, like->st_gid) && errno != EPERM)
        return -errno;
    return write_all(fd, data, bytes);
}

/* may_stay: whether the file may be written in place when it cannot be replaced: since it is a
 * mount, or nothing can be made in its folder. */
static int file_replace(const char *to, const void *data, size_t bytes, const struct stat *like,
                        bool may_stay, struct error *e)
{
    char *temp = temp_of(to);
    bool stays = false;
    int fd = open_temp(temp);
    int rc = fd < 0 ? fd : fill_temp(fd, data, bytes, like);
    if (fd < 0) {
        stays = rc == -EACCES || rc == -EPERM || rc == -EROFS;
    } else if (!rc && rename(temp, to)) {
        rc = -errno;
        stays = rc == -EBUSY || rc == -EXDEV || rc == -EACCES || rc == -EPERM;
    }
    if (fd >= 0) {
        if (rc)
            unlink(temp);
        else
            sync_folder_of(to);
        close(fd);
    }
    free(temp);
    if (rc && stays && may_stay && !file_write_in_place(to, data, bytes))
        return 0;
    return rc ? error_errno(e, -rc, "failed to write `%s'", to) : 0;
}

static int not_regular(struct error *e, const char *path)
{
    return error_set(e, EINVAL, "not a regular file `%s'", path);
}

/* What path names at the end of all links, whether or not that is there: the caller's to free. */
static char *follow_links(const char *path)
{
    char *at = mem_strdup(path), target[PATH_MAX];
    for (int i = 0; i < LINKS_MAX; i++) {
        ssize_t n = readlink(at, target, sizeof(target) - 1);
        if (n <= 0)
            break;
        target[n] = 0;
        char *folder = *target == '/' ? mem_strdup("") : folder_of(at);
        free(at);
        at = mem_printf("%s%s", folder, target);
        free(folder);
    }
    return at;
}

int file_write_atomic(const char *path, const void *data, size_t bytes, struct error *e)
{
    char *to = follow_links(path);
    struct stat old;
    bool exists = !lstat(to, &old);
    int rc = exists && !S_ISREG(old.st_mode)
                 ? not_regular(e, path)
                 : file_replace(to, data, bytes, exists ? &old : NULL, exists, e);
    free(to);
    return rc;
}

int file_write_shared(const char *path, const void *data, size_t bytes, struct error *e)
{
    struct stat old;
    if (!lstat(path, &old) && !S_ISREG(old.st_mode))
        return not_regular(e, path);
    return file_replace(path, data, bytes, NULL, false, e);
}

void file_open_standard(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
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

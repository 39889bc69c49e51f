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

#define PIECE_BYTES ((size_t)64 << 10)

/* --- reading --- */

/* bytes from at on; less only at the end of the file. -errno. */
static ssize_t read_at(int fd, char *to, size_t bytes, size_t at)
{
    size_t got = 0;
    while (got < bytes) {
        ssize_t n = pread(fd, to + got, bytes - got, (off_t)(at + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (!n)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

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
    return 0;
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
        int fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
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

struct file_writer {
    char *path, *to, *temp; /* to: path, or what its links lead to */
    bool may_stay;          /* it may be written in place when it cannot be replaced */
    int fd;                 /* of temp; -1: there is none */
    size_t bytes;     /* of temp that count: what a restart left behind them is cut at the end */
    struct text text; /* in its place */
};

static int file_writer_error(const struct file_writer *w, int rc, struct error *e)
{
    if (rc == -EBUSY)
        return error_set(e, EBUSY, "`%s' is being written by another", w->path);
    return error_errno(e, -rc, "failed to write `%s'", w->to);
}

/* like: whose mode and owner the file gets; NULL: as any new one. */
static int dress_temp(int fd, const struct stat *like)
{
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(fd, like ? like->st_mode & 07777 : 0666 & ~mask))
        return -errno;
    if (like && fchown(fd, like->st_uid, like->st_gid) && errno != EPERM)
        return -errno;
    return 0;
}

/* Takes over `to`. */
static int file_writer_new(struct file_writer **writer, const char *path, char *to,
                           const struct stat *like, bool may_stay, struct error *e)
{
    struct file_writer *w = mem_alloc(sizeof(*w));
    *w = (struct file_writer){
        .path = mem_strdup(path), .to = to, .temp = temp_of(to), .may_stay = may_stay};
    w->fd = open_temp(w->temp);
    int rc = w->fd < 0 ? w->fd : dress_temp(w->fd, like);
    if (w->fd < 0 && may_stay && (rc == -EACCES || rc == -EPERM || rc == -EROFS))
        rc = 0;
    if (rc) {
        file_writer_error(w, rc, e);
        file_writer_free(w);
        return rc;
    }
    *writer = w;
    return 0;
}

int file_writer_open(struct file_writer **w, const char *path, struct error *e)
{
    char *to = follow_links(path);
    struct stat old;
    bool exists = !lstat(to, &old);
    if (!exists || S_ISREG(old.st_mode))
        return file_writer_new(w, path, to, exists ? &old : NULL, exists, e);
    free(to);
    return not_regular(e, path);
}

int file_writer_put(struct file_writer *w, const void *data, size_t bytes, struct error *e)
{
    int rc = 0;
    if (w->fd < 0)
        text_putn(&w->text, data, bytes);
    else
        rc = write_all(w->fd, data, bytes);
    w->bytes += bytes;
    return rc ? file_writer_error(w, rc, e) : 0;
}

int file_writer_restart(struct file_writer *w, struct error *e)
{
    text_clear(&w->text);
    w->bytes = 0;
    if (w->fd >= 0 && lseek(w->fd, 0, SEEK_SET))
        return file_writer_error(w, -errno, e);
    return 0;
}

/* Of what was written, into bytes of to; less than that only at its end. -errno. */
static ssize_t file_writer_read(const struct file_writer *w, char *to, size_t bytes, size_t at)
{
    size_t n = at < w->bytes ? w->bytes - at : 0;
    n = n < bytes ? n : bytes;
    if (w->fd >= 0)
        return read_at(w->fd, to, n, at);
    if (n)
        memcpy(to, w->text.s + at, n);
    return (ssize_t)n;
}

bool file_writer_is_same(const struct file_writer *w, const char *path)
{
    char *ours = mem_alloc(2 * PIECE_BYTES), *theirs = ours + PIECE_BYTES;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -errno : 1;
    bool same = n > 0;
    for (size_t at = 0; same && n > 0; at += (size_t)n) {
        n = file_writer_read(w, ours, PIECE_BYTES, at);
        same =
            n >= 0 && read_at(fd, theirs, PIECE_BYTES, at) == n && !memcmp(ours, theirs, (size_t)n);
    }
    if (fd >= 0)
        close(fd);
    free(ours);
    return same;
}

/* It could not be replaced: rc. */
static int file_writer_stay(struct file_writer *w, int rc)
{
    struct text *t = &w->text;
    char *piece = mem_alloc(PIECE_BYTES);
    ssize_t n = 0;
    while (w->fd >= 0 && (n = read_at(w->fd, piece, PIECE_BYTES, t->len)) > 0)
        text_putn(t, piece, (size_t)n);
    free(piece);
    return n < 0 || file_write_in_place(w->to, text_str(t), t->len) ? rc : 0;
}

static int file_writer_replace(struct file_writer *w)
{
    if (w->fd < 0)
        return file_writer_stay(w, -EACCES);
    if (ftruncate(w->fd, (off_t)w->bytes) || fsync(w->fd))
        return -errno;
    if (!rename(w->temp, w->to)) {
        sync_folder_of(w->to);
        close(w->fd);
        w->fd = -1;
        return 0;
    }
    int rc = -errno;
    bool stays = rc == -EBUSY || rc == -EXDEV || rc == -EACCES || rc == -EPERM;
    return stays && w->may_stay ? file_writer_stay(w, rc) : rc;
}

int file_writer_end(struct file_writer *w, struct error *e)
{
    int rc = file_writer_replace(w);
    if (rc)
        error_errno(e, -rc, "failed to write `%s'", w->to);
    file_writer_free(w);
    return rc;
}

void file_writer_free(struct file_writer *w)
{
    if (!w)
        return;
    if (w->fd >= 0) {
        unlink(w->temp);
        close(w->fd);
    }
    text_free(&w->text);
    free(w->path);
    free(w->to);
    free(w->temp);
    free(w);
}

/* rc: of making w. */
static int write_whole(int rc, struct file_writer *w, const void *data, size_t bytes,
                       struct error *e)
{
    if (rc)
        return rc;
    rc = file_writer_put(w, data, bytes, e);
    if (!rc)
        return file_writer_end(w, e);
    file_writer_free(w);
    return rc;
}

int file_write_atomic(const char *path, const void *data, size_t bytes, struct error *e)
{
    struct file_writer *w = NULL;
    int rc = file_writer_open(&w, path, e);
    return write_whole(rc, w, data, bytes, e);
}

int file_write_shared(const char *path, const void *data, size_t bytes, struct error *e)
{
    struct stat old;
    if (!lstat(path, &old) && !S_ISREG(old.st_mode))
        return not_regular(e, path);
    struct file_writer *w = NULL;
    int rc = file_writer_new(&w, path, mem_strdup(path), NULL, false, e);
    return write_whole(rc, w, data, bytes, e);
}

/* A text, of which the end may not have been written yet: behind the first NUL there is nothing
 * else. */
static bool is_text(const char *s, size_t bytes, bool *ended)
{
    size_t n = bytes;
    while (n && !s[n - 1])
        n--;
    bool text = !n || (!*ended && !memchr(s, 0, n));
    *ended |= n < bytes;
    return text;
}

int file_copy_text(const char *from, const char *to, struct error *e)
{
    struct file_writer *w = NULL;
    int fd = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_errno(e, errno, "failed to open `%s'", from);
    char *piece = mem_alloc(PIECE_BYTES);
    int rc = file_writer_open(&w, to, e);
    bool ended = false;
    ssize_t n = 1;
    for (size_t at = 0; !rc && n; at += (size_t)n) {
        n = read_at(fd, piece, PIECE_BYTES, at);
        if (n < 0)
            rc = error_errno(e, (int)-n, "failed to read `%s'", from);
        else if (!is_text(piece, (size_t)n, &ended))
            rc = error_set(e, EINVAL, "not text `%s'", from);
        else
            rc = file_writer_put(w, piece, (size_t)n, e);
    }
    if (!rc)
        rc = file_writer_end(w, e);
    else
        file_writer_free(w);
    free(piece);
    close(fd);
    return rc;
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

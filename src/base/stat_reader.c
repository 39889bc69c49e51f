/* Reader of stats segments: see stat_reader.h. */
#include "base/stat_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define ROWS_MAX 1024
#define ENTRIES_MAX (1u << 24)
#define COPIED_BYTES_MAX (1ull << 30) /* by one look */
#define PATIENCE_NS (2 * NS_PER_SEC)
#define RETRY_USEC 50
#define CONNECT_SEC 5

/* --- getting the segment --- */

static int receive_fd(int socket, struct error *e)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))]; /* one too many is seen, by the length */
    } control = {0};
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    if (recvmsg(socket, &m, MSG_CMSG_CLOEXEC) < 0)
        return error_errno(e, errno, "no segment was sent");
    const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
        c->cmsg_len != CMSG_LEN(sizeof(int)))
        return error_set(e, EBADMSG, "no segment was sent");
    int fd;
    memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd;
}

int stat_reader_connect(struct stat_reader *r, const char *path, struct error *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = CONNECT_SEC};
    if (strlen(path) >= sizeof(a.sun_path))
        return error_set(e, ENAMETOOLONG, "`%s' is too long for a socket", path);
    strcpy(a.sun_path, path);
    int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), fd;
    if (s < 0)
        return error_errno(e, errno, "socket");
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(s, (struct sockaddr *)&a, sizeof(a)) < 0)
        fd = error_errno(e, errno, "%s", path);
    else if ((fd = receive_fd(s, e)) < 0)
        error_prefix(e, "%s", path);
    close(s);
    if (fd < 0)
        return fd;
    int rc = stat_reader_open(r, fd, e);
    if (rc) {
        error_prefix(e, "%s", path);
        close(fd);
    }
    return rc;
}

static int stat_reader_bad(struct error *e, const char *what)
{
    return error_set(e, EBADMSG, "not a good stats segment: %s", what);
}

/* Copies bytes of the segment. */
static int stat_reader_get(const struct stat_reader *r, u64 offset, void *to, u64 bytes,
                           struct error *e)
{
    if (offset > r->size || bytes > r->size - offset)
        return stat_reader_bad(e, "an address leads out of it");
    for (u64 done = 0; done < bytes;) {
        ssize_t n = pread(r->fd, (u8 *)to + done, bytes - done, (off_t)(offset + done));
        if (n < 0)
            return error_errno(e, errno, "cannot read the stats segment");
        if (n == 0)
            return stat_reader_bad(e, "it ends too early");
        done += (u64)n;
    }
    return 0;
}

int stat_reader_open(struct stat_reader *r, int fd, struct error *e)
{
    struct stat st;
    struct stat_header h;
    if (fstat(fd, &st) < 0)
        return error_errno(e, errno, "cannot read the stats segment");
    if (!S_ISREG(st.st_mode)) /* reading might wait for ever */
        return stat_reader_bad(e, "it is not memory");
    *r = (struct stat_reader){.fd = fd, .size = (u64)st.st_size};
    int rc = stat_reader_get(r, 0, &h, sizeof(h), e);
    if (rc)
        return rc;
    if (h.version != STAT_SEGMENT_VERSION)
        return error_set(e, EPROTO, "stats segment has version %llu, %u is known",
                         (unsigned long long)h.version, STAT_SEGMENT_VERSION);
    r->base = h.base;
    return 0;
}

void stat_reader_close(struct stat_reader *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}

/* --- vectors --- */

/* Where a vector is, and how many elements of so many bytes it has, all of which are within. */
static int stat_reader_find(const struct stat_reader *r, u64 pointer, u64 width, u64 *offset,
                            u32 *n, struct error *e)
{
    struct stat_vector v;
    u64 at = pointer - r->base;
    *n = 0;
    *offset = 0;
    if (!pointer)
        return 0;
    if (at < sizeof(v))
        return stat_reader_bad(e, "an address leads out of it");
    int rc = stat_reader_get(r, at - sizeof(v), &v, sizeof(v), e);
    if (rc)
        return rc;
    if (at > r->size || v.n > (r->size - at) / width)
        return stat_reader_bad(e, "a vector is longer than the segment");
    *n = v.n;
    *offset = at;
    return 0;
}

/* A copy of a vector, which the caller frees; budget bounds what one look may take. */
static int stat_reader_copy(const struct stat_reader *r, u64 pointer, u64 width, void **to, u32 *n,
                            u64 *budget, struct error *e)
{
    u64 offset;
    *to = NULL;
    int rc = stat_reader_find(r, pointer, width, &offset, n, e);
    if (rc)
        return rc;
    if (*n * width > *budget)
        return stat_reader_bad(e, "more is asked for than it can have");
    *budget -= *n * width;
    *to = mem_alloc(*n * width + 1);
    rc = stat_reader_get(r, offset, *to, *n * width, e);
    if (rc) {
        free(*to);
        *to = NULL;
    }
    return rc;
}

/* --- items --- */

static void item_free(struct stat_item *item)
{
    for (u32 i = 0; i < item->n_rows; i++) {
        if (item->simple)
            free(item->simple[i]);
        if (item->combined)
            free(item->combined[i]);
    }
    for (u32 i = 0; item->names && i < item->n[0]; i++)
        free(item->names[i]);
    free(item->simple);
    free(item->combined);
    free(item->names);
    free(item->n);
}

void stat_items_free(struct stat_items *items)
{
    for (u32 i = 0; i < items->n; i++)
        item_free(&items->v[i]);
    free(items->v);
    *items = (struct stat_items){0};
}

/* One look at the segment. */
struct look {
    const struct stat_reader *r;
    struct stat_entry *directory; /* a copy */
    u32 n;
    u64 budget; /* bytes that may still be copied */
    struct error *e;
};

/* What a row has in one column, or all of it. */
static int read_row(struct look *l, u64 pointer, struct stat_item *item, u32 row)
{
    u64 width = item->type == STAT_COMBINED ? sizeof(struct stat_pair) : sizeof(u64), offset;
    void *to = NULL;
    int rc;
    if (item->link) {
        u32 n;
        rc = stat_reader_find(l->r, pointer, width, &offset, &n, l->e);
        if (!rc && item->column >= n)
            rc = stat_reader_bad(l->e, "a link leads to no column");
        if (rc)
            return rc;
        to = mem_alloc(width);
        rc = stat_reader_get(l->r, offset + item->column * width, to, width, l->e);
        item->n[row] = 1;
    } else {
        rc = stat_reader_copy(l->r, pointer, width, &to, &item->n[row], &l->budget, l->e);
    }
    if (item->type == STAT_COMBINED)
        item->combined[row] = to;
    else
        item->simple[row] = to;
    return rc;
}

static int read_rows(struct look *l, u64 pointer, struct stat_item *item)
{
    u64 *pointers;
    u32 n;
    int rc = stat_reader_copy(l->r, pointer, sizeof(u64), (void **)&pointers, &n, &l->budget, l->e);
    if (rc)
        return rc;
    if (n > ROWS_MAX)
        rc = stat_reader_bad(l->e, "too many rows");
    else {
        item->n = mem_alloc((n + 1) * sizeof(*item->n));
        if (item->type == STAT_COMBINED)
            item->combined = mem_alloc((n + 1) * sizeof(*item->combined));
        else
            item->simple = mem_alloc((n + 1) * sizeof(*item->simple));
        item->n_rows = n;
    }
    for (u32 i = 0; !rc && i < n; i++)
        rc = read_row(l, pointers[i], item, i);
    free(pointers);
    return rc;
}

static int read_names(struct look *l, u64 pointer, struct stat_item *item)
{
    u64 *pointers;
    item->n = mem_alloc(sizeof(*item->n));
    int rc =
        stat_reader_copy(l->r, pointer, sizeof(u64), (void **)&pointers, item->n, &l->budget, l->e);
    if (rc) {
        item->n[0] = 0;
        return rc;
    }
    item->names = mem_alloc((item->n[0] + 1) * sizeof(*item->names));
    for (u32 i = 0; !rc && i < item->n[0]; i++) {
        u32 bytes;
        void *name;
        if (!pointers[i])
            continue;
        rc = stat_reader_copy(l->r, pointers[i], 1, &name, &bytes, &l->budget, l->e);
        item->names[i] = name; /* a zero follows what was copied */
    }
    free(pointers);
    return rc;
}

static int read_value(struct look *l, const struct stat_entry *entry, struct stat_item *item)
{
    if (entry->type == STAT_SYMLINK) {
        if (entry->index1 >= l->n)
            return stat_reader_bad(l->e, "a link leads to no entry");
        item->link = true;
        item->column = entry->index2;
        entry = &l->directory[entry->index1];
        if (entry->type != STAT_SIMPLE && entry->type != STAT_COMBINED)
            return stat_reader_bad(l->e, "a link leads to what has no columns");
    }
    item->type = entry->type == STAT_HISTOGRAM ? STAT_SIMPLE : (enum stat_type)entry->type;
    switch (item->type) {
    case STAT_SCALAR:
    case STAT_GAUGE:
        item->value = entry->value;
        return 0;
    case STAT_SIMPLE:
    case STAT_COMBINED:
        return read_rows(l, entry->data, item);
    case STAT_NAMES:
        return read_names(l, entry->data, item);
    default:
        return 0;
    }
}

static bool is_known(u32 type)
{
    return type != STAT_ILLEGAL && type < STAT_TYPE_N && type != STAT_EMPTY && type != STAT_RING;
}

static int read_entries(struct look *l, bool (*wanted)(const char *name, void *arg), void *arg,
                        bool with_values, struct stat_items *items)
{
    int rc = 0;
    items->v = mem_alloc((l->n + 1) * sizeof(*items->v));
    for (u32 i = 0; !rc && i < l->n; i++) {
        struct stat_entry *entry = &l->directory[i];
        entry->name[STAT_NAME_BYTES - 1] = '\0';
        if (!is_known(entry->type) || (wanted && !wanted(entry->name, arg)))
            continue;
        struct stat_item *item = &items->v[items->n++];
        memcpy(item->name, entry->name, STAT_NAME_BYTES);
        item->type = (enum stat_type)entry->type;
        if (with_values)
            rc = read_value(l, entry, item);
    }
    return rc;
}

/* 0, -EAGAIN when the segment was being changed, or what is wrong with it. */
static int stat_reader_look(const struct stat_reader *r,
                            bool (*wanted)(const char *name, void *arg), void *arg,
                            bool with_values, struct stat_items *items, struct error *e)
{
    struct stat_header before, after;
    struct look l = {.r = r, .budget = min_u64(r->size, COPIED_BYTES_MAX / 4) * 4, .e = e};
    int rc = stat_reader_get(r, 0, &before, sizeof(before), e);
    if (rc)
        return rc;
    if (before.in_progress)
        return -EAGAIN;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    rc = stat_reader_copy(r, before.directory, sizeof(*l.directory), (void **)&l.directory, &l.n,
                          &l.budget, e);
    if (!rc && l.n > ENTRIES_MAX)
        rc = stat_reader_bad(e, "too many entries");
    if (!rc)
        rc = read_entries(&l, wanted, arg, with_values, items);
    free(l.directory);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    int again = stat_reader_get(r, 0, &after, sizeof(after), e);
    if (again)
        return again;
    items->epoch = before.epoch;
    return after.epoch != before.epoch || after.in_progress ? -EAGAIN : rc;
}

int stat_reader_read(const struct stat_reader *r, bool (*wanted)(const char *name, void *arg),
                     void *arg, bool with_values, struct stat_items *items, struct error *e)
{
    u64 end = clock_ns() + PATIENCE_NS;
    for (;;) {
        *items = (struct stat_items){0};
        int rc = stat_reader_look(r, wanted, arg, with_values, items, e);
        if (!rc)
            return 0;
        stat_items_free(items);
        if (rc != -EAGAIN)
            return rc;
        if (clock_ns() > end)
            return error_set(e, EAGAIN, "the stats segment changes all the time");
        usleep(RETRY_USEC);
    }
}

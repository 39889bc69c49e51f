/* Streams that replay a file of captured packets: all of it is read when the stream is made. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/pcap.h"
#include "net/features/pg/pg_internal.h"

static void frame_add(struct pg_stream *s, const struct pcap_record *r)
{
    u32 size = (u32)round_up_u64(r->incl_bytes, CACHE_LINE_BYTES);
    struct pg_frame f = {.bytes = aligned_alloc(CACHE_LINE_BYTES, size), .len = r->incl_bytes};
    if (!f.bytes)
        panic("out of memory (%u bytes)", size);
    memcpy(f.bytes, r->data, r->incl_bytes);
    memset(f.bytes + r->incl_bytes, 0, size - r->incl_bytes);
    vec_add(&s->frames, f);
    s->set.min_bytes = (u32)min_u64(s->set.min_bytes, f.len);
    s->set.max_bytes = (u32)max_u64(s->set.max_bytes, f.len);
}

static int pg_replay_read_all(struct pg_stream *s, const void *data, size_t size, struct error *e)
{
    struct pcap_reader r;
    struct pcap_record record;
    int rc = pcap_read_start(&r, data, size, e);
    if (rc)
        return rc;
    s->set.min_bytes = UINT32_MAX;
    s->set.max_bytes = 0;
    while ((rc = pcap_read_next(&r, &record, e)) == 1) {
        if (record.incl_bytes > PG_PACKET_MAX_BYTES)
            return error_set(e, EINVAL, "packet of %u bytes is too long", record.incl_bytes);
        if (record.incl_bytes)
            frame_add(s, &record);
    }
    if (!rc && !s->frames.n)
        return error_set(e, EINVAL, "no packets in file");
    return rc;
}

/* A copy, not a map: the file may become shorter meanwhile. */
static int pg_replay_read_file(int fd, u8 **data, size_t *size, struct error *e)
{
    struct stat st;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return error_set(e, EINVAL, "not a pcap file");
    size_t room = (size_t)st.st_size;
    *size = 0;
    *data = malloc(room + 1);
    if (!*data)
        return error_errno(e, ENOMEM, "%zu bytes", room);
    while (*size < room) {
        ssize_t n = read(fd, *data + *size, room - *size);
        if (n < 0 && errno != EINTR)
            return error_errno(e, errno, "read");
        if (n == 0)
            break;
        if (n > 0)
            *size += (size_t)n;
    }
    return 0;
}

int pg_replay_load(struct pg_stream *s, const char *path, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, errno, "open `%s'", path);
    u8 *data = NULL;
    size_t size = 0;
    int rc = pg_replay_read_file(fd, &data, &size, e);
    if (!rc)
        rc = pg_replay_read_all(s, data, size, e);
    free(data);
    close(fd);
    if (rc) {
        error_prefix(e, "`%s'", path);
        pg_replay_free(s);
    }
    s->is_replay = true;
    return rc;
}

void pg_replay_free(struct pg_stream *s)
{
    for (u32 i = 0; i < s->frames.n; i++)
        free(s->frames.v[i].bytes);
    vec_free(&s->frames);
}

/* Memory beside the guest's: the log of pages that are written, which the front end reads while the
 * guest moves to another machine, and what is kept for the process that takes our place. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "plugins/vhost/vhost_internal.h"

static int vhost_area_map(struct vhost_conn *c, struct vhost_area *area, u64 offset, u64 bytes,
                          int fd, struct error *e)
{
    struct vhost_area a = {.offset = offset, .bytes = bytes};
    if (!bytes || offset + bytes < bytes)
        return error_set(e, EINVAL, "shared memory out of range");
    int rc = foreign_map_new(&a.map, fd, offset + bytes, c->port->all->cut_fd, e);
    if (rc)
        return rc;
    foreign_map_free(&area->map);
    *area = a;
    return 0;
}

int vhost_log_set(struct vhost_conn *c, const struct vhost_log_message *m, int fd, struct error *e)
{
    return vhost_area_map(c, &c->log, m->offset, m->bytes, fd, e);
}

/* Bytes of a queue's part. */
static u64 vhost_inflight_bytes(bool packed, u32 size)
{
    u64 head = packed ? sizeof(struct vhost_inflight_packed) : sizeof(struct vhost_inflight_split);
    u64 entry = packed ? VHOST_INFLIGHT_PACKED_ENTRY : VHOST_INFLIGHT_SPLIT_ENTRY;
    return round_up_u64(head + entry * size, CACHE_LINE_BYTES);
}

static int vhost_inflight_check(const struct vhost_inflight_message *m, struct error *e)
{
    bool ok = m->queues && m->queues <= 2 * VHOST_PAIRS_MAX && m->queue_size &&
              m->queue_size <= VRING_SIZE_MAX;
    return ok ? 0
              : error_set(e, EINVAL, "inflight memory of %u queues of %u", m->queues,
                          m->queue_size);
}

int vhost_inflight_make(struct vhost_inflight_message *m, bool packed, struct error *e)
{
    struct mem_map map;
    int rc = vhost_inflight_check(m, e);
    if (rc)
        return rc;
    m->offset = 0;
    m->bytes = m->queues * vhost_inflight_bytes(packed, m->queue_size);
    rc = mem_map_new(&map, "vhost-inflight", m->bytes, (struct mem_page_size){MEM_PAGE_DEFAULT, 0},
                     true, e);
    if (rc)
        return rc;
    int fd = fcntl(map.fd, F_DUPFD_CLOEXEC, 0);
    rc = fd < 0 ? error_errno(e, errno, "inflight memory") : fd;
    mem_map_free(&map);
    return rc;
}

int vhost_inflight_set(struct vhost_conn *c, const struct vhost_inflight_message *m, int fd,
                       struct error *e)
{
    int rc = vhost_inflight_check(m, e);
    if (rc)
        return rc;
    if (m->offset % sizeof(u64))
        return error_set(e, EINVAL, "inflight memory is not aligned");
    rc = vhost_area_map(c, &c->inflight, m->offset, m->bytes, fd, e);
    if (rc)
        return rc;
    c->inflight_queues = m->queues;
    c->inflight_size = m->queue_size;
    return 0;
}

u8 *vhost_inflight_of(const struct vhost_conn *c, const struct vhost_ring *r)
{
    const struct vhost_area *a = &c->inflight;
    u64 bytes = vhost_inflight_bytes(r->packed, c->inflight_size);
    bool has = a->map.base && r->index < c->inflight_queues && r->size <= c->inflight_size &&
               (r->index + 1) * bytes <= a->bytes;
    return has ? a->map.base + a->offset + r->index * bytes : NULL;
}

void vhost_areas_free(struct vhost_conn *c)
{
    foreign_map_free(&c->log.map);
    foreign_map_free(&c->inflight.map);
}

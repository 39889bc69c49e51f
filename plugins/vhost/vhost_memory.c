/* The guest's memory, as the front end hands it over: regions, each with a descriptor. */
#include <errno.h>
#include <stdlib.h>

#include "plugins/vhost/vhost_internal.h"

static bool vhost_overlaps(u64 a, u64 b, u64 a_bytes, u64 b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

static int vhost_check_region(const struct vhost_memory *m, const struct vhost_region_message *g,
                              struct error *e)
{
    if (!g->bytes || g->guest + g->bytes < g->guest || g->user + g->bytes < g->user ||
        g->offset + g->bytes < g->bytes)
        return error_set(e, EINVAL, "memory region out of range");
    if (m->n == VHOST_REGIONS_MAX)
        return error_set(e, ENOSPC, "more than %u memory regions", VHOST_REGIONS_MAX);
    for (u32 i = 0; i < m->n; i++)
        if (vhost_overlaps(g->guest, m->region[i].guest, g->bytes, m->region[i].bytes) ||
            vhost_overlaps(g->user, m->region[i].user, g->bytes, m->region[i].bytes))
            return error_set(e, EINVAL, "memory regions overlap");
    return 0;
}

static int vhost_map_region(struct vhost_memory *m, const struct vhost_region_message *g, int fd,
                            int cut_fd, struct error *e)
{
    struct vhost_region *r = &m->region[m->n];
    int rc = vhost_check_region(m, g, e);
    if (rc)
        return rc;
    *r = (struct vhost_region){
        .guest = g->guest, .user = g->user, .bytes = g->bytes, .offset = g->offset};
    rc = foreign_map_new(&r->map, fd, g->offset + g->bytes, cut_fd, e);
    if (rc)
        return rc;
    r->at = r->map.base + g->offset;
    m->n++;
    return 0;
}

static void vhost_memory_unmap(struct vhost_memory *m)
{
    for (u32 i = 0; m && i < m->n; i++)
        foreign_map_free(&m->region[i].map);
    free(m);
}

int vhost_memory_set(struct vhost_conn *c, const struct vhost_region_message *region, u32 n,
                     const int *fds, struct error *e)
{
    struct vhost_memory *m = mem_alloc(sizeof(*m));
    for (u32 i = 0; i < n; i++) {
        int rc = vhost_map_region(m, &region[i], fds[i], c->port->all->cut_fd, e);
        if (rc) {
            vhost_memory_unmap(m);
            return rc;
        }
    }
    vhost_memory_unmap(c->memory);
    c->memory = m;
    return 0;
}

int vhost_memory_add(struct vhost_conn *c, const struct vhost_region_message *region, int fd,
                     struct error *e)
{
    if (!c->memory)
        c->memory = mem_alloc(sizeof(*c->memory));
    return vhost_map_region(c->memory, region, fd, c->port->all->cut_fd, e);
}

int vhost_memory_remove(struct vhost_conn *c, const struct vhost_region_message *region,
                        struct error *e)
{
    struct vhost_memory *m = c->memory;
    for (u32 i = 0; m && i < m->n; i++) {
        struct vhost_region *r = &m->region[i];
        if (r->guest != region->guest || r->user != region->user || r->bytes != region->bytes)
            continue;
        foreign_map_free(&r->map);
        *r = m->region[--m->n];
        return 0;
    }
    return error_set(e, ENOENT, "no such memory region");
}

void vhost_memory_free(struct vhost_conn *c)
{
    vhost_memory_unmap(c->memory);
    c->memory = NULL;
}

bool vhost_memory_is_cut(const struct vhost_conn *c)
{
    if (foreign_map_is_cut(&c->log.map) || foreign_map_is_cut(&c->inflight.map))
        return true;
    for (u32 i = 0; c->memory && i < c->memory->n; i++)
        if (foreign_map_is_cut(&c->memory->region[i].map))
            return true;
    return false;
}

u8 *vhost_memory_of_user(const struct vhost_conn *c, u64 user, u64 bytes)
{
    for (u32 i = 0; c->memory && i < c->memory->n; i++) {
        const struct vhost_region *r = &c->memory->region[i];
        u64 offset = user - r->user;
        if (offset < r->bytes && bytes <= r->bytes - offset)
            return r->at + offset;
    }
    return NULL;
}

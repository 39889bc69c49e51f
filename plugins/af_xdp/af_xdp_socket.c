/* AF_XDP sockets: their memory and rings. See af_xdp_internal.h. */
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/privilege.h"
#include "plugins/af_xdp/af_xdp_internal.h"

/* Linux 5.11; libc's headers may be older */
#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#define SO_BUSY_POLL_BUDGET 70
#endif
#define BUSY_POLL_US 20
#define BUSY_POLL_PKTS 64 /* a call */

/* --- memory --- */

static void umem_free(void *owner)
{
    struct af_xdp_umem *u = owner;
    mem_map_free(&u->map);
    free(u->holder);
    free(u);
}

int af_xdp_umem_new(struct af_xdp *port, u32 n_chunks, u32 chunk_bytes, struct error *e)
{
    struct af_xdp_umem *u = mem_alloc(sizeof(*u));
    char name[32];
    *u = (struct af_xdp_umem){
        .engine = engine_of(port->piste), .n_chunks = n_chunks, .chunk_bytes = chunk_bytes};
    int rc = mem_map_new(&u->map, "af_xdp", (u64)n_chunks * chunk_bytes,
                         (struct mem_page_size){.kind = MEM_PAGE_DEFAULT}, false, e);
    if (rc) {
        free(u);
        return rc;
    }
    snprintf(name, sizeof(name), "af_xdp-%s", port->args.host_name);
    rc = buffer_pool_register(u->engine,
                              &(struct buffer_pool_args){.name = name,
                                                         .n_buffers = n_chunks,
                                                         .base = u->map.base,
                                                         .stride_bytes = chunk_bytes,
                                                         .owner = u,
                                                         .gone = umem_free},
                              &u->pool, e);
    if (rc) {
        umem_free(u);
        return rc;
    }
    u->first = buffer_pool_first(u->pool);
    u->holder = mem_alloc(n_chunks);
    port->umem = u;
    return 0;
}

void af_xdp_umem_close(struct af_xdp_umem *u)
{
    struct thread *t = engine_main_thread(u->engine);
    for (u32 i = 0; i < u->n_chunks; i++)
        if (u->holder[i] != AF_XDP_OURS)
            buffer_free_one(t, u->first + i);
    buffer_pool_unregister(u->engine, u->pool); /* and with the last packet u is gone */
}

/* --- sockets --- */

static int xdp_option(int fd, int name, int value)
{
    return setsockopt(fd, SOL_XDP, name, &value, sizeof(value)) ? -errno : 0;
}

static int map_ring(struct xdp_ring *r, int fd, const struct xdp_ring_offset *at, u32 size,
                    size_t entry_bytes, u64 place)
{
    *r = (struct xdp_ring){.size = size, .map_bytes = at->desc + size * entry_bytes};
    void *map = mmap(NULL, r->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
                     (off_t)place);
    if (map == MAP_FAILED)
        return -errno;
    r->map = map;
    r->producer = (u32 *)(void *)(r->map + at->producer);
    r->consumer = (u32 *)(void *)(r->map + at->consumer);
    r->flags = (u32 *)(void *)(r->map + at->flags);
    r->entries = r->map + at->desc;
    return 0;
}

static void unmap_ring(struct xdp_ring *r)
{
    if (r->map)
        munmap(r->map, r->map_bytes);
    *r = (struct xdp_ring){0};
}

static int make_rings(struct af_xdp_queue *q, bool receives)
{
    const struct af_xdp_args *a = &q->port->args;
    struct xdp_mmap_offsets at;
    socklen_t len = sizeof(at);
    int rc = xdp_option(q->fd, XDP_UMEM_FILL_RING, (int)a->rx_size);
    if (!rc)
        rc = xdp_option(q->fd, XDP_UMEM_COMPLETION_RING, (int)a->tx_size);
    if (!rc && receives)
        rc = xdp_option(q->fd, XDP_RX_RING, (int)a->rx_size);
    if (!rc)
        rc = xdp_option(q->fd, XDP_TX_RING, (int)a->tx_size);
    if (!rc && getsockopt(q->fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &len))
        rc = -errno;
    if (!rc && len < sizeof(at))
        rc = -EOPNOTSUPP; /* before Linux 5.4 there are no flags */
    if (!rc)
        rc = map_ring(&q->fill, q->fd, &at.fr, a->rx_size, sizeof(u64), XDP_UMEM_PGOFF_FILL_RING);
    if (!rc)
        rc = map_ring(&q->completed, q->fd, &at.cr, a->tx_size, sizeof(u64),
                      XDP_UMEM_PGOFF_COMPLETION_RING);
    if (!rc && receives)
        rc = map_ring(&q->received, q->fd, &at.rx, a->rx_size, sizeof(struct xdp_desc),
                      XDP_PGOFF_RX_RING);
    if (!rc)
        rc = map_ring(&q->sent, q->fd, &at.tx, a->tx_size, sizeof(struct xdp_desc),
                      XDP_PGOFF_TX_RING);
    return rc;
}

/* The first socket has the memory, and the others share it. */
static int register_umem(const struct af_xdp_queue *q)
{
    const struct af_xdp_umem *u = q->port->umem;
    struct xdp_umem_reg r = {.addr = (u64)(uintptr_t)u->map.base,
                             .len = (u64)u->n_chunks * u->chunk_bytes,
                             .chunk_size = u->chunk_bytes};
    if (q != &q->port->queue[0])
        return 0;
    privilege_raise(PRIVILEGE_XDP);
    int rc = setsockopt(q->fd, SOL_XDP, XDP_UMEM_REG, &r, sizeof(r)) ? -errno : 0;
    privilege_lower(PRIVILEGE_XDP);
    return rc;
}

static int try_bind(const struct af_xdp_queue *q, u16 flags)
{
    const struct af_xdp *port = q->port;
    struct sockaddr_xdp a = {.sxdp_family = AF_XDP,
                             .sxdp_flags = flags,
                             .sxdp_ifindex = (u32)port->host_index,
                             .sxdp_queue_id = q->rx.queue,
                             .sxdp_shared_umem_fd = (u32)port->queue[0].fd};
    return bind(q->fd, (const struct sockaddr *)&a, sizeof(a)) ? -errno : 0;
}

static int bind_queue(const struct af_xdp_queue *q)
{
    static const u16 of_mode[] = {
        [AF_XDP_AUTO] = 0, [AF_XDP_COPY] = XDP_COPY, [AF_XDP_ZERO_COPY] = XDP_ZEROCOPY};
    if (q != &q->port->queue[0])
        return try_bind(q, XDP_SHARED_UMEM);
    u16 flags = q->port->args.generic ? XDP_COPY : of_mode[q->port->args.mode];
    flags |= q->port->in_pieces ? XDP_USE_SG : 0;
    return try_bind(q, flags | XDP_USE_NEED_WAKEUP);
}

/* What waits in the device comes by calls of ours; softirqs are for when there are none. Source:
 * Linux Documentation/networking/napi.rst, "Busy polling". */
static int prefer_busy_poll(const struct af_xdp_queue *q)
{
    static const struct {
        int name, value;
    } options[] = {{SO_PREFER_BUSY_POLL, 1},
                   {SO_BUSY_POLL, BUSY_POLL_US},
                   {SO_BUSY_POLL_BUDGET, BUSY_POLL_PKTS}};
    int rc = 0;
    for (u32 i = 0; i < array_len(options) && !rc; i++)
        if (setsockopt(q->fd, SOL_SOCKET, options[i].name, &options[i].value, sizeof(int)))
            rc = -errno;
    return rc;
}

/* The kernel has rx_size chunks of each queue at any time. */
static int fill_at_first(struct af_xdp_queue *q)
{
    struct af_xdp_umem *u = q->port->umem;
    struct thread *t = engine_main_thread(u->engine);
    u64 *fill = q->fill.entries;
    for (u32 i = 0; i < q->fill.size; i++) {
        u32 bi;
        if (!buffer_alloc(t, u->pool, &bi, 1))
            return -ENOBUFS;
        u->holder[bi - u->first] = AF_XDP_WITH_RX;
        fill[xdp_ring_place(&q->fill, i)] = (u64)(bi - u->first) * u->chunk_bytes;
    }
    xdp_ring_give(&q->fill, q->fill.size);
    return 0;
}

int af_xdp_socket_open(struct af_xdp *port, u32 i, struct error *e)
{
    struct af_xdp_queue *q = &port->queue[i];
    bool receives = i < port->n_rx;
    q->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (q->fd < 0)
        return error_errno(e, errno, "AF_XDP socket%s", PRIVILEGE_HINT(errno, "CAP_NET_RAW"));
    int rc = register_umem(q);
    if (!rc)
        rc = make_rings(q, receives);
    if (!rc)
        rc = bind_queue(q);
    if (!rc && receives && port->args.busy_poll)
        rc = prefer_busy_poll(q);
    if (!rc && receives)
        rc = fill_at_first(q);
    if (!rc) {
        q->rx.fd = q->fd;
        __atomic_store_n(&q->tx_fd, q->fd, __ATOMIC_RELEASE);
        return 0;
    }
    af_xdp_socket_close(q);
    (void)error_errno(e, -rc, "xsk_socket__create() failed (is linux netdev %s up?): queue %u%s",
                      port->args.host_name, i,
                      rc == -ENOBUFS
                          ? ", more locked memory than `ulimit -l' allows without CAP_IPC_LOCK"
                      : rc == -EOPNOTSUPP && port->args.mode == AF_XDP_ZERO_COPY
                          ? ", the driver does not take packets' memory as it is"
                      : rc == -EPERM && port->args.busy_poll ? ", busy polling takes CAP_NET_ADMIN"
                      : rc == -EINVAL && port->in_pieces
                          ? ", frames of that MTU, which come in pieces, take Linux 6.6"
                          : "");
    return rc == -EBUSY ? -EAGAIN : rc;
}

void af_xdp_socket_close(struct af_xdp_queue *q)
{
    if (q->begun.first != BUFFER_NONE)
        buffer_free_one(engine_main_thread(q->port->umem->engine), q->begun.first);
    q->begun.first = BUFFER_NONE;
    q->begun.lost = false;
    unmap_ring(&q->received);
    unmap_ring(&q->fill);
    unmap_ring(&q->sent);
    unmap_ring(&q->completed);
    if (q->fd >= 0)
        close(q->fd);
    q->fd = q->rx.fd = -1;
    __atomic_store_n(&q->tx_fd, -1, __ATOMIC_RELEASE);
}

/* Memory of a connection: a slave's own regions and rings, a master's map of those; and when data
 * threads use them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/foreign_fd.h"
#include "engine/thread.h"
#include "plugins/memif/memif_ring.h"

#define MAP_BYTES_MAX (1ull << 32) /* an offset has 32 bits */

/* --- a slave makes it --- */

/* Memory that peers may write, and cannot make shorter. */
static int region_new(struct memif_conn *c, u64 bytes, struct error *e)
{
    struct memif_region r = {.bytes = bytes};
    int rc = mem_map_new(&r.own, "memif-region", bytes, (struct mem_page_size){MEM_PAGE_DEFAULT, 0},
                         true, e);
    if (rc)
        return rc;
    if (fcntl(r.own.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
        rc = error_errno(e, errno, "cannot seal a memory region");
        mem_map_free(&r.own);
        return rc;
    }
    vec_add(&c->regions, r);
    return 0;
}

static struct memif_ring *memif_ring_init(u8 *base, u64 offset)
{
    struct memif_ring *ring = (struct memif_ring *)(void *)(base + offset);
    ring->cookie = MEMIF_COOKIE;
    return ring;
}

/* Slots of ring number r, of all, lie one behind the other. */
static void slots_init(struct memif_ring *ring, u32 r, u8 log2, u16 region, u64 offset, u32 bytes)
{
    for (u32 i = 0; i < 1u << log2; i++)
        ring->desc[i] = (struct memif_desc){
            .region = region,
            .length = bytes,
            .offset = (u32)(offset + (((u64)r << log2) + i) * bytes),
        };
}

int memif_memory_make(struct memif_conn *c, u8 log2, u32 n_s2m, u32 n_m2s, struct error *e)
{
    const struct memif_args *args = &c->port->args;
    u32 n = n_s2m + n_m2s;
    u64 rings = n * memif_ring_bytes(log2), slots = ((u64)n << log2) * args->buffer_bytes;
    bool apart = !args->no_zero_copy;
    int rc = rings + slots > UINT32_MAX
                 ? error_set(e, EINVAL, "rings with buffers of more than 4 GB")
                 : region_new(c, apart ? rings : rings + slots, e);
    if (!rc && apart)
        rc = region_new(c, slots, e);
    for (u32 i = 0; i < n && !rc; i++) {
        bool s2m = i < n_s2m;
        struct memif_ring_place place = {
            .offset = (u32)(i * memif_ring_bytes(log2)),
            .log2 = log2,
            .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
        };
        if (place.fd < 0) {
            rc = error_errno(e, errno, "eventfd");
            break;
        }
        place.ring = memif_ring_init(c->regions.v[0].own.base, place.offset);
        place.ring->flags = s2m ? 0 : MEMIF_RING_QUIET;
        slots_init(place.ring, i, log2, apart, apart ? 0 : rings, args->buffer_bytes);
        vec_add(&c->rings[s2m ? MEMIF_S2M : MEMIF_M2S], place);
    }
    return rc;
}

/* --- a master maps it --- */

int memif_memory_add(struct memif_conn *c, int fd, u64 bytes, struct error *e)
{
    struct memif_region r = {.bytes = bytes};
    int rc = foreign_map_new(&r.map, fd, min_u64(bytes, MAP_BYTES_MAX), c->all->cut_fd, e);
    if (!rc)
        vec_add(&c->regions, r);
    return rc;
}

static int ring_find(const struct memif_conn *c, enum memif_direction d, u32 i, struct error *e)
{
    struct memif_ring_place *place = &c->rings[d].v[i];
    const char *side = d == MEMIF_M2S ? "tx" : "rx"; /* ours */
    if (place->region >= c->regions.n)
        return error_set(e, EINVAL, "no memory region of %s ring %u", side, i);
    const struct foreign_map *map = &c->regions.v[place->region].map;
    u64 bytes = memif_ring_bytes(place->log2);
    if (place->offset > map->bytes || bytes > map->bytes - place->offset)
        return error_set(e, EINVAL, "%s ring %u is not in its memory region", side, i);
    if (place->offset % sizeof(struct memif_desc))
        return error_set(e, EINVAL, "%s ring %u is not aligned", side, i);
    place->ring = (struct memif_ring *)(void *)(map->base + place->offset);
    return __atomic_load_n(&place->ring->cookie, __ATOMIC_RELAXED) == MEMIF_COOKIE
               ? 0
               : error_set(e, EINVAL, "wrong cookie on %s ring %u", side, i);
}

int memif_rings_find(struct memif_conn *c, struct error *e)
{
    int rc = 0;
    for (u32 d = 0; d < MEMIF_DIRECTION_N; d++)
        for (u32 i = 0; i < c->rings[d].n && !rc; i++)
            rc = ring_find(c, d, i, e);
    return rc;
}

void memif_memory_free(struct memif_conn *c)
{
    for (u32 d = 0; d < MEMIF_DIRECTION_N; d++) {
        for (u32 i = 0; i < c->rings[d].n; i++)
            close(c->rings[d].v[i].fd);
        vec_free(&c->rings[d]);
    }
    for (u32 i = 0; i < c->regions.n; i++) {
        foreign_map_free(&c->regions.v[i].map);
        mem_map_free(&c->regions.v[i].own);
    }
    vec_free(&c->regions);
    free(c->memory);
    c->memory = NULL;
}

/* --- what the data thread asks of its queue --- */

static void set_quiet(const struct memif_rx *q, bool quiet)
{
    __atomic_store_n(&q->end.ring->flags, quiet ? MEMIF_RING_QUIET : 0, __ATOMIC_RELAXED);
}

/* The other end is told first; the ring is looked at in the round after that: what a peer that
 * forgot a barrier has written just now is to be seen by then, too. */
static bool memif_arm(struct thread *t, struct rx_queue *rx)
{
    struct memif_rx *q = rx->port;
    if (q->end.fault)
        return q->end.told;
    if (!q->armed) {
        q->armed = true;
        set_quiet(q, false);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return false;
    }
    return !memif_filled(&q->end);
}

static void memif_acknowledge(struct thread *t, struct rx_queue *rx, u32 events)
{
    struct memif_rx *q = rx->port;
    foreign_event_drain(rx->fd);
    __atomic_store_n(&q->end.interrupts, q->end.interrupts + 1, __ATOMIC_RELAXED);
    q->armed = false;
    set_quiet(q, true);
}

static void memif_mode_changed(struct thread *t, struct rx_queue *rx)
{
    struct memif_rx *q = rx->port;
    q->armed = false;
    set_quiet(q, true);
}

const struct rx_queue_ops memif_rx_ops = {memif_arm, memif_acknowledge, memif_mode_changed,
                                          .lingers = true, .may_come_late = true};

/* --- a peer that breaks the rules --- */

struct fault_event {
    struct if_index interface;
    u32 fault;
    u64 serial;
};

static void close_faulty(struct piste *p, const void *payload)
{
    static const char *const reasons[MEMIF_FAULT_N] = {
        [MEMIF_FAULT_INDEX] = "ring index out of range",
        [MEMIF_FAULT_SLOT] = "bad descriptor of an empty buffer",
    };
    struct fault_event ev;
    memcpy(&ev, payload, sizeof(ev));
    const struct memif *port = memif_of(p, ev.interface);
    if (port && port->conn && port->conn->serial == ev.serial)
        memif_close(port->conn, 0, reasons[ev.fault]);
}

void memif_fault(struct thread *t, struct memif_end *end, struct if_index i, enum memif_fault fault)
{
    struct fault_event ev = {i, end->fault ? end->fault : fault, end->serial};
    end->fault = (u8)ev.fault;
    if (!end->told)
        end->told = thread_post(t, close_faulty, &ev, sizeof(ev));
}

/* --- up and down --- */

static void end_open(struct memif_conn *c, struct memif_end *end, enum memif_direction d, u32 i)
{
    const struct memif_ring_place *place = &c->rings[d].v[i];
    bool is_slave = c->is_slave, fills_head = is_slave;
    struct memif_ring *ring = place->ring;
    *end = (struct memif_end){
        .ring = ring,
        .theirs = fills_head ? &ring->tail : &ring->head,
        .ours = fills_head ? &ring->head : &ring->tail,
        .size = (u16)(1u << place->log2),
        .ahead = (u16)(is_slave ? 1u << place->log2 : 0),
        .is_slave = is_slave,
        .fd = place->fd,
        .memory = c->memory,
        .n_memory = c->regions.n,
        .serial = c->serial,
    };
    if (is_slave) {
        const struct memif_args *args = &c->port->args;
        u32 n_s2m = c->rings[MEMIF_S2M].n, r = d == MEMIF_S2M ? i : n_s2m + i;
        u64 rings = (n_s2m + c->rings[MEMIF_M2S].n) * memif_ring_bytes(place->log2);
        const struct memif_region *region = &c->regions.v[c->regions.n - 1];
        end->slot_bytes = args->buffer_bytes;
        end->slots = (u8 *)region->own.base + (args->no_zero_copy ? rings : 0) +
                     ((u64)r << place->log2) * args->buffer_bytes;
    }
}

int memif_rings_up(struct memif_conn *c, struct error *e)
{
    struct memif *port = c->port;
    struct engine *engine = engine_of(port->piste);
    enum memif_direction rx = c->is_slave ? MEMIF_M2S : MEMIF_S2M, tx = !rx;
    int rc = 0;
    c->memory = mem_alloc((c->regions.n + 1) * sizeof(c->memory[0]));
    for (u32 i = 0; i < c->regions.n; i++)
        c->memory[i] = (struct memif_memory){c->regions.v[i].map.base, c->regions.v[i].map.bytes};
    memif_set_queues(port, c->rings[rx].n, c->rings[tx].n);
    for (u32 i = 0; i < port->n_rx && !rc; i++) {
        struct memif_rx *q = port->rx[i];
        u32 thread = q->q.thread ? q->q.thread : UINT32_MAX; /* where it was before */
        end_open(c, &q->end, rx, i);
        q->q.fd = q->end.fd;
        q->armed = false;
        /* all slots are empty buffers */
        if (c->is_slave)
            __atomic_store_n(q->end.ours, q->end.ahead, __ATOMIC_RELEASE);
        rc = rx_queue_add(engine, &q->q, thread, e);
    }
    for (u32 i = 0; i < port->n_tx && !rc; i++) {
        end_open(c, &port->tx[i]->end, tx, i);
        __atomic_store_n(&port->tx[i]->up, true, __ATOMIC_RELEASE);
    }
    if (rc)
        memif_rings_down(c);
    return rc;
}

void memif_rings_receive(const struct memif *port, bool up)
{
    for (u32 i = 0; i < port->n_rx; i++)
        if (port->rx[i]->q.added)
            rx_queue_enable(engine_of(port->piste), &port->rx[i]->q, up);
}

bool memif_has_room(const struct memif *port)
{
    for (u32 i = 0; i < port->n_tx; i++)
        if (!memif_free_slots(&port->tx[i]->end))
            return false;
    return true;
}

void memif_discard(struct memif_end *end)
{
    u32 filled = memif_filled(end);
    if (filled > end->size)
        return; /* the data thread will say so */
    for (u32 i = 0; end->is_slave && i < filled; i++)
        memif_desc_set(end, (u16)(end->at + i), end->slot_bytes, 0);
    end->at = (u16)(end->at + filled);
    __atomic_store_n(end->ours, (u16)(end->at + end->ahead), __ATOMIC_RELEASE);
}

void memif_rings_down(struct memif_conn *c)
{
    struct memif *port = c->port;
    struct engine *engine = engine_of(port->piste);
    for (u32 i = 0; i < port->n_rx; i++) {
        struct memif_rx *q = port->rx[i];
        if (q->q.added)
            rx_queue_delete(engine, &q->q);
        q->q.fd = -1;
        q->end.ring = NULL;
    }
    for (u32 i = 0; i < port->n_tx; i++)
        __atomic_store_n(&port->tx[i]->up, false, __ATOMIC_RELEASE);
    engine_synchronize(engine);
    for (u32 i = 0; i < port->n_tx; i++)
        port->tx[i]->end.ring = NULL;
}

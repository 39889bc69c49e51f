/* For fuzz targets of ports whose peer shares memory with us and talks at a socket: a peer that has
 * something to hand over, and what scripts of all of them can do beside saying messages. */
#pragma once

#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/foreign_fd.h"
#include "net/ip/ip4/ip4_world.h"

#define PEER_MEMORY_BYTES 65536u

struct peer {
    int fd, memory_fd, event_fd;
    u8 *memory;
};

/* Of a step, by its first byte. */
enum { PEER_MESSAGE, PEER_WRITE, PEER_ROUND, PEER_SEND, PEER_STEPS };

/* fd: its end of the socket, which it owns. */
static inline struct peer peer_new(int fd)
{
    struct peer p = {.fd = fd,
                     .memory_fd = memfd_create("fuzz", MFD_CLOEXEC),
                     .event_fd = eventfd(0, EFD_NONBLOCK)};
    world_must(p.memory_fd >= 0 && !ftruncate(p.memory_fd, PEER_MEMORY_BYTES));
    p.memory = mmap(NULL, PEER_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, p.memory_fd, 0);
    world_must(p.memory != MAP_FAILED);
    return p;
}

/* Packets that are caught are whole. */
static inline void peer_check_caught(void)
{
    for (u32 i = 0; i < world.n_caught; i++) {
        const struct buffer *b = buffer_at(world.caught[i].bi);
        u32 len = 0, want = buffer_packet_len(b);
        for (;; b = buffer_at(b->next)) {
            len += b->len;
            world_must(b->start >= 0 && (u32)b->start + b->len <= buffer_storage_bytes(b));
            if (!(b->flags & BUFFER_NEXT))
                break;
        }
        world_must(len == want && len > 0);
    }
    world_free_caught();
}

/* It goes, and the switch hears of it. */
static inline void peer_free(struct peer *p)
{
    munmap(p->memory, PEER_MEMORY_BYTES);
    close(p->memory_fd);
    close(p->event_fd);
    close(p->fd);
    for (u32 i = 0; i < 4; i++)
        loop_once(world.p.loop, 0);
    peer_check_caught();
}

/* Says it with a descriptor: by `kind` none, the memory, the eventfd, or one that has no business
 * there. Answers are read, and not looked at. */
static inline void peer_say(const struct peer *p, const void *bytes, size_t n, u8 kind)
{
    int fds[] = {-1, p->memory_fd, p->event_fd, p->fd};
    u8 answer[512];
    if (!foreign_fd_send(p->fd, bytes, n, fds[kind % array_len(fds)]))
        return;
    loop_once(world.p.loop, 0);
    while (recv(p->fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
        ;
}

static inline void peer_send_towards(struct if_index i, u8 len)
{
    u8 frame[256] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
    char node[IF_NAME_BYTES + 8];
    struct buffer *b = world_packet(frame, 14u + len % 200);
    snprintf(node, sizeof(node), "%s-output", interface_at(&world.p, i)->name);
    b->tx_if = i;
    world_run(node, b);
}

/* Runs a step that is no message, with the port of interface i; returns the bytes that it took. */
static inline size_t peer_step(const struct peer *p, struct if_index i, const u8 *data, size_t size)
{
    size_t n;
    switch (data[0] % PEER_STEPS) {
    case PEER_WRITE: /* offset, length, bytes */
        if (size < 4)
            return size;
        n = min_u64(data[3], size - 4);
        u32 at = (u32)data[1] | (u32)data[2] << 8;
        memcpy(p->memory + at, data + 4, min_u64(n, PEER_MEMORY_BYTES - at));
        return 4 + n;
    case PEER_ROUND:
        engine_round(world.p.engine, 1);
        peer_check_caught();
        loop_once(world.p.loop, 0);
        return 1;
    default:
        if (size < 2)
            return size;
        peer_send_towards(i, data[1]);
        loop_once(world.p.loop, 0);
        return 2;
    }
}

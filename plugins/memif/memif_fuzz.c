/* A slave that says and writes anything. The input is a script: messages with descriptors, bytes
 * for the shared memory, rounds of the data thread, packets towards the slave. Whatever it is,
 * nothing is touched outside of the memory, all packets are whole, and nothing is left when it has
 * gone. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/ip/ip4/ip4_world.h"
#include "plugins/memif/memif_internal.h"

#define MEMORY_BYTES 65536u
#define SOCKET 1

extern const struct module piste_module;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OP_MESSAGE, OP_WRITE, OP_ROUND, OP_SEND, OP_N };

struct peer {
    int fd, memory_fd, event_fd;
    u8 *memory;
};

static struct if_index fuzz_interface;

static void set_up_once(void)
{
    static const struct module *const modules[] = {&piste_module, NULL};
    static bool done;
    struct error e;
    u32 id = SOCKET;
    char name[64];
    if (done)
        return;
    done = true;
    world_open(modules);
    atexit(world_close);
    world_catch("ip4-input");
    world_catch("ip6-input");
    snprintf(name, sizeof(name), "abstract:piste-memif-fuzz-%d", getpid());
    world_must(!memif_socket_add(&world.p, &id, name, &e));
    struct memif_args args = {
        .id = 0, .socket_id = id, .role = MEMIF_MASTER, .mode = MEMIF_MODE_IP};
    world_must(!memif_create(&world.p, &args, &fuzz_interface, &e));
    world_must(!interface_set_admin(&world.p, fuzz_interface, true, &e));
}

static void check_caught(void)
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

/* fds: none, the memory, the eventfd, or one of a kind that has no business there. */
static void fuzz_send(const struct peer *p, const u8 record[MEMIF_MESSAGE_BYTES], u8 kind)
{
    int fds[] = {-1, p->memory_fd, p->event_fd, p->fd};
    int fd = fds[kind % array_len(fds)];
    union {
        struct cmsghdr align;
        u8 bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)record, MEMIF_MESSAGE_BYTES};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        h.msg_control = control.bytes;
        h.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    if (sendmsg(p->fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return;
    loop_once(world.p.loop, 0);
    u8 answer[MEMIF_MESSAGE_BYTES];
    while (recv(p->fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
        ;
}

static void send_towards(u8 len)
{
    u8 frame[256] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
    char node[IF_NAME_BYTES + 8];
    struct buffer *b = world_packet(frame, 14u + len % 200);
    snprintf(node, sizeof(node), "%s-output", interface_at(&world.p, fuzz_interface)->name);
    b->tx_if = fuzz_interface;
    world_run(node, b);
}

/* Runs one step; returns the bytes that it took. */
static size_t fuzz_step(const struct peer *p, const u8 *data, size_t size)
{
    u8 record[MEMIF_MESSAGE_BYTES] = {0};
    size_t n;
    switch (data[0] % OP_N) {
    case OP_MESSAGE: /* kind of descriptor, length, bytes */
        if (size < 3)
            return size;
        n = min_u64(min_u64(data[2], sizeof(record)), size - 3);
        memcpy(record, data + 3, n);
        fuzz_send(p, record, data[1]);
        return 3 + n;
    case OP_WRITE: /* offset, length, bytes */
        if (size < 4)
            return size;
        n = min_u64(data[3], size - 4);
        u32 at = (u32)data[1] | (u32)data[2] << 8;
        memcpy(p->memory + at, data + 4, min_u64(n, MEMORY_BYTES - at));
        return 4 + n;
    case OP_ROUND:
        engine_round(world.p.engine, 1);
        check_caught();
        loop_once(world.p.loop, 0);
        return 1;
    default:
        if (size < 2)
            return size;
        send_towards(data[1]);
        loop_once(world.p.loop, 0);
        return 2;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    set_up_once();
    world_must(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends));
    struct peer p = {.fd = ends[1],
                     .memory_fd = memfd_create("fuzz", MFD_CLOEXEC),
                     .event_fd = eventfd(0, EFD_NONBLOCK)};
    world_must(p.memory_fd >= 0 && !ftruncate(p.memory_fd, MEMORY_BYTES));
    p.memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, p.memory_fd, 0);
    world_must(p.memory != MAP_FAILED);
    memif_accept(memif_socket_find(memif_state_of(&world.p), SOCKET), ends[0]);
    while (size) {
        size_t n = fuzz_step(&p, data, size);
        data += n;
        size -= n;
    }
    munmap(p.memory, MEMORY_BYTES);
    close(p.memory_fd);
    close(p.event_fd);
    close(p.fd);
    for (u32 i = 0; i < 3; i++)
        loop_once(world.p.loop, 0);
    check_caught();
    world_must(!memif_state_of(&world.p)->conns.n);
    world_must(!world_buffers_used());
    return 0;
}

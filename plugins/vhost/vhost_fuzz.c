/* A front end that says and writes anything. The input is a script, whose first byte says whether
 * the usual conversation was held before, and about which kind of rings: messages with descriptors,
 * bytes for the guest's memory, rounds of the data thread, packets towards the guest. Whatever it
 * is, nothing is touched outside of the memory, all packets are whole, and nothing is left when it
 * has gone. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/ip/ip4/peer_world.h"
#include "plugins/vhost/vhost_internal.h"

#define RING_SIZE 8
#define GUEST_BASE 0x10000u
#define USER_BASE 0x20000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { START_RAW, START_SPLIT, START_PACKED, START_N };

static struct if_index fuzz_interface;

/* What ethernet brings: packets are caught where it would take them. */
static const char *const input_start[] = {"vhost-user-input", NULL};
static const char *const input_slots[] = {"ethernet-input", NULL};
static const struct feature_arc_def input_arc = {"device-input", input_start, "ethernet-input",
                                                 input_slots};
static const struct module arc_module = {
    .abi = MODULE_ABI,
    .name = "arc",
    .arcs = (const struct feature_arc_def *const[]){&input_arc, NULL},
};

static void set_up_once(void)
{
    static const struct module *const modules[] = {&arc_module, &piste_module, NULL};
    static bool done;
    struct error e;
    char name[64];
    if (done)
        return;
    done = true;
    world_open(modules);
    atexit(world_close);
    world_catch("ethernet-input");
    snprintf(name, sizeof(name), "abstract:piste-vhost-fuzz-%d", getpid());
    struct vhost_args args = {.filename = name,
                              .is_server = true,
                              .gso = true,
                              .packed = true,
                              .event_idx = true,
                              .feature_mask = UINT64_MAX};
    world_must(!vhost_create(&world.p, &args, &fuzz_interface, &e));
    world_must(!interface_set_admin(&world.p, fuzz_interface, true, &e));
}

/* --- messages --- */

static void fuzz_say(const struct peer *p, u32 request, const void *body, u32 bytes, u8 kind)
{
    struct vhost_header h = {request, VHOST_VERSION | VHOST_NEED_REPLY, bytes};
    u8 message[sizeof(h) + 512];
    memcpy(message, &h, sizeof(h));
    if (bytes)
        memcpy(message + sizeof(h), body, bytes);
    peer_say(p, message, sizeof(h) + bytes, kind);
}

static void say_u64(const struct peer *p, u32 request, u64 x, u8 kind)
{
    fuzz_say(p, request, &x, sizeof(x), kind);
}

/* Rings lie at the beginning of the memory, 512 bytes each. */
static void fuzz_handshake(const struct peer *p, bool packed)
{
    u64 features = VHOST_BIT(VIRTIO_F_VERSION_1) | VHOST_BIT(VIRTIO_NET_F_MRG_RXBUF) |
                   VHOST_BIT(VIRTIO_F_INDIRECT_DESC) | VHOST_BIT(VIRTIO_NET_F_CSUM) |
                   VHOST_BIT(VIRTIO_NET_F_HOST_TSO4) |
                   (packed ? VHOST_BIT(VIRTIO_F_RING_PACKED) : 0);
    struct vhost_table_message table = {.n = 1,
                                        .region = {{GUEST_BASE, PEER_MEMORY_BYTES, USER_BASE, 0}}};
    say_u64(p, VHOST_SET_PROTOCOL_FEATURES, VHOST_BIT(VHOST_PROTOCOL_F_REPLY_ACK), 0);
    say_u64(p, VHOST_SET_FEATURES, features, 0);
    fuzz_say(p, VHOST_SET_MEM_TABLE, &table, offsetof(struct vhost_table_message, region[1]), 1);
    for (u32 i = 0; i < 2; i++) {
        struct vhost_vring_state num = {i, RING_SIZE}, base = {i, packed ? 0x8000 : 0};
        u64 at = USER_BASE + i * 512;
        struct vhost_vring_addr addr = {i, 0, at, at + 256, at + 384, 0};
        fuzz_say(p, VHOST_SET_VRING_NUM, &num, sizeof(num), 0);
        fuzz_say(p, VHOST_SET_VRING_BASE, &base, sizeof(base), 0);
        fuzz_say(p, VHOST_SET_VRING_ADDR, &addr, sizeof(addr), 0);
        say_u64(p, VHOST_SET_VRING_CALL, i, 2);
        say_u64(p, VHOST_SET_VRING_KICK, i, 2);
    }
}

/* --- the script --- */

/* Runs one step; returns the bytes that it took. */
static size_t fuzz_step(const struct peer *p, const u8 *data, size_t size)
{
    if (data[0] % PEER_STEPS != PEER_MESSAGE)
        return peer_step(p, fuzz_interface, data, size);
    if (size < 4) /* kind of descriptor, request, length, bytes */
        return size;
    size_t n = min_u64(data[3], size - 4);
    fuzz_say(p, data[2], data + 4, (u32)n, data[1]);
    return 4 + n;
}

static int fuzz_connect(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "piste-vhost-fuzz-%d", getpid());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    world_must(fd >= 0 &&
               !connect(fd, (struct sockaddr *)&a,
                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)));
    loop_once(world.p.loop, 0);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    set_up_once();
    struct peer p = peer_new(fuzz_connect());
    u8 start = data[0] % START_N;
    if (start != START_RAW)
        fuzz_handshake(&p, start == START_PACKED);
    for (data++, size--; size;) {
        size_t n = fuzz_step(&p, data, size);
        data += n;
        size -= n;
    }
    peer_free(&p);
    world_must(!vhost_of(&world.p, fuzz_interface)->conn);
    world_must(!world_buffers_used());
    return 0;
}

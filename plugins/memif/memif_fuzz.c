/* A slave that says and writes anything. The input is a script: messages with descriptors, bytes
 * for the shared memory, rounds of the data thread, packets towards the slave. Whatever it is,
 * nothing is touched outside of the memory, all packets are whole, and nothing is left when it has
 * gone. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/ip/ip4/peer_world.h"
#include "plugins/memif/memif_internal.h"

#define SOCKET 1

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

/* Runs one step; returns the bytes that it took. */
static size_t fuzz_step(const struct peer *p, const u8 *data, size_t size)
{
    u8 record[MEMIF_MESSAGE_BYTES] = {0};
    if (data[0] % PEER_STEPS != PEER_MESSAGE)
        return peer_step(p, fuzz_interface, data, size);
    if (size < 3) /* kind of descriptor, length, bytes */
        return size;
    size_t n = min_u64(min_u64(data[2], sizeof(record)), size - 3);
    memcpy(record, data + 3, n);
    peer_say(p, record, sizeof(record), data[1]);
    return 3 + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    set_up_once();
    world_must(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends));
    struct peer p = peer_new(ends[1]);
    memif_accept(memif_socket_find(memif_state_of(&world.p), SOCKET), ends[0]);
    while (size) {
        size_t n = fuzz_step(&p, data, size);
        data += n;
        size -= n;
    }
    peer_free(&p);
    world_must(!memif_state_of(&world.p)->conns.n);
    world_must(!world_buffers_used());
    return 0;
}

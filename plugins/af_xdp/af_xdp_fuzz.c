/* A kernel that puts anything into the rings. The first byte of the input says whether frames may
 * lie in pieces; the rest is a script: frames that are received as a kernel would have it or not,
 * counters that jump, completions, rounds of the data thread, packets to send. Whatever it is,
 * nothing is touched outside of the memory, all packets are whole, what is sent lies in the memory,
 * and nothing is left when the device has gone. */
#include <linux/if_xdp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "host/host_net.h"
#include "net/ip/ip4/peer_world.h"
#include "plugins/af_xdp/af_xdp_internal.h"

#define SIZE 16
#define CHUNKS 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct shared {
    u32 producer, consumer, flags;
    union {
        u64 address[SIZE];
        struct xdp_desc desc[SIZE];
    };
};

static struct af_xdp *fuzz_port;
static struct {
    struct shared received, fill, sent, completed;
} fuzz;

/* What ethernet brings: packets are caught where it would take them. */
static const char *const input_start[] = {"af_xdp-input", NULL};
static const char *const input_slots[] = {"ethernet-input", NULL};
static const struct feature_arc_def input_arc = {"device-input", input_start, "ethernet-input",
                                                 input_slots};
static const struct module ethernet = {
    .abi = MODULE_ABI,
    .name = "ethernet",
    .arcs = (const struct feature_arc_def *const[]){&input_arc, NULL},
};
static const struct module no_api = {.abi = MODULE_ABI, .name = "api"};

/* An interface that waits for its device. */
static void set_up_once(void)
{
    static const struct module *const modules[] = {&no_api, &host_module, &ethernet, &piste_module,
                                                   NULL};
    struct af_xdp_args args = {.host_name = "piste-fuzz", .waits = true};
    struct if_index i;
    struct error e;
    if (fuzz_port)
        return;
    world_open(modules);
    atexit(world_close);
    world_catch("ethernet-input");
    world_must(!af_xdp_create(&world.p, &args, &i, &e));
    world_must(!interface_set_admin(&world.p, i, true, &e));
    fuzz_port = af_xdp_state_of(&world.p)->ports.v[0];
}

static struct xdp_ring ring_on(struct shared *s)
{
    return (struct xdp_ring){.producer = &s->producer,
                             .consumer = &s->consumer,
                             .flags = &s->flags,
                             .entries = s->address,
                             .size = SIZE};
}

/* The device is there, its descriptor always readable. */
static void fuzz_open(bool in_pieces)
{
    struct af_xdp_queue *q = &fuzz_port->queue[0];
    struct error e;
    memset(&fuzz, 0, sizeof(fuzz));
    fuzz_port->in_pieces = in_pieces;
    world_must(!af_xdp_umem_new(fuzz_port, CHUNKS, in_pieces ? 4096 : 2048, &e));
    struct af_xdp_umem *u = fuzz_port->umem;
    q->received = ring_on(&fuzz.received);
    q->fill = ring_on(&fuzz.fill);
    q->sent = ring_on(&fuzz.sent);
    q->completed = ring_on(&fuzz.completed);
    fuzz.fill.flags = fuzz.sent.flags = 1; /* it wants to be told */
    for (u32 i = 0; i < SIZE; i++) {
        u32 bi;
        world_must(buffer_alloc(world_thread(), u->pool, &bi, 1) == 1);
        u->holder[bi - u->first] = AF_XDP_WITH_RX;
        fuzz.fill.address[i] = (u64)(bi - u->first) * u->chunk_bytes;
    }
    xdp_ring_give(&q->fill, SIZE);
    q->fd = q->rx.fd = q->tx_fd = eventfd(1, EFD_NONBLOCK);
    world_must(q->fd >= 0 && !rx_queue_add(u->engine, &q->rx, UINT32_MAX, &e));
    rx_queue_enable(u->engine, &q->rx, true);
}

/* --- the kernel --- */

static u32 given(const struct shared *s)
{
    u32 n = s->producer - s->consumer;
    return n <= SIZE ? n : 0;
}

static void put_received(u64 address, u32 len, u32 options)
{
    fuzz.received.desc[fuzz.received.producer++ % SIZE] =
        (struct xdp_desc){.addr = address, .len = len, .options = options};
}

/* A frame, or a piece of one, in the next chunk that it has. */
static void receive_honestly(u32 len, bool more)
{
    u32 room = fuzz_port->umem->chunk_bytes - 256;
    if (given(&fuzz.fill) && given(&fuzz.received) < SIZE)
        put_received(fuzz.fill.address[fuzz.fill.consumer++ % SIZE] + 256, 1 + len % room, more);
}

/* What is to be sent lies in the memory; it is sent. */
static void complete(bool honestly)
{
    const struct af_xdp_umem *u = fuzz_port->umem;
    if (!given(&fuzz.sent) || given(&fuzz.completed) == SIZE)
        return;
    const struct xdp_desc *d = &fuzz.sent.desc[fuzz.sent.consumer++ % SIZE];
    if (honestly)
        world_must(d->addr + d->len <= (u64)u->n_chunks * u->chunk_bytes);
    fuzz.completed.address[fuzz.completed.producer++ % SIZE] = d->addr;
}

static void send_packet(u32 len)
{
    static const u8 zeros[UINT16_MAX];
    struct buffer *b = world_packet(zeros, 60 + len % (sizeof(zeros) - 60));
    b->tx_if = fuzz_port->interface;
    world_run("piste-fuzz/0-output", b);
}

enum { STEP_RECEIVE, STEP_LIE, STEP_COUNTER, STEP_COMPLETE, STEP_ROUND, STEP_SEND, STEP_N };

/* Runs a step: which, and two words. lied: rings are no longer what we have put there. */
static void fuzz_step(u8 step, u16 x, u16 y, bool *lied)
{
    u32 *const counters[] = {&fuzz.received.producer, &fuzz.fill.consumer, &fuzz.sent.consumer,
                             &fuzz.completed.producer};
    switch (step % STEP_N) {
    case STEP_RECEIVE:
        receive_honestly(x, y & 1);
        break;
    case STEP_LIE:
        put_received((u64)x * 8, (u32)(y >> 1) * (x & 1 ? 0x20001 : 1), y & 1);
        break;
    case STEP_COUNTER:
        *counters[x % array_len(counters)] += y;
        *lied = true;
        break;
    case STEP_COMPLETE:
        complete(!*lied);
        break;
    case STEP_ROUND:
        engine_round(world.p.engine, 1);
        break;
    default:
        send_packet(x);
    }
    peer_check_caught();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool lied = false;
    set_up_once();
    fuzz_open(size && (data[0] & 1));
    for (size_t at = 1; at + 5 <= size; at += 5)
        fuzz_step(data[at], (u16)(data[at + 1] | data[at + 2] << 8),
                  (u16)(data[at + 3] | data[at + 4] << 8), &lied);
    af_xdp_close(fuzz_port);
    engine_round(world.p.engine, 1);
    loop_once(world.p.loop, 0);
    peer_check_caught();
    world_must(!world_buffers_used());
    return 0;
}

/* Any frame as ARP: counted or answered; nothing is read or written outside of it, no buffer is
 * lost, and what is learnt is a station of the link's subnet.
 *
 * Input: byte 0: flags (VLAN tags in front, shared frame, the frame's source is the ARP sender),
 * then the frame behind its link header. */
#include <stdint.h>

#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/ip/neighbor/neighbor_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* The engine's rings hang on maps that the leak checker does not look into; buffers are counted
 * here. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

enum { TAGGED = 1, SHARED = 2, HONEST = 4 };

static const u8 own[6] = {2, 0xfe, 0, 0, 0, 1};
static struct if_index a;

static void must_run(const char *command)
{
    free(world_command(command));
}

static void open_once(void)
{
    static const struct module *const modules[] = {
        &ip4_arcs_module,  &fib_module, &address_module,  &ip4_module,
        &ip4_input_module, &arp_module, &neighbor_module, NULL};
    if (world.p.engine)
        return;
    world_open(modules);
    atexit(world_close);
    world_catch("ip4-icmp-error");
    world_catch("ip4-frag");
    world_catch("ip4-receive");
    world_interface("local0", NULL);
    a = world_interface("a", own);
    must_run("set interface ip address a 10.0.1.1/24");
    must_run("set interface proxy-arp a enable");
    must_run("set arp proxy start 10.0.1.128 end 10.0.1.255");
    must_run("set ip neighbor-config ip4 limit 100 recycle");
}

static void round_once(void)
{
    loop_once(world.p.loop, 0);
    engine_round(world.p.engine, 1);
    loop_once(world.p.loop, 0);
}

static void must_be_sound(const struct neighbor *n)
{
    u32 addr = be32_to_host(n->host.addr.ip4);
    world_must(addr >> 8 == 0x0a0001 && addr != 0x0a000101);
    world_must(!(n->mac[0] & 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u8 frame[400] = {0};
    if (!size)
        return 0;
    open_once();
    u8 flags = data[0];
    u32 link_bytes = flags & TAGGED ? 18 : 14, n = (u32)min_u64(size - 1, 300);
    memcpy(frame + link_bytes, data + 1, n);
    if ((flags & HONEST) && n >= 14)
        memcpy(frame + 6, data + 1 + 8, 6);
    struct buffer *b = world_packet(frame, link_bytes + n);
    b->rx_if = a;
    b->l2_start = b->start;
    buffer_advance(b, (int)link_bytes);
    b->l3_start = b->start;
    bool shared = (flags & SHARED) && buffer_share(b);
    world_run("arp-input", b);
    round_once();
    if (shared) {
        world_must(!memcmp(b->data + b->l2_start, frame, link_bytes + n));
        world_free(b);
    }
    world_free_caught();
    struct neighbor known;
    for (u32 k = 0; (k = neighbor_next(&world.p, k, &known)) != UINT32_MAX; k++)
        must_be_sound(&known);
    world_must(world_buffers_used() == 0);
    return 0;
}

/* Any packet through ip4-input, ip4-lookup, ip4-rewrite and the nodes between: forwarded, answered
 * or counted, none lost, nothing touched outside of it.
 *
 * Input: byte 0: flags (made here, GSO, several buffers, the header is repaired), byte 1: which of
 * some destinations, then the packet. */
#include <stdint.h>

#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/ip/ip4/tunnel_world.h"
#include "net/ip/neighbor/neighbor_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* The engine's rings hang on maps that the leak checker does not look into; buffers are counted
 * here. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

enum { LOCAL = 1, GSO = 2, LONG = 4, REPAIRED = 8, AIMED = 16 };

static const u8 mac_a[6] = {2, 0xfe, 0, 0, 0, 1}, mac_b[6] = {2, 0xfe, 0, 0, 0, 2};
static struct if_index a;

static void must_run(const char *command)
{
    free(world_command(command));
}

/* Of IP alone, with UDP and more than fits a buffer's headroom, with a header that counts, and one
 * in another; and one that leads into itself. */
static void open_tunnels(void)
{
    static struct tunnel t[5];
    static const char *const names[] = {"t0", "t1", "t2", "t3", "t4"};
    u8 counts[28];
    be32 far = be32_from_host(0x0a000202);
    tunnel_new_ip(&t[0], names[0], far);
    tunnel_new_udp(&t[1], names[1], far, 300,
                   ENCAP_UDP_SUM | ENCAP_ENTROPY | ENCAP_DSCP | ENCAP_ECN);
    tunnel_ip4_header(counts, IP_PROTOCOL_GRE, 0, far);
    put_be32(counts + 20, 0);
    put_be32(counts + 24, 0);
    tunnel_new(&t[2], names[2], far, counts, sizeof(counts), ENCAP_NUMBERS | ENCAP_DF, NULL);
    tunnel_new_udp(&t[3], names[3], be32_from_host(0x1a000001), 8, ENCAP_UDP_SUM);
    tunnel_new_ip(&t[4], names[4], be32_from_host(0x1e000001));
    must_run("ip route add 26.0.0.0/8 via t0");
    must_run("ip route add 27.0.0.0/8 via t1");
    must_run("ip route add 28.0.0.0/8 via t2");
    must_run("ip route add 29.0.0.0/8 via t3");
    must_run("ip route add 30.0.0.0/8 via t4");
}

static void open_once(void)
{
    static const struct module *const modules[] = {
        &ip4_arcs_module,  &fib_module, &address_module,  &ip4_module,
        &ip4_input_module, &arp_module, &neighbor_module, NULL};
    static const char *const commands[] = {
        "set interface ip address a 10.0.1.1/24",
        "set interface ip address b 10.0.2.1/24",
        "set ip neighbor static b 10.0.2.2 02:00:00:00:00:22",
        "ip table add 5",
        "ip route add 20.0.0.0/8 via 10.0.2.2 b weight 2 via 10.0.2.3 b",
        "ip route add 21.0.0.0/8 via 20.0.0.1 via 10.0.2.2 b",
        "ip route add 22.0.0.0/8 via ip4-lookup-in-table 5",
        "ip route add 22.0.0.0/9 table 5 via ip4-lookup-in-table 0",
        "ip route add 22.128.0.0/9 table 5 via 20.0.0.1 next-hop-table 0",
        "ip route add 23.0.0.0/8 via unreachable",
        "ip route add 24.0.0.0/8 via punt",
        "ip route add 25.0.0.0/8 via b",
        "ip route add 26.0.0.0/8 via ip4-source-lookup-in-table 5",
        "ip route add 27.0.0.0/8 via rx-ip4 b",
        "set interface ip directed-broadcast b enable",
        "set interface mtu packet 200 b",
        NULL,
    };
    if (world.p.engine)
        return;
    world_open(modules);
    atexit(world_close);
    world_catch("ip4-icmp-error");
    world_catch("ip4-frag");
    world_catch("ip4-receive");
    world_interface("local0", NULL);
    a = world_interface("a", mac_a);
    world_interface("b", mac_b);
    for (u32 i = 0; commands[i]; i++)
        must_run(commands[i]);
    open_tunnels();
}

static const u32 destinations[] = {0x0a000202, 0x0a000203, 0x0a000101, 0x0a0002ff, 0x14000005,
                                   0x15000005, 0x16000005, 0x16800005, 0x17000001, 0x18000001,
                                   0x19000001, 0x63000001, 0x1a000009, 0x1b000009, 0x1c000009,
                                   0x1d000009, 0x1e000009};

/* Makes the bytes more like a packet, so that they come further. */
static void repair(u8 *bytes, u32 n, u8 flags, u8 which)
{
    struct ip4_header *h = (struct ip4_header *)bytes;
    if (n < sizeof(*h))
        return;
    if (flags & AIMED)
        h->dst = be32_from_host(destinations[which % array_len(destinations)]);
    if (!(flags & REPAIRED))
        return;
    h->version_ihl = (u8)(0x45 + (h->version_ihl & 1) * (n >= 24));
    h->length = be16_from_host((u16)n);
    ip4_set_checksum(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static u8 bytes[6000];
    if (size < 2)
        return 0;
    open_once();
    u8 flags = data[0];
    u32 n = (u32)min_u64(size - 2, 1500);
    memset(bytes, 0x5a, sizeof(bytes));
    memcpy(bytes, data + 2, n);
    if (flags & LONG)
        n += 4000;
    repair(bytes, n, flags, data[1]);

    struct buffer *b = world_packet(bytes, n);
    b->rx_if = a;
    if (flags & GSO) {
        b->flags |= BUFFER_GSO | BUFFER_CSUM_PARTIAL;
        b->gso_size = data[1] ? data[1] : 1;
        b->csum_start = (i16)(b->start + 20);
        b->gso_l4_len = 20;
    }
    if ((flags & LOCAL) && n >= sizeof(struct ip4_header) && bytes[0] == 0x45) {
        b->flags |= BUFFER_LOCAL;
        b->rx_if = IF_NONE;
        ip_scratch(b)->fib.i = 0;
        world_run("ip4-lookup", b);
    } else {
        world_run("ip4-input", b);
    }
    for (u32 i = 0; i < 2; i++) {
        loop_once(world.p.loop, 0);
        engine_round(world.p.engine, 1);
    }
    world_free_caught();
    resolving_forget(neighbors_of(&world.p), IF_NONE);
    loop_once(world.p.loop, 0);
    engine_round(world.p.engine, 1);
    world_free_caught();
    world_must(world_buffers_used() == 0);
    world_must(neighbor_pending == 0);
    return 0;
}

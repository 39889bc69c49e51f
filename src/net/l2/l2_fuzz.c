/* Any frame through layer 2: input, learning, forwarding, floods, rewrites of tags, ARP
 * termination, a BVI, a cross-connect. None is lost, nothing is touched outside of it, and none
 * goes back to where it came from, but for answers of the switch itself.
 *
 * Input: byte 0: flags, byte 1: which port, byte 2: how much is behind, then the frame. */
#include <stdint.h>

#include "net/link/ethernet/ethernet.h"
#include "net/packet/ethernet_packet.h"
#include "net/ip/fib/fib.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/l2/l2.h"
#include "net/l2/l2_internal.h"
#include "net/l2/tag_rewrite.h"
#include "net/link/vlan/vlan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* The engine's rings hang on maps that the leak checker does not look into; buffers are counted
 * here. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

enum { GSO = 1, PARTIAL = 2, FROM_BVI = 4, FLUSH = 8 };

#define PORTS 5
static const char *const names[PORTS] = {"a", "b", "c", "d", "e"};
static struct if_index ports[PORTS], bvi;

static void at_exit(void)
{
    for (u32 i = 0; i < PORTS; i++)
        interface_delete(&world.p, ports[i]);
    world_close();
}

static void open_once(void)
{
    static const struct module *const modules[] = {
        &ethernet_module, &ip4_arcs_module, &fib_module,    &address_module,     &ip4_module,
        &vlan_module,     &l2_module,       &l2_fib_module, &tag_rewrite_module, NULL};
    static const char *const commands[] = {
        "create sub-interfaces a 10 dot1q 10",
        "create sub-interfaces b 20 dot1ad 20 inner-dot1q 7",
        "create sub-interfaces c 30 dot1q 30 exact-match",
        "set interface state a.10 up",
        "set interface state b.20 up",
        "set interface state c.30 up",
        "set interface l2 bridge a 1",
        "set interface l2 bridge a.10 1",
        "set interface l2 bridge b.20 1 3",
        "set interface l2 bridge c 1 3",
        "set interface l2 bridge bvi 1 bvi",
        "set interface l2 tag-rewrite a.10 pop 1",
        "set interface l2 tag-rewrite b.20 translate 2-1 dot1q 99",
        "set interface l2 tag-rewrite c push dot1ad 5 6",
        "set interface l2 xconnect c.30 e",
        "set interface l2 xconnect d e",
        "set interface l2 xconnect e d",
        "set interface l2 tag-rewrite d push dot1q 11",
        "set bridge-domain arp term 1",
        "set bridge-domain arp entry 1 10.0.0.7 02:00:00:00:00:07",
        "set bridge-domain arp entry 1 2001:db8::7 02:00:00:00:00:07",
        "l2fib add 02:00:00:00:00:07 1 a",
        "l2fib add 02:00:00:00:00:08 1 filter",
        "l2fib add 02:00:00:00:00:09 1 b.20 static",
        "set bridge-domain learn-limit 1 100",
        NULL,
    };
    static u8 mac[6] = {2, 0xfe, 0, 0, 0, 0};
    if (world.p.engine)
        return;
    world_open(modules);
    atexit(at_exit);
    world_interface("local0", NULL);
    for (u32 i = 0; i < PORTS; i++, mac[5]++)
        ports[i] = world_interface(names[i], mac);
    bvi = world_interface("bvi", mac);
    world_catch("ip4-input");
    world_catch("arp-input");
    for (u32 i = 0; commands[i]; i++)
        free(world_command(commands[i]));
}

/* Addresses that mean something here. */
static void aim(u8 *frame, u32 n, u8 which)
{
    if (n < 12)
        return;
    if (which & 1) {
        memcpy(frame, (const u8[]){2, 0, 0, 0, 0}, 5);
        frame[5] = (u8)(7 + (frame[5] & 3));
    }
    if (which & 2) {
        memcpy(frame + 6, (const u8[]){2, 0, 0, 0, 0}, 5);
        frame[11] = (u8)(7 + (frame[11] & 3));
    }
    if (which & 4)
        memcpy(frame, if_data(bvi)->mac, 6);
}

static void inspect(const struct caught *c, u32 len, const char *from, const u8 *sender)
{
    const struct buffer *b = buffer_at(c->bi);
    u32 n = 0, got = buffer_packet_len(b);
    for (const struct buffer *x = b;; x = buffer_at(x->next)) {
        world_must(x->start >= 0 && (u32)x->start + x->len <= buffer_storage_bytes(x));
        n += x->len;
        if (!(x->flags & BUFFER_NEXT))
            break;
    }
    world_must(n == got);
    if (!strcmp(c->node, "ip4-input") || !strcmp(c->node, "arp-input")) {
        world_must(if_equal(b->rx_if, bvi) || if_equal(b->rx_if, ports[1])); /* b is in layer 3 */
        return;
    }
    world_must(got + 12 >= len && got <= len + 12);
    world_must(got >= ETHERNET_HEADER_BYTES);
    world_must(b->start == b->l2_start);
    /* an answer goes back; a.10 and a are different ports, as c.30 and c are */
    world_must(strcmp(c->node, from) || !strcmp(from, "a") || !strcmp(from, "c") ||
               !memcmp(buffer_current(b), sender, 6));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static u8 bytes[6000];
    if (size < 3)
        return 0;
    open_once();
    u8 flags = data[0];
    u32 which = data[1] % PORTS, n = (u32)min_u64(size - 3, 1600);
    memset(bytes, 0x5a, sizeof(bytes));
    memcpy(bytes, data + 3, n);
    n += (data[2] & 0x0f) * 250u;
    aim(bytes, n, data[2] >> 4);
    if (flags & FLUSH)
        free(world_command("l2fib flush-mac all"));

    struct buffer *b = world_packet(bytes, n);
    b->rx_if = ports[which];
    if ((flags & (GSO | PARTIAL)) && b->len > 200) {
        b->flags |= BUFFER_CSUM_PARTIAL | (flags & GSO ? BUFFER_GSO : 0);
        b->csum_start = (i16)(b->start + 34);
        b->csum_offset = 16;
        b->gso_size = 500;
        b->gso_l4_len = 20;
    }
    bool by_bvi = (flags & FROM_BVI) && n >= ETHERNET_HEADER_BYTES;
    if (by_bvi) {
        b->rx_if = bvi;
        b->l2_start = b->start;
        b->l3_start = (i16)(b->start + ETHERNET_HEADER_BYTES);
    }
    world_run(by_bvi ? "l2-input" : "ethernet-input", b);
    loop_once(world.p.loop, 0);
    engine_round(world.p.engine, 1);
    for (u32 i = 0; i < world.n_caught; i++)
        inspect(&world.caught[i], n, by_bvi ? "" : names[which], bytes + 6);
    world_free_caught();
    world_must(world_buffers_used() == 0);
    return 0;
}

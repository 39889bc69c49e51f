/* Any frame at all into ethernet-input, on a port with sub-interfaces of every kind, some of them
 * in layer 2. The first byte chooses how the port itself stands. */
#include "net/link/ethernet/ethernet.h"
#include "net/packet/ethernet_packet.h"
#include "net/ip/fib/fib.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/link/vlan/vlan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct if_index port;

static void configure(void)
{
    static const struct module *const modules[] = {
        &ethernet_module, &ip4_arcs_module, &fib_module, &address_module,
        &ip4_module,      &vlan_module,     NULL};
    static const u8 mac[] = {2, 0, 0, 0, 0, 1};
    world_open(modules);
    world_interface("local0", NULL);
    port = world_interface("port", mac);
    world_catch("ip4-input");
    world_catch("arp-input");
    world_catch("l2-input");
    free(world_command("create sub-interfaces port 1 dot1q 1 exact-match\n"
                       "create sub-interfaces port 2 dot1q 2\n"
                       "create sub-interfaces port 3 dot1q 3 inner-dot1q 1 exact-match\n"
                       "create sub-interfaces port 4 dot1ad 3 inner-dot1q any\n"
                       "create sub-interfaces port 5 dot1ad any\n"
                       "create sub-interfaces port 6 default\n"
                       "create sub-interfaces port 7 untagged\n"));
    struct interface *f;
    for (u32 i = port.i + 1; (f = interface_next(&world.p, i)); i = f->index.i + 1) {
        struct error e;
        world_must(!interface_set_admin(&world.p, f->index, f->index.i != port.i + 5, &e));
        if_data(f->index)->l2_mode = f->index.i & 1;
    }
}

static void at_exit(void)
{
    interface_delete(&world.p, port);
    world_close();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready) {
        configure();
        atexit(at_exit);
    }
    ready = true;
    if (size < 1 || size > 1600)
        return 0;
    if_data(port)->l2_mode = data[0] & 1;
    struct buffer *b = world_packet(data + 1, (u32)size - 1);
    u32 len = b->len, start = (u32)b->start;
    b->rx_if = port;
    world_run("ethernet-input", b);
    for (u32 i = 0; i < world.n_caught; i++) {
        b = buffer_at(world.caught[i].bi);
        world_must(b->start >= b->l2_start && b->l3_start > b->l2_start);
        world_must((u32)b->start + b->len == start + len && b->l3_start <= b->start + b->len);
        world_must(!strcmp(world.caught[i].node, "l2-input") ? b->start == b->l2_start
                                                             : b->start == b->l3_start);
    }
    world_free_caught();
    world_must(!world_buffers_used());
    return 0;
}

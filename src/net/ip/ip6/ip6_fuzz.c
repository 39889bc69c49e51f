/* Frames from a hostile port into a whole graph: extension headers, options of neighbour and router
 * discovery, queries for groups. Nothing crashes, no buffer is lost, what is sent is sound IPv6,
 * and nobody becomes a neighbour whose address is not of the link.
 *
 * An input is a series of records: options, position, length (big endian), then that many bytes of
 * a frame. Options mend the checksum of ICMPv6, UDP and TCP, so that mutations get behind it. */
#include "net/ip/ip6/ip6_world.h"
#include "net/packet/layers.h"

#define L2 ETHERNET_HEADER_BYTES
#define RECORD_BYTES 4

enum {
    OPT_FIX = 1 << 0,        /* checksum made right */
    OPT_CSUM_VALID = 1 << 1, /* the port vouches for it */
    OPT_CHAIN = 1 << 2,      /* cut into two buffers at `position` */
    OPT_SHARED = 1 << 3,     /* somebody else holds it too */
};

static const u8 my_mac[6] = {2, 0, 0, 0, 0, 1}, host_mac[6] = {2, 0, 0, 0, 0, 2};
static struct if_index in0, out0;

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void open_world(void)
{
    struct error e = {0};
    struct ip_prefix a = {world_ip6_address(0, 1), IP_FAMILY_6, 64, {0}};

    world_open(world_ip6);
    world_interface("local0", NULL);
    in0 = world_interface("in0", my_mac);
    out0 = world_interface("out0", my_mac);
    world_must(!ip_address_add(&world.p, in0, a, &e));
    a.addr = world_ip6_address(1, 1);
    world_must(!ip_address_add(&world.p, out0, a, &e));
    world_ip6_neighbor(in0, world_ip6_address(0, 2), host_mac);
    world_ip6_neighbor(out0, world_ip6_address(1, 2), host_mac);
    /* what goes out is short, so that errors are made */
    world_must(!interface_set_mtu(&world.p, out0, IF_MTU_IP6, 300, &e));
    world_must(!ra_set_autoconfig(&world.p, in0, RA_AUTOCONFIG_ROUTES, &e));
    nd_watch(&world.p, true);
    engine_round(world.p.engine, 1);
    world_free_caught(); /* announcements */
}

static void fix_checksum(u8 *frame, u32 n)
{
    struct layers l;
    if (n < L2 + sizeof(struct ip6_header) || !layers_find_ip(frame, n, L2, &l) || !l.is_ip6)
        return;
    const struct ip6_header *h = (const struct ip6_header *)(frame + L2);
    u32 end = L2 + ip6_length(h);
    u32 at = l.protocol == IP_PROTOCOL_ICMP6 ? 2 : l.protocol == IP_PROTOCOL_UDP ? 6 : 16;
    if (end > n || l.l4 + at + 2 > end)
        return;
    u8 *sum = frame + l.l4 + at;
    store_u16(sum, 0);
    u64 pseudo = csum_pseudo_ip6(h->src, h->dst, l.protocol, end - l.l4);
    store_be16(sum, csum_finish(csum_add(pseudo, frame + l.l4, end - l.l4)));
}

static struct buffer *make(u8 options, u8 position, u8 *frame, u32 n)
{
    bool in_two = options & OPT_CHAIN && position < n;
    struct buffer *b = in_two ? world_packet_in_two(frame, n, position) : world_packet(frame, n);
    if (options & OPT_CSUM_VALID)
        b->flags |= BUFFER_CSUM_VALID;
    return b;
}

/* A frame that leaves is one that ip6-input would take. */
static void check_sent(void)
{
    for (u32 i = 0; i < world.n_caught; i++) {
        struct buffer *b = buffer_at(world.caught[i].bi);
        static u8 frame[1 << 17];
        u32 n = buffer_copy_out(b, 0, frame, sizeof(frame));
        const struct ip6_header *h = (const struct ip6_header *)(frame + L2);

        world_must(n == buffer_packet_len(b) && n >= L2 + sizeof(*h));
        world_must(get_be16(frame + 12) == ETHERTYPE_IP6 && ip6_is_version(h));
        world_must(ip6_length(h) == n - L2 && h->hop_limit > 0);
        world_must(!ip6_is_multicast(h->src) && !ip6_is_unspecified(h->src));
        world_must(n <= L2 + (strcmp(world.caught[i].node, "out0") ? 9000 : 300));
    }
    world_free_caught();
}

static void one_record(u8 options, u8 position, const u8 *bytes, u32 n)
{
    static u8 frame[1 << 16];
    memcpy(frame, bytes, n);
    if (options & OPT_FIX)
        fix_checksum(frame, n);
    struct buffer *b = make(options, position, frame, n);
    bool shared = options & OPT_SHARED && buffer_share(b);
    world_run("ethernet-input", b);
    if (shared)
        world_free(b);
    check_sent();
}

static void must_be_sound(const struct neighbor *n)
{
    world_must(!(n->mac[0] & 1));
    world_must(ip6_is_link_local(n->host.addr.bytes) ||
               ip_if_has_subnet_of(IP_FAMILY_6, n->host.interface, &n->host.addr));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (!world.p.engine) {
        open_world();
        atexit(world_close);
    }
    while (size > RECORD_BYTES) {
        u32 n = (u32)min_u64(get_be16(data + 2), size - RECORD_BYTES);
        one_record(data[0], data[1], data + RECORD_BYTES, n);
        data += RECORD_BYTES + n;
        size -= RECORD_BYTES + n;
    }
    loop_once(world.p.loop, 0); /* events, and what the control thread does about them */
    engine_round(world.p.engine, 1);
    check_sent();
    struct neighbor known;
    for (u32 k = 0; (k = neighbor_next(&world.p, k, &known)) != UINT32_MAX; k++)
        must_be_sound(&known);
    /* what may wait: packets whose neighbours are asked for, fragments */
    world_must(world_buffers_used() < 2048 + 1024 + 2048);
    return 0;
}

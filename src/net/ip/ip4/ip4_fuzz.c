/* Frames from a hostile port into a whole graph: nothing crashes, no buffer is lost, and what is
 * sent is sound IPv4.
 *
 * An input is a series of records: options, position, length (big endian), then that many bytes of
 * a frame. Options mend checksums, so that mutations get behind them, and set what a port says
 * about a packet. */
#include "net/ip/ip4/ip4_world.h"

#define L2 ETHERNET_HEADER_BYTES
#define RECORD_BYTES 4

enum {
    OPT_FIX_IP = 1 << 0,       /* header checksum made right */
    OPT_FIX_L4 = 1 << 1,       /* ICMP's, TCP's, UDP's too */
    OPT_CSUM_VALID = 1 << 2,   /* the port vouches for it */
    OPT_CSUM_PARTIAL = 1 << 3, /* the port leaves it to us; `position` says where */
    OPT_GSO = 1 << 4,          /* larger than any MTU; `position` gives the segment's size */
    OPT_CHAIN = 1 << 5,        /* cut into two buffers at `position` */
    OPT_SHARED = 1 << 6,       /* somebody else holds it too */
    OPT_NO_CHECKSUM = 1 << 7,  /* straight to ip4-input-no-checksum */
};

static const u8 my_mac[6] = {2, 0, 0, 0, 0, 1}, host_mac[6] = {2, 0, 0, 0, 0, 2};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void open_world(void)
{
    struct error e = {0};
    struct if_index out0, in0;

    world_open(world_ip4);
    world_interface("local0", NULL);
    in0 = world_interface("in0", my_mac);
    out0 = world_interface("out0", my_mac);
    world_must(!ip_address_add(&world.p, in0, ip4_prefix(be32_from_host(0x0a000001), 24), &e));
    world_must(!ip_address_add(&world.p, out0, ip4_prefix(be32_from_host(0x0a000101), 24), &e));
    world_neighbor(in0, be32_from_host(0x0a000002), host_mac);
    world_neighbor(out0, be32_from_host(0x0a000102), host_mac);
    /* what goes out is short, so that fragments and errors are made */
    world_must(!interface_set_mtu(&world.p, out0, IF_MTU_IP4, 300, &e));
}

static void fix_checksums(u8 *frame, u32 n, u8 options)
{
    struct ip4_header *h = (struct ip4_header *)(frame + L2);
    u32 header_bytes, length;

    if (n < L2 + sizeof(*h))
        return;
    header_bytes = ip4_header_bytes(h);
    length = ip4_length(h);
    if (header_bytes < sizeof(*h) || length < header_bytes || length > n - L2)
        return;
    u8 *l4 = ip4_payload(h);
    u32 l4_bytes = length - header_bytes;
    u32 at = h->protocol == IP_PROTOCOL_ICMP ? 2 : h->protocol == IP_PROTOCOL_UDP ? 6 : 16;
    if ((options & OPT_FIX_L4) && at + 2 <= l4_bytes) {
        store_u16(l4 + at, 0);
        store_be16(l4 + at, csum_finish(csum_add(at == 2 ? 0 : ip4_pseudo_sum(h), l4, l4_bytes)));
    }
    ip4_set_checksum(h);
}

static struct buffer *make(const u8 *record, u8 *frame, u32 n)
{
    u8 options = record[0], position = record[1];
    bool in_two = options & OPT_CHAIN && position < n;
    struct buffer *b = in_two ? world_packet_in_two(frame, n, position) : world_packet(frame, n);
    if (options & OPT_CSUM_VALID)
        b->flags |= BUFFER_CSUM_VALID;
    if (options & (OPT_CSUM_PARTIAL | OPT_GSO)) {
        b->flags |= BUFFER_CSUM_PARTIAL;
        b->csum_start = (i16)(b->start + L2 + 20 + (position & 0x40 ? position & 15 : 0));
        b->csum_offset = position & 1 ? 6 : 16;
    }
    if (options & OPT_GSO) {
        b->flags |=
            BUFFER_GSO | (position & 2 ? BUFFER_GSO_UDP : 0) | (position & 4 ? BUFFER_GSO_IP6 : 0);
        b->gso_size = (u16)(position * 8);
        b->gso_l4_len = position & 2 ? 8 : 20;
    }
    return b;
}

/* A frame that leaves: an IPv4 packet is one that ip4-input would take. */
static void check_sent(bool checked)
{
    for (u32 i = 0; i < world.n_caught; i++) {
        struct buffer *b = buffer_at(world.caught[i].bi);
        static u8 frame[1 << 17];
        u32 n = buffer_copy_out(b, 0, frame, sizeof(frame));
        const struct ip4_header *h = (const struct ip4_header *)(frame + L2);

        world_must(n == buffer_packet_len(b) && n >= L2);
        if (get_be16(frame + 12) == ETHERTYPE_ARP)
            continue;
        world_must(get_be16(frame + 12) == ETHERTYPE_IP4);
        world_must(n >= L2 + sizeof(*h) && h->version_ihl >> 4 == 4 &&
                   ip4_header_bytes(h) >= sizeof(*h));
        world_must(ip4_length(h) >= ip4_header_bytes(h) && ip4_length(h) == n - L2);
        world_must(h->ttl > 0 && (!checked || ip4_checksum_is_right(h)));
        world_must(b->flags & BUFFER_GSO ||
                   n <= L2 + (strcmp(world.caught[i].node, "out0") ? 9000 : 300));
    }
    world_free_caught();
}

static void one_record(const u8 *record, const u8 *bytes, u32 n)
{
    static u8 frame[1 << 16];
    u8 options = record[0];

    memcpy(frame, bytes, n);
    if (options & (OPT_FIX_IP | OPT_FIX_L4))
        fix_checksums(frame, n, options);
    struct buffer *b = make(record, frame, n);
    bool shared = options & OPT_SHARED && buffer_share(b);
    if (options & OPT_NO_CHECKSUM) {
        buffer_advance(b, (int)min_u64(L2, b->len));
        world_run("ip4-input-no-checksum", b);
    } else {
        world_run("ethernet-input", b);
    }
    if (shared)
        world_free(b);
    check_sent(!(options & OPT_NO_CHECKSUM));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (!world.p.engine) {
        open_world();
        atexit(world_close);
    }
    while (size > RECORD_BYTES) {
        u32 n = (u32)min_u64(get_be16(data + 2), size - RECORD_BYTES);
        one_record(data, data + RECORD_BYTES, n);
        data += RECORD_BYTES + n;
        size -= RECORD_BYTES + n;
    }
    loop_once(world.p.loop, 0); /* events, and what the control thread does about them */
    engine_round(world.p.engine, 1);
    check_sent(false);
    struct reass_config c = reass_get(&world.p, REASS_FULL, IP_FAMILY_4);
    /* what may wait: fragments, and packets whose neighbours are asked for */
    world_must(world_buffers_used() < c.max_buffers + 1024);
    return 0;
}

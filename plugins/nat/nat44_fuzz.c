/* Packets from hostile hosts inside and outside through either NAT44: nothing crashes, no buffer is
 * lost, what is sent is sound IPv4 with right sums, and no address inside is seen outside.
 *
 * An input is a series of records: options, position, length (big endian), then that many bytes of
 * an IPv4 packet. Options mend checksums, so that mutations get behind them, and let time pass. */
#include "base/clock.h"
#include "control/api.h"
#include "net/features/ipfix/ipfix.h"
#include "net/features/syslog/syslog.h"
#include "net/ip/ip4/ip4_output.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/ip/reass/sv_reass.h"
#include "net/packet/checksum.h"
#include "plugins/nat/nat44.h"
#include "plugins/nat/nat44_fuzz.h"

#define L2 ETHERNET_HEADER_BYTES
#define RECORD_BYTES 4
#define SESSIONS_MOST 64
#define BUFFERS_MOST 16384 /* fragments that wait for their first one, packets for a neighbour */

enum {
    OPT_OUTSIDE = 1 << 0,    /* by the interface outside, else inside */
    OPT_FIX = 1 << 1,        /* checksums made right */
    OPT_CSUM_VALID = 1 << 2, /* the port vouches for them */
    OPT_CHAIN = 1 << 3,      /* cut into two buffers at `position' */
    OPT_SHARED = 1 << 4,     /* somebody else holds it too */
    OPT_LATER = 1 << 5,      /* `position' seconds after the one before */
};


static const u8 my_mac[6] = {2, 0, 0, 0, 0, 1}, host_mac[6] = {2, 0, 0, 0, 0, 2};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void open_nat(void)
{
    static const struct module *modules[array_len(world_ip4) + 7];
    u32 n = 0;
    struct error e = {0};
    while (world_ip4[n]) {
        modules[n] = world_ip4[n];
        n++;
    }
    modules[n++] = &api_module;
    modules[n++] = &ip4_output_module;
    modules[n++] = &ip4_sv_reass_module;
    modules[n++] = &syslog_module;
    modules[n++] = &ipfix_module;
    modules[n++] = &piste_module;
    world_open(modules);
    world_interface("local0", NULL);
    struct if_index in0 = world_interface("in0", my_mac), out0 = world_interface("out0", my_mac);
    world_must(!ip_address_add(&world.p, in0, ip4_prefix(be32_from_host(0x0a000001), 24), &e));
    world_must(!ip_address_add(&world.p, out0, ip4_prefix(be32_from_host(0x0a000101), 24), &e));
    world_neighbor(in0, be32_from_host(0x0a000002), host_mac);
    world_neighbor(in0, be32_from_host(0x0a000003), host_mac);
    world_neighbor(out0, be32_from_host(0x0a000102), host_mac);
    for (u32 i = 0; nat44_fuzz_commands[i]; i++)
        free(world_command(nat44_fuzz_commands[i]));
}

/* Where the checksum of what is behind a whole packet's header is; 0: nowhere. */
static u32 l4_sum_at(const struct ip4_header *h, u32 l4_bytes)
{
    u32 at = h->protocol == IP_PROTOCOL_ICMP  ? 2
             : h->protocol == IP_PROTOCOL_UDP ? 6
             : h->protocol == IP_PROTOCOL_TCP ? 16
                                              : 0;
    return ip4_is_fragment(h) || at + 2 > l4_bytes ? 0 : at;
}

static u64 l4_sum(const struct ip4_header *h)
{
    u32 n = ip4_length(h) - ip4_header_bytes(h);
    return csum_add(
        h->protocol == IP_PROTOCOL_ICMP ? 0 : csum_pseudo_ip4(h->src, h->dst, h->protocol, n),
        ip4_payload(h), n);
}

/* Whether it is a header, with its packet behind it in n bytes. */
static bool is_sound(const struct ip4_header *h, u32 n)
{
    return n >= sizeof(*h) && h->version_ihl >> 4 == 4 && ip4_header_bytes(h) >= sizeof(*h) &&
           ip4_length(h) >= ip4_header_bytes(h) && ip4_length(h) <= n;
}

/* false: it cannot be right. */
static bool fix_sums(struct ip4_header *h, u32 n)
{
    if (!is_sound(h, n))
        return false;
    u32 at = l4_sum_at(h, ip4_length(h) - ip4_header_bytes(h));
    if (at) {
        u8 *sum = (u8 *)ip4_payload(h) + at;
        store_u16(sum, 0);
        store_be16(sum, csum_finish_udp(l4_sum(h)));
    }
    ip4_set_checksum(h);
    return true;
}

/* A packet that came from inside or outside, its sums right or not, has become these. */
static void check_sent(bool outside, bool right)
{
    for (u32 i = 0; i < world.n_caught; i++) {
        static u8 frame[1 << 17];
        u32 n = buffer_copy_out(buffer_at(world.caught[i].bi), 0, frame, sizeof(frame));
        const struct ip4_header *h = (const struct ip4_header *)(void *)(frame + L2);
        u32 src = be32_to_host(h->src);

        world_must(n >= L2);
        if (get_be16(frame + 12) == ETHERTYPE_ARP)
            continue;
        world_must(is_sound(h, n - L2) && ip4_length(h) == n - L2 && h->ttl &&
                   ip4_checksum_is_right(h));
        /* but for what this switch says itself */
        world_must(outside || strcmp(world.caught[i].node, "out0") || src >> 8 != 0x0a0000 ||
                   src == 0x0a000001);
        u32 at = l4_sum_at(h, ip4_length(h) - ip4_header_bytes(h));
        bool none = h->protocol == IP_PROTOCOL_UDP && at && !load_u16((u8 *)ip4_payload(h) + at);
        world_must(!right || !at || none || csum_fold(l4_sum(h)) == 0xffff);
    }
    world_free_caught();
}

static struct buffer *make(const u8 *record, const u8 *frame, u32 n)
{
    u8 options = record[0], position = record[1];
    bool in_two = options & OPT_CHAIN && position && position < n;
    struct buffer *b = in_two ? world_packet_in_two(frame, n, position) : world_packet(frame, n);
    if (options & OPT_CSUM_VALID)
        b->flags |= BUFFER_CSUM_VALID;
    b->rx_if.i = options & OPT_OUTSIDE ? 2 : 1;
    return b;
}

/* The record's packet as a frame; its sums are right where `*right'. */
static struct buffer *make_packet(const u8 *record, const u8 *bytes, u32 n, bool *right)
{
    static u8 frame_in[L2 + (1 << 16)];
    memcpy(frame_in, my_mac, 6);
    memcpy(frame_in + 6, host_mac, 6);
    put_be16(frame_in + 12, ETHERTYPE_IP4);
    memcpy(frame_in + L2, bytes, n);
    *right = record[0] & OPT_FIX && fix_sums((struct ip4_header *)(void *)(frame_in + L2), n);
    return make(record, frame_in, L2 + n);
}

static void one_record(const u8 *record, const u8 *bytes, u32 n)
{
    u8 options = record[0];
    bool right;
    if (options & OPT_LATER)
        __atomic_fetch_add(&clock_ahead_ns, record[1] * NS_PER_SEC, __ATOMIC_RELAXED);
    struct buffer *b = make_packet(record, bytes, n, &right);
    bool shared = options & OPT_SHARED && buffer_share(b);
    world_run("ethernet-input", b);
    if (shared)
        world_free(b);
    check_sent(options & OPT_OUTSIDE, right);
}

/* The world is one that translates. */
static void check_world(void)
{
    u8 record[RECORD_BYTES] = {OPT_FIX}, packet[sizeof(struct ip4_header) + 8] = {0};
    bool right;
    struct ip4_header *h = (struct ip4_header *)(void *)packet;
    *h = (struct ip4_header){.version_ihl = IP4_VERSION_IHL_PLAIN,
                             .length = be16_from_host(sizeof(packet)),
                             .ttl = 64,
                             .protocol = IP_PROTOCOL_UDP,
                             .src = be32_from_host(0x0a000002),
                             .dst = be32_from_host(0x08080808)};
    put_be16(packet + sizeof(*h), 2000);
    put_be16(packet + sizeof(*h) + 4, 8);
    engine_round(world.p.engine, 1);
    world_free_caught(); /* what it announces of itself */
    world_run("ethernet-input", make_packet(record, packet, sizeof(packet), &right));
    world_must(right);
    struct buffer *b = world_take("out0");
    const struct ip4_header *out =
        (const struct ip4_header *)(void *)((u8 *)buffer_current(b) + L2);
    world_must(be32_to_host(out->src) == 0x0a000101);
    world_free(b);
}

static void check_left(void)
{
    struct nat44_session sessions[SESSIONS_MOST + 1];
    struct nat44_place at = {1};
    u32 n, total = 0;
    while (nat44_sessions_next(&world.p, &at, sessions, array_len(sessions), &n))
        total += n;
    world_must(total <= SESSIONS_MOST);
    world_must(world_buffers_used() < BUFFERS_MOST);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (!world.p.engine) {
        open_nat();
        check_world();
        atexit(world_close);
    }
    while (size > RECORD_BYTES) {
        u32 n = (u32)min_u64(get_be16(data + 2), size - RECORD_BYTES);
        one_record(data, data + RECORD_BYTES, n);
        data += RECORD_BYTES + n;
        size -= RECORD_BYTES + n;
    }
    loop_once(world.p.loop, 0); /* logs, and what neighbours are asked */
    engine_round(world.p.engine, 1);
    check_sent(true, false);
    check_left();
    world_must(!nat44_clear_sessions(&world.p, NULL));
    loop_once(world.p.loop, 0);
    engine_round(world.p.engine, 1);
    check_sent(true, false);
    return 0;
}

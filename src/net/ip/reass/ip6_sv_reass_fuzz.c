/* Fragments from a hostile host through virtual reassembly, as they come in and as they leave:
 * nothing crashes, no buffer is lost, and what leaves is told no ports but those of a first
 * fragment that has come.
 *
 * An input is a series of records: options, position, length (big endian), then that many bytes of
 * an IPv6 packet. */
#include "net/ip/reass/ip6_fragment.h"
#include "net/ip/reass/ip6_sv_world.h"

#define RECORD_BYTES 4
#define FIRSTS_MAX 4096

enum {
    OPT_FRAGMENT = 1 << 0, /* made one of a few datagrams from in0 to out0: by `position' */
    OPT_CHAIN = 1 << 1,    /* cut into two buffers at `position' */
    OPT_SHARED = 1 << 2,   /* somebody else holds it too */
    OPT_LATER = 1 << 3,    /* `position' seconds after the one before */
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* What first fragments have said, the slow, obvious way. */
static struct sv_note firsts[FIRSTS_MAX];
static u32 n_firsts;

/* Notes all that b could be said to be the first fragment of. */
static void note_first(struct buffer *b)
{
    struct thread *t = world_thread();
    struct sv_note note = {0};
    u8 l4[sizeof(struct tcp_header)] = {0};
    if (!buffer_pull(t, b, L3) || !ip6_is_fragment(t, b))
        return;
    u32 at = (u32)(b->l4_start - b->start) + 8;
    note.protocol = ip6_fragment_of(b)->protocol;
    if (be16_has(ip6_fragment_of(b)->offset_more, 0xfff8) ||
        !ip6_upper_find(b, buffer_packet_len(b), &at, &note.protocol))
        return;
    buffer_copy_out(b, at, l4, sizeof(l4));
    bool icmp = note.protocol == IP_PROTOCOL_ICMP6 || note.protocol == IP_PROTOCOL_ICMP;
    note.sport = load_be16(l4 + (icmp ? 4 : 0));
    note.dport = load_be16(l4 + (icmp ? 4 : 2));
    world_must(n_firsts < FIRSTS_MAX);
    firsts[n_firsts++] = note;
}

static bool has_been_said(const struct sv_note *note)
{
    for (u32 i = 0; i < n_firsts; i++)
        if (firsts[i].protocol == note->protocol &&
            ((firsts[i].sport.raw == note->sport.raw && firsts[i].dport.raw == note->dport.raw) ||
             (!note->sport.raw && !note->dport.raw)))
            return true;
    return false;
}

static void check_sent(void)
{
    for (u32 i = 0; i < world.n_caught; i++) {
        struct buffer *b = buffer_at(world.caught[i].bi);
        if (strcmp(world.caught[i].node, "out0") || buffer_packet_len(b) < L2 + L3)
            continue;
        buffer_advance(b, L2);
        world_must(!ip6_is_fragment(world_thread(), b) || has_been_said(sv_note(b)));
    }
    world_free_caught();
}

/* Mutations of a fragment stay fragments, of few datagrams, so that they meet. */
static void make_fragment(u8 *packet, u32 n, u8 which)
{
    struct ip6_header *h = (struct ip6_header *)(void *)packet;
    if (n < L3 + 8)
        return;
    h->version_class_flow = IP6_VERSION_PLAIN;
    h->payload_length = be16_from_host((u16)(n - L3));
    h->protocol = IP_PROTOCOL_IP6_FRAGMENT;
    h->hop_limit = 64;
    memcpy(h->src, world_ip6_address(0, 2).bytes, 16);
    memcpy(h->dst, world_ip6_address(1, 2).bytes, 16);
    put_be32(packet + L3 + 4, which & 3);
}

static void one_record(const u8 *record, const u8 *bytes, u32 n)
{
    static u8 frame[L2 + (1 << 16)];
    u8 options = record[0], position = record[1];
    sv_world_frame(frame, bytes, n);
    if (options & OPT_FRAGMENT)
        make_fragment(frame + L2, n, position);
    if (options & OPT_LATER)
        __atomic_fetch_add(&clock_ahead_ns, position * NS_PER_SEC, __ATOMIC_RELAXED);
    struct buffer *first = world_packet(frame + L2, n);
    note_first(first);
    world_free(first);
    bool in_two = options & OPT_CHAIN && position < L2 + n;
    struct buffer *b =
        in_two ? world_packet_in_two(frame, L2 + n, position) : world_packet(frame, L2 + n);
    bool shared = options & OPT_SHARED && buffer_share(b);
    world_run("ethernet-input", b);
    if (shared)
        world_free(b);
    check_sent();
}

/* A datagram in two passes as it should: the rest tells something. */
static void check_world(void)
{
    u8 packet[L3 + 8 + 16] = {0};
    packet[L3] = IP_PROTOCOL_UDP;
    put_be16(packet + L3 + 2, 16);
    make_fragment(packet, sizeof(packet), 0);
    sv_world_run(packet, sizeof(packet));
    world_must(world_buffers_used() == 1 && !world.n_caught);
    put_be16(packet + L3 + 2, 1);
    sv_world_run(packet, sizeof(packet));
    world_must(world_buffers_used() == 2 && world.n_caught == 2);
    world_free_caught();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (!world.p.engine) {
        sv_world_open();
        check_world();
        atexit(world_close);
    }
    n_firsts = 0;
    while (size > RECORD_BYTES && n_firsts < FIRSTS_MAX) {
        u32 n = (u32)min_u64(get_be16(data + 2), size - RECORD_BYTES);
        one_record(data, data + RECORD_BYTES, n);
        data += RECORD_BYTES + n;
        size -= RECORD_BYTES + n;
    }
    /* fragments have had their time, and so has what waits for a neighbour */
    __atomic_fetch_add(&clock_ahead_ns, 100 * NS_PER_SEC, __ATOMIC_RELAXED);
    for (u32 i = 0; i < 3; i++) {
        loop_once(world.p.loop, 0);
        engine_round(world.p.engine, 1);
        check_sent();
    }
    char *text = world_command("show ip6-sv-reassembly");
    world_must(strstr(text, "count: 0\n") && strstr(text, "Buffers in use: 0\n"));
    free(text);
    return 0;
}

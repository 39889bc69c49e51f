/* Segments are taken apart again by code that knows nothing of gso.c, and must give the packet
 * back. */
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "engine/engine_test.h"
#include "net/link/gso/gso.h"
#include "net/packet/chain.h"
#include "net/packet/random_test.h"

#define L2_BYTES 18 /* an Ethernet header with one tag */
#define ID 0xfffe
#define OUTER_ID 0xfff0
#define SEQ 0xfffffff0u

static void no_buffer_is_lost(void)
{
    for (u32 i = 0; i < buffer_pool_count(); i++) {
        struct buffer_pool_info info;
        buffer_pool_get_info(piste.engine, i, &info);
        assert_int_equal(info.used, 0);
    }
}

static u16 oracle_sum(const u8 *p, size_t n, u32 sum)
{
    for (size_t i = 0; i < n; i++) {
        sum += i & 1 ? p[i] : (u32)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (u16)sum;
}

/* What is in front of the packet: IP, and behind it UDP and 24 bytes, GRE with a key or with a
 * checksum, or nothing. */
enum tunnel {
    TUNNEL_NONE,
    TUNNEL_UDP,
    TUNNEL_UDP_SUM,
    TUNNEL_GRE,
    TUNNEL_GRE_SUM,
    TUNNEL_IP,
    TUNNEL_N
};

struct shape {
    enum tunnel tunnel;
    bool outer_ip6;
    u32 outer_extra; /* bytes of options or extension headers */
    bool ip6, udp;
    u32 ip_extra, tcp_extra; /* bytes of options or extension headers */
    u32 payload, gso_size;
    u8 tcp_flags;
};

/* Of what the tunnel puts behind its IP header. */
static u32 outer_l4_offset(const struct shape *s)
{
    return L2_BYTES + (s->outer_ip6 ? 40 : 20) + s->outer_extra;
}

static u32 l3_offset(const struct shape *s)
{
    static const u8 bytes[] = {[TUNNEL_UDP] = 32,
                               [TUNNEL_UDP_SUM] = 32,
                               [TUNNEL_GRE] = 8,
                               [TUNNEL_GRE_SUM] = 8,
                               [TUNNEL_IP] = 0};
    return s->tunnel ? outer_l4_offset(s) + bytes[s->tunnel] : L2_BYTES;
}

static u32 l4_offset(const struct shape *s)
{
    return l3_offset(s) + (s->ip6 ? 40 : 20) + s->ip_extra;
}

static u32 payload_offset(const struct shape *s)
{
    return l4_offset(s) + (s->udp ? 8 : 20 + s->tcp_extra);
}

/* The IP header at l3 of a packet that ends at n. */
static void make_ip(u8 *p, u32 l3, u32 n, bool ip6, u32 extra, u8 protocol, u16 id)
{
    if (ip6) {
        put_be32(p + l3, 0x60000000);
        put_be16(p + l3 + 4, (u16)(n - l3 - 40));
        p[l3 + 6] = extra ? 60 : protocol;
        p[l3 + 7] = 64;
        if (extra) {
            p[l3 + 40] = protocol;
            p[l3 + 41] = (u8)(extra / 8 - 1);
        }
    } else {
        p[l3] = (u8)(0x45 + extra / 4);
        put_be16(p + l3 + 2, (u16)(n - l3));
        put_be16(p + l3 + 4, id);
        put_be16(p + l3 + 6, 0x4000);
        p[l3 + 8] = 64;
        p[l3 + 9] = protocol;
    }
}

static u8 outer_protocol(const struct shape *s)
{
    bool is_gre = s->tunnel == TUNNEL_GRE || s->tunnel == TUNNEL_GRE_SUM;
    return is_gre ? 47 : s->tunnel == TUNNEL_IP ? (s->ip6 ? 41 : 4) : 17;
}

static void make_outer(const struct shape *s, u8 *p, u32 n)
{
    u8 *l4 = p + outer_l4_offset(s);
    make_ip(p, L2_BYTES, n, s->outer_ip6, s->outer_extra, outer_protocol(s), OUTER_ID);
    if (s->tunnel == TUNNEL_GRE) {
        put_be16(l4, 0x2000);
    } else if (s->tunnel == TUNNEL_GRE_SUM) {
        put_be16(l4, 0x8000);
        put_be16(l4 + 6, 0);
    } else if (s->tunnel != TUNNEL_IP) {
        put_be16(l4 + 4, (u16)(n - outer_l4_offset(s)));
        put_be16(l4 + 6, s->tunnel == TUNNEL_UDP_SUM);
    }
}

/* Writes the whole packet; returns its length. */
static u32 make_bytes(const struct shape *s, u8 *p)
{
    u32 l4 = l4_offset(s), payload = payload_offset(s), n = payload + s->payload;

    for (u32 i = 0; i < n; i++)
        p[i] = (u8)random_u32();
    if (s->tunnel)
        make_outer(s, p, n);
    make_ip(p, l3_offset(s), n, s->ip6, s->ip_extra, s->udp ? 17 : 6, ID);
    if (s->udp) {
        put_be16(p + l4 + 4, (u16)(n - l4));
    } else {
        put_be32(p + l4 + 4, SEQ);
        p[l4 + 12] = (u8)((5 + s->tcp_extra / 4) << 4);
        p[l4 + 13] = s->tcp_flags;
    }
    return n;
}

/* A buffer chain of it, cut at random places (never within the headers). */
static u32 make_packet(const struct shape *s, const u8 *p, u32 n)
{
    u32 bi, first = payload_offset(s) + random_u32() % ((u32)min_u64(s->payload, 60000) + 1);

    assert_int_equal(buffer_alloc(t, BUFFER_POOL_LARGE, &bi, 1), 1);
    struct buffer *b = buffer_at(bi), *last = b;
    memcpy(buffer_current(b), p, first);
    b->len = (u16)first;
    for (u32 at = first; at < n;) {
        u32 k = (u32)min_u64(1 + random_u32() % 30000, n - at), more;
        assert_int_equal(buffer_alloc(t, BUFFER_POOL_LARGE, &more, 1), 1);
        last->flags |= BUFFER_NEXT;
        last->next = more;
        last = buffer_at(more);
        memcpy(buffer_current(last), p + at, k);
        last->len = (u16)k;
        b->tail_len += k;
        at += k;
    }
    b->flags |= BUFFER_GSO | BUFFER_CSUM_PARTIAL | (s->udp ? BUFFER_GSO_UDP : 0) |
                (s->ip6 && !s->udp ? BUFFER_GSO_IP6 : 0) | (s->tunnel ? BUFFER_TUNNEL : 0);
    b->l3_start = (i16)(b->start + L2_BYTES);
    b->inner_l3_start = (i16)(b->start + (int)l3_offset(s));
    b->csum_start = (i16)(b->start + (int)l4_offset(s));
    b->csum_offset = s->udp ? 6 : 16;
    b->gso_size = (u16)s->gso_size;
    b->gso_l4_len = (u8)(payload_offset(s) - l4_offset(s));
    b->rx_if.i = 5;
    b->tx_if.i = 7;
    return bi;
}

/* The sum of an L4 header and all behind it, with the pseudo-header; 0xffff is right. */
static u16 l4_sum(const u8 *p, u32 l3, bool ip6, u8 protocol, u32 l4, u32 n)
{
    u32 sum = oracle_sum(ip6 ? p + l3 + 8 : p + l3 + 12, ip6 ? 32 : 8, 0);
    return oracle_sum(p + l4, n - l4, sum + protocol + n - l4);
}

static void check_sum(const struct shape *s, const u8 *p, u32 n)
{
    u32 l4 = l4_offset(s);
    assert_int_equal(l4_sum(p, l3_offset(s), s->ip6, s->udp ? 17 : 6, l4, n), 0xffff);
    if (s->udp)
        assert_int_not_equal(get_be16(p + l4 + 6), 0);
}

static void check_ip(const u8 *whole, const u8 *p, u32 l3, u32 l4, u32 n, bool ip6, u16 id)
{
    if (ip6) {
        assert_int_equal(get_be16(p + l3 + 4), n - l3 - 40);
        assert_memory_equal(p + l3 + 6, whole + l3 + 6, l4 - l3 - 6);
    } else {
        assert_int_equal(get_be16(p + l3 + 2), n - l3);
        assert_int_equal(get_be16(p + l3 + 4), id);
        assert_int_equal(oracle_sum(p + l3, l4 - l3, 0), 0xffff);
        assert_memory_equal(p + l3 + 12, whole + l3 + 12, l4 - l3 - 12);
    }
}

static void check_outer(const struct shape *s, const u8 *whole, const u8 *p, u32 n, u32 k)
{
    u32 l4 = outer_l4_offset(s), same = l4;
    check_ip(whole, p, L2_BYTES, l4, n, s->outer_ip6, (u16)(OUTER_ID + k));
    if (outer_protocol(s) == 17) {
        assert_int_equal(get_be16(p + l4 + 4), n - l4);
        if (s->tunnel == TUNNEL_UDP)
            assert_int_equal(get_be16(p + l4 + 6), 0);
        else
            assert_int_equal(l4_sum(p, L2_BYTES, s->outer_ip6, 17, l4, n), 0xffff);
        same += 8;
    }
    if (s->tunnel == TUNNEL_GRE_SUM) {
        assert_int_equal(oracle_sum(p + l4, n - l4, 0), 0xffff);
        assert_memory_equal(p + l4, whole + l4, 4);
        same += 6;
    }
    assert_memory_equal(p + same, whole + same, l3_offset(s) - same);
}

static void check_segment(const struct shape *s, const u8 *whole, const u8 *p, u32 n, u32 k, u32 of)
{
    u32 l4 = l4_offset(s);

    assert_memory_equal(p, whole, L2_BYTES);
    if (s->tunnel)
        check_outer(s, whole, p, n, k);
    check_ip(whole, p, l3_offset(s), l4, n, s->ip6, (u16)(ID + k));
    if (s->udp) {
        assert_int_equal(get_be16(p + l4 + 4), n - l4);
        assert_memory_equal(p + l4, whole + l4, 4);
    } else {
        u8 flags = s->tcp_flags;
        if (k + 1 < of)
            flags &= (u8)~0x09;
        if (k > 0)
            flags &= 0x7f;
        assert_int_equal(get_be32(p + l4 + 4), (u32)(SEQ + k * s->gso_size));
        assert_int_equal(p[l4 + 13], flags);
        assert_memory_equal(p + l4, whole + l4, 4);
        assert_memory_equal(p + l4 + 8, whole + l4 + 8, 5);
        assert_memory_equal(p + l4 + 20, whole + l4 + 20, s->tcp_extra);
    }
    check_sum(s, p, n);
    u32 payload = payload_offset(s);
    if (k + 1 < of)
        assert_int_equal(n - payload, s->gso_size);
    assert_memory_equal(p + payload, whole + payload + k * s->gso_size, n - payload);
}

static void run(const struct shape *s)
{
    static u8 whole[70000], segment[70000];
    static u32 out[GSO_SEGMENTS_MAX];
    u32 n = make_bytes(s, whole), bi = make_packet(s, whole, n), at = 0;
    struct buffer *b = buffer_at(bi);
    u32 want = (s->payload + s->gso_size - 1) / s->gso_size;

    assert_int_equal(gso_n_segments(b), want);
    assert_int_equal(gso_longest_bytes(b), payload_offset(s) + s->gso_size);
    assert_int_equal(gso_segment(t, b, out, want - 1), 0);
    u32 made = gso_segment(t, b, out, GSO_SEGMENTS_MAX);
    assert_int_equal(made, want);
    for (u32 k = 0; k < made; k++) {
        struct buffer *seg = buffer_at(out[k]);
        u32 bytes = buffer_copy_out(seg, 0, segment, sizeof(segment));
        assert_int_equal(bytes, buffer_packet_len(seg));
        assert_false(seg->flags & (BUFFER_GSO | BUFFER_CSUM_PARTIAL | BUFFER_TUNNEL));
        assert_int_equal(seg->l3_start - seg->start, L2_BYTES);
        assert_int_equal(seg->l4_start - seg->start, l4_offset(s));
        assert_true(seg->rx_if.i == 5 && seg->tx_if.i == 7);
        check_segment(s, whole, segment, bytes, k, made);
        at += bytes - payload_offset(s);
    }
    assert_int_equal(at, s->payload);
    buffer_free(t, out, made);
    buffer_free_one(t, bi);
    no_buffer_is_lost();
}

static void random_packets(void **state)
{
    for (unsigned round = 0; round < 600; round++) {
        struct shape s = {
            .ip6 = round & 1,
            .udp = round & 2,
            .ip_extra = round % 5 ? 0 : 8 * (random_u32() % 4),
            .tcp_extra = 4 * (random_u32() % 11),
            .gso_size = 200 + random_u32() % 2000,
            .payload = 1 + random_u32() % 60000,
            .tcp_flags = (u8)random_u32(),
        };
        if (round % 7 == 0)
            s.gso_size = 100 + random_u32() % 9000;
        run(&s);
        s.tunnel = (enum tunnel)(1 + random_u32() % (TUNNEL_N - 1));
        s.outer_ip6 = random_u32() & 1;
        s.outer_extra = round % 5 ? 0 : 8 * (random_u32() % 4);
        run(&s);
    }
}

/* One that counts, or sums up what it carries, cannot be repeated; nor can what is no tunnel. */
static void tunnels_that_must_be_cut_before(void **state)
{
    static u8 whole[8000];
    static u32 out[GSO_SEGMENTS_MAX];
    static const struct {
        enum tunnel tunnel;
        u32 at; /* of L4 */
        u8 set;
        i32 protocol;
    } wrong[] = {
        {TUNNEL_GRE, 0, 0x10, -1},    {TUNNEL_GRE_SUM, 0, 0x90, -1}, {TUNNEL_UDP, 0, 0, 6},
        {TUNNEL_UDP, 0, 0, 50},       {TUNNEL_UDP, 0, 0, 4},         {TUNNEL_IP, 0, 0x45, 17},
        {TUNNEL_IP, 0, 0x45, 47 + 1},
    };
    for (u32 i = 0; i < array_len(wrong); i++) {
        struct shape s = {.tunnel = wrong[i].tunnel, .payload = 3000, .gso_size = 1000};
        u32 n = make_bytes(&s, whole);
        if (wrong[i].set)
            whole[outer_l4_offset(&s) + wrong[i].at] = wrong[i].set;
        if (wrong[i].protocol >= 0)
            whole[L2_BYTES + 9] = (u8)wrong[i].protocol;
        u32 bi = make_packet(&s, whole, n);
        assert_int_equal(gso_segment(t, buffer_at(bi), out, GSO_SEGMENTS_MAX), 0);
        buffer_free_one(t, bi);
    }
    no_buffer_is_lost();
}

/* Longer than IP's length field: cut into parts, and these into segments, it is what it would be
 * when it were cut at once. */
static void split_packets(void **state)
{
    static u8 whole[200000], segment[4000];
    static u32 parts[8], out[GSO_SEGMENTS_MAX];
    for (u32 round = 0; round < 24; round++) {
        struct shape s = {.ip6 = round & 1, .tcp_extra = 12, .tcp_flags = 0x99, .gso_size = 1400};
        bool jumbo = s.ip6 && (round & 2);
        s.payload = 66000 + random_u32() % 100000;
        s.ip_extra = jumbo ? 8 : 0;
        u32 n = make_bytes(&s, whole), k = 0, at = 0;
        put_be16(whole + L2_BYTES + (s.ip6 ? 4 : 2), 0);
        if (jumbo) {
            whole[L2_BYTES + 6] = 0;
            put_be32(whole + L2_BYTES + 40, 0x0600c204);
            put_be32(whole + L2_BYTES + 44, n - L2_BYTES - 40);
        }
        u32 bi = make_packet(&s, whole, n), segments = gso_n_segments(buffer_at(bi));
        u32 n_parts = gso_split(t, buffer_at(bi), parts, array_len(parts));
        assert_int_equal(n_parts, (segments - 1) / (64900 / s.gso_size) + 1);
        if (jumbo) { /* what a segment is held against: without the option */
            memmove(whole + L2_BYTES + 40, whole + L2_BYTES + 48, n - L2_BYTES - 48);
            whole[L2_BYTES + 6] = 6;
            s.ip_extra = 0;
        }
        for (u32 i = 0; i < n_parts; i++) {
            struct buffer *part = buffer_at(parts[i]);
            assert_true(buffer_packet_len(part) - L2_BYTES <= GSO_BYTES_MAX);
            assert_false(part->flags & BUFFER_NEXT);
            u32 made = 1;
            out[0] = parts[i];
            if (part->flags & BUFFER_GSO)
                made = gso_segment(t, part, out, GSO_SEGMENTS_MAX);
            else
                assert_true(csum_complete(part));
            for (u32 j = 0; j < made; j++, k++) {
                u32 bytes = buffer_copy_out(buffer_at(out[j]), 0, segment, sizeof(segment));
                if (!s.ip6 && made == 1) /* a part is sent as it is when it is short */
                    assert_int_equal(oracle_sum(segment + L2_BYTES, 20, 0), 0xffff);
                check_segment(&s, whole, segment, bytes, k, segments);
                at += bytes - payload_offset(&s);
            }
            buffer_free(t, out, made);
            if (out[0] != parts[i])
                buffer_free_one(t, parts[i]);
        }
        assert_int_equal(at, s.payload);
        buffer_free_one(t, bi);
        no_buffer_is_lost();
    }
}

static void exact_multiples_and_single_segments(void **state)
{
    for (unsigned k = 0; k < 4; k++) {
        run(&(struct shape){
            .ip6 = k & 1, .udp = k & 2, .payload = 14480, .gso_size = 1448, .tcp_flags = 0xff});
        run(&(struct shape){
            .ip6 = k & 1, .udp = k & 2, .payload = 1448, .gso_size = 1448, .tcp_flags = 0x19});
        run(&(struct shape){.ip6 = k & 1, .udp = k & 2, .payload = 1, .gso_size = 1448});
    }
}

/* Whatever a guest writes in its headers and descriptors: no fault, no buffer lost. */
static void damaged_packets_are_refused_or_cut(void **state)
{
    static u8 whole[4000];
    static u32 out[GSO_SEGMENTS_MAX];
    for (unsigned round = 0; round < 20000; round++) {
        struct shape s = {.tunnel = (enum tunnel)(random_u32() % TUNNEL_N),
                          .outer_ip6 = random_u32() & 1,
                          .ip6 = round & 1,
                          .udp = round & 2,
                          .payload = 1 + random_u32() % 3000,
                          .gso_size = 500};
        u32 n = make_bytes(&s, whole);
        u8 *at = whole + L2_BYTES + random_u32() % (payload_offset(&s) - L2_BYTES);
        *at = (u8)random_u32();
        u32 bi = make_packet(&s, whole, n);
        struct buffer *b = buffer_at(bi);
        if (round % 3 == 0)
            b->csum_start = (i16)random_u32();
        if (round % 5 == 0)
            b->l3_start = (i16)random_u32();
        if (round % 7 == 0)
            b->gso_size = (u16)random_u32();
        if (round % 13 == 0)
            b->inner_l3_start = (i16)random_u32();
        if (round % 11 == 0) /* shorter than its headers say */
            b->len = (u16)(random_u32() % (b->len + 1u));
        u32 made = gso_segment(t, b, out, GSO_SEGMENTS_MAX);
        assert_int_equal(made, gso_n_segments(b));
        buffer_free(t, out, made);
        buffer_free_one(t, bi);
    }
    no_buffer_is_lost();
}

static void without_buffers_nothing_is_made(void **state)
{
    static u8 whole[64000];
    static u32 out[GSO_SEGMENTS_MAX], hog[1 << 17];
    struct shape s = {.payload = 60000, .gso_size = 1448};
    u32 n = make_bytes(&s, whole), bi = make_packet(&s, whole, n);
    u32 got = buffer_alloc(t, BUFFER_POOL_DEFAULT, hog, 1 << 17);
    buffer_free(t, hog, 20);
    assert_int_equal(gso_segment(t, buffer_at(bi), out, GSO_SEGMENTS_MAX), 0);
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, hog, 20), 20);
    buffer_free(t, hog, got);
    buffer_free_one(t, bi);
    no_buffer_is_lost();
}

static void partial_checksums_are_finished(void **state)
{
    static u8 whole[9000], after[9000];
    for (unsigned round = 0; round < 300; round++) {
        struct shape s = {
            .ip6 = round & 1, .udp = round & 2, .payload = 1 + random_u32() % 8000, .gso_size = 1};
        u32 n = make_bytes(&s, whole), l4 = l4_offset(&s);
        u32 l3 = l3_offset(&s);
        u32 pseudo = oracle_sum(s.ip6 ? whole + l3 + 8 : whole + l3 + 12, s.ip6 ? 32 : 8, 0);
        pseudo += (s.udp ? 17 : 6) + n - l4;
        put_be16(whole + l4 + (s.udp ? 6 : 16), (u16)(pseudo % 0xffff));
        u32 bi = make_packet(&s, whole, n);
        struct buffer *b = buffer_at(bi);
        b->flags &= ~(u32)BUFFER_GSO;
        b->refs = 2;
        assert_false(csum_complete(b));
        b->refs = 1;
        assert_true(csum_complete(b));
        assert_false(b->flags & BUFFER_CSUM_PARTIAL);
        assert_int_equal(buffer_copy_out(b, 0, after, sizeof(after)), n);
        check_sum(&s, after, n);
        /* nothing to do, nothing done */
        assert_true(csum_complete(b));
        buffer_free_one(t, bi);
    }
    no_buffer_is_lost();
}

static void checksum_fields_outside_are_refused(void **state)
{
    static u8 whole[200];
    struct shape s = {.payload = 20, .gso_size = 1};
    u32 n = make_bytes(&s, whole), bi = make_packet(&s, whole, n);
    struct buffer *b = buffer_at(bi);
    b->csum_start = (i16)(b->start - 1);
    assert_false(csum_complete(b));
    b->csum_start = (i16)(b->start + b->len - 17);
    assert_false(csum_complete(b));
    b->csum_start = (i16)(b->start + b->len - 18);
    assert_true(csum_complete(b));
    buffer_free_one(t, bi);
    no_buffer_is_lost();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_packets),
        cmocka_unit_test(tunnels_that_must_be_cut_before),
        cmocka_unit_test(split_packets),
        cmocka_unit_test(exact_multiples_and_single_segments),
        cmocka_unit_test(damaged_packets_are_refused_or_cut),
        cmocka_unit_test(without_buffers_nothing_is_made),
        cmocka_unit_test(partial_checksums_are_finished),
        cmocka_unit_test(checksum_fields_outside_are_refused),
    };
    return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}

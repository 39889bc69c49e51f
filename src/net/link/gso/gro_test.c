/* What gro_join has joined gso_segment cuts again, and then all is as it was: each flow has the
 * same frames in the same order. */
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "engine/engine_test.h"
#include "engine/node.h"
#include "net/link/gso/gro.h"
#include "net/link/gso/gso.h"
#include "net/packet/checksum.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/l4_packet.h"

#define MSS 100
#define FRAMES 64
#define L4_BYTES (20 + 12) /* with an option of 12 bytes */

/* A frame of a flow; port: which. */
struct frame {
    bool ip6;
    u16 port, id;
    u32 seq, ack, bytes;
    u8 flags;
    bool wrong_sum;
};

static u16 sum_of(const u8 *p, u32 n, u64 sum)
{
    return csum_finish(csum_add(sum, p, n)).raw;
}

static struct buffer *make(const struct frame *f)
{
    u8 p[14 + 40 + L4_BYTES + MSS] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
    u32 ip_bytes = f->ip6 ? 40 : 20, bi;
    u8 *ip = p + 14, *tcp = ip + ip_bytes;
    if (f->ip6) {
        put_be16(p + 12, 0x86dd);
        ip[0] = 0x60;
        put_be16(ip + 4, (u16)(L4_BYTES + f->bytes));
        ip[6] = IP_PROTOCOL_TCP;
        ip[7] = 64;
        ip[23] = 1;
        ip[39] = 2;
    } else {
        ip[0] = 0x45;
        put_be16(ip + 2, (u16)(20 + L4_BYTES + f->bytes));
        put_be16(ip + 4, f->id);
        put_be16(ip + 6, IP4_DF);
        ip[8] = 64;
        ip[9] = IP_PROTOCOL_TCP;
        ip[15] = 1;
        ip[19] = 2;
        store_u16(ip + 10, sum_of(ip, 20, 0));
    }
    put_be16(tcp, f->port);
    put_be16(tcp + 2, 80);
    put_be32(tcp + 4, f->seq);
    put_be32(tcp + 8, f->ack);
    tcp[12] = L4_BYTES / 4 << 4;
    tcp[13] = f->flags;
    memset(tcp + 20, 1, 12);
    for (u32 i = 0; i < f->bytes; i++)
        tcp[L4_BYTES + i] = (u8)((f->seq + i) * 7);
    u32 n = L4_BYTES + f->bytes;
    u64 pseudo = f->ip6
                     ? csum_pseudo_ip6(ip + 8, ip + 24, IP_PROTOCOL_TCP, n)
                     : csum_pseudo_ip4(load_be32(ip + 12), load_be32(ip + 16), IP_PROTOCOL_TCP, n);
    store_u16(tcp + 16, (u16)(sum_of(tcp, n, pseudo) + f->wrong_sum));
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1), 1);
    assert_int_equal(buffer_append(t, buffer_at(bi), p, 14 + ip_bytes + n), 0);
    return buffer_at(bi);
}

/* The frames of a port in order, one after the other. */
struct log {
    u8 bytes[FRAMES * 256];
    u32 n, frames;
};

static void log_frame(struct log *log, u16 port, const struct buffer *b)
{
    u8 p[256];
    u32 n = buffer_copy_out(b, 0, p, sizeof(p));
    u32 at = get_be16(p + 12) == 0x86dd ? 54 : 34;
    if (get_be16(p + at) != port)
        return;
    memcpy(log->bytes + log->n, p, n);
    log->n += n;
    log->frames++;
}

static void log_cut(struct log *log, u16 port, const struct buffer *b)
{
    u32 cut[GRO_SEGMENTS_MAX], n;
    if (!(b->flags & BUFFER_GSO)) {
        log_frame(log, port, b);
        return;
    }
    n = gso_segment(t, b, cut, GRO_SEGMENTS_MAX);
    assert_true(n > 1);
    for (u32 i = 0; i < n; i++)
        log_frame(log, port, buffer_at(cut[i]));
    buffer_free(t, cut, n);
}

/* Joins these, and looks that nothing else happened. Returns how many packets there are then. */
static u32 check(const struct frame *f, u32 n)
{
    static struct log before[4], after[4];
    struct buffer *b[FRAMES];
    u16 next[FRAMES];
    memset(before, 0, sizeof(before));
    memset(after, 0, sizeof(after));
    for (u32 i = 0; i < n; i++) {
        b[i] = make(&f[i]);
        for (u16 port = 0; port < 4; port++)
            log_frame(&before[port], port, b[i]);
    }
    u32 left = n - gro_join(b, next, n), seen = 0;
    for (u32 i = 0; i < n; i++) {
        assert_true(next[i] == NEXT_CONSUMED || next[i] == 0);
        if (next[i] == NEXT_CONSUMED)
            continue;
        seen++;
        for (u16 port = 0; port < 4; port++)
            log_cut(&after[port], port, b[i]);
        buffer_free_one(t, buffer_index(b[i]));
    }
    assert_int_equal(seen, left);
    for (u32 port = 0; port < 4; port++) {
        assert_int_equal(before[port].frames, after[port].frames);
        assert_int_equal(before[port].n, after[port].n);
        assert_memory_equal(before[port].bytes, after[port].bytes, before[port].n);
    }
    for (u32 i = 0; i < buffer_pool_count(); i++) {
        struct buffer_pool_info info;
        buffer_pool_get_info(piste.engine, i, &info);
        assert_int_equal(info.used, 0);
    }
    return left;
}

static void fill(struct frame *f, u32 n, bool ip6)
{
    for (u32 i = 0; i < n; i++)
        f[i] = (struct frame){.ip6 = ip6,
                              .port = 1,
                              .id = (u16)(7 + i),
                              .seq = 0xffffff00u + i * MSS,
                              .ack = 5,
                              .bytes = MSS,
                              .flags = TCP_ACK};
}

static void segments_are_joined(void **state)
{
    struct frame f[FRAMES];
    for (u32 ip6 = 0; ip6 < 2; ip6++) {
        fill(f, FRAMES, ip6);
        assert_int_equal(check(f, FRAMES), 1);
        assert_int_equal(check(f, 1), 1);
        f[9].bytes = MSS / 2; /* the last of its packet, */
        f[9].flags |= TCP_PSH;
        assert_int_equal(check(f, 10), 1);
        f[5].flags |= TCP_PSH; /* and so is one to be handed up */
        assert_int_equal(check(f, 10), 2);
    }
}

/* Two flows, one after the other's frame. */
static void flows_are_kept_apart(void **state)
{
    struct frame f[FRAMES], one[FRAMES / 2];
    fill(one, FRAMES / 2, false);
    for (u32 i = 0; i < FRAMES; i++) {
        f[i] = one[i / 2];
        f[i].port = (u16)(i % 2);
    }
    assert_int_equal(check(f, FRAMES), 2);
}

/* Whatever is wrong with one: it is as it was, and what is behind it is not joined across it. */
static void odd_ones_stay(void **state)
{
    struct frame f[10];
    for (u32 kind = 0; kind < 6; kind++) {
        fill(f, 10, kind & 1);
        switch (kind) {
        case 0:
            f[4].wrong_sum = true;
            break;
        case 1:
            f[4].flags |= TCP_FIN;
            break;
        case 2:
            f[4].flags |= TCP_RST;
            break;
        case 3:
            f[4].flags |= TCP_CWR;
            break;
        case 4:
            f[4].ack++;
            break;
        default:
            f[4].bytes = 0;
            break;
        }
        assert_int_equal(check(f, 10), 3);
    }
    fill(f, 10, false);
    for (u32 i = 5; i < 10; i++)
        f[i].seq += MSS; /* one is missing */
    assert_int_equal(check(f, 10), 2);
}

static void open_checksums(void **state)
{
    struct frame f[3];
    struct buffer *b[3];
    u16 next[3];
    fill(f, 3, false);
    for (u32 i = 0; i < 3; i++) {
        b[i] = make(&f[i]);
        b[i]->flags |= BUFFER_CSUM_PARTIAL;
        b[i]->csum_start = (i16)(b[i]->start + 34);
        b[i]->csum_offset = 16;
    }
    b[2]->csum_offset = 6; /* of something else */
    assert_int_equal(gro_join(b, next, 3), 1);
    assert_int_equal(buffer_packet_len(b[0]), 34 + L4_BYTES + 2 * MSS);
    buffer_free_one(t, buffer_index(b[0]));
    buffer_free_one(t, buffer_index(b[2]));
}

static void at_random(void **state)
{
    struct frame f[FRAMES];
    u32 joined = 0;
    srand(1);
    for (u32 round = 0; round < 3000; round++) {
        u32 n = 1 + (u32)rand() % FRAMES, seq[4] = {0, 1u << 31, 0xffffffffu, 17};
        u16 id[4] = {0, 0xfffe, 3, 4};
        for (u32 i = 0; i < n; i++) {
            u16 port = (u16)(rand() % 4);
            bool odd = rand() % 8 == 0;
            f[i] = (struct frame){.ip6 = port & 1,
                                  .port = port,
                                  .id = id[port]++,
                                  .seq = seq[port],
                                  .ack = odd ? (u32)rand() : 9,
                                  .bytes = rand() % 8 ? MSS : (u32)rand() % (MSS + 1),
                                  .flags = TCP_ACK | (rand() % 8 ? 0 : TCP_PSH),
                                  .wrong_sum = rand() % 16 == 0};
            seq[port] += f[i].bytes + (rand() % 16 == 0);
        }
        joined += n - check(f, n);
    }
    assert_true(joined > 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(segments_are_joined, engine_setup, engine_teardown),
        cmocka_unit_test_setup_teardown(flows_are_kept_apart, engine_setup, engine_teardown),
        cmocka_unit_test_setup_teardown(odd_ones_stay, engine_setup, engine_teardown),
        cmocka_unit_test_setup_teardown(open_checksums, engine_setup, engine_teardown),
        cmocka_unit_test_setup_teardown(at_random, engine_setup, engine_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Virtio headers: byte order, what is believed, what is refused, and that tunnels are seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "control/loop.h"
#include "control/piste.h"
#include "engine/engine.h"
#include "engine/thread.h"
#include "net/link/gso/gso.h"
#include "net/link/virtio/virtio_header.h"
#include "net/packet/checksum.h"
#include "net/packet/ip4_packet.h"

static struct piste piste;
static struct thread *t;

static int setup(void **state)
{
    struct engine_config c;
    struct error err;
    engine_config_default(&c);
    piste.loop = loop_new(&err);
    if (!engine_new(&piste, &c, &err))
        return -1;
    t = engine_main_thread(piste.engine);
    return 0;
}

static int teardown(void **state)
{
    engine_free(piste.engine);
    loop_free(piste.loop);
    return 0;
}

/* --- frames, header by header --- */

static u8 frame[1500];
static u32 len;

static u32 put(const void *bytes, u32 n)
{
    memcpy(frame + len, bytes, n);
    len += n;
    return len - n;
}

static u32 ethernet(u16 type)
{
    u8 h[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    put_be16(h + 12, type);
    return put(h, sizeof(h));
}

static u32 ip4(u8 protocol)
{
    u8 h[20] = {0x45, [6] = 0x40, [8] = 64, [9] = protocol, 10, 0, 0, 1, 10, 0, 0, 2};
    return put(h, sizeof(h));
}

static u32 ip6(u8 protocol)
{
    u8 h[40] = {0x60, [6] = protocol, [7] = 64, [8] = 0xfd, [23] = 1, [24] = 0xfd, [39] = 2};
    return put(h, sizeof(h));
}

static u32 zeros(u32 n)
{
    static const u8 none[1500];
    return put(none, n);
}

static u32 tcp(void)
{
    u32 at = zeros(32);
    frame[at + 12] = 0x80; /* 32 bytes */
    return at;
}

/* Lengths of the IP headers at these places, and the sums of those of IPv4, for a frame of n bytes.
 */
static void finish_ip(u32 n, u32 a, u32 b)
{
    for (u32 k = 0; k < 2; k++) {
        u32 l3 = k ? b : a;
        if (!l3)
            continue;
        if (frame[l3] >> 4 == 6) {
            put_be16(frame + l3 + 4, (u16)(n - l3 - 40));
            continue;
        }
        put_be16(frame + l3 + 2, (u16)(n - l3));
        ip4_set_checksum((struct ip4_header *)(frame + l3));
    }
}

static enum virtio_fault take(struct virtio_header h, bool is_ip, u32 takes, struct buffer **out)
{
    u32 bi;
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1), 1);
    struct buffer *b = *out = buffer_at(bi);
    assert_int_equal(buffer_append(t, b, frame, len), 0);
    return virtio_header_take(b, &h, is_ip, takes);
}

static void refused(struct virtio_header h, enum virtio_fault why)
{
    struct buffer *b;
    assert_int_equal(take(h, false, VIRTIO_TAKES_ALL, &b), why);
    buffer_free_one(t, buffer_index(b));
}

/* A plain TCP packet over IPv4, cut at 100 bytes; returns where TCP begins. */
static u32 plain(struct virtio_header *h)
{
    len = 0;
    ethernet(0x0800);
    u32 l3 = ip4(6), l4 = tcp();
    zeros(1000);
    finish_ip(len, l3, 0);
    *h = (struct virtio_header){
        VIRTIO_NEEDS_CSUM, VIRTIO_GSO_TCP4, (u16)(l4 + 32), 100, (u16)l4, 16};
    return l4;
}

/* --- tests --- */

static void byte_order(void **state)
{
    static const u8 little[] = {1, 4, 0x42, 0x01, 0xa8, 0x05, 0x22, 0x00, 0x10, 0x00};
    static const u8 big[] = {1, 4, 0x01, 0x42, 0x05, 0xa8, 0x00, 0x22, 0x00, 0x10};
    struct virtio_header want = {1, 4, 0x142, 0x5a8, 0x22, 0x10};
    struct virtio_header h = virtio_header_read(little, VIRTIO_LITTLE);
    u8 back[VIRTIO_HEADER_BYTES];
    assert_memory_equal(&h, &want, sizeof(h));
    virtio_header_write(back, &h, VIRTIO_LITTLE);
    assert_memory_equal(back, little, sizeof(back));
    virtio_header_write(back, &h, VIRTIO_NATIVE);
    assert_memory_equal(back, BYTEORDER_SWAP ? little : big, sizeof(back));
}

/* Linux puts there the length of what lies in one piece. */
static void hdr_len_is_a_hint(void **state)
{
    static const u16 hints[] = {0, 1, 14, 66, 500, 1066, 65535};
    for (u32 i = 0; i < array_len(hints); i++) {
        struct virtio_header h;
        struct buffer *b;
        u32 l4 = plain(&h);
        h.hdr_len = hints[i];
        assert_int_equal(take(h, false, VIRTIO_TAKES_ALL, &b), VIRTIO_FAULT_NONE);
        assert_int_equal(b->gso_l4_len, 32);
        assert_int_equal(b->l3_start - b->start, 14);
        assert_int_equal(b->csum_start - b->start, l4);
        assert_int_equal(gso_n_segments(b), 10);
        assert_int_equal(virtio_header_make(b).hdr_len, l4 + 32);
        buffer_free_one(t, buffer_index(b));
    }
}

static void what_contradicts_the_packet(void **state)
{
    struct virtio_header h;
    u32 l4 = plain(&h);
    h.gso_size = 0;
    refused(h, VIRTIO_FAULT_HEADER);
    plain(&h);
    h.csum_start = (u16)(len - 17);
    refused(h, VIRTIO_FAULT_HEADER);
    plain(&h);
    h.csum_offset = 300;
    refused(h, VIRTIO_FAULT_HEADER);
    plain(&h);
    h.csum_start = 65535;
    refused(h, VIRTIO_FAULT_HEADER);
    plain(&h);
    h.gso_type = VIRTIO_GSO_TCP6;
    refused(h, VIRTIO_FAULT_HEADER);
    plain(&h);
    frame[l4 + 12] = 0x40; /* TCP headers have 20 bytes at least */
    refused(h, VIRTIO_FAULT_HEADER);
    plain(&h);
    len = l4 + 30; /* and are whole */
    refused(h, VIRTIO_FAULT_HEADER);
    plain(&h);
    h.flags = 0; /* UDP, or so it says, without a checksum to make */
    h.gso_type = VIRTIO_GSO_UDP_L4;
    refused(h, VIRTIO_FAULT_HEADER);
}

static void kinds_that_cannot_be_cut(void **state)
{
    struct virtio_header h;
    struct buffer *b;
    u32 l4 = plain(&h);
    static const u8 types[] = {2, VIRTIO_GSO_UDP, 6, 0x21, 0x41, 0x7f};
    for (u32 i = 0; i < array_len(types); i++) {
        h.gso_type = types[i];
        refused(h, VIRTIO_FAULT_GSO);
    }
    plain(&h); /* it was told not to send these */
    assert_int_equal(take(h, false, VIRTIO_TAKES(VIRTIO_GSO_TCP6), &b), VIRTIO_FAULT_GSO);
    buffer_free_one(t, buffer_index(b));
    plain(&h);
    frame[14 + 6] = 0x20; /* a fragment */
    refused(h, VIRTIO_FAULT_GSO);
    plain(&h);
    put_be16(frame + 12, 0x8864); /* PPPoE: its header has a length */
    refused(h, VIRTIO_FAULT_GSO);
    plain(&h);
    h.csum_start = (u16)(l4 + 4); /* neither the packet's own TCP nor one within */
    refused(h, VIRTIO_FAULT_GSO);
}

/* A large receive offload: sums were checked by the device, and are the last packet's. */
static void joined_by_a_device(void **state)
{
    struct virtio_header h;
    struct buffer *b;
    u32 l4 = plain(&h), out[16];
    put_be16(frame + l4 + 16, 0x1234);
    h.flags = VIRTIO_DATA_VALID;
    h.csum_start = h.csum_offset = 0;
    assert_int_equal(take(h, false, VIRTIO_TAKES_ALL, &b), VIRTIO_FAULT_NONE);
    assert_int_equal(b->csum_start - b->start, l4);
    assert_int_equal(gso_segment(t, b, out, 16), 10);
    for (u32 i = 0; i < 10; i++) {
        const struct buffer *seg = buffer_at(out[i]);
        const u8 *p = (const u8 *)buffer_current(seg) + l4;
        u32 n = buffer_packet_len(seg) - l4;
        u64 sum = csum_pseudo_ip4(load_be32(p - 8), load_be32(p - 4), 6, n);
        assert_int_equal(csum_fold(csum_add_chain(sum, seg, l4, n)), 0xffff);
    }
    buffer_free(t, out, 10);
    buffer_free_one(t, buffer_index(b));
}

static void ecn_is_said_again(void **state)
{
    struct virtio_header h;
    struct buffer *b;
    u32 l4 = plain(&h);
    frame[l4 + 13] = TCP_CWR | TCP_ACK;
    h.gso_type |= VIRTIO_GSO_ECN;
    assert_int_equal(take(h, false, VIRTIO_TAKES_ALL, &b), VIRTIO_FAULT_NONE);
    assert_int_equal(virtio_header_make(b).gso_type, VIRTIO_GSO_TCP4 | VIRTIO_GSO_ECN);
    buffer_free_one(t, buffer_index(b));
}

/* Outer IP, UDP with VXLAN and Ethernet, GRE, or nothing; inner IP. */
static void tunnels(void **state)
{
    for (u32 i = 0; i < 24; i++) {
        bool outer6 = i & 1, inner6 = i & 2, is_ip = i >= 12;
        u32 kind = i / 4 % 3, out[16];
        struct buffer *b;
        len = 0;
        if (!is_ip) {
            u8 tag[4] = {0, 5, 0, 0};
            ethernet(i & 4 ? 0x8100 : outer6 ? 0x86dd : 0x0800);
            put_be16(tag + 2, outer6 ? 0x86dd : 0x0800);
            if (i & 4)
                put(tag, sizeof(tag));
        }
        u32 outer = len;
        u8 protocol = kind == 0 ? 17 : kind == 1 ? 47 : inner6 ? 41 : 4;
        if (outer6)
            ip6(protocol);
        else
            ip4(protocol);
        if (kind == 0) {
            zeros(16); /* UDP, VXLAN */
            ethernet(inner6 ? 0x86dd : 0x0800);
        } else if (kind == 1) {
            put_be16(frame + zeros(4) + 2, inner6 ? 0x86dd : 0x0800);
        }
        u32 inner = inner6 ? ip6(6) : ip4(6), l4 = tcp();
        zeros(1000);
        finish_ip(len, is_ip ? 0 : outer, inner);
        if (is_ip) { /* at 0, which is no place for finish_ip */
            if (outer6)
                put_be16(frame + 4, (u16)(len - 40));
            else
                put_be16(frame + 2, (u16)len);
        }
        struct virtio_header h = {
            VIRTIO_NEEDS_CSUM, inner6 ? VIRTIO_GSO_TCP6 : VIRTIO_GSO_TCP4, 0, 100, (u16)l4, 16};
        assert_int_equal(take(h, is_ip, VIRTIO_TAKES_ALL, &b), VIRTIO_FAULT_NONE);
        assert_true(b->flags & BUFFER_TUNNEL);
        assert_int_equal(b->l3_start - b->start, outer);
        assert_int_equal(b->inner_l3_start - b->start, inner);
        assert_int_equal(gso_segment(t, b, out, 16), 10);
        buffer_free(t, out, 10);
        buffer_free_one(t, buffer_index(b));
        if (is_ip)
            continue;
        /* an inner header that says another length is none */
        frame[inner + (inner6 ? 5 : 3)] ^= 1;
        refused(h, VIRTIO_FAULT_GSO);
    }
}

static void nothing_is_the_common_case(void **state)
{
    struct virtio_header h = {0};
    struct buffer *b;
    plain(&h);
    h = (struct virtio_header){.hdr_len = 99, .csum_start = 65535};
    assert_int_equal(take(h, false, 0, &b), VIRTIO_FAULT_NONE);
    assert_int_equal(b->flags & (BUFFER_GSO | BUFFER_CSUM_PARTIAL | BUFFER_CSUM_VALID), 0);
    h = virtio_header_make(b);
    assert_true(!h.flags && !h.gso_type);
    buffer_free_one(t, buffer_index(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_order),
        cmocka_unit_test(hdr_len_is_a_hint),
        cmocka_unit_test(what_contradicts_the_packet),
        cmocka_unit_test(kinds_that_cannot_be_cut),
        cmocka_unit_test(joined_by_a_device),
        cmocka_unit_test(ecn_is_said_again),
        cmocka_unit_test(tunnels),
        cmocka_unit_test(nothing_is_the_common_case),
    };
    return cmocka_run_group_tests_name("virtio_header", tests, setup, teardown);
}

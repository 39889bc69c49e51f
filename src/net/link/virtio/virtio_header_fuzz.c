/* Any virtio header before any frame: it is refused, or what it says can be done. The first byte
 * says how the frame lies in buffers and where it is; a header of 10 bytes follows. */
#include <stdint.h>

#include "net/ip/ip4/ip4_world.h"
#include "net/link/gso/gso.h"
#include "net/link/virtio/virtio_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lengths(const struct buffer *b, u32 bytes)
{
    world_must(buffer_packet_len(b) == bytes);
    if (b->flags & BUFFER_CSUM_PARTIAL)
        world_must(b->csum_start >= b->start &&
                   b->csum_start + b->csum_offset + 2 <= b->start + (int)b->len);
    if (!(b->flags & BUFFER_GSO))
        return;
    world_must((b->flags & BUFFER_CSUM_PARTIAL) && b->gso_size && b->l3_start >= b->start);
    world_must(b->csum_start + b->gso_l4_len <= b->start + (int)b->len);
    if (b->flags & BUFFER_TUNNEL)
        world_must(b->inner_l3_start > b->l3_start && b->inner_l3_start < b->csum_start);
}

/* What was taken in is said again, and means the same. */
static void check_again(struct buffer *b, const struct virtio_header *h)
{
    struct virtio_header out = virtio_header_make(b);
    u8 bytes[VIRTIO_HEADER_BYTES];
    for (enum virtio_order order = VIRTIO_NATIVE; order <= VIRTIO_LITTLE; order++) {
        virtio_header_write(bytes, &out, order);
        struct virtio_header back = virtio_header_read(bytes, order);
        world_must(!memcmp(&back, &out, sizeof(out)));
    }
    if (h->flags & VIRTIO_NEEDS_CSUM)
        world_must(out.csum_start == h->csum_start && out.csum_offset == h->csum_offset);
    if (b->flags & BUFFER_GSO)
        world_must(out.gso_size == h->gso_size &&
                   ((out.gso_type ^ h->gso_type) & (u8)~VIRTIO_GSO_ECN) == 0);
}

static void finish(struct thread *t, struct buffer *b)
{
    static u32 out[GSO_SEGMENTS_MAX];
    u32 n;
    if (!(b->flags & BUFFER_GSO)) {
        world_must(csum_complete(b));
        return;
    }
    n = gso_split(t, b, out, GSO_SEGMENTS_MAX);
    buffer_free(t, out, n);
    n = gso_segment(t, b, out, GSO_SEGMENTS_MAX);
    for (u32 i = 0; i < n; i++)
        world_must(buffer_packet_len(buffer_at(out[i])) <= gso_longest_bytes(b));
    buffer_free(t, out, n);
}

static void at_exit(void)
{
    world_close();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct module *const none[] = {NULL};
    static bool ready;
    if (!ready) {
        world_open(none);
        atexit(at_exit);
    }
    ready = true;
    if (size < 1 + VIRTIO_HEADER_BYTES || size > 1800)
        return 0;
    const u8 *frame = data + 1 + VIRTIO_HEADER_BYTES;
    u32 bytes = (u32)size - 1 - VIRTIO_HEADER_BYTES;
    struct thread *t = world_thread();
    struct virtio_header h = virtio_header_read(data + 1, (enum virtio_order)(data[0] & 1));
    /* the rest is far behind, so that the packet is as large as one that is cut */
    static u8 tail[40000];
    u32 tail_bytes = data[0] & 4 ? (data[0] >> 3) * 1024u : 0;
    struct buffer *b = world_packet(frame, bytes);
    if (tail_bytes && buffer_append(t, b, tail, tail_bytes))
        tail_bytes = 0;
    if (virtio_header_take(b, &h, data[0] & 2, VIRTIO_TAKES_ALL) == VIRTIO_FAULT_NONE) {
        check_lengths(b, bytes + tail_bytes);
        check_again(b, &h);
        finish(t, b);
    }
    buffer_free_one(t, buffer_index(b));
    world_must(!world_buffers_used());
    return 0;
}

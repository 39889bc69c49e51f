/* Any frames that leave one after the other: what is joined is cut again into as many, as long as
 * they were. Each is behind its length and a byte that says whether its checksum is to be believed.
 */
#include <stdint.h>

#include "engine/node.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/link/gso/gro.h"
#include "net/link/gso/gso.h"

#define FRAMES 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void at_exit(void)
{
    world_close();
}

/* Returns how many there are. */
static u32 read_frames(const u8 *data, size_t size, struct buffer **b, u32 *bytes)
{
    u32 n = 0;
    for (size_t at = 0; n < FRAMES && at + 2 < size; n++) {
        u32 len = (u32)min_u64(data[at], size - at - 2);
        bytes[n] = len;
        b[n] = world_packet(data + at + 2, len);
        if (data[at + 1] & 1)
            b[n]->flags |= BUFFER_CSUM_VALID;
        at += 2 + len;
    }
    return n;
}

/* parts: the places of what b was joined of. */
static void check_packet(struct thread *t, const struct buffer *b, const u32 *bytes,
                         const u32 *parts, u32 n_parts)
{
    u32 cut[GRO_SEGMENTS_MAX];
    world_must(!!(b->flags & BUFFER_GSO) == (n_parts > 1));
    if (n_parts == 1) {
        world_must(buffer_packet_len(b) == bytes[parts[0]]);
        return;
    }
    u32 n = gso_segment(t, b, cut, GRO_SEGMENTS_MAX);
    world_must(n == n_parts);
    for (u32 i = 0; i < n; i++)
        world_must(buffer_packet_len(buffer_at(cut[i])) == bytes[parts[i]]);
    buffer_free(t, cut, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct module *const none[] = {NULL};
    static bool ready;
    struct buffer *b[FRAMES];
    u32 bytes[FRAMES];
    u16 next[FRAMES];
    if (!ready) {
        world_open(none);
        atexit(at_exit);
    }
    ready = true;
    struct thread *t = world_thread();
    u32 n = read_frames(data, size, b, bytes), joined = 0;
    u32 said = gro_join(b, next, n);
    for (u32 i = 0; i < n; i++) {
        u32 parts[FRAMES] = {i}, n_parts = 1;
        joined += next[i] == NEXT_CONSUMED;
        if (next[i] == NEXT_CONSUMED)
            continue;
        for (const struct buffer *p = b[i]; p->flags & BUFFER_NEXT; n_parts++) {
            u32 k = i + 1;
            while (k < n && buffer_index(b[k]) != p->next)
                k++;
            world_must(k < n && next[k] == NEXT_CONSUMED);
            parts[n_parts] = k;
            p = b[k];
        }
        check_packet(t, b[i], bytes, parts, n_parts);
    }
    world_must(joined == said);
    for (u32 i = 0; i < n; i++)
        if (next[i] != NEXT_CONSUMED)
            buffer_free_one(t, buffer_index(b[i]));
    world_must(!world_buffers_used());
    return 0;
}

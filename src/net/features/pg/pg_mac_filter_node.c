/* pg-input-mac-filter: frames that the interface's MAC address is not the destination of are
 * dropped. A feature of the arc "device-input", on where `packet-generator mac-filter` says so. */
#include "base/byteorder.h"
#include "net/packet/ethernet_packet.h"
#include "net/features/pg/pg_internal.h"

enum { NEXT_DROP };

static bool is_ours(const struct buffer *b)
{
    const u8 *dst = buffer_current(b), *mac = if_data(b->rx_if)->mac;
    if (b->len < ETHERNET_HEADER_BYTES || ethernet_is_multicast(dst))
        return true; /* a runt is ethernet-input's */
    return load_u32(dst) == load_u32(mac) && load_u16(dst + 4) == load_u16(mac + 4);
}

void NODE_FN(pg_mac_filter)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = likely(is_ours(b[i])) ? feature_next(b[i]) : node_drop(n, b[i], 0, NEXT_DROP);
}

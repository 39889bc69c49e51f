/* Any bytes as a packet, the first of which says what is translated: nothing is read or written
 * behind it, the addresses are what they should be, and what cannot be translated stays as it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/packet/ip6_packet.h"
#include "plugins/nat66/nat66_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

/* The packet's own addresses are those that have mappings. */
static struct nat66_mapping mapping_from(const u8 *packet, u32 at, bool local)
{
    struct nat66_mapping m = {{{0}}, {{0}}};
    memcpy(local ? m.local.addr.bytes : m.external.addr.bytes, packet + at, 16);
    memset(local ? m.external.addr.bytes : m.local.addr.bytes, local ? 0x2a : 0x2b, 16);
    return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + sizeof(struct ip6_header))
        return 0;
    u32 bytes = (u32)size - 1;
    u8 *p = mem_alloc(bytes); /* so that a read behind it is seen */
    memcpy(p, data + 1, bytes);
    struct nat66_mapping src = mapping_from(p, 8, true), dst = mapping_from(p, 24, false);
    struct nat66_change c = {data[0] & 1 ? &src : NULL, data[0] & 2 ? &dst : NULL};
    (void)nat66_is_of_link(p, bytes);
    (void)nat66_quoted(p, bytes);
    if (nat66_translate(p, bytes, &c, data[0] & 4 ? sizeof(struct ip6_header) : 0)) {
        must(!c.src || !memcmp(p + 8, &src.external.addr, 16));
        must(!c.dst || !memcmp(p + 24, &dst.local.addr, 16));
    } else {
        must(!memcmp(p, data + 1, bytes));
    }
    free(p);
    return 0;
}

/* Any bytes as a packet of either protocol: nothing is read or written outside of it and the room
 * in front of it, and what comes out is sound: its lengths are those of the buffer, and where the
 * upper layer's sum was right it is right again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/ip/reass/sv_reass.h"
#include "net/packet/checksum.h"
#include "plugins/nat/nat64_packet.h"

#define ROOM 64 /* in front of it */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void check4(const struct buffer *b)
{
    const struct ip4_header *h = buffer_current(b);
    must(b->len >= sizeof(*h) && h->version_ihl == IP4_VERSION_IHL_PLAIN);
    must(ip4_length(h) == b->len && ip4_checksum_is_right(h));
    if (h->protocol == IP_PROTOCOL_ICMP && icmp4_is_error(((const u8 *)h)[20]))
        must(csum_fold(csum_add(0, h + 1, b->len - sizeof(*h))) == 0xffff);
}

static void check6(const struct buffer *b)
{
    const struct ip6_header *h = buffer_current(b);
    u32 n = b->len - (u32)sizeof(*h);
    must(b->len >= sizeof(*h) && ip6_is_version(h) && ip6_length(h) == b->len && b->start >= 0);
    if (h->protocol == IP_PROTOCOL_ICMP6 && icmp6_is_error(((const u8 *)h)[40]))
        must(csum_fold(csum_add(csum_pseudo_ip6(h->src, h->dst, h->protocol, n), h + 1, n)) ==
             0xffff);
}

/* Whether what is there is one of these, with the bytes that it says. */
static bool is_sound6(const u8 *p, u32 n)
{
    const struct ip6_header *h = (const struct ip6_header *)p;
    return n >= sizeof(*h) && ip6_is_version(h) && ip6_length(h) == n;
}

static bool is_sound4(const u8 *p, u32 n)
{
    const struct ip4_header *h = (const struct ip4_header *)p;
    return n >= sizeof(*h) && h->version_ihl >> 4 == 4 && ip4_header_bytes(h) >= sizeof(*h) &&
           ip4_header_bytes(h) <= n && ip4_length(h) == n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sv_note note = {.sport = {1}, .dport = {2}};
    struct nat64_packet p;
    u32 n = (u32)size;
    if (!n || n > 9000)
        return 0;
    u8 *storage = mem_alloc(ROOM + n); /* so that a read behind it is seen */
    memcpy(storage + ROOM, data, n);
    static struct buffer b; /* static: its alignment is asked for */
    b = (struct buffer){.data = storage, .start = ROOM, .len = (u16)n, .refs = 1};
    b.storage_bytes = (u16)(ROOM + n);
    u32 there = (u32)min_u64(n, NAT64_HEADERS_BYTES);
    if (is_sound6(data, n)) {
        struct nat64_to4 to = {.src = {1}, .dst = {2}, .sport = {3}, .dport = {4}, .from = {5}};
        nat64_parse6(storage + ROOM, there, &note, &p);
        if (p.kind < NAT64_BAD && nat64_to_ip4(NULL, &b, &p, &to))
            check4(&b);
    } else if (is_sound4(data, n)) {
        struct nat64_to6 to = {.src = {{{1}}}, .dst = {{{2}}}, .sport = {3}, .from = {{{5}}}};
        nat64_parse4(storage + ROOM, there, &note, &p);
        if (p.kind < NAT64_BAD && nat64_to_ip6(NULL, &b, &p, &to))
            check6(&b);
    }
    free(storage);
    return 0;
}

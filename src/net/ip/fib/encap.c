/* Headers of tunnels: see encap.h. */
#include "net/ip/fib/encap.h"

#include <errno.h>
#include <string.h>

#include "base/byteorder.h"
#include "net/ip/fib/fib_internal.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"

/* Where the L4 header is behind IPv4 or IPv6 with its extensions, and which; 0: they do not fit. */
static u32 l4_of(const u8 *h, u32 len, u8 *protocol)
{
    if (len >= sizeof(struct ip4_header) && h[0] == IP4_VERSION_IHL_PLAIN) {
        *protocol = ((const struct ip4_header *)h)->protocol;
        return sizeof(struct ip4_header);
    }
    if (len < sizeof(struct ip6_header) || h[0] >> 4 != 6)
        return 0;
    u32 at = sizeof(struct ip6_header);
    *protocol = ((const struct ip6_header *)h)->protocol;
    while (ip6_is_extension(*protocol)) {
        if (at + 8 > len)
            return 0;
        *protocol = h[at];
        at += (h[at + 1] + 1u) * 8;
    }
    return at <= len ? at : 0;
}

int encap_new(struct fib *f, const struct encap_args *args, const struct encap **out,
              struct error *e)
{
    u8 protocol;
    if (args->len > ENCAP_BYTES_MAX)
        return error_set(e, EINVAL, "a tunnel's header has at most %u bytes", ENCAP_BYTES_MAX);
    u32 l4 = l4_of(args->header, args->len, &protocol);
    if (!l4)
        return error_set(e, EINVAL, "a tunnel's header begins with IPv4 or IPv6");
    bool is_udp = protocol == IP_PROTOCOL_UDP;
    if (is_udp && l4 + sizeof(struct udp_header) > args->len)
        return error_set(e, EINVAL, "the tunnel's UDP header is cut");
    u32 via = track_at(f, args->track.i)->via;
    struct encap *x = mem_alloc(sizeof(*x) + args->len);
    *x = (struct encap){
        .lb = via_at(f, via)->entry,
        .fib = fib_entry_at(f, via_at(f, via)->entry)->table,
        .via = via,
        .len = (u16)args->len,
        .udp = is_udp ? (u16)l4 : 0,
        .l4 = (u16)l4,
        .is_ip6 = ((const u8 *)args->header)[0] >> 4 == 6,
        .flags = (u8)args->flags,
        .fixup = args->fixup,
        .data = args->data,
    };
    memcpy(x->header, args->header, args->len);
    *out = x;
    return 0;
}

void encap_free(struct fib *f, const struct encap *e)
{
    if (e)
        fib_limbo(f, LIMBO_HEAP, 0, (u64)(uintptr_t)e);
}

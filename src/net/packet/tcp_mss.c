/* See tcp_mss.h. */
#include "net/packet/tcp_mss.h"

#include "net/packet/checksum.h"

enum { TCP_OPTION_END = 0, TCP_OPTION_NOP = 1, TCP_OPTION_MSS = 2, TCP_OPTION_MSS_BYTES = 4 };

u32 tcp_mss_above(const struct tcp_header *tcp, u32 bytes, u16 most)
{
    const u8 *p = (const u8 *)tcp;
    bytes = (u32)min_u64(bytes, tcp_header_bytes(tcp));
    for (u32 at = sizeof(*tcp); at + 1 < bytes && p[at] != TCP_OPTION_END;) {
        if (p[at] == TCP_OPTION_NOP) {
            at++;
            continue;
        }
        u32 len = p[at + 1];
        if (len < 2 || at + len > bytes)
            return 0;
        if (p[at] == TCP_OPTION_MSS)
            return len == TCP_OPTION_MSS_BYTES && get_be16(p + at + 2) > most ? at + 2 : 0;
        at += len;
    }
    return 0;
}

void tcp_mss_write(const struct buffer *b, struct tcp_header *tcp, u32 at, u16 mss)
{
    u8 *p = (u8 *)tcp;
    be16 from = load_be16(p + at), to = be16_from_host(mss);
    store_be16(p + at, to);
    if (csum_is_open(b, p))
        return;   /* the payload's part is made when it leaves */
    if (at & 1) { /* the option began at an odd place: its bytes are in two words of the sum */
        from.raw = __builtin_bswap16(from.raw);
        to.raw = __builtin_bswap16(to.raw);
    }
    tcp->checksum = csum_update16(tcp->checksum, from, to);
}

/* The maximum segment size that an end of a TCP connection says it takes, in its SYN, made smaller.
 * Source: RFC 9293 3.2, RFC 1624. */
#pragma once

#include "engine/buffer.h"
#include "net/packet/l4_packet.h"

/* Bytes from a TCP header, of which so many are in one piece, to the value of its MSS option, which
 * is more than `most`; 0: there is none, or a wrong one. */
u32 tcp_mss_above(const struct tcp_header *tcp, u32 bytes, u16 most);
/* Writes mss there, and repairs the checksum. tcp lies in b, which nobody else holds. */
void tcp_mss_write(const struct buffer *b, struct tcp_header *tcp, u32 at, u16 mss);

/* What the IPv4 nodes share, and the commands about routes and tables. */
#pragma once

#include "base/byteorder.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "net/ip/address/address.h"
#include "net/ip/fib/fib.h"
#include "net/ip/fib/fib_data.h"

struct module;

extern const struct module ip4_module;

/* Notes in b what ip4-icmp-error is to say about it, for the caller to send it there with a reason
 * to drop it (node_drop). data is the second word of the ICMP header, host order. */
ALWAYS_INLINE void ip4_note_icmp_error(struct buffer *b, u8 type, u8 code, u32 data)
{
    struct ip_scratch *s = ip_scratch(b);
    s->icmp_type = type;
    s->icmp_code = code;
    s->icmp_data = data;
}

/* Longest match in a data thread (or the control thread). */
ALWAYS_INLINE struct lb_index ip4_lookup(struct fib_index t, be32 dst)
{
    u32 host = be32_to_host(dst);
    return (struct lb_index){ip4_trie_lookup(fib_table_data(t), host)};
}

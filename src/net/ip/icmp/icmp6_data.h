/* What the nodes of ICMPv6 know; see icmp6.h. */
#pragma once

#include "engine/buffer.h"
#include "net/ip/fib/fib.h"

/* Of a message about a packet that was translated since it came in (BUFFER_NATTED), which goes to
 * ip6-lookup next: makes it one about the packet as it came. fib: the table that the packet was
 * last looked up in. Context: any data thread. */
typedef void icmp6_undo_fn(struct buffer *message, struct fib_index fib);

/* NULL: nothing is translated. */
extern icmp6_undo_fn *icmp6_undo;

/* Addresses and routes of Linux, as tap interfaces give them to their other end. addr: 4 or 16
 * bytes by family. All return 0 or -errno with a sentence. Context: control thread. */
#pragma once

#include "host/host_net.h"

/* One that is there already is as it was asked for: 0. IPv6 addresses are usable at once: nobody
 * else on a link of the switch's making has the same. */
int host_address_add(struct host_net *n, int index, u8 family, const u8 *addr, u8 prefix_len,
                     struct error *e) MUST_CHECK;
int host_address_del(struct host_net *n, int index, u8 family, const u8 *addr, u8 prefix_len,
                     struct error *e) MUST_CHECK;
/* In the main table, in the place of one to the same. gateway NULL: on the link; index 0: whichever
 * leads to the gateway. */
int host_route_set(struct host_net *n, u8 family, const u8 *dst, u8 dst_len, const u8 *gateway,
                   int index, struct error *e) MUST_CHECK;
int host_route_del(struct host_net *n, u8 family, const u8 *dst, u8 dst_len,
                   struct error *e) MUST_CHECK;

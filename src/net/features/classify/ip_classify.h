/* ip4-classify, ip6-classify: packets of a route (`via ip4-classify TABLE`) go where the sessions
 * of a classifier table say: they are looked up again in the IP table of the session's action, or
 * they go where its next, or the miss_next of the last table of the chain, says. What says nothing
 * of this drops. A table that routes have cannot be deleted.
 *
 * `set ip classify`: so is what comes to an interface's own address, the first it has, before this
 * switch takes it. Source: behaviour of VPP. */
#pragma once

#include "base/error.h"
#include "engine/index.h"
#include "engine/node.h"
#include "net/packet/ip_address.h"

struct module;
struct piste;

/* What sessions and tables may say, in VPP's numbers; and the edges behind it. */
enum { IP_CLASSIFY_DROP, IP_CLASSIFY_PUNT, IP_CLASSIFY_LOCAL };
enum {
    IP_CLASSIFY_NEXT_DROP,
    IP_CLASSIFY_NEXT_PUNT,
    IP_CLASSIFY_NEXT_LOCAL,
    IP_CLASSIFY_NEXT_LOOKUP,
    IP_CLASSIFY_NEXT_N
};

enum {
    IP_CLASSIFY_ERR_MISS,
    IP_CLASSIFY_ERR_HIT,
    IP_CLASSIFY_ERR_CHAIN_HIT,
    IP_CLASSIFY_ERR_DROP,
    IP_CLASSIFY_ERR_LOOP,
    IP_CLASSIFY_ERR_N
};

NODE_DECLARE(ip4_classify);
NODE_DECLARE(ip6_classify);

extern const struct module ip_classify_module;

/* The table for what comes to the first address of an interface, until that has none any more;
 * CLASSIFY_NONE: none. -ENOENT: there is no such table; -ENODEV: the interface has no address.
 * Context: control thread. */
int ip_classify_set(struct piste *p, enum ip_family f, struct if_index i, u32 table,
                    struct error *e) MUST_CHECK;

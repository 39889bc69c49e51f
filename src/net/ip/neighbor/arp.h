/* ARP: how neighbours of IPv4 are found (neighbor.h), what is answered, also for others (proxies).
 *
 * Context: control thread. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"

struct piste;
struct module;

extern const struct module arp_module, arp_api_module;

/* Addresses of a table that are answered for, inclusive, host order, on interfaces where that is
 * enabled. -ENOENT: no such table, or range. */
int arp_proxy_range(struct piste *p, u32 table_id, u32 first, u32 last, bool add,
                    struct error *e) MUST_CHECK;
int arp_proxy_enable(struct piste *p, struct if_index i, bool enable, struct error *e) MUST_CHECK;
bool arp_proxy_is_enabled(const struct piste *p, struct if_index i);

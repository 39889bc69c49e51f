/* Proxies of neighbour discovery: this switch answers on a link for addresses that are not its own,
 * so that packets for them come to it.
 *
 *   nd_proxy_add: a host on one link, for which all other links of its table are answered; that the
 *                 host is there is a route, of its own source.
 *   nd_proxy_set_all: on one link, whatever is asked for but what is known to be on it.
 *
 * Answers never override the address of who really has it, and come from an address of this switch.
 * Source: RFC 4861 7.2.8, RFC 4389 4.1.3.2; words are VPP's.
 *
 * Context: control thread. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "net/ip/fib/fib.h"

struct module;
struct piste;

extern const struct module nd_proxy_module, nd_proxy_api_module;

#define ND_PROXIES_MAX 4096 /* hosts */

/* Twice is as once. -EINVAL: not the address of a host beyond a link; -EADDRINUSE: it is on another
 * link of the table already; -ENOSPC. */
int nd_proxy_add(struct piste *p, const struct link_host *host, struct error *e) MUST_CHECK;
/* -ENOENT. */
int nd_proxy_del(struct piste *p, const struct link_host *host, struct error *e) MUST_CHECK;
/* The first host whose number is `from` or above; its number, UINT32_MAX at the end. */
u32 nd_proxy_next(const struct piste *p, u32 from, struct link_host *out);

/* -EOPNOTSUPP: the interface has no MAC address. */
int nd_proxy_set_all(struct piste *p, struct if_index i, bool on, struct error *e) MUST_CHECK;
bool nd_proxy_has_all(const struct piste *p, struct if_index i);

/* The groups in which hosts of i's table are asked for, on i too: by number, as above. */
u32 nd_proxy_group_next(const struct piste *p, struct if_index i, u32 from, struct ip_address *out);
bool nd_proxy_has_group(const struct piste *p, struct if_index i, const struct ip_address *group);
/* fn hears that they may have changed on i; at most one. */
void nd_proxy_on_groups(struct piste *p, void (*fn)(struct piste *p, struct if_index i, void *arg),
                        void *arg);

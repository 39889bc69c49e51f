/* Neighbour discovery: how neighbours of IPv6 are found (neighbor.h), and what is answered. Source:
 * RFC 4861 7.2.
 *
 * Context: control thread. */
#pragma once

#include "base/types.h"
#include "net/ip/fib/fib.h"

struct module;
struct piste;

extern const struct module nd_module;

/* Asks the link whether anybody has that address of ours, or is about to (RFC 4862 5.4.2).
 * -ENETUNREACH, -ENOBUFS. */
int nd_probe(struct piste *p, const struct link_host *own) MUST_CHECK;
/* fn hears of who has an address of ours, or asks for it before he takes it, while watched for; at
 * most one; NULL: nobody. */
void nd_on_conflict(struct piste *p,
                    void (*fn)(struct piste *p, const struct link_host *own, void *arg), void *arg);
void nd_watch(struct piste *p, bool on);
/* fn hears of neighbours that say that they are no routers, from now on; one; NULL: nobody. */
void nd_on_host(struct piste *p, void (*fn)(struct piste *p, const struct link_host *host));

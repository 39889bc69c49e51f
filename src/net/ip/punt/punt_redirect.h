/* Packets that are punted and leave by paths of their own instead of ending: by what they came in,
 * or all. The paths are those of routes, as of cross-connects and policies (fib_paths_new).
 *
 *   ipX-punt ─► arc "ipX-punt": ... ipX-punt-redirect ─► ipX-rewrite, ipX-arp, ipX-receive ...
 *
 * They leave as they came: their TTL is not one less. One that is punted again on its way, since
 * its paths lead back here, is dropped. Source: VPP's words, messages and nodes. */
#pragma once

#include "base/mem.h"
#include "control/api.h"
#include "control/module.h"
#include "net/ip/fib/fib.h"
#include "net/link/interface/interface.h"

extern const struct module punt_redirect_module;
extern const struct module punt_redirect_api_module;
extern const char punt_redirect_module_name[];

/* rx: what they came in by; IF_NONE: what else there is. */

/* Gives them paths, in the place of those that they have: packets change over with one store.
 * -EINVAL, -ENOSPC: as it was. */
int punt_redirect_set(struct piste *p, enum ip_family f, struct if_index rx,
                      const struct fib_path *paths, u32 n, struct error *e) MUST_CHECK;
/* -ENOENT: there is none. */
int punt_redirect_del(struct piste *p, enum ip_family f, struct if_index rx,
                      struct error *e) MUST_CHECK;
/* All of a protocol: that of the rest first, as IF_NONE. */
void punt_redirect_each(const struct piste *p, enum ip_family f,
                        void (*fn)(void *arg, struct if_index rx, struct lb_index lb), void *arg);

/* --- for the nodes --- */

struct punt_redirects {
    struct mem_map map; /* this */
    u32 n[IP_FAMILY_N]; /* how many there are */
    struct punt_redirect {
        u32 rest;          /* as by_rx */
        u32 by_rx[IF_MAX]; /* load balance + 1; 0: none */
    } of[IP_FAMILY_N];
};

enum { PUNT_REDIRECT_ERR_DROP, PUNT_REDIRECT_ERR_N };

struct punt_redirect_trace {
    u32 lb; /* LB_NONE: none */
};

/* --- for the records --- */
extern const struct cli_command punt_redirect_commands[];
extern const struct api_handler punt_redirect_api[];
int punt_redirect_init(struct piste *p, void **state, struct error *e);
void punt_redirect_stop(struct piste *p, void *state);
void punt_redirect_running_config(struct piste *p, void *state, enum rc_phase phase,
                                  struct text *t);

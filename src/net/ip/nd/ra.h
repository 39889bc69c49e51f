/* Router discovery, both roles. As a router, an interface that takes IPv6 advertises this switch to
 * the hosts of its link and answers their solicitations, unless told not to. As a host, it solicits
 * advertisements and takes addresses and default routes from them, where it was told to.
 *
 *   data threads                          control thread
 *   icmp6-router-solicitation ──────────► ra.c: when to advertise, and what
 *   icmp6-router-advertisement ─────────► ra_host.c: addresses, routes; who else wants to know
 *
 * Context: control thread. Source: RFC 4861 6, RFC 4862 5.5. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"
#include "net/ip/nd/ra_packet.h"

struct interface;
struct module;
struct piste;

extern const struct module ra_module, ra_api_module;

/* --- router --- */

/* Defaults of RFC 4861 6.2.1, and its limits. */
#define RA_VALID_S 2592000u
#define RA_PREFERRED_S 604800u
#define RA_INTERVAL_S 200u
#define RA_INITIAL_COUNT 3u
#define RA_INITIAL_S 16u

struct ra_prefix {
    struct ip_prefix prefix;
    u32 valid_s, preferred_s; /* ND_FOREVER */
    bool off_link, no_autoconfig, no_advertise;
    bool fixed; /* lifetimes; else they are until that time after since_ns */
    u64 since_ns;
};

struct ra_settings {
    u32 max_s, min_s; /* between two unsolicited advertisements */
    u32 lifetime_s;   /* for which it says to be a default router */
    u32 initial_count, initial_s;
    bool suppress, cease; /* neither sends; the latter said so in a last one */
    bool managed, other, no_mac, unicast;
    u32 n_prefixes;
    struct ra_prefix prefixes[RA_PREFIXES_MAX];
};

struct ra_counts {
    u32 sent, solicited, dropped; /* advertisements; solicitations that came, and were wrong */
    u64 next_ns, multicast_ns;    /* clock_ns() of the next unsolicited one, of the last; 0: none */
    u32 initial_left;
};

/* Of any interface: the defaults when nothing was set. */
struct ra_settings ra_settings(const struct piste *p, struct if_index i);
struct ra_counts ra_counts(const struct piste *p, struct if_index i);
/* -EINVAL, -ENODEV. What is advertised changes with the next advertisement, which comes soon. */
int ra_set(struct piste *p, struct if_index i, const struct ra_settings *s,
           struct error *e) MUST_CHECK;
/* Adds a prefix to the settings, or changes it. -EINVAL, -ENOSPC. */
int ra_prefix_add(struct ra_settings *s, const struct ra_prefix *x, struct error *e) MUST_CHECK;
/* -ENOENT. */
int ra_prefix_del(struct ra_settings *s, const struct ip_prefix *x, struct error *e) MUST_CHECK;
/* Lifetimes of a prefix as they are now. */
u32 ra_left_s(const struct ra_prefix *x, u32 lifetime_s, u64 now_ns);

/* --- host --- */

/* Asks for advertisements: at first after irt_s, then with times that double up to mrt_s (0:
 * without bound), at most mrc times and for mrd_s (0: without bound). Ends with an advertisement of
 * a default router. -ENODEV. Source: RFC 8415 15. */
struct ra_soliciting {
    u32 irt_s, mrt_s, mrc, mrd_s;
};
int ra_solicit(struct piste *p, struct if_index i, const struct ra_soliciting *how,
               struct error *e) MUST_CHECK;
void ra_solicit_stop(struct piste *p, struct if_index i);

/* Takes addresses, and default routes, from advertisements; this too is how IPv6 begins on the
 * interface. -ENODEV, -EOPNOTSUPP. */
enum ra_autoconfig { RA_AUTOCONFIG_OFF, RA_AUTOCONFIG_ADDRESSES, RA_AUTOCONFIG_ROUTES };
int ra_set_autoconfig(struct piste *p, struct if_index i, enum ra_autoconfig what,
                      struct error *e) MUST_CHECK;
enum ra_autoconfig ra_autoconfig(const struct piste *p, struct if_index i);

/* fn gets every advertisement that comes, from a router of the link of i. For ever. */
void ra_on_advertisement(struct piste *p,
                         void (*fn)(struct piste *p, struct if_index i,
                                    const struct ip_address *router, const struct ra_message *m,
                                    void *arg),
                         void *arg);

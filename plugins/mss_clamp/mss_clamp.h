/* Lowers the MSS that TCP connections begin with, so that their segments fit a way whose MTU they
 * do not learn of.
 *
 *   tcp-mss-clamping-ip4-in, -ip6-in      ip4-unicast, ip6-unicast: SYNs that an interface receives
 *   tcp-mss-clamping-ip4-out, -ip6-out    ip4-output, ip6-output: those that it sends
 *
 * A SYN without the option is left alone: its MSS is 536, or 1220. Source: RFC 9293 3.7.1; words
 * and messages are VPP's. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/index.h"
#include "net/packet/ip_address.h"

struct piste;

enum mss_clamp_dir { MSS_CLAMP_RX = 1 << 0, MSS_CLAMP_TX = 1 << 1 };

/* Of an interface and a protocol. */
struct mss_clamp {
    u16 mss;
    u8 dirs; /* enum mss_clamp_dir */
};

enum { MSS_CLAMP_ERR_CLAMPED, MSS_CLAMP_ERR_NO_BUFFER, MSS_CLAMP_ERR_N };

extern const char mss_clamp_module_name[];

/* -EINVAL: no such direction, or one without an MSS; nothing is changed then. */
int mss_clamp_set(struct piste *p, struct if_index i, const struct mss_clamp clamps[IP_FAMILY_N],
                  struct error *e) MUST_CHECK;
struct mss_clamp mss_clamp_of(const struct piste *p, struct if_index i, enum ip_family f);
/* Whether i has any. */
bool mss_clamp_any(const struct piste *p, struct if_index i);

int mss_clamp_init(struct piste *p, void **state, struct error *e);
void mss_clamp_stop(struct piste *p, void *state);
void mss_clamp_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
extern const struct cli_command mss_clamp_commands[];
extern const struct api_handler mss_clamp_api_handlers[];

/* Duplicate address detection: an address that an interface gets is asked for on its link, and who
 * has it too is told of. Off unless switched on; the address is used meanwhile, and stays whatever
 * comes of it, as in VPP. Source: RFC 4862 5.4.
 *
 * Context: control thread. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "net/ip/fib/fib.h"

struct module;
struct piste;

extern const struct module dad_module, dad_api_module;

#define DAD_TRANSMITS_MAX 10
#define DAD_DEFAULT_TRANSMITS 1
#define DAD_DEFAULT_DELAY_S 1.0

struct dad_config {
    bool enabled;
    u8 transmits;   /* questions, */
    double delay_s; /* so far apart; in whole milliseconds */
};

struct dad_config dad_config(const struct piste *p);
/* Switched off, nothing is asked any more. -EINVAL. */
int dad_set_config(struct piste *p, const struct dad_config *c, struct error *e) MUST_CHECK;

/* Numbers are those of the binary API. */
enum dad_state { DAD_IDLE, DAD_TENTATIVE, DAD_PREFERRED, DAD_DUPLICATE };

/* An address that is being asked for. */
struct dad_probe {
    struct link_host host;
    u8 sent, transmits;
};
/* The first whose number is `from` or above; its number, UINT32_MAX at the end. */
u32 dad_next(const struct piste *p, u32 from, struct dad_probe *out);

/* It began, it ended well, somebody has it too. For ever. */
void dad_on_event(struct piste *p,
                  void (*fn)(struct piste *p, const struct dad_probe *x, enum dad_state state,
                             void *arg),
                  void *arg);

/* Loopback interfaces (loopN) and local0.
 *
 * A frame sent to a loopback comes back in as received on it: it has addresses that are always
 * there, and routes to itself. local0 is what stands for "nowhere": it takes no addresses. */
#pragma once

#include "base/error.h"
#include "engine/index.h"

struct module;
struct piste;

extern const struct module loopback_module;

/* mac: 6 bytes, or NULL: de:ad:00:00:xx:xx of the instance. instance: UINT32_MAX: the lowest that
 * is free. */
int loopback_create(struct piste *p, const u8 *mac, u32 instance, struct if_index *out,
                    struct error *e) MUST_CHECK;
/* The same as bviN, made to be the BVI of a bridge domain; de:ad:00:01:xx:xx. */
int bvi_create(struct piste *p, const u8 *mac, u32 instance, struct if_index *out,
               struct error *e) MUST_CHECK;
/* -EINVAL: it is none. */
int loopback_delete(struct piste *p, struct if_index i, struct error *e) MUST_CHECK;
int bvi_delete(struct piste *p, struct if_index i, struct error *e) MUST_CHECK;

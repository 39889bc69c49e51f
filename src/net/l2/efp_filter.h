/* `set interface l2 efp-filter`: what layer 2 sends by an interface has to carry the tags that
 * would make it come in by the same interface; all else is dropped. See efp_filter.c. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "engine/index.h"

struct module;
struct piste;

extern const struct module efp_filter_module;

/* Errors of l2-efp-filter. */
enum { EFP_FILTER_ERR_PACKETS, EFP_FILTER_ERR_DROP, EFP_FILTER_ERR_N };

int efp_filter_set(struct piste *p, struct if_index i, bool on, struct error *e) MUST_CHECK;
bool efp_filter_is_on(const struct piste *p, struct if_index i);

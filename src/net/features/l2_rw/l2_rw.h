/* Rewriting of frames in a bridge domain (`l2 rewrite entry`): bytes under a mask become others, by
 * what a classifier table says of the frame, or for all that an interface receives. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"
#include "net/features/l2_rw/l2_rw_data.h"

struct module;
struct piste;

extern const struct module l2_rw_module;

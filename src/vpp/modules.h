/* The modules that are part of the daemon. */
#pragma once

#include "base/error.h"

struct piste;

/* Registers all that startup.conf does not disable. */
int modules_add_builtin(struct piste *p, struct error *e) MUST_CHECK;

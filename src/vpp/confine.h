/* What the process gives up once it has started, and before it has threads: capabilities that no
 * module needs, and, with `unix { sandbox on }`, all system calls and files that none needs. */
#pragma once

#include "base/error.h"
#include "control/piste.h"

int confine_process(struct piste *p, struct error *e) MUST_CHECK;

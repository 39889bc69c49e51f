/* What the fuzz targets of the binary API begin with. */
#pragma once

#include <stdlib.h>

#include "base/log.h"
#include "control/api_internal.h"
#include "control/loop.h"
#include "control/module.h"

/* An instance with the API alone, which logs nothing. */
static inline void api_fuzz_start(struct piste *p)
{
    struct error e = {0};
    struct log_rule quiet = {LOG_LEVEL_DISABLED, LOG_LEVEL_DISABLED, LOG_KEEP, LOG_KEEP};
    log_set_defaults(&quiet);
    p->loop = loop_new(&e);
    p->cli = cli_new(p);
    p->modules = modules_new(p);
    if (modules_add(p->modules, &api_module, NULL, &e) || modules_init(p->modules, &e) ||
        api_start(p, &e))
        abort();
}

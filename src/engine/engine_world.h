/* What unit tests of the engine begin and end with: an engine with a loop, and nothing else. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/loop.h"
#include "control/piste.h"
#include "engine/engine.h"

/* p becomes a switch that has these two alone. */
static inline void engine_world_open(struct piste *p, const struct engine_config *c)
{
    struct error e;
    memset(p, 0, sizeof(*p));
    p->loop = loop_new(&e);
    assert_non_null(p->loop);
    assert_non_null(engine_new(p, c, &e));
}

static inline void engine_world_close(struct piste *p)
{
    engine_free(p->engine);
    loop_free(p->loop);
}

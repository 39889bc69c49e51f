/* For unit tests of what wants buffers and a thread: an engine that does not run. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/piste.h"
#include "engine/engine.h"

static struct piste piste;
static struct thread *t; /* its main thread, as which the test runs */

static int engine_setup(void **state)
{
    struct engine_config c;
    struct error err;
    engine_config_default(&c);
    assert_non_null(engine_new(&piste, &c, &err));
    t = engine_main_thread(piste.engine);
    return 0;
}

static int engine_teardown(void **state)
{
    engine_free(piste.engine);
    return 0;
}

/* The engine as a module of the daemon: made from startup.conf. */
#include "base/log.h"
#include "control/module.h"
#include "engine/engine_internal.h"

static struct log_class log_class = {"engine", NULL};

static int init(struct piste *p, void **state, struct error *err)
{
    struct engine_config c;
    engine_config_default(&c);
    struct engine *e = engine_new(p, &c, err);
    if (!e)
        return -err->code;
    *state = e;
    log_debug(&log_class, "%u data threads", c.n_workers);
    return 0;
}

static void stop(struct piste *p, void *state)
{
    (void) p;
    engine_free(state);
}

const struct module engine_module = {
    .abi = MODULE_ABI,
    .name = "engine",
    .description = "Packet graph, buffers and data threads",
    .commands = engine_commands,
    .types = engine_types,
    .init = init,
    .stop = stop,
};

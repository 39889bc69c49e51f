/* What the server serves, and its start and end. */
#include "plugins/prom/prom.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/loop.h"
#include "engine/stats.h"
#include "engine/thread.h"
#include "plugins/prom/prom_internal.h"

static struct log_class prom_log = {"prom", NULL};

const char prom_module_name[] = "prom";

const struct prom_config prom_default_config = {
    .address = PROM_DEFAULT_ADDRESS,
    .settings = {.prefix = "vpp", .min_interval_sec = 1},
};

struct prom_config *prom_config_of(const struct piste *p)
{
    return module_settings(p, prom_module_name);
}

void prom_config_free(void *config)
{
    prom_settings_free(&((struct prom_config *)config)->settings);
}

struct prom *prom_of(const struct piste *p)
{
    return module_state(p, prom_module_name);
}

int prom_enable(struct prom *prom, struct error *e)
{
    if (prom->server)
        return 0;
    prom->server = prom_server_new(&prom->source, prom->address, e);
    if (!prom->server)
        return -e->code;
    stats_collect_from_now(engine_of(prom->piste));
    return 0;
}

void prom_disable(struct prom *prom)
{
    prom_server_free(prom->server);
    prom->server = NULL;
}

void prom_publish(struct prom *prom, struct prom_settings *new)
{
    pthread_mutex_lock(&prom->source.lock);
    struct prom_settings old = prom->source.settings;
    prom->source.settings = *new;
    prom->source.generation++;
    pthread_mutex_unlock(&prom->source.lock);
    prom_settings_free(&old);
}

/* Once the process has given up what it does not need: the server has a thread of its own. */
static void prom_enable_at_start(void *arg)
{
    struct prom *prom = arg;
    struct error e = {0};
    if (prom_enable(prom, &e))
        log_error(&prom_log, "%s", e.text);
}

int prom_init(struct piste *p, void **state, struct error *e)
{
    struct prom *prom = mem_alloc(sizeof(*prom));
    const struct prom_config *config = prom_config_of(p);
    pthread_mutex_init(&prom->source.lock, NULL);
    prom->source.segment_fd = stats_fd(stats_of(engine_of(p)));
    prom_settings_copy(&prom->source.settings, &config->settings);
    strcpy(prom->address, config->address);
    prom->piste = p;
    if (config->enable)
        loop_defer(p->loop, prom_enable_at_start, prom);
    *state = prom;
    return 0;
}

void prom_stop(struct piste *p, void *state)
{
    struct prom *prom = state;
    prom_disable(prom);
    prom_settings_free(&prom->source.settings);
    pthread_mutex_destroy(&prom->source.lock);
    free(prom);
}

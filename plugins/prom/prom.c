/* The module: configuration, commands, start and end of the server. */
#include "plugins/prom/prom.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli.h"
#include "base/log.h"
#include "control/loop.h"
#include "control/module.h"
#include "engine/stats.h"
#include "engine/thread.h"

#define ADDRESS_BYTES 128
#define DEFAULT_ADDRESS "127.0.0.1:9482"

static struct log_class prom_log = {"prom", NULL};

struct prom {
    struct piste *piste;
    struct prom_source source;
    struct prom_server *server; /* NULL: disabled */
    char address[ADDRESS_BYTES];
};

extern const struct module piste_module;

/* What startup.conf says. */
struct prom_config {
    bool enable;
    char address[ADDRESS_BYTES];
    struct prom_settings settings;
};

static const struct prom_config default_config = {
    .address = DEFAULT_ADDRESS,
    .settings = {.prefix = "vpp", .min_interval_sec = 1},
};

static struct prom_config *prom_config_of(const struct piste *p)
{
    return module_settings(p, piste_module.name);
}

static void free_config(void *config)
{
    prom_settings_free(&((struct prom_config *)config)->settings);
}

/* --- settings, from commands and from startup.conf --- */

/* A word, or none. */
static int prom_take_text(char *to, size_t bytes, const char *value, const char *what,
                          struct error *e)
{
    if (strlen(value) >= bytes)
        return error_set(e, EINVAL, "%s has at most %zu characters", what, bytes - 1);
    if (*value && !cli_is_plain_word(value))
        return error_set(e, EINVAL, "%s is one word", what);
    memmove(to, value, strlen(value) + 1); /* maybe the same */
    return 0;
}

static int take_settings(const struct cli_call *c, struct prom_settings *s, char *address)
{
    int rc = prom_take_text(s->prefix, sizeof(s->prefix), cli_str(c, "stat-name-prefix", s->prefix),
                            "a prefix", c->err);
    if (!rc)
        rc = prom_take_text(address, ADDRESS_BYTES, cli_str(c, "listen", address), "an address",
                            c->err);
    s->min_interval_sec = (u32)cli_u64(c, "min-scrape-interval", s->min_interval_sec);
    s->used_only |= cli_has(c, "used-only");
    s->all |= cli_has(c, "all-stats");
    for (u32 i = 0; !rc && i < c->n_args; i++)
        if (!strcmp(c->args[i].name, "pattern"))
            rc = prom_settings_add(s, c->args[i].value.text, c->err);
    return rc;
}

static int prom_configure(struct cli_call *c)
{
    struct prom_config *config = prom_config_of(c->piste);
    config->enable |= cli_has(c, "enable");
    return take_settings(c, &config->settings, config->address);
}

static const struct config_key config_keys[] = {
    {"enable", "counters for Prometheus over HTTP, off", prom_configure},
    {"listen <listen:string>", "address of the server, " DEFAULT_ADDRESS, prom_configure},
    {"min-scrape-interval <min-scrape-interval:u32>", "seconds that a page is good for, 1",
     prom_configure},
    {"used-only", "leaves out counters that are 0", prom_configure},
    {"all-stats", "all entries, also those that are there under another name", prom_configure},
    {"stat-name-prefix <stat-name-prefix:string>", "of all metrics, vpp", prom_configure},
    {"stat-pattern <pattern:string>", "entries that match a regular expression, several times",
     prom_configure},
    {NULL, NULL, NULL},
};

static const struct config_section sections[] = {{"prom", config_keys}, {NULL, NULL}};

/* --- commands --- */

static struct prom *prom_of(const struct cli_call *c)
{
    return module_state(c->piste, piste_module.name);
}

static int prom_enable(struct piste *p, struct prom *prom, struct error *e)
{
    if (prom->server)
        return 0;
    prom->server = prom_server_new(&prom->source, prom->address, e);
    if (!prom->server)
        return -e->code;
    stats_collect_from_now(engine_of(p));
    return 0;
}

/* Replaces the settings in one piece; takes them over. */
static void prom_publish(struct prom *prom, struct prom_settings *new)
{
    pthread_mutex_lock(&prom->source.lock);
    struct prom_settings old = prom->source.settings;
    prom->source.settings = *new;
    prom->source.generation++;
    pthread_mutex_unlock(&prom->source.lock);
    prom_settings_free(&old);
}

static int run_prom(struct cli_call *c)
{
    struct prom *prom = prom_of(c);
    struct prom_settings new;
    char address[ADDRESS_BYTES], before[ADDRESS_BYTES];
    strcpy(address, prom->address);
    strcpy(before, address);
    prom_settings_copy(&new, &prom->source.settings);
    int rc = take_settings(c, &new, address);
    if (!rc && prom->server && strcmp(address, prom->address) != 0)
        rc = error_set(c->err, EBUSY, "listening on %s: `prom disable' comes first", prom->address);
    strcpy(prom->address, address);
    if (!rc && cli_has(c, "enable"))
        rc = prom_enable(c->piste, prom, c->err);
    if (rc) {
        strcpy(prom->address, before);
        prom_settings_free(&new);
        return rc;
    }
    prom_publish(prom, &new);
    return 0;
}

static int run_disable(struct cli_call *c)
{
    struct prom *prom = prom_of(c);
    const struct prom_config *config =
        cli_has(c, "defaults") ? &default_config : prom_config_of(c->piste);
    struct prom_settings again;
    prom_server_free(prom->server);
    prom->server = NULL;
    prom_settings_copy(&again, &config->settings);
    prom_publish(prom, &again);
    strcpy(prom->address, config->address);
    return 0;
}

static int run_patterns(struct cli_call *c)
{
    struct prom *prom = prom_of(c);
    struct prom_settings new;
    int rc = 0;
    prom_settings_copy(&new, &prom->source.settings);
    if (cli_has(c, "clear")) {
        prom_settings_free(&new);
        new.all = false;
    }
    for (u32 i = 0; !rc && i < c->n_args; i++)
        if (!strcmp(c->args[i].name, "pattern"))
            rc = prom_settings_add(&new, c->args[i].value.text, c->err);
    if (rc) {
        prom_settings_free(&new);
        return rc;
    }
    prom_publish(prom, &new);
    if (!cli_has(c, "show"))
        return 0;
    out_array(c->out, "patterns");
    for (u32 i = 0; i < prom->source.settings.patterns.n; i++)
        out_str(c->out, NULL, prom->source.settings.patterns.v[i], "%s\n");
    out_end(c->out);
    return 0;
}

static const struct cli_command commands[] = {
    {"prom [enable] [listen <listen:string>] [min-scrape-interval <min-scrape-interval:u32>] "
     "[used-only] [all-stats] [stat-name-prefix <stat-name-prefix:string>] "
     "[stat-patterns <pattern:string> ...]",
     "Counters for Prometheus, at /metrics of " DEFAULT_ADDRESS " unless it listens elsewhere",
     run_prom, 0},
    {"prom disable [defaults]",
     "Ends what `prom enable` began; settings are those of startup.conf again, or as if it had "
     "none",
     run_disable, 0},
    {"prom patterns [show] [clear] [add <pattern:string> ...]",
     "Which entries of the stats segment Prometheus gets: regular expressions", run_patterns, 0},
    {NULL, NULL, NULL, 0},
};

/* --- module --- */

static bool same_settings(const struct prom_settings *a, const struct prom_settings *b)
{
    bool same = !strcmp(a->prefix, b->prefix) && a->min_interval_sec == b->min_interval_sec &&
                a->used_only == b->used_only && a->all == b->all && a->patterns.n == b->patterns.n;
    for (u32 i = 0; same && i < a->patterns.n; i++)
        same = !strcmp(a->patterns.v[i], b->patterns.v[i]);
    return same;
}

static void add_word(struct text *t, const char *key, const char *value, const char *otherwise)
{
    if (strcmp(value, otherwise) != 0)
        text_add(t, " %s %s", key, *value ? value : "{}");
}

/* From the defaults on, whatever startup.conf says at the next start; nothing while all that is
 * there to say is that it is off. */
static void prom_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct prom *prom = state;
    const struct prom_settings *s = &prom->source.settings;
    const struct prom_config *config = prom_config_of(p);
    bool as_configured = !config->enable && !strcmp(prom->address, config->address) &&
                         same_settings(s, &config->settings);
    if (phase != RC_GLOBAL || (!prom->server && as_configured))
        return;
    text_puts(t, "prom disable defaults\n");
    text_add(t, "prom%s", prom->server ? " enable" : "");
    add_word(t, "listen", prom->address, DEFAULT_ADDRESS);
    if (s->min_interval_sec != default_config.settings.min_interval_sec)
        text_add(t, " min-scrape-interval %u", s->min_interval_sec);
    text_add(t, "%s%s", s->used_only ? " used-only" : "", s->all ? " all-stats" : "");
    add_word(t, "stat-name-prefix", s->prefix, default_config.settings.prefix);
    text_putc(t, '\n');
    for (u32 i = 0; i < s->patterns.n; i++) {
        text_puts(t, "prom patterns add ");
        cli_add_braced(t, s->patterns.v[i]);
        text_putc(t, '\n');
    }
}

/* Once the process has given up what it does not need: the server has a thread of its own. */
static void enable_at_start(void *arg)
{
    struct prom *prom = arg;
    struct error e = {0};
    if (prom_enable(prom->piste, prom, &e))
        log_error(&prom_log, "%s", e.text);
}

static int prom_init(struct piste *p, void **state, struct error *e)
{
    struct prom *prom = mem_alloc(sizeof(*prom));
    const struct prom_config *config = prom_config_of(p);
    pthread_mutex_init(&prom->source.lock, NULL);
    prom->source.segment_fd = stats_fd(stats_of(engine_of(p)));
    prom_settings_copy(&prom->source.settings, &config->settings);
    strcpy(prom->address, config->address);
    prom->piste = p;
    if (config->enable)
        loop_defer(p->loop, enable_at_start, prom);
    *state = prom;
    return 0;
}

static void prom_stop(struct piste *p, void *state)
{
    struct prom *prom = state;
    prom_server_free(prom->server);
    prom_settings_free(&prom->source.settings);
    pthread_mutex_destroy(&prom->source.lock);
    free(prom);
}

const struct module piste_module = {
    .abi = MODULE_ABI,
    .name = "prom",
    .description = "Prometheus Stats Exporter",
    .commands = commands,
    .config = sections,
    .settings = &default_config,
    .settings_bytes = sizeof(default_config),
    .settings_free = free_config,
    .init = prom_init,
    .stop = prom_stop,
    .running_config = prom_running_config,
};

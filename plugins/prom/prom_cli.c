/* Settings and commands. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/prom/prom_internal.h"

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
        rc = prom_take_text(address, PROM_ADDRESS_BYTES, cli_str(c, "listen", address),
                            "an address", c->err);
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
    {"listen <listen:string>", "address of the server, " PROM_DEFAULT_ADDRESS, prom_configure},
    {"min-scrape-interval <min-scrape-interval:u32>", "seconds that a page is good for, 1",
     prom_configure},
    {"used-only", "leaves out counters that are 0", prom_configure},
    {"all-stats", "all entries, also those that are there under another name", prom_configure},
    {"stat-name-prefix <stat-name-prefix:string>", "of all metrics, vpp", prom_configure},
    {"stat-pattern <pattern:string>", "entries that match a regular expression, several times",
     prom_configure},
    {NULL, NULL, NULL},
};

const struct config_section prom_sections[] = {{"prom", config_keys}, {NULL, NULL}};

/* --- commands --- */

static int run_prom(struct cli_call *c)
{
    struct prom *prom = prom_of(c->piste);
    struct prom_settings new;
    char address[PROM_ADDRESS_BYTES], before[PROM_ADDRESS_BYTES];
    strcpy(address, prom->address);
    strcpy(before, address);
    prom_settings_copy(&new, &prom->source.settings);
    int rc = take_settings(c, &new, address);
    if (!rc && prom->server && strcmp(address, prom->address) != 0)
        rc = error_set(c->err, EBUSY, "listening on %s: `prom disable' comes first", prom->address);
    strcpy(prom->address, address);
    if (!rc && cli_has(c, "enable"))
        rc = prom_enable(prom, c->err);
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
    struct prom *prom = prom_of(c->piste);
    const struct prom_config *config =
        cli_has(c, "defaults") ? &prom_default_config : prom_config_of(c->piste);
    struct prom_settings again;
    prom_disable(prom);
    prom_settings_copy(&again, &config->settings);
    prom_publish(prom, &again);
    strcpy(prom->address, config->address);
    return 0;
}

static int run_patterns(struct cli_call *c)
{
    struct prom *prom = prom_of(c->piste);
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

const struct cli_command prom_commands[] = {
    {"prom [enable] [listen <listen:string>] [min-scrape-interval <min-scrape-interval:u32>] "
     "[used-only] [all-stats] [stat-name-prefix <stat-name-prefix:string>] "
     "[stat-patterns <pattern:string> ...]",
     "Counters for Prometheus, at /metrics of " PROM_DEFAULT_ADDRESS " unless it listens elsewhere",
     run_prom, 0},
    {"prom disable [defaults]",
     "Ends what `prom enable` began; settings are those of startup.conf again, or as if it had "
     "none",
     run_disable, 0},
    {"prom patterns [show] [clear] [add <pattern:string> ...]",
     "Which entries of the stats segment Prometheus gets: regular expressions", run_patterns, 0},
    {NULL, NULL, NULL, 0},
};

/* --- running config --- */

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
void prom_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
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
    add_word(t, "listen", prom->address, PROM_DEFAULT_ADDRESS);
    if (s->min_interval_sec != prom_default_config.settings.min_interval_sec)
        text_add(t, " min-scrape-interval %u", s->min_interval_sec);
    text_add(t, "%s%s", s->used_only ? " used-only" : "", s->all ? " all-stats" : "");
    add_word(t, "stat-name-prefix", s->prefix, prom_default_config.settings.prefix);
    text_putc(t, '\n');
    for (u32 i = 0; i < s->patterns.n; i++) {
        text_puts(t, "prom patterns add ");
        cli_add_braced(t, s->patterns.v[i]);
        text_putc(t, '\n');
    }
}

/* Inside the plugin: its state, what startup.conf says, and the tables of its record. */
#pragma once

#include "control/cli.h"
#include "control/config.h"
#include "control/module.h"
#include "plugins/prom/prom.h"

#define PROM_ADDRESS_BYTES 128
#define PROM_DEFAULT_ADDRESS "127.0.0.1:9482"

struct prom {
    struct piste *piste;
    struct prom_source source;
    struct prom_server *server; /* NULL: disabled */
    char address[PROM_ADDRESS_BYTES];
};

/* What startup.conf says. */
struct prom_config {
    bool enable;
    char address[PROM_ADDRESS_BYTES];
    struct prom_settings settings;
};

extern const char prom_module_name[];
extern const struct prom_config prom_default_config;

/* --- prom.c --- */

struct prom *prom_of(const struct piste *p);
struct prom_config *prom_config_of(const struct piste *p);
/* 0 also when it is enabled already. */
int prom_enable(struct prom *prom, struct error *e) MUST_CHECK;
void prom_disable(struct prom *prom);
/* Replaces the settings in one piece; takes them over. */
void prom_publish(struct prom *prom, struct prom_settings *new);
int prom_init(struct piste *p, void **state, struct error *e);
void prom_stop(struct piste *p, void *state);
void prom_config_free(void *config);

/* --- prom_cli.c --- */

extern const struct cli_command prom_commands[];
extern const struct config_section prom_sections[];
void prom_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);

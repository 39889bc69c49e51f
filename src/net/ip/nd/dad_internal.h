/* What the files of duplicate address detection share. */
#pragma once

#include "base/hash.h"
#include "base/pool.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "net/ip/nd/dad.h"

struct loop_timer;

#define DAD_PROBES_MAX 65536 /* at a time; an address beyond is not asked for */

struct dad_entry {
    struct dad *dad;
    struct dad_probe probe;
    struct loop_timer *timer;
};

struct dad_hook {
    void (*fn)(struct piste *p, const struct dad_probe *x, enum dad_state state, void *arg);
    void *arg;
};

struct dad {
    struct piste *piste;
    struct dad_config config;
    struct pool entries;
    struct hash by_host;
    VEC(struct dad_hook) hooks;
};

/* ".5", "1.0", as VPP has it; points into out. */
#define DAD_DELAY_TEXT_BYTES 24
const char *dad_delay_text(double s, char out[DAD_DELAY_TEXT_BYTES]);

/* --- for the records in dad_module.c --- */
extern const char dad_module_name[], dad_api_module_name[];
int dad_init(struct piste *p, void **state, struct error *e);
void dad_stop(struct piste *p, void *state);
void dad_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
int dad_api_init(struct piste *p, void **state, struct error *e);
void dad_api_stop(struct piste *p, void *state);
extern const struct cli_command dad_commands[];
extern const struct api_handler dad_api_handlers[];

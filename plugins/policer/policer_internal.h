/* What the policers' own files share. */
#pragma once

#include "base/hash.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/feature.h"
#include "engine/node.h"
#include "net/features/classify/classify_binding.h"
#include "plugins/policer/policer.h"

/* Beside struct policer, which data threads read. */
struct policer_entry {
    char name[POLICER_NAME_BYTES];
    struct policer_config config;
    u32 bound_to;
    bool used;
};

enum { POLICER_OUTPUT, POLICER_INPUT, POLICER_DIRECTION_N };

struct policer_state {
    struct mem_map map;
    VEC(struct policer_entry) entries; /* by index */
    struct numbers indices;
    struct hash by_name; /* POLICER_NAME_BYTES */
    /* by interface, index + 1; 0: none */
    VEC(u32) of_interface[POLICER_DIRECTION_N];
    u32 of_punt[IP_FAMILY_N]; /* index + 1; 0: none */
    struct classify_binding bound[POLICER_CLASSIFY_N];
};

struct policer_state *policer_state_of(const struct piste *p);

/* --- policer_interface.c --- */

void policer_interfaces_init(struct piste *p);
void policer_interfaces_fini(struct policer_state *s);
/* Interfaces that have the policer have none any more. */
void policer_interfaces_forget(struct piste *p, u32 index);
/* fn for each table that an interface's packets are looked up in; one may come several times. */
void policer_each_table(struct piste *p, void (*fn)(void *arg, u32 table), void *arg);
int policer_set_classify_command(struct cli_call *c);
int policer_show_classify_command(struct cli_call *c);
void policer_interfaces_config(struct piste *p, struct text *t);

/* --- for the record in policer_module.c --- */
extern const char policer_module_name[];
extern const struct cli_command policer_commands[];
extern const struct cli_type policer_types[];
extern const struct api_handler policer_api_handlers[];
bool policer_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                                 struct text *t);
void policer_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
int policer_init(struct piste *p, void **state, struct error *e);
void policer_stop(struct piste *p, void *state);

/* What the files of classify-filter share. */
#pragma once

#include "base/vec.h"
#include "control/module.h"
#include "net/features/classify/classify_filter.h"

struct classify_filter_of {
    struct if_index interface; /* IF_NONE: of all */
    u32 table;
};

struct classify_filter {
    u32 trace; /* CLASSIFY_NONE: none */
    VEC(struct classify_filter_of) pcap;
};
struct classify_filter *classify_filter_state(const struct piste *p);

/* --- for the record in classify_filter_module.c --- */
extern const char classify_filter_module_name[];
extern const struct cli_command classify_filter_commands[];
int classify_filter_init(struct piste *p, void **state, struct error *e);
void classify_filter_stop(struct piste *p, void *state);
void classify_filter_running_config(struct piste *p, void *state, enum rc_phase phase,
                                    struct text *t);

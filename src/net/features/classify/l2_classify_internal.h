/* What the files of l2-classify share. */
#pragma once

#include "base/vec.h"
#include "control/module.h"
#include "net/features/classify/l2_classify.h"

enum { L2_CLASSIFY_OUTPUT, L2_CLASSIFY_INPUT, L2_CLASSIFY_DIRECTIONS };

struct l2_classify {
    VEC(u64) words[L2_CLASSIFY_DIRECTIONS]; /* by interface; 0: no tables */
};

struct l2_classify_direction {
    const char *arc, *node, *word;
};
extern const struct l2_classify_direction l2_classify_directions[];
extern const char *const l2_classify_kind_words[];

/* --- for the record in l2_classify_module.c --- */
extern const char l2_classify_module_name[];
extern const struct cli_command l2_classify_commands[];
int l2_classify_init(struct piste *p, void **state, struct error *e);
void l2_classify_stop(struct piste *p, void *state);
void l2_classify_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);

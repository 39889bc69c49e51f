/* What the files of tag-rewrite share. */
#pragma once

#include "base/vec.h"
#include "control/module.h"
#include "net/l2/tag_rewrite.h"

struct tag_rewrites {
    VEC(struct tag_rewrite) v; /* by interface index */
};

struct tag_rewrite_op {
    u8 from, to; /* tags before and after, on the way in, beyond those that stay */
    const char *name, *words;
};
extern const struct tag_rewrite_op tag_rewrite_ops[];
void tag_rewrite_add_tags(const struct tag_rewrite *t, struct text *out);
void tag_rewrite_words(struct piste *p, struct if_index i, struct text *out);
void tag_rewrite_running_config(struct piste *p, void *state, enum rc_phase phase,
                                struct text *out);

/* --- for the record in tag_rewrite_module.c --- */
extern const char tag_rewrite_module_name[];
extern const struct cli_command tag_rewrite_commands[];
int tag_rewrite_init(struct piste *p, void **state, struct error *e);
void tag_rewrite_stop(struct piste *p, void *state);

/* What the files of access lists share. */
#pragma once

#include "control/module.h"
#include "net/features/classify/acl.h"
#include "net/features/classify/classify_binding.h"

struct acl {
    struct classify_binding bound[ACL_KIND_N];
};
extern const struct classify_point acl_kinds[];
struct acl *acl_of(const struct piste *p);

/* --- for the record in acl_module.c --- */
extern const char classify_acl_module_name[];
extern const struct cli_command acl_commands[];
int acl_init(struct piste *p, void **state, struct error *e);
void acl_stop(struct piste *p, void *state);
void acl_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);

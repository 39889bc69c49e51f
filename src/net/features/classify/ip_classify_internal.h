/* What the files of ip-classify share. */
#pragma once

#include "control/module.h"
#include "net/features/classify/classify_binding.h"
#include "net/features/classify/ip_classify.h"

struct ip_classify {
    struct classify_binding bound[IP_FAMILY_N]; /* of interfaces that have an address */
};

extern const struct node_def ip_classify_nodes[IP_FAMILY_N];

/* --- for the record in ip_classify_module.c --- */
extern const char ip_classify_module_name[];
extern const struct cli_command ip_classify_commands[];
int ip_classify_init(struct piste *p, void **state, struct error *e);
void ip_classify_stop(struct piste *p, void *state);
void ip_classify_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);

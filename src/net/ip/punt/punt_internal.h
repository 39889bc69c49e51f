#pragma once

#include "control/api.h"
#include "control/cli.h"
#include "control/module.h"
#include "net/ip/punt/punt.h"

struct punt {
    struct punt_l4 {
        u64 ports[65536 / 64]; /* of UDP */
        bool udp_rest, tcp_rest;
    } l4[IP_FAMILY_N];
    u32 exceptions;             /* reasons, as bits */
    struct counter_vec *counts; /* by reason, whoever has it */
};

static inline bool punt_has_port(const struct punt_l4 *s, u32 port)
{
    return s->ports[port / 64] >> port % 64 & 1;
}

bool punt_has_exception(const struct punt *s, u32 reason);

/* --- for the records in punt_module.c --- */
extern const char punt_module_name[];
extern const struct cli_command punt_commands[];
extern const struct api_handler punt_api[];
int punt_init(struct piste *p, void **state, struct error *e);
void punt_stop(struct piste *p, void *state);
void punt_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);

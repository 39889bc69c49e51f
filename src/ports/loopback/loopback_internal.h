#pragma once

#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/node.h"

enum { LOOPBACK_TX_NEXT_DROP, LOOPBACK_TX_NEXT_ETHERNET, LOOPBACK_TX_NEXT_L2 };

enum { LOOPBACK_TX_ERR_LOST, LOOPBACK_TX_ERR_N };

struct loopback {
    struct piste *piste;
    struct if_index interface;
    u32 instance;
    bool is_bvi; /* bviN, made to be one; loopN may be one too */
};

/* As loopback_create, or bvi_create. */
int loopback_make(struct piste *p, bool is_bvi, const u8 *mac, u32 instance, struct if_index *out,
                  struct error *e);

/* --- for the record in loopback_module.c --- */
extern const char loopback_module_name[];
extern const struct api_handler loopback_api[];
extern const struct cli_command loopback_commands[];
int loopback_init(struct piste *p, void **state, struct error *e);
void loopback_stop(struct piste *p, void *state);

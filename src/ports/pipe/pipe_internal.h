#pragma once

#include "base/numbers.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/feature.h"
#include "engine/node.h"

enum { PIPE_TX_NEXT_DROP, PIPE_TX_NEXT_INPUT };
enum { PIPE_TX_ERR_LOST, PIPE_TX_ERR_DOWN, PIPE_TX_ERR_N };
enum { PIPE_INPUT_NEXT_ETHERNET };

/* One end. */
struct pipe_end {
    struct pipe *pipe;
    struct if_index interface;
    u32 side; /* 0 or 1 */
};

struct pipe {
    struct piste *piste;
    u32 instance;
    struct if_index parent;
    struct pipe_end end[2];
};

struct pipes {
    const struct feature_arc *device_input; /* first: what pipe-input sees */
    VEC(struct pipe *) by_instance;         /* NULL: free */
    struct numbers instances;
};

/* The first of that instance or a later one; NULL: there are no more. */
const struct pipe *pipe_next(const struct pipes *s, u32 instance);
/* NULL: i is none. */
const struct pipe_end *pipe_end_at(const struct piste *p, struct if_index i);
void pipe_api_init(struct piste *p);
void pipe_format_trace(struct piste *p, const struct trace_record *r, struct text *out);

/* --- for the record in pipe_module.c --- */
extern const char pipe_module_name[];
extern const struct api_handler pipe_api[];
extern const struct cli_command pipe_commands[];
int pipe_init(struct piste *p, void **state, struct error *e);
void pipe_stop(struct piste *p, void *state);

/* Pipes: pairs of interfaces within the switch. What is sent by pipeN.0 is received on pipeN.1, and
 * the other way: joins two bridge domains, or a domain and layer 3, with each end's features. pipeN
 * stands for both. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"

struct module;
struct piste;

extern const struct module pipe_module;

/* instance: UINT32_MAX: the lowest that is free. parent, ends[2]: the interfaces made. */
int pipe_create(struct piste *p, u32 instance, struct if_index *parent, struct if_index ends[2],
                struct error *e) MUST_CHECK;
/* i: pipeN. -EINVAL: not a pipe. */
int pipe_delete(struct piste *p, struct if_index i, struct error *e) MUST_CHECK;

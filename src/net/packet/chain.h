/* Copies between chains of buffers. */
#pragma once

#include "base/types.h"
#include "engine/buffer.h"

struct thread;

/* Appends bytes [offset, offset + n) of packet `from`, counted from its current header, to packet
 * `to`. Returns: 0; -ENOBUFS, -EINVAL when `from` is shorter: `to` may then hold part of it. */
int chain_append(struct thread *t, struct buffer *to, const struct buffer *from, u32 offset,
                 u32 n) MUST_CHECK;
